//! The end of a session: what is still to be said is said, and every connection is closed at both ends.

use std::time::Duration;

use anyhow::Context as _;
use proto::Time;
use proto::client::Command;
use proto::limits::PLAIN_GAP;

use super::Session;
use super::mind::Mind;
use crate::limits::FAREWELL_TIME_MAX;

impl Session {
    /// Leaves the call, says what is still to be said, closes the connection and completes recordings.
    ///
    /// # Errors
    /// When the store fails.
    pub fn close(mut self) -> anyhow::Result<()> {
        let end = self.clock.now().mono + FAREWELL_TIME_MAX;
        if self.in_call {
            self.command(Command::HangUp)?;
            self.say_farewell(end)?;
        }
        while !self.spoken.link.is_flushed() && self.clock.now().mono < end {
            self.told.clear();
            self.wait(Some(end))?;
        }
        self.spoken.link.disconnect(self.poll.registry());
        if let Some(peers) = &mut self.spoken.peers {
            peers.disconnect(self.poll.registry());
        }
        // The end of the program would reset what is not closed at both ends.
        while !self.spoken.is_closed() && self.clock.now().mono < end {
            self.told.clear();
            self.wait(Some(end))?;
        }
        self.profile.announce(None).context("leaving the profile")
    }

    /// On a plain protocol the last word waits for its turn.
    fn say_farewell(&mut self, end: Time) -> anyhow::Result<()> {
        let end = end.min(self.clock.now().mono + PLAIN_FAREWELL);
        while matches!(self.spoken.mind, Mind::Plain(_)) && self.clock.now().mono < end {
            self.told.clear();
            self.wait(Some(end))?;
        }
        Ok(())
    }
}

/// Two gaps: for what was said just before, and for the last word.
const PLAIN_FAREWELL: Duration = PLAIN_GAP.saturating_mul(2);
