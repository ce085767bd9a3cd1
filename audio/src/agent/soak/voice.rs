//! What is said in the soak, in place of a codec, which would take minutes for two hours: a packet is the number of its
//! frame, and decoding it takes that frame out of a voice that goes round.

use std::cell::Cell;
use std::f64::consts::TAU;
use std::rc::Rc;

use super::FRAME;
use crate::codec::{CodecError, Decode, Encoder, EncoderSettings};
use crate::frame::{FRAME_SAMPLES_MAX, FrameDuration, OpusFrame};

/// Samples after which the voice begins anew, without a seam: ten seconds.
const ROUND: usize = 480_000;

/// A throat of about 140 Hz that buzzes without a pause, or with one of a quarter of a second after each half.
fn voice(pauses: bool) -> Vec<f32> {
    let mut phase = 0.0;
    (0..ROUND)
        .map(|n| {
            let time = n as f64 / 48_000.0;
            phase += TAU * (140.0 + 30.0 * (time * 1.3 * TAU).sin()) / 48_000.0;
            let loudness = if pauses && n % 36_000 >= 24_000 { 0.0 } else { 0.3 };
            let throat: f64 = (1..24).map(|k| (phase * f64::from(k)).sin() / f64::from(k)).sum();
            (loudness * throat) as f32
        })
        .collect()
}

/// Writes the number of a frame in a packet that looks like the codec's.
pub(super) struct Writer {
    packet: OpusFrame,
}

impl Writer {
    pub(super) fn new() -> Self {
        let mut packet = OpusFrame::EMPTY;
        Encoder::new(EncoderSettings::default()).unwrap().encode(&[0.0; FRAME], &mut packet).unwrap();
        Self { packet }
    }

    pub(super) fn packet(&self, number: u64) -> OpusFrame {
        // One frame, without padding.
        let mut bytes = vec![self.packet.bytes()[0] & !3];
        bytes.extend(number.to_be_bytes());
        OpusFrame::copied(&bytes).unwrap()
    }
}

/// Reads the numbers back.
pub(super) struct Words {
    /// Without pauses and with them.
    voices: [Vec<f32>; 2],
    /// The first frame with pauses.
    pauses_from: u64,
    at: usize,
    /// The number that was read last, for whoever looks.
    pub(super) read: Rc<Cell<u64>>,
}

impl Words {
    pub(super) fn new(pauses_from: u64, read: Rc<Cell<u64>>) -> Self {
        Self { voices: [false, true].map(voice), pauses_from, at: 0, read }
    }

    fn speak(&mut self, out: &mut [f32]) {
        let voice = &self.voices[usize::from(self.read.get() >= self.pauses_from)];
        for sample in out {
            *sample = voice[self.at % ROUND];
            self.at += 1;
        }
    }
}

impl Decode for Words {
    fn decode(&mut self, packet: &[u8], out: &mut [f32; FRAME_SAMPLES_MAX]) -> Result<usize, CodecError> {
        let number = u64::from_be_bytes(packet[1..9].try_into().unwrap());
        self.read.set(number);
        self.at = number as usize % (ROUND / FRAME) * FRAME;
        self.speak(&mut out[..FRAME]);
        Ok(FRAME)
    }

    fn conceal(
        &mut self,
        frame: FrameDuration,
        out: &mut [f32; FRAME_SAMPLES_MAX],
    ) -> Result<usize, CodecError> {
        self.speak(&mut out[..frame.samples()]);
        Ok(frame.samples())
    }

    fn recover(
        &mut self,
        _: &[u8],
        frame: FrameDuration,
        out: &mut [f32; FRAME_SAMPLES_MAX],
    ) -> Result<usize, CodecError> {
        self.conceal(frame, out)
    }

    fn reset(&mut self) -> Result<(), CodecError> {
        Ok(())
    }
}
