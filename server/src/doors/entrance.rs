//! Where people come in: the listeners, and what is done when the system has no room for one more.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use proto::{Drop, Time};

use crate::complaint::Complaint;
use crate::guest::Speech;
use crate::listen::canonical;
use crate::stats::{Figure, Place, Stats};

/// All listeners of one server, until it leaves.
pub(super) struct Entrance {
    listeners: Vec<Listener>,
    /// Accepting failed; not before then again.
    rest_until: Option<Time>,
    /// About that.
    complaint: Complaint,
    /// Given up to turn a connection away when there is no other descriptor left.
    spare: Option<File>,
    stats: Stats,
}

struct Listener {
    socket: TcpListener,
    speech: Speech,
    /// May have more.
    knocking: bool,
    /// What this turn still accepts here: a crowd at one door costs the others nothing.
    accepts_left: usize,
}

impl Entrance {
    pub(super) fn open(
        sockets: Vec<(TcpListener, Speech)>,
        registry: &Registry,
        stats: Stats,
    ) -> Result<Self> {
        let mut listeners = Vec::new();
        for (index, (mut socket, speech)) in sockets.into_iter().enumerate() {
            registry.register(&mut socket, Token(FIRST - index), Interest::READABLE)?;
            listeners.push(Listener { socket, speech, knocking: true, accepts_left: 0 });
        }
        Ok(Self {
            listeners,
            rest_until: None,
            complaint: Complaint::every(COMPLAIN_EVERY),
            spare: spare(),
            stats,
        })
    }

    /// Takes an event of a listener; false when it is none of theirs.
    pub(super) fn knock(&mut self, token: Token) -> bool {
        let index = FIRST.wrapping_sub(token.0);
        self.listeners.get_mut(index).map(|listener| listener.knocking = true).is_some()
    }

    pub(super) fn may_accept(&self, now: Time) -> bool {
        self.is_knocked() && self.rest_until.is_none_or(|until| now >= until)
    }

    fn is_knocked(&self) -> bool {
        self.listeners.iter().any(|listener| listener.knocking)
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.rest_until.filter(|_| self.is_knocked())
    }

    /// Begins a turn.
    pub(super) fn begin(&mut self) {
        self.listeners.iter_mut().for_each(|listener| listener.accepts_left = ACCEPTS_PER_TURN);
    }

    /// The next who comes in, as many as a turn may cost.
    pub(super) fn next(&mut self, now: Time) -> Option<(TcpStream, SocketAddr, Speech)> {
        while self.may_accept(now) {
            self.rest_until = None;
            let waits = |listener: &Listener| listener.knocking && listener.accepts_left > 0;
            let index = self.listeners.iter().position(waits)?;
            let listener = &mut self.listeners[index];
            listener.accepts_left -= 1;
            match listener.socket.accept() {
                Ok((stream, from)) => return Some((stream, canonical(from), listener.speech.clone())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => listener.knocking = false,
                Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
                    self.turn_away(index, now, &error);
                }
                Err(error) if is_about_a_guest(&error) => {
                    tracing::debug!(%error, "a connection broke before it was accepted");
                }
                Err(error) => self.rest(now, &error),
            }
        }
        None
    }

    /// Out of descriptors: the spare one buys the right to close whoever waits; then the queue rests.
    fn turn_away(&mut self, index: usize, now: Time, error: &io::Error) {
        self.spare = None;
        if self.listeners[index].socket.accept().is_ok() {
            self.stats.add(Figure::Accepted, 1);
            self.stats.drop(Place::Stream, Drop::Crowded);
        }
        self.spare = spare();
        self.rest(now, error);
    }

    /// Accepting cannot go on: it is tried again after a while, so that a full house neither spins nor fills the log.
    fn rest(&mut self, now: Time, error: &io::Error) {
        self.rest_until = Some(now + ACCEPT_REST);
        if self.complaint.is_due(now) {
            tracing::warn!(%error, "connections cannot be accepted and wait or are turned away (see ulimit -n)");
        }
    }

    /// Lets nobody in any more.
    pub(super) fn shut(&mut self) {
        self.listeners.clear();
    }
}

/// Errors of `accept` that say nothing about the next one.
fn is_about_a_guest(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::ConnectionAborted | Kind::ConnectionReset | Kind::Interrupted)
}

fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

/// The token of the first listener; the others count down from it.
const FIRST: usize = usize::MAX - 1;
/// A turn's new connections at one door: a handshake costs a tenth of a millisecond, and everybody else waits.
const ACCEPTS_PER_TURN: usize = 64;
/// How long accepting rests when the system has no descriptors, or no memory for one more.
const ACCEPT_REST: Duration = Duration::from_millis(100);
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);
