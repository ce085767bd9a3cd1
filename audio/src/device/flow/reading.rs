//! Reads WAV and raw samples from anything that gives bytes, and hands them on as mono at 48 kHz.

#![expect(clippy::disallowed_types, reason = "this is the door to sound files")]

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader};

use super::Flow;
use crate::device::DeviceError;
use crate::device::wav::in_words;
use crate::frame::SAMPLE_RATE;
use crate::resample::Resampler;

/// Bytes of a WAV header, with what some programs write between format and samples.
const HEADER_BYTES_MAX: usize = 1 << 20;
/// A stream does not know its length when its header is written: from here on the header is not believed.
const LENGTH_UNKNOWN: u32 = 0x7ff0_0000;

/// Whether a file that is to be said can be. Only regular files are opened: looking into a pipe would take from it.
pub fn check(flow: &Flow) -> Result<(), DeviceError> {
    let Flow::File(path) = flow else { return Ok(()) };
    let refuse =
        |why: &io::Error| refused(path, in_words(&hound::Error::IoError(io::Error::from(why.kind()))));
    let about = path.metadata().map_err(|why| refuse(&why))?;
    if about.is_dir() {
        return Err(refused(path, "is a directory; name a WAV file, or - for standard input".into()));
    }
    if !about.is_file() {
        return Ok(());
    }
    let file = BufReader::new(File::open(path).map_err(|why| refuse(&why))?);
    wav(file).map(drop).map_err(|error| refused(path, in_words(&error)))
}

/// Hands every sample of `flow` to `give` until that says no, or there are no more.
pub(super) fn read(flow: &Flow, give: &mut impl FnMut(f32) -> bool) -> Result<(), DeviceError> {
    match flow {
        Flow::File(path) => {
            let opened = File::open(path).map_err(hound::Error::IoError);
            let reader = opened.and_then(|file| wav(BufReader::new(file)));
            let read = reader.and_then(|reader| samples_of(reader, give));
            read.map_err(|error| refused(path, in_words(&error)))
        }
        Flow::Standard => stream(io::stdin().lock(), give)
            .map_err(|error| refused(Path::new("standard input"), in_words(&error))),
    }
}

fn refused(path: &Path, why: String) -> DeviceError {
    DeviceError::File { path: PathBuf::from(path), why }
}

/// Raw samples, or WAV when the first bytes say so.
pub(super) fn stream(mut from: impl Read, give: &mut impl FnMut(f32) -> bool) -> Result<(), hound::Error> {
    let mut first = Vec::with_capacity(4);
    from.by_ref().take(4).read_to_end(&mut first).map_err(hound::Error::IoError)?;
    let is_wav = first == *b"RIFF";
    let all = Cursor::new(first).chain(from);
    if is_wav { samples_of(wav(all)?, give) } else { raw(all, give).map_err(hound::Error::IoError) }
}

fn raw(from: impl Read, give: &mut impl FnMut(f32) -> bool) -> io::Result<()> {
    let mut low = None;
    for byte in BufReader::new(from).bytes() {
        let byte = byte?;
        let Some(low) = low.take() else {
            low = Some(byte);
            continue;
        };
        if !give(f32::from(i16::from_le_bytes([low, byte])) / 32_768.0) {
            return Ok(());
        }
    }
    Ok(())
}

/// A reader of WAV that does not believe the length of a stream.
fn wav<R: Read>(mut from: R) -> Result<WavReader<impl Read>, hound::Error> {
    let mut header = vec![0; 12];
    from.read_exact(&mut header).map_err(|_| hound::Error::FormatError("it is too short"))?;
    let mut block = 1;
    loop {
        let at = header.len();
        header.resize(at + 8, 0);
        let chunk = header.get_mut(at..).unwrap_or_default();
        from.read_exact(chunk).map_err(|_| hound::Error::FormatError("it has no samples"))?;
        let length = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
        if chunk.starts_with(b"data") {
            if length == 0 || length >= LENGTH_UNKNOWN {
                let longest = u32::MAX / 2 / block * block;
                chunk[4..].copy_from_slice(&longest.to_le_bytes());
            }
            return WavReader::new(Cursor::new(header).chain(from));
        }
        let is_format = chunk.starts_with(b"fmt ");
        // Chunks begin at even places.
        let length = length as usize + (length as usize & 1);
        if header.len() + length > HEADER_BYTES_MAX {
            return Err(hound::Error::FormatError("its header is too long"));
        }
        let at = header.len();
        header.resize(at + length, 0);
        let body = header.get_mut(at..).unwrap_or_default();
        from.read_exact(body).map_err(|_| hound::Error::FormatError("its header is cut off"))?;
        if is_format && let [_, _, _, _, _, _, _, _, _, _, _, _, low, high, ..] = body {
            block = u32::from(u16::from_le_bytes([*low, *high])).max(1);
        }
    }
}

fn samples_of(reader: WavReader<impl Read>, give: &mut impl FnMut(f32) -> bool) -> Result<(), hound::Error> {
    let spec = reader.spec();
    if spec.channels == 0 || spec.sample_rate == 0 {
        return Err(hound::Error::FormatError("it has no channels or no sample rate"));
    }
    let full_scale = 2f32.powi(i32::from(spec.bits_per_sample.clamp(8, 32)) - 1);
    match spec.sample_format {
        SampleFormat::Float => mono(reader.into_samples::<f32>(), spec, give),
        SampleFormat::Int => {
            let samples = reader.into_samples::<i32>();
            mono(samples.map(|sample| sample.map(|sample| sample as f32 / full_scale)), spec, give)
        }
    }
}

/// Averages the channels and brings them to 48 kHz.
fn mono(
    samples: impl Iterator<Item = Result<f32, hound::Error>>,
    spec: hound::WavSpec,
    give: &mut impl FnMut(f32) -> bool,
) -> Result<(), hound::Error> {
    let mut resampler =
        (spec.sample_rate != SAMPLE_RATE).then(|| Resampler::new(spec.sample_rate, SAMPLE_RATE));
    let (mut sum, mut count, mut wanted) = (0.0, 0, true);
    for sample in samples {
        let sample = match sample {
            Ok(sample) => sample,
            // A stream ends where it ends, whatever its header promised.
            Err(hound::Error::IoError(error)) if is_end(&error) => break,
            Err(error) => return Err(error),
        };
        sum += sample;
        count += 1;
        if count < spec.channels {
            continue;
        }
        let sample = sum / f32::from(spec.channels);
        (sum, count) = (0.0, 0);
        match &mut resampler {
            None => wanted = give(sample),
            Some(resampler) => resampler.push(sample, &mut |made| wanted &= give(made)),
        }
        if !wanted {
            break;
        }
    }
    Ok(())
}

/// How the library says that bytes ran out.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::Other)
}
