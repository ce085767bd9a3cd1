//! Whether a sound card's stream must be rebuilt, told by nothing but its counts: a storm of faults, or no callback for too
//! long. Only numbers come in, once a look, so that all of it can be tried without a card.

/// Faults in one look above which a stream is rebuilt.
const FAULTS_MAX: u64 = 20;
/// Looks without a callback after which a stream counts as dead: three seconds.
const STILL_MAX: u32 = 30;
/// Looks that a stream must have lived to be opened again at once when it dies.
const LIVED_MIN: u32 = 20;
/// Looks before the first retry, and at most between two.
const RETRY: (u32, u32) = (2, 50);

/// What was seen of one stream so far.
#[derive(Debug, Default)]
pub(super) struct Signs {
    calls: u64,
    faults: u64,
    still: u32,
    lived: u32,
}

impl Signs {
    /// One look, at the callbacks and the faults there were so far: whether the stream must be rebuilt. A paused one may be
    /// still.
    pub(super) fn look(&mut self, calls: u64, faults: u64, paused: bool) -> bool {
        let still = calls == self.calls && !paused;
        self.still = if still { self.still + 1 } else { 0 };
        let faulty = faults - self.faults > FAULTS_MAX;
        (self.calls, self.faults) = (calls, faults);
        self.lived = self.lived.saturating_add(u32::from(!still));
        faulty || self.still > STILL_MAX
    }

    /// Whether it lived so long that what killed it may be over. One that stood still did not: if the next one does nothing
    /// but that, there is no sound to be had.
    pub(super) fn has_lived(&self) -> bool {
        self.lived >= LIVED_MIN
    }
}

/// The pauses between the tries to open one half. They grow until what was opened has lived: what opens and dies at once
/// is as broken as what does not open.
#[derive(Debug)]
pub(super) struct Pauses(u32);

impl Default for Pauses {
    fn default() -> Self {
        Self(RETRY.0)
    }
}

impl Pauses {
    /// Looks until the next try.
    pub(super) fn next(&mut self) -> u32 {
        let looks = self.0;
        self.0 = (looks * 2).min(RETRY.1);
        looks
    }

    /// What was opened is looked at: it has lived, or not yet.
    pub(super) fn saw(&mut self, lived: bool) {
        if lived {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::callback::FATAL;

    #[test]
    fn a_storm_of_faults_is_the_end_and_some_are_not() {
        // Faults between two looks. Thirty thousand a second are three thousand.
        let table = [(0, false), (1, false), (20, false), (21, true), (3_000, true), (FATAL, true)];
        for (each, rebuilt) in table {
            let mut signs = Signs::default();
            // Those of the looks before do not count again, however many they are.
            for look in 1..=100 {
                assert_eq!(signs.look(look, look * each, false), rebuilt, "{each} a look, at look {look}");
            }
        }
        let mut signs = Signs::default();
        assert!(signs.look(0, FATAL, true), "a paused stream can be lost, too");
        assert!(!signs.look(0, FATAL, true), "once");
    }

    /// Looks at a stream that stands still until it must be rebuilt, at most `most` times; how many that were.
    fn looks_until_dead(signs: &mut Signs, calls: u64, most: usize) -> Option<usize> {
        (1..=most).find(|_| signs.look(calls, 0, false))
    }

    #[test]
    fn a_stream_without_a_callback_is_dead_after_three_seconds() {
        let mut signs = Signs::default();
        assert_eq!(looks_until_dead(&mut signs, 0, 100), Some(31), "it never began");
        let mut signs = Signs::default();
        for calls in 1..=100 {
            assert!(!signs.look(calls, 0, false), "one callback a look is life");
            assert_eq!(looks_until_dead(&mut signs, calls, 30), None, "it came in time");
        }
        assert_eq!(looks_until_dead(&mut signs, 100, 1), Some(1), "and then none came");
    }

    #[test]
    fn a_pause_does_not_count_as_standing_still() {
        let mut signs = Signs::default();
        assert!(!signs.look(7, 0, false));
        for _ in 0..10 {
            assert_eq!(looks_until_dead(&mut signs, 7, 30), None);
            assert!((0..100).all(|_| !signs.look(7, 0, true)), "however long it is");
        }
        assert_eq!(looks_until_dead(&mut signs, 7, 100), Some(31), "counted from its end");
    }

    #[test]
    fn the_pauses_grow_until_something_has_lived() {
        let mut pauses = Pauses::default();
        let mut after = |looks: u64| {
            let mut signs = Signs::default();
            for look in 1..=looks {
                signs.look(look, 0, false);
                pauses.saw(signs.has_lived());
            }
            pauses.next()
        };
        assert_eq!([0, 5, 19, 0, 1, 0, 7].map(&mut after), [2, 4, 8, 16, 32, 50, 50]);
        assert_eq!([20, 0, 0].map(&mut after), [2, 4, 8]);
    }

    #[test]
    fn what_dies_young_is_not_opened_again_at_once() {
        let mut signs = Signs::default();
        for look in 1..=40 {
            signs.look(look, 0, false);
            assert_eq!(signs.has_lived(), look >= 20, "after {look} looks");
        }
        let mut signs = Signs::default();
        assert_eq!(looks_until_dead(&mut signs, 1, 100), Some(32));
        assert!(!signs.has_lived(), "one callback is no life");
        let mut signs = Signs::default();
        (0..20).for_each(|_| assert!(!signs.look(0, 0, true)));
        assert!(signs.has_lived(), "a paused one is well");
    }
}
