//! Calls from the shell as stories: what happens, and what is done about it.

use super::*;
use crate::control::{Press, Reply, Request, Switch};
use proto::client::{LinkState, Matter};
use proto::id::Ssrc;
use proto::media::{HalfState, SoundEvent, Statistics, ToolCommand, ToolEvent};
use proto::{Safe, Wall};

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

struct Story {
    errand: Errand,
    now: Time,
}

impl Story {
    fn new(wish: Wish, input: bool, devices: bool) -> Self {
        Self { errand: Errand::new(wish, None, input, devices), now: Time::secs(1) }
    }

    fn call(input: bool) -> Self {
        let mut story = Self::new(Wish::Call(vec![name("bob")]), input, !input);
        story.tell(Event::LoggedIn(name("alice")));
        story
    }

    /// What is done about it, without the lines.
    fn hear(&mut self, told: Told) -> Vec<Step> {
        self.errand.handle(&told, self.now);
        self.steps()
    }

    fn tell(&mut self, event: Event) -> Vec<Step> {
        self.hear(Told::Client(event))
    }

    fn tool(&mut self, event: ToolEvent) -> Vec<Step> {
        self.hear(Told::Sound(SoundEvent::Tool(event)))
    }

    fn pass(&mut self, time: Duration) -> Vec<Step> {
        self.now += time;
        self.errand.on_time(self.now);
        self.steps()
    }

    fn steps(&mut self) -> Vec<Step> {
        let steps = std::iter::from_fn(|| self.errand.poll());
        steps.filter(|step| !matches!(step, Step::Say(_))).collect()
    }

    fn live(&mut self) {
        let joined = Event::Joined { who: name("bob"), ssrc: Ssrc(7), plain: false };
        assert!(self.tell(joined).is_empty());
    }

    fn end(&mut self, reason: EndReason) -> Vec<Step> {
        self.tell(Event::Ended { with: vec![name("bob")], reason })
    }
}

fn heard_by_them() -> Told {
    let round_trip = Some(Duration::from_millis(40));
    Told::Sound(SoundEvent::Statistics(Box::new(Statistics { round_trip, ..Statistics::default() })))
}

fn begin() -> Step {
    Step::Sound(SoundCommand::Tool(ToolCommand::Begin))
}

#[test]
fn a_file_is_said_when_somebody_hears_it_and_the_call_left_after_it() {
    let mut story = Story::call(true);
    let placed = story.tell(Event::Contacts(Vec::new()));
    assert_eq!(placed, [Step::Do(Command::Call(vec![name("bob")]))]);
    assert!(story.hear(heard_by_them()).is_empty(), "not live yet");
    story.live();
    assert_eq!(story.hear(heard_by_them()), [begin()]);
    assert!(story.hear(heard_by_them()).is_empty(), "once");
    assert!(story.tool(ToolEvent::InputEnded).is_empty());
    assert!(story.pass(DRAIN / 2).is_empty(), "what is under way must arrive");
    assert_eq!(story.pass(DRAIN / 2), [Step::Do(Command::HangUp)]);
    assert_eq!(story.end(EndReason::HungUp), [Step::End(Exit::Ok)]);
}

#[test]
fn without_reports_or_a_list_time_decides() {
    let mut story = Story::call(true);
    assert_eq!(story.pass(LIST_TIME_MAX), [Step::Do(Command::Call(vec![name("bob")]))]);
    story.live();
    assert!(story.pass(BEGIN_AFTER / 2).is_empty());
    assert_eq!(story.pass(BEGIN_AFTER / 2), [begin()]);
}

#[test]
fn every_end_has_its_exit_code() {
    for (live, reason, exit) in [
        (true, EndReason::TheyHungUp, Exit::Ok),
        (false, EndReason::TheyHungUp, Exit::PeerUnavailable),
        (false, EndReason::Declined, Exit::PeerUnavailable),
        (false, EndReason::Busy, Exit::PeerUnavailable),
        (false, EndReason::NoAnswer, Exit::PeerUnavailable),
        (false, EndReason::Gone, Exit::PeerUnavailable),
        (true, EndReason::Lost, Exit::Failed),
        (false, EndReason::Failed, Exit::Failed),
    ] {
        let mut story = Story::call(true);
        story.tell(Event::Contacts(Vec::new()));
        if live {
            story.live();
        }
        assert_eq!(story.end(reason), [Step::End(exit)], "{reason:?}");
    }
    let refused = |why| Event::Refused { of: Matter::Call, why, text: Safe::line("no") };
    for (why, exit) in [(Why::NobodyRung, Exit::PeerUnavailable), (Why::Internal, Exit::Failed)] {
        let mut story = Story::call(true);
        story.tell(Event::Contacts(Vec::new()));
        assert_eq!(story.tell(refused(why)), [Step::End(exit)]);
    }
    let mut story = Story::new(Wish::Call(vec![name("bob")]), true, false);
    assert_eq!(story.tell(Event::NameWanted), [Step::End(Exit::Usage)]);
    let away = || Event::Link(LinkState::Away { retry_in: Duration::ZERO });
    let mut story = Story::new(Wish::Call(vec![name("bob")]), true, false);
    let steps: Vec<Step> = (0..3).flat_map(|_| story.tell(away())).collect();
    assert_eq!(steps, [Step::End(Exit::Unreachable)]);
}

