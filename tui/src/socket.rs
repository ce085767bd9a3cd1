//! One TCP connection that never blocks: made from a chosen local address, written one piece at a time, read until
//! there is nothing left or a turn's share is used up.
//!
//! The pieces matter on the plain protocols, whose originals take one read for one packet: two that were queued are
//! never joined into one write.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use proto::limits::OUT_QUEUE_BYTES_MAX;
use socket2::{Domain, Protocol, Type};

use crate::limits::READ_PER_TURN_MAX;

/// One connection, from its first packet on.
pub struct Socket {
    stream: TcpStream,
    connected: bool,
    /// What the system has not taken yet, each piece for one write.
    outgoing: VecDeque<Vec<u8>>,
    outgoing_bytes: usize,
    /// There was more to read than one turn may take.
    unread: bool,
}

impl Socket {
    /// Begins to connect to `peer`, from the local address `from` if one was chosen.
    ///
    /// # Errors
    /// When the system refuses at once.
    pub fn dial(
        peer: SocketAddr,
        from: Option<IpAddr>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let stream = match from {
            Some(from) => dial_from(from, peer)?,
            None => TcpStream::connect(peer)?,
        };
        Self::registered(stream, false, registry, token)
    }

    /// One that somebody else made.
    ///
    /// # Errors
    /// When it cannot be watched.
    pub fn accepted(stream: TcpStream, registry: &Registry, token: Token) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Self::registered(stream, true, registry, token)
    }

    fn registered(
        mut stream: TcpStream,
        connected: bool,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        // Told once per change of readiness; so each read and write goes on until it would block.
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, connected, outgoing: VecDeque::new(), outgoing_bytes: 0, unread: false })
    }

    /// Whether the connection is there; asked whenever the socket is ready.
    ///
    /// # Errors
    /// It could not be made: why.
    pub fn is_connected(&mut self) -> Result<bool, String> {
        if self.connected {
            return Ok(true);
        }
        if let Some(why) = self.stream.take_error().map_err(|why| why.to_string())? {
            return Err(why.to_string());
        }
        match self.stream.peer_addr() {
            Ok(_) => {
                self.connected = true;
                // Signalling is small and urgent; what would be saved by waiting is not worth the wait.
                self.stream.set_nodelay(true).map_err(|why| why.to_string())?;
                Ok(true)
            }
            Err(why) if why.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(why) => Err(why.to_string()),
        }
    }

    /// Our end's address.
    ///
    /// # Errors
    /// When the system does not know it.
    pub fn local(&self) -> Result<SocketAddr, String> {
        let local = self.stream.local_addr().map_err(|why| why.to_string())?;
        Ok(SocketAddr::new(local.ip().to_canonical(), local.port()))
    }

    /// Queues one piece; [`Socket::flush`] writes it.
    ///
    /// # Errors
    /// When too much waits already.
    pub fn send(&mut self, piece: Vec<u8>) -> Result<(), String> {
        if self.outgoing_bytes.saturating_add(piece.len()) > OUT_QUEUE_BYTES_MAX {
            return Err("the other end reads too slowly".into());
        }
        if !piece.is_empty() {
            self.outgoing_bytes += piece.len();
            self.outgoing.push_back(piece);
        }
        Ok(())
    }

    /// Writes what the system takes, each piece on its own.
    ///
    /// # Errors
    /// The connection is broken: why.
    pub fn flush(&mut self) -> Result<(), String> {
        while self.connected
            && let Some(piece) = self.outgoing.front_mut()
        {
            match self.stream.write(piece) {
                Ok(count) => {
                    self.outgoing_bytes -= count;
                    if count == piece.len() {
                        self.outgoing.pop_front();
                    } else {
                        piece.drain(..count);
                    }
                }
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(why.to_string()),
            }
        }
        Ok(())
    }

    /// Reads what there is, `take` by `take`. False at the end of the stream.
    ///
    /// # Errors
    /// The connection is broken, or `take` wants no more: why.
    pub fn read(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), String>) -> Result<bool, String> {
        let mut chunk = [0; 16 << 10];
        let mut budget = READ_PER_TURN_MAX;
        self.unread = false;
        while budget > 0 {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    budget = budget.saturating_sub(count);
                    take(&chunk[..count])?;
                }
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(why.to_string()),
            }
        }
        self.unread = true;
        Ok(true)
    }

    /// Whether to read again without waiting for the poll.
    pub fn is_unread(&self) -> bool {
        self.unread
    }

    /// Whether the system has taken all.
    pub fn is_flushed(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// Takes it out of the poll, for a farewell of its own.
    pub fn into_stream(mut self, registry: &Registry) -> TcpStream {
        self.deregister(registry);
        self.stream
    }

    /// Takes it out of the poll; dropping it then closes it.
    pub fn deregister(&mut self, registry: &Registry) {
        // A socket that is not registered is closed just as well.
        let _ = registry.deregister(&mut self.stream);
    }
}

