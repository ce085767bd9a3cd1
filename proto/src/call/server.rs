//! What the server says of a call: rooms, rings, members. It owns who is in; it opens no sound.

use crate::call::Call;
use crate::call::phase::{Announced, Asked, EndReason, Phase, Room, Tell};
use crate::crypto::envelope::{Body, CODEC_OPUS, Offer, roster_hash};
use crate::drop::Drop;
use crate::id::{CallId, Fingerprint, Name, Principal};
use crate::limits::{ANNOUNCED_MAX, MEMBERS_MAX, RING_TIME_MAX, TICKET_LIFE};
use crate::time::Time;
use crate::wire::record::{Grant, MemberState, Why};

impl Call {
    pub(super) fn granted(&mut self, grant: Grant, now: Time) {
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
    pub(super) fn called(&mut self, to: Name, account: Fingerprint, room: Room, now: Time) {
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

    pub(super) fn roster(&self, room: &Room) -> minicbor::bytes::ByteArray<32> {
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

    pub(super) fn rung_by(&mut self, name: Name, now: Time) {
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
    pub(super) fn ring_next(&mut self, now: Time) {
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

    pub(super) fn member(&mut self, call: CallId, name: &Name, state: MemberState) {
        let over = match state {
            MemberState::Ringing | MemberState::Joined | MemberState::Busy | MemberState::Declined => false,
            MemberState::NoAnswer | MemberState::Left | MemberState::Gone | MemberState::Taken => true,
        };
        if over {
            self.announced.remove(&call);
        }
        if self.ended.contains(&call) {
            return;
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

    pub(super) fn refused(&mut self, asked: Asked, why: Why, text: String) {
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
}
