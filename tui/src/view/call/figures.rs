//! The figures of a call: a table where there is room, one row where there is not.

use proto::media::Path;
use proto::media::processing::Part;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::Model;
use crate::app::call::figures::{Losses, Steady};
use crate::app::call::{self, Call, device};
use crate::app::keymap::Act;
use crate::app::talk::Tier;

use super::super::text;
use super::super::theme::Theme;
use super::wrong::{self, Sentence, WIDE_AT, Wrong, failed};

/// Columns of a figure in a row: `9999 ms`, `100.0 %`.
const FIGURE_COLUMNS: u16 = 7;
/// Of a word for the quality, and of a rate: `999 kbit/s`.
const QUALITY_COLUMNS: u16 = 4;
const RATE_COLUMNS: u16 = 10;

/// From this width on a figure has all its details.
const ROOMY: u16 = 70;

/// Said of what will be known in a moment, and of what never will.
const NOT_YET: &str = "not known yet";
const NOT_TOLD: &str = "their program does not say";

/// What is wrong, and the figures of a call, one in a row, with the details beside them where there is room.
pub(super) fn figures(
    model: &Model,
    call: &Call,
    wrong: Wrong,
    area: Rect,
    buf: &mut Buffer,
    theme: Theme,
    wide: bool,
) {
    let x = if wide { WIDE_AT } else { 1 };
    let (value_at, detail_at) = if wide { (17, 32) } else { (12, 22) };
    // With few rows what is wrong comes first; with many it stands below, an empty row between, where it moves nothing.
    let rows = table(model, call, wide, area.width >= ROOMY);
    let Wrong { mut troubles, blamed } = wrong;
    let blamed: Vec<Sentence> = blamed.into_iter().collect();
    let lines = wrong::rows_of(&troubles, x, area.width) + wrong::rows_of(&blamed, x, area.width);
    let below = wrong::taken(rows.len()) + lines < area.height;
    if !below {
        troubles.extend_from_slice(&blamed);
    }
    let mut y = wrong::sentences(troubles, x, 0, area, buf);
    for (label, value, detail) in rows {
        let row = text::row(area, y);
        text::left(buf, row, x, label, theme.dim());
        text::left(buf, row, value_at, &value, theme.plain());
        let at = detail_at.max(value_at + text::columns(&value) + 1);
        if at + text::columns(&detail) <= row.width {
            text::left(buf, row, at, &detail, theme.dim());
        }
        y += 1;
    }
    if below {
        wrong::sentences(blamed, x, y + 1, area, buf);
    }
}

/// The figures in one row, as many as fit.
pub(super) fn in_one_row(model: &Model, call: &Call, area: Rect, buf: &mut Buffer, theme: Theme) {
    if call.statistics.is_none() {
        return;
    }
    let figures = &call.figures;
    let lost = figures.here.lost.shown();
    let mut x = 2;
    for (label, value, columns, style) in [
        ("quality", quality(model, call), QUALITY_COLUMNS, theme.plain()),
        ("rtt", millis(model, call, figures.round_trip), FIGURE_COLUMNS, theme.plain()),
        ("loss", share(lost), FIGURE_COLUMNS, loss_style(lost, theme)),
        ("buffer", millis(model, call, figures.buffer), FIGURE_COLUMNS, theme.plain()),
        ("up", rate(figures.wire.0), RATE_COLUMNS, theme.plain()),
        ("down", rate(figures.wire.1), RATE_COLUMNS, theme.plain()),
    ] {
        if x + text::columns(label) + 1 + columns >= area.width {
            return;
        }
        x = text::left(buf, area, x, label, theme.dim());
        // As wide whatever the value is, so that what stands behind it does not jump.
        x = (x + 1 + columns).max(text::left(buf, area, x + 1, &value, style)) + 2;
    }
}

