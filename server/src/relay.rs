//! The relay thread: the native UDP socket and, where seed A is spoken, that of its voice; the relay machine, and
//! what the hub has to say to it. It shares nothing with the signalling loop but that channel, so a slow disk never
//! delays a voice packet.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use proto::limits::DATAGRAM_BYTES_MAX;
use proto::relay::{Change, Input, Output, Relay};
use proto::{Now, Time};

use crate::clock::{Clock, wait_for};
use crate::datagram::Datagrams;
use crate::stats::{Figure, Place, Stats};

/// The hub's end of the relay thread.
pub(crate) struct RelayThread {
    notes: SyncSender<Note>,
    waker: Arc<Waker>,
    thread: JoinHandle<Result<()>>,
}

enum Note {
    Change(Change),
    Stop,
}

impl RelayThread {
    /// Starts it. `on_failure` is called on the thread when it ends by itself, also by a panic: a server without
    /// voice must not look like one with it.
    ///
    /// # Errors
    /// When the system gives no poll or thread.
    pub(crate) fn start(
        relay: Relay,
        socket: UdpSocket,
        plain: Option<UdpSocket>,
        clock: Clock,
        stats: Stats,
        on_failure: impl FnOnce() + Send + 'static,
    ) -> Result<Self> {
        let poll = Poll::new().context("the system gives no event queue")?;
        let mut socket = Datagrams::new(socket)?;
        let mut plain = plain.map(Datagrams::of_addresses).transpose()?;
        poll.registry().register(socket.source(), SOCKET, Interest::READABLE)?;
        if let Some(plain) = &mut plain {
            poll.registry().register(plain.source(), PLAIN, Interest::READABLE)?;
        }
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (notes, inbox) = sync_channel(NOTES_MAX);
        let buffer = vec![0; DATAGRAM_BYTES_MAX + 1].into_boxed_slice();
        let mut room = Loop { poll, socket, plain, relay, inbox, buffer, stats };
        let thread = std::thread::Builder::new().name("relay".into()).spawn(move || {
            let mut alarm = Alarm(Some(on_failure));
            let outcome = room.run(clock);
            if outcome.is_ok() {
                alarm.0 = None;
            }
            outcome
        })?;
        Ok(Self { notes, waker, thread })
    }

    /// Tells it what the hub changed. Waits while it has more notes than it may have; it never waits for us.
    ///
    /// # Errors
    /// When the thread is gone.
    pub(crate) fn tell(&self, change: Change) -> Result<()> {
        self.note(Note::Change(change))
    }

    fn note(&self, note: Note) -> Result<()> {
        self.notes.send(note).map_err(|_| anyhow!("the relay thread is gone"))?;
        self.waker.wake().context("the relay thread cannot be woken")
    }

    /// Ends it.
    ///
    /// # Errors
    /// What it failed with.
    pub(crate) fn stop(self) -> Result<()> {
        // When it is gone already, joining tells why.
        let _ = self.note(Note::Stop);
        self.thread.join().map_err(|_| anyhow!("the relay thread panicked"))?
    }
}

/// Rings when it is dropped armed.
struct Alarm<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for Alarm<F> {
    fn drop(&mut self) {
        if let Some(ring) = self.0.take() {
            ring();
        }
    }
}

struct Loop {
    poll: Poll,
    socket: Datagrams,
    /// The voice of seed A; none where it is not spoken.
    plain: Option<Datagrams>,
    relay: Relay,
    inbox: Receiver<Note>,
    /// One byte more than a datagram may have, so that a longer one is seen as longer.
    buffer: Box<[u8]>,
    stats: Stats,
}

impl Loop {
    fn run(&mut self, clock: Clock) -> Result<()> {
        let mut events = Events::with_capacity(4);
        let mut more = false;
        loop {
            let now = clock.now();
            let timeout = if more { Some(Duration::ZERO) } else { wait_for(self.relay.deadline(), now.mono) };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                outcome => outcome.context("waiting for datagrams failed")?,
            }
            let now = clock.now();
            if !self.read_notes(now) {
                return Ok(());
            }
            if self.relay.deadline().is_some_and(|at: Time| at <= now.mono) {
                self.relay.handle(Input::Timeout, now);
                self.drain(0);
            }
            // Edge-triggered: either the sockets are dry or the next wait is zero.
            let natives = self.read_batch(now)?;
            let guests = self.read_plain_batch(now)?;
            more = natives || guests;
        }
    }

    /// False when it is time to go.
    fn read_notes(&mut self, now: Now) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(Note::Change(change)) => {
                    self.relay.handle(Input::Change(change), now);
                    self.drain(0);
                }
                Ok(Note::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    /// True when there may be more.
    fn read_batch(&mut self, now: Now) -> Result<bool> {
        for _ in 0..DATAGRAMS_PER_TURN {
            let received = self.socket.receive(&mut self.buffer).context("receiving datagrams failed")?;
            let Some((length, from)) = received else { return Ok(false) };
            self.stats.add(Figure::DatagramsIn, 1);
            self.relay.handle(Input::Datagram(from, &self.buffer[..length]), now);
            self.drain(length);
        }
        Ok(true)
    }

    /// True when there may be more.
    fn read_plain_batch(&mut self, now: Now) -> Result<bool> {
        for _ in 0..DATAGRAMS_PER_TURN {
            let Some(socket) = &mut self.plain else { return Ok(false) };
            let received = socket.receive(&mut self.buffer).context("receiving plain voice failed")?;
            let Some((length, from)) = received else { return Ok(false) };
            self.stats.add(Figure::DatagramsIn, 1);
            self.relay.handle(Input::Plain(from, &self.buffer[..length]), now);
            self.drain(length);
        }
        Ok(true)
    }

    fn drain(&mut self, length: usize) {
        while let Some(output) = self.relay.poll() {
            match output {
                Output::Fan => {
                    let datagram = &self.buffer[..length];
                    for to in self.relay.targets() {
                        self.count_sent(self.socket.send(datagram, *to));
                    }
                }
                Output::OfGuest => {
                    for to in self.relay.targets() {
                        self.count_sent(self.socket.send(self.relay.made(), *to));
                    }
                }
                Output::ToGuests => {
                    let Some(socket) = &self.plain else { continue };
                    for to in self.relay.plain_targets() {
                        self.count_sent(socket.send(self.relay.made(), *to));
                    }
                }
                Output::Reply { to, bytes } => self.count_sent(self.socket.send(&bytes, to)),
                Output::Drop(why) => self.stats.drop(Place::Datagram, why),
            }
        }
    }

    fn count_sent(&self, sent: bool) {
        let figure = if sent { Figure::DatagramsOut } else { Figure::DatagramsUnsent };
        self.stats.add(figure, 1);
    }
}

