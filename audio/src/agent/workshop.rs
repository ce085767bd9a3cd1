//! A thread of its own for the speech processing, because its library uses the heap in every block and takes a
//! millisecond now and then: neither belongs on the voice thread, which sends, receives and plays meanwhile.
//!
//! ```text
//! voice thread -- far ring --> workshop -- back ring --> voice thread
//!              -- near ring ->          -- wake ------->
//! ```
//!
//! Blocks of 10 ms go in and come back some tens of microseconds of waiting and a tenth of a millisecond of work later.
//! Nothing waits for the workshop: when it is late, blocks wait in the rings, and what does not fit is dropped.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use mio::Waker;

use crate::process::{BLOCK, Processor, ProcessorSettings};
use crate::ring::{self, PcmRx, PcmTx};

/// Blocks that may wait on each way: 200 ms.
const BLOCKS_MAX: usize = 20;

/// What both sides see.
#[derive(Default)]
struct Shared {
    ends: AtomicBool,
    /// Nothing is done to the blocks any more.
    bypassed: AtomicBool,
}

/// What is wanted of the other end, in turn.
enum Wanted {
    Settings(ProcessorSettings),
    /// The devices are others now.
    Moved,
}

/// The voice thread's end.
pub(super) struct Workshop {
    near: PcmTx,
    far: PcmTx,
    back: PcmRx,
    wanted: Sender<Wanted>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Blocks given and not yet taken back.
    away: usize,
}

impl Workshop {
    /// Opens it; nothing is done there before [`Self::set`].
    pub(super) fn start(waker: Arc<Waker>) -> io::Result<Self> {
        let (near, near_rx) = ring::pcm(BLOCKS_MAX * BLOCK);
        let (far, far_rx) = ring::pcm(BLOCKS_MAX * BLOCK);
        let (back_tx, back) = ring::pcm(BLOCKS_MAX * BLOCK);
        let (wanted, wants) = channel();
        let shared = Arc::new(Shared { bypassed: AtomicBool::new(true), ..Shared::default() });
        let bench = Bench {
            near: near_rx,
            far: far_rx,
            back: back_tx,
            wants,
            shared: shared.clone(),
            processor: Processor::new(ProcessorSettings::default()),
            waker,
        };
        let thread = Some(spawn(move || bench.work())?);
        Ok(Self { near, far, back, wanted, shared, thread, away: 0 })
    }

    /// What is to be done from now on. Uses the heap.
    pub(super) fn set(&mut self, settings: ProcessorSettings) {
        if !settings.is_off() {
            self.shared.bypassed.store(false, Ordering::Relaxed);
        }
        self.want(Wanted::Settings(settings));
    }

    /// The microphone or the speaker is another one from now on. Uses the heap.
    pub(super) fn moved(&mut self) {
        self.want(Wanted::Moved);
    }

    fn want(&mut self, wanted: Wanted) {
        // A thread that ended gives nothing back, and its blocks are missed in the rings.
        let _ = self.wanted.send(wanted);
        self.wake();
    }

    /// Closes it without waiting for what is still worked on there.
    pub(super) fn leave(mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        self.wake();
        self.thread = None;
    }

    /// What the speaker will play.
    pub(super) fn give_far(&mut self, block: &[f32; BLOCK]) {
        if self.far.room() >= BLOCK {
            self.far.push(block);
        }
    }

    /// What the microphone gave. Comes back by [`Self::take`].
    pub(super) fn give_near(&mut self, block: &[f32; BLOCK]) {
        // What is away must find room on its way back, too.
        if self.away < BLOCKS_MAX {
            self.near.push(block);
            self.away += 1;
            self.wake();
        }
    }

    /// The oldest block that is done.
    pub(super) fn take(&mut self, block: &mut [f32; BLOCK]) -> bool {
        if self.back.len() < BLOCK {
            return false;
        }
        self.back.pop(block);
        self.away -= 1;
        true
    }

    /// Blocks that were given and did not come back yet.
    pub(super) fn away(&self) -> usize {
        self.away
    }

