//! Stories: what the model is at, which keys are pressed, what it is at then, and what was asked of the world.

use proto::client::{Command, EndReason, Event, LinkState, Matter, MessageState};
use proto::id::{Fingerprint, MsgId, Name, Ssrc};
use proto::media::{HalfState, Levels, SoundCommand, SoundEvent};
use proto::wire::record::{Presence, Standing, Why};
use proto::{Safe, Time};

use super::*;
use crate::app::call::{INCOMING_GUARD, Phase};
use crate::app::chat::{From, Sent};
use crate::app::contacts::{REST_TIME, UNDO_TIME};
use crate::app::model::{Focus, Stage};
use crate::app::popup::Popup;
use crate::app::story::{START, Story, UNICODE, contact, name};

mod adding;
mod alert;
mod asked;
mod calls;
mod coming;
mod outside;
mod palette;
mod people;
mod ptt;
mod removal;
mod ring;
mod settings;
mod tools;
mod trust;
mod welcome;

impl Story {
    /// Bob and carol are there, erin is not, grace asks.
    fn friends() -> Self {
        Self::with(
            UNICODE,
            vec![
                contact("bob", Standing::Mutual, Presence::Online),
                contact("carol", Standing::Mutual, Presence::Online),
                contact("erin", Standing::Mutual, Presence::Offline),
                contact("grace", Standing::Asking, Presence::Online),
            ],
        )
    }

    fn live(&mut self) {
        self.tell(Event::Joined { who: name("bob"), ssrc: Ssrc(7), plain: false });
    }

    /// What was asked of the world since the last look, beside older lines and what was read.to show and what was read.
    fn asked(&mut self) -> Vec<Effect> {
        let effects = core::mem::take(&mut self.effects);
        effects
            .into_iter()
            .filter(|effect| !matches!(effect, Effect::History(_) | Effect::Read(_) | Effect::Draft(..)))
            .collect()
    }

    fn notice(&self) -> &str {
        self.model.notice.as_ref().map_or("", |notice| &notice.text)
    }

    fn selected(&self) -> &str {
        self.model.chatting().map_or("", Name::as_str)
    }
}

fn send(command: Command) -> Effect {
    Effect::Send(command)
}

#[test]
fn the_list_moves_and_stays_on_the_person_when_others_come_and_go() {
    let mut story = Story::friends();
    assert_eq!(story.selected(), "bob");
    story.keys("jj");
    assert_eq!(story.selected(), "erin");
    story.tell(Event::Contact(contact("aaron", Standing::Mutual, Presence::Online)));
    story.tell(Event::Contact(contact("erin", Standing::Mutual, Presence::Online)));
    assert_eq!(story.selected(), "erin");
    story.keys("G");
    assert_eq!(story.selected(), "grace");
    story.wait(REST_TIME);
    story.keys("jg");
    assert_eq!(story.selected(), "aaron");
}

#[test]
fn enter_on_a_request_accepts_it_and_a_works_from_anywhere() {
    let mut story = Story::friends();
    story.keys("A G Enter");
    let accept = || send(Command::Accept(name("grace")));
    assert_eq!(story.asked(), [accept(), accept()]);
}

#[test]
fn adding_by_name_and_by_link() {
    let mut story = Story::friends();
    story.keys("a grace2 Enter");
    assert_eq!(story.asked(), [send(Command::Add(name("grace2")))]);
    story.tell(Event::Contact(contact("grace2", Standing::Asked, Presence::Offline)));
    assert_eq!(story.selected(), "grace2");
    let link = |key: u8| {
        let server = Fingerprint([key; 32]);
        let invite = proto::invite::Invite {
            host: "home.example".into(),
            port: 8462,
            token: Some([4; 16]),
            name: Some(name("heidi")),
            server,
        };
        invite.to_string()
    };
    story.event(Msg::Server(Fingerprint([3; 32])));
    story.keys("a");
    story.paste(&link(3));
    story.keys("Enter");
    assert_eq!(story.asked(), [send(Command::Redeem([4; 16]))]);
    story.tell(Event::Contacts(vec![contact("bob", Standing::Mutual, Presence::Online)]));
    assert_eq!(story.model.popups.len(), 1, "heidi is not in that list");
    story.tell(Event::Contact(contact("heidi", Standing::Mutual, Presence::Online)));
    assert!(story.model.popups.is_empty());
    assert_eq!(story.notice(), "heidi and you are contacts now.");
    story.keys("a");
    story.paste(&link(9));
    story.keys("Enter");
    assert_eq!(story.asked(), []);
    let Some(Popup::Add(add)) = story.model.popups.last() else { panic!("the window stays open") };
    assert!(add.problem.as_ref().unwrap().contains("another server"));
    story.keys("Esc");
    assert!(story.model.popups.is_empty());
}

