//! What counts as the user's consent to a contact, and what a server can make of it.

use super::trust::restored_with;
use super::*;
use crate::invite::Invite;
use crate::limits::{CONTACTS_MAX, TOKEN_LIFE};
use crate::login::Profile;
use crate::wire::record::InviteParts;

impl Stage {
    /// The connection is lost and there again.
    fn connect_again(&mut self) {
        let peer: SocketAddr = "198.51.100.1:8462".parse().unwrap();
        self.input(Input::LinkDown);
        self.wait(core::time::Duration::from_secs(600));
        self.splitter = Splitter::full();
        self.forget();
        self.input(Input::LinkUp(LinkUp { exporter: [4; 32], server_key: SERVER, peer }));
    }

    /// What the server says to a request on this connection.
    fn refuse(&mut self, wanted: fn(&Request) -> bool, why: Why) {
        let at = self.asked.iter().position(wanted).expect("asked on this connection");
        let (re, text) = (u32::try_from(at).unwrap(), String::new());
        self.hear(&Reply::Refused(Refused { re, why, text }));
    }

    /// The server knows nothing of us; what we say then is taken.
    fn register_again(&mut self) {
        self.refuse(|request| matches!(request, Request::Auth(_)), Why::NotRegistered);
        assert!(self.asked.iter().any(|request| matches!(request, Request::Register(_))));
        self.hear(&Reply::LoggedIn(name("alice")));
    }

    /// An invite of ours: its token.
    fn invite(&mut self) -> ByteArray<16> {
        self.wish(Command::Invite);
        let Some(Request::NewInvite(new)) = self.asked.last() else { panic!("{:?}", self.asked) };
        let parts = InviteParts { token_hash: new.token_hash, host: "h".into(), port: 1 };
        self.hear(&Reply::Invite(parts));
        let told = self.events();
        let [Event::Invite(link)] = told.as_slice() else { panic!("{told:?}") };
        Invite::parse(link).unwrap().token.unwrap().into()
    }

    /// The server says that bob is a contact now by this token.
    fn come_by(&mut self, token: ByteArray<16>) {
        self.forget();
        self.hear_of(|contact| contact.via_token = Some(token));
    }

    /// Another start, with what was saved.
    fn restart(&mut self, saved: &[Output]) {
        let rows = self.rows(saved);
        self.client = restored_with(rows, None);
        self.now.mono = Time::secs(9);
        self.connect_again();
        self.hear(&Reply::LoggedIn(name("alice")));
    }

    fn removed(&self) -> usize {
        self.rows(&self.out).iter().filter(|row| row.kind == Kind::Removed).count()
    }

    fn standing(&mut self) -> Option<Standing> {
        self.info().map(|info| info.standing)
    }
}

#[test]
fn a_server_that_forgets_us_makes_no_contacts_by_it() {
    let mut stage = Stage::logged_in();
    stage.connect_again();
    stage.register_again();
    stage.hear_of(|_| {});
    assert!(stage.events().contains(&Event::Request(name("bob"))));
    assert_eq!(stage.standing(), Some(Standing::Asking), "nobody said yes to bob");
    assert!(stage.client.contacts.callable(&name("bob")).is_none());
}

/// A profile that was let in, changed as a test wants, started with this invite; the server does not know it.
fn let_in_before(change: impl Fn(&mut Profile), token: [u8; 16]) -> Stage {
    let mut stage = Stage::registering();
    let mut rows = stage.rows(&stage.out);
    let row = rows.iter_mut().find(|row| row.kind == Kind::Profile).unwrap();
    let mut profile: Profile = minicbor::decode(&row.value).unwrap();
    assert!(profile.registered && profile.let_in);
    change(&mut profile);
    row.value = minicbor::to_vec(&profile).unwrap();
    stage.client = restored_with(rows, Some(token));
    stage.now.mono = Time::secs(9);
    stage.connect_again();
    if profile.registered {
        stage.register_again();
    } else {
        stage.hear(&Reply::LoggedIn(name("alice")));
    }
    stage
}

#[test]
fn who_was_let_in_once_is_no_newcomer_after_a_restart() {
    let used = |profile: &mut Profile| profile.token_used = Some([7; 16].into());
    // Of a version before, whose profile says only that it is registered; and of one that is not any longer.
    let changes: [fn(&mut Profile); 2] = [|p| p.let_in = false, |p| p.registered = false];
    for change in changes {
        let both = |profile: &mut Profile| {
            used(profile);
            change(profile);
        };
        let mut stage = let_in_before(both, [7; 16]);
        stage.hear_of(|_| {});
        assert_eq!(stage.standing(), Some(Standing::Asking));
    }
}

