//! What `tincan call` and `tincan answer` do with a session: pure, told of what happened, saying what to do next.
//!
//! ```text
//! arriving -> (logged in) -> calling -> live -> draining -> leaving -> the exit code
//!                         -> waiting ->  "         "          |
//!                               ^-----------------------------'  the next call, unless --once
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use proto::Time;
use proto::client::{Command, EndReason, Event, LinkState};
use proto::earliest;
use proto::id::Name;
use proto::media::SoundCommand;
use proto::wire::record::Why;

use crate::app::call::{Whom, among, ended, parted};
use crate::app::talk::Talk;
use crate::app::transmit::{TalkKey, Transmit};
use crate::app::trust::server_key_changed;
use crate::arrival::Arrival;
use crate::exit::Exit;
use crate::session::Told;

mod asked;
mod ptt;
mod sound;

/// The contact list is waited for so long after the login before the call is placed: a server that tells none has
/// nobody to be called, and says so.
const LIST_TIME_MAX: Duration = Duration::from_secs(2);
/// An input begins when a report of theirs shows that they can open ours, and after so long in any case: calls that
/// are not encrypted have no reports.
const BEGIN_AFTER: Duration = Duration::from_secs(2);
/// From the last sample said to hanging up: what is under way, a deep buffer at the other end, and an answer of theirs.
const DRAIN: Duration = Duration::from_secs(1);
/// How long our own goodbye may take.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(3);

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Call these.
    Call(Vec<Name>),
    /// Wait for calls, and answer them.
    Answer {
        /// Of these only; of every contact, when empty. Others are declined.
        from: Vec<Name>,
        /// End after the first.
        once: bool,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Tell the client machine.
    Do(Command),
    /// Tell the agent.
    Sound(SoundCommand),
    /// A line for people.
    Say(String),
    /// The end.
    End(Exit),
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Arriving,
    /// Logged in; the call is placed when the contacts are known, or at that time.
    Listing(Time),
    /// Somebody may call.
    Waiting,
    /// Being placed, or being answered.
    Placing,
    /// Since when; somebody hears us or is about to.
    Live(Time),
    /// All was said; to be left then.
    Draining(Time),
    /// We hung up; given up then.
    Leaving(Time),
}

/// The machine.
pub(super) struct Errand {
    wish: Wish,
    /// Whom to be where nobody knows us.
    name: Option<Name>,
    /// The microphone is a file or a pipe, which ends; until it begins it is held back.
    input: bool,
    /// Sound cards were asked for, so that having none is a failure.
    devices: bool,
    arrival: Arrival,
    phase: Phase,
    was_live: bool,
    begun: bool,
    broken: (bool, bool),
    /// What the exit will be, once it is decided.
    exit: Option<Exit>,
    /// What failed on the way to the server, the newest.
    trouble: Option<String>,
    /// Who is in the call, or called to it.
    with: Vec<Name>,
    /// It is not encrypted.
    plain: bool,
    muted: bool,
    /// Push-to-talk, where the microphone is a device's.
    talk: Talk,
    /// Lines are read from a terminal, which press to talk.
    keyboard: bool,
    /// What the agent was told last: muted, by whatever of the two.
    silent: bool,
    steps: VecDeque<Step>,
}

impl Errand {
    /// `input` when the microphone is a file or a pipe, `devices` when both halves are a card's.
    pub(super) fn new(wish: Wish, name: Option<Name>, input: bool, devices: bool) -> Self {
        Self {
            wish,
            name,
            input,
            devices,
            arrival: Arrival::default(),
            phase: Phase::Arriving,
            was_live: false,
            begun: false,
            broken: (false, false),
            exit: None,
            trouble: None,
            with: Vec::new(),
            plain: false,
            muted: false,
            talk: Talk::default(),
            keyboard: false,
            silent: false,
            steps: VecDeque::new(),
        }
    }

    /// Push-to-talk counts for a microphone, and not for a file or a pipe, which holds what is meant to be said. With a
    /// `keyboard`, lines are read that press.
    pub(super) fn transmit(mut self, transmit: Transmit, keyboard: bool) -> Self {
        if self.devices {
            self.talk = Talk::new(transmit, TalkKey::Latch);
            self.keyboard = keyboard;
            self.microphone();
        }
        self
    }

    pub(super) fn poll(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        earliest(self.due(), self.talk.deadline())
    }

    /// When this phase has something to do.
    fn due(&self) -> Option<Time> {
        match self.phase {
            Phase::Arriving | Phase::Waiting | Phase::Placing => None,
            Phase::Listing(at) | Phase::Draining(at) | Phase::Leaving(at) => Some(at),
            Phase::Live(since) => (self.input && !self.begun).then_some(since + BEGIN_AFTER),
        }
    }

