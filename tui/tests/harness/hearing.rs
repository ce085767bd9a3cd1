//! Whether somebody was heard, told by what the ear tells words by: how loud each band of the spectrum is from one
//! hundredth of a second to the next. Unlike a wave, that picture survives what a call on a busy machine does to time: it
//! stretches, it shortens, it leaves a hole and goes on. Another voice, or the same one backwards, has another picture.

use super::signal::{RATE, Spectrum, level_db, median};

/// From one column of the picture to the next, and how much sound a column looks at.
const HOP: usize = RATE / 100;
const WINDOW: usize = 1024;
/// Rows: bands of a third of an octave or so, where speech is.
const BANDS: usize = 16;
const BANDS_HZ: (f64, f64) = (100.0, 4_000.0);
/// How far below the loudest spot of a recording nothing is told apart any more: what is quieter is noise to one codec and
/// nothing to another, and a hole would outweigh the syllables around it.
const FLOOR_DB: f64 = -30.0;
/// Columns of a piece: long enough to hold syllables that no other half second has, short enough that what is stretched
/// within it stays within a column or two.
const PIECE: usize = 50;
/// A pause between words.
const QUIET_DB: f64 = -40.0;
/// How much later than it was said a piece may be heard, in columns.
const LATE: usize = 100;

/// How well somebody was heard: medians over pieces, each found on its own. Quiet pieces do not count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    /// Correlation of the pictures, 1.0 for the same.
    pub(crate) likeness: f64,
    pub(crate) level_db: f64,
    /// From a piece's place in what was said to its place in what was heard, in seconds, to the hundredth.
    pub(crate) delay: f64,
    pub(crate) pieces: usize,
}

/// A picture of sound: a column for each hundredth of a second, in dB, at most `FLOOR_DB` below its loudest spot.
struct Picture(Vec<[f64; BANDS]>);

impl Picture {
    fn of(samples: &[f32]) -> Self {
        let mut columns: Vec<[f64; BANDS]> = samples.windows(WINDOW).step_by(HOP).map(column).collect();
        let loudest = columns.iter().flatten().copied().fold(f64::MIN, f64::max);
        columns.iter_mut().flatten().for_each(|spot| *spot = spot.max(loudest + FLOOR_DB));
        Self(columns)
    }
}

fn column(samples: &[f32]) -> [f64; BANDS] {
    let turn = std::f64::consts::TAU / WINDOW as f64;
    let shaped: Vec<f32> =
        samples.iter().enumerate().map(|(i, s)| s * (0.5 - 0.5 * (turn * i as f64).cos()) as f32).collect();
    let spectrum = Spectrum::of(&shaped, WINDOW);
    let (low, high) = BANDS_HZ;
    let edge = |band: usize| {
        let hertz = low * (high / low).powf(band as f64 / BANDS as f64);
        (hertz * WINDOW as f64 / RATE as f64) as usize
    };
    std::array::from_fn(|band| {
        // Narrow bands at the bottom share a line with their neighbour rather than have none.
        let lines = edge(band)..edge(band + 1).max(edge(band) + 1);
        10.0 * lines.map(|line| spectrum.power(line)).sum::<f64>().max(1e-12).log10()
    })
}

/// Looks for `said` in `heard`, whose first sample is `ahead` samples before that of `said` on the same clock. A piece
/// may come up to `ahead` early or a second late.
pub(crate) fn heard(said: &[f32], heard: &[f32], ahead: usize) -> Heard {
    let (spoken, listened) = (Picture::of(said), Picture::of(heard));
    let ahead = ahead / HOP;
    let mut found = Vec::new();
    for (index, piece) in spoken.0.chunks_exact(PIECE).enumerate() {
        let from = index * PIECE;
        let sound = &said[from * HOP..(from + PIECE) * HOP];
        if level_db(sound) < QUIET_DB {
            continue;
        }
        let window = listened.0.get(from..(from + PIECE + ahead + LATE).min(listened.0.len())).unwrap_or(&[]);
        let places = window.windows(PIECE).map(|place| alike(piece, place)).enumerate();
        let Some((at, likeness)) = places.max_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
        let there = (from + at) * HOP;
        let level = level_db(&heard[there..there + PIECE * HOP]) - level_db(sound);
        found.push(((at as f64 - ahead as f64) * HOP as f64 / RATE as f64, likeness, level));
    }
    Heard {
        likeness: median(found.iter().map(|f| f.1)),
        level_db: median(found.iter().map(|f| f.2)),
        delay: median(found.iter().map(|f| f.0)),
        pieces: found.len(),
    }
}

