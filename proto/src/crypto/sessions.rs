//! What both ratchets keep about one device: a few sessions, the one to seal with first, and the names of all that
//! were ever made from a pre-key message.
//!
//! Several, because both sides may start one at the same moment, and because a side that lost its state starts
//! anew while old messages are still under way. The names, because a replayed first message on a fallback key
//! would make a new session and give the same plaintext again (security.md section 3).

use crate::limits::{SESSION_NAMES_PER_DEVICE_MAX, SESSIONS_PER_DEVICE_MAX};

#[derive(Debug)]
pub(crate) struct Sessions<S> {
    /// The one to seal with first.
    list: Vec<S>,
    /// The oldest first.
    names: Vec<[u8; 32]>,
}

impl<S> Sessions<S> {
    pub(crate) fn new(list: Vec<S>, names: Vec<[u8; 32]>) -> Self {
        Self { list, names }
    }

    /// Adds a session, to seal with from now on. The one unused for longest goes when there are too many.
    pub(crate) fn adopt(&mut self, session: S, name: [u8; 32]) {
        self.list.insert(0, session);
        self.list.truncate(SESSIONS_PER_DEVICE_MAX);
        if self.names.len() >= SESSION_NAMES_PER_DEVICE_MAX {
            self.names.remove(0);
        }
        self.names.push(name);
    }

    /// Whether a session of this name was made before, even if it is gone.
    pub(crate) fn was_made(&self, name: &[u8; 32]) -> bool {
        self.names.contains(name)
    }

    pub(crate) fn first(&mut self) -> Option<&mut S> {
        self.list.first_mut()
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

    pub(crate) fn names(&self) -> &[[u8; 32]] {
        &self.names
    }
}

impl<S> Default for Sessions<S> {
    fn default() -> Self {
        Self::new(Vec::new(), Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_opens_is_the_one_that_seals() {
        let mut sessions = Sessions::default();
        for n in 0..3_u8 {
            sessions.adopt(n, [n; 32]);
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
            sessions.adopt(n, [n; 32]);
        }
        assert_eq!(sessions.list().len(), SESSIONS_PER_DEVICE_MAX);
        assert_eq!(sessions.names().len(), SESSION_NAMES_PER_DEVICE_MAX);
        assert!(sessions.was_made(&[255; 32]) && !sessions.was_made(&[0; 32]));
    }
}
