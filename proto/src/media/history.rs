//! The last frames we sent, held in place, so that later packets can carry them again.

use crate::limits::COPIES_MAX;
use crate::media::streams::OpusFrame;
use crate::wire::copies::{COPY_BYTES_MAX, EarlierFrame, OFFSET_MAX};

/// Frames kept: the farthest a copy reaches back.
pub(super) const FRAMES: usize = 4;

/// How many frames back the copies of each packet are, the farthest first; 0 for none.
pub(super) type Offsets = [u8; COPIES_MAX];

/// The last frames of one duration, without a pause between them.
#[derive(Debug, Default)]
pub(super) struct History {
    frames: [OpusFrame; FRAMES],
    kept: usize,
    /// Where the next one goes.
    at: usize,
    /// Samples of each.
    samples: u16,
}

impl History {
    /// Nothing before this counts.
    pub(super) fn clear(&mut self) {
        self.kept = 0;
    }

    /// A frame of `samples` was sent.
    pub(super) fn keep(&mut self, opus: &[u8], samples: u64) {
        let samples = u16::try_from(samples).unwrap_or(u16::MAX);
        if samples != self.samples {
            self.clear();
            self.samples = samples;
        }
        match OpusFrame::copy_of(opus).filter(|_| opus.len() <= COPY_BYTES_MAX) {
            Some(frame) => {
                self.frames[self.at] = frame;
                self.at = (self.at + 1) % FRAMES;
                self.kept = (self.kept + 1).min(FRAMES);
            }
            None => self.clear(),
        }
    }

    /// The copies that a frame of `samples` may carry now, and how many they are.
    pub(super) fn copies(&self, offsets: Offsets, samples: u64) -> ([EarlierFrame<'_>; COPIES_MAX], usize) {
        let mut copies = [EarlierFrame { offset: 0, opus: &[] }; COPIES_MAX];
        let mut count = 0;
        if samples != u64::from(self.samples) {
            return (copies, 0);
        }
        for back in offsets.map(usize::from).into_iter().filter(|back| (1..=self.kept).contains(back)) {
            let offset = u16::try_from(back).unwrap_or(u16::MAX).saturating_mul(self.samples);
            if offset > OFFSET_MAX {
                continue;
            }
            copies[count] = EarlierFrame { offset, opus: &self.frames[(self.at + FRAMES - back) % FRAMES] };
            count += 1;
        }
        (copies, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(history: &History, offsets: Offsets, samples: u64) -> Vec<(u16, u8)> {
        let (copies, count) = history.copies(offsets, samples);
        copies[..count].iter().map(|copy| (copy.offset, copy.opus[0])).collect()
    }

    #[test]
    fn copies_are_the_frames_that_many_back() {
        let mut history = History::default();
        assert_eq!(told(&history, [2, 1], 960), []);
        history.keep(&[1], 960);
        assert_eq!(told(&history, [2, 1], 960), [(960, 1)], "there is no second yet");
        (2..=9).for_each(|n| history.keep(&[n], 960));
        assert_eq!(told(&history, [2, 1], 960), [(1_920, 8), (960, 9)]);
        assert_eq!(told(&history, [4, 2], 960), [(3_840, 6), (1_920, 8)]);
        assert_eq!(told(&history, [0, 1], 960), [(960, 9)]);
        assert_eq!(told(&history, [0, 0], 960), []);
        assert_eq!(told(&history, [5, 0], 960), [], "farther than is kept");
    }

    #[test]
    fn frames_of_another_duration_and_before_a_pause_are_no_copies() {
        let mut history = History::default();
        (1..=4).for_each(|n| history.keep(&[n], 960));
        assert_eq!(told(&history, [2, 1], 480), []);
        history.keep(&[5], 480);
        assert_eq!(told(&history, [2, 1], 480), [(480, 5)]);
        history.clear();
        assert_eq!(told(&history, [2, 1], 480), []);
        history.keep(&[6], 48_000);
        history.keep(&[7; 960], 480);
        assert_eq!(told(&history, [2, 1], 480), [(480, 7)]);
    }
}
