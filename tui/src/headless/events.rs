//! Events as JSON: what is printed of what happened, and what `status` knows.

use std::collections::BTreeMap;

use proto::client::{ContactInfo, EndReason, Event, LinkState, MessageState};
use proto::id::{Fingerprint, Name, Principal};
use proto::media::{HalfState, SoundEvent, Statistics};
use proto::wire::record::{Presence, Standing, Why};
use serde_json::{Value, json};

use crate::session::Told;

/// Turns what happened into events, remembering what `status` tells and what was told already.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    pub(super) muted: bool,
    name: Option<Name>,
    server: Option<Fingerprint>,
    link: Option<LinkState>,
    pub(super) trouble: Option<String>,
    call: Option<(Name, &'static str)>,
    microphone: Option<HalfState>,
    speaker: Option<HalfState>,
    statistics: Option<Box<Statistics>>,
    presences: BTreeMap<Name, Presence>,
}

impl Reporter {
    /// The objects to print.
    pub(super) fn report(&mut self, told: &Told) -> Vec<Value> {
        match told {
            Told::Client(event) => self.client(event).into_iter().collect(),
            Told::Sound(event) => self.sound(event).into_iter().collect(),
            Told::Server(key) => {
                self.server = Some(*key);
                Vec::new()
            }
            Told::Trouble(why) => {
                self.trouble = Some(why.clone());
                vec![error("unreachable", why)]
            }
        }
    }

    fn client(&mut self, event: &Event) -> Option<Value> {
        self.remember(event);
        Some(match event {
            Event::LoggedIn(name) => json!({ "event": "login", "name": name.as_str() }),
            Event::LoginRefused { why, text } => error(why_name(*why), text.as_str()),
            Event::ServerKeyChanged { pinned, shown } => error(
                "server_key_changed",
                &format!(
                    "the server shows the key {} but {} is pinned: nothing was sent; ask its operator, and if the \
                     change is right, start with a new profile",
                    shown.openssh(),
                    pinned.openssh()
                ),
            ),
            Event::Contacts(list) => {
                let list: Vec<Value> = list.iter().map(contact).collect();
                json!({ "event": "contacts", "list": list })
            }
            Event::Contact(info) => return self.presence(info),
            Event::Request(from) => json!({ "event": "request", "from": from.as_str() }),
            Event::Accepted(name) => json!({ "event": "accepted", "name": name.as_str() }),
            Event::Rejected(name) => json!({ "event": "rejected", "name": name.as_str() }),
            Event::Waiting { to, id, .. } => message_state(to, &id.hex(), "waiting", None),
            Event::MessageState { to, id, state } => match state {
                MessageState::Waiting => message_state(to, &id.hex(), "waiting", None),
                MessageState::Delivered => message_state(to, &id.hex(), "delivered", None),
                MessageState::Failed(why) => message_state(to, &id.hex(), "failed", Some(*why)),
            },
            Event::Said { from, id, sent, text } => json!({
                "event": "message", "from": from.as_str(), "text": text.as_str(), "id": id.hex(), "sent_ms": sent.0,
            }),
            Event::Incoming { from, .. } => json!({ "event": "incoming_call", "from": from.as_str() }),
            Event::Ringing(to) => json!({ "event": "call_ringing", "to": to.as_str() }),
            Event::Joined { who: with, .. } => json!({ "event": "call_live", "with": with.as_str() }),
            Event::Ended { with, reason } => {
                json!({ "event": "call_ended", "reason": reason_name(*reason), "with": names(with) })
            }
            Event::Invite(url) => json!({ "event": "invite", "url": url }),
            Event::Refused { why, text } => error(why_name(*why), text.as_str()),
            Event::IdentityChanged(name) => error(
                "identity_changed",
                &format!(
                    "{name} is not who it was: nothing is sent until you remove {name}; ask them in another way first"
                ),
            ),
            Event::Link(_)
            | Event::ServerKeyUnknown(_)
            | Event::NameWanted
            | Event::Gone(_)
            | Event::Requested(_)
            | Event::Calling { .. }
            | Event::Parted { .. }
            | Event::PlainUnconfirmed(_)
            | Event::Heard(_) => return None,
        })
    }

