//! What things are called in events: one word for each, which scripts can rely on.

use proto::client::{EndReason, Matter};
use proto::id::Name;
use proto::media::processing::Part;
use proto::wire::record::{Presence, Why};

use super::trust;

pub(super) fn presence_name(presence: Presence) -> &'static str {
    match presence {
        Presence::Offline => "offline",
        Presence::Online => "online",
        Presence::InCall => "in_call",
    }
}

/// What a refusal is about: a word, and whom it concerns, by name or by key where somebody is only known by that.
pub(super) fn matter(of: &Matter) -> (&'static str, Option<String>) {
    let named = |word, name: &Name| (word, Some(name.to_string()));
    match of {
        Matter::Contact(name) => named("contact", name),
        Matter::Greeting(name) => named("greeting", name),
        Matter::Ban(name) => named("block", name),
        Matter::Unban(principal) => ("unblock", Some(trust::shown(principal))),
        Matter::Redeem => ("redeem", None),
        Matter::Invite => ("invite", None),
        Matter::Words(name) => named("words", name),
        Matter::Text { to, .. } => named("message", to),
        Matter::Call => ("call", None),
        Matter::Login => ("login", None),
    }
}

pub(super) fn part_name(part: Part) -> &'static str {
    match part {
        Part::Echo => "echo",
        Part::Noise => "noise",
        Part::Gain => "gain",
    }
}

pub(super) fn reason_name(reason: EndReason) -> &'static str {
    match reason {
        EndReason::HungUp => "hung_up",
        EndReason::TheyHungUp => "they_hung_up",
        EndReason::Declined => "declined",
        EndReason::Busy => "busy",
        EndReason::NoAnswer => "no_answer",
        EndReason::Gone => "gone",
        EndReason::Taken => "taken",
        EndReason::Missed => "missed",
        EndReason::Lost => "lost",
        EndReason::Asleep(_) => "asleep",
        EndReason::Failed => "failed",
    }
}

pub(super) fn why_name(why: Why) -> &'static str {
    match why {
        Why::Other => "other",
        Why::BadRequest => "bad_request",
        Why::NotLoggedIn => "not_logged_in",
        Why::LoggedIn => "logged_in",
        Why::UnknownCode => "unknown_code",
        Why::Version => "version",
        Why::NameTaken => "name_taken",
        Why::InviteNeeded => "invite_needed",
        Why::BadToken => "bad_token",
        Why::NotRegistered => "not_registered",
        Why::BadSignature => "bad_signature",
        Why::Revoked => "revoked",
        Why::NoSuchUser => "no_such_user",
        Why::Oneself => "oneself",
        Why::Already => "already",
        Why::NoRequest => "no_request",
        Why::NotContact => "not_contact",
        Why::Limit => "limit",
        Why::TooFast => "too_fast",
        Why::NoCall => "no_call",
        Why::InCall => "in_call",
        Why::NobodyRung => "nobody_rung",
        Why::Unsupported => "unsupported",
        Why::Internal => "internal",
    }
}

#[cfg(test)]
mod tests {
    use proto::id::Principal;

    use super::*;
    use crate::app::story::name;

    #[test]
    fn a_refusal_says_what_it_is_about_and_of_whom() {
        let bob = || name("bob");
        let said = |word: &'static str| (word, Some("bob".to_owned()));
        for (of, wanted) in [
            (Matter::Contact(bob()), said("contact")),
            (Matter::Greeting(bob()), said("greeting")),
            (Matter::Ban(bob()), said("block")),
            (Matter::Unban(Principal::Guest(bob())), ("unblock", Some("~bob".to_owned()))),
            (Matter::Redeem, ("redeem", None)),
            (Matter::Invite, ("invite", None)),
            (Matter::Words(bob()), said("words")),
            (Matter::Text { to: bob(), echo: 0 }, said("message")),
            (Matter::Call, ("call", None)),
            (Matter::Login, ("login", None)),
        ] {
            assert_eq!(matter(&of), wanted);
        }
    }
}
