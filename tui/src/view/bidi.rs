//! Text that runs from right to left. The terminal puts the letters in order, or does not; what is ours to do is that
//! no such text reorders what is not its own: it has rows of its own, without a time or a mark in them, and an isolate
//! around each (UAX 9, section 2.4). Marks of this kind never come from others: `Safe` drops them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation as _;

use super::text;

/// Begins a part whose direction is that of its first letter, and ends it.
const ISOLATE: char = '\u{2068}';
const ISOLATE_END: char = '\u{2069}';

/// Whether the text has letters that run from right to left: Hebrew, Arabic and their kin, up to Adlam.
pub(super) fn runs_left(text: &str) -> bool {
    let left = |c: char| matches!(u32::from(c), 0x590..=0x8ff | 0xfb1d..=0xfdff | 0xfe70..=0xfefc | 0x10800..=0x10fff | 0x1e800..=0x1efff);
    text.chars().any(left)
}

/// Writes from the left with an isolate around it. The marks ride on the first and the last letter, since they have
/// no column of their own.
pub(super) fn isolated(buf: &mut Buffer, area: Rect, x: u16, words: &str, style: Style) {
    let end = text::left(buf, area, x, words, style);
    if end == x {
        return;
    }
    let last = words.graphemes(true).next_back().map_or(1, text::columns);
    let at = |x: u16| (area.x + x, area.y);
    let opened = format!("{ISOLATE}{}", buf[at(x)].symbol());
    buf[at(x)].set_symbol(&opened);
    let closing = at(end.saturating_sub(last).max(x));
    let closed = format!("{}{ISOLATE_END}", buf[closing].symbol());
    buf[closing].set_symbol(&closed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_run_as_they_do() {
        for text in ["مرحبا", "a שלום b", "\u{1e900}"] {
            assert!(runs_left(text), "{text}");
        }
        for text in ["hello", "日本語", "привет", "👍🏽", ""] {
            assert!(!runs_left(text), "{text}");
        }
    }

    #[test]
    fn the_isolate_is_around_the_text_and_takes_no_column() {
        for words in ["مرحبا", "م", "ok مرحبا 日"] {
            let area = Rect::new(0, 0, 20, 1);
            let mut buf = Buffer::empty(area);
            isolated(&mut buf, area, 3, words, Style::new());
            let row: String = buf.content.iter().map(ratatui::buffer::Cell::symbol).collect();
            assert!(row.contains(&format!("   {ISOLATE}{words}{ISOLATE_END}")), "{row:?}");
            assert_eq!(text::columns(row.trim_end()), 3 + text::columns(words));
        }
    }
}
