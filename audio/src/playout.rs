//! One speaker's way from packets to samples: the jitter buffer decides, the decoder obeys, the output pulls.
//!
//! ```text
//! packets -> jitter -> decoder -> presence and comfort noise -> strip (bridges, drawn out, longer, shorter) -> output
//! ```
//!
//! `render` is the only clock: each sample it gives is a tick. Whatever the network does, what is heard has no step in
//! it: invented sound fades into the speaker's own quiet and back, and a cut is bridged. While a packet is awaited, the sound
//! is drawn out by hardly more than the output asks for, so that the packet is heard from where it is when it comes. Nothing
//! here allocates after construction.

use std::time::Duration;

use crate::codec::{self, CodecError, Decode, Decoder};
use crate::comfort::Comfort;
use crate::frame::{FRAME_SAMPLES_MAX, FrameDuration, SAMPLE_RATE};
use crate::jitter::{Jitter, Step};
pub use crate::jitter::{PlayoutCounters, Unplaced};
use crate::level::{Level, Meter};
use crate::stretch::{QUIET_POWER, SHORTEN_NEEDS, Strip, power};
use crate::tempo::Turn;

/// Invented sound is played in full up to the first length and gone by the second, in samples: the codec's own fade
/// is far too slow for a voice that stopped.
const INVENTED_FADE: (usize, usize) = (80 * 48, 240 * 48);
/// What a voice loses of its presence with each sample after that.
const FALL: f32 = 1.0 / (INVENTED_FADE.1 - INVENTED_FADE.0) as f32;
/// What it regains with each sample when it is heard again: 5 ms for all of it.
const RISE: f32 = 1.0 / 240.0;

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

impl PlayoutStats {
    /// Delay as it is; zero while nothing plays.
    pub fn delay(&self) -> Duration {
        Duration::from_micros(u64::from(self.delay) * 1_000_000 / u64::from(SAMPLE_RATE))
    }
}

/// The buffer, decoder and meter of one speaker.
pub struct Playout<D = Decoder> {
    jitter: Jitter,
    decoder: D,
    comfort: Comfort,
    strip: Strip,
    /// Samples given.
    now: u64,
    /// Samples given of those at hand.
    at: usize,
    pcm: [f32; FRAME_SAMPLES_MAX],
    quiet: bool,
    /// How much of the voice is heard, 0 to 1; the rest is comfort noise.
    presence: f32,
    /// Samples invented since the last ones that were sent.
    invented: usize,
    restarts: u64,
    meter: Meter,
}

impl Playout {
    /// A speaker not heard yet.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self::with(Decoder::new()?))
    }
}

impl<D: Decode> Playout<D> {
    /// A speaker not heard yet, and what decodes them.
    pub fn with(decoder: D) -> Self {
        Self {
            jitter: Jitter::new(),
            decoder,
            comfort: Comfort::new(),
            strip: Strip::new(),
            now: 0,
            at: 0,
            pcm: [0.0; FRAME_SAMPLES_MAX],
            quiet: true,
            presence: 0.0,
            invented: 0,
            restarts: 0,
            meter: Meter::default(),
        }
    }

    /// Takes a packet with its 16-bit sequence number, which counts frames.
    pub fn arrive(&mut self, seq: u16, packet: &[u8]) -> Result<(), Refused> {
        let duration = codec::duration(packet).map_err(Refused::Codec)?;
        self.jitter.arrive(seq, packet, duration, self.now).map_err(Refused::Unplaced)
    }

    /// Takes a copy of an earlier packet, which came along with a later one.
    pub fn arrive_copy(&mut self, seq: u16, packet: &[u8]) -> Result<(), Refused> {
        let duration = codec::duration(packet).map_err(Refused::Codec)?;
        self.jitter.arrive_copy(seq, packet, duration).map_err(Refused::Unplaced)
    }

    /// The packets that arrive from now on carry copies as far back as that many frames of this one's duration.
    pub fn reach(&mut self, frames: u8, packet: &[u8]) {
        if let Ok(duration) = codec::duration(packet) {
            self.jitter.reach(frames, duration);
        }
    }

    /// We stood still: what waits to be heard is of before, and what was sent meanwhile is not missing.
    pub fn stood_still(&mut self) {
        self.jitter.stood_still();
        self.strip.turn();
        self.at = 0;
        self.be_gone();
    }

    /// Gives the next samples, any number of them.
    pub fn render(&mut self, out: &mut [f32]) {
        self.jitter.asked(out.len());
        let mut filled = 0;
        while filled < out.len() {
            let rest = &mut out[filled..];
            let ready = &self.strip.at_hand()[self.at..];
            if ready.is_empty() {
                let most = rest.len();
                self.advance(most);
                continue;
            }
            let count = rest.len().min(ready.len());
            rest[..count].copy_from_slice(&ready[..count]);
            self.at += count;
            self.now += count as u64;
            filled += count;
        }
        self.meter.push(out);
    }

