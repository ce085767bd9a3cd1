//! What the client remembers across restarts: rows of one table, written by `Save` outputs in order and read back
//! at the start. The shell's store knows kinds, keys and bytes, and nothing of their meaning.

use crate::client::Output;
use crate::crypto::RatchetState;
use crate::id::DeviceId;

/// One row to write or delete. All saves since the last other output belong to one transaction, committed before
/// that output is acted on (write, commit, then speak).
#[derive(Clone, PartialEq, Eq)]
pub struct Save {
    /// Which table.
    pub kind: Kind,
    /// Which row.
    pub key: Vec<u8>,
    /// Its bytes; `None` deletes it. May be secret.
    pub value: Option<Vec<u8>>,
}

impl core::fmt::Debug for Save {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Save({:?}, {} bytes)", self.kind, self.value.as_ref().map_or(0, Vec::len))
    }
}

impl From<Save> for Output {
    fn from(save: Save) -> Self {
        Self::Save(save)
    }
}

/// What a row is about. The number is what the store keeps; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Name, registration, the server's pin: one row.
    Profile = 1,
    /// The ratchet's account: one row, made by the shell before the first start.
    Account = 2,
    /// A session, keyed by the peer's device.
    Session = 3,
    /// A contact, keyed by the folded name.
    Contact = 4,
    /// A device list, keyed by the account fingerprint.
    Devices = 5,
    /// An unreceipted text, keyed by its id.
    Outbox = 6,
    /// An id seen, keyed by sender fingerprint and id.
    Seen = 7,
    /// A token issued, keyed by its hash.
    Token = 8,
    /// A human's yes to calls with a guest, keyed by the folded name. The value is empty.
    PlainYes = 9,
    /// What people said about a key after they compared, keyed by the account fingerprint.
    Trust = 10,
    /// Somebody blocked, keyed by the principal's CBOR.
    Ban = 11,
    /// Whose a name was that vanished, keyed by the folded name: an account fingerprint.
    Former = 12,
    /// Whom the user removed and did not want again, keyed by the principal's CBOR: the how manieth that was. Where a
    /// version before this one wanted them again the row stays, and costs one question the next time they come by an
    /// invite.
    Removed = 13,
}

impl Kind {
    /// The key of the one row of [`Kind::Profile`].
    pub const PROFILE_KEY: &'static [u8] = b"profile";
    /// The key of the one row of [`Kind::Account`].
    pub const ACCOUNT_KEY: &'static [u8] = b"account";

    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Profile,
        Self::Account,
        Self::Session,
        Self::Contact,
        Self::Devices,
        Self::Outbox,
        Self::Seen,
        Self::Token,
        Self::PlainYes,
        Self::Trust,
        Self::Ban,
        Self::Former,
        Self::Removed,
    ];

    /// The kind of a stored number.
    pub fn from_number(n: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|k| *k as i64 == n)
    }
}

/// What the ratchet is restored from: the rows of [`Kind::Account`] and [`Kind::Session`]. Empty before the first
/// start.
pub fn ratchet_states(rows: &[Row]) -> Vec<RatchetState> {
    let state = |row: &Row| {
        let peer = match row.kind {
            Kind::Account => None,
            Kind::Session => Some(DeviceId(row.key.as_slice().try_into().ok()?)),
            Kind::Profile
            | Kind::Contact
            | Kind::Devices
            | Kind::Outbox
            | Kind::Seen
            | Kind::Token
            | Kind::PlainYes
            | Kind::Trust
            | Kind::Ban
            | Kind::Former
            | Kind::Removed => return None,
        };
        Some(RatchetState { peer, bytes: row.value.clone() })
    };
    rows.iter().filter_map(state).collect()
}

/// One row read back.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// Which table.
    pub kind: Kind,
    /// Which row.
    pub key: Vec<u8>,
    /// Its bytes.
    pub value: Vec<u8>,
}

impl core::fmt::Debug for Row {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Row({:?}, {} bytes)", self.kind, self.value.len())
    }
}
