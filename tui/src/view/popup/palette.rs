//! The command palette: a line, and below it what fits, each with its key.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::Model;
use crate::app::palette::{self, Entry, Palette};

use super::super::theme::Theme;
use super::super::{line, text};
use super::window;

/// The window at most.
const WIDTH: u16 = 58;
const HEIGHT: u16 = 18;

pub(super) fn palette(
    model: &Model,
    palette: &Palette,
    area: Rect,
    buf: &mut Buffer,
    theme: Theme,
) -> Option<Position> {
    let inside = window(area, WIDTH.min(area.width.saturating_sub(2)), HEIGHT, "Command", buf, theme);
    let entries = palette::entries(model, palette.line.text());
    let first = text::row(inside, 0);
    let x = text::left(buf, first, 0, ": ", theme.accent());
    let field = Rect { x: first.x + x, width: first.width.saturating_sub(x), ..first };
    let cursor = line::line(&palette.line, field, buf, theme);
    let body = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    if entries.is_empty() {
        text::left(buf, text::row(body, 0), 2, "Nothing fits: rub out a letter.", theme.dim());
        return cursor;
    }
    let chosen = palette.chosen.min(entries.len() - 1);
    let height = usize::from(body.height).max(1);
    // The chosen row stays in sight, and the list moves by whole pages: less to repaint.
    let top = chosen / height * height;
    for (y, (at, entry)) in (0..body.height).zip(entries.iter().enumerate().skip(top)) {
        self::entry(entry, at == chosen, text::row(body, y), buf, theme);
    }
    cursor
}

fn entry(entry: &Entry, chosen: bool, row: Rect, buf: &mut Buffer, theme: Theme) {
    let key = entry.key.as_deref().unwrap_or_default();
    let style = if chosen { theme.cursor() } else { theme.plain() };
    if chosen {
        text::rule(buf, row, " ", style);
        text::left(buf, row, 0, theme.glyphs.chosen, style);
    }
    let room = row.width.saturating_sub(text::columns(key) + 4);
    let shown = text::fit(&entry.words, room, theme.glyphs.more);
    text::left(buf, row, 2, &shown, style);
    // Which letters were found: underlined, so that it shows without colours, too.
    for at in entry.at.iter().filter(|at| **at < shown.len() && shown.is_char_boundary(**at)) {
        let x = 2 + text::columns(&shown[..*at]);
        let found: String = shown[*at..].chars().take(1).collect();
        if entry.words[*at..].starts_with(&found) {
            text::left(buf, row, x, &found, style.add_modifier(ratatui::style::Modifier::UNDERLINED));
        }
    }
    let style = if chosen { style } else { theme.accent() };
    text::right(buf, row, 1, key, style);
}
