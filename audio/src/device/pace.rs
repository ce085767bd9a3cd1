//! The clock of a device that has none: how many samples of time have passed, and when the next block is due.

use std::time::Duration;

use proto::Time;

use crate::frame::SAMPLE_RATE;

/// Samples traded at once, 5 ms.
pub const BLOCK: usize = 240;
/// Time that is caught up with after a stall; beyond it, time itself is taken to have stopped (a suspended machine).
const CATCH_UP_MAX: Duration = Duration::from_secs(60);

/// Counts blocks against a clock.
#[derive(Clone, Debug)]
pub struct Pace {
    started: Time,
    blocks: u64,
    together: u64,
}

impl Pace {
    /// Time starts now.
    pub fn new(now: Time) -> Self {
        Self { started: now, blocks: 0, together: 1 }
    }

    /// Lets so many blocks fall due together from now on, at the end of the last of them: who needs them in larger
    /// pieces need not wake up for each. They are counted from the start of time.
    pub fn together(&mut self, blocks: u64) {
        self.together = blocks.max(1);
    }

    /// Whether a block's time has passed, and that of those it falls due with; if so it counts as done.
    pub fn take(&mut self, now: Time) -> bool {
        if now - self.deadline() > CATCH_UP_MAX {
            *self = Self { together: self.together, ..Self::new(now) };
        }
        let due = now >= self.deadline();
        self.blocks += u64::from(due);
        due
    }

    /// When the next block is due.
    pub fn deadline(&self) -> Time {
        let samples = (self.blocks / self.together + 1) * self.together * BLOCK as u64;
        self.started + Duration::from_micros(samples * 1_000_000 / u64::from(SAMPLE_RATE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(pace: &mut Pace, now: Time) -> usize {
        std::iter::from_fn(|| pace.take(now).then_some(())).count()
    }

    #[test]
    fn a_late_thread_loses_nothing() {
        let mut pace = Pace::new(Time::ms(1_000));
        assert_eq!(taken(&mut pace, Time::ms(1_004)), 0);
        assert_eq!(taken(&mut pace, Time::ms(1_005)), 1);
        assert_eq!(taken(&mut pace, Time::ms(1_763)), 151, "all that were due in 763 ms, less the one taken");
        assert_eq!(pace.deadline(), Time::ms(1_765));
    }

    #[test]
    fn blocks_that_fall_due_together_keep_the_time_whenever_that_changes() {
        let mut pace = Pace::new(Time::ZERO);
        pace.together(2);
        assert_eq!(taken(&mut pace, Time::ms(9)), 0);
        assert_eq!((taken(&mut pace, Time::ms(10)), pace.deadline()), (2, Time::ms(20)));
        pace.together(1);
        assert_eq!((taken(&mut pace, Time::ms(15)), pace.deadline()), (1, Time::ms(20)));
        pace.together(2);
        assert_eq!(taken(&mut pace, Time::ms(19)), 0);
        assert_eq!((taken(&mut pace, Time::ms(20)), pace.deadline()), (1, Time::ms(30)));
        assert_eq!(taken(&mut pace, Time::ms(1_000)), 196);
    }

    #[test]
    fn a_suspended_machine_does_not_make_hours_of_silence() {
        let mut pace = Pace::new(Time::ZERO);
        assert_eq!(taken(&mut pace, Time::secs(3_600)), 0);
        assert_eq!(taken(&mut pace, Time::secs(3_600) + Duration::from_millis(10)), 2);
    }
}
