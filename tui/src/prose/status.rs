//! How things are, when somebody asks.

use jiff::Timestamp;
use proto::client::{ContactInfo, MessageState};
use proto::id::Name;
use proto::media::{HalfState, Path};
use proto::wire::record::{Presence, Standing};

use super::Prose;
use super::told::NAMES_SAID;
use crate::app::Model;
use crate::app::call::{self, Call, Phase, figures::Steady};
use crate::app::chat::{From, Line};
use crate::app::model::Link;

/// Who is there at the start, in one line, and who asks.
pub(super) fn contacts(prose: &mut Prose, list: &[ContactInfo]) {
    let names = |wanted: &dyn Fn(&ContactInfo) -> bool| {
        list.iter().filter(|one| wanted(one)).map(|one| prose.model.shown(&one.name)).collect::<Vec<_>>()
    };
    let mutual = names(&|one| one.standing == Standing::Mutual);
    let there = names(&|one| one.standing == Standing::Mutual && one.presence != Presence::Offline);
    let asking = names(&|one| one.standing == Standing::Asking);
    prose.say(match (mutual.len(), there.len()) {
        (0, _) => "You have no contacts yet: /add NAME asks somebody.".to_owned(),
        (all, 0) => format!("{}, nobody online.", counted(all, "contact")),
        (all, _) => format!("{}, online: {}.", counted(all, "contact"), call::among(&there, NAMES_SAID)),
    });
    for name in asking {
        prose.say(format!("{name} asks to be your contact: type /accept {name}, or /reject {name}."));
    }
}

/// Who asks and what they say, one a line.
pub(super) fn requests(prose: &mut Prose) {
    let one = |contact: &&ContactInfo| {
        let (shown, name) = (prose.model.shown(&contact.name), &contact.name);
        let says = contact.greeting.as_ref().map(|text| format!(" They say: {text}")).unwrap_or_default();
        format!("{shown} asks to be your contact: type /accept {name}, or /reject {name}.{says}")
    };
    let lines: Vec<String> = prose.model.contacts.requests().iter().map(one).collect();
    if lines.is_empty() {
        prose.say("Nobody asks to be your contact.");
    }
    lines.into_iter().for_each(|line| prose.say(line));
}

/// Everybody, one a line.
pub(super) fn everybody(prose: &mut Prose) {
    let one = |contact: &&ContactInfo| {
        let name = prose.model.shown(&contact.name);
        let how = match (contact.standing, contact.presence) {
            _ if contact.blocked => "BLOCKED, the key has changed",
            (Standing::Asking, _) => "asks to be your contact",
            (Standing::None | Standing::Asked, _) => "was asked",
            (Standing::Mutual, Presence::Online) => "online",
            (Standing::Mutual, Presence::InCall) => "in a call",
            (Standing::Mutual, Presence::Offline) => "offline",
        };
        format!("{name}, {how}")
    };
    let contacts = &prose.model.contacts;
    let lines: Vec<String> =
        contacts.contacts().iter().map(one).chain(contacts.requests().iter().map(one)).collect();
    if lines.is_empty() {
        prose.say("You have no contacts yet: /add NAME asks somebody.");
    }
    lines.into_iter().for_each(|line| prose.say(line));
}

