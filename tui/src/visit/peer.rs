//! Whose program is at the other end of a socket, which the standard library does not tell.
#![expect(unsafe_code, reason = "one system call that the standard library does not wrap")]

use std::os::fd::RawFd;

/// Whether the program at the other end of `fd` runs as the same user as this one.
pub(super) fn is_ours(fd: RawFd) -> bool {
    // SAFETY: the call takes nothing, touches no memory of ours and cannot fail.
    let own = unsafe { libc::geteuid() };
    user(fd) == Some(own)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn user(fd: RawFd) -> Option<libc::uid_t> {
    let mut who = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut size = libc::socklen_t::try_from(size_of::<libc::ucred>()).ok()?;
    // SAFETY: both are ours and live through the call, and `size` is that of `who`.
    let failed = unsafe {
        let into = (&raw mut who).cast();
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, into, &raw mut size) != 0
    };
    (!failed).then_some(who.uid)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn user(fd: RawFd) -> Option<libc::uid_t> {
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: both are ours and live through the call.
    let failed = unsafe { libc::getpeereid(fd, &raw mut uid, &raw mut gid) != 0 };
    (!failed).then_some(uid)
}
