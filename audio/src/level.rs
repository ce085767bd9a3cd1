//! How loud: a meter for one stream of samples, for the screen's bars and for "is anybody speaking".

use std::time::Duration;

use crate::frame::SAMPLE_RATE;

/// The level of silence, and the lowest the meter tells, in dBFS.
pub const FLOOR_DBFS: f32 = -96.0;

/// How fast a peak falls, in dB per second: the fall time of a digital peak meter (IEC 60268-18 gives 20 dB in 1.7 s).
const PEAK_FALL_DB_PER_SECOND: f32 = 11.8;
/// Time constant of the mean, seconds: about a syllable.
const MEAN_SECONDS: f32 = 0.1;

/// A momentary loudness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Highest recent sample, dBFS, [`FLOOR_DBFS`] to a little over 0.
    pub peak: f32,
    /// Root mean square over about 100 ms, dBFS: a full-scale sine is -3.
    pub rms: f32,
}

/// Follows the level of a stream.
#[derive(Clone, Debug)]
pub struct Meter {
    peak: f32,
    mean_square: f32,
}

impl Default for Meter {
    fn default() -> Self {
        Self { peak: 0.0, mean_square: 0.0 }
    }
}

impl Meter {
    /// Takes the next samples, any number of them.
    pub fn push(&mut self, samples: &[f32]) {
        if samples.is_empty() {
            return;
        }
        let seconds = samples.len() as f32 / SAMPLE_RATE as f32;
        let highest = samples.iter().fold(0.0f32, |high, sample| high.max(sample.abs()));
        let square = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32;
        self.peak = highest.max(self.peak * from_db(-PEAK_FALL_DB_PER_SECOND * seconds));
        let keep = (-seconds / MEAN_SECONDS).exp();
        self.mean_square = self.mean_square * keep + square * (1.0 - keep);
        if !self.peak.is_finite() || !self.mean_square.is_finite() {
            *self = Self::default();
        }
    }

    /// So long nothing came: it is not as loud as before for ever.
    pub fn fall(&mut self, time: Duration) {
        let seconds = time.as_secs_f32();
        self.peak *= from_db(-PEAK_FALL_DB_PER_SECOND * seconds);
        self.mean_square *= (-seconds / MEAN_SECONDS).exp();
    }

    /// The level now.
    pub fn level(&self) -> Level {
        Level { peak: to_db(self.peak), rms: to_db(self.mean_square.sqrt()) }
    }

    /// Back to silence at once, as when a microphone is muted.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// What is wrong with a microphone's samples, which a meter does not show. Taken as they come, before any processing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extremes {
    /// Samples seen.
    pub all: u64,
    /// Of these, those that are nothing at all: no microphone that works is as quiet as that for long.
    pub zero: u64,
    /// Of these, those at full scale.
    pub full: u64,
}

impl Extremes {
    /// Less is 20 dB below the least bit of 16.
    const ZERO: f32 = 3e-6;
    const FULL: f32 = 0.999;
    /// From this share of samples on at full scale it is heard.
    const CLIPPED: u64 = 1_000;

    /// Takes the next samples, any number of them.
    pub fn push(&mut self, samples: &[f32]) {
        self.all += samples.len() as u64;
        for level in samples.iter().map(|sample| sample.abs()) {
            self.zero += u64::from(level < Self::ZERO);
            self.full += u64::from(level >= Self::FULL);
        }
    }

    /// Whether there was nothing but nothing, or nothing came.
    pub fn is_silent(&self) -> bool {
        self.zero == self.all
    }

    /// Whether one in a thousand samples was at full scale.
    pub fn is_clipped(&self) -> bool {
        self.all > 0 && self.full * Self::CLIPPED >= self.all
    }
}

/// Amplitude (1.0 is full scale) to dBFS, not below [`FLOOR_DBFS`].
pub fn to_db(amplitude: f32) -> f32 {
    if amplitude > 0.0 { (20.0 * amplitude.log10()).max(FLOOR_DBFS) } else { FLOOR_DBFS }
}

/// dB to a factor.
pub fn from_db(db: f32) -> f32 {
    10f32.powf(db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(amplitude: f32, count: usize) -> Vec<f32> {
        (0..count).map(|n| (n as f32 * 0.1).sin() * amplitude).collect()
    }

    #[test]
    fn a_steady_sine_reads_its_own_level() {
        let mut meter = Meter::default();
        for block in sine(0.1, 48_000).chunks(480) {
            meter.push(block);
        }
        let level = meter.level();
        assert!((level.peak + 20.0).abs() < 0.1, "{level:?}");
        assert!((level.rms + 23.0).abs() < 0.2, "{level:?}");
    }

    #[test]
    fn the_reading_does_not_depend_on_the_block_size() {
        let samples = sine(0.5, 9_600);
        let read = |size: usize| {
            let mut meter = Meter::default();
            samples.chunks(size).for_each(|block| meter.push(block));
            meter.level()
        };
        assert!((read(240).rms - read(960).rms).abs() < 0.3);
    }

    #[test]
    fn peaks_fall_and_silence_is_the_floor() {
        let mut meter = Meter::default();
        meter.push(&sine(1.0, 480));
        (0..100).for_each(|_| meter.push(&[0.0; 480]));
        assert!((meter.level().peak + PEAK_FALL_DB_PER_SECOND).abs() < 0.5, "one second later");
        let mut fallen = meter.clone();
        meter.push(&[0.0; 24_000]);
        fallen.fall(Duration::from_millis(500));
        let (pushed, fallen) = (meter.level(), fallen.level());
        assert!((pushed.peak - fallen.peak).abs() < 0.01 && (pushed.rms - fallen.rms).abs() < 0.01);
        meter.reset();
        assert_eq!(meter.level(), Level { peak: FLOOR_DBFS, rms: FLOOR_DBFS });
    }

    #[test]
    fn silence_and_full_scale_are_told_apart_from_quiet_and_loud() {
        let of = |samples: &[f32]| {
            let mut extremes = Extremes::default();
            samples.chunks(7).for_each(|some| extremes.push(some));
            (extremes.is_silent(), extremes.is_clipped())
        };
        assert_eq!(of(&[]), (true, false), "nothing came");
        assert_eq!(of(&[0.0; 48_000]), (true, false));
        assert_eq!(of(&sine(1e-4, 48_000)), (false, false));
        assert_eq!(of(&sine(0.9, 48_000)), (false, false));
        let loud: Vec<f32> = sine(1.2, 48_000).into_iter().map(|s| s.clamp(-1.0, 1.0)).collect();
        assert_eq!(of(&loud), (false, true));
        let mut click = vec![0.1; 48_000];
        click[5] = 1.0;
        assert_eq!(of(&click), (false, false));
        assert_eq!(of(&[f32::NAN; 9]), (false, false));
    }

    #[test]
    fn a_broken_sample_does_not_break_the_meter() {
        let mut meter = Meter::default();
        meter.push(&[f32::NAN, f32::INFINITY]);
        meter.push(&sine(0.1, 4_800));
        assert!(meter.level().rms > -30.0);
    }
}
