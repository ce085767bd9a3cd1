//! What the keys of the settings do. A change counts at once, and is written to the configuration.

use core::time::Duration;

use proto::media::processing::{Part, Wish};
use proto::media::{DelayMode, DeviceList, HalfState, SoundCommand};

use super::super::contacts::Step;
use super::super::look::{Glyphs, Theme};
use super::super::model::{Model, Stage};
use super::super::msg::Effect;
use super::super::popup::Popup;
use super::super::preferences::{Change, Ears, Value};
use super::super::settings::{Chooses, Heard, Item, Page, Picker, Setting, Settings, Test};
use super::{meters, notice};

mod outside;

/// Durations of frames to choose from; none is decided by the network.
const FRAMES: [Option<u8>; 4] = [None, Some(5), Some(10), Some(20)];
/// How often meters may move; none is what the line is good for.
const METERS: [Option<u8>; 6] = [None, Some(0), Some(2), Some(4), Some(15), Some(30)];

/// Opens the settings at a page, or closes them.
pub(super) fn open(model: &mut Model, page: Page, effects: &mut Vec<Effect>) {
    if !matches!(model.stage, Stage::Main) {
        return;
    }
    if let Some(Popup::Settings(settings)) = model.popups.last() {
        if settings.first {
            return go_on(model, effects);
        }
        model.popups.pop();
        return;
    }
    model.popups.push(Popup::Settings(Box::new(Settings::new(page))));
    effects.push(Effect::Sound(SoundCommand::ListDevices));
}

/// The first look at the sound, over the page that follows it.
pub(super) fn first(model: &mut Model, effects: &mut Vec<Effect>) {
    model.popups.push(Popup::Settings(Box::new(Settings::first())));
    effects.push(Effect::Sound(SoundCommand::ListDevices));
}

/// Enter in it: takes the device that is chosen from the list, or else ends it.
pub(super) fn go_on(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(settings) = shown(model).filter(|settings| settings.first) else { return };
    if settings.picker.is_some() {
        return change(model, effects);
    }
    model.popups.pop();
    welcome(model);
}

/// The first run is over.
pub(super) fn welcome(model: &mut Model) {
    let Some(name) = model.name.clone() else { return };
    notice(model, format!("Welcome, {name}. c calls the selected contact, a adds one, ? shows the keys."));
}

fn shown(model: &mut Model) -> Option<&mut Settings> {
    match model.popups.last_mut() {
        Some(Popup::Settings(settings)) => Some(settings),
        Some(_) | None => None,
    }
}

/// Esc: closes the picker, or else the settings.
pub(super) fn back(model: &mut Model, effects: &mut Vec<Effect>) -> bool {
    let Some(settings) = shown(model) else { return false };
    if settings.picker.take().is_some() {
        return true;
    }
    let first = settings.first;
    if first {
        go_on(model, effects);
    }
    first
}

/// Another page.
pub(super) fn turn(model: &mut Model, next: bool) {
    let Some(settings) = shown(model).filter(|settings| !settings.first) else { return };
    let count = Page::ALL.len();
    let at = Page::ALL.iter().position(|page| *page == settings.page).unwrap_or(0);
    let to = (at + if next { 1 } else { count - 1 }) % count;
    (settings.page, settings.row, settings.picker) = (Page::ALL[to], 0, None);
}

/// Another row, of the picker or of the page.
pub(super) fn step(model: &mut Model, step: Step) {
    let Some(Popup::Settings(settings)) = model.popups.last() else { return };
    let rows = match &settings.picker {
        Some(picker) => settings.names(picker).len(),
        None => settings.items(model).iter().filter(|item| item.setting.is_some()).count(),
    };
    let last = rows.saturating_sub(1);
    let Some(settings) = shown(model) else { return };
    settings.below = false;
    let row = match &mut settings.picker {
        Some(picker) => &mut picker.row,
        None => &mut settings.row,
    };
    *row = match step {
        Step::Up => row.saturating_sub(1),
        Step::Down => (*row + 1).min(last),
        Step::PageUp | Step::First => 0,
        Step::PageDown | Step::Last => last,
    };
}

/// Enter: takes the device, opens the picker, or takes the next value.
pub(super) fn change(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(Popup::Settings(settings)) = model.popups.last() else { return };
    if let Some(picker) = settings.picker.clone() {
        let name = settings.names(&picker).get(picker.row).map(ToString::to_string);
        if let Some(settings) = shown(model) {
            settings.picker = None;
        }
        return match (picker.what, picker.row) {
            (Chooses::Ring, 0) => take_ring(model, None, effects),
            (Chooses::Ring, _) => take_ring(model, name, effects),
            (what, _) => take_device(model, what, name, effects),
        };
    }
    let Some(setting) = settings.chosen(model).and_then(|item| item.setting) else { return };
    if let Some(what) = setting.chooses() {
        return pick(model, what);
    }
    set(model, setting, false, effects);
}

