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
//! Whoever asks from where they are heard ([`crate::wire::stun`]) is told, without a ticket: that is how a network is
//! examined before the first call.
//!
//! A valid ticket alone admits, so a restarted relay needs no state; the hub only takes back. A stream has one
//! address and an address one stream: binding again, from anywhere, replaces. Members are forgotten when their
//! ticket ends or after [`BINDING_LIFE`] of silence, rooms with their last member.
//!
//! A guest of a plain protocol knows no binds. The hub seats it by the address of its connection, which TCP has
//! proved. Its voice comes by a socket of its own and is translated both ways, and nothing on that socket is ever
//! answered:
//!
//! ```text
//! voice in the clear (98) of a bound member  --> one datagram of 272 bytes to every seated guest's port 8085
//! 272 bytes from the address of a seat       --> voice in the clear of the seat's stream, to every bound member
//! ```
//!
//! Guests send each other their voice directly. [`seats`] has the rules.
//!
//! Voice from a source that is not bound is dropped without charging its bucket: that costs one lookup, and after a
//! restart members send voice until they notice, which must not use up the tokens their BINDs need. Buckets are per
//! address and port, so that the members behind one translator do not share one; answers are never larger than
//! questions, so a forged source gains nothing.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crate::drop::Drop;
use crate::id::{RelayId, Ssrc};
use crate::limits::{
    BINDING_LIFE, Bucket, DATAGRAM_BYTES_MAX, DATAGRAMS_PER_MEMBER, DATAGRAMS_PER_STRANGER, FRAMES_PER_GUEST,
    MEMBERS_MAX, PLAIN_OPUS_BYTES_MAX, PLAIN_VOICE_BYTES, PLAIN_VOICE_PORT, RELAY_ROOMS_MAX,
};
use crate::rng::Rng;
use crate::time::{Now, Time, earliest};
use crate::wire::datagram::{Control, Inline, Kind, Payload, PlainVoice, RTP_BYTES, Rtp};
use crate::wire::stun::{Answer, Question};

mod binding;
mod change;
mod seats;
mod strangers;

pub use change::Change;
use seats::Seats;
use strangers::{Strangers, Tokens};

