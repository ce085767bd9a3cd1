//! A place in a call, and how its members stand.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::id::{CallId, DeviceId, Name, Principal, RelayId, Ssrc};

/// 358: a place in a call's relay room. Also the payload of 309, by which a member takes its place again after a
/// restart of the server or a reconnect.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Grant {
    /// The call.
    #[n(0)]
    pub call: CallId,
    /// The room: the first 8 bytes of SHA-256 of the call id, big-endian, so that a ticket names one call.
    #[n(1)]
    pub relay: RelayId,
    /// The receiver's own stream.
    #[n(2)]
    pub ssrc: Ssrc,
    /// When the ticket ends, seconds since 1970.
    #[n(3)]
    pub expiry: u32,
    /// HMAC-SHA256(relay key, relay id || ssrc || expiry), see `crypto::mac`.
    #[n(4)]
    pub ticket: ByteArray<32>,
    /// The other members, present or still ringing.
    #[n(5)]
    pub members: Vec<Member>,
    /// The call is not end-to-end encrypted, because a plain client was invited to it.
    #[cbor(n(6), default, skip_if = "is_false")]
    pub plain: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the derive hands fields over by reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Somebody in a call's room.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Member {
    /// Who.
    #[n(0)]
    pub principal: Principal,
    /// Under which name.
    #[n(1)]
    pub name: Name,
    /// The device's stream.
    #[n(2)]
    pub ssrc: Ssrc,
    /// Which device, for a key-owned member.
    #[n(3)]
    pub device: Option<DeviceId>,
}

/// 310: a newer ticket for this call, please.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Renew {
    /// The call.
    #[n(0)]
    pub call: CallId,
}

/// 359: what became of somebody in a call.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CallState {
    /// The call.
    #[n(0)]
    pub call: CallId,
    /// Who.
    #[n(1)]
    pub name: Name,
    /// What.
    #[n(2)]
    pub state: MemberState,
    /// Which device of theirs, when the word is about one device of a key-owned member.
    #[n(3)]
    pub device: Option<DeviceId>,
}

/// What became of somebody in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum MemberState {
    /// A device of theirs was told.
    #[n(0)]
    Ringing,
    /// In another call.
    #[n(1)]
    Busy,
    /// Said no.
    #[n(2)]
    Declined,
    /// Did not answer within the ringing time.
    #[n(3)]
    NoAnswer,
    /// Is in.
    #[n(4)]
    Joined,
    /// Hung up.
    #[n(5)]
    Left,
    /// Not connected.
    #[n(6)]
    Gone,
    /// Another device of the same account took it.
    #[n(7)]
    Taken,
}
