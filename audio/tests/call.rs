//! Whole agents, with their threads, sockets and keys, in a call through a real relay.

#![expect(clippy::unwrap_used, reason = "the tests make directories and look at recordings")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use line::{CALL, Line, Party, alike, connect, voice};
use proto::media::{AgentEvent, CallCommand, CallEvent, HalfState, SoundCommand, SoundEvent};

mod line;
#[path = "call/many.rs"]
mod many;

/// A directory that is gone after the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tincan-call-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn write(path: &Path, samples: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
}

fn read(path: &Path) -> Vec<f32> {
    let reader = hound::WavReader::open(path).unwrap();
    reader.into_samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect()
}

#[test]
fn two_voices_cross_and_the_recordings_are_whole() {
    let scratch = Scratch::new("cross");
    let file = |name: &str| scratch.0.join(name);
    let alice_said = voice(2 * 48_000);
    let bob_said: Vec<f32> = alice_said.iter().rev().copied().collect();
    write(&file("alice-in.wav"), &alice_said);
    write(&file("bob-in.wav"), &bob_said);
    let device = |name: &str| {
        format!(
            "wav:{},{}",
            file(&format!("{name}-in.wav")).display(),
            file(&format!("{name}-out.wav")).display()
        )
    };
    let line = Line::new();
    let (mut alice, mut bob) = (Party::new(&device("alice"), 11), Party::new(&device("bob"), 22));
    connect(&line, &mut alice, &mut bob);
    alice.until_opened(300);
    bob.until_opened(300);
    alice.call(CallCommand::Close(CALL));
    bob.until_call("HungUp", |event| matches!(event, CallEvent::HungUp { .. }).then_some(()));
    drop((alice, bob));
    for (said, heard) in [(&alice_said, "bob-out.wav"), (&bob_said, "alice-out.wav")] {
        let heard = read(&file(heard));
        let (likeness, level) = alike(said, &heard);
        assert!(likeness > 0.75, "likeness {likeness}");
        assert!(level.abs() < 3.0, "{level} dB");
    }
}

#[test]
fn mute_silences_and_unmute_brings_back() {
    let line = Line::new();
    let (mut alice, mut bob) = (Party::new("tone", 11), Party::new("null", 22));
    connect(&line, &mut alice, &mut bob);
    bob.sound(SoundCommand::MeterEvery(Duration::from_millis(50)));
    let heard = |event: &AgentEvent| match event {
        AgentEvent::Sound(SoundEvent::Levels(levels)) => levels.speakers.first().map(|(_, level)| *level),
        AgentEvent::Sound(_) | AgentEvent::Call(_) => None,
    };
    bob.until("the tone", |event| heard(event).filter(|level| *level > -25.0));
    alice.sound(SoundCommand::Mute(true));
    bob.until("silence", |event| heard(event).filter(|level| *level < -50.0));
    alice.sound(SoundCommand::Mute(false));
    bob.until("the tone again", |event| heard(event).filter(|level| *level > -25.0));
}

#[test]
fn before_open_no_device_is_touched_and_nothing_is_sent() {
    let scratch = Scratch::new("ringing");
    let out = scratch.0.join("out.wav");
    let line = Line::new();
    let mut alice = Party::new(&format!("wav:,{}", out.display()), 11);
    line.bind(&mut alice);
    assert!(!out.exists(), "a speaker was opened while it rings");
    let opened = |event: &AgentEvent| matches!(event, AgentEvent::Sound(_));
    assert!(!alice.seen.iter().any(opened), "{:?}", alice.seen);
    alice.call(CallCommand::Open(CALL));
    alice.until("the speaker", |event| {
        matches!(event, AgentEvent::Sound(SoundEvent::Speaker(HalfState::Open { .. }))).then_some(())
    });
    assert!(out.exists());
}

#[test]
fn a_broken_microphone_is_told_and_the_call_goes_on_with_the_speaker() {
    let line = Line::new();
    let (mut alice, mut bob) = (Party::new("wav:/no/such/file.wav,", 11), Party::new("tone", 22));
    connect(&line, &mut alice, &mut bob);
    alice.until("the failure", |event| match event {
        AgentEvent::Sound(SoundEvent::Microphone(HalfState::Failed { why })) => {
            why.as_str().contains("check the path").then_some(())
        }
        AgentEvent::Sound(_) | AgentEvent::Call(_) => None,
    });
    alice.sound(SoundCommand::MeterEvery(Duration::from_millis(50)));
    alice.until("bob's tone", |event| match event {
        AgentEvent::Sound(SoundEvent::Levels(levels)) => {
            levels.speakers.first().filter(|(_, l)| *l > -25.0).map(drop)
        }
        AgentEvent::Sound(_) | AgentEvent::Call(_) => None,
    });
}
