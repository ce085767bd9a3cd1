//! Rooms and people for tests: talkers who never existed, the echo of a room, its noise.

use std::f32::consts::TAU;

const RATE: f32 = 48_000.0;

/// A reproducible source of numbers (a 64-bit linear congruential generator, upper half used).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1);
        dice.even();
        dice
    }

    /// Evenly from 0 to 1.
    pub(crate) fn even(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }

    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.even()
    }

    /// About normal, mean 0 and deviation 1.
    pub(crate) fn noise(&mut self) -> f32 {
        (0..4).map(|_| self.even() - 0.5).sum::<f32>() * 1.73
    }
}

/// A resonance of the mouth.
#[derive(Default)]
struct Formant {
    state: [f32; 2],
}

impl Formant {
    fn next(&mut self, input: f32, frequency: f32, width: f32) -> f32 {
        let r = (-std::f32::consts::PI * width / RATE).exp();
        let back = 2.0 * r * (TAU * frequency / RATE).cos();
        let out = input * (1.0 - r) + back * self.state[0] - r * r * self.state[1];
        self.state = [out, self.state[0]];
        out
    }
}

/// Somebody talking: syllables of changing pitch and vowel, hisses between some, pauses between words, -23 dBFS where
/// they talk. Another seed is another person who says something else.
pub(crate) fn talker(seed: u64, seconds: f32) -> Vec<f32> {
    let mut dice = Dice::new(seed);
    let count = (seconds * RATE) as usize;
    let person = dice.between(95.0, 230.0);
    let mouth = dice.between(0.9, 1.15);
    let mut formants: [Formant; 3] = Default::default();
    let mut now = [500.0, 1_500.0, 2_600.0];
    let (mut phase, mut hiss) = (0.0f32, 0.0f32);
    let mut made = Vec::with_capacity(count);
    while made.len() < count {
        let length = (dice.between(0.12, 0.3) * RATE) as usize;
        let pitch = [dice.between(0.85, 1.25), dice.between(0.8, 1.2)].map(|p| p * person);
        let wanted = [(280.0, 800.0), (850.0, 2_300.0), (2_300.0, 3_200.0)]
            .map(|(low, high)| dice.between(low, high) * mouth);
        let (loud, voiced) = (dice.between(0.4, 1.0), dice.even() < 0.8);
        for n in 0..length {
            let at = n as f32 / length as f32;
            let envelope = (at * 8.0).min(1.0) * ((1.0 - at) * 4.0).min(1.0);
            phase = (phase + (pitch[0] + (pitch[1] - pitch[0]) * at) / RATE).fract();
            let breath = dice.noise();
            let throat = if voiced { (if phase < 0.4 { phase * 2.5 } else { 0.0 }) - 0.2 } else { 0.0 };
            let mut sample = 0.0;
            for ((formant, now), wanted) in formants.iter_mut().zip(&mut now).zip(wanted) {
                *now += (wanted - *now) * 0.000_7;
                sample += formant.next(throat * 6.0 + breath * 0.05, *now, 70.0 + *now * 0.03);
            }
            let edge = breath - hiss;
            hiss = breath;
            sample += if voiced { 0.0 } else { edge * 0.25 };
            made.push(sample * envelope * loud);
        }
        if dice.even() < 0.3 {
            let pause = (dice.between(0.1, 0.5) * RATE) as usize;
            made.extend(std::iter::repeat_n(0.0, pause));
        }
    }
    made.truncate(count);
    let talking: Vec<f32> = made.iter().copied().filter(|s| *s != 0.0).collect();
    let scale = 10f32.powf(-23.0 / 20.0) / rms(&talking);
    made.iter_mut().for_each(|sample| *sample *= scale);
    made
}