/// Whether connections can be made from this local address.
///
/// # Errors
/// What the system says of an address that is not this machine's.
pub fn check_local(from: IpAddr) -> io::Result<()> {
    let socket = socket2::Socket::new(Domain::for_address(SocketAddr::new(from, 0)), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from, 0).into())
}

/// The standard library connects from wherever the system likes.
fn dial_from(from: IpAddr, peer: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(Domain::for_address(peer), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    match socket.connect(&peer.into()) {
        Ok(()) => {}
        Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
        Err(why) if why.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(why) => return Err(why),
    }
    Ok(TcpStream::from_std(socket.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Poll};
    use std::net::{Ipv4Addr, TcpListener};
    use std::time::Duration;

    /// Turns the loop until the other end has done its part.
    fn turn(poll: &mut Poll, socket: &mut Socket, mut done: impl FnMut(&mut Socket) -> bool) {
        let mut events = Events::with_capacity(8);
        for _ in 0..1_000 {
            if socket.is_connected().unwrap() {
                socket.flush().unwrap();
            }
            if done(socket) {
                return;
            }
            poll.poll(&mut events, Some(Duration::from_millis(20))).unwrap();
        }
        panic!("nothing happened");
    }

    #[test]
    fn a_connection_comes_from_the_address_that_was_chosen() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut poll = Poll::new().unwrap();
        let from = IpAddr::from([127, 0, 0, 2]);
        let to = listener.local_addr().unwrap();
        let mut socket = Socket::dial(to, Some(from), poll.registry(), Token(0)).unwrap();
        turn(&mut poll, &mut socket, |socket| socket.is_connected().unwrap());
        let (_, peer) = listener.accept().unwrap();
        assert_eq!((peer.ip(), peer), (from, socket.local().unwrap()));
    }

    #[test]
    fn what_waits_is_bounded_and_all_of_it_arrives_in_order() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut poll = Poll::new().unwrap();
        let to = listener.local_addr().unwrap();
        let mut socket = Socket::dial(to, None, poll.registry(), Token(0)).unwrap();
        let mut sent = Vec::new();
        for n in 0..u32::MAX {
            let piece = vec![n.to_le_bytes()[0]; 2_064];
            if socket.send(piece.clone()).is_err() {
                break;
            }
            sent.extend(piece);
        }
        assert!(sent.len() > OUT_QUEUE_BYTES_MAX - 2_064 && sent.len() <= OUT_QUEUE_BYTES_MAX);
        let reader = std::thread::spawn(move || {
            let (mut stream, mut all) = (listener.accept().unwrap().0, Vec::new());
            stream.read_to_end(&mut all).unwrap();
            all
        });
        turn(&mut poll, &mut socket, |socket| socket.is_flushed());
        drop(socket);
        assert_eq!(reader.join().unwrap(), sent);
    }
}
