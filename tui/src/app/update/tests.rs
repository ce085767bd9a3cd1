//! Stories: what the model is at, which keys are pressed, what it is at then, and what was asked of the world.

use proto::client::{Command, EndReason, Event, LinkState, Matter, MessageState};
use proto::id::{Fingerprint, MsgId, Name, Ssrc};
use proto::media::{HalfState, Levels, SoundCommand, SoundEvent};
use proto::wire::record::{Presence, Standing, Why};
use proto::{Safe, Time};

use super::*;
use crate::app::call::{INCOMING_GUARD, Phase};
use crate::app::chat::From;
use crate::app::contacts::{REST_TIME, UNDO_TIME};
use crate::app::model::{Focus, Stage};
use crate::app::popup::Popup;
use crate::app::story::{START, Story, UNICODE, contact, name};

mod adding;
mod alert;
mod asked;
mod calls;
mod outside;
mod palette;
mod people;
mod ptt;
mod removal;
mod ring;
mod settings;
mod tools;
mod trust;

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

    /// What was asked of the world since the last look, beside older lines to show.
    fn asked(&mut self) -> Vec<Effect> {
        let effects = core::mem::take(&mut self.effects);
        effects.into_iter().filter(|effect| !matches!(effect, Effect::History(_))).collect()
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
fn one_enter_trusts_the_server_and_takes_the_name() {
    let mut story = Story::new(None, UNICODE);
    story.tell(Event::Link(LinkState::Online));
    story.tell(Event::ServerKeyUnknown(Fingerprint([3; 32])));
    story.keys("Enter");
    assert_eq!(story.asked(), [send(Command::TrustServer)]);
    story.tell(Event::NameWanted);
    assert_eq!(story.asked(), [send(Command::Join(name("alice")))]);
    story.tell(Event::LoggedIn(name("alice")));
    assert_eq!(story.model.stage, Stage::Main);
}

#[test]
fn a_taken_name_can_be_changed_and_letters_are_text() {
    let mut story = Story::new(None, UNICODE);
    story.tell(Event::NameWanted);
    story.keys("Enter");
    story.asked();
    story.tell(Event::LoginRefused { why: Why::NameTaken, text: Safe::line("taken") });
    story.keys("q2 Enter");
    assert_eq!(story.asked(), [send(Command::Join(name("aliceq2")))]);
}

#[test]
fn a_bad_name_is_explained_and_not_sent() {
    let mut story = Story::new(None, UNICODE);
    story.tell(Event::NameWanted);
    story.keys("^u 1 Enter");
    assert_eq!(story.asked(), []);
    let Stage::Welcome(welcome) = &story.model.stage else { panic!("still on the first run") };
    assert!(welcome.problem.as_ref().unwrap().contains("at least one letter"));
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
    story.tell(said("carol"));
    story.tell(said("bob"));
    assert_eq!(story.model.unread(), 1);
    assert_eq!(story.asked(), [Effect::Bell, Effect::Bell]);
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
    assert!(story.notice().contains("no microphone: the device is busy"));
    assert!(matches!(story.model.call.as_ref().unwrap().phase, Phase::Live { .. }));
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
fn a_changed_server_key_is_the_end() {
    let mut story = Story::friends();
    story.tell(Event::ServerKeyChanged { pinned: Fingerprint([1; 32]), shown: Fingerprint([2; 32]) });
    story.keys("c a Enter y");
    assert_eq!(story.asked(), []);
    story.keys("q");
    assert_eq!(story.asked(), [Effect::Quit]);
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
fn a_server_that_hangs_up_on_the_nameless_is_no_trouble() {
    let mut story = Story::new(None, UNICODE);
    let problem = |story: &Story| match &story.model.stage {
        Stage::Welcome(welcome) => welcome.problem.clone(),
        Stage::Main | Stage::Stop { .. } => panic!("still on the first run"),
    };
    story.event(Msg::Trouble(Safe::line("connection refused")));
    assert_eq!(problem(&story).as_deref(), Some("connection refused"), "it was never reached");
    story.tell(Event::Link(LinkState::Online));
    assert_eq!(problem(&story), None);
    story.tell(Event::NameWanted);
    story.event(Msg::Trouble(Safe::line("lost the connection")));
    assert_eq!(problem(&story), None);
    story.tell(Event::Link(LinkState::Away { retry_in: Duration::from_secs(1) }));
    story.keys("Enter");
    story.tell(Event::Link(LinkState::Online));
    story.tell(Event::NameWanted);
    assert_eq!(story.asked().last(), Some(&send(Command::Join(name("alice")))));
}

#[test]
fn the_first_letter_replaces_the_proposed_name() {
    let mut story = Story::new(None, UNICODE);
    let typed = |story: &Story| match &story.model.stage {
        Stage::Welcome(welcome) => welcome.name.text().to_owned(),
        Stage::Main | Stage::Stop { .. } => panic!("still on the first run"),
    };
    story.keys("bob");
    assert_eq!(typed(&story), "bob");
    let mut story = Story::new(None, UNICODE);
    story.keys("^e 2");
    assert_eq!(typed(&story), "alice2", "whoever edits it keeps it");
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
