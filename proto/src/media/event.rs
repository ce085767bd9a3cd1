//! What the media agent tells. Plain owned data, like its commands.

use core::net::SocketAddr;
use core::time::Duration;

use crate::id::{CallId, Ssrc};
use crate::limits::COPIES_MAX;
use crate::media::appraise::Appraisal;
use crate::media::command::BaseKey;
use crate::media::processing::Processing;
use crate::media::tools::ToolEvent;
use crate::safe::Safe;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub enum AgentEvent {
    /// For the client machine.
    Call(CallEvent),
    /// For the screen.
    Sound(SoundEvent),
}

/// What the media machine tells the client.
#[derive(Clone, PartialEq, Eq)]
pub enum CallEvent {
    /// The relay has bound us.
    Bound(CallId),
    /// Our sender key of this generation; the client seals it for the members and forgets it.
    Key {
        /// The call.
        call: CallId,
        /// Key generation, 0 to 31.
        generation: u8,
        /// Ratchet step within the generation, 0 to 7.
        step: u8,
        /// What the sender key was derived from.
        base_key: BaseKey,
    },
    /// The first packet of this member was opened.
    Heard {
        /// The call.
        call: CallId,
        /// The member's stream.
        ssrc: Ssrc,
    },
    /// The member hung up, said in its sealed stream.
    HungUp {
        /// The call.
        call: CallId,
        /// The member's stream.
        ssrc: Ssrc,
    },
    /// Nothing of this member was opened for [`crate::limits::MEDIA_SILENCE_MAX`], or on hold for
    /// [`crate::limits::HOLD_MAX`].
    Quiet {
        /// The call.
        call: CallId,
        /// The member's stream.
        ssrc: Ssrc,
    },
    /// Nothing was opened of anybody for [`crate::limits::MEDIA_SILENCE_MAX`], or, with somebody on hold, for
    /// [`crate::limits::HOLD_MAX`].
    Silent(CallId),
    /// A call without a relay cannot have its address: it has no voice and never will.
    Unbound {
        /// The call.
        call: CallId,
        /// Which address, what is in the way and what to do, in a sentence.
        why: Safe,
    },
}

impl core::fmt::Debug for CallEvent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Bound(call) => write!(f, "Bound({call:?})"),
            Self::Key { call, generation, step, .. } => {
                write!(f, "Key({call:?}, generation {generation} step {step})")
            }
            Self::Heard { call, ssrc } => write!(f, "Heard({call:?}, {ssrc:?})"),
            Self::HungUp { call, ssrc } => write!(f, "HungUp({call:?}, {ssrc:?})"),
            Self::Quiet { call, ssrc } => write!(f, "Quiet({call:?}, {ssrc:?})"),
            Self::Silent(call) => write!(f, "Silent({call:?})"),
            Self::Unbound { call, why } => write!(f, "Unbound({call:?}, {why:?})"),
        }
    }
}

/// What the agent tells the screen.
#[derive(Clone, Debug, PartialEq)]
pub enum SoundEvent {
    /// The microphone changed.
    Microphone(HalfState),
    /// The speaker changed.
    Speaker(HalfState),
    /// The devices there are.
    Devices(DeviceList),
    /// How loud it is right now.
    Levels(Levels),
    /// How well it goes, once a second while a call is open.
    Statistics(Box<Statistics>),
    /// A member says something new of itself.
    Member(MemberState),
    /// Something else is done to our own voice, or for another reason.
    Processing(Processing),
    /// From the tools around the call.
    Tool(ToolEvent),
    /// What was asked of the devices cannot be done, and all stays as it is: why, in a sentence.
    Refused(Safe),
}

/// What a member says of itself. Nothing is known before it is told: then neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberState {
    /// Who.
    pub ssrc: Ssrc,
    /// Sends no voice, on purpose.
    pub muted: bool,
    /// Keeps what is said.
    pub recording: bool,
    /// Says nothing for a while, and will be back.
    pub on_hold: bool,
}

/// The names of the devices of a sound system, each as it can be chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceList {
    /// Sound in.
    pub microphones: Vec<Safe>,
    /// Sound out.
    pub speakers: Vec<Safe>,
}

/// The state of one half of the sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HalfState {
    /// Not in use.
    Closed,
    /// Not in use, and the device that was chosen is not there now.
    Absent {
        /// The one that was chosen.
        wanted: Safe,
        /// The one that would be taken in its place; none when there is no other.
        instead: Option<Safe>,
    },
    /// Works.
    Open {
        /// The device.
        name: Safe,
        /// From the Open command to the first callback.
        opened_in: Duration,
        /// The one that was chosen, when that is not there and this one was taken in its place.
        wanted: Option<Safe>,
    },
    /// Does not work; the call goes on with the other half.
    Failed {
        /// What happened and what to do, in a sentence.
        why: Safe,
    },
}

