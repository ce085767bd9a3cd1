//! Two people and a server, end to end: who trusts whom, who knows whom, texts, calls, and what survives.

use core::time::Duration;

use proto::Drop;
use proto::client::{Command, EndReason, Event, Kind, LinkState, MessageState};
use proto::id::Fingerprint;
use proto::invite::Invite;
use proto::limits::{RECONNECT_MAX_IN_CALL, RING_TIME_MAX, TICKET_LIFE};
use proto::media::{CallCommand, CallEvent};
use proto::wire::record::{Presence, Standing, Why};

#[path = "pair/calls.rs"]
mod calls;
#[path = "pair/contacts.rs"]
mod contacts;
#[path = "pair/devices.rs"]
mod devices;
#[path = "pair/greetings.rs"]
mod greetings;
#[path = "pair/guests.rs"]
mod guests;
#[path = "pair/lost.rs"]
mod lost;
#[path = "pair/many.rs"]
mod many;
#[path = "pair/mod.rs"]
mod pair;
#[path = "pair/storm.rs"]
mod storm;
#[path = "pair/texts.rs"]
mod texts;
#[path = "pair/trust.rs"]
mod trust;
use pair::{Pair, Person, SERVER, name};

const A: usize = 0;
const B: usize = 1;
const SOON: Duration = Duration::from_secs(2);

fn friends() -> Pair {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.befriend(A, B);
    pair
}

fn say(pair: &mut Pair, from: usize, to: &str, text: &str) {
    pair.say(from, Command::Say { to: name(to), text: text.into(), echo: 7 });
}

/// What was said to this person, in order.
fn heard(pair: &mut Pair, at: usize) -> Vec<String> {
    let said =
        |event: Event| if let Event::Said { text, .. } = event { Some(text.to_string()) } else { None };
    pair.people[at].told().into_iter().filter_map(said).collect()
}

fn delivered(pair: &mut Pair, at: usize) -> usize {
    let done = |e: &Event| matches!(e, Event::MessageState { state: MessageState::Delivered, .. });
    pair.people[at].told().iter().filter(|e| done(e)).count()
}

fn ring(pair: &mut Pair) {
    pair.say(A, Command::Call(vec![name("bob")]));
    assert_eq!(
        pair.people[A].told(),
        [Event::Calling { to: vec![name("bob")], plain: false }, Event::Ringing(name("bob"))]
    );
    assert_eq!(
        pair.people[B].told(),
        [Event::Incoming { from: name("alice"), others: Vec::new(), guests: Vec::new(), plain: false }]
    );
}

fn live() -> Pair {
    let mut pair = friends();
    ring(&mut pair);
    pair.say(B, Command::Answer);
    for (at, with) in [(A, "bob"), (B, "alice")] {
        let told = pair.people[at].told();
        assert!(
            matches!(&told[..], [Event::Joined { who: w, .. }, Event::Heard(_)] if *w == name(with)),
            "{told:?}"
        );
    }
    pair
}

fn ended(pair: &mut Pair, at: usize) -> EndReason {
    let told = pair.people[at].told();
    let [Event::Ended { reason, .. }] = told.as_slice() else { panic!("{at} was told {told:?}") };
    assert!(
        pair.people[at].agent.place.is_none() && !pair.people[at].agent.open,
        "the agent was told to close"
    );
    *reason
}
