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
//! A device has at most one place in all calls. An account has at most as many calls as it is allowed, ringing ones
//! included. A call that is over is remembered for a while, so that a late 309 does not bring it back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::hub::online::{Device, User, whole};
use crate::hub::refusal::{Done, Refusal};
use crate::hub::room::{Place, Ring, Room};
use crate::hub::timers::Timers;
use crate::id::{CallId, Fingerprint, Name, Ssrc};
use crate::limits::{ENDED_CALLS_MAX, MEMBERS_MAX, RING_TIME_MAX, TICKET_LIFE};
use crate::relay::Change;
use crate::rng::Rng;
use crate::time::{Now, Time, Wall};
use crate::wire::Reply;
use crate::wire::record::{CallState, MemberState, Why};

/// What is to be told. The three with names carry addresses on the wire, which only the recipient's connection has.
#[derive(Debug)]
pub(super) enum Notice {
    Say(Device, Reply),
    /// 211
    Rung(Device, Name),
    /// 209
    Accepted(Device, Vec<Name>),
    /// 210
    Joined(Device, Name),
    Relay(Change),
    /// The account went into a call, or out of one.
    Presence(Fingerprint),
}

/// Somebody to be called.
pub(super) struct Callee {
    pub(super) account: Fingerprint,
    pub(super) name: Name,
    /// Those connected.
    pub(super) devices: Vec<Device>,
    pub(super) calls_max: usize,
    /// One free device takes a call of its own, instead of all ringing together.
    pub(super) one_rings: bool,
}

/// Whom a 100 asks for, each name once.
pub(super) struct Asked {
    /// At least one, and no more than fit into a call with one device each.
    pub(super) callees: Vec<Callee>,
    /// Those who cannot be called at all.
    pub(super) unreachable: Vec<Name>,
}

pub(super) struct Rooms {
    pub(super) rooms: BTreeMap<CallId, Room>,
    pub(super) seats: BTreeMap<Device, CallId>,
    timers: Timers<CallId>,
    pub(super) over: BTreeSet<CallId>,
    over_order: VecDeque<CallId>,
    pub(super) relay_key: [u8; 32],
    pub(super) rooms_max: usize,
    rng: Rng,
    pub(super) out: VecDeque<Notice>,
}

