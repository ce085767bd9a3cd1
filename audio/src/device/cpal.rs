//! The sound card where no PulseAudio answers (`pulse` is asked first), and the only file that knows the library for it:
//! ALSA on Linux, whatever the platform has elsewhere.
//!
//! Measured traps that shape this file:
//! - What is asked for is not what comes: callbacks take any length. A size is always asked for.
//! - ALSA through the PulseAudio plug-in, once it underran, calls the error callback thirty thousand times a second:
//!   it only counts, and the device thread rebuilds the stream when the count climbs.
//! - A stream on a named device does not follow a replacement: it is rebuilt from the name.

use std::sync::Arc;
use std::time::Duration;

use ::cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use ::cpal::{
    BufferSize, Error, ErrorKind, FromSample, Sample, SampleFormat, SizedSample, StreamConfig,
    SupportedBufferSize, SupportedStreamConfigRange,
};
use mio::Waker;
use proto::Safe;

use super::callback::{FATAL, MicrophoneCallback, Pulse, SpeakerCallback};
use super::card::{self, Listed, Opened, Target};
use super::{DeviceError, Half};
use crate::frame::SAMPLE_RATE;
use crate::ring::{self, PcmRx, PcmTx};

/// How long a sound server may take to make a stream before it counts as hung.
const OPEN_TIME_MAX: Duration = Duration::from_secs(3);
/// Callback size asked for, per second of samples: 20 ms, below which the ALSA plug-in was measured to underrun.
const BLOCKS_PER_SECOND: u32 = 50;
/// Samples of a microphone that are worth a wake, per second: 5 ms.
const WAKES_PER_SECOND: u32 = 200;
/// Where ALSA's cards are; absent in containers and on many servers.
#[cfg(target_os = "linux")]
const ALSA_DEVICES: &str = "/dev/snd";
/// Makes a stream that runs a callback.
type Build<Callback> =
    fn(&::cpal::Device, StreamConfig, Callback, Arc<Pulse>) -> Result<::cpal::Stream, Error>;

/// A sample format and how streams of it are made.
struct Format {
    sample: SampleFormat,
    microphone: Build<MicrophoneCallback>,
    speaker: Build<SpeakerCallback>,
}

impl Format {
    const fn of<T>(sample: SampleFormat) -> Self
    where
        T: SizedSample + FromSample<f32>,
        f32: FromSample<T>,
    {
        Self { sample, microphone: build_microphone::<T>, speaker: build_speaker::<T> }
    }
}

/// Formats we can fill, best first.
static FORMATS: [Format; 5] = [
    Format::of::<f32>(SampleFormat::F32),
    Format::of::<i16>(SampleFormat::I16),
    Format::of::<i32>(SampleFormat::I32),
    Format::of::<u8>(SampleFormat::U8),
    Format::of::<f64>(SampleFormat::F64),
];

/// What ALSA's plugins call themselves as devices: converters, mixers of channels, and nothing at all.
const ALSA_PARTS: [&str; 10] =
    ["null", "jack", "oss", "downmix", "vdownmix", "upmix", "speex", "speexrate", "lavrate", "samplerate"];

/// A connection to the sound system.
pub(super) struct Host(::cpal::Host);

/// Sound flows while this lives.
pub(super) struct Stream(::cpal::Stream);

impl Stream {
    /// Stops or goes on without closing, if the system can do it.
    pub(super) fn pause(&self, paused: bool) -> bool {
        if paused { self.0.pause() } else { self.0.play() }.is_ok()
    }
}

impl Host {
    pub(super) fn connect() -> Result<Self, DeviceError> {
        // Without a card ALSA would say so at length on the terminal, and nothing else.
        #[cfg(target_os = "linux")]
        if !std::path::Path::new(ALSA_DEVICES).exists() && card::environment("ALSA_CONFIG_PATH").is_none() {
            return Err(DeviceError::NoSystem);
        }
        Ok(Self(::cpal::default_host()))
    }

