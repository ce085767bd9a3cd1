//! What other programs of the user may ask of a client without a screen, over the control socket.

use proto::client::{Command, LinkState};
use proto::id::Name;

use super::call::Call;
use super::events::Reporter;
use crate::control::{CallStatus, Request, Status};

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
            ptt: false,
            live: self.is_live() && !self.muted,
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
