//! The media agent's mind: what happens to sealed voice between the microphone and the network.
//!
//! A call is in one of three phases, and each is a type that owns what it may use:
//!
//! ```text
//! Idle ──Bind──> Bound { binding, keys that came early }
//!                  └──Open──> Live { binding, outgoing, speakers }          Close, from anywhere ──> Idle
//! ```
//!
//! Only `Live` has an `Outgoing`, only an `Outgoing` has a sending key, and nothing but `Open` makes one: while it
//! rings, no code could seal a frame. The microphone is asked for in the same step.
//!
//! After `new`, voice moves without allocating: packets and frames are held in place, queues are made once. What a
//! command does may allocate. The relay is the only path in this version.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;

use crate::crypto::sframe::{GENERATIONS, STEPS, Sealed, generation_and_step};
use crate::drop::Drop;
use crate::id::{CallId, Ssrc};
use crate::limits::{
    DATAGRAM_BYTES_MAX, GENERATIONS_KEPT_MAX, KEYLESS_PACKETS_MAX, KEYLESS_SENDERS_MAX, MEMBERS_MAX,
    REBIND_AFTER,
};
use crate::rng::Rng;
use crate::time::{Time, earliest};
use crate::wire::datagram::{Kind, Payload, RTP_BYTES, Rtp};

mod bind;
pub mod command;
pub mod event;
mod figures;
mod keyless;
mod keys;
mod leaving;
mod speakers;
mod streams;
#[cfg(test)]
mod tests;

pub use command::{AgentCommand, BaseKey, CallCommand, Place, SoundCommand};
pub use event::{AgentEvent, CallEvent, HalfState, Levels, SoundEvent, Statistics};
pub use streams::{OpusFrame, Packet};

use bind::{Answer, Binding};
use keyless::Keyless;
use keys::{Made, OwnKeys};
use leaving::Leaving;
use speakers::{Cover, Opened, Silence, Speaker, Speakers};
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
    },
    /// The call is live: open microphone and speaker.
    OpenDevices,
    /// It is over: close them.
    CloseDevices,
    /// For the client.
    Event(CallEvent),
    /// Something that came in was not used.
    Drop(Drop),
}

/// The media machine: at most one call.
pub struct Media {
    rng: Rng,
    phase: Phase,
    keyless: Keyless,
    leaving: Option<Leaving>,
    out: VecDeque<MediaOutput>,
}

