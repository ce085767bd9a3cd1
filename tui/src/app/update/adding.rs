//! Adding somebody: by name with a few words, or by a link, and a link of one's own to hand out.

use proto::Safe;
use proto::client::{Command, Matter};
use proto::id::{Fingerprint, Name};
use proto::invite::Invite;
use proto::limits::GREETING_CHARS_MAX;

use super::super::model::Model;
use super::super::msg::Effect;
use super::super::popup::{Add, Asking, Popup};
use super::{copy, notice};
use crate::limits::ADD_BYTES_MAX;

/// A link of our own is there.
pub(super) fn link_made(model: &mut Model, link: String) {
    (model.own_link, model.link_made) = (Some(link), model.now.wall);
    if let Some(Popup::Add(add)) = model.popups.last_mut() {
        add.link_wanted = false;
    }
}

pub(super) fn own_link(model: &mut Model, effects: &mut Vec<Effect>) {
    if model.settings.plain_server.is_some() {
        return notice(model, "This server's protocol has no links.");
    }
    if let Some(link) = model.own_link.as_deref().map(|link| Safe::text(link, ADD_BYTES_MAX)) {
        return copy(model, "Your link", link, effects);
    }
    let Some(Popup::Add(add)) = model.popups.last_mut() else { return };
    if !add.link_wanted {
        add.link_wanted = true;
        effects.push(Effect::Send(Command::Invite));
    }
}

/// From the name to the message, and back.
pub(super) fn other_line(model: &mut Model) {
    if model.settings.plain_server.is_some() {
        return notice(model, "This server's protocol has no messages with requests.");
    }
    if let Some(Popup::Add(add)) = model.popups.last_mut() {
        add.in_message = !add.in_message;
    }
}

/// Enter in the window.
pub(super) fn ask(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(Popup::Add(add)) = model.popups.last_mut() else { return };
    if add.asking.is_some() {
        return;
    }
    let typed = add.who.text().trim().to_owned();
    let command = if typed.starts_with("tincan://") {
        redeem(add, &typed, model.server_key)
    } else {
        request(add, &typed)
    };
    match command {
        Err((in_message, problem)) => {
            add.in_message = in_message;
            add.problem = Some(problem);
        }
        Ok((asking, command)) => {
            add.problem = None;
            model.asked = Some(asking.who.clone());
            add.asking = Some(asking);
            effects.push(Effect::Send(command));
        }
    }
}

/// The window that waits for the server, wherever it is among the windows.
fn waiting(model: &mut Model) -> Option<(usize, &mut Add)> {
    model.popups.iter_mut().enumerate().find_map(|(at, popup)| match popup {
        Popup::Add(add) if add.asking.is_some() => Some((at, add)),
        Popup::Add(_)
        | Popup::Help(_)
        | Popup::Palette(_)
        | Popup::Settings(_)
        | Popup::Consent(_)
        | Popup::Rename(_)
        | Popup::Verify(_)
        | Popup::Changed(_)
        | Popup::Blocked(_)
        | Popup::Qr(_) => None,
    })
}

/// They are in the list now: the window has done its work.
pub(super) fn listed(model: &mut Model, name: &Name) {
    let Some((at, add)) = waiting(model) else { return };
    if let Some(asking) = add.asking.take_if(|asking| asking.who == *name) {
        model.popups.remove(at);
        notice(model, asking.done);
    }
}

/// The server's no goes to the window that asked, with all that was written. False when none did.
pub(super) fn refused(model: &mut Model, of: &Matter, why: &str) -> bool {
    let Some((_, add)) = waiting(model) else { return false };
    let meant = |asking: &Asking| match of {
        Matter::Contact(name) => !asking.by_link && asking.who == *name,
        Matter::Redeem => asking.by_link,
        Matter::Greeting(_)
        | Matter::Ban(_)
        | Matter::Unban(_)
        | Matter::Invite
        | Matter::Words(_)
        | Matter::Text { .. }
        | Matter::Call
        | Matter::Login => false,
    };
    let ours = add.asking.take_if(|asking| meant(asking)).is_some();
    if ours {
        add.in_message = false;
        add.problem = Some(why.to_owned());
        model.asked = None;
    }
    ours
}

/// The connection is gone, and no answer comes.
pub(super) fn unanswered(model: &mut Model) {
    let Some((_, add)) = waiting(model) else { return };
    add.asking = None;
    add.problem = Some("The connection was lost before the server answered: Enter asks again.".to_owned());
}

/// What is wrong, and whether it is so with the message.
type Wrong = (bool, String);

/// To ask whoever has this name, with what the message line says.
fn request(add: &Add, typed: &str) -> Result<(Asking, Command), Wrong> {
    let to = Name::parse(typed).map_err(|wrong| (false, format!("That is no name: {wrong}.")))?;
    let text = add.message.text().trim().to_owned();
    let chars = text.chars().count();
    if chars > GREETING_CHARS_MAX {
        let words = format!("The message has {chars} characters; {GREETING_CHARS_MAX} go with a request.");
        return Err((true, words));
    }
    let with = if text.is_empty() { "" } else { ", with your message" };
    let done = format!("{to} is asked to be your contact{with}.");
    let asking = Asking { who: to.clone(), by_link: false, done };
    Ok((asking, if text.is_empty() { Command::Add(to) } else { Command::Greet { to, text } }))
}

/// What to do with a friend's link, or what is wrong with it.
fn redeem(add: &Add, link: &str, server: Option<Fingerprint>) -> Result<(Asking, Command), Wrong> {
    if !add.message.text().trim().is_empty() {
        let words = "A link makes you contacts at once, and no message goes with it: empty that line.";
        return Err((true, words.to_owned()));
    }
    let invite =
        Invite::parse(link).map_err(|wrong| (false, format!("That link cannot be read: {wrong}.")))?;
    if server.is_some_and(|server| server != invite.server) {
        let host = invite.host;
        let words =
            format!("That link is for another server, {host}: start tincan with it, in another profile.");
        return Err((false, words));
    }
    match (invite.token, invite.name) {
        (Some(token), Some(who)) => {
            let done = format!("{who} and you are contacts now.");
            Ok((Asking { who, by_link: true, done }, Command::Redeem(token)))
        }
        (Some(_) | None, _) => Err((false, "That link is the server's own and names nobody.".to_owned())),
    }
}
