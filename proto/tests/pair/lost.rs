//! Sessions that one side lost, and those that somebody else would like to end.

use proto::crypto::identity::{CLAIM_NAMESPACE, DEVICE_NAMESPACE, DeviceList, claim_bytes, entry_bytes};
use proto::crypto::ratchet::{DeviceKeys, Ratchet as _, device_id};
use proto::crypto::standin::Standin;
use proto::hub::{self, Dialect};
use proto::id::ConnId;
use proto::wire::encode_request;
use proto::wire::record::{Claim, DeviceAct, Hello, Register, Signed};
use proto::wire::request::Request;

use super::*;
use proto::hub::Store as _;

const M: usize = 2;

/// Alice and Bob have written to each other: both go on with a session that both have.
fn acquainted(names: &[&str]) -> Pair {
    let mut pair = Pair::new(names);
    pair.befriend(A, B);
    say(&mut pair, A, "bob", "one");
    pair.run(SOON);
    say(&mut pair, B, "alice", "two");
    pair.run(SOON);
    assert_eq!((heard(&mut pair, A).len(), heard(&mut pair, B).len()), (1, 1));
    pair
}

/// As after a copy of an older disk: nothing is known of the sessions any more.
fn lose_sessions(pair: &mut Pair, at: usize) {
    pair.stop(at);
    pair.people[at].rows.retain(|(kind, _), _| *kind != Kind::Session);
    pair.start(at);
    pair.run(SOON);
    pair.people[A].told();
    pair.people[B].told();
}

fn rings(pair: &mut Pair, at: usize) -> bool {
    pair.people[at].told().iter().any(|event| matches!(event, Event::Incoming { .. }))
}

fn keys_of(pair: &Pair, at: usize) -> DeviceKeys {
    Standin::new([pair.people[at].seed; 32]).keys()
}

fn has_session(pair: &Pair, at: usize, keys: &DeviceKeys) -> bool {
    pair.people[at].rows.contains_key(&(Kind::Session, device_id(keys).0.to_vec()))
}

/// A bare 301 of theirs, on a connection that never logs in: whatever device they like is in their list, or out of it.
fn list(pair: &mut Pair, who: usize, keys: &DeviceKeys, act: DeviceAct, conn: u64) {
    let (key, name) = (&pair.people[who].key, pair.people[who].name.clone());
    let account = key.fingerprint();
    let entries = pair.store.entries(&account);
    let mut entry =
        DeviceList::verify(account, &entries).expect("the hub keeps what verifies").addition(keys, 1);
    entry.act = act;
    let signed = |bytes: Vec<u8>, namespace| {
        let sshsig = key.sign(namespace, &bytes).into();
        Signed { bytes: bytes.into(), sshsig }
    };
    let entry = signed(entry_bytes(&entry), DEVICE_NAMESPACE);
    let claim = signed(claim_bytes(&Claim { server: SERVER, name }), CLAIM_NAMESPACE);
    let mut bytes = Vec::new();
    encode_request(&Request::Hello(Hello { versions: vec![1], software: "m".into() }), &mut bytes);
    encode_request(&Request::Register(Box::new(Register { entry, claim, token: None })), &mut bytes);
    let (conn, now) = (ConnId(conn), pair.wall());
    let hub = pair.hub.as_mut().expect("it runs");
    let (from, at) = ("192.0.2.66:5000".parse(), "198.51.100.1:8462".parse());
    let (from, at) = (from.expect("an address"), at.expect("an address"));
    let opened = hub::Input::Opened { conn, dialect: Dialect::Native, from, at, exporter: Some([1; 32]) };
    hub.handle(opened, now, &mut pair.store);
    hub.handle(hub::Input::Bytes(conn, &bytes), now, &mut pair.store);
    pair.settle();
    assert_eq!(pair.store.entries(&account).len(), entries.len() + 1, "the hub takes it");
}

