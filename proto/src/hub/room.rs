//! One call: who is in, whom it rings, who was in. Kept by [`super::rooms`], which tells people.

use std::collections::BTreeSet;

use crate::crypto::mac;
use crate::hub::online::{Device, User};
use crate::id::{CallId, Name, Principal, RelayId, Ssrc};
use crate::limits::{MEMBERS_MAX, PAST_MEMBERS_MAX};
use crate::time::{Time, earliest};
use crate::wire::record::{Grant, Member};

/// A device's place in a call: in, or ringing.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) user: User,
    pub(super) ssrc: Ssrc,
    /// When its newest ticket ends, seconds since 1970.
    pub(super) expiry: u32,
    /// Its connection is gone; until then it may come back.
    pub(super) away_until: Option<Time>,
    /// When the relay is told of a guest's place again.
    pub(super) renew_at: Option<Time>,
}

/// An account that is being rung, on each of these devices. Never without one.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    pub(super) until: Time,
    pub(super) places: Vec<Place>,
}

#[derive(Debug)]
pub(super) struct Room {
    pub(super) call: CallId,
    pub(super) relay: RelayId,
    /// Not encrypted, because a guest was invited.
    pub(super) plain: bool,
    /// Who is in, the caller first.
    pub(super) members: Vec<Place>,
    pub(super) rings: Vec<Ring>,
    /// Who was in or rung. They may still get sealed words about it, and their tickets admit no more.
    past: Vec<(Device, Ssrc)>,
    /// When the last of all tickets ends.
    pub(super) expiry: u32,
    /// Rebuilt by one member after a restart; the others have a while to come back too.
    pub(super) awaited: Option<Awaited>,
}

/// Who may come back into a call that a restart forgot.
#[derive(Debug)]
pub(super) struct Awaited {
    pub(super) until: Time,
    /// As those who are back list them, so it is hearsay: it keeps a call open for a while and admits nobody.
    pub(super) members: Vec<Member>,
}

impl Awaited {
    /// Those of a grant's members who hold tickets.
    pub(super) fn members_of(grant: &Grant) -> impl Iterator<Item = &Member> {
        grant.members.iter().filter(|member| matches!(member.principal, Principal::Key(_)))
    }
}

impl Room {
    pub(super) fn new(call: CallId, plain: bool) -> Self {
        Self {
            call,
            relay: relay_of(call, plain),
            plain,
            members: Vec::new(),
            rings: Vec::new(),
            past: Vec::new(),
            expiry: 0,
            awaited: None,
        }
    }

