//! Calls: who rings, who is told what, and how each ends.

use super::*;
use crate::crypto::mac;
use crate::id::CallId;
use crate::limits::{CALL_ENVELOPE_BYTES_MAX, CALL_MAIL_PER_ACCOUNT, MEMBER_AWAY_MAX, RING_TIME_MAX};
use crate::wire::Party;

struct Pair {
    w: World,
    a: Person,
    b: Person,
    at_a: ConnId,
    at_b: ConnId,
}

/// Alice and bob, contacts and connected.
fn pair() -> Pair {
    let mut w = World::new();
    let (a, b) = (Person::new("alice"), Person::new("bob"));
    let (at_a, at_b) = w.friends(&a, &b);
    Pair { w, a, b, at_a, at_b }
}

/// Alice rings bob; what each got.
fn ringing() -> (Pair, Grant, Grant) {
    let mut p = pair();
    let to_a = grant(&p.w.ask(p.at_a, &Request::Call(vec![name("bob")])));
    let to_b = grant(&p.w.heard(p.at_b));
    (p, to_a, to_b)
}

/// Alice and bob talk.
fn talking() -> (Pair, Grant, Grant) {
    let (mut p, to_a, to_b) = ringing();
    p.w.ask(p.at_b, &Request::AcceptCall(None));
    p.w.wait(Duration::from_secs(1));
    p.w.heard(p.at_a);
    p.w.heard(p.at_b);
    (p, to_a, to_b)
}

fn party(who: &str) -> Party {
    Party { name: name(who), address: "192.0.2.1".into() }
}

fn call_mail(call: CallId, to: &Person) -> Request {
    let sealed = Sealed { kind: 1, bytes: vec![1; 50].into() };
    Request::CallMail(CallMail { call, to: to.principal(), device: to.id(), sealed })
}

#[test]
fn a_call_rings_is_taken_and_ends() {
    let mut p = pair();
    let heard = p.w.ask(p.at_a, &Request::Call(vec![name("bob")]));
    assert_eq!(heard[0], Reply::CallTaken);
    let to_a = grant(&heard);
    assert!(matches!(heard[1], Reply::Grant(_)));
    assert_eq!(states(&heard), [("bob".into(), MemberState::Ringing)]);
    let heard = p.w.heard(p.at_b);
    assert_eq!(heard[0], Reply::CallRequest(party("alice")));
    let to_b = grant(&heard);
    assert_eq!((to_a.call, to_a.relay), (to_b.call, to_b.relay));
    assert_eq!(to_a.relay, mac::relay_id(to_a.call));
    assert_eq!((to_a.members[0].ssrc, to_b.members[0].ssrc), (to_b.ssrc, to_a.ssrc));
    assert_eq!(to_a.members[0].device, Some(p.b.id()));
    assert_eq!(*to_a.ticket, mac::ticket(&[9; 32], to_a.relay, to_a.ssrc, to_a.expiry));
    assert_eq!(u64::from(to_a.expiry), p.w.now().wall.0 / 1000 + 600);

    let heard = p.w.ask(p.at_b, &Request::AcceptCall(Some(to_b.call)));
    assert_eq!(heard[0], Reply::CallAccepted(vec![party("alice")]));
    assert_eq!(joined(&heard), [("alice".into(), Some(p.a.id()))]);
    let heard = p.w.heard(p.at_a);
    assert_eq!(heard[0], Reply::CallJoined(party("bob")));
    assert_eq!(joined(&heard), [("bob".into(), Some(p.b.id()))]);

    assert_eq!(states(&p.w.ask(p.at_b, &Request::HangUp(None))), []);
    assert_eq!(states(&p.w.heard(p.at_a)), [("bob".into(), MemberState::Left)]);
    let expiry = to_a.expiry;
    assert_eq!(p.w.relay, [Change::Close { relay: to_a.relay, expiry }]);
    assert_eq!(p.w.refused(p.at_a, &Request::HangUp(None)), Why::NoCall);
    assert!(p.w.hub.rooms.is_empty());
}

