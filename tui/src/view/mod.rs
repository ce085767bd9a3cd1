//! The screen as a pure function of the model: no state, no terminal. One page, one file.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::Model;
use crate::app::model::{Focus, Stage};

mod bidi;
mod call;
mod chat;
mod contacts;
mod footer;
mod help;
mod line;
mod links;
mod meter;
mod popup;
mod qr;
mod request;
mod settings;
mod sound;
mod text;
mod theme;
mod title;
mod welcome;

pub use links::Link;
pub use text::wrap as wrapped;
pub use title::window as window_title;

use theme::Theme;

/// Below this there is no room for pages: one line says what matters.
const WIDTH_MIN: u16 = 40;
const HEIGHT_MIN: u16 = 10;

/// From this width on the list and the chat stand side by side.
pub(crate) const TWO_PANES_WIDTH: u16 = 60;

/// From this width on the list is wider, and a call has its own panel.
const WIDE: u16 = 110;

/// Draws the model and says where the cursor goes; none hides it.
pub fn view(model: &Model, buf: &mut Buffer) -> Option<Position> {
    view_linked(model, buf, &mut Vec::new())
}

/// The same, and adds the links that are in it. A window may cover one: the picture tells whether it can be read.
pub fn view_linked(model: &Model, buf: &mut Buffer, links: &mut Vec<Link>) -> Option<Position> {
    let area = buf.area;
    let theme = Theme::new(model.settings.look);
    if area.width < WIDTH_MIN || area.height < HEIGHT_MIN {
        title::tiny(model, area, buf, theme);
        return None;
    }
    let rows = Rect { y: area.y + 1, height: area.height - 2, ..area };
    let mut cursor = match &model.stage {
        Stage::Stop { pinned, shown } => {
            welcome::stop(model, *pinned, *shown, rows, buf, theme);
            None
        }
        Stage::Welcome(first) => welcome::welcome(model, first, rows, buf, theme),
        Stage::Main => main_page(model, rows, buf, theme, links),
    };
    title::title(model, text::row(area, 0), buf, theme);
    if matches!(model.stage, Stage::Main)
        && let Some(over) = popup::popups(model, rows, buf, theme)
    {
        cursor = over;
    }
    // What happened may take rows of a window on a low screen: half of it would be worse.
    footer::footer(model, area, buf, theme);
    footer::above(model, area, buf, theme);
    cursor
}

fn main_page(
    model: &Model,
    area: Rect,
    buf: &mut Buffer,
    theme: Theme,
    links: &mut Vec<Link>,
) -> Option<Position> {
    if model.on_call_page() {
        call::page(model, area, buf, theme);
        return None;
    }
    if area.width < TWO_PANES_WIDTH {
        return match model.focus {
            Focus::List => contacts::pane(model, narrow_list(model, area, buf, theme), buf, theme),
            Focus::Message => chat::pane(model, area, buf, theme, true, links),
        };
    }
    let docked = area.width >= WIDE && model.call.is_some();
    let list = if area.width >= WIDE && !docked { 26 } else { 20 };
    let panel = if docked { 38 } else { 0 };
    let finding = contacts::pane(model, Rect { width: list, ..area }, buf, theme);
    divide(area, list, buf, theme);
    let middle = Rect { x: area.x + list + 2, width: area.width - list - 2 - panel, ..area };
    let cursor = chat::pane(model, middle, buf, theme, !docked, links);
    if docked {
        let at = area.width - panel;
        divide(area, at - 1, buf, theme);
        call::panel(model, Rect { x: area.x + at + 1, width: panel - 1, ..area }, buf, theme);
    }
    finding.or(cursor)
}

/// Where there is room for one pane only, a call keeps two rows below the list, and so does what the chosen one says
/// with a request: Enter accepts it, and the chat is not seen before. All of it stands above what happened.
fn narrow_list(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) -> Rect {
    let area = Rect { height: area.height - footer::rows_over(model, buf.area).min(area.height), ..area };
    let bar = if model.call.is_some() { 2.min(area.height) } else { 0 };
    let below = Rect { y: area.y + area.height - bar, height: bar, ..area };
    call::bar(model, below, buf, theme);
    let above = Rect { height: area.height - bar, ..area };
    let said = request::below(model, above, buf, theme);
    Rect { height: above.height - said, ..above }
}

fn divide(area: Rect, x: u16, buf: &mut Buffer, theme: Theme) {
    for y in 0..area.height {
        text::left(buf, text::row(area, y), x + 1, theme.glyphs.vertical, theme.dim());
    }
}

#[cfg(test)]
mod tests;
