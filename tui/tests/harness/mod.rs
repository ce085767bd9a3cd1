//! What a scenario needs around the real programs: a server that can be killed, clients with and without a screen,
//! a private sound world, and numbers for what was heard. Everything a scenario started ends with it.

pub(crate) mod chord;
pub(crate) mod hearing;
mod nobody;
pub(crate) mod process;
pub(crate) mod road;
pub(crate) mod signal;
pub(crate) mod sound;
pub(crate) mod terminal;
pub(crate) mod vitals;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// Nothing that can be waited for takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

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

static TURN: RwLock<()> = RwLock::new(());

/// As long as it is held, nobody is alone with the machine.
#[expect(dead_code, reason = "held, not read")]
pub(crate) enum Turn {
    Beside(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// Scenarios with sound run beside each other, one for each core.
pub(crate) fn my_turn() -> Turn {
    Turn::Beside(TURN.read().unwrap_or_else(PoisonError::into_inner))
}

/// But for those that count single milliseconds: what they hear should tell about the programs, not about a crowded
/// machine.
pub(crate) fn alone() -> Turn {
    Turn::Alone(TURN.write().unwrap_or_else(PoisonError::into_inner))
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
            for (who, story) in stories(&self.0) {
                eprintln!("{who}:\n{story}");
            }
            eprintln!("left for a look: {}", self.0.display());
        } else {
            // Leftovers in a temporary directory do no harm.
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// What those who were asked to quit were told and said, by their name.
fn stories(scratch: &Path) -> Vec<(String, String)> {
    let files = std::fs::read_dir(scratch).into_iter().flatten().flatten().map(|entry| entry.path());
    let told = files.filter(|path| path.extension().is_some_and(|e| e == STORY));
    told.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap_or_default()))
        .collect()
}

/// What the file of a story ends with.
const STORY: &str = "story";

/// The workspace's folder.
pub(crate) fn house() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tui is a folder of the workspace").to_owned()
}

/// What counts as heard: the median likeness of half seconds (`hearing`).
pub(crate) const LIKENESS_MIN: f64 = 0.7;
/// What somebody else's speech, or the same backwards, must stay below.
const CONTROL_MAX: f64 = 0.6;
/// Of so many half seconds a median tells something.
const PIECES_MIN: usize = 5;
/// How far the level may be off.
const LEVEL_DB_MAX: f64 = 3.0;

/// `said` came out at the other end, and as loud.
#[expect(clippy::print_stdout, reason = "with --nocapture these are the figures")]
pub(crate) fn assert_heard(what: &str, said: &[f32], came_out: &[f32], ahead: usize) {
    let heard = hearing::heard(said, came_out, ahead);
    println!("{what}: {heard:.3?}");
    assert!(heard.pieces >= PIECES_MIN, "{what}: too little was said to tell: {heard:?}");
    assert!(heard.likeness >= LIKENESS_MIN, "{what}: below {LIKENESS_MIN}: {heard:?}");
    assert!(heard.level_db.abs() <= LEVEL_DB_MAX, "{what}: the level is off: {heard:?}");
    let backwards: Vec<f32> = said.iter().rev().copied().collect();
    let control = hearing::heard(&backwards, came_out, ahead);
    assert!(control.likeness < CONTROL_MAX, "{what}: anything would have been found: {control:?}");
}
