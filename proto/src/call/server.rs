//! What the server says of a call: rooms, rings, members. It owns who is in; it opens no sound.

use crate::call::Call;
use crate::call::party::{Meeting, Party, Stage};
use crate::call::phase::{
    Announced, Asked, Effect, EndReason, Phase, Role, Room, Session, Sound, Tell, names,
};
use crate::call::plain::may_be_plain;
use crate::crypto::envelope::Body;
use crate::drop::Drop;
use crate::id::{CallId, DeviceId, Name, Principal};
use crate::limits::{ANNOUNCED_MAX, MEMBERS_MAX, RING_TIME_MAX, TICKET_LIFE};
use crate::time::Time;
use crate::wire::record::{Grant, MemberState, Why};

impl Call {
    // --- rooms ---

    pub(super) fn granted(&mut self, grant: Grant, now: Time) {
        if grant.members.len() > MEMBERS_MAX {
            return self.drop(Drop::Oversized);
        }
        let mut fresh = Room { grant, renew_at: now + TICKET_LIFE / 2 };
        if let Phase::Placing { to, .. } = &self.phase {
            let ours = to.iter().any(|c| fresh.holds(&c.principal));
            let theirs = self.caller_in(&fresh).is_some() && !self.is_crossing(&fresh, to);
            return if ours && !theirs { self.called(fresh, now) } else { self.announce(fresh, now) };
        }
        let known = match &mut self.phase {
            Phase::Ringing { room, .. } if room.call() == fresh.call() => Some(room),
            Phase::Up(session) if session.room.call() == fresh.call() => Some(&mut session.room),
            Phase::Idle | Phase::Placing { .. } | Phase::Ringing { .. } | Phase::Up(_) => None,
        };
        let Some(room) = known else { return self.announce(fresh, now) };
        // A newer ticket for the same place. Who may be in the call was settled when it began.
        core::mem::swap(&mut fresh.grant.members, &mut room.grant.members);
        fresh.grant.plain = room.grant.plain;
        *room = fresh.clone();
        self.bind(&fresh);
    }

    /// Our call has its room: bind, and make the offers. When they called us at the same moment, theirs counts.
    pub(super) fn called(&mut self, mut room: Room, now: Time) {
        let Phase::Placing { to, refused, .. } = &self.phase else { return };
        let (to, refused) = (to.clone(), refused.clone());
        let role = match self.caller_in(&room) {
            Some(caller) => Role::Crossed { caller },
            None => {
                // A server must not bring somebody along whom nobody called.
                room.grant.members.retain(|m| to.iter().any(|c| c.principal == m.principal));
                Role::Caller
            }
        };
        if let Err(text) = may_be_plain(&room, &to) {
            self.refuse(Why::Unsupported, text.into());
            return self.end(EndReason::Failed);
        }
        let mut parties = Party::all(&room.grant);
        if parties.len() >= MEMBERS_MAX {
            return self.drop(Drop::Oversized);
        }
        if role == Role::Caller {
            let missing = to.iter().filter(|c| parties.iter().all(|p| p.principal != c.principal));
            let missing: Vec<_> = missing.map(|c| Party::new(c.name.clone(), c.principal.clone())).collect();
            parties.extend(missing);
        }
        for party in parties.iter_mut().filter(|party| refused.contains(&party.name)) {
            party.stage = Stage::Out;
        }
        self.bind(&room);
        let to_guests = to.iter().any(|c| matches!(c.principal, Principal::Guest(_)));
        let apart = to.into_iter().map(|c| c.name).filter(|name| parties.iter().all(|p| p.name != *name));
        let apart: Vec<_> = apart.filter(|name| !refused.contains(name)).collect();
        let (sound, until) = (Sound::Closed, now + RING_TIME_MAX);
        let seals = role == Role::Caller && !room.is_plain();
        if !room.is_plain() && to_guests {
            // None of the guests can be rung: the others are called as ever.
            self.tell(Tell::Calling { to: names(&parties), plain: false });
        }
        self.phase = Phase::Up(Box::new(Session { room, role, parties, sound, before: Vec::new(), until }));
        for who in apart {
            self.tell(Tell::Parted { who, reason: EndReason::Failed });
        }
        if seals {
            self.offer_all();
        }
    }

    /// Who rings us from this room.
    pub(super) fn caller_in(&self, room: &Room) -> Option<Name> {
        let rings = |name: &&Name| self.rung.contains_key(*name);
        room.grant.members.iter().map(|member| &member.name).find(rings).cloned()
    }

    fn announce(&mut self, room: Room, now: Time) {
        if self.announced.len() >= ANNOUNCED_MAX && !self.announced.contains_key(&room.call()) {
            return self.drop(Drop::Full);
        }
        if room.grant.plain && !room.has_guest() {
            return self.refuse_downgrade(&room);
        }
        let (parties, until) = (Party::all(&room.grant), now + RING_TIME_MAX);
        if parties.len() >= MEMBERS_MAX {
            return self.drop(Drop::Oversized);
        }
        // The 211 comes right before its 358.
        let rung = self.rung_last.take().filter(|name| parties.iter().any(|party| party.name == *name));
        self.announced.entry(room.call()).or_insert(Announced { room, parties, rung, offer: None, until });
    }

