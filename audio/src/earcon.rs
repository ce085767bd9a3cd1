//! Earcons: short soft tones for what happens, for ears that do not look at a screen. They are added to what is played
//! here and to nothing else: neither sent, nor recorded, nor said again.

use std::f32::consts::PI;

use proto::media::Earcon;

use crate::frame::SAMPLE_RATE;

/// How loud a tone is at its loudest, of full scale: -24 dBFS, below any voice.
const LOUDNESS: f32 = 0.063;
/// One tone lasts so long, in samples: 80 ms.
const TONE: usize = SAMPLE_RATE as usize * 80 / 1_000;
/// It comes and goes within so many samples, so that it does not click: 12 ms.
const RAMP: usize = SAMPLE_RATE as usize * 12 / 1_000;

/// What sounds now, and what comes after it. Nothing here allocates.
#[derive(Debug, Default)]
pub struct Earcons {
    now: Option<(Earcon, usize)>,
    next: Option<Earcon>,
}

/// The tones of each, in hertz: up for what begins, down for what ends.
fn tones(of: Earcon) -> [f32; 2] {
    match of {
        Earcon::Joined => [523.0, 784.0],
        Earcon::Left => [784.0, 523.0],
        Earcon::Muted => [440.0, 330.0],
        Earcon::Unmuted => [330.0, 440.0],
    }
}

impl Earcons {
    /// Lets it sound, after the one that sounds already; of several that wait the last is heard.
    pub fn play(&mut self, earcon: Earcon) {
        match self.now {
            None => self.now = Some((earcon, 0)),
            Some(_) => self.next = Some(earcon),
        }
    }

    /// Forgets what sounds: the devices were closed.
    pub fn stop(&mut self) {
        *self = Self::default();
    }

    /// Whether one sounds.
    pub fn is_sounding(&self) -> bool {
        self.now.is_some()
    }

    /// Adds what sounds to samples within -1 and 1, which stay there.
    pub fn add(&mut self, out: &mut [f32]) {
        for sample in out {
            let Some((earcon, at)) = self.now else { return };
            *sample = (*sample + sound(earcon, at)).clamp(-1.0, 1.0);
            self.now = if at + 1 < 2 * TONE { Some((earcon, at + 1)) } else { None };
            if self.now.is_none() {
                self.now = self.next.take().map(|next| (next, 0));
            }
        }
    }
}

/// The sample of an earcon at a place.
fn sound(earcon: Earcon, at: usize) -> f32 {
    let (tone, within) = (at / TONE, at % TONE);
    let hertz = tones(earcon)[tone.min(1)];
    let edge = within.min(TONE - 1 - within).min(RAMP);
    let ramp = 0.5 - 0.5 * (PI * edge as f32 / RAMP as f32).cos();
    LOUDNESS * ramp * (2.0 * PI * hertz * within as f32 / SAMPLE_RATE as f32).sin()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(earcons: &mut Earcons, samples: usize, block: usize) -> Vec<f32> {
        let mut out = vec![0.0; samples];
        out.chunks_mut(block).for_each(|chunk| earcons.add(chunk));
        out
    }

    #[test]
    fn a_tone_is_soft_comes_and_goes_without_a_step_and_ends() {
        for earcon in [Earcon::Joined, Earcon::Left, Earcon::Muted, Earcon::Unmuted] {
            let mut earcons = Earcons::default();
            earcons.play(earcon);
            let out = played(&mut earcons, 3 * TONE, 480);
            let loudest = out.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
            assert!(loudest > 0.05 && loudest <= LOUDNESS, "{earcon:?}: {loudest}");
            let step = out.windows(2).map(|two| (two[1] - two[0]).abs()).fold(0.0, f32::max);
            assert!(step < 0.01, "{earcon:?} clicks: {step}");
            assert!(out[2 * TONE..].iter().all(|sample| *sample == 0.0), "{earcon:?} ends");
            assert!(out[..TONE].iter().any(|sample| *sample != 0.0));
        }
    }

    #[test]
    fn one_comes_after_the_other_whatever_the_blocks_and_nothing_leaves_the_scale() {
        let run = |block| {
            let mut earcons = Earcons::default();
            earcons.play(Earcon::Muted);
            earcons.play(Earcon::Joined);
            earcons.play(Earcon::Unmuted);
            played(&mut earcons, 5 * TONE, block)
        };
        let out = run(480);
        assert_eq!(out, run(7));
        assert_eq!(out[2 * TONE + 700], sound(Earcon::Unmuted, 700), "the last that waited");
        assert!(out[4 * TONE..].iter().all(|sample| *sample == 0.0));
        let mut loud = vec![1.0; TONE];
        let mut earcons = Earcons::default();
        earcons.play(Earcon::Left);
        earcons.add(&mut loud);
        assert!(loud.iter().all(|sample| (-1.0..=1.0).contains(sample)));
        earcons.stop();
        assert_eq!(played(&mut earcons, 10, 10), [0.0; 10]);
    }
}
