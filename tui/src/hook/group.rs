//! Ends a command together with all it started: the standard library kills one process only.
#![expect(unsafe_code, reason = "a system call that the standard library does not wrap")]

/// Kills every process of the group that `leader` leads. It must not have been reaped: its number would be free.
pub(super) fn kill(leader: u32) {
    let Ok(group) = libc::pid_t::try_from(leader) else { return };
    // The group 0 would be ours, and 1 with a minus before it everybody.
    if group > 1 {
        // SAFETY: it takes and gives numbers only.
        let _ = unsafe { libc::kill(-group, libc::SIGKILL) };
    }
}
