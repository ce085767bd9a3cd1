//! What keys do: the table says which act, this does it.

use std::time::Duration;

use proto::Safe;
use proto::client::{Command, ContactInfo, MessageState};
use proto::id::Name;
use proto::limits::{GREETING_CHARS_MAX, TEXT_BYTES_MAX};
use proto::wire::record::Standing;

use super::super::chat::{From, Line, Sent};
use super::super::contacts::is_guest;
use super::super::keymap::{Act, Place};
use super::super::model::{Focus, Model, Stage};
use super::super::msg::Effect;
use super::super::popup::{Add, Popup};
use super::super::settings::Page;
use super::super::talk::Tier;
use super::calls::show_incoming;
use super::{adding, alert, calling, notice, palette, people, ptt, removal, settings, tools, trust};
use crate::keys::{Input, Key, Kind};

/// How long the second ^C or q may take.
const QUIT_TIME: Duration = Duration::from_secs(2);

/// How long a notice stands at least: to be read.
const READ_TIME: Duration = Duration::from_secs(2);

/// Lines a scroll key moves.
const SCROLL_LINES: usize = 5;

/// Why nothing can be done with whoever is chosen: nobody is.
pub(super) fn nobody(model: &mut Model) {
    if model.contacts.is_empty() {
        return notice(model, "The list is empty: a adds a contact.");
    }
    notice(model, format!("Nobody is chosen. {}", model.how_to_choose()));
}

pub(super) fn on_input(model: &mut Model, input: Input, effects: &mut Vec<Effect>) {
    match input {
        Input::Key(key) if key.kind == Kind::Release => ptt::released(model, key),
        Input::Key(key) => on_key(model, key, effects),
        Input::Paste(text) => {
            // Several lines become a draft of several lines; nothing pasted is ever sent by itself.
            write(model, Safe::text(&text, text.len()).as_str());
        }
        Input::PasteUnended => {
            notice(model, "The terminal never said where the paste ends: taken as it came.")
        }
        Input::Focus(here) => ptt::keyboard(model, here),
        Input::TellsReleases => model.sound.talk.learn(Tier::Release),
    }
}

fn on_key(model: &mut Model, key: Key, effects: &mut Vec<Effect>) {
    let row = model.settings.keys.meaning(key, model.places());
    // What was meant for the list must not answer the window that has just covered it.
    if let Some(place) = model.guarded()
        && row.is_none_or(|row| row.place == place)
    {
        if let Some(Popup::Consent(consent)) = model.popups.last_mut() {
            consent.touched = model.now.mono;
        }
        return;
    }
    model.dirty = true;
    let (places, stood) = (model.places(), model.notice.clone());
    model.pressed = Some(model.now.mono);
    // Some terminals do not tell when they get the keyboard back.
    model.focused = model.focused.map(|_| true);
    if row.is_some_and(|row| row.place == Place::List) {
        model.contacts.touch(model.now.mono);
    }
    match (row, key.typed()) {
        (Some(row), _) if row.act == Act::Talk => ptt::pressed(model, key),
        // A terminal that tells repeats must not mute and unmute while a finger rests on the key.
        (Some(row), _) if key.kind == Kind::Repeat && !row.act.repeats() => {}
        (Some(row), _) => act(model, row.act, effects),
        (None, Some(typed)) => write(model, typed.encode_utf8(&mut [0; 4])),
        (None, None) => {}
    }
    // Where other keys count, they are to be seen; what has only just been told is still to be read.
    if model.places() != places
        && model.notice == stood
        && stood.is_some_and(|notice| model.now.mono >= notice.since + READ_TIME)
    {
        model.notice = None;
    }
    // A window may have closed or the focus moved: a call that rings behind them comes to the front.
    show_incoming(model, false);
}

