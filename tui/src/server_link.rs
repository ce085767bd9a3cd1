//! The door to the server: name, TCP, TLS or none, bytes in and out. It makes one connection when told to and says
//! what became of it; whether and when to try again is the machine's business.
//!
//! ```text
//! Idle ── connect ──▶ Resolving ──▶ Joining, one address after the other ──▶ Up
//!   ▲                     │                      │                           │
//!   └──────────────── Down(why) ◀────────────────┴───────────────────────────┘
//! ```
//!
//! Nothing here blocks but the look-up of the name, which a short-lived thread does.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use mio::{Registry, Token, Waker};
use proto::client::LinkUp;
use proto::tls::{ClientConfig, Pipe, client_config};
use proto::{Time, earliest};

use crate::limits::{ADDRESSES_MAX, CONNECT_TIME_MAX};
use crate::parting::Partings;
use crate::socket::Socket;
use crate::target::Address;

/// What became of the connection, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// It is there, handshake done.
    Up(LinkUp),
    /// It is there, without TLS: our end's address.
    UpPlain(SocketAddr),
    /// The server said this.
    Bytes(Vec<u8>),
    /// It is gone, or could not be made: why, in a sentence.
    Down(String),
}

/// The connection to one server.
pub struct ServerLink {
    address: Address,
    way: Way,
    token: Token,
    waker: Arc<Waker>,
    state: State,
    told: VecDeque<LinkEvent>,
    /// Connections of before, without TLS.
    partings: Partings,
}

/// How connections are made.
enum Way {
    Tls(Arc<ClientConfig>),
    /// Without TLS, from this local address if one was chosen.
    Plain(Option<IpAddr>),
}

enum State {
    Idle,
    Resolving(Receiver<io::Result<Vec<SocketAddr>>>),
    Open(Box<Open>),
}

/// One socket, from its first packet on.
struct Open {
    socket: Socket,
    peer: SocketAddr,
    /// Addresses to try when this one fails before the handshake is done.
    rest: VecDeque<SocketAddr>,
    /// None where bytes go as they are.
    pipe: Option<Pipe>,
    /// The handshake must be done by then; none once it is.
    until: Option<Time>,
    /// The first byte the server said.
    first: Option<u8>,
}

/// What every first byte of a server with TLS is among: the types of records (RFC 8446 section 5.1).
const TLS_RECORDS: core::ops::RangeInclusive<u8> = 20..=23;

impl ServerLink {
    /// A link with TLS to `address` that does nothing yet. Its socket is registered under `token`; `waker` wakes the
    /// loop when the name was looked up.
    ///
    /// # Errors
    /// When there is no TLS.
    pub fn new(address: Address, token: Token, waker: Arc<Waker>) -> anyhow::Result<Self> {
        Ok(Self::by(Way::Tls(client_config()?), address, token, waker))
    }

    /// The same without TLS, from the local address `from` if one was chosen.
    pub fn plain(address: Address, from: Option<IpAddr>, token: Token, waker: Arc<Waker>) -> Self {
        Self::by(Way::Plain(from), address, token, waker)
    }

    fn by(way: Way, address: Address, token: Token, waker: Arc<Waker>) -> Self {
        Self {
            address,
            way,
            token,
            waker,
            state: State::Idle,
            told: VecDeque::new(),
            partings: Partings::default(),
        }
    }

    /// Makes a new connection; an old one is closed without a word.
    pub fn connect(&mut self, registry: &Registry) {
        self.disconnect(registry);
        let (tell, answer) = sync_channel(1);
        let (host, port, waker) = (self.address.host.clone(), self.address.port, Arc::clone(&self.waker));
        let look_up = move || {
            let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
            // Nobody waits any more when the user changed their mind.
            if tell.send(found).is_ok() {
                let _ = waker.wake();
            }
        };
        match std::thread::Builder::new().name("look-up".into()).spawn(look_up) {
            Ok(_) => self.state = State::Resolving(answer),
            Err(why) => {
                self.told.push_back(LinkEvent::Down(format!("cannot look up {}: {why}", self.address)))
            }
        }
    }

    /// Closes the connection, saying goodbye if it can be said at once.
    pub fn disconnect(&mut self, registry: &Registry) {
        if let State::Open(mut open) = core::mem::replace(&mut self.state, State::Idle) {
            if let Some(pipe) = &mut open.pipe {
                pipe.close();
            }
            let _ = open.flush();
            self.part(registry, *open);
        }
        self.told.clear();
    }

