//! Who was heard: everybody has a chord of their own. Unlike a wave it is known again however a call stretched it and
//! whatever it repaired, so that these scenarios tell about members, and not about a busy machine.

use std::f64::consts::TAU;

use super::signal::{RATE, energy, level_db};

/// Chords there are.
pub(crate) const CHORDS: usize = 8;
/// Quieter is a pause.
const QUIET_DB: f64 = -45.0;

/// At least 110 Hz apart, which a twentieth of a second tells well, and none the double of another.
fn tones_of(chord: usize) -> [f64; 2] {
    assert!(chord < CHORDS, "there are {CHORDS} chords");
    [430.0 + 110.0 * chord as f64, 1_490.0 + 130.0 * chord as f64]
}

/// `seconds` of a chord, swelling four times a second as syllables do.
pub(crate) fn chord(chord: usize, seconds: f64) -> Vec<f32> {
    let sample = |i: usize| {
        let time = i as f64 / RATE as f64;
        let sum: f64 = tones_of(chord).iter().map(|hertz| (TAU * hertz * time).sin()).sum();
        (0.12 * sum * (0.7 - 0.3 * (TAU * 4.0 * time).cos())) as f32
    };
    (0..(seconds * RATE as f64) as usize).map(sample).collect()
}

/// Seconds of `recording` in which hardly anything but this chord is heard, counted in twentieths.
pub(crate) fn seconds_of(chord: usize, recording: &[f32]) -> f64 {
    let is_theirs = |piece: &&[f32]| {
        let all = energy(piece) / piece.len() as f64;
        let [low, high] = tones_of(chord).map(|hertz| power_of(hertz, piece));
        level_db(piece) > QUIET_DB && low.min(high) > 0.1 * all && low + high > 0.6 * all
    };
    recording.chunks_exact(RATE / 20).filter(is_theirs).count() as f64 / 20.0
}

/// Seconds of `recording` in which something is heard that is more like this chord than like any other, counted in
/// twentieths: of a sound full of holes, as a machine makes that cannot keep up, and which has other tones by that.
pub(crate) fn seconds_most_like(chord: usize, recording: &[f32]) -> f64 {
    let power =
        |chord: usize, piece: &[f32]| tones_of(chord).map(|hertz| power_of(hertz, piece)).iter().sum::<f64>();
    let is_theirs = |piece: &&[f32]| {
        let all = energy(piece) / piece.len() as f64;
        let theirs = power(chord, piece);
        let nearest = (0..CHORDS).all(|other| other == chord || power(other, piece) < theirs / 2.0);
        level_db(piece) > QUIET_DB && theirs > 0.2 * all && nearest
    };
    recording.chunks_exact(RATE / 20).filter(is_theirs).count() as f64 / 20.0
}

/// Mean power of the sine of that frequency.
fn power_of(hertz: f64, samples: &[f32]) -> f64 {
    let (mut cosine, mut sine) = (0.0, 0.0);
    for (i, &sample) in samples.iter().enumerate() {
        let turn = TAU * hertz * i as f64 / RATE as f64;
        cosine += f64::from(sample) * turn.cos();
        sine += f64::from(sample) * turn.sin();
    }
    let length = samples.len() as f64;
    2.0 * (cosine * cosine + sine * sine) / (length * length)
}

#[test]
fn a_chord_is_known_among_the_others_with_pieces_missing_and_at_another_level() {
    for said in 0..CHORDS {
        let whole = chord(said, 2.0);
        let heard: Vec<f32> =
            whole.chunks(RATE * 3 / 10).flat_map(|piece| &piece[480..]).map(|s| s * 0.4).collect();
        for other in 0..CHORDS {
            let seconds = seconds_of(other, &heard);
            let right = if other == said { seconds >= 1.4 } else { seconds == 0.0 };
            assert!(right, "{seconds} s of chord {other} in chord {said}");
        }
    }
    for said in 0..CHORDS {
        // 3 ms of 13 are missing.
        let holes = |(i, s): (usize, &f32)| if i % 624 < 144 { 0.0 } else { *s };
        let heard: Vec<f32> = chord(said, 2.0).iter().enumerate().map(holes).collect();
        for other in 0..CHORDS {
            let seconds = seconds_most_like(other, &heard);
            let right = if other == said { seconds >= 1.8 } else { seconds == 0.0 };
            assert!(right, "{seconds} s of chord {other} in chord {said} full of holes");
        }
    }
    let voice = super::signal::voice_like(1, 4.0);
    for other in 0..CHORDS {
        assert!(seconds_of(other, &voice) <= 0.2, "chord {other} in a voice");
    }
}
