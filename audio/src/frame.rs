//! The units of sound: everything inside the house is mono `f32` at 48 kHz, cut into frames whose duration is a
//! value. Nothing else in the crate may assume 20 ms.

pub use proto::limits::OPUS_BYTES_MAX;

/// Samples per second of all sound inside the crate, and of the RTP clock (RFC 7587 section 4.1).
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples in the longest frame we make or accept (20 ms).
pub const FRAME_SAMPLES_MAX: usize = 960;

/// How long one Opus packet lasts: shorter is sooner, longer is cheaper and carries loss better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FrameDuration {
    /// 5 ms, 240 samples.
    Ms5,
    /// 10 ms, 480 samples.
    #[default]
    Ms10,
    /// 20 ms, 960 samples.
    Ms20,
}

impl FrameDuration {
    /// Every duration, shortest first.
    pub const ALL: [Self; 3] = [Self::Ms5, Self::Ms10, Self::Ms20];

    /// The duration of that many milliseconds, if it is one we speak.
    pub fn from_ms(ms: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|duration| duration.ms() == ms)
    }

    /// The duration of that many samples at 48 kHz, if it is one we speak.
    pub fn from_samples(samples: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|duration| duration.samples() == samples)
    }

    /// Milliseconds: 5, 10 or 20.
    pub const fn ms(self) -> u32 {
        match self {
            Self::Ms5 => 5,
            Self::Ms10 => 10,
            Self::Ms20 => 20,
        }
    }

    /// Samples at 48 kHz: 240, 480 or 960.
    pub const fn samples(self) -> usize {
        self.ms() as usize * (SAMPLE_RATE as usize / 1000)
    }
}

/// One encoded Opus packet in a slot of fixed size, so that it can cross a ring and wait in a buffer without an
/// allocation.
#[derive(Clone, Copy)]
pub struct OpusFrame {
    len: u16,
    bytes: [u8; OPUS_BYTES_MAX],
}

impl OpusFrame {
    /// A slot with nothing in it.
    pub const EMPTY: Self = Self { len: 0, bytes: [0; OPUS_BYTES_MAX] };

    /// A copy of `packet`; `None` when it is empty or longer than [`OPUS_BYTES_MAX`].
    pub fn copied(packet: &[u8]) -> Option<Self> {
        let mut frame = Self::EMPTY;
        frame.set(packet).then_some(frame)
    }

    /// Replaces the content; false, and empty, when `packet` is empty or too long.
    pub fn set(&mut self, packet: &[u8]) -> bool {
        self.len = 0;
        if packet.is_empty() || packet.len() > OPUS_BYTES_MAX {
            return false;
        }
        self.bytes[..packet.len()].copy_from_slice(packet);
        self.len = packet.len() as u16;
        true
    }

    /// Lets `write` fill the slot; it answers how many bytes it wrote.
    pub(crate) fn fill<E>(&mut self, write: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<(), E> {
        self.len = 0;
        self.len = write(&mut self.bytes)?.min(OPUS_BYTES_MAX) as u16;
        Ok(())
    }

    /// The packet.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl std::fmt::Debug for OpusFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpusFrame({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_samples_are_inverse() {
        for duration in FrameDuration::ALL {
            assert_eq!(FrameDuration::from_ms(duration.ms()), Some(duration));
            assert_eq!(FrameDuration::from_samples(duration.samples()), Some(duration));
            assert!(duration.samples() <= FRAME_SAMPLES_MAX);
        }
        assert_eq!(FrameDuration::from_ms(40), None);
        assert_eq!(FrameDuration::from_samples(0), None);
    }

    #[test]
    fn a_slot_refuses_what_does_not_fit() {
        assert!(OpusFrame::copied(&[]).is_none());
        assert!(OpusFrame::copied(&[0; OPUS_BYTES_MAX + 1]).is_none());
        let mut slot = OpusFrame::copied(&[7; OPUS_BYTES_MAX]).expect("the largest packet fits");
        assert!(!slot.set(&[]));
        assert!(slot.bytes().is_empty(), "a refused packet must not leave the old one behind");
    }
}
