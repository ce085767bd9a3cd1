//! What both ratchets keep about one device: a few sessions, the one to seal with first, and the names of all that
//! were made from its pre-key messages.
//!
//! Several, because both sides may start one at the same moment, and because a side that lost its state starts
//! anew while old messages are still under way. The names, because a replayed first message on a fallback key
//! would make a new session and give the same plaintext again (security.md section 3): they outlive the sessions, and
//! the contact, as long as there is the key they were made with.

use std::collections::VecDeque;

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::limits::{FORGOTTEN_NAMES_MAX, SESSION_NAMES_PER_DEVICE_MAX, SESSIONS_PER_DEVICE_MAX};

/// The name of a session that the other side began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct SessionName {
    /// SHA-256 of the three keys it was made of.
    #[n(0)]
    pub(crate) hash: ByteArray<32>,
    /// The era of our key among them ([`crate::crypto::eras`]).
    #[n(1)]
    pub(crate) era: u32,
}

#[derive(Debug)]
pub(crate) struct Sessions<S> {
    /// The one to seal with first.
    list: Vec<S>,
    /// The oldest first.
    names: Vec<SessionName>,
}

impl<S> Sessions<S> {
    pub(crate) fn new(list: Vec<S>, names: Vec<SessionName>) -> Self {
        Self { list, names }
    }

    /// Adds a session, to seal with from now on. The one unused for longest goes when there are too many.
    pub(crate) fn adopt(&mut self, session: S) {
        self.list.insert(0, session);
        self.list.truncate(SESSIONS_PER_DEVICE_MAX);
    }

    /// Remembers whose first message came. Only the device itself can make names; but a server that makes it begin anew,
    /// once a minute at most ([`crate::limits::SESSION_RENEW_AFTER`]), makes the oldest go in an hour.
    pub(crate) fn note(&mut self, name: SessionName) {
        if self.names.len() >= SESSION_NAMES_PER_DEVICE_MAX {
            self.names.remove(0);
        }
        self.names.push(name);
    }

    /// Whether a session of this name was made before, even if it is gone.
    pub(crate) fn was_made(&self, hash: &[u8; 32]) -> bool {
        self.names.iter().any(|name| *name.hash == *hash)
    }

    pub(crate) fn first(&mut self) -> Option<&mut S> {
        self.list.first_mut()
    }

    /// The one to seal with is of no use.
    pub(crate) fn drop_first(&mut self) {
        if !self.list.is_empty() {
            self.list.remove(0);
        }
    }

    /// Tries each session; the one that succeeds is the one to seal with from now on, since the other side has it.
    pub(crate) fn find_map<T>(&mut self, open: impl FnMut(&mut S) -> Option<T>) -> Option<T> {
        let (at, found) =
            self.list.iter_mut().map(open).enumerate().find_map(|(at, found)| Some((at, found?)))?;
        self.list[..=at].rotate_right(1);
        Some(found)
    }

    pub(crate) fn list(&self) -> &[S] {
        &self.list
    }

    pub(crate) fn names(&self) -> &[SessionName] {
        &self.names
    }
}

impl<S> Default for Sessions<S> {
    fn default() -> Self {
        Self::new(Vec::new(), Vec::new())
    }
}

/// Names of sessions with devices that were forgotten, the oldest first.
#[derive(Clone, Debug, Default, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Forgotten(#[n(0)] VecDeque<SessionName>);

impl Forgotten {
    /// Keeps those made with keys of `oldest` or later. Returns whether there were any.
    pub(crate) fn keep(&mut self, names: &[SessionName], oldest: u32) -> bool {
        let names = names.iter().filter(|name| name.era >= oldest);
        let before = self.0.len();
        self.0.extend(names);
        let is_new = self.0.len() > before;
        self.0.drain(..self.0.len().saturating_sub(FORGOTTEN_NAMES_MAX));
        is_new
    }

    /// The keys before `oldest` are gone, and with them what could be made again.
    pub(crate) fn let_go(&mut self, oldest: u32) {
        self.0.retain(|name| name.era >= oldest);
    }

    pub(crate) fn was_made(&self, hash: &[u8; 32]) -> bool {
        self.0.iter().any(|name| *name.hash == *hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: u8, era: u32) -> SessionName {
        SessionName { hash: [n; 32].into(), era }
    }

    #[test]
    fn the_one_that_opens_is_the_one_that_seals() {
        let mut sessions = Sessions::default();
        for n in 0..3_u8 {
            sessions.adopt(n);
        }
        assert_eq!(sessions.list(), [2, 1, 0]);
        assert_eq!(sessions.find_map(|&mut n| (n == 0).then_some("found")), Some("found"));
        assert_eq!(sessions.list(), [0, 2, 1]);
        assert_eq!(sessions.find_map(|_| None::<()>), None);
        assert_eq!(sessions.first(), Some(&mut 0));
    }

    #[test]
    fn nothing_grows() {
        let mut sessions = Sessions::default();
        for n in 0..=255_u8 {
            sessions.adopt(n);
            sessions.note(name(n, 0));
        }
        assert_eq!(sessions.list().len(), SESSIONS_PER_DEVICE_MAX);
        assert_eq!(sessions.names().len(), SESSION_NAMES_PER_DEVICE_MAX);
        assert!(sessions.was_made(&[255; 32]) && !sessions.was_made(&[0; 32]));
        let mut forgotten = Forgotten::default();
        for _ in 0..FORGOTTEN_NAMES_MAX {
            assert!(forgotten.keep(&sessions.names()[..1], 0));
        }
        forgotten.keep(&sessions.names()[1..], 0);
        assert_eq!(forgotten.0.len(), FORGOTTEN_NAMES_MAX);
        assert!(forgotten.was_made(&[255; 32]));
    }

    #[test]
    fn names_go_with_the_keys_they_were_made_with() {
        let mut forgotten = Forgotten::default();
        assert!(!forgotten.keep(&[name(1, 3)], 4), "nothing can make it again");
        assert!(forgotten.keep(&[name(4, 4), name(5, 5)], 4));
        assert!(!forgotten.was_made(&[1; 32]) && forgotten.was_made(&[4; 32]));
        forgotten.let_go(5);
        assert!(!forgotten.was_made(&[4; 32]) && forgotten.was_made(&[5; 32]));
    }
}
