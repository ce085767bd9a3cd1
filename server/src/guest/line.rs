//! What a connection's bytes go through between socket and hub: TLS, or nothing.

use std::io;
use std::sync::Arc;

use proto::Drop;
use proto::tls::{Pipe, ServerConfig, TlsError};

/// The form of a connection's bytes.
#[derive(Debug)]
pub(super) enum Line {
    /// TLS, as on the native port.
    Sealed(Box<Pipe>),
    /// As they are, as on the plain ports.
    Bare,
}

/// Why a line is over, or not.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    GoesOn,
    /// The other end said so.
    Ended,
    Broken(Drop),
}

impl Line {
    pub(super) fn sealed(tls: &Arc<ServerConfig>) -> io::Result<Self> {
        Ok(Self::Sealed(Box::new(Pipe::server(tls).map_err(io::Error::other)?)))
    }

    /// Takes in bytes of the socket: what they say is appended to `plain`, what must be answered to `out`.
    pub(super) fn received(&mut self, bytes: &[u8], plain: &mut Vec<u8>, out: &mut Vec<u8>) -> Outcome {
        let Self::Sealed(pipe) = self else {
            plain.extend_from_slice(bytes);
            return Outcome::GoesOn;
        };
        let outcome = pipe.received(bytes);
        pipe.take_plaintext(plain);
        pipe.take_ciphertext(out);
        match outcome {
            Err(TlsError::Oversized) => Outcome::Broken(Drop::Oversized),
            Err(TlsError::Protocol(_) | TlsError::Full) => Outcome::Broken(Drop::Tls),
            Ok(()) if pipe.peer_closed() => Outcome::Ended,
            Ok(()) => Outcome::GoesOn,
        }
    }

    /// Appends what says `plaintext` to `out`.
    ///
    /// # Errors
    /// [`Drop::TooSlow`]: TLS holds more than it may.
    pub(super) fn send(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), Drop> {
        match self {
            Self::Sealed(pipe) => {
                let sealed = pipe.send(plaintext);
                pipe.take_ciphertext(out);
                sealed.map_err(|_| Drop::TooSlow)
            }
            Self::Bare => {
                out.extend_from_slice(plaintext);
                Ok(())
            }
        }
    }

    /// Appends what says goodbye to `out`.
    pub(super) fn close(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Sealed(pipe) => {
                pipe.close();
                pipe.take_ciphertext(out);
            }
            // The end of the stream says it all.
            Self::Bare => {}
        }
    }

    /// The TLS exporter, once a handshake has made one.
    pub(super) fn exporter(&self) -> Option<[u8; 32]> {
        match self {
            Self::Sealed(pipe) => Some(pipe.established()?.exporter),
            Self::Bare => None,
        }
    }
}
