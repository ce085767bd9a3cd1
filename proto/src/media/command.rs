//! What the media agent is told. Plain owned data without handles or references, so that a later version can put
//! the agent on another machine by giving it a wire encoding (DESIGN section 2.1).

use core::net::SocketAddr;
use core::time::Duration;

use zeroize::Zeroizing;

use super::processing::{Part, Wish};
use super::tools::ToolCommand;
use crate::id::{CallId, RelayId, Ssrc};
use crate::media::plan::DelayMode;
use crate::wire::report::ReportFlags;

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
    /// The same for a call that is not encrypted: no key is drawn, voice travels as RTP payload type 98.
    OpenPlain(CallId),
    /// Opens a call of a plain protocol, which has no relay: datagrams of `form` go from `local` to each member's own
    /// address. Nothing was bound before.
    OpenDirect {
        /// The call; only a name here.
        call: CallId,
        /// What the datagrams look like.
        form: DirectForm,
        /// Where to bind.
        local: SocketAddr,
    },
    /// From now on this member's packets can be opened.
    Listen {
        /// The call.
        call: CallId,
        /// The member's stream.
        ssrc: Ssrc,
        /// Key generation, 0 to 31.
        generation: u8,
        /// Ratchet step of `base_key`, 0 to 7 (RFC 9605 section 5.1).
        step: u8,
        /// What the sender derives its key from.
        base_key: BaseKey,
    },
    /// From now on this member's plain voice is played. Only in a call opened by [`Self::OpenPlain`].
    ListenPlain {
        /// The call.
        call: CallId,
        /// The member's stream.
        ssrc: Ssrc,
    },
    /// This member of a direct call is at this address: voice goes there, and what comes from its IP is theirs.
    Meet {
        /// The call.
        call: CallId,
        /// A number for the member's stream; only a name here.
        ssrc: Ssrc,
        /// Where they listen.
        at: SocketAddr,
    },
    /// Sound of a member that was met, which came by the TCP connection of a seed B call: it is played as if it had come
    /// in a datagram of theirs. Only in a call of [`DirectForm::Text`].
    Arrived {
        /// The call.
        call: CallId,
        /// The member's stream.
        ssrc: Ssrc,
        /// One Opus packet of 10 ms, 1 to [`crate::limits::TEXT_OPUS_BYTES_MAX`] bytes. Anything else is dropped.
        opus: Vec<u8>,
    },
    /// The member is out: its keys are forgotten, and nothing of it is played.
    Deafen {
        /// The call.
        call: CallId,
        /// The member's stream.
        ssrc: Ssrc,
    },
    /// Move our sender key one ratchet step, at once: somebody joined who must not open what was said before.
    /// Answered with [`super::event::CallEvent::Key`]. A key of step 1 to 7 is for who joined: the others step by
    /// themselves when they open the first packet of it. A key of step 0 is a new generation, or one that is being
    /// changed to, and is for everybody in the call, who joined included: after step 7, and while a renewal is pending.
    Step(CallId),
    /// Draw a sender key of the next generation: somebody left. Answered at once with
    /// [`super::event::CallEvent::Key`], which is for everybody still in;
    /// sent with [`crate::limits::RENEW_SWITCH_AFTER`] later. Another one before that takes the place of the first,
    /// whose key is never used then: every answer counts.
    Renew(CallId),
    /// Stop: say so in the sealed stream if it is open, close the devices, forget the keys.
    Close(CallId),
}

impl core::fmt::Debug for CallCommand {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Bind(place) => write!(f, "Bind({place:?})"),
            Self::Open(call) => write!(f, "Open({call:?})"),
            Self::OpenPlain(call) => write!(f, "OpenPlain({call:?})"),
            Self::OpenDirect { call, form, local } => write!(f, "OpenDirect({call:?}, {form:?}, {local})"),
            Self::Listen { call, ssrc, generation, step, .. } => {
                write!(f, "Listen({call:?}, {ssrc:?}, generation {generation} step {step})")
            }
            Self::ListenPlain { call, ssrc } => write!(f, "ListenPlain({call:?}, {ssrc:?})"),
            Self::Meet { call, ssrc, at } => write!(f, "Meet({call:?}, {ssrc:?}, {at})"),
            Self::Arrived { call, ssrc, opus } => {
                write!(f, "Arrived({call:?}, {ssrc:?}, {} bytes)", opus.len())
            }
            Self::Deafen { call, ssrc } => write!(f, "Deafen({call:?}, {ssrc:?})"),
            Self::Step(call) => write!(f, "Step({call:?})"),
            Self::Renew(call) => write!(f, "Renew({call:?})"),
            Self::Close(call) => write!(f, "Close({call:?})"),
        }
    }
}

/// What the datagrams of a call without a relay look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectForm {
    /// Seed A's 272 bytes.
    Binary,
    /// Seed B's packet 014, in base64.
    Text,
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

/// How it is with ourselves, as the others should know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Our voice is stopped at its source.
    pub muted: bool,
    /// We keep what is said.
    pub recording: bool,
    /// We are about to stand still, and will be back.
    pub on_hold: bool,
    /// Our microphone fails, or gives less than it should.
    pub microphone_trouble: bool,
    /// Our speaker fails, or is not fed as it should be.
    pub speaker_trouble: bool,
}

impl Condition {
    /// As a report says it.
    pub(super) fn flags(self) -> ReportFlags {
        let Self { muted, recording, on_hold, microphone_trouble, speaker_trouble } = self;
        ReportFlags {
            muted,
            recording,
            on_hold,
            microphone_trouble,
            speaker_trouble,
            ..ReportFlags::default()
        }
    }
}

/// What the screen tells the instrument half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoundCommand {
    /// Stop capture at the source, or go on.
    Mute(bool),
    /// The program is about to stand still, or goes on: the others are told, and wait for us longer. It mutes nothing.
    Hold(bool),
    /// Use this device from now on (the text of `--device`, or a listed name). One that is not there is told with
    /// [`super::event::HalfState`], and which is taken instead.
    Device(String),
    /// Use this microphone from now on (a listed name, or `default`), and leave the speaker as it is. Refused where the
    /// sound is no card's.
    Microphone(String),
    /// Use this speaker from now on (a listed name, or `default`), and leave the microphone as it is. Refused likewise.
    Speaker(String),
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
    /// What is dearer, delay or sound; from now on, in this call and those to come.
    Delay(DelayMode),
    /// Our packets carry frames of this duration from now on, whatever the network is like: 5, 10 or 20 ms; zero to
    /// have it decided again. Calls that are not encrypted keep theirs.
    FrameDuration(Duration),
    /// Whether silence is sent in as few bytes as it takes (discontinuous transmission), which tells whoever sees the sizes
    /// of packets when we speak. Calls that are not encrypted keep their frames.
    Dtx(bool),
    /// What is to be done to our own voice from now on.
    Process {
        /// One part of it.
        part: Part,
        /// Always, never, or as it is needed.
        wish: Wish,
    },
    /// For the tools around the call.
    Tool(ToolCommand),
    /// A short soft tone, for our own ears only. Without an open call there is nothing to play it on.
    Earcon(Earcon),
}

/// What a tone says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earcon {
    /// Somebody is in the call.
    Joined,
    /// Somebody is out of it.
    Left,
    /// Our microphone is muted.
    Muted,
    /// It is not any more.
    Unmuted,
}
