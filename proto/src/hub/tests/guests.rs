//! Users of plain doors: their names, their pace, and what they cannot do.

use super::plain::frame;
use super::*;
use crate::limits::{
    GUEST_ACCOUNTS_MAX, GUEST_NAMES_PER_PREFIX, GUEST_QUEUE_MAX, PLAIN_LOGIN_TIME_MAX, RING_HOLD_MAX,
    RING_TIME_MAX, SILENT_AFTER, TICKET_LIFE,
};
use core::net::IpAddr;

fn times(writes: &[(Time, Vec<u8>)]) -> Vec<u64> {
    let first = writes.first().map_or(Time::ZERO, |(at, _)| *at);
    writes.iter().map(|(at, _)| at.since(first).as_millis().try_into().unwrap()).collect()
}

fn guest(who: &str) -> Fingerprint {
    guest_fingerprint(&name(who))
}

#[test]
fn frames_go_out_one_at_a_time_30_ms_apart_and_packets_50() {
    let mut w = World::new();
    let askers = ["ann", "ben", "carl"];
    for (n, who) in (1..).zip(askers) {
        let conn = w.guest_a(who, &format!("10.0.{n}.1"));
        for whom in ["alice", "bob"] {
            w.store.add_account(&Account::guest(name(whom)));
            w.say_a(conn, &format!("001 {whom}"));
        }
    }
    let (a, b) = (w.open_plain(Dialect::Binary, "10.9.0.1"), w.open_plain(Dialect::Text, "10.9.0.2"));
    w.say_a(a, "000 alice");
    w.say_b(b, "1 bob");
    w.wait(Duration::from_secs(1));
    assert_eq!(times(&w.writes(a)), [0, 30, 60, 90, 120], "200, 201 and three 207");
    assert_eq!(times(&w.writes(b)), [0, 50, 100, 150, 200], "0, 2 and three 10");
}

#[test]
fn nothing_is_said_to_one_who_is_asked_about_a_call_until_the_answer() {
    let mut w = World::new();
    let (a, b) = (w.guest_a("alice", "10.0.0.1"), w.guest_a("bob", "10.0.0.2"));
    let c = w.guest_a("carol", "10.0.0.3");
    let ring = |w: &mut World| {
        w.say_a(a, "100 bob");
        w.say_a(c, "001 bob");
        assert_eq!(w.read_a(b), ["211 alice:10.0.0.1"]);
        assert_eq!(w.read_a(b), Vec::<String>::new());
    };
    ring(&mut w);
    w.say_a(b, "102");
    assert_eq!(w.read_a(b), ["207 carol"]);
    w.say_a(b, "003 carol");
    ring(&mut w);
    w.wait(RING_TIME_MAX);
    assert_eq!(w.read_a(b), Vec::<String>::new(), "its question is still on the screen");
    w.wait(RING_HOLD_MAX - RING_TIME_MAX);
    assert_eq!(w.read_a(b), ["207 carol"]);
}

#[test]
fn a_question_about_a_call_is_answered_by_a_yes_or_a_no_only() {
    let mut w = World::new();
    let (a, b) = (w.guest_a("alice", "10.0.0.1"), w.guest_a("bob", "10.0.0.2"));
    w.say_a(a, "100 bob");
    assert_eq!(w.read_a(b), ["211 alice:10.0.0.1"]);
    assert_eq!(w.ask_a(b, "100 nobody"), Vec::<String>::new(), "the question is still on the screen");
    w.say_a(b, "102");
    assert_eq!(w.read_a(b), ["400 nobody is called nobody here; check the spelling"]);
    w.say_a(a, "100 bob");
    w.read_a(b);
    w.say_a(a, "103");
    assert_eq!(w.ask_a(b, "100 alice"), ["208"], "nothing rings, so it does something else");
}

