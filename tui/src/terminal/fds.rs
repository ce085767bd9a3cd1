//! What only the operating system can do to the terminal's descriptors. The `unsafe` of the terminal lives here,
//! each block with its reason; everything else goes through the standard library.
#![expect(unsafe_code, reason = "system calls that the standard library does not wrap")]

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// The path of the terminal behind `fd`.
pub(super) fn terminal_path(fd: RawFd) -> Option<PathBuf> {
    let mut name = [0; 256];
    // SAFETY: the buffer is ours and outlives the call, its true length is passed, and on success the call has
    // written a NUL within it.
    let failed = unsafe { libc::ttyname_r(fd, name.as_mut_ptr(), name.len()) } != 0;
    if failed {
        return None;
    }
    // SAFETY: the call above succeeded, so `name` holds a NUL-terminated string.
    let path = unsafe { CStr::from_ptr(name.as_ptr()) };
    Some(PathBuf::from(OsStr::from_bytes(path.to_bytes())))
}

/// Whether we are the ones who may read the terminal behind `fd`.
pub(super) fn is_foreground(fd: RawFd) -> bool {
    // SAFETY: both take and give numbers only; a descriptor that is no terminal is answered with -1, which is no group.
    unsafe { libc::tcgetpgrp(fd) == libc::getpgrp() }
}

/// Makes standard error write to `file`; gives the old one for [`restore_stderr`].
pub(super) fn redirect_stderr(file: &File) -> io::Result<OwnedFd> {
    let old = io::stderr().as_fd().try_clone_to_owned()?;
    replace_stderr(file.as_raw_fd())?;
    Ok(old)
}

/// Gives standard error back.
pub(super) fn restore_stderr(old: &OwnedFd) -> io::Result<()> {
    replace_stderr(old.as_raw_fd())
}

fn replace_stderr(with: RawFd) -> io::Result<()> {
    // SAFETY: both are open descriptors of this process; dup2 replaces 2 atomically, and nobody in Rust owns 2, so
    // no owner is left with a closed descriptor.
    match unsafe { libc::dup2(with, libc::STDERR_FILENO) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Waits until `fd` takes bytes again, at most `wait_ms`. Only for the goodbye: the loop never waits here.
pub(super) fn wait_writable(fd: RawFd, wait_ms: i32) -> bool {
    let mut ask = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one pollfd, ours, for the length of the call.
    unsafe { libc::poll(&raw mut ask, 1, wait_ms) == 1 && ask.revents & libc::POLLOUT != 0 }
}

/// Stops this process and those started with it, as the terminal driver does for ^Z; returns when continued.
///
/// The whole group, because a parent such as a shell script waits for us and would keep the prompt. With the
/// default action instead of SIGSTOP, because the kernel then ignores it where nobody could continue us.
pub(super) fn stop_group() -> io::Result<()> {
    // SAFETY: an all-zero sigaction is a valid value (SIG_DFL, no flags, empty mask); both structs are ours and live
    // through the calls. The handler that was installed is put back whatever happened between.
    unsafe {
        let mut old: libc::sigaction = core::mem::zeroed();
        let default: libc::sigaction = core::mem::zeroed();
        if libc::sigaction(libc::SIGTSTP, &raw const default, &raw mut old) == -1 {
            return Err(io::Error::last_os_error());
        }
        let sent = libc::kill(0, libc::SIGTSTP);
        libc::sigaction(libc::SIGTSTP, &raw const old, core::ptr::null_mut());
        if sent == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}
