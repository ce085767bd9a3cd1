//! A message with a contact request, end to end: sealed for whoever is asked, read within the request, once.

use std::collections::BTreeSet;

use proto::client;

use super::*;

const WORDS: &str = "it is alice, from the allotments";

fn greet(pair: &mut Pair, text: &str) {
    pair.say(A, Command::Greet { to: name("bob"), text: text.into() });
    pair.run(SOON);
}

fn greeting(text: &str) -> Event {
    Event::Greeting { from: name("alice"), text: proto::Safe::words(text, 1_000) }
}

/// What bob's program shows of the request.
fn shown(pair: &mut Pair) -> Option<String> {
    pair.people[B].events.clear();
    pair.say(B, Command::Contacts);
    let Some(Event::Contacts(list)) = pair.people[B].events.pop() else { panic!("no list") };
    list[0].greeting.as_ref().map(ToString::to_string)
}

#[test]
fn it_is_read_with_the_request_and_answers_nothing() {
    for real in [false, true] {
        let names = ["alice", "bob"];
        let mut pair = if real { Pair::with_real_ratchets(&names) } else { Pair::new(&names) };
        pair.run(SOON);
        pair.people.iter_mut().for_each(|p| p.events.clear());
        greet(&mut pair, WORDS);
        assert_eq!(pair.people[A].told(), [Event::Requested(name("bob"))]);
        assert_eq!(pair.people[B].told(), [Event::Request(name("alice")), greeting(WORDS)]);
        assert_eq!(shown(&mut pair).as_deref(), Some(WORDS));
        let store = format!("{:?}", pair.store);
        assert!(store.contains("Greeting {"), "the server keeps it");
        assert!(real || !store.contains("allotments"), "and cannot read it");
        // The session that carried it carries their chat afterwards.
        pair.say(B, Command::Accept(name("alice")));
        pair.run(SOON);
        assert_eq!(shown(&mut pair), None, "it went with the request");
        say(&mut pair, A, "bob", "hello");
        say(&mut pair, B, "alice", "hello you");
        pair.run(SOON);
        let said = |e: &Event| matches!(e, Event::Said { .. });
        assert!(pair.people.iter().all(|p| p.events.iter().any(said)));
        assert!(!format!("{:?}", pair.store).contains("Greeting {"), "nor is it on the server");
    }
}

#[test]
fn it_waits_for_whoever_is_away_and_comes_once() {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.run(SOON);
    pair.stop(B);
    greet(&mut pair, WORDS);
    // Whoever asked need not be there.
    pair.stop(A);
    pair.stop_server();
    pair.start_server();
    pair.people[B].events.clear();
    pair.start(B);
    pair.run(SOON);
    let first = [Event::LoggedIn(name("bob")), Event::Request(name("alice")), greeting(WORDS)];
    assert_eq!(pair.people[B].told(), first);
    pair.cut(B);
    pair.run(SOON * 10);
    assert_eq!(pair.people[B].told(), [Event::LoggedIn(name("bob"))], "told already");
    assert!(pair.people[B].drops.contains(&Drop::Replay), "the server said it again");
    // A program that starts anew tells the request again, with it.
    pair.stop(B);
    pair.people[B].events.clear();
    pair.start(B);
    pair.run(SOON);
    assert_eq!(pair.people[B].told(), first);
    assert_eq!(shown(&mut pair).as_deref(), Some(WORDS));
}

#[test]
fn a_program_that_ended_before_it_was_sealed_sends_it_at_the_next_start() {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.run(SOON);
    pair.people[B].events.clear();
    pair.input(A, client::Input::Command(Command::Greet { to: name("bob"), text: WORDS.into() }));
    // The request is with the server, and the server's word of it is here; nothing is known of bob's devices.
    pair.step();
    pair.step();
    pair.stop(A);
    assert_eq!(pair.people[B].told(), [Event::Request(name("alice"))]);
    pair.start(A);
    pair.run(SOON);
    assert_eq!(pair.people[B].told(), [greeting(WORDS)]);
    let kept = pair.people[A].rows.iter().filter(|((kind, _), _)| *kind == Kind::Contact);
    let bytes: Vec<u8> = kept.flat_map(|(_, value)| value.clone()).collect();
    assert!(!bytes.windows(10).any(|w| w == b"allotments"), "it is not kept once the server has it");
}

