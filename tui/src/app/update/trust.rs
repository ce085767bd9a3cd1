//! What the keys do that verify, block and decide about changed keys; and what the client machine tells of these.

use proto::client::{Banned, Command, Compared, ContactInfo};
use proto::id::{Name, Principal};
use proto::wire::record::Standing;

use super::super::call::Phase;
use super::super::contacts::is_guest;
use super::super::model::{Focus, Model};
use super::super::msg::Effect;
use super::super::popup::Popup;
use super::super::trust::{BLOCK_TIME, Blocked, Changed, Qr, Verify, Words, key_of, sorted};
use super::keys::nobody;
use super::{events, notice};

/// Opens the window to compare keys: with the chosen member in the call view, else with the selected contact.
pub(super) fn verify(model: &mut Model, effects: &mut Vec<Effect>) {
    let now = model.now.mono;
    let member = model.call.as_ref().filter(|_| model.on_call_page()).and_then(|call| {
        let at = call.chosen(now).unwrap_or(0);
        call.parties.get(at).map(|party| party.name.clone())
    });
    let who = member.or_else(|| model.contacts.selected().map(|contact| contact.name.clone()));
    match who {
        None => nobody(model),
        Some(who) => open(model, &who, effects),
    }
}

fn open(model: &mut Model, who: &Name, effects: &mut Vec<Effect>) {
    let shown = model.shown(who);
    let Some(contact) = model.contacts.get(who) else {
        return notice(model, format!("{shown} is no contact of yours: add them first."));
    };
    if contact.replaced_by.is_some() {
        return ask_about(model, who);
    }
    let (Some(ours), Some(theirs)) = (model.settings.account, key_of(contact)) else {
        return notice(model, format!("{shown} has no key: a name proves nothing here."));
    };
    let in_call = model.call.as_ref().is_some_and(|call| {
        let live = matches!(call.phase, Phase::Live { .. }) && !call.plain;
        live && call.parties.iter().any(|party| party.name == *who && party.ssrc().is_some())
    });
    let words = if in_call && !contact.blocked { Words::Waiting } else { Words::NoCall };
    if words == Words::Waiting {
        effects.push(Effect::Send(Command::Compare(who.clone())));
    }
    model.popups.push(Popup::Verify(Box::new(Verify::new(who.clone(), ours, theirs, words))));
}

/// They match, or they do not: said by a human who compared.
pub(super) fn judge(model: &mut Model, matches: bool, effects: &mut Vec<Effect>) {
    let Some(Popup::Verify(window)) = model.popups.last() else { return };
    let (name, key) = (window.who.clone(), window.theirs);
    model.popups.pop();
    effects.push(Effect::Send(Command::Verify { name, key, matches }));
}

/// What a human said of a key counts now, or a request was accepted: `new` is about to be taken into the list.
pub(super) fn judged(model: &mut Model, new: &ContactInfo) {
    let Some(old) = model.contacts.get(&new.name).cloned() else { return };
    let shown = model.in_full(&new.name);
    if new.differs && !old.differs {
        let words =
            format!("{shown} is not who they seem: nothing goes to them or comes from them. s looks again.");
        events::note(model, &new.name, words.clone());
        notice(model, words);
    } else if new.verified.is_some() && new.verified != old.verified {
        notice(model, format!("{shown} is verified: this key is theirs."));
    } else if (old.standing, new.standing) == (Standing::Asking, Standing::Mutual) {
        let next = events::next(model, &new.name);
        notice(model, format!("{shown} is your contact now: {next}"));
    }
}

/// Words, or why there are none. Who did not ask for them is told that the other did.
pub(super) fn compared(model: &mut Model, who: &Name, compared: Compared) {
    let window = model.popups.iter_mut().find_map(|popup| match popup {
        Popup::Verify(window) if window.who == *who => Some(window),
        Popup::Verify(_)
        | Popup::Help(_)
        | Popup::Palette(_)
        | Popup::Settings(_)
        | Popup::Add(_)
        | Popup::Consent(_)
        | Popup::Rename(_)
        | Popup::Changed(_)
        | Popup::Blocked(_)
        | Popup::Qr(_) => None,
    });
    if let Some(window) = window {
        window.words = Words::Told(compared);
    } else if let Compared::Words(_) = compared {
        let words = format!("{} compares words with you: s in the call view shows yours.", model.shown(who));
        notice(model, words);
    }
}

/// The call is over: there is nobody to say words to.
pub(super) fn call_over(model: &mut Model) {
    for popup in &mut model.popups {
        if let Popup::Verify(window) = popup {
            window.words = Words::NoCall;
        }
    }
}

// --- a key that changed ---

/// The key behind a name is another one. The window opens by itself only where it takes nobody's keys.
pub(super) fn changed(model: &mut Model, name: &Name) {
    let words =
        format!("The key behind {name} is another one: nothing is sent until you decided. s shows both.");
    events::note(model, name, words.clone());
    notice(model, words);
    if model.focus == Focus::List && model.popups.is_empty() && !model.on_call_page() && model.find.is_none()
    {
        ask_about(model, name);
    }
}

