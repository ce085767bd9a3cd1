//! Calls of many against the real server: who gets whose keys, whatever order people come and go in.

use core::time::Duration;

use proto::client::{Command, EndReason, Event, Input, Kind};
use proto::id::{Name, Ssrc};
use proto::limits::{MEMBER_AWAY_MAX, RECONNECT_MAX_IN_CALL, RING_TIME_MAX, SENDER_KEY_LIFE};
use proto::media::CallEvent;

use super::pair::{Pair, name};

const NAMES: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
const SOON: Duration = Duration::from_secs(2);

/// Alice knows everybody; the others know only her.
fn circle(people: usize) -> Pair {
    let mut pair = Pair::new(&NAMES[..people]);
    for other in 1..people {
        pair.befriend(0, other);
    }
    pair
}

fn call_all(pair: &mut Pair) {
    let others: Vec<Name> = pair.people[1..].iter().map(|p| p.name.clone()).collect();
    pair.say(0, Command::Call(others));
}

/// All are in and hear each other.
fn talk(people: usize) -> Pair {
    let mut pair = circle(people);
    call_all(&mut pair);
    for at in 1..people {
        pair.say(at, Command::Answer);
        pair.run(SOON);
    }
    all_hear(&pair, &(0..people).collect::<Vec<_>>());
    pair
}

fn ssrc(pair: &Pair, at: usize) -> Ssrc {
    pair.people[at].agent.place.as_ref().map(|place| place.ssrc).expect("they are bound")
}

/// These, and nobody else, have the keys of each other: the generation in use, at a step that is not past.
fn all_hear(pair: &Pair, members: &[usize]) {
    for &listener in members {
        let agent = &pair.people[listener].agent;
        assert!(agent.open, "{} is in", NAMES[listener]);
        assert_eq!(agent.theirs.len(), members.len() - 1, "{} hears the others", NAMES[listener]);
        for &speaker in members.iter().filter(|m| **m != listener) {
            let own = pair.people[speaker].agent.own;
            let known = agent.theirs.get(&ssrc(pair, speaker)).copied();
            let opens = known.is_some_and(|(generation, step)| generation == own.0 && step <= own.1);
            assert!(opens, "{} has {known:?} of {}, whose key is {own:?}", NAMES[listener], NAMES[speaker]);
        }
    }
}

fn parted(pair: &mut Pair, at: usize) -> Vec<(Name, EndReason)> {
    let of = |e: Event| if let Event::Parted { who, reason } = e { Some((who, reason)) } else { None };
    pair.people[at].told().into_iter().filter_map(of).collect()
}

fn ended(pair: &mut Pair, at: usize) -> Option<EndReason> {
    let of = |e: Event| if let Event::Ended { reason, .. } = e { Some(reason) } else { None };
    pair.people[at].told().into_iter().find_map(of)
}

#[test]
fn everybody_hears_everybody_and_who_joined_later_got_a_later_key() {
    let mut pair = talk(5);
    // Bob was the first: what he has of alice is her first key; erin, the last, opens none of what was said before.
    let of_alice = ssrc(&pair, 0);
    let steps: Vec<_> = (1..5).map(|at| pair.people[at].agent.theirs[&of_alice]).collect();
    assert_eq!(steps, [(0, 0), (0, 1), (0, 2), (0, 3)]);
    for at in 0..5 {
        assert!(pair.people[at].drops.is_empty(), "{:?}", pair.people[at].drops);
        let told = pair.people[at].told();
        let joined = told.iter().filter(|e| matches!(e, Event::Joined { .. })).count();
        assert_eq!(joined, 4, "{told:?}");
    }
}

#[test]
fn it_works_with_the_real_ratchet() {
    let mut pair = Pair::with_real_ratchets(&NAMES[..4]);
    for other in 1..4 {
        pair.befriend(0, other);
    }
    call_all(&mut pair);
    for at in 1..4 {
        pair.input(at, Input::Command(Command::Answer));
    }
    pair.settle();
    pair.run(SOON);
    all_hear(&pair, &[0, 1, 2, 3]);
    pair.say(2, Command::HangUp);
    all_hear(&pair, &[0, 1, 3]);
}

#[test]
fn all_who_answer_at_once_hear_each_other() {
    let mut pair = circle(5);
    call_all(&mut pair);
    for at in 1..5 {
        pair.input(at, Input::Command(Command::Answer));
    }
    pair.settle();
    pair.run(SOON);
    all_hear(&pair, &[0, 1, 2, 3, 4]);
}

