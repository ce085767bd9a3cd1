//! The whole network in one process on a virtual clock: one server (hub, relay, store), users with their clients and
//! media machines, and a villain, joined by a network that loses, delays, doubles, reorders, cuts and merges.
//!
//! One queue of `(time, serial, event)`. The loop: jump to the earliest of the queue's head and the deadlines,
//! deliver one thing, drain everybody to silence, ask the oracle, repeat. One seed makes one run; the trace hash says
//! whether two runs were the same.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use proto::client::{self, Command};
use proto::hub::{self, Hub, Mem, Store as _};
use proto::id::{ConnId, Fingerprint};
use proto::relay::Relay;
use proto::{Drop, Now, Rng, Time, Wall, earliest};

mod fate;
mod house;
pub mod net;
pub mod oracle;
pub mod plain;
pub mod user;
pub mod villain;
mod wires;

use net::{Pipe, Weather, address, chance, server_address};
use oracle::Oracle;
use plain::Guest;
use user::{Chair, User, Want};
use villain::Villain;

const EPOCH: Wall = Wall(1_800_000_000_000);
const RELAY_KEY: [u8; 32] = [0x5a; 32];
/// The user of evil mind, when the villain is about: TLS keeps others out of a stream, not its owner.
const TWISTED: usize = 0;
const TOKEN: [u8; 16] = [0x11; 16];

/// What travels.
enum Event {
    /// A piece of a stream reaches the server.
    Up(ConnId, Vec<u8>),
    /// A piece of a stream reaches a user.
    Down(ConnId, Vec<u8>),
    /// A connection is made: handshake done.
    Arrive(ConnId),
    /// A connection is found broken by the server.
    ServerSees(ConnId),
    /// A connection is found broken by the user.
    UserSees(ConnId),
    /// A datagram reaches the relay.
    ToRelay(SocketAddr, Vec<u8>),
    /// A datagram reaches a user.
    ToUser(usize, SocketAddr, Vec<u8>),
    /// The server is started again.
    ServerBack,
}

/// One TCP connection.
struct Conn {
    owner: Owner,
    down: Pipe,
    /// The server knows of it.
    arrived: bool,
    exporter: [u8; 32],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    User(usize),
    Guest(usize),
    Villain,
}

/// The server's machine. What is not in `disk` is gone after a crash.
struct Server {
    hub: Hub,
    relay: Relay,
    store: Mem,
}

/// How a run is set up.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Users, one of them of evil mind when the villain is on.
    pub users: usize,
    /// Guests at the plain doors, of both protocols in turn.
    pub guests: usize,
    /// Virtual time of the troubles; then the network clears and things must come to rest.
    pub troubles: Duration,
    /// Machines crash now and then.
    pub crashes: bool,
    /// A hostile guest is about.
    pub villain: bool,
    /// People do things of their own will; otherwise the test says what they do.
    pub whims: bool,
}

impl Plan {
    /// Two people who do what the test says, on a clear day.
    pub const STORY: Self =
        Self { users: 2, guests: 0, troubles: Duration::ZERO, crashes: false, villain: false, whims: false };
}

/// The world.
pub struct World {
    plan: Plan,
    clock: Time,
    serial: u64,
    queue: BTreeMap<(Time, u64), Event>,
    weather: Weather,
    weather_rng: Rng,
    fate: Rng,
    seeds: Rng,
    server: Option<Server>,
    disk: Mem,
    /// The users.
    pub users: Vec<User>,
    guests: Vec<Guest>,
    villain: Villain,
    conns: BTreeMap<ConnId, Conn>,
    next_conn: u64,
    next_fate: Time,
    calm: bool,
    /// What must be true.
    pub oracle: Oracle,
    /// Drops by reason.
    pub drops: BTreeMap<Drop, u64>,
    hash: u64,
    steps: u64,
    loud: bool,
}