    /// What it is called.
    pub(super) fn system(&self) -> &'static str {
        self.0.id().name()
    }

    /// All microphones and speakers. What is both, as most of ALSA's devices are, is in the list as both; what is a part to
    /// build devices of is not in it, and is found by its name all the same.
    pub(super) fn list(&self) -> Vec<Listed> {
        let Ok(devices) = self.0.devices() else { return Vec::new() };
        let mut all = Vec::new();
        for device in devices {
            let Ok(id) = device.id() else { continue };
            let (id, label) = (Safe::line(id.id()), name_of(&device));
            let halves =
                [(Half::Microphone, device.supports_input()), (Half::Speaker, device.supports_output())];
            let halves = halves.into_iter().filter(|(_, can)| *can && !ALSA_PARTS.contains(&id.as_str()));
            all.extend(halves.map(|(half, _)| Listed { half, id: id.clone(), label: label.clone() }));
        }
        all
    }

    /// The device of that name, else the system's default.
    pub(super) fn find(&self, half: Half, wanted: Option<&str>) -> Result<Target, DeviceError> {
        self.device(half, wanted).map(|device| {
            let id = device.id().map(|id| id.id().to_owned()).unwrap_or_default();
            Target::new(&id, 0, name_of(&device).as_str())
        })
    }

    fn device(&self, half: Half, wanted: Option<&str>) -> Result<::cpal::Device, DeviceError> {
        if let Some(device) = wanted.and_then(|name| self.named(half, name)) {
            return Ok(device);
        }
        let default = match half {
            Half::Microphone => self.0.default_input_device(),
            Half::Speaker => self.0.default_output_device(),
        };
        default.ok_or(DeviceError::Missing(half))
    }

    pub(super) fn open_microphone(
        &self,
        target: &Target,
        paused: bool,
        waker: &Arc<Waker>,
    ) -> Result<Opened<PcmRx>, DeviceError> {
        let half = Half::Microphone;
        let device = self.device(half, Some(&target.id))?;
        let ranges = device.supported_input_configs().map_err(|error| in_words(half, &error))?;
        let (config, format) = self.choose(half, ranges)?;
        let (tx, rx) = ring::pcm(config.sample_rate as usize / 2);
        let pulse = Arc::new(Pulse::default());
        let wake_at = (config.sample_rate / WAKES_PER_SECOND) as usize;
        let callback = MicrophoneCallback::new(tx, config.channels, wake_at, pulse.clone(), waker.clone());
        let faults = pulse.clone();
        let stream = (format.microphone)(&device, config, callback, faults)
            .and_then(|stream| if paused { Ok(stream) } else { stream.play().map(|()| stream) })
            .map_err(|error| in_words(half, &error))?;
        Ok(Opened {
            ring: rx,
            rate: config.sample_rate,
            name: name_of(&device),
            pulse,
            stream: card::Stream::Other(Stream(stream)),
        })
    }

    pub(super) fn open_speaker(
        &self,
        target: &Target,
        waker: &Arc<Waker>,
    ) -> Result<Opened<PcmTx>, DeviceError> {
        let half = Half::Speaker;
        let device = self.device(half, Some(&target.id))?;
        let ranges = device.supported_output_configs().map_err(|error| in_words(half, &error))?;
        let (config, format) = self.choose(half, ranges)?;
        let (mut tx, rx) = ring::pcm(config.sample_rate as usize / 2);
        // The first callbacks come before the voice thread knows of the ring.
        tx.push_with(config.sample_rate as usize / 100, || 0.0);
        let pulse = Arc::new(Pulse::default());
        let callback = SpeakerCallback::new(rx, config.channels, pulse.clone(), waker.clone());
        let faults = pulse.clone();
        let stream = (format.speaker)(&device, config, callback, faults)
            .and_then(|stream| stream.play().map(|()| stream))
            .map_err(|error| in_words(half, &error))?;
        Ok(Opened {
            ring: tx,
            rate: config.sample_rate,
            name: name_of(&device),
            pulse,
            stream: card::Stream::Other(Stream(stream)),
        })
    }

    fn named(&self, half: Half, name: &str) -> Option<::cpal::Device> {
        let fits = |device: &::cpal::Device| match half {
            Half::Microphone => device.supports_input(),
            Half::Speaker => device.supports_output(),
        };
        let called = |device: &::cpal::Device| {
            device.id().is_ok_and(|id| id.id() == name) || name_of(device).as_str() == name
        };
        self.0.devices().ok()?.find(|device| called(device) && fits(device))
    }

    /// 48 kHz if it can be had, in the best format, with as few channels as will do.
    fn choose(
        &self,
        half: Half,
        ranges: impl Iterator<Item = SupportedStreamConfigRange>,
    ) -> Result<(StreamConfig, &'static Format), DeviceError> {
        let rank = |range: &SupportedStreamConfigRange| {
            let format = FORMATS.iter().position(|format| format.sample == range.sample_format())?;
            let off_rate = nearest_rate(range).abs_diff(SAMPLE_RATE);
            // A card without a server may not spread one channel over its speakers; two always exist.
            let wish = if half == Half::Speaker { 2 } else { 1 };
            Some((off_rate, format, range.channels().abs_diff(wish)))
        };
        let ((_, format, _), range) = ranges
            .filter_map(|range| rank(&range).map(|rank| (rank, range)))
            .min_by_key(|(rank, _)| *rank)
            .ok_or_else(|| DeviceError::Other(half, "it offers no sample format we know".into()))?;
        let rate = nearest_rate(&range);
        let size = match range.buffer_size() {
            SupportedBufferSize::Range { min, max } => {
                (rate / BLOCKS_PER_SECOND).clamp(*min, (*max).max(*min))
            }
            SupportedBufferSize::Unknown => rate / BLOCKS_PER_SECOND,
        };
        let config = StreamConfig {
            channels: range.channels(),
            sample_rate: rate,
            buffer_size: BufferSize::Fixed(size),
        };
        Ok((config, &FORMATS[format]))
    }
}

