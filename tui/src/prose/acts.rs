//! What typed lines do, those about calls in [`super::calls`]: each command checks what it is about, says what is wrong in words that name commands, and
//! then does what the key of the screen does.

use proto::Safe;
use proto::client::Command;
use proto::id::Name;
use proto::limits::{GREETING_CHARS_MAX, TEXT_BYTES_MAX};
use proto::media::SoundCommand;
use proto::wire::record::Standing;

use super::commands::{self, Do};
use super::told::{self, NAMES_SAID};
use super::{Prose, calls, people, status};
use crate::app::contacts::is_guest;
use crate::app::keymap::Act;
use crate::app::popup::{Asking, Popup};
use crate::app::{Effect, Msg};

/// Lines of a chat that are shown when nobody says how many.
const HISTORY_LINES: usize = 10;

/// Does what the line says, or says what is wrong with it.
pub(super) fn typed(prose: &mut Prose, line: &str) -> Vec<Effect> {
    let done = match commands::parse(line) {
        Ok(None) => Ok(Vec::new()),
        Ok(Some((Do::Say, text))) if !line.starts_with('/') || line.starts_with("//") => {
            text_to_current(prose, text)
        }
        Ok(Some((does, rest))) => act(prose, does, rest),
        Err(why) => Err(why),
    };
    done.unwrap_or_else(|why| {
        prose.say(why);
        Vec::new()
    })
}

fn act(prose: &mut Prose, does: Do, rest: &str) -> Result<Vec<Effect>, String> {
    if !rest.is_empty() && BARE.contains(&does) {
        return Err(commands::usage(does));
    }
    match does {
        Do::Accept => accept(prose, rest),
        Do::AcceptKey => people::accept_key(prose, rest),
        Do::Block => people::block(prose, rest),
        Do::Blocked => Ok(vec![Effect::Send(Command::Bans)]),
        Do::Differ => people::judge(prose, false, rest),
        Do::Match => people::judge(prose, true, rest),
        Do::Unblock => people::unblock(prose, rest),
        Do::Verify => people::verify(prose, rest),
        Do::Add => add(prose, rest),
        Do::Requests => {
            status::requests(prose);
            Ok(Vec::new())
        }
        Do::Again => calls::again(prose),
        Do::Answer => calls::answer(prose, rest),
        Do::Call => calls::call(prose, rest),
        Do::Contacts => {
            status::everybody(prose);
            Ok(Vec::new())
        }
        Do::Decline => calls::ringing(prose, Act::Decline),
        Do::Devices => Ok(vec![Effect::Sound(SoundCommand::ListDevices)]),
        Do::Undisturbed => do_not_disturb(prose, rest),
        Do::Favourite => people::favourite(prose, rest),
        Do::HangUp => {
            calls::in_call(prose)?;
            Ok(prose.update(Msg::Act(Act::HangUp)))
        }
        Do::Help => help(prose, rest),
        Do::History => history(prose, rest),
        Do::Link => link(prose),
        Do::Microphone | Do::Speaker | Do::Ring => calls::device(prose, does, rest),
        Do::Mute => calls::mute(prose, rest),
        Do::Talk => calls::talk(prose, rest),
        Do::Quit => Ok(vec![Effect::Quit]),
        Do::Record => calls::record(prose, rest),
        Do::Rename => people::rename(prose, rest),
        Do::Reject | Do::Remove => remove(prose, does, rest),
        Do::Say => {
            let (who, text) = rest.split_once(' ').ok_or_else(|| commands::usage(does))?;
            let to = contact(prose, does, who)?;
            text_to(prose, &to, text.trim_start())
        }
        Do::Silence => calls::ringing(prose, Act::Silence),
        Do::Status => {
            status::status(prose);
            Ok(Vec::new())
        }
        Do::To => to(prose, rest),
        Do::Undo => undo(prose),
        Do::Volume => calls::volume(prose, rest),
    }
}

/// Commands of one word: more than it is a mistake that is better said than overlooked.
const BARE: [Do; 11] = [
    Do::Again,
    Do::Blocked,
    Do::Contacts,
    Do::Decline,
    Do::Devices,
    Do::HangUp,
    Do::Link,
    Do::Quit,
    Do::Silence,
    Do::Status,
    Do::Undo,
];

