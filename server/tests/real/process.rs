//! `tincand` as a process: what an operator types, and what a kill leaves behind.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command as Process, Output, Stdio};
use std::time::{Duration, Instant};

use proto::client::{Command, Event};
use proto::invite::Invite;
use proto::wire::record::Standing;

use crate::friend::{Friend, Scratch, name, wait_until};
use crate::people::stands;

/// A server of its own process, killed when the test ends.
pub(crate) struct Tincand {
    child: Child,
    pub(crate) invite: Invite,
    /// None once nobody reads it any more.
    log: Option<BufReader<ChildStderr>>,
}

impl Tincand {
    /// Starts it with `settings` as its configuration file.
    pub(crate) fn start(data: &Path, settings: &str) -> Self {
        Self::spawn(tincand(data, settings, &[]))
    }

    /// Starts it where one was before.
    pub(crate) fn start_at(data: &Path, settings: &str, listen: SocketAddr) -> Self {
        Self::spawn(tincand(data, &format!("listen = \"{listen}\"\n{settings}"), &[]))
    }

    /// Starts it with everything in its log.
    pub(crate) fn start_talkative(data: &Path, settings: &str) -> Self {
        let wanted = tincand(data, settings, &[]);
        let mut process = Process::new(wanted.get_program());
        process.args(wanted.get_args().map(|arg| if arg == "info" { "trace".as_ref() } else { arg }));
        Self::spawn(process)
    }

    /// Starts it with so many file descriptors.
    pub(crate) fn start_limited(data: &Path, settings: &str, descriptors: u32) -> Self {
        Self::start_after(&format!("ulimit -n {descriptors}"), data, settings)
    }

    /// Starts it by a shell that first does as it is told.
    fn start_after(first: &str, data: &Path, settings: &str) -> Self {
        let wanted = tincand(data, settings, &[]);
        let mut shell = Process::new("sh");
        shell.args(["-c", &format!("{first}; exec \"$0\" \"$@\"")]);
        shell.arg(wanted.get_program()).args(wanted.get_args());
        Self::spawn(shell)
    }

    fn spawn(mut process: Process) -> Self {
        let process = process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = process.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let invite = lines.map_while(Result::ok).find_map(|line| Invite::parse(&line).ok());
        let log = child.stderr.take().map(BufReader::new);
        Self { invite: invite.expect("tincand prints its invite"), child, log }
    }

