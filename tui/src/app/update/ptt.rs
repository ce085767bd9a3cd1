//! Push-to-talk: the key, other programs, and the microphone that follows. Muted stays muted, whatever is pressed.

use proto::media::SoundCommand;

use super::super::call::{Call, Phase};
use super::super::model::Model;
use super::super::msg::Effect;
use super::notice;
use crate::control::{Press, Reply, refused};
use crate::keys::{Key, Kind};

/// The key to talk went down, or repeats.
pub(super) fn pressed(model: &mut Model, key: Key) {
    let repeats = key.kind == Kind::Repeat;
    match obstacle(model) {
        None => model.sound.talk.press(key.code, repeats, model.now.mono),
        Some(_) if repeats => {}
        Some((_, why)) => notice(model, why),
    }
}

/// Some key came up.
pub(super) fn released(model: &mut Model, key: Key) {
    model.sound.talk.release(key.code, model.now.mono);
}

/// Asked for without a key: on and off.
pub(super) fn toggled(model: &mut Model) {
    match obstacle(model) {
        _ if model.sound.talk.is_open() => model.sound.talk.shut(),
        None => model.sound.talk.lock_open(),
        Some((_, why)) => notice(model, why),
    }
}

/// Another program presses, or lets go.
pub(super) fn asked(model: &mut Model, to: Press) -> Reply {
    let open = model.sound.talk.is_open();
    let opens = to == Press::Down || to == Press::Toggle && !open;
    if let Some((code, why)) = obstacle(model).filter(|_| opens) {
        return refused(code, why);
    }
    let (talk, now) = (&mut model.sound.talk, model.now.mono);
    match to {
        Press::Down => talk.hold(now),
        Press::Toggle if opens => talk.lock_open(),
        Press::Up | Press::Toggle => talk.shut(),
    }
    Reply::Done(if opens { "live" } else { "silent" }.to_owned())
}

/// Why nobody would be heard, for programs and for people.
fn obstacle(model: &Model) -> Option<(&'static str, &'static str)> {
    let call = model.call.as_ref();
    if !model.sound.talk.is_on() {
        return Some(("no_ptt", "Push-to-talk is off: the microphone is open unless you mute it."));
    }
    match call.map(|call| &call.phase) {
        None | Some(Phase::Incoming(_)) => Some(("no_call", "There is no call to talk in.")),
        Some(_) if model.sound.muted => Some(("muted", "You are muted: unmute yourself first.")),
        Some(Phase::Answering(_) | Phase::Placing { .. } | Phase::Live { .. }) => None,
    }
}

/// The terminal gained or lost the keyboard.
pub(super) fn keyboard(model: &mut Model, here: bool) {
    model.focused = Some(here);
    if !here {
        model.sound.talk.lost_keyboard();
    }
}

/// Shuts what is not held any more.
pub(super) fn on_time(model: &mut Model) {
    if model.sound.talk.on_time(model.now.mono) {
        notice(model, "Push-to-talk was held from outside for a minute and is let go.");
    }
}

/// The program is going to stand still: nobody presses, and a call hears that we are muted and on hold rather than nothing
/// at all. [`microphone`] and [`continued`] take that back once it goes on.
pub(super) fn rest(model: &mut Model, effects: &mut Vec<Effect>) {
    model.sound.talk.shut();
    microphone(model, effects);
    let talks = model.call.is_some() && model.incoming().is_none();
    if talks && !core::mem::replace(&mut model.sound.silent, true) {
        effects.push(Effect::Sound(SoundCommand::Mute(true)));
    }
    if talks {
        model.sound.on_hold = true;
        effects.push(Effect::Sound(SoundCommand::Hold(true)));
    }
}

/// The program goes on after [`rest`]: whoever is back must know whether they are heard. Where somebody else stopped it, a
/// moment is not worth a word, and what is longer is told when the call is heard again.
pub(super) fn continued(model: &mut Model, effects: &mut Vec<Effect>) {
    if !core::mem::take(&mut model.sound.on_hold) {
        return;
    }
    effects.push(Effect::Sound(SoundCommand::Hold(false)));
    if model.call.is_none() || model.incoming().is_some() {
        return;
    }
    let heard = if model.is_silent() { "not heard" } else { "heard again" };
    notice(model, format!("You are back in the call, and {heard}."));
}

/// Mutes or opens the microphone, if that is not what it is already. Without a call that one can talk in nothing stays
/// open: what was pressed for a call that never came must not open the next one.
pub(super) fn microphone(model: &mut Model, effects: &mut Vec<Effect>) {
    if !matches!(obstacle(model), None | Some(("muted", _))) {
        model.sound.talk.shut();
    }
    let silent = model.is_silent();
    if core::mem::replace(&mut model.sound.silent, silent) != silent {
        effects.push(Effect::Sound(SoundCommand::Mute(silent)));
        model.dirty = true;
        if let Some(Call { you, .. }) = model.call.as_mut().filter(|_| silent) {
            *you = super::super::call::Meter::default();
        }
    }
}