/// One, and none for an invite that was used before.
#[test]
fn the_owner_of_an_invite_that_goes_with_a_registration_is_wanted() {
    let mut stage = let_in_before(|_| {}, [7; 16]);
    stage.hear_of(|_| {});
    assert_eq!(stage.standing(), Some(Standing::Mutual));
    let other = Friend::new(9);
    stage.hear_of(|contact| (contact.name, contact.principal) = (name("carl"), other.principal()));
    assert!(stage.client.contacts.callable(&name("carl")).is_none());

    let mut stage = let_in_before(|profile| profile.token_used = Some([7; 16].into()), [7; 16]);
    stage.hear_of(|_| {});
    assert_eq!(stage.standing(), Some(Standing::Asking));
}

// --- removed ---

/// Alice, who gave somebody an invite, and removed bob, who had come by it.
fn with_bob_removed() -> (Stage, ByteArray<16>, Vec<Output>) {
    let mut stage = Stage::registering();
    stage.hear(&Reply::Contacts(Vec::new()));
    let mut saved = core::mem::take(&mut stage.out);
    let token = stage.invite();
    saved.append(&mut stage.out);
    stage.come_by(token);
    assert!(stage.events().contains(&Event::Accepted(name("bob"))));
    saved.append(&mut stage.out);
    stage.wish(Command::Remove(name("bob")));
    stage.hear_of(|contact| contact.standing = Standing::None);
    assert_eq!(stage.events(), [Event::Gone(name("bob"))]);
    saved.append(&mut stage.out);
    (stage, token, saved)
}

#[test]
fn who_was_removed_comes_back_by_the_same_invite_as_a_request_only() {
    let (mut stage, token, saved) = with_bob_removed();
    stage.come_by(token);
    assert!(stage.events().contains(&Event::Request(name("bob"))));
    assert_eq!(stage.standing(), Some(Standing::Asking));
    // Another's is as good as before, and a later start still knows.
    stage.restart(&saved);
    let carl = Friend::new(9);
    stage.hear_of(|contact| {
        (contact.name, contact.principal) = (name("carl"), carl.principal());
        contact.via_token = Some(token);
    });
    assert!(stage.client.contacts.callable(&name("carl")).is_some());
    stage.come_by(token);
    assert_eq!(stage.standing(), Some(Standing::Asking));
}

/// Until the user wants them again, in whatever way: then an invite counts for them as for anybody.
#[test]
fn a_removal_is_forgotten_when_they_are_wanted_again() {
    let accept: fn(&mut Stage, ByteArray<16>) = |stage, token| {
        stage.come_by(token);
        stage.input(Input::Command(Command::Accept(name("bob"))));
    };
    let add: fn(&mut Stage, ByteArray<16>) = |stage, _| stage.befriend();
    let redeem: fn(&mut Stage, ByteArray<16>) = |stage, _| {
        stage.input(Input::Command(Command::Redeem([3; 16])));
        stage.hear_of(|_| {});
    };
    for want in [accept, add, redeem] {
        let (mut stage, token, mut saved) = with_bob_removed();
        assert_eq!(stage.rows(&saved).iter().filter(|row| row.kind == Kind::Removed).count(), 1);
        want(&mut stage, token);
        saved.append(&mut stage.out);
        assert_eq!(stage.standing(), Some(Standing::Mutual));
        assert!(stage.rows(&saved).iter().all(|row| row.kind != Kind::Removed));
        // They left by themselves.
        stage.hear_of(|contact| contact.standing = Standing::None);
        stage.come_by(token);
        assert_eq!(stage.standing(), Some(Standing::Mutual));
    }
}

#[test]
fn who_was_dismissed_or_blocked_comes_by_no_invite_either() {
    let mut stage = Stage::logged_in();
    let token = stage.invite();
    stage.hear_of(|contact| contact.standing = Standing::Asking);
    stage.wish(Command::Reject(name("bob")));
    stage.hear_of(|contact| contact.standing = Standing::None);
    stage.come_by(token);
    assert_eq!(stage.standing(), Some(Standing::Asking));

    let mut stage = Stage::logged_in();
    let token = stage.invite();
    stage.come_by(token);
    stage.wish(Command::Ban(name("bob")));
    let bob = stage.bob.principal();
    stage.wish(Command::Unban(bob));
    stage.come_by(token);
    assert_eq!(stage.standing(), Some(Standing::Asking));
}

