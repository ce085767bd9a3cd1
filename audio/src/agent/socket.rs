//! The UDP socket of a call. Made when the first relay is named, for that relay's family of addresses, and remade
//! only when the family changes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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

/// The socket, or the lack of one yet.
pub(super) struct CallSocket {
    registry: Registry,
    token: Token,
    socket: Option<(UdpSocket, bool)>,
    /// Datagrams the system would not take.
    unsent: u64,
}

impl CallSocket {
    pub(super) fn new(registry: Registry, token: Token) -> Self {
        Self { registry, token, socket: None, unsent: 0 }
    }

    /// Makes sure that `peer` can be spoken to.
    pub(super) fn ready_for(&mut self, peer: SocketAddr) -> io::Result<()> {
        let v4 = peer.is_ipv4();
        if self.socket.as_ref().is_some_and(|(_, is_v4)| *is_v4 == v4) {
            return Ok(());
        }
        let mut socket = bound(v4)?;
        self.registry.register(&mut socket, self.token, Interest::READABLE)?;
        if let Some((mut old, _)) = self.socket.replace((socket, v4)) {
            let _ = self.registry.deregister(&mut old);
        }
        Ok(())
    }

    /// Sends without waiting. Voice that cannot go now is not worth sending later.
    pub(super) fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        let sent = self.socket.as_ref().map(|(socket, _)| socket.send_to(bytes, to));
        if !matches!(sent, Some(Ok(_))) {
            self.unsent += 1;
        }
    }

    /// The next datagram that has arrived, and from where.
    pub(super) fn receive<'a>(&mut self, buffer: &'a mut Buffer) -> Option<(SocketAddr, &'a [u8])> {
        let (socket, _) = self.socket.as_ref()?;
        for _ in 0..ERRORS_PER_TURN_MAX {
            match socket.recv_from(&mut buffer[..]) {
                Ok((count, from)) => return Some((from, &buffer[..count])),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                // The network's answer to an earlier datagram, such as a closed port. The next one may be voice.
                Err(_) => {}
            }
        }
        None
    }

    pub(super) fn unsent(&self) -> u64 {
        self.unsent
    }
}

fn bound(v4: bool) -> io::Result<UdpSocket> {
    let (domain, any) = if v4 {
        (Domain::IPV4, IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    } else {
        (Domain::IPV6, IpAddr::V6(Ipv6Addr::UNSPECIFIED))
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // Wishes: a system that refuses them still carries voice.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    let _ = if v4 { socket.set_tos_v4(EXPEDITED) } else { socket.set_tclass_v6(EXPEDITED) };
    socket.bind(&SocketAddr::new(any, 0).into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn pair(address: &str) -> (mio::Poll, CallSocket, CallSocket, SocketAddr) {
        let poll = mio::Poll::new().unwrap();
        let socket = |token| CallSocket::new(poll.registry().try_clone().unwrap(), Token(token));
        let (mut one, mut two) = (socket(1), socket(2));
        let any: SocketAddr = address.parse().unwrap();
        one.ready_for(any).unwrap();
        two.ready_for(any).unwrap();
        let port = two.socket.as_ref().unwrap().0.local_addr().unwrap().port();
        (poll, one, two, SocketAddr::new(any.ip(), port))
    }

    fn received(poll: &mut mio::Poll, socket: &mut CallSocket) -> Vec<Vec<u8>> {
        let mut got = Vec::new();
        let mut events = mio::Events::with_capacity(8);
        for _ in 0..100 {
            poll.poll(&mut events, Some(Duration::from_millis(50))).unwrap();
            let mut buffer = [0; DATAGRAM_MAX];
            got.extend(socket.receive(&mut buffer).map(|(_, bytes)| bytes.to_vec()));
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
    fn a_closed_port_does_not_close_the_line() {
        let (mut poll, mut one, mut two, to) = pair("127.0.0.1:1");
        let nobody: SocketAddr = "127.0.0.1:9".parse().unwrap();
        (0..3).for_each(|_| one.send(nobody, b"anyone?"));
        assert!(one.receive(&mut [0; DATAGRAM_MAX]).is_none());
        one.send(to, b"voice");
        assert_eq!(received(&mut poll, &mut two), [b"voice".to_vec()]);
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
