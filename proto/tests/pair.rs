//! Two people and a server, end to end: who trusts whom, who knows whom, texts, calls, and what survives.

use core::time::Duration;

use proto::Drop;
use proto::client::{Command, EndReason, Event, Kind, LinkState, MessageState};
use proto::id::Fingerprint;
use proto::invite::Invite;
use proto::limits::{RECONNECT_MAX_IN_CALL, RING_TIME_MAX, TICKET_LIFE};
use proto::media::{CallCommand, CallEvent};
use proto::wire::record::{Presence, Standing, Why};

#[path = "pair/greetings.rs"]
mod greetings;
#[path = "pair/guests.rs"]
mod guests;
#[path = "pair/many.rs"]
mod many;
#[path = "pair/mod.rs"]
mod pair;
#[path = "pair/storm.rs"]
mod storm;
use pair::{Pair, Person, SERVER, name};

const A: usize = 0;
const B: usize = 1;
const SOON: Duration = Duration::from_secs(2);

fn friends() -> Pair {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.befriend(A, B);
    pair
}

fn say(pair: &mut Pair, from: usize, to: &str, text: &str) {
    pair.say(from, Command::Say { to: name(to), text: text.into(), echo: 7 });
}

/// What was said to this person, in order.
fn heard(pair: &mut Pair, at: usize) -> Vec<String> {
    let said =
        |event: Event| if let Event::Said { text, .. } = event { Some(text.to_string()) } else { None };
    pair.people[at].told().into_iter().filter_map(said).collect()
}

fn delivered(pair: &mut Pair, at: usize) -> usize {
    let done = |e: &Event| matches!(e, Event::MessageState { state: MessageState::Delivered, .. });
    pair.people[at].told().iter().filter(|e| done(e)).count()
}

// --- trust and login ---

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

// --- contacts ---

#[test]
fn a_request_is_told_and_accepted() {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.people.iter_mut().for_each(|p| p.events.clear());
    pair.say(A, Command::Add(name("bob")));
    assert_eq!(pair.people[A].told(), [Event::Requested(name("bob"))]);
    assert_eq!(pair.people[B].told(), [Event::Request(name("alice"))]);
    pair.say(B, Command::Accept(name("alice")));
    pair.run(SOON);
    assert_eq!(pair.people[A].told(), [Event::Accepted(name("bob"))]);
    assert!(pair.people[B].told().is_empty());
    pair.say(A, Command::Contacts);
    let Some(Event::Contacts(list)) = pair.people[A].events.pop() else { panic!("no list") };
    assert_eq!((list[0].standing, list[0].presence), (Standing::Mutual, Presence::Online));
}

#[test]
fn a_request_waits_for_whoever_is_away() {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.stop(B);
    pair.say(A, Command::Add(name("bob")));
    pair.people[B].events.clear();
    pair.start(B);
    assert_eq!(pair.people[B].told(), [Event::LoggedIn(name("bob")), Event::Request(name("alice"))]);
}

#[test]
fn a_rejected_request_is_gone_on_both_sides() {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.say(A, Command::Add(name("bob")));
    pair.people.iter_mut().for_each(|p| p.events.clear());
    pair.say(B, Command::Reject(name("alice")));
    assert_eq!(pair.people[A].told(), [Event::Gone(name("bob")), Event::Rejected(name("bob"))]);
    assert_eq!(pair.people[B].told(), [Event::Gone(name("alice"))]);
    assert_eq!(pair.people[A].count(Kind::Contact) + pair.people[B].count(Kind::Contact), 0);
}

#[test]
fn removing_ends_it_for_both_and_leaves_nothing_behind() {
    let mut pair = friends();
    say(&mut pair, A, "bob", "hello");
    pair.run(SOON);
    pair.say(A, Command::Remove(name("bob")));
    pair.run(SOON);
    for at in [A, B] {
        for kind in [Kind::Contact, Kind::Devices, Kind::Session, Kind::Seen, Kind::Outbox] {
            assert_eq!(pair.people[at].count(kind), 0, "{kind:?} of {at}");
        }
    }
    say(&mut pair, B, "alice", "are you there?");
    assert!(matches!(pair.people[B].told().last(), Some(Event::Refused { why: Why::NotContact, .. })));
}

#[test]
fn who_vanished_while_one_was_away_is_gone() {
    let mut pair = friends();
    pair.stop(B);
    pair.say(A, Command::Remove(name("bob")));
    pair.people[B].events.clear();
    pair.start(B);
    assert!(pair.people[B].told().contains(&Event::Gone(name("alice"))));
}

