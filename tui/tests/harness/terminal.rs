//! The real client in a terminal of our own: keys in, a screen of cells out.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

use super::{PATIENCE, nobody, wait_for};

/// What came out of the program: the screen it draws, how many bytes that took, and when the first showed.
struct Output {
    screen: vt100::Parser,
    bytes: usize,
    escapes: usize,
    bells: usize,
    painted: Option<Instant>,
}

pub(crate) struct Terminal {
    name: String,
    child: Box<dyn Child + Send + Sync>,
    writer: Box<dyn Write + Send>,
    output: Arc<Mutex<Output>>,
    started: Instant,
    // Dropping it hangs the program up.
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Starts `program` in a terminal of 80 by 24.
    pub(crate) fn start(
        name: &str,
        program: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("the system has a pty");
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        let homes = nobody::HOMES.into_iter();
        let asked = environment.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        for (key, value) in homes.chain(asked) {
            command.env(key, value);
        }
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("the pty can be read");
        let writer = pair.master.take_writer().expect("the pty can be written");
        let output = Arc::new(Mutex::new(Output {
            screen: vt100::Parser::default(),
            bytes: 0,
            escapes: 0,
            bells: 0,
            painted: None,
        }));
        let filled = Arc::clone(&output);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                let Ok(mut output) = filled.lock() else { return };
                output.screen.process(&buffer[..read]);
                output.bytes += read;
                output.escapes += buffer[..read].iter().filter(|byte| **byte == 0x1b).count();
                output.bells += buffer[..read].iter().filter(|byte| **byte == 0x07).count();
                if output.painted.is_none() && !output.screen.screen().contents().trim().is_empty() {
                    output.painted = Some(Instant::now());
                }
            }
        });
        Self { name: name.into(), child, writer, output, started, _master: pair.master }
    }

    /// The first run: takes this name, and leaves the look at the sound.
    pub(crate) fn first_run(&mut self, name: &str) {
        self.see("Welcome");
        self.press(&format!("\x15{name}\r"));
        self.see("(2 of 2)");
        self.press("\r");
        self.see_no("(2 of 2)");
        self.see("CONTACTS");
    }

    /// These are alice and bob, and friends afterwards: each is the other's chosen one.
    pub(crate) fn befriend(&mut self, bob: &mut Self) {
        self.press("abob\r");
        bob.see("? alice");
        bob.press("GA");
        self.see("▌ ● bob");
        bob.see("▌ ● alice");
    }

    /// Presses keys, as the bytes a terminal sends for them.
    pub(crate) fn press(&mut self, keys: &str) {
        self.writer
            .write_all(keys.as_bytes())
            .and_then(|()| self.writer.flush())
            .expect("the pty takes keys");
    }

    /// Presses keys again and again until the screen shows `text`, as somebody does whom nothing answers at first.
    pub(crate) fn press_until(&mut self, keys: &str, text: &str) {
        wait_for(&format!("{text:?} after {keys:?}"), || {
            if !self.screen().contains(text) {
                self.press(keys);
                std::thread::sleep(Duration::from_millis(300));
            }
            self.screen().contains(text).then_some(())
        });
    }

    /// What a person sees now.
    pub(crate) fn screen(&self) -> String {
        self.output.lock().expect("the reading thread does not panic").screen.screen().contents()
    }

    /// Bytes the program has written since it started.
    pub(crate) fn bytes(&self) -> usize {
        self.output.lock().expect("the reading thread does not panic").bytes
    }

    /// Escape bytes the program has written since it started.
    pub(crate) fn escapes(&self) -> usize {
        self.output.lock().expect("the reading thread does not panic").escapes
    }

    /// Bell bytes the program has written since it started.
    pub(crate) fn bells(&self) -> usize {
        self.output.lock().expect("the reading thread does not panic").bells
    }

    /// From the start of the program to the first thing on its screen.
    pub(crate) fn first_paint(&self) -> Duration {
        let painted = || self.output.lock().expect("the reading thread does not panic").painted;
        wait_for("the first paint", painted) - self.started
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().expect("the program was started")
    }

    /// Waits until the screen shows `text`.
    pub(crate) fn see(&self, text: &str) {
        self.see_where(text, |screen| screen.contains(text));
    }

    /// Waits until the screen no longer shows `text`.
    pub(crate) fn see_no(&self, text: &str) {
        self.see_where(&format!("no {text:?}"), |screen| !screen.contains(text));
    }

    fn see_where(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !wanted(&self.screen()) {
            assert!(Instant::now() < end, "{} never saw {what}; the screen:\n{}", self.name, self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn wait_exit(&mut self) -> ExitStatus {
        wait_for("the program to end", || self.child.try_wait().ok().flatten())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