    fn remember(&mut self, event: &Event) {
        match event {
            Event::LoggedIn(name) => {
                self.name = Some(name.clone());
                self.trouble = None;
            }
            Event::Link(state) => self.link = Some(*state),
            Event::Calling { to, .. } => self.call = to.first().map(|name| (name.clone(), "calling")),
            Event::Ringing(name) => self.call = Some((name.clone(), "ringing")),
            Event::Incoming { from: name, .. } => self.call = Some((name.clone(), "incoming")),
            Event::Joined { who: with, .. } => self.call = Some((with.clone(), "live")),
            Event::Ended { .. } => {
                self.call = None;
                self.statistics = None;
            }
            Event::Gone(name) => drop(self.presences.remove(name)),
            // The list tells presence too: what was missed while away must not hide what comes next.
            Event::Contacts(list) => {
                let mutual = list.iter().filter(|info| info.standing == Standing::Mutual);
                self.presences = mutual.map(|info| (info.name.clone(), info.presence)).collect();
            }
            Event::ServerKeyUnknown(_)
            | Event::ServerKeyChanged { .. }
            | Event::NameWanted
            | Event::Parted { .. }
            | Event::PlainUnconfirmed(_)
            | Event::LoginRefused { .. }
            | Event::Contact(_)
            | Event::Request(_)
            | Event::Requested(_)
            | Event::Accepted(_)
            | Event::Rejected(_)
            | Event::Waiting { .. }
            | Event::MessageState { .. }
            | Event::Said { .. }
            | Event::Heard(_)
            | Event::Invite(_)
            | Event::Refused { .. }
            | Event::IdentityChanged(_) => {}
        }
    }

    /// Presence is told when it changed, of contacts only.
    fn presence(&mut self, info: &ContactInfo) -> Option<Value> {
        if info.standing != Standing::Mutual {
            self.presences.remove(&info.name);
            return None;
        }
        let before = self.presences.insert(info.name.clone(), info.presence);
        let state = presence_name(info.presence);
        (before != Some(info.presence))
            .then(|| json!({ "event": "presence", "name": info.name.as_str(), "state": state }))
    }

    fn sound(&mut self, event: &SoundEvent) -> Option<Value> {
        match event {
            SoundEvent::Microphone(state) => {
                let told = failure("microphone", state);
                self.microphone = Some(state.clone());
                told
            }
            SoundEvent::Speaker(state) => {
                let told = failure("speaker", state);
                self.speaker = Some(state.clone());
                told
            }
            SoundEvent::Statistics(statistics) => {
                self.statistics = Some(statistics.clone());
                None
            }
            SoundEvent::Devices(_) | SoundEvent::Levels(_) => None,
        }
    }

    /// How things are.
    pub(super) fn status(&self) -> Value {
        let call = self.call.as_ref().map(|(with, state)| json!({ "with": with.as_str(), "state": state }));
        let link = match self.link {
            Some(LinkState::Online) => "online",
            Some(LinkState::Away { .. }) => "away",
            Some(LinkState::Connecting) | None => "connecting",
        };
        json!({
            "event": "status",
            "name": self.name.as_ref().map(Name::as_str),
            "server": self.server.as_ref().map(Fingerprint::openssh),
            "link": link,
            "trouble": self.trouble,
            "call": call,
            "muted": self.muted,
            "microphone": half(self.microphone.as_ref()),
            "speaker": half(self.speaker.as_ref()),
            "statistics": self.statistics.as_deref().map(figures),
        })
    }
}

pub(super) fn error(code: &str, text: &str) -> Value {
    json!({ "event": "error", "code": code, "text": text })
}

