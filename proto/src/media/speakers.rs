//! Everybody we can hear, sealed or, in a call that is not encrypted, plain. Checks run cheapest first, and a stream changes only after a packet was opened: a forged one
//! moves neither the replay window, nor a counter, nor a clock.

use core::time::Duration;

use crate::crypto::sframe::Sealed;
use crate::crypto::window::Window;
use crate::drop::Drop;
use crate::id::Ssrc;
use crate::limits::{HOLD_MAX, MEDIA_SILENCE_MAX, MEMBERS_MAX, REPLAY_WINDOW};
use crate::media::controller::Scene;
use crate::media::copies::{Copies, parts};
use crate::media::event::MemberState;
use crate::media::figures::Reception;
use crate::media::keys::TheirKeys;
use crate::media::streams::{OpusFrame, Packet, SILENCE, plain_frame};
use crate::time::{Time, earliest};
use crate::wire::datagram::{Payload, Rtp};
use crate::wire::report::{Heard, Report, ReportFlags};

/// Who was heard within this is there.
const LATELY: Duration = Duration::from_secs(5);

/// What was in a packet.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "held in place, so that opening allocates nothing")]
pub(super) enum Opened {
    /// One Opus packet, and copies of those before it that did not come so far.
    Voice { seq: u64, timestamp: u32, frame: OpusFrame, copies: Copies },
    /// A report: whether they hung up, and what else is new of them.
    Report { hung_up: bool, news: Option<MemberState> },
}

/// One member's stream, as it arrives.
#[derive(Debug)]
pub(super) struct Speaker {
    pub(super) ssrc: Ssrc,
    /// Something of theirs was opened.
    pub(super) heard: bool,
    /// They said so, once.
    pub(super) hung_up: bool,
    pub(super) reception: Reception,
    pub(super) silence: Silence,
    cover: Cover,
    /// Highest voice sequence number of all keys, unwrapped.
    highest: Option<u64>,
    /// Which voice came: what came by itself needs no copy.
    came: Window,
}

/// What protects their stream.
#[derive(Debug)]
pub(super) enum Cover {
    /// Sealed: payload types 96, 97 and 100.
    Keys(Box<TheirKeys>),
    /// Nothing: payload types 98 and 99.
    None(Box<Numbers>),
}

/// Which numbers of a plain stream were heard: of its voice and of its reports.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    voice: Numbered,
    reports: Numbered,
}

impl Speaker {
    fn new(ssrc: Ssrc, cover: Cover, now: Time) -> Self {
        Self {
            ssrc,
            cover,
            heard: false,
            hung_up: false,
            reception: Reception::default(),
            silence: Silence::new(now),
            highest: None,
            came: Window::default(),
        }
    }

    /// The keys, of a sealed stream.
    pub(super) fn keys(&mut self) -> Option<&mut TheirKeys> {
        match &mut self.cover {
            Cover::Keys(keys) => Some(keys),
            Cover::None(_) => None,
        }
    }

    /// Whether we could open a packet of this key identifier.
    pub(super) fn knows(&self, kid: u64) -> bool {
        matches!(&self.cover, Cover::Keys(keys) if keys.knows(kid))
    }

    /// Whether no key that may still come opens a packet of this key identifier.
    pub(super) fn is_past(&self, kid: u64) -> bool {
        matches!(&self.cover, Cover::Keys(keys) if keys.is_past(kid))
    }

    /// Opens a packet. `own` is our stream, of which a report may tell.
    pub(super) fn open(
        &mut self,
        rtp: &Rtp,
        sealed: &Sealed,
        packet: &mut Packet,
        own: Ssrc,
        now: Time,
    ) -> Result<Opened, Drop> {
        let Cover::Keys(keys) = &mut self.cover else { return Err(Drop::Forged) };
        let unsealed = keys.open(sealed, packet, now)?;
        self.heard = true;
        self.silence.end(now);
        if unsealed.first {
            self.reception.new_key();
        }
        self.reception.opened(sealed.counter, unsealed.newest, now);
        match rtp.payload {
            Payload::Voice | Payload::Copies => {
                let (frame, copies) = parts(rtp.payload, unsealed.plain)?;
                let before = unsealed.voice.or(self.highest.filter(|_| unsealed.follows));
                let seq = unwrapped(rtp.seq, before, self.highest);
                *unsealed.voice = (*unsealed.voice).max(Some(seq));
                self.highest = self.highest.max(Some(seq));
                self.reception.voice(rtp.timestamp, now);
                self.came.mark(seq);
                let copies = copies.needed(seq, &self.came);
                Ok(Opened::Voice { seq, timestamp: rtp.timestamp, frame, copies })
            }
            Payload::Report => {
                let report = Report::decode(unsealed.plain).ok_or(Drop::Malformed)?;
                Ok(self.reception.told(self.ssrc, &report, own, now))
            }
            Payload::PlainVoice | Payload::PlainReport => Err(Drop::Forged),
        }
    }

