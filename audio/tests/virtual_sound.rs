//! The sound card's door against a real sound server: a private PulseAudio with null sinks, made by
//! `scripts/virtual-sound`, so that neither a card nor the user's own sound is touched.
//!
//! A process cannot safely change its own environment, and the server is named there: the test starts itself anew with
//! the environment of the virtual room and does its work in that child.

#![cfg(all(target_os = "linux", feature = "device"))]
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the test starts a sound server, plays into it and records from it"
)]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use line::{CALL, Line, PATIENCE, Party, alike, connect, voice};
use proto::Safe;
use proto::media::{AgentEvent, CallCommand, HalfState, SoundCommand, SoundEvent};

#[path = "virtual_sound/following.rs"]
mod following;
#[path = "virtual_sound/heap.rs"]
mod heap;
mod line;
#[path = "virtual_sound/waiting.rs"]
mod waiting;

/// Names the directory of the room to the child.
const ROOM: &str = "TINCAN_VIRTUAL_ROOM";

/// The sound server and its directory, gone after the test.
struct Room {
    dir: PathBuf,
}

impl Room {
    fn start(test: &str) -> Self {
        // Its socket's path has to be short, and two tests may begin alike.
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let short: String = test.rsplit(':').next().unwrap_or(test).chars().take(12).collect();
        let dir = std::env::temp_dir().join(format!("tincan-{short}-{}-{serial}", std::process::id()));
        let room = Self { dir };
        assert!(room.script(&["start"]).status().unwrap().success(), "scripts/virtual-sound did not start");
        room
    }

