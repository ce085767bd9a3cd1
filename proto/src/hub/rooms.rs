//! The calls of the server. It knows devices and accounts only; whom they may call and which connection they have is
//! the composite's business.
//!
//! ```text
//!            call                   accept
//!  (free) ─────────▶ rings, caller ─────────▶ members ──── leave, gone ────▶ over when one is left
//!                     in alone       │                                        and nobody rings
//!                                    └ reject, no answer, gone, caller leaves ▶ over
//! ```
//!
//! A call of many has a ring for each account that was named, which ends by itself. All places are made before
//! anybody is told, so that all know the same members; nobody is added later. Whoever has a place, ringing or in, hears
//! who joined, left or did not come.
//!
//! A device has at most one place in all calls, and so has the address of a guest: its voice is known by nothing else. An account has at most as many calls as it is allowed, ringing ones
//! included. A call that is over is remembered for a while, so that a late 309 does not bring it back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use core::net::IpAddr;

use crate::hub::online::{Device, User, whole};
use crate::hub::refusal::{Done, Refusal};
use crate::hub::room::{Place, Ring, Room};
use crate::hub::timers::Timers;
use crate::id::{CallId, Fingerprint, Name};
use crate::limits::{ENDED_CALLS_MAX, TICKET_LIFE};
use crate::relay::Change;
use crate::rng::Rng;
use crate::time::{Now, Time, Wall};
use crate::wire::Reply;
use crate::wire::record::{CallState, MemberState, Why};

/// What is to be told. The three with users carry addresses on the wire, which depend on the recipient's connection.
#[derive(Debug)]
pub(super) enum Notice {
    Say(Device, Reply),
    /// 211
    Rung(Device, User),
    /// 209
    Accepted(Device, Vec<User>),
    /// 210
    Joined(Device, User),
    Relay(Change),
    /// The account went into a call, or out of one.
    Presence(Fingerprint),
}

pub(super) struct Rooms {
    pub(super) rooms: BTreeMap<CallId, Room>,
    pub(super) seats: BTreeMap<Device, CallId>,
    /// Where the voice of guests with a place comes from: the relay knows them by nothing else.
    pub(super) voices: BTreeSet<IpAddr>,
    timers: Timers<CallId>,
    pub(super) over: BTreeSet<CallId>,
    over_order: VecDeque<CallId>,
    pub(super) relay_key: [u8; 32],
    pub(super) rooms_max: usize,
    pub(super) rng: Rng,
    pub(super) out: VecDeque<Notice>,
}

impl Rooms {
    pub(super) fn new(relay_key: [u8; 32], rooms_max: usize, rng: Rng) -> Self {
        Self {
            rooms: BTreeMap::new(),
            seats: BTreeMap::new(),
            voices: BTreeSet::new(),
            timers: Timers::new(),
            over: BTreeSet::new(),
            over_order: VecDeque::new(),
            relay_key,
            rooms_max,
            rng,
            out: VecDeque::new(),
        }
    }

    pub(super) fn poll(&mut self) -> Option<Notice> {
        self.out.pop_front()
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.timers.next()
    }

    // --- what others ask ---

    /// Whether the account is in a call; one that only rings does not count.
    pub(super) fn is_in_call(&self, account: Fingerprint) -> bool {
        self.seats.range(whole(account)).any(|(device, call)| self.rooms[call].is_member(*device))
    }

    /// Whether the two have a place in one call.
    pub(super) fn share_a_call(&self, a: Fingerprint, b: Fingerprint) -> bool {
        let mut calls = self.seats.range(whole(a)).map(|(_, call)| call);
        calls.any(|call| self.rooms[call].places().any(|place| place.user.device.account == b))
    }

    /// The call that rings this device and has `account` in it.
    pub(super) fn rung_by(&self, device: Device, account: Fingerprint) -> Option<CallId> {
        let room = &self.rooms[self.seats.get(&device)?];
        let is_in = room.members.iter().any(|place| place.user.device.account == account);
        (is_in && !room.is_member(device)).then_some(room.call)
    }

    /// Whether a call rings this device.
    pub(super) fn rings(&self, device: Device) -> bool {
        self.seats.get(&device).is_some_and(|call| !self.rooms[call].is_member(device))
    }

