//! The voice thread as it runs, with its socket, keys and timers, leaves the heap alone: in a call it uses it once a
//! second, for the figures, and not for what moves voice. Its parts are held to nothing at all in `callbacks.rs`; here is
//! what is between them. This binary's allocator counts the moments in which a voice thread uses the heap.

#![cfg(target_os = "linux")]

use counting::moments_of_use;
use line::{Line, Party, connect};

#[expect(dead_code, unused_imports, reason = "the line also serves tests that listen")]
mod line;

#[path = "noting/mod.rs"]
mod noting;
#[path = "noting/thread.rs"]
mod thread;

#[expect(clippy::disallowed_methods, reason = "moments are told apart by a clock")]
mod counting {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    use super::noting::Noting;
    use super::thread::is_called;

    /// Uses closer together are of one moment, shorter than the time between two frames.
    const MOMENT: Duration = Duration::from_millis(8);

    static MOMENTS: AtomicU64 = AtomicU64::new(0);

    thread_local! {
        static LAST: Cell<Option<Instant>> = const { Cell::new(None) };
    }

    fn note() {
        if !is_called("tincan-voice") {
            return;
        }
        let now = Instant::now();
        // A thread that is ending moves no voice.
        let last = LAST.try_with(|last| last.replace(Some(now))).unwrap_or(Some(now));
        if last.is_none_or(|last| now - last >= MOMENT) {
            MOMENTS.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[global_allocator]
    static ALLOCATOR: Noting = Noting(note);

    /// How often voice threads used the heap so far, all of one moment counted once.
    pub(crate) fn moments_of_use() -> u64 {
        MOMENTS.load(Ordering::Relaxed)
    }
}

#[test]
fn a_call_uses_the_heap_for_its_figures_and_for_nothing_else() {
    let line = Line::new();
    let (mut alice, mut bob) = (Party::new("tone", 11), Party::new("tone", 22));
    connect(&line, &mut alice, &mut bob);
    // Each hears the other, and all that is made once is made.
    alice.until_opened(200);
    bob.until_opened(200);
    let (moments, opened) = (moments_of_use(), alice.figures().opened);
    let mut told = 0;
    for _ in 0..5 {
        told += 2;
        bob.figures();
        alice.figures();
    }
    let opened = alice.figures().opened - opened;
    let moments = moments_of_use() - moments;
    assert!(opened > 400, "voice went on: {opened} packets");
    // Both told once or twice more beside those that were waited for, in turns of one moment or two.
    assert!(moments >= told / 2, "{moments} moments for {told} figures: the count does not see the thread");
    assert!(moments <= 2 * (told + 4), "{moments} moments for {told} figures and {opened} packets");
}