enum Phase {
    Idle,
    Bound(Box<Bound>),
    Live(Box<Live>),
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
            out: VecDeque::with_capacity(OUTPUTS_MAX),
        }
    }

    /// Takes one input.
    pub fn handle(&mut self, input: MediaInput<'_>, now: Time) {
        let done = match input {
            MediaInput::Command(command) => self.command(command, now),
            MediaInput::Frame { opus, duration } => self.frame(opus, duration, now),
            MediaInput::Datagram(from, bytes) => self.datagram(from, bytes, now),
            MediaInput::Timeout => Ok(()),
        };
        if let Err(drop) = done {
            self.out.push_back(MediaOutput::Drop(drop));
        }
        self.on_time(now);
    }

    /// The next output.
    pub fn poll(&mut self) -> Option<MediaOutput> {
        self.out.pop_front()
    }

    /// When to come back with [`MediaInput::Timeout`].
    pub fn deadline(&self) -> Option<Time> {
        let phase = match &self.phase {
            Phase::Idle => None,
            Phase::Bound(bound) => bound.binding.deadline(true),
            Phase::Live(live) => live.deadline(),
        };
        earliest(phase, self.leaving.as_ref().and_then(Leaving::deadline))
    }

    /// Whether a call is open that is not encrypted.
    pub fn is_plain(&self) -> bool {
        matches!(&self.phase, Phase::Live(live) if live.outgoing.is_plain())
    }

    /// The call there is, bound or live.
    pub fn call(&self) -> Option<CallId> {
        self.binding().map(|binding| binding.place().call)
    }

    /// Writes the network's share of the figures: round trip, loss, jitter, packets opened and lost.
    pub fn fill(&self, statistics: &mut Statistics, now: Time) {
        if let Phase::Live(live) = &self.phase {
            live.speakers.iter().for_each(|speaker| speaker.reception.fill(statistics, now));
        }
    }

    fn binding(&self) -> Option<&Binding> {
        match &self.phase {
            Phase::Idle => None,
            Phase::Bound(bound) => Some(&bound.binding),
            Phase::Live(live) => Some(&live.binding),
        }
    }

    fn command(&mut self, command: CallCommand, now: Time) -> Result<(), Drop> {
        match command {
            CallCommand::Bind(place) => self.bind(place, now),
            CallCommand::Open(call) => self.open(call, Outgoing::sealed, now),
            CallCommand::OpenPlain(call) => self.open(call, Outgoing::plain, now),
            CallCommand::Listen { call, ssrc, generation, step, base_key } => {
                self.listen(call, ssrc, Introduced::Key { generation, step, base_key }, now)
            }
            CallCommand::ListenPlain { call, ssrc } => self.listen(call, ssrc, Introduced::Plain, now),
            CallCommand::Deafen { call, ssrc } => self.deafen(call, ssrc),
            CallCommand::Step(call) => self.change_key(call, |keys| keys.step(now)),
            CallCommand::Renew(call) => self.change_key(call, |keys| keys.renew(now)),
            CallCommand::Close(call) => self.close(call, now),
            CallCommand::OpenDirect { .. } | CallCommand::Meet { .. } => Err(Drop::OutOfTurn),
        }
    }

    fn bind(&mut self, place: Place, now: Time) -> Result<(), Drop> {
        let same = self.call() == Some(place.call);
        match &mut self.phase {
            Phase::Bound(bound) if same => bound.binding.renew(place, now),
            Phase::Live(live) if same => live.binding.renew(place, now),
            Phase::Live(_) => return Err(Drop::OutOfTurn),
            Phase::Idle | Phase::Bound(_) => {
                self.keyless.clear();
                let binding = Binding::new(place, self.rng.child("bind"), now);
                self.phase = Phase::Bound(Box::new(Bound { binding, early: Vec::new() }));
            }
        }
        Ok(())
    }

    fn open(
        &mut self,
        call: CallId,
        outgoing: fn(Ssrc, Rng, Time) -> Outgoing,
        now: Time,
    ) -> Result<(), Drop> {
        if self.call() != Some(call) {
            return Err(Drop::NoCall);
        }
        let Bound { binding, early } = match core::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Bound(bound) => *bound,
            other @ (Phase::Idle | Phase::Live(_)) => {
                self.phase = other;
                return Err(Drop::OutOfTurn);
            }
        };
        let mut outgoing = outgoing(binding.place().ssrc, self.rng.child("outgoing"), now);
        let key = outgoing.keys().map(|keys| keys.told());
        let live = Live { binding, outgoing, speakers: Speakers::new(), silence: Silence::new(now) };
        self.phase = Phase::Live(Box::new(live));
        match key {
            Some(key) => self.tell_key(call, key),
            None => self.keyless.clear(),
        }
        self.out.push_back(MediaOutput::OpenDevices);
        self.report(now)?;
        for (ssrc, introduced) in early {
            if let Err(drop) = self.listen(call, ssrc, introduced, now) {
                self.out.push_back(MediaOutput::Drop(drop));
            }
        }
        Ok(())
    }

    fn listen(&mut self, call: CallId, ssrc: Ssrc, how: Introduced, now: Time) -> Result<(), Drop> {
        if self.call() != Some(call) {
            return Err(Drop::NoCall);
        }
        let known_key = match &how {
            Introduced::Key { generation, step, .. } => *generation < GENERATIONS && *step < STEPS,
            Introduced::Plain => true,
        };
        if !known_key || self.binding().is_some_and(|binding| binding.place().ssrc == ssrc) {
            return Err(Drop::Malformed);
        }
        match &mut self.phase {
            Phase::Idle => return Err(Drop::NoCall),
            Phase::Bound(bound) if bound.early.len() < EARLY_MAX => bound.early.push((ssrc, how)),
            Phase::Bound(_) => return Err(Drop::Full),
            Phase::Live(live) => match how {
                Introduced::Plain if live.outgoing.is_plain() => {
                    live.speakers.get_or_add(ssrc, || Cover::None(Box::default()), now)?;
                }
                Introduced::Key { generation, step, base_key } if !live.outgoing.is_plain() => {
                    let speaker = live.speakers.get_or_add(ssrc, || Cover::Keys(Box::default()), now)?;
                    let keys = speaker.keys().ok_or(Drop::OutOfTurn)?;
                    keys.listen(generation, step, &base_key);
                    self.keyless.clear_past(speaker);
                }
                Introduced::Plain | Introduced::Key { .. } => return Err(Drop::OutOfTurn),
            },
        }
        while let Some(packet) = self.waiting_for(ssrc) {
            if let Err(drop) = self.sealed(&packet, now) {
                self.out.push_back(MediaOutput::Drop(drop));
            }
        }
        Ok(())
    }

    fn deafen(&mut self, call: CallId, ssrc: Ssrc) -> Result<(), Drop> {
        if self.call() != Some(call) {
            return Err(Drop::NoCall);
        }
        self.keyless.clear_of(ssrc);
        let known = match &mut self.phase {
            Phase::Idle => return Err(Drop::NoCall),
            Phase::Bound(bound) => {
                let before = bound.early.len();
                bound.early.retain(|(introduced, _)| *introduced != ssrc);
                bound.early.len() < before
            }
            Phase::Live(live) => live.speakers.remove(ssrc),
        };
        if known { Ok(()) } else { Err(Drop::Stranger) }
    }

    fn change_key(&mut self, call: CallId, change: impl FnOnce(&mut OwnKeys) -> Made) -> Result<(), Drop> {
        if self.call() != Some(call) {
            return Err(Drop::NoCall);
        }
        let Phase::Live(live) = &mut self.phase else { return Err(Drop::OutOfTurn) };
        let key = change(live.outgoing.keys().ok_or(Drop::OutOfTurn)?);
        self.tell_key(call, key);
        Ok(())
    }

    fn waiting_for(&mut self, ssrc: Ssrc) -> Option<Packet> {
        let Phase::Live(live) = &mut self.phase else { return None };
        self.keyless.take(live.speakers.get_mut(ssrc)?)
    }

    fn close(&mut self, call: CallId, now: Time) -> Result<(), Drop> {
        if self.call() != Some(call) {
            return Err(Drop::NoCall);
        }
        self.keyless.clear();
        if let Phase::Live(mut live) = core::mem::replace(&mut self.phase, Phase::Idle) {
            let to = live.binding.relay_addr();
            let goodbyes = core::array::from_fn(|_| live.report(true, now).ok());
            self.leaving = Some(Leaving::new(to, goodbyes, now));
            self.out.push_back(MediaOutput::CloseDevices);
        }
        Ok(())
    }

    fn frame(&mut self, opus: &[u8], duration: Duration, now: Time) -> Result<(), Drop> {
        let Phase::Live(live) = &mut self.phase else { return Err(Drop::OutOfTurn) };
        let bytes = live.outgoing.frame(opus, duration, now)?;
        let to = live.binding.relay_addr();
        self.out.push_back(MediaOutput::Datagram { to, bytes });
        Ok(())
    }

    fn datagram(&mut self, from: SocketAddr, bytes: &[u8], now: Time) -> Result<(), Drop> {
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(Drop::Oversized);
        }
        let kind = Kind::of(bytes).ok_or(Drop::Malformed)?;
        let binding = self.binding().ok_or(Drop::NoCall)?;
        if from != binding.relay_addr() {
            return Err(Drop::Stranger);
        }
        match kind {
            Kind::Rtp => self.rtp(bytes, now),
            Kind::Cookie | Kind::Bound => self.answer(bytes, now),
            Kind::Bind | Kind::Bind2 => Err(Drop::Malformed),
        }
    }

    fn answer(&mut self, bytes: &[u8], now: Time) -> Result<(), Drop> {
        let binding = match &mut self.phase {
            Phase::Idle => return Err(Drop::NoCall),
            Phase::Bound(bound) => &mut bound.binding,
            Phase::Live(live) => &mut live.binding,
        };
        let (to, call) = (binding.relay_addr(), binding.place().call);
        match binding.answer(bytes, now)? {
            Answer::Send(second) => self.send(to, &second),
            Answer::FirstBound => self.tell(CallEvent::Bound(call)),
            Answer::BoundAgain => {}
        }
        Ok(())
    }

    /// Voice or a report. A sealed call takes nothing that is not sealed, and a plain one nothing that is.
    fn rtp(&mut self, bytes: &[u8], now: Time) -> Result<(), Drop> {
        let rtp = Rtp::decode(bytes).ok_or(Drop::Malformed)?;
        let plain = self.is_plain();
        match rtp.payload {
            Payload::Voice | Payload::Report if !plain => self.sealed(bytes, now),
            Payload::PlainVoice | Payload::PlainReport if plain => self.plain(&rtp, bytes, now),
            Payload::Voice | Payload::Report | Payload::PlainVoice | Payload::PlainReport => {
                Err(Drop::Forged)
            }
        }
    }

    fn sealed(&mut self, bytes: &[u8], now: Time) -> Result<(), Drop> {
        let (Some(rtp), Some(sealed)) = (Rtp::decode(bytes), Sealed::read(bytes)) else {
            return Err(Drop::Malformed);
        };
        let own = self.binding().ok_or(Drop::NoCall)?.place().ssrc;
        if rtp.ssrc == own {
            return Err(Drop::Impostor);
        }
        generation_and_step(sealed.kid).ok_or(Drop::Malformed)?;
        let mut packet = Packet::copy_of(bytes).ok_or(Drop::Oversized)?;
        let Some(speaker) = self.phase.speaker(rtp.ssrc) else {
            return self.keyless.keep(rtp.ssrc, sealed.kid, packet, now);
        };
        if !speaker.knows(sealed.kid) {
            let past = speaker.is_past(sealed.kid);
            return if past {
                Err(Drop::NoKey)
            } else {
                self.keyless.keep(rtp.ssrc, sealed.kid, packet, now)
            };
        }
        let first = !speaker.heard;
        let opened = speaker.open(&rtp, &sealed, &mut packet, own, now);
        let first = first && speaker.heard;
        self.opened(rtp.ssrc, first, opened.map(Some), now)
    }

    fn plain(&mut self, rtp: &Rtp, bytes: &[u8], now: Time) -> Result<(), Drop> {
        let own = self.binding().ok_or(Drop::NoCall)?.place().ssrc;
        if rtp.ssrc == own {
            return Err(Drop::Impostor);
        }
        let speaker = self.phase.speaker(rtp.ssrc).ok_or(Drop::Stranger)?;
        let first = !speaker.heard;
        let taken = speaker.take(rtp, &bytes[RTP_BYTES..], own, now);
        let first = first && speaker.heard;
        self.opened(rtp.ssrc, first, taken, now)
    }

    /// Passes on what was in a packet, and what it means that it came.
    fn opened(
        &mut self,
        ssrc: Ssrc,
        first: bool,
        opened: Result<Option<Opened>, Drop>,
        now: Time,
    ) -> Result<(), Drop> {
        let Phase::Live(live) = &mut self.phase else { return Err(Drop::NoCall) };
        let call = live.binding.place().call;
        if first {
            self.out.push_back(MediaOutput::Event(CallEvent::Heard { call, ssrc }));
        }
        let opened = opened?;
        live.silence.end(now);
        match opened {
            None | Some(Opened::Report { hung_up: false }) => {}
            Some(Opened::Report { hung_up: true }) => {
                let told = live.speakers.get_mut(ssrc).is_none_or(|speaker| speaker.hung_up);
                if let Some(speaker) = live.speakers.get_mut(ssrc).filter(|_| !told) {
                    speaker.hung_up = true;
                    self.tell(CallEvent::HungUp { call, ssrc });
                }
            }
            Some(Opened::Voice { seq, timestamp, frame }) => {
                self.out.push_back(MediaOutput::Play { speaker: ssrc, seq, timestamp, frame });
            }
        }
        Ok(())
    }

    /// Everything that is due by now, whatever came in.
    fn on_time(&mut self, now: Time) {
        self.say_goodbye(now);
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Bound(bound) => {
                let to = bound.binding.relay_addr();
                let bind = bound.binding.tick(true, now);
                bind.into_iter().for_each(|bind| self.send(to, &bind));
            }
            Phase::Live(_) => self.on_time_live(now),
        }
    }

    fn on_time_live(&mut self, now: Time) {
        let Phase::Live(live) = &mut self.phase else { return };
        let (to, call) = (live.binding.relay_addr(), live.binding.place().call);
        live.outgoing.turn_key(now);
        let out = &mut self.out;
        live.speakers.on_time(now, |ssrc| out.push_back(MediaOutput::Event(CallEvent::Quiet { call, ssrc })));
        if live.rebind_at().is_some_and(|at| at <= now) {
            live.binding.start(now);
        }
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

    fn report(&mut self, now: Time) -> Result<(), Drop> {
        let Phase::Live(live) = &mut self.phase else { return Err(Drop::OutOfTurn) };
        let bytes = live.report(false, now)?;
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

    fn tell_key(&mut self, call: CallId, key: Made) {
        let Made { generation, step, base_key } = key;
        self.tell(CallEvent::Key { call, generation, step, base_key });
    }

    fn tell(&mut self, event: CallEvent) {
        self.out.push_back(MediaOutput::Event(event));
    }
}

impl Phase {
    /// A speaker of a live call.
    fn speaker(&mut self, ssrc: Ssrc) -> Option<&mut Speaker> {
        let Self::Live(live) = self else { return None };
        live.speakers.get_mut(ssrc)
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

    fn report(&mut self, hung_up: bool, now: Time) -> Result<Packet, Drop> {
        self.outgoing.report(hung_up, self.speakers.iter().map(|speaker| speaker.heard(now)), now)
    }
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match &self.phase {
            Phase::Idle => "idle",
            Phase::Bound(_) => "bound",
            Phase::Live(_) => "live",
        };
        write!(f, "Media({phase}, {:?})", self.call())
    }
}

/// Introductions that may come before `Open`: of everybody, the key in use and those to come.
const EARLY_MAX: usize = MEMBERS_MAX * GENERATIONS_KEPT_MAX;
/// Most outputs of one input: every waiting packet played and first heard, everybody quiet, and what is due by the way.
const OUTPUTS_MAX: usize = 2 * KEYLESS_PACKETS_MAX * KEYLESS_SENDERS_MAX + MEMBERS_MAX + 16;
