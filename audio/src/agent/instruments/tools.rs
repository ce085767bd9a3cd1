//! The tools around a call: a recording, the last words again, files and pipes in the place of a card.

use proto::media::{SoundEvent, ToolCommand};

use super::Instruments;
use super::opening::failed;
use crate::device::{Half, Software};

impl Instruments {
    /// What the tools around the call are told.
    pub(in crate::agent) fn tool(&mut self, command: ToolCommand) {
        match command {
            ToolCommand::Begin => {
                if let Some(Software::Flows(flows)) = &mut self.software {
                    flows.begin();
                }
            }
            ToolCommand::SayAgain(wanted) => self.taps.say_again(wanted),
            ToolCommand::Record(wanted) => self.taps.record(wanted, self.open.is_some(), &mut self.capture),
        }
        // Outside of a call nothing else would come to look.
        self.notice_tools();
    }

    /// Whether what is said in the call is kept.
    pub(in crate::agent) fn is_recording(&self) -> bool {
        self.taps.is_recording()
    }

    pub(super) fn notice_tools(&mut self) {
        while let Some(news) = self.taps.news(&mut self.capture) {
            self.tell(SoundEvent::Tool(news));
        }
        while let Some(Software::Flows(flows)) = &mut self.software
            && let Some(news) = flows.news()
        {
            self.tell(SoundEvent::Tool(news));
        }
    }

    pub(super) fn notice_recording_ended(&mut self) {
        let Some(Software::Wav { output: Some(output), .. }) = &mut self.software else { return };
        if let Some(error) = output.take_failure() {
            self.tell_half(Half::Speaker, failed(&error));
        }
    }
}
