//! A few clients and one hub in one process: a virtual clock, no loss, no delay. What the world simulator does at
//! large, small enough to read.

use std::collections::BTreeMap;

use proto::client::{self, Client, Command, Event, Input, Kind, LinkUp, Output, Row, Save, ratchet_states};
use proto::crypto::identity::AccountKey;
use proto::crypto::olm::Olm;
use proto::crypto::ratchet::Ratchet;
use proto::crypto::standin::Standin;
use proto::hub::{self, Dialect, Hub, Mem};
use proto::id::{CallId, ConnId, Fingerprint, Name, Ssrc};
use proto::limits::PLAIN_FRAME_BYTES;
use proto::media::{CallCommand, CallEvent, Place};
use proto::{Drop, Now, Rng, Time, Wall, earliest};
use zeroize::Zeroizing;

const EPOCH: Wall = Wall(1_800_000_000_000);
pub(crate) const SERVER: Fingerprint = Fingerprint([0x5e; 32]);

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).expect("a test's name")
}

/// The made-up media machine: says what the real one would say, and remembers what it was told.
#[derive(Debug, Default)]
pub(crate) struct Agent {
    pub(crate) place: Option<Place>,
    pub(crate) open: bool,
    pub(crate) plain: bool,
    pub(crate) listens: usize,
    pub(crate) told: Vec<CallCommand>,
    /// The generation and step of our own key, and of each stream's that we have.
    pub(crate) own: (u8, u8),
    pub(crate) theirs: BTreeMap<Ssrc, (u8, u8)>,
    keys: u8,
}

impl Agent {
    fn hear(&mut self, command: CallCommand) -> Option<CallEvent> {
        self.told.push(command.clone());
        match command {
            CallCommand::Bind(place) => {
                let call = place.call;
                self.place = Some(place);
                Some(CallEvent::Bound(call))
            }
            CallCommand::Open(call) => {
                assert!(!self.plain, "a plain call stays one");
                assert_eq!(self.place.as_ref().map(|p| p.call), Some(call), "only a bound call is opened");
                self.open = true;
                self.own = (0, 0);
                Some(self.key(call))
            }
            CallCommand::Listen { call, ssrc, generation, step, .. } => {
                assert!(self.open, "nobody listens before a human said yes");
                self.listens += 1;
                let first = self.theirs.insert(ssrc, (generation, step)).is_none();
                first.then_some(CallEvent::Heard { call, ssrc })
            }
            CallCommand::Step(call) => {
                assert!(self.own.1 < 7, "there are seven steps");
                self.own.1 += 1;
                Some(self.key(call))
            }
            CallCommand::Renew(call) => {
                self.own = (self.own.0 + 1, 0);
                Some(self.key(call))
            }
            CallCommand::Deafen { ssrc, .. } => {
                self.theirs.remove(&ssrc);
                None
            }
            CallCommand::OpenPlain(call) => {
                assert_eq!(self.place.as_ref().map(|p| p.call), Some(call), "only a bound call is opened");
                (self.open, self.plain) = (true, true);
                None
            }
            CallCommand::ListenPlain { call, ssrc } => {
                assert!(self.open && self.plain, "a sealed call stays one");
                self.listens += 1;
                Some(CallEvent::Heard { call, ssrc })
            }
            CallCommand::OpenDirect { .. } | CallCommand::Meet { .. } | CallCommand::Arrived { .. } => {
                panic!("not in a call of the native protocol: {command:?}")
            }
            CallCommand::Close(_) => {
                (self.place, self.open, self.plain) = (None, false, false);
                self.theirs.clear();
                None
            }
        }
    }

    fn key(&mut self, call: CallId) -> CallEvent {
        self.keys += 1;
        let (generation, step) = self.own;
        CallEvent::Key { call, generation, step, base_key: Zeroizing::new([self.keys; 32]) }
    }
}

pub(crate) struct Person {
    pub(crate) name: Name,
    pub(crate) key: AccountKey,
    pub(crate) settings: fn(&Person) -> client::Settings,
    pub(crate) token: Option<[u8; 16]>,
    pub(crate) client: Option<Client>,
    pub(crate) rows: BTreeMap<(Kind, Vec<u8>), Vec<u8>>,
    pub(crate) events: Vec<Event>,
    pub(crate) drops: Vec<Drop>,
    pub(crate) agent: Agent,
    /// Answers of the account key are withheld when false.
    pub(crate) signs: bool,
    /// The server that answers this person's connections, as its key shows.
    pub(crate) server: Fingerprint,
    /// When false, connections to the server fail.
    pub(crate) reachable: bool,
    conn: Option<ConnId>,
    pub(crate) seed: u8,
    starts: u8,
}