/// `r`: what is usual. Where it is so already, nothing would be seen of the key, and that is said.
pub(super) fn reset(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(before) = chosen(model) else { return };
    let Some(setting) = before.setting else { return };
    match setting.chooses() {
        Some(Chooses::Ring) => take_ring(model, None, effects),
        Some(what) if is_card(model) => {
            // Without a half of its own it is what `device` names for both.
            let both = model.settings.preferences.ears.device.clone();
            choose_device(model, what, None, both, effects);
        }
        Some(_) => return,
        None => set(model, setting, true, effects),
    }
    if chosen(model).is_some_and(|now| now.value == before.value) {
        notice(model, format!("{} is as usual.", before.label));
    }
}

/// The row that Enter changes, while nothing is picked for it.
fn chosen(model: &Model) -> Option<Item> {
    let Some(Popup::Settings(settings)) = model.popups.last() else { return None };
    settings.chosen(model).filter(|_| settings.picker.is_none())
}

fn pick(model: &mut Model, what: Chooses) {
    // Whatever calls are heard on, they may ring on a card.
    if what != Chooses::Ring && !is_card(model) {
        return;
    }
    let ears = &model.settings.preferences.ears;
    let now = match what {
        Chooses::Microphone => ears.microphone.clone(),
        Chooses::Speaker => ears.speaker.clone(),
        Chooses::Ring => ears.ring.clone(),
    };
    let Some(settings) = shown(model) else { return };
    let mut picker = Picker { what, row: 0 };
    let names = settings.names(&picker);
    picker.row = names.iter().position(|name| Some(name.as_str()) == now.as_deref()).unwrap_or(0);
    settings.picker = Some(picker);
}

/// Whether the sound is a card's; if not, its halves cannot be exchanged, and that is said.
fn is_card(model: &mut Model) -> bool {
    let ears = &model.settings.preferences.ears;
    let (is_card, device) = (ears.is_card(), ears.device.clone());
    if !is_card {
        notice(model, format!("The sound is {device}, no card's: start tincan without --device to choose."));
    }
    is_card
}

/// Takes another microphone or speaker, in the middle of a call, too.
fn take_device(model: &mut Model, what: Chooses, name: Option<String>, effects: &mut Vec<Effect>) {
    if let Some(name) = name
        && is_card(model)
    {
        choose_device(model, what, Some(name.clone()), name, effects);
    }
}

/// Keeps the `chosen` name of a half, if there is one, and takes the device of that `name` for it at once.
fn choose_device(
    model: &mut Model,
    what: Chooses,
    chosen: Option<String>,
    name: String,
    effects: &mut Vec<Effect>,
) {
    let microphone = what == Chooses::Microphone;
    let ears = &mut model.settings.preferences.ears;
    let half = if microphone { &mut ears.microphone } else { &mut ears.speaker };
    half.clone_from(&chosen);
    let (command, key) = if microphone {
        (SoundCommand::Microphone(name), "microphone")
    } else {
        (SoundCommand::Speaker(name), "speaker")
    };
    effects.push(Effect::Sound(command));
    keep(effects, "", key, chosen.map_or(Value::Unset, Value::Text));
}

/// From now on calls ring on this one, or where they are heard.
fn take_ring(model: &mut Model, name: Option<String>, effects: &mut Vec<Effect>) {
    model.settings.preferences.ears.ring.clone_from(&name);
    keep(effects, "", "ring_device", name.map_or(Value::Unset, Value::Text));
}

/// The next value of a setting, or the usual one.
fn set(model: &mut Model, setting: Setting, usual: bool, effects: &mut Vec<Effect>) {
    let settings = &mut model.settings;
    match setting {
        Setting::Microphone | Setting::Speaker | Setting::RingDevice => {}
        Setting::Process(part) => {
            let wish = settings.preferences.processing.of(part);
            *wish = if usual { Wish::Auto } else { after(&Wish::ALL, *wish) };
            effects.push(Effect::Sound(SoundCommand::Process { part, wish: *wish }));
            let key = match part {
                Part::Echo => "echo_cancel",
                Part::Noise => "noise_suppression",
                Part::Gain => "gain_control",
            };
            keep(effects, "voice", key, Value::Text(wish.word().to_owned()));
        }
        Setting::Delay => {
            let modes = [DelayMode::Ordinary, DelayMode::ByPath, DelayMode::Low];
            let mode = if usual { modes[0] } else { after(&modes, settings.preferences.delay) };
            settings.preferences.delay = mode;
            effects.push(Effect::Sound(SoundCommand::Delay(mode)));
            keep(effects, "voice", "delay", Value::Text(mode.word().to_owned()));
        }
        Setting::Frame => {
            let frame = if usual { None } else { after(&FRAMES, settings.preferences.frame) };
            settings.preferences.frame = frame;
            let duration = Duration::from_millis(frame.unwrap_or(0).into());
            effects.push(Effect::Sound(SoundCommand::FrameDuration(duration)));
            keep(effects, "voice", "frame", frame.map_or(Value::Unset, |ms| Value::Number(ms.into())));
        }
        Setting::Dtx => {
            let dtx = !usual && !settings.preferences.dtx;
            settings.preferences.dtx = dtx;
            effects.push(Effect::Sound(SoundCommand::Dtx(dtx)));
            keep(effects, "voice", "dtx", Value::Switch(dtx));
        }
        Setting::Transmit
        | Setting::TalkKey
        | Setting::Bell
        | Setting::Notices
        | Setting::Preview
        | Setting::Undisturbed
        | Setting::Links
        | Setting::Ring
        | Setting::CallsRing => outside::set(model, setting, usual, effects),
        Setting::Theme => {
            let theme = if usual { Theme::Default } else { after(&Theme::ALL, settings.look.theme) };
            settings.look.theme = theme;
            keep(effects, "ui", "theme", Value::Text(theme.word().to_owned()));
        }
        Setting::Colour => {
            settings.look.colour = usual || !settings.look.colour;
            keep(effects, "ui", "color", Value::Switch(settings.look.colour));
        }
        Setting::Ascii => {
            let ascii = !usual && settings.look.glyphs == Glyphs::Unicode;
            settings.look.glyphs = if ascii { Glyphs::Ascii } else { Glyphs::Unicode };
            keep(effects, "ui", "ascii", Value::Switch(ascii));
        }
        Setting::MeterHz => {
            let hz = if usual { None } else { after(&METERS, settings.meter_hz) };
            settings.meter_hz = hz;
            keep(effects, "ui", "meter_hz", hz.map_or(Value::Unset, |hz| Value::Number(hz.into())));
            effects.push(meters(model));
        }
    }
}

