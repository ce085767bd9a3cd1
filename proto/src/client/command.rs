//! What a user may ask of the client machine.

use crate::id::{Fingerprint, Name, Principal};

/// One wish. None returns a value: what came of it is told by events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Log in under this name. Needed once, on the first run; afterwards the name is remembered and login is
    /// automatic on every connection.
    Join(Name),
    /// Trust and pin the server key that [`super::Event::ServerKeyUnknown`] showed.
    TrustServer,
    /// Ask somebody to be a contact.
    Add(Name),
    /// Ask somebody to be a contact, and say something with it: sealed for their devices, and read with the request.
    Greet {
        /// Whom.
        to: Name,
        /// At most [`crate::limits::GREETING_CHARS_MAX`] characters; nothing at all makes this [`Command::Add`].
        text: String,
    },
    /// Accept their request.
    Accept(Name),
    /// Dismiss it.
    Reject(Name),
    /// Remove a contact, or take a request back.
    Remove(Name),
    /// Call somebody, or several at once: 1 to 31 names.
    Call(Vec<Name>),
    /// A human's yes to calls with this contact that are not encrypted. Remembered.
    AllowPlain(Name),
    /// Answer the incoming call. Only a human's key press (or an explicit command) may say this.
    Answer,
    /// Decline it.
    Decline,
    /// Leave the call, or stop calling.
    HangUp,
    /// Send a text.
    Say {
        /// To whom.
        to: Name,
        /// At most [`crate::limits::TEXT_BYTES_MAX`] bytes.
        text: String,
        /// The caller's own counter, named again by [`super::Event::Waiting`].
        echo: u64,
    },
    /// Make an invite of one's own; answered with [`super::Event::Invite`].
    Invite,
    /// Use an invite's token while having an account already.
    Redeem([u8; 16]),
    /// Tell the contact list again, as one [`super::Event::Contacts`].
    Contacts,
    /// From now on whoever the server calls a contact is one, unasked: for the friend of a house, which knows
    /// everybody and cannot be lied to by its own server. Not remembered.
    WelcomeAll,
    /// Compare words with somebody in the call, who must be a contact with a key; answered with
    /// [`super::Event::Compared`].
    Compare(Name),
    /// A human compared the safety number or the words with this contact.
    Verify {
        /// With whom.
        name: Name,
        /// The key that was compared: should it be another by now, nothing happens.
        key: Fingerprint,
        /// They match. Else nothing goes out to them any more, and nothing comes in.
        matches: bool,
    },
    /// A human says that the new key behind a contact's name is theirs.
    AcceptIdentity {
        /// The name.
        name: Name,
        /// The new key that was looked at.
        key: Fingerprint,
    },
    /// Block whoever goes by this name: by who they are, silently and for good.
    Ban(Name),
    /// Let somebody in again.
    Unban(Principal),
    /// Tell who is blocked, as one [`super::Event::Banned`].
    Bans,
    /// Connect now instead of waiting for the next try.
    Reconnect,
}
