//! What other programs of the user may ask of a call from the shell, over the control socket.

use proto::Time;

use super::{Errand, Phase};
use crate::control::{CallStatus, Reply, Request, Status, refused};
use crate::exit::Exit;

impl Errand {
    /// Does what is asked, and says what came of it.
    pub(in crate::talk) fn asked(&mut self, request: Request, now: Time) -> Reply {
        match request {
            Request::Mute(to) => {
                self.muted = to.from(self.muted);
                self.microphone();
                Reply::Done(if self.muted { "muted" } else { "not muted" }.to_owned())
            }
            Request::HangUp => match self.phase {
                Phase::Placing | Phase::Live(_) | Phase::Draining(_) => {
                    self.leave(Exit::Ok, now);
                    Reply::Done("hanging up".to_owned())
                }
                Phase::Arriving | Phase::Listing(_) | Phase::Waiting | Phase::Leaving(_) => {
                    refused("no_call", "there is no call")
                }
            },
            Request::Answer => {
                refused("no_call", "this tincan is a call from the shell: it answers by itself")
            }
            Request::Talk(to) => self.press(to, now),
            Request::Status => Reply::Status(Box::new(self.status(now))),
            // The session answers it.
            Request::Invite => refused("unknown", "a link is made by the session"),
        }
    }

    fn status(&self, now: Time) -> Status {
        let (state, since) = match self.phase {
            Phase::Placing => (Some("calling"), None),
            Phase::Live(since) => (Some("live"), Some(since)),
            Phase::Draining(_) => (Some("live"), None),
            Phase::Arriving | Phase::Listing(_) | Phase::Waiting | Phase::Leaving(_) => (None, None),
        };
        let with = self.with.iter().map(ToString::to_string).collect();
        let call = state.map(|state| CallStatus {
            state,
            with,
            seconds: since.map(|since| (now - since).as_secs()),
            encrypted: !self.plain,
            quality: None,
        });
        Status {
            connection: if self.arrival.logged_in { "online" } else { "connecting" },
            name: self.name.as_ref().map(ToString::to_string),
            live: state == Some("live") && !self.is_silent(),
            ptt: self.talk.is_on(),
            call,
            muted: self.muted,
            ..Status::default()
        }
    }
}
