//! The UDP socket of a call. Made when the first relay is named, for that relay's family of addresses, and remade
//! only when the family changes. A call of a plain protocol has one of its own at an address of its own, which is given
//! back at its end.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

/// Bytes of the system's buffers in each direction: a second of many speakers.
const BUFFER: usize = 256 << 10;
/// Differentiated services code point "expedited forwarding" (RFC 3246), where a network honours it.
const EXPEDITED: u32 = 46 << 2;
/// Bytes of the longest datagram looked at; what is longer is cut, and then fails to open.
pub(super) const DATAGRAM_MAX: usize = 2_048;
/// Errors stepped over before the rest of the turn has its chance.
const ERRORS_PER_TURN_MAX: usize = 64;

/// Where a datagram is received into.
pub(super) type Buffer = [u8; DATAGRAM_MAX];

/// A datagram.
pub(super) struct Came<'a> {
    /// Who sent it.
    pub(super) from: SocketAddr,
    /// What is in it.
    pub(super) bytes: &'a [u8],
    /// How long it has waited for us; none where the system does not say.
    pub(super) ago: Option<Duration>,
}

impl Came<'_> {
    /// Whether it was there before we went on, which was so long ago. What the system does not date is taken for old: it
    /// lay in the same queue.
    pub(super) fn is_older_than(&self, went_on: Duration) -> bool {
        self.ago.is_none_or(|ago| ago > went_on)
    }
}

/// The socket, or the lack of one yet.
pub(super) struct CallSocket {
    registry: Registry,
    token: Token,
    open: Option<Open>,
    /// Datagrams the system would not take.
    unsent: u64,
}

struct Open {
    socket: UdpSocket,
    v4: bool,
    /// At an address that was asked for, for one call.
    asked: bool,
    /// The system says when each datagram came.
    stamped: bool,
    /// What comes wakes the thread.
    watched: bool,
}

impl CallSocket {
    pub(super) fn new(registry: Registry, token: Token) -> Self {
        Self { registry, token, open: None, unsent: 0 }
    }

    /// Makes sure that `peer` can be spoken to, unless a call has the socket for itself.
    pub(super) fn ready_for(&mut self, peer: SocketAddr) -> io::Result<()> {
        let v4 = peer.is_ipv4();
        if self.open.as_ref().is_some_and(|open| open.asked || open.v4 == v4) {
            return Ok(());
        }
        let any: IpAddr = if v4 { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        self.replace(SocketAddr::new(any, 0), false)
    }

    /// Takes this address, until [`Self::give_back`].
    pub(super) fn take(&mut self, local: SocketAddr) -> io::Result<()> {
        self.give_back();
        self.replace(local, true)
    }

    /// Closes the socket if it is at an address that was asked for: the next call, or program, may want it.
    pub(super) fn give_back(&mut self) {
        if let Some(mut old) = self.open.take_if(|open| open.asked) {
            let _ = self.registry.deregister(&mut old.socket);
        }
    }

    fn replace(&mut self, local: SocketAddr, asked: bool) -> io::Result<()> {
        let mut socket = bound(local)?;
        self.registry.register(&mut socket, self.token, Interest::READABLE)?;
        let stamped = stamp(&socket);
        let open = Open { socket, v4: local.is_ipv4(), asked, stamped, watched: true };
        if let Some(mut old) = self.open.replace(open) {
            let _ = self.registry.deregister(&mut old.socket);
        }
        Ok(())
    }

    /// Lets what comes wake the thread, or not: who moves sound regularly, and knows from the system when each datagram
    /// came, need not be woken for it. Without such stamps it goes on waking.
    pub(super) fn watch(&mut self, watched: bool) {
        let Some(open) = &mut self.open else { return };
        let watched = watched || !open.stamped;
        if watched == open.watched {
            return;
        }
        let done = if watched {
            self.registry.register(&mut open.socket, self.token, Interest::READABLE)
        } else {
            self.registry.deregister(&mut open.socket)
        };
        if done.is_ok() {
            open.watched = watched;
        }
    }

    /// Whether what comes wakes the thread.
    pub(super) fn is_watched(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.watched)
    }

