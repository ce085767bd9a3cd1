//! Two people at two terminals, from nothing to a call, with speech in virtual microphones.

use std::time::Duration;

use crate::harness::chord::{chord, seconds_most_like};
use crate::harness::process::{Headless, Server, tincan};
use crate::harness::signal::{self, RATE, level_db, silences};
use crate::harness::sound::{Lane, Recording, Stage, World};
use crate::harness::terminal::Terminal;
use crate::harness::{Scratch, assert_heard, wait_for};

const HER_CHORD: usize = 0;
const HIS_CHORD: usize = 3;
/// Of two seconds of a chord, what is heard of whoever is heard, even on a busy machine.
const MOST_OF_TWO: f64 = 1.4;

/// What the call bar shows of a live call, and only of one.
const LIVE: &str = "E2E";

/// Alice and bob in a call, each at a terminal, with all sound recorded.
struct Call {
    alice: Terminal,
    bob: Terminal,
    recording: Recording,
    stage: Stage,
}

impl Call {
    /// `None` on a machine without virtual sound.
    fn begin(name: &str) -> Option<Self> {
        let stage = Stage::set(name)?;
        let Stage { scratch, world, server, .. } = &stage;
        let recording = world.record();
        let mut alice = join(scratch, server, world, "alice");
        let mut bob = join(scratch, server, world, "bob");
        alice.befriend(&mut bob);
        alice.press("c");
        bob.see("alice is calling");
        // The window ignores keys for its first half second, so that nobody answers by accident.
        bob.press_until("y", LIVE);
        alice.see(LIVE);
        Some(Self { alice, bob, recording, stage })
    }

    /// What went into one's microphone, to the sample, comes out of the other's speaker.
    fn speak(&self, who: &str, words: &[f32], mouth: Lane, ear: Lane) {
        let from = self.recording.samples();
        self.stage.world.play(who, words).finish();
        self.recording.pass(1.5);
        assert_heard(who, &self.lane_since(mouth, from), &self.lane_since(ear, from), 0);
    }

    fn lane_since(&self, lane: Lane, from: usize) -> Vec<f32> {
        self.recording.lane(lane)[from..].to_vec()
    }
}

/// The first run: a name, a look at the sound, and Enter for each.
pub(crate) fn join(scratch: &Scratch, server: &Server, world: &World, name: &str) -> Terminal {
    let profile = scratch.join(name);
    let profile = profile.to_str().expect("the scratch directory has a plain name");
    let mut terminal =
        Terminal::start(name, tincan(), &["--profile", profile, &server.invite], &world.endpoint(name));
    terminal.first_run(name);
    terminal
}

#[test]
fn a_first_call_from_nothing_carries_speech_both_ways() {
    let Some(mut call) = Call::begin("call") else { return };
    let (hers, his) = (speech("en-us+f3", HERS), speech("en-gb+m3", HIS));

    call.speak("alice", &hers, Lane::AliceMic, Lane::BobSpeaker);
    call.speak("bob", &his, Lane::BobMic, Lane::AliceSpeaker);

    call.alice.press("\x14");
    call.alice.see("muted");
    let from = call.recording.samples();
    call.stage.world.play("alice", &hers).finish();
    call.recording.pass(1.0);
    let heard = call.lane_since(Lane::BobSpeaker, from);
    assert!(level_db(&heard) < -70.0, "bob hears a muted alice at {:.0} dB", level_db(&heard));

    call.alice.press("\x18");
    call.alice.see_no(LIVE);
    call.bob.see_no(LIVE);
    for terminal in [&mut call.alice, &mut call.bob] {
        terminal.press("q");
        assert!(terminal.wait_exit().success());
    }
    assert_eq!(call.stage.server.terminate().code(), Some(0));
}

