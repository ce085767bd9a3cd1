//! Strangers who mean harm: each is counted by reason, costs a bounded amount, and the people inside notice nothing.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use proto::Drop as Reason;
use proto::client::{Command, Event};
use proto::limits::{Bucket, DATAGRAM_BYTES_MAX, FRAME_PAYLOAD_STRANGER_MAX, STRANGERS_MAX};
use proto::tls::{Pipe, client_config};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use socket2::{Domain, Socket, Type};
use tincan_server::Server;
use tincan_server::stats::{Figure, Place, Stats};

use crate::friend::{Friend, PATIENCE, Scratch, name, wait_until};
use crate::people::{befriend, exchange};
use crate::process::{GENEROUS, Tincand};

/// A frame's header (the magic number, the code, the payload's size).
fn header(magic: i32, code: i32, size: u64) -> Vec<u8> {
    [&magic.to_le_bytes()[..], &code.to_le_bytes(), &size.to_le_bytes()].concat()
}

const MAGIC: i32 = 753_159;
const PING: i32 = 313;

/// Somebody with a TLS of ours and nothing good in mind.
struct Stranger {
    stream: TcpStream,
    pipe: Pipe,
}

impl Stranger {
    fn new(server: SocketAddr) -> Self {
        let stream = dial(server);
        let mut stranger = Self { stream, pipe: Pipe::client(&client_config().unwrap()).unwrap() };
        stranger.flush();
        while stranger.pipe.is_handshaking() {
            let mut buffer = [0; 4096];
            let count = stranger.stream.read(&mut buffer).unwrap();
            assert!(count > 0, "the server closed a handshake that was in order");
            stranger.pipe.received(&buffer[..count]).unwrap();
            stranger.flush();
        }
        stranger
    }

    fn send(&mut self, bytes: &[u8]) {
        self.pipe.send(bytes).unwrap();
        self.flush();
    }

    fn flush(&mut self) {
        let mut out = Vec::new();
        self.pipe.take_ciphertext(&mut out);
        let _ = self.stream.write_all(&out);
    }
}

fn dial(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads until the other end is done with us.
fn until_closed(mut stream: &TcpStream) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    // A reset is an end too; being made to wait is not.
    while let Ok(count @ 1..) = stream.read(&mut buffer).map_err(|error| {
        assert_ne!(
            error.kind(),
            std::io::ErrorKind::WouldBlock,
            "the server keeps a connection it should close"
        );
    }) {
        all.extend_from_slice(&buffer[..count]);
    }
    all
}

fn await_count(stats: &Stats, place: Place, why: Reason, at_least: u64) {
    wait_until(&format!("{at_least} x {why}: {stats}"), || stats.dropped(place, why) >= at_least);
}

/// A ClientHello of TLS 1.2, as an old browser sends it: one cipher suite, no extension.
fn tls12_hello() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    let mut hello = vec![0x16, 3, 1, 0, u8::try_from(body.len() + 4).unwrap()];
    hello.extend([1, 0, 0, u8::try_from(body.len()).unwrap()]);
    hello.extend(body);
    hello
}

#[test]
fn what_is_no_tls_of_ours_is_closed_and_counted() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.config()).unwrap();
    let mut alice = Friend::new("alice", 1, server.invite());
    alice.log_in();
    let junk: Vec<u8> = (0..50_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let endless_hello = [&[0x16, 3, 1, 0x40, 0][..], &[1, 0, 0xff, 0xff], &[0; 16_380]].concat().repeat(3);
    let openings: [&[u8]; 6] = [
        &junk,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        &tls12_hello(),
        &endless_hello,
        &header(MAGIC, PING, 0),
    ];
    for opening in openings {
        let before = closed_for_tls(server.stats());
        let mut stream = dial(server.addr());
        let _ = stream.write_all(opening);
        until_closed(&stream);
        wait_until("it to be counted", || closed_for_tls(server.stats()) > before);
    }
    let answer = {
        let mut stream = dial(server.addr());
        stream.write_all(&tls12_hello()).unwrap();
        until_closed(&stream)
    };
    assert_eq!(answer.get(..1), Some(&[0x15][..]), "an old client is told by an alert");
    alice.say(Command::Contacts);
    alice.await_event("an answer as before", |e| matches!(e, Event::Contacts(_)));
}

fn closed_for_tls(stats: &Stats) -> u64 {
    stats.dropped(Place::Stream, Reason::Tls) + stats.dropped(Place::Stream, Reason::Oversized)
}

