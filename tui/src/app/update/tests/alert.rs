//! Who is told outside the screen, of what, and when not.

use super::*;
use crate::app::emulator::Osc;
use crate::app::notify::{Alert, OscWish, What};
use crate::keys::Input;

impl Story {
    /// Friends, and a terminal that shows notifications. Bob's chat is on the screen.
    fn notified() -> Self {
        let mut story = Self::friends();
        story.model.settings.notify.osc = OscWish::Is(Osc::Nine);
        assert_eq!(story.selected(), "bob");
        story
    }

    fn text(&mut self, from: &str, id: u8) -> Vec<Effect> {
        self.asked();
        let (id, sent, text) = (MsgId([id; 16]), START, Safe::line("hi"));
        self.tell(Event::Said { from: name(from), id, sent, text });
        self.asked()
    }

    fn rings(&mut self) -> Vec<Effect> {
        self.asked();
        let (others, guests, plain) = (Vec::new(), Vec::new(), false);
        self.tell(Event::Incoming { from: name("bob"), others, guests, plain });
        self.asked()
    }
}

fn alert(what: What, who: &str) -> Effect {
    Effect::Alert(Alert { what, who: Safe::line(who), preview: None })
}

#[test]
fn a_text_is_told_unless_it_is_before_ones_eyes() {
    let told = |who| vec![Effect::Bell, alert(What::Message, who)];
    let mut story = Story::notified();
    assert_eq!(story.text("bob", 1), told("bob"), "nobody knows whether somebody is there");
    story.event(Msg::Input(Input::Focus(true)));
    story.wait(Duration::from_secs(3));
    assert_eq!(story.text("bob", 2), []);
    assert_eq!(story.text("carol", 3), told("carol"), "another chat");
    story.event(Msg::Input(Input::Focus(false)));
    assert_eq!(story.text("bob", 4), told("bob"));
    story.wait(Duration::from_secs(3));
    story.keys("g");
    story.model.contacts.select(&name("bob"));
    assert_eq!(story.text("bob", 5), [], "a key says as much");
}

/// The title and the list count them, until somebody is back.
#[test]
fn what_comes_while_another_window_is_before_ones_eyes_is_unread() {
    let mut story = Story::notified();
    story.text("bob", 1);
    assert_eq!(story.model.unread(), 1, "nobody knows whether somebody is there");
    story.keys("g");
    story.text("bob", 5);
    assert_eq!(story.model.unread(), 0, "his chat is on the screen");
    story.event(Msg::Input(Input::Focus(false)));
    story.text("bob", 2);
    story.text("bob", 3);
    assert_eq!(story.model.unread(), 2);
    story.model.dirty = false;
    story.event(Msg::Input(Input::Focus(true)));
    assert_eq!((story.model.unread(), story.model.dirty), (0, true));
    story.event(Msg::Input(Input::Focus(false)));
    story.text("bob", 4);
    story.keys("g");
    assert_eq!(story.model.unread(), 0, "a key says as much");
}

#[test]
fn without_word_of_the_focus_a_key_of_a_moment_ago_counts() {
    let mut story = Story::notified();
    story.keys("Tab x");
    assert_eq!(story.text("bob", 1), []);
    story.wait(Duration::from_secs(31));
    assert_eq!(story.text("bob", 2).len(), 2);
}

#[test]
fn several_texts_are_one_piece_of_news() {
    let mut story = Story::notified();
    assert_eq!((story.text("carol", 1).len(), story.text("carol", 2).len()), (2, 0));
    assert_eq!(story.text("bob", 3).len(), 2);
    story.wait(Duration::from_secs(2));
    assert_eq!(story.text("bob", 4).len(), 2);
}

#[test]
fn the_words_are_told_only_where_that_was_said() {
    let mut story = Story::notified();
    story.model.settings.notify.preview = true;
    let Some(Effect::Alert(told)) = story.text("carol", 1).pop() else { panic!("it is told") };
    assert_eq!((told.words().as_str(), told.preview), ("carol: hi", Some(Safe::line("hi"))));
    story.model.settings.notify.osc = OscWish::Off;
    story.model.settings.notify.bell = false;
    assert_eq!(story.text("bob", 2), []);
}

#[test]
fn a_call_rings_on_at_a_calm_pace_and_is_told_once() {
    let mut story = Story::notified();
    assert_eq!(story.rings(), [alert(What::Call, "bob"), Effect::Bell]);
    let mut bells = 0;
    for _ in 0..60 {
        story.wait(Duration::from_millis(500));
        let effects = story.asked();
        assert!(effects.iter().all(|effect| *effect == Effect::Bell));
        bells += effects.len();
    }
    assert_eq!(bells, 10, "every three seconds, for thirty");
    story.tell(Event::Ended { with: vec![name("bob")], reason: EndReason::Missed });
    assert_eq!(story.asked(), [alert(What::MissedCall, "bob")]);
}

#[test]
fn nothing_disturbs_who_does_not_want_it_but_calls_if_they_may() {
    let mut story = Story::notified();
    story.keys("Z");
    assert!(story.model.dnd && story.notice().contains("nothing rings"));
    assert_eq!((story.text("carol", 1), story.rings()), (Vec::new(), Vec::new()));
    assert!(story.model.deadline().unwrap() > story.now.mono, "a bell that is not rung keeps nobody awake");
    story.tell(Event::Request(name("grace")));
    assert_eq!(story.asked(), []);
    assert!(story.status().dnd);
    story.model.settings.notify.calls_in_dnd = true;
    story.wait(Duration::from_secs(3));
    assert_eq!(story.asked(), [Effect::Bell]);
    story.tell(Event::Ended { with: vec![name("bob")], reason: EndReason::TheyHungUp });
    story.keys("Z");
    assert!(!story.model.dnd);
    assert_eq!(story.text("carol", 2).len(), 2);
}
