//! All connections behind one mio poll: who may come in, who has something to say, what waits to be written.
//!
//! Readiness is edge-triggered and told only once, so whoever may have more to say stays in a queue until the socket
//! is dry; a turn reads only so often, and what is left makes the next wait zero. One guest's failure closes that
//! guest; only the poll itself can stop the house.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use proto::hub::{Admission, Dialect, Doorway, Entry, Input};
use proto::id::ConnId;
use proto::tls::{Established, ServerConfig};
use proto::{Drop, Time, earliest};

use crate::clock::wait_for;
use crate::guest::{Guest, Heard};
use crate::listen::canonical;
use crate::stats::{Figure, Place, Stats};

/// The connections of one server.
pub(crate) struct Doors {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    /// None once the server leaves.
    listener: Option<TcpListener>,
    tls: Arc<ServerConfig>,
    admission: Admission,
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
    /// The listener may have more.
    knocking: bool,
    /// Accepting failed; not before then again.
    rest_until: Option<Time>,
    /// When the next complaint about that is due.
    complain_at: Option<Time>,
    /// Given up to turn a connection away when there is no other descriptor left.
    spare: Option<File>,
    stats: Stats,
}

/// What the hub is to be told.
#[derive(Debug)]
enum Pending {
    Opened { conn: ConnId, from: SocketAddr, at: SocketAddr, exporter: [u8; 32] },
    Said(ConnId, Vec<u8>),
    Closed(ConnId),
}

