//! Everybody in a call of many, one a row.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::Model;
use crate::app::call::figures::Steady;
use crate::app::call::{Call, Party, Phase, trouble};

use super::super::text;
use super::super::theme::Theme;
use super::{being, figures, own_level, page, speaks, their_level, wrong};

/// From this height on there are headings, empty rows and the devices.
const ROOMY: u16 = 12;

/// Where the columns of a row begin; figures end where the next begins.
struct Columns {
    name: u16,
    level: u16,
    /// Columns of a meter.
    meter: u16,
    /// Where the figures begin, and a word instead of them.
    figures: u16,
    /// There is room for all of them.
    wide: bool,
}

/// The figures of a row: heading, columns, and whether it is on narrow screens, too.
const FIGURES: [(&str, u16, bool); 6] = [
    ("RTT", 5, true),
    ("LOSS", 6, true),
    ("BUF", 5, false),
    ("  PATH", 8, false),
    ("  KEY", 8, false),
    ("VOL", 6, true),
];

impl Columns {
    fn new(model: &Model, call: &Call, width: u16) -> Self {
        let names = call.parties.iter().map(|party| text::columns(&model.shown(&party.name)));
        let longest = names.max().unwrap_or(0);
        let with = |wide, name_max, meter| {
            let name = longest.clamp(4, name_max);
            let level = 4 + name + 2;
            Self { name, level, meter, figures: level + meter, wide }
        };
        let roomy = with(true, 16, 14);
        let all: u16 = FIGURES.iter().map(|(_, columns, _)| columns).sum();
        if roomy.figures + all <= width { roomy } else { with(false, 12, 8) }
    }

    /// Writes one row of figures, each to the right of its column but words, which are padded already.
    fn write<'a>(&self, cells: impl IntoIterator<Item = (&'a str, Style)>, area: Rect, buf: &mut Buffer) {
        let mut end = self.figures;
        for ((words, style), (_, columns, narrow)) in cells.into_iter().zip(FIGURES) {
            if !self.wide && !narrow {
                continue;
            }
            let start =
                if words.starts_with(' ') { end } else { end + columns.saturating_sub(text::columns(words)) };
            text::left(buf, area, start, words, style);
            end += columns;
        }
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
    text::left(buf, text::row(area, y), 4, "you", theme.strong());
    if matches!(call.phase, Phase::Live { .. }) {
        you.draw(text::row(area, y), columns.level, buf, theme);
        let silent = model.is_silent() || trouble("microphone", &model.sound.microphone).is_some();
        if !silent && call.you.step() > 0 {
            text::left(buf, text::row(area, y), 2, theme.glyphs.sound, theme.good());
        }
    }
    y += 1;
    let list = Rect { y: area.y + y, height: (area.height - foot).saturating_sub(y), ..area };
    let (above, below) = people(model, call, &columns, list, buf, theme);
    let hidden = [(above, "above"), (below, "below")].into_iter().filter(|(count, _)| *count > 0);
    let hidden: Vec<String> = hidden.map(|(count, place)| format!("{count} {place}")).collect();
    if !hidden.is_empty() {
        let words = format!(" {} ", hidden.join(", "));
        let rule = (area.height - foot) + if roomy { 2 } else { 0 };
        text::left(buf, text::row(area, rule), 2, &words, theme.strong());
    }
}

/// What is said of the call as a whole.
fn warning(call: &Call, area: Rect, buf: &mut Buffer, theme: Theme) {
    let (words, style) = match call.phase {
        Phase::Incoming(_) | Phase::Answering(_) | Phase::Placing { .. } | Phase::Live { .. }
            if call.plain =>
        {
            (wrong::OVERHEARD, theme.warn())
        }
        Phase::Live { .. } => return,
        Phase::Incoming(_) | Phase::Answering(_) | Phase::Placing { .. } => (page::NOTHING_YET, theme.dim()),
    };
    text::left(buf, area, 2, words, style);
}

