//! One call's streams: number, seal, open, window, counters. What leaves is one [`Outgoing`], what comes in is one
//! [`Speaker`] for each member whose key we have; packets of the others wait a little in [`Keyless`].
//!
//! Checks run cheapest first, and a stream changes only after a packet was opened: a forged one moves neither the
//! replay window, nor a counter, nor a clock.

use core::time::Duration;

use aws_lc_rs::digest;

use crate::crypto::sframe::{OVERHEAD_MAX, ReceiverKey, Sealed, SenderKey};
use crate::crypto::window::Window;
use crate::drop::Drop;
use crate::id::Ssrc;
use crate::limits::{
    DATAGRAM_BYTES_MAX, KEYLESS_PACKETS_MAX, KEYLESS_SENDERS_MAX, MEMBERS_MAX, OPUS_BYTES_MAX, REPORT_EVERY,
};
use crate::media::figures::Reception;
use crate::rng::Rng;
use crate::time::Time;
use crate::wire::datagram::{Heard, Inline, Payload, REPORT_BYTES_MAX, RTP_BYTES, Report, Rtp};

/// A datagram held in place.
pub type Packet = Inline<DATAGRAM_BYTES_MAX>;
/// One Opus packet held in place.
pub type OpusFrame = Inline<OPUS_BYTES_MAX>;

/// Samples of one second of RTP time, whatever the device does (RFC 7587 section 4.1).
const CLOCK_HZ: u64 = 48_000;
/// Longer than this without a frame means the microphone was off, and media time goes on without us.
const PAUSE: Duration = Duration::from_millis(200);
/// Figures are told so often, even while voice keeps the stream alive.
const FIGURES_EVERY: Duration = Duration::from_secs(1);

/// Our own stream. Owns the sending key, and is the only thing that does.
#[derive(Debug)]
pub(super) struct Outgoing {
    key: SenderKey,
    ssrc: Ssrc,
    voice_seq: u16,
    report_seq: u16,
    timestamp: u32,
    /// When the last frame came, and the timestamp after it.
    frame_at: Option<Time>,
    sealed_at: Time,
    report_at: Time,
}

impl Outgoing {
    pub(super) fn new(base_key: &[u8; 32], generation: u8, ssrc: Ssrc, rng: &mut Rng, now: Time) -> Self {
        let [a, b, c, d] = rng.bytes();
        Self {
            key: SenderKey::new(base_key, generation),
            ssrc,
            voice_seq: u16::from_be_bytes([a, b]),
            report_seq: u16::from_be_bytes([c, d]),
            timestamp: rng.u32(),
            frame_at: None,
            sealed_at: now,
            report_at: now,
        }
    }

    /// Numbers and seals one frame.
    pub(super) fn frame(&mut self, opus: &[u8], duration: Duration, now: Time) -> Result<Packet, Drop> {
        if opus.is_empty() || duration.is_zero() {
            return Err(Drop::Malformed);
        }
        if opus.len() > OPUS_BYTES_MAX {
            return Err(Drop::Oversized);
        }
        let samples = samples(duration);
        if let Some(pause) = self.frame_at.map(|at| now - at).filter(|pause| *pause > PAUSE) {
            let frames = pause.as_micros() / duration.as_micros().max(1);
            let skipped = u64::try_from(frames.saturating_sub(1)).unwrap_or(u64::MAX).saturating_mul(samples);
            self.timestamp = self.timestamp.wrapping_add(modulo(skipped));
        }
        let packet = self.seal(Payload::Voice, self.voice_seq, now, |out| {
            out[..opus.len()].copy_from_slice(opus);
            opus.len()
        });
        self.voice_seq = self.voice_seq.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(modulo(samples));
        self.frame_at = Some(now);
        packet
    }

    /// Seals a report.
    pub(super) fn report(
        &mut self,
        hung_up: bool,
        heard: impl Iterator<Item = Heard>,
        now: Time,
    ) -> Result<Packet, Drop> {
        let sent = clock(now);
        let packet =
            self.seal(Payload::Report, self.report_seq, now, |out| Report::encode(hung_up, sent, heard, out));
        self.report_seq = self.report_seq.wrapping_add(1);
        self.report_at = now;
        packet
    }