    pub(super) fn rung_by(&mut self, name: Name, principal: Option<Principal>, now: Time) {
        if self.rung.len() >= ANNOUNCED_MAX && !self.rung.contains_key(&name) {
            return self.drop(Drop::Full);
        }
        if let Phase::Up(session) = &mut self.phase
            && matches!((&session.role, &session.sound), (Role::Caller, Sound::Closed))
            && let [party] = session.parties.as_slice()
            && party.name == name
        {
            session.role = Role::Crossed { caller: name.clone() };
        }
        self.rung_last = Some(name.clone());
        self.rung.insert(name, (principal, now + RING_TIME_MAX));
        self.cross(now);
    }

    /// Rings for an announced call whose offer is here, when nothing else is going on.
    pub(super) fn ring_next(&mut self, now: Time) {
        if self.is_busy() {
            return;
        }
        let caller = |a: &Announced| match &a.offer {
            Some(caller) => Some(caller.clone()).filter(|caller| self.rung.contains_key(&caller.name)),
            None => self.plain_caller(&a.room),
        };
        let mut waiting = self.announced.iter();
        let Some((call, caller)) = waiting.find_map(|(call, a)| Some((*call, caller(a)?))) else { return };
        let Some(Announced { room, parties, .. }) = self.announced.remove(&call) else { return };
        self.rung.remove(&caller.name);
        self.bind(&room);
        if let Some((account, device)) = caller.by {
            self.seal(call, account, device, Body::Ringing(call), false);
        }
        let others = names(&parties).into_iter().filter(|name| *name != caller.name).collect();
        let (from, plain) = (caller.name.clone(), room.is_plain());
        self.phase = Phase::Ringing { caller, parties, room, until: now + RING_TIME_MAX };
        let guests = self.guests_ringing();
        self.tell(Tell::Incoming { from, others, guests, plain });
    }

    // --- members ---

    /// 209: who was in before us.
    pub(super) fn before(&mut self, names: Vec<Name>) {
        if let Phase::Placing { to, .. } = &self.phase {
            let theirs = |a: &Announced| {
                self.caller_in(&a.room).is_some() && to.iter().any(|c| a.room.holds(&c.principal))
            };
            if self.announced.values().any(theirs) {
                // Whom we called is in a call that rings us, and the server took our call for a yes to it. We said
                // none to whoever made it: it rings first.
                let with = to.iter().map(|callee| callee.name.clone()).collect();
                self.phase = Phase::Idle;
                self.refuse(Why::InCall, "they are in a call that rings you; answer that".into());
                self.tell(Tell::Ended { with, reason: EndReason::Failed });
            }
            return;
        }
        let Phase::Up(session) = &mut self.phase else { return };
        if !matches!((&session.role, &session.sound), (Role::Callee { .. }, Sound::Sealed(_))) {
            return;
        }
        let call = session.room.call();
        for party in session.parties.iter_mut().filter(|party| names.contains(&party.name)) {
            let account = party.account();
            let Some(meeting) = party.meeting().filter(|meeting| !meeting.asks) else { continue };
            meeting.asks = true;
            if let (Some(to), Some(device)) = (account, meeting.seat.device) {
                self.out.push_back(Effect::Meet { call, to, device });
            }
        }
        session.before = names.into_iter().take(MEMBERS_MAX).collect();
    }

    pub(super) fn member(
        &mut self,
        call: CallId,
        name: &Name,
        state: MemberState,
        device: Option<DeviceId>,
        now: Time,
    ) {
        let mut over = false;
        if let Some(announced) = self.announced.get_mut(&call) {
            over = while_rung(&mut announced.parties, name, state).is_some();
        }
        if over {
            self.announced.remove(&call);
        }
        if self.ended.contains(&call) {
            return;
        }
        match &mut self.phase {
            // The server may refuse a callee before it has told us the call's id.
            Phase::Placing { to, .. } if to.iter().any(|c| c.name == *name) => {
                self.refused_early(name, state)
            }
            Phase::Ringing { room, parties, .. } if room.call() == call => {
                if let Some(reason) = while_rung(parties, name, state) {
                    self.end(reason);
                }
            }
            Phase::Up(session) if session.room.call() == call => {
                match session.parties.iter().position(|party| party.name == *name) {
                    Some(at) => self.while_up(at, state, device, now),
                    None => self.own_state(state),
                }
            }
            Phase::Idle | Phase::Placing { .. } | Phase::Ringing { .. } | Phase::Up(_) => {}
        }
    }

    fn refused_early(&mut self, name: &Name, state: MemberState) {
        let Some(reason) = not_coming(state) else { return };
        let Phase::Placing { to, refused, .. } = &mut self.phase else { return };
        if refused.contains(name) {
            return;
        }
        refused.push(name.clone());
        if to.iter().all(|callee| refused.contains(&callee.name)) {
            return self.end(reason);
        }
        self.tell(Tell::Parted { who: name.clone(), reason });
    }

