//! All speakers into one stream: sum with a gain each, then a limit that never clips hard.

use crate::frame::FRAME_SAMPLES_MAX;

/// Below this amplitude the limit changes nothing, so one voice at a normal level passes bit for bit.
const KNEE: f32 = 0.7;

/// What a decoder can give at most by a wide margin; more is damage, and must not reach infinity in the sum.
const SANE: f32 = 64.0;

/// The loudest gain a speaker may be given: four times, 12 dB.
pub const GAIN_MAX: f32 = 4.0;

/// Sums one block at a time. Blocks are at most [`FRAME_SAMPLES_MAX`] samples.
pub struct Mixer {
    sum: [f32; FRAME_SAMPLES_MAX],
    len: usize,
}

impl Default for Mixer {
    fn default() -> Self {
        Self { sum: [0.0; FRAME_SAMPLES_MAX], len: 0 }
    }
}

impl Mixer {
    /// Begins a block of `len` samples (at most [`FRAME_SAMPLES_MAX`], longer is cut) of silence.
    pub fn begin(&mut self, len: usize) {
        self.len = len.min(FRAME_SAMPLES_MAX);
        self.sum[..self.len].fill(0.0);
    }

    /// Adds one speaker's samples. A sample that is not a number counts as silence; `gain` is held to 0 up to
    /// [`GAIN_MAX`].
    pub fn add(&mut self, samples: &[f32], gain: f32) {
        let gain = if gain.is_nan() { 1.0 } else { gain.clamp(0.0, GAIN_MAX) };
        for (sum, sample) in self.sum[..self.len].iter_mut().zip(samples) {
            if sample.is_finite() {
                *sum += (sample * gain).clamp(-SANE, SANE);
            }
        }
    }

    /// The finished block, every sample within -1 and 1.
    pub fn finish(&mut self) -> &[f32] {
        for sample in &mut self.sum[..self.len] {
            *sample = limit(*sample);
        }
        &self.sum[..self.len]
    }
}

/// Bends what is above the knee so that it approaches, and never passes, full scale.
fn limit(sample: f32) -> f32 {
    let size = sample.abs();
    if size <= KNEE {
        return sample;
    }
    let bent = KNEE + (1.0 - KNEE) * ((size - KNEE) / (1.0 - KNEE)).tanh();
    bent.copysign(sample)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_normal_voice_passes_untouched() {
        let voice: Vec<f32> = (0..480).map(|n| (n as f32 * 0.05).sin() * 0.6).collect();
        let mut mixer = Mixer::default();
        mixer.begin(480);
        mixer.add(&voice, 1.0);
        assert_eq!(mixer.finish(), &voice[..]);
    }

    #[test]
    fn gains_apply_per_speaker() {
        let mut mixer = Mixer::default();
        mixer.begin(2);
        mixer.add(&[0.2, 0.2], 0.5);
        mixer.add(&[0.1, -0.1], 2.0);
        let out = mixer.finish();
        assert!((out[0] - 0.3).abs() < 1e-6 && (out[1] + 0.1).abs() < 1e-6, "{out:?}");
    }

    #[test]
    fn a_new_block_remembers_nothing() {
        let mut mixer = Mixer::default();
        mixer.begin(4);
        mixer.add(&[0.5; 4], 1.0);
        mixer.begin(4);
        assert_eq!(mixer.finish(), &[0.0; 4]);
    }

    proptest! {
        #[test]
        fn never_clips_and_keeps_order(
            voices in proptest::collection::vec(proptest::collection::vec(any::<f32>(), 64), 0..12),
            gain in any::<f32>(),
        ) {
            let mut mixer = Mixer::default();
            mixer.begin(64);
            for voice in &voices {
                mixer.add(voice, gain);
            }
            for sample in mixer.finish() {
                prop_assert!((-1.0..=1.0).contains(sample), "{sample}");
            }
        }

        #[test]
        fn louder_in_is_not_quieter_out(a in -8.0f32..8.0, b in -8.0f32..8.0) {
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(limit(low) <= limit(high));
        }
    }
}