#[test]
fn a_call_that_ended_before_it_could_be_told_is_not() {
    let mut w = World::new();
    let (a, b) = (w.guest_a("alice", "10.0.0.1"), w.guest_a("bob", "10.0.0.2"));
    let c = w.guest_a("carol", "10.0.0.3");
    w.say_a(a, "100 bob");
    w.read_a(b);
    w.say_a(a, "103");
    w.say_a(c, "100 bob");
    w.say_a(c, "103");
    w.say_a(c, "001 bob");
    w.say_a(b, "101");
    assert_eq!(w.read_a(b), ["207 carol", "400 there is no such call; it may be over already"]);
}

#[test]
fn one_who_does_not_read_is_closed_and_not_kept_in_memory() {
    let mut w = World::new();
    let (a, b) = (w.guest_a("alice", "10.0.0.1"), w.guest_a("bob", "10.0.0.2"));
    w.say_a(a, "100 bob");
    let mut asked = 0;
    while !w.closed.contains_key(&b) {
        w.say_a(b, "005");
        asked += 1;
        w.wait(Duration::from_millis(26));
        assert!(asked <= GUEST_QUEUE_MAX + 2);
    }
    assert_eq!(w.closed[&b], Drop::TooSlow);
}

#[test]
fn seed_a_frames_are_read_however_they_were_cut() {
    let stream = [frame("000 alice"), frame("001 nobody"), frame("005")].concat();
    for step in [1, 15, 16, 17, 1_460, 2_063, 2_065, 10_000] {
        let mut w = World::new();
        let conn = w.open_plain(Dialect::Binary, "10.0.0.1");
        for piece in stream.chunks(step) {
            w.input(Input::Bytes(conn, piece));
        }
        assert_eq!(w.read_a(conn), ["200 10.0.0.1", "201 alice", "400 Doesn't exists", "206"], "{step}");
    }
}

#[test]
fn what_is_no_frame_is_answered_once_and_closed() {
    let mut oversized = frame("000 alice");
    oversized[8..16].copy_from_slice(&2_048_u64.to_le_bytes());
    for (junk, reason) in [(b"GET / HTTP/1.1\r\n".to_vec(), Drop::Malformed), (oversized, Drop::Oversized)] {
        let mut w = World::new();
        let conn = w.open_plain(Dialect::Binary, "10.0.0.1");
        w.input(Input::Bytes(conn, &junk));
        assert_eq!(w.read_a(conn), ["200 10.0.0.1", "400 this is no frame of the binary protocol"]);
        assert_eq!(w.closed[&conn], reason);
        assert!(w.hub.is_idle());
    }
}

#[test]
fn merged_padded_and_cut_packets_of_seed_b_are_understood() {
    let mut w = World::new();
    let b = w.guest_b("ben", "10.0.1.2", 4002);
    let conn = w.open_plain(Dialect::Text, "10.0.1.1");
    assert_eq!(w.ask_b(conn, "0 40011 ann"), ["2"]);
    assert_eq!(w.ask_b(conn, "7 ben\0junk"), ["8 ben"]);
    assert_eq!(w.ask_b(b, "011 ann007 ann"), ["13 10.0.1.1 4001 ann", "8 ann"]);
    let long = "7 ".to_owned() + &"x".repeat(600);
    w.ask_b(conn, &long);
    assert_eq!(w.ask_b(conn, "7 ben"), ["8 ben"], "and lives on");
}

#[test]
fn friends_are_told_once_in_a_session_also_after_a_restart() {
    let mut w = World::new();
    let (a, b) = (w.guest_b("ann", "10.0.1.1", 4001), w.guest_b("ben", "10.0.1.2", 4002));
    w.say_b(a, "7 ben");
    assert_eq!(w.ask_b(b, "11 ann"), ["13 10.0.1.1 4001 ann"]);
    w.read_b(a);
    w.close(b);
    let b = w.guest_b("ben", "10.0.1.2", 4003);
    assert_eq!(w.read_b(a), Vec::<String>::new(), "the port changed, but a second 013 would only be listed");
    assert_eq!(w.read_b(b), Vec::<String>::new(), "it came with the login");
    w.restart();
    let a = w.guest_b("ann", "10.0.1.1", 4001);
    assert_eq!(w.read_b(a), Vec::<String>::new(), "nobody else is here");
    let b = w.open_plain(Dialect::Text, "10.0.1.2");
    w.say_b(b, "0 4002");
    w.say_b(b, "1 ben");
    assert_eq!(w.read_b(b), ["0", "2", "13 10.0.1.1 4001 ann"]);
    assert_eq!(w.read_b(a), ["13 10.0.1.2 4002 ben"]);
}

