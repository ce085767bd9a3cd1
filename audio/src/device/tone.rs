//! A microphone that hums: to try a line without speaking into it.

use crate::frame::SAMPLE_RATE;

/// Hertz: the A that instruments are tuned to.
pub const FREQUENCY: f32 = 440.0;
/// Amplitude, -20 dBFS.
pub const AMPLITUDE: f32 = 0.1;

/// A steady sine.
#[derive(Default)]
pub struct Tone {
    /// Turns, 0 to 1.
    phase: f32,
}

impl Tone {
    /// The next samples.
    pub fn fill(&mut self, said: &mut [f32]) {
        for sample in said {
            *sample = AMPLITUDE * (self.phase * std::f32::consts::TAU).sin();
            self.phase = (self.phase + FREQUENCY / SAMPLE_RATE as f32).fract();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tone_has_its_pitch_and_level_across_blocks() {
        let mut tone = Tone::default();
        let mut said = vec![0.0; 48_000];
        said.chunks_mut(113).for_each(|block| tone.fill(block));
        let rising = said.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        assert!((439..=441).contains(&rising), "{rising} Hz");
        let highest = said.iter().copied().fold(0.0, f32::max);
        assert!((highest - AMPLITUDE).abs() < 1e-3, "{highest}");
        let steepest = said.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.006, "a step of {steepest} would click");
    }
}