/// Whoever puts another's device into their list ends nothing between that one and anybody else.
#[test]
fn a_stranger_with_anothers_device_in_their_list_ends_no_session_of_two_others() {
    let mut pair = acquainted(&["alice", "bob", "mallory"]);
    let bobs = keys_of(&pair, B);
    list(&mut pair, M, &bobs, DeviceAct::Add, 9_001);
    pair.say(M, Command::Greet { to: name("alice"), text: "hello".into() });
    pair.run(SOON);
    let asked = |event: &Event| matches!(event, Event::Greeting { from, .. } if *from == name("mallory"));
    assert!(pair.people[A].told().iter().any(asked), "Alice looked mallory's list up");
    pair.say(M, Command::Remove(name("alice")));
    pair.run(SOON);
    assert!(has_session(&pair, A, &bobs));
    pair.people[A].told();
    pair.say(B, Command::Call(vec![name("alice")]));
    assert!(rings(&mut pair, A));
    pair.say(B, Command::HangUp);
    say(&mut pair, A, "bob", "three");
    pair.run(SOON);
    assert_eq!(heard(&mut pair, B), ["three"]);
}

#[test]
fn a_contact_with_anothers_device_in_their_list_does_not_end_what_rings() {
    let mut pair = acquainted(&["alice", "bob", "mallory"]);
    pair.befriend(A, M);
    let bobs = keys_of(&pair, B);
    list(&mut pair, M, &bobs, DeviceAct::Add, 9_001);
    pair.run(SOON);
    pair.people[A].told();
    pair.say(B, Command::Call(vec![name("alice")]));
    assert!(rings(&mut pair, A));
    list(&mut pair, M, &bobs, DeviceAct::Revoke, 9_002);
    pair.run(SOON);
    pair.say(A, Command::Answer);
    pair.run(SOON);
    let told = pair.people[A].told();
    assert!(told.iter().any(|event| matches!(event, Event::Joined { .. })), "{told:?}");
    assert!(has_session(&pair, A, &bobs));
}

#[test]
fn whoever_lost_a_session_is_rung_at_the_first_call() {
    for lost in [A, B] {
        let mut pair = acquainted(&["alice", "bob"]);
        lose_sessions(&mut pair, lost);
        pair.say(A, Command::Call(vec![name("bob")]));
        pair.run(SOON);
        assert!(rings(&mut pair, B), "{lost}");
        pair.say(B, Command::Answer);
        pair.run(SOON);
        for at in [A, B] {
            let told = pair.people[at].told();
            assert!(told.iter().any(|event| matches!(event, Event::Heard(_))), "{lost} {at}: {told:?}");
        }
    }
}

#[test]
fn whoever_lost_a_session_is_written_to_and_writes_as_ever() {
    for (lost, from, to) in [(A, A, B), (A, B, A)] {
        let mut pair = acquainted(&["alice", "bob"]);
        lose_sessions(&mut pair, lost);
        let whom = pair.people[to].name.clone();
        say(&mut pair, from, whom.as_str(), "three");
        pair.run(Duration::from_secs(60));
        assert_eq!(heard(&mut pair, to), ["three"], "from {from}");
        assert_eq!(delivered(&mut pair, from), 1);
    }
}

#[test]
fn whoever_says_that_a_session_is_new_says_nothing_else() {
    let mut pair = acquainted(&["alice", "bob"]);
    lose_sessions(&mut pair, B);
    pair.say(A, Command::Call(vec![name("bob")]));
    pair.run(SOON);
    pair.say(A, Command::HangUp);
    pair.run(SOON);
    assert_eq!(heard(&mut pair, A), Vec::<String>::new());
    let forged = pair.people[B].drops.iter().filter(|drop| **drop == Drop::Forged).count();
    assert_eq!(forged, 1, "the offer alone did not open: {:?}", pair.people[B].drops);
    assert!(!pair.people[A].drops.contains(&Drop::Malformed), "{:?}", pair.people[A].drops);
}
