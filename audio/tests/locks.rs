//! The voice thread waits in its poll and nowhere else: seconds of a call need no wait for another thread, and no lock of
//! the C library. This binary stands before the few functions of that library through which a thread takes a lock or waits
//! for another, counts the calls of voice threads, and hands each on.
//!
//! What is seen: every wait of the standard library (a contended `Mutex` or `RwLock`, a `Condvar`, a channel that is empty,
//! a parked thread), because all of them wait in the system call `futex`; and every lock of a C library, waited for or not.
//! What is not: a lock of the standard library that is free, which is one instruction and no call (`clippy.toml` bans those by
//! name), and what the C library does within itself, as its allocator does (`heap.rs` counts that).

#![cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "the locks that must be seen")]

use std::sync::mpsc::channel;
use std::sync::{Condvar, Mutex, RwLock};
use std::thread::Builder;
use std::time::Duration;

use counting::{locks, waits};
use line::{Line, Party, connect};
use proto::media::processing::{Part, Wish};
use proto::media::{AgentEvent, SoundCommand, SoundEvent};

#[expect(dead_code, unused_imports, reason = "the line also serves tests that listen")]
mod line;
#[path = "noting/thread.rs"]
mod thread;

/// The one place with `unsafe`. Functions of these names are found here before those of the C library, by this program and
/// by the libraries it loads; each hands on what it was given to the one that it stands before, whose promises are thereby
/// ours.
#[expect(unsafe_code, reason = "to stand before the C library is unsafe; see the module's text")]
mod counting {
    use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

    use libc::{c_int, c_long, c_void, pthread_cond_t, pthread_mutex_t, pthread_rwlock_t, timespec};

    use super::thread::is_called;

    /// What `futex` is asked for by who may have to wait.
    const WAITING: [c_int; 4] =
        [libc::FUTEX_WAIT, libc::FUTEX_WAIT_BITSET, libc::FUTEX_LOCK_PI, libc::FUTEX_LOCK_PI2];

    static WAITS: AtomicU64 = AtomicU64::new(0);
    static LOCKS: AtomicU64 = AtomicU64::new(0);

    /// How often voice threads waited for another thread so far.
    pub(crate) fn waits() -> u64 {
        WAITS.load(Ordering::Relaxed)
    }

    /// How often voice threads took a lock of the C library so far, or waited for its word.
    pub(crate) fn locks() -> u64 {
        LOCKS.load(Ordering::Relaxed)
    }

    fn note(count: &AtomicU64) {
        if is_called("tincan-voice") {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A function of the C library.
    struct Behind {
        /// Ends with a zero.
        name: &'static str,
        found: AtomicPtr<c_void>,
    }

    impl Behind {
        const fn new(name: &'static str) -> Self {
            Self { name, found: AtomicPtr::new(std::ptr::null_mut()) }
        }

        /// Where it is: the next of its name after ours.
        fn get(&self) -> *mut c_void {
            let mut found = self.found.load(Ordering::Relaxed);
            if found.is_null() {
                // SAFETY: the name ends with a zero and lives for ever.
                found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr().cast()) };
                if found.is_null() {
                    std::process::abort();
                }
                self.found.store(found, Ordering::Relaxed);
            }
            found
        }
    }

    /// In C it takes any number of arguments. Those that are not there are whatever lies in their places, which are the same
    /// on these processors, and nobody looks at them behind us either.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn syscall(
        number: c_long,
        a: c_long,
        b: c_long,
        c: c_long,
        d: c_long,
        e: c_long,
        f: c_long,
    ) -> c_long {
        static BEHIND: Behind = Behind::new("syscall\0");
        if number == libc::SYS_futex && WAITING.contains(&(b as c_int & libc::FUTEX_CMD_MASK)) {
            note(&WAITS);
        }
        type Syscall = unsafe extern "C" fn(c_long, ...) -> c_long;
        // SAFETY: it is the function of this name, which is of this type.
        let behind = unsafe { std::mem::transmute::<*mut c_void, Syscall>(BEHIND.get()) };
        // SAFETY: what was promised to us is promised to it.
        unsafe { behind(number, a, b, c, d, e, f) }
    }

    macro_rules! stand_before {
        ($name:ident($($argument:ident: $kind:ty),*)) => {
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($argument: $kind),*) -> c_int {
                static BEHIND: Behind = Behind::new(concat!(stringify!($name), "\0"));
                note(&LOCKS);
                type Function = unsafe extern "C" fn($($kind),*) -> c_int;
                // SAFETY: it is the function of this name, which is of this type.
                let behind = unsafe { std::mem::transmute::<*mut c_void, Function>(BEHIND.get()) };
                // SAFETY: what was promised to us is promised to it.
                unsafe { behind($($argument),*) }
            }
        };
    }

    stand_before!(pthread_mutex_lock(lock: *mut pthread_mutex_t));
    stand_before!(pthread_rwlock_rdlock(lock: *mut pthread_rwlock_t));
    stand_before!(pthread_rwlock_wrlock(lock: *mut pthread_rwlock_t));
    stand_before!(pthread_cond_wait(cond: *mut pthread_cond_t, lock: *mut pthread_mutex_t));
    stand_before!(pthread_cond_timedwait(
        cond: *mut pthread_cond_t,
        lock: *mut pthread_mutex_t,
        until: *const timespec
    ));

    /// Takes each lock of the C library once, and waits for its word until a time that is over; what was said to that.
    pub(crate) fn use_every_lock() -> c_int {
        let mut mutex = libc::PTHREAD_MUTEX_INITIALIZER;
        let mut rwlock = libc::PTHREAD_RWLOCK_INITIALIZER;
        let mut cond = libc::PTHREAD_COND_INITIALIZER;
        let past = timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: all are as the library makes them, stay where they are, and are given back before they end.
        unsafe {
            libc::pthread_rwlock_rdlock(&raw mut rwlock);
            libc::pthread_rwlock_unlock(&raw mut rwlock);
            libc::pthread_rwlock_wrlock(&raw mut rwlock);
            libc::pthread_rwlock_unlock(&raw mut rwlock);
            libc::pthread_mutex_lock(&raw mut mutex);
            let said = libc::pthread_cond_timedwait(&raw mut cond, &raw mut mutex, &raw const past);
            libc::pthread_mutex_unlock(&raw mut mutex);
            said
        }
    }
}

