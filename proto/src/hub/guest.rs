//! One connection: its stream cut into requests, its counter of frames, its bucket, and how far its login is.

use core::net::SocketAddr;

use crate::drop::Drop;
use crate::hub::online::User;
use crate::hub::rate::Level;
use crate::hub::refusal::Refusal;
use crate::limits::{Bucket, REQUESTS_PER_STRANGER, SILENT_AFTER};
use crate::time::Time;
use crate::wire::{Request, Splitter, decode_request};

/// How far the login is.
#[derive(Debug)]
pub(super) enum Phase {
    /// Must be a user by `until`.
    Stranger { greeted: bool, until: Time },
    /// Logged in.
    User(User),
}

#[derive(Debug)]
pub(super) struct Guest {
    pub(super) from: SocketAddr,
    /// Our end as this client reaches it: all it is told of addresses.
    pub(super) at: SocketAddr,
    pub(super) exporter: [u8; 32],
    pub(super) phase: Phase,
    splitter: Splitter,
    frames: u32,
    heard: Time,
    /// None for the friends of the house, who answer for others.
    rule: Option<Bucket>,
    level: Level,
    /// Requests refused as too fast since one was not.
    debt: u32,
}

/// One frame of a guest: its number, and what it asks if that could be read and was not too much.
pub(super) struct Asked {
    pub(super) re: u32,
    pub(super) request: Result<Request, (Drop, Refusal)>,
}

impl Guest {
    pub(super) fn new(from: SocketAddr, at: SocketAddr, exporter: [u8; 32], until: Time, now: Time) -> Self {
        Self {
            from,
            at,
            exporter,
            phase: Phase::Stranger { greeted: false, until },
            splitter: Splitter::stranger(),
            frames: 0,
            heard: now,
            rule: Some(REQUESTS_PER_STRANGER),
            level: Level::full(REQUESTS_PER_STRANGER, now),
            debt: 0,
        }
    }

    pub(super) fn user(&self) -> Result<&User, Refusal> {
        match &self.phase {
            Phase::User(user) => Ok(user),
            Phase::Stranger { .. } => Err(Refusal::stranger()),
        }
    }

    /// Takes the next frame from the front of `input`; none while it is not whole.
    ///
    /// # Errors
    /// The connection must be closed.
    pub(super) fn next(&mut self, input: &mut &[u8], now: Time) -> Result<Option<Asked>, Drop> {
        self.heard = now;
        let Some(frame) = self.splitter.next(input).map_err(|e| e.reason())? else { return Ok(None) };
        let re = self.frames;
        self.frames = self.frames.wrapping_add(1);
        if !self.may_ask(now)? {
            return Ok(Some(Asked { re, request: Err((Drop::Flood, Refusal::too_fast())) }));
        }
        let request =
            decode_request(frame.code, &frame.payload).map_err(|error| (Drop::Malformed, error.into()));
        Ok(Some(Asked { re, request }))
    }

    /// One who goes on asking after a whole bucket of refusals does not listen.
    fn may_ask(&mut self, now: Time) -> Result<bool, Drop> {
        let Some(rule) = self.rule else { return Ok(true) };
        if self.level.take(rule, now) {
            self.debt = 0;
            return Ok(true);
        }
        self.debt += 1;
        if self.debt > rule.burst { Err(Drop::Flood) } else { Ok(false) }
    }

    /// It is a user from here on, with the larger frames and the bucket of one; `None` meters nothing.
    pub(super) fn admit(&mut self, user: User, rule: Option<Bucket>, now: Time) {
        self.phase = Phase::User(user);
        self.splitter.admit();
        self.level = Level::full(rule.unwrap_or(REQUESTS_PER_STRANGER), now);
        self.rule = rule;
    }

    /// When it must be looked at again, and for which fault it is closed if nothing happened by then.
    pub(super) fn due(&self) -> (Time, Drop) {
        match self.phase {
            Phase::Stranger { until, .. } => (until, Drop::TooLate),
            Phase::User(_) => (self.heard + SILENT_AFTER, Drop::Silent),
        }
    }
}
