//! Our own stream: number, and seal unless the call is not encrypted. What leaves a call is one [`Outgoing`].

use core::time::Duration;

use crate::crypto::sframe::OVERHEAD_MAX;
use crate::drop::Drop;
use crate::id::Ssrc;
use crate::limits::{DATAGRAM_BYTES_MAX, OPUS_BYTES_MAX, PLAIN_OPUS_BYTES_MAX, REPORT_EVERY};
use crate::media::history::{History, Offsets};
use crate::media::keys::OwnKeys;
use crate::rng::Rng;
use crate::time::Time;
use crate::wire::copies::WithCopies;
use crate::wire::datagram::{Inline, Payload, RTP_BYTES, Rtp};
use crate::wire::opus::{duration, is_whole};
use crate::wire::report::{Heard, REPORT_BYTES_MAX, Report, ReportFlags};

/// A datagram held in place.
pub type Packet = Inline<DATAGRAM_BYTES_MAX>;
/// One Opus packet held in place.
pub type OpusFrame = Inline<OPUS_BYTES_MAX>;

/// Samples of one second of RTP time, whatever the device does (RFC 7587 section 4.1).
const CLOCK_HZ: u64 = 48_000;
/// So long without a frame means the microphone was off, and media time goes on without us.
const PAUSE: Duration = Duration::from_millis(200);
/// Plaintext bytes of the longest voice packet.
const VOICE_BYTES_MAX: usize = DATAGRAM_BYTES_MAX - RTP_BYTES - OVERHEAD_MAX;
/// Figures are told so often, even while voice keeps the stream alive.
const FIGURES_EVERY: Duration = Duration::from_secs(1);
/// And so often while packets are lost, so that their sender can do something about it.
const FIGURES_HURRY: Duration = Duration::from_millis(250);

/// What protects our stream.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
enum Cover {
    /// Sealed: payload types 96, 97 and 100.
    Keys(OwnKeys),
    /// Nothing: payload types 98 and 99.
    None,
}

/// Our own stream. Owns the sending key, and is the only thing that does.
#[derive(Debug)]
pub(super) struct Outgoing {
    cover: Cover,
    ssrc: Ssrc,
    history: History,
    /// The key that sealed it.
    voice_kid: Option<u64>,
    offsets: Offsets,
    voice_seq: u16,
    report_seq: u16,
    timestamp: u32,
    /// When the last frame came, and the timestamp after it.
    frame_at: Option<Time>,
    sent_at: Time,
    report_at: Time,
    figures_every: Duration,
}

impl Outgoing {
    /// A stream with a new key, which [`Self::keys`] tell.
    pub(super) fn sealed(ssrc: Ssrc, mut rng: Rng, now: Time) -> Self {
        let keys = OwnKeys::new(rng.child("keys"));
        Self::new(Cover::Keys(keys), ssrc, rng, now)
    }

    /// A stream that everybody on the way can hear.
    pub(super) fn plain(ssrc: Ssrc, rng: Rng, now: Time) -> Self {
        Self::new(Cover::None, ssrc, rng, now)
    }

    fn new(cover: Cover, ssrc: Ssrc, mut rng: Rng, now: Time) -> Self {
        let [a, b, c, d] = rng.bytes();
        Self {
            cover,
            ssrc,
            history: History::default(),
            voice_kid: None,
            offsets: Offsets::default(),
            voice_seq: u16::from_be_bytes([a, b]),
            report_seq: u16::from_be_bytes([c, d]),
            timestamp: rng.u32(),
            frame_at: None,
            sent_at: now,
            report_at: now,
            figures_every: FIGURES_EVERY,
        }
    }

    /// The keys, of a sealed stream.
    pub(super) fn keys(&mut self) -> Option<&mut OwnKeys> {
        match &mut self.cover {
            Cover::Keys(keys) => Some(keys),
            Cover::None => None,
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self.cover, Cover::None)
    }

    /// Numbers and seals one frame.
    pub(super) fn frame(&mut self, opus: &[u8], duration: Duration, now: Time) -> Result<Packet, Drop> {
        if opus.is_empty() || duration.is_zero() {
            return Err(Drop::Malformed);
        }
        if opus.len() > OPUS_BYTES_MAX {
            return Err(Drop::Oversized);
        }
        if self.is_plain() {
            plain_frame(opus)?;
        }
        let samples = samples(duration);
        if let Some(pause) = self.frame_at.map(|at| now - at).filter(|pause| *pause >= PAUSE) {
            let frames = pause.as_micros() / duration.as_micros().max(1);
            let skipped = u64::try_from(frames.saturating_sub(1)).unwrap_or(u64::MAX).saturating_mul(samples);
            self.timestamp = self.timestamp.wrapping_add(modulo(skipped));
            self.history.clear();
        }
        self.forget_before_key(now);
        let packet = self.voice(opus, samples, now);
        if !self.is_plain() {
            self.history.keep(opus, samples);
        }
        self.voice_seq = self.voice_seq.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(modulo(samples));
        self.frame_at = Some(now);
        packet
    }

    /// Who has only the new key must not open what was said under the old one: it is not sealed again.
    fn forget_before_key(&mut self, now: Time) {
        if let Cover::Keys(keys) = &mut self.cover {
            let kid = Some(keys.current(now).kid());
            if self.voice_kid != kid {
                self.history.clear();
                self.voice_kid = kid;
            }
        }
    }

