//! What every ratchet must do, asked of the real one and of the simulator's stand-in alike, so that what is shown
//! over the stand-in holds over Olm.

#![expect(clippy::unwrap_used, reason = "the helpers of these tests fail by panicking")]

use proptest::prelude::*;
use proto::Wall;
use proto::crypto::identity::{verify_device, verify_prekey};
use proto::crypto::olm::Olm;
use proto::crypto::standin::Standin;
use proto::crypto::{DeviceKeys, Ratchet, RatchetError, RatchetState, device_id};
use proto::id::DeviceId;
use proto::limits::{PREKEYS_MAX, SESSIONS_PER_DEVICE_MAX};
use proto::wire::record::Sealed;

/// How a suite makes and restores devices.
trait Maker {
    fn make(n: u8) -> Box<dyn Ratchet>;
    fn restore(saved: &[RatchetState]) -> Option<Box<dyn Ratchet>>;
}

struct Real;

impl Maker for Real {
    fn make(_: u8) -> Box<dyn Ratchet> {
        Box::new(Olm::new([5; 32]))
    }

    fn restore(saved: &[RatchetState]) -> Option<Box<dyn Ratchet>> {
        Olm::restore([5; 32], saved).ok().map(|olm| Box::new(olm) as Box<dyn Ratchet>)
    }
}

struct Simulated;

impl Maker for Simulated {
    fn make(n: u8) -> Box<dyn Ratchet> {
        Box::new(Standin::new([n; 32]))
    }

    fn restore(saved: &[RatchetState]) -> Option<Box<dyn Ratchet>> {
        Standin::restore(saved).ok().map(|standin| Box::new(standin) as Box<dyn Ratchet>)
    }
}

struct End {
    ratchet: Box<dyn Ratchet>,
    keys: DeviceKeys,
    id: DeviceId,
}

impl End {
    fn new<M: Maker>(n: u8) -> Self {
        Self::of(M::make(n))
    }

    fn of(ratchet: Box<dyn Ratchet>) -> Self {
        let keys = ratchet.keys();
        Self { ratchet, keys, id: device_id(&keys) }
    }

    fn start(&mut self, with: &mut Self) {
        let key = with.ratchet.prekeys().0[0].key;
        self.ratchet.start(with.id, with.keys, &key).unwrap();
    }

    fn say(&mut self, to: &Self, text: &[u8]) -> Sealed {
        self.ratchet.seal(to.id, text).unwrap()
    }

    fn hear(&mut self, from: &Self, sealed: &Sealed) -> Result<Vec<u8>, RatchetError> {
        self.ratchet.open(from.id, from.keys, sealed)
    }
}

fn pair<M: Maker>() -> (End, End) {
    let (mut alice, mut bob) = (End::new::<M>(1), End::new::<M>(2));
    alice.start(&mut bob);
    (alice, bob)
}

fn talks_both_ways<M: Maker>() {
    let (mut alice, mut bob) = pair::<M>();
    assert!(alice.ratchet.has_session(bob.id) && !bob.ratchet.has_session(alice.id));
    for round in 0..5_u8 {
        let sealed = alice.say(&bob, &[round; 64]);
        assert_eq!(
            sealed.kind,
            u8::from(round > 0),
            "only until the first answer a message starts a session"
        );
        assert_eq!(bob.hear(&alice, &sealed), Ok(vec![round; 64]));
        let sealed = bob.say(&alice, b"answer");
        assert_eq!(sealed.kind, 1);
        assert_eq!(alice.hear(&bob, &sealed), Ok(b"answer".to_vec()));
    }
}

fn a_device_signs_itself_and_its_prekeys<M: Maker>() {
    let mut alice = End::new::<M>(1);
    assert!(verify_device(&alice.keys.ed25519, b"bytes", &alice.ratchet.sign(b"bytes")));
    let (one_time, fallback) = alice.ratchet.prekeys();
    assert_eq!(one_time.len(), PREKEYS_MAX);
    assert!(one_time.iter().chain([&fallback]).all(|prekey| verify_prekey(&alice.keys, prekey)));
    let other = End::new::<M>(2);
    assert!(!verify_prekey(&other.keys, &fallback));
    assert_eq!(alice.ratchet.prekeys(), (one_time, fallback));
}

