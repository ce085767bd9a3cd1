//! Who is who: the account key that certifies, the device keys that speak, and the signed list that joins them
//! (security.md section 2, native.md section 1).
//!
//! The account key is an ordinary OpenSSH Ed25519 key. It signs nothing but SSHSIG (OpenSSH PROTOCOL.sshsig) under
//! our own namespaces, so no signature of ours is a login elsewhere, and `ssh-keygen -Y verify` can check ours.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;
use aws_lc_rs::signature::Ed25519KeyPair;
use minicbor::bytes::ByteArray;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use vodozemac::{Ed25519PublicKey, Ed25519Signature};
use zeroize::Zeroizing;

use crate::crypto::cbor::is_strict_map;
use crate::crypto::ratchet::{DeviceKeys, device_id, prekey_bytes};
use crate::id::{DeviceId, Fingerprint, Name};
use crate::limits::{DEVICES_MAX, ENTRY_BYTES_MAX};
use crate::wire::record::{Claim, DeviceAct, DeviceEntry, Prekey, Signed};

/// Under which device entries are signed.
pub const DEVICE_NAMESPACE: &str = "tincan-device@v1";
/// Under which claims to a name are signed.
pub const CLAIM_NAMESPACE: &str = "tincan-claim@v1";

/// An account's private key.
pub struct AccountKey {
    ssh: ssh_key::PrivateKey,
    signer: Ed25519KeyPair,
    public: [u8; 32],
}

/// Why a private key file is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadAccountKey {
    /// Not an OpenSSH private key.
    NotOpenSsh,
    /// Protected by a passphrase.
    Encrypted,
    /// Another kind than Ed25519.
    NotEd25519,
}

impl core::fmt::Display for BadAccountKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotOpenSsh => "the file does not hold a private key in OpenSSH form",
            Self::Encrypted => {
                "the key is protected by a passphrase; remove it with ssh-keygen -p, on a copy"
            }
            Self::NotEd25519 => "the key is not an Ed25519 key; make one with ssh-keygen -t ed25519",
        })
    }
}

impl core::error::Error for BadAccountKey {}

impl AccountKey {
    /// The key that `seed`, 32 random bytes drawn by the shell, stands for. `comment` is for people.
    pub fn from_seed(seed: &[u8; 32], comment: &str) -> Self {
        let pair = KeypairData::from(Ed25519Keypair::from_seed(seed));
        let ssh =
            ssh_key::PrivateKey::new(pair, comment).expect("an unencrypted Ed25519 key has a file form");
        Self::from_ssh(ssh).expect("a key made as Ed25519 is one")
    }

    /// Reads the OpenSSH private key format.
    ///
    /// # Errors
    /// Any of [`BadAccountKey`].
    pub fn from_openssh(text: &str) -> Result<Self, BadAccountKey> {
        let ssh = ssh_key::PrivateKey::from_openssh(text).map_err(|_| BadAccountKey::NotOpenSsh)?;
        if ssh.is_encrypted() {
            return Err(BadAccountKey::Encrypted);
        }
        Self::from_ssh(ssh)
    }

    fn from_ssh(ssh: ssh_key::PrivateKey) -> Result<Self, BadAccountKey> {
        let KeypairData::Ed25519(pair) = ssh.key_data() else { return Err(BadAccountKey::NotEd25519) };
        let (seed, public) = (Zeroizing::new(pair.private.to_bytes()), pair.public.0);
        let signer = Ed25519KeyPair::from_seed_and_public_key(&*seed, &public)
            .map_err(|_| BadAccountKey::NotOpenSsh)?;
        Ok(Self { ssh, signer, public })
    }

    /// The text of the key's file. Secret.
    pub fn to_openssh(&self) -> Zeroizing<String> {
        self.ssh.to_openssh(ssh_key::LineEnding::LF).expect("an unencrypted Ed25519 key has a file form")
    }

