//! What the other end says, sealed: only these words, and the human's, open sound. Who says them was held against
//! the signed device list before they came here.

use crate::call::Call;
use crate::call::phase::{Announced, Effect, EndReason, Peer, Phase, Room, Speaker, Tell};
use crate::crypto::envelope::{Body, CODEC_OPUS, Offer};
use crate::drop::Drop;
use crate::id::{CallId, DeviceId};
use crate::media::{BaseKey, CallCommand};
use crate::time::Time;
use crate::wire::record::Why;

impl Call {
    pub(super) fn said(&mut self, by: &Speaker, body: Body, now: Time) {
        match body {
            Body::Offer(offer) => self.offered(by, &offer, now),
            Body::Ringing(call) => self.rings(by, call),
            Body::Accept { call, base_key, codec } => self.accepted(by, call, base_key, codec),
            Body::Key { call, generation, step: _, base_key } => self.keyed(by, call, generation, base_key),
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
    fn accepted(&mut self, by: &Speaker, call: CallId, base_key: BaseKey, codec: u8) {
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

    fn keyed(&mut self, by: &Speaker, call: CallId, generation: u8, base_key: BaseKey) {
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

    fn listen(&mut self, call: CallId, peer: &Peer, generation: u8, base_key: BaseKey) {
        let listen = CallCommand::Listen { call, ssrc: peer.ssrc, generation, step: 0, base_key };
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
    pub(super) fn unsealed(&mut self, call: CallId, device: DeviceId) {
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
}
