//! The relay: forwards sealed datagrams between the bound members of a room, and opens none.
//!
//! A place in a room is taken in three steps, and nothing is kept before the third (native.md section 6):
//!
//! ```text
//! BIND  --> ticket's MAC right?            <-- COOKIE   (a MAC over the source: still no state)
//! BIND2 --> and the cookie came back here? <-- BOUND    (the source is bound, for 30 s since its last packet)
//! RTP   --> from a bound source, with its own SSRC: to every other member
//! ```
//!
//! A valid ticket alone admits, so a restarted relay needs no state; the hub only takes back. A stream has one
//! address and an address one stream: binding again, from anywhere, replaces. Members are forgotten when their
//! ticket ends or after [`BINDING_LIFE`] of silence, rooms with their last member.
//!
//! Voice from a source that is not bound is dropped without charging its bucket: that costs one lookup, and after a
//! restart members send voice until they notice, which must not use up the tokens their BINDs need. Buckets are per
//! address and port, so that the members behind one translator do not share one; answers are never larger than
//! questions, so a forged source gains nothing.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use crate::crypto::mac;
use crate::drop::Drop;
use crate::id::{RelayId, Ssrc};
use crate::limits::{
    BINDING_LIFE, Bucket, DATAGRAM_BYTES_MAX, DATAGRAMS_PER_MEMBER, DATAGRAMS_PER_STRANGER, MEMBERS_MAX,
    RELAY_ROOMS_MAX, REVOCATIONS_MAX,
};
use crate::rng::Rng;
use crate::time::{Now, Time, earliest};
use crate::wire::datagram::{Bind, Bound, Control, Cookie, Kind, Mac, RTP_BYTES, Rtp};

mod strangers;

use strangers::{Strangers, Tokens};

/// What the hub tells the relay. Removals and caps only: a valid ticket alone admits, so that a restarted server
/// needs no state (DESIGN section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This member is out, and its ticket no longer admits until it would have expired anyway.
    Remove {
        /// The room.
        relay: RelayId,
        /// The member.
        ssrc: Ssrc,
        /// When the ticket ends, seconds since 1970.
        expiry: u32,
    },
    /// The room is over: everybody is out.
    Close {
        /// The room.
        relay: RelayId,
        /// When its last ticket ends, seconds since 1970.
        expiry: u32,
    },
}

/// What goes in.
#[derive(Debug)]
pub enum Input<'a> {
    /// A datagram and its source; an IPv4-mapped address was made IPv4 at the door.
    Datagram(SocketAddr, &'a [u8]),
    /// The hub says something. Never yields output.
    Change(Change),
    /// The deadline passed.
    Timeout,
}

/// What comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send the datagram that just came in, unchanged, to each of `Relay::targets` (never empty).
    Fan,
    /// Answer a bind; never longer than what it answers.
    Reply {
        /// To whom.
        to: SocketAddr,
        /// COOKIE or BOUND.
        bytes: Control,
    },
    /// Something that came in was not used.
    Drop(Drop),
}

/// The operator's bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayLimits {
    /// Rooms at once.
    pub rooms: usize,
    /// Members of one room, at most [`MEMBERS_MAX`].
    pub members: usize,
    /// Datagrams of one member.
    pub per_member: Bucket,
    /// BINDs of one source that is not bound.
    pub per_stranger: Bucket,
}

impl Default for RelayLimits {
    fn default() -> Self {
        Self {
            rooms: RELAY_ROOMS_MAX,
            members: MEMBERS_MAX,
            per_member: DATAGRAMS_PER_MEMBER,
            per_stranger: DATAGRAMS_PER_STRANGER,
        }
    }
}

/// The relay's mind.
pub struct Relay {
    key: [u8; 32],
    cookies: [u8; 32],
    limits: RelayLimits,
    members: BTreeMap<SocketAddr, Member>,
    rooms: BTreeMap<RelayId, Vec<(Ssrc, SocketAddr)>>,
    /// Tickets taken back: of one stream, or (none) of the whole room, until they would have ended (seconds).
    revoked: BTreeMap<(RelayId, Option<Ssrc>), u32>,
    strangers: Strangers,
    targets: Vec<SocketAddr>,
    output: Option<Output>,
    sweep: Option<Time>,
}

/// A bound source.
struct Member {
    relay: RelayId,
    ssrc: Ssrc,
    /// When its ticket ends.
    ends: Time,
    seen: Time,
    tokens: Tokens,
}

impl Member {
    fn lapses(&self) -> Time {
        self.ends.min(self.seen + BINDING_LIFE)
    }
}

