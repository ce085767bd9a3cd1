//! Short words compared over a call: each end promises a nonce, and shows it only when it has the other's promise
//! ([`crate::crypto::safety`]). The words are for people to say to each other; the machine cannot know whether they
//! match.
//!
//! ```text
//! a human here ─ PROMISE ─▶          PROMISE from there ─ PROMISE, NONCE ─▶
//!         ◀─ PROMISE, NONCE ─        (or crossed: each has sent its PROMISE already)
//! NONCE ─▶   words                   NONCE from there: held against its promise ─▶ words
//! ```
//!
//! Nobody leads, so that two who begin at once need no rule. Whoever stands between two ends would have to guess: it
//! must promise to each before either shows anything. It may break off and begin again, so that tries are counted, by
//! end and call, whoever begins.

use std::collections::{BTreeMap, VecDeque};

use crate::crypto::envelope::{Body, End};
use crate::crypto::mac;
use crate::crypto::safety::{self, WORDS_COMPARED};
use crate::drop::Drop;
use crate::id::CallId;
use crate::limits::{COMPARE_TIME_MAX, COMPARE_TRIES_MAX, MEMBERS_MAX};
use crate::time::Time;

/// What happens.
#[derive(Debug)]
pub(crate) enum Act {
    /// A human wants to compare with this end of the call.
    Begin { call: CallId, peer: End, nonce: [u8; 32] },
    /// An end of the call promises; `nonce` is for our answer, if there is to be one.
    Promised { call: CallId, peer: End, promise: [u8; 32], nonce: [u8; 32] },
    /// An end of the call shows what it promised.
    Shown { call: CallId, peer: End, nonce: [u8; 32] },
    /// The call is over.
    Over,
    /// The deadline passed.
    Timeout,
}

