//! The voice thread: one poll over the UDP socket, the timers and a waker. Each turn first moves voice, which touches
//! neither the heap nor a lock, and then does what it was told, which may.
//!
//! ```text
//! wait -> now -> datagrams in -> sound in and out -> timers      the media path
//!                 -> devices' answers -> commands -> figures     may allocate
//! ```
//!
//! Sound without hardware is due every 10 ms at the latest; while it moves, datagrams wait for it in the socket.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError};
use std::time::Duration;

use mio::{Events, Poll, Waker};
use proto::id::CallId;
use proto::media::{
    AgentCommand, AgentEvent, CallCommand, CallEvent, EncoderPlan, Media, MediaInput, MediaOutput,
    SoundCommand, SoundEvent, Statistics,
};
use proto::time::earliest;
use proto::{Rng, Safe, Time};

use super::awake::Awake;
use super::ears::{Devices, Ears};
use super::instruments::Instruments;
use super::socket::{Buffer, CallSocket, Came, DATAGRAM_MAX};
use super::teller::Teller;
use super::turns::Turns;
use super::{Order, SOCKET, Settings, WAKE};
use crate::device::opener::Opener;
use crate::device::{Choice, Half};
use crate::frame::FrameDuration;

/// Datagrams taken before sound has its chance.
const DATAGRAMS_PER_TURN: usize = 64;
/// Rounds of sound before the rest of the turn: what a stall left behind is caught up with over several turns.
const ROUNDS_PER_TURN: usize = 16;
/// Events kept while the owner's channel is full.
const BACKLOG_MAX: usize = 256;
/// How often the figures of a call are told.
const STATISTICS_EVERY: Duration = Duration::from_secs(1);

/// Everything the thread owns.
pub(super) struct Voice {
    poll: Poll,
    clock: Awake,
    media: Media,
    instruments: Instruments,
    ears: Ears,
    devices: Devices,
    teller: Teller,
    socket: CallSocket,
    buffer: Box<Buffer>,
    commanded: Receiver<Order>,
    tell: SyncSender<AgentEvent>,
    notify: Box<dyn Fn() + Send>,
    backlog: VecDeque<AgentEvent>,
    statistics_at: Option<Time>,
    turns: Turns,
    /// How the voice is to be encoded, until it is.
    plan: Option<EncoderPlan>,
    /// The socket may hold datagrams: it said so, and was not found empty since.
    readable: bool,
    /// When it was found empty: what is in it now came later.
    emptied: Time,
    /// When this turn began, or the last one.
    began: Time,
    /// When we went on after we stood still, until all that came meanwhile is thrown away.
    went_on: Option<Time>,
    /// Somebody woke us, and may have commanded something that is not done yet.
    woken: bool,
    /// Something was left undone, so that the next wait is none.
    more: bool,
    ended: bool,
}

impl Voice {
    pub(super) fn new(
        poll: Poll,
        waker: Arc<Waker>,
        settings: Settings,
        seed: [u8; 32],
        commanded: Receiver<Order>,
        tell: SyncSender<AgentEvent>,
        notify: Box<dyn Fn() + Send>,
    ) -> io::Result<Self> {
        let clock = Awake::start();
        let socket = CallSocket::new(poll.registry().try_clone()?, SOCKET);
        let opener = Opener::start(waker)?;
        let mut instruments =
            Instruments::new(opener, settings.device, settings.encoder, settings.processing)
                .map_err(io::Error::other)?;
        instruments.force_frame(settings.frame).map_err(io::Error::other)?;
        let now = clock.mono();
        let mut media = Media::new(Rng::new(seed).child("media"), now);
        media.handle(MediaInput::Delay(settings.delay), now);
        media.handle(MediaInput::ForceFrame(settings.frame.map(lasts)), now);
        Ok(Self {
            poll,
            clock,
            media,
            instruments,
            ears: Ears::new(),
            devices: Devices::default(),
            teller: Teller::default(),
            socket,
            buffer: Box::new([0; DATAGRAM_MAX]),
            commanded,
            tell,
            notify,
            backlog: VecDeque::with_capacity(BACKLOG_MAX),
            statistics_at: None,
            turns: Turns::default(),
            plan: None,
            readable: false,
            emptied: Time::ZERO,
            began: now,
            went_on: None,
            woken: false,
            more: false,
            ended: false,
        })
    }

