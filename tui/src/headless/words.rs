//! What things are called in events: one word for each, which scripts can rely on.

use proto::client::EndReason;
use proto::media::processing::Part;
use proto::wire::record::{Presence, Why};

pub(super) fn presence_name(presence: Presence) -> &'static str {
    match presence {
        Presence::Offline => "offline",
        Presence::Online => "online",
        Presence::InCall => "in_call",
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
