//! What rings: a call that comes in, and a call of ours that rings elsewhere. Soft, made here sample by sample, and over
//! when nobody wants it any more.

use std::f32::consts::PI;

use crate::frame::SAMPLE_RATE;

/// What is rung for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tune {
    /// Somebody calls: a warble of two tones, and a pause.
    Incoming,
    /// It rings where we call: one low tone, and a long pause, as telephones have it.
    Ringback,
}

/// A tune from its beginning on, without end.
#[derive(Clone, Debug)]
pub struct Bell {
    tune: Tune,
    /// Samples since the beginning.
    at: usize,
}

/// Rings of a call that comes in until it is as loud as it gets: whoever sits beside the speaker is not startled.
const RISES: usize = 3;
/// It comes and goes within so many samples, so that it does not click: 15 ms.
const RAMP: usize = ms(15);

const fn ms(ms: usize) -> usize {
    SAMPLE_RATE as usize * ms / 1_000
}

/// How a tune is made.
struct Score {
    /// Its tones in hertz, each for so many samples, over and over while it sounds.
    tones: &'static [f32],
    tone: usize,
    /// Samples of sound, and of sound and pause.
    sounds: usize,
    period: usize,
    /// The loudest sample, of full scale.
    loudness: f32,
}

impl Tune {
    fn score(self) -> Score {
        match self {
            // -16 dBFS: as loud as a voice that speaks up.
            Self::Incoming => Score {
                tones: &[659.0, 880.0],
                tone: ms(120),
                sounds: ms(1_200),
                period: ms(3_000),
                loudness: 0.158,
            },
            // -26 dBFS: below any voice.
            Self::Ringback => Score {
                tones: &[425.0],
                tone: ms(1_000),
                sounds: ms(1_000),
                period: ms(5_000),
                loudness: 0.05,
            },
        }
    }
}

impl Bell {
    /// From the beginning.
    pub fn new(tune: Tune) -> Self {
        Self { tune, at: 0 }
    }

    /// The next sample, at 48 kHz, within -1 and 1.
    pub fn sample(&mut self) -> f32 {
        let score = self.tune.score();
        let (ring, within) = (self.at / score.period, self.at % score.period);
        self.at = self.at.wrapping_add(1);
        if within >= score.sounds {
            return 0.0;
        }
        let (tone, into) = (within / score.tone, within % score.tone);
        let hertz = score.tones[tone % score.tones.len()];
        let edge = into.min(score.tone - 1 - into).min(RAMP);
        let ramp = 0.5 - 0.5 * (PI * edge as f32 / RAMP as f32).cos();
        let rise = match self.tune {
            Tune::Incoming => (ring + 1).min(RISES) as f32 / RISES as f32,
            Tune::Ringback => 1.0,
        };
        let phase = 2.0 * PI * hertz * into as f32 / SAMPLE_RATE as f32;
        score.loudness * rise * ramp * phase.sin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(tune: Tune, samples: usize) -> Vec<f32> {
        let mut bell = Bell::new(tune);
        (0..samples).map(|_| bell.sample()).collect()
    }

    fn loudest(sound: &[f32]) -> f32 {
        sound.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()))
    }

    #[test]
    fn it_is_soft_comes_and_goes_without_a_step_and_rests() {
        for tune in [Tune::Incoming, Tune::Ringback] {
            let score = tune.score();
            let sound = rung(tune, 4 * score.period);
            assert!(loudest(&sound) <= score.loudness && loudest(&sound) > 0.9 * score.loudness, "{tune:?}");
            // The steepest step of the highest tone at its loudest.
            let steepest = score.loudness * 2.0 * PI * 880.0 / SAMPLE_RATE as f32 * 1.1;
            let step = sound.windows(2).map(|two| (two[1] - two[0]).abs()).fold(0.0, f32::max);
            assert!(step <= steepest, "{tune:?} clicks: {step}");
            for ring in sound.chunks(score.period) {
                assert!(loudest(&ring[..score.sounds]) > 0.0, "{tune:?} sounds");
                assert_eq!(loudest(&ring[score.sounds..]), 0.0, "{tune:?} rests");
            }
        }
    }

    #[test]
    fn a_call_that_comes_in_rings_louder_and_louder_for_a_while() {
        let score = Tune::Incoming.score();
        let sound = rung(Tune::Incoming, 5 * score.period);
        let rings: Vec<f32> = sound.chunks(score.period).map(loudest).collect();
        assert!(rings[0] < 0.5 * rings[2] && rings[1] < rings[2], "{rings:?}");
        assert!((rings[2] - rings[4]).abs() < 1e-4, "{rings:?}");
    }
}
