//! What the tests of this crate share.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proto::client::EndReason;

/// Every reason for which a call ends.
pub(crate) const END_REASONS: [EndReason; 11] = [
    EndReason::HungUp,
    EndReason::TheyHungUp,
    EndReason::Declined,
    EndReason::Busy,
    EndReason::NoAnswer,
    EndReason::Gone,
    EndReason::Taken,
    EndReason::Missed,
    EndReason::Lost,
    EndReason::Asleep(Duration::from_secs(130)),
    EndReason::Failed,
];

/// A directory that goes away with the test.
#[derive(Debug)]
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
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
