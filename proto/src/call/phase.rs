//! The words of the call machine: what happens, what it wants done, and what each phase of a call knows.

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
    /// It could not be set up: no session, no relay, refused by the server.
    Failed,
}

/// A contact's device, as the opened message and the signed device list prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Speaker {
    pub(crate) account: Fingerprint,
    pub(crate) device: DeviceId,
    pub(crate) name: Name,
}

/// What happens to the call.
#[derive(Debug)]
pub(crate) enum Act {
    /// The user calls a contact.
    Place { to: Name, account: Fingerprint },
    /// The user answers. Nothing else makes a microphone open on the ringing side.
    Answer,
    /// The user declines.
    Decline,
    /// The user hangs up.
    HangUp,
    /// 358.
    Granted(Grant),
    /// 211.
    Rung(Name),
    /// 359.
    Member { call: CallId, name: Name, state: MemberState },
    /// 360 to a request of this machine.
    Refused(Asked, Why, String),
    /// An opened call message.
    Said { by: Speaker, body: Body },
    /// No session with this device came in time to say it an offer.
    Unsealed(CallId, DeviceId),
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
    /// Seal for this device and send; `keep` the sealed bytes until [`Effect::Settled`].
    Seal {
        call: CallId,
        to: Fingerprint,
        device: DeviceId,
        body: Body,
        keep: bool,
    },
    /// Send the kept bytes again.
    Resend,
    /// Forget the kept bytes.
    Settled,
    Media(CallCommand),
    Tell(Tell),
    Drop(Drop),
}

/// What people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    Incoming(Name),
    Calling(Name),
    Ringing(Name),
    Live { with: Name, ssrc: Ssrc },
    Heard(Name),
    Ended { with: Name, reason: EndReason },
    Refused { why: Why, text: String },
}

/// Where a call is. Each phase holds what it needs and no more: none holds a key, and only [`Phase::Accepting`]
/// and [`Phase::Live`] were made by a human's yes.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    Idle,
    /// 100 is said; the server has not given a room yet.
    Placing {
        to: Name,
        account: Fingerprint,
        until: Time,
    },
    /// Bound at the relay, offers are out. `crossed` when they called us at the same moment.
    Calling {
        to: Name,
        account: Fingerprint,
        room: Room,
        rings: bool,
        crossed: bool,
        until: Time,
    },
    /// Their offer is here. Bound at the relay; no microphone, no key.
    Ringing {
        caller: Peer,
        room: Room,
        until: Time,
    },
    /// Our yes is out; their key is not here yet.
    Accepting {
        peer: Peer,
        room: Room,
        again_at: Time,
        until: Time,
    },
    /// Both talk.
    Live {
        peer: Peer,
        room: Room,
    },
}

impl Phase {
    /// The call's room, once there is one.
    pub(super) fn room(&self) -> Option<&Room> {
        match self {
            Self::Idle | Self::Placing { .. } => None,
            Self::Calling { room, .. }
            | Self::Ringing { room, .. }
            | Self::Accepting { room, .. }
            | Self::Live { room, .. } => Some(room),
        }
    }
}

/// The other end's device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) name: Name,
    pub(super) account: Fingerprint,
    pub(super) device: DeviceId,
    pub(super) ssrc: Ssrc,
}

impl Peer {
    pub(super) fn is(&self, by: &Speaker) -> bool {
        self.account == by.account && self.device == by.device
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

    /// The devices of this account that the server says are in the room.
    pub(super) fn devices(&self, account: Fingerprint) -> Vec<DeviceId> {
        let of = |m: &&crate::wire::record::Member| m.principal == Principal::Key(account);
        self.grant.members.iter().filter(of).filter_map(|m| m.device).collect()
    }

    /// The device that said something, if the server knows it in this room.
    pub(super) fn peer(&self, by: &Speaker) -> Option<Peer> {
        let is = |m: &&crate::wire::record::Member| {
            m.principal == Principal::Key(by.account) && m.device == Some(by.device)
        };
        let ssrc = self.grant.members.iter().find(is)?.ssrc;
        Some(Peer { name: by.name.clone(), account: by.account, device: by.device, ssrc })
    }
}

/// A room the server gave us unasked: a call that may ring once its offer is here.
#[derive(Clone, Debug)]
pub(super) struct Announced {
    pub(super) room: Room,
    pub(super) offer: Option<Peer>,
    pub(super) until: Time,
}
