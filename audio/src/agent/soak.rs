//! Two hours of hearing somebody on simulated clocks, from their microphone to our ear: their card's clock is 50 ppm
//! off ours, each minute their microphone and half a minute later our speaker is exchanged for another card, of another
//! block, at another rate, and each machine sleeps once for half a minute. Callbacks are uneven. What was said is looked
//! at behind the microphone's line, what is heard at the speaker. The codec alone is left out: its two hours would take
//! minutes.
//!
//! | what | may be missing or late |
//! |---|---|
//! | what is said, around an exchange of the microphone | the exchange itself, and one callback of the old card |
//! | what is heard, in the 2 s after an exchange or a sleep | three frames are invented, nothing is lost but in the sleep |
//! | in the 10 s after it | what piled up meanwhile is worked off: up to 0.3 s late |
//! | at any other time | nothing: no frame invented or lost, no sample missing, at most 35 ms late, 22 of them the network's |

mod devices;
mod voice;

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use proto::Rng;

use self::devices::{Bell, CARDS, Microphone, RAMP, Speaker, place};
use self::voice::{Words, Writer};
use crate::frame::OpusFrame;
use crate::playout::{Playout, PlayoutCounters, Refused};

/// Time is in picoseconds: a clock that is off by 50 ppm must not be off by a rounding as well.
const SECOND: u64 = 1_000_000_000_000;
const MS: u64 = SECOND / 1_000;
const END: u64 = 2 * 3_600 * SECOND;
/// Samples.
const FRAME: usize = 480;
/// What an exchange takes: closing one device and opening another.
const EXCHANGE: (u64, u64) = (20 * MS, 60 * MS);
/// What a socket keeps while its machine sleeps, datagrams.
const KEPT: usize = 256;
const SLEEP: u64 = 30 * SECOND;
/// The half minutes in which the machines sleep.
const THEY_SLEEP: u64 = 80;
const WE_SLEEP: u64 = 161;
/// After a change, until nothing is invented or missing any more.
const SETTLING: u64 = 2 * SECOND;
/// And until it is heard as soon as before: a voice is shortened carefully.
const WORKED_OFF: u64 = 10 * SECOND;
/// The longest from a frame's last sample to its decoding, beyond one callback of each card: 22 ms of network, and what
/// the buffer holds. Then, and while something is worked off.
const LATENCY_MAX: (u64, u64) = (35 * MS, 300 * MS);
/// Times that the stream may be begun afresh: at the call's beginning, and around each sleep.
const RESTARTS_MAX: u64 = 5;
/// Half of two hours have no pause in which a clock could be waited for.
const PAUSES_FROM: u64 = 360_000;

/// What came out of the microphone's line: how much, and where something is missing.
#[derive(Default)]
struct Said {
    frame: Vec<f32>,
    samples: u64,
    /// The last place on the ramp that was looked at, and at which sample.
    last: Option<(f32, u64)>,
    /// Samples between two frames that were not heard.
    gaps: Vec<f32>,
    frames: u64,
}

impl Said {
    fn push(&mut self, mut samples: &[f32]) {
        while !samples.is_empty() {
            let (now, later) = samples.split_at(samples.len().min(FRAME - self.frame.len()));
            self.frame.extend_from_slice(now);
            self.samples += now.len() as u64;
            samples = later;
            if self.frame.len() == FRAME {
                self.look();
                self.frame.clear();
                self.frames += 1;
            }
        }
    }

    /// Compares one sample of the frame with the last one: as far apart on the ramp as in the frames, or not.
    fn look(&mut self) {
        let at = place(self.frame[FRAME / 2]);
        // Where the ramp begins anew a filter needs a while to follow.
        let is_ramp = |other: usize| {
            let apart = other as f32 - (FRAME / 2) as f32;
            (place(self.frame[other]) - at - apart).abs() < 2.0
        };
        if ![FRAME / 2 - 150, FRAME / 2 - 50, FRAME / 2 + 50, FRAME / 2 + 150].into_iter().all(is_ramp) {
            return;
        }
        let number = self.samples;
        if let Some((before, then)) = self.last.replace((at, number)) {
            let missing = (at - before - (number - then) as f32).rem_euclid(RAMP as f32);
            let missing = if missing > RAMP as f32 / 2.0 { missing - RAMP as f32 } else { missing };
            if missing.abs() > 4.0 {
                self.gaps.push(missing);
            }
        }
    }
}

