//! The friend's end of one TLS connection to its own server.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Result, bail};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use proto::Time;
use proto::client::LinkUp;
use proto::limits::OUT_QUEUE_BYTES_MAX;
use proto::tls::{ClientConfig, Established, Pipe};

/// A connection, from its first packet on. Dropping it closes it.
pub(super) struct Link {
    stream: TcpStream,
    peer: SocketAddr,
    pipe: Pipe,
    out: Vec<u8>,
    /// The handshake must be done by then; none once it is.
    pub(super) until: Option<Time>,
}

/// What reading brought.
#[derive(Default)]
pub(super) struct News {
    pub(super) up: Option<LinkUp>,
    pub(super) bytes: Vec<u8>,
    pub(super) down: bool,
}

impl Link {
    pub(super) fn connect(
        peer: SocketAddr,
        tls: &Arc<ClientConfig>,
        registry: &Registry,
        token: Token,
        until: Time,
    ) -> Result<Self> {
        let mut stream = TcpStream::connect(peer)?;
        // Best effort: a delayed packet is no fault.
        let _ = stream.set_nodelay(true);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let mut link = Self { stream, peer, pipe: Pipe::client(tls)?, out: Vec::new(), until: Some(until) };
        link.pipe.take_ciphertext(&mut link.out);
        Ok(link)
    }

    /// The socket is ready for something: writes, and reads until it is dry.
    pub(super) fn ready(&mut self) -> News {
        let mut news = News { down: self.flush().is_err(), ..News::default() };
        let mut chunk = [0; 16 << 10];
        while !news.down {
            match self.stream.read(&mut chunk) {
                Ok(0) => news.down = true,
                Ok(count) => {
                    let outcome = self.pipe.received(&chunk[..count]);
                    self.pipe.take_plaintext(&mut news.bytes);
                    self.pipe.take_ciphertext(&mut self.out);
                    news.down = outcome.is_err() || self.pipe.peer_closed() || self.flush().is_err();
                }
                Err(error) if is_not_yet(&error) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => news.down = true,
            }
        }
        if self.until.is_some()
            && let Some(Established { exporter, server_key }) = self.pipe.established()
        {
            self.until = None;
            news.up = Some(LinkUp { exporter, server_key, peer: self.peer });
        }
        news
    }

    pub(super) fn send(&mut self, plaintext: &[u8]) -> Result<()> {
        self.pipe.send(plaintext)?;
        self.pipe.take_ciphertext(&mut self.out);
        self.flush()?;
        if self.out.len() > OUT_QUEUE_BYTES_MAX {
            bail!("the server reads too slowly");
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.out.drain(..count)),
                Err(error) if is_not_yet(&error) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A connection that is still being made says `NotConnected` on some systems.
fn is_not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}
