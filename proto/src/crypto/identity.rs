//! Who is who: the account key that certifies, the device keys that speak, and the signed list that joins them
//! (security.md section 2, native.md section 1).
//!
//! The account key is an ordinary OpenSSH Ed25519 key. It signs nothing but SSHSIG (OpenSSH PROTOCOL.sshsig) under
//! our own namespaces, so no signature of ours is a login elsewhere, and `ssh-keygen -Y verify` can check ours.

use aws_lc_rs::digest;
use vodozemac::{Ed25519PublicKey, Ed25519Signature};

use crate::crypto::cbor::is_strict_map;
use crate::crypto::ratchet::{DeviceKeys, device_id, prekey_bytes};
use crate::id::{DeviceId, Fingerprint, Name};
use crate::wire::record::{Claim, DeviceAct, DeviceEntry, Prekey, Signed};

mod account;
mod list;

pub use account::{AccountKey, BadAccountKey, verify_sshsig};
pub use list::{BadList, DeviceList};

/// Under which device entries are signed.
pub const DEVICE_NAMESPACE: &str = "tincan-device@v1";
/// Under which claims to a name are signed.
pub const CLAIM_NAMESPACE: &str = "tincan-claim@v1";

/// Whether `signature` is that of the Ed25519 key over `bytes`, by the strict rules: no key or point of small order.
pub fn verify_device(ed25519: &[u8; 32], bytes: &[u8], signature: &[u8; 64]) -> bool {
    let Ok(key) = Ed25519PublicKey::from_slice(ed25519) else { return false };
    let Ok(signature) = Ed25519Signature::from_slice(signature) else { return false };
    key.verify(bytes, &signature).is_ok()
}

/// Whether the device signed this prekey.
pub fn verify_prekey(keys: &DeviceKeys, prekey: &Prekey) -> bool {
    verify_device(&keys.ed25519, &prekey_bytes(device_id(keys), &prekey.key), &prekey.signature)
}

/// What a login says, and is bound to.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The connection: [`crate::tls::Established::exporter`].
    pub exporter: &'a [u8; 32],
    /// The server that is meant.
    pub server: &'a Fingerprint,
    /// The account.
    pub account: &'a Fingerprint,
    /// The device that signs.
    pub device: DeviceId,
    /// SHA-256 of the newest device entry known to it.
    pub list_head: &'a [u8; 32],
    /// The name, as sent.
    pub name: &'a Name,
}

/// What the device key signs at login (native.md section 1).
pub fn login_bytes(login: &Login<'_>) -> Vec<u8> {
    let name = login.name.as_str().as_bytes();
    let length = u8::try_from(name.len()).expect("a name has at most 32 bytes");
    let parts: [&[u8]; 8] = [
        b"tincan-login-v1\0",
        login.exporter,
        &login.server.0,
        &login.account.0,
        &login.device.0,
        login.list_head,
        &[length],
        name,
    ];
    parts.concat()
}

/// The CBOR of a device entry, to be signed under [`DEVICE_NAMESPACE`].
pub fn entry_bytes(entry: &DeviceEntry) -> Vec<u8> {
    minicbor::to_vec(entry).expect("writing to memory does not fail")
}

/// The CBOR of a claim, to be signed under [`CLAIM_NAMESPACE`].
pub fn claim_bytes(claim: &Claim) -> Vec<u8> {
    minicbor::to_vec(claim).expect("writing to memory does not fail")
}

/// Who claims which name on the server `server`; none when the claim is malformed, forged or for another server.
pub fn verify_claim(signed: &Signed, server: &Fingerprint) -> Option<(Fingerprint, Name)> {
    let (account, claim) = opened::<Claim>(CLAIM_NAMESPACE, signed)?;
    (claim.server == *server).then_some((account, claim.name))
}

/// SHA-256 of an entry's signed bytes: what the next entry's `previous` and a `list_head` are.
pub fn entry_hash(signed: &Signed) -> [u8; 32] {
    sha256(&signed.bytes)
}

/// The device that an entry's signed bytes are about, and what they do to it. Whose they are is not looked at: for entries
/// that were checked before.
pub fn entry_device(bytes: &[u8]) -> Option<(DeviceId, DeviceAct)> {
    let entry = minicbor::decode::<DeviceEntry>(bytes).ok()?;
    let keys = DeviceKeys { ed25519: *entry.ed25519, curve25519: *entry.curve25519 };
    Some((device_id(&keys), entry.act))
}

fn opened<T: for<'b> minicbor::Decode<'b, ()>>(namespace: &str, signed: &Signed) -> Option<(Fingerprint, T)> {
    let account = verify_sshsig(namespace, &signed.bytes, &signed.sshsig)?;
    let value = is_strict_map(&signed.bytes).then(|| minicbor::decode(&signed.bytes).ok())??;
    Some((account, value))
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> AccountKey {
        AccountKey::from_seed(&[seed; 32], "alice@test")
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        // The neutral point as key and R, zero as S, "verifies" for every message under the lax rules.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&neutral);
        assert!(!verify_device(&neutral, b"anything", &signature));
    }

    #[test]
    fn login_bytes_are_those_of_the_document() {
        let name = Name::parse("Bob").unwrap();
        let (server, account) = (Fingerprint([2; 32]), Fingerprint([3; 32]));
        let (device, list_head) = (DeviceId([4; 16]), &[5; 32]);
        let login =
            Login { exporter: &[1; 32], server: &server, account: &account, device, list_head, name: &name };
        let mut expected = b"tincan-login-v1\0".to_vec();
        expected.extend([1; 32].iter().chain(&[2; 32]).chain(&[3; 32]).chain(&[4; 16]).chain(&[5; 32]));
        expected.extend(b"\x03Bob");
        assert_eq!(login_bytes(&login), expected);
    }

    #[test]
    fn claims_are_for_one_server() {
        let claim = Claim { server: Fingerprint([1; 32]), name: Name::parse("alice").unwrap() };
        let bytes = claim_bytes(&claim);
        let sshsig = key(1).sign(CLAIM_NAMESPACE, &bytes);
        let mut signed = Signed { bytes: bytes.into(), sshsig: sshsig.into() };
        let claimed = Some((key(1).fingerprint(), claim.name));
        assert_eq!(verify_claim(&signed, &Fingerprint([1; 32])), claimed);
        assert_eq!(verify_claim(&signed, &Fingerprint([2; 32])), None);
        signed.bytes.push(0);
        assert_eq!(verify_claim(&signed, &Fingerprint([1; 32])), None);
    }
}
