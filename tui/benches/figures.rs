//! What the programs cost, measured on the real ones from outside: `scripts/bench-figures`.
//!
//! One server and two clients in terminals, all on this machine over loopback, with the sound of a private virtual
//! world. Mouth to ear is the distance between the two lanes of one recording, so no clock of the programs takes part.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]

use std::thread::sleep;
use std::time::Duration;

use harness::Scratch;
use harness::process::{Headless, Server, tincan};
use harness::signal::{RATE, find, voice_like};
use harness::sound::{Lane, World};
use harness::terminal::Terminal;
use harness::vitals::{machine, processor_seconds, resident_mib};

#[expect(dead_code, reason = "the scenarios use the rest")]
#[path = "../tests/harness/mod.rs"]
mod harness;

const STARTS: usize = 40;
const WATCHED: Duration = Duration::from_secs(20);
const BURSTS: usize = 40;

fn main() {
    let scratch = Scratch::new("figures");
    let world =
        World::start(scratch.path()).expect("the figures need virtual sound: scripts/install-deps test");
    let server = Server::start(&scratch);
    befriend(&scratch, &server);

    println!("| figure | value |\n|---|---|");
    let starts = first_paints(&scratch, &server);
    row("start to first paint, median / p95", format!("{:.0} / {:.0} ms", at(&starts, 50), at(&starts, 95)));

    let alice = open(&scratch, &server, &world, "alice");
    let bob = open(&scratch, &server, &world, "bob");
    alice.see("bob");
    row("memory idle, `tincan` / `tincand`", memory(&alice, &server));
    let (processor, bytes) = watch(&alice, &server);
    row("processor idle, `tincan` / `tincand`", processor);
    row("bytes to the terminal, idle", bytes);

    let recording = world.record();
    call(alice, bob, |alice| {
        let _speech = world.play("alice", &voice_like(1, WATCHED.as_secs_f64() + 5.0));
        let (processor, bytes) = watch(alice, &server);
        row("memory in a call, `tincan` / `tincand`", memory(alice, &server));
        row("processor in a call, `tincan` / `tincand`", processor);
        row("bytes to the terminal, in a call", bytes);
        drop(_speech);
        let delays = mouth_to_ear(&world, &recording);
        let text = format!(
            "{:.0} / {:.0} ms ({} of {BURSTS} found)",
            at(&delays, 50),
            at(&delays, 95),
            delays.len()
        );
        row("mouth to ear over loopback, median / p95", text);
    });
    println!("\n{}; release build", machine());
}

fn row(figure: &str, value: String) {
    println!("| {figure} | {value} |");
}

/// Accounts and contacts exist before the screens open, so that a start is an ordinary one.
fn befriend(scratch: &Scratch, server: &Server) {
    let mut alice = Headless::start(scratch, "alice", server, "null", &[]);
    let mut bob = Headless::start(scratch, "bob", server, "null", &[]);
    alice.befriend(&mut bob);
    alice.quit();
    bob.quit();
}

fn open(scratch: &Scratch, server: &Server, world: &World, name: &str) -> Terminal {
    let profile = scratch.join(name);
    let profile = profile.to_str().expect("the scratch directory has a plain name");
    Terminal::start(name, tincan(), &["--profile", profile, &server.invite], &world.endpoint(name))
}

/// Milliseconds of each start, sorted.
fn first_paints(scratch: &Scratch, server: &Server) -> Vec<f64> {
    let profile = scratch.join("alice");
    let profile = profile.to_str().expect("the scratch directory has a plain name");
    let mut times: Vec<f64> = (0..STARTS)
        .map(|_| {
            let terminal = Terminal::start("alice", tincan(), &["--profile", profile, &server.invite], &[]);
            terminal.first_paint().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

fn memory(client: &Terminal, server: &Server) -> String {
    format!("{:.1} / {:.1} MiB", resident_mib(client.pid()), resident_mib(server.pid()))
}

/// Watches both programs do what they do: share of one core each, and bytes a second to the terminal.
fn watch(client: &Terminal, server: &Server) -> (String, String) {
    sleep(Duration::from_secs(2));
    let before = (processor_seconds(client.pid()), processor_seconds(server.pid()), client.bytes());
    sleep(WATCHED);
    let percent = |used: f64| 100.0 * used / WATCHED.as_secs_f64();
    let client_used = percent(processor_seconds(client.pid()) - before.0);
    let server_used = percent(processor_seconds(server.pid()) - before.1);
    let bytes = (client.bytes() - before.2) as f64 / WATCHED.as_secs_f64();
    (format!("{client_used:.1} / {server_used:.1} % of a core"), format!("{bytes:.0} B/s"))
}

fn call(mut alice: Terminal, mut bob: Terminal, during: impl FnOnce(&Terminal)) {
    alice.press("g");
    alice.see("▌ ● bob");
    alice.press("c");
    bob.see("alice is calling");
    bob.press_until("y", "E2E");
    alice.see("E2E");
    during(&alice);
    alice.press("x");
}

/// Milliseconds of each burst that was found at the other end, sorted.
fn mouth_to_ear(world: &World, recording: &harness::sound::Recording) -> Vec<f64> {
    let mut said = Vec::new();
    let mut starts = Vec::new();
    for burst in 0..BURSTS {
        // Uneven pauses, so that no burst keeps step with frames or packets.
        said.extend(vec![0.0; RATE / 3 + (burst * 7919) % (RATE / 10)]);
        starts.push(said.len());
        said.extend(voice_like(100 + burst as u64, 0.25));
    }
    let from = recording.samples();
    world.play("alice", &said).finish();
    recording.pass(1.0);
    let mouth = &recording.lane(Lane::AliceMic)[from..];
    let ear = &recording.lane(Lane::BobSpeaker)[from..];
    let began = find(&said[..RATE * 3], mouth).at;
    let mut delays: Vec<f64> = starts
        .iter()
        .filter_map(|start| {
            let burst = &said[*start..start + RATE / 4];
            let at = began + start;
            let found = find(burst, &ear[at..(at + RATE).min(ear.len())]);
            (found.likeness > 0.5).then_some(found.at as f64 * 1000.0 / RATE as f64)
        })
        .collect();
    delays.sort_by(f64::total_cmp);
    delays
}

/// The value below which so many percent of the sorted ones lie.
fn at(sorted: &[f64], percent: usize) -> f64 {
    sorted
        .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}
