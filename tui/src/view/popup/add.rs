//! The window to add a contact: whom, what goes with the request, and a link of one's own.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::Model;
use crate::app::keymap::{Act, Place};
use crate::app::popup::Add;

use super::super::theme::Theme;
use super::super::{line, text};
use super::window;

/// Draws it; gives the cursor's place.
pub(super) fn add(model: &Model, add: &Add, area: Rect, buf: &mut Buffer, theme: Theme) -> Option<Position> {
    let width = area.width.saturating_sub(4).min(72);
    let room = width.saturating_sub(6);
    let links = model.settings.plain_server.is_none();
    let own = own_link(model, add, room.saturating_sub(2));
    let problem = add.problem.as_deref().map(|words| text::wrap(words, room)).unwrap_or_default();
    let fields = if links { 2 } else { 1 };
    // The frame, a row above, and one before the link.
    let rows = |parts: &[usize]| u16::try_from(4 + parts.iter().sum::<usize>()).unwrap_or(u16::MAX);
    let mut hints = hints(model, add, room);
    if rows(&[fields, problem.len(), hints.len(), own.len()]) > area.height {
        // What is wrong, and the link, matter more.
        hints.clear();
    }
    if model.own_link.is_some() && problem.is_empty() && rows(&[fields, own.len()]) > area.height {
        return link_first(model, add, area, buf, theme);
    }
    let height = rows(&[fields, problem.len(), hints.len(), own.len()]);
    let inside = window(area, width, height, "Add a contact", buf, theme);
    let row = |y| text::row(inside, y);
    let mut field = |y, label: &str, editor| {
        let x = 1 + text::columns(label);
        text::left(buf, row(y), 1, label, theme.dim());
        line::line(
            editor,
            Rect { x: inside.x + x, width: inside.width.saturating_sub(x), ..row(y) },
            buf,
            theme,
        )
    };
    // Where there is little room what is typed needs it more.
    let (name, words) = match (links, room < NARROW) {
        (false, _) => ("name  ", ""),
        (true, true) => ("name     ", "message  "),
        (true, false) => ("name or link  ", "message       "),
    };
    let who = field(1, name, &add.who);
    let message = if links { field(2, words, &add.message) } else { None };
    let below = problem.iter().map(|words| (words, theme.bad()));
    let below = below.chain(hints.iter().map(|words| (words, theme.dim())));
    let mut y = if links { 3 } else { 2 };
    for (words, style) in below {
        text::left(buf, row(y), 1, words, style);
        y += 1;
    }
    y += 1;
    for words in own {
        text::left(buf, row(y), 1, &words, theme.plain());
        y += 1;
    }
    if add.in_message { message } else { who }
}

/// On a low screen a link of one's own is shown whole, because whoever cannot copy it reads it from here: of the lines only
/// the one that has the keys unless there is room for both, and what copies it where a row is left.
fn link_first(model: &Model, add: &Add, area: Rect, buf: &mut Buffer, theme: Theme) -> Option<Position> {
    let inside = window(area, area.width.saturating_sub(2), area.height, "Add a contact", buf, theme);
    let mut own = own_link(model, add, inside.width.saturating_sub(2));
    let room = usize::from(inside.height);
    let fields = [("name     ", &add.who, !add.in_message), ("message  ", &add.message, add.in_message)];
    let both = own.len() + fields.len() <= room;
    let (mut y, mut cursor) = (0, None);
    for (label, editor, has_keys) in fields.into_iter().filter(|(.., has_keys)| both || *has_keys) {
        let (row, x) = (text::row(inside, y), 1 + text::columns(label));
        text::left(buf, row, 1, label, theme.dim());
        let field = Rect { x: inside.x + x, width: inside.width.saturating_sub(x), ..row };
        let at = line::line(editor, field, buf, theme);
        cursor = if has_keys { at } else { cursor };
        y += 1;
    }
    if own.len() + usize::from(y) > room {
        own.remove(0);
    }
    for (y, words) in (y..).zip(&own) {
        text::left(buf, text::row(inside, y), 1, words, theme.plain());
    }
    cursor
}

const ASKED: &str = "They are asked; you see each other once they accept.";
const LINK: &str = "A link (tincan://..) makes you contacts at once.";
const MESSAGE: &str = "It says who you are, sealed so that only they can read it.";
const ASKING: &str = "The server is being asked.";
/// Columns for a field and what it is called, below which its name is short.
const NARROW: u16 = 36;
/// Characters that are left when they begin to be counted.
const COUNTED: usize = 40;

/// What helps with the line that has the keys.
fn hints(model: &Model, add: &Add, room: u16) -> Vec<String> {
    let words: Vec<String> = match (model.settings.plain_server.is_some(), model.own_link.is_some()) {
        _ if add.asking.is_some() => vec![ASKING.to_owned()],
        _ if add.in_message => {
            let left = add.room();
            let count = (left <= COUNTED).then(|| format!("{left} characters are left."));
            core::iter::once(MESSAGE.to_owned()).chain(count).collect()
        }
        (false, true) => Vec::new(),
        (false, false) => vec![ASKED.to_owned(), LINK.to_owned()],
        (true, _) => vec![ASKED.to_owned()],
    };
    words.iter().flat_map(|words| text::wrap(words, room)).collect()
}

fn own_link(model: &Model, add: &Add, room: u16) -> Vec<String> {
    if model.settings.plain_server.is_some() {
        return Vec::new();
    }
    match (&model.own_link, add.link_wanted) {
        (Some(link), _) => {
            let key = model.settings.keys.key(Act::OwnLink, &[Place::Add]);
            let copies = key.map_or_else(|| ":".to_owned(), |key| format!(". {key} copies it:"));
            let head = if room < NARROW { "Your link" } else { "Your link, good for 6 days" };
            let mut rows = vec![format!("{head}{copies}")];
            rows.extend(text::wrap(link, room));
            rows
        }
        (None, true) => text::wrap("Your own link is being made.", room),
        (None, false) => model
            .settings
            .keys
            .key(Act::OwnLink, &[Place::Add])
            .map(|key| text::wrap(&format!("{key} makes a link to hand out."), room))
            .unwrap_or_default(),
    }
}
