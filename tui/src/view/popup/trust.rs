//! Windows about keys: numbers and words to compare, a key that changed, who is blocked.

use proto::client::Compared;
use proto::id::Principal;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::Model;
use crate::app::trust::{Blocked, Changed, Verify, Words, shown};

use super::super::theme::Theme;
use super::super::{line, text, title};
use super::window;

/// Columns of the windows, at most.
const WIDTH: u16 = 66;

/// One row, and how much it matters: where there is no room, those go first that matter least (0 stays).
struct Row {
    spare: u8,
    pieces: Vec<(u16, String, Style)>,
}

fn row(spare: u8, x: u16, words: impl Into<String>, style: Style) -> Row {
    Row { spare, pieces: vec![(x, words.into(), style)] }
}

fn gap(spare: u8) -> Row {
    Row { spare, pieces: Vec::new() }
}

fn wrapped(spare: u8, words: &str, room: u16, style: Style) -> impl Iterator<Item = Row> {
    text::wrap(words, room).into_iter().map(move |words| row(spare, 1, words, style))
}

/// Drops what matters least until the rows fit.
fn fitted(mut rows: Vec<Row>, room: u16) -> Vec<Row> {
    while rows.len() > usize::from(room) {
        let Some(least) = rows.iter().map(|row| row.spare).max().filter(|least| *least > 0) else { break };
        let Some(at) = rows.iter().rposition(|row| row.spare == least) else { break };
        rows.remove(at);
    }
    rows
}

fn draw(rows: Vec<Row>, name: &str, area: Rect, buf: &mut Buffer, theme: Theme) -> (Rect, Vec<Row>) {
    let rows = fitted(rows, area.height.saturating_sub(2));
    let height = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(2);
    let inside = window(area, WIDTH.min(area.width), height, name, buf, theme);
    for (y, row) in (0..inside.height).zip(&rows) {
        for (x, words, style) in &row.pieces {
            text::left(buf, text::row(inside, y), *x, words, *style);
        }
    }
    (inside, rows)
}

fn room(area: Rect) -> u16 {
    WIDTH.min(area.width).saturating_sub(6)
}

pub(super) fn verify(model: &Model, verify: &Verify, area: Rect, buf: &mut Buffer, theme: Theme) {
    let who = model.in_full(&verify.who);
    let contact = model.contacts.get(&verify.who);
    let mut rows = vec![gap(4)];
    let intro =
        "Read these numbers to each other, best in another way. They must be the same on both screens.";
    rows.extend(wrapped(6, intro, room(area), theme.plain()));
    rows.push(gap(5));
    for groups in verify.number.chunks(4) {
        rows.push(row(0, 7, groups.join("  "), theme.strong()));
    }
    rows.push(gap(3));
    rows.extend(words(verify, &who, room(area), theme));
    rows.push(gap(2));
    let key = |label: &str, key: String| {
        let style = (theme.dim(), theme.plain());
        let pieces = vec![(1, label.to_owned(), style.0), (8, key, style.1)];
        Row { spare: 7, pieces }
    };
    rows.push(key("yours", verify.ours.openssh()));
    rows.push(key("theirs", verify.theirs.openssh()));
    rows.push(standing(model, contact.is_some_and(|c| c.differs), contact.and_then(|c| c.verified), theme));
    rows.push(gap(8));
    draw(rows, &format!("Verify {who}"), area, buf, theme);
}

fn standing(model: &Model, differs: bool, verified: Option<proto::Wall>, theme: Theme) -> Row {
    match (differs, verified) {
        (true, _) => {
            row(1, 1, "You said that it differs: nothing goes to them or comes from them.", theme.bad())
        }
        (false, Some(when)) => {
            let when = title::date(when, &model.settings.zone);
            row(1, 1, format!("{} verified {when}", theme.glyphs.verified), theme.good())
        }
        (false, None) => row(1, 1, "Not verified yet.", theme.warn()),
    }
}

fn words(verify: &Verify, who: &str, room: u16, theme: Theme) -> Vec<Row> {
    let said = |words: String, style| wrapped(0, &words, room, style).collect();
    match verify.words {
        Words::NoCall => {
            let words = format!("In a call with {who} there are four words to say instead.");
            wrapped(6, &words, room, theme.dim()).collect()
        }
        Words::Waiting => said("this call:  asking for words ..".to_owned(), theme.dim()),
        Words::Told(Compared::Words(words)) => {
            let pieces =
                vec![(1, "this call:".to_owned(), theme.dim()), (13, words.join("  "), theme.accent())];
            vec![Row { spare: 0, pieces }]
        }
        Words::Told(Compared::NoAnswer) => {
            said("No words came: their program may be older. Compare the numbers.".to_owned(), theme.warn())
        }
        Words::Told(Compared::Broken) => said(
            "Somebody tampers with the words between you. Do not trust this call.".to_owned(),
            theme.bad(),
        ),
        Words::Told(Compared::TooMany) => {
            said("No more words in this call. Hang up and call again for others.".to_owned(), theme.warn())
        }
    }
}

