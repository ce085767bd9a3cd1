//! Calls of many: who rings, who hears of whom, and what a call outlives.

use super::*;
use crate::limits::{MEMBER_AWAY_MAX, MEMBERS_MAX, RING_TIME_MAX};
use crate::wire::Party;

/// Alice and her contacts, all connected.
struct Circle {
    w: World,
    people: Vec<Person>,
    conns: Vec<ConnId>,
}

fn circle(names: &[&str]) -> Circle {
    let mut w = World::new();
    let people: Vec<Person> = names.iter().map(|name| Person::new(name)).collect();
    let conns: Vec<ConnId> = people.iter().map(|person| w.join(person)).collect();
    let mut circle = Circle { w, people, conns };
    for n in 1..names.len() {
        circle.befriend(0, n);
    }
    circle.quiet();
    circle
}

impl Circle {
    fn befriend(&mut self, a: usize, b: usize) {
        let (asker, asked) = (self.people[a].name.clone(), self.people[b].name.clone());
        self.w.send(self.conns[a], &Request::Add(asked));
        self.w.send(self.conns[b], &Request::Accept(asker));
        self.w.wait(Duration::from_millis(500));
    }

    /// Everything said so far is heard.
    fn quiet(&mut self) {
        self.w.wait(Duration::from_secs(1));
        for conn in self.conns.clone() {
            self.w.heard(conn);
        }
    }

    fn ask(&mut self, who: usize, request: &Request) -> Vec<Reply> {
        self.w.ask(self.conns[who], request)
    }

    fn heard(&mut self, who: usize) -> Vec<Reply> {
        self.w.heard(self.conns[who])
    }

    /// Alice calls all others; what each was granted.
    fn ring_all(&mut self) -> Vec<Grant> {
        let others = self.people[1..].iter().map(|person| person.name.clone()).collect();
        let mut grants = vec![grant(&self.ask(0, &Request::Call(others)))];
        for n in 1..self.people.len() {
            grants.push(grant(&self.heard(n)));
        }
        grants
    }

    /// All are in.
    fn talk(&mut self) -> Vec<Grant> {
        let grants = self.ring_all();
        for n in 1..self.people.len() {
            self.ask(n, &Request::AcceptCall(None));
        }
        self.quiet();
        grants
    }

    fn device(&self, who: usize) -> Option<DeviceId> {
        Some(self.people[who].id())
    }
}

fn call(names: &[&str]) -> Request {
    Request::Call(names.iter().map(|text| name(text)).collect())
}

fn party(who: &str) -> Party {
    Party { name: name(who), address: "192.0.2.1".into() }
}

fn roster(grant: &Grant) -> Vec<u32> {
    let mut streams: Vec<u32> = grant.members.iter().map(|m| m.ssrc.0).chain([grant.ssrc.0]).collect();
    streams.sort_unstable();
    streams
}

#[test]
fn all_who_are_named_ring_and_all_are_granted_the_same_members() {
    let mut c = circle(&["alice", "bob", "carol", "dave"]);
    let heard = c.ask(0, &call(&["dave", "bob", "carol", "Bob"]));
    assert_eq!(heard[0], Reply::CallTaken);
    let ringing = |who: &str| (who.to_owned(), MemberState::Ringing);
    assert_eq!(states(&heard), [ringing("bob"), ringing("carol"), ringing("dave")]);
    let own = grant(&heard);
    assert_eq!(own.members.len(), 3);
    for n in 1..4 {
        let heard = c.heard(n);
        assert_eq!(heard[0], Reply::CallRequest(party("alice")));
        let theirs = grant(&heard);
        assert_eq!((theirs.call, roster(&theirs)), (own.call, roster(&own)));
        assert!(!theirs.plain);
    }
}

