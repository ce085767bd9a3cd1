//! One TCP connection: the socket, its TLS, and what waits to be written.
//!
//! ```text
//! Handshake ──▶ Open ──▶ Closing (queue written, then our end shut, then theirs awaited) ──▶ gone
//! ```
//!
//! Nothing here grows with what the other end sends or fails to read: a handshake, a record and the queue each have
//! their bound, and the kernel's own queue is asked to stay small.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use mio::net::TcpStream;
use proto::tls::{Established, Pipe, ServerConfig, TlsError};
use proto::{Drop, Time};
use socket2::SockRef;

use proto::limits::OUT_QUEUE_BYTES_MAX;

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
    pipe: Pipe,
    phase: Phase,
    out: Vec<u8>,
    written: usize,
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
        tls: &Arc<ServerConfig>,
        deadline: Time,
    ) -> io::Result<Self> {
        let socket = SockRef::from(&stream);
        socket.set_tcp_nodelay(true)?;
        // Without this the kernel alone would queue megabytes for somebody who does not read.
        socket.set_send_buffer_size(KERNEL_QUEUE_BYTES)?;
        let at = crate::listen::canonical(stream.local_addr()?);
        let pipe = Pipe::server(tls).map_err(io::Error::other)?;
        Ok(Self {
            stream,
            from,
            at,
            stranger: true,
            is_ready: false,
            deadline: Some(deadline),
            pipe,
            phase: Phase::Handshake,
            out: Vec::new(),
            written: 0,
        })
    }

    /// Reads once from the socket, through TLS; plaintext is appended to `plain`.
    pub(crate) fn read(&mut self, scratch: &mut [u8], plain: &mut Vec<u8>) -> Heard {
        let count = match self.stream.read(scratch) {
            Ok(0) => return Heard::Over(None),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Heard::Dry,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Heard::More,
            Err(_) => return Heard::Over(None),
        };
        if self.is_closing() {
            return Heard::More;
        }
        let outcome = self.pipe.received(&scratch[..count]);
        self.pipe.take_plaintext(plain);
        self.pipe.take_ciphertext(&mut self.out);
        match outcome {
            Err(TlsError::Oversized) => Heard::Over(Some(Drop::Oversized)),
            Err(TlsError::Protocol(_) | TlsError::Full) => Heard::Over(Some(Drop::Tls)),
            Ok(()) if self.queued() > OUT_QUEUE_BYTES_MAX => Heard::Over(Some(Drop::TooSlow)),
            Ok(()) if self.pipe.peer_closed() => Heard::Over(None),
            Ok(()) => Heard::More,
        }
    }

    /// The handshake's result, once.
    pub(crate) fn take_established(&mut self) -> Option<Established> {
        if self.phase != Phase::Handshake {
            return None;
        }
        let established = self.pipe.established()?;
        self.phase = Phase::Open;
        Some(established)
    }

    /// Whether the hub knows of it.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. })
    }

    /// Seals `plaintext` and queues it.
    ///
    /// # Errors
    /// [`Drop::TooSlow`]: more waits than may.
    pub(crate) fn queue(&mut self, plaintext: &[u8]) -> Result<(), Drop> {
        let sealed = self.pipe.send(plaintext);
        self.pipe.take_ciphertext(&mut self.out);
        if sealed.is_err() || self.queued() > OUT_QUEUE_BYTES_MAX {
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
        self.pipe.close();
        self.pipe.take_ciphertext(&mut self.out);
        self.phase = Phase::Closing { shut: false };
        self.deadline = Some(deadline);
    }

    /// Writes what the kernel takes.
    ///
    /// # Errors
    /// When the connection is gone.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while self.queued() > 0 {
            match self.stream.write(&self.out[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
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

/// The kernel's queue for one connection; it doubles what it is asked for.
const KERNEL_QUEUE_BYTES: usize = 64 << 10;
const IDLE_QUEUE_BYTES: usize = 4 << 10;
