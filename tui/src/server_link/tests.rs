//! The link against servers of both kinds, and against what is none.

use super::*;
use crate::clock::{Clock, wait_for};
use mio::{Events, Poll};
use proto::tls::{Pipe, server_config, server_key_pkcs8};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

const LINK: Token = Token(0);
const WAKE: Token = Token(1);

/// A loop as small as it can be.
struct Loop {
    poll: Poll,
    link: ServerLink,
    clock: Clock,
}

impl Loop {
    fn to(port: u16) -> Self {
        Self::by(port, |address, waker| ServerLink::new(address, LINK, waker).unwrap())
    }

    fn by(port: u16, make: impl FnOnce(Address, Arc<Waker>) -> ServerLink) -> Self {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), WAKE).unwrap());
        let mut link = make(Address { host: "127.0.0.1".into(), port }, waker);
        link.connect(poll.registry());
        Self { poll, link, clock: Clock::start() }
    }

    fn next(&mut self) -> LinkEvent {
        let end = self.clock.now().mono + Duration::from_secs(20);
        let mut events = Events::with_capacity(8);
        loop {
            if let Some(event) = self.link.poll() {
                return event;
            }
            let now = self.clock.now().mono;
            assert!(now < end, "nothing happened");
            let wait = wait_for(earliest(self.link.deadline(), Some(end)), now);
            self.poll.poll(&mut events, wait).unwrap();
            let now = self.clock.now().mono;
            for event in &events {
                match event.token() {
                    LINK => self.link.ready(self.poll.registry(), now),
                    _ => self.link.woken(self.poll.registry(), now),
                }
            }
            self.link.timeout(self.poll.registry(), now);
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.link.send(self.poll.registry(), bytes.to_vec());
    }
}

/// A server that answers `count` bytes with as many, then closes.
fn echo(count: usize) -> (u16, JoinHandle<[u8; 32]>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move || {
        let config = server_config(&server_key_pkcs8(&[1; 32]).unwrap()).unwrap();
        let (mut stream, mut pipe) = (listener.accept().unwrap().0, Pipe::server(&config).unwrap());
        let (mut chunk, mut said, mut out) = ([0; 4096], Vec::new(), Vec::new());
        while said.len() < count {
            let read = stream.read(&mut chunk).unwrap();
            assert_ne!(read, 0, "the client went away");
            pipe.received(&chunk[..read]).unwrap();
            pipe.take_plaintext(&mut said);
            pipe.take_ciphertext(&mut out);
            stream.write_all(&out).unwrap();
            out.clear();
        }
        for part in said.chunks(16 << 10) {
            pipe.send(part).unwrap();
            pipe.take_ciphertext(&mut out);
        }
        pipe.close();
        pipe.take_ciphertext(&mut out);
        stream.write_all(&out).unwrap();
        pipe.established().unwrap().exporter
    };
    (port, std::thread::spawn(serve))
}

#[test]
fn bytes_go_there_and_back() {
    let (port, server) = echo(100_000);
    let mut it = Loop::to(port);
    let LinkEvent::Up(up) = it.next() else { panic!("not up") };
    assert_eq!(up.server_key, server_config(&server_key_pkcs8(&[1; 32]).unwrap()).unwrap().fingerprint());
    assert_eq!(up.peer, SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let said: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    it.send(&said);
    let mut heard = Vec::new();
    loop {
        match it.next() {
            LinkEvent::Bytes(bytes) => heard.extend(bytes),
            LinkEvent::Down(why) => break assert!(why.contains("closed"), "{why}"),
            LinkEvent::Up(_) | LinkEvent::UpPlain(_) => panic!("up twice"),
        }
    }
    assert_eq!(heard, said);
    assert_eq!(server.join().unwrap(), up.exporter);
}

#[test]
fn without_tls_bytes_go_as_they_are_from_the_address_that_was_chosen() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let from = IpAddr::from([127, 0, 0, 3]);
    let server = std::thread::spawn(move || {
        let (mut stream, peer) = listener.accept().unwrap();
        stream.write_all(b"0").unwrap();
        let mut said = [0; 6];
        stream.read_exact(&mut said).unwrap();
        (peer, said)
    });
    let mut it = Loop::by(port, |address, waker| ServerLink::plain(address, Some(from), LINK, waker));
    let LinkEvent::UpPlain(local) = it.next() else { panic!("not up") };
    assert_eq!(it.next(), LinkEvent::Bytes(b"0".to_vec()));
    it.send(b"0 2298");
    assert_eq!(server.join().unwrap(), (local, *b"0 2298"));
    assert_eq!(local.ip(), from);
    assert!(matches!(it.next(), LinkEvent::Down(why) if why.contains("closed")));
}

/// What an original server of seed B does not survive (seeds, "sending to a reset client").
#[test]
fn without_tls_a_server_is_left_without_a_reset_though_it_has_spoken() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut it = Loop::by(port, |address, waker| ServerLink::plain(address, None, LINK, waker));
    assert!(matches!(it.next(), LinkEvent::UpPlain(_)));
    let mut server = listener.accept().unwrap().0;
    server.write_all(b"10 bob").unwrap();
    it.link.disconnect(it.poll.registry());
    assert!(!it.link.is_closed());
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    for _ in 0..2 {
        server.write_all(b"10 carol").unwrap();
        it.link.timeout(it.poll.registry(), it.link.deadline().unwrap());
    }
    drop(server);
    it.link.timeout(it.poll.registry(), it.link.deadline().unwrap());
    assert!(it.link.is_closed());
}

#[test]
fn nobody_there_is_said() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let LinkEvent::Down(why) = Loop::to(port).next() else { panic!("not down") };
    assert!(why.starts_with("cannot reach the server 127.0.0.1"), "{why}");
}

#[test]
fn another_language_is_not_tls() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(b"220 mail.example ESMTP\r\n").unwrap();
        // Holds the socket until the client has gone.
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.read(&mut [0; 4096]);
    });
    let LinkEvent::Down(why) = Loop::to(port).next() else { panic!("not down") };
    assert!(why.contains("does not speak TLS") && why.contains("--protocol binary"), "{why}");
    server.join().unwrap();
}

/// As the binary protocol's do: they wait for the first word and hang up at one they do not know.
#[test]
fn a_server_that_hangs_up_at_our_hello_may_be_a_plain_one() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0);
    });
    let LinkEvent::Down(why) = Loop::to(port).next() else { panic!("not down") };
    assert!(why.contains("does not answer as a tincan server"), "{why}");
    server.join().unwrap();
}

#[test]
fn without_tls_a_server_with_it_is_known_by_its_first_byte() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut it = Loop::by(port, |address, waker| ServerLink::plain(address, None, LINK, waker));
    assert!(matches!(it.next(), LinkEvent::UpPlain(_)));
    let mut server = listener.accept().unwrap().0;
    // The alert "unexpected message".
    server.write_all(&[21, 3, 3, 0, 2, 2, 10]).unwrap();
    let LinkEvent::Down(why) = it.next() else { panic!("not down") };
    assert!(why.contains("leave out --protocol"), "{why}");
}

#[test]
fn a_name_that_is_none_is_said() {
    let mut it = Loop::to(1);
    it.link.address.host = "no-such-host.invalid".into();
    it.link.connect(it.poll.registry());
    let LinkEvent::Down(why) = it.next() else { panic!("not down") };
    assert!(why.starts_with("cannot find the server"), "{why}");
}
