//! Packets into sound, and their lack into something bearable.

use super::{CodecError, duration};
use crate::frame::{FRAME_SAMPLES_MAX, FrameDuration, SAMPLE_RATE};

/// Turns one speaker's packets into samples, and the lack of packets into something bearable.
pub trait Decode {
    /// Decodes `packet` into the front of `out` and says how many samples it gave.
    fn decode(&mut self, packet: &[u8], out: &mut [f32; FRAME_SAMPLES_MAX]) -> Result<usize, CodecError>;

    /// Invents one frame in place of a lost one; fades out when called again and again.
    fn conceal(
        &mut self,
        frame: FrameDuration,
        out: &mut [f32; FRAME_SAMPLES_MAX],
    ) -> Result<usize, CodecError>;

    /// Recovers the frame *before* `next` from the coarse copy `next` carries. Without such a copy this conceals.
    fn recover(
        &mut self,
        next: &[u8],
        frame: FrameDuration,
        out: &mut [f32; FRAME_SAMPLES_MAX],
    ) -> Result<usize, CodecError>;

    /// Forgets the speaker's past: the next packet starts afresh.
    fn reset(&mut self) -> Result<(), CodecError>;
}

/// Opus.
pub struct Decoder {
    inner: opus::Decoder,
}

impl Decoder {
    /// A decoder with no history.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self { inner: opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono)? })
    }
}

impl Decode for Decoder {
    fn decode(&mut self, packet: &[u8], out: &mut [f32; FRAME_SAMPLES_MAX]) -> Result<usize, CodecError> {
        duration(packet)?;
        Ok(self.inner.decode_float(packet, out, false)?)
    }

    fn conceal(
        &mut self,
        frame: FrameDuration,
        out: &mut [f32; FRAME_SAMPLES_MAX],
    ) -> Result<usize, CodecError> {
        Ok(self.inner.decode_float(&[], &mut out[..frame.samples()], false)?)
    }

    fn recover(
        &mut self,
        next: &[u8],
        frame: FrameDuration,
        out: &mut [f32; FRAME_SAMPLES_MAX],
    ) -> Result<usize, CodecError> {
        duration(next)?;
        Ok(self.inner.decode_float(next, &mut out[..frame.samples()], true)?)
    }

    fn reset(&mut self) -> Result<(), CodecError> {
        Ok(self.inner.reset_state()?)
    }
}
