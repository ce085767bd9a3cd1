//! What the codec alone makes of the material, at the frame and the rate of an ordinary call: no network, no buffer, no
//! device. Where its frames begin in a sentence is chance in a call, and not all beginnings are equally good: of sixteen,
//! PESQ was 4.08 to 4.29, and the very first sample happened to be the best. So it is the median of several.

use audio::codec::{Decode as _, Decoder, Encoder, EncoderSettings};
use audio::frame::{FRAME_SAMPLES_MAX, OpusFrame};

use super::harness::Scratch;
use super::take::{Studio, at};

/// Beginnings tried, evenly over a frame.
pub(crate) const BEGINNINGS: usize = 9;

/// None when there is nothing to judge with.
pub(crate) fn pesq(studio: &Studio) -> Option<f64> {
    let step = EncoderSettings::default().frame.samples() / BEGINNINGS;
    let judged = (0..BEGINNINGS).map(|beginning| judged(studio, beginning * step));
    let mut judged: Vec<f64> = judged.collect::<Option<_>>()?;
    judged.sort_by(f64::total_cmp);
    Some(at(&judged, 50))
}

/// The same when the first frame begins that many samples before the material.
pub(crate) fn judged(studio: &Studio, before: usize) -> Option<f64> {
    let scratch = Scratch::new("ceiling");
    let mut said = vec![0.0; before];
    said.extend_from_slice(&studio.material.samples);
    let mut encoder = Encoder::new(EncoderSettings::default()).expect("there is an encoder");
    let mut decoder = Decoder::new().expect("there is a decoder");
    let (mut packet, mut out) = (OpusFrame::EMPTY, [0.0; FRAME_SAMPLES_MAX]);
    let mut heard = Vec::with_capacity(said.len());
    for samples in said.chunks_exact(encoder.frame().samples()) {
        encoder.encode(samples, &mut packet).expect("a whole frame can be encoded");
        let count = decoder.decode(packet.bytes(), &mut out).expect("our own packet can be decoded");
        heard.extend_from_slice(&out[..count]);
    }
    heard.resize(said.len(), 0.0);
    studio.judge(scratch.path(), &said[before..], &heard[before..]).pesq
}
