//! Recording and "say again", by the real programs: what is in the file, and what is heard twice.

#[path = "../../../audio/tests/ogg/mod.rs"]
mod ogg;

use std::path::PathBuf;
use std::process::Command;

use crate::harness::process::{Headless, Server};
use crate::harness::signal::{self, RATE, find, voice_like};
use crate::harness::{Scratch, assert_heard, hearing, my_turn, wait_for};

/// How somebody starts who keeps recordings in the scenario's own folder.
fn keeps_here(scratch: &Scratch) -> String {
    let config = scratch.join("config.toml");
    let folder = scratch.join("kept");
    std::fs::write(&config, format!("recordings = {folder:?}\n")).expect("the disk takes it");
    config.to_str().expect("ASCII").to_owned()
}

struct Pair {
    scratch: Scratch,
    _server: Server,
    alice: Headless,
    bob: Headless,
    said: [Vec<f32>; 2],
}

impl Pair {
    /// Alice and bob, in a call in which each says so many seconds of an own voice.
    fn in_call(name: &str, seconds: f64) -> Self {
        let scratch = Scratch::new(name);
        let server = Server::start(&scratch);
        let config = keeps_here(&scratch);
        let said = [voice_like(11, seconds), voice_like(12, seconds)];
        let start = |name: &str, voice: &[f32]| {
            let microphone = scratch.join(&format!("{name}-in.wav"));
            signal::write_wav(&microphone, voice);
            let speaker = scratch.join(&format!("{name}-out.wav"));
            let sound = format!("wav:{},{}", microphone.display(), speaker.display());
            let place = [server.invite.as_str(), "--config", config.as_str()];
            Headless::start_at(&scratch, name, &place, &sound, &[])
        };
        let (mut alice, mut bob) = (start("alice", &said[0]), start("bob", &said[1]));
        alice.befriend(&mut bob);
        alice.call(&mut bob);
        Self { scratch, _server: server, alice, bob, said }
    }

    /// Both go on for so long, in what alice hears.
    fn talk(&self, seconds: f64) {
        signal::pass(&self.scratch.join("alice-out.wav"), seconds);
    }

    fn record(&mut self) -> PathBuf {
        self.alice.say("record on");
        let event = self.alice.expect("recording");
        assert_eq!(event["state"], "on", "{event}");
        PathBuf::from(event["path"].as_str().expect("it has a path"))
    }
}

/// What was said is in the track, from wherever the recording began.
fn assert_kept(what: &str, said: &[f32], track: &[f32]) {
    // The recording began in the midst: some second of what was said is found in it.
    let piece = 2 * RATE;
    let meets = find(&said[piece..piece + RATE / 2], track).at;
    let slack = meets.min(RATE / 4);
    let until = (piece + track.len() - meets - RATE / 4).min(said.len());
    assert_heard(what, &said[piece..until], &track[meets - slack..], slack);
}

#[test]
fn a_recording_has_both_sides_and_outlives_kill_9() {
    let _turn = my_turn();
    let mut pair = Pair::in_call("keeping-record", 9.0);
    let path = pair.record();
    pair.bob.expect_where("member", |event| event["who"] == "alice" && event["recording"] == true);
    assert!(path.starts_with(pair.scratch.join("kept")) && path.to_string_lossy().ends_with("_bob.opus"));
    pair.talk(5.0);
    pair.alice.say("record off");
    let event = pair.alice.expect_where("recording", |event| event["state"] == "off");
    assert_eq!(event["path"], path.to_str().expect("UTF-8"));
    pair.bob.expect_where("member", |event| event["who"] == "alice" && event["recording"] == false);
    let whole = ogg::read(&std::fs::read(&path).expect("it is there"));
    assert!(whole.complete && whole.tags.contains(&"TITLE=A call with bob".to_owned()));
    assert_kept("what alice said, left", &pair.said[0], &whole.tracks[0]);
    assert_kept("what bob said, right", &pair.said[1], &whole.tracks[1]);

    let second = pair.record();
    assert_ne!(second, path, "nothing is overwritten");
    pair.bob.expect_where("member", |event| event["recording"] == true);
    let pages = |path: &PathBuf| ogg::read(&std::fs::read(path).expect("it is there")).pages;
    wait_for("two seconds on the disk", || (pages(&second) >= 4).then_some(()));
    let pid = pair.alice.pid().to_string();
    assert!(Command::new("kill").args(["-9", &pid]).status().is_ok_and(|status| status.success()));
    wait_for("alice to be gone", || (!PathBuf::from(format!("/proc/{pid}/fd/0")).exists()).then_some(()));
    let rest = ogg::read(&std::fs::read(&second).expect("it is there"));
    assert!(!rest.complete && rest.tracks[1].len() >= 2 * RATE - rest.pre_skip);
}

