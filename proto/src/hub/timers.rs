//! What is due when: at most one time for each key, the earliest found first.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Time;

#[derive(Debug)]
pub(super) struct Timers<K> {
    by_key: BTreeMap<K, Time>,
    by_time: BTreeSet<(Time, K)>,
}

impl<K: Ord + Copy> Timers<K> {
    pub(super) const fn new() -> Self {
        Self { by_key: BTreeMap::new(), by_time: BTreeSet::new() }
    }

    /// Sets the one time of `key`, or none.
    pub(super) fn set(&mut self, key: K, at: Option<Time>) {
        if let Some(before) = self.by_key.remove(&key) {
            self.by_time.remove(&(before, key));
        }
        if let Some(at) = at {
            self.by_key.insert(key, at);
            self.by_time.insert((at, key));
        }
    }

    /// When `key` is due.
    pub(super) fn get(&self, key: K) -> Option<Time> {
        self.by_key.get(&key).copied()
    }

    /// The earliest time.
    pub(super) fn next(&self) -> Option<Time> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes the earliest key if it is due; it has no time any more then.
    pub(super) fn take_due(&mut self, now: Time) -> Option<K> {
        let (at, key) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.set(key, None);
        Some(key)
    }

    pub(super) fn clear(&mut self) {
        self.by_key.clear();
        self.by_time.clear();
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.by_key.keys()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_time_set_is_the_only_one() {
        let mut timers = Timers::new();
        timers.set('a', Some(Time::ms(1)));
        timers.set('b', Some(Time::ms(2)));
        timers.set('a', Some(Time::ms(3)));
        assert_eq!((timers.next(), timers.get('a')), (Some(Time::ms(2)), Some(Time::ms(3))));
        assert_eq!(timers.take_due(Time::ms(1)), None);
        assert_eq!(timers.take_due(Time::ms(5)), Some('b'));
        timers.set('a', None);
        assert_eq!(timers.take_due(Time::ms(5)), None);
        assert!(timers.is_empty() && timers.next().is_none());
    }
}
