//! The door to the server: name, TCP, TLS or none, bytes in and out. It makes one connection when told to and says
//! what became of it; whether and when to try again is the machine's business.
//!
//! ```text
//! Idle ── connect ──▶ Resolving ──▶ Joining, one address after the other ──▶ Up
//!   ▲                     │                      │                           │
//!   └──────────────── Down(why) ◀────────────────┴───────────────────────────┘
//! ```
//!
//! Nothing here blocks but the look-up of the name, which a short-lived thread does.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use mio::{Registry, Token, Waker};
use proto::client::LinkUp;
use proto::tls::{ClientConfig, client_config};
use proto::{Time, earliest};

use crate::limits::{ADDRESSES_MAX, CONNECT_TIME_MAX};
use crate::parting::Partings;
use crate::target::Address;

mod open;

use open::Open;

/// What became of the connection, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// It is there, handshake done.
    Up(LinkUp),
    /// It is there, without TLS: our end's address.
    UpPlain(SocketAddr),
    /// The server said this.
    Bytes(Vec<u8>),
    /// It is gone, or could not be made: why, in a sentence.
    Down(String),
}

/// The connection to one server.
pub struct ServerLink {
    address: Address,
    way: Way,
    token: Token,
    waker: Arc<Waker>,
    state: State,
    told: VecDeque<LinkEvent>,
    /// Connections of before, without TLS.
    partings: Partings,
}

/// How connections are made.
enum Way {
    Tls(Arc<ClientConfig>),
    /// Without TLS, from this local address if one was chosen.
    Plain(Option<IpAddr>),
}

enum State {
    Idle,
    Resolving(Receiver<io::Result<Vec<SocketAddr>>>),
    Open(Box<Open>),
}

impl ServerLink {
    /// A link with TLS to `address` that does nothing yet. Its socket is registered under `token`; `waker` wakes the
    /// loop when the name was looked up.
    ///
    /// # Errors
    /// When there is no TLS.
    pub fn new(address: Address, token: Token, waker: Arc<Waker>) -> anyhow::Result<Self> {
        Ok(Self::by(Way::Tls(client_config()?), address, token, waker))
    }

    /// The same without TLS, from the local address `from` if one was chosen.
    pub fn plain(address: Address, from: Option<IpAddr>, token: Token, waker: Arc<Waker>) -> Self {
        Self::by(Way::Plain(from), address, token, waker)
    }

    fn by(way: Way, address: Address, token: Token, waker: Arc<Waker>) -> Self {
        Self {
            address,
            way,
            token,
            waker,
            state: State::Idle,
            told: VecDeque::new(),
            partings: Partings::default(),
        }
    }

    /// Makes a new connection; an old one is closed without a word.
    pub fn connect(&mut self, registry: &Registry) {
        self.disconnect(registry);
        let (tell, answer) = sync_channel(1);
        let (host, port, waker) = (self.address.host.clone(), self.address.port, Arc::clone(&self.waker));
        let look_up = move || {
            let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
            // Nobody waits any more when the user changed their mind.
            if tell.send(found).is_ok() {
                let _ = waker.wake();
            }
        };
        match std::thread::Builder::new().name("look-up".into()).spawn(look_up) {
            Ok(_) => self.state = State::Resolving(answer),
            Err(why) => {
                self.told.push_back(LinkEvent::Down(format!("cannot look up {}: {why}", self.address)))
            }
        }
    }

    /// Closes the connection, saying goodbye if it can be said at once.
    pub fn disconnect(&mut self, registry: &Registry) {
        if let State::Open(mut open) = core::mem::replace(&mut self.state, State::Idle) {
            if let Some(pipe) = &mut open.pipe {
                pipe.close();
            }
            let _ = open.flush();
            self.part(registry, *open);
        }
        self.told.clear();
    }

    /// Closes a socket, in plain protocols as their originals need it.
    fn part(&mut self, registry: &Registry, mut open: Open) {
        if open.pipe.is_some() {
            return open.socket.deregister(registry);
        }
        self.partings.push(open.socket.into_stream(registry));
    }