/// Opens the window about another key.
fn ask_about(model: &mut Model, name: &Name) {
    let new = model.contacts.get(name).and_then(|contact| contact.replaced_by.clone());
    model.popups.push(Popup::Changed(Changed::new(name.clone(), new)));
}

/// Nothing can be done with somebody whose key changed or differs, but to decide about it.
pub(super) fn decide_first(model: &mut Model, name: &Name, effects: &mut Vec<Effect>) -> bool {
    let blocked = model.contacts.get(name).is_some_and(|contact| contact.blocked);
    if blocked {
        open(model, name, effects);
    }
    blocked
}

/// Enter in the window: the whole name says that the new key is theirs.
pub(super) fn accept_key(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(Popup::Changed(window)) = model.popups.last_mut() else { return };
    let name = window.who.clone();
    let new = model.contacts.get(&name).and_then(|contact| contact.replaced_by.clone());
    if new != window.new {
        *window = Changed::new(name.clone(), new);
        window.problem = Some(format!("{name} comes with yet another key: look at it before you type."));
        return;
    }
    let Some(Principal::Key(key)) = new else {
        window.problem = Some(format!("A guest proves no name: D removes {name}, who may ask anew."));
        return;
    };
    if window.typed.text().trim() != name.as_str() {
        let typed = window.typed.text().is_empty();
        let words = if typed { "Type" } else { "That is not the name: type" };
        window.problem =
            Some(format!("{words} {name} to say that the new key is theirs. Esc decides later."));
        return;
    }
    model.popups.pop();
    effects.push(Effect::Send(Command::AcceptIdentity { name, key }));
}

/// The chat and what we keep about somebody go on under the new key.
pub(super) fn accepted(model: &mut Model, name: &Name, old: &Principal, new: Principal) {
    model.contacts.succeed(old, &new);
    if let Some(chat) = model.chats.get_mut(name) {
        chat.with = Some(new);
    }
    notice(model, format!("The new key is {name}'s now. It is not verified: s compares numbers."));
    events::note(model, name, format!("you accepted another key of {name}"));
}

// --- blocked by us ---

/// The second key blocks.
pub(super) fn block(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(contact) = model.contacts.selected() else { return nobody(model) };
    let (name, guest) = (contact.name.clone(), is_guest(contact));
    let now = model.now.mono;
    let again = model.block_asked.take().is_some_and(|(asked, until)| asked == name && now < until);
    if again {
        model.deciding.ban = Some(name.clone());
        model.notice = None;
        return effects.push(Effect::Send(Command::Ban(name)));
    }
    let by = if guest { "Whoever takes this name is not heard then" } else { "They are not told" };
    notice(model, format!("b once more blocks {}: no requests, texts or calls. {by}.", model.in_full(&name)));
    model.block_asked = Some((name, now + BLOCK_TIME));
}

pub(super) fn show_blocked(model: &mut Model, effects: &mut Vec<Effect>) {
    model.popups.push(Popup::Blocked(Blocked::default()));
    effects.push(Effect::Send(Command::Bans));
}

pub(super) fn banned(model: &mut Model, list: Vec<Banned>) {
    model.banned = sorted(list);
    let banned = &model.banned;
    let done = model.deciding.ban.take_if(|name| banned.iter().any(|ban| ban.name == *name));
    let undone = model.deciding.unban.take_if(|ban| banned.iter().all(|b| b.principal != ban.principal));
    if let Some(name) = done {
        notice(model, format!("{name} is blocked. B shows who is, and lets them in again."));
    } else if let Some(Banned { name, .. }) = undone {
        let words = format!("{name} is blocked no longer. They are no contact until one of you asks.");
        notice(model, words);
    }
    let last = model.banned.len().saturating_sub(1);
    if let Some(Popup::Blocked(window)) = model.popups.last_mut() {
        window.at = window.at.min(last);
    }
}

pub(super) fn unblock(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(Popup::Blocked(window)) = model.popups.last() else { return };
    let Some(banned) = model.banned.get(window.at).cloned() else { return };
    model.deciding.unban = Some(banned.clone());
    effects.push(Effect::Send(Command::Unban(banned.principal)));
}

// --- codes ---

/// Shows what the window is about as a code for cameras.
pub(super) fn show_code(model: &mut Model) {
    let code = match model.popups.last() {
        Some(Popup::Verify(window)) => {
            let title = format!("Safety number with {}", window.who);
            Some(Qr { title, text: window.number.concat(), inverted: false })
        }
        Some(Popup::Add(_)) => {
            let title = "Your link, good for 6 days".to_owned();
            model.own_link.clone().map(|text| Qr { title, text, inverted: false })
        }
        Some(
            Popup::Help(_)
            | Popup::Palette(_)
            | Popup::Settings(_)
            | Popup::Consent(_)
            | Popup::Rename(_)
            | Popup::Changed(_)
            | Popup::Blocked(_)
            | Popup::Qr(_),
        )
        | None => None,
    };
    match code {
        Some(code) => model.popups.push(Popup::Qr(code)),
        None => notice(model, "There is no link yet: ^O makes one."),
    }
}
