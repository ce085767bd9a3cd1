//! Another frame duration in the middle of a word.

use super::*;
use crate::codec::{Decode as _, Decoder};
use crate::frame::FRAME_SAMPLES_MAX;

#[test]
fn another_frame_duration_is_heard_as_no_hole() {
    let scratch = Scratch::new("durations");
    let input = scratch.file("in.wav");
    let tone: Vec<f32> =
        (0..48_000).map(|n| (n as f32 * 300.0 * std::f32::consts::TAU / 48_000.0).sin() * 0.3).collect();
    WavOut::create(&input).unwrap().write(&tone);
    let mut side = Side::new(&format!("wav:{},", input.display()));
    side.instruments.open(Time::ZERO);
    side.until(Time::ZERO, |event| matches!(event, SoundEvent::Microphone(HalfState::Open { .. })));
    let (mut decoder, mut heard) = (Decoder::new().unwrap(), Vec::new());
    for ms in 1..=1_000 {
        // Where frames begin and within them: half of one of 20 ms may be filled.
        if ms % 110 == 0 {
            let frame = [FrameDuration::Ms20, FrameDuration::Ms5, FrameDuration::Ms20, FrameDuration::Ms10];
            side.instruments.set_frame(frame[ms / 110 % 4]).unwrap();
        }
        while side.instruments.turn(Time::ms(ms as u64)) {}
        while let Some(packet) = side.instruments.next_frame() {
            let mut samples = [0.0; FRAME_SAMPLES_MAX];
            let count = decoder.decode(packet.bytes(), &mut samples).unwrap();
            assert_eq!(count, side.instruments.encoder().frame.samples(), "what is sent lasts as is said");
            heard.extend_from_slice(&samples[..count]);
        }
    }
    let levels: Vec<f32> = heard.chunks_exact(480).map(|piece| rms(piece) / 0.212).collect();
    let at = levels.iter().skip(3).position(|level| !(0.7..1.4).contains(level));
    assert_eq!(at, None, "a hole or a bang: {levels:.2?}");
    assert!(tone.len() - heard.len() < FRAME_SAMPLES_MAX, "{} of {} samples", heard.len(), tone.len());
}
