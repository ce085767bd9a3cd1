//! The call: two rows over the message line, a panel on wide screens, and a page of its own.

use std::time::Duration;

use proto::media::{HalfState, Statistics};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::Model;
use crate::app::call::{Call, Meter, Phase, clock, device, trouble};

use super::theme::Theme;
use super::{meter, text, title};

/// Columns of a meter in the bar and on the page.
const BAR_METER: u16 = 8;
const PAGE_METER: u16 = 24;
const NARROW_PAGE_METER: u16 = 12;

/// Draws the two rows of the bar; nothing without a call or without room.
pub(super) fn bar(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) {
    let Some(call) = model.call.as_ref().filter(|_| area.height >= 2) else { return };
    let (top, bottom) = (text::row(area, 0), text::row(area, 1));
    let x = text::left(buf, top, 1, "CALL ", theme.strong());
    let words = title::state(model).unwrap_or_default();
    let x = text::left(buf, top, x, &words, theme.plain());
    let keys = match &call.phase {
        Phase::Incoming(_) => "^G answer  ^X decline",
        Phase::Answering | Phase::Placing { .. } => "^X stop",
        Phase::Live { heard, .. } => {
            figures_in_a_row(call, *heard, top, x + 2, buf, theme);
            "^T mute  ^X end"
        }
    };
    let at = text::right(buf, bottom, 1, keys, theme.dim());
    if matches!(call.phase, Phase::Live { .. }) {
        levels_in_a_row(model, call, Rect { width: at.saturating_sub(1), ..bottom }, buf, theme);
    }
}

fn figures_in_a_row(call: &Call, heard: bool, area: Rect, x: u16, buf: &mut Buffer, theme: Theme) {
    let mut x = x;
    if !heard {
        x = text::left(buf, area, x, "waiting for sound", theme.warn()) + 2;
    }
    if let Some(figures) = &call.statistics {
        if let Some(trip) = figures.round_trip {
            x = text::left(buf, area, x, &format!("rtt {}", trip.as_millis()), theme.plain()) + 2;
        }
        let loss = format!("loss {}", percent(figures.loss_in));
        x = text::left(buf, area, x, &loss, loss_style(figures.loss_in, theme)) + 2;
    }
    let sealed = format!("E2E {}", theme.glyphs.delivered);
    if x + text::columns(&sealed) < area.width {
        text::left(buf, area, x, &sealed, theme.good());
    }
}

fn levels_in_a_row(model: &Model, call: &Call, area: Rect, buf: &mut Buffer, theme: Theme) {
    let you = own_level(model, call, BAR_METER, theme);
    text::left(buf, area, 1, "you ", theme.dim());
    text::left(buf, area, 5, &you.0, you.1);
    let them = their_level(model, call, BAR_METER, theme);
    let with = text::fit(call.with.as_str(), 10, theme.glyphs.more);
    let x = text::left(buf, area, 19, &with, theme.dim());
    text::left(buf, area, x + 1, &them.0, them.1);
}

/// One's own meter, or the word that replaces it.
fn own_level(model: &Model, call: &Call, width: u16, theme: Theme) -> (String, Style) {
    match (&model.sound.microphone, model.sound.muted) {
        (HalfState::Failed { .. }, _) => ("no microphone".to_owned(), theme.bad()),
        (_, true) => ("muted".to_owned(), theme.warn()),
        (HalfState::Open { .. } | HalfState::Closed, false) => {
            (meter::bar(call.you, width, theme), theme.good())
        }
    }
}

fn their_level(model: &Model, call: &Call, width: u16, theme: Theme) -> (String, Style) {
    match &model.sound.speaker {
        HalfState::Failed { .. } => ("no speaker".to_owned(), theme.bad()),
        HalfState::Open { .. } | HalfState::Closed => (meter::bar(call.them, width, theme), theme.good()),
    }
}

/// The call beside the chat.
pub(super) fn panel(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) {
    let Some(call) = &model.call else { return };
    let x = text::left(buf, text::row(area, 0), 1, "CALL ", theme.strong());
    let words = title::state(model).unwrap_or_default();
    text::left(buf, text::row(area, 0), x, &words, theme.plain());
    let keys = match &call.phase {
        Phase::Incoming(_) => "^G answer   ^X decline",
        Phase::Answering | Phase::Placing { .. } => "^X stop calling",
        Phase::Live { .. } => "^T mute   ^X hang up   ^G full view",
    };
    text::left(buf, text::row(area, area.height - 1), 1, keys, theme.dim());
    let Phase::Live { heard, .. } = call.phase else { return };
    let sealed = format!("{} end-to-end encrypted", theme.glyphs.delivered);
    text::left(buf, text::row(area, 1), 1, &sealed, theme.good());
    let rows = [
        ("you", own_level(model, call, 20, theme)),
        (call.with.as_str(), their_level(model, call, 20, theme)),
    ];
    for (y, (who, level)) in [3, 5].into_iter().zip(rows) {
        let who = text::fit(who, 9, theme.glyphs.more);
        text::left(buf, text::row(area, y), 1, &who, theme.dim());
        text::left(buf, text::row(area, y), 11, &level.0, level.1);
    }
    let below = Rect { y: area.y + 7, height: area.height.saturating_sub(9), ..area };
    figures(model, call, heard, below, buf, theme, false);
}

