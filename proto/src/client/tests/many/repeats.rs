//! Whose word takes a place, and what is said again.

use core::time::Duration;

use super::*;

/// Whoever only rings beside us has the roster, and may be nearer to the server than the caller.
#[test]
fn a_fellow_callee_whose_offer_is_first_does_not_take_the_callers_place() {
    for carol_first in [false, true] {
        let mut crowd = Crowd::new();
        crowd.befriend_carol();
        crowd.stage.forget();
        let rung = crowd.stage.rung();
        crowd.stage.hear(&rung);
        crowd.hear_grant();
        let offer = crowd.offer();
        if carol_first {
            crowd.carol_says(offer.clone());
            assert_eq!(crowd.stage.drops(), [Drop::OutOfTurn]);
        }
        crowd.stage.bob_says(offer);
        let incoming = |event: &Event| matches!(event, Event::Incoming { from, .. } if *from == name("bob"));
        assert!(crowd.stage.events().iter().any(incoming), "{carol_first}: {:?}", crowd.stage.events());
    }
}

fn call_mails(crowd: &Crowd) -> usize {
    crowd.stage.asked.iter().filter(|request| matches!(request, Request::CallMail(_))).count()
}

/// The bucket of our call messages is not theirs to empty.
#[test]
fn a_yes_that_is_said_for_ever_is_answered_once_a_second() {
    let mut crowd = Crowd::of_three();
    crowd.stage.wait(Duration::from_secs(2));
    crowd.stage.forget();
    for _ in 0..200 {
        crowd.stage.bob_says(accept(1));
    }
    assert_eq!(call_mails(&crowd), 1);
    crowd.stage.wait(Duration::from_millis(1_500));
    assert_eq!(call_mails(&crowd), 2, "they may not have got the first");
}

#[test]
fn a_key_that_the_server_did_not_take_is_said_again() {
    let mut crowd = Crowd::of_three();
    crowd.stage.wait(Duration::from_secs(2));
    crowd.stage.forget();
    let before = crowd.stage.client.connection.counter;
    crowd.state("bob", MemberState::Left);
    crowd.agent_key(1, 0);
    assert_eq!(call_mails(&crowd), 1, "the new key, for Carol");
    for re in before..crowd.stage.client.connection.counter {
        crowd.stage.hear(&Reply::Refused(Refused { re, why: Why::TooFast, text: String::new() }));
    }
    crowd.stage.wait(Duration::from_millis(900));
    assert_eq!(call_mails(&crowd), 1, "not at once");
    crowd.stage.wait(Duration::from_millis(600));
    assert_eq!(call_mails(&crowd), 2);
}

/// Their own call, which they ended at once, names them as somebody who calls.
#[test]
fn a_fellow_callee_who_rang_before_does_not_take_the_callers_place() {
    let mut crowd = Crowd::new();
    crowd.befriend_carol();
    crowd.stage.forget();
    let rung = |who: &str| Reply::CallRequest(Party { name: name(who), address: "198.51.100.1".into() });
    crowd.stage.hear(&rung("carol"));
    crowd.stage.hear(&rung("bob"));
    crowd.hear_grant();
    let offer = crowd.offer();
    crowd.carol_says(offer.clone());
    assert_eq!(crowd.stage.drops(), [Drop::OutOfTurn]);
    crowd.stage.bob_says(offer);
    let incoming = |event: &Event| matches!(event, Event::Incoming { from, .. } if *from == name("bob"));
    assert!(crowd.stage.events().iter().any(incoming), "{:?}", crowd.stage.events());
}

/// Whoever begins sessions for ever, while they ring nowhere, costs one OFFER in a while.
#[test]
fn an_offer_is_made_anew_at_once_and_then_in_pace() {
    let mut crowd = Crowd::calling();
    crowd.stage.forget();
    let begin = |crowd: &mut Crowd, times: u8| {
        for msg in 0..times {
            let envelope = crowd.stage.envelope(msg, Body::Receipt(Vec::new()));
            let mail = crowd.stage.mail(&envelope);
            assert_eq!(mail.sealed.kind, 0, "a message that begins a session");
            crowd.stage.hear(&Reply::Mail(mail));
        }
    };
    begin(&mut crowd, 50);
    assert_eq!(call_mails(&crowd), 1);
    crowd.stage.wait(CALL_RESEND_AFTER);
    begin(&mut crowd, 50);
    assert_eq!(call_mails(&crowd), 2);
}
