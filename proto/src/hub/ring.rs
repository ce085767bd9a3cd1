//! 100: how a call is made, and whom it rings.

use std::collections::BTreeSet;

use core::net::IpAddr;

use crate::crypto::mac;
use crate::hub::online::User;
use crate::hub::refusal::{Done, Refusal};
use crate::hub::room::{Place, Ring, Room};
use crate::hub::rooms::{Notice, Rooms, full, state_of, ticket_end};
use crate::id::{CallId, Fingerprint, Name, Ssrc};
use crate::limits::{MEMBERS_MAX, RING_TIME_MAX};
use crate::time::{Now, Wall};
use crate::wire::Reply;
use crate::wire::record::{MemberState, Why};

/// Somebody to be called.
pub(super) struct Callee {
    pub(super) account: Fingerprint,
    pub(super) name: Name,
    /// The account on each device that is connected.
    pub(super) users: Vec<User>,
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

impl Rooms {
    pub(super) fn call(&mut self, caller: &User, calls_max: usize, asked: &Asked, now: Now) -> Done {
        if self.seats.contains_key(&caller.device) || self.calls_of(caller.device.account) >= calls_max {
            return Err(Refusal::new(
                Why::InCall,
                "you are in a call, or somebody is calling you; end that first",
            ));
        }
        if caller.voice_at().is_some_and(|address| self.voices.contains(&address)) {
            // Their voices could not be told apart.
            let text =
                "somebody at your address is in a call, and this protocol has one for each; wait for its end";
            return Err(Refusal::new(Why::InCall, text));
        }
        if self.rooms.len() >= self.rooms_max {
            return Err(full());
        }
        let call = CallId(self.rng.bytes());
        let rung = self.open(call, caller, asked, now);
        if rung.is_empty() && caller.is_guest() {
            // It has no word for what became of each (A21).
            return Err(Refusal::new(Why::NobodyRung, "none of them can be called just now"));
        }
        self.say(caller.device, Reply::CallTaken);
        if !rung.is_empty() {
            self.admit(call, caller.device, now);
        }
        for callee in &asked.callees {
            let state = match &callee.users[..] {
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

    /// Makes the call with all its places, so that every grant shows the same members. Returns whom it rings; without
    /// anybody to ring there is no call.
    fn open(&mut self, call: CallId, caller: &User, asked: &Asked, now: Now) -> BTreeSet<Fingerprint> {
        let mut free_places = MEMBERS_MAX - 1;
        let mut rings = Vec::new();
        let mut voices: BTreeSet<IpAddr> = caller.voice_at().into_iter().collect();
        for (n, callee) in asked.callees.iter().enumerate() {
            // One place is kept for each of those who follow.
            let places = free_places.saturating_sub(asked.callees.len() - n - 1);
            let users = self.free(callee, places, &voices);
            free_places -= users.len();
            voices.extend(users.iter().filter_map(User::voice_at));
            if !users.is_empty() {
                rings.push((callee.account, users));
            }
        }
        if rings.is_empty() {
            return BTreeSet::new();
        }
        // Plain from its first moment to its last: nobody who was told of keys is ever without.
        let plain = caller.is_guest() || rings.iter().any(|(_, users)| users.iter().any(User::is_guest));
        let mut room = Room::new(call, plain);
        let place = self.place(&mut room, caller.clone(), now.wall);
        room.members.push(place);
        let until = now.mono + RING_TIME_MAX;
        let rung = rings.iter().map(|(account, _)| *account).collect();
        for (_, users) in rings {
            let places = users.into_iter().map(|user| self.place(&mut room, user, now.wall)).collect();
            room.rings.push(Ring { until, places });
        }
        self.rooms.insert(call, room);
        self.out.push_back(Notice::Presence(caller.device.account));
        self.rearm(call);
        rung
    }

    fn ring(&mut self, call: CallId, caller: &User) {
        for device in self.rung(call) {
            self.out.push_back(Notice::Rung(device, caller.clone()));
            self.say_grant(call, device);
        }
    }

    /// The devices of a callee that can be rung; `voices` are the addresses of guests in the same call.
    fn free(&self, callee: &Callee, places: usize, voices: &BTreeSet<IpAddr>) -> Vec<User> {
        if self.calls_of(callee.account) >= callee.calls_max {
            return Vec::new();
        }
        let is_taken = |address| self.voices.contains(&address) || voices.contains(&address);
        let is_free =
            |user: &&User| !self.seats.contains_key(&user.device) && !user.voice_at().is_some_and(is_taken);
        callee.users.iter().filter(is_free).take(if callee.one_rings { 1 } else { places }).cloned().collect()
    }

    /// A new place with a stream of its own, and the seat that goes with it.
    fn place(&mut self, room: &mut Room, user: User, wall: Wall) -> Place {
        // Guests know a stream by its name only, since all natives have the server's address there.
        let named = room.plain.then(|| mac::named_stream(&user.name)).filter(|ssrc| !room.is_taken(*ssrc));
        let ssrc = named.unwrap_or_else(|| {
            loop {
                let ssrc = Ssrc(self.rng.u32());
                if ssrc.0 != 0 && !room.is_taken(ssrc) {
                    break ssrc;
                }
            }
        });
        self.seats.insert(user.device, room.call);
        self.voices.extend(user.voice_at());
        let expiry = ticket_end(wall);
        room.expiry = room.expiry.max(expiry);
        Place { user, ssrc, expiry, away_until: None, renew_at: None }
    }
}
