//! In what runs packets are lost: one here and there, or several in a row. Counted once nothing can fill a hole any
//! more, so that a packet which was only overtaken makes no run.

/// Counters that a late packet may still fill: 320 ms of 10 ms frames.
const OPEN: u32 = 32;

/// The runs of one key's counters.
#[derive(Debug, Default)]
pub(super) struct Bursts {
    /// Highest counter, and which of the [`OPEN`] up to it came: bit 0 is the highest.
    newest: Option<(u64, u32)>,
    /// The last counter that was closed did not come.
    in_run: bool,
    /// Counters that did not come, and the runs they make.
    lost: u64,
    runs: u64,
}

impl Bursts {
    /// A packet of this counter came.
    pub(super) fn came(&mut self, counter: u64) {
        let Some((highest, bits)) = self.newest else {
            // What was before the first was not lost.
            self.newest = Some((counter, u32::MAX));
            return;
        };
        if counter <= highest {
            let back = highest - counter;
            if back < u64::from(OPEN) {
                self.newest = Some((highest, bits | 1 << back));
            }
            return;
        }
        let ahead = counter - highest;
        let shift = u32::try_from(ahead).unwrap_or(u32::MAX).min(OPEN);
        for n in 1..=shift {
            self.close(bits & (1 << (OPEN - n)) != 0);
        }
        let beyond = ahead.saturating_sub(u64::from(OPEN));
        if beyond > 0 {
            self.close(false);
            self.lost = self.lost.saturating_add(beyond - 1);
        }
        self.newest = Some((counter, bits.checked_shl(shift).unwrap_or(0) | 1));
    }

    fn close(&mut self, came: bool) {
        if !came {
            self.lost = self.lost.saturating_add(1);
            self.runs = self.runs.saturating_add(u64::from(!self.in_run));
        }
        self.in_run = !came;
    }

    /// Counters start anew; what is open and did not come is lost.
    pub(super) fn new_key(&mut self) {
        if let Some((_, bits)) = self.newest.take() {
            (0..OPEN).rev().for_each(|back| self.close(bits & (1 << back) != 0));
        }
        self.in_run = false;
    }

    /// Packets lost, and the runs they were lost in, so far.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.lost, self.runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(came: impl IntoIterator<Item = u64>) -> (u64, u64) {
        let mut bursts = Bursts::default();
        came.into_iter().for_each(|counter| bursts.came(counter));
        bursts.counts()
    }

    #[test]
    fn runs_are_counted_when_nothing_can_fill_them_any_more() {
        let gaps = |n: &u64| !(*n == 5 || (10..13).contains(n));
        assert_eq!(counts((0..40).filter(gaps)), (1, 1), "the second may still come");
        assert_eq!(counts((0..60).filter(gaps)), (4, 2));
        let overtaken = [0, 1, 3, 4, 2, 5].into_iter().chain(6..60);
        assert_eq!(counts(overtaken), (0, 0));
    }

    #[test]
    fn a_long_gap_is_one_run_however_long() {
        assert_eq!(counts((0..40).chain(1_000..1_100)), (960, 1));
        assert_eq!(counts([0, 33].into_iter().chain(34..90)), (32, 1));
        assert_eq!(counts([0, u64::MAX]), (u64::MAX - 32, 1));
    }

    #[test]
    fn a_new_key_ends_a_run_and_begins_none() {
        let mut bursts = Bursts::default();
        [0, 1, 5].into_iter().for_each(|counter| bursts.came(counter));
        bursts.new_key();
        assert_eq!(bursts.counts(), (3, 1));
        (7..100).for_each(|counter| bursts.came(counter));
        assert_eq!(bursts.counts(), (3, 1), "what was sent before the first was not for us");
    }

    proptest! {
        #[test]
        fn any_counters_are_taken(came in prop::collection::vec(any::<u64>(), 0..50), near in any::<bool>()) {
            let mut bursts = Bursts::default();
            came.iter().for_each(|counter| bursts.came(if near { counter % 200 } else { *counter }));
            bursts.new_key();
            let (lost, runs) = bursts.counts();
            prop_assert!(runs <= lost && runs <= came.len() as u64);
        }

        #[test]
        fn order_within_the_window_does_not_matter(kept in prop::collection::vec(any::<bool>(), 200), swap in 0..199_usize) {
            let mut numbers: Vec<u64> =
                (0..300).filter(|n| *n == 0 || *n >= 200 || kept[usize::try_from(*n).unwrap()]).collect();
            let in_order = counts(numbers.iter().copied());
            let at = swap.min(numbers.len() - 2).max(1);
            numbers.swap(at, at + 1);
            prop_assert_eq!(counts(numbers), in_order);
        }
    }
}
