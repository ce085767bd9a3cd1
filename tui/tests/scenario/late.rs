//! A program that is late with its sound, as on a busy machine: what was to be heard then is in the server's hands already.

use std::io::Read as _;
use std::process::Command;

use crate::harness::chord::{chord, seconds_most_like};
use crate::harness::process::Headless;
use crate::harness::signal::{RATE, silences};
use crate::harness::sound::{Lane, Stage};
use crate::harness::wait_for;

/// How often the listener stands still, and for how long: less than the server has in hand with what comes next, and far
/// more than without.
const STOPS: usize = 20;
const STOP_SECONDS: &str = "0.04";
/// Silence of so many samples is a hole.
const HOLE: usize = RATE / 100;
/// A machine that is busy itself makes a stop longer than any net.
const HOLES_MAX: usize = STOPS / 3;

#[test]
fn who_stands_still_for_some_milliseconds_is_not_silent_meanwhile() {
    let Some(stage) = Stage::set_alone("late") else { return };
    let Stage { scratch, world, server, .. } = &stage;
    let recording = world.record();
    let start = |name: &str| Headless::start(scratch, name, server, "default", &world.endpoint(name));
    let (mut alice, mut bob) = (start("alice"), start("bob"));
    alice.befriend(&mut bob);
    let _hers = world.play("alice", &chord(0, 60.0));
    alice.call(&mut bob);
    wait_for("two seconds without holes", || {
        recording.pass(0.5);
        let heard = recording.lane(Lane::BobSpeaker);
        let lately = heard.get(heard.len().checked_sub(2 * RATE)?..)?;
        silences(lately, -50.0, HOLE).is_empty().then_some(())
    });

    let from = recording.samples();
    for _ in 0..STOPS {
        // One program, so that nobody else's delay makes the stop longer.
        let stop = format!("kill -s STOP {0}; sleep {STOP_SECONDS}; kill -s CONT {0}", bob.pid());
        assert!(Command::new("sh").args(["-c", &stop]).status().is_ok_and(|status| status.success()));
        recording.pass(0.25);
    }
    let heard = &recording.lane(Lane::BobSpeaker)[from..];
    let holes = silences(heard, -50.0, HOLE);
    assert!(holes.len() <= HOLES_MAX, "{} holes in {STOPS} stops: {holes:?}", holes.len());

    alice.say("hangup");
    alice.expect("call_ended");
    bob.expect("call_ended");
    assert!(alice.quit().success() && bob.quit().success());
}

/// As on Bluetooth: the server asks for so much at a time that with what comes next it is more than any queue of ours.
#[test]
fn a_speaker_that_is_far_away_is_heard_without_holes() {
    let Some(stage) = Stage::set_alone("far") else { return };
    let Stage { scratch, world, server, .. } = &stage;
    let clock = world.record();
    let mut pipe = std::fs::File::open(world.far_speaker("far")).expect("the sound server made a pipe");
    let start = |name: &str, sink: &str| {
        let mut endpoint = world.endpoint(name);
        endpoint.retain(|(key, _)| key != "PULSE_SINK");
        endpoint.push(("PULSE_SINK".to_owned(), sink.to_owned()));
        Headless::start(scratch, name, server, "default", &endpoint)
    };
    let (mut alice, mut bob) = (start("alice", "alice_spk"), start("bob", "far"));
    alice.befriend(&mut bob);
    let _hers = world.play("alice", &chord(0, 60.0));
    alice.call(&mut bob);
    let mut heard = Vec::new();
    wait_for("two seconds of her without a hole", || {
        // The pipe's reader is its card: a twentieth of a second at a time, by the clock of the world.
        clock.pass(0.05);
        let mut bytes = [0; RATE / 2 / 20 * 2];
        pipe.read_exact(&mut bytes).expect("the server plays on");
        let samples = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        heard.extend(samples.flat_map(|sample| [f32::from(sample) / 32_768.0; 2]));
        let lately = heard.get(heard.len().checked_sub(2 * RATE)?..)?;
        let whole = silences(lately, -50.0, HOLE).is_empty() && seconds_most_like(0, lately) > 1.9;
        whole.then_some(())
    });
    alice.say("hangup");
    alice.expect("call_ended");
    bob.expect("call_ended");
    assert!(alice.quit().success() && bob.quit().success());
}
