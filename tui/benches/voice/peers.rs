//! What others make of the same speech in the same room, each two of them calling each other over loopback: Debian's
//! baresip, as it comes, and Mumble (`mumble.rs`). Our latency is told as a share of theirs, which a busy or slow machine
//! changes less than either.

use std::fmt::Write as _;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::harness::Scratch;
use super::harness::sound::Lane;
use super::table::{Aim, Table};
use super::take::{Studio, Take};

/// Seconds from the start of the programs until they surely hear each other.
const SETTLE_SECONDS: f64 = 8.0;
/// What our latency may be of theirs.
const SHARES_MAX: [f64; 2] = [0.15, 0.35];

/// One baresip; ends with its handle.
struct Phone(Child);

impl Drop for Phone {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Phone {
    fn start(studio: &Studio, scratch: &Scratch, name: &str, port: u16, dial: Option<u16>) -> Self {
        let folder = scratch.join(name);
        std::fs::create_dir_all(&folder).expect("the scratch directory takes another");
        let write = |file: &str, text: &str| {
            std::fs::write(folder.join(file), text).expect("the scratch directory takes a file");
        };
        write("config", &config(port));
        write(
            "accounts",
            &format!("<sip:{name}@127.0.0.1:{port}>;regint=0;answermode=auto;audio_codecs=opus\n"),
        );
        write("contacts", "");
        let mut command = Command::new("baresip");
        command.arg("-f").arg(&folder).envs(studio.world.endpoint(name));
        if let Some(port) = dial {
            command.arg("-e").arg(format!("/dial sip:bob@127.0.0.1:{port}"));
        }
        let log = std::fs::File::create(folder.join("log")).expect("the scratch directory takes a log");
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .spawn()
            .expect("baresip starts");
        Self(child)
    }
}

/// All that differs from what it does by itself: where it listens, and that its sound goes by ALSA to the devices that
/// the environment names.
fn config(port: u16) -> String {
    let mut text = format!("sip_listen 127.0.0.1:{port}\n");
    for direction in ["player", "source", "alert"] {
        let _ = writeln!(text, "audio_{direction} alsa,default");
    }
    for direction in ["ausrc", "auplay"] {
        let _ = writeln!(text, "{direction}_srate 48000\n{direction}_channels 1");
    }
    if let Some(modules) = modules() {
        let _ = writeln!(text, "module_path {}", modules.display());
    }
    for module in ["opus", "alsa"] {
        let _ = writeln!(text, "module {module}.so");
    }
    for module in ["account", "menu"] {
        let _ = writeln!(text, "module_app {module}.so");
    }
    text
}

/// Debian keeps them in a multiarch folder or beside it.
fn modules() -> Option<PathBuf> {
    let lib = Path::new("/usr/lib");
    let below = std::fs::read_dir(lib).into_iter().flatten().flatten().map(|entry| entry.path());
    let folders = below.chain([lib.to_owned()]).map(|folder| folder.join("baresip/modules"));
    folders.into_iter().find(|folder| folder.join("opus.so").exists())
}

/// A program: its name, what of it is not installed, and how a take of it is made.
type Peer = (&'static str, Option<&'static str>, fn(&Studio) -> Take);

pub(crate) fn rows(table: &mut Table, studio: &Studio, ours: &[Take], takes: u64) {
    let here = Command::new("baresip").arg("-h").output().is_ok();
    let peers: [Peer; 2] = [
        ("baresip", (!here).then_some("baresip"), baresip),
        ("Mumble", super::mumble::missing(), super::mumble::take),
    ];
    for ((name, missing, take), share_max) in peers.into_iter().zip(SHARES_MAX) {
        let what = format!("mouth to ear, clean, as a share of {name}'s");
        if let Some(program) = missing {
            table.without(&what, &format!("no {program}; scripts/install-deps peers brings it"));
            continue;
        }
        let theirs: Vec<Take> = (0..takes).map(|_| take(studio)).collect();
        super::tell(name, &theirs);
        let delays: Vec<f64> = theirs.iter().map(|take| take.delay(50)).collect();
        let median = super::table::median(&delays);
        if median.is_nan() {
            table.without(&what, &format!("{name} was not heard"));
            continue;
        }
        let shares: Vec<f64> = ours.iter().map(|take| take.delay(50) / median).collect();
        table.row(&format!("{what} ({median:.0} ms)"), Aim::AtMost(share_max), &shares, "", 3);
    }
}

fn baresip(studio: &Studio) -> Take {
    let scratch = Scratch::new("baresip");
    let recording = studio.world.record();
    let hers = free_port();
    // Each takes the next one, too, for TLS.
    let others = std::iter::repeat_with(free_port);
    let his = others.into_iter().find(|port| port.abs_diff(hers) > 1).expect("there are many");
    let _bob = Phone::start(studio, &scratch, "bob", his, None);
    recording.pass(1.0);
    let _alice = Phone::start(studio, &scratch, "alice", hers, Some(his));
    recording.pass(SETTLE_SECONDS);
    let (mouth, ear) = studio.speak(&recording, "alice", Lane::AliceMic, Lane::BobSpeaker);
    studio.judge(scratch.path(), &mouth, &ear)
}

/// A port of UDP that was free a moment ago.
fn free_port() -> u16 {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    socket.local_addr().expect("a bound socket has an address").port()
}
