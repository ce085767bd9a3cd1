//! The last row: what just happened, or else the keys that count here. A window keeps its keys in sight: what happens
//! meanwhile is told in the row above them.

use proto::client::ContactInfo;
use proto::wire::record::Standing;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::Model;
use crate::app::contacts::{callable, is_guest};
use crate::app::keymap::{Act, Hint, Place};
use crate::app::model::Stage;
use crate::app::popup::{Popup, Wanted};

use super::theme::Theme;
use super::{call, text, title};

/// Keys of a place that come before the palette.
const FIRST_HINTS: usize = 2;

/// From this height on there is a row for what happened above the keys of a window.
const ROOMY: u16 = 20;

/// Rows that what happened may take.
const ROWS_MAX: u16 = 4;

/// What happened, in the row above the last one, where a window is open that needs the last one for its keys. A call
/// that rings behind it is told there whatever the height: it takes no keys, and must not be missed.
pub(super) fn above(model: &Model, screen: Rect, buf: &mut Buffer, theme: Theme) {
    if let Some(words) = rings_behind(model, screen.width.saturating_sub(2)) {
        let row = text::row(screen, screen.height - 2);
        text::rule(buf, row, " ", Style::reset());
        let words = text::fit(&words, row.width.saturating_sub(2), theme.glyphs.more);
        text::left(buf, row, 1, &words, theme.warn());
        return;
    }
    if let Some(notice) = model.notice.as_ref().filter(|_| stands_above(model, screen.height)) {
        let row = text::row(screen, screen.height - 2);
        text::rule(buf, row, " ", Style::reset());
        tell(&notice.text, row, buf, theme);
    }
}

/// Who calls, and what to do about it, while a window covers the call: with the time where there is room for it.
fn rings_behind(model: &Model, room: u16) -> Option<String> {
    let (_, incoming) = model.incoming()?;
    if incoming.window.is_some() || model.popups.is_empty() || !matches!(model.stage, Stage::Main) {
        return None;
    }
    let who = title::state(model)?;
    let keys = call::keys(model, &[(Act::CallView, "shows it"), (Act::HangUp, "declines")]);
    let whole = format!("{who}  {keys}");
    if text::columns(&whole) <= room {
        return Some(whole);
    }
    let who = who.rsplit_once(' ').map_or(who.as_str(), |(who, _)| who);
    Some(format!("{who}  {}", call::keys(model, &[(Act::CallView, "show"), (Act::HangUp, "decline")])))
}

/// A code for cameras needs every row, and has one key.
fn stands_above(model: &Model, height: u16) -> bool {
    let window = model.popups.last().is_some_and(|popup| !matches!(popup, Popup::Qr(_)));
    height >= ROOMY && matches!(model.stage, Stage::Main) && (window || asked(model))
}

/// The window of an incoming call is open.
fn asked(model: &Model) -> bool {
    model.incoming().is_some_and(|(_, incoming)| incoming.window.is_some())
}

fn tell(words: &str, row: Rect, buf: &mut Buffer, theme: Theme) {
    let room = row.width.saturating_sub(2);
    // On a narrow screen what happened takes rows from what is above it, rather than losing its end.
    let mut lines = text::wrap(words, room);
    if lines.len() > usize::from(ROWS_MAX) {
        lines = vec![text::fit(words, room, theme.glyphs.more)];
    }
    let above = u16::try_from(lines.len()).unwrap_or(1).saturating_sub(1).min(row.y);
    for (y, line) in (row.y - above..=row.y).zip(&lines) {
        let row = Rect { y, ..row };
        text::rule(buf, row, " ", Style::reset());
        text::left(buf, row, 1, line, theme.strong());
    }
}

/// What happened, where it stands in the last row of a screen so high.
fn news(model: &Model, height: u16) -> Option<&str> {
    // Who is here for the first time needs the keys more than the news.
    let first = |popup: &Popup| matches!(popup, Popup::Settings(open) if open.first);
    let elsewhere = asked(model) || stands_above(model, height) || model.popups.last().is_some_and(first);
    model.notice.as_ref().filter(|_| !elsewhere).map(|notice| notice.text.as_str())
}

/// Rows above the last one that what happened takes: what is to be read at the foot of a page stands above them.
pub(super) fn rows_over(model: &Model, screen: Rect) -> u16 {
    let words = news(model, screen.height).unwrap_or_default();
    let rows = text::wrap(words, screen.width.saturating_sub(2)).len();
    if rows > usize::from(ROWS_MAX) { 0 } else { u16::try_from(rows).unwrap_or(1).saturating_sub(1) }
}