    pub(super) fn on_time(&mut self, now: Time) {
        self.let_go(now);
        if self.due().is_none_or(|at| now < at) {
            return;
        }
        match self.phase {
            Phase::Listing(_) => self.set_out(),
            Phase::Live(_) => self.begin(),
            Phase::Draining(_) => self.leave(Exit::Ok, now),
            Phase::Leaving(_) => self.over(Exit::Ok),
            Phase::Arriving | Phase::Waiting | Phase::Placing => {}
        }
    }

    /// A signal of the outside: the call is left in order.
    pub(super) fn interrupt(&mut self, exit: Exit, now: Time) {
        self.exit = Some(exit);
        match self.phase {
            Phase::Placing | Phase::Live(_) | Phase::Draining(_) => self.leave(exit, now),
            Phase::Arriving | Phase::Listing(_) | Phase::Waiting | Phase::Leaving(_) => self.end(exit),
        }
    }

    pub(super) fn handle(&mut self, told: &Told, now: Time) {
        match told {
            Told::Client(event) => self.heard(event, now),
            Told::Sound(event) => self.sound(event, now),
            Told::Trouble(why) => {
                self.trouble = Some(why.clone());
                if self.arrival.logged_in {
                    self.say(why.clone());
                }
            }
            Told::Volume(..) | Told::Server(_) | Told::Asked(..) => {}
        }
    }

    fn heard(&mut self, event: &Event, now: Time) {
        if self.arrival.is_hopeless(event) {
            let silent = || "the server takes connections, but does not answer".to_owned();
            let refused = self.arrival.refused().map(str::to_owned);
            let why = refused.or_else(|| self.trouble.take()).unwrap_or_else(silent);
            return self.fail(why, self.arrival.exit());
        }
        match event {
            Event::NameWanted => match self.name.clone() {
                Some(name) => self.steps.push_back(Step::Do(Command::Join(name))),
                None => {
                    let why = "this server does not know you yet: say who you are with --name NAME";
                    self.fail(why.into(), Exit::Usage);
                }
            },
            Event::ServerKeyChanged { pinned, shown } => {
                self.fail(server_key_changed(*pinned, *shown), Exit::Refused);
            }
            Event::LoginRefused { text, .. } => self.fail(text.to_string(), Exit::Refused),
            Event::LoggedIn(name) if self.phase == Phase::Arriving => {
                self.name = Some(name.clone());
                self.phase = Phase::Listing(now + LIST_TIME_MAX);
            }
            Event::Contacts(_) if matches!(self.phase, Phase::Listing(_)) => self.set_out(),
            Event::Refused { why, text, .. } => self.refused(*why, text.as_str()),
            Event::PlainUnconfirmed(names) => self.plain(names, now),
            Event::Calling { to, plain } => {
                let sealed = if *plain { ", NOT ENCRYPTED" } else { "" };
                (self.with, self.plain) = (to.clone(), *plain);
                self.say(format!("calling {}{sealed}", list(to)));
            }
            Event::Ringing(who) => self.say(format!("{who} rings")),
            Event::Incoming { from, plain, .. } => self.rung(from, *plain),
            Event::Joined { who, plain, .. } => self.joined(who, *plain, now),
            Event::Parted { who, reason } => {
                self.with.retain(|name| name != who);
                self.say(parted(who.as_str(), *reason));
            }
            Event::Ended { with, reason } => self.ended(with, *reason, now),
            // Nobody knows what is heard until the connection is back.
            Event::Link(state) if *state != LinkState::Online => self.shut(),
            Event::Link(_)
            | Event::ServerKeyUnknown(_)
            | Event::LoggedIn(_)
            | Event::Contacts(_)
            | Event::Contact(_)
            | Event::Gone(_)
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
            | Event::IdentityChanged(_)
            | Event::IdentityAccepted { .. }
            | Event::Compared { .. }
            | Event::Banned(_) => {}
        }
    }

    /// Logged in, and the contacts are known.
    fn set_out(&mut self) {
        match &self.wish {
            Wish::Call(names) => {
                self.phase = Phase::Placing;
                self.steps.push_back(Step::Do(Command::Call(names.clone())));
            }
            Wish::Answer { from, .. } => {
                self.phase = Phase::Waiting;
                let of = if from.is_empty() { String::new() } else { format!(" of {}", list(from)) };
                self.say(format!("waiting for a call{of}"));
            }
        }
    }

    fn rung(&mut self, from: &Name, plain: bool) {
        let Wish::Answer { from: wanted, .. } = &self.wish else {
            return self.steps.push_back(Step::Do(Command::Decline));
        };
        if self.phase != Phase::Waiting || !(wanted.is_empty() || wanted.contains(from)) {
            self.say(format!("{from} calls and is declined"));
            return self.steps.push_back(Step::Do(Command::Decline));
        }
        self.say(format!("{from} calls{}", if plain { ", NOT ENCRYPTED" } else { "" }));
        self.phase = Phase::Placing;
        (self.with, self.plain) = (vec![from.clone()], plain);
        self.steps.push_back(Step::Do(Command::Answer));
    }

