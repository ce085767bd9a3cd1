//! Who plays in the demonstration, what was written before it, and what they answer.

use proto::client::{ContactInfo, MessageState};
use proto::id::{Fingerprint, MsgId, Name, Principal};
use proto::wire::record::{Presence, Standing};
use proto::{Safe, Wall};

use crate::app::chat::{From, Line, Sent};

/// Somebody of the demonstration.
pub(super) struct Person {
    name: &'static str,
    presence: Presence,
    /// What was written with them: minutes before now, whether by us, and what.
    past: &'static [(u64, bool, &'static str)],
    /// What they answer to texts, in turn.
    answers: &'static [&'static str],
}

/// What whoever asks says with it.
pub(super) const GREETING: &str = "it is Grace from the harbour office, Bob gave me your name";

/// Everybody.
const CAST: [Person; 7] = [
    Person {
        name: "bob",
        presence: Presence::Online,
        past: &[
            (30, false, "morning! did the relay survive the night?"),
            (29, true, "yes, 0 restarts. 41 MB resident with 2000 clients"),
            (29, false, "nice. can we talk through the group call loss at half past?"),
            (27, true, "sure"),
            (27, false, "日本語も大丈夫? (wide characters line up)"),
            (26, true, "wide is fine, and cafe\u{301} with a combining accent too: café"),
            (3, false, "https://example.org/notes/jitter-buffer"),
        ],
        answers: &["give me a minute", "agreed", "shall we just talk? c calls me", "ha, yes"],
    },
    Person {
        name: "carol",
        presence: Presence::Online,
        past: &[
            (190, false, "the harbour is frozen, bring the good shoes"),
            (188, true, "the ones with the nails?"),
            (187, false, "those 👍"),
        ],
        answers: &["good", "I will be there at eight", "bring bob, too"],
    },
    Person {
        name: "dave",
        presence: Presence::Online,
        past: &[(55, false, "on the train, so do not mind my line")],
        answers: &["tunnel, one moment", "back again"],
    },
    Person {
        name: "erin",
        presence: Presence::Online,
        past: &[(1500, true, "slides are in the usual place"), (1490, false, "thanks!")],
        answers: &["looking at it"],
    },
    Person {
        name: "leila",
        presence: Presence::InCall,
        past: &[(75, false, "مرحبا، هل نتحدث الليلة؟"), (74, true, "yes, after dinner")],
        answers: &["حسنا"],
    },
    Person {
        name: "frank",
        presence: Presence::Offline,
        past: &[(4400, false, "off to the hills")],
        answers: &[],
    },
    Person { name: "zoe", presence: Presence::Offline, past: &[], answers: &[] },
];

/// Who asks to be a contact while the demonstration goes on, and who calls.
pub(super) const STRANGER: &str = "grace";
pub(super) const CALLER: &str = "carol";

/// A guest of a plain door, whose program does not encrypt.
pub(super) const GUEST: &str = "gina";

/// A name of the script.
pub(super) fn name(text: &str) -> Name {
    Name::parse(text).expect("the script's names are names")
}

/// The list as it begins.
pub(super) fn contacts() -> Vec<ContactInfo> {
    let known = CAST.iter().map(|person| info(&name(person.name), Standing::Mutual, person.presence));
    let principal = Principal::Guest(name(GUEST));
    let guest = ContactInfo { principal, ..info(&name(GUEST), Standing::Mutual, Presence::Online) };
    known.chain([guest]).collect()
}

/// A contact of the demonstration; the key is made of the name.
pub(super) fn info(who: &Name, standing: Standing, presence: Presence) -> ContactInfo {
    let mut key = [0x5a; 32];
    for (byte, letter) in key.iter_mut().zip(who.as_str().bytes()) {
        *byte = letter;
    }
    let principal = Principal::Key(Fingerprint(key));
    ContactInfo::new(who.clone(), principal, standing, presence)
}

fn person(who: &Name) -> Option<&'static Person> {
    CAST.iter().find(|person| person.name == who.as_str())
}

/// What was written with `who` before `now`.
pub(super) fn past(who: &Name, now: Wall, said: impl Fn(&str) -> Safe) -> Vec<Line> {
    let lines = person(who).map_or(&[][..], |person| person.past);
    let line = |(at, (before, mine, text)): (usize, &(u64, bool, &str))| {
        let state = MessageState::Delivered;
        let from = if *mine { From::Me(Sent { echo: None, state }) } else { From::Them };
        let when = Wall(now.0.saturating_sub(before * 60_000));
        Line { id: Some(MsgId([u8::try_from(at).unwrap_or(u8::MAX); 16])), when, from, text: said(text) }
    };
    lines.iter().enumerate().map(line).collect()
}

/// Their `turn`-th answer; none from those who do not write.
pub(super) fn answer(who: &Name, turn: usize) -> Option<&'static str> {
    let answers = person(who).map_or(&["hello!"][..], |person| person.answers);
    answers.get(turn % answers.len().max(1)).copied()
}
