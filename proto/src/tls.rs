//! TLS for both ends, stated once: TLS 1.3 only, X25519MLKEM768 preferred, and the server proves itself with a raw
//! Ed25519 public key (RFC 7250) instead of a certificate. No resumption, no tickets, no early data.
//!
//! This departs from the plan of the house, which keeps TLS in the two shells: there are three shells (`tincan`,
//! `tincand`, and the echo friend inside it), and one statement of what is offered and checked is easier to trust
//! than three. It stays without I/O: [`Pipe`] turns ciphertext into plaintext and back, the shells move the bytes.
//! rustls draws its own randomness, so the simulator does without this room.
//!
//! The client checks that the server holds the key it shows, and reports that key. Whether it is the *right* key is
//! decided by the client machine, from its pin.

use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::Ed25519KeyPair;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs as provider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, PeerIncompatible, SignatureScheme};
use zeroize::Zeroizing;

use crate::id::Fingerprint;

mod pipe;

pub use pipe::Pipe;

pub use rustls::ClientConfig;

/// What the server must be given to speak TLS.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    rustls: Arc<rustls::ServerConfig>,
    fingerprint: Fingerprint,
}

impl ServerConfig {
    /// SHA-256 of the server's 44-byte SPKI: what clients pin and invites name.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// What a handshake established.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Established {
    /// The TLS exporter (RFC 8446 section 7.5), the same at both ends and nowhere else: what logins sign.
    pub exporter: [u8; 32],
    /// The key the server proved to hold.
    pub server_key: Fingerprint,
}

/// Why a connection cannot go on. [`Pipe::take_ciphertext`] may still hold the alert that tells the other end.
#[derive(Clone, Debug, PartialEq)]
pub enum TlsError {
    /// What came in is not TLS as we speak it, or does not verify.
    Protocol(rustls::Error),
    /// A handshake longer than [`crate::limits::HANDSHAKE_BYTES_MAX`], or plaintext that nobody takes.
    Oversized,
    /// More was to be sent than [`crate::limits::OUT_QUEUE_BYTES_MAX`] holds.
    Full,
}

impl core::fmt::Display for TlsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Protocol(why) => write!(f, "the encrypted connection failed: {why}"),
            Self::Oversized => {
                f.write_str("the encrypted connection failed: the other end sent too much at once")
            }
            Self::Full => f.write_str("the encrypted connection failed: the other end reads too slowly"),
        }
    }
}

impl core::error::Error for TlsError {}

impl From<rustls::Error> for TlsError {
    fn from(why: rustls::Error) -> Self {
        Self::Protocol(why)
    }
}

/// The PKCS#8 form of the server key that `seed`, 32 random bytes drawn by the shell, stands for.
///
/// # Errors
/// When the library refuses, which no seed makes it do.
pub fn server_key_pkcs8(seed: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let refused = |_| general("no Ed25519 key can be made of this seed");
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(refused)?;
    let pkcs8 = pair.to_pkcs8v1().map_err(|_| general("the server key has no PKCS#8 form"))?;
    Ok(Zeroizing::new(pkcs8.as_ref().to_vec()))
}

/// The server's side of TLS with the key `key_pkcs8`.
///
/// # Errors
/// When that is no Ed25519 key in PKCS#8 form.
pub fn server_config(key_pkcs8: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let spki = spki_of(key_pkcs8)?;
    let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key_pkcs8.to_vec()));
    let provider = crypto();
    let key = provider.key_provider.load_private_key(der)?;
    let shown = CertifiedKey::new(vec![CertificateDer::from(spki.clone())], key);
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(Arc::new(shown))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.max_early_data_size = 0;
    config.cert_compressors.clear();
    Ok(Arc::new(ServerConfig { rustls: Arc::new(config), fingerprint: spki_fingerprint(&spki) }))
}

/// The client's side of TLS.
///
/// # Errors
/// When the library refuses its own TLS 1.3, which it does not.
pub fn client_config() -> Result<Arc<ClientConfig>, TlsError> {
    let provider = crypto();
    let verifier = Arc::new(RawKey { provider: Arc::clone(&provider) });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config.enable_early_data = false;
    config.cert_decompressors.clear();
    Ok(Arc::new(config))
}

/// SHA-256 of a subject public key info.
pub fn spki_fingerprint(spki: &[u8]) -> Fingerprint {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, spki).as_ref());
    Fingerprint(out)
}

/// Accepts any server that holds the Ed25519 key it shows. See the header for who decides about the key.
#[derive(Debug)]
struct RawKey {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for RawKey {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if end_entity.len() != SPKI_BYTES
            || !end_entity.starts_with(&ED25519_SPKI)
            || !intermediates.is_empty()
        {
            return Err(CertificateError::BadEncoding.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let spki = SubjectPublicKeyInfoDer::from(key.as_ref());
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &spki, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

fn crypto() -> Arc<CryptoProvider> {
    let kx_groups = vec![provider::kx_group::X25519MLKEM768, provider::kx_group::X25519];
    Arc::new(CryptoProvider { kx_groups, ..provider::default_provider() })
}

fn spki_of(key_pkcs8: &[u8]) -> Result<Vec<u8>, TlsError> {
    use aws_lc_rs::signature::KeyPair as _;
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key_pkcs8)
        .map_err(|_| general("the server key is not an Ed25519 key in PKCS#8 form"))?;
    let der = pair.public_key().as_der().map_err(|_| general("the server key has no public half"))?;
    Ok(der.as_ref().to_vec())
}

fn general(why: &str) -> TlsError {
    TlsError::Protocol(rustls::Error::General(why.into()))
}

/// Keeps our bytes from being taken for another protocol's by a server that speaks several (RFC 7301).
const ALPN: &[u8] = b"tincan/1";
/// No context, 32 bytes (native.md section 2).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-tincan-login-v1";
/// What stands before the 32 key bytes in an Ed25519 SPKI (RFC 8410 section 4).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const SPKI_BYTES: usize = ED25519_SPKI.len() + 32;

#[cfg(test)]
mod tests;