    /// The line of the public key, as in `id_ed25519.pub`.
    pub fn public_openssh(&self) -> String {
        self.ssh.public_key().to_openssh().expect("an Ed25519 key has a public line")
    }

    /// What `ssh-keygen -l` prints, as bytes.
    pub fn fingerprint(&self) -> Fingerprint {
        account_fingerprint(&self.public)
    }

    /// Signs `bytes` under `namespace`: the binary SSHSIG blob, hash SHA-512.
    pub fn sign(&self, namespace: &str, bytes: &[u8]) -> Vec<u8> {
        let signature = self.signer.sign(&sshsig_signed(namespace, bytes));
        let signature = signature.as_ref().try_into().expect("an Ed25519 signature has 64 bytes");
        sshsig_blob(&self.public, namespace, &signature)
    }
}

impl core::fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "AccountKey({})", self.fingerprint().openssh())
    }
}

/// Whose signature of `bytes` under `namespace` the SSHSIG blob is; none when it is nobody's. One form only:
/// version 1, Ed25519, SHA-512, nothing reserved.
pub fn verify_sshsig(namespace: &str, bytes: &[u8], sshsig: &[u8]) -> Option<Fingerprint> {
    let public: [u8; 32] = sshsig.get(SSHSIG_KEY_AT..SSHSIG_KEY_AT + 32)?.try_into().ok()?;
    let signature: [u8; 64] = *sshsig.last_chunk()?;
    // All else in the blob is fixed, so there is nothing to parse: it is what we would have written, or refused.
    if sshsig != sshsig_blob(&public, namespace, &signature) {
        return None;
    }
    verify_device(&public, &sshsig_signed(namespace, bytes), &signature).then(|| account_fingerprint(&public))
}

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

/// Why a device list is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadList {
    /// An entry that cannot be read, or is too long.
    Malformed,
    /// An entry that this account's key did not sign.
    Forged,
    /// An entry out of its place: the chain does not hold.
    Broken,
    /// An entry that adds what is there, or revokes what is not.
    Senseless,
    /// More devices than [`DEVICES_MAX`].
    Full,
}

/// An account's devices, from its own signed words. The server that hands the list on cannot add to it; it can
/// hold back the end, which the heads inside every sealed message show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceList {
    account: Fingerprint,
    head: [u8; 32],
    entries: u32,
    devices: BTreeMap<DeviceId, DeviceKeys>,
    revoked: BTreeSet<DeviceId>,
}

impl DeviceList {
    /// The list before its first entry.
    pub fn new(account: Fingerprint) -> Self {
        Self { account, head: [0; 32], entries: 0, devices: BTreeMap::new(), revoked: BTreeSet::new() }
    }

    /// Checks a whole list, oldest first.
    ///
    /// # Errors
    /// Any of [`BadList`], of the first entry that is wrong.
    pub fn verify(account: Fingerprint, entries: &[Signed]) -> Result<Self, BadList> {
        let mut list = Self::new(account);
        entries.iter().try_for_each(|entry| list.append(entry))?;
        Ok(list)
    }

    /// Checks and takes in the next entry; changes nothing when it is wrong.
    ///
    /// # Errors
    /// Any of [`BadList`].
    pub fn append(&mut self, signed: &Signed) -> Result<(), BadList> {
        if signed.bytes.len() + signed.sshsig.len() > ENTRY_BYTES_MAX || !is_strict_map(&signed.bytes) {
            return Err(BadList::Malformed);
        }
        let Some((signer, entry)) = opened::<DeviceEntry>(DEVICE_NAMESPACE, signed) else {
            return Err(BadList::Forged);
        };
        if signer != self.account {
            return Err(BadList::Forged);
        }
        if entry.seq != self.entries || *entry.previous != self.head {
            return Err(BadList::Broken);
        }
        self.apply(&entry)?;
        self.entries += 1;
        self.head = entry_hash(signed);
        Ok(())
    }

