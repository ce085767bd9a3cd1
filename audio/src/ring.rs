//! The lock-free rings between a device's callback and the voice thread, and between the two halves of that thread.
//! The only room that knows `ringbuf`: capacities are fixed when a ring is made, a full ring drops and counts, and
//! neither end ever waits.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use crate::frame::{OpusFrame, SAMPLE_RATE};

/// Samples that may be owed to a reading end: 150 ms. Of a longer stall the rest is played later, and caught up with.
const OWED_MAX: u32 = SAMPLE_RATE / 20 * 3;

/// What went wrong at a ring, in samples or frames, since it was made. Shared by both ends.
#[derive(Debug, Default)]
pub struct RingCounters {
    dropped: AtomicU64,
    starved: AtomicU64,
    largest: AtomicU32,
    pull: Option<Pull>,
}

/// How the reading end asks for samples, in a ring whose reader can wait for them.
#[derive(Debug, Default)]
struct Pull {
    demanded: AtomicU32,
    /// Demanded, given up, and never made.
    owed: AtomicU32,
    /// Which demand that is.
    turn: AtomicU32,
    reader: OnceLock<Thread>,
}

impl RingCounters {
    /// Refused because the ring was full.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Asked for but not there.
    pub fn starved(&self) -> u64 {
        self.starved.load(Ordering::Relaxed)
    }

    /// The largest number of samples moved at once by a callback since the last call: how much must be ready.
    pub fn take_largest(&self) -> u32 {
        self.largest.swap(0, Ordering::Relaxed)
    }

