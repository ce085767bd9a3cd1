//! One speaker's way from packets to samples: the jitter buffer decides, the decoder obeys, the output pulls.
//!
//! `render` is the only clock: each sample it gives is a tick. Nothing here allocates after construction.

use crate::codec::{self, CodecError, Decoder};
use crate::frame::FRAME_SAMPLES_MAX;
use crate::jitter::{Jitter, Step};
pub use crate::jitter::{PlayoutCounters, Unplaced};
use crate::level::{Level, Meter};

/// RMS below which a frame counts as a pause, where time may be cut or stretched unheard: -45 dBFS.
const QUIET_RMS: f32 = 0.0056;
/// Samples over which a cut is faded: 5 ms.
const FADE: usize = 240;

/// Invented sound is played in full up to the first length and gone by the second, in samples: the codec's own fade
/// is far too slow for a voice that stopped.
const INVENTED_FADE: (usize, usize) = (80 * 48, 240 * 48);

/// Why a packet was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The codec cannot read it.
    Codec(CodecError),
    /// The buffer has no place for it.
    Unplaced(Unplaced),
}

/// The state of a speaker's stream, for the screen and for reports to the sender.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlayoutStats {
    /// What happened to the packets.
    pub counters: PlayoutCounters,
    /// Packets waiting.
    pub depth: usize,
    /// Delay aimed at, samples at 48 kHz.
    pub target: u32,
    /// Delay as it is, samples at 48 kHz; zero while nothing plays.
    pub delay: u32,
}

/// The buffer, decoder and meter of one speaker.
pub struct Playout {
    jitter: Jitter,
    decoder: Decoder,
    now: u64,
    pcm: [f32; FRAME_SAMPLES_MAX],
    at: usize,
    len: usize,
    quiet: bool,
    /// Samples invented since the last ones that were sent.
    invented: usize,
    restarts: u64,
    meter: Meter,
}

impl Playout {
    /// A speaker not heard yet.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self {
            jitter: Jitter::new(),
            decoder: Decoder::new()?,
            now: 0,
            pcm: [0.0; FRAME_SAMPLES_MAX],
            at: 0,
            len: 0,
            quiet: true,
            invented: 0,
            restarts: 0,
            meter: Meter::default(),
        })
    }

    /// Takes a packet with its 16-bit sequence number, which counts frames.
    pub fn arrive(&mut self, seq: u16, packet: &[u8]) -> Result<(), Refused> {
        let duration = codec::duration(packet).map_err(Refused::Codec)?;
        self.jitter.arrive(seq, packet, duration, self.now).map_err(Refused::Unplaced)
    }

    /// Gives the next samples, any number of them.
    pub fn render(&mut self, out: &mut [f32]) {
        let mut filled = 0;
        while filled < out.len() {
            let rest = &mut out[filled..];
            if self.at == self.len {
                let silent = self.advance().min(rest.len());
                rest[..silent].fill(0.0);
                self.now += silent as u64;
                filled += silent;
                continue;
            }
            let count = rest.len().min(self.len - self.at);
            rest[..count].copy_from_slice(&self.pcm[self.at..self.at + count]);
            self.at += count;
            self.now += count as u64;
            filled += count;
        }
        self.meter.push(out);
    }

    /// How loud the speaker is.
    pub fn level(&self) -> Level {
        self.meter.level()
    }

    /// What happened so far.
    pub fn stats(&self) -> PlayoutStats {
        let samples = |count: i64| u32::try_from(count).unwrap_or(0);
        PlayoutStats {
            counters: self.jitter.counters(),
            depth: self.jitter.depth(),
            target: samples(self.jitter.target()),
            delay: samples(self.jitter.delay(self.now).unwrap_or(0)),
        }
    }

    /// Puts the next frame into `pcm`, or says for how many samples there is none.
    fn advance(&mut self) -> usize {
        self.forget_after_restart();
        let frame = self.jitter.frame();
        let decoder = &mut self.decoder;
        let invented = std::mem::take(&mut self.invented);
        let decoded = match self.jitter.step(self.now, self.quiet) {
            Step::Silence { samples } => {
                self.quiet = true;
                return samples.max(1);
            }
            Step::Decode { packet, joint: false } => decoder.decode(packet.bytes(), &mut self.pcm),
            Step::Decode { packet, joint: true } => {
                decode_over_cut(decoder, packet.bytes(), frame, &mut self.pcm)
            }
            Step::Recover { next } => decoder.recover(next.bytes(), frame, &mut self.pcm),
            Step::Conceal => {
                self.invented = invented + frame.samples();
                decoder.conceal(frame, &mut self.pcm)
            }
        };
        self.at = 0;
        self.len = frame.samples();
        if decoded != Ok(self.len) {
            // Bytes that look like Opus and are not; the time passes all the same.
            self.pcm[..self.len].fill(0.0);
        }
        if self.invented > 0 {
            fade_invented(&mut self.pcm[..self.len], invented);
        }
        let square: f32 = self.pcm[..self.len].iter().map(|sample| sample * sample).sum();
        self.quiet = square < QUIET_RMS * QUIET_RMS * self.len as f32;
        0
    }

    fn forget_after_restart(&mut self) {
        let restarts = self.jitter.counters().restarts;
        if self.restarts != restarts && self.decoder.reset().is_ok() {
            self.restarts = restarts;
        }
    }
}