impl Person {
    pub(crate) fn default_settings(&self) -> client::Settings {
        client::Settings {
            expect: Some(SERVER),
            pin: None,
            trust_first: false,
            token: self.token,
            account: self.key.fingerprint(),
            software: "pair".into(),
        }
    }

    /// Takes the events told since the last time, without contact lists and link changes.
    pub(crate) fn told(&mut self) -> Vec<Event> {
        let noise = |e: &Event| matches!(e, Event::Contact(_) | Event::Contacts(_) | Event::Link(_));
        core::mem::take(&mut self.events).into_iter().filter(|e| !noise(e)).collect()
    }

    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.rows.keys().filter(|(k, _)| *k == kind).count()
    }
}

/// Everything.
pub(crate) struct Pair {
    pub(crate) now: Time,
    pub(crate) hub: Option<Hub>,
    pub(crate) store: Mem,
    pub(crate) people: Vec<Person>,
    next_conn: u64,
    hubs: u8,
    /// Codes that guests of the plain protocol were told.
    pub(crate) guests_told: Vec<(ConnId, i32)>,
    /// Devices have the real ratchet, which draws its own randomness, instead of the stand-in.
    real_ratchets: bool,
}

impl Pair {
    pub(crate) fn new(names: &[&str]) -> Self {
        Self::of(names, false)
    }

    pub(crate) fn with_real_ratchets(names: &[&str]) -> Self {
        Self::of(names, true)
    }

    fn of(names: &[&str], real_ratchets: bool) -> Self {
        let (now, hub, store, people) = (Time::ZERO, None, Mem::default(), Vec::new());
        let guests_told = Vec::new();
        let mut pair = Self { now, hub, store, people, next_conn: 1, hubs: 0, guests_told, real_ratchets };
        pair.start_server();
        for who in names {
            pair.person(who);
        }
        pair
    }

    /// Adds somebody, with a program that runs.
    pub(crate) fn person(&mut self, who: &str) -> usize {
        let at = self.quiet_person(who);
        self.start(at);
        at
    }

    /// Adds somebody whose program does not run yet.
    pub(crate) fn quiet_person(&mut self, who: &str) -> usize {
        let seed = u8::try_from(self.people.len() + 1).expect("a handful of people");
        self.people.push(Person {
            name: name(who),
            key: AccountKey::from_seed(&[seed; 32], who),
            settings: Person::default_settings,
            token: None,
            client: None,
            rows: BTreeMap::new(),
            events: Vec::new(),
            drops: Vec::new(),
            agent: Agent::default(),
            signs: true,
            server: SERVER,
            reachable: true,
            conn: None,
            seed,
            starts: 0,
        });
        self.people.len() - 1
    }

    /// Adds another device of somebody's account, with a program that runs.
    pub(crate) fn device_of(&mut self, owner: usize) -> usize {
        let who = self.people[owner].name.clone();
        let at = self.quiet_person(who.as_str());
        let key = u8::try_from(owner + 1).expect("a handful of people");
        self.people[at].key = AccountKey::from_seed(&[key; 32], who.as_str());
        self.start(at);
        self.run(core::time::Duration::from_secs(2));
        self.people.iter_mut().for_each(|p| p.events.clear());
        at
    }

    pub(crate) fn wall(&self) -> Now {
        Now::at(self.now, EPOCH)
    }

    // --- programs ---

    /// Starts a program from what its disk holds, and gives it its name.
    pub(crate) fn start(&mut self, at: usize) {
        self.load(at);
        let own = self.people[at].name.clone();
        self.say(at, Command::Join(own));
    }

    /// Starts it without saying a name.
    pub(crate) fn start_nameless(&mut self, at: usize) {
        self.load(at);
        self.settle();
    }

    fn load(&mut self, at: usize) {
        let now = self.wall();
        let person = &mut self.people[at];
        let rows: Vec<Row> = person
            .rows
            .iter()
            .map(|((kind, key), value)| Row { kind: *kind, key: key.clone(), value: value.clone() })
            .collect();
        let saved = ratchet_states(&rows);
        let ratchet: Box<dyn Ratchet> = match (self.real_ratchets, saved.is_empty()) {
            (false, true) => Box::new(Standin::new([person.seed; 32])),
            (false, false) => Box::new(Standin::restore(&saved).expect("what was saved can be read")),
            (true, true) => Box::new(Olm::new([9; 32])),
            (true, false) => Box::new(Olm::restore([9; 32], &saved).expect("what was saved can be read")),
        };
        person.starts += 1;
        let mut seed = [person.starts; 32];
        seed[0] = person.seed;
        let settings = (person.settings)(person);
        person.client = Some(Client::new(settings, ratchet, rows, Rng::new(seed), now));
    }

