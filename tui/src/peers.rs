//! The other clients of seed B: the listener on the port that we announce, and the connections to and from it. They
//! are told apart and judged by the machine; here they are only sockets, each of which may fail by itself.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use anyhow::{Context as _, bail};
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use proto::limits::TEXT_PEERS_MAX;
use proto::plain::PeerId;
use proto::{Time, earliest};

use crate::limits::{ACCEPT_AGAIN_AFTER, PORTS_TRIED_MAX};
use crate::parting::Partings;
use crate::socket::Socket;

/// What happened to a connection, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    /// Somebody connected, from there.
    Came(PeerId, SocketAddr),
    /// The connection we made is there.
    Up(PeerId),
    /// They said this.
    Bytes(PeerId, Vec<u8>),
    /// It is gone, or could not be made.
    Down(PeerId),
}

/// The listener and all connections.
pub struct Peers {
    listener: TcpListener,
    local: SocketAddr,
    /// Where our own connections are made from, if it was chosen.
    from: Option<IpAddr>,
    first: usize,
    peers: BTreeMap<Token, Peer>,
    came: u32,
    told: VecDeque<PeerEvent>,
    /// Connections of before.
    partings: Partings,
    /// Somebody waits whom the system had no room for.
    accept_at: Option<Time>,
}

struct Peer {
    id: PeerId,
    socket: Socket,
    up: bool,
}

impl Peers {
    /// Tokens that are used from the first on: one more connection than the machine keeps, which it turns away, and
    /// one that we make.
    pub const TOKENS: usize = 1 + PEERS_MAX;

    /// Listens on a port of the system's choice that voice can have, too, under the tokens from `first` on: at
    /// `bind`, or at every address.
    ///
    /// # Errors
    /// When there is no such port.
    pub fn listen(bind: Option<IpAddr>, registry: &Registry, first: usize) -> anyhow::Result<Self> {
        let (mut listener, local) = match bind {
            Some(ip) => port_for_both(ip),
            // One listener for both families, where the system has both.
            None => port_for_both(Ipv6Addr::UNSPECIFIED.into())
                .or_else(|_| port_for_both(Ipv4Addr::UNSPECIFIED.into())),
        }?;
        registry
            .register(&mut listener, Token(first), Interest::READABLE)
            .context("listening for callers")?;
        Ok(Self {
            listener,
            local,
            from: bind,
            first,
            peers: BTreeMap::new(),
            came: 0,
            told: VecDeque::new(),
            partings: Partings::default(),
            accept_at: None,
        })
    }

    /// Where others reach us.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Connects.
    pub fn dial(&mut self, id: PeerId, at: SocketAddr, registry: &Registry) {
        let Some(token) = self.free_token() else { return self.told.push_back(PeerEvent::Down(id)) };
        let from = self.from.filter(|from| from.is_ipv4() == at.is_ipv4());
        match Socket::dial(at, from, registry, token) {
            Ok(socket) => drop(self.peers.insert(token, Peer { id, socket, up: false })),
            Err(why) => {
                tracing::info!(%at, %why, "cannot call");
                self.told.push_back(PeerEvent::Down(id));
            }
        }
    }

    /// Says something, in a write of its own.
    pub fn send(&mut self, id: PeerId, packet: Vec<u8>, registry: &Registry) {
        let Some((token, peer)) = self.peers.iter_mut().find(|(_, peer)| peer.id == id) else { return };
        if peer.socket.send(packet).and_then(|()| peer.socket.flush()).is_err() {
            let token = *token;
            self.fail(token, registry);
        }
    }

    /// Closes a connection, of which nothing more is told.
    pub fn close(&mut self, id: PeerId, registry: &Registry) {
        if let Some(token) = self.peers.iter().find(|(_, peer)| peer.id == id).map(|(token, _)| *token)
            && let Some(peer) = self.peers.remove(&token)
        {
            self.partings.push(peer.socket.into_stream(registry));
        }
    }

    /// Closes all connections, of which nothing more is told.
    pub fn disconnect(&mut self, registry: &Registry) {
        for peer in core::mem::take(&mut self.peers).into_values() {
            self.partings.push(peer.socket.into_stream(registry));
        }
    }

