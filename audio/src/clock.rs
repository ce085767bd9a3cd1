//! The only room of the crate that reads the time. The voice thread asks once per turn, after it woke.

#![expect(clippy::disallowed_methods, reason = "this is the clock")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use proto::{Now, Time, Wall};

/// Monotonic time since the clock was made, with the wall's time beside it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Instant,
}

impl Clock {
    /// Time zero is now.
    pub fn start() -> Self {
        Self { epoch: Instant::now() }
    }

    /// The time.
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono: self.mono(), wall: Wall(us(wall) / 1_000) }
    }

    /// The monotonic time alone, for whoever asks often.
    pub fn mono(&self) -> Time {
        Time::us(us(self.epoch.elapsed()))
    }
}

fn us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
