//! The quiet behind a voice: how loud and how dull a speaker's room is when they say nothing, and noise like it for the
//! time when nothing of them comes. Dead silence in the middle of a call sounds like a call that broke.
//!
//! The level is the least power of a frame in the last two to four seconds, so the noise is never louder than the
//! quietest that was heard, and it is held below [`LOUDEST`]. The colour is that frame's correlation between
//! neighbouring samples.

use crate::frame::SAMPLE_RATE;

/// The most the noise may be, as mean square: -65 dBFS. It says that the line is there; a gap must still be one.
const LOUDEST: f32 = 3.2e-7;
/// Mean square above which the quietest is no room but a voice or a tone that never pauses: -55 dBFS. The room behind
/// it is not known.
const NO_ROOM: f32 = 3.2e-6;
/// Mean square below which there is nothing worth imitating: -84 dBFS.
const NOTHING: f32 = 4.0e-9;
/// Samples after which the older half of the memory is dropped: two seconds.
const HALF: usize = 2 * SAMPLE_RATE as usize;
/// Samples of a new stream that are not learned from: a decoder begins in silence. 100 ms.
const SETTLING: usize = SAMPLE_RATE as usize / 10;
/// The dullest colour imitated: above it the filter would hum.
const DULLEST: f32 = 0.98;
/// How long noise is given with nothing from the speaker, in samples, and when it has faded: silence for longer must
/// not sound like somebody who is there.
const FADE: (usize, usize) = (5 * SAMPLE_RATE as usize, 7 * SAMPLE_RATE as usize);

/// A frame's power and colour.
#[derive(Clone, Copy)]
struct Quiet {
    power: f32,
    colour: f32,
}

const LOUD: Quiet = Quiet { power: f32::MAX, colour: 0.0 };

/// One speaker's quiet.
pub(crate) struct Comfort {
    /// The quietest of the current half of the memory, and of the one before.
    quietest: [Quiet; 2],
    /// Samples in the current half.
    held: usize,
    /// Samples still to come before anything is learned.
    settling: usize,
    /// Samples given since the speaker was last heard.
    given: usize,
    dice: u32,
    last: f32,
}

impl Comfort {
    pub(crate) const fn new() -> Self {
        Self { quietest: [LOUD; 2], held: 0, settling: SETTLING, given: 0, dice: 0x2545_f491, last: 0.0 }
    }

    /// The decoder begins anew; the room is still the same.
    pub(crate) fn settle(&mut self) {
        self.settling = SETTLING;
    }

    /// The speaker was heard, whole and unchanged.
    pub(crate) fn learn(&mut self, frame: &[f32]) {
        self.given = 0;
        if self.settling > 0 {
            self.settling = self.settling.saturating_sub(frame.len());
            return;
        }
        let square: f32 = frame.iter().map(|sample| sample * sample).sum();
        let neighbours: f32 = frame.windows(2).map(|pair| pair[0] * pair[1]).sum();
        let power = square / frame.len().max(1) as f32;
        if power < self.quietest[0].power {
            let colour = if square > 0.0 { (neighbours / square).clamp(0.0, DULLEST) } else { 0.0 };
            self.quietest[0] = Quiet { power, colour };
        }
        self.held += frame.len();
        if self.held >= HALF {
            self.held = 0;
            self.quietest = [LOUD, self.quietest[0]];
        }
    }

    /// Adds noise in the place of a voice that is missing: each sample's share of it is what `voice` lacks of 1.
    pub(crate) fn fill(&mut self, samples: &mut [f32], mut voice: impl FnMut() -> f32) {
        let Quiet { power, colour } = self.quiet();
        let (hold, gone) = FADE;
        let silent = power < NOTHING;
        // The filter takes power away; what goes in is as much stronger.
        let strength = (3.0 * power.min(LOUDEST) * (1.0 - colour * colour)).sqrt();
        for sample in samples {
            let share = 1.0 - voice();
            let left = gone.saturating_sub(self.given).min(gone - hold) as f32 / (gone - hold) as f32;
            self.given = (self.given + 1).min(gone);
            if silent || left <= 0.0 {
                self.last = 0.0;
                continue;
            }
            self.last = self.last * colour + strength * self.draw();
            *sample += self.last * share * left;
        }
    }

