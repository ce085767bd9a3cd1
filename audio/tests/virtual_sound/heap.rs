//! The threads that trade sound with a real server leave the heap alone while sound flows. What they run is held to that
//! piece by piece in `callbacks.rs`; here are the pieces as they are put together, with sockets and messages between them.

use counting::uses_of_heap;

use super::following::tone_at;
use super::*;

#[path = "../noting/mod.rs"]
mod noting;
#[path = "../noting/thread.rs"]
mod thread;

mod counting {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::noting::Noting;
    use super::thread::is_called;

    /// What the threads are called, and how often each used the heap.
    static THREADS: [(&str, AtomicU64); 2] =
        [("tincan-mic", AtomicU64::new(0)), ("tincan-speaker", AtomicU64::new(0))];

    fn note() {
        for (thread, uses) in &THREADS {
            if is_called(thread) {
                uses.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    #[global_allocator]
    static ALLOCATOR: Noting = Noting(note);

    /// How often the threads of microphones and those of speakers used the heap so far.
    pub(crate) fn uses_of_heap() -> [u64; 2] {
        [0, 1].map(|thread: usize| THREADS[thread].1.load(Ordering::Relaxed))
    }
}

#[test]
fn the_threads_of_a_card_leave_the_heap_alone() {
    in_a_room("heap::the_threads_of_a_card_leave_the_heap_alone", true, sound_flows);
}

fn sound_flows(_: &Room) {
    let (_line, _alice, mut bob) = call_by_card("tone");
    let spoken = bob.until_opened(100);
    assert!(tone_at("alice_spk.monitor", 48_000) > 0.02, "bob is heard");
    let before = uses_of_heap();
    assert!(before.iter().all(|uses| *uses > 0), "each begins with what it needs: {before:?}");
    bob.until_opened(spoken + 250);
    assert!(tone_at("alice_spk.monitor", 48_000) > 0.02, "bob is still heard");
    assert_eq!(uses_of_heap(), before, "of the microphone's thread and the speaker's");
}
