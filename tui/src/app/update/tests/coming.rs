//! Stories of a call that begins: placed, ringing, answered, declined, refused, and what is said at its end.

use super::*;

#[test]
fn a_call_is_one_key_and_so_is_its_end() {
    let mut story = Story::friends();
    story.keys("c");
    assert_eq!(story.asked(), [send(Command::Call(vec![name("bob")]))]);
    story.tell(Event::Calling { to: vec![name("bob")], plain: false });
    story.tell(Event::Ringing(name("bob")));
    story.live();
    story.tell(Event::Heard(name("bob")));
    story.keys("^t ^t");
    let mute = |on| Effect::Sound(SoundCommand::Mute(on));
    assert_eq!(story.asked(), [mute(true), mute(false)]);
    story.keys("^g + -x");
    let volume = |percent| Effect::Volume { who: name("bob"), percent };
    assert_eq!(story.asked(), [volume(110), volume(100), send(Command::HangUp)]);
    story.tell(Event::Ended { with: vec![name("bob")], reason: EndReason::HungUp });
    assert!(story.model.call.is_none() && !story.model.on_call_page());
}

#[test]
fn every_end_of_a_call_is_said_by_name() {
    for reason in
        [EndReason::NoAnswer, EndReason::Busy, EndReason::Declined, EndReason::Gone, EndReason::Lost]
    {
        let mut story = Story::friends();
        story.keys("c");
        story.tell(Event::Ended { with: vec![name("bob")], reason });
        assert!(story.notice().contains("bob"), "{reason:?}: {}", story.notice());
        assert!(story.model.call.is_none());
    }
}

#[test]
fn a_call_over_the_list_ignores_keys_that_were_meant_for_the_list() {
    let mut story = Story::friends();
    story.tell(Event::Incoming { from: name("carol"), others: Vec::new(), guests: Vec::new(), plain: false });
    assert_eq!(story.asked(), [Effect::Bell]);
    story.keys("yn Enter q");
    assert!(story.model.incoming().is_some());
    assert_eq!(story.asked(), []);
    story.wait(INCOMING_GUARD);
    story.keys("y");
    assert_eq!(story.asked(), [send(Command::Answer)]);
    assert_eq!(story.selected(), "carol");
}

fn from_carol() -> Event {
    Event::Incoming { from: name("carol"), others: Vec::new(), guests: Vec::new(), plain: false }
}

#[test]
fn who_muted_themselves_before_a_call_is_muted_in_it_and_not_in_the_next() {
    let mut story = Story::friends();
    story.keys("^t");
    assert_eq!(story.notice(), "Your microphone is muted for the next call.");
    story.tell(from_carol());
    story.tell(Event::Ended { with: vec![name("carol")], reason: EndReason::Missed });
    assert!(story.model.sound.muted, "one that only rang was none");
    story.tell(Event::Calling { to: vec![name("bob")], plain: false });
    story.tell(Event::Ended { with: vec![name("bob")], reason: EndReason::Busy });
    assert!(story.model.sound.muted, "nor was one that nobody answered");
    story.tell(from_carol());
    story.wait(INCOMING_GUARD);
    story.asked();
    story.keys("y");
    assert_eq!(story.asked(), [send(Command::Answer)], "the microphone is not opened");
    story.tell(Event::Joined { who: name("carol"), ssrc: Ssrc(8), plain: false });
    assert!(story.model.sound.muted);
    story.tell(Event::Ended { with: vec![name("carol")], reason: EndReason::HungUp });
    assert_eq!(story.asked(), [Effect::Sound(SoundCommand::Mute(false))]);
}

#[test]
fn the_end_of_a_call_that_is_not_on_the_screen_leaves_the_one_that_is() {
    let mut story = Story::friends();
    story.live();
    story.keys("^g ^t");
    story.asked();
    story.tell(Event::Ended { with: vec![name("carol")], reason: EndReason::Missed });
    assert!(story.model.on_call_page() && story.model.sound.muted && story.notice().contains("carol"));
    assert_eq!(story.asked(), []);
}

