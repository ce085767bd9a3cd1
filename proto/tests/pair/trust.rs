//! Who is trusted, and who may log in.

use super::*;

#[test]
fn a_first_start_registers_and_logs_in() {
    let mut pair = Pair::new(&["alice"]);
    assert_eq!(pair.people[A].told(), [Event::LoggedIn(name("alice"))]);
    assert!(pair.people[A].drops.is_empty(), "{:?}", pair.people[A].drops);
}

#[test]
fn a_restart_logs_in_without_the_account_key() {
    let mut pair = Pair::new(&["alice"]);
    pair.stop(A);
    pair.people[A].signs = false;
    pair.people[A].events.clear();
    pair.start_nameless(A);
    assert_eq!(pair.people[A].told(), [Event::LoggedIn(name("alice"))]);
}

#[test]
fn an_unknown_key_is_shown_and_nothing_is_sent_until_it_is_trusted() {
    let mut pair = Pair::new(&[]);
    let at = pair.quiet_person("alice");
    pair.people[at].settings = |p| proto::client::Settings { expect: None, ..p.default_settings() };
    pair.start(at);
    assert_eq!(pair.people[at].told(), [Event::ServerKeyUnknown(SERVER)]);
    pair.run(Duration::from_secs(60));
    assert!(pair.people[at].told().is_empty(), "a human takes time, and is not asked twice");
    pair.say(at, Command::TrustServer);
    pair.run(SOON);
    assert!(pair.people[at].told().contains(&Event::LoggedIn(name("alice"))));
}

#[test]
fn a_changed_key_is_a_full_stop() {
    let mut pair = Pair::new(&["alice"]);
    let other = Fingerprint([0xbb; 32]);
    pair.people[A].server = other;
    pair.people[A].events.clear();
    pair.cut(A);
    pair.run(Duration::from_secs(60));
    assert_eq!(pair.people[A].told(), [Event::ServerKeyChanged { pinned: SERVER, shown: other }]);
    pair.people[A].server = SERVER;
    pair.say(A, Command::Reconnect);
    pair.run(Duration::from_secs(60));
    assert!(pair.people[A].told().is_empty(), "not even on demand");
}

#[test]
fn a_named_key_counts_beside_the_pinned_one() {
    let mut pair = Pair::new(&["alice"]);
    let other = Fingerprint([0xbb; 32]);
    pair.stop(A);
    pair.people[A].events.clear();
    pair.people[A].settings =
        |p| proto::client::Settings { expect: Some(Fingerprint([0xbb; 32])), ..p.default_settings() };
    pair.start_nameless(A);
    pair.run(Duration::from_secs(60));
    assert_eq!(pair.people[A].told(), [Event::ServerKeyChanged { pinned: other, shown: SERVER }]);
}

#[test]
fn a_key_that_a_person_names_replaces_the_pinned_one() {
    let mut pair = Pair::new(&[]);
    let at = pair.quiet_person("alice");
    let mut again = |server: Fingerprint, settings: fn(&Person) -> proto::client::Settings| {
        pair.stop(at);
        let person = &mut pair.people[at];
        (person.server, person.settings) = (server, settings);
        person.events.clear();
        pair.start(at);
        pair.people[at].told()
    };
    // What is kept from here on is pinned and signed for a key that is not the server's.
    let told = again(Fingerprint([0xbb; 32]), |p| proto::client::Settings {
        expect: Some(Fingerprint([0xbb; 32])),
        ..p.default_settings()
    });
    assert!(matches!(told.as_slice(), [Event::LoginRefused { why: Why::BadSignature, .. }]), "{told:?}");
    let told = again(SERVER, Person::default_settings);
    assert!(
        matches!(told.as_slice(), [Event::ServerKeyChanged { .. }]),
        "an invite is no such word: {told:?}"
    );
    let named =
        |p: &Person| proto::client::Settings { expect: None, pin: Some(SERVER), ..p.default_settings() };
    let told = again(Fingerprint([0xbb; 32]), named);
    assert!(matches!(told.as_slice(), [Event::ServerKeyChanged { .. }]), "nor is another key: {told:?}");
    assert_eq!(again(SERVER, named), [Event::LoggedIn(name("alice"))]);
    let told = again(SERVER, |p| proto::client::Settings { expect: None, ..p.default_settings() });
    assert_eq!(told, [Event::LoggedIn(name("alice"))], "once is enough");
}

