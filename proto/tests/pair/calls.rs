//! Calls of two, from the ring to the end.

use super::*;

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
