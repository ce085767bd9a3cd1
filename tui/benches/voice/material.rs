//! What is said in every take: first sweeps, which are found again to the sample and tell how late it is heard, then
//! sentences of several voices, which tell how well.

use std::f64::consts::{PI, TAU};
use std::process::Command;

use super::harness::Scratch;
use super::harness::signal::{RATE, level_db, read_wav};

/// A sweep or a sentence of the material, by its samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// A sentence, and which voice says it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sentence {
    pub(crate) span: Span,
    pub(crate) voice: usize,
}

/// Everything that is said, in the order it is said.
pub(crate) struct Material {
    pub(crate) samples: Vec<f32>,
    pub(crate) sweeps: Vec<Span>,
    /// None when espeak-ng is missing.
    pub(crate) sentences: Vec<Sentence>,
}

const SWEEPS: usize = 25;
const SWEEP_SECONDS: f64 = 0.06;
/// From and to which frequency, in turn: a lost one is not taken for its neighbour.
const SWEEPS_HZ: [(f64, f64); 4] =
    [(300.0, 2_500.0), (6_000.0, 1_500.0), (1_500.0, 6_000.0), (2_500.0, 300.0)];
/// The level of speech, of somebody near a microphone.
const SPEECH_DB: f64 = -24.0;
const PAUSE: usize = RATE * 6 / 10;

const VOICES: [(&str, [&str; 3]); 3] = [
    (
        "en-us",
        [
            "Two tins and forty yards of string were all we needed to talk across the garden.",
            "The kettle began to sing while the old radio warmed up on the shelf.",
            "Please bring the blue notebook and a sharp pencil to the harbour at noon.",
        ],
    ),
    (
        "en-us+f3",
        [
            "She counted nineteen swallows on the wire before the thunder reached the valley.",
            "A warm loaf, some cheese and a jar of plums will do for the journey.",
            "Nobody had told the baker that the bridge was closed on Thursdays.",
        ],
    ),
    (
        "en-gb+m3",
        [
            "The train to the coast leaves from the third platform in half an hour.",
            "I heard every word you said, even the ones you meant for the dog.",
            "Fresh snow had covered the path, so we followed the fence down to the mill.",
        ],
    ),
];

impl Material {
    pub(crate) fn new() -> Self {
        let mut material = Self { samples: vec![0.0; RATE], sweeps: Vec::new(), sentences: Vec::new() };
        for sweep in 0..SWEEPS {
            let from = material.samples.len();
            material.samples.extend(self::sweep(sweep));
            material.sweeps.push(Span { from, to: material.samples.len() });
            // Uneven pauses, so that no sweep keeps step with frames or packets.
            material.pause(RATE * 3 / 10 + (sweep * 7_919) % (RATE / 5));
        }
        material.pause(RATE);
        for (voice, (name, sentences)) in VOICES.iter().enumerate() {
            for text in sentences {
                let Some(sound) = speak(name, text) else { continue };
                let from = material.samples.len();
                material.samples.extend(sound);
                let span = Span { from, to: material.samples.len() };
                material.sentences.push(Sentence { span, voice });
                material.pause(PAUSE);
            }
        }
        material.pause(RATE);
        material
    }

    fn pause(&mut self, samples: usize) {
        self.samples.resize(self.samples.len() + samples, 0.0);
    }
}

/// Rises or falls by the same interval in the same time, and fades in and out.
fn sweep(number: usize) -> Vec<f32> {
    let (first, last) = SWEEPS_HZ[number % SWEEPS_HZ.len()];
    let total = (SWEEP_SECONDS * RATE as f64) as usize;
    let fade = total / 5;
    let growth = (last / first).ln();
    (0..total)
        .map(|i| {
            let at = i as f64 / total as f64;
            let turns = first * SWEEP_SECONDS * ((growth * at).exp() - 1.0) / growth;
            let edge = i.min(total - 1 - i).min(fade) as f64 / fade as f64;
            (0.35 * (TAU * turns).sin() * (0.5 - 0.5 * (PI * edge).cos())) as f32
        })
        .collect()
}

/// Spoken by espeak-ng, without the silence around it.
fn speak(voice: &str, text: &str) -> Option<Vec<f32>> {
    let scratch = Scratch::new("speech");
    let file = scratch.join("speech.wav");
    let status = Command::new("espeak-ng").args(["-v", voice, "-w"]).arg(&file).arg(text).status();
    if !status.is_ok_and(|status| status.success()) {
        return None;
    }
    let samples = read_wav(&file);
    let first = samples.iter().position(|s| s.abs() > 0.01)?;
    let last = samples.iter().rposition(|s| s.abs() > 0.01)?;
    let mut samples = samples[first..(last + RATE / 20).min(samples.len())].to_vec();
    let gain = 10f64.powf((SPEECH_DB - level_db(&samples)) / 20.0) as f32;
    samples.iter_mut().for_each(|s| *s *= gain);
    Some(samples)
}
