//! Time on the wire of the plain protocols, whose programs take one read for one packet: what goes out keeps its
//! distance, and what comes in is gathered until it pauses.

use std::collections::VecDeque;

use crate::limits::{PLAIN_GAP, PLAIN_QUEUE_MAX, TEXT_GATHERED_BYTES_MAX, TEXT_PAUSE};
use crate::time::Time;

/// What waits to be sent to one end, each piece in a write of its own, [`PLAIN_GAP`] apart.
#[derive(Debug, Default)]
pub(super) struct Paced {
    waiting: VecDeque<Vec<u8>>,
    /// No piece goes before.
    free_at: Time,
}

impl Paced {
    /// Queues a piece; false when too many wait.
    #[must_use]
    pub(super) fn push(&mut self, piece: Vec<u8>) -> bool {
        let room = self.waiting.len() < PLAIN_QUEUE_MAX;
        if room {
            self.waiting.push_back(piece);
        }
        room
    }

    /// The piece to be written now.
    pub(super) fn next(&mut self, now: Time) -> Option<Vec<u8>> {
        if now < self.free_at {
            return None;
        }
        let piece = self.waiting.pop_front()?;
        self.free_at = now + PLAIN_GAP;
        Some(piece)
    }

    /// When the next piece is due.
    pub(super) fn deadline(&self) -> Option<Time> {
        (!self.waiting.is_empty()).then_some(self.free_at)
    }

    /// When the last piece that waits will have been written, and the gap after it is over.
    pub(super) fn over_at(&self, now: Time) -> Time {
        let gaps = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        self.free_at.max(now) + PLAIN_GAP.saturating_mul(gaps)
    }

    /// What waits is not to be said any more.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
    }

    /// The connection is gone, and with it what waited.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Bytes of seed B that came within [`TEXT_PAUSE`] of each other: one packet, a packet in pieces, or several that
/// were merged.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    due: Time,
}

impl Gathered {
    /// Takes what was read; false when it is more than anybody sends without a pause, and is forgotten.
    #[must_use]
    pub(super) fn take(&mut self, bytes: &[u8], now: Time) -> bool {
        let fits = self.bytes.len() + bytes.len() <= TEXT_GATHERED_BYTES_MAX;
        if fits {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.bytes.clear();
        }
        self.due = now + TEXT_PAUSE;
        fits
    }

    /// What was gathered, once it paused.
    pub(super) fn paused(&mut self, now: Time) -> Option<Vec<u8>> {
        (now >= self.due).then(|| self.rest())?
    }

    /// What was gathered so far.
    pub(super) fn so_far(&self) -> &[u8] {
        &self.bytes
    }

    /// The first bytes of what was gathered, because it is certain that they are whole packets.
    pub(super) fn first(&mut self, count: usize) -> Option<Vec<u8>> {
        (count > 0).then(|| self.bytes.drain(..count.min(self.bytes.len())).collect())
    }

    /// What was gathered, because nothing more can come.
    pub(super) fn rest(&mut self) -> Option<Vec<u8>> {
        (!self.bytes.is_empty()).then(|| core::mem::take(&mut self.bytes))
    }

    /// When [`Gathered::paused`] has something.
    pub(super) fn deadline(&self) -> Option<Time> {
        (!self.bytes.is_empty()).then_some(self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_keep_their_distance_also_after_a_rest() {
        let mut paced = Paced::default();
        assert_eq!(paced.deadline(), None);
        assert!(paced.push(vec![1]) && paced.push(vec![2]) && paced.push(vec![3]));
        assert_eq!((paced.next(Time::ZERO), paced.next(Time::ZERO)), (Some(vec![1]), None));
        assert_eq!(paced.deadline(), Some(Time::ZERO + PLAIN_GAP));
        assert_eq!(paced.over_at(Time::ZERO), Time::ZERO + PLAIN_GAP * 3);
        assert_eq!(paced.next(Time::secs(5)), Some(vec![2]));
        assert_eq!(paced.next(Time::secs(5)), None);
    }

    #[test]
    fn a_queue_ends() {
        let mut paced = Paced::default();
        assert!((0..PLAIN_QUEUE_MAX).all(|_| paced.push(Vec::new())));
        assert!(!paced.push(Vec::new()));
    }

    #[test]
    fn bytes_are_one_until_they_pause() {
        let mut gathered = Gathered::default();
        assert!(gathered.take(b"1", Time::ZERO));
        assert!(gathered.take(b"0 bob", Time::ms(10)));
        assert_eq!(gathered.paused(Time::ms(10)), None);
        assert_eq!(gathered.deadline(), Some(Time::ms(10) + TEXT_PAUSE));
        assert_eq!(gathered.paused(Time::ms(10) + TEXT_PAUSE), Some(b"10 bob".to_vec()));
        assert_eq!((gathered.paused(Time::secs(1)), gathered.deadline()), (None, None));
        assert!(!gathered.take(&[b'x'; TEXT_GATHERED_BYTES_MAX + 1], Time::secs(1)));
        assert_eq!(gathered.rest(), None);
    }
}