#[test]
fn a_call_while_writing_takes_no_key() {
    let mut story = Story::friends();
    story.keys("Tab on");
    story.tell(Event::Incoming { from: name("carol"), others: Vec::new(), guests: Vec::new(), plain: false });
    story.wait(INCOMING_GUARD * 2);
    story.keys("ny Enter");
    let text = "onny".to_owned();
    assert_eq!(story.asked(), [Effect::Bell, send(Command::Say { to: name("bob"), text, echo: 0 })]);
    assert!(story.model.incoming().is_some_and(|(_, incoming)| incoming.window.is_none()));
    // Asked for, the window takes its keys at once.
    story.keys("^g m");
    assert_eq!(story.asked(), [Effect::Sound(SoundCommand::Mute(true)), send(Command::Answer)]);
}

#[test]
fn leaving_the_line_brings_the_call_to_the_front() {
    let mut story = Story::friends();
    story.keys("Tab");
    story.tell(Event::Incoming { from: name("carol"), others: Vec::new(), guests: Vec::new(), plain: false });
    story.keys("Esc");
    assert!(story.model.incoming().is_some_and(|(_, incoming)| incoming.window.is_some()));
    story.keys("n");
    assert!(!story.asked().contains(&send(Command::Decline)));
    story.wait(INCOMING_GUARD);
    story.keys("n");
    assert_eq!(story.asked(), [send(Command::Decline)]);
}

#[test]
fn a_call_is_declined_with_a_message() {
    let mut story = Story::friends();
    story.tell(Event::Incoming { from: name("carol"), others: vec![], guests: vec![], plain: false });
    story.keys("r");
    assert!(story.asked().iter().all(|effect| *effect == Effect::Bell), "the key was meant for the list");
    story.wait(Duration::from_secs(1));
    story.keys("r");
    assert!(story.asked().contains(&send(Command::Decline)));
    story.tell(Event::Ended { with: vec![name("carol")], reason: EndReason::HungUp });
    story.keys("later Enter");
    let said = story.asked();
    assert!(
        matches!(&said[..], [Effect::Send(Command::Say { to, text, .. })] if *to == name("carol") && text == "later"),
        "{said:?}"
    );
}

#[test]
fn a_silenced_call_rings_no_more_and_can_still_be_answered() {
    let mut story = Story::friends();
    story.tell(Event::Incoming { from: name("carol"), others: Vec::new(), guests: Vec::new(), plain: false });
    story.wait(INCOMING_GUARD);
    story.keys("i");
    story.asked();
    story.wait(Duration::from_secs(20));
    story.keys("j");
    assert_eq!(story.asked(), []);
    story.keys("^g y");
    assert_eq!(story.asked(), [send(Command::Answer)]);
}

#[test]
fn the_bell_rings_every_few_seconds() {
    let mut story = Story::friends();
    story.tell(Event::Incoming { from: name("carol"), others: Vec::new(), guests: Vec::new(), plain: false });
    let mut bells = 0;
    while story.now.mono < Time::secs(110) {
        let due = story.model.deadline().expect("something is shown that changes");
        assert!(due > story.now.mono, "the deadline is ahead");
        story.wait(due - story.now.mono);
        bells += story.asked().iter().filter(|effect| **effect == Effect::Bell).count();
    }
    assert_eq!(bells, 4);
}

#[test]
fn a_call_that_is_refused_at_once_is_none() {
    let text = || Safe::line("there is no connection");
    let refused = || Event::Refused { of: Matter::Call, why: Why::NotLoggedIn, text: text() };
    let mut story = Story::friends();
    story.keys("c");
    story.tell(refused());
    assert!(story.model.call.is_none());
    assert_eq!(story.notice(), "there is no connection");
    story.keys("c");
    story.tell(Event::Calling { to: vec![name("bob")], plain: false });
    story.tell(refused());
    assert!(story.model.call.is_some(), "that was about something else");
}
