//! Events as JSON: what is printed of what happened, and what `status` knows.

use std::collections::{BTreeMap, BTreeSet};

use proto::client::{ContactInfo, Event, LinkState, MessageState};
use proto::id::{Fingerprint, Name, Principal};
use proto::media::{HalfState, SoundEvent, TapeState, ToolEvent};
use proto::wire::record::{Presence, Standing, Why};
use proto::{Safe, Time};
use serde_json::{Value, json};

use super::call::{Call, LIVE};
use super::devices::{half, news};
use super::trust;
use super::voice::Voice;
use super::words::{presence_name, reason_name, why_name};
use crate::app::talk::Talk;
use crate::session::Told;

/// Turns what happened into events, remembering what `status` tells and what was told already.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    pub(super) muted: bool,
    /// Push-to-talk.
    pub(super) talk: Talk,
    /// The figures are told every second, and not only by `status`.
    pub(super) figures_wanted: bool,
    /// The time of what is reported.
    pub(super) now: Time,
    pub(super) name: Option<Name>,
    server: Option<Fingerprint>,
    pub(super) link: Option<LinkState>,
    pub(super) trouble: Option<String>,
    pub(super) call: Option<Call>,
    microphone: Option<HalfState>,
    speaker: Option<HalfState>,
    voice: Voice,
    presences: BTreeMap<Name, Presence>,
    /// Who has a program that has no word for a recording.
    guests: BTreeSet<Name>,
    /// The same of the last call that rang here, who need not be contacts.
    calling_guests: Vec<Name>,
    recording: bool,
}