const SOCKET: Token = Token(0);
const PLAIN: Token = Token(1);
const WAKE: Token = Token(2);
/// Datagrams of each socket between two looks at the hub's notes and the clock.
const DATAGRAMS_PER_TURN: usize = 256;
/// Removals that wait for the relay thread, which takes them within a turn.
const NOTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_rings_for_a_panic_and_not_for_an_end_in_order() {
        let mut rung = 0;
        drop(Alarm(Some(|| rung += 1)));
        assert_eq!(rung, 1);
        let mut quiet = Alarm(Some(|| rung += 1));
        quiet.0 = None;
        drop(quiet);
        assert_eq!(rung, 1);
        let (rang, heard) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let _alarm = Alarm(Some(move || rang.send(()).unwrap()));
            panic!("as a bug would");
        });
        assert!(thread.join().is_err());
        heard.recv().unwrap();
    }

    #[test]
    fn guests_are_reached_by_a_socket_of_their_own() {
        use proto::crypto::mac;
        use proto::id::{RelayId, Ssrc};
        use proto::limits::PLAIN_VOICE_PORT;
        use proto::relay::RelayLimits;
        use proto::wire::datagram::{Bind, Cookie, Payload, PlainVoice, RTP_BYTES, Rtp};
        use std::net::UdpSocket as StdSocket;

        use crate::testing::own_address;

        const KEY: [u8; 32] = [5; 32];
        let (room, ssrc, clock) = (RelayId(7), Ssrc(1), Clock::start());
        let expiry = clock.now().wall.as_secs_u32() + 600;
        let native_door = crate::listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let voice_door = crate::listen::bind_plain_voice(own_address(81).into()).unwrap();
        let relay = Relay::new(KEY, proto::Rng::new([1; 32]), RelayLimits::default());
        let thread =
            RelayThread::start(relay, native_door.udp, Some(voice_door), clock, Stats::default(), || {})
                .unwrap();

        let socket = |addr: &str| {
            let socket = StdSocket::bind(addr).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            socket
        };
        let guest = socket(&format!("{}:{PLAIN_VOICE_PORT}", own_address(82)));
        let address = guest.local_addr().unwrap().ip();
        thread.tell(Change::Seat { relay: room, ssrc: Ssrc(2), address, expiry }).unwrap();

        let native = socket("127.0.0.1:0");
        native.connect(native_door.addr).unwrap();
        let mut buffer = [0; 2_048];
        let ticket = mac::ticket(&KEY, room, ssrc, expiry);
        let mut bind = Bind { relay: room, ssrc, expiry, proof: [9; 16] };
        native.send(&bind.encode(|over| mac::bind_mac(&ticket, over))).unwrap();
        let count = native.recv(&mut buffer).unwrap();
        bind.proof = Cookie::decode(&buffer[..count]).unwrap().cookie;
        native.send(&bind.encode_second(|over| mac::bind_mac(&ticket, over))).unwrap();
        native.recv(&mut buffer).unwrap();

        let silence = [0xf4, 0xff, 0xfe];
        let rtp = Rtp { payload: Payload::PlainVoice, seq: 1, timestamp: 2, ssrc };
        native.send(&[&rtp.encode()[..], &silence].concat()).unwrap();
        let (count, from) = guest.recv_from(&mut buffer).unwrap();
        assert_eq!(from.to_string(), format!("{}:8085", own_address(81)));
        assert_eq!(PlainVoice::decode(&buffer[..count]).unwrap().opus, silence);
        guest.send_to(&PlainVoice { opus: &silence, sent_ms: 5 }.encode().unwrap(), from).unwrap();
        let count = native.recv(&mut buffer).unwrap();
        assert_eq!(Rtp::decode(&buffer).unwrap().ssrc, Ssrc(2));
        assert_eq!(buffer[RTP_BYTES..count], silence);
        thread.stop().unwrap();
    }
}