fn a_one_time_key_works_once_and_the_fallback_often<M: Maker>() {
    let (mut bob, mut carol) = (End::new::<M>(2), End::new::<M>(3));
    let mut alice = End::new::<M>(1);
    let (one_time, fallback) = bob.ratchet.prekeys();
    for end in [&mut alice, &mut carol] {
        end.ratchet.start(bob.id, bob.keys, &one_time[0].key).unwrap();
    }
    let sealed = alice.say(&bob, b"first");
    assert!(bob.hear(&alice, &sealed).is_ok());
    let sealed = carol.say(&bob, b"second");
    assert_eq!(bob.hear(&carol, &sealed), Err(RatchetError::Undecryptable));
    assert!(!bob.ratchet.has_session(carol.id));
    let fresh = bob.ratchet.prekeys().0;
    assert!(fresh.len() == PREKEYS_MAX && fresh.iter().all(|prekey| prekey.key != one_time[0].key));
    for end in [&mut alice, &mut carol] {
        end.ratchet.start(bob.id, bob.keys, &fallback.key).unwrap();
        let sealed = end.say(&bob, b"fallback");
        assert_eq!(bob.hear(end, &sealed), Ok(b"fallback".to_vec()));
    }
}

fn a_replay_opens_nothing<M: Maker>() {
    let (mut alice, mut bob) = (End::new::<M>(1), End::new::<M>(2));
    let fallback = bob.ratchet.prekeys().1;
    alice.ratchet.start(bob.id, bob.keys, &fallback.key).unwrap();
    let first = alice.say(&bob, b"first");
    assert!(bob.hear(&alice, &first).is_ok());
    assert_eq!(bob.hear(&alice, &first), Err(RatchetError::Undecryptable));
    let answer = bob.say(&alice, b"answer");
    assert!(alice.hear(&bob, &answer).is_ok());
    assert_eq!(alice.hear(&bob, &answer), Err(RatchetError::Undecryptable));
    let second = alice.say(&bob, b"second");
    assert!(bob.hear(&alice, &second).is_ok());
    assert_eq!(bob.hear(&alice, &first), Err(RatchetError::Undecryptable));
    assert_eq!(bob.hear(&alice, &second), Err(RatchetError::Undecryptable));
    // Nor after a restart.
    let mut again = End::of(M::restore(&bob.ratchet.take_changes()).unwrap());
    assert_eq!(again.hear(&alice, &first), Err(RatchetError::Undecryptable));
}

fn what_is_for_another_or_from_another_does_not_open<M: Maker>() {
    let (mut alice, mut bob) = pair::<M>();
    let mut eve = End::new::<M>(3);
    eve.ratchet.prekeys();
    let sealed = alice.say(&bob, b"for bob");
    assert!(eve.hear(&alice, &sealed).is_err());
    assert_eq!(
        bob.hear(&eve, &sealed),
        Err(RatchetError::Undecryptable),
        "the session is alice's, not eve's"
    );
    assert!(!bob.ratchet.has_session(eve.id));
    assert!(alice.hear(&seen(&alice), &sealed).is_err(), "not even by its sender");
    assert_eq!(bob.hear(&alice, &sealed), Ok(b"for bob".to_vec()));
}

/// An end as others see it: its keys.
fn seen(end: &End) -> End {
    End { ratchet: Box::new(Standin::new([0; 32])), keys: end.keys, id: end.id }
}

fn a_changed_byte_opens_nothing_and_spoils_nothing<M: Maker>() {
    let (mut alice, mut bob) = pair::<M>();
    for _ in 0..2 {
        let sealed = alice.say(&bob, b"twenty bytes of text");
        for at in 0..sealed.bytes.len() {
            let mut bent = sealed.clone();
            bent.bytes[at] ^= 0x10;
            assert!(bob.hear(&alice, &bent).is_err(), "byte {at}");
        }
        assert_eq!(bob.hear(&alice, &sealed), Ok(b"twenty bytes of text".to_vec()));
        let answer = bob.say(&alice, b"answer");
        alice.hear(&bob, &answer).unwrap();
    }
}

