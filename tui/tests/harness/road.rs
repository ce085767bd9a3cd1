//! A bad road between one client and the real server, in userspace: connections pass unharmed, datagrams are lost,
//! delayed and overtake each other, as a seed says. What passed is counted where it went in, so that the sender's rate
//! does not depend on the loss.
//!
//! Each packet draws the same numbers whatever the faults are: one seed is one pattern, and the n-th packet of a
//! direction meets the same luck in each run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::f64::consts::TAU;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::spawn;
use std::time::{Duration, Instant};

use proto::invite::Invite;
use proto::wire::datagram::RTP_BYTES;

/// What happens to datagrams, in both directions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Share of packets that is lost, each on its own: 0 to 1.
    pub(crate) loss: f64,
    /// Share of packets that is lost in runs (Gilbert and Elliott), and the mean length of a run in packets.
    pub(crate) bursts: Option<(f64, f64)>,
    /// Milliseconds a packet is on its way.
    pub(crate) delay: f64,
    /// Standard deviation of the delay in milliseconds: normal, cut at zero, each packet on its own, so that they
    /// overtake each other.
    pub(crate) jitter: f64,
    /// Which luck.
    pub(crate) seed: u64,
}

/// One direction's luck.
struct Luck {
    faults: Faults,
    state: u64,
    in_burst: bool,
}

impl Luck {
    fn new(faults: Faults, direction: u64) -> Self {
        let state = (faults.seed * 2 + direction).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self { faults, state, in_burst: false }
    }

    /// Even, 0 to 1 (SplitMix64).
    fn draw(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// How long the next packet is on its way; none when it is lost.
    fn next(&mut self) -> Option<Duration> {
        let [alone, step, radius, angle] = [(); 4].map(|()| self.draw());
        if let Some((share, length)) = self.faults.bursts {
            let enter = share / (length * (1.0 - share));
            self.in_burst = if self.in_burst { step >= 1.0 / length } else { step < enter };
        }
        if alone < self.faults.loss || self.in_burst {
            return None;
        }
        // Box and Muller.
        let normal = (-2.0 * (1.0 - radius).ln()).sqrt() * (TAU * angle).cos();
        let milliseconds = self.faults.delay + self.faults.jitter * normal;
        Some(Duration::from_secs_f64(milliseconds.max(0.0) / 1_000.0))
    }
}

/// A datagram on its way; the earliest is the greatest. The serial keeps those of one moment in order.
type Travelling = Reverse<(Instant, u64, Vec<u8>)>;

/// Counts of one direction.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// Sealed voice packets that went in.
    pub(crate) voices: AtomicU64,
    /// Bytes of Opus and its copies in them, without headers and tags.
    pub(crate) voice_bytes: AtomicU64,
    /// Datagrams of any kind that were lost.
    pub(crate) lost: AtomicU64,
}

/// One direction: from a socket, by luck, to another.
struct Lane {
    travelling: Mutex<BinaryHeap<Travelling>>,
    more: Condvar,
    passed: Passed,
}

/// Between one client that follows the road's invite and the server. Ends when it is dropped.
pub(crate) struct Road {
    lanes: [Arc<Lane>; 2],
    ended: Arc<AtomicBool>,
}

impl Road {
    /// Between somebody who follows the returned invite and the server of `invite` on loopback.
    pub(crate) fn before(invite: &Invite, faults: Faults) -> io::Result<(Self, Invite)> {
        Self::of_two_ways(invite, [faults; 2])
    }

