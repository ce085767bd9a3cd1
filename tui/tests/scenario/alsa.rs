//! A call wholly over ALSA: no PulseAudio answers the programs, and all they have are the devices of ALSA's own
//! configuration. A plug-in plays those into the sound world, which asks for sound at the pace of a card.

use std::time::Duration;

use crate::harness::chord::{chord, seconds_most_like};
use crate::harness::process::Headless;
use crate::harness::signal::{RATE, silences};
use crate::harness::sound::{Lane, Recording, Stage};
use crate::harness::wait_for;

const HER_CHORD: usize = 0;
const HIS_CHORD: usize = 3;
/// What is listened to, in seconds, and how much of it the other must be heard in.
const LISTENED: usize = 5;
const HEARD_MIN: f64 = 4.5;
/// Samples in all that may be silence meanwhile: a twentieth of a second.
const HOLES_MAX: usize = RATE / 20;
/// What waits for one speaker, at the server and at its device, is less; of so many looks the middle one counts.
const WAITS_MAX: Duration = Duration::from_millis(60);
const LOOKS: usize = 11;

/// Both are heard for some seconds without holes, sooner or later: a busy machine makes some, a broken card always.
#[expect(clippy::print_stdout, reason = "with --nocapture these are the figures")]
fn heard_whole(recording: &Recording, ears: &[(Lane, usize)]) {
    wait_for(&format!("{LISTENED} s without holes"), || {
        recording.pass(0.5);
        let whole = ears.iter().filter(|(lane, theirs)| {
            let heard = recording.lane(*lane);
            let heard = &heard[heard.len().saturating_sub(LISTENED * RATE)..];
            let holes = silences(heard, -60.0, RATE / 100);
            let silent: usize = holes.iter().map(|(start, end)| end - start).sum();
            let seconds = seconds_most_like(*theirs, heard);
            println!("{lane:?}: {seconds} s are theirs, {silent} samples in {} holes", holes.len());
            seconds >= HEARD_MIN && silent <= HOLES_MAX
        });
        (whole.count() == ears.len()).then_some(())
    });
}

#[test]
fn a_call_over_alsa_alone_is_heard_without_holes_and_a_muted_microphone_is_not_read() {
    let Some(stage) = Stage::set("alsa") else { return };
    let Stage { scratch, world, server, .. } = &stage;
    let recording = world.record();
    let start = |name: &str| Headless::start(scratch, name, server, "default", &world.endpoint_of_alsa(name));
    let (mut alice, mut bob) = (start("alice"), start("bob"));
    alice.befriend(&mut bob);
    let _hers = world.play("alice", &chord(HER_CHORD, 120.0));
    let _his = world.play("bob", &chord(HIS_CHORD, 120.0));
    alice.call(&mut bob);
    // The recording is one.
    world.until_listening(3);
    wait_for("both to play, by the plug-in and not by PulseAudio's own protocol", || {
        let [speakers, _] = world.streams();
        (speakers.len() == 2 && world.waiting_of_alsa().len() == 2).then_some(())
    });
    let ears = [(Lane::AliceSpeaker, HIS_CHORD), (Lane::BobSpeaker, HER_CHORD)];
    heard_whole(&recording, &ears);

    let mut waits: Vec<Vec<Duration>> = Vec::new();
    wait_for("both speakers to be looked at", || {
        recording.pass(0.1);
        // One that is just being opened anew waits for nothing.
        waits.extend(Some(world.waiting_of_alsa()).filter(|look| look.len() == 2));
        (waits.len() == LOOKS).then_some(())
    });
    for person in 0..2 {
        let mut waited: Vec<Duration> = waits.iter().map(|look| look[person]).collect();
        waited.sort();
        println!("waits for speaker {person}: {waited:?}");
        assert!(waited[LOOKS / 2] < WAITS_MAX, "{waited:?}");
    }

    alice.say("mute on");
    world.until_listening(2);
    let lately = |seconds: f64| {
        recording.pass(seconds);
        let heard = recording.lane(Lane::BobSpeaker);
        seconds_most_like(HER_CHORD, &heard[heard.len() - RATE..])
    };
    assert_eq!(lately(2.0), 0.0, "nothing of her is heard");
    alice.say("mute off");
    world.until_listening(3);
    heard_whole(&recording, &ears);

    alice.say("hangup");
    alice.expect("call_ended");
    bob.expect("call_ended");
    world.until_listening(1);
    assert!(alice.quit().success() && bob.quit().success());
}
