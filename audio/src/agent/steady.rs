//! Whether a device comes in time. One that stands still for a tenth of a second and then makes up for it loses nothing,
//! but whoever listens hears a hole, and waits longer for everything after it.

use std::time::Duration;

use proto::Time;

/// So much later than usual is late: more than any device's unevenness, and what a listener hears as a hole.
const LATE: Duration = Duration::from_millis(80);
/// Visits until a device's habit is known; most begin with what they had kept.
const KNOWN: u32 = 50;
/// The share of the last pause in the usual one.
const SHARE: u32 = 8;

/// The pauses between a device's visits: when it brings or takes samples.
#[derive(Debug, Default)]
pub(super) struct Steady {
    last: Option<Time>,
    usual: Duration,
    visits: u32,
    late: Duration,
}

impl Steady {
    /// It came.
    pub(super) fn visit(&mut self, now: Time) {
        self.visits = self.visits.saturating_add(1);
        let Some(last) = self.last.replace(now) else { return };
        let pause = now - last;
        if self.visits > KNOWN && pause > self.usual + LATE {
            self.late += pause - self.usual;
        }
        self.usual = (self.usual * (SHARE - 1) + pause) / SHARE;
    }

    /// It is not expected until it comes again: a microphone that is muted rests.
    pub(super) fn rest(&mut self) {
        self.last = None;
    }

    /// By how much it was late, all in all.
    pub(super) fn late(&self) -> Duration {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Visits `pauses` after each other, in milliseconds.
    fn late(pauses: impl IntoIterator<Item = u64>) -> Duration {
        let (mut steady, mut now) = (Steady::default(), Time::secs(1));
        for pause in pauses {
            now += Duration::from_millis(pause);
            steady.visit(now);
        }
        steady.late()
    }

    #[test]
    fn a_device_that_stands_still_now_and_then_is_late() {
        let second = || [150].into_iter().chain([10; 35]);
        let late = late([10; 60].into_iter().chain(second()).chain(second()));
        assert!((Duration::from_millis(270)..Duration::from_millis(290)).contains(&late), "{late:?}");
    }

    #[test]
    fn one_that_is_always_slow_or_uneven_is_not() {
        assert_eq!(late([100; 200]), Duration::ZERO);
        assert_eq!(late([5, 40, 10, 80].repeat(100)), Duration::ZERO);
        assert_eq!(late([10; 30].into_iter().chain([300]).chain([10; 100])), Duration::ZERO, "it begins");
    }

    #[test]
    fn one_that_rests_is_not() {
        let mut steady = Steady::default();
        (0..100).for_each(|n| steady.visit(Time::ms(n * 10)));
        steady.rest();
        (500..600).for_each(|n| steady.visit(Time::ms(n * 10)));
        assert_eq!(steady.late(), Duration::ZERO);
        steady.visit(Time::ms(6_200));
        assert_eq!(steady.late().as_millis(), 200, "a rest that is over is none");
    }
}
