//! The chat with the chosen contact: who it is, the lines, the call bar, and the line being written.

use std::collections::VecDeque;

use proto::client::{ContactInfo, MessageState};
use proto::wire::record::{Presence, Standing};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::Model;
use crate::app::chat::{Chat, From, Line};
use crate::app::contacts::is_guest;
use crate::app::keymap::{Act, Place};
use crate::app::links::find;
use crate::app::model::{self, Focus, Glyphs};

use super::links::{Link, lay};
use super::text;
use super::theme::Theme;
use super::{bidi, call, line, request, title};

/// Columns of the time before a line: a space, `14:32`, a space.
const TIME_COLUMNS: u16 = 7;

/// Draws the pane; gives the cursor's place when the line has the focus.
pub(super) fn pane(
    model: &Model,
    area: Rect,
    buf: &mut Buffer,
    theme: Theme,
    bar: bool,
    links: &mut Vec<Link>,
) -> Option<Position> {
    let bar = if bar && model.call.is_some() { 2 } else { 0 };
    let contact = model.contacts.selected();
    head(model, contact, text::row(area, 0), buf, theme);
    text::rule(buf, text::row(area, 1), theme.glyphs.horizontal, theme.dim());
    let lines = Rect { y: area.y + 2, height: area.height.saturating_sub(4 + bar), ..area };
    match contact {
        None if model.contacts.is_empty() => paragraph(NOBODY, lines, buf, theme),
        None => paragraph(&format!("Nobody is chosen. {}", model.how_to_choose()), lines, buf, theme),
        Some(contact) if contact.standing == Standing::Asking => {
            request::whole(model, contact, lines, buf, theme);
        }
        Some(contact) => match model.chats.get(&contact.name).filter(|chat| chat.lines().next().is_some()) {
            Some(chat) => links.extend(history(model, contact, chat, lines, buf, theme)),
            None if contact.standing == Standing::Asked => {
                let can = if is_guest(contact) { "call" } else { "write and call" };
                let shown = model.shown(&contact.name);
                let key = model.settings.keys.key(Act::Remove, &[Place::List]);
                let back = key.map_or_else(String::new, |key| format!(" {key} takes the request back."));
                let words = format!("{shown} has been asked. You can {can} once they accept.{back}");
                paragraph(&words, lines, buf, theme);
            }
            None if is_guest(contact) => {
                let about = if model.settings.plain_server.is_some() { UNPROVED } else { GUEST };
                let words = format!("{} {about}", model.shown(&contact.name));
                paragraph(&words, lines, buf, theme);
            }
            None => {}
        },
    }
    let below = Rect { y: area.y + area.height - 2 - bar, height: bar, ..area };
    call::bar(model, below, buf, theme);
    text::rule(buf, text::row(area, area.height - 2), theme.glyphs.horizontal, theme.dim());
    let input = text::row(area, area.height - 1);
    let x = text::left(buf, input, 1, "> ", theme.accent());
    let contact = contact?;
    let chat = model.chats.get(&contact.name);
    if chat.is_none_or(|chat| chat.draft.text().is_empty())
        && let Some(why) = unwritable(model, contact)
    {
        text::left(buf, input, x, why, theme.dim());
        return None;
    }
    let place = Rect { x: input.x + x, width: input.width - x, ..input };
    let none = crate::app::input::Editor::default();
    let cursor = line::line(chat.map_or(&none, |chat| &chat.draft), place, buf, theme);
    cursor.filter(|_| model.focus == Focus::Message)
}

/// Why there is nothing to write in, where the line would be.
fn unwritable(model: &Model, contact: &ContactInfo) -> Option<&'static str> {
    match contact.standing {
        Standing::Asked => Some("you can write once they accept"),
        Standing::Asking => Some("you can write once you accept"),
        Standing::None | Standing::Mutual if !is_guest(contact) => None,
        Standing::None | Standing::Mutual if model.settings.plain_server.is_some() => {
            Some("this server's protocol has no texts: c calls them")
        }
        Standing::None | Standing::Mutual => Some("their program has no texts: c calls them"),
    }
}

