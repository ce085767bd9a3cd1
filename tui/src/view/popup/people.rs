//! Windows about somebody in the list.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::popup::Rename;

use super::super::theme::Theme;
use super::super::{line, text};
use super::window;

/// The window to give somebody a name of our own.
pub(super) fn rename(rename: &Rename, area: Rect, buf: &mut Buffer, theme: Theme) -> Option<Position> {
    let width = area.width.saturating_sub(4).min(60);
    let title = format!("A name of your own for {}", rename.who);
    let problem = text::wrap(rename.problem.as_deref().unwrap_or_default(), width.saturating_sub(8));
    let problem: Vec<_> = problem.into_iter().filter(|row| !row.is_empty()).collect();
    let hints = text::wrap(HINT, width.saturating_sub(6));
    let rows = problem.len() + hints.len();
    let inside = window(area, width, 5 + u16::try_from(rows).unwrap_or(0), &title, buf, theme);
    let x = text::left(buf, text::row(inside, 1), 1, "call them  ", theme.dim());
    let field = Rect { x: inside.x + x, width: inside.width.saturating_sub(x), ..text::row(inside, 1) };
    let cursor = line::line(&rename.alias, field, buf, theme);
    let rows = problem.iter().map(|row| (row, theme.bad())).chain(hints.iter().map(|row| (row, theme.dim())));
    for (y, (words, style)) in (2..).zip(rows) {
        text::left(buf, text::row(inside, y), 1, words, style);
    }
    cursor
}

const HINT: &str = "Only you see it. Empty: their own name.";
