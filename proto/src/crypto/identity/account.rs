//! The account key: its file, its fingerprint, and the one form of signature it makes (OpenSSH PROTOCOL.sshsig).

use aws_lc_rs::digest;
use aws_lc_rs::signature::Ed25519KeyPair;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use zeroize::Zeroizing;

use super::{sha256, verify_device};
use crate::id::Fingerprint;

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

/// The fingerprint of an account key: SHA-256 of its OpenSSH blob.
fn account_fingerprint(ed25519: &[u8; 32]) -> Fingerprint {
    Fingerprint(sha256(&key_blob(ed25519)))
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
    use super::super::{CLAIM_NAMESPACE, DEVICE_NAMESPACE};
    use super::*;
    use ssh_key::SshSig;

    fn key(seed: u8) -> AccountKey {
        AccountKey::from_seed(&[seed; 32], "alice@test")
    }

    fn armour(blob: &[u8]) -> String {
        let base64 = data_encoding::BASE64.encode(blob);
        let lines: Vec<_> = base64.as_bytes().chunks(70).map(|l| core::str::from_utf8(l).unwrap()).collect();
        format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
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
}