/// Whoever comes to a call that is being recorded is told as those are who were in it.
#[test]
fn a_recording_in_a_call_of_three_is_told_to_both_others() {
    let _turn = my_turn();
    let scratch = Scratch::new("keeping-three");
    let server = Server::start(&scratch);
    let config = keeps_here(&scratch);
    let start = |name: &str| {
        let place = [server.invite.as_str(), "--config", config.as_str()];
        Headless::start_at(&scratch, name, &place, "tone", &[])
    };
    let (mut alice, mut bob, mut cat) = (start("alice"), start("bob"), start("cat"));
    alice.befriend(&mut bob);
    alice.befriend(&mut cat);
    alice.say("call bob cat");
    for other in [&mut bob, &mut cat] {
        other.expect_where("incoming_call", |event| event["from"] == "alice");
    }
    bob.say("answer");
    bob.expect("call_live");
    alice.expect_where("call_joined", |event| event["who"] == "bob");
    let records = |who: &mut Headless, state: &str| {
        who.say(&format!("record {state}"));
        who.expect_where("recording", |event| event["state"] == state);
    };
    let is_told = |who: &mut Headless, of: &str, recording: bool| {
        who.expect_where("member", |event| event["who"] == of && event["recording"] == recording);
    };
    records(&mut alice, "on");
    is_told(&mut bob, "alice", true);
    cat.say("answer");
    is_told(&mut cat, "alice", true);
    records(&mut alice, "off");
    is_told(&mut bob, "alice", false);
    is_told(&mut cat, "alice", false);

    // Now all three are in, and the one who records did not call.
    records(&mut bob, "on");
    is_told(&mut alice, "bob", true);
    is_told(&mut cat, "bob", true);
    records(&mut bob, "off");
    is_told(&mut alice, "bob", false);
    is_told(&mut cat, "bob", false);
    for one in [alice, bob, cat] {
        assert!(one.quit().success());
    }
}

#[test]
fn what_was_heard_is_heard_again_and_nobody_else_hears_it() {
    let _turn = my_turn();
    let mut pair = Pair::in_call("keeping-again", 4.0);
    pair.alice.say("record off");
    pair.talk(5.0);
    pair.alice.say("say-again on");
    assert_eq!(pair.alice.expect("saying_again")["on"], true);
    // What is left of the call in the ten seconds, from its first moment on; then it ends by itself.
    assert_eq!(pair.alice.expect("saying_again")["on"], false);
    pair.alice.say("hangup");
    pair.bob.expect("call_ended");
    pair.alice.expect("call_ended");
    let [alice, bob] = [pair.alice, pair.bob].map(|person| assert!(person.quit().success()));
    let ((), ()) = (alice, bob);
    let heard = signal::read_wav(&pair.scratch.join("alice-out.wav"));
    // Playout may stretch a voice where it likes: what was said is known by ear. Said again it is the same wave.
    let said = &pair.said[1][RATE / 2..];
    let first = hearing::meets(said, &heard[..5 * RATE]);
    let slack = first.min(RATE / 4);
    assert_heard("what bob said, the first time", said, &heard[first - slack..5 * RATE], slack);
    let piece = &heard[first + RATE..first + 2 * RATE];
    let again = find(piece, &heard[first + 3 * RATE..]);
    assert!(again.likeness > 0.95, "{again:?}");
    let bob_heard = signal::read_wav(&pair.scratch.join("bob-out.wav"));
    assert!(find(piece, &bob_heard).likeness < 0.4, "it stays in alice's ear");
    // Nothing of a call is on the disk unless somebody recorded it.
    assert!(!pair.scratch.join("kept").exists());
}

#[test]
fn without_a_call_there_is_nothing_to_keep_or_to_say_again() {
    let scratch = Scratch::new("keeping-none");
    let server = Server::start(&scratch);
    let mut alice = Headless::start(&scratch, "alice", &server, "null", &[]);
    alice.say("record on");
    assert_eq!(alice.expect("error")["code"], "no_call");
    alice.say("record maybe");
    assert_eq!(alice.expect("error")["code"], "usage");
    alice.say("say-again on");
    assert_eq!(alice.expect("saying_again")["on"], false);
}
