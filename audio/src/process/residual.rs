//! What the canceller leaves of an echo while it still learns the room, or of a speaker that distorts, is quiet but has
//! words in it. Where the canceller has taken out nearly everything, nobody here was speaking: what is left is echo, and
//! is taken down further. Where it left more, somebody speaks, and nothing is touched.

use super::BLOCK;
use super::product::product;

/// How much the canceller must have taken out before more is taken, and from where on all of it is, dB.
const FROM_DB: f32 = 12.0;
const FULL_DB: f32 = 22.0;
/// How much more at most, dB.
const MORE_DB: f32 = 12.0;
/// The speaker counts as sounding when a block is above this, dBFS.
const FAR_FLOOR_DBFS: f32 = -60.0;
/// Blocks the sound of the speaker may still be in the room: 500 ms, the longest path and its tail.
const FAR_STAYS: u32 = 50;

/// Watches one microphone and one speaker, in blocks of 10 ms of any rate.
pub(super) struct Residual {
    /// Share of the last block of the microphone in what the canceller gives out with the present one.
    late: f32,
    sounding: u32,
    /// Power of the last block of the microphone, and of what came out while the present one went in, had nothing been
    /// done.
    last: f32,
    before: f32,
    cut_db: f32,
}

impl Residual {
    /// `delay` is what the canceller takes, samples at 48 kHz, at most one block.
    pub(super) fn new(delay: usize) -> Self {
        Self { late: delay as f32 / BLOCK as f32, sounding: 0, last: 0.0, before: 0.0, cut_db: 0.0 }
    }

    pub(super) fn far(&mut self, block: &[f32]) {
        if 10.0 * power(block).max(1e-12).log10() > FAR_FLOOR_DBFS {
            self.sounding = FAR_STAYS;
        }
    }

    /// `block` goes into the canceller.
    pub(super) fn said(&mut self, block: &[f32]) {
        let said = power(block);
        self.before = self.late * self.last + (1.0 - self.late) * said;
        self.last = said;
    }

    /// `block` came out.
    pub(super) fn near(&mut self, block: &mut [f32]) {
        self.sounding = self.sounding.saturating_sub(1);
        let taken_db = 10.0 * (self.before.max(1e-12) / power(block).max(1e-12)).log10();
        let echo = if self.sounding == 0 { 0.0 } else { (taken_db - FROM_DB) / (FULL_DB - FROM_DB) };
        let wanted = MORE_DB * echo.clamp(0.0, 1.0);
        // Down by steps, so that one odd block is not bent; up at once, so that no first sound is lost.
        let cut_db = if wanted > self.cut_db { self.cut_db + (wanted - self.cut_db) * 0.5 } else { wanted };
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
