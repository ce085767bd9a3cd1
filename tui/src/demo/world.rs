//! The world of the demonstration: what happens by itself, and what people do about what the user does. It has the
//! shape of a session to the screen (effects in, messages out) and of every machine: time comes in, nothing is random.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use proto::client::{
    Banned, Command, Compared, ContactInfo, EndReason, Event, LinkState, Matter, MessageState,
};
use proto::id::{Fingerprint, MsgId, Name};
use proto::limits::TEXT_BYTES_MAX;
use proto::media::tools::{TapeState, ToolEvent};
use proto::media::{HalfState, SoundCommand, SoundEvent, ToolCommand};
use proto::wire::record::{Presence, Standing, Why};
use proto::{Now, Safe, Time};

use super::cast::{self, CALLER, STRANGER, name};
use super::{ME, ms};
use crate::app::settings::Heard;
use crate::app::{Effect, Msg};

mod call;

use call::Call;

/// The microphone and the speaker that there are not.
const DEVICE: &str = "simulated headset";

/// Said again for so long, as in a real call.
const AGAIN: Duration = ms(10_000);

/// The world.
#[derive(Debug)]
pub struct World {
    /// What is to happen, by its time and then by its order; steps of a call name it, and go with it.
    plan: BTreeMap<(Time, u64), (Option<u32>, Step)>,
    order: u64,
    told: VecDeque<Msg>,
    contacts: BTreeMap<Name, ContactInfo>,
    banned: Vec<Banned>,
    /// Texts that people answered so far.
    answers: BTreeMap<Name, usize>,
    texts: u64,
    call: Option<Call>,
    calls: u32,
    muted: bool,
    /// Somebody looks at the level outside of a call.
    listens: bool,
    /// How often meters are told; zero for never.
    meters: Duration,
    /// Said instead of everything that others would say, write or call their things.
    words: Option<String>,
    /// A human said yes to calls with the guest that are not encrypted.
    allowed: bool,
}

/// Something that happens by itself.
#[derive(Debug)]
enum Step {
    Tell(Event),
    Hear(SoundEvent),
    /// A text of theirs.
    Text(Name, &'static str),
    /// They call us, if we are free.
    Calls(Name),
    /// This one of the call picks up.
    Joins(usize),
    Meters,
    Figures,
    Listen,
}

impl World {
    /// The world as it begins. With `words`, all that comes from others is these words, through the door that every
    /// word of a stranger passes: for tests of what a stranger could do to the screen.
    pub fn new(words: Option<String>, now: Now) -> Self {
        let contacts = cast::contacts().into_iter().map(|contact| (contact.name.clone(), contact)).collect();
        let (plan, told) = (BTreeMap::new(), VecDeque::new());
        let (answers, meters) = (BTreeMap::new(), Duration::ZERO);
        let mut world = Self {
            plan,
            order: 0,
            told,
            contacts,
            banned: Vec::new(),
            answers,
            texts: 0,
            call: None,
            calls: 0,
            muted: false,
            listens: false,
            meters,
            words,
            allowed: false,
        };
        world.told.push_back(Msg::Client(Event::Link(LinkState::Online)));
        world.told.push_back(Msg::Server(Fingerprint([0x7e; 32])));
        world.told.push_back(Msg::Client(Event::LoggedIn(name(ME))));
        let device = world.device();
        world.told.push_back(Msg::Sound(SoundEvent::Microphone(device.clone())));
        world.told.push_back(Msg::Sound(SoundEvent::Speaker(device)));
        world.script(now.mono);
        world
    }

    fn device(&self) -> HalfState {
        HalfState::Open { name: Safe::line(self.spoken(DEVICE)), opened_in: Duration::ZERO, wanted: None }
    }

    fn safe(&self, text: &str) -> Safe {
        Safe::text(self.spoken(text), TEXT_BYTES_MAX)
    }

    /// What others say, or what is put into their mouths.
    fn spoken<'a>(&'a self, text: &'a str) -> &'a str {
        self.words.as_deref().unwrap_or(text)
    }

    /// What happens by itself, whatever the user does.
    fn script(&mut self, now: Time) {
        let carol = name(CALLER);
        self.later(now + ms(1_200), Step::Text(carol.clone(), "are you coming to the harbour tonight?"));
        self.later(now + ms(2_600), Step::Text(carol.clone(), "we have cake"));
        let grace = name(STRANGER);
        let mut asking = cast::info(&grace, Standing::Asking, Presence::Offline);
        self.later(now + ms(7_000), Step::Tell(Event::Contact(asking.clone())));
        self.later(now + ms(7_000), Step::Tell(Event::Request(grace.clone())));
        let text = Safe::line(cast::GREETING);
        asking.greeting = Some(text.clone());
        self.later(now + ms(7_200), Step::Tell(Event::Contact(asking)));
        self.later(now + ms(7_200), Step::Tell(Event::Greeting { from: grace, text }));
        self.later(now + ms(15_000), Step::Calls(carol));
    }