fn both_may_start_at_once<M: Maker>() {
    let (mut alice, mut bob) = pair::<M>();
    bob.start(&mut alice);
    let (to_bob, to_alice) = (alice.say(&bob, b"a0"), bob.say(&alice, b"b0"));
    assert_eq!(bob.hear(&alice, &to_bob), Ok(b"a0".to_vec()));
    assert_eq!(alice.hear(&bob, &to_alice), Ok(b"b0".to_vec()));
    for round in 0..3_u8 {
        let (to_bob, to_alice) = (alice.say(&bob, &[round]), bob.say(&alice, &[round]));
        assert_eq!(alice.hear(&bob, &to_alice), Ok(vec![round]));
        assert_eq!(bob.hear(&alice, &to_bob), Ok(vec![round]));
    }
}

fn messages_may_overtake<M: Maker>() {
    let (mut alice, mut bob) = pair::<M>();
    let sealed: Vec<_> = (0..30_u8).map(|n| alice.say(&bob, &[n])).collect();
    for (n, sealed) in sealed.iter().enumerate().rev() {
        assert_eq!(bob.hear(&alice, sealed), Ok(vec![n as u8]));
    }
}

fn a_restart_goes_on_where_it_was<M: Maker>() {
    let (mut alice, mut bob) = pair::<M>();
    let early = alice.say(&bob, b"early");
    let saved = alice.ratchet.take_changes();
    assert!(saved.iter().any(|state| state.peer.is_none()));
    assert!(alice.ratchet.take_changes().is_empty(), "nothing changed since");
    let keys = alice.keys;
    let mut alice = End::of(M::restore(&saved).unwrap());
    assert_eq!(alice.keys, keys);
    let late = alice.say(&bob, b"late");
    assert_eq!(bob.hear(&alice, &late), Ok(b"late".to_vec()));
    assert_eq!(bob.hear(&alice, &early), Ok(b"early".to_vec()));
    assert_ne!(early.bytes, late.bytes);
    assert!(M::restore(&[]).is_none());
    assert!(M::restore(&[RatchetState { peer: None, bytes: b"junk".to_vec() }]).is_none());
}

fn a_restored_device_draws_nothing_twice<M: Maker>() {
    let mut alice = End::new::<M>(1);
    alice.ratchet.prekeys();
    let saved = alice.ratchet.take_changes();
    let mut bob = End::new::<M>(2);
    let prekey = bob.ratchet.prekeys().1;
    let first = |ratchet: &mut dyn Ratchet| {
        ratchet.start(bob.id, bob.keys, &prekey.key).unwrap();
        ratchet.seal(bob.id, b"same").unwrap()
    };
    let one = first(&mut *alice.ratchet);
    let more = alice.ratchet.take_changes();
    let account = more.iter().find(|state| state.peer.is_none()).or_else(|| saved.first()).unwrap();
    let two = first(&mut *M::restore(std::slice::from_ref(account)).unwrap());
    assert_ne!(one.bytes, two.bytes);
}

fn forgetting_ends_the_session<M: Maker>() {
    let (mut alice, bob) = pair::<M>();
    alice.ratchet.take_changes();
    alice.ratchet.forget(bob.id);
    assert!(!alice.ratchet.has_session(bob.id));
    assert_eq!(alice.ratchet.seal(bob.id, b"x").unwrap_err(), RatchetError::NoSession);
    assert_eq!(alice.ratchet.take_changes(), [RatchetState { peer: Some(bob.id), bytes: Vec::new() }]);
    let stray = Sealed { kind: 1, bytes: vec![3; 80].into() };
    assert!(alice.hear(&bob, &stray).is_err());
}

