//! What the client machine tells of calls, in the words of the screen.

use std::time::Duration;

use proto::Time;
use proto::client::EndReason;
use proto::id::{Name, Ssrc};
use proto::media::MemberState;
use proto::media::blame::Hop;
use proto::wire::record::Standing;

use super::super::call::{self, BELL_EVERY, Being, Call, Incoming, Phase, Whom};
use super::super::model::{Focus, Model};
use super::super::msg::Effect;
use super::super::notify::What;
use super::super::popup::{Consent, Popup, Wanted};
use super::alert::alert;
use super::{notice, ptt, trust};

/// Names in a sentence over the footer or a line of a chat; of more, only how many.
pub(super) const NAMES_SHOWN: usize = 3;

pub(super) fn incoming(model: &mut Model, from: Name, others: Vec<Name>, guests: &[Name], plain: bool) {
    let now = model.now.mono;
    let ring = Incoming { since: now, window: None, asked: false, silent: false, bell_at: now };
    let own = model.name.clone();
    let with = core::iter::once(from).chain(others).filter(|name| own.as_ref() != Some(name));
    let mut call = Call::new(with, Phase::Incoming(ring), plain);
    mark_guests(&mut call, guests);
    model.call = Some(call);
    show_incoming(model, false);
}

/// Some may be guests of others in the call, whom no contact of ours shows as such.
fn mark_guests(call: &mut Call, guests: &[Name]) {
    for party in &mut call.parties {
        party.guest |= guests.contains(&party.name);
    }
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

/// Rings the bell when it is time, if it `rings` at all.
pub(super) fn ring(call: &mut Call, now: Time, rings: bool, effects: &mut Vec<Effect>) {
    let Phase::Incoming(incoming) = &mut call.phase else { return };
    if !incoming.silent && now >= incoming.bell_at {
        incoming.bell_at = now + BELL_EVERY;
        effects.extend(rings.then_some(Effect::Bell));
    }
}

/// A call that was just asked for.
pub(super) fn placing(with: Vec<Name>, now: Time) -> Call {
    Call::new(with, Phase::Placing { since: now, wanted: true }, false)
}

/// The client machine took it.
pub(super) fn calling(model: &mut Model, to: Vec<Name>, plain: bool) {
    let since = match &model.call {
        Some(Call { phase: Phase::Placing { since, .. }, .. }) => *since,
        Some(_) | None => model.now.mono,
    };
    model.call = Some(Call::new(to, Phase::Placing { since, wanted: false }, plain));
}

pub(super) fn ringing(model: &mut Model, name: &Name) {
    if let Some(party) = model.call.as_mut().and_then(|call| call.party(name))
        && party.ssrc().is_none()
    {
        party.being = Being::Ringing;
    }
}

/// Somebody is in the call with us: we are heard from now on, so that this is believed whatever was shown before, and
/// whether it is encrypted is never a guess.
pub(super) fn joined(model: &mut Model, who: Name, ssrc: Ssrc, plain: bool) {
    let since = model.now.mono;
    let late = model.call.as_ref().is_some_and(|call| matches!(call.phase, Phase::Live { .. }));
    let call = model.call.get_or_insert_with(|| Call::new([], Phase::Live { since }, plain));
    if !late {
        call.phase = Phase::Live { since };
    }
    call.plain = plain;
    let Some(party) = call.enter(who.clone()) else { return };
    party.being = Being::In { ssrc, since, heard: false };
    (party.stream, party.muted, party.recording, party.on_hold) = (Some(ssrc), false, false, false);
    if !late {
        model.tools.anyway_until = None;
        return;
    }
    let shown = model.shown(&who);
    let words = if model.tools.recording && model.cannot_see_recording(&who) {
        format!("{shown} is in the call now and cannot see that you record: tell them.")
    } else {
        format!("{shown} is in the call now.")
    };
    notice(model, words);
}

pub(super) fn heard(model: &mut Model, name: &Name) {
    let party = model.call.as_mut().and_then(|call| call.party(name));
    if let Some(Being::In { heard, .. }) = party.map(|party| &mut party.being) {
        *heard = true;
    }
}

/// A member says something of itself. That somebody keeps what is said is told at once, and stays on the screen.
pub(super) fn member(model: &mut Model, state: MemberState) {
    model.dirty = true;
    let Some(call) = &mut model.call else { return };
    let records = |call: &Call| call.speaker(state.ssrc).is_some_and(|party| party.recording);
    let before = records(call);
    call.member(state);
    let after = records(call);
    let Some(who) = call.speaker(state.ssrc).map(|party| party.name.clone()) else { return };
    let who = model.shown(&who);
    match (before, after) {
        (false, true) => notice(model, format!("{who} records this call.")),
        (true, false) => notice(model, format!("{who} stopped recording.")),
        (true, true) | (false, false) => {}
    }
}

/// How loud somebody is played was remembered.
pub(super) fn volume(model: &mut Model, who: &Name, percent: u16) {
    model.dirty = true;
    if let Some(party) = model.call.as_mut().and_then(|call| call.party(who)) {
        party.volume = percent;
    }
}

/// Somebody is out of a call that goes on.
pub(super) fn parted(model: &mut Model, who: &Name, reason: EndReason) {
    let now = model.now.mono;
    let Some(call) = &mut model.call else { return };
    let ours = !matches!(call.phase, Phase::Incoming(_)) && call.is_group();
    let Some(party) = call.party(who).filter(|party| !party.is_out()) else { return };
    let lasted = party.lasted(now);
    party.being = Being::Out { reason, since: now };
    // Who else declined a call that only rings here is nobody's news.
    if ours {
        let others = others(model, who);
        note(model, who, call::ended_note(reason, lasted, None, &others));
        notice(model, call::parted(&model.shown(who), reason));
    }
}

/// Everybody in the call but `who`, as a chat with `who` names them.
fn others(model: &Model, who: &Name) -> String {
    let parties = model.call.iter().flat_map(|call| &call.parties);
    let names: Vec<&Name> = parties.map(|party| &party.name).filter(|name| *name != who).collect();
    model.among(&names, NAMES_SHOWN)
}

pub(super) fn ended(model: &mut Model, with: Vec<Name>, reason: EndReason, effects: &mut Vec<Effect>) {
    let ended = model.call.as_ref().filter(|call| with.is_empty() || with.iter().any(|n| call.is_with(n)));
    let Some(ended) = ended else {
        // Nothing is on the screen of it: the names are all there is.
        let names: Vec<&Name> = with.iter().collect();
        let text = said(model, &names, reason, None);
        return notice(model, text);
    };
    if matches!(ended.phase, Phase::Live { .. }) {
        // Muted in one call does not mean muted in the next; one that only rang was none.
        model.sound.muted = false;
    }
    trust::call_over(model);
    model.call_view = false;
    model.tools.anyway_until = None;
    model.sound.talk.shut();
    ptt::microphone(model, effects);
    let answer = |popup: &Popup| matches!(popup, Popup::Consent(Consent { wanted: Wanted::Answer, .. }));
    model.popups.retain(|popup| !answer(popup));
    let caller = model.call.as_ref().and_then(Call::first).map(|caller| caller.name.clone());
    if let Some(caller) = caller.filter(|_| reason == EndReason::Missed) {
        alert(model, What::MissedCall, &caller, None, effects);
    }
    let text = end_of_call(model, reason);
    model.call = None;
    notice(model, text);
}

/// Writes the end of the call into the chats it belongs to, and says it in a sentence.
fn end_of_call(model: &mut Model, reason: EndReason) -> String {
    let now = model.now.mono;
    let Some(call) = model.call.clone() else { return String::new() };
    let group = call.is_group();
    let rang = matches!(call.phase, Phase::Incoming(_) | Phase::Answering(_));
    // We end a call that still rings here by declining it.
    let declined = matches!(call.phase, Phase::Incoming(_)) && reason == EndReason::HungUp;
    let reason_noted = if declined { EndReason::Declined } else { reason };
    // Whoever called is who did not reach us; the others did not call. Who left before has their line already.
    let noted = call
        .parties
        .iter()
        .enumerate()
        .filter(|(at, party)| if rang { *at == 0 } else { !group || !party.is_out() });
    let blamed = |hop: Hop| {
        let party = hop.member().and_then(|ssrc| call.speaker(ssrc));
        party.map_or_else(|| "somebody".to_owned(), |party| model.shown(&party.name))
    };
    let how = call::summed_up(&call.summary, &model.sound.speaker, blamed);
    for (_, party) in noted {
        let others = others(model, &party.name);
        let words = call::ended_note(reason_noted, party.lasted(now), how.as_deref(), &others);
        note(model, &party.name, words);
    }
    let Some(first) = call.first().map(|party| party.name.clone()) else { return String::new() };
    if reason == EndReason::Missed && model.chatting() != Some(&first) {
        model.chats.of(&first, &model.contacts).unread += 1;
    }
    if declined {
        return format!("You declined the call of {}.", model.shown(&first));
    }
    if rang {
        let caller = match (reason, others(model, &first)) {
            (EndReason::Missed, others) if group => format!("{}, with {others},", model.shown(&first)),
            _ => model.shown(&first),
        };
        return call::ended(Whom { names: &caller, many: false, texts: !model.guest(&first) }, reason, None);
    }
    // Who hung up ended it for all who were ever in it; any other reason is of those who were left.
    let lasted = call.lasted(now);
    let of_all = matches!(reason, EndReason::HungUp | EndReason::TheyHungUp) && lasted.is_some();
    let names = if of_all { call.parties.iter().map(|party| &party.name).collect() } else { call.names() };
    // Whoever leaves a call leaves those who are in it.
    let there = call.parties.iter().filter(|party| party.ssrc().is_some()).map(|party| &party.name);
    let there: Vec<&Name> = there.filter(|_| reason == EndReason::HungUp).collect();
    said(model, if there.is_empty() { &names } else { &there }, reason, lasted)
}

/// The end of a call with these in a sentence.
fn said(model: &Model, names: &[&Name], reason: EndReason, lasted: Option<Duration>) -> String {
    let texts = !names.iter().any(|name| model.guest(name));
    let among = model.among(names, NAMES_SHOWN);
    call::ended(Whom { names: &among, many: names.len() > 1, texts }, reason, lasted)
}

/// What was wanted needs a yes first, because of these.
pub(super) fn plain_unconfirmed(model: &mut Model, names: Vec<Name>) {
    let touched = model.now.mono;
    let wanted = match model.call.take() {
        Some(call @ Call { phase: Phase::Placing { .. }, .. }) => {
            Wanted::Call(call.parties.into_iter().map(|party| party.name).collect())
        }
        Some(Call { phase: Phase::Answering(incoming), parties, .. }) => {
            let ring = Incoming { window: None, asked: false, ..incoming };
            let mut call = Call::new([], Phase::Incoming(ring), true);
            call.parties = parties;
            mark_guests(&mut call, &names);
            model.call = Some(call);
            Wanted::Answer
        }
        other => {
            model.call = other;
            return;
        }
    };
    // Whoever went on to write must find no window under their letters.
    if matches!(wanted, Wanted::Call(_)) && model.focus == Focus::Message {
        let names = model.among(&names.iter().collect::<Vec<_>>(), NAMES_SHOWN);
        return notice(
            model,
            format!("A call with {names} is not encrypted. To be asked, press c in the list."),
        );
    }
    model.popups.push(Popup::Consent(Consent { names, wanted, touched }));
}

/// A line of the program in the chat with a contact.
fn note(model: &mut Model, name: &Name, text: String) {
    if model.contacts.get(name).is_some_and(|contact| contact.standing == Standing::Mutual) {
        super::events::note(model, name, text);
    }
}
