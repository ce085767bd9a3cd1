//! What the hub tells the relay: who is out, which room is over, and where guests of plain protocols sit.

use core::net::IpAddr;
use core::time::Duration;

use crate::drop::Drop;
use crate::id::{RelayId, Ssrc};
use crate::limits::REVOCATIONS_MAX;
use crate::time::{Now, earliest};

use super::Relay;
use super::seats::Seat;

/// What the hub tells the relay. Of members with tickets it tells removals only: a valid ticket alone admits, so that
/// a restarted server needs no state. Guests of plain protocols have no tickets, so their places are told; a restart
/// ends their connections, and with them their calls.
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
    /// A guest of a plain protocol has a place until `expiry`, or until it is removed. Said again it renews. An
    /// address has one place, since such a guest is known by nothing else: a second one is refused.
    Seat {
        /// The room.
        relay: RelayId,
        /// The stream that its voice becomes.
        ssrc: Ssrc,
        /// Where its connection comes from: the proof that it can receive there.
        address: IpAddr,
        /// When the place ends, seconds since 1970.
        expiry: u32,
    },
}

impl Relay {
    pub(super) fn change(&mut self, change: &Change, now: Now) -> Result<(), Drop> {
        match *change {
            Change::Remove { relay, ssrc, expiry } => {
                self.revoke((relay, Some(ssrc)), expiry, now);
                if let Some(address) = self.address_of(relay, ssrc) {
                    self.leave(address);
                }
                if let Some(address) = self.seat_of(relay, ssrc) {
                    self.unseat(address);
                }
            }
            Change::Close { relay, expiry } => {
                self.revoke((relay, None), expiry, now);
                let room = self.rooms.remove(&relay).unwrap_or_default();
                for (_, address) in room.bound {
                    self.members.remove(&address);
                }
                for (_, address) in room.seated {
                    self.seats.remove(address);
                }
            }
            Change::Seat { relay, ssrc, address, expiry } => {
                return self.seat(relay, ssrc, address.to_canonical(), expiry, now);
            }
        }
        Ok(())
    }

    /// The hub bounds its calls by the same limits and gives no address two places, so a place that is refused here
    /// is one it never gives.
    fn seat(
        &mut self,
        relay: RelayId,
        ssrc: Ssrc,
        address: IpAddr,
        expiry: u32,
        now: Now,
    ) -> Result<(), Drop> {
        let left = expiry.saturating_sub(now.wall.as_secs_u32());
        if left == 0 {
            return Err(Drop::Expired);
        }
        let ends = now.mono + Duration::from_secs(u64::from(left));
        if self.seats.renew(relay, ssrc, address, ends) {
            self.sweep = earliest(self.sweep, Some(ends));
            return Ok(());
        }
        if self.seats.of(address).is_some() {
            // What the one says would be heard as the other's, in a room it is not in.
            return Err(Drop::Impostor);
        }
        if let Some(old) = self.seat_of(relay, ssrc) {
            self.unseat(old);
        }
        if self.is_full(relay) {
            return Err(Drop::Full);
        }
        self.sweep = earliest(self.sweep, Some(ends));
        let seat = Seat::new(relay, ssrc, ends, self.limits.per_guest, now.mono, &mut self.rng);
        self.seats.take(address, seat);
        self.rooms.entry(relay).or_default().seated.push((ssrc, address));
        Ok(())
    }

    pub(super) fn seat_of(&self, relay: RelayId, ssrc: Ssrc) -> Option<IpAddr> {
        let room = self.rooms.get(&relay)?;
        room.seated.iter().find(|(one, _)| *one == ssrc).map(|(_, address)| *address)
    }

    pub(super) fn unseat(&mut self, address: IpAddr) {
        let Some(relay) = self.seats.remove(address) else { return };
        self.leave_room(relay, |room| room.seated.retain(|(_, one)| *one != address));
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
}
