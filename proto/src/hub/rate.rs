//! How much one source may ask for: token buckets in tables of bounded size, and the count of strangers that the
//! shells keep before any TLS is spoken (security.md section 6).

use std::collections::{BTreeMap, BTreeSet};

use core::net::IpAddr;

use crate::drop::Drop;
use crate::limits::{
    Bucket, CONNECTIONS_MAX, CONNECTS_PER_PREFIX, PLAIN_PER_PREFIX_MAX, PREFIXES_MAX, STRANGERS_MAX,
    STRANGERS_PER_PREFIX_MAX, Trickle,
};
use crate::time::Time;

/// How a bucket fills, in parts of a token so small that a microsecond's refill is a whole number of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    full: u64,
    token: u64,
    each_micro: u64,
}

impl From<Bucket> for Rule {
    fn from(bucket: Bucket) -> Self {
        const TOKEN: u64 = 1_000_000;
        let (burst, each_micro) = (u64::from(bucket.burst), u64::from(bucket.per_second));
        Self { full: burst * TOKEN, token: TOKEN, each_micro }
    }
}

impl From<Trickle> for Rule {
    fn from(trickle: Trickle) -> Self {
        let token = u64::try_from(trickle.every.as_micros()).unwrap_or(u64::MAX);
        Self { full: u64::from(trickle.burst).saturating_mul(token), token, each_micro: 1 }
    }
}

/// What is left of one bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    /// In the parts of its rule.
    parts: u64,
    at: Time,
}

impl Level {
    /// A full bucket.
    pub(super) fn full(rule: impl Into<Rule>, now: Time) -> Self {
        Self { parts: rule.into().full, at: now }
    }

    /// Takes one token, if there is one.
    pub(super) fn take(&mut self, rule: impl Into<Rule>, now: Time) -> bool {
        let Rule { full, token, each_micro } = rule.into();
        let micros = u64::try_from(now.since(self.at).as_micros()).unwrap_or(u64::MAX);
        self.parts = self.parts.saturating_add(micros.saturating_mul(each_micro)).min(full);
        self.at = self.at.max(now);
        match self.parts.checked_sub(token) {
            Some(left) => {
                self.parts = left;
                true
            }
            None => false,
        }
    }
}

/// One bucket for each source, for at most so many sources; the one not seen for longest is forgotten first.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    rule: Rule,
    sources_max: usize,
    levels: BTreeMap<K, Level>,
    seen: BTreeSet<(Time, K)>,
}

impl<K: Ord + Copy> Buckets<K> {
    pub(super) fn new(rule: impl Into<Rule>, sources_max: usize) -> Self {
        Self { rule: rule.into(), sources_max, levels: BTreeMap::new(), seen: BTreeSet::new() }
    }

    /// Takes one token of `source`, if there is one.
    pub(super) fn take(&mut self, source: K, now: Time) -> bool {
        let mut level = match self.levels.get(&source) {
            Some(level) => {
                self.seen.remove(&(level.at, source));
                *level
            }
            None => {
                self.make_room();
                Level::full(self.rule, now)
            }
        };
        let taken = level.take(self.rule, now);
        self.seen.insert((level.at, source));
        self.levels.insert(source, level);
        taken
    }

    fn make_room(&mut self) {
        if self.levels.len() >= self.sources_max
            && let Some((_, oldest)) = self.seen.pop_first()
        {
            self.levels.remove(&oldest);
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.levels.len() <= self.sources_max && self.levels.len() == self.seen.len()
    }
}

/// The network a stranger comes from: /24 of IPv4, /48 of IPv6. One customer rarely has more of the first than
/// one, nor less of the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Prefix {
    V4([u8; 3]),
    V6([u8; 6]),
}

impl Prefix {
    /// An IPv4-mapped address counts as IPv4.
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, ..] = ip.octets();
                Self::V6([a, b, c, d, e, f])
            }
        }
    }
}

