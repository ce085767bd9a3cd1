//! Sound files in the place of a microphone and a speaker, for bots and for tests that count samples.
//!
//! The input is read whole when it is opened, which is why its length is bounded. The output is written by the voice
//! thread through a buffer; its header is brought up to date every second, so that a program that is killed leaves a
//! file that can be read up to then.

#![expect(clippy::disallowed_types, reason = "this is the door to sound files")]
#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "the tests write files to be read"))]

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind};
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use super::DeviceError;
use crate::frame::SAMPLE_RATE;
use crate::resample;

/// The longest input, seconds: at 48 kHz it takes 115 MB.
pub const INPUT_SECONDS_MAX: u32 = 600;
/// Samples between two updates of the output's header: a second.
const HEADER_EVERY: u32 = SAMPLE_RATE;
/// The longest output, samples, some twelve hours and 25 minutes: a WAV file tells its length in 32 bits, as bytes from
/// behind the first eight on. Before the sound there are 44.
const OUTPUT_SAMPLES_MAX: usize = (u32::MAX as usize - 44) / 2;

/// A recording that is heard once, from its beginning, and is silent after its end.
pub struct WavIn {
    samples: Vec<f32>,
    at: usize,
}

impl WavIn {
    /// Reads a file of any rate and channels, with samples of 8 to 32 bits or floats.
    pub fn open(path: &Path) -> Result<Self, DeviceError> {
        let refuse = |why: String| DeviceError::File { path: path.to_owned(), why };
        let reader = WavReader::open(path).map_err(|error| refuse(in_words(&error)))?;
        let spec = reader.spec();
        if spec.channels == 0 || spec.sample_rate == 0 {
            return Err(refuse(
                "has no channels or no sample rate; write it again with another program".into(),
            ));
        }
        if reader.duration() / spec.sample_rate >= INPUT_SECONDS_MAX {
            return Err(refuse(format!("is longer than {} minutes; cut it", INPUT_SECONDS_MAX / 60)));
        }
        let samples = mono(reader).map_err(|error| refuse(in_words(&error)))?;
        Ok(Self { samples: resample::convert(&samples, spec.sample_rate, SAMPLE_RATE), at: 0 })
    }

    /// Samples not heard yet.
    pub fn left(&self) -> usize {
        self.samples.len() - self.at
    }

    /// The next samples.
    pub fn fill(&mut self, said: &mut [f32]) {
        let count = said.len().min(self.samples.len() - self.at);
        said[..count].copy_from_slice(&self.samples[self.at..self.at + count]);
        said[count..].fill(0.0);
        self.at += count;
    }
}

fn mono(reader: WavReader<BufReader<File>>) -> Result<Vec<f32>, hound::Error> {
    let spec = reader.spec();
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.into_samples::<f32>().collect::<Result<_, _>>()?,
        SampleFormat::Int => {
            let full_scale = 2f32.powi(i32::from(spec.bits_per_sample.clamp(8, 32)) - 1);
            let samples = reader.into_samples::<i32>();
            samples.map(|sample| sample.map(|sample| sample as f32 / full_scale)).collect::<Result<_, _>>()?
        }
    };
    let channels = usize::from(spec.channels);
    Ok(samples.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect())
}

/// A recording of the speaker: 48 kHz, mono, 16 bits.
pub struct WavOut {
    writer: Option<WavWriter<BufWriter<File>>>,
    path: PathBuf,
    since_header: u32,
    /// Samples it still takes.
    room: usize,
    failure: Option<DeviceError>,
}

impl WavOut {
    /// Makes the file, replacing one of that name.
    pub fn create(path: &Path) -> Result<Self, DeviceError> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let refuse = |error: hound::Error| DeviceError::File { path: path.to_owned(), why: in_words(&error) };
        let mut writer = WavWriter::create(path, spec).map_err(refuse)?;
        writer.flush().map_err(refuse)?;
        let (path, room) = (path.to_owned(), OUTPUT_SAMPLES_MAX);
        Ok(Self { writer: Some(writer), path, since_header: 0, room, failure: None })
    }

    /// Writes what was played. The first failure, such as a full disk, ends the recording.
    pub fn write(&mut self, heard: &[f32]) {
        let Some(writer) = &mut self.writer else { return };
        let fitting = &heard[..heard.len().min(self.room)];
        self.room -= fitting.len();
        self.since_header += fitting.len() as u32;
        let update = self.since_header >= HEADER_EVERY;
        let mut written = fitting.iter().try_for_each(|sample| writer.write_sample(to_i16(*sample)));
        if update && written.is_ok() {
            self.since_header = 0;
            written = writer.flush();
        }
        if let Err(error) = written {
            self.fail(in_words(&error));
        } else if fitting.len() < heard.len() {
            self.fail("is as long as a WAV file can be; name another file for the rest".into());
        }
    }

    /// What was written until now is kept, its header brought up to date.
    fn fail(&mut self, why: String) {
        self.failure = Some(DeviceError::File { path: self.path.clone(), why });
        self.writer = None;
    }

    /// Why the recording ended early, told once.
    pub fn take_failure(&mut self) -> Option<DeviceError> {
        self.failure.take()
    }
}

