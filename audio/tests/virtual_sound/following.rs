//! What happens to devices in the middle of a call, made to happen with `pactl`: the call goes on, and follows.

use std::collections::BTreeSet;

use super::*;

/// Hertz of `--device tone`.
const TONE: f32 = 440.0;

#[test]
fn another_default_is_followed() {
    in_a_room("following::another_default_is_followed", false, defaults_change);
}

#[test]
fn another_speaker_is_taken_left_when_unplugged_and_taken_again() {
    let test = "following::another_speaker_is_taken_left_when_unplugged_and_taken_again";
    in_a_room(test, true, speaker_goes_and_comes);
}

#[test]
fn a_speaker_that_was_suspended_is_heard_again() {
    in_a_room("following::a_speaker_that_was_suspended_is_heard_again", true, speaker_is_suspended);
}

#[test]
fn a_voice_that_was_turned_down_in_the_mixer_stays_so() {
    in_a_room("following::a_voice_that_was_turned_down_in_the_mixer_stays_so", true, turned_down);
}

#[test]
fn a_closed_microphone_has_no_reader() {
    in_a_room("following::a_closed_microphone_has_no_reader", true, microphone_is_closed);
}

#[test]
fn a_microphone_that_is_unplugged_and_plugged_in_is_heard_again() {
    let test = "following::a_microphone_that_is_unplugged_and_plugged_in_is_heard_again";
    in_a_room(test, true, microphone_goes_and_comes);
}

#[test]
fn what_a_speaker_plays_is_not_sent_in_place_of_the_last_microphone() {
    let test = "following::what_a_speaker_plays_is_not_sent_in_place_of_the_last_microphone";
    in_a_room(test, false, last_microphone_goes);
}

#[test]
fn a_microphone_that_gives_nothing_is_told() {
    in_a_room("following::a_microphone_that_gives_nothing_is_told", true, microphone_is_suspended);
}

#[test]
fn a_server_that_is_away_for_a_moment_is_taken_again() {
    in_a_room("following::a_server_that_is_away_for_a_moment_is_taken_again", true, server_is_away);
}

#[test]
fn a_device_that_is_not_there_is_told_with_the_one_that_is_taken() {
    let test = "following::a_device_that_is_not_there_is_told_with_the_one_that_is_taken";
    in_a_room(test, true, wrong_names);
}

fn wrong_names(_: &Room) {
    let line = Line::new();
    let (mut alice, mut bob) = (Party::new("default", 11), Party::new("null", 22));
    alice.sound(SoundCommand::Microphone("typo".into()));
    alice.until("that there is no such microphone", |event| {
        let AgentEvent::Sound(SoundEvent::Microphone(HalfState::Absent { wanted, instead })) = event else {
            return None;
        };
        assert_eq!((wanted.as_str(), instead.as_ref().map(Safe::as_str)), ("typo", Some("alice_mic")));
        Some(())
    });
    assert_eq!(corked(), [false; 0], "looking opens nothing");
    connect(&line, &mut alice, &mut bob);
    assert_eq!(until_taken(&mut alice, true), ("alice_mic".into(), Some("typo".into())));
    // What is open already, by its name, by none, and again by a wrong one: each is answered.
    for (name, missing) in [("alice_mic", None), ("nor this", Some("nor this")), ("default", None)] {
        alice.sound(SoundCommand::Microphone(name.into()));
        let taken = ("alice_mic".to_owned(), missing.map(str::to_owned));
        assert_eq!(until_taken(&mut alice, true), taken, "{name}");
    }
    alice.sound(SoundCommand::Speaker("typo".into()));
    assert_eq!(until_taken(&mut alice, false), ("alice_spk".into(), Some("typo".into())));
    // The one that was named comes after all.
    pactl(&["load-module", "module-null-sink", "sink_name=typo", "sink_properties=device.description=typo"]);
    assert_eq!(until_taken(&mut alice, false), ("typo".into(), None));
}

/// The device that is told next, and the one in whose place it is.
fn until_taken(party: &mut Party, microphone: bool) -> (String, Option<String>) {
    party.until("a device", |event| {
        let half = match event {
            AgentEvent::Sound(SoundEvent::Microphone(half)) if microphone => half,
            AgentEvent::Sound(SoundEvent::Speaker(half)) if !microphone => half,
            AgentEvent::Sound(_) | AgentEvent::Call(_) => return None,
        };
        let HalfState::Open { name, wanted, .. } = half else { return None };
        Some((name.to_string(), wanted.as_ref().map(ToString::to_string)))
    })
}

