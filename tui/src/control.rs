//! What is said over the control socket of a running client: one JSON object a line, a request in and a reply out.
//! Words only; `visit` has the socket.
//!
//! ```text
//! {"do":"mute","to":"toggle"}       {"ok":true,"text":"muted"}
//! {"do":"answer"}                   {"ok":false,"code":"no_call","text":"nobody is calling"}
//! {"do":"status"}                   {"ok":true,"status":{..}}
//! ```

use serde_json::{Value, json};

/// Who asked: a connection to the socket. No number is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Visitor(pub u64);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// The microphone.
    Mute(Switch),
    /// Answer the call that rings.
    Answer,
    /// Hang up, stop calling, or decline.
    HangUp,
    /// Press to talk, or let go.
    Talk(Press),
    /// How things are.
    Status,
    /// A link that makes whoever uses it a contact.
    Invite,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
    /// The other.
    Toggle,
}

/// What a key or a pedal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// It went down.
    Down,
    /// It came up.
    Up,
    /// The other.
    Toggle,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// It is done: what is so now, in a few words.
    Done(String),
    /// How things are.
    Status(Box<Status>),
    /// The link.
    Invite(String),
    /// It is not done.
    Refused {
        /// For programs: `no_call`, `no_ptt`, `failed`, `malformed`, `unknown`.
        code: &'static str,
        /// For people: what is in the way, and what to do.
        text: String,
    },
}

/// How a client is, for status bars. The names of its fields are a promise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// `online`, `connecting` or `offline`.
    pub connection: &'static str,
    /// Our name, once known.
    pub name: Option<String>,
    /// The server, as the user named it.
    pub server: String,
    /// The call there is, also one that rings.
    pub call: Option<CallStatus>,
    /// Who calls, while it rings here.
    pub incoming: Option<String>,
    /// The microphone is muted.
    pub muted: bool,
    /// The microphone is open only while one presses to talk.
    pub ptt: bool,
    /// In a call, what we say is sent: not muted, and pressed where that is needed.
    pub live: bool,
    /// Texts that came and were not on the screen; none where there is no screen.
    pub unread: Option<usize>,
    /// Nobody is to disturb.
    pub dnd: bool,
}

/// The call, for status bars.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallStatus {
    /// `incoming`, `connecting`, `calling`, `ringing` or `live`.
    pub state: &'static str,
    /// With whom.
    pub with: Vec<String>,
    /// For how many seconds it has been live.
    pub seconds: Option<u64>,
    /// It is end-to-end encrypted.
    pub encrypted: bool,
    /// How it sounds: `good`, `fair`, `poor` or `bad`; none while that is not known.
    pub quality: Option<&'static str>,
}

impl Request {
    /// Reads a line.
    ///
    /// # Errors
    /// The refusal to reply with.
    pub fn parse(line: &[u8]) -> Result<Self, Reply> {
        let value: Value = serde_json::from_slice(line)
            .map_err(|_| refused("malformed", "a request is one JSON object on a line"))?;
        let word = |key| value.get(key).and_then(Value::as_str);
        let switch = || match word("to") {
            Some("on") => Some(Switch::On),
            Some("off") => Some(Switch::Off),
            Some("toggle") => Some(Switch::Toggle),
            Some(_) | None => None,
        };
        let press = || match word("to") {
            Some("down") => Some(Press::Down),
            Some("up") => Some(Press::Up),
            Some("toggle") => Some(Press::Toggle),
            Some(_) | None => None,
        };
        let request = match word("do") {
            Some("mute") => switch().map(Self::Mute),
            Some("ptt") => press().map(Self::Talk),
            Some("answer") => Some(Self::Answer),
            Some("hangup") => Some(Self::HangUp),
            Some("status") => Some(Self::Status),
            Some("invite") => Some(Self::Invite),
            Some(_) | None => None,
        };
        request.ok_or_else(|| {
            let known = "mute to on|off|toggle, ptt to down|up|toggle, answer, hangup, status, invite";
            refused("unknown", &format!("there is no such request; these are: {known}"))
        })
    }

    /// The line that asks for it, without its end.
    pub fn line(self) -> String {
        match self {
            Self::Mute(to) => json!({ "do": "mute", "to": to.word() }),
            Self::Talk(to) => json!({ "do": "ptt", "to": to.word() }),
            Self::Answer => json!({ "do": "answer" }),
            Self::HangUp => json!({ "do": "hangup" }),
            Self::Status => json!({ "do": "status" }),
            Self::Invite => json!({ "do": "invite" }),
        }
        .to_string()
    }
}

impl Switch {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Toggle => "toggle",
        }
    }

    /// What it makes of what is so `now`.
    pub fn from(self, now: bool) -> bool {
        match self {
            Self::On => true,
            Self::Off => false,
            Self::Toggle => !now,
        }
    }
}

impl Press {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Up => "up",
            Self::Toggle => "toggle",
        }
    }
}

impl Reply {
    /// The line that says it, without its end.
    pub fn line(&self) -> String {
        match self {
            Self::Done(text) => json!({ "ok": true, "text": text }),
            Self::Status(status) => json!({ "ok": true, "status": status.json() }),
            Self::Invite(url) => json!({ "ok": true, "invite": url }),
            Self::Refused { code, text } => json!({ "ok": false, "code": code, "text": text }),
        }
        .to_string()
    }
}

/// A refusal.
pub fn refused(code: &'static str, text: &str) -> Reply {
    Reply::Refused { code, text: text.to_owned() }
}

impl Status {
    /// As JSON, documented in README.md.
    pub fn json(&self) -> Value {
        let call = self.call.as_ref().map(|call| {
            json!({
                "state": call.state, "with": call.with, "seconds": call.seconds,
                "encrypted": call.encrypted, "quality": call.quality,
            })
        });
        json!({
            "connection": self.connection, "name": self.name, "server": self.server, "call": call,
            "incoming": self.incoming, "muted": self.muted, "ptt": self.ptt, "live": self.live,
            "unread": self.unread, "dnd": self.dnd,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Request; 10] = [
        Request::Mute(Switch::On),
        Request::Mute(Switch::Off),
        Request::Mute(Switch::Toggle),
        Request::Talk(Press::Down),
        Request::Talk(Press::Up),
        Request::Talk(Press::Toggle),
        Request::Answer,
        Request::HangUp,
        Request::Status,
        Request::Invite,
    ];

    #[test]
    fn what_is_written_is_read() {
        for request in ALL {
            assert_eq!(Request::parse(request.line().as_bytes()), Ok(request));
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_reason() {
        let code = |line: &str| match Request::parse(line.as_bytes()) {
            Err(Reply::Refused { code, .. }) => code,
            other => panic!("{line}: {other:?}"),
        };
        for line in ["", "mute", "{", "{\"do\":\"mute\"", "\u{0}"] {
            assert_eq!(code(line), "malformed", "{line}");
        }
        let odd = ["1", "[]", "{}", "{\"do\":1}", "{\"do\":\"mute\"}", "{\"do\":\"mute\",\"to\":\"down\"}"];
        for line in odd.into_iter().chain(["{\"do\":\"dance\"}", "{\"do\":\"ptt\",\"to\":\"on\"}"]) {
            assert_eq!(code(line), "unknown", "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_strange(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Request::parse(&line);
        }
    }
}
