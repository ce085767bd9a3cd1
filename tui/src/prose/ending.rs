//! How a call ended, in a sentence that names commands where the screen's names keys.

use proto::client::EndReason;
use proto::id::Name;
use proto::limits::RING_TIME_MAX;
use proto::media::blame::Hop;

use super::told::NAMES_SAID;
use crate::app::Model;
use crate::app::call::{self, Call, Phase};

/// The end of the call the model has, or of one that it never had, `with` these.
pub(super) fn ended(model: &Model, with: &[Name], reason: EndReason) -> String {
    let call = model.call.as_ref();
    let with: Vec<&Name> = match call {
        Some(call) if with.is_empty() => call.names(),
        Some(_) | None => with.iter().collect(),
    };
    let who = model.among(&with, NAMES_SAID);
    let first = with.first().map_or("NAME", |name| name.as_str());
    if reason == EndReason::HungUp && call.is_some_and(|call| matches!(call.phase, Phase::Incoming(_))) {
        return format!("You declined the call of {who}.");
    }
    let are = if with.len() > 1 { "are" } else { "is" };
    let texts = !with.iter().any(|name| model.guest(name));
    let write = if texts { format!("/to {first} and a text waits for them") } else { String::new() };
    let again = format!("/call {first} calls again");
    let what = match reason {
        EndReason::HungUp => format!("The call with {who} is over."),
        EndReason::TheyHungUp => format!("{who} hung up."),
        EndReason::Declined => format!("{who} declined; {again}."),
        EndReason::Busy => format!("{who} {are} in another call; {again}."),
        EndReason::NoAnswer => format!("{who} did not answer in {} s; {again}.", RING_TIME_MAX.as_secs()),
        EndReason::Gone if texts => format!("{who} {are} not connected; {write}."),
        EndReason::Gone => format!("{who} {are} not connected; {again}."),
        EndReason::Taken => format!("Another device of yours took the call with {who}."),
        EndReason::Missed => format!("{who} called and stopped before you answered; {again}."),
        EndReason::Lost => format!("Nothing was heard from {who} for 15 s, so the call ended; {again}."),
        EndReason::Asleep(long) => {
            let long = call::clock(long);
            return format!(
                "tincan was asleep or stopped for {long}, so the call with {who} ended; {again}."
            );
        }
        EndReason::Failed => format!("The call with {who} could not be set up; {again}."),
    };
    what + &call.map(|call| lasted(model, call)).unwrap_or_default()
}

/// How long it was and how it sounded; nothing of one that nobody was in.
fn lasted(model: &Model, call: &Call) -> String {
    let Some(lasted) = call.lasted(model.now.mono) else { return String::new() };
    let blamed = |hop: Hop| {
        let party = hop.member().and_then(|ssrc| call.speaker(ssrc));
        party.map_or_else(|| "somebody".to_owned(), |party| model.shown(&party.name))
    };
    let how = call::summed_up(&call.summary, &model.sound.speaker, blamed)
        .map(|how| format!(", {how}"))
        .unwrap_or_default();
    format!(" You talked {}{how}.", call::clock(lasted))
}