#[test]
fn commands_that_cannot_be_done_say_so() {
    let mut pair = Pair::new(&["alice"]);
    pair.people[A].events.clear();
    pair.say(A, Command::Add(name("nobody")));
    pair.say(A, Command::Call(vec![name("nobody")]));
    pair.say(A, Command::Answer);
    let why = |e: Event| if let Event::Refused { why, .. } = e { Some(why) } else { None };
    let whys: Vec<_> = pair.people[A].told().into_iter().filter_map(why).collect();
    assert_eq!(whys, [Why::NoSuchUser, Why::NotContact, Why::NoCall]);
}

#[test]
fn an_invite_makes_both_contacts_and_they_can_talk_at_once() {
    let mut pair = Pair::new(&["alice"]);
    pair.people[A].events.clear();
    pair.say(A, Command::Invite);
    let told = pair.people[A].told();
    let [Event::Invite(link)] = told.as_slice() else { panic!("{told:?}") };
    let invite = Invite::parse(link).expect("a link that can be read");
    assert_eq!((invite.server, invite.name), (SERVER, Some(name("alice"))));
    let at = pair.quiet_person("bob");
    pair.people[at].token = invite.token;
    pair.start(at);
    pair.run(SOON);
    assert!(pair.people[at].told().contains(&Event::Accepted(name("alice"))));
    assert!(pair.people[A].told().contains(&Event::Accepted(name("bob"))));
    say(&mut pair, at, "alice", "thanks");
    pair.run(SOON);
    assert_eq!(heard(&mut pair, A), ["thanks"]);
}

#[test]
fn an_invite_is_used_once_by_somebody_who_is_there_already() {
    let mut pair = Pair::new(&["alice", "bob"]);
    pair.people[A].events.clear();
    pair.say(A, Command::Invite);
    let told = pair.people[A].told();
    let [Event::Invite(link)] = told.as_slice() else { panic!("{told:?}") };
    pair.people[B].token = Invite::parse(link).expect("a link that can be read").token;
    for _ in 0..2 {
        pair.people[B].events.clear();
        pair.stop(B);
        pair.start(B);
        pair.run(SOON);
    }
    let told = pair.people[B].told();
    assert_eq!(told, [Event::LoggedIn(name("bob"))], "the second start does not say it again");
    say(&mut pair, B, "alice", "here");
    pair.run(SOON);
    assert_eq!(heard(&mut pair, A), ["here"]);
}

// --- texts ---

#[test]
fn texts_go_both_ways_with_receipts() {
    let mut pair = friends();
    say(&mut pair, A, "bob", "one");
    say(&mut pair, A, "bob", "two");
    say(&mut pair, B, "alice", "three");
    pair.run(SOON);
    assert_eq!((delivered(&mut pair, A), heard(&mut pair, B)), (2, vec!["one".into(), "two".into()]));
    assert!(pair.people.iter().all(|p| p.count(Kind::Outbox) == 0));
    assert!(pair.people.iter().all(|p| p.drops.is_empty()), "{:?}", pair.people[A].drops);
}

#[test]
fn a_text_waits_for_an_absent_friend_over_restarts() {
    let mut pair = friends();
    pair.stop(B);
    for n in 0..5 {
        say(&mut pair, A, "bob", &format!("text {n}"));
    }
    assert!(matches!(pair.people[A].told().first(), Some(Event::Waiting { echo: 7, .. })));
    pair.stop(A);
    pair.start(A);
    pair.run(Duration::from_secs(3600));
    pair.people[B].events.clear();
    pair.start(B);
    pair.run(Duration::from_secs(10));
    assert_eq!(heard(&mut pair, B), ["text 0", "text 1", "text 2", "text 3", "text 4"]);
    assert_eq!(delivered(&mut pair, A), 5);
}

#[test]
fn a_text_whose_receipt_was_lost_is_shown_once() {
    let mut pair = friends();
    say(&mut pair, A, "bob", "once");
    // The sender's disk is what it was before the receipt: the text is sent again from there.
    let before = pair.people[A].rows.clone();
    pair.run(SOON);
    assert_eq!(heard(&mut pair, B), ["once"]);
    pair.stop(A);
    pair.people[A].rows = before;
    pair.start(A);
    pair.run(Duration::from_secs(60));
    assert!(heard(&mut pair, B).is_empty());
    assert_eq!(pair.people[A].count(Kind::Outbox), 0, "the receipt came again");
}

