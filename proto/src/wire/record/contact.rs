//! Invites, and what a name means.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::id::{Name, Principal};

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
