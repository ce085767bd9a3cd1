//! A program that is late with its sound, as on a busy machine: what was to be heard then is in the server's hands already.

use std::process::Command;

use crate::harness::chord::chord;
use crate::harness::process::Headless;
use crate::harness::signal::{RATE, silences};
use crate::harness::sound::{Lane, Stage};
use crate::harness::wait_for;

/// How often the listener stands still, and for how long: less than the server has in hand with what comes next and twice
/// what it has without.
const STOPS: usize = 20;
const STOP_SECONDS: &str = "0.022";
/// Silence of so many samples is a hole.
const HOLE: usize = RATE / 100;
/// A machine that is busy itself makes a stop longer than any net.
const HOLES_MAX: usize = STOPS / 3;

#[test]
fn who_stands_still_for_some_milliseconds_is_not_silent_meanwhile() {
    let Some(stage) = Stage::set("late") else { return };
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
