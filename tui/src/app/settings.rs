//! The settings: pages of rows, of which some can be changed, each with the value that counts right now.

use core::time::Duration;

use proto::Safe;
use proto::media::processing::Part;
use proto::media::{DelayMode, DeviceList, HalfState};

mod outside;

use super::call::{Meter, Phase};
use super::keymap::{Act, Place};
use super::look::Glyphs;
use super::model::Model;
use super::ring;

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Devices, what is done to the voice, the level, the echo test.
    Audio,
    /// When the microphone is open, delay, frames, recordings.
    Calls,
    /// What is told outside the screen.
    Notify,
    /// Theme, colours, glyphs, meters.
    Look,
    /// Which keys are not the usual ones.
    Keys,
    /// Who sees what.
    Privacy,
    /// Who we are, where.
    Account,
}

impl Page {
    /// All pages, in their order.
    pub const ALL: [Self; 7] =
        [Self::Audio, Self::Calls, Self::Notify, Self::Look, Self::Keys, Self::Privacy, Self::Account];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Audio => "Audio",
            Self::Calls => "Calls",
            Self::Notify => "Notify",
            Self::Look => "Look",
            Self::Keys => "Keys",
            Self::Privacy => "Privacy",
            Self::Account => "Account",
        }
    }
}

/// What can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The microphone.
    Microphone,
    /// The speaker.
    Speaker,
    /// What calls ring on.
    RingDevice,
    /// A part of what is done to our voice.
    Process(Part),
    /// What is dearer, delay or sound.
    Delay,
    /// The duration of frames.
    Frame,
    /// Whether silence is sent short.
    Dtx,
    /// When the microphone is open.
    Transmit,
    /// How the key to talk is held.
    TalkKey,
    /// The bell.
    Bell,
    /// The terminal's own notifications.
    Notices,
    /// Whether they tell the words of a text.
    Preview,
    /// Whether nobody is to disturb from the start.
    Undisturbed,
    /// Whether calls ring all the same.
    CallsRing,
    /// Whether calls ring on the speaker.
    Ring,
    /// The theme.
    Theme,
    /// Colours at all.
    Colour,
    /// Letters only.
    Ascii,
    /// Links that the terminal opens.
    Links,
    /// How often meters move.
    MeterHz,
}

/// A row of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What.
    pub label: &'static str,
    /// The value that counts.
    pub value: String,
    /// More about it.
    pub note: String,
    /// What Enter changes; none is only told.
    pub setting: Option<Setting>,
}

/// The view as it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The page.
    pub page: Page,
    /// The chosen one of its rows that can be changed.
    pub row: usize,
    /// A device is being chosen.
    pub picker: Option<Picker>,
    /// The devices there are, once told.
    pub devices: Option<DeviceList>,
    /// How loud the microphone is, outside of a call.
    pub level: Meter,
    /// The echo test.
    pub test: Test,
    /// The microphone and the speaker that are listened to and played on, outside of a call.
    pub halves: (HalfState, HalfState),
    /// The microphone was heard: it is open, without a call.
    pub hears: bool,
    /// The echo test was asked for since a row was chosen: it is what is to be seen.
    pub below: bool,
    /// This is the first look at the sound, after the name was taken: the devices and nothing else.
    pub first: bool,
}

/// What a device is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chooses {
    /// To speak.
    Microphone,
    /// To hear.
    Speaker,
    /// To hear who calls.
    Ring,
}

impl Setting {
    /// What a device is chosen for by this one, if it is a device.
    pub fn chooses(self) -> Option<Chooses> {
        match self {
            Self::Microphone => Some(Chooses::Microphone),
            Self::Speaker => Some(Chooses::Speaker),
            Self::RingDevice => Some(Chooses::Ring),
            Self::Process(_)
            | Self::Delay
            | Self::Frame
            | Self::Dtx
            | Self::Transmit
            | Self::TalkKey
            | Self::Bell
            | Self::Notices
            | Self::Preview
            | Self::Undisturbed
            | Self::CallsRing
            | Self::Ring
            | Self::Theme
            | Self::Colour
            | Self::Ascii
            | Self::Links
            | Self::MeterHz => None,
        }
    }
}

/// A device being chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picker {
    /// What it is for.
    pub what: Chooses,
    /// Which row; the first is the system's own choice, or the speaker's for what rings.
    pub row: usize,
}

/// What is heard outside of a call, and how the test goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// The microphone and the speaker that were opened.
    Opened(HalfState, HalfState),
    /// The microphone's peak, in dBFS.
    Level(f32),
    /// It is being recorded: speak.
    Speak,
    /// What was recorded is being played.
    Playing,
    /// The test is over.
    Tested(Outcome),
    /// There is nothing to hear: why, in a sentence.
    Failed(Safe),
}

/// How far the echo test is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Test {
    /// Not begun.
    #[default]
    None,
    /// Asked for.
    Asked,
    /// Speak now.
    Speak,
    /// What was said is played.
    Playing,
    /// Over.
    Done(Outcome),
    /// It could not be.
    Failed(Safe),
}

// Durations and levels of a test are never NaN: they are measured or left out.
impl Eq for Test {}