pub(super) fn to_i16(sample: f32) -> i16 {
    (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16
}

pub(super) fn in_words(error: &hound::Error) -> String {
    match error {
        hound::Error::IoError(error) if error.kind() == ErrorKind::NotFound => {
            "there is no such file or directory; check the path".into()
        }
        hound::Error::IoError(error) => format!("{error}; choose another file, or make room for this one"),
        hound::Error::FormatError(why) => {
            format!("is not a sound file we can read ({why}); convert it to 16-bit WAV")
        }
        hound::Error::TooWide
        | hound::Error::UnfinishedSample
        | hound::Error::Unsupported
        | hound::Error::InvalidSampleFormat => "is of a kind we cannot read; convert it to 16-bit WAV".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::testing::Scratch;
    use proptest::prelude::*;

    fn heard(device: &mut WavIn, count: usize) -> Vec<f32> {
        let mut out = vec![9.0; count];
        out.chunks_mut(100).for_each(|block| device.fill(block));
        out
    }

    #[test]
    fn what_is_written_is_read_back_once_and_then_silence() {
        let scratch = Scratch::new("wav-round-trip");
        let path = scratch.file("a.wav");
        let voice: Vec<f32> = (0..4_800).map(|n| (n as f32 * 0.05).sin() * 0.7).collect();
        let mut out = WavOut::create(&path).unwrap();
        voice.chunks(240).for_each(|block| out.write(block));
        drop(out);
        let mut device = WavIn::open(&path).unwrap();
        let back = heard(&mut device, 6_000);
        let worst = voice.iter().zip(&back).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{worst}");
        assert!(back[4_800..].iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn a_killed_program_leaves_a_readable_file() {
        let scratch = Scratch::new("wav-killed");
        let path = scratch.file("a.wav");
        let mut out = WavOut::create(&path).unwrap();
        (0..250).for_each(|_| out.write(&[0.1; 240]));
        std::mem::forget(out);
        assert_eq!(WavReader::open(&path).unwrap().duration(), 48_000, "all but the last quarter second");
    }

    #[test]
    fn a_file_that_can_be_no_longer_ends_whole_and_says_so() {
        let scratch = Scratch::new("wav-long");
        let path = scratch.file("a.wav");
        let mut out = WavOut::create(&path).unwrap();
        out.room = 600;
        out.write(&[0.1; 600]);
        assert_eq!(out.take_failure(), None, "it is full, and nothing is missing");
        out.write(&[0.1; 240]);
        let why = out.take_failure().unwrap().to_string();
        assert!(why.ends_with("is as long as a WAV file can be; name another file for the rest"), "{why}");
        out.write(&[0.1; 240]);
        assert_eq!(out.take_failure(), None, "it is told once");
        assert_eq!(WavReader::open(&path).unwrap().duration(), 600);
    }

    #[test]
    fn too_loud_is_clipped_and_not_wrapped() {
        let scratch = Scratch::new("wav-loud");
        let path = scratch.file("a.wav");
        let mut out = WavOut::create(&path).unwrap();
        out.write(&[7.0, -7.0, f32::NAN, 1.0]);
        drop(out);
        let samples: Vec<i16> = WavReader::open(&path).unwrap().into_samples().map(Result::unwrap).collect();
        assert_eq!(samples, [32_767, -32_767, 0, 32_767]);
    }

    #[test]
    fn other_rates_channels_and_formats_are_understood() {
        let scratch = Scratch::new("wav-formats");
        for (rate, channels, bits, float) in
            [(44_100, 2, 16, false), (8_000, 1, 8, false), (96_000, 2, 32, true), (16_000, 1, 24, false)]
        {
            let path = scratch.file("a.wav");
            let sample_format = if float { SampleFormat::Float } else { SampleFormat::Int };
            let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format };
            let mut writer = WavWriter::create(&path, spec).unwrap();
            for n in 0..rate {
                let sample = (n as f32 / rate as f32 * 440.0 * std::f32::consts::TAU).sin() * 0.5;
                for _ in 0..channels {
                    if float {
                        writer.write_sample(sample).unwrap();
                    } else {
                        writer
                            .write_sample((sample * (2f32.powi(i32::from(bits) - 1) - 1.0)) as i32)
                            .unwrap();
                    }
                }
            }
            writer.finalize().unwrap();
            let back = heard(&mut WavIn::open(&path).unwrap(), 48_000);
            let wanted = |n: usize| (n as f32 / 48_000.0 * 440.0 * std::f32::consts::TAU).sin() * 0.5;
            let worst = (2_000..46_000).map(|n| (back[n] - wanted(n)).abs()).fold(0.0, f32::max);
            assert!(worst < 0.05, "{rate} Hz, {channels} channels, {bits} bits: {worst}");
        }
    }

    #[test]
    fn what_cannot_be_opened_says_what_to_do() {
        let scratch = Scratch::new("wav-errors");
        let missing = WavIn::open(&scratch.file("none.wav")).err().unwrap().to_string();
        assert!(missing.contains("none.wav") && missing.contains("check the path"), "{missing}");
        std::fs::write(scratch.file("text.wav"), b"not sound at all").unwrap();
        let text = WavIn::open(&scratch.file("text.wav")).err().unwrap().to_string();
        assert!(text.contains("convert"), "{text}");
        assert!(WavOut::create(&scratch.file("no/such/dir.wav")).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn junk_files_are_refused_and_not_fatal(mut junk in proptest::collection::vec(any::<u8>(), 0..200), header in any::<bool>()) {
            let scratch = Scratch::new("wav-junk");
            if header {
                junk.splice(0..0, *b"RIFF\xff\xff\x00\x00WAVEfmt ");
            }
            std::fs::write(scratch.file("a.wav"), &junk).unwrap();
            let _ = WavIn::open(&scratch.file("a.wav"));
        }
    }
}
