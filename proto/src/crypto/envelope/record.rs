//! The CBOR of envelopes and bodies, as it is written.

use minicbor::bytes::{ByteArray, ByteSlice};
use minicbor::{Decode, Encode};

use super::{End, EnvelopeError, Heads, from_cbor};
use crate::id::{CallId, MsgId};

#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct Record<'b> {
    #[n(0)]
    pub(super) version: u8,
    #[n(1)]
    pub(super) msg: MsgId,
    #[n(2)]
    pub(super) from: End,
    #[n(3)]
    pub(super) to: End,
    #[n(4)]
    pub(super) seq: u64,
    #[n(5)]
    pub(super) sent_ms: u64,
    #[n(6)]
    pub(super) heads: Heads,
    #[n(7)]
    pub(super) kind: u8,
    #[b(8)]
    pub(super) body: &'b ByteSlice,
}

/// The one field that every version of the envelope has.
#[derive(Decode)]
#[cbor(map)]
pub(super) struct Version {
    #[n(0)]
    pub(super) version: u8,
}

impl Version {
    pub(super) fn read(cbor: &[u8]) -> Result<u8, EnvelopeError> {
        from_cbor::<Self>(cbor, "version").map(|record| record.version)
    }
}

#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct TextRecord {
    #[n(0)]
    pub(super) text: String,
}

#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct ReceiptRecord {
    #[n(0)]
    pub(super) ids: Vec<MsgId>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct CompareRecord {
    #[n(0)]
    pub(super) call: CallId,
    #[n(1)]
    pub(super) bytes: ByteArray<32>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct CallRecord {
    #[n(0)]
    pub(super) call: CallId,
}

#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct AcceptRecord<'b> {
    #[n(0)]
    pub(super) call: CallId,
    #[b(1)]
    pub(super) base_key: &'b ByteSlice,
    #[n(2)]
    pub(super) codec: u8,
    #[cbor(n(3), default, skip_if = "is_zero")]
    pub(super) generation: u8,
    #[cbor(n(4), default, skip_if = "is_zero")]
    pub(super) step: u8,
}

#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct KeyRecord<'b> {
    #[n(0)]
    pub(super) call: CallId,
    #[n(1)]
    pub(super) generation: u8,
    #[b(2)]
    pub(super) base_key: &'b ByteSlice,
    #[cbor(n(3), default, skip_if = "is_zero")]
    pub(super) step: u8,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the derive hands fields over by reference")]
const fn is_zero(step: &u8) -> bool {
    *step == 0
}