impl Relay {
    /// A relay whose tickets are made with `key`, the one in the data directory.
    pub fn new(key: [u8; 32], mut rng: Rng, limits: RelayLimits) -> Self {
        let limits = RelayLimits { members: limits.members.min(MEMBERS_MAX), ..limits };
        Self {
            key,
            cookies: rng.bytes(),
            limits,
            members: BTreeMap::new(),
            rooms: BTreeMap::new(),
            revoked: BTreeMap::new(),
            strangers: Strangers::new(rng.bytes(), limits.per_stranger),
            targets: Vec::with_capacity(MEMBERS_MAX),
            output: None,
            sweep: None,
        }
    }

    /// Takes one input. At most one output follows.
    pub fn handle(&mut self, input: Input<'_>, now: Now) {
        self.targets.clear();
        if self.sweep.is_some_and(|at| at <= now.mono) {
            self.forget_lapsed(now);
        }
        self.output = match input {
            Input::Datagram(from, bytes) => {
                self.datagram(from, bytes, now).unwrap_or_else(|drop| Some(Output::Drop(drop)))
            }
            Input::Change(change) => {
                self.change(&change, now);
                None
            }
            Input::Timeout => None,
        };
    }

    /// The output, once.
    pub fn poll(&mut self) -> Option<Output> {
        self.output.take()
    }

    /// Where the datagram of an [`Output::Fan`] goes. Valid until the next `handle`.
    pub fn targets(&self) -> &[SocketAddr] {
        &self.targets
    }

    /// When something may lapse.
    pub fn deadline(&self) -> Option<Time> {
        self.sweep
    }

    /// Bound members and the rooms they are in.
    pub fn occupancy(&self) -> (usize, usize) {
        (self.members.len(), self.rooms.len())
    }