    /// Whether every connection is closed at both ends, or was waited for long enough.
    pub fn is_closed(&self) -> bool {
        self.peers.is_empty() && self.partings.is_empty()
    }

    /// The listener or a connection is ready for something.
    pub fn ready(&mut self, registry: &Registry, token: Token, now: Time) {
        if token.0 == self.first {
            return self.let_in(registry, now, TcpListener::accept);
        }
        self.go_on(registry, token);
    }

    fn go_on(&mut self, registry: &Registry, token: Token) {
        let Some(peer) = self.peers.get_mut(&token) else { return };
        match peer.go_on(&mut self.told) {
            Ok(true) => {}
            Ok(false) | Err(_) => self.fail(token, registry),
        }
    }

    /// Goes on reading where the last turn stopped, and looks after callers and connections of before.
    pub fn timeout(&mut self, registry: &Registry, now: Time) {
        self.partings.timeout(now);
        if self.accept_at.is_some_and(|at| now >= at) {
            self.let_in(registry, now, TcpListener::accept);
        }
        let unread: Vec<Token> =
            self.peers.iter().filter(|(_, peer)| peer.socket.is_unread()).map(|(token, _)| *token).collect();
        for token in unread {
            self.go_on(registry, token);
        }
    }

    /// When [`Peers::timeout`] is due.
    pub fn deadline(&self) -> Option<Time> {
        let unread = self.peers.values().any(|peer| peer.socket.is_unread()).then_some(Time::ZERO);
        earliest(unread, earliest(self.accept_at, self.partings.deadline()))
    }

    /// What happened.
    pub fn poll(&mut self) -> Option<PeerEvent> {
        self.told.pop_front()
    }

    /// Lets in whoever waits. Readiness is told once, so it must go on until nobody does.
    fn let_in(
        &mut self,
        registry: &Registry,
        now: Time,
        accept: impl Fn(&TcpListener) -> io::Result<(TcpStream, SocketAddr)>,
    ) {
        self.accept_at = None;
        loop {
            match accept(&self.listener) {
                Ok((stream, from)) => self.let_one_in(stream, from, registry),
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => return,
                // About the one who was next, and is not any more.
                Err(why) if is_theirs(&why) => {}
                Err(why) => {
                    tracing::warn!(%why, "cannot let callers in just now");
                    self.accept_at = Some(now + ACCEPT_AGAIN_AFTER);
                    return;
                }
            }
        }
    }

    fn let_one_in(&mut self, stream: TcpStream, from: SocketAddr, registry: &Registry) {
        // Beyond the limit they are turned away.
        let Some(token) = self.free_token() else { return self.partings.push(stream) };
        let Ok(socket) = Socket::accepted(stream, registry, token) else { return };
        let id = PeerId::Came(self.came);
        self.came = self.came.wrapping_add(1);
        self.peers.insert(token, Peer { id, socket, up: true });
        self.told.push_back(PeerEvent::Came(id, from));
        // They may have spoken before the registration, and readiness is told once.
        self.go_on(registry, token);
    }

    fn free_token(&self) -> Option<Token> {
        let mut free = (self.first + 1..=self.first + PEERS_MAX).map(Token);
        free.find(|token| !self.peers.contains_key(token))
    }

    fn fail(&mut self, token: Token, registry: &Registry) {
        if let Some(peer) = self.peers.remove(&token) {
            self.partings.push(peer.socket.into_stream(registry));
            self.told.push_back(PeerEvent::Down(peer.id));
        }
    }
}

impl Peer {
    /// Reads and writes what it can. False at their end.
    fn go_on(&mut self, told: &mut VecDeque<PeerEvent>) -> Result<bool, String> {
        if !self.socket.is_connected()? {
            return Ok(true);
        }
        if !self.up {
            self.up = true;
            told.push_back(PeerEvent::Up(self.id));
        }
        self.socket.flush()?;
        let mut bytes = Vec::new();
        let read = self.socket.read(|chunk| {
            bytes.extend_from_slice(chunk);
            Ok(())
        });
        if !bytes.is_empty() {
            told.push_back(PeerEvent::Bytes(self.id, bytes));
        }
        read
    }
}

