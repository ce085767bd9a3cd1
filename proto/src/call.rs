//! One call at a time, from the first ring to the last word, with any number of people.
//!
//! ```text
//! caller  Idle ─ call ─▶ Placing ─ 358 ─▶ Up, sound closed ─ the first sealed ACCEPT ─▶ Up, sound open
//! callee  Idle ─ 358 + 211 + sealed OFFER ─▶ Ringing ─ a human's yes ─▶ Up, sound open ─ KEY, one from each ─▶ heard
//! ```
//!
//! The server's codes own membership and busy; the sealed ACCEPT and KEY alone open sound. Until a human said yes
//! the agent is told `Bind` and nothing else, so a ringing device has neither microphone nor key (native.md
//! section 5). A lost connection changes nothing here: the call lives at its ends and takes its place at the
//! server again when that is back. Each other end is a [`party`] with a state of its own, and is out on the first of:
//! a sealed HANGUP, one in the sealed media, 359 `left`, and 15 s without a packet of theirs that could be opened.
//! Who cannot be reached sealed is out too. The call is over when everybody else is.
//!
//! A call with a guest in its room is not encrypted from its first moment to its last: see [`plain`].

use core::net::SocketAddr;
use std::collections::{BTreeMap, VecDeque};

use crate::crypto::envelope::{Body, CODEC_OPUS};
use crate::drop::Drop;
use crate::id::{CallId, DeviceId, Fingerprint, Name, Principal};
use crate::limits::{ANNOUNCED_MAX, CALL_RESEND_AFTER, PLACE_TIME_MAX};
use crate::media::{BaseKey, CallCommand, CallEvent, Place};
use crate::time::{Time, earliest};
use crate::wire::record::{Renew, Why};
use crate::wire::request::Request;

mod ending;
mod keys;
mod party;
mod phase;
mod plain;
mod sealed;
mod server;

use party::{Party, Seat, Stage};
pub use phase::EndReason;
pub(crate) use phase::{Act, Asked, Callee, Effect, Speaker, Tell};
use phase::{Announced, Phase, Role, Room, Session, Sound};

