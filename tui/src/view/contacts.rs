//! The list: contacts, then requests.

use proto::client::ContactInfo;
use proto::wire::record::{Presence, Standing};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::Model;
use crate::app::contacts::is_guest;
use crate::app::find::{Find, Found};
use crate::app::model::{Focus, Link};

use super::theme::Theme;
use super::{line, text};

/// Rows that requests take at most, with their heading, before they scroll with the list.
const REQUEST_ROWS_MAX: u16 = 5;

/// Rows below which only the chosen one is shown: what they say with their request has the rest.
const WHOLE_ROWS_MIN: u16 = 4;

/// Draws the pane; gives the cursor's place while somebody is looked for.
pub(super) fn pane(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) -> Option<Position> {
    match &model.find {
        Some(find) => search(model, find, area, buf, theme),
        None => {
            whole(model, area, buf, theme);
            None
        }
    }
}

/// What is typed, and who fits; the best is nearest.
fn search(model: &Model, find: &Find, area: Rect, buf: &mut Buffer, theme: Theme) -> Option<Position> {
    let head = text::row(area, 0);
    let x = text::left(buf, head, 1, "/", theme.accent());
    let field = Rect { x: head.x + x, width: head.width.saturating_sub(x), ..head };
    let cursor = line::line(&find.query, field, buf, theme);
    let list = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    if find.found().is_empty() {
        text::left(buf, text::row(list, 0), 2, "Nobody is called so.", theme.dim());
    }
    let at = find.found().iter().position(|found| Some(&found.name) == find.chosen()).unwrap_or(0);
    let skip = (at + 1).saturating_sub(usize::from(list.height));
    for (y, found) in (0..list.height).zip(find.found().iter().skip(skip)) {
        let Some(contact) = model.contacts.get(&found.name) else { continue };
        let place = text::row(list, y);
        row(model, contact, find.chosen() == Some(&found.name), place, buf, theme);
        fits(model, found, place, buf, theme);
    }
    cursor
}

/// Marks the characters that fit, by weight and a line below them: colour alone would say nothing to some.
fn fits(model: &Model, found: &Found, area: Rect, buf: &mut Buffer, theme: Theme) {
    let label = model.contacts.label(&found.name);
    let before = text::columns(&model.shown(&found.name)).saturating_sub(text::columns(&label));
    for at in &found.at {
        let (Some(start), Some(rest)) = (label.get(..*at), label.get(*at..)) else { continue };
        let x = 4 + before + text::columns(start);
        let wide = rest.chars().next().map_or(0, |c| text::columns(c.encode_utf8(&mut [0; 4])));
        if x + wide < area.width {
            let place = Rect { x: area.x + x, width: wide, ..area };
            buf.set_style(place, theme.found());
        }
    }
}

fn whole(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) {
    if area.height < WHOLE_ROWS_MIN
        && let Some(chosen) = model.contacts.selected()
    {
        return rows(model, &[chosen], area, buf, theme);
    }
    let head = text::row(area, 0);
    let x = text::left(buf, head, 1, "CONTACTS", theme.strong());
    let (count, style) = match model.contacts.marked().len() {
        0 if model.link != Link::Online => (String::new(), theme.dim()),
        0 => (format!("{} online", model.contacts.online()), theme.dim()),
        marked => (format!("{marked} marked"), theme.accent()),
    };
    if x + 2 + text::columns(&count) <= head.width {
        text::right(buf, head, 0, &count, style);
    }
    let requests = model.contacts.requests();
    let wanted = u16::try_from(requests.len()).unwrap_or(u16::MAX).saturating_add(1);
    let below = if requests.is_empty() { 0 } else { wanted.min(REQUEST_ROWS_MAX).min(area.height / 2) };
    let list = Rect { y: area.y + 1, height: area.height.saturating_sub(1 + below), ..area };
    let contacts = model.contacts.contacts();
    if contacts.is_empty() && requests.is_empty() {
        return empty(list, buf, theme);
    }
    rows(model, &contacts, list, buf, theme);
    if below > 0 {
        let under = Rect { y: area.y + area.height - below, height: below, ..area };
        text::left(buf, text::row(under, 0), 1, "REQUESTS", theme.strong());
        rows(model, &requests, Rect { y: under.y + 1, height: below - 1, ..under }, buf, theme);
    }
}

