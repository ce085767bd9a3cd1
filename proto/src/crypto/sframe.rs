//! SFrame (RFC 9605), suite AES_128_GCM_SHA256_128 (0x0004): one sealed frame.
//!
//! The `sframe` crate does the header and the key identity; the cipher and the key derivation are aws-lc-rs through
//! the crate's public traits, so that the house has one cryptographic library. The crate's frame types copy into
//! buffers of their own, its keys do not: `GenericEncryptionKey` seals a view of our buffer in place, and its
//! secret is ours, so it holds the AES key schedule ready made. Only its header reader allocates, so reading is ours.
//! Nothing is allocated per frame. The official test vectors are below.
//!
//! ```text
//! metadata (RTP header, 12) | SFrame header 1..17 | ciphertext | tag 16
//! aad   = SFrame header || metadata                                            section 4.4.3
//! nonce = salt XOR counter, big-endian, 12 bytes
//! key   = HKDF-SHA256-Expand(Extract("", base key), "SFrame 1.0 Secret key "  || KID u64 || 0x0004, 16)
//! salt  = HKDF-SHA256-Expand(Extract("", base key), "SFrame 1.0 Secret salt " || KID u64 || 0x0004, 12)
//! KID   = generation (0 to 31) << 3 | ratchet step (0 to 7)
//!
//! base key of the next step = HKDF-SHA256-Expand(Extract("", base key), "SFrame 1.0 Ratchet", Nh = 32)   section 5.1
//! ```
//!
//! A step cannot be undone: whoever gets the stepped key opens what is sealed from then on, and nothing before. (The
//! crate has a ratchet too; its label is spelled `Sframe`, so ours follows the RFC.)

use core::fmt;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use sframe::CipherSuite;
use sframe::crypto::{
    AeadDecrypt, AeadEncrypt, DecryptionBufferView, EncryptionBufferView, KeyDerivation,
    get_hkdf_key_expand_label, get_hkdf_salt_expand_label,
};
use sframe::error::SframeError;
use sframe::header::SframeHeader;
use sframe::key::{GenericDecryptionKey, GenericEncryptionKey};
use zeroize::Zeroizing;

use crate::drop::Drop;

/// Bytes of the authentication tag.
pub const TAG_BYTES: usize = 16;
/// Longest SFrame header: one byte, KID of eight, counter of eight.
pub const HEADER_BYTES_MAX: usize = 17;
/// Most bytes a sealed frame has over its plaintext, metadata apart.
pub const OVERHEAD_MAX: usize = HEADER_BYTES_MAX + TAG_BYTES;
/// Key generations a KID can name.
pub const GENERATIONS: u8 = 32;
/// Ratchet steps of one generation that a KID can name, the first of them 0.
pub const STEPS: u8 = 8;

const SUITE: CipherSuite = CipherSuite::AesGcm128Sha256;
const METADATA_BYTES: usize = 12;
const RATCHET_LABEL: &[u8] = b"SFrame 1.0 Ratchet";

const _: () = assert!(GENERATIONS as u32 * STEPS as u32 == 256, "a KID of ours is one byte");

/// The key identifier of a generation (0 to 31) at a ratchet step (0 to 7).
pub const fn kid(generation: u8, step: u8) -> u64 {
    ((generation % GENERATIONS) as u64) << 3 | (step % STEPS) as u64
}

/// The generation and step a key identifier names; none for one that no sender of ours makes.
pub fn generation_and_step(kid: u64) -> Option<(u8, u8)> {
    let kid = u8::try_from(kid).ok()?;
    Some((kid / STEPS, kid % STEPS))
}

/// The base key one ratchet step on.
pub fn ratchet(base_key: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut next = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, &[])
        .extract(base_key)
        .expand(&[RATCHET_LABEL], Bytes(next.len()))
        .and_then(|okm| okm.fill(&mut next[..]))
        .expect("HKDF of fixed lengths does not fail");
    next
}

