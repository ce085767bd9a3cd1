//! The settings: the pages left, the rows of one right; below the devices the level and the echo test.

use core::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::Model;
use crate::app::call::Meter;
use crate::app::settings::{Item, Outcome, Page, Picker, Settings, Test, items};

use super::theme::Theme;
use super::{meter, text};

/// Columns of the pages, where there is room for them beside the rows.
const PAGES: u16 = 16;
/// From this width on there is.
const BESIDE: u16 = 60;
/// Columns of the labels.
const LABELS: u16 = 19;
/// Columns of the level.
const LEVEL: u16 = 24;

/// A row as it is drawn: where it begins, what it says and how.
type Row = Vec<(u16, String, Style)>;

pub(super) fn settings(model: &Model, open: &Settings, area: Rect, buf: &mut Buffer, theme: Theme) {
    for y in 0..area.height {
        text::rule(buf, text::row(area, y), " ", Style::reset());
    }
    let body = if area.width < BESIDE {
        across(open.page, text::row(area, 0), buf, theme);
        Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 1 }
    } else {
        down(open.page, Rect { width: PAGES, ..area }, buf, theme);
        for y in 0..area.height {
            text::left(buf, text::row(area, y), PAGES, theme.glyphs.vertical, theme.dim());
        }
        Rect { x: area.x + PAGES + 2, width: area.width - PAGES - 3, ..area }
    };
    let (rows, chosen) = rows(model, open, body.width, theme);
    // On a low screen the chosen row is the first: all below it can be reached.
    let top = chosen.min(rows.len().saturating_sub(usize::from(body.height)));
    for (y, row) in (0..body.height).zip(&rows[top..]) {
        for (x, words, style) in row {
            text::left(buf, text::row(body, y), *x, words, *style);
        }
    }
}

/// The pages side by side, as many as fit around the open one.
fn across(open: Page, row: Rect, buf: &mut Buffer, theme: Theme) {
    let at = Page::ALL.iter().position(|page| *page == open).unwrap_or(0);
    let width = |pages: &[Page]| pages.iter().map(|page| text::columns(page.name()) + 2).sum::<u16>();
    let mut first = 0;
    while first < at && width(&Page::ALL[first..=at]) > row.width.saturating_sub(1) {
        first += 1;
    }
    let mut x = 1;
    for page in &Page::ALL[first..] {
        let style = if *page == open { theme.cursor() } else { theme.dim() };
        if x + text::columns(page.name()) > row.width {
            return;
        }
        x = text::left(buf, row, x, page.name(), style) + 2;
    }
}

fn down(open: Page, area: Rect, buf: &mut Buffer, theme: Theme) {
    text::left(buf, text::row(area, 0), 1, "SETTINGS", theme.strong());
    for (y, page) in (2..).zip(Page::ALL) {
        let row = text::row(area, y);
        let chosen = page == open;
        if chosen {
            text::left(buf, row, 1, theme.glyphs.chosen, theme.accent());
        }
        text::left(buf, row, 2, page.name(), if chosen { theme.strong() } else { theme.plain() });
    }
}

/// All rows of the page, and which of them is the chosen one.
fn rows(model: &Model, open: &Settings, width: u16, theme: Theme) -> (Vec<Row>, usize) {
    let (mut rows, mut chosen, mut at) = (vec![Row::new()], 0, 0);
    for item in items(model, open.page) {
        let changes = item.setting.is_some();
        let here = changes && at == open.row;
        at += usize::from(changes);
        if here {
            chosen = rows.len() - usize::from(rows.len() == 1);
        }
        rows.extend(self::item(&item, here, width, theme));
        if let Some(picker) = open.picker.as_ref().filter(|_| here) {
            rows.extend(picked(open, picker, theme));
        }
    }
    if open.page == Page::Audio {
        rows.extend(sound(model, open, width, theme));
    }
    (rows, chosen)
}

