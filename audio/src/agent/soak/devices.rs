//! The simulated sound cards of the soak: each has a clock of its own, callbacks of uneven size through the real
//! callback code, and the real line of the voice thread behind it.

use std::sync::Arc;
use std::time::Duration;

use mio::Waker;
use proto::{Rng, Safe, Time};

use super::SECOND;
use super::voice::Words;
use crate::agent::lines::{MicrophoneLine, Source, SpeakerLine};
use crate::device::callback::{MicrophoneCallback, Pulse, SpeakerCallback};
use crate::device::opener::Line;
use crate::playout::Playout;
use crate::ring::{self, PcmRx, PcmTx};

/// The world's ramp, which the microphones hear: it begins anew after so many samples at 48 kHz, 200 ms, so that a
/// sample says when it was heard.
pub(super) const RAMP: u64 = 9_600;
const ROUND: u64 = RAMP * SECOND / 48_000;

/// A card: how much it trades at once, about, and how fast.
#[derive(Clone, Copy)]
pub(super) struct Card {
    pub(super) block: usize,
    pub(super) rate: u32,
    /// A speaker that waits for what it wants.
    pub(super) pulled: bool,
}

const fn card(block: usize, rate: u32, pulled: bool) -> Card {
    Card { block, rate, pulled }
}

/// Few are of another rate: the filters of two hours take longer than all the rest.
pub(super) const CARDS: [Card; 10] = [
    card(240, 48_000, true),
    card(480, 48_000, false),
    card(120, 48_000, true),
    card(441, 44_100, false),
    card(480, 48_000, true),
    card(960, 48_000, false),
    card(240, 48_000, false),
    card(160, 16_000, false),
    card(120, 48_000, false),
    card(960, 48_000, true),
];

impl Card {
    /// The longest between two callbacks, in picoseconds.
    fn longest(self) -> u64 {
        self.block as u64 * 3 / 2 * SECOND / u64::from(self.rate)
    }
}

/// What wakes nobody here: the simulation is the voice thread, and looks after each callback.
pub(super) struct Bell {
    _poll: mio::Poll,
    waker: Arc<Waker>,
}

impl Bell {
    pub(super) fn new() -> Self {
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), mio::Token(0)).unwrap());
        Self { _poll: poll, waker }
    }
}

fn line<Ring>(ring: Ring, rate: u32, pulse: Arc<Pulse>) -> Line<Ring> {
    Line { ring, rate, name: Safe::line("one"), wanted: None, pulse, moved: true }
}

/// A microphone on a clock of its own.
pub(super) struct Microphone {
    card: Card,
    /// Picoseconds between two of its samples.
    tick: u64,
    /// When its next callback is.
    pub(super) at: u64,
    /// Samples it took in.
    pub(super) taken: u64,
    next: usize,
    callback: MicrophoneCallback,
    pub(super) line: MicrophoneLine,
}

impl Microphone {
    /// One whose clock is `ppm` faster than the world's, in use from `at` on.
    pub(super) fn new(card: Card, ppm: i64, at: u64, bell: &Bell) -> Self {
        let tick = SECOND / u64::from(card.rate);
        let tick = tick.checked_add_signed(-(tick as i64) * ppm / 1_000_000).unwrap();
        // As the door to the sound servers does it.
        let (tx, rx) = ring::pcm(card.rate as usize / 2);
        let pulse = Arc::<Pulse>::default();
        let wake_at = card.rate as usize / 200;
        let callback = MicrophoneCallback::new(tx, 2, wake_at, pulse.clone(), bell.waker.clone());
        let next = card.block;
        let line = MicrophoneLine::new(line(rx, card.rate, pulse));
        Self { card, tick, at: at + next as u64 * tick, taken: 0, next, callback, line }
    }

    pub(super) fn rate(&self) -> u32 {
        self.card.rate
    }

    pub(super) fn longest(&self) -> u64 {
        self.card.longest()
    }

    /// One callback, and then the voice thread's look at it.
    pub(super) fn give(&mut self, rng: &mut Rng, take: impl FnMut(&[f32])) {
        let count = self.next;
        let start = self.at - count as u64 * self.tick;
        let mut samples = [[0.0f32; 2]; 2_048];
        let mut ramp = start % ROUND;
        for sample in &mut samples[..count] {
            *sample = [ramp as f32 / ROUND as f32 * 0.8 - 0.4; 2];
            ramp += self.tick;
            if ramp >= ROUND {
                ramp -= ROUND;
            }
        }
        self.callback.take(samples[..count].as_flattened(), |sample| sample);
        self.taken += count as u64;
        self.line.drain(Time::us(self.at / 1_000_000), take);
        self.next = self.card.block / 2 + rng.below(self.card.block as u64) as usize;
        self.at += self.next as u64 * self.tick;
    }
}

/// Which sample of the ramp that was.
pub(super) fn place(sample: f32) -> f32 {
    (sample + 0.4) / 0.8 * RAMP as f32
}

enum Taking {
    /// By a thread of its own, which waits.
    Pulled(PcmRx),
    Pushed(SpeakerCallback),
}

/// A speaker on the world's clock.
pub(super) struct Speaker {
    card: Card,
    /// When its next callback is.
    pub(super) at: u64,
    next: usize,
    taking: Taking,
    pub(super) line: SpeakerLine,
}

impl Source for Playout<Words> {
    fn render(&mut self, out: &mut [f32]) {
        Playout::render(self, out);
    }

    fn coming(&mut self, out: &mut [f32]) -> usize {
        let coming = Playout::coming(self);
        let count = coming.len().min(out.len());
        out[..count].copy_from_slice(&coming[..count]);
        count
    }
}

impl Speaker {
    pub(super) fn new(card: Card, at: u64, bell: &Bell) -> Self {
        let capacity = card.rate as usize / 2;
        let (mut tx, rx): (PcmTx, PcmRx) =
            if card.pulled { ring::pulled_pcm(capacity) } else { ring::pcm(capacity) };
        let pulse = Arc::<Pulse>::default();
        let taking = if card.pulled {
            Taking::Pulled(rx)
        } else {
            // As the door to such devices does it.
            tx.push_with(capacity / 50, || 0.0);
            Taking::Pushed(SpeakerCallback::new(rx, 1, pulse.clone(), bell.waker.clone()))
        };
        let line = SpeakerLine::new(line(tx, card.rate, pulse));
        Self { card, at, next: card.block, taking, line }
    }

    pub(super) fn longest(&self) -> u64 {
        self.card.longest()
    }

    /// One callback, and the voice thread's part; what is played goes to `play`.
    pub(super) fn take(&mut self, rng: &mut Rng, playout: &mut Playout<Words>, play: impl FnOnce(&[f32])) {
        let now = Time::us(self.at / 1_000_000);
        let mut out = [0.0; 2_048];
        let out = &mut out[..self.next];
        let line = &mut self.line;
        match &mut self.taking {
            Taking::Pulled(rx) => {
                rx.demand(out.len(), Duration::ZERO, || line.fill(now, playout));
                rx.pop_or_silence(out);
                rx.counters().saw(out.len());
            }
            Taking::Pushed(callback) => {
                callback.give(out, |sample: f32| sample);
                line.fill(now, playout);
            }
        }
        play(out);
        let rate = u64::from(self.card.rate);
        self.at += self.next as u64 * SECOND / rate;
        self.next = self.card.block / 2 + rng.below(self.card.block as u64) as usize;
    }
}
