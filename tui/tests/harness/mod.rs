//! What a scenario needs around the real programs: a server that can be killed, clients with and without a screen,
//! a private sound world, and numbers for what was heard. Everything a scenario started ends with it.

pub(crate) mod process;
pub(crate) mod signal;
pub(crate) mod sound;
pub(crate) mod terminal;
pub(crate) mod vitals;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Nothing that can be waited for takes longer, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Polls until `done` gives something; panics with `what` when patience ends.
pub(crate) fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A directory of one scenario, gone afterwards unless the scenario failed.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tincan-{name}-{}-{serial}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary directory takes another");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    #[expect(clippy::print_stderr, reason = "whoever looks into the failure wants to know where")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("left for a look: {}", self.0.display());
        } else {
            // Leftovers in a temporary directory do no harm.
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// The workspace's folder.
pub(crate) fn house() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tui is a folder of the workspace").to_owned()
}

/// What counts as heard: the median over seconds of normalised cross-correlation. Opus at our bit rate reaches 0.9 and
/// more with a voice; an unrelated voice stays below 0.4.
pub(crate) const LIKENESS_MIN: f64 = 0.7;
/// How far the level may be off.
pub(crate) const LEVEL_DB_MAX: f64 = 3.0;