#[test]
fn an_interrupt_hangs_up_first_and_a_second_one_does_not_wait() {
    let mut story = Story::call(true);
    story.tell(Event::Contacts(Vec::new()));
    story.live();
    story.errand.interrupt(Exit::Interrupted, story.now);
    assert_eq!(story.steps(), [Step::Do(Command::HangUp)]);
    story.errand.interrupt(Exit::Interrupted, story.now);
    assert_eq!(story.steps(), [Step::End(Exit::Interrupted)]);
    assert_eq!(story.end(EndReason::HungUp), [Step::End(Exit::Interrupted)]);
}

#[test]
fn one_broken_half_is_borne_and_two_end_the_call() {
    let failed = || HalfState::Failed { why: Safe::line("gone") };
    let mut story = Story::call(false);
    story.tell(Event::Contacts(Vec::new()));
    story.live();
    assert!(story.hear(Told::Sound(SoundEvent::Microphone(failed()))).is_empty());
    let steps = story.hear(Told::Sound(SoundEvent::Speaker(failed())));
    assert_eq!(steps, [Step::Do(Command::HangUp)]);
    assert_eq!(story.end(EndReason::HungUp), [Step::End(Exit::NoDevice)]);
}

#[test]
fn a_reader_that_has_enough_ends_the_call_in_peace_and_a_full_disk_does_not() {
    for (closed, exit) in [(true, Exit::Ok), (false, Exit::Failed)] {
        let mut story = Story::call(true);
        story.tell(Event::Contacts(Vec::new()));
        story.live();
        let failed = ToolEvent::OutputFailed { closed, why: Safe::line("closed") };
        assert_eq!(story.tool(failed), [Step::Do(Command::HangUp)]);
        assert_eq!(story.end(EndReason::HungUp), [Step::End(exit)]);
    }
}

#[test]
fn only_whom_was_asked_for_is_answered_again_and_again_or_once() {
    let incoming = |from: &str| Event::Incoming {
        from: name(from),
        others: Vec::new(),
        guests: Vec::new(),
        plain: false,
    };
    for once in [false, true] {
        let mut story = Story::new(Wish::Answer { from: vec![name("bob")], once }, true, false);
        story.tell(Event::LoggedIn(name("alice")));
        assert!(story.tell(Event::Contacts(Vec::new())).is_empty());
        assert_eq!(story.tell(incoming("eve")), [Step::Do(Command::Decline)]);
        assert!(story.end(EndReason::Declined).is_empty(), "that was no call of ours");
        assert_eq!(story.tell(incoming("bob")), [Step::Do(Command::Answer)]);
        assert!(story.end(EndReason::Missed).is_empty(), "they gave up; the next may come");
        assert_eq!(story.tell(incoming("bob")), [Step::Do(Command::Answer)]);
        story.live();
        assert_eq!(story.tell(incoming("bob")), [Step::Do(Command::Decline)], "busy");
        let steps = story.end(EndReason::TheyHungUp);
        if once {
            assert_eq!(steps, [Step::End(Exit::Ok)]);
        } else {
            assert!(steps.is_empty());
            assert_eq!(story.tell(incoming("bob")), [Step::Do(Command::Answer)]);
        }
    }
}

#[test]
fn news_of_others_change_nothing() {
    let mut story = Story::call(true);
    story.tell(Event::Contacts(Vec::new()));
    let said = Event::Said {
        from: name("eve"),
        id: proto::id::MsgId([1; 16]),
        sent: Wall(5),
        text: Safe::line("hello"),
    };
    assert!(story.tell(said).is_empty());
    assert_eq!(story.errand.deadline(), None);
}

/// A call by the sound card, where one presses to talk.
fn pressing(keyboard: bool) -> Story {
    let errand =
        Errand::new(Wish::Call(vec![name("bob")]), None, false, true).transmit(Transmit::Ptt, keyboard);
    let mut story = Story { errand, now: Time::secs(1) };
    assert_eq!(story.steps(), [mute(true)], "shut before anything is open");
    story.tell(Event::LoggedIn(name("alice")));
    story.tell(Event::Contacts(Vec::new()));
    story
}

