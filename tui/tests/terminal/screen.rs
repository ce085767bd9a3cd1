//! The real program on a terminal of ours: keys and window sizes in, cells and raw bytes out.

use std::fs::DirBuilder;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::nobody;
use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

/// Nothing that can be waited for takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Silence for so long is the end of what the program had to write.
pub(crate) const QUIET: Duration = Duration::from_millis(700);

pub(crate) struct Screen {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn std::io::Write + Send>,
    pub(crate) master: Box<dyn MasterPty + Send>,
    modes: String,
    pieces: Option<Receiver<Vec<u8>>>,
    pub(crate) vt: vt100::Parser,
    /// Everything the program wrote.
    pub(crate) raw: Vec<u8>,
    profile: PathBuf,
    _server: Option<TcpListener>,
}

impl Screen {
    /// The first run, with a server that never answers.
    pub(crate) fn start(name: &str) -> Self {
        let mut screen = Self::deaf(name, "xterm-256color");
        screen.listen();
        screen.see("Welcome to tincan");
        screen
    }

    /// The same in a profile of its own with the same account, whose key is to be seen.
    pub(crate) fn start_as(&self, name: &str) -> Self {
        let (profile, key) = (Self::profile_of(name), "account_key");
        // A run that was killed may have left it.
        let _ = std::fs::remove_dir_all(&profile);
        DirBuilder::new().mode(0o700).create(&profile).unwrap();
        std::fs::copy(self.profile.join(key), profile.join(key)).unwrap();
        Self::start(name)
    }