    /// What the screen wants done.
    pub fn handle(&mut self, effect: Effect, now: Now) {
        match effect {
            Effect::Send(command) => self.command(command, now),
            Effect::Sound(command) => self.sound(command, now.mono),
            Effect::History(who) => {
                let past = cast::past(&who, now.wall, |text| self.safe(text));
                self.told.push_back(Msg::History(who, past));
            }
            Effect::Record(wanted) => {
                let why = self.safe("nothing is recorded in a demonstration");
                let told = wanted.is_some().then_some(TapeState::Failed(why));
                self.told.extend(told.map(|state| Msg::Sound(SoundEvent::Tool(ToolEvent::Recording(state)))));
            }
            Effect::EchoTest => {
                let why = Safe::line("there is no sound in a demonstration");
                self.told.push_back(Msg::Heard(Heard::Failed(why)));
            }
            Effect::Listen(ears) => {
                self.listens = ears.is_some();
                if !self.plan.values().any(|(_, step)| matches!(step, Step::Listen)) {
                    self.listen(now.mono);
                }
            }
            Effect::Prefer(_)
            | Effect::Draft(..)
            | Effect::Keep(..)
            | Effect::Read(_)
            | Effect::Volume { .. }
            | Effect::Alert(_)
            | Effect::Bell
            | Effect::Ring(_)
            | Effect::Copy(_)
            | Effect::Reply(..)
            | Effect::Redraw
            | Effect::Suspend
            | Effect::Quit => {}
        }
    }

    /// What the screen is to be told next, until `now`.
    pub fn poll(&mut self, now: Now) -> Option<Msg> {
        while self.told.is_empty() {
            let next = self.plan.first_entry().filter(|next| next.key().0 <= now.mono)?;
            let (number, step) = next.remove();
            if number.is_none() || number == self.call.as_ref().map(|call| call.number) {
                self.step(step, now);
            }
        }
        self.told.pop_front()
    }

    /// When something happens next.
    pub fn deadline(&self) -> Option<Time> {
        let at_once = (!self.told.is_empty()).then_some(Time::ZERO);
        at_once.or(self.plan.first_key_value().map(|((due, _), _)| *due))
    }

    fn later(&mut self, due: Time, step: Step) {
        self.order += 1;
        self.plan.insert((due, self.order), (None, step));
    }

    /// The same, unless the call is over by then.
    fn in_call(&mut self, due: Time, step: Step) {
        self.order += 1;
        let number = self.call.as_ref().map(|call| call.number);
        self.plan.insert((due, self.order), (number, step));
    }

    fn tell(&mut self, event: Event) {
        self.told.push_back(Msg::Client(event));
    }

    fn command(&mut self, command: Command, at: Now) {
        let now = at.mono;
        match command {
            Command::Contacts => {
                let all = self.contacts.values().cloned().collect();
                self.tell(Event::Contacts(all));
            }
            Command::Say { to, text: _, echo } => self.said(to, echo, now),
            Command::Call(names) => self.place(names, now),
            Command::Answer => self.answered(now),
            Command::Decline => self.over(EndReason::HungUp),
            Command::HangUp => self.over(EndReason::HungUp),
            Command::Add(who) | Command::Greet { to: who, .. } => self.asked(&who, now),
            Command::Accept(who) => self.befriend(&who),
            Command::Reject(who) | Command::Remove(who) => {
                self.contacts.remove(&who);
                self.tell(Event::Gone(who));
            }
            Command::Invite => {
                let link = "tincan://demo/this-link-leads-nowhere/alice".to_owned();
                self.tell(Event::Invite(link));
            }
            Command::Redeem(_) => self.befriend(&name("heidi")),
            Command::AllowPlain(_) => self.allowed = true,
            Command::Verify { name, matches, .. } => {
                if let Some(contact) = self.contacts.get_mut(&name) {
                    (contact.verified, contact.blocked) = (matches.then_some(at.wall), !matches);
                    contact.differs = !matches;
                    let contact = contact.clone();
                    self.tell(Event::Contact(contact));
                }
            }
            Command::Compare(who) => {
                let compared = Compared::Words(["otter", "candle", "harvest", "violin"]);
                self.tell(Event::Compared { who, compared });
            }
            Command::Ban(who) => {
                if let Some(ContactInfo { principal, .. }) = self.contacts.remove(&who) {
                    self.banned.push(Banned { principal, name: who.clone(), since: at.wall });
                }
                self.tell(Event::Gone(who));
                self.tell(Event::Banned(self.banned.clone()));
            }
            Command::Unban(who) => {
                self.banned.retain(|banned| banned.principal != who);
                self.tell(Event::Banned(self.banned.clone()));
            }
            Command::Bans => self.tell(Event::Banned(self.banned.clone())),
            Command::AcceptIdentity { .. }
            | Command::Join(_)
            | Command::TrustServer
            | Command::WelcomeAll
            | Command::Reconnect => {}
        }
    }

