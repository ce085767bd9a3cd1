//! Three people with four devices do anything at any time, and the server is restarted under them.

use super::*;
use crate::wire::record::Grant;
use proptest::prelude::*;

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

#[derive(Clone, Debug)]
enum Deed {
    Login,
    Close,
    Contact(u8, usize),
    Call(usize),
    Answer(u8),
    Rejoin,
    Renew,
    Wait(u64),
    Restart,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => Just(Deed::Login),
        1 => Just(Deed::Close),
        3 => (0..4_u8, 0..3_usize).prop_map(|(act, to)| Deed::Contact(act, to)),
        4 => (0..3_usize).prop_map(Deed::Call),
        4 => (0..3_u8).prop_map(Deed::Answer),
        2 => Just(Deed::Rejoin),
        1 => Just(Deed::Renew),
        2 => (1..60_000_u64).prop_map(Deed::Wait),
        1 => Just(Deed::Restart),
    ]
}

struct Storm {
    w: World,
    devices: Vec<Person>,
    conns: Vec<Option<ConnId>>,
    grants: Vec<Option<Grant>>,
}

impl Storm {
    fn new() -> Self {
        let mut devices: Vec<Person> = PEOPLE.map(Person::new).into();
        devices.push(devices[0].second("tablet"));
        let mut w = World::new();
        let conns: Vec<_> = devices.iter().map(|device| Some(w.join(device))).collect();
        for to in ["bob", "carol"] {
            w.send(conns[0].unwrap(), &Request::Add(name(to)));
        }
        for conn in &conns[1..3] {
            w.send(conn.unwrap(), &Request::Accept(name("alice")));
        }
        Self { w, grants: vec![None; devices.len()], devices, conns }
    }

    fn act(&mut self, who: usize, deed: &Deed) {
        match deed {
            Deed::Login => self.conns[who] = Some(self.w.login(&self.devices[who])),
            Deed::Close => {
                if let Some(conn) = self.conns[who].take() {
                    self.w.close(conn);
                }
            }
            Deed::Contact(act, to) => {
                let to = name(PEOPLE[*to]);
                let request = match act {
                    0 => Request::Add(to),
                    1 => Request::Accept(to),
                    2 => Request::Reject(to),
                    _ => Request::Remove(to),
                };
                self.say(who, &request);
            }
            Deed::Call(to) => self.say(who, &Request::Call(vec![name(PEOPLE[*to])])),
            Deed::Answer(0) => self.say(who, &Request::AcceptCall(None)),
            Deed::Answer(1) => self.say(who, &Request::RejectCall(None)),
            Deed::Answer(_) => self.say(who, &Request::HangUp(None)),
            Deed::Rejoin => {
                if let Some(grant) = self.grants[who].clone() {
                    self.say(who, &Request::Rejoin(Box::new(grant)));
                }
            }
            Deed::Renew => {
                if let Some(grant) = self.grants[who].clone() {
                    self.say(who, &Request::Renew(Renew { call: grant.call }));
                }
            }
            Deed::Wait(ms) => self.w.wait(Duration::from_millis(*ms)),
            Deed::Restart => {
                self.closes_once();
                self.w.restart();
                self.conns.fill(None);
            }
        }
        self.listen();
    }

    fn say(&mut self, who: usize, request: &Request) {
        if let Some(conn) = self.conns[who] {
            self.w.send(conn, request);
        }
    }

    fn listen(&mut self) {
        for (who, conn) in self.conns.iter_mut().enumerate() {
            if conn.is_some_and(|conn| self.w.closed.contains_key(&conn)) {
                *conn = None;
            }
            let Some(conn) = *conn else { continue };
            for reply in self.w.heard(conn) {
                if let Reply::Grant(grant) = reply {
                    assert!(grant.expiry > self.w.now().wall.as_secs_u32());
                    self.grants[who] = Some(*grant);
                }
            }
        }
    }

    /// One life of the hub closes a room once. The next may do it again: it knows only what a ticket says.
    fn closes_once(&mut self) {
        let mut closed = std::collections::BTreeSet::new();
        for change in self.w.relay.drain(..) {
            if let Change::Close { relay, .. } = change {
                assert!(closed.insert(relay), "a room is closed once");
            }
        }
    }

    /// How the two stand is never seen differently by them.
    fn agree(&mut self) {
        let keys: Vec<_> = self.devices[..3].iter().map(Person::key).collect();
        for a in &keys {
            for b in &keys {
                let (here, there) = (self.w.store.standing(a, b), self.w.store.standing(b, a));
                assert_eq!(here, crate::contact::mirrored(there));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn tables_agree_through_any_storm_and_are_empty_after_it(
        deeds in prop::collection::vec((0..4_usize, deed()), 1..80),
    ) {
        let mut storm = Storm::new();
        for (who, deed) in &deeds {
            storm.act(*who, deed);
            storm.agree();
        }
        for who in 0..4 {
            storm.act(who, &Deed::Close);
        }
        storm.w.wait(Duration::from_secs(60));
        prop_assert!(storm.w.hub.is_idle());
        storm.closes_once();
    }
}