/// The operator's limits on connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doorway {
    /// From [`CONNECTIONS_MAX`].
    pub connections: usize,
    /// From [`STRANGERS_MAX`].
    pub strangers: usize,
    /// From [`STRANGERS_PER_PREFIX_MAX`].
    pub strangers_per_prefix: usize,
    /// From [`PLAIN_PER_PREFIX_MAX`].
    pub plain_per_prefix: usize,
    /// From [`CONNECTS_PER_PREFIX`].
    pub connects: Bucket,
}

impl Default for Doorway {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS_MAX,
            strangers: STRANGERS_MAX,
            strangers_per_prefix: STRANGERS_PER_PREFIX_MAX,
            plain_per_prefix: PLAIN_PER_PREFIX_MAX,
            connects: CONNECTS_PER_PREFIX,
        }
    }
}

/// How a newcomer gets its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// There was one.
    Free,
    /// All are taken: the shell closes the stranger who has been one for longest. Whoever only holds a place loses
    /// it, and who comes to log in needs it for a moment only.
    InsteadOfOldest,
    /// Its network has as many as it may: the same, with the one of [`Admission::are_neighbours`] who has been a stranger
    /// for longest. Behind a proxy or a shared address everybody is one network, and a few who only hold a place there
    /// must not keep all others out.
    InsteadOfOldestNeighbour,
}

/// Whether one more connection may come in. The shell asks before it spends a handshake on it.
#[derive(Debug)]
pub struct Admission {
    limits: Doorway,
    per_prefix_max: usize,
    all: Count,
    by_prefix: BTreeMap<Prefix, Count>,
    connects: Buckets<Prefix>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    connections: usize,
    /// How many of them have not logged in.
    strangers: usize,
}

impl Admission {
    /// Of native doors, where nobody is yet. Who has logged in there has an account, and those are metered.
    pub fn new(limits: Doorway) -> Self {
        Self::with(limits, usize::MAX)
    }

    /// Of plain doors.
    pub fn plain(limits: Doorway) -> Self {
        Self::with(limits, limits.plain_per_prefix)
    }

    fn with(limits: Doorway, per_prefix_max: usize) -> Self {
        let connects = Buckets::new(limits.connects, PREFIXES_MAX);
        let all = Count { connections: 0, strangers: 0 };
        Self { limits, per_prefix_max, all, by_prefix: BTreeMap::new(), connects }
    }

    /// A connection from `address` was accepted; it is counted as a stranger.
    ///
    /// # Errors
    /// It must be closed at once, for this reason, and is not counted: [`Admission::closed`] is not said for it.
    pub fn opened(&mut self, address: IpAddr, now: Time) -> Result<Entry, Drop> {
        let prefix = Prefix::of(address);
        if !self.connects.take(prefix, now) {
            return Err(Drop::Flood);
        }
        let (limits, all) = (self.limits, self.all);
        let near = self.by_prefix.get(&prefix).copied().unwrap_or_default();
        let is_crowded =
            near.strangers >= limits.strangers_per_prefix || near.connections >= self.per_prefix_max;
        let is_full = all.connections >= limits.connections || all.strangers >= limits.strangers;
        if (is_crowded && near.strangers == 0) || (is_full && all.strangers == 0) {
            return Err(Drop::Crowded);
        }
        for count in [&mut self.all, self.by_prefix.entry(prefix).or_default()] {
            count.connections += 1;
            count.strangers += 1;
        }
        Ok(match (is_crowded, is_full) {
            (true, _) => Entry::InsteadOfOldestNeighbour,
            (false, true) => Entry::InsteadOfOldest,
            (false, false) => Entry::Free,
        })
    }

    /// Whether the two come from one network, as they are counted.
    pub fn are_neighbours(a: IpAddr, b: IpAddr) -> bool {
        Prefix::of(a) == Prefix::of(b)
    }

