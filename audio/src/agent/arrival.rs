//! When a datagram reached this machine, by the system's own stamp. While sound has no hardware the voice thread reads
//! its socket only when sound is due, and must not count its own rest as time on the road.

#![expect(unsafe_code, reason = "two system calls that the standard library does not wrap")]

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use socket2::SockAddr;

/// Bytes for what the system says beside a datagram, in the alignment it needs: the stamp takes 32 of them.
type Beside = [u64; 8];

/// Asks the system to stamp every datagram from now on.
pub(super) fn stamp(socket: &impl AsRawFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the option is read during the call, from an int of this length.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The next datagram: its length, where it came from, and how long ago; none when the system did not say.
pub(super) fn receive(
    socket: &impl AsRawFd,
    buffer: &mut [u8],
) -> io::Result<(usize, SocketAddr, Option<Duration>)> {
    let mut beside: Beside = [0; 8];
    let mut piece = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: a message of zeros is one without anything, and all that is set points to what outlives the call, with its
    // length. The system writes an address of the length it says.
    let ((count, at), from) = unsafe {
        SockAddr::try_init(|storage, length| {
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_name = storage.cast();
            message.msg_namelen = *length;
            message.msg_iov = &raw mut piece;
            message.msg_iovlen = 1;
            message.msg_control = beside.as_mut_ptr().cast();
            message.msg_controllen = size_of::<Beside>();
            let count = libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0);
            *length = message.msg_namelen;
            let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
            Ok((count, stamped(&message)))
        })?
    };
    let from = from.as_socket().ok_or(io::ErrorKind::InvalidData)?;
    Ok((count, from, at.and_then(ago)))
}

/// The stamp, since 1970.
///
/// # Safety
/// The message is one that the system filled, and what it points to still lives.
unsafe fn stamped(message: &libc::msghdr) -> Option<Duration> {
    // SAFETY: the system left a chain of headers there, each followed by as much as it says.
    unsafe {
        let head = libc::CMSG_FIRSTHDR(message).as_ref()?;
        if (head.cmsg_level, head.cmsg_type) != (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
            return None;
        }
        let time = libc::CMSG_DATA(head).cast::<libc::timespec>().read_unaligned();
        Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
    }
}

#[expect(clippy::disallowed_methods, reason = "the stamp is by the wall's clock")]
fn ago(stamp: Duration) -> Option<Duration> {
    SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(stamp)
}
