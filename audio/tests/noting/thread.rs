//! Whose thread it is that runs, without touching the heap.

#![expect(unsafe_code, reason = "the name is asked of the system")]

/// Whether this thread is called that; a name has 15 bytes at most.
pub(crate) fn is_called(wanted: &str) -> bool {
    let mut name = [0u8; 16];
    // SAFETY: the system writes at most 16 bytes, the length of what it is given, and keeps no hold of it.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    name.split(|byte| *byte == 0).next() == Some(wanted.as_bytes())
}
