//! What travels by UDP, to the byte (native.md section 6). Integers are big-endian. The first byte tells the kinds
//! apart (RFC 7983): 128 to 191 is RTP, 192 to 195 are ours; 0 to 3 (STUN) belong to the direct path, which does
//! not exist yet. Everything else is nothing of ours.
//!
//! ```text
//! BIND    96  0xC0 | relay id 8 | ssrc 4 | expiry 4 | nonce 16  | mac 32 of the 33 bytes before | 31 zeros
//! COOKIE  33  0xC1 | nonce 16 | cookie 16
//! BIND2   65  0xC2 | relay id 8 | ssrc 4 | expiry 4 | cookie 16 | mac 32 of the 33 bytes before
//! BOUND   13  0xC3 | relay id 8 | ssrc 4
//! voice       0x80 | 96 | sequence 2 | timestamp 4 | ssrc 4 | SFrame header 1..17 | ciphertext | tag 16
//! report      0x80 | 97 | the same
//! voice       0x80 | 100 | the same, with copies of earlier frames
//! voice       0x80 | 98 | sequence 2 | timestamp 4 | ssrc 4 | one Opus packet       not encrypted: calls with a
//! report      0x80 | 99 | the same | the plaintext of a report                      plain client, and no others
//! ```
//!
//! The MACs are keyed with the ticket (`crypto::mac`). The 12 bytes of RTP header (RFC 3550 section 5.1: version 2,
//! no padding, extension, sources or marker) are the SFrame metadata. Sequence and timestamp start at random;
//! voice packets and reports are two sequences of their own, so that a gap in the voice is a lost frame. The
//! timestamp counts samples at 48 kHz; a report repeats that of the voice packet before it.
//!
//! The plaintext of a voice packet is one Opus packet; [`super::copies`] has that of one with copies, and
//! [`super::report`] that of a report. Voice with and without copies is one sequence.
//!
//! Voice of the two plain protocols travels by sockets of its own, in [`PlainVoice`] and [`encode_text_voice`].

use core::fmt;
use core::ops::{Deref, DerefMut};

use crate::id::{RelayId, Ssrc};

pub use crate::wire::plain_voice::{OpusBytes, PlainVoice, decode_text_voice, encode_text_voice, text_opus};

/// Bytes held in place: what the media path passes around without allocating.
#[derive(Clone, PartialEq, Eq)]
pub struct Inline<const N: usize> {
    len: usize,
    bytes: [u8; N],
}

impl<const N: usize> Inline<N> {
    /// Nothing.
    pub const fn new() -> Self {
        Self { len: 0, bytes: [0; N] }
    }

    /// A copy; none when it does not fit.
    pub fn copy_of(bytes: &[u8]) -> Option<Self> {
        let mut out = Self::new();
        out.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        out.len = bytes.len();
        Some(out)
    }

    /// Lets `write` fill the whole room and say how much of it counts; none when it says none or too much.
    pub fn build(write: impl FnOnce(&mut [u8; N]) -> Option<usize>) -> Option<Self> {
        let mut out = Self::new();
        out.len = write(&mut out.bytes).filter(|&len| len <= N)?;
        Some(out)
    }
}

impl<const N: usize> Deref for Inline<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl<const N: usize> DerefMut for Inline<N> {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}

impl<const N: usize> AsRef<[u8]> for Inline<N> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<const N: usize> Default for Inline<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for Inline<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}

/// A datagram's kind, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 128 to 191.
    Rtp,
    /// 0xC0.
    Bind,
    /// 0xC1.
    Cookie,
    /// 0xC2.
    Bind2,
    /// 0xC3.
    Bound,
}

impl Kind {
    /// What the bytes claim to be; none for nothing of ours.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match *bytes.first()? {
            128..=191 => Some(Self::Rtp),
            BIND => Some(Self::Bind),
            COOKIE => Some(Self::Cookie),
            BIND2 => Some(Self::Bind2),
            BOUND => Some(Self::Bound),
            _ => None,
        }
    }
}