/// The packets on their way: in order, after 20 ms and up to two more.
#[derive(Default)]
struct Way {
    packets: VecDeque<(u64, u16, OpusFrame)>,
    /// When each frame was full, for the frames that were not decoded yet.
    full: VecDeque<(u64, u64)>,
    /// What a sleeping machine did not take.
    dropped: u64,
}

/// Both ends, and what is between them.
struct World {
    bell: Bell,
    rng: Rng,
    ppm: i64,
    microphone: Microphone,
    speaker: Speaker,
    said: Said,
    /// What the microphones of before should have given, in samples at 48 kHz, and how many there were.
    expected: f64,
    exchanges: usize,
    way: Way,
    writer: Writer,
    playout: Playout<Words>,
    read: Rc<Cell<u64>>,
    /// Until when our machine sleeps.
    asleep: u64,
    /// When something last changed.
    changed: u64,
    /// The counters when all was settled after that.
    settled: Option<[u64; 9]>,
    /// The longest latency while settled, and at all.
    latest: (u64, u64),
    /// Silence at the speaker: how long it is, and the longest while settled.
    silent: (usize, usize),
}

impl World {
    fn new(ppm: i64) -> Self {
        let (bell, read) = (Bell::new(), Rc::<Cell<u64>>::default());
        Self {
            rng: Rng::new([7; 32]).child("soak"),
            ppm,
            microphone: Microphone::new(CARDS[0], ppm, 0, &bell),
            speaker: Speaker::new(CARDS[0], 0, &bell),
            said: Said::default(),
            expected: 0.0,
            exchanges: 0,
            way: Way::default(),
            writer: Writer::new(),
            playout: Playout::with(Words::new(PAUSES_FROM, read.clone())),
            read,
            asleep: 0,
            changed: 0,
            settled: None,
            latest: (0, 0),
            silent: (0, 0),
            bell,
        }
    }

    fn now(&self) -> u64 {
        self.microphone.at.min(self.speaker.at)
    }

    fn is_settled(&self) -> bool {
        self.now() >= self.changed + SETTLING
    }

    /// The next callback of either.
    fn step(&mut self) {
        let now = self.now();
        if self.microphone.at == now { self.speak(now) } else { self.listen(now) }
    }

    fn speak(&mut self, now: u64) {
        let Self { microphone, said, rng, way, writer, asleep, .. } = self;
        let before = said.frames;
        microphone.give(rng, |samples| said.push(samples));
        for number in before..said.frames {
            if now < *asleep && way.packets.len() >= KEPT {
                way.dropped += 1;
                continue;
            }
            let arrives = now + 20 * MS + rng.below(2 * MS);
            // In order.
            let arrives = way.packets.back().map_or(arrives, |(last, ..)| arrives.max(*last));
            way.packets.push_back((arrives, number as u16, writer.packet(number)));
            way.full.push_back((number, now));
        }
    }

    fn listen(&mut self, now: u64) {
        while self.way.packets.front().is_some_and(|(at, ..)| *at <= now) {
            let (_, seq, packet) = self.way.packets.pop_front().unwrap();
            let refused = self.playout.arrive(seq, packet.bytes());
            assert!(!matches!(refused, Err(Refused::Codec(_))), "{refused:?}");
        }
        let before = self.read.get();
        let settled = self.is_settled();
        let Self { speaker, rng, playout, silent, .. } = self;
        let longest = if settled && now < END / 2 { &mut silent.1 } else { &mut 0 };
        speaker.take(rng, playout, |out| {
            for sample in out {
                silent.0 = if sample.abs() < 1e-4 { silent.0 + 1 } else { 0 };
                *longest = (*longest).max(silent.0);
            }
        });
        assert!(!settled || self.read.get() >= before, "an earlier frame after {before}");
        self.measure(before, now);
    }

    /// How late the last frame was decoded.
    fn measure(&mut self, before: u64, now: u64) {
        let read = self.read.get();
        if read == before {
            return;
        }
        while self.way.full.front().is_some_and(|(number, _)| *number < read) {
            self.way.full.pop_front();
        }
        let Some((_, full)) = self.way.full.front().filter(|(number, _)| *number == read) else { return };
        let late = (now - full).saturating_sub(self.microphone.longest() + self.speaker.longest());
        self.latest.1 = self.latest.1.max(late);
        if now >= self.changed + WORKED_OFF {
            self.latest.0 = self.latest.0.max(late);
        }
    }

    /// Another microphone, which is in use after `pause`.
    fn change_microphone(&mut self, pause: u64) {
        self.account();
        self.exchanges += 1;
        self.changed = self.now() + pause;
        let card = CARDS[self.exchanges % CARDS.len()];
        self.microphone = Microphone::new(card, self.ppm, self.changed, &self.bell);
    }