    /// Everybody with a place.
    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.members.iter().chain(self.rings.iter().flat_map(|ring| &ring.places))
    }

    pub(super) fn place(&self, device: Device) -> Option<&Place> {
        self.places().find(|place| place.user.device == device)
    }

    pub(super) fn place_mut(&mut self, device: Device) -> Option<&mut Place> {
        let ringing = self.rings.iter_mut().flat_map(|ring| &mut ring.places);
        self.members.iter_mut().chain(ringing).find(|place| place.user.device == device)
    }

    pub(super) fn is_member(&self, device: Device) -> bool {
        self.members.iter().any(|place| place.user.device == device)
    }

    /// Whether the device has or had a place.
    pub(super) fn knows(&self, device: Device) -> bool {
        self.place(device).is_some() || self.past.iter().any(|(past, _)| *past == device)
    }

    /// Whether the stream was somebody's who is out.
    pub(super) fn is_past(&self, ssrc: Ssrc) -> bool {
        self.past.iter().any(|(_, past)| *past == ssrc)
    }

    pub(super) fn is_taken(&self, ssrc: Ssrc) -> bool {
        self.is_past(ssrc) || self.places().any(|place| place.ssrc == ssrc)
    }

    pub(super) fn remember(&mut self, place: &Place) {
        if self.past.len() >= PAST_MEMBERS_MAX {
            self.past.remove(0);
        }
        self.past.push((place.user.device, place.ssrc));
    }

    /// Takes the ring that rings `device`.
    pub(super) fn take_ring(&mut self, device: Device) -> Option<Ring> {
        let rung = |ring: &Ring| ring.places.iter().any(|place| place.user.device == device);
        self.rings.iter().position(rung).map(|n| self.rings.remove(n))
    }

    /// Takes the member.
    pub(super) fn take_member(&mut self, device: Device) -> Option<Place> {
        let at = self.members.iter().position(|place| place.user.device == device);
        at.map(|n| self.members.remove(n))
    }

    /// A device that was away for too long.
    pub(super) fn lost(&self, now: Time) -> Option<Device> {
        let is_lost = |place: &&Place| place.away_until.is_some_and(|until| until <= now);
        self.places().find(is_lost).map(|place| place.user.device)
    }

    /// A guest whose place the relay forgets soon.
    pub(super) fn outdated(&self, now: Time) -> Option<Device> {
        let is_outdated = |place: &&Place| place.renew_at.is_some_and(|at| at <= now);
        self.members.iter().find(is_outdated).map(|place| place.user.device)
    }

    /// Whether nobody is left to talk to.
    pub(super) fn is_over(&self) -> bool {
        match self.members.len() + self.missing().count() {
            0 => true,
            1 => self.rings.is_empty(),
            _ => false,
        }
    }

    /// Those who may come back, by name: which of somebody's devices it will be is not known.
    fn missing(&self) -> impl Iterator<Item = &Name> {
        let members = self.awaited.iter().flat_map(|awaited| &awaited.members);
        let names: BTreeSet<&Name> = members.map(|member| &member.name).collect();
        names.into_iter().filter(|name| self.members.iter().all(|place| place.user.name != **name))
    }

    /// The streams that `grant` lists may come back too.
    pub(super) fn await_members(&mut self, grant: &Grant) {
        let Some(awaited) = &mut self.awaited else { return };
        for member in Awaited::members_of(grant) {
            let is_new = awaited.members.iter().all(|known| known.ssrc != member.ssrc);
            if is_new && awaited.members.len() < MEMBERS_MAX {
                awaited.members.push(member.clone());
            }
        }
    }

    /// What `device` needs to take part; its place is there.
    pub(super) fn grant(&self, device: Device, relay_key: &[u8; 32]) -> Option<Grant> {
        let own = self.place(device)?;
        let others = self.places().filter(|place| place.user.device != device);
        // What is said in a call that is not encrypted reaches whoever is bound: a ticket is for those who are in.
        let admits = !self.plain || self.is_member(device);
        let ticket = mac::ticket(relay_key, self.relay, own.ssrc, own.expiry);
        Some(Grant {
            call: self.call,
            relay: self.relay,
            ssrc: own.ssrc,
            expiry: own.expiry,
            ticket: if admits { ticket } else { [0; 32] }.into(),
            members: others.filter(|p| p.user.device.account != device.account).map(Place::member).collect(),
            plain: self.plain,
        })
    }

    /// The first time something here is due.
    pub(super) fn due(&self) -> Option<Time> {
        let away = self.places().map(|place| place.away_until).fold(None, earliest);
        let seats = self.members.iter().map(|place| place.renew_at).fold(None, earliest);
        let rings = self.rings.iter().map(|ring| Some(ring.until)).fold(None, earliest);
        earliest(earliest(earliest(away, rings), seats), self.awaited.as_ref().map(|awaited| awaited.until))
    }
}

/// A call's room at the relay.
pub(super) fn relay_of(call: CallId, plain: bool) -> RelayId {
    if plain { mac::plain_relay_id(call) } else { mac::relay_id(call) }
}

impl Place {
    fn member(&self) -> Member {
        Member {
            principal: self.user.principal(),
            name: self.user.name.clone(),
            ssrc: self.ssrc,
            device: self.user.key_device(),
        }
    }
}