    /// A stranger of `address` has logged in ([`super::Output::Admitted`]).
    pub fn logged_in(&mut self, address: IpAddr) {
        self.leave(address, Count { connections: 0, strangers: 1 });
    }

    /// A connection that was let in is gone.
    pub fn closed(&mut self, address: IpAddr, was_stranger: bool) {
        self.leave(address, Count { connections: 1, strangers: usize::from(was_stranger) });
    }

    fn leave(&mut self, address: IpAddr, less: Count) {
        let prefix = Prefix::of(address);
        let near = self.by_prefix.entry(prefix).or_default();
        for count in [&mut self.all, &mut *near] {
            count.connections = count.connections.saturating_sub(less.connections);
            count.strangers = count.strangers.saturating_sub(less.strangers);
        }
        if near.connections == 0 {
            self.by_prefix.remove(&prefix);
        }
    }

    /// Connections, and how many of them are strangers.
    pub const fn counts(&self) -> (usize, usize) {
        (self.all.connections, self.all.strangers)
    }

    /// Whether the tables agree with each other.
    pub fn is_sound(&self) -> bool {
        let of_all = |of: fn(&Count) -> usize| self.by_prefix.values().map(of).sum::<usize>();
        self.connects.is_sound()
            && of_all(|count| count.strangers) == self.all.strangers
            && of_all(|count| count.connections) == self.all.connections
            && self.by_prefix.values().all(|count| count.strangers <= count.connections)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const RULE: Bucket = Bucket { burst: 3, per_second: 2 };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut level = Level::full(RULE, Time::ZERO);
        let taken = (0..10).filter(|_| level.take(RULE, Time::ZERO)).count();
        assert_eq!(taken, 3);
        assert!(!level.take(RULE, Time::ms(499)));
        assert!(level.take(RULE, Time::ms(500)));
        let taken = (0..10).filter(|_| level.take(RULE, Time::secs(3_600))).count();
        assert_eq!(taken, 3, "an hour fills no more than the bucket");
        assert!(!level.take(RULE, Time::ZERO), "time that went back refills nothing");
    }

    #[test]
    fn a_bucket_that_trickles_loses_nothing_to_whoever_keeps_asking() {
        let rule = Trickle { burst: 3, every: Duration::from_secs(3_600) };
        let mut level = Level::full(rule, Time::ZERO);
        let taken = (0..2 * 3_600_u64).filter(|s| level.take(rule, Time::secs(*s))).count();
        assert_eq!(taken, 3 + 1, "the second hour is not quite over");
        assert!(level.take(rule, Time::secs(2 * 3_600)));
    }

    #[test]
    fn the_table_of_sources_stays_bounded() {
        let mut buckets = Buckets::new(RULE, 4);
        for n in 0..100_u64 {
            assert!(buckets.take(n, Time::ms(n)));
            assert!(buckets.is_sound());
        }
        assert_eq!(buckets.levels.len(), 4);
        assert!((0..3).map(|_| buckets.take(99, Time::ms(100))).filter(|t| *t).count() == 2);
    }

    #[test]
    fn strangers_are_counted_in_all_and_by_prefix() {
        let limits = Doorway { strangers: 3, strangers_per_prefix: 2, ..Doorway::default() };
        let mut door = Admission::new(limits);
        assert_eq!(door.opened(ip("10.0.0.1"), Time::ZERO), Ok(Entry::Free));
        assert_eq!(door.opened(ip("10.0.0.2"), Time::ZERO), Ok(Entry::Free));
        let (neighbour, oldest) = (ip("::ffff:10.0.0.3"), ip("10.0.0.1"));
        assert_eq!(door.opened(neighbour, Time::ZERO), Ok(Entry::InsteadOfOldestNeighbour));
        assert!(
            Admission::are_neighbours(neighbour, oldest)
                && !Admission::are_neighbours(oldest, ip("10.0.1.1"))
        );
        door.closed(neighbour, true);
        assert_eq!(door.opened(ip("10.0.1.1"), Time::ZERO), Ok(Entry::Free));
        assert_eq!(door.opened(ip("10.0.2.1"), Time::ZERO), Ok(Entry::InsteadOfOldest));
        door.closed(ip("10.0.0.1"), true);
        assert_eq!((door.counts(), door.is_sound()), ((3, 3), true));
        door.logged_in(ip("10.0.0.2"));
        assert_eq!(door.opened(ip("10.0.0.4"), Time::ZERO), Ok(Entry::Free));
        door.closed(ip("10.0.0.2"), false);
        for address in ["10.0.0.4", "10.0.1.1", "10.0.2.1"] {
            door.closed(ip(address), true);
        }
        assert_eq!((door.counts(), door.by_prefix.len()), ((0, 0), 0));
        assert!(door.is_sound());
    }

