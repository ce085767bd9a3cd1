//! The instrument half with real devices: those without hardware on a virtual clock, and the sound card's door against
//! a private PulseAudio.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use proto::Time;
use proto::id::Ssrc;
use proto::media::processing::{PartState, Why, Wishes};
use proto::media::{
    AgentCommand, EncoderPlan, HalfState, SoundCommand, SoundEvent, Tape, TapeState, ToolCommand, ToolEvent,
};

use super::instruments::Instruments;
use super::{Agent, Settings};
use crate::codec::{Encoder, EncoderSettings};
use crate::device::opener::{Ask, Opener, Told};
use crate::device::testing::Scratch;
use crate::device::wav::{WavIn, WavOut};
use crate::device::{Choice, Half};
use crate::frame::{FrameDuration, OpusFrame};

mod durations;
mod muting;
mod sizes;
mod sleeping;

const PEER: Ssrc = Ssrc(7);
/// Other threads answer within so long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Instruments and what wakes them.
struct Side {
    instruments: Instruments,
    poll: mio::Poll,
    seq: u16,
}

impl Side {
    fn new(choice: &str) -> Self {
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let opener = Opener::start(waker).unwrap();
        let choice = Choice::parse(choice).unwrap();
        let instruments =
            Instruments::new(opener, choice, EncoderSettings::default(), Wishes::default()).unwrap();
        Self { instruments, poll, seq: 0 }
    }

    fn wait(&mut self, at_most: Duration) {
        let mut events = mio::Events::with_capacity(4);
        self.poll.poll(&mut events, Some(at_most)).unwrap();
    }

    /// Waits for the device thread to say what `wanted` recognises.
    fn until(&mut self, now: Time, wanted: impl Fn(&SoundEvent) -> bool) -> Vec<SoundEvent> {
        let mut seen = Vec::new();
        for _ in 0..PATIENCE.as_millis() / 10 {
            self.instruments.turn(now);
            self.instruments.answers(now);
            seen.extend(std::iter::from_fn(|| self.instruments.poll()));
            if seen.iter().any(&wanted) {
                return seen;
            }
            self.wait(Duration::from_millis(10));
        }
        panic!("{PATIENCE:?} passed, and only this came: {seen:?}");
    }

    /// Sound moves on to `now`; the frames made go to `peer`.
    fn turn(&mut self, now: Time, peer: &mut Self) {
        loop {
            let more = self.instruments.turn(now);
            while let Some(frame) = self.instruments.next_frame() {
                peer.instruments.play(PEER, self.seq, frame.bytes(), false, 0);
                self.seq = self.seq.wrapping_add(1);
            }
            if !more {
                break;
            }
        }
        self.instruments.answers(now);
    }
}

fn speaker_open(event: &SoundEvent) -> bool {
    matches!(event, SoundEvent::Speaker(HalfState::Open { .. }))
}

fn recorded(path: &Path) -> Vec<f32> {
    let mut input = WavIn::open(path).unwrap();
    let mut samples = vec![0.0; 48_000 * 6];
    input.fill(&mut samples);
    samples
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
}

/// Where in `heard` the start of `said` is found, in samples, and how alike the two are there, up to 1.
fn found(said: &[f32], heard: &[f32], latest: usize) -> (usize, f32) {
    let likeness = |delay: usize| {
        let heard = &heard[delay..delay + said.len()];
        let product: f32 = said.iter().zip(heard).map(|(a, b)| a * b).sum();
        product / (rms(said) * rms(heard) * said.len() as f32).max(1e-9)
    };
    (0..latest).map(|delay| (delay, likeness(delay))).max_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
}

#[test]
fn a_voice_from_a_file_reaches_the_other_file_soon_and_whole() {
    let scratch = Scratch::new("instruments");
    let (input, output) = (scratch.file("in.wav"), scratch.file("out.wav"));
    let voice = crate::testing::voice(96_000);
    WavOut::create(&input).unwrap().write(&voice);
    let mut alice = Side::new(&format!("wav:{},", input.display()));
    let mut bob = Side::new(&format!("wav:,{}", output.display()));
    bob.instruments.listen(PEER).unwrap();
    for side in [&mut alice, &mut bob] {
        side.instruments.open(Time::ZERO);
        side.until(Time::ZERO, speaker_open);
    }
    for ms in 1..=3_000 {
        alice.turn(Time::ms(ms), &mut bob);
        bob.turn(Time::ms(ms), &mut alice);
        if ms == 1_500 {
            // The output's thread stalls; the recording must keep its time all the same.
            for stall in 1..100 {
                alice.turn(Time::ms(ms + stall), &mut bob);
            }
        }
    }
    drop(bob);
    let heard = recorded(&output);
    // The first word, and those after the pause, in which the delay may change.
    let mut delays = Vec::new();
    for words in [0..9_600, 14_400..48_000] {
        let (delay, likeness) = found(&voice[words.clone()], &heard[words.start..], 4_800);
        assert!(likeness > 0.8, "{words:?}: likeness {likeness} at {delay}");
        assert!(delay < 48 * 30, "{words:?}: {} ms from file to file", delay / 48);
        delays.push(delay);
    }
    assert!(delays[0].abs_diff(delays[1]) <= 96, "{delays:?}");
    let duration = WavIn::open(&output).unwrap().left();
    assert_eq!(duration, 3 * 48_000, "three seconds passed, so three seconds were played");
}

