//! Whom the server puts into a room beside those who were called: they hear nothing before somebody said yes to them.

use super::*;

fn party(who: &str) -> Party {
    Party { name: name(who), address: "198.51.100.1".into() }
}

/// Alice calls bob and carol at the moment when bob calls the two of them: his room counts, and his offer is on its
/// way.
fn crossed() -> Crowd {
    let mut crowd = Crowd::new();
    crowd.befriend_carol();
    crowd.stage.input(Input::Command(Command::Call(vec![name("bob"), name("carol")])));
    let rung = crowd.stage.rung();
    crowd.stage.hear(&rung);
    crowd.hear_grant();
    crowd.stage.forget();
    crowd
}

#[test]
fn a_yes_of_somebody_whom_nobody_called_is_dropped() {
    // In carol's place a stranger whom the server put into bob's room.
    let mut crowd = Crowd::new();
    let rung = crowd.stage.rung();
    crowd.stage.hear(&rung);
    crowd.hear_grant();
    let offer = crowd.stage.offer();
    crowd.stage.bob_says(offer);
    assert_eq!(crowd.stage.drops(), [Drop::Impostor], "bob's roster has only the two of us");
    assert!(!crowd.stage.events().iter().any(|e| matches!(e, Event::Incoming { .. })));

    let mut crowd = Crowd::new();
    crowd.stage.input(Input::Command(Command::Call(vec![name("bob")])));
    crowd.hear_grant();
    crowd.stage.bob_says(accept(1));
    crowd.agent_key(0, 0);
    crowd.stage.forget();
    crowd.start_carols_session();
    crowd.carol_says(accept(2));
    crowd.meet_carol();
    crowd.state("carol", MemberState::Joined);
    assert_eq!(crowd.told(), [], "we called bob alone");
}

#[test]
fn a_member_cannot_go_by_the_name_of_a_contact() {
    let mut crowd = Crowd::new();
    let Reply::Grant(mut grant) = crowd.stage.grant() else { unreachable!() };
    grant.members = vec![crowd.member("bob"), Member { name: name("bob"), ..crowd.member("carol") }];
    crowd.stage.hear(&Reply::Grant(grant));
    assert_eq!(crowd.stage.drops(), [Drop::Impostor]);
}

#[test]
fn calling_somebody_in_a_call_that_rings_is_no_yes_to_it() {
    // Alice calls bob; carol, a contact too, has just called both, and the server takes our 100 for a yes.
    let mut crowd = Crowd::new();
    crowd.befriend_carol();
    crowd.stage.forget();
    crowd.stage.input(Input::Command(Command::Call(vec![name("bob")])));
    let party = |who: &str| Party { name: name(who), address: "198.51.100.1".into() };
    crowd.stage.hear(&Reply::CallRequest(party("carol")));
    crowd.hear_grant();
    let offer = crowd.offer();
    crowd.carol_says(offer);
    crowd.stage.hear(&Reply::CallAccepted(vec![party("carol"), party("bob")]));
    let others = vec![name("bob")];
    assert_eq!(
        crowd.stage.events().last(),
        Some(&Event::Incoming { from: name("carol"), others, guests: Vec::new(), plain: false })
    );
    let told = crowd.told();
    assert!(told.iter().all(|c| matches!(c, CallCommand::Bind(_))), "{told:?}");
}

#[test]
fn nobodys_yes_counts_before_the_offer_of_a_call_that_crossed_ours() {
    let mut crowd = crossed();
    let yes = crowd.carol_mail(accept(2));
    crowd.stage.hear(&Reply::CallMail(yes.clone()));
    crowd.stage.bob_says(accept(1));
    assert_eq!(crowd.stage.drops(), [Drop::OutOfTurn; 2]);
    assert_eq!(crowd.told(), [], "the room is a word of the server's");
    let offer = crowd.offer();
    crowd.stage.bob_says(offer);
    assert_eq!(crowd.told(), [CallCommand::Open(CALL)]);
    crowd.agent_key(0, 0);
    assert_eq!(crowd.sealed(), [("bob", accept(0xa0))]);
    // What carol said too early she says again, and it can be opened then.
    crowd.stage.hear(&Reply::CallMail(yes));
    let told = crowd.told();
    assert_eq!((listens(&told), told.last()), (vec![(3, 0, 0)], Some(&CallCommand::Step(CALL))));
    crowd.agent_key(0, 1);
    assert_eq!(crowd.sealed(), [("carol", keyed(0, 1, 0xa1))]);
    crowd.stage.bob_says(keyed(0, 0, 1));
    crowd.told();
    crowd.state("carol", MemberState::Left);
    assert_eq!(crowd.told().last(), Some(&CallCommand::Renew(CALL)));
}

#[test]
fn an_offer_that_names_others_than_the_room_opens_nothing() {
    let mut crowd = crossed();
    let offer = crowd.stage.offer();
    crowd.stage.bob_says(offer);
    assert_eq!(crowd.stage.drops(), [Drop::Impostor], "bob called alice alone");
    crowd.carol_says(accept(2));
    assert_eq!(crowd.told(), []);
}

#[test]
fn calling_whoever_calls_us_and_strangers_is_no_yes_to_the_strangers() {
    for rung_first in [true, false] {
        let mut crowd = Crowd::new();
        let call = Input::Command(Command::Call(vec![name("bob")]));
        let rung = crowd.stage.rung();
        if rung_first {
            crowd.stage.hear(&rung);
            crowd.hear_grant();
            crowd.stage.input(call);
        } else {
            crowd.stage.input(call);
            crowd.stage.hear(&rung);
            crowd.hear_grant();
        }
        crowd.stage.hear(&Reply::CallAccepted(vec![party("bob")]));
        let offer = crowd.offer();
        crowd.stage.bob_says(offer);
        let incoming = Event::Incoming {
            from: name("bob"),
            others: vec![name("carol")],
            guests: Vec::new(),
            plain: false,
        };
        assert_eq!(crowd.stage.events().last(), Some(&incoming));
        let told = crowd.told();
        assert!(told.iter().all(|c| matches!(c, CallCommand::Bind(_))), "{told:?}");
        crowd.stage.input(Input::Command(Command::Answer));
        assert_eq!(crowd.told(), [CallCommand::Open(CALL)]);
    }
}

#[test]
fn a_room_in_which_one_could_be_taken_for_another_is_refused() {
    let changes: [fn(&mut Grant, &Crowd); 5] = [
        |grant, _| grant.members[1].ssrc = grant.members[0].ssrc,
        |grant, _| grant.members[1].ssrc = grant.ssrc,
        |grant, _| grant.members[1].device = grant.members[0].device,
        |grant, _| grant.members[1].name = name("alice"),
        |grant, crowd| grant.members[1].principal = Principal::Key(crowd.stage.own.fingerprint()),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut crowd = Crowd::new();
        let Reply::Grant(mut grant) = crowd.stage.grant() else { unreachable!() };
        grant.members = vec![crowd.member("bob"), crowd.member("carol")];
        change(&mut grant, &crowd);
        let rung = crowd.stage.rung();
        crowd.stage.hear(&rung);
        crowd.stage.hear(&Reply::Grant(grant));
        assert_eq!(crowd.stage.drops(), [Drop::Impostor], "change {n}");
        let offer = crowd.offer();
        crowd.stage.bob_says(offer);
        assert!(!crowd.stage.events().iter().any(|e| matches!(e, Event::Incoming { .. })));
    }
}
