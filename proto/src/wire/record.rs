//! The records of our extension codes, CBOR maps with numbered keys (native.md section 1). Field numbers are never
//! reused; unknown keys are skipped; a repeated key is malformed (`wire::extension` checks that).

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::id::{CallId, DeviceId, Fingerprint, MsgId, Name, Principal, RelayId, Ssrc};

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
    /// UDP port of the relay, at the address this TCP connection goes to.
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

/// 311: remember the hash of an invite's token.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct NewInvite {
    /// SHA-256 of the 16 random bytes that only the invite itself holds.
    #[n(0)]
    pub token_hash: ByteArray<32>,
    /// How long it is valid, seconds.
    #[n(1)]
    pub life_secs: u32,
}

/// 361: answer to 311: what the inviter needs to write the link.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct InviteParts {
    /// Echo of 311.
    #[n(0)]
    pub token_hash: ByteArray<32>,
    /// The server's public host name or address literal.
    #[n(1)]
    pub host: String,
    /// Its TCP port.
    #[n(2)]
    pub port: u16,
}

/// 312: an invite received by somebody who has an account already.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Redeem {
    /// The token.
    #[n(0)]
    pub token: ByteArray<16>,
}

/// 352: what a name means, how one stands with its holder, and whether they are there.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Contact {
    /// Who.
    #[n(0)]
    pub principal: Principal,
    /// The name at this server.
    #[n(1)]
    pub name: Name,
    /// How one stands.
    #[n(2)]
    pub standing: Standing,
    /// Told of mutual contacts only.
    #[n(3)]
    pub presence: Presence,
    /// SHA-256 of the newest entry of their device list; none for a guest.
    #[n(4)]
    pub list_head: Option<ByteArray<32>>,
    /// The token of one's own invite that made this contact: proof that somebody presented it, since the server was
    /// told only its hash.
    #[n(5)]
    pub via_token: Option<ByteArray<16>>,
}

/// How one stands with somebody, seen from the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Standing {
    /// Nothing, or nothing any more.
    #[n(0)]
    None,
    /// One has asked and waits.
    #[n(1)]
    Asked,
    /// They have asked and wait.
    #[n(2)]
    Asking,
    /// Contacts.
    #[n(3)]
    Mutual,
}

/// Whether somebody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Presence {
    /// No device connected.
    #[n(0)]
    Offline,
    /// At least one is.
    #[n(1)]
    Online,
    /// And it is in a call.
    #[n(2)]
    InCall,
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
