//! What happened, in one line each. Read before the model takes it: what was is still there.

use proto::Safe;
use proto::client::{Command, ContactInfo, Event, LinkState, Matter, MessageState};
use proto::id::Name;
use proto::media::{DeviceList, HalfState, SoundEvent, Statistics, TapeState, ToolEvent};
use proto::wire::record::{Presence, Standing, Why};

use super::{Prose, Question, ending, people, status};
use crate::app::Effect;
use crate::app::call::{self, Call, Phase};
use crate::app::chat::{From, Line};
use crate::app::echoes;
use crate::app::model::Link;
use crate::app::tools::who_is_told;
use crate::app::trust::trust_anew;

/// Names in a sentence; of more, only how many.
pub(super) const NAMES_SAID: usize = 5;

pub(super) fn client(prose: &mut Prose, event: &Event) -> Vec<Effect> {
    let answered = prose.awaited.answered(event);
    let shown = |name: &Name| prose.model.shown(name);
    match event {
        Event::Link(state) => link(prose, *state),
        Event::ServerKeyUnknown(key) => {
            prose.say(format!("The server shows the key {}, which nobody vouched for.", key.openssh()));
            prose.say("Compare it with what the server's operator tells you. Type yes to trust it from now on, or no.");
            prose.question = Some(Question::Trust(*key));
        }
        Event::ServerKeyChanged { pinned, shown } => {
            prose.say(format!(
                "STOP, the server shows the key {}, but {} is pinned.",
                shown.openssh(),
                pinned.openssh()
            ));
            prose.say(format!(
                "Nothing was sent. Ask its operator which key is right. {}",
                trust_anew(*shown)
            ));
        }
        Event::NameWanted => return name_wanted(prose),
        Event::LoggedIn(name) => logged_in(prose, name),
        Event::LoginRefused { text, .. } => {
            prose.say(format!("The server does not let you in: {text}"));
            // A refused name is not asked for anew by the server: another one is tried, or the program ended.
            prose.named = None;
            return name_wanted(prose);
        }
        Event::Contacts(list) => contacts(prose, list),
        Event::Contact(contact) => {
            people::judged(prose, contact);
            presence(prose, contact);
        }
        Event::Gone(name) => {
            if prose.model.contacts.get(name).is_some_and(|contact| contact.standing == Standing::Mutual) {
                prose.say(format!("{} is no contact of yours any more.", shown(name)));
            }
        }
        Event::Request(name) => {
            prose.say(format!(
                "{} asks to be your contact: type /accept {name}, or /reject {name}.",
                shown(name)
            ));
        }
        Event::Greeting { from, text } => prose.say(format!("{} says with the request: {text}", shown(from))),
        Event::Requested(name) => prose.say(format!("{} has your request.", shown(name))),
        Event::Accepted(name) => {
            let next = format!("/call {name} calls, /to {name} writes");
            prose.say(format!("{} and you are contacts now: {next}.", shown(name)));
        }
        Event::Rejected(name) => prose.say(format!("{} dismissed your request.", shown(name))),
        Event::Waiting { to, .. } => waiting(prose, to),
        Event::MessageState { to, state, .. } => message_state(prose, to, state),
        Event::Said { from, text, .. } => {
            said(prose, from, text);
            return read(prose, from, 0);
        }
        Event::Incoming { from, others, guests, plain } => incoming(prose, from, others, guests, *plain),
        Event::Calling { to, .. } => {
            let names = prose.model.among(&to.iter().collect::<Vec<_>>(), NAMES_SAID);
            prose.say(format!("Calling {names}. /hangup stops."));
        }
        Event::Ringing(name) => prose.say(format!("It rings at {}.", shown(name))),
        Event::Joined { who, plain, .. } => joined(prose, who, *plain),
        Event::Heard(name) => prose.say(format!("You hear {}.", shown(name))),
        Event::Parted { who, reason } => {
            // Who else declined a call that only rings here is nobody's news.
            let ours = |call: &Call| !matches!(call.phase, Phase::Incoming(_)) && call.is_group();
            if prose.model.call.as_ref().is_some_and(ours) {
                prose.say(call::parted(&prose.model.shown(who), *reason));
            }
        }
        Event::Ended { with, reason } => prose.say(ending::ended(&prose.model, with, *reason)),
        Event::PlainUnconfirmed(_) => {}
        Event::Invite(link) => prose.say(format!("Your link, good for 6 days, for whoever has it: {link}")),
        Event::Refused { of: Matter::Login, why: Why::TooFast | Why::Internal, text } => waits(prose, text),
        Event::Refused { text, .. } => prose.say(format!("It was refused: {text}")),
        Event::IdentityChanged(name) => {
            prose.say(format!("WARNING, the key behind {name} is another one. Nothing is sent to them."));
            prose.say(format!(
                "/verify {name} says both keys. Ask {name} in another way; then /accept-key or /remove."
            ));
        }
        Event::IdentityAccepted { name, .. } => {
            prose.say(format!("The new key is {name}'s now. It is not verified: /verify {name} compares."));
        }
        Event::Compared { who, compared } => people::compared(prose, who, *compared),
        Event::Banned(list) => people::banned(prose, list, answered),
    }
    Vec::new()
}