fn what_was_opened_opens_no_more_when_the_session_is_forgotten<M: Maker>() {
    let (mut alice, mut bob) = (End::new::<M>(1), End::new::<M>(2));
    bob.ratchet.age(at_day(0));
    let fallback = bob.ratchet.prekeys().1;
    alice.ratchet.start(bob.id, bob.keys, &fallback.key).unwrap();
    let first = alice.say(&bob, b"first");
    assert!(bob.hear(&alice, &first).is_ok());
    let mut saved = bob.ratchet.take_changes();
    bob.ratchet.forget(alice.id);
    assert_eq!(bob.hear(&alice, &first), Err(RatchetError::Undecryptable));
    saved.extend(bob.ratchet.take_changes());
    assert_eq!(saved.last(), Some(&RatchetState { peer: Some(alice.id), bytes: Vec::new() }));
    // Nor after a restart, nor when the key is a retired one.
    let account = saved.iter().rfind(|state| state.peer.is_none()).unwrap().clone();
    let mut again = End::of(M::restore(std::slice::from_ref(&account)).unwrap());
    assert_eq!(again.hear(&alice, &first), Err(RatchetError::Undecryptable));
    for day in [8, 37, 38] {
        again.ratchet.age(at_day(day));
        again.ratchet.prekeys();
        assert_eq!(again.hear(&alice, &first), Err(RatchetError::Undecryptable), "day {day}");
    }
    // A new session is another.
    alice.start(&mut again);
    let sealed = alice.say(&again, b"new");
    assert_eq!(again.hear(&alice, &sealed), Ok(b"new".to_vec()));
}

fn keys_are_renewed_and_the_last_ones_open_for_a_while<M: Maker>() {
    let (mut alice, mut bob) = (End::new::<M>(1), End::new::<M>(2));
    bob.ratchet.age(at_day(0));
    let (one_time, fallback) = bob.ratchet.prekeys();
    bob.ratchet.age(at_day(6));
    assert_eq!(bob.ratchet.prekeys(), (one_time.clone(), fallback.clone()));
    let sealed_to = |key: &[u8; 32], text: &[u8]| {
        let mut end = End::new::<M>(text[0]);
        end.ratchet.start(bob.id, bob.keys, key).unwrap();
        let sealed = end.say(&bob, text);
        (end, sealed)
    };
    let (carol, by_one_time) = sealed_to(&one_time[3].key, b"3");
    let (dora, by_fallback) = sealed_to(&fallback.key, b"4");
    let (emil, too_late) = sealed_to(&fallback.key, b"5");
    let (fred, once_more) = sealed_to(&one_time[3].key, b"6");
    alice.ratchet.start(bob.id, bob.keys, &fallback.key).unwrap();
    let first = alice.say(&bob, b"first");
    assert!(bob.hear(&alice, &first).is_ok());
    bob.ratchet.age(at_day(7));
    let (new_ones, new_fallback) = bob.ratchet.prekeys();
    assert_eq!(new_ones.len(), PREKEYS_MAX);
    assert!(new_fallback != fallback && new_ones.iter().all(|key| !one_time.contains(key)));
    let mut bob = End::of(M::restore(&bob.ratchet.take_changes()).unwrap());
    assert_eq!(bob.ratchet.prekeys(), (new_ones, new_fallback));
    assert_eq!(bob.hear(&carol, &by_one_time), Ok(b"3".to_vec()));
    assert_eq!(bob.hear(&fred, &once_more), Err(RatchetError::Undecryptable), "it was used");
    for day in 8..37 {
        bob.ratchet.age(at_day(day));
        bob.ratchet.prekeys();
    }
    assert_eq!(bob.hear(&dora, &by_fallback), Ok(b"4".to_vec()));
    bob.ratchet.age(at_day(37));
    assert_eq!(bob.hear(&emil, &too_late), Err(RatchetError::Undecryptable));
    // Whoever has a session goes on with it, unanswered as it is.
    let second = alice.say(&bob, b"second");
    assert_eq!(second.kind, 0);
    assert_eq!(bob.hear(&alice, &second), Ok(b"second".to_vec()));
    let state = bob.ratchet.take_changes();
    assert!(state.iter().all(|state| state.bytes.len() < 256 << 10));
}

/// So many days after some day.
fn at_day(day: u64) -> Wall {
    Wall(1_800_000_000_000 + day * 24 * 3_600_000)
}

