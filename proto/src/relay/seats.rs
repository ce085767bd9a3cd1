//! The places of guests. A client of seed A sends its voice to UDP 8085 from any port and expects the others' at its
//! own port 8085, and its datagrams say nothing of who it is: the address alone tells. So an address has one place,
//! and keeps it until that is taken back: if a second one won, the first guest's program would go on sending, and be
//! heard as the second in a room it was never in.
//!
//! The original sends each frame once for every member it was told of, and natives are all told of under the
//! server's address: it comes as many times as there are natives. One is taken, the others are [`Drop::Replay`],
//! as is a frame that comes after one sent later. Only frames that are new are charged.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use crate::drop::Drop;
use crate::id::{RelayId, Ssrc};
use crate::limits::{Bucket, PLAIN_OPUS_BYTES_MAX};
use crate::rng::Rng;
use crate::time::Time;
use crate::wire::datagram::{Inline, Payload, PlainVoice, Rtp};

use super::strangers::Tokens;

/// One guest's place, and the stream that its voice becomes.
pub(super) struct Seat {
    relay: RelayId,
    ssrc: Ssrc,
    ends: Time,
    tokens: Tokens,
    seq: u16,
    timestamp: u32,
    /// When the last frame came.
    frame_at: Option<Time>,
    past: [Option<Past>; PAST],
    /// Where the next frame is remembered.
    next: usize,
}

/// A frame that was taken.
struct Past {
    sent_ms: u64,
    opus: Inline<PLAIN_OPUS_BYTES_MAX>,
}

impl Seat {
    pub(super) fn new(
        relay: RelayId,
        ssrc: Ssrc,
        ends: Time,
        bucket: Bucket,
        now: Time,
        rng: &mut Rng,
    ) -> Self {
        let [a, b] = rng.bytes();
        Self {
            relay,
            ssrc,
            ends,
            tokens: Tokens::full(bucket, now),
            seq: u16::from_be_bytes([a, b]),
            timestamp: rng.u32(),
            frame_at: None,
            past: [const { None }; PAST],
            next: 0,
        }
    }

    pub(super) fn relay(&self) -> RelayId {
        self.relay
    }

    /// Takes a frame of the guest; returns the header that it goes on with.
    pub(super) fn hears(&mut self, voice: &PlainVoice<'_>, bucket: Bucket, now: Time) -> Result<Rtp, Drop> {
        if self.knows(voice) {
            return Err(Drop::Replay);
        }
        if !self.tokens.take(bucket, now) {
            return Err(Drop::Flood);
        }
        if let Some(pause) = self.frame_at.map(|at| now - at).filter(|pause| *pause > PAUSE) {
            let frames = u32::try_from(pause.as_millis() / FRAME_MS).unwrap_or(u32::MAX);
            self.timestamp = self.timestamp.wrapping_add(frames.wrapping_sub(1).wrapping_mul(FRAME_SAMPLES));
        }
        let (seq, timestamp) = (self.seq, self.timestamp);
        let rtp = Rtp { payload: Payload::PlainVoice, seq, timestamp, ssrc: self.ssrc };
        self.seq = self.seq.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES);
        self.frame_at = Some(now);
        self.past[self.next] = Inline::copy_of(voice.opus).map(|opus| Past { sent_ms: voice.sent_ms, opus });
        self.next = (self.next + 1) % PAST;
        Ok(rtp)
    }

    /// Whether this is a copy of a frame that was taken, or older than one. Copies may be stamped one by one, so
    /// stamps count as equal when less than a frame lies between them. A stamp far back is a clock that was set.
    fn knows(&self, voice: &PlainVoice<'_>) -> bool {
        self.past.iter().flatten().any(|past| {
            let is_copy = past.sent_ms.abs_diff(voice.sent_ms) <= COPY_MS && *past.opus == *voice.opus;
            let behind = past.sent_ms.saturating_sub(voice.sent_ms);
            is_copy || (1..=LATE_MS).contains(&behind)
        })
    }
}

/// All places, by address.
#[derive(Default)]
pub(super) struct Seats(BTreeMap<IpAddr, Seat>);

impl Seats {
    /// Moves the end of a place that is held already; false when it is not.
    pub(super) fn renew(&mut self, relay: RelayId, ssrc: Ssrc, address: IpAddr, ends: Time) -> bool {
        let seat = self.0.get_mut(&address).filter(|seat| (seat.relay, seat.ssrc) == (relay, ssrc));
        seat.map(|seat| seat.ends = ends).is_some()
    }

    pub(super) fn take(&mut self, address: IpAddr, seat: Seat) {
        self.0.insert(address, seat);
    }

    pub(super) fn of(&mut self, address: IpAddr) -> Option<&mut Seat> {
        self.0.get_mut(&address)
    }

    /// Ends a place; returns its room.
    pub(super) fn remove(&mut self, address: IpAddr) -> Option<RelayId> {
        self.0.remove(&address).map(|seat| seat.relay)
    }

    pub(super) fn lapsed(&self, now: Time) -> Vec<IpAddr> {
        self.0.iter().filter(|(_, seat)| seat.ends <= now).map(|(address, _)| *address).collect()
    }

    pub(super) fn first_to_lapse(&self) -> Option<Time> {
        self.0.values().map(|seat| seat.ends).min()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Frames remembered of one guest: the copies of one come back to back, and a stall mixes few.
const PAST: usize = 4;
/// Between the stamps of two copies, milliseconds.
const COPY_MS: u64 = 5;
/// A frame so much older than another, milliseconds, is late; older ones come of a clock that was set back.
const LATE_MS: u64 = 1_000;
const FRAME_MS: u128 = 10;
/// Of 10 ms at 48 kHz.
const FRAME_SAMPLES: u32 = 480;
/// Longer than this without a frame means the microphone was off, and media time went on.
const PAUSE: Duration = Duration::from_millis(200);