    #[test]
    fn a_house_full_of_users_turns_the_newcomer_away() {
        let limits = Doorway { connections: 2, ..Doorway::default() };
        let mut door = Admission::new(limits);
        assert_eq!(door.opened(ip("10.0.0.1"), Time::ZERO), Ok(Entry::Free));
        door.logged_in(ip("10.0.0.1"));
        assert_eq!(door.opened(ip("10.0.1.1"), Time::ZERO), Ok(Entry::Free));
        assert_eq!(door.opened(ip("10.0.2.1"), Time::ZERO), Ok(Entry::InsteadOfOldest));
        door.closed(ip("10.0.1.1"), true);
        door.logged_in(ip("10.0.2.1"));
        assert_eq!(door.opened(ip("10.0.3.1"), Time::ZERO), Err(Drop::Crowded));
    }

    #[test]
    fn one_network_takes_its_share_of_a_plain_door_and_no_more() {
        let limits = Doorway { plain_per_prefix: 3, strangers_per_prefix: 2, ..Doorway::default() };
        let (mut door, mut native) = (Admission::plain(limits), Admission::new(limits));
        for _ in 0..3 {
            assert_eq!(door.opened(ip("10.0.0.1"), Time::ZERO), Ok(Entry::Free));
            assert_eq!(native.opened(ip("10.0.0.1"), Time::ZERO), Ok(Entry::Free));
            door.logged_in(ip("10.0.0.1"));
            native.logged_in(ip("10.0.0.1"));
        }
        assert_eq!(door.opened(ip("10.0.0.2"), Time::ZERO), Err(Drop::Crowded));
        assert_eq!(
            native.opened(ip("10.0.0.2"), Time::ZERO),
            Ok(Entry::Free),
            "an account stands behind each"
        );
        assert_eq!(door.opened(ip("10.0.1.1"), Time::ZERO), Ok(Entry::Free));
        door.closed(ip("10.0.0.1"), false);
        assert_eq!(door.opened(ip("10.0.0.2"), Time::ZERO), Ok(Entry::Free));
        let newest = door.opened(ip("10.0.0.3"), Time::ZERO);
        assert_eq!(newest, Ok(Entry::InsteadOfOldestNeighbour), "who only sits there makes room");
        door.closed(ip("10.0.0.2"), true);
        assert_eq!((door.counts(), door.is_sound()), ((4, 2), true));
    }

    #[test]
    fn one_prefix_cannot_connect_without_end() {
        let limits = Doorway { connects: RULE, strangers_per_prefix: 99, ..Doorway::default() };
        let mut door = Admission::new(limits);
        let from = |n: u8| ip(&format!("2001:db8:0:{n}::1"));
        let let_in = (0..9).filter(|n| door.opened(from(*n), Time::ZERO).is_ok()).count();
        assert_eq!(let_in, 3);
        assert_eq!(door.opened(from(0), Time::ZERO), Err(Drop::Flood));
        assert_eq!(door.opened(ip("2001:db8:1::1"), Time::ZERO), Ok(Entry::Free));
    }
}
