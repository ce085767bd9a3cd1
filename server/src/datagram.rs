//! The relay's UDP socket: datagrams in and out, one at a time. Batched system calls are a later, smaller file
//! beside this one; this path stays as the one that runs everywhere.
//!
//! A socket on every address of a machine with several must answer from the one that was asked: clients take nothing
//! from another, and their routers let nothing else in. The kernel would choose by its routes. So each datagram is
//! asked where it came to, and what goes to its sender leaves from there.

use std::collections::HashMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use mio::net::UdpSocket;
use proto::limits::WAYS_MAX;
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};

use crate::listen::canonical;

/// The socket, which speaks IPv4 addresses to the machine whatever the kernel calls them.
#[derive(Debug)]
pub(crate) struct Datagrams {
    socket: UdpSocket,
    state: UdpSocketState,
    /// An IPv6 socket wants IPv4 addresses mapped.
    maps: bool,
    train: Train,
    /// None where the socket has one address only.
    ways: Option<Ways>,
}

impl Datagrams {
    pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        let here = socket.local_addr()?;
        let ways = here.ip().is_unspecified().then(Ways::new);
        Ok(Self { socket, state, maps: here.is_ipv6(), train: Train::new(), ways })
    }

    /// Of people who are known by their address alone, and are sent to at another port than they send from.
    pub(crate) fn of_addresses(socket: UdpSocket) -> io::Result<Self> {
        let mut datagrams = Self::new(socket)?;
        if let Some(ways) = &mut datagrams.ways {
            ways.of_addresses = true;
        }
        Ok(datagrams)
    }

    pub(crate) fn source(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// The next datagram, cut to `buffer`; `None` when there is none now.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        if let Some(next) = self.train.next(buffer) {
            return Ok(Some(next));
        }
        loop {
            let mut meta = [RecvMeta::default()];
            let bytes = &mut [IoSliceMut::new(&mut self.train.bytes)];
            match self.state.recv((&self.socket).into(), bytes, &mut meta) {
                Ok(_) => {
                    let [RecvMeta { addr, len, stride, dst_ip, .. }] = meta;
                    let from = canonical(addr);
                    if let (Some(ways), Some(at)) = (&mut self.ways, dst_ip) {
                        ways.note(from, at);
                    }
                    return Ok(Some(self.train.arrived(from, len, stride, buffer)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if is_about_a_peer(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends, or says that it could not: voice is not worth waiting for.
    pub(crate) fn send(&self, bytes: &[u8], to: SocketAddr) -> bool {
        let destination = match to.ip() {
            IpAddr::V4(ip) if self.maps => SocketAddr::new(ip.to_ipv6_mapped().into(), to.port()),
            IpAddr::V4(_) | IpAddr::V6(_) => to,
        };
        let src_ip = self.ways.as_ref().and_then(|ways| ways.to(to));
        let datagram = Transmit { destination, ecn: None, contents: bytes, segment_size: None, src_ip };
        self.state.try_send((&self.socket).into(), &datagram).is_ok()
    }
}

/// What one system call brought: a datagram, or several of one sender that the kernel joined. All but the last are of
/// one length.
#[derive(Debug)]
struct Train {
    bytes: Box<[u8]>,
    from: SocketAddr,
    each: usize,
    rest: Range<usize>,
}

impl Train {
    fn new() -> Self {
        let from = SocketAddr::from(([0, 0, 0, 0], 0));
        Self { bytes: vec![0; TRAIN_BYTES_MAX].into_boxed_slice(), from, each: 0, rest: 0..0 }
    }

    /// The first datagram of what is in `bytes` now.
    fn arrived(
        &mut self,
        from: SocketAddr,
        length: usize,
        each: usize,
        buffer: &mut [u8],
    ) -> (usize, SocketAddr) {
        // An empty datagram is one, too, and none for ever would follow a length of none.
        (self.from, self.each, self.rest) = (from, each.max(1), 0..length);
        self.next(buffer).unwrap_or((0, from))
    }

    fn next(&mut self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        if self.rest.is_empty() {
            return None;
        }
        let datagram = self.rest.start..self.rest.end.min(self.rest.start + self.each);
        self.rest.start = datagram.end;
        let datagram = &self.bytes[datagram];
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Some((length, self.from))
    }
}

/// By which of our addresses people reach us, as far as their datagrams told. Nothing is allocated after the start.
#[derive(Debug)]
struct Ways {
    known: HashMap<SocketAddr, IpAddr>,
    of_addresses: bool,
}

impl Ways {
    fn new() -> Self {
        Self { known: HashMap::with_capacity(WAYS_MAX), of_addresses: false }
    }

    fn note(&mut self, from: SocketAddr, at: IpAddr) {
        let from = self.key(from);
        // Whoever is there says so again with the next datagram; until then the kernel's choice is as good as it was.
        if self.known.len() >= WAYS_MAX && !self.known.contains_key(&from) {
            self.known.clear();
        }
        self.known.insert(from, at);
    }

    fn to(&self, to: SocketAddr) -> Option<IpAddr> {
        self.known.get(&self.key(to)).copied()
    }

    fn key(&self, peer: SocketAddr) -> SocketAddr {
        if self.of_addresses { SocketAddr::new(peer.ip(), 0) } else { peer }
    }
}

/// Errors that an earlier datagram to somebody left behind (an ICMP answer) say nothing about the socket.
fn is_about_a_peer(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::Interrupted
            | Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
    )
}

/// The most that the kernel joins: what fits into the length of an IP packet.
const TRAIN_BYTES_MAX: usize = 65_535;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket as StdSocket;
    use std::time::Duration;

    fn next(door: &mut Datagrams, buffer: &mut [u8]) -> (usize, SocketAddr) {
        std::iter::repeat_with(|| door.receive(buffer).unwrap()).find_map(|got| got).unwrap()
    }

    fn peer(here: &str) -> StdSocket {
        let peer = StdSocket::bind(here).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        peer
    }

    #[test]
    fn both_families_reach_it_and_are_reached() {
        let bound = crate::listen::bind("[::]:0".parse().unwrap()).unwrap();
        let mut door = Datagrams::new(bound.udp).unwrap();
        let mut buffer = [0; 16];
        assert_eq!(door.receive(&mut buffer).unwrap(), None);
        for here in ["127.0.0.1:0", "[::1]:0"] {
            let peer = peer(here);
            let ip = peer.local_addr().unwrap().ip();
            peer.send_to(b"hello", (ip, bound.addr.port())).unwrap();
            let (length, from) = next(&mut door, &mut buffer);
            assert_eq!((&buffer[..length], from), (&b"hello"[..], peer.local_addr().unwrap()));
            assert!(door.send(b"back", from));
            let (length, _) = peer.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"back");
        }
    }

    #[test]
    fn who_asked_at_an_address_is_answered_from_it() {
        for wanted in ["[::]:0", "0.0.0.0:0", "127.0.0.2:0"] {
            let bound = crate::listen::bind(wanted.parse().unwrap()).unwrap();
            let mut door = Datagrams::new(bound.udp).unwrap();
            let mut buffer = [0; 16];
            let peer = peer("127.0.0.1:0");
            peer.connect(("127.0.0.2", bound.addr.port())).unwrap();
            peer.send(b"hello").unwrap();
            let (_, from) = next(&mut door, &mut buffer);
            assert!(door.send(b"back", from));
            // It takes nothing from elsewhere.
            assert_eq!(peer.recv(&mut buffer).unwrap(), 4, "{wanted}");
        }
    }

    #[test]
    fn who_is_known_by_address_is_answered_at_any_port() {
        let bound = crate::listen::bind("0.0.0.0:0".parse().unwrap()).unwrap();
        let mut door = Datagrams::of_addresses(bound.udp).unwrap();
        let [asks, hears] = ["127.0.0.1:0"; 2].map(peer);
        hears.connect(("127.0.0.2", bound.addr.port())).unwrap();
        asks.send_to(b"hello", ("127.0.0.2", bound.addr.port())).unwrap();
        let mut buffer = [0; 16];
        next(&mut door, &mut buffer);
        assert!(door.send(b"back", hears.local_addr().unwrap()));
        assert_eq!(hears.recv(&mut buffer).unwrap(), 4);
    }

    #[test]
    fn what_the_kernel_joined_comes_one_by_one() {
        let bound = crate::listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut door = Datagrams::new(bound.udp).unwrap();
        let peer = peer("127.0.0.1:0");
        let joins = UdpSocketState::new((&peer).into()).unwrap();
        let mut datagram = Transmit {
            destination: bound.addr,
            ecn: None,
            contents: b"onlylonger",
            segment_size: Some(4),
            src_ip: None,
        };
        if joins.max_gso_segments() < 3 {
            datagram.contents = b"only";
        }
        joins.try_send((&peer).into(), &datagram).unwrap();
        peer.send_to(b"", bound.addr).unwrap();
        peer.send_to(b"too long", bound.addr).unwrap();
        let (mut buffer, mut heard) = ([0; 5], Vec::new());
        while heard.last().is_none_or(|last| last != b"too l") {
            let (length, from) = next(&mut door, &mut buffer);
            assert_eq!(from, peer.local_addr().unwrap());
            heard.push(buffer[..length].to_vec());
        }
        let joined: &[&[u8]] = &[b"only", b"long", b"er", b"", b"too l"];
        let single: &[&[u8]] = &[b"only", b"", b"too l"];
        assert_eq!(heard, if datagram.contents.len() == 4 { single } else { joined });
    }

    #[test]
    fn a_crowd_that_is_forged_is_forgotten_and_allocates_nothing() {
        let mut ways = Ways::new();
        let room = ways.known.capacity();
        let peer = |number: u32| SocketAddr::from((number.to_be_bytes(), 1));
        let at = IpAddr::from([127, 0, 0, 2]);
        for number in 0..100_000 {
            ways.note(peer(number), at);
            assert_eq!(ways.to(peer(number)), Some(at));
        }
        assert!(ways.known.len() <= WAYS_MAX);
        assert_eq!(ways.known.capacity(), room);
    }
}
