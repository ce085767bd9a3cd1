//! The threads that trade sound with a real server leave the heap alone while sound flows. What they run is held to that
//! piece by piece in `callbacks.rs`; here are the pieces as they are put together, with sockets and messages between them.

use counting::uses_of_heap;

use super::following::tone_at;
use super::*;

/// The one place with `unsafe`: Rust's allocator interface is made of it. Each call is handed on unchanged to the
/// system's allocator, whose promises are thereby ours.
#[expect(unsafe_code, reason = "GlobalAlloc is an unsafe trait; see the module's text")]
mod counting {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::sync::atomic::{AtomicU64, Ordering};

    /// What the threads are called, and how often each used the heap.
    static THREADS: [(&[u8], AtomicU64); 2] =
        [(b"tincan-mic\0", AtomicU64::new(0)), (b"tincan-speaker\0", AtomicU64::new(0))];

    struct Counting;

    fn note() {
        let mut name = [0u8; 16];
        // SAFETY: the system writes at most 16 bytes, the length of what it is given, and keeps no hold of it.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        for (thread, uses) in &THREADS {
            if name.starts_with(thread) {
                uses.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            note();
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
            note();
            unsafe { System.dealloc(pointer, layout) }
        }

        unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            note();
            unsafe { System.realloc(pointer, layout, size) }
        }
    }

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

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
    let line = Line::new();
    let (mut alice, mut bob) = (Party::new("default", 11), Party::new("tone", 22));
    connect(&line, &mut alice, &mut bob);
    until_both(&mut alice, "the card", opened);
    let spoken = opened_by(&mut bob, 100);
    assert!(tone_at("alice_spk.monitor", 48_000) > 0.02, "bob is heard");
    let before = uses_of_heap();
    assert!(before.iter().all(|uses| *uses > 0), "each begins with what it needs: {before:?}");
    opened_by(&mut bob, spoken + 250);
    assert!(tone_at("alice_spk.monitor", 48_000) > 0.02, "bob is still heard");
    assert_eq!(uses_of_heap(), before, "of the microphone's thread and the speaker's");
}