#[test]
fn a_lost_session_heals_and_loses_no_text() {
    let mut pair = friends();
    say(&mut pair, A, "bob", "before");
    pair.run(SOON);
    // Bob's sessions are lost, as by a backup that was put back.
    pair.stop(B);
    pair.people[B].rows.retain(|(kind, _), _| *kind != Kind::Session);
    pair.start(B);
    pair.people[B].events.clear();
    say(&mut pair, A, "bob", "after");
    pair.run(Duration::from_secs(60));
    assert_eq!(heard(&mut pair, B), ["after"]);
}

#[test]
fn what_is_too_long_or_empty_is_refused_here() {
    let mut pair = friends();
    say(&mut pair, A, "bob", "");
    say(&mut pair, A, "bob", &"x".repeat(4_000));
    let told = pair.people[A].told();
    assert!(told.iter().all(|e| matches!(e, Event::Refused { why: Why::BadRequest, .. })) && told.len() == 2);
}

// --- calls ---

fn ring(pair: &mut Pair) {
    pair.say(A, Command::Call(vec![name("bob")]));
    assert_eq!(
        pair.people[A].told(),
        [Event::Calling { to: vec![name("bob")], plain: false }, Event::Ringing(name("bob"))]
    );
    assert_eq!(
        pair.people[B].told(),
        [Event::Incoming { from: name("alice"), others: Vec::new(), guests: Vec::new(), plain: false }]
    );
}

fn live() -> Pair {
    let mut pair = friends();
    ring(&mut pair);
    pair.say(B, Command::Answer);
    for (at, with) in [(A, "bob"), (B, "alice")] {
        let told = pair.people[at].told();
        assert!(
            matches!(&told[..], [Event::Joined { who: w, .. }, Event::Heard(_)] if *w == name(with)),
            "{told:?}"
        );
    }
    pair
}

fn ended(pair: &mut Pair, at: usize) -> EndReason {
    let told = pair.people[at].told();
    let [Event::Ended { reason, .. }] = told.as_slice() else { panic!("{at} was told {told:?}") };
    assert!(
        pair.people[at].agent.place.is_none() && !pair.people[at].agent.open,
        "the agent was told to close"
    );
    *reason
}

#[test]
fn a_ringing_device_has_neither_microphone_nor_key() {
    let mut pair = friends();
    ring(&mut pair);
    for at in [A, B] {
        let told = &pair.people[at].agent.told;
        assert!(matches!(&told[..], [CallCommand::Bind(_)]), "{at} was told {told:?}");
    }
    assert_eq!(pair.call_of(A), pair.call_of(B));
    assert_ne!(
        pair.people[A].agent.place.as_ref().map(|p| p.ssrc),
        pair.people[B].agent.place.as_ref().map(|p| p.ssrc)
    );
}

#[test]
fn answering_opens_both_ends_at_once() {
    let pair = live();
    for at in [A, B] {
        assert!(pair.people[at].agent.open && pair.people[at].agent.listens == 1);
        assert!(pair.people[at].drops.is_empty(), "{:?}", pair.people[at].drops);
    }
}

#[test]
fn hanging_up_ends_it_for_both() {
    for by in [A, B] {
        let mut pair = live();
        pair.say(by, Command::HangUp);
        assert_eq!(ended(&mut pair, by), EndReason::HungUp);
        assert_eq!(ended(&mut pair, 1 - by), EndReason::TheyHungUp);
        pair.run(SOON);
        ring(&mut pair);
    }
}

#[test]
fn a_declined_call_says_so() {
    let mut pair = friends();
    ring(&mut pair);
    pair.say(B, Command::Decline);
    assert_eq!((ended(&mut pair, A), ended(&mut pair, B)), (EndReason::Declined, EndReason::HungUp));
}

#[test]
fn nobody_answers() {
    let mut pair = friends();
    ring(&mut pair);
    pair.run(RING_TIME_MAX + SOON);
    assert_eq!((ended(&mut pair, A), ended(&mut pair, B)), (EndReason::NoAnswer, EndReason::Missed));
}

#[test]
fn a_caller_who_gives_up_is_a_missed_call() {
    let mut pair = friends();
    ring(&mut pair);
    pair.say(A, Command::HangUp);
    assert_eq!((ended(&mut pair, A), ended(&mut pair, B)), (EndReason::HungUp, EndReason::Missed));
}

