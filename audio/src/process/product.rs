//! The one sum that filters and powers are made of.

/// Sums kept at a time. One alone must wait for each addition; as many as this are done at once.
pub(super) const LANES: usize = 8;

/// The sum of the products of two slices whose length is a multiple of [`LANES`].
pub(super) fn product(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}
