//! What other programs of the user may ask of a client without a screen, over the control socket.

use proto::Time;
use proto::client::{Command, LinkState};
use proto::id::Name;
use proto::media::SoundCommand;

use super::call::Call;
use super::events::Reporter;
use crate::control::{CallStatus, Press, Reply, Request, Status, refused};

impl Reporter {
    /// What answers or hangs up here, and the words for it.
    pub(super) fn call_command(&self, request: Request) -> Result<(Command, &'static str), &'static str> {
        let state = self.call.as_ref().map(|call| call.state);
        match (request, state) {
            (Request::Answer, Some("incoming")) => Ok((Command::Answer, "answering")),
            (Request::Answer, _) => Err("nobody is calling"),
            (_, Some("incoming")) => Ok((Command::Decline, "declining")),
            (_, Some(_)) => Ok((Command::HangUp, "hanging up")),
            (_, None) => Err("there is no call"),
        }
    }

    /// Nothing of what we say is sent.
    pub(super) fn is_silent(&self) -> bool {
        self.muted || self.talk.keeps_silent()
    }

    /// What the agent is to be told of the microphone, if that is not what it is already.
    pub(super) fn microphone(&mut self) -> Option<SoundCommand> {
        let silent = self.is_silent();
        (core::mem::replace(&mut self.silent, silent) != silent).then_some(SoundCommand::Mute(silent))
    }

    /// Presses to talk, or lets go.
    pub(super) fn press(&mut self, to: Press, now: Time) -> Reply {
        let opens = to == Press::Down || to == Press::Toggle && !self.talk.is_open();
        match (self.call.as_ref().map(|call| call.state), self.talk.is_on()) {
            (_, false) if opens => return refused("no_ptt", "push-to-talk is off: mute instead"),
            (None | Some("incoming"), _) if opens => {
                return refused("no_call", "there is no call to talk in");
            }
            (Some(_), _) if opens && self.muted => return refused("muted", "you are muted"),
            (Some(_) | None, _) => {}
        }
        match to {
            Press::Down => self.talk.hold(now),
            Press::Toggle if opens => self.talk.lock_open(),
            Press::Up | Press::Toggle => self.talk.shut(),
        }
        Reply::Done(if opens { "live" } else { "silent" }.to_owned())
    }

    /// How things are, for status bars. Whether a text was read is not known here.
    pub(super) fn control_status(&self, server: String) -> Status {
        let incoming = self.call.as_ref().filter(|call| call.state == "incoming");
        Status {
            connection: match self.link {
                Some(LinkState::Online) => "online",
                Some(LinkState::Away { .. }) => "offline",
                Some(LinkState::Connecting) | None => "connecting",
            },
            name: self.name.as_ref().map(Name::to_string),
            server,
            incoming: incoming.and_then(|call| call.with.first()).map(Name::to_string),
            call: self.call.as_ref().map(|call| self.call_status(call)),
            muted: self.muted,
            ptt: self.talk.is_on(),
            live: self.is_live() && !self.is_silent(),
            unread: None,
            dnd: false,
        }
    }

    fn call_status(&self, call: &Call) -> CallStatus {
        CallStatus {
            state: call.state,
            with: call.with.iter().map(Name::to_string).collect(),
            seconds: call.lasted(self.now).map(|lasted| lasted.as_secs()),
            encrypted: !call.plain,
            quality: call.rating().map(crate::app::call::rating),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proto::client::{EndReason, Event};
    use proto::id::Ssrc;

    use super::*;
    use crate::app::transmit::Transmit;
    use crate::session::Told;

    /// What is told of the microphone is done to it, once, by a mute and by the key to talk.
    #[test]
    fn whoever_is_told_to_be_muted_is() {
        let mut reporter = Reporter::default();
        assert_eq!(reporter.microphone(), None, "open, as it is at the start");
        reporter.muted = true;
        assert_eq!(reporter.microphone(), Some(SoundCommand::Mute(true)));
        assert_eq!(reporter.status()["muted"], true);
        assert_eq!(reporter.microphone(), None);
        reporter.muted = false;
        assert_eq!(reporter.microphone(), Some(SoundCommand::Mute(false)));
        reporter.talk.transmit = Transmit::Ptt;
        assert_eq!(reporter.microphone(), Some(SoundCommand::Mute(true)), "nobody presses");
        let bob = Name::parse("bob").unwrap();
        reporter.report(&Told::Client(Event::Joined { who: bob, ssrc: Ssrc(7), plain: false }));
        reporter.press(Press::Toggle, Time::secs(1));
        assert_eq!(reporter.microphone(), Some(SoundCommand::Mute(false)));
    }

    /// Whatever opened the microphone, nobody is heard after what it was opened for is gone.
    #[test]
    fn nobody_is_heard_after_the_connection_or_the_call_is_gone() {
        let bob = Name::parse("bob").unwrap();
        let away = Event::Link(LinkState::Away { retry_in: Duration::from_secs(3) });
        let ended = Event::Ended { with: vec![bob.clone()], reason: EndReason::TheyHungUp };
        for gone in [away, ended] {
            for press in [Press::Down, Press::Toggle] {
                let mut reporter = Reporter::default();
                reporter.talk.transmit = Transmit::Ptt;
                reporter.report(&Told::Client(Event::Link(LinkState::Online)));
                let joined = Event::Joined { who: bob.clone(), ssrc: Ssrc(7), plain: false };
                reporter.report(&Told::Client(joined));
                assert_eq!(reporter.press(press, Time::ms(1)), Reply::Done("live".to_owned()));
                assert!(!reporter.is_silent());
                reporter.report(&Told::Client(gone.clone()));
                assert!(reporter.is_silent(), "{press:?}, {gone:?}");
            }
        }
    }
}