#[test]
fn contacts_see_that_somebody_is_in_a_call() {
    let mut p = pair();
    let c = Person::new("carol");
    let at_c = p.w.join(&c);
    p.w.send(at_c, &Request::Add(name("alice")));
    p.w.send(p.at_a, &Request::Accept(name("carol")));
    p.w.wait(Duration::from_secs(2));
    p.w.heard(at_c);
    p.w.send(p.at_a, &Request::Call(vec![name("bob")]));
    p.w.wait(Duration::from_secs(1));
    assert_eq!(p.w.heard(at_c).iter().filter_map(contact).next().unwrap().2, Presence::InCall);
    p.w.send(p.at_a, &Request::HangUp(None));
    p.w.wait(Duration::from_secs(1));
    assert_eq!(p.w.heard(at_c).iter().filter_map(contact).next().unwrap().2, Presence::Online);
}

#[test]
fn each_impossible_call_says_why() {
    let mut p = pair();
    let c = Person::new("carol");
    let at_c = p.w.join(&c);
    assert_eq!(p.w.refused(p.at_a, &Request::Call(vec![])), Why::BadRequest);
    assert_eq!(p.w.refused(p.at_a, &Request::Call(vec![name("carol"), name("nobody")])), Why::NotContact);
    assert_eq!(p.w.refused(p.at_a, &Request::Call(vec![name("nobody")])), Why::NoSuchUser);
    assert_eq!(p.w.refused(p.at_a, &Request::Call(vec![name("alice")])), Why::Oneself);
    assert_eq!(p.w.refused(at_c, &Request::Call(vec![name("alice")])), Why::NotContact);
    for request in [Request::AcceptCall(None), Request::RejectCall(None), Request::HangUp(None)] {
        assert_eq!(p.w.refused(p.at_a, &request), Why::NoCall);
    }
    assert_eq!(p.w.refused(p.at_a, &Request::Renew(Renew { call: CallId([1; 16]) })), Why::NoCall);
    assert_eq!(p.w.refused(p.at_a, &call_mail(CallId([1; 16]), &p.b)), Why::NoCall);
    p.w.ask(p.at_a, &Request::Call(vec![name("bob")]));
    assert_eq!(p.w.refused(p.at_a, &Request::Call(vec![name("bob")])), Why::InCall);
    p.w.heard(p.at_b);
    assert_eq!(p.w.refused(p.at_b, &Request::AcceptCall(Some(CallId([1; 16])))), Why::NoCall);
}

#[test]
fn the_caller_is_told_busy_gone_declined_and_no_answer() {
    let (mut p, _, _) = talking();
    let c = Person::new("carol");
    let at_c = p.w.join(&c);
    p.w.send(at_c, &Request::Add(name("bob")));
    p.w.send(p.at_b, &Request::Accept(name("carol")));
    p.w.heard(p.at_b);
    let call = Request::Call(vec![name("bob")]);
    assert_eq!(states(&p.w.ask(at_c, &call)), [("bob".into(), MemberState::Busy)]);
    assert_eq!(p.w.heard(p.at_b), []);

    p.w.send(p.at_b, &Request::HangUp(None));
    assert_eq!(states(&p.w.ask(at_c, &call)), [("bob".into(), MemberState::Ringing)]);
    p.w.heard(p.at_b);
    assert_eq!(states(&p.w.ask(p.at_b, &Request::RejectCall(None))), []);
    assert_eq!(states(&p.w.heard(at_c)), [("bob".into(), MemberState::Declined)]);

    p.w.ask(at_c, &call);
    p.w.heard(p.at_b);
    p.w.wait(RING_TIME_MAX - Duration::from_millis(1));
    assert_eq!(states(&p.w.heard(at_c)), []);
    p.w.wait(Duration::from_millis(1));
    assert_eq!(states(&p.w.heard(at_c)), [("bob".into(), MemberState::NoAnswer)]);
    assert_eq!(states(&p.w.heard(p.at_b)), [("bob".into(), MemberState::NoAnswer)]);
    assert!(p.w.hub.rooms.is_empty());

    p.w.close(p.at_b);
    assert_eq!(states(&p.w.ask(at_c, &call)), [("bob".into(), MemberState::Gone)]);
    assert!(p.w.hub.rooms.is_empty());
}

