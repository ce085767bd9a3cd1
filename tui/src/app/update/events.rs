//! What the client machine and the agent tell, in the words of the screen.

use proto::Safe;
use proto::client::{Command, ContactInfo, Event, Matter, MessageState};
use proto::id::Name;
use proto::media::{HalfState, SoundEvent, Statistics};
use proto::wire::record::{Standing, Why};

use super::super::call::{self, Call, Phase};
use super::super::chat::{From, Line};
use super::super::echoes;
use super::super::model::{Focus, Link, Model, Stage, Welcome};
use super::super::msg::Effect;
use super::super::notify::What;
use super::super::popup::Popup;
use super::alert::alert;
use super::{adding, calls, notice, people, settings, tools, trust};

pub(super) fn on_client(model: &mut Model, event: Event, effects: &mut Vec<Effect>) {
    model.dirty = true;
    match event {
        Event::Link(state) => {
            model.link = Link::new(state, model.now.mono);
            if model.link != Link::Online {
                adding::unanswered(model);
                model.sound.talk.shut();
            }
            if let (Stage::Welcome(welcome), Link::Online) = (&mut model.stage, model.link) {
                welcome.problem = None;
            }
        }
        Event::ServerKeyUnknown(key) => welcome(model).unknown_key = Some(key),
        Event::ServerKeyChanged { pinned, shown } => model.stage = Stage::Stop { pinned, shown },
        Event::NameWanted => name_wanted(model, effects),
        Event::LoggedIn(name) => logged_in(model, name, effects),
        Event::LoginRefused { text, .. } => login_refused(model, &text),
        Event::Contacts(list) => {
            list.iter().for_each(|contact| people::meet(model, contact));
            let names: Vec<Name> = list.iter().map(|contact| contact.name.clone()).collect();
            people::keep_chosen(model, |model| model.contacts.set_all(list));
            names.iter().for_each(|name| adding::listed(model, name));
        }
        Event::Contact(contact) => {
            people::meet(model, &contact);
            keep_greeting(model, &contact);
            trust::judged(model, &contact);
            let asked = model.asked.take_if(|name| *name == contact.name);
            let name = contact.name.clone();
            people::keep_chosen(model, |model| model.contacts.set(contact));
            adding::listed(model, &name);
            if let Some(name) = asked.filter(|_| model.focus == Focus::List) {
                model.contacts.select(&name);
            }
        }
        Event::Gone(name) => people::keep_chosen(model, |model| model.contacts.remove(&name)),
        Event::Request(name) => {
            let what = people::asks(model, &name);
            notice(model, format!("{} asks to be your contact: {what}", model.shown(&name)));
            alert(model, What::Request, &name, None, effects);
        }
        Event::Greeting { from, text } => {
            // While they wait for an answer their request shows it.
            if model.contacts.get(&from).is_some_and(|contact| contact.standing == Standing::Mutual) {
                note_greeting(model, &from, &text);
            }
        }
        Event::Requested(name) => notice(model, format!("{} has your request.", model.shown(&name))),
        Event::Accepted(name) => {
            let shown = model.shown(&name);
            note(model, &name, format!("{shown} and you are contacts now"));
            let next = next(model, &name);
            notice(model, format!("{shown} and you are contacts now: {next}"));
        }
        Event::Rejected(name) => notice(model, format!("{} dismissed your request.", model.shown(&name))),
        Event::Waiting { to, echo, id } => model.chats.of(&to, &model.contacts).saved(echo, id),
        Event::MessageState { to, id, state } => {
            if let MessageState::Failed(_) = state {
                notice(model, format!("A message to {to} will not be delivered: it is marked in the chat."));
            }
            model.chats.of(&to, &model.contacts).became(id, state);
        }
        Event::Said { from, id, sent, text } => {
            let line = Line { id: Some(id), when: sent, from: From::Them, text };
            said(model, from, line, effects);
        }
        Event::Incoming { from, others, guests, plain } => {
            calls::incoming(model, from.clone(), others, &guests, plain);
            alert(model, What::Call, &from, None, effects);
        }
        Event::Calling { to, plain } => calls::calling(model, to, plain),
        Event::Ringing(name) => calls::ringing(model, &name),
        Event::Joined { who, ssrc, plain } => calls::joined(model, who, ssrc, plain),
        Event::Heard(name) => calls::heard(model, &name),
        Event::Parted { who, reason } => calls::parted(model, &who, reason),
        Event::Ended { with, reason } => calls::ended(model, with, reason, effects),
        Event::PlainUnconfirmed(names) => calls::plain_unconfirmed(model, names),
        Event::Invite(link) => adding::link_made(model, link),
        Event::Refused { of, why, text } => refused(model, &of, why, &text),
        Event::IdentityChanged(name) => trust::changed(model, &name),
        Event::IdentityAccepted { name, old, new } => trust::accepted(model, &name, &old, new),
        Event::Compared { who, compared } => trust::compared(model, &who, compared),
        Event::Banned(list) => trust::banned(model, list),
    }
}

