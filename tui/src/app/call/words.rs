//! What is said of a call: how it ended, who left it and why.

use std::time::Duration;

use proto::client::EndReason;
use proto::limits::RING_TIME_MAX;
use proto::media::HalfState;

/// `bob`, `bob and carol`, `bob, carol and dave`; with more than `most`, `bob, carol and 29 others`.
pub fn among(names: &[String], most: usize) -> String {
    let (shown, others) = match names.len() {
        count if count <= most => (names, 0),
        count => (&names[..most.saturating_sub(1)], count - most.saturating_sub(1)),
    };
    match (shown, others) {
        ([], 0) => String::new(),
        ([], others) => format!("{others} others"),
        ([only], 0) => only.clone(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (shown, others) => format!("{} and {others} others", shown.join(", ")),
    }
}

/// Those whom the end of a call is about.
#[derive(Clone, Copy, Debug)]
pub struct Whom<'a> {
    /// Their names, as they are shown.
    pub names: &'a str,
    /// There is more than one.
    pub many: bool,
    /// A text can be written to each of them; not to a guest.
    pub texts: bool,
}

/// What happened to a call with these, and what to do next, in a sentence.
pub fn ended(whom: Whom<'_>, reason: EndReason, lasted: Option<Duration>) -> String {
    let Whom { names: with, many, texts } = whom;
    let talked = lasted.map(|lasted| format!(" You talked {}.", clock(lasted))).unwrap_or_default();
    let are = if many { "are" } else { "is" };
    let write_or = if texts { "Write a message, or c" } else { "C" };
    match reason {
        EndReason::HungUp if many && lasted.is_some() => format!("You left the call with {with}.{talked}"),
        EndReason::HungUp => format!("The call with {with} is over.{talked}"),
        EndReason::TheyHungUp if many => format!("Everybody else left the call with {with}.{talked}"),
        EndReason::TheyHungUp => format!("{with} hung up.{talked}"),
        EndReason::Declined => format!("{with} declined. {write_or}all again later with c."),
        EndReason::Busy => {
            let calls = if many { "other calls" } else { "another call" };
            format!("{with} {are} in {calls}. {write_or}all again later with c.")
        }
        EndReason::NoAnswer => {
            let rang = RING_TIME_MAX.as_secs();
            let waits = if texts { ", or write a message: it waits" } else { "" };
            format!("{with} did not answer in {rang} s. Call again with c{waits}.")
        }
        EndReason::Gone if !texts => {
            format!("{with} {are} not connected. Call with c once they are.")
        }
        EndReason::Gone => format!("{with} {are} not connected. Write a message: it waits until they are."),
        EndReason::Taken => format!("Another device of yours took the call with {with}."),
        EndReason::Missed => format!("{with} called and stopped before you answered. Call back with c."),
        EndReason::Lost => {
            format!("Nothing was heard from {with} for 15 s, so the call ended. Call again with c.")
        }
        EndReason::Asleep(long) => {
            let long = clock(long);
            format!(
                "tincan was asleep or stopped for {long}, so the call with {with} ended. Call again with c."
            )
        }
        EndReason::Failed => format!("The call with {with} could not be set up. Try again with c."),
    }
}

/// The same as a line among the messages with one of them, where their name stands already; `how` it sounded, and
/// `others` are those who were in it too.
pub fn ended_note(reason: EndReason, lasted: Option<Duration>, how: Option<&str>, others: &str) -> String {
    let (call, with) = match others {
        "" => ("call", String::new()),
        others => ("group call", format!(", with {others}")),
    };
    let what = match (reason, lasted) {
        (EndReason::Lost, Some(lasted)) => format!("{call}, {}, lost", clock(lasted)),
        (EndReason::Asleep(_), Some(lasted)) => format!("{call}, {}, ended while asleep", clock(lasted)),
        (_, Some(lasted)) => format!("{call}, {}", clock(lasted)),
        (EndReason::HungUp | EndReason::TheyHungUp | EndReason::Lost, None) => {
            format!("{call}, not answered")
        }
        (EndReason::Asleep(_), None) => format!("{call}, ended while asleep"),
        (EndReason::Declined, None) => format!("{call}, declined"),
        (EndReason::Busy, None) => format!("{call}, busy"),
        (EndReason::NoAnswer, None) => format!("{call}, no answer"),
        (EndReason::Gone, None) => format!("{call}, not connected"),
        (EndReason::Taken, None) => format!("{call}, taken on another device"),
        (EndReason::Missed, None) => format!("missed {call}"),
        (EndReason::Failed, None) => format!("{call}, could not be set up"),
    };
    let how = how.filter(|_| lasted.is_some()).map(|how| format!(", {how}")).unwrap_or_default();
    what + &how + &with
}

/// Somebody is out of a call that goes on, in a sentence.
pub fn parted(who: &str, reason: EndReason) -> String {
    match reason {
        EndReason::HungUp | EndReason::TheyHungUp => format!("{who} left the call."),
        EndReason::Declined => format!("{who} declined."),
        EndReason::Busy => format!("{who} is in another call."),
        EndReason::NoAnswer | EndReason::Missed => format!("{who} did not answer."),
        EndReason::Gone => format!("{who} is not connected."),
        EndReason::Taken => format!("{who} is in the call on another device."),
        EndReason::Lost => format!("Nothing was heard from {who} any more: the call goes on without them."),
        EndReason::Asleep(long) => {
            format!("{who} left the call while tincan was asleep or stopped for {}.", clock(long))
        }
        EndReason::Failed => format!("{who} could not be brought into the call."),
    }
}

