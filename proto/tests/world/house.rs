//! The server of the world: hub, relay and disk, that start, die and say what they say.

use core::net::SocketAddr;
use core::time::Duration;

use proto::hub::{self, Hub, Mem};
use proto::id::{ConnId, Fingerprint};
use proto::relay::{self, Relay};
use proto::{Drop, Now};

use super::net::{self, address, chance, server_address};
use super::{Event, RELAY_KEY, Server, World};

impl World {
    pub(super) fn server_start(&mut self) {
        let now = self.now();
        let settings = hub::Settings {
            server_key: Fingerprint([0x77; 32]),
            relay_key: RELAY_KEY,
            udp_port: server_address().port(),
            public: ("server.example".into(), 8462),
            invite_only: true,
            software: "world".into(),
            house: None,
            limits: hub::Limits::default(),
        };
        self.server = Some(Server {
            hub: Hub::new(settings, self.seeds.child("hub"), now),
            relay: Relay::new(RELAY_KEY, self.seeds.child("relay"), relay::RelayLimits::default()),
            store: self.disk.clone(),
        });
    }

    pub(super) fn server_dies(&mut self) {
        let Some(server) = self.server.take() else { return };
        *self.drops.entry(Drop::Leaving).or_default() += 0;
        drop(server);
        let conns: Vec<ConnId> = self.conns.keys().copied().collect();
        for conn in conns {
            let later = self.clock + self.weather.delay;
            self.push(later, Event::UserSees(conn));
        }
        let back = self.clock + Duration::from_millis(200 + self.fate.below(4_000));
        self.push(back, Event::ServerBack);
    }

    pub(super) fn tell_hub(&mut self, f: impl FnOnce(&mut Hub, &mut Mem)) {
        if let Some(server) = &mut self.server {
            f(&mut server.hub, &mut server.store);
        }
        self.drain_hub();
    }

    /// One turn of the server's loop: commit, then speak. A crash may come before or after the commit.
    pub(super) fn drain_hub(&mut self) {
        let Some(server) = &mut self.server else { return };
        let mut outs = Vec::new();
        while let Some(out) = server.hub.poll() {
            outs.push(out);
        }
        if outs.is_empty() {
            return;
        }
        let crash = self.plan.crashes && !self.calm && chance(&mut self.fate, 2);
        if crash && chance(&mut self.fate, 5_000) {
            self.server_dies();
            return;
        }
        self.disk = server.store.clone();
        if crash {
            self.server_dies();
            return;
        }
        for out in outs {
            self.hub_says(out);
        }
    }

    pub(super) fn hub_says(&mut self, out: hub::Output) {
        match out {
            hub::Output::Stream(conn, bytes) => {
                self.oracle.stream(&bytes);
                let (weather, now) = (self.weather, self.clock);
                let Some(c) = self.conns.get_mut(&conn) else { return };
                for (at, piece) in c.down.stream(&bytes, &weather, &mut self.weather_rng, now) {
                    self.push(at, Event::Down(conn, piece));
                }
            }
            hub::Output::Close(conn, reason) => {
                *self.drops.entry(reason).or_default() += 1;
                let now = self.now();
                let later = self.clock + self.weather.delay + self.weather.jitter;
                self.push(later, Event::UserSees(conn));
                if let Some(server) = &mut self.server {
                    server.hub.handle(hub::Input::Closed(conn), now, &mut server.store);
                }
                self.drain_hub();
            }
            hub::Output::Relay(change) => {
                let now = self.now();
                if let Some(server) = &mut self.server {
                    server.relay.handle(relay::Input::Change(change), now);
                    assert!(server.relay.poll().is_none(), "a change yields no output");
                }
            }
            hub::Output::Admitted(_) | hub::Output::AccountsFull => {}
            hub::Output::Drop(reason) => *self.drops.entry(reason).or_default() += 1,
        }
    }

    pub(super) fn server_on_time(&mut self, now: Now) {
        let Some(server) = &mut self.server else { return };
        if server.relay.deadline().is_some_and(|d| d <= now.mono) {
            server.relay.handle(relay::Input::Timeout, now);
            assert!(server.relay.poll().is_none(), "time alone sends nothing");
        }
        if server.hub.deadline().is_some_and(|d| d <= now.mono) {
            self.tell_hub(|hub, store| hub.handle(hub::Input::Timeout, now, store));
        }
    }

    pub(super) fn relay_handles(&mut self, from: SocketAddr, bytes: &[u8]) {
        let now = self.now();
        let Some(server) = &mut self.server else { return };
        server.relay.handle(relay::Input::Datagram(from, bytes), now);
        let mut sends: Vec<(SocketAddr, Vec<u8>)> = Vec::new();
        while let Some(out) = server.relay.poll() {
            match out {
                relay::Output::Fan => {
                    let targets = server.relay.targets();
                    assert!(!targets.is_empty() && !targets.contains(&from));
                    sends.extend(targets.iter().map(|to| (*to, bytes.to_vec())));
                }
                // Guests of the plain protocols have no ears in this world.
                relay::Output::ToGuests => assert!(!server.relay.plain_targets().is_empty()),
                relay::Output::OfGuest => panic!("only the plain voice socket brings a guest's voice"),
                relay::Output::Reply { to, bytes: reply } => {
                    assert!(to == from && reply.len() <= bytes.len(), "amplification");
                    sends.push((to, reply.to_vec()));
                }
                relay::Output::Drop(reason) => *self.drops.entry(reason).or_default() += 1,
            }
        }
        for (to, bytes) in sends {
            let Some(user) = (0..self.users.len()).find(|i| address(*i, 40_000) == to) else { continue };
            let (weather, clock) = (self.weather, self.clock);
            for at in net::Link::default().datagram(&weather, &mut self.weather_rng, clock) {
                self.push(at, Event::ToUser(user, server_address(), bytes.clone()));
            }
        }
    }
}
