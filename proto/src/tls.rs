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

use std::io::{Read as _, Write as _};
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
use rustls::{
    CertificateError, ClientConnection, Connection, DigitallySignedStruct, PeerIncompatible,
    ServerConnection, SignatureScheme,
};
use zeroize::Zeroizing;

use crate::id::Fingerprint;
use crate::limits::{HANDSHAKE_BYTES_MAX, OUT_QUEUE_BYTES_MAX};

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
    /// A handshake longer than [`HANDSHAKE_BYTES_MAX`], or plaintext that nobody takes.
    Oversized,
    /// More was to be sent than [`OUT_QUEUE_BYTES_MAX`] holds.
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

/// One end of one TLS connection, without its socket.
///
/// After each [`Pipe::received`] and [`Pipe::send`] the shell moves what [`Pipe::take_ciphertext`] gives to its
/// socket, and what [`Pipe::take_plaintext`] gives to its machine.
pub struct Pipe {
    conn: Connection,
    plaintext: Vec<u8>,
    /// The key of our own config; none at the client, which learns it.
    own_key: Option<Fingerprint>,
    handshake_bytes: usize,
    peer_closed: bool,
}

impl Pipe {
    /// The end that connects.
    ///
    /// # Errors
    /// When the library refuses `config`.
    pub fn client(config: &Arc<ClientConfig>) -> Result<Self, TlsError> {
        // The name is not sent and not checked: the key is the server's identity, at whatever address.
        let name = ServerName::try_from("tincan").map_err(|_| general("the server name is not a name"))?;
        let conn = ClientConnection::new(Arc::clone(config), name)?;
        Ok(Self::new(Connection::Client(conn), None))
    }

    /// The end that accepts.
    ///
    /// # Errors
    /// When the library refuses `config`.
    pub fn server(config: &Arc<ServerConfig>) -> Result<Self, TlsError> {
        let conn = ServerConnection::new(Arc::clone(&config.rustls))?;
        Ok(Self::new(Connection::Server(conn), Some(config.fingerprint)))
    }

    fn new(mut conn: Connection, own_key: Option<Fingerprint>) -> Self {
        conn.set_buffer_limit(Some(OUT_QUEUE_BYTES_MAX));
        Self { conn, plaintext: Vec::new(), own_key, handshake_bytes: 0, peer_closed: false }
    }

    /// Takes in bytes of the socket, cut anywhere.
    ///
    /// # Errors
    /// When the connection cannot go on. Plaintext that came before the fault can still be taken.
    pub fn received(&mut self, mut ciphertext: &[u8]) -> Result<(), TlsError> {
        while !ciphertext.is_empty() && !self.peer_closed {
            // A slice as the reader cannot fail; what can is the bound of a buffer behind it.
            let count = self.conn.read_tls(&mut ciphertext).map_err(|_| TlsError::Oversized)?;
            if self.conn.is_handshaking() {
                self.handshake_bytes += count;
                if self.handshake_bytes > HANDSHAKE_BYTES_MAX {
                    return Err(TlsError::Oversized);
                }
            }
            let outcome = self.conn.process_new_packets();
            self.drain()?;
            self.peer_closed = outcome?.peer_has_closed();
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), TlsError> {
        let mut chunk = [0; 4096];
        // Ends with 0 at the peer's close, or with an error that means no more for now.
        while let Ok(count @ 1..) = self.conn.reader().read(&mut chunk) {
            if self.plaintext.len() + count > OUT_QUEUE_BYTES_MAX {
                return Err(TlsError::Oversized);
            }
            self.plaintext.extend_from_slice(&chunk[..count]);
        }
        Ok(())
    }

    /// Appends what the other end said to `out`.
    pub fn take_plaintext(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.plaintext);
    }

    /// Takes in what we say. Before the handshake is done it waits for that.
    ///
    /// # Errors
    /// [`TlsError::Full`]: nothing more can be said on this connection.
    pub fn send(&mut self, plaintext: &[u8]) -> Result<(), TlsError> {
        self.conn.writer().write_all(plaintext).map_err(|_| TlsError::Full)
    }

    /// Appends what must be written to the socket to `out`.
    pub fn take_ciphertext(&mut self, out: &mut Vec<u8>) {
        while self.conn.wants_write() {
            // A vector as the writer takes everything.
            if self.conn.write_tls(out).is_err() {
                return;
            }
        }
    }

    /// Whether the handshake is still going on.
    pub fn is_handshaking(&self) -> bool {
        self.conn.is_handshaking()
    }

