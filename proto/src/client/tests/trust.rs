//! Keys that people compared, keys that changed, people who are blocked.

use zeroize::Zeroizing;

use super::*;
use crate::client::{Banned, Compared};
use crate::crypto::safety;
use crate::media::CallEvent;

impl Stage {
    pub(super) fn wish(&mut self, command: Command) {
        self.forget();
        self.input(Input::Command(command));
    }

    pub(super) fn hear_of(&mut self, change: impl Fn(&mut Contact)) {
        let mut contact = self.bob.contact(Standing::Mutual);
        change(&mut contact);
        self.hear(&Reply::Contact(Box::new(contact)));
    }

    /// Everything that was saved, as a start would find it.
    pub(super) fn rows(&self, saved: &[Output]) -> Vec<Row> {
        let mut rows: std::collections::BTreeMap<(Kind, Vec<u8>), Vec<u8>> = Default::default();
        for out in saved {
            let Output::Save(save) = out else { continue };
            match &save.value {
                Some(value) => drop(rows.insert((save.kind, save.key.clone()), value.clone())),
                None => drop(rows.remove(&(save.kind, save.key.clone()))),
            }
        }
        rows.into_iter().map(|((kind, key), value)| Row { kind, key, value }).collect()
    }

    pub(super) fn info(&mut self) -> Option<ContactInfo> {
        self.wish(Command::Contacts);
        let told = self.events();
        let Some(Event::Contacts(list)) = told.last() else { panic!("{told:?}") };
        list.iter().find(|info| info.name == name("bob")).cloned()
    }

    /// In a call with bob, who is heard.
    fn in_call() -> Self {
        let mut stage = Self::ringing();
        stage.input(Input::Command(Command::Answer));
        let base_key = || Zeroizing::new([5; 32]);
        stage.input(Input::Agent(CallEvent::Key {
            call: CALL,
            generation: 0,
            step: 0,
            base_key: base_key(),
        }));
        stage.bob_says(Body::Key { call: CALL, generation: 0, step: 0, base_key: base_key() });
        assert!(stage.events().iter().any(|event| matches!(event, Event::Joined { .. })));
        stage.forget();
        stage
    }

    /// What was sealed for bob since the last look, opened.
    fn sealed(&mut self) -> Vec<Body> {
        let from = self.own_end().device;
        let keys = self.client.ratchet.keys();
        let mails: Vec<_> = self.asked.drain(..).collect();
        let mut bodies = Vec::new();
        for mail in mails {
            let Request::CallMail(mail) = mail else { continue };
            let plain = self.bob.device.open(from, keys, &mail.sealed).unwrap();
            bodies.push(Envelope::decode(&plain).unwrap().body);
        }
        bodies
    }
}

/// Lives from one start to the next.
pub(super) fn restored(rows: Vec<Row>) -> Client {
    restored_with(rows, None)
}

/// The same, started with an invite.
pub(super) fn restored_with(rows: Vec<Row>, token: Option<[u8; 16]>) -> Client {
    let own = AccountKey::from_seed(&[1; 32], "alice");
    let settings = Settings {
        expect: None,
        pin: None,
        trust_first: true,
        token,
        account: own.fingerprint(),
        software: "test".into(),
    };
    let now = Now::at(Time::secs(9), Wall(1_800_000_900_000));
    Client::new(settings, Box::new(Standin::new([1; 32])), rows, Rng::new([7; 32]), now)
}

#[test]
fn words_are_compared_with_who_is_in_the_call() {
    let mut stage = Stage::in_call();
    stage.wish(Command::Compare(name("bob")));
    let said = stage.sealed();
    let [Body::Promise { promise: ours, .. }] = said.as_slice() else { panic!("{said:?}") };
    let (own, bob) = (stage.own_end(), stage.bob.end());
    let promise = safety::promise(CALL, &bob, &own, &[9; 32]);
    stage.bob_says(Body::Promise { call: CALL, promise });
    let said = stage.sealed();
    let [Body::Nonce { nonce, .. }] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(*ours, safety::promise(CALL, &own, &bob, nonce));
    stage.bob_says(Body::Nonce { call: CALL, nonce: [9; 32] });
    let words = safety::words(CALL, (&own, nonce), (&bob, &[9; 32]));
    let expected = Event::Compared { who: name("bob"), compared: Compared::Words(words) };
    assert_eq!(stage.events().last(), Some(&expected));
}

