//! Guests of the plain protocols in the world: people who log in by a name alone, befriend and call whoever they like,
//! press keys at the wrong moment, send junk, and go away without a word. What they read must be what their protocol
//! allows at that moment.

use core::time::Duration;

use proto::hub::Dialect;
use proto::id::ConnId;
use proto::wire::plain::{PlainSplitter, decode_plain_reply};
use proto::wire::text::FromServer;
use proto::{Rng, Time};

use super::net::Pipe;
use super::{Event, Owner, World};

/// One guest.
pub struct Guest {
    index: usize,
    rng: Rng,
    /// What it speaks.
    pub dialect: Dialect,
    /// Its connection; none when it has none.
    pub conn: Option<ConnId>,
    up: Pipe,
    /// The server has said that a name is its.
    was_logged_in: bool,
    frames: PlainSplitter,
    /// When it does something again.
    pub next: Time,
    /// What it lived through.
    pub past: Past,
}

/// What guests lived through, so that a swarm in which nothing happens is seen as one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Past {
    /// Logins.
    pub logins: u64,
    /// Words about contacts that others asked for or answered.
    pub contacts: u64,
    /// Calls that rang, were answered or joined.
    pub calls: u64,
}

impl Guest {
    /// The nth guest; they speak the two protocols in turn.
    pub fn new(index: usize, rng: Rng) -> Self {
        let dialect = if index.is_multiple_of(2) { Dialect::Binary } else { Dialect::Text };
        let next = Time::ms(500 + index as u64);
        Self {
            index,
            rng,
            dialect,
            conn: None,
            up: Pipe::default(),
            was_logged_in: false,
            frames: PlainSplitter::new(),
            next,
            past: Past::default(),
        }
    }

    /// What the server says is read as its protocol, and before login it is nothing but greetings and no.
    pub fn reads(&mut self, bytes: &[u8]) {
        match self.dialect {
            Dialect::Native => unreachable!("a guest is plain"),
            Dialect::Binary => self.reads_frames(bytes),
            // Pieces of packets cannot be told from packets; the hub's own tests read those.
            Dialect::Text => self.reads_packet(bytes),
        }
    }

    fn reads_frames(&mut self, mut bytes: &[u8]) {
        while let Some(frame) = self.frames.next(&mut bytes).expect("the server sends whole frames") {
            decode_plain_reply(frame.code, &frame.payload).expect("the server sends what the document has");
            self.was_logged_in |= frame.code == 201;
            self.past.logins += u64::from(frame.code == 201);
            self.past.contacts += u64::from(matches!(frame.code, 203 | 204 | 207));
            self.past.calls += u64::from((209..=211).contains(&frame.code));
            let is_greeting = matches!(frame.code, 200 | 400 | 401 | 403);
            assert!(self.was_logged_in || is_greeting, "a stranger is told {}", frame.code);
        }
    }

    fn reads_packet(&mut self, bytes: &[u8]) {
        self.was_logged_in |= bytes == b"2";
        self.past.logins += u64::from(bytes == b"2");
        if let Ok(FromServer::Request(_) | FromServer::Friend { .. } | FromServer::Invited(_)) =
            FromServer::decode(bytes)
        {
            assert!(self.was_logged_in, "a stranger is told {bytes:?}");
            self.past.contacts += 1;
        }
    }

    /// A name: often its own, sometimes another guest's or a user's.
    fn name(&mut self) -> String {
        match self.rng.below(6) {
            0 | 1 => format!("guest{}", self.rng.below(5)),
            2..=4 => format!("user{}", self.rng.below(5)),
            _ => "o'brien".to_owned(),
        }
    }

    fn login_name(&mut self) -> String {
        if self.rng.below(4) == 0 { self.name() } else { format!("guest{}", self.index) }
    }

    /// What it sends next.
    fn words(&mut self) -> Vec<u8> {
        if self.rng.below(60) == 0 {
            let mut junk = vec![0; self.rng.below(400) as usize];
            self.rng.fill(&mut junk);
            return junk;
        }
        match self.dialect {
            Dialect::Native => unreachable!("a guest is plain"),
            Dialect::Binary => self.frame(),
            Dialect::Text => self.packet(),
        }
    }

    fn frame(&mut self) -> Vec<u8> {
        let (code, payload) = match self.rng.below(20) {
            0..=3 => (0, self.login_name()),
            4..=6 => (1, self.name()),
            7 | 8 => (2, self.name()),
            9 => (3, self.name()),
            10 => (4, self.name()),
            11 => (5, String::new()),
            12..=14 => (100, format!("{};{};", self.name(), self.name())),
            15 | 16 => (101, String::new()),
            17 => (102, "4".to_owned()),
            18 => (103, String::new()),
            _ => (self.rng.below(400) as i32, self.name()),
        };
        let mut frame = 753_159_i32.to_le_bytes().to_vec();
        frame.extend(code.to_le_bytes());
        frame.extend((payload.len() as u64).to_le_bytes());
        frame.extend(payload.as_bytes());
        frame.resize(2_064, 0);
        frame
    }

    fn packet(&mut self) -> Vec<u8> {
        let name = self.name();
        match self.rng.below(14) {
            0 | 1 => format!("0 {}", self.rng.below(70_000)),
            2..=4 => format!("1 {}", self.login_name()),
            5..=7 => format!("7 {name}"),
            8 | 9 => format!("11 {name}"),
            10 => format!("11 {name}7 {name}"),
            11 => format!("12 {name}"),
            12 => format!("4 {name}"),
            _ => format!("{} {name}", self.rng.below(40)),
        }
        .into_bytes()
    }
}

impl World {
    /// One guest does one thing.
    pub(super) fn guest_acts(&mut self, i: usize) {
        let now = self.clock;
        let guest = &mut self.guests[i];
        guest.next = now + Duration::from_millis(50 + guest.rng.below(2_500));
        let Some(conn) = guest.conn else { return self.guest_connects(i) };
        if guest.rng.below(40) == 0 {
            return self.guest_leaves(i);
        }
        let guest = &mut self.guests[i];
        let words = guest.words();
        for (at, piece) in guest.up.stream(&words, &self.weather, &mut self.weather_rng, now) {
            self.push(at, Event::Up(conn, piece));
        }
    }

    fn guest_connects(&mut self, i: usize) {
        let conn = self.new_conn(Owner::Guest(i));
        let guest = &mut self.guests[i];
        guest.conn = Some(conn);
        guest.up = Pipe::default();
        guest.was_logged_in = false;
        guest.frames = PlainSplitter::new();
        let up = self.server.is_some();
        let at = self.clock + self.weather.delay * 4;
        // Nothing is said before the connection is there.
        self.guests[i].next = at + Duration::from_millis(300);
        self.push(at, if up { Event::Arrive(conn) } else { Event::UserSees(conn) });
    }

    /// Without a word.
    pub(super) fn guest_leaves(&mut self, i: usize) {
        if let Some(conn) = self.guests[i].conn.take() {
            self.forget_conn(conn);
        }
    }
}