    /// The same with faults of its own for the way to the server, and for the way back.
    pub(crate) fn of_two_ways(invite: &Invite, faults: [Faults; 2]) -> io::Result<(Self, Invite)> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, invite.port));
        // The same port on another address: clients send voice to the address they reach the server at.
        let own = NEXT.fetch_add(1, Ordering::Relaxed) as u8;
        let here = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 1, own.wrapping_add(1))), invite.port);
        let (tcp, near) = (TcpListener::bind(here)?, UdpSocket::bind(here)?);
        let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        far.connect(server)?;
        for socket in [&near, &far] {
            socket.set_read_timeout(Some(LOOK_EVERY))?;
        }
        let ended = Arc::new(AtomicBool::new(false));
        let lanes = [Lane::new(), Lane::new()];
        let client = Arc::new(Mutex::new(None));
        let (near, far) = (Arc::new(near), Arc::new(far));

        let (to_server, known) = (Arc::clone(&far), Arc::clone(&client));
        lanes[0].run(
            Luck::new(faults[0], 0),
            &ended,
            move |buffer| {
                let (count, from) = near.recv_from(buffer)?;
                *known.lock().unwrap_or_else(PoisonError::into_inner) = Some((from, Arc::clone(&near)));
                Ok(count)
            },
            move |bytes| drop(to_server.send(bytes)),
        );
        lanes[1].run(
            Luck::new(faults[1], 1),
            &ended,
            move |buffer| far.recv(buffer),
            move |bytes| {
                let to = client.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some((to, near)) = to {
                    let _ = near.send_to(bytes, to);
                }
            },
        );
        pass_connections(tcp, server, &ended)?;
        Ok((Self { lanes, ended }, Invite { host: here.ip().to_string(), ..invite.clone() }))
    }

    /// What went in at the server's end.
    pub(crate) fn servers_end(&self) -> &Passed {
        &self.lanes[1].passed
    }
}

impl Drop for Road {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.lanes.iter().for_each(|lane| lane.more.notify_all());
    }
}

impl Lane {
    fn new() -> Arc<Self> {
        let (travelling, more, passed) = Default::default();
        Arc::new(Self { travelling, more, passed })
    }

    /// One thread takes and rolls the dice, another carries what has arrived. What has no way to go is carried at once,
    /// so that a clean road adds no wait of its own.
    fn run(
        self: &Arc<Self>,
        mut luck: Luck,
        ended: &Arc<AtomicBool>,
        mut receive: impl FnMut(&mut [u8]) -> io::Result<usize> + Send + 'static,
        send: impl Fn(&[u8]) + Send + Sync + 'static,
    ) {
        let send = Arc::new(send);
        let (lane, over, carry) = (Arc::clone(self), Arc::clone(ended), Arc::clone(&send));
        spawn(move || lane.carry(&over, &*carry));
        let (lane, over) = (Arc::clone(self), Arc::clone(ended));
        spawn(move || {
            let mut buffer = [0; 2048];
            let mut serial = 0;
            while !over.load(Ordering::Relaxed) {
                // A timeout to look whether it is over, or the answer of a server that is away.
                let Ok(count) = receive(&mut buffer) else { continue };
                let (now, bytes) = (Instant::now(), &buffer[..count]);
                lane.count(bytes);
                serial += 1;
                match luck.next() {
                    None => drop(lane.passed.lost.fetch_add(1, Ordering::Relaxed)),
                    Some(Duration::ZERO) => send(bytes),
                    Some(way) => {
                        let mut travelling = lane.travelling.lock().unwrap_or_else(PoisonError::into_inner);
                        travelling.push(Reverse((now + way, serial, bytes.to_vec())));
                        lane.more.notify_all();
                    }
                }
            }
        });
    }

    fn count(&self, datagram: &[u8]) {
        if let Some(voice) = sealed_voice(datagram) {
            self.passed.voices.fetch_add(1, Ordering::Relaxed);
            self.passed.voice_bytes.fetch_add(voice as u64, Ordering::Relaxed);
        }
    }

