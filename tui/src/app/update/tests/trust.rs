//! Stories of keys: compared, changed, blocked.

use proto::client::{Banned, Compared, ContactInfo};
use proto::id::Principal;

use super::*;
use crate::app::personal::Personal;
use crate::app::story::guest;
use crate::app::trust::{BLOCK_TIME, Words};

const NEW: Principal = Principal::Key(Fingerprint([9; 32]));

impl Story {
    fn bob(&self) -> ContactInfo {
        self.model.contacts.get(&name("bob")).unwrap().clone()
    }

    /// The key behind bob's name is another one.
    fn changed() -> Self {
        let mut story = Self::friends();
        let bob = ContactInfo { blocked: true, replaced_by: Some(NEW), ..story.bob() };
        story.tell(Event::Contact(bob));
        story.tell(Event::IdentityChanged(name("bob")));
        story.effects.clear();
        story
    }

    fn words(&self) -> Words {
        let Some(Popup::Verify(window)) = self.model.popups.last() else { panic!("no window to compare") };
        window.words
    }
}

#[test]
fn what_matches_is_said_of_the_contact() {
    let mut story = Story::friends();
    let Principal::Key(key) = story.bob().principal else { panic!("bob has a key") };
    story.keys("s");
    assert_eq!(story.words(), Words::NoCall);
    assert_eq!(story.asked(), []);
    story.keys("y");
    assert_eq!(story.asked(), [send(Command::Verify { name: name("bob"), key, matches: true })]);
    assert!(story.model.popups.is_empty());
    assert_eq!(story.model.notice, None, "said when it counts, which the machine decides");
    let bob = story.bob();
    story.tell(Event::Contact(ContactInfo { verified: Some(proto::Wall(9)), ..bob.clone() }));
    assert_eq!(story.notice(), "bob is verified: this key is theirs.");
    story.keys("s n");
    assert_eq!(story.asked(), [send(Command::Verify { name: name("bob"), key, matches: false })]);
    let texts = |story: &Story| story.model.chats[&name("bob")].lines().count();
    let before = texts(&story);
    for _ in 0..2 {
        story.tell(Event::Contact(ContactInfo { differs: true, blocked: true, ..bob.clone() }));
        assert!(story.notice().starts_with("bob is not who they seem"), "{}", story.notice());
        assert_eq!(texts(&story), before + 1, "a note of it, once");
    }
    story.tell(Event::Contact(bob));
    story.model.notice = None;
    story.keys("s Esc");
    assert!(story.asked().is_empty() && story.model.popups.is_empty(), "later is no answer");
}

#[test]
fn in_a_call_words_are_asked_for_and_shown() {
    let mut story = Story::friends();
    story.live();
    story.keys("^g s");
    assert_eq!(story.asked(), [send(Command::Compare(name("bob")))]);
    assert_eq!(story.words(), Words::Waiting);
    let compared = Compared::Words(["otter", "candle", "harvest", "violin"]);
    story.tell(Event::Compared { who: name("carol"), compared });
    assert_eq!(story.words(), Words::Waiting, "not somebody else's");
    story.tell(Event::Compared { who: name("bob"), compared });
    assert_eq!(story.words(), Words::Told(compared));
    story.keys("Esc");
    story.tell(Event::Compared { who: name("bob"), compared });
    assert!(story.notice().contains("compares words with you"));
    assert!(story.model.popups.is_empty(), "no window opens by itself");
}

#[test]
fn who_has_no_key_cannot_be_verified() {
    let mut story = Story::friends();
    story.tell(Event::Contact(guest("gina")));
    story.model.contacts.select(&name("gina"));
    story.keys("s");
    assert!(story.model.popups.is_empty() && story.notice().contains("no key"));
}

/// Nothing goes out, whatever is tried, and one key decides nothing.
#[test]
fn a_changed_key_stops_everything_until_its_name_is_typed() {
    let mut story = Story::changed();
    assert!(matches!(story.model.popups.last(), Some(Popup::Changed(_))), "it opens by itself");
    for keys in ["Enter", "y Enter", "Esc c", "Esc Enter", "Esc s"] {
        story.keys(keys);
        assert_eq!(story.asked(), [], "{keys}");
        assert!(matches!(story.model.popups.last(), Some(Popup::Changed(_))), "{keys}");
    }
    story.keys("Esc Tab");
    story.type_in("secret");
    story.keys("Enter");
    assert_eq!(story.asked(), []);
    assert!(matches!(story.model.popups.last(), Some(Popup::Changed(_))));
    assert_eq!(story.model.chats[&name("bob")].draft.text(), "secret", "nothing written is lost");
    story.keys("^u bob Enter");
    assert_eq!(
        story.asked(),
        [send(Command::AcceptIdentity { name: name("bob"), key: Fingerprint([9; 32]) })]
    );
}