#[test]
fn a_port_that_changes_without_end_bothers_nobody() {
    let mut w = World::new();
    let nat = Person::new("nat");
    let at_nat = w.join(&nat);
    let a = w.guest_b("ann", "10.0.1.1", 4001);
    w.say_b(a, "7 nat");
    w.send(at_nat, &Request::Accept(name("ann")));
    w.wait(Duration::from_secs(5));
    w.heard(at_nat);
    for port in 4002..4006 {
        w.say_b(a, &format!("0 {port}"));
    }
    w.wait(Duration::from_secs(5));
    assert_eq!(w.heard(at_nat), []);
}

#[test]
fn another_name_on_the_same_connection_is_told_of_its_friends_anew() {
    let mut w = World::new();
    let (a, b) = (w.guest_b("ann", "10.0.1.1", 4001), w.guest_b("ben", "10.0.1.2", 4002));
    w.say_b(a, "7 ben");
    w.say_b(b, "11 ann");
    assert!(w.read_b(a).contains(&"13 10.0.1.2 4002 ben".to_owned()));
    w.say_b(a, "1 amy");
    w.say_b(a, "7 ben");
    w.read_b(a);
    w.say_b(b, "11 amy");
    assert_eq!(w.read_b(a), ["13 10.0.1.2 4002 ben"]);
}

#[test]
fn calls_that_take_the_server_for_somebody_are_metered() {
    let mut w = World::new();
    let conn = w.open_plain(Dialect::Text, "10.0.1.1");
    for _ in 0..2 * GUEST_QUEUE_MAX {
        if w.closed.contains_key(&conn) {
            break;
        }
        w.say_b(conn, "4 x");
    }
    assert_eq!(w.closed.get(&conn), Some(&Drop::Flood));
}

#[test]
fn new_names_of_guests_do_not_keep_keys_from_registering() {
    let mut w = World::new();
    // The tests' native connections come from networks of their own; this one is of the first's.
    let last = (0..=GUEST_NAMES_PER_PREFIX.burst).map(|n| {
        let conn = w.open_plain(Dialect::Binary, "10.1.99.7");
        w.say_a(conn, &format!("000 guest{n}"));
        conn
    });
    let last = last.last().unwrap();
    w.next = 99;
    w.join(&Person::new("nat"));
    assert_eq!(w.read_a(last)[1], "400 too many requests; wait a few seconds and try again");
}

#[test]
fn a_key_that_claims_a_guests_name_inherits_nothing() {
    let mut w = World::new();
    let (a, b) = (w.guest_a("alice", "10.0.0.1"), w.guest_b("bob", "10.0.1.1", 4001));
    let nat = Person::new("nat");
    let at_nat = w.join(&nat);
    for who in [a, b] {
        let add = if who == a { "001 nat" } else { "7 nat" };
        if who == a { w.say_a(who, add) } else { w.say_b(who, add) }
    }
    w.send(at_nat, &Request::Accept(name("alice")));
    w.send(at_nat, &Request::Accept(name("bob")));
    w.send(at_nat, &Request::Call(vec![name("alice")]));
    w.read_a(a);
    w.say_a(a, "101");
    w.read_a(a);
    w.read_b(b);
    w.heard(at_nat);

    let at_alice = w.join(&Person::new("Alice"));
    let at_bob = w.join(&Person::new("bob"));
    assert_eq!(w.read_a(a), ["401 Alice"]);
    assert_eq!(w.read_b(b), ["3"]);
    let heard = w.heard(at_nat);
    assert_eq!(states(&heard), [("alice".into(), MemberState::Gone)]);
    let told: Vec<_> = heard.iter().filter_map(contact).collect();
    for who in ["alice", "bob"] {
        assert!(told.contains(&(who.into(), Standing::None, Presence::Offline)), "{told:?}");
        assert_eq!(w.store.account(&guest(who)), None);
        assert_eq!(w.store.contacts(&guest(who)), []);
    }
    for conn in [at_alice, at_bob] {
        assert_eq!(w.ask(conn, &Request::List(None)), [Reply::Contacts(Vec::new())]);
    }
    assert_eq!(w.ask(at_nat, &Request::List(None)), [Reply::Contacts(Vec::new())]);
    assert_eq!(w.ask_a(a, "000 alice"), ["403 the name alice is taken here; choose another"]);
    assert_eq!(w.ask_a(a, "005"), ["403 log in first"]);
    assert_eq!(w.ask_a(a, "000 alice2"), ["201 alice2"]);
}