/// Somebody who hums without a pause: syllables of changing pitch and colour, from the first sample on, -26 dBFS or so.
pub(crate) fn hummer(seed: u64, seconds: f32) -> Vec<f32> {
    let mut dice = Dice::new(seed);
    let count = (seconds * RATE) as usize;
    let (mut phase, mut pitch) = (0.0f32, dice.between(100.0, 180.0));
    let mut made = Vec::with_capacity(count);
    while made.len() < count {
        let length = (dice.between(0.12, 0.26) * RATE) as usize;
        let (from, to) = (pitch, dice.between(90.0, 230.0));
        let colour: [f32; 14] = std::array::from_fn(|n| dice.even() / (n as f32 + 1.0).sqrt());
        for n in 0..length {
            let at = n as f32 / length as f32;
            pitch = from + (to - from) * at;
            phase = (phase + pitch / RATE).fract();
            let tones = colour.iter().zip(1..).map(|(c, k)| c * (k as f32 * TAU * phase).sin());
            made.push(0.05 * tones.sum::<f32>() * (0.6 + 0.4 * (TAU * at).cos()));
        }
    }
    made.truncate(count);
    made
}

/// Steady noise at a level, dBFS.
pub(crate) fn noise(seed: u64, count: usize, dbfs: f32) -> Vec<f32> {
    let mut dice = Dice::new(seed);
    let amplitude = 10f32.powf(dbfs / 20.0);
    (0..count).map(|_| dice.noise() * amplitude).collect()
}

/// A room between a speaker and a microphone.
pub(crate) struct Room {
    /// Taps: samples later, and factor.
    taps: Vec<(usize, f32)>,
}

impl Room {
    /// First sound after `delay_ms`, then a tail of 150 ms with a third of the power.
    pub(crate) fn new(seed: u64, delay_ms: f32) -> Self {
        let mut dice = Dice::new(seed);
        let delay = (delay_ms * 48.0) as usize;
        let mut taps = vec![(delay, 1.0)];
        let tail: Vec<(usize, f32)> = (0..240)
            .map(|_| {
                let at = dice.between(0.001, 0.15);
                (delay + (at * RATE) as usize, dice.noise() * (-at / 0.05).exp())
            })
            .collect();
        let power: f32 = tail.iter().map(|(_, f)| f * f).sum();
        let scale = (0.43 / power).sqrt();
        taps.extend(tail.into_iter().map(|(at, factor)| (at, factor * scale)));
        Self { taps }
    }

    /// What the microphone hears of `far`, `loss_db` quieter. A distorting speaker bends it first.
    pub(crate) fn echo(&self, far: &[f32], loss_db: f32, distorting: bool) -> Vec<f32> {
        let bend = |s: f32| if distorting { (s * 4.0).tanh() / 4.0 + 0.15 * s * s } else { s };
        let played: Vec<f32> = far.iter().map(|s| bend(*s)).collect();
        let mut echo = vec![0.0; far.len()];
        for (at, factor) in &self.taps {
            for (echo, played) in echo.iter_mut().skip(*at).zip(&played) {
                *echo += played * factor;
            }
        }
        let scale = 10f32.powf(-loss_db / 20.0) * rms(far) / rms(&echo).max(1e-9);
        echo.iter_mut().for_each(|sample| *sample *= scale);
        echo
    }
}

/// Adds two signals of one length.
pub(crate) fn mixed(one: &[f32], two: &[f32]) -> Vec<f32> {
    one.iter().zip(two).map(|(a, b)| a + b).collect()
}

pub(crate) fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

pub(crate) fn level_db(samples: &[f32]) -> f32 {
    20.0 * rms(samples).max(1e-9).log10()
}

/// How alike two signals are, -1 to 1, the second `delay` samples later. Between pitch and hiss, where words are: the
/// filters that remove rumble turn the phase of the lowest part.
pub(crate) fn likeness(said: &[f32], heard: &[f32], delay: usize) -> f32 {
    let middle = |samples: &[f32]| -> Vec<f32> {
        samples.windows(16).map(|w| w[..8].iter().sum::<f32>() - w[8..].iter().sum::<f32>()).collect()
    };
    let (said, heard) = (middle(said), middle(&heard[delay..]));
    let (mut product, mut a, mut b) = (0.0, 1e-12, 1e-12);
    for (said, heard) in said.iter().zip(&heard) {
        product += said * heard;
        a += said * said;
        b += heard * heard;
    }
    product / (a * b).sqrt()
}
