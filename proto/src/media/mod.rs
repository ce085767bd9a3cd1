//! The media agent's mind: what happens to sealed voice between the microphone and the network.
//!
//! A call is in one of these phases, and each is a type that owns what it may use:
//!
//! ```text
//! Idle ──Bind──> Bound { binding, keys that came early }
//!   │              └──Open──> Live { binding, outgoing, speakers }          Close, from anywhere ──> Idle
//!   └──OpenDirect──> Direct { members }
//! ```
//!
//! Only `Live` has an `Outgoing`, only an `Outgoing` has a sending key, and nothing but `Open` makes one: while it
//! rings, no code could seal a frame. The microphone is asked for in the same step.
//!
//! After `new`, voice moves without allocating: packets and frames are held in place, queues are made once. What a
//! command does may allocate. The relay is the only path of a sealed call. Calls that are not encrypted go through it in
//! clear (`OpenPlain`, with the same `Live`) or, in a plain protocol, straight to each member ([`direct`]).

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;

use crate::drop::Drop;
use crate::id::{CallId, Ssrc};
use crate::limits::{
    COPIES_MAX, HOLD_REPORTS, KEYLESS_PACKETS_MAX, KEYLESS_SENDERS_MAX, MEMBERS_MAX, REBIND_AFTER,
};
use crate::rng::Rng;
use crate::time::{Now, Time, earliest};
use crate::wire::report::ReportFlags;

pub mod appraise;
mod bind;
pub mod blame;
mod bursts;
mod ceiling;
pub mod command;
mod commands;
mod controller;
mod copies;
mod direct;
pub mod event;
mod evidence;
mod figures;
mod history;
mod keyless;
mod keys;
mod leaving;
mod outcome;
mod packets;
mod plan;
pub mod processing;
pub mod quality;
mod speakers;
mod streams;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod tools;

pub use command::{AgentCommand, BaseKey, CallCommand, Condition, DirectForm, Earcon, Place, SoundCommand};
pub use event::{
    AgentEvent, CallEvent, DeviceList, HalfState, Levels, MemberState, MemberStatistics, Path, SoundEvent,
    Statistics,
};
pub use plan::{DelayMode, EncoderPlan};
pub use streams::{OpusFrame, Packet};
pub use tools::{Tape, TapeState, ToolCommand, ToolEvent};

use bind::Binding;
use controller::Controller;
use direct::Direct;
use figures::Ears;
use keyless::Keyless;
use leaving::Leaving;
use speakers::{Silence, Speakers};
use streams::{Outgoing, PLAIN_FRAME, SILENCE};

/// What goes in.
#[derive(Debug)]
pub enum MediaInput<'a> {
    /// The client wants something.
    Command(CallCommand),
    /// The microphone gave one frame.
    Frame {
        /// One Opus packet.
        opus: &'a [u8],
        /// How much sound is in it.
        duration: Duration,
    },
    /// A datagram and its source.
    Datagram(SocketAddr, &'a [u8]),
    /// How it is with ourselves, told whenever it changes: the others hear of it at once.
    Condition(Condition),
    /// What is dearer to us, delay or sound; from now on, and for the calls to come.
    Delay(DelayMode),
    /// Frames last so long whatever is decided, or as is decided; from now on, and for the sealed calls to come.
    ForceFrame(Option<Duration>),
    /// What became of one speaker's packets, which only their playout knows. Told about once a second.
    Ears {
        /// The speaker.
        ssrc: Ssrc,
        /// Share of their frames over the last 10 s that were invented although everything was tried, 0 to 1.
        concealed: f32,
        /// Delay of their playout buffer.
        depth: Duration,
        /// Our own voice comes back from them.
        echo: bool,
    },
    /// We stood still for so long, which the time does not tell: it goes on from where it was. Nothing that came meanwhile
    /// is handed in. Told once, before anything of after it.
    StoodStill(Duration),
    /// The deadline passed.
    Timeout,
}

