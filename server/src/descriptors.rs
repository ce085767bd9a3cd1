//! The limit on open files, which is the limit on connections. A fresh login shell allows 1,024, far below what the
//! machine gives to who asks; and a store that cannot open a file would stop the server.
#![expect(unsafe_code, reason = "the standard library has no getrlimit and setrlimit")]

/// Files the process needs beside its connections: store, log, sockets, pollers, the echo friend's connections.
const KEPT: u64 = 64;

/// Asks for as many descriptors as the process may have; returns how many connections that allows.
pub(crate) fn raise() -> usize {
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

/// What a process without a known limit is taken to have: the least that systems give.
const UNKNOWN: usize = 192;
/// More is never asked for: macOS answers "unlimited" and then refuses it.
const ENOUGH: libc::rlim_t = 65_536;

#[cfg(test)]
mod tests {
    #[test]
    fn asking_twice_gives_the_same() {
        let first = super::raise();
        assert!(first > 0);
        assert_eq!(super::raise(), first);
    }
}
