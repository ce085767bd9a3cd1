//! Bob's speaker stands on the table and is heard by his microphone: alice hears herself, both are told, and the echo
//! canceller takes it away.

use crate::harness::process::Headless;
use crate::harness::signal::{RATE, level_db, voice_like};
use crate::harness::sound::{Lane, Stage};
use crate::harness::wait_for;

#[test]
fn an_echo_is_told_to_both_and_goes_when_it_is_cancelled() {
    let Some(stage) = Stage::set_alone("leak") else { return };
    let Stage { scratch, world, server, .. } = &stage;
    world.another_speaker("kitchen");
    let start = |name: &str| Headless::start(scratch, name, server, "default", &world.endpoint(name));
    let (mut alice, mut bob) = (start("alice"), start("bob"));
    alice.befriend(&mut bob);
    let recording = world.record();
    let leak = world.leak_after("bob", 30);
    bob.say("process echo off");
    alice.say("call bob");
    bob.expect_where("incoming_call", |event| event["from"] == "alice");
    bob.say("answer");
    alice.expect("call_live");
    bob.expect_where("processing", |event| event["echo"]["on"] == false);

    // How loud alice is in her own ear while she speaks.
    let returned = |seconds: f64, voice: u64| {
        let said = world.play("alice", &voice_like(voice, seconds));
        recording.pass(seconds - 3.0);
        let from = recording.samples();
        recording.pass(2.0);
        let level = level_db(&recording.lane(Lane::AliceSpeaker)[from..from + 2 * RATE]);
        said.finish();
        level
    };
    let without = returned(10.0, 1);
    alice.expect_where("echo", |event| event["whose"] == "mine" && event["heard"] == true);
    bob.expect_where("echo", |event| event["whose"] == "theirs" && event["heard"] == true);
    bob.say("process echo auto");
    let with = returned(14.0, 2);
    bob.expect_where("processing", |event| event["echo"]["on"] == true);
    println!("alice hears herself at {without:.1} dB without echo cancelling and at {with:.1} dB with it");
    // By how much he raises his voice, his gain control decides.
    assert!(without > -60.0, "there was an echo to cancel: {without:.1} dB");
    assert!(with < without - 20.0, "{without:.1} dB without, {with:.1} dB with");

    // Another speaker in another place: what was learnt of the first one would let its echo through.
    world.unload(leak);
    world.leak_from("kitchen", "bob", 150);
    let said = world.play("alice", &voice_like(3, 8.0));
    recording.pass(2.0);
    bob.say("speaker kitchen");
    wait_for("the other speaker", || {
        bob.say("status");
        let status = bob.expect("status");
        (status["speaker"]["device"] == "kitchen").then_some(())
    });
    let from = recording.samples();
    recording.pass(3.0);
    let anew = level_db(&recording.lane(Lane::AliceSpeaker)[from..from + 2 * RATE]);
    said.finish();
    println!("and at {anew:.1} dB from another speaker at once");
    assert!(anew < without - 20.0, "{without:.1} dB without, {anew:.1} dB from another speaker");
}
