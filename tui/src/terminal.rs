//! The door to the terminal: raw mode and the alternate screen as a guard, bytes in, frames out.
//!
//! The terminal is opened anew, so that non-blocking mode stays ours and does not leak into the shell that shares
//! its standard streams. Nothing here ever waits for it: while a frame is still being taken, no other is made, so
//! at most one frame is buffered however slow the link, and what is painted next is always the newest state.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use proto::Safe;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

mod fds;
mod guard;
mod osc;
mod paint;

use crate::app::emulator::{Emulator, Osc};
use crate::app::notify::Alert;
use crate::limits::COPY_BYTES_MAX;
use crate::view::Link;
use guard::{ASK, ASK_NO_RELEASES, ASK_RELEASES, Guard};
pub use paint::Painter;

/// The largest screen we draw, in cells a side. A bigger window shows this much of it, in its corner.
const SIDE_MAX: u16 = 1000;

/// A terminal that has not taken so much is told of nothing more, and nothing is copied to it: it is not looked at.
const PENDING_ALERTS_MAX: usize = 64 << 10;

/// The full screen.
pub struct Terminal {
    tty: File,
    guard: Arc<Guard>,
    painter: Painter,
    canvas: Buffer,
    emulator: Emulator,
    /// The bytes the terminal has not taken yet: a frame, a title, a bell, and what was copied.
    pending: Vec<u8>,
    /// A bell is among it. The last byte says nothing of that: strings end with one, too.
    rings: bool,
    title: String,
    /// The terminal was asked to tell when keys come up.
    tells_releases: bool,
}

/// Why there is no full screen.
#[derive(Debug)]
pub enum NoScreen {
    /// Standard input or output is not a terminal.
    NotATerminal,
    /// `TERM` says the terminal understands nothing.
    Dumb,
    /// The terminal could not be opened or set up.
    Failed(io::Error),
}

impl core::fmt::Display for NoScreen {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let instead =
            "run it in a terminal, or say --plain, which needs only lines (--headless is for programs)";
        match self {
            Self::NotATerminal => {
                write!(f, "the full screen needs a terminal on input and output: {instead}")
            }
            Self::Dumb => {
                write!(f, "a terminal without TERM, or with TERM=dumb, cannot show a full screen: {instead}")
            }
            Self::Failed(error) => write!(f, "the terminal could not be set up ({error}): {instead}"),
        }
    }
}

impl core::error::Error for NoScreen {}

impl From<io::Error> for NoScreen {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl Terminal {
    /// Takes the terminal over, which is such an `emulator`. `log` receives what is printed to standard error until it is given back.
    pub fn open(term: Option<&str>, emulator: Emulator, log: File) -> Result<Self, NoScreen> {
        check(term)?;
        let path = fds::terminal_path(io::stdin().as_raw_fd()).unwrap_or_else(|| PathBuf::from("/dev/tty"));
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
        let tty = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        let guard = Guard::new(tty.try_clone()?, log);
        guard.hook_panics();
        guard.enter()?;
        let (painter, canvas) = (Painter::new(), Buffer::empty(area()));
        let (pending, title) = (Vec::new(), String::new());
        Ok(Self {
            tty,
            guard,
            painter,
            canvas,
            emulator,
            pending,
            title,
            rings: false,
            tells_releases: false,
        })
    }

    /// For the poll: readable when there are keys, writable when a frame can go on.
    pub fn fd(&self) -> RawFd {
        self.tty.as_raw_fd()
    }

    /// Reads some bytes of input; `WouldBlock` when there are none. Zero means that the terminal is gone.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.tty.read(into)
    }

    /// The window may have another size now.
    pub fn resized(&mut self) {
        let area = area();
        if area != self.canvas.area {
            self.canvas = Buffer::empty(area);
        }
        self.painter.forget();
    }

    /// Paint everything anew the next time (^L).
    pub fn redraw(&mut self) {
        self.painter.forget();
    }

    /// The drawing area.
    pub fn area(&self) -> Rect {
        self.canvas.area
    }

