//! The first row: who we are, where, how the connection is; the sound, unread texts and the time. And the same for
//! the window's title, and for screens too small for pages.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proto::Wall;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::Model;
use crate::app::call::{Phase, Reached, clock, device};
use crate::app::model::Link;

use super::text;
use super::theme::Theme;

pub(super) fn title(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) {
    let time = time_of_day(model.now.wall, &model.settings.zone);
    let mut free = text::right(buf, area, 1, &time, theme.plain());
    let mut pieces = vec![unread(model)];
    // The least important first to go: on a narrow screen the sound is left out.
    if area.width >= 60 {
        pieces.push(sound(model));
    }
    for piece in pieces.into_iter().flatten() {
        free = text::right(buf, area, area.width - free + 2, &piece, theme.plain());
    }
    let (glyph, words, style) = match model.link {
        Link::Online => (theme.glyphs.online, "online".to_owned(), theme.good()),
        Link::Connecting => (theme.glyphs.asked, "connecting".to_owned(), theme.warn()),
        Link::Away { retry_at } => {
            let secs = (retry_at - model.now.mono).as_millis().div_ceil(1000);
            (theme.glyphs.offline, format!("offline, trying again in {secs} s"), theme.warn())
        }
    };
    let left = Rect { width: free.saturating_sub(1), ..area };
    let x = text::left(buf, left, 1, "tincan", theme.strong());
    let state = format!("{glyph} {words}");
    let room = left.width.saturating_sub(x + 3 + text::columns(&state));
    let place = text::fit(&address(model), room, theme.glyphs.more);
    let x = text::left(buf, left, x + 2, &place, theme.plain());
    text::left(buf, left, x + 1, &state, style);
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
    if model.sound.muted {
        return Some("mic: muted".to_owned());
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
        Some(call) => {
            let keys = if model.incoming().is_some() { "^X decline" } else { "^T mute ^X end" };
            format!("{} {}", state(model).unwrap_or_else(|| call.with.to_string()), keys)
        }
    };
    text::left(buf, text::row(area, 0), 0, &words, theme.plain());
    if let Some(notice) = &model.notice {
        text::left(buf, text::row(area, 1), 0, &notice.text, theme.dim());
    }
}

/// The title of the terminal's window. It changes with the state, not with the seconds.
pub fn window(model: &Model) -> String {
    let what = match model.call.as_ref().map(|call| (&call.with, &call.phase)) {
        Some((with, Phase::Incoming(_))) => format!("{with} is calling"),
        Some((with, Phase::Answering | Phase::Placing { .. } | Phase::Live { .. })) => {
            format!("call with {with}")
        }
        None => address(model),
    };
    let unread = unread(model).map(|unread| format!(" ({unread})")).unwrap_or_default();
    format!("tincan: {what}{unread}")
}

/// What the call is at, in a few words; none without a call.
pub(super) fn state(model: &Model) -> Option<String> {
    let call = model.call.as_ref()?;
    let (with, now) = (&call.with, model.now.mono);
    Some(match &call.phase {
        Phase::Incoming(incoming) => format!("{with} is calling {}", clock(now - incoming.since)),
        Phase::Answering => format!("{with} connecting"),
        Phase::Placing { since, reached } => format!("{with} {} {}", placing(*reached), clock(now - *since)),
        Phase::Live { since, .. } => {
            let muted = if model.sound.muted { " muted" } else { "" };
            format!("{with} {}{muted}", clock(now - *since))
        }
    })
}

/// How far a call being placed got, in a word.
pub(super) fn placing(reached: Reached) -> &'static str {
    match reached {
        Reached::Wanted | Reached::Calling => "calling",
        Reached::Ringing => "ringing",
    }
}

/// `14:32` where the user is.
pub(super) fn time_of_day(wall: Wall, zone: &TimeZone) -> String {
    zoned(wall, zone).map_or_else(|| "--:--".to_owned(), |at| format!("{:02}:{:02}", at.hour(), at.minute()))
}

/// `Fri 20 Nov` where the user is.
pub(super) fn day(wall: Wall, zone: &TimeZone) -> String {
    zoned(wall, zone).map(|at| at.strftime("%a %-d %b").to_string()).unwrap_or_default()
}

fn zoned(wall: Wall, zone: &TimeZone) -> Option<jiff::Zoned> {
    let at = Timestamp::from_millisecond(i64::try_from(wall.0).ok()?).ok()?;
    Some(at.to_zoned(zone.clone()))
}
