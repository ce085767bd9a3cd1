//! A call of a plain protocol, which has no relay and no keys: one datagram to each member's own address, and what
//! comes from a member's address is theirs. Whose it is, only the network knows; of several at one address, which is
//! how natives are reached through a server, the datagram may say which.
//!
//! The datagrams have no sequence number, so a member's frames are numbered as they come. Seed A's have the sender's
//! clock, to the millisecond:
//!
//! ```text
//! the same clock and the same sound as one of the last few    a repeat: dropped
//! an older clock than the newest                              overtaken: dropped
//! older by more than a second                                 the clock was set: numbering goes on from here
//! otherwise    the next number, or the one its clock puts it at if that is later: the frames between are lost
//! ```
//!
//! Seed B's have nothing, so each frame is the next. A frame of mono silence as we say it every 200 ms while the
//! microphone is off is a sign of life and is not played: among frames that do not come it would make the rest late.

use core::hash::Hasher as _;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::hash::DefaultHasher;

use crate::drop::Drop;
use crate::id::{CallId, Ssrc};
use crate::limits::{DIRECT_REPEATS_KEPT, MEMBERS_MAX, REPORT_EVERY};
use crate::media::MediaOutput;
use crate::media::command::DirectForm;
use crate::media::event::{CallEvent, Path, Statistics};
use crate::media::figures::Reception;
use crate::media::speakers::Silence;
use crate::media::streams::{OpusFrame, PLAIN_FRAME, Packet, SILENCE, modulo, plain_frame};
use crate::time::{Time, earliest};
use crate::wire::datagram::{PlainVoice, decode_text_voice, encode_text_voice, text_opus};

/// An open call.
pub(super) struct Direct {
    pub(super) call: CallId,
    form: DirectForm,
    members: Vec<Member>,
    silence: Silence,
    /// When a frame last left; none since somebody was met.
    sent_at: Option<Time>,
}

/// Somebody in it.
struct Member {
    ssrc: Ssrc,
    at: SocketAddr,
    heard: bool,
    silence: Silence,
    numbers: Numbers,
    reception: Reception,
}

type Outputs = VecDeque<MediaOutput>;

impl Direct {
    pub(super) fn new(call: CallId, form: DirectForm, now: Time) -> Self {
        let members = Vec::with_capacity(MEMBERS_MAX);
        Self { call, form, members, silence: Silence::new(now), sent_at: None }
    }

    /// A member is, or is now, at this address.
    pub(super) fn meet(&mut self, ssrc: Ssrc, at: SocketAddr, now: Time) -> Result<(), Drop> {
        if at.port() == 0 || at.ip().is_unspecified() {
            return Err(Drop::Malformed);
        }
        match self.members.iter().position(|member| member.ssrc == ssrc) {
            Some(known) => self.members[known].at = at,
            None if self.members.len() < MEMBERS_MAX => self.members.push(Member {
                ssrc,
                at,
                heard: false,
                silence: Silence::new(now),
                numbers: Numbers::default(),
                reception: Reception::default(),
            }),
            None => return Err(Drop::Full),
        }
        self.sent_at = None;
        Ok(())
    }

    /// A member is out.
    pub(super) fn deafen(&mut self, ssrc: Ssrc) -> bool {
        let before = self.members.len();
        self.members.retain(|member| member.ssrc != ssrc);
        self.members.len() < before
    }

    /// Sends one frame to every address there is, once. `sent_ms` is our clock, milliseconds since 1970.
    pub(super) fn frame(
        &mut self,
        opus: &[u8],
        sent_ms: u64,
        now: Time,
        out: &mut Outputs,
    ) -> Result<(), Drop> {
        plain_frame(opus)?;
        let bytes = match self.form {
            DirectForm::Binary => {
                PlainVoice { opus, sent_ms }.encode().and_then(|bytes| Packet::copy_of(&bytes))
            }
            DirectForm::Text => encode_text_voice(opus).and_then(|bytes| Packet::copy_of(&bytes)),
        };
        let bytes = bytes.ok_or(Drop::Malformed)?;
        for (n, member) in self.members.iter().enumerate() {
            if self.members[..n].iter().all(|other| other.at != member.at) {
                out.push_back(MediaOutput::Datagram { to: member.at, bytes: bytes.clone() });
            }
        }
        self.sent_at = Some(now);
        Ok(())
    }

    /// Takes a datagram.
    pub(super) fn datagram(
        &mut self,
        from: SocketAddr,
        bytes: &[u8],
        now: Time,
        out: &mut Outputs,
    ) -> Result<(), Drop> {
        let member = self.member_at(from).ok_or(Drop::Stranger)?;
        let (member, frame, sent_ms) = match self.form {
            DirectForm::Binary => {
                let voice = PlainVoice::decode(bytes)?;
                let named = PlainVoice::stream(bytes).and_then(|stream| self.member_named(stream, from));
                (named.unwrap_or(member), OpusFrame::copy_of(voice.opus), Some(voice.sent_ms))
            }
            DirectForm::Text => (member, OpusFrame::copy_of(&decode_text_voice(bytes)?), None),
        };
        self.opened(member, frame.ok_or(Drop::Oversized)?, sent_ms, now, out)
    }