    /// Pulls the plug of a program.
    pub(crate) fn stop(&mut self, at: usize) {
        self.people[at].client = None;
        self.people[at].agent = Agent::default();
        self.hang_up_line(at);
        self.settle();
    }

    /// The connection breaks, on both sides.
    pub(crate) fn cut(&mut self, at: usize) {
        self.hang_up_line(at);
        self.input(at, Input::LinkDown);
        self.settle();
    }

    fn hang_up_line(&mut self, at: usize) {
        let Some(conn) = self.people[at].conn.take() else { return };
        let now = self.wall();
        if let Some(hub) = &mut self.hub {
            hub.handle(hub::Input::Closed(conn), now, &mut self.store);
        }
    }

    pub(crate) fn start_server(&mut self) {
        self.hubs += 1;
        let settings = hub::Settings {
            server_key: SERVER,
            relay_key: [7; 32],
            udp_port: 8462,
            public: ("example.org".into(), 8462),
            invite_only: false,
            software: "pair".into(),
            house: None,
            limits: hub::Limits::default(),
        };
        self.hub = Some(Hub::new(settings, Rng::new([self.hubs; 32]), self.wall()));
    }

    /// Kills the server: what is in its store stays.
    pub(crate) fn stop_server(&mut self) {
        self.hub = None;
        for at in 0..self.people.len() {
            if self.people[at].conn.take().is_some() {
                self.input(at, Input::LinkDown);
            }
        }
        self.settle();
    }

    // --- time and messages ---

    /// A user's wish, and everything that follows at once.
    pub(crate) fn say(&mut self, at: usize, command: Command) {
        self.input(at, Input::Command(command));
        self.settle();
    }

    pub(crate) fn agent_says(&mut self, at: usize, event: CallEvent) {
        self.input(at, Input::Agent(event));
        self.settle();
    }

    pub(crate) fn input(&mut self, at: usize, input: Input<'_>) {
        let now = self.wall();
        if let Some(client) = &mut self.people[at].client {
            client.handle(input, now);
            client.check().expect("the client's invariants hold");
        }
    }