/// What there is to say, each with its label; `roomy` with all details.
fn table(model: &Model, call: &Call, wide: bool, roomy: bool) -> Vec<(&'static str, String, String)> {
    let Some(exact) = &call.statistics else { return Vec::new() };
    let figures = &call.figures;
    let known = |label: &str, of: Steady| of.shown().map(|ms| format!("{label} {ms}")).unwrap_or_default();
    // Nothing in the text protocol numbers its voice: what did not come was never missed.
    let loss = match model.settings.plain_server {
        Some("text") => ("loss", NOT_TOLD.to_owned(), String::new()),
        Some(_) | None => ("loss", share(figures.here.lost.shown()), repaired(figures.here, roomy)),
    };
    let mut rows = vec![
        ("quality", quality(model, call), opinions(model, call, roomy)),
        ("round trip", millis(model, call, figures.round_trip), known("p95", figures.round_trip_p95)),
        loss,
    ];
    if wide {
        let (there, detail) = match figures.there.lost.shown() {
            None => (unknown(model, call), String::new()),
            lost => (share(lost), repaired(figures.there, roomy)),
        };
        rows.push(("lost there", there, detail));
    }
    let frame = exact.frame.as_millis();
    let fec = if exact.fec { "FEC on" } else { "FEC off" };
    let copies = match exact.copies.iter().filter(|back| **back > 0).count() {
        0 => String::new(),
        1 => ", 1 copy".to_owned(),
        more => format!(", {more} copies"),
    };
    // What leaks is marked as such, wherever there is room for anything about it.
    let codec = match (roomy, exact.dtx) {
        (true, false) => format!("{frame} ms, {fec}{copies}, DTX off"),
        (true, true) => format!("{frame} ms, {fec}{copies}, DTX on: leaks"),
        (false, false) => format!("48 kHz, {frame} ms"),
        // No wider, or the panel beside the chat had no room for any of it.
        (false, true) => "DTX: leaks".to_owned(),
    };
    let label = if wide { "mouth-to-ear" } else { "mouth-ear" };
    let wire = match figures.wire {
        (up, down) if roomy => {
            format!("up {}, down {} on the wire", kilo(up), kilo(down))
        }
        (up, down) => format!("up {} down {}", kilo(up), kilo(down)),
    };
    rows.extend([
        (
            "jitter",
            millis(model, call, figures.jitter),
            format!("buffer {}", millis(model, call, figures.buffer)),
        ),
        (label, millis(model, call, figures.mouth_to_ear), parts(call)),
        ("bitrate", rate(figures.payload), wire),
        ("path", path(call).to_owned(), addresses(call)),
        ("codec", if wide { "Opus 48 kHz" } else { "Opus" }.to_owned(), codec),
    ]);
    rows
}

/// `good`, or why nothing is known. Without a speaker nothing is heard, well or badly.
fn quality(model: &Model, call: &Call) -> String {
    if failed(&model.sound.speaker) {
        return "none".to_owned();
    }
    call.figures.rating.map_or_else(|| unknown(model, call), |of| call::rating(of).to_owned())
}

/// The score behind the word, and how they hear us.
fn opinions(model: &Model, call: &Call, roomy: bool) -> String {
    if failed(&model.sound.speaker) {
        return "nothing is heard here".to_owned();
    }
    let mos = |of: Steady| of.shown().map(|tenths| format!("{}.{}", tenths / 10, tenths % 10));
    // Of a microphone that does not work they hear nothing, whatever they tell of the network.
    let there = mos(call.figures.mos_there).filter(|_| !failed(&model.sound.microphone));
    match (mos(call.figures.mos), there, call.first()) {
        (None, _, _) => String::new(),
        (Some(mos), Some(there), Some(party)) if roomy => {
            format!("MOS {mos} (estimate), {} hears {there}", model.shown(&party.name))
        }
        (Some(mos), _, _) if roomy => format!("MOS {mos} (estimate)"),
        (Some(mos), _, _) => format!("MOS {mos}"),
    }
}

/// What of the loss was repaired, and what could be heard.
fn repaired(of: Losses, roomy: bool) -> String {
    let Some((lost, heard)) = of.lost.shown().zip(of.heard.shown()) else { return String::new() };
    let tenths = |of: u32| format!("{}.{}", of / 10, of % 10);
    match roomy {
        true => format!("repaired {}, heard {}", tenths(lost.saturating_sub(heard)), tenths(heard)),
        false => format!("heard {}", tenths(heard)),
    }
}

/// What a voice passes, in milliseconds: what stands together happens in one place.
fn parts(call: &Call) -> String {
    let of = |name: &str| call.figures.parts.iter().find(|(part, _)| *part == name).map_or(0, |(_, ms)| *ms);
    if call.figures.parts.is_empty() {
        return String::new();
    }
    let coding = of("frame") + of("look_ahead");
    let (capture, network) = (of("capture"), of("network"));
    let (buffer, speaker) = (of("buffer"), of("speaker"));
    format!("mic {capture} + coding {coding} + net {network} + buffer {buffer} + out {speaker}")
}