/// Whether letting somebody in failed by their doing, or by that of the network between: accept(2) hands on what
/// became of a connection before it was taken.
fn is_theirs(why: &io::Error) -> bool {
    let network = [
        libc::ECONNABORTED,
        libc::ECONNRESET,
        libc::EINTR,
        libc::EPROTO,
        libc::ENETDOWN,
        libc::ENOPROTOOPT,
        libc::EHOSTDOWN,
        libc::EHOSTUNREACH,
        libc::EOPNOTSUPP,
        libc::ENETUNREACH,
        libc::ETIMEDOUT,
    ];
    why.raw_os_error().is_some_and(|code| network.contains(&code))
}

/// Connections at once.
const PEERS_MAX: usize = TEXT_PEERS_MAX + 2;

/// A listener whose port is free for UDP as well: that is where voice comes.
fn port_for_both(ip: IpAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    for _ in 0..PORTS_TRIED_MAX {
        let listener = TcpListener::bind(SocketAddr::new(ip, 0))
            .with_context(|| format!("listening for callers at {ip}"))?;
        let local = listener.local_addr().context("listening for callers")?;
        match UdpSocket::bind(local) {
            Ok(_) => return Ok((listener, local)),
            Err(why) if why.kind() == io::ErrorKind::AddrInUse => {}
            Err(why) => return Err(why).with_context(|| format!("trying a port for voice at {local}")),
        }
    }
    bail!("no port at {ip} is free for callers and voice")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use mio::{Events, Poll};
    use std::cell::Cell;
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream as StdStream;
    use std::time::Duration;

    const FIRST: usize = 7;

    struct Loop {
        poll: Poll,
        peers: Peers,
        clock: Clock,
    }

    impl Loop {
        fn new(bind: Option<&str>) -> Self {
            let poll = Poll::new().unwrap();
            let bind = bind.map(|ip| ip.parse().unwrap());
            let peers = Peers::listen(bind, poll.registry(), FIRST).unwrap();
            Self { poll, peers, clock: Clock::start() }
        }

        fn next(&mut self) -> PeerEvent {
            let mut events = Events::with_capacity(8);
            for _ in 0..1_000 {
                if let Some(event) = self.peers.poll() {
                    return event;
                }
                self.poll.poll(&mut events, Some(Duration::from_millis(20))).unwrap();
                for event in &events {
                    self.peers.ready(self.poll.registry(), event.token(), self.clock.now().mono);
                }
                self.peers.timeout(self.poll.registry(), self.clock.now().mono);
            }
            panic!("nothing happened");
        }
    }

    #[test]
    fn callers_come_and_go() {
        let mut it = Loop::new(None);
        let mut caller = StdStream::connect(("127.0.0.1", it.peers.local().port())).unwrap();
        let PeerEvent::Came(id, from) = it.next() else { panic!("nobody came") };
        assert_eq!(from.port(), caller.local_addr().unwrap().port());
        it.peers.send(id, b"0".to_vec(), it.poll.registry());
        let mut said = [0];
        caller.read_exact(&mut said).unwrap();
        assert_eq!(said, *b"0");
        caller.write_all(b"4 bob").unwrap();
        assert_eq!(it.next(), PeerEvent::Bytes(id, b"4 bob".to_vec()));
        drop(caller);
        assert_eq!(it.next(), PeerEvent::Down(id));
        it.peers.send(id, b"6".to_vec(), it.poll.registry());
        assert_eq!(it.peers.poll(), None);
    }

    #[test]
    fn we_call_from_the_address_that_was_chosen() {
        let (mut caller, mut callee) = (Loop::new(Some("127.0.0.4")), Loop::new(Some("127.0.0.5")));
        assert_eq!(callee.peers.local().ip(), IpAddr::from([127, 0, 0, 5]));
        let id = PeerId::Dialled(0);
        caller.peers.dial(id, callee.peers.local(), caller.poll.registry());
        assert_eq!(caller.next(), PeerEvent::Up(id));
        let PeerEvent::Came(came, from) = callee.next() else { panic!("nobody came") };
        assert_eq!(from.ip(), IpAddr::from([127, 0, 0, 4]));
        callee.peers.close(came, callee.poll.registry());
        assert_eq!(caller.next(), PeerEvent::Down(id));
    }

    #[test]
    fn nobody_there_is_told() {
        let mut it = Loop::new(Some("127.0.0.1"));
        let nobody = Loop::new(Some("127.0.0.1")).peers.local();
        it.peers.dial(PeerId::Dialled(3), nobody, it.poll.registry());
        assert_eq!(it.next(), PeerEvent::Down(PeerId::Dialled(3)));
    }

    #[test]
    fn strangers_do_not_pile_up() {
        let mut it = Loop::new(Some("127.0.0.1"));
        let crowd: Vec<_> =
            (0..PEERS_MAX + 3).map(|_| StdStream::connect(it.peers.local()).unwrap()).collect();
        for _ in 0..PEERS_MAX {
            assert!(matches!(it.next(), PeerEvent::Came(..)));
        }
        let mut last = crowd.last().unwrap();
        assert_eq!(last.read(&mut [0]).unwrap(), 0, "the last one is turned away");
        assert_eq!(it.peers.peers.len(), PEERS_MAX);
    }

    /// Readiness is told once: whoever waits behind an error must not wait for the next caller.
    #[test]
    fn an_error_about_one_caller_does_not_keep_the_next_one_out() {
        let mut it = Loop::new(Some("127.0.0.1"));
        let failing = |code: i32| {
            let failed = Cell::new(false);
            move |listener: &TcpListener| {
                if failed.replace(true) { listener.accept() } else { Err(io::Error::from_raw_os_error(code)) }
            }
        };
        let _caller = StdStream::connect(it.peers.local()).unwrap();
        it.peers.let_in(it.poll.registry(), Time::ZERO, failing(libc::ECONNABORTED));
        assert!(matches!(it.peers.poll(), Some(PeerEvent::Came(..))));
        assert_eq!(it.peers.deadline(), None);
        // Errors about ourselves last a while; then somebody looks again.
        let _caller = StdStream::connect(it.peers.local()).unwrap();
        it.peers.let_in(it.poll.registry(), Time::ZERO, failing(libc::EMFILE));
        assert_eq!(it.peers.poll(), None);
        let again = it.peers.deadline().unwrap();
        assert_eq!(again, Time::ZERO + ACCEPT_AGAIN_AFTER);
        it.peers.timeout(it.poll.registry(), again);
        assert!(matches!(it.peers.poll(), Some(PeerEvent::Came(..))));
        assert_eq!(it.peers.deadline(), None);
    }

    #[test]
    fn whoever_has_spoken_is_left_without_a_reset() {
        let mut it = Loop::new(Some("127.0.0.1"));
        let mut caller = StdStream::connect(it.peers.local()).unwrap();
        let PeerEvent::Came(id, _) = it.next() else { panic!("nobody came") };
        caller.write_all(b"4 bob").unwrap();
        it.peers.close(id, it.poll.registry());
        assert!(!it.peers.is_closed());
        assert_eq!(caller.read(&mut [0]).unwrap(), 0, "the end, and no reset");
        for _ in 0..2 {
            caller.write_all(b"6").unwrap();
            it.peers.timeout(it.poll.registry(), it.peers.deadline().unwrap());
        }
        drop(caller);
        it.peers.timeout(it.poll.registry(), it.peers.deadline().unwrap());
        assert!(it.peers.is_closed());
        assert_eq!(it.peers.poll(), None);
    }

    #[test]
    fn callers_who_reset_do_no_harm() {
        let mut it = Loop::new(Some("127.0.0.1"));
        for _ in 0..50 {
            let caller = socket2::Socket::from(StdStream::connect(it.peers.local()).unwrap());
            caller.set_linger(Some(Duration::ZERO)).unwrap();
            drop(caller);
        }
        let _still_there = StdStream::connect(it.peers.local()).unwrap();
        let (mut came, mut gone) = (0, 0);
        while came < 51 {
            match it.next() {
                PeerEvent::Came(..) => came += 1,
                PeerEvent::Down(_) => gone += 1,
                other @ (PeerEvent::Up(_) | PeerEvent::Bytes(..)) => panic!("{other:?}"),
            }
        }
        while gone < 50 {
            gone += u32::from(matches!(it.next(), PeerEvent::Down(_)));
        }
    }
}
