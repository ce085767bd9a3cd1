//! The real program on a terminal of ours, with a server that never answers: what it writes, what it survives, and
//! how it gives the terminal back.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

/// Nothing that can be waited for takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Silence for so long is the end of what the program had to write.
const QUIET: Duration = Duration::from_millis(700);

struct Screen {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn std::io::Write + Send>,
    master: Box<dyn MasterPty + Send>,
    modes: String,
    pieces: Option<Receiver<Vec<u8>>>,
    vt: vt100::Parser,
    bytes: usize,
    profile: PathBuf,
    _server: TcpListener,
}

impl Screen {
    fn start(name: &str) -> Self {
        let mut screen = Self::deaf(name, "xterm-256color");
        screen.listen();
        screen.see("Welcome to tincan");
        screen
    }

    /// A terminal that takes nothing until [`Screen::listen`].
    fn deaf(name: &str, term: &str) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap().to_string();
        let profile = std::env::temp_dir().join(format!("tincan-terminal-{name}-{}", std::process::id()));
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let modes = format!("{:?}", pair.master.get_termios().unwrap());
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_tincan"));
        command.args(["--device", "null", "--name", "alice", "--profile"]);
        command.arg(&profile);
        command.arg(address);
        command.env("TERM", term);
        command.env("LC_ALL", "C.UTF-8");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let keys = pair.master.take_writer().unwrap();
        let side = |cells| core::num::NonZero::new(cells).unwrap();
        let vt = vt100::Parser::new(side(24), side(80), 0);
        let (master, pieces) = (pair.master, None);
        Self { child, keys, master, modes, pieces, vt, bytes: 0, profile, _server: server }
    }

    fn listen(&mut self) {
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

    fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
        self.keys.flush().unwrap();
    }

    /// Takes what the program writes within `time`; false when it was silent.
    fn take(&mut self, time: Duration) -> bool {
        let Ok(piece) = self.pieces.as_ref().unwrap().recv_timeout(time) else { return false };
        self.bytes += piece.len();
        self.vt.process(&piece);
        true
    }

    fn see(&mut self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.contents().contains(text) {
            assert!(Instant::now() < end, "never saw {text:?}:\n{}", self.contents());
            self.take(Duration::from_millis(50));
        }
    }

    fn contents(&self) -> String {
        self.vt.screen().contents()
    }

    /// Bytes written until the program is quiet.
    fn settle(&mut self) -> usize {
        let before = self.bytes;
        while self.take(QUIET) {}
        self.bytes - before
    }

    fn signal(&self, name: &str) {
        let pid = self.child.process_id().unwrap().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    fn wait_exit(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the program does not end");
            self.take(Duration::from_millis(20));
        }
    }

    fn assert_given_back(&mut self) {
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
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

#[test]
fn the_terminal_is_as_before_however_the_program_ends() {
    for (name, code) in [("-TERM", 0), ("-HUP", 0), ("-INT", 130)] {
        let mut screen = Screen::start(name);
        assert!(screen.vt.screen().alternate_screen());
        screen.signal(name);
        assert_eq!(screen.wait_exit().exit_code(), code, "{name}");
        screen.assert_given_back();
    }
    let mut screen = Screen::start("keys");
    screen.press(b"\x03");
    screen.see("again to quit");
    screen.press(b"\x03");
    assert_eq!(screen.wait_exit().exit_code(), 0);
    screen.assert_given_back();
}

/// A shell that could continue us is not there, so the kernel does not stop us: we are back at once.
#[test]
fn suspending_where_nobody_could_continue_us_comes_back() {
    let mut screen = Screen::start("suspend");
    screen.press(b"\x1a");
    screen.settle();
    assert!(screen.vt.screen().alternate_screen());
    screen.press(b"\x15zoe");
    screen.see("name      zoe");
    screen.signal("-STOP");
    screen.signal("-CONT");
    screen.settle();
    screen.see("name      zoe");
}

#[test]
fn replies_nobody_asked_for_are_not_typed_and_do_not_stop_the_keys() {
    let mut screen = Screen::start("replies");
    let replies: [&[u8]; 4] = [
        b"\x1b[?2026;2$y",
        b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\",
        b"\x1b[>41;354;0c",
        b"\x1bP>|XTerm(390)\x1b\\",
    ];
    screen.press(b"\x15");
    for reply in replies {
        let (head, tail) = reply.split_at(reply.len() / 2);
        screen.press(head);
        screen.press(tail);
        screen.press(b"z");
    }
    screen.see("name      zzzz ");
}

#[test]
fn idle_writes_nothing_and_a_typed_letter_is_at_most_twenty_bytes() {
    let mut screen = Screen::start("bytes");
    screen.settle();
    // The minute may change once in between, which is the clock's one line.
    assert!(screen.settle() <= 20);
    for letter in [b'b', b'c', b'd'] {
        screen.press(&[letter]);
        let bytes = screen.settle();
        assert!((1..=40).contains(&bytes), "{bytes} bytes for a letter, and at most a minute of the clock");
    }
    screen.see("name      bcd ");
}

/// While the terminal takes nothing, keys are still read and no bytes pile up; then the newest state is shown.
#[test]
fn a_terminal_that_takes_nothing_neither_blocks_nor_fills_the_program() {
    let mut screen = Screen::deaf("deaf", "xterm-256color");
    for _ in 0..3000 {
        // Moves the whole line each time, so that every frame would be large.
        screen.press(b"\x0c\x15abcdefghijklmnop\x15");
    }
    screen.press(b"zoe");
    screen.listen();
    screen.see("name      zoe");
    assert!(screen.bytes < 200_000, "{} bytes were waiting", screen.bytes);
}

#[test]
fn without_a_terminal_it_says_so() {
    let mut screen = Screen::deaf("dumb", "dumb");
    screen.listen();
    assert_eq!(screen.wait_exit().exit_code(), 2);
    screen.settle();
    assert!(screen.contents().contains("--headless"), "{}", screen.contents());
    let output = Command::new(env!("CARGO_BIN_EXE_tincan"))
        .args(["--device", "null", "--profile"])
        .arg(std::env::temp_dir().join(format!("tincan-terminal-none-{}", std::process::id())))
        .arg("127.0.0.1:9")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--headless"));
    assert!(output.stdout.is_empty());
}

#[test]
fn resizing_redraws_at_every_size() {
    let mut screen = Screen::start("resize");
    for (cols, rows, text) in [(50, 12, "name"), (30, 6, "at least 40x10"), (120, 40, "Welcome to tincan")] {
        let side = |cells| core::num::NonZero::new(cells).unwrap();
        screen.settle();
        screen.vt = vt100::Parser::new(side(rows), side(cols), 0);
        screen.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        screen.see(text);
    }
}
