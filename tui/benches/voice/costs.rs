//! What a call costs: the processor's time of one client, and how long the turns of its voice thread take.
//!
//! The client has a file of speech for a microphone and no speaker: no sound server is in it, while the codec has as much
//! to do as with a person.

use std::thread::sleep;
use std::time::{Duration, Instant};

use audio::codec::{Decode as _, Decoder, Encoder, EncoderSettings};
use audio::frame::{FRAME_SAMPLES_MAX, OpusFrame};

use super::harness::Scratch;
use super::harness::process::{Headless, Server};
use super::harness::signal::write_wav;
use super::harness::vitals::processor_seconds;
use super::table::{Aim, Table};
use super::take::Studio;

const OFF: [&str; 6] = ["--echo-cancel", "off", "--noise-suppression", "off", "--gain-control", "off"];
const ON: [&str; 6] = ["--echo-cancel", "on", "--noise-suppression", "on", "--gain-control", "on"];
/// A way of calling, and what it may cost in percent of a core.
const WAYS: [(&str, &[&str], f64); 2] = [
    ("processor of a call without processing", &OFF, 2.0),
    ("processor of a call with processing", &ON, 3.5),
];
const SETTLE: Duration = Duration::from_secs(5);
const WATCHED: Duration = Duration::from_secs(20);

pub(crate) fn rows(table: &mut Table, studio: &Studio, takes: u64) {
    let mut turns = Vec::new();
    for (what, arguments, most) in WAYS {
        let unknown = arguments.first().filter(|option| !super::known(option));
        if let Some(option) = unknown.filter(|_| arguments.last() == Some(&"on")) {
            table.without(what, &format!("this tincan has no {option}"));
            continue;
        }
        // Without the option nothing is processed.
        let arguments = if unknown.is_some() { &[] } else { arguments };
        let costs: Vec<(f64, f64)> = (0..takes).map(|_| watch(studio, arguments)).collect();
        let shares: Vec<f64> = costs.iter().map(|cost| cost.0).collect();
        table.row(what, Aim::AtMost(most), &shares, " % of a core", 2);
        turns = costs.iter().map(|cost| cost.1).collect();
    }
    let alone: Vec<f64> = (0..takes).map(|_| codec_alone(studio)).collect();
    table.tell("of either, the codec alone at the same pace", &alone, " % of a core", 2);
    table.row("one turn of the voice thread, p99", Aim::AtMost(1.0), &turns, " ms", 3);
}

/// Percent of a core and p99 of a turn in milliseconds, of a client in a call of two.
fn watch(studio: &Studio, arguments: &[&str]) -> (f64, f64) {
    let scratch = Scratch::new("costs");
    let server = Server::start(&scratch);
    let speech = scratch.join("speech.wav");
    let sentences = studio.material.sentences.first().map_or(0, |sentence| sentence.span.from);
    let said = &studio.material.samples[sentences..];
    let length = ((SETTLE + WATCHED).as_secs() as usize + 10) * super::harness::signal::RATE;
    let endless: Vec<f32> = said.iter().copied().cycle().take(length).collect();
    write_wav(&speech, &endless);
    let sound = format!("wav:{}", speech.display());
    let start = |name: &str| {
        let place: Vec<&str> = arguments.iter().copied().chain([server.invite.as_str()]).collect();
        Headless::start_at(&scratch, name, &place, &sound, &[])
    };
    let (mut alice, mut bob) = (start("alice"), start("bob"));
    alice.befriend(&mut bob);
    alice.call(&mut bob);
    sleep(SETTLE);
    let before = processor_seconds(alice.pid());
    sleep(WATCHED);
    let used = processor_seconds(alice.pid()) - before;
    alice.say("status");
    let status = alice.expect("status");
    assert_eq!(status["call"]["state"], "live", "{status}");
    let turn = status["statistics"]["turn_us"].as_f64().unwrap_or(f64::NAN) / 1_000.0;
    let _ = (alice.quit(), bob.quit());
    (100.0 * used / WATCHED.as_secs_f64(), turn)
}

/// Percent of a core that one encoder and one decoder take when they are given a frame whenever it is due, as in a call.
/// A processor that sleeps between two frames does them slower than one that does them in a row; no call costs less.
fn codec_alone(studio: &Studio) -> f64 {
    let first = studio.material.sentences.first().map_or(0, |sentence| sentence.span.from);
    let mut encoder = Encoder::new(EncoderSettings::default()).expect("there is an encoder");
    let mut decoder = Decoder::new().expect("there is a decoder");
    let (mut packet, mut out) = (OpusFrame::EMPTY, [0.0; FRAME_SAMPLES_MAX]);
    let frame = encoder.frame();
    let (began, before, mut due) = (Instant::now(), thread_seconds(), Duration::ZERO);
    for samples in studio.material.samples[first..].chunks_exact(frame.samples()).cycle() {
        encoder.encode(samples, &mut packet).expect("a whole frame can be encoded");
        decoder.decode(packet.bytes(), &mut out).expect("our own packet can be decoded");
        due += Duration::from_millis(u64::from(frame.ms()));
        sleep(due.saturating_sub(began.elapsed()));
        if due >= WATCHED {
            break;
        }
    }
    100.0 * (thread_seconds() - before) / began.elapsed().as_secs_f64()
}

/// Processor time of this thread until now.
fn thread_seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split_whitespace().next().and_then(|number| number.parse::<f64>().ok());
    nanos.map_or(f64::NAN, |nanos| nanos / 1e9)
}