/// Room for any of the four bind datagrams.
pub type Control = Inline<BIND_BYTES>;

/// The part of a bind that is signed, and its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mac<'a> {
    /// Every byte before the MAC.
    pub over: &'a [u8],
    /// The MAC.
    pub mac: &'a [u8],
}

/// The place a bind asks for, and its proof's 16 bytes: the nonce of a BIND, the cookie of a BIND2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind {
    /// The room.
    pub relay: RelayId,
    /// The stream.
    pub ssrc: Ssrc,
    /// When the ticket ends, seconds since 1970.
    pub expiry: u32,
    /// Nonce or cookie.
    pub proof: [u8; 16],
}

impl Bind {
    /// The BIND with `proof` as its nonce.
    pub fn encode(&self, sign: impl FnOnce(&[u8]) -> [u8; 32]) -> Control {
        self.write(BIND, BIND_BYTES, sign)
    }

    /// The BIND2 with `proof` as its cookie.
    pub fn encode_second(&self, sign: impl FnOnce(&[u8]) -> [u8; 32]) -> Control {
        self.write(BIND2, BIND2_BYTES, sign)
    }

    /// Reads a BIND.
    pub fn decode(bytes: &[u8]) -> Option<(Self, Mac<'_>)> {
        Self::read(bytes, BIND, BIND_BYTES)
    }

    /// Reads a BIND2.
    pub fn decode_second(bytes: &[u8]) -> Option<(Self, Mac<'_>)> {
        Self::read(bytes, BIND2, BIND2_BYTES)
    }

    fn write(&self, code: u8, len: usize, sign: impl FnOnce(&[u8]) -> [u8; 32]) -> Control {
        let mut out = Control { len, ..Control::new() };
        out.bytes[0] = code;
        out.bytes[1..9].copy_from_slice(&self.relay.0.to_be_bytes());
        out.bytes[9..13].copy_from_slice(&self.ssrc.0.to_be_bytes());
        out.bytes[13..17].copy_from_slice(&self.expiry.to_be_bytes());
        out.bytes[17..SIGNED_BYTES].copy_from_slice(&self.proof);
        let mac = sign(&out.bytes[..SIGNED_BYTES]);
        out.bytes[SIGNED_BYTES..BIND2_BYTES].copy_from_slice(&mac);
        out
    }

    fn read(bytes: &[u8], code: u8, len: usize) -> Option<(Self, Mac<'_>)> {
        if bytes.len() != len || bytes[0] != code {
            return None;
        }
        let bind = Self {
            relay: RelayId(u64::from_be_bytes(part(bytes, 1)?)),
            ssrc: Ssrc(u32::from_be_bytes(part(bytes, 9)?)),
            expiry: u32::from_be_bytes(part(bytes, 13)?),
            proof: part(bytes, 17)?,
        };
        Some((bind, Mac { over: &bytes[..SIGNED_BYTES], mac: &bytes[SIGNED_BYTES..BIND2_BYTES] }))
    }
}

/// The relay's answer to a BIND.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// That of the BIND.
    pub nonce: [u8; 16],
    /// What a BIND2 brings back.
    pub cookie: [u8; 16],
}

impl Cookie {
    /// The COOKIE.
    pub fn encode(&self) -> Control {
        let mut out = Control { len: COOKIE_BYTES, ..Control::new() };
        out.bytes[0] = COOKIE;
        out.bytes[1..17].copy_from_slice(&self.nonce);
        out.bytes[17..COOKIE_BYTES].copy_from_slice(&self.cookie);
        out
    }

    /// Reads a COOKIE.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != COOKIE_BYTES || bytes[0] != COOKIE {
            return None;
        }
        Some(Self { nonce: part(bytes, 1)?, cookie: part(bytes, 17)? })
    }
}

/// The relay's answer to a BIND2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The room.
    pub relay: RelayId,
    /// The stream that is bound.
    pub ssrc: Ssrc,
}

