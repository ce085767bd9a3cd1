//! Mumble as a peer: its server and two of its clients, without a screen and without a hand.
//!
//! The client has no command line for any of it, so it is set up as after its own wizards: a display that nobody sees, a
//! home of its own with its configuration (certificate, devices, nothing asked), and the server's certificate among those
//! it trusts. All else is as it comes: its noise suppression and its gain control, 40 kbit/s, two frames of 10 ms to a
//! packet, always transmitting.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::harness::sound::Lane;
use super::harness::{Scratch, wait_for};
use super::take::{Studio, Take};

/// Seconds after both are there until they surely hear each other.
const SETTLE_SECONDS: f64 = 6.0;
const NEEDED: [&str; 4] = ["mumble", "murmurd", "Xvfb", "openssl"];

/// A program that ends with its handle.
struct Ward(Child);

impl Drop for Ward {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What of it is not installed.
pub(crate) fn missing() -> Option<&'static str> {
    NEEDED.into_iter().find(|name| find(name).is_none())
}

/// Servers are not in everybody's path.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn program(name: &str) -> Command {
    Command::new(find(name).unwrap_or_else(|| name.into()))
}

pub(crate) fn take(studio: &Studio) -> Take {
    let scratch = Scratch::new("mumble");
    let recording = studio.world.record();
    let (_screen, display) = screen(&scratch);
    let server = Server::start(&scratch);
    let clients = ["alice", "bob"].map(|name| client(studio, &scratch, &server, &display, name));
    for name in ["alice", "bob"] {
        let word = format!("{name}(-1)> Authenticated");
        wait_for("Mumble's clients to be let in", || {
            log_of(&scratch, "server").contains(&word).then_some(())
        });
    }
    recording.pass(SETTLE_SECONDS);
    let (mouth, ear) = studio.speak(&recording, "alice", Lane::AliceMic, Lane::BobSpeaker);
    drop(clients);
    studio.judge(scratch.path(), &mouth, &ear)
}

fn log_of(scratch: &Scratch, name: &str) -> String {
    std::fs::read_to_string(scratch.join(&format!("{name}.log"))).unwrap_or_default()
}

fn spawn(scratch: &Scratch, name: &str, command: &mut Command) -> Ward {
    let log = std::fs::File::create(scratch.join(&format!("{name}.log"))).expect("the scratch takes a log");
    let out = log.try_clone().expect("a file can be shared");
    Ward(command.stdin(Stdio::null()).stdout(out).stderr(log).spawn().expect("what was found starts"))
}

/// A display of its own number.
fn screen(scratch: &Scratch) -> (Ward, String) {
    let log = std::fs::File::create(scratch.join("screen.log")).expect("the scratch takes a log");
    let mut child = program("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("Xvfb starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("its output is piped");
    let ward = Ward(child);
    BufReader::new(stdout).read_line(&mut line).expect("Xvfb says its number");
    (ward, format!(":{}", line.trim()))
}

struct Server {
    port: u16,
    /// The SHA-1 of its certificate, as its clients keep it.
    digest: String,
    _ward: Ward,
}

impl Server {
    fn start(scratch: &Scratch) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        drop(listener);
        let (key, certificate) = self_signed(scratch, "server");
        let file = |path: &Path| path.display().to_string();
        let mut text = format!("host=127.0.0.1\nport={port}\nusers=10\nbandwidth=200000\n");
        let _ = writeln!(text, "database={}", file(&scratch.join("server.sqlite")));
        let _ = writeln!(text, "sslCert={}\nsslKey={}", file(&certificate), file(&key));
        // Its log goes to where its output goes; and who runs it stays who they are.
        text += "logfile=\npidfile=\nbonjour=false\nautobanAttempts=0\nuname=root\n";
        let settings = scratch.join("server.ini");
        std::fs::write(&settings, text).expect("the scratch takes a file");
        let ward = spawn(scratch, "server", program("murmurd").args(["-fg", "-ini"]).arg(&settings));
        let digest = openssl(&["x509", "-noout", "-fingerprint", "-sha1", "-in", &file(&certificate)]);
        let digest = digest.rsplit('=').next().unwrap_or_default().replace(':', "").trim().to_lowercase();
        wait_for("Mumble's server to listen", || {
            std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
        });
        Self { port, digest, _ward: ward }
    }
}

