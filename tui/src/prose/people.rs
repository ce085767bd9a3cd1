//! Lines about people in the list: who comes first, what we call them, whether they are who they seem.

use proto::client::{Banned, Command, Compared, ContactInfo};
use proto::crypto::safety;
use proto::id::{Fingerprint, Name, Principal};

use super::Prose;
use super::acts::{contact, exactly};
use super::awaited::Answer;
use super::commands::{self, Do};
use crate::app::input::Edit;
use crate::app::keymap::Act;
use crate::app::popup::Popup;
use crate::app::trust::{key_of, shown};
use crate::app::{Effect, Msg};
use crate::keys::Input;

/// What came of it, as the notice of the screen says it.
fn said(prose: &mut Prose, effects: Vec<Effect>) -> Vec<Effect> {
    if let Some(notice) = prose.model.notice.take() {
        prose.say(notice.text);
    }
    effects
}

pub(super) fn favourite(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let name = contact(prose, Do::Favourite, rest)?;
    prose.model.contacts.select(&name);
    let effects = prose.update(Msg::Act(Act::Favourite));
    Ok(said(prose, effects))
}

/// Without another name they go by their own again.
pub(super) fn rename(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let (who, alias) = rest.split_once(' ').unwrap_or((rest, ""));
    let name = contact(prose, Do::Rename, who)?;
    prose.model.contacts.select(&name);
    prose.update(Msg::Act(Act::Rename));
    prose.update(Msg::Act(Act::Edit(Edit::CutToStart)));
    prose.update(Msg::Input(Input::Paste(alias.trim().to_owned())));
    let effects = prose.update(Msg::Act(Act::Go));
    if let Some(Popup::Rename(window)) = prose.model.popups.last() {
        let problem = window.problem.clone().unwrap_or_default();
        prose.model.popups.pop();
        return Err(problem);
    }
    Ok(said(prose, effects))
}

/// Says what there is to compare: both keys, the number, and in a call the words, which come by themselves.
pub(super) fn verify(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let name = contact(prose, Do::Verify, rest)?;
    let known = prose.model.contacts.get(&name).cloned();
    let info = known.ok_or_else(|| commands::usage(Do::Verify))?;
    if let Some(new) = &info.replaced_by {
        prose.say(format!("The name {name} now comes with another key."));
        prose.say(format!("The old key is {}.", shown(&info.principal)));
        prose.say(format!("The new key is {}.", shown(new)));
        let Principal::Key(key) = new else {
            prose.say(format!("A guest proves no name: /remove {name}, who may ask anew."));
            return Ok(Vec::new());
        };
        prose.key_said = Some((name.clone(), *key));
        prose.say(format!(
            "If {name} says in another way that it is theirs: /accept-key {name}. If not: /remove {name}."
        ));
        return Ok(Vec::new());
    }
    let (Some(ours), Some(theirs)) = (prose.model.settings.account, key_of(&info)) else {
        return Err(format!("{} has no key: a name proves nothing here.", prose.model.shown(&name)));
    };
    prose.key_said = Some((name.clone(), theirs));
    let number = safety::number(&ours, &theirs);
    let groups: Vec<&str> = (0..12).filter_map(|at| number.get(at * 5..at * 5 + 5)).collect();
    prose.say(format!("Read these numbers to {name}, best in another way. They must be the same there:"));
    groups.chunks(4).for_each(|row| prose.say(row.join(" ")));
    prose.say(format!("Your key is {}.", ours.openssh()));
    prose.say(format!("The key of {name} is {}.", theirs.openssh()));
    prose.say(format!("/match {name} says that they match, /differ {name} that they do not."));
    let in_call = prose.model.call.as_ref().is_some_and(|call| !call.plain && call.is_with(&name));
    Ok(if in_call { vec![Effect::Send(Command::Compare(name))] } else { Vec::new() })
}

pub(super) fn judge(prose: &mut Prose, matches: bool, rest: &str) -> Result<Vec<Effect>, String> {
    let name = exactly(prose, if matches { Do::Match } else { Do::Differ }, rest)?;
    let key = key_said(prose, &name)?;
    if prose.model.contacts.get(&name).is_some_and(|contact| contact.replaced_by.is_some()) {
        return Err(format!(
            "{name} comes with another key: /verify {name} says both. First /accept-key or /remove."
        ));
    }
    Ok(vec![Effect::Send(Command::Verify { name, key, matches })])
}

/// What a human said of a key counts now.
pub(super) fn judged(prose: &mut Prose, new: &ContactInfo) {
    let Some(old) = prose.model.contacts.get(&new.name) else { return };
    let (name, was) = (&new.name, (old.verified, old.differs));
    if new.differs && !was.1 {
        prose.say(format!("{name} is not who they seem: nothing goes to them or comes from them."));
    } else if new.verified.is_some() && new.verified != was.0 {
        prose.say(format!("{name} is verified: this key is theirs."));
    }
}

pub(super) fn accept_key(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let name = exactly(prose, Do::AcceptKey, rest)?;
    let key = key_said(prose, &name)?;
    Ok(vec![Effect::Send(Command::AcceptIdentity { name, key })])
}

/// The key of this name that was said, which is the one people compared.
fn key_said(prose: &Prose, name: &Name) -> Result<Fingerprint, String> {
    let said = prose.key_said.as_ref().filter(|(who, _)| who == name);
    said.map(|(_, key)| *key).ok_or_else(|| format!("Say /verify {name} first, and compare what it says."))
}

pub(super) fn block(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let name = exactly(prose, Do::Block, rest)?;
    Ok(vec![Effect::Send(Command::Ban(name))])
}

pub(super) fn unblock(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let known = prose.model.banned.iter().find(|ban| ban.name.as_str() == rest).cloned();
    let ban =
        known.ok_or_else(|| "Nobody of that name is blocked, as far as /blocked has said.".to_owned())?;
    Ok(vec![Effect::Send(Command::Unban(ban.principal))])
}

pub(super) fn compared(prose: &mut Prose, who: &Name, compared: Compared) {
    let who = prose.model.shown(who);
    prose.say(match compared {
        Compared::Words(words) => {
            format!("Words of this call with {who}: {}. Say them to each other.", words.join(" "))
        }
        Compared::NoAnswer => {
            format!("{who} did not answer with words: an older program, or somebody keeps them.")
        }
        Compared::Broken => format!("WARNING, somebody tampers with the words between you and {who}."),
        Compared::TooMany => format!("No more words with {who} in this call. Call again for others."),
    });
}

/// Who is blocked, as far as that was asked.
pub(super) fn banned(prose: &mut Prose, list: &[Banned], answered: Option<Answer>) {
    match answered {
        Some(Answer::Bans) if list.is_empty() => prose.say("Nobody is blocked."),
        Some(Answer::Bans) => say_banned(prose, list),
        Some(Answer::Ban(name)) if list.iter().any(|ban| ban.name == name) => {
            prose.to.take_if(|to| *to == name);
            prose.say(format!(
                "{name} is blocked: no requests, texts or calls. /unblock {name} lets them in again."
            ));
        }
        Some(Answer::Unban(who)) if !list.iter().any(|ban| ban.principal == who) => {
            let name = prose.model.banned.iter().find(|ban| ban.principal == who).map(|ban| ban.name.clone());
            if let Some(name) = name {
                prose.say(format!("{name} is blocked no longer. They are no contact until one of you asks."));
            }
        }
        Some(_) | None => {}
    }
}

fn say_banned(prose: &mut Prose, list: &[Banned]) {
    for ban in list {
        prose.say(format!("Blocked: {}, {}.", ban.name, shown(&ban.principal)));
    }
}
