//! Between a device's sample rate and 48 kHz: a windowed-sinc filter evaluated at any ratio, for blocks of any length,
//! with a delay of half its taps. Written here rather than taken from a library because it must accept whatever length
//! a callback brings, add under a millisecond, and never allocate after construction.

use std::f64::consts::PI;

/// Taps on each side of a sample at equal rates; more when going down, where the filter must be longer.
const HALF_TAPS: usize = 16;
/// Positions between two samples for which the filter is tabled; between two of them it is interpolated.
const PHASES: usize = 256;
/// Share of the lower Nyquist frequency that is kept.
const PASS: f64 = 0.92;
/// Rates a device may have, samples per second.
pub const RATE_RANGE: (u32, u32) = (4_000, 384_000);

/// Converts one mono stream from one rate to another.
pub struct Resampler {
    /// Input samples per output sample.
    step: f64,
    /// `PHASES + 1` filters of `taps` each.
    table: Vec<f32>,
    taps: usize,
    history: Vec<f32>,
    /// Where the next output lies, in input samples after the oldest in `history`.
    position: f64,
    len: usize,
}

impl Resampler {
    /// A converter between two rates, each held to [`RATE_RANGE`].
    pub fn new(from: u32, to: u32) -> Self {
        let (low, high) = RATE_RANGE;
        let (from, to) = (f64::from(from.clamp(low, high)), f64::from(to.clamp(low, high)));
        let step = from / to;
        let half = (HALF_TAPS as f64 * step.max(1.0)).ceil() as usize;
        let taps = 2 * half;
        let cutoff = PASS / step.max(1.0);
        let table = (0..=PHASES)
            .flat_map(|phase| filter(half, cutoff, phase as f64 / PHASES as f64))
            .map(|tap| tap as f32)
            .collect();
        let history = vec![0.0; 2 * taps];
        Self { step, table, taps, history, position: 0.0, len: taps - 1 }
    }

    /// The most samples that `count` samples in can give.
    pub fn most(&self, count: usize) -> usize {
        (count as f64 / self.step).ceil() as usize + 1
    }

    /// Takes one sample and hands every sample it completes to `give`.
    pub fn push(&mut self, sample: f32, give: &mut impl FnMut(f32)) {
        if self.len == self.history.len() {
            // Half the buffer at a time, so that the move is paid for once per `taps` samples.
            let keep = self.taps.min(self.len);
            let gone = self.len - keep;
            self.history.copy_within(gone.., 0);
            self.position -= gone as f64;
            self.len = keep;
        }
        self.history[self.len] = sample;
        self.len += 1;
        while self.position as usize + self.taps <= self.len {
            give(self.at(self.position));
            self.position += self.step;
        }
    }

    fn at(&self, position: f64) -> f32 {
        let start = position as usize;
        let fraction = (position - start as f64) * PHASES as f64;
        let phase = fraction as usize;
        let between = (fraction - phase as f64) as f32;
        let window = &self.history[start..start + self.taps];
        let low = &self.table[phase * self.taps..][..self.taps];
        let high = &self.table[(phase + 1) * self.taps..][..self.taps];
        let (mut a, mut b) = (0.0, 0.0);
        for ((sample, low), high) in window.iter().zip(low).zip(high) {
            a += sample * low;
            b += sample * high;
        }
        a + (b - a) * between
    }
}

/// A Blackman-windowed sinc whose centre lies `offset` (0 to 1) after tap `half - 1`, with unit gain at 0 Hz.
fn filter(half: usize, cutoff: f64, offset: f64) -> Vec<f64> {
    let taps: Vec<f64> = (0..2 * half)
        .map(|tap| {
            let x = tap as f64 - (half as f64 - 1.0) - offset;
            let sinc = if x.abs() < 1e-9 { cutoff } else { (PI * cutoff * x).sin() / (PI * x) };
            let edge = (x / half as f64).clamp(-1.0, 1.0);
            sinc * (0.42 + 0.5 * (PI * edge).cos() + 0.08 * (2.0 * PI * edge).cos())
        })
        .collect();
    let gain: f64 = taps.iter().sum();
    taps.into_iter().map(|tap| tap / gain).collect()
}

/// Converts a whole recording at once and takes the converter's delay off its front.
pub fn convert(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    if from == to {
        return samples.to_vec();
    }
    let mut resampler = Resampler::new(from, to);
    let mut out = Vec::with_capacity(resampler.most(samples.len()));
    let wanted = (samples.len() as u64 * u64::from(to) / u64::from(from.max(1))) as usize;
    let mut delay = (resampler.taps as f64 / 2.0 / resampler.step).round() as usize;
    let tail = resampler.taps;
    for sample in samples.iter().copied().chain(std::iter::repeat_n(0.0, tail)) {
        resampler.push(sample, &mut |made| {
            if delay > 0 {
                delay -= 1;
            } else if out.len() < wanted {
                out.push(made);
            }
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sine(frequency: f64, rate: u32, count: usize) -> Vec<f32> {
        (0..count).map(|n| ((n as f64 * frequency * 2.0 * PI / f64::from(rate)).sin() * 0.5) as f32).collect()
    }

    fn run(samples: &[f32], from: u32, to: u32, block: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(from, to);
        let mut out = Vec::new();
        for block in samples.chunks(block) {
            let before = out.len();
            block.iter().for_each(|sample| resampler.push(*sample, &mut |made| out.push(made)));
            assert!(out.len() - before <= resampler.most(block.len()));
        }
        out
    }

    fn rms(samples: &[f32]) -> f32 {
        (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn a_tone_keeps_its_pitch_level_and_place_at_every_usual_rate() {
        for rate in [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 96_000, 192_000] {
            for (from, to) in [(rate, 48_000), (48_000, rate)] {
                let made = convert(&sine(1_000.0, from, from as usize), from, to);
                let want = sine(1_000.0, to, to as usize);
                assert_eq!(made.len(), want.len());
                let middle = to as usize / 4..to as usize * 3 / 4;
                let difference: Vec<f32> = middle.clone().map(|n| made[n] - want[n]).collect();
                let error = rms(&difference) / rms(&want[middle]);
                assert!(error < 0.07, "{from} to {to}: {error}");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_removed() {
        let made = run(&sine(10_000.0, 48_000, 48_000), 48_000, 16_000, 480);
        assert!(rms(&made[1_000..]) < 0.5 * 0.001, "an alias of {}", rms(&made[1_000..]));
    }

    #[test]
    fn the_delay_is_under_a_millisecond() {
        let mut impulse = vec![0.0; 441];
        impulse[0] = 1.0;
        let made = run(&impulse, 44_100, 48_000, 441);
        let peak = made.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(n, _)| n).unwrap();
        assert!(peak < 48, "{peak} samples");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_rate_and_any_blocks_give_the_right_number(from in 4_000u32..200_000, to in 4_000u32..200_000, block in 1usize..2_000) {
            let samples = sine(300.0, from, from as usize / 4);
            let made = run(&samples, from, to, block);
            let want = samples.len() as f64 * f64::from(to) / f64::from(from);
            prop_assert!((made.len() as f64 - want).abs() <= 2.0, "{} of {want}", made.len());
            prop_assert_eq!(made, run(&samples, from, to, 7));
        }
    }
}
