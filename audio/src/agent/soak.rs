//! Two hours of hearing somebody on simulated clocks: their frames come 50 ppm faster than our speaker plays. Every
//! other minute our speaker is exchanged for another device, of another block, at another rate; in the minutes between,
//! nothing is said for as long as the exchange of their microphone takes. What is invented belongs to the gaps, and the
//! delay stays what it was. Their microphone's own line, its rate and its blocks, is no part of this: encoding two
//! hours would take minutes.

use std::sync::Arc;
use std::time::Duration;

use proto::{Rng, Safe, Time};

use super::lines::SpeakerLine;
use crate::codec::{CodecError, Decode, Encoder, EncoderSettings};
use crate::device::callback::Pulse;
use crate::device::opener::Line;
use crate::frame::{FRAME_SAMPLES_MAX, FrameDuration, OpusFrame};
use crate::playout::Playout;
use crate::ring::{self, PcmRx, PcmTx};

const SECONDS: u64 = 2 * 3_600;
/// Nanoseconds.
const SECOND: u64 = 1_000_000_000;
/// Their clock, parts per million faster.
const DRIFT_PPM: u64 = 50;
const FRAME: usize = 480;

/// A voice that costs little: a tone whose phase goes on.
#[derive(Default)]
struct Hum {
    at: usize,
}

impl Decode for Hum {
    fn decode(&mut self, _: &[u8], out: &mut [f32; FRAME_SAMPLES_MAX]) -> Result<usize, CodecError> {
        for sample in &mut out[..FRAME] {
            // 200 Hz, as a triangle.
            *sample = ((self.at % 240) as f32 / 120.0 - 1.0).abs() * 0.4 - 0.2;
            self.at += 1;
        }
        Ok(FRAME)
    }

    fn conceal(
        &mut self,
        frame: FrameDuration,
        out: &mut [f32; FRAME_SAMPLES_MAX],
    ) -> Result<usize, CodecError> {
        self.decode(&[], out).map(|_| frame.samples())
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

/// A speaker: how much it takes at once, how fast, and whether it waits for what it wants.
#[derive(Clone, Copy)]
struct Device {
    block: usize,
    rate: u32,
    pulled: bool,
}

const DEVICES: [Device; 5] = [
    Device { block: 120, rate: 48_000, pulled: true },
    Device { block: 240, rate: 48_000, pulled: true },
    Device { block: 441, rate: 44_100, pulled: false },
    Device { block: 480, rate: 48_000, pulled: false },
    Device { block: 960, rate: 48_000, pulled: false },
];

struct Speaker {
    device: Device,
    line: SpeakerLine,
    rx: PcmRx,
}

impl Speaker {
    fn new(device: Device) -> Self {
        let capacity = device.rate as usize / 2;
        let (mut tx, rx): (PcmTx, PcmRx) =
            if device.pulled { ring::pulled_pcm(capacity) } else { ring::pcm(capacity) };
        if !device.pulled {
            // As the door to such devices does it.
            tx.push_with(capacity / 50, || 0.0);
        }
        let (name, pulse) = (Safe::line("one"), Arc::<Pulse>::default());
        let line = Line { ring: tx, rate: device.rate, name, wanted: None, pulse };
        Self { device, line: SpeakerLine::new(line), rx }
    }

    /// One callback.
    fn take(&mut self, playout: &mut Playout<Hum>) {
        let mut out = [0.0; 960];
        let out = &mut out[..self.device.block];
        let line = &mut self.line;
        if self.device.pulled {
            self.rx.demand(out.len(), Duration::ZERO, || {
                line.fill(Time::secs(0), |block| playout.render(block))
            });
        }
        self.rx.pop_or_silence(out);
        self.rx.counters().saw(out.len());
        if !self.device.pulled {
            self.line.fill(Time::secs(0), |block| playout.render(block));
        }
    }
}

#[test]
fn two_hours_of_drifting_clocks_changing_speakers_and_pauses_invent_nothing_else() {
    let mut packet = OpusFrame::EMPTY;
    Encoder::new(EncoderSettings::default()).unwrap().encode(&[0.0; FRAME], &mut packet).unwrap();
    let mut rng = Rng::new([7; 32]).child("soak");
    let mut playout = Playout::with(Hum::default());
    let mut speaker = Speaker::new(DEVICES[0]);
    let (mut said_at, mut heard_at, mut said) = (0, 0, 0u64);
    let frame_time = FRAME as u64 * SECOND / 48_000;
    // The fastest way takes 20 ms.
    let mut arrivals = std::collections::VecDeque::new();
    let (mut minute, mut settled, mut worst) = (0, 0, Duration::ZERO);
    while heard_at < SECONDS * SECOND {
        if heard_at / (60 * SECOND) > minute {
            let counters = playout.stats().counters;
            assert_eq!(counters.concealed, settled, "invented in minute {minute}, long after the change");
            assert_eq!((counters.lost, counters.late, counters.restarts), (0, 0, 1), "in minute {minute}");
            minute += 1;
            if minute % 2 == 0 {
                // Their microphone is another one after this pause.
                said_at += 35 * SECOND / 1_000;
            } else {
                heard_at += 35 * SECOND / 1_000;
                speaker = Speaker::new(DEVICES[minute as usize / 2 % DEVICES.len()]);
            }
        }
        while said_at <= heard_at {
            said_at += frame_time - frame_time * DRIFT_PPM / 1_000_000;
            // Up to 2 ms of jitter, in order.
            let jitter = rng.below(2_000_000);
            arrivals.push_back((said_at + SECOND / 50 + jitter, said as u16));
            said += 1;
        }
        while arrivals.front().is_some_and(|(at, _)| *at <= heard_at) {
            let (_, seq) = arrivals.pop_front().unwrap();
            playout.arrive(seq, packet.bytes()).unwrap();
        }
        speaker.take(&mut playout);
        heard_at += speaker.device.block as u64 * SECOND / u64::from(speaker.device.rate);
        if heard_at % (60 * SECOND) < 5 * SECOND {
            settled = playout.stats().counters.concealed;
        } else {
            worst = worst.max(playout.stats().delay());
        }
    }
    let stats = playout.stats();
    assert_eq!(stats.counters.received + arrivals.len() as u64, said);
    assert!(worst < Duration::from_millis(60), "{worst:?} between two changes");
    // The faster clock brought 0.36 s more than was played, each pause of theirs 35 ms less.
    assert!(stats.counters.shortened > 0, "{:?}", stats.counters);
}
