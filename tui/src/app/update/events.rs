//! What the client machine and the agent tell, in the words of the screen.

use proto::client::{Command, EndReason, Event, MessageState};
use proto::id::Name;
use proto::media::{HalfState, SoundCommand, SoundEvent};
use proto::wire::record::Standing;
use proto::{Safe, Time};

use super::super::call::{self, BELL_EVERY, Call, Incoming, Phase, Reached};
use super::super::chat::{From, Line};
use super::super::model::{Focus, Link, Model, Stage, Welcome};
use super::super::msg::Effect;
use super::super::popup::Popup;
use super::notice;

pub(super) fn on_client(model: &mut Model, event: Event, effects: &mut Vec<Effect>) {
    model.dirty = true;
    match event {
        Event::Link(state) => {
            model.link = Link::new(state, model.now.mono);
            if let (Stage::Welcome(welcome), Link::Online) = (&mut model.stage, model.link) {
                welcome.problem = None;
            }
        }
        Event::ServerKeyUnknown(key) => welcome(model).unknown_key = Some(key),
        Event::ServerKeyChanged { pinned, shown } => model.stage = Stage::Stop { pinned, shown },
        Event::NameWanted => name_wanted(model, effects),
        Event::LoggedIn(name) => logged_in(model, name),
        Event::LoginRefused { text, .. } => login_refused(model, &text),
        Event::Contacts(list) => model.contacts.set_all(list),
        Event::Contact(contact) => {
            let asked = model.asked.take_if(|name| *name == contact.name);
            model.contacts.set(contact);
            if let Some(name) = asked.filter(|_| model.focus == Focus::List) {
                model.contacts.select(&name);
            }
        }
        Event::Gone(name) => model.contacts.remove(&name),
        Event::Request(name) => {
            notice(model, format!("{name} asks to be your contact: A accepts, D rejects."));
            effects.push(Effect::Bell);
        }
        Event::Requested(name) => notice(model, format!("{name} has your request.")),
        Event::Accepted(name) => {
            note(model, &name, format!("{name} and you are contacts now"));
            // Keys act on the selection, which must not move under somebody's finger: say what they would do.
            let chosen = model.contacts.selected().is_some_and(|contact| contact.name == name);
            let next = if chosen { "c calls, Enter writes." } else { "choose them with j and k." };
            notice(model, format!("{name} and you are contacts now: {next}"));
        }
        Event::Rejected(name) => notice(model, format!("{name} dismissed your request.")),
        Event::Waiting { to, echo, id } => model.chats.entry(to).or_default().saved(echo, id),
        Event::MessageState { to, id, state } => {
            if let MessageState::Failed(_) = state {
                notice(model, format!("A message to {to} will not be delivered: it is marked in the chat."));
            }
            model.chats.entry(to).or_default().became(id, state);
        }
        Event::Said { from, id, sent, text } => {
            let line = Line { id: Some(id), when: sent, from: From::Them, text };
            said(model, from, line, effects);
        }
        Event::Incoming { from: name, .. } => incoming(model, name),
        Event::Calling { to, .. } => {
            for name in to {
                placed(model, name, Reached::Calling);
            }
        }
        Event::Ringing(name) => placed(model, name, Reached::Ringing),
        Event::Joined { who: with, ssrc } => {
            let phase = Phase::Live { since: model.now.mono, ssrc, heard: false };
            set_phase(model, with, phase);
        }
        Event::Heard(name) => heard(model, &name),
        Event::Ended { with, reason } => {
            for name in with {
                ended(model, &name, reason, effects);
            }
        }
        Event::Parted { .. } | Event::PlainUnconfirmed(_) => {}
        Event::Invite(link) => model.own_link = Some(link),
        Event::Refused { text, .. } => refused(model, &text),
        Event::IdentityChanged(name) => {
            let text = format!(
                "The key behind {name} is another one. Nothing is sent to them until you remove them."
            );
            note(model, &name, text.clone());
            notice(model, text);
        }
    }
}

pub(super) fn on_sound(model: &mut Model, event: SoundEvent) {
    match event {
        SoundEvent::Microphone(half) => {
            say_trouble(model, "microphone", &half);
            model.sound.microphone = half;
            model.dirty = true;
        }
        SoundEvent::Speaker(half) => {
            say_trouble(model, "speaker", &half);
            model.sound.speaker = half;
            model.dirty = true;
        }
        SoundEvent::Devices(_) => {}
        SoundEvent::Levels(levels) => {
            // Only a meter that moved a step is worth a frame.
            model.dirty |= model.call.as_mut().is_some_and(|call| call.levels(&levels));
        }
        SoundEvent::Statistics(figures) => {
            if let Some(call) = &mut model.call {
                call.statistics = Some(figures);
                model.dirty = true;
            }
        }
    }
}

fn say_trouble(model: &mut Model, what: &str, half: &HalfState) {
    if let Some(words) = call::trouble(what, half) {
        notice(model, format!("{words}. The call goes on with the other half."));
    }
}