fn link(prose: &mut Prose, state: LinkState) {
    let was_up = prose.model.link == Link::Online && prose.model.name.is_some();
    if let (LinkState::Away { .. }, true) = (state, was_up) {
        prose.say("The connection to the server is lost. It is tried again until it is there.");
    }
}

fn name_wanted(prose: &mut Prose) -> Vec<Effect> {
    if let Some(name) = prose.named.take() {
        return vec![Effect::Send(Command::Join(name))];
    }
    let proposed = prose.proposed();
    let enter = if proposed.is_empty() { String::new() } else { format!(" An empty line takes {proposed}.") };
    prose.say(format!(
        "The server {} does not know you yet. Which name do you want there?{enter}",
        prose.model.settings.server
    ));
    prose.question = Some(Question::Name);
    Vec::new()
}

fn logged_in(prose: &mut Prose, name: &Name) {
    if core::mem::replace(&mut prose.said.welcome, true) {
        prose.said.trouble = None;
        return prose.say("The server is back.");
    }
    prose.say(format!("You are {name} at {}.", prose.model.settings.server));
}

/// The server does not let us in yet, and is asked again: said once for every reason.
fn waits(prose: &mut Prose, why: &Safe) {
    if prose.said.trouble.replace(why.clone()).as_ref() != Some(why) {
        prose.say(format!("The server does not let you in yet: {why}. It is asked again."));
    }
}

/// The list, once: from then on only changes are said.
fn contacts(prose: &mut Prose, list: &[ContactInfo]) {
    if core::mem::replace(&mut prose.said.contacts, true) {
        return;
    }
    status::contacts(prose, list);
    for contact in list {
        let before = prose.unread.iter().position(|(who, _)| *who == contact.principal);
        if let Some((_, count)) = before.map(|at| prose.unread.swap_remove(at)) {
            prose.unshown.insert(contact.name.clone(), count);
            let (name, texts) = (&contact.name, if count == 1 { "text" } else { "texts" });
            let who = prose.model.shown(name);
            prose.say(format!(
                "{who} wrote {count} {texts} that you have not read: /to {name}, then /history {count}."
            ));
        }
    }
}

fn presence(prose: &mut Prose, new: &ContactInfo) {
    if new.standing != Standing::Mutual {
        return;
    }
    let offline = |contact: &ContactInfo| contact.presence == Presence::Offline;
    let before = prose.model.contacts.get(&new.name).filter(|old| old.standing == Standing::Mutual);
    let name = prose.model.shown(&new.name);
    let Some(before) = before.map(offline) else {
        let asked = prose.model.contacts.get(&new.name).is_some_and(|old| old.standing == Standing::Asking);
        if asked {
            prose.say(format!("{name} is your contact now: /call {} calls them.", new.name));
        }
        return;
    };
    match (before, offline(new)) {
        (true, false) => prose.say(format!("{name} is online.")),
        (false, true) => prose.say(format!("{name} is offline.")),
        (true, true) | (false, false) => {}
    }
}

fn waiting(prose: &mut Prose, to: &Name) {
    let away = prose.model.contacts.get(to).is_none_or(|contact| contact.presence == Presence::Offline);
    if away && !core::mem::replace(&mut prose.said.waiting, true) {
        prose.say(format!("{to} is not connected: what you write waits for them."));
    }
}

