//! The relay: forwards sealed datagrams between the bound members of a room, and opens none.

use core::net::SocketAddr;

use crate::drop::Drop;
use crate::id::{RelayId, Ssrc};

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
        bytes: Vec<u8>,
    },
    /// Something that came in was not used.
    Drop(Drop),
}