#[test]
fn who_is_asked_to_wait_is_told_so_and_gets_in_later() {
    let mut pair = Pair::new(&[]);
    let all: Vec<usize> = (0..=proto::limits::REGISTRATIONS_PER_PREFIX.burst)
        .map(|n| pair.quiet_person(&format!("guest{n}")))
        .collect();
    all.iter().for_each(|at| pair.start(*at));
    let last = *all.last().unwrap();
    let told = pair.people[last].told();
    let [Event::Refused { of: proto::client::Matter::Login, why: Why::TooFast, text }] = told.as_slice()
    else {
        panic!("{told:?}")
    };
    assert!(text.as_str().contains("wait a minute"), "{text}");
    pair.run(Duration::from_secs(60));
    assert!(pair.people[last].told().contains(&Event::LoggedIn(name(&format!("guest{}", all.len() - 1)))));
}

#[test]
fn who_can_never_come_in_is_told_why_and_stays_out() {
    let mut pair = Pair::new(&["alice"]);
    let mut last = A;
    for _ in 0..proto::limits::DEVICES_MAX {
        last = pair.quiet_person("alice");
        pair.people[last].key = proto::crypto::identity::AccountKey::from_seed(&[1; 32], "alice");
        pair.start(last);
    }
    let told = pair.people[last].told();
    assert!(matches!(told.as_slice(), [Event::LoginRefused { why: Why::Limit, .. }]), "{told:?}");
    pair.run(Duration::from_secs(300));
    assert!(pair.people[last].told().is_empty(), "it is not tried again");
}

#[test]
fn without_a_name_it_asks_for_one_and_waits() {
    let mut pair = Pair::new(&[]);
    let at = pair.quiet_person("alice");
    pair.start_nameless(at);
    assert_eq!(pair.people[at].told(), [Event::NameWanted]);
    pair.run(Duration::from_secs(60));
    pair.say(at, Command::Join(name("alice")));
    pair.run(SOON);
    assert_eq!(pair.people[at].told(), [Event::LoggedIn(name("alice"))]);
}

#[test]
fn a_taken_name_is_refused_and_another_one_works() {
    let mut pair = Pair::new(&["alice"]);
    let at = pair.person("Alice");
    pair.run(SOON);
    let told = pair.people[at].told();
    assert!(matches!(told.as_slice(), [Event::LoginRefused { why: Why::NameTaken, .. }]), "{told:?}");
    pair.say(at, Command::Join(name("alice2")));
    pair.run(SOON);
    assert_eq!(pair.people[at].told(), [Event::LoggedIn(name("alice2"))]);
}

#[test]
fn a_second_device_of_an_account_joins_its_list() {
    let mut pair = Pair::new(&["alice"]);
    let at = pair.quiet_person("alice");
    pair.people[at].key = proto::crypto::identity::AccountKey::from_seed(&[1; 32], "alice");
    pair.start(at);
    pair.run(SOON);
    assert_eq!(pair.people[at].told(), [Event::LoggedIn(name("alice"))]);
}

#[test]
fn a_server_that_forgot_everything_is_joined_again() {
    let mut pair = Pair::new(&["alice"]);
    pair.people[A].events.clear();
    pair.stop_server();
    pair.store = proto::hub::Mem::default();
    pair.start_server();
    pair.run(Duration::from_secs(5));
    assert_eq!(pair.people[A].told(), [Event::LoggedIn(name("alice"))]);
}

#[test]
fn an_outage_is_told_once_and_mended() {
    let mut pair = Pair::new(&["alice"]);
    pair.people[A].events.clear();
    pair.people[A].reachable = false;
    pair.cut(A);
    pair.run(Duration::from_secs(300));
    let away = |e: &&Event| matches!(e, Event::Link(LinkState::Away { .. }));
    let tries = pair.people[A].events.iter().filter(away).count();
    assert!((8..60).contains(&tries), "{tries} tries in five minutes");
    pair.people[A].reachable = true;
    pair.run(Duration::from_secs(31));
    assert_eq!(pair.people[A].told(), [Event::LoggedIn(name("alice"))]);
}

#[test]
fn junk_from_the_server_is_dropped_and_the_line_made_again() {
    let mut pair = friends();
    pair.input(A, proto::client::Input::Bytes(&[0xff; 64]));
    assert!(!pair.people[A].drops.contains(&Drop::Malformed));
    pair.settle();
    assert!(pair.people[A].drops.contains(&Drop::Malformed));
    pair.run(Duration::from_secs(31));
    assert!(pair.people[A].told().contains(&Event::LoggedIn(name("alice"))));
}

#[test]
fn settings_that_trust_first_pin_what_they_saw() {
    let mut pair = Pair::new(&[]);
    let at = pair.quiet_person("alice");
    pair.people[at].settings =
        |p: &Person| proto::client::Settings { expect: None, trust_first: true, ..p.default_settings() };
    pair.start(at);
    assert_eq!(pair.people[at].told(), [Event::LoggedIn(name("alice"))]);
    pair.people[at].server = Fingerprint([0xbb; 32]);
    pair.cut(at);
    pair.run(SOON);
    assert!(matches!(pair.people[at].told().as_slice(), [Event::ServerKeyChanged { .. }]));
}
