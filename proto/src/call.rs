//! One call at a time, from the first ring to the last word.
//!
//! ```text
//! caller  Idle ─ call ─▶ Placing ─ 358 ─▶ Calling ─ sealed ACCEPT ─▶ Live
//! callee  Idle ─ 358 + 211 + sealed OFFER ─▶ Ringing ─ a human's yes ─▶ Accepting ─ sealed KEY ─▶ Live
//! ```
//!
//! The server's codes own membership and busy; the sealed ACCEPT and KEY alone open sound. Until a human said yes
//! the agent is told `Bind` and nothing else, so a ringing device has neither microphone nor key (native.md
//! section 5). A lost connection changes nothing here: the call lives at its ends and takes its place at the
//! server again when that is back. It ends on the first of: a sealed HANGUP, one in the sealed media, 359 `left`,
//! and 15 s without a packet that could be opened.

use core::net::SocketAddr;
use std::collections::{BTreeMap, VecDeque};

use crate::crypto::envelope::{Body, CODEC_OPUS};
use crate::drop::Drop;
use crate::id::{CallId, DeviceId, Fingerprint, Name};
use crate::limits::{ANNOUNCED_MAX, CALL_RESEND_AFTER, MEDIA_SILENCE_MAX, PLACE_TIME_MAX};
use crate::media::{CallCommand, CallEvent, Place};
use crate::time::{Time, earliest};
use crate::wire::record::{Renew, Why};
use crate::wire::request::Request;

mod phase;
mod sealed;
mod server;

pub use phase::EndReason;
pub(crate) use phase::{Act, Asked, Effect, Speaker, Tell};
use phase::{Announced, Peer, Phase, Room};

/// The call of one client.
#[derive(Debug)]
pub(crate) struct Call {
    account: Fingerprint,
    phase: Phase,
    announced: BTreeMap<CallId, Announced>,
    /// Who rings us, by 211, and until when that is believed.
    rung: BTreeMap<Name, Time>,
    /// The relay, once logged in; stays while away.
    relay: Option<SocketAddr>,
    online: bool,
    /// Calls left while the connection was away.
    owed: VecDeque<CallId>,
    /// The latest calls that are over here. What the server still says of them is not about the next one.
    ended: VecDeque<CallId>,
    out: VecDeque<Effect>,
}

impl Call {
    pub(crate) fn new(account: Fingerprint) -> Self {
        Self {
            account,
            phase: Phase::Idle,
            announced: BTreeMap::new(),
            rung: BTreeMap::new(),
            relay: None,
            online: false,
            owed: VecDeque::new(),
            ended: VecDeque::new(),
            out: VecDeque::new(),
        }
    }

    pub(crate) fn handle(&mut self, act: Act, now: Time) {
        match act {
            Act::Place { to, account } => self.place(to, account, now),
            Act::Answer => self.answer(now),
            Act::Decline => self.decline(),
            Act::HangUp => self.hang_up(),
            Act::Granted(grant) => self.granted(grant, now),
            Act::Rung(name) => self.rung_by(name, now),
            Act::Member { call, name, state } => self.member(call, &name, state),
            Act::Refused(asked, why, text) => self.refused(asked, why, text),
            Act::Said { by, body } => self.said(&by, body, now),
            Act::Unsealed(call, device) => self.unsealed(call, device),
            Act::Media(event) => self.media(event),
            Act::Online(relay) => self.back(relay),
            Act::Offline => self.offline(),
            Act::Timeout => self.timeout(now),
        }
        self.ring_next(now);
    }

    pub(crate) fn poll(&mut self) -> Option<Effect> {
        self.out.pop_front()
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        let own = match &self.phase {
            Phase::Idle => None,
            Phase::Placing { until, .. } | Phase::Ringing { until, .. } => Some(*until),
            Phase::Calling { room, until, .. } => earliest(Some(*until), self.renew_at(room)),
            Phase::Accepting { room, again_at, until, .. } => {
                earliest(Some(*until), earliest(self.online.then_some(*again_at), self.renew_at(room)))
            }
            Phase::Live { room, .. } => self.renew_at(room),
        };
        let waiting = self.announced.values().map(|a| a.until).chain(self.rung.values().copied()).min();
        earliest(own, waiting)
    }

