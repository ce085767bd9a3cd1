//! How many packets are lost, and in what runs: one here and there, or several in a row. A hole is counted once nothing
//! that still comes could be played, so that a packet which was only overtaken is not lost.
//!
//! ```text
//!  counted           open              highest
//!  x x x . x x x | . x x . . x x x x x x x
//!                  ^ the oldest hole: passed less than OPEN_FOR ago
//! ```

use core::time::Duration;

use crate::time::Time;

/// How long a hole may still be filled after a later packet came. Networks that a call is held over make one wait about
/// so long: of a jitter of 30 ms deviation one packet in a thousand comes later.
const OPEN_FOR: Duration = Duration::from_millis(100);
/// Counters that are open at most: 160 ms of 5 ms frames.
const OPEN: u32 = 32;

/// The runs of one key's counters.
#[derive(Debug, Default)]
pub(super) struct Bursts {
    highest: Option<u64>,
    /// Counters up to the highest that are not counted yet.
    open: u32,
    /// Which of them came: bit 0 is the highest.
    bits: u32,
    /// When something later than each came, by its counter.
    passed: [Time; OPEN as usize],
    /// The last counter that was closed did not come.
    in_run: bool,
    /// Counters nothing can fill any more.
    closed: u64,
    /// Those that did not come, and the runs they make.
    lost: u64,
    runs: u64,
    /// Those that nobody listened for, which are neither.
    spared: u64,
}

impl Bursts {
    /// A packet of this counter came.
    pub(super) fn came(&mut self, counter: u64, now: Time) {
        // What was before the first was not lost.
        let highest = self.highest.unwrap_or(counter.wrapping_sub(1));
        let ahead = counter.wrapping_sub(highest);
        if self.highest.is_some() && counter <= highest {
            let back = highest - counter;
            if back < u64::from(self.open) {
                self.bits |= 1 << back;
            }
        } else {
            self.pass(ahead);
            self.highest = Some(counter);
            (0..u64::from(OPEN).min(ahead)).for_each(|back| self.passed[place(counter - back)] = now);
        }
        self.settle(now);
    }

    /// The next packet came that many counters after the highest.
    fn pass(&mut self, ahead: u64) {
        let shift = u32::try_from(ahead).unwrap_or(u32::MAX).min(OPEN);
        while self.open > OPEN - shift {
            self.close_oldest();
        }
        let beyond = ahead - u64::from(shift);
        if beyond > 0 {
            self.close(false);
            self.closed = self.closed.saturating_add(beyond - 1);
            self.lost = self.lost.saturating_add(beyond - 1);
        }
        self.bits = self.bits.checked_shl(shift).unwrap_or(0) | 1;
        self.open += shift;
    }

    /// The next packet that came is of this counter, and of those missing before it so many are not to be counted: nobody
    /// listened.
    pub(super) fn spare(&mut self, counter: u64, of_missing: impl FnOnce(u64) -> u64) {
        let Some(highest) = self.highest.filter(|highest| *highest < counter) else { return };
        while self.open > 0 {
            self.close_oldest();
        }
        let missing = counter - highest - 1;
        let spared = of_missing(missing).min(missing);
        self.highest = Some(highest + spared);
        self.spared = self.spared.saturating_add(spared);
        self.in_run = false;
    }

    /// Counts what is known for good.
    fn settle(&mut self, now: Time) {
        let Some(highest) = self.highest else { return };
        while self.open > 0 {
            let oldest = highest - u64::from(self.open - 1);
            if self.bits & 1 << (self.open - 1) == 0 && now - self.passed[place(oldest)] < OPEN_FOR {
                return;
            }
            self.close_oldest();
        }
    }

    fn close_oldest(&mut self) {
        self.open -= 1;
        self.close(self.bits & 1 << self.open != 0);
    }

    fn close(&mut self, came: bool) {
        self.closed = self.closed.saturating_add(1);
        if !came {
            self.lost = self.lost.saturating_add(1);
            self.runs = self.runs.saturating_add(u64::from(!self.in_run));
        }
        self.in_run = !came;
    }

    /// Counters start anew; what is open and did not come is lost.
    pub(super) fn new_key(&mut self) {
        while self.open > 0 {
            self.close_oldest();
        }
        self.highest = None;
        self.in_run = false;
    }

    /// Packets lost, and the runs they were lost in, so far.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.lost, self.runs)
    }

    /// Packets that were either lost or came for good, so far.
    pub(super) fn closed(&self) -> u64 {
        self.closed
    }

    /// Packets that are counted as neither, so far.
    pub(super) fn spared(&self) -> u64 {
        self.spared
    }

    /// The counter of this key up to which is counted; nothing before the first.
    pub(super) fn counted_to(&self) -> Option<u64> {
        self.highest.map(|highest| highest.wrapping_sub(u64::from(self.open)))
    }
}

