//! The mind of one speaker's jitter buffer: which packet is played, awaited, recovered, invented or skipped next. It
//! knows packets and a clock, no sound.
//!
//! The clock is the count of samples the *output* has taken, never the wall's: a sender whose crystal runs faster or
//! slower than our sound card shows as a slowly moving delay, and is absorbed like any other by playing a little
//! faster or slower, best while nobody speaks. Whole frames are skipped only after a stall.
//!
//! ```text
//!           arrive                       until the target has passed
//!   Idle ------------> Waiting -------------------------------------> Playing
//!     ^                                                                  |
//!     +------------------- nothing came for GIVE_UP ---------------------+
//! ```
//!
//! While nothing is buffered, the sound is drawn out: most packets are late by a few milliseconds only, and the decoder,
//! which would have to invent a whole frame, is left as it is. When the awaited packet then comes, what was drawn out stands
//! for its head, and for frames before it: they are decoded and not heard, and the delay is what it was. It grows, by
//! whole periods of the sound, only as far as more is aimed at. When a later packet comes instead, what was drawn out is
//! a part of the frame that is invented. Where the last hole was a loss, a frame is invented at once. A frame invented while
//! nothing is buffered is provisional. If the awaited packet then comes, the delay has grown by it; if a later one comes
//! instead, the missing packets are taken as covered by it. So neither a late packet nor a lost one is paid for twice.

use crate::codec;
use crate::frame::{FrameDuration, OpusFrame, SAMPLE_RATE};
use crate::spread::Spread;
use crate::tempo::{Tempo, Turn};
use crate::timeline::Timeline;

mod aim;
mod arrival;
mod counters;
#[cfg(test)]
mod tests;

use aim::{NONE_NEWEST, Reach, TARGET_FIRST, TARGET_MAX};
pub use counters::{PlayoutCounters, Unplaced};

/// Packets held per speaker: 640 ms of 5 ms frames, 2.5 s of 20 ms ones. A power of two, so that it divides the
/// sequence numbers.
const SLOTS: usize = 128;
/// Silence from the network after which the stream counts as paused: the next packet starts it afresh.
const GIVE_UP: i64 = ms(400);
/// Delay above the target that is not worked off but cut.
const EXCESS_CUT: i64 = ms(200);
/// How long the sound is drawn out before the decoder is told that something is missing: what it invents leads it astray for
/// ten frames. Of the codec alone, as PESQ-wb of nine sentences, a recorded call with a stall of 35 ms left 0.967 at 20 ms,
/// and 0.987 at 40 ms.
const DRAWN_OUT_MAX: i64 = ms(40);
/// What a packet that was waited for counts, when each that was not takes one away; and how much is too often for stalls.
const WAIT: u8 = 4;
const WAITS_OFTEN: u8 = 2 * WAIT;

const _: () = assert!(SLOTS.is_power_of_two() && 65_536 % SLOTS == 0);
const _: () = assert!(TARGET_MAX + EXCESS_CUT <= SLOTS as i64 * ms(5));

const fn ms(milliseconds: i64) -> i64 {
    milliseconds * SAMPLE_RATE as i64 / 1000
}