/// The connection failed. The title counts down to the next try; why is said once.
pub(super) fn trouble(model: &mut Model, why: Safe) {
    let words = why.to_string();
    if let Stage::Welcome(welcome) = &mut model.stage {
        welcome.problem = Some(words);
        model.dirty = true;
    } else if model.trouble.as_ref() != Some(&words) {
        notice(model, words.clone());
        model.trouble = Some(words);
    }
}

/// The first-run screen, opened if it is not: a server that forgot us asks again.
fn welcome(model: &mut Model) -> &mut Welcome {
    if !matches!(model.stage, Stage::Welcome(_)) {
        let known = model.name.as_ref().map_or(model.settings.proposed.as_str(), Name::as_str);
        model.stage = Stage::Welcome(Welcome::new(known));
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

fn logged_in(model: &mut Model, name: Name) {
    model.link = Link::Online;
    if matches!(model.stage, Stage::Welcome(_)) {
        notice(
            model,
            format!("Welcome, {name}. c calls the selected contact, a adds one, ? shows the keys."),
        );
    }
    model.stage = Stage::Main;
    model.name = Some(name);
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

fn refused(model: &mut Model, text: &Safe) {
    if let Some(Popup::Add(add)) = model.popups.last_mut() {
        add.link_wanted = false;
        add.problem = Some(text.to_string());
        return;
    }
    // The machine says what it calls as soon as it is asked: a refusal before that is of the call.
    let wanted = |call: &mut Call| matches!(call.phase, Phase::Placing { reached: Reached::Wanted, .. });
    model.call.take_if(wanted);
    notice(model, text.as_str());
}

fn note(model: &mut Model, name: &Name, text: String) {
    let line = Line { id: None, when: model.now.wall, from: From::Note, text: Safe::line(&text) };
    model.chats.entry(name.clone()).or_default().push(line);
}

fn said(model: &mut Model, from: Name, line: Line, effects: &mut Vec<Effect>) {
    let chat = model.chats.entry(from).or_default();
    if !line.id.is_some_and(|id| chat.has(id)) {
        chat.push(line);
    }
    chat.unread += 1;
    effects.push(Effect::Bell);
}

fn incoming(model: &mut Model, name: Name) {
    let now = model.now.mono;
    let ring = Incoming { since: now, window: None, asked: false, silent: false, bell_at: now };
    model.call = Some(Call::new(name, Phase::Incoming(ring)));
    show_incoming(model, false);
}

/// Opens the window of an incoming call where it steals no keys, or because it was asked for.
pub(super) fn show_incoming(model: &mut Model, asked: bool) {
    let free = model.focus == Focus::List && model.popups.is_empty();
    let now = model.now.mono;
    let Some(Call { phase: Phase::Incoming(incoming), .. }) = &mut model.call else { return };
    let quiet = incoming.silent && !asked;
    if incoming.window.is_none() && (asked || free) && !quiet {
        incoming.window = Some(now);
        incoming.asked = asked;
    }
}

/// Rings the bell when it is time.
pub(super) fn ring(call: &mut Call, now: Time, effects: &mut Vec<Effect>) {
    let Phase::Incoming(incoming) = &mut call.phase else { return };
    if !incoming.silent && now >= incoming.bell_at {
        incoming.bell_at = now + BELL_EVERY;
        effects.push(Effect::Bell);
    }
}

/// A call that was just asked for.
pub(super) fn placing(with: Name, now: Time) -> Call {
    Call::new(with, Phase::Placing { since: now, reached: Reached::Wanted })
}

/// A call being placed got further.
fn placed(model: &mut Model, name: Name, got: Reached) {
    if model.call.as_ref().is_none_or(|call| call.with != name) {
        model.call = Some(placing(name, model.now.mono));
    }
    if let Some(Call { phase: Phase::Placing { reached, .. }, .. }) = &mut model.call {
        *reached = got;
    }
}

fn set_phase(model: &mut Model, with: Name, phase: Phase) {
    match &mut model.call {
        Some(call) if call.with == with => call.phase = phase,
        Some(_) | None => model.call = Some(Call::new(with, phase)),
    }
}

fn heard(model: &mut Model, name: &Name) {
    if let Some(Call { with, phase: Phase::Live { heard, .. }, .. }) = &mut model.call
        && with == name
    {
        *heard = true;
    }
}

fn ended(model: &mut Model, with: &Name, reason: EndReason, effects: &mut Vec<Effect>) {
    let call = model.call.take_if(|call| call.with == *with);
    let lasted = call.as_ref().and_then(|call| call.lasted(model.now.mono));
    model.call_view = false;
    // Muted in one call does not mean muted in the next.
    if core::mem::take(&mut model.sound.muted) {
        effects.push(Effect::Sound(SoundCommand::Mute(false)));
    }
    let contact = model.contacts.get(with).is_some_and(|contact| contact.standing == Standing::Mutual);
    if contact {
        note(model, with, call::ended_note(reason, lasted));
    }
    if reason == EndReason::Missed && model.chatting() != Some(with) {
        model.chats.entry(with.clone()).or_default().unread += 1;
    }
    notice(model, call::ended(with, reason, lasted));
}
