//! The echo friend: somebody to try things with, on every server. It is an ordinary client, end to end, over
//! loopback: it accepts who asks, sends every text back, and answers calls by sending back what it hears. It opens
//! and seals Opus frames and decodes none.
//!
//! It has several devices, because a device is in one call at a time. They share a thread, a poll, an account key
//! and a file, and nothing else. When the friend fails the server goes on without it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, anyhow};
use mio::{Events, Poll, Token, Waker};
use proto::crypto::identity::AccountKey;
use proto::id::{Fingerprint, Name};
use proto::limits::ECHO_CALLS_MAX;
use proto::tls::client_config;
use proto::{Rng, Time, earliest};

use crate::clock::{Clock, wait_for};
use crate::data::{Data, random};
use crate::store::rows::Rows;

use device::{Device, Friend};

mod device;
mod link;

/// Its name, reserved on every server that has it.
pub(crate) const NAME: &str = "echo";

/// Who the friend is, before it runs.
pub(crate) struct Echo {
    rows: Rows,
    key: AccountKey,
}

/// The running friend.
pub(crate) struct EchoThread {
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: JoinHandle<()>,
}

impl Echo {
    /// Reads its memory, or makes it.
    ///
    /// # Errors
    /// When that cannot be opened.
    pub(crate) fn open(data: &Data) -> Result<Self> {
        let mut rows = Rows::open(&data.path("echo.db"))?;
        let seed = rows.secret("account", random)?;
        Ok(Self { rows, key: AccountKey::from_seed(&seed, NAME) })
    }

    /// Name and account, for the hub.
    pub(crate) fn who(&self) -> (Name, Fingerprint) {
        (name(), self.key.fingerprint())
    }

    /// Starts its thread, which connects to the server at `server`.
    ///
    /// # Errors
    /// When its memory is damaged, or the system gives no poll or thread.
    pub(crate) fn start(
        self,
        server: SocketAddr,
        pin: Fingerprint,
        clock: Clock,
        rng: Rng,
    ) -> Result<EchoThread> {
        let poll = Poll::new().context("the system gives no event queue")?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let stop = Arc::new(AtomicBool::new(false));
        let mut room = self.room(poll, server, pin, clock, rng)?;
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("echo".into()).spawn(move || {
            if let Err(error) = room.run(&stopped) {
                tracing::error!("the echo friend is gone, the server goes on: {error:#}");
            }
        })?;
        Ok(EchoThread { stop, waker, thread })
    }

    fn room(
        mut self,
        poll: Poll,
        server: SocketAddr,
        pin: Fingerprint,
        clock: Clock,
        mut rng: Rng,
    ) -> Result<Room> {
        let store_key = self.rows.secret("store", random)?;
        let tls = client_config().context("the echo friend has no TLS")?;
        let friend = Friend { key: self.key, name: name(), server, pin, tls, answered: Default::default() };
        let devices = (0..ECHO_CALLS_MAX)
            .map(|index| {
                let rng = rng.child("device");
                Device::new(index, &friend, &store_key, &mut self.rows, poll.registry(), rng, clock.now())
            })
            .collect::<Result<_>>()?;
        Ok(Room { poll, devices, friend, rows: self.rows, clock })
    }
}

impl EchoThread {
    /// Ends it.
    ///
    /// # Errors
    /// When it panicked.
    pub(crate) fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        self.waker.wake().context("the echo friend cannot be woken")?;
        self.thread.join().map_err(|_| anyhow!("the echo friend panicked"))
    }
}

/// The thread's own.
struct Room {
    poll: Poll,
    devices: Vec<Device>,
    friend: Friend,
    rows: Rows,
    clock: Clock,
}

impl Room {
    fn run(&mut self, stop: &AtomicBool) -> Result<()> {
        let mut events = Events::with_capacity(4 * ECHO_CALLS_MAX);
        loop {
            let timeout = wait_for(self.deadline(), self.clock.now().mono);
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                outcome => outcome.context("waiting for the network failed")?,
            }
            if stop.load(Ordering::SeqCst) {
                return Ok(());
            }
            let now = self.clock.now();
            let Self { poll, devices, friend, rows, .. } = self;
            for event in &events {
                let Token(number) = event.token();
                if let Some(device) = devices.get_mut(number / 2) {
                    device.ready(number % 2 == 0, friend, rows, now)?;
                }
            }
            for device in devices.iter_mut() {
                device.on_time(friend, rows, now)?;
            }
            // One at a time, as one person would come in: the doors count strangers by where they come from.
            if !devices.iter().any(|device| device.is_coming_in())
                && let Some(device) = devices.iter_mut().find(|device| device.wants_in())
            {
                device.come_in(friend, rows, poll.registry(), now)?;
            }
        }
    }

    fn deadline(&self) -> Option<Time> {
        let coming = self.devices.iter().any(Device::is_coming_in);
        let waiting = !coming && self.devices.iter().any(Device::wants_in);
        let now = waiting.then_some(Time::ZERO);
        self.devices.iter().map(Device::deadline).fold(now, earliest)
    }
}

fn name() -> Name {
    Name::parse(NAME).expect("the friend's name is a name")
}

/// Even tokens are a device's TCP, odd ones its UDP.
const fn tcp(index: usize) -> Token {
    Token(2 * index)
}

const fn udp(index: usize) -> Token {
    Token(2 * index + 1)
}

const WAKE: Token = Token(usize::MAX);
