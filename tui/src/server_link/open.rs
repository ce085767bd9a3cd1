//! One socket to the server, from its first packet on: its handshake, what comes and goes, and what it turns out to
//! speak.

use std::collections::VecDeque;
use std::net::SocketAddr;

use mio::{Registry, Token};
use proto::Time;
use proto::client::LinkUp;
use proto::tls::Pipe;

use super::{LinkEvent, Way};
use crate::socket::Socket;

/// One socket, from its first packet on.
pub(super) struct Open {
    pub(super) socket: Socket,
    peer: SocketAddr,
    /// Addresses to try when this one fails before the handshake is done.
    pub(super) rest: VecDeque<SocketAddr>,
    /// None where bytes go as they are.
    pub(super) pipe: Option<Pipe>,
    /// The handshake must be done by then; none once it is.
    pub(super) until: Option<Time>,
    /// The first byte the server said.
    first: Option<u8>,
}

/// What every first byte of a server with TLS is among: the types of records (RFC 8446 section 5.1).
const TLS_RECORDS: core::ops::RangeInclusive<u8> = 20..=23;

impl Open {
    pub(super) fn start(
        peer: SocketAddr,
        way: &Way,
        registry: &Registry,
        token: Token,
    ) -> Result<Self, String> {
        let (pipe, from) = match way {
            Way::Tls(config) => (Some(Pipe::client(config).map_err(|why| why.to_string())?), None),
            Way::Plain(from) => (None, *from),
        };
        let socket = Socket::dial(peer, from, registry, token).map_err(|why| why.to_string())?;
        Ok(Self { socket, peer, rest: VecDeque::new(), pipe, until: None, first: None })
    }

    pub(super) fn send(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        match &mut self.pipe {
            Some(pipe) => pipe.send(&bytes).map_err(|why| why.to_string()),
            None => self.socket.send(bytes),
        }
    }

    /// Reads and writes what it can. False at the server's end.
    pub(super) fn go_on(&mut self, told: &mut VecDeque<LinkEvent>) -> Result<bool, String> {
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
    pub(super) fn other_language(&mut self) -> Option<&'static str> {
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

    pub(super) fn flush(&mut self) -> Result<(), String> {
        if let Some(pipe) = &mut self.pipe {
            let mut sealed = Vec::new();
            pipe.take_ciphertext(&mut sealed);
            self.socket.send(sealed)?;
        }
        self.socket.flush()
    }
}
