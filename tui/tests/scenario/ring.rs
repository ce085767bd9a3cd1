//! A call rings on the speaker of whoever is called and, softer, of whoever calls; no microphone is open meanwhile.

use super::screen::join;
use crate::harness::process::Server;
use crate::harness::signal::{RATE, level_db};
use crate::harness::sound::{Lane, Recording, World};
use crate::harness::{Scratch, my_turn, wait_for};

/// Louder than anything but a ring, in the last three seconds.
const RINGS_DB: f64 = -50.0;
/// Nothing is heard.
const SILENT_DB: f64 = -70.0;

fn lately(recording: &Recording, lane: Lane) -> f64 {
    let heard = recording.lane(lane);
    level_db(&heard[heard.len().saturating_sub(3 * RATE)..])
}

fn rings(recording: &Recording, lane: Lane) {
    wait_for(&format!("{lane:?} to ring"), || (lately(recording, lane) > RINGS_DB).then_some(()));
}

#[test]
fn a_call_rings_on_speakers_alone_until_it_is_answered() {
    let _turn = my_turn();
    let scratch = Scratch::new("ring");
    let Some(world) = World::start(scratch.path()) else { return };
    let recording = world.record();
    let server = Server::start(&scratch);
    let mut alice = join(&scratch, &server, &world, "alice");
    let mut bob = join(&scratch, &server, &world, "bob");
    alice.befriend(&mut bob);
    let ears = world.microphones();

    alice.press("c");
    bob.see("alice is calling");
    rings(&recording, Lane::BobSpeaker);
    rings(&recording, Lane::AliceSpeaker);
    assert_eq!(world.microphones(), ears, "nobody listens before somebody said yes");
    bob.press_until("y", "E2E");
    alice.see("E2E");
    wait_for("both microphones", || (world.microphones() >= ears + 2).then_some(()));
    // What was on its way to the speakers when it was answered.
    recording.pass(1.0);
    recording.pass(3.5);
    for lane in [Lane::AliceSpeaker, Lane::BobSpeaker] {
        assert!(lately(&recording, lane) < SILENT_DB, "{lane:?}: {:.0} dB", lately(&recording, lane));
    }
    alice.press("\x18");
    alice.see_no("E2E");
    bob.see_no("E2E");

    // Who does not want to be disturbed is not, and whoever calls hears that it rings all the same.
    bob.press("Z");
    bob.see("do not disturb");
    alice.press("c");
    bob.see("alice is calling");
    rings(&recording, Lane::AliceSpeaker);
    recording.pass(3.0);
    assert!(
        lately(&recording, Lane::BobSpeaker) < SILENT_DB,
        "{:.0} dB",
        lately(&recording, Lane::BobSpeaker)
    );
    alice.press("\x18");
    bob.see_no("alice is calling");
    for terminal in [&mut alice, &mut bob] {
        terminal.press("q");
        assert!(terminal.wait_exit().success());
    }
}