/// The sample of `recording` at which what begins with `said` is most likely to begin, anywhere in it: for files that have
/// no clock in common.
pub(crate) fn meets(said: &[f32], recording: &[f32]) -> usize {
    let (spoken, listened) = (Picture::of(&said[..said.len().min(RATE)]), Picture::of(recording));
    let places = listened.0.windows(spoken.0.len()).map(|place| alike(&spoken.0, place)).enumerate();
    places.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at * HOP)
}

/// Correlation of two pieces over all their spots, each band about its own mean: what is the same all the time tells
/// nothing.
fn alike(a: &[[f64; BANDS]], b: &[[f64; BANDS]]) -> f64 {
    let (mut both, mut one, mut other) = (0.0, 0.0, 0.0);
    for band in 0..BANDS {
        let mean = |piece: &[[f64; BANDS]]| {
            piece.iter().map(|column| column[band]).sum::<f64>() / piece.len() as f64
        };
        let (mean_a, mean_b) = (mean(a), mean(b));
        for (a, b) in a.iter().zip(b) {
            let (a, b) = (a[band] - mean_a, b[band] - mean_b);
            both += a * b;
            one += a * a;
            other += b * b;
        }
    }
    // Silence is like nothing.
    if one * other > 0.0 { both / (one * other).sqrt() } else { 0.0 }
}

/// What a call on a busy machine does: every fifth of a second or so something is cut out or said twice, a hole is
/// left now and then, and all of it is a little quieter and noisy.
fn mistreated(said: &[f32]) -> Vec<f32> {
    let mut heard = Vec::new();
    for (index, piece) in said.chunks(RATE / 5).enumerate() {
        let cut = (index * 7919) % 900;
        match index % 3 {
            0 => heard.extend_from_slice(&piece[cut.min(piece.len())..]),
            1 => heard.extend_from_slice(&[piece, &piece[piece.len().saturating_sub(cut)..]].concat()),
            _ => heard.extend(piece.iter().enumerate().map(|(i, s)| if i < 2_400 { 0.0 } else { *s })),
        }
    }
    let noise = |i: usize| ((i * 7919 % 2_003) as f32 / 2_003.0 - 0.5) * 0.002;
    heard.iter().enumerate().map(|(i, s)| s * 0.8 + noise(i)).collect()
}

#[test]
fn a_mistreated_voice_is_known_again_and_another_is_not() {
    for voice in 1..6 {
        let said = super::signal::voice_like(voice, 6.0);
        let late = [vec![0.0; RATE / 8], mistreated(&said)].concat();
        let theirs = heard(&said, &late, 0);
        assert!(theirs.likeness > 0.7 && theirs.pieces >= 10, "{theirs:?}");
        assert!((5_000..7_000).contains(&meets(&said, &late)));
        assert!((theirs.level_db + 1.9).abs() < 1.0 && (theirs.delay - 0.125).abs() < 0.05, "{theirs:?}");
        let backwards: Vec<f32> = said.iter().rev().copied().collect();
        for other in [super::signal::voice_like(voice + 10, 6.0), backwards] {
            let control = heard(&other, &late, 0);
            assert!(control.likeness < 0.55, "{control:?}");
        }
    }
}

#[test]
fn silence_is_nobody() {
    let said = super::signal::voice_like(1, 6.0);
    assert_eq!(heard(&said, &vec![0.0; said.len()], 0).likeness, 0.0);
}
