//! What is inside a sealed message: who says it to whom, and what (native.md sections 4 and 5).
//!
//! ```text
//! u16 length (big-endian) || CBOR envelope || zeros up to a bucket
//! ```
//!
//! The four identities are inside, so that a receiver can hold them against the session's key and the signed device
//! list: a server cannot put a message under another name. Sizes fall into few buckets, so that they tell little.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::crypto::cbor::is_strict_map;
use crate::id::{CallId, DeviceId, Fingerprint, MsgId};
use crate::limits::{
    ENVELOPE_BYTES_MAX, GREETING_CHARS_MAX, LIST_ITEMS_MAX, PADDING_BUCKETS, TEXT_BYTES_MAX,
};
use crate::time::Wall;

mod record;

use record::{
    AcceptRecord, CallRecord, CompareRecord, KeyRecord, ReceiptRecord, Record, TextRecord, Version,
};

/// One sealed message, opened. Some bodies hold keys: neither stored nor logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Named by the sender, the same on every retry.
    pub msg: MsgId,
    /// Who says it.
    pub from: End,
    /// To whom.
    pub to: End,
    /// Counts the sender's messages to this device, so that gaps and order can be seen.
    pub seq: u64,
    /// The sender's wall clock. For people only.
    pub sent: Wall,
    /// Which device lists the sender knows: enough to find out a server that shows two people different lists. Nobody
    /// looks yet.
    pub heads: Heads,
    /// What is said.
    pub body: Body,
}

/// One device of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct End {
    /// The account key's fingerprint.
    #[n(0)]
    pub account: Fingerprint,
    /// The device.
    #[n(1)]
    pub device: DeviceId,
}

/// SHA-256 of the newest device entry that the sender knows, of both accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Heads {
    /// The sender's own.
    #[n(0)]
    pub from: ByteArray<32>,
    /// The receiver's.
    #[n(1)]
    pub to: ByteArray<32>,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// A text, 1 to [`TEXT_BYTES_MAX`] bytes. Not yet `Safe`.
    Text(String),
    /// These messages are saved at the receiver's device. None of them: the session it is sealed with is new, and takes
    /// the place of one that opened nothing.
    Receipt(Vec<MsgId>),
    /// What goes with a contact request, 1 to [`GREETING_CHARS_MAX`] characters. Not yet `Safe`.
    Greeting(String),
    /// A call, with no key in it.
    Offer(Offer),
    /// The offer arrived and somebody is being told.
    Ringing(CallId),
    /// A human said yes.
    Accept {
        /// The call.
        call: CallId,
        /// Of which the accepting device's sender key is derived.
        base_key: Zeroizing<[u8; 32]>,
        /// One of the offer's.
        codec: u8,
        /// Of that key, 0 to 31: above 0 when the call was joined a while ago already.
        generation: u8,
        /// Ratchet step of `base_key` within the generation, 0 to 7.
        step: u8,
    },
    /// A sender key of the device that says this.
    Key {
        /// The call.
        call: CallId,
        /// 0 to 31.
        generation: u8,
        /// Ratchet step of `base_key` within the generation, 0 to 7 (RFC 9605 section 5.1).
        step: u8,
        /// Of which it is derived.
        base_key: Zeroizing<[u8; 32]>,
    },
    /// Another device of the receiver's account took the call.
    Taken(CallId),
    /// The sender is out.
    HangUp(CallId),
    /// The promise of a nonce, for words to be compared: see [`crate::crypto::safety::promise`].
    Promise {
        /// The call.
        call: CallId,
        /// SHA-256.
        promise: [u8; 32],
    },
    /// What was promised. Not a secret: the other end alone can read it.
    Nonce {
        /// The call.
        call: CallId,
        /// Random.
        nonce: [u8; 32],
    },
}

