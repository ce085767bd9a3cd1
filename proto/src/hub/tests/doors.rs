//! Strangers, logins, and everything wrong that a connection can do.

use super::*;
use crate::limits::{LOGIN_TIME_MAX, SILENT_AFTER};
use proptest::prelude::*;

#[test]
fn a_login_is_welcomed_in_order() {
    let (mut w, a) = (World::new(), Person::new("alice"));
    let conn = w.open();
    assert_eq!(w.heard(conn), [Reply::Welcome("10.1.1.2".into())]);
    let heard = w.ask(conn, &hello());
    let [Reply::Hello(said)] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!((said.version, said.udp_port, said.invite_only), (1, 8462, false));
    assert_eq!(w.refused(conn, &a.auth(conn)), Why::NotRegistered);
    assert_eq!(w.ask(conn, &a.register(None)), []);
    assert_eq!(w.ask(conn, &a.register(None)), [], "the same again is the same");
    assert_eq!(w.ask(conn, &a.auth(conn)), [Reply::LoggedIn(name("alice"))]);
    assert_eq!(w.refused(conn, &a.auth(conn)), Why::LoggedIn);
    assert_eq!(w.refused(conn, &hello()), Why::LoggedIn);
    assert_eq!(w.refused(conn, &a.register(None)), Why::LoggedIn);
    assert_eq!(w.ask(conn, &Request::Ping), [Reply::Pong]);
}

#[test]
fn refusals_name_the_frame_they_are_about() {
    let mut w = World::new();
    let conn = w.open();
    let mut bytes = Vec::new();
    for request in [hello(), Request::Ping, Request::List(None)] {
        encode_request(&request, &mut bytes);
    }
    w.input(Input::Bytes(conn, &bytes));
    let heard = w.heard(conn);
    let Some(Reply::Refused(refused)) = heard.last() else { panic!("{heard:?}") };
    assert_eq!((refused.re, refused.why), (2, Why::NotLoggedIn));
}

#[test]
fn strangers_may_not_do_what_users_do() {
    let mut w = World::new();
    let a = Person::new("alice");
    let requests = [
        Request::Add(name("bob")),
        Request::Call(vec![name("bob")]),
        Request::HangUp(None),
        Request::WantDevices(WantDevices { principal: a.principal() }),
        Request::Redeem(Redeem { token: [0; 16].into() }),
    ];
    for request in requests {
        let conn = w.open();
        w.ask(conn, &hello());
        assert_eq!(w.refused(conn, &request), Why::NotLoggedIn);
        assert_eq!(w.refused(conn, &Request::Login(name("bob"))), Why::Unsupported);
    }
    let conn = w.open();
    w.heard(conn);
    assert_eq!(w.refused(conn, &a.register(None)), Why::BadRequest, "hello comes first");
    let hello = Request::Hello(Hello { versions: vec![2, 3], software: String::new() });
    assert_eq!(w.refused(conn, &hello), Why::Version);
}

fn greeted(w: &mut World) -> ConnId {
    let conn = w.open();
    w.ask(conn, &hello());
    conn
}

#[test]
fn names_and_keys_that_do_not_fit_together_are_refused() {
    let (mut w, a) = (World::new(), Person::new("alice"));
    w.join(&a);
    let thief = Person::with("Alice", AccountKey::from_seed(&[3; 32], ""), "thief", {
        DeviceList::new(AccountKey::from_seed(&[3; 32], "").fingerprint())
    });
    let conn = greeted(&mut w);
    assert_eq!(w.refused(conn, &thief.register(None)), Why::NameTaken);
    assert_eq!(w.refused(conn, &thief.auth(conn)), Why::NameTaken);
    let mut renamed = Person::new("alice");
    renamed.name = name("alicia");
    assert_eq!(w.refused(conn, &renamed.register(None)), Why::LoggedIn);
    assert_eq!(w.refused(conn, &renamed.auth(conn)), Why::BadSignature);
    let conn = greeted(&mut w);
    let other = ConnId(conn.0 + 1000);
    assert_eq!(w.refused(conn, &a.auth(other)), Why::BadSignature, "a login of another connection");
    let mut entry_of_other = a.register(None);
    if let Request::Register(register) = &mut entry_of_other {
        register.claim.sshsig = vec![0; 200].into();
    }
    assert_eq!(w.refused(conn, &entry_of_other), Why::BadSignature);
    let b = Person::new("bob");
    let mut mixed = b.register(None);
    if let Request::Register(register) = &mut mixed {
        register.entry = a.entry.clone();
    }
    assert_eq!(w.refused(conn, &mixed), Why::BadSignature);
}

