//! Media machines, a relay and a network of equal delay and seeded loss between them.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};

use proto::crypto::mac;
use proto::id::{CallId, RelayId, Ssrc};
use proto::media::{
    BaseKey, CallCommand, CallEvent, EncoderPlan, Media, MediaInput, MediaOutput, MemberState, Place,
    Statistics,
};
use proto::relay::{Change, Input, Output, Relay, RelayLimits};
use proto::{Drop, Now, Rng, Time, Wall};

pub(crate) const CALL: CallId = CallId([3; 16]);
pub(crate) const ROOM: RelayId = RelayId(0x1234);
pub(crate) const ALICE: usize = 0;
pub(crate) const BOB: usize = 1;
/// From an end to the relay, or back.
pub(crate) const ONE_WAY: Duration = Duration::from_millis(10);
const RELAY_KEY: [u8; 32] = [8; 32];
const EPOCH_S: u32 = 1_000;

pub(crate) fn place(end: usize) -> Place {
    place_until(end, EPOCH_S + 600)
}

pub(crate) fn place_until(end: usize, expiry: u32) -> Place {
    let ssrc = Ssrc(0xa0 + u32::try_from(end).unwrap());
    let ticket = mac::ticket(&RELAY_KEY, ROOM, ssrc, expiry);
    Place { call: CALL, relay_addr: "198.51.100.1:8462".parse().unwrap(), relay: ROOM, ssrc, expiry, ticket }
}

/// What end `end` says in its `n`th frame.
pub(crate) fn marked(end: usize, n: u64) -> Vec<u8> {
    let mut frame = format!("frame {n} of {end}: ").into_bytes();
    frame.resize(90, b'.');
    // The first byte makes it 20 ms of Opus (RFC 6716 section 3.1: configuration 31, one frame).
    frame[0] = 31 << 3;
    frame
}

/// What left a media machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Bind,
    Sealed,
    Plain,
}

pub(crate) struct End {
    pub(crate) media: Media,
    pub(crate) heard: bool,
    pub(crate) devices: bool,
    pub(crate) key: Option<BaseKey>,
    pub(crate) said: u64,
    pub(crate) sent: Vec<Sent>,
    pub(crate) played: Vec<(u64, Vec<u8>)>,
    pub(crate) played_at: Vec<Time>,
    pub(crate) played_of: Vec<Ssrc>,
    /// Every datagram that reached this end.
    pub(crate) received: Vec<Vec<u8>>,
    pub(crate) members: Vec<(MemberState, Time)>,
    /// Played frames that came with later ones, and how far back they reach now.
    pub(crate) copies: u64,
    pub(crate) reach: u8,
    pub(crate) plans: Vec<(EncoderPlan, Time)>,
    pub(crate) events: Vec<CallEvent>,
    event_times: Vec<Time>,
    drops: Vec<Drop>,
    address: SocketAddr,
    /// It stands still: nothing reaches it, and it does nothing.
    pub(crate) asleep: bool,
    /// When it began to, and for how long it stood still before: its time does not go on meanwhile.
    slept_at: Time,
    slept: Duration,
}

impl End {
    pub(crate) fn dropped(&self, reason: Drop) -> usize {
        self.drops.iter().filter(|drop| **drop == reason).count()
    }

    pub(crate) fn told_at(&self, event: &CallEvent) -> Time {
        self.event_times[self.events.iter().position(|told| told == event).unwrap()]
    }

    fn time(&self, now: Time) -> Time {
        now.back(self.slept)
    }

    fn deadline(&self) -> Option<Time> {
        self.media.deadline().filter(|_| !self.asleep).map(|at| at + self.slept)
    }

    pub(crate) fn longest_gap(&self, from: Time) -> Duration {
        let times: Vec<_> = self.played_at.iter().copied().filter(|at| *at >= from).collect();
        times.windows(2).map(|two| two[1] - two[0]).max().unwrap()
    }
}

pub(crate) struct Net {
    pub(crate) now: Time,
    pub(crate) ends: Vec<End>,
    pub(crate) relay: Relay,
    pub(crate) loss_percent: u64,
    /// Whose packets are all lost.
    pub(crate) unheard: Option<usize>,
    /// The relay's machine is gone.
    pub(crate) down: bool,
    /// Of everything that was sent, in order.
    pub(crate) trace: u64,
    rng: Rng,
    pub(crate) relay_drops: Vec<Drop>,
    flying: BTreeMap<(Time, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    sent: u64,
}

impl Net {
    pub(crate) fn new(seed: u8) -> Self {
        Self::of(seed, 2)
    }

