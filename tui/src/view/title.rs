//! The first row: who we are, where, how the connection is; the sound, unread texts and the time. And the same for
//! the window's title, and for screens too small for pages.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proto::Wall;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::Model;
use crate::app::call::{Call, Phase, clock, device};
use crate::app::keymap::Act;
use crate::app::model::Link;

use super::text;
use super::theme::{NOT_ENCRYPTED, Theme};

/// Columns below which it is not said who we are and where.
const PLACE_MIN: u16 = 4;

pub(super) fn title(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) {
    let time = time_of_day(model.now.wall, &model.settings.zone);
    let mut free = text::right(buf, area, 1, &time, theme.plain());
    let (narrow, warned) = (area.width < super::TWO_PANES_WIDTH, model.settings.plain_server.is_some());
    // The least important first to go: on a narrow screen the sound is left out, and a warning takes the next place.
    let dnd = if narrow { "dnd" } else { "do not disturb" };
    let dnd = model.dnd.then(|| dnd.to_owned());
    let away = narrow && matches!(model.link, Link::Away { .. });
    let unread = unread(model).filter(|_| !narrow || !warned && !away);
    let pieces = [unread, dnd, sound(model).filter(|_| !narrow)];
    for piece in pieces.into_iter().flatten() {
        free = text::right(buf, area, area.width - free + 2, &piece, theme.plain());
    }
    let (glyph, words, style) = match model.link {
        Link::Online => (theme.glyphs.online, online(model, area.width), theme.good()),
        Link::Connecting => (theme.glyphs.asked, "connecting".to_owned(), theme.warn()),
        Link::Away { retry_at } => {
            let secs = (retry_at - model.now.mono).as_millis().div_ceil(1000);
            let again = if narrow { "again" } else { "trying again" };
            (theme.glyphs.offline, format!("offline, {again} in {secs} s"), theme.warn())
        }
    };
    let left = Rect { width: free.saturating_sub(1), ..area };
    let x = text::left(buf, left, 1, "tincan", theme.strong());
    let state = format!("{glyph} {words}");
    let state = state.trim_end();
    let warning = if model.settings.plain_server.is_some() { NOT_ENCRYPTED } else { "" };
    let room = left.width.saturating_sub(x + 3 + text::columns(state) + text::columns(warning));
    let place = address(model);
    // A letter or two of it would say nothing.
    let x = if text::columns(&place) > room && room < PLACE_MIN {
        x + 1
    } else {
        text::left(buf, left, x + 2, &text::fit(&place, room, theme.glyphs.more), theme.plain())
    };
    let x = text::left(buf, left, x + 1, state, style);
    text::left(buf, left, x + 1, warning, theme.alarm());
}

/// A server that speaks a plain protocol is named by it; where there is no room for that, the circle says enough.
fn online(model: &Model, width: u16) -> String {
    match model.settings.plain_server {
        Some(protocol) if width >= super::TWO_PANES_WIDTH => format!("online, {protocol}"),
        Some(_) => String::new(),
        None => "online".to_owned(),
    }
}

fn address(model: &Model) -> String {
    let server = &model.settings.server;
    model.name.as_ref().map_or_else(|| server.to_string(), |name| format!("{name}@{server}"))
}

fn unread(model: &Model) -> Option<String> {
    let unread = model.unread();
    (unread > 0).then(|| format!("{unread} unread"))
}

fn sound(model: &Model) -> Option<String> {
    // Whoever records must not forget that, wherever the keys are.
    let recording = if model.tools.recording { "REC  " } else { "" };
    microphone(model).map(|microphone| format!("{recording}{microphone}"))
}

fn microphone(model: &Model) -> Option<String> {
    if model.sound.muted {
        return Some("mic: muted".to_owned());
    }
    if model.call.is_some() && model.sound.talk.is_on() {
        return Some(if model.is_silent() { "mic: silent" } else { "mic: LIVE" }.to_owned());
    }
    if model.hears_itself() {
        return Some("mic: OPEN".to_owned());
    }
    if matches!(model.sound.microphone, proto::media::HalfState::Failed { .. }) {
        return Some("mic: none".to_owned());
    }
    device(&model.sound.microphone).map(|name| format!("mic: {}", text::fit(name.as_str(), 20, "~")))
}