    fn carry(&self, ended: &AtomicBool, send: &impl Fn(&[u8])) {
        let mut travelling = self.travelling.lock().unwrap_or_else(PoisonError::into_inner);
        while !ended.load(Ordering::Relaxed) {
            let now = Instant::now();
            let next = travelling.peek().map(|Reverse((due, ..))| *due);
            if next.is_some_and(|due| due <= now) {
                let Some(Reverse((.., bytes))) = travelling.pop() else { continue };
                drop(travelling);
                send(&bytes);
                travelling = self.travelling.lock().unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let wait = next.map_or(LOOK_EVERY, |due| due - now);
            travelling = self.more.wait_timeout(travelling, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn pass_connections(tcp: TcpListener, server: SocketAddr, ended: &Arc<AtomicBool>) -> io::Result<()> {
    tcp.set_nonblocking(true)?;
    let over = Arc::clone(ended);
    spawn(move || {
        while !over.load(Ordering::Relaxed) {
            match tcp.accept() {
                Ok((near, _)) => drop(pass_connection(&near, server)),
                Err(_) => std::thread::sleep(LOOK_EVERY / 4),
            }
        }
    });
    Ok(())
}

fn pass_connection(near: &TcpStream, server: SocketAddr) -> io::Result<()> {
    near.set_nonblocking(false)?;
    let far = TcpStream::connect(server)?;
    for (from, to) in [(near, &far), (&far, near)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        from.set_nodelay(true)?;
        spawn(move || {
            // However it ends, the other side is told.
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}

/// How many bytes a datagram of sealed voice holds (PROTOCOL.md): behind the headers of RTP and SFrame, whose first byte
/// tells its length (RFC 9605 section 4.3), and before the tag.
fn sealed_voice(datagram: &[u8]) -> Option<usize> {
    let is_voice = datagram.first()? >> 6 == 2 && VOICES.contains(datagram.get(1)?);
    let sframe = datagram.get(RTP_BYTES..)?;
    let more = |bits: u8| if bits & 8 == 0 { 0 } else { usize::from(bits & 7) + 1 };
    let header = 1 + more(sframe.first()? >> 4) + more(sframe[0] & 15);
    sframe.len().checked_sub(header + TAG_BYTES).filter(|_| is_voice)
}

/// Payload types of sealed voice, bare and with copies.
const VOICES: [u8; 2] = [96, 100];
const TAG_BYTES: usize = 16;
/// How soon a road that nobody needs notices.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[test]
fn luck_is_what_was_asked_for_and_the_same_each_time() {
    let ways = |faults: Faults| {
        let mut luck = Luck::new(faults, 0);
        (0..100_000).map(|_| luck.next()).collect::<Vec<_>>()
    };
    let share = |ways: &[Option<Duration>]| {
        ways.iter().filter(|way| way.is_none()).count() as f64 / ways.len() as f64
    };
    let faults = Faults { loss: 0.2, seed: 3, ..Faults::default() };
    assert!((share(&ways(faults)) - 0.2).abs() < 0.01);
    assert_eq!(ways(faults), ways(faults));
    assert_ne!(ways(faults), ways(Faults { seed: 4, ..faults }));

    let bursts = ways(Faults { bursts: Some((0.1, 3.0)), ..Faults::default() });
    assert!((share(&bursts) - 0.1).abs() < 0.01, "{}", share(&bursts));
    let runs = bursts.chunk_by(|a, b| a.is_none() == b.is_none()).filter(|run| run[0].is_none());
    let lengths: Vec<f64> = runs.map(|run| run.len() as f64).collect();
    let mean = lengths.iter().sum::<f64>() / lengths.len() as f64;
    assert!((mean - 3.0).abs() < 0.2, "{mean}");

    // Far enough from zero that nothing is cut.
    let late = ways(Faults { delay: 200.0, jitter: 30.0, ..Faults::default() });
    let late: Vec<f64> = late.iter().flatten().map(|way| way.as_secs_f64() * 1_000.0).collect();
    let mean = late.iter().sum::<f64>() / late.len() as f64;
    let sd = (late.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / late.len() as f64).sqrt();
    assert!((mean - 200.0).abs() < 1.0 && (sd - 30.0).abs() < 1.0, "{mean} {sd}");
}