    /// One with `count` ends.
    pub(crate) fn of(seed: u8, count: usize) -> Self {
        let mut rng = Rng::new([seed; 32]);
        let end = |rng: &mut Rng, n: u8| End {
            media: Media::new(rng.child("media"), Time::ZERO),
            heard: false,
            devices: false,
            key: None,
            said: 0,
            sent: Vec::new(),
            played: Vec::new(),
            played_at: Vec::new(),
            played_of: Vec::new(),
            received: Vec::new(),
            members: Vec::new(),
            copies: 0,
            reach: 0,
            plans: Vec::new(),
            events: Vec::new(),
            event_times: Vec::new(),
            drops: Vec::new(),
            address: SocketAddr::from(([192, 0, 2, n], 4_000)),
            asleep: false,
            slept_at: Time::ZERO,
            slept: Duration::ZERO,
        };
        let ends = (1..).take(count).map(|n| end(&mut rng, n)).collect();
        let relay = Relay::new(RELAY_KEY, rng.child("relay"), RelayLimits::default());
        Self {
            now: Time::ZERO,
            ends,
            relay,
            loss_percent: 0,
            unheard: None,
            down: false,
            trace: 0,
            rng,
            relay_drops: Vec::new(),
            flying: BTreeMap::new(),
            sent: 0,
        }
    }

    pub(crate) fn relay_addr(&self) -> SocketAddr {
        place(ALICE).relay_addr
    }

    pub(crate) fn relay_dropped(&self, reason: Drop) -> usize {
        self.relay_drops.iter().filter(|drop| **drop == reason).count()
    }

    pub(crate) fn bind_both(&mut self) {
        for end in 0..self.ends.len() {
            self.command(end, CallCommand::Bind(place(end)));
        }
        self.run(Duration::from_millis(100));
        assert!(self.ends.iter().all(|end| end.events.contains(&CallEvent::Bound(CALL))));
    }

    pub(crate) fn open(&mut self, end: usize) {
        self.command(end, CallCommand::Open(CALL));
        assert!(self.ends[end].devices && self.ends[end].key.is_some());
    }

    pub(crate) fn exchange_keys(&mut self) {
        for (from, to) in [(ALICE, BOB), (BOB, ALICE)] {
            let base_key = self.ends[from].key.clone().unwrap();
            let listen =
                CallCommand::Listen { call: CALL, ssrc: place(from).ssrc, generation: 0, step: 0, base_key };
            self.command(to, listen);
        }
    }

    pub(crate) fn accept(&mut self) {
        self.open(ALICE);
        self.open(BOB);
        self.exchange_keys();
    }

    pub(crate) fn restart_relay(&mut self) {
        self.relay = Relay::new(RELAY_KEY, self.rng.child("relay"), RelayLimits::default());
    }

    pub(crate) fn move_to_new_address(&mut self, end: usize) {
        let port = self.ends[end].address.port();
        self.ends[end].address.set_port(port + 1);
    }

    pub(crate) fn change(&mut self, change: Change) {
        let now = self.wall();
        self.relay.handle(Input::Change(change), now);
        assert_eq!(self.relay.poll(), None);
    }

    pub(crate) fn command(&mut self, end: usize, command: CallCommand) {
        let now = self.ends[end].time(self.now);
        self.ends[end].media.handle(MediaInput::Command(command), now);
        self.drain(end);
    }

    pub(crate) fn frame(&mut self, end: usize, duration: Duration) {
        let opus = marked(end, self.ends[end].said);
        self.ends[end].said += 1;
        let now = self.ends[end].time(self.now);
        self.ends[end].media.handle(MediaInput::Frame { opus: &opus, duration }, now);
        self.drain(end);
    }

    /// It stands still from now on, its time too.
    pub(crate) fn stop(&mut self, end: usize) {
        (self.ends[end].asleep, self.ends[end].slept_at) = (true, self.now);
    }

    /// And goes on.
    pub(crate) fn go_on(&mut self, end: usize) {
        let this = &mut self.ends[end];
        let time = self.now - this.slept_at;
        (this.asleep, this.slept) = (false, this.slept + time);
        this.media.handle(MediaInput::StoodStill(time), this.time(self.now));
        self.drain(end);
    }

    /// And goes on as if no time had passed: what it says at first is of before.
    pub(crate) fn go_on_unaware(&mut self, end: usize) {
        let this = &mut self.ends[end];
        (this.asleep, this.slept) = (false, this.slept + (self.now - this.slept_at));
        self.drain(end);
    }

    /// What an end tells of the call.
    pub(crate) fn figures(&self, end: usize) -> Statistics {
        let (mut figures, this) = (Statistics::default(), &self.ends[end]);
        this.media.fill(&mut figures, this.time(self.now));
        figures
    }

    /// Everybody who is in speaks, 20 ms at a time.
    pub(crate) fn talk(&mut self, time: Duration) {
        let frame = Duration::from_millis(20);
        let until = self.now + time;
        while self.now < until {
            for end in 0..self.ends.len() {
                if self.ends[end].devices && !self.ends[end].asleep {
                    self.frame(end, frame);
                }
            }
            self.run(frame);
        }
    }

