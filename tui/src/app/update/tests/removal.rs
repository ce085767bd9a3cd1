//! Stories of who is taken out of the list, and taken back.

use super::*;
use crate::limits::REMOVALS_MAX;

#[test]
fn a_removal_waits_ten_seconds_and_can_be_taken_back() {
    let mut story = Story::friends();
    story.keys("D");
    assert_eq!(story.selected(), "carol");
    assert_eq!(story.model.contacts.contacts().len(), 2);
    story.wait(UNDO_TIME / 2);
    story.keys("u");
    assert_eq!(story.selected(), "bob");
    story.wait(UNDO_TIME);
    assert_eq!(story.asked(), [], "taken back is taken back");
    assert_eq!(story.model.contacts.contacts().len(), 3);
    story.keys("D");
    story.wait(UNDO_TIME);
    assert_eq!(story.asked(), [send(Command::Remove(name("bob")))]);
    story.keys("G D");
    assert_eq!(finish(&mut story.model), [send(Command::Reject(name("grace")))]);
}

#[test]
fn each_removal_has_its_own_ten_seconds_and_the_last_comes_back_first() {
    let mut story = Story::friends();
    story.keys("D");
    story.wait(Duration::from_secs(3));
    story.keys("D");
    assert_eq!(story.notice(), "carol is removed. u takes it back, for 10 s.");
    assert_eq!(story.asked(), [], "the first can be taken back still");
    story.wait(Duration::from_secs(2));
    story.keys("u");
    assert_eq!((story.selected(), story.notice()), ("carol", "carol stays. u takes bob back, for 5 s."));
    story.wait(Duration::from_millis(4_900));
    assert_eq!(story.notice(), "carol stays. u takes bob back, for 5 s.", "as long as it is true");
    story.keys("u");
    assert_eq!((story.selected(), story.notice()), ("bob", "bob stays."));
    story.keys("u");
    assert_eq!(story.notice(), "There is nothing to take back.");
    story.wait(UNDO_TIME);
    assert_eq!(story.asked(), []);
    // Each goes when its own time is up, and the program wakes for it.
    story.keys("D");
    story.wait(Duration::from_secs(4));
    story.keys("D");
    story.wait(Duration::from_secs(4));
    assert!(story.model.deadline().is_some_and(|due| due <= story.now.mono + Duration::from_secs(2)));
    story.wait(Duration::from_secs(2));
    assert_eq!(story.asked(), [send(Command::Remove(name("bob")))]);
    assert_eq!(story.model.contacts.leaving().map(|leaving| leaving.name.as_str()), Some("carol"));
    story.wait(Duration::from_secs(4));
    assert_eq!(story.asked(), [send(Command::Remove(name("carol")))]);
}

#[test]
fn of_too_many_removals_the_oldest_is_final_and_the_end_of_the_program_does_the_rest() {
    let friend = |n| contact(&format!("u{n:02}"), Standing::Mutual, Presence::Offline);
    let mut story = Story::with(UNICODE, (0..=REMOVALS_MAX).map(friend).collect());
    (0..REMOVALS_MAX).for_each(|_| story.keys("D"));
    assert_eq!(story.asked(), []);
    story.keys("D");
    assert_eq!(story.asked(), [send(Command::Remove(friend(0).name))]);
    assert!(story.model.contacts.is_empty());
    story.keys("u");
    assert_eq!(story.selected(), friend(REMOVALS_MAX).name.as_str());
    let rest: Vec<Effect> = (1..REMOVALS_MAX).map(|n| send(Command::Remove(friend(n).name))).collect();
    assert_eq!(finish(&mut story.model), rest);
}

#[test]
fn who_goes_by_themselves_is_not_brought_back() {
    let mut story = Story::friends();
    story.keys("DD");
    story.tell(Event::Gone(name("carol")));
    story.keys("u");
    assert_eq!(story.notice(), "bob stays.");
    story.keys("D");
    let erin = contact("erin", Standing::Mutual, Presence::Offline);
    story.tell(Event::Contacts(vec![erin]));
    story.keys("u");
    assert_eq!(story.notice(), "There is nothing to take back.");
    story.wait(UNDO_TIME);
    assert_eq!(story.asked(), []);
}

#[test]
fn a_removal_that_the_server_refuses_is_seen_and_said() {
    let mut story = Story::friends();
    story.keys("D");
    story.wait(UNDO_TIME);
    assert_eq!(story.asked(), [send(Command::Remove(name("bob")))]);
    assert!(story.model.contacts.get(&name("bob")).is_none());
    let text = Safe::line("cannot remove bob, so they stay in your list: too many requests");
    story.tell(Event::Refused { of: Matter::Contact(name("bob")), why: Why::TooFast, text });
    story.tell(Event::Contact(contact("bob", Standing::Mutual, Presence::Online)));
    assert!(story.model.contacts.contacts().iter().any(|contact| contact.name == name("bob")));
    assert!(story.notice().contains("they stay in your list"), "{}", story.notice());
    assert_eq!(story.selected(), "carol", "nobody is chosen by that");
}