fn openssl(arguments: &[&str]) -> String {
    let out = program("openssl").args(arguments).output().expect("openssl runs");
    assert!(out.status.success(), "openssl: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// A key and a certificate with it.
fn self_signed(scratch: &Scratch, name: &str) -> (PathBuf, PathBuf) {
    let files = [scratch.join(&format!("{name}.key")), scratch.join(&format!("{name}.pem"))];
    let [key, certificate] = files.each_ref().map(|path| path.display().to_string());
    let subject = format!("/CN={name}");
    let make = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", &subject];
    openssl(&[&make[..], &["-keyout", &key, "-out", &certificate]].concat());
    let [key, certificate] = files;
    (key, certificate)
}

fn client(studio: &Studio, scratch: &Scratch, server: &Server, display: &str, name: &str) -> Ward {
    let home = scratch.join(name);
    let settings = home.join(".config/Mumble");
    std::fs::create_dir_all(&settings).expect("the scratch takes a folder");
    let known = home.join("mumble.sqlite");
    std::fs::write(settings.join("Mumble.conf"), configuration(scratch, name, &known)).expect("and a file");
    trust(&known, server).expect("a fresh database takes a row");
    let place = format!("mumble://{name}@127.0.0.1:{}/?version=1.2.0", server.port);
    let mut command = program("mumble");
    command.arg(place).envs(studio.world.endpoint(name)).current_dir(&home);
    command.env("HOME", &home).env("DISPLAY", display).env("JACK_NO_START_SERVER", "1");
    for key in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS", "WAYLAND_DISPLAY"] {
        command.env_remove(key);
    }
    spawn(scratch, &format!("{name}-client"), &mut command)
}

/// As its wizards leave it. It takes the devices by name and not from the environment.
fn configuration(scratch: &Scratch, name: &str, known: &Path) -> String {
    let (key, certificate) = self_signed(scratch, name);
    let pair = scratch.join(&format!("{name}.p12"));
    let [key, certificate, bundle] = [&key, &certificate, &pair].map(|path| path.display().to_string());
    let to = ["-out", &bundle, "-passout", "pass:"];
    openssl(&[&["pkcs12", "-export", "-inkey", &key, "-in", &certificate][..], &to].concat());
    let bytes = std::fs::read(&pair).expect("openssl wrote it");
    let bytes = bytes.iter().fold(String::new(), |text, byte| text + &format!("\\x{byte:x}"));
    format!(
        "[General]\nlastupdate=2\ndatabaselocation={}\n\n[audio]\ninput=PulseAudio\noutput=PulseAudio\ntransmit=0\n\n\
         [net]\ncertificate=\"@ByteArray({bytes})\"\n\n[pulseaudio]\ninput={name}_mic\noutput={name}_spk\n\n\
         [ui]\nupdatecheck=false\nplugincheck=false\nusage=false\n",
        known.display()
    )
}

/// The server's certificate is one that its user has looked at.
fn trust(known: &Path, server: &Server) -> rusqlite::Result<()> {
    let database = rusqlite::Connection::open(known)?;
    database.execute_batch(
        "CREATE TABLE cert (id INTEGER PRIMARY KEY AUTOINCREMENT, hostname TEXT, port INTEGER, digest TEXT);
         CREATE UNIQUE INDEX cert_host_port ON cert(hostname, port);",
    )?;
    let row = ("127.0.0.1", server.port, &server.digest);
    database.execute("INSERT INTO cert (hostname, port, digest) VALUES (?1, ?2, ?3)", row)?;
    Ok(())
}
