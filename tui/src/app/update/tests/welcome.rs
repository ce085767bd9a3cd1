//! Stories of the first run, and of a server that is not the one it was.

use super::*;

#[test]
fn a_server_that_asks_to_wait_is_quoted_where_one_waits() {
    let mut story = Story::new(None, UNICODE);
    story.tell(Event::NameWanted);
    story.keys("Enter");
    let text = Safe::line("too many new accounts from your network; wait a minute");
    story.tell(Event::Refused { of: Matter::Login, why: Why::TooFast, text });
    let Stage::Welcome(welcome) = &story.model.stage else { panic!("it waits") };
    assert!(welcome.problem.as_deref().is_some_and(|words| words.contains("wait a minute")));
    assert!(welcome.chosen.is_some(), "the name is not asked for again");
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
fn a_changed_server_key_is_the_end() {
    let mut story = Story::friends();
    story.tell(Event::ServerKeyChanged { pinned: Fingerprint([1; 32]), shown: Fingerprint([2; 32]) });
    story.keys("c a Enter y");
    assert_eq!(story.asked(), []);
    story.keys("q");
    assert_eq!(story.asked(), [Effect::Quit]);
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
