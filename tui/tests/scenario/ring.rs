//! A call rings on the speaker of whoever is called and, softer, of whoever calls; no microphone is open meanwhile.

use super::screen::join;
use crate::harness::process::{Headless, tincan};
use crate::harness::signal::{RATE, level_db};
use crate::harness::sound::{Lane, Recording, Stage};
use crate::harness::terminal::Terminal;
use crate::harness::wait_for;

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

/// Nothing of what was heard before counts for what comes next.
fn falls_silent(recording: &Recording, lane: Lane) {
    wait_for(&format!("{lane:?} to be silent"), || (lately(recording, lane) < SILENT_DB).then_some(()));
}

#[test]
fn a_call_rings_on_speakers_alone_until_it_is_answered() {
    let Some(stage) = Stage::set("ring") else { return };
    let Stage { scratch, world, server, .. } = &stage;
    let recording = world.record();
    let mut alice = join(scratch, server, world, "alice");
    let mut bob = join(scratch, server, world, "bob");
    alice.befriend(&mut bob);
    // The recording alone: on a busy machine the page that listened may still be closing.
    world.until_read_by(1);
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
    quit(&mut alice);
    quit(&mut bob);
}

/// The loudspeaker rings, the headset carries the call; and when the loudspeaker is gone the headset rings, and it is
/// said.
#[test]
fn a_call_rings_on_the_device_of_its_own_and_is_heard_on_the_headset() {
    let Some(stage) = Stage::set("ringdev") else { return };
    let Stage { scratch, world, server, .. } = &stage;
    let recording = world.record();
    let mut alice = Headless::start(scratch, "alice", server, "tone", &[]);
    // Bob's headset is his lane; the loudspeaker of his room is the one that nobody else uses here.
    let config = scratch.join("bob.toml");
    std::fs::write(&config, "# mine\nring_device = \"alice_spk\"\n").expect("the scratch directory takes it");
    let (profile, config) = (scratch.join("bob"), config.to_str().expect("a plain name"));
    let profile = profile.to_str().expect("the scratch directory has a plain name");
    let arguments = ["--config", config, "--profile", profile, &server.invite];
    let mut bob = Terminal::start("bob", tincan(), &arguments, &world.endpoint("bob"));
    bob.first_run("bob");
    alice.say("add bob");
    bob.see("alice asks to be your contact");
    bob.press("A");
    alice.expect_where("accepted", |event| event["name"] == "bob");

    alice.say("call bob");
    bob.see("alice is calling");
    rings(&recording, Lane::AliceSpeaker);
    recording.pass(3.0);
    let headset = lately(&recording, Lane::BobSpeaker);
    assert!(headset < SILENT_DB, "the headset rang, too: {headset:.0} dB");
    bob.press_until("y", "E2E");
    rings(&recording, Lane::BobSpeaker);
    recording.pass(4.5);
    let loud = lately(&recording, Lane::AliceSpeaker);
    assert!(loud < SILENT_DB, "the call was heard on the loudspeaker: {loud:.0} dB");
    bob.press("\x18");
    bob.see_no("E2E");

    // Another one is chosen by the keys that the page names, and written beside what stood there.
    bob.press("d");
    bob.see("Ring device");
    bob.see("alice_spk");
    bob.press("jj");
    bob.press("\r");
    bob.see("as the speaker");
    bob.press("kkkk");
    bob.press("\r");
    wait_for("the choice to be written", || {
        let text = std::fs::read_to_string(config).ok()?;
        (text == "# mine\n").then_some(())
    });
    bob.press("\x1b");
    bob.see_no("Ring device");
    falls_silent(&recording, Lane::BobSpeaker);
    alice.say("call bob");
    bob.see("alice is calling");
    rings(&recording, Lane::BobSpeaker);
    alice.say("hangup");
    bob.see_no("alice is calling");

    quit(&mut bob);
    std::fs::write(config, "ring_device = \"Kitchen\"\n").expect("the scratch directory takes it");
    let mut bob = Terminal::start("bob", tincan(), &arguments[..4], &world.endpoint("bob"));
    bob.see("alice");
    falls_silent(&recording, Lane::BobSpeaker);
    alice.say("call bob");
    bob.see("The ring device Kitchen is not there");
    rings(&recording, Lane::BobSpeaker);
    // The window ignores keys for its first half second.
    recording.pass(1.0);
    bob.press("n");
    bob.see_no("alice is calling");
    quit(&mut bob);
    assert!(alice.quit().success());
}

fn quit(terminal: &mut Terminal) {
    terminal.press("q");
    assert!(terminal.wait_exit().success());
}
