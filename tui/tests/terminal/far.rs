//! The real program where people run it: over OpenSSH, in tmux, in screen, on the Linux console, and on a terminal that
//! understands nothing.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;

use super::screen::{Screen, at_home, demo, program};

/// A directory that goes away.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tincan-{name}-{}-{serial}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Where a tool is; none, said clearly, on a machine without it.
#[expect(clippy::print_stdout, reason = "whoever reads what was tested wants to know what was not")]
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&places)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|place| place.join(name))
        .find(|path| path.exists());
    if found.is_none() {
        println!("SKIPPED: there is no {name} here; scripts/install-deps test installs it");
    }
    found
}

/// What a person does anywhere: write, get a tick and an answer, call, see the call, mute, end it, and leave.
fn an_evening(screen: &mut Screen) {
    screen.see("CONTACTS");
    screen.press(b"\r");
    screen.press("grüße, 日本\r".as_bytes());
    screen.see("give me a minute");
    screen.see("grüße, 日本");
    screen.press(b"\x1b");
    screen.see("c call");
    screen.press(b"c");
    screen.see("E2E");
    screen.press(b"\x14");
    screen.see("muted");
    screen.press(b"\x14");
}

fn leave(screen: &mut Screen) {
    screen.press(b"\x18");
    screen.see("You talked");
    screen.press(b"\x03\x03");
}

/// A daemon of our own, with keys of its own, for whoever runs this test.
struct Daemon {
    child: Child,
    port: u16,
    scratch: Scratch,
}

impl Daemon {
    fn start() -> Option<Self> {
        let (sshd, _, keygen) = (tool("sshd")?, tool("ssh")?, tool("ssh-keygen")?);
        let scratch = Scratch::new("sshd");
        for key in ["host", "user"] {
            let mut make = Command::new(&keygen);
            make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(scratch.0.join(key));
            assert!(make.status().unwrap().success());
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = |name: &str| scratch.0.join(name).display().to_string();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nPrintMotd no\nPrintLastLog no\nAcceptEnv LC_*\n",
            at("host"),
            at("user.pub")
        );
        std::fs::write(scratch.0.join("config"), config).unwrap();
        // The daemon of the system makes it when it starts; ours may be the first, if it may.
        let _ = std::fs::create_dir_all("/run/sshd");
        let log = std::fs::File::create(scratch.0.join("log")).unwrap();
        let mut command = Command::new(sshd);
        command.args(["-D", "-e", "-f"]).arg(scratch.0.join("config")).stdin(Stdio::null()).stderr(log);
        let mut daemon = Self { child: command.spawn().unwrap(), port, scratch };
        daemon.wait();
        Some(daemon)
    }

