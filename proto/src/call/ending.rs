//! How somebody is out, and how the call is over: who is told, and what is forgotten.

use std::collections::VecDeque;

use crate::call::Call;
use crate::call::party::{Party, Stage};
use crate::call::phase::{Announced, Effect, EndReason, Phase, Role, Room, Session, Sound, Tell, names};
use crate::crypto::envelope::Body;
use crate::id::{CallId, DeviceId, Fingerprint, Name, Principal};
use crate::limits::ANNOUNCED_MAX;
use crate::media::CallCommand;
use crate::wire::request::Request;

impl Call {
    /// This party is out. The call goes on with the others, or is over if there are none.
    pub(super) fn part(&mut self, at: usize, reason: EndReason) {
        let Phase::Up(session) = &mut self.phase else { return };
        let call = session.room.call();
        let speaks = session.speaks(!matches!(session.role, Role::Callee { .. }));
        let Some(party) = session.parties.get_mut(at).filter(|party| !party.is_out()) else { return };
        let seat = party.seat();
        farewell(call, party, speaks, reason, &mut self.out);
        (party.stage, party.given) = (Stage::Out, false);
        let who = party.name.clone();
        if session.is_alone() {
            return self.end(reason);
        }
        if let Some(seat) = seat {
            if let Sound::Sealed(keys) = &mut session.sound {
                keys.leave(seat.device);
            }
            if !matches!(session.sound, Sound::Closed) {
                self.out.push_back(Effect::Media(CallCommand::Deafen { call, ssrc: seat.ssrc }));
            }
        }
        self.tell(Tell::Parted { who, reason });
    }

    /// A device speaks for its account no longer: it is out, gets no key of what follows, and its offer is nobody's.
    pub(super) fn revoked(&mut self, account: Fingerprint, device: DeviceId) {
        let by = Some((account, device));
        let stands = |a: &Announced| a.offer.as_ref().is_none_or(|caller| caller.by != by);
        self.announced.retain(|_, announced| stands(announced));
        match &mut self.phase {
            Phase::Idle | Phase::Placing { .. } => {}
            Phase::Ringing { caller, .. } if caller.by == by => self.end(EndReason::Missed),
            Phase::Ringing { parties, .. } => {
                // A device may be in the lists of two: it speaks on for the other.
                let theirs = parties.iter_mut().filter(|party| party.account() == Some(account));
                theirs.for_each(|party| party.seats.retain(|seat| seat.device != Some(device)));
            }
            Phase::Up(session) => {
                let has = |p: &Party| p.account() == Some(account) && p.seat_of(Some(device)).is_some();
                let Some(at) = session.parties.iter().position(has) else { return };
                let party = &mut session.parties[at];
                let was_in = party.seat().is_some_and(|seat| seat.device == Some(device));
                party.seats.retain(|seat| seat.device != Some(device));
                if was_in || party.seats.is_empty() {
                    self.part(at, EndReason::Gone);
                }
            }
        }
    }

    /// Whoever is shunned is talked to in no stage of a call: one with them is over, and none of theirs rings.
    pub(super) fn shun(&mut self, who: &Principal) {
        self.announced.retain(|_, announced| !announced.room.holds(who));
        let there = |party: &Party| party.principal == *who && !party.is_out();
        let concerned = match &self.phase {
            Phase::Idle => false,
            Phase::Placing { to, .. } => to.iter().any(|callee| callee.principal == *who),
            Phase::Ringing { parties, .. } => parties.iter().any(there),
            Phase::Up(session) => session.parties.iter().any(there),
        };
        if concerned {
            self.end(EndReason::HungUp);
        }
    }

    /// Ends what is going on, and says so to whoever does not know yet.
    pub(super) fn end(&mut self, reason: EndReason) {
        let over = core::mem::replace(&mut self.phase, Phase::Idle);
        self.remember(over.room());
        let with = match over {
            Phase::Idle => return,
            Phase::Placing { to, .. } => {
                if self.online {
                    self.out.push_back(Effect::Send(Request::HangUp(None)));
                }
                to.into_iter().map(|callee| callee.name).collect()
            }
            Phase::Ringing { parties, room, .. } => {
                if reason == EndReason::HungUp && self.online {
                    self.out.push_back(Effect::Send(Request::RejectCall(Some(room.call()))));
                }
                self.close(room.call(), &parties)
            }
            Phase::Up(session) => {
                let (call, speaks) = (session.room.call(), session.speaks(session.rings_others()));
                for party in &session.parties {
                    farewell(call, party, speaks, reason, &mut self.out);
                }
                self.leave(call);
                self.close(call, &session.parties)
            }
        };
        self.out.push_back(Effect::Settled(None));
        self.tell(Tell::Ended { with, reason });
    }

    fn close(&mut self, call: CallId, parties: &[Party]) -> Vec<Name> {
        self.out.push_back(Effect::Media(CallCommand::Close(call)));
        self.out.push_back(Effect::Over(parties.iter().filter_map(Party::account).collect()));
        names(parties)
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
}

/// To whom something sealed is said at the end.
#[derive(Clone, Copy)]
enum Speaks {
    /// The call is not encrypted: its words are the server's.
    Never,
    ToMembers,
    ToAll,
}

impl Session {
    /// Whether those who ring hear it from us when it is over: we called them, and nobody is in to whom the call goes
    /// on.
    fn rings_others(&self) -> bool {
        let somebody_in = self.parties.iter().any(|party| party.seat().is_some());
        !matches!(self.role, Role::Callee { .. }) && !somebody_in
    }

    fn speaks(&self, to_all: bool) -> Speaks {
        match (self.room.is_plain(), to_all) {
            (true, _) => Speaks::Never,
            (false, true) => Speaks::ToAll,
            (false, false) => Speaks::ToMembers,
        }
    }
}

/// The sealed HANGUP, unless they said it first; and nothing is said to them again.
fn farewell(call: CallId, party: &Party, speaks: Speaks, reason: EndReason, out: &mut VecDeque<Effect>) {
    let Some(to) = party.account() else { return };
    let seats = match (&party.stage, speaks) {
        (_, Speaks::Never) | (Stage::Out, _) | (Stage::Invited { .. }, Speaks::ToMembers) => return,
        (Stage::Meeting(_) | Stage::In(_), _) => party.seat().into_iter().collect(),
        (Stage::Invited { .. }, Speaks::ToAll) => party.seats.clone(),
    };
    let says = match reason {
        EndReason::HungUp | EndReason::NoAnswer | EndReason::Lost | EndReason::Failed | EndReason::Gone => {
            true
        }
        EndReason::TheyHungUp
        | EndReason::Asleep(_)
        | EndReason::Declined
        | EndReason::Busy
        | EndReason::Taken
        | EndReason::Missed => false,
    };
    for device in seats.into_iter().filter_map(|seat| seat.device) {
        out.push_back(Effect::Settled(Some(device)));
        if says {
            out.push_back(Effect::Seal { call, to, device, body: Body::HangUp(call), keep: false });
        }
    }
}
