//! What typed lines do about calls, and about the sound of them.

use proto::Safe;
use proto::id::Name;
use proto::limits::MEMBERS_MAX;
use proto::media::SoundCommand;

use super::Prose;
use super::acts::{contact, write_to};
use super::commands::{self, Do};
use super::told::NAMES_SAID;
use crate::app::call::Phase;
use crate::app::contacts::callable;
use crate::app::keymap::Act;
use crate::app::{Effect, Msg};
use crate::limits::VOLUME_PERCENT_MAX;

/// Whoever is called, or a sentence.
fn called(prose: &Prose, typed: &str) -> Result<Name, String> {
    let name = contact(prose, Do::Call, typed)?;
    match prose.model.contacts.get(&name) {
        Some(contact) if callable(contact) => Ok(name),
        Some(contact) if contact.differs => Err(format!(
            "{name} cannot be called: you said that their key differs. /verify {name} looks again."
        )),
        Some(contact) if contact.blocked => Err(format!(
            "{name} cannot be called: their key has changed. /remove {name} forgets the old one."
        )),
        Some(_) | None => Err(format!("{name} cannot be called: you are not contacts yet.")),
    }
}

pub(super) fn call(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    if let Some(call) = &prose.model.call {
        let with = prose.model.with(call, NAMES_SAID);
        return Err(match call.phase {
            Phase::Incoming(_) => format!("{with} is calling you: /answer or /decline that call first."),
            Phase::Answering(_) | Phase::Placing { .. } | Phase::Live { .. } => {
                format!("You are in a call with {with}: /hangup ends it.")
            }
        });
    }
    let typed = match (rest, &prose.to) {
        ("", Some(name)) => name.to_string(),
        ("", None) => return Err(commands::usage(Do::Call)),
        (rest, _) => rest.to_owned(),
    };
    let mut names: Vec<Name> = Vec::new();
    for typed in typed.split_whitespace() {
        let name = called(prose, typed)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.len() >= MEMBERS_MAX {
        return Err(format!("A call has at most {MEMBERS_MAX} members, yourself included."));
    }
    let contacts = &mut prose.model.contacts;
    contacts.unmark();
    for name in &names {
        contacts.select(name);
        contacts.mark();
    }
    if let [name] = names.as_slice() {
        write_to(prose, name);
    }
    Ok(prose.update(Msg::Act(Act::Call)))
}

pub(super) fn answer(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let muted = match rest {
        "" => false,
        "muted" => true,
        _ => return Err(commands::usage(Do::Answer)),
    };
    let effects = ringing(prose, Act::Answer { muted })?;
    let caller = prose.model.call.as_ref().and_then(|call| call.first()).map(|party| party.name.clone());
    if let Some(caller) = caller {
        write_to(prose, &caller);
    }
    Ok(effects)
}

/// What is done to a call that rings.
pub(super) fn ringing(prose: &mut Prose, act: Act) -> Result<Vec<Effect>, String> {
    if prose.model.incoming().is_none() {
        return Err("Nobody is calling.".to_owned());
    }
    Ok(prose.update(Msg::Act(act)))
}

pub(super) fn in_call(prose: &Prose) -> Result<(), String> {
    if prose.model.call.is_some() {
        Ok(())
    } else {
        Err("There is no call. /call NAME begins one.".to_owned())
    }
}

fn is_live(prose: &Prose) -> bool {
    prose.model.call.as_ref().is_some_and(|call| matches!(call.phase, Phase::Live { .. }))
}

pub(super) fn mute(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let wanted = match rest {
        "" => !prose.model.sound.muted,
        "on" => true,
        "off" => false,
        _ => return Err(commands::usage(Do::Mute)),
    };
    let next = if prose.model.call.is_some() { "" } else { " in the next call" };
    prose.say(if wanted { format!("You are muted{next}.") } else { format!("Your microphone is on{next}.") });
    if wanted == prose.model.sound.muted { Ok(Vec::new()) } else { Ok(prose.update(Msg::Act(Act::Mute))) }
}

/// There is no key to hold in lines: it is on and off.
pub(super) fn talk(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let open = prose.model.sound.talk.is_open();
    let wanted = match rest {
        "" => !open,
        "on" => true,
        "off" => false,
        _ => return Err(commands::usage(Do::Talk)),
    };
    let effects = if wanted == open { Vec::new() } else { prose.update(Msg::Act(Act::Talk)) };
    match prose.model.notice.take() {
        Some(notice) if wanted && !prose.model.sound.talk.is_open() => return Err(notice.text),
        notice => prose.model.notice = notice,
    }
    prose.say(if wanted { "You are heard: /talk ends it." } else { "You are silent." });
    Ok(effects)
}

pub(super) fn volume(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    in_call(prose)?;
    let call = prose.model.call.as_ref();
    let there: Vec<&Name> = call
        .iter()
        .flat_map(|call| &call.parties)
        .filter(|party| party.ssrc().is_some())
        .map(|p| &p.name)
        .collect();
    let (who, percent) = match (rest.rsplit_once(' '), there.as_slice()) {
        (Some((who, percent)), _) => (contact(prose, Do::Volume, who.trim())?, percent),
        (None, [only]) => ((*only).clone(), rest),
        (None, _) => return Err(commands::usage(Do::Volume)),
    };
    if !there.contains(&&who) {
        return Err(format!("{who} is not in the call: there is nothing to play."));
    }
    let percent = percent.trim_end_matches('%').parse().ok().filter(|percent| *percent <= VOLUME_PERCENT_MAX);
    let percent = percent.ok_or_else(|| commands::usage(Do::Volume))?;
    prose.say(format!("{} is played at {percent} %.", prose.model.shown(&who)));
    let mut effects = prose.update(Msg::Volume(who.clone(), percent));
    effects.push(Effect::Volume { who, percent });
    Ok(effects)
}

pub(super) fn again(prose: &mut Prose) -> Result<Vec<Effect>, String> {
    if !is_live(prose) {
        return Err("There is no call to say again.".to_owned());
    }
    let wanted = !prose.model.tools.saying_again;
    Ok(prose.update(Msg::Act(Act::SayAgain(wanted))))
}

pub(super) fn record(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let anyway = match rest {
        "" => false,
        "anyway" => true,
        _ => return Err(commands::usage(Do::Record)),
    };
    if !is_live(prose) && !prose.model.tools.recording {
        return Err("There is nothing to record yet.".to_owned());
    }
    let untold = prose.model.call.as_ref().is_some_and(|call| call.plain) && !prose.model.tools.recording;
    if untold && !anyway {
        return Err(
            "Their program cannot show that you record: tell them yourself, then type /record anyway."
                .to_owned(),
        );
    }
    if untold {
        // The first of the two keys that the screen wants.
        prose.update(Msg::Act(Act::Record));
    }
    Ok(prose.update(Msg::Act(Act::Record)))
}

/// Another microphone or speaker, or what calls ring on.
pub(super) fn device(prose: &mut Prose, does: Do, rest: &str) -> Result<Vec<Effect>, String> {
    let ring = does == Do::Ring;
    if ring && matches!(rest, "speaker" | "default") {
        prose.model.settings.preferences.ears.ring = None;
        prose.say("Calls ring on the speaker.");
        return Ok(Vec::new());
    }
    let name = named(prose, does, rest)?;
    let ears = &mut prose.model.settings.preferences.ears;
    let half = match (ring, does == Do::Microphone) {
        (true, _) => &mut ears.ring,
        (false, true) => &mut ears.microphone,
        (false, false) => &mut ears.speaker,
    };
    *half = Some(name.clone());
    if ring {
        prose.say(format!("Calls ring on {} now.", Safe::line(&name)));
        return Ok(Vec::new());
    }
    let command = if does == Do::Microphone { SoundCommand::Microphone } else { SoundCommand::Speaker };
    Ok(vec![Effect::Sound(command(name))])
}

/// A device by its number in the list, by its name, or by a part of it that no other has.
fn named(prose: &Prose, does: Do, rest: &str) -> Result<String, String> {
    let microphone = does == Do::Microphone;
    let listed = if microphone { &prose.devices.microphones } else { &prose.devices.speakers };
    let at = rest.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let part = rest.to_lowercase();
    let exact = listed.iter().find(|name| name.as_str() == rest);
    let holds: Vec<&Safe> =
        listed.iter().filter(|name| name.as_str().to_lowercase().contains(&part)).collect();
    Ok(match (rest, exact, at.map(|at| listed.get(at)), holds.as_slice()) {
        ("", ..) => return Err(format!("{} /devices lists them.", commands::usage(does))),
        (_, Some(name), ..) | (_, None, Some(Some(name)), _) => name.to_string(),
        (_, None, Some(None), _) => {
            return Err("There is no device of that number. /devices lists them.".to_owned());
        }
        (_, None, None, [only]) if rest != "default" => only.to_string(),
        (_, None, None, [_, _, ..]) if rest != "default" => {
            return Err(format!(
                "Several devices have {} in their names. /devices lists them.",
                Safe::line(rest)
            ));
        }
        (_, None, None, _) => rest.to_owned(),
    })
}
