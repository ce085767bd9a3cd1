//! How loud a microphone is over the last seconds: the steady noise of the room and the voice in front of it, told apart
//! by how often each level occurs.

/// Levels are counted in steps of 1 dB from here on.
const LOWEST: f32 = -100.0;
const STEPS: usize = 101;
/// Hops of 10 ms that are remembered: 8 s.
const MEMORY: f32 = 800.0;
/// Hops before anything is said: 3 s.
const HOPS_MIN: f32 = 290.0;
/// Steady noise between these is the room's, dBFS: below it nobody minds, above it somebody plays something.
const NOISY_FROM: f32 = -56.0;
const NOISY_UNTIL: f32 = -62.0;
const NOISE_MAX: f32 = -35.0;
/// Noise is steady when its levels lie this close together, dB. Those of a voice that makes no pause do not.
const STEADY: f32 = 5.0;
/// Hops so much above the noise, dB, and above this, dBFS, are the voice.
const VOICE_ABOVE: f32 = 15.0;
const VOICE_FROM: f32 = -60.0;
/// A voice is as loud as this share of its hops are at most: not the loudest, and not its beginnings and ends.
const VOICE_SHARE: f32 = 0.8;
/// Hops of a voice by which it is judged: half a second.
const VOICE_HOPS_MIN: f32 = 50.0;
/// Judgements in a row that change the verdict on it: 3 s. A word is no voice.
const SURE: u32 = 30;
/// Such a voice is quiet, and is no more, dBFS.
const QUIET_FROM: f32 = -38.0;
const QUIET_UNTIL: f32 = -31.0;

/// The levels of one microphone.
pub(super) struct Levels {
    shares: [f32; STEPS],
    all: f32,
    noisy: bool,
    quiet: bool,
    /// Judgements in a row that were otherwise.
    otherwise: u32,
}

impl Default for Levels {
    fn default() -> Self {
        Self { shares: [0.0; STEPS], all: 0.0, noisy: false, quiet: false, otherwise: 0 }
    }
}

impl Levels {
    /// Takes the level of the next 10 ms, dBFS.
    pub(super) fn push(&mut self, level: f32) {
        let keep = 1.0 - 1.0 / MEMORY;
        self.shares.iter_mut().for_each(|share| *share *= keep);
        let step = (level - LOWEST).clamp(0.0, (STEPS - 1) as f32) as usize;
        self.shares[step] += 1.0;
        self.all = self.all * keep + 1.0;
    }

    /// Draws the conclusions; from time to time is enough.
    pub(super) fn judge(&mut self) {
        if self.all < HOPS_MIN.min(MEMORY) {
            return;
        }
        let (low, floor, high) = (self.below(0.05), self.below(0.10), self.below(0.20));
        let steady = high - low < STEADY && floor < NOISE_MAX;
        self.noisy = steady && floor > if self.noisy { NOISY_UNTIL } else { NOISY_FROM };
        let Some(voice) = self.voice(floor) else { return };
        let quiet = voice < if self.quiet { QUIET_UNTIL } else { QUIET_FROM };
        self.otherwise = if quiet == self.quiet { 0 } else { self.otherwise + 1 };
        if self.otherwise >= SURE {
            (self.quiet, self.otherwise) = (quiet, 0);
        }
    }

    /// How loud the voice above such noise is, dBFS, if there is one.
    fn voice(&self, floor: f32) -> Option<f32> {
        let from = (floor + VOICE_ABOVE).max(VOICE_FROM);
        let first = ((from - LOWEST) as usize).min(STEPS);
        let all: f32 = self.shares[first..].iter().sum();
        if all < VOICE_HOPS_MIN {
            return None;
        }
        let mut left = all * VOICE_SHARE;
        let above = self.shares[first..].iter().position(|share| {
            left -= share;
            left <= 0.0
        });
        above.map(|step| LOWEST + (first + step) as f32)
    }

    /// The room makes a steady noise.
    pub(super) fn is_noisy(&self) -> bool {
        self.noisy
    }

    /// Somebody speaks, quietly.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The level below which a share of all hops lies.
    fn below(&self, share: f32) -> f32 {
        let mut left = self.all * share;
        for (step, share) in self.shares.iter().enumerate() {
            left -= share;
            if left <= 0.0 {
                return LOWEST + step as f32;
            }
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::rooms::{mixed, noise, talker};
    use super::super::sketch::Sketcher;
    use super::*;

    fn judged(samples: &[f32]) -> (bool, bool) {
        let (mut sketcher, mut levels) = (Sketcher::default(), Levels::default());
        for block in samples.chunks(4_800) {
            sketcher.push(block, |sketch| levels.push(sketch.level));
            levels.judge();
        }
        (levels.is_noisy(), levels.is_quiet())
    }

    #[test]
    fn rooms_and_voices_are_told_apart() {
        let voice = |gain: f32| -> Vec<f32> { talker(3, 12.0).iter().map(|s| s * gain).collect() };
        let count = voice(1.0).len();
        assert_eq!(judged(&voice(1.0)), (false, false), "a clean voice");
        assert_eq!(judged(&mixed(&voice(1.0), &noise(1, count, -70.0))), (false, false), "a still room");
        assert_eq!(judged(&mixed(&voice(1.0), &noise(1, count, -48.0))), (true, false), "a fan");
        assert_eq!(judged(&mixed(&voice(0.06), &noise(1, count, -75.0))), (false, true), "a quiet voice");
        assert_eq!(judged(&noise(1, count, -50.0)), (true, false), "a fan alone");
        assert_eq!(judged(&noise(1, count, -20.0)), (false, false), "somebody plays something");
        assert_eq!(judged(&vec![0.0; count]), (false, false), "nothing");
    }

    #[test]
    fn a_few_words_between_long_pauses_are_not_quiet_and_nothing_swings() {
        // A tenth of each second, as loud as any voice, faded in and out.
        let word = |n: usize| {
            if n % 48_000 < 4_800 {
                (n % 48_000) as f32 * (4_800 - n % 48_000) as f32 / 5_760_000.0
            } else {
                0.0
            }
        };
        let voice = talker(3, 64.0);
        let words: Vec<f32> = voice.iter().enumerate().map(|(n, sample)| sample * word(n)).collect();
        let (mut sketcher, mut levels) = (Sketcher::default(), Levels::default());
        let said = words.iter().chain(&voice).copied().collect::<Vec<f32>>();
        for block in said.chunks(4_800) {
            sketcher.push(block, |sketch| levels.push(sketch.level));
            levels.judge();
            assert!(!levels.is_quiet());
        }
    }
}
