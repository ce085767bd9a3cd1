//! People on a real server over real sockets: they come in, know each other, talk, and everything survives a
//! restart.

use proto::client::{Command, ContactInfo, Event, MessageState};
use proto::wire::record::{Presence, Standing, Why};
use tincan_server::Server;
use tincan_server::config::Registration;

use crate::friend::{Friend, Scratch, name, together};

fn said(person: &Friend, words: &str) -> bool {
    person.events.iter().any(|e| matches!(e, Event::Said { text, .. } if text.as_str() == words))
}

pub(crate) fn stands(person: &Friend, other: &str, standing: Standing) -> bool {
    let other = name(other);
    let of = |contact: &ContactInfo| (contact.name == other).then_some(contact.standing);
    let latest = person.events.iter().rev().find_map(|event| {
        if let Event::Contact(contact) = event {
            of(contact)
        } else if let Event::Contacts(all) = event {
            all.iter().find_map(of)
        } else {
            None
        }
    });
    latest == Some(standing)
}

pub(crate) fn befriend(a: &mut Friend, b: &mut Friend) {
    a.say(Command::Add(b.name.clone()));
    let asking = a.name.clone();
    together("a request", &mut [a, b], |p| p[1].events.contains(&Event::Request(asking.clone())));
    b.say(Command::Accept(a.name.clone()));
    let there = b.name.clone();
    together("an answer", &mut [a, b], |p| p[0].events.contains(&Event::Accepted(there.clone())));
}

/// Says `words` and waits until the other end has them and the receipt is back.
pub(crate) fn exchange(from: &mut Friend, to: &mut Friend, words: &str) {
    from.events.clear();
    from.say(Command::Say { to: to.name.clone(), text: words.into(), echo: 0 });
    together("the text and its receipt", &mut [from, to], |p| {
        let delivered = |e: &Event| matches!(e, Event::MessageState { state: MessageState::Delivered, .. });
        said(p[1], words) && p[0].events.iter().any(delivered)
    });
}

#[test]
fn an_invite_lets_in_and_nothing_else_does() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.config()).unwrap();
    let mut alice = Friend::new("alice", 1, server.invite());
    alice.log_in();
    let mut without = server.invite().clone();
    without.token = None;
    let mut mallory = Friend::new("mallory", 2, &without);
    let refused = mallory.await_event("a refusal", |e| matches!(e, Event::LoginRefused { .. }));
    assert!(matches!(refused, Event::LoginRefused { why: Why::InviteNeeded, .. }), "{refused:?}");
}

#[test]
fn a_server_whose_disk_is_full_goes_on_with_what_it_has() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    let server = Server::start(&config).unwrap();
    let (mut alice, mut bob) =
        (Friend::new("alice", 1, server.invite()), Friend::new("bob", 2, server.invite()));
    alice.log_in();
    bob.log_in();
    befriend(&mut alice, &mut bob);
    drop(server);
    // No disk has that much.
    config.keep_free = u64::MAX;
    let server = Server::start(&config).unwrap();
    let (mut alice, mut bob) = (alice.restart(server.invite()), bob.restart(server.invite()));
    alice.log_in();
    bob.log_in();
    exchange(&mut alice, &mut bob, "still there");
    let mut carol = Friend::new("carol", 3, server.invite());
    let refused = carol.await_event("a refusal", |e| matches!(e, Event::LoginRefused { .. }));
    assert!(format!("{refused:?}").contains("disk is full"), "{refused:?}");
}

#[test]
fn an_open_server_needs_no_invite() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    config.registration = Registration::Open;
    let server = Server::start(&config).unwrap();
    let mut open = server.invite().clone();
    open.token = None;
    Friend::new("alice", 1, &open).log_in();
}

#[test]
fn a_new_invite_revokes_the_old_one_while_the_server_runs() {
    let scratch = Scratch::new();
    let config = scratch.config();
    let server = Server::start(&config).unwrap();
    let new = tincan_server::own_invite(&config, true).unwrap();
    assert_eq!((new.port, new.server), (server.addr().port(), server.invite().server));
    let mut late = Friend::new("late", 1, server.invite());
    late.await_event("a refusal", |e| matches!(e, Event::LoginRefused { .. }));
    Friend::new("alice", 2, &new).log_in();
}

#[test]
fn text_goes_from_end_to_end() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.config()).unwrap();
    let (mut alice, mut bob) =
        (Friend::new("alice", 1, server.invite()), Friend::new("bob", 2, server.invite()));
    alice.log_in();
    bob.log_in();
    befriend(&mut alice, &mut bob);
    exchange(&mut alice, &mut bob, "hello over there");
    exchange(&mut bob, &mut alice, "hello back");
    drop(server);
    for file in std::fs::read_dir(scratch.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(5).any(|five| five == b"hello"), "the server has kept what was said");
    }
}

#[test]
fn a_restart_keeps_accounts_contacts_and_pending_requests() {
    let scratch = Scratch::new();
    let config = scratch.config();
    let server = Server::start(&config).unwrap();
    let people = ["alice", "bob", "carol"];
    let mut people: Vec<_> =
        (1..).zip(people).map(|(seed, who)| Friend::new(who, seed, server.invite())).collect();
    people.iter_mut().for_each(Friend::log_in);
    let [mut alice, mut bob, mut carol] = <[Friend; 3]>::try_from(people).ok().unwrap();
    befriend(&mut alice, &mut bob);
    carol.say(Command::Add(name("bob")));
    carol.await_event("the request", |e| *e == Event::Requested(name("bob")));
    let invite = server.invite().clone();
    server.remote().leave();
    server.wait().unwrap();

    let server = Server::start(&config).unwrap();
    assert_eq!(server.invite().token, invite.token, "the invite stays good");
    assert_eq!(server.invite().server, invite.server, "the key stays the same");
    for person in [&mut alice, &mut bob, &mut carol] {
        person.events.clear();
        person.follow(server.invite());
    }
    let mut bob = bob.restart(server.invite());
    together("everybody knows everybody", &mut [&mut alice, &mut bob, &mut carol], |p| {
        stands(p[0], "bob", Standing::Mutual)
            && stands(p[1], "alice", Standing::Mutual)
            && stands(p[1], "carol", Standing::Asking)
            && stands(p[2], "bob", Standing::Asked)
    });
}

#[test]
fn a_leaving_server_says_so() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.config()).unwrap();
    let mut alice = Friend::new("alice", 1, server.invite());
    alice.log_in();
    alice.events.clear();
    server.remote().leave();
    alice.await_event("being away", |e| matches!(e, Event::Link(proto::client::LinkState::Away { .. })));
    server.wait().unwrap();
}

#[test]
fn the_echo_friend_is_there_and_sends_texts_back() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    config.echo = true;
    let server = Server::start(&config).unwrap();
    let mut alice = Friend::new("alice", 1, server.invite());
    alice.log_in();
    let online = |e: &Event| {
        matches!(e, Event::Contact(c) if c.name == name("echo")
            && c.standing == Standing::Mutual && c.presence == Presence::Online)
    };
    alice.await_event("the echo friend", online);
    alice.say(Command::Say { to: name("echo"), text: "is anybody there?".into(), echo: 1 });
    alice.run_until("the echo", |me| said(me, "is anybody there?"));
    // Every device of the friend got the text; one answers.
    alice.say(Command::Say { to: name("echo"), text: "once".into(), echo: 2 });
    alice.run_until("the second echo", |me| said(me, "once"));
    let echoes = alice.events.iter().filter(|e| matches!(e, Event::Said { .. })).count();
    assert_eq!(echoes, 2);
}
