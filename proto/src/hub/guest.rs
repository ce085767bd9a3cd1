//! One connection: its door, its bucket, and how far its login is.

use core::net::{IpAddr, SocketAddr};

use crate::drop::Drop;
use crate::hub::door::{Asked, Door};
use crate::hub::greeting::Told;
use crate::hub::online::{Kind, User};
use crate::hub::rate::Level;
use crate::hub::refusal::Refusal;
use crate::limits::{Bucket, REQUESTS_PER_STRANGER, SILENT_AFTER, STRAY_CALL_TIME};
use crate::time::{Time, earliest};

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
    /// Our end as this client reaches it: all it is told of key-owned users' addresses.
    pub(super) at: SocketAddr,
    /// None on plain doors.
    pub(super) exporter: Option<[u8; 32]>,
    pub(super) phase: Phase,
    pub(super) door: Door,
    pub(super) greetings: Told,
    heard: Time,
    /// None for the friends of the house, who answer for others.
    rule: Option<Bucket>,
    level: Level,
    /// Requests refused as too fast since one was not.
    debt: u32,
}

impl Guest {
    pub(super) fn new(door: Door, from: SocketAddr, at: SocketAddr, now: Time) -> Self {
        Self {
            from,
            at,
            exporter: None,
            phase: Phase::Stranger { greeted: false, until: now },
            door,
            greetings: Told::All,
            heard: now,
            rule: Some(REQUESTS_PER_STRANGER),
            level: Level::full(REQUESTS_PER_STRANGER, now),
            debt: 0,
        }
    }

    /// What a user of this connection is.
    pub(super) fn kind(&self) -> Kind {
        if !self.door.is_plain() {
            return Kind::Key;
        }
        let address = self.from.ip().to_canonical();
        Kind::Guest(Some(address).filter(|address| self.door.rings() && address.is_ipv4()))
    }

    /// The address of `who` as this client may know it: a guest's own to another guest, which sends its voice there;
    /// of everybody else the server's.
    pub(super) fn address_of(&self, who: &User) -> IpAddr {
        let own = who.voice_at().filter(|_| self.door.is_plain());
        own.unwrap_or_else(|| self.at.ip().to_canonical())
    }

    pub(super) fn user(&self) -> Result<&User, Refusal> {
        match &self.phase {
            Phase::User(user) => Ok(user),
            Phase::Stranger { .. } => Err(Refusal::stranger()),
        }
    }

    /// Takes the next request from the front of `input`; none while it is not whole.
    ///
    /// # Errors
    /// The connection must be closed.
    pub(super) fn next(&mut self, input: &mut &[u8], now: Time) -> Result<Option<Asked>, Drop> {
        self.heard = now;
        let is_user = matches!(self.phase, Phase::User(_));
        let asked = self.door.next(input, is_user)?;
        if let Phase::Stranger { until, .. } = &mut self.phase
            && self.door.is_a_call()
        {
            *until = (*until).min(now + STRAY_CALL_TIME);
        }
        let Some(mut asked) = asked else { return Ok(None) };
        if !self.may_ask(now)? {
            asked.request = Err((Drop::Flood, Refusal::too_fast()));
        }
        Ok(Some(asked))
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
        self.door.admit();
        self.level = Level::full(rule.unwrap_or(REQUESTS_PER_STRANGER), now);
        self.rule = rule;
    }

    /// It is a stranger again.
    pub(super) fn put_out(&mut self, until: Time, now: Time) {
        self.phase = Phase::Stranger { greeted: false, until };
        self.rule = Some(REQUESTS_PER_STRANGER);
        self.level = Level::full(REQUESTS_PER_STRANGER, now);
    }

    /// When it must be looked at again.
    pub(super) fn due(&self) -> Option<Time> {
        let paced = self.door.pace().and_then(|pace| pace.due());
        earliest(self.patience().map(|(until, _)| until), paced)
    }

    /// Why it is closed now, if it is.
    pub(super) fn fault(&self, now: Time) -> Option<Drop> {
        self.patience().filter(|(until, _)| *until <= now).map(|(_, reason)| reason)
    }

    /// A plain client never pings, so its silence says nothing: whether it is there is TCP's to find out.
    fn patience(&self) -> Option<(Time, Drop)> {
        match self.phase {
            Phase::Stranger { until, .. } => Some((until, Drop::TooLate)),
            Phase::User(_) if self.door.is_plain() => None,
            Phase::User(_) => Some((self.heard + SILENT_AFTER, Drop::Silent)),
        }
    }
}