    /// Closes a socket, in plain protocols as their originals need it.
    fn part(&mut self, registry: &Registry, mut open: Open) {
        if open.pipe.is_some() {
            return open.socket.deregister(registry);
        }
        self.partings.push(open.socket.into_stream(registry));
    }

    /// Says something to the server; without TLS, in a write of its own.
    pub fn send(&mut self, registry: &Registry, bytes: Vec<u8>) {
        let State::Open(open) = &mut self.state else { return };
        if let Err(why) = open.send(bytes).and_then(|()| open.flush()) {
            self.fail(registry, why);
        }
    }

    /// The waker woke: perhaps the name was looked up.
    pub fn woken(&mut self, registry: &Registry, now: Time) {
        let State::Resolving(answer) = &self.state else { return };
        match answer.try_recv() {
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                self.down(format!("cannot look up {}: the look-up ended without an answer", self.address));
            }
            Ok(Err(why)) => self.down(format!("cannot find the server {}: {why}", self.address.host)),
            Ok(Ok(found)) => {
                let rest: VecDeque<_> = found.into_iter().take(ADDRESSES_MAX).collect();
                self.try_next(registry, rest, now, "the name has no address".into());
            }
        }
    }

    /// The socket is ready for something.
    pub fn ready(&mut self, registry: &Registry, now: Time) {
        let State::Open(open) = &mut self.state else { return };
        let outcome = open.go_on(&mut self.told);
        match outcome {
            Ok(true) => {}
            Ok(false) => self.fail_at(registry, now, "the server closed the connection".into()),
            Err(why) => self.fail_at(registry, now, why),
        }
    }

    /// Goes on reading where the last turn stopped, and gives up what takes too long.
    pub fn timeout(&mut self, registry: &Registry, now: Time) {
        self.partings.timeout(now);
        let State::Open(open) = &self.state else { return };
        if open.until.is_some_and(|until| now >= until) {
            self.fail_at(registry, now, "no answer in time".into());
        } else if open.socket.is_unread() {
            self.ready(registry, now);
        }
    }

    /// When [`ServerLink::timeout`] is due.
    pub fn deadline(&self) -> Option<Time> {
        let open = match &self.state {
            State::Idle | State::Resolving(_) => None,
            State::Open(open) if open.socket.is_unread() => Some(Time::ZERO),
            State::Open(open) => open.until,
        };
        earliest(self.partings.deadline(), open)
    }

    /// What happened.
    pub fn poll(&mut self) -> Option<LinkEvent> {
        self.told.pop_front()
    }

    /// Whether all that was said has gone to the socket.
    pub fn is_flushed(&self) -> bool {
        match &self.state {
            State::Idle | State::Resolving(_) => true,
            State::Open(open) => open.socket.is_flushed(),
        }
    }

    /// Whether every connection is closed at both ends, or was waited for long enough.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Idle) && self.partings.is_empty()
    }

    fn down(&mut self, why: String) {
        self.state = State::Idle;
        self.told.push_back(LinkEvent::Down(why));
    }

    /// The connection failed; before the handshake was done, the next address may do better.
    fn fail_at(&mut self, registry: &Registry, now: Time, why: String) {
        let State::Open(open) = &mut self.state else { return };
        if open.until.is_none() || open.rest.is_empty() {
            return self.fail(registry, why);
        }
        let rest = core::mem::take(&mut open.rest);
        self.close(registry);
        self.try_next(registry, rest, now, why);
    }

    fn fail(&mut self, registry: &Registry, why: String) {
        let State::Open(open) = &mut self.state else { return };
        let why = open.other_language().map_or(why, str::to_owned);
        let sentence = match open.until {
            Some(_) => format!("cannot reach the server {}: {why}", self.address),
            None => format!("lost the connection to {}: {why}", self.address),
        };
        self.close(registry);
        self.down(sentence);
    }

    fn close(&mut self, registry: &Registry) {
        if let State::Open(open) = core::mem::replace(&mut self.state, State::Idle) {
            self.part(registry, *open);
        }
    }

    fn try_next(&mut self, registry: &Registry, mut rest: VecDeque<SocketAddr>, now: Time, why: String) {
        let mut why = why;
        while let Some(peer) = rest.pop_front() {
            match Open::start(peer, &self.way, registry, self.token) {
                Ok(mut open) => {
                    open.until = Some(now + CONNECT_TIME_MAX);
                    open.rest = rest;
                    self.state = State::Open(Box::new(open));
                    return;
                }
                Err(failed) => why = failed,
            }
        }
        self.down(format!("cannot reach the server {}: {why}", self.address));
    }
}