fn nearest_rate(range: &SupportedStreamConfigRange) -> u32 {
    SAMPLE_RATE.clamp(range.min_sample_rate(), range.max_sample_rate().max(range.min_sample_rate()))
}

fn build_microphone<T>(
    device: &::cpal::Device,
    config: StreamConfig,
    mut callback: MicrophoneCallback,
    faults: Arc<Pulse>,
) -> Result<::cpal::Stream, Error>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    device.build_input_stream(
        config,
        move |samples: &[T], _| callback.take(samples, f32::from_sample),
        move |error| faults.fault(weight(&error)),
        Some(OPEN_TIME_MAX),
    )
}

fn build_speaker<T>(
    device: &::cpal::Device,
    config: StreamConfig,
    mut callback: SpeakerCallback,
    faults: Arc<Pulse>,
) -> Result<::cpal::Stream, Error>
where
    T: SizedSample + FromSample<f32>,
{
    device.build_output_stream(
        config,
        move |samples: &mut [T], _| callback.give(samples, T::from_sample),
        move |error| faults.fault(weight(&error)),
        Some(OPEN_TIME_MAX),
    )
}

/// How bad it is: a lost block is one, a lost device a thousand, news that change nothing are none.
fn weight(error: &Error) -> u64 {
    let kind = error.kind();
    if matches!(kind, ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied) {
        0
    } else if matches!(
        kind,
        ErrorKind::DeviceNotAvailable | ErrorKind::StreamInvalidated | ErrorKind::HostUnavailable
    ) {
        FATAL
    } else {
        1
    }
}

fn in_words(half: Half, error: &Error) -> DeviceError {
    let kind = error.kind();
    if kind == ErrorKind::DeviceBusy {
        DeviceError::Busy(half)
    } else if kind == ErrorKind::PermissionDenied {
        DeviceError::Forbidden(half)
    } else if matches!(kind, ErrorKind::DeviceNotAvailable | ErrorKind::UnsupportedOperation) {
        DeviceError::Missing(half)
    } else if matches!(kind, ErrorKind::HostUnavailable | ErrorKind::StreamInvalidated) {
        DeviceError::NoSystem
    } else {
        DeviceError::Other(half, Safe::line(&error.to_string()).as_str().to_owned())
    }
}

fn name_of(device: &::cpal::Device) -> Safe {
    device
        .description()
        .map_or_else(|_| Safe::line("unnamed device"), |description| Safe::line(description.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::signs::Signs;

    #[test]
    fn a_lost_device_is_the_end_of_a_stream_and_one_lost_block_is_not() {
        let table = [
            (ErrorKind::DeviceChanged, 0),
            (ErrorKind::RealtimeDenied, 0),
            (ErrorKind::Xrun, 1),
            (ErrorKind::DeviceBusy, 1),
            (ErrorKind::InvalidInput, 1),
            (ErrorKind::PermissionDenied, 1),
            (ErrorKind::ResourceExhausted, 1),
            (ErrorKind::UnsupportedConfig, 1),
            (ErrorKind::UnsupportedOperation, 1),
            (ErrorKind::BackendError, 1),
            (ErrorKind::Other, 1),
            (ErrorKind::DeviceNotAvailable, FATAL),
            (ErrorKind::StreamInvalidated, FATAL),
            (ErrorKind::HostUnavailable, FATAL),
        ];
        for (kind, weighs) in table {
            // What the library says beside the kind does not matter.
            for error in [Error::new(kind), Error::with_message(kind, "broken")] {
                let pulse = Pulse::default();
                pulse.fault(weight(&error));
                assert_eq!(pulse.faults(), weighs, "{kind:?}");
                let rebuilt = Signs::default().look(1, pulse.faults(), false);
                assert_eq!(rebuilt, weighs == FATAL, "{kind:?}, once");
            }
        }
    }

    /// The trap at the head of this file: none of these errors is the end, and so many are.
    #[test]
    fn lost_blocks_without_end_are_the_end_of_a_stream() {
        let (pulse, mut signs) = (Pulse::default(), Signs::default());
        for (errors, rebuilt) in [(20, false), (3_000, true), (1, false)] {
            (0..errors).for_each(|_| pulse.fault(weight(&Error::new(ErrorKind::Xrun))));
            // Whether it also calls for sound meanwhile does not matter.
            assert_eq!(signs.look(errors, pulse.faults(), false), rebuilt, "{errors}");
        }
    }
}
