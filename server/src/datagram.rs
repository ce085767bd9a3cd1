//! The relay's UDP socket: datagrams in and out, one at a time. Batched system calls are a later, smaller file
//! beside this one; this path stays as the one that runs everywhere.

use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;

use crate::listen::canonical;

/// The socket, which speaks IPv4 addresses to the machine whatever the kernel calls them.
#[derive(Debug)]
pub(crate) struct Datagrams {
    socket: UdpSocket,
    /// An IPv6 socket wants IPv4 addresses mapped.
    maps: bool,
}

impl Datagrams {
    pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
        let maps = socket.local_addr()?.is_ipv6();
        Ok(Self { socket, maps })
    }

    pub(crate) fn source(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// The next datagram, cut to `buffer`; `None` when there is none now.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        loop {
            match self.socket.recv_from(buffer) {
                Ok((length, from)) => return Ok(Some((length, canonical(from)))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if is_about_a_peer(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends, or says that it could not: voice is not worth waiting for.
    pub(crate) fn send(&self, bytes: &[u8], to: SocketAddr) -> bool {
        let to = match to.ip() {
            IpAddr::V4(ip) if self.maps => SocketAddr::new(ip.to_ipv6_mapped().into(), to.port()),
            IpAddr::V4(_) | IpAddr::V6(_) => to,
        };
        self.socket.send_to(bytes, to).is_ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket as StdSocket;

    #[test]
    fn both_families_reach_it_and_are_reached() {
        let bound = crate::listen::bind("[::]:0".parse().unwrap()).unwrap();
        let door = Datagrams::new(bound.udp).unwrap();
        let mut buffer = [0; 16];
        assert_eq!(door.receive(&mut buffer).unwrap(), None);
        for here in ["127.0.0.1:0", "[::1]:0"] {
            let peer = StdSocket::bind(here).unwrap();
            peer.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
            let ip = peer.local_addr().unwrap().ip();
            peer.send_to(b"hello", (ip, bound.addr.port())).unwrap();
            let (length, from) =
                std::iter::repeat_with(|| door.receive(&mut buffer).unwrap()).find_map(|got| got).unwrap();
            assert_eq!((&buffer[..length], from), (&b"hello"[..], peer.local_addr().unwrap()));
            assert!(door.send(b"back", from));
            let (length, _) = peer.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"back");
        }
    }
}
