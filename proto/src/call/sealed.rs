//! What the other ends say, sealed: only these words, and the human's, open sound. Who says them was held against
//! the signed device list before they came here.

use crate::call::keys::Keys;
use crate::call::party::{Meeting, Party, Seat, Stage};
use crate::call::phase::{Caller, Effect, EndReason, Phase, Role, Room, Session, Sound, Speaker, Tell};
use crate::call::{Announced, Call};
use crate::crypto::envelope::{Body, CODEC_OPUS, Offer, roster_hash};
use crate::drop::Drop;
use crate::id::{CallId, DeviceId, Fingerprint, Principal};
use crate::limits::{CALL_RESEND_AFTER, MEDIA_SILENCE_MAX, RING_TIME_MAX};
use crate::media::{BaseKey, CallCommand};
use crate::time::Time;
use crate::wire::record::Why;

/// A key as somebody says it: which one of theirs, and what it is derived from.
struct Said {
    generation: u8,
    step: u8,
    base_key: BaseKey,
}

impl Call {
    pub(super) fn said(&mut self, by: &Speaker, body: Body, now: Time) {
        match body {
            Body::Offer(offer) => self.offered(by, &offer, now),
            Body::Ringing(call) => self.rings(by, call),
            Body::Accept { call, base_key, codec, generation, step } => {
                if codec != CODEC_OPUS {
                    return self.drop(Drop::Malformed);
                }
                self.accepted(by, call, Said { generation, step, base_key }, now);
            }
            Body::Key { call, generation, step, base_key } => {
                self.keyed(by, call, Said { generation, step, base_key });
            }
            Body::Taken(call) => self.over(by, call, EndReason::Taken),
            Body::HangUp(call) => self.over(by, call, EndReason::TheyHungUp),
            // Routed elsewhere; a text has no business in a call message.
            Body::Text(_)
            | Body::Receipt(_)
            | Body::Greeting(_)
            | Body::Promise { .. }
            | Body::Nonce { .. } => {
                self.drop(Drop::Malformed);
            }
        }
    }

    // --- before the yes ---

