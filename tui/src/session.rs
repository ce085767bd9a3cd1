//! One login of one profile: the client machine, and everything outside that it needs, around one poll. The screen
//! and the headless program both live on it; they add their own sources to the poll and say what the user wants.
//!
//! What the machine says is carried out strictly in order, and what it saves is on the disk before anything that
//! follows is said to anybody, the user included.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use audio::{Agent, AgentHandle};
use mio::{Events, Poll, Registry, Token, Waker};
use proto::client::{Client, Command, Event, Input, MessageState, Output, Row, Settings, ratchet_states};
use proto::crypto::identity::AccountKey;
use proto::crypto::olm::Olm;
use proto::id::{Fingerprint, Name};
use proto::media::{AgentCommand, AgentEvent, SoundCommand, SoundEvent};
use proto::{Now, Rng, Time, earliest};

use crate::clock::{Clock, wait_for};
use crate::identity::{Profile, draw};
use crate::known::Known;
use crate::limits::{FAREWELL_TIME_MAX, HISTORY_LINES_MAX, UNSAVED_TEXTS_MAX};
use crate::server_link::{LinkEvent, ServerLink};
use crate::store::{ChatLine, Fate, Store};
use crate::target::{Address, Target};
use crate::visit::Door;

/// What a session begins with.
#[derive(Clone, Debug)]
pub struct Begin {
    /// Where to go.
    pub target: Target,
    /// Pin a server key that nobody knows without asking.
    pub trust_first: bool,
    /// What to hear and speak with.
    pub sound: audio::Settings,
}

/// What the user is to be told, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// By the client machine.
    Client(Event),
    /// By the media agent.
    Sound(SoundEvent),
    /// The key of the server we are connected to, which the handshake has checked.
    Server(Fingerprint),
    /// The connection failed: why, in a sentence. The machine tries again.
    Trouble(String),
}

/// One login of one profile.
pub struct Session {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    clock: Clock,
    now: Now,
    client: Client,
    key: AccountKey,
    store: Store,
    known: Known,
    address: Address,
    expected: Option<Fingerprint>,
    server_key: Option<Fingerprint>,
    link: ServerLink,
    agent: AgentHandle,
    door: Option<Door>,
    told: VecDeque<Told>,
    /// Whom the next invites are for, in the order they were asked for; none is the user.
    invites: VecDeque<Option<Token>>,
    /// Texts on their way into the outbox, by the screen's counter.
    unsaved: VecDeque<(u64, String)>,
    in_call: bool,
    profile: Profile,
}

const LINK: Token = Token(0);
const WAKE: Token = Token(1);
const DOOR: usize = 2;

impl Session {
    /// Sources of others are registered under this token and above.
    pub const FOREIGN: usize = DOOR + Door::TOKENS;