fn message_state(to: &Name, id: &str, state: &str, why: Option<Why>) -> Value {
    let mut value = json!({ "event": "message_state", "to": to.as_str(), "id": id, "state": state });
    if let Some(why) = why {
        value["why"] = why_name(why).into();
    }
    value
}

fn contact(info: &ContactInfo) -> Value {
    let key = match &info.principal {
        Principal::Key(key) => Some(key.openssh()),
        Principal::Guest(_) => None,
    };
    let standing = match info.standing {
        Standing::None => "none",
        Standing::Asked => "asked",
        Standing::Asking => "asking",
        Standing::Mutual => "mutual",
    };
    json!({
        "name": info.name.as_str(), "standing": standing, "presence": presence_name(info.presence),
        "key": key, "blocked": info.blocked,
    })
}

fn failure(half: &str, state: &HalfState) -> Option<Value> {
    match state {
        HalfState::Failed { why } => Some(error(half, why.as_str())),
        HalfState::Closed | HalfState::Open { .. } => None,
    }
}

fn half(state: Option<&HalfState>) -> Value {
    match state {
        None | Some(HalfState::Closed) => json!({ "state": "closed" }),
        Some(HalfState::Open { name, opened_in }) => {
            json!({ "state": "open", "device": name.as_str(), "opened_in_us": micros(*opened_in) })
        }
        Some(HalfState::Failed { why }) => json!({ "state": "failed", "why": why.as_str() }),
    }
}

fn figures(of: &Statistics) -> Value {
    json!({
        "round_trip_us": of.round_trip.map(micros), "loss_in": of.loss_in, "loss_out": of.loss_out,
        "jitter_us": micros(of.jitter), "buffer_us": micros(of.buffer), "opened": of.opened, "lost": of.lost,
        "repaired": of.repaired, "concealed": of.concealed, "late": of.late, "bitrate": of.bitrate,
        "frame_us": micros(of.frame), "overruns": of.overruns,
    })
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn presence_name(presence: Presence) -> &'static str {
    match presence {
        Presence::Offline => "offline",
        Presence::Online => "online",
        Presence::InCall => "in_call",
    }
}

fn reason_name(reason: EndReason) -> &'static str {
    match reason {
        EndReason::HungUp => "hung_up",
        EndReason::TheyHungUp => "they_hung_up",
        EndReason::Declined => "declined",
        EndReason::Busy => "busy",
        EndReason::NoAnswer => "no_answer",
        EndReason::Gone => "gone",
        EndReason::Taken => "taken",
        EndReason::Missed => "missed",
        EndReason::Lost => "lost",
        EndReason::Failed => "failed",
    }
}

fn why_name(why: Why) -> &'static str {
    match why {
        Why::Other => "other",
        Why::BadRequest => "bad_request",
        Why::NotLoggedIn => "not_logged_in",
        Why::LoggedIn => "logged_in",
        Why::UnknownCode => "unknown_code",
        Why::Version => "version",
        Why::NameTaken => "name_taken",
        Why::InviteNeeded => "invite_needed",
        Why::BadToken => "bad_token",
        Why::NotRegistered => "not_registered",
        Why::BadSignature => "bad_signature",
        Why::Revoked => "revoked",
        Why::NoSuchUser => "no_such_user",
        Why::Oneself => "oneself",
        Why::Already => "already",
        Why::NoRequest => "no_request",
        Why::NotContact => "not_contact",
        Why::Limit => "limit",
        Why::TooFast => "too_fast",
        Why::NoCall => "no_call",
        Why::InCall => "in_call",
        Why::NobodyRung => "nobody_rung",
        Why::Unsupported => "unsupported",
        Why::Internal => "internal",
    }
}

