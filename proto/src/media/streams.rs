//! Our own stream: number and seal. What leaves a call is one [`Outgoing`].

use core::time::Duration;

use crate::crypto::sframe::OVERHEAD_MAX;
use crate::drop::Drop;
use crate::id::Ssrc;
use crate::limits::{DATAGRAM_BYTES_MAX, OPUS_BYTES_MAX, REPORT_EVERY};
use crate::media::keys::{Made, OwnKeys};
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
    keys: OwnKeys,
    rng: Rng,
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
    /// A stream with a new key, which [`Self::key`] tells.
    pub(super) fn new(ssrc: Ssrc, mut rng: Rng, now: Time) -> Self {
        let [a, b, c, d] = rng.bytes();
        Self {
            keys: OwnKeys::new(&mut rng),
            ssrc,
            voice_seq: u16::from_be_bytes([a, b]),
            report_seq: u16::from_be_bytes([c, d]),
            timestamp: rng.u32(),
            frame_at: None,
            sealed_at: now,
            report_at: now,
            rng,
        }
    }

    /// The key that opens what comes.
    pub(super) fn key(&self) -> Made {
        self.keys.told()
    }

    /// Somebody joined: the key that opens what comes and nothing before.
    pub(super) fn step(&mut self, now: Time) -> Made {
        self.keys.step(&mut self.rng, now)
    }

    /// Somebody left: the key that opens what comes and that they do not have.
    pub(super) fn renew(&mut self, now: Time) -> Made {
        self.keys.renew(&mut self.rng, now)
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

    /// When the key changes.
    pub(super) fn key_deadline(&self) -> Option<Time> {
        self.keys.deadline()
    }

    /// Changes the key if it is time.
    pub(super) fn turn_key(&mut self, now: Time) {
        self.keys.turn(now);
    }

    fn seal(
        &mut self,
        payload: Payload,
        seq: u16,
        now: Time,
        write: impl FnOnce(&mut [u8]) -> usize,
    ) -> Result<Packet, Drop> {
        let rtp = Rtp { payload, seq, timestamp: self.timestamp, ssrc: self.ssrc };
        let key = self.keys.current(now);
        let packet = Packet::build(|out| {
            out[..RTP_BYTES].copy_from_slice(&rtp.encode());
            let at = key.plaintext_at();
            let len = write(&mut out[at..]);
            key.seal(out, len)
        });
        self.sealed_at = now;
        packet.ok_or(Drop::Oversized)
    }
}

const _: () = assert!(RTP_BYTES + OVERHEAD_MAX + OPUS_BYTES_MAX <= DATAGRAM_BYTES_MAX);
const _: () = assert!(RTP_BYTES + OVERHEAD_MAX + REPORT_BYTES_MAX <= DATAGRAM_BYTES_MAX);

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
