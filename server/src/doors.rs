//! All connections behind one mio poll: who may come in, who has something to say, what waits to be written.
//!
//! Readiness is edge-triggered and told only once, so whoever may have more to say stays in a queue until the socket
//! is dry; a turn reads only so often, and what is left makes the next wait zero. One guest's failure closes that
//! guest; only the poll itself can stop the house.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use proto::hub::{Admission, Dialect, Doorway, Entry, Input};
use proto::id::ConnId;
use proto::limits::PLAIN_LOGIN_TIME_MAX;
use proto::{Drop, Time, earliest};

use crate::clock::wait_for;
use crate::guest::{Guest, Heard, Speech, fault};
use crate::stats::{Figure, Place, Stats};

use entrance::Entrance;

mod entrance;

/// The connections of one server.
pub(crate) struct Doors {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    entrance: Entrance,
    admission: Admission,
    /// Whoever sits at a plain door takes no native's place.
    plain_admission: Admission,
    login_time: Duration,
    guests: BTreeMap<ConnId, Guest>,
    next: u64,
    /// When strangers and leavers lose patience with us, and we with them.
    deadlines: BTreeSet<(Time, ConnId)>,
    /// May have something to read.
    ready: VecDeque<ConnId>,
    /// Have something to write that was not tried since.
    unwritten: BTreeSet<ConnId>,
    pending: VecDeque<Pending>,
    /// What the last `Input::Bytes` borrowed.
    said: Vec<u8>,
    scratch: Box<[u8]>,
    reads_left: usize,
    stats: Stats,
}

/// What the hub is to be told.
#[derive(Debug)]
enum Pending {
    Opened { conn: ConnId, dialect: Dialect, from: SocketAddr, at: SocketAddr, exporter: Option<[u8; 32]> },
    Said(ConnId, Vec<u8>),
    Closed(ConnId),
}

impl Pending {
    fn opened(conn: ConnId, guest: &Guest, exporter: Option<[u8; 32]>) -> Self {
        let &Guest { dialect, from, at, .. } = guest;
        Self::Opened { conn, dialect, from, at, exporter }
    }
}