/// The contact that is named so, or whose name is the only one that begins so.
pub(super) fn contact(prose: &Prose, does: Do, typed: &str) -> Result<Name, String> {
    if typed.is_empty() || typed.contains(' ') {
        return Err(commands::usage(does));
    }
    let typed = typed.strip_prefix('~').unwrap_or(typed);
    let contacts = &prose.model.contacts;
    let known = || contacts.contacts().into_iter().chain(contacts.requests()).map(|contact| &contact.name);
    if let Some(name) = known().find(|name| name.as_str() == typed) {
        return Ok(name.clone());
    }
    let begins: Vec<&Name> = known().filter(|name| name.as_str().starts_with(typed)).collect();
    match begins.as_slice() {
        [only] => Ok((*only).clone()),
        [] => {
            Err(format!("Nobody in your list is called {}. /contacts lists who there is.", Safe::line(typed)))
        }
        several => Err(format!("That could be {}: type more of it.", prose.model.among(several, NAMES_SAID))),
    }
}

/// The same, in full: for what is not easily taken back.
pub(super) fn exactly(prose: &Prose, does: Do, typed: &str) -> Result<Name, String> {
    let name = contact(prose, does, typed)?;
    if name.as_str() == typed { Ok(name) } else { Err(format!("Type the whole name: {name}.")) }
}

/// Texts go to them from now on, if their program has any.
pub(super) fn write_to(prose: &mut Prose, name: &Name) {
    let writable =
        |contact: &&proto::client::ContactInfo| contact.standing == Standing::Mutual && !is_guest(contact);
    if prose.model.contacts.get(name).filter(writable).is_some() {
        prose.to = Some(name.clone());
    }
}

/// Lines come as ever; what rings beside them, and the command, is still.
fn do_not_disturb(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let wanted = match rest {
        "" => !prose.model.dnd,
        "on" => true,
        "off" => false,
        _ => return Err(commands::usage(Do::Undisturbed)),
    };
    prose.say(prose.model.settings.notify.rings(wanted));
    if wanted == prose.model.dnd {
        return Ok(Vec::new());
    }
    Ok(prose.update(Msg::Act(Act::DoNotDisturb)))
}

fn to(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let name = contact(prose, Do::To, rest)?;
    writable(prose, &name)?;
    prose.say(format!("You write to {name} now."));
    prose.to = Some(name);
    Ok(Vec::new())
}

/// Whether a text can be written to them.
fn writable(prose: &Prose, name: &Name) -> Result<(), String> {
    match prose.model.contacts.get(name) {
        None => Err(format!("{name} is no contact of yours.")),
        Some(contact) if is_guest(contact) => {
            Err(format!("{}: /call {name} calls them.", prose.model.no_texts(name)))
        }
        Some(contact) if contact.blocked => {
            Err(format!("{name} cannot be written to: their key has changed."))
        }
        Some(contact) => match contact.standing {
            Standing::Asking => {
                Err(format!("{name} waits for your answer: /accept {name}, then you can write."))
            }
            Standing::None | Standing::Asked => Err(format!(
                "{name} has not accepted yet: then you can write. /remove {name} takes your request back."
            )),
            Standing::Mutual => Ok(()),
        },
    }
}

fn text_to_current(prose: &mut Prose, text: &str) -> Result<Vec<Effect>, String> {
    match prose.to.clone() {
        Some(to) => text_to(prose, &to, text),
        None => Err("To whom? Type /to NAME first, or /help.".to_owned()),
    }
}

/// Sends a text as the message line of the screen does.
fn text_to(prose: &mut Prose, to: &Name, text: &str) -> Result<Vec<Effect>, String> {
    writable(prose, to)?;
    if text.trim().is_empty() {
        return Err(commands::usage(Do::Say));
    }
    prose.model.contacts.select(to);
    let draft = &mut prose.model.chats.of(to, &prose.model.contacts).draft;
    draft.take();
    if !draft.insert(text) {
        return Err(format!("That is too long: a text has at most {TEXT_BYTES_MAX} bytes."));
    }
    // A window, such as the question whether a call may be without encryption, would take it for an answer.
    let windows = core::mem::take(&mut prose.model.popups);
    let effects = prose.take_in(Msg::Act(Act::Go));
    prose.model.popups = windows;
    Ok(effects)
}

fn history(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let most = match rest {
        "" => HISTORY_LINES,
        rest => rest.parse().map_err(|_| commands::usage(Do::History))?,
    };
    let Some(who) = prose.to.clone() else { return Err("Whose? Type /to NAME first.".to_owned()) };
    prose.model.contacts.select(&who);
    let chat = prose.model.chats.of(&who, &prose.model.contacts);
    if chat.loaded {
        let from = chat.lines().count().saturating_sub(most);
        let lines: Vec<_> = chat.lines().skip(from).cloned().collect();
        return Ok(told::show(prose, &who, &lines));
    }
    prose.history = Some((who, most));
    Ok(prose.update(Msg::Tick))
}