    /// Lets time pass, everybody woken exactly when they asked to be.
    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let asked = self.ends.iter().filter_map(End::deadline).chain(self.relay.deadline());
            let next = asked.chain(self.flying.keys().next().map(|(at, _)| *at)).min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            self.step();
        }
        self.now = until;
    }

    fn step(&mut self) {
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (from, to, bytes) = entry.remove();
            self.deliver(from, to, &bytes);
        }
        for end in 0..self.ends.len() {
            if self.ends[end].deadline().is_some_and(|at| at <= self.now) {
                let now = self.ends[end].time(self.now);
                self.ends[end].media.handle(MediaInput::Timeout, now);
                self.drain(end);
                let again = self.ends[end].deadline();
                assert!(again.is_none_or(|at| at > self.now), "a deadline in the past would spin");
            }
        }
        if self.relay.deadline().is_some_and(|at| at <= self.now) {
            let now = self.wall();
            self.relay.handle(Input::Timeout, now);
            assert!(self.relay.deadline().is_none_or(|at| at > self.now));
        }
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if to == self.relay_addr() {
            return self.deliver_to_relay(from, bytes);
        }
        let Some(end) = self.ends.iter().position(|end| end.address == to && !end.asleep) else { return };
        self.ends[end].received.push(bytes.to_vec());
        let now = self.ends[end].time(self.now);
        self.ends[end].media.handle(MediaInput::Datagram(from, bytes), now);
        self.drain(end);
    }

    fn deliver_to_relay(&mut self, from: SocketAddr, bytes: &[u8]) {
        if self.down {
            return;
        }
        let now = self.wall();
        self.relay.handle(Input::Datagram(from, bytes), now);
        let relay = self.relay_addr();
        while let Some(out) = self.relay.poll() {
            match out {
                Output::Fan => {
                    for to in self.relay.targets().to_vec() {
                        self.send(relay, to, bytes);
                    }
                }
                Output::ToGuests | Output::OfGuest => panic!("no guest is seated here"),
                Output::Reply { to, bytes } => self.send(relay, to, &bytes),
                Output::Drop(drop) => self.relay_drops.push(drop),
            }
        }
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let mut hash = DefaultHasher::new();
        hash.write_u64(self.trace);
        hash.write_u64(self.now.as_us());
        hash.write(bytes);
        self.trace = hash.finish();
        let unheard = self.unheard.is_some_and(|end| self.ends[end].address == from);
        if unheard || self.rng.below(100) < self.loss_percent {
            return;
        }
        self.sent += 1;
        self.flying.insert((self.now + ONE_WAY, self.sent), (from, to, bytes.to_vec()));
    }

    pub(crate) fn drain(&mut self, end: usize) {
        while let Some(out) = self.ends[end].media.poll() {
            let now = self.now;
            let this = &mut self.ends[end];
            match out {
                MediaOutput::Datagram { to, bytes } => {
                    this.sent.push(match bytes[..2] {
                        [0x80, 96 | 97 | 100] => Sent::Sealed,
                        [0x80, _] => Sent::Plain,
                        _ => Sent::Bind,
                    });
                    let from = this.address;
                    self.send(from, to, &bytes);
                }
                MediaOutput::Encode(plan) => this.plans.push((plan, now)),
                MediaOutput::Play { speaker, seq, frame, copy, reach, timestamp: _ } => {
                    this.copies += u64::from(copy);
                    this.reach = reach;
                    assert_ne!(speaker, place(end).ssrc);
                    this.played_of.push(speaker);
                    this.played.push((seq, frame.to_vec()));
                    this.played_at.push(now);
                }
                MediaOutput::OpenDevices => this.devices = true,
                MediaOutput::CloseDevices => this.devices = false,
                MediaOutput::Drop(drop) => this.drops.push(drop),
                MediaOutput::Member(state) => this.members.push((state, now)),
                MediaOutput::Event(event) => {
                    if let CallEvent::Key { base_key, .. } = &event {
                        this.key = Some(base_key.clone());
                    }
                    this.heard |= matches!(event, CallEvent::Heard { .. });
                    this.events.push(event);
                    this.event_times.push(now);
                }
            }
        }
    }

    /// The last datagram that reached this end.
    pub(crate) fn last_to(&self, end: usize) -> Vec<u8> {
        self.ends[end].received.last().unwrap().clone()
    }

    /// A genuine packet for `end` that it has not seen.
    pub(crate) fn fresh_for(&mut self, end: usize) -> Vec<u8> {
        self.fresh_from(1 - end)
    }

    /// A genuine packet of `end` that nobody has seen.
    pub(crate) fn fresh_from(&mut self, end: usize) -> Vec<u8> {
        let opus = marked(end, 0);
        let input = MediaInput::Frame { opus: &opus, duration: Duration::from_millis(20) };
        self.ends[end].media.handle(input, self.now);
        let Some(MediaOutput::Datagram { bytes, .. }) = self.ends[end].media.poll() else {
            panic!("no packet")
        };
        self.drain(end);
        bytes.to_vec()
    }

    /// Hands in a datagram and says why it was dropped, if it was.
    pub(crate) fn inject(&mut self, end: usize, from: SocketAddr, bytes: &[u8]) -> Option<Drop> {
        let before = self.ends[end].drops.len();
        self.ends[end].media.handle(MediaInput::Datagram(from, bytes), self.now);
        self.drain(end);
        assert!(self.ends[end].drops.len() <= before + 1);
        self.ends[end].drops.get(before).copied()
    }

    fn wall(&self) -> Now {
        Now::at(self.now, Wall(u64::from(EPOCH_S) * 1_000))
    }
}
