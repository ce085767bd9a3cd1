//! Who is told of what outside the screen: not who is looking at it, not who does not want to be disturbed, and nobody
//! more often than is calm.

use std::time::Duration;

use proto::Safe;
use proto::id::Name;
use proto::limits::TEXT_BYTES_MAX;

use super::super::emulator::Osc;
use super::super::model::{Focus, Model};
use super::super::msg::Effect;
use super::super::notify::{Alert, OscWish, What};
use super::notice;

/// Several texts within this time are one piece of news.
const ALERT_EVERY: Duration = Duration::from_secs(2);

/// Where a terminal does not tell of its focus, whoever pressed a key within this time is there.
const PRESENT: Duration = Duration::from_secs(30);

/// Tells of something somebody did. A call rings by itself.
pub(super) fn alert(
    model: &mut Model,
    what: What,
    who: &Name,
    text: Option<&Safe>,
    effects: &mut Vec<Effect>,
) {
    if !may(model, what) || what == What::Message && (is_read(model, who) || is_soon(model, who)) {
        return;
    }
    if model.settings.notify.bell && matches!(what, What::Message | What::Request) {
        effects.push(Effect::Bell);
    }
    if osc(model).is_some() || !model.settings.notify.command.is_empty() {
        let preview = text.filter(|_| model.settings.notify.preview);
        let preview = preview.map(|text| Safe::text(text.as_str(), TEXT_BYTES_MAX));
        effects.push(Effect::Alert(Alert { what, who: Safe::line(&model.shown(who)), preview }));
    }
}

/// Whether the bell may ring for a call.
pub(super) fn may_ring(model: &Model) -> bool {
    model.settings.notify.bell && may(model, What::Call)
}

/// The control string for notifications that this terminal gets.
fn osc(model: &Model) -> Option<Osc> {
    model.settings.notify.osc.of(model.settings.emulator)
}

fn may(model: &Model, what: What) -> bool {
    let call = matches!(what, What::Call | What::MissedCall);
    !model.dnd || call && model.settings.notify.calls_in_dnd
}

/// Whether it is on the screen before somebody's eyes.
fn is_read(model: &Model, who: &Name) -> bool {
    is_seen(model) && model.chatting() == Some(who)
}

/// Whether the chat that is open is before somebody's eyes. Where the terminal tells nothing of them, a key is word enough,
/// for a while.
pub(super) fn is_seen(model: &Model) -> bool {
    let here = match model.focused {
        Some(focused) => focused,
        None => model.pressed.is_some_and(|pressed| model.now.mono < pressed + PRESENT),
    };
    here && !model.on_call_page() && (model.focus == Focus::Message || !model.one_pane)
}

/// Whether they were told of a moment ago.
fn is_soon(model: &mut Model, who: &Name) -> bool {
    let now = model.now.mono;
    if model.alerted.as_ref().is_some_and(|(told, when)| told == who && now < *when + ALERT_EVERY) {
        return true;
    }
    model.alerted = Some((who.clone(), now));
    false
}

/// Do not disturb, or do.
pub(super) fn toggle_dnd(model: &mut Model) {
    model.dnd = !model.dnd;
    let words = model.settings.notify.rings(model.dnd);
    notice(model, words);
}

impl OscWish {
    /// What is sent to this terminal.
    pub fn of(self, emulator: super::super::emulator::Emulator) -> Option<Osc> {
        match self {
            Self::Auto => emulator.notices,
            Self::Is(osc) => Some(osc).filter(|_| emulator.strings),
            Self::Off => None,
        }
    }
}