    fn apply(&mut self, entry: &DeviceEntry) -> Result<(), BadList> {
        let keys = DeviceKeys { ed25519: *entry.ed25519, curve25519: *entry.curve25519 };
        let id = device_id(&keys);
        match entry.act {
            DeviceAct::Add if self.devices.contains_key(&id) || self.revoked.contains(&id) => {
                Err(BadList::Senseless)
            }
            DeviceAct::Add if self.devices.len() + self.revoked.len() >= DEVICES_MAX => Err(BadList::Full),
            DeviceAct::Add => {
                self.devices.insert(id, keys);
                Ok(())
            }
            DeviceAct::Revoke if self.devices.remove(&id).is_none() => Err(BadList::Senseless),
            DeviceAct::Revoke => {
                self.revoked.insert(id);
                Ok(())
            }
        }
    }

    /// Whose.
    pub fn account(&self) -> Fingerprint {
        self.account
    }

    /// SHA-256 of the newest entry's signed bytes; zeros while there is none.
    pub fn head(&self) -> [u8; 32] {
        self.head
    }

    /// How many entries there are: the next one's `seq`.
    pub fn next_seq(&self) -> u32 {
        self.entries
    }

    /// The devices that speak for the account, in the order of their ids.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceId, &DeviceKeys)> {
        self.devices.iter().map(|(id, keys)| (*id, keys))
    }

    /// The keys of a device that speaks for the account.
    pub fn get(&self, device: DeviceId) -> Option<&DeviceKeys> {
        self.devices.get(&device)
    }

    /// Whether the device spoke for the account once and no longer does.
    pub fn is_revoked(&self, device: DeviceId) -> bool {
        self.revoked.contains(&device)
    }

    /// The entry that would add this device next, to be signed.
    pub fn addition(&self, keys: &DeviceKeys, created_ms: u64) -> DeviceEntry {
        DeviceEntry {
            seq: self.entries,
            previous: self.head.into(),
            act: DeviceAct::Add,
            ed25519: ByteArray::from(keys.ed25519),
            curve25519: ByteArray::from(keys.curve25519),
            created_ms,
        }
    }
}

/// SHA-256 of an entry's signed bytes: what the next entry's `previous` and a `list_head` are.
pub fn entry_hash(signed: &Signed) -> [u8; 32] {
    sha256(&signed.bytes)
}

fn opened<T: for<'b> minicbor::Decode<'b, ()>>(namespace: &str, signed: &Signed) -> Option<(Fingerprint, T)> {
    let account = verify_sshsig(namespace, &signed.bytes, &signed.sshsig)?;
    let value = is_strict_map(&signed.bytes).then(|| minicbor::decode(&signed.bytes).ok())??;
    Some((account, value))
}

