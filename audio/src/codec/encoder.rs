//! One voice into packets of one size.

use super::state::{Setting, State};
use super::{CodecError, padding};
use crate::frame::{FrameDuration, OPUS_BYTES_MAX, OpusFrame};

/// Lowest and highest bit rate we encode at, in bits per second of payload.
pub const BIT_RATE_RANGE: (u32, u32) = (12_000, 128_000);

/// How our voice is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderSettings {
    /// Frame duration.
    pub frame: FrameDuration,
    /// Payload bits per second; clamped to [`BIT_RATE_RANGE`].
    pub bit_rate: u32,
    /// Effort, 0 to 10.
    pub complexity: u8,
    /// Loss the listeners report, percent. Above zero each packet repeats the previous one coarsely (LBRR).
    pub loss_percent: u8,
    /// The codec's mode of least delay: it looks 2.5 ms ahead instead of 6.5 and makes no coarse copies.
    pub low_delay: bool,
    /// Silence is sent in frames of one byte, but for one of whole length every 0.4 s (discontinuous transmission, RFC 6716
    /// section 2.1.9). It leaks: whoever sees the sizes of packets sees when somebody speaks.
    pub dtx: bool,
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Self {
            frame: FrameDuration::default(),
            bit_rate: 33_600,
            complexity: 10,
            loss_percent: 0,
            low_delay: false,
            dtx: false,
        }
    }
}

/// Below this bit rate the voice ends at 8 kHz. At a constant 32 kbit/s what is above costs more than it gives: nine
/// sentences in four voices, PESQ-wb at 10 ms frames 3.38 with it and 4.17 without, at 20 ms 3.93 and 4.36.
const FULL_BAND_FROM: u32 = 40_000;

/// Whether anything above 8 kHz is kept of the voice at so many bits per second.
pub fn keeps_full_band(bit_rate: u32) -> bool {
    bit_rate >= FULL_BAND_FROM
}

fn clamped(bit_rate: u32) -> u32 {
    let (low, high) = BIT_RATE_RANGE;
    bit_rate.clamp(low, high)
}

/// Turns frames of samples into packets.
pub struct Encoder {
    state: State,
    frame: FrameDuration,
    bit_rate: u32,
    /// Packets carry coarse copies: less than a packet is the frame's own then, and a lower rate would leave the copy out.
    copies: bool,
    again: Again,
}

impl Encoder {
    /// An encoder for speech.
    pub fn new(settings: EncoderSettings) -> Result<Self, CodecError> {
        let EncoderSettings { frame, bit_rate, complexity, loss_percent, low_delay, dtx } = settings;
        let bit_rate = clamped(bit_rate);
        let mut state = State::new(low_delay)?;
        for setting in [
            Setting::BitRate(bit_rate),
            Setting::VariableRate(false),
            Setting::FullBand(keeps_full_band(bit_rate)),
            Setting::Dtx(dtx),
            Setting::Voice,
            Setting::Complexity(complexity.min(10)),
            Setting::Copies(true),
            Setting::ExpectedLoss(loss_percent.min(100)),
        ] {
            state.set(setting)?;
        }
        let again = Again::new(low_delay, state.look_ahead()?)?;
        Ok(Self { state, frame, bit_rate, copies: loss_percent > 0, again })
    }

    /// Takes frames of another duration from the next one on: it goes on in mid-word.
    pub fn set_frame(&mut self, frame: FrameDuration) {
        self.frame = frame;
    }

    /// The duration of every frame.
    pub fn frame(&self) -> FrameDuration {
        self.frame
    }

    /// Takes another bit rate, clamped to [`BIT_RATE_RANGE`], and another share of packets that its listeners miss,
    /// percent, from the next frame on.
    pub fn adapt(&mut self, bit_rate: u32, loss_percent: u8) -> Result<(), CodecError> {
        self.bit_rate = clamped(bit_rate);
        self.copies = loss_percent > 0;
        self.state.set(Setting::BitRate(self.bit_rate))?;
        self.state.set(Setting::FullBand(keeps_full_band(bit_rate)))?;
        self.state.set(Setting::ExpectedLoss(loss_percent.min(100)))
    }

    /// Forgets what it heard, also the end of it, which it has kept back for the next frame.
    pub fn reset(&mut self) -> Result<(), CodecError> {
        self.again.rest = 0.0;
        self.state.reset()
    }

    /// Samples the encoder looks ahead, part of the delay from mouth to ear.
    pub fn look_ahead(&mut self) -> Result<usize, CodecError> {
        self.state.look_ahead()
    }

