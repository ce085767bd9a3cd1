//! How much of an echo is taken out: the speech of the material comes out of a speaker and back into a microphone through
//! rooms that are computed, because a virtual sound card has none. What is measured is the part of the program that stands
//! between microphone and encoder, alone.

use std::f64::consts::TAU;

use audio::process::{BLOCK, Processor, ProcessorSettings};

use super::harness::signal::{RATE, level_db, voice_like};
use super::material::Material;
use super::table::{Aim, Table};

/// How late the first echo comes, milliseconds, and by how much it is quieter than what the speaker played, dB.
const ROOMS: [(usize, f64); 8] =
    [(30, 6.0), (30, 12.0), (60, 6.0), (60, 12.0), (120, 6.0), (120, 12.0), (250, 6.0), (250, 12.0)];
const SECONDS: usize = 12;
/// Every room has some noise.
const NOISE_DB: f64 = -75.0;
/// Reflections after the first, and how long they last.
const REFLECTIONS: usize = 200;
const TAIL_SECONDS: f64 = 0.15;

pub(crate) fn rows(table: &mut Table, material: &Material) {
    let far = speech(material);
    let gains: Vec<[f64; 2]> = ROOMS.iter().map(|room| enhancement(&far, *room)).collect();
    let worst = |window: usize| gains.iter().map(|gain| gain[window]).fold(f64::MAX, f64::min);
    let what = "echo return loss enhancement, 30 to 250 ms, the worst of 8 rooms";
    table.row(&format!("{what}: first 2 s"), Aim::AtLeast(25.0), &[worst(0)], " dB", 1);
    table.row(&format!("{what}: 5 s to 10 s"), Aim::AtLeast(33.0), &[worst(1)], " dB", 1);
}

fn speech(material: &Material) -> Vec<f32> {
    let Some(first) = material.sentences.first() else { return voice_like(1, SECONDS as f64) };
    material.samples[first.span.from..].iter().copied().take(SECONDS * RATE).collect()
}

/// In decibels, over the first two seconds and from the fifth to the tenth.
fn enhancement(far: &[f32], (milliseconds, loss_db): (usize, f64)) -> [f64; 2] {
    let mut draw = dice(milliseconds as u64 + loss_db as u64);
    let echo = echo_of(far, milliseconds * RATE / 1_000, loss_db, &mut draw);
    // Even noise of this amplitude has a third of its square as power.
    let amplitude = 3f64.sqrt() * 10f64.powf(NOISE_DB / 20.0);
    let near: Vec<f32> = echo.iter().map(|s| s + (amplitude * (2.0 * draw() - 1.0)) as f32).collect();
    let mut processor = Processor::new(ProcessorSettings { echo: true, ..ProcessorSettings::default() });
    let mut left = Vec::with_capacity(near.len());
    for (far, near) in far.chunks_exact(BLOCK).zip(near.chunks_exact(BLOCK)) {
        let (mut played, mut block) = ([0.0; BLOCK], [0.0; BLOCK]);
        played.copy_from_slice(far);
        block.copy_from_slice(near);
        processor.far(&played);
        processor.near(&mut block);
        left.extend_from_slice(&block);
    }
    [(0, 2), (5, 10)].map(|(from, to)| {
        let part = from * RATE..to * RATE;
        level_db(&near[part.clone()]) - level_db(&left[part])
    })
}

/// The first echo, then fewer and fewer reflections; all of it `loss_db` below what was played.
fn echo_of(far: &[f32], first: usize, loss_db: f64, draw: &mut impl FnMut() -> f64) -> Vec<f32> {
    let mut taps = vec![(first, 1.0)];
    for _ in 0..REFLECTIONS {
        let later = draw() * TAIL_SECONDS;
        let normal = (-2.0 * (1.0 - draw()).ln()).sqrt() * (TAU * draw()).cos();
        taps.push((first + (later * RATE as f64) as usize, 0.1 * normal * (-later / 0.05).exp()));
    }
    let mut echo = vec![0.0f32; far.len()];
    for (later, factor) in taps {
        for (echo, played) in echo[later.min(far.len())..].iter_mut().zip(far) {
            *echo += played * factor as f32;
        }
    }
    let gain = 10f64.powf((level_db(far) - loss_db - level_db(&echo)) / 20.0) as f32;
    echo.iter_mut().for_each(|sample| *sample *= gain);
    echo
}

/// Even numbers, 0 to 1.
fn dice(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}