impl Reporter {
    /// The objects to print.
    pub(super) fn report(&mut self, told: &Told) -> Vec<Value> {
        match told {
            Told::Client(event) => {
                let first = matches!(event, Event::Joined { .. }) && !self.is_live();
                let ended = matches!(event, Event::Ended { .. });
                let summary = self.call.as_ref().filter(|_| ended).and_then(|call| call.summary(self.now));
                self.remember(event);
                let up = first.then(|| Self::call_live(event)).flatten();
                let mut told: Vec<Value> = up.into_iter().chain(self.client(event)).collect();
                told.extend(self.untold(event).filter(|_| !first));
                if let (Some(summary), Some(ended)) = (summary, told.last_mut()) {
                    ended["summary"] = summary;
                }
                told
            }
            Told::Sound(event) => {
                let mut told = match (event, &self.call) {
                    (SoundEvent::Statistics(figures), Some(call)) => {
                        self.voice.echoes(figures, |ssrc| call.name(ssrc))
                    }
                    _ => Vec::new(),
                };
                told.extend(self.sound(event));
                told
            }
            Told::Volume(who, percent) => {
                self.volume(who, *percent);
                vec![json!({ "event": "volume", "who": who.as_str(), "percent": percent })]
            }
            Told::Asked(..) => Vec::new(),
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

    pub(super) fn is_live(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.state == LIVE)
    }

    /// Somebody is played as loud from now on.
    pub(super) fn volume(&mut self, who: &Name, percent: u16) {
        if let Some(call) = &mut self.call {
            call.volume(who, percent);
        }
    }

    /// Who joins a call that is recorded, with a program that cannot show that.
    fn untold(&self, event: &Event) -> Option<Value> {
        let Event::Joined { who, plain: true, .. } = event else { return None };
        // A server of a plain protocol has no key, and none of its programs has that word.
        let blind = self.server.is_none() || self.guests.contains(who) || self.calling_guests.contains(who);
        let text = format!("{who} cannot see that you record: tell them");
        (self.recording && blind).then(|| json!({ "event": "untold", "who": who.as_str(), "text": text }))
    }

    /// The first who is in makes it a call.
    fn call_live(event: &Event) -> Option<Value> {
        let Event::Joined { who, plain, .. } = event else { return None };
        Some(json!({ "event": "call_live", "with": who.as_str(), "plain": plain }))
    }

    fn client(&mut self, event: &Event) -> Option<Value> {
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
            Event::Greeting { from, text } => {
                json!({ "event": "greeting", "from": from.as_str(), "text": text.as_str() })
            }
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
            Event::Incoming { from, others, guests, plain } => json!({
                "event": "incoming_call", "from": from.as_str(), "others": list(others), "guests": list(guests),
                "plain": plain,
            }),
            Event::Ringing(to) => json!({ "event": "call_ringing", "to": to.as_str() }),
            Event::Joined { who, .. } => json!({ "event": "call_joined", "who": who.as_str() }),
            Event::Parted { who, reason } => {
                json!({ "event": "call_parted", "who": who.as_str(), "reason": reason_name(*reason) })
            }
            Event::PlainUnconfirmed(names) => json!({ "event": "plain_unconfirmed", "names": list(names) }),
            Event::Ended { with, reason } => {
                json!({ "event": "call_ended", "reason": reason_name(*reason), "with": names(with) })
            }
            Event::Invite(url) => json!({ "event": "invite", "url": url }),
            Event::Refused { why, text } => error(why_name(*why), text.as_str()),
            Event::IdentityChanged(name) => error(
                "identity_changed",
                &format!(
                    "{name} is not who it was: nothing is sent until you decide; contacts tells both keys, ask them \
                     in another way, then accept-key or remove"
                ),
            ),
            Event::IdentityAccepted { .. } | Event::Compared { .. } | Event::Banned(_) => {
                return trust::told(event);
            }
            Event::Link(_)
            | Event::ServerKeyUnknown(_)
            | Event::NameWanted
            | Event::Gone(_)
            | Event::Requested(_)
            | Event::Calling { .. }
            | Event::Heard(_) => return None,
        })
    }

    fn remember(&mut self, event: &Event) {
        match event {
            Event::LoggedIn(name) => {
                self.name = Some(name.clone());
                self.trouble = None;
            }
            Event::Link(state) => {
                self.link = Some(*state);
                // As on the screen: who presses does not know who hears it once the connection is back.
                if *state != LinkState::Online {
                    self.talk.shut();
                }
            }
            Event::Calling { to, plain } => self.call = Some(Call::new(to.clone(), "calling", *plain)),
            Event::Incoming { from, others, guests, plain } => {
                self.calling_guests.clone_from(guests);
                let with = core::iter::once(from).chain(others).cloned().collect();
                self.call = Some(Call::new(with, "incoming", *plain));
            }
            Event::Ringing(_) => {
                if let Some(call) = self.call.as_mut().filter(|call| call.state == "calling") {
                    call.state = "ringing";
                }
            }
            Event::Joined { who, ssrc, plain } => {
                let call = self.call.get_or_insert_with(|| Call::new(Vec::new(), LIVE, *plain));
                call.joined(who, *ssrc, *plain, self.now);
            }
            Event::Parted { who, .. } => {
                if let Some(call) = &mut self.call {
                    call.parted(who);
                }
            }
            Event::Ended { .. } => {
                self.call = None;
                self.talk.shut();
            }
            Event::Gone(name) => {
                self.presences.remove(name);
                self.guests.remove(name);
            }
            // The list tells presence too: what was missed while away must not hide what comes next.
            Event::Contacts(list) => {
                let mutual = list.iter().filter(|info| info.standing == Standing::Mutual);
                self.presences = mutual.map(|info| (info.name.clone(), info.presence)).collect();
                list.iter().for_each(|info| self.note_guest(info));
            }
            Event::Contact(info) => self.note_guest(info),
            Event::ServerKeyUnknown(_)
            | Event::ServerKeyChanged { .. }
            | Event::NameWanted
            | Event::PlainUnconfirmed(_)
            | Event::LoginRefused { .. }
            | Event::Request(_)
            | Event::Greeting { .. }
            | Event::Requested(_)
            | Event::Accepted(_)
            | Event::Rejected(_)
            | Event::Waiting { .. }
            | Event::MessageState { .. }
            | Event::Said { .. }
            | Event::Heard(_)
            | Event::Invite(_)
            | Event::Refused { .. }
            | Event::IdentityChanged(_)
            | Event::IdentityAccepted { .. }
            | Event::Compared { .. }
            | Event::Banned(_) => {}
        }
    }

    fn note_guest(&mut self, info: &ContactInfo) {
        match info.principal {
            Principal::Guest(_) => self.guests.insert(info.name.clone()),
            Principal::Key(_) => self.guests.remove(&info.name),
        };
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
                let before = self.microphone.replace(state.clone());
                news("microphone", before.as_ref(), state)
            }
            SoundEvent::Speaker(state) => {
                let before = self.speaker.replace(state.clone());
                news("speaker", before.as_ref(), state)
            }
            SoundEvent::Statistics(statistics) => {
                let call = self.call.as_mut()?;
                call.measured(statistics);
                let mut told = call.figures().filter(|_| self.figures_wanted)?;
                told["event"] = "figures".into();
                Some(told)
            }
            SoundEvent::Member(state) => self.call.as_ref()?.state(*state),
            SoundEvent::Tool(event) => {
                if let ToolEvent::Recording(state) = event {
                    self.recording = matches!(state, TapeState::On(_));
                }
                tool(event)
            }
            SoundEvent::Processing(state) => Some(self.voice.processed(*state)),
            SoundEvent::Devices(list) => {
                let names = |names: &[Safe]| names.iter().map(|n| n.as_str().to_owned()).collect::<Vec<_>>();
                let (microphones, speakers) = (names(&list.microphones), names(&list.speakers));
                Some(json!({ "event": "devices", "microphones": microphones, "speakers": speakers }))
            }
            SoundEvent::Refused(why) => Some(error("device", why.as_str())),
            SoundEvent::Levels(_) => None,
        }
    }

    /// With whom the call is that is to be recorded. Plain protocols have no word for it, so that takes an `anyway`.
    pub(super) fn recordable(&self, anyway: bool) -> Result<Vec<Name>, Value> {
        let live = self.call.as_ref().filter(|call| call.state == LIVE);
        let call = live.ok_or_else(|| error("no_call", "there is no call to record"))?;
        if call.plain && !anyway {
            let text =
                "their program cannot show that you record: tell them yourself, and say: record anyway";
            return Err(error("untold", text));
        }
        Ok(call.with.clone())
    }

    /// How things are.
    pub(super) fn status(&self) -> Value {
        let call = self.call.as_ref().map(Call::status);
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
            "live": self.is_live() && !self.is_silent(),
            "microphone": half(self.microphone.as_ref()),
            "speaker": half(self.speaker.as_ref()),
            "processing": self.voice.status(),
            "statistics": self.call.as_ref().and_then(Call::figures),
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

/// What the tools tell; those of flows are for `tincan call` alone.
fn tool(event: &ToolEvent) -> Option<Value> {
    let recording = |state: &str| json!({ "event": "recording", "state": state });
    Some(match event {
        ToolEvent::SayingAgain(on) => json!({ "event": "saying_again", "on": on }),
        ToolEvent::Recording(TapeState::On(path)) => {
            let mut value = recording("on");
            value["path"] = path.as_str().into();
            value
        }
        ToolEvent::Recording(TapeState::Off { path, lost }) => {
            let mut value = recording("off");
            (value["path"], value["lost_samples"]) = (path.as_str().into(), (*lost).into());
            value
        }
        ToolEvent::Recording(TapeState::Failed(why)) => {
            let mut value = recording("failed");
            value["why"] = why.as_str().into();
            value
        }
        ToolEvent::InputEnded
        | ToolEvent::InputFailed(_)
        | ToolEvent::OutputBehind(_)
        | ToolEvent::OutputFailed { .. } => return None,
    })
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
        "key": key, "blocked": info.blocked, "differs": info.differs,
        "verified_ms": info.verified.map(|when| when.0), "replaced_by": info.replaced_by.as_ref().map(trust::shown),
        "greeting": info.greeting.as_ref().map(proto::Safe::as_str),
    })
}