    /// Whether a call is being made, rings, or is up.
    pub(crate) fn is_busy(&self) -> bool {
        !matches!(self.phase, Phase::Idle)
    }

    fn renew_at(&self, room: &Room) -> Option<Time> {
        self.online.then_some(room.renew_at)
    }

    // --- what the user wants ---

    fn place(&mut self, to: Name, account: Fingerprint, now: Time) {
        match &self.phase {
            // Calling somebody who rings is answering.
            Phase::Ringing { caller, .. } if caller.account == account => return self.answer(now),
            Phase::Idle => {}
            Phase::Placing { .. }
            | Phase::Calling { .. }
            | Phase::Ringing { .. }
            | Phase::Accepting { .. }
            | Phase::Live { .. } => {
                return self.refuse(Why::InCall, format!("cannot call {to}: hang up the other call first"));
            }
        }
        self.out.push_back(Effect::Ask(Asked::Call, Request::Call(vec![to.clone()])));
        self.tell(Tell::Calling(to.clone()));
        self.phase = Phase::Placing { to, account, until: now + PLACE_TIME_MAX };
        self.cross(now);
    }

    /// They rang us when we called them: their room is the one that counts, and their offer is on its way.
    fn cross(&mut self, now: Time) {
        let Phase::Placing { to, account, .. } = &self.phase else { return };
        let (to, account) = (to.clone(), *account);
        if !self.rung.contains_key(&to) {
            return;
        }
        let theirs = self.announced.iter().find(|(_, a)| !a.room.devices(account).is_empty());
        let Some(call) = theirs.map(|(call, _)| *call) else { return };
        if let Some(Announced { room, .. }) = self.announced.remove(&call) {
            self.called(to, account, room, now);
        }
    }

    fn answer(&mut self, now: Time) {
        let Phase::Ringing { caller, room, .. } = &self.phase else {
            return self.refuse(Why::NoCall, "nobody is calling".into());
        };
        let (peer, room) = (caller.clone(), room.clone());
        self.out.push_back(Effect::Ask(Asked::Accept, Request::AcceptCall(Some(room.call()))));
        self.accept(peer, room, now);
    }

    /// A human said yes: only here does the callee's side ask for a key and a microphone.
    fn accept(&mut self, peer: Peer, room: Room, now: Time) {
        self.out.push_back(Effect::Settled);
        self.out.push_back(Effect::Media(CallCommand::Open(room.call())));
        let (again_at, until) = (now + CALL_RESEND_AFTER, now + MEDIA_SILENCE_MAX);
        self.phase = Phase::Accepting { peer, room, again_at, until };
    }

    fn decline(&mut self) {
        match self.phase {
            Phase::Ringing { .. } => self.end(EndReason::HungUp),
            Phase::Idle
            | Phase::Placing { .. }
            | Phase::Calling { .. }
            | Phase::Accepting { .. }
            | Phase::Live { .. } => self.refuse(Why::NoCall, "nobody is calling".into()),
        }
    }

    fn hang_up(&mut self) {
        match self.phase {
            Phase::Idle => self.refuse(Why::NoCall, "there is no call to hang up".into()),
            Phase::Placing { .. }
            | Phase::Calling { .. }
            | Phase::Ringing { .. }
            | Phase::Accepting { .. }
            | Phase::Live { .. } => self.end(EndReason::HungUp),
        }
    }

    // --- what the media machine says ---

