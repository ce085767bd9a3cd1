//! Calls that are not encrypted, because a guest is in their room: guests have no keys. The server's words alone say
//! who is in, and none of ours is sealed. Consent is asked for before such a call comes here; a call never becomes one,
//! and one between keys alone is refused, since only a server would want that.

use crate::call::Call;
use crate::call::party::{Meeting, Party, Stage};
use crate::call::phase::{Callee, Caller, Effect, Phase, Role, Room, Session, Sound, Tell};
use crate::id::{DeviceId, Name, Principal};
use crate::limits::RING_TIME_MAX;
use crate::media::CallCommand;
use crate::time::Time;
use crate::wire::record::{MemberState, Why};
use crate::wire::request::Request;

impl Call {
    /// The guests of a call that rings and is not encrypted: with whom one agrees to that by answering.
    pub(crate) fn guests_ringing(&self) -> Vec<Name> {
        let Phase::Ringing { parties, .. } = &self.phase else { return Vec::new() };
        let guests = parties.iter().filter(|party| matches!(party.principal, Principal::Guest(_)));
        guests.map(|party| party.name.clone()).collect()
    }

    /// The contact that rings us from this room, which is not encrypted.
    pub(super) fn plain_caller(&self, room: &Room) -> Option<Caller> {
        if !room.is_plain() {
            return None;
        }
        let is_in = |(_, (principal, _)): &(&Name, &(Option<Principal>, Time))| {
            principal.as_ref().is_some_and(|principal| room.holds(principal))
        };
        let (name, _) = self.rung.iter().find(is_in)?;
        Some(Caller { name: name.clone(), by: None })
    }

    /// The server says that a call between keys is not encrypted.
    pub(super) fn refuse_downgrade(&mut self, room: &Room) {
        let who = self.caller_in(room).map_or("somebody".to_owned(), |name| name.to_string());
        let text = format!(
            "{who} called, but the server wants that call unencrypted although all have keys; refused"
        );
        self.refuse(Why::Unsupported, text);
        if self.online {
            self.out.push_back(Effect::Send(Request::RejectCall(Some(room.call()))));
        }
    }

    /// A human said yes to the ringing call. The server answers with a ticket, and then with who is in: that opens
    /// the sound.
    pub(super) fn accept_plain(&mut self, caller: Caller, mut parties: Vec<Party>, room: Room, now: Time) {
        if let Some(party) = parties.iter_mut().find(|p| p.name == caller.name && !p.is_out())
            && let Some(seat) = party.seats.first().copied()
        {
            // The server has to say that they are in before long.
            party.stage = Stage::Meeting(Meeting::new(seat, false, now));
        }
        let (role, until) = (Role::Callee { caller }, now + RING_TIME_MAX);
        let sound = Sound::Closed;
        self.phase = Phase::Up(Box::new(Session { room, role, parties, sound, before: Vec::new(), until }));
    }

    /// 359 in such a call: true when it says that somebody rings or is in.
    pub(super) fn plain_state(&mut self, at: usize, state: MemberState, device: Option<DeviceId>) -> bool {
        let Phase::Up(session) = &mut self.phase else { return false };
        let (call, seated) = (session.room.call(), session.room.is_seated());
        let party = &mut session.parties[at];
        match (state, &mut party.stage) {
            // We said yes, and the server has not heard it. It will say who is in again, after our ticket: until then
            // there is no place to open sound at.
            (MemberState::Joined, _) if !seated => true,
            (MemberState::Ringing, Stage::Invited { rings }) => {
                if !core::mem::replace(rings, true) {
                    let name = party.name.clone();
                    self.tell(Tell::Ringing(name));
                }
                true
            }
            (MemberState::Joined, Stage::Invited { .. } | Stage::Meeting(_)) => {
                let only = party.seats.first().copied().filter(|_| party.seats.len() == 1);
                let Some(seat) = party.seat_of(device).or(only) else { return true };
                party.stage = Stage::In(seat);
                let who = party.name.clone();
                if matches!(session.sound, Sound::Closed) {
                    session.sound = Sound::Plain;
                    self.out.push_back(Effect::Media(CallCommand::OpenPlain(call)));
                }
                self.out.push_back(Effect::Media(CallCommand::ListenPlain { call, ssrc: seat.ssrc }));
                self.tell(Tell::Joined { who, ssrc: seat.ssrc, plain: true });
                true
            }
            (
                MemberState::Ringing
                | MemberState::Joined
                | MemberState::Busy
                | MemberState::Declined
                | MemberState::NoAnswer
                | MemberState::Left
                | MemberState::Gone
                | MemberState::Taken,
                _,
            ) => false,
        }
    }
}

/// Whether a room that the server gives for a call may be as it says; else what people are told. Whoever is not
/// encrypted with was called, and so agreed to.
pub(super) fn may_be_plain(room: &Room, to: &[Callee]) -> Result<(), &'static str> {
    let called = |principal: &Principal| to.iter().any(|callee| callee.principal == *principal);
    let mut guests = room.grant.members.iter().filter(|m| matches!(m.principal, Principal::Guest(_)));
    if room.grant.plain && !room.has_guest() {
        return Err("the server wants this call unencrypted although all have keys; it was not made");
    }
    if !guests.all(|guest| called(&guest.principal)) {
        return Err("they are in a call that is not encrypted, with others than you called; it was left");
    }
    Ok(())
}
