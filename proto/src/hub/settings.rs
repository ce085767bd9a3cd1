//! What the operator decides.

use core::fmt;
use core::time::Duration;

use crate::id::{Fingerprint, Name};
use crate::limits::{
    ACCOUNTS_MAX, ASKS_PER_ACCOUNT, Bucket, CALLS_MAX, CALLS_PER_ACCOUNT, LOGIN_TIME_MAX, MAIL_PER_ACCOUNT,
    REGISTRATIONS_PER_PREFIX, REQUESTS_PER_CONNECTION,
};

/// What a hub is made with.
#[derive(Clone)]
pub struct Settings {
    /// The fingerprint of the server's own key, which logins are bound to.
    pub server_key: Fingerprint,
    /// The key that tickets are made with. Secret, persistent.
    pub relay_key: [u8; 32],
    /// The port that is listened on, UDP as TCP, told in 350.
    pub udp_port: u16,
    /// Host and port that invites name.
    pub public: (String, u16),
    /// New accounts need a token.
    pub invite_only: bool,
    /// Name and version of the program.
    pub software: String,
    /// Accounts of the house: the echo friend. Made a mutual contact of every new account; its name is reserved
    /// and may be registered by this key only; it may be in several calls at once.
    pub house: Option<(Name, Fingerprint)>,
    /// The operator's limits.
    pub limits: Limits,
}

/// The bounds an operator can move; the defaults are in [`crate::limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From [`LOGIN_TIME_MAX`].
    pub login_time: Duration,
    /// From [`ACCOUNTS_MAX`].
    pub accounts: usize,
    /// From [`CALLS_MAX`].
    pub calls: usize,
    /// From [`REQUESTS_PER_CONNECTION`].
    pub requests: Bucket,
    /// From [`MAIL_PER_ACCOUNT`].
    pub mail: Bucket,
    /// From [`ASKS_PER_ACCOUNT`].
    pub asks: Bucket,
    /// From [`CALLS_PER_ACCOUNT`].
    pub call_starts: Bucket,
    /// From [`REGISTRATIONS_PER_PREFIX`].
    pub registrations: Bucket,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            login_time: LOGIN_TIME_MAX,
            accounts: ACCOUNTS_MAX,
            calls: CALLS_MAX,
            requests: REQUESTS_PER_CONNECTION,
            mail: MAIL_PER_ACCOUNT,
            asks: ASKS_PER_ACCOUNT,
            call_starts: CALLS_PER_ACCOUNT,
            registrations: REGISTRATIONS_PER_PREFIX,
        }
    }
}

impl fmt::Debug for Settings {
    /// Without the relay key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.server_key.openssh();
        write!(f, "Settings({key}, {:?}, {:?}, {:?})", self.public, self.house, self.limits)
    }
}