    /// Takes what came of a member by the TCP connection of the call, which only seed B has.
    pub(super) fn arrived(
        &mut self,
        ssrc: Ssrc,
        opus: &[u8],
        now: Time,
        out: &mut Outputs,
    ) -> Result<(), Drop> {
        match self.form {
            DirectForm::Binary => return Err(Drop::OutOfTurn),
            DirectForm::Text => {}
        }
        let member = self.members.iter().position(|member| member.ssrc == ssrc).ok_or(Drop::Stranger)?;
        let frame = OpusFrame::copy_of(&text_opus(opus)?).ok_or(Drop::Oversized)?;
        self.opened(member, frame, None, now, out)
    }

    fn opened(
        &mut self,
        member: usize,
        frame: OpusFrame,
        sent_ms: Option<u64>,
        now: Time,
        out: &mut Outputs,
    ) -> Result<(), Drop> {
        let call = self.call;
        let member = &mut self.members[member];
        let ssrc = member.ssrc;
        let seq = if frame[..] == SILENCE { None } else { Some(member.numbers.take(&frame, sent_ms)?) };
        if !member.heard {
            member.heard = true;
            out.push_back(MediaOutput::Event(CallEvent::Heard { call, ssrc }));
        }
        member.silence.end(now);
        self.silence.end(now);
        if let Some(seq) = seq {
            let timestamp = modulo(seq.wrapping_mul(PLAIN_SAMPLES));
            member.reception.opened(seq, true, now);
            member.reception.voice(timestamp, now);
            out.push_back(MediaOutput::Play { speaker: ssrc, seq, timestamp, frame, copy: false, reach: 0 });
        }
        Ok(())
    }

    /// The member at this very address or, since nobody has to send from where they listen, of this host.
    fn member_at(&self, from: SocketAddr) -> Option<usize> {
        let exact = self.members.iter().position(|member| member.at == from);
        let host = from.ip().to_canonical();
        exact.or_else(|| self.members.iter().position(|member| member.at.ip().to_canonical() == host))
    }

    /// The member of this stream, if that host is theirs: a server speaks for many from one address.
    fn member_named(&self, stream: Ssrc, from: SocketAddr) -> Option<usize> {
        let host = from.ip().to_canonical();
        let is = |member: &Member| member.ssrc == stream && member.at.ip().to_canonical() == host;
        self.members.iter().position(is)
    }

    /// We stood still for so long.
    pub(super) fn stood_still(&mut self, time: Duration, now: Time) {
        self.members.iter_mut().for_each(|member| member.reception.stood_still(time, now));
    }

    /// When to call [`Self::on_time`].
    pub(super) fn deadline(&self) -> Option<Time> {
        let quiet = self.members.iter().filter_map(|member| member.silence.deadline()).min();
        earliest(earliest(self.silence.deadline(), quiet), self.sign_of_life_due())
    }

    fn sign_of_life_due(&self) -> Option<Time> {
        let due = self.sent_at.map_or(Time::ZERO, |at| at + REPORT_EVERY);
        (!self.members.is_empty()).then_some(due)
    }

    /// Says that we are there if nothing else does, and tells who seems not to be.
    pub(super) fn on_time(&mut self, sent_ms: u64, now: Time, out: &mut Outputs) {
        let call = self.call;
        if self.sign_of_life_due().is_some_and(|at| at <= now)
            && let Err(drop) = self.frame(&SILENCE, sent_ms, now, out)
        {
            out.push_back(MediaOutput::Drop(drop));
        }
        for member in &mut self.members {
            member.reception.count(now);
            if member.silence.is_over(now) {
                out.push_back(MediaOutput::Event(CallEvent::Quiet { call, ssrc: member.ssrc }));
            }
        }
        if self.silence.is_over(now) {
            out.push_back(MediaOutput::Event(CallEvent::Silent(call)));
        }
    }

    /// How a member arrives.
    pub(super) fn reception_of(&mut self, ssrc: Ssrc) -> Option<&mut Reception> {
        self.members.iter_mut().find(|member| member.ssrc == ssrc).map(|member| &mut member.reception)
    }

    /// Adds what is known of how the others arrive.
    pub(super) fn fill(&self, statistics: &mut Statistics, now: Time) {
        for member in &self.members {
            member.reception.fill(member.ssrc, statistics, now);
            if let Some(told) = statistics.members.last_mut() {
                told.path = Some(Path::Direct(member.at));
            }
        }
    }
}