/// What comes out, in order.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "packets travel in place, so that the voice path allocates nothing"
)]
pub enum MediaOutput {
    /// Send this.
    Datagram {
        /// To whom.
        to: SocketAddr,
        /// The bytes.
        bytes: Packet,
    },
    /// Somebody said this.
    Play {
        /// Who.
        speaker: Ssrc,
        /// Of the frame, without wrapping; one missing is one frame lost or late.
        seq: u64,
        /// Of the frame's first sample, 48 kHz, modulo 2^32. May jump where the microphone was off.
        timestamp: u32,
        /// One Opus packet.
        frame: OpusFrame,
        /// It came with a later one, and not by itself so far.
        copy: bool,
        /// How many frames back the copies reach that came with it: so long must be waited for what is missing.
        reach: u8,
    },
    /// The call is live: open microphone and speaker.
    OpenDevices,
    /// It is over: close them.
    CloseDevices,
    /// For the client.
    Event(CallEvent),
    /// Encode our voice like that from now on.
    Encode(EncoderPlan),
    /// A member says something new of itself.
    Member(MemberState),
    /// Something that came in was not used.
    Drop(Drop),
}

/// The media machine: at most one call.
pub struct Media {
    rng: Rng,
    phase: Phase,
    keyless: Keyless,
    leaving: Option<Leaving>,
    condition: Condition,
    delay: DelayMode,
    frame_forced: Option<Duration>,
    /// The wall's clock when ours read zero, milliseconds since 1970.
    wall_at_zero_ms: u64,
    out: VecDeque<MediaOutput>,
}

enum Phase {
    Idle,
    Bound(Box<Bound>),
    Live(Box<Live>),
    Direct(Box<Direct>),
}

/// A place at the relay and no way to send voice to it.
struct Bound {
    binding: Binding,
    /// Others that were introduced before `Open`.
    early: Vec<(Ssrc, Introduced)>,
}

/// How we may hear a member.
enum Introduced {
    /// With this key.
    Key { generation: u8, step: u8, base_key: BaseKey },
    /// As anybody on the way could.
    Plain,
}

/// An open call.
struct Live {
    binding: Binding,
    outgoing: Outgoing,
    controller: Controller,
    speakers: Speakers,
    /// Of everybody.
    silence: Silence,
}

impl Media {
    /// A machine without a call.
    pub fn new(rng: Rng, _now: Time) -> Self {
        Self {
            rng,
            phase: Phase::Idle,
            keyless: Keyless::new(),
            leaving: None,
            condition: Condition::default(),
            delay: DelayMode::default(),
            frame_forced: None,
            wall_at_zero_ms: 0,
            out: VecDeque::with_capacity(OUTPUTS_MAX),
        }
    }

    /// Tells the wall's clock, which seed A's voice carries. Nothing is decided by it.
    pub fn set_wall(&mut self, now: Now) {
        self.wall_at_zero_ms = now.wall.0.saturating_sub(now.mono.as_ms());
    }

    /// Takes one input.
    pub fn handle(&mut self, input: MediaInput<'_>, now: Time) {
        let done = match input {
            MediaInput::Command(command) => self.command(command, now),
            MediaInput::Frame { opus, duration } => self.frame(opus, duration, now),
            MediaInput::Datagram(from, bytes) => self.datagram(from, bytes, now),
            MediaInput::Delay(mode) => {
                self.delay(mode, now);
                Ok(())
            }
            MediaInput::ForceFrame(frame) => {
                self.force_frame(frame, now);
                Ok(())
            }
            MediaInput::Condition(condition) => self.condition(condition, now),
            MediaInput::Ears { ssrc, concealed, depth, echo } => {
                self.ears(ssrc, Ears { concealed, depth, echo })
            }
            MediaInput::StoodStill(time) => self.stood_still(time, now),
            MediaInput::Timeout => Ok(()),
        };
        if let Err(drop) = done {
            self.out.push_back(MediaOutput::Drop(drop));
        }
        self.on_time(now);
    }

    /// The next output.
    pub fn poll(&mut self) -> Option<MediaOutput> {
        let output = self.out.pop_front();
        if self.out.is_empty() {
            // From its beginning again: a queue that moved on would take each packet to memory that is not in a cache.
            self.out.clear();
        }
        output
    }

    /// When to come back with [`MediaInput::Timeout`].
    pub fn deadline(&self) -> Option<Time> {
        let phase = match &self.phase {
            Phase::Idle => None,
            Phase::Bound(bound) => bound.binding.deadline(true),
            Phase::Live(live) => live.deadline(),
            Phase::Direct(direct) => direct.deadline(),
        };
        earliest(phase, self.leaving.as_ref().and_then(Leaving::deadline))
    }

