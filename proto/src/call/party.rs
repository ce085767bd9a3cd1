//! Who is in a call or invited to it, as this end knows it: one party for each account, whatever devices it has.

use crate::id::{DeviceId, Fingerprint, Name, Principal, Ssrc};
use crate::time::Time;
use crate::wire::record::Grant;

/// A place of a party in the call's room: one of its devices, or a guest's only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    /// None for a guest.
    pub(super) device: Option<DeviceId>,
    pub(super) ssrc: Ssrc,
}

/// Somebody else in the call.
#[derive(Clone, Debug)]
pub(super) struct Party {
    pub(super) name: Name,
    pub(super) principal: Principal,
    pub(super) seats: Vec<Seat>,
    pub(super) stage: Stage,
    /// A key of ours was sealed for the device that is in.
    pub(super) given: bool,
    /// We were away, and may have missed a key of theirs: ours goes to them as a question.
    pub(super) asks_again: bool,
}

/// How far somebody is.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Not in, and may still come; `rings` when a device of theirs said so.
    Invited { rings: bool },
    /// In, and their key is not here yet.
    Meeting(Meeting),
    /// In: their key is here, or none is needed.
    In(Seat),
    /// Not any more.
    Out,
}

/// Two who are in and do not hear each other yet.
#[derive(Clone, Debug)]
pub(super) struct Meeting {
    pub(super) seat: Seat,
    /// We are the one who came later: ours is the ACCEPT, theirs the answer.
    pub(super) asks: bool,
    /// There is a session with the device.
    pub(super) met: bool,
    /// When something is said again, or for the first time if they were to speak first and did not.
    pub(super) again_at: Time,
    /// When it is given up.
    pub(super) until: Time,
}

impl Party {
    pub(super) fn new(name: Name, principal: Principal) -> Self {
        let (seats, stage) = (Vec::new(), Stage::Invited { rings: false });
        Self { name, principal, seats, stage, given: false, asks_again: false }
    }

    /// The parties of a room, in the order the server names them.
    pub(super) fn all(grant: &Grant) -> Vec<Self> {
        let mut parties: Vec<Self> = Vec::new();
        for member in &grant.members {
            let seat = Seat { device: member.device, ssrc: member.ssrc };
            if let Some(party) = parties.iter_mut().find(|p| p.principal == member.principal) {
                party.seats.push(seat);
                continue;
            }
            let mut party = Self::new(member.name.clone(), member.principal.clone());
            party.seats.push(seat);
            parties.push(party);
        }
        parties
    }

    pub(super) fn account(&self) -> Option<Fingerprint> {
        match &self.principal {
            Principal::Key(account) => Some(*account),
            Principal::Guest(_) => None,
        }
    }

    /// The place of this device, if the server knows it in the room.
    pub(super) fn seat_of(&self, device: Option<DeviceId>) -> Option<Seat> {
        self.seats.iter().copied().find(|seat| seat.device == device)
    }

    /// The place that is in.
    pub(super) fn seat(&self) -> Option<Seat> {
        match &self.stage {
            Stage::Meeting(meeting) => Some(meeting.seat),
            Stage::In(seat) => Some(*seat),
            Stage::Invited { .. } | Stage::Out => None,
        }
    }

    pub(super) fn is_out(&self) -> bool {
        matches!(self.stage, Stage::Out)
    }

    pub(super) fn is_invited(&self) -> bool {
        matches!(self.stage, Stage::Invited { .. })
    }

    pub(super) fn meeting(&mut self) -> Option<&mut Meeting> {
        match &mut self.stage {
            Stage::Meeting(meeting) => Some(meeting),
            Stage::Invited { .. } | Stage::In(_) | Stage::Out => None,
        }
    }

    /// Whether a key of ours can be sealed for the device that is in.
    pub(super) fn takes_keys(&self) -> bool {
        match &self.stage {
            Stage::Meeting(meeting) => meeting.met,
            Stage::In(_) => true,
            Stage::Invited { .. } | Stage::Out => false,
        }
    }
}
