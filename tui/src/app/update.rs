//! Routing: a message comes in, the room it belongs to changes the model, effects go out. Nothing is done here that
//! touches the world.

use std::time::Duration;

use proto::client::Command;
use proto::id::Name;
use proto::media::SoundCommand;
use proto::{Now, Safe, Time};

use super::chat::Chat;
use super::emulator::Between;
use super::model::{Model, Stage};
use super::msg::{Effect, Msg};
use super::popup::Notice;
use super::ring;
use crate::limits::COPY_BYTES_MAX;

mod adding;
mod alert;
mod asked;
mod calling;
mod calls;
mod events;
mod keys;
mod palette;
mod people;
mod ptt;
mod removal;
mod settings;
mod tools;
mod trust;

/// How long a notice stays.
const NOTICE_TIME: Duration = Duration::from_secs(8);

/// Meter changes while the bytes stay on this machine: enough to look alive.
const METER_EVERY_LOCAL: Duration = Duration::from_millis(66);

/// Meter changes over a network: measured, more than this makes typing slow on a phone's line.
const METER_EVERY_REMOTE: Duration = Duration::from_millis(250);

/// What is to be done before the first message.
pub fn start(model: &Model) -> Vec<Effect> {
    vec![meters(model), Effect::Send(Command::Contacts)]
}

/// How often meters are to be told.
fn meters(model: &Model) -> Effect {
    let every = match model.settings.meter_hz {
        // Figures come as often as levels; those that nobody wants to see are not shown.
        Some(0) => Duration::from_secs(1),
        Some(hz) => Duration::from_secs(1) / u32::from(hz),
        None if model.settings.remote => METER_EVERY_REMOTE,
        None => METER_EVERY_LOCAL,
    };
    Effect::Sound(SoundCommand::MeterEvery(every))
}

/// What is still to be done when the program ends. The session itself leaves the call.
pub fn finish(model: &mut Model) -> Vec<Effect> {
    let drafts = model.chats.drafts_to_keep().into_iter().map(|(who, text)| Effect::Draft(who, text));
    // Before those to whom something is being written are removed.
    drafts.chain(model.contacts.finish_removals(None).into_iter().map(removal::said)).collect()
}

/// Takes one message.
pub fn update(model: &mut Model, msg: Msg, now: Now) -> Vec<Effect> {
    let (shown_before, chatting_before) = (model.now, model.chatting().cloned());
    model.now = now;
    let mut effects = on_time(model, shown_before);
    model.forget_old_link();
    match msg {
        Msg::Input(input) => keys::on_input(model, input, &mut effects),
        Msg::Act(act) => keys::act(model, act, &mut effects),
        Msg::Client(event) => events::on_client(model, event, &mut effects),
        Msg::Sound(event) => events::on_sound(model, event),
        Msg::History(name, lines) => {
            model.chats.of(&name, &model.contacts).load(lines);
            model.dirty = true;
        }
        Msg::Draft(name, text) => {
            model.chats.of(&name, &model.contacts).resume(text);
            model.dirty = true;
        }
        Msg::Server(key) => model.server_key = Some(key),
        Msg::Trouble(why) => events::trouble(model, why),
        Msg::Volume(who, percent) => calls::volume(model, &who, percent),
        Msg::Unread(list) => model.unread_before = list,
        Msg::Personal(list) => people::kept(model, list),
        Msg::Asked(who, request) => asked::asked(model, who, request, &mut effects),
        Msg::Heard(heard) => settings::heard(model, heard),
        Msg::NotKept(why) => notice(model, why.as_str()),
        Msg::Continued => ptt::continued(model, &mut effects),
        Msg::RingsElsewhere { wanted, instead } => {
            notice(model, ring::elsewhere(&wanted, instead.as_ref()));
        }
        Msg::Tick => {}
    }
    let rings = alert::may_ring(model);
    if let Some(call) = &mut model.call {
        calls::ring(call, now.mono, rings, &mut effects);
    }
    ring::follow(model, &mut effects);
    ptt::microphone(model, &mut effects);
    settings::listen(model, &mut effects);
    read(model, &mut effects);
    people::arrange(model);
    people::look(model);
    keep_drafts(model, chatting_before.as_ref(), &mut effects);
    effects
}

