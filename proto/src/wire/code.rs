//! The number of every frame: seed A's as in its document, ours from 300 (client) and 350 (server) up
//! (native.md section 2).

/// Names a code once and lists it.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)+) => {
        $($(#[$doc])* pub const $name: i32 = $code;)+
        #[cfg(test)]
        const ALL: &[(&str, i32)] = &[$((stringify!($name), $code),)+];
    };
}

codes! {
    /// Log in by name alone: plain doors only.
    LOGIN = 0,
    /// Ask somebody to be a contact.
    ADD = 1,
    /// Accept a request.
    ACCEPT = 2,
    /// Dismiss a request.
    REJECT = 3,
    /// Remove a contact.
    REMOVE = 4,
    /// Ask for the contact list.
    LIST = 5,
    /// Call somebody.
    CALL = 100,
    /// Accept a call.
    ACCEPT_CALL = 101,
    /// Reject a call.
    REJECT_CALL = 102,
    /// Hang up.
    HANG_UP = 103,
    /// Connection accepted.
    WELCOME = 200,
    /// Logged in.
    LOGGED_IN = 201,
    /// Contact request accepted.
    REQUEST_ACCEPTED = 203,
    /// Contact request dismissed.
    REQUEST_DISMISSED = 204,
    /// Contact request transmitted.
    REQUEST_SENT = 205,
    /// Contact list.
    CONTACTS = 206,
    /// New contact request.
    REQUEST_FROM = 207,
    /// Call taken into account.
    CALL_TAKEN = 208,
    /// Call accepted.
    CALL_ACCEPTED = 209,
    /// Someone joined the call.
    CALL_JOINED = 210,
    /// Call request. The document prints it once under 210; 211 is what its own program sends.
    CALL_REQUEST = 211,
    /// Of seed A's plain wire only: what was asked is wrong.
    BAD_REQUEST = 400,
    /// Of seed A's plain wire only: the name is in use, or one is logged in.
    ALREADY_LOGGED = 401,
    /// Of seed A's plain wire only: not logged in, or not one's own.
    NOT_AUTHORIZED = 403,
    /// Of seed A's plain wire only: no such code.
    NOT_FOUND = 404,
    /// Of seed A's plain wire only: the server failed.
    INTERNAL = 500,
    /// Of seed A's plain wire only, and in no document: its server's answer to 103.
    LEFT_CALL = 213,
    /// A client's first frame.
    HELLO = 300,
    /// A new account or device.
    REGISTER = 301,
    /// Login by device key.
    AUTH = 302,
    /// Keys for sessions that others start.
    PREKEYS = 303,
    /// Ask for a device list.
    WANT_DEVICES = 304,
    /// Ask for a key to start a session.
    WANT_PREKEY = 305,
    /// A sealed message to each device of a contact.
    MAIL = 306,
    /// A sealed call message to one device.
    CALL_MAIL = 308,
    /// Take one's place in a call again.
    REJOIN = 309,
    /// Ask for a newer ticket.
    RENEW = 310,
    /// Remember an invite's token.
    NEW_INVITE = 311,
    /// Use an invite's token.
    REDEEM = 312,
    /// Are you there?
    PING = 313,
    /// The server's answer to 300.
    SERVER_HELLO = 350,
    /// What a name means and how one stands with its holder.
    CONTACT = 352,
    /// A device list.
    DEVICES = 353,
    /// A key to start a session.
    PREKEY = 354,
    /// A sealed message.
    MAIL_FROM = 355,
    /// What became of one copy of a message.
    MAIL_RESULT = 356,
    /// A sealed call message.
    CALL_MAIL_FROM = 357,
    /// A place in a relay room.
    GRANT = 358,
    /// What became of somebody in a call.
    CALL_STATE = 359,
    /// A request could not be done.
    REFUSED = 360,
    /// What an inviter needs to write the link.
    INVITE = 361,
    /// The server goes away for a while.
    GOAWAY = 362,
    /// Yes.
    PONG = 363,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_means_two_things() {
        let codes: std::collections::BTreeSet<i32> = ALL.iter().map(|(_, code)| *code).collect();
        assert_eq!(codes.len(), ALL.len());
    }
}