/// One row for a screen that is too small for more: what a call needs.
pub(super) fn tiny(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) {
    let words = match &model.call {
        None => format!("tincan: at least {}x{}", super::WIDTH_MIN, super::HEIGHT_MIN),
        Some(_) => {
            let acts: &[_] = match model.incoming() {
                Some(_) => &[(Act::HangUp, "decline")],
                None => &[(Act::Mute, "mute"), (Act::HangUp, "end")],
            };
            format!("{} {}", state(model).unwrap_or_default(), super::call::keys(model, acts))
        }
    };
    let plain = model.call.as_ref().is_some_and(|call| call.plain);
    let mut x =
        if plain { text::left(buf, text::row(area, 0), 0, NOT_ENCRYPTED, theme.alarm()) + 1 } else { 0 };
    if let Some(words) = model.call.as_ref().and_then(|call| super::call::recorders(model, call)) {
        x = text::left(buf, text::row(area, 0), x, &words, theme.alarm()) + 1;
    }
    text::left(buf, text::row(area, 0), x, &words, theme.plain());
    if let Some(notice) = &model.notice {
        text::left(buf, text::row(area, 1), 0, &notice.text, theme.dim());
    }
}

/// The title of the terminal's window. It changes with the state, not with the seconds.
pub fn window(model: &Model) -> String {
    let what = match &model.call {
        Some(call) => {
            let plain = if call.plain { ", not encrypted" } else { "" };
            match call.phase {
                Phase::Incoming(_) => format!("{} is calling{plain}", caller(model, call)),
                Phase::Answering(_) | Phase::Placing { .. } | Phase::Live { .. } => {
                    format!("call with {}{plain}", model.with(call, NAMES_SHOWN))
                }
            }
        }
        None => address(model),
    };
    let unread = unread(model).map(|unread| format!(" ({unread})")).unwrap_or_default();
    format!("tincan: {what}{unread}")
}

/// What the call is at, in a few words; none without a call.
pub(super) fn state(model: &Model) -> Option<String> {
    let call = model.call.as_ref()?;
    let now = model.now.mono;
    let with = || model.with(call, NAMES_SHOWN);
    Some(match &call.phase {
        Phase::Incoming(incoming) => {
            format!("{} is calling {}", caller(model, call), clock(now - incoming.since))
        }
        Phase::Answering(_) => format!("{} connecting", with()),
        Phase::Placing { since, .. } => format!("{} {}", placing(call, &with()), clock(now - *since)),
        Phase::Live { since } => {
            let muted = match (model.sound.muted, model.sound.talk.is_on()) {
                (true, _) => " muted",
                (false, true) if model.is_silent() => " silent",
                (false, true) => " live",
                (false, false) => "",
            };
            let who = if call.is_group() { here(call) } else { with() };
            format!("{who} {}{muted}", clock(now - *since))
        }
    })
}

/// Names before only their number is said.
const NAMES_SHOWN: usize = 2;

/// Who calls.
fn caller(model: &Model, call: &Call) -> String {
    call.first().map(|party| model.shown(&party.name)).unwrap_or_default()
}

/// How many are in a call of many, oneself included: `5 here`, or `3 of 5 here` while some are awaited.
pub(super) fn here(call: &Call) -> String {
    match call.count() {
        (here, awaited) if here == awaited => format!("{here} here"),
        (here, awaited) => format!("{here} of {awaited} here"),
    }
}

/// How far a call being placed to these got. That we call them, and not they us, is seen from the order of the words.
pub(super) fn placing(call: &Call, with: &str) -> String {
    if call.rings() { format!("{with} ringing") } else { format!("calling {with}") }
}

/// `14:32` where the user is.
pub(super) fn time_of_day(wall: Wall, zone: &TimeZone) -> String {
    zoned(wall, zone).map_or_else(|| "--:--".to_owned(), |at| format!("{:02}:{:02}", at.hour(), at.minute()))
}

/// A day as `3 Nov`.
pub(super) fn date(wall: Wall, zone: &TimeZone) -> String {
    zoned(wall, zone).map(|at| at.strftime("%-d %b").to_string()).unwrap_or_default()
}

/// `Fri 20 Nov` where the user is.
pub(super) fn day(wall: Wall, zone: &TimeZone) -> String {
    zoned(wall, zone).map(|at| at.strftime("%a %-d %b").to_string()).unwrap_or_default()
}

fn zoned(wall: Wall, zone: &TimeZone) -> Option<jiff::Zoned> {
    let at = Timestamp::from_millisecond(i64::try_from(wall.0).ok()?).ok()?;
    Some(at.to_zoned(zone.clone()))
}
