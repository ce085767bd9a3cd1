//! How a place in a call outlives a connection and a restart of the server: 309 and 310, and what happens to it
//! meanwhile. A valid ticket is the proof; the hub needs to remember nothing (native.md section 5).

use crate::crypto::mac;
use crate::hub::online::{Device, User};
use crate::hub::refusal::{Done, Refusal};
use crate::hub::room::{Awaited, Place, Room, relay_of};
use crate::hub::rooms::{Notice, Rooms, full, no_call, ticket_end};
use crate::id::CallId;
use crate::limits::{MEMBER_AWAY_MAX, MEMBERS_MAX};
use crate::relay::Change;
use crate::time::{Now, Time, Wall};
use crate::wire::Reply;
use crate::wire::record::{CallState, Grant, Member, MemberState, Why};

impl Rooms {
    /// The device's connection is gone. Its place is kept for a while.
    pub(super) fn dropped(&mut self, device: Device, now: Time) {
        let Some(call) = self.seats.get(&device).copied() else { return };
        let room = self.rooms.get_mut(&call).expect("a seat is in a room");
        let place = room.place_mut(device).expect("a seat is a place");
        place.away_until = place.away_until.or(Some(now + MEMBER_AWAY_MAX));
        self.rearm(call);
    }

    /// The device is connected again. While it rings, that is all there is to know; a member says 309, since only it
    /// knows whether it still is one.
    pub(super) fn returned(&mut self, device: Device) {
        let Some(call) = self.seats.get(&device).copied() else { return };
        let room = self.rooms.get_mut(&call).expect("a seat is in a room");
        if room.is_member(device) {
            return;
        }
        room.place_mut(device).expect("a seat is a place").away_until = None;
        self.rearm(call);
    }

    /// Takes a place again, or makes the call again that a restart forgot. The ticket is the proof.
    pub(super) fn rejoin(&mut self, user: &User, calls_max: usize, grant: &Grant, now: Now) -> Done {
        let call = grant.call;
        if self.rings_plain(user.device, call) {
            return self.come_back(user.device, grant, now);
        }
        let ticket = mac::ticket(&self.relay_key, grant.relay, grant.ssrc, grant.expiry);
        let holds =
            grant.relay == relay_of(call, grant.plain) && mac::equal(&ticket, grant.ticket.as_slice());
        if !holds || grant.expiry <= now.wall.as_secs_u32() || self.over.contains(&call) {
            return Err(no_call());
        }
        let seated = self.seats.get(&user.device);
        if seated.is_some_and(|seat| *seat != call) {
            return Err(Refusal::new(Why::InCall, "this device is in another call; hang up first"));
        }
        if seated.is_some() {
            return self.come_back(user.device, grant, now);
        }
        match self.rooms.get(&call) {
            // Nobody is new to a call that goes on.
            Some(room) if room.awaited.is_none() || room.is_taken(grant.ssrc) => return Err(no_call()),
            // It is encrypted or not as it was made, whatever one of its members says later.
            Some(room) if room.plain != grant.plain => return Err(no_call()),
            Some(room) if room.members.len() >= MEMBERS_MAX => return Err(full()),
            // Nobody else can come back: a plain client has no ticket.
            None if !Awaited::members_of(grant).any(|member| member.name != user.name) => {
                return Err(no_call());
            }
            None if self.rooms.len() >= self.rooms_max => return Err(full()),
            Some(_) | None => {}
        }
        if self.calls_of(user.device.account) >= calls_max {
            return Err(Refusal::new(Why::InCall, "another device of yours is in a call"));
        }
        self.rebuild(user, grant, now);
        Ok(())
    }

    /// Who is rung by a call that is not encrypted has no ticket yet. Its login is proof enough that it is back.
    fn rings_plain(&self, device: Device, call: CallId) -> bool {
        self.seats.get(&device) == Some(&call) && self.rooms[&call].plain && self.rings(device)
    }

    fn come_back(&mut self, device: Device, grant: &Grant, now: Now) -> Done {
        let room = self.rooms.get_mut(&grant.call).expect("a seat is in a room");
        let place = room.place_mut(device).expect("a seat is a place");
        if place.ssrc != grant.ssrc {
            return Err(no_call());
        }
        place.away_until = None;
        self.fresh_ticket(grant.call, device, now.wall);
        self.rearm(grant.call);
        Ok(())
    }

    fn rebuild(&mut self, user: &User, grant: &Grant, now: Now) {
        let call = grant.call;
        let room = self.rooms.entry(call).or_insert_with(|| {
            let mut room = Room::new(call, grant.plain);
            room.awaited = Some(Awaited { until: now.mono + MEMBER_AWAY_MAX, members: Vec::new() });
            room
        });
        room.await_members(grant);
        room.members.push(Place {
            user: user.clone(),
            ssrc: grant.ssrc,
            expiry: grant.expiry,
            away_until: None,
            renew_at: None,
        });
        self.seats.insert(user.device, call);
        self.out.push_back(Notice::Presence(user.device.account));
        self.fresh_ticket(call, user.device, now.wall);
        self.rearm(call);
    }

    /// Who did not come back is out: the others are told, and the relay, where an old ticket would still admit.
    pub(super) fn stop_waiting(&mut self, call: CallId, awaited: &Awaited) {
        let room = &self.rooms[&call];
        let (relay, expiry) = (room.relay, room.expiry);
        let is_missing = |member: &&Member| room.places().all(|place| place.user.name != member.name);
        let missing: Vec<Member> = awaited.members.iter().filter(is_missing).cloned().collect();
        let is_over = room.is_over();
        for member in missing {
            let (name, device, state) = (member.name, member.device, MemberState::Gone);
            self.tell_all(call, &Reply::CallState(CallState { call, name, state, device }));
            if !is_over {
                self.out.push_back(Notice::Relay(Change::Remove { relay, ssrc: member.ssrc, expiry }));
            }
        }
        self.settle(call, &[]);
    }

    pub(super) fn renew(&mut self, device: Device, call: CallId, now: Now) -> Done {
        let call = self.seat(device, Some(call))?;
        self.fresh_ticket(call, device, now.wall);
        Ok(())
    }

    fn fresh_ticket(&mut self, call: CallId, device: Device, wall: Wall) {
        let room = self.rooms.get_mut(&call).expect("a seat is in a room");
        let place = room.place_mut(device).expect("a seat is a place");
        place.expiry = place.expiry.max(ticket_end(wall));
        let expiry = place.expiry;
        room.expiry = room.expiry.max(expiry);
        self.say_grant(call, device);
    }
}