    /// Whether the terminal has yet to take bytes: then do not draw, wait for it to be writable and flush.
    pub fn busy(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Draws one frame: `view` fills the canvas, says where the cursor goes and adds what can be opened. From then on it is
    /// told when keys come up if `releases`, where the terminal can. To be flushed; gives its bytes.
    pub fn draw(
        &mut self,
        releases: bool,
        view: impl FnOnce(&mut Buffer, &mut Vec<Link>) -> Option<Position>,
    ) -> usize {
        let (before, mut links) = (self.pending.len(), Vec::new());
        self.canvas.reset();
        let cursor = view(&mut self.canvas, &mut links);
        let inside = cursor.filter(|at| self.canvas.area.contains(*at));
        self.painter.paint_linked(&self.canvas, &links, inside, &mut self.pending);
        if self.ask(releases) {
            // A terminal that takes the question for "cursor back to where it was saved" finds it again.
            self.painter.lose_cursor();
            self.painter.paint_linked(&self.canvas, &links, inside, &mut self.pending);
        }
        self.pending.len() - before
    }

    /// Asks for what is wanted of the keyboard; false when it was before.
    fn ask(&mut self, releases: bool) -> bool {
        if !self.emulator.strings {
            return false;
        }
        let first = self.guard.asks();
        if first {
            self.pending.extend_from_slice(ASK);
            self.tells_releases = false;
        }
        let changes = core::mem::replace(&mut self.tells_releases, releases) != releases;
        if changes {
            self.pending.extend_from_slice(if releases { ASK_RELEASES } else { ASK_NO_RELEASES });
        }
        first || changes
    }

    /// Names the window, if that changed and the terminal knows what a title is.
    pub fn set_title(&mut self, title: &str) {
        if self.emulator.strings && self.title != title {
            title.clone_into(&mut self.title);
            self.pending.extend(osc::title(title));
        }
    }

    /// Puts a text into the terminal's clipboard, if it has one and is not asked for too much at once.
    pub fn copy(&mut self, text: &Safe) {
        let taken = self.pending.len() < PENDING_ALERTS_MAX;
        if self.emulator.strings && taken && text.as_str().len() <= COPY_BYTES_MAX {
            self.pending.extend(osc::copy(text, self.emulator.between));
        }
    }

    /// Shows a notification, by the control string `osc`.
    pub fn alert(&mut self, alert: &Alert, osc: Osc) {
        if self.pending.len() < PENDING_ALERTS_MAX {
            self.pending.extend(osc::alert(alert, osc, self.emulator.between));
        }
    }

    /// Rings the bell, which tmux and screen turn into a flag.
    pub fn bell(&mut self) {
        if !core::mem::replace(&mut self.rings, true) {
            self.pending.push(0x07);
        }
    }

    /// Gives the terminal what it takes, in one write as a rule. An error means that it is gone.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            match self.tty.write(&self.pending) {
                Ok(taken) => drop(self.pending.drain(..taken)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.rings = false;
        Ok(())
    }

    /// ^Z: gives the terminal back, stops, and takes it again once continued.
    pub fn suspend(&mut self) -> io::Result<()> {
        self.leave();
        let stopped = fds::stop_group();
        self.resume()?;
        stopped
    }

    /// Takes the terminal (again), after a stop we may not have seen coming.
    pub fn resume(&mut self) -> io::Result<()> {
        self.leave();
        self.guard.enter()?;
        let title = core::mem::take(&mut self.title);
        self.set_title(&title);
        self.resized();
        Ok(())
    }

    /// Gives the terminal back.
    pub fn leave(&mut self) {
        self.pending.clear();
        self.rings = false;
        self.guard.leave();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.guard.leave();
    }
}

/// Whether there is a terminal to draw on; `term` is the environment's TERM.
///
/// # Errors
/// Why there is none.
pub fn check(term: Option<&str>) -> Result<(), NoScreen> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(NoScreen::NotATerminal);
    }
    if matches!(term, None | Some("" | "dumb")) {
        return Err(NoScreen::Dumb);
    }
    Ok(())
}

/// Whether standard input is a terminal whose keys come to us: reading it in the background would stop the program.
pub fn has_keyboard() -> bool {
    io::stdin().is_terminal() && fds::is_foreground(io::stdin().as_raw_fd())
}

/// The size of the window; a terminal that does not know its own is taken for the classic one.
fn area() -> Rect {
    let (width, height) = match crossterm::terminal::window_size() {
        Ok(size) if size.columns > 0 && size.rows > 0 => (size.columns, size.rows),
        Ok(_) | Err(_) => (80, 24),
    };
    Rect::new(0, 0, width.min(SIDE_MAX), height.min(SIDE_MAX))
}
