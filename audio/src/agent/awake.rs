//! The voice thread's time, which stands still while the thread cannot run: the machine sleeps, or the program is
//! stopped. On some systems the clock itself does so; on others it goes on, and then nothing was heard of anybody for
//! that long, and that much of our own voice would be due at once. Neither says anything about the call.

use std::time::Duration;

use proto::{Now, Time};

use crate::clock::Clock;

/// So late a busy machine does not wake us up.
const SLEPT: Duration = Duration::from_secs(2);

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

    /// We were to wake up at `due`, if at all, and did now. True when we slept meanwhile.
    pub(super) fn woke(&mut self, due: Option<Time>) -> bool {
        due.is_some_and(|due| self.woke_at(due, self.mono()))
    }

    fn woke_at(&mut self, due: Time, now: Time) -> bool {
        let late = overslept(due, now);
        self.slept += late;
        !late.is_zero()
    }
}

/// The time between what was due and now, if it was slept through.
fn overslept(due: Time, now: Time) -> Duration {
    Some(now - due).filter(|late| *late > SLEPT).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_slept_through_is_left_out() {
        let late = |ms| overslept(Time::ms(100), Time::ms(ms));
        assert_eq!(late(50), Duration::ZERO, "woken before");
        assert_eq!(late(2_000), Duration::ZERO, "a busy machine");
        assert_eq!(late(20_100), Duration::from_secs(20));
    }

    #[test]
    fn time_goes_on_from_where_it_stood() {
        let mut awake = Awake::start();
        assert!(!awake.woke(None) && !awake.woke(Some(Time::secs(60))));
        assert!(awake.woke_at(Time::secs(1), Time::secs(21)) && awake.woke_at(Time::secs(2), Time::secs(5)));
        assert_eq!(awake.slept, Duration::from_secs(23));
        assert!(awake.mono() < Time::secs(1), "and no earlier than its beginning");
    }
}
