//! The first run, and the full stop after a changed server key.

use proto::id::Fingerprint;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::Model;
use crate::app::model::{Link, Welcome};
use crate::app::trust::trust_anew;

use super::popup::window;
use super::theme::Theme;
use super::{line, text};

/// Where the values begin.
const VALUE_AT: u16 = 10;

pub(super) fn welcome(
    model: &Model,
    first: &Welcome,
    area: Rect,
    buf: &mut Buffer,
    theme: Theme,
) -> Option<Position> {
    let width = area.width.saturating_sub(2).min(74);
    let room = width.saturating_sub(5);
    let problem = first.problem.as_deref().map(|words| text::wrap(words, room)).unwrap_or_default();
    let server = server_words(model, first, room.saturating_sub(VALUE_AT));
    let mut about = about(model.settings.account, room);
    // On a very low screen only what Enter does is left: whose key is trusted, and which name is taken.
    if 6 + server.len() + problem.len() > usize::from(area.height) {
        return low(model, first, area, buf, theme);
    }
    let rows = 9 + about.len() + server.len() + problem.len();
    let height = u16::try_from(rows).unwrap_or(u16::MAX);
    let inside = window(area, width, height, "Welcome to tincan (1 of 2)", buf, theme);
    // On a low screen what can be read later goes first: the blank rows, and the words about the key.
    let gap = u16::from(height <= area.height);
    if gap == 0 {
        about.clear();
    }
    let row = |y| text::row(inside, y);
    let mut y = gap;
    for (at, words) in about.iter().enumerate() {
        let style = if at == 0 {
            theme.plain()
        } else if at + 1 == about.len() {
            theme.dim()
        } else {
            theme.accent()
        };
        text::left(buf, row(y), 1, &text::fit(words, room, theme.glyphs.more), style);
        y += 1;
    }
    y += gap;
    text::left(buf, row(y), 1, "server", theme.dim());
    for part in server {
        text::left(buf, row(y), VALUE_AT + 1, &part, theme.plain());
        y += 1;
    }
    y += gap;
    text::left(buf, row(y), 1, "name", theme.dim());
    let at = VALUE_AT + 1;
    let field = Rect { x: inside.x + at, width: inside.width.saturating_sub(at), ..row(y) };
    let cursor = line::line(&first.name, field, buf, theme);
    for words in problem {
        y += 1;
        text::left(buf, row(y), 1, &words, theme.bad());
    }
    y += 1 + gap;
    let next = match (&first.chosen, first.problem.is_some()) {
        (Some(_), false) => "One moment.",
        (Some(_), true) | (None, _) => "Enter takes this name. Type to change it.",
    };
    text::left(buf, row(y), 1, next, theme.strong());
    cursor
}

/// The same where there is room for nothing else.
fn low(model: &Model, first: &Welcome, area: Rect, buf: &mut Buffer, theme: Theme) -> Option<Position> {
    let width = area.width.saturating_sub(2).min(74);
    let inside = window(area, width, area.height, "Welcome (1 of 2)", buf, theme);
    let room = inside.width.saturating_sub(1);
    let mut rows = Vec::new();
    if let Some(problem) = &first.problem {
        rows.extend(text::wrap(problem, room).into_iter().map(|words| (words, theme.bad())));
    } else {
        let server = format!("{}, {}", model.settings.server, reached(model));
        rows.push((text::fit(&server, room, theme.glyphs.more), theme.plain()));
    }
    if let Some(key) = first.unknown_key {
        rows.extend(text::wrap(&key.openssh(), room).into_iter().map(|words| (words, theme.accent())));
        rows.push(("Enter trusts this key (as ssh).".to_owned(), theme.plain()));
    }
    // The name stays in sight, whatever else has to be said.
    rows.truncate(usize::from(inside.height.saturating_sub(1)));
    let mut y = 0;
    for (words, style) in &rows {
        text::left(buf, text::row(inside, y), 1, words, *style);
        y += 1;
    }
    let row = text::row(inside, y);
    text::left(buf, row, 1, "name", theme.dim());
    let field = Rect { x: inside.x + 7, width: inside.width.saturating_sub(7), ..row };
    let cursor = line::line(&first.name, field, buf, theme);
    if y + 1 < inside.height {
        text::left(buf, text::row(inside, y + 1), 1, "Enter takes it. Type for another.", theme.strong());
    }
    cursor
}

fn reached(model: &Model) -> &'static str {
    match model.link {
        Link::Online => "reached",
        Link::Connecting => "connecting",
        Link::Away { .. } => "not reached yet, trying again",
    }
}

/// What one has to know before one chooses a name.
fn about(account: Option<Fingerprint>, room: u16) -> Vec<String> {
    let Some(account) = account else {
        return vec![
            "Nothing is encrypted here: whoever carries your calls can hear them,".to_owned(),
            "and anybody may take a name that is free.".to_owned(),
        ];
    };
    let mut about = vec!["Your key was made just now, on this computer, and stays on it:".to_owned()];
    about.extend(text::wrap(&account.openssh(), room));
    about.push("No password, no phone number, no mail address.".to_owned());
    about
}

fn server_words(model: &Model, first: &Welcome, room: u16) -> Vec<String> {
    let mut words = text::wrap(&format!("{}, {}", model.settings.server, reached(model)), room);
    let about_key = match (first.unknown_key, model.settings.expected) {
        (Some(key), _) => Some((key, "Enter trusts this key from now on, as ssh does.")),
        (None, Some(key)) => Some((key, "the key the invite names; another one is refused")),
        (None, None) => None,
    };
    if let Some((key, why)) = about_key {
        words.extend(text::wrap(&key.openssh(), room));
        words.extend(text::wrap(why, room));
    }
    words
}

pub(super) fn stop(
    model: &Model,
    pinned: Fingerprint,
    shown: Fingerprint,
    area: Rect,
    buf: &mut Buffer,
    theme: Theme,
) {
    let server = &model.settings.server;
    let paragraphs = [
        format!("The key of {server} is not the one this profile trusts. Nothing was sent, and nothing will be."),
        format!("trusted   {}", pinned.openssh()),
        format!("shown     {}", shown.openssh()),
        "Either somebody stands between you and the server, or its operator made a new key. Ask the operator \
         over another channel which key is right."
            .to_owned(),
        trust_anew(shown),
    ];
    let width = area.width.saturating_sub(2).min(78);
    let room = width.saturating_sub(5);
    let mut blocks: Vec<Vec<String>> = paragraphs.iter().map(|words| text::wrap(words, room)).collect();
    let rows: usize = blocks.iter().map(|block| block.len() + 1).sum();
    let height = u16::try_from(rows + 3).unwrap_or(u16::MAX);
    let inside = window(area, width, height, "The server's key has changed", buf, theme);
    let gap = u16::from(height <= area.height);
    if gap == 0 {
        // What happened and what to do; the last paragraph names the new key, too.
        blocks.drain(1..4);
    }
    if blocks.iter().map(Vec::len).sum::<usize>() > usize::from(inside.height) {
        let short = format!(
            "{server} has another key than this profile trusts. Nothing was sent. If it is right, start with"
        );
        blocks = vec![text::wrap(&short, room), text::wrap(&format!("--pin {}", shown.openssh()), room)];
    }
    let mut y = gap;
    for (at, block) in blocks.iter().enumerate() {
        let style = if at == 0 { theme.bad() } else { theme.plain() };
        for words in block {
            text::left(buf, text::row(inside, y), 1, words, style);
            y += 1;
        }
        y += gap;
    }
}
