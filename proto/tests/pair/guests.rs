//! Native people and guests of a plain protocol in one call, against the real server.

use core::time::Duration;

use proto::client::{Command, EndReason, Event};
use proto::id::ConnId;
use proto::media::CallCommand;

use super::pair::{Pair, name};

const SOON: Duration = Duration::from_secs(2);

/// Alice and bob are contacts, and gwen, a guest, is alice's.
fn with_gwen() -> (Pair, ConnId) {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.befriend(0, 1);
    let gwen = pair.guest("gwen");
    pair.say(0, Command::Add(name("gwen")));
    pair.run(SOON);
    pair.guest_says(gwen, 2, "alice");
    pair.run(SOON);
    pair.say(0, Command::AllowPlain(name("gwen")));
    pair.people[0].told();
    pair.guest_heard(gwen);
    (pair, gwen)
}

fn sealed(pair: &Pair, at: usize) -> bool {
    let is = |c: &CallCommand| {
        matches!(
            c,
            CallCommand::Open(_) | CallCommand::Step(_) | CallCommand::Renew(_) | CallCommand::Listen { .. }
        )
    };
    pair.people[at].agent.told.iter().any(is)
}

fn joined(told: &[Event]) -> Vec<&str> {
    fn who(event: &Event) -> Option<&str> {
        if let Event::Joined { who, .. } = event { Some(who.as_str()) } else { None }
    }
    told.iter().filter_map(who).collect()
}

#[test]
fn a_native_user_calls_a_guest_and_a_contact_together() {
    let (mut pair, gwen) = with_gwen();
    pair.say(0, Command::Call(vec![name("bob"), name("gwen")]));
    let told = pair.people[0].told();
    assert_eq!(told[0], Event::Calling { to: vec![name("bob"), name("gwen")], plain: true });
    assert_eq!(pair.guest_heard(gwen), [211]);
    let (others, guests) = (vec![name("gwen")], vec![name("gwen")]);
    assert_eq!(pair.people[1].told(), [Event::Incoming { from: name("alice"), others, guests, plain: true }]);
    pair.guest_says(gwen, 101, "");
    assert!(pair.people[0].agent.plain && pair.people[0].agent.listens == 1);
    assert_eq!(joined(&pair.people[0].told()), ["gwen"]);
    pair.say(1, Command::Answer);
    assert_eq!(pair.people[1].told().last(), Some(&Event::PlainUnconfirmed(vec![name("gwen")])));
    pair.say(1, Command::AllowPlain(name("gwen")));
    pair.say(1, Command::Answer);
    let told = pair.people[1].told();
    assert_eq!(joined(&told), ["alice", "gwen"], "{told:?}");
    assert_eq!(joined(&pair.people[0].told()), ["bob"]);
    pair.guest_says(gwen, 103, "");
    for at in [0, 1] {
        let parted = Event::Parted { who: name("gwen"), reason: EndReason::TheyHungUp };
        assert!(pair.people[at].told().contains(&parted) && pair.people[at].agent.plain);
    }
    pair.say(0, Command::HangUp);
    assert!(matches!(pair.people[1].told().last(), Some(Event::Ended { reason: EndReason::TheyHungUp, .. })));
    assert!(!sealed(&pair, 0) && !sealed(&pair, 1), "nothing was sealed in it");
}

#[test]
fn a_guest_calls_a_native_user() {
    let (mut pair, gwen) = with_gwen();
    pair.guest_says(gwen, 100, "alice;");
    let guests = vec![name("gwen")];
    let incoming = Event::Incoming { from: name("gwen"), others: Vec::new(), guests, plain: true };
    assert_eq!(pair.people[0].told(), [incoming]);
    pair.say(0, Command::Answer);
    assert_eq!(joined(&pair.people[0].told()), ["gwen"]);
    pair.say(0, Command::HangUp);
    assert!(!pair.people[0].agent.open && !sealed(&pair, 0));
    // And the next call between keys is sealed as ever.
    pair.say(0, Command::Call(vec![name("bob")]));
    pair.say(1, Command::Answer);
    assert!(sealed(&pair, 0) && !pair.people[0].agent.plain);
}

#[test]
fn a_guest_and_a_native_user_who_call_each_other_talk() {
    let (mut pair, gwen) = with_gwen();
    pair.input(0, proto::client::Input::Command(Command::Call(vec![name("gwen")])));
    pair.guest_says(gwen, 100, "alice;");
    pair.run(SOON);
    assert!(pair.people[0].agent.plain, "{:?}", pair.people[0].told());
}