#[test]
fn a_guests_name_is_whoevers_first_says_it_and_contacts_wait_for_it() {
    let mut w = World::new();
    let (a, b) = (w.guest_a("alice", "10.0.0.1"), w.guest_a("bob", "10.0.0.2"));
    w.say_a(a, "001 bob");
    w.say_a(b, "002 alice");
    w.close(a);
    let b_again = w.guest_b("Alice", "10.0.1.1", 4001);
    assert_eq!(w.store.guest_count(), 2);
    assert_eq!(w.read_b(b_again), Vec::<String>::new());
    w.close(b_again);
    let a = w.guest_a("alice", "10.9.9.9");
    assert_eq!(w.ask_a(a, "005"), ["206 bob;"]);
}

#[test]
fn names_that_nobody_knows_make_room_and_those_of_contacts_do_not() {
    let mut w = World::new();
    let (a, b) = (w.guest_a("alice", "10.1.0.1"), w.guest_a("bob", "10.1.0.2"));
    w.say_a(a, "001 bob");
    w.close(b);
    let lurker = w.guest_a("lurker", "10.1.0.3");
    for n in 0..GUEST_ACCOUNTS_MAX - 3 {
        w.store.add_account(&Account::guest(name(&format!("g{n}"))));
    }
    let new = w.open_plain(Dialect::Binary, "10.0.0.1");
    assert_eq!(w.ask_a(new, "000 one-more"), ["201 one-more"]);
    assert_eq!(w.store.guest_count(), GUEST_ACCOUNTS_MAX);
    for kept in ["alice", "bob", "lurker"] {
        assert!(w.store.account_named(&name(kept)).is_some(), "{kept}");
    }
    let _ = lurker;
}

#[test]
fn there_are_not_more_names_than_fit() {
    let mut w = World::new();
    let friend = Account::guest(name("g0"));
    for n in 0..GUEST_ACCOUNTS_MAX {
        let account = Account::guest(name(&format!("g{n}")));
        w.store.add_account(&account);
        w.store.set_standing(&friend.fingerprint, &account.fingerprint, Standing::Asked);
    }
    let (a, b) = (w.open_plain(Dialect::Binary, "10.0.0.1"), w.open_plain(Dialect::Text, "10.0.1.1"));
    assert_eq!(w.ask_a(a, "000 one-more"), ["400 this server takes no more names; tell its operator"]);
    assert_eq!(w.ask_b(b, "1 one-more"), ["3"]);
    assert_eq!(w.ask_a(a, "000 g7"), ["201 g7"]);
}

#[test]
fn somebody_must_type_a_name_and_may_be_silent_then() {
    let mut w = World::new();
    let (slow, quiet) = (w.open_plain(Dialect::Binary, "10.0.0.1"), w.guest_a("alice", "10.0.0.2"));
    let text = w.guest_b("ann", "10.0.1.1", 4001);
    w.wait(PLAIN_LOGIN_TIME_MAX + SILENT_AFTER);
    assert_eq!(w.closed.into_iter().collect::<Vec<_>>(), [(slow, Drop::TooLate)]);
    let _ = (quiet, text);
}