#[test]
fn a_caller_who_gives_up_stops_the_ringing() {
    let (mut p, _, _) = ringing();
    p.w.send(p.at_a, &Request::HangUp(None));
    assert_eq!(states(&p.w.heard(p.at_b)), [("alice".into(), MemberState::Left)]);
    assert_eq!(p.w.refused(p.at_b, &Request::AcceptCall(None)), Why::NoCall);
}

#[test]
fn two_who_call_each_other_are_connected() {
    let (mut p, to_a, _) = ringing();
    let heard = p.w.ask(p.at_b, &Request::Call(vec![name("alice")]));
    assert_eq!(heard[0], Reply::CallAccepted(vec![party("alice")]));
    assert_eq!(states(&heard), [("alice".into(), MemberState::Joined)]);
    assert_eq!(states(&p.w.heard(p.at_a)), [("bob".into(), MemberState::Joined)]);
    assert_eq!(p.w.hub.rooms.count(), 1);
    assert_eq!(p.w.ask(p.at_a, &call_mail(to_a.call, &p.b)), []);
    assert!(matches!(p.w.heard(p.at_b)[..], [Reply::CallMail(_)]));
}

#[test]
fn all_devices_ring_and_the_first_takes_it() {
    let mut p = pair();
    let tablet = p.b.second("tablet");
    let at_tablet = p.w.join(&tablet);
    p.w.wait(Duration::from_secs(1));
    p.w.heard(p.at_b);
    p.w.heard(at_tablet);
    let to_a = grant(&p.w.ask(p.at_a, &Request::Call(vec![name("bob")])));
    assert_eq!(to_a.members.len(), 2);
    let to_b = grant(&p.w.heard(p.at_b));
    assert_eq!(grant(&p.w.heard(at_tablet)).members.len(), 1, "one's own other devices are not members");
    p.w.ask(at_tablet, &Request::AcceptCall(None));
    assert_eq!(states(&p.w.heard(p.at_b)), [("bob".into(), MemberState::Taken)]);
    assert!(p.w.relay.contains(&Change::Remove { relay: to_b.relay, ssrc: to_b.ssrc, expiry: to_b.expiry }));
    assert_eq!(p.w.refused(p.at_b, &Request::AcceptCall(None)), Why::NoCall);
    assert_eq!(p.w.refused(p.at_b, &Request::Call(vec![name("alice")])), Why::InCall);
    assert_eq!(p.w.ask(p.at_a, &call_mail(to_a.call, &p.b)), [], "words to one who was rung still pass");
    assert!(matches!(p.w.heard(p.at_b)[..], [Reply::CallMail(_)]));
    assert_eq!(p.w.refused(p.at_b, &Request::Rejoin(Box::new(to_b))), Why::NoCall, "its ticket does not");
}

#[test]
fn a_no_on_one_device_is_a_no_of_all() {
    let mut p = pair();
    let tablet = p.b.second("tablet");
    let at_tablet = p.w.join(&tablet);
    p.w.ask(p.at_a, &Request::Call(vec![name("bob")]));
    p.w.heard(at_tablet);
    p.w.send(p.at_b, &Request::RejectCall(None));
    assert_eq!(states(&p.w.heard(at_tablet)), [("bob".into(), MemberState::Declined)]);
    assert!(p.w.hub.rooms.is_empty());
}

#[test]
fn a_member_whose_connection_drops_has_30_seconds() {
    let (mut p, _, to_b) = talking();
    p.w.close(p.at_b);
    p.w.wait(MEMBER_AWAY_MAX - Duration::from_secs(1));
    assert_eq!(states(&p.w.heard(p.at_a)), []);
    let at_b = p.w.login(&p.b);
    let again = grant(&p.w.ask(at_b, &Request::Rejoin(Box::new(to_b.clone()))));
    assert_eq!((again.call, again.ssrc), (to_b.call, to_b.ssrc));
    assert!(again.expiry > to_b.expiry);
    p.w.wait(Duration::from_secs(40));
    assert_eq!(states(&p.w.ask(p.at_a, &Request::Ping)), []);
    p.w.close(at_b);
    let at_b = p.w.login(&p.b);
    p.w.wait(MEMBER_AWAY_MAX);
    assert_eq!(states(&p.w.heard(p.at_a)), [("bob".into(), MemberState::Gone)], "a login alone is no member");
    assert_eq!(p.w.refused(at_b, &Request::Rejoin(Box::new(again))), Why::NoCall);
}