pub(super) fn on_sound(model: &mut Model, event: SoundEvent) {
    match event {
        SoundEvent::Microphone(half) => {
            let before = core::mem::replace(&mut model.sound.microphone, half.clone());
            let other = model.sound.speaker.clone();
            let chosen = model.settings.preferences.ears.microphone.clone();
            say_device(model, "microphone", chosen, [&before, &half, &other]);
            model.dirty = true;
        }
        SoundEvent::Speaker(half) => {
            let before = core::mem::replace(&mut model.sound.speaker, half.clone());
            let other = model.sound.microphone.clone();
            let chosen = model.settings.preferences.ears.speaker.clone();
            say_device(model, "speaker", chosen, [&before, &half, &other]);
            model.dirty = true;
        }
        SoundEvent::Tool(event) => tools::told(model, event),
        SoundEvent::Devices(list) => settings::devices(model, list),
        SoundEvent::Member(state) => calls::member(model, state),
        SoundEvent::Refused(why) => notice(model, format!("That cannot be: {why}.")),
        SoundEvent::Processing(processing) => {
            model.sound.processing = Some(processing);
            model.dirty = true;
        }
        SoundEvent::Levels(levels) => {
            // Only a meter that moved a step is worth a frame.
            let still = model.meters_stand_still();
            model.moved |= !still && model.call.as_mut().is_some_and(|call| call.levels(&levels));
        }
        SoundEvent::Statistics(figures) => {
            say_echoes(model, &figures);
            if let Some(call) = &mut model.call {
                model.moved |= call.measured(figures);
            }
        }
    }
}

/// Whose voice comes back, once when it begins; the page of the call shows it all the time.
fn say_echoes(model: &mut Model, figures: &Statistics) {
    for news in model.sound.echoes.news(figures) {
        let Some(call) = &model.call else { return };
        let who = call.parties.iter().find(|party| party.ssrc() == Some(news.ssrc));
        let who = who.map(|party| party.name.clone()).filter(|name| name.as_str() != echoes::FRIEND);
        if let Some(who) = who.filter(|_| news.heard && !model.on_call_page()) {
            notice(model, capital(&news.words(&who)));
        }
    }
}