    /// Runs until the handle is dropped.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(8);
        while !self.ended {
            self.wait(&mut events);
            let now = self.clock.mono();
            self.began = now;
            self.more = false;
            self.receive(now);
            self.sound(now);
            self.timers(now);

            // From here on the heap may be used.
            self.obey_plan();
            self.instruments.answers(now);
            self.commands(now);
            self.obey_plan();
            self.figures(now);
            self.tell_all();
            // Sound without hardware is due so soon, and again and again, that voice can wait for it.
            self.socket.watch(!self.instruments.is_paced());
            self.turns.took(self.clock.mono() - now);
        }
    }

    fn wait(&mut self, events: &mut Events) {
        let due = if self.more { Some(self.began) } else { self.due() };
        let timeout = due.map(|due| due - self.clock.mono());
        // Interrupted by a signal is as good as woken.
        if self.poll.poll(events, timeout).is_err() {
            events.clear();
        }
        if let Some(slept) = self.clock.woke(self.began, due) {
            self.go_on(slept);
        }
        self.readable |= events.iter().any(|event| event.token() == SOCKET);
        self.woken |= events.iter().any(|event| event.token() == WAKE);
    }

    /// We stood still for so long.
    fn go_on(&mut self, slept: Duration) {
        let now = self.clock.mono();
        self.went_on = Some(now);
        self.media.set_wall(self.clock.now());
        self.instruments.slept(now);
        self.media.handle(MediaInput::StoodStill(slept), now);
        self.drain(now);
    }

    fn due(&self) -> Option<Time> {
        let deadline = earliest(self.media.deadline(), self.instruments.deadline());
        earliest(deadline, self.statistics_at)
    }

    // --- the media path ---------------------------------------------------------------------------------------

    fn receive(&mut self, now: Time) {
        if !self.readable && self.socket.is_watched() {
            return;
        }
        for _ in 0..DATAGRAMS_PER_TURN {
            let Some(came) = self.socket.receive(&mut self.buffer) else {
                (self.readable, self.emptied, self.went_on) = (false, now, None);
                return;
            };
            if self.went_on.is_some_and(|at| came.is_older_than(self.clock.mono() - at)) {
                continue;
            }
            let Came { from, bytes, ago } = came;
            self.teller.received(from, bytes);
            // The wall's clock, which the wait is told by, may be set.
            let at = now.back(ago.unwrap_or_default()).max(self.emptied);
            self.media.handle(MediaInput::Datagram(from, bytes), at);
            self.drain(now);
        }
        self.more = true;
    }

    fn sound(&mut self, now: Time) {
        for _ in 0..ROUNDS_PER_TURN {
            let more = self.instruments.turn(now);
            while let Some(frame) = self.instruments.next_frame() {
                let duration = lasts(self.instruments.encoder().frame);
                self.teller.said(frame.bytes());
                self.media.handle(MediaInput::Frame { opus: frame.bytes(), duration }, now);
                self.drain(now);
            }
            if !more {
                return;
            }
        }
        self.more = true;
    }

    fn timers(&mut self, now: Time) {
        if self.media.deadline().is_some_and(|at| at <= now) {
            self.media.handle(MediaInput::Timeout, now);
            self.drain(now);
        }
    }

    /// Carries out what the media machine decided. Only calls that begin or end use the heap here.
    fn drain(&mut self, now: Time) {
        while let Some(output) = self.media.poll() {
            match output {
                MediaOutput::Datagram { to, bytes } => {
                    self.teller.sent(to, &bytes);
                    self.socket.send(to, &bytes);
                }
                // The buffer extends the number by itself; it looks only at differences.
                MediaOutput::Play { speaker, seq, frame, copy, reach, timestamp: _ } => {
                    self.instruments.play(speaker, seq as u16, &frame, copy, reach)
                }
                MediaOutput::OpenDevices => {
                    // A refused encoder leaves the old one, whose frames a plain call drops as it should.
                    let _ = self.instruments.set_plain(self.media.is_plain());
                    self.instruments.open(now);
                    self.statistics_at = Some(now + STATISTICS_EVERY);
                    self.turns = Turns::default();
                }
                MediaOutput::CloseDevices => {
                    self.instruments.close();
                    self.devices.closed();
                    self.media.handle(self.devices.condition(), now);
                    let _ = self.instruments.set_plain(false);
                    self.socket.give_back();
                    self.statistics_at = None;
                }
                MediaOutput::Event(event) => self.put_up(AgentEvent::Call(event)),
                MediaOutput::Encode(plan) => self.plan = Some(plan),
                MediaOutput::Member(state) => self.put_up(AgentEvent::Sound(SoundEvent::Member(state))),
                // Counted where it was decided; nobody is told about one packet.
                MediaOutput::Drop(_) => {}
            }
        }
    }

    // --- may allocate -----------------------------------------------------------------------------------------

    /// Not on the media path, since the codec's mode of least delay needs another encoder.
    fn obey_plan(&mut self) {
        let Some(plan) = self.plan.take() else { return };
        // A refused encoder leaves the old one, whose voice is as good.
        let _ = self.instruments.follow(plan);
    }

    fn commands(&mut self, now: Time) {
        // Who commands wakes us afterwards.
        if !self.woken {
            return;
        }
        loop {
            match self.commanded.try_recv() {
                Ok(Order::Command(AgentCommand::Call(command))) => self.call(command, now),
                Ok(Order::Command(AgentCommand::Sound(command))) => self.instrument(command, now),
                Ok(Order::Settle(token)) => {
                    self.instruments.settle(token);
                    // Whoever waits for it may stop us right here: what is commanded after that is of another turn, which
                    // knows that time was missed.
                    self.more = true;
                    return;
                }
                Err(TryRecvError::Empty) => {
                    self.woken = false;
                    return;
                }
                Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    return;
                }
            }
        }
    }

    fn call(&mut self, command: CallCommand, now: Time) {
        match &command {
            CallCommand::Bind(place) => {
                if self.media.call() != Some(place.call) {
                    self.instruments.forget_speakers();
                }
                // Without a socket the bind is sent again and again, and finds one when the network is back.
                let _ = self.socket.ready_for(place.relay_addr);
                self.teller.begin(self.socket.towards(place.relay_addr), now);
            }
            CallCommand::Listen { ssrc, .. } | CallCommand::ListenPlain { ssrc, .. } => {
                // Out of memory for a decoder: the member stays unheard, and the figures say so.
                let _ = self.instruments.listen(*ssrc);
            }
            CallCommand::OpenDirect { call, local, .. } if self.media.call().is_none() => {
                self.instruments.forget_speakers();
                self.media.set_wall(self.clock.now());
                self.teller.begin(Some(*local), now);
                if let Err(error) = self.socket.take(*local) {
                    self.no_line(*call, *local, &error);
                    return;
                }
            }
            CallCommand::Meet { call, ssrc, .. } if self.media.call() == Some(*call) => {
                let _ = self.instruments.listen(*ssrc);
            }
            CallCommand::Deafen { call, ssrc } if self.media.call() == Some(*call) => {
                self.instruments.deafen(*ssrc)
            }
            CallCommand::Open(_)
            | CallCommand::OpenPlain(_)
            | CallCommand::OpenDirect { .. }
            | CallCommand::Meet { .. }
            | CallCommand::Arrived { .. }
            | CallCommand::Deafen { .. }
            | CallCommand::Step(_)
            | CallCommand::Renew(_)
            | CallCommand::Close(_) => {}
        }
        self.media.handle(MediaInput::Command(command), now);
        self.drain(now);
    }

    /// A call of a plain protocol cannot have its address: the client ends it and says why.
    fn no_line(&mut self, call: CallId, local: SocketAddr, error: &io::Error) {
        let kind = error.kind();
        let trouble = if kind == io::ErrorKind::AddrInUse {
            format!("UDP {local} is in use: end what else uses it")
        } else if kind == io::ErrorKind::AddrNotAvailable {
            format!("UDP {local} is no address of this machine")
        } else {
            format!("UDP {local} cannot be used ({error})")
        };
        let why = Safe::line(&format!("{trouble}, or choose another address with --bind"));
        self.put_up(AgentEvent::Call(CallEvent::Unbound { call, why }));
    }

    fn instrument(&mut self, command: SoundCommand, now: Time) {
        match command {
            SoundCommand::Mute(muted) => {
                self.instruments.mute(muted);
                self.devices.mute(muted);
                self.tell_condition(now);
            }
            SoundCommand::Hold(on_hold) => {
                self.devices.hold(on_hold);
                self.tell_condition(now);
            }
            SoundCommand::Device(text) => match Choice::parse(&text) {
                Ok(choice) => self.instruments.choose(choice, now),
                Err(error) => {
                    let why = Safe::line(&error.to_string());
                    self.put_up(AgentEvent::Sound(SoundEvent::Refused(why)));
                }
            },
            SoundCommand::Microphone(name) => self.instruments.choose_half(Half::Microphone, &name),
            SoundCommand::Speaker(name) => self.instruments.choose_half(Half::Speaker, &name),
            SoundCommand::ListDevices => self.instruments.list_devices(),
            SoundCommand::Volume { ssrc, percent } => self.instruments.set_volume(ssrc, percent),
            SoundCommand::MeterEvery(every) => self.instruments.meter_every(every, now),
            SoundCommand::Earcon(earcon) => self.instruments.earcon(earcon),
            SoundCommand::Process { part, wish } => self.instruments.process(part, wish),
            SoundCommand::Tool(command) => {
                self.instruments.tool(command);
                self.tell_recording(now);
            }
            // A refused encoder leaves the old one; the figures tell which it is.
            SoundCommand::Dtx(wanted) => drop(self.instruments.set_dtx(wanted)),
            SoundCommand::Delay(mode) => {
                self.media.handle(MediaInput::Delay(mode), now);
                self.drain(now);
            }
            SoundCommand::FrameDuration(duration) => {
                let frame = u32::try_from(duration.as_millis()).ok().and_then(FrameDuration::from_ms);
                // Another duration is one we do not speak, and a refused encoder leaves the old one.
                if frame.is_some() || duration.is_zero() {
                    let _ = self.instruments.force_frame(frame);
                    // What may be sent is counted with it, and copies do not go along with short ones.
                    self.media.handle(MediaInput::ForceFrame(frame.map(lasts)), now);
                    self.drain(now);
                }
            }
        }
    }

    fn figures(&mut self, now: Time) {
        self.instruments.tell_levels(now);
        if self.statistics_at.is_none_or(|at| now < at) {
            return;
        }
        self.statistics_at = Some(now + STATISTICS_EVERY);
        self.tell_ears(now);
        let mut statistics = self.statistics(now);
        let ourselves = self.devices.ourselves(self.instruments.delays());
        self.teller.complete(&mut statistics, &ourselves, now);
        self.put_up(AgentEvent::Sound(SoundEvent::Statistics(Box::new(statistics))));
    }

    /// What only this side of the media machine knows: how the others sound, and how it is with our devices.
    fn tell_ears(&mut self, now: Time) {
        self.ears.keep(|ssrc| self.instruments.playouts().any(|(known, _)| known == ssrc));
        for (ssrc, playout) in self.instruments.playouts() {
            let echo = self.instruments.returns(ssrc);
            self.media.handle(self.ears.tell(ssrc, &playout, echo), now);
        }
        let (microphone, speaker) = self.instruments.missed_samples();
        self.devices.count(microphone, speaker, now);
        self.devices.hear(self.instruments.take_extremes(), now);
        self.tell_recording(now);
    }

    /// The members are told in the turn in which the recording begins, and soon after it failed.
    fn tell_recording(&mut self, now: Time) {
        self.devices.record(self.instruments.is_recording());
        self.tell_condition(now);
    }

    fn tell_condition(&mut self, now: Time) {
        self.media.handle(self.devices.condition(), now);
        self.drain(now);
    }

    fn statistics(&self, now: Time) -> Statistics {
        let encoder = self.instruments.encoder();
        let mut statistics = Statistics {
            bitrate: encoder.bit_rate,
            frame: lasts(encoder.frame),
            low_delay: encoder.low_delay,
            dtx: encoder.dtx,
            fec: encoder.loss_percent > 0,
            overruns: self.instruments.overruns() + self.socket.unsent(),
            turn: self.turns.percentile(99),
            ..Statistics::default()
        };
        self.media.fill(&mut statistics, now);
        if let Some(playout) = self.instruments.playout() {
            statistics.buffer = playout.delay();
            statistics.repaired = playout.counters.recovered + playout.counters.copied;
            statistics.concealed = playout.counters.concealed;
            statistics.late = playout.counters.late;
        }
        for (ssrc, playout) in self.instruments.playouts() {
            let member = statistics.members.iter_mut().find(|member| member.ssrc == ssrc);
            member
                .into_iter()
                .for_each(|member| member.repaired = playout.counters.recovered + playout.counters.copied);
        }
        statistics
    }

    fn put_up(&mut self, event: AgentEvent) {
        if self.backlog.len() >= BACKLOG_MAX {
            // Nobody has listened for minutes; figures are the first to go.
            let figures = self.backlog.iter().position(|event| matches!(event, AgentEvent::Sound(_)));
            self.backlog.remove(figures.unwrap_or(0));
        }
        self.backlog.push_back(event);
    }

    fn tell_all(&mut self) {
        while let Some(event) = self.instruments.poll() {
            self.devices.notice(&event);
            self.put_up(AgentEvent::Sound(event));
        }
        let mut told = false;
        while let Some(event) = self.backlog.pop_front() {
            match self.tell.try_send(event) {
                Ok(()) => told = true,
                Err(TrySendError::Full(event)) => {
                    self.backlog.push_front(event);
                    break;
                }
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
        if told {
            (self.notify)();
        }
    }
}

fn lasts(frame: FrameDuration) -> Duration {
    Duration::from_millis(u64::from(frame.ms()))
}
