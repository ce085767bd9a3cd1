//! Stories of texts: whom they go to, and what of theirs was read.

use super::*;

#[test]
fn what_was_not_read_is_said_once_and_is_read_when_all_of_it_is_lines() {
    let mut story = Story::new(true, None);
    let bob = contact("bob", Standing::Mutual, Presence::Online);
    let (from, read) = (name("bob"), Effect::Read(name("bob")));
    let line = |n: u8, from| Line { id: Some(MsgId([n; 16])), when: START, from, text: Safe::line("hi") };
    story.event(Msg::Unread(vec![(bob.principal.clone(), 2)]));
    // Who is there is told before the list is.
    let said =
        story.tell(Event::Contact(bob.clone())) + "\n" + &story.tell(Event::Contacts(vec![bob.clone()]));
    let unread = "bob wrote 2 texts that you have not read: /to bob, then /history 2.";
    assert!(said.lines().any(|line| line == unread), "{said}");
    assert_eq!(story.tell(Event::Contacts(vec![bob])), "");
    let (id, text) = (MsgId([9; 16]), Safe::line("again"));
    story.tell(Event::Said { from: from.clone(), id, sent: START, text });
    story.typed("/to bob");
    story.typed("/history 1");
    assert!(!story.effects.contains(&read), "one of them was not said: {:?}", story.effects);
    story.event(Msg::History(from.clone(), vec![line(1, From::Them), line(2, From::Them)]));
    story.typed("/history 3");
    assert_eq!(story.effects.last(), Some(&read));
    story.effects.clear();
    let (id, text) = (MsgId([10; 16]), Safe::line("and again"));
    story.tell(Event::Said { from, id, sent: START, text });
    assert!(story.effects.contains(&read));
}

#[test]
fn a_text_goes_out_whatever_else_is_to_be_decided() {
    let say = |echo| send(Command::Say { to: name("bob"), text: "hello".into(), echo });
    let mut story = Story::friends();
    story.typed("/to bob");
    story.asked();
    story.tell(Event::IdentityChanged(name("carol")));
    story.typed("hello");
    assert_eq!(story.asked(), say(0), "another key of carol's is between us and carol");
    story.typed("/call gina");
    story.tell(Event::PlainUnconfirmed(vec![name("gina")]));
    story.asked();
    story.typed("/say bob hello");
    assert_eq!(story.asked(), say(1), "so is whether a call may be without encryption");
    story.typed("yes");
    assert_eq!(
        story.asked().first(),
        Some(&Effect::Send(Command::AllowPlain(name("gina")))),
        "and is asked still"
    );
}

#[test]
fn texts_go_to_whom_one_writes_to_and_to_nobody_by_accident() {
    let mut story = Story::friends();
    assert_eq!(story.typed("hello"), "To whom? Type /to NAME first, or /help.");
    assert!(story.typed("/to gina").contains("no texts"));
    assert!(story.typed("/to grace").contains("/accept grace, then you can write"));
    story.typed("/to bob");
    story.tell(Event::Said {
        from: name("carol"),
        id: MsgId([1; 16]),
        sent: START,
        text: Safe::line("psst"),
    });
    story.asked();
    assert_eq!(story.typed(" hello  bob"), "");
    let say = |to: &str, text: &str, echo| send(Command::Say { to: name(to), text: text.into(), echo });
    assert_eq!(story.asked(), say("bob", "hello  bob", 0));
    assert!(story.prose.is_waiting());
    story.tell(Event::Waiting { to: name("bob"), echo: 0, id: MsgId([2; 16]) });
    let state = MessageState::Delivered;
    assert_eq!(story.tell(Event::MessageState { to: name("bob"), id: MsgId([2; 16]), state }), "");
    assert!(!story.prose.is_waiting());
    // However the command is written, it is one.
    story.typed("/Say carol /x");
    assert_eq!(story.asked(), say("carol", "/x", 1));
    story.typed("//etc");
    assert_eq!(story.asked(), say("bob", "/etc", 2));
    let long = "x".repeat(proto::limits::TEXT_BYTES_MAX + 1);
    assert!(story.typed(&long).contains("too long"));
    assert_eq!(story.asked(), []);
    story.typed("/say erin are you there");
    let said = story.tell(Event::Waiting { to: name("erin"), echo: 3, id: MsgId([3; 16]) });
    assert_eq!(said, "erin is not connected: what you write waits for them.");
    let said = story.typed("/history 9");
    assert!(said.contains("14:32 alice: hello  bob\n") && said.contains("alice: /etc (waits)"), "{said}");
}