/// Lets invented sound die away; `before` samples were invented already.
fn fade_invented(samples: &mut [f32], before: usize) {
    let (full, gone) = INVENTED_FADE;
    for (n, sample) in samples.iter_mut().enumerate() {
        let left = gone.saturating_sub(before + n) as f32 / (gone - full) as f32;
        *sample *= left.min(1.0);
    }
}

/// Decodes the packet after a cut, fading into it from what the decoder would have invented.
fn decode_over_cut(
    decoder: &mut Decoder,
    packet: &[u8],
    frame: crate::frame::FrameDuration,
    out: &mut [f32; FRAME_SAMPLES_MAX],
) -> Result<usize, CodecError> {
    decoder.conceal(frame, out)?;
    let mut before = [0.0; FADE];
    before.copy_from_slice(&out[..FADE]);
    let len = decoder.decode(packet, out)?;
    for (n, (sample, old)) in out[..FADE].iter_mut().zip(before).enumerate() {
        let share = n as f32 / FADE as f32;
        *sample = *sample * share + old * (1.0 - share);
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Encoder, EncoderSettings};
    use crate::frame::{FrameDuration, OpusFrame};
    use proptest::prelude::*;

    fn packets(count: usize, settings: EncoderSettings) -> Vec<OpusFrame> {
        let mut encoder = Encoder::new(settings).unwrap();
        let len = settings.frame.samples();
        let voice = crate::testing::voice(count * len);
        (0..count)
            .map(|n| {
                let mut packet = OpusFrame::EMPTY;
                encoder.encode(&voice[n * len..][..len], &mut packet).unwrap();
                packet
            })
            .collect()
    }

    fn rms(samples: &[f32]) -> f32 {
        (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn a_voice_comes_out_at_its_level_whatever_the_output_asks_for() {
        for ask in [64, 240, 441, 1_024] {
            let mut playout = Playout::new().unwrap();
            let (mut heard, mut sent) = (Vec::new(), 0);
            let packets = packets(200, EncoderSettings::default());
            while heard.len() < 96_000 - ask {
                while sent < packets.len() && sent * 480 <= heard.len() {
                    playout.arrive(sent as u16, packets[sent].bytes()).unwrap();
                    sent += 1;
                }
                let mut out = vec![0.0; ask];
                playout.render(&mut out);
                heard.extend_from_slice(&out);
            }
            let (level, want) =
                (rms(&heard[24_000..72_000]), rms(&crate::testing::voice(96_000)[24_000..72_000]));
            assert!((level / want - 1.0).abs() < 0.1, "asked {ask} at a time, level {level} for {want}");
            assert_eq!(playout.stats().counters.lost, 0);
            assert!(playout.level().peak > -15.0);
        }
    }

    #[test]
    fn lost_packets_are_recovered_when_the_sender_adds_copies() {
        let settings = EncoderSettings { loss_percent: 20, ..Default::default() };
        let mut playout = Playout::new().unwrap();
        let mut heard = Vec::new();
        for (n, packet) in packets(1_000, settings).iter().enumerate() {
            if n % 10 != 7 {
                playout.arrive(n as u16, packet.bytes()).unwrap();
            }
            let mut out = [0.0; 480];
            playout.render(&mut out);
            heard.extend_from_slice(&out);
        }
        let counters = playout.stats().counters;
        // Pauses carry no copies: there is nothing in them to recover.
        assert!(counters.recovered >= 30, "{counters:?}");
        let (level, want) = (rms(&heard[48_000..]), rms(&crate::testing::voice(480_000)[48_000..]));
        assert!((level / want - 1.0).abs() < 0.15, "level {level} for {want}");
    }

    #[test]
    fn when_the_sender_is_gone_the_sound_fades_and_then_costs_nothing() {
        let mut playout = Playout::new().unwrap();
        let mut out = [0.0; 480];
        for (n, packet) in packets(50, EncoderSettings::default()).iter().enumerate() {
            playout.arrive(n as u16, packet.bytes()).unwrap();
            playout.render(&mut out);
        }
        (0..60).for_each(|_| playout.render(&mut out));
        assert_eq!(out, [0.0; 480], "600 ms later");
        let concealed = playout.stats().counters.concealed;
        (0..60).for_each(|_| playout.render(&mut out));
        assert_eq!(playout.stats().counters.concealed, concealed);
    }

    #[test]
    fn what_is_not_opus_of_our_durations_is_refused_by_name() {
        let mut playout = Playout::new().unwrap();
        assert_eq!(playout.arrive(1, &[]), Err(Refused::Codec(CodecError::Malformed)));
        assert_eq!(playout.arrive(1, &[3 << 3, 0]), Err(Refused::Codec(CodecError::Duration)));
        let packet = packets(1, EncoderSettings { frame: FrameDuration::Ms5, ..Default::default() });
        playout.arrive(1, packet[0].bytes()).unwrap();
        assert_eq!(playout.arrive(1, packet[0].bytes()), Err(Refused::Unplaced(Unplaced::Duplicate)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn junk_from_an_authenticated_peer_makes_no_more_than_noise(
            acts in proptest::collection::vec((any::<u16>(), proptest::collection::vec(any::<u8>(), 0..80), 1usize..700), 0..60),
        ) {
            let mut playout = Playout::new().unwrap();
            for (seq, packet, ask) in acts {
                let _ = playout.arrive(seq % 64, &packet);
                let mut out = vec![0.0; ask];
                playout.render(&mut out);
                prop_assert!(out.iter().all(|sample| sample.is_finite()));
            }
        }
    }
}
