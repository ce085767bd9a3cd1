//! The call on a page of its own.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::Model;
use crate::app::call::{Call, Meter, Party, Phase, clock, trouble};

use super::super::theme::{NOT_ENCRYPTED, Theme};
use super::super::{TWO_PANES_WIDTH, text, title};
use super::wrong::{self, Wrong};
use super::{figures, group, own_level, recorders, speaks, their_level};

/// Columns of a meter.
const METER: u16 = 24;
const NARROW_METER: u16 = 12;

/// Columns of the shortest way to say that a call is sealed.
const SEAL_COLUMNS: u16 = 5;

/// Said until the call is answered.
pub(super) const NOTHING_YET: &str = "Nothing is heard or sent before the call is answered.";

pub(in crate::view) fn page(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) {
    let Some(call) = &model.call else { return };
    head(model, call, text::row(area, 1), buf, theme);
    text::rule(buf, text::row(area, 2), theme.glyphs.horizontal, theme.dim());
    let below = Rect { y: area.y + 3, height: area.height.saturating_sub(3), ..area };
    if call.is_group() {
        return group::group(model, call, below, buf, theme);
    }
    match call.phase {
        Phase::Live { .. } => pair(model, call, below, buf, theme),
        Phase::Incoming(_) | Phase::Answering(_) | Phase::Placing { .. } => {
            let overheard = call.plain.then_some((wrong::OVERHEARD, theme.warn()));
            let gap = u16::from(below.height > 5);
            let mut y = gap;
            for (words, style) in [(NOTHING_YET, theme.dim())].into_iter().chain(overheard) {
                for words in text::wrap(words, below.width.saturating_sub(3)) {
                    text::left(buf, text::row(below, y), 2, &words, style);
                    y += 1;
                }
                y += gap;
            }
        }
    }
}

/// With whom, how far, and whether it is encrypted.
fn head(model: &Model, call: &Call, area: Rect, buf: &mut Buffer, theme: Theme) {
    let group = call.is_group();
    let with = match &call.phase {
        Phase::Placing { .. } if group => title::placing(call, "group call"),
        Phase::Placing { .. } => title::placing(call, &model.with(call, 1)),
        Phase::Incoming(_) | Phase::Answering(_) | Phase::Live { .. } if group => "group call".to_owned(),
        Phase::Incoming(_) | Phase::Answering(_) | Phase::Live { .. } => model.with(call, 1),
    };
    let x = text::left(buf, area, 2, &with, theme.strong());
    let now = model.now.mono;
    let recorded = recorders(model, call);
    let leaks = super::leaks(call);
    let warnings = if call.plain { text::columns(NOT_ENCRYPTED) + 2 } else { 0 }
        + if leaks { SEAL_COLUMNS + 2 + text::columns(super::LEAKS) + 2 } else { 0 }
        + recorded.as_ref().map_or(0, |words| text::columns(words) + 2);
    let words = match &call.phase {
        Phase::Live { since } if group => {
            let (time, here) = (clock(now - *since), title::here(call));
            // Each is in its own row below: how many is the first to go where a warning needs the room.
            let both = format!("{time}  {here}");
            if x + 3 + text::columns(&both) + warnings <= area.width { both } else { time }
        }
        Phase::Live { since } => {
            let time = clock(now - *since);
            let both = format!("in call  {time}");
            if !leaks || x + 3 + text::columns(&both) + warnings <= area.width { both } else { time }
        }
        Phase::Placing { since, .. } => clock(now - *since),
        Phase::Incoming(incoming) => format!("is calling  {}", clock(now - incoming.since)),
        Phase::Answering(_) => "connecting".to_owned(),
    };
    let mut x = text::left(buf, area, x + 2, &words, theme.plain());
    if let Some(words) = &recorded {
        x = text::left(buf, area, x + 2, words, theme.alarm());
    }
    if call.plain {
        text::right(buf, area, 1, NOT_ENCRYPTED, theme.alarm());
    } else if matches!(call.phase, Phase::Live { .. }) {
        let room = area.width.saturating_sub(x + 3);
        let (words, style) = super::sealed(model, call, room, theme);
        // Who keeps what is said is not written over: it ends with a space of its own.
        if recorded.is_none() || text::columns(&words) <= room + 2 {
            text::right(buf, area, 1, &words, style);
        }
    }
}

/// From this height on there is a rule above the devices.
const RULED: u16 = 7;

/// A call of two: both meters, and the figures in full.
fn pair(model: &Model, call: &Call, area: Rect, buf: &mut Buffer, theme: Theme) {
    // On low screens the empty rows between go first.
    let roomy = area.height >= 17;
    let gap = u16::from(roomy);
    let them = call.first().map(|party| (model.shown(&party.name), party));
    let who = them.as_ref().map_or(3, |(name, _)| text::columns(name)).clamp(3, 12);
    let meter = if area.width < TWO_PANES_WIDTH { NARROW_METER } else { METER };
    let muffled = model.is_silent() || trouble("microphone", &model.sound.microphone).is_some();
    let you = Meter::step(if muffled { Meter::default() } else { call.you }) > 0;
    let you = ("you".to_owned(), own_level(model, call, meter, theme), you, None);
    let theirs = |party: &Party| (their_level(model, party, meter, theme), speaks(party), Some(party.volume));
    let them = them.map(|(name, party)| {
        let (level, speaks, volume) = theirs(party);
        (name, level, speaks, volume)
    });
    let mut y = gap;
    for (name, level, speaks, volume) in [you].into_iter().chain(them) {
        let row = text::row(area, y);
        text::left(buf, row, 2, &text::fit(&name, who, theme.glyphs.more), theme.strong());
        level.draw(row, who + 5, buf, theme);
        if speaks {
            text::left(buf, row, who + 5 + meter + 2, "speaking", theme.dim());
        }
        if let Some(volume) = volume {
            let (at, words) = (who + 5 + meter + 13, format!("vol {volume}%"));
            if at + text::columns(&words) <= area.width {
                text::left(buf, row, at, &words, theme.dim());
            } else {
                text::right(buf, row, 1, &format!("{volume}%"), theme.dim());
            }
        }
        y += 1 + gap;
    }
    // Lower still, the rule: who is to blame may take two rows. What is wrong comes before the names of the devices.
    let ruled = area.height >= RULED;
    let wrong = Wrong::with(model, call, theme);
    let crowded = !ruled && wrong.rows(area.width) > area.height.saturating_sub(y + 1);
    let bottom = u16::from(!crowded) + u16::from(ruled);
    let rows = Rect { y: area.y + y, height: area.height.saturating_sub(y + bottom + gap), ..area };
    figures::figures(model, call, wrong, rows, buf, theme, true);
    if ruled {
        text::rule(buf, text::row(area, area.height - 2), theme.glyphs.horizontal, theme.dim());
    }
    if !crowded {
        figures::devices(model, text::row(area, area.height - 1), buf, theme);
    }
}
