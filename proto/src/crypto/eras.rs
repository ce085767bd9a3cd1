//! The ages of what a device publishes. Its one-time keys and its fallback key live a week; those that they replace
//! still open what was sealed to them for thirty days, and then they are gone: whoever gets hold of the device later
//! opens nothing that came before (security.md section 3).
//!
//! One-time keys go with the fallback key, since some of them are given out and never used: nobody else will get
//! them, and the device cannot tell which they are.

use std::collections::VecDeque;

use minicbor::{Decode, Encode};

use crate::limits::{OLD_PREKEYS_LIFE, OLD_PREKEYS_MAX, PREKEYS_LIFE, WALL_MIN_MS};
use crate::time::Wall;

/// The keys of one device by the time in which they were published; `K` is those of one era.
#[derive(Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Eras<K> {
    #[n(0)]
    pub(crate) current: K,
    /// Of the current one. They count from 0.
    #[n(1)]
    number: u32,
    /// When the current one began, ms since 1970; none before the first keys are published.
    #[n(2)]
    since: Option<u64>,
    /// Ended ones, the oldest first.
    #[n(3)]
    old: VecDeque<Old<K>>,
}

#[derive(Debug, Encode, Decode)]
#[cbor(map)]
struct Old<K> {
    #[n(0)]
    keys: K,
    #[n(1)]
    number: u32,
    /// When the next one began, ms since 1970.
    #[n(2)]
    ended: u64,
}

impl<K> Eras<K> {
    /// Of a device that has published nothing yet.
    pub(crate) const fn new(keys: K) -> Self {
        Self { current: keys, number: 0, since: None, old: VecDeque::new() }
    }

    /// Of a device that was saved before its keys had ages: nobody knows how old they are, so they are due.
    pub(crate) const fn ageless(keys: K) -> Self {
        Self { current: keys, number: 0, since: Some(0), old: VecDeque::new() }
    }

    /// Ends the current era if it is due; `renew` leaves the next one's keys in place and returns the last one's. Forgets
    /// what ended long ago. Returns whether anything changed.
    pub(crate) fn age(&mut self, wall: Wall, renew: impl FnOnce(&mut K) -> K) -> bool {
        // A machine without a clock of its own begins in 1970: nothing is of that time, and nothing is to be put back to it.
        if wall.0 < WALL_MIN_MS {
            return false;
        }
        // By a clock that was set back nothing lives longer than from now on.
        let since = self.since.map_or(wall.0, |since| since.min(wall.0));
        let mut changed = self.since.replace(since) != Some(since);
        for old in self.old.iter_mut().filter(|old| old.ended > wall.0) {
            old.ended = wall.0;
            changed = true;
        }
        if u128::from(wall.0 - since) >= PREKEYS_LIFE.as_millis() {
            let keys = renew(&mut self.current);
            self.old.push_back(Old { keys, number: self.number, ended: wall.0 });
            self.number += 1;
            self.since = Some(wall.0);
            changed = true;
        }
        let lives = |old: &Old<K>| u128::from(wall.0 - old.ended) < OLD_PREKEYS_LIFE.as_millis();
        while self.old.len() > OLD_PREKEYS_MAX || self.old.front().is_some_and(|old| !lives(old)) {
            self.old.pop_front();
            changed = true;
        }
        changed
    }

    /// Each era whose keys still open something, with its number; the current one first.
    pub(crate) fn each(&mut self) -> impl Iterator<Item = (u32, &mut K)> {
        let old = self.old.iter_mut().rev().map(|old| (old.number, &mut old.keys));
        core::iter::once((self.number, &mut self.current)).chain(old)
    }

    /// The number of the oldest of them.
    pub(crate) fn oldest(&self) -> u32 {
        self.old.front().map_or(self.number, |old| old.number)
    }

    /// The same ages of other keys, as they are saved or taken back.
    pub(crate) fn map<T, E>(&self, key: impl Fn(&K) -> Result<T, E>) -> Result<Eras<T>, E> {
        let old = self
            .old
            .iter()
            .map(|old| key(&old.keys).map(|keys| Old { keys, number: old.number, ended: old.ended }));
        let old = old.collect::<Result<_, _>>()?;
        Ok(Eras { current: key(&self.current)?, number: self.number, since: self.since, old })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3_600_000;
    const START: u64 = 1_800_000_000_000;

    fn numbers(eras: &mut Eras<u32>) -> Vec<u32> {
        eras.each()
            .map(|(number, keys)| {
                assert_eq!(number, *keys, "the era has its keys");
                number
            })
            .collect()
    }

    fn age(eras: &mut Eras<u32>, at: u64) -> bool {
        eras.age(Wall(at), |keys| {
            *keys += 1;
            *keys - 1
        })
    }

    #[test]
    fn keys_live_a_week_and_open_for_thirty_days_more() {
        let mut eras = Eras::new(0);
        assert!(age(&mut eras, START), "the first keys are as old as their first day");
        assert!(!age(&mut eras, START + 7 * DAY - 1));
        assert!(age(&mut eras, START + 7 * DAY));
        assert_eq!(numbers(&mut eras), [1, 0]);
        assert!(!age(&mut eras, START + 14 * DAY - 1));
        for day in 14..37 {
            age(&mut eras, START + day * DAY);
        }
        assert_eq!((numbers(&mut eras), eras.oldest()), (vec![5, 4, 3, 2, 1, 0], 0));
        age(&mut eras, START + 37 * DAY - 1);
        assert_eq!(eras.oldest(), 0);
        assert!(age(&mut eras, START + 37 * DAY));
        assert_eq!(eras.oldest(), 1);
    }

    #[test]
    fn who_was_away_for_long_still_opens_what_was_sealed_meanwhile() {
        let mut eras = Eras::new(0);
        age(&mut eras, START);
        age(&mut eras, START + 400 * DAY);
        assert_eq!(numbers(&mut eras), [1, 0]);
        age(&mut eras, START + 429 * DAY);
        assert_eq!(eras.oldest(), 0);
        age(&mut eras, START + 430 * DAY);
        assert_eq!(eras.oldest(), 2 - 1);
    }

    #[test]
    fn a_clock_that_jumps_neither_keeps_keys_for_ever_nor_piles_them_up() {
        let mut eras = Eras::new(0);
        age(&mut eras, START + 4_000 * DAY);
        assert!(age(&mut eras, START), "the clock was put right");
        assert!(age(&mut eras, START + 7 * DAY));
        for n in 0..100 {
            age(&mut eras, START + (n % 2) * 8 * DAY + n * DAY);
        }
        assert!(eras.old.len() <= OLD_PREKEYS_MAX);
    }

    #[test]
    fn keys_of_unknown_age_are_due() {
        let mut eras = Eras::ageless(0);
        assert!(age(&mut eras, START));
        assert_eq!(numbers(&mut eras), [1, 0]);
    }

    #[test]
    fn a_clock_that_was_never_set_ages_nothing() {
        let mut eras = Eras::new(0);
        eras.age(Wall(START), |keys| core::mem::replace(keys, 1));
        eras.age(Wall(START + 8 * DAY), |keys| core::mem::replace(keys, 1));
        let before = numbers(&mut eras);
        assert_eq!(before.len(), 2);
        for wall in [Wall(0), Wall(START + 9 * DAY)] {
            assert!(!eras.age(wall, |_| unreachable!("it is a day old")), "{wall:?}");
        }
        assert_eq!(numbers(&mut eras), before);
    }
}