/// Peak levels since the last ones, in dB below full scale, -90 to 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels {
    /// The microphone; -90 when muted.
    pub microphone: f32,
    /// What is played of each member.
    pub speakers: Vec<(Ssrc, f32)>,
}

/// Figures of an open call. Counts are since its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Round trip to the other side by reports; none before the first answer.
    pub round_trip: Option<Duration>,
    /// Share of their packets that did not come, 0 to 1, over the last 10 s.
    pub loss_in: f32,
    /// Share of our packets that they report missing, 0 to 1.
    pub loss_out: f32,
    /// Mean deviation of arrivals (RFC 3550 section 6.4.1).
    pub jitter: Duration,
    /// Depth of the playout buffer.
    pub buffer: Duration,
    /// Packets opened.
    pub opened: u64,
    /// Packets lost for good.
    pub lost: u64,
    /// Frames repaired by forward error correction.
    pub repaired: u64,
    /// Frames made up by concealment.
    pub concealed: u64,
    /// Packets that came too late to be played.
    pub late: u64,
    /// Bits per second of Opus we send.
    pub bitrate: u32,
    /// Duration of the frames we send.
    pub frame: Duration,
    /// We send in the codec's mode of least delay.
    pub low_delay: bool,
    /// Silence is sent short: whoever sees the sizes of packets sees when we speak.
    pub dtx: bool,
    /// Samples lost between callbacks and rings, both ways.
    pub overruns: u64,
    /// Opus repairs single losses by itself (in-band forward error correction).
    pub fec: bool,
    /// Copies of earlier frames that go with each packet: how many frames back each reaches; 0 for none.
    pub copies: [u8; COPIES_MAX],
    /// Bits per second of Opus that were sent in the last second, without copies.
    pub payload: u32,
    /// Bits per second on the wire, out and in: with seals, headers, reports and copies.
    pub wire: (u32, u32),
    /// Our own address towards the network, where it is known.
    pub local: Option<SocketAddr>,
    /// What 99 of 100 turns of the voice thread did not take longer than since the call began.
    pub turn: Duration,
    /// Of each member.
    pub members: Vec<MemberStatistics>,
    /// What all this means.
    pub appraisal: Appraisal,
}

/// The way to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Through the relay at this address.
    Relay(SocketAddr),
    /// Straight to them.
    Direct(SocketAddr),
}

/// Figures of one member: `in` is their voice here, `out` is ours there, as they say. What they never told is zero.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberStatistics {
    /// Who.
    pub ssrc: Ssrc,
    /// They tell what becomes of our voice.
    pub told: bool,
    /// They say that their microphone is muted.
    pub muted: bool,
    /// The way to them, where it is known.
    pub path: Option<Path>,
    /// Round trip by reports; none before the first answer.
    pub round_trip: Option<Duration>,
    /// Share of packets that did not come, 0 to 1, over the last 10 s.
    pub loss_in: f32,
    /// The same of ours.
    pub loss_out: f32,
    /// Mean length of the runs of lost packets over the last 10 s, in packets; 0 for none.
    pub burst_in: f32,
    /// The same of ours.
    pub burst_out: f32,
    /// Mean deviation of arrivals (RFC 3550 section 6.4.1).
    pub jitter_in: Duration,
    /// The same of ours.
    pub jitter_out: Duration,
    /// Share of frames over the last 10 s that were invented although everything was tried, 0 to 1.
    pub concealed_in: f32,
    /// The same of ours.
    pub concealed_out: f32,
    /// Delay of the playout buffer.
    pub buffer_in: Duration,
    /// The same there.
    pub buffer_out: Duration,
    /// Frames repaired here since the call began, by copies of any kind.
    pub repaired: u64,
    /// Our own voice comes back from them.
    pub echo_from_them: bool,
    /// They say that their voice comes back from us.
    pub echo_from_us: bool,
    /// They say that their microphone gives less than it should.
    pub microphone_trouble: bool,
    /// They say that their speaker is not fed as it should be.
    pub speaker_trouble: bool,
}

impl MemberStatistics {
    /// Of a member of whom nothing is known.
    pub fn of(ssrc: Ssrc) -> Self {
        Self {
            ssrc,
            told: false,
            muted: false,
            path: None,
            round_trip: None,
            loss_in: 0.0,
            loss_out: 0.0,
            burst_in: 0.0,
            burst_out: 0.0,
            jitter_in: Duration::ZERO,
            jitter_out: Duration::ZERO,
            concealed_in: 0.0,
            concealed_out: 0.0,
            buffer_in: Duration::ZERO,
            buffer_out: Duration::ZERO,
            repaired: 0,
            echo_from_them: false,
            echo_from_us: false,
            microphone_trouble: false,
            speaker_trouble: false,
        }
    }
}
