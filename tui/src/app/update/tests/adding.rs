//! What goes with a request: written, sent, shown, and kept when it is answered.

use super::*;
use crate::app::popup::Add;
use crate::keys::{Code, Key};
use proto::client::ContactInfo;

#[test]
fn a_link_is_handed_out_while_it_is_good() {
    let mut story = Story::friends();
    story.keys("a ^o");
    assert_eq!(story.asked(), [send(Command::Invite)]);
    story.tell(Event::Invite("tincan://home.example".to_owned()));
    story.now.wall.0 += 24 * 3_600 * 1_000 - 1_000;
    story.keys("^o");
    assert!(matches!(story.asked().as_slice(), [Effect::Copy(_)]), "it is copied");
    story.now.wall.0 += 1_000;
    story.keys("^o");
    assert_eq!(story.asked(), [send(Command::Invite)], "another is made");
}

#[test]
fn a_message_goes_with_the_request() {
    let mut story = Story::friends();
    story.keys("a heidi Tab");
    story.type_in("it is alice");
    story.keys("Enter");
    let greet = |text: &str| send(Command::Greet { to: name("heidi"), text: text.into() });
    assert_eq!(story.asked(), [greet("it is alice")]);
    asked(&mut story, "heidi");
    assert!(story.model.popups.is_empty());
    assert_eq!(story.notice(), "heidi is asked to be your contact, with your message.");
    assert_eq!(story.selected(), "heidi");
    // The lines can be written in any order, and an empty message is none.
    story.keys("a Down hello Up ivan Enter");
    assert_eq!(story.asked(), [send(Command::Greet { to: name("ivan"), text: "hello".into() })]);
    asked(&mut story, "ivan");
    story.keys("a judy Tab");
    story.type_in("  ");
    story.keys("Enter");
    assert_eq!(story.asked(), [send(Command::Add(name("judy")))]);
}

fn asked(story: &mut Story, who: &str) {
    story.tell(Event::Contact(contact(who, Standing::Asked, Presence::Offline)));
}

fn window(story: &Story) -> &Add {
    let Some(Popup::Add(add)) = story.model.popups.last() else { panic!("the window is open") };
    add
}

/// Whoever misspelled a name goes on typing: none of that may be commands of the list, and the message is kept.
#[test]
fn the_window_stays_until_the_server_has_answered_and_a_refusal_loses_nothing() {
    let mut story = Story::friends();
    story.keys("a hiedi Tab hello Enter");
    assert_eq!(story.asked(), [send(Command::Greet { to: name("hiedi"), text: "hello".into() })]);
    story.keys("Enter");
    assert_eq!(story.asked(), [], "asked once");
    let no = |of| Event::Refused { of, why: Why::NoSuchUser, text: Safe::line("nobody is called so") };
    for other in [Matter::Contact(name("bob")), Matter::Redeem, Matter::Call] {
        story.tell(no(other));
        assert!(window(&story).asking.is_some() && window(&story).problem.is_none());
    }
    story.keys("F1");
    story.tell(no(Matter::Contact(name("hiedi"))));
    story.keys("Esc");
    assert_eq!(window(&story).problem.as_deref(), Some("nobody is called so"));
    // The name is what is to be mended.
    story.keys("^u heidi Enter");
    assert_eq!(story.asked(), [send(Command::Greet { to: name("heidi"), text: "hello".into() })]);
    story.tell(Event::Link(LinkState::Away { retry_in: Duration::from_secs(1) }));
    assert!(window(&story).problem.as_ref().unwrap().contains("Enter asks again"));
    story.tell(Event::Link(LinkState::Online));
    story.keys("Enter");
    assert_eq!(story.asked(), [send(Command::Greet { to: name("heidi"), text: "hello".into() })]);
    // Who does not want to wait does not have to.
    story.keys("Esc");
    assert!(story.model.popups.is_empty());
    story.tell(no(Matter::Contact(name("heidi"))));
    assert_eq!(story.notice(), "nobody is called so");
}