#[test]
fn mute_is_silence_at_the_other_end_and_talk_goes_on_after() {
    let scratch = Scratch::new("mute");
    let output = scratch.file("out.wav");
    let mut alice = Side::new("tone");
    let mut bob = Side::new(&format!("wav:,{}", output.display()));
    bob.instruments.listen(PEER).unwrap();
    for side in [&mut alice, &mut bob] {
        side.instruments.open(Time::ZERO);
        side.until(Time::ZERO, speaker_open);
    }
    for ms in 1..=3_000 {
        match ms {
            1_000 => alice.instruments.mute(true),
            2_000 => alice.instruments.mute(false),
            _ => {}
        }
        alice.turn(Time::ms(ms), &mut bob);
        bob.turn(Time::ms(ms), &mut alice);
    }
    drop(bob);
    let heard = recorded(&output);
    assert!(rms(&heard[24_000..47_000]) > 0.05, "the tone is heard");
    assert!(rms(&heard[48_000 + 14_400..96_000]) == 0.0, "300 ms after the mute nothing is left");
    assert!(rms(&heard[96_000 + 9_600..140_000]) > 0.05, "and it comes back");
}

#[test]
fn half_a_device_is_told_and_the_other_half_works() {
    let mut side = Side::new("wav:/no/such/file.wav,");
    side.instruments.open(Time::ZERO);
    let events = side.until(Time::ZERO, speaker_open);
    let told = |event: &SoundEvent| matches!(event, SoundEvent::Microphone(HalfState::Failed { why }) if why.as_str().contains("check the path"));
    assert!(events.iter().any(told), "{events:?}");
}

#[test]
fn another_device_can_be_taken_in_the_middle_of_a_call() {
    let mut side = Side::new("null");
    side.instruments.open(Time::ZERO);
    side.until(Time::ZERO, speaker_open);
    side.instruments.choose(Choice::Tone, Time::ms(10));
    let named = |event: &SoundEvent| matches!(event, SoundEvent::Microphone(HalfState::Open { name, .. }) if name.as_str() == "tone");
    side.until(Time::ms(20), named);
    side.instruments.close();
    assert!(!side.instruments.turn(Time::secs(9)) && side.instruments.next_frame().is_none());
}

#[test]
fn a_card_with_another_half_is_still_in_a_room() {
    let mut side = Side::new("default");
    assert!(side.instruments.place().room);
    for half in [Half::Microphone, Half::Speaker] {
        side.instruments.choose_half(half, "Headset");
        assert!(side.instruments.place().room, "{half}");
    }
    assert!(!Side::new("tone").instruments.place().room);
}

#[test]
fn a_half_of_what_is_no_card_is_not_exchanged_and_all_goes_on() {
    let mut side = Side::new("tone");
    for open in [false, true] {
        if open {
            side.instruments.open(Time::ZERO);
            side.until(Time::ZERO, speaker_open);
        }
        side.instruments.choose_half(Half::Microphone, "Headset");
        let Some(SoundEvent::Refused(why)) = side.instruments.poll() else { panic!("it is refused") };
        assert!(why.as_str().contains("its microphone cannot be exchanged alone"), "{why}");
        assert!(!side.instruments.place().room, "still the tone");
    }
    side.instruments.turn(Time::ms(500));
    assert!(side.instruments.next_frame().is_some(), "it sounds");
}

#[test]
fn a_recording_that_cannot_be_is_told_and_nobody_is_told_of_one() {
    let scratch = Scratch::new("record-nowhere");
    let file = scratch.file("file");
    WavOut::create(&file).unwrap();
    let mut side = Side::new("null");
    side.instruments.open(Time::ZERO);
    side.until(Time::ZERO, speaker_open);
    let path = file.join("a.opus").display().to_string();
    side.instruments.tool(ToolCommand::Record(Some(Tape { path, title: String::new() })));
    let failed = |event: &SoundEvent| {
        let SoundEvent::Tool(ToolEvent::Recording(TapeState::Failed(why))) = event else { return false };
        why.as_str().contains("choose another folder")
    };
    side.until(Time::ms(10), failed);
    assert!(!side.instruments.is_recording());
}