#[test]
fn a_ringing_device_may_reconnect_and_answer() {
    let (mut p, _, to_b) = ringing();
    p.w.close(p.at_b);
    let at_b = p.w.login(&p.b);
    p.w.wait(MEMBER_AWAY_MAX + Duration::from_secs(5));
    p.w.heard(at_b);
    assert!(
        p.w.ask(at_b, &Request::AcceptCall(Some(to_b.call)))
            .contains(&Reply::CallAccepted(vec![party("alice")]))
    );
}

#[test]
fn a_ringing_device_that_stays_away_is_gone() {
    let (mut p, _, _) = ringing();
    p.w.close(p.at_b);
    p.w.wait(MEMBER_AWAY_MAX);
    assert_eq!(states(&p.w.heard(p.at_a)).last(), Some(&("bob".into(), MemberState::Gone)));
    assert!(p.w.hub.rooms.is_empty());
}

#[test]
fn a_restarted_server_rebuilds_the_call_from_tickets() {
    let (mut p, to_a, to_b) = talking();
    p.w.restart();
    let (at_a, at_b) = (p.w.login(&p.a), p.w.login(&p.b));
    let again = grant(&p.w.ask(at_a, &Request::Rejoin(Box::new(to_a.clone()))));
    assert_eq!((again.relay, again.ssrc), (to_a.relay, to_a.ssrc));
    p.w.wait(Duration::from_secs(10));
    assert_eq!(grant(&p.w.ask(at_b, &Request::Rejoin(Box::new(to_b)))).members[0].ssrc, to_a.ssrc);
    p.w.wait(MEMBER_AWAY_MAX * 2);
    assert_eq!(states(&p.w.heard(at_a)), []);
    assert_eq!(p.w.ask(at_a, &call_mail(to_a.call, &p.b)), []);
    p.w.heard(at_b);
    p.w.send(at_a, &Request::HangUp(Some(to_a.call)));
    assert_eq!(states(&p.w.heard(at_b)), [("alice".into(), MemberState::Left)]);
    assert!(p.w.hub.rooms.is_empty());
}

#[test]
fn after_a_restart_nobody_waits_for_ever_for_the_other() {
    let (mut p, to_a, _) = talking();
    p.w.restart();
    let at_a = p.w.login(&p.a);
    p.w.ask(at_a, &Request::Rejoin(Box::new(to_a)));
    p.w.wait(MEMBER_AWAY_MAX);
    assert_eq!(states(&p.w.heard(at_a)), [("bob".into(), MemberState::Gone)]);
    assert!(p.w.hub.rooms.is_empty());
}

#[test]
fn only_a_good_ticket_rejoins() {
    let (mut p, to_a, to_b) = talking();
    let rejoin = |grant: &Grant| Request::Rejoin(Box::new(grant.clone()));
    assert_eq!(p.w.refused(p.at_b, &rejoin(&to_a)), Why::NoCall, "another's stream");
    let mut forged = to_b.clone();
    forged.expiry += 1;
    assert_eq!(p.w.refused(p.at_b, &rejoin(&forged)), Why::NoCall);
    let mut elsewhere = to_b.clone();
    elsewhere.call = CallId([1; 16]);
    assert_eq!(p.w.refused(p.at_b, &rejoin(&elsewhere)), Why::NoCall);
    p.w.send(p.at_a, &Request::HangUp(None));
    p.w.heard(p.at_b);
    assert_eq!(p.w.refused(p.at_b, &rejoin(&to_b)), Why::NoCall, "a call that is over stays over");
    p.w.restart();
    p.w.wait(crate::limits::TICKET_LIFE);
    let at_b = p.w.login(&p.b);
    assert_eq!(p.w.refused(at_b, &rejoin(&to_b)), Why::NoCall, "a ticket past its time");
}