    /// Whether a call is open that is not encrypted.
    pub fn is_plain(&self) -> bool {
        match &self.phase {
            Phase::Idle | Phase::Bound(_) => false,
            Phase::Live(live) => live.outgoing.is_plain(),
            Phase::Direct(_) => true,
        }
    }

    /// The call there is, bound or live.
    pub fn call(&self) -> Option<CallId> {
        match &self.phase {
            Phase::Direct(direct) => Some(direct.call),
            Phase::Idle | Phase::Bound(_) | Phase::Live(_) => {
                self.binding().map(|binding| binding.place().call)
            }
        }
    }

    /// Writes the network's share of the figures, of the call and of each member. Allocates.
    pub fn fill(&self, statistics: &mut Statistics, now: Time) {
        match &self.phase {
            Phase::Idle | Phase::Bound(_) => {}
            Phase::Live(live) => {
                let fill =
                    |speaker: &speakers::Speaker| speaker.reception.fill(speaker.ssrc, statistics, now);
                live.speakers.iter().for_each(fill);
                statistics.copies = live.outgoing.copied();
                let path = Some(Path::Relay(live.binding.relay_addr()));
                statistics.members.iter_mut().for_each(|member| member.path = path);
            }
            Phase::Direct(direct) => direct.fill(statistics, now),
        }
    }

    fn wall_ms(&self, now: Time) -> u64 {
        self.wall_at_zero_ms.saturating_add(now.as_ms())
    }

    fn binding(&self) -> Option<&Binding> {
        match &self.phase {
            Phase::Idle | Phase::Direct(_) => None,
            Phase::Bound(bound) => Some(&bound.binding),
            Phase::Live(live) => Some(&live.binding),
        }
    }

