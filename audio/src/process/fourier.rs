//! A Fourier transform of a power of two of points: Cooley and Tukey's, radix two, decimation in time. Nothing allocates.

use std::f32::consts::TAU;

/// A transform of so many points.
#[derive(Clone)]
pub(super) struct Fourier<const POINTS: usize> {
    /// The turns it is made of, in whose first half it finds all it needs.
    turns: [(f32, f32); POINTS],
}

impl<const POINTS: usize> Default for Fourier<POINTS> {
    fn default() -> Self {
        Self { turns: std::array::from_fn(|n| (TAU * n as f32 / POINTS as f32).sin_cos()) }
    }
}

impl<const POINTS: usize> Fourier<POINTS> {
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