fn write(model: &mut Model, text: &str) {
    if let Stage::Welcome(welcome) = &mut model.stage
        && core::mem::take(&mut welcome.proposed)
    {
        welcome.name.take();
    }
    let Some(editor) = model.editor() else {
        // Who was written to is gone: what is typed on must neither be lost in silence nor be commands.
        if model.places().contains(&Place::Message) {
            nobody(model);
        }
        return;
    };
    if !editor.insert(text) {
        notice(model, too_long(model));
    }
    match model.popups.last_mut() {
        Some(Popup::Add(add)) => add.problem = None,
        Some(Popup::Rename(rename)) => rename.problem = None,
        Some(Popup::Changed(changed)) => changed.problem = None,
        Some(
            Popup::Help(_)
            | Popup::Palette(_)
            | Popup::Settings(_)
            | Popup::Consent(_)
            | Popup::Verify(_)
            | Popup::Blocked(_)
            | Popup::Qr(_),
        )
        | None => {}
    }
    palette::typed(model);
    model.dirty = true;
}

fn too_long(model: &Model) -> String {
    match model.popups.last() {
        Some(Popup::Add(add)) if add.in_message => {
            format!("That is too long: a message with a request has at most {GREETING_CHARS_MAX} characters.")
        }
        Some(_) | None => format!("That is too long: a message has at most {TEXT_BYTES_MAX} bytes."),
    }
}

pub(super) fn act(model: &mut Model, act: Act, effects: &mut Vec<Effect>) {
    match act {
        Act::Help => palette::toggle_help(model),
        Act::Palette => palette::toggle(model),
        Act::Settings | Act::Devices => settings::open(model, Page::Audio, effects),
        Act::Turn { next } => settings::turn(model, next),
        Act::Change => settings::change(model, effects),
        Act::Reset => settings::reset(model, effects),
        Act::EchoTest => settings::echo_test(model, effects),
        Act::OtherPane => other_pane(model),
        Act::Back => back(model, effects),
        Act::Redraw => effects.push(Effect::Redraw),
        Act::Suspend => {
            ptt::rest(model, effects);
            settings::rest(model, effects);
            effects.push(Effect::Suspend);
        }
        Act::Talk => ptt::toggled(model),
        Act::DoNotDisturb => alert::toggle_dnd(model),
        Act::Interrupt => quit(model, true, effects),
        Act::Quit => quit(model, model.call.is_some(), effects),
        Act::Edit(edit) => {
            if let Stage::Welcome(welcome) = &mut model.stage {
                welcome.proposed = false;
            }
            if let Some(editor) = model.editor() {
                editor.edit(edit);
            }
            palette::typed(model);
        }
        Act::Scroll { up } => scroll(model, up),
        Act::Move(step) if matches!(model.popups.last(), Some(Popup::Palette(_))) => {
            palette::step(model, step)
        }
        Act::Move(step) if matches!(model.popups.last(), Some(Popup::Settings(_))) => {
            settings::step(model, step)
        }
        Act::Move(step) => people::step(model, step),
        Act::Open => open(model, effects),
        Act::Accept => accept(model, effects),
        Act::Remove => removal::remove(model, effects),
        Act::Undo => removal::undo(model),
        Act::Favourite => people::favourite(model, effects),
        Act::Rename => people::begin_rename(model),
        Act::NextUnread => people::next_unread(model),
        Act::Find => people::find(model),
        Act::Verify => trust::verify(model, effects),
        Act::Judge(matches) => trust::judge(model, matches, effects),
        Act::Code => trust::show_code(model),
        Act::Invert => {
            if let Some(Popup::Qr(code)) = model.popups.last_mut() {
                code.inverted = !code.inverted;
            }
        }
        Act::Block => trust::block(model, effects),
        Act::Blocked => trust::show_blocked(model, effects),
        Act::Unblock => trust::unblock(model, effects),
        Act::Add => model.popups.push(Popup::Add(Add::default())),
        Act::OwnLink => adding::own_link(model, effects),
        Act::OtherLine => adding::other_line(model),
        Act::Go => go(model, effects),
        Act::NewLine => write(model, "\n"),
        Act::Call => calling::call(model, effects),
        Act::Mark => calling::mark(model),
        Act::Unmark => model.contacts.unmark(),
        Act::Mute => calling::mute(model, !model.sound.muted, effects),
        Act::HangUp | Act::Decline => calling::hang_up(model, effects),
        Act::DeclineAndWrite => decline_and_write(model, effects),
        Act::CallView => calling::call_view(model),
        Act::Answer { muted } => calling::answer(model, muted, true, effects),
        Act::Silence => calling::silence(model),
        Act::Consent => calling::consent(model, effects),
        Act::Choose { down } => calling::choose(model, down),
        Act::SayAgain(wanted) => tools::say_again(model, wanted, effects),
        Act::Record => tools::record(model, effects),
        Act::Louder => calling::volume(model, true, effects),
        Act::Quieter => calling::volume(model, false, effects),
    }
}

