//! Rumble, hum's lowest part and the wind of breath lie below every voice and only cost bits: a Butterworth filter of
//! second order at 80 Hz, which delays speech by less than a tenth of a millisecond.

use std::f64::consts::{PI, SQRT_2};

use super::BLOCK;
use crate::frame::SAMPLE_RATE;

/// Where half the power passes, Hz.
const CORNER: f64 = 80.0;

/// The filter and what it remembers.
pub(super) struct HighPass {
    /// Gain of the input's second difference.
    gain: f32,
    /// Feedback of the last output and the one before.
    back: [f32; 2],
    state: [f32; 2],
    /// How much of it is heard, 0 to 1.
    share: f32,
}

impl Default for HighPass {
    fn default() -> Self {
        let warped = (PI * CORNER / f64::from(SAMPLE_RATE)).tan();
        let norm = 1.0 / (1.0 + SQRT_2 * warped + warped * warped);
        let back = [2.0 * (warped * warped - 1.0) * norm, (1.0 - SQRT_2 * warped + warped * warped) * norm];
        Self { gain: norm as f32, back: back.map(|b| b as f32), state: [0.0; 2], share: 0.0 }
    }
}

impl HighPass {
    /// Comes in, or goes out, over this block.
    pub(super) fn process(&mut self, block: &mut [f32; BLOCK], on: bool) {
        let step = if on { 1.0 } else { -1.0 } / BLOCK as f32;
        for sample in block {
            self.share = (self.share + step).clamp(0.0, 1.0);
            let x = *sample;
            let y = self.gain * x + self.state[0];
            self.state[0] = -2.0 * self.gain * x - self.back[0] * y + self.state[1];
            self.state[1] = self.gain * x - self.back[1] * y;
            *sample += (y - x) * self.share;
        }
    }

    /// As new.
    pub(super) fn reset(&mut self) {
        self.state = [0.0; 2];
        self.share = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_db(frequency: f32) -> f32 {
        let mut filter = HighPass::default();
        let mut power = [0.0f32; 2];
        for n in 0..100 {
            let sine = |s: usize| (((n * BLOCK + s) as f32 / 48_000.0) * frequency * 2.0 * PI as f32).sin();
            let block: [f32; BLOCK] = std::array::from_fn(sine);
            let mut made = block;
            filter.process(&mut made, true);
            if n >= 50 {
                for (power, block) in power.iter_mut().zip([block, made]) {
                    *power += block.iter().map(|s| s * s).sum::<f32>();
                }
            }
        }
        10.0 * (power[1] / power[0]).log10()
    }

    #[test]
    fn rumble_goes_and_voices_stay() {
        assert!(passed_db(20.0) < -22.0, "{}", passed_db(20.0));
        assert!((passed_db(80.0) + 3.0).abs() < 0.2, "{}", passed_db(80.0));
        assert!(passed_db(160.0) > -0.4 && passed_db(1_000.0) > -0.01, "{}", passed_db(160.0));
    }
}
