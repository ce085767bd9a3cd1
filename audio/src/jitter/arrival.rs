//! Which packets a jitter buffer keeps, and where: those expected, those that overtook each other, and copies that fill a
//! hole. Strange numbers are refused until a second one shows that the sender began anew.

use super::aim::{COPIES_HELD, NONE_NEWEST};
use super::{Jitter, Phase, SLOTS, Unplaced, slot_of};
use crate::codec;
use crate::frame::FrameDuration;
use crate::timeline::Timeline;

impl Jitter {
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

    /// Begins a stream with `number`, keeping only what was learned about the network's unevenness.
    fn restart(&mut self, number: i64, frame: FrameDuration, now: u64) {
        self.slots.iter_mut().for_each(|slot| (slot.number, slot.copy) = (None, false));
        self.timeline = Timeline::new(number, frame);
        self.target_first = self.first(number, frame);
        self.spread.clear();
        self.newest = NONE_NEWEST;
        self.phase = Phase::Waiting { until: now + self.target_first as u64 };
        self.next = number;
        self.provisional = 0;
        self.drawn_out = 0;
        (self.waited, self.waits) = (None, 0);
        self.stood_still = false;
        self.joint = false;
        self.tempo.reset();
        self.probation = None;
        self.counters.restarts += 1;
    }

    /// We stood still, and nobody listened: what waits is of before, and the stream begins with what comes next.
    pub(crate) fn stood_still(&mut self) {
        self.phase = Phase::Idle;
        self.slots.iter_mut().for_each(|slot| (slot.number, slot.copy) = (None, false));
        (self.provisional, self.drawn_out, self.was_lost) = (0, 0, false);
        self.stood_still = true;
    }

    /// A stream that had gone quiet goes on with `number`: nothing is missing after a pause, but all between is after
    /// an outage.
    fn count_outage(&mut self, number: i64) {
        let heard = !std::mem::take(&mut self.stood_still);
        if heard && self.counters.received > 0 {
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
}
