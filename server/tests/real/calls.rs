//! Calls through the relay of a real server: sound goes both ways, and a killed server costs a gap, not the call.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use proto::client::{Command, ContactInfo, Event};
use proto::limits::ECHO_CALLS_MAX;
use proto::wire::record::Presence;
use tincan_server::Server;

use crate::friend::{Friend, PATIENCE, Scratch, name, together};
use crate::people::befriend;
use crate::process::{GENEROUS, Tincand};
use crate::tap::Tap;

/// What nobody but the two may ever see.
const MARKER: &[u8] = b"MARK of a voice";

/// An Opus packet of 20 ms that nobody decodes here: configuration 31, one frame.
fn frame(number: u8) -> Vec<u8> {
    [&[31 << 3, number], MARKER].concat()
}

const FRAME: Duration = Duration::from_millis(20);

fn live(person: &Friend) -> bool {
    person.events.iter().any(|e| matches!(e, Event::Joined { .. }))
}

fn call(caller: &mut Friend, callee: &mut Friend) {
    caller.say(Command::Call(vec![callee.name.clone()]));
    let who = caller.name.clone();
    together("ringing", &mut [caller, callee], |p| {
        p[1].events.contains(&Event::Incoming {
            from: who.clone(),
            others: Vec::new(),
            guests: Vec::new(),
            plain: false,
        })
    });
    callee.say(Command::Answer);
    together("the call", &mut [caller, callee], |p| live(p[0]) && live(p[1]) && p[0].live && p[1].live);
}

/// Both speak, as fast as both are turned, until each has heard `more` new frames.
fn speak(a: &mut Friend, b: &mut Friend, more: usize) {
    let wanted = [a.heard.len() + more, b.heard.len() + more];
    let end = Instant::now() + PATIENCE;
    for number in (0..=u8::MAX).cycle() {
        if a.heard.len() >= wanted[0] && b.heard.len() >= wanted[1] {
            return;
        }
        assert!(Instant::now() < end, "no sound: {:?} {:?}", a.events, b.events);
        for person in [&mut *a, &mut *b] {
            person.speak(&frame(number), FRAME);
            person.turn();
        }
    }
}

fn two_friends(invite: &proto::invite::Invite) -> (Friend, Friend) {
    let (mut alice, mut bob) = (Friend::new("alice", 1, invite), Friend::new("bob", 2, invite));
    alice.log_in();
    bob.log_in();
    befriend(&mut alice, &mut bob);
    (alice, bob)
}

#[test]
fn sound_goes_both_ways_and_hanging_up_ends_both_ends() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.config()).unwrap();
    let (mut alice, mut bob) = two_friends(server.invite());
    call(&mut alice, &mut bob);
    speak(&mut alice, &mut bob, 50);
    assert!(alice.heard.iter().chain(&bob.heard).all(|heard| heard.ends_with(MARKER)));
    bob.say(Command::HangUp);
    let over = |p: &Friend| is_over(p) && !p.live;
    together("the end", &mut [&mut alice, &mut bob], |p| over(p[0]) && over(p[1]));
}

#[test]
fn sound_goes_by_the_port_that_one_came_by() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.config()).unwrap();
    let (_router, outside) = Tap::forwarding(server.invite());
    let (mut alice, mut bob) = (Friend::new("alice", 1, &outside), Friend::new("bob", 2, server.invite()));
    alice.log_in();
    bob.log_in();
    befriend(&mut alice, &mut bob);
    call(&mut alice, &mut bob);
    speak(&mut alice, &mut bob, 20);
}

#[test]
fn a_server_on_every_address_answers_from_the_one_it_is_reached_at() {
    for listen in ["[::]:0", "0.0.0.0:0"] {
        let scratch = Scratch::new();
        let mut config = scratch.config();
        config.listen = listen.parse().unwrap();
        // Not the one that answers to loopback leave from by themselves.
        config.public = Some(("127.0.0.2".into(), None));
        let server = Server::start(&config).unwrap();
        let (mut alice, mut bob) = two_friends(server.invite());
        call(&mut alice, &mut bob);
        speak(&mut alice, &mut bob, 20);
    }
}

