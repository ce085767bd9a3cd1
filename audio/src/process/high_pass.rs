//! Rumble, hum and the wind of breath lie below every voice, cost bits, and lead a canceller astray. A gentle filter for a
//! voice that is only brought to its level, which delays speech by less than a tenth of a millisecond, and a steep one
//! before a canceller.

use std::f64::consts::{PI, SQRT_2};

use crate::frame::SAMPLE_RATE;

/// Where half the power passes the gentle one, Hz.
const CORNER: f64 = 80.0;
/// Cauer's of sixth order at 16 kHz, in three sections: from 85 Hz on it passes all to half a dB, below 75 Hz nothing to
/// 40 dB. A Butterworth that a canceller is as content with turns the lowest voices much further. Of each section: the
/// middle one of its zeros' coefficients, whose outer ones are 1, and its feedback.
const STEEP: [(f64, [f64; 2]); 3] = [
    (-1.999_892_498, [-1.919_146_450, 0.922_329_221]),
    (-1.999_415_433, [-1.985_090_712, 0.986_466_517]),
    (-1.999_164_487, [-1.996_591_098, 0.997_681_846]),
];
const STEEP_GAIN: f64 = 0.909_667_222;

/// One filter of second order and what it remembers.
#[derive(Clone, Copy)]
struct Section {
    gain: f32,
    middle: f32,
    /// Feedback of the last output and the one before.
    back: [f32; 2],
    state: [f32; 2],
}

impl Section {
    fn new(gain: f64, middle: f64, back: [f64; 2]) -> Self {
        Self { gain: gain as f32, middle: middle as f32, back: back.map(|b| b as f32), state: [0.0; 2] }
    }

    fn next(&mut self, x: f32) -> f32 {
        let x = self.gain * x;
        let y = x + self.state[0];
        self.state[0] = self.middle * x - self.back[0] * y + self.state[1];
        self.state[1] = x - self.back[1] * y;
        y
    }
}

/// A filter of twice as many orders as it has sections.
pub(super) struct HighPass<const SECTIONS: usize> {
    sections: [Section; SECTIONS],
    /// How much of it is heard, 0 to 1.
    share: f32,
}

impl HighPass<1> {
    /// The gentle one, at 48 kHz: a Butterworth of second order.
    pub(super) fn gentle() -> Self {
        let warped = (PI * CORNER / f64::from(SAMPLE_RATE)).tan();
        let square = warped * warped;
        let norm = 1.0 / (1.0 + SQRT_2 * warped + square);
        let back = [2.0 * (square - 1.0) * norm, (1.0 - SQRT_2 * warped + square) * norm];
        Self { sections: [Section::new(norm, -2.0, back)], share: 0.0 }
    }
}

impl HighPass<3> {
    /// The steep one, at 16 kHz.
    pub(super) fn steep() -> Self {
        let gains = [STEEP_GAIN, 1.0, 1.0];
        let section = |n: usize| Section::new(gains[n], STEEP[n].0, STEEP[n].1);
        Self { sections: std::array::from_fn(section), share: 0.0 }
    }
}

impl<const SECTIONS: usize> HighPass<SECTIONS> {
    /// Comes in, or goes out, over this block.
    pub(super) fn process(&mut self, block: &mut [f32], on: bool) {
        let step = if on { 1.0 } else { -1.0 } / block.len() as f32;
        for sample in block {
            self.share = (self.share + step).clamp(0.0, 1.0);
            let y = self.sections.iter_mut().fold(*sample, |x, section| section.next(x));
            *sample += (y - *sample) * self.share;
        }
    }

    /// As new.
    pub(super) fn reset(&mut self) {
        self.sections.iter_mut().for_each(|section| section.state = [0.0; 2]);
        self.share = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_db<const SECTIONS: usize>(mut filter: HighPass<SECTIONS>, rate: f64, frequency: f64) -> f64 {
        let mut power = [0.0f64; 2];
        for n in 0..100 {
            let sine = |s: usize| ((n * 480 + s) as f64 / rate * frequency * 2.0 * PI).sin() as f32;
            let block: [f32; 480] = std::array::from_fn(sine);
            let mut made = block;
            filter.process(&mut made, true);
            if n >= 50 {
                for (power, block) in power.iter_mut().zip([block, made]) {
                    *power += block.iter().map(|s| f64::from(s * s)).sum::<f64>();
                }
            }
        }
        10.0 * (power[1] / power[0]).log10()
    }

    #[test]
    fn rumble_goes_and_voices_stay() {
        let gentle = |frequency| passed_db(HighPass::gentle(), 48_000.0, frequency);
        assert!(gentle(20.0) < -22.0, "{}", gentle(20.0));
        assert!((gentle(80.0) + 3.0).abs() < 0.2, "{}", gentle(80.0));
        assert!(gentle(160.0) > -0.4 && gentle(1_000.0) > -0.01, "{}", gentle(160.0));
        let steep = |frequency| passed_db(HighPass::steep(), 16_000.0, frequency);
        for below in [10.0, 20.0, 50.0] {
            assert!(steep(below) < -35.0, "{below} Hz: {}", steep(below));
        }
        for above in [95.0, 150.0, 300.0, 1_000.0, 6_000.0] {
            assert!((-0.7..0.1).contains(&steep(above)), "{above} Hz: {}", steep(above));
        }
    }
}
