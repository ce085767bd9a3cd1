//! The playout alone: calls of which it was written down when each packet came, heard again. It is not what was said then,
//! but what comes late and how late is as it was, so that two builds can be compared on the same arrivals, which two takes
//! never have.

use audio::codec::{Encoder, EncoderSettings};
use audio::frame::OpusFrame;
use audio::playout::Playout;

use super::ceiling;
use super::harness::Scratch;
use super::harness::signal::RATE;
use super::table::Table;
use super::take::Studio;

/// See the head of the file.
const ARRIVALS: &str = include_str!("arrivals.txt");
/// Before anything is said, as in a take.
const SETTLE: usize = 8 * RATE;
/// Samples a speaker takes at once.
const PIECE: usize = RATE / 400;

pub(crate) fn rows(table: &mut Table, studio: &Studio) {
    let step = EncoderSettings::default().frame.samples() / ceiling::BEGINNINGS;
    let (mut shares, mut delays) = (Vec::new(), Vec::new());
    for (call, arrivals) in calls().iter().enumerate() {
        let beginning = call * step;
        let (heard, delay) = played_again(studio, beginning, arrivals);
        let scratch = Scratch::new("replay");
        let (said, heard) = (&studio.material.samples, &heard[SETTLE + beginning..]);
        let playout = studio.judge(scratch.path(), said, heard).pesq;
        let alone = ceiling::judged(studio, beginning);
        let (Some(playout), Some(alone)) = (playout, alone) else {
            return table
                .without("PESQ, recorded arrivals", "no Python with pesq and pystoi, or no espeak-ng");
        };
        shares.push(playout / alone);
        delays.push(delay);
    }
    table.tell("PESQ of the playout alone on recorded arrivals, of the codec's", &shares, "", 3);
    table.tell("its mean delay", &delays, " ms", 1);
}

/// Of each call, the samples that were heard between the arrivals of its packets.
fn calls() -> Vec<Vec<usize>> {
    let text: Vec<&str> = ARRIVALS.lines().filter(|line| !line.starts_with('#')).collect();
    let calls = text.split(|line| line.is_empty()).filter(|lines| !lines.is_empty());
    let number = |word: &str| word.parse().expect("the arrivals are numbers");
    calls.map(|lines| lines.iter().flat_map(|line| line.split(' ')).map(number).collect()).collect()
}

/// What is heard of the material, which begins so much after [`SETTLE`], and the mean delay of the buffer while it is
/// said, ms.
fn played_again(studio: &Studio, beginning: usize, arrivals: &[usize]) -> (Vec<f32>, f64) {
    let mut said = vec![0.0; SETTLE + beginning];
    said.extend_from_slice(&studio.material.samples);
    let mut encoder = Encoder::new(EncoderSettings::default()).expect("there is an encoder");
    let mut playout = Playout::new().expect("there is a decoder");
    let (mut packet, mut heard) = (OpusFrame::EMPTY, Vec::with_capacity(said.len()));
    let (mut delays, mut pieces) = (0.0, 0.0);
    let frames = said.chunks_exact(encoder.frame().samples());
    for (seq, (samples, passed)) in frames.zip(arrivals.iter().cycle()).enumerate() {
        let mut left = *passed;
        while left > 0 {
            let count = left.min(PIECE);
            let from = heard.len();
            heard.resize(from + count, 0.0);
            playout.render(&mut heard[from..]);
            let delay = playout.stats().delay;
            if from >= SETTLE && delay > 0 {
                delays += f64::from(delay) * 1_000.0 / RATE as f64;
                pieces += 1.0;
            }
            left -= count;
        }
        encoder.encode(samples, &mut packet).expect("a whole frame can be encoded");
        // What the buffer refuses came too late, as it did then.
        let _ = playout.arrive(seq as u16, packet.bytes());
    }
    heard.resize(said.len(), 0.0);
    (heard, delays / pieces)
}
