//! TLS against itself, against liars, and against other versions.

use super::*;
use crate::limits::HANDSHAKE_BYTES_MAX;
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
