//! The last row: what just happened, or else the keys that count here.

use proto::client::ContactInfo;
use proto::wire::record::Standing;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::Model;
use crate::app::contacts::is_guest;
use crate::app::keymap::{Act, Hint, Place};
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
    // The first-run screen and the full stop have nothing to explain but themselves.
    let main = matches!(model.stage, Stage::Main);
    let places: Vec<Place> =
        model.places().iter().copied().filter(|place| main || *place != Place::Anywhere).collect();
    let hints = model.settings.keys.hints(&places).into_iter().filter_map(|hint| fitting(model, hint));
    // What leads to everything else keeps its room.
    let (mut last, hints): (Vec<Hint>, Vec<Hint>) =
        hints.partition(|hint| matches!(hint.act, Act::Help | Act::Palette));
    last.sort_by_key(|hint| hint.act == Act::Help);
    let kept = last.iter().map(|hint| width(hint) + 2).sum::<u16>();
    let mut x = 1;
    for (hint, kept) in hints.iter().map(|hint| (hint, kept)).chain(last.iter().map(|hint| (hint, 0))) {
        // Whole hints only: half a hint is a riddle.
        if x + width(hint) + kept > area.width {
            continue;
        }
        x = text::left(buf, area, x, &hint.key, theme.accent());
        x = text::left(buf, area, x + 1, hint.words, theme.dim()) + 2;
    }
}

fn width(hint: &Hint) -> u16 {
    text::columns(&hint.key) + 1 + text::columns(hint.words)
}

/// A hint as it is true here; none where the key does nothing.
fn fitting(model: &Model, hint: Hint) -> Option<Hint> {
    let guest = |contact: &ContactInfo| is_guest(contact) && contact.standing != Standing::Asking;
    let idle = hint.act == Act::Open && model.contacts.selected().is_some_and(guest)
        || hint.act == Act::Talk && !model.sound.talk.is_on()
        || hint.act == Act::OwnLink && model.settings.plain_server.is_some();
    let answering = model.consent().is_some_and(|asked| asked.wanted == Wanted::Answer);
    let words = if hint.act == Act::Consent && answering { "answer anyway" } else { hint.words };
    (!idle).then_some(Hint { words, ..hint })
}