    /// Takes a packet of a stream that is not sealed. None when it only says that its sender is there: what it says is
    /// silence, and as one frame among many that do not come it would make the others late.
    pub(super) fn take(
        &mut self,
        rtp: &Rtp,
        content: &[u8],
        own: Ssrc,
        now: Time,
    ) -> Result<Option<Opened>, Drop> {
        let Cover::None(numbers) = &mut self.cover else { return Err(Drop::Forged) };
        let opened = match rtp.payload {
            Payload::PlainVoice => {
                plain_frame(content)?;
                let (seq, anew) = numbers.voice.take(rtp.seq)?;
                if anew {
                    self.reception.new_key();
                }
                self.reception.opened(seq, true, now);
                self.reception.voice(rtp.timestamp, now);
                let frame = OpusFrame::copy_of(content).ok_or(Drop::Oversized)?;
                let copies = Copies::default();
                (content != SILENCE).then_some(Opened::Voice { seq, timestamp: rtp.timestamp, frame, copies })
            }
            Payload::PlainReport => {
                let report = Report::decode(content).ok_or(Drop::Malformed)?;
                numbers.reports.take(rtp.seq)?;
                Some(self.reception.told(self.ssrc, &report, own, now))
            }
            Payload::Voice | Payload::Report | Payload::Copies => return Err(Drop::Forged),
        };
        self.heard = true;
        self.silence.end(now);
        Ok(opened)
    }

    /// What our report tells of them.
    pub(super) fn heard(&self, now: Time) -> Heard {
        self.reception.heard(self.ssrc, now)
    }
}

impl Reception {
    /// Takes a report of `ssrc`.
    fn told(&mut self, ssrc: Ssrc, report: &Report<'_>, own: Ssrc, now: Time) -> Opened {
        let state = |flags: ReportFlags| (flags.muted, flags.recording, flags.on_hold);
        let before = state(self.flags());
        self.report(report, own, now);
        let now = state(self.flags());
        let (muted, recording, on_hold) = now;
        let news = (before != now).then_some(MemberState { ssrc, muted, recording, on_hold });
        Opened::Report { hung_up: report.flags.hung_up, news }
    }
}

/// One sequence of a plain stream. There is nothing to check a number against but the others: one that was seen is a
/// repeat, and one from long ago is too, until the next one follows it: then the sender has begun anew (RFC 3550
/// appendix A.1).
#[derive(Debug, Default)]
struct Numbered {
    window: Window,
    highest: Option<u64>,
    /// What would follow the last number from long ago.
    awaited: Option<u16>,
}

impl Numbered {
    /// The number without its wrapping, and whether the sender has begun anew.
    fn take(&mut self, seq: u16) -> Result<(u64, bool), Drop> {
        let mut number = unwrapped(seq, self.highest, None);
        let old = self.highest.is_some_and(|highest| number + REPLAY_WINDOW <= highest);
        if old {
            if self.awaited.replace(seq.wrapping_add(1)) != Some(seq) {
                return Err(Drop::Replay);
            }
            number = unwrapped(seq, None, self.highest);
        }
        if !self.window.is_fresh(number) {
            return Err(Drop::Replay);
        }
        self.window.mark(number);
        self.highest = self.highest.max(Some(number));
        self.awaited = None;
        Ok((number, old))
    }
}

/// The RTP sequence number without its wrapping, near the highest so far. One that is near nothing starts a new
/// sequence, which goes on above everything before it.
pub(super) fn unwrapped(seq: u16, highest: Option<u64>, highest_of_all: Option<u64>) -> u64 {
    const WRAP: u64 = 1 << 16;
    match (highest, highest_of_all) {
        (Some(highest), _) => {
            let ahead = seq.wrapping_sub(modulo_u16(highest));
            let ahead_or_behind = i64::from(ahead.cast_signed());
            highest.saturating_add_signed(ahead_or_behind)
        }
        (None, Some(before)) => (before / WRAP + 2) * WRAP + u64::from(seq),
        (None, None) => WRAP + u64::from(seq),
    }
}

fn modulo_u16(number: u64) -> u16 {
    u16::try_from(number & u64::from(u16::MAX)).expect("masked to 16 bits")
}