#[test]
fn a_text_is_drawn_at_once_and_follows_its_fate() {
    let mut story = Story::friends();
    story.keys("Tab h Alt-Enter i? Enter");
    let text = "h\ni?".to_owned();
    assert_eq!(story.asked(), [send(Command::Say { to: name("bob"), text, echo: 0 })]);
    let state = |story: &Story| match &story.model.chats[&name("bob")].lines().next_back().unwrap().from {
        From::Me(sent) => sent.state.clone(),
        From::Them | From::Note => panic!("it is ours"),
    };
    assert_eq!(state(&story), MessageState::Waiting);
    story.tell(Event::Waiting { to: name("bob"), echo: 0, id: MsgId([8; 16]) });
    story.tell(Event::MessageState { to: name("bob"), id: MsgId([8; 16]), state: MessageState::Delivered });
    assert_eq!(state(&story), MessageState::Delivered);
    story.keys("Enter");
    assert_eq!(story.asked(), []);
}

#[test]
fn a_text_that_was_not_taken_is_a_draft_again_and_never_waits() {
    let mut story = Story::friends();
    let refused = |echo| Event::Refused {
        of: Matter::Text { to: name("bob"), echo },
        why: Why::Limit,
        text: Safe::line("the text was not sent: too many wait for bob already"),
    };
    let draft = |story: &Story| story.model.chats[&name("bob")].draft.text().to_owned();
    story.keys("Tab on e Enter");
    story.tell(refused(0));
    assert_eq!((draft(&story).as_str(), story.model.chats[&name("bob")].lines().count()), ("one", 0));
    assert!(story.notice().contains("not sent"));
    story.keys("Enter two");
    story.tell(refused(1));
    let chat = &story.model.chats[&name("bob")];
    let states: Vec<&From> = chat.lines().map(|line| &line.from).collect();
    let failed = From::Me(Sent { echo: Some(1), state: MessageState::Failed(Why::Limit) });
    assert_eq!((draft(&story).as_str(), states), ("two", vec![&failed]), "what is being written stays");
}

#[test]
fn each_contact_has_its_own_draft_and_pastes_are_never_sent() {
    let mut story = Story::friends();
    story.keys("Tab abc");
    story.keys("Esc j Tab");
    story.paste("one\ntwo\n");
    assert_eq!(story.asked(), []);
    assert_eq!(story.model.chats[&name("bob")].draft.text(), "abc");
    assert_eq!(story.model.chats[&name("carol")].draft.text(), "one\ntwo\n");
}

#[test]
fn texts_count_as_unread_until_they_were_on_the_screen() {
    let mut story = Story::friends();
    let mut id = 0;
    let mut said = |from: &str| {
        id += 1;
        Event::Said { from: name(from), id: MsgId([id; 16]), sent: START, text: Safe::line("hi") }
    };
    story.keys("g");
    story.tell(said("carol"));
    story.tell(said("bob"));
    assert_eq!(story.model.unread(), 1);
    assert_eq!(story.asked(), [Effect::Bell]);
    story.keys("n");
    assert_eq!(story.model.unread(), 0);
    story.keys("PgUp");
    story.tell(said("carol"));
    story.tell(said("carol"));
    story.keys("PgUp");
    story.tell(said("carol"));
    assert_eq!(story.model.unread(), 1, "scrolled up, the newest is not on the screen");
}

