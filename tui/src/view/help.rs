//! The keys, from the table that also decides them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use std::borrow::Cow;

use crate::app::Model;
use crate::app::keymap::Place;

use super::text;
use super::theme::Theme;

/// Columns of the keys before their words.
const KEY_COLUMNS: u16 = 11;

/// From this width on there are two columns of keys.
const TWO_COLUMNS: u16 = 70;

/// A heading or a key with its words.
type Row = (Cow<'static, str>, Option<&'static str>);

pub(super) fn help(model: &Model, scroll: usize, area: Rect, buf: &mut Buffer, theme: Theme) {
    let blocks: Vec<Vec<Row>> =
        Place::LISTED.iter().map(|(place, heading)| block(model, *place, heading)).collect();
    if area.width < TWO_COLUMNS {
        let rows: Vec<Row> = blocks.concat();
        let top = scroll.min(rows.len().saturating_sub(usize::from(area.height)));
        return column(&rows[top..], area, buf, theme);
    }
    // List, message line and the rare question left, the rest right: about the same height.
    let half = area.width / 2;
    let first = [&blocks[1][..], &blocks[2], &blocks[5]].concat();
    let second = [&blocks[0][..], &blocks[3], &blocks[4]].concat();
    let longest = first.len().max(second.len());
    let top = scroll.min(longest.saturating_sub(usize::from(area.height)));
    let cut = |rows: &[Row]| rows.get(top..).unwrap_or_default().to_vec();
    column(&cut(&first), Rect { width: half, ..area }, buf, theme);
    column(&cut(&second), Rect { x: area.x + half, width: area.width - half, ..area }, buf, theme);
}

fn block(model: &Model, place: Place, heading: &'static str) -> Vec<Row> {
    let rows = model.settings.keys.listed(place).map(|(shown, row)| (shown, Some(row.help)));
    core::iter::once((Cow::Borrowed(heading), None)).chain(rows).collect()
}

fn column(rows: &[Row], area: Rect, buf: &mut Buffer, theme: Theme) {
    for (y, (key, words)) in (0..area.height).zip(rows) {
        let row = text::row(area, y);
        match words {
            None => text::left(buf, row, 0, &key.to_uppercase(), theme.strong()),
            Some(words) => {
                let x = text::left(buf, row, 0, key, theme.accent());
                text::left(buf, row, KEY_COLUMNS.max(x + 1), words, theme.plain())
            }
        };
    }
}