fn mute(wanted: bool) -> Step {
    Step::Sound(SoundCommand::Mute(wanted))
}

/// The newest line for people.
fn said(story: &mut Story) -> String {
    let lines = std::iter::from_fn(|| story.errand.poll());
    let said = lines.filter_map(|step| if let Step::Say(line) = step { Some(line) } else { None });
    said.last().unwrap_or_default()
}

#[test]
fn where_one_presses_to_talk_nobody_is_heard_before_enter_and_after_the_call() {
    let mut story = pressing(true);
    story
        .errand
        .handle(&Told::Client(Event::Joined { who: name("bob"), ssrc: Ssrc(7), plain: false }), story.now);
    assert_eq!(said(&mut story), "push-to-talk: nobody hears you; Enter opens the microphone and shuts it");
    for shuts in [false, true] {
        story.errand.typed(story.now);
        assert_eq!(story.steps(), [mute(shuts)]);
    }
    story.errand.typed(story.now);
    assert_eq!(story.steps(), [mute(false)]);
    assert!(story.end(EndReason::TheyHungUp).contains(&mute(true)));
}

#[test]
fn other_programs_press_and_who_holds_without_a_word_is_let_go() {
    let mut story = pressing(false);
    let press = |story: &mut Story, to| story.errand.asked(Request::Talk(to), story.now);
    story.live();
    assert_eq!(press(&mut story, Press::Down), Reply::Done("live".into()));
    assert_eq!(story.steps(), [mute(false)]);
    let Reply::Status(status) = story.errand.asked(Request::Status, story.now) else { panic!("a status") };
    assert!(status.ptt && status.live && !status.muted);
    assert_eq!(story.pass(Duration::from_secs(60)), [mute(true)]);
    press(&mut story, Press::Toggle);
    story.steps();
    story.tell(Event::Link(LinkState::Away { retry_in: Duration::from_secs(1) }));
    assert!(story.errand.is_silent(), "nobody knows what is heard");
    story.errand.asked(Request::Mute(Switch::On), story.now);
    assert!(story.steps().is_empty(), "it is shut already");
    let Reply::Refused { code: "muted", .. } = press(&mut story, Press::Down) else {
        panic!("muted stays muted")
    };
}

#[test]
fn what_is_piped_in_is_said_without_pressing() {
    let wish = || Wish::Call(vec![name("bob")]);
    let mut errand = Errand::new(wish(), None, true, false).transmit(Transmit::Ptt, false);
    assert!(errand.poll().is_none() && !errand.is_silent());
    let Reply::Refused { code: "no_ptt", .. } = errand.asked(Request::Talk(Press::Down), Time::ZERO) else {
        panic!("nothing to press")
    };
}

#[test]
fn a_device_in_the_place_of_another_is_said() {
    let mut story = Story::call(false);
    let (name, wanted) = (Safe::line("Built-in"), Some(Safe::line("USB Headset")));
    let half = HalfState::Open { name, opened_in: Duration::ZERO, wanted };
    story.errand.handle(&Told::Sound(SoundEvent::Microphone(half)), story.now);
    assert_eq!(said(&mut story), "microphone: Built-in (USB Headset is not there)");
}

#[test]
fn a_server_that_says_why_it_does_not_let_us_in_is_quoted() {
    let mut story = Story::new(Wish::Call(vec![name("bob")]), false, true);
    let text = Safe::line("too many new accounts from your network; wait a minute");
    let mut said = Vec::new();
    for _ in 0..crate::limits::FIRST_TRIES_MAX {
        let text = text.clone();
        story
            .errand
            .handle(&Told::Client(Event::Refused { of: Matter::Login, why: Why::TooFast, text }), story.now);
        let away = Event::Link(LinkState::Away { retry_in: Duration::ZERO });
        story.errand.handle(&Told::Client(away), story.now);
        said.extend(std::iter::from_fn(|| story.errand.poll()));
    }
    assert_eq!(said.last(), Some(&Step::End(Exit::Refused)));
    assert!(said.contains(&Step::Say(text.to_string())), "{said:?}");
}

#[test]
fn a_changed_server_key_ends_it_with_the_way_on_that_there_is() {
    let mut story = Story::new(Wish::Call(vec![name("bob")]), false, true);
    let (pinned, shown) = (proto::id::Fingerprint([1; 32]), proto::id::Fingerprint([2; 32]));
    story.errand.handle(&Told::Client(Event::ServerKeyChanged { pinned, shown }), story.now);
    let said: Vec<Step> = std::iter::from_fn(|| story.errand.poll()).collect();
    let way = format!("start once more with --pin {} to trust it.", shown.openssh());
    assert!(
        matches!(said.as_slice(), [Step::Say(words), Step::End(Exit::Refused)] if words.ends_with(&way)),
        "{said:?}"
    );
}