/// A sender's key and its counter, in one value that cannot be copied: a nonce is never used twice. After a crash
/// or resume there is a new key, never an old counter.
pub struct SenderKey {
    key: GenericEncryptionKey<Gcm, Hkdf>,
    counter: u64,
}

impl SenderKey {
    /// Derives the key of `generation` (0 to 31) from the base key of its `step` (0 to 7); the counter starts at 0.
    pub fn new(base_key: &[u8; 32], generation: u8, step: u8) -> Self {
        Self { key: derive(base_key, kid(generation, step)), counter: 0 }
    }

    /// Seals in place. On entry `out` is metadata, then any bytes, with the plaintext starting where
    /// [`Self::plaintext_at`] says; on success returns the whole length, or none when `out` is too short.
    pub fn seal(&mut self, out: &mut [u8], plaintext_len: usize) -> Option<usize> {
        let header = SframeHeader::new(self.key.key_id(), self.counter);
        let start = METADATA_BYTES + header.len();
        let end = start + plaintext_len;
        if out.len() < end + TAG_BYTES {
            return None;
        }
        header.serialize(&mut out[METADATA_BYTES..start]).ok()?;
        let (mut aad, aad_len) = aad(&out[METADATA_BYTES..start], &out[..METADATA_BYTES]);
        let (data, tag) = out[start..end + TAG_BYTES].split_at_mut(plaintext_len);
        let view = EncryptionBufferView { aad: &mut aad[..aad_len], data, tag };
        // Counted before the cipher runs, so that no failure can lead to a second use.
        let counter = self.counter;
        self.counter += 1;
        self.key.encrypt(view, counter).ok()?;
        Some(end + TAG_BYTES)
    }

    /// Where the plaintext of the next frame belongs in the buffer.
    pub fn plaintext_at(&self) -> usize {
        METADATA_BYTES + SframeHeader::new(self.key.key_id(), self.counter).len()
    }

    /// Key identifier of what this key seals.
    pub fn kid(&self) -> u64 {
        self.key.key_id()
    }

    /// Frames sealed so far.
    pub fn sealed(&self) -> u64 {
        self.counter
    }
}

impl fmt::Debug for SenderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SenderKey(kid {}, counter {})", self.key.key_id(), self.counter)
    }
}

/// What opens one sender's frames of one generation and step.
pub struct ReceiverKey(GenericDecryptionKey<Gcm, Hkdf>);

impl ReceiverKey {
    /// Derives the key of `generation` (0 to 31) from the base key of its `step` (0 to 7).
    pub fn new(base_key: &[u8; 32], generation: u8, step: u8) -> Self {
        let kid = kid(generation, step);
        Self(
            GenericDecryptionKey::derive_from(SUITE, kid, base_key)
                .expect("HKDF of fixed lengths does not fail"),
        )
    }

    /// The key identifier frames must carry.
    pub fn kid(&self) -> u64 {
        self.0.key_id()
    }

    /// Opens `packet` (metadata, SFrame header, ciphertext, tag) in place and returns the plaintext. A packet that
    /// does not open is left in an unknown state.
    pub fn open<'a>(&self, sealed: &Sealed, packet: &'a mut [u8]) -> Result<&'a [u8], Drop> {
        let start = METADATA_BYTES + sealed.header_len;
        let (mut aad, aad_len) = aad(&packet[METADATA_BYTES..start], &packet[..METADATA_BYTES]);
        let data = &mut packet[start..];
        let len = data.len() - TAG_BYTES;
        let view = DecryptionBufferView { aad: &mut aad[..aad_len], data };
        self.0.decrypt(view, sealed.counter).map_err(|_| Drop::Forged)?;
        Ok(&packet[start..start + len])
    }
}

impl fmt::Debug for ReceiverKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceiverKey(kid {})", self.0.key_id())
    }
}

/// What the SFrame header of a packet says. Nothing of it is true before the packet was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Key identifier.
    pub kid: u64,
    /// Frame counter.
    pub counter: u64,
    header_len: usize,
}