fn empty(area: Rect, buf: &mut Buffer, theme: Theme) {
    let words = "Nobody yet. Press a to add a contact.";
    for (y, line) in (0..).zip(text::wrap(words, area.width.saturating_sub(2))) {
        text::left(buf, text::row(area, y), 2, &line, theme.dim());
    }
}

fn rows(model: &Model, all: &[&ContactInfo], area: Rect, buf: &mut Buffer, theme: Theme) {
    let height = usize::from(area.height);
    let chosen = model.chatting().and_then(|name| all.iter().position(|contact| contact.name == *name));
    // The chosen row stays in sight; otherwise the list begins at its beginning.
    let skip = chosen.map_or(0, |at| (at + 1).saturating_sub(height));
    for (y, contact) in (0..area.height).zip(all.iter().skip(skip)) {
        let chosen = model.chatting() == Some(&contact.name);
        row(model, contact, chosen, text::row(area, y), buf, theme);
    }
}

fn row(model: &Model, contact: &ContactInfo, chosen: bool, area: Rect, buf: &mut Buffer, theme: Theme) {
    let (glyph, style, words) = look(contact, model.link == Link::Online, theme);
    let unread = model.chats.get(&contact.name).map_or(0, |chat| chat.unread);
    let right = if unread > 0 { unread.to_string() } else { words.to_owned() };
    if chosen {
        text::left(buf, area, 0, theme.glyphs.chosen, theme.accent());
    }
    if model.contacts.is_marked(&contact.name) {
        text::left(buf, area, 1, theme.glyphs.marked, theme.accent());
    }
    let favourite = model.contacts.personal(&contact.name).is_some_and(|personal| personal.favourite);
    if favourite && !model.contacts.is_marked(&contact.name) {
        text::left(buf, area, 1, theme.glyphs.favourite, theme.accent());
    }
    text::left(buf, area, 2, glyph, style);
    let name_style = match (chosen && model.focus == Focus::List, unread > 0) {
        (true, _) => theme.cursor(),
        (false, _) if is_guest(contact) => theme.warn(),
        (false, true) => theme.strong(),
        (false, false) => theme.plain(),
    };
    // The name comes first: words about it take what is left.
    // Only how much is unread keeps its place.
    let kept = if unread > 0 { 1 + text::columns(&right) } else { 0 };
    let name = text::fit(&model.shown(&contact.name), area.width.saturating_sub(4 + kept), theme.glyphs.more);
    let mut after = text::left(buf, area, 4, &name, name_style);
    if contact.verified.is_some() && !contact.blocked && after + 2 + kept <= area.width {
        after = text::left(buf, area, after + 1, theme.glyphs.verified, theme.good());
    }
    if after + 1 + text::columns(&right) <= area.width {
        text::right(buf, area, 0, &right, if unread > 0 { theme.strong() } else { theme.dim() });
    }
}

/// `known` is false while there is no connection: who is there is not known then.
fn look(contact: &ContactInfo, known: bool, theme: Theme) -> (&'static str, Style, &'static str) {
    if contact.blocked {
        return ("!", theme.bad(), if contact.differs { "differs" } else { "key changed" });
    }
    match (contact.standing, contact.presence) {
        (Standing::Asking, _) => ("?", theme.warn(), "(Enter)"),
        (Standing::Asked | Standing::None, _) => (theme.glyphs.asked, theme.dim(), "asked"),
        (Standing::Mutual, _) if !known => (theme.glyphs.offline, theme.dim(), ""),
        (Standing::Mutual, Presence::Online) => (theme.glyphs.online, theme.good(), ""),
        (Standing::Mutual, Presence::InCall) => (theme.glyphs.in_call, theme.warn(), "in a call"),
        (Standing::Mutual, Presence::Offline) => (theme.glyphs.offline, theme.dim(), ""),
    }
}