#[test]
fn who_leaves_has_no_key_of_what_follows() {
    for leaver in [0, 3] {
        let mut pair = talk(5);
        let before: Vec<_> = pair.people.iter().map(|p| p.agent.own.0).collect();
        let stay: Vec<usize> = (0..5).filter(|at| *at != leaver).collect();
        pair.say(leaver, Command::HangUp);
        all_hear(&pair, &stay);
        for &at in &stay {
            assert_eq!(pair.people[at].agent.own.0, before[at] + 1, "one renewal for one leaver");
            assert_eq!(parted(&mut pair, at), [(name(NAMES[leaver]), EndReason::TheyHungUp)]);
        }
        // The rest leave one by one; the last two end it together.
        pair.say(stay[0], Command::HangUp);
        pair.say(stay[1], Command::HangUp);
        all_hear(&pair, &stay[2..]);
        pair.say(stay[2], Command::HangUp);
        assert_eq!(ended(&mut pair, stay[3]), Some(EndReason::TheyHungUp));
        assert!(pair.people.iter().all(|p| !p.agent.open));
    }
}

#[test]
fn strangers_of_a_call_are_forgotten_after_it() {
    let mut pair = talk(3);
    assert_eq!((pair.people[1].count(Kind::Devices), pair.people[1].count(Kind::Session)), (2, 2));
    pair.say(1, Command::HangUp);
    assert_eq!((pair.people[1].count(Kind::Devices), pair.people[1].count(Kind::Session)), (1, 1));
    // And by a program that was killed in it when it starts again.
    let mut pair = talk(3);
    pair.stop(1);
    pair.start(1);
    assert_eq!((pair.people[1].count(Kind::Devices), pair.people[1].count(Kind::Session)), (1, 1));
}

#[test]
fn a_caller_who_leaves_does_not_take_the_call_along() {
    let mut pair = circle(4);
    call_all(&mut pair);
    pair.say(1, Command::Answer);
    pair.say(0, Command::HangUp);
    assert!(pair.people[1].agent.open, "two still ring");
    pair.say(2, Command::Answer);
    pair.run(SOON);
    all_hear(&pair, &[1, 2]);
    pair.say(3, Command::Decline);
    assert_eq!(parted(&mut pair, 1).last(), Some(&(name("dave"), EndReason::Declined)));
    pair.say(2, Command::HangUp);
    assert_eq!(ended(&mut pair, 1), Some(EndReason::TheyHungUp));
}

#[test]
fn who_does_not_answer_is_out_and_the_others_talk_on() {
    let mut pair = circle(4);
    call_all(&mut pair);
    pair.say(1, Command::Answer);
    pair.say(2, Command::Decline);
    pair.run(RING_TIME_MAX + SOON);
    all_hear(&pair, &[0, 1]);
    let gone = [(name("carol"), EndReason::Declined), (name("dave"), EndReason::NoAnswer)];
    assert_eq!(parted(&mut pair, 0), gone);
    assert_eq!(parted(&mut pair, 1), gone);
    assert_eq!(ended(&mut pair, 3), Some(EndReason::Missed));
}

#[test]
fn some_are_busy_or_away_and_the_others_ring() {
    let mut pair = circle(4);
    pair.befriend(2, 1);
    pair.say(2, Command::Call(vec![name("bob")]));
    pair.say(1, Command::Answer);
    pair.people[0].told();
    pair.stop(2);
    call_all(&mut pair);
    pair.say(3, Command::Answer);
    all_hear(&pair, &[0, 3]);
    let out = parted(&mut pair, 0);
    assert!(out.contains(&(name("bob"), EndReason::Busy)), "{out:?}");
    assert!(out.iter().any(|(who, _)| *who == name("carol")), "{out:?}");
}

#[test]
fn who_was_cut_off_meanwhile_gets_the_keys_they_missed() {
    let mut pair = talk(4);
    let (call, daves) = (pair.call_of(3).expect("dave is bound"), ssrc(&pair, 3));
    pair.people[1].reachable = false;
    pair.cut(1);
    pair.say(3, Command::HangUp);
    // No word of the server's reaches bob, but dave's goodbye in the media does.
    pair.agent_says(1, CallEvent::HungUp { call, ssrc: daves });
    pair.people[1].reachable = true;
    pair.run(RECONNECT_MAX_IN_CALL + SOON);
    all_hear(&pair, &[0, 1, 2]);
}

#[test]
fn the_servers_restart_changes_nothing_for_those_in_it() {
    let mut pair = talk(4);
    pair.stop_server();
    pair.run(Duration::from_secs(5));
    pair.start_server();
    pair.run(RECONNECT_MAX_IN_CALL + SOON);
    all_hear(&pair, &[0, 1, 2, 3]);
    pair.say(2, Command::HangUp);
    pair.run(SOON);
    all_hear(&pair, &[0, 1, 3]);
}