    /// Another speaker, which is in use after `pause`.
    fn change_speaker(&mut self, pause: u64) {
        self.changed = self.now() + pause;
        let card = CARDS[(self.changed / (60 * SECOND)) as usize * 5 % CARDS.len()];
        self.speaker = Speaker::new(card, self.changed, &self.bell);
    }

    /// What happens at the beginning of each half minute.
    fn change(&mut self, half: u64) {
        self.check(half);
        self.settled = None;
        let pause = EXCHANGE.0 + self.rng.below(EXCHANGE.1 - EXCHANGE.0);
        match half {
            THEY_SLEEP => {
                // Which samples of the ramp were missed cannot be told after so long.
                self.said.last = None;
                self.change_microphone(SLEEP + pause);
            }
            WE_SLEEP => {
                self.asleep = self.now() + SLEEP;
                self.change_speaker(SLEEP + pause);
            }
            _ if half.is_multiple_of(2) => self.change_microphone(pause),
            _ => self.change_speaker(pause),
        }
    }

    /// What the microphone in use gave until now is to have been said.
    fn account(&mut self) {
        self.expected += self.microphone.taken as f64 * 48_000.0 / f64::from(self.microphone.rate());
    }

    /// Nothing happened since all was settled after the last change.
    fn check(&self, half: u64) {
        if let Some(before) = self.settled {
            assert_eq!(self.mishaps(), before, "in half minute {half}");
        }
    }

    /// What must not grow while nothing changes.
    fn mishaps(&self) -> [u64; 9] {
        let PlayoutCounters { lost, concealed, late, duplicate, far, skipped, restarts, .. } =
            self.playout.stats().counters;
        let (over, under) = (self.microphone.line.overruns(), self.speaker.line.underruns());
        [lost, concealed, late, duplicate, far, skipped, restarts, over, under]
    }

    fn run(mut self) -> Self {
        let mut half = 0;
        while self.now() < END {
            let now = self.now() / (30 * SECOND);
            if now > half {
                half = now;
                self.change(half);
            }
            if self.settled.is_none() && self.is_settled() {
                self.settled = Some(self.mishaps());
            }
            self.step();
            let depth = self.playout.stats().depth;
            assert!(depth < 100, "{depth} packets wait, in half minute {half}");
        }
        self.account();
        self
    }
}

/// Lives through two hours, and looks at all of them.
fn soak(ppm: i64) -> PlayoutCounters {
    let world = World::new(ppm).run();
    let ms = |time: u64| Duration::from_nanos(time / 1_000);
    let (said, counters) = (&world.said, world.playout.stats().counters);
    // Each microphone's filter keeps what it waited for, about 1 ms.
    let kept = world.expected - said.samples as f64;
    let exchanges = world.exchanges as f64;
    assert!((-exchanges..exchanges * 60.0).contains(&kept), "{kept} samples were not said");
    assert_eq!(said.gaps.len(), world.exchanges - 1, "one at each exchange but the sleep's");
    let gap_max = ((EXCHANGE.1 + 32 * MS) / (MS / 48)) as f32;
    assert!(said.gaps.iter().all(|gap| (0.0..gap_max).contains(gap)), "{:?}", said.gaps);

    let refused = counters.late + counters.duplicate + counters.far;
    let on_the_way = world.way.packets.len() as u64;
    assert_eq!(counters.received + refused + on_the_way + world.way.dropped, said.frames, "{counters:?}");
    assert_eq!((counters.lost, counters.late, counters.skipped), (0, 0, 0), "{counters:?}");
    assert!(counters.restarts <= RESTARTS_MAX, "{counters:?}");
    // As many speakers as microphones.
    assert!(counters.concealed < 2 * world.exchanges as u64 * 3, "{counters:?}");
    assert!(world.silent.1 < 48, "{} samples of silence in speech without a pause", world.silent.1);
    let (usual, at_all) = world.latest;
    assert!(usual < LATENCY_MAX.0 && at_all < LATENCY_MAX.1, "{:?}, {:?} at all", ms(usual), ms(at_all));
    counters
}

#[test]
fn two_hours_of_hearing_a_faster_clock_invent_and_lose_nothing_but_at_changes() {
    assert!(soak(50).shortened > 48 * 360, "0.36 s more were said than there was time for");
}

#[test]
fn two_hours_of_hearing_a_slower_clock_invent_and_lose_nothing_but_at_changes() {
    assert!(soak(-50).lengthened > 0);
}
