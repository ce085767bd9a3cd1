//! A store that has no room for more.

use super::*;

fn prekeys(key: u8) -> Request {
    let prekey = |key| Prekey { key: [key; 32].into(), signature: [0; 64].into() };
    Request::Prekeys(Prekeys { one_time: vec![prekey(key)], fallback: prekey(0xff) })
}

#[test]
fn what_is_new_is_refused_and_calls_go_on() {
    let (mut w, a, b, c) = (World::new(), Person::new("alice"), Person::new("bob"), Person::new("carol"));
    let (at_a, at_b) = w.friends(&a, &b);
    let at_c = w.join(&c);
    w.ask(at_a, &prekeys(1));
    w.ask(at_c, &Request::Add(name("alice")));
    w.store.set_full(true);

    let stranger = w.open();
    w.send(stranger, &hello());
    w.heard(stranger);
    assert_eq!(w.refused(stranger, &Person::new("dora").register(None)), Why::Other);
    assert_eq!(w.refused(at_c, &Request::Add(name("bob"))), Why::Other);
    let invite = NewInvite { token_hash: [7; 32].into(), life_secs: 60 };
    assert_eq!(w.refused(at_c, &Request::NewInvite(invite)), Why::Other);
    assert_eq!(w.refused(at_a, &prekeys(2)), Why::Other);

    w.close(at_b);
    let at_b = w.login(&b);
    let want = WantPrekey { principal: a.principal(), device: a.id() };
    let told = w.ask(at_b, &Request::WantPrekey(want));
    let of_before = |reply: &Reply| matches!(reply, Reply::Prekey(told) if told.prekey.as_ref().is_some_and(|p| *p.key == [1; 32]));
    assert!(told.iter().any(of_before), "{told:?}");
    w.send(at_b, &Request::Call(vec![name("alice")]));
    w.send(at_a, &Request::AcceptCall(None));
    assert!(!joined(&w.heard(at_b)).is_empty());
    w.send(at_a, &Request::Accept(name("carol")));
    assert_eq!(w.store.standing(&a.key(), &c.key()), Standing::Mutual, "what is there is answered");

    w.store.set_full(false);
    assert_eq!(w.ask(at_a, &prekeys(2)), []);
}

#[test]
fn a_device_can_be_added_and_so_revoked() {
    let (mut w, a) = (World::new(), Person::new("alice"));
    w.join(&a);
    w.store.set_full(true);
    let (tablet, conn) = (a.second("tablet"), w.open());
    w.send(conn, &hello());
    w.send(conn, &tablet.register(None));
    assert!(w.ask(conn, &tablet.auth(conn)).contains(&Reply::LoggedIn(name("alice"))));
    assert_eq!(w.ask(conn, &prekeys(1)), [], "nobody could write to it without");
    assert_eq!(w.refused(conn, &prekeys(2)), Why::Other);
}

#[test]
fn a_name_of_a_plain_door_must_be_known() {
    let mut w = World::new();
    let known = w.guest_a("ann", "10.0.0.1");
    w.close(known);
    w.store.set_full(true);
    w.guest_a("ann", "10.0.0.1");
    let conn = w.open_plain(Dialect::Binary, "10.0.0.2");
    w.say_a(conn, "000 ben");
    assert_eq!(w.store.account_named(&name("ben")), None);
    assert_eq!(w.store.guest_count(), 1);
}
