//! Two devices of one account.

use super::*;

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