    fn script(&self, act: &[&str]) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/virtual-sound");
        let mut command = Command::new(script);
        command.arg(act[0]).arg(&self.dir).args(&act[1..]);
        command
    }

    /// What `env` prints for alice: `export NAME=VALUE NAME=VALUE ..`.
    fn environment(&self) -> Vec<(String, String)> {
        let output = self.script(&["env", "alice"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let pairs = text.split_whitespace().filter_map(|word| word.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = self.script(&["stop"]).status();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Runs `test` anew with a room's environment; in that child, runs `act`. Without `by_name` the environment names no
/// devices, and the server's defaults count.
fn in_a_room(test: &str, by_name: bool, act: fn(&Room)) {
    if let Some(dir) = std::env::var_os(ROOM) {
        let room = std::mem::ManuallyDrop::new(Room { dir: dir.into() });
        return act(&room);
    }
    let room = Room::start(test);
    let chosen = |(name, _): &(String, String)| !name.ends_with("SINK") && !name.ends_with("SOURCE");
    let status = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .envs(room.environment().into_iter().filter(|pair| by_name || chosen(pair)))
        .env(ROOM, &room.dir)
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in the virtual room; its words are above");
}

#[test]
fn a_voice_goes_in_at_the_microphone_and_comes_out_at_the_speaker() {
    in_a_room("a_voice_goes_in_at_the_microphone_and_comes_out_at_the_speaker", true, voices_cross);
}

#[test]
fn a_card_that_goes_away_is_told_and_found_again() {
    in_a_room("a_card_that_goes_away_is_told_and_found_again", true, card_goes_and_comes);
}

fn card_goes_and_comes(room: &Room) {
    let (_line, mut alice, mut bob) = call_by_card("null");
    assert!(room.script(&["stop"]).status().unwrap().success());
    until_both(&mut alice, "the news that it went", failed);
    assert!(room.script(&["start"]).status().unwrap().success());
    until_both(&mut alice, "the card again", opened);
    // A muted microphone is paused; it must come back too. Reports alone are five a second.
    alice.sound(SoundCommand::Mute(true));
    let before = bob.until_opened(1);
    alice.sound(SoundCommand::Mute(false));
    bob.until_opened(before + 300);
}

/// A call of alice, by the card, with bob, by `other`.
fn call_by_card(other: &str) -> (Line, Party, Party) {
    let line = Line::new();
    let (mut alice, mut bob) = (Party::new("default", 11), Party::new(other, 22));
    connect(&line, &mut alice, &mut bob);
    until_both(&mut alice, "the card", opened);
    (line, alice, bob)
}

/// Waits until `wanted` was told of both halves, in either order.
fn until_both(party: &mut Party, what: &str, wanted: fn(&AgentEvent, bool) -> Option<()>) {
    let mut halves = [false; 2];
    party.until(what, |event| {
        halves[0] |= wanted(event, false).is_some();
        halves[1] |= wanted(event, true).is_some();
        (halves == [true; 2]).then_some(())
    });
}

fn failed(event: &AgentEvent, microphone: bool) -> Option<()> {
    match event {
        AgentEvent::Sound(SoundEvent::Microphone(HalfState::Failed { .. })) => microphone.then_some(()),
        AgentEvent::Sound(SoundEvent::Speaker(HalfState::Failed { .. })) => (!microphone).then_some(()),
        AgentEvent::Sound(_) | AgentEvent::Call(_) => None,
    }
}

/// Alice has the room's microphone and speaker, bob has files.
fn voices_cross(room: &Room) {
    let dir = &room.dir;
    let said = voice(3 * 48_000);
    let (bob_in, bob_out) = (dir.join("bob-in.wav"), dir.join("bob-out.wav"));
    let mut writer = hound::WavWriter::create(&bob_in, spec()).unwrap();
    said.iter().for_each(|sample| writer.write_sample((sample * 32_767.0) as i16).unwrap());
    writer.finalize().unwrap();

    let recorder = Recorder::start();
    let line = Line::new();
    let mut alice = Party::new("default", 11);
    let mut bob = Party::new(&format!("wav:{},{}", bob_in.display(), bob_out.display()), 22);
    alice.sound(SoundCommand::ListDevices);
    alice.until("the devices", |event| match event {
        AgentEvent::Sound(SoundEvent::Devices(names)) => {
            let known = |names: &[proto::Safe], name: &str| names.iter().any(|n| n.as_str() == name);
            let all = known(&names.microphones, "bob_mic") && known(&names.speakers, "bob_spk");
            // A monitor is no microphone, and neither is in the list of the other.
            let strange = known(&names.microphones, "bob_spk") || known(&names.speakers, "bob_mic");
            (all && !strange).then_some(())
        }
        AgentEvent::Sound(_) | AgentEvent::Call(_) => None,
    });
    connect(&line, &mut alice, &mut bob);
    // Each half opens when it is ready: the speaker's word may come after the microphone's.
    until_both(&mut alice, "both halves of the card", opened);
    play(&said);
    bob.until_opened(400);
    alice.call(CallCommand::Close(CALL));
    drop((alice, bob));

    let reader = hound::WavReader::open(&bob_out).unwrap();
    let heard: Vec<f32> = reader.into_samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect();
    check("from alice's microphone to bob's file", &said, &heard);
    check("from bob's file to alice's speaker", &said, &recorder.finish());
}

fn opened(event: &AgentEvent, microphone: bool) -> Option<()> {
    match event {
        AgentEvent::Sound(SoundEvent::Microphone(HalfState::Open { .. })) => microphone.then_some(()),
        AgentEvent::Sound(SoundEvent::Speaker(HalfState::Open { .. })) => (!microphone).then_some(()),
        AgentEvent::Sound(_) | AgentEvent::Call(_) => None,
    }
}

fn check(way: &str, said: &[f32], heard: &[f32]) {
    let (likeness, level) = alike(&said[48_000..96_000], heard);
    assert!(likeness > 0.6, "{way}: likeness {likeness}");
    assert!(level.abs() < 3.0, "{way}: {level} dB");
}

fn spec() -> hound::WavSpec {
    hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    }
}

/// Says it into alice's microphone and returns when it has been said.
fn play(samples: &[f32]) {
    let mut player = Command::new("pacat")
        .args([
            "-d",
            "alice_mic_in",
            "--raw",
            "--format=s16le",
            "--rate=48000",
            "--channels=1",
            "--latency-msec=20",
        ])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let bytes: Vec<u8> = samples.iter().flat_map(|s| ((s * 32_767.0) as i16).to_le_bytes()).collect();
    player.stdin.take().unwrap().write_all(&bytes).unwrap();
    assert!(player.wait().unwrap().success());
}

/// Records all four lanes of the room's air.
struct Recorder {
    child: Child,
    reader: std::thread::JoinHandle<Vec<u8>>,
}

impl Recorder {
    fn start() -> Self {
        let mut child = Command::new("parec")
            .args(["-d", "world.monitor", "--raw", "--format=s16le", "--rate=48000", "--channels=4"])
            .args(["--channel-map=front-left,front-right,rear-left,rear-right", "--latency-msec=5"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdout.take().unwrap();
        let (began, begun) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut bytes = vec![0; 8];
            pipe.read_exact(&mut bytes).unwrap();
            began.send(Instant::now()).unwrap();
            // The end of the recorder is the end of the recording.
            let _ = pipe.read_to_end(&mut bytes);
            bytes
        });
        begun.recv_timeout(PATIENCE).expect("the recorder hears the room");
        Self { child, reader }
    }

    /// Alice's speaker, the second lane.
    fn finish(mut self) -> Vec<f32> {
        std::thread::sleep(Duration::from_millis(100));
        let _ = self.child.kill();
        let _ = self.child.wait();
        let bytes = self.reader.join().unwrap();
        bytes
            .chunks_exact(8)
            .map(|frame| f32::from(i16::from_le_bytes([frame[2], frame[3]])) / 32_768.0)
            .collect()
    }
}
