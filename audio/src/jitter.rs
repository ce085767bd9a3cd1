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
//! While nothing is buffered, the sound is first drawn out by up to a frame: most packets are late by a few milliseconds only, and
//! the decoder, which would have to invent a whole frame, is left as it is. Where the last hole was a loss, a frame is invented
//! at once. A frame invented after that is provisional. If
//! the awaited packet then comes, the delay has grown by it; if a later one comes instead, the missing packets are taken
//! as covered by it. So neither a late packet nor a lost one is paid for twice.

use crate::codec;
use crate::frame::{FrameDuration, OpusFrame, SAMPLE_RATE};
use crate::spread::Spread;
use crate::tempo::{Tempo, Turn};
use crate::timeline::Timeline;

/// Packets held per speaker: 640 ms of 5 ms frames, 2.5 s of 20 ms ones. A power of two, so that it divides the
/// sequence numbers.
const SLOTS: usize = 128;
/// Delay of a new stream before anything is known of its network: what an even network needs, so that a good call has
/// its delay from the first word. A bad one shows itself within a few packets.
const TARGET_FIRST: i64 = ms(7);
/// The shortest delay we aim at, beyond what the output asks for at a time: a packet that comes just after it asked
/// must wait for the next time, though it came no later than the others. It holds what is near enough to the aim.
const MARGIN: i64 = ms(1);
/// And that part of a frame, up to 2.5 ms: a clock 100 ppm off moves the packets by a fifth of it while the window
/// remembers the fastest, and threads that send or play are late by a millisecond or two now and then. Each packet that is
/// missed costs more of a voice's quality than these are worth: with one stall of up to 10 ms in five seconds, PESQ-wb went
/// from 3.86 to 4.12 of 4.25 with this and with the drawing out (two runs of nine sentences, 10 ms frames), for 2 ms.
const CUSHION_PART: i64 = 4;
const CUSHION_MAX: i64 = ms(5) / 2;
/// The longest delay we aim at.
const TARGET_MAX: i64 = ms(300);
/// The most the output is believed to ask for at a time.
const ASKED_MAX: usize = ms(40) as usize;
/// How many packets without a copy show that the sender adds no more: pauses carry none.
const COPIES_HELD: u16 = 512;
/// And how many that reach less far: the sender adds them to every packet or to none, and a change of its mind is
/// meant.
const REACH_HELD: u16 = 16;
/// Packets that must have arrived before their spread is believed.
const SPREAD_BELIEVED: usize = 16;
/// Silence from the network after which the stream counts as paused: the next packet starts it afresh.
const GIVE_UP: i64 = ms(400);
/// Delay above the target that is not worked off but cut.
const EXCESS_CUT: i64 = ms(200);
/// Share of the way down the target goes with each packet when the network is calmer than it was: 1.3 s to a third
/// at 10 ms. Upward it goes at once.
const CALM: i64 = 128;

const _: () = assert!(SLOTS.is_power_of_two() && 65_536 % SLOTS == 0);
const _: () = assert!(TARGET_MAX + EXCESS_CUT <= SLOTS as i64 * ms(5));

const fn ms(milliseconds: i64) -> i64 {
    milliseconds * SAMPLE_RATE as i64 / 1000
}

/// What to play in the next frame's time.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// Decode this. After a `joint` the sound before it was cut, and must be faded over. With a `turn` it should be
    /// played longer or shorter.
    Decode { packet: &'a OpusFrame, joint: bool, turn: Option<Turn> },
    /// The frame is lost, but this one after it carries a copy.
    Recover { next: &'a OpusFrame, frame: FrameDuration },
    /// Draw out what was played last, and tell [`Jitter::drawn_out`] by how much.
    DrawOut,
    /// Invent a frame, of whose time so many samples have passed already.
    Conceal { frame: FrameDuration, passed: usize },
    /// Nothing to play: silence, for at most that many samples, then ask again.
    Silence { samples: usize },
}

/// Why a packet was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unplaced {
    /// Its time has passed.
    Late,
    /// It is here already.
    Duplicate,
    /// Its number is far from what is expected; a second one in sequence will be believed.
    Far,
}