/// Lines of a chat, with their time and who wrote them.
pub(super) fn chat<'a>(prose: &mut Prose, who: &Name, lines: impl Iterator<Item = &'a Line>) {
    let mut none = true;
    for line in lines {
        none = false;
        let at = i64::try_from(line.when.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let at = at.unwrap_or_default().to_zoned(prose.model.settings.zone.clone());
        let (at, text) = (at.strftime("%F %H:%M"), &line.text);
        match &line.from {
            From::Note => prose.say(format!("{at} ({text})")),
            From::Them => prose.say(format!("{at} {}: {text}", prose.model.shown(who))),
            From::Me(sent) => {
                let fate = match sent.state {
                    MessageState::Delivered => "",
                    MessageState::Waiting => " (waits)",
                    MessageState::Failed(_) => " (not delivered)",
                };
                let me = prose.model.name.as_ref().map_or("you", Name::as_str).to_owned();
                prose.say(format!("{at} {me}: {text}{fate}"));
            }
        }
    }
    if none {
        prose.say(format!("Nothing was written with {} yet.", prose.model.shown(who)));
    }
}

/// Everything that the title and the call page of the screen show.
pub(super) fn status(prose: &mut Prose) {
    let model = &prose.model;
    let server = &model.settings.server;
    let link = match model.link {
        Link::Connecting => "connecting",
        Link::Online => "online",
        Link::Away { .. } => "not connected, tried again until it is there",
    };
    let me = model.name.as_ref().map_or_else(|| "Nobody yet".to_owned(), |name| format!("You are {name}"));
    let mut lines = vec![format!("{me} at {server}, {link}.")];
    match &prose.to {
        Some(to) => lines.push(format!("You write to {to}.")),
        None => lines.push("You write to nobody yet: /to NAME.".to_owned()),
    }
    match &model.call {
        None => lines.push("There is no call.".to_owned()),
        Some(call) => lines.extend(of_call(model, call)),
    }
    for (what, half) in [("microphone", &model.sound.microphone), ("speaker", &model.sound.speaker)] {
        match half {
            HalfState::Closed => {}
            HalfState::Open { wanted: None, name, .. } => lines.push(format!("The {what} is {name}.")),
            HalfState::Open { wanted: Some(_), .. } | HalfState::Absent { .. } => {
                lines.extend(call::stand_in(what, half).map(|words| format!("{words}.")));
            }
            HalfState::Failed { why } => lines.push(format!("There is no {what}: {why}.")),
        }
    }
    if model.sound.muted {
        lines.push("You are muted.".to_owned());
    }
    if model.dnd {
        lines.push(model.settings.notify.rings(true).to_owned());
    }
    if model.tools.recording {
        lines.push("You record this call.".to_owned());
    }
    lines.into_iter().for_each(|line| prose.say(line));
}

fn of_call(model: &Model, call: &Call) -> Vec<String> {
    let with = model.with(call, NAMES_SAID);
    let sealed = if call.plain { "NOT encrypted" } else { "end-to-end encrypted" };
    let first = match &call.phase {
        Phase::Incoming(_) => format!("{with} is calling: /answer or /decline."),
        Phase::Answering(_) => format!("You answer the call of {with}."),
        Phase::Placing { .. } if call.rings() => format!("It rings at {with}."),
        Phase::Placing { .. } => format!("Calling {with}."),
        Phase::Live { since } => {
            let lasted = call::clock(model.now.mono - *since);
            format!("In the call with {with} for {lasted}, {sealed}.")
        }
    };
    let mut lines = vec![first];
    lines.extend(figures(call));
    let hop = call.figures.hop;
    let who = hop.member().and_then(|ssrc| call.speaker(ssrc));
    let who = who.map_or_else(|| "somebody".to_owned(), |party| model.shown(&party.name));
    lines.extend(call::blame(hop, &who, call.figures.blamed, call.figures.round_trip.shown()));
    for party in call.parties.iter().filter(|party| party.ssrc().is_some()) {
        let muted = match (party.on_hold, party.muted) {
            (true, _) => ", on hold",
            (false, true) => ", muted",
            (false, false) => "",
        };
        let records = if party.recording { ", records this call" } else { "" };
        let name = model.shown(&party.name);
        lines.push(format!("{name} is in it, played at {} %{muted}{records}.", party.volume));
    }
    lines
}

/// The figures in one line; none before the first.
fn figures(call: &Call) -> Option<String> {
    let statistics = call.statistics.as_ref()?;
    let of = &call.figures;
    let ms = |figure: Steady| figure.shown().map_or_else(|| "not known".to_owned(), |ms| format!("{ms} ms"));
    let share = |figure: Steady| call::percent(figure.shown().unwrap_or(0));
    let quality = of.rating.map_or("not known yet", call::rating);
    let path = match statistics.members.first().and_then(|member| member.path) {
        Some(Path::Relay(_)) => "by the relay",
        Some(Path::Direct(_)) => "direct",
        None => "by a way not known yet",
    };
    Some(format!(
        "Quality {quality}, round trip {}, loss {}, from mouth to ear {}, {path}.",
        ms(of.round_trip),
        share(of.here.lost),
        ms(of.mouth_to_ear),
    ))
}

/// Whether a text of ours is on its way to somebody who is there.
pub(super) fn is_waiting(model: &Model) -> bool {
    model.chats.iter().any(|(name, chat)| {
        let there = model.contacts.get(name).is_some_and(|contact| contact.presence != Presence::Offline);
        let on_its_way = |line: &Line| {
            matches!(&line.from, From::Me(sent) if sent.echo.is_some()
                && sent.state == MessageState::Waiting && (there || line.id.is_none()))
        };
        chat.lines().any(on_its_way)
    })
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
