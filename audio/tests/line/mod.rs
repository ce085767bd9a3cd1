//! A telephone line for tests: a real relay on loopback, and agents that are brought together as the client would.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the relay of a test is a shell of its own, and a test may fail where it stands"
)]

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use audio::clock::Clock;
use audio::{Agent, AgentHandle, Settings};
use proto::Rng;
use proto::crypto::mac;
use proto::id::{CallId, RelayId, Ssrc};
use proto::media::{
    AgentCommand, AgentEvent, CallCommand, CallEvent, Place, SoundCommand, SoundEvent, Statistics,
};
use proto::relay::{Input, Output, Relay, RelayLimits};

#[path = "../../src/testing.rs"]
mod testing;
pub(crate) use testing::voice;

const RELAY_KEY: [u8; 32] = [3; 32];
const ROOM: RelayId = RelayId(9);

/// The longest any step of a test may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The relay, on a thread of its own.
pub(crate) struct Line {
    addr: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Line {
    pub(crate) fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let addr = socket.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let clock = Clock::start();
            let mut relay = Relay::new(RELAY_KEY, Rng::new([1; 32]), RelayLimits::default());
            let mut buffer = [0; 2_048];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((count, from)) = socket.recv_from(&mut buffer) else { continue };
                relay.handle(Input::Datagram(from, &buffer[..count]), clock.now());
                while let Some(output) = relay.poll() {
                    match output {
                        Output::Fan => relay.targets().iter().for_each(|to| {
                            let _ = socket.send_to(&buffer[..count], to);
                        }),
                        Output::Reply { to, bytes } => drop(socket.send_to(&bytes, to)),
                        // Nobody is seated here.
                        Output::ToGuests | Output::OfGuest | Output::Drop(_) => {}
                    }
                }
            }
        });
        Self { addr, stop, thread: Some(thread) }
    }

    /// What a client does while it rings.
    pub(crate) fn bind(&self, party: &mut Party) {
        party.call(CallCommand::Bind(self.place(CALL, party.ssrc)));
        party.until_call("Bound", |event| matches!(event, CallEvent::Bound(CALL)).then_some(()));
    }

    fn place(&self, call: CallId, ssrc: Ssrc) -> Place {
        let expiry = u32::try_from(Clock::start().now().wall.0 / 1_000).unwrap() + 600;
        let ticket = mac::ticket(&RELAY_KEY, ROOM, ssrc, expiry);
        Place { call, relay_addr: self.addr, relay: ROOM, ssrc, expiry, ticket }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One agent, and what it said so far.
pub(crate) struct Party {
    pub(crate) agent: AgentHandle,
    pub(crate) ssrc: Ssrc,
    notified: Receiver<()>,
    pub(crate) seen: Vec<AgentEvent>,
}

impl Party {
    pub(crate) fn new(device: &str, ssrc: u32) -> Self {
        let (notify, notified) = channel();
        let settings = Settings::for_device(device).unwrap();
        let agent = Agent::start(settings, [ssrc as u8; 32], move || {
            let _ = notify.send(());
        })
        .unwrap();
        Self { agent, ssrc: Ssrc(ssrc), notified, seen: Vec::new() }
    }

    pub(crate) fn call(&self, command: CallCommand) {
        self.agent.send(AgentCommand::Call(command)).unwrap();
    }

    pub(crate) fn sound(&self, command: SoundCommand) {
        self.agent.send(AgentCommand::Sound(command)).unwrap();
    }

    /// Waits for an event that `find` takes something from. What was seen already counts for nothing.
    pub(crate) fn until<T>(&mut self, what: &str, mut find: impl FnMut(&AgentEvent) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            while let Some(event) = self.agent.try_recv() {
                let found = find(&event);
                self.seen.push(event);
                if let Some(found) = found {
                    return found;
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited for {what}; came: {:?}", self.seen);
            let _ = self.notified.recv_timeout(left);
        }
    }

    pub(crate) fn until_call<T>(&mut self, what: &str, find: impl Fn(&CallEvent) -> Option<T>) -> T {
        self.until(what, |event| match event {
            AgentEvent::Call(event) => find(event),
            AgentEvent::Sound(_) => None,
        })
    }

    /// The next figures.
    pub(crate) fn figures(&mut self) -> Statistics {
        self.until("figures", |event| match event {
            AgentEvent::Sound(SoundEvent::Statistics(statistics)) => Some(statistics.as_ref().clone()),
            AgentEvent::Sound(_) | AgentEvent::Call(_) => None,
        })
    }

    /// Waits until so many packets were opened, and says how many.
    pub(crate) fn until_opened(&mut self, packets: u64) -> u64 {
        let end = Instant::now() + PATIENCE;
        loop {
            let opened = self.figures().opened;
            if opened >= packets {
                return opened;
            }
            assert!(Instant::now() < end, "waited for {packets} packets; came {opened}");
        }
    }
}

pub(crate) const CALL: CallId = CallId([5; 16]);

/// Binds both, opens both, and introduces each to the other, as two clients do once a person answered.
pub(crate) fn connect(line: &Line, one: &mut Party, two: &mut Party) {
    line.bind(one);
    line.bind(two);
    let mut keys = Vec::new();
    for party in [&mut *one, &mut *two] {
        party.call(CallCommand::Open(CALL));
        keys.push(party.until_call("Key", |event| match event {
            CallEvent::Key { generation, base_key, .. } => Some((*generation, base_key.clone())),
            CallEvent::Bound(_)
            | CallEvent::Heard { .. }
            | CallEvent::HungUp { .. }
            | CallEvent::Quiet { .. }
            | CallEvent::Silent(_)
            | CallEvent::Unbound { .. } => None,
        }));
    }
    for (listener, speaker, key) in [(&*one, &*two, &keys[1]), (&*two, &*one, &keys[0])] {
        let (generation, base_key) = key.clone();
        listener.call(CallCommand::Listen { call: CALL, ssrc: speaker.ssrc, generation, step: 0, base_key });
    }
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

/// How alike two recordings of one voice are (median over pieces of 200 ms, up to 1) and how much louder the second
/// is, in dB. By pieces, because a listener's buffer may cut or stretch a frame between two of them.
pub(crate) fn alike(said: &[f32], heard: &[f32]) -> (f32, f32) {
    let mut pieces: Vec<(f32, f32)> = said
        .chunks_exact(9_600)
        .map(|piece| {
            let (at, likeness) = found(piece, heard);
            (likeness, 20.0 * (rms(&heard[at..at + piece.len()]) / rms(piece)).log10())
        })
        .collect();
    let mut middle = |by: fn(&(f32, f32)) -> f32| {
        pieces.sort_by(|a, b| by(a).total_cmp(&by(b)));
        by(&pieces[pieces.len() / 2])
    };
    (middle(|piece| piece.0), middle(|piece| piece.1))
}

/// Where in `heard` the start of `said` is found, in samples, and how alike the two are there, up to 1.
fn found(said: &[f32], heard: &[f32]) -> (usize, f32) {
    let likeness = |delay: usize, step: usize| {
        let pairs = said.iter().zip(&heard[delay..]).step_by(step);
        let (mut product, mut a, mut b) = (0.0, 1e-9, 1e-9);
        for (said, heard) in pairs {
            product += said * heard;
            a += said * said;
            b += heard * heard;
        }
        product / (a * b).sqrt()
    };
    let latest = heard.len().saturating_sub(said.len());
    // Coarsely everywhere, then exactly where it was best.
    let coarse =
        (0..latest).step_by(4).max_by(|a, b| likeness(*a, 7).total_cmp(&likeness(*b, 7))).unwrap_or(0);
    let near = coarse.saturating_sub(8)..(coarse + 8).min(latest.max(1));
    near.map(|delay| (delay, likeness(delay, 1))).max_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
}