#[test]
fn nothing_said_in_one_call_is_heard_in_the_next() {
    let mut alice = Side::new("tone");
    alice.instruments.force_frame(Some(FrameDuration::Ms20)).unwrap();
    alice.instruments.open(Time::ZERO);
    alice.until(Time::ZERO, speaker_open);
    // Half a frame of the tone stays behind, and a whole one that nobody fetched.
    alice.instruments.turn(Time::ms(30));
    alice.instruments.close();
    alice.instruments.open(Time::ms(100));
    assert!(alice.instruments.next_frame().is_none());
    alice.instruments.turn(Time::ms(110));
    assert!(alice.instruments.next_frame().is_none(), "10 ms of this call are not a frame yet");
    alice.instruments.turn(Time::ms(120));
    assert!(alice.instruments.next_frame().is_some());
}

#[test]
fn what_is_settled_is_done_also_at_the_devices() {
    let poll = mio::Poll::new().unwrap();
    let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
    let opener = Opener::start(waker).unwrap();
    let (token, settled) = sync_channel(0);
    opener.ask(Ask::List);
    opener.ask(Ask::Settle(token));
    assert_eq!(settled.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    assert!(matches!(opener.answer(), Some(Told::Devices(_))), "it came before");

    let agent = Agent::start(Settings::for_device("null").unwrap(), [7; 32], || {}).unwrap();
    agent.send(AgentCommand::Sound(SoundCommand::Mute(true))).unwrap();
    assert_eq!(agent.settled().recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
}

/// Frames of a loud tone, `ms` long.
fn tones(frame: FrameDuration, hertz: f32, ms: usize) -> Vec<OpusFrame> {
    let mut encoder = Encoder::new(EncoderSettings { frame, ..Default::default() }).unwrap();
    let len = frame.samples();
    let sample = |n: usize| 0.9 * (n as f32 * hertz * std::f32::consts::TAU / 48_000.0).sin();
    (0..ms * 48 / len)
        .map(|n| {
            let mut packet = OpusFrame::EMPTY;
            let samples: Vec<f32> = (n * len..(n + 1) * len).map(sample).collect();
            encoder.encode(&samples, &mut packet).unwrap();
            packet
        })
        .collect()
}

/// How much of `hertz` there is, as the amplitude of a sine (Goertzel's sum, written out).
fn amount(hertz: f32, samples: &[f32]) -> f32 {
    let turn = f64::from(hertz) * std::f64::consts::TAU / 48_000.0;
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        re += f64::from(*sample) * (turn * n as f64).cos();
        im += f64::from(*sample) * (turn * n as f64).sin();
    }
    (2.0 * re.hypot(im) / samples.len() as f64) as f32
}

#[test]
fn thirty_one_loud_speakers_of_all_durations_are_mixed_without_clipping() {
    let scratch = Scratch::new("many");
    let output = scratch.file("out.wav");
    let mut side = Side::new(&format!("wav:,{}", output.display()));
    let speakers: Vec<_> = (0..31u32)
        .map(|n| {
            let frame = FrameDuration::ALL[n as usize % 3];
            side.instruments.listen(Ssrc(n)).unwrap();
            (Ssrc(n), frame, tones(frame, 300.0 + 100.0 * n as f32, 2_000))
        })
        .collect();
    // Most are turned down, one more than the others, and the last is out after a second.
    (0..31).for_each(|n| side.instruments.set_volume(Ssrc(n), if n == 4 { 0 } else { 5 }));
    side.instruments.meter_every(Duration::from_millis(500), Time::ZERO);
    side.instruments.open(Time::ZERO);
    side.until(Time::ZERO, speaker_open);
    let mut levels = Vec::new();
    for ms in 1..=2_000usize {
        for (ssrc, frame, packets) in &speakers {
            if (ms - 1) % frame.ms() as usize == 0 {
                let seq = (ms - 1) / frame.ms() as usize;
                side.instruments.play(*ssrc, seq as u16, packets[seq].bytes(), false, 0);
            }
        }
        match ms {
            1_000 => side.instruments.deafen(Ssrc(30)),
            1_500 => (0..31).for_each(|n| side.instruments.set_volume(Ssrc(n), 200)),
            _ => {}
        }
        let now = Time::ms(ms as u64);
        while side.instruments.turn(now) {}
        side.instruments.tell_levels(now);
        levels.extend(std::iter::from_fn(|| side.instruments.poll()));
    }
    drop(side);
    let heard = recorded(&output);
    for n in 0..31u32 {
        let here = amount(300.0 + 100.0 * n as f32, &heard[24_000..43_200]);
        assert!(if n == 4 { here < 0.01 } else { (0.02..0.08).contains(&here) }, "{n}: {here}");
    }
    assert!(amount(300.0 + 3_000.0, &heard[57_600..67_200]) < 0.01, "who is out is heard no more");
    let loud = &heard[74_400..91_200];
    assert!(loud.iter().all(|sample| sample.abs() <= 1.0) && rms(loud) > 0.3, "limited: {}", rms(loud));
    let of_all = levels.iter().filter_map(|event| match event {
        SoundEvent::Levels(levels) => Some(levels.speakers.len()),
        SoundEvent::Microphone(_)
        | SoundEvent::Speaker(_)
        | SoundEvent::Devices(_)
        | SoundEvent::Statistics(_)
        | SoundEvent::Member(_)
        | SoundEvent::Processing(_)
        | SoundEvent::Tool(_)
        | SoundEvent::Refused(_) => None,
    });
    assert_eq!(of_all.collect::<Vec<_>>(), [31, 31, 30, 30], "each has its own level");
}

fn plan(ms: u64, low_delay: bool) -> EncoderPlan {
    EncoderPlan { frame: Duration::from_millis(ms), bit_rate: 64_000, loss_percent: 0, low_delay }
}

#[test]
fn low_delay_leaves_the_voice_as_it_is_whatever_its_frames_last() {
    // Decided, and set by a person: of frames of 5 ms alone nothing follows, nor does another duration undo low delay.
    for forced in [None, Some(FrameDuration::Ms5), Some(FrameDuration::Ms10), Some(FrameDuration::Ms20)] {
        let mut side = Side::new("default");
        side.instruments.force_frame(forced).unwrap();
        for (low_delay, in_clear, why) in [
            (true, false, Why::LowDelay),
            (false, false, Why::NoEcho),
            (true, false, Why::LowDelay),
            (true, true, Why::NoEcho),
        ] {
            side.instruments.set_plain(in_clear).unwrap();
            side.instruments.follow(plan(if low_delay { 5 } else { 10 }, low_delay)).unwrap();
            side.instruments.decide();
            let told = std::iter::from_fn(|| side.instruments.poll()).find_map(|event| {
                if let SoundEvent::Processing(told) = event { Some(told.echo) } else { None }
            });
            assert_eq!(told, Some(PartState { on: false, why }), "{forced:?}");
        }
    }
}

#[test]
fn what_a_person_sets_counts_more_than_what_is_decided() {
    let mut side = Side::new("tone");
    let at = |side: &Side| (side.instruments.encoder().frame.ms(), side.instruments.encoder().low_delay);
    side.instruments.follow(plan(5, true)).unwrap();
    assert_eq!(at(&side), (5, true));
    side.instruments.force_frame(Some(FrameDuration::Ms20)).unwrap();
    side.instruments.follow(plan(10, false)).unwrap();
    assert_eq!(at(&side), (20, false));
    side.instruments.force_frame(None).unwrap();
    assert_eq!(at(&side), (10, false));
    side.instruments.follow(plan(5, true)).unwrap();
    side.instruments.set_plain(true).unwrap();
    assert_eq!(at(&side), (10, false), "which a plain program can bear");
    side.instruments.set_plain(false).unwrap();
    assert_eq!(at(&side), (5, true));
}

#[test]
fn silence_is_sent_short_by_wish_and_never_in_a_plain_call() {
    let mut side = Side::new("tone");
    let short = |side: &Side| side.instruments.encoder().dtx;
    assert!(!short(&side), "which leaks, and is off unless asked for");
    side.instruments.set_dtx(true).unwrap();
    assert!(short(&side));
    side.instruments.set_frame(FrameDuration::Ms20).unwrap();
    assert!(short(&side), "whatever else is decided");
    side.instruments.set_plain(true).unwrap();
    assert!(!short(&side));
    side.instruments.set_plain(false).unwrap();
    side.instruments.set_dtx(false).unwrap();
    assert!(!short(&side));
}

#[test]
fn a_plain_call_has_frames_of_ten_milliseconds_and_the_next_call_its_own_again() {
    let mut side = Side::new("tone");
    side.instruments.set_frame(FrameDuration::Ms20).unwrap();
    let mut at = Time::ZERO;
    for (plain, frame) in [(false, 20), (true, 10), (false, 20)] {
        side.instruments.set_plain(plain).unwrap();
        side.instruments.open(at);
        side.until(at, speaker_open);
        if plain {
            side.instruments.set_frame(FrameDuration::Ms5).unwrap();
            side.instruments.set_frame(FrameDuration::Ms20).unwrap();
        }
        let mut durations = std::collections::BTreeSet::new();
        for _ in 0..200 {
            at += Duration::from_millis(1);
            side.instruments.turn(at);
            while let Some(packet) = side.instruments.next_frame() {
                durations.insert(crate::codec::duration(packet.bytes()).unwrap().ms());
                assert!(!plain || packet.bytes().len() <= 256);
            }
        }
        assert_eq!(durations.into_iter().collect::<Vec<_>>(), [frame]);
        side.instruments.close();
    }
}