/// What goes in.
#[derive(Debug)]
pub enum Input<'a> {
    /// A datagram and its source; an IPv4-mapped address was made IPv4 at the door.
    Datagram(SocketAddr, &'a [u8]),
    /// A datagram of the plain voice socket and its source, canonical as above.
    Plain(SocketAddr, &'a [u8]),
    /// The hub says something. At most a drop follows.
    Change(Change),
    /// The deadline passed.
    Timeout,
}

/// What comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send the datagram that just came in, unchanged, to each of `Relay::targets` (never empty).
    Fan,
    /// Send `Relay::made` by the plain voice socket to each of `Relay::plain_targets` (never empty).
    ToGuests,
    /// Send `Relay::made` by the native socket to each of `Relay::targets` (never empty).
    OfGuest,
    /// Answer a bind or a question; never longer than what it answers.
    Reply {
        /// To whom.
        to: SocketAddr,
        /// COOKIE, BOUND, or from where a question came.
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
    /// Voice frames of one seated guest.
    pub per_guest: Bucket,
}

impl Default for RelayLimits {
    fn default() -> Self {
        Self {
            rooms: RELAY_ROOMS_MAX,
            members: MEMBERS_MAX,
            per_member: DATAGRAMS_PER_MEMBER,
            per_stranger: DATAGRAMS_PER_STRANGER,
            per_guest: FRAMES_PER_GUEST,
        }
    }
}

/// The relay's mind.
pub struct Relay {
    key: [u8; 32],
    cookies: [u8; 32],
    limits: RelayLimits,
    members: BTreeMap<SocketAddr, Member>,
    seats: Seats,
    rooms: BTreeMap<RelayId, Room>,
    /// Tickets taken back: of one stream, or (none) of the whole room, until they would have ended (seconds).
    revoked: BTreeMap<(RelayId, Option<Ssrc>), u32>,
    strangers: Strangers,
    targets: Vec<SocketAddr>,
    plain_targets: Vec<SocketAddr>,
    made: Made,
    rng: Rng,
    /// At most two: what a member said, and why the guests do not hear it.
    output: VecDeque<Output>,
    sweep: Option<Time>,
}

/// Who is in a room; never nobody.
#[derive(Default)]
struct Room {
    bound: Vec<(Ssrc, SocketAddr)>,
    seated: Vec<(Ssrc, IpAddr)>,
}

impl Room {
    fn len(&self) -> usize {
        self.bound.len() + self.seated.len()
    }
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
            seats: Seats::default(),
            rooms: BTreeMap::new(),
            revoked: BTreeMap::new(),
            strangers: Strangers::new(rng.bytes(), limits.per_stranger),
            targets: Vec::with_capacity(MEMBERS_MAX),
            plain_targets: Vec::with_capacity(MEMBERS_MAX),
            made: Made::new(),
            output: VecDeque::with_capacity(2),
            sweep: None,
            rng,
        }
    }

    /// Takes one input. At most two outputs follow.
    pub fn handle(&mut self, input: Input<'_>, now: Now) {
        self.targets.clear();
        self.plain_targets.clear();
        self.output.clear();
        if self.sweep.is_some_and(|at| at <= now.mono) {
            self.forget_lapsed(now);
        }
        let outcome = match input {
            Input::Datagram(from, bytes) => self.datagram(from, bytes, now),
            Input::Plain(from, bytes) => self.plain(from.ip(), bytes, now.mono),
            Input::Change(change) => self.change(&change, now),
            Input::Timeout => Ok(()),
        };
        self.output.extend(outcome.err().map(Output::Drop));
    }

    /// The next output.
    pub fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// Where [`Output::Fan`] and [`Output::OfGuest`] go. Valid until the next `handle`.
    pub fn targets(&self) -> &[SocketAddr] {
        &self.targets
    }

    /// Where [`Output::ToGuests`] goes. Valid until the next `handle`.
    pub fn plain_targets(&self) -> &[SocketAddr] {
        &self.plain_targets
    }

    /// The datagram of [`Output::ToGuests`] or [`Output::OfGuest`]. Valid until the next `handle`.
    pub fn made(&self) -> &[u8] {
        &self.made
    }

    /// When something may lapse.
    pub fn deadline(&self) -> Option<Time> {
        self.sweep
    }

    /// Members, bound and seated, and the rooms they are in.
    pub fn occupancy(&self) -> (usize, usize) {
        (self.members.len() + self.seats.len(), self.rooms.len())
    }

    fn datagram(&mut self, from: SocketAddr, bytes: &[u8], now: Now) -> Result<(), Drop> {
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(Drop::Oversized);
        }
        if let Some(question) = Question::decode(bytes, from) {
            return self.reflect(from, question, now);
        }
        let reply = match Kind::of(bytes) {
            Some(Kind::Rtp) => return self.voice(from, bytes, now),
            Some(Kind::Bind) => self.first(from, bytes, now)?,
            Some(Kind::Bind2) => self.second(from, bytes, now)?,
            Some(Kind::Cookie | Kind::Bound) | None => return Err(Drop::Malformed),
        };
        self.output.push_back(reply);
        Ok(())
    }

    /// Tells where a question came from: nothing is kept, and it is charged like a BIND.
    fn reflect(&mut self, from: SocketAddr, question: Question, now: Now) -> Result<(), Drop> {
        if !self.charge(from, now) {
            return Err(Drop::Flood);
        }
        let answer = Answer { id: question.id, source: from, time: Some(now.wall) };
        let bytes = Control::copy_of(&answer.encode()).expect("an answer is shorter than a BIND");
        self.output.push_back(Output::Reply { to: from, bytes });
        Ok(())
    }

    fn charge(&mut self, from: SocketAddr, now: Now) -> bool {
        match self.members.get_mut(&from) {
            Some(member) => member.tokens.take(self.limits.per_member, now.mono),
            None => self.strangers.charge(from, now.mono),
        }
    }

    fn voice(&mut self, from: SocketAddr, bytes: &[u8], now: Now) -> Result<(), Drop> {
        let rtp = Rtp::decode(bytes).filter(|_| bytes.len() > RTP_BYTES).ok_or(Drop::Malformed)?;
        let member = self.members.get_mut(&from).ok_or(Drop::Stranger)?;
        if !member.tokens.take(self.limits.per_member, now.mono) {
            return Err(Drop::Flood);
        }
        if rtp.ssrc != member.ssrc {
            return Err(Drop::Impostor);
        }
        member.seen = now.mono;
        let room = self.rooms.get(&member.relay).expect("rooms and members change together");
        self.targets
            .extend(room.bound.iter().map(|(_, address)| *address).filter(|address| *address != from));
        if !self.targets.is_empty() {
            self.output.push_back(Output::Fan);
        }
        if rtp.payload != Payload::PlainVoice || room.seated.is_empty() {
            return Ok(());
        }
        // The originals cannot stand anything else (their decoder has room for 10 ms), so nothing else is made.
        let voice = PlainVoice { opus: &bytes[RTP_BYTES..], sent_ms: now.wall.0 };
        if voice.opus.len() > PLAIN_OPUS_BYTES_MAX {
            return Err(Drop::Oversized);
        }
        let datagram = voice.encode_of(rtp.ssrc).ok_or(Drop::Malformed)?;
        self.made = Made::copy_of(&datagram).ok_or(Drop::Oversized)?;
        self.plain_targets.extend(room.seated.iter().map(|(_, ip)| SocketAddr::new(*ip, PLAIN_VOICE_PORT)));
        self.output.push_back(Output::ToGuests);
        Ok(())
    }

    /// A datagram of the plain voice socket. Its port says nothing, and who is not seated is nobody.
    fn plain(&mut self, from: IpAddr, bytes: &[u8], now: Time) -> Result<(), Drop> {
        let seat = self.seats.of(from).ok_or(Drop::Stranger)?;
        let voice = PlainVoice::decode(bytes)?;
        let rtp = seat.hears(&voice, self.limits.per_guest, now)?;
        let room = self.rooms.get(&seat.relay()).expect("rooms and seats change together");
        self.targets.extend(room.bound.iter().map(|(_, address)| *address));
        if self.targets.is_empty() {
            return Ok(());
        }
        let whole = RTP_BYTES + voice.opus.len();
        let made = Made::build(|out| {
            out[..RTP_BYTES].copy_from_slice(&rtp.encode());
            out[RTP_BYTES..whole].copy_from_slice(voice.opus);
            Some(whole)
        });
        self.made = made.expect("a frame of this form is smaller than the form");
        self.output.push_back(Output::OfGuest);
        Ok(())
    }

    /// Whether there is no place for one more.
    fn is_full(&self, relay: RelayId) -> bool {
        match self.rooms.get(&relay) {
            Some(room) => room.len() >= self.limits.members,
            None => self.rooms.len() >= self.limits.rooms,
        }
    }

    fn address_of(&self, relay: RelayId, ssrc: Ssrc) -> Option<SocketAddr> {
        let room = self.rooms.get(&relay)?;
        room.bound.iter().find(|(one, _)| *one == ssrc).map(|(_, address)| *address)
    }

    fn leave(&mut self, from: SocketAddr) {
        let Some(member) = self.members.remove(&from) else { return };
        self.leave_room(member.relay, |room| room.bound.retain(|(_, address)| *address != from));
    }

    fn leave_room(&mut self, relay: RelayId, leave: impl FnOnce(&mut Room)) {
        let room = self.rooms.get_mut(&relay).expect("rooms and members change together");
        leave(room);
        if room.len() == 0 {
            self.rooms.remove(&relay);
        }
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
        for address in self.seats.lapsed(now.mono) {
            self.unseat(address);
        }
        let wall = now.wall.as_secs_u32();
        self.revoked.retain(|_, until| *until > wall);
        let revoked = self.revoked.values().min();
        let revoked = revoked.map(|until| now.mono + Duration::from_secs(u64::from(until - wall)));
        let lapses = self.members.values().map(Member::lapses).min();
        self.sweep = earliest(earliest(lapses, self.seats.first_to_lapse()), revoked);
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relay({} members in {} rooms)", self.members.len(), self.rooms.len())
    }
}

/// Room for what is made of either form.
type Made = Inline<PLAIN_VOICE_BYTES>;

#[cfg(test)]
mod tests;
