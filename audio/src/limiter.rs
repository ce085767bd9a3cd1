//! The last word on our own voice before it is metered and encoded: nothing leaves louder than full scale, and nothing
//! is cut off flat. Look-ahead free, so that it adds no delay: the gain falls at once with a peak and comes back slowly,
//! and below the knee not one bit changes.

use crate::frame::SAMPLE_RATE;

/// Below this amplitude (-1 dBFS) the limiter changes nothing.
pub const KNEE: f32 = 0.89;
/// Seconds in which a peak is forgotten to a third: longer than a period of the lowest voice, so that the gain does not
/// follow the waveform.
const RELEASE_SECONDS: f32 = 0.05;
/// No microphone gives more by a wide margin; more is damage, and must not hold the gain down for seconds.
const SANE: f32 = 8.0;

/// Limits one stream.
#[derive(Clone, Debug)]
pub struct Limiter {
    envelope: f32,
    release: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { envelope: 0.0, release: (-1.0 / (RELEASE_SECONDS * SAMPLE_RATE as f32)).exp() }
    }
}

impl Limiter {
    /// The sample to use for the next one of the stream, -1 to 1. One that is not a number counts as silence.
    pub fn next(&mut self, sample: f32) -> f32 {
        let sample = if sample.is_finite() { sample.clamp(-SANE, SANE) } else { 0.0 };
        self.envelope = sample.abs().max(self.envelope * self.release);
        if self.envelope <= KNEE { sample } else { sample * (bend(self.envelope) / self.envelope) }
    }

    /// Forgets what was loud, as when a microphone is muted.
    pub fn reset(&mut self) {
        self.envelope = 0.0;
    }
}

/// Bends what is above the knee so that it approaches, and never passes, full scale.
fn bend(size: f32) -> f32 {
    KNEE + (1.0 - KNEE) * ((size - KNEE) / (1.0 - KNEE)).tanh()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limited(samples: &[f32]) -> Vec<f32> {
        let mut limiter = Limiter::default();
        samples.iter().map(|sample| limiter.next(*sample)).collect()
    }

    #[test]
    fn a_voice_that_is_too_loud_keeps_its_shape() {
        let loud: Vec<f32> = (0..48_000).map(|n| (n as f32 * 0.02).sin() * 3.0).collect();
        let made = limited(&loud);
        let (mut product, mut a, mut b) = (0.0, 0.0, 0.0);
        for (loud, made) in loud.iter().zip(&made).skip(4_800) {
            product += loud * made;
            a += loud * loud;
            b += made * made;
        }
        let likeness = product / (a * b).sqrt();
        assert!(likeness > 0.999, "{likeness}; flat cuts of the same sine give 0.93");
    }

    #[test]
    fn a_peak_is_forgotten_within_half_a_second() {
        let mut limiter = Limiter::default();
        limiter.next(1e30);
        let quiet: Vec<f32> = (0..24_000).map(|_| limiter.next(0.5)).collect();
        assert!(quiet[0] < 0.1, "the peak is near");
        assert_eq!(quiet[23_999].to_bits(), 0.5f32.to_bits());
    }

    proptest! {
        #[test]
        fn nothing_passes_full_scale(samples in proptest::collection::vec(any::<f32>(), 0..500)) {
            for sample in limited(&samples) {
                prop_assert!((-1.0..=1.0).contains(&sample), "{sample}");
            }
        }

        #[test]
        fn below_the_knee_not_one_bit_changes(samples in proptest::collection::vec(-KNEE..=KNEE, 0..500)) {
            let bits = |samples: &[f32]| samples.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&limited(&samples)), bits(&samples));
        }

        #[test]
        fn the_sign_stays_and_nothing_gets_louder(samples in proptest::collection::vec(-20.0f32..20.0, 0..500)) {
            for (made, sample) in limited(&samples).into_iter().zip(samples) {
                prop_assert!(made.abs() <= sample.abs() && made * sample >= 0.0, "{sample} became {made}");
            }
        }
    }
}