fn a_key_that_is_none_starts_nothing<M: Maker>() {
    let (mut alice, bob) = (End::new::<M>(1), End::new::<M>(2));
    assert_eq!(alice.ratchet.start(bob.id, bob.keys, &[0; 32]), Err(RatchetError::BadKey));
    assert!(!alice.ratchet.has_session(bob.id));
}

fn many_sessions_do_not_pile_up<M: Maker>() {
    let (mut alice, mut bob) = pair::<M>();
    for n in 0..3 * SESSIONS_PER_DEVICE_MAX as u8 {
        alice.start(&mut bob);
        let sealed = alice.say(&bob, &[n]);
        assert_eq!(bob.hear(&alice, &sealed), Ok(vec![n]));
        bob.ratchet.prekeys();
    }
    alice.ratchet.take_changes();
    let sealed = alice.say(&bob, b"x");
    bob.hear(&alice, &sealed).unwrap();
    let state = alice.ratchet.take_changes();
    assert!(state.iter().all(|state| state.bytes.len() < 16 << 10));
}

fn junk_never_panics<M: Maker>() {
    let (mut alice, mut bob) = pair::<M>();
    let sealed = alice.say(&bob, b"x");
    bob.hear(&alice, &sealed).unwrap();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let bytes = (0..4_u8, prop::collection::vec(any::<u8>(), 0..300));
    let bob = std::cell::RefCell::new(bob);
    runner
        .run(&bytes, |(kind, bytes)| {
            let junk = Sealed { kind, bytes: bytes.into() };
            prop_assert!(bob.borrow_mut().hear(&seen(&alice), &junk).is_err());
            Ok(())
        })
        .unwrap();
}

macro_rules! suite {
    ($maker:ident, $module:ident: $($test:ident,)+) => {
        mod $module {
            $(#[test]
            fn $test() {
                super::$test::<super::$maker>();
            })+
        }
    };
}

macro_rules! suites {
    ($($test:ident,)+) => {
        suite!(Real, olm: $($test,)+);
        suite!(Simulated, standin: $($test,)+);
    };
}

suites! {
    talks_both_ways,
    a_device_signs_itself_and_its_prekeys,
    a_one_time_key_works_once_and_the_fallback_often,
    a_replay_opens_nothing,
    what_is_for_another_or_from_another_does_not_open,
    a_changed_byte_opens_nothing_and_spoils_nothing,
    both_may_start_at_once,
    messages_may_overtake,
    a_restart_goes_on_where_it_was,
    a_restored_device_draws_nothing_twice,
    forgetting_ends_the_session,
    what_was_opened_opens_no_more_when_the_session_is_forgotten,
    keys_are_renewed_and_the_last_ones_open_for_a_while,
    a_key_that_is_none_starts_nothing,
    many_sessions_do_not_pile_up,
    junk_never_panics,
}

#[test]
fn the_stand_in_has_the_sizes_of_the_real_one() {
    for size in [0, 1, 15, 16, 64, 128, 1_000, 4_096, 16_384] {
        let sizes = |(mut alice, mut bob): (End, End)| {
            let first = alice.say(&bob, &vec![7; size]);
            bob.hear(&alice, &first).unwrap();
            let normal = bob.say(&alice, &vec![7; size]);
            (first.bytes.len(), normal.bytes.len())
        };
        assert_eq!(sizes(pair::<Real>()), sizes(pair::<Simulated>()), "{size} bytes");
    }
}

#[test]
fn the_stand_in_repeats_to_the_byte() {
    let run = || {
        let (mut alice, mut bob) = pair::<Simulated>();
        let sealed = alice.say(&bob, b"marker of plaintext");
        bob.hear(&alice, &sealed).unwrap();
        (sealed, bob.say(&alice, b"answer"), alice.ratchet.take_changes())
    };
    assert_eq!(run(), run());
    assert!(!run().0.bytes.windows(6).any(|window| window == b"marker"));
}

#[test]
fn another_store_key_reads_nothing() {
    let mut olm = Olm::new([1; 32]);
    let saved = olm.take_changes();
    assert!(Olm::restore([1; 32], &saved).is_ok());
    assert!(Olm::restore([2; 32], &saved).is_err());
}
