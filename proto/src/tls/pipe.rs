//! One end of one TLS connection, without its socket: ciphertext in, plaintext out, each within its limit.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, ServerConnection};

use super::{ClientConfig, EXPORTER_LABEL, Established, ServerConfig, TlsError, general, spki_fingerprint};
use crate::id::Fingerprint;
use crate::limits::{HANDSHAKE_BYTES_MAX, OUT_QUEUE_BYTES_MAX};

/// One end of one TLS connection, without its socket.
///
/// After each [`Pipe::received`] and [`Pipe::send`] the shell moves what [`Pipe::take_ciphertext`] gives to its
/// socket, and what [`Pipe::take_plaintext`] gives to its machine.
pub struct Pipe {
    pub(super) conn: Connection,
    plaintext: Vec<u8>,
    /// The key of our own config; none at the client, which learns it.
    own_key: Option<Fingerprint>,
    handshake_bytes: usize,
    peer_closed: bool,
}

impl Pipe {
    /// The end that connects.
    ///
    /// # Errors
    /// When the library refuses `config`.
    pub fn client(config: &Arc<ClientConfig>) -> Result<Self, TlsError> {
        // The name is not sent and not checked: the key is the server's identity, at whatever address.
        let name = ServerName::try_from("tincan").map_err(|_| general("the server name is not a name"))?;
        let conn = ClientConnection::new(Arc::clone(config), name)?;
        Ok(Self::new(Connection::Client(conn), None))
    }

    /// The end that accepts.
    ///
    /// # Errors
    /// When the library refuses `config`.
    pub fn server(config: &Arc<ServerConfig>) -> Result<Self, TlsError> {
        let conn = ServerConnection::new(Arc::clone(&config.rustls))?;
        Ok(Self::new(Connection::Server(conn), Some(config.fingerprint)))
    }

    fn new(mut conn: Connection, own_key: Option<Fingerprint>) -> Self {
        conn.set_buffer_limit(Some(OUT_QUEUE_BYTES_MAX));
        Self { conn, plaintext: Vec::new(), own_key, handshake_bytes: 0, peer_closed: false }
    }

    /// Takes in bytes of the socket, cut anywhere.
    ///
    /// # Errors
    /// When the connection cannot go on. Plaintext that came before the fault can still be taken.
    pub fn received(&mut self, mut ciphertext: &[u8]) -> Result<(), TlsError> {
        while !ciphertext.is_empty() && !self.peer_closed {
            // A slice as the reader cannot fail; what can is the bound of a buffer behind it.
            let count = self.conn.read_tls(&mut ciphertext).map_err(|_| TlsError::Oversized)?;
            if self.conn.is_handshaking() {
                self.handshake_bytes += count;
                if self.handshake_bytes > HANDSHAKE_BYTES_MAX {
                    return Err(TlsError::Oversized);
                }
            }
            let outcome = self.conn.process_new_packets();
            self.drain()?;
            self.peer_closed = outcome?.peer_has_closed();
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), TlsError> {
        let mut chunk = [0; 4096];
        // Ends with 0 at the peer's close, or with an error that means no more for now.
        while let Ok(count @ 1..) = self.conn.reader().read(&mut chunk) {
            if self.plaintext.len() + count > OUT_QUEUE_BYTES_MAX {
                return Err(TlsError::Oversized);
            }
            self.plaintext.extend_from_slice(&chunk[..count]);
        }
        Ok(())
    }

    /// Appends what the other end said to `out`.
    pub fn take_plaintext(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.plaintext);
    }

    /// Takes in what we say. Before the handshake is done it waits for that.
    ///
    /// # Errors
    /// [`TlsError::Full`]: nothing more can be said on this connection.
    pub fn send(&mut self, plaintext: &[u8]) -> Result<(), TlsError> {
        self.conn.writer().write_all(plaintext).map_err(|_| TlsError::Full)
    }

    /// Appends what must be written to the socket to `out`.
    pub fn take_ciphertext(&mut self, out: &mut Vec<u8>) {
        while self.conn.wants_write() {
            // A vector as the writer takes everything.
            if self.conn.write_tls(out).is_err() {
                return;
            }
        }
    }

    /// Whether the handshake is still going on.
    pub fn is_handshaking(&self) -> bool {
        self.conn.is_handshaking()
    }

    /// What the handshake established, once it is done.
    pub fn established(&self) -> Option<Established> {
        if self.conn.is_handshaking() {
            return None;
        }
        let server_key = match self.own_key {
            Some(key) => key,
            None => spki_fingerprint(self.conn.peer_certificates()?.first()?),
        };
        let exporter = self.conn.export_keying_material([0; 32], EXPORTER_LABEL, None).ok()?;
        Some(Established { exporter, server_key })
    }

    /// Says that we say nothing more (close_notify), so that the other end can tell an end from a cut.
    pub fn close(&mut self) {
        self.conn.send_close_notify();
    }

    /// Whether the other end said that it says nothing more. A socket that ends without it was cut.
    pub fn peer_closed(&self) -> bool {
        self.peer_closed
    }
}

impl core::fmt::Debug for Pipe {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Pipe").field("handshaking", &self.conn.is_handshaking()).finish_non_exhaustive()
    }
}
