//! What whoever asks to be a contact says with it: text of a stranger, shown as such and never as a chat.

use proto::client::ContactInfo;
use proto::wire::record::Standing;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::Model;
use crate::app::keymap::{Act, Place};
use crate::app::model::Glyphs;

use super::theme::Theme;
use super::{bidi, text};

/// The request in the place of a chat. Where there is not room for all, what they say comes first: who asks, and that
/// they do, is at the head of the pane.
pub(super) fn whole(model: &Model, contact: &ContactInfo, area: Rect, buf: &mut Buffer, theme: Theme) {
    let room = area.width.saturating_sub(4);
    let how =
        format!("{} asks to be your contact. Enter or A accepts, D rejects.", model.shown(&contact.name));
    let how = text::wrap(&how, room);
    let said = contact.greeting.as_ref().map(|words| text::wrap(words.as_str(), room)).unwrap_or_default();
    let taken = |rows: usize| u16::try_from(rows).unwrap_or(u16::MAX);
    let all = taken(if said.is_empty() { 1 + how.len() } else { 3 + how.len() + said.len() });
    let mut y = u16::from(said.is_empty() || all <= area.height);
    if said.is_empty() || all <= area.height {
        for row in &how {
            text::left(buf, text::row(area, y), 2, row, theme.dim());
            y += 1;
        }
        if !said.is_empty() {
            text::left(buf, text::row(area, y + 1), 2, HEADING, theme.dim());
            y += 2;
        }
    }
    let below = Rect { y: area.y + y, height: area.height.saturating_sub(y), ..area };
    rows(model, contact, &said, below, buf, theme);
}

/// What the chosen one says, at the foot of the list; gives the rows it took. The chosen row stays in sight.
pub(super) fn below(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) -> u16 {
    let asks = |contact: &&ContactInfo| contact.standing == Standing::Asking;
    let chosen = model.contacts.selected().filter(asks).filter(|_| model.find.is_none());
    let Some((contact, words)) = chosen.and_then(|contact| Some((contact, contact.greeting.as_ref()?)))
    else {
        return 0;
    };
    let said = text::wrap(words.as_str(), area.width.saturating_sub(4));
    let wanted = u16::try_from(said.len()).unwrap_or(u16::MAX);
    let height = wanted.min(area.height.saturating_sub(LIST_ROWS_MIN));
    let heading = u16::from(area.height >= height + 1 + LIST_ROWS);
    let place = Rect { y: area.y + area.height - height - heading, height: height + heading, ..area };
    if heading > 0 {
        text::left(buf, text::row(place, 0), 2, HEADING, theme.dim());
    }
    let under = Rect { y: place.y + heading, height, ..place };
    rows(model, contact, &said, under, buf, theme);
    height + heading
}

fn rows(model: &Model, contact: &ContactInfo, said: &[String], area: Rect, buf: &mut Buffer, theme: Theme) {
    let leftward = contact.greeting.as_ref().is_some_and(|words| bidi::runs_left(words.as_str()))
        && model.settings.look.glyphs == Glyphs::Unicode;
    let style: Style = theme.plain();
    // Where there is not room for all, the last row names the key that shows the rest.
    let cut = said.len() > usize::from(area.height);
    let height = area.height - u16::from(cut && area.height > 0);
    let last = said.len().saturating_sub(usize::from(height));
    let from = if cut { model.contacts.rows_read().min(last) } else { 0 };
    for (y, row) in (0..height).zip(said.iter().skip(from)) {
        let place = text::row(area, y);
        if leftward {
            bidi::isolated(buf, place, 2, row, style);
        } else {
            text::left(buf, place, 2, row, style);
        }
    }
    if cut && area.height > 0 {
        let (up, does) = if from < last { (false, "shows the rest") } else { (true, "shows the beginning") };
        let key = model.settings.keys.key(Act::Scroll { up }, &[Place::List]);
        let words = key.map(|key| format!("{key} {does}"));
        let words = words.unwrap_or_else(|| theme.glyphs.more.to_owned());
        text::left(buf, text::row(area, height), 2, &words, theme.accent());
    }
}

const HEADING: &str = "They say, and nobody has checked it:";

/// Rows that the list keeps above a heading: its own, a contact, and a request with its own.
const LIST_ROWS: u16 = 4;

/// Rows that it keeps in any case: the chosen one.
const LIST_ROWS_MIN: u16 = 1;