    /// When a report is due.
    pub(super) fn deadline(&self) -> Time {
        (self.sealed_at + REPORT_EVERY).min(self.report_at + FIGURES_EVERY)
    }

    fn seal(
        &mut self,
        payload: Payload,
        seq: u16,
        now: Time,
        write: impl FnOnce(&mut [u8]) -> usize,
    ) -> Result<Packet, Drop> {
        let rtp = Rtp { payload, seq, timestamp: self.timestamp, ssrc: self.ssrc };
        let packet = Packet::build(|out| {
            out[..RTP_BYTES].copy_from_slice(&rtp.encode());
            let at = self.key.plaintext_at();
            let len = write(&mut out[at..]);
            self.key.seal(out, len)
        });
        self.sealed_at = now;
        packet.ok_or(Drop::Oversized)
    }
}

const _: () = assert!(RTP_BYTES + OVERHEAD_MAX + OPUS_BYTES_MAX <= DATAGRAM_BYTES_MAX);
const _: () = assert!(RTP_BYTES + OVERHEAD_MAX + REPORT_BYTES_MAX <= DATAGRAM_BYTES_MAX);

/// What was in a packet.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "held in place, so that opening allocates nothing")]
pub(super) enum Opened {
    /// One Opus packet.
    Voice { seq: u64, timestamp: u32, frame: OpusFrame },
    /// A report.
    Report { hung_up: bool },
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
    /// The newest key and the one before it, whose last packets may still be on their way.
    keys: [Option<Keyed>; 2],
    /// Highest voice sequence number of all keys, unwrapped.
    highest: Option<u64>,
}

/// One generation of a speaker's stream.
#[derive(Debug)]
struct Keyed {
    key: ReceiverKey,
    /// Of what the key was derived from, to know it again.
    base: [u8; 32],
    window: Window,
    /// Highest voice sequence number, unwrapped.
    voice: Option<u64>,
}

impl Speaker {
    pub(super) fn new(ssrc: Ssrc) -> Self {
        Self {
            ssrc,
            heard: false,
            hung_up: false,
            reception: Reception::default(),
            keys: [None, None],
            highest: None,
        }
    }

    /// Takes a key. The same key again changes nothing, or its replay window would start anew.
    pub(super) fn listen(&mut self, generation: u8, base_key: &[u8; 32]) {
        let mut base = [0; 32];
        base.copy_from_slice(digest::digest(&digest::SHA256, base_key).as_ref());
        if self.keys.iter().flatten().any(|keyed| keyed.base == base) {
            return;
        }
        let key = ReceiverKey::new(base_key, generation);
        let before = self.keys[0].take().filter(|keyed| keyed.key.kid() != key.kid());
        self.keys = [Some(Keyed { key, base, window: Window::default(), voice: None }), before];
        self.reception.new_key();
    }

    /// Whether we could open a packet of this key identifier.
    pub(super) fn knows(&self, kid: u64) -> bool {
        self.keys.iter().flatten().any(|keyed| keyed.key.kid() == kid)
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
        let newest = self.keys[0].as_ref().is_some_and(|keyed| keyed.key.kid() == sealed.kid);
        let keyed =
            self.keys.iter_mut().flatten().find(|keyed| keyed.key.kid() == sealed.kid).ok_or(Drop::NoKey)?;
        if !keyed.window.is_fresh(sealed.counter) {
            return Err(Drop::Replay);
        }
        let plain = keyed.key.open(sealed, packet)?;
        keyed.window.mark(sealed.counter);
        self.heard = true;
        self.reception.opened(sealed.counter, newest, now);
        match rtp.payload {
            Payload::Voice => {
                if plain.is_empty() {
                    return Err(Drop::Malformed);
                }
                let frame = OpusFrame::copy_of(plain).ok_or(Drop::Oversized)?;
                let seq = unwrapped(rtp.seq, keyed.voice, self.highest);
                keyed.voice = keyed.voice.max(Some(seq));
                self.highest = self.highest.max(Some(seq));
                self.reception.voice(rtp.timestamp, now);
                Ok(Opened::Voice { seq, timestamp: rtp.timestamp, frame })
            }
            Payload::Report => {
                let report = Report::decode(plain).ok_or(Drop::Malformed)?;
                self.reception.report(&report, own, now);
                Ok(Opened::Report { hung_up: report.hung_up })
            }
            Payload::PlainVoice | Payload::PlainReport => Err(Drop::Forged),
        }
    }

