//! One TCP connection: the socket, its TLS if its door has one, and what waits to be written.
//!
//! ```text
//! Handshake ──▶ Open ──▶ Closing (queue written, then our end shut, then theirs awaited) ──▶ gone
//!    (TLS)       ▲
//!  plain doors ──┘
//! ```
//!
//! Nothing here grows with what the other end sends or fails to read: a handshake, a record and the queue each have
//! their bound, and the kernel's own queue is asked to stay small.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use proto::hub::Dialect;
use proto::limits::{OUT_QUEUE_BYTES_MAX, TEXT_PACKET_BYTES_MAX};
use proto::tls::ServerConfig;
use proto::{Drop, Time};
use socket2::{SockRef, TcpKeepalive};

use line::{Line, Outcome};

mod line;

/// What a door speaks, and what its connections need for it.
#[derive(Clone, Debug)]
pub(crate) enum Speech {
    /// The native protocol, in TLS.
    Native(Arc<ServerConfig>),
    /// Seed A as it is.
    Binary,
    /// Seed B as it is.
    Text,
}

impl Speech {
    /// Its name in the hub.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Native(_) => Dialect::Native,
            Self::Binary => Dialect::Binary,
            Self::Text => Dialect::Text,
        }
    }

    /// As much as one read may bring: to seed B one read is one packet.
    fn read_bytes_max(&self) -> usize {
        match self {
            Self::Native(_) | Self::Binary => usize::MAX,
            Self::Text => TEXT_PACKET_BYTES_MAX,
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) stream: TcpStream,
    pub(crate) from: SocketAddr,
    /// Our address as the client reached it.
    pub(crate) at: SocketAddr,
    /// Has not logged in yet.
    pub(crate) stranger: bool,
    /// Is in the queue of those that may have something to say.
    pub(crate) is_ready: bool,
    /// Must be through with its handshake and login, or with its farewell, by then.
    pub(crate) deadline: Option<Time>,
    pub(crate) dialect: Dialect,
    line: Line,
    read_bytes_max: usize,
    phase: Phase,
    out: Vec<u8>,
    written: usize,
    /// On a plain connection, what is left of each thing that was said: originals take one read for one packet, so
    /// that each is written by itself.
    pieces: VecDeque<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Handshake,
    Open,
    Closing { shut: bool },
}

/// What one read brought.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// Something; there may be more.
    More,
    /// Nothing now.
    Dry,
    /// The connection is over; the reason when it is not a plain end.
    Over(Option<Drop>),
}

impl Guest {
    pub(crate) fn new(
        stream: TcpStream,
        from: SocketAddr,
        speech: &Speech,
        deadline: Time,
    ) -> io::Result<Self> {
        let socket = SockRef::from(&stream);
        socket.set_tcp_nodelay(true)?;
        // Without this the kernel alone would queue megabytes for somebody who does not read.
        socket.set_send_buffer_size(KERNEL_QUEUE_BYTES)?;
        let at = crate::listen::canonical(stream.local_addr()?);
        let (line, phase) = match speech {
            Speech::Native(tls) => (Line::sealed(tls)?, Phase::Handshake),
            Speech::Binary | Speech::Text => {
                // These protocols have no ping: only the kernel notices a client whose machine is gone.
                socket.set_tcp_keepalive(&KEEPALIVE)?;
                (Line::Bare, Phase::Open)
            }
        };
        Ok(Self {
            stream,
            from,
            at,
            stranger: true,
            is_ready: false,
            deadline: Some(deadline),
            dialect: speech.dialect(),
            line,
            read_bytes_max: speech.read_bytes_max(),
            phase,
            out: Vec::new(),
            written: 0,
            pieces: VecDeque::new(),
        })
    }

    /// Reads once from the socket; what it says is appended to `plain`.
    pub(crate) fn read(&mut self, scratch: &mut [u8], plain: &mut Vec<u8>) -> Heard {
        let room = scratch.len().min(self.read_bytes_max);
        let count = match self.stream.read(&mut scratch[..room]) {
            Ok(0) => return Heard::Over(None),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Heard::Dry,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Heard::More,
            Err(error) => return Heard::Over(fault(&error)),
        };
        if self.is_closing() {
            return Heard::More;
        }
        match self.line.received(&scratch[..count], plain, &mut self.out) {
            Outcome::Broken(why) => Heard::Over(Some(why)),
            Outcome::GoesOn | Outcome::Ended if self.queued() > OUT_QUEUE_BYTES_MAX => {
                Heard::Over(Some(Drop::TooSlow))
            }
            Outcome::Ended => Heard::Over(None),
            Outcome::GoesOn => Heard::More,
        }
    }

    /// The TLS exporter, once, when the handshake is done.
    pub(crate) fn take_exporter(&mut self) -> Option<[u8; 32]> {
        if self.phase != Phase::Handshake {
            return None;
        }
        let exporter = self.line.exporter()?;
        self.phase = Phase::Open;
        Some(exporter)
    }

