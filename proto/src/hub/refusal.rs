//! A request that cannot be done, said so that a program and a person both know what to do next.

use crate::contact::No;
use crate::hub::store::Store;
use crate::id::Name;
use crate::wire::DecodeError;
use crate::wire::record::Why;

/// Becomes a 360 on a native connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) why: Why,
    pub(super) text: String,
}

/// How a request ends: its replies are said already, or this is.
pub(super) type Done = Result<(), Refusal>;

impl Refusal {
    pub(super) fn new(why: Why, text: impl Into<String>) -> Self {
        Self { why, text: text.into() }
    }

    pub(super) fn contact(no: No, name: &Name) -> Self {
        match no {
            No::Asked => {
                Self::new(Why::Already, format!("you have asked {name} already; wait for the answer"))
            }
            No::Asking => {
                Self::new(Why::Already, format!("{name} has asked you already; accept that request instead"))
            }
            No::Mutual => Self::new(Why::Already, format!("{name} is your contact already")),
            No::NoRequest => Self::new(Why::NoRequest, format!("no request of {name} is waiting for you")),
            No::NotContact => Self::not_contact(name.as_str()),
        }
    }

    pub(super) fn not_contact(name: &str) -> Self {
        Self::new(Why::NotContact, format!("{name} is not your contact; add them first"))
    }

    pub(super) fn stranger() -> Self {
        Self::new(Why::NotLoggedIn, "log in first")
    }

    /// Read by people, who cannot mend it: of a limit, clients try again by themselves and say nothing.
    fn no_room() -> Self {
        Self::new(Why::Other, "the server's disk is full; tell its operator, and try again later")
    }

    pub(super) fn too_fast() -> Self {
        Self::new(Why::TooFast, "too many requests; wait a few seconds and try again")
    }
}

/// Asked first by whatever would make the store grow. Logins, calls, texts, and what answers, changes or deletes what is
/// there go on without room, and so does adding a device, since to revoke one must be possible.
///
/// # Errors
/// While the server's disk is nearly full.
pub(super) fn room_in<S: Store>(store: &S) -> Done {
    if store.is_full() { Err(Refusal::no_room()) } else { Ok(()) }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        let why = match error {
            DecodeError::Malformed(_) => Why::BadRequest,
            DecodeError::UnknownCode(_) => Why::UnknownCode,
        };
        Self::new(why, format!("{error}; check that both programs speak the same version"))
    }
}
