//! What only the operating system knows of this process. The server's `unsafe` lives here.
#![expect(unsafe_code, reason = "system calls that the standard library does not wrap")]

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;

/// Files the process needs beside its connections: store, log, sockets, pollers, the echo friend's connections.
const KEPT: u64 = 64;

/// Asks for as many descriptors as the process may have; returns how many connections that allows. A fresh login shell
/// allows 1,024, far below what the machine gives to who asks; and a store that cannot open a file would stop the server.
pub(crate) fn raise_descriptors() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for one rlimit for the time of the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return UNKNOWN;
    }
    let wanted = libc::rlimit { rlim_cur: limit.rlim_max.min(ENOUGH), rlim_max: limit.rlim_max };
    // SAFETY: `wanted` is a valid rlimit for the time of the call, which does not keep it.
    let raised = wanted.rlim_cur > limit.rlim_cur
        && unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const wanted) } == 0;
    let now = if raised { wanted.rlim_cur } else { limit.rlim_cur };
    usize::try_from(now.saturating_sub(KEPT)).unwrap_or(usize::MAX)
}

/// The number of the user that the process acts as.
pub(crate) fn user() -> u32 {
    // SAFETY: the call takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// A disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Disk {
    pub(crate) size: u64,
    /// What is left of it for this process.
    pub(crate) free: u64,
}

/// The disk that `path` is on; none when the system does not tell, or says that it has no size.
pub(crate) fn disk(path: &Path) -> Option<Disk> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut disk = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: `path` ends with a zero and `disk` is a valid place for one statvfs, both for the time of the call.
    if unsafe { libc::statvfs(path.as_ptr(), disk.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: the call succeeded, so it wrote all of it.
    let disk = unsafe { disk.assume_init() };
    let bytes = |blocks: u64| blocks.saturating_mul(wide(disk.f_frsize));
    let (size, free) = (bytes(wide(disk.f_blocks)), bytes(wide(disk.f_bavail)));
    (size > 0).then_some(Disk { size, free })
}

/// Systems give these in different widths.
fn wide(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or(u64::MAX)
}

/// Whether whoever started the process wants it to ignore `signal`, as `nohup` does: to catch it would undo that.
pub fn ignores(signal: i32) -> bool {
    // SAFETY: zeros are a sigaction of the C library: numbers, sets of bits and a null handler.
    let mut present: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: `present` is a valid place for one sigaction for the time of the call; null changes nothing.
    let asked = unsafe { libc::sigaction(signal, ptr::null(), &raw mut present) };
    asked == 0 && present.sa_sigaction == libc::SIG_IGN
}

/// What a process without a known limit is taken to have: the least that systems give.
const UNKNOWN: usize = 192;
/// More is never asked for: macOS answers "unlimited" and then refuses it.
const ENOUGH: libc::rlim_t = 65_536;

#[cfg(test)]
mod tests {
    #[test]
    fn asking_twice_gives_the_same() {
        let first = super::raise_descriptors();
        assert!(first > 0);
        assert_eq!(super::raise_descriptors(), first);
    }

    #[test]
    fn a_disk_tells_what_is_left() {
        assert!(super::disk(&std::env::temp_dir()).is_some_and(|disk| disk.free <= disk.size));
        assert_eq!(super::disk("/nowhere/at/all".as_ref()), None);
        assert_eq!(super::disk("a\0b".as_ref()), None);
        if cfg!(target_os = "linux") {
            assert_eq!(super::disk("/proc".as_ref()), None, "what has no size has no room to run out of");
        }
    }

    #[test]
    fn what_is_ignored_is_known() {
        // Rust's start ignores this one.
        assert!(super::ignores(libc::SIGPIPE));
        assert!(!super::ignores(libc::SIGUSR2));
        assert!(!super::ignores(-1));
    }
}
