//! Which time of the sender's clock each packet number stands for, through a change of the frame duration.
//!
//! ```text
//!   number   .. 7   8   9  |  10      11      12 ..
//!   time       -3L -2L -L  |   0       M      2M        (L before, M after the change at 10)
//! ```
//!
//! One change is remembered: while packets from before it are still to be played, a second one is refused.

use crate::frame::FrameDuration;

/// The times of a stream's packets, in samples; only differences mean anything.
pub(crate) struct Timeline {
    /// The first number of the duration `after`, and its time.
    at: i64,
    time: i64,
    before: FrameDuration,
    after: FrameDuration,
}

impl Timeline {
    /// A stream that begins with `number`.
    pub(crate) const fn new(number: i64, frame: FrameDuration) -> Self {
        Self { at: number, time: 0, before: frame, after: frame }
    }

    /// When the sender began to say packet `number`.
    pub(crate) fn time(&self, number: i64) -> i64 {
        self.time + (number - self.at) * self.length(number)
    }

    /// How long packet `number` lasts.
    pub(crate) fn frame(&self, number: i64) -> FrameDuration {
        if number < self.at { self.before } else { self.after }
    }

    /// The same, in samples.
    pub(crate) fn length(&self, number: i64) -> i64 {
        self.frame(number).samples() as i64
    }

    /// Packet `number` lasts `frame`, while `next` is to be played next; false when that cannot be the same stream.
    pub(crate) fn agree(&mut self, number: i64, frame: FrameDuration, next: i64) -> bool {
        if frame == self.frame(number) {
            return true;
        }
        if number >= self.at && (next >= self.at || self.before == self.after) {
            self.time = self.time(number);
            self.before = self.after;
        } else if number < self.at && frame == self.after {
            // The change was earlier than the first packet that told of it.
            self.time = self.time(number);
        } else {
            return false;
        }
        self.at = number;
        self.after = frame;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FrameDuration::{Ms5, Ms10, Ms20};

    fn times(line: &Timeline, numbers: std::ops::Range<i64>) -> Vec<i64> {
        numbers.map(|number| line.time(number)).collect()
    }

    #[test]
    fn a_change_moves_no_time_before_it() {
        let mut line = Timeline::new(7, Ms10);
        let before = times(&line, 0..11);
        assert!(line.agree(10, Ms20, 8));
        assert_eq!(times(&line, 0..11), before);
        assert_eq!(line.time(12) - line.time(11), 960);
        assert_eq!((line.frame(9), line.frame(10)), (Ms10, Ms20));
    }

    #[test]
    fn a_change_told_out_of_order_is_the_same_change() {
        let (mut straight, mut crossed) = (Timeline::new(0, Ms10), Timeline::new(0, Ms10));
        assert!(straight.agree(10, Ms5, 5));
        assert!(crossed.agree(12, Ms5, 5) && crossed.agree(10, Ms5, 5) && crossed.agree(11, Ms5, 5));
        assert_eq!(times(&straight, 0..20), times(&crossed, 0..20));
    }

    #[test]
    fn changes_follow_each_other_when_the_one_before_is_played() {
        let mut line = Timeline::new(0, Ms10);
        assert!(line.agree(10, Ms20, 5));
        assert!(!line.agree(15, Ms5, 9), "the first change is still ahead");
        assert!(line.agree(15, Ms5, 10));
        assert_eq!(times(&line, 14..18), [8_640, 9_600, 9_840, 10_080]);
        assert!(!line.agree(12, Ms10, 12));
    }
}
