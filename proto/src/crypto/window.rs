//! Which frame counters of one key were seen (RFC 9605 section 9.3). Peek first, mark after the tag checks: a
//! forged packet must not age real ones.

use crate::limits::REPLAY_WINDOW;

/// The last [`REPLAY_WINDOW`] counters of one key.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// One past the highest counter marked; zero when none is.
    next: u64,
    /// Bit `n` is counter `next - 1 - n`.
    seen: u128,
}

impl Window {
    /// Whether the counter is neither seen nor too old to know. The last number there is never is: nothing could
    /// stand after it, and no sender lives that long.
    pub fn is_fresh(&self, counter: u64) -> bool {
        if counter >= self.next {
            return counter < u64::MAX;
        }
        let back = self.next - 1 - counter;
        back < REPLAY_WINDOW && self.seen & (1 << back) == 0
    }

    /// Remembers a counter that was fresh and whose packet was authenticated.
    pub fn mark(&mut self, counter: u64) {
        if counter < self.next {
            let back = self.next - 1 - counter;
            if back < REPLAY_WINDOW {
                self.seen |= 1 << back;
            }
            return;
        }
        let ahead = (counter - self.next).saturating_add(1);
        self.seen = u32::try_from(ahead).ok().and_then(|n| self.seen.checked_shl(n)).unwrap_or(0) | 1;
        self.next = counter.saturating_add(1);
    }
}

const _: () = assert!(REPLAY_WINDOW == 128, "one bit of a u128 per counter");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_counter_counts_once_in_any_order() {
        let mut window = Window::default();
        for counter in [5, 3, 4, 200, 100] {
            assert!(window.is_fresh(counter));
            window.mark(counter);
            assert!(!window.is_fresh(counter));
        }
        assert!(!window.is_fresh(3), "older than the window");
        assert!(window.is_fresh(73) && !window.is_fresh(72));
    }

    #[test]
    fn the_far_end_does_not_overflow() {
        let mut window = Window::default();
        assert!(!window.is_fresh(u64::MAX));
        window.mark(u64::MAX);
        assert!(window.is_fresh(u64::MAX - 2) && !window.is_fresh(u64::MAX));
        let mut window = Window::default();
        window.mark(u64::MAX - 1);
        assert!(
            window.is_fresh(u64::MAX - 2) && !window.is_fresh(u64::MAX - 1) && !window.is_fresh(u64::MAX)
        );
    }

    proptest! {
        #[test]
        fn agrees_with_a_list_of_all(counters in prop::collection::vec(0..400u64, 0..300)) {
            let (mut window, mut all) = (Window::default(), BTreeSet::new());
            for counter in counters {
                let recent = all.last().is_none_or(|high| counter + REPLAY_WINDOW > *high);
                prop_assert_eq!(window.is_fresh(counter), recent && !all.contains(&counter));
                window.mark(counter);
                all.insert(counter);
            }
        }
    }
}
