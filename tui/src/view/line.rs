//! A line being edited, in one row: the part around the cursor, and where the cursor is.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::app::input::Editor;

use super::text;
use super::theme::Theme;

/// Draws the editor's text into the row and gives the cursor's place.
pub(super) fn line(editor: &Editor, area: Rect, buf: &mut Buffer, theme: Theme) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let (before, after) = editor.halves();
    let shown = |part: &str| part.replace('\n', theme.glyphs.newline);
    let (before, after) = (shown(before), shown(after));
    // The last column stays free for the cursor.
    let room = area.width - 1;
    let head = tail_of(&before, room);
    let x = text::left(buf, area, 0, head, theme.plain());
    text::left(buf, area, x, &after, theme.plain());
    Some(Position { x: area.x + x.min(room), y: area.y })
}

/// The end of the text, as much as fits. Half of the room is given up at once, so that typing at the end of a
/// long line does not repaint the row for every letter.
fn tail_of(before: &str, room: u16) -> &str {
    let width = text::columns(before);
    if width <= room {
        return before;
    }
    let half = (room / 2).max(1);
    let hidden = (width - room).div_ceil(half) * half;
    let mut skipped = 0;
    for (at, cluster) in before.grapheme_indices(true) {
        if skipped >= hidden {
            return &before[at..];
        }
        skipped += text::columns(cluster);
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_shows_its_end() {
        assert_eq!(tail_of("short", 10), "short");
        let long = "abcdefghijklm";
        assert_eq!(tail_of(long, 10), "fghijklm");
        assert_eq!(tail_of("abcdefghijklmno", 10), "fghijklmno");
        assert_eq!(tail_of("abcdefghijklmnop", 10), "klmnop");
    }
}
