//! What the media agent is told. Plain owned data without handles or references, so that a later version can put
//! the agent on another machine by giving it a wire encoding (DESIGN section 2.1).

use core::net::SocketAddr;
use core::time::Duration;

use zeroize::Zeroizing;

use crate::id::{CallId, RelayId, Ssrc};

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentCommand {
    /// About a call's sealed voice: only the client machine says these.
    Call(CallCommand),
    /// About devices and levels: only the screen says these.
    Sound(SoundCommand),
}

/// A secret of which every sender key of one generation is derived (RFC 9605 section 4.4.2).
pub type BaseKey = Zeroizing<[u8; 32]>;

/// What the client tells the media machine.
#[derive(Clone, PartialEq, Eq)]
pub enum CallCommand {
    /// Bind at the relay and stay bound. No microphone, no sending key: this is Placing and Ringing. The same call
    /// again renews its ticket.
    Bind(Place),
    /// A human said yes (or the other side's did, and we are the caller): draw a sender key, open the devices,
    /// send. Answered with [`super::event::CallEvent::Key`]. Only for the call that is bound.
    Open(CallId),
    /// From now on this member's packets can be opened.
    Listen {
        /// The call.
        call: CallId,
        /// The member's stream.
        ssrc: Ssrc,
        /// Key generation, 0 to 31.
        generation: u8,
        /// What the sender derives its key from.
        base_key: BaseKey,
    },
    /// Stop: say so in the sealed stream if it is open, close the devices, forget the keys.
    Close(CallId),
}

impl core::fmt::Debug for CallCommand {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Bind(place) => write!(f, "Bind({place:?})"),
            Self::Open(call) => write!(f, "Open({call:?})"),
            Self::Listen { call, ssrc, generation, .. } => {
                write!(f, "Listen({call:?}, {ssrc:?}, generation {generation})")
            }
            Self::Close(call) => write!(f, "Close({call:?})"),
        }
    }
}

/// A place at a relay: where, and the ticket that admits.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The call.
    pub call: CallId,
    /// The relay's address.
    pub relay_addr: SocketAddr,
    /// The room.
    pub relay: RelayId,
    /// One's own stream.
    pub ssrc: Ssrc,
    /// When the ticket ends, seconds since 1970.
    pub expiry: u32,
    /// The ticket. Secret between server and member.
    pub ticket: [u8; 32],
}

impl core::fmt::Debug for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "Place({:?} at {} room {:x} ssrc {:x})",
            self.call, self.relay_addr, self.relay.0, self.ssrc.0
        )
    }
}

/// What the screen tells the instrument half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoundCommand {
    /// Stop capture at the source, or go on.
    Mute(bool),
    /// Use this device from now on (the text of `--device`, or a listed name).
    Device(String),
    /// List the devices; answered with [`super::event::SoundEvent::Devices`].
    ListDevices,
    /// How loud a speaker is played, in percent, 0 to 200.
    Volume {
        /// Whose.
        ssrc: Ssrc,
        /// 100 is as sent.
        percent: u16,
    },
    /// How often levels and statistics are told while a call is open; zero for never.
    MeterEvery(Duration),
    /// The other side's packets carry frames of this duration from now on, and ours too: 5, 10 or 20 ms.
    FrameDuration(Duration),
}