    /// What the handshake established, once it is done.
    pub fn established(&self) -> Option<Established> {
        if self.conn.is_handshaking() {
            return None;
        }
        let server_key = match self.own_key {
            Some(key) => key,
            None => spki_fingerprint(self.conn.peer_certificates()?.first()?),
        };
        let exporter = self.conn.export_keying_material([0; 32], EXPORTER_LABEL, None).ok()?;
        Some(Established { exporter, server_key })
    }

    /// Says that we say nothing more (close_notify), so that the other end can tell an end from a cut.
    pub fn close(&mut self) {
        self.conn.send_close_notify();
    }

    /// Whether the other end said that it says nothing more. A socket that ends without it was cut.
    pub fn peer_closed(&self) -> bool {
        self.peer_closed
    }
}

impl core::fmt::Debug for Pipe {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Pipe").field("handshaking", &self.conn.is_handshaking()).finish_non_exhaustive()
    }
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn server(seed: u8) -> Arc<ServerConfig> {
        server_config(&server_key_pkcs8(&[seed; 32]).unwrap()).unwrap()
    }

    fn pair() -> (Pipe, Pipe) {
        (Pipe::client(&client_config().unwrap()).unwrap(), Pipe::server(&server(1)).unwrap())
    }

    /// Moves all that waits from one end to the other, `cut` bytes at a time.
    fn carry(from: &mut Pipe, to: &mut Pipe, cut: usize) -> Result<bool, TlsError> {
        let mut bytes = Vec::new();
        from.take_ciphertext(&mut bytes);
        bytes.chunks(cut).try_for_each(|chunk| to.received(chunk))?;
        Ok(!bytes.is_empty())
    }

    fn settle(a: &mut Pipe, b: &mut Pipe, cut: usize) -> Result<(), TlsError> {
        while carry(a, b, cut)? | carry(b, a, cut)? {}
        Ok(())
    }

    fn plaintext(pipe: &mut Pipe) -> Vec<u8> {
        let mut out = Vec::new();
        pipe.take_plaintext(&mut out);
        out
    }

    #[test]
    fn both_ends_agree_however_the_stream_is_cut() {
        for cut in [1, 2, 3, 5, 7, 16, 100, 1_000, 100_000] {
            let (mut client, mut server) = pair();
            client.send(b"hello").unwrap();
            settle(&mut client, &mut server, cut).unwrap();
            let (one, two) = (client.established().unwrap(), server.established().unwrap());
            assert_eq!(one, two);
            assert_ne!(one.exporter, [0; 32]);
            assert_eq!(one.server_key, self::server(1).fingerprint());
            assert_eq!(plaintext(&mut server), b"hello");
            let long: Vec<u8> = (0..60_000_u32).map(|n| n as u8).collect();
            server.send(&long).unwrap();
            settle(&mut client, &mut server, cut).unwrap();
            assert_eq!(plaintext(&mut client), long);
        }
    }

    #[test]
    fn two_connections_share_no_exporter() {
        let exporter = || {
            let (mut client, mut server) = pair();
            settle(&mut client, &mut server, 999).unwrap();
            client.established().unwrap().exporter
        };
        assert_ne!(exporter(), exporter());
    }

    #[test]
    fn the_key_exchange_is_the_hybrid_one() {
        let (mut client, mut server) = pair();
        settle(&mut client, &mut server, 999).unwrap();
        let group = client.conn.negotiated_key_exchange_group().unwrap();
        assert_eq!(group.name(), rustls::NamedGroup::X25519MLKEM768);
        assert_eq!(client.conn.alpn_protocol(), Some(ALPN));
    }

    #[test]
    fn another_key_is_reported_as_another() {
        let (mut client, _) = pair();
        let mut server = Pipe::server(&self::server(2)).unwrap();
        settle(&mut client, &mut server, 999).unwrap();
        let shown = client.established().unwrap().server_key;
        assert_eq!(shown, self::server(2).fingerprint());
        assert_ne!(shown, self::server(1).fingerprint());
    }

    #[test]
    fn a_server_that_does_not_hold_its_key_is_refused() {
        let mut liar = rustls::ServerConfig::clone(&server(1).rustls);
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(server_key_pkcs8(&[2; 32]).unwrap().to_vec()));
        let key = crypto().key_provider.load_private_key(key).unwrap();
        let shown = spki_of(&server_key_pkcs8(&[1; 32]).unwrap()).unwrap();
        let shown = CertifiedKey::new(vec![CertificateDer::from(shown)], key);
        liar.cert_resolver = Arc::new(AlwaysResolvesServerRawPublicKeys::new(Arc::new(shown)));
        let liar = Arc::new(ServerConfig { rustls: Arc::new(liar), fingerprint: server(1).fingerprint });
        let (mut client, mut server) = (pair().0, Pipe::server(&liar).unwrap());
        assert!(matches!(settle(&mut client, &mut server, 999), Err(TlsError::Protocol(_))));
        assert_eq!(client.established(), None);
    }

    #[test]
    fn a_client_that_wants_a_certificate_is_refused() {
        let mut config = ClientConfig::clone(&client_config().unwrap());
        config.dangerous().set_certificate_verifier(Arc::new(Certificates));
        let mut client = Pipe::client(&Arc::new(config)).unwrap();
        assert!(settle(&mut client, &mut pair().1, 999).is_err());
    }

    /// A verifier as a web browser's, to which raw keys mean nothing.
    #[derive(Debug)]
    struct Certificates;

    impl ServerCertVerifier for Certificates {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }
    }

    #[test]
    fn tls_1_2_is_refused_with_an_alert() {
        // A ClientHello of TLS 1.2 without the supported_versions extension (RFC 5246 section 7.4.1.2).
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
        body.extend([0, 18, 0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 6, 0, 4, 8, 7, 4, 3]);
        let mut hello = vec![22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8];
        hello.extend(body);
        let (_, mut server) = pair();
        let why = server.received(&hello).unwrap_err();
        assert!(matches!(why, TlsError::Protocol(rustls::Error::PeerIncompatible(_))), "{why:?}");
        let mut alert = Vec::new();
        server.take_ciphertext(&mut alert);
        assert_eq!(alert.first(), Some(&21));
    }

    #[test]
    fn a_close_is_told_from_a_cut() {
        let (mut client, mut server) = pair();
        settle(&mut client, &mut server, 999).unwrap();
        assert!(!server.peer_closed());
        client.send(b"bye").unwrap();
        client.close();
        settle(&mut client, &mut server, 3).unwrap();
        assert!(server.peer_closed());
        assert_eq!(plaintext(&mut server), b"bye");
    }

    #[test]
    fn a_handshake_without_end_is_cut_off() {
        let (_, mut server) = pair();
        // Empty handshake fragments of a hello that never ends.
        let record = [&[22, 3, 1, 0, 64, 1, 0, 255, 255][..], &[0; 60]].concat();
        let more = [&[22, 3, 3, 0, 64][..], &[0; 64]].concat();
        let mut outcome = server.received(&record);
        for _ in 0..HANDSHAKE_BYTES_MAX / 64 {
            outcome = outcome.and_then(|()| server.received(&more));
        }
        assert!(outcome.is_err());
    }

    #[test]
    fn what_nobody_takes_does_not_grow() {
        let (mut client, mut server) = pair();
        settle(&mut client, &mut server, 999).unwrap();
        let outcome = (0..100).try_for_each(|_| {
            server.send(&[1; 16 << 10])?;
            settle(&mut client, &mut server, 4096)
        });
        assert_eq!(outcome, Err(TlsError::Oversized));
        let outcome = (0..100).try_for_each(|_| client.send(&[1; 16 << 10]));
        assert_eq!(outcome, Err(TlsError::Full));
    }

    #[test]
    fn a_tampered_record_ends_the_connection() {
        let (mut client, mut server) = pair();
        settle(&mut client, &mut server, 999).unwrap();
        client.send(b"pay 1").unwrap();
        let mut bytes = Vec::new();
        client.take_ciphertext(&mut bytes);
        *bytes.last_mut().unwrap() ^= 1;
        assert!(server.received(&bytes).is_err());
        assert_eq!(plaintext(&mut server), b"");
    }

    #[test]
    fn only_ed25519_keys_make_a_server() {
        assert!(server_config(b"not a key").is_err());
        assert_eq!(spki_of(&server_key_pkcs8(&[1; 32]).unwrap()).unwrap().len(), SPKI_BYTES);
        assert!(spki_of(&server_key_pkcs8(&[1; 32]).unwrap()).unwrap().starts_with(&ED25519_SPKI));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..8)) {
            let (mut client, mut server) = pair();
            for chunk in &chunks {
                let _ = client.received(chunk);
                let _ = server.received(chunk);
            }
            prop_assert_eq!(server.established(), None);
            prop_assert_eq!(client.established(), None);
        }
    }
}
