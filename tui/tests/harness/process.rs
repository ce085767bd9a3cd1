//! The real programs as child processes.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::{PATIENCE, STORY, Scratch, house, nobody, wait_for};

/// The client: the one this test was built with, unless `TINCAN_PROGRAMS` names a folder of others.
pub(crate) fn tincan() -> &'static Path {
    static CHOSEN: OnceLock<PathBuf> = OnceLock::new();
    CHOSEN.get_or_init(|| match std::env::var_os("TINCAN_PROGRAMS") {
        Some(folder) => Path::new(&folder).join("tincan"),
        None => PathBuf::from(env!("CARGO_BIN_EXE_tincan")),
    })
}

/// The client as a command, which knows nothing of whoever runs the test.
pub(crate) fn program() -> Command {
    let mut command = Command::new(tincan());
    command.envs(nobody::HOMES);
    command
}

/// The server beside it. Cargo builds it with the workspace's tests; when only this package was built, or the server
/// is older than its source, it is built now.
pub(crate) fn tincand() -> &'static Path {
    static FRESH: OnceLock<PathBuf> = OnceLock::new();
    FRESH.get_or_init(|| {
        let path = tincan().with_file_name("tincand");
        if std::env::var_os("TINCAN_PROGRAMS").is_some() {
            return path;
        }
        let built = path.metadata().and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let newest = ["server/src", "proto/src"].iter().map(|dir| newest_in(&house().join(dir))).max();
        if newest.is_some_and(|source| source > built) {
            build_server(&path);
        }
        path
    })
}

fn build_server(path: &Path) {
    let profile = path.parent().expect("the program is in a folder");
    let target = profile.parent().expect("the profile's folder is in the target folder");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "-p", "tincan-server", "--bin", "tincand", "--target-dir"]).arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.current_dir(house()).status().expect("cargo runs: it started this test");
    assert!(status.success(), "the server does not build");
}

fn newest_in(folder: &Path) -> SystemTime {
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(about) = entry.metadata() else { continue };
        let changed = if about.is_dir() {
            newest_in(&entry.path())
        } else {
            about.modified().unwrap_or(SystemTime::UNIX_EPOCH)
        };
        newest = newest.max(changed);
    }
    newest
}

/// A child that does not outlive its handle.
struct Ward(Child);

impl Drop for Ward {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `tincand` on a port of 127.0.0.1 that stays the same over restarts, as does the data.
pub(crate) struct Server {
    child: Option<Ward>,
    data: PathBuf,
    doors: Vec<String>,
    pub(crate) address: SocketAddr,
    pub(crate) invite: String,
}

impl Server {
    pub(crate) fn start(scratch: &Scratch) -> Self {
        Self::start_with(scratch, &[])
    }

    /// `doors` are more arguments, such as `--plain-text` and where.
    pub(crate) fn start_with(scratch: &Scratch, doors: &[String]) -> Self {
        let (data, doors) = (scratch.join("server"), doors.to_vec());
        // A port that is free for voice, too, which it finds best itself.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut server = Self { child: None, data, doors, address, invite: String::new() };
        server.restart();
        server
    }

    /// Starts it again; returns once it listens.
    pub(crate) fn restart(&mut self) {
        let mut child = Command::new(tincand())
            .envs(nobody::HOMES)
            .arg("--data")
            .arg(&self.data)
            .args(["--listen", &self.address.to_string(), "--public", &self.address.ip().to_string()])
            .args(&self.doors)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log(&self.data, "server"))
            .spawn()
            .expect("tincand starts");
        let lines = lines_of(child.stdout.take().expect("stdout is piped"));
        self.child = Some(Ward(child));
        self.invite =
            wait_for("the server's invite", || lines.try_recv().ok().filter(|l| l.starts_with("tincan://")));
        let address = self.invite.trim_start_matches("tincan://").split('/').next();
        self.address = address.and_then(|address| address.parse().ok()).expect("an invite names the port");
        wait_for("the server to listen", || TcpStream::connect(self.address).ok());
    }

    /// As a power cut does.
    pub(crate) fn kill(&mut self) {
        self.child = None;
    }

    /// As an operator does: SIGTERM, then its exit.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let mut ward = self.child.take().expect("the server runs");
        let status = Command::new("kill").arg(ward.0.id().to_string()).status().expect("kill runs");
        assert!(status.success(), "the server was gone already");
        wait_for("the server to end", || ward.0.try_wait().ok().flatten())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").0.id()
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }
}