/// The call on a page of its own.
pub(super) fn page(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) {
    let Some(call) = &model.call else { return };
    head(model, call, text::row(area, 1), buf, theme);
    text::rule(buf, text::row(area, 2), theme.glyphs.horizontal, theme.dim());
    let Phase::Live { heard, .. } = call.phase else {
        let words = "Nothing is heard or sent before the call is answered.";
        text::left(buf, text::row(area, 4), 2, words, theme.dim());
        return;
    };
    // On low screens the empty rows between go first.
    let roomy = area.height >= 20;
    let gap = u16::from(roomy);
    let who = text::columns(call.with.as_str()).clamp(3, 12);
    let meter = if area.width < super::TWO_PANES_WIDTH { NARROW_PAGE_METER } else { PAGE_METER };
    let you = own_level(model, call, meter, theme);
    let them = their_level(model, call, meter, theme);
    let muffled = model.sound.muted || trouble("microphone", &model.sound.microphone).is_some();
    let speaks = if muffled { Meter::default() } else { call.you };
    let mut y = 3 + gap;
    for (name, level, step, volume) in
        [("you", you, speaks, None), (call.with.as_str(), them, call.them, Some(call.volume))]
    {
        let row = text::row(area, y);
        text::left(buf, row, 2, &text::fit(name, who, theme.glyphs.more), theme.strong());
        text::left(buf, row, who + 5, &level.0, level.1);
        if step.step() > 0 {
            text::left(buf, row, who + 5 + meter + 2, "speaking", theme.dim());
        }
        if let Some(volume) = volume {
            text::left(buf, row, who + 5 + meter + 13, &format!("vol {volume}%"), theme.dim());
        }
        y += 1 + gap;
    }
    let bottom = 2;
    let rows = Rect { y: area.y + y, height: area.height.saturating_sub(y + bottom + gap), ..area };
    figures(model, call, heard, rows, buf, theme, true);
    text::rule(buf, text::row(area, area.height - 2), theme.glyphs.horizontal, theme.dim());
    devices(model, text::row(area, area.height - 1), buf, theme);
}

fn head(model: &Model, call: &Call, area: Rect, buf: &mut Buffer, theme: Theme) {
    let x = text::left(buf, area, 2, call.with.as_str(), theme.strong());
    let now = model.now.mono;
    let words = match &call.phase {
        Phase::Live { since, .. } => format!("in call  {}", clock(now - *since)),
        Phase::Placing { since, reached } => {
            format!("{}  {}", title::placing(*reached), clock(now - *since))
        }
        Phase::Incoming(incoming) => format!("is calling  {}", clock(now - incoming.since)),
        Phase::Answering => "connecting".to_owned(),
    };
    let x = text::left(buf, area, x + 2, &words, theme.plain());
    if matches!(call.phase, Phase::Live { .. }) {
        let sealed = format!("{} end-to-end encrypted", theme.glyphs.delivered);
        let short = format!("{} E2E", theme.glyphs.delivered);
        let fits = x + 2 + text::columns(&sealed) < area.width;
        text::right(buf, area, 1, if fits { &sealed } else { &short }, theme.good());
    }
}

/// The figures of a call, one in a row, with the details beside them where there is room.
fn figures(model: &Model, call: &Call, heard: bool, area: Rect, buf: &mut Buffer, theme: Theme, wide: bool) {
    let mut y = 0;
    for words in troubles(model, heard) {
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

fn troubles(model: &Model, heard: bool) -> Vec<String> {
    let mut words = Vec::new();
    words.extend(trouble("microphone", &model.sound.microphone));
    words.extend(trouble("speaker", &model.sound.speaker));
    if !heard {
        words.push("connected, waiting for their first sound".to_owned());
    }
    words
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

fn devices(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) {
    let name = |half| device(half).map_or("none", |name| name.as_str());
    let words = format!("mic {}   out {}", name(&model.sound.microphone), name(&model.sound.speaker));
    let x = text::left(buf, area, 2, theme.glyphs.sound, theme.dim());
    let muted = if model.sound.muted { "   muted" } else { "" };
    let words = text::fit(&words, area.width.saturating_sub(x + 1 + text::columns(muted)), theme.glyphs.more);
    let x = text::left(buf, area, x + 1, &words, theme.dim());
    text::left(buf, area, x, muted, theme.warn());
}

fn millis(time: Duration) -> String {
    if time < Duration::from_millis(1) { "under 1 ms".to_owned() } else { format!("{} ms", time.as_millis()) }
}

fn percent(share: f32) -> String {
    format!("{:.1} %", share * 100.0)
}

fn loss_style(share: f32, theme: Theme) -> Style {
    if share > 0.05 { theme.warn() } else { theme.plain() }
}