fn back(model: &mut Model, effects: &mut Vec<Effect>) {
    if settings::back(model, effects) {
        return;
    }
    if model.popups.pop().is_none() && model.find.take().is_none() {
        model.focus = Focus::List;
    }
}

fn other_pane(model: &mut Model) {
    model.find = None;
    match model.focus {
        Focus::Message => model.focus = Focus::List,
        Focus::List => write_to_selected(model),
    }
}

/// Takes the keys to the message line; not for a guest, whose program has no texts.
fn write_to_selected(model: &mut Model) {
    let Some(contact) = model.contacts.selected() else { return nobody(model) };
    if is_guest(contact) {
        return notice(model, format!("{}: c calls them.", model.no_texts(&contact.name)));
    }
    // What is written to somebody who has not accepted would be refused: that is said before, not after.
    if contact.standing != Standing::Mutual {
        return notice(model, not_yet(model, contact));
    }
    model.focus = Focus::Message;
}

/// Why somebody in the list cannot be written to, and what can be done about it.
fn not_yet(model: &Model, contact: &ContactInfo) -> String {
    let shown = model.shown(&contact.name);
    match contact.standing {
        Standing::Asking => format!("{shown} waits for your answer: A accepts, then you can write."),
        Standing::None | Standing::Asked | Standing::Mutual => {
            format!("{shown} has not accepted yet: then you can write. D takes your request back.")
        }
    }
}

/// The call is declined, and the message line of the caller has the keys.
fn decline_and_write(model: &mut Model, effects: &mut Vec<Effect>) {
    let caller = model.incoming().and_then(|(call, _)| call.first()).map(|party| party.name.clone());
    calling::hang_up(model, effects);
    // Nobody who is not in the list can be written to, and least of all somebody else in their place.
    if let Some(caller) = caller.filter(|caller| model.contacts.get(caller).is_some()) {
        model.contacts.select(&caller);
        write_to_selected(model);
    }
}

fn quit(model: &mut Model, ask: bool, effects: &mut Vec<Effect>) {
    if !ask || model.quit_until.is_some() {
        return effects.push(Effect::Quit);
    }
    model.quit_until = Some(model.now.mono + QUIT_TIME);
    let words =
        if model.call.is_some() { "Press it again to hang up and quit." } else { "Press it again to quit." };
    notice(model, words);
}

fn scroll(model: &mut Model, up: bool) {
    if let Some(Popup::Help(help)) = model.popups.last_mut() {
        let last = help.lines(&model.settings.keys).len();
        help.scroll = if up {
            help.scroll.saturating_sub(SCROLL_LINES)
        } else {
            (help.scroll + SCROLL_LINES).min(last)
        };
        return;
    }
    let Some(name) = model.chatting().cloned() else { return };
    if model.contacts.read_on(up, SCROLL_LINES) {
        return;
    }
    model.chats.of(&name, &model.contacts).scroll(up, SCROLL_LINES);
}

