//! The first look at the sound, after the name of the first run.

use core::time::Duration;

use super::*;
use crate::app::Effect;

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

/// Which name Enter takes, and whose key it trusts, is in sight at every size there is a page for.
#[test]
fn what_enter_does_in_the_first_run_is_in_sight_on_the_lowest_screen() {
    let mut story = Story::new(None, UNICODE);
    story.tell(Event::Link(LinkState::Online));
    story.tell(Event::ServerKeyUnknown(Fingerprint([0x33; 32])));
    for (width, height) in [(40, 10), (50, 12), (80, 24)] {
        let (buffer, cursor) = story.buffer(width, height);
        let drawn = picture(&buffer);
        let key = Fingerprint([0x33; 32]).openssh();
        for words in ["alice", "trusts this key", "^C ^C quit", &key[key.len() - 8..]] {
            assert!(drawn.contains(words), "{width}x{height}, {words}:\n{drawn}");
        }
        assert!(cursor.is_some(), "{width}x{height}");
    }
    story.keys("^c");
    assert!(story.effects.is_empty() && story.model.notice.is_some());
    story.keys("^c");
    assert_eq!(story.effects, [Effect::Quit], "the way out that was named");
    let mut story = named(UNICODE);
    story.event(Msg::Heard(Heard::Level(-18.0)));
    story.tell(Event::Accepted(name("bob")));
    let drawn = picture(&story.buffer(40, 10).0);
    assert!(drawn.contains("Mic is OPEN") && drawn.contains("Enter go on"), "{drawn}");
}

/// Where meters were set to stand still, an old level would be taken for that of now.
#[test]
fn a_meter_that_stands_still_shows_no_level() {
    let mut story = Story::morning(UNICODE);
    story.keys("d");
    story.event(Msg::Heard(Heard::Opened(open("USB Headset"), open("USB Headset"))));
    for (hz, shows) in [(4, "█"), (0, "not shown: meters are set to stand still"), (0, "OPEN while you look")]
    {
        story.model.settings.meter_hz = Some(hz);
        story.event(Msg::Heard(Heard::Level(-18.0)));
        let shown = picture(&story.buffer(80, 24).0);
        assert!(shown.contains(shows), "{hz}:\n{shown}");
    }
}
