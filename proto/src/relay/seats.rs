//! The places of guests. A client of seed A sends its voice to UDP 8085 from any port and expects the others' at its
//! own port 8085, and its datagrams say nothing of who it is: the address alone tells. So an address has one place,
//! and the newest wins: a guest whose connection broke and who is back must not wait for its own ghost to end.

use core::net::IpAddr;
use std::collections::BTreeMap;

use crate::id::{RelayId, Ssrc};
use crate::time::Time;

/// One guest's place.
struct Seat {
    relay: RelayId,
    ssrc: Ssrc,
    ends: Time,
}

/// All places, by address.
#[derive(Default)]
pub(super) struct Seats(BTreeMap<IpAddr, Seat>);

impl Seats {
    /// Moves the end of a place that is held already; false when it is not.
    pub(super) fn renew(&mut self, relay: RelayId, ssrc: Ssrc, address: IpAddr, ends: Time) -> bool {
        let seat = self.0.get_mut(&address).filter(|seat| (seat.relay, seat.ssrc) == (relay, ssrc));
        seat.map(|seat| seat.ends = ends).is_some()
    }

    pub(super) fn take(&mut self, relay: RelayId, ssrc: Ssrc, address: IpAddr, ends: Time) {
        self.0.insert(address, Seat { relay, ssrc, ends });
    }

    /// Ends a place; returns its room.
    pub(super) fn remove(&mut self, address: IpAddr) -> Option<RelayId> {
        self.0.remove(&address).map(|seat| seat.relay)
    }

    pub(super) fn lapsed(&self, now: Time) -> Vec<IpAddr> {
        self.0.iter().filter(|(_, seat)| seat.ends <= now).map(|(address, _)| *address).collect()
    }

    pub(super) fn first_to_lapse(&self) -> Option<Time> {
        self.0.values().map(|seat| seat.ends).min()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