/// What a caller offers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Offer {
    /// The call.
    #[n(0)]
    pub call: CallId,
    /// Codecs the caller can use, the best first; [`CODEC_OPUS`] is the only one of version 1.
    #[n(1)]
    pub codecs: Vec<u8>,
    /// Frame durations it can receive, milliseconds: 5, 10 or 20, the best first.
    #[n(2)]
    pub frames_ms: Vec<u8>,
    /// Who is in the call as the caller sees it: [`roster_hash`].
    #[n(3)]
    pub roster: ByteArray<32>,
}

/// Opus at 48 kHz, one channel (RFC 6716).
pub const CODEC_OPUS: u8 = 0;

/// Key generations of one sender in one call: the SFrame key id holds five bits of it.
pub const GENERATION_MAX: u8 = 31;

/// Ratchet steps of one generation: three bits of the key id.
pub const STEP_MAX: u8 = 7;

/// Why an envelope cannot be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopeError {
    /// Longer than [`ENVELOPE_BYTES_MAX`], or its text than [`TEXT_BYTES_MAX`].
    TooLong,
    /// Not an envelope: which part.
    Malformed(&'static str),
    /// A kind of message that this version does not know. Ignored, so that later versions can say more.
    UnknownKind(u8),
    /// An envelope version that this one does not know.
    UnknownVersion(u8),
}

impl Envelope {
    /// The padded bytes to be sealed.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLong`], or [`EnvelopeError::Malformed`] for a body that no receiver would take.
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        let body = self.body.encode()?;
        let record = Record {
            version: VERSION,
            msg: self.msg,
            from: self.from,
            to: self.to,
            seq: self.seq,
            sent_ms: self.sent.0,
            heads: self.heads,
            kind: self.body.kind(),
            body: body.as_slice().into(),
        };
        let cbor = to_cbor(&record);
        let bucket = PADDING_BUCKETS.into_iter().find(|&size| size >= cbor.len() + 2);
        let size = bucket.ok_or(EnvelopeError::TooLong)?;
        let length = u16::try_from(cbor.len()).map_err(|_| EnvelopeError::TooLong)?;
        let mut out = Zeroizing::new(Vec::with_capacity(size));
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&cbor);
        out.resize(size, 0);
        Ok(out)
    }

    /// Reads opened bytes.
    ///
    /// # Errors
    /// Any of [`EnvelopeError`].
    pub fn decode(padded: &[u8]) -> Result<Self, EnvelopeError> {
        let cbor = unpad(padded)?;
        strict_map(cbor, "envelope")?;
        let version = Version::read(cbor)?;
        if version != VERSION {
            return Err(EnvelopeError::UnknownVersion(version));
        }
        let record: Record<'_> = from_cbor(cbor, "envelope")?;
        Ok(Self {
            msg: record.msg,
            from: record.from,
            to: record.to,
            seq: record.seq,
            sent: Wall(record.sent_ms),
            heads: record.heads,
            body: Body::decode(record.kind, record.body)?,
        })
    }
}

impl Body {
    const fn kind(&self) -> u8 {
        match self {
            Self::Text(_) => 0,
            Self::Receipt(_) => 1,
            Self::Greeting(_) => 2,
            Self::Offer(_) => 16,
            Self::Ringing(_) => 17,
            Self::Accept { .. } => 18,
            Self::Key { .. } => 19,
            Self::Taken(_) => 20,
            Self::HangUp(_) => 21,
            Self::Promise { .. } => 22,
            Self::Nonce { .. } => 23,
        }
    }

    /// The call it is about, for all that are about one.
    pub fn call(&self) -> Option<CallId> {
        match self {
            Self::Text(_) | Self::Receipt(_) | Self::Greeting(_) => None,
            Self::Offer(offer) => Some(offer.call),
            Self::Ringing(call) | Self::Taken(call) | Self::HangUp(call) => Some(*call),
            Self::Accept { call, .. }
            | Self::Key { call, .. }
            | Self::Promise { call, .. }
            | Self::Nonce { call, .. } => Some(*call),
        }
    }