#[test]
fn what_was_not_read_in_an_earlier_run_counts_until_it_was_on_the_screen() {
    let mut story = Story::new(Some("alice"), UNICODE);
    let bob = contact("bob", Standing::Mutual, Presence::Online);
    story.event(Msg::Unread(vec![(bob.principal.clone(), 3)]));
    story.tell(Event::Contacts(vec![bob.clone()]));
    assert_eq!((story.selected(), story.model.unread()), ("bob", 3), "nobody was there yet");
    story.tell(Event::Contacts(vec![bob]));
    assert_eq!(story.model.unread(), 3, "counted once");
    story.model.one_pane = true;
    story.keys("Down Up");
    assert_eq!(story.model.unread(), 3, "the list is all there is to see");
    story.effects.clear();
    story.keys("Enter");
    assert_eq!(story.model.unread(), 0);
    assert!(story.effects.contains(&Effect::Read(name("bob"))), "{:?}", story.effects);
}

#[test]
fn what_is_being_written_is_kept_when_one_leaves_and_gone_once_it_was_sent() {
    let mut story = Story::friends();
    let draft = |who: &str, text: &str| Effect::Draft(name(who), text.to_owned());
    let kept = |story: &mut Story| {
        let effects = core::mem::take(&mut story.effects).into_iter();
        effects.filter(|effect| matches!(effect, Effect::Draft(..))).collect::<Vec<_>>()
    };
    story.keys("g Enter");
    story.paste("half a sente");
    assert_eq!(kept(&mut story), [], "not with every key");
    story.keys("Esc j");
    assert_eq!(kept(&mut story), [draft("bob", "half a sente")]);
    story.keys("k j k");
    assert_eq!(kept(&mut story), [], "once");
    story.keys("Enter Enter");
    assert_eq!(kept(&mut story), [draft("bob", "")], "sent: it must not come back");
    story.paste("another");
    story.keys("Esc j Enter");
    story.paste("  ");
    kept(&mut story);
    assert_eq!(crate::app::finish(&mut story.model), [], "bob's is kept, and spaces are nothing");
    story.paste("x");
    assert_eq!(crate::app::finish(&mut story.model), [draft("carol", "  x")]);
}

#[test]
fn what_was_being_written_in_an_earlier_run_comes_before_what_is_typed_now() {
    let mut story = Story::friends();
    let text = |story: &Story| story.model.chats[&name("bob")].draft.text().to_owned();
    story.keys("g Enter");
    story.paste("two");
    story.event(Msg::Draft(name("bob"), "one ".to_owned()));
    assert_eq!(text(&story), "one two");
    story.event(Msg::Draft(name("carol"), "x".repeat(300)));
    story.keys("Esc j Enter");
    assert_eq!(story.model.chats[&name("carol")].draft.text().len(), 300);
    story.effects.clear();
    story.keys("^u Esc k");
    let none = Effect::Draft(name("carol"), String::new());
    assert!(story.effects.contains(&none), "rubbed out: {:?}", story.effects);
}

#[test]
fn quitting_asks_only_in_a_call() {
    let mut story = Story::friends();
    story.keys("q");
    assert_eq!(story.asked(), [Effect::Quit]);
    story.live();
    story.keys("q");
    assert_eq!(story.asked(), []);
    story.wait(Duration::from_secs(3));
    story.keys("^c");
    assert_eq!(story.asked(), []);
    story.keys("^c");
    assert_eq!(story.asked(), [Effect::Quit]);
}

#[test]
fn letters_in_the_line_are_letters() {
    let mut story = Story::friends();
    story.keys("Tab qcaAD?:/");
    assert_eq!(story.asked(), []);
    assert_eq!(story.model.chats[&name("bob")].draft.text(), "qcaAD?:/");
    story.keys("F1");
    assert!(matches!(story.model.popups[..], [Popup::Help(_)]));
    story.keys("F1");
    assert_eq!(story.model.focus, Focus::Message);
}

#[test]
fn a_broken_microphone_is_said_and_the_call_goes_on() {
    let mut story = Story::friends();
    story.live();
    let why = Safe::line("the device is busy; close the other program");
    story.event(Msg::Sound(SoundEvent::Microphone(HalfState::Failed { why })));
    assert!(story.notice().contains("No microphone: the device is busy"));
    assert!(matches!(story.model.call.as_ref().unwrap().phase, Phase::Live { .. }));
}

#[test]
fn without_either_half_no_other_half_is_promised() {
    let mut story = Story::friends();
    story.live();
    let failed = || HalfState::Failed { why: Safe::line("the sound server is gone") };
    story.event(Msg::Sound(SoundEvent::Speaker(failed())));
    assert!(story.notice().ends_with("The call goes on with the other half."), "{}", story.notice());
    story.event(Msg::Sound(SoundEvent::Microphone(failed())));
    assert_eq!(
        story.notice(),
        "No microphone: the sound server is gone. The call goes on, in silence until one works."
    );
}