fn defaults_change(_: &Room) {
    let line = Line::new();
    let (mut alice, mut bob) = (Party::new("default", 11), Party::new("tone", 22));
    connect(&line, &mut alice, &mut bob);
    until_both(&mut alice, "the defaults", opened);
    assert_eq!(read_devices(), names(&["alice_mic"]));
    pactl(&["set-default-sink", "bob_spk"]);
    until_named(&mut alice, "bob_spk", false);
    pactl(&["set-default-source", "bob_mic"]);
    until_named(&mut alice, "bob_mic", true);
    assert_eq!(read_devices(), names(&["bob_mic"]), "the one of before is left");
    assert!(tone_at("bob_spk.monitor", 48_000) > 0.02, "bob is heard there");
    // Voice goes on from the new microphone.
    let before = bob.until_opened(1);
    bob.until_opened(before + 100);
}

fn speaker_goes_and_comes(_: &Room) {
    let (_line, mut alice, mut bob) = call_by_card("tone");
    // Of another rate than ours, which it keeps: a sink of its own would take over that of its first stream.
    let headset = |rate: u32| {
        let remap = ["load-module", "module-remap-sink", "sink_name=headset", "master=bob_spk", "channels=1"];
        let mono = ["channel_map=mono", "master_channel_map=mono", "remix=no"];
        let rate = format!("rate={rate}");
        let about = [rate.as_str(), "sink_properties=device.description=headset"];
        pactl(&[&remap[..], &mono, &about].concat())
    };
    let module = headset(44_100);
    alice.sound(SoundCommand::Speaker("headset".into()));
    let seen = alice.seen.len();
    until_named(&mut alice, "headset", false);
    assert!(speaker("headset").contains(" 44100Hz"), "{}", speaker("headset"));
    assert!(tone_at("headset.monitor", 44_100) > 0.02, "bob is heard in the headset");
    pactl(&["unload-module", module.trim()]);
    until_named(&mut alice, "alice_spk", false);
    assert!(tone_at("alice_spk.monitor", 48_000) > 0.02, "and then in the default");
    // The same name, and another rate.
    headset(96_000);
    until_named(&mut alice, "headset", false);
    assert!(speaker("headset").contains(" 96000Hz"), "{}", speaker("headset"));
    assert!(tone_at("headset.monitor", 96_000) > 0.02, "and again in the headset");
    let microphone = |event: &AgentEvent| matches!(event, AgentEvent::Sound(SoundEvent::Microphone(_)));
    assert!(!alice.seen[seen..].iter().any(microphone), "nobody touched the microphone");
    bob.until_opened(100);
}

fn speaker_is_suspended(_: &Room) {
    let (_line, mut alice, mut bob) = call_by_card("tone");
    assert!(tone_at("alice_spk.monitor", 48_000) > 0.02, "bob is heard");
    pactl(&["suspend-sink", "alice_spk", "1"]);
    // Nothing is asked of us any more. That may as well be a stream that died: it is built anew.
    until_named(&mut alice, "alice_spk", false);
    assert!(speaker("alice_spk").ends_with("SUSPENDED"), "{}", speaker("alice_spk"));
    pactl(&["suspend-sink", "alice_spk", "0"]);
    poll_for("the speaker to go on", || !speaker("alice_spk").ends_with("SUSPENDED"));
    assert!(tone_at("alice_spk.monitor", 48_000) > 0.02, "bob is heard again");
    let before = bob.until_opened(1);
    bob.until_opened(before + 100);
}

fn turned_down(_: &Room) {
    // What desktops remember it with.
    pactl(&["load-module", "module-stream-restore"]);
    let (_line, mut alice, _bob) = call_by_card("null");
    let volume = || {
        let streams = ours("sink-inputs");
        let [stream] = streams.as_slice() else { panic!("one plays: {streams:?}") };
        let number = stream.trim_start().lines().next().and_then(|first| first.split('#').nth(1)).unwrap();
        (number.to_owned(), field(stream, "Volume: "))
    };
    let (before, _) = volume();
    pactl(&["set-sink-input-volume", &before, "30%"]);
    let (_, chosen) = volume();
    assert!(chosen.contains(" 30% "), "{chosen}");
    // Another device, or the next call: another stream.
    alice.sound(SoundCommand::Speaker("bob_spk".into()));
    until_named(&mut alice, "bob_spk", false);
    poll_for("the new stream alone", || ours("sink-inputs").len() == 1);
    let (after, kept) = volume();
    assert_ne!(before, after);
    assert_eq!(kept, chosen);
}

