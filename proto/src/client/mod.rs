//! The client machine: one user's end of everything but the sound.

use core::net::SocketAddr;

use minicbor::bytes::ByteVec;

use crate::drop::Drop;
use crate::id::Fingerprint;
use crate::media::{CallCommand, CallEvent};

pub mod command;
pub mod event;
pub mod state;

pub use command::Command;
pub use event::{ContactInfo, EndReason, Event, LinkState, MessageState};
pub use state::{Kind, Row, Save};

/// What goes in.
#[derive(Debug)]
pub enum Input<'a> {
    /// The user wants something.
    Command(Command),
    /// Plaintext bytes of the TLS stream, cut anywhere.
    Bytes(&'a [u8]),
    /// The agent says something.
    Agent(CallEvent),
    /// The connection that [`Output::Connect`] asked for is there, handshake done.
    LinkUp(LinkUp),
    /// The connection is gone, or could not be made.
    LinkDown,
    /// The account key signed what [`Output::Sign`] asked for: the binary SSHSIG blob. `None` when it refused.
    Signed {
        /// As asked.
        id: u32,
        /// The signature.
        sshsig: Option<Vec<u8>>,
    },
    /// The deadline passed.
    Timeout,
}

/// A finished TLS handshake, as the shell reports it. The handshake's signature was checked with `server_key`;
/// whether that key is the right one is decided here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkUp {
    /// 32 bytes of the TLS exporter, label `EXPORTER-tincan-login-v1`, no context.
    pub exporter: [u8; 32],
    /// SHA-256 of the server's SPKI.
    pub server_key: Fingerprint,
    /// The address the TCP connection goes to: also the relay's.
    pub peer: SocketAddr,
}

/// What comes out, strictly in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write to the store; see [`Save`] for transactions.
    Save(Save),
    /// Send by the TLS stream.
    Stream(Vec<u8>),
    /// Tell the agent.
    Agent(CallCommand),
    /// Tell the user.
    Event(Event),
    /// Have the account key sign `bytes` under `namespace` (SSHSIG, SHA-512); answer with [`Input::Signed`].
    Sign {
        /// Named in the answer.
        id: u32,
        /// `tincan-device@v1` or `tincan-claim@v1`.
        namespace: &'static str,
        /// What to sign.
        bytes: ByteVec,
    },
    /// Make a connection to the server now, and close the old one if there is one.
    Connect,
    /// Close the connection; do not make another.
    Disconnect,
    /// Something that came in was not used.
    Drop(Drop),
}

/// What a client is made with.
#[derive(Debug)]
pub struct Settings {
    /// The fingerprint an invite or `--pin` named; checked at the first connection and pinned.
    pub expect: Option<Fingerprint>,
    /// Pin an unknown server key without asking: headless, and the echo friend.
    pub trust_first: bool,
    /// The token of an invite, presented at registration, or redeemed after login.
    pub token: Option<[u8; 16]>,
    /// The account key's fingerprint.
    pub account: Fingerprint,
    /// Name and version of the program.
    pub software: String,
}