    fn offered(&mut self, by: &Speaker, offer: &Offer, now: Time) {
        if !offer.codecs.contains(&CODEC_OPUS) {
            return self.drop(Drop::Malformed);
        }
        let Some(name) = by.contact.clone() else { return self.drop(Drop::NotContact) };
        let caller = Caller { name, by: Some((by.account, by.device)) };
        let fits = |room: &Room, parties: &[Party]| {
            let seated = |p: &Party| p.account() == Some(by.account) && p.seat_of(Some(by.device)).is_some();
            !room.is_plain() && self.roster(room) == offer.roster && parties.iter().any(seated)
        };
        // They called us while we called them, and their call is the one that counts: our call is our yes.
        if let Phase::Up(session) = &self.phase
            && let (Role::Crossed { caller: crossed }, Sound::Closed) = (&session.role, &session.sound)
            && session.room.call() == offer.call
            && *crossed == caller.name
        {
            if !fits(&session.room, &session.parties) {
                return self.drop(Drop::Impostor);
            }
            let (room, parties) = (session.room.clone(), session.parties.clone());
            self.rung.remove(&caller.name);
            return self.accept(caller, parties, room, now);
        }
        let Some(announced) = self.announced.get(&offer.call) else { return self.drop(Drop::NoCall) };
        if !fits(&announced.room, &announced.parties) {
            return self.drop(Drop::Impostor);
        }
        // The place is the caller's, whose 211 comes before the 358: those who only ring beside us can say this, too.
        let calls = announced.rung.as_ref().is_none_or(|name| *name == caller.name);
        if announced.offer.is_some() || !calls || !self.rung.contains_key(&caller.name) {
            return self.drop(Drop::OutOfTurn);
        }
        if let Some(announced) = self.announced.get_mut(&offer.call) {
            announced.offer = Some(caller);
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

    fn rings(&mut self, by: &Speaker, call: CallId) {
        let calls = |s: &&mut Session| matches!(s.role, Role::Caller) && !s.room.is_plain();
        let Some(session) = self.session(call).filter(calls) else { return self.drop(Drop::OutOfTurn) };
        let Some(party) = session.party_of(by.account) else { return self.drop(Drop::OutOfTurn) };
        if let Stage::Invited { rings } = &mut party.stage
            && !core::mem::replace(rings, true)
        {
            let name = party.name.clone();
            self.tell(Tell::Ringing(name));
        }
    }

    /// A human said yes: only here does the callee's side ask for a key and a microphone.
    pub(super) fn accept(&mut self, caller: Caller, mut parties: Vec<Party>, room: Room, now: Time) {
        if self.session(room.call()).is_some_and(|session| !matches!(session.sound, Sound::Closed)) {
            return self.drop(Drop::OutOfTurn);
        }
        let (device, until) = (caller.device(), now + RING_TIME_MAX);
        self.out.push_back(Effect::Settled(None));
        self.out.push_back(Effect::Media(CallCommand::Open(room.call())));
        let mut first = Vec::new();
        let calls =
            |p: &&mut Party| p.account().is_some() && p.account() == caller.by.map(|(account, _)| account);
        // They may be out by now, and the call goes on among the others.
        if let Some(party) = parties.iter_mut().find(calls).filter(|party| !party.is_out())
            && let Some(seat) = party.seat_of(device)
        {
            party.stage = Stage::Meeting(Meeting { met: true, ..Meeting::new(seat, true, now) });
            first.extend(device);
        }
        self.phase = Phase::Up(Box::new(Session {
            room,
            role: Role::Callee { caller },
            parties,
            sound: Sound::Sealed(Keys::opened(first, now)),
            before: Vec::new(),
            until,
        }));
    }

    // --- sessions with devices ---

    /// Makes the offers to everybody called, as soon as there are sessions.
    pub(super) fn offer_all(&mut self) {
        let Phase::Up(session) = &self.phase else { return };
        let call = session.room.call();
        for party in session.parties.iter().filter(|party| party.is_invited()) {
            let Some(to) = party.account() else { continue };
            for device in party.seats.iter().filter_map(|seat| seat.device) {
                self.out.push_back(Effect::Meet { call, to, device });
            }
        }
    }

    /// There is a session with a device: an offer for who is called, our key for who is in.
    pub(super) fn met(&mut self, call: CallId, device: DeviceId) {
        let Phase::Up(session) = &self.phase else { return };
        let calls = matches!(session.role, Role::Caller);
        let offer = Offer {
            call,
            codecs: vec![CODEC_OPUS],
            frames_ms: vec![20, 10, 5],
            roster: self.roster(&session.room),
        };
        let Some(session) = self.session(call) else { return };
        let Session { parties, sound, .. } = session;
        let Some(party) = parties.iter_mut().find(|party| party.seat_of(Some(device)).is_some()) else {
            return;
        };
        let Some(to) = party.account() else { return };
        match &mut party.stage {
            Stage::Invited { .. } if calls => self.seal(call, to, device, Body::Offer(offer), true),
            Stage::Meeting(meeting) if meeting.seat.device == Some(device) && !meeting.met => {
                meeting.met = true;
                if let Sound::Sealed(keys) = sound {
                    keys.join(device);
                }
            }
            Stage::Invited { .. } | Stage::Meeting(_) | Stage::In(_) | Stage::Out => {}
        }
    }

    /// They made a session with us: what we sealed to them may not open. An offer that does not ring there is made again.
    pub(super) fn rekeyed(&mut self, account: Fingerprint, device: DeviceId) {
        let Phase::Up(session) = &self.phase else { return };
        let waits = |p: &Party| {
            let theirs = p.account() == Some(account) && p.seat_of(Some(device)).is_some();
            theirs && matches!(p.stage, Stage::Invited { rings: false })
        };
        if session.parties.iter().any(waits) {
            self.met(session.room.call(), device);
        }
    }

    /// A device cannot be reached sealed. When none of theirs can, they are out; with somebody who is in it is tried
    /// until their time is up.
    pub(super) fn unsealed(&mut self, call: CallId, device: DeviceId) {
        let Some(session) = self.session(call) else { return };
        let has = |party: &Party| party.seat_of(Some(device)).is_some();
        let Some(at) = session.parties.iter().position(has) else { return };
        let party = &mut session.parties[at];
        match &mut party.stage {
            Stage::Invited { .. } => {
                party.seats.retain(|seat| seat.device != Some(device));
                if party.seats.is_empty() {
                    let text = format!("no secure session with {} could be made; try again", party.name);
                    self.refuse(Why::Other, text);
                    self.part(at, EndReason::Failed);
                }
            }
            Stage::Meeting(meeting) if !meeting.met => meeting.asks = false,
            Stage::Meeting(_) | Stage::In(_) | Stage::Out => {}
        }
    }

    // --- keys ---

    /// Somebody's yes: listen, and give them our key as soon as it is made. The first opens our sound, if it was we
    /// who called: then those in the room are those we named. Where somebody else called, their offer says who they
    /// are, and before it nobody's yes is one.
    fn accepted(&mut self, by: &Speaker, call: CallId, said: Said, now: Time) {
        if !matches!(self.phase, Phase::Up(_)) {
            return self.drop(Drop::OutOfTurn);
        }
        let Some(session) = self.session(call).filter(|s| !s.room.is_plain()) else {
            return self.drop(Drop::NoCall);
        };
        if matches!(session.role, Role::Crossed { .. }) {
            return self.drop(Drop::OutOfTurn);
        }
        let calls = matches!(session.role, Role::Caller);
        let Some(party) = session.party_of(by.account) else { return self.drop(Drop::NoCall) };
        let Some(seat) = party.seat_of(Some(by.device)) else { return self.drop(Drop::Malformed) };
        if party.seat().is_some_and(|known| known != seat) {
            return self.drop(Drop::OutOfTurn);
        }
        if matches!(party.stage, Stage::In(_)) {
            // Ours did not reach them; it is kept as it was sealed.
            self.out.push_back(Effect::AnswerRepeat(by.device));
            return self.listen(call, seat, said);
        }
        let (name, given) = (party.name.clone(), party.given);
        let others: Vec<_> =
            party.seats.iter().filter_map(|s| s.device).filter(|d| *d != by.device).collect();
        party.stage = Stage::In(seat);
        let opens = match &mut session.sound {
            Sound::Sealed(keys) => {
                if !given {
                    keys.join(by.device);
                }
                false
            }
            Sound::Closed | Sound::Plain => {
                session.sound = Sound::Sealed(Keys::opened(vec![by.device], now));
                true
            }
        };
        if calls {
            for device in others {
                self.out.push_back(Effect::Settled(Some(device)));
                self.seal(call, by.account, device, Body::Taken(call), false);
            }
        }
        if opens {
            self.out.push_back(Effect::Media(CallCommand::Open(call)));
        }
        self.listen(call, seat, said);
        self.tell(Tell::Joined { who: name, ssrc: seat.ssrc, plain: false });
    }

    /// A member's key: the answer to our yes, or a newer one. It opens nothing before there is a yes.
    fn keyed(&mut self, by: &Speaker, call: CallId, said: Said) {
        let open = |s: &&mut Session| matches!(s.sound, Sound::Sealed(_));
        let Some(session) = self.session(call).filter(open) else { return self.drop(Drop::OutOfTurn) };
        let Session { parties, sound, .. } = session;
        let is = |p: &&mut Party| p.account() == Some(by.account);
        let Some(party) = parties.iter_mut().find(is) else { return self.drop(Drop::OutOfTurn) };
        let Some(seat) = party.seat().filter(|seat| seat.device == Some(by.device)) else {
            return self.drop(Drop::OutOfTurn);
        };
        if matches!(party.stage, Stage::In(_)) {
            return self.listen(call, seat, said);
        }
        let name = party.name.clone();
        party.stage = Stage::In(seat);
        if let Sound::Sealed(keys) = sound
            && !party.given
        {
            keys.join(by.device);
        }
        self.listen(call, seat, said);
        self.tell(Tell::Joined { who: name, ssrc: seat.ssrc, plain: false });
    }

    fn listen(&mut self, call: CallId, seat: Seat, said: Said) {
        let Said { generation, step, base_key } = said;
        let listen = CallCommand::Listen { call, ssrc: seat.ssrc, generation, step, base_key };
        self.out.push_back(Effect::Media(listen));
    }

    // --- the end ---

    /// TAKEN or HANGUP.
    fn over(&mut self, by: &Speaker, call: CallId, reason: EndReason) {
        let announced = |a: &Announced| a.offer.as_ref().is_some_and(|caller| caller.is(by));
        if self.announced.get(&call).is_some_and(announced) {
            self.announced.remove(&call);
            return;
        }
        let taken = reason == EndReason::Taken;
        match &self.phase {
            Phase::Ringing { caller, room, .. } if room.call() == call && caller.is(by) => {
                self.end(if taken { reason } else { EndReason::Missed });
            }
            Phase::Up(session) if session.room.call() == call && !session.room.is_plain() => {
                let by_caller = matches!(&session.role, Role::Callee { caller } if caller.is(by));
                let is_in = |p: &Party| {
                    p.account() == Some(by.account)
                        && p.seat().is_some_and(|seat| seat.device == Some(by.device))
                };
                match session.parties.iter().position(is_in) {
                    Some(_) if taken && by_caller => self.end(reason),
                    Some(at) if !taken => self.part(at, reason),
                    Some(_) | None => self.drop(Drop::NoCall),
                }
            }
            Phase::Idle | Phase::Placing { .. } | Phase::Ringing { .. } | Phase::Up(_) => {
                self.drop(Drop::NoCall)
            }
        }
    }
}

impl Meeting {
    /// Somebody who is in; `asks` when we came later.
    pub(super) fn new(seat: Seat, asks: bool, now: Time) -> Self {
        let (again_at, until) = (now + CALL_RESEND_AFTER, now + MEDIA_SILENCE_MAX);
        Self { seat, asks, met: false, again_at, until }
    }
}
