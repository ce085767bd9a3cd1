//! The only clock of the client's shell. The loop reads it once per turn, after it woke.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use proto::{Now, Time, Wall};

/// Monotonic time since the program's start, and the wall's time for people.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose epoch is now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The time.
    pub fn now(&self) -> Now {
        let us = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono: Time::us(us(self.start.elapsed())), wall: Wall(us(since_1970) / 1_000) }
    }
}

/// How long to wait for `deadline`: whole milliseconds, as the poll counts, and never too short, which would spin.
pub fn wait_for(deadline: Option<Time>, now: Time) -> Option<Duration> {
    let wait = deadline?.since(now);
    Some(Duration::from_millis(u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_does_not_end_early() {
        assert_eq!(wait_for(None, Time::ZERO), None);
        assert_eq!(wait_for(Some(Time::us(1_001)), Time::ZERO), Some(Duration::from_millis(2)));
        assert_eq!(wait_for(Some(Time::ms(1)), Time::ms(2)), Some(Duration::ZERO));
    }
}