    /// Records the size of one callback.
    pub fn saw(&self, samples: usize) {
        self.largest.fetch_max(u32::try_from(samples).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Whether samples are made when they are asked for ([`pulled_pcm`]), and not ahead of time.
    pub fn is_pulled(&self) -> bool {
        self.pull.is_some()
    }

    /// How many samples the reading end waits for. Who takes this makes them and says [`Self::serve`].
    pub fn take_demand(&self) -> u32 {
        self.pull.as_ref().map_or(0, |pull| pull.demanded.swap(0, Ordering::AcqRel))
    }

    /// How many samples the reading end went without because nobody made them, [`OWED_MAX`] at most, since the last call: for
    /// time to go on as it does for the listener, they are to be made and thrown away.
    pub fn take_owed(&self) -> u32 {
        self.pull.as_ref().map_or(0, |pull| pull.owed.swap(0, Ordering::AcqRel)).min(OWED_MAX)
    }

    /// Which demand is the latest. What was made for one before it came too late, and is not to be pushed.
    pub fn turn(&self) -> u32 {
        self.pull.as_ref().map_or(0, |pull| pull.turn.load(Ordering::Acquire))
    }

    /// The demanded samples are there: wakes the reading end.
    pub fn serve(&self) {
        if let Some(reader) = self.pull.as_ref().and_then(|pull| pull.reader.get()) {
            reader.unpark();
        }
    }

    fn drop_many(&self, count: usize) {
        if count > 0 {
            self.dropped.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    fn starve_many(&self, count: usize) {
        if count > 0 {
            self.starved.fetch_add(count as u64, Ordering::Relaxed);
        }
    }
}

/// A ring of mono samples holding at most `capacity` of them.
pub fn pcm(capacity: usize) -> (PcmTx, PcmRx) {
    pcm_with(capacity, None)
}

/// The same for a reading end on a thread of its own, which asks for samples and waits ([`PcmRx::demand`]): nothing
/// has to be made before it is wanted.
pub fn pulled_pcm(capacity: usize) -> (PcmTx, PcmRx) {
    pcm_with(capacity, Some(Pull::default()))
}

fn pcm_with(capacity: usize, pull: Option<Pull>) -> (PcmTx, PcmRx) {
    let (tx, rx) = HeapRb::new(capacity).split();
    let counters = Arc::new(RingCounters { pull, ..RingCounters::default() });
    (PcmTx { tx, counters: counters.clone() }, PcmRx { rx, counters })
}

/// The writing end of a ring of samples.
pub struct PcmTx {
    tx: HeapProd<f32>,
    counters: Arc<RingCounters>,
}

impl PcmTx {
    /// Copies as much of `samples` as fits; the rest is dropped and counted.
    pub fn push(&mut self, samples: &[f32]) {
        let kept = self.tx.push_slice(samples);
        self.counters.drop_many(samples.len() - kept);
    }

    /// Pushes `count` samples made one at a time by `make`; those that do not fit are made, dropped and counted.
    pub fn push_with(&mut self, count: usize, mut make: impl FnMut() -> f32) {
        let kept = self.tx.push_iter(std::iter::repeat_with(&mut make).take(count));
        for _ in kept..count {
            make();
        }
        self.counters.drop_many(count - kept);
    }

    /// Samples waiting for the other end.
    pub fn len(&self) -> usize {
        self.tx.occupied_len()
    }

    /// Whether nothing waits for the other end.
    pub fn is_empty(&self) -> bool {
        self.tx.is_empty()
    }

    /// Samples that can be pushed before anything is dropped.
    pub fn room(&self) -> usize {
        self.tx.vacant_len()
    }

    /// The counters both ends share.
    pub fn counters(&self) -> &Arc<RingCounters> {
        &self.counters
    }
}

/// The reading end of a ring of samples.
pub struct PcmRx {
    rx: HeapCons<f32>,
    counters: Arc<RingCounters>,
}

impl PcmRx {
    /// Fills the front of `out` with what is there and says how much that was.
    pub fn pop(&mut self, out: &mut [f32]) -> usize {
        self.rx.pop_slice(out)
    }

    /// Fills all of `out`; what is missing becomes silence and is counted.
    pub fn pop_or_silence(&mut self, out: &mut [f32]) {
        let got = self.rx.pop_slice(out);
        out[got..].fill(0.0);
        self.counters.starve_many(out.len() - got);
    }

    /// One sample, or counted silence.
    pub fn next_or_silence(&mut self) -> f32 {
        self.rx.try_pop().unwrap_or_else(|| {
            self.counters.starve_many(1);
            0.0
        })
    }

    /// Asks the writing end for `count` samples, wakes it, and waits until they are there, about as long as
    /// `patience`, or some times that when they are being made. Only of a pulled ring; must always be called by the same thread.
    pub fn demand(&mut self, count: usize, patience: Duration, wake: impl FnOnce()) {
        // What came too late for the last demand would make every later one late, too.
        let late = self.len();
        self.skip(late);
        let Some(pull) = &self.counters.pull else { return };
        pull.reader.get_or_init(std::thread::current);
        pull.turn.fetch_add(1, Ordering::AcqRel);
        // What came too late may have been enough for the last demand before that was taken.
        let left = pull.demanded.swap(u32::try_from(count).unwrap_or(u32::MAX), Ordering::AcqRel);
        pull.owed.fetch_add(left, Ordering::AcqRel);
        wake();
        // An unpark that was meant for the last demand ends one wait early.
        for _ in 0..2 {
            if self.len() >= count {
                return;
            }
            std::thread::park_timeout(patience);
        }
        match pull.demanded.swap(0, Ordering::AcqRel) {
            0 if self.len() < count => std::thread::park_timeout(patience),
            0 => {}
            untaken => {
                pull.owed.fetch_add(untaken, Ordering::AcqRel);
            }
        }
    }

    /// Throws away up to `count` samples.
    pub fn skip(&mut self, count: usize) -> usize {
        self.rx.skip(count)
    }

    /// Samples waiting.
    pub fn len(&self) -> usize {
        self.rx.occupied_len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.rx.is_empty()
    }

    /// The counters both ends share.
    pub fn counters(&self) -> &Arc<RingCounters> {
        &self.counters
    }
}

/// A ring of encoded frames holding at most `capacity` of them.
pub fn frames(capacity: usize) -> (FrameTx, FrameRx) {
    let (tx, rx) = HeapRb::new(capacity).split();
    let counters = Arc::new(RingCounters::default());
    (FrameTx { tx, counters: counters.clone() }, FrameRx { rx, counters })
}

/// The writing end of a ring of frames.
pub struct FrameTx {
    tx: HeapProd<OpusFrame>,
    counters: Arc<RingCounters>,
}

impl FrameTx {
    /// Copies one frame; a full ring drops it and counts.
    pub fn push(&mut self, frame: &OpusFrame) {
        if self.tx.try_push(*frame).is_err() {
            self.counters.drop_many(1);
        }
    }
}

/// The reading end of a ring of frames.
pub struct FrameRx {
    rx: HeapCons<OpusFrame>,
    counters: Arc<RingCounters>,
}

impl FrameRx {
    /// The oldest frame.
    pub fn pop(&mut self) -> Option<OpusFrame> {
        self.rx.try_pop()
    }

    /// The counters both ends share.
    pub fn counters(&self) -> &Arc<RingCounters> {
        &self.counters
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the other end of a ring is another thread")]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_drops_the_newest_and_counts() {
        let (mut tx, mut rx) = pcm(4);
        tx.push(&[1.0, 2.0, 3.0]);
        tx.push(&[4.0, 5.0, 6.0]);
        assert_eq!(tx.counters().dropped(), 2);
        let mut out = [0.0; 6];
        rx.pop_or_silence(&mut out);
        assert_eq!(out, [1.0, 2.0, 3.0, 4.0, 0.0, 0.0]);
        assert_eq!(rx.counters().starved(), 2);
    }

    #[test]
    fn made_samples_keep_their_pace_when_the_ring_is_full() {
        let (mut tx, mut rx) = pcm(2);
        let mut made = 0.0;
        tx.push_with(5, || {
            made += 1.0;
            made
        });
        assert_eq!(made, 5.0, "an interleaved input must be walked to its end");
        assert_eq!(tx.counters().dropped(), 3);
        assert_eq!((rx.next_or_silence(), rx.next_or_silence(), rx.next_or_silence()), (1.0, 2.0, 0.0));
    }

    #[test]
    fn frames_cross_in_order_and_a_full_ring_keeps_the_oldest() {
        let (mut tx, mut rx) = frames(2);
        for byte in 1..=3 {
            tx.push(&OpusFrame::copied(&[byte]).expect("one byte fits"));
        }
        assert_eq!(rx.pop().map(|frame| frame.bytes().to_vec()), Some(vec![1]));
        assert_eq!(rx.pop().map(|frame| frame.bytes().to_vec()), Some(vec![2]));
        assert!(rx.pop().is_none());
        assert_eq!(rx.counters().dropped(), 1);
    }

    #[test]
    fn what_is_demanded_is_made_and_what_comes_late_is_not_kept() {
        let (mut tx, mut rx) = pulled_pcm(100);
        let counters = tx.counters().clone();
        let maker = std::thread::spawn(move || {
            while counters.take_demand() == 0 {
                std::thread::yield_now();
            }
            tx.push(&[0.5; 40]);
            tx.counters().serve();
            tx
        });
        let long = Duration::from_secs(20);
        rx.demand(40, long, || {});
        let mut out = [0.0; 40];
        assert_eq!((rx.pop(&mut out), out[39]), (40, 0.5));

        let mut tx = maker.join().unwrap();
        let mut woken = false;
        rx.demand(40, Duration::ZERO, || woken = true);
        assert!(woken && rx.is_empty() && tx.counters().take_demand() == 0, "given up");
        assert_eq!((tx.counters().take_owed(), tx.counters().take_owed()), (40, 0), "and owed");
        tx.push(&[0.25; 40]);
        rx.demand(40, Duration::ZERO, || {});
        assert!(rx.is_empty(), "of the past");
    }

    #[test]
    fn the_largest_callback_is_told_once() {
        let counters = RingCounters::default();
        counters.saw(240);
        counters.saw(480);
        counters.saw(120);
        assert_eq!((counters.take_largest(), counters.take_largest()), (480, 0));
    }

    #[test]
    fn what_is_made_for_a_demand_that_was_given_up_is_known_for_that() {
        let (tx, mut rx) = pulled_pcm(100);
        let (counters, mut first) = (tx.counters().clone(), 0);
        // It is being made, and not pushed in time.
        rx.demand(10, Duration::ZERO, || {
            assert_eq!(counters.take_demand(), 10);
            first = counters.turn();
        });
        assert_eq!(counters.turn(), first, "nobody asked for more");
        assert_eq!(counters.take_owed(), 0, "it was made");
        rx.demand(5, Duration::ZERO, || assert_ne!(counters.turn(), first));
        (0..200).for_each(|_| rx.demand(100, Duration::ZERO, || {}));
        assert_eq!(counters.take_owed(), OWED_MAX, "who stood still for long owes no more");
    }
}