fn message_state(prose: &mut Prose, to: &Name, state: &MessageState) {
    match state {
        MessageState::Waiting => {}
        MessageState::Delivered => {
            if core::mem::take(&mut prose.said.waiting) {
                prose.say(format!("{to} has what waited for them."));
            }
        }
        MessageState::Failed(_) => prose.say(format!("A text to {to} will not be delivered.")),
    }
}

/// Each line of a text begins with who wrote it, so that no text can pass for a word of the program.
fn said(prose: &mut Prose, from: &Name, text: &Safe) {
    let who = prose.model.shown(from);
    for line in text.as_str().lines() {
        prose.say(format!("{who}: {line}"));
    }
}

fn incoming(prose: &mut Prose, from: &Name, others: &[Name], guests: &[Name], plain: bool) {
    let model = &prose.model;
    let shown = |name: &&Name| {
        if guests.contains(name) { format!("~{name}") } else { model.shown(name) }
    };
    let others: Vec<String> =
        others.iter().filter(|name| model.name.as_ref() != Some(name)).map(|name| shown(&name)).collect();
    let with = match others.len() {
        0 => String::new(),
        _ => format!(", with {},", call::among(&others, NAMES_SAID)),
    };
    let how = if plain { ", NOT encrypted" } else { "" };
    let who = shown(&from);
    prose.say(format!("{who}{with} is calling{how}: type /answer, or /decline."));
}

fn joined(prose: &mut Prose, who: &Name, plain: bool) {
    let late = prose.model.call.as_ref().is_some_and(|call| matches!(call.phase, Phase::Live { .. }));
    let name = prose.model.shown(who);
    if late {
        prose.say(format!("{name} is in the call now."));
        if plain && prose.model.tools.recording && prose.model.cannot_see_recording(who) {
            prose.say(format!("{name} cannot see that you record: tell them."));
        }
        return;
    }
    let how = if plain { "NOT encrypted" } else { "end-to-end encrypted" };
    let heard = match (prose.model.sound.muted, prose.model.sound.talk.keeps_silent()) {
        (true, _) => "You are muted: /mute opens the microphone",
        (false, true) => "You are silent: /talk opens the microphone",
        (false, false) => "You are heard",
    };
    prose.say(format!("In the call with {name}, {how}. {heard}; /hangup ends it."));
}

pub(super) fn sound(prose: &mut Prose, event: &SoundEvent) {
    match event {
        SoundEvent::Microphone(half) => device(prose, "microphone", half),
        SoundEvent::Speaker(half) => device(prose, "speaker", half),
        SoundEvent::Devices(list) => {
            prose.awaited.devices_came();
            devices(prose, list);
        }
        SoundEvent::Statistics(figures) => echoes(prose, figures),
        SoundEvent::Member(state) => {
            let Some(party) = prose.model.call.as_ref().and_then(|call| call.speaker(state.ssrc)) else {
                return;
            };
            let name = prose.model.shown(&party.name);
            let (muted, recording, on_hold) = (party.muted, party.recording, party.on_hold);
            if on_hold != state.on_hold {
                prose.say(format!("{name} is {}.", if state.on_hold { "on hold" } else { "back" }));
            }
            if muted != state.muted {
                prose.say(format!("{name} is {}.", if state.muted { "muted" } else { "not muted any more" }));
            }
            if recording != state.recording {
                let does = if state.recording { "records this call" } else { "stopped recording" };
                prose.say(format!("{name} {does}."));
            }
        }
        SoundEvent::Tool(event) => tool(prose, event),
        SoundEvent::Refused(why) => prose.say(format!("That cannot be: {why}.")),
        SoundEvent::Levels(_) | SoundEvent::Processing(_) => {}
    }
}

/// A device is named when it is another than the last time, or fails.
fn device(prose: &mut Prose, what: &str, half: &HalfState) {
    let sound = &prose.model.sound;
    let (said, other) = match what {
        "microphone" => (&mut prose.said.microphone, &sound.speaker),
        _ => (&mut prose.said.speaker, &sound.microphone),
    };
    match half {
        HalfState::Closed => {}
        HalfState::Open { wanted: None, name, .. } => {
            if said.replace(name.clone()).as_ref() != Some(name) {
                prose.say(format!("The {what} is {name}."));
            }
        }
        HalfState::Open { wanted: Some(_), .. } | HalfState::Absent { .. } => {
            *said = call::device(half).cloned();
            call::stand_in(what, half).into_iter().for_each(|words| prose.say(format!("{words}.")));
        }
        HalfState::Failed { why } => {
            *said = None;
            let goes_on = call::goes_on(other);
            prose.say(format!("There is no {what}: {why}. {goes_on}; /devices lists what there is."));
        }
    }
}