#[test]
fn a_device_that_takes_over_by_itself_is_named() {
    let mut story = Story::friends();
    story.live();
    let open = |name: &str| {
        let (name, opened_in) = (Safe::line(name), Duration::ZERO);
        Msg::Sound(SoundEvent::Microphone(HalfState::Open { name, opened_in, wanted: None }))
    };
    story.event(open("Headset"));
    story.model.notice = None;
    story.event(open("Headset"));
    assert_eq!(story.model.notice, None, "it is the same");
    story.event(open("Webcam"));
    assert_eq!(story.notice(), "The microphone is Webcam now.");
}

#[test]
fn only_what_changes_the_picture_is_worth_a_frame() {
    let mut story = Story::friends();
    story.live();
    story.model.dirty = false;
    let levels = |db| Msg::Sound(SoundEvent::Levels(Levels { microphone: db, speakers: vec![] }));
    story.event(levels(-20.0));
    assert!(core::mem::take(&mut story.model.moved) && !story.model.dirty, "a meter moves: that is no news");
    story.event(levels(-20.5));
    assert!(!story.model.moved && !story.model.dirty, "the same step of the meter");
    story.tell(Event::Ended { with: vec![name("bob")], reason: EndReason::HungUp });
    story.wait(Duration::from_secs(20));
    (story.model.dirty, story.model.moved) = (false, false);
    story.event(Msg::Tick);
    assert!(!story.model.dirty && !story.model.moved);
    let idle = story.model.deadline().expect("the clock") - story.now.mono;
    assert!(idle > Duration::from_secs(1) && idle <= Duration::from_secs(60));
}

#[test]
fn older_lines_are_asked_for_once_when_a_chat_is_first_shown() {
    let mut story = Story::friends();
    story.effects.clear();
    story.keys("jkj");
    assert_eq!(story.effects, [Effect::History(name("carol"))]);
}

#[test]
fn why_the_connection_failed_is_said_once_until_it_is_up_again() {
    let mut story = Story::friends();
    let refused = || Msg::Trouble(Safe::line("connection refused"));
    story.event(refused());
    assert_eq!(story.notice(), "connection refused");
    story.wait(Duration::from_secs(30));
    story.event(refused());
    assert_eq!(story.notice(), "");
    story.tell(Event::LoggedIn(name("alice")));
    story.event(refused());
    assert_eq!(story.notice(), "connection refused");
}

#[test]
fn the_next_key_that_is_named_reaches_the_contact_that_is_named() {
    let mut story = Story::with(
        UNICODE,
        vec![
            contact("alice2", Standing::Asking, Presence::Offline),
            contact("echo", Standing::Mutual, Presence::Online),
        ],
    );
    story.model.contacts.select(&name("echo"));
    story.tell(Event::Contact(contact("carol", Standing::Mutual, Presence::Online)));
    story.tell(Event::Accepted(name("carol")));
    assert_eq!(story.selected(), "echo", "the selection does not move by itself");
    assert_eq!(story.notice(), "carol and you are contacts now: choose them with j and k.");
    // The only request is accepted from anywhere in the list, and is then what the keys act on.
    story.keys("A");
    assert_eq!(story.selected(), "alice2");
    assert!(!story.notice().contains("alice2"), "said when it is so: {}", story.notice());
    story.tell(Event::Contact(contact("alice2", Standing::Mutual, Presence::Offline)));
    assert_eq!(story.notice(), "alice2 is your contact now: c calls, Enter writes.");
}

#[test]
fn escape_in_the_list_is_not_the_way_to_the_message_line() {
    let mut story = Story::friends();
    story.keys("Esc");
    assert_eq!(story.model.focus, Focus::List);
    story.keys("Space Esc");
    assert!(story.model.contacts.marked().is_empty() && story.model.focus == Focus::List);
}

#[test]
fn a_plain_server_has_no_links_to_hand_out() {
    let mut story = Story::friends();
    story.model.settings.plain_server = Some("binary");
    story.keys("a ^o");
    assert_eq!(story.asked(), []);
}
