//! Sealed messages, of texts and of calls, and what became of them.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::id::{CallId, DeviceId, MsgId, Principal};

/// One Olm message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Sealed {
    /// Olm message type: 0 starts a session (pre-key message), 1 goes on with one.
    #[n(0)]
    pub kind: u8,
    /// The ciphertext.
    #[n(1)]
    pub bytes: ByteVec,
}

/// One device's copy of a message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Copy {
    /// Who can open it.
    #[n(0)]
    pub device: DeviceId,
    /// The message.
    #[n(1)]
    pub sealed: Sealed,
}

/// 306: a sealed message to each device of a contact.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Mail {
    /// The same on every retry.
    #[n(0)]
    pub id: MsgId,
    /// To whom.
    #[n(1)]
    pub to: Principal,
    /// One for each device.
    #[n(2)]
    pub copies: Vec<Copy>,
}

/// 355: a sealed message for this device.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct MailFrom {
    /// The sender's id of it.
    #[n(0)]
    pub id: MsgId,
    /// Who the hub says sent it. The envelope inside must agree.
    #[n(1)]
    pub from: Principal,
    /// From which device.
    #[n(2)]
    pub device: DeviceId,
    /// The message.
    #[n(3)]
    pub sealed: Sealed,
}

/// 356: what became of one copy of a 306.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct MailResult {
    /// Which message.
    #[n(0)]
    pub id: MsgId,
    /// Which copy.
    #[n(1)]
    pub device: DeviceId,
    /// What became of it.
    #[n(2)]
    pub fate: MailFate,
}

/// What became of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum MailFate {
    /// Written to the device's connection.
    #[n(0)]
    Forwarded,
    /// Stored until the device comes (a later version's; not sent by version 1).
    #[n(1)]
    Kept,
    /// The device is not connected; nothing was stored.
    #[n(2)]
    Gone,
    /// The device's queue is full.
    #[n(3)]
    Full,
}

/// 308: a sealed call message to one device.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CallMail {
    /// Which call.
    #[n(0)]
    pub call: CallId,
    /// To whom.
    #[n(1)]
    pub to: Principal,
    /// To which device.
    #[n(2)]
    pub device: DeviceId,
    /// The message.
    #[n(3)]
    pub sealed: Sealed,
}

/// 357: a sealed call message for this device.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CallMailFrom {
    /// Which call.
    #[n(0)]
    pub call: CallId,
    /// From whom.
    #[n(1)]
    pub from: Principal,
    /// From which device.
    #[n(2)]
    pub device: DeviceId,
    /// The message.
    #[n(3)]
    pub sealed: Sealed,
    /// How long the hub held it, milliseconds: decides ring or missed without trusting clocks.
    #[n(4)]
    pub held_ms: u32,
}