/// What to play in the next frame's time.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// Decode this, of whose time so many samples have passed already. After a `joint` the sound before it was cut, and
    /// must be faded over. With a `turn` it should be played longer or shorter.
    Decode { packet: &'a OpusFrame, joint: bool, passed: usize, turn: Option<Turn> },
    /// The frame is lost, but this one after it carries a copy. So many samples of its time have passed already.
    Recover { next: &'a OpusFrame, frame: FrameDuration, passed: usize },
    /// Draw out what was played last by at most so many samples, and tell [`Jitter::drawn_out`] by how many.
    DrawOut { samples: usize },
    /// Invent a frame, of whose time so many samples have passed already.
    Conceal { frame: FrameDuration, passed: usize },
    /// Nothing to play: silence, for at most that many samples, then ask again.
    Silence { samples: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Waiting { until: u64 },
    Playing,
}

struct Slot {
    number: Option<i64>,
    /// It came with a later packet only.
    copy: bool,
    packet: OpusFrame,
}

/// One speaker's packets, in order.
pub(crate) struct Jitter {
    slots: Box<[Slot]>,
    timeline: Timeline,
    phase: Phase,
    /// The number of the packet to be played next, extended beyond 16 bits.
    next: i64,
    /// Transit time of the newest packet at its playing.
    played: i64,
    /// Frames invented since the last packet, not yet known to be delay or loss.
    provisional: i64,
    /// Samples that the sound was drawn out by in place of the packet awaited, and its period then.
    drawn_out: i64,
    period: i64,
    /// The number of the last packet for which it was, and how often it was of late.
    waited: Option<i64>,
    waits: u8,
    /// The last packet that was missing did not come later.
    was_lost: bool,
    /// We stood still since the last packet: what is missing before the next one was not for us.
    stood_still: bool,
    joint: bool,
    /// Transit time at which a packet should be played.
    aim: i64,
    /// Transit times of the two packets that came last.
    newest: [i64; 2],
    /// The delay aimed at when this stream began.
    target_first: i64,
    /// Packets for which the sender is still believed to add coarse copies.
    copies: u16,
    /// How far back the copies of whole packets reach, in samples.
    reach: Reach,
    /// What the output asks for at a time, samples.
    asked: usize,
    tempo: Tempo,
    probation: Option<u16>,
    spread: Spread,
    counters: PlayoutCounters,
}

impl Jitter {
    pub(crate) fn new() -> Self {
        let slots =
            (0..SLOTS).map(|_| Slot { number: None, copy: false, packet: OpusFrame::EMPTY }).collect();
        Self {
            slots,
            timeline: Timeline::new(0, FrameDuration::default()),
            phase: Phase::Idle,
            next: 0,
            played: 0,
            provisional: 0,
            drawn_out: 0,
            period: 1,
            waited: None,
            waits: 0,
            was_lost: false,
            stood_still: false,
            joint: false,
            aim: TARGET_FIRST.0,
            newest: NONE_NEWEST,
            target_first: TARGET_FIRST.0,
            copies: 0,
            reach: Reach::default(),
            asked: 0,
            tempo: Tempo::new(),
            probation: None,
            spread: Spread::new(),
            counters: PlayoutCounters::default(),
        }
    }

    pub(crate) fn counters(&self) -> PlayoutCounters {
        self.counters
    }

    /// Packets waiting.
    pub(crate) fn depth(&self) -> usize {
        self.slots.iter().filter(|slot| slot.number.is_some()).count()
    }

    /// How much later than the fastest could have been the newest packet was played, in samples.
    pub(crate) fn delay(&self) -> Option<i64> {
        let base = self.spread.base()?;
        (self.phase == Phase::Playing).then_some(self.played - base)
    }

    /// Decides the next frame's time. `quiet` says that what was played last was hardly audible, so that a cut or a
    /// stretch would be too.
    pub(crate) fn step(&mut self, now: u64, quiet: bool) -> Step<'_> {
        match self.phase {
            Phase::Idle => return Step::Silence { samples: usize::MAX },
            Phase::Waiting { until } if now < until => {
                return Step::Silence { samples: usize::try_from(until - now).unwrap_or(usize::MAX) };
            }
            Phase::Waiting { .. } => self.phase = Phase::Playing,
            Phase::Playing => {}
        }
        if let Some(oldest) = self.oldest_buffered() {
            self.settle_provisional(oldest, now);
            if self.here(self.next) { self.step_here(now, quiet) } else { self.step_missing(now) }
        } else {
            self.step_empty()
        }
    }

    /// Whether the next thing to play is a packet that is here.
    pub(crate) fn is_next_here(&self) -> bool {
        self.phase == Phase::Playing && self.here(self.next)
    }

    /// The packet after the one just given, if it is here: what is made shorter must first be long enough.
    pub(crate) fn one_more(&mut self) -> Option<&OpusFrame> {
        if !self.here(self.next) {
            return None;
        }
        let number = self.next;
        self.next += 1;
        Some(self.take(number))
    }

    /// The sound was made that much longer, or shorter when negative.
    pub(crate) fn stretched(&mut self, by: i64) {
        let counter = if by < 0 { &mut self.counters.shortened } else { &mut self.counters.lengthened };
        *counter += by.unsigned_abs();
    }

    /// The sound was drawn out by so many samples, and repeats itself after `period` of them.
    pub(crate) fn drawn_out(&mut self, by: usize, period: usize) {
        if self.waited != Some(self.next) {
            self.waited = Some(self.next);
            self.waits = (self.waits + WAIT).min(WAITS_OFTEN + WAIT);
        }
        self.drawn_out += by.max(1) as i64;
        self.period = period.max(1) as i64;
    }

    /// The awaited packet is here.
    fn step_here(&mut self, now: u64, quiet: bool) -> Step<'_> {
        let transit = self.transit(self.next, now) - self.drawn_out;
        let excess = (transit - self.aim).min(self.slack(self.next, transit));
        if excess > EXCESS_CUT {
            self.skip_to_live(excess);
        }
        if self.drawn_out > 0 {
            return self.rejoin(now);
        }
        self.waits = self.waits.saturating_sub(1);
        self.played = self.transit(self.next, now);
        let excess = self.played - self.aim;
        let slack = usize::try_from(self.slack(self.next, self.played)).unwrap_or(0);
        let turn = self.tempo.decide(excess, self.target(), now, quiet).and_then(|turn| turn.within(slack));
        self.decode(0, turn)
    }

    fn decode(&mut self, passed: usize, turn: Option<Turn>) -> Step<'_> {
        let joint = std::mem::take(&mut self.joint);
        let number = self.next;
        self.next += 1;
        Step::Decode { packet: self.take(number), joint, passed, turn }
    }

    /// The awaited packet came while the sound was drawn out. That stands for its head.
    fn rejoin(&mut self, now: u64) -> Step<'_> {
        let grown = self.growth(now);
        if grown > self.drawn_out {
            return Step::DrawOut { samples: (grown - self.drawn_out) as usize };
        }
        let passed = self.stood_for(grown, now);
        self.decode(passed, None)
    }

    /// By how much the delay should grow now that the sound is drawn out: whole periods, so that it is where it was. What is
    /// less than one can wait for a pause; unless packet after packet is waited for, as on a path that became slower.
    fn growth(&self, now: u64) -> i64 {
        let short = self.aim - (self.transit(self.next, now) - self.drawn_out);
        let rounded = if self.waits >= WAITS_OFTEN {
            // Nor may the sound drawn out stand for each packet wholly, and none be heard.
            short.max(self.drawn_out - self.timeline.length(self.next)) + self.period - 1
        } else {
            short
        };
        let most = DRAWN_OUT_MAX / self.period;
        (rounded.max(0) / self.period).min(most) * self.period
    }

    /// The samples of the next frame that drawn-out sound stands for, when the delay grows by `grown` of it.
    fn stood_for(&mut self, grown: i64, now: u64) -> usize {
        let passed = (self.drawn_out - grown).min(self.timeline.length(self.next));
        self.played = self.transit(self.next, now) - (self.drawn_out - grown);
        if passed == self.drawn_out - grown {
            self.was_lost &= self.drawn_out == 0;
            self.drawn_out = 0;
            self.stretched(grown);
        } else {
            self.drawn_out -= passed;
        }
        passed as usize
    }

    /// The awaited packet is not here, but one after it is.
    fn step_missing(&mut self, now: u64) -> Step<'_> {
        let (after, frame) = (self.next + 1, self.timeline.frame(self.next));
        if self.here(after) && codec::has_recovery(self.slots[slot_of(after)].packet.bytes()) {
            self.counters.lost += 1;
            self.counters.recovered += 1;
            let grown = self.growth(now).min(self.drawn_out / self.period * self.period);
            let passed = self.stood_for(grown, now);
            self.next = after;
            return Step::Recover { next: &self.slots[slot_of(after)].packet, frame, passed };
        }
        if self.transit(self.next, now) < self.aim {
            // The network has become less even than our delay allows for: this packet may well be on its way.
            self.provisional += 1;
        } else {
            self.counters.concealed += 1;
            self.counters.lost += 1;
            self.next += 1;
            self.was_lost = true;
        }
        Step::Conceal { frame, passed: self.passed_of(frame) }
    }

    fn step_empty(&mut self) -> Step<'_> {
        let frame = self.timeline.frame(self.next);
        if self.provisional == 0 && self.drawn_out < DRAWN_OUT_MAX && !self.was_lost {
            return Step::DrawOut { samples: (DRAWN_OUT_MAX - self.drawn_out) as usize };
        }
        if self.provisional * frame.samples() as i64 >= GIVE_UP {
            self.phase = Phase::Idle;
            return Step::Silence { samples: usize::MAX };
        }
        self.provisional += 1;
        Step::Conceal { frame, passed: self.passed_of(frame) }
    }

    /// What the sound was drawn out by before is a part of the frame that is invented now.
    fn passed_of(&mut self, frame: FrameDuration) -> usize {
        let passed = self.drawn_out.min(frame.samples() as i64);
        self.drawn_out -= passed;
        passed as usize
    }

    /// Frames invented while waiting stand for packets now known to be missing.
    fn settle_provisional(&mut self, oldest: i64, now: u64) {
        let wanted = self.aim - self.timeline.length(self.next) / 2;
        let mut covered = self.provisional.min(oldest - self.next);
        while covered > 0 && self.transit(self.next + covered, now) < wanted {
            // Here the delay was to grow anyway: the invented frame pays for that, the packet stays missing.
            covered -= 1;
        }
        if self.provisional > 0 {
            self.was_lost = covered > 0;
        }
        self.next += covered;
        self.counters.lost += covered as u64;
        self.counters.concealed += self.provisional as u64;
        self.provisional = 0;
    }

    fn skip_one(&mut self) {
        let slot = &mut self.slots[slot_of(self.next)];
        (slot.number, slot.copy) = (None, false);
        self.next += 1;
        self.counters.skipped += 1;
        self.joint = true;
    }

    /// Drops what is too old, up to the newest packet that is here.
    fn skip_to_live(&mut self, excess: i64) {
        for _ in 0..excess / self.timeline.length(self.next) {
            let Some(after) =
                self.slots.iter().filter_map(|slot| slot.number).filter(|n| *n > self.next).min()
            else {
                return;
            };
            self.skip_one();
            self.counters.lost += (after - self.next) as u64;
            self.next = after;
        }
    }

    fn take(&mut self, number: i64) -> &OpusFrame {
        let slot = &mut self.slots[slot_of(number)];
        slot.number = None;
        if std::mem::take(&mut slot.copy) {
            self.counters.lost += 1;
            self.counters.copied += 1;
        }
        &slot.packet
    }

    fn here(&self, number: i64) -> bool {
        self.slots[slot_of(number)].number == Some(number)
    }

    fn oldest_buffered(&self) -> Option<i64> {
        if self.here(self.next) {
            return Some(self.next);
        }
        self.slots.iter().filter_map(|slot| slot.number).min()
    }

    fn transit(&self, number: i64, now: u64) -> i64 {
        now as i64 - self.timeline.time(number)
    }
}

fn slot_of(number: i64) -> usize {
    number.rem_euclid(SLOTS as i64) as usize
}