impl Rooms {
    pub(super) fn new(relay_key: [u8; 32], rooms_max: usize, rng: Rng) -> Self {
        Self {
            rooms: BTreeMap::new(),
            seats: BTreeMap::new(),
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

    /// Whether words about this call may pass from one to the other.
    pub(super) fn may_mail(&self, call: CallId, from: Device, to: Device) -> bool {
        self.rooms.get(&call).is_some_and(|room| room.knows(from) && room.knows(to) && from != to)
    }

    pub(super) fn calls_of(&self, account: Fingerprint) -> usize {
        self.seats.range(whole(account)).map(|(_, call)| *call).collect::<BTreeSet<_>>().len()
    }

    // --- 100 ---

    pub(super) fn call(&mut self, caller: &User, calls_max: usize, asked: &Asked, now: Now) -> Done {
        if self.seats.contains_key(&caller.device) || self.calls_of(caller.device.account) >= calls_max {
            return Err(Refusal::new(
                Why::InCall,
                "you are in a call, or somebody is calling you; end that first",
            ));
        }
        if self.rooms.len() >= self.rooms_max {
            return Err(Refusal::new(Why::Limit, "this server has as many calls as it can carry; try later"));
        }
        let call = CallId(self.rng.bytes());
        self.say(caller.device, Reply::CallTaken);
        let rung = self.open(call, caller, asked, now);
        for callee in &asked.callees {
            let state = match &callee.devices[..] {
                [] => MemberState::Gone,
                [..] if rung.contains(&callee.account) => MemberState::Ringing,
                [..] => MemberState::Busy,
            };
            self.say(caller.device, state_of(call, &callee.name, state));
        }
        for name in &asked.unreachable {
            self.say(caller.device, state_of(call, name, MemberState::Gone));
        }
        if !rung.is_empty() {
            self.ring(call, caller);
        }
        Ok(())
    }

    /// Makes the call with all its places, so that every grant shows the same members, and grants the caller's.
    /// Returns whom it rings; without anybody to ring there is no call.
    fn open(&mut self, call: CallId, caller: &User, asked: &Asked, now: Now) -> BTreeSet<Fingerprint> {
        let mut free_places = MEMBERS_MAX - 1;
        let mut rings = Vec::new();
        for (n, callee) in asked.callees.iter().enumerate() {
            // One place is kept for each of those who follow.
            let places = free_places.saturating_sub(asked.callees.len() - n - 1);
            let devices = self.free_devices(callee, places);
            free_places -= devices.len();
            if !devices.is_empty() {
                rings.push((callee, devices));
            }
        }
        if rings.is_empty() {
            return BTreeSet::new();
        }
        let mut room = Room::new(call);
        let place = self.place(&mut room, caller.clone(), now.wall);
        room.members.push(place);
        let until = now.mono + RING_TIME_MAX;
        for (callee, devices) in &rings {
            let users = devices.iter().map(|device| User { name: callee.name.clone(), device: *device });
            let places = users.map(|user| self.place(&mut room, user, now.wall)).collect();
            room.rings.push(Ring { until, places });
        }
        self.rooms.insert(call, room);
        self.say_grant(call, caller.device);
        self.out.push_back(Notice::Presence(caller.device.account));
        self.rearm(call);
        rings.into_iter().map(|(callee, _)| callee.account).collect()
    }

    fn ring(&mut self, call: CallId, caller: &User) {
        for device in self.rung(call) {
            self.out.push_back(Notice::Rung(device, caller.name.clone()));
            self.say_grant(call, device);
        }
    }

    /// The devices that ring.

    fn rung(&self, call: CallId) -> Vec<Device> {
        let rings = self.rooms[&call].rings.iter();
        rings.flat_map(|ring| &ring.places).map(|place| place.user.device).collect()
    }

    fn free_devices(&self, callee: &Callee, places: usize) -> Vec<Device> {
        if self.calls_of(callee.account) >= callee.calls_max {
            return Vec::new();
        }
        let free = callee.devices.iter().copied().filter(|device| !self.seats.contains_key(device));
        free.take(if callee.one_rings { 1 } else { places }).collect()
    }

    /// A new place with a stream of its own, and the seat that goes with it.
    fn place(&mut self, room: &mut Room, user: User, wall: Wall) -> Place {
        let ssrc = loop {
            let ssrc = Ssrc(self.rng.u32());
            if ssrc.0 != 0 && !room.is_taken(ssrc) {
                break ssrc;
            }
        };
        self.seats.insert(user.device, room.call);
        let expiry = ticket_end(wall);
        room.expiry = room.expiry.max(expiry);
        Place { user, ssrc, expiry, away_until: None }
    }

    // --- 101, 102, 103 ---

    pub(super) fn accept(&mut self, device: Device, call: Option<CallId>) -> Done {
        let call = self.seat(device, call)?;
        let room = self.rooms.get_mut(&call).expect("a seat is in a room");
        let Some(ring) = room.take_ring(device) else {
            // In already: it took its place again after a restart, while it rang.
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
        self.out.push_back(Notice::Accepted(device, others().map(|place| place.user.name.clone()).collect()));
        for other in others() {
            self.out.push_back(Notice::Say(device, other.state(call, MemberState::Joined)));
            self.out.push_back(Notice::Joined(other.user.device, own.user.name.clone()));
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

    pub(super) fn timeout(&mut self, now: Time) {
        while let Some(call) = self.timers.take_due(now) {
            self.expire(call, now);
            self.rearm(call);
        }
    }

    fn expire(&mut self, call: CallId, now: Time) {
        while let Some(room) = self.rooms.get_mut(&call) {
            if let Some(at) = room.rings.iter().position(|ring| ring.until <= now) {
                let ring = room.rings.remove(at);
                self.end_ring(call, &ring, MemberState::NoAnswer, None);
            } else if let Some(device) = room.lost(now) {
                self.give_up(call, device);
            } else if let Some(awaited) = room.awaited.take_if(|awaited| awaited.until <= now) {
                self.stop_waiting(call, &awaited);
            } else {
                return;
            }
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
        self.seats.remove(&place.user.device);
        let Some(room) = self.rooms.get_mut(&call) else { return };
        room.remember(place);
        if tell_relay {
            let change = Change::Remove { relay: room.relay, ssrc: place.ssrc, expiry: place.expiry };
            self.out.push_back(Notice::Relay(change));
        }
    }

    fn finish(&mut self, call: CallId) {
        let Some(room) = self.rooms.remove(&call) else { return };
        for place in room.places() {
            self.seats.remove(&place.user.device);
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
        self.timers.clear();
        self.out.clear();
    }

    // --- saying ---

    fn say(&mut self, to: Device, reply: Reply) {
        self.out.push_back(Notice::Say(to, reply));
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
        self.rooms.is_empty() && self.seats.is_empty() && self.timers.is_empty() && self.out.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.rooms.len()
    }
}

/// About everybody who has this name.
fn state_of(call: CallId, name: &Name, state: MemberState) -> Reply {
    Reply::CallState(CallState { call, name: name.clone(), state, device: None })
}

impl Place {
    /// About this device.
    pub(super) fn state(&self, call: CallId, state: MemberState) -> Reply {
        let device = Some(self.user.device.id);
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
