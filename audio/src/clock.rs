//! The only room of the crate that reads the time. The voice thread asks once per turn, after it woke.
//!
//! On Linux the time goes on while the machine sleeps, unlike [`Instant`]: who does not see that a lid was closed takes
//! what was said meanwhile for lost.

#![expect(clippy::disallowed_methods, reason = "this is the clock")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use proto::{Now, Time, Wall};

/// Monotonic time since the clock was made, with the wall's time beside it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Instant,
    /// The same moment by the system's time since it began; none where that is not told.
    booted: Option<Duration>,
}

impl Clock {
    /// Time zero is now.
    pub fn start() -> Self {
        Self { epoch: Instant::now(), booted: since_boot() }
    }

    /// The time.
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono: self.mono(), wall: Wall(us(wall) / 1_000) }
    }

    /// The monotonic time alone, for whoever asks often.
    pub fn mono(&self) -> Time {
        let slept_too = self.booted.and_then(|booted| since_boot()?.checked_sub(booted));
        Time::us(us(slept_too.unwrap_or_else(|| self.epoch.elapsed())))
    }
}

/// Time since the machine was started, its sleep included; none on a system that does not tell.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a system call that the standard library does not wrap")]
fn since_boot() -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is written during the call, and only there.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    (done == 0).then_some(Duration::new(u64::try_from(time.tv_sec).ok()?, nanos))
}

#[cfg(not(target_os = "linux"))]
fn since_boot() -> Option<Duration> {
    None
}

fn us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn it_is_the_clock_that_goes_on_in_sleep() {
        let clock = Clock::start();
        let (before, booted, after) = (clock.mono(), since_boot().unwrap(), clock.mono());
        let at = booted - clock.booted.unwrap();
        assert!((before..=after).contains(&Time::us(us(at))), "{before:?} {at:?} {after:?}");
        // Not by /proc/uptime: a container may be given a file that tells its own.
        let least = since_boot().unwrap().as_secs();
        let uptime = uptime();
        let most = since_boot().unwrap().as_secs() + 1;
        assert!((least..=most).contains(&uptime), "{least} to {most} s, and the system says {uptime}");
    }

    /// Whole seconds since the machine was started, its sleep included and rounded up, by another call of the system's.
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "a system call that the standard library does not wrap")]
    fn uptime() -> u64 {
        // SAFETY: plain numbers, of which all zeros are some.
        let mut info: libc::sysinfo = unsafe { std::mem::zeroed() };
        // SAFETY: they are written during the call, and only there.
        assert_eq!(unsafe { libc::sysinfo(&raw mut info) }, 0);
        u64::try_from(info.uptime).unwrap()
    }
}
