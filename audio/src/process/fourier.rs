//! A Fourier transform of 256 points: Cooley and Tukey's, radix two, decimation in time. Nothing allocates.

use std::f32::consts::TAU;

/// Points of the transform.
pub(super) const POINTS: usize = 256;

/// The turns it is made of.
pub(super) struct Fourier {
    turns: [(f32, f32); POINTS / 2],
}

impl Default for Fourier {
    fn default() -> Self {
        Self { turns: std::array::from_fn(|n| (TAU * n as f32 / POINTS as f32).sin_cos()) }
    }
}

impl Fourier {
    /// In place; `re` and `im` are the two parts.
    pub(super) fn transform(&self, re: &mut [f32; POINTS], im: &mut [f32; POINTS]) {
        for n in 0..POINTS {
            let other = n.reverse_bits() >> (usize::BITS - POINTS.trailing_zeros());
            if n < other {
                re.swap(n, other);
                im.swap(n, other);
            }
        }
        let mut half = 1;
        while half < POINTS {
            for start in (0..POINTS).step_by(2 * half) {
                for k in 0..half {
                    let (sin, cos) = self.turns[k * (POINTS / 2 / half)];
                    let (a, b) = (start + k, start + k + half);
                    let (x, y) = (re[b] * cos + im[b] * sin, im[b] * cos - re[b] * sin);
                    (re[b], im[b]) = (re[a] - x, im[a] - y);
                    (re[a], im[a]) = (re[a] + x, im[a] + y);
                }
            }
            half *= 2;
        }
    }
}

/// Hann's window, one of `of` values.
pub(super) fn hann(n: usize, of: usize) -> f32 {
    0.5 - 0.5 * (TAU * (n as f32 + 0.5) / of as f32).cos()
}