    fn sound(&mut self, command: SoundCommand, now: Time) {
        match command {
            SoundCommand::MeterEvery(every) => self.meters = every,
            SoundCommand::Mute(muted) => self.muted = muted,
            SoundCommand::Tool(ToolCommand::SayAgain(wanted)) => {
                let told = |on| SoundEvent::Tool(ToolEvent::SayingAgain(on));
                self.told.push_back(Msg::Sound(told(wanted)));
                if wanted {
                    self.in_call(now + AGAIN, Step::Hear(told(false)));
                }
            }
            SoundCommand::Tool(ToolCommand::Begin | ToolCommand::Record(_))
            | SoundCommand::Device(_)
            | SoundCommand::Microphone(_)
            | SoundCommand::Speaker(_)
            | SoundCommand::ListDevices
            | SoundCommand::Volume { .. }
            | SoundCommand::Delay(_)
            | SoundCommand::FrameDuration(_)
            | SoundCommand::Dtx(_)
            | SoundCommand::Hold(_)
            | SoundCommand::Earcon(_)
            | SoundCommand::Process { .. } => {}
        }
    }

    fn step(&mut self, step: Step, now: Now) {
        match step {
            Step::Tell(Event::Contact(contact)) => self.put(contact),
            Step::Tell(Event::Ended { reason, .. }) => self.over(reason),
            Step::Tell(event) => self.tell(event),
            Step::Hear(event) => self.told.push_back(Msg::Sound(event)),
            // Whoever was removed or blocked is heard no more.
            Step::Text(from, _) | Step::Calls(from) if !self.contacts.contains_key(&from) => {}
            Step::Text(from, text) => {
                let (id, text) = (self.next_text(), self.safe(text));
                self.tell(Event::Said { from, id, sent: now.wall, text });
            }
            Step::Calls(who) => self.rings(who, now.mono),
            Step::Joins(at) => self.joins(at, now.mono),
            Step::Meters => self.meters(now.mono),
            Step::Listen => self.listen(now.mono),
            Step::Figures => self.figures(now.mono),
        }
    }

    fn next_text(&mut self) -> MsgId {
        self.texts += 1;
        let mut id = [0xee; 16];
        id[..8].copy_from_slice(&self.texts.to_be_bytes());
        MsgId(id)
    }

    fn is_there(&self, who: &Name) -> bool {
        self.contacts.get(who).is_some_and(|contact| contact.presence != Presence::Offline)
    }

    /// A text of ours: it gets its tick, and an answer.
    fn said(&mut self, to: Name, echo: u64, now: Time) {
        let id = self.next_text();
        self.tell(Event::Waiting { to: to.clone(), echo, id });
        if !self.is_there(&to) {
            return;
        }
        let state = MessageState::Delivered;
        self.later(now + ms(250), Step::Tell(Event::MessageState { to: to.clone(), id, state }));
        let turn = self.answers.entry(to.clone()).or_default();
        let answer = cast::answer(&to, *turn);
        *turn += 1;
        if let Some(answer) = answer {
            self.later(now + ms(2_400), Step::Text(to, answer));
        }
    }

    fn asked(&mut self, who: &Name, now: Time) {
        if self.contacts.contains_key(who) {
            let text = self.safe("They are in your list already.");
            return self.tell(Event::Refused { of: Matter::Contact(who.clone()), why: Why::Other, text });
        }
        let asked = cast::info(who, Standing::Asked, Presence::Offline);
        self.put(asked);
        self.tell(Event::Requested(who.clone()));
        let friend = cast::info(who, Standing::Mutual, Presence::Online);
        self.later(now + ms(4_000), Step::Tell(Event::Contact(friend)));
        self.later(now + ms(4_000), Step::Tell(Event::Accepted(who.clone())));
    }

    fn befriend(&mut self, who: &Name) {
        let friend = cast::info(who, Standing::Mutual, Presence::Online);
        self.put(friend);
        self.tell(Event::Accepted(who.clone()));
    }

    fn put(&mut self, contact: ContactInfo) {
        self.contacts.insert(contact.name.clone(), contact.clone());
        self.tell(Event::Contact(contact));
    }
}
