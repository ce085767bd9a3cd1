//! Two voices in one packet, for a file.

use super::CodecError;
use crate::frame::SAMPLE_RATE;

/// Bytes of the longest packet of a pair: two whole Opus frames, and the length of the first.
const PAIR_BYTES_MAX: usize = 2 * 1_275 + 2;

/// One packet of a [`PairEncoder`].
pub struct PairFrame {
    len: usize,
    bytes: [u8; PAIR_BYTES_MAX],
}

impl Default for PairFrame {
    fn default() -> Self {
        Self { len: 0, bytes: [0; PAIR_BYTES_MAX] }
    }
}

impl PairFrame {
    /// The packet.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Two voices in one packet, each with an encoder of its own, for a file: variable bit rate, because a file on one's
/// own disk has no listener who counts bytes.
pub struct PairEncoder {
    inner: opus::MSEncoder,
}

impl PairEncoder {
    /// Bits per second of both voices together.
    pub const BIT_RATE: i32 = 64_000;

    /// Encoders for speech.
    pub fn new() -> Result<Self, CodecError> {
        let mut inner = opus::MSEncoder::new(SAMPLE_RATE, 2, 0, &[0, 1], opus::Application::Audio)?;
        inner.set_bitrate(opus::Bitrate::Bits(Self::BIT_RATE))?;
        inner.set_vbr(true)?;
        Ok(Self { inner })
    }

    /// Samples the encoders look ahead.
    pub fn look_ahead(&mut self) -> usize {
        self.inner.get_lookahead().ok().and_then(|samples| usize::try_from(samples).ok()).unwrap_or(0)
    }

    /// Encodes one frame of pairs of samples.
    pub fn encode(&mut self, pairs: &[f32], packet: &mut PairFrame) -> Result<(), CodecError> {
        packet.len = 0;
        packet.len = self.inner.encode_float(pairs, &mut packet.bytes)?;
        Ok(())
    }
}