    fn encode(&self) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        self.check()?;
        Ok(match self {
            Self::Text(text) | Self::Greeting(text) => to_cbor(&TextRecord { text: text.clone() }),
            Self::Receipt(ids) => to_cbor(&ReceiptRecord { ids: ids.clone() }),
            Self::Offer(offer) => to_cbor(offer),
            Self::Ringing(call) | Self::Taken(call) | Self::HangUp(call) => {
                to_cbor(&CallRecord { call: *call })
            }
            Self::Promise { call, promise: bytes } | Self::Nonce { call, nonce: bytes } => {
                to_cbor(&CompareRecord { call: *call, bytes: (*bytes).into() })
            }
            Self::Accept { call, base_key, codec, generation, step } => to_cbor(&AcceptRecord {
                call: *call,
                base_key: base_key.as_slice().into(),
                codec: *codec,
                generation: *generation,
                step: *step,
            }),
            Self::Key { call, generation, step, base_key } => {
                let base_key = base_key.as_slice().into();
                to_cbor(&KeyRecord { call: *call, generation: *generation, base_key, step: *step })
            }
        })
    }

    fn decode(kind: u8, cbor: &[u8]) -> Result<Self, EnvelopeError> {
        strict_map(cbor, "body")?;
        let call = || from_cbor::<CallRecord>(cbor, "call").map(|record| record.call);
        let body = match kind {
            0 => Self::Text(from_cbor::<TextRecord>(cbor, "text")?.text),
            1 => Self::Receipt(from_cbor::<ReceiptRecord>(cbor, "receipt")?.ids),
            2 => Self::Greeting(from_cbor::<TextRecord>(cbor, "greeting")?.text),
            16 => Self::Offer(from_cbor(cbor, "offer")?),
            17 => Self::Ringing(call()?),
            18 => {
                let record: AcceptRecord<'_> = from_cbor(cbor, "accept")?;
                let AcceptRecord { call, codec, generation, step, .. } = record;
                Self::Accept { call, base_key: base_key(record.base_key)?, codec, generation, step }
            }
            19 => {
                let record: KeyRecord<'_> = from_cbor(cbor, "key")?;
                let base_key = base_key(record.base_key)?;
                Self::Key { call: record.call, generation: record.generation, step: record.step, base_key }
            }
            20 => Self::Taken(call()?),
            21 => Self::HangUp(call()?),
            22 | 23 => {
                let CompareRecord { call, bytes } = from_cbor(cbor, "comparison")?;
                let bytes = bytes.into();
                if kind == 22 {
                    Self::Promise { call, promise: bytes }
                } else {
                    Self::Nonce { call, nonce: bytes }
                }
            }
            unknown => return Err(EnvelopeError::UnknownKind(unknown)),
        };
        body.check()?;
        Ok(body)
    }

    /// The same bounds where a body is made and where it is read.
    fn check(&self) -> Result<(), EnvelopeError> {
        let ok = match self {
            Self::Text(text) if text.len() > TEXT_BYTES_MAX => return Err(EnvelopeError::TooLong),
            Self::Text(text) => !text.is_empty(),
            Self::Receipt(ids) => ids.len() <= LIST_ITEMS_MAX,
            Self::Greeting(text) => (1..=GREETING_CHARS_MAX).contains(&text.chars().count()),
            Self::Offer(offer) => {
                let listed = |list: &[u8]| (1..=OFFERED_MAX).contains(&list.len());
                listed(&offer.codecs) && listed(&offer.frames_ms)
            }
            Self::Accept { generation, step, .. } | Self::Key { generation, step, .. } => {
                *generation <= GENERATION_MAX && *step <= STEP_MAX
            }
            Self::Ringing(_)
            | Self::Taken(_)
            | Self::HangUp(_)
            | Self::Promise { .. }
            | Self::Nonce { .. } => true,
        };
        if ok { Ok(()) } else { Err(EnvelopeError::Malformed("body")) }
    }
}