fn first_path(call: &Call) -> Option<Path> {
    call.statistics.as_ref()?.members.first()?.path
}

fn path(call: &Call) -> &'static str {
    match first_path(call) {
        Some(Path::Relay(_)) => "relay",
        Some(Path::Direct(_)) => "direct",
        None => NOT_YET,
    }
}

fn addresses(call: &Call) -> String {
    let Some(Path::Relay(to) | Path::Direct(to)) = first_path(call) else { return String::new() };
    let local = call.statistics.as_ref().and_then(|exact| exact.local);
    local.map_or_else(|| format!("{to}, UDP"), |from| format!("{} to {to}, UDP", from.ip()))
}

/// Why something is not known: because it is too early, or because their protocol has no word for it.
fn unknown(model: &Model, call: &Call) -> String {
    let mute = call.plain && (model.settings.plain_server.is_some() || call.parties.iter().any(|p| p.guest))
        || call.parties.iter().any(|party| model.guest(&party.name));
    if mute { NOT_TOLD } else { NOT_YET }.to_owned()
}

/// Columns in which the beginning of a device's name can be told.
const DEVICES_MIN: u16 = 14;

/// The devices in use, and whether the microphone is muted.
pub(super) fn devices(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) {
    let name = |half| device(half).map_or("none", |name| name.as_str());
    let mut words = format!("mic {}   out {}", name(&model.sound.microphone), name(&model.sound.speaker));
    let x = text::left(buf, area, 2, theme.glyphs.sound, theme.dim()) + 1;
    let muted = if model.sound.muted { "   muted".to_owned() } else { talking(model) };
    let room = area.width.saturating_sub(x + text::columns(&muted));
    for (part, name) in
        [(Part::Echo, "echo cancel"), (Part::Noise, "noise suppression"), (Part::Gain, "gain")]
    {
        let more = format!("   {name} on");
        let fits = text::columns(&words) + text::columns(&more) <= room;
        if fits && model.sound.processing.is_some_and(|processing| processing.part(part).on) {
            words.push_str(&more);
        }
    }
    // Whether one is heard comes before by what.
    if room < DEVICES_MIN {
        text::left(buf, area, x, muted.trim_start(), theme.warn());
        return;
    }
    let x = text::left(buf, area, x, &text::fit(&words, room, theme.glyphs.more), theme.dim());
    text::left(buf, area, x, &muted, theme.warn());
}

/// How push-to-talk works here, and whether one is heard; nothing where it is off.
fn talking(model: &Model) -> String {
    let talk = &model.sound.talk;
    let key = model.settings.keys.key(Act::Talk, model.places()).unwrap_or_else(|| "no key".to_owned());
    match (talk.is_on(), talk.is_open(), talk.tier()) {
        (false, ..) => String::new(),
        (true, false, Tier::Release) => format!("   silent: hold {key} to talk"),
        (true, false, Tier::Repeat) => format!("   silent: hold {key} to talk (it repeats)"),
        (true, false, Tier::Latch) => format!("   silent: {key} opens and shuts"),
        (true, true, Tier::Release | Tier::Repeat) => format!("   LIVE while {key} is held"),
        (true, true, Tier::Latch) => format!("   LIVE: {key} shuts"),
    }
}

/// A time, or why it is not known.
fn millis(model: &Model, call: &Call, of: Steady) -> String {
    match of.shown() {
        Some(0) => "<1 ms".to_owned(),
        Some(ms) => format!("{ms} ms"),
        None => unknown(model, call),
    }
}

/// `61 kbit/s`.
fn rate(of: Steady) -> String {
    format!("{} kbit/s", kilo(of))
}

fn kilo(of: Steady) -> String {
    of.shown().unwrap_or(0).to_string()
}

/// Tenths of a percent.
pub(super) fn share(of: Option<u32>) -> String {
    call::percent(of.unwrap_or(0))
}

pub(super) fn loss_style(tenths: Option<u32>, theme: Theme) -> Style {
    if tenths.unwrap_or(0) > 50 { theme.warn() } else { theme.plain() }
}