#[test]
fn who_is_away_is_gone() {
    let mut pair = friends();
    pair.stop(B);
    pair.people[A].events.clear();
    pair.say(A, Command::Call(vec![name("bob")]));
    let told = pair.people[A].told();
    assert!(matches!(told.last(), Some(Event::Ended { reason: EndReason::Gone, .. })), "{told:?}");
}

#[test]
fn who_is_in_a_call_is_busy_and_stays_in_it() {
    let mut pair = live();
    let carol = pair.person("carol");
    pair.befriend(carol, B);
    pair.say(carol, Command::Call(vec![name("bob")]));
    let told = pair.people[carol].told();
    assert!(matches!(told.last(), Some(Event::Ended { reason: EndReason::Busy, .. })), "{told:?}");
    assert!(pair.people[B].told().is_empty() && pair.people[B].agent.open);
}

#[test]
fn calling_each_other_at_once_is_one_call() {
    let mut pair = friends();
    // Both say it before either hears of the other.
    pair.input(A, proto::client::Input::Command(Command::Call(vec![name("bob")])));
    pair.input(B, proto::client::Input::Command(Command::Call(vec![name("alice")])));
    pair.settle();
    pair.run(SOON);
    assert_eq!(pair.call_of(A), pair.call_of(B));
    for at in [A, B] {
        assert!(
            pair.people[at].agent.open && pair.people[at].agent.listens == 1,
            "{:?}",
            pair.people[at].events
        );
    }
}

#[test]
fn calling_back_whoever_rings_is_answering() {
    let mut pair = friends();
    ring(&mut pair);
    pair.say(B, Command::Call(vec![name("alice")]));
    assert!(pair.people[A].agent.open && pair.people[B].agent.open);
}

#[test]
fn silence_and_a_sealed_goodbye_end_a_call_without_the_server() {
    let mut pair = live();
    pair.people[A].reachable = false;
    pair.cut(A);
    let call = pair.call_of(A).expect("the call lives on");
    pair.agent_says(A, CallEvent::Silent(call));
    assert_eq!(ended(&mut pair, A), EndReason::Lost);

    let mut pair = live();
    let ssrc = pair.people[B].agent.place.as_ref().map(|p| p.ssrc).expect("bob is bound");
    let call = pair.call_of(A).expect("alice is bound");
    pair.agent_says(A, CallEvent::HungUp { call, ssrc });
    assert_eq!(ended(&mut pair, A), EndReason::TheyHungUp);
}

#[test]
fn a_call_outlives_the_server_and_takes_its_place_again() {
    let mut pair = live();
    let call = pair.call_of(A);
    pair.stop_server();
    pair.run(Duration::from_secs(10));
    assert!([A, B].iter().all(|at| pair.people[*at].agent.open), "the call lives at its ends");
    pair.start_server();
    pair.run(RECONNECT_MAX_IN_CALL + Duration::from_millis(100));
    for at in [A, B] {
        assert!(pair.people[at].told().iter().all(|e| matches!(e, Event::LoggedIn(_))));
        assert_eq!(pair.call_of(at), call);
    }
    let carol = pair.person("carol");
    pair.befriend(carol, B);
    pair.say(carol, Command::Call(vec![name("bob")]));
    let told = pair.people[carol].told();
    assert!(matches!(told.last(), Some(Event::Ended { reason: EndReason::Busy, .. })), "{told:?}");
    pair.say(B, Command::HangUp);
    assert_eq!(ended(&mut pair, A), EndReason::TheyHungUp);
}

#[test]
fn hanging_up_while_the_server_is_away_frees_the_line() {
    let mut pair = live();
    pair.people[A].reachable = false;
    pair.cut(A);
    pair.say(A, Command::HangUp);
    assert_eq!(ended(&mut pair, A), EndReason::HungUp);
    pair.people[A].reachable = true;
    pair.run(Duration::from_secs(31));
    pair.people[A].told();
    assert!(matches!(pair.people[B].told().last(), Some(Event::Ended { .. })));
    ring(&mut pair);
}

#[test]
fn a_ringing_call_survives_the_servers_restart() {
    let mut pair = friends();
    ring(&mut pair);
    pair.stop_server();
    pair.start_server();
    pair.run(RECONNECT_MAX_IN_CALL + SOON);
    pair.say(B, Command::Answer);
    pair.run(SOON);
    assert!([A, B].iter().all(|at| pair.people[*at].agent.open && pair.people[*at].agent.listens == 1));
}

