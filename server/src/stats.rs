//! What the server counts: every thing that was dropped, by its reason, and the traffic beside it. Two threads
//! count, anybody reads; a reading is not one moment, which counters do not need.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proto::Drop;

/// Where something was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// TCP: doors and hub.
    Stream,
    /// UDP: the relay.
    Datagram,
}

/// A figure beside the drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Connections accepted, those turned away at once included.
    Accepted = 0,
    /// Connections open now.
    Open = 1,
    /// Connections of which no login is known, open now.
    Strangers = 2,
    /// Datagrams received.
    DatagramsIn = 3,
    /// Datagrams sent.
    DatagramsOut = 4,
    /// Datagrams the kernel had no room for.
    DatagramsUnsent = 5,
}

const FIGURES: [(Figure, &str); 6] = [
    (Figure::Accepted, "accepted"),
    (Figure::Open, "open"),
    (Figure::Strangers, "strangers"),
    (Figure::DatagramsIn, "datagrams_in"),
    (Figure::DatagramsOut, "datagrams_out"),
    (Figure::DatagramsUnsent, "datagrams_unsent"),
];

/// The counters, shared by all threads of one server.
#[derive(Clone, Default)]
pub struct Stats(Arc<Counters>);

#[derive(Default)]
struct Counters {
    stream: [AtomicU64; Drop::ALL.len()],
    datagram: [AtomicU64; Drop::ALL.len()],
    figures: [AtomicU64; FIGURES.len()],
}

impl Stats {
    /// Counts one drop.
    pub fn drop(&self, place: Place, why: Drop) {
        self.reason(place, why).fetch_add(1, Ordering::Relaxed);
    }

    /// Drops so far.
    pub fn dropped(&self, place: Place, why: Drop) -> u64 {
        self.reason(place, why).load(Ordering::Relaxed)
    }

    /// Adds to a figure.
    pub fn add(&self, figure: Figure, more: u64) {
        self.0.figures[figure as usize].fetch_add(more, Ordering::Relaxed);
    }

    /// Sets a figure that goes up and down.
    pub fn set(&self, figure: Figure, value: usize) {
        self.0.figures[figure as usize].store(value as u64, Ordering::Relaxed);
    }

    /// A figure now.
    pub fn figure(&self, figure: Figure) -> u64 {
        self.0.figures[figure as usize].load(Ordering::Relaxed)
    }

    fn reason(&self, place: Place, why: Drop) -> &AtomicU64 {
        let table = match place {
            Place::Stream => &self.0.stream,
            Place::Datagram => &self.0.datagram,
        };
        // `Drop::ALL` lists the reasons in the order of their numbers.
        &table[why as usize]
    }
}

/// One line: figures first, then every reason that was counted.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (figure, name)) in FIGURES.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{name}={}", self.figure(*figure))?;
        }
        for (place, prefix) in [(Place::Stream, "tcp"), (Place::Datagram, "udp")] {
            for why in Drop::ALL {
                match self.dropped(place, *why) {
                    0 => {}
                    count => write!(f, " {prefix}.{why}={count}")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stats({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_counter() {
        let stats = Stats::default();
        for (times, why) in Drop::ALL.iter().enumerate() {
            (0..times).for_each(|_| stats.drop(Place::Stream, *why));
        }
        for (times, why) in Drop::ALL.iter().enumerate() {
            assert_eq!(stats.dropped(Place::Stream, *why), times as u64, "{why}");
            assert_eq!(stats.dropped(Place::Datagram, *why), 0);
        }
    }

    #[test]
    fn a_line_tells_what_happened_and_nothing_else() {
        let stats = Stats::default();
        stats.drop(Place::Datagram, Drop::Forged);
        stats.add(Figure::Accepted, 3);
        let line = stats.to_string();
        assert!(line.contains("accepted=3") && line.ends_with(" udp.forged=1"), "{line}");
    }
}
