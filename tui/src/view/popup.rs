//! Windows over the page.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::Model;
use crate::app::popup::Popup;

use super::theme::Theme;
use super::{help, qr, settings, text};

mod add;
mod call;
mod palette;
mod people;
mod trust;

/// Draws the windows there are. `None` without any; otherwise where the cursor goes, if it is shown.
pub(super) fn popups(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) -> Option<Option<Position>> {
    let mut cursor = None;
    for popup in &model.popups {
        cursor = Some(match popup {
            Popup::Help(wanted) => help::help(model, wanted, area, buf, theme),
            Popup::Settings(open) if open.first => {
                settings::first(model, open, area, buf, theme);
                None
            }
            Popup::Settings(open) => {
                settings::settings(model, open, area, buf, theme);
                None
            }
            Popup::Palette(wanted) => palette::palette(model, wanted, area, buf, theme),
            Popup::Add(add) => add::add(model, add, area, buf, theme),
            Popup::Rename(rename) => people::rename(rename, area, buf, theme),
            Popup::Verify(verify) => {
                trust::verify(model, verify, area, buf, theme);
                None
            }
            Popup::Changed(changed) => trust::changed(model, changed, area, buf, theme),
            Popup::Blocked(blocked) => {
                trust::blocked(model, blocked, area, buf, theme);
                None
            }
            // Over everything: it needs the room.
            Popup::Qr(code) => {
                let whole = Rect { y: buf.area.y, height: buf.area.height - 1, ..buf.area };
                qr::code(code, whole, buf, theme);
                None
            }
            Popup::Consent(consent) => {
                call::consent(model, consent, area, buf, theme);
                None
            }
        });
    }
    if let Some((call, incoming)) = model.incoming().filter(|(_, incoming)| incoming.window.is_some()) {
        call::incoming(model, call, incoming, area, buf, theme);
        cursor = Some(None);
    }
    cursor
}

/// An empty window with a frame in the middle of `area`; gives the place inside, one column off the frame.
pub(super) fn window(
    area: Rect,
    width: u16,
    height: u16,
    name: &str,
    buf: &mut Buffer,
    theme: Theme,
) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let frame =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    for y in 0..height {
        text::rule(buf, text::row(frame, y), " ", Style::reset());
    }
    let [top_left, top_right, bottom_left, bottom_right] = theme.glyphs.corners;
    let style = theme.plain();
    for (y, left, right) in [(0, top_left, top_right), (height - 1, bottom_left, bottom_right)] {
        text::rule(buf, text::row(frame, y), theme.glyphs.horizontal, style);
        text::left(buf, text::row(frame, y), 0, left, style);
        text::left(buf, text::row(frame, y), width - 1, right, style);
    }
    for y in 1..height - 1 {
        text::left(buf, text::row(frame, y), 0, theme.glyphs.vertical, style);
        text::left(buf, text::row(frame, y), width - 1, theme.glyphs.vertical, style);
    }
    let name = text::fit(name, width.saturating_sub(6), theme.glyphs.more);
    text::left(buf, text::row(frame, 0), 2, &format!(" {name} "), theme.strong());
    Rect { x: frame.x + 2, y: frame.y + 1, width: width.saturating_sub(4), height: height.saturating_sub(2) }
}
