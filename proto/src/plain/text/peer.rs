//! One connection to another client of seed B: packets in, packets out, and when it is to be closed.

use core::net::SocketAddr;

use crate::drop::Drop;
use crate::limits::{LOGIN_TIME_MAX, TEXT_CLOSE_AFTER};
use crate::plain::base::Base;
use crate::plain::paced::{Gathered, Paced};
use crate::plain::text::cut::{BETWEEN, cut, whole};
use crate::plain::{Output, PeerId, PeerOutput};
use crate::time::{Time, earliest};
use crate::wire::text::Between;

/// One connection.
#[derive(Debug)]
pub(super) struct Peer {
    id: PeerId,
    /// The other end; of one that we dialled, where we dialled.
    pub(super) address: SocketAddr,
    gathered: Gathered,
    paced: Paced,
    /// Closed then: it has not said who calls, or all is said.
    close_at: Option<Time>,
    leaving: bool,
}

impl Peer {
    /// Somebody connected; they say who they are soon, or go.
    pub(super) fn came(id: PeerId, address: SocketAddr, now: Time) -> Self {
        Self { close_at: Some(now + LOGIN_TIME_MAX), ..Self::dialled(id, address) }
    }

    /// We connect.
    pub(super) fn dialled(id: PeerId, address: SocketAddr) -> Self {
        let (gathered, paced) = (Gathered::default(), Paced::default());
        Self { id, address, gathered, paced, close_at: None, leaving: false }
    }

    pub(super) fn say(&mut self, said: &Between, base: &mut Base) {
        if !self.paced.push(said.encode()) {
            base.drop(Drop::Full);
        }
    }

    /// It has a call to talk about, and stays.
    pub(super) fn stay(&mut self) {
        self.close_at = None;
    }

    /// All is said; closed when it has gone and was read.
    pub(super) fn leave(&mut self, now: Time) {
        self.leaving = true;
        self.close_at = Some(self.paced.over_at(now) + TEXT_CLOSE_AFTER);
    }

    /// Whether it is only open for what is still to be said.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// Takes what they said; false when it is too much.
    pub(super) fn take(&mut self, bytes: &[u8], now: Time) -> bool {
        self.gathered.take(bytes, now)
    }

    /// What they said, once they paused or went on; at the end, what is left.
    pub(super) fn heard(&mut self, now: Time, at_end: bool, base: &mut Base) -> Vec<Between> {
        let gathered = if at_end { self.gathered.rest() } else { self.gathered.paused(now) };
        let gathered = gathered.or_else(|| self.gathered.first(whole(self.gathered.so_far(), BETWEEN)));
        let mut said = Vec::new();
        for packet in cut(&gathered.unwrap_or_default(), BETWEEN) {
            match Between::decode(&packet) {
                Ok(packet) => said.push(packet),
                Err(_) => base.drop(Drop::Malformed),
            }
        }
        said
    }

    /// Whether it is to be closed now.
    pub(super) fn is_over(&self, now: Time) -> bool {
        self.close_at.is_some_and(|at| now >= at)
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        earliest(self.close_at, earliest(self.gathered.deadline(), self.paced.deadline()))
    }

    /// Hands on what is to be said now.
    pub(super) fn flush(&mut self, base: &mut Base, now: Time) {
        while let Some(packet) = self.paced.next(now) {
            base.out.push_back(Output::Peer(self.id, PeerOutput::Stream(packet)));
        }
    }
}