fn list(names: &[Name]) -> Vec<&str> {
    names.iter().map(Name::as_str).collect()
}

/// Names in one line.
fn names(names: &[Name]) -> String {
    list(names).join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::client::EndReason;
    use proto::id::{MsgId, Ssrc};
    use proto::{Safe, Wall};

    fn bob() -> Name {
        Name::parse("bob").unwrap()
    }

    fn carol() -> Name {
        Name::parse("carol").unwrap()
    }

    fn told(event: Event) -> Vec<Value> {
        Reporter::default().report(&Told::Client(event))
    }

    #[test]
    fn events_have_the_names_and_fields_of_the_manual() {
        for (event, text) in [
            (Event::LoggedIn(bob()), r#"{"event":"login","name":"bob"}"#),
            (Event::Request(bob()), r#"{"event":"request","from":"bob"}"#),
            (
                Event::Greeting { from: bob(), text: Safe::line("we met") },
                r#"{"event":"greeting","from":"bob","text":"we met"}"#,
            ),
            (Event::Accepted(bob()), r#"{"event":"accepted","name":"bob"}"#),
            (Event::Rejected(bob()), r#"{"event":"rejected","name":"bob"}"#),
            (
                Event::Incoming { from: bob(), others: vec![carol()], guests: vec![carol()], plain: true },
                r#"{"event":"incoming_call","from":"bob","others":["carol"],"guests":["carol"],"plain":true}"#,
            ),
            (
                Event::Parted { who: bob(), reason: EndReason::Busy },
                r#"{"event":"call_parted","reason":"busy","who":"bob"}"#,
            ),
            (
                Event::PlainUnconfirmed(vec![bob(), carol()]),
                r#"{"event":"plain_unconfirmed","names":["bob","carol"]}"#,
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
            ContactInfo::new(bob(), principal, standing, presence)
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
    fn who_joins_a_recorded_call_and_cannot_see_that_is_told() {
        let principal = Principal::Guest(carol());
        let guest = ContactInfo::new(carol(), principal, Standing::Mutual, Presence::Online);
        for (plain, records, told) in [(true, true, 2), (true, false, 1), (false, true, 1)] {
            let mut reporter = Reporter { server: Some(Fingerprint([1; 32])), ..Reporter::default() };
            let joined = |who, ssrc| Told::Client(Event::Joined { who, ssrc: Ssrc(ssrc), plain });
            reporter.report(&Told::Client(Event::Contact(guest.clone())));
            reporter.report(&joined(bob(), 7));
            if records {
                let on = ToolEvent::Recording(TapeState::On(Safe::line("a.opus")));
                reporter.report(&Told::Sound(SoundEvent::Tool(on)));
            }
            let dave = Name::parse("dave").unwrap();
            assert_eq!(reporter.report(&joined(dave, 8)).len(), 1, "dave is told");
            let values = reporter.report(&joined(carol(), 9));
            assert_eq!(values.len(), told, "{values:?}");
            if told == 2 {
                assert_eq!((&values[1]["event"], &values[1]["who"]), (&json!("untold"), &json!("carol")));
            }
        }
    }

    #[test]
    fn status_follows_the_call() {
        let mut reporter = Reporter::default();
        assert_eq!(reporter.status()["call"], Value::Null);
        reporter.report(&Told::Client(Event::Calling { to: vec![bob()], plain: false }));
        let status = json!({ "with": "bob", "state": "calling", "plain": false, "joined": [] });
        assert_eq!(reporter.status()["call"], status);
        reporter.report(&Told::Client(Event::Ended { with: vec![bob()], reason: EndReason::Busy }));
        assert_eq!(reporter.status()["call"], Value::Null);
        let failed = SoundEvent::Microphone(HalfState::Failed { why: Safe::line("unplugged") });
        assert_eq!(reporter.report(&Told::Sound(failed))[0]["code"], "microphone");
        assert_eq!(reporter.status()["microphone"]["state"], "failed");
        let refused = SoundEvent::Refused(Safe::line("no card's"));
        let told = reporter.report(&Told::Sound(refused));
        assert_eq!((&told[0]["event"], &told[0]["code"]), (&json!("error"), &json!("device")));
        assert_eq!(reporter.status()["microphone"]["state"], "failed", "a refusal changes nothing");
    }

    #[test]
    fn figures_are_told_when_they_are_wanted_and_the_end_sums_them_up() {
        let mut reporter = Reporter { now: Time::secs(5), ..Reporter::default() };
        reporter.report(&Told::Client(Event::Joined { who: bob(), ssrc: Ssrc(7), plain: false }));
        let second = || Told::Sound(SoundEvent::Statistics(Box::default()));
        assert_eq!(reporter.report(&second()), Vec::<Value>::new());
        assert_eq!(reporter.status()["statistics"]["wire_out"], 0);
        reporter.figures_wanted = true;
        let told = reporter.report(&second());
        assert_eq!((&told[0]["event"], &told[0]["blame"]["hop"]), (&json!("figures"), &json!("nobody")));
        let volume = reporter.report(&Told::Volume(bob(), 80));
        assert_eq!(volume, [json!({ "event": "volume", "who": "bob", "percent": 80 })]);
        assert_eq!(reporter.status()["call"]["volumes"], json!({ "bob": 80 }));
        reporter.now = Time::secs(65);
        let ended = Event::Ended { with: vec![bob()], reason: EndReason::TheyHungUp };
        let told = reporter.report(&Told::Client(ended));
        assert_eq!(
            (&told[0]["event"], &told[0]["summary"]["duration_us"]),
            (&json!("call_ended"), &json!(60_000_000))
        );
        assert_eq!(reporter.report(&second()), Vec::<Value>::new(), "of no call");
    }

    #[test]
    fn the_first_who_joins_makes_the_call_and_each_is_told() {
        let mut reporter = Reporter::default();
        let mut told = |event| reporter.report(&Told::Client(event));
        // Whether it is encrypted says who joins, whatever was said before.
        told(Event::Calling { to: vec![bob(), carol()], plain: false });
        assert_eq!(
            told(Event::Joined { who: carol(), ssrc: Ssrc(9), plain: true }),
            [
                json!({ "event": "call_live", "with": "carol", "plain": true }),
                json!({ "event": "call_joined", "who": "carol" }),
            ]
        );
        let joined = told(Event::Joined { who: bob(), ssrc: Ssrc(7), plain: true });
        assert_eq!(joined, [json!({ "event": "call_joined", "who": "bob" })]);
        told(Event::Parted { who: carol(), reason: EndReason::TheyHungUp });
        let status = json!({ "with": "bob", "state": "live", "plain": true, "joined": ["bob"] });
        assert_eq!(reporter.status()["call"], status);
    }
}
