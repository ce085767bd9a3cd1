//! The house's friend: everybody's contact, with several devices that each take one call.

use super::*;
use crate::limits::REQUESTS_PER_CONNECTION;

/// A server with an echo friend of two devices, connected.
fn house() -> (World, Person, [ConnId; 2]) {
    let echo = Person::new("echo");
    let mut w = World::with(Settings {
        house: Some((echo.name.clone(), echo.key())),
        invite_only: true,
        ..settings()
    });
    let first = w.join(&echo);
    let second = echo.second("echo 2");
    let second_conn = w.join(&second);
    (w, second, [first, second_conn])
}

fn admit(w: &mut World, person: &Person) -> ConnId {
    let token = [7; 16];
    w.store.add_token(&Token { hash: sha256(&token), owner: None, expiry: None });
    let conn = w.open();
    w.send(conn, &hello());
    w.send(conn, &person.register(Some(token)));
    w.send(conn, &person.auth(conn));
    conn
}

#[test]
fn a_new_account_has_the_friend_of_the_house() {
    let (mut w, _, [at_echo, _]) = house();
    w.wait(Duration::from_secs(1));
    w.heard(at_echo);
    let at_a = admit(&mut w, &Person::new("alice"));
    let seen: Vec<_> = w.heard(at_a).iter().filter_map(contact).collect();
    assert_eq!(seen, [("echo".into(), Standing::Mutual, Presence::Online)]);
    let seen: Vec<_> = w.heard(at_echo).iter().filter_map(contact).collect();
    assert_eq!(seen.last(), Some(&("alice".into(), Standing::Mutual, Presence::Online)));
}

#[test]
fn the_friend_is_there_for_those_who_came_before_it() {
    let echo = Person::new("echo");
    let mut w = World::with(Settings { house: Some((echo.name.clone(), echo.key())), ..settings() });
    let a = Person::new("alice");
    let at_a = w.join(&a);
    w.heard(at_a);
    w.join(&echo);
    let seen: Vec<_> = w.heard(at_a).iter().filter_map(contact).collect();
    assert_eq!(seen.last(), Some(&("echo".into(), Standing::Mutual, Presence::Online)));
}

/// Also before it came for the first time: whoever took its name then would be everybody's contact.
#[test]
fn its_name_is_its_own() {
    let echo = Person::new("echo").key();
    let reserved = Settings { house: Some((name("echo"), echo)), ..settings() };
    for mut w in [house().0, World::with(reserved)] {
        refuses_its_name(&mut w);
    }
}

/// Also where its account could not be made under that name: a guest had it from before there was a house, or its key
/// has an account of another name. Whoever took it then would be called as the house is.
#[test]
fn its_name_is_its_own_where_it_has_not_got_it() {
    let echo = Person::new("echo").key();
    let world = |account: Account| {
        let mut w = World::with(Settings { house: Some((name("echo"), echo)), ..settings() });
        w.store.add_account(&account);
        w
    };
    refuses_its_name(&mut world(Account::guest(name("echo"))));
    let mut w = world(Account { fingerprint: echo, name: name("robot"), guest: false });
    refuses_its_name(&mut w);
    assert!(w.store.account_named(&name("echo")).is_none(), "nobody has it");
}

fn refuses_its_name(w: &mut World) {
    let thief = Person::with("Echo", AccountKey::from_seed(&[3; 32], ""), "thief", {
        DeviceList::new(AccountKey::from_seed(&[3; 32], "").fingerprint())
    });
    let conn = w.open();
    w.ask(conn, &hello());
    assert_eq!(w.refused(conn, &thief.register(None)), Why::NameTaken);
}

#[test]
fn each_call_rings_one_free_device() {
    let (mut w, _, conns) = house();
    let callers: Vec<ConnId> = ["alice", "bob", "carol"].map(|n| admit(&mut w, &Person::new(n))).into();
    w.wait(Duration::from_secs(1));
    for conn in callers.iter().chain(&conns) {
        w.heard(*conn);
    }
    let call = Request::Call(vec![name("echo")]);
    for caller in &callers[..2] {
        let heard = w.ask(*caller, &call);
        assert_eq!(states(&heard), [("echo".into(), MemberState::Ringing)]);
        assert_eq!(grant(&heard).members.len(), 1);
    }
    for conn in conns {
        let heard = w.ask(conn, &Request::AcceptCall(None));
        assert!(heard.iter().any(|r| matches!(r, Reply::CallAccepted(_))), "{heard:?}");
    }
    assert_eq!(states(&w.ask(callers[2], &call)), [("echo".into(), MemberState::Busy)]);
    w.send(callers[0], &Request::HangUp(None));
    assert_eq!(states(&w.ask(callers[2], &call)), [("echo".into(), MemberState::Ringing)]);
    w.wait(Duration::from_secs(1));
    let presences: Vec<_> = w.heard(callers[0]).iter().filter_map(contact).collect();
    assert!(
        presences.iter().all(|(_, _, presence)| *presence == Presence::Online),
        "never shown as in a call"
    );
}

#[test]
fn it_answers_for_many_and_is_not_metered() {
    let (mut w, _, [at_echo, _]) = house();
    w.heard(at_echo);
    let mut pings = Vec::new();
    for _ in 0..REQUESTS_PER_CONNECTION.burst * 3 {
        encode_request(&Request::Ping, &mut pings);
    }
    w.input(Input::Bytes(at_echo, &pings));
    assert!(w.heard(at_echo).iter().all(|reply| *reply == Reply::Pong));
    assert!(w.closed.is_empty());
}
