//! What the keys of calls do.

use proto::client::Command;
use proto::id::Name;
use proto::limits::MEMBERS_MAX;

use super::super::call::{Call, Phase};
use super::super::contacts::callable;
use super::super::model::Model;
use super::super::msg::Effect;
use super::super::popup::{Consent, Popup, Wanted};
use super::calls::{NAMES_SHOWN, placing, show_incoming};
use super::keys::nobody;
use super::{notice, ptt, trust};
use crate::limits::VOLUME_PERCENT_MAX;

/// Steps of the volume, in percent.
const VOLUME_STEP: u16 = 10;

/// Calls all that are marked, or else the selected contact.
pub(super) fn call(model: &mut Model, effects: &mut Vec<Effect>) {
    if is_taken(model) {
        return;
    }
    let marked: Vec<Name> = model.contacts.marked().into_iter().cloned().collect();
    if !marked.is_empty() {
        model.contacts.unmark();
        return place(model, marked, effects);
    }
    match model.contacts.selected() {
        None => nobody(model),
        Some(contact) if callable(contact) => place(model, vec![contact.name.clone()], effects),
        Some(contact) if contact.blocked => {
            let name = contact.name.clone();
            trust::decide_first(model, &name, effects);
        }
        Some(contact) => {
            let words =
                format!("{} cannot be called: you are not contacts (yet).", model.shown(&contact.name));
            notice(model, words);
        }
    }
}

/// Whether there is a call already, which is said: no other takes its place on the screen, and least of all one that
/// rings, since the client machine would take a call to whoever rings for an answer.
fn is_taken(model: &mut Model) -> bool {
    let Some(call) = &model.call else { return false };
    let words = match (&call.phase, call.first()) {
        (Phase::Incoming(_), Some(caller)) => {
            format!("{} is calling you: answer or decline that call first.", model.shown(&caller.name))
        }
        (Phase::Incoming(_) | Phase::Answering(_) | Phase::Placing { .. } | Phase::Live { .. }, _) => {
            format!("You are in a call with {}: ^X hangs up.", model.with(call, NAMES_SHOWN))
        }
    };
    notice(model, words);
    true
}

fn place(model: &mut Model, names: Vec<Name>, effects: &mut Vec<Effect>) {
    model.call = Some(placing(names.clone(), model.now.mono));
    model.notice = None;
    effects.push(Effect::Send(Command::Call(names)));
}

pub(super) fn mark(model: &mut Model) {
    if model.contacts.mark() {
        return;
    }
    match model.contacts.selected() {
        None => nobody(model),
        Some(contact) if callable(contact) => {
            notice(model, format!("A call has at most {MEMBERS_MAX} members, yourself included."));
        }
        Some(contact) => {
            let words =
                format!("{} cannot be called: you are not contacts (yet).", model.shown(&contact.name));
            notice(model, words);
        }
    }
}

pub(super) fn mute(model: &mut Model, muted: bool, effects: &mut Vec<Effect>) {
    model.sound.muted = muted;
    ptt::microphone(model, effects);
    if model.call.is_none() {
        notice(
            model,
            if muted {
                "Your microphone is muted for the next call."
            } else {
                "Your microphone is on in the next call."
            },
        );
    }
}

pub(super) fn hang_up(model: &mut Model, effects: &mut Vec<Effect>) {
    match model.call.as_ref().map(|call| &call.phase) {
        None => notice(model, "There is no call."),
        Some(Phase::Incoming(_)) => effects.push(Effect::Send(Command::Decline)),
        Some(Phase::Answering(_) | Phase::Placing { .. } | Phase::Live { .. }) => {
            effects.push(Effect::Send(Command::HangUp));
        }
    }
}

pub(super) fn call_view(model: &mut Model) {
    if model.incoming().is_some() {
        // What is asked about the call is answered first.
        if model.consent().is_none() {
            show_incoming(model, true);
        }
        return;
    }
    if model.call.is_none() {
        return notice(model, "There is no call: c calls the selected contact.");
    }
    model.call_view = !model.call_view;
}

pub(super) fn answer(model: &mut Model, muted: bool, by_hand: bool, effects: &mut Vec<Effect>) {
    let Some(call) = &mut model.call else { return };
    let Phase::Incoming(incoming) = &call.phase else { return };
    call.phase = Phase::Answering(incoming.clone());
    // What is being written must not go to whoever calls when another program answers.
    if by_hand && let Some(caller) = call.first().map(|party| party.name.clone()) {
        model.contacts.select(&caller);
    }
    // Who muted themselves for this call before it came stays muted.
    if muted && !model.sound.muted {
        mute(model, muted, effects);
    }
    effects.push(Effect::Send(Command::Answer));
}

pub(super) fn silence(model: &mut Model) {
    let Some(Call { phase: Phase::Incoming(incoming), .. }) = &mut model.call else { return };
    incoming.silent = true;
    incoming.window = None;
}

/// Yes: said for each of them, and what was wanted is done again. Who rings meanwhile is not called over.
pub(super) fn consent(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(Popup::Consent(Consent { names, wanted, .. })) = model.popups.pop() else { return };
    effects.extend(names.into_iter().map(|name| Effect::Send(Command::AllowPlain(name))));
    match wanted {
        Wanted::Call(names) => {
            if !is_taken(model) {
                place(model, names, effects);
            }
        }
        Wanted::Answer => answer(model, model.sound.muted, true, effects),
    }
}

pub(super) fn choose(model: &mut Model, down: bool) {
    let now = model.now.mono;
    if let Some(call) = &mut model.call {
        call.choose(down, now);
    }
}

pub(super) fn volume(model: &mut Model, up: bool, effects: &mut Vec<Effect>) {
    let now = model.now.mono;
    let Some(call) = &mut model.call else { return };
    let Some(party) = call.chosen(now).and_then(|at| call.parties.get_mut(at)) else { return };
    let who = party.name.clone();
    let Some(_) = party.ssrc() else {
        return notice(model, format!("{} is not in the call: there is nothing to play.", model.shown(&who)));
    };
    let louder = (party.volume + VOLUME_STEP).min(VOLUME_PERCENT_MAX);
    party.volume = if up { louder } else { party.volume.saturating_sub(VOLUME_STEP) };
    effects.push(Effect::Volume { who, percent: party.volume });
}