/// What happened to one speaker's packets since the stream began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayoutCounters {
    /// Packets kept.
    pub received: u64,
    /// Packets whose time passed without them.
    pub lost: u64,
    /// Frames invented, for lost packets or to gain time. What fades when the sender pauses is none of them.
    pub concealed: u64,
    /// Lost frames recovered from the coarse copy in the packet after them.
    pub recovered: u64,
    /// Lost packets played from a copy that came with a later one.
    pub copied: u64,
    /// Packets that came after their time.
    pub late: u64,
    /// Packets that came twice.
    pub duplicate: u64,
    /// Packets refused for their number.
    pub far: u64,
    /// Frames thrown away to catch up.
    pub skipped: u64,
    /// Samples taken out of the sound to catch up, a pitch period at a time.
    pub shortened: u64,
    /// Samples put into the sound to gain time.
    pub lengthened: u64,
    /// Times the stream was begun afresh.
    pub restarts: u64,
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
    /// Samples that the sound was drawn out by since the last packet, not yet known to be delay or part of a lost frame.
    drawn_out: i64,
    /// The last packet that was missing did not come later.
    was_lost: bool,
    joint: bool,
    /// Transit time at which a packet should be played.
    aim: i64,
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
            was_lost: false,
            joint: false,
            aim: TARGET_FIRST,
            target_first: TARGET_FIRST,
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

    /// The output asks for so many samples at a time.
    pub(crate) fn asked(&mut self, samples: usize) {
        // The last piece of a callback may be small; what counts is the usual.
        self.asked = samples.min(ASKED_MAX).max(self.asked - self.asked.div_ceil(256));
    }

    /// Packets waiting.
    pub(crate) fn depth(&self) -> usize {
        self.slots.iter().filter(|slot| slot.number.is_some()).count()
    }

    /// The delay aimed at, in samples beyond the fastest packet.
    pub(crate) fn target(&self) -> i64 {
        self.spread.base().map_or(self.target_first, |base| self.aim - base)
    }

    /// How much later than the fastest could have been the newest packet was played, in samples.
    pub(crate) fn delay(&self) -> Option<i64> {
        let base = self.spread.base()?;
        (self.phase == Phase::Playing).then_some(self.played - base)
    }

    /// Takes one packet of that duration, arrived when the output had taken `now` samples.
    pub(crate) fn arrive(
        &mut self,
        seq: u16,
        packet: &[u8],
        duration: FrameDuration,
        now: u64,
    ) -> Result<(), Unplaced> {
        let number = match self.place(seq) {
            Ok(number) => number,
            Err(why) if self.believed_after_all(seq) => {
                debug_assert!(why != Unplaced::Duplicate);
                self.restart(i64::from(seq), duration, now);
                i64::from(seq)
            }
            Err(why) => {
                self.count_unplaced(seq, why, now);
                return Err(why);
            }
        };
        if self.phase == Phase::Idle {
            self.count_outage(number);
            self.restart(number, duration, now);
        } else if !self.timeline.agree(number, duration, self.next) {
            self.restart(number, duration, now);
        }
        self.keep(number, packet, now)
    }

    /// Takes a copy of a packet that may be missing. It fills a hole and moves nothing else: its own time of arrival
    /// says nothing of the network.
    pub(crate) fn arrive_copy(
        &mut self,
        seq: u16,
        packet: &[u8],
        duration: FrameDuration,
    ) -> Result<(), Unplaced> {
        let number = self.place(seq)?;
        let playing = match self.phase {
            Phase::Idle => false,
            // What was sent before the first packet that came is not waited for.
            Phase::Waiting { .. } => number >= self.next,
            Phase::Playing => true,
        };
        if !playing || self.timeline.frame(number) != duration {
            return Err(Unplaced::Late);
        }
        let slot = &mut self.slots[slot_of(number)];
        if !slot.packet.set(packet) {
            slot.number = None;
            return Err(Unplaced::Far);
        }
        (slot.number, slot.copy) = (Some(number), true);
        Ok(())
    }

    /// The packets that come now carry copies as far back as that many frames of `duration`; 0 for none.
    pub(crate) fn reach(&mut self, frames: u8, duration: FrameDuration) {
        let before = self.reach.samples();
        self.reach.note(i64::from(frames) * duration.samples() as i64);
        // That nothing more is to be waited for is known, not guessed: the delay need not go down slowly.
        let less = before - self.reach.samples();
        if let Some(base) = self.spread.base().filter(|_| less > 0) {
            let low = base + self.least(self.next);
            self.aim = self.aim.min((self.aim - less).max(low));
        }
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

    /// The sound was drawn out by so many samples.
    pub(crate) fn drawn_out(&mut self, by: usize) {
        self.drawn_out += by.max(1) as i64;
    }

    /// The awaited packet is here.
    fn step_here(&mut self, now: u64, quiet: bool) -> Step<'_> {
        self.delayed();
        let excess = self.transit(self.next, now) - self.aim;
        if excess > EXCESS_CUT {
            self.skip_to_live(excess);
        }
        self.played = self.transit(self.next, now);
        let excess = self.played - self.aim;
        let turn = self.tempo.decide(excess, self.target(), now, quiet);
        let joint = std::mem::take(&mut self.joint);
        let number = self.next;
        self.next += 1;
        Step::Decode { packet: self.take(number), joint, turn }
    }

    /// The awaited packet is not here, but one after it is.
    fn step_missing(&mut self, now: u64) -> Step<'_> {
        let (after, frame) = (self.next + 1, self.timeline.frame(self.next));
        if self.here(after) && codec::has_recovery(self.slots[slot_of(after)].packet.bytes()) {
            self.counters.lost += 1;
            self.counters.recovered += 1;
            self.delayed();
            self.played = self.transit(self.next, now);
            self.next = after;
            return Step::Recover { next: &self.slots[slot_of(after)].packet, frame };
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
        if self.provisional == 0 && self.drawn_out < frame.samples() as i64 && !self.was_lost {
            return Step::DrawOut;
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

    /// What the sound was drawn out by has become delay.
    fn delayed(&mut self) {
        let by = std::mem::take(&mut self.drawn_out);
        self.was_lost &= by == 0;
        self.stretched(by);
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

    /// Where a packet belongs among those expected.
    fn place(&self, seq: u16) -> Result<i64, Unplaced> {
        let ahead = i64::from(seq.wrapping_sub(self.next as u16) as i16);
        let number = self.next + ahead;
        match self.phase {
            Phase::Idle if self.counters.received == 0 => Ok(i64::from(seq)),
            Phase::Idle if (-(SLOTS as i64)..0).contains(&ahead) => Err(Unplaced::Late),
            Phase::Idle => Ok(number),
            // Nothing was played yet: packets that overtook each other can still be put in order.
            Phase::Waiting { .. } if (-4..0).contains(&ahead) => Ok(number),
            Phase::Waiting { .. } | Phase::Playing => match ahead {
                ahead if ahead >= SLOTS as i64 - 4 || ahead < -(SLOTS as i64) => Err(Unplaced::Far),
                ahead if ahead < 0 => Err(Unplaced::Late),
                _ if self.here(number) && !self.slots[slot_of(number)].copy => Err(Unplaced::Duplicate),
                _ => Ok(number),
            },
        }
    }

    /// Two packets in sequence with strange numbers are a sender that began anew (RFC 3550 appendix A.1).
    fn believed_after_all(&mut self, seq: u16) -> bool {
        let in_sequence = self.probation == Some(seq);
        let strange = matches!(self.place(seq), Err(Unplaced::Far))
            || (self.phase == Phase::Idle && matches!(self.place(seq), Err(Unplaced::Late)));
        self.probation = strange.then(|| seq.wrapping_add(1));
        in_sequence && strange
    }

    fn keep(&mut self, number: i64, packet: &[u8], now: u64) -> Result<(), Unplaced> {
        let slot = &mut self.slots[slot_of(number)];
        if !slot.packet.set(packet) {
            slot.number = None;
            return Err(Unplaced::Far);
        }
        (slot.number, slot.copy) = (Some(number), false);
        self.next =
            if matches!(self.phase, Phase::Waiting { .. }) { self.next.min(number) } else { self.next };
        self.probation = None;
        self.counters.received += 1;
        self.copies = if codec::has_recovery(packet) { COPIES_HELD } else { self.copies.saturating_sub(1) };
        self.learn(number, now);
        Ok(())
    }

    /// Follows the network with the delay: up at once, down slowly. While the sender adds copies, one more frame gives
    /// them time to come.
    fn learn(&mut self, number: i64, now: u64) {
        let transit = self.transit(number, now);
        let begins = self.spread.len() == 0;
        self.spread.note(transit);
        let base = self.spread.base().unwrap_or(transit);
        let low = self.least(number);
        let coarse = if self.copies > 0 { self.timeline.length(number) } else { 0 };
        let copies = self.reach.samples().max(coarse);
        let unknown = self.spread.len() < SPREAD_BELIEVED;
        let least = if unknown { self.target_first.max(low) } else { low + copies };
        let wanted = base + (self.spread.late() + copies).max(least).min(TARGET_MAX);
        if begins || wanted >= self.aim {
            self.aim = wanted;
        } else {
            // While little is known, the first guess gives way as fast as knowledge grows.
            let known = CALM.min(self.spread.len() as i64);
            self.aim -= ((self.aim - wanted) / known).max(1);
            self.aim = self.aim.min(base + TARGET_MAX);
        }
    }

    /// The shortest delay for packets like that.
    fn least(&self, number: i64) -> i64 {
        let cushion = (self.timeline.length(number) / CUSHION_PART).min(CUSHION_MAX);
        MARGIN + cushion + self.asked as i64
    }

    /// Begins a stream with `number`, keeping only what was learned about the network's unevenness.
    fn restart(&mut self, number: i64, frame: FrameDuration, now: u64) {
        self.slots.iter_mut().for_each(|slot| (slot.number, slot.copy) = (None, false));
        self.timeline = Timeline::new(number, frame);
        self.target_first = self.target().max(self.least(number));
        self.spread.clear();
        self.phase = Phase::Waiting { until: now + self.target_first as u64 };
        self.next = number;
        self.provisional = 0;
        self.drawn_out = 0;
        self.joint = false;
        self.tempo.reset();
        self.probation = None;
        self.counters.restarts += 1;
    }

    /// A stream that had gone quiet goes on with `number`: nothing is missing after a pause, but all between is after
    /// an outage.
    fn count_outage(&mut self, number: i64) {
        if self.counters.received > 0 {
            let missing = u64::try_from(number - self.next).unwrap_or(0);
            self.counters.lost += missing;
            self.counters.concealed += missing;
        }
    }

    fn count_unplaced(&mut self, seq: u16, why: Unplaced, now: u64) {
        match why {
            Unplaced::Late => {
                self.counters.late += 1;
                self.was_lost = false;
                // What came too late is exactly what the delay must learn from.
                if self.phase == Phase::Playing {
                    let behind = i64::from((self.next as u16).wrapping_sub(seq));
                    self.learn(self.next - behind, now);
                }
            }
            Unplaced::Duplicate => self.counters.duplicate += 1,
            Unplaced::Far => self.counters.far += 1,
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

/// How far back the copies reach that the sender adds, in samples: the farthest of late.
#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    samples: i64,
    /// Packets for which it is still believed.
    held: u16,
}

impl Reach {
    fn note(&mut self, samples: i64) {
        if samples >= self.samples {
            *self = Self { samples, held: REACH_HELD };
        } else if self.held > 0 {
            self.held -= 1;
        } else {
            *self = Self { samples, held: REACH_HELD };
        }
    }

    fn samples(self) -> i64 {
        self.samples
    }
}

fn slot_of(number: i64) -> usize {
    number.rem_euclid(SLOTS as i64) as usize
}

#[cfg(test)]
mod tests;