#[test]
fn words_need_a_call_and_a_contact() {
    let mut stage = Stage::with_bob();
    stage.wish(Command::Compare(name("bob")));
    assert!(matches!(stage.events().as_slice(), [Event::Refused { why: Why::NoCall, .. }]));
    stage.bob_says(Body::Promise { call: CALL, promise: [1; 32] });
    assert_eq!(stage.drops(), [Drop::OutOfTurn]);
    assert!(stage.asked.is_empty(), "nothing is shown outside of a call");
    stage.wish(Command::Compare(name("zoe")));
    assert!(matches!(stage.events().as_slice(), [Event::Refused { why: Why::NotContact, .. }]));
}

#[test]
fn nobody_who_answers_is_told_as_such() {
    let mut stage = Stage::in_call();
    stage.wish(Command::Compare(name("bob")));
    stage.wait(crate::limits::COMPARE_TIME_MAX);
    let expected = Event::Compared { who: name("bob"), compared: Compared::NoAnswer };
    assert!(stage.events().contains(&expected), "{:?}", stage.events());
}

#[test]
fn verified_is_of_a_key_and_outlives_a_restart() {
    let mut stage = Stage::logged_in();
    stage.befriend();
    stage.input(Input::Command(Command::Verify {
        name: name("bob"),
        key: stage.bob.key.fingerprint(),
        matches: true,
    }));
    let saved = stage.out.clone();
    let verified = stage.info().unwrap().verified;
    assert_eq!(verified, Some(stage.now.wall));
    let again = restored(stage.rows(&saved));
    assert_eq!(again.contacts.list()[0].verified, verified);
    // Removed and met again, it is the same key still.
    stage.input(Input::Command(Command::Remove(name("bob"))));
    stage.hear_of(|contact| contact.standing = Standing::None);
    assert_eq!(stage.info(), None);
    stage.befriend();
    assert_eq!(stage.info().unwrap().verified, verified);
}

#[test]
fn who_differs_is_not_talked_to_any_more() {
    let mut stage = Stage::in_call();
    stage.wish(Command::Verify { name: name("bob"), key: stage.bob.key.fingerprint(), matches: false });
    assert!(stage.events().iter().any(|event| matches!(event, Event::Ended { .. })), "{:?}", stage.events());
    let info = stage.info().unwrap();
    assert!(info.blocked && info.differs && info.verified.is_none());
    for command in
        [Command::Say { to: name("bob"), text: "hi".into(), echo: 1 }, Command::Call(vec![name("bob")])]
    {
        stage.wish(command);
        assert!(stage.asked.is_empty() && matches!(stage.events().as_slice(), [Event::Refused { .. }]));
    }
    let text = stage.envelope(1, Body::Text("psst".into()));
    let mail = stage.mail(&text);
    stage.forget();
    stage.hear(&Reply::Mail(mail));
    assert_eq!(stage.drops(), [Drop::NotContact]);
    // They compared again, and it was a slip of the finger.
    stage.wish(Command::Verify { name: name("bob"), key: stage.bob.key.fingerprint(), matches: true });
    assert!(!stage.info().unwrap().blocked);
}

#[test]
fn a_new_key_counts_only_by_a_humans_word_and_is_not_verified() {
    let mut stage = Stage::with_bob();
    stage.input(Input::Command(Command::Verify {
        name: name("bob"),
        key: stage.bob.key.fingerprint(),
        matches: true,
    }));
    let (old, new) = (stage.bob.principal(), Principal::Key(Fingerprint([9; 32])));
    for standing in [Standing::Asking, Standing::Asking, Standing::None] {
        stage.hear_of(|contact| (contact.principal, contact.standing) = (new.clone(), standing));
    }
    let changed = stage.events().iter().filter(|e| matches!(e, Event::IdentityChanged(_))).count();
    assert_eq!(changed, 1, "said once");
    let info = stage.info().unwrap();
    assert_eq!((info.principal, info.replaced_by), (old.clone(), Some(new.clone())));
    assert!(info.blocked && info.verified.is_some(), "of the old key it is still true");
    stage.wish(Command::Verify { name: name("bob"), key: stage.bob.key.fingerprint(), matches: true });
    assert!(matches!(stage.events().as_slice(), [Event::Refused { .. }]), "not by the way");
    stage.hear_of(|contact| (contact.principal, contact.standing) = (new.clone(), Standing::Asking));
    stage.wish(Command::AcceptIdentity { name: name("bob"), key: Fingerprint([9; 32]) });
    let accepted = Event::IdentityAccepted { name: name("bob"), old, new: new.clone() };
    assert!(stage.events().contains(&accepted), "{:?}", stage.events());
    assert_eq!(stage.asked, [Request::Accept(name("bob"))], "what they asked is answered");
    let info = stage.info().unwrap();
    assert_eq!((info.principal, info.blocked, info.verified), (new, false, None));
    stage.wish(Command::AcceptIdentity { name: name("bob"), key: Fingerprint([9; 32]) });
    assert!(matches!(stage.events().as_slice(), [Event::Refused { .. }]));
}

