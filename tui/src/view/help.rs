//! The keys, from the table that also decides them, in one column or two.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::Model;
use crate::app::help::{Help, Line};

use super::popup::window;
use super::theme::Theme;
use super::{line, text};

/// Columns of the keys before their words.
const KEY_COLUMNS: u16 = 11;

/// The same where there is hardly room for the words: the longest of them has 24 columns.
const NARROW_KEY_COLUMNS: u16 = 9;
const NARROW: u16 = 36;

/// From this width on there are two columns of keys.
const TWO_COLUMNS: u16 = 70;

pub(super) fn help(
    model: &Model,
    help: &Help,
    area: Rect,
    buf: &mut Buffer,
    theme: Theme,
) -> Option<Position> {
    let lines = help.lines(&model.settings.keys);
    let inside = window(area, (area.width - 2).min(90), area.height, "Keys", buf, theme);
    let body = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    let columns = if inside.width < TWO_COLUMNS { 1 } else { 2 };
    let rooms = usize::from(body.height) * columns;
    let top = help.scroll.min(lines.len().saturating_sub(rooms));
    let width = body.width / u16::try_from(columns).unwrap_or(1);
    let mut rest = &lines[top..];
    for at in 0..columns {
        let x = body.x + width * u16::try_from(at).unwrap_or(0);
        rest = column(rest, Rect { x, width, ..body }, buf, theme);
    }
    let first = text::row(inside, 0);
    if lines.is_empty() {
        text::left(
            buf,
            text::row(body, 1),
            0,
            "No key does that: Esc, or type something else.",
            theme.plain(),
        );
    } else if top > 0 || !rest.is_empty() {
        text::right(buf, first, 0, &more(top, rest.len()), theme.dim());
    }
    if help.filter.text().is_empty() {
        text::left(buf, first, 0, "type to filter", theme.dim());
        return Some(Position { x: first.x, y: first.y });
    }
    let x = text::left(buf, first, 0, "filter  ", theme.dim());
    line::line(
        &help.filter,
        Rect { x: first.x + x, width: first.width.saturating_sub(x), ..first },
        buf,
        theme,
    )
}

/// How many rows are above and below.
fn more(above: usize, below: usize) -> String {
    match (above, below) {
        (0, below) => format!("{below} more below"),
        (above, 0) => format!("{above} more above"),
        (above, below) => format!("{above} above, {below} below"),
    }
}

/// Draws what fits; gives what does not. No column begins with a gap, nor ends with a heading.
fn column<'a>(lines: &'a [Line], area: Rect, buf: &mut Buffer, theme: Theme) -> &'a [Line] {
    let gap = lines.iter().take_while(|line| **line == Line::Blank).count();
    let lines = &lines[gap..];
    let mut fits = lines.len().min(usize::from(area.height));
    while fits < lines.len() && fits > 1 && matches!(lines[fits - 1], Line::Heading(_) | Line::Blank) {
        fits -= 1;
    }
    for (y, line) in (0..area.height).zip(&lines[..fits]) {
        let row = text::row(area, y);
        match line {
            Line::Blank => {}
            Line::Heading(words) => {
                text::left(buf, row, 0, &words.to_uppercase(), theme.strong());
            }
            Line::Key { keys, words } => {
                let x = text::left(buf, row, 0, keys, theme.accent());
                let at = if area.width < NARROW { NARROW_KEY_COLUMNS } else { KEY_COLUMNS };
                text::left(buf, row, at.max(x + 1), words, theme.plain());
            }
        }
    }
    &lines[fits..]
}