    /// The devices that ring.
    pub(super) fn rung(&self, call: CallId) -> Vec<Device> {
        let rings = self.rooms[&call].rings.iter();
        rings.flat_map(|ring| &ring.places).map(|place| place.user.device).collect()
    }

    /// Whether words about this call may pass from one to the other.
    pub(super) fn may_mail(&self, call: CallId, from: Device, to: Device) -> bool {
        self.rooms.get(&call).is_some_and(|room| room.knows(from) && room.knows(to) && from != to)
    }

    pub(super) fn calls_of(&self, account: Fingerprint) -> usize {
        self.seats.range(whole(account)).map(|(_, call)| *call).collect::<BTreeSet<_>>().len()
    }

    // --- 101, 102, 103 ---

    pub(super) fn accept(&mut self, device: Device, call: Option<CallId>, now: Now) -> Done {
        let call = self.seat(device, call)?;
        let room = self.rooms.get_mut(&call).expect("a seat is in a room");
        let Some(ring) = room.take_ring(device) else {
            // In already: it took its place again after a restart, while it rang.
            self.say_ticket(call, device);
            self.say_joined(call, device);
            return Ok(());
        };
        let (mut own, others): (Vec<_>, Vec<_>) =
            ring.places.into_iter().partition(|place| place.user.device == device);
        own.iter_mut().for_each(|place| place.away_until = None);
        room.members.append(&mut own);
        for place in others {
            self.say(place.user.device, state_of(call, &place.user.name, MemberState::Taken));
            self.put_out(call, &place, true);
        }
        self.out.push_back(Notice::Presence(device.account));
        if self.rooms[&call].place(device).is_some_and(|place| place.user.is_guest()) {
            self.admit(call, device, now);
        } else {
            self.say_ticket(call, device);
        }
        self.say_joined(call, device);
        self.rearm(call);
        Ok(())
    }

    /// The one who is in now hears of each who was, and all others of it: also those who still ring, so that they
    /// know when nobody is left to answer to.
    fn say_joined(&mut self, call: CallId, device: Device) {
        let room = &self.rooms[&call];
        let Some(own) = room.place(device) else { return };
        let joined = own.state(call, MemberState::Joined);
        let others = || room.members.iter().filter(|place| place.user.device != device);
        self.out.push_back(Notice::Accepted(device, others().map(|place| place.user.clone()).collect()));
        for other in others() {
            self.out.push_back(Notice::Say(device, other.state(call, MemberState::Joined)));
            self.out.push_back(Notice::Joined(other.user.device, own.user.clone()));
            self.out.push_back(Notice::Say(other.user.device, joined.clone()));
        }
        for device in self.rung(call) {
            self.say(device, joined.clone());
        }
    }

    pub(super) fn reject(&mut self, device: Device, call: Option<CallId>) -> Done {
        let call = self.seat(device, call)?;
        let room = self.rooms.get_mut(&call).expect("a seat is in a room");
        match room.take_ring(device) {
            Some(ring) => self.end_ring(call, &ring, MemberState::Declined, Some(device)),
            // A plain client cannot say which call it means, so it is the one that rings (A8).
            None if room.place(device).is_some_and(|place| place.user.is_guest()) => return Err(no_call()),
            None => self.leave(call, device, MemberState::Declined),
        }
        Ok(())
    }

    pub(super) fn hang_up(&mut self, device: Device, call: Option<CallId>) -> Done {
        let seat = self.seat(device, call)?;
        if !self.rooms[&seat].is_member(device) {
            return self.reject(device, call);
        }
        self.leave(seat, device, MemberState::Left);
        Ok(())
    }

    /// The call the device has a place in, if that is the one that is meant.
    pub(super) fn seat(&self, device: Device, meant: Option<CallId>) -> Result<CallId, Refusal> {
        match self.seats.get(&device) {
            Some(seat) if meant.is_none_or(|meant| meant == *seat) => Ok(*seat),
            Some(_) | None => Err(no_call()),
        }
    }

    /// All devices of one account stop ringing; `knows` is the one that need not be told.
    fn end_ring(&mut self, call: CallId, ring: &Ring, state: MemberState, knows: Option<Device>) {
        let Some(name) = ring.places.first().map(|place| place.user.name.clone()) else { return };
        for place in &ring.places {
            if Some(place.user.device) != knows {
                self.say(place.user.device, state_of(call, &name, state));
            }
        }
        self.tell_all(call, &state_of(call, &name, state));
        self.settle(call, &ring.places);
    }