const NOBODY: &str = "This is where you talk. Press a to add a contact by name, or by the link they gave you. \
    Most servers have a friend called echo who answers calls and says back what you say.";

/// After the name of somebody on a plain door.
const GUEST: &str = "is a guest, known by this name and nothing else: whoever takes it next looks the same. \
    Calls with a guest are not encrypted, and a guest's program has no texts.";

/// The same where nobody is known by anything else.
const UNPROVED: &str = "is a name that is not proved here: this server's protocol proves none, and whoever takes it \
    next looks the same. Calls are not encrypted, and there are no texts.";

fn head(model: &Model, contact: Option<&ContactInfo>, area: Rect, buf: &mut Buffer, theme: Theme) {
    let Some(contact) = contact else { return };
    let guest = is_guest(contact);
    let name_style = if guest { theme.warn() } else { theme.strong() };
    let x = text::left(buf, area, 1, &model.in_full(&contact.name), name_style);
    if let Some(when) = contact.verified.filter(|_| !contact.blocked) {
        let when = title::date(when, &model.settings.zone);
        text::left(buf, area, x + 2, &format!("{} verified {when}", theme.glyphs.verified), theme.good());
    }
    let (words, style) = match (contact.blocked, contact.standing, contact.presence) {
        (true, _, _) if contact.differs => ("differs: nothing is sent (Enter)", theme.alarm()),
        (true, _, _) => ("another key: nothing is sent (Enter)", theme.alarm()),
        (_, Standing::Asking, _) => ("asks to be your contact", theme.warn()),
        (_, Standing::Asked, _) => ("asked, no answer yet", theme.dim()),
        (_, Standing::None, _) => ("not a contact", theme.dim()),
        // What was known of them last says nothing about now.
        (_, Standing::Mutual, _) if model.link != model::Link::Online => {
            ("not known, no connection", theme.dim())
        }
        (_, Standing::Mutual, Presence::Online) if guest => ("online, not encrypted", theme.warn()),
        (_, Standing::Mutual, Presence::InCall) if guest => ("in a call, not encrypted", theme.warn()),
        (_, Standing::Mutual, Presence::Offline) if guest => ("offline", theme.dim()),
        (_, Standing::Mutual, Presence::Online) => ("online", theme.good()),
        (_, Standing::Mutual, Presence::InCall) => ("in a call", theme.warn()),
        (_, Standing::Mutual, Presence::Offline) => ("offline, texts wait for them", theme.dim()),
    };
    text::right(buf, area, 1, words, style);
}

fn paragraph(words: &str, area: Rect, buf: &mut Buffer, theme: Theme) {
    for (y, row) in (1..area.height).zip(text::wrap(words, area.width.saturating_sub(4))) {
        text::left(buf, text::row(area, y), 2, &row, theme.dim());
    }
}

/// One row of the chat, ready to be drawn.
struct Row<'a> {
    line: &'a Line,
    text: String,
    /// Which row of its line it is.
    number: usize,
    /// The first row has the time and the name, the last one the mark.
    first: bool,
    last: bool,
    /// The text runs from right to left; it has rows of its own.
    leftward: bool,
    day: Option<String>,
}

/// Draws the newest lines; gives the links in them.
fn history(
    model: &Model,
    contact: &ContactInfo,
    chat: &Chat,
    area: Rect,
    buf: &mut Buffer,
    theme: Theme,
) -> Vec<Link> {
    let own = model.name.as_ref().map_or("you", proto::id::Name::as_str);
    let theirs = model.contacts.label(&contact.name);
    let name_columns = text::columns(own).max(text::columns(&theirs)).clamp(6, 12);
    let room = area.width.saturating_sub(TIME_COLUMNS + name_columns + 1 + 3);
    let rows = rows(model, chat, room, usize::from(area.height));
    for (y, row) in (0..).zip(&rows) {
        let place = text::row(area, y);
        if let Some(day) = &row.day {
            text::left(buf, place, 1, day, theme.dim());
            continue;
        }
        if row.first {
            let time = title::time_of_day(row.line.when, &model.settings.zone);
            text::left(buf, place, 1, &time, theme.dim());
            let (name, style) = match row.line.from {
                From::Me(_) => (own, theme.dim()),
                From::Them => (theirs.as_str(), theme.accent()),
                From::Note => (theme.glyphs.sound, theme.dim()),
            };
            let name = text::fit(name, name_columns, theme.glyphs.more);
            let at = TIME_COLUMNS + name_columns - text::columns(&name);
            text::left(buf, place, at, &name, style);
        }
        let style = if row.line.from == From::Note { theme.dim() } else { theme.plain() };
        let at = TIME_COLUMNS + name_columns + 1;
        if row.leftward && model.settings.look.glyphs == Glyphs::Unicode {
            bidi::isolated(buf, place, at, &row.text, style);
        } else {
            text::left(buf, place, at, &row.text, style);
        }
        if row.last {
            mark(&row.line.from, place, buf, theme);
        }
    }
    links(&rows, room, Position { x: area.x + TIME_COLUMNS + name_columns + 1, y: area.y })
}

