//! The settings: what is changed counts at once and is written, devices in the middle of a call, the echo test.

use core::time::Duration;

use super::*;
use crate::app::look::{Glyphs, Theme};
use crate::app::preferences::{Change, Ears, Value};
use crate::app::settings::{Heard, Outcome, Page, Settings, Test};
use crate::app::story::open;
use proto::media::processing::{Part, Wish};
use proto::media::{DelayMode, DeviceList, SoundCommand};

impl Story {
    fn settings(&self) -> &Settings {
        let open = |popup: &'_ Popup| matches!(popup, Popup::Settings(_));
        match self.model.popups.iter().find(|popup| open(popup)) {
            Some(Popup::Settings(settings)) => settings,
            _ => panic!("the settings are not open"),
        }
    }

    /// What is to be written.
    fn written(&mut self) -> Vec<(String, Value)> {
        let change = |effect| {
            if let Effect::Prefer(Change { table, key, value }) = effect {
                Some((format!("{table}.{key}"), value))
            } else {
                None
            }
        };
        core::mem::take(&mut self.effects).into_iter().filter_map(change).collect()
    }

    fn devices(&mut self) {
        let names = |names: &[&str]| names.iter().map(|name| Safe::line(name)).collect();
        let (microphones, speakers) = (names(&["Headset", "Webcam"]), names(&["Headset", "Loud"]));
        self.hear(SoundEvent::Devices(DeviceList { microphones, speakers }));
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn another_microphone_is_taken_in_the_middle_of_a_call() {
    let mut story = Story::friends();
    story.live();
    story.keys("^g d");
    assert!(story.effects.contains(&Effect::Sound(SoundCommand::ListDevices)));
    story.devices();
    story.effects.clear();
    story.keys("Enter Down Down Enter");
    assert!(story.effects.contains(&Effect::Sound(SoundCommand::Microphone("Webcam".into()))));
    assert_eq!(story.written(), [(".microphone".to_owned(), text("Webcam"))]);
    assert_eq!(story.model.settings.preferences.ears.microphone.as_deref(), Some("Webcam"));
    story.keys("Down Enter Down Enter");
    assert!(story.effects.contains(&Effect::Sound(SoundCommand::Speaker("Headset".into()))));
    story.keys("r");
    assert!(
        story.effects.contains(&Effect::Sound(SoundCommand::Speaker("default".into()))),
        "back to the usual"
    );
    assert_eq!(story.written().last(), Some(&(".speaker".to_owned(), Value::Unset)));
    story.model.settings.preferences.ears.device = "Headset".to_owned();
    story.keys("r");
    let usual = Effect::Sound(SoundCommand::Speaker("Headset".into()));
    assert!(story.effects.contains(&usual), "what is named for both: {:?}", story.effects);
    story.keys("Enter Esc");
    assert!(story.settings().picker.is_none(), "Esc closes the picker alone");
    story.keys("Esc");
    assert!(story.model.popups.is_empty() && story.model.call.is_some());
}

/// Else nothing would be seen of the key.
#[test]
fn what_is_as_usual_already_is_said_to_be_so() {
    let mut story = Story::friends();
    story.keys(",");
    for (keys, wanted) in [("r", "Microphone"), ("j j j r", "Echo cancelling"), ("Tab j r", "Key to talk")] {
        story.model.notice = None;
        story.keys(keys);
        assert_eq!(story.notice(), format!("{wanted} is as usual."));
    }
    story.model.notice = None;
    story.keys("Enter r");
    assert_eq!(story.notice(), "", "the row shows that it is another one now");
}

/// Chosen with the keys that the page names, written, and back to where calls are heard.
#[test]
fn calls_ring_on_a_device_of_their_own() {
    let mut story = Story::friends();
    story.model.settings.notify.ring = Wish::Auto;
    // Also where calls are heard on no card: files are for the call alone.
    story.model.settings.preferences.ears.device = "null".to_owned();
    story.keys("d");
    story.devices();
    story.keys("j j");
    let row = |story: &Story| {
        let item = story.settings().items(&story.model).into_iter().nth(2).unwrap();
        (item.label, item.value, item.note)
    };
    assert_eq!(row(&story), ("Ring device", "as the speaker".to_owned(), String::new()));
    story.effects.clear();
    story.keys("Enter j j Enter");
    assert_eq!(
        story.effects,
        [Effect::Prefer(Change { table: "", key: "ring_device", value: text("Loud") })]
    );
    assert_eq!(row(&story).1, "Loud");
    assert_eq!(story.model.settings.preferences.ears.ring.as_deref(), Some("Loud"));
    story.effects.clear();
    story.keys("Enter");
    assert_eq!(story.settings().picker.as_ref().map(|picker| picker.row), Some(2), "at what is chosen");
    story.keys("k k Enter");
    assert_eq!(story.written(), [(".ring_device".to_owned(), Value::Unset)]);
    assert_eq!(row(&story).1, "as the speaker");
    story.keys("Enter j Enter r");
    let wanted = [(".ring_device".to_owned(), text("Headset")), (".ring_device".to_owned(), Value::Unset)];
    assert_eq!(story.written(), wanted);
    story.model.settings.notify.ring = Wish::Off;
    assert_eq!(row(&story).2, "silent: see Notify");
}

#[test]
fn what_is_changed_counts_at_once_and_is_written() {
    let mut story = Story::friends();
    story.keys(", Down Down Down");
    story.effects.clear();
    story.keys("Enter");
    let process = |wish| Effect::Sound(SoundCommand::Process { part: Part::Echo, wish });
    assert!(story.effects.contains(&process(Wish::On)));
    assert_eq!(story.written(), [("voice.echo_cancel".to_owned(), text("on"))]);
    story.keys("r");
    assert!(story.effects.contains(&process(Wish::Auto)));
    story.effects.clear();

    story.keys("Tab Down Down Enter");
    assert!(story.effects.contains(&Effect::Sound(SoundCommand::Delay(DelayMode::ByPath))));
    story.keys("Down Enter");
    let frames = |ms| Effect::Sound(SoundCommand::FrameDuration(Duration::from_millis(ms)));
    assert!(story.effects.contains(&frames(5)));
    story.keys("r");
    assert!(story.effects.contains(&frames(0)));
    story.keys("Down Enter");
    assert!(story.effects.contains(&Effect::Sound(SoundCommand::Dtx(true))));
    story.keys("r");
    assert!(story.effects.contains(&Effect::Sound(SoundCommand::Dtx(false))));
    let voice = [
        ("voice.delay", text("path")),
        ("voice.frame", Value::Number(5)),
        ("voice.frame", Value::Unset),
        ("voice.dtx", Value::Switch(true)),
        ("voice.dtx", Value::Switch(false)),
    ];
    assert_eq!(story.written(), voice.map(|(key, value)| (key.to_owned(), value)));

    story.keys("Tab Tab Enter Down Enter Down Enter Down Enter Down Enter");
    let look = story.model.settings.look;
    assert_eq!((look.theme, look.colour, look.glyphs), (Theme::Contrast, false, Glyphs::Ascii));
    assert_eq!(story.model.settings.meter_hz, Some(0));
    let ui = [
        ("ui.theme", text("contrast")),
        ("ui.color", Value::Switch(false)),
        ("ui.ascii", Value::Switch(true)),
        ("ui.links", text("on")),
        ("ui.meter_hz", Value::Number(0)),
    ];
    assert_eq!(story.written(), ui.map(|(key, value)| (key.to_owned(), value)));
}

/// What the network sees is said as it is: it is another matter with push-to-talk, and where it hears all anyway.
#[test]
fn what_silence_shows_to_the_network_is_true() {
    let mut story = Story::friends();
    story.keys(", Tab");
    let row = |story: &Story| {
        let items = story.settings().items(&story.model);
        let item = items.into_iter().find(|item| item.label == "Silence").unwrap();
        (item.value, item.note)
    };
    let is = |value: &str, note: &str| (value.to_owned(), note.to_owned());
    assert_eq!(row(&story), is("sent as speech", "packet sizes tell nothing"));
    story.keys("Enter");
    assert!(story.model.sound.talk.is_on());
    assert_eq!(row(&story), is("sent as speech", "the network sees you press"));
    story.keys("Down Down Down Down Enter");
    assert_eq!(row(&story), is("sent short", "DTX: leaks when you speak"));
    story.model.settings.plain_server = Some("binary");
    assert_eq!(row(&story), is("sent short", "not where nothing is encrypted"));
    story.keys("Enter");
    assert_eq!(row(&story), is("sent as speech", ""));
}

#[test]
fn push_to_talk_is_found_in_the_settings_and_silences_a_call_at_once() {
    let mut story = Story::friends();
    story.live();
    story.keys("^g , Tab");
    story.effects.clear();
    story.keys("Enter");
    assert!(story.effects.contains(&Effect::Sound(SoundCommand::Mute(true))), "{:?}", story.effects);
    assert_eq!(story.written(), [("voice.transmit".to_owned(), text("ptt"))]);
    story.keys("Down Enter Enter");
    let key = |word| ("voice.talk_key".to_owned(), text(word));
    assert_eq!(story.written(), [key("hold"), key("latch")]);
    story.keys("Esc Space");
    assert!(!story.model.is_silent());
    // Whatever is held open by the way it was, another way shuts it.
    story.keys(", Tab Down");
    story.effects.clear();
    story.keys("r");
    assert!(story.effects.contains(&Effect::Sound(SoundCommand::Mute(true))));
    assert_eq!(story.written(), [key("auto")]);
    story.keys("Up r");
    assert!(story.effects.contains(&Effect::Sound(SoundCommand::Mute(false))), "open again");
    assert_eq!(story.written(), [("voice.transmit".to_owned(), text("open"))]);
}

#[test]
fn what_is_told_outside_is_chosen_in_the_settings() {
    let mut story = Story::friends();
    story.keys(", Tab Tab");
    assert_eq!(story.settings().page, Page::Notify);
    story.effects.clear();
    story.keys("Enter Down Enter Down Enter Down Enter Down Enter Down Enter");
    let notify = &story.model.settings.notify;
    assert!(!notify.bell && notify.preview && notify.dnd && notify.calls_in_dnd && story.model.dnd);
    assert_eq!((notify.osc.word(), notify.ring), ("9", Wish::Auto));
    let written = [
        ("notify.bell", Value::Switch(false)),
        ("notify.ring", text("auto")),
        ("notify.osc", text("9")),
        ("notify.preview", Value::Switch(true)),
        ("notify.dnd", Value::Switch(true)),
        ("notify.calls_in_dnd", Value::Switch(true)),
    ];
    assert_eq!(story.written(), written.map(|(key, value)| (key.to_owned(), value)));
    story.keys("r Up r Up r Up r Up r Up r");
    assert_eq!(story.model.settings.notify, crate::app::notify::Notify::default());
    assert!(!story.model.dnd);
    // Round and round.
    story.keys("Down Down");
    let mut seen = Vec::new();
    for _ in 0..6 {
        story.keys("Enter");
        seen.push(story.model.settings.notify.osc.word());
    }
    assert_eq!(seen, ["9", "99", "777", "none", "auto", "9"]);
}

#[test]
fn the_microphone_is_open_only_while_its_page_is() {
    let mut story = Story::friends();
    let listens = |story: &mut Story| {
        let effects = core::mem::take(&mut story.effects);
        let mut wanted = effects
            .into_iter()
            .filter_map(|effect| if let Effect::Listen(ears) = effect { Some(ears) } else { None });
        (wanted.next(), wanted.next())
    };
    story.keys("d");
    assert_eq!(listens(&mut story), (Some(Some(Ears::default())), None));
    story.event(Msg::Heard(Heard::Level(-10.0)));
    assert!(story.settings().level.step() > 0);
    story.keys("Tab");
    assert_eq!(listens(&mut story), (Some(None), None), "another page");
    story.keys("Left");
    assert!(listens(&mut story).0.flatten().is_some());
    story.keys("Esc");
    assert_eq!(listens(&mut story), (Some(None), None), "closed");
    story.live();
    story.effects.clear();
    story.keys("^g d");
    assert_eq!(listens(&mut story), (None, None), "a call has the microphone, and its level is told");
}

impl Story {
    /// Whom is to be listened to, as it was asked since the last look.
    fn listens(&mut self) -> Vec<Option<Ears>> {
        let effects = core::mem::take(&mut self.effects).into_iter();
        effects
            .filter_map(|effect| if let Effect::Listen(ears) = effect { Some(ears) } else { None })
            .collect()
    }

    /// The devices are open and something is heard.
    fn hears_itself(&mut self) {
        self.event(Msg::Heard(Heard::Opened(open("Built-in"), open("Built-in"))));
        self.event(Msg::Heard(Heard::Level(-10.0)));
    }
}

#[test]
fn whoever_calls_or_mutes_closes_the_microphone_of_the_page() {
    let mut story = Story::friends();
    story.keys("d");
    story.hears_itself();
    let words = |story: &Story| story.settings().microphone_words(&story.model);
    assert_eq!(words(&story), "OPEN while you look; not sent, not kept");
    story.effects.clear();
    story.keys("^t");
    assert_eq!(story.listens(), [None], "muted");
    assert_eq!(words(&story), "closed: you are muted, ^T opens it");
    assert_eq!(story.settings().level.step(), 0);
    story.keys("^t");
    assert_eq!(story.listens(), [Some(Ears::default())]);
    assert_eq!(words(&story), "being opened");
    story.hears_itself();
    let (from, others, guests) = (name("bob"), Vec::new(), Vec::new());
    story.tell(Event::Incoming { from, others, guests, plain: false });
    assert_eq!(story.listens(), [None], "a call rings");
    assert_eq!(words(&story), "closed until you answer");
    assert_eq!(story.settings().halves, (HalfState::Closed, HalfState::Closed));
}

#[test]
fn a_program_that_is_stopped_has_closed_the_microphone_before() {
    let mut story = Story::friends();
    story.keys("d");
    story.effects.clear();
    story.keys("^z");
    let again = Effect::Listen(Some(Ears::default()));
    assert_eq!(story.asked(), [Effect::Listen(None), Effect::Suspend, again], "and opens it afterwards");
}

#[test]
fn a_device_that_is_not_there_is_said_with_what_is_taken() {
    let mut story = Story::friends();
    story.keys("d");
    let wanted = Some(Safe::line("USB Headset"));
    let (name, opened_in) = (Safe::line("Built-in"), Duration::ZERO);
    let half = HalfState::Open { name, opened_in, wanted };
    story.event(Msg::Heard(Heard::Opened(half.clone(), open("Built-in"))));
    let notes = story.settings().items(&story.model);
    assert_eq!((&*notes[0].note, &*notes[1].note), ("not there; in use: Built-in", "in use: Built-in"));
    story.hear(SoundEvent::Microphone(half));
    assert_eq!(story.notice(), "The microphone USB Headset is not there: Built-in is used instead.");
    story.hear(SoundEvent::Microphone(open("USB Headset")));
    assert_eq!(story.notice(), "The microphone is USB Headset again.");
}

/// Nobody sees that the system's own choice is another one now; what one chose one knows.
#[test]
fn a_device_that_was_chosen_is_not_named_as_if_it_took_over() {
    let mut story = Story::friends();
    story.live();
    story.hear(SoundEvent::Microphone(open("Built-in")));
    story.hear(SoundEvent::Speaker(open("Built-in")));
    let said = |story: &mut Story, event| {
        story.model.notice = None;
        story.hear(event);
        story.model.notice.as_ref().map(|notice| notice.text.clone())
    };
    story.keys("^g d");
    story.devices();
    story.keys("Enter Down Down Enter");
    assert_eq!(said(&mut story, SoundEvent::Microphone(open("Webcam"))), None, "it was chosen");
    let other = said(&mut story, SoundEvent::Speaker(open("Webcam")));
    assert_eq!(other.as_deref(), Some("The speaker is Webcam now."), "a microphone was chosen, no speaker");
    let other = said(&mut story, SoundEvent::Microphone(open("Built-in")));
    assert_eq!(other.as_deref(), Some("The microphone is Built-in now."), "another than the chosen one");
    story.model.settings.preferences.ears.device = "Loud".to_owned();
    assert_eq!(said(&mut story, SoundEvent::Speaker(open("Loud"))), None, "chosen for both halves");
}

#[test]
fn sound_that_is_no_cards_has_no_half_to_choose() {
    let mut story = Story::friends();
    story.model.settings.preferences.ears.device = "tone".to_owned();
    story.keys("d");
    story.effects.clear();
    for key in ["Enter", "r"] {
        story.model.notice = None;
        story.keys(key);
        assert!(story.notice().starts_with("The sound is tone, no card's"), "{key}: {}", story.notice());
        assert!(story.settings().picker.is_none() && story.asked().is_empty(), "{key}");
    }
    assert_eq!(story.model.settings.preferences.ears.microphone, None);
}

impl Story {
    /// The first run, up to the name that is taken.
    fn named() -> Self {
        let mut story = Self::new(None, UNICODE);
        story.tell(Event::Link(LinkState::Online));
        story.tell(Event::NameWanted);
        story.keys("Enter");
        story.tell(Event::LoggedIn(name("alice")));
        story
    }
}

#[test]
fn the_first_run_ends_with_a_look_at_the_sound_that_one_key_leaves() {
    for key in ["Enter", "Esc"] {
        let mut story = Story::named();
        assert!(story.settings().first);
        assert!(story.effects.contains(&Effect::Sound(SoundCommand::ListDevices)));
        assert_eq!(story.listens(), [Some(Ears::default())]);
        story.hears_itself();
        story.keys("e");
        assert_eq!(story.asked(), [Effect::EchoTest]);
        story.keys(key);
        assert_eq!(story.asked(), [Effect::Listen(None)], "{key}");
        assert!(story.model.popups.is_empty());
        assert!(story.notice().starts_with("Welcome, alice."), "{}", story.notice());
    }
}

#[test]
fn another_device_can_be_taken_in_the_first_run() {
    let mut story = Story::named();
    let names = |names: &[&str]| names.iter().map(|name| Safe::line(name)).collect();
    let (microphones, speakers) = (names(&["Built-in"]), names(&["Built-in", "USB Headset"]));
    story.hear(SoundEvent::Devices(DeviceList { microphones, speakers }));
    story.keys("j d j j Esc d j j");
    story.effects.clear();
    story.keys("Enter");
    let taken = Effect::Sound(SoundCommand::Speaker("USB Headset".into()));
    assert!(story.effects.contains(&taken), "{:?}", story.effects);
    assert!(story.settings().first && story.settings().picker.is_none(), "still there, to be heard");
    story.keys("Enter");
    assert!(story.model.popups.is_empty());
}

#[test]
fn a_server_that_forgot_us_asks_for_a_name_and_no_more() {
    let mut story = Story::friends();
    story.tell(Event::NameWanted);
    assert!(matches!(story.model.stage, Stage::Welcome(_)));
    story.keys("Enter");
    story.tell(Event::LoggedIn(name("alice")));
    assert!(story.model.popups.is_empty() && story.notice().starts_with("Welcome, alice."));
}

#[test]
fn the_echo_test_is_asked_for_once_and_tells_what_it_found() {
    let mut story = Story::friends();
    story.keys("d");
    story.effects.clear();
    story.keys("e e");
    assert_eq!(story.effects, [Effect::EchoTest]);
    story.event(Msg::Heard(Heard::Speak));
    assert_eq!(story.settings().test, Test::Speak);
    story.event(Msg::Heard(Heard::Playing));
    story.event(Msg::Heard(Heard::Tested(Outcome::default())));
    assert_eq!(story.settings().test, Test::Done(Outcome::default()));
    story.effects.clear();
    story.keys("e");
    assert_eq!(story.effects, [Effect::EchoTest], "and again");
    story.keys("Esc");
    story.live();
    story.keys("^g d");
    story.effects.clear();
    story.keys("e");
    assert!(story.effects.is_empty() && story.model.notice.is_some(), "not in a call");
}

#[test]
fn what_could_not_be_written_is_said() {
    let mut story = Story::friends();
    story.keys(",");
    let why = "It counts, but was not saved: the file was changed.";
    story.event(Msg::NotKept(Safe::line(why)));
    assert_eq!(story.model.notice.as_ref().map(|notice| notice.text.as_str()), Some(why));
    assert_eq!(story.settings().page, Page::Audio);
}