fn item(item: &Item, chosen: bool, width: u16, theme: Theme) -> Vec<Row> {
    let style = if chosen { theme.cursor() } else { theme.plain() };
    let mark = if chosen { theme.glyphs.chosen } else { " " };
    let room = width.saturating_sub(LABELS + 2);
    let label = format!("{mark} {}", item.label);
    let mut rows = Vec::new();
    for (y, words) in text::wrap(&item.value, room).into_iter().enumerate() {
        let first = (0, format!("{label:<width$}", width = usize::from(LABELS)), style);
        let mut row: Row = if y == 0 { vec![first] } else { Row::new() };
        // What can be changed is as bright as the keys; what is only told is plain.
        let value = if item.setting.is_some() { theme.accent() } else { theme.plain() };
        row.push((LABELS + 1, words, if chosen { style } else { value }));
        rows.push(row);
    }
    let used = rows.last().and_then(|row| row.last()).map_or(0, |(x, words, _)| x + text::columns(words) + 2);
    if used + text::columns(&item.note) <= width {
        rows.iter_mut().last().into_iter().for_each(|row| row.push((used, item.note.clone(), theme.dim())));
    } else {
        let noted = text::wrap(&item.note, room).into_iter();
        rows.extend(noted.map(|words| vec![(LABELS + 1, words, theme.dim())]));
    }
    rows
}

/// The devices to choose from.
fn picked(open: &Settings, picker: &Picker, theme: Theme) -> Vec<Row> {
    let names = open.names(picker).into_iter().enumerate().map(|(at, name)| {
        let chosen = at == picker.row;
        let mark = if chosen { theme.glyphs.chosen } else { " " };
        let style = if chosen { theme.cursor() } else { theme.plain() };
        vec![(LABELS + 1, format!("{mark} {name}"), style)]
    });
    let looking =
        open.devices.is_none().then(|| vec![(LABELS + 3, "looking for devices".to_owned(), theme.dim())]);
    names.chain(looking).collect()
}

fn sound(model: &Model, open: &Settings, width: u16, theme: Theme) -> Vec<Row> {
    let told = |label: &str, words: String, style| {
        vec![(2, label.to_owned(), theme.plain()), (LABELS + 1, words, style)]
    };
    let level = model.call.as_ref().map_or(open.level, |call| call.you);
    let bar = meter::bar(level, LEVEL.min(width.saturating_sub(LABELS + 2)), theme);
    let bar = if level == Meter::default() { "silent".to_owned() } else { bar };
    let mut rows = vec![Row::new(), told("Input level", bar, theme.good()), Row::new()];
    let tell = |words: &str| {
        let wrapped = text::wrap(words, width.saturating_sub(LABELS + 2)).into_iter().enumerate();
        let row = |(at, words)| told(if at == 0 { "Echo test" } else { "" }, words, theme.strong());
        wrapped.map(row).collect::<Vec<Row>>()
    };
    let key =
        model.settings.keys.key(crate::app::keymap::Act::EchoTest, &[crate::app::keymap::Place::Settings]);
    let key = key.unwrap_or_else(|| "^P echo test".to_owned());
    rows.extend(match &open.test {
        Test::None => tell(&format!("press {key}, speak for 3 s, hear yourself")),
        Test::Asked => tell("opening the devices"),
        Test::Speak => tell("speak now, for 3 s"),
        Test::Playing => tell("this is what was heard"),
        Test::Failed(why) => tell(why.as_str()),
        Test::Done(outcome) => {
            let said = outcome.problem.unwrap_or("ready for calls");
            tell(said)
                .into_iter()
                .chain(results(outcome).map(|(label, words)| told(label, words, theme.plain())))
                .collect()
        }
    });
    rows
}

fn results(outcome: &Outcome) -> impl Iterator<Item = (&'static str, String)> {
    let ms = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1_000.0);
    let block = |block: Option<Duration>| block.map_or_else(|| "none: no hardware".to_owned(), ms);
    let echo = match outcome.echo {
        Some((delay, db)) => format!("{db:.0} dB, after {}", ms(delay)),
        None => "none is heard".to_owned(),
    };
    let lost = (outcome.lost > 0).then(|| ("Lost", format!("{} samples", outcome.lost)));
    [
        ("Your voice", format!("{:.0} dBFS at most", outcome.peak_db)),
        ("Capture delay", block(outcome.capture)),
        ("Playback delay", block(outcome.playback)),
        ("Echo return", echo),
    ]
    .into_iter()
    .chain(lost)
}
