//! The library's encoder as the flat piece of memory it is, so that it can be put back to before a frame. The `opus`
//! crate wraps everything else, but keeps the memory to itself.

#![expect(unsafe_code, reason = "three functions of the C library on memory of ours")]

use std::ffi::c_int;

use opusic_sys as ffi;

use super::CodecError;
use crate::frame::SAMPLE_RATE;

/// A piece of memory as strictly aligned as any of the library's vectors could ask.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A mono encoder with all it remembers. libopus promises of this memory that it is contiguous and that a shallow copy
/// is a copy of the encoder.
pub(super) struct State {
    lines: Box<[Line]>,
}

/// What a [`State`] is told; each with the library's own number for it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Setting {
    /// Bits per second.
    BitRate(u32),
    /// Packets as long as what is in them needs, instead of all alike.
    VariableRate(bool),
    /// Nothing above 8 kHz, or everything.
    FullBand(bool),
    /// Discontinuous transmission.
    Dtx(bool),
    /// It is speech.
    Voice,
    /// Effort, 0 to 10.
    Complexity(u8),
    /// Coarse copies of the frame before, where loss is expected.
    Copies(bool),
    /// Percent.
    ExpectedLoss(u8),
}

impl Setting {
    fn request(self) -> (c_int, c_int) {
        match self {
            Self::BitRate(bits) => {
                (ffi::OPUS_SET_BITRATE_REQUEST, c_int::try_from(bits).unwrap_or(c_int::MAX))
            }
            Self::VariableRate(on) => (ffi::OPUS_SET_VBR_REQUEST, on.into()),
            Self::FullBand(full) => {
                let widest = if full { ffi::OPUS_BANDWIDTH_FULLBAND } else { ffi::OPUS_BANDWIDTH_WIDEBAND };
                (ffi::OPUS_SET_MAX_BANDWIDTH_REQUEST, widest)
            }
            Self::Dtx(on) => (ffi::OPUS_SET_DTX_REQUEST, on.into()),
            Self::Voice => (ffi::OPUS_SET_SIGNAL_REQUEST, ffi::OPUS_SIGNAL_VOICE),
            Self::Complexity(effort) => (ffi::OPUS_SET_COMPLEXITY_REQUEST, effort.into()),
            Self::Copies(on) => (ffi::OPUS_SET_INBAND_FEC_REQUEST, on.into()),
            Self::ExpectedLoss(percent) => (ffi::OPUS_SET_PACKET_LOSS_PERC_REQUEST, percent.into()),
        }
    }
}

impl State {
    /// An encoder for speech, or for the least delay.
    pub(super) fn new(low_delay: bool) -> Result<Self, CodecError> {
        // SAFETY: a number goes in and a number comes out.
        let bytes = unsafe { ffi::opus_encoder_get_size(1) };
        let lines = usize::try_from(bytes).unwrap_or(0).div_ceil(size_of::<Line>());
        let mut state = Self { lines: vec![Line([0; 64]); lines].into_boxed_slice() };
        let application =
            if low_delay { ffi::OPUS_APPLICATION_RESTRICTED_LOWDELAY } else { ffi::OPUS_APPLICATION_VOIP };
        // SAFETY: the memory is ours, aligned for anything, and as long as the library asked for.
        let done = unsafe { ffi::opus_encoder_init(state.encoder(), SAMPLE_RATE as i32, 1, application) };
        if done == ffi::OPUS_OK { Ok(state) } else { Err(CodecError::Library(done)) }
    }

    fn encoder(&mut self) -> *mut ffi::OpusEncoder {
        self.lines.as_mut_ptr().cast()
    }

    /// Holds from the next frame on.
    pub(super) fn set(&mut self, setting: Setting) -> Result<(), CodecError> {
        let (request, value) = setting.request();
        // SAFETY: `new` made an encoder of this memory, and each of these requests takes one int.
        let done = unsafe { ffi::opus_encoder_ctl(self.encoder(), request, value) };
        if done == ffi::OPUS_OK { Ok(()) } else { Err(CodecError::Library(done)) }
    }

    /// Forgets all sound it was given; what it was told to do stays.
    pub(super) fn reset(&mut self) -> Result<(), CodecError> {
        // SAFETY: as in `set`; this request takes nothing.
        let done = unsafe { ffi::opus_encoder_ctl(self.encoder(), ffi::OPUS_RESET_STATE) };
        if done == ffi::OPUS_OK { Ok(()) } else { Err(CodecError::Library(done)) }
    }

    /// Samples it looks ahead.
    pub(super) fn look_ahead(&mut self) -> Result<usize, CodecError> {
        let mut samples: c_int = 0;
        // SAFETY: as in `set`; this request writes one int, which outlives the call.
        let done = unsafe {
            ffi::opus_encoder_ctl(self.encoder(), ffi::OPUS_GET_LOOKAHEAD_REQUEST, &raw mut samples)
        };
        if done == ffi::OPUS_OK {
            Ok(usize::try_from(samples).unwrap_or(0))
        } else {
            Err(CodecError::Library(done))
        }
    }

    /// Encodes one frame into the front of `packet` and says how many bytes it took: at most all of them.
    pub(super) fn encode(&mut self, samples: &[f32], packet: &mut [u8]) -> Result<usize, CodecError> {
        let (Ok(count), Ok(space)) = (c_int::try_from(samples.len()), i32::try_from(packet.len())) else {
            return Err(CodecError::Samples);
        };
        // SAFETY: as in `set`; it reads so many samples of one channel, and writes no more bytes than there is room for.
        let length = unsafe {
            ffi::opus_encode_float(self.encoder(), samples.as_ptr(), count, packet.as_mut_ptr(), space)
        };
        usize::try_from(length).map_err(|_| CodecError::Library(length))
    }

    /// Becomes what `other` is.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.lines.copy_from_slice(&other.lines);
    }
}