impl Doors {
    /// Doors that accept from `listeners`.
    ///
    /// # Errors
    /// When the system gives no poll.
    pub(crate) fn open(
        listeners: Vec<(TcpListener, Speech)>,
        doorway: Doorway,
        login_time: Duration,
        stats: Stats,
    ) -> Result<Self> {
        let poll = Poll::new().context("the system gives no event queue")?;
        let has_plain = listeners.iter().any(|(_, speech)| speech.dialect() != Dialect::Native);
        let (native, plain) = if has_plain { shared(doorway) } else { (doorway, doorway) };
        let entrance = Entrance::open(listeners, poll.registry(), stats.clone())?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_TURN),
            waker,
            entrance,
            admission: Admission::new(native),
            plain_admission: Admission::plain(plain),
            login_time,
            guests: BTreeMap::new(),
            next: 0,
            deadlines: BTreeSet::new(),
            ready: VecDeque::new(),
            unwritten: BTreeSet::new(),
            pending: VecDeque::new(),
            said: Vec::new(),
            scratch: vec![0; READ_BYTES].into_boxed_slice(),
            reads_left: 0,
            stats,
        })
    }

    /// Ends the next wait from another thread.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Waits until something happens or `deadline` passes.
    ///
    /// # Errors
    /// When the poll itself fails.
    pub(crate) fn wait(&mut self, deadline: Option<Time>, now: Time) -> Result<()> {
        let busy = !self.ready.is_empty() || !self.pending.is_empty() || self.entrance.may_accept(now);
        let deadline = earliest(deadline, self.deadline());
        let timeout = if busy { Some(Duration::ZERO) } else { wait_for(deadline, now) };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            outcome => outcome.context("waiting for the network failed")?,
        }
        for event in &self.events {
            match event.token() {
                WAKE => {}
                token if self.entrance.knock(token) => {}
                Token(number) => {
                    let conn = ConnId(number as u64);
                    let Some(guest) = self.guests.get_mut(&conn) else { continue };
                    if !guest.is_ready {
                        guest.is_ready = true;
                        self.ready.push_back(conn);
                    }
                    if event.is_writable() {
                        self.unwritten.insert(conn);
                    }
                }
            }
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Time> {
        let guests = self.deadlines.first().map(|(at, _)| *at);
        earliest(guests, self.entrance.deadline())
    }

    /// Begins a turn: lets new connections in, as many as a turn may cost.
    pub(crate) fn begin(&mut self, now: Time) {
        self.reads_left = READS_PER_TURN;
        self.entrance.begin();
        while let Some((stream, from, speech)) = self.entrance.next(now) {
            self.meet(stream, from, &speech, now);
        }
        self.tell_figures();
    }

    fn meet(&mut self, stream: TcpStream, from: SocketAddr, speech: &Speech, now: Time) {
        self.stats.add(Figure::Accepted, 1);
        let dialect = speech.dialect();
        match self.admission_of(dialect).opened(from.ip(), now) {
            Ok(Entry::Free) => {}
            Ok(Entry::InsteadOfOldest) => self.lose_oldest_stranger(dialect, None),
            Ok(Entry::InsteadOfOldestNeighbour) => self.lose_oldest_stranger(dialect, Some(from.ip())),
            Err(why) => {
                // Dropping the stream closes it: a stranger too many is owed no answer.
                self.stats.drop(Place::Stream, why);
                return tracing::debug!(%from, %why, "turned away");
            }
        }
        let conn = ConnId(self.next);
        self.next += 1;
        let deadline = now + self.login_time_of(dialect);
        let guest = Guest::new(stream, from, speech, deadline).and_then(|mut guest| {
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut guest.stream, token(conn), both).map(|()| guest)
        });
        match guest {
            Ok(guest) => {
                self.deadlines.insert((deadline, conn));
                if guest.is_open() {
                    // A plain door has no handshake to wait for.
                    self.pending.push_back(Pending::opened(conn, &guest, None));
                }
                tracing::debug!(conn = conn.0, %from, ?dialect, "connected");
                self.guests.insert(conn, guest);
            }
            Err(error) => {
                self.admission_of(dialect).closed(from.ip(), true);
                tracing::debug!(%from, %error, "a connection broke at once");
            }
        }
    }

    /// The next thing the hub should know, until the turn's budget is used up.
    pub(crate) fn next_input(&mut self, now: Time) -> Option<Input<'_>> {
        while self.pending.is_empty() && self.reads_left > 0 {
            let conn = self.ready.pop_front()?;
            self.reads_left -= 1;
            self.read(conn, now);
        }
        match self.pending.pop_front()? {
            Pending::Opened { conn, dialect, from, at, exporter } => {
                Some(Input::Opened { conn, dialect, from, at, exporter })
            }
            Pending::Said(conn, bytes) => {
                self.said = bytes;
                Some(Input::Bytes(conn, &self.said))
            }
            Pending::Closed(conn) => Some(Input::Closed(conn)),
        }
    }

    fn read(&mut self, conn: ConnId, now: Time) {
        let Some(guest) = self.guests.get_mut(&conn) else { return };
        guest.is_ready = false;
        let mut plain = Vec::new();
        let heard = guest.read(&mut self.scratch, &mut plain);
        if let Some(exporter) = guest.take_exporter() {
            self.pending.push_back(Pending::opened(conn, guest, Some(exporter)));
        }
        if guest.is_open() && !plain.is_empty() {
            self.pending.push_back(Pending::Said(conn, plain));
        }
        if guest.queued() > 0 {
            self.unwritten.insert(conn);
        }
        match heard {
            Heard::Dry => {}
            Heard::More => {
                guest.is_ready = true;
                self.ready.push_back(conn);
            }
            Heard::Over(why) if guest.is_closing() || guest.queued() == 0 => self.lose(conn, why),
            // There is an alert to deliver.
            Heard::Over(why) => self.part(conn, why, now),
        }
    }

    /// Queues what the hub says to one connection.
    pub(crate) fn say(&mut self, conn: ConnId, bytes: &[u8]) {
        let Some(guest) = self.guests.get_mut(&conn).filter(|guest| guest.is_open()) else { return };
        match guest.queue(bytes) {
            Ok(()) => {
                self.unwritten.insert(conn);
            }
            Err(why) => self.lose(conn, Some(why)),
        }
    }

    /// The connection has logged in.
    pub(crate) fn admit(&mut self, conn: ConnId) {
        let Some(guest) = self.guests.get_mut(&conn) else { return };
        if !std::mem::take(&mut guest.stranger) {
            return;
        }
        tracing::debug!(conn = conn.0, from = %guest.from, "logged in");
        let (dialect, ip) = (guest.dialect, guest.from.ip());
        if let Some(deadline) = guest.deadline.take() {
            self.deadlines.remove(&(deadline, conn));
        }
        self.admission_of(dialect).logged_in(ip);
    }

    /// The hub is done with a connection: what is queued is written, then it is closed.
    pub(crate) fn close(&mut self, conn: ConnId, why: Drop, now: Time) {
        if let Some(guest) = self.guests.get_mut(&conn).filter(|guest| guest.is_open()) {
            tracing::debug!(conn = conn.0, from = %guest.from, %why, "closed");
            self.stats.drop(Place::Stream, why);
            self.farewell(conn, now);
        }
    }

    /// Our side is done with a connection that can still be told so.
    fn part(&mut self, conn: ConnId, why: Option<Drop>, now: Time) {
        self.forget(conn, why);
        self.farewell(conn, now);
    }

    fn farewell(&mut self, conn: ConnId, now: Time) {
        let Some(guest) = self.guests.get_mut(&conn) else { return };
        if let Some(deadline) = guest.deadline {
            self.deadlines.remove(&(deadline, conn));
        }
        guest.close(now + FAREWELL_TIME_MAX);
        self.deadlines.insert((now + FAREWELL_TIME_MAX, conn));
        self.unwritten.insert(conn);
    }

    /// A connection is over, now.
    fn lose(&mut self, conn: ConnId, why: Option<Drop>) {
        self.forget(conn, why);
        let Some(mut guest) = self.guests.remove(&conn) else { return };
        // Closing the descriptor deregisters it too; a failure here changes nothing.
        let _ = self.poll.registry().deregister(&mut guest.stream);
        if let Some(deadline) = guest.deadline {
            self.deadlines.remove(&(deadline, conn));
        }
        self.unwritten.remove(&conn);
        self.admission_of(guest.dialect).closed(guest.from.ip(), guest.stranger);
        tracing::debug!(conn = conn.0, from = %guest.from, "gone");
    }

    /// Whoever holds a place without logging in loses it to who comes now: the deadlines are those of strangers and
    /// of leavers, the earliest first. It is one of the same network as `beside`, when that has its share.
    fn lose_oldest_stranger(&mut self, dialect: Dialect, beside: Option<IpAddr>) {
        let same_kind = |guest: &Guest| is_plain(guest.dialect) == is_plain(dialect);
        let is_near = |guest: &Guest| beside.is_none_or(|ip| Admission::are_neighbours(guest.from.ip(), ip));
        let is_stranger = |conn: &ConnId| {
            self.guests.get(conn).is_some_and(|guest| guest.stranger && same_kind(guest) && is_near(guest))
        };
        let oldest = self.deadlines.iter().map(|(_, conn)| *conn).find(is_stranger);
        if let Some(oldest) = oldest {
            self.lose(oldest, Some(Drop::Crowded));
        }
    }

    /// Counts the reason, and lets the hub know if it knows the connection.
    fn forget(&mut self, conn: ConnId, why: Option<Drop>) {
        let Some(guest) = self.guests.get(&conn) else { return };
        if let Some(why) = why {
            self.stats.drop(Place::Stream, why);
            tracing::debug!(conn = conn.0, from = %guest.from, %why, "dropped");
        }
        if guest.is_open() {
            self.pending.push_back(Pending::Closed(conn));
        }
    }

    /// Closes those whose time is over.
    pub(crate) fn expire(&mut self, now: Time) {
        while let Some((_, conn)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            let farewell = self.guests.get(&conn).is_some_and(Guest::is_closing);
            self.lose(conn, (!farewell).then_some(Drop::TooLate));
        }
    }

    /// Writes what was queued, now that it is durable.
    pub(crate) fn flush(&mut self) {
        for conn in std::mem::take(&mut self.unwritten) {
            let Some(guest) = self.guests.get_mut(&conn) else { continue };
            if let Err(error) = guest.flush() {
                self.lose(conn, fault(&error));
            }
        }
    }

    /// Lets nobody in any more.
    pub(crate) fn shut(&mut self) {
        self.entrance.shut();
    }

    /// Says goodbye to everybody who was not told to go by the hub.
    pub(crate) fn part_all(&mut self, now: Time) {
        let here: Vec<ConnId> =
            self.guests.iter().filter(|(_, g)| !g.is_closing()).map(|(c, _)| *c).collect();
        for conn in here {
            self.part(conn, Some(Drop::Leaving), now);
        }
    }

    /// Whether nobody is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.guests.is_empty()
    }

    fn tell_figures(&self) {
        let (open, strangers) = self.admission.counts();
        let (plain_open, plain_strangers) = self.plain_admission.counts();
        self.stats.set(Figure::Open, open + plain_open);
        self.stats.set(Figure::Strangers, strangers + plain_strangers);
    }

    /// Ends a turn.
    pub(crate) fn end(&self) {
        self.tell_figures();
        debug_assert!(self.admission.is_sound(), "admission and guests change together");
        debug_assert!(self.plain_admission.is_sound(), "admission and guests change together");
    }

    /// A native client logs in by itself. Behind a plain one somebody types a name first.
    fn login_time_of(&self, dialect: Dialect) -> Duration {
        if is_plain(dialect) { self.login_time.max(PLAIN_LOGIN_TIME_MAX) } else { self.login_time }
    }

    fn admission_of(&mut self, dialect: Dialect) -> &mut Admission {
        if is_plain(dialect) { &mut self.plain_admission } else { &mut self.admission }
    }
}