#[test]
fn a_second_device_must_follow_the_first_and_is_shown_the_list() {
    let (mut w, a) = (World::new(), Person::new("alice"));
    w.join(&a);
    let fresh = Person::with("alice", AccountKey::from_seed(&sha256(b"alice"), ""), "tablet", {
        DeviceList::new(a.key())
    });
    let conn = greeted(&mut w);
    let heard = w.ask(conn, &fresh.register(None));
    let entries = vec![a.entry.clone()];
    assert_eq!(heard[0], Reply::Devices(Devices { principal: a.principal(), entries }));
    assert!(matches!(&heard[1], Reply::Refused(r) if r.why == Why::NotRegistered));
    let tablet = a.second("tablet");
    assert_eq!(w.ask(conn, &tablet.register(None)), []);
    assert!(w.ask(conn, &tablet.auth(conn)).contains(&Reply::LoggedIn(name("alice"))));
    assert_eq!(w.hub.counts().1, 2, "both devices are connected");
}

#[test]
fn a_revoked_device_is_told_so_and_the_other_comes_in() {
    let (mut w, a) = (World::new(), Person::new("alice"));
    w.join(&a);
    let second = a.second("laptop");
    w.join(&second);
    w.store.add_entry(&a.key(), &revocation(&second, &a));
    let conn = greeted(&mut w);
    assert_eq!(w.refused(conn, &a.auth(conn)), Why::Revoked);
    w.login(&second);
}

#[test]
fn a_device_that_is_revoked_while_it_is_here_is_out_at_once() {
    let (mut w, a, b) = (World::new(), Person::new("alice"), Person::new("bob"));
    let (at_a, at_b) = w.friends(&a, &b);
    let second = a.second("laptop");
    let laptop = w.join(&second);
    let prekey = Prekey { key: [1; 32].into(), signature: [0; 64].into() };
    w.send(at_a, &Request::Prekeys(Prekeys { one_time: Vec::new(), fallback: prekey }));
    w.send(at_a, &Request::Call(vec![b.name.clone()]));
    w.send(at_b, &Request::AcceptCall(None));
    let ssrc = grant(&w.heard(at_a)).ssrc;
    w.heard(at_b);
    let entry = revocation(&second, &a);
    let Request::Register(mut register) = second.register(None) else { panic!("a registration") };
    register.entry = entry;
    let conn = greeted(&mut w);
    assert_eq!(w.ask(conn, &Request::Register(register)), []);
    assert_eq!(w.closed.get(&at_a), Some(&Drop::Revoked));
    assert_eq!(states(&w.heard(at_b)), [("alice".to_owned(), MemberState::Gone)]);
    let removed = |change: &Change| match change {
        Change::Remove { ssrc: out, .. } => *out == ssrc,
        Change::Close { .. } => true,
        _ => false,
    };
    assert!(w.relay.iter().any(removed), "its ticket admits no more: {:?}", w.relay);
    assert_eq!(w.store.fallback_prekey(&a.key(), &a.id()), None);
    assert_eq!(w.refused(conn, &a.auth(conn)), Why::Revoked);
    assert_eq!(w.ask(laptop, &Request::Ping), [Reply::Pong], "the others stay");
}

#[test]
fn an_account_that_has_had_all_its_devices_is_told_that_revoking_does_not_help() {
    let (mut w, a) = (World::new(), Person::new("alice"));
    let mut newest = Person::new("alice");
    w.join(&a);
    for n in 1..crate::limits::DEVICES_MAX {
        newest = newest.second(&format!("device {n}"));
        w.store.add_entry(&a.key(), &newest.entry);
    }
    w.store.add_entry(&a.key(), &revocation(&newest, &a));
    newest.list = DeviceList::verify(a.key(), &w.store.entries(&a.key())).unwrap();
    let conn = greeted(&mut w);
    let bytes = entry_bytes(&newest.list.addition(&Person::new("other").keys, 0));
    let sshsig = a.account.sign(DEVICE_NAMESPACE, &bytes);
    let Request::Register(mut register) = newest.register(None) else { panic!("a registration") };
    register.entry = Signed { bytes: bytes.into(), sshsig: sshsig.into() };
    let heard = w.ask(conn, &Request::Register(register));
    let [Reply::Refused(refused)] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!(refused.why, Why::Limit);
    assert!(refused.text.contains("revoked ones included"), "{}", refused.text);
}