/// A member's frames, numbered as they come.
#[derive(Default)]
struct Numbers {
    next: u64,
    /// The sender's newest clock.
    newest_ms: u64,
    /// A clock and the number that it had, from which others are reckoned.
    anchor: Option<(u64, u64)>,
    /// Clock and sound of the last few.
    seen: [Option<(u64, u64)>; DIRECT_REPEATS_KEPT],
    seen_at: usize,
}

impl Numbers {
    fn take(&mut self, frame: &[u8], sent_ms: Option<u64>) -> Result<u64, Drop> {
        let number = match sent_ms {
            None => self.next,
            Some(sent_ms) => self.stamped(frame, sent_ms)?.max(self.next),
        };
        self.next = number + 1;
        Ok(number)
    }

    /// The number that the sender's clock gives a frame.
    fn stamped(&mut self, frame: &[u8], sent_ms: u64) -> Result<u64, Drop> {
        let mut hash = DefaultHasher::new();
        hash.write(frame);
        let mark = Some((sent_ms, hash.finish()));
        let set_back = self.newest_ms.saturating_sub(sent_ms);
        if self.seen.contains(&mark) || (1..CLOCK_STEP_MS).contains(&set_back) {
            return Err(Drop::Replay);
        }
        let paused = sent_ms.saturating_sub(self.newest_ms) >= CLOCK_STEP_MS;
        if set_back > 0 || paused {
            self.anchor = None;
        }
        self.seen[self.seen_at] = mark;
        self.seen_at = (self.seen_at + 1) % DIRECT_REPEATS_KEPT;
        self.newest_ms = sent_ms;
        let (from_ms, from) = *self.anchor.get_or_insert((sent_ms, self.next));
        Ok(from + (sent_ms - from_ms + FRAME_MS / 2) / FRAME_MS)
    }
}

/// The sender's clock was set, or its microphone was off, when it moves so far, milliseconds.
const CLOCK_STEP_MS: u64 = 1_000;
const FRAME_MS: u64 = 10;
/// Samples at 48 kHz of one frame.
const PLAIN_SAMPLES: u64 = 480;

const _: () = assert!(PLAIN_FRAME.as_micros() == Duration::from_millis(FRAME_MS).as_micros());

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(stamps: &[u64]) -> Vec<Option<u64>> {
        let mut numbers = Numbers::default();
        let frame = |n: u16| n.to_be_bytes();
        (0..).zip(stamps).map(|(n, stamp)| numbers.take(&frame(n), Some(*stamp)).ok()).collect()
    }

    fn all(numbers: impl IntoIterator<Item = u64>) -> Vec<Option<u64>> {
        numbers.into_iter().map(Some).collect()
    }

    const START: u64 = 1_700_000_000_000;

    #[test]
    fn a_steady_sender_counts_on_and_a_gap_is_a_loss() {
        let steady: Vec<_> = (0..500).map(|n| START + n * 10).collect();
        assert_eq!(numbers(&steady), all(0..500));
        assert_eq!(numbers(&[START, START + 10, START + 40, START + 50]), all([0, 1, 4, 5]));
    }

    #[test]
    fn a_sender_that_sends_unevenly_loses_nothing() {
        let bursts: Vec<_> = (0..100).map(|n| START + n / 2 * 20).collect();
        assert_eq!(numbers(&bursts), all(0..100));
        let uneven: Vec<_> = (0..300).map(|n| START + n * 10 + n * 7 % 5).collect();
        assert_eq!(numbers(&uneven).len(), 300);
        assert!(numbers(&uneven).last().unwrap().unwrap() <= 301, "{:?}", numbers(&uneven).last());
    }

    #[test]
    fn the_overtaken_are_dropped_and_a_set_clock_is_followed() {
        assert_eq!(numbers(&[START, START + 20, START + 10, START + 30]), [Some(0), Some(2), None, Some(3)]);
        assert_eq!(numbers(&[START, START - 60_000, START - 59_990, START - 59_970]), all([0, 1, 2, 4]));
        assert_eq!(numbers(&[START, START + 10, START + 90_000, START + 90_010]), all(0..4));
        assert_eq!(numbers(&[0, u64::MAX, u64::MAX, 0]), all(0..4), "whatever the clock says");
    }

    #[test]
    fn repeats_are_dropped_and_equal_sound_at_another_time_is_not() {
        let mut numbers = Numbers::default();
        let sound = [0xf0, 1, 2];
        assert_eq!(numbers.take(&sound, Some(START)), Ok(0));
        assert_eq!(numbers.take(&sound, Some(START)), Err(Drop::Replay));
        assert_eq!(numbers.take(&sound, Some(START + 10)), Ok(1));
        assert_eq!(numbers.take(&[0xf0, 1, 3], Some(START + 10)), Ok(2));
        assert_eq!(numbers.take(&sound, Some(START + 10)), Err(Drop::Replay));
        let mut stampless = Numbers::default();
        assert_eq!((stampless.take(&sound, None), stampless.take(&sound, None)), (Ok(0), Ok(1)));
    }
}
