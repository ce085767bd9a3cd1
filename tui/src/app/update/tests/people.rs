//! Stories of the list: who comes first, what they are called, who wrote.

use proto::Wall;
use proto::client::Event;
use proto::id::MsgId;
use proto::wire::record::{Presence, Standing};

use super::*;
use crate::app::personal::Personal;
use crate::app::story::guest;

impl Story {
    fn order(&self) -> Vec<String> {
        self.model.contacts.contacts().iter().map(|contact| contact.name.to_string()).collect()
    }

    fn writes(&mut self, who: &str, id: u8) {
        let text = Safe::line("hello");
        self.tell(Event::Said { from: name(who), id: MsgId([id; 16]), sent: Wall(1), text });
    }
}

#[test]
fn favourites_come_first_then_who_wrote_then_who_is_there() {
    let mut story = Story::friends();
    assert_eq!(story.order(), ["bob", "carol", "erin"]);
    story.writes("erin", 1);
    assert_eq!(story.order(), ["erin", "bob", "carol"]);
    assert_eq!(story.selected(), "bob", "nobody else is chosen because the order changed");
    assert_eq!(story.asked(), [Effect::Bell]);
    story.keys("jf");
    let carol = contact("carol", Standing::Mutual, Presence::Online);
    let favourite = Personal { alias: None, favourite: true };
    assert_eq!(story.asked(), [Effect::Keep(carol.principal, favourite)]);
    assert_eq!(story.order(), ["erin", "bob", "carol"], "nobody moves under a moving finger");
    story.wait(REST_TIME);
    assert_eq!(story.order(), ["carol", "erin", "bob"]);
    assert_eq!(story.selected(), "carol");
    story.keys("f");
    story.wait(REST_TIME);
    assert_eq!(story.order(), ["erin", "bob", "carol"]);
}

#[test]
fn what_was_kept_is_of_a_key_and_not_of_a_name() {
    let mut story = Story::friends();
    let erin = contact("erin", Standing::Mutual, Presence::Offline);
    let kept = Personal { alias: Some(Safe::line("Sis")), favourite: true };
    story.event(Msg::Personal(vec![(erin.principal, kept)]));
    assert_eq!(story.order()[0], "erin");
    assert_eq!(story.model.shown(&name("erin")), "Sis");
    assert_eq!(story.model.in_full(&name("erin")), "Sis (erin)");
    story.tell(Event::Gone(name("erin")));
    story.tell(Event::Contact(guest("erin")));
    assert_eq!(story.model.in_full(&name("erin")), "~erin", "another erin has none of it");
}

#[test]
fn a_name_of_our_own_is_kept_unless_it_is_somebody_elses() {
    let mut story = Story::friends();
    story.keys("R carol Enter");
    let Some(Popup::Rename(window)) = story.model.popups.last() else { panic!("still open") };
    assert_eq!(window.problem.as_deref(), Some("carol is called so already."));
    assert_eq!(story.asked(), []);
    story.keys("^u Bobby Enter");
    let bob = contact("bob", Standing::Mutual, Presence::Online).principal;
    let kept = |alias: Option<&str>| Personal { alias: alias.map(Safe::line), favourite: false };
    assert_eq!(story.asked(), [Effect::Keep(bob.clone(), kept(Some("Bobby")))]);
    assert_eq!(story.model.shown(&name("bob")), "Bobby");
    story.keys("R ^u Enter");
    assert_eq!(story.asked(), [Effect::Keep(bob, kept(None))]);
    assert_eq!(story.model.shown(&name("bob")), "bob");
}

#[test]
fn n_goes_to_whoever_wrote_and_around() {
    let mut story = Story::friends();
    story.keys("n");
    assert_eq!(story.notice(), "Everything is read.");
    story.writes("carol", 1);
    story.writes("erin", 2);
    story.keys("n");
    assert_eq!(story.selected(), "carol");
    story.keys("n");
    assert_eq!(story.selected(), "erin");
    assert_eq!(story.model.unread(), 0);
}

#[test]
fn whoever_takes_a_name_gets_a_chat_of_their_own() {
    let mut story = Story::friends();
    story.writes("bob", 1);
    story.tell(Event::Gone(name("bob")));
    story.tell(Event::Contact(guest("bob")));
    assert_eq!(story.model.chats[&name("bob")].lines().count(), 0);
}

// --- finding ---

#[test]
fn a_few_letters_find_somebody_and_esc_leaves_all_as_it_was() {
    let mut story = Story::friends();
    story.writes("carol", 1);
    story.keys("/");
    story.type_in("ca");
    assert_eq!(story.selected(), "bob", "nobody is chosen, and nothing read, before Enter");
    assert_eq!(story.model.unread(), 1);
    story.keys("Esc");
    assert_eq!((story.selected(), story.model.unread()), ("bob", 1));
    assert!(story.model.find.is_none());
    story.keys("/");
    story.type_in("gra");
    story.keys("Enter");
    assert_eq!(story.selected(), "grace", "requests are found, too");
    story.keys("/");
    story.type_in("zzz");
    story.keys("Enter");
    assert_eq!((story.selected(), story.notice()), ("grace", "Nobody is called so."));
}

#[test]
fn whoever_is_called_otherwise_is_found_by_both_names() {
    let mut story = Story::friends();
    let erin = contact("erin", Standing::Mutual, Presence::Offline);
    story.event(Msg::Personal(vec![(
        erin.principal,
        Personal { alias: Some(Safe::line("Sis")), favourite: false },
    )]));
    for query in ["sis", "eri"] {
        story.keys("g /");
        story.type_in(query);
        story.keys("Enter");
        assert_eq!(story.selected(), "erin", "{query}");
    }
}