/// What the account of both says of one of its devices.
fn revocation(by: &Person, of: &Person) -> Signed {
    let bytes = entry_bytes(&DeviceEntry { act: DeviceAct::Revoke, ..by.list.addition(&of.keys, 0) });
    let sshsig = by.account.sign(DEVICE_NAMESPACE, &bytes);
    Signed { bytes: bytes.into(), sshsig: sshsig.into() }
}

#[test]
fn contacts_are_told_of_a_new_device() {
    let (mut w, a, b) = (World::new(), Person::new("alice"), Person::new("bob"));
    let (at_a, _) = w.friends(&a, &b);
    let tablet = b.second("tablet");
    w.join(&tablet);
    let heads: Vec<_> = w
        .heard(at_a)
        .iter()
        .filter_map(|reply| match reply {
            Reply::Contact(c) => c.list_head,
            _ => None,
        })
        .collect();
    assert_eq!(heads.last(), Some(&tablet.list.head().into()));
}

#[test]
fn a_newer_connection_of_a_device_replaces_the_older() {
    let (mut w, a) = (World::new(), Person::new("alice"));
    let first = w.join(&a);
    let second = w.login(&a);
    assert_eq!(w.closed.get(&first), Some(&Drop::Replaced));
    w.input(Input::Closed(first));
    assert_eq!(w.hub.counts(), (1, 1, 0));
    assert_eq!(w.ask(second, &Request::Ping), [Reply::Pong]);
}

#[test]
fn a_login_that_takes_too_long_is_closed_and_a_silent_user_too() {
    let (mut w, a) = (World::new(), Person::new("alice"));
    let slow = w.open();
    w.wait(LOGIN_TIME_MAX - Duration::from_millis(1));
    w.send(slow, &hello());
    assert!(w.closed.is_empty());
    w.wait(Duration::from_millis(1));
    assert_eq!(w.closed.get(&slow), Some(&Drop::TooLate));
    let user = w.join(&a);
    w.wait(SILENT_AFTER - Duration::from_secs(1));
    w.send(user, &Request::Ping);
    w.wait(SILENT_AFTER - Duration::from_secs(1));
    assert!(!w.closed.contains_key(&user));
    w.wait(Duration::from_secs(1));
    assert_eq!(w.closed.get(&user), Some(&Drop::Silent));
    w.wait(Duration::from_secs(1));
    assert!(w.hub.is_idle());
}

#[test]
fn broken_streams_are_closed_by_name() {
    let mut w = World::new();
    let conn = w.open();
    w.input(Input::Bytes(conn, b"GET / HTTP/1.1\r\n"));
    assert_eq!(w.closed.get(&conn), Some(&Drop::Malformed));
    let conn = w.open();
    let mut big = Vec::new();
    crate::wire::frame::write_frame(&mut big, |out| {
        out.resize(out.len() + 1025, 0);
        301
    });
    w.input(Input::Bytes(conn, &big[..16]));
    assert_eq!(w.closed.get(&conn), Some(&Drop::Oversized));
    w.input(Input::Bytes(conn, &big));
    w.input(Input::Closed(conn));
    assert!(w.hub.is_idle());
}

#[test]
fn what_cannot_be_read_is_refused_and_the_connection_goes_on() {
    let mut w = World::new();
    let conn = w.open();
    let frame = |code: i32, payload: &[u8]| {
        let mut out = Vec::new();
        crate::wire::frame::write_frame(&mut out, |out| {
            out.extend_from_slice(payload);
            code
        });
        out
    };
    for (bytes, why) in [
        (frame(300, b"\xff"), Why::BadRequest),
        (frame(1, b"no such name"), Why::BadRequest),
        (frame(777, b""), Why::UnknownCode),
        (frame(201, b"bob"), Why::UnknownCode),
    ] {
        w.heard(conn);
        w.input(Input::Bytes(conn, &bytes));
        let heard = w.heard(conn);
        assert!(matches!(&heard[..], [Reply::Refused(r)] if r.why == why), "{heard:?}");
    }
    assert_eq!(w.drops, [Drop::Malformed; 4]);
    assert_eq!(w.ask(conn, &Request::Ping), [Reply::Pong]);
}

