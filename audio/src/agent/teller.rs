//! What is told of a call once a second beyond what the media machine knows: what goes over the wire, how long sound
//! takes in our own devices, and what all of it means.
//!
//! Counting is on the media path and only adds; the rest is not.

use std::net::SocketAddr;
use std::time::Duration;

use proto::Time;
use proto::media::Statistics;
use proto::media::appraise::{Appraiser, Ourselves};

/// Bytes of UDP's header, and of IP's in either family, before each datagram.
const UDP_HEADER: u64 = 8;
const IP_HEADERS: (u64, u64) = (20, 40);

/// Counts the bytes of a call, and tells.
#[derive(Debug, Default)]
pub(super) struct Teller {
    appraiser: Appraiser,
    local: Option<SocketAddr>,
    /// Bytes since then.
    since: Time,
    opus: u64,
    sent: u64,
    received: u64,
}

impl Teller {
    /// A call begins, from this address if it is known.
    pub(super) fn begin(&mut self, local: Option<SocketAddr>, now: Time) {
        *self = Self { local, since: now, ..Self::default() };
    }

    /// A frame of ours was sent.
    pub(super) fn said(&mut self, opus: &[u8]) {
        self.opus += opus.len() as u64;
    }

    /// A datagram went out.
    pub(super) fn sent(&mut self, to: SocketAddr, bytes: &[u8]) {
        self.sent += on_the_wire(to, bytes);
    }

    /// A datagram came in.
    pub(super) fn received(&mut self, from: SocketAddr, bytes: &[u8]) {
        self.received += on_the_wire(from, bytes);
    }

    /// Completes the figures of a second.
    pub(super) fn complete(&mut self, figures: &mut Statistics, ourselves: &Ourselves, now: Time) {
        let past = now - self.since;
        figures.payload = rate(self.opus, past);
        figures.wire = (rate(self.sent, past), rate(self.received, past));
        figures.local = self.local;
        figures.appraisal = self.appraiser.appraise(figures, ourselves);
        (self.since, self.opus, self.sent, self.received) = (now, 0, 0, 0);
    }
}

fn on_the_wire(other: SocketAddr, bytes: &[u8]) -> u64 {
    let ip = if other.is_ipv4() { IP_HEADERS.0 } else { IP_HEADERS.1 };
    bytes.len() as u64 + UDP_HEADER + ip
}

/// Bits per second.
fn rate(bytes: u64, past: Duration) -> u32 {
    let micros = u64::try_from(past.as_micros()).unwrap_or(u64::MAX);
    let bits = bytes.saturating_mul(8_000_000).checked_div(micros).unwrap_or(0);
    u32::try_from(bits).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::id::Ssrc;
    use proto::media::MemberStatistics;

    #[test]
    fn bytes_are_told_per_second_with_their_headers() {
        let (v4, v6) = ("127.0.0.1:9".parse().unwrap(), "[::1]:9".parse().unwrap());
        let mut teller = Teller::default();
        teller.begin(Some(v4), Time::secs(10));
        for _ in 0..100 {
            teller.said(&[0; 40]);
            teller.sent(v4, &[0; 72]);
            teller.received(v6, &[0; 52]);
        }
        let mut figures = Statistics::default();
        teller.complete(&mut figures, &Ourselves::default(), Time::secs(12));
        assert_eq!((figures.payload, figures.wire, figures.local), (16_000, (40_000, 40_000), Some(v4)));
        // The next second begins from nothing, and none at all is no rate.
        for at in [Time::secs(13), Time::secs(13)] {
            teller.complete(&mut figures, &Ourselves::default(), at);
            assert_eq!((figures.payload, figures.wire), (0, (0, 0)));
        }
    }

    #[test]
    fn the_figures_come_with_what_they_mean() {
        let mut teller = Teller::default();
        let ourselves = Ourselves { speaker: Duration::from_millis(8), ..Ourselves::default() };
        let member =
            MemberStatistics { round_trip: Some(Duration::from_millis(40)), ..MemberStatistics::of(Ssrc(1)) };
        let mut figures = Statistics { members: vec![member], ..Statistics::default() };
        teller.complete(&mut figures, &ourselves, Time::secs(1));
        let way = figures.appraisal.members[0].mouth_to_ear.unwrap();
        assert_eq!(way.total(), Duration::from_millis(28));
    }
}
