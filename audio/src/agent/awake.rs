//! The voice thread's time, which stands still while the thread cannot run: the machine sleeps, or the program is
//! stopped. The clock itself goes on, and nothing was heard of anybody for that long, and that much of our own voice
//! would be due at once. Neither says anything about the call.

use std::time::Duration;

use proto::{Now, Time};

use crate::clock::Clock;

/// So late a busy machine does not wake us up.
const SLEPT: Duration = Duration::from_secs(2);
/// While sound moves we mean to wait no longer than this at once, and mostly are woken long before: then all of a wait
/// that became sleep was sleep.
const SHORT: Duration = Duration::from_secs(1);

/// A clock of the time in which we could run.
pub(super) struct Awake {
    clock: Clock,
    slept: Duration,
}

impl Awake {
    /// Time zero is now.
    pub(super) fn start() -> Self {
        Self { clock: Clock::start(), slept: Duration::ZERO }
    }

    /// The time.
    pub(super) fn mono(&self) -> Time {
        self.clock.mono().back(self.slept)
    }

    /// The time, with the wall's beside it.
    pub(super) fn now(&self) -> Now {
        Now { mono: self.mono(), ..self.clock.now() }
    }

    /// We last ran from `began` on, were to wake up at `due`, if at all, and did now. For how long we slept meanwhile, if we
    /// did: it may have begun before we were at rest.
    pub(super) fn woke(&mut self, began: Time, due: Option<Time>) -> Option<Duration> {
        self.woke_at(began, due?, self.mono())
    }

    fn woke_at(&mut self, began: Time, due: Time, now: Time) -> Option<Duration> {
        let slept = overslept(began, due, now)?;
        self.slept += slept;
        Some(slept)
    }
}

/// The time of a turn and the wait after it that was slept through, if any was.
fn overslept(began: Time, due: Time, now: Time) -> Option<Duration> {
    let due = due.max(began);
    let since = if due - began <= SHORT { began } else { due };
    (now - due > SLEPT).then(|| now - since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_slept_through_is_left_out() {
        let late = |due, now| overslept(Time::secs(10), Time::ms(due), Time::ms(now));
        assert_eq!(late(10_100, 10_050), None, "woken before");
        assert_eq!(late(10_100, 12_100), None, "a busy machine");
        assert_eq!(late(10_100, 30_100), Some(Duration::from_millis(20_100)), "woken all the time before");
        assert_eq!(late(15_000, 35_000), Some(Duration::from_secs(20)), "it may have been awake until then");
        assert_eq!(
            late(9_000, 30_000),
            Some(Duration::from_secs(20)),
            "it was due already, and time does not go back"
        );
    }

    #[test]
    fn time_goes_on_from_where_it_stood() {
        let mut awake = Awake::start();
        assert_eq!(awake.woke(Time::ZERO, None), None);
        assert_eq!(awake.woke(Time::ZERO, Some(Time::secs(60))), None);
        let mut woke = |began, now| awake.woke_at(Time::secs(began), Time::secs(began), Time::secs(now));
        assert!(woke(1, 21).is_some() && woke(2, 5).is_some());
        assert_eq!(awake.slept, Duration::from_secs(23));
        assert!(awake.mono() < Time::secs(1), "and no earlier than its beginning");
    }
}