/// A text that is being written to somebody who goes must not reach whoever is next in the list.
#[test]
fn when_the_chosen_one_goes_nobody_takes_their_place() {
    let mut story = Story::friends();
    story.keys("Enter hello");
    story.tell(Event::Gone(name("bob")));
    assert_eq!(story.notice(), "bob is in your list no more. Esc leads back to the list.");
    story.keys("quick Enter");
    assert_eq!(story.asked(), [], "neither sent nor taken for commands");
    assert_eq!(story.notice(), "Nobody is chosen. Esc leads back to the list.");
    story.keys("Esc c D b");
    assert_eq!(story.asked(), []);
    assert!(story.model.contacts.leaving().is_none() && story.model.block_asked.is_none());
    assert_eq!(story.notice(), "Nobody is chosen. j and k choose somebody.");
    // Somebody who comes is not chosen by that either; j takes whoever is in that place now.
    story.tell(Event::Contact(contact("zoe", Standing::Mutual, Presence::Offline)));
    assert!(story.model.contacts.selected().is_none());
    story.keys("j");
    assert_eq!(story.selected(), "carol");
    story.keys("j k");
    assert_eq!(story.selected(), "carol", "then by one as ever");
    // The same when the whole list comes anew.
    story.tell(Event::Contacts(vec![contact("zoe", Standing::Mutual, Presence::Online)]));
    assert_eq!(story.notice(), "carol is in your list no more. j and k choose somebody.");
    story.keys("k");
    assert_eq!(story.selected(), "zoe");
    story.tell(Event::Gone(name("zoe")));
    assert_eq!(story.notice(), "zoe is in your list no more.");
    story.keys("c");
    assert_eq!(story.notice(), "The list is empty: a adds a contact.");
    story.tell(Event::Contact(contact("ivan", Standing::Mutual, Presence::Online)));
    story.keys("k");
    assert_eq!(story.selected(), "ivan");
}

/// A text to somebody who has not accepted would be refused: no key leads to a line in which it could be written.
#[test]
fn whoever_has_not_accepted_is_not_written_to_and_it_is_said_what_can_be_done() {
    let mut story = Story::friends();
    story.tell(Event::Contact(contact("zoe", Standing::Asked, Presence::Offline)));
    let waits = "zoe has not accepted yet: then you can write. D takes your request back.";
    story.keys("jjj Enter");
    assert_eq!((story.selected(), story.notice()), ("zoe", waits));
    assert_eq!(story.model.focus, Focus::List);
    story.model.notice = None;
    story.keys("Tab");
    assert_eq!((story.notice(), story.model.focus), (waits, Focus::List));
    story.keys("j Tab");
    assert_eq!(story.selected(), "grace");
    assert_eq!(story.notice(), "grace waits for your answer: A accepts, then you can write.");
    // It can be taken back as it was said, and be wanted again.
    story.keys("k D");
    assert_eq!(story.notice(), "zoe is asked no more. u takes it back, for 10 s.");
    story.keys("u Enter");
    assert_eq!(story.notice(), waits);
    story.tell(Event::Contact(contact("zoe", Standing::Mutual, Presence::Online)));
    story.keys("Enter hello");
    // They take it back while we write: what was written stays.
    story.tell(Event::Contact(contact("zoe", Standing::Asked, Presence::Offline)));
    story.keys("Enter");
    assert_eq!(story.notice(), waits);
    assert_eq!(story.model.chats.get(&name("zoe")).map(|chat| chat.draft.text()), Some("hello"));
    story.tell(Event::Contact(contact("zoe", Standing::Mutual, Presence::Online)));
    story.keys("Enter");
    let text = "hello".to_owned();
    assert_eq!(story.asked(), [send(Command::Say { to: name("zoe"), text, echo: 0 })]);
}

/// D acts on whoever is chosen: it must not be named as the answer to somebody else.
#[test]
fn a_request_names_the_keys_that_answer_it() {
    let mut story = Story::friends();
    story.tell(Event::Gone(name("grace")));
    let asks = |story: &mut Story, who: &str| {
        story.tell(Event::Contact(contact(who, Standing::Asking, Presence::Offline)));
        story.tell(Event::Request(name(who)));
    };
    asks(&mut story, "heidi");
    assert_eq!(story.notice(), "heidi asks to be your contact: A accepts, j and k choose them.");
    asks(&mut story, "ivan");
    assert_eq!(story.notice(), "ivan asks to be your contact: j and k choose them.");
    story.keys("Enter");
    asks(&mut story, "ivan");
    assert_eq!(story.notice(), "ivan asks to be your contact: they wait in the list.");
    story.keys("Esc G");
    asks(&mut story, "ivan");
    assert_eq!(story.notice(), "ivan asks to be your contact: A accepts, D rejects.");
    story.keys("D");
    assert_eq!(story.notice(), "ivan is rejected. u takes it back, for 10 s.");
}

/// The footer is hidden by what happened; where other keys count they must be seen.
#[test]
fn what_was_told_makes_way_for_the_keys_of_another_place() {
    let mut story = Story::friends();
    story.keys("f");
    assert!(story.notice().contains("bob"));
    story.keys("j");
    story.wait(Duration::from_millis(1_900));
    story.keys("Enter");
    assert_ne!(story.notice(), "", "it has only just been said");
    story.wait(Duration::from_millis(200));
    story.keys("Esc");
    assert_eq!(story.notice(), "");
    // As long as somebody can come back it is said how.
    story.keys("D");
    story.wait(Duration::from_millis(9_900));
    assert!(story.notice().contains("u takes it back"));
    story.wait(Duration::from_millis(200));
    assert_eq!(story.notice(), "");
}