fn microphone_goes_and_comes(_: &Room) {
    let line = Line::new();
    let (mut alice, mut bob) = (Party::new("default", 11), Party::new("null", 22));
    let load = || {
        let remap = ["load-module", "module-remap-source", "source_name=lapel", "master=world.monitor"];
        pactl(&[&remap[..], &["source_properties=device.description=lapel"]].concat())
    };
    let module = load();
    alice.sound(SoundCommand::Microphone("lapel".into()));
    connect(&line, &mut alice, &mut bob);
    until_named(&mut alice, "lapel", true);
    pactl(&["unload-module", module.trim()]);
    until_named(&mut alice, "alice_mic", true);
    assert_eq!(read_devices(), names(&["alice_mic"]));
    load();
    until_named(&mut alice, "lapel", true);
    let before = bob.until_opened(1);
    bob.until_opened(before + 100);
}

fn last_microphone_goes(_: &Room) {
    let (_line, mut alice, _bob) = call_by_card("null");
    let modules = pactl(&["list", "short", "modules"]);
    // Bob's first: the one that is read is the last.
    for name in ["source_name=bob_mic", "source_name=alice_mic"] {
        let number = modules.lines().find(|row| row.contains(name)).and_then(|row| row.split('\t').next());
        pactl(&["unload-module", number.unwrap()]);
    }
    alice.until("that there is no microphone", |event| match event {
        AgentEvent::Sound(SoundEvent::Microphone(HalfState::Failed { why })) => {
            why.as_str().starts_with("no microphone found").then_some(())
        }
        AgentEvent::Sound(_) | AgentEvent::Call(_) => None,
    });
    assert!(pactl(&["info"]).contains(".monitor\n"), "the server has a default all the same");
    until_devices(&names(&[]));
    // Who names it means it.
    alice.sound(SoundCommand::Microphone("bob_spk.monitor".into()));
    until_devices(&names(&["bob_spk.monitor"]));
}

fn microphone_is_suspended(_: &Room) {
    pactl(&["suspend-source", "alice_mic", "1"]);
    let line = Line::new();
    let (mut alice, mut bob) = (Party::new("default", 11), Party::new("null", 22));
    connect(&line, &mut alice, &mut bob);
    alice.until("that it gives nothing", |event| failed(event, true));
    pactl(&["suspend-source", "alice_mic", "0"]);
    until_named(&mut alice, "alice_mic", true);
}

fn server_is_away(room: &Room) {
    // Another server is where ALSA goes.
    let elsewhere = Room { dir: room.dir.join("elsewhere") };
    assert!(elsewhere.script(&["start"]).status().unwrap().success());
    let (_line, mut alice, _bob) = call_by_card("null");
    std::fs::copy(elsewhere.dir.join("asound.conf"), room.dir.join("asound.conf")).unwrap();
    assert!(room.script(&["stop"]).status().unwrap().success());
    alice.until("that it is missed, and nothing else taken", |event| match event {
        AgentEvent::Sound(SoundEvent::Microphone(HalfState::Failed { why })) => {
            why.as_str().starts_with("no sound system answers").then_some(())
        }
        AgentEvent::Sound(_) | AgentEvent::Call(_) => None,
    });
    assert!(room.script(&["start"]).status().unwrap().success());
    poll_for("both halves at the server", || {
        ["sink-inputs", "source-outputs"].iter().all(|kind| ours(kind).len() == 1)
    });
}

fn microphone_is_closed(_: &Room) {
    let line = Line::new();
    let mut rung = Party::new("default", 33);
    line.bind(&mut rung);
    assert_eq!(corked(), [false; 0], "nobody said yes yet");
    drop(rung);
    let (_line, mut alice, _bob) = call_by_card("null");
    assert_eq!(corked(), [false]);
    alice.sound(SoundCommand::MeterEvery(Duration::from_millis(50)));
    alice.sound(SoundCommand::Mute(true));
    until_corked(&[true]);
    let level = |party: &mut Party| {
        party.until("a level", |event| match event {
            AgentEvent::Sound(SoundEvent::Levels(levels)) => Some(levels.microphone),
            AgentEvent::Sound(_) | AgentEvent::Call(_) => None,
        })
    };
    level(&mut alice);
    assert_eq!(level(&mut alice), -90.0, "nothing is shown of what is not sent");
    // A muted microphone that is opened is closed from the beginning.
    alice.sound(SoundCommand::Microphone("bob_mic".into()));
    until_devices(&names(&["bob_mic"]));
    assert_eq!(corked(), [true]);
    alice.sound(SoundCommand::Mute(false));
    until_corked(&[false]);
    alice.call(CallCommand::Close(CALL));
    until_corked(&[]);
}