impl Open {
    fn start(peer: SocketAddr, way: &Way, registry: &Registry, token: Token) -> Result<Self, String> {
        let (pipe, from) = match way {
            Way::Tls(config) => (Some(Pipe::client(config).map_err(|why| why.to_string())?), None),
            Way::Plain(from) => (None, *from),
        };
        let socket = Socket::dial(peer, from, registry, token).map_err(|why| why.to_string())?;
        Ok(Self { socket, peer, rest: VecDeque::new(), pipe, until: None, first: None })
    }

    fn send(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        match &mut self.pipe {
            Some(pipe) => pipe.send(&bytes).map_err(|why| why.to_string()),
            None => self.socket.send(bytes),
        }
    }

    /// Reads and writes what it can. False at the server's end.
    fn go_on(&mut self, told: &mut VecDeque<LinkEvent>) -> Result<bool, String> {
        if !self.socket.is_connected()? {
            return Ok(true);
        }
        self.flush()?;
        let mut bytes = Vec::new();
        let read = self.read(&mut bytes);
        // What came before a fault counts: a server says why it closes before it does.
        let open = *read.as_ref().unwrap_or(&false);
        // The handshake's answers, and an alert if there is one to send.
        let flushed = self.flush();
        if self.until.is_some()
            && let Some(up) = self.established()?
        {
            self.until = None;
            told.push_back(up);
        }
        if !bytes.is_empty() {
            told.push_back(LinkEvent::Bytes(bytes));
        }
        read?;
        flushed?;
        Ok(open && !self.pipe.as_ref().is_some_and(Pipe::peer_closed))
    }

    /// The news that the handshake is done, once it is.
    fn established(&self) -> Result<Option<LinkEvent>, String> {
        let Some(pipe) = &self.pipe else {
            return self.socket.local().map(|at| Some(LinkEvent::UpPlain(at)));
        };
        let Some(established) = pipe.established() else { return Ok(None) };
        let peer = SocketAddr::new(self.peer.ip().to_canonical(), self.peer.port());
        let (exporter, server_key) = (established.exporter, established.server_key);
        Ok(Some(LinkEvent::Up(LinkUp { exporter, server_key, peer })))
    }

    /// When the server is of another kind than we came for: what is wrong, and what to do.
    fn other_language(&mut self) -> Option<&'static str> {
        let tls = self.first.map(|first| TLS_RECORDS.contains(&first));
        match (&self.pipe, tls) {
            // Servers of the binary protocol wait for the first word, and close at what they do not understand.
            (Some(_), None) if self.until.is_some() && self.socket.is_connected() == Ok(true) => Some(
                "it is there and does not answer as a tincan server; if it is one of a plain protocol, start with \
                 --protocol binary or --protocol text",
            ),
            (Some(_), Some(false)) => Some(
                "it does not speak TLS; if it is a server of a plain protocol, start with --protocol binary or \
                 --protocol text",
            ),
            (None, Some(true)) => Some("it speaks TLS, as tincan servers do; leave out --protocol"),
            (Some(_), _) | (None, _) => None,
        }
    }

    /// False at the end of the stream.
    fn read(&mut self, bytes: &mut Vec<u8>) -> Result<bool, String> {
        let Self { socket, pipe, first, .. } = self;
        let Some(pipe) = pipe else {
            return socket.read(|chunk| {
                if TLS_RECORDS.contains(first.get_or_insert(chunk[0])) {
                    return Err("no plain server".into());
                }
                bytes.extend_from_slice(chunk);
                Ok(())
            });
        };
        let read = socket.read(|chunk| {
            first.get_or_insert(chunk[0]);
            pipe.received(chunk).map_err(|why| why.to_string())
        });
        pipe.take_plaintext(bytes);
        if read.is_err() {
            // The alert says to the server what was wrong.
            let _ = self.flush();
        }
        read
    }

    fn flush(&mut self) -> Result<(), String> {
        if let Some(pipe) = &mut self.pipe {
            let mut sealed = Vec::new();
            pipe.take_ciphertext(&mut sealed);
            self.socket.send(sealed)?;
        }
        self.socket.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, wait_for};
    use mio::{Events, Poll};
    use proto::tls::{server_config, server_key_pkcs8};
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
}