    fn datagram(&mut self, from: SocketAddr, bytes: &[u8], now: Now) -> Result<Option<Output>, Drop> {
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(Drop::Oversized);
        }
        match Kind::of(bytes) {
            Some(Kind::Rtp) => self.voice(from, bytes, now.mono),
            Some(Kind::Bind) => self.first(from, bytes, now).map(Some),
            Some(Kind::Bind2) => self.second(from, bytes, now).map(Some),
            Some(Kind::Cookie | Kind::Bound) | None => Err(Drop::Malformed),
        }
    }

    fn voice(&mut self, from: SocketAddr, bytes: &[u8], now: Time) -> Result<Option<Output>, Drop> {
        let rtp = Rtp::decode(bytes).filter(|_| bytes.len() > RTP_BYTES).ok_or(Drop::Malformed)?;
        let member = self.members.get_mut(&from).ok_or(Drop::Stranger)?;
        if !member.tokens.take(self.limits.per_member, now) {
            return Err(Drop::Flood);
        }
        if rtp.ssrc != member.ssrc {
            return Err(Drop::Impostor);
        }
        member.seen = now;
        let room = self.rooms.get(&member.relay).expect("rooms and members change together");
        self.targets.extend(room.iter().map(|(_, address)| *address).filter(|address| *address != from));
        Ok((!self.targets.is_empty()).then_some(Output::Fan))
    }

    fn first(&mut self, from: SocketAddr, bytes: &[u8], now: Now) -> Result<Output, Drop> {
        let (bind, signed) = Bind::decode(bytes).ok_or(Drop::Malformed)?;
        self.check_ticket(from, &bind, signed, now)?;
        let cookie = mac::cookie(&self.cookies, from, bind.relay, bind.ssrc, minute(now.mono));
        Ok(Output::Reply { to: from, bytes: Cookie { nonce: bind.proof, cookie }.encode() })
    }

    fn second(&mut self, from: SocketAddr, bytes: &[u8], now: Now) -> Result<Output, Drop> {
        let (bind, signed) = Bind::decode_second(bytes).ok_or(Drop::Malformed)?;
        self.check_ticket(from, &bind, signed, now)?;
        let this = minute(now.mono);
        let returned = [this, this.saturating_sub(1)].iter().any(|&minute| {
            mac::equal(&mac::cookie(&self.cookies, from, bind.relay, bind.ssrc, minute), &bind.proof)
        });
        if !returned {
            // The ticket is right, so this is somebody's honest bind, played from another address or time.
            return Err(Drop::Replay);
        }
        self.take_place(from, &bind, now)?;
        Ok(Output::Reply { to: from, bytes: Bound { relay: bind.relay, ssrc: bind.ssrc }.encode() })
    }

    /// Cheapest first: budget, time, revocation, and only then the two MACs.
    fn check_ticket(&mut self, from: SocketAddr, bind: &Bind, signed: Mac<'_>, now: Now) -> Result<(), Drop> {
        let within = match self.members.get_mut(&from) {
            Some(member) => member.tokens.take(self.limits.per_member, now.mono),
            None => self.strangers.charge(from, now.mono),
        };
        if !within {
            return Err(Drop::Flood);
        }
        if bind.expiry <= now.wall.as_secs_u32() {
            return Err(Drop::Expired);
        }
        let back =
            [Some(bind.ssrc), None].iter().filter_map(|who| self.revoked.get(&(bind.relay, *who))).max();
        if back.is_some_and(|until| bind.expiry <= *until) {
            return Err(Drop::Revoked);
        }
        let ticket = mac::ticket(&self.key, bind.relay, bind.ssrc, bind.expiry);
        if mac::equal(&mac::bind_mac(&ticket, signed.over), signed.mac) { Ok(()) } else { Err(Drop::Forged) }
    }

    fn take_place(&mut self, from: SocketAddr, bind: &Bind, now: Now) -> Result<(), Drop> {
        let room = self.rooms.get(&bind.relay);
        let held = room.is_some_and(|room| room.iter().any(|(ssrc, _)| *ssrc == bind.ssrc));
        let full = match room {
            Some(room) => !held && room.len() >= self.limits.members,
            None => self.rooms.len() >= self.limits.rooms,
        };
        if full {
            return Err(Drop::Full);
        }
        let tokens = self.members.get(&from).map(|member| member.tokens);
        self.leave(from);
        if let Some(old) = self.address_of(bind.relay, bind.ssrc) {
            self.leave(old);
        }
        let left = Duration::from_secs(u64::from(bind.expiry.saturating_sub(now.wall.as_secs_u32())));
        let member = Member {
            relay: bind.relay,
            ssrc: bind.ssrc,
            ends: now.mono + left,
            seen: now.mono,
            tokens: tokens.unwrap_or_else(|| Tokens::full(self.limits.per_member, now.mono)),
        };
        self.sweep = earliest(self.sweep, Some(member.lapses()));
        self.members.insert(from, member);
        self.rooms.entry(bind.relay).or_default().push((bind.ssrc, from));
        Ok(())
    }

    fn address_of(&self, relay: RelayId, ssrc: Ssrc) -> Option<SocketAddr> {
        self.rooms.get(&relay)?.iter().find(|(one, _)| *one == ssrc).map(|(_, address)| *address)
    }

    fn leave(&mut self, from: SocketAddr) {
        let Some(member) = self.members.remove(&from) else { return };
        let room = self.rooms.get_mut(&member.relay).expect("rooms and members change together");
        room.retain(|(_, address)| *address != from);
        if room.is_empty() {
            self.rooms.remove(&member.relay);
        }
    }

    fn change(&mut self, change: &Change, now: Now) {
        match *change {
            Change::Remove { relay, ssrc, expiry } => {
                self.revoke((relay, Some(ssrc)), expiry, now);
                if let Some(address) = self.address_of(relay, ssrc) {
                    self.leave(address);
                }
            }
            Change::Close { relay, expiry } => {
                self.revoke((relay, None), expiry, now);
                for (_, address) in self.rooms.remove(&relay).unwrap_or_default() {
                    self.members.remove(&address);
                }
            }
        }
    }

    fn revoke(&mut self, what: (RelayId, Option<Ssrc>), expiry: u32, now: Now) {
        if expiry <= now.wall.as_secs_u32() {
            return;
        }
        if self.revoked.len() >= REVOCATIONS_MAX && !self.revoked.contains_key(&what) {
            // The one that ends first is the least missed.
            let first = self.revoked.iter().min_by_key(|(_, until)| **until).map(|(what, _)| *what);
            first.map(|what| self.revoked.remove(&what));
        }
        let until = self.revoked.entry(what).or_default();
        *until = expiry.max(*until);
        let ends = now.mono + Duration::from_secs(u64::from(expiry - now.wall.as_secs_u32()));
        self.sweep = earliest(self.sweep, Some(ends));
    }

    fn forget_lapsed(&mut self, now: Now) {
        let lapsed: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| member.lapses() <= now.mono)
            .map(|(from, _)| *from)
            .collect();
        for from in lapsed {
            self.leave(from);
        }
        let wall = now.wall.as_secs_u32();
        self.revoked.retain(|_, until| *until > wall);
        let revoked = self.revoked.values().min();
        let revoked = revoked.map(|until| now.mono + Duration::from_secs(u64::from(until - wall)));
        self.sweep = earliest(self.members.values().map(Member::lapses).min(), revoked);
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relay({} members in {} rooms)", self.members.len(), self.rooms.len())
    }
}

fn minute(now: Time) -> u64 {
    now.as_ms() / 60_000
}

#[cfg(test)]
mod tests;