pub(super) fn footer(model: &Model, screen: Rect, buf: &mut Buffer, theme: Theme) {
    let area = text::row(screen, screen.height - 1);
    if let Some(words) = news(model, screen.height) {
        return tell(words, area, buf, theme);
    }
    // The first-run screen and the full stop have nothing to explain but themselves.
    let main = matches!(model.stage, Stage::Main);
    let places: Vec<Place> =
        model.places().iter().copied().filter(|place| main || *place != Place::Anywhere).collect();
    let hints = model.settings.keys.hints(&places).into_iter().filter_map(|hint| fitting(model, hint));
    // What leads to everything else keeps its room, but the help alone is enough where the first keys of the place need it.
    let (mut last, hints): (Vec<Hint>, Vec<Hint>) =
        hints.partition(|hint| matches!(hint.act, Act::Help | Act::Palette));
    last.sort_by_key(|hint| hint.act == Act::Help);
    let needed = |(at, hint): &(usize, &Hint)| *at < FIRST_HINTS || hint.act == Act::HangUp;
    let needed = hints.iter().enumerate().filter(needed).map(|(_, hint)| hint);
    let all = needed.chain(&last).map(|hint| width(hint) + 2).sum::<u16>();
    if all > area.width {
        last.retain(|hint| hint.act == Act::Help);
    }
    let kept = last.iter().map(|hint| width(hint) + 2).sum::<u16>();
    let mut x = 1;
    for hint in those_that_fit(&hints, area.width.saturating_sub(kept)).into_iter().chain(&last) {
        if x + width(hint) <= area.width {
            x = text::left(buf, area, x, &hint.key, theme.accent());
            x = text::left(buf, area, x + 1, hint.words, theme.dim()) + 2;
        }
    }
}

/// As many as there is room for, in their order; whole ones only: half a hint is a riddle. The first of the place come
/// before what ends a call and leads out of a window, and that before the others.
fn those_that_fit(hints: &[Hint], room: u16) -> Vec<&Hint> {
    let ends = |hint: &Hint| hint.act == Act::HangUp || hint.key == "Esc";
    let mut wanted: Vec<(usize, &Hint)> = hints.iter().enumerate().collect();
    wanted.sort_by_key(|(at, hint)| (*at >= FIRST_HINTS, !ends(hint)));
    let mut x = 1;
    wanted.retain(|(_, hint)| {
        let fits = x + width(hint) <= room;
        x += if fits { width(hint) + 2 } else { 0 };
        fits
    });
    wanted.sort_by_key(|(at, _)| *at);
    wanted.into_iter().map(|(_, hint)| hint).collect()
}

fn width(hint: &Hint) -> u16 {
    text::columns(&hint.key) + 1 + text::columns(hint.words)
}

/// The chosen one cannot be called, and nobody is marked for a call.
fn uncallable(model: &Model) -> bool {
    model.contacts.marked().is_empty() && model.contacts.selected().is_some_and(|contact| !callable(contact))
}

/// A hint as it is true here; none where the key does nothing.
fn fitting(model: &Model, hint: Hint) -> Option<Hint> {
    let adding = if let Some(Popup::Add(add)) = model.popups.last() { Some(add) } else { None };
    let unwritable = |contact: &ContactInfo| {
        contact.standing == Standing::Asked || is_guest(contact) && contact.standing != Standing::Asking
    };
    let idle = hint.act == Act::Open && model.contacts.selected().is_some_and(unwritable)
        || matches!(hint.act, Act::Call | Act::Mark) && uncallable(model)
        || hint.act == Act::Talk && !model.sound.talk.is_on()
        || hint.act == Act::Undo && model.contacts.leaving().is_none()
        || matches!(hint.act, Act::OwnLink | Act::OtherLine) && model.settings.plain_server.is_some()
        || hint.act == Act::Code && adding.is_some() && model.own_link.is_none()
        || hint.act == Act::Go && adding.is_some_and(|add| add.asking.is_some());
    let answering = model.consent().is_some_and(|asked| asked.wanted == Wanted::Answer);
    let choosing =
        |popup: &Popup| matches!(popup, Popup::Settings(open) if open.first && open.picker.is_some());
    let taking = hint.act == Act::Go && model.popups.last().is_some_and(choosing);
    let asks = model.contacts.selected().is_some_and(|contact| contact.standing == Standing::Asking);
    if hint.act == Act::OtherLine && adding.is_some_and(|add| add.in_message) {
        return (!idle).then_some(Hint { words: "name or link", ..hint });
    }
    let words = match (hint.act == Act::Consent && answering, taking, hint.act == Act::Open && asks) {
        (true, _, _) => "answer anyway",
        (false, true, _) => "take it",
        (false, false, true) => "accept",
        (false, false, false) => hint.words,
    };
    (!idle).then_some(Hint { words, ..hint })
}
