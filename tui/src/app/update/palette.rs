//! What the keys of the palette and of the help do.

use super::super::call::{Call, Phase};
use super::super::contacts::Step;
use super::super::help::Help;
use super::super::keymap::Act;
use super::super::model::{Model, Stage};
use super::super::msg::Effect;
use super::super::palette::{self, Palette};
use super::super::popup::Popup;
use super::keys;

/// Rows of a page.
const PAGE: usize = 10;

/// Opens the palette, or closes it.
pub(super) fn toggle(model: &mut Model) {
    if !matches!(model.stage, Stage::Main) {
        return;
    }
    if let Some(Popup::Palette(_)) = model.popups.last() {
        model.popups.pop();
        return;
    }
    // The window of a call that rings comes back when the palette closes.
    if let Some(Call { phase: Phase::Incoming(incoming), .. }) = &mut model.call {
        incoming.window = None;
    }
    model.popups.push(Popup::Palette(Palette::default()));
}

/// Moves the choice.
pub(super) fn step(model: &mut Model, step: Step) {
    let Some(Popup::Palette(palette)) = model.popups.last() else { return };
    let last = palette::entries(model, palette.line.text()).len().saturating_sub(1);
    let at = palette.chosen.min(last);
    let chosen = match step {
        Step::Up => at.checked_sub(1).unwrap_or(last),
        Step::Down => {
            if at == last {
                0
            } else {
                at + 1
            }
        }
        Step::PageUp => at.saturating_sub(PAGE),
        Step::PageDown => (at + PAGE).min(last),
        Step::First => 0,
        Step::Last => last,
    };
    if let Some(Popup::Palette(palette)) = model.popups.last_mut() {
        palette.chosen = chosen;
    }
}

/// Does what is chosen, as if its key had been pressed where the palette was opened.
pub(super) fn run(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(Popup::Palette(palette)) = model.popups.last() else { return };
    let mut entries = palette::entries(model, palette.line.text());
    let last = entries.len().saturating_sub(1);
    let chosen = palette.chosen.min(last);
    if chosen >= entries.len() {
        return;
    }
    let entry = entries.swap_remove(chosen);
    model.popups.pop();
    if let Some(who) = &entry.who {
        model.contacts.select(who);
        if entry.act == Act::Call {
            model.contacts.unmark();
        }
        if entry.act == Act::Open {
            model.call_view = false;
        }
    }
    keys::act(model, entry.act, effects);
}

/// Opens the help, or closes it.
pub(super) fn toggle_help(model: &mut Model) {
    if !matches!(model.stage, Stage::Main) {
        return;
    }
    if let Some(Popup::Help(_)) = model.popups.last() {
        model.popups.pop();
        return;
    }
    let help = Help::new(model.places());
    model.popups.push(Popup::Help(help));
}

/// Something was typed or rubbed out: what is found begins at the top again.
pub(super) fn typed(model: &mut Model) {
    match model.popups.last_mut() {
        Some(Popup::Palette(palette)) => palette.chosen = 0,
        Some(Popup::Help(help)) => help.scroll = 0,
        Some(
            Popup::Settings(_)
            | Popup::Add(_)
            | Popup::Consent(_)
            | Popup::Rename(_)
            | Popup::Verify(_)
            | Popup::Changed(_)
            | Popup::Blocked(_)
            | Popup::Qr(_),
        )
        | None => {}
    }
}