/// What an echo test measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The loudest of what was said, in dBFS.
    pub peak_db: f32,
    /// What the microphone keeps back before it gives it: its largest block. None without hardware.
    pub capture: Option<Duration>,
    /// The same of the speaker.
    pub playback: Option<Duration>,
    /// Samples that were lost or missing.
    pub lost: u64,
    /// How long from the speaker to the microphone, and how much quieter, in dB; none when it was not heard.
    pub echo: Option<(Duration, f32)>,
    /// What is to be done, in a sentence; none when all is well.
    pub problem: Option<&'static str>,
}

impl Settings {
    /// At this page.
    pub fn new(page: Page) -> Self {
        Self {
            page,
            row: 0,
            picker: None,
            devices: None,
            level: Meter::default(),
            test: Test::None,
            halves: (HalfState::Closed, HalfState::Closed),
            hears: false,
            below: false,
            first: false,
        }
    }

    /// Of the first run.
    pub fn first() -> Self {
        Self { first: true, ..Self::new(Page::Audio) }
    }

    /// The rows of the open page.
    pub fn items(&self, model: &Model) -> Vec<Item> {
        match self.page {
            Page::Audio if self.first => devices(model, self),
            Page::Audio => audio(model, self),
            Page::Calls => calls(model),
            Page::Notify => outside::notify(model),
            Page::Look => look(model),
            Page::Keys => keys(model),
            Page::Privacy => privacy(model),
            Page::Account => account(model),
        }
    }

    /// The same in very few words, where it is not open for this page.
    pub fn microphone_word(&self, model: &Model) -> &'static str {
        match model.call.as_ref().map(|call| &call.phase) {
            Some(Phase::Incoming(_)) => "closed, it rings",
            Some(_) | None if model.sound.muted => "closed, muted",
            Some(_) if model.is_silent() => "closed, silent",
            Some(_) => "open in the call",
            None if matches!(self.test, Test::Failed(_)) => "closed",
            None => "being opened",
        }
    }

    /// Whether the microphone is open, in words: whoever sees a level must know it.
    pub fn microphone_words(&self, model: &Model) -> String {
        let key =
            || model.settings.keys.key(Act::Mute, &[Place::Anywhere]).unwrap_or_else(|| "^P mute".to_owned());
        match model.call.as_ref().map(|call| &call.phase) {
            Some(Phase::Incoming(_)) => return "closed until you answer".to_owned(),
            Some(_) if model.sound.muted => return "closed: you are muted".to_owned(),
            Some(_) if model.is_silent() => return "closed until you press to talk".to_owned(),
            Some(_) => return "open: this is the call".to_owned(),
            None => {}
        }
        if model.sound.muted {
            format!("closed: you are muted, {} opens it", key())
        } else if self.hears {
            "OPEN while you look; not sent, not kept".to_owned()
        } else if matches!(self.test, Test::Failed(_)) {
            "closed".to_owned()
        } else {
            "being opened".to_owned()
        }
    }

    /// The names of the picker: the system's own choice first, or that it rings where calls are heard.
    pub fn names(&self, picker: &Picker) -> Vec<Safe> {
        let names = self.devices.as_ref().map(|list| match picker.what {
            Chooses::Microphone => &list.microphones,
            Chooses::Speaker | Chooses::Ring => &list.speakers,
        });
        let first = match picker.what {
            Chooses::Microphone | Chooses::Speaker => "default",
            Chooses::Ring => ring::AS_THE_SPEAKER,
        };
        core::iter::once(Safe::line(first)).chain(names.into_iter().flatten().cloned()).collect()
    }

    /// The row that Enter changes.
    pub fn chosen(&self, model: &Model) -> Option<Item> {
        self.items(model).into_iter().filter(|item| item.setting.is_some()).nth(self.row)
    }
}

fn item(label: &'static str, value: impl Into<String>, setting: Option<Setting>) -> Item {
    Item { label, value: value.into(), note: String::new(), setting }
}

/// The microphone and the speaker, of the call or else as they are tried here.
fn devices(model: &Model, open: &Settings) -> Vec<Item> {
    let of_call = (&model.sound.microphone, &model.sound.speaker);
    let (microphone, speaker) = if model.call.is_some() { of_call } else { (&open.halves.0, &open.halves.1) };
    let ears = &model.settings.preferences.ears;
    let named = |half: &Option<String>| half.clone().unwrap_or_else(|| ears.device.clone());
    let row = |label, setting, half: &HalfState, wanted: &Option<String>| {
        let (value, note) = match half {
            // Whoever sees it for the first time asks which device it is, not how that was chosen.
            HalfState::Open { name, wanted, .. } if open.first => {
                let missing = wanted.as_ref().map(|wanted| format!("{wanted} is not there"));
                (name.to_string(), missing.unwrap_or_default())
            }
            HalfState::Closed
            | HalfState::Absent { .. }
            | HalfState::Open { .. }
            | HalfState::Failed { .. } => (named(wanted), state(half)),
        };
        Item { note, ..item(label, value, Some(setting)) }
    };
    vec![
        row("Microphone", Setting::Microphone, microphone, &ears.microphone),
        row("Speaker", Setting::Speaker, speaker, &ears.speaker),
    ]
}

