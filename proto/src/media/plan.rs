//! The ways we send our voice: how it is encoded and which copies go along. A small table, because each row was
//! measured (voice.md section 3) and a change of row is heard.
//!
//! | plan | frame | Opus kb/s | copies | payload kb/s | on the wire kb/s | for |
//! |---|---|---|---|---|---|---|
//! | clean | 10 ms | 33.6 | | 33.6 | 82 | a network that loses nothing |
//! | light | 20 ms | 30 | 1 | 62 | 86 | a few percent |
//! | random | 20 ms | 30 | 2, 1 | 94 | 118 | more, one at a time |
//! | bursty | 20 ms | 30 | 4, 2 | 94 | 118 | more, several in a row |
//! | lean | 20 ms | 32 | coarse | 32 | 56 | no room for copies, or too many members |
//! | narrow | 20 ms | 16 | coarse | 16 | 40 | hardly any room |
//! | low | 5 ms | 64 | | 64 | 162 | a short and clean way, or whoever asks for it |
//! | plain | 10 ms | 33.6; 32 under loss | coarse under loss | 33.6; 32 | 66; 64 | calls that are not encrypted |
//!
//! "Coarse" is Opus's own copy of the frame before (LBRR), inside the frame's bit rate. On the wire each packet has 61 bytes
//! more by IPv4, and 40 where nothing is sealed; the datagrams of the plain protocols are larger than that.

use core::time::Duration;

use crate::media::history::Offsets;
use crate::wire::copies::COPY_HEAD_BYTES;

/// How our voice is to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderPlan {
    /// Duration of a frame: 5, 10 or 20 ms.
    pub frame: Duration,
    /// Bits per second of Opus, constant.
    pub bit_rate: u32,
    /// Loss to expect, percent; above zero each frame repeats the previous one coarsely.
    pub loss_percent: u8,
    /// The codec's mode of least delay.
    pub low_delay: bool,
}

impl Default for EncoderPlan {
    /// As every call begins.
    fn default() -> Self {
        CLEAN.encoder
    }
}

/// What is dearer: delay, or sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DelayMode {
    /// Sound: frames of 10 ms, longer ones and copies under loss.
    #[default]
    Ordinary,
    /// Delay: frames of 5 ms whatever is lost.
    Low,
    /// Delay where the way is short and clean, sound elsewhere.
    ByPath,
}

impl DelayMode {
    /// From the word a person types.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Ordinary, Self::Low, Self::ByPath].into_iter().find(|mode| mode.word() == word)
    }

    /// The word a person types.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Low => "low",
            Self::ByPath => "path",
        }
    }
}

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) encoder: EncoderPlan,
    pub(super) offsets: Offsets,
}

impl Plan {
    const fn new(frame_ms: u64, bit_rate: u32, loss_percent: u8, offsets: Offsets) -> Self {
        let frame = Duration::from_millis(frame_ms);
        Self { encoder: EncoderPlan { frame, bit_rate, loss_percent, low_delay: false }, offsets }
    }

    /// The same with frames that last so long. What copies cost was measured with frames of their own duration: a plan
    /// that has some keeps it.
    pub(super) fn with_frame(mut self, frame: Option<Duration>) -> Self {
        if self.offsets == [0, 0] {
            self.encoder.frame = frame.unwrap_or(self.encoder.frame);
        }
        self
    }

    /// Whether copies may go along with frames of this duration: with shorter ones they fill the payload's limit.
    pub(super) fn bears_copies(frame: Option<Duration>) -> bool {
        frame.is_none_or(|frame| frame >= LIGHT.encoder.frame)
    }

    fn packets_per_second(&self) -> u32 {
        1_000_000 / u32::try_from(self.encoder.frame.as_micros()).unwrap_or(u32::MAX).max(1)
    }

    /// Bits per second of Opus with all copies and what tells them apart.
    pub(super) fn payload(&self) -> u32 {
        let copies = self.offsets.iter().filter(|back| **back > 0).count();
        let copies = u32::try_from(copies).unwrap_or(u32::MAX);
        let heads = if copies > 0 { copies * COPY_HEAD_BYTES as u32 + 1 } else { 0 };
        self.encoder.bit_rate * (1 + copies) + heads * 8 * self.packets_per_second()
    }

    /// Bits per second on the wire, by IPv4.
    pub(super) fn wire(&self) -> u32 {
        self.payload() + OVERHEAD_BYTES * 8 * self.packets_per_second()
    }
}

/// 42 bytes a frame. At 40 (32 kbit/s) the codec spoils twice as many frames by itself, 17 of 170,000 against 8, and
/// PESQ of the same sentences is 4.25 against 4.30.
pub(super) const CLEAN: Plan = Plan::new(10, 33_600, 0, [0, 0]);
pub(super) const LIGHT: Plan = Plan::new(20, 30_000, 0, [0, 1]);
pub(super) const RANDOM: Plan = Plan::new(20, 30_000, 0, [2, 1]);
pub(super) const BURSTY: Plan = Plan::new(20, 30_000, 0, [4, 2]);
pub(super) const LEAN: Plan = Plan::new(20, 32_000, 20, [0, 0]);
pub(super) const NARROW: Plan = Plan::new(20, 16_000, 20, [0, 0]);
pub(super) const PLAIN_CLEAN: Plan = CLEAN;
pub(super) const PLAIN_LOSSY: Plan = Plan::new(10, 32_000, 20, [0, 0]);
pub(super) const LOW: Plan = {
    let mut low = Plan::new(5, 64_000, 0, [0, 0]);
    low.encoder.low_delay = true;
    low
};

/// Bytes around the payload: IPv4 20, UDP 8, RTP 12, SFrame header about 5, tag 16.
const OVERHEAD_BYTES: u32 = 61;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modes_have_words() {
        let mode = |word| DelayMode::parse(word);
        assert_eq!(mode("ordinary"), Some(DelayMode::default()));
        assert_eq!((mode("low"), mode("path")), (Some(DelayMode::Low), Some(DelayMode::ByPath)));
        assert_eq!(mode("Low"), None);
    }

    #[test]
    fn no_plan_sends_more_than_it_may() {
        for plan in [LIGHT, RANDOM, BURSTY, LEAN, NARROW, PLAIN_LOSSY, LOW] {
            assert!(plan.payload() <= 96_000, "{plan:?}: {}", plan.payload());
        }
        let payload = |plan: Plan| plan.payload();
        assert_eq!([CLEAN, LIGHT, RANDOM, BURSTY].map(payload), [33_600, 62_000, 93_600, 93_600]);
        assert_eq!([LEAN, NARROW, LOW, PLAIN_LOSSY].map(payload), [32_000, 16_000, 64_000, 32_000]);
        let wire = |plan: Plan| plan.wire() / 1_000;
        assert_eq!([CLEAN, LIGHT, RANDOM, BURSTY].map(wire), [82, 86, 118, 118]);
        assert_eq!([LEAN, NARROW, LOW].map(wire), [56, 40, 161]);
        let (clean, light) = (CLEAN.wire(), LIGHT.wire());
        assert!(light < clean + clean / 10, "the first answer to loss must not load the network");
    }
}
