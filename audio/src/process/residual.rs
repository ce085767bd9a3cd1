//! What the canceller leaves of an echo while it still learns the room, or of a speaker that distorts, is quiet but has
//! words in it. Where the canceller has taken out nearly everything, nobody here was speaking: what is left is echo, and
//! is taken down further. Where it left more, somebody speaks, and nothing is touched.

use super::BLOCK;

/// How much the canceller must have taken out before more is taken, and from where on all of it is, dB.
const FROM_DB: f32 = 12.0;
const FULL_DB: f32 = 22.0;
/// How much more at most, dB.
const MORE_DB: f32 = 12.0;
/// The speaker counts as sounding when a block is above this, dBFS.
const FAR_FLOOR_DBFS: f32 = -60.0;
/// Blocks the sound of the speaker may still be in the room: 500 ms, the longest path and its tail.
const FAR_STAYS: u32 = 50;
/// Share of the last block of the microphone in what the canceller gives out with the present one: 9 of 10 ms.
const LAST: f32 = 0.9;

/// Watches one microphone and one speaker.
#[derive(Default)]
pub(super) struct Residual {
    sounding: u32,
    last: f32,
    cut_db: f32,
}

impl Residual {
    pub(super) fn far(&mut self, block: &[f32; BLOCK]) {
        if 10.0 * power(block).max(1e-12).log10() > FAR_FLOOR_DBFS {
            self.sounding = FAR_STAYS;
        }
    }

    /// `said` went into the canceller and `block` came out.
    pub(super) fn near(&mut self, said: &[f32; BLOCK], block: &mut [f32; BLOCK]) {
        let said = power(said);
        let before = LAST * self.last + (1.0 - LAST) * said;
        self.last = said;
        self.sounding = self.sounding.saturating_sub(1);
        let taken_db = 10.0 * (before.max(1e-12) / power(block).max(1e-12)).log10();
        let echo = if self.sounding == 0 { 0.0 } else { (taken_db - FROM_DB) / (FULL_DB - FROM_DB) };
        let wanted = MORE_DB * echo.clamp(0.0, 1.0);
        // Down by steps, so that one odd block is not bent; up at once, so that no first sound is lost.
        let cut_db = if wanted > self.cut_db { self.cut_db + (wanted - self.cut_db) * 0.5 } else { wanted };
        let (from, to) = (factor(self.cut_db), factor(cut_db));
        self.cut_db = cut_db;
        if (from, to) == (1.0, 1.0) {
            return;
        }
        for (n, sample) in block.iter_mut().enumerate() {
            *sample *= from + (to - from) * (n + 1) as f32 / BLOCK as f32;
        }
    }
}

fn power(block: &[f32; BLOCK]) -> f32 {
    block.iter().map(|s| s * s).sum::<f32>() / BLOCK as f32
}

fn factor(cut_db: f32) -> f32 {
    10f32.powf(-cut_db / 20.0)
}
