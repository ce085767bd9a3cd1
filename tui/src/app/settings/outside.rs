//! The rows about what comes from the world outside the screen and goes there: the key to talk, and who is told of
//! what.

use proto::media::processing::Wish;

use super::{Item, Setting, item};
use crate::app::emulator::Osc;
use crate::app::keymap::{Act, Place};
use crate::app::model::Model;
use crate::app::notify::OscWish;
use crate::app::ring;
use crate::app::talk::Tier;
use crate::app::transmit::Transmit;

fn noted(label: &'static str, value: &str, setting: Setting, note: impl Into<String>) -> Item {
    Item { note: note.into(), ..item(label, value, Some(setting)) }
}

fn yes(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}

/// When the microphone is open, and how the key to talk works here.
pub(super) fn transmit(model: &Model) -> [Item; 2] {
    let talk = &model.sound.talk;
    let key = |place| model.settings.keys.key(Act::Talk, &[place]);
    let key = key(Place::Call).or_else(|| key(Place::Anywhere)).unwrap_or_else(|| "tincan ptt".to_owned());
    let (value, note) = match talk.transmit {
        Transmit::Open => ("open", "everybody hears you unless you mute".to_owned()),
        Transmit::Ptt => ("push to talk", format!("press {key} to be heard")),
    };
    let how = match talk.tier() {
        Tier::Release => "held until it comes up",
        Tier::Repeat => "held, as long as it repeats",
        Tier::Latch => "on and off",
    };
    let how = if talk.is_on() { how } else { "" };
    [
        noted("Microphone", value, Setting::Transmit, note),
        noted("Key to talk", talk.key.word(), Setting::TalkKey, how),
    ]
}

/// What is told outside the screen.
pub(super) fn notify(model: &Model) -> Vec<Item> {
    let notify = &model.settings.notify;
    let words = if notify.preview { "who wrote, and what" } else { "who wrote, not what" };
    let now = match (model.dnd, notify.dnd) {
        (true, false) => "undisturbed now (Z in the list)",
        (false, true) => "disturbed now (Z in the list)",
        (true, true) | (false, false) => "",
    };
    let tone = match (ring::sounds(model), notify.ring, &model.settings.preferences.ears.ring) {
        (true, _, None) => "on the speaker".to_owned(),
        (true, _, Some(device)) => format!("on {device}"),
        (false, Wish::Auto, _) => "none over SSH".to_owned(),
        (false, Wish::On | Wish::Off, _) => String::new(),
    };
    let command = match notify.command.as_slice() {
        // The demonstration has no file.
        [] if model.settings.preferences.file.is_empty() => "none".to_owned(),
        [] => format!("none: [notify] in {}", model.settings.preferences.file),
        words => words.join(" "),
    };
    vec![
        noted("Bell", yes(notify.bell), Setting::Bell, "for calls, texts and requests"),
        noted("Ring tone", notify.ring.word(), Setting::Ring, tone),
        noted("Notifications", notify.osc.word(), Setting::Notices, here(model)),
        noted("Tell the words", yes(notify.preview), Setting::Preview, words),
        noted("Begin undisturbed", yes(notify.dnd), Setting::Undisturbed, now),
        noted("But calls ring", yes(notify.calls_in_dnd), Setting::CallsRing, ""),
        item("Command", command, None),
    ]
}

/// What calls ring on, and that they do not.
pub(super) fn ring_device(model: &Model) -> Item {
    let note = if ring::sounds(model) { "" } else { "silent: see Notify" };
    let device = model.settings.preferences.ears.ring.as_deref();
    noted("Ring device", device.unwrap_or(ring::AS_THE_SPEAKER), Setting::RingDevice, note)
}

/// Whether the terminal opens links.
pub(super) fn links(model: &Model) -> Item {
    let note = if model.settings.marks_links() { "a click opens them" } else { "they are text" };
    noted("Links", model.settings.links.word(), Setting::Links, note)
}

/// What becomes of the wish for notifications in this terminal.
fn here(model: &Model) -> &'static str {
    let wish = model.settings.notify.osc;
    match wish.of(model.settings.emulator) {
        Some(Osc::Nine) => "as OSC 9 (iTerm2, WezTerm, Ghostty)",
        Some(Osc::NinetyNine) => "as OSC 99 (kitty)",
        Some(Osc::SevenSevenSeven) => "as OSC 777 (foot, rxvt)",
        None if wish == OscWish::Off => "",
        None if model.settings.emulator.strings => "none in this terminal",
        None => "none: this terminal prints them",
    }
}
