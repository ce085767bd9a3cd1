//! What the keys do that order the list and name the people in it.

use std::collections::BTreeMap;

use proto::client::ContactInfo;
use proto::id::{Name, Principal};

use super::super::chat::Chat;
use super::super::contacts::Step;
use super::super::find::Find;
use super::super::input::Editor;
use super::super::keymap::Place;
use super::super::model::Model;
use super::super::msg::Effect;
use super::super::personal::{ALIAS_BYTES_MAX, Personal, alias};
use super::super::popup::{Popup, Rename};
use super::keys::nobody;
use super::notice;

/// What was kept about people in earlier runs.
pub(super) fn kept(model: &mut Model, list: Vec<(Principal, Personal)>) {
    for (who, personal) in list {
        model.contacts.set_personal(who, personal);
    }
    model.dirty = true;
}

/// A chat is with who somebody is: whoever has the name now and was somebody else before gets an empty one.
pub(super) fn meet(model: &mut Model, contact: &ContactInfo) {
    let chat = model.chats.of(&contact.name, &model.contacts);
    if chat.with.as_ref().is_some_and(|with| *with != contact.principal) {
        *chat = Chat::default();
    }
    chat.with = Some(contact.principal.clone());
    if let Some(at) = model.unread_before.iter().position(|(who, _)| *who == contact.principal) {
        chat.unread += model.unread_before.swap_remove(at).1;
        model.dirty = true;
    }
}

/// Lets the list change. When the chosen one goes by that, nobody is chosen, and it is said: what was meant for them must
/// not reach whoever comes next.
pub(super) fn keep_chosen(model: &mut Model, change: impl FnOnce(&mut Model)) {
    let chosen = model.chatting().map(|name| (name.clone(), model.in_full(name)));
    change(model);
    let Some((name, shown)) = chosen.filter(|_| model.chatting().is_none()) else { return };
    if model.deciding.ban.as_ref() != Some(&name) {
        let next = if model.contacts.is_empty() { "" } else { model.how_to_choose() };
        notice(model, format!("{shown} is in your list no more. {next}").trim_end());
    }
}

/// What the keys do about a request: they act on whoever is chosen, but for an answer to the only one.
pub(super) fn asks(model: &Model, name: &Name) -> &'static str {
    let chosen = model.chatting() == Some(name);
    let only = model.contacts.requests().len() == 1;
    match (model.places().contains(&Place::List), chosen, only) {
        (true, true, _) => "A accepts, D rejects.",
        (true, false, true) => "A accepts, j and k choose them.",
        (true, false, false) => "j and k choose them.",
        (false, _, _) => "they wait in the list.",
    }
}

/// Puts the list in order, if no key was for it just now.
pub(super) fn arrange(model: &mut Model) {
    let unread = |(name, chat): (&Name, &Chat)| (name.clone(), chat.unread);
    let unread: BTreeMap<Name, usize> =
        model.chats.iter().filter(|(_, chat)| chat.unread > 0).map(unread).collect();
    model.dirty |= model.contacts.arrange(unread, model.now.mono);
}

pub(super) fn favourite(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(contact) = model.contacts.selected() else { return nobody(model) };
    let (name, who) = (contact.name.clone(), contact.principal.clone());
    let mut personal = model.contacts.personal(&name).cloned().unwrap_or_default();
    personal.favourite = !personal.favourite;
    let shown = model.shown(&name);
    let words = if personal.favourite { "comes first now" } else { "is no favourite any more" };
    model.contacts.set_personal(who.clone(), personal.clone());
    effects.push(Effect::Keep(who, personal));
    notice(model, format!("{shown} {words}."));
}

pub(super) fn next_unread(model: &mut Model) {
    let chats = &model.chats;
    let unread = |name: &Name| chats.get(name).is_some_and(|chat| chat.unread > 0);
    match model.contacts.next_unread(unread).cloned() {
        Some(name) => model.contacts.select(&name),
        None => notice(model, "Everything is read."),
    }
}

// --- finding ---

pub(super) fn find(model: &mut Model) {
    model.find = Some(Find::begin(&model.contacts));
}

/// Looks anew after whatever happened: a letter, or somebody who came.
pub(super) fn look(model: &mut Model) {
    if let Some(find) = &mut model.find {
        find.look(&model.contacts);
    }
}

/// Enter: whoever is under the cursor is chosen.
pub(super) fn found(model: &mut Model) {
    let Some(find) = model.find.take() else { return };
    match find.chosen() {
        Some(name) => model.contacts.select(name),
        None => notice(model, "Nobody is called so."),
    }
}

/// Up and down, in whatever there is to move in.
pub(super) fn step(model: &mut Model, step: Step) {
    let down = matches!(step, Step::Down | Step::PageDown | Step::Last);
    let last = model.banned.len().saturating_sub(1);
    if let Some(Popup::Blocked(window)) = model.popups.last_mut() {
        window.at = if down { (window.at + 1).min(last) } else { window.at.saturating_sub(1) };
    } else if let Some(find) = &mut model.find {
        find.step(down);
    } else {
        model.contacts.step(step);
    }
}

pub(super) fn begin_rename(model: &mut Model) {
    let Some(contact) = model.contacts.selected() else { return nobody(model) };
    let who = contact.name.clone();
    let now = model.contacts.personal(&who).and_then(|personal| personal.alias.as_ref());
    let alias = Editor::with(now.map_or("", |alias| alias.as_str()), ALIAS_BYTES_MAX);
    model.popups.push(Popup::Rename(Rename { who, alias, problem: None }));
}

/// Enter in the window: the name is kept, unless somebody else is called so.
pub(super) fn rename(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(Popup::Rename(window)) = model.popups.last_mut() else { return };
    let name = window.who.clone();
    let typed = alias(window.alias.text()).map(|alias| alias.filter(|alias| alias.as_str() != name.as_str()));
    let taken = |label: &str| {
        let other = model.contacts.called(label, &name)?;
        Some(format!("{other} is called so already."))
    };
    let checked = typed.and_then(|alias| match alias.as_ref().and_then(|alias| taken(alias.as_str())) {
        None => Ok(alias),
        Some(problem) => Err(problem),
    });
    match checked {
        Err(problem) => window.problem = Some(problem),
        Ok(alias) => {
            model.popups.pop();
            let Some(who) = model.contacts.get(&name).map(|contact| contact.principal.clone()) else {
                return;
            };
            let mut personal = model.contacts.personal(&name).cloned().unwrap_or_default();
            personal.alias = alias;
            model.contacts.set_personal(who.clone(), personal.clone());
            effects.push(Effect::Keep(who, personal));
            let words = format!("{} is what you call {name} now; nobody else sees it.", model.shown(&name));
            let own = format!("{name} goes by their own name.");
            notice(model, if model.shown(&name).contains(name.as_str()) { own } else { words });
        }
    }
}