    fn quiet(&self) -> Quiet {
        let [now, before] = self.quietest;
        let least = if now.power < before.power { now } else { before };
        if least.power < NO_ROOM { least } else { Quiet { power: 0.0, colour: 0.0 } }
    }

    /// Evenly from -1 to 1 (Marsaglia's xorshift): noise needs no better dice, and the same ones every time.
    fn draw(&mut self) -> f32 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 17;
        self.dice ^= self.dice << 5;
        (self.dice as i32) as f32 / i32::MAX as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn power(samples: &[f32]) -> f32 {
        samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32
    }

    fn room(power: f32, colour: f32, count: usize) -> Vec<f32> {
        let mut comfort = Comfort::new();
        comfort.quietest[0] = Quiet { power, colour };
        comfort.dice = 77;
        let mut out = vec![0.0; count];
        comfort.fill(&mut out, || 0.0);
        out
    }

    fn colour(samples: &[f32]) -> f32 {
        let neighbours: f32 = samples.windows(2).map(|pair| pair[0] * pair[1]).sum();
        neighbours / samples.iter().map(|sample| sample * sample).sum::<f32>()
    }

    fn decibels(a: f32, b: f32) -> f32 {
        10.0 * (a / b).log10()
    }

    #[test]
    fn the_noise_is_as_quiet_and_as_dull_as_the_room() {
        for (want, dull) in [(2.0e-7, 0.0), (2.0e-7, 0.9), (1.0e-7, 0.5)] {
            let mut comfort = Comfort::new();
            for (n, frame) in room(want, dull, 240_000).chunks(480).enumerate() {
                // A word now and then.
                let gain = if n % 50 < 20 { 300.0 } else { 1.0 };
                let frame: Vec<f32> = frame.iter().map(|sample| sample * gain).collect();
                comfort.learn(&frame);
            }
            let mut out = vec![0.0; 96_000];
            comfort.fill(&mut out, || 0.0);
            let off = decibels(power(&out), want);
            assert!((-6.0..0.0).contains(&off), "{off} dB beside the room");
            assert!((colour(&out) - dull).abs() < 0.15, "{} instead of {dull}", colour(&out));
        }
    }

    #[test]
    fn it_is_bounded_in_level_and_in_time() {
        let mut comfort = Comfort::new();
        let by = |gain: f32| -> Vec<f32> {
            room(LOUDEST, 0.0, 240_000).iter().map(|sample| sample * gain).collect()
        };
        let mut out = vec![0.0; 8 * 48_000];
        by(10.0).chunks(480).for_each(|frame| comfort.learn(frame));
        comfort.fill(&mut out, || 0.0);
        assert_eq!(power(&out), 0.0, "-45 dBFS is no room");
        by(2.5).chunks(480).for_each(|frame| comfort.learn(frame));
        comfort.fill(&mut out, || 0.0);
        assert!(decibels(power(&out[..48_000]), LOUDEST).abs() < 0.5, "a room of -57 dBFS gets -65");
        let second = |n: usize| power(&out[n * 48_000..][..48_000]);
        assert!(decibels(second(4), second(0)).abs() < 0.5);
        assert!(second(5) > second(6) && second(6) > 0.0);
        assert_eq!(second(7), 0.0);
        comfort.learn(&[0.1; 480]);
        comfort.fill(&mut out[..480], || 0.0);
        assert!(power(&out[..480]) > 0.0, "heard again, it may begin again");
    }

    #[test]
    fn a_silent_line_and_an_unknown_one_stay_silent() {
        let mut comfort = Comfort::new();
        let mut out = [0.0; 480];
        comfort.fill(&mut out, || 0.0);
        assert_eq!(out, [0.0; 480]);
        (0..100).for_each(|_| comfort.learn(&[0.0; 480]));
        comfort.fill(&mut out, || 0.0);
        assert_eq!(out, [0.0; 480]);
    }

    #[test]
    fn a_room_that_becomes_louder_is_followed_within_four_seconds() {
        let mut comfort = Comfort::new();
        room(1.0e-8, 0.0, 240_000).chunks(480).for_each(|frame| comfort.learn(frame));
        room(1.0e-6, 0.0, 240_000).chunks(480).for_each(|frame| comfort.learn(frame));
        let mut out = vec![0.0; 48_000];
        comfort.fill(&mut out, || 0.0);
        assert!(decibels(power(&out), 1.0e-6) > -6.0);
    }
}