    /// Whether the hub knows of it.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. })
    }

    /// Queues what the hub says at once.
    ///
    /// # Errors
    /// [`Drop::TooSlow`]: more waits than may.
    pub(crate) fn queue(&mut self, plaintext: &[u8]) -> Result<(), Drop> {
        self.line.send(plaintext, &mut self.out)?;
        if matches!(self.line, Line::Bare) && !plaintext.is_empty() {
            self.pieces.push_back(plaintext.len());
        }
        if self.queued() > OUT_QUEUE_BYTES_MAX || self.pieces.len() > PIECES_MAX {
            return Err(Drop::TooSlow);
        }
        Ok(())
    }

    /// Bytes that wait to be written.
    pub(crate) fn queued(&self) -> usize {
        self.out.len() - self.written
    }

    /// Says goodbye: what is queued is still written, nothing more is believed.
    pub(crate) fn close(&mut self, deadline: Time) {
        if self.is_closing() {
            return;
        }
        self.line.close(&mut self.out);
        self.phase = Phase::Closing { shut: false };
        self.deadline = Some(deadline);
    }

    /// Writes what the kernel takes.
    ///
    /// # Errors
    /// When the connection is gone.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while self.queued() > 0 {
            let whole = self.queued();
            let piece = self.pieces.front().copied().unwrap_or(whole);
            match self.stream.write(&self.out[self.written..][..piece]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.wrote(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.forget_written();
        if self.queued() == 0 && self.phase == (Phase::Closing { shut: false }) {
            // Closing the socket with unread bytes would reset it and take the farewell with it.
            self.stream.shutdown(Shutdown::Write)?;
            self.phase = Phase::Closing { shut: true };
        }
        Ok(())
    }

    fn wrote(&mut self, count: usize) {
        self.written += count;
        if let Some(piece) = self.pieces.front_mut() {
            *piece -= count;
            if *piece == 0 {
                self.pieces.pop_front();
            }
        }
    }

    fn forget_written(&mut self) {
        if self.queued() == 0 {
            self.out.clear();
            // A burst's memory is given back: most guests say little.
            self.out.shrink_to(IDLE_QUEUE_BYTES);
            self.written = 0;
        } else if self.written > self.out.len() / 2 {
            self.out.drain(..self.written);
            self.written = 0;
        }
    }
}

/// What an error of the socket says of the other end.
pub(crate) fn fault(error: &io::Error) -> Option<Drop> {
    use io::ErrorKind as Kind;
    if matches!(error.kind(), Kind::ConnectionReset | Kind::BrokenPipe) {
        return Some(Drop::Reset);
    }
    // The kernel asked after it, and nobody answered.
    (error.kind() == Kind::TimedOut).then_some(Drop::Silent)
}

/// The kernel's queue for one connection; it doubles what it is asked for.
const KERNEL_QUEUE_BYTES: usize = 64 << 10;
const IDLE_QUEUE_BYTES: usize = 4 << 10;
/// Things said that one plain connection may leave unread; the queue's bytes bound long ones, this bounds short ones.
const PIECES_MAX: usize = 1_024;
/// A dead client is noticed within about two minutes.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(15))
    .with_retries(4);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener as StdListener, TcpStream as StdStream};

    fn pair(speech: &Speech) -> (StdStream, Guest) {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let there = StdStream::connect(listener.local_addr().unwrap()).unwrap();
        let (here, from) = listener.accept().unwrap();
        here.set_nonblocking(true).unwrap();
        (there, Guest::new(TcpStream::from_std(here), from, speech, Time::secs(1)).unwrap())
    }

    /// One read that brings something.
    fn read(guest: &mut Guest) -> Vec<u8> {
        let (mut scratch, mut plain) = ([0; 4_096], Vec::new());
        while guest.read(&mut scratch, &mut plain) == Heard::Dry {}
        plain
    }

    #[test]
    fn one_read_of_the_text_door_is_at_most_one_packet() {
        let (mut there, mut guest) = pair(&Speech::Text);
        there.write_all(&[b'x'; 1_300]).unwrap();
        let whole = read(&mut guest);
        assert_eq!(whole, [b'x'; 512]);
        let (mut there, mut guest) = pair(&Speech::Binary);
        there.write_all(&[b'x'; 1_300]).unwrap();
        assert_eq!(read(&mut guest).len(), 1_300, "frames have a length of their own");
    }

    #[test]
    fn the_kernel_looks_after_plain_connections() {
        for speech in [Speech::Binary, Speech::Text] {
            let (_there, guest) = pair(&speech);
            let socket = SockRef::from(&guest.stream);
            assert!(guest.is_open() && socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
            assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(60));
        }
    }

    #[test]
    fn what_is_said_on_a_plain_connection_is_written_piece_by_piece() {
        let (there, mut guest) = pair(&Speech::Text);
        for packet in [&b"2"[..], b"10 bob", b""] {
            guest.queue(packet).unwrap();
        }
        assert_eq!((guest.queued(), guest.pieces.make_contiguous().to_vec()), (7, vec![1, 6]));
        // As if the kernel had taken three bytes only.
        guest.wrote(1);
        guest.wrote(2);
        assert_eq!((guest.queued(), guest.pieces.make_contiguous().to_vec()), (4, vec![4]));
        guest.flush().unwrap();
        assert!(guest.queued() == 0 && guest.pieces.is_empty());
        drop(there);
    }

    #[test]
    fn who_leaves_many_short_things_unread_is_too_slow() {
        let (_there, mut guest) = pair(&Speech::Text);
        let mut said = 0;
        while guest.queue(b"2").is_ok() {
            said += 1;
        }
        assert_eq!(said, PIECES_MAX);
    }
}
