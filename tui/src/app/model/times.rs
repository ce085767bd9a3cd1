//! When something on the screen changes by itself.

use core::time::Duration;

use proto::{Time, earliest};

use super::{Link, Model};
use crate::app::call::Phase;

impl Model {
    /// When to send a [`crate::app::Msg::Tick`]: something ends by itself, or a shown time changes.
    pub fn deadline(&self) -> Option<Time> {
        let mut due = Some(self.next_minute());
        due = earliest(due, self.notice.as_ref().map(|notice| notice.until));
        due = earliest(due, self.contacts.leaving_until());
        due = earliest(due, self.quit_until);
        due = earliest(due, self.contacts.rests_until());
        if let Link::Away { retry_at } = self.link {
            due = earliest(due, Some(self.next_second(retry_at)).filter(|_| retry_at > self.now.mono));
        }
        due = earliest(due, self.sound.talk.deadline());
        earliest(due, self.call_deadline())
    }

    /// From (or until) when whole seconds are shown: of the call, or else of the wait for the server.
    pub fn seconds_of(&self) -> Option<Time> {
        let away = if let Link::Away { retry_at } = self.link { Some(retry_at) } else { None };
        match self.call.as_ref().map(|call| &call.phase) {
            Some(Phase::Incoming(incoming) | Phase::Answering(incoming)) => Some(incoming.since),
            Some(Phase::Placing { since, .. } | Phase::Live { since }) => Some(*since),
            None => away,
        }
    }

    fn call_deadline(&self) -> Option<Time> {
        match &self.call.as_ref()?.phase {
            Phase::Incoming(incoming) => {
                let bell = Some(incoming.bell_at).filter(|_| !incoming.silent);
                earliest(bell, Some(self.next_second(incoming.since)))
            }
            Phase::Placing { since, .. } | Phase::Live { since } => Some(self.next_second(*since)),
            Phase::Answering(_) => None,
        }
    }

    /// When the minute on the wall is over.
    fn next_minute(&self) -> Time {
        let into = self.now.wall.0 % 60_000;
        self.now.mono + Duration::from_millis(60_000 - into)
    }

    /// When the whole seconds since (or until) `mark` change next.
    fn next_second(&self, mark: Time) -> Time {
        let (second, now, mark) = (1_000_000, self.now.mono.as_us(), mark.as_us());
        let into = if now >= mark { (now - mark) % second } else { second - 1 - (mark - now - 1) % second };
        Time::us(now + second - into)
    }
}