    /// Everything that is due by now, whatever came in.
    fn on_time(&mut self, now: Time) {
        self.say_goodbye(now);
        let sent_ms = self.wall_ms(now);
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Bound(bound) => {
                let to = bound.binding.relay_addr();
                let bind = bound.binding.tick(true, now);
                bind.into_iter().for_each(|bind| self.send(to, &bind));
            }
            Phase::Live(_) => self.on_time_live(now),
            Phase::Direct(direct) => direct.on_time(sent_ms, now, &mut self.out),
        }
    }

    fn on_time_live(&mut self, now: Time) {
        let Phase::Live(live) = &mut self.phase else { return };
        let (to, call) = (live.binding.relay_addr(), live.binding.place().call);
        live.outgoing.turn_key(now);
        live.outgoing.hurry_figures(live.speakers.iter().any(|speaker| speaker.reception.loses(now)));
        let out = &mut self.out;
        live.speakers.on_time(now, |ssrc| out.push_back(MediaOutput::Event(CallEvent::Quiet { call, ssrc })));
        if live.rebind_at().is_some_and(|at| at <= now) {
            live.binding.start(now);
        }
        live.silence.bear(live.speakers.is_held());
        let silent = live.silence.is_over(now);
        let sign_due = live.outgoing.is_plain() && live.outgoing.sign_of_life_due() <= now;
        let report_due = live.outgoing.report_due() <= now;
        let bind = live.binding.tick(false, now);
        bind.into_iter().for_each(|bind| self.send(to, &bind));
        let sign = if sign_due { self.frame(&SILENCE, PLAIN_FRAME, now) } else { Ok(()) };
        let report = if report_due { self.report(now) } else { Ok(()) };
        for drop in [sign, report].into_iter().filter_map(Result::err) {
            self.out.push_back(MediaOutput::Drop(drop));
        }
        if silent {
            self.tell(CallEvent::Silent(call));
        }
    }

    fn delay(&mut self, mode: DelayMode, now: Time) {
        self.delay = mode;
        if let Phase::Live(live) = &mut self.phase {
            live.controller.set_mode(mode);
        }
        self.steer(now);
    }

    fn force_frame(&mut self, frame: Option<Duration>, now: Time) {
        self.frame_forced = frame;
        if let Phase::Live(live) = &mut self.phase {
            live.controller.force_frame(frame);
        }
        self.steer(now);
    }

    /// Sends our voice as the reports so far ask for.
    fn steer(&mut self, now: Time) {
        let Phase::Live(live) = &mut self.phase else { return };
        let before = live.controller.plan();
        let scene = live.speakers.scene(now);
        let outcomes = live.speakers.iter().map(|speaker| speaker.reception.outcome());
        let plan = live.controller.decide(outcomes, scene, now);
        live.outgoing.copy(if scene.copies_read { plan.offsets } else { [0, 0] });
        if plan.encoder != before.encoder {
            self.out.push_back(MediaOutput::Encode(plan.encoder));
        }
    }

    fn condition(&mut self, condition: Condition, now: Time) -> Result<(), Drop> {
        let news = self.condition != condition;
        self.condition = condition;
        match &self.phase {
            Phase::Live(_) if news && condition.on_hold => {
                (0..HOLD_REPORTS).try_for_each(|_| self.report(now))
            }
            Phase::Live(_) if news => self.report(now),
            Phase::Live(_) | Phase::Idle | Phase::Bound(_) | Phase::Direct(_) => Ok(()),
        }
    }

    fn ears(&mut self, ssrc: Ssrc, ears: Ears) -> Result<(), Drop> {
        let reception = match &mut self.phase {
            Phase::Idle | Phase::Bound(_) => return Err(Drop::NoCall),
            Phase::Live(live) => live.speakers.get_mut(ssrc).map(|speaker| &mut speaker.reception),
            Phase::Direct(direct) => direct.reception_of(ssrc),
        };
        reception.ok_or(Drop::Stranger)?.ears(ears);
        Ok(())
    }

    /// The others hear at once that we are back.
    fn stood_still(&mut self, time: Duration, now: Time) -> Result<(), Drop> {
        match &mut self.phase {
            Phase::Idle | Phase::Bound(_) => return Ok(()),
            Phase::Live(live) => live.speakers.stood_still(time, now),
            Phase::Direct(direct) => {
                direct.stood_still(time, now);
                return Ok(());
            }
        }
        self.report(now)
    }

    fn report(&mut self, now: Time) -> Result<(), Drop> {
        let Phase::Live(live) = &mut self.phase else { return Err(Drop::OutOfTurn) };
        let bytes = live.report(self.condition.flags(), now)?;
        let to = live.binding.relay_addr();
        self.out.push_back(MediaOutput::Datagram { to, bytes });
        Ok(())
    }

    fn say_goodbye(&mut self, now: Time) {
        let goodbye = self.leaving.as_mut().and_then(|leaving| leaving.say(now));
        self.out.extend(goodbye.map(|(to, bytes)| MediaOutput::Datagram { to, bytes }));
    }

    fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        let bytes = Packet::copy_of(bytes).expect("a bind is shorter than a datagram");
        self.out.push_back(MediaOutput::Datagram { to, bytes });
    }

    fn tell(&mut self, event: CallEvent) {
        self.out.push_back(MediaOutput::Event(event));
    }
}

impl Live {
    fn deadline(&self) -> Option<Time> {
        let theirs = earliest(self.silence.deadline(), self.speakers.deadline());
        earliest(
            earliest(Some(self.outgoing.deadline()), theirs),
            earliest(self.rebind_at(), self.binding.deadline(false)),
        )
    }

    /// Nothing opened since the last packet, or the last bind, means that the relay may have forgotten us. While a
    /// bind is under way it has its own clock.
    fn rebind_at(&self) -> Option<Time> {
        if self.binding.is_asking() {
            return None;
        }
        let opened = self.silence.since();
        let since = self.binding.bound_at().map_or(opened, |bound| bound.max(opened));
        Some(since + REBIND_AFTER)
    }

    fn report(&mut self, flags: ReportFlags, now: Time) -> Result<Packet, Drop> {
        let flags = ReportFlags { reads_copies: !self.outgoing.is_plain(), ..flags };
        self.outgoing.report(flags, self.speakers.iter().map(|speaker| speaker.heard(now)), now)
    }
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match &self.phase {
            Phase::Idle => "idle",
            Phase::Bound(_) => "bound",
            Phase::Live(_) => "live",
            Phase::Direct(_) => "direct",
        };
        write!(f, "Media({phase}, {:?})", self.call())
    }
}

/// Most outputs of one input: every waiting packet played and first heard, everybody quiet, and what is due by the way.
const OUTPUTS_MAX: usize = (2 + COPIES_MAX) * KEYLESS_PACKETS_MAX * KEYLESS_SENDERS_MAX + MEMBERS_MAX + 16;