    fn leave(&mut self, call: CallId, device: Device, state: MemberState) {
        let room = self.rooms.get_mut(&call).expect("a seat is in a room");
        let Some(place) = room.take_member(device) else { return };
        self.tell_all(call, &place.state(call, state));
        self.out.push_back(Notice::Presence(device.account));
        self.settle(call, &[place]);
    }

    // --- time ---

    pub(super) fn timeout(&mut self, now: Now) {
        while let Some(call) = self.timers.take_due(now.mono) {
            self.expire(call, now);
            self.rearm(call);
        }
    }

    fn expire(&mut self, call: CallId, now: Now) {
        while let Some(room) = self.rooms.get_mut(&call) {
            if let Some(at) = room.rings.iter().position(|ring| ring.until <= now.mono) {
                let ring = room.rings.remove(at);
                self.end_ring(call, &ring, MemberState::NoAnswer, None);
            } else if let Some(device) = room.lost(now.mono) {
                self.give_up(call, device);
            } else if let Some(device) = room.outdated(now.mono) {
                self.seat_guest(call, device, now);
            } else if let Some(awaited) = room.awaited.take_if(|awaited| awaited.until <= now.mono) {
                self.stop_waiting(call, &awaited);
            } else {
                return;
            }
        }
    }

    /// The device will not come back: a guest, which has no ticket to do so with, or one that was revoked.
    pub(super) fn gone(&mut self, device: Device) {
        if let Some(call) = self.seats.get(&device).copied() {
            self.give_up(call, device);
            self.rearm(call);
        }
    }

    /// The device did not come back.
    fn give_up(&mut self, call: CallId, device: Device) {
        let room = self.rooms.get_mut(&call).expect("only a call that goes on expires");
        let Some(mut ring) = room.take_ring(device) else {
            return self.leave(call, device, MemberState::Gone);
        };
        if ring.places.len() == 1 {
            return self.end_ring(call, &ring, MemberState::Gone, None);
        }
        let (lost, left) = ring.places.into_iter().partition(|place| place.user.device == device);
        ring.places = left;
        room.rings.push(ring);
        self.settle(call, &lost);
    }

    /// These are out; the call is too if that leaves nobody to talk to.
    pub(super) fn settle(&mut self, call: CallId, out: &[Place]) {
        let is_over = self.rooms[&call].is_over();
        for place in out {
            self.put_out(call, place, !is_over);
        }
        if is_over {
            self.finish(call);
        } else {
            self.rearm(call);
        }
    }

    fn put_out(&mut self, call: CallId, place: &Place, tell_relay: bool) {
        self.free_seat(&place.user);
        let Some(room) = self.rooms.get_mut(&call) else { return };
        room.remember(place);
        if tell_relay {
            let change = Change::Remove { relay: room.relay, ssrc: place.ssrc, expiry: place.expiry };
            self.out.push_back(Notice::Relay(change));
        }
    }

    fn free_seat(&mut self, user: &User) {
        self.seats.remove(&user.device);
        if let Some(address) = user.voice_at() {
            self.voices.remove(&address);
        }
    }

    fn finish(&mut self, call: CallId) {
        let Some(room) = self.rooms.remove(&call) else { return };
        for place in room.places() {
            self.free_seat(&place.user);
            self.out.push_back(Notice::Presence(place.user.device.account));
        }
        self.out.push_back(Notice::Relay(Change::Close { relay: room.relay, expiry: room.expiry }));
        self.timers.set(call, None);
        if self.over_order.len() >= ENDED_CALLS_MAX
            && let Some(oldest) = self.over_order.pop_front()
        {
            self.over.remove(&oldest);
        }
        self.over.insert(call);
        self.over_order.push_back(call);
    }

    pub(super) fn rearm(&mut self, call: CallId) {
        self.timers.set(call, self.rooms.get(&call).and_then(Room::due));
    }

    /// Forgets all calls and tells nobody: they go on without us.
    pub(super) fn forget(&mut self) {
        self.rooms.clear();
        self.seats.clear();
        self.voices.clear();
        self.timers.clear();
        self.out.clear();
    }