#[test]
fn a_program_that_was_killed_is_out_after_a_while() {
    let mut pair = talk(4);
    pair.stop(2);
    pair.start(2);
    pair.run(MEMBER_AWAY_MAX + SOON);
    all_hear(&pair, &[0, 1, 3]);
    assert_eq!(parted(&mut pair, 0), [(name("carol"), EndReason::Gone)]);
    assert!(!pair.people[2].agent.open);
}

#[test]
fn who_calls_somebody_that_calls_them_and_others_is_asked_about_the_others() {
    let mut pair = circle(3);
    pair.people[1].told();
    pair.input(0, Input::Command(Command::Call(vec![name("bob"), name("carol")])));
    pair.input(1, Input::Command(Command::Call(vec![name("alice")])));
    pair.settle();
    pair.run(SOON);
    assert!(!pair.people[0].agent.open && !pair.people[1].agent.open, "bob did not call carol");
    let incoming = Event::Incoming {
        from: name("alice"),
        others: vec![name("carol")],
        guests: Vec::new(),
        plain: false,
    };
    assert_eq!(pair.people[1].told().last(), Some(&incoming));
    pair.say(1, Command::Answer);
    pair.run(SOON);
    all_hear(&pair, &[0, 1]);
    pair.say(2, Command::Answer);
    pair.run(SOON);
    all_hear(&pair, &[0, 1, 2]);
    // And a no leaves the call to the others.
    let mut pair = circle(3);
    pair.input(0, Input::Command(Command::Call(vec![name("bob"), name("carol")])));
    pair.input(1, Input::Command(Command::Call(vec![name("alice")])));
    pair.settle();
    pair.say(1, Command::Decline);
    pair.say(2, Command::Answer);
    pair.run(SOON);
    all_hear(&pair, &[0, 2]);
    assert!(parted(&mut pair, 0).iter().any(|(who, _)| *who == name("bob")));
}

#[test]
fn two_who_call_each_other_and_the_same_others_at_once_get_one_call() {
    let mut pair = circle(3);
    pair.befriend(1, 2);
    pair.input(0, Input::Command(Command::Call(vec![name("bob"), name("carol")])));
    pair.input(1, Input::Command(Command::Call(vec![name("alice"), name("carol")])));
    pair.settle();
    pair.run(SOON);
    all_hear(&pair, &[0, 1]);
    pair.say(2, Command::Answer);
    pair.run(SOON);
    all_hear(&pair, &[0, 1, 2]);
}

#[test]
fn an_hour_makes_new_keys_for_all() {
    let mut pair = talk(3);
    pair.run(SENDER_KEY_LIFE + SOON);
    assert!(pair.people.iter().all(|p| p.agent.own == (1, 0)), "{:?}", pair.people[0].agent.own);
    all_hear(&pair, &[0, 1, 2]);
}

#[test]
fn an_hour_that_ends_while_one_is_away_leaves_everybody_heard() {
    let mut pair = talk(3);
    let before = pair.people[1].agent.own;
    pair.run(SENDER_KEY_LIFE - Duration::from_secs(20));
    pair.people[1].reachable = false;
    pair.cut(1);
    pair.run(Duration::from_secs(25));
    assert_eq!(pair.people[1].agent.own, before, "nobody could be told of another");
    pair.people[1].reachable = true;
    pair.run(RECONNECT_MAX_IN_CALL + SOON);
    assert_eq!(pair.people[1].agent.own.0, 1);
    all_hear(&pair, &[0, 1, 2]);
}

#[test]
fn of_two_devices_one_is_in_and_the_other_stays_out() {
    let mut pair = circle(3);
    let second = pair.device_of(1);
    pair.say(0, Command::Call(vec![name("bob"), name("carol")]));
    pair.say(2, Command::Answer);
    pair.say(second, Command::Answer);
    pair.run(SOON);
    assert_eq!(ended(&mut pair, 1), Some(EndReason::Taken));
    let hears = |at: usize| pair.people[at].agent.theirs.len();
    assert_eq!([hears(0), hears(2), hears(second)], [2, 2, 2]);
}

#[test]
fn eleven_join_and_leave_and_the_steps_do_not_run_out() {
    let names: Vec<String> = (0..11).map(|n| format!("p{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut pair = Pair::new(&names);
    for other in 1..11 {
        pair.befriend(0, other);
    }
    call_all(&mut pair);
    for at in 1..11 {
        pair.say(at, Command::Answer);
        pair.run(SOON);
    }
    assert!((0..11).all(|at| pair.people[at].agent.theirs.len() == 10));
    assert_eq!(pair.people[0].agent.own.0, 1, "the eighth to join made a new generation");
    let of_caller = ssrc(&pair, 0);
    assert!((1..11).all(|at| pair.people[at].agent.theirs[&of_caller].0 == 1));
}
