//! What a sound looks like every 10 ms, in a few numbers: enough to know a voice again when it comes back later, quieter
//! and through another room, and cheap enough to be made of every voice of a call all the time.
//!
//! 48 kHz are brought down to 8 kHz, and 32 ms of that are seen through a Fourier transform of 256 points, in bands of
//! four bins. Nothing allocates after construction.

use std::f32::consts::{PI, TAU};

use super::BLOCK;
use super::fourier::{Fourier, hann};
use super::product::{LANES, product};

/// Bands of 125 Hz each, from 170 Hz to 3.2 kHz: where voices are and every speaker and codec carries them.
pub(crate) const BANDS: usize = 24;
/// Bins per band, and the first of them (31.25 Hz each).
const WIDTH: usize = 4;
const FIRST: usize = 6;
/// Points of the transform: 32 ms.
const POINTS: usize = 256;
const HALF: usize = POINTS / 2;
/// From 48 kHz to 8 kHz.
const DOWN: usize = 6;
/// Taps of the filter before that: 2 ms.
const TAPS: usize = 96;
/// What is needed of the samples before, so that a hop's first sample has its taps.
const BEFORE: usize = TAPS - DOWN;
/// Added to every power, so that silence has a level: -95 dBFS.
const FLOOR: f32 = 3e-10;

const _: () =
    assert!(TAPS.is_multiple_of(LANES) && BLOCK.is_multiple_of(LANES) && BLOCK.is_multiple_of(DOWN));

/// 10 ms of sound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sketch {
    /// Root mean square of the 10 ms, dBFS.
    pub(crate) level: f32,
    /// Power by band over the last 32 ms, dB.
    pub(crate) bands: [f32; BANDS],
}

/// Looks at one stream.
pub(crate) struct Sketcher {
    filter: [f32; TAPS],
    /// What the filter still needs of the hop before, and the hop that is being filled.
    input: [f32; BEFORE + BLOCK],
    filled: usize,
    seen: [f32; POINTS],
    window: [f32; POINTS],
    /// Of half as many points: what is seen has no imaginary part.
    fourier: Fourier<HALF>,
    /// Turns of the whole, by the bin.
    turns: [(f32, f32); HALF],
}

impl Default for Sketcher {
    fn default() -> Self {
        let mut filter: [f32; TAPS] = std::array::from_fn(|n| {
            let x = (n as f32 - (TAPS as f32 - 1.0) / 2.0) / DOWN as f32 * 0.9;
            (PI * x).sin() / (PI * x) * hann(n, TAPS)
        });
        let gain: f32 = filter.iter().sum();
        filter.iter_mut().for_each(|tap| *tap /= gain);
        Self {
            filter,
            input: [0.0; BEFORE + BLOCK],
            filled: 0,
            seen: [0.0; POINTS],
            window: std::array::from_fn(|n| hann(n, POINTS)),
            fourier: Fourier::default(),
            turns: std::array::from_fn(|n| (TAU * n as f32 / POINTS as f32).sin_cos()),
        }
    }
}

impl Sketcher {
    /// Takes any number of samples and hands out a sketch for every 10 ms they complete.
    pub(crate) fn push(&mut self, mut samples: &[f32], mut give: impl FnMut(&Sketch)) {
        while !samples.is_empty() {
            let (now, later) = samples.split_at(samples.len().min(BLOCK - self.filled));
            for (slot, sample) in self.input[BEFORE + self.filled..].iter_mut().zip(now) {
                *slot = if sample.is_finite() { *sample } else { 0.0 };
            }
            self.filled += now.len();
            samples = later;
            if self.filled == BLOCK {
                self.filled = 0;
                give(&self.finish());
            }
        }
    }

    fn finish(&mut self) -> Sketch {
        let hop = &self.input[BEFORE..];
        let level = 10.0 * (product(hop, hop) / BLOCK as f32 + FLOOR).log10();
        self.seen.copy_within(BLOCK / DOWN.., 0);
        let low = self.input.windows(TAPS).step_by(DOWN).map(|latest| product(latest, &self.filter));
        self.seen[POINTS - BLOCK / DOWN..].iter_mut().zip(low).for_each(|(slot, low)| *slot = low);
        self.input.copy_within(BLOCK.., 0);
        Sketch { level, bands: self.bands() }
    }

    fn bands(&self) -> [f32; BANDS] {
        let sample = |n: usize| self.seen[n] * self.window[n];
        let mut re: [f32; HALF] = std::array::from_fn(|n| sample(2 * n));
        let mut im: [f32; HALF] = std::array::from_fn(|n| sample(2 * n + 1));
        self.fourier.transform(&mut re, &mut im);
        // The even samples' spectrum and the odd ones', joined.
        let power = |k: usize| {
            let m = HALF - k;
            let (even, odd) = ((re[k] + re[m], im[k] - im[m]), (im[k] + im[m], re[m] - re[k]));
            let (sin, cos) = self.turns[k];
            let (x, y) = (even.0 + odd.0 * cos + odd.1 * sin, even.1 + odd.1 * cos - odd.0 * sin);
            (x * x + y * y) * 0.25
        };
        std::array::from_fn(|band| {
            let bins = FIRST + band * WIDTH..FIRST + (band + 1) * WIDTH;
            let power: f32 = bins.map(power).sum();
            10.0 * (power / (POINTS * POINTS / 8) as f32 + FLOOR).log10()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketches(samples: &[f32], block: usize) -> Vec<Sketch> {
        let mut sketcher = Sketcher::default();
        let mut made = Vec::new();
        for block in samples.chunks(block) {
            sketcher.push(block, |sketch| made.push(*sketch));
        }
        made
    }

    fn tone(frequency: f32) -> Vec<f32> {
        (0..9_600).map(|n| (n as f32 * frequency * TAU / 48_000.0).sin() * 0.1).collect()
    }

    #[test]
    fn a_tone_is_in_its_band_at_its_level() {
        for (band, frequency) in [(0, 250.0), (6, 1_000.0), (22, 3_000.0)] {
            let last = *sketches(&tone(frequency), 480).last().unwrap();
            assert!((last.level + 23.0).abs() < 0.2, "{}", last.level);
            let loudest = (0..BANDS).max_by(|a, b| last.bands[*a].total_cmp(&last.bands[*b])).unwrap();
            assert_eq!(loudest, band, "{frequency} Hz");
            assert!((last.bands[band] + 23.0).abs() < 3.0, "{}", last.bands[band]);
        }
        let above = *sketches(&tone(6_000.0), 480).last().unwrap();
        assert!(above.bands.iter().all(|band| *band < -60.0), "what 8 kHz cannot carry is removed");
    }

    #[test]
    fn any_blocks_give_the_same_sketches() {
        let samples = super::super::rooms::talker(1, 0.5);
        let whole = sketches(&samples, 480);
        assert_eq!(whole.len(), 50);
        for block in [1, 113, 960] {
            let other = sketches(&samples, block);
            assert!(whole.iter().zip(&other).all(|(a, b)| a.bands == b.bands && a.level == b.level));
        }
    }
}