fn log(data: &Path, name: &str) -> Stdio {
    let folder = data.parent().expect("the data lives in the scratch directory");
    let file = std::fs::OpenOptions::new().create(true).append(true).open(folder.join(format!("{name}.log")));
    Stdio::from(file.expect("the scratch directory takes a log"))
}

fn lines_of(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (tx, rx) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if tx.send(line).is_err() {
                return;
            }
        }
    });
    rx
}

/// `tincan --headless`: lines in, events out.
pub(crate) struct Headless {
    name: String,
    profile: PathBuf,
    child: Ward,
    stdin: Option<ChildStdin>,
    events: Receiver<String>,
    story: String,
}

impl Headless {
    /// `sound` is what `--device` takes; `environment` lets a sound world in.
    pub(crate) fn start(
        scratch: &Scratch,
        name: &str,
        server: &Server,
        sound: &str,
        environment: &[(String, String)],
    ) -> Self {
        Self::start_at(scratch, name, &[&server.invite], sound, environment)
    }

    /// `place` is where to go, and how.
    pub(crate) fn start_at(
        scratch: &Scratch,
        name: &str,
        place: &[&str],
        sound: &str,
        environment: &[(String, String)],
    ) -> Self {
        let profile = scratch.join(name);
        let mut child = program()
            .arg("--headless")
            .arg("--profile")
            .arg(&profile)
            .args(["--name", name, "--device", sound])
            .args(place)
            .envs(environment.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log(&profile, name))
            .spawn()
            .expect("tincan starts");
        let events = lines_of(child.stdout.take().expect("stdout is piped"));
        let stdin = child.stdin.take();
        let (name, story) = (name.into(), String::new());
        let mut client = Self { name, profile, child: Ward(child), stdin, events, story };
        client.expect("login");
        client
    }

    /// Says one line to it.
    pub(crate) fn say(&mut self, line: &str) {
        let _ = writeln!(self.story, "> {line}");
        let stdin = self.stdin.as_mut().expect("it was not asked to quit");
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).expect("the client reads its commands");
    }

    /// The next event of that name; those before it are passed over.
    pub(crate) fn expect(&mut self, event: &str) -> Value {
        self.expect_where(event, |_| true)
    }

    pub(crate) fn expect_where(&mut self, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let next = self.next(left);
            let Some(value) = next else { panic!("{} never told {event:?}", self.name) };
            if value["event"] == event && wanted(&value) {
                return value;
            }
        }
    }

    /// Calls them, and they answer.
    pub(crate) fn call(&mut self, other: &mut Self) {
        let (me, you) = (self.name.clone(), other.name.clone());
        self.say(&format!("call {you}"));
        other.expect_where("incoming_call", |event| event["from"] == *me);
        other.say("answer");
        self.expect("call_live");
        other.expect("call_live");
    }

    /// Both are contacts of each other afterwards.
    pub(crate) fn befriend(&mut self, other: &mut Self) {
        let (me, you) = (self.name.clone(), other.name.clone());
        self.say(&format!("add {you}"));
        other.expect_where("request", |event| event["from"] == *me);
        other.say(&format!("accept {me}"));
        self.expect_where("accepted", |event| event["name"] == *you);
    }

    /// True when no event of that name comes for so long.
    pub(crate) fn stays_quiet_about(&mut self, event: &str, time: Duration) -> bool {
        let end = Instant::now() + time;
        while let Some(value) = self.next(end.saturating_duration_since(Instant::now())) {
            if value["event"] == event {
                return false;
            }
        }
        true
    }

    fn next(&mut self, patience: Duration) -> Option<Value> {
        match self.events.recv_timeout(patience) {
            Ok(line) => {
                let _ = writeln!(self.story, "< {line}");
                Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}")))
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Ends it by its own command; afterwards its files are complete.
    pub(crate) fn quit(mut self) -> ExitStatus {
        self.say("quit");
        self.stdin = None;
        let status = wait_for("the client to end", || self.child.0.try_wait().ok().flatten());
        while self.next(Duration::ZERO).is_some() {}
        std::fs::write(self.profile.with_extension(STORY), &self.story).expect("the disk takes the story");
        status
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Sends it a signal, by its name without SIG.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "{} is gone", self.name);
    }
}

impl Drop for Headless {
    #[expect(clippy::print_stderr, reason = "a failed scenario is understood from both sides")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            while self.next(Duration::from_millis(100)).is_some() {}
            eprintln!("{}:\n{}", self.name, self.story);
        }
    }
}
