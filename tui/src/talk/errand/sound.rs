//! What the agent tells of the sound of a call from the shell.

use proto::Time;
use proto::media::{HalfState, SoundCommand, SoundEvent, ToolCommand, ToolEvent};

use super::{DRAIN, Errand, Phase, Step};
use crate::exit::Exit;

impl Errand {
    pub(super) fn sound(&mut self, event: &SoundEvent, now: Time) {
        match event {
            SoundEvent::Microphone(half) => {
                self.broken.0 = self.half("microphone", half);
                self.check_devices(now);
            }
            SoundEvent::Speaker(half) => {
                self.broken.1 = self.half("speaker", half);
                self.check_devices(now);
            }
            SoundEvent::Statistics(figures) if figures.round_trip.is_some() => self.begin(),
            SoundEvent::Tool(event) => self.tool(event, now),
            SoundEvent::Refused(why) => self.say(why.to_string()),
            SoundEvent::Statistics(_)
            | SoundEvent::Devices(_)
            | SoundEvent::Levels(_)
            | SoundEvent::Member(_)
            | SoundEvent::Processing(_) => {}
        }
    }

    fn half(&mut self, what: &str, state: &HalfState) -> bool {
        match state {
            HalfState::Failed { why } => {
                self.say(format!("{what}: {why}"));
                true
            }
            HalfState::Open { name, wanted, .. } => {
                if self.devices {
                    let instead = wanted.as_ref().map(|wanted| format!(" ({wanted} is not there)"));
                    self.say(format!("{what}: {name}{}", instead.unwrap_or_default()));
                }
                false
            }
            HalfState::Closed | HalfState::Absent { .. } => false,
        }
    }

    fn check_devices(&mut self, now: Time) {
        if self.devices && self.broken == (true, true) {
            self.leave(Exit::NoDevice, now);
        }
    }

    pub(super) fn begin(&mut self) {
        if matches!(self.phase, Phase::Live(_)) && !self.begun {
            self.begun = true;
            self.steps.push_back(Step::Sound(SoundCommand::Tool(ToolCommand::Begin)));
        }
    }

    fn tool(&mut self, event: &ToolEvent, now: Time) {
        match event {
            ToolEvent::InputEnded => {
                if matches!(self.phase, Phase::Live(_)) {
                    self.phase = Phase::Draining(now + DRAIN);
                }
            }
            ToolEvent::SayingAgain(_) | ToolEvent::Recording(_) => {}
            ToolEvent::InputFailed(why) => {
                self.say(why.to_string());
                self.leave(Exit::Failed, now);
            }
            ToolEvent::OutputBehind(samples) => {
                let seconds = *samples as f64 / 48_000.0;
                self.say(format!("what is heard is read too slowly: {seconds:.1} s were dropped so far"));
            }
            ToolEvent::OutputFailed { closed, why } => {
                self.say(format!("{why}; the call ends"));
                // Nobody wants to hear more, which is how a reader such as head(1) ends a pipe.
                let exit = if *closed { Exit::Ok } else { Exit::Failed };
                self.exit = Some(exit);
                self.leave(exit, now);
            }
        }
    }
}
