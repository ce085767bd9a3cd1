//! The figures of a call: a table where there is room, one row where there is not.

use std::time::Duration;

use proto::media::Statistics;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::Model;
use crate::app::call::{Call, device, trouble};

use super::super::text;
use super::super::theme::Theme;

/// What a call that is not encrypted means.
pub(super) const OVERHEARD: &str = "The server and the network can hear this call.";

/// Columns of a figure in a row: `9999 ms`, `100.0 %`.
const FIGURE_COLUMNS: u16 = 7;

/// What is wrong, and the figures of a call, one in a row, with the details beside them where there is room.
pub(super) fn figures(model: &Model, call: &Call, area: Rect, buf: &mut Buffer, theme: Theme, wide: bool) {
    let mut y = 0;
    for words in troubles(model, call) {
        for line in text::wrap(&words, area.width.saturating_sub(3)) {
            text::left(buf, text::row(area, y), 2 - u16::from(!wide), &line, theme.warn());
            y += 1;
        }
    }
    let Some(figures) = &call.statistics else { return };
    let (label_at, value_at, detail_at) = if wide { (2, 17, 32) } else { (1, 13, 22) };
    for (label, value, detail) in table(figures, wide) {
        let row = text::row(area, y);
        text::left(buf, row, label_at, label, theme.dim());
        text::left(buf, row, value_at, &value, theme.plain());
        if detail_at + text::columns(&detail) <= row.width {
            text::left(buf, row, detail_at, &detail, theme.dim());
        }
        y += 1;
    }
}

/// The figures in one row, as many as fit.
pub(super) fn in_one_row(call: &Call, area: Rect, buf: &mut Buffer, theme: Theme) {
    let Some(figures) = &call.statistics else { return };
    let trip = figures.round_trip.map_or_else(|| "not known yet".to_owned(), millis);
    let mut x = 2;
    for (label, value, style) in [
        ("rtt", trip, theme.plain()),
        ("loss", percent(figures.loss_in), loss_style(figures.loss_in, theme)),
        ("jitter", millis(figures.jitter), theme.plain()),
        ("buffer", millis(figures.buffer), theme.plain()),
        ("up", format!("{} kbit/s", figures.bitrate / 1000), theme.plain()),
    ] {
        if x + text::columns(label) + 1 + text::columns(&value) >= area.width {
            return;
        }
        x = text::left(buf, area, x, label, theme.dim());
        // As wide whatever the value is, so that what stands behind it does not jump.
        x = (x + 1 + FIGURE_COLUMNS).max(text::left(buf, area, x + 1, &value, style)) + 2;
    }
}

/// What is wrong with the sound of a call, and who else can hear it.
fn troubles(model: &Model, call: &Call) -> Vec<String> {
    let mut words = Vec::new();
    words.extend(call.plain.then(|| OVERHEARD.to_owned()));
    words.extend(sound_troubles(model));
    if !call.heard() {
        words.push("connected, waiting for their first sound".to_owned());
    }
    words
}

/// What is wrong with the devices.
pub(super) fn sound_troubles(model: &Model) -> Vec<String> {
    let (microphone, speaker) = (&model.sound.microphone, &model.sound.speaker);
    [trouble("microphone", microphone), trouble("speaker", speaker)].into_iter().flatten().collect()
}

fn table(figures: &Statistics, wide: bool) -> Vec<(&'static str, String, String)> {
    let trip = figures.round_trip.map_or_else(|| "not known yet".to_owned(), millis);
    let frame = figures.frame.as_millis();
    let mut rows = vec![
        ("round trip", trip, String::new()),
        ("loss", percent(figures.loss_in), format!("theirs {}", percent(figures.loss_out))),
        ("jitter", millis(figures.jitter), format!("buffer {}", millis(figures.buffer))),
        ("bitrate", format!("{} kbit/s", figures.bitrate / 1000), String::new()),
        ("path", "relay".to_owned(), "UDP".to_owned()),
        ("codec", "Opus".to_owned(), format!("48 kHz, {frame} ms")),
    ];
    if wide {
        let repaired = format!("{} repaired", figures.repaired);
        let made_up =
            format!("{} made up, {} too late, {} lost", figures.concealed, figures.late, figures.lost);
        rows.insert(2, ("frames", repaired, made_up));
    }
    rows
}

/// The devices in use, and whether the microphone is muted.
pub(super) fn devices(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) {
    let name = |half| device(half).map_or("none", |name| name.as_str());
    let words = format!("mic {}   out {}", name(&model.sound.microphone), name(&model.sound.speaker));
    let x = text::left(buf, area, 2, theme.glyphs.sound, theme.dim());
    let muted = if model.sound.muted { "   muted" } else { "" };
    let words = text::fit(&words, area.width.saturating_sub(x + 1 + text::columns(muted)), theme.glyphs.more);
    let x = text::left(buf, area, x + 1, &words, theme.dim());
    text::left(buf, area, x, muted, theme.warn());
}

pub(super) fn millis(time: Duration) -> String {
    if time < Duration::from_millis(1) { "<1 ms".to_owned() } else { format!("{} ms", time.as_millis()) }
}

pub(super) fn percent(share: f32) -> String {
    format!("{:.1} %", share * 100.0)
}

pub(super) fn loss_style(share: f32, theme: Theme) -> Style {
    if share > 0.05 { theme.warn() } else { theme.plain() }
}