    /// Everything came back, and what would go would come back as it is.
    pub(super) fn is_idle(&self) -> bool {
        self.away == 0 && self.shared.bypassed.load(Ordering::Acquire)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Workshop {
    #[expect(
        clippy::disallowed_methods,
        reason = "the workshop ends with the agent, and no sound moves then"
    )]
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // If it panicked it has said so.
            let _ = thread.join();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the workshop's thread")]
fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("tincan-process".into()).spawn(work)
}

/// The other end.
struct Bench {
    near: PcmRx,
    far: PcmRx,
    back: PcmTx,
    wants: Receiver<Wanted>,
    shared: Arc<Shared>,
    processor: Processor,
    waker: Arc<Waker>,
}

impl Bench {
    fn work(mut self) {
        while !self.shared.ends.load(Ordering::Relaxed) {
            if !self.turn() {
                // Every gift comes with an unpark, and one that came before this is remembered by it.
                std::thread::park();
            }
        }
    }

    /// Does what lies there; false when nothing did.
    fn turn(&mut self) -> bool {
        let mut block = [0.0; BLOCK];
        let mut latest = None;
        for wanted in self.wants.try_iter() {
            match wanted {
                Wanted::Settings(settings) => latest = Some(settings),
                Wanted::Moved => {
                    latest.take().into_iter().for_each(|settings| self.processor.set(settings));
                    self.processor.moved();
                }
            }
        }
        latest.into_iter().for_each(|settings| self.processor.set(settings));
        while self.far.len() >= BLOCK {
            self.far.pop(&mut block);
            self.processor.far(&block);
        }
        if self.near.len() < BLOCK {
            return false;
        }
        self.near.pop(&mut block);
        self.processor.near(&mut block);
        self.back.push(&block);
        // Only blocks can finish a fade, so the flag can change nowhere else. The store comes after the block.
        self.shared.bypassed.store(self.processor.is_bypassed(), Ordering::Release);
        let _ = self.waker.wake();
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pushed(workshop: &mut Workshop, poll: &mut mio::Poll, blocks: &[[f32; BLOCK]]) -> Vec<[f32; BLOCK]> {
        let mut events = mio::Events::with_capacity(4);
        let mut made = Vec::new();
        for block in blocks {
            workshop.give_far(block);
            workshop.give_near(block);
            let mut back = [0.0; BLOCK];
            while !workshop.take(&mut back) {
                poll.poll(&mut events, Some(Duration::from_secs(5))).unwrap();
                assert!(!events.is_empty(), "the block came back with a wake");
            }
            made.push(back);
        }
        made
    }

    #[test]
    fn blocks_come_back_in_order_changed_as_was_set() {
        let mut poll = mio::Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let mut workshop = Workshop::start(waker).unwrap();
        let blocks: Vec<[f32; BLOCK]> =
            (0..30).map(|n| std::array::from_fn(|s| ((n * BLOCK + s) as f32 * 0.02).sin() * 0.3)).collect();
        assert!(workshop.is_idle());
        assert_eq!(pushed(&mut workshop, &mut poll, &blocks), blocks, "nothing was set");
        let all = ProcessorSettings { echo: true, ..ProcessorSettings::default() };
        workshop.set(all);
        assert!(!workshop.is_idle());
        let made = pushed(&mut workshop, &mut poll, &blocks);
        assert_eq!(made[..10], blocks[..10], "it listens before it is heard");
        assert_ne!(made[20..], blocks[20..]);
        workshop.set(ProcessorSettings::default());
        pushed(&mut workshop, &mut poll, &blocks[..2]);
        assert!(workshop.is_idle());
        assert_eq!(pushed(&mut workshop, &mut poll, &blocks), blocks);
    }

    #[test]
    fn what_is_too_much_is_dropped_whole() {
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let mut workshop = Workshop::start(waker).unwrap();
        for n in 0..1_000 {
            workshop.give_far(&[n as f32 / 1_000.0; BLOCK]);
            workshop.give_near(&[n as f32 / 1_000.0; BLOCK]);
        }
        let mut taken = 0;
        while workshop.away > 0 {
            let mut block = [0.0; BLOCK];
            if workshop.take(&mut block) {
                assert!(block.iter().all(|sample| *sample == block[0]), "one block and not parts of two");
                taken += 1;
            }
            std::thread::yield_now();
        }
        assert!((BLOCKS_MAX..=1_000).contains(&taken), "{taken}");
    }
}