#[test]
fn who_joins_hears_of_all_who_are_in_and_all_hear_of_them() {
    let mut c = circle(&["alice", "bob", "carol", "dave"]);
    c.ring_all();
    let heard = c.ask(1, &Request::AcceptCall(None));
    assert_eq!(heard[0], Reply::CallAccepted(vec![party("alice")]));
    assert_eq!(joined(&heard), [("alice".into(), c.device(0))]);
    assert_eq!(joined(&c.heard(0)), [("bob".into(), c.device(1))]);
    assert_eq!(joined(&c.heard(3)), [("bob".into(), c.device(1))], "who rings hears it too");

    let heard = c.ask(2, &Request::AcceptCall(None));
    assert_eq!(heard[0], Reply::CallAccepted(vec![party("alice"), party("bob")]));
    assert_eq!(joined(&heard), [("alice".into(), c.device(0)), ("bob".into(), c.device(1))]);
    for n in [0, 1] {
        let heard = c.heard(n);
        assert!(heard.contains(&Reply::CallJoined(party("carol"))));
        assert_eq!(joined(&heard).last(), Some(&("carol".into(), c.device(2))));
    }
}

#[test]
fn a_call_of_many_goes_on_until_one_is_left_and_nobody_rings() {
    let mut c = circle(&["alice", "bob", "carol", "dave"]);
    let grants = c.ring_all();
    c.ask(1, &Request::AcceptCall(None));
    c.ask(2, &Request::RejectCall(None));
    assert_eq!(states(&c.heard(0)).last(), Some(&("carol".into(), MemberState::Declined)));
    c.heard(1);
    c.heard(3);
    assert_eq!(c.w.refused(c.conns[2], &Request::AcceptCall(None)), Why::NoCall);
    c.ask(0, &Request::HangUp(None));
    for n in [1, 3] {
        let heard = c.heard(n);
        let [Reply::CallState(left)] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!((&left.name, left.state, left.device), (&name("alice"), MemberState::Left, c.device(0)));
    }
    let removed = |g: &Grant| Change::Remove { relay: g.relay, ssrc: g.ssrc, expiry: g.expiry };
    assert_eq!(c.w.relay, [removed(&grants[2]), removed(&grants[0])]);
    c.ask(3, &Request::AcceptCall(None));
    assert_eq!(joined(&c.heard(1)), [("dave".into(), c.device(3))]);
    c.ask(1, &Request::HangUp(None));
    assert_eq!(states(&c.heard(3)).last(), Some(&("bob".into(), MemberState::Left)));
    assert!(c.w.hub.rooms.is_empty());
}

#[test]
fn each_ring_ends_by_itself_and_the_last_one_ends_a_call_that_nobody_took() {
    let mut c = circle(&["alice", "bob", "carol"]);
    c.ring_all();
    c.ask(1, &Request::RejectCall(None));
    assert_eq!(c.w.hub.rooms.count(), 1);
    c.w.wait(RING_TIME_MAX);
    let heard = states(&c.heard(0));
    let wanted = [("bob".into(), MemberState::Declined), ("carol".into(), MemberState::NoAnswer)];
    assert_eq!(heard, wanted);
    assert_eq!(states(&c.heard(2)), wanted);
    assert!(c.w.hub.rooms.is_empty());
}

#[test]
fn those_who_cannot_be_rung_are_told_beside_those_who_ring() {
    let mut c = circle(&["alice", "bob", "carol", "dave", "erin"]);
    c.befriend(2, 3);
    let stranger = Person::new("frank");
    c.w.join(&stranger);
    c.ask(3, &call(&["carol"]));
    c.w.close(c.conns[4]);
    c.w.wait(Duration::from_secs(1));
    let names = ["bob", "carol", "dave", "erin", "frank", "nobody", "alice"];
    let heard = c.ask(0, &call(&names));
    let states: Vec<_> = states(&heard).into_iter().collect();
    let wanted = [
        ("bob", MemberState::Ringing),
        ("carol", MemberState::Busy),
        ("dave", MemberState::Busy),
        ("erin", MemberState::Gone),
        ("alice", MemberState::Gone),
        ("frank", MemberState::Gone),
        ("nobody", MemberState::Gone),
    ];
    assert_eq!(states, wanted.map(|(who, state)| (who.to_owned(), state)));
    assert_eq!(grant(&heard).members.len(), 1);
}