    /// Opens the store of the server and begins to connect.
    ///
    /// # Errors
    /// When something of the profile cannot be read or written, or the threads cannot be made.
    pub fn open(mut profile: Profile, begin: Begin) -> anyhow::Result<Self> {
        let Begin { target, trust_first, sound } = begin;
        let poll = Poll::new().context("making the poll")?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE).context("making the waker")?);
        let (clock, key) = (Clock::start(), profile.account_key()?);
        let known = Known::read(profile.dir()).context("reading the known servers")?;
        let store = Store::open(&profile.server_dir(&target.address)?.join("store.db"))?;
        let rows = store.rows().context("reading the store")?;
        let settings = Settings {
            expect: target.expect.or(known.key_of(&target.address)),
            trust_first,
            token: target.token,
            account: key.fingerprint(),
            software: concat!("tincan ", env!("CARGO_PKG_VERSION")).into(),
        };
        let ratchet = Box::new(ratchet(&profile, &rows)?);
        let now = clock.now();
        let client = Client::new(settings, ratchet, rows, Rng::new(draw()?), now);
        let link = ServerLink::new(target.address.clone(), LINK, Arc::clone(&waker))?;
        let wake = Arc::clone(&waker);
        let notify = move || drop(wake.wake());
        let agent = Agent::start(sound, draw()?, notify).context("starting the voice thread")?;
        let door = open_door(&mut profile, poll.registry());
        let mut session = Self {
            poll,
            events: Events::with_capacity(64),
            waker,
            clock,
            now,
            client,
            key,
            store,
            known,
            address: target.address,
            expected: target.expect,
            server_key: None,
            link,
            agent,
            door,
            told: VecDeque::new(),
            invites: VecDeque::new(),
            unsaved: VecDeque::new(),
            in_call: false,
            profile,
        };
        session.carry_out()?;
        Ok(session)
    }

    /// Where other sources are registered, under [`Session::FOREIGN`] and above.
    pub fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Wakes [`Session::wait`] from another thread.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// The time, as read after the last wait.
    pub fn now(&self) -> Now {
        self.now
    }

    /// The account's fingerprint.
    pub fn account(&self) -> Fingerprint {
        self.key.fingerprint()
    }

    /// Whether this profile has been logged in there before.
    pub fn is_known(&self) -> bool {
        self.known.key_of(&self.address).is_some()
    }

    /// The server's key, where an invite or `--pin` named it.
    pub fn expected(&self) -> Option<Fingerprint> {
        self.expected
    }

    /// The server.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The newest texts of the chat with `who`, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn chat(&self, who: &Name) -> anyhow::Result<Vec<ChatLine>> {
        self.store.chat(who, HISTORY_LINES_MAX).with_context(|| format!("reading the chat with {who}"))
    }

    /// Waits until something happens or `deadline` comes, and deals with all that is the session's own. Gives the
    /// tokens of others that are ready; what is to be told waits in [`Session::poll`].
    ///
    /// # Errors
    /// When the store or the poll fails: the program must end.
    pub fn wait(&mut self, deadline: Option<Time>) -> anyhow::Result<Vec<Token>> {
        let own = earliest(self.client.deadline(), self.link.deadline());
        let due = if self.told.is_empty() { earliest(deadline, own) } else { Some(Time::ZERO) };
        match self.poll.poll(&mut self.events, wait_for(due, self.clock.now().mono)) {
            Ok(()) => {}
            Err(why) if why.kind() == io::ErrorKind::Interrupted => self.events.clear(),
            Err(why) => return Err(why).context("waiting"),
        }
        self.now = self.clock.now();
        let tokens: Vec<Token> = self.events.iter().map(mio::event::Event::token).collect();
        let (own, foreign): (Vec<_>, Vec<_>) = tokens.into_iter().partition(|token| token.0 < Self::FOREIGN);
        for token in own {
            self.ready(token);
        }
        self.link.timeout(self.poll.registry(), self.now.mono);
        self.take_in()?;
        Ok(foreign)
    }

    fn ready(&mut self, token: Token) {
        let registry = self.poll.registry();
        match token {
            LINK => self.link.ready(registry, self.now.mono),
            WAKE => self.link.woken(registry, self.now.mono),
            visitor => {
                if let Some(door) = &mut self.door {
                    door.ready(registry, visitor);
                }
            }
        }
    }

    /// What is to be told next.
    pub fn poll(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    /// What the user wants.
    ///
    /// # Errors
    /// When the store fails: the program must end.
    pub fn command(&mut self, command: Command) -> anyhow::Result<()> {
        if let Command::Say { text, echo, .. } = &command {
            self.unsaved.push_back((*echo, text.clone()));
            let too_many = self.unsaved.len().saturating_sub(UNSAVED_TEXTS_MAX);
            self.unsaved.drain(..too_many);
        }
        if command == Command::Invite {
            self.invites.push_back(None);
        }
        self.client.handle(Input::Command(command), self.now);
        self.take_in()
    }

    /// What the user wants of the sound.
    pub fn sound(&mut self, command: SoundCommand) {
        self.tell_agent(AgentCommand::Sound(command));
    }

    fn tell_agent(&mut self, command: AgentCommand) {
        if let Err(why) = self.agent.send(command) {
            self.told.push_back(Told::Trouble(why.to_string()));
        }
    }

    /// Feeds the machine with all that waits for it, until nothing does.
    fn take_in(&mut self) -> anyhow::Result<()> {
        loop {
            self.carry_out()?;
            if let Some(event) = self.link.poll() {
                self.heard_from_link(event);
            } else if let Some(event) = self.agent.try_recv() {
                self.heard_from_agent(event);
            } else if let Some(visitor) = self.door.as_mut().and_then(Door::poll) {
                self.invites.push_back(Some(visitor));
                self.client.handle(Input::Command(Command::Invite), self.now);
            } else if self.client.deadline().is_some_and(|due| due <= self.now.mono) {
                self.client.handle(Input::Timeout, self.now);
            } else {
                return Ok(());
            }
        }
    }

    fn heard_from_link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up(up) => {
                self.server_key = Some(up.server_key);
                self.told.push_back(Told::Server(up.server_key));
                self.client.handle(Input::LinkUp(up), self.now);
            }
            LinkEvent::UpPlain(_) => {}
            LinkEvent::Bytes(bytes) => self.client.handle(Input::Bytes(&bytes), self.now),
            LinkEvent::Down(why) => {
                tracing::info!(%why, "the connection failed");
                self.told.push_back(Told::Trouble(why));
                self.client.handle(Input::LinkDown, self.now);
            }
        }
    }

    fn heard_from_agent(&mut self, event: AgentEvent) {
        match event {
            AgentEvent::Call(event) => self.client.handle(Input::Agent(event), self.now),
            AgentEvent::Sound(event) => self.told.push_back(Told::Sound(event)),
        }
    }

    /// Carries out what the machine says, until it is silent. Whatever goes out waits for the disk first.
    fn carry_out(&mut self) -> anyhow::Result<()> {
        while let Some(output) = self.client.poll() {
            if !matches!(output, Output::Save(_) | Output::Event(_)) {
                self.store.commit()?;
            }
            let registry = self.poll.registry();
            match output {
                Output::Save(save) => self.store.save(&save).context("saving")?,
                Output::Event(event) => self.note(event)?,
                Output::Stream(bytes) => self.link.send(registry, bytes),
                Output::Connect => self.link.connect(registry),
                Output::Disconnect => self.link.disconnect(registry),
                Output::Agent(command) => self.tell_agent(AgentCommand::Call(command)),
                Output::Sign { id, namespace, bytes } => {
                    let sshsig = Some(self.key.sign(namespace, &bytes));
                    self.client.handle(Input::Signed { id, sshsig }, self.now);
                }
                Output::Drop(reason) => tracing::debug!(%reason, "dropped"),
            }
        }
        self.store.commit()
    }

    /// Writes what people want to read again into the same transaction, and keeps the event for them.
    fn note(&mut self, event: Event) -> anyhow::Result<()> {
        match &event {
            Event::Waiting { to, echo, id } => {
                if let Some(at) = self.unsaved.iter().position(|(unsaved, _)| unsaved == echo)
                    && let Some((_, text)) = self.unsaved.remove(at)
                {
                    let line =
                        ChatLine { id: *id, mine: true, sent: self.now.wall, text, fate: Fate::Waiting };
                    self.store.add_line(to, &line).context("saving the chat")?;
                }
            }
            Event::Said { from, id, sent, text } => {
                let text = text.as_str().to_owned();
                let line = ChatLine { id: *id, mine: false, sent: *sent, text, fate: Fate::Delivered };
                self.store.add_line(from, &line).context("saving the chat")?;
            }
            Event::MessageState { to, id, state } => {
                let fate = match state {
                    MessageState::Waiting => Fate::Waiting,
                    MessageState::Delivered => Fate::Delivered,
                    MessageState::Failed(_) => Fate::Failed,
                };
                self.store.set_fate(to, *id, fate).context("saving the chat")?;
            }
            Event::LoggedIn(_) => self.remember_server(),
            Event::Calling { .. } | Event::Incoming { .. } | Event::Joined { .. } => self.in_call = true,
            Event::Ended { .. } => self.in_call = false,
            Event::Link(_)
            | Event::ServerKeyUnknown(_)
            | Event::ServerKeyChanged { .. }
            | Event::NameWanted
            | Event::LoginRefused { .. }
            | Event::Contacts(_)
            | Event::Contact(_)
            | Event::Gone(_)
            | Event::Request(_)
            | Event::Requested(_)
            | Event::Accepted(_)
            | Event::Rejected(_)
            | Event::Ringing(_)
            | Event::Heard(_)
            | Event::Parted { .. }
            | Event::PlainUnconfirmed(_)
            | Event::Invite(_)
            | Event::Refused { .. }
            | Event::IdentityChanged(_) => {}
        }
        self.hand_out(event);
        Ok(())
    }

    fn remember_server(&mut self) {
        let Some(key) = self.server_key else { return };
        // The store holds the pin; this file only says where we were last.
        if let Err(why) = self.known.remember(&self.address, key) {
            self.told.push_back(Told::Trouble(format!("cannot write the file of known servers: {why}")));
        }
    }

    /// An invite, or why there is none, goes to whoever asked.
    fn hand_out(&mut self, event: Event) {
        let answer = if let Event::Invite(url) = &event {
            Some(Ok(url.as_str()))
        } else if let Event::Refused { text, .. } = &event {
            Some(Err(text.as_str()))
        } else {
            None
        };
        if let Some(answer) = answer
            && let Some(Some(visitor)) = self.invites.pop_front()
            && let Some(door) = &mut self.door
        {
            door.answer(self.poll.registry(), visitor, answer);
            return;
        }
        self.told.push_back(Told::Client(event));
    }

    /// Leaves the call, says what is still to be said, closes the connection and completes recordings.
    ///
    /// # Errors
    /// When the store fails.
    pub fn close(mut self) -> anyhow::Result<()> {
        if self.in_call {
            self.command(Command::HangUp)?;
        }
        let end = self.clock.now().mono + FAREWELL_TIME_MAX;
        while !self.link.is_flushed() && self.clock.now().mono < end {
            self.told.clear();
            self.wait(Some(end))?;
        }
        self.link.disconnect(self.poll.registry());
        self.profile.announce(None).context("leaving the profile")
    }
}

fn ratchet(profile: &Profile, rows: &[Row]) -> anyhow::Result<Olm> {
    let store_key = profile.store_key()?;
    let saved = ratchet_states(rows);
    if saved.is_empty() {
        return Ok(Olm::new(*store_key));
    }
    Olm::restore(*store_key, &saved).context("reading the device's keys")
}

/// A client without a door works as well; only `tincan invite` beside it does not.
fn open_door(profile: &mut Profile, registry: &Registry) -> Option<Door> {
    let path = door_path(profile);
    let opened = Door::open(&path, registry, DOOR).and_then(|door| {
        profile.announce(Some(door.path()))?;
        Ok(door)
    });
    match opened {
        Ok(door) => Some(door),
        Err(why) => {
            tracing::warn!(path = %path.display(), %why, "no socket for tincan invite");
            let _ = profile.announce(None);
            None
        }
    }
}

/// In the runtime directory, whose paths are short enough for a socket; else in the profile.
fn door_path(profile: &Profile) -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_dir()) {
        Some(dir) => dir.join(format!("tincan-{}.sock", std::process::id())),
        None => profile.dir().join("socket"),
    }
}