impl World {
    /// A world of this seed.
    pub fn new(seed: u64, plan: Plan) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let mut rng = Rng::new(bytes);
        let mut weather_rng = rng.child("weather");
        let mut disk = Mem::default();
        disk.add_token(&hub::Token { hash: token_hash(), owner: None, expiry: None });
        let server_key = Fingerprint([0x77; 32]);
        let users = (0..plan.users).map(|i| User::new(i, rng.child("user"), server_key, TOKEN)).collect();
        let mut world = Self {
            plan,
            clock: Time::ZERO,
            serial: 0,
            queue: BTreeMap::new(),
            weather: Weather::draw(&mut weather_rng),
            weather_rng,
            fate: rng.child("fate"),
            seeds: rng.child("seeds"),
            server: None,
            disk,
            users,
            villain: Villain::new(rng.child("villain")),
            guests: (0..plan.guests).map(|i| Guest::new(i, rng.child("guest"))).collect(),
            conns: BTreeMap::new(),
            next_conn: 0,
            next_fate: Time::secs(1),
            calm: plan.troubles.is_zero(),
            oracle: Oracle::default(),
            drops: BTreeMap::new(),
            hash: 0xcbf2_9ce4_8422_2325,
            steps: 0,
            loud: std::env::var_os("TINCAN_LOUD").is_some(),
        };
        for i in 1..plan.users * usize::from(plan.villain) {
            // What the twisted user does behind its own client's back is nobody's promise.
            let other = world.users[i].name.clone();
            world.oracle.removed(TWISTED, &other);
        }
        world.server_start();
        world
    }

    /// This user does this now, and everything that follows at this moment happens.
    pub fn tell(&mut self, user: usize, command: Command) {
        self.command(user, command);
        self.settle();
    }

    fn command(&mut self, user: usize, command: Command) {
        if matches!(command, Command::Answer | Command::Call(_)) {
            // Nothing that was spoken before somebody's yes is ever theirs to hear.
            for (speaker, other) in self.users.iter().enumerate() {
                let spoken = other.machine.as_ref().map_or(0, |m| m.frames);
                self.oracle.says_yes(user, speaker, spoken);
            }
        }
        let now = self.now();
        self.users[user].command(command, now);
    }

    /// This user says something new to a friend.
    pub fn say(&mut self, user: usize, to: usize) {
        let (now, to) = (self.now(), self.users[to].name.clone());
        self.users[user].say(to, now);
        self.settle();
    }

    /// The server loses power, and is back after a while.
    pub fn server_crash(&mut self) {
        self.server_dies();
    }

    /// This user's machine loses power.
    pub fn power_off(&mut self, user: usize) {
        self.crash_user(user);
        self.users[user].restart = None;
    }

    /// And is started again.
    pub fn power_on(&mut self, user: usize) {
        self.users[user].restart = Some(self.clock);
    }

    /// This user's connection breaks.
    pub fn break_link(&mut self, user: usize) {
        if let Some(conn) = self.users[user].machine.as_ref().and_then(|m| m.conn) {
            self.push(self.clock, Event::ServerSees(conn));
            self.push(self.clock, Event::UserSees(conn));
        }
    }

    /// What this user sees of the call.
    pub fn chair(&self, user: usize) -> Option<&Chair> {
        self.users[user].machine.as_ref().map(|m| &m.chair)
    }

    /// The weather from now on.
    pub fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// This moment.
    pub fn now(&self) -> Now {
        Now::at(self.clock, EPOCH)
    }

    /// Runs the troubles, then the calm, then lets everybody leave; the oracle judges all the way.
    pub fn live(&mut self) {
        self.run_until(Time::ZERO + self.plan.troubles);
        self.clear_up();
        self.run_until(self.clock + Duration::from_secs(60));
        self.oracle.at_rest(&self.users);
        self.everybody_leaves();
        self.run_until(self.clock + Duration::from_secs(90));
        let server = self.server.as_ref().expect("the server runs when all is calm");
        oracle::empty(&server.hub, &server.relay);
    }

    /// What the guests of the plain doors lived through, in all.
    pub fn guests_past(&self) -> plain::Past {
        let mut all = plain::Past::default();
        for past in self.guests.iter().map(|guest| guest.past) {
            all.logins += past.logins;
            all.contacts += past.contacts;
            all.calls += past.calls;
        }
        all
    }

    /// Seed-independent summary of the run: two runs of one seed must give the same.
    pub fn trace(&self) -> (u64, u64) {
        (self.steps, self.hash)
    }

    /// Runs until `end`.
    pub fn run_until(&mut self, end: Time) {
        while let Some(next) = self.next_time().filter(|t| *t <= end) {
            self.clock = self.clock.max(next);
            self.steps += 1;
            self.step();
            self.settle();
        }
        self.clock = end;
    }

    /// Runs until `done`, at most for `limit`.
    pub fn run_till(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.clock + limit;
        while !done(self) {
            let Some(next) = self.next_time().filter(|t| *t <= end) else { return false };
            self.run_until(next);
        }
        true
    }

    fn next_time(&self) -> Option<Time> {
        let mut next = self.queue.first_key_value().map(|((t, _), _)| *t);
        for user in &self.users {
            next = earliest(next, user.deadline());
        }
        if let Some(server) = &self.server {
            next = earliest(next, earliest(server.hub.deadline(), server.relay.deadline()));
        }
        if !self.calm {
            next = earliest(next, Some(self.next_fate));
            if self.plan.villain {
                next = earliest(next, Some(self.villain.next));
            }
            for guest in &self.guests {
                next = earliest(next, Some(guest.next));
            }
        }
        next
    }

    /// Delivers everything due at this moment: one thing of the queue, or what waited for its deadline.
    fn step(&mut self) {
        if let Some(entry) = self.queue.first_entry()
            && entry.key().0 <= self.clock
        {
            let event = entry.remove();
            self.deliver(event);
            return;
        }
        let now = self.now();
        for i in 0..self.users.len() {
            if self.users[i].restart.is_some_and(|t| t <= self.clock) {
                self.users[i].start(now);
            }
            self.users[i].on_time(now);
            if self.users[i].next_whim <= self.clock {
                self.whim(i);
            }
        }
        self.server_on_time(now);
        if !self.calm && self.next_fate <= self.clock {
            self.fate_strikes();
        }
        if !self.calm && self.plan.villain && self.villain.next <= self.clock {
            self.villain_acts();
        }
        for i in 0..self.guests.len() {
            if !self.calm && self.guests[i].next <= self.clock {
                self.guest_acts(i);
            }
        }
    }

    fn deliver(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Up(conn, bytes) => {
                self.note(1, conn.0, &bytes);
                self.tell_hub(|hub, store| hub.handle(hub::Input::Bytes(conn, &bytes), now, store));
            }
            Event::Down(conn, bytes) => {
                self.note(2, conn.0, &bytes);
                if let Some(guest) = self.guests.iter_mut().find(|guest| guest.conn == Some(conn)) {
                    guest.reads(&bytes);
                }
                if let Some(user) = self.owner_of(conn)
                    && let Some(m) = &mut self.users[user].machine
                {
                    m.client.handle(client::Input::Bytes(&bytes), now);
                }
            }
            Event::Arrive(conn) => self.arrive(conn),
            Event::ServerSees(conn) => {
                self.tell_hub(|hub, store| hub.handle(hub::Input::Closed(conn), now, store));
            }
            Event::UserSees(conn) => self.user_sees(conn),
            Event::ToRelay(from, bytes) => {
                self.note(3, u64::from(from.port()), &bytes);
                self.relay_handles(from, &bytes);
            }
            Event::ToUser(user, from, bytes) => {
                self.note(4, user as u64, &bytes);
                if let Some(m) = &mut self.users[user].machine {
                    m.media.handle(proto::media::MediaInput::Datagram(from, &bytes), now.mono);
                }
            }
            Event::ServerBack => self.server_start(),
        }
    }

    fn push(&mut self, at: Time, event: Event) {
        self.serial += 1;
        self.queue.insert((at, self.serial), event);
    }

    fn note(&mut self, kind: u64, who: u64, bytes: &[u8]) {
        let head = [self.clock.as_us(), kind, who];
        for b in head.iter().flat_map(|n| n.to_be_bytes()).chain(bytes.iter().copied()) {
            self.hash = (self.hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.loud && kind <= 2 {
            eprintln!("{:?} kind {kind} who {who} {} bytes", self.clock, bytes.len());
        }
    }

    /// Drains users and server until nobody has anything to say at this moment.
    fn settle(&mut self) {
        for i in 0..self.users.len() {
            let now = self.now();
            let mut patience = self.patience();
            let (wants, crashed) = self.users[i].drain(now, &mut patience);
            for want in wants {
                self.do_want(i, want);
            }
            if crashed {
                self.crash_user(i);
            }
        }
        self.drain_hub();
        if self.steps.is_multiple_of(64) {
            self.oracle.any_time(&self.users, self.server.as_ref().map(|s| (&s.hub, &s.store)));
        }
    }

    /// Now and then a crash in the middle of a drain: the number of outputs that are still acted on.
    fn patience(&mut self) -> Option<u32> {
        let crash = self.plan.crashes && !self.calm && chance(&mut self.fate, 1);
        crash.then(|| self.fate.below(4) as u32)
    }

    fn do_want(&mut self, i: usize, want: Want) {
        match want {
            Want::Connect => self.connect(i),
            Want::Disconnect => self.hang_up_link(i),
            Want::Stream(bytes) => self.user_streams(i, bytes),
            Want::Datagram(to, bytes) => {
                self.oracle.datagram(&self.users[i], &bytes, self.clock);
                self.villain.overhears(&bytes);
                assert_eq!(to, server_address(), "the relay is the only path");
                let (weather, now) = (self.weather, self.clock);
                let Some(m) = &mut self.users[i].machine else { return };
                for at in m.link.datagram(&weather, &mut self.weather_rng, now) {
                    self.push(at, Event::ToRelay(address(i, 40_000), bytes.clone()));
                }
            }
            Want::Play(ssrc, frame, chair, with) => {
                self.oracle.played(&self.users[i], &chair, &with, ssrc, &frame);
            }
            Want::Dropped(reason) => *self.drops.entry(reason).or_default() += 1,
        }
    }
}

fn token_hash() -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &TOKEN).as_ref());
    hash
}