    fn media(&mut self, event: CallEvent) {
        match event {
            CallEvent::Bound(_) | CallEvent::Quiet { .. } => {}
            CallEvent::Key { call, generation, step: _, base_key } => {
                self.own_key(call, generation, base_key)
            }
            CallEvent::Heard { call, ssrc } => {
                if let Some(peer) = self.talking(call).filter(|peer| peer.ssrc == ssrc) {
                    let name = peer.name.clone();
                    self.tell(Tell::Heard(name));
                }
            }
            CallEvent::HungUp { call, ssrc } => {
                if self.talking(call).is_some_and(|peer| peer.ssrc == ssrc) {
                    self.end(EndReason::TheyHungUp);
                }
            }
            CallEvent::Silent(call) => {
                if self.talking(call).is_some() {
                    self.end(EndReason::Lost);
                }
            }
        }
    }

    /// Seals our new sender key for the other end; it is kept nowhere else.
    fn own_key(&mut self, call: CallId, generation: u8, base_key: crate::media::BaseKey) {
        match &self.phase {
            Phase::Accepting { peer, room, .. } if room.call() == call => {
                let (account, device) = (peer.account, peer.device);
                let body = Body::Accept { call, base_key, codec: CODEC_OPUS };
                self.seal(call, account, device, body, true);
            }
            Phase::Live { peer, room } if room.call() == call => {
                // Kept while the call lasts: they say their yes again until they have it.
                let (account, device) = (peer.account, peer.device);
                self.out.push_back(Effect::Settled);
                self.seal(call, account, device, Body::Key { call, generation, step: 0, base_key }, true);
            }
            // The call ended while the key was being drawn.
            Phase::Idle
            | Phase::Placing { .. }
            | Phase::Calling { .. }
            | Phase::Ringing { .. }
            | Phase::Accepting { .. }
            | Phase::Live { .. } => {}
        }
    }

    fn talking(&self, call: CallId) -> Option<&Peer> {
        match &self.phase {
            Phase::Accepting { peer, room, .. } | Phase::Live { peer, room } if room.call() == call => {
                Some(peer)
            }
            Phase::Idle
            | Phase::Placing { .. }
            | Phase::Calling { .. }
            | Phase::Ringing { .. }
            | Phase::Accepting { .. }
            | Phase::Live { .. } => None,
        }
    }

    // --- the connection and time ---

    /// Logged in, the first time or again: takes the call's place at the server again, and says what was owed.
    fn back(&mut self, relay: SocketAddr) {
        self.online = true;
        let moved = self.relay.replace(relay).is_some_and(|before| before != relay);
        while let Some(call) = self.owed.pop_front() {
            self.out.push_back(Effect::Send(Request::HangUp(Some(call))));
        }
        match &self.phase {
            Phase::Idle | Phase::Placing { .. } => {}
            // A ringing device too: a restarted server takes its 101 only if it knows the place.
            Phase::Calling { room, .. }
            | Phase::Ringing { room, .. }
            | Phase::Accepting { room, .. }
            | Phase::Live { room, .. } => {
                let room = room.clone();
                self.out.push_back(Effect::Ask(Asked::Rejoin, Request::Rejoin(Box::new(room.grant.clone()))));
                self.out.push_back(Effect::Resend);
                if moved {
                    self.bind(&room);
                }
            }
        }
    }

    fn offline(&mut self) {
        self.online = false;
        self.rung.clear();
        self.announced.clear();
        if matches!(self.phase, Phase::Placing { .. }) {
            self.end(EndReason::Failed);
        }
    }

