//! A screen and the world around it, for tests: things happen, keys are pressed, effects are collected.

use std::time::Duration;

use jiff::tz::TimeZone;
use proto::client::{ContactInfo, Event, LinkState};
use proto::id::{Fingerprint, Name, Principal};
use proto::media::processing::Wish;
use proto::media::{HalfState, SoundEvent};
use proto::wire::record::{Presence, Standing};
use proto::{Now, Safe, Time, Wall};

use super::emulator::Emulator;
use super::keymap::Keymap;
use super::model::{Glyphs, Look, Theme};
use super::notify::Notify;
use super::preferences::Preferences;
use super::transmit::{TalkKey, Transmit};
use super::{Effect, Model, Msg, Settings, update};
use crate::keys::{Code, Input, Key};

/// 14:32 on a Saturday, UTC.
pub(crate) const START: Wall = Wall(1_763_821_920_000);

pub(crate) const UNICODE: Look = Look { glyphs: Glyphs::Unicode, colour: true, theme: Theme::Default };
pub(crate) const ASCII: Look = Look { glyphs: Glyphs::Ascii, colour: false, theme: Theme::Default };

pub(crate) struct Story {
    pub(crate) model: Model,
    pub(crate) now: Now,
    pub(crate) effects: Vec<Effect>,
}

impl Story {
    /// Somebody known from an earlier run, or the first run.
    pub(crate) fn new(known: Option<&str>, look: Look) -> Self {
        let settings = Settings {
            server: Safe::line("home.example"),
            plain_server: None,
            account: Some(Fingerprint([0x5a; 32])),
            expected: None,
            proposed: "alice".to_owned(),
            look,
            zone: TimeZone::UTC,
            keys: Keymap::default(),
            preferences: Preferences::default(),
            remote: false,
            transmit: Transmit::Open,
            talk_key: TalkKey::Auto,
            // What rings on a speaker has stories of its own.
            notify: Notify { ring: Wish::Off, ..Notify::default() },
            emulator: Emulator { strings: true, links: true, ..Emulator::default() },
            meter_hz: None,
            links: Wish::Auto,
        };
        let now = Now { mono: Time::secs(100), wall: START };
        let mut model = Model::new(settings, known.is_some(), now);
        model.name = known.map(name);
        Self { model, now, effects: Vec::new() }
    }

    /// Alice, logged in, with these contacts.
    pub(crate) fn with(look: Look, contacts: Vec<ContactInfo>) -> Self {
        let mut story = Self::new(Some("alice"), look);
        story.tell(Event::Link(LinkState::Online));
        story.tell(Event::LoggedIn(name("alice")));
        story.tell(Event::Contacts(contacts));
        story.effects.clear();
        story
    }

    pub(crate) fn event(&mut self, msg: Msg) {
        self.effects.extend(update(&mut self.model, msg, self.now));
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.event(Msg::Client(event));
    }

    pub(crate) fn hear(&mut self, event: SoundEvent) {
        self.event(Msg::Sound(event));
    }

    pub(crate) fn paste(&mut self, text: &str) {
        self.event(Msg::Input(Input::Paste(text.to_owned())));
    }

    pub(crate) fn key(&mut self, key: Key) {
        self.event(Msg::Input(Input::Key(key)));
    }

    /// Keys as people write them: words of letters, and names of keys, with spaces between.
    pub(crate) fn keys(&mut self, keys: &str) {
        for word in keys.split(' ') {
            match word {
                "Tab" => self.key(Key::press(Code::Tab)),
                "Enter" => self.key(Key::press(Code::Enter)),
                "Alt-Enter" => self.key(Key::alt(Code::Enter)),
                "Space" => self.key(Key::char(' ')),
                "Esc" => self.key(Key::press(Code::Esc)),
                "F1" => self.key(Key::press(Code::F(1))),
                "PgUp" => self.key(Key::press(Code::PageUp)),
                "PgDn" => self.key(Key::press(Code::PageDown)),
                "Up" => self.key(Key::press(Code::Up)),
                "Left" => self.key(Key::press(Code::Left)),
                "Down" => self.key(Key::press(Code::Down)),
                "Backspace" => self.key(Key::press(Code::Backspace)),
                word => match word.strip_prefix('^') {
                    Some(letter) => letter.chars().for_each(|c| self.key(Key::ctrl(c))),
                    None => self.type_in(word),
                },
            }
        }
    }

    pub(crate) fn type_in(&mut self, text: &str) {
        text.chars().for_each(|c| self.key(Key::char(c)));
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now.mono += time;
        self.now.wall.0 += u64::try_from(time.as_millis()).unwrap();
        self.event(Msg::Tick);
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn contact(who: &str, standing: Standing, presence: Presence) -> ContactInfo {
    let mut key = [1; 32];
    key.iter_mut().zip(who.bytes()).for_each(|(byte, letter)| *byte = letter);
    let principal = Principal::Key(Fingerprint(key));
    ContactInfo::new(name(who), principal, standing, presence)
}

pub(crate) fn open(device: &str) -> HalfState {
    HalfState::Open { name: Safe::line(device), opened_in: Duration::from_millis(12), wanted: None }
}

/// Somebody on a plain door.
pub(crate) fn guest(who: &str) -> ContactInfo {
    let principal = Principal::Guest(name(who));
    ContactInfo { principal, ..contact(who, Standing::Mutual, Presence::Online) }
}