/// A server that lets somebody vanish first must not get a new key past us as a mere request.
#[test]
fn a_friend_who_vanishes_and_returns_with_another_key_is_no_stranger() {
    let new = Principal::Key(Fingerprint([9; 32]));
    let vanishings: [fn(&mut Stage); 3] = [
        |stage| stage.hear_of(|contact| contact.standing = Standing::None),
        // First made a stranger who asks.
        |stage| {
            stage.hear_of(|contact| contact.standing = Standing::Asking);
            stage.hear_of(|contact| contact.standing = Standing::None);
        },
        |stage| {
            stage.client.contacts.logged_in(false, stage.now.wall);
            stage.hear(&Reply::Contacts(Vec::new()));
        },
    ];
    for vanish in vanishings {
        let mut stage = Stage::with_bob();
        vanish(&mut stage);
        assert_eq!(stage.info(), None);
        stage.hear_of(|contact| (contact.principal, contact.standing) = (new.clone(), Standing::Asking));
        let info = stage.info().unwrap();
        assert!(info.blocked);
        assert_eq!((info.principal, info.replaced_by), (stage.bob.principal(), Some(new.clone())));
        // Whoever is removed by us may be anybody later.
        stage.input(Input::Command(Command::Remove(name("bob"))));
        stage.forget();
        stage.hear_of(|contact| (contact.principal, contact.standing) = (new.clone(), Standing::Asking));
        assert!(stage.events().contains(&Event::Request(name("bob"))));
        assert!(!stage.info().unwrap().blocked);
    }
    // With the key of before they are who they were.
    let mut stage = Stage::with_bob();
    stage.hear_of(|contact| contact.standing = Standing::None);
    stage.hear_of(|contact| contact.standing = Standing::Asking);
    assert!(!stage.info().unwrap().blocked);
}

#[test]
fn who_is_blocked_is_not_heard_of_under_any_name() {
    let mut stage = Stage::with_bob();
    let bob = stage.bob.principal();
    stage.wish(Command::Ban(name("bob")));
    assert_eq!(stage.asked, [Request::Remove(name("bob"))]);
    let listed = |stage: &Stage| {
        let told = stage.events();
        let list = told
            .iter()
            .rev()
            .find_map(|e| if let Event::Banned(list) = e { Some(list.clone()) } else { None });
        list.unwrap()
    };
    let banned = Banned { principal: bob.clone(), name: name("bob"), since: stage.now.wall };
    assert_eq!(listed(&stage), [banned]);
    assert_eq!(stage.info(), None);
    stage.forget();
    for called in ["bob", "robert"] {
        stage.hear_of(|contact| (contact.name, contact.standing) = (name(called), Standing::Asking));
    }
    stage.hear(&stage.rung());
    let text = stage.envelope(1, Body::Text("psst".into()));
    let mail = stage.mail(&text);
    stage.hear(&Reply::Mail(mail));
    assert!(stage.events().is_empty(), "{:?}", stage.events());
    // A server that makes them a contact is told again that they are none.
    stage.hear_of(|_| {});
    assert_eq!(stage.asked.last(), Some(&Request::Remove(name("bob"))));
    stage.hear_of(|contact| contact.standing = Standing::Asking);
    stage.wish(Command::Unban(bob));
    assert!(listed(&stage).is_empty());
    assert!(stage.events().contains(&Event::Request(name("bob"))), "what they asked meanwhile");
    stage.wish(Command::Ban(name("bob")));
    assert_eq!(stage.asked, [], "a request is left unanswered");
}

#[test]
fn a_block_outlives_a_restart() {
    let mut stage = Stage::with_bob();
    stage.wish(Command::Ban(name("bob")));
    let saved = stage.out.clone();
    let rows = stage.rows(&saved);
    let mut again = restored(rows);
    while again.poll().is_some() {}
    again.handle(Input::Command(Command::Bans), Now::at(Time::secs(9), Wall(1_800_000_900_000)));
    let Some(Output::Event(Event::Banned(list))) = again.poll() else { panic!("no list") };
    assert_eq!((list.len(), &list[0].principal), (1, &stage.bob.principal()));
}