/// Names in one line.
fn names(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::id::MsgId;
    use proto::{Safe, Wall};

    fn bob() -> Name {
        Name::parse("bob").unwrap()
    }

    fn told(event: Event) -> Vec<Value> {
        Reporter::default().report(&Told::Client(event))
    }

    #[test]
    fn events_have_the_names_and_fields_of_the_manual() {
        for (event, text) in [
            (Event::LoggedIn(bob()), r#"{"event":"login","name":"bob"}"#),
            (Event::Request(bob()), r#"{"event":"request","from":"bob"}"#),
            (Event::Accepted(bob()), r#"{"event":"accepted","name":"bob"}"#),
            (Event::Rejected(bob()), r#"{"event":"rejected","name":"bob"}"#),
            (
                Event::Incoming { from: bob(), others: Vec::new(), plain: false },
                r#"{"event":"incoming_call","from":"bob"}"#,
            ),
            (Event::Ringing(bob()), r#"{"event":"call_ringing","to":"bob"}"#),
            (
                Event::Ended { with: vec![bob()], reason: EndReason::NoAnswer },
                r#"{"event":"call_ended","reason":"no_answer","with":"bob"}"#,
            ),
            (Event::Invite("tincan://h".into()), r#"{"event":"invite","url":"tincan://h"}"#),
            (
                Event::Refused { why: Why::NoSuchUser, text: Safe::line("nobody is called x") },
                r#"{"code":"no_such_user","event":"error","text":"nobody is called x"}"#,
            ),
            (
                Event::MessageState { to: bob(), id: MsgId([0xab; 16]), state: MessageState::Delivered },
                r#"{"event":"message_state","id":"abababababababababababababababab","state":"delivered","to":"bob"}"#,
            ),
        ] {
            assert_eq!(told(event)[0], serde_json::from_str::<Value>(text).unwrap());
        }
        let said =
            Event::Said { from: bob(), id: MsgId([1; 16]), sent: Wall(5), text: Safe::text("a\nb", 99) };
        let value = &told(said)[0];
        assert_eq!(
            (&value["event"], &value["from"], &value["text"]),
            (&json!("message"), &json!("bob"), &json!("a\nb"))
        );
        assert!(!value.to_string().contains('\n'), "one line for one event");
    }

    #[test]
    fn presence_is_told_when_it_changes() {
        let mut reporter = Reporter::default();
        let contact = |standing, presence| {
            let principal = Principal::Guest(bob());
            ContactInfo { name: bob(), principal, standing, presence, blocked: false }
        };
        let info = |standing, presence| Told::Client(Event::Contact(contact(standing, presence)));
        assert!(reporter.report(&info(Standing::Asked, Presence::Offline)).is_empty());
        let first = reporter.report(&info(Standing::Mutual, Presence::Online));
        assert_eq!(first, [json!({ "event": "presence", "name": "bob", "state": "online" })]);
        assert!(reporter.report(&info(Standing::Mutual, Presence::Online)).is_empty());
        assert_eq!(reporter.report(&info(Standing::Mutual, Presence::InCall))[0]["state"], "in_call");
        // Bob left and came back while we were away; the list told the first half.
        let list = vec![contact(Standing::Mutual, Presence::Offline)];
        reporter.report(&Told::Client(Event::Contacts(list)));
        assert_eq!(reporter.report(&info(Standing::Mutual, Presence::InCall))[0]["state"], "in_call");
    }

    #[test]
    fn status_follows_the_call() {
        let mut reporter = Reporter::default();
        assert_eq!(reporter.status()["call"], Value::Null);
        reporter.report(&Told::Client(Event::Calling { to: vec![bob()], plain: false }));
        assert_eq!(reporter.status()["call"], json!({ "with": "bob", "state": "calling" }));
        reporter.report(&Told::Client(Event::Ended { with: vec![bob()], reason: EndReason::Busy }));
        assert_eq!(reporter.status()["call"], Value::Null);
        let failed = SoundEvent::Microphone(HalfState::Failed { why: Safe::line("unplugged") });
        assert_eq!(reporter.report(&Told::Sound(failed))[0]["code"], "microphone");
        assert_eq!(reporter.status()["microphone"]["state"], "failed");
    }
}