/// The call of one client.
#[derive(Debug)]
pub(crate) struct Call {
    account: Fingerprint,
    phase: Phase,
    announced: BTreeMap<CallId, Announced>,
    /// Who rings us, by 211, as whom they are a contact, and until when that is believed.
    rung: BTreeMap<Name, (Option<Principal>, Time)>,
    /// The last of them, until a room is announced.
    rung_last: Option<Name>,
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
            rung_last: None,
            relay: None,
            online: false,
            owed: VecDeque::new(),
            ended: VecDeque::new(),
            out: VecDeque::new(),
        }
    }

    pub(crate) fn handle(&mut self, act: Act, now: Time) {
        match act {
            Act::Place(to) => self.place(to, now),
            Act::Answer => self.answer(now),
            Act::Decline => self.decline(),
            Act::HangUp => self.hang_up(),
            Act::Granted(grant) => self.granted(grant, now),
            Act::Rung(name, principal) => self.rung_by(name, principal, now),
            Act::Before(names) => self.before(names),
            Act::Member { call, name, state, device } => self.member(call, &name, state, device, now),
            Act::Refused(asked, why, text) => self.refused(asked, why, text),
            Act::Said { by, body } => self.said(&by, body, now),
            Act::Met(call, device) => self.met(call, device),
            Act::Unsealed(call, device) => self.unsealed(call, device),
            Act::Revoked(account, device) => self.revoked(account, device),
            Act::Rekeyed(account, device) => self.rekeyed(account, device),
            Act::Shun(who) => self.shun(&who),
            Act::Media(event) => self.media(event, now),
            Act::Online(relay) => self.back(relay),
            Act::Offline => self.offline(),
            Act::Timeout => self.timeout(now),
        }
        self.make_keys(now);
        self.ring_next(now);
    }

    pub(crate) fn poll(&mut self) -> Option<Effect> {
        self.out.pop_front()
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        let own = match &self.phase {
            Phase::Idle => None,
            Phase::Placing { until, .. } | Phase::Ringing { until, .. } => Some(*until),
            Phase::Up(session) => self.session_deadline(session),
        };
        let rung = self.rung.values().map(|(_, until)| *until);
        let waiting = self.announced.values().map(|a| a.until).chain(rung).min();
        earliest(own, waiting)
    }

    fn session_deadline(&self, session: &Session) -> Option<Time> {
        let invited = session.parties.iter().any(Party::is_invited).then_some(session.until);
        let ticket = self.online.then_some(session.room.renew_at);
        let (open, keys) = match &session.sound {
            Sound::Sealed(keys) => (true, self.online.then(|| keys.deadline())),
            Sound::Closed | Sound::Plain => (false, None),
        };
        let meeting = session.parties.iter().map(|party| {
            let Stage::Meeting(meeting) = &party.stage else { return None };
            let speaks = self.online && (party.given || (open && !meeting.asks));
            earliest(Some(meeting.until), speaks.then_some(meeting.again_at))
        });
        meeting.fold(earliest(earliest(invited, ticket), keys), earliest)
    }

    /// Whether a call is being made, rings, or is up.
    pub(crate) fn is_busy(&self) -> bool {
        !matches!(self.phase, Phase::Idle)
    }

    /// Whether this account may speak here without being a contact: it is in the call we are in, and the sealed offer
    /// names it.
    pub(crate) fn admits(&self, account: &Fingerprint) -> bool {
        let Phase::Up(session) = &self.phase else { return false };
        let speaks = |p: &Party| !p.is_out() && p.account() == Some(*account);
        !session.room.is_plain()
            && !matches!(session.role, Role::Crossed { .. })
            && session.parties.iter().any(speaks)
    }

    /// The device of this account that is in the sealed call with us and that we hear.
    pub(crate) fn end_of(&self, account: &Fingerprint) -> Option<(CallId, DeviceId)> {
        let Phase::Up(session) = &self.phase else { return None };
        if session.room.is_plain() {
            return None;
        }
        let party = session.parties.iter().find(|party| party.account() == Some(*account))?;
        match &party.stage {
            Stage::In(Seat { device: Some(device), .. }) => Some((session.call(), *device)),
            Stage::In(_) | Stage::Invited { .. } | Stage::Meeting(_) | Stage::Out => None,
        }
    }

    // --- what the user wants ---

    fn place(&mut self, to: Vec<Callee>, now: Time) {
        let names: Vec<Name> = to.iter().map(|callee| callee.name.clone()).collect();
        match &self.phase {
            // Calling somebody who rings is answering.
            Phase::Ringing { caller, .. } if names.as_slice() == [caller.name.clone()] => {
                return self.answer(now);
            }
            Phase::Idle => {}
            Phase::Placing { .. } | Phase::Ringing { .. } | Phase::Up(_) => {
                let names = names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
                return self
                    .refuse(Why::InCall, format!("cannot call {names}: hang up the other call first"));
            }
        }
        self.out.push_back(Effect::Ask(Asked::Call, Request::Call(names.clone())));
        let plain = to.iter().any(|callee| matches!(callee.principal, Principal::Guest(_)));
        self.tell(Tell::Calling { to: names, plain });
        self.phase = Phase::Placing { to, refused: Vec::new(), until: now + PLACE_TIME_MAX };
        self.cross(now);
    }

    /// They rang us when we called them: their room is the one that counts, and their offer is on its way. Not when
    /// others are in it whom we did not call: to be heard by those is a yes of its own, and it rings.
    fn cross(&mut self, now: Time) {
        let Phase::Placing { to, .. } = &self.phase else { return };
        let theirs = |room: &Room| self.is_crossing(room, to);
        let Some(call) = self.announced.iter().find(|(_, a)| theirs(&a.room)).map(|(call, _)| *call) else {
            return;
        };
        if let Some(Announced { room, .. }) = self.announced.remove(&call) {
            self.called(room, now);
        }
    }

    /// Whether somebody we call rings us from this room, and nobody else is in it than those we call.
    fn is_crossing(&self, room: &Room, to: &[Callee]) -> bool {
        let called = |principal: &Principal| to.iter().any(|callee| callee.principal == *principal);
        self.caller_in(room).is_some_and(|caller| to.iter().any(|callee| callee.name == caller))
            && room.grant.members.iter().all(|member| called(&member.principal))
    }

    /// Whether nothing is heard yet of this account in this call, since it waits for the offer of its caller: until
    /// that is held against the room, who is in the room is a word of the server's.
    pub(crate) fn waits_for_another(&self, call: CallId, account: &Fingerprint) -> bool {
        let Phase::Up(session) = &self.phase else { return false };
        let Role::Crossed { caller } = &session.role else { return false };
        let calls = |p: &Party| p.name == *caller && p.account() == Some(*account);
        session.call() == call && !session.parties.iter().any(calls)
    }

    fn answer(&mut self, now: Time) {
        let Phase::Ringing { caller, parties, room, .. } = &self.phase else {
            return self.refuse(Why::NoCall, "nobody is calling".into());
        };
        let (caller, parties, room) = (caller.clone(), parties.clone(), room.clone());
        self.out.push_back(Effect::Ask(Asked::Accept, Request::AcceptCall(Some(room.call()))));
        if room.is_plain() {
            self.accept_plain(caller, parties, room, now)
        } else {
            self.accept(caller, parties, room, now)
        }
    }

    fn decline(&mut self) {
        match self.phase {
            Phase::Ringing { .. } => self.end(EndReason::HungUp),
            Phase::Idle | Phase::Placing { .. } | Phase::Up(_) => {
                self.refuse(Why::NoCall, "nobody is calling".into());
            }
        }
    }

    fn hang_up(&mut self) {
        match self.phase {
            Phase::Idle => self.refuse(Why::NoCall, "there is no call to hang up".into()),
            Phase::Placing { .. } | Phase::Ringing { .. } | Phase::Up(_) => self.end(EndReason::HungUp),
        }
    }

    // --- what the media machine says ---

    fn media(&mut self, event: CallEvent, now: Time) {
        match event {
            CallEvent::Bound(_) => {}
            CallEvent::Key { call, generation, step, base_key } => {
                self.own_key(call, generation, step, &base_key, now);
            }
            CallEvent::Heard { call, ssrc } => {
                if let Some(name) = self.whose(call, ssrc).map(|(_, name)| name) {
                    self.tell(Tell::Heard(name));
                }
            }
            CallEvent::HungUp { call, ssrc } => {
                if let Some((at, _)) = self.whose(call, ssrc) {
                    self.part(at, EndReason::TheyHungUp);
                }
            }
            CallEvent::Quiet { call, ssrc } => {
                if let Some((at, _)) = self.whose(call, ssrc) {
                    self.part(at, EndReason::Lost);
                }
            }
            // Calls of ours have a relay, and bind anywhere.
            CallEvent::Unbound { .. } => {}
            CallEvent::Silent(call) => {
                if self.session(call).is_some_and(|s| !matches!(s.sound, Sound::Closed)) {
                    self.end(EndReason::Lost);
                }
            }
        }
    }

    /// Which party a stream belongs to.
    fn whose(&mut self, call: CallId, ssrc: crate::id::Ssrc) -> Option<(usize, Name)> {
        let session = self.session(call)?;
        let at = session.position_of(ssrc)?;
        Some((at, session.parties[at].name.clone()))
    }

    fn session(&mut self, call: CallId) -> Option<&mut Session> {
        match &mut self.phase {
            Phase::Up(session) if session.call() == call => Some(session),
            Phase::Idle | Phase::Placing { .. } | Phase::Ringing { .. } | Phase::Up(_) => None,
        }
    }

    /// Seals our new sender key for whoever waits for it; it is kept nowhere else. To somebody whose own key is not
    /// here yet it is our yes.
    fn own_key(&mut self, call: CallId, generation: u8, step: u8, base_key: &BaseKey, now: Time) {
        // The call may have ended while the key was being drawn.
        let Phase::Up(session) = &mut self.phase else { return };
        let Sound::Sealed(keys) = &mut session.sound else { return };
        if session.room.call() != call {
            return;
        }
        let Some(batch) = keys.made(generation, step, now) else { return };
        for party in session.parties.iter_mut().filter(|party| party.takes_keys()) {
            let (Some(to), Some(device)) = (party.account(), party.seat().and_then(|seat| seat.device))
            else {
                continue;
            };
            if !batch.is_for(device) {
                continue;
            }
            let base_key = base_key.clone();
            let asks = core::mem::take(&mut party.asks_again) || !matches!(party.stage, Stage::In(_));
            let body = if !asks {
                Body::Key { call, generation, step, base_key }
            } else {
                Body::Accept { call, base_key, codec: CODEC_OPUS, generation, step }
            };
            party.given = true;
            // Kept while the call lasts: they say their yes again until they have it.
            self.out.push_back(Effect::Seal { call, to, device, body, keep: true });
        }
    }

    /// Asks the media machine for what joiners, leavers and time make necessary. While we are away nobody could be
    /// told of a new key, and what we say with it would be opened by nobody: it waits until we are back. Until then
    /// who left can open what we say, if the server that took them off its relay lets them have it.
    fn make_keys(&mut self, now: Time) {
        if !self.online {
            return;
        }
        let Phase::Up(session) = &mut self.phase else { return };
        let call = session.room.call();
        let Sound::Sealed(keys) = &mut session.sound else { return };
        match keys.next(now) {
            None => {}
            Some(keys::Want::Step) => self.out.push_back(Effect::Media(CallCommand::Step(call))),
            Some(keys::Want::Renew) => self.out.push_back(Effect::Media(CallCommand::Renew(call))),
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
            Phase::Ringing { room, .. } => self.rejoin(room.clone(), moved),
            Phase::Up(session) => {
                self.rejoin(session.room.clone(), moved);
                self.ask_again();
            }
        }
    }

    /// While we were away others may have renewed their keys. Of two, the one who comes back says what it said last,
    /// and a repeat is answered; of many, who has news of their own does not repeat anything, and asks.
    fn ask_again(&mut self) {
        let Phase::Up(session) = &mut self.phase else { return };
        let Session { parties, sound: Sound::Sealed(keys), .. } = session.as_mut() else { return };
        if parties.len() < 2 {
            return;
        }
        for party in parties.iter_mut() {
            if let Stage::In(Seat { device: Some(device), .. }) = party.stage {
                party.asks_again = true;
                keys.join(device);
            }
        }
    }

    fn rejoin(&mut self, room: Room, moved: bool) {
        self.out.push_back(Effect::Ask(Asked::Rejoin, Request::Rejoin(Box::new(room.grant.clone()))));
        self.out.push_back(Effect::Resend(None));
        if moved {
            self.bind(&room);
        }
    }

    fn offline(&mut self) {
        self.online = false;
        self.rung.clear();
        self.rung_last = None;
        self.announced.clear();
        if matches!(self.phase, Phase::Placing { .. }) {
            self.end(EndReason::Failed);
        }
    }

    fn timeout(&mut self, now: Time) {
        self.announced.retain(|_, a| a.until > now);
        self.rung.retain(|_, (_, until)| *until > now);
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Placing { until, .. } if *until <= now => self.end(EndReason::Failed),
            Phase::Ringing { until, .. } if *until <= now => self.end(EndReason::Missed),
            Phase::Placing { .. } | Phase::Ringing { .. } => {}
            Phase::Up(session) => {
                if self.online && session.room.renew_at <= now {
                    session.room.renew_at = now + PLACE_TIME_MAX;
                    let call = session.room.call();
                    self.out.push_back(Effect::Send(Request::Renew(Renew { call })));
                }
                self.chase(now);
            }
        }
    }

    /// Who did not come, who is not met in time, and what is to be said again.
    fn chase(&mut self, now: Time) {
        let Phase::Up(session) = &mut self.phase else { return };
        let (call, too_late) = (session.room.call(), session.until <= now);
        let open = matches!(session.sound, Sound::Sealed(_));
        let mut lost = Vec::new();
        for (at, party) in session.parties.iter_mut().enumerate() {
            if party.is_invited() && too_late {
                lost.push((at, EndReason::NoAnswer));
            }
            let (account, given) = (party.account(), party.given);
            let Some(meeting) = party.meeting() else { continue };
            if meeting.until <= now {
                lost.push((at, EndReason::Failed));
            } else if self.online && meeting.again_at <= now {
                meeting.again_at = now + CALL_RESEND_AFTER;
                let (Some(to), Some(device)) = (account, meeting.seat.device) else { continue };
                if given {
                    self.out.push_back(Effect::Resend(Some(device)));
                } else if open && !meeting.asks {
                    // They were to speak first. Perhaps they think the same of us.
                    meeting.asks = true;
                    self.out.push_back(Effect::Meet { call, to, device });
                }
            }
        }
        for (at, reason) in lost {
            self.part(at, reason);
        }
    }

    fn bind(&mut self, room: &Room) {
        let Some(relay_addr) = self.relay else { return };
        if !room.is_seated() {
            return;
        }
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
        match &self.phase {
            Phase::Up(session) if session.is_alone() => Err("a call with nobody in it goes on".into()),
            Phase::Idle | Phase::Placing { .. } | Phase::Ringing { .. } | Phase::Up(_) => Ok(()),
        }
    }
}
