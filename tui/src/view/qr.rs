//! Codes for cameras, in half blocks: one cell is two modules, one above the other, which makes them square.
//!
//! With colours every module has its own, so that the code is dark on light on any terminal. Without, light modules
//! are drawn on what is taken for a dark background; where it is light, a key exchanges the two.

use qrcodegen::{QrCode, QrCodeEcc, QrSegment};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use crate::app::trust::Qr;

use super::text;
use super::theme::Theme;

/// Light modules around the code: four by the standard (ISO/IEC 18004), fewer where there is no room; cameras bear it.
const QUIET: i32 = 4;
const QUIET_MIN: i32 = 1;

/// Draws the code into `area`, which it fills.
pub(super) fn code(code: &Qr, area: Rect, buf: &mut Buffer, theme: Theme) {
    for y in 0..area.height {
        text::rule(buf, text::row(area, y), " ", Style::reset());
    }
    let Some(matrix) = matrix(&code.text) else {
        return sorry("This is too long for a code.", area, buf, theme);
    };
    // Letters are no half blocks: there a module is two columns wide and a whole row high.
    let (columns, rows) = if theme.half_blocks() { (1, 2) } else { (2, 1) };
    let across = |quiet: i32| matrix.size() + 2 * quiet;
    let high = |quiet: i32| (across(quiet) + rows - 1) / rows;
    let fits = |quiet: &i32| {
        across(*quiet) * columns <= i32::from(area.width) && high(*quiet) <= i32::from(area.height)
    };
    let Some(quiet) = (QUIET_MIN..=QUIET).rev().find(fits) else {
        let words = format!(
            "This needs a window of {} columns and {} rows.",
            across(QUIET_MIN) * columns,
            high(QUIET_MIN) + 2
        );
        return sorry(&words, area, buf, theme);
    };
    let wide = across(quiet) * columns;
    let left = (i32::from(area.width) - wide) / 2;
    // A row of one's own for the title, where there is one to spare.
    let spare = i32::from(area.height) - high(quiet);
    if spare > 0 {
        text::left(
            buf,
            text::row(area, 0),
            u16::try_from(left.max(1)).unwrap_or(1),
            &code.title,
            theme.strong(),
        );
    }
    let top = i32::from(spare > 0) + (spare - 1).max(0) / 2;
    for y in 0..high(quiet) {
        for x in 0..across(quiet) {
            let light = |row: i32| matrix.get_module(x - quiet, row - quiet) == code.inverted;
            let row = u16::try_from(top + y).unwrap_or(u16::MAX);
            let column = u16::try_from(left + x * columns).unwrap_or(u16::MAX);
            let (symbol, style) = cell(light(y * rows), light(y * rows + rows - 1), theme);
            text::left(buf, text::row(area, row), column, symbol, style);
        }
    }
}

/// What one cell shows: its upper and its lower module.
fn cell(upper: bool, lower: bool, theme: Theme) -> (&'static str, Style) {
    let half = theme.half_blocks();
    if theme.colour() {
        let colour = |light: bool| if light { Color::White } else { Color::Black };
        let style = Style::reset().fg(colour(upper)).bg(colour(lower));
        return (if half { "▀" } else { "  " }, style);
    }
    let symbol = match (half, upper, lower) {
        (true, true, true) => "█",
        (true, true, false) => "▀",
        (true, false, true) => "▄",
        (false, true, _) => "##",
        (true, false, false) => " ",
        (false, false, _) => "  ",
    };
    (symbol, Style::reset())
}

/// The modules of the smallest code that holds the text; digits take least.
fn matrix(text: &str) -> Option<QrCode> {
    let segments = QrSegment::make_segments(text);
    QrCode::encode_segments(&segments, QrCodeEcc::Low).ok()
}

fn sorry(words: &str, area: Rect, buf: &mut Buffer, theme: Theme) {
    let room = area.width.saturating_sub(4);
    for (y, row) in (1..).zip(text::wrap(words, room)) {
        text::left(buf, text::row(area, y), 2, &row, theme.warn());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_small_code_and_a_link_one_that_fits() {
        let across = |text: &str| matrix(text).unwrap().size();
        assert_eq!(across(&"31204".repeat(12)), 25);
        let link = format!("tincan://home.example:8462/{}/alice#SHA256:{}", "0f".repeat(16), "A".repeat(43));
        assert_eq!(across(&link), 41);
        assert!(matrix(&"x".repeat(5_000)).is_none());
    }
}