/// Runs `pactl` against the room; what it said.
pub(super) fn pactl(words: &[&str]) -> String {
    let output = Command::new("pactl").env("LC_ALL", "C").args(words).output().unwrap();
    assert!(output.status.success(), "pactl {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The microphones that tincan reads.
fn read_devices() -> BTreeSet<String> {
    let sources = pactl(&["list", "short", "sources"]);
    let name = |index: &str| {
        let mut rows = sources.lines().map(|row| row.split('\t').collect::<Vec<_>>());
        rows.find(|row| row[0] == index).map(|row| row[1].to_owned()).unwrap()
    };
    ours("source-outputs").iter().map(|block| name(&field(block, "Source: "))).collect()
}

/// Whether each of tincan's readers is stopped.
fn corked() -> Vec<bool> {
    ours("source-outputs").iter().map(|block| field(block, "Corked: ") == "yes").collect()
}

/// The streams of a kind that are ours, as the server tells of them.
pub(super) fn ours(kind: &str) -> Vec<String> {
    let all = pactl(&["list", kind]);
    all.split("\n\n").filter(|block| block.contains("\"tincan\"")).map(str::to_owned).collect()
}

/// What the server says of a speaker: its rate, and last whether it runs.
fn speaker(name: &str) -> String {
    let sinks = pactl(&["list", "short", "sinks"]);
    let row = sinks.lines().find(|row| row.split('\t').nth(1) == Some(name));
    row.unwrap_or_else(|| panic!("no {name} in {sinks}")).to_owned()
}

pub(super) fn field(block: &str, name: &str) -> String {
    let row = block.lines().find_map(|row| row.trim().strip_prefix(name));
    row.unwrap_or_else(|| panic!("no {name} in {block}")).to_owned()
}

fn until_corked(wanted: &[bool]) {
    poll_for(&format!("readers with {wanted:?}"), || corked() == wanted);
}

fn until_devices(wanted: &BTreeSet<String>) {
    poll_for(&format!("readers of {wanted:?}"), || read_devices() == *wanted);
}

fn poll_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the device of that name works.
fn until_named(party: &mut Party, device: &str, microphone: bool) {
    party.until(device, |event| match event {
        AgentEvent::Sound(SoundEvent::Microphone(HalfState::Open { name, .. })) => {
            (microphone && name.as_str() == device).then_some(())
        }
        AgentEvent::Sound(SoundEvent::Speaker(HalfState::Open { name, .. })) => {
            (!microphone && name.as_str() == device).then_some(())
        }
        AgentEvent::Sound(_) | AgentEvent::Call(_) => None,
    });
}

/// How much of the tone is in half a second of what a device plays, as the amplitude of a sine: the loudest of some
/// tries, since it may only be beginning.
pub(super) fn tone_at(monitor: &str, rate: u32) -> f32 {
    let mut recorder = Command::new("parec")
        .args(["-d", monitor, "--raw", "--format=s16le", "--channels=1", "--latency-msec=5"])
        .arg(format!("--rate={rate}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = recorder.stdout.take().unwrap();
    let mut loudest = 0f32;
    for _ in 0..10 {
        let mut bytes = vec![0; rate as usize];
        pipe.read_exact(&mut bytes).unwrap();
        let turn = TONE * std::f32::consts::TAU / rate as f32;
        let (mut re, mut im) = (0.0, 0.0);
        for (n, pair) in bytes.chunks_exact(2).enumerate() {
            let sample = f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0;
            re += sample * (turn * n as f32).cos();
            im += sample * (turn * n as f32).sin();
        }
        loudest = loudest.max(2.0 * re.hypot(im) / (bytes.len() / 2) as f32);
        if loudest > 0.05 {
            break;
        }
    }
    let _ = recorder.kill();
    let _ = recorder.wait();
    loudest
}
