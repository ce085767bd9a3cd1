//! The words of the call machine: what happens, what it wants done, and what each phase of a call knows.

use core::time::Duration;

use crate::call::keys::Keys;
use crate::call::party::{Party, Seat};
use crate::crypto::envelope::Body;
use crate::drop::Drop;
use crate::id::{CallId, DeviceId, Fingerprint, Name, Principal, Ssrc};
use crate::media::{CallCommand, CallEvent};
use crate::time::Time;
use crate::wire::record::{Grant, MemberState, Why};
use crate::wire::request::Request;

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// We hung up or declined.
    HungUp,
    /// They hung up.
    TheyHungUp,
    /// They said no.
    Declined,
    /// They are in another call.
    Busy,
    /// Nobody answered in time.
    NoAnswer,
    /// They are not connected.
    Gone,
    /// Another device of ours took it.
    Taken,
    /// The caller stopped before we answered: a missed call.
    Missed,
    /// No sound came for 15 s.
    Lost,
    /// The others left while our own end stood still for so long: its machine slept, or the program was stopped. No machine
    /// here knows that; whoever reads the clock of the system may.
    Asleep(Duration),
    /// It could not be set up: no session, no relay, refused by the server.
    Failed,
}

/// A device, as the opened message and its account's signed device list prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Speaker {
    pub(crate) account: Fingerprint,
    pub(crate) device: DeviceId,
    /// Under which name they are a contact. None for somebody who is only in the same call.
    pub(crate) contact: Option<Name>,
}

/// Somebody to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Callee {
    pub(crate) name: Name,
    pub(crate) principal: Principal,
}

/// What happens to the call.
#[derive(Debug)]
pub(crate) enum Act {
    /// The user calls contacts; who is called without encryption was agreed to.
    Place(Vec<Callee>),
    /// The user answers. Nothing else makes a microphone open on the ringing side.
    Answer,
    /// The user declines.
    Decline,
    /// The user hangs up.
    HangUp,
    /// 358.
    Granted(Grant),
    /// 211, from this contact; no principal for somebody who is none.
    Rung(Name, Option<Principal>),
    /// 209: these were in before us.
    Before(Vec<Name>),
    /// 359.
    Member { call: CallId, name: Name, state: MemberState, device: Option<DeviceId> },
    /// 360 to a request of this machine.
    Refused(Asked, Why, String),
    /// An opened call message.
    Said { by: Speaker, body: Body },
    /// There is a session with this device, which was wanted by [`Effect::Meet`].
    Met(CallId, DeviceId),
    /// None came in time.
    Unsealed(CallId, DeviceId),
    /// This device is taken off its account's list.
    Revoked(Fingerprint, DeviceId),
    /// This device of the account made a session with us.
    Rekeyed(Fingerprint, DeviceId),
    /// Nothing goes to these any longer, and nothing comes from them.
    Shun(Principal),
    /// The media machine.
    Media(CallEvent),
    /// Logged in; the relay is there.
    Online(core::net::SocketAddr),
    /// The connection is gone.
    Offline,
    /// The deadline passed.
    Timeout,
}

/// Which of our requests a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Call,
    Accept,
    Rejoin,
}

/// What the call wants done.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Send; a refusal changes nothing.
    Send(Request),
    /// Send; a refusal comes back under this name.
    Ask(Asked, Request),
    /// Make sure of a session with this device; answered with [`Act::Met`] or [`Act::Unsealed`].
    Meet {
        call: CallId,
        to: Fingerprint,
        device: DeviceId,
    },
    /// Seal for this device and send; `keep` the sealed bytes until [`Effect::Settled`] or the next that are kept.
    Seal {
        call: CallId,
        to: Fingerprint,
        device: DeviceId,
        body: Body,
        keep: bool,
    },
    /// Send the kept bytes again: those for this device, or all.
    Resend(Option<DeviceId>),
    /// Say again what was kept for this device, not sooner than a while after it was said: they did not get it.
    AnswerRepeat(DeviceId),
    /// Forget the kept bytes: those for this device, or all.
    Settled(Option<DeviceId>),
    /// The call is over; these accounts were in it or invited.
    Over(Vec<Fingerprint>),
    Media(CallCommand),
    Tell(Tell),
    Drop(Drop),
}

/// What people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    Incoming { from: Name, others: Vec<Name>, guests: Vec<Name>, plain: bool },
    Calling { to: Vec<Name>, plain: bool },
    Ringing(Name),
    Joined { who: Name, ssrc: Ssrc, plain: bool },
    Heard(Name),
    Parted { who: Name, reason: EndReason },
    Ended { with: Vec<Name>, reason: EndReason },
    Refused { why: Why, text: String },
}

