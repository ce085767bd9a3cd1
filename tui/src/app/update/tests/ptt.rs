//! Push-to-talk on the screen: what is pressed, and what the microphone does.

use super::*;
use crate::app::transmit::Transmit;
use crate::control::{Press, Reply, Request};
use crate::keys::{Code, Input, Key, Kind};

const HEARD: Effect = Effect::Sound(SoundCommand::Mute(false));
const SILENT: Effect = Effect::Sound(SoundCommand::Mute(true));

impl Story {
    /// A call with bob in its view, with push-to-talk on.
    fn walkie_talkie() -> Self {
        let mut story = Self::friends();
        story.model.sound.talk.transmit = Transmit::Ptt;
        story.wait(Duration::from_millis(1));
        assert_eq!(story.asked(), [SILENT], "nobody is heard before they press");
        story.tell(Event::Calling { to: vec![name("bob")], plain: false });
        story.live();
        story.keys("^g");
        assert_eq!(story.asked(), []);
        story
    }

    fn up(&mut self) {
        self.event(Msg::Input(Input::Key(Key { kind: Kind::Release, ..Key::char(' ') })));
    }

    fn later(&mut self, ms: u64) -> Vec<Effect> {
        self.wait(Duration::from_millis(ms));
        self.asked()
    }

    fn ptt(&mut self, to: Press) -> &'static str {
        match self.wants(Request::Talk(to)).0 {
            Reply::Refused { code, .. } => code,
            Reply::Done(_) | Reply::Status(_) | Reply::Invite(_) => "ok",
        }
    }
}

#[test]
fn a_call_that_is_stopped_is_muted_before_and_goes_on_as_it_was() {
    let mute = |wanted| Effect::Sound(SoundCommand::Mute(wanted));
    let hold = |wanted| Effect::Sound(SoundCommand::Hold(wanted));
    let mut story = Story::friends();
    story.keys("^z");
    assert_eq!(story.asked(), [Effect::Suspend], "nobody hears us anyway");
    story.live();
    story.effects.clear();
    story.keys("^z");
    assert_eq!(story.asked(), [mute(true), hold(true), Effect::Suspend, mute(false)]);
    story.effects.clear();
    story.event(Msg::Continued);
    assert_eq!(story.asked(), [hold(false)]);
    assert_eq!(story.notice(), "You are back in the call, and heard again.");
    story.keys("^t");
    story.effects.clear();
    story.keys("^z");
    assert_eq!(story.asked(), [hold(true), Effect::Suspend], "muted stays muted");
    story.event(Msg::Continued);
    assert_eq!(story.notice(), "You are back in the call, and not heard.");
    story.effects.clear();
    story.keys("^t");
    story.event(Msg::Continued);
    assert_eq!(story.asked(), [mute(false)], "nobody was put on hold");
    assert_ne!(story.notice(), "You are back in the call, and heard again.");
    let mut story = Story::friends();
    story.event(Msg::Continued);
    assert_eq!(story.notice(), "", "there is nothing to say without a call");
}

#[test]
fn space_is_held_where_the_terminal_tells_releases() {
    let mut story = Story::walkie_talkie();
    story.event(Msg::Input(Input::TellsReleases));
    story.keys("Space");
    assert_eq!(story.asked(), [HEARD]);
    assert_eq!(story.later(5_000), []);
    story.up();
    assert_eq!(story.later(149), [], "the end of the word");
    let due = story.model.deadline().unwrap();
    assert_eq!(due, story.now.mono + Duration::from_millis(1));
    assert_eq!(story.later(1), [SILENT]);
}

#[test]
fn space_is_on_and_off_where_nothing_better_is_known() {
    let mut story = Story::walkie_talkie();
    story.keys("Space");
    assert_eq!(story.asked(), [HEARD]);
    assert_eq!(story.later(60_000), []);
    story.keys("Space");
    assert_eq!(story.asked(), [SILENT]);
}

#[test]
fn a_key_works_while_one_writes() {
    let mut story = Story::walkie_talkie();
    story.keys("m Tab");
    story.key(Key::press(Code::F(5)));
    assert_eq!(story.asked(), [HEARD]);
    story.keys("Space");
    assert_eq!(story.asked(), [], "text is text");
}

