//! Sounds for the unit tests of several rooms.

use std::f64::consts::TAU;

/// Something the codec takes for speech: a buzzing throat of about 140 Hz with syllables and pauses, under 0.6.
pub(crate) fn voice(count: usize) -> Vec<f32> {
    let mut phase = 0.0;
    (0..count)
        .map(|n| {
            let time = n as f64 / 48_000.0;
            phase += TAU * (140.0 + 30.0 * (time * 1.3 * TAU).sin()) / 48_000.0;
            let syllable = ((time * 3.0 * TAU).sin() * 1.6).clamp(0.0, 1.0);
            let throat: f64 = (1..24).map(|k| (phase * f64::from(k)).sin() / f64::from(k)).sum();
            (0.3 * syllable * throat) as f32
        })
        .collect()
}