/// The key of before is not the one to be blocked, and the name stays its own.
#[test]
fn behind_a_changed_key_the_new_one_is_blocked() {
    let mut stage = Stage::with_bob();
    let (old, new) = (stage.bob.principal(), Principal::Key(Fingerprint([9; 32])));
    stage.hear_of(|contact| (contact.principal, contact.standing) = (new.clone(), Standing::Asking));
    stage.wish(Command::Ban(name("bob")));
    let bans = stage
        .events()
        .into_iter()
        .rev()
        .find_map(|e| if let Event::Banned(list) = e { Some(list) } else { None });
    assert_eq!(
        bans.unwrap().iter().map(|ban| ban.principal.clone()).collect::<Vec<_>>(),
        core::slice::from_ref(&new)
    );
    stage.hear_of(|contact| (contact.principal, contact.standing) = (new.clone(), Standing::Asking));
    assert_eq!(stage.info(), None, "the new one is not heard of");
    let third = Principal::Key(Fingerprint([8; 32]));
    stage.hear_of(|contact| (contact.principal, contact.standing) = (third.clone(), Standing::Asking));
    let info = stage.info().unwrap();
    assert_eq!((info.principal, info.replaced_by, info.blocked), (old, Some(third), true));
}

#[test]
fn each_further_key_is_news_and_a_yes_is_to_the_one_that_was_seen() {
    let mut stage = Stage::with_bob();
    let key = |byte| Fingerprint([byte; 32]);
    for byte in [9, 8] {
        stage.forget();
        stage.hear_of(|contact| {
            (contact.principal, contact.standing) = (Principal::Key(key(byte)), Standing::Asking)
        });
        assert!(stage.events().contains(&Event::IdentityChanged(name("bob"))));
    }
    stage.wish(Command::AcceptIdentity { name: name("bob"), key: key(9) });
    assert!(matches!(stage.events().as_slice(), [Event::Refused { .. }]), "{:?}", stage.events());
    assert!(stage.info().unwrap().blocked);
    stage.wish(Command::AcceptIdentity { name: name("bob"), key: key(8) });
    assert!(!stage.info().unwrap().blocked);
    stage.wish(Command::Verify { name: name("bob"), key: key(9), matches: true });
    assert!(matches!(stage.events().as_slice(), [Event::Refused { .. }]), "{:?}", stage.events());
    assert_eq!(stage.info().unwrap().verified, None);
}

/// A name proves nothing: what was a key's is never handed to it (security.md section 2, no downgrade).
#[test]
fn a_contact_with_a_key_never_becomes_a_guest() {
    let mut stage = Stage::with_bob();
    let guest = Principal::Guest(name("bob"));
    stage.hear_of(|contact| (contact.principal, contact.standing) = (guest.clone(), Standing::Asking));
    let old = stage.bob.key.fingerprint();
    stage.wish(Command::AcceptIdentity { name: name("bob"), key: old });
    assert!(matches!(stage.events().as_slice(), [Event::Refused { .. }]), "{:?}", stage.events());
    let info = stage.info().unwrap();
    assert_eq!((info.principal, info.blocked), (Principal::Key(old), true));
}

#[test]
fn whoever_is_blocked_or_differs_is_in_no_call_with_us() {
    let wishes: [fn(Fingerprint) -> Command; 2] =
        [|_| Command::Ban(name("bob")), |key| Command::Verify { name: name("bob"), key, matches: false }];
    for wish in wishes {
        let mut stage = Stage::ringing();
        let key = stage.bob.key.fingerprint();
        stage.wish(wish(key));
        assert!(
            stage.events().iter().any(|event| matches!(event, Event::Ended { .. })),
            "{:?}",
            stage.events()
        );
        stage.wish(Command::Answer);
        assert!(!stage.out.iter().any(|out| matches!(out, Output::Agent(_))), "nothing opens any more");
        let mut stage = Stage::with_bob();
        stage.wish(wish(key));
        stage.forget();
        let grant = stage.grant();
        stage.hear(&grant);
        assert!(matches!(stage.events().as_slice(), [Event::Refused { .. }]), "{:?}", stage.events());
    }
}
