//! Every reason to drop what came in. The enum is the list of hostile and broken things we know: one test, one
//! counter and one row of documentation each. Dropping is an output, silent on the wire, decided before anything
//! is allocated.

use core::fmt;

macro_rules! drops {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// Why something that came in was not used.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Drop {
            $($(#[$doc])* $name,)+
        }

        impl Drop {
            /// Every reason, in the order of the counters.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The counter's name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

drops! {
    /// Bytes that no form of ours allows.
    Malformed = "malformed",
    /// A frame or datagram beyond its cap.
    Oversized = "oversized",
    /// A well-formed thing at the wrong moment.
    OutOfTurn = "out_of_turn",
    /// More than the sender's token bucket holds.
    Flood = "flood",
    /// From an address, device or stream nobody introduced.
    Stranger = "stranger",
    /// A counter, nonce or id that was used before.
    Replay = "replay",
    /// A tag, signature or ticket that does not verify.
    Forged = "forged",
    /// A ticket, cookie or token past its time.
    Expired = "expired",
    /// A ticket taken back, or a device.
    Revoked = "revoked",
    /// A table or queue at its limit.
    Full = "full",
    /// Sealed for a key that has not come yet, beyond what may wait.
    NoKey = "no_key",
    /// About a call that is over or never was.
    NoCall = "no_call",
    /// To or about somebody who is not a contact.
    NotContact = "not_contact",
    /// Not one of the sender's own identities: names, devices and keys that do not fit together.
    Impostor = "impostor",
    /// Did not log in within the time allowed.
    TooLate = "too_late",
    /// Reads more slowly than it is told things.
    TooSlow = "too_slow",
    /// Too many connections from there, or at all.
    Crowded = "crowded",
    /// TLS failed.
    Tls = "tls",
    /// The other end reset the connection.
    Reset = "reset",
    /// Said nothing for too long.
    Silent = "silent",
    /// Replaced by a newer connection of the same device.
    Replaced = "replaced",
    /// We are going away.
    Leaving = "leaving",
}

impl fmt::Display for Drop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_counter() {
        let names: std::collections::BTreeSet<_> = Drop::ALL.iter().map(|d| d.name()).collect();
        assert_eq!(names.len(), Drop::ALL.len());
    }
}
