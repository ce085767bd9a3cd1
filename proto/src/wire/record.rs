//! The records of our extension codes, CBOR maps with numbered keys (native.md section 1). Field numbers are never
//! reused; unknown keys are skipped; a repeated key is malformed (`wire::extension` checks that).

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::id::{DeviceId, Fingerprint, Name, Principal};

mod call;
mod contact;
mod mail;

pub use call::*;
pub use contact::*;
pub use mail::*;

/// Bytes and the account key's signature over them. Kept and sent on exactly as received, never re-encoded.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Signed {
    /// What was signed: the CBOR of a [`DeviceEntry`] or a [`Claim`].
    #[n(0)]
    pub bytes: ByteVec,
    /// The binary SSHSIG blob (OpenSSH PROTOCOL.sshsig), which carries the public key.
    #[n(1)]
    pub sshsig: ByteVec,
}

/// One link of an account's device list, signed under the namespace `tincan-device@v1`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DeviceEntry {
    /// Place in the list, from 0.
    #[n(0)]
    pub seq: u32,
    /// SHA-256 of the entry before; zeros for the first.
    #[n(1)]
    pub previous: ByteArray<32>,
    /// Whether the device is added or revoked.
    #[n(2)]
    pub act: DeviceAct,
    /// The device's Ed25519 key.
    #[n(3)]
    pub ed25519: ByteArray<32>,
    /// The device's Curve25519 key.
    #[n(4)]
    pub curve25519: ByteArray<32>,
    /// Wall clock of the device, milliseconds since 1970. For people only.
    #[n(5)]
    pub created_ms: u64,
}

/// What a [`DeviceEntry`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum DeviceAct {
    /// The device speaks for the account from here on.
    #[n(0)]
    Add,
    /// It no longer does.
    #[n(1)]
    Revoke,
}

/// An account's claim to a name on one server, signed under the namespace `tincan-claim@v1`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Claim {
    /// The server that is meant.
    #[n(0)]
    pub server: Fingerprint,
    /// The name.
    #[n(1)]
    pub name: Name,
}

/// 300: the first frame of a client.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Hello {
    /// Protocol versions it speaks. This document is version 1.
    #[n(0)]
    pub versions: Vec<u16>,
    /// Name and version of the program, for people.
    #[n(1)]
    pub software: String,
}

/// 350: the server's answer to 300.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ServerHello {
    /// The version both will speak.
    #[n(0)]
    pub version: u16,
    /// Name and version of the program, for people.
    #[n(1)]
    pub software: String,
    /// The port the server listens on, for TCP and for UDP. Behind a forwarder clients know it by another.
    #[n(2)]
    pub udp_port: u16,
    /// Largest payload of one frame, bytes.
    #[n(3)]
    pub payload_max: u32,
    /// Whether a new account needs an invite's token.
    #[n(4)]
    pub invite_only: bool,
}

/// 301: a new account on this server, or a new device of one.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Register {
    /// The device's [`DeviceEntry`].
    #[n(0)]
    pub entry: Signed,
    /// The account's [`Claim`].
    #[n(1)]
    pub claim: Signed,
    /// The token of an invite.
    #[n(2)]
    pub token: Option<ByteArray<16>>,
}

/// 302: login of a registered device.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Auth {
    /// The claimed name.
    #[n(0)]
    pub name: Name,
    /// The account key's fingerprint.
    #[n(1)]
    pub account: Fingerprint,
    /// The device.
    #[n(2)]
    pub device: DeviceId,
    /// SHA-256 of the newest device entry the client knows of its own account.
    #[n(3)]
    pub list_head: ByteArray<32>,
    /// The device key's Ed25519 signature over the TLS exporter (`crypto::identity::login_bytes`).
    #[n(4)]
    pub signature: ByteArray<64>,
}