#[test]
fn a_no_forgets_it_and_the_keys_it_came_with() {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.run(SOON);
    greet(&mut pair, WORDS);
    assert_eq!(pair.people[B].count(Kind::Session), 1);
    pair.say(B, Command::Reject(name("alice")));
    pair.run(SOON);
    for at in [A, B] {
        for kind in [Kind::Contact, Kind::Devices, Kind::Session] {
            assert_eq!(pair.people[at].count(kind), 0, "{kind:?} of {at}");
        }
    }
    pair.people[B].events.clear();
    greet(&mut pair, "once more, please");
    assert_eq!(pair.people[B].told(), [Event::Request(name("alice")), greeting("once more, please")]);
}

#[test]
fn what_is_said_is_one_line_without_tricks_and_cut_to_its_length() {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.run(SOON);
    pair.people.iter_mut().for_each(|p| p.events.clear());
    greet(&mut pair, &"x".repeat(141));
    assert!(matches!(pair.people[A].told().as_slice(), [Event::Refused { why: Why::BadRequest, .. }]));
    greet(&mut pair, "two\nlines\u{1b}[31m\u{202e}");
    let told = pair.people[B].told();
    let [_, Event::Greeting { text, .. }] = told.as_slice() else { panic!("{told:?}") };
    assert!(!text.as_str().contains(['\n', '\u{1b}', '\u{202e}']), "{text:?}");
    assert!(text.as_str().starts_with("two") && text.as_str().contains("lines"));
}

#[test]
fn who_has_asked_already_is_answered_and_told_nothing() {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.run(SOON);
    pair.say(B, Command::Add(name("alice")));
    pair.people.iter_mut().for_each(|p| p.events.clear());
    greet(&mut pair, WORDS);
    assert_eq!(pair.people[B].told(), [Event::Accepted(name("alice"))]);
}

#[test]
fn each_device_of_the_asked_reads_it() {
    let mut pair = Pair::new(&["alice", "bob"]);
    let tablet = pair.device_of(B);
    pair.run(SOON);
    pair.people.iter_mut().for_each(|p| p.events.clear());
    greet(&mut pair, WORDS);
    for at in [B, tablet] {
        assert_eq!(pair.people[at].told(), [Event::Request(name("alice")), greeting(WORDS)]);
    }
}

#[test]
fn a_guest_is_asked_without_it_and_the_asker_is_told() {
    let mut pair = Pair::new(&["alice"]);
    pair.run(SOON);
    pair.guest("gwen");
    pair.people[A].events.clear();
    pair.say(A, Command::Greet { to: name("gwen"), text: WORDS.into() });
    pair.run(SOON);
    let told = pair.people[A].told();
    let [
        Event::Requested(_),
        Event::Refused { of: client::Matter::Greeting(_), why: Why::Unsupported, text },
    ] = told.as_slice()
    else {
        panic!("{told:?}")
    };
    assert!(text.as_str().contains("gwen is asked, but your message did not go with it"), "{text}");
}

#[test]
fn however_many_ask_all_of_them_are_read() {
    let names: Vec<String> = (0..40).map(|n| format!("p{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut pair = Pair::new(&names);
    pair.run(SOON);
    pair.stop(0);
    for at in 1..names.len() {
        pair.say(at, Command::Greet { to: name("p0"), text: format!("it is {at}") });
        pair.run(SOON);
    }
    pair.people[0].events.clear();
    pair.start(0);
    pair.run(SOON * 5);
    let text = |event: &Event| {
        if let Event::Greeting { text, .. } = event { Some(text.to_string()) } else { None }
    };
    let read: BTreeSet<String> = pair.people[0].events.iter().filter_map(text).collect();
    assert_eq!(read.len(), names.len() - 1, "{read:?}");
}
