//! How loud an echo can be at most, before anything is known of it. What the speaker played comes back within 330 ms or
//! not at all: so whatever part of it does lies in what the microphone heard from then until 330 ms later, together with
//! all else that was heard. The one over the other is a gain no echo exceeds, in each band, found without its lag and
//! whether or not somebody spoke. Where the microphone stays silent while the far end talks, it says within a second that
//! there is no echo. Nothing allocates after construction.

use super::pair::{BANDS, Bands};

/// Blocks of 10 ms within which an echo has come.
const WITHIN: usize = 33;
const KEPT: usize = 2 * WITHIN;
/// Nothing is said by less than this, summed over those blocks: -65 dBFS in each.
const LEAST: f64 = 3e-7 * WITHIN as f64;
/// The loudest echo that is reckoned with: 3 dB below what is played.
const LOUDEST: f32 = 0.5;
/// More than any band of a microphone holds.
const FULL: f32 = 1.0;
/// A gain that was found rises by 0.4 dB per second: somebody turns up the speaker.
const RISES: f32 = 1.001;

/// Watches one microphone and one speaker.
#[derive(Clone)]
pub(super) struct Ceiling {
    /// Powers of both, newest at `at`.
    far: [Bands; KEPT],
    near: [Bands; KEPT],
    at: usize,
    /// Of the older half of the one, and of all of the other.
    played: [f64; BANDS],
    heard: [f64; BANDS],
    gain: Bands,
}

impl Default for Ceiling {
    fn default() -> Self {
        Self {
            far: [[0.0; BANDS]; KEPT],
            near: [[0.0; BANDS]; KEPT],
            at: 0,
            played: [0.0; BANDS],
            heard: [0.0; BANDS],
            gain: [LOUDEST; BANDS],
        }
    }
}

impl Ceiling {
    /// The next powers of both.
    pub(super) fn push(&mut self, far: &Bands, near: &Bands) {
        self.at = (self.at + 1) % KEPT;
        let middle = (self.at + WITHIN) % KEPT;
        for (band, near) in near.iter().enumerate() {
            let oldest = self.far[self.at][band];
            self.played[band] += f64::from(self.far[middle][band]) - f64::from(oldest);
            self.heard[band] += f64::from(*near) - f64::from(self.near[self.at][band]);
            self.gain[band] = (self.gain[band] * RISES).min(LOUDEST);
            if self.played[band] > LEAST {
                self.gain[band] = self.gain[band].min((self.heard[band] / self.played[band]) as f32);
            }
        }
        self.far[self.at] = *far;
        self.near[self.at] = *near;
    }

    /// The microphone or the speaker is another one. What the old one did not hear says nothing of it.
    pub(super) fn moved(&mut self) {
        self.near = [[FULL; BANDS]; KEPT];
        self.heard = [f64::from(FULL) * KEPT as f64; BANDS];
        self.gain = [LOUDEST; BANDS];
    }

    /// What an echo of any lag can amount to now, by band.
    pub(super) fn echo(&self) -> Bands {
        let mut loudest = [0.0f32; BANDS];
        for back in 0..WITHIN + 1 {
            let far = &self.far[(self.at + KEPT - back) % KEPT];
            loudest.iter_mut().zip(far).for_each(|(loudest, far)| *loudest = loudest.max(*far));
        }
        loudest.iter_mut().zip(&self.gain).for_each(|(loudest, gain)| *loudest *= gain);
        loudest
    }
}

#[cfg(test)]
mod tests {
    use super::super::BLOCK;
    use super::super::pair::Pair;
    use super::super::rate::Down;
    use super::super::rooms::{Room, mixed, noise, talker};
    use super::*;

    /// The gains after a second.
    fn gains(far: &[f32], near: &[f32]) -> Bands {
        let (mut down, mut pair) = ([Down::default(), Down::default()], Pair::default());
        let mut ceiling = Ceiling::default();
        for (far, near) in far.chunks_exact(BLOCK).zip(near.chunks_exact(BLOCK)) {
            let [far, near] = pair.push(&down[0].process(far), &down[1].process(near));
            ceiling.push(&far, &near);
        }
        ceiling.gain
    }

    #[test]
    fn an_echo_stays_below_it_and_silence_lowers_it() {
        let far = talker(1, 2.0);
        let hiss = noise(2, far.len(), -75.0);
        for path in [30.0, 120.0, 250.0] {
            let gains = gains(&far, &mixed(&Room::new(3, path).echo(&far, 9.0, false), &hiss));
            let mean = gains[1..8].iter().sum::<f32>() / 7.0;
            assert!((0.05..=LOUDEST).contains(&mean), "{path} ms: {gains:?}");
        }
        let gains = gains(&far, &hiss);
        assert!(gains[1..8].iter().all(|gain| *gain < 0.01), "a headset: {gains:?}");
    }
}