/// Adds as the window of the screen does.
fn add(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    if rest.is_empty() {
        return Err(commands::usage(Do::Add));
    }
    let (who, message) = rest.split_once(' ').map_or((rest, ""), |(who, message)| (who, message.trim()));
    if !message.is_empty() && prose.model.settings.plain_server.is_some() {
        return Err("This server's protocol has no messages with requests: /add NAME asks.".to_owned());
    }
    let mut effects = prose.update(Msg::Act(Act::Add));
    let mut fits = prose.model.editor().is_some_and(|editor| editor.insert(who));
    let mut problem = (!fits).then(|| "That is too long for a name or a link.".to_owned());
    if let Some(Popup::Add(add)) = prose.model.popups.last_mut().filter(|_| fits)
        && !add.message.insert(message)
    {
        fits = false;
        problem = Some(format!("A message with a request has at most {GREETING_CHARS_MAX} characters."));
    }
    if fits {
        prose.model.notice = None;
        effects.extend(prose.update(Msg::Act(Act::Go)));
    }
    // Lines do not wait in a window: what comes of it is said when it is known.
    let asking = match prose.model.popups.pop() {
        Some(Popup::Add(add)) => {
            problem = problem.or(add.problem);
            add.asking
        }
        other => {
            prose.model.popups.extend(other);
            None
        }
    };
    if let Some(problem) = problem {
        return Err(problem);
    }
    match asking {
        Some(Asking { who, by_link: true, .. }) => prose.say(format!("{who}'s link is being used.")),
        Some(Asking { done, .. }) => prose.say(done),
        None => {}
    }
    Ok(effects)
}

fn accept(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let requests = prose.model.contacts.requests();
    let name = match (rest, requests.as_slice()) {
        ("", [only]) => only.name.clone(),
        ("", []) => return Err("Nobody asks to be your contact.".to_owned()),
        ("", _) => return Err(commands::usage(Do::Accept)),
        (rest, _) => contact(prose, Do::Accept, rest)?,
    };
    if prose.model.contacts.get(&name).is_none_or(|contact| contact.standing != Standing::Asking) {
        return Err(format!("{name} does not ask to be your contact."));
    }
    prose.model.contacts.select(&name);
    Ok(prose.update(Msg::Act(Act::Accept)))
}

fn remove(prose: &mut Prose, does: Do, rest: &str) -> Result<Vec<Effect>, String> {
    let name = exactly(prose, does, rest)?;
    let standing = prose.model.contacts.get(&name).map(|contact| contact.standing);
    let (asks, asked) = (standing == Some(Standing::Asking), standing == Some(Standing::Asked));
    match (does, asks) {
        (Do::Reject, false) => {
            return Err(format!("{name} does not ask to be your contact. /remove removes."));
        }
        (Do::Reject, true) => {
            prose.say(format!("The request of {name} is rejected. /undo takes it back, for 10 s."))
        }
        (_, _) if asked => prose.say(format!("{name} is asked no more. /undo takes it back, for 10 s.")),
        (_, _) => prose.say(format!("{name} is removed. /undo takes it back, for 10 s.")),
    }
    prose.to.take_if(|to| *to == name);
    prose.model.contacts.select(&name);
    Ok(prose.update(Msg::Act(Act::Remove)))
}

fn undo(prose: &mut Prose) -> Result<Vec<Effect>, String> {
    if prose.model.contacts.leaving().is_none() {
        return Err("There is nothing to take back.".to_owned());
    }
    let effects = prose.update(Msg::Act(Act::Undo));
    let again = prose.model.still_leaving().map(|who| format!(" /undo takes {who}."));
    if let Some(name) = prose.model.chatting() {
        prose.say(format!("{name} stays.{}", again.unwrap_or_default()));
    }
    Ok(effects)
}

fn link(prose: &mut Prose) -> Result<Vec<Effect>, String> {
    prose.model.forget_old_link();
    match (prose.model.settings.plain_server, &prose.model.own_link) {
        (Some(_), _) => Err("This server's protocol has no links.".to_owned()),
        (None, Some(link)) => Err(format!("Your link, good for 6 days, for whoever has it: {link}")),
        (None, None) => Ok(vec![Effect::Send(Command::Invite)]),
    }
}

fn help(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let word = rest.trim_start_matches('/').to_lowercase();
    let lines: Vec<String> = commands::TABLE
        .iter()
        .map(|row| format!("/{}: {}", row.usage, row.words()))
        .filter(|line| line.to_lowercase().contains(&word))
        .collect();
    if lines.is_empty() {
        return Err(format!("Nothing in the help holds {}. /help lists all.", Safe::line(rest)));
    }
    lines.into_iter().for_each(|line| prose.say(line));
    if word.is_empty() {
        prose.say("Words and names may be short: /ca bo calls bob, if nobody else begins so.");
        prose.say("What comes in while you type does not touch what you type; ^R shows it again.");
    }
    Ok(Vec::new())
}
