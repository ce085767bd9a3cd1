//! From 48 kHz to 16 kHz and back, by one short filter of linear phase on each way: a sinc under a window of Kaiser's.
//! What a codec that ends at 8 kHz keeps of a voice passes, and what would fold back into it does not.

use std::f64::consts::PI;

use super::BLOCK;
use super::product::{LANES, product};

/// From one rate to the other.
const STEP: usize = 3;
/// Samples of one block at 16 kHz: 10 ms.
pub(super) const LOW_BLOCK: usize = BLOCK / STEP;
/// Taps of the filter at 48 kHz: 1.5 ms, half of which is its delay.
const TAPS: usize = 72;
/// Taps that meet a sample of the lower rate.
const LOW_TAPS: usize = TAPS / STEP;
/// Both filters together, samples at 48 kHz. A lower sample stands for the newest of its three.
pub(super) const RATE_DELAY: usize = TAPS - STEP;
/// Where half the amplitude passes, Hz.
const CORNER: f64 = 7_800.0;
/// The shape of the window: 53 dB below the voice is what folds back.
const SHAPE: f64 = 5.0;

const _: () = assert!(TAPS.is_multiple_of(STEP * LANES) && BLOCK.is_multiple_of(STEP));

/// The filter, its sum one.
fn filter() -> [f32; TAPS] {
    let middle = (TAPS as f64 - 1.0) / 2.0;
    let taps: [f64; TAPS] = std::array::from_fn(|n| {
        let from_middle = n as f64 - middle;
        let x = 2.0 * CORNER / 48_000.0 * from_middle * PI;
        let inside = (1.0 - (from_middle / (middle + 0.5)).powi(2)).max(0.0);
        x.sin() / x * bessel(SHAPE * inside.sqrt())
    });
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum) as f32)
}

/// The modified Bessel function of the first kind and order zero, by its series.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    (1..30).fold(1.0, |sum, k| {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum + term
    })
}

/// 48 kHz to 16 kHz.
#[derive(Clone)]
pub(super) struct Down {
    filter: [f32; TAPS],
    /// What the first sample of a block needs of the one before, and the block.
    input: [f32; TAPS - STEP + BLOCK],
}

impl Default for Down {
    fn default() -> Self {
        Self { filter: filter(), input: [0.0; TAPS - STEP + BLOCK] }
    }
}

impl Down {
    /// `block` is one block of 48 kHz.
    pub(super) fn process(&mut self, block: &[f32]) -> [f32; LOW_BLOCK] {
        self.input.copy_within(BLOCK.., 0);
        self.input[TAPS - STEP..].copy_from_slice(block);
        let mut low = [0.0; LOW_BLOCK];
        for (low, latest) in low.iter_mut().zip(self.input.windows(TAPS).step_by(STEP)) {
            *low = product(latest, &self.filter);
        }
        low
    }
}

/// 16 kHz to 48 kHz.
pub(super) struct Up {
    /// The taps that each of three samples takes, the one for the oldest sample first.
    filters: [[f32; LOW_TAPS]; STEP],
    input: [f32; LOW_TAPS - 1 + LOW_BLOCK],
}

impl Default for Up {
    fn default() -> Self {
        let filter = filter();
        let filters = std::array::from_fn(|phase| {
            std::array::from_fn(|n| filter[phase + STEP * (LOW_TAPS - 1 - n)] * STEP as f32)
        });
        Self { filters, input: [0.0; LOW_TAPS - 1 + LOW_BLOCK] }
    }
}

impl Up {
    /// Fills `block`, one block of 48 kHz.
    pub(super) fn process(&mut self, low: &[f32; LOW_BLOCK], block: &mut [f32]) {
        self.input.copy_within(LOW_BLOCK.., 0);
        self.input[LOW_TAPS - 1..].copy_from_slice(low);
        for (three, latest) in block.chunks_exact_mut(STEP).zip(self.input.windows(LOW_TAPS)) {
            for (sample, filter) in three.iter_mut().zip(&self.filters) {
                *sample = product(latest, filter);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Power of what comes out at `frequency`, and of all else, against what went in, dB.
    fn passed_db(frequency: f64) -> (f64, f64) {
        let (mut down, mut up) = (Down::default(), Up::default());
        let wave = |n: usize| 2.0 * PI * frequency * n as f64 / 48_000.0;
        let mut out = Vec::new();
        for n in 0..20 {
            let block: [f32; BLOCK] = std::array::from_fn(|s| wave(n * BLOCK + s).sin() as f32);
            let mut made = [0.0; BLOCK];
            up.process(&down.process(&block), &mut made);
            out.extend(made);
        }
        let (mut sin, mut cos, mut all) = (0.0, 0.0, 0.0);
        let from = 10 * BLOCK;
        for (n, sample) in out.iter().enumerate().skip(from) {
            sin += f64::from(*sample) * wave(n).sin();
            cos += f64::from(*sample) * wave(n).cos();
            all += f64::from(*sample).powi(2);
        }
        let count = (out.len() - from) as f64;
        let own = 2.0 * (sin * sin + cos * cos) / count;
        let db = |power: f64| 10.0 * (power / (count / 2.0)).max(1e-12).log10();
        (db(own), db(all - own))
    }

    #[test]
    fn a_voice_passes_and_nothing_folds_back_into_it() {
        for frequency in [100.0, 300.0, 1_000.0, 3_000.0, 5_000.0, 6_500.0] {
            let (own, other) = passed_db(frequency);
            assert!(own.abs() < 0.2, "{frequency} Hz: {own} dB");
            assert!(other < -45.0, "{frequency} Hz: {other} dB of something else");
        }
        for frequency in [9_100.0, 10_000.0, 12_000.0, 15_900.0, 20_000.0] {
            let (own, other) = passed_db(frequency);
            assert!(own < -45.0 && other < -45.0, "{frequency} Hz: {own} and {other} dB");
        }
    }

    #[test]
    fn it_is_late_by_what_is_stated() {
        let (mut down, mut up) = (Down::default(), Up::default());
        let wave = |n: usize| ((n as f64 * 0.05).sin() * 0.3 + (n as f64 * 0.31).sin() * 0.2) as f32;
        for n in 0..10 {
            let block: [f32; BLOCK] = std::array::from_fn(|s| wave(n * BLOCK + s));
            let mut made = [0.0; BLOCK];
            up.process(&down.process(&block), &mut made);
            if n > 2 {
                let error = (0..BLOCK).map(|s| (made[s] - wave(n * BLOCK + s - RATE_DELAY)).abs());
                assert!(error.fold(0.0, f32::max) < 0.01);
            }
        }
    }
}