    /// With what copies there may be, if there is room for them.
    fn voice(&mut self, opus: &[u8], samples: u64, now: Time) -> Result<Packet, Drop> {
        let mut plain = [0; VOICE_BYTES_MAX];
        let (copies, count) = self.history.copies(self.offsets, samples);
        let redundant = WithCopies::encode(&copies[..count], opus, &mut plain);
        let (content, plain) = match redundant {
            Some(len) => (Content::Copies, &plain[..len]),
            None => (Content::Voice, opus),
        };
        self.send(content, self.voice_seq, now, |out| {
            out[..plain.len()].copy_from_slice(plain);
            plain.len()
        })
    }

    /// From now on each packet carries the frames that many before its own; of a stream that is not sealed none does.
    pub(super) fn copy(&mut self, offsets: Offsets) {
        self.offsets = if self.is_plain() { Offsets::default() } else { offsets };
    }

    /// How many frames back each copy reaches that goes with a packet; 0 for none.
    pub(super) fn copied(&self) -> Offsets {
        self.offsets
    }

    /// Seals a report.
    pub(super) fn report(
        &mut self,
        flags: ReportFlags,
        heard: impl Iterator<Item = Heard>,
        now: Time,
    ) -> Result<Packet, Drop> {
        let sent = clock(now);
        let packet =
            self.send(Content::Report, self.report_seq, now, |out| Report::encode(flags, sent, heard, out));
        self.report_seq = self.report_seq.wrapping_add(1);
        self.report_at = now;
        packet
    }

    /// When the key changes, or something has to be sent lest we seem gone.
    pub(super) fn deadline(&self) -> Time {
        let due = self.report_due().min(self.sign_of_life_due());
        match &self.cover {
            Cover::Keys(keys) => keys.deadline().map_or(due, |at| at.min(due)),
            Cover::None => due,
        }
    }

    /// Changes the key if it is time.
    pub(super) fn turn_key(&mut self, now: Time) {
        if let Cover::Keys(keys) = &mut self.cover {
            keys.turn(now);
        }
    }

    /// Whether something is being lost that the others should hear of soon.
    pub(super) fn hurry_figures(&mut self, hurry: bool) {
        self.figures_every = if hurry { FIGURES_HURRY } else { FIGURES_EVERY };
    }

    /// When a report is due. In a sealed stream it is the sign of life, too.
    pub(super) fn report_due(&self) -> Time {
        let figures = self.report_at + self.figures_every;
        if self.is_plain() { figures } else { figures.min(self.sent_at + REPORT_EVERY) }
    }

    /// When a plain stream says a frame of silence, since a plain client knows no reports: the first at once.
    pub(super) fn sign_of_life_due(&self) -> Time {
        if self.is_plain() {
            self.frame_at.map_or(Time::ZERO, |at| at + REPORT_EVERY)
        } else {
            self.report_due()
        }
    }

    fn send(
        &mut self,
        content: Content,
        seq: u16,
        now: Time,
        write: impl FnOnce(&mut [u8]) -> usize,
    ) -> Result<Packet, Drop> {
        let (ssrc, timestamp) = (self.ssrc, self.timestamp);
        let header = |payload| Rtp { payload, seq, timestamp, ssrc }.encode();
        let packet = match &mut self.cover {
            Cover::Keys(keys) => {
                let key = keys.current(now);
                let payload = match content {
                    Content::Voice => Payload::Voice,
                    Content::Copies => Payload::Copies,
                    Content::Report => Payload::Report,
                };
                Packet::build(|out| {
                    out[..RTP_BYTES].copy_from_slice(&header(payload));
                    let at = key.plaintext_at();
                    let len = write(&mut out[at..]);
                    key.seal(out, len)
                })
            }
            Cover::None => {
                let payload =
                    if content == Content::Report { Payload::PlainReport } else { Payload::PlainVoice };
                Packet::build(|out| {
                    out[..RTP_BYTES].copy_from_slice(&header(payload));
                    Some(RTP_BYTES + write(&mut out[RTP_BYTES..]))
                })
            }
        };
        self.sent_at = now;
        packet.ok_or(Drop::Oversized)
    }
}

/// What a packet of ours carries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Voice,
    Copies,
    Report,
}

/// What every plain client can play, and all that is sent or played where one may listen: exactly 10 ms, and no more
/// bytes than the original's datagram has room for. Its program dies of anything else.
pub(super) fn plain_frame(opus: &[u8]) -> Result<(), Drop> {
    if opus.len() > PLAIN_OPUS_BYTES_MAX {
        return Err(Drop::Oversized);
    }
    if duration(opus) == Some(PLAIN_FRAME) && is_whole(opus) { Ok(()) } else { Err(Drop::Malformed) }
}

/// Frames of calls that are not encrypted, all of them.
pub(super) const PLAIN_FRAME: Duration = Duration::from_millis(10);
/// 10 ms of Opus silence: who sends it only says that it is still there.
pub(super) const SILENCE: [u8; 3] = [0xf0, 0xff, 0xfe];

const _: () = assert!(RTP_BYTES + OVERHEAD_MAX + OPUS_BYTES_MAX <= DATAGRAM_BYTES_MAX);
const _: () = assert!(RTP_BYTES + OVERHEAD_MAX + REPORT_BYTES_MAX <= DATAGRAM_BYTES_MAX);

/// The sender's clock as a report tells it: microseconds modulo 2^32, never 0.
pub(super) fn clock(now: Time) -> u32 {
    modulo(now.as_us()).max(1)
}

/// How many samples last that long.
pub(super) fn samples(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).saturating_mul(CLOCK_HZ) / 1_000_000
}

/// The low 32 bits.
pub(super) fn modulo(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).expect("masked to 32 bits")
}
