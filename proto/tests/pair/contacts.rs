//! Who asks whom, who accepts, and who is gone.

use super::*;

#[test]
fn a_request_is_told_and_accepted() {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.people.iter_mut().for_each(|p| p.events.clear());
    pair.say(A, Command::Add(name("bob")));
    assert_eq!(pair.people[A].told(), [Event::Requested(name("bob"))]);
    assert_eq!(pair.people[B].told(), [Event::Request(name("alice"))]);
    pair.say(B, Command::Accept(name("alice")));
    pair.run(SOON);
    assert_eq!(pair.people[A].told(), [Event::Accepted(name("bob"))]);
    assert!(pair.people[B].told().is_empty());
    pair.say(A, Command::Contacts);
    let Some(Event::Contacts(list)) = pair.people[A].events.pop() else { panic!("no list") };
    assert_eq!((list[0].standing, list[0].presence), (Standing::Mutual, Presence::Online));
}

#[test]
fn a_request_waits_for_whoever_is_away() {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.stop(B);
    pair.say(A, Command::Add(name("bob")));
    pair.people[B].events.clear();
    pair.start(B);
    assert_eq!(pair.people[B].told(), [Event::LoggedIn(name("bob")), Event::Request(name("alice"))]);
}

#[test]
fn a_rejected_request_is_gone_on_both_sides() {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.say(A, Command::Add(name("bob")));
    pair.people.iter_mut().for_each(|p| p.events.clear());
    pair.say(B, Command::Reject(name("alice")));
    assert_eq!(pair.people[A].told(), [Event::Gone(name("bob")), Event::Rejected(name("bob"))]);
    assert_eq!(pair.people[B].told(), [Event::Gone(name("alice"))]);
    assert_eq!(pair.people[A].count(Kind::Contact) + pair.people[B].count(Kind::Contact), 0);
}

#[test]
fn removing_ends_it_for_both_and_leaves_nothing_behind() {
    let mut pair = friends();
    say(&mut pair, A, "bob", "hello");
    pair.run(SOON);
    pair.say(A, Command::Remove(name("bob")));
    pair.run(SOON);
    for at in [A, B] {
        for kind in [Kind::Contact, Kind::Devices, Kind::Session, Kind::Seen, Kind::Outbox] {
            assert_eq!(pair.people[at].count(kind), 0, "{kind:?} of {at}");
        }
    }
    say(&mut pair, B, "alice", "are you there?");
    assert!(matches!(pair.people[B].told().last(), Some(Event::Refused { why: Why::NotContact, .. })));
}

#[test]
fn who_vanished_while_one_was_away_is_gone() {
    let mut pair = friends();
    pair.stop(B);
    pair.say(A, Command::Remove(name("bob")));
    pair.people[B].events.clear();
    pair.start(B);
    assert!(pair.people[B].told().contains(&Event::Gone(name("alice"))));
}

#[test]
fn commands_that_cannot_be_done_say_so() {
    let mut pair = Pair::new(&["alice"]);
    pair.people[A].events.clear();
    pair.say(A, Command::Add(name("nobody")));
    pair.say(A, Command::Call(vec![name("nobody")]));
    pair.say(A, Command::Answer);
    let why = |e: Event| if let Event::Refused { why, .. } = e { Some(why) } else { None };
    let whys: Vec<_> = pair.people[A].told().into_iter().filter_map(why).collect();
    assert_eq!(whys, [Why::NoSuchUser, Why::NotContact, Why::NoCall]);
}

#[test]
fn an_invite_makes_both_contacts_and_they_can_talk_at_once() {
    let mut pair = Pair::new(&["alice"]);
    pair.people[A].events.clear();
    pair.say(A, Command::Invite);
    let told = pair.people[A].told();
    let [Event::Invite(link)] = told.as_slice() else { panic!("{told:?}") };
    let invite = Invite::parse(link).expect("a link that can be read");
    assert_eq!((invite.server, invite.name), (SERVER, Some(name("alice"))));
    let at = pair.quiet_person("bob");
    pair.people[at].token = invite.token;
    pair.start(at);
    pair.run(SOON);
    assert!(pair.people[at].told().contains(&Event::Accepted(name("alice"))));
    assert!(pair.people[A].told().contains(&Event::Accepted(name("bob"))));
    say(&mut pair, at, "alice", "thanks");
    pair.run(SOON);
    assert_eq!(heard(&mut pair, A), ["thanks"]);
}

/// Alice and bob, who has a link of hers for his next start.
fn with_her_link() -> Pair {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.people[A].events.clear();
    pair.say(A, Command::Invite);
    let told = pair.people[A].told();
    let [Event::Invite(link)] = told.as_slice() else { panic!("{told:?}") };
    pair.people[B].token = Invite::parse(link).expect("a link that can be read").token;
    pair
}

#[test]
fn an_invite_that_was_refused_for_now_is_used_at_the_next_start() {
    let mut pair = with_her_link();
    let redeem = proto::client::Matter::Redeem;
    let too_fast = |told: &[Event]| {
        told.iter()
            .any(|event| matches!(event, Event::Refused { of, why: Why::TooFast, .. } if *of == redeem))
    };
    while !too_fast(&pair.people[B].told()) {
        pair.say(B, Command::Redeem([1; 16]));
        pair.run(Duration::from_millis(1));
    }
    let restart = |pair: &mut Pair| {
        pair.people[B].events.clear();
        pair.stop(B);
        pair.start(B);
        pair.run(SOON);
        pair.people[B].told()
    };
    assert!(too_fast(&restart(&mut pair)), "the server is asked too often");
    pair.run(Duration::from_secs(3_600));
    assert!(!too_fast(&restart(&mut pair)));
    say(&mut pair, B, "alice", "here");
    pair.run(SOON);
    assert_eq!(heard(&mut pair, A), ["here"]);
}

#[test]
fn an_invite_is_used_once_by_somebody_who_is_there_already() {
    let mut pair = with_her_link();
    for _ in 0..2 {
        pair.people[B].events.clear();
        pair.stop(B);
        pair.start(B);
        pair.run(SOON);
    }
    let told = pair.people[B].told();
    assert_eq!(told, [Event::LoggedIn(name("bob"))], "the second start does not say it again");
    say(&mut pair, B, "alice", "here");
    pair.run(SOON);
    assert_eq!(heard(&mut pair, A), ["here"]);
}

#[test]
fn who_was_removed_is_shown_as_a_request_when_they_use_the_old_invite() {
    let mut pair = with_her_link();
    let token = pair.people[B].token.expect("a link with a token");
    pair.say(B, Command::Redeem(token));
    pair.run(SOON);
    assert!(pair.people[A].told().contains(&Event::Accepted(name("bob"))));
    for _ in 0..2 {
        pair.say(A, Command::Remove(name("bob")));
        pair.run(SOON);
        assert_eq!(pair.people[A].told(), [Event::Gone(name("bob"))]);
        pair.say(B, Command::Redeem(token));
        pair.run(SOON);
        say(&mut pair, B, "alice", "me again");
        pair.run(SOON);
        assert_eq!(pair.people[A].told(), [Event::Request(name("bob"))], "asked, and nothing of his text");
    }
    // What he wrote waits with him, and goes out again once she wants him.
    pair.say(A, Command::Accept(name("bob")));
    pair.run(Duration::from_secs(20));
    let heard = heard(&mut pair, A);
    assert_eq!(heard, ["me again"]);
}