    /// What [`Self::render`] would give next if nothing arrived until then: a part of a frame, or a whole one that is here.
    pub fn coming(&mut self) -> &[f32] {
        if self.at == self.strip.at_hand().len() && self.jitter.is_next_here() {
            self.advance(FRAME_SAMPLES_MAX);
        }
        &self.strip.at_hand()[self.at..]
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
            delay: samples(self.jitter.delay().unwrap_or(0)),
        }
    }

    /// Brings the next sound to hand: a frame, or where there is none at most so many samples of quiet.
    fn advance(&mut self, most: usize) {
        self.strip.turn();
        self.at = 0;
        self.forget_after_restart();
        let invented = std::mem::take(&mut self.invented);
        match self.jitter.step(self.now, self.quiet) {
            Step::Silence { samples } => self.be_quiet(samples.min(most).clamp(1, FRAME_SAMPLES_MAX)),
            Step::Decode { packet, joint, passed, turn } => {
                if joint || self.strip.is_drawn_out() {
                    self.strip.bridge();
                }
                let frame = codec::duration(packet.bytes());
                let decoded = self.decoder.decode(packet.bytes(), &mut self.pcm);
                self.sent(decoded, frame, passed);
                self.stretch(turn);
            }
            Step::Recover { next, frame, passed } => {
                if self.strip.is_drawn_out() {
                    self.strip.bridge();
                }
                let recovered = self.decoder.recover(next.bytes(), frame, &mut self.pcm);
                self.sent(recovered, Ok(frame), passed);
            }
            Step::DrawOut { samples } => {
                let (by, period) = self.strip.draw_out(samples.min(most));
                self.jitter.drawn_out(by, period);
            }
            Step::Conceal { frame, passed } => {
                let len = frame.samples();
                if self.decoder.conceal(frame, &mut self.pcm) != Ok(len) {
                    self.pcm[..len].fill(0.0);
                }
                if self.strip.is_drawn_out() {
                    // The decoder's idea of the period need not be the strip's.
                    self.strip.bridge();
                }
                self.pcm.copy_within(passed..len, 0);
                self.invented = invented + len;
                self.invent(len - passed, invented + passed);
            }
        }
    }

    /// Nothing is expected: quiet, and the end of what was heard fades into it.
    fn be_quiet(&mut self, count: usize) {
        self.be_gone();
        self.pcm[..count].fill(0.0);
        self.comfort.fill(&mut self.pcm[..count], || 0.0);
        self.strip.push(&self.pcm[..count]);
        self.quiet = true;
    }

    /// `pcm` holds what the speaker sent; the time of so many samples of it has passed already.
    fn sent(
        &mut self,
        decoded: Result<usize, CodecError>,
        frame: Result<FrameDuration, CodecError>,
        passed: usize,
    ) {
        let len = frame.unwrap_or_default().samples();
        let passed = passed.min(len);
        if decoded != Ok(len) {
            // Bytes that look like Opus and are not; the time passes all the same.
            self.be_quiet(len - passed);
            return;
        }
        let samples = &mut self.pcm[..len];
        if self.presence < 1.0 {
            let before = self.presence;
            self.presence = (before + RISE * len as f32).min(1.0);
            let presence = |n: usize| (before + RISE * n as f32).min(1.0);
            samples.iter_mut().enumerate().for_each(|(n, sample)| *sample *= presence(n));
            let mut count = 0..;
            self.comfort.fill(samples, || count.next().map_or(1.0, presence));
        } else {
            self.comfort.learn(samples);
        }
        self.quiet = power(samples) < QUIET_POWER;
        self.strip.push(&samples[passed..]);
    }

    /// `pcm` holds invented sound; `before` samples were invented already.
    fn invent(&mut self, len: usize, before: usize) {
        if len == 0 {
            return;
        }
        let samples = &mut self.pcm[..len];
        let fading = (before + len).saturating_sub(INVENTED_FADE.0).min(len);
        if fading > 0 || self.presence < 1.0 {
            let from = self.presence;
            let presence = |n: usize| (from - FALL * (n + fading).saturating_sub(len) as f32).max(0.0);
            self.presence = presence(len);
            samples.iter_mut().enumerate().for_each(|(n, sample)| *sample *= presence(n));
            let mut count = 0..;
            self.comfort.fill(samples, || count.next().map_or(0.0, presence));
        }
        self.quiet = power(samples) < QUIET_POWER;
        self.strip.push(samples);
    }

    /// Makes the sound at hand longer or shorter.
    fn stretch(&mut self, turn: Option<Turn>) {
        let by = match turn {
            None => return,
            Some(Turn::Lengthen(wish)) => self.strip.lengthen(wish) as i64,
            Some(Turn::Shorten(wish)) => {
                while self.strip.at_hand().len() < SHORTEN_NEEDS
                    && let Some(packet) = self.jitter.one_more()
                {
                    let frame = codec::duration(packet.bytes());
                    let decoded = self.decoder.decode(packet.bytes(), &mut self.pcm);
                    self.sent(decoded, frame, 0);
                }
                -(self.strip.shorten(wish) as i64)
            }
        };
        self.jitter.stretched(by);
    }

    fn forget_after_restart(&mut self) {
        let restarts = self.jitter.counters().restarts;
        if self.restarts == restarts {
            return;
        }
        self.restarts = restarts;
        if self.decoder.reset().is_ok() {
            self.be_gone();
            self.comfort.settle();
        }
    }

    /// What is heard next does not follow from what was.
    fn be_gone(&mut self) {
        if self.presence > 0.0 {
            self.strip.bridge();
            self.presence = 0.0;
        }
    }
}

#[cfg(test)]
mod tests;
