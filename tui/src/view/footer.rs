//! The last row: what just happened, or else the keys that count here.

use proto::client::ContactInfo;
use proto::wire::record::Standing;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::Model;
use crate::app::contacts::is_guest;
use crate::app::keymap::{self, Act, Place};
use crate::app::model::Stage;
use crate::app::popup::Wanted;

use super::text;
use super::theme::Theme;

pub(super) fn footer(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) {
    let asked = model.incoming().is_some_and(|(_, incoming)| incoming.window.is_some());
    if let Some(notice) = model.notice.as_ref().filter(|_| !asked) {
        let words = text::fit(&notice.text, area.width.saturating_sub(2), theme.glyphs.more);
        text::left(buf, area, 1, &words, theme.strong());
        return;
    }
    let mut x = 1;
    // The first-run screen and the full stop have nothing to explain but themselves.
    let main = matches!(model.stage, Stage::Main);
    let places: Vec<Place> =
        model.places().iter().copied().filter(|place| main || *place != Place::Anywhere).collect();
    for (key, words) in keymap::hints(&places).into_iter().filter_map(|hint| fitting(model, hint)) {
        // Whole hints only: half a hint is a riddle.
        if x + text::columns(key) + 1 + text::columns(words) > area.width {
            return;
        }
        x = text::left(buf, area, x, key, theme.accent());
        x = text::left(buf, area, x + 1, words, theme.dim()) + 2;
    }
}

/// A hint as it is true here; none where the key does nothing.
fn fitting(
    model: &Model,
    (key, words): (&'static str, &'static str),
) -> Option<(&'static str, &'static str)> {
    let places = model.places();
    let act = places.iter().find_map(|place| keymap::hinted(*place, key)).map(|row| row.act);
    let guest = |contact: &ContactInfo| is_guest(contact) && contact.standing != Standing::Asking;
    match act {
        Some(Act::Open) if model.contacts.selected().is_some_and(guest) => None,
        Some(Act::OwnLink) if model.settings.plain_server.is_some() => None,
        Some(Act::Consent) if model.consent().is_some_and(|asked| asked.wanted == Wanted::Answer) => {
            Some((key, "answer anyway"))
        }
        Some(_) | None => Some((key, words)),
    }
}
