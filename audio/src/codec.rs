//! Opus, and the only room that knows the library: one encoder for our voice, one decoder per speaker. Mono, 48 kHz.
//! Nothing here allocates after construction.
//!
//! Constant bit rate and no silence suppression are deliberate: packet sizes and packet times of a sealed call must
//! not tell a listener on the network when and what somebody speaks. Who asks for [`EncoderSettings::dtx`] gives up the
//! former half of that.

use std::fmt;

use crate::frame::{FRAME_SAMPLES_MAX, FrameDuration, OpusFrame, SAMPLE_RATE};

/// Lowest and highest bit rate we encode at, in bits per second of payload.
pub const BIT_RATE_RANGE: (u32, u32) = (12_000, 128_000);

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

fn bandwidth(bit_rate: u32) -> opus::Bandwidth {
    if keeps_full_band(bit_rate) { opus::Bandwidth::Fullband } else { opus::Bandwidth::Wideband }
}

/// Turns frames of samples into packets.
pub struct Encoder {
    inner: opus::Encoder,
    frame: FrameDuration,
}

impl Encoder {
    /// An encoder for speech.
    pub fn new(settings: EncoderSettings) -> Result<Self, CodecError> {
        let low_delay = settings.low_delay;
        let application = if low_delay { opus::Application::LowDelay } else { opus::Application::Voip };
        let mut inner = opus::Encoder::new(SAMPLE_RATE, opus::Channels::Mono, application)?;
        let (low, high) = BIT_RATE_RANGE;
        inner.set_bitrate(opus::Bitrate::Bits(settings.bit_rate.clamp(low, high) as i32))?;
        inner.set_vbr(false)?;
        inner.set_max_bandwidth(bandwidth(settings.bit_rate))?;
        inner.set_dtx(settings.dtx)?;
        inner.set_signal(opus::Signal::Voice)?;
        inner.set_complexity(i32::from(settings.complexity.min(10)))?;
        inner.set_inband_fec(true)?;
        inner.set_packet_loss_perc(i32::from(settings.loss_percent.min(100)))?;
        Ok(Self { inner, frame: settings.frame })
    }

    /// The duration of every frame.
    pub fn frame(&self) -> FrameDuration {
        self.frame
    }

    /// Takes another bit rate, clamped to [`BIT_RATE_RANGE`], and another share of packets that its listeners miss,
    /// percent, from the next frame on.
    pub fn adapt(&mut self, bit_rate: u32, loss_percent: u8) -> Result<(), CodecError> {
        let (low, high) = BIT_RATE_RANGE;
        self.inner.set_bitrate(opus::Bitrate::Bits(bit_rate.clamp(low, high) as i32))?;
        self.inner.set_max_bandwidth(bandwidth(bit_rate))?;
        Ok(self.inner.set_packet_loss_perc(i32::from(loss_percent.min(100)))?)
    }

    /// Samples the encoder looks ahead, part of the delay from mouth to ear.
    pub fn look_ahead(&mut self) -> Result<usize, CodecError> {
        Ok(usize::try_from(self.inner.get_lookahead()?).unwrap_or(0))
    }