/// Where a call is. Each phase holds what it needs and no more: none holds a key, and only a human's yes, to a call
/// or by calling, makes a [`Session`].
#[derive(Clone, Debug)]
pub(super) enum Phase {
    Idle,
    /// 100 is said; the server has not given a room yet. Some may be refused before it does.
    Placing {
        to: Vec<Callee>,
        refused: Vec<Name>,
        until: Time,
    },
    /// Somebody calls. Bound at the relay; no microphone, no key.
    Ringing {
        caller: Caller,
        parties: Vec<Party>,
        room: Room,
        until: Time,
    },
    /// We called or said yes. Whether sound is open says [`Session::sound`].
    Up(Box<Session>),
}

impl Phase {
    /// The call's room, once there is one.
    pub(super) fn room(&self) -> Option<&Room> {
        match self {
            Self::Idle | Self::Placing { .. } => None,
            Self::Ringing { room, .. } => Some(room),
            Self::Up(session) => Some(&session.room),
        }
    }
}

/// A call that this end wants.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) room: Room,
    pub(super) role: Role,
    pub(super) parties: Vec<Party>,
    pub(super) sound: Sound,
    /// Who was in before us, as 209 says.
    pub(super) before: Vec<Name>,
    /// Who is not in by then is not coming.
    pub(super) until: Time,
}

/// How we came into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// We called.
    Caller,
    /// We called somebody who called us at the same moment: their room counts, and their offer is on its way.
    Crossed { caller: Name },
    /// We answered.
    Callee { caller: Caller },
}

/// What may be heard, and by whom we are.
#[derive(Clone, Debug)]
pub(super) enum Sound {
    /// Nobody's sealed yes is here yet.
    Closed,
    /// Open, with a key of our own.
    Sealed(Keys),
    /// Open, and not encrypted.
    Plain,
}

/// Who made a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) name: Name,
    /// Whose sealed offer it was; none in a call that is not encrypted.
    pub(super) by: Option<(Fingerprint, DeviceId)>,
}

impl Caller {
    pub(super) fn is(&self, by: &Speaker) -> bool {
        self.by == Some((by.account, by.device))
    }

    pub(super) fn device(&self) -> Option<DeviceId> {
        self.by.map(|(_, device)| device)
    }
}

/// A place in a room of the relay.
#[derive(Clone, Debug)]
pub(super) struct Room {
    pub(super) grant: Grant,
    pub(super) renew_at: Time,
}

impl Room {
    pub(super) fn call(&self) -> CallId {
        self.grant.call
    }

    /// Whether we have a ticket. Rung by a call that is not encrypted, it comes with the yes.
    pub(super) fn is_seated(&self) -> bool {
        *self.grant.ticket != [0; 32]
    }

    /// Whether a call in it is not encrypted.
    pub(super) fn is_plain(&self) -> bool {
        self.grant.plain || self.has_guest()
    }

    pub(super) fn has_guest(&self) -> bool {
        self.grant.members.iter().any(|m| matches!(m.principal, Principal::Guest(_)))
    }

    pub(super) fn holds(&self, principal: &Principal) -> bool {
        self.grant.members.iter().any(|m| m.principal == *principal)
    }
}

/// A room the server gave us unasked: a call that may ring once its offer is here.
#[derive(Clone, Debug)]
pub(super) struct Announced {
    pub(super) room: Room,
    pub(super) parties: Vec<Party>,
    /// Whose 211 it came with; none when it came alone.
    pub(super) rung: Option<Name>,
    pub(super) offer: Option<Caller>,
    pub(super) until: Time,
}

/// Names of all parties.
pub(super) fn names(parties: &[Party]) -> Vec<Name> {
    parties.iter().map(|party| party.name.clone()).collect()
}

impl Session {
    pub(super) fn call(&self) -> CallId {
        self.room.call()
    }

    /// The party of an account that may speak here: still in it or coming.
    pub(super) fn party_of(&mut self, account: Fingerprint) -> Option<&mut Party> {
        self.parties.iter_mut().find(|p| p.account() == Some(account) && !p.is_out())
    }

    /// Whose stream this is, if they are in.
    pub(super) fn position_of(&self, ssrc: Ssrc) -> Option<usize> {
        self.parties.iter().position(|p| p.seat().is_some_and(|seat: Seat| seat.ssrc == ssrc))
    }

    /// Whether nobody is left to talk to.
    pub(super) fn is_alone(&self) -> bool {
        self.parties.iter().all(Party::is_out)
    }
}
