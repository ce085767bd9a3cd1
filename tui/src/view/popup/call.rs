//! The windows of calls: one that rings, and one that would not be encrypted.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::Model;
use crate::app::call::{Call, Incoming, among, clock, device, trouble};
use crate::app::popup::{Consent, Wanted};

use super::super::text;
use super::super::theme::{NOT_ENCRYPTED, Theme};
use super::window;

/// Of a yes to somebody else's guest.
const ONLY_CONTACTS: &str = "A yes is for this call, and remembered for contacts.";

/// Columns of the windows.
const WIDTH: u16 = 52;

/// Columns below which words are shorter.
const WIDTH_WHOLE: u16 = 50;

/// Names in a window; of more, only how many.
const NAMES_SHOWN: usize = 6;

/// The pieces of one row: where, what, how. None is an empty row, the first to go where there are too few.
type Row = Vec<(u16, String, Style)>;

pub(super) fn incoming(
    model: &Model,
    call: &Call,
    incoming: &Incoming,
    area: Rect,
    buf: &mut Buffer,
    theme: Theme,
) {
    let from = call.first().map(|party| model.shown(&party.name)).unwrap_or_default();
    let mut rows: Vec<Row> = vec![Vec::new()];
    rows.push(vec![
        (1, from.clone(), theme.accent()),
        (text::columns(&from) + 2, "is calling you".to_owned(), theme.strong()),
    ]);
    if call.is_group() {
        let others: Vec<_> = call.parties.iter().skip(1).map(|party| &party.name).collect();
        let words = format!("with {}", model.among(&others, NAMES_SHOWN));
        rows.extend(lines(&words, area, theme.plain()));
    }
    let ringing = format!("ringing {}", clock(model.now.mono - incoming.since));
    rows.push(vec![(1, ringing, theme.dim())]);
    if call.plain {
        rows.push(Vec::new());
        rows.push(vec![(1, NOT_ENCRYPTED.to_owned(), theme.alarm())]);
        rows.extend(lines("The server and the network can hear it.", area, theme.warn()));
    }
    rows.push(Vec::new());
    // The right half of a row has 16 columns on the narrowest screen.
    let narrow = area.width < WIDTH_WHOLE;
    let (muted, silence) =
        if narrow { ("muted", "silence") } else { ("answer muted", "silence, let it ring") };
    rows.push(keys(("Enter/y", "answer"), ("m", muted), theme));
    rows.push(keys(("n", "decline"), ("i", silence), theme));
    if call.first().is_some_and(|party| !model.guest(&party.name)) {
        rows.push(keys(("r", "decline and write why"), ("", ""), theme));
    }
    let troubles = [trouble("microphone", &model.sound.microphone), trouble("speaker", &model.sound.speaker)];
    let sound = match troubles.into_iter().flatten().next() {
        Some(trouble) => (1, text::fit(&trouble, WIDTH - 5, theme.glyphs.more), theme.warn()),
        None => {
            let device = device(&model.sound.microphone);
            (1, device.map_or_else(String::new, |name| format!("mic {name}")), theme.dim())
        }
    };
    rows.push(vec![sound]);
    let name = if call.is_group() { "Incoming group call" } else { "Incoming call" };
    draw(rows, name, area, buf, theme);
}

pub(super) fn consent(model: &Model, consent: &Consent, area: Rect, buf: &mut Buffer, theme: Theme) {
    // Whoever is named here is a guest, known as one or not.
    let guests = consent.names.iter().map(|name| format!("~{name}")).collect::<Vec<_>>();
    let guests = among(&guests, NAMES_SHOWN);
    let known = consent.names.iter().all(|name| model.contacts.get(name).is_some());
    let many = consent.names.len() > 1;
    let group = match &consent.wanted {
        Wanted::Call(names) => names.len() > 1,
        Wanted::Answer => model.incoming().is_some_and(|(call, _)| call.is_group()),
    };
    let programs = if many { "programs of" } else { "program of" };
    let cannot = if many { "do not encrypt" } else { "does not encrypt" };
    let call = if group { "the whole call, whoever speaks" } else { "this call" };
    let words = format!("The {programs} {guests} {cannot}. The server and the network could hear {call}.");
    let mut rows: Vec<Row> = vec![Vec::new(), vec![(1, NOT_ENCRYPTED.to_owned(), theme.alarm())], Vec::new()];
    rows.extend(lines(&words, area, theme.plain()));
    rows.push(Vec::new());
    let yes = match consent.wanted {
        Wanted::Call(_) => "call anyway",
        Wanted::Answer => "answer anyway",
    };
    rows.push(keys(("y", yes), ("n", "no"), theme));
    rows.push(Vec::new());
    let kept = if known { format!("A yes is remembered for {guests}.") } else { ONLY_CONTACTS.to_owned() };
    rows.extend(lines(&kept, area, theme.dim()));
    rows.push(Vec::new());
    draw(rows, "Not encrypted", area, buf, theme);
}

/// Words that may take several rows.
fn lines(words: &str, area: Rect, style: Style) -> Vec<Row> {
    let room = WIDTH.min(area.width).saturating_sub(6);
    text::wrap(words, room).into_iter().map(|words| vec![(1, words, style)]).collect()
}

/// A row of two keys with their words.
fn keys(left: (&str, &str), right: (&str, &str), theme: Theme) -> Row {
    let mut row = Row::new();
    for (x, (key, words)) in [(1, left), (22, right)] {
        if key.is_empty() {
            continue;
        }
        let key = format!("[{key}]");
        let at = x + text::columns(&key) + 1;
        row.extend([(x, key, theme.accent()), (at, words.to_owned(), theme.plain())]);
    }
    row
}

/// Draws the rows in a window as high as they need. Where there is less room, empty rows go first.
fn draw(mut rows: Vec<Row>, name: &str, area: Rect, buf: &mut Buffer, theme: Theme) {
    let room = usize::from(area.height.saturating_sub(2));
    while rows.len() > room
        && let Some(empty) = rows.iter().position(Vec::is_empty)
    {
        rows.remove(empty);
    }
    let height = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(2);
    let inside = window(area, WIDTH, height, name, buf, theme);
    for (y, row) in (0..inside.height).zip(rows) {
        for (x, words, style) in row {
            text::left(buf, text::row(inside, y), x, &words, style);
        }
    }
}