/// The fingerprint of an account key: SHA-256 of its OpenSSH blob.
fn account_fingerprint(ed25519: &[u8; 32]) -> Fingerprint {
    Fingerprint(sha256(&key_blob(ed25519)))
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// An SSH `string`: a big-endian length and the bytes (RFC 4251 section 5).
fn ssh_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("what we sign is far below 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// `string "ssh-ed25519" || string key`, or signature (RFC 8709 sections 4 and 6).
fn key_blob(ed25519: &[u8]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(83);
    ssh_string(&mut blob, b"ssh-ed25519");
    ssh_string(&mut blob, ed25519);
    blob
}

/// What the key signs: PROTOCOL.sshsig section 3.
fn sshsig_signed(namespace: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.extend_from_slice(b"SSHSIG");
    ssh_string(&mut out, namespace.as_bytes());
    ssh_string(&mut out, b"");
    ssh_string(&mut out, b"sha512");
    ssh_string(&mut out, digest::digest(&digest::SHA512, bytes).as_ref());
    out
}

/// What is sent and stored: PROTOCOL.sshsig section 2, without the armour.
fn sshsig_blob(ed25519: &[u8; 32], namespace: &str, signature: &[u8; 64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"SSHSIG");
    out.extend_from_slice(&1_u32.to_be_bytes());
    ssh_string(&mut out, &key_blob(ed25519));
    ssh_string(&mut out, namespace.as_bytes());
    ssh_string(&mut out, b"");
    ssh_string(&mut out, b"sha512");
    ssh_string(&mut out, &key_blob(signature));
    out
}

/// Magic 6, version 4, length of the blob 4, `string "ssh-ed25519"` 15, length of the key 4.
const SSHSIG_KEY_AT: usize = 33;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ssh_key::SshSig;

    fn key(seed: u8) -> AccountKey {
        AccountKey::from_seed(&[seed; 32], "alice@test")
    }

    fn armour(blob: &[u8]) -> String {
        let base64 = data_encoding::BASE64.encode(blob);
        let lines: Vec<_> = base64.as_bytes().chunks(70).map(|l| core::str::from_utf8(l).unwrap()).collect();
        format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
    }

    fn keys(n: u8) -> DeviceKeys {
        DeviceKeys { ed25519: [n; 32], curve25519: [n + 1; 32] }
    }

    fn signed(by: &AccountKey, entry: &DeviceEntry) -> Signed {
        let bytes = entry_bytes(entry);
        let sshsig = by.sign(DEVICE_NAMESPACE, &bytes);
        Signed { bytes: bytes.into(), sshsig: sshsig.into() }
    }

    fn revocation(list: &DeviceList, of: &DeviceKeys) -> DeviceEntry {
        DeviceEntry { act: DeviceAct::Revoke, ..list.addition(of, 0) }
    }

    #[test]
    fn a_key_survives_its_file() {
        let text = key(1).to_openssh();
        let again = AccountKey::from_openssh(&text).unwrap();
        assert_eq!(again.fingerprint(), key(1).fingerprint());
        assert_eq!(again.sign("x", b"y"), key(1).sign("x", b"y"));
        assert_eq!(*again.to_openssh(), *text);
        assert_eq!(AccountKey::from_openssh("junk").unwrap_err(), BadAccountKey::NotOpenSsh);
    }

    #[test]
    fn the_fingerprint_is_what_openssh_prints() {
        let ssh = key(1).ssh.fingerprint(ssh_key::HashAlg::Sha256).to_string();
        assert_eq!(key(1).fingerprint().openssh(), ssh);
    }

    #[test]
    fn the_library_accepts_our_signatures_and_we_its() {
        let key = key(1);
        let ours = SshSig::from_pem(armour(&key.sign(CLAIM_NAMESPACE, b"bytes"))).unwrap();
        key.ssh.public_key().verify(CLAIM_NAMESPACE, b"bytes", &ours).unwrap();
        let theirs = key.ssh.sign(CLAIM_NAMESPACE, ssh_key::HashAlg::Sha512, b"bytes").unwrap();
        assert_eq!(
            armour(&key.sign(CLAIM_NAMESPACE, b"bytes")),
            theirs.to_pem(ssh_key::LineEnding::LF).unwrap()
        );
    }

    #[test]
    fn a_signature_is_for_one_namespace_and_one_message() {
        let blob = key(1).sign(DEVICE_NAMESPACE, b"bytes");
        assert_eq!(verify_sshsig(DEVICE_NAMESPACE, b"bytes", &blob), Some(key(1).fingerprint()));
        assert_eq!(verify_sshsig(CLAIM_NAMESPACE, b"bytes", &blob), None);
        assert_eq!(verify_sshsig(DEVICE_NAMESPACE, b"other", &blob), None);
        for at in 0..blob.len() {
            let mut bent = blob.clone();
            bent[at] ^= 1;
            assert_eq!(verify_sshsig(DEVICE_NAMESPACE, b"bytes", &bent), None, "byte {at}");
            assert_eq!(verify_sshsig(DEVICE_NAMESPACE, b"bytes", &blob[..at]), None);
        }
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

    #[test]
    fn a_list_grows_and_revokes() {
        let key = key(1);
        let mut list = DeviceList::new(key.fingerprint());
        let mut entries = Vec::new();
        let mut say = |list: &mut DeviceList, entry: DeviceEntry| {
            entries.push(signed(&key, &entry));
            list.append(entries.last().unwrap()).unwrap();
        };
        let entry = list.addition(&keys(1), 9);
        say(&mut list, entry);
        let entry = list.addition(&keys(3), 9);
        say(&mut list, entry);
        let entry = revocation(&list, &keys(1));
        say(&mut list, entry);
        assert_eq!(DeviceList::verify(key.fingerprint(), &entries), Ok(list.clone()));
        assert_eq!(list.devices().collect::<Vec<_>>(), [(device_id(&keys(3)), &keys(3))]);
        assert!(list.is_revoked(device_id(&keys(1))) && list.get(device_id(&keys(1))).is_none());
        assert_eq!((list.head(), list.next_seq()), (entry_hash(&entries[2]), 3));
        let back = signed(&key, &list.addition(&keys(1), 9));
        assert_eq!(list.append(&back), Err(BadList::Senseless), "a revoked device does not come back");
    }

    #[test]
    fn a_list_cannot_be_cut_reordered_or_forged() {
        let key = key(1);
        let mut list = DeviceList::new(key.fingerprint());
        let mut entries = Vec::new();
        for n in [1, 3, 5] {
            entries.push(signed(&key, &list.addition(&keys(n), 9)));
            list.append(entries.last().unwrap()).unwrap();
        }
        let verify = |entries: &[Signed]| DeviceList::verify(key.fingerprint(), entries).map(|_| ());
        assert_eq!(verify(&entries[1..]), Err(BadList::Broken));
        assert_eq!(verify(&[entries[1].clone(), entries[0].clone()]), Err(BadList::Broken));
        assert_eq!(verify(&[entries[0].clone(), entries[2].clone()]), Err(BadList::Broken));
        assert_eq!(verify(&[entries[0].clone(), entries[0].clone()]), Err(BadList::Broken));
        let foreign = signed(&self::key(2), &DeviceList::new(key.fingerprint()).addition(&keys(1), 9));
        assert_eq!(verify(&[foreign]), Err(BadList::Forged));
        let mut bent = entries[0].clone();
        *bent.bytes.last_mut().unwrap() ^= 1;
        assert_eq!(verify(&[bent]), Err(BadList::Forged));
        let mut long = entries[0].clone();
        long.bytes.resize(ENTRY_BYTES_MAX, 0);
        assert_eq!(verify(&[long]), Err(BadList::Malformed));
        let unknown = revocation(&DeviceList::new(key.fingerprint()), &keys(1));
        assert_eq!(verify(&[signed(&key, &unknown)]), Err(BadList::Senseless));
    }

    #[test]
    fn devices_are_counted_revoked_ones_included() {
        let key = key(1);
        let mut list = DeviceList::new(key.fingerprint());
        for n in 0..DEVICES_MAX as u8 {
            list.append(&signed(&key, &list.addition(&keys(2 * n), 0))).unwrap();
        }
        list.append(&signed(&key, &revocation(&list, &keys(0)))).unwrap();
        let more = signed(&key, &list.addition(&keys(101), 0));
        assert_eq!(list.append(&more), Err(BadList::Full));
    }

    proptest! {
        #[test]
        fn hostile_entries_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let blob = key(1).sign(DEVICE_NAMESPACE, &bytes);
            let entry = Signed { bytes: bytes.clone().into(), sshsig: blob.into() };
            prop_assert!(DeviceList::verify(key(1).fingerprint(), &[entry]).is_err());
            prop_assert_eq!(verify_sshsig(DEVICE_NAMESPACE, b"", &bytes), None);
        }
    }
}
