//! How much of an echo is taken out of a call: one speaks, the other's speaker leaks into the other's microphone, and what
//! comes back out of the first one's speaker is set against what went into that microphone. All of it through devices,
//! both programs, the codec and the server; the leak is a plain delay, 12 dB down, in a room without noise or tail.
//!
//! That the measure measures is shown by a call in which nothing is taken out: what comes back there is the leak itself.

use super::harness::Scratch;
use super::harness::process::{Headless, Server};
use super::harness::signal::{RATE, find, level_db};
use super::harness::sound::Lane;
use super::table::{Aim, Table};
use super::take::Studio;

/// How late the leak is asked to be, milliseconds; how late it is, is told.
const PATHS: [u32; 3] = [30, 100, 250];
const SECONDS: usize = 11;
const SETTLE_SECONDS: f64 = 4.0;
/// From one mouth to the other ear, with what the processing adds: only where a window begins.
const WAY: usize = RATE * 6 / 100;
/// The latest that is looked for, after a sample.
const LATE_MAX: usize = RATE;
const BARE: [&str; 6] = ["--echo-cancel", "off", "--noise-suppression", "off", "--gain-control", "off"];
const CANCELS: [&str; 6] = ["--echo-cancel", "on", "--noise-suppression", "off", "--gain-control", "off"];

pub(crate) fn rows(table: &mut Table, studio: &Studio, takes: u64) {
    let Some(first) = studio.material.sentences.first() else {
        return table.without("echo return loss enhancement of a call", "no espeak-ng");
    };
    let speech: Vec<f32> =
        studio.material.samples[first.span.from..].iter().copied().take(SECONDS * RATE).collect();
    let worst: Vec<[f64; 2]> = (0..takes)
        .map(|_| {
            let paths = PATHS.map(|path| enhancement(studio, &speech, path, &CANCELS));
            [0, 1].map(|window| paths.iter().map(|gain| gain[window]).fold(f64::MAX, f64::min))
        })
        .collect();
    let bare: Vec<f64> = (0..takes).map(|_| enhancement(studio, &speech, PATHS[1], &BARE)[1]).collect();
    let what = "echo return loss enhancement of a call through devices, the worst of 30, 100 and 250 ms";
    let of = |window: usize| worst.iter().map(|gain| gain[window]).collect::<Vec<f64>>();
    table.row(&format!("{what}: first 2 s"), Aim::AtLeast(25.0), &of(0), " dB", 1);
    table.row(&format!("{what}: 5 s to 10 s"), Aim::AtLeast(33.0), &of(1), " dB", 1);
    table.tell("the same where nothing is taken out, 100 ms", &bare, " dB", 1);
}

/// In decibels, over the first two seconds that somebody speaks and from the fifth to the tenth.
#[expect(clippy::print_stderr, reason = "the table goes to the output, and the rest does not")]
fn enhancement(studio: &Studio, speech: &[f32], path: u32, his: &[&str]) -> [f64; 2] {
    let scratch = Scratch::new("leak");
    let server = Server::start(&scratch);
    let world = &studio.world;
    let start = |name: &str, process: &[&str]| {
        let place: Vec<&str> = process.iter().copied().chain([server.invite.as_str()]).collect();
        Headless::start_at(&scratch, name, &place, "default", &world.endpoint(name))
    };
    let recording = world.record();
    let leak = world.leak_after("bob", path);
    let (mut alice, mut bob) = (start("alice", &BARE), start("bob", his));
    alice.befriend(&mut bob);
    alice.call(&mut bob);
    recording.pass(SETTLE_SECONDS);
    let from = recording.samples();
    let playing = world.play("alice", speech);
    recording.pass(SECONDS as f64 + 2.0);
    drop(playing);
    let lane = |lane: Lane| recording.lane(lane)[from..].to_vec();
    let (played, leaked, back) = (lane(Lane::BobSpeaker), lane(Lane::BobMic), lane(Lane::AliceSpeaker));
    world.unload(leak);
    alice.say("hangup");
    alice.expect("call_ended");
    let _ = (alice.quit(), bob.quit());

    let opening = &speech[..2 * RATE];
    let heard = find(opening, &played[..opening.len() + 2 * LATE_MAX]).at;
    let said = &played[heard..heard + opening.len()];
    let late = find(said, &leaked[heard..heard + opening.len() + LATE_MAX]).at;
    let gains = [(0, 2), (5, 10)].map(|(begin, end)| {
        let window = |at: usize| at + begin * RATE..at + end * RATE;
        level_db(&leaked[window(heard + late)]) - level_db(&back[window(heard + late + WAY)])
    });
    let is = late as f64 * 1_000.0 / RATE as f64;
    eprintln!("leak asked {path} ms, is {is:.0} ms: {:.1} dB, {:.1} dB", gains[0], gains[1]);
    gains
}