impl Bound {
    /// The BOUND.
    pub fn encode(&self) -> Control {
        let mut out = Control { len: BOUND_BYTES, ..Control::new() };
        out.bytes[0] = BOUND;
        out.bytes[1..9].copy_from_slice(&self.relay.0.to_be_bytes());
        out.bytes[9..BOUND_BYTES].copy_from_slice(&self.ssrc.0.to_be_bytes());
        out
    }

    /// Reads a BOUND.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != BOUND_BYTES || bytes[0] != BOUND {
            return None;
        }
        Some(Self {
            relay: RelayId(u64::from_be_bytes(part(bytes, 1)?)),
            ssrc: Ssrc(u32::from_be_bytes(part(bytes, 9)?)),
        })
    }
}

/// What an RTP packet of ours carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Payload type 96: one Opus packet.
    Voice,
    /// Payload type 97: a report.
    Report,
    /// Payload type 98: one Opus packet, not sealed. Only in calls that are not encrypted.
    PlainVoice,
    /// Payload type 99: a report, not sealed.
    PlainReport,
    /// Payload type 100: one Opus packet and copies of earlier ones.
    Copies,
}

/// The RTP header of a sealed packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtp {
    /// What is sealed in it.
    pub payload: Payload,
    /// Of voice packets or of reports, modulo 2^16.
    pub seq: u16,
    /// Samples at 48 kHz, modulo 2^32.
    pub timestamp: u32,
    /// Whose.
    pub ssrc: Ssrc,
}

impl Rtp {
    /// The 12 bytes.
    pub fn encode(&self) -> [u8; RTP_BYTES] {
        let mut out = [0; RTP_BYTES];
        out[0] = 0x80;
        out[1] = match self.payload {
            Payload::Voice => 96,
            Payload::Report => 97,
            Payload::PlainVoice => 98,
            Payload::PlainReport => 99,
            Payload::Copies => 100,
        };
        out[2..4].copy_from_slice(&self.seq.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..].copy_from_slice(&self.ssrc.0.to_be_bytes());
        out
    }

    /// Reads the first 12 bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let payload = match *bytes.get(..2)? {
            [0x80, 96] => Payload::Voice,
            [0x80, 97] => Payload::Report,
            [0x80, 98] => Payload::PlainVoice,
            [0x80, 99] => Payload::PlainReport,
            [0x80, 100] => Payload::Copies,
            _ => return None,
        };
        Some(Self {
            payload,
            seq: u16::from_be_bytes(part(bytes, 2)?),
            timestamp: u32::from_be_bytes(part(bytes, 4)?),
            ssrc: Ssrc(u32::from_be_bytes(part(bytes, 8)?)),
        })
    }
}

/// `N` bytes from `at` on.
pub(in crate::wire) fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

const BIND: u8 = 0xc0;
const COOKIE: u8 = 0xc1;
const BIND2: u8 = 0xc2;
const BOUND: u8 = 0xc3;
const SIGNED_BYTES: usize = 33;

/// Bytes of a BIND, padded so that its answer is smaller.
pub const BIND_BYTES: usize = 96;
/// Bytes of a COOKIE.
pub const COOKIE_BYTES: usize = 33;
/// Bytes of a BIND2.
pub const BIND2_BYTES: usize = 65;
/// Bytes of a BOUND.
pub const BOUND_BYTES: usize = 13;
/// Bytes of an RTP header.
pub const RTP_BYTES: usize = 12;

