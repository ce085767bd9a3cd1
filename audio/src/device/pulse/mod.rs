//! PulseAudio, spoken in its own protocol (PipeWire speaks it too), and the only folder that knows the library of its
//! messages. Why not through the sound card's library: its host for PulseAudio wipes a megabyte for every message it
//! reads, asks the server for the latency after every callback, and asks for twice its request as the whole delay,
//! which makes the server run its devices at their minimum, half a millisecond. A call cost 29 % of a core that way
//! and did not learn when a stream was killed.
//!
//! ```text
//! device thread -- Server: asks, is answered ----------- socket
//! microphone's thread -- Stream: reads sound ----------- socket     one connection each: nothing is shared,
//! speaker's thread -- Stream: is asked for sound ------- socket     nothing waits for another
//! ```
//!
//! PulseAudio also gets what comes after each piece, and how that would go on, until the next piece overwrites it (`net`): a
//! thread that is late is no hole. PipeWire, which looks at how much lies there instead of counting what it asked for, gets
//! the pieces alone.
//!
//! Everything is asked for in mono at 48 kHz; the server converts to what its devices have, also when that changes.

mod link;
mod net;
mod speaker;
mod stream;

use std::ffi::{CStr, CString};
use std::sync::Arc;

use mio::Waker;
use proto::Safe;
use pulseaudio::protocol::{Command, PulseError, ServerInfo, SinkInfo, SourceInfo, SubscriptionMask};

use self::link::{Failure, Link};
pub(super) use self::stream::Stream;
use super::card::{Listed, Opened, Target, environment};
use super::{DeviceError, Half};
use crate::ring::{PcmRx, PcmTx};

/// A connection to the sound server, for questions.
pub(super) struct Server {
    link: Link,
}

impl Server {
    /// Connects to the server the environment names; none is an ordinary state.
    pub(super) fn connect() -> Result<Self, DeviceError> {
        let mut link = Link::connect().map_err(|_| DeviceError::NoSystem)?;
        let news = SubscriptionMask::SINK | SubscriptionMask::SOURCE | SubscriptionMask::SERVER;
        link.order(&Command::Subscribe(news)).map_err(|_| DeviceError::NoSystem)?;
        Ok(Self { link })
    }

    /// Whether devices came, went or changed since the last question.
    pub(super) fn has_news(&mut self) -> bool {
        // A connection that broke is news, too: the next question finds out.
        self.link.read_news().unwrap_or(true)
    }

    /// All microphones and speakers.
    pub(super) fn list(&mut self) -> Result<Vec<Listed>, DeviceError> {
        let mut listed = Vec::new();
        for half in [Half::Microphone, Half::Speaker] {
            let devices = self.devices(half)?;
            listed.extend(devices.iter().filter(|device| !device.monitor).map(|device| device.listed(half)));
        }
        Ok(listed)
    }

    /// The device of that name, else what the environment names, else the server's default.
    pub(super) fn find(&mut self, half: Half, wanted: Option<&str>) -> Result<Target, DeviceError> {
        let devices = self.devices(half)?;
        let wish = environment(match half {
            Half::Microphone => "PULSE_SOURCE",
            Half::Speaker => "PULSE_SINK",
        });
        if let Some(device) = called(&devices, [wanted, wish.as_deref()]) {
            return Ok(device.target());
        }
        let info: ServerInfo =
            self.link.ask(&Command::GetServerInfo).map_err(|failure| failure.in_words(half))?;
        let default = match half {
            Half::Microphone => info.default_source_name,
            Half::Speaker => info.default_sink_name,
        };
        default_of(&devices, &default.ok_or(DeviceError::Missing(half))?, half)
    }

    pub(super) fn open_microphone(
        &mut self,
        target: &Target,
        paused: bool,
        waker: &Arc<Waker>,
    ) -> Result<Opened<PcmRx>, DeviceError> {
        stream::microphone(target, paused, waker).map_err(|failure| failure.in_words(Half::Microphone))
    }

    pub(super) fn open_speaker(
        &mut self,
        target: &Target,
        rings: bool,
        waker: &Arc<Waker>,
    ) -> Result<Opened<PcmTx>, DeviceError> {
        speaker::speaker(target, rings, waker).map_err(|failure| failure.in_words(Half::Speaker))
    }