/// Runs `act` on a thread that is called as the voice thread is, and `meanwhile` beside it.
fn as_voice<T: Send, U>(act: impl FnOnce() -> T + Send, meanwhile: impl FnOnce() -> U) -> (T, U) {
    std::thread::scope(|scope| {
        let thread = Builder::new().name("tincan-voice".into()).spawn_scoped(scope, act).expect("a thread");
        let beside = meanwhile();
        (thread.join().expect("it does not panic"), beside)
    })
}

/// Whether a voice thread that does `wait` is counted before `release` lets it go on.
fn is_seen(wait: impl FnOnce() + Send, release: impl FnOnce()) -> bool {
    let before = waits();
    let look = || {
        let seen = (0..20_000).any(|_| {
            std::thread::park_timeout(Duration::from_millis(1));
            waits() > before
        });
        release();
        seen
    };
    as_voice(wait, look).1
}

/// The counts count what they are there for; otherwise none at all would say nothing.
fn every_wait_is_seen() {
    let mutex = Mutex::new(());
    let held = mutex.lock();
    assert!(is_seen(|| drop(mutex.lock()), || drop(held)), "a Mutex");
    let rwlock = RwLock::new(());
    let held = rwlock.write();
    assert!(is_seen(|| drop(rwlock.read()), || drop(held)), "a RwLock that is read");
    let held = rwlock.read();
    assert!(is_seen(|| drop(rwlock.write()), || drop(held)), "a RwLock that is written");
    let (signal, said) = (Condvar::new(), Mutex::new(false));
    let wait = || drop(said.lock().map(|said_yet| signal.wait_while(said_yet, |said| !*said).map(drop)));
    let say = || {
        said.lock().map(|mut said| *said = true).expect("nobody panicked");
        signal.notify_all();
    };
    assert!(is_seen(wait, say), "a Condvar");
    let (tell, told) = channel::<()>();
    assert!(is_seen(move || assert!(told.recv().is_err()), || drop(tell)), "a channel");
    let before = locks();
    let (said, ()) = as_voice(counting::use_every_lock, || ());
    assert_eq!((said, locks() - before), (libc::ETIMEDOUT, 4), "the C library's");
    let (before, free) = ((waits(), locks()), Mutex::new(()));
    counting::use_every_lock();
    drop(free.lock());
    assert_eq!((waits(), locks()), before, "of other threads");
}

/// One test, because all voice threads of the process are counted.
#[test]
fn a_voice_thread_takes_no_lock_and_waits_for_no_other_thread() {
    every_wait_is_seen();
    let line = Line::new();
    let (mut alice, mut bob) = (Party::new("tone", 11), Party::new("tone", 22));
    connect(&line, &mut alice, &mut bob);
    // Her voice goes to the thread of the processing and back.
    alice.sound(SoundCommand::Process { part: Part::Echo, wish: Wish::On });
    alice.until("the echo canceller", |event| match event {
        AgentEvent::Sound(SoundEvent::Processing(processing)) => processing.echo.on.then_some(()),
        AgentEvent::Sound(_) | AgentEvent::Call(_) => None,
    });
    for party in [&mut alice, &mut bob] {
        party.until_opened(200);
    }
    let opened = alice.figures().opened;
    let before = (waits(), locks());
    for _ in 0..5 {
        bob.figures();
        alice.figures();
    }
    let counted = (waits() - before.0, locks() - before.1);
    let opened = alice.figures().opened - opened;
    assert!(opened > 400, "voice went on: {opened} packets");
    assert_eq!(counted, (0, 0), "waits for other threads, and locks, in a call of {opened} packets");
}
