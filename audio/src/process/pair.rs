//! The far end and the microphone seen side by side, every 10 ms, as powers in bands: one complex transform gives the
//! spectra of both. Both at 16 kHz. Nothing allocates after construction.

use super::fourier::{Fourier, hann};
use super::rate::LOW_BLOCK;

/// Bands of 250 Hz, from 160 Hz to 7.7 kHz.
pub(super) const BANDS: usize = 30;
/// Points of the transform: 16 ms.
const POINTS: usize = 256;
/// Bins per band, and the first of them (62.5 Hz each).
const WIDTH: usize = 4;
const FIRST: usize = 3;
/// Added to every power, so that silence has a level: -110 dBFS.
const FLOOR: f32 = 1e-11;

/// Power by band.
pub(super) type Bands = [f32; BANDS];

/// What both look like over the last 16 ms.
#[derive(Clone)]
pub(super) struct Pair {
    seen: [(f32, f32); POINTS],
    window: [f32; POINTS],
    fourier: Fourier<POINTS>,
}

impl Default for Pair {
    fn default() -> Self {
        Self {
            seen: [(0.0, 0.0); POINTS],
            window: std::array::from_fn(|n| hann(n, POINTS)),
            fourier: Fourier::default(),
        }
    }
}

impl Pair {
    /// The next block of both. Gives their powers, the far end's first.
    pub(super) fn push(&mut self, far: &[f32; LOW_BLOCK], near: &[f32; LOW_BLOCK]) -> [Bands; 2] {
        self.seen.copy_within(LOW_BLOCK.., 0);
        let latest = &mut self.seen[POINTS - LOW_BLOCK..];
        for ((slot, far), near) in latest.iter_mut().zip(far).zip(near) {
            *slot = (*far, *near);
        }
        let mut re: [f32; POINTS] = std::array::from_fn(|n| self.seen[n].0 * self.window[n]);
        let mut im: [f32; POINTS] = std::array::from_fn(|n| self.seen[n].1 * self.window[n]);
        self.fourier.transform(&mut re, &mut im);
        // The even part of the spectrum is the one signal's, the odd part the other's.
        let scale = 1.0 / (POINTS * POINTS) as f32;
        let sides = |k: usize| {
            let m = POINTS - k;
            let (far, near) = ((re[k] + re[m], im[k] - im[m]), (im[k] + im[m], re[m] - re[k]));
            [far, near].map(|(a, b)| (a * a + b * b) * scale)
        };
        let mut powers = [[FLOOR; BANDS]; 2];
        for k in FIRST..FIRST + BANDS * WIDTH {
            let [far, near] = sides(k);
            powers[0][(k - FIRST) / WIDTH] += far;
            powers[1][(k - FIRST) / WIDTH] += near;
        }
        powers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tone_is_in_its_signal_and_its_band() {
        let tone = |n: usize, hertz: f32| {
            std::array::from_fn(|s| {
                ((n * LOW_BLOCK + s) as f32 / 16_000.0 * hertz * std::f32::consts::TAU).sin() * 0.1
            })
        };
        let mut pair = Pair::default();
        let [far, near] = (0..10).map(|n| pair.push(&tone(n, 1_000.0), &tone(n, 4_000.0))).last().unwrap();
        let loudest = |bands: &Bands| (0..BANDS).max_by(|a, b| bands[*a].total_cmp(&bands[*b])).unwrap();
        assert_eq!((loudest(&far), loudest(&near)), (3, 15));
        assert!(far[15] < far[3] * 1e-4 && near[3] < near[15] * 1e-4, "neither is seen in the other");
    }
}
