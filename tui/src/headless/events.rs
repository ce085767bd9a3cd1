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
use super::words::{matter, presence_name, reason_name, why_name};
use crate::app::talk::Talk;
use crate::app::trust::server_key_changed;
use crate::session::Told;

/// Turns what happened into events, remembering what `status` tells and what was told already.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    pub(super) muted: bool,
    /// What the agent was told last.
    pub(super) silent: bool,
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
            Event::ServerKeyChanged { pinned, shown } => {
                error("server_key_changed", &server_key_changed(*pinned, *shown))
            }
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
            Event::Refused { of, why, text } => {
                let mut refusal = error(why_name(*why), text.as_str());
                let (of, who) = matter(of);
                refusal["of"] = of.into();
                if let Some(who) = who {
                    refusal["who"] = who.into();
                }
                refusal
            }
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
mod tests;