fn keep(effects: &mut Vec<Effect>, table: &'static str, key: &'static str, value: Value) {
    effects.push(Effect::Prefer(Change { table, key, value }));
}

/// The value after this one, round and round; the first when this is none of them.
fn after<T: Copy + PartialEq>(all: &[T], now: T) -> T {
    let at = all.iter().position(|value| *value == now);
    all[at.map_or(0, |at| (at + 1) % all.len())]
}

/// `e`: three seconds are recorded and played.
pub(super) fn echo_test(model: &mut Model, effects: &mut Vec<Effect>) {
    if model.call.is_some() {
        return notice(model, "The echo test waits for the end of the call: you would hear yourself in it.");
    }
    if model.sound.muted {
        return notice(model, "You are muted: unmute yourself for the echo test.");
    }
    let Some(settings) = shown(model) else { return };
    if settings.page != Page::Audio || matches!(settings.test, Test::Asked | Test::Speak | Test::Playing) {
        return;
    }
    (settings.test, settings.below) = (Test::Asked, true);
    effects.push(Effect::EchoTest);
}

/// The devices there are.
pub(super) fn devices(model: &mut Model, list: DeviceList) {
    model.dirty = true;
    for popup in &mut model.popups {
        if let Popup::Settings(settings) = popup {
            settings.devices = Some(list.clone());
        }
    }
}

/// Something was heard outside of a call.
pub(super) fn heard(model: &mut Model, heard: Heard) {
    let still = model.meters_stand_still();
    let Some(settings) = shown(model) else { return };
    let test = match heard {
        Heard::Opened(microphone, speaker) => {
            settings.halves = (microphone, speaker);
            model.dirty = true;
            return;
        }
        Heard::Level(db) => {
            let moved = !still && settings.level.take(db);
            model.dirty |= !core::mem::replace(&mut settings.hears, true);
            model.moved |= moved;
            return;
        }
        Heard::Speak => Test::Speak,
        Heard::Playing => Test::Playing,
        Heard::Tested(outcome) => Test::Done(outcome),
        Heard::Failed(why) => {
            (settings.hears, settings.halves.0) = (false, HalfState::Closed);
            settings.level.take(f32::NEG_INFINITY);
            Test::Failed(why)
        }
    };
    settings.test = test;
    model.dirty = true;
}

/// Whom to listen to: the chosen devices while the page about them is open, no call has them and nobody is muted.
pub(super) fn listen(model: &mut Model, effects: &mut Vec<Effect>) {
    let open = |popup: &Popup| matches!(popup, Popup::Settings(settings) if settings.page == Page::Audio);
    let wanted = model.popups.last().is_some_and(open) && model.call.is_none() && !model.sound.muted;
    hear(model, wanted.then(|| Ears { ring: None, ..model.settings.preferences.ears.clone() }), effects);
}

/// Nobody is listened to while the program stands still: the microphone closes before that.
pub(super) fn rest(model: &mut Model, effects: &mut Vec<Effect>) {
    hear(model, None, effects);
}

fn hear(model: &mut Model, ears: Option<Ears>, effects: &mut Vec<Effect>) {
    if ears == model.listening {
        return;
    }
    model.dirty = true;
    for popup in &mut model.popups {
        let Popup::Settings(settings) = popup else { continue };
        settings.level.take(f32::NEG_INFINITY);
        (settings.hears, settings.halves) = (false, (HalfState::Closed, HalfState::Closed));
        if matches!(settings.test, Test::Asked | Test::Speak | Test::Playing | Test::Failed(_)) {
            settings.test = Test::None;
        }
    }
    model.listening.clone_from(&ears);
    effects.push(Effect::Listen(ears));
}
