//! Everybody in a call of many, one a row.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::Model;
use crate::app::call::{Call, Party, Phase, trouble};

use super::super::theme::Theme;
use super::super::{TWO_PANES_WIDTH, text};
use super::{being, figures, own_level, page, speaks, their_level};

/// From this height on there are headings, empty rows and the devices.
const ROOMY: u16 = 12;

/// Where the columns of a row begin.
struct Columns {
    name: u16,
    level: u16,
    state: u16,
    volume: u16,
    /// Columns of a meter.
    meter: u16,
}

impl Columns {
    fn new(model: &Model, call: &Call, width: u16) -> Self {
        let wide = width >= TWO_PANES_WIDTH;
        let (longest, meter, gap) = if wide { (20, 16, 3) } else { (12, 10, 2) };
        let names = call.parties.iter().map(|party| text::columns(&model.shown(&party.name)));
        let name = names.max().unwrap_or(0).clamp(4, longest);
        let level = 2 + name + gap;
        let state = level + meter + gap;
        Self { name, level, state, volume: state + 13 + gap, meter }
    }
}

/// Draws the people between the head of the page and its foot; the chosen one is always in sight.
pub(super) fn group(model: &Model, call: &Call, area: Rect, buf: &mut Buffer, theme: Theme) {
    let columns = Columns::new(model, call, area.width);
    let roomy = area.height >= ROOMY;
    let foot = foot(model, call, area, roomy, buf, theme);
    let mut y = 0;
    if roomy {
        warning(call, text::row(area, 0), buf, theme);
        headings(&columns, text::row(area, 2), buf, theme);
        y = 3;
    }
    let you = own_level(model, call, columns.meter, theme);
    text::left(buf, text::row(area, y), 2, "you", theme.strong());
    if matches!(call.phase, Phase::Live { .. }) {
        text::left(buf, text::row(area, y), columns.level, &you.0, you.1);
        let silent = model.sound.muted || trouble("microphone", &model.sound.microphone).is_some();
        let state = if !silent && call.you.step() > 0 { "speaking" } else { "" };
        text::left(buf, text::row(area, y), columns.state, state, theme.good());
    }
    y += 1;
    let list = Rect { y: area.y + y, height: (area.height - foot).saturating_sub(y), ..area };
    let (above, below) = people(model, call, &columns, list, buf, theme);
    let hidden = [(above, "above"), (below, "below")].into_iter().filter(|(count, _)| *count > 0);
    let hidden: Vec<String> = hidden.map(|(count, place)| format!("{count} {place}")).collect();
    if !hidden.is_empty() {
        let words = format!(" {} ", hidden.join(", "));
        text::left(buf, text::row(area, area.height - foot), 2, &words, theme.strong());
    }
}

/// What is said of the call as a whole.
fn warning(call: &Call, area: Rect, buf: &mut Buffer, theme: Theme) {
    let (words, style) = match call.phase {
        Phase::Incoming(_) | Phase::Answering(_) | Phase::Placing { .. } | Phase::Live { .. }
            if call.plain =>
        {
            (figures::OVERHEARD, theme.warn())
        }
        Phase::Live { .. } => return,
        Phase::Incoming(_) | Phase::Answering(_) | Phase::Placing { .. } => (page::NOTHING_YET, theme.dim()),
    };
    text::left(buf, area, 2, words, style);
}

fn headings(columns: &Columns, area: Rect, buf: &mut Buffer, theme: Theme) {
    for (x, words) in
        [(2, "NAME"), (columns.level, "LEVEL"), (columns.state, "STATE"), (columns.volume, "VOLUME")]
    {
        text::left(buf, area, x, words, theme.dim());
    }
    text::right(buf, area, 1, "j k choose", theme.dim());
}

/// Draws those who fit; gives how many are above them and how many below.
fn people(
    model: &Model,
    call: &Call,
    columns: &Columns,
    area: Rect,
    buf: &mut Buffer,
    theme: Theme,
) -> (usize, usize) {
    let now = model.now.mono;
    let shown: Vec<(usize, &Party)> =
        call.parties.iter().enumerate().filter(|(_, party)| party.shown(now)).collect();
    let chosen = call.chosen(now);
    let at = shown.iter().position(|(index, _)| Some(*index) == chosen).unwrap_or(0);
    let height = usize::from(area.height);
    let above = (at + 1).saturating_sub(height);
    for (y, (index, party)) in (0..area.height).zip(&shown[above..]) {
        let place = text::row(area, y);
        if Some(*index) == chosen {
            text::left(buf, place, 0, theme.glyphs.chosen, theme.accent());
        }
        person(model, call, party, columns, place, buf, theme);
    }
    (above, (shown.len() - above).saturating_sub(height))
}

fn person(
    model: &Model,
    call: &Call,
    party: &Party,
    columns: &Columns,
    area: Rect,
    buf: &mut Buffer,
    theme: Theme,
) {
    let name = text::fit(&model.shown(&party.name), columns.name, theme.glyphs.more);
    let style = if party.is_out() { theme.dim() } else { theme.strong() };
    text::left(buf, area, 2, &name, style);
    let state = being(call, party);
    let style = if speaks(party) { theme.good() } else { theme.dim() };
    text::left(buf, area, columns.state, state, style);
    if party.ssrc().is_some() {
        let level = their_level(model, party, columns.meter, theme);
        text::left(buf, area, columns.level, &level.0, level.1);
        text::left(buf, area, columns.volume, &format!("{:>4}%", party.volume), theme.dim());
    }
}

/// What is wrong with the sound, a rule, the figures, and the devices; gives the rows from the rule on.
fn foot(model: &Model, call: &Call, area: Rect, roomy: bool, buf: &mut Buffer, theme: Theme) -> u16 {
    let rows = if roomy { 3 } else { 2 };
    let rule = area.height - rows;
    text::rule(buf, text::row(area, rule), theme.glyphs.horizontal, theme.dim());
    let under = text::row(area, rule + 1);
    match figures::sound_troubles(model).first() {
        Some(trouble) => {
            let words = text::fit(trouble, area.width.saturating_sub(3), theme.glyphs.more);
            text::left(buf, under, 2, &words, theme.warn());
        }
        None => figures::in_one_row(call, under, buf, theme),
    }
    if roomy {
        figures::devices(model, text::row(area, rule + 2), buf, theme);
    }
    rows
}