    fn profile_of(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("tincan-terminal-{name}-{}", std::process::id()))
    }

    /// The same as [`Screen::start`] on a terminal that takes nothing until [`Screen::listen`].
    pub(crate) fn deaf(name: &str, term: &str) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap().to_string();
        let profile = Self::profile_of(name);
        let mut command = at_home(CommandBuilder::new(program()));
        command.args(["--device", "null", "--name", "alice", "--profile"]);
        command.arg(&profile);
        command.arg(address);
        command.env("TERM", term);
        let mut screen = Self::spawn(command, 80, 24);
        (screen.profile, screen._server) = (profile, Some(server));
        screen
    }

    /// The demonstration, whose clock on the wall stands still.
    pub(crate) fn demo(arguments: &[&str]) -> Self {
        let mut screen = Self::spawn(demo(arguments), 80, 24);
        screen.listen();
        screen.see("CONTACTS");
        screen
    }

    /// Any program on a terminal of this size, which takes nothing until [`Screen::listen`].
    pub(crate) fn spawn(command: CommandBuilder, cols: u16, rows: u16) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let modes = format!("{:?}", pair.master.get_termios().unwrap());
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let keys = pair.master.take_writer().unwrap();
        let (master, pieces, raw) = (pair.master, None, Vec::new());
        let (vt, profile) = (parser(cols, rows), PathBuf::new());
        Self { child, keys, master, modes, pieces, vt, raw, profile, _server: None }
    }

    pub(crate) fn listen(&mut self) {
        let mut reader = self.master.try_clone_reader().unwrap();
        let (tell, pieces) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if tell.send(buffer[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        self.pieces = Some(pieces);
    }

    /// Reads until this is seen, and no more until [`Screen::listen`].
    pub(crate) fn see_and_look_away(&mut self, text: &str) {
        let mut reader = self.master.try_clone_reader().unwrap();
        let (rows, cols) = self.vt.screen().size();
        let (mut vt, text) = (parser(cols.get(), rows.get()), text.to_owned());
        let (tell, seen) = channel();
        std::thread::spawn(move || {
            let (mut raw, mut buffer) = (Vec::new(), [0; 4096]);
            while !vt.screen().contents().contains(&text) {
                let Ok(read @ 1..) = reader.read(&mut buffer) else { return };
                raw.extend_from_slice(&buffer[..read]);
                vt.process(&buffer[..read]);
            }
            let _ = tell.send(raw);
        });
        let raw = seen.recv_timeout(PATIENCE).expect("it is seen");
        self.vt.process(&raw);
        self.raw.extend_from_slice(&raw);
    }

    pub(crate) fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
        self.keys.flush().unwrap();
    }

    /// Takes what the program writes within `time`; false when it was silent.
    pub(crate) fn take(&mut self, time: Duration) -> bool {
        let Ok(piece) = self.pieces.as_ref().unwrap().recv_timeout(time) else { return false };
        self.raw.extend_from_slice(&piece);
        self.vt.process(&piece);
        true
    }

    pub(crate) fn see(&mut self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.contents().contains(text) {
            assert!(Instant::now() < end, "never saw {text:?}:\n{}", self.contents());
            self.take(Duration::from_millis(50));
        }
    }

    pub(crate) fn see_no(&mut self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while self.contents().contains(text) {
            assert!(Instant::now() < end, "still {text:?}:\n{}", self.contents());
            self.take(Duration::from_millis(50));
        }
    }

    /// Takes what is written for so long: what comes by itself, like meters, does not make it longer.
    pub(crate) fn pause(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.take(left);
        }
    }

    /// The window gets another size.
    pub(crate) fn resize(&mut self, cols: u16, rows: u16) {
        self.vt = parser(cols, rows);
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    pub(crate) fn contents(&self) -> String {
        self.vt.screen().contents()
    }

    /// What is to be seen: letters, colours and the cursor. Figures are all alike, so that two programs that stand at the
    /// same place look the same; but for those that are set, which end in `%`.
    pub(crate) fn looks(&self) -> Vec<String> {
        let screen = self.vt.screen();
        let (rows, cols) = screen.size();
        let mut looks = Vec::new();
        for row in 0..rows.get() {
            let mut is_set = false;
            for cell in (0..cols.get()).rev().filter_map(|col| screen.cell(row, col)) {
                // A cell that was wiped is as empty as one that was never written.
                let mut letters = cell.contents().trim().to_owned();
                let digit = letters.contains(|c: char| c.is_ascii_digit());
                is_set = letters == "%" || is_set && digit;
                if digit && !is_set {
                    "0".clone_into(&mut letters);
                }
                let (colour, bold, dim) = (cell.fgcolor(), cell.bold(), cell.dim());
                looks.push(format!("{letters} {colour:?} {bold} {dim} {}", cell.inverse()));
            }
        }
        // Where a hidden cursor stands nobody sees.
        let cursor = (!screen.hide_cursor()).then(|| screen.cursor_position());
        looks.push(format!("{cursor:?}"));
        looks
    }

    /// Bytes written until the program is quiet.
    pub(crate) fn settle(&mut self) -> usize {
        let before = self.raw.len();
        while self.take(QUIET) {}
        self.raw.len() - before
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.process_id().unwrap().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    pub(crate) fn wait_exit(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the program does not end");
            self.take(Duration::from_millis(20));
        }
    }

    pub(crate) fn assert_given_back(&mut self) {
        self.settle();
        let screen = self.vt.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
        assert_eq!(format!("{:?}", self.master.get_termios().unwrap()), self.modes);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !self.profile.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.profile);
        }
    }
}

/// The demonstration as a command.
pub(crate) fn demo(arguments: &[&str]) -> CommandBuilder {
    let mut command = at_home(CommandBuilder::new(program()));
    command.args(["--demo", "--demo-clock", "14:32"]);
    command.args(arguments);
    command
}

/// In an ordinary terminal of this machine, whatever this test runs in and whoever runs it.
pub(crate) fn at_home(mut command: CommandBuilder) -> CommandBuilder {
    command.env("TERM", "xterm-256color");
    command.env("LC_ALL", "C.UTF-8");
    for foreign in ["TMUX", "STY", "SSH_CONNECTION", "SSH_TTY", "NO_COLOR", "TERM_PROGRAM", "VTE_VERSION"] {
        command.env_remove(foreign);
    }
    for (key, value) in nobody::HOMES {
        command.env(key, value);
    }
    command
}

pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_tincan")
}

fn parser(cols: u16, rows: u16) -> vt100::Parser {
    let side = |cells: u16| core::num::NonZero::new(cells.max(1)).unwrap();
    vt100::Parser::new(side(rows), side(cols), 0)
}