    fn joined(&mut self, who: &Name, plain: bool, now: Time) {
        if self.phase == Phase::Placing {
            self.phase = Phase::Live(now);
            (self.was_live, self.begun) = (true, false);
        }
        self.plain = plain;
        if !self.with.contains(who) {
            self.with.push(who.clone());
        }
        self.say(format!("{who} is in the call{}", if plain { ", NOT ENCRYPTED" } else { "" }));
        self.say_how_to_talk();
    }

    fn refused(&mut self, why: Why, text: &str) {
        if self.phase != Phase::Placing {
            return self.say(text.to_owned());
        }
        let exit = match why {
            Why::NoSuchUser | Why::NotContact | Why::NobodyRung | Why::Oneself | Why::NoCall => {
                Exit::PeerUnavailable
            }
            Why::Other
            | Why::BadRequest
            | Why::NotLoggedIn
            | Why::LoggedIn
            | Why::UnknownCode
            | Why::Version
            | Why::NameTaken
            | Why::InviteNeeded
            | Why::BadToken
            | Why::NotRegistered
            | Why::BadSignature
            | Why::Revoked
            | Why::Already
            | Why::NoRequest
            | Why::Limit
            | Why::TooFast
            | Why::InCall
            | Why::Unsupported
            | Why::Internal => Exit::Failed,
        };
        self.fail(text.to_owned(), exit);
    }

    fn plain(&mut self, names: &[Name], now: Time) {
        let why = format!(
            "nothing would be encrypted in a call with {}: say yes to that once, in tincan or with allow-plain",
            list(names)
        );
        if matches!(self.wish, Wish::Call(_)) {
            return self.fail(why, Exit::PeerUnavailable);
        }
        self.say(why);
        self.steps.push_back(Step::Do(Command::Decline));
        self.phase = Phase::Leaving(now + LEAVE_TIME_MAX);
    }

    fn ended(&mut self, with: &[Name], reason: EndReason, now: Time) {
        let lasted = match self.phase {
            Phase::Live(since) => Some(now - since),
            Phase::Arriving
            | Phase::Listing(_)
            | Phase::Waiting
            | Phase::Placing
            | Phase::Draining(_)
            | Phase::Leaving(_) => None,
        };
        let names = list(with);
        let words = ended(Whom { names: &names, many: with.len() > 1, texts: false }, reason, lasted);
        // What the screen's keys could do is no help here.
        let words = words.split(" Call ").next().unwrap_or(&words).to_owned();
        self.say(words.replace(" Try again with c.", ""));
        let exit = match reason {
            EndReason::HungUp => Exit::Ok,
            EndReason::TheyHungUp if self.was_live => Exit::Ok,
            EndReason::TheyHungUp
            | EndReason::Declined
            | EndReason::Busy
            | EndReason::NoAnswer
            | EndReason::Gone
            | EndReason::Taken
            | EndReason::Missed => Exit::PeerUnavailable,
            EndReason::Lost | EndReason::Asleep(_) | EndReason::Failed => Exit::Failed,
        };
        self.over(exit);
    }

    /// Hangs up; `exit` is what comes of it, unless something worse was decided already.
    fn leave(&mut self, exit: Exit, now: Time) {
        if matches!(self.phase, Phase::Leaving(_)) {
            return;
        }
        if exit != Exit::Ok {
            self.exit.get_or_insert(exit);
        }
        self.phase = Phase::Leaving(now + LEAVE_TIME_MAX);
        self.steps.push_back(Step::Do(Command::HangUp));
    }

    /// A call is over. Whoever answers more than one waits for the next.
    fn over(&mut self, exit: Exit) {
        self.shut();
        let again = matches!(self.wish, Wish::Answer { once: false, .. }) && self.exit.is_none();
        if again {
            (self.phase, self.was_live) = (Phase::Waiting, false);
            return;
        }
        let missed = matches!(self.wish, Wish::Answer { .. }) && !self.was_live && self.exit.is_none();
        if missed {
            self.phase = Phase::Waiting;
            return;
        }
        self.end(self.exit.unwrap_or(exit));
    }

    fn fail(&mut self, why: String, exit: Exit) {
        self.say(why);
        self.end(exit);
    }

    fn say(&mut self, line: String) {
        self.steps.push_back(Step::Say(line));
    }

    fn end(&mut self, exit: Exit) {
        self.steps.push_back(Step::End(exit));
    }
}

fn list(names: &[Name]) -> String {
    among(&names.iter().map(Name::to_string).collect::<Vec<_>>(), names.len())
}

#[cfg(test)]
mod tests;
