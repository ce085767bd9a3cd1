//! How long the voice thread's turns take, from waking to the next wait, whatever they did: moving voice, commands,
//! figures, and being put aside by the system. Counted in classes, so that a call of hours takes no more room than one
//! of a second, and no turn takes longer for it.

use std::time::Duration;

/// Classes to each doubling: a class is at most a quarter wider than what it begins with.
const PER_DOUBLING: u32 = 4;
/// The last class begins at 57 ms; everything above is in it.
const CLASSES: usize = 64;

/// Counts of turns by how long they took.
pub(super) struct Turns {
    classes: [u32; CLASSES],
    longest: Duration,
}

impl Default for Turns {
    fn default() -> Self {
        Self { classes: [0; CLASSES], longest: Duration::ZERO }
    }
}

impl Turns {
    /// One turn took so long.
    pub(super) fn took(&mut self, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        let class = &mut self.classes[class_of(micros)];
        *class = class.saturating_add(1);
        self.longest = self.longest.max(time);
    }

    /// What `percent` of all turns did not take longer than, rounded up to the end of a class; zero before the first.
    pub(super) fn percentile(&self, percent: u64) -> Duration {
        let total: u64 = self.classes.iter().map(|&count| u64::from(count)).sum();
        let wanted = (total * percent).div_ceil(100);
        let mut seen = 0;
        for (class, &count) in self.classes.iter().enumerate() {
            seen += u64::from(count);
            if seen >= wanted && count > 0 {
                return Duration::from_micros(u64::from(end_of(class))).min(self.longest);
            }
        }
        Duration::ZERO
    }
}

/// Four classes of one microsecond each, then four to each doubling.
fn class_of(micros: u32) -> usize {
    if micros < PER_DOUBLING {
        return micros as usize;
    }
    let doubling = micros.ilog2();
    let within = (micros >> (doubling - 2)) & (PER_DOUBLING - 1);
    (((doubling - 1) * PER_DOUBLING + within) as usize).min(CLASSES - 1)
}

/// The longest time in a class, in microseconds.
fn end_of(class: usize) -> u32 {
    let class = class as u32;
    if class < PER_DOUBLING {
        return class;
    }
    let doubling = class / PER_DOUBLING + 1;
    let within = class % PER_DOUBLING;
    ((PER_DOUBLING + within + 1) << (doubling - 2)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_in_the_class_that_ends_at_or_after_it() {
        for micros in (0..70_000).chain([u32::MAX]) {
            let class = class_of(micros);
            assert!(micros <= end_of(class) || class == CLASSES - 1, "{micros} in {class}");
            assert!(class == 0 || micros > end_of(class - 1), "{micros} in {class}");
        }
    }

    #[test]
    fn one_long_turn_in_fifty_is_seen_and_one_in_a_thousand_is_not() {
        let p99 = |long: u32| {
            let mut turns = Turns::default();
            (0..1_000).for_each(|_| turns.took(Duration::from_micros(90)));
            (0..long).for_each(|_| turns.took(Duration::from_millis(3)));
            turns.percentile(99)
        };
        assert_eq!(Turns::default().percentile(99), Duration::ZERO);
        assert!((90..112).contains(&p99(1).as_micros()), "{:?}", p99(1));
        assert_eq!(p99(20), Duration::from_millis(3));
    }

    #[test]
    fn what_is_longer_than_any_class_is_told_as_the_longest() {
        let mut turns = Turns::default();
        turns.took(Duration::from_secs(2));
        assert!(turns.percentile(99) >= Duration::from_millis(57));
        assert!(turns.percentile(99) <= Duration::from_secs(2));
    }
}