#[test]
fn tickets_are_renewed_at_half_their_life() {
    let mut pair = live();
    let expiry = |pair: &Pair| pair.people[A].agent.place.as_ref().map(|p| p.expiry);
    let before = expiry(&pair);
    pair.run(TICKET_LIFE / 2 + Duration::from_secs(15));
    assert!(expiry(&pair) > before);
    pair.run(TICKET_LIFE);
    assert!(pair.people[A].agent.open, "a long call goes on");
}

#[test]
fn a_call_that_was_cut_while_answering_still_opens() {
    let mut pair = friends();
    ring(&mut pair);
    // Bob says yes while his connection is gone; both ends of it come back later.
    pair.people[B].reachable = false;
    pair.cut(B);
    pair.say(B, Command::Answer);
    pair.people[B].reachable = true;
    pair.run(Duration::from_secs(5));
    assert!([A, B].iter().all(|at| pair.people[*at].agent.open && pair.people[*at].agent.listens == 1));
}

#[test]
fn a_program_that_restarts_in_a_call_leaves_no_ghost() {
    let mut pair = live();
    pair.stop(B);
    pair.start(B);
    pair.run(Duration::from_secs(40));
    assert!(matches!(pair.people[A].told().last(), Some(Event::Ended { .. })));
    pair.people[B].events.clear();
    ring(&mut pair);
}

// --- two devices of one account ---

#[test]
fn the_device_that_answers_takes_the_call_from_the_others() {
    for (takes, rings) in [(B, 2), (2, B)] {
        let mut pair = friends();
        let second = pair.device_of(B);
        assert_eq!(second, 2);
        pair.say(A, Command::Call(vec![name("bob")]));
        assert_eq!(
            pair.people[A].told(),
            [Event::Calling { to: vec![name("bob")], plain: false }, Event::Ringing(name("bob"))]
        );
        for at in [B, second] {
            assert_eq!(
                pair.people[at].told(),
                [Event::Incoming {
                    from: name("alice"),
                    others: Vec::new(),
                    guests: Vec::new(),
                    plain: false
                }]
            );
        }
        pair.say(takes, Command::Answer);
        assert_eq!(ended(&mut pair, rings), EndReason::Taken);
        assert!(pair.people[A].agent.open && pair.people[takes].agent.open);
        assert!(pair.people[rings].agent.told.iter().all(|c| !matches!(c, CallCommand::Open(_))));
        pair.run(SOON);
        // The other device stays out of it, and its going away ends nothing.
        pair.stop(rings);
        pair.run(Duration::from_secs(40));
        assert!(pair.people[A].agent.open && pair.people[takes].agent.open);
        pair.people[A].told();
        pair.say(takes, Command::HangUp);
        assert_eq!(ended(&mut pair, A), EndReason::TheyHungUp);
    }
}

#[test]
fn two_devices_that_answer_at_once_are_told_who_has_it() {
    let mut pair = friends();
    let second = pair.device_of(B);
    pair.say(A, Command::Call(vec![name("bob")]));
    for at in [B, second] {
        pair.people[at].told();
        pair.input(at, proto::client::Input::Command(Command::Answer));
    }
    pair.settle();
    pair.run(SOON);
    let open: Vec<_> = [B, second].into_iter().filter(|at| pair.people[*at].agent.open).collect();
    assert_eq!(open.len(), 1, "one of them has it");
    assert_eq!(ended(&mut pair, B + second - open[0]), EndReason::Taken);
    assert!(pair.people[A].agent.open && pair.people[A].agent.listens == 1);
}

#[test]
fn declining_on_one_device_stops_the_bell_of_all() {
    let mut pair = friends();
    let second = pair.device_of(B);
    ring(&mut pair);
    pair.people[second].told();
    pair.say(B, Command::Decline);
    assert_eq!((ended(&mut pair, A), ended(&mut pair, B)), (EndReason::Declined, EndReason::HungUp));
    assert_eq!(ended(&mut pair, second), EndReason::Taken);
}

#[test]
fn a_text_reaches_both_devices_once_and_either_can_answer() {
    let mut pair = friends();
    let second = pair.device_of(B);
    say(&mut pair, A, "bob", "both of you");
    pair.run(SOON);
    for at in [B, second] {
        assert_eq!(heard(&mut pair, at), ["both of you"]);
        say(&mut pair, at, "alice", "here");
    }
    pair.run(SOON);
    assert_eq!(heard(&mut pair, A), ["here", "here"]);
}

// --- hostile ---

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
