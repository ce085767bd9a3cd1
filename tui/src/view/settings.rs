//! The settings: the pages left, the rows of one right; below the devices the level and the echo test. The first run
//! shows the devices' part of it in a window of its own.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::Model;
use crate::app::settings::{Item, Page, Picker, Settings};

use super::popup::window;
use super::theme::Theme;
use super::{sound, text};

/// Columns of the pages, where there is room for them beside the rows.
const PAGES: u16 = 16;
/// From this width on there is.
const BESIDE: u16 = 60;
/// Columns of the labels, and on a narrow screen those of the first run.
const LABELS: u16 = 19;
const LABELS_NARROW: u16 = 17;

/// A row as it is drawn: where it begins, what it says and how.
pub(super) type Row = Vec<(u16, String, Style)>;

/// What rows have to keep to.
#[derive(Clone, Copy)]
pub(super) struct Sheet {
    /// Columns in all.
    pub(super) width: u16,
    /// Columns of the labels.
    pub(super) labels: u16,
    pub(super) theme: Theme,
}

impl Sheet {
    /// Where the values begin.
    pub(super) fn value_at(self) -> u16 {
        self.labels + 1
    }

    /// Columns of the values.
    pub(super) fn room(self) -> u16 {
        self.width.saturating_sub(self.labels + 2)
    }

    /// A value of as many rows as it needs, behind its label.
    pub(super) fn told(self, label: &str, words: &str, style: Style) -> Vec<Row> {
        let row = |(at, words): (usize, String)| {
            let label = if at == 0 { label } else { "" };
            vec![(2, label.to_owned(), self.theme.plain()), (self.value_at(), words, style)]
        };
        text::wrap(words, self.room()).into_iter().enumerate().map(row).collect()
    }
}

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
    let sheet = Sheet { width: body.width, labels: LABELS, theme };
    let rows = whole(model, open, sheet);
    if rows.len() <= usize::from(body.height) {
        draw(&rows, body, buf);
    } else {
        draw(&low(model, open, body.height, sheet), body, buf);
    }
}

/// The first look at the sound: the devices, whether they are heard, and how to go on.
pub(super) fn first(model: &Model, open: &Settings, area: Rect, buf: &mut Buffer, theme: Theme) {
    let width = area.width.saturating_sub(2).min(74);
    let sheet = Sheet { width: width.saturating_sub(5), labels: LABELS, theme };
    let mut rows = sound::introduction(model, open, sheet);
    rows.extend(whole(model, open, sheet));
    rows.extend(sound::end(model, sheet));
    let fits = |rows: &[Row]| rows.len() + 3 <= usize::from(area.height);
    if !fits(&rows) {
        let labels = if area.width < BESIDE { LABELS_NARROW } else { LABELS };
        rows = low(model, open, area.height.saturating_sub(2), Sheet { labels, ..sheet });
    }
    let height = u16::try_from(rows.len() + if fits(&rows) { 3 } else { 2 }).unwrap_or(u16::MAX);
    let name = if area.width < BESIDE {
        "Welcome (2 of 2): your sound"
    } else {
        "Welcome to tincan (2 of 2): your sound"
    };
    let inside = window(area, width, height, name, buf, theme);
    draw(&rows, inside, buf);
}

fn draw(rows: &[Row], body: Rect, buf: &mut Buffer) {
    for (y, row) in (0..body.height).zip(rows) {
        for (x, words, style) in row {
            text::left(buf, text::row(body, y), *x, words, *style);
        }
    }
}

/// All rows of the page, with blank ones between its parts.
fn whole(model: &Model, open: &Settings, sheet: Sheet) -> Vec<Row> {
    let mut rows = vec![Row::new()];
    rows.extend(items(model, open, sheet).0);
    if open.page == Page::Audio {
        rows.push(Row::new());
        rows.extend(sound::level(model, open, sheet));
        rows.push(Row::new());
        rows.extend(sound::test(model, open, sheet));
    }
    rows
}

/// As many rows as a low screen has: whether the microphone is open stays in sight, the rest follows what is chosen, or
/// the echo test.
fn low(model: &Model, open: &Settings, height: u16, sheet: Sheet) -> Vec<Row> {
    let (mut rows, chosen) = items(model, open, sheet);
    let (mut kept, tried) = (Vec::new(), rows.len());
    if open.page == Page::Audio {
        kept.push(sound::level_in_one(model, open, sheet));
        rows.extend(sound::test(model, open, sheet));
    }
    let room = usize::from(height).saturating_sub(kept.len());
    let last = rows.len().saturating_sub(room);
    let top = if open.below { tried } else { chosen }.min(last);
    kept.extend(rows.into_iter().skip(top).take(room));
    kept
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

/// The rows that can be chosen or are told, and where the chosen one is.
fn items(model: &Model, open: &Settings, sheet: Sheet) -> (Vec<Row>, usize) {
    let (mut rows, mut chosen, mut at) = (Vec::new(), 0, 0);
    for item in open.items(model) {
        let changes = item.setting.is_some();
        let here = changes && at == open.row;
        at += usize::from(changes);
        if here {
            chosen = rows.len();
        }
        rows.extend(self::item(&item, here, sheet));
        if let Some(picker) = open.picker.as_ref().filter(|_| here) {
            // Of a long list the device that is chosen, and the ones after it.
            chosen = rows.len() + picker.row;
            rows.extend(picked(open, picker, sheet));
        }
    }
    (rows, chosen)
}

fn item(item: &Item, chosen: bool, sheet: Sheet) -> Vec<Row> {
    let theme = sheet.theme;
    let style = if chosen { theme.cursor() } else { theme.plain() };
    let mark = if chosen { theme.glyphs.chosen } else { " " };
    let label = format!("{mark} {}", item.label);
    let mut rows = Vec::new();
    for (y, words) in text::wrap(&item.value, sheet.room()).into_iter().enumerate() {
        let first = (0, format!("{label:<width$}", width = usize::from(sheet.labels)), style);
        let mut row: Row = if y == 0 { vec![first] } else { Row::new() };
        // What can be changed is as bright as the keys; what is only told is plain.
        let value = if item.setting.is_some() { theme.accent() } else { theme.plain() };
        row.push((sheet.value_at(), words, if chosen { style } else { value }));
        rows.push(row);
    }
    let used = rows.last().and_then(|row| row.last()).map_or(0, |(x, words, _)| x + text::columns(words) + 2);
    if used + text::columns(&item.note) <= sheet.width {
        rows.iter_mut().last().into_iter().for_each(|row| row.push((used, item.note.clone(), theme.dim())));
    } else {
        let noted = text::wrap(&item.note, sheet.room()).into_iter();
        rows.extend(noted.map(|words| vec![(sheet.value_at(), words, theme.dim())]));
    }
    rows
}

/// The devices to choose from.
fn picked(open: &Settings, picker: &Picker, sheet: Sheet) -> Vec<Row> {
    let theme = sheet.theme;
    let names = open.names(picker).into_iter().enumerate().map(|(at, name)| {
        let chosen = at == picker.row;
        let mark = if chosen { theme.glyphs.chosen } else { " " };
        let style = if chosen { theme.cursor() } else { theme.plain() };
        let name = text::fit(name.as_str(), sheet.room().saturating_sub(2), theme.glyphs.more);
        vec![(sheet.value_at(), format!("{mark} {name}"), style)]
    });
    let looking = vec![(sheet.value_at() + 2, "looking for devices".to_owned(), theme.dim())];
    names.chain(open.devices.is_none().then_some(looking)).collect()
}
