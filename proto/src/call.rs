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

use crate::crypto::envelope::{Body, CODEC_OPUS, Offer, roster_hash};
use crate::drop::Drop;
use crate::id::{CallId, DeviceId, Fingerprint, Name, Principal};
use crate::limits::{
    ANNOUNCED_MAX, CALL_RESEND_AFTER, MEDIA_SILENCE_MAX, MEMBERS_MAX, PLACE_TIME_MAX, RING_TIME_MAX,
    TICKET_LIFE,
};
use crate::media::{CallCommand, CallEvent, Place};
use crate::time::{Time, earliest};
use crate::wire::record::{Grant, MemberState, Renew, Why};
use crate::wire::request::Request;

mod phase;

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

    // --- what the server says ---

    fn granted(&mut self, grant: Grant, now: Time) {
        if grant.members.len() > MEMBERS_MAX {
            return self.drop(Drop::Oversized);
        }
        let mut fresh = Room { grant, renew_at: now + TICKET_LIFE / 2 };
        match &mut self.phase {
            Phase::Placing { to, account, .. } if !fresh.devices(*account).is_empty() => {
                let (to, account) = (to.clone(), *account);
                self.called(to, account, fresh, now);
            }
            Phase::Calling { room, .. }
            | Phase::Ringing { room, .. }
            | Phase::Accepting { room, .. }
            | Phase::Live { room, .. }
                if room.call() == fresh.call() =>
            {
                // A newer ticket for the same place. Who is in the call was settled by sealed words.
                core::mem::swap(&mut fresh.grant.members, &mut room.grant.members);
                *room = fresh.clone();
                self.bind(&fresh);
            }
            Phase::Idle
            | Phase::Placing { .. }
            | Phase::Calling { .. }
            | Phase::Ringing { .. }
            | Phase::Accepting { .. }
            | Phase::Live { .. } => self.announce(fresh, now),
        }
    }

    /// Our call has its room: bind, and make the offers. When they called us at the same moment, theirs counts.
    fn called(&mut self, to: Name, account: Fingerprint, room: Room, now: Time) {
        self.bind(&room);
        let crossed = self.rung.contains_key(&to);
        if !crossed {
            self.offer(account, &room);
        }
        let until = now + RING_TIME_MAX;
        self.phase = Phase::Calling { to, account, room, rings: false, crossed, until };
    }

    fn offer(&mut self, account: Fingerprint, room: &Room) {
        let offer = Offer {
            call: room.call(),
            codecs: vec![CODEC_OPUS],
            frames_ms: vec![20, 10, 5],
            roster: self.roster(room),
        };
        for device in room.devices(account) {
            self.seal(room.call(), account, device, Body::Offer(offer.clone()), true);
        }
    }

    fn roster(&self, room: &Room) -> minicbor::bytes::ByteArray<32> {
        let mut accounts = vec![self.account];
        accounts.extend(room.grant.members.iter().filter_map(|m| match &m.principal {
            Principal::Key(fp) => Some(*fp),
            Principal::Guest(_) => None,
        }));
        roster_hash(room.call(), &accounts)
    }

    fn announce(&mut self, room: Room, now: Time) {
        if self.announced.len() >= ANNOUNCED_MAX && !self.announced.contains_key(&room.call()) {
            return self.drop(Drop::Full);
        }
        let until = now + RING_TIME_MAX;
        self.announced.entry(room.call()).or_insert(Announced { room, offer: None, until });
    }

    fn rung_by(&mut self, name: Name, now: Time) {
        if self.rung.len() >= ANNOUNCED_MAX && !self.rung.contains_key(&name) {
            return self.drop(Drop::Full);
        }
        if let Phase::Calling { to, crossed, .. } = &mut self.phase {
            *crossed |= *to == name;
        }
        self.rung.insert(name, now + RING_TIME_MAX);
        self.cross(now);
    }

    /// Rings for an announced call whose offer is here, when nothing else is going on.
    fn ring_next(&mut self, now: Time) {
        if self.is_busy() {
            return;
        }
        let rings =
            |a: &Announced| a.offer.as_ref().is_some_and(|caller| self.rung.contains_key(&caller.name));
        let Some(call) = self.announced.iter().find(|(_, a)| rings(a)).map(|(call, _)| *call) else { return };
        let Some(Announced { room, offer: Some(caller), .. }) = self.announced.remove(&call) else { return };
        self.rung.remove(&caller.name);
        self.bind(&room);
        self.seal(call, caller.account, caller.device, Body::Ringing(call), false);
        self.tell(Tell::Incoming(caller.name.clone()));
        self.phase = Phase::Ringing { caller, room, until: now + RING_TIME_MAX };
    }

    fn member(&mut self, call: CallId, name: &Name, state: MemberState) {
        let over = match state {
            MemberState::Ringing | MemberState::Joined | MemberState::Busy | MemberState::Declined => false,
            MemberState::NoAnswer | MemberState::Left | MemberState::Gone | MemberState::Taken => true,
        };
        if over {
            self.announced.remove(&call);
        }
        match &self.phase {
            // The server may refuse a callee before it has told us the call's id.
            Phase::Placing { to, .. } if to == name => self.callee(state),
            Phase::Calling { to, room, .. } if room.call() == call && to == name => self.callee(state),
            Phase::Ringing { room, .. } if room.call() == call => self.while_ringing(state),
            Phase::Accepting { peer, room, .. } if room.call() == call => {
                let theirs = peer.name == *name;
                self.while_accepting(state, theirs);
            }
            Phase::Live { peer, room } if room.call() == call && peer.name == *name => self.while_live(state),
            Phase::Idle
            | Phase::Placing { .. }
            | Phase::Calling { .. }
            | Phase::Ringing { .. }
            | Phase::Accepting { .. }
            | Phase::Live { .. } => {}
        }
    }

    fn callee(&mut self, state: MemberState) {
        match state {
            MemberState::Busy => self.end(EndReason::Busy),
            MemberState::Declined => self.end(EndReason::Declined),
            MemberState::NoAnswer => self.end(EndReason::NoAnswer),
            MemberState::Gone | MemberState::Left => self.end(EndReason::Gone),
            // Membership; the sealed words say the rest.
            MemberState::Ringing | MemberState::Joined | MemberState::Taken => {}
        }
    }

    fn while_ringing(&mut self, state: MemberState) {
        match state {
            MemberState::Taken | MemberState::Declined => self.end(EndReason::Taken),
            MemberState::Left | MemberState::Gone | MemberState::NoAnswer => self.end(EndReason::Missed),
            MemberState::Ringing | MemberState::Busy | MemberState::Joined => {}
        }
    }

    fn while_accepting(&mut self, state: MemberState, theirs: bool) {
        match state {
            MemberState::Taken => self.end(EndReason::Taken),
            MemberState::NoAnswer => self.end(EndReason::Missed),
            MemberState::Left if theirs => self.end(EndReason::TheyHungUp),
            MemberState::Gone if theirs => self.end(EndReason::Gone),
            MemberState::Left
            | MemberState::Gone
            | MemberState::Ringing
            | MemberState::Busy
            | MemberState::Declined
            | MemberState::Joined => {}
        }
    }

    fn while_live(&mut self, state: MemberState) {
        match state {
            MemberState::Left | MemberState::Declined => self.end(EndReason::TheyHungUp),
            MemberState::Gone => self.end(EndReason::Gone),
            MemberState::Ringing
            | MemberState::Busy
            | MemberState::NoAnswer
            | MemberState::Joined
            | MemberState::Taken => {}
        }
    }

    fn refused(&mut self, asked: Asked, why: Why, text: String) {
        match (asked, &self.phase) {
            (Asked::Call, Phase::Placing { .. }) if why == Why::NobodyRung => self.end(EndReason::Gone),
            (Asked::Call, Phase::Placing { .. }) => {
                self.refuse(why, text);
                self.end(EndReason::Failed);
            }
            (Asked::Accept, Phase::Accepting { .. }) => self.end(EndReason::Missed),
            (Asked::Rejoin, Phase::Live { .. } | Phase::Accepting { .. }) => self.end(EndReason::Lost),
            (Asked::Rejoin, Phase::Ringing { .. }) => self.end(EndReason::Missed),
            (Asked::Rejoin, Phase::Calling { .. }) => self.end(EndReason::Failed),
            (
                Asked::Call | Asked::Accept | Asked::Rejoin,
                Phase::Idle
                | Phase::Placing { .. }
                | Phase::Calling { .. }
                | Phase::Ringing { .. }
                | Phase::Accepting { .. }
                | Phase::Live { .. },
            ) => {}
        }
    }

    // --- what the other end says, sealed ---

    fn said(&mut self, by: &Speaker, body: Body, now: Time) {
        match body {
            Body::Offer(offer) => self.offered(by, &offer, now),
            Body::Ringing(call) => self.rings(by, call),
            Body::Accept { call, base_key, codec } => self.accepted(by, call, base_key, codec),
            Body::Key { call, generation, base_key } => self.keyed(by, call, generation, base_key),
            Body::Taken(call) => self.over(by, call, EndReason::Taken),
            Body::HangUp(call) => self.over(by, call, EndReason::TheyHungUp),
            // Routed elsewhere; a text has no business in a call message.
            Body::Text(_) | Body::Receipt(_) => self.drop(Drop::Malformed),
        }
    }

    fn offered(&mut self, by: &Speaker, offer: &Offer, now: Time) {
        if !offer.codecs.contains(&CODEC_OPUS) {
            return self.drop(Drop::Malformed);
        }
        let roster = |room: &Room| self.roster(room) == offer.roster;
        // They called us while we called them, and their call is the one that counts: our call is our yes.
        if let Phase::Calling { room, account, crossed: true, .. } = &self.phase
            && room.call() == offer.call
            && *account == by.account
        {
            let (true, Some(peer)) = (roster(room), room.peer(by)) else { return self.drop(Drop::Impostor) };
            let room = room.clone();
            self.rung.remove(&by.name);
            return self.accept(peer, room, now);
        }
        let Some(announced) = self.announced.get(&offer.call) else { return self.drop(Drop::NoCall) };
        if announced.offer.is_some() {
            return self.drop(Drop::OutOfTurn);
        }
        let (true, Some(peer)) = (roster(&announced.room), announced.room.peer(by)) else {
            return self.drop(Drop::Impostor);
        };
        if let Some(announced) = self.announced.get_mut(&offer.call) {
            announced.offer = Some(peer);
        }
    }

    fn rings(&mut self, by: &Speaker, call: CallId) {
        match &mut self.phase {
            Phase::Calling { to, account, room, rings, .. }
                if room.call() == call && *account == by.account && !*rings =>
            {
                *rings = true;
                let to = to.clone();
                self.tell(Tell::Ringing(to));
            }
            Phase::Calling { room, .. } if room.call() == call => {}
            Phase::Idle
            | Phase::Placing { .. }
            | Phase::Calling { .. }
            | Phase::Ringing { .. }
            | Phase::Accepting { .. }
            | Phase::Live { .. } => self.drop(Drop::OutOfTurn),
        }
    }

    /// The callee's yes: listen, open, and tell their other devices. Our key follows as soon as it is drawn.
    fn accepted(&mut self, by: &Speaker, call: CallId, base_key: crate::media::BaseKey, codec: u8) {
        let Phase::Calling { account, room, .. } = &self.phase else { return self.drop(Drop::OutOfTurn) };
        if room.call() != call || *account != by.account {
            return self.drop(Drop::NoCall);
        }
        let (true, Some(peer)) = (codec == CODEC_OPUS, room.peer(by)) else {
            return self.drop(Drop::Malformed);
        };
        let room = room.clone();
        self.out.push_back(Effect::Settled);
        self.out.push_back(Effect::Media(CallCommand::Open(call)));
        self.listen(call, &peer, 0, base_key);
        for device in room.devices(by.account).into_iter().filter(|d| *d != by.device) {
            self.seal(call, by.account, device, Body::Taken(call), false);
        }
        self.tell(Tell::Live { with: peer.name.clone(), ssrc: peer.ssrc });
        self.phase = Phase::Live { peer, room };
    }

    fn keyed(&mut self, by: &Speaker, call: CallId, generation: u8, base_key: crate::media::BaseKey) {
        match &self.phase {
            Phase::Accepting { peer, room, .. } if room.call() == call && peer.is(by) => {
                let (peer, room) = (peer.clone(), room.clone());
                self.listen(call, &peer, generation, base_key);
                self.out.push_back(Effect::Settled);
                self.tell(Tell::Live { with: peer.name.clone(), ssrc: peer.ssrc });
                self.phase = Phase::Live { peer, room };
            }
            Phase::Live { peer, room } if room.call() == call && peer.is(by) => {
                let peer = peer.clone();
                self.listen(call, &peer, generation, base_key);
            }
            Phase::Idle
            | Phase::Placing { .. }
            | Phase::Calling { .. }
            | Phase::Ringing { .. }
            | Phase::Accepting { .. }
            | Phase::Live { .. } => self.drop(Drop::OutOfTurn),
        }
    }

    fn listen(&mut self, call: CallId, peer: &Peer, generation: u8, base_key: crate::media::BaseKey) {
        let listen = CallCommand::Listen { call, ssrc: peer.ssrc, generation, base_key };
        self.out.push_back(Effect::Media(listen));
    }

    /// TAKEN or HANGUP.
    fn over(&mut self, by: &Speaker, call: CallId, reason: EndReason) {
        let announced = |a: &Announced| a.offer.as_ref().is_some_and(|peer| peer.is(by));
        if self.announced.get(&call).is_some_and(announced) {
            self.announced.remove(&call);
            return;
        }
        match &self.phase {
            Phase::Ringing { caller, room, .. } if room.call() == call && caller.is(by) => {
                self.end(if reason == EndReason::Taken { reason } else { EndReason::Missed });
            }
            Phase::Accepting { peer, room, .. } | Phase::Live { peer, room }
                if room.call() == call && peer.is(by) =>
            {
                self.end(reason);
            }
            Phase::Idle
            | Phase::Placing { .. }
            | Phase::Calling { .. }
            | Phase::Ringing { .. }
            | Phase::Accepting { .. }
            | Phase::Live { .. } => self.drop(Drop::NoCall),
        }
    }

    /// A device of theirs cannot be reached sealed; when none can, there is no call.
    fn unsealed(&mut self, call: CallId, device: DeviceId) {
        let Phase::Calling { account, room, .. } = &mut self.phase else { return };
        if room.call() != call {
            return;
        }
        room.grant.members.retain(|m| m.device != Some(device));
        if room.devices(*account).is_empty() {
            self.refuse(Why::Other, "no secure session with them could be made; try again".into());
            self.end(EndReason::Failed);
        }
    }

    // --- what the media machine says ---

    fn media(&mut self, event: CallEvent) {
        match event {
            CallEvent::Bound(_) => {}
            CallEvent::Key { call, generation, base_key } => self.own_key(call, generation, base_key),
            CallEvent::Heard { call, ssrc } => {
                if let Some(peer) = self.talking(call).filter(|peer| peer.ssrc == ssrc) {
                    let name = peer.name.clone();
                    self.out.push_back(Effect::Settled);
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
                let (account, device) = (peer.account, peer.device);
                self.seal(call, account, device, Body::Key { call, generation, base_key }, true);
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
        let bounded = [self.announced.len(), self.rung.len(), self.owed.len()];
        if bounded.into_iter().any(|n| n > ANNOUNCED_MAX) {
            return Err("a call table is beyond its limit".into());
        }
        Ok(())
    }
}