    /// Asks for the counters until they are as wanted; returns that line.
    pub(crate) fn await_counts(&mut self, what: &str, done: impl Fn(&str) -> bool) -> String {
        let mut line = String::new();
        wait_until(what, || {
            self.signal("-USR1");
            line.clear();
            let log = self.log.as_mut().unwrap();
            while !line.contains(" accepted=") {
                line.clear();
                assert!(log.read_line(&mut line).unwrap() > 0, "the server is gone");
            }
            done(&line)
        });
        line
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// As the power does it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Process::new("kill").args([signal, &self.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it in order; returns what it logged.
    pub(crate) fn leave(mut self) -> Vec<u8> {
        self.signal("-TERM");
        let mut log = Vec::new();
        self.log.take().unwrap().read_to_end(&mut log).unwrap();
        assert_eq!(self.end(), Some(0));
        log
    }

    fn end(&mut self) -> Option<i32> {
        let mut code = None;
        wait_until("the process to end", || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        code.and_then(|code| code.code())
    }
}

impl Drop for Tincand {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No limits that people on one address run into.
pub(crate) const GENEROUS: &str = "[limits]\n\
    strangers_per_prefix = 500\n\
    connects_per_prefix = { burst = 10000, per_second = 10000 }\n\
    registrations = { burst = 10000, per_second = 10000 }\n";

const ANY_PORT: &str = "listen = \"127.0.0.1:0\"\n";

fn tincand(data: &Path, settings: &str, more: &[&str]) -> Process {
    let listen = if settings.starts_with("listen") { "" } else { ANY_PORT };
    let file = data.join("settings.toml");
    std::fs::write(&file, format!("{listen}{settings}")).unwrap();
    let mut process = Process::new(env!("CARGO_BIN_EXE_tincand"));
    process.args(["--no-echo", "--log", "info", "--config"]).arg(file);
    process.arg("--data").arg(data.join("data")).args(more).stdin(Stdio::null());
    process
}

pub(crate) fn run(data: &Path, settings: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let process = &mut tincand(data, settings, more);
    let Output { status, stdout, stderr } = process.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let scratch = Scratch::new();
    let mut server = Tincand::start(scratch.path(), GENEROUS);
    let mut alice = Friend::new("alice", 1, &server.invite);
    alice.log_in();
    let mut askers = Vec::new();
    for round in 0..6_u8 {
        let mut asker = Friend::new(&format!("asker{round}"), 10 + round, &server.invite);
        asker.log_in();
        asker.say(Command::Add(name("alice")));
        asker.await_event("the acknowledgement", |e| *e == Event::Requested(name("alice")));
        server.kill();
        server = Tincand::start(scratch.path(), GENEROUS);
        askers.push(asker.restart(&server.invite));
        let asker = askers.last_mut().unwrap();
        asker.log_in();
        asker.run_until("the request it made", |me| stands(me, "alice", Standing::Asked));
    }
    let mut alice = alice.restart(&server.invite);
    for round in 0..askers.len() {
        let asker = format!("asker{round}");
        alice.run_until("every request that was acknowledged", |me| stands(me, &asker, Standing::Asking));
    }
}

#[test]
fn a_store_that_fails_stops_the_server_before_it_says_yes() {
    let scratch = Scratch::new();
    let mut server = Tincand::start(scratch.path(), GENEROUS);
    let store = rusqlite::Connection::open(scratch.path().join("data/server.db")).unwrap();
    store.execute_batch("DROP TABLE entry").unwrap();
    let mut alice = Friend::new("alice", 1, &server.invite);
    alice.await_event("the end of the connection", |e| {
        matches!(e, Event::Link(proto::client::LinkState::Away { .. }))
    });
    assert!(!alice.events.iter().any(|e| matches!(e, Event::LoggedIn(_))));
    assert_eq!(server.end(), Some(1));
    let mut said = String::new();
    server.log.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("server.db") && said.contains("entry"), "{said}");
    let kept: i64 = store.query_row("SELECT count(*) FROM account", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 0, "half a registration was kept");
}

#[test]
fn a_signal_ends_it_in_order_and_soon() {
    for signal in ["-TERM", "-INT"] {
        let scratch = Scratch::new();
        let mut server = Tincand::start(scratch.path(), GENEROUS);
        let mut alice = Friend::new("alice", 1, &server.invite);
        alice.log_in();
        // A connection that never says anything must not hold the end up.
        let _mute = TcpStream::connect(("127.0.0.1", server.invite.port)).unwrap();
        let asked = Instant::now();
        server.signal(signal);
        assert_eq!(server.end(), Some(0));
        assert!(asked.elapsed() < Duration::from_secs(5), "the end took {:?}", asked.elapsed());
        alice.await_event("being away", |e| matches!(e, Event::Link(_)));
    }
}

#[test]
fn who_is_started_to_outlive_the_terminal_does() {
    let scratch = Scratch::new();
    let mut server = Tincand::start_after("trap '' HUP", scratch.path(), GENEROUS);
    server.signal("-HUP");
    server.await_counts("an answer after the terminal is gone", |_| true);
    Friend::new("alice", 1, &server.invite).log_in();
    server.leave();
}

#[test]
fn counters_are_logged_on_request() {
    let scratch = Scratch::new();
    let mut server = Tincand::start(scratch.path(), GENEROUS);
    drop(TcpStream::connect(("127.0.0.1", server.invite.port)).unwrap());
    server.await_counts("the connection to be counted", |line| line.contains("accepted=1 "));
}

#[test]
fn a_log_that_nobody_reads_any_more_stops_nothing() {
    let scratch = Scratch::new();
    let mut server = Tincand::start(scratch.path(), GENEROUS);
    server.log = None;
    server.signal("-USR1");
    Friend::new("alice", 1, &server.invite).log_in();
    // Whatever is still to be logged is said before it ends.
    server.signal("-TERM");
    assert_eq!(server.end(), Some(0));
}

#[test]
fn two_servers_do_not_share_a_directory() {
    let scratch = Scratch::new();
    let _first = Tincand::start(scratch.path(), GENEROUS);
    let (code, _, said) = run(scratch.path(), GENEROUS, &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains("another tincand") && said.contains("--data"), "{said}");
}

#[test]
fn what_cannot_be_done_is_said_with_what_to_do() {
    let scratch = Scratch::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _holder = TcpListener::bind(taken).unwrap();
    let (code, _, said) = run(scratch.path(), "", &["--listen", &taken.to_string()]);
    assert_eq!(code, Some(1));
    assert!(said.contains("in use") && said.contains("--listen"), "{said}");

    let other = Scratch::new();
    std::fs::write(other.path().join("data"), "").unwrap();
    let (code, _, said) = run(other.path(), "", &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains("data directory"), "{said}");

    let data = scratch.path().join("data");
    std::fs::write(data.join("server.db"), [0xa5; 5000]).unwrap();
    let (code, _, said) = run(scratch.path(), "", &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains("server.db"), "{said}");
}

#[test]
fn wrong_settings_and_wrong_usage_are_code_2() {
    let scratch = Scratch::new();
    let (code, out, said) = run(scratch.path(), "echo = true\nfoo = 1\n", &["check-config"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(said.contains("settings.toml:3: ") && said.contains("foo"), "{said}");
    assert_eq!(run(scratch.path(), "[limits]\nlogin_seconds = 0", &[]).0, Some(2));
    assert_eq!(run(scratch.path(), "", &["--frobnicate"]).0, Some(2));
    assert_eq!(run(scratch.path(), "", &["check-config"]).0, Some(0));
}

#[test]
fn the_invite_is_printed_and_replaced() {
    let scratch = Scratch::new();
    let server = Tincand::start(scratch.path(), GENEROUS);
    let printed = |more: &[&str]| {
        let (code, out, said) = run(scratch.path(), GENEROUS, more);
        assert_eq!(code, Some(0), "{said}");
        Invite::parse(&out).unwrap()
    };
    assert_eq!(printed(&["invite"]), server.invite);
    let new = printed(&["invite", "--new"]);
    assert_ne!(new.token, server.invite.token);
    assert_eq!((new.port, new.server), (server.invite.port, server.invite.server));
    assert_eq!(printed(&["invite"]), new);
    drop(server);
    let again = Tincand::start(scratch.path(), GENEROUS);
    assert_eq!(again.invite.token, new.token);
}

#[test]
fn an_invite_to_a_server_that_never_was_is_said_to_be_one() {
    let scratch = Scratch::new();
    let (code, out, said) = run(scratch.path(), GENEROUS, &["invite"]);
    assert_eq!((code, out), (Some(1), String::new()), "a port that nobody chose yet");
    assert!(said.contains("--public HOST:PORT"), "{said}");
    let asked = || {
        let (code, out, said) = run(scratch.path(), GENEROUS, &["--public", "one.example:8462", "invite"]);
        assert_eq!(code, Some(0), "{said}");
        (Invite::parse(&out).unwrap(), said)
    };
    let (first, said) = asked();
    assert!(said.contains("new key") && said.contains("--data"), "{said}");
    assert_eq!(asked(), (first, String::new()));
}

#[test]
fn the_program_tells_about_itself() {
    let run = |arg: &str| {
        let mut child =
            Process::new(env!("CARGO_BIN_EXE_tincand")).arg(arg).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = String::new();
        child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        assert!(child.wait().unwrap().success());
        out
    };
    assert!(run("--version").starts_with("tincand "));
    let help = run("--help");
    let words = "--listen --data --public --registration --plain-binary --plain-text check-config SIGTERM";
    for word in words.split(' ').chain(["Exit codes", "not encrypted"]) {
        assert!(help.contains(word), "{word} is missing in the help");
    }
}