    /// Encodes exactly one frame.
    pub fn encode(&mut self, samples: &[f32], packet: &mut OpusFrame) -> Result<(), CodecError> {
        if samples.len() != self.frame.samples() {
            return Err(CodecError::Samples);
        }
        packet.fill(|bytes| Ok(self.inner.encode_float(samples, bytes)?))
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tone(from: usize, count: usize) -> Vec<f32> {
        (from..from + count)
            .map(|n| (n as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin() * 0.3)
            .collect()
    }

    fn rms(samples: &[f32]) -> f32 {
        (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
    }

    /// The error left when `heard` is compared with `said` at the best delay up to 20 ms, relative to `said`.
    fn error_at_best_delay(said: &[f32], heard: &[f32]) -> f32 {
        let len = said.len() - 960;
        (0..960)
            .map(|delay| {
                let difference: Vec<f32> = (0..len).map(|n| said[n] - heard[n + delay]).collect();
                rms(&difference) / rms(&said[..len])
            })
            .fold(f32::MAX, f32::min)
    }

    #[test]
    fn a_tone_survives_the_round_trip_at_every_duration() {
        for frame in FrameDuration::ALL {
            let mut encoder = Encoder::new(EncoderSettings { frame, ..Default::default() }).unwrap();
            let mut decoder = Decoder::new().unwrap();
            let (mut heard, mut packet, mut out) = (Vec::new(), OpusFrame::EMPTY, [0.0; FRAME_SAMPLES_MAX]);
            for n in 0..48_000 / frame.samples() {
                encoder.encode(&tone(n * frame.samples(), frame.samples()), &mut packet).unwrap();
                assert_eq!(duration(packet.bytes()), Ok(frame));
                let got = decoder.decode(packet.bytes(), &mut out).unwrap();
                heard.extend_from_slice(&out[..got]);
            }
            assert_eq!(heard.len(), 48_000);
            let error = error_at_best_delay(&tone(24_000, 9_600), &heard[24_000..33_600]);
            assert!(error < 0.2, "{frame:?}: {error}");
        }
    }

    #[test]
    fn the_mode_of_least_delay_looks_ahead_less_and_is_heard_as_well() {
        let settings = |low_delay| EncoderSettings {
            frame: FrameDuration::Ms5,
            bit_rate: 64_000,
            low_delay,
            ..EncoderSettings::default()
        };
        let look_ahead = |low_delay| Encoder::new(settings(low_delay)).unwrap().look_ahead().unwrap();
        assert_eq!((look_ahead(true), look_ahead(false)), (120, 312), "samples");
        let (mut encoder, mut decoder) = (Encoder::new(settings(true)).unwrap(), Decoder::new().unwrap());
        let (mut heard, mut packet, mut out) = (Vec::new(), OpusFrame::EMPTY, [0.0; FRAME_SAMPLES_MAX]);
        for n in 0..200 {
            encoder.encode(&tone(n * 240, 240), &mut packet).unwrap();
            assert_eq!(packet.bytes().len(), 40, "64 kb/s is 40 bytes each 5 ms");
            let got = decoder.decode(packet.bytes(), &mut out).unwrap();
            heard.extend_from_slice(&out[..got]);
        }
        let error = error_at_best_delay(&tone(24_000, 9_600), &heard[24_000..33_600]);
        assert!(error < 0.2, "{error}");
    }

    #[test]
    fn stereo_of_a_guest_is_heard_in_the_middle() {
        let mut encoder =
            opus::Encoder::new(SAMPLE_RATE, opus::Channels::Stereo, opus::Application::Voip).unwrap();
        let (mut heard, mut out) = (Vec::new(), [0.0; FRAME_SAMPLES_MAX]);
        let mut decoder = Decoder::new().unwrap();
        for n in 0..100 {
            // The voice left and right, as an original sends the two channels of one microphone.
            let both: Vec<f32> = tone(n * 480, 480).into_iter().flat_map(|sample| [sample; 2]).collect();
            let mut packet = [0; 256];
            let len = encoder.encode_float(&both, &mut packet).unwrap();
            assert_eq!(packet[0] & 4, 4, "stereo");
            assert_eq!(duration(&packet[..len]), Ok(FrameDuration::Ms10));
            let got = decoder.decode(&packet[..len], &mut out).unwrap();
            assert_eq!(got, 480, "one frame of mono");
            heard.extend_from_slice(&out[..got]);
        }
        let error = error_at_best_delay(&tone(24_000, 9_600), &heard[24_000..33_600]);
        assert!(error < 0.2, "{error}");
        // Mono again, as after a guest left: the same decoder takes it.
        let mut mono = Encoder::new(EncoderSettings::default()).unwrap();
        let mut packet = OpusFrame::EMPTY;
        mono.encode(&tone(0, 480), &mut packet).unwrap();
        assert_eq!(decoder.decode(packet.bytes(), &mut out), Ok(480));
    }

    #[test]
    fn every_packet_has_one_size_whatever_is_said() {
        let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
        let mut packet = OpusFrame::EMPTY;
        let mut sizes = std::collections::BTreeSet::new();
        for n in 0..100 {
            let samples = if n % 20 < 10 { vec![0.0; 480] } else { tone(n * 480, 480) };
            encoder.encode(&samples, &mut packet).unwrap();
            sizes.insert(packet.bytes().len());
        }
        assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [42], "33.6 kb/s is 42 bytes each 10 ms");
    }

    #[test]
    fn silence_is_sent_short_only_where_that_was_asked_for() {
        for (dtx, low_delay) in [(true, false), (true, true), (false, false)] {
            let frame = if low_delay { FrameDuration::Ms5 } else { FrameDuration::Ms10 };
            let settings = EncoderSettings { frame, dtx, low_delay, ..Default::default() };
            let (mut encoder, mut decoder) = (Encoder::new(settings).unwrap(), Decoder::new().unwrap());
            let mut packet = OpusFrame::EMPTY;
            let mut out = [0.0; FRAME_SAMPLES_MAX];
            let (mut sizes, mut last) = (Vec::new(), 0.0);
            for at in 0..300 {
                let said = if at < 100 {
                    tone(at * frame.samples(), frame.samples())
                } else {
                    vec![0.0; frame.samples()]
                };
                encoder.encode(&said, &mut packet).unwrap();
                sizes.push(packet.bytes().len());
                assert_eq!(duration(packet.bytes()), Ok(frame));
                let count = decoder.decode(packet.bytes(), &mut out).unwrap();
                assert_eq!(count, frame.samples(), "a short frame lasts as long as a whole one");
                last = rms(&out[..count]);
            }
            let short = sizes[200..].iter().filter(|bytes| **bytes <= 2).count();
            assert!(if dtx { short > 80 } else { short == 0 }, "{dtx} {low_delay}: {sizes:?}");
            assert!(sizes[10..100].iter().all(|bytes| *bytes == sizes[10]), "speech has one size: {sizes:?}");
            assert!(last < 0.001, "{dtx} {low_delay}: silence stays silent: {last}");
        }
    }

    #[test]
    fn a_lost_frame_is_recovered_from_the_next_one() {
        let settings = EncoderSettings { loss_percent: 20, frame: FrameDuration::Ms20, ..Default::default() };
        let mut encoder = Encoder::new(settings).unwrap();
        let (mut told, mut untold) = (Decoder::new().unwrap(), Decoder::new().unwrap());
        let mut out = [0.0; FRAME_SAMPLES_MAX];
        let voice = crate::testing::voice(60 * 960);
        let packets: Vec<OpusFrame> = (0..60)
            .map(|n| {
                let mut packet = OpusFrame::EMPTY;
                encoder.encode(&voice[n * 960..][..960], &mut packet).unwrap();
                packet
            })
            .collect();
        let with_copy = packets.iter().filter(|packet| has_recovery(packet.bytes())).count();
        assert!(with_copy > 30, "only {with_copy} of 60 packets carry a copy");
        assert!(has_recovery(packets[41].bytes()));
        for packet in &packets[..40] {
            told.decode(packet.bytes(), &mut out).unwrap();
            untold.decode(packet.bytes(), &mut out).unwrap();
        }
        let mut reference = Decoder::new().unwrap();
        for packet in &packets[..=40] {
            reference.decode(packet.bytes(), &mut out).unwrap();
        }
        let want = out;
        told.recover(packets[41].bytes(), FrameDuration::Ms20, &mut out).unwrap();
        let with = error_between(&want, &out);
        untold.conceal(FrameDuration::Ms20, &mut out).unwrap();
        let without = error_between(&want, &out);
        assert!(with < 0.7 * without, "with the copy {with}, without {without}");
    }

    fn error_between(want: &[f32], got: &[f32]) -> f32 {
        let difference: Vec<f32> = want.iter().zip(got).map(|(a, b)| a - b).collect();
        rms(&difference) / rms(want)
    }

    #[test]
    fn no_expected_loss_means_no_copies() {
        let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
        let mut packet = OpusFrame::EMPTY;
        for n in 0..50 {
            encoder.encode(&tone(n * 480, 480), &mut packet).unwrap();
            assert!(!has_recovery(packet.bytes()), "a clean link must not pay for copies");
        }
    }

    #[test]
    fn another_bit_rate_counts_from_the_next_frame_on() {
        let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
        let mut packet = OpusFrame::EMPTY;
        let mut size = |encoder: &mut Encoder, n: usize| {
            encoder.encode(&tone(n * 480, 480), &mut packet).unwrap();
            packet.bytes().len()
        };
        assert_eq!(size(&mut encoder, 0), 42);
        encoder.adapt(16_000, 20).unwrap();
        assert_eq!(size(&mut encoder, 1), 20);
        encoder.adapt(64_000, 0).unwrap();
        assert_eq!(size(&mut encoder, 2), 80);
    }

    #[test]
    fn concealment_fades() {
        let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
        let mut decoder = Decoder::new().unwrap();
        let (mut packet, mut out) = (OpusFrame::EMPTY, [0.0; FRAME_SAMPLES_MAX]);
        for n in 0..50 {
            encoder.encode(&tone(n * 480, 480), &mut packet).unwrap();
            decoder.decode(packet.bytes(), &mut out).unwrap();
        }
        for _ in 0..100 {
            assert_eq!(decoder.conceal(FrameDuration::Ms10, &mut out), Ok(480));
        }
        assert!(rms(&out[..480]) < 0.21 / 8.0, "{} after a second", rms(&out[..480]));
    }

    #[test]
    fn long_or_many_framed_packets_are_refused_before_decoding() {
        let mut decoder = Decoder::new().unwrap();
        let mut out = [0.0; FRAME_SAMPLES_MAX];
        let sixty_ms = [3 << 3, 0, 0, 0];
        assert_eq!(decoder.decode(&sixty_ms, &mut out), Err(CodecError::Duration));
        assert_eq!(decoder.decode(&[], &mut out), Err(CodecError::Malformed));
    }

    proptest! {
        #[test]
        fn junk_never_panics(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..20)) {
            let mut decoder = Decoder::new().unwrap();
            let mut out = [0.0; FRAME_SAMPLES_MAX];
            for packet in &packets {
                let _ = has_recovery(packet);
                let _ = decoder.decode(packet, &mut out);
                let _ = decoder.recover(packet, FrameDuration::Ms10, &mut out);
            }
        }
    }
}