/// Says what kind of body and about which call, never what it holds.
impl core::fmt::Debug for Body {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Receipt(ids) => write!(f, "Receipt({ids:?})"),
            Self::Greeting(text) => write!(f, "Greeting({} bytes)", text.len()),
            Self::Offer(offer) => write!(f, "{offer:?}"),
            Self::Ringing(call) => write!(f, "Ringing({call:?})"),
            Self::Accept { call, .. } => write!(f, "Accept({call:?})"),
            Self::Key { call, generation, step, .. } => {
                write!(f, "Key({call:?}, generation {generation} step {step})")
            }
            Self::Taken(call) => write!(f, "Taken({call:?})"),
            Self::HangUp(call) => write!(f, "HangUp({call:?})"),
            Self::Promise { call, .. } => write!(f, "Promise({call:?})"),
            Self::Nonce { call, .. } => write!(f, "Nonce({call:?})"),
        }
    }
}

impl core::fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooLong => write!(f, "a message has at most {TEXT_BYTES_MAX} bytes"),
            Self::Malformed(part) => write!(f, "the sealed message has a malformed {part}"),
            Self::UnknownKind(kind) => write!(f, "a sealed message of the unknown kind {kind}"),
            Self::UnknownVersion(version) => write!(f, "a sealed message of the unknown version {version}"),
        }
    }
}

impl core::error::Error for EnvelopeError {}

/// Who is in a call: SHA-256 of `"tincan-roster-v1\0" || call id || account fingerprints`, these sorted and once
/// each, so that both ends get the same from any order.
pub fn roster_hash(call: CallId, accounts: &[Fingerprint]) -> ByteArray<32> {
    let accounts: std::collections::BTreeSet<_> = accounts.iter().collect();
    let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    hash.update(b"tincan-roster-v1\0");
    hash.update(&call.0);
    accounts.iter().for_each(|account| hash.update(&account.0));
    let mut out = [0; 32];
    out.copy_from_slice(hash.finish().as_ref());
    out.into()
}

fn unpad(padded: &[u8]) -> Result<&[u8], EnvelopeError> {
    let malformed = EnvelopeError::Malformed("padding");
    if !PADDING_BUCKETS.contains(&padded.len()) {
        return Err(malformed);
    }
    let (length, rest) = padded.split_first_chunk().ok_or(malformed)?;
    let (cbor, zeros) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(malformed)?;
    if zeros.iter().any(|&b| b != 0) {
        return Err(malformed);
    }
    Ok(cbor)
}

fn strict_map(cbor: &[u8], part: &'static str) -> Result<(), EnvelopeError> {
    if is_strict_map(cbor) { Ok(()) } else { Err(EnvelopeError::Malformed(part)) }
}

fn to_cbor<T: Encode<()>>(value: &T) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(ENVELOPE_BYTES_MAX));
    minicbor::encode(value, &mut *out).expect("writing to memory does not fail");
    out
}

fn from_cbor<'b, T: Decode<'b, ()>>(cbor: &'b [u8], part: &'static str) -> Result<T, EnvelopeError> {
    minicbor::decode(cbor).map_err(|_| EnvelopeError::Malformed(part))
}

fn base_key(bytes: &[u8]) -> Result<Zeroizing<[u8; 32]>, EnvelopeError> {
    let key = bytes.try_into().map_err(|_| EnvelopeError::Malformed("base key"))?;
    Ok(Zeroizing::new(key))
}

const VERSION: u8 = 1;
/// Codecs, or frame durations, of one offer.
const OFFERED_MAX: usize = 8;

const _: () = assert!(PADDING_BUCKETS[PADDING_BUCKETS.len() - 1] == ENVELOPE_BYTES_MAX);

#[cfg(test)]
mod tests;