    fn while_up(&mut self, at: usize, state: MemberState, device: Option<DeviceId>, now: Time) {
        let Phase::Up(session) = &mut self.phase else { return };
        let party = &session.parties[at];
        let about_them = party.seat().is_none_or(|seat| device.is_none() || seat.device == device);
        if party.is_out() || !about_them {
            return;
        }
        let plain = session.room.is_plain();
        if plain && self.plain_state(at, state, device) {
            return;
        }
        let Phase::Up(session) = &mut self.phase else { return };
        if session.parties[at].is_invited() {
            if state == MemberState::Joined && !plain {
                return self.came(at, device, now);
            }
            if let Some(reason) = not_coming(state) {
                self.part(at, reason);
            }
            return;
        }
        match state {
            MemberState::Left | MemberState::Declined => self.part(at, EndReason::TheyHungUp),
            MemberState::Gone => self.part(at, EndReason::Gone),
            MemberState::Ringing
            | MemberState::Busy
            | MemberState::NoAnswer
            | MemberState::Joined
            | MemberState::Taken => {}
        }
    }

    /// Somebody is in. Who came later says the sealed yes, and until then this is a word of the server's.
    fn came(&mut self, at: usize, device: Option<DeviceId>, now: Time) {
        let Phase::Up(session) = &mut self.phase else { return };
        let (call, party) = (session.room.call(), &mut session.parties[at]);
        let Some(seat) = party.seat_of(device).filter(|seat| seat.device.is_some()) else { return };
        let open = matches!(session.sound, Sound::Sealed(_));
        let asks = open && session.before.contains(&party.name);
        party.stage = Stage::Meeting(Meeting::new(seat, asks, now));
        if let (true, Some(to), Some(device)) = (asks, party.account(), seat.device) {
            self.out.push_back(Effect::Meet { call, to, device });
        }
    }

    /// What the server says of us.
    fn own_state(&mut self, state: MemberState) {
        let Phase::Up(session) = &self.phase else { return };
        let waits = session.parties.iter().all(|party| !matches!(party.stage, Stage::In(_)));
        if !waits || !matches!(session.role, Role::Callee { .. }) {
            return;
        }
        match state {
            MemberState::Taken => self.end(EndReason::Taken),
            MemberState::NoAnswer => self.end(EndReason::Missed),
            MemberState::Left
            | MemberState::Gone
            | MemberState::Ringing
            | MemberState::Busy
            | MemberState::Declined
            | MemberState::Joined => {}
        }
    }

    // --- refusals ---

    pub(super) fn refused(&mut self, asked: Asked, why: Why, text: String) {
        let met = |s: &Session| s.parties.iter().any(|party| matches!(party.stage, Stage::In(_)));
        match (asked, &self.phase) {
            // They are there, but their program cannot be called: the reason is the last word.
            (Asked::Call, Phase::Placing { .. }) if why == Why::NobodyRung => {
                self.end(EndReason::Failed);
                self.refuse(why, text);
            }
            (Asked::Call, Phase::Placing { .. }) => {
                self.refuse(why, text);
                self.end(EndReason::Failed);
            }
            (Asked::Accept, Phase::Up(session)) if !met(session) => self.end(EndReason::Missed),
            (Asked::Rejoin, Phase::Ringing { .. }) => self.end(EndReason::Missed),
            (Asked::Rejoin, Phase::Up(session)) => {
                let called = !matches!(session.role, Role::Callee { .. }) && !met(session);
                self.end(if called { EndReason::Failed } else { EndReason::Lost });
            }
            (
                Asked::Call | Asked::Accept | Asked::Rejoin,
                Phase::Idle | Phase::Placing { .. } | Phase::Ringing { .. } | Phase::Up(_),
            ) => {}
        }
    }
}

/// Why somebody who is rung is not coming.
fn not_coming(state: MemberState) -> Option<EndReason> {
    match state {
        MemberState::Busy => Some(EndReason::Busy),
        MemberState::Declined => Some(EndReason::Declined),
        MemberState::NoAnswer => Some(EndReason::NoAnswer),
        MemberState::Gone | MemberState::Left => Some(EndReason::Gone),
        // Membership; the sealed words say the rest.
        MemberState::Ringing | MemberState::Joined | MemberState::Taken => None,
    }
}

/// What a word of the server's means for a call that rings or is about to: it is over when we are taken off it, or
/// when nobody is left who could be in it. A caller may leave it to the others.
fn while_rung(parties: &mut [Party], name: &Name, state: MemberState) -> Option<EndReason> {
    let Some(party) = parties.iter_mut().find(|party| party.name == *name) else {
        return match state {
            MemberState::Taken | MemberState::Declined => Some(EndReason::Taken),
            MemberState::Left | MemberState::Gone | MemberState::NoAnswer => Some(EndReason::Missed),
            MemberState::Ringing | MemberState::Busy | MemberState::Joined => None,
        };
    };
    if not_coming(state).is_some() {
        party.stage = Stage::Out;
    }
    parties.iter().all(Party::is_out).then_some(EndReason::Missed)
}