    /// Sends without waiting. Voice that cannot go now is not worth sending later.
    pub(super) fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        let sent = self.open.as_ref().map(|open| open.socket.send_to(bytes, to));
        if !matches!(sent, Some(Ok(_))) {
            self.unsent += 1;
        }
    }

    /// The next datagram that has arrived.
    pub(super) fn receive<'a>(&mut self, buffer: &'a mut Buffer) -> Option<Came<'a>> {
        let open = self.open.as_ref()?;
        for _ in 0..ERRORS_PER_TURN_MAX {
            match receive(open, &mut buffer[..]) {
                Ok((count, from, ago)) => return Some(Came { from, bytes: &buffer[..count], ago }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                // The network's answer to an earlier datagram, such as a closed port. The next one may be voice.
                Err(_) => {}
            }
        }
        None
    }

    /// Our address as `peer` sees it, if nothing on the way translates it: the system is asked for its route, and nothing
    /// is sent. None without a socket or a route.
    pub(super) fn towards(&self, peer: SocketAddr) -> Option<SocketAddr> {
        let port = self.open.as_ref()?.socket.local_addr().ok()?.port();
        let any: IpAddr =
            if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let probe = bound(SocketAddr::new(any, 0)).ok()?;
        probe.connect(peer).ok()?;
        Some(SocketAddr::new(probe.local_addr().ok()?.ip(), port))
    }

    pub(super) fn unsent(&self) -> u64 {
        self.unsent
    }
}

