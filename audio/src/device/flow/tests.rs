//! Flows through real files, and through readers and rings as a pipe drives them.
#![expect(clippy::disallowed_methods, reason = "the tests write files to be read")]

use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::device::testing::Scratch;
use crate::device::wav::{WavIn, WavOut};

fn voice(count: usize) -> Vec<f32> {
    (0..count).map(|n| (n as f32 * 0.05).sin() * 0.7).collect()
}

fn wav(scratch: &Scratch, name: &str, samples: &[f32]) -> PathBuf {
    let path = scratch.file(name);
    WavOut::create(&path).unwrap().write(samples);
    path
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Trades blocks until the flows have something to tell.
fn until_news(flows: &mut Flows, said: &mut Vec<f32>, heard: &[f32]) -> ToolEvent {
    for _ in 0..2_000 {
        let mut block = [9.0; 240];
        flows.exchange(heard, &mut block);
        said.extend(block);
        if let Some(news) = flows.news() {
            return news;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    panic!("nothing was told");
}

/// What was said, without the silence of a reader that had not come that far.
fn spoken(said: &[f32]) -> Vec<f32> {
    said.iter().copied().filter(|sample| *sample != 0.0).collect()
}

#[test]
fn a_file_waits_for_a_listener_is_said_whole_and_again_in_the_next_call() {
    let scratch = Scratch::new("flow-whole");
    let told = voice(48_000);
    let path = wav(&scratch, "in.wav", &told);
    let mut flows = Flows::open(Some(Flow::File(path)), None).unwrap();
    for _ in 0..2 {
        let mut said = [9.0; 240];
        for _ in 0..200 {
            flows.exchange(&[0.0; 240], &mut said);
            assert_eq!(said, [0.0; 240], "nobody can hear it yet");
        }
        assert_eq!(flows.news(), None);
        flows.begin();
        let mut said = Vec::new();
        assert_eq!(until_news(&mut flows, &mut said, &[0.0; 240]), ToolEvent::InputEnded);
        assert!(worst(&spoken(&said), &spoken(&told)) < 1e-4);
        assert_eq!(flows.news(), None, "told once");
        flows.start_over();
    }
}

#[test]
fn what_is_heard_is_in_the_file_to_the_last_sample() {
    let scratch = Scratch::new("flow-heard");
    let (path, heard) = (scratch.file("out.wav"), voice(24_000));
    let mut flows = Flows::open(None, Some(Flow::File(path.clone()))).unwrap();
    let mut said = [9.0; 240];
    for block in heard.chunks(240) {
        flows.exchange(block, &mut said);
        assert_eq!(said, [0.0; 240], "a half that was not named is silent");
    }
    drop(flows);
    let mut back = WavIn::open(&path).unwrap();
    assert_eq!(back.left(), heard.len());
    let mut samples = vec![0.0; heard.len()];
    back.fill(&mut samples);
    assert!(worst(&samples, &heard) < 1e-4);
}

#[test]
fn what_cannot_be_opened_is_told_with_what_to_do() {
    let scratch = Scratch::new("flow-errors");
    let none = || Some(Flow::File(scratch.file("no/such.wav")));
    let mut said = Vec::new();
    let mut flows = Flows::open(none(), None).unwrap();
    let ToolEvent::InputFailed(why) = until_news(&mut flows, &mut said, &[0.0; 240]) else {
        panic!("it must fail");
    };
    assert!(why.as_str().contains("check the path"), "{why:?}");
    let mut flows = Flows::open(None, none()).unwrap();
    let failed = until_news(&mut flows, &mut said, &[0.0; 240]);
    assert!(matches!(failed, ToolEvent::OutputFailed { closed: false, .. }), "{failed:?}");
    assert!(check(&none().unwrap()).is_err());
    std::fs::write(scratch.file("text.wav"), b"not sound at all").unwrap();
    let why = check(&Flow::File(scratch.file("text.wav"))).unwrap_err().to_string();
    assert!(why.contains("convert"), "{why}");
    assert!(check(&Flow::File(scratch.path().to_owned())).unwrap_err().to_string().contains("directory"));
    assert_eq!(check(&Flow::File(wav(&scratch, "good.wav", &[0.1; 9]))), Ok(()));
    assert_eq!(check(&Flow::Standard), Ok(()));

    assert!(check_output(&none().unwrap()).unwrap_err().to_string().contains("check the path"));
    let folder = Flow::File(scratch.path().to_owned());
    assert!(check_output(&folder).unwrap_err().to_string().contains("directory"));
    for good in [Flow::File(scratch.file("new.wav")), Flow::File("new.wav".into()), Flow::Standard] {
        assert_eq!(check_output(&good), Ok(()), "{good:?}");
    }
    assert!(!scratch.file("new.wav").exists(), "nothing is made before there is something to write");
}

/// A pipe that nobody reads: the ring fills, the rest is counted, and no exchange ever waits.
#[test]
fn a_reader_that_stands_still_costs_sound_and_not_the_call() {
    let scratch = Scratch::new("flow-slow");
    let path = scratch.file("fifo");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    // Opening a pipe for writing waits for its reader, who never comes.
    let mut flows = Flows::open(None, Some(Flow::File(path.clone()))).unwrap();
    let mut said = Vec::new();
    let behind = until_news(&mut flows, &mut said, &[0.5; 240]);
    let ToolEvent::OutputBehind(dropped) = behind else { panic!("{behind:?}") };
    assert!((24_000..26_000).contains(&dropped), "{dropped}");
    assert_eq!(said.len() as u64, BEHIND_MAX as u64 + dropped);
    // Lets the thread end.
    drop(std::fs::read(&path));
}

fn streamed(bytes: &[u8]) -> Result<Vec<f32>, hound::Error> {
    let mut samples = Vec::new();
    reading::stream(bytes, &mut |sample| {
        samples.push(sample);
        true
    })?;
    Ok(samples)
}

#[test]
fn a_stream_is_raw_unless_it_says_that_it_is_wav() {
    let raw: Vec<u8> = [0i16, 16_384, -32_768, 1].iter().flat_map(|s| s.to_le_bytes()).collect();
    assert_eq!(streamed(&raw).unwrap(), [0.0, 0.5, -1.0, 1.0 / 32_768.0]);
    assert_eq!(streamed(&raw[..7]).unwrap().len(), 3, "half a sample is none");
    assert!(streamed(&raw[..1]).unwrap().is_empty() && streamed(&[]).unwrap().is_empty());

    let scratch = Scratch::new("flow-stream");
    let told = voice(4_800);
    let mut bytes = std::fs::read(wav(&scratch, "a.wav", &told)).unwrap();
    assert!(worst(&streamed(&bytes).unwrap(), &told) < 1e-4);
    // As programs write that cannot know how much will come.
    for unknown in [0u32, 0x7fff_f000, u32::MAX] {
        bytes[40..44].copy_from_slice(&unknown.to_le_bytes());
        assert!(worst(&streamed(&bytes).unwrap(), &told) < 1e-4, "{unknown:x}");
    }
}

#[test]
fn other_rates_and_channels_are_understood() {
    let scratch = Scratch::new("flow-rates");
    let path = scratch.file("a.wav");
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 22_050,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for n in 0..22_050 {
        let sample = ((n as f32 * 440.0 * std::f32::consts::TAU / 22_050.0).sin() * 16_000.0) as i16;
        writer.write_sample(sample).unwrap();
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    let back = streamed(&std::fs::read(&path).unwrap()).unwrap();
    assert!((47_900..=48_000).contains(&back.len()), "{}", back.len());
    // The filter rings a little where the sound begins.
    let rising = back[4_800..].windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
    assert!((394..=397).contains(&rising), "{rising} in 0.9 s");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn junk_is_refused_or_short_and_never_fatal(
        mut junk in proptest::collection::vec(any::<u8>(), 0..300),
        header in 0usize..4,
    ) {
        let heads: [&[u8]; 4] = [b"", b"RIFF\xff\xff\x00\x00WAVEfmt ", b"RIFF", b"RIFF\x00\x00\x00\x00WAVEdata"];
        junk.splice(0..0, heads[header].iter().copied());
        if let Ok(samples) = streamed(&junk) {
            prop_assert!(samples.len() <= 12 * junk.len());
        }
    }
}
