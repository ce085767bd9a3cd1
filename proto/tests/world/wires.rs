//! The connections of the world: made, told of, broken and found broken.

use core::time::Duration;

use proto::client::{self, LinkUp};
use proto::hub;
use proto::id::{ConnId, Fingerprint};

use super::net::{Pipe, address, server_address};
use super::{Conn, Event, Owner, TWISTED, World};

impl World {
    pub(super) fn connect(&mut self, i: usize) {
        self.hang_up_link(i);
        let conn = self.new_conn(Owner::User(i));
        if let Some(m) = &mut self.users[i].machine {
            m.conn = Some(conn);
            m.up = Pipe::default();
        }
        let trip = self.weather.delay * 4;
        let up = self.server.is_some();
        self.push(self.clock + trip, if up { Event::Arrive(conn) } else { Event::UserSees(conn) });
    }

    pub(super) fn new_conn(&mut self, owner: Owner) -> ConnId {
        self.next_conn += 1;
        let conn = ConnId(self.next_conn);
        let exporter = self.seeds.bytes();
        self.conns.insert(conn, Conn { owner, down: Pipe::default(), arrived: false, exporter });
        conn
    }

    pub(super) fn arrive(&mut self, conn: ConnId) {
        let now = self.now();
        let Some(c) = self.conns.get_mut(&conn) else { return };
        if self.server.is_none() {
            self.push(self.clock, Event::UserSees(conn));
            return;
        }
        c.arrived = true;
        let (owner, exporter) = (c.owner, c.exporter);
        let from = match owner {
            Owner::User(i) => address(i, 50_000),
            Owner::Guest(i) => address(500 + i, 50_000),
            Owner::Villain => address(999, 50_000),
        };
        let (dialect, exporter_seen) = match owner {
            Owner::Guest(i) => (self.guests[i].dialect, None),
            Owner::User(_) | Owner::Villain => (hub::Dialect::Native, Some(exporter)),
        };
        let opened =
            hub::Input::Opened { conn, dialect, from, at: server_address(), exporter: exporter_seen };
        self.tell_hub(|hub, store| hub.handle(opened, now, store));
        if let Owner::User(i) = owner
            && let Some(m) = &mut self.users[i].machine
            && m.conn == Some(conn)
        {
            let up = LinkUp { exporter, server_key: Fingerprint([0x77; 32]), peer: server_address() };
            m.client.handle(client::Input::LinkUp(up), now);
        }
    }

    pub(super) fn user_sees(&mut self, conn: ConnId) {
        let now = self.now();
        if let Some(user) = self.owner_of(conn)
            && let Some(m) = &mut self.users[user].machine
            && m.conn == Some(conn)
        {
            m.conn = None;
            m.client.handle(client::Input::LinkDown, now);
        }
        for guest in self.guests.iter_mut().filter(|guest| guest.conn == Some(conn)) {
            guest.conn = None;
        }
        self.conns.remove(&conn);
    }

    pub(super) fn owner_of(&self, conn: ConnId) -> Option<usize> {
        match self.conns.get(&conn)?.owner {
            Owner::User(i) => {
                Some(i).filter(|i| self.users[*i].machine.as_ref().is_some_and(|m| m.conn == Some(conn)))
            }
            Owner::Guest(_) | Owner::Villain => None,
        }
    }

    /// The user closes; the server learns of it a while later.
    pub(super) fn hang_up_link(&mut self, i: usize) {
        let Some(conn) = self.users[i].machine.as_mut().and_then(|m| m.conn.take()) else { return };
        self.forget_conn(conn);
    }

    pub(super) fn forget_conn(&mut self, conn: ConnId) {
        if self.conns.remove(&conn).is_some_and(|c| c.arrived) {
            let later = self.clock + self.weather.delay * 2 + Duration::from_millis(self.fate.below(3_000));
            self.push(later, Event::ServerSees(conn));
        }
    }

    pub(super) fn user_streams(&mut self, i: usize, mut bytes: Vec<u8>) {
        self.oracle.stream(&bytes);
        let logged_in = self.users[i].machine.as_ref().is_some_and(|m| m.online);
        if self.plan.villain && !self.calm && i == TWISTED && logged_in {
            self.villain.twists(&mut bytes);
        }
        let (weather, now) = (self.weather, self.clock);
        let Some(m) = &mut self.users[i].machine else { return };
        let Some(conn) = m.conn else { return };
        for (at, piece) in m.up.stream(&bytes, &weather, &mut self.weather_rng, now) {
            self.push(at, Event::Up(conn, piece));
        }
    }
}