    /// Lets this much virtual time pass, stopping at each deadline.
    pub(crate) fn run(&mut self, span: core::time::Duration) {
        let end = self.now + span;
        let mut steps = 0;
        while let Some(due) = self.deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.on_time();
            steps += 1;
            assert!(steps < 20_000, "the machines wake up without end at {:?}", self.now);
        }
        self.now = end;
        self.on_time();
    }

    fn deadline(&self) -> Option<Time> {
        let hub = self.hub.as_ref().and_then(Hub::deadline);
        let clients = self.people.iter().filter_map(|p| p.client.as_ref());
        clients.map(Client::deadline).fold(hub, earliest)
    }

    fn on_time(&mut self) {
        let now = self.wall();
        let due = |at: Option<Time>| at.is_some_and(|at| at <= now.mono);
        if let Some(hub) = self.hub.as_mut().filter(|hub| due(hub.deadline())) {
            hub.handle(hub::Input::Timeout, now, &mut self.store);
        }
        for at in 0..self.people.len() {
            if due(self.people[at].client.as_ref().and_then(Client::deadline)) {
                self.input(at, Input::Timeout);
            }
        }
        self.settle();
    }

    /// Carries everything until nobody says anything more.
    pub(crate) fn settle(&mut self) {
        while self.step() {}
    }

    /// Carries what the server says, then what people say; false when nobody said anything.
    pub(crate) fn step(&mut self) -> bool {
        self.drain_hub() | self.drain_people()
    }

    fn drain_hub(&mut self) -> bool {
        let mut moved = false;
        while let Some(out) = self.hub.as_mut().and_then(Hub::poll) {
            moved = true;
            match out {
                hub::Output::Stream(conn, bytes) => {
                    if let Some(at) = self.people.iter().position(|p| p.conn == Some(conn)) {
                        self.input(at, Input::Bytes(&bytes));
                        continue;
                    }
                    for frame in bytes.chunks_exact(PLAIN_FRAME_BYTES) {
                        let code = i32::from_le_bytes(frame[4..8].try_into().expect("four bytes"));
                        self.guests_told.push((conn, code));
                    }
                }
                hub::Output::Close(conn, _) => {
                    if let Some(at) = self.people.iter().position(|p| p.conn == Some(conn)) {
                        self.people[at].conn = None;
                        self.input(at, Input::LinkDown);
                    }
                }
                hub::Output::Admitted(_)
                | hub::Output::AccountsFull
                | hub::Output::Relay(_)
                | hub::Output::Drop(_) => {}
            }
        }
        moved
    }

    fn drain_people(&mut self) -> bool {
        let mut moved = false;
        for at in 0..self.people.len() {
            while let Some(out) = self.people[at].client.as_mut().and_then(Client::poll) {
                moved = true;
                self.act(at, out);
            }
        }
        moved
    }

    fn act(&mut self, at: usize, out: Output) {
        let person = &mut self.people[at];
        match out {
            Output::Save(Save { kind, key, value: Some(value) }) => {
                drop(person.rows.insert((kind, key), value))
            }
            Output::Save(Save { kind, key, value: None }) => drop(person.rows.remove(&(kind, key))),
            Output::Stream(bytes) => {
                let now = self.wall();
                if let (Some(conn), Some(hub)) = (self.people[at].conn, &mut self.hub) {
                    hub.handle(hub::Input::Bytes(conn, &bytes), now, &mut self.store);
                }
            }
            Output::Agent(command) => {
                if let Some(event) = person.agent.hear(command) {
                    self.input(at, Input::Agent(event));
                }
            }
            Output::Event(event) => person.events.push(event),
            Output::Sign { id, namespace, bytes } => {
                let sshsig = person.signs.then(|| person.key.sign(namespace, &bytes));
                self.input(at, Input::Signed { id, sshsig });
            }
            Output::Connect => self.connect(at),
            Output::Disconnect => self.hang_up_line(at),
            Output::Drop(why) => person.drops.push(why),
        }
    }

    fn connect(&mut self, at: usize) {
        self.hang_up_line(at);
        if self.hub.is_none() || !self.people[at].reachable {
            return self.input(at, Input::LinkDown);
        }
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        let mut exporter = [0; 32];
        exporter[..8].copy_from_slice(&conn.0.to_be_bytes());
        let now = self.wall();
        self.people[at].conn = Some(conn);
        if let Some(hub) = &mut self.hub {
            let opened = hub::Input::Opened {
                conn,
                dialect: Dialect::Native,
                from: "192.0.2.1:5000".parse().expect("an address"),
                at: "198.51.100.1:8462".parse().expect("an address"),
                exporter: Some(exporter),
            };
            hub.handle(opened, now, &mut self.store);
        }
        let server_key = self.people[at].server;
        let peer = "198.51.100.1:8462".parse().expect("an address");
        self.input(at, Input::LinkUp(LinkUp { exporter, server_key, peer }));
    }

    // --- guests ---

    /// Somebody logs in by seed A's protocol.
    pub(crate) fn guest(&mut self, who: &str) -> ConnId {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        let now = self.wall();
        if let Some(hub) = &mut self.hub {
            let opened = hub::Input::Opened {
                conn,
                dialect: Dialect::Binary,
                from: "192.0.2.9:5000".parse().expect("an address"),
                at: "198.51.100.1:9999".parse().expect("an address"),
                exporter: None,
            };
            hub.handle(opened, now, &mut self.store);
        }
        self.guest_says(conn, 0, who);
        conn
    }

    pub(crate) fn guest_says(&mut self, conn: ConnId, code: i32, payload: &str) {
        let mut frame = 753_159_i32.to_le_bytes().to_vec();
        frame.extend(code.to_le_bytes());
        frame.extend((payload.len() as u64).to_le_bytes());
        frame.extend(payload.as_bytes());
        frame.resize(PLAIN_FRAME_BYTES, 0);
        let now = self.wall();
        if let Some(hub) = &mut self.hub {
            hub.handle(hub::Input::Bytes(conn, &frame), now, &mut self.store);
        }
        self.settle();
        self.run(core::time::Duration::from_millis(500));
    }

    pub(crate) fn guest_heard(&mut self, conn: ConnId) -> Vec<i32> {
        let told = core::mem::take(&mut self.guests_told);
        told.into_iter().filter(|(to, _)| *to == conn).map(|(_, code)| code).collect()
    }

    // --- what tests do often ---

    /// Makes two people contacts by request and answer.
    pub(crate) fn befriend(&mut self, a: usize, b: usize) {
        let (one, other) = (self.people[a].name.clone(), self.people[b].name.clone());
        self.say(a, Command::Add(other));
        self.say(b, Command::Accept(one));
        self.run(core::time::Duration::from_secs(2));
        for at in [a, b] {
            self.people[at].events.clear();
        }
    }

    pub(crate) fn call_of(&self, at: usize) -> Option<CallId> {
        self.people[at].agent.place.as_ref().map(|place| place.call)
    }
}