/// A removal that the server refuses leaves a contact, for whom an invite counts as before.
#[test]
fn a_removal_that_was_refused_is_not_remembered() {
    let mut stage = Stage::logged_in();
    let token = stage.invite();
    stage.come_by(token);
    stage.wish(Command::Remove(name("bob")));
    assert_eq!(stage.removed(), 1);
    stage.refuse_last(Why::TooFast);
    assert_eq!(stage.removed(), 0);
    assert_eq!(stage.standing(), Some(Standing::Mutual));
}

#[test]
fn the_oldest_of_those_removed_is_forgotten_first() {
    let mut stage = Stage::logged_in();
    let token = stage.invite();
    let called = |n: usize| name(&format!("u{n}"));
    // Keys that come in another order than they are removed.
    let key = |n: usize| {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&u64::try_from(CONTACTS_MAX - n).unwrap().to_be_bytes());
        Principal::Key(Fingerprint(bytes))
    };
    let comes = |stage: &mut Stage, n: usize| {
        stage.forget();
        stage.hear_of(|contact| {
            (contact.name, contact.principal, contact.via_token) = (called(n), key(n), Some(token));
        });
        stage.client.contacts.callable(&called(n)).is_some()
    };
    for n in 0..=CONTACTS_MAX {
        assert!(comes(&mut stage, n), "{n}");
        stage.input(Input::Command(Command::Remove(called(n))));
        stage.hear_of(|contact| {
            (contact.name, contact.principal, contact.standing) = (called(n), key(n), Standing::None);
        });
    }
    assert!(comes(&mut stage, 0), "the oldest made room");
    assert!(!comes(&mut stage, 1));
    assert!(!comes(&mut stage, CONTACTS_MAX));
}

// --- invites that ended, and questions that were refused ---

#[test]
fn an_invite_makes_contacts_until_it_ends() {
    let mut stage = Stage::logged_in();
    let issued = stage.now.wall;
    let token = stage.invite();
    let mut saved = stage.out.clone();
    let life_ms = u64::try_from(TOKEN_LIFE.as_millis()).unwrap();
    let carl = Friend::new(9);
    for (wall, counts) in [(issued.0 + life_ms - 1, true), (issued.0 + life_ms, false)] {
        stage.now.wall = Wall(wall);
        let who = if counts { carl.principal() } else { stage.bob.principal() };
        let called = name(if counts { "carl" } else { "bob" });
        stage.hear_of(|contact| {
            (contact.name, contact.principal) = (called.clone(), who.clone());
            contact.via_token = Some(token);
        });
        assert_eq!(stage.client.contacts.callable(&called).is_some(), counts);
    }
    assert_eq!(stage.standing(), Some(Standing::Asking));
    // Whoever came by it stays, and what is left of it goes with the next login.
    stage.connect_again();
    stage.hear(&Reply::LoggedIn(name("alice")));
    saved.append(&mut stage.out);
    assert!(stage.rows(&saved).iter().all(|row| row.kind != Kind::Token));
    assert!(stage.client.contacts.callable(&name("carl")).is_some());
}

#[test]
fn a_question_that_was_refused_is_no_yes_to_anybody() {
    let wishes = [Command::Add(name("bob")), Command::Greet { to: name("bob"), text: "only for bob".into() }];
    for wish in wishes {
        let mut stage = Stage::logged_in();
        stage.wish(wish.clone());
        stage.refuse_last(Why::NoSuchUser);
        let told = stage.events();
        let [Event::Refused { of: Matter::Contact(_), why: Why::NoSuchUser, text }] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!(text.as_str(), "cannot add bob: slowly");
        stage.forget();
        stage.hear_of(|contact| contact.standing = Standing::Asked);
        assert!(!stage.asked.iter().any(|request| matches!(request, Request::WantDevices(_))), "{wish:?}");
        stage.hear_of(|_| {});
        assert_eq!(stage.standing(), Some(Standing::Asking), "{wish:?}");

        // The server has our question already: then it is one.
        let mut stage = Stage::logged_in();
        stage.wish(wish.clone());
        stage.refuse_last(Why::Already);
        stage.hear_of(|_| {});
        assert_eq!(stage.standing(), Some(Standing::Mutual), "{wish:?}");
    }
}