/// One Curve25519 key for starting a session, signed by its device (`crypto::identity::prekey_bytes`).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Prekey {
    /// The key.
    #[n(0)]
    pub key: ByteArray<32>,
    /// The device's Ed25519 signature.
    #[n(1)]
    pub signature: ByteArray<64>,
}

/// 303: keys for sessions that others start, sent after every login.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Prekeys {
    /// All one-time keys the device holds unpublished or published; the hub's set becomes this one.
    #[n(0)]
    pub one_time: Vec<Prekey>,
    /// The key for when those run out.
    #[n(1)]
    pub fallback: Prekey,
}

/// 304: which devices has this account?
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WantDevices {
    /// A contact, or a member of the same call.
    #[n(0)]
    pub principal: Principal,
}

/// 353: answer to 304.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Devices {
    /// Whose.
    #[n(0)]
    pub principal: Principal,
    /// The whole list, oldest first, as signed.
    #[n(1)]
    pub entries: Vec<Signed>,
}

/// 305: a key to start a session with this device.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WantPrekey {
    /// Whose device.
    #[n(0)]
    pub principal: Principal,
    /// The device.
    #[n(1)]
    pub device: DeviceId,
}

/// 354: answer to 305.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PrekeyFor {
    /// Whose device.
    #[n(0)]
    pub principal: Principal,
    /// The device.
    #[n(1)]
    pub device: DeviceId,
    /// The key; none when the device has published nothing yet.
    #[n(2)]
    pub prekey: Option<Prekey>,
}

/// 360: a request that could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Refused {
    /// The client's frame, counted from 0 on this connection.
    #[n(0)]
    pub re: u32,
    /// Why, for programs.
    #[cbor(n(1), decode_with = "super::extension::read_why")]
    pub why: Why,
    /// Why, for people.
    #[n(2)]
    pub text: String,
}

/// Why a request was refused. New reasons are added at the end; a reader takes an unknown one as [`Why::Other`]
/// (`wire::extension` does).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Why {
    /// See the text.
    #[n(0)]
    Other,
    /// Bytes, a name or a field that cannot be read.
    #[n(1)]
    BadRequest,
    /// Not logged in yet.
    #[n(2)]
    NotLoggedIn,
    /// Logged in already.
    #[n(3)]
    LoggedIn,
    /// No such code.
    #[n(4)]
    UnknownCode,
    /// No version in common.
    #[n(5)]
    Version,
    /// The name belongs to another key, or is reserved.
    #[n(6)]
    NameTaken,
    /// This server takes new accounts by invite only, and the token is missing, wrong or used up.
    #[n(7)]
    InviteNeeded,
    /// The token is wrong, revoked or past its time.
    #[n(8)]
    BadToken,
    /// The account or device is not registered here: 301 first.
    #[n(9)]
    NotRegistered,
    /// A signature does not verify, or names and keys do not fit together.
    #[n(10)]
    BadSignature,
    /// The device was revoked.
    #[n(11)]
    Revoked,
    /// Nobody has this name.
    #[n(12)]
    NoSuchUser,
    /// That is oneself.
    #[n(13)]
    Oneself,
    /// Asked already, or contacts already.
    #[n(14)]
    Already,
    /// No request of theirs is waiting.
    #[n(15)]
    NoRequest,
    /// Not a contact.
    #[n(16)]
    NotContact,
    /// A limit of this server: see the text.
    #[n(17)]
    Limit,
    /// Too fast.
    #[n(18)]
    TooFast,
    /// No such call, or not in it.
    #[n(19)]
    NoCall,
    /// In a call already.
    #[n(20)]
    InCall,
    /// Nobody could be rung.
    #[n(21)]
    NobodyRung,
    /// This version of the server does not do that.
    #[n(22)]
    Unsupported,
    /// The server failed; nothing was changed.
    #[n(23)]
    Internal,
}

/// 362: the server goes away for a while.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Goaway {
    /// Come back after so many milliseconds, not sooner.
    #[n(0)]
    pub retry_ms: u32,
}