/// The same in a word or two, for their row.
pub fn parted_word(reason: EndReason) -> &'static str {
    match reason {
        EndReason::HungUp | EndReason::TheyHungUp | EndReason::Asleep(_) => "left",
        EndReason::Declined => "declined",
        EndReason::Busy => "busy",
        EndReason::NoAnswer | EndReason::Missed => "no answer",
        EndReason::Gone => "not connected",
        EndReason::Taken => "other device",
        EndReason::Lost => "lost",
        EndReason::Failed => "failed",
    }
}

/// What is wrong with the sound, in a sentence without its end; none when nothing is.
pub fn trouble(what: &str, half: &HalfState) -> Option<String> {
    match half {
        HalfState::Failed { why } => Some(format!("No {what}: {why}")),
        HalfState::Open { .. } | HalfState::Absent { .. } | HalfState::Closed => None,
    }
}

/// What becomes of a call whose microphone or speaker failed, by how the other half is.
pub fn goes_on(other: &HalfState) -> &'static str {
    match other {
        HalfState::Failed { .. } => "The call goes on, in silence until one works",
        HalfState::Open { .. } | HalfState::Absent { .. } | HalfState::Closed => {
            "The call goes on with the other half"
        }
    }
}

/// Which device is used in the place of the chosen one, in a sentence without its end; none when the chosen one is.
pub fn stand_in(what: &str, half: &HalfState) -> Option<String> {
    match half {
        HalfState::Open { wanted: Some(wanted), name, .. } => {
            Some(format!("The {what} {wanted} is not there: {name} is used instead"))
        }
        HalfState::Absent { wanted, instead: Some(instead) } => {
            Some(format!("The {what} {wanted} is not there: a call would use {instead}"))
        }
        HalfState::Absent { wanted, instead: None } => {
            Some(format!("The {what} {wanted} is not there, and no other is"))
        }
        HalfState::Open { wanted: None, .. } | HalfState::Closed | HalfState::Failed { .. } => None,
    }
}

/// `03:12`, or `1:03:12` from an hour on.
pub fn clock(time: Duration) -> String {
    let secs = time.as_secs();
    let (hours, minutes, seconds) = (secs / 3600, secs / 60 % 60, secs % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::END_REASONS;

    #[test]
    fn a_device_in_the_place_of_another_is_named_with_it() {
        let name = proto::Safe::line;
        let open = |wanted| HalfState::Open { name: name("Built-in"), opened_in: Duration::ZERO, wanted };
        let absent = |instead| HalfState::Absent { wanted: name("USB"), instead };
        for (half, words) in [
            (open(None), None),
            (open(Some(name("USB"))), Some("The speaker USB is not there: Built-in is used instead")),
            (absent(Some(name("Built-in"))), Some("The speaker USB is not there: a call would use Built-in")),
            (absent(None), Some("The speaker USB is not there, and no other is")),
            (HalfState::Closed, None),
        ] {
            assert_eq!(stand_in("speaker", &half).as_deref(), words);
        }
    }

    const BOB: Whom<'_> = Whom { names: "bob", many: false, texts: true };
    const BOTH: Whom<'_> = Whom { names: "bob and carol", many: true, texts: true };

    #[test]
    fn nobody_is_sent_to_write_to_a_guest() {
        for reason in END_REASONS {
            let words = ended(Whom { names: "~gina", many: false, texts: false }, reason, None);
            assert!(words.contains("~gina") && !words.contains("essage"), "{words}");
        }
        for reason in [EndReason::Declined, EndReason::Busy, EndReason::NoAnswer, EndReason::Gone] {
            assert!(ended(BOB, reason, None).contains("rite a message"), "{reason:?}");
        }
    }

    #[test]
    fn every_end_names_the_person() {
        for reason in END_REASONS {
            assert!(ended(BOB, reason, None).contains("bob"), "{reason:?}");
            assert!(ended(BOTH, reason, None).contains("bob and carol"), "{reason:?}");
            assert!(parted("bob", reason).contains("bob"), "{reason:?}");
        }
        let talked = ended(BOB, EndReason::TheyHungUp, Some(Duration::from_secs(3 * 60 + 12)));
        assert_eq!(talked, "bob hung up. You talked 03:12.");
        let slept = ended(BOB, EndReason::Asleep(Duration::from_secs(130)), Some(Duration::from_secs(192)));
        let wanted = "tincan was asleep or stopped for 02:10, so the call with bob ended. Call again with c.";
        assert_eq!(slept, wanted);
        let busy = ended(BOTH, EndReason::Busy, None);
        assert!(busy.starts_with("bob and carol are in other calls."), "{busy}");
    }

    #[test]
    fn names_are_listed_as_people_do() {
        let names = |list: &str| list.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(among(&[], 3), "");
        assert_eq!(among(&names("bob"), 3), "bob");
        assert_eq!(among(&names("bob carol"), 3), "bob and carol");
        assert_eq!(among(&names("bob carol dave"), 3), "bob, carol and dave");
        assert_eq!(among(&names("bob carol dave erin"), 3), "bob, carol and 2 others");
        assert_eq!(among(&names("bob carol dave"), 2), "bob and 2 others");
    }

    #[test]
    fn a_note_says_who_else_was_there() {
        let minute = Some(Duration::from_secs(60));
        assert_eq!(ended_note(EndReason::TheyHungUp, minute, None, ""), "call, 01:00");
        assert_eq!(ended_note(EndReason::TheyHungUp, minute, None, "dave"), "group call, 01:00, with dave");
        assert_eq!(ended_note(EndReason::Missed, None, Some("good"), "dave"), "missed group call, with dave");
        let how = Some("good (MOS 4.2), no loss");
        let said = ended_note(EndReason::Lost, minute, how, "dave");
        assert_eq!(said, "group call, 01:00, lost, good (MOS 4.2), no loss, with dave");
    }
}