/// Believes everybody, as long as there is a certificate.
#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
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
        vec![SignatureScheme::ED25519, SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

#[test]
fn who_wants_a_certificate_gets_none() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.config()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible))
        .with_no_client_auth();
    let host = ServerName::try_from("localhost").unwrap();
    let mut browser = rustls::ClientConnection::new(Arc::new(config), host).unwrap();
    let mut stream = dial(server.addr());
    while browser.wants_write() {
        browser.write_tls(&mut stream).unwrap();
    }
    let answer = until_closed(&stream);
    let mut rest = &answer[..];
    browser.read_tls(&mut rest).unwrap();
    assert!(browser.process_new_packets().is_err(), "a browser must not be let in");
    await_count(server.stats(), Place::Stream, Reason::Tls, 1);
}

#[test]
fn frames_that_are_cut_too_large_or_wrong_end_the_connection() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    config.limits.login_time = Duration::from_secs(1);
    let server = Server::start(&config).unwrap();
    let too_large = u64::try_from(FRAME_PAYLOAD_STRANGER_MAX).unwrap() + 1;
    let cases = [
        (header(MAGIC, 300, too_large), Reason::Oversized),
        (header(MAGIC, 300, u64::MAX), Reason::Oversized),
        (header(MAGIC + 1, 300, 0), Reason::Malformed),
        // Half a frame, and then nothing: the time for the login ends it.
        (header(MAGIC, 300, 100), Reason::TooLate),
    ];
    for (bytes, why) in cases {
        let before = server.stats().dropped(Place::Stream, why);
        let mut stranger = Stranger::new(server.addr());
        stranger.send(&bytes);
        until_closed(&stranger.stream);
        await_count(server.stats(), Place::Stream, why, before + 1);
    }
    // Cut by the other end in the middle of a frame and of a record: no reason to count, and nothing stays.
    let mut stranger = Stranger::new(server.addr());
    stranger.send(&header(MAGIC, 300, 100)[..7]);
    stranger.stream.write_all(&[0x17, 3, 3, 0, 50, 1, 2, 3]).unwrap();
    drop(stranger);
    wait_until("the last one to be gone", || server.stats().figure(Figure::Open) == 0);
}

#[test]
fn a_handshake_that_drags_on_is_ended() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    config.limits.login_time = Duration::from_secs(1);
    let server = Server::start(&config).unwrap();
    let mute = dial(server.addr());
    let mut slow = dial(server.addr());
    slow.write_all(&tls12_hello()[..20]).unwrap();
    until_closed(&mute);
    until_closed(&slow);
    await_count(server.stats(), Place::Stream, Reason::TooLate, 2);
}

#[test]
fn one_network_takes_its_own_places_only_and_who_idles_there_locks_nobody_out() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    config.doorway.strangers_per_prefix = 4;
    config.limits.login_time = Duration::from_secs(300);
    let server = Server::start(&config).unwrap();
    let mut held: VecDeque<_> = (0..4).map(|_| Stranger::new(server.addr())).collect();
    let elsewhere = from(Ipv4Addr::new(127, 9, 9, 9), server.addr());
    wait_until("five to be there", || server.stats().figure(Figure::Strangers) == 5);
    assert_eq!(server.stats().dropped(Place::Stream, Reason::Crowded), 0);
    for gone in 1..3 {
        held.push_back(Stranger::new(server.addr()));
        until_closed(&held.pop_front().unwrap().stream);
        await_count(server.stats(), Place::Stream, Reason::Crowded, gone);
    }
    wait_until("five to be there", || server.stats().figure(Figure::Strangers) == 5);
    // The network's places are all taken by others, and one who means well comes in.
    Friend::new("alice", 1, server.invite()).log_in();
    await_count(server.stats(), Place::Stream, Reason::Crowded, 3);
    drop((held, elsewhere));
    wait_until("the places to be free", || server.stats().figure(Figure::Open) == 0);
}

#[test]
fn who_does_not_read_is_let_go() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    config.limits.requests = Bucket { burst: 100_000_000, per_second: 1 };
    let server = Server::start(&config).unwrap();
    let (mut alice, mut bob) =
        (Friend::new("alice", 1, server.invite()), Friend::new("bob", 2, server.invite()));
    alice.log_in();
    bob.log_in();
    befriend(&mut alice, &mut bob);
    let mut deaf = Friend::new("deaf", 3, server.invite());
    deaf.log_in();
    let pings = header(MAGIC, PING, 0).repeat(512);
    // As soon as nobody takes our words either, or the server has hung up, the point is made.
    while deaf.shout(&pings) {}
    exchange(&mut alice, &mut bob, "we are not disturbed");
    await_count(server.stats(), Place::Stream, Reason::TooSlow, 1);
}

