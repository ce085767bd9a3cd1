//! Two ends and what lies between them: in order, crossed, late, tampered with, and somebody in the middle.

use super::*;
use crate::Rng;
use crate::id::{DeviceId, Fingerprint};

const CALL: CallId = CallId([0xca; 16]);

fn end(n: u8) -> End {
    End { account: Fingerprint([n; 32]), device: DeviceId([n; 16]) }
}

/// One end, with chance of its own.
struct Side {
    own: End,
    machine: Compare,
    rng: Rng,
    told: Vec<Compared>,
    said: VecDeque<Body>,
}

impl Side {
    fn new(n: u8, seed: u64) -> Self {
        let mut bytes = [n; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let own = end(n);
        let (told, said) = (Vec::new(), VecDeque::new());
        Self { own, machine: Compare::new(own), rng: Rng::new(bytes), told, said }
    }

    fn act(&mut self, act: Act, now: Time) {
        self.machine.handle(act, now);
        self.machine.check_invariants().unwrap();
        while let Some(effect) = self.machine.poll() {
            match effect {
                Effect::Seal { body, .. } => self.said.push_back(body),
                Effect::Tell(_, compared) => self.told.push(compared),
                Effect::Drop(_) => {}
            }
        }
    }

    fn begin(&mut self, peer: &End) {
        let nonce = self.rng.bytes();
        self.act(Act::Begin { call: CALL, peer: *peer, nonce }, Time::ZERO);
    }

    fn hear(&mut self, peer: &End, body: &Body) {
        let (call, peer) = (CALL, *peer);
        if let Body::Promise { promise, .. } = body {
            let nonce = self.rng.bytes();
            self.act(Act::Promised { call, peer, promise: *promise, nonce }, Time::ZERO);
        } else if let Body::Nonce { nonce, .. } = body {
            self.act(Act::Shown { call, peer, nonce: *nonce }, Time::ZERO);
        } else {
            panic!("{body:?}");
        }
    }

    fn words(&self) -> [&'static str; WORDS_COMPARED] {
        match self.told.last() {
            Some(Compared::Words(words)) => *words,
            other => panic!("no words: {other:?}"),
        }
    }
}

/// Carries what both say until nothing is said.
fn carry(a: &mut Side, b: &mut Side) {
    loop {
        if let Some(body) = a.said.pop_front() {
            b.hear(&a.own, &body);
        } else if let Some(body) = b.said.pop_front() {
            a.hear(&b.own, &body);
        } else {
            return;
        }
    }
}

#[test]
fn one_begins_and_both_see_the_same_words() {
    let (mut a, mut b) = (Side::new(1, 1), Side::new(2, 2));
    a.begin(&b.own);
    carry(&mut a, &mut b);
    assert_eq!(a.words(), b.words());
    // Asking again shows the same, and says nothing.
    b.begin(&a.own);
    assert_eq!((b.told.len(), b.words()), (2, a.words()));
    assert!(b.said.is_empty() && b.machine.deadline().is_none());
}

#[test]
fn both_begin_at_once() {
    let (mut a, mut b) = (Side::new(1, 3), Side::new(2, 4));
    a.begin(&b.own);
    b.begin(&a.own);
    carry(&mut a, &mut b);
    assert_eq!(a.words(), b.words());
    assert_eq!((a.told.len(), b.told.len()), (1, 1));
}

/// Nothing is shown before the other's promise is here, whatever is said instead.
#[test]
fn a_nonce_is_shown_only_for_a_promise() {
    let (mut a, b) = (Side::new(1, 5), end(2));
    a.begin(&b);
    a.hear(&b, &Body::Nonce { call: CALL, nonce: [0; 32] });
    let said: Vec<Body> = a.said.drain(..).collect();
    assert!(matches!(said.as_slice(), [Body::Promise { .. }]), "{said:?}");
    assert!(a.told.is_empty());
}

#[test]
fn what_was_not_promised_is_told_and_ends_it() {
    let (mut a, b) = (Side::new(1, 6), end(2));
    a.begin(&b);
    let promise = safety::promise(CALL, &b, &a.own, &[7; 32]);
    a.hear(&b, &Body::Promise { call: CALL, promise });
    a.hear(&b, &Body::Nonce { call: CALL, nonce: [8; 32] });
    assert_eq!(a.told, [Compared::Broken]);
    a.hear(&b, &Body::Nonce { call: CALL, nonce: [7; 32] });
    assert_eq!(a.told, [Compared::Broken]);
}

#[test]
fn ones_own_promise_sent_back_is_none() {
    let (mut a, b) = (Side::new(1, 7), end(2));
    a.begin(&b);
    let own = a.said.pop_front().unwrap();
    a.hear(&b, &own);
    let shown = a.said.pop_front().unwrap();
    assert!(matches!(shown, Body::Nonce { .. }));
    a.hear(&b, &shown);
    assert_eq!(a.told, [Compared::Broken]);
}

#[test]
fn without_an_answer_it_ends_and_can_be_tried_again_a_few_times() {
    let (mut a, b) = (Side::new(1, 8), end(2));
    let mut now = Time::ZERO;
    for _ in 0..COMPARE_TRIES_MAX {
        let nonce = a.rng.bytes();
        a.act(Act::Begin { call: CALL, peer: b, nonce }, now);
        assert_eq!(a.machine.deadline(), Some(now + COMPARE_TIME_MAX));
        now += COMPARE_TIME_MAX;
        a.act(Act::Timeout, now);
        assert_eq!(a.told.last(), Some(&Compared::NoAnswer));
    }
    a.begin(&b);
    assert_eq!(a.told.last(), Some(&Compared::TooMany));
    a.act(Act::Over, now);
    a.begin(&b);
    assert!(matches!(a.said.back(), Some(Body::Promise { .. })), "another call counts anew");
}

/// Whoever keeps promising and never shows anything gets only so many nonces of ours.
#[test]
fn an_endless_promiser_is_stopped() {
    let (mut a, b) = (Side::new(1, 9), end(2));
    for n in 0..50 {
        a.hear(&b, &Body::Promise { call: CALL, promise: [n; 32] });
    }
    let shown = a.said.iter().filter(|body| matches!(body, Body::Nonce { .. })).count();
    assert_eq!(shown, usize::try_from(COMPARE_TRIES_MAX).unwrap());
    assert!(a.told.is_empty(), "nobody here asked for it");
}

/// Mallory has a session with each under a key of her own, and each takes her for the other. Her best: finish with
/// one, and choose for the other. She has promised to both before she knows either nonce, so that the words are the
/// same by luck alone, once in 2^32: in none of these many tries.
#[test]
fn somebody_in_the_middle_cannot_make_the_words_match() {
    for seed in 0..2_000 {
        let (mut a, mut b) = (Side::new(1, seed), Side::new(2, seed + 1_000_000));
        let (as_bob, as_alice) = (end(66), end(65));
        let mut chance = Rng::new([3; 32]);
        let (to_a, to_b): ([u8; 32], [u8; 32]) = (chance.bytes(), chance.bytes());
        a.begin(&as_bob);
        let promise = safety::promise(CALL, &as_alice, &b.own, &to_b);
        b.hear(&as_alice, &Body::Promise { call: CALL, promise });
        // Of bob she has the nonce now, of alice the promise; alice shows hers only for a promise.
        assert!(b.said.iter().any(|body| matches!(body, Body::Nonce { .. })));
        assert!(!a.said.iter().any(|body| matches!(body, Body::Nonce { .. })));
        let promise = safety::promise(CALL, &as_bob, &a.own, &to_a);
        a.hear(&as_bob, &Body::Promise { call: CALL, promise });
        a.hear(&as_bob, &Body::Nonce { call: CALL, nonce: to_a });
        b.hear(&as_alice, &Body::Nonce { call: CALL, nonce: to_b });
        assert_ne!(a.words(), b.words(), "seed {seed}");
    }
}

/// The same with her passing the nonces on as they are: the words hold the keys, and hers are not theirs.
#[test]
fn somebody_who_only_passes_on_is_seen_by_the_keys() {
    let (mut a, mut b) = (Side::new(1, 11), Side::new(2, 12));
    let (as_bob, as_alice) = (end(66), end(65));
    a.begin(&as_bob);
    let a_promise = a.said.pop_front().unwrap();
    b.hear(&as_alice, &a_promise);
    while let Some(body) = b.said.pop_front() {
        a.hear(&as_bob, &body);
    }
    while let Some(body) = a.said.pop_front() {
        b.hear(&as_alice, &body);
    }
    assert_eq!((a.told.as_slice(), b.told.as_slice()), (&[Compared::Broken][..], &[Compared::Broken][..]));
}