/// The links of the lines whose rows these are; `at` is where the text of the first begins. The program's own words hold
/// none, and text that runs from right to left has marks of its own between its letters.
fn links(rows: &VecDeque<Row<'_>>, room: u16, at: Position) -> Vec<Link> {
    let mut found = Vec::new();
    for row in rows.iter().filter(|row| row.last && row.day.is_none() && row.line.from != From::Note) {
        let text = row.line.text.as_str();
        let ranges = find(text);
        if ranges.is_empty() || bidi::runs_left(text) {
            continue;
        }
        let own = |number: usize| {
            let same = |other: &&Row<'_>| core::ptr::eq(other.line, row.line) && other.number == number;
            let y = rows.iter().position(|other| same(&other) && other.day.is_none())?;
            u16::try_from(y).ok().map(|y| at.y + y)
        };
        let laid = lay(text, &ranges, &text::wrap(text, room));
        found.extend(laid.into_iter().filter_map(|link| link.place(at.x, own)));
    }
    found
}

fn mark(from: &From, area: Rect, buf: &mut Buffer, theme: Theme) {
    let From::Me(sent) = from else { return };
    let (glyph, style): (_, Style) = match &sent.state {
        MessageState::Waiting => (theme.glyphs.waiting, theme.dim()),
        MessageState::Delivered => (theme.glyphs.delivered, theme.good()),
        MessageState::Failed(_) => (theme.glyphs.failed, theme.bad()),
    };
    text::right(buf, area, 1, glyph, style);
}

/// The newest rows that fit, made from the end: the length of a chat costs nothing.
fn rows<'a>(model: &Model, chat: &'a Chat, room: u16, height: usize) -> VecDeque<Row<'a>> {
    let zone = &model.settings.zone;
    let mut rows = VecDeque::new();
    let mut newer: Option<(&Line, String)> = None;
    for line in chat.lines().rev().skip(chat.scroll) {
        let day = title::day(line.when, zone);
        if let Some((line, other)) = newer.take().filter(|(_, other)| *other != day) {
            rows.push_front(day_row(line, other));
        }
        let texts = text::wrap(line.text.as_str(), room);
        let leftward = bidi::runs_left(line.text.as_str());
        let last = texts.len() - 1;
        for (at, text) in texts.into_iter().enumerate().rev() {
            let (first, last) = (at == 0 && !leftward, at == last && !leftward);
            rows.push_front(Row { line, text, number: at, first, last, leftward, day: None });
        }
        if leftward {
            let text = String::new();
            rows.push_front(Row {
                line,
                text,
                number: 0,
                first: true,
                last: true,
                leftward: false,
                day: None,
            });
        }
        if rows.len() >= height {
            rows.drain(..rows.len() - height);
            return rows;
        }
        newer = Some((line, day));
    }
    if let Some((line, day)) = newer.filter(|(_, day)| *day != title::day(model.now.wall, zone)) {
        rows.push_front(day_row(line, day));
    }
    rows
}

fn day_row(line: &Line, day: String) -> Row<'_> {
    let (text, day) = (String::new(), Some(day));
    Row { line, text, number: 0, first: false, last: false, leftward: false, day }
}
