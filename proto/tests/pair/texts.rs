//! Texts arrive once, and none is lost.

use super::*;

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
