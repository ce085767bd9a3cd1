//! A sound system behind one face: PulseAudio's own protocol where a server answers, then whatever the platform has.

use std::io;
use std::sync::Arc;

use mio::Waker;
use proto::Safe;
use proto::media::DeviceList;

use super::callback::Pulse;
#[cfg(target_os = "linux")]
use super::pulse;
use super::{DeviceError, Half, cpal};
use crate::ring::{PcmRx, PcmTx};

/// Devices listed, at most.
const LIST_MAX: usize = 64;

/// A connection to the sound system.
pub(super) enum Card {
    /// PulseAudio or PipeWire.
    #[cfg(target_os = "linux")]
    Pulse(pulse::Server),
    /// Anything else.
    Other(cpal::Host),
}

/// An open half: its samples, and the stream that must be kept.
pub(super) struct Opened<Ring> {
    pub(super) ring: Ring,
    /// Samples per second.
    pub(super) rate: u32,
    pub(super) name: Safe,
    pub(super) pulse: Arc<Pulse>,
    pub(super) stream: Stream,
}

/// Sound flows while this lives.
pub(super) enum Stream {
    /// Of PulseAudio.
    #[cfg(target_os = "linux")]
    Pulse(pulse::Stream),
    /// Of anything else.
    Other(cpal::Stream),
}

impl Card {
    /// What it is called.
    pub(super) fn system(&self) -> &'static str {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pulse(_) => "PulseAudio or PipeWire",
            Self::Other(host) => host.system(),
        }
    }
}

impl Stream {
    /// Stops or goes on without closing; false when the system could not do it.
    pub(super) fn pause(&self, paused: bool) -> bool {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pulse(stream) => stream.pause(paused),
            Self::Other(stream) => stream.pause(paused),
        }
    }
}

/// One device, as it is found now. Another device of the same name is another target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The system's own name.
    pub(super) id: String,
    /// Tells one that was plugged in again from what it was before.
    serial: u64,
    /// The name people know.
    pub(super) label: String,
}

impl Target {
    pub(super) fn new(id: &str, serial: u64, label: &str) -> Self {
        Self { id: id.to_owned(), serial, label: label.to_owned() }
    }

    /// Whether that is its name, or the system's own.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.id == name || Safe::line(&self.label).as_str() == name
    }

    /// What was wanted, when this is another: it is taken because that is not there.
    pub(super) fn in_place_of(&self, wanted: Option<&str>) -> Option<Safe> {
        wanted.filter(|wanted| !self.is_called(wanted)).map(Safe::line)
    }
}

/// One device of a list.
pub(super) struct Listed {
    pub(super) half: Half,
    pub(super) id: Safe,
    pub(super) label: Safe,
}

impl Card {
    /// The system that answers; nothing but PulseAudio if that is to be alone.
    pub(super) fn connect(pulse_alone: bool) -> Result<Self, DeviceError> {
        match Self::pulse() {
            Err(_) if !pulse_alone => Ok(Self::Other(cpal::Host::connect()?)),
            pulse => pulse,
        }
    }

    /// PulseAudio, if it answers.
    pub(super) fn pulse() -> Result<Self, DeviceError> {
        #[cfg(target_os = "linux")]
        {
            pulse::Server::connect().map(Self::Pulse)
        }
        #[cfg(not(target_os = "linux"))]
        {
            Err(DeviceError::NoSystem)
        }
    }

    /// Whether it is PulseAudio.
    pub(super) fn is_pulse(&self) -> bool {
        !matches!(self, Self::Other(_))
    }

    /// The names of all microphones and speakers: one that two of a kind share is replaced by the system's own.
    pub(super) fn list(&mut self) -> DeviceList {
        let all = match self {
            #[cfg(target_os = "linux")]
            Self::Pulse(server) => server.list().unwrap_or_default(),
            Self::Other(host) => host.list(),
        };
        DeviceList { microphones: names(&all, Half::Microphone), speakers: names(&all, Half::Speaker) }
    }

    /// Whether devices came, went or changed since the last question; a system that does not tell must be asked.
    pub(super) fn has_news(&mut self) -> bool {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pulse(server) => server.has_news(),
            Self::Other(_) => false,
        }
    }

    /// The device of that name, else what the environment names, else the system's default.
    pub(super) fn find(&mut self, half: Half, wanted: Option<&str>) -> Result<Target, DeviceError> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pulse(server) => server.find(half, wanted),
            Self::Other(host) => host.find(half, wanted),
        }
    }

    /// Opens a microphone; a paused one hears nothing until it is told to go on.
    pub(super) fn open_microphone(
        &mut self,
        target: &Target,
        paused: bool,
        waker: &Arc<Waker>,
    ) -> Result<Opened<PcmRx>, DeviceError> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pulse(server) => server.open_microphone(target, paused, waker),
            Self::Other(host) => host.open_microphone(target, paused, waker),
        }
    }

    /// For a call, or for one that `rings`.
    pub(super) fn open_speaker(
        &mut self,
        target: &Target,
        rings: bool,
        waker: &Arc<Waker>,
    ) -> Result<Opened<PcmTx>, DeviceError> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Pulse(server) => server.open_speaker(target, rings, waker),
            Self::Other(host) => host.open_speaker(target, waker),
        }
    }
}

fn names(all: &[Listed], half: Half) -> Vec<Safe> {
    let all: Vec<&Listed> = all.iter().filter(|device| device.half == half).collect();
    let shared = |one: &Listed| all.iter().filter(|device| device.label == one.label).count() > 1;
    let mut names: Vec<Safe> =
        all.iter().map(|device| if shared(device) { &device.id } else { &device.label }).cloned().collect();
    names.sort();
    names.dedup();
    names.truncate(LIST_MAX);
    names
}

/// A thread of a stream.
#[expect(clippy::disallowed_methods, reason = "a sound card has threads of its own, and this is one")]
pub(super) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.into()).spawn(run).map(drop)
}

#[expect(clippy::disallowed_methods, reason = "these variables belong to the sound systems, not to us")]
pub(super) fn environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}
