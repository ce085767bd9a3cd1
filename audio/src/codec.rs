//! Opus, and the only room that knows the library: one encoder for our voice, one decoder per speaker. Mono, 48 kHz.
//! Nothing here allocates after construction.
//!
//! Constant bit rate and no silence suppression are deliberate: packet sizes and packet times of a sealed call must
//! not tell a listener on the network when and what somebody speaks. Who asks for [`EncoderSettings::dtx`] gives up the
//! former half of that.

mod decoder;
mod encoder;
mod pair;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;

pub use decoder::{Decode, Decoder};
pub use encoder::{BIT_RATE_RANGE, Encoder, EncoderSettings, keeps_full_band};
pub use pair::{PairEncoder, PairFrame};

use crate::frame::{FrameDuration, SAMPLE_RATE};

/// What a packet or a setting did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// The bytes are not an Opus packet.
    Malformed,
    /// An Opus packet that lasts neither 5, 10 nor 20 ms, or is not a single frame.
    Duration,
    /// The number of samples given is not one frame.
    Samples,
    /// The library refused; its own code.
    Library(i32),
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not an Opus packet"),
            Self::Duration => f.write_str("an Opus packet of a duration that is not 5, 10 or 20 ms"),
            Self::Samples => f.write_str("not one frame of samples"),
            Self::Library(code) => write!(f, "the Opus library answered with error {code}"),
        }
    }
}

impl std::error::Error for CodecError {}

impl From<opus::Error> for CodecError {
    fn from(error: opus::Error) -> Self {
        let code = error.code();
        if code == opus::ErrorCode::InvalidPacket { Self::Malformed } else { Self::Library(code as i32) }
    }
}

/// The duration of a packet, read from its first bytes (RFC 6716 section 3.1).
pub fn duration(packet: &[u8]) -> Result<FrameDuration, CodecError> {
    if packet.is_empty() {
        return Err(CodecError::Malformed);
    }
    let samples = opus::packet::get_nb_samples(packet, SAMPLE_RATE)?;
    FrameDuration::from_samples(samples).ok_or(CodecError::Duration)
}

/// Whether a packet carries a coarse copy of the frame before it: the LBRR flag of a one-frame mono SILK or hybrid
/// packet follows its one voice-activity flag (RFC 6716 section 4.2.3). Other shapes answer no, which only costs a
/// recovery we might have had.
pub fn has_recovery(packet: &[u8]) -> bool {
    let Some((header, rest)) = packet.split_first() else { return false };
    let silk = header >> 3 < 16;
    let stereo = header & 0x04 != 0;
    let first = match header & 0x03 {
        0 => rest.first(),
        3 => after_padding(rest),
        _ => None,
    };
    silk && !stereo && first.is_some_and(|first| first & 0x40 != 0)
}

/// The first byte of the frame in a packet that is one frame and padding, as constant bit rate makes them (RFC 6716
/// section 3.2.5).
fn after_padding(rest: &[u8]) -> Option<&u8> {
    let (count, rest) = rest.split_first()?;
    if count & 0x3f != 1 {
        return None;
    }
    let lengths = if count & 0x40 == 0 { 0 } else { rest.iter().position(|length| *length != 255)? + 1 };
    rest.get(lengths)
}

/// Bytes of padding at the end of a packet of one frame, and those which say how many (RFC 6716 section 3.2.5).
fn padding(packet: &[u8]) -> usize {
    let [header, count, lengths @ ..] = packet else { return 0 };
    if header & 0x03 != 3 || count & 0x40 == 0 {
        return 0;
    }
    let full = lengths.iter().take_while(|length| **length == 255).count();
    full * 255 + lengths.get(full).map_or(0, |last| usize::from(*last) + 1)
}