#[test]
fn the_relay_is_told_of_each_guest_that_is_in_and_again_before_it_forgets() {
    let mut w = World::new();
    let (a, b) = (w.guest_a("alice", "10.0.0.1"), w.guest_a("bob", "10.0.0.2"));
    w.say_a(a, "100 bob");
    let [Change::Seat { relay, ssrc, address, expiry }] = w.relay[..] else { panic!("{:?}", w.relay) };
    assert_eq!(address, "10.0.0.1".parse::<IpAddr>().unwrap());
    w.say_a(b, "101");
    assert!(
        matches!(w.relay[1], Change::Seat { address, .. } if address == "10.0.0.2".parse::<IpAddr>().unwrap())
    );
    w.wait(TICKET_LIFE);
    let newest = w.relay.iter().filter_map(|change| match change {
        Change::Seat { relay: r, ssrc: s, expiry, .. } if (*r, *s) == (relay, ssrc) => Some(*expiry),
        _ => None,
    });
    assert_eq!(newest.collect::<Vec<_>>(), [expiry, expiry + 300, expiry + 600]);
    w.say_a(a, "103");
    assert!(matches!(w.relay.last(), Some(Change::Close { relay: r, .. }) if *r == relay));
    assert_eq!(w.ask_a(b, "100 alice"), ["208"], "both are free");
}

#[test]
fn one_guest_makes_the_whole_call_plain() {
    let mut w = World::new();
    let (nat, tina) = (Person::new("nat"), Person::new("tina"));
    let (at_nat, at_tina) = w.friends(&nat, &tina);
    let a = w.guest_a("alice", "10.0.0.1");
    w.say_a(a, "001 nat");
    w.send(at_nat, &Request::Accept(name("alice")));
    let own = grant(&w.ask(at_nat, &Request::Call(vec![name("tina"), name("alice")])));
    let theirs = grant(&w.heard(at_tina));
    assert!(own.plain && theirs.plain);
    let alice = own.members.iter().find(|member| member.name == name("alice")).unwrap();
    assert_eq!((&alice.principal, alice.device), (&Principal::Guest(name("alice")), None));
    assert!(theirs.members.contains(alice));
    assert_eq!(w.relay, [], "who only rings has no place at the relay");
    w.read_a(a);
    w.say_a(a, "101");
    let seat = Change::Seat {
        relay: own.relay,
        ssrc: alice.ssrc,
        address: "10.0.0.1".parse().unwrap(),
        expiry: u32::try_from(w.now().wall.0 / 1_000).unwrap() + 600,
    };
    assert_eq!(w.relay, [seat]);
    assert_eq!(joined(&w.heard(at_nat)), [("alice".into(), None)]);
    w.say_a(a, "103");
    assert!(matches!(w.relay[1], Change::Remove { ssrc, .. } if ssrc == alice.ssrc));
    w.send(at_tina, &Request::HangUp(None));
    w.send(at_nat, &Request::HangUp(None));
    assert!(!grant(&w.ask(at_nat, &Request::Call(vec![name("tina")]))).plain);
}

