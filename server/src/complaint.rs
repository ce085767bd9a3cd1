//! What the operator is told while it goes on, and not more often than it helps.

use core::time::Duration;

use proto::Time;

/// One thing to complain about.
#[derive(Debug)]
pub(crate) struct Complaint {
    every: Duration,
    next: Option<Time>,
}

impl Complaint {
    /// Not more than once in such a time.
    pub(crate) const fn every(every: Duration) -> Self {
        Self { every, next: None }
    }

    /// Whether it is to be said now.
    pub(crate) fn is_due(&mut self, now: Time) -> bool {
        let due = self.next.is_none_or(|at| now >= at);
        if due {
            self.next = Some(now + self.every);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_is_told_once_in_that_time() {
        let mut complaint = Complaint::every(Duration::from_secs(3_600));
        let due = [5, 6, 3_604, 3_605, 3_606].map(|s| complaint.is_due(Time::secs(s)));
        assert_eq!(due, [true, false, false, true, false]);
    }
}
