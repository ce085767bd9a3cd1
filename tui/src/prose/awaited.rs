//! What lines asked for that is answered later. What came of it is said when it is known, and a script whose input has
//! ended waits for it.

use std::collections::VecDeque;

use proto::client::{Command, ContactInfo, Event, Matter};
use proto::id::{Name, Principal};
use proto::media::SoundCommand;

use crate::app::Effect;
use crate::limits::ANSWERS_AWAITED_MAX;

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A link of our own.
    Link,
    /// The list of devices.
    Devices,
    /// How one stands with them, or what is known of their key.
    Contact(Name),
    /// A friend's link.
    Redeemed,
    /// Words of the call with them.
    Words(Name),
    /// Who is blocked.
    Bans,
    /// That they are blocked.
    Ban(Name),
    /// That they are blocked no longer.
    Unban(Principal),
}

impl Answer {
    fn to(effect: &Effect) -> Option<Self> {
        if let Effect::Sound(SoundCommand::ListDevices) = effect {
            return Some(Self::Devices);
        }
        let Effect::Send(command) = effect else { return None };
        Some(match command.clone() {
            Command::Invite => Self::Link,
            Command::Add(name)
            | Command::Greet { to: name, .. }
            | Command::Accept(name)
            | Command::Reject(name)
            | Command::Remove(name)
            | Command::Verify { name, .. }
            | Command::AcceptIdentity { name, .. } => Self::Contact(name),
            Command::Redeem(_) => Self::Redeemed,
            Command::Compare(name) => Self::Words(name),
            Command::Bans => Self::Bans,
            Command::Ban(name) => Self::Ban(name),
            Command::Unban(who) => Self::Unban(who),
            Command::Join(_)
            | Command::TrustServer
            | Command::Call(_)
            | Command::AllowPlain(_)
            | Command::Answer
            | Command::Decline
            | Command::HangUp
            | Command::Say { .. }
            | Command::Contacts
            | Command::WelcomeAll
            | Command::Reconnect => return None,
        })
    }

    fn is_in(&self, event: &Event) -> bool {
        match self {
            Self::Link => matches!(event, Event::Invite(_)),
            // The machine asks for the list after each.
            Self::Redeemed => matches!(event, Event::Contacts(_)),
            Self::Words(name) => matches!(event, Event::Compared { who, .. } if who == name),
            Self::Bans | Self::Ban(_) | Self::Unban(_) => matches!(event, Event::Banned(_)),
            Self::Contact(name) => matches!(
                event,
                Event::Contact(ContactInfo { name: who, .. })
                    | Event::Requested(who)
                    | Event::Accepted(who)
                    | Event::Rejected(who)
                    | Event::Gone(who) if who == name
            ),
            Self::Devices => false,
        }
    }

    fn is_refused(&self, of: &Matter) -> bool {
        match (self, of) {
            (Self::Link, Matter::Invite) | (Self::Redeemed, Matter::Redeem) => true,
            (Self::Contact(ours), Matter::Contact(name))
            | (Self::Words(ours), Matter::Words(name))
            | (Self::Ban(ours), Matter::Ban(name)) => ours == name,
            (Self::Unban(ours), Matter::Unban(who)) => ours == who,
            (
                Self::Link
                | Self::Redeemed
                | Self::Contact(_)
                | Self::Words(_)
                | Self::Ban(_)
                | Self::Unban(_)
                | Self::Devices
                | Self::Bans,
                _,
            ) => false,
        }
    }
}

/// All of it, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    answers: VecDeque<Answer>,
}

impl Awaited {
    /// Notes what these ask for; of too much the oldest is not waited for any longer.
    pub(super) fn expect(&mut self, effects: &[Effect]) {
        for answer in effects.iter().filter_map(Answer::to) {
            if self.answers.len() >= ANSWERS_AWAITED_MAX {
                self.answers.pop_front();
            }
            self.answers.push_back(answer);
        }
    }

    /// What the client machine says answers this, if anything. Of several that ask for the same the oldest is meant.
    pub(super) fn answered(&mut self, event: &Event) -> Option<Answer> {
        let refused = if let Event::Refused { of, .. } = event { Some(of) } else { None };
        let ours = |answer: &Answer| refused.map_or_else(|| answer.is_in(event), |of| answer.is_refused(of));
        let at = self.answers.iter().position(ours)?;
        self.answers.remove(at)
    }

    /// The devices have come.
    pub(super) fn devices_came(&mut self) {
        self.answers.retain(|answer| *answer != Answer::Devices);
    }

    /// Whether everything was answered.
    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::story::name;

    #[test]
    fn only_so_many_answers_are_waited_for() {
        let mut awaited = Awaited::default();
        for n in 0..ANSWERS_AWAITED_MAX + 3 {
            awaited.expect(&[Effect::Send(Command::Add(name(&format!("u{n}"))))]);
        }
        let requested = |n: usize| Event::Requested(name(&format!("u{n}")));
        assert_eq!(awaited.answered(&requested(2)), None);
        for n in 3..ANSWERS_AWAITED_MAX + 3 {
            assert!(awaited.answered(&requested(n)).is_some(), "{n}");
        }
        assert!(awaited.is_empty());
    }
}