#[test]
fn a_plain_call_of_natives_is_still_plain_after_a_restart_and_a_sealed_one_never_becomes_it() {
    let mut w = World::new();
    let (nat, tina) = (Person::new("nat"), Person::new("tina"));
    let (at_nat, at_tina) = w.friends(&nat, &tina);
    let a = w.guest_a("alice", "10.0.0.1");
    w.say_a(a, "001 nat");
    w.send(at_nat, &Request::Accept(name("alice")));
    let own = grant(&w.ask(at_nat, &Request::Call(vec![name("tina"), name("alice")])));
    let theirs = grant(&w.ask(at_tina, &Request::AcceptCall(None)));
    w.restart();
    let (at_nat, at_tina) = (w.login(&nat), w.login(&tina));
    for lie in [own.clone(), theirs.clone()] {
        let lie = Request::Rejoin(Box::new(Grant { plain: false, ..lie }));
        assert_eq!(w.refused(at_nat, &lie), Why::NoCall, "also of the first one who comes back");
    }
    assert!(grant(&w.ask(at_nat, &Request::Rejoin(Box::new(own.clone())))).plain);
    let sealed = Grant { plain: false, ..theirs.clone() };
    assert_eq!(w.refused(at_tina, &Request::Rejoin(Box::new(sealed))), Why::NoCall);
    assert!(grant(&w.ask(at_tina, &Request::Rejoin(Box::new(theirs)))).plain);
    w.restart();
    let at_nat = w.login(&nat);
    let alone =
        Grant { members: vec![own.members.iter().find(|m| m.device.is_none()).unwrap().clone()], ..own };
    assert_eq!(w.refused(at_nat, &Request::Rejoin(Box::new(alone))), Why::NoCall, "a guest has no ticket");
}

#[test]
fn a_guest_that_goes_is_out_of_its_call_at_once() {
    let mut w = World::new();
    let (a, b) = (w.guest_a("alice", "10.0.0.1"), w.guest_a("bob", "10.0.0.2"));
    w.say_a(a, "100 bob");
    w.close(b);
    assert!(w.hub.rooms.is_empty());
    let b = w.guest_a("bob", "10.0.0.2");
    w.say_a(a, "100 bob");
    w.say_a(b, "101");
    w.close(a);
    assert!(w.hub.rooms.is_empty());
}

#[test]
fn one_without_an_ipv4_address_is_no_partner_for_a_call() {
    let mut w = World::new();
    let (a, b) = (w.guest_a("alice", "10.0.0.1"), w.guest_a("bob", "2001:db8::1"));
    let mapped = w.guest_a("carol", "::ffff:10.0.0.3");
    assert_eq!(w.ask_a(a, "100 bob"), ["400 bob uses a program that cannot be called from here"]);
    assert_eq!(w.ask_a(a, "100 bob;carol"), ["208"]);
    assert_eq!(w.read_a(mapped), ["211 alice:10.0.0.1"]);
    assert_eq!(w.ask_a(b, "100 alice"), ["400 your address is not one that this protocol can call"]);
}

#[test]
fn there_is_nothing_sealed_for_a_guest() {
    let mut w = World::new();
    let nat = Person::new("nat");
    let at_nat = w.join(&nat);
    let a = w.guest_a("alice", "10.0.0.1");
    w.say_a(a, "001 nat");
    w.send(at_nat, &Request::Accept(name("alice")));
    w.heard(at_nat);
    for principal in [Principal::Guest(name("alice")), Principal::Key(guest("alice"))] {
        assert_eq!(w.refused(at_nat, &Request::WantDevices(WantDevices { principal })), Why::NotContact);
    }
}

#[test]
fn native_words_on_a_plain_door_are_unknown_and_a_name_alone_opens_no_native_one() {
    let mut w = World::new();
    let a = w.guest_a("alice", "10.0.0.1");
    assert!(w.ask_a(a, "313")[0].starts_with("404 "));
    let conn = w.open();
    w.heard(conn);
    assert_eq!(w.refused(conn, &Request::Login(name("bob"))), Why::Unsupported);
}