fn audio(model: &Model, open: &Settings) -> Vec<Item> {
    let mut rows = devices(model, open);
    rows.push(outside::ring_device(model));
    let (preferences, processing) = (&model.settings.preferences, model.sound.processing);
    for (label, part) in
        [("Echo cancelling", Part::Echo), ("Noise suppression", Part::Noise), ("Gain control", Part::Gain)]
    {
        let wish = *preferences.processing.clone().of(part);
        let is = processing.filter(|_| model.call.is_some()).map(|all| all.part(part));
        let note = is.map(|is| format!("{}: {}", if is.on { "on" } else { "off" }, is.why.words()));
        let row = item(label, wish.word(), Some(Setting::Process(part)));
        rows.push(Item { note: note.unwrap_or_default(), ..row });
    }
    rows
}

fn state(half: &HalfState) -> String {
    match half {
        HalfState::Closed => String::new(),
        HalfState::Open { name, wanted: None, .. } => format!("in use: {name}"),
        HalfState::Open { name, wanted: Some(_), .. } => format!("not there; in use: {name}"),
        HalfState::Absent { instead: Some(name), .. } => format!("not there; a call would use {name}"),
        HalfState::Absent { instead: None, .. } => "not there, and no other is".to_owned(),
        HalfState::Failed { why } => why.to_string(),
    }
}

fn calls(model: &Model) -> Vec<Item> {
    let preferences = &model.settings.preferences;
    let delay = match preferences.delay {
        DelayMode::Ordinary => "sound comes first",
        DelayMode::Low => "frames of 5 ms, whatever it costs",
        DelayMode::ByPath => "least delay where the way is short",
    };
    let frame = preferences.frame.map_or_else(|| "auto".to_owned(), |ms| format!("{ms} ms"));
    let silence = if preferences.dtx { "sent short" } else { "sent as speech" };
    let [microphone, key] = outside::transmit(model);
    let folder = preferences.recordings.clone().unwrap_or_else(|| "the usual folder".to_owned());
    vec![
        microphone,
        key,
        Item { note: delay.to_owned(), ..item("Delay", preferences.delay.word(), Some(Setting::Delay)) },
        item("Frames", frame, Some(Setting::Frame)),
        Item { note: leak(model).to_owned(), ..item("Silence", silence, Some(Setting::Dtx)) },
        item("Recordings", folder, None),
    ]
}

/// What the network sees of when one speaks. What is not encrypted is heard, and never sent short.
fn leak(model: &Model) -> &'static str {
    let plain = model.settings.plain_server.is_some() || model.call.as_ref().is_some_and(|call| call.plain);
    match (model.settings.preferences.dtx, plain) {
        (true, true) => "not where nothing is encrypted",
        (false, true) => "",
        (true, false) => "DTX: leaks when you speak",
        // There are packets only while one presses.
        (false, false) if model.sound.talk.is_on() => "the network sees you press",
        (false, false) => "packet sizes tell nothing",
    }
}

fn look(model: &Model) -> Vec<Item> {
    let look = model.settings.look;
    let (on, off) = ("yes", "no");
    let hz = model.settings.meter_hz.map_or_else(|| "auto".to_owned(), |hz| format!("{hz} a second"));
    vec![
        item("Theme", look.theme.word(), Some(Setting::Theme)),
        item("Colours", if look.colour { on } else { off }, Some(Setting::Colour)),
        item("Letters only", if look.glyphs == Glyphs::Ascii { on } else { off }, Some(Setting::Ascii)),
        outside::links(model),
        item("Meters move", hz, Some(Setting::MeterHz)),
    ]
}

fn keys(model: &Model) -> Vec<Item> {
    let mut rows: Vec<Item> = model
        .settings
        .keys
        .changed()
        .map(|(words, keys)| Item { note: words, ..item("", keys, None) })
        .collect();
    if rows.is_empty() {
        rows.push(item("Keys", "all are the usual ones", None));
    }
    let file = &model.settings.preferences.file;
    rows.push(item("To change one", format!("[keys] in {file}"), None));
    rows.push(item("To see all", "the help names every key", None));
    rows
}

fn privacy(model: &Model) -> Vec<Item> {
    let sealed = match model.settings.plain_server {
        None => "calls and texts are sealed from end to end",
        Some(_) => "nothing is encrypted on this server",
    };
    let server = model.server_key.or(model.settings.expected);
    let mut rows = vec![item("Encryption", sealed, None)];
    rows.extend(server.map(|key| item("Server's key", key.openssh(), None)));
    rows
}

fn account(model: &Model) -> Vec<Item> {
    let name = model.name.as_ref().map_or_else(|| "none yet".to_owned(), ToString::to_string);
    let mut rows = vec![item("Name", name, None), item("Server", model.settings.server.as_str(), None)];
    rows.extend(model.settings.account.map(|key| item("Key", key.openssh(), None)));
    rows.push(item("Configuration", model.settings.preferences.file.clone(), None));
    rows
}