fn open(model: &mut Model, effects: &mut Vec<Effect>) {
    if let Some(name) = model.contacts.selected().map(|contact| contact.name.clone())
        && trust::decide_first(model, &name, effects)
    {
        return;
    }
    match model.contacts.selected().map(|contact| contact.standing) {
        Some(Standing::Asking) => accept(model, effects),
        Some(Standing::None | Standing::Asked | Standing::Mutual) => write_to_selected(model),
        None => nobody(model),
    }
}

fn accept(model: &mut Model, effects: &mut Vec<Effect>) {
    // A works from anywhere in the list when there is only one to accept.
    let requests = model.contacts.requests();
    let chosen = model.contacts.selected().filter(|contact| contact.standing == Standing::Asking);
    let only = if requests.len() == 1 { requests.first().copied() } else { None };
    match chosen.or(only).map(|contact| contact.name.clone()) {
        Some(name) => {
            model.contacts.select(&name);
            effects.push(Effect::Send(Command::Accept(name)));
        }
        None => notice(model, "Nobody selected asks to be a contact: move to a request first."),
    }
}

fn go(model: &mut Model, effects: &mut Vec<Effect>) {
    match (&model.stage, model.popups.last()) {
        (Stage::Welcome(_), _) => join(model, effects),
        (Stage::Main, Some(Popup::Add(_))) => adding::ask(model, effects),
        (Stage::Main, Some(Popup::Rename(_))) => people::rename(model, effects),
        (Stage::Main, Some(Popup::Changed(_))) => trust::accept_key(model, effects),
        (Stage::Main, None) if model.find.is_some() => people::found(model),
        (Stage::Main, None) => say(model, effects),
        (Stage::Main, Some(Popup::Palette(_))) => palette::run(model, effects),
        (Stage::Main, Some(Popup::Settings(_))) => settings::go_on(model, effects),
        (
            Stage::Main,
            Some(Popup::Help(_) | Popup::Consent(_) | Popup::Verify(_) | Popup::Blocked(_) | Popup::Qr(_)),
        )
        | (Stage::Stop { .. }, _) => {}
    }
}

/// Enter on the first-run screen: trusts the key that is shown and takes the name that is shown, in one.
fn join(model: &mut Model, effects: &mut Vec<Effect>) {
    let Stage::Welcome(welcome) = &mut model.stage else { return };
    welcome.proposed = false;
    match Name::parse(welcome.name.text()) {
        Err(wrong) => welcome.problem = Some(format!("Choose another name: {wrong}.")),
        Ok(name) => {
            welcome.problem = None;
            if welcome.unknown_key.take().is_some() {
                effects.push(Effect::Send(Command::TrustServer));
            }
            if welcome.name_wanted {
                effects.push(Effect::Send(Command::Join(name.clone())));
            }
            welcome.chosen = Some(name);
        }
    }
}

fn say(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(contact) = model.contacts.selected() else { return nobody(model) };
    if is_guest(contact) {
        return notice(model, format!("{}: c calls them.", model.no_texts(&contact.name)));
    }
    let (to, standing, blocked) = (contact.name.clone(), contact.standing, contact.blocked);
    if blocked {
        trust::decide_first(model, &to, effects);
        return;
    }
    if standing != Standing::Mutual {
        return notice(model, not_yet(model, contact));
    }
    let chat = model.chats.of(&to, &model.contacts);
    if chat.draft.text().trim().is_empty() {
        return;
    }
    let text = chat.draft.take();
    let echo = model.echo;
    model.echo += 1;
    let sent = Sent { echo: Some(echo), state: MessageState::Waiting };
    let shown = Safe::text(&text, TEXT_BYTES_MAX);
    chat.push(Line { id: None, when: model.now.wall, from: From::Me(sent), text: shown });
    chat.scroll = 0;
    effects.push(Effect::Send(Command::Say { to, text, echo }));
}
