//! Contacts that are removed: by us, which the server may refuse, and those who vanish.

use super::trust::restored;
use super::*;
use crate::limits::CONTACTS_MAX;

impl Stage {
    /// What the server says to the last thing that was asked.
    pub(super) fn refuse_last(&mut self, why: Why) {
        let (re, _) = *self.client.connection.asked.back().map(|(re, _)| (*re, ())).as_ref().unwrap();
        self.hear(&Reply::Refused(Refused { re, why, text: "slowly".into() }));
    }

    fn log_in_again(&mut self) {
        let peer: SocketAddr = "198.51.100.1:8462".parse().unwrap();
        self.wait(core::time::Duration::from_secs(600));
        self.input(Input::LinkUp(LinkUp { exporter: [4; 32], server_key: SERVER, peer }));
        self.hear(&Reply::LoggedIn(name("alice")));
        self.forget();
    }
}

#[test]
fn a_removal_that_the_server_refuses_leaves_everything_as_it_was_and_says_so() {
    for verified in [false, true] {
        let mut stage = Stage::logged_in();
        stage.befriend();
        if verified {
            let key = stage.bob.key.fingerprint();
            stage.input(Input::Command(Command::Verify { name: name("bob"), key, matches: true }));
        }
        let before = stage.info().unwrap();
        assert_eq!((before.standing, before.verified.is_some()), (Standing::Mutual, verified));
        stage.wish(Command::Remove(name("bob")));
        stage.wish(Command::Remove(name("bob")));
        assert_eq!(stage.asked, [Request::Remove(name("bob"))]);
        assert_eq!(stage.info(), None, "not shown while it is under way");
        stage.forget();
        stage.refuse_last(Why::TooFast);
        let told = stage.events();
        let [Event::Refused { of: Matter::Contact(_), why: Why::TooFast, text }, Event::Contact(back)] =
            told.as_slice()
        else {
            panic!("{told:?}")
        };
        assert_eq!(*back, before);
        assert_eq!(text.as_str(), "cannot remove bob, so they stay in your list: slowly");
        // Nor does a restart make them a stranger who asks.
        let saved: Vec<Output> = stage.out.clone();
        assert_eq!(restored(stage.rows(&saved)).contacts.list()[0].standing, Standing::Mutual);
        stage.forget();
        stage.hear_of(|contact| contact.presence = Presence::InCall);
        assert!(!stage.events().contains(&Event::Request(name("bob"))));
        assert_eq!(stage.info().unwrap().presence, Presence::InCall);
    }
}

#[test]
fn who_is_being_removed_does_not_come_back_by_being_there() {
    let mut stage = Stage::with_bob();
    stage.wish(Command::Remove(name("bob")));
    stage.hear_of(|contact| contact.presence = Presence::InCall);
    assert_eq!(stage.events(), []);
    stage.hear_of(|contact| contact.standing = Standing::None);
    assert_eq!(stage.events(), [Event::Gone(name("bob"))]);
}

#[test]
fn a_removal_that_was_not_answered_is_said_again_after_the_next_login() {
    let mut stage = Stage::with_bob();
    stage.wish(Command::Remove(name("bob")));
    stage.input(Input::LinkDown);
    stage.log_in_again();
    stage.hear_of(|_| {});
    stage.hear(&Reply::Contacts(vec![name("bob")]));
    assert_eq!(stage.events(), [Event::Contacts(Vec::new())]);
    assert_eq!(stage.asked, [Request::Remove(name("bob"))]);
    stage.refuse_last(Why::TooFast);
    assert_eq!(stage.info().unwrap().standing, Standing::Mutual);

    // The server had done it before the connection was lost.
    let mut stage = Stage::with_bob();
    stage.wish(Command::Remove(name("bob")));
    stage.input(Input::LinkDown);
    stage.log_in_again();
    stage.hear(&Reply::Contacts(Vec::new()));
    assert_eq!(stage.events(), [Event::Gone(name("bob")), Event::Contacts(Vec::new())]);
    assert_eq!(stage.asked, []);
}

#[test]
fn without_a_connection_nobody_is_removed_in_part() {
    let mut stage = Stage::with_bob();
    stage.input(Input::LinkDown);
    stage.wish(Command::Remove(name("bob")));
    let told = stage.events();
    let [Event::Refused { why: Why::NotLoggedIn, .. }, Event::Contact(bob)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!(
        (bob.name.clone(), bob.standing),
        (name("bob"), Standing::Mutual),
        "put back where it was shown"
    );
    stage.client.contacts.logged_in(false, stage.now.wall);
    stage.hear_of(|_| {});
    assert!(!stage.events().contains(&Event::Request(name("bob"))), "still the friend they were");
}

#[test]
fn a_contact_that_the_server_made_is_shown_as_a_request_and_can_be_dismissed() {
    let mut stage = Stage::logged_in();
    stage.hear_of(|_| {});
    assert_eq!(stage.info().unwrap().standing, Standing::Asking);
    stage.wish(Command::Reject(name("bob")));
    assert_eq!(stage.asked, [Request::Remove(name("bob"))], "the server knows no request of theirs");
    stage.refuse_last(Why::TooFast);
    assert_eq!(stage.info().unwrap().standing, Standing::Asking);
}

/// Whose names were whose is kept for so many; the ones that vanished first make room.
#[test]
fn the_oldest_of_those_who_vanished_is_forgotten_first() {
    let key = |n: usize| {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&u64::try_from(n).unwrap().to_be_bytes());
        Principal::Key(Fingerprint(bytes))
    };
    let called = |n: usize| name(&format!("u{n}"));
    let mut stage = Stage::logged_in();
    for n in 0..CONTACTS_MAX + 1 {
        // Names that come in another order than they vanish.
        let n = CONTACTS_MAX - n;
        stage.input(Input::Command(Command::Add(called(n))));
        for standing in [Standing::Asked, Standing::Mutual, Standing::None] {
            stage.hear_of(|contact| {
                (contact.name, contact.principal, contact.standing) = (called(n), key(n), standing);
            });
        }
    }
    let blocked = |stage: &mut Stage, n: usize| {
        stage.hear_of(|contact| {
            (contact.name, contact.principal, contact.standing) =
                (called(n), Principal::Key(Fingerprint([3; 32])), Standing::Asking);
        });
        let blocked = stage.client.contacts.is_undecided(&called(n));
        stage.hear_of(|contact| {
            (contact.name, contact.principal, contact.standing) =
                (called(n), Principal::Key(Fingerprint([3; 32])), Standing::None);
        });
        stage.input(Input::Command(Command::Remove(called(n))));
        blocked
    };
    assert!(blocked(&mut stage, 0), "the newest");
    assert!(blocked(&mut stage, CONTACTS_MAX - 1), "the second");
    assert!(!blocked(&mut stage, CONTACTS_MAX), "the oldest");
}
