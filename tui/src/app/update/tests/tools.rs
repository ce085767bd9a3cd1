//! Stories of "say again" and of recordings.

use proto::media::{TapeState, ToolCommand, ToolEvent};

use super::*;
use crate::app::story::guest;

fn tool(event: ToolEvent) -> SoundEvent {
    SoundEvent::Tool(event)
}

fn say_again(on: bool) -> Effect {
    Effect::Sound(SoundCommand::Tool(ToolCommand::SayAgain(on)))
}

impl Story {
    /// A call with bob, in the call view.
    fn in_call_view(plain: bool) -> Self {
        let mut story = Self::friends();
        story.tell(Event::Calling { to: vec![name("bob")], plain });
        story.tell(Event::Joined { who: name("bob"), ssrc: Ssrc(7), plain });
        story.model.call_view = true;
        story.asked();
        story
    }
}

#[test]
fn r_says_it_again_and_esc_stops_that_before_it_leaves_the_page() {
    let mut story = Story::in_call_view(false);
    story.keys("r");
    assert_eq!(story.asked(), [say_again(true)]);
    story.hear(tool(ToolEvent::SayingAgain(true)));
    assert!(story.notice().contains("once more"), "{}", story.notice());
    story.keys("Esc");
    assert_eq!(story.asked(), [say_again(false)]);
    assert!(story.model.on_call_page());
    story.hear(tool(ToolEvent::SayingAgain(false)));
    assert_eq!(story.notice(), "Back in the call.");
    story.keys("Esc");
    assert!(!story.model.on_call_page(), "now it leaves the page");
}

#[test]
fn before_anything_was_heard_r_says_so() {
    let mut story = Story::in_call_view(false);
    story.keys("r");
    story.hear(tool(ToolEvent::SayingAgain(false)));
    assert_eq!(story.notice(), "Nothing was heard yet.");
}

#[test]
fn a_recording_begins_and_ends_with_one_key_and_shows_meanwhile() {
    let mut story = Story::in_call_view(false);
    story.keys("R");
    assert_eq!(story.asked(), [Effect::Record(Some(vec![name("bob")]))]);
    story.hear(tool(ToolEvent::Recording(TapeState::On(Safe::line("a.opus")))));
    assert!(story.model.tools.recording);
    assert_eq!(story.notice(), "You record into a.opus. Everybody is told.");
    story.keys("R");
    assert_eq!(story.asked(), [Effect::Record(None)]);
    story.hear(tool(ToolEvent::Recording(TapeState::Off { path: Safe::line("a.opus"), lost: 0 })));
    assert!(!story.model.tools.recording);
    story.hear(tool(ToolEvent::Recording(TapeState::Failed(Safe::line("the disk is full")))));
    assert_eq!(story.notice(), "the disk is full. The call goes on.");
}

#[test]
fn where_nobody_can_be_told_a_second_key_is_asked_for() {
    let mut story = Story::in_call_view(true);
    story.keys("R");
    assert!(story.asked().is_empty());
    assert!(story.notice().contains("tell them yourself"), "{}", story.notice());
    story.wait(crate::app::tools::ANYWAY_TIME);
    story.keys("R");
    assert!(story.asked().is_empty(), "the first one is forgotten");
    story.keys("R");
    assert_eq!(story.asked(), [Effect::Record(Some(vec![name("bob")]))]);
    story.hear(tool(ToolEvent::Recording(TapeState::On(Safe::line("a.opus")))));
    assert_eq!(story.notice(), "You record into a.opus. Programs of the plain protocols are not told.");
}

#[test]
fn who_joins_a_recorded_call_and_cannot_see_that_is_named() {
    for (plain, who, words) in [
        (true, "gina", "~gina is in the call now and cannot see that you record: tell them."),
        (true, "carol", "carol is in the call now."),
        (false, "carol", "carol is in the call now."),
    ] {
        let mut story = Story::in_call_view(plain);
        story.hear(tool(ToolEvent::Recording(TapeState::On(Safe::line("a.opus")))));
        if who == "gina" {
            story.tell(Event::Contact(guest("gina")));
        }
        story.tell(Event::Joined { who: name(who), ssrc: Ssrc(9), plain });
        assert_eq!(story.notice(), words);
    }
}

#[test]
fn a_yes_to_one_call_is_none_to_the_next() {
    let mut story = Story::in_call_view(true);
    story.keys("R");
    story.tell(Event::Ended { with: vec![name("bob")], reason: EndReason::TheyHungUp });
    story.tell(Event::Calling { to: vec![name("bob")], plain: true });
    story.tell(Event::Joined { who: name("bob"), ssrc: Ssrc(8), plain: true });
    story.model.call_view = true;
    story.asked();
    story.keys("R");
    assert!(story.asked().is_empty(), "asked anew");
}

#[test]
fn a_recording_that_fails_after_the_call_claims_no_call() {
    let mut story = Story::in_call_view(false);
    story.tell(Event::Ended { with: vec![name("bob")], reason: EndReason::HungUp });
    story.hear(tool(ToolEvent::Recording(TapeState::Failed(Safe::line("the disk is full")))));
    assert_eq!(story.notice(), "the disk is full.");
}
