//! What the tests of the plain doors share: a street of addresses, and a program that knows nothing of ours.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tincan_server::Config;

use crate::friend::{PATIENCE, Scratch};

/// A loopback network of one test, since the port of the voice is fixed: whoever has it has an address of its own.
pub(crate) struct Street([u8; 2]);

impl Street {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // Processes that follow each other are far apart, so that two runs at once do not meet.
        let process = std::process::id().wrapping_mul(2_654_435_761);
        let number = (process >> 16).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let [_, _, high, low] = number.to_be_bytes();
        Self([high | 0x80, low])
    }

    /// The server is number 1.
    pub(crate) fn house(&self, number: u8) -> Ipv4Addr {
        let [high, low] = self.0;
        Ipv4Addr::new(127, high, low, number)
    }

    /// A server with both plain doors, on free ports.
    pub(crate) fn config(&self, scratch: &Scratch) -> Config {
        let mut config = scratch.config();
        let door = Some(SocketAddr::new(IpAddr::V4(self.house(1)), 0));
        (config.plain_binary, config.plain_text) = (door, door);
        config
    }
}

/// Connects from an address, with any port.
pub(crate) fn dial(from: Ipv4Addr, server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.set_tcp_nodelay(true).unwrap();
    socket.into()
}

/// Ends a connection as a crash does, so that the other end is told of a reset.
pub(crate) fn reset(stream: TcpStream) {
    let socket = Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

/// A program of one of the plain protocols, as bytes.
pub(crate) struct Original {
    pub(crate) stream: TcpStream,
    /// Read, and not looked at yet: whoever comes late to a read may find two things there.
    read: Vec<u8>,
}

impl Original {
    pub(crate) fn new(from: Ipv4Addr, server: SocketAddr) -> Self {
        let stream = dial(from, server);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, read: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// What came next, `most` bytes of it; fewer at the end.
    pub(crate) fn take(&mut self, most: usize) -> Vec<u8> {
        while self.read.len() < most {
            match self.read_once(most) {
                some if some.is_empty() => break,
                some => self.read.extend(some),
            }
        }
        let rest = self.read.split_off(most.min(self.read.len()));
        core::mem::replace(&mut self.read, rest)
    }

    /// One read, as the originals do it; empty at the end.
    pub(crate) fn read_once(&mut self, most: usize) -> Vec<u8> {
        let mut buffer = vec![0; most];
        match self.stream.read(&mut buffer) {
            Ok(count) => buffer.truncate(count),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => buffer.clear(),
            Err(error) => panic!("waited in vain for an answer: {error}"),
        }
        buffer
    }

    /// Nothing comes for a while.
    pub(crate) fn hears_nothing(&mut self, during: Duration) {
        assert!(self.read.is_empty(), "{} bytes came before", self.read.len());
        self.stream.set_read_timeout(Some(during)).unwrap();
        let mut buffer = [0; 64];
        match self.stream.read(&mut buffer) {
            Ok(count) => panic!("heard {:?}, or the end", &buffer[..count]),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}")
            }
        }
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
}
