//! What goes with a request: written, sent, shown, and kept when it is answered.

use super::*;
use proto::client::ContactInfo;

#[test]
fn a_message_goes_with_the_request() {
    let mut story = Story::friends();
    story.keys("a heidi Tab");
    story.type_in("it is alice");
    story.keys("Enter");
    let greet = |text: &str| send(Command::Greet { to: name("heidi"), text: text.into() });
    assert_eq!(story.asked(), [greet("it is alice")]);
    assert!(story.model.popups.is_empty());
    story.tell(Event::Contact(contact("heidi", Standing::Asked, Presence::Offline)));
    assert_eq!(story.selected(), "heidi");
    // The lines can be written in any order, and an empty message is none.
    story.keys("a Down hello Up ivan Enter");
    assert_eq!(story.asked(), [send(Command::Greet { to: name("ivan"), text: "hello".into() })]);
    story.keys("a ivan Tab");
    story.type_in("  ");
    story.keys("Enter");
    assert_eq!(story.asked(), [send(Command::Add(name("ivan")))]);
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
    story.keys("Tab ^u Enter");
    assert_eq!(story.asked(), [send(Command::Redeem([4; 16]))]);
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