fn devices(prose: &mut Prose, list: &DeviceList) {
    for (what, names) in [("microphone", &list.microphones), ("speaker", &list.speakers)] {
        if names.is_empty() {
            prose.say(format!("There is no {what} to choose."));
        }
        for (at, name) in names.iter().enumerate() {
            prose.say(format!("{what} {}: {name}", at + 1));
        }
    }
    prose.say("/microphone and /speaker take a number, a part of a name, or default.");
    prose.devices = list.clone();
}

/// Whose voice comes back, once when it begins. The model keeps its own count of it.
fn echoes(prose: &mut Prose, figures: &Statistics) {
    let mut known = prose.model.sound.echoes.clone();
    for news in known.news(figures) {
        let who = prose
            .model
            .call
            .as_ref()
            .and_then(|call| call.speaker(news.ssrc))
            .map(|party| party.name.clone());
        if let Some(who) = who.filter(|name| news.heard && name.as_str() != echoes::FRIEND) {
            prose.say(format!("Echo, {}.", news.words(&who)));
        }
    }
}

fn tool(prose: &mut Prose, event: &ToolEvent) {
    match event {
        ToolEvent::SayingAgain(true) => {
            prose.say("The last ten seconds, once more. /again stops; the call goes on softly.");
        }
        ToolEvent::SayingAgain(false) => {
            let words =
                if prose.model.tools.saying_again { "Back in the call." } else { "Nothing was heard yet." };
            prose.say(words);
        }
        ToolEvent::Recording(TapeState::On(path)) => {
            let plain = prose.model.call.as_ref().is_some_and(|call| call.plain);
            prose.say(format!("You record into {path}. {}", who_is_told(plain)));
        }
        ToolEvent::Recording(TapeState::Off { path, lost: 0 }) => prose.say(format!("Recorded into {path}.")),
        ToolEvent::Recording(TapeState::Off { path, lost }) => {
            let seconds = *lost as f64 / 48_000.0;
            prose.say(format!("Recorded, but {seconds:.1} s that a slow disk lost: {path}"));
        }
        ToolEvent::Recording(TapeState::Failed(why)) => {
            let goes_on = if prose.model.call.is_some() { " The call goes on." } else { "" };
            prose.say(format!("{why}.{goes_on}"));
        }
        ToolEvent::InputEnded
        | ToolEvent::InputFailed(_)
        | ToolEvent::OutputBehind(_)
        | ToolEvent::OutputFailed { .. } => {}
    }
}

/// The connection failed: why, once.
pub(super) fn trouble(prose: &mut Prose, why: &Safe) {
    if prose.said.trouble.replace(why.clone()).as_ref() != Some(why) {
        prose.say(format!("No connection: {why}."));
    }
}

pub(super) fn volume(prose: &mut Prose, who: &Name, percent: u16) {
    if percent != 100 {
        prose.say(format!("{} is played at {percent} %, as the last time.", prose.model.shown(who)));
    }
}

/// The newest older lines of a chat, when they were asked for.
pub(super) fn history(prose: &mut Prose, who: &Name, lines: &[Line]) -> Vec<Effect> {
    let Some((_, most)) = prose.history.take_if(|(wanted, _)| wanted == who) else { return Vec::new() };
    let from = lines.len().saturating_sub(most);
    show(prose, who, &lines[from..])
}

/// Says lines of a chat.
pub(super) fn show(prose: &mut Prose, who: &Name, lines: &[Line]) -> Vec<Effect> {
    status::chat(prose, who, lines.iter());
    read(prose, who, lines.iter().filter(|line| line.from == From::Them).count())
}

/// So many of their texts were said: all is read when these are all that were announced.
fn read(prose: &mut Prose, who: &Name, count: usize) -> Vec<Effect> {
    if prose.unshown.get(who).is_some_and(|unshown| count < *unshown) {
        return Vec::new();
    }
    prose.unshown.remove(who);
    vec![Effect::Read(who.clone())]
}