impl Doors {
    /// Doors that accept from `listener`.
    ///
    /// # Errors
    /// When the system gives no poll.
    pub(crate) fn open(
        mut listener: TcpListener,
        tls: Arc<ServerConfig>,
        doorway: Doorway,
        login_time: Duration,
        stats: Stats,
    ) -> Result<Self> {
        let poll = Poll::new().context("the system gives no event queue")?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_TURN),
            waker,
            listener: Some(listener),
            tls,
            admission: Admission::new(doorway),
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
            knocking: true,
            rest_until: None,
            complain_at: None,
            spare: spare(),
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
        let busy = !self.ready.is_empty() || !self.pending.is_empty() || self.may_accept(now);
        let deadline = earliest(deadline, self.deadline());
        let timeout = if busy { Some(Duration::ZERO) } else { wait_for(deadline, now) };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            outcome => outcome.context("waiting for the network failed")?,
        }
        for event in &self.events {
            match event.token() {
                LISTENER => self.knocking = true,
                WAKE => {}
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
        earliest(guests, self.rest_until.filter(|_| self.knocking))
    }

    fn may_accept(&self, now: Time) -> bool {
        self.knocking && self.listener.is_some() && self.rest_until.is_none_or(|until| now >= until)
    }

    /// Begins a turn: lets new connections in, as many as a turn may cost.
    pub(crate) fn begin(&mut self, now: Time) {
        self.reads_left = READS_PER_TURN;
        if !self.may_accept(now) {
            return;
        }
        self.rest_until = None;
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(listener) = &self.listener else { return };
            match listener.accept() {
                Ok((stream, from)) => self.meet(stream, canonical(from), now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.knocking = false;
                    break;
                }
                Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
                    self.turn_away(now, &error);
                    break;
                }
                Err(error) if is_about_a_guest(&error) => {
                    tracing::debug!(%error, "a connection broke before it was accepted");
                }
                Err(error) => {
                    self.rest(now, &error);
                    break;
                }
            }
        }
        self.tell_figures();
    }

    /// Out of descriptors: the spare one buys the right to close whoever waits; then the queue rests.
    fn turn_away(&mut self, now: Time, error: &io::Error) {
        self.spare = None;
        if let Some(Ok(_)) = self.listener.as_ref().map(TcpListener::accept) {
            self.stats.add(Figure::Accepted, 1);
            self.stats.drop(Place::Stream, Drop::Crowded);
        }
        self.spare = spare();
        self.rest(now, error);
    }

    /// Accepting cannot go on: it is tried again after a while, so that a full house neither spins nor fills the log.
    fn rest(&mut self, now: Time, error: &io::Error) {
        self.rest_until = Some(now + ACCEPT_REST);
        if self.complain_at.is_none_or(|at| now >= at) {
            self.complain_at = Some(now + COMPLAIN_EVERY);
            tracing::warn!(%error, "connections cannot be accepted and wait or are turned away (see ulimit -n)");
        }
    }

    fn meet(&mut self, stream: TcpStream, from: SocketAddr, now: Time) {
        self.stats.add(Figure::Accepted, 1);
        match self.admission.opened(from.ip(), now) {
            Ok(Entry::Free) => {}
            Ok(Entry::InsteadOfOldest) => self.lose_oldest_stranger(),
            Err(why) => {
                // Dropping the stream closes it: a stranger too many is owed no answer.
                self.stats.drop(Place::Stream, why);
                return tracing::debug!(%from, %why, "turned away");
            }
        }
        let conn = ConnId(self.next);
        self.next += 1;
        let deadline = now + self.login_time;
        let guest = Guest::new(stream, from, &self.tls, deadline).and_then(|mut guest| {
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut guest.stream, token(conn), both).map(|()| guest)
        });
        match guest {
            Ok(guest) => {
                self.deadlines.insert((deadline, conn));
                self.guests.insert(conn, guest);
                tracing::debug!(conn = conn.0, %from, "connected");
            }
            Err(error) => {
                self.admission.closed(from.ip(), true);
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
            Pending::Opened { conn, from, at, exporter } => {
                Some(Input::Opened { conn, dialect: Dialect::Native, from, at, exporter: Some(exporter) })
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
        if let Some(Established { exporter, .. }) = guest.take_established() {
            let (from, at) = (guest.from, guest.at);
            self.pending.push_back(Pending::Opened { conn, from, at, exporter });
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
        if std::mem::take(&mut guest.stranger) {
            self.admission.logged_in(guest.from.ip());
            tracing::debug!(conn = conn.0, from = %guest.from, "logged in");
            if let Some(deadline) = guest.deadline.take() {
                self.deadlines.remove(&(deadline, conn));
            }
        }
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
        self.admission.closed(guest.from.ip(), guest.stranger);
        tracing::debug!(conn = conn.0, from = %guest.from, "gone");
    }

    /// Whoever holds a place without logging in loses it to who comes now: the deadlines are those of strangers and
    /// of leavers, the earliest first.
    fn lose_oldest_stranger(&mut self) {
        let is_stranger = |conn: &ConnId| self.guests.get(conn).is_some_and(|guest| guest.stranger);
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
            if guest.flush().is_err() {
                self.lose(conn, None);
            }
        }
    }

    /// Lets nobody in any more.
    pub(crate) fn shut(&mut self) {
        self.listener = None;
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
        self.stats.set(Figure::Open, open);
        self.stats.set(Figure::Strangers, strangers);
    }

    /// Ends a turn.
    pub(crate) fn end(&self) {
        self.tell_figures();
        debug_assert!(self.admission.is_sound(), "admission and guests change together");
    }
}

fn token(conn: ConnId) -> Token {
    // Connections are counted from 0 and two numbers at the top are taken: 2^32 connections of a 32-bit server
    // are a restart away.
    Token(usize::try_from(conn.0).unwrap_or(0))
}

/// Errors of `accept` that say nothing about the next one.
fn is_about_a_guest(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::ConnectionAborted | Kind::ConnectionReset | Kind::Interrupted)
}

fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

const LISTENER: Token = Token(usize::MAX);
const WAKE: Token = Token(usize::MAX - 1);
const EVENTS_PER_TURN: usize = 1024;
/// A turn's new connections: a handshake costs a tenth of a millisecond, and everybody else waits.
const ACCEPTS_PER_TURN: usize = 64;
/// A turn's reads: one loud guest has its place in the queue, and everybody else theirs.
const READS_PER_TURN: usize = 256;
/// One TLS record.
const READ_BYTES: usize = 16 << 10;
/// How long accepting rests when the system has no descriptors, or no memory for one more.
const ACCEPT_REST: Duration = Duration::from_millis(100);
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);
/// How long somebody who is told to go may take to hear it.
const FAREWELL_TIME_MAX: Duration = Duration::from_secs(1);