const _: () =
    assert!(COOKIE_BYTES <= BIND_BYTES && BOUND_BYTES <= BIND2_BYTES, "no answer outgrows its question");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bind() -> Bind {
        Bind {
            relay: RelayId(0x0102030405060708),
            ssrc: Ssrc(0x090a0b0c),
            expiry: 0x0d0e0f10,
            proof: [0x11; 16],
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_document() {
        let sent = bind().encode(|over| {
            assert_eq!(over.len(), 33);
            [0x22; 32]
        });
        assert_eq!(sent.len(), 96);
        assert_eq!(sent[..17], [0xc0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
        assert!(sent[17..33].iter().all(|b| *b == 0x11) && sent[33..65].iter().all(|b| *b == 0x22));
        assert!(sent[65..].iter().all(|b| *b == 0));
        assert_eq!(
            (bind().encode_second(|_| [0; 32]).len(), bind().encode_second(|_| [0; 32])[0]),
            (65, 0xc2)
        );
        let bound = Bound { relay: RelayId(1), ssrc: Ssrc(2) }.encode();
        assert_eq!(bound[..], [0xc3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]);
        let rtp =
            Rtp { payload: Payload::Report, seq: 0x0102, timestamp: 0x03040506, ssrc: Ssrc(0x0708090a) };
        assert_eq!(rtp.encode(), [0x80, 97, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn kinds_by_the_first_byte() {
        assert_eq!(Kind::of(&[0x80]), Some(Kind::Rtp));
        assert_eq!(Kind::of(&[0xbf]), Some(Kind::Rtp));
        assert_eq!(Kind::of(&[0xc3]), Some(Kind::Bound));
        assert!([&[][..], &[0], &[19], &[64], &[127], &[0xc4], &[255]].iter().all(|b| Kind::of(b).is_none()));
    }

    #[test]
    fn one_byte_more_or_less_is_no_bind() {
        let sent = bind().encode(|_| [0; 32]);
        assert!(Bind::decode(&sent[..95]).is_none() && Bind::decode_second(&sent).is_none());
        let second = bind().encode_second(|_| [0; 32]);
        assert!(Bind::decode_second(&second[..64]).is_none() && Bind::decode(&second).is_none());
        assert!(Cookie::decode(&[0xc1; 32]).is_none() && Bound::decode(&[0xc3; 14]).is_none());
        assert!(Rtp::decode(&[0x90; 12]).is_none(), "an extension is none of ours");
        assert!(Rtp::decode(&[0x80, 96 | 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_none(), "nor is a marker");
    }

    proptest! {
        #[test]
        fn binds_survive_the_wire(relay in any::<u64>(), ssrc in any::<u32>(), expiry in any::<u32>(),
                                  proof in any::<[u8; 16]>(), mac in any::<[u8; 32]>()) {
            let bind = Bind { relay: RelayId(relay), ssrc: Ssrc(ssrc), expiry, proof };
            let (first, second) = (bind.encode(|_| mac), bind.encode_second(|_| mac));
            let (read, signed) = Bind::decode(&first).unwrap();
            prop_assert_eq!((read, signed.mac, signed.over), (bind, &mac[..], &first[..33]));
            let (read, signed) = Bind::decode_second(&second).unwrap();
            prop_assert_eq!((read, signed.mac, signed.over), (bind, &mac[..], &second[..33]));
            let cookie = Cookie { nonce: proof, cookie: [7; 16] };
            prop_assert_eq!(Cookie::decode(&cookie.encode()), Some(cookie));
            let bound = Bound { relay: bind.relay, ssrc: bind.ssrc };
            prop_assert_eq!(Bound::decode(&bound.encode()), Some(bound));
        }

        #[test]
        fn rtp_survives_the_wire(kind in 0..5_usize, seq in any::<u16>(), timestamp in any::<u32>(), ssrc in any::<u32>()) {
            let payload = [
                Payload::Voice, Payload::Report, Payload::PlainVoice, Payload::PlainReport, Payload::Copies,
            ][kind];
            let rtp = Rtp { payload, seq, timestamp, ssrc: Ssrc(ssrc) };
            prop_assert_eq!(Rtp::decode(&rtp.encode()), Some(rtp));
        }

        #[test]
        fn junk_is_read_without_a_panic(junk in prop::collection::vec(any::<u8>(), 0..128)) {
            let _ = (Kind::of(&junk), Bind::decode(&junk), Bind::decode_second(&junk), Cookie::decode(&junk));
            let _ = (Bound::decode(&junk), Rtp::decode(&junk));
        }
    }
}
