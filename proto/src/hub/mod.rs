//! The server's mind: who is connected, who knows whom, who calls whom. It never sees a key or a plaintext.

use core::net::SocketAddr;
use core::time::Duration;

use crate::drop::Drop;
use crate::id::{ConnId, Fingerprint};
use crate::relay::Change;

pub mod rate;
pub mod store;

pub use rate::{Admission, Doorway};
pub use store::{Account, Mem, Store, Token};

/// Which language a door speaks. The plain dialects of the seeds join this list with their doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Seed A's frames without padding, inside TLS, with our extension codes.
    Native,
}

/// What goes in.
#[derive(Debug)]
pub enum Input<'a> {
    /// A connection is there, handshake done.
    Opened {
        /// Its name, never used before.
        conn: ConnId,
        /// What its door speaks.
        dialect: Dialect,
        /// The other end.
        from: SocketAddr,
        /// Our end, as the client reached it.
        at: SocketAddr,
        /// 32 bytes of the TLS exporter; none on plain doors.
        exporter: Option<[u8; 32]>,
    },
    /// Plaintext bytes of a connection, cut anywhere.
    Bytes(ConnId, &'a [u8]),
    /// A connection is gone.
    Closed(ConnId),
    /// The process goes away: say so to everybody, with this to wait.
    Leave {
        /// The clients spread their returns over this.
        retry: Duration,
    },
    /// The deadline passed.
    Timeout,
}

/// What comes out, strictly in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send.
    Stream(ConnId, Vec<u8>),
    /// Send what is queued, then close.
    Close(ConnId, Drop),
    /// This connection has logged in: it counts as a stranger no more (see [`rate::Admission`]).
    Admitted(ConnId),
    /// Tell the relay.
    Relay(Change),
    /// Something that came in was not used; `None` when the connection lives on and only the count matters.
    Drop(Drop),
}

/// What a hub is made with: what the operator decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The fingerprint of the server's own key, which logins are bound to.
    pub server_key: Fingerprint,
    /// The key that tickets are made with. Secret, persistent.
    pub relay_key: [u8; 32],
    /// UDP port of the relay, told in 350.
    pub udp_port: u16,
    /// Host and port that invites name.
    pub public: (String, u16),
    /// New accounts need a token.
    pub invite_only: bool,
    /// Name and version of the program.
    pub software: String,
    /// Accounts of the house: the echo friend. Made a mutual contact of every new account; its name is reserved
    /// and may be registered by this key only; it may be in several calls at once.
    pub house: Option<(crate::id::Name, Fingerprint)>,
    /// The operator's limits.
    pub limits: Limits,
}

/// The bounds an operator can move; the defaults are in [`crate::limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From [`crate::limits::LOGIN_TIME_MAX`].
    pub login_time: Duration,
    /// From [`crate::limits::CALLS_MAX`].
    pub calls: usize,
    /// From [`crate::limits::REQUESTS_PER_CONNECTION`].
    pub requests: crate::limits::Bucket,
    /// From [`crate::limits::MAIL_PER_ACCOUNT`].
    pub mail: crate::limits::Bucket,
    /// From [`crate::limits::CALLS_PER_ACCOUNT`].
    pub call_starts: crate::limits::Bucket,
    /// From [`crate::limits::REGISTRATIONS_PER_PREFIX`].
    pub registrations: crate::limits::Bucket,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            login_time: crate::limits::LOGIN_TIME_MAX,
            calls: crate::limits::CALLS_MAX,
            requests: crate::limits::REQUESTS_PER_CONNECTION,
            mail: crate::limits::MAIL_PER_ACCOUNT,
            call_starts: crate::limits::CALLS_PER_ACCOUNT,
            registrations: crate::limits::REGISTRATIONS_PER_PREFIX,
        }
    }
}