#[test]
fn a_killed_server_costs_a_call_two_seconds_after_its_return_at_most() {
    let Some(mut call) = Call::begin("killed") else { return };
    // Never silent, so that silence in a speaker is the gap; and known again whatever a busy machine does to time.
    let _hers = call.stage.world.play("alice", &chord(HER_CHORD, 60.0));
    let _his = call.stage.world.play("bob", &chord(HIS_CHORD, 60.0));
    let ears = [(Lane::AliceSpeaker, HIS_CHORD), (Lane::BobSpeaker, HER_CHORD)];
    wait_for("two seconds of each other", || {
        let heard = |(lane, theirs)| {
            let heard = call.recording.lane(lane);
            seconds_most_like(theirs, &heard[heard.len().saturating_sub(2 * RATE)..]) >= MOST_OF_TWO
        };
        ears.into_iter().all(heard).then_some(())
    });
    call.stage.server.kill();
    let killed = call.recording.samples();
    std::thread::sleep(Duration::from_secs(1));
    call.stage.server.restart();
    let listening = call.recording.samples();
    call.recording.pass(5.0);
    call.alice.see(LIVE);
    call.bob.see(LIVE);
    for (lane, theirs) in ears {
        let heard = call.recording.lane(lane);
        let gaps = silences(&heard[killed..], -60.0, RATE / 10);
        // Those of the server began before it listened: what a busy machine swallows later is another matter, and told by
        // the chord.
        let gap = gaps
            .iter()
            .filter(|(start, _)| killed + start < listening)
            .max_by_key(|(start, end)| end - start);
        let &(_, end) = gap.unwrap_or_else(|| panic!("{lane:?}: the relay was gone, so there must be a gap"));
        let after = ((killed + end) as f64 - listening as f64) / RATE as f64;
        println!("{lane:?}: sound again {after:.2} s after the server listened: {gaps:?}");
        assert!(after <= 2.0, "{lane:?}: the gap ended {after:.2} s after the server listened again");
        let again = seconds_most_like(theirs, &heard[killed + end..][..2 * RATE]);
        assert!(again >= MOST_OF_TWO, "{lane:?}: {again} s of 2 were heard after the gap");
    }
}

/// At the source: the sound server is asked who reads a microphone.
#[test]
fn the_microphone_is_read_while_its_page_is_seen_and_not_before_or_after() {
    let Some(stage) = Stage::set("page") else { return };
    let Stage { scratch, world, server, .. } = &stage;
    let (profile, environment) = (scratch.join("alice"), world.endpoint("alice"));
    let profile = profile.to_str().expect("the scratch directory has a plain name");
    let mut alice = Terminal::start("alice", tincan(), &["--profile", profile, &server.invite], &environment);
    alice.see("(1 of 2)");
    world.until_read_by(0);
    alice.press("\x15alice\r");
    alice.see("Mic");
    alice.see("OPEN");
    world.until_read_by(1);
    for (leave, come_back) in [("\r", "d"), ("\x1b", "d"), ("\x14", "\x14"), ("\t", "\x1b[D")] {
        alice.press(leave);
        alice.see_no("OPEN");
        world.until_read_by(0);
        alice.press(come_back);
        alice.see("OPEN");
        world.until_read_by(1);
    }
    // Whoever calls does not hear what the page listens to.
    let mut bob = Headless::start(scratch, "bob", server, "null", &[]);
    alice.press("\x1b");
    alice.see_no("OPEN");
    alice.press("abob\r");
    bob.expect("request");
    bob.say("accept alice");
    alice.see("● bob");
    alice.press("d");
    alice.see("OPEN");
    bob.say("call alice");
    alice.see("bob is calling");
    world.until_read_by(0);
    alice.press("\x18");
    alice.see("OPEN");
    // The terminal is gone, and the program with it.
    drop(alice);
    world.until_read_by(0);
}

/// Spoken by espeak-ng, at the level of a person near a microphone.
fn speech(voice: &str, text: &str) -> Vec<f32> {
    let scratch = Scratch::new("speech");
    let file = scratch.join("speech.wav");
    let status =
        std::process::Command::new("espeak-ng").args(["-v", voice, "-w"]).arg(&file).arg(text).status();
    assert!(status.is_ok_and(|s| s.success()), "espeak-ng is missing: scripts/install-deps test brings it");
    let mut samples = signal::read_wav(&file);
    let gain = 10f64.powf((-24.0 - level_db(&samples)) / 20.0) as f32;
    samples.iter_mut().for_each(|s| *s *= gain);
    samples
}

const HERS: &str = "The string is tight, the cans are clean, and I can hear my own voice travel to your window. \
                    Tell me what you had for breakfast, and tell me slowly.";
const HIS: &str = "Porridge with plums, and the last of the coffee. The line is so clear that I could count \
                   the spoons on your table.";
