//! ^Z in a call: the shell has the terminal and nobody hears what is said there, which the other end is told; `fg` is
//! heard again.

use std::path::Path;
use std::time::Duration;

use proto::limits::MEDIA_SILENCE_MAX;

use crate::harness::process::{Headless, Server, tincan};
use crate::harness::signal::{self, RATE, level_db, voice_like};
use crate::harness::sound::{Lane, Stage};
use crate::harness::terminal::Terminal;
use crate::harness::{Scratch, my_turn, wait_for};
use crate::headless::assert_heard_in_file;

#[test]
fn whoever_is_stopped_in_a_call_is_muted_before_and_heard_when_they_are_back() {
    let Some(stage) = Stage::set("stop") else { return };
    let Stage { scratch, world, server, .. } = &stage;
    let mut bob = Headless::start(scratch, "bob", server, "tone", &[]);
    let mut environment = world.endpoint("alice");
    environment.extend([("PS1", "shell$ "), ("HISTFILE", "")].map(|(k, v)| (k.to_owned(), v.to_owned())));
    let shell = ["--norc", "--noprofile", "-i"];
    let mut alice = Terminal::start("alice", Path::new("/bin/bash"), &shell, &environment);
    alice.see("shell$ ");
    let (program, profile) = (tincan().display(), scratch.join("alice").display().to_string());
    alice.press(&format!("{program} --profile {profile} {}\r", server.invite));
    alice.first_run("alice");
    bob.say("add alice");
    alice.see("? bob");
    alice.press("A");
    bob.expect_where("accepted", |event| event["name"] == "alice");
    bob.say("call alice");
    alice.see("bob is calling");
    // The window ignores keys for its first half second, so that nobody answers by accident.
    alice.press_until("y", "E2E");
    bob.expect("call_live");
    world.until_listening(1);
    bob.say("figures on");
    bob.expect_where("figures", |event| event["round_trip_us"].is_u64());

    alice.press("\x1a");
    alice.see("Stopped");
    assert_eq!(world.listening(), 0, "closed before the shell has the terminal");
    bob.expect_where("member", |event| {
        event["who"] == "alice" && event["muted"] == true && event["on_hold"] == true
    });
    // Who is on hold is waited for longer than anybody else who is not heard.
    assert!(bob.stays_quiet_about("call_ended", MEDIA_SILENCE_MAX + Duration::from_secs(3)));
    alice.press("fg\r");
    alice.see("You are back in the call, and heard again.");
    bob.expect_where("member", |event| event["muted"] == false && event["on_hold"] == false);
    // The time that she stood still is none on the road.
    for _ in 0..3 {
        let told = bob.expect("figures");
        assert!(told["round_trip_us"].as_u64().expect("known") < 5_000_000, "{told}");
        assert!(told["loss_in"].as_f64().expect("a share") < 0.1, "{told}");
    }
    world.until_listening(1);

    // Muted before is muted after.
    alice.press("\x14");
    bob.expect_where("member", |event| event["muted"] == true);
    alice.press("\x1a");
    alice.see_no("E2E");
    alice.press("fg\r");
    alice.see("You are back in the call, and not heard.");
    assert_eq!(world.listening(), 0);
    bob.say("hangup");
    alice.see_no("E2E");
    alice.press("q");
    alice.see("shell$ ");
    alice.press("exit\r");
    assert!(alice.wait_exit().success());
    assert!(bob.quit().success());
}

/// Stopped without a word, as by a lid. What the card had kept meanwhile is of before: both halves are opened anew.
#[test]
fn whoever_stood_still_has_the_card_anew_and_hears_and_is_heard() {
    let Some(stage) = Stage::set("still") else { return };
    let Stage { scratch, world, server, .. } = &stage;
    let recording = world.record();
    let mut alice = Headless::start(scratch, "alice", server, "default", &world.endpoint("alice"));
    let (speaks, hears) = (scratch.join("bob-in.wav"), scratch.join("bob-out.wav"));
    signal::write_wav(&speaks, &voice_like(41, 120.0));
    let sound = format!("wav:{},{}", speaks.display(), hears.display());
    let mut bob = Headless::start(scratch, "bob", server, &sound, &[]);
    alice.befriend(&mut bob);
    alice.call(&mut bob);
    let lately = || {
        let heard = recording.lane(Lane::AliceSpeaker);
        level_db(&heard[heard.len().saturating_sub(RATE / 2)..])
    };
    wait_for("bob to be heard", || (lately() > -50.0).then_some(()));
    let before = wait_for("both halves", || {
        let streams = world.streams();
        streams.iter().all(|numbers| numbers.len() == 1).then_some(streams)
    });

    alice.signal("STOP");
    recording.pass(4.0);
    assert!(lately() < -70.0, "nobody plays anything: {:.0} dB", lately());
    alice.signal("CONT");
    wait_for("both halves anew", || {
        let now = world.streams();
        now.iter().zip(&before).all(|(now, before)| now.len() == 1 && now != before).then_some(())
    });
    wait_for("bob to be heard again", || (lately() > -50.0).then_some(()));
    let said = voice_like(42, 5.0);
    world.play("alice", &said).finish();
    recording.pass(1.0);
    bob.say("hangup");
    bob.expect("call_ended");
    assert!(alice.quit().success() && bob.quit().success());
    assert_heard_in_file("alice", &said, &signal::read_wav(&hears));
}

/// Stopped without a word for longer than anybody is waited for: the other end gives the call up, and that is not told here
/// as a wish of theirs.
#[test]
fn whoever_slept_through_the_end_of_a_call_is_told_that_they_slept() {
    let _turn = my_turn();
    let scratch = Scratch::new("slept");
    let server = Server::start(&scratch);
    let mut alice = Headless::start(&scratch, "alice", &server, "tone", &[]);
    let mut bob = Headless::start(&scratch, "bob", &server, "tone", &[]);
    alice.befriend(&mut bob);
    alice.call(&mut bob);
    alice.signal("STOP");
    let lost = bob.expect("call_ended");
    assert_eq!(lost["reason"], "lost", "{lost}");
    alice.signal("CONT");
    let slept = alice.expect("call_ended");
    assert_eq!((&slept["reason"], &slept["with"]), (&"asleep".into(), &"bob".into()), "{slept}");
    // After that a call ends as it ended.
    bob.call(&mut alice);
    bob.say("hangup");
    let over = alice.expect("call_ended");
    assert_eq!(over["reason"], "they_hung_up", "{over}");
    assert!(alice.quit().success() && bob.quit().success());
}