#[test]
fn guests_behind_one_address_have_one_call_between_them() {
    let mut w = World::new();
    let nat = Person::new("nat");
    let at_nat = w.join(&nat);
    let (a, b) = (w.guest_a("alice", "10.0.0.1"), w.guest_a("bob", "::ffff:10.0.0.1"));
    let c = w.guest_a("carol", "10.0.0.3");
    for (conn, who) in [(a, "alice"), (b, "bob")] {
        w.say_a(conn, "001 nat");
        w.send(at_nat, &Request::Accept(name(who)));
        w.read_a(conn);
    }
    w.heard(at_nat);
    let busy =
        "400 somebody at your address is in a call, and this protocol has one for each; wait for its end";
    let nobody = "400 none of them can be called just now";
    assert_eq!(w.ask_a(a, "100 bob"), [nobody], "nor with each other");

    let heard = w.ask(at_nat, &Request::Call(vec![name("alice"), name("bob")]));
    assert_eq!(states(&heard), [("alice".into(), MemberState::Ringing), ("bob".into(), MemberState::Busy)]);
    assert_eq!(w.read_a(b), Vec::<String>::new());
    assert_eq!(w.ask_a(b, "100 carol"), [busy], "it rings there");
    w.read_a(a);
    w.say_a(a, "101");
    assert_eq!(w.ask_a(b, "100 carol"), [busy], "and is answered there");
    assert_eq!(w.ask_a(c, "100 bob"), [nobody]);
    let seats = |w: &World| w.relay.iter().filter(|change| matches!(change, Change::Seat { .. })).count();
    assert_eq!(seats(&w), 1);

    w.say_a(a, "103");
    w.heard(at_nat);
    assert_eq!(w.ask_a(b, "100 carol"), ["208"]);
    let [.., Change::Remove { .. } | Change::Close { .. }, Change::Seat { .. }] = w.relay[..] else {
        panic!("{:?}", w.relay)
    };
    w.close(b);
    assert_eq!(w.ask_a(a, "100 carol"), ["208"], "a connection that is gone holds nothing");
}

#[test]
fn who_only_rings_in_a_plain_call_is_not_let_in_at_the_relay_before_the_yes() {
    let mut w = World::new();
    let (nat, tina) = (Person::new("nat"), Person::new("tina"));
    let (at_nat, at_tina) = w.friends(&nat, &tina);
    let a = w.guest_a("alice", "10.0.0.1");
    w.say_a(a, "001 nat");
    w.send(at_nat, &Request::Accept(name("alice")));
    w.heard(at_nat);
    let admits = |grant: &Grant| {
        let ticket = crate::crypto::mac::ticket(&[9; 32], grant.relay, grant.ssrc, grant.expiry);
        let none = *grant.ticket == [0; 32];
        assert_ne!(none, *grant.ticket == ticket, "a ticket, or none");
        !none
    };
    let own = grant(&w.ask(at_nat, &Request::Call(vec![name("tina"), name("alice")])));
    assert!(admits(&own), "the caller is in");
    let rung = grant(&w.heard(at_tina));
    assert!(!admits(&rung));
    let call = rung.call;
    assert!(!admits(&grant(&w.ask(at_tina, &Request::Renew(Renew { call })))));
    w.close(at_tina);
    let at_tina = w.login(&tina);
    w.heard(at_tina);
    let back = Request::Rejoin(Box::new(rung.clone()));
    assert!(!admits(&grant(&w.ask(at_tina, &back))), "it still rings");
    let another = Request::Rejoin(Box::new(Grant { ssrc: own.ssrc, ..rung.clone() }));
    assert_eq!(w.refused(at_tina, &another), Why::NoCall);
    w.heard(at_nat);
    let heard = w.ask(at_tina, &Request::AcceptCall(Some(call)));
    let [Reply::Grant(ticket), Reply::CallAccepted(_), Reply::CallState(_)] = &heard[..] else {
        panic!("{heard:?}")
    };
    assert!(admits(ticket));
    assert_eq!((ticket.relay, ticket.ssrc), (rung.relay, rung.ssrc));
    assert!(grant(&w.ask(at_tina, &Request::AcceptCall(Some(call)))).plain, "said twice, told twice");
    w.read_a(a);
    w.say_a(a, "100 nat");
    w.heard(at_nat);
    w.send(at_tina, &Request::HangUp(None));
    w.send(at_nat, &Request::HangUp(None));
    w.read_a(a);
    w.say_a(a, "100 nat");
    let rung = grant(&w.heard(at_nat));
    assert!(!admits(&rung), "nor when a guest calls");
    let crossed = w.ask(at_nat, &Request::Call(vec![name("alice")]));
    assert!(admits(&grant(&crossed)), "calling the caller is a yes");
}