#[test]
fn the_keys_go_to_the_line_that_is_wrong() {
    let mut story = Story::friends();
    story.keys("a Tab hello Enter");
    assert!(!window(&story).in_message && window(&story).problem.is_some());
    story.keys("heidi");
    assert_eq!(window(&story).who.text(), "heidi");
    story.key(Key { mods: crate::keys::Mods::SHIFT, ..Key::press(Code::Tab) });
    assert!(window(&story).in_message, "Shift-Tab goes to the other line, too");
}

#[test]
fn a_message_that_is_too_long_is_said_to_be_and_nothing_is_lost() {
    let mut story = Story::friends();
    story.keys("a heidi Tab");
    story.paste(&"\u{e9}".repeat(140));
    story.type_in("!");
    story.keys("Enter");
    assert_eq!(story.asked(), []);
    let Some(Popup::Add(add)) = story.model.popups.last() else { panic!("the window stays open") };
    assert!(add.problem.as_ref().unwrap().contains("141 characters; 140 go"), "{:?}", add.problem);
    story.keys("Backspace Enter");
    assert_eq!(story.asked(), [send(Command::Greet { to: name("heidi"), text: "\u{e9}".repeat(140) })]);
    asked(&mut story, "heidi");
    story.keys("a heidi Tab");
    story.paste(&"x".repeat(600));
    let Some(Popup::Add(add)) = story.model.popups.last() else { panic!("the window stays open") };
    assert_eq!(add.message.text(), "");
    assert!(story.model.notice.as_ref().unwrap().text.contains("140"));
}

#[test]
fn a_link_takes_no_message_and_a_plain_server_has_none() {
    let mut story = Story::friends();
    story.keys("a Tab hello Tab");
    let server = Fingerprint([3; 32]);
    let invite = proto::invite::Invite {
        host: "home.example".into(),
        port: 8462,
        token: Some([4; 16]),
        name: Some(name("heidi")),
        server,
    };
    story.paste(&invite.to_string());
    story.keys("Enter");
    assert_eq!(story.asked(), []);
    let Some(Popup::Add(add)) = story.model.popups.last() else { panic!("the window stays open") };
    assert!(add.problem.as_ref().unwrap().contains("no message goes with it"));
    story.keys("^u Enter");
    assert_eq!(story.asked(), [send(Command::Redeem([4; 16]))]);
    story.keys("Esc");
    story.model.settings.plain_server = Some("plain binary");
    story.keys("a Tab bob2 Enter");
    assert_eq!(story.asked(), [send(Command::Add(name("bob2")))]);
}

#[test]
fn what_they_said_opens_the_chat_once_they_are_accepted() {
    let mut story = Story::friends();
    let asking = ContactInfo {
        greeting: Some(Safe::line("we met")),
        ..contact("heidi", Standing::Asking, Presence::Offline)
    };
    story.tell(Event::Contact(asking));
    story.tell(Event::Request(name("heidi")));
    story.tell(Event::Greeting { from: name("heidi"), text: Safe::line("we met") });
    let lines = |story: &Story| -> Vec<String> {
        let chat = story.model.chats.get(&name("heidi"));
        chat.map(|chat| chat.lines().map(|line| line.text.to_string()).collect()).unwrap_or_default()
    };
    assert!(lines(&story).is_empty(), "a request is no chat");
    story.tell(Event::Contact(contact("heidi", Standing::Mutual, Presence::Online)));
    assert_eq!(lines(&story), ["with the request: we met"]);
    // Said once: another word about them does not say it again.
    story.tell(Event::Contact(contact("heidi", Standing::Mutual, Presence::Offline)));
    assert_eq!(lines(&story).len(), 1);
    // Our yes may overtake it.
    story.tell(Event::Greeting { from: name("bob"), text: Safe::line("late") });
    let bob = story.model.chats[&name("bob")].lines().next_back().unwrap().text.clone();
    assert_eq!(bob.as_str(), "with the request: late");
}
