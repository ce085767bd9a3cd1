//! Time is a guest, not a resident: every machine is told it, none asks for it.
//!
//! Three kinds are kept apart. [`Time`] is monotonic and decides; [`Wall`] is what a human reads and decides
//! nothing but the age of what outlives a program (invites, published keys); media time is counted in samples and lives in the audio crate. Durations are plain
//! [`core::time::Duration`].

use core::fmt;
use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

/// Monotonic time in microseconds since an epoch that the shell chose (its start). Never goes back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// The shell's epoch.
    pub const ZERO: Self = Self(0);

    /// `n` microseconds after the epoch.
    pub const fn us(n: u64) -> Self {
        Self(n)
    }

    /// `n` milliseconds after the epoch.
    pub const fn ms(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }

    /// `n` seconds after the epoch.
    pub const fn secs(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    pub const fn as_us(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the epoch.
    pub const fn as_ms(self) -> u64 {
        self.0 / 1_000
    }

    /// So long before; the epoch when that is before it.
    pub fn back(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not after.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(rhs.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, rhs: Duration) {
        *self = *self + rhs;
    }
}

impl Sub for Time {
    type Output = Duration;

    fn sub(self, rhs: Self) -> Duration {
        self.since(rhs)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// Wall-clock time in milliseconds since 1970-01-01 UTC. For people, for expiry dates on the wire, and for ages over restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wall(pub u64);

impl Wall {
    /// Whole seconds since 1970, as the 32-bit expiry of a relay ticket carries them. Saturates in 2106.
    pub fn as_secs_u32(self) -> u32 {
        u32::try_from(self.0 / 1_000).unwrap_or(u32::MAX)
    }
}

/// What a shell reads once per turn of its loop and hands to everything in that turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Now {
    /// Decides.
    pub mono: Time,
    /// Is shown.
    pub wall: Wall,
}

impl Now {
    /// A virtual clock's reading: the wall started at `epoch` when the monotonic clock read zero.
    pub fn at(mono: Time, epoch: Wall) -> Self {
        Self { mono, wall: Wall(epoch.0 + mono.as_ms()) }
    }
}

/// The earlier of two optional deadlines. `Option::min` would put `None` first and sleep for ever.
pub fn earliest(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_due_never_hides_something_due() {
        assert_eq!(earliest(None, Some(Time::ms(5))), Some(Time::ms(5)));
        assert_eq!(earliest(Some(Time::ms(5)), None), Some(Time::ms(5)));
        assert_eq!(earliest(Some(Time::ms(7)), Some(Time::ms(5))), Some(Time::ms(5)));
        assert_eq!(earliest(None, None), None);
    }

    #[test]
    fn differences_do_not_wrap() {
        assert_eq!(Time::ms(1) - Time::ms(2), Duration::ZERO);
        assert_eq!(Time::ms(2) + Duration::MAX, Time::us(u64::MAX));
    }
}