fn headings(columns: &Columns, area: Rect, buf: &mut Buffer, theme: Theme) {
    text::left(buf, area, 4, "NAME", theme.dim());
    text::left(buf, area, columns.level, "LEVEL", theme.dim());
    columns.write(FIGURES.map(|(heading, ..)| (heading, theme.dim())), area, buf);
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
    text::left(buf, area, 4, &name, style);
    if party.ssrc().is_none() || !party.heard() {
        text::left(buf, area, columns.figures + 2, being(call, party), theme.dim());
        return;
    }
    if speaks(party) {
        text::left(buf, area, 2, theme.glyphs.sound, theme.good());
    }
    let level = their_level(model, party, columns.meter, theme);
    level.draw(area, columns.level, buf, theme);
    let of = &party.figures;
    // What their program never says is no figure; what it has not said yet is none yet.
    let ms = |of: Steady| of.shown().map_or("-".to_owned(), |ms| ms.to_string());
    let lost = of.here.lost.shown();
    // Whoever is muted sends nothing that could be lost.
    let loss = if party.muted { "-".to_owned() } else { tenths(lost) };
    let path = match of.relayed {
        Some(true) => "  relay",
        Some(false) => "  direct",
        None => "  -",
    };
    let (key, key_style) = key(model, party, theme);
    let (trip, buffer, volume) = (ms(of.round_trip), ms(of.buffer), format!("{}%", party.volume));
    let plain = theme.plain();
    let cells = [
        (trip.as_str(), plain),
        (loss.as_str(), figures::loss_style(lost.filter(|_| !party.muted), theme)),
        (buffer.as_str(), plain),
        (path, theme.dim()),
        (key, key_style),
        (volume.as_str(), theme.dim()),
    ];
    columns.write(cells, area, buf);
}

fn tenths(of: Option<u32>) -> String {
    of.map_or("-".to_owned(), |of| format!("{}.{}", of / 10, of % 10))
}

/// Whether their key is one we know: of a contact it is, of somebody else's contact it is new here, a guest has none.
fn key(model: &Model, party: &Party, theme: Theme) -> (&'static str, Style) {
    let contact = model.contacts.get(&party.name).filter(|contact| !contact.blocked);
    let verified = contact.is_some_and(|contact| contact.verified.is_some());
    match (model.guest(&party.name), contact) {
        (true, _) => ("  none", theme.warn()),
        (false, Some(_)) if verified => (theme.glyphs.key_verified, theme.good()),
        (false, Some(_)) => ("  known", theme.plain()),
        (false, None) => ("  new", theme.warn()),
    }
}

/// What is wrong, a rule, the figures, and the devices; gives the rows that it takes.
fn foot(model: &Model, call: &Call, area: Rect, roomy: bool, buf: &mut Buffer, theme: Theme) -> u16 {
    let room = area.width.saturating_sub(3);
    let (whole, short) = wrong::worst(model, call).unwrap_or_default();
    let lines = |words: &str| if words.is_empty() { Vec::new() } else { text::wrap(words, room) };
    // Where somebody can still be seen above it, it is said whole; else in as few words as it takes.
    let most = if roomy || area.height < 5 { 1 } else { 2 };
    let mut words = lines(&whole);
    if words.len() > most {
        words = lines(&short);
    }
    if words.len() > most {
        words = vec![text::fit(&short, room, theme.glyphs.more)];
    }
    let under_rows = if roomy { 2 } else { u16::try_from(words.len()).unwrap_or(1).max(1) };
    // One sentence over the rule has its place also while nothing is wrong, so that nothing jumps when something is.
    let over = if roomy { 2 } else { 0 };
    let rows = over + 1 + under_rows;
    let top = area.height.saturating_sub(rows);
    let rule = top + over;
    text::rule(buf, text::row(area, rule), theme.glyphs.horizontal, theme.dim());
    let under = text::row(area, rule + 1);
    let at = if roomy { top } else { rule + 1 };
    for (y, words) in (at..).zip(&words) {
        text::left(buf, text::row(area, y), 2, words, theme.warn());
    }
    if roomy || words.is_empty() {
        figures::in_one_row(model, call, under, buf, theme);
    }
    if roomy {
        figures::devices(model, text::row(area, rule + 2), buf, theme);
    }
    rows
}
