//! What the canceller leaves of an echo while it still learns the room, or of a speaker that distorts, is quiet but has
//! words in it. Where the canceller has taken out nearly everything, nobody here was speaking: what is left is echo, and
//! is taken down further. Where it left more, somebody speaks, and nothing is touched.

use super::BLOCK;
use super::product::{LANES, product};

/// How much the canceller must have taken out before more is taken, and from where on all of it is, dB.
const FROM_DB: f32 = 12.0;
const FULL_DB: f32 = 22.0;
/// How much more at most, dB.
const MORE_DB: f32 = 12.0;
/// How much louder than the microphone it may come out by chance, dB.
const LOUDER_DB: f32 = 1.0;
/// The speaker counts as sounding when a block is above this, dBFS.
const FAR_FLOOR_DBFS: f32 = -60.0;
/// Blocks the sound of the speaker may still be in the room: 500 ms, the longest path and its tail.
const FAR_STAYS: u32 = 50;

/// Watches one microphone and one speaker, in blocks of 10 ms of any rate.
pub(super) struct Residual {
    /// Samples at 48 kHz.
    delay: usize,
    sounding: u32,
    /// The last block of the microphone, and the power of what would come out while the present one goes in, were nothing
    /// done.
    last: [f32; BLOCK],
    before: f32,
    cut_db: f32,
}

impl Residual {
    /// `delay` is what the canceller takes, samples at 48 kHz, at most one block.
    pub(super) fn new(delay: usize) -> Self {
        Self { delay, sounding: 0, last: [0.0; BLOCK], before: 0.0, cut_db: 0.0 }
    }

    pub(super) fn far(&mut self, block: &[f32]) {
        if 10.0 * power(block).max(1e-12).log10() > FAR_FLOOR_DBFS {
            self.sounding = FAR_STAYS;
        }
    }

    /// `block` goes into the canceller.
    pub(super) fn said(&mut self, block: &[f32]) {
        let length = block.len();
        // To whole lanes.
        let delay = (self.delay * length / BLOCK).next_multiple_of(LANES).min(length);
        let (old, new) = (&self.last[length - delay..length], &block[..length - delay]);
        self.before = (product(old, old) + product(new, new)) / length as f32;
        self.last[..length].copy_from_slice(block);
    }

    /// `block` came out.
    pub(super) fn near(&mut self, block: &mut [f32]) {
        self.sounding = self.sounding.saturating_sub(1);
        let taken_db = 10.0 * (self.before.max(1e-12) / power(block).max(1e-12)).log10();
        let echo = if self.sounding == 0 { 0.0 } else { (taken_db - FROM_DB) / (FULL_DB - FROM_DB) };
        // Its comfort noise is louder at first than anything that was heard.
        let louder_db = (-taken_db - LOUDER_DB).max(0.0);
        let wanted = (MORE_DB * echo.clamp(0.0, 1.0)).max(louder_db);
        // Down by steps, so that one odd block is not bent; up at once, so that no first sound is lost.
        let cut_db = if wanted > self.cut_db { self.cut_db + (wanted - self.cut_db) * 0.5 } else { wanted };
        let cut_db = cut_db.max(louder_db);
        let (from, to) = (factor(self.cut_db), factor(cut_db));
        self.cut_db = cut_db;
        if (from, to) == (1.0, 1.0) {
            return;
        }
        let step = (to - from) / block.len() as f32;
        for (n, sample) in block.iter_mut().enumerate() {
            *sample *= from + step * (n + 1) as f32;
        }
    }
}

fn power(block: &[f32]) -> f32 {
    product(block, block) / block.len() as f32
}

fn factor(cut_db: f32) -> f32 {
    10f32.powf(-cut_db / 20.0)
}
