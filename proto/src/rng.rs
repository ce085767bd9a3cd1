//! Randomness enters once, as a 32-byte seed from the shell, and is split by label: a new draw in one room does
//! not shift the stream of another, so replays survive refactors.

use aws_lc_rs::digest;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// A seeded ChaCha20 generator. Not `Clone`: two copies would give the same secrets twice.
pub struct Rng {
    seed: [u8; 32],
    children: u64,
    stream: ChaCha20Rng,
}

impl Rng {
    /// A generator for `seed`, which the shell drew from the operating system (or a test chose).
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, children: 0, stream: ChaCha20Rng::from_seed(seed) }
    }

    /// An independent generator for the room named `label`. Asking twice gives two different ones.
    pub fn child(&mut self, label: &str) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(b"tincan-rng-v1\0");
        hash.update(&self.seed);
        hash.update(&self.children.to_be_bytes());
        hash.update(label.as_bytes());
        self.children += 1;
        let mut seed = [0; 32];
        seed.copy_from_slice(hash.finish().as_ref());
        Self::new(seed)
    }

    /// Fills `out` with random bytes.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.stream.fill_bytes(out);
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// A random number.
    pub fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.bytes())
    }

    /// A random number.
    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.bytes())
    }

    /// A number in `0..n`; zero when `n` is zero. The bias of the multiplication is below 2^-32 for the small
    /// ranges (jitter, picks) this serves.
    pub fn below(&mut self, n: u64) -> u64 {
        u64::try_from((u128::from(self.u64()) * u128::from(n)) >> 64).unwrap_or(0)
    }
}

impl core::fmt::Debug for Rng {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Rng(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_repeatable_and_apart() {
        let draw = |label: &str| Rng::new([7; 32]).child(label).u64();
        assert_eq!(draw("voice"), draw("voice"));
        assert_ne!(draw("voice"), draw("call"));
        let mut parent = Rng::new([7; 32]);
        assert_ne!(parent.child("x").u64(), parent.child("x").u64());
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::new([1; 32]);
        assert!((0..1000).all(|_| rng.below(3) < 3));
        assert_eq!(rng.below(0), 0);
    }
}