/// As a sentence of its own.
fn capital(words: &str) -> String {
    let mut chars = words.chars();
    // A name stays as it is written.
    let first = chars.next().filter(|_| words.starts_with("your"));
    first.map_or_else(|| format!("{words}."), |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

/// What is wrong with a half of the sound, that it is not any more, and that it is another than before and not the one
/// that was `chosen` by its name: none of it may be missed, nor stand there longer than it is true.
fn say_device(model: &mut Model, what: &str, chosen: Option<String>, [before, half, other]: [&HalfState; 3]) {
    let chosen = chosen.unwrap_or_else(|| model.settings.preferences.ears.device.clone());
    let amiss = |half| call::trouble(what, half).or_else(|| call::stand_in(what, half));
    if let Some(words) = call::trouble(what, half) {
        notice(model, format!("{words}. {}.", call::goes_on(other)));
    } else if let Some(words) = call::stand_in(what, half) {
        notice(model, format!("{words}."));
    } else if let (Some(_), Some(name)) = (amiss(before), call::device(half)) {
        notice(model, format!("The {what} is {name} again."));
    } else if let (Some(last), Some(name)) = (call::device(before), call::device(half))
        && last != name
        && name.as_str() != chosen
    {
        notice(model, format!("The {what} is {name} now."));
    }
}

/// The connection failed. The title counts down to the next try; why is said once.
pub(super) fn trouble(model: &mut Model, why: Safe) {
    let words = why.to_string();
    if let Stage::Welcome(welcome) = &mut model.stage {
        // A server hangs up on whoever has no name yet after a while, and is there again when a name is given. That
        // it cannot be reached at all is another matter.
        if model.link != Link::Online {
            welcome.problem = Some(words);
            model.dirty = true;
        }
    } else if model.trouble.as_ref() != Some(&words) {
        notice(model, words.clone());
        model.trouble = Some(words);
    }
}

/// The first-run screen, opened if it is not: a server that forgot us asks again.
fn welcome(model: &mut Model) -> &mut Welcome {
    if !matches!(model.stage, Stage::Welcome(_)) {
        let known = model.name.as_ref().map_or(model.settings.proposed.as_str(), Name::as_str);
        model.stage = Stage::Welcome(Welcome { first: false, ..Welcome::new(known) });
    }
    let Stage::Welcome(welcome) = &mut model.stage else { unreachable!("it was set above") };
    welcome
}

fn name_wanted(model: &mut Model, effects: &mut Vec<Effect>) {
    let welcome = welcome(model);
    welcome.name_wanted = true;
    if let Some(name) = welcome.chosen.clone() {
        effects.push(Effect::Send(Command::Join(name)));
    }
}

fn logged_in(model: &mut Model, name: Name, effects: &mut Vec<Effect>) {
    model.link = Link::Online;
    model.name = Some(name);
    match core::mem::replace(&mut model.stage, Stage::Main) {
        Stage::Welcome(welcome) if welcome.first => settings::first(model, effects),
        Stage::Welcome(_) => settings::welcome(model),
        Stage::Main | Stage::Stop { .. } => {}
    }
    if model.trouble.take().is_some() {
        notice(model, "The server is back.");
    }
}

fn login_refused(model: &mut Model, text: &Safe) {
    let welcome = welcome(model);
    welcome.problem = Some(text.to_string());
    welcome.chosen = None;
    welcome.name_wanted = true;
}

fn refused(model: &mut Model, of: &Matter, why: Why, text: &Safe) {
    if adding::refused(model, of, text.as_str()) {
        return;
    }
    match of {
        Matter::Invite => {
            if let Some(Popup::Add(add)) = model.popups.last_mut() {
                add.link_wanted = false;
                add.problem = Some(text.to_string());
                return;
            }
        }
        Matter::Call => {
            // The machine says what it calls as soon as it is asked: a refusal before that is of the call.
            let wanted = |call: &mut Call| matches!(call.phase, Phase::Placing { wanted: true, .. });
            model.call.take_if(wanted);
        }
        Matter::Text { to, echo } => model.chats.of(to, &model.contacts).refused(*echo, why),
        // Who waits to be let in reads it where they wait; it is tried again.
        Matter::Login => {
            if let Stage::Welcome(welcome) = &mut model.stage {
                welcome.problem = Some(text.to_string());
                return;
            }
        }
        Matter::Ban(_) => model.deciding.ban = None,
        Matter::Unban(_) => model.deciding.unban = None,
        Matter::Contact(_) | Matter::Greeting(_) | Matter::Redeem | Matter::Words(_) => {}
    }
    notice(model, text.as_str());
}

/// What the keys would do now. They act on the selection, which must not move under somebody's finger.
pub(super) fn next(model: &Model, name: &Name) -> &'static str {
    let chosen = model.contacts.selected().is_some_and(|contact| contact.name == *name);
    if chosen { model.next_keys(name) } else { "choose them with j and k." }
}

pub(super) fn note(model: &mut Model, name: &Name, text: String) {
    let line = Line { id: None, when: model.now.wall, from: From::Note, text: Safe::line(&text) };
    model.chats.of(name, &model.contacts).push(line);
}

/// What somebody said with their request opens the chat with them.
fn keep_greeting(model: &mut Model, contact: &ContactInfo) {
    let before = model.contacts.get(&contact.name).and_then(|before| before.greeting.as_ref());
    if let Some(text) = before.filter(|_| contact.standing == Standing::Mutual).cloned() {
        note_greeting(model, &contact.name, &text);
    }
}

fn note_greeting(model: &mut Model, from: &Name, text: &Safe) {
    let words = format!("with the request: {text}");
    let text = Safe::words(&words, words.len());
    let line = Line { id: None, when: model.now.wall, from: From::Note, text };
    model.chats.of(from, &model.contacts).push(line);
}

fn said(model: &mut Model, from: Name, line: Line, effects: &mut Vec<Effect>) {
    alert(model, What::Message, &from, Some(&line.text), effects);
    let chat = model.chats.of(&from, &model.contacts);
    if !line.id.is_some_and(|id| chat.has(id)) {
        chat.push(line);
    }
    chat.unread += 1;
}