#[test]
fn a_ticket_is_renewed_and_revoked_by_its_newest_end() {
    let (mut p, _, to_b) = talking();
    for _ in 0..5 {
        p.w.wait(Duration::from_secs(60));
        p.w.ask(p.at_a, &Request::Ping);
        p.w.ask(p.at_b, &Request::Ping);
    }
    let newer = grant(&p.w.ask(p.at_b, &Request::Renew(Renew { call: to_b.call })));
    assert!(newer.expiry > to_b.expiry && newer.ssrc == to_b.ssrc);
    p.w.send(p.at_b, &Request::HangUp(None));
    assert_eq!(p.w.relay, [Change::Close { relay: to_b.relay, expiry: newer.expiry }]);
}

#[test]
fn words_of_a_call_stay_in_it() {
    let (mut p, to_a, _) = talking();
    let c = Person::new("carol");
    let at_c = p.w.join(&c);
    assert_eq!(p.w.refused(at_c, &call_mail(to_a.call, &p.b)), Why::NoCall);
    assert_eq!(p.w.refused(p.at_a, &call_mail(to_a.call, &c)), Why::NoCall);
    let mut huge = call_mail(to_a.call, &p.b);
    if let Request::CallMail(mail) = &mut huge {
        mail.sealed.bytes = vec![0; CALL_ENVELOPE_BYTES_MAX + 513].into();
    }
    assert_eq!(p.w.refused(p.at_a, &huge), Why::Limit);
    p.w.close(p.at_b);
    p.w.heard(p.at_a);
    assert_eq!(p.w.refused(p.at_a, &call_mail(to_a.call, &p.b)), Why::NoCall);
}

#[test]
fn words_of_a_call_are_metered_over_all_devices_of_an_account() {
    let (mut w, a, b) = (World::new(), Person::new("alice"), Person::new("bob"));
    let (at_a, at_b) = w.friends(&a, &b);
    let tablet = b.second("tablet");
    let on_tablet = w.join(&tablet);
    w.send(at_a, &Request::Call(vec![b.name.clone()]));
    w.send(at_b, &Request::AcceptCall(None));
    let call = grant(&w.heard(at_a)).call;
    w.heard(on_tablet);
    w.heard(at_b);
    for n in 0..CALL_MAIL_PER_ACCOUNT.burst {
        // Who was rung may speak of it, too.
        let conn = if n % 2 == 0 { at_b } else { on_tablet };
        assert_eq!(w.ask(conn, &call_mail(call, &a)), []);
    }
    for conn in [at_b, on_tablet] {
        assert_eq!(w.refused(conn, &call_mail(call, &a)), Why::TooFast);
    }
    let passed = w.heard(at_a).iter().filter(|reply| matches!(reply, Reply::CallMail(_))).count();
    assert_eq!(passed, CALL_MAIL_PER_ACCOUNT.burst as usize);
    assert_eq!(w.ask(at_a, &call_mail(call, &b)), [], "the others have their own");
    w.wait(Duration::from_secs(1));
    w.heard(at_b);
    assert_eq!(w.ask(at_b, &call_mail(call, &a)), []);
}

#[test]
fn calls_are_bounded_on_the_server_and_by_account() {
    let mut settings = settings();
    settings.limits.calls = 1;
    settings.limits.call_starts = crate::limits::Bucket { burst: 3, per_second: 1 };
    let mut w = World::with(settings);
    let people: Vec<_> = ["alice", "bob", "carol", "dave"].map(Person::new).into();
    let (at_a, at_b) = w.friends(&people[0], &people[1]);
    let (at_c, _) = w.friends(&people[2], &people[3]);
    w.send(at_a, &Request::Call(vec![name("bob")]));
    assert_eq!(w.refused(at_c, &Request::Call(vec![name("dave")])), Why::Limit);
    w.send(at_a, &Request::HangUp(None));
    for _ in 0..2 {
        w.send(at_a, &Request::Call(vec![name("bob")]));
        w.send(at_a, &Request::HangUp(None));
    }
    w.heard(at_a);
    assert_eq!(w.refused(at_a, &Request::Call(vec![name("bob")])), Why::TooFast);
    w.heard(at_b);
}
