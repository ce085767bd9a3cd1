//! The network of the world: datagrams that are lost in bursts, late, doubled and overtaken; streams that are
//! reliable and ordered but cut and merged anywhere; and partitions.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use proto::{Rng, Time};

/// How bad the network is. Chances are in units of 1/10,000.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// One-way delay without jitter.
    pub delay: Duration,
    /// Uniform jitter on top. More than the frame spacing makes packets overtake each other.
    pub jitter: Duration,
    /// Chance that a burst of loss begins with a datagram.
    pub burst_begins: u64,
    /// Chance that a burst goes on with the next one.
    pub burst_goes_on: u64,
    /// Chance that a datagram comes twice.
    pub doubled: u64,
    /// Chance, per second and connection, that a TCP connection breaks.
    pub breaks: u64,
}

impl Weather {
    /// Nothing happens but distance.
    pub const CLEAR: Self = Self {
        delay: Duration::from_millis(20),
        jitter: Duration::ZERO,
        burst_begins: 0,
        burst_goes_on: 0,
        doubled: 0,
        breaks: 0,
    };

    /// A drawn climate, from clear to dreadful.
    pub fn draw(rng: &mut Rng) -> Self {
        Self {
            delay: Duration::from_millis(1 + rng.below(120)),
            jitter: Duration::from_millis(rng.below(60)),
            burst_begins: rng.below(1_000),
            burst_goes_on: rng.below(7_000),
            doubled: rng.below(500),
            breaks: rng.below(150),
        }
    }
}

/// True with a chance of `n` in 10,000.
pub fn chance(rng: &mut Rng, n: u64) -> bool {
    rng.below(10_000) < n
}

/// The state of one sender's link.
#[derive(Clone, Copy, Debug, Default)]
pub struct Link {
    in_burst: bool,
}

impl Link {
    /// When the copies of one datagram arrive: none, one or two times.
    pub fn datagram(&mut self, weather: &Weather, rng: &mut Rng, now: Time) -> Vec<Time> {
        let lost = if self.in_burst { weather.burst_goes_on } else { weather.burst_begins };
        self.in_burst = chance(rng, lost);
        if self.in_burst {
            return Vec::new();
        }
        let copies = if chance(rng, weather.doubled) { 2 } else { 1 };
        (0..copies).map(|_| now + travel(weather, rng)).collect()
    }
}

/// One direction of a TCP connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pipe {
    last: Time,
}

impl Pipe {
    /// Cuts `bytes` anywhere and says when each piece arrives; never before an earlier piece.
    pub fn stream(
        &mut self,
        bytes: &[u8],
        weather: &Weather,
        rng: &mut Rng,
        now: Time,
    ) -> Vec<(Time, Vec<u8>)> {
        let mut pieces = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let whole = rng.below(3) > 0;
            let n = if whole { rest.len() } else { 1 + rng.below(rest.len() as u64) as usize };
            let (piece, after) = rest.split_at(n);
            self.last = self.last.max(now + travel(weather, rng));
            pieces.push((self.last, piece.to_vec()));
            rest = after;
        }
        pieces
    }
}

fn travel(weather: &Weather, rng: &mut Rng) -> Duration {
    weather.delay + Duration::from_micros(rng.below(weather.jitter.as_micros() as u64 + 1))
}

/// The address of the nth machine.
pub fn address(n: usize, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, (n >> 8) as u8, n as u8, 7)), port)
}

/// The server's address, signalling and relay.
pub fn server_address() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 8462)
}