    /// Says something to the server; without TLS, in a write of its own.
    pub fn send(&mut self, registry: &Registry, bytes: Vec<u8>) {
        let State::Open(open) = &mut self.state else { return };
        if let Err(why) = open.send(bytes).and_then(|()| open.flush()) {
            self.fail(registry, why);
        }
    }

    /// The waker woke: perhaps the name was looked up.
    pub fn woken(&mut self, registry: &Registry, now: Time) {
        let State::Resolving(answer) = &self.state else { return };
        match answer.try_recv() {
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                self.down(format!("cannot look up {}: the look-up ended without an answer", self.address));
            }
            Ok(Err(why)) => self.down(format!("cannot find the server {}: {why}", self.address.host)),
            Ok(Ok(found)) => {
                let rest: VecDeque<_> = found.into_iter().take(ADDRESSES_MAX).collect();
                self.try_next(registry, rest, now, "the name has no address".into());
            }
        }
    }

    /// The socket is ready for something.
    pub fn ready(&mut self, registry: &Registry, now: Time) {
        let State::Open(open) = &mut self.state else { return };
        let outcome = open.go_on(&mut self.told);
        match outcome {
            Ok(true) => {}
            Ok(false) => self.fail_at(registry, now, "the server closed the connection".into()),
            Err(why) => self.fail_at(registry, now, why),
        }
    }

    /// Goes on reading where the last turn stopped, and gives up what takes too long.
    pub fn timeout(&mut self, registry: &Registry, now: Time) {
        self.partings.timeout(now);
        let State::Open(open) = &self.state else { return };
        if open.until.is_some_and(|until| now >= until) {
            self.fail_at(registry, now, "no answer in time".into());
        } else if open.socket.is_unread() {
            self.ready(registry, now);
        }
    }

    /// When [`ServerLink::timeout`] is due.
    pub fn deadline(&self) -> Option<Time> {
        let open = match &self.state {
            State::Idle | State::Resolving(_) => None,
            State::Open(open) if open.socket.is_unread() => Some(Time::ZERO),
            State::Open(open) => open.until,
        };
        earliest(self.partings.deadline(), open)
    }

    /// What happened.
    pub fn poll(&mut self) -> Option<LinkEvent> {
        self.told.pop_front()
    }

    /// Whether all that was said has gone to the socket.
    pub fn is_flushed(&self) -> bool {
        match &self.state {
            State::Idle | State::Resolving(_) => true,
            State::Open(open) => open.socket.is_flushed(),
        }
    }

    /// Whether every connection is closed at both ends, or was waited for long enough.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Idle) && self.partings.is_empty()
    }

    fn down(&mut self, why: String) {
        self.state = State::Idle;
        self.told.push_back(LinkEvent::Down(why));
    }

    /// The connection failed; before the handshake was done, the next address may do better.
    fn fail_at(&mut self, registry: &Registry, now: Time, why: String) {
        let State::Open(open) = &mut self.state else { return };
        if open.until.is_none() || open.rest.is_empty() {
            return self.fail(registry, why);
        }
        let rest = core::mem::take(&mut open.rest);
        self.close(registry);
        self.try_next(registry, rest, now, why);
    }

    fn fail(&mut self, registry: &Registry, why: String) {
        let State::Open(open) = &mut self.state else { return };
        let why = open.other_language().map_or(why, str::to_owned);
        let sentence = match open.until {
            Some(_) => format!("cannot reach the server {}: {why}", self.address),
            None => format!("lost the connection to {}: {why}", self.address),
        };
        self.close(registry);
        self.down(sentence);
    }

    fn close(&mut self, registry: &Registry) {
        if let State::Open(open) = core::mem::replace(&mut self.state, State::Idle) {
            self.part(registry, *open);
        }
    }

    fn try_next(&mut self, registry: &Registry, mut rest: VecDeque<SocketAddr>, now: Time, why: String) {
        let mut why = why;
        while let Some(peer) = rest.pop_front() {
            match Open::start(peer, &self.way, registry, self.token) {
                Ok(mut open) => {
                    open.until = Some(now + CONNECT_TIME_MAX);
                    open.rest = rest;
                    self.state = State::Open(Box::new(open));
                    return;
                }
                Err(failed) => why = failed,
            }
        }
        self.down(format!("cannot reach the server {}: {why}", self.address));
    }
}

#[cfg(test)]
mod tests;
