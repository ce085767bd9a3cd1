//! Token buckets for sources that are not bound, in a table of fixed size: a stranger buys no memory, and a flood
//! of forged sources pushes out only other strangers' buckets.

use core::hash::Hasher as _;
use core::net::{IpAddr, SocketAddr};
use std::hash::DefaultHasher;

use crate::limits::{Bucket, STRANGER_SOURCES_MAX};
use crate::time::Time;

/// How full one source's bucket is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens {
    /// In microtokens.
    level: u64,
    at: Time,
}

impl Tokens {
    /// A full bucket.
    pub(super) fn full(bucket: Bucket, now: Time) -> Self {
        Self { level: u64::from(bucket.burst) * TOKEN, at: now }
    }

    /// Takes one token, if there is one.
    pub(super) fn take(&mut self, bucket: Bucket, now: Time) -> bool {
        let since = u64::try_from((now - self.at).as_micros()).unwrap_or(u64::MAX);
        let gained = since.saturating_mul(u64::from(bucket.per_second));
        self.level = self.level.saturating_add(gained).min(u64::from(bucket.burst) * TOKEN);
        self.at = now;
        if self.level < TOKEN {
            return false;
        }
        self.level -= TOKEN;
        true
    }
}

/// The table: sets of [`WAYS`] places, the set chosen by a keyed hash that a stranger cannot aim.
pub(super) struct Strangers {
    seed: [u8; 16],
    bucket: Bucket,
    places: Box<[Option<(SocketAddr, Tokens)>]>,
}

impl Strangers {
    pub(super) fn new(seed: [u8; 16], bucket: Bucket) -> Self {
        Self { seed, bucket, places: vec![None; STRANGER_SOURCES_MAX].into() }
    }

    /// Charges the source for one datagram; false when it has had its share.
    pub(super) fn charge(&mut self, from: SocketAddr, now: Time) -> bool {
        let bucket = self.bucket;
        let set = self.set_of(from);
        let set = &mut self.places[set * WAYS..(set + 1) * WAYS];
        let known = set.iter().position(|place| place.is_some_and(|(source, _)| source == from));
        let at = known.unwrap_or_else(|| {
            let age = |place: &Option<(SocketAddr, Tokens)>| place.map(|(_, tokens)| tokens.at);
            let oldest = (0..WAYS).min_by_key(|&at| age(&set[at])).unwrap_or(0);
            set[oldest] = Some((from, Tokens::full(bucket, now)));
            oldest
        });
        set[at].as_mut().is_some_and(|(_, tokens)| tokens.take(bucket, now))
    }

    fn set_of(&self, from: SocketAddr) -> usize {
        let mut hash = DefaultHasher::new();
        hash.write(&self.seed);
        match from.ip() {
            IpAddr::V4(ip) => hash.write(&ip.octets()),
            IpAddr::V6(ip) => hash.write(&ip.octets()),
        }
        hash.write_u16(from.port());
        let sets = (STRANGER_SOURCES_MAX / WAYS) as u64;
        usize::try_from(hash.finish() % sets).expect("the table has fewer sets than a usize counts")
    }
}

const WAYS: usize = 4;
const TOKEN: u64 = 1_000_000;

const _: () = assert!(STRANGER_SOURCES_MAX.is_multiple_of(WAYS));

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKET: Bucket = Bucket { burst: 3, per_second: 2 };

    fn source(n: u32) -> SocketAddr {
        SocketAddr::from((core::net::Ipv4Addr::from(n), 5000))
    }

    #[test]
    fn a_bucket_empties_and_fills() {
        let mut table = Strangers::new([1; 16], BUCKET);
        let burst = (0..5).map(|_| table.charge(source(1), Time::ZERO)).collect::<Vec<_>>();
        assert_eq!(burst, [true, true, true, false, false]);
        assert!(table.charge(source(2), Time::ZERO), "another source has its own");
        assert!(!table.charge(source(1), Time::ms(400)));
        assert!(table.charge(source(1), Time::ms(500)));
        assert!((0..9).filter(|_| table.charge(source(1), Time::secs(99))).count() == 3);
    }

    #[test]
    fn a_flood_of_sources_takes_no_more_room() {
        let mut table = Strangers::new([1; 16], BUCKET);
        for n in 0..100_000 {
            table.charge(source(n), Time::ms(u64::from(n)));
        }
        assert_eq!(table.places.len(), STRANGER_SOURCES_MAX);
        assert!(table.charge(source(7), Time::secs(200)));
    }
}