#[test]
fn a_flood_is_refused_and_then_closed() {
    let mut w = World::new();
    let conn = w.open();
    let mut pings = Vec::new();
    for _ in 0..8 {
        encode_request(&Request::Ping, &mut pings);
    }
    w.heard(conn);
    w.input(Input::Bytes(conn, &pings));
    assert_eq!(w.heard(conn), vec![Reply::Pong; 8]);
    assert_eq!(w.refused(conn, &Request::Ping), Why::TooFast);
    w.wait(Duration::from_secs(1));
    assert_eq!(w.ask(conn, &Request::Ping), [Reply::Pong]);
    w.input(Input::Bytes(conn, &pings));
    w.input(Input::Bytes(conn, &pings));
    assert_eq!(w.closed.get(&conn), Some(&Drop::Flood));
}

#[test]
fn new_accounts_of_one_network_are_metered() {
    let mut settings = settings();
    settings.limits.registrations = crate::limits::Bucket { burst: 1, per_second: 1 };
    let mut w = World::with(settings);
    let conn = greeted(&mut w);
    assert_eq!(w.ask(conn, &Person::new("alice").register(None)), []);
    assert_eq!(w.refused(conn, &Person::new("bob").register(None)), Why::TooFast);
}

#[test]
fn a_server_takes_so_many_accounts_and_no_more() {
    let mut settings = settings();
    settings.limits.accounts = 2;
    let (mut w, a) = (World::with(settings), Person::new("alice"));
    w.join(&a);
    w.join(&Person::new("bob"));
    let conn = greeted(&mut w);
    assert_eq!(w.full, 0);
    assert_eq!(w.refused(conn, &Person::new("carol").register(None)), Why::Limit);
    assert_eq!(w.full, 1, "only the operator can help");
    assert_eq!(w.ask(conn, &a.second("tablet").register(None)), [], "who is here may have another device");
}

#[test]
fn leaving_says_goodbye_and_ends_no_call() {
    let (mut w, a, b) = (World::new(), Person::new("alice"), Person::new("bob"));
    let (at_a, at_b) = w.friends(&a, &b);
    w.send(at_a, &Request::Call(vec![name("bob")]));
    w.heard(at_a);
    w.input(Input::Leave { retry: Duration::from_secs(2) });
    let heard = w.heard(at_a);
    assert!(matches!(heard[..], [Reply::Goaway(Goaway { retry_ms: 0..=2000 })]), "{heard:?}");
    assert_eq!((w.closed.get(&at_a), w.closed.get(&at_b)), (Some(&Drop::Leaving), Some(&Drop::Leaving)));
    assert!(w.relay.is_empty() && w.hub.is_idle());
}

#[test]
fn a_connection_without_an_exporter_is_closed() {
    let mut w = World::new();
    let (conn, from, at) = (ConnId(1), "10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
    w.ends.insert(conn, (Splitter::full(), Vec::new()));
    w.input(Input::Opened { conn, dialect: Dialect::Native, from, at, exporter: None });
    assert_eq!(w.closed.get(&conn), Some(&Drop::Tls));
    assert!(w.hub.is_idle());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// One who is logged in says anything at all: the hub stands, its tables agree, and nothing is left behind.
    #[test]
    fn no_user_can_break_the_house(
        requests in prop::collection::vec((any::<bool>(), crate::wire::arbitrary::request()), 0..60),
        junk in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut w = World::new();
        let (a, b) = (Person::new("alice"), Person::new("bob"));
        let (at_a, at_b) = w.friends(&a, &b);
        for (first, request) in &requests {
            let conn = if *first { at_a } else { at_b };
            if !w.closed.contains_key(&conn) {
                w.send(conn, request);
            }
        }
        for conn in [at_a, at_b] {
            w.input(Input::Bytes(conn, &junk));
            w.close(conn);
        }
        w.wait(Duration::from_secs(60));
        prop_assert!(w.hub.is_idle());
    }
}
