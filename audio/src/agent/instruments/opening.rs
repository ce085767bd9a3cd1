//! How the devices come and go: asked of the device thread when a call wants sound, and put in place when it answers.

use std::time::Duration;

use proto::media::{HalfState, SoundEvent};
use proto::{Safe, Time};

use super::Instruments;
use crate::agent::lines::{MicrophoneLine, SpeakerLine};
use crate::device::opener::{Ask, Told};
use crate::device::pace::Pace;
use crate::device::{DeviceError, Half};

impl Instruments {
    pub(super) fn open_device(&mut self, now: Time) {
        // Until the device answers, and for a half that never does, time passes by the clock.
        self.pace = Some(Pace::new(now));
        if let Some(software) = &mut self.software {
            software.start_over();
            self.tell_software(now, None, None);
        } else if !self.software_asked {
            self.software_asked = !self.choice.is_card();
            self.opener.ask(Ask::Open { choice: self.choice.clone(), asked: None });
        }
    }

    pub(super) fn close_device(&mut self) {
        self.overruns = self.overruns();
        self.microphone = None;
        self.speaker = None;
        self.pace = None;
        self.opener.ask(Ask::Close);
    }

    pub(super) fn answered(&mut self, told: Told, now: Time) {
        match told {
            Told::Devices(names) => self.tell(SoundEvent::Devices(names)),
            Told::Software { device, microphone, speaker } => {
                if !self.software_asked {
                    return;
                }
                self.software_asked = false;
                self.software = Some(*device);
                if self.open.is_some() {
                    self.pace = Some(Pace::new(now));
                    self.tell_software(now, microphone, speaker);
                }
            }
            Told::Looked(half, absent) => self.looked(half, absent),
            Told::Microphone(_) | Told::Speaker(_) | Told::Kept(..) if self.open.is_none() => {}
            Told::Kept(Half::Microphone, wanted) => {
                if let Some(line) = &mut self.microphone {
                    line.kept(wanted);
                }
            }
            Told::Kept(Half::Speaker, wanted) => {
                if let Some(line) = &mut self.speaker {
                    line.kept(wanted);
                }
            }
            Told::Microphone(Ok(line)) => {
                self.moved(line.moved);
                self.microphone = Some(MicrophoneLine::new(line));
            }
            Told::Microphone(Err(error)) => {
                self.microphone = None;
                self.tell_half(Half::Microphone, failed(&error));
            }
            Told::Speaker(Ok(line)) => {
                self.moved(line.moved);
                self.speaker = Some(SpeakerLine::new(line));
                self.pace = None;
            }
            Told::Speaker(Err(error)) => {
                self.speaker = None;
                self.pace.get_or_insert_with(|| Pace::new(now));
                self.tell_half(Half::Speaker, failed(&error));
            }
        }
    }

    /// In another room an echo is another one.
    fn moved(&mut self, moved: bool) {
        if moved {
            self.chain.moved();
        }
    }

    /// What was chosen outside of a call is there, or is not.
    fn looked(&mut self, half: Half, absent: Option<(Safe, Option<Safe>)>) {
        // A call that began meanwhile tells of the devices it opened.
        if self.open.is_some() {
            return;
        }
        let state =
            absent.map_or(HalfState::Closed, |(wanted, instead)| HalfState::Absent { wanted, instead });
        self.tell_half(half, state);
    }

    fn tell_software(&mut self, now: Time, microphone: Option<DeviceError>, speaker: Option<DeviceError>) {
        let opened_in = self.open.map_or(Duration::ZERO, |since| now - since);
        let name = Safe::line(&self.choice.to_string());
        let state = |error: Option<DeviceError>| match error {
            None => HalfState::Open { name: name.clone(), opened_in, wanted: None },
            Some(error) => failed(&error),
        };
        let (microphone, speaker) = (state(microphone), state(speaker));
        self.tell_half(Half::Microphone, microphone);
        self.tell_half(Half::Speaker, speaker);
    }
}

pub(super) fn failed(error: &DeviceError) -> HalfState {
    HalfState::Failed { why: Safe::line(&error.to_string()) }
}
