//! What the codec alone makes of the material, at the frame and the rate of an ordinary call: no network, no buffer, no
//! device. Nothing that goes through it can be better.

use audio::codec::{Decode as _, Decoder, Encoder, EncoderSettings};
use audio::frame::{FRAME_SAMPLES_MAX, OpusFrame};

use super::harness::Scratch;
use super::take::Studio;

/// None when there is nothing to judge with.
pub(crate) fn pesq(studio: &Studio) -> Option<f64> {
    let scratch = Scratch::new("ceiling");
    let said = &studio.material.samples;
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
    studio.judge(scratch.path(), said, &heard).pesq
}
