//! Whether the disk has room for more. A commit that fails ends the server with all calls, so it stops growing before.

use std::path::PathBuf;
use std::time::Duration;

use proto::Time;
use proto::limits::{DISK_FREE_BYTES_MIN, DISK_FREE_PART_MIN};

use crate::store::Sqlite;
use crate::system::{Disk, disk};

impl Sqlite {
    /// Keeps so much of the disk free from now on.
    pub fn keep_free(&mut self, bytes: u64) {
        self.room = Room::new(self.path.clone(), bytes);
    }

    /// Looks how much room the disk has, now and then.
    pub fn look(&mut self, now: Time) {
        self.room.look(now);
    }
}

/// The disk as last looked at.
#[derive(Debug)]
pub(super) struct Room {
    path: PathBuf,
    keep_free: u64,
    next: Time,
    pub(super) full: bool,
}

impl Room {
    /// Of the disk with this file, of which so many bytes stay free.
    pub(super) fn new(path: PathBuf, keep_free: u64) -> Self {
        Self { path, keep_free, next: Time::ZERO, full: false }
    }

    /// Looks, unless that was a moment ago.
    pub(super) fn look(&mut self, now: Time) {
        if now < self.next {
            return;
        }
        self.next = now + LOOK_EVERY;
        if let Some(disk) = disk(&self.path) {
            self.found(disk);
        }
    }

    fn found(&mut self, Disk { size, free }: Disk) {
        // A volume for the server alone may be hardly larger than what is kept free of others.
        let small = size / DISK_FREE_PART_MIN;
        let keep_free = if small < DISK_FREE_BYTES_MIN { self.keep_free.min(small) } else { self.keep_free };
        // Twice as much before it is open again: at one limit alone every file that comes and goes would turn it.
        let open_at = keep_free.saturating_mul(2);
        let full = free < if self.full { open_at } else { keep_free };
        if full == self.full {
            return;
        }
        self.full = full;
        let (disk, free) = (self.path.display(), free >> 20);
        if full {
            tracing::warn!(
                "the disk of {disk} has {free} MiB left: nothing new is taken (accounts, contact requests, invites) \
                 until there are {} MiB; logins and calls go on",
                open_at >> 20
            );
        } else {
            tracing::warn!("the disk of {disk} has {free} MiB left: new things are taken again");
        }
    }
}

/// Nothing that is taken in this time comes near to what is kept free.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_below_what_is_kept_and_open_at_twice_as_much() {
        let mut room = Room::new("d".into(), 100);
        let mut full = |free| {
            room.found(Disk { size: 1 << 40, free });
            room.full
        };
        assert_eq!([100, 99, 100, 199, 200, 100].map(&mut full), [false, true, true, true, false, false]);
    }

    #[test]
    fn a_small_disk_is_not_full_from_its_beginning() {
        let mut room = Room::new("d".into(), DISK_FREE_BYTES_MIN);
        let mut full = |free| {
            room.found(Disk { size: DISK_FREE_BYTES_MIN, free });
            room.full
        };
        let eighth = DISK_FREE_BYTES_MIN / DISK_FREE_PART_MIN;
        assert_eq!(
            [eighth, eighth - 1, 2 * eighth - 1, 2 * eighth].map(&mut full),
            [false, true, true, false]
        );
    }

    #[test]
    fn a_disk_that_tells_nothing_is_not_full() {
        let mut room = Room::new("/nowhere/at/all".into(), u64::MAX);
        room.look(Time::ZERO);
        assert!(!room.full);
        room.path = std::env::temp_dir();
        room.look(Time::ms(999));
        assert!(!room.full, "it looked a moment ago");
        room.look(Time::ms(1_000));
        assert!(room.full);
    }
}