/// What was being written is kept when another chat is looked at, and no longer once it was sent or rubbed out.
fn keep_drafts(model: &mut Model, before: Option<&Name>, effects: &mut Vec<Effect>) {
    let chatting = model.chatting().cloned();
    let left = before.filter(|before| chatting.as_ref() != Some(*before));
    let in_vain = chatting.as_ref().filter(|name| model.chats.get(name).is_some_and(Chat::is_kept_in_vain));
    for name in left.into_iter().chain(in_vain) {
        let draft = model.chats.get_mut(name).and_then(Chat::draft_to_keep);
        effects.extend(draft.map(|text| Effect::Draft(name.clone(), text)));
    }
}

/// Ends what ends by itself, and notes when a shown time is another.
fn on_time(model: &mut Model, before: Now) -> Vec<Effect> {
    let mut effects = Vec::new();
    let now = model.now.mono;
    model.dirty |= before.wall.0 / 60_000 != model.now.wall.0 / 60_000;
    model.dirty |= model.notice.take_if(|notice| now >= notice.until).is_some();
    ptt::on_time(model);
    model.quit_until.take_if(|until| now >= *until);
    model.tools.anyway_until.take_if(|until| now >= *until);
    for leaving in model.contacts.finish_removals(Some(now)) {
        effects.push(removal::said(leaving));
        model.dirty = true;
    }
    // Durations and counts change by the second, and only then; a call and a wait for the server show one.
    let seconds =
        |mark: Time, now: Time| (now.since(mark).as_secs(), mark.since(now).as_millis().div_ceil(1_000));
    model.moved |= model.seconds_of().is_some_and(|mark| seconds(mark, before.mono) != seconds(mark, now));
    effects
}

/// What is on the screen has been read; what is to be on it is fetched.
fn read(model: &mut Model, effects: &mut Vec<Effect>) {
    if !matches!(model.stage, Stage::Main) || model.on_call_page() {
        return;
    }
    let Some(name) = model.chatting().cloned() else { return };
    // Behind another window nobody reads: the title goes on counting until somebody is back.
    let seen = alert::is_seen(model);
    let chat = model.chats.of(&name, &model.contacts);
    if chat.scroll == 0 && seen && core::mem::take(&mut chat.unread) > 0 {
        model.dirty = true;
        effects.push(Effect::Read(name.clone()));
    }
    if !core::mem::replace(&mut chat.loaded, true) {
        effects.push(Effect::History(name));
    }
}

/// Says something over the footer, for a while.
fn notice(model: &mut Model, text: impl Into<String>) {
    let since = model.now.mono;
    model.notice = Some(Notice { text: text.into(), since, until: since + NOTICE_TIME });
    model.dirty = true;
}

/// Copies a text to the terminal's clipboard and says so, as far as that is known: no terminal confirms it.
/// `what` begins the sentence.
pub(crate) fn copy(model: &mut Model, what: &str, text: Safe, effects: &mut Vec<Effect>) {
    let emulator = model.settings.emulator;
    if !emulator.strings {
        return notice(model, format!("{what} cannot be copied: this terminal has no clipboard."));
    }
    if text.as_str().len() > COPY_BYTES_MAX {
        return notice(model, format!("{what} cannot be copied: it is too long for a terminal's clipboard."));
    }
    let hint = match emulator.between {
        Between::Nothing => "",
        Between::Tmux => ", if tmux lets it pass (set-clipboard on)",
        Between::Screen => ", if screen lets it pass",
    };
    notice(model, format!("{what} was sent to the terminal's clipboard{hint}."));
    effects.push(Effect::Copy(text));
}

#[cfg(test)]
mod tests;