#[test]
fn datagrams_of_strangers_are_counted_and_not_answered() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.config()).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut bind = vec![0xc0];
    bind.extend([5; 95]);
    let mut voice = vec![0x80, 96];
    voice.extend([5; 60]);
    let datagrams: [(&[u8], Reason); 5] = [
        (&[], Reason::Malformed),
        (&[0xff; 40], Reason::Malformed),
        (&[0x80; DATAGRAM_BYTES_MAX + 1], Reason::Oversized),
        (&voice, Reason::Stranger),
        (&bind, Reason::Expired),
    ];
    for (bytes, why) in datagrams {
        let before = server.stats().dropped(Place::Datagram, why);
        socket.send_to(bytes, server.addr()).unwrap();
        await_count(server.stats(), Place::Datagram, why, before + 1);
    }
    let flood = 2_000;
    (0..flood).for_each(|_| assert!(socket.send_to(&bind, server.addr()).is_ok()));
    await_count(server.stats(), Place::Datagram, Reason::Flood, 1);
    assert_eq!(server.stats().figure(Figure::DatagramsOut), 0);
}

// --- a crowd ---

fn from(source: Ipv4Addr, server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.into()
}

/// As many open files as this process can have; `prlimit` is a part of every Debian.
fn descriptors() -> usize {
    let me = std::process::id().to_string();
    let hard = |text: &str| text.split_whitespace().nth(4).and_then(|n| n.parse::<usize>().ok());
    let soft = |text: &str| text.split_whitespace().nth(3).and_then(|n| n.parse::<usize>().ok());
    let read = || {
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
        limits.lines().find(|line| line.starts_with("Max open files")).map(str::to_owned)
    };
    if let Some(most) = read().as_deref().and_then(hard) {
        let all = format!("--nofile={most}:{most}");
        let _ = std::process::Command::new("prlimit").args(["--pid", &me, &all]).status();
    }
    read().as_deref().and_then(soft).unwrap_or(1_024)
}

/// Bytes of memory the process really has.
fn memory(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

#[test]
fn ten_thousand_half_open_connections_harm_nobody() {
    let scratch = Scratch::new();
    // People come before the crowd, with limits that let them share an address; the crowd meets the defaults.
    let mut server = Tincand::start(scratch.path(), "");
    let (mut alice, mut bob) =
        (Friend::new("alice", 1, &server.invite), Friend::new("bob", 2, &server.invite));
    alice.log_in();
    bob.log_in();
    befriend(&mut alice, &mut bob);
    let before = memory(server.id());

    let crowd = 10_000.min(descriptors().saturating_sub(600));
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, server.invite.port));
    let mut held = Vec::with_capacity(crowd);
    let hello = tls12_hello();
    for number in 0..crowd {
        let prefix = u16::try_from(number / 4).unwrap() + 256;
        let [high, low] = prefix.to_be_bytes();
        let mut stream = from(Ipv4Addr::new(127, high, low, 1 + u8::try_from(number % 4).unwrap()), addr);
        // Half of a hello: a handshake has begun, and never ends. Those turned away may be gone already.
        let _ = stream.write_all(&hello[..hello.len() / 2]);
        held.push(stream);
        if number % 1_000 == 999 {
            exchange(&mut alice, &mut bob, &format!("after {number}"));
        }
    }
    let crowd = u64::try_from(crowd).unwrap();
    let kept = crowd.min(u64::try_from(STRANGERS_MAX).unwrap());
    let crowded = |counts: &str| count(counts, "tcp.crowded=");
    server.await_counts("the rest to be turned away", |c| crowded(c) >= crowd - kept);
    let grown = memory(server.id()).saturating_sub(before);
    println!("{crowd} half-open connections: {kept} kept, {} KiB", grown >> 10);
    assert!(grown < 32 << 20, "{kept} strangers cost {} KiB", grown >> 10);
    exchange(&mut alice, &mut bob, "in the thick of it");
    server.await_counts("the kept ones to run out of time", |c| count(c, "strangers=") == 0);
    let counts = server.await_counts("their reason", |c| count(c, "tcp.too_late=") + crowded(c) >= crowd);
    assert!(count(&counts, "tcp.too_late=") >= kept / 2, "{counts}");
    Friend::new("carol", 3, &server.invite).log_in();
    exchange(&mut alice, &mut bob, "and after it");
    drop(held);
}

fn count(line: &str, key: &str) -> u64 {
    let value = line.split_whitespace().find_map(|word| word.strip_prefix(key));
    value.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[test]
fn few_descriptors_mean_few_guests_and_no_harm() {
    let scratch = Scratch::new();
    let mut server = Tincand::start_limited(scratch.path(), GENEROUS, 128);
    let mut alice = Friend::new("alice", 1, &server.invite);
    alice.log_in();
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, server.invite.port));
    let held: Vec<_> = (0..200).map(|_| dial(addr)).collect();
    server.await_counts("the rest to be turned away", |c| count(c, "tcp.crowded=") >= 100);
    alice.say(Command::Add(name("nobody")));
    alice.await_event("an answer", |e| matches!(e, Event::Refused { .. }));
    drop(held);
}
