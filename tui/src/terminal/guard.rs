//! The promise that the terminal is given back as it was: at the end, in a panic, before stopping.
//!
//! Entering and leaving are pairs that may be called in any order and number from the panic hook and the drop; the
//! flag decides. Only bytes and modes live here, no picture.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use super::fds;

/// Save the window's title, alternate screen, bracketed paste.
const ENTER: &[u8] = b"\x1b[22;2t\x1b[?1049h\x1b[?2004h";

/// What is asked of a terminal that understands more than the picture: the kitty keyboard protocol (keys told apart,
/// 1; the key's place in the US layout, 4), and when the window gains or loses the keyboard.
pub(super) const ASK: &[u8] = b"\x1b[>5u\x1b[?1004h";

/// Repeats and releases (2), too, and whether the terminal has that; no answer is waited for. Every key comes as a
/// sequence then (8) with the text it types (16): otherwise kitty sends Enter, Tab and Backspace once more when they come
/// up (seen in 0.26; kovidgoyal/kitty#8212 and #10331 tell of later ones), and nobody could tell that from a second press. A shell
/// that finds the terminal so, because we were killed, cannot be typed to; so it is asked for only while it is needed.
pub(super) const ASK_RELEASES: &[u8] = b"\x1b[=31u\x1b[?u";

/// [`ASK_RELEASES`] undone.
pub(super) const ASK_NO_RELEASES: &[u8] = b"\x1b[=5u";

/// [`ASK`] and what came after it undone. The alternate screen has a keyboard of its own there, so this comes before leaving it.
const UNASK: &[u8] = b"\x1b[?1004l\x1b[<u";

/// End whatever was open, and be it half a control string that was not taken (CAN); attributes off, and the paste.
const CALM: &[u8] = b"\x18\x1b[?2026l\x1b[m\x1b[?2004l";

/// The rest of [`ENTER`] undone; the cursor is shown.
const LEAVE: &[u8] = b"\x1b[?1049l\x1b[?25h\x1b[23;2t";

/// How long the goodbye waits for a terminal that takes no bytes (^S, a dead link).
const GOODBYE_WAIT_MS: i32 = 200;

/// Shared between the terminal and the panic hook.
pub(super) struct Guard {
    tty: File,
    /// Where standard error goes while the full screen is up: libraries print there.
    log: File,
    entered: AtomicBool,
    /// [`ASK`] was said, or is about to be.
    asked: AtomicBool,
    stderr: Mutex<Option<OwnedFd>>,
    owner: ThreadId,
}

impl Guard {
    pub(super) fn new(tty: File, log: File) -> Arc<Self> {
        let (entered, asked) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { tty, log, entered, asked, stderr: Mutex::new(None), owner: thread::current().id() })
    }

    /// Raw mode, alternate screen, standard error to the log.
    pub(super) fn enter(&self) -> io::Result<()> {
        if self.entered.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let done = crossterm::terminal::enable_raw_mode().and_then(|()| fds::redirect_stderr(&self.log));
        match done {
            Ok(stderr) => {
                *self.stderr.lock().unwrap_or_else(PoisonError::into_inner) = Some(stderr);
                self.say(ENTER);
                Ok(())
            }
            Err(error) => {
                self.leave();
                Err(error)
            }
        }
    }

    /// Notes that [`ASK`] is being said; false when it was since the terminal was taken.
    pub(super) fn asks(&self) -> bool {
        !self.asked.swap(true, Ordering::SeqCst)
    }

    /// Everything back. Errors are of no use to anybody here: the rest must still be given back.
    pub(super) fn leave(&self) {
        if !self.entered.swap(false, Ordering::SeqCst) {
            return;
        }
        let unask = if self.asked.swap(false, Ordering::SeqCst) { UNASK } else { b"" };
        self.say(&[CALM, unask, LEAVE].concat());
        let _ = crossterm::terminal::disable_raw_mode();
        if let Some(old) = self.stderr.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = fds::restore_stderr(&old);
        }
    }

    /// Writes all of `bytes`, unless the terminal stays deaf.
    fn say(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match (&self.tty).write(bytes) {
                Ok(0) => return,
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !fds::wait_writable(self.tty.as_raw_fd(), GOODBYE_WAIT_MS) {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// From now on a panic of the thread that draws first gives the terminal back and then speaks; a panic of
    /// another thread goes to the log, since the screen is still in use.
    pub(super) fn hook_panics(self: &Arc<Self>) {
        let guard = Arc::downgrade(self);
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if let Some(guard) = guard.upgrade()
                && guard.owner == thread::current().id()
            {
                let _ = writeln!(&guard.log, "{panic}");
                guard.leave();
            }
            previous(panic);
        }));
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.leave();
    }
}
