//! The only clock of the crate. A loop reads it once per turn and hands the reading to everything in the turn.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use proto::{Now, Time, Wall};

/// Monotonic time since the server's start, and wall time for people. All threads share one epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose epoch is now.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The time.
    pub(crate) fn now(&self) -> Now {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let us = |d: Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
        Now { mono: Time::us(us(self.start.elapsed())), wall: Wall(us(since_1970) / 1_000) }
    }
}

/// How long to wait for `deadline`, rounded up to the poll's granularity of a millisecond: waking early would spin.
pub(crate) fn wait_for(deadline: Option<Time>, now: Time) -> Option<Duration> {
    let wait = deadline?.since(now);
    let whole = u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
    Some(Duration::from_millis(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_never_end_before_the_deadline() {
        assert_eq!(wait_for(None, Time::ZERO), None);
        assert_eq!(wait_for(Some(Time::us(1)), Time::ZERO), Some(Duration::from_millis(1)));
        assert_eq!(wait_for(Some(Time::ms(2)), Time::ZERO), Some(Duration::from_millis(2)));
        assert_eq!(wait_for(Some(Time::ms(1)), Time::ms(5)), Some(Duration::ZERO));
    }

    #[test]
    fn time_does_not_go_back() {
        let clock = Clock::start();
        let (a, b) = (clock.now(), clock.now());
        assert!(b.mono >= a.mono && a.wall.0 > 1_600_000_000_000);
    }
}