    fn wait(&mut self) {
        let end = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = std::fs::read_to_string(self.scratch.0.join("log")).unwrap_or_default();
            let gone = self.child.try_wait().unwrap().is_some();
            assert!(!gone && Instant::now() < end, "sshd does not start: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn login(&self, remote: &str) -> CommandBuilder {
        let mut command = at_home(CommandBuilder::new("ssh"));
        command.args(["-tt", "-q", "-F", "none", "-p", &self.port.to_string(), "-i"]);
        command.arg(self.scratch.0.join("user"));
        for option in [
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "IdentitiesOnly=yes",
            "SendEnv=LC_ALL",
        ] {
            command.args(["-o", option]);
        }
        command.args(["127.0.0.1", remote]);
        command
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In four seconds of the call's own clock what moves costs no more than the budget of a call of two.
#[test]
fn over_ssh_it_is_the_same_and_a_call_keeps_to_its_bytes() {
    let Some(daemon) = Daemon::start() else { return };
    let remote = format!("{} --demo --demo-clock 14:32", program());
    let mut screen = Screen::spawn(daemon.login(&remote), 80, 24);
    screen.listen();
    an_evening(&mut screen);
    screen.see("00:04");
    let before = screen.raw.len();
    screen.see("00:08");
    let bytes = screen.raw.len() - before;
    println!("{bytes} bytes in four seconds of a call over ssh");
    assert!((40..=4 * 500).contains(&bytes), "{bytes} bytes in four seconds");
    screen.resize(120, 40);
    screen.see("mouth-ear");
    leave(&mut screen);
    assert_eq!(screen.wait_exit().exit_code(), 0);
    assert!(!screen.vt.screen().alternate_screen());
}

/// The line is cut: the program on the other side ends with its terminal.
#[test]
fn a_line_that_is_cut_ends_the_program_at_its_other_end() {
    let Some(daemon) = Daemon::start() else { return };
    let pid = daemon.scratch.0.join("pid");
    let remote = format!("echo $$ > {}; exec {} --demo", pid.display(), program());
    let mut screen = Screen::spawn(daemon.login(&remote), 80, 24);
    screen.listen();
    screen.see("CONTACTS");
    let remote = std::fs::read_to_string(pid).unwrap();
    let process = Path::new("/proc").join(remote.trim());
    assert!(process.exists());
    drop(screen);
    let end = Instant::now() + Duration::from_secs(30);
    while process.exists() {
        assert!(Instant::now() < end, "the program outlives its terminal");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn in_tmux_it_is_the_same() {
    let Some(tmux) = tool("tmux") else { return };
    let scratch = Scratch::new("tmux");
    let socket = scratch.0.join("socket");
    let mut command = at_home(CommandBuilder::new(&tmux));
    command.args(["-u", "-f", "/dev/null", "-S"]);
    command.arg(&socket);
    command.args(["new-session", program(), "--demo", "--demo-clock", "14:32"]);
    let _server = Tmux(tmux, socket);
    let mut screen = Screen::spawn(command, 80, 24);
    screen.listen();
    an_evening(&mut screen);
    screen.resize(120, 40);
    screen.see("mouth-ear");
    leave(&mut screen);
    screen.wait_exit();
}

/// A server of tmux that ends with its test: the program, and the socket.
pub(crate) struct Tmux(pub(crate) PathBuf, pub(crate) PathBuf);

impl Drop for Tmux {
    fn drop(&mut self) {
        let mut kill = Command::new(&self.0);
        let _ = kill.arg("-S").arg(&self.1).arg("kill-server").stderr(Stdio::null()).status();
    }
}

#[test]
fn in_screen_it_is_the_same() {
    let Some(gnu) = tool("screen") else { return };
    let scratch = Scratch::new("screen");
    let mut command = at_home(CommandBuilder::new(gnu));
    command.env("SCREENDIR", &scratch.0);
    command.args(["-U", "-c", "/dev/null", program(), "--demo", "--demo-clock", "14:32"]);
    // Only its owner may enter the directory of its sockets.
    std::fs::set_permissions(&scratch.0, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let mut screen = Screen::spawn(command, 80, 24);
    screen.listen();
    an_evening(&mut screen);
    leave(&mut screen);
    screen.wait_exit();
}

/// The console has 256 letters and prints what it does not understand.
#[test]
fn the_linux_console_gets_letters_and_no_strings() {
    let mut command = demo(&[]);
    command.env("TERM", "linux");
    let mut screen = Screen::spawn(command, 80, 25);
    screen.listen();
    an_evening(&mut screen);
    let chrome = ['│', '─', '╭', '●', '◐', '○', '▌', '█', '✓', '»', '…'];
    assert!(!screen.contents().contains(chrome), "{}", screen.contents());
    assert!(screen.contents().contains("* bob"));
    leave(&mut screen);
    assert_eq!(screen.wait_exit().exit_code(), 0);
    let strings =
        screen.raw.windows(2).filter(|two| matches!(two, [0x1b, b']' | b'P' | b'_' | b'^'])).count();
    assert_eq!(strings, 0, "the console would print them");
}

#[test]
fn a_terminal_that_understands_nothing_is_refused_and_told_what_to_do() {
    for term in ["dumb", ""] {
        let mut command = demo(&[]);
        command.env("TERM", term);
        let mut screen = Screen::spawn(command, 80, 24);
        screen.listen();
        assert_eq!(screen.wait_exit().exit_code(), 2, "TERM={term:?}");
        screen.settle();
        assert!(screen.contents().contains("--plain"), "{}", screen.contents());
        assert!(!screen.raw.contains(&0x1b), "not one sequence");
    }
}