    fn timeout(&mut self, now: Time) {
        self.announced.retain(|_, a| a.until > now);
        self.rung.retain(|_, until| *until > now);
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Placing { until, .. } if *until <= now => self.end(EndReason::Failed),
            Phase::Calling { until, .. } if *until <= now => self.end(EndReason::NoAnswer),
            Phase::Ringing { until, .. } if *until <= now => self.end(EndReason::Missed),
            Phase::Accepting { until, .. } if *until <= now => self.end(EndReason::Failed),
            Phase::Placing { .. } | Phase::Ringing { .. } => {}
            Phase::Accepting { again_at, .. } if self.online && *again_at <= now => {
                *again_at = now + CALL_RESEND_AFTER;
                self.out.push_back(Effect::Resend);
            }
            Phase::Calling { room, .. } | Phase::Accepting { room, .. } | Phase::Live { room, .. } => {
                if self.online && room.renew_at <= now {
                    room.renew_at = now + PLACE_TIME_MAX;
                    self.out.push_back(Effect::Send(Request::Renew(Renew { call: room.call() })));
                }
            }
        }
    }

    // --- endings ---

    /// Ends what is going on, and says so to whoever does not know yet.
    fn end(&mut self, reason: EndReason) {
        let over = core::mem::replace(&mut self.phase, Phase::Idle);
        self.remember(over.room());
        let with = match over {
            Phase::Idle => return,
            Phase::Placing { to, .. } => {
                if self.online {
                    self.out.push_back(Effect::Send(Request::HangUp(None)));
                }
                to
            }
            Phase::Calling { to, account, room, .. } => {
                for device in room.devices(account) {
                    self.farewell(room.call(), account, device, reason);
                }
                self.leave(room.call());
                self.out.push_back(Effect::Media(CallCommand::Close(room.call())));
                to
            }
            Phase::Ringing { caller, room, .. } => {
                if reason == EndReason::HungUp && self.online {
                    self.out.push_back(Effect::Send(Request::RejectCall(Some(room.call()))));
                }
                self.out.push_back(Effect::Media(CallCommand::Close(room.call())));
                caller.name
            }
            Phase::Accepting { peer, room, .. } | Phase::Live { peer, room } => {
                self.farewell(room.call(), peer.account, peer.device, reason);
                self.leave(room.call());
                self.out.push_back(Effect::Media(CallCommand::Close(room.call())));
                peer.name
            }
        };
        self.out.push_back(Effect::Settled);
        self.tell(Tell::Ended { with, reason });
    }

    fn remember(&mut self, room: Option<&Room>) {
        let Some(room) = room else { return };
        if self.ended.len() >= ANNOUNCED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(room.call());
    }

    /// 103, now or when the server is back.
    fn leave(&mut self, call: CallId) {
        if self.online {
            return self.out.push_back(Effect::Send(Request::HangUp(Some(call))));
        }
        if self.owed.len() < ANNOUNCED_MAX {
            self.owed.push_back(call);
        }
    }

    /// The sealed HANGUP, unless they said it first.
    fn farewell(&mut self, call: CallId, account: Fingerprint, device: DeviceId, reason: EndReason) {
        match reason {
            EndReason::HungUp
            | EndReason::NoAnswer
            | EndReason::Lost
            | EndReason::Failed
            | EndReason::Gone => {
                self.seal(call, account, device, Body::HangUp(call), false);
            }
            EndReason::TheyHungUp
            | EndReason::Declined
            | EndReason::Busy
            | EndReason::Taken
            | EndReason::Missed => {}
        }
    }

    fn bind(&mut self, room: &Room) {
        let Some(relay_addr) = self.relay else { return };
        let place = Place {
            call: room.call(),
            relay_addr,
            relay: room.grant.relay,
            ssrc: room.grant.ssrc,
            expiry: room.grant.expiry,
            ticket: *room.grant.ticket,
        };
        self.out.push_back(Effect::Media(CallCommand::Bind(place)));
    }

    fn seal(&mut self, call: CallId, to: Fingerprint, device: DeviceId, body: Body, keep: bool) {
        self.out.push_back(Effect::Seal { call, to, device, body, keep });
    }

    fn tell(&mut self, tell: Tell) {
        self.out.push_back(Effect::Tell(tell));
    }

    fn refuse(&mut self, why: Why, text: String) {
        self.tell(Tell::Refused { why, text });
    }

    fn drop(&mut self, why: Drop) {
        self.out.push_back(Effect::Drop(why));
    }

    /// What must always hold.
    pub(crate) fn check_invariants(&self) -> Result<(), String> {
        let bounded = [self.announced.len(), self.rung.len(), self.owed.len(), self.ended.len()];
        if bounded.into_iter().any(|n| n > ANNOUNCED_MAX) {
            return Err("a call table is beyond its limit".into());
        }
        Ok(())
    }
}