    /// What our report tells of them.
    pub(super) fn heard(&self, now: Time) -> Heard {
        self.reception.heard(self.ssrc, now)
    }
}

/// The RTP sequence number without its wrapping, near the highest so far. A new key starts a new sequence, which
/// goes on above everything before it.
fn unwrapped(seq: u16, highest: Option<u64>, highest_of_all: Option<u64>) -> u64 {
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

/// Packets whose key has not come, [`KEYLESS_PACKETS_MAX`] of each of [`KEYLESS_SENDERS_MAX`] streams, the newest
/// ones, since they are played the moment the key comes.
#[derive(Debug)]
pub(super) struct Keyless(Vec<(Ssrc, u64, Packet)>);

impl Keyless {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(KEYLESS_PACKETS_MAX * KEYLESS_SENDERS_MAX))
    }

    /// Keeps a packet; what has to go for it is named.
    pub(super) fn keep(&mut self, ssrc: Ssrc, kid: u64, packet: Packet) -> Result<(), Drop> {
        let mut lost = Ok(());
        if self.0.iter().filter(|(whose, ..)| *whose == ssrc).count() >= KEYLESS_PACKETS_MAX {
            let oldest = self.0.iter().position(|(whose, ..)| *whose == ssrc);
            lost = oldest.map_or(Ok(()), |at| {
                self.0.remove(at);
                Err(Drop::NoKey)
            });
        }
        if self.0.len() == self.0.capacity() {
            return Err(Drop::Full);
        }
        self.0.push((ssrc, kid, packet));
        lost
    }

    /// The oldest packet that this speaker's keys open.
    pub(super) fn take(&mut self, speaker: &Speaker) -> Option<Packet> {
        let at = self.0.iter().position(|(ssrc, kid, _)| *ssrc == speaker.ssrc && speaker.knows(*kid))?;
        Some(self.0.remove(at).2)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Everybody we can hear.
#[derive(Debug)]
pub(super) struct Speakers(Vec<Speaker>);

impl Speakers {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(MEMBERS_MAX))
    }

    pub(super) fn iter(&self) -> core::slice::Iter<'_, Speaker> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> core::slice::IterMut<'_, Speaker> {
        self.0.iter_mut()
    }

    pub(super) fn get_mut(&mut self, ssrc: Ssrc) -> Option<&mut Speaker> {
        self.0.iter_mut().find(|speaker| speaker.ssrc == ssrc)
    }

    /// The speaker, new if need be.
    pub(super) fn get_or_add(&mut self, ssrc: Ssrc) -> Result<&mut Speaker, Drop> {
        let at = match self.0.iter().position(|speaker| speaker.ssrc == ssrc) {
            Some(at) => at,
            None if self.0.len() < MEMBERS_MAX => {
                self.0.push(Speaker::new(ssrc));
                self.0.len() - 1
            }
            None => return Err(Drop::Full),
        };
        Ok(&mut self.0[at])
    }
}

/// The sender's clock as a report tells it: microseconds modulo 2^32, never 0.
pub(super) fn clock(now: Time) -> u32 {
    modulo(now.as_us()).max(1)
}

fn samples(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).saturating_mul(CLOCK_HZ) / 1_000_000
}

/// The low 32 bits.
pub(super) fn modulo(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).expect("masked to 32 bits")
}