#[test]
fn a_call_outlives_the_server() {
    let scratch = Scratch::new();
    let server = Tincand::start(scratch.path(), GENEROUS);
    let port = server.invite.port;
    let (mut alice, mut bob) = two_friends(&server.invite);
    call(&mut alice, &mut bob);
    speak(&mut alice, &mut bob, 10);
    server.kill();
    alice.events.clear();
    bob.events.clear();
    let away = |p: &Friend| p.events.iter().any(|e| matches!(e, Event::Link(_)));
    together("both to notice", &mut [&mut alice, &mut bob], |p| away(p[0]) && away(p[1]));
    let _server = Tincand::start_at(scratch.path(), GENEROUS, SocketAddr::from(([127, 0, 0, 1], port)));
    speak(&mut alice, &mut bob, 50);
    let back = |p: &Friend| p.events.iter().any(|e| matches!(e, Event::LoggedIn(_)));
    together("both to be back", &mut [&mut alice, &mut bob], |p| back(p[0]) && back(p[1]));
    speak(&mut alice, &mut bob, 50);
    assert!(!alice.events.iter().chain(&bob.events).any(|e| matches!(e, Event::Ended { .. })));
}

#[test]
fn the_echo_friend_answers_and_sends_the_sound_back() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    config.echo = true;
    let server = Server::start(&config).unwrap();
    let mut alice = Friend::new("alice", 1, server.invite());
    alice.log_in();
    call_echo(&mut alice);
    alice.await_event("an answer", |e| matches!(e, Event::Joined { .. }));
    alice.await_event("their first packet", |e| *e == Event::Heard(name("echo")));
    for number in 0..10 {
        alice.speak(&frame(number), FRAME);
        alice.turn();
    }
    alice.run_until("the echo", |me| me.heard.len() >= 10);
    for (number, heard) in (0..).zip(&alice.heard) {
        assert_eq!(heard[..], frame(number));
    }
    alice.say(Command::HangUp);
    alice.await_event("the end", |e| matches!(e, Event::Ended { .. }));
}

#[test]
fn the_echo_friend_talks_to_several_and_is_busy_to_one_more() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    config.echo = true;
    let server = Server::start(&config).unwrap();
    let mut people: Vec<Friend> = (1..)
        .take(ECHO_CALLS_MAX + 1)
        .map(|seed| Friend::new(&format!("user{seed}"), seed, server.invite()))
        .collect();
    let last = people.len() - 1;
    for at in 0..last {
        people[at].log_in();
        call_echo(&mut people[at]);
        all_until("an answer", &mut people, |people| live(&people[at]));
    }
    people[last].log_in();
    call_echo(&mut people[last]);
    all_until("a refusal", &mut people, |people| is_over(&people[last]));
    assert!(!people[..last].iter().any(is_over), "the others' calls go on");
    people[0].say(Command::HangUp);
    // Whether the server hears of the end or of the next call first is open; who is refused calls again.
    all_until("a device that is free again", &mut people, |people| {
        let late = &mut people[last];
        if is_over(late) {
            late.events.clear();
            call_echo(late);
        }
        live(late)
    });
}

fn is_over(person: &Friend) -> bool {
    person.events.iter().any(|e| matches!(e, Event::Ended { .. }))
}

/// Turns everybody, so that nobody's call dies of silence meanwhile.
fn all_until(what: &str, people: &mut [Friend], mut done: impl FnMut(&mut [Friend]) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done(people) {
        assert!(Instant::now() < end, "waited in vain for {what}");
        people.iter_mut().for_each(Friend::turn);
    }
}

/// Calls the echo friend once it is there.
fn call_echo(person: &mut Friend) {
    let here = |c: &ContactInfo| c.name == name("echo") && c.presence == Presence::Online;
    let knows = |e: &Event| {
        matches!(e, Event::Contact(one) if here(one))
            || matches!(e, Event::Contacts(all) if all.iter().any(here))
    };
    if !person.knows_echo {
        person.await_event("the echo friend", knows);
        person.knows_echo = true;
    }
    person.say(Command::Call(vec![name("echo")]));
}
