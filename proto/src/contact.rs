//! The friendship table, the same at both ends: how one stands with somebody, and what an act of theirs or ours
//! makes of it. Total and without a wildcard, so that a new act does not compile until it was thought about.
//!
//! ```text
//!            we ask              they accept
//!   None ──────────────▶ Asked ───────────────▶ Mutual
//!    │ ◀─ they reject, we remove ─┘               │  ▲
//!    │       they ask              we accept      │  │ an invite, from anywhere
//!    └──────────────────▶ Asking ─────────────────┼──┘
//!      ◀─ we reject, they remove ─┘               │
//!   None ◀────────── either removes ──────────────┘
//! ```

use crate::wire::record::Standing;

/// What somebody does about a contact, seen from one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// We ask (001).
    Ask,
    /// We accept (002).
    Accept,
    /// We dismiss (003).
    Reject,
    /// We remove, or take our request back (004).
    Remove,
    /// They ask.
    TheyAsk,
    /// They accept.
    TheyAccept,
    /// They dismiss.
    TheyReject,
    /// They remove us, or take their request back.
    TheyRemove,
    /// An invite of one of us was used by the other.
    Invite,
}

impl Act {
    /// The same act, seen from the other one.
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Ask => Self::TheyAsk,
            Self::Accept => Self::TheyAccept,
            Self::Reject => Self::TheyReject,
            Self::Remove => Self::TheyRemove,
            Self::TheyAsk => Self::Ask,
            Self::TheyAccept => Self::Accept,
            Self::TheyReject => Self::Reject,
            Self::TheyRemove => Self::Remove,
            Self::Invite => Self::Invite,
        }
    }
}

/// The same standing, seen from the other one.
pub const fn mirrored(standing: Standing) -> Standing {
    match standing {
        Standing::None => Standing::None,
        Standing::Asked => Standing::Asking,
        Standing::Asking => Standing::Asked,
        Standing::Mutual => Standing::Mutual,
    }
}

/// Why an act is not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum No {
    /// Asked already.
    Asked,
    /// They have asked: accept instead.
    Asking,
    /// Contacts already.
    Mutual,
    /// Nobody has asked.
    NoRequest,
    /// Not a contact.
    NotContact,
}

/// What `act` makes of `standing`.
///
/// # Errors
/// The act is not possible, and changes nothing.
pub const fn step(standing: Standing, act: Act) -> Result<Standing, No> {
    match (standing, act) {
        (Standing::None, Act::Ask) => Ok(Standing::Asked),
        (Standing::None, Act::TheyAsk) => Ok(Standing::Asking),
        (Standing::None | Standing::Asked, Act::Accept | Act::Reject) => Err(No::NoRequest),
        (Standing::None | Standing::Asking, Act::TheyAccept | Act::TheyReject) => Err(No::NoRequest),
        (Standing::None, Act::Remove | Act::TheyRemove) => Err(No::NotContact),

        (Standing::Asked, Act::Ask) | (Standing::Asking, Act::TheyAsk) => Err(No::Asked),
        (Standing::Asking, Act::Ask) | (Standing::Asked, Act::TheyAsk) => Err(No::Asking),
        (Standing::Asking, Act::Accept) | (Standing::Asked, Act::TheyAccept) => Ok(Standing::Mutual),
        (Standing::Asking, Act::Reject) | (Standing::Asked, Act::TheyReject) => Ok(Standing::None),
        (Standing::Asked, Act::Remove) | (Standing::Asking, Act::TheyRemove) => Ok(Standing::None),
        // One who was asked says no by dismissing; the asker has nothing else to remove.
        (Standing::Asking, Act::Remove) | (Standing::Asked, Act::TheyRemove) => Ok(Standing::None),

        (Standing::Mutual, Act::Ask | Act::TheyAsk) => Err(No::Mutual),
        (Standing::Mutual, Act::Accept | Act::Reject | Act::TheyAccept | Act::TheyReject) => {
            Err(No::NoRequest)
        }
        (Standing::Mutual, Act::Remove | Act::TheyRemove) => Ok(Standing::None),

        (Standing::None | Standing::Asked | Standing::Asking | Standing::Mutual, Act::Invite) => {
            Ok(Standing::Mutual)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDINGS: [Standing; 4] = [Standing::None, Standing::Asked, Standing::Asking, Standing::Mutual];
    const ACTS: [Act; 9] = [
        Act::Ask,
        Act::Accept,
        Act::Reject,
        Act::Remove,
        Act::TheyAsk,
        Act::TheyAccept,
        Act::TheyReject,
        Act::TheyRemove,
        Act::Invite,
    ];

    /// The whole table as text: rows are standings, columns the acts of [`ACTS`].
    #[test]
    fn the_table() {
        let cell = |standing, act| match step(standing, act) {
            Ok(Standing::None) => "none",
            Ok(Standing::Asked) => "asked",
            Ok(Standing::Asking) => "asking",
            Ok(Standing::Mutual) => "mutual",
            Err(No::Asked) => "!asked",
            Err(No::Asking) => "!asking",
            Err(No::Mutual) => "!mutual",
            Err(No::NoRequest) => "!request",
            Err(No::NotContact) => "!contact",
        };
        let rows: Vec<String> = STANDINGS
            .iter()
            .map(|s| ACTS.iter().map(|a| cell(*s, *a)).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            rows,
            [
                "asked !request !request !contact asking !request !request !contact mutual",
                "!asked !request !request none !asking mutual none none mutual",
                "!asking mutual none none !asked !request !request none mutual",
                "!mutual !request !request none !mutual !request !request none mutual",
            ]
        );
    }

    #[test]
    fn both_ends_always_agree() {
        for standing in STANDINGS {
            for act in ACTS {
                let here = step(standing, act).map(mirrored);
                assert_eq!(here, step(mirrored(standing), act.mirrored()), "{standing:?} {act:?}");
            }
        }
    }
}