    /// Encodes exactly one frame.
    pub fn encode(&mut self, samples: &[f32], packet: &mut OpusFrame) -> Result<(), CodecError> {
        if samples.len() != self.frame.samples() {
            return Err(CodecError::Samples);
        }
        let matters = self.again.is_loud(samples) && !self.copies;
        if matters {
            self.again.before.copy_from(&self.state);
        }
        packet.fill(|bytes| self.state.encode(samples, bytes))?;
        if matters && gave_up(packet.bytes().len(), padding(packet.bytes())) {
            self.again.encode(&mut self.state, self.bit_rate, samples, packet);
        }
        Ok(())
    }
}

/// Whether so much of a packet is padding that the library has not coded the frame but left it out.
fn gave_up(bytes: usize, padding: usize) -> bool {
    padding * 7 >= bytes * 4
}

/// Another try at a frame the library gave up on.
///
/// At a constant rate the library tries up to seven times to make a frame of SILK fit. When none does, it sends the last
/// frame's gains and no pulses, and the sound is then not that frame's: up to 12 dB too loud, for up to 50 ms, because what
/// the two sides remember is apart, too. It happens where a voice changes within a frame: of nine sentences begun at 160
/// places, with about a fifth of the beginnings. The same frame at a variable rate with fewer bits in mind fits.
/// `tests::what_the_library_gives_up_on_is_not_heard` shows both.
struct Again {
    /// The encoder before this frame, and after the try that failed.
    before: State,
    after: State,
    /// The energy of the last samples of the frame before, which are coded with this frame.
    rest: f32,
    look_ahead: usize,
    /// What counts as loud: the greatest energy of a frame heard lately.
    loudest: f32,
}

/// Bit rates tried in turn, in 42nd of the ordinary one: 24, 16 and 12 of 33.6 kbit/s.
const RATES: [u32; 3] = [30, 20, 15];

/// A frame of less than this share of the loudest one's energy (26 dB below it) is left as it is. What is heard of it is
/// little, and an almost silent frame takes few bits without anything being wrong.
const LOUD: f32 = 1.0 / 400.0;

/// How the loudest is forgotten, for each sample: to a third in 10 s.
const FORGET: f32 = 1.0 / 480_000.0;

impl Again {
    fn new(low_delay: bool, look_ahead: usize) -> Result<Self, CodecError> {
        let (before, after) = (State::new(low_delay)?, State::new(low_delay)?);
        Ok(Self { before, after, rest: 0.0, look_ahead, loudest: 0.0 })
    }

    /// Whether what is coded now, which the look-ahead has kept back, is worth another try.
    fn is_loud(&mut self, samples: &[f32]) -> bool {
        let energy = |samples: &[f32]| samples.iter().map(|sample| sample * sample).sum::<f32>();
        let Some((now, later)) = samples.split_at_checked(samples.len().saturating_sub(self.look_ahead))
        else {
            return false;
        };
        let now = self.rest + energy(now);
        self.rest = energy(later);
        self.loudest = now.max(self.loudest * (1.0 - FORGET * samples.len() as f32));
        now > LOUD * self.loudest
    }

    /// Puts a packet of the same length in place of `packet`, when there is a better one.
    fn encode(&mut self, state: &mut State, bit_rate: u32, samples: &[f32], packet: &mut OpusFrame) {
        self.after.copy_from(state);
        let mut bytes = [0; OPUS_BYTES_MAX];
        let bytes = &mut bytes[..packet.bytes().len()];
        for share in RATES {
            state.copy_from(&self.before);
            if matches!(try_at(state, bit_rate, share, samples, bytes), Ok(true)) {
                packet.set(bytes);
                return;
            }
        }
        // Whatever a try did to it: at a variable rate sizes would tell what is said.
        state.copy_from(&self.after);
    }
}

/// Fills `bytes` with the frame at a variable rate of so many 42nd; false when it was given up again.
fn try_at(
    state: &mut State,
    bit_rate: u32,
    share: u32,
    samples: &[f32],
    bytes: &mut [u8],
) -> Result<bool, CodecError> {
    state.set(Setting::VariableRate(true))?;
    state.set(Setting::BitRate(bit_rate * share / 42))?;
    let length = state.encode(samples, bytes)?;
    state.set(Setting::VariableRate(false))?;
    state.set(Setting::BitRate(bit_rate))?;
    if gave_up(bytes.len(), bytes.len() - length) {
        return Ok(false);
    }
    // As constant rate does it: sizes must not tell what was said (RFC 6716 section 3.2.5).
    opus::packet::pad(bytes, length)?;
    Ok(true)
}