/// How long nothing was opened, told once.
#[derive(Debug)]
pub(super) struct Silence {
    /// When something was last opened, or was first to be.
    since: Time,
    told: bool,
    /// For how long it is borne.
    borne: Duration,
}

impl Silence {
    pub(super) fn new(now: Time) -> Self {
        Self { since: now, told: false, borne: MEDIA_SILENCE_MAX }
    }

    pub(super) fn since(&self) -> Time {
        self.since
    }

    /// Something was opened.
    pub(super) fn end(&mut self, now: Time) {
        (self.since, self.told) = (now, false);
    }

    /// From now on it is borne for [`HOLD_MAX`] rather than [`MEDIA_SILENCE_MAX`], or not any more.
    pub(super) fn bear(&mut self, on_hold: bool) {
        self.borne = if on_hold { HOLD_MAX } else { MEDIA_SILENCE_MAX };
    }

    /// When it was borne long enough.
    pub(super) fn deadline(&self) -> Option<Time> {
        (!self.told).then(|| self.since + self.borne)
    }

    /// Whether it is, the first time it is.
    pub(super) fn is_over(&mut self, now: Time) -> bool {
        let over = self.deadline().is_some_and(|at| at <= now);
        self.told |= over;
        over
    }
}

/// At most [`MEMBERS_MAX`] of them.
#[derive(Debug)]
pub(super) struct Speakers(Vec<Speaker>);

impl Speakers {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(MEMBERS_MAX))
    }

    pub(super) fn iter(&self) -> core::slice::Iter<'_, Speaker> {
        self.0.iter()
    }

    pub(super) fn get_mut(&mut self, ssrc: Ssrc) -> Option<&mut Speaker> {
        self.0.iter_mut().find(|speaker| speaker.ssrc == ssrc)
    }

    /// The speaker, new if need be.
    pub(super) fn get_or_add(
        &mut self,
        ssrc: Ssrc,
        cover: impl FnOnce() -> Cover,
        now: Time,
    ) -> Result<&mut Speaker, Drop> {
        let at = match self.0.iter().position(|speaker| speaker.ssrc == ssrc) {
            Some(at) => at,
            None if self.0.len() < MEMBERS_MAX => {
                self.0.push(Speaker::new(ssrc, cover(), now));
                self.0.len() - 1
            }
            None => return Err(Drop::Full),
        };
        Ok(&mut self.0[at])
    }

    /// Forgets a speaker with its keys; false when there was none.
    pub(super) fn remove(&mut self, ssrc: Ssrc) -> bool {
        let before = self.0.len();
        self.0.retain(|speaker| speaker.ssrc != ssrc);
        self.0.len() < before
    }

    /// What the call is like for who sends to them. Who was not heard of late is not asked what they read.
    pub(super) fn scene(&self, now: Time) -> Scene {
        let lately = |speaker: &&Speaker| speaker.reception.opened_at().is_some_and(|at| now - at < LATELY);
        let heard = || self.0.iter().filter(lately);
        Scene {
            others: self.0.len(),
            copies_read: heard().all(|speaker| speaker.reception.flags().reads_copies),
            round_trip: heard().filter_map(|speaker| speaker.reception.round_trip()).max(),
        }
    }

    /// We stood still for so long.
    pub(super) fn stood_still(&mut self, time: Duration, now: Time) {
        self.0.iter_mut().for_each(|speaker| speaker.reception.stood_still(time, now));
    }

    /// Whether anybody is on hold.
    pub(super) fn is_held(&self) -> bool {
        self.0.iter().any(|speaker| speaker.reception.flags().on_hold)
    }

    /// When to call [`Self::on_time`].
    pub(super) fn deadline(&self) -> Option<Time> {
        let of = |speaker: &Speaker| {
            let keys = match &speaker.cover {
                Cover::Keys(keys) => keys.deadline(),
                Cover::None(_) => None,
            };
            earliest(keys, speaker.silence.deadline())
        };
        self.0.iter().filter_map(of).min()
    }

    /// Closes a second of the figures, forgets old keys, and names through `quiet` who was not heard for long.
    pub(super) fn on_time(&mut self, now: Time, mut quiet: impl FnMut(Ssrc)) {
        for speaker in &mut self.0 {
            speaker.reception.count(now);
            if let Cover::Keys(keys) = &mut speaker.cover {
                keys.forget(now);
            }
            speaker.silence.bear(speaker.reception.flags().on_hold);
            if speaker.silence.is_over(now) {
                quiet(speaker.ssrc);
            }
        }
    }
}
