//! The door to Olm: pairwise sessions with devices.
//!
//! vodozemac draws its own randomness, which a deterministic simulator cannot have. So the ratchet is handed in by
//! the shell behind [`Ratchet`], and the simulator hands in a stand-in with sealed messages of equal sizes.

use minicbor::bytes::ByteArray;

use crate::id::DeviceId;
use crate::time::Wall;
use crate::wire::record::{Prekey, Sealed};

/// The public half of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceKeys {
    /// Signs logins and prekeys.
    pub ed25519: [u8; 32],
    /// Identifies the device's sessions.
    pub curve25519: [u8; 32],
}

/// Why a message could not be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatchetError {
    /// There is no session with that device.
    NoSession,
    /// The message or key does not verify, was opened before, or is too far ahead.
    Undecryptable,
    /// The key is not a usable Curve25519 key.
    BadKey,
}

/// A part of the ratchet's state that changed and must be saved before anything that depends on it is sent.
/// The account has no peer; a session is that with one device.
#[derive(Clone, PartialEq, Eq)]
pub struct RatchetState {
    /// Whose session; `None` for the account itself.
    pub peer: Option<DeviceId>,
    /// Opaque to everybody else. Secret. Empty when the sessions were forgotten and the row can go.
    pub bytes: Vec<u8>,
}

impl core::fmt::Debug for RatchetState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RatchetState({:?}, ..)", self.peer)
    }
}

/// One device's account and sessions.
pub trait Ratchet: Send {
    /// The device's public keys.
    fn keys(&self) -> DeviceKeys;

    /// Ed25519 signature by the device key.
    fn sign(&self, bytes: &[u8]) -> [u8; 64];

    /// Retires all keys that were published for [`crate::limits::PREKEYS_LIFE`], so that [`Ratchet::prekeys`] gives new
    /// ones, and forgets those retired [`crate::limits::OLD_PREKEYS_LIFE`] ago (security.md section 3). Said before
    /// each [`Ratchet::prekeys`] that is published.
    fn age(&mut self, wall: Wall);

    /// Makes one-time keys up to the limit, and a fallback key if there is none, and returns all that should be
    /// published, signed. Calling again returns the same until some were used here; the hub remembers which of
    /// them it has given out ([`crate::hub::Store::put_prekeys`]).
    fn prekeys(&mut self) -> (Vec<Prekey>, Prekey);

    /// Whether a session with `device` exists.
    fn has_session(&self, device: DeviceId) -> bool;

    /// Starts a session with `device`, whose identity is `keys` (checked by the caller against the signed device
    /// list) using its `prekey` (signature checked by the caller). Replaces the session to seal with; older ones
    /// may still open what was sealed for them.
    ///
    /// # Errors
    /// [`RatchetError::BadKey`].
    fn start(&mut self, device: DeviceId, keys: DeviceKeys, prekey: &[u8; 32]) -> Result<(), RatchetError>;

    /// Seals `plaintext` for `device`.
    ///
    /// # Errors
    /// [`RatchetError::NoSession`].
    fn seal(&mut self, device: DeviceId, plaintext: &[u8]) -> Result<Sealed, RatchetError>;

    /// Opens a message of `device`, whose identity is `keys`. A pre-key message makes the session.
    ///
    /// # Errors
    /// Any of [`RatchetError`]; the state is unchanged then.
    fn open(&mut self, device: DeviceId, keys: DeviceKeys, sealed: &Sealed) -> Result<Vec<u8>, RatchetError>;

    /// Forgets the session with `device`. What it was made from still makes no second one.
    fn forget(&mut self, device: DeviceId);

    /// Takes what changed since the last call; empty when nothing did.
    fn take_changes(&mut self) -> Vec<RatchetState>;
}

/// The device's name: the first 16 bytes of SHA-256(Ed25519 || Curve25519).
pub fn device_id(keys: &DeviceKeys) -> DeviceId {
    let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    hash.update(&keys.ed25519);
    hash.update(&keys.curve25519);
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finish().as_ref()[..16]);
    DeviceId(id)
}

/// The bytes a device signs for one prekey: `"tincan-prekey-v1\0" || device id || key`.
pub fn prekey_bytes(device: DeviceId, key: &ByteArray<32>) -> Vec<u8> {
    [b"tincan-prekey-v1\0".as_slice(), &device.0, key.as_slice()].concat()
}
