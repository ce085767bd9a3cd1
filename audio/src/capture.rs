//! Our own voice on its way out: samples of any number in, whole encoded frames out.
//!
//! ```text
//! pcm (48 kHz mono) -> limiter -> cut into frames -> level -> encode -> frame ring
//! ```
//!
//! Muting stops sound at the door, before it is cut, metered or encoded.

use std::time::Duration;

use crate::codec::{CodecError, Encoder, EncoderSettings};
use crate::frame::{FRAME_SAMPLES_MAX, FrameDuration, OpusFrame, SAMPLE_RATE};
use crate::level::{Level, Meter};
use crate::limiter::Limiter;
use crate::ring::{FrameTx, PcmTx};

/// The microphone's half of a call.
pub struct Capture {
    encoder: Encoder,
    settings: EncoderSettings,
    frame: [f32; FRAME_SAMPLES_MAX],
    filled: usize,
    packet: OpusFrame,
    muted: bool,
    limiter: Limiter,
    meter: Meter,
    /// Something came since the level was asked for last.
    came: bool,
    failed: u64,
    /// Whoever keeps what we say.
    tap: Option<PcmTx>,
}

impl Capture {
    /// Capture with a fresh encoder.
    pub fn new(settings: EncoderSettings) -> Result<Self, CodecError> {
        Ok(Self {
            encoder: Encoder::new(settings)?,
            settings,
            frame: [0.0; FRAME_SAMPLES_MAX],
            filled: 0,
            packet: OpusFrame::EMPTY,
            muted: false,
            limiter: Limiter::default(),
            meter: Meter::default(),
            came: false,
            failed: 0,
            tap: None,
        })
    }

