//! How late the echo is, known within a syllable or two: sounds begin in the microphone as they began in the speaker, in
//! the same bands, the same time later. Nothing allocates after construction.

use super::pair::{BANDS, Bands};

/// Blocks of 10 ms looked back: 330 ms, beyond the longest path.
const BACK: usize = 34;
/// How much of what was found is still there one block later: half after 1.4 s.
const KEPT: f32 = 0.995;
/// The most that one beginning counts, in nepers of power: 13 dB.
const STEEPEST: f32 = 3.0;
/// A new lag must be so much more likely than the old one.
const SWITCH: f32 = 1.5;
/// From where on a lag stands out among all the others, and from where on it is sure, in standard deviations.
const STANDS_OUT: f32 = 3.0;
const SURE: f32 = 4.0;
/// Lags beside the found one belong to it: a sound spreads over them.
const BESIDE: usize = 2;

/// Finds it.
#[derive(Clone)]
pub(super) struct Lag {
    /// How steeply each band of the far end began, newest at `at`.
    began: [Bands; BACK],
    at: usize,
    before: [Bands; 2],
    found: [f32; BACK],
    lag: usize,
}

impl Default for Lag {
    fn default() -> Self {
        Self {
            began: [[0.0; BANDS]; BACK],
            at: 0,
            // What begins with the first block counts for the far end, and does not for the microphone.
            before: [[super::echo_power::FAR_LEAST.ln(); BANDS], [0.0; BANDS]],
            found: [0.0; BACK],
            lag: 0,
        }
    }
}

impl Lag {
    /// The next powers, neither below its noise. Gives the lag, blocks.
    pub(super) fn push(&mut self, far: &Bands, near: &Bands) -> usize {
        let [far, near] = [(0, far), (1, near)].map(|(n, powers)| {
            let now = powers.map(f32::ln);
            let before = std::mem::replace(&mut self.before[n], now);
            let steep: Bands = std::array::from_fn(|band| (now[band] - before[band]).clamp(0.0, STEEPEST));
            steep
        });
        self.at = (self.at + 1) % BACK;
        self.began[self.at] = far;
        for (lag, found) in self.found.iter_mut().enumerate() {
            let began = &self.began[(self.at + BACK - lag) % BACK];
            *found = *found * KEPT + began.iter().zip(&near).map(|(far, near)| far * near).sum::<f32>();
        }
        let best = (0..BACK).max_by(|a, b| self.found[*a].total_cmp(&self.found[*b])).unwrap_or(self.lag);
        if self.found[best] > SWITCH * self.found[self.lag] {
            self.lag = best;
        }
        self.lag
    }

    /// It is another one now. What the other microphone hears in its first block has not begun there.
    pub(super) fn moved(&mut self) {
        self.found = [0.0; BACK];
        self.before[1] = [0.0; BANDS];
    }

    /// How sure the lag is, 0 to 1. Two people who do not hear each other begin together, too, now and then: a lag alone
    /// is no proof of an echo.
    pub(super) fn sure(&self) -> f32 {
        let mut sums = [0.0f32; 3];
        for (lag, found) in self.found.iter().enumerate() {
            if lag.abs_diff(self.lag) > BESIDE {
                sums = [sums[0] + 1.0, sums[1] + found, sums[2] + found * found];
            }
        }
        let mean = sums[1] / sums[0];
        let deviation = (sums[2] / sums[0] - mean * mean).max(0.0).sqrt();
        let out = (self.found[self.lag] - mean) / (deviation + 1.0);
        ((out - STANDS_OUT) / (SURE - STANDS_OUT)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::BLOCK;
    use super::super::pair::Pair;
    use super::super::rate::Down;
    use super::super::rooms::{Room, talker};
    use super::*;

    #[test]
    fn the_lag_of_an_echo_is_found_within_a_second() {
        for (n, path) in [(1, 30.0), (2, 80.0), (3, 140.0), (4, 200.0), (5, 250.0)] {
            let far = talker(n, 1.0);
            let near = Room::new(n, path).echo(&far, 9.0, false);
            let (mut down, mut pair) = ([Down::default(), Down::default()], Pair::default());
            let (mut lag, mut found) = (Lag::default(), 0);
            for (far, near) in far.chunks_exact(BLOCK).zip(near.chunks_exact(BLOCK)) {
                let [far, near] = pair.push(&down[0].process(far), &down[1].process(near));
                found = lag.push(&far.map(|x| x.max(1e-8)), &near.map(|y| y.max(1e-8)));
            }
            assert!((found as f32 * 10.0 - path).abs() <= 15.0, "{path} ms: {found} blocks");
            assert!(lag.sure() > 0.9, "{path} ms: {}", lag.sure());
        }
    }
}