#[test]
fn naming_somebody_whose_call_rings_is_an_answer() {
    let mut c = circle(&["alice", "bob", "carol"]);
    c.befriend(1, 2);
    c.ring_all();
    let heard = c.ask(1, &call(&["carol", "alice"]));
    assert_eq!(heard[0], Reply::CallAccepted(vec![party("alice")]));
    assert_eq!(c.w.hub.rooms.count(), 1);
    let heard = c.ask(2, &call(&["bob"]));
    assert_eq!(heard[0], Reply::CallAccepted(vec![party("alice"), party("bob")]), "one who is in counts");
}

#[test]
fn a_call_has_32_places_and_everybody_gets_one_before_anybody_gets_two() {
    let names: Vec<String> = (0..MEMBERS_MAX).map(|n| format!("p{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut c = circle(&names);
    let tablet = c.people[1].second("tablet");
    c.w.join(&tablet);
    c.w.wait(Duration::from_secs(1));
    let grants = c.ring_all();
    assert_eq!(grants[0].members.len(), MEMBERS_MAX - 1);
    assert_eq!(c.w.refused(c.conns[0], &call(&names)), Why::Limit);
    c.ask(0, &Request::HangUp(None));
    let heard = c.ask(0, &call(&names[1..MEMBERS_MAX - 1]));
    assert_eq!(grant(&heard).members.len(), MEMBERS_MAX - 1, "and the tablet rings when there is room");
}

#[test]
fn a_call_of_three_survives_a_restart() {
    let mut c = circle(&["alice", "bob", "carol"]);
    let grants = c.talk();
    c.w.restart();
    for (n, granted) in grants.iter().enumerate() {
        c.conns[n] = c.w.login(&c.people[n]);
        let again = grant(&c.ask(n, &Request::Rejoin(Box::new(granted.clone()))));
        assert_eq!((again.call, again.ssrc), (granted.call, granted.ssrc));
        c.w.wait(Duration::from_secs(5));
    }
    c.w.wait(Duration::from_secs(30));
    for n in 0..3 {
        assert_eq!(states(&c.heard(n)), [], "nobody is missed");
    }
    c.ask(1, &Request::HangUp(None));
    for n in [0, 2] {
        assert_eq!(states(&c.heard(n)), [("bob".into(), MemberState::Left)]);
    }
    assert_eq!(c.w.hub.rooms.count(), 1);
}

#[test]
fn two_of_three_who_came_back_in_time_go_on_without_the_third() {
    let mut c = circle(&["alice", "bob", "carol"]);
    let grants = c.talk();
    c.w.restart();
    c.w.relay.clear();
    for n in [0, 2] {
        c.conns[n] = c.w.login(&c.people[n]);
        c.ask(n, &Request::Rejoin(Box::new(grants[n].clone())));
    }
    c.w.wait(MEMBER_AWAY_MAX);
    for n in [0, 2] {
        let heard = c.heard(n);
        assert_eq!(states(&heard), [("bob".into(), MemberState::Gone)]);
    }
    assert!(matches!(c.w.relay[..], [Change::Remove { ssrc, .. }] if ssrc == grants[1].ssrc));
    c.conns[1] = c.w.login(&c.people[1]);
    let late = Request::Rejoin(Box::new(grants[1].clone()));
    assert_eq!(c.w.refused(c.conns[1], &late), Why::NoCall, "too late is out");
    c.ask(0, &Request::HangUp(None));
    assert!(c.w.hub.rooms.is_empty());
}

#[test]
fn one_who_comes_back_and_leaves_ends_nothing_for_the_two_still_on_their_way() {
    let mut c = circle(&["alice", "bob", "carol"]);
    let grants = c.talk();
    c.w.restart();
    for (n, granted) in grants.iter().enumerate() {
        c.conns[n] = c.w.login(&c.people[n]);
        c.ask(n, &Request::Rejoin(Box::new(granted.clone())));
        if n == 0 {
            c.ask(0, &Request::HangUp(None));
        }
    }
    c.w.wait(MEMBER_AWAY_MAX);
    assert_eq!(c.w.hub.rooms.count(), 1);
    c.ask(2, &Request::HangUp(None));
    assert_eq!(states(&c.heard(1)).last(), Some(&("carol".into(), MemberState::Left)));
    assert!(c.w.hub.rooms.is_empty());
}
