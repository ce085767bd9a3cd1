//! Putting text into cells: measured in columns, cut between characters, never outside its place.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// Columns of a text.
pub(super) fn columns(text: &str) -> u16 {
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

/// As much of the text as fits into `room` columns, with `more` at the end when something is missing.
pub(super) fn fit(text: &str, room: u16, more: &str) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let room = room.saturating_sub(columns(more));
    let mut out = String::new();
    for cluster in text.graphemes(true) {
        if columns(&out) + columns(cluster) > room {
            break;
        }
        out.push_str(cluster);
    }
    out + more
}

/// Writes from the left; gives the column after it.
pub(super) fn left(buf: &mut Buffer, area: Rect, x: u16, text: &str, style: Style) -> u16 {
    let room = area.width.saturating_sub(x);
    if area.is_empty() || room == 0 {
        return x;
    }
    let (after, _) = buf.set_stringn(area.x + x, area.y, text, usize::from(room), style);
    after - area.x
}

/// Writes so that it ends `margin` columns before the right end; gives the column it begins at.
pub(super) fn right(buf: &mut Buffer, area: Rect, margin: u16, text: &str, style: Style) -> u16 {
    let at = area.width.saturating_sub(margin + columns(text));
    left(buf, area, at, text, style);
    at
}

/// Fills a row with one glyph.
pub(super) fn rule(buf: &mut Buffer, area: Rect, glyph: &str, style: Style) {
    for x in 0..area.width {
        left(buf, area, x, glyph, style);
    }
}

/// One row of an area; empty when there is none.
pub(super) fn row(area: Rect, y: u16) -> Rect {
    Rect { y: area.y.saturating_add(y), height: u16::from(y < area.height), ..area }
}

/// The text as rows of at most `room` columns: broken at spaces, and inside words that are longer than a row.
pub fn wrap(text: &str, room: u16) -> Vec<String> {
    let room = room.max(1);
    let mut rows = Vec::new();
    for line in text.split('\n') {
        let mut current = String::new();
        for word in line.split_word_bounds() {
            place(word, room, &mut current, &mut rows);
        }
        rows.push(current.trim_end().to_owned());
    }
    rows
}

fn place(word: &str, room: u16, current: &mut String, rows: &mut Vec<String>) {
    if columns(current) + columns(word) <= room {
        current.push_str(word);
        return;
    }
    if word.trim().is_empty() {
        return rows.push(core::mem::take(current));
    }
    // Punctuation clings to its word: break before the last space, if there is one.
    let break_at = current.rfind(' ').map_or(0, |space| space + 1);
    let carried = if break_at > 0 { current.split_off(break_at) } else { String::new() };
    if break_at > 0 {
        rows.push(core::mem::take(current).trim_end().to_owned());
        *current = carried;
    }
    for cluster in word.graphemes(true) {
        if columns(current) + columns(cluster) > room {
            rows.push(core::mem::take(current));
        }
        current.push_str(cluster);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_break_at_spaces() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("a\n\nb", 8), ["a", "", "b"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("is it, well?", 9), ["is it,", "well?"]);
        assert_eq!(wrap("日本語も", 5), ["日本", "語も"]);
    }

    #[test]
    fn cutting_says_so() {
        assert_eq!(fit("headset", 7, "…"), "headset");
        assert_eq!(fit("headset", 5, "…"), "head…");
        assert_eq!(fit("日本語", 4, "…"), "日…");
    }

    proptest! {
        #[test]
        fn no_row_is_wider_than_its_place_and_no_letter_is_lost(text in "[a-c 李,.é\n]{0,60}", room in 2u16..20) {
            let rows = wrap(&text, room);
            prop_assert!(rows.iter().all(|row| columns(row) <= room));
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&rows.concat()), letters(&text));
        }
    }
}