/// A name that comes with another key.
pub(super) fn changed(
    model: &Model,
    changed: &Changed,
    area: Rect,
    buf: &mut Buffer,
    theme: Theme,
) -> Option<Position> {
    let name = changed.who.as_str();
    let contact = model.contacts.get(&changed.who);
    let mut rows = vec![gap(4)];
    let intro = format!(
        "The name {name} comes with another key now. Nothing goes to it and nothing comes from it until you decide."
    );
    rows.extend(wrapped(1, &intro, room(area), theme.bad()));
    rows.push(gap(3));
    // A key is shown whole, on two rows where one has no room.
    let key = |label: &'static str, principal: Option<&Principal>| {
        let key = principal.map_or_else(String::new, shown);
        let parts = text::wrap(&key, room(area).saturating_sub(4)).into_iter().enumerate();
        let row = move |(at, part): (usize, String)| {
            let label = if at == 0 { label } else { "" };
            Row { spare: 0, pieces: vec![(1, label.to_owned(), theme.dim()), (6, part, theme.plain())] }
        };
        parts.map(row).collect::<Vec<_>>()
    };
    rows.extend(key("old", contact.map(|contact| &contact.principal)));
    if let Some(when) = contact.and_then(|contact| contact.verified) {
        let when = title::date(when, &model.settings.zone);
        rows.push(row(2, 6, format!("{} verified {when}", theme.glyphs.verified), theme.good()));
    }
    rows.extend(key("new", contact.and_then(|contact| contact.replaced_by.as_ref())));
    rows.push(gap(3));
    let why = format!(
        "A new computer looks like this. So does somebody who wants to be taken for {name}. Ask {name} in another \
         way, and compare the new key."
    );
    rows.extend(wrapped(5, &why, room(area), theme.plain()));
    rows.push(gap(2));
    let label = format!("If it is theirs, type {name}:  ");
    let x = 1 + text::columns(&label);
    let field_row = rows.len();
    rows.push(row(0, 1, label, theme.plain()));
    rows.extend(wrapped(0, changed.problem.as_deref().unwrap_or_default(), room(area), theme.warn()));
    let else_do = "If not: Esc; D in the list removes the name, b blocks the new key.";
    rows.extend(wrapped(6, else_do, room(area), theme.dim()));
    // Its place among those that stay.
    let before = |rows: &[Row]| rows.iter().map(|row| row.pieces.clone()).collect::<Vec<_>>();
    let wanted = before(&rows)[field_row].clone();
    let (inside, kept) = draw(rows, &format!("{name} has another key"), area, buf, theme);
    let at = kept.iter().position(|row| row.pieces == wanted)?;
    let y = u16::try_from(at).ok()?;
    let field = Rect { x: inside.x + x, width: inside.width.saturating_sub(x), ..text::row(inside, y) };
    line::line(&changed.typed, field, buf, theme)
}

/// Who is blocked.
pub(super) fn blocked(model: &Model, blocked: &Blocked, area: Rect, buf: &mut Buffer, theme: Theme) {
    let mut rows = vec![gap(1)];
    if model.banned.is_empty() {
        rows.push(row(0, 1, "Nobody is blocked. b in the list blocks whoever is chosen.", theme.dim()));
    }
    let most = usize::from(area.height.saturating_sub(4)).max(1);
    let skip = (blocked.at + 1).saturating_sub(most);
    for (at, banned) in model.banned.iter().enumerate().skip(skip).take(most) {
        let when = title::date(banned.since, &model.settings.zone);
        let style = if at == blocked.at { theme.cursor() } else { theme.plain() };
        let key = text::fit(&shown(&banned.principal), room(area).saturating_sub(24), theme.glyphs.more);
        let mark = if at == blocked.at { theme.glyphs.chosen } else { " " };
        let pieces = vec![
            (0, mark.to_owned(), theme.accent()),
            (1, text::fit(banned.name.as_str(), 14, theme.glyphs.more), style),
            (16, when, theme.dim()),
            (24, key, theme.dim()),
        ];
        rows.push(Row { spare: 0, pieces });
    }
    rows.push(gap(1));
    draw(rows, "Blocked", area, buf, theme);
}
