//! Which tone says what, for ears that do not look at a screen.

use proto::client::Event;
use proto::media::{AgentCommand, Earcon, SoundCommand};

use super::Session;

/// The tone of something that happened; only somebody who comes or goes has one.
pub(super) fn of_event(event: &Event) -> Option<Earcon> {
    if matches!(event, Event::Joined { .. }) {
        Some(Earcon::Joined)
    } else if matches!(event, Event::Parted { .. }) {
        Some(Earcon::Left)
    } else {
        None
    }
}

/// The tone of something that was wanted.
pub(super) fn of_command(command: &SoundCommand) -> Option<Earcon> {
    if let SoundCommand::Mute(muted) = command {
        Some(if *muted { Earcon::Muted } else { Earcon::Unmuted })
    } else {
        None
    }
}

impl Session {
    /// Lets a tone sound, if there is one and tones are wanted.
    pub(super) fn play(&mut self, tone: Option<Earcon>) {
        if let Some(earcon) = tone.filter(|_| self.earcons) {
            self.tell_agent(AgentCommand::Sound(SoundCommand::Earcon(earcon)));
        }
    }
}