fn place(counter: u64) -> usize {
    (counter % u64::from(OPEN)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Of counters that come each 10 ms.
    fn counts(came: impl IntoIterator<Item = u64>) -> (u64, u64) {
        let mut bursts = Bursts::default();
        (0..).zip(came).for_each(|(n, counter)| bursts.came(counter, Time::ms(n * 10)));
        bursts.counts()
    }

    #[test]
    fn runs_are_counted_when_nothing_can_fill_them_any_more() {
        let gaps = |n: &u64| !(*n == 5 || (10..13).contains(n));
        assert_eq!(counts((0..20).filter(gaps)), (1, 1), "the second may still come");
        assert_eq!(counts((0..60).filter(gaps)), (4, 2));
        let overtaken = [0, 1, 3, 4, 2, 5].into_iter().chain(6..60);
        assert_eq!(counts(overtaken), (0, 0));
    }

    #[test]
    fn nothing_is_waited_for_where_nothing_is_missing() {
        let mut bursts = Bursts::default();
        for n in 0..50 {
            bursts.came(n, Time::ms(n * 10));
            assert_eq!((bursts.closed(), bursts.counted_to()), (n + 1, Some(n)));
        }
        for n in 51..60 {
            bursts.came(n, Time::ms(n * 10));
            assert_eq!(bursts.counted_to(), Some(49), "the hole may be filled");
        }
        bursts.came(60, Time::ms(610));
        assert_eq!((bursts.counted_to(), bursts.counts()), (Some(60), (1, 1)));
    }

    #[test]
    fn a_long_gap_is_one_run_however_long() {
        assert_eq!(counts((0..40).chain(1_000..1_100)), (960, 1));
        assert_eq!(counts([0, 33].into_iter().chain(34..90)), (32, 1));
        assert_eq!(counts([0, u64::MAX]), (u64::MAX - 32, 1));
        assert_eq!(counts([u64::MAX, 0, 5]), (0, 0));
    }

    #[test]
    fn a_new_key_ends_a_run_and_begins_none() {
        let mut bursts = Bursts::default();
        [0, 1, 5].into_iter().for_each(|counter| bursts.came(counter, Time::ZERO));
        bursts.new_key();
        assert_eq!((bursts.counts(), bursts.closed()), ((3, 1), 6));
        (7..100).for_each(|counter| bursts.came(counter, Time::ZERO));
        assert_eq!(bursts.counts(), (3, 1), "what was sent before the first was not for us");
    }

    #[test]
    fn what_nobody_listened_for_is_neither_lost_nor_come() {
        let mut bursts = Bursts::default();
        [0, 1, 3].into_iter().for_each(|counter| bursts.came(counter, Time::ZERO));
        bursts.spare(1_004, |missing| {
            assert_eq!(missing, 1_000);
            missing - 10
        });
        (0..6).for_each(|n| bursts.came(1_004 + n, Time::ms(1_000 + n * 50)));
        assert_eq!((bursts.counts(), bursts.spared()), ((11, 2), 990), "the hole before and the rest of it");
        assert_eq!((bursts.closed(), bursts.counted_to()), (20, Some(1_009)));
        bursts.spare(1_005, |_| panic!("nothing is missing before what is old"));
    }

    proptest! {
        #[test]
        fn any_counters_are_taken(came in prop::collection::vec(any::<u64>(), 0..50), near in any::<bool>()) {
            let mut bursts = Bursts::default();
            came.iter().for_each(|counter| bursts.came(if near { counter % 200 } else { *counter }, Time::ZERO));
            bursts.new_key();
            let (lost, runs) = bursts.counts();
            prop_assert!(runs <= lost && runs <= came.len() as u64 && lost <= bursts.closed());
        }

        #[test]
        fn order_within_the_window_does_not_matter(kept in prop::collection::vec(any::<bool>(), 200), swap in 1..190_usize) {
            let kept = |n: &u64| n.is_multiple_of(5) || *n >= 200 || kept[usize::try_from(*n).unwrap()];
            let mut numbers: Vec<u64> = (0..300).filter(kept).collect();
            let in_order = counts(numbers.iter().copied());
            let at = swap.min(numbers.len() - 110);
            numbers.swap(at, at + 1);
            prop_assert_eq!(counts(numbers), in_order);
        }
    }
}
