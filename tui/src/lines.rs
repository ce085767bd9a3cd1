//! Lines of text through the standard streams, for the ways to run without the full screen. Both streams may be
//! anything, a file that no poll takes or a terminal that is stopped with ^S: each has a thread, so that neither can
//! keep the loop from the network.

use std::io::{self, BufRead as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::time::Duration;

use anyhow::Context as _;
use mio::Waker;

use crate::limits::{COMMAND_BYTES_MAX, COMMANDS_AHEAD_MAX, FAREWELL_TIME_MAX, LINES_UNWRITTEN_MAX};

/// What standard input held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// One line, with its end as it came.
    Text(String),
    /// Longer than [`COMMAND_BYTES_MAX`], or not UTF-8.
    Unreadable,
    /// No more will come.
    End,
}

/// Reads standard input from now on, and wakes the poll for each line. The thread ends with the program.
///
/// # Errors
/// When the thread cannot be made.
pub fn read_lines(waker: Arc<Waker>) -> anyhow::Result<Receiver<Line>> {
    let (tell, lines) = sync_channel(COMMANDS_AHEAD_MAX);
    let read = move || {
        let mut input = io::stdin().lock();
        while let Some(line) = next_line(&mut input) {
            if !hand_on(&tell, &waker, line) {
                return;
            }
        }
        hand_on(&tell, &waker, Line::End);
    };
    std::thread::Builder::new()
        .name("input".into())
        .spawn(read)
        .context("starting to read standard input")?;
    Ok(lines)
}

fn hand_on(tell: &SyncSender<Line>, waker: &Waker, line: Line) -> bool {
    tell.send(line).is_ok() && waker.wake().is_ok()
}

/// The next line; none at the end of input.
fn next_line(input: &mut impl io::BufRead) -> Option<Line> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(COMMAND_BYTES_MAX).unwrap_or(u64::MAX);
    match io::Read::take(&mut *input, limit).read_until(b'\n', &mut bytes) {
        Ok(0) | Err(_) => return None,
        Ok(_) => {}
    }
    if bytes.len() == COMMAND_BYTES_MAX && bytes.last() != Some(&b'\n') {
        skip_line(input);
        return Some(Line::Unreadable);
    }
    Some(String::from_utf8(bytes).map_or(Line::Unreadable, Line::Text))
}

fn skip_line(input: &mut impl io::BufRead) {
    while let Ok(buffer) = input.fill_buf() {
        let (count, done) = match buffer.iter().position(|&b| b == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(count);
        if done {
            return;
        }
    }
}

/// Text on its way to standard output, which takes it as fast as it can. What does not fit into
/// [`LINES_UNWRITTEN_MAX`] is left out, and how much is said later.
pub struct Writer {
    lines: SyncSender<String>,
    done: Receiver<()>,
    left_out: usize,
}

impl Writer {
    /// Takes standard output.
    ///
    /// # Errors
    /// When the thread cannot be made.
    pub fn start() -> anyhow::Result<Self> {
        Self::on(io::stdout())
    }

    fn on(mut out: impl io::Write + Send + 'static) -> anyhow::Result<Self> {
        let (lines, waiting) = sync_channel::<String>(LINES_UNWRITTEN_MAX);
        let (tell, done) = channel();
        let write = move || {
            while let Ok(text) = waiting.recv() {
                // Nobody is left to be told when this fails; the loop learns it from the channel.
                if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
                    return;
                }
            }
            let _ = tell.send(());
        };
        std::thread::Builder::new().name("output".into()).spawn(write).context("starting to write")?;
        Ok(Self { lines, done, left_out: 0 })
    }

    /// Writes this when it can be. False when nobody reads any more.
    pub fn write(&mut self, text: String) -> bool {
        let own = text.lines().count();
        let text = match self.left_out {
            0 => text,
            count => format!("({count} lines were left out: the terminal did not take them.)\n{text}"),
        };
        match self.lines.try_send(text) {
            Ok(()) => self.left_out = 0,
            Err(TrySendError::Full(_)) => self.left_out += own,
            Err(TrySendError::Disconnected(_)) => return false,
        }
        true
    }

    /// Waits a moment for what is still to be written.
    pub fn finish(self) {
        let Self { lines, done, .. } = self;
        drop(lines);
        let patience: Duration = FAREWELL_TIME_MAX;
        let _ = done.recv_timeout(patience);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes what it is given only when it is let.
    struct Stopped {
        came: SyncSender<()>,
        go: Receiver<()>,
        taken: Arc<std::sync::Mutex<String>>,
    }

    impl io::Write for Stopped {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.came.send(());
            // Let for ever, once nobody can say so any more.
            let _ = self.go.recv();
            self.taken.lock().unwrap().push_str(core::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_stopped_terminal_does_not_take_is_counted_in_lines() {
        let ((came, arrived), (go, wait)) = (sync_channel(2 * LINES_UNWRITTEN_MAX), channel());
        let taken = Arc::default();
        let out = Stopped { came, go: wait, taken: Arc::clone(&taken) };
        let mut writer = Writer::on(out).unwrap();
        assert!(writer.write("first\n".into()));
        arrived.recv().unwrap();
        for n in 0..LINES_UNWRITTEN_MAX {
            assert!(writer.write(format!("{n}\n")));
        }
        for _ in 0..2 {
            assert!(writer.write("lost\nlost\nlost\n".into()));
        }
        drop(go);
        (0..LINES_UNWRITTEN_MAX).for_each(|_| arrived.recv().unwrap());
        assert!(writer.write("last\n".into()));
        arrived.recv().unwrap();
        writer.finish();
        let taken = taken.lock().unwrap().clone();
        let last = LINES_UNWRITTEN_MAX - 1;
        let end = format!("{last}\n(6 lines were left out: the terminal did not take them.)\nlast\n");
        assert!(taken.starts_with("first\n0\n1\n") && taken.ends_with(&end), "{taken}");
        assert!(!taken.contains("lost"));
    }

    #[test]
    fn lines_are_read_one_by_one_and_long_ones_passed_over() {
        let long = "x".repeat(3 * COMMAND_BYTES_MAX);
        let text = [b"one\n", long.as_bytes(), b"\ntwo\n\xff\n", b"three"].concat();
        let mut input = io::BufReader::with_capacity(100, text.as_slice());
        let mut told = Vec::new();
        while let Some(line) = next_line(&mut input) {
            told.push(match line {
                Line::Text(text) => text.trim_end().to_owned(),
                Line::Unreadable => "?".into(),
                Line::End => "end".into(),
            });
        }
        assert_eq!(told, ["one", "?", "two", "?", "three"]);
    }
}