fn bound(local: SocketAddr) -> io::Result<UdpSocket> {
    let v4 = local.is_ipv4();
    let domain = if v4 { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // Wishes: a system that refuses them still carries voice.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    let _ = if v4 { socket.set_tos_v4(EXPEDITED) } else { socket.set_tclass_v6(EXPEDITED) };
    socket.bind(&local.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
fn stamp(socket: &UdpSocket) -> bool {
    super::arrival::stamp(socket).is_ok()
}

#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
fn receive(open: &Open, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr, Option<Duration>)> {
    super::arrival::receive(&open.socket, buffer)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64")))]
fn stamp(_socket: &UdpSocket) -> bool {
    false
}

#[cfg(not(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64")))]
fn receive(open: &Open, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr, Option<Duration>)> {
    open.socket.recv_from(buffer).map(|(count, from)| (count, from, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(address: &str) -> (mio::Poll, CallSocket, CallSocket, SocketAddr) {
        let poll = mio::Poll::new().unwrap();
        let socket = |token| CallSocket::new(poll.registry().try_clone().unwrap(), Token(token));
        let (mut one, mut two) = (socket(1), socket(2));
        let any: SocketAddr = address.parse().unwrap();
        one.ready_for(any).unwrap();
        two.ready_for(any).unwrap();
        let port = two.open.as_ref().unwrap().socket.local_addr().unwrap().port();
        (poll, one, two, SocketAddr::new(any.ip(), port))
    }

    fn received(poll: &mut mio::Poll, socket: &mut CallSocket) -> Vec<Vec<u8>> {
        let mut got = Vec::new();
        let mut events = mio::Events::with_capacity(8);
        for _ in 0..100 {
            poll.poll(&mut events, Some(Duration::from_millis(50))).unwrap();
            let mut buffer = [0; DATAGRAM_MAX];
            got.extend(socket.receive(&mut buffer).map(|came| came.bytes.to_vec()));
            if !got.is_empty() {
                break;
            }
        }
        got
    }

    #[test]
    fn datagrams_cross_in_either_family() {
        for address in ["127.0.0.1:1", "[::1]:1"] {
            let (mut poll, mut one, mut two, to) = pair(address);
            one.send(to, b"voice");
            assert_eq!(received(&mut poll, &mut two), [b"voice".to_vec()]);
            assert_eq!(one.unsent(), 0);
        }
    }

    #[test]
    fn our_address_towards_somebody_is_one_they_can_answer() {
        let (mut poll, mut one, mut two, _) = pair("127.0.0.1:1");
        let peer = "127.0.0.1:9".parse().unwrap();
        let (from, to) = (one.towards(peer).unwrap(), two.towards(peer).unwrap());
        assert!(from.ip().is_loopback() && from.port() != 0);
        one.send(to, b"voice");
        assert_eq!(received(&mut poll, &mut two), [b"voice".to_vec()]);
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
    fn an_unwatched_socket_wakes_nobody_and_says_how_long_each_datagram_waited() {
        for address in ["127.0.0.1:1", "[::1]:1"] {
            let (mut poll, mut one, mut two, to) = pair(address);
            let mut events = mio::Events::with_capacity(8);
            two.watch(false);
            assert!(!two.is_watched());
            one.send(to, b"voice");
            poll.poll(&mut events, Some(Duration::from_millis(30))).unwrap();
            assert!(events.is_empty(), "{events:?}");
            let mut buffer = [0; DATAGRAM_MAX];
            let came = two.receive(&mut buffer).expect("it came all the same");
            assert_eq!((came.bytes, came.from.ip()), (&b"voice"[..], to.ip()));
            assert!(
                came.ago.is_some_and(|ago| ago >= Duration::from_millis(30)),
                "it waited while nobody was woken: {:?}",
                came.ago
            );
            // Watched again, what waits already wakes.
            one.send(to, b"more");
            two.watch(true);
            assert_eq!(received(&mut poll, &mut two), [b"more".to_vec()]);
        }
    }

    #[test]
    fn what_lay_there_before_we_went_on_is_old() {
        let came = |ago| Came { from: "127.0.0.1:1".parse().unwrap(), bytes: b"voice", ago };
        let ms = Duration::from_millis;
        assert!(came(Some(ms(900))).is_older_than(ms(5)) && !came(Some(ms(4))).is_older_than(ms(5)));
        assert!(came(None).is_older_than(ms(5)));
    }

    #[test]
    fn a_closed_port_does_not_close_the_line() {
        let (mut poll, mut one, mut two, to) = pair("127.0.0.1:1");
        let nobody: SocketAddr = "127.0.0.1:9".parse().unwrap();
        (0..3).for_each(|_| one.send(nobody, b"anyone?"));
        assert!(one.receive(&mut [0; DATAGRAM_MAX]).is_none());
        one.send(to, b"voice");
        assert_eq!(received(&mut poll, &mut two), [b"voice".to_vec()]);
    }

    #[test]
    fn an_address_that_was_asked_for_is_taken_and_given_back() {
        let (mut poll, mut one, mut two, _) = pair("127.0.0.1:1");
        let local = bound("127.77.1.1:0".parse().unwrap()).unwrap().local_addr().unwrap();
        one.take(local).unwrap();
        assert_eq!(two.take(local).map_err(|e| e.kind()), Err(io::ErrorKind::AddrInUse));
        two.send(local, b"voice");
        assert_eq!(received(&mut poll, &mut one), [b"voice".to_vec()], "what failed left the other socket");
        one.take(local).unwrap();
        one.give_back();
        two.take(local).unwrap();
        two.ready_for("[::1]:1".parse().unwrap()).unwrap();
        assert!(one.take(local).is_err(), "a call that has it keeps it");
        two.give_back();
        one.take(local).unwrap();
    }

    #[test]
    fn without_a_socket_nothing_is_sent_and_that_is_counted() {
        let poll = mio::Poll::new().unwrap();
        let mut socket = CallSocket::new(poll.registry().try_clone().unwrap(), Token(1));
        socket.send("127.0.0.1:9".parse().unwrap(), b"voice");
        assert!(socket.receive(&mut [0; DATAGRAM_MAX]).is_none());
        assert_eq!(socket.unsent(), 1);
    }
}
