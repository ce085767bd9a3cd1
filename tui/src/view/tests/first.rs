//! The first look at the sound, after the name of the first run.

use core::time::Duration;

use super::*;

/// Logged in for the first time.
fn named(look: Look) -> Story {
    let mut story = Story::new(None, look);
    story.tell(Event::Link(LinkState::Online));
    story.tell(Event::LoggedIn(name("alice")));
    story
}

pub(super) fn pages(look: Look) -> Vec<(&'static str, Story)> {
    let mut list = vec![("first_sound_opening", named(look))];

    let mut story = named(look);
    let names = |names: &[&str]| names.iter().map(|name| Safe::line(name)).collect();
    let (microphones, speakers) = (names(&["USB Headset", "Webcam C920"]), names(&["USB Headset"]));
    story.hear(SoundEvent::Devices(DeviceList { microphones, speakers }));
    story.event(Msg::Heard(Heard::Opened(open("USB Headset"), open("USB Headset"))));
    story.event(Msg::Heard(Heard::Level(-18.0)));
    list.push(("first_sound", story));

    let mut story = named(look);
    story.model.settings.remote = true;
    story.event(Msg::Heard(Heard::Opened(open("USB Headset"), open("Built-in"))));
    story.event(Msg::Heard(Heard::Level(-18.0)));
    let outcome = Outcome {
        peak_db: -12.0,
        capture: Some(Duration::from_millis(11)),
        playback: Some(Duration::from_millis(21)),
        lost: 0,
        echo: None,
        problem: None,
    };
    story.event(Msg::Heard(Heard::Tested(outcome)));
    list.push(("first_sound_tested", story));

    let mut story = Story::morning(look);
    story.keys("d");
    story.event(Msg::Heard(Heard::Opened(open("USB Headset"), open("USB Headset"))));
    story.event(Msg::Heard(Heard::Level(-18.0)));
    story.tell(Event::Incoming { from: name("carol"), others: Vec::new(), guests: Vec::new(), plain: false });
    story.wait(Duration::from_secs(7));
    list.push(("settings_rung", story));

    let mut story = named(look);
    let why = "no sound system answers; start PulseAudio or PipeWire, or choose --device null";
    story.event(Msg::Heard(Heard::Opened(HalfState::Closed, HalfState::Closed)));
    story.event(Msg::Heard(Heard::Failed(Safe::line(why))));
    list.push(("first_sound_none", story));
    list
}
