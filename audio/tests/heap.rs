//! The voice thread as it runs, with its socket, keys and timers, leaves the heap alone: in a call it uses it once a
//! second, for the figures, and not for what moves voice. Its parts are held to nothing at all in `callbacks.rs`; here is
//! what is between them. This binary's allocator counts the moments in which a voice thread uses the heap.

#![cfg(target_os = "linux")]

use counting::moments_of_use;
use line::{Line, Party, connect};
use proto::media::{AgentEvent, SoundEvent, Statistics};

#[expect(dead_code, unused_imports, reason = "the line also serves tests that listen")]
mod line;

/// The one place with `unsafe`: Rust's allocator interface is made of it. Each call is handed on unchanged to the
/// system's allocator, whose promises are thereby ours.
#[expect(unsafe_code, reason = "GlobalAlloc is an unsafe trait; see the module's text")]
#[expect(clippy::disallowed_methods, reason = "moments are told apart by a clock")]
mod counting {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    /// Uses closer together are of one moment, shorter than the time between two frames.
    const MOMENT: Duration = Duration::from_millis(8);
    /// What the thread is called.
    const VOICE: &[u8] = b"tincan-voice\0";

    static MOMENTS: AtomicU64 = AtomicU64::new(0);

    thread_local! {
        static LAST: Cell<Option<Instant>> = const { Cell::new(None) };
    }

    struct Counting;

    fn note() {
        let mut name = [0u8; 16];
        // SAFETY: the system writes at most 16 bytes, the length of what it is given, and keeps no hold of it.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        if !name.starts_with(VOICE) {
            return;
        }
        let now = Instant::now();
        // A thread that is ending moves no voice.
        let last = LAST.try_with(|last| last.replace(Some(now))).unwrap_or(Some(now));
        if last.is_none_or(|last| now - last >= MOMENT) {
            MOMENTS.fetch_add(1, Ordering::Relaxed);
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

    /// How often voice threads used the heap so far, all of one moment counted once.
    pub(crate) fn moments_of_use() -> u64 {
        MOMENTS.load(Ordering::Relaxed)
    }
}

/// The next figures of a party.
fn figures(party: &mut Party) -> Statistics {
    party.until("figures", |event| match event {
        AgentEvent::Sound(SoundEvent::Statistics(statistics)) => Some(statistics.as_ref().clone()),
        AgentEvent::Sound(_) | AgentEvent::Call(_) => None,
    })
}

#[test]
fn a_call_uses_the_heap_for_its_figures_and_for_nothing_else() {
    let line = Line::new();
    let (mut alice, mut bob) = (Party::new("tone", 11), Party::new("tone", 22));
    connect(&line, &mut alice, &mut bob);
    // Each hears the other, and all that is made once is made.
    let settled = |party: &mut Party| while figures(party).opened < 200 {};
    settled(&mut alice);
    settled(&mut bob);
    let (moments, opened) = (moments_of_use(), figures(&mut alice).opened);
    let mut told = 0;
    for _ in 0..5 {
        told += 2;
        figures(&mut bob);
        figures(&mut alice);
    }
    let opened = figures(&mut alice).opened - opened;
    let moments = moments_of_use() - moments;
    assert!(opened > 400, "voice went on: {opened} packets");
    // Both told once or twice more beside those that were waited for, in turns of one moment or two.
    assert!(moments >= told / 2, "{moments} moments for {told} figures: the count does not see the thread");
    assert!(moments <= 2 * (told + 4), "{moments} moments for {told} figures and {opened} packets");
}