    // --- saying ---

    pub(super) fn say(&mut self, to: Device, reply: Reply) {
        self.out.push_back(Notice::Say(to, reply));
    }

    /// The device is in from its start: it is told its place, and of a guest's the relay.
    pub(super) fn admit(&mut self, call: CallId, device: Device, now: Now) {
        self.say_grant(call, device);
        self.seat_guest(call, device, now);
    }

    /// The relay knows a guest by its address alone, and is told again before it forgets.
    fn seat_guest(&mut self, call: CallId, device: Device, now: Now) {
        let room = self.rooms.get_mut(&call).expect("a seat is in a room");
        let (relay, place) = (room.relay, room.place_mut(device).expect("a seat is a place"));
        let Some(address) = place.user.voice_at() else { return };
        place.expiry = ticket_end(now.wall);
        place.renew_at = Some(now.mono + TICKET_LIFE / 2);
        let (ssrc, expiry) = (place.ssrc, place.expiry);
        room.expiry = room.expiry.max(expiry);
        self.out.push_back(Notice::Relay(Change::Seat { relay, ssrc, address, expiry }));
        self.rearm(call);
    }

    /// In a call that is not encrypted the ticket comes with the yes.
    fn say_ticket(&mut self, call: CallId, device: Device) {
        if self.rooms[&call].plain {
            self.say_grant(call, device);
        }
    }

    pub(super) fn say_grant(&mut self, call: CallId, to: Device) {
        if let Some(grant) = self.rooms[&call].grant(to, &self.relay_key) {
            self.say(to, Reply::Grant(Box::new(grant)));
        }
    }

    /// To everybody with a place.
    pub(super) fn tell_all(&mut self, call: CallId, state: &Reply) {
        for place in self.rooms[&call].places() {
            self.out.push_back(Notice::Say(place.user.device, state.clone()));
        }
    }

    // --- what must always hold ---

    pub(super) fn check(&self) -> Result<(), &'static str> {
        let places: usize = self.rooms.values().map(|room| room.places().count()).sum();
        let seated = |(device, call): (&Device, &CallId)| {
            self.rooms.get(call).is_some_and(|room| room.place(*device).is_some())
        };
        if places != self.seats.len() || !self.seats.iter().all(seated) {
            return Err("places in calls and seats differ");
        }
        let voices = || self.rooms.values().flat_map(Room::places).filter_map(|place| place.user.voice_at());
        if voices().count() != self.voices.len() || !voices().all(|address| self.voices.contains(&address)) {
            return Err("two guests with one address have places in calls");
        }
        if self.rooms.values().any(|room| room.is_over() || room.rings.iter().any(|r| r.places.is_empty())) {
            return Err("a call that is over is still there");
        }
        if self.rooms.iter().any(|(call, room)| self.timers.get(*call) != room.due()) {
            return Err("a call's timer is not its first deadline");
        }
        if self.rooms.len() > self.rooms_max || self.over.len() > ENDED_CALLS_MAX {
            return Err("a table of calls is beyond its limit");
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rooms.is_empty()
            && self.seats.is_empty()
            && self.voices.is_empty()
            && self.timers.is_empty()
            && self.out.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.rooms.len()
    }
}

/// About everybody who has this name.
pub(super) fn state_of(call: CallId, name: &Name, state: MemberState) -> Reply {
    Reply::CallState(CallState { call, name: name.clone(), state, device: None })
}

impl Place {
    /// About this device.
    pub(super) fn state(&self, call: CallId, state: MemberState) -> Reply {
        let device = self.user.key_device();
        Reply::CallState(CallState { call, name: self.user.name.clone(), state, device })
    }
}

pub(super) fn ticket_end(wall: Wall) -> u32 {
    let life = u32::try_from(TICKET_LIFE.as_secs()).unwrap_or(u32::MAX);
    wall.as_secs_u32().saturating_add(life)
}

pub(super) fn no_call() -> Refusal {
    Refusal::new(Why::NoCall, "there is no such call; it may be over already")
}

pub(super) fn full() -> Refusal {
    Refusal::new(Why::Limit, "this server has as many calls as it can carry; try later")
}