/// What is wanted done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Seal for this end, as words of this call.
    Seal {
        call: CallId,
        to: End,
        body: Body,
    },
    /// Tell people.
    Tell(End, Compared),
    Drop(Drop),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// To be said to each other.
    Words([&'static str; WORDS_COMPARED]),
    /// No answer came in time: an older program, or somebody who keeps it.
    NoAnswer,
    /// What they showed is not what they promised: somebody tampers.
    Broken,
    /// Too many tries in this call.
    TooMany,
}

/// One comparison.
#[derive(Debug)]
struct Exchange {
    nonce: [u8; 32],
    /// A human here waits for it.
    wanted: bool,
    theirs: Option<[u8; 32]>,
    words: Option<[&'static str; WORDS_COMPARED]>,
    until: Time,
}

/// The comparisons of one call.
#[derive(Debug)]
pub(crate) struct Compare {
    own: End,
    call: Option<CallId>,
    with: BTreeMap<End, Exchange>,
    tries: BTreeMap<End, u32>,
    out: VecDeque<Effect>,
}

impl Compare {
    pub(crate) fn new(own: End) -> Self {
        Self { own, call: None, with: BTreeMap::new(), tries: BTreeMap::new(), out: VecDeque::new() }
    }

    pub(crate) fn poll(&mut self) -> Option<Effect> {
        self.out.pop_front()
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.with.values().filter(|exchange| exchange.words.is_none()).map(|exchange| exchange.until).min()
    }

    pub(crate) fn handle(&mut self, act: Act, now: Time) {
        match act {
            Act::Begin { call, peer, nonce } => self.begin(call, peer, nonce, now),
            Act::Promised { call, peer, promise, nonce } => self.promised(call, peer, promise, nonce, now),
            Act::Shown { call, peer, nonce } => self.shown(call, peer, &nonce),
            Act::Over => {
                self.call = None;
                self.with.clear();
                self.tries.clear();
            }
            Act::Timeout => self.timeout(now),
        }
    }

    fn begin(&mut self, call: CallId, peer: End, nonce: [u8; 32], now: Time) {
        self.enter(call);
        if let Some(exchange) = self.with.get_mut(&peer) {
            exchange.wanted = true;
            if let Some(words) = exchange.words {
                self.tell(peer, Compared::Words(words));
            }
        } else if self.may_try(&peer) {
            self.open(call, peer, nonce, true, now);
        } else {
            self.tell(peer, Compared::TooMany);
        }
    }

    fn promised(&mut self, call: CallId, peer: End, promise: [u8; 32], nonce: [u8; 32], now: Time) {
        self.enter(call);
        match self.with.get(&peer).map(|exchange| exchange.theirs) {
            // Ours is on its way to them.
            Some(None) => {}
            Some(Some(theirs)) if theirs == promise => return self.drop(Drop::Replay),
            // They began anew, or ours came to nothing for them: with a new nonce of ours, and one try less.
            Some(Some(_)) | None if self.may_try(&peer) => {
                let wanted = self.with.get(&peer).is_some_and(|exchange| exchange.wanted);
                self.open(call, peer, nonce, wanted, now);
            }
            Some(Some(_)) | None => return self.drop(Drop::Full),
        }
        let Some(exchange) = self.with.get_mut(&peer) else { return };
        exchange.theirs = Some(promise);
        let body = Body::Nonce { call, nonce: exchange.nonce };
        self.out.push_back(Effect::Seal { call, to: peer, body });
    }

    fn shown(&mut self, call: CallId, peer: End, nonce: &[u8; 32]) {
        self.enter(call);
        let own = self.own;
        let Some(exchange) = self.with.get_mut(&peer).filter(|exchange| exchange.words.is_none()) else {
            return self.drop(Drop::OutOfTurn);
        };
        let Some(theirs) = exchange.theirs else { return self.drop(Drop::OutOfTurn) };
        if !mac::equal(&safety::promise(call, &peer, &own, nonce), &theirs) {
            self.with.remove(&peer);
            self.drop(Drop::Forged);
            return self.tell(peer, Compared::Broken);
        }
        let words = safety::words(call, (&own, &exchange.nonce), (&peer, nonce));
        exchange.words = Some(words);
        self.tell(peer, Compared::Words(words));
    }

    fn timeout(&mut self, now: Time) {
        let late = |(_, exchange): &(&End, &Exchange)| exchange.words.is_none() && exchange.until <= now;
        let late: Vec<(End, bool)> =
            self.with.iter().filter(late).map(|(peer, exchange)| (*peer, exchange.wanted)).collect();
        for (peer, wanted) in late {
            self.with.remove(&peer);
            if wanted {
                self.tell(peer, Compared::NoAnswer);
            }
        }
    }

    /// Another call is another matter.
    fn enter(&mut self, call: CallId) {
        if self.call != Some(call) {
            self.with.clear();
            self.tries.clear();
            self.call = Some(call);
        }
    }

    fn may_try(&self, peer: &End) -> bool {
        let known = self.tries.contains_key(peer) || self.tries.len() < MEMBERS_MAX;
        known && self.tries.get(peer).is_none_or(|tries| *tries < COMPARE_TRIES_MAX)
    }

    fn open(&mut self, call: CallId, peer: End, nonce: [u8; 32], wanted: bool, now: Time) {
        *self.tries.entry(peer).or_default() += 1;
        let promise = safety::promise(call, &self.own, &peer, &nonce);
        let exchange = Exchange { nonce, wanted, theirs: None, words: None, until: now + COMPARE_TIME_MAX };
        self.with.insert(peer, exchange);
        self.out.push_back(Effect::Seal { call, to: peer, body: Body::Promise { call, promise } });
    }

    fn tell(&mut self, peer: End, compared: Compared) {
        self.out.push_back(Effect::Tell(peer, compared));
    }

    fn drop(&mut self, why: Drop) {
        self.out.push_back(Effect::Drop(why));
    }

    /// What must always hold.
    pub(crate) fn check_invariants(&self) -> Result<(), String> {
        if self.with.len() > MEMBERS_MAX || self.tries.len() > MEMBERS_MAX {
            return Err("more comparisons than a call has members".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
