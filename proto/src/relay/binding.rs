//! How a member with a ticket takes its place: BIND and BIND2 of the picture above, and what a ticket must show.

use core::net::SocketAddr;
use core::time::Duration;

use crate::crypto::mac;
use crate::drop::Drop;
use crate::time::{Now, Time, earliest};
use crate::wire::datagram::{Bind, Bound, Cookie, Mac};

use super::strangers::Tokens;
use super::{Member, Output, Relay};

impl Relay {
    pub(super) fn first(&mut self, from: SocketAddr, bytes: &[u8], now: Now) -> Result<Output, Drop> {
        let (bind, signed) = Bind::decode(bytes).ok_or(Drop::Malformed)?;
        self.check_ticket(from, &bind, signed, now)?;
        let cookie = mac::cookie(&self.cookies, from, bind.relay, bind.ssrc, minute(now.mono));
        Ok(Output::Reply { to: from, bytes: Cookie { nonce: bind.proof, cookie }.encode() })
    }

    pub(super) fn second(&mut self, from: SocketAddr, bytes: &[u8], now: Now) -> Result<Output, Drop> {
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
        if !self.charge(from, now) {
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
        if self.address_of(bind.relay, bind.ssrc).is_none() && self.is_full(bind.relay) {
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
        self.rooms.entry(bind.relay).or_default().bound.push((bind.ssrc, from));
        Ok(())
    }
}

fn minute(now: Time) -> u64 {
    now.as_ms() / 60_000
}