    /// Stops or lets through the voice. Muting also throws away the half-filled frame and what the encoder has kept back,
    /// so that nothing said before is heard after.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
        self.filled = 0;
        // The library refuses this to no encoder that it made.
        let _ = self.encoder.reset();
        self.limiter.reset();
        self.meter.reset();
    }

    /// Whether the voice is stopped.
    pub fn muted(&self) -> bool {
        self.muted
    }

    /// Samples until the frame that is being filled is full; 0 where one begins.
    pub fn missing(&self) -> usize {
        if self.filled == 0 { 0 } else { self.encoder.frame().samples() - self.filled }
    }

    /// Bits per second of what is sent.
    pub fn bit_rate(&self) -> u32 {
        self.settings.bit_rate
    }

    /// Takes another bit rate, bits per second, and share of packets that the listeners miss, percent, from the next
    /// frame on.
    pub fn adapt(&mut self, bit_rate: u32, loss_percent: u8) -> Result<(), CodecError> {
        if (bit_rate, loss_percent) != (self.settings.bit_rate, self.settings.loss_percent) {
            (self.settings.bit_rate, self.settings.loss_percent) = (bit_rate, loss_percent);
            self.encoder.adapt(bit_rate, loss_percent)?;
        }
        Ok(())
    }

    /// Fills frames of another duration from now on, also with what the one that is being filled holds; what makes whole
    /// ones already goes to `frames`.
    pub fn set_frame(&mut self, frame: FrameDuration, frames: &mut FrameTx) {
        self.settings.frame = frame;
        self.encoder.set_frame(frame);
        let len = frame.samples();
        while self.filled >= len {
            self.finish_frame(len, frames);
            self.frame.copy_within(len..self.filled, 0);
            self.filled -= len;
        }
    }

    /// Hands every sample that is sent to `tap`, too, or to nobody; gives back who had it until now.
    pub fn tap(&mut self, tap: Option<PcmTx>) -> Option<PcmTx> {
        core::mem::replace(&mut self.tap, tap)
    }

    /// How loud we are.
    pub fn level(&self) -> Level {
        self.meter.level()
    }

    /// The same, so long after it was asked for last: a microphone that gives nothing becomes quiet.
    pub fn level_after(&mut self, passed: Duration) -> Level {
        if !core::mem::take(&mut self.came) {
            self.meter.fall(passed);
        }
        self.meter.level()
    }

    /// What the encoder looks ahead.
    pub fn look_ahead(&mut self) -> Duration {
        let samples = self.encoder.look_ahead().unwrap_or(0);
        Duration::from_micros(samples as u64 * 1_000_000 / u64::from(SAMPLE_RATE))
    }

    /// Frames the encoder refused.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Takes samples and pushes every frame they complete to `frames`.
    pub fn push(&mut self, mut samples: &[f32], frames: &mut FrameTx) {
        if self.muted {
            return;
        }
        let len = self.encoder.frame().samples();
        while !samples.is_empty() {
            let count = samples.len().min(len - self.filled);
            let (now, later) = samples.split_at(count);
            for (slot, sample) in self.frame[self.filled..].iter_mut().zip(now) {
                *slot = self.limiter.next(*sample);
            }
            self.filled += count;
            samples = later;
            if self.filled == len {
                self.filled = 0;
                self.finish_frame(len, frames);
            }
        }
    }

    fn finish_frame(&mut self, len: usize, frames: &mut FrameTx) {
        let samples = &self.frame[..len];
        self.meter.push(samples);
        self.came = true;
        if let Some(tap) = &mut self.tap {
            tap.push(samples);
        }
        match self.encoder.encode(samples, &mut self.packet) {
            Ok(()) => frames.push(&self.packet),
            Err(_) => self.failed += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Decode as _, Decoder};
    use crate::ring;

    fn count(frames: &mut ring::FrameRx) -> usize {
        std::iter::from_fn(|| frames.pop()).count()
    }

    #[test]
    fn any_block_size_gives_the_same_frames() {
        let samples: Vec<f32> = (0..9_600).map(|n| (n as f32 * 0.06).sin() * 0.2).collect();
        for frame in FrameDuration::ALL {
            let packets = |block: usize| -> Vec<Vec<u8>> {
                let mut capture = Capture::new(EncoderSettings { frame, ..Default::default() }).unwrap();
                let (mut tx, mut rx) = ring::frames(64);
                samples.chunks(block).for_each(|block| capture.push(block, &mut tx));
                std::iter::from_fn(|| rx.pop()).map(|packet| packet.bytes().to_vec()).collect()
            };
            let whole = packets(9_600);
            assert_eq!(whole.len(), 200 / frame.ms() as usize);
            assert_eq!(packets(113), whole);
            assert_eq!(packets(960), whole);
        }
    }

    #[test]
    fn muting_lets_nothing_through_and_keeps_nothing_back() {
        let mut capture = Capture::new(EncoderSettings::default()).unwrap();
        let (mut tx, mut rx) = ring::frames(64);
        capture.push(&[0.5; 470], &mut tx);
        capture.set_muted(true);
        capture.push(&[0.5; 4_800], &mut tx);
        assert_eq!(count(&mut rx), 0);
        assert_eq!(capture.level().peak, crate::level::FLOOR_DBFS);
        capture.set_muted(false);
        capture.push(&[0.5; 479], &mut tx);
        assert_eq!(count(&mut rx), 0, "the ten missing samples were spoken before the mute");
        capture.push(&[0.5; 1], &mut tx);
        assert_eq!(count(&mut rx), 1);
        assert!(capture.level().peak > -7.0);
    }

    #[test]
    fn another_frame_duration_takes_what_was_said_along() {
        for (before, after) in FrameDuration::ALL.iter().flat_map(|b| FrameDuration::ALL.map(|a| (*b, a))) {
            for said in [1, 239, 240, 479, 480, 700, 959] {
                let mut capture =
                    Capture::new(EncoderSettings { frame: before, ..Default::default() }).unwrap();
                let (mut tx, mut rx) = ring::frames(64);
                capture.push(&vec![0.1; said], &mut tx);
                let sent = count(&mut rx) * before.samples();
                capture.set_frame(after, &mut tx);
                assert!(capture.missing() <= after.samples());
                capture.push(&[0.1; 1_921], &mut tx);
                let all = sent + count(&mut rx) * after.samples();
                assert_eq!(all, said + 1_921 - (said + 1_921 - sent) % after.samples(), "{said} samples");
            }
        }
    }

    #[test]
    fn the_level_falls_while_nothing_comes() {
        let mut capture = Capture::new(EncoderSettings::default()).unwrap();
        let (mut tx, _rx) = ring::frames(64);
        let every = Duration::from_millis(100);
        capture.push(&[0.5; 480], &mut tx);
        let loud = capture.level_after(every).peak;
        assert!(loud > -7.0, "it came since the last time");
        let levels: Vec<f32> = (0..100).map(|_| capture.level_after(every).peak).collect();
        assert!((loud - levels[9] - 11.8).abs() < 0.1, "a second later: {}", levels[9]);
        assert_eq!(levels[99], crate::level::FLOOR_DBFS);
    }

    #[test]
    fn the_encoder_keeps_nothing_that_was_said_before_a_mute() {
        let loud: Vec<f32> = (0..4_800).map(|n| (n as f32 * 0.06).sin() * 0.8).collect();
        for (frame, low_delay) in
            FrameDuration::ALL.into_iter().flat_map(|frame| [(frame, false), (frame, true)])
        {
            let settings = EncoderSettings { frame, low_delay, ..Default::default() };
            let mut capture = Capture::new(settings).unwrap();
            let (mut tx, mut rx) = ring::frames(64);
            capture.push(&loud, &mut tx);
            let bytes = rx.pop().unwrap().bytes().len();
            capture.set_muted(true);
            while rx.pop().is_some() {}
            capture.set_muted(false);
            capture.push(&[0.0; FRAME_SAMPLES_MAX], &mut tx);
            let after = rx.pop().unwrap();
            // A decoder that heard nothing of before has it from this frame alone.
            let mut sound = [0.0; FRAME_SAMPLES_MAX];
            Decoder::new().unwrap().decode(after.bytes(), &mut sound).unwrap();
            let peak = sound.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
            assert!(peak < 1e-3, "{frame:?}, low delay {low_delay}: {peak}");
            assert_eq!(after.bytes().len(), bytes, "the settings stay");
        }
    }

    #[test]
    fn broken_samples_do_not_reach_the_encoder() {
        let mut capture = Capture::new(EncoderSettings::default()).unwrap();
        let (mut tx, mut rx) = ring::frames(64);
        capture.push(&[f32::NAN; 480], &mut tx);
        capture.push(&[f32::INFINITY; 480], &mut tx);
        capture.push(&[1e30; 480], &mut tx);
        assert_eq!((count(&mut rx), capture.failed()), (3, 0));
        assert!(capture.level().peak <= 0.01);
    }
}