/// A yes is to the key that was on the screen.
#[test]
fn a_key_that_changes_under_the_window_is_looked_at_first() {
    let mut story = Story::changed();
    let third = Principal::Key(Fingerprint([8; 32]));
    let bob = ContactInfo { replaced_by: Some(third), ..story.bob() };
    story.tell(Event::Contact(bob));
    story.keys("bob Enter");
    assert_eq!(story.asked(), []);
    story.keys("bob Enter");
    assert_eq!(
        story.asked(),
        [send(Command::AcceptIdentity { name: name("bob"), key: Fingerprint([8; 32]) })]
    );
}

#[test]
fn a_changed_key_takes_nobodys_keys() {
    let mut story = Story::friends();
    story.keys("Tab");
    story.tell(Event::IdentityChanged(name("bob")));
    assert!(story.model.popups.is_empty());
    assert!(story.notice().contains("another one"));
}

#[test]
fn what_is_ours_goes_on_under_the_accepted_key() {
    let mut story = Story::changed();
    let kept = Personal { alias: Some(Safe::line("Bobby")), favourite: true };
    let old = story.bob().principal;
    story.event(Msg::Personal(vec![(old.clone(), kept)]));
    let lines = story.model.chats[&name("bob")].lines().count();
    story.tell(Event::IdentityAccepted { name: name("bob"), old, new: NEW });
    let bob = ContactInfo { principal: NEW, blocked: false, replaced_by: None, ..story.bob() };
    story.tell(Event::Contact(bob));
    assert_eq!(story.model.in_full(&name("bob")), "Bobby (bob)");
    assert_eq!(story.model.chats[&name("bob")].lines().count(), lines + 1, "and a note of it");
}

#[test]
fn blocking_takes_two_keys_on_the_same_person() {
    let mut story = Story::friends();
    story.keys("b j b");
    assert_eq!(story.asked(), [], "each was asked about once");
    story.keys("b");
    assert_eq!(story.asked(), [send(Command::Ban(name("carol")))]);
    story.keys("k b");
    story.wait(BLOCK_TIME);
    story.keys("b");
    assert_eq!(story.asked(), [], "too late");
}

#[test]
fn who_is_blocked_is_listed_and_let_in_again() {
    let mut story = Story::friends();
    story.keys("B");
    assert_eq!(story.asked(), [send(Command::Bans)]);
    let ban = |who: &str, n: u8| Banned {
        principal: Principal::Key(Fingerprint([n; 32])),
        name: name(who),
        since: START,
    };
    story.tell(Event::Banned(vec![ban("trudy", 4), ban("mallory", 3)]));
    story.keys("j u");
    assert_eq!(story.asked(), [send(Command::Unban(Principal::Key(Fingerprint([4; 32]))))]);
    story.tell(Event::Banned(Vec::new()));
    story.keys("u Esc");
    assert!(story.asked().is_empty() && story.model.popups.is_empty());
}

#[test]
fn a_link_is_shown_as_a_code_only_when_there_is_one() {
    let mut story = Story::friends();
    story.keys("a ^r");
    assert!(story.notice().contains("^O makes one"));
    story.tell(Event::Invite("tincan://home.example:8462/".to_owned()));
    story.keys("^r i");
    let Some(Popup::Qr(code)) = story.model.popups.last() else { panic!("no code") };
    assert!(code.inverted);
    story.keys("Esc");
    assert!(matches!(story.model.popups.last(), Some(Popup::Add(_))));
}

#[test]
fn that_somebody_is_blocked_is_said_when_it_is_so() {
    let mut story = Story::friends();
    let ban = |who: &str| Banned {
        principal: contact(who, Standing::Mutual, Presence::Online).principal,
        name: name(who),
        since: proto::Wall(9),
    };
    story.keys("bb");
    assert_eq!(story.asked(), [send(Command::Ban(name("bob")))]);
    assert_eq!(story.notice(), "", "the machine decides");
    let no = |of, text: &str| Event::Refused { of, why: Why::Limit, text: Safe::line(text) };
    story.tell(no(Matter::Ban(name("bob")), "cannot block bob: too many are"));
    assert_eq!(story.notice(), "cannot block bob: too many are");
    story.tell(Event::Banned(vec![ban("bob")]));
    assert!(!story.notice().contains("is blocked"), "nobody asked for that any longer");
    story.keys("bb");
    story.tell(Event::Gone(name("bob")));
    story.tell(Event::Banned(vec![ban("bob")]));
    assert_eq!(story.notice(), "bob is blocked. B shows who is, and lets them in again.");
    story.model.notice = None;
    story.keys("B");
    story.tell(Event::Banned(vec![ban("bob")]));
    story.keys("u");
    assert_eq!(story.notice(), "");
    story.tell(no(Matter::Unban(ban("bob").principal), "they are not blocked"));
    assert_eq!(story.notice(), "they are not blocked");
    story.keys("u");
    story.tell(Event::Banned(Vec::new()));
    assert_eq!(story.notice(), "bob is blocked no longer. They are no contact until one of you asks.");
}