impl Sealed {
    /// Reads the header of a packet that starts with 12 bytes of metadata; none when it cannot hold one and a tag.
    pub fn read(packet: &[u8]) -> Option<Self> {
        let rest = packet.get(METADATA_BYTES..)?;
        let (config, mut fields) = rest.split_first()?;
        let kid = field(config >> 4, &mut fields)?;
        let counter = field(config & 15, &mut fields)?;
        let header_len = rest.len() - fields.len();
        (fields.len() >= TAG_BYTES).then_some(Self { kid, counter, header_len })
    }
}

/// One number of the header: four bits that are the number below 8, or announce how many bytes it has (section 4.3).
/// The crate's reader of these collects them on the heap; the tests hold ours against it.
fn field(bits: u8, rest: &mut &[u8]) -> Option<u64> {
    if bits & 8 == 0 {
        return Some(u64::from(bits));
    }
    let (bytes, after) = rest.split_at_checked(usize::from(bits & 7) + 1)?;
    *rest = after;
    Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn derive(base_key: &[u8], kid: u64) -> GenericEncryptionKey<Gcm, Hkdf> {
    GenericEncryptionKey::derive_from(SUITE, kid, base_key).expect("HKDF of fixed lengths does not fail")
}

fn aad(header: &[u8], metadata: &[u8]) -> ([u8; HEADER_BYTES_MAX + METADATA_BYTES], usize) {
    let mut aad = [0; HEADER_BYTES_MAX + METADATA_BYTES];
    aad[..header.len()].copy_from_slice(header);
    aad[header.len()..header.len() + metadata.len()].copy_from_slice(metadata);
    (aad, header.len() + metadata.len())
}

/// aws-lc-rs as the crate's cipher.
struct Gcm;

/// aws-lc-rs as the crate's key derivation.
struct Hkdf;

/// The AES key, scheduled once, and the nonce salt.
struct Secret {
    key: LessSafeKey,
    salt: [u8; NONCE_LEN],
}

impl Secret {
    fn nonce(&self, counter: u64) -> Nonce {
        let mut nonce = self.salt;
        for (byte, count) in nonce[NONCE_LEN - 8..].iter_mut().zip(counter.to_be_bytes()) {
            *byte ^= count;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

impl TryFrom<CipherSuite> for Gcm {
    type Error = SframeError;

    fn try_from(suite: CipherSuite) -> Result<Self, SframeError> {
        if suite == SUITE { Ok(Self) } else { Err(SframeError::UnsupportedCipherSuite) }
    }
}

impl AeadEncrypt for Gcm {
    type Secret = Secret;

    fn encrypt<'a, B>(&self, secret: &Secret, buffer: B, counter: u64) -> Result<(), SframeError>
    where
        B: Into<EncryptionBufferView<'a>>,
    {
        let EncryptionBufferView { aad, data, tag } = buffer.into();
        secret
            .key
            .seal_in_place_separate_tag(secret.nonce(counter), Aad::from(&*aad), data)
            .map(|made| tag.copy_from_slice(made.as_ref()))
            .map_err(|_| SframeError::EncryptionFailure)
    }
}

impl AeadDecrypt for Gcm {
    type Secret = Secret;

    fn decrypt<'a, B>(&self, secret: &Secret, buffer: B, counter: u64) -> Result<(), SframeError>
    where
        B: Into<DecryptionBufferView<'a>>,
    {
        let DecryptionBufferView { aad, data } = buffer.into();
        secret
            .key
            .open_in_place(secret.nonce(counter), Aad::from(&*aad), data)
            .map(|_| ())
            .map_err(|_| SframeError::DecryptionFailure)
    }
}

/// A length that aws-lc-rs can derive.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

impl KeyDerivation for Hkdf {
    type Secret = Secret;

    fn expand_from<M, K>(suite: CipherSuite, base_key: M, kid: K) -> Result<Secret, SframeError>
    where
        M: AsRef<[u8]>,
        K: Into<u64>,
    {
        let kid = kid.into();
        let secret = Salt::new(HKDF_SHA256, &[]).extract(base_key.as_ref());
        let expand = |label: &[u8], out: &mut [u8]| {
            secret
                .expand(&[label], Bytes(out.len()))
                .and_then(|okm| okm.fill(out))
                .map_err(|_| SframeError::KeyDerivationFailure)
        };
        let (mut key, mut salt) = (Zeroizing::new([0; 16]), [0; NONCE_LEN]);
        expand(&get_hkdf_key_expand_label(kid, suite), &mut key[..])?;
        expand(&get_hkdf_salt_expand_label(kid, suite), &mut salt)?;
        let key = UnboundKey::new(&AES_128_GCM, &key[..]).map_err(|_| SframeError::KeyDerivationFailure)?;
        Ok(Secret { key: LessSafeKey::new(key), salt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    const RTP: [u8; 12] = *b"rtp header!!";

    fn sealed(sender: &mut SenderKey, text: &[u8]) -> Vec<u8> {
        let mut out = vec![0; METADATA_BYTES + text.len() + OVERHEAD_MAX];
        out[..12].copy_from_slice(&RTP);
        let at = sender.plaintext_at();
        out[at..at + text.len()].copy_from_slice(text);
        let len = sender.seal(&mut out, text.len()).unwrap();
        out.truncate(len);
        out
    }

    fn opened(key: &ReceiverKey, packet: &[u8]) -> Result<Vec<u8>, Drop> {
        let mut packet = packet.to_vec();
        let header = Sealed::read(&packet).ok_or(Drop::Malformed)?;
        key.open(&header, &mut packet).map(<[u8]>::to_vec)
    }

    /// RFC 9605 appendix C.3, AES_128_GCM_SHA256_128. Its metadata is 14 bytes, so it goes through the key, not
    /// through our packet.
    #[test]
    fn the_official_vector_seals_and_opens() {
        let hex = |text: &str| HEXLOWER.decode(text.as_bytes()).unwrap();
        let (kid, counter) = (0x123u64, 0x4567u64);
        let key = derive(&hex("000102030405060708090a0b0c0d0e0f"), kid);
        let header = SframeHeader::new(kid, counter);
        let mut sealed = vec![0; header.len()];
        header.serialize(&mut sealed[..]).unwrap();
        assert_eq!(HEXLOWER.encode(&sealed), "9901234567");
        let mut aad = hex("99012345674945544620534672616d65205747");
        let (mut data, mut tag) = (hex("64726166742d696574662d736672616d652d656e63"), [0; 16]);
        key.encrypt(EncryptionBufferView { aad: &mut aad, data: &mut data, tag: &mut tag }, counter).unwrap();
        sealed.extend(&data);
        sealed.extend(tag);
        let right = "9901234567b7412c2513a1b66dbb48841bbaf17f598751176ad847681a69c6d0b091c07018ce4adb34eb";
        assert_eq!(HEXLOWER.encode(&sealed), right);
    }

    #[test]
    fn the_official_nonce_comes_out() {
        let base: Vec<u8> = (0..16).collect();
        let secret = Hkdf::expand_from(SUITE, base, 0x123u64).unwrap();
        assert_eq!(HEXLOWER.encode(&secret.salt), "75234edefe07819026751816");
        assert_eq!(HEXLOWER.encode(secret.nonce(0x4567).as_ref()), "75234edefe07819026755d71");
    }

    #[test]
    fn a_counter_is_used_once() {
        let mut sender = SenderKey::new(&[7; 32], 3, 0);
        let (one, two) = (sealed(&mut sender, b"same"), sealed(&mut sender, b"same"));
        let (a, b) = (Sealed::read(&one).unwrap(), Sealed::read(&two).unwrap());
        assert_eq!((a.kid, a.counter, b.counter), (3 << 3, 0, 1));
        assert_ne!(one[14..], two[14..]);
        assert!(sender.seal(&mut [0; 20], 4).is_none(), "too short a buffer");
        assert_eq!(sender.sealed(), 2);
    }

    #[test]
    fn another_generation_or_base_does_not_open() {
        let packet = sealed(&mut SenderKey::new(&[7; 32], 1, 0), b"hello");
        assert_eq!(opened(&ReceiverKey::new(&[7; 32], 1, 0), &packet).unwrap(), b"hello");
        assert_eq!(opened(&ReceiverKey::new(&[7; 32], 2, 0), &packet), Err(Drop::Forged));
        assert_eq!(opened(&ReceiverKey::new(&[8; 32], 1, 0), &packet), Err(Drop::Forged));
    }

    /// Of our own making, since the RFC has none for the ratchet: worked out with another HMAC-SHA-256 and AES-GCM, by
    /// the formulas at the top of this file, from the base key 00 01 .. 1f.
    #[test]
    fn two_steps_give_the_key_that_the_formula_gives() {
        let base: [u8; 32] = core::array::from_fn(|n| u8::try_from(n).unwrap());
        let one = ratchet(&base);
        let two = ratchet(&one);
        let hex = |bytes: &[u8]| HEXLOWER.encode(bytes);
        assert_eq!(hex(&one[..]), "1e31370b2f041d5c893dbba4b27bc3e67956a51ae6221a427445cab04059fd65");
        assert_eq!(hex(&two[..]), "5ad0410c179c1ba9dd7ef227dc2a5b2d8f77811769aab20fb099c71f1fbcdbde");
        let packet = sealed(&mut SenderKey::new(&two, 3, 2), b"stepped");
        assert_eq!(hex(&packet[12..]), "801a8bd5acffd3b1fa390d3cde4c3cac5a85fd459f9313e393");
        let seven = (2..7).fold(two, |base, _| ratchet(&base));
        assert_eq!(hex(&seven[..]), "7a31614d720e2452c5c07c976458aa1ea1dbcef403e8e5905153028792f78ea1");
    }

    #[test]
    fn a_key_identifier_is_a_generation_and_a_step() {
        for (generation, step) in [(0, 0), (0, 7), (3, 2), (31, 7)] {
            assert_eq!(generation_and_step(kid(generation, step)), Some((generation, step)));
        }
        assert_eq!(kid(31, 7), 255);
        assert_eq!((generation_and_step(256), generation_and_step(u64::MAX)), (None, None));
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_no_byte_may_change(
            text in prop::collection::vec(any::<u8>(), 0..300),
            skip in 0..300u64,
            flip in any::<prop::sample::Index>(),
        ) {
            let mut sender = SenderKey::new(&[9; 32], 31, 7);
            sender.counter = skip;
            let mut packet = sealed(&mut sender, &text);
            let key = ReceiverKey::new(&[9; 32], 31, 7);
            prop_assert_eq!(opened(&key, &packet).unwrap(), text);
            let at = flip.index(packet.len());
            packet[at] ^= 0x40;
            prop_assert!(opened(&key, &packet).is_err());
        }

        #[test]
        fn headers_are_read_as_the_crate_reads_them(
            junk in prop::collection::vec(any::<u8>(), METADATA_BYTES..64),
            kid in any::<u64>(), counter in any::<u64>(), shift in 0..64,
        ) {
            let mut written = RTP.to_vec();
            written.extend(Vec::from(&SframeHeader::new(kid >> shift, counter >> shift)));
            written.extend([0; TAG_BYTES]);
            let read = Sealed::read(&written).unwrap();
            prop_assert_eq!((read.kid, read.counter), (kid >> shift, counter >> shift));
            prop_assert_eq!(read.header_len, written.len() - METADATA_BYTES - TAG_BYTES);
            if let Some(read) = Sealed::read(&junk) {
                let theirs = SframeHeader::deserialize(&junk[METADATA_BYTES..]).unwrap();
                prop_assert_eq!((read.kid, read.counter), (theirs.key_id(), theirs.counter()));
            }
        }

        #[test]
        fn junk_is_refused_without_a_panic(junk in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(opened(&ReceiverKey::new(&[9; 32], 0, 0), &junk).is_err());
        }
    }
}