    /// The devices of one kind; the monitors of speakers are among the microphones.
    fn devices(&mut self, half: Half) -> Result<Vec<Device>, DeviceError> {
        let in_words = |failure: Failure| failure.in_words(half);
        Ok(match half {
            Half::Microphone => {
                let list: Vec<SourceInfo> = self.link.ask(&Command::GetSourceInfoList).map_err(in_words)?;
                let device = |s: SourceInfo| Device {
                    index: s.index,
                    name: s.name,
                    description: s.description,
                    monitor: s.monitor_of_sink_index.is_some(),
                };
                list.into_iter().map(device).collect()
            }
            Half::Speaker => {
                let list: Vec<SinkInfo> = self.link.ask(&Command::GetSinkInfoList).map_err(in_words)?;
                let device = |s: SinkInfo| Device {
                    index: s.index,
                    name: s.name,
                    description: s.description,
                    monitor: false,
                };
                list.into_iter().map(device).collect()
            }
        })
    }
}

/// The device of the first of these names that one has. A monitor is taken only so: who names it means it.
fn called<'a>(devices: &'a [Device], names: [Option<&str>; 2]) -> Option<&'a Device> {
    let called = |name: &str| devices.iter().find(|device| device.is_called(name));
    names.into_iter().flatten().find_map(called)
}

/// The server's default. Where there is no microphone that is the monitor of a speaker, which nobody chose: the others would
/// hear themselves, and all that this machine plays.
fn default_of(devices: &[Device], default: &CStr, half: Half) -> Result<Target, DeviceError> {
    match devices.iter().find(|device| device.name.as_c_str() == default) {
        Some(device) if device.monitor => Err(DeviceError::Missing(half)),
        Some(device) => Ok(device.target()),
        // PipeWire says so where there is nothing at all; and a monitor may be newer than the list.
        None if default.to_bytes().starts_with(b"@") || default.to_bytes().ends_with(b".monitor") => {
            Err(DeviceError::Missing(half))
        }
        None => Ok(Target::new(&text(default), 0, &text(default))),
    }
}

/// A sink or a source.
struct Device {
    index: u32,
    name: CString,
    description: Option<CString>,
    /// It hears what a speaker plays.
    monitor: bool,
}

impl Device {
    fn label(&self) -> String {
        text(self.description.as_deref().unwrap_or(&self.name))
    }

    fn is_called(&self, name: &str) -> bool {
        self.name.to_bytes() == name.as_bytes() || Safe::line(&self.label()).as_str() == name
    }

    fn target(&self) -> Target {
        Target::new(&text(&self.name), u64::from(self.index), &self.label())
    }

    fn listed(&self, half: Half) -> Listed {
        Listed { half, id: Safe::line(&text(&self.name)), label: Safe::line(&self.label()) }
    }
}

fn text(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}

impl Failure {
    /// In the words of a person who has that half of a device.
    fn in_words(self, half: Half) -> DeviceError {
        match self {
            Self::Refused(PulseError::AccessDenied | PulseError::AuthKey) => DeviceError::Forbidden(half),
            Self::Refused(PulseError::NoEntity) => DeviceError::Missing(half),
            Self::Refused(PulseError::Busy) => DeviceError::Busy(half),
            Self::Refused(other) => DeviceError::Other(half, format!("{other:?}")),
            Self::Lost => DeviceError::NoSystem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(index: u32, name: &CStr, label: &CStr, monitor: bool) -> Device {
        Device { index, name: name.to_owned(), description: Some(label.to_owned()), monitor }
    }

    #[test]
    fn a_monitor_is_a_microphone_only_for_who_names_it() {
        let devices = [
            device(1, c"spk.monitor", c"Monitor of Built-in", true),
            device(2, c"headset", c"USB Headset", false),
        ];
        let default = |name: &CStr| default_of(&devices, name, Half::Microphone);
        assert_eq!(default(c"headset"), Ok(Target::new("headset", 2, "USB Headset")));
        for none in [c"spk.monitor", c"new.monitor", c"@DEFAULT_SOURCE@"] {
            assert_eq!(default(none), Err(DeviceError::Missing(Half::Microphone)), "{none:?}");
        }
        assert_eq!(default(c"new"), Ok(Target::new("new", 0, "new")));
        let named = |wanted, wish| called(&devices, [wanted, wish]).map(|device| device.index);
        assert_eq!(named(Some("spk.monitor"), None), Some(1));
        assert_eq!(named(Some("Monitor of Built-in"), Some("headset")), Some(1));
        assert_eq!(named(Some("typo"), Some("spk.monitor")), Some(1), "the environment names it");
        assert_eq!(named(Some("USB Headset"), Some("spk.monitor")), Some(2));
        assert_eq!((named(Some("typo"), None), named(None, None)), (None, None));
    }
}