fn is_plain(dialect: Dialect) -> bool {
    match dialect {
        Dialect::Native => false,
        Dialect::Binary | Dialect::Text => true,
    }
}

/// The places of native and of plain doors, out of as many as the process has. A plain stranger costs little and may
/// sit long, in front of a window that asks for a name, so one network may have more of them.
fn shared(doorway: Doorway) -> (Doorway, Doorway) {
    let quarter = |count: usize| (count / 4).max(1);
    let plain = Doorway {
        connections: quarter(doorway.connections).max(2),
        strangers: quarter(doorway.strangers),
        strangers_per_prefix: doorway.strangers_per_prefix.saturating_mul(4),
        // Where there are few places, one network does not have them all either.
        plain_per_prefix: doorway.plain_per_prefix.min((quarter(doorway.connections) / 2).max(1)),
        ..doorway
    };
    let native = Doorway {
        connections: doorway.connections.saturating_sub(plain.connections).max(2),
        strangers: doorway.strangers.saturating_sub(plain.strangers).max(1),
        ..doorway
    };
    (native, plain)
}

fn token(conn: ConnId) -> Token {
    // Connections are counted from 0 and a few numbers at the top are taken: 2^32 connections of a 32-bit server
    // are a restart away.
    Token(usize::try_from(conn.0).unwrap_or(0))
}

const WAKE: Token = Token(usize::MAX);
const EVENTS_PER_TURN: usize = 1024;
/// A turn's reads: one loud guest has its place in the queue, and everybody else theirs.
const READS_PER_TURN: usize = 256;
/// One TLS record.
const READ_BYTES: usize = 16 << 10;
/// How long somebody who is told to go may take to hear it.
const FAREWELL_TIME_MAX: Duration = Duration::from_secs(1);
