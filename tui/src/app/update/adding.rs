//! Adding somebody: by name with a few words, or by a link, and a link of one's own to hand out.

use proto::Safe;
use proto::client::Command;
use proto::id::{Fingerprint, Name};
use proto::invite::Invite;
use proto::limits::GREETING_CHARS_MAX;

use super::super::model::Model;
use super::super::msg::Effect;
use super::super::popup::{Add, Popup};
use super::{copy, notice};
use crate::limits::ADD_BYTES_MAX;

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
    let typed = add.who.text().trim().to_owned();
    let command = if typed.starts_with("tincan://") {
        redeem(add, &typed, model.server_key)
    } else {
        request(add, &typed)
    };
    match command {
        Err(problem) => add.problem = Some(problem),
        Ok((words, command)) => {
            if let Command::Add(name) | Command::Greet { to: name, .. } = &command {
                model.asked = Some(name.clone());
            }
            effects.push(Effect::Send(command));
            model.popups.pop();
            notice(model, words);
        }
    }
}

/// To ask whoever has this name, with what the message line says.
fn request(add: &Add, typed: &str) -> Result<(String, Command), String> {
    let to = Name::parse(typed).map_err(|wrong| format!("That is no name: {wrong}."))?;
    let text = add.message.text().trim().to_owned();
    let chars = text.chars().count();
    if chars > GREETING_CHARS_MAX {
        return Err(format!("The message has {chars} characters; {GREETING_CHARS_MAX} go with a request."));
    }
    if text.is_empty() {
        return Ok((format!("{to} is asked to be your contact."), Command::Add(to)));
    }
    Ok((format!("{to} is asked to be your contact, with your message."), Command::Greet { to, text }))
}

/// What to do with a friend's link, or what is wrong with it.
fn redeem(add: &Add, link: &str, server: Option<Fingerprint>) -> Result<(String, Command), String> {
    if !add.message.text().trim().is_empty() {
        return Err(
            "A link makes you contacts at once, and no message goes with it: empty that line.".to_owned()
        );
    }
    let invite = Invite::parse(link).map_err(|wrong| format!("That link cannot be read: {wrong}."))?;
    if server.is_some_and(|server| server != invite.server) {
        let host = invite.host;
        return Err(format!(
            "That link is for another server, {host}: start tincan with it, in another profile."
        ));
    }
    match (invite.token, invite.name) {
        (Some(token), Some(name)) => Ok((format!("{name}'s link is being used."), Command::Redeem(token))),
        (Some(_) | None, _) => Err("That link is the server's own and names nobody.".to_owned()),
    }
}