#[test]
fn muted_stays_muted_and_open_needs_no_key() {
    let mut story = Story::walkie_talkie();
    story.keys("Space t");
    assert_eq!(story.asked(), [HEARD, SILENT]);
    story.keys("t");
    assert_eq!(story.asked(), [HEARD]);
    story.keys("Space t Space");
    assert_eq!(story.asked(), [SILENT]);
    assert!(story.notice().contains("unmute yourself"));
    story.model.sound.talk.transmit = Transmit::Open;
    story.keys("t Space");
    assert_eq!(story.asked(), [HEARD]);
    assert!(story.notice().contains("Push-to-talk is off"));
}

#[test]
fn nobody_is_heard_after_what_held_the_key_is_gone() {
    let away = Event::Link(LinkState::Away { retry_in: Duration::from_secs(3) });
    let ended = Event::Ended { with: vec![name("bob")], reason: EndReason::TheyHungUp };
    for gone in [Msg::Input(Input::Focus(false)), Msg::Client(away), Msg::Client(ended)] {
        let mut story = Story::walkie_talkie();
        story.keys("Space");
        assert_eq!(story.asked(), [HEARD]);
        story.event(gone.clone());
        assert_eq!(story.asked(), [SILENT], "{gone:?}");
    }
    let mut story = Story::walkie_talkie();
    story.keys("Space ^z");
    let hold = Effect::Sound(SoundCommand::Hold(true));
    assert_eq!(story.asked(), [HEARD, SILENT, hold, Effect::Suspend], "shut before it stops");
}

/// Whatever becomes of a call that was not there yet, the next one begins in silence.
#[test]
fn what_was_opened_for_a_call_that_never_came_does_not_open_the_next() {
    let why = proto::wire::record::Why::Other;
    let refused = Event::Refused { of: Matter::Call, why, text: Safe::line("they are away") };
    let plain = Event::PlainUnconfirmed(vec![name("bob")]);
    for never in [refused, plain] {
        let mut story = Story::friends();
        story.model.sound.talk.transmit = Transmit::Ptt;
        story.keys("c");
        story.key(Key::press(Code::F(5)));
        assert!(!story.model.is_silent());
        story.tell(never.clone());
        assert!(story.model.call.is_none() && story.model.is_silent(), "{never:?}");
        story.live();
        assert!(story.model.is_silent(), "{never:?}");
    }
}

#[test]
fn a_pedal_talks_and_does_not_talk_for_ever() {
    let mut story = Story::friends();
    assert_eq!(story.ptt(Press::Down), "no_ptt");
    let mut story = Story::walkie_talkie();
    assert_eq!(story.ptt(Press::Down), "ok");
    assert!(!story.model.is_silent());
    story.event(Msg::Input(Input::Focus(false)));
    assert!(!story.model.is_silent(), "another window is where such keys are pressed");
    story.ptt(Press::Up);
    assert!(story.model.is_silent());
    story.ptt(Press::Down);
    story.asked();
    assert_eq!(story.later(59_999), []);
    assert_eq!(story.later(1), [SILENT]);
    assert!(story.notice().contains("let go"));
    assert_eq!((story.ptt(Press::Toggle), story.model.is_silent()), ("ok", false));
    assert_eq!(story.later(600_000), []);
    assert_eq!((story.ptt(Press::Toggle), story.model.is_silent()), ("ok", true));
    story.keys("t");
    assert_eq!(story.ptt(Press::Down), "muted");
    assert_eq!(story.ptt(Press::Up), "ok", "who lets go is never refused");
    story.tell(Event::Ended { with: vec![name("bob")], reason: EndReason::HungUp });
    assert_eq!(story.ptt(Press::Down), "no_call");
}

#[test]
fn a_key_that_repeats_mutes_once() {
    let mut story = Story::walkie_talkie();
    story.model.sound.talk.transmit = Transmit::Open;
    story.later(1);
    story.keys("t");
    for _ in 0..5 {
        story.key(Key { kind: Kind::Repeat, ..Key::char('t') });
    }
    assert_eq!(story.asked(), [SILENT]);
}