fn modulo_u16(number: u64) -> u16 {
    u16::try_from(number & u64::from(u16::MAX)).expect("masked to 16 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    fn outgoing() -> Outgoing {
        Outgoing::new(&[1; 32], 0, Ssrc(1), &mut Rng::new([2; 32]), Time::ZERO)
    }

    fn speaker() -> Speaker {
        let mut speaker = Speaker::new(Ssrc(1));
        speaker.listen(0, &[1; 32]);
        speaker
    }

    fn open(speaker: &mut Speaker, packet: &Packet) -> Result<Opened, Drop> {
        let (rtp, sealed) = (Rtp::decode(packet).unwrap(), Sealed::read(packet).unwrap());
        speaker.open(&rtp, &sealed, &mut packet.clone(), Ssrc(2), Time::ZERO)
    }

    fn seq(opened: Result<Opened, Drop>) -> u64 {
        let Ok(Opened::Voice { seq, .. }) = opened else { panic!("{opened:?}") };
        seq
    }

    #[test]
    fn numbers_run_on_through_their_wrapping() {
        let mut numbers = vec![unwrapped(65_534, None, None)];
        for seq in [65_535, 0, 1, 65_533, 2] {
            let highest = numbers.iter().copied().max();
            numbers.push(unwrapped(seq, highest, highest));
        }
        let first = numbers[0];
        assert_eq!(numbers, [first, first + 1, first + 2, first + 3, first - 1, first + 4]);
        assert!(unwrapped(3, None, Some(first)) > first + 65_535);
    }

    #[test]
    fn media_time_goes_on_while_the_microphone_is_off() {
        let mut out = outgoing();
        let stamp = |out: &mut Outgoing, ms| {
            Rtp::decode(&out.frame(&[1], FRAME, Time::ms(ms)).unwrap()).unwrap().timestamp
        };
        let first = stamp(&mut out, 0);
        assert_eq!(stamp(&mut out, 20).wrapping_sub(first), 960);
        assert_eq!(stamp(&mut out, 75).wrapping_sub(first), 2 * 960, "late is not off");
        assert_eq!(stamp(&mut out, 75 + 1_000).wrapping_sub(first), 2 * 960 + 48_000);
    }

    #[test]
    fn the_same_key_again_does_not_forget_what_was_seen() {
        let (mut out, mut speaker) = (outgoing(), speaker());
        let packet = out.frame(&[1], FRAME, Time::ZERO).unwrap();
        open(&mut speaker, &packet).unwrap();
        speaker.listen(0, &[1; 32]);
        assert_eq!(open(&mut speaker, &packet).err(), Some(Drop::Replay));
    }

    #[test]
    fn after_a_crash_a_new_key_goes_on_above_the_old_one() {
        let (mut old, mut speaker) = (outgoing(), speaker());
        let before = seq(open(&mut speaker, &old.frame(&[1], FRAME, Time::ZERO).unwrap()));
        speaker.listen(0, &[9; 32]);
        let mut new = Outgoing::new(&[9; 32], 0, Ssrc(1), &mut Rng::new([3; 32]), Time::ZERO);
        assert!(seq(open(&mut speaker, &new.frame(&[1], FRAME, Time::ZERO).unwrap())) > before);
        let late = old.frame(&[1], FRAME, Time::ZERO).unwrap();
        assert_eq!(
            open(&mut speaker, &late).err(),
            Some(Drop::Forged),
            "the key of the same identifier is replaced"
        );
    }

    #[test]
    fn the_generation_before_still_opens() {
        let (mut old, mut speaker) = (outgoing(), speaker());
        let late = old.frame(&[1], FRAME, Time::ZERO).unwrap();
        speaker.listen(1, &[9; 32]);
        assert!(open(&mut speaker, &late).is_ok());
        speaker.listen(2, &[8; 32]);
        let later = old.frame(&[1], FRAME, Time::ZERO).unwrap();
        assert_eq!(open(&mut speaker, &later).err(), Some(Drop::NoKey));
    }

    #[test]
    fn the_largest_report_and_frame_fit_a_datagram() {
        let mut out = outgoing();
        let heard = (0..64).map(|n| Speaker::new(Ssrc(n)).heard(Time::ZERO));
        assert!(out.report(false, heard, Time::ZERO).is_ok());
        assert!(out.frame(&[0; OPUS_BYTES_MAX], FRAME, Time::ZERO).is_ok());
        assert_eq!(out.frame(&[0; OPUS_BYTES_MAX + 1], FRAME, Time::ZERO).err(), Some(Drop::Oversized));
        assert_eq!(out.frame(&[], FRAME, Time::ZERO).err(), Some(Drop::Malformed));
    }
}
