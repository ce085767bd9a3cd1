//! One login of one profile: the machine of the protocol that is spoken, and everything outside that it needs, around
//! one poll. The screen and the headless program both live on it; they add their own sources to the poll and say what
//! the user wants.
//!
//! What the machine says is carried out strictly in order, and what it saves is on the disk before anything that
//! follows is said to anybody, the user included.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use audio::{Agent, AgentHandle};
use jiff::tz::TimeZone;
use mio::{Events, Poll, Registry, Token, Waker};
use proto::client::{Command, Event};
use proto::id::{Fingerprint, Name};
use proto::media::{AgentCommand, AgentEvent, SoundCommand, SoundEvent, ToolCommand};
use proto::plain::{PeerId, PeerInput, PeerOutput};
use proto::{Now, Time, earliest};

use crate::clock::{Clock, wait_for};
use crate::control::{Reply, Request, Visitor};
use crate::hearing::Closing;
use crate::identity::{Profile, draw};
use crate::limits::{HISTORY_LINES_MAX, UNSAVED_TEXTS_MAX};
use crate::peers::{PeerEvent, Peers};
use crate::recordings::tape;
use crate::server_link::LinkEvent;
use crate::session::asleep::{Asleep, TURN_TIME_MAX};
use crate::session::invites::Invites;
use crate::session::people::People;
use crate::session::spoken::Spoken;
use crate::session::volumes::Volumes;
use crate::store::ChatLine;
use crate::target::{Address, Protocol, Target};
use crate::visit::Door;

mod asleep;
mod earcons;
mod farewell;
mod front;
mod invites;
mod mind;
mod notes;
mod order;
mod people;
mod spoken;
mod volumes;

/// What a session begins with.
#[derive(Clone, Debug)]
pub struct Begin {
    /// Where to go.
    pub target: Target,
    /// What is spoken there.
    pub protocol: Protocol,
    /// The local address for a plain protocol's connections and voice; none for the system's choice.
    pub bind: Option<IpAddr>,
    /// Pin a server key that nobody knows without asking.
    pub trust_first: bool,
    /// What to hear and speak with.
    pub sound: audio::Settings,
    /// Where recordings go; none for the usual folder.
    pub recordings: Option<PathBuf>,
    /// Tones for who joins and leaves and for our own microphone.
    pub earcons: bool,
}

/// What the user is to be told, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// By the client machine.
    Client(Event),
    /// By the media agent.
    Sound(SoundEvent),
    /// Somebody who joined is played as loud as the last time, in percent.
    Volume(Name, u16),
    /// The key of the server we are connected to, which the handshake has checked.
    Server(Fingerprint),
    /// Somebody at the door wants something: to be answered with [`Session::answer`].
    Asked(Visitor, Request),
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
    told: VecDeque<Told>,
    agent: AgentHandle,
    address: Address,
    protocol: Protocol,
    spoken: Spoken,
    server_key: Option<Fingerprint>,
    invites: Invites,
    /// Texts on their way into the outbox, by the screen's counter.
    unsaved: VecDeque<(u64, String)>,
    in_call: bool,
    /// Goes on in sleep.
    sleepless: audio::clock::Clock,
    asleep: Asleep,
    volumes: Volumes,
    people: People,
    recordings: Option<PathBuf>,
    earcons: bool,
    profile: Profile,
}

const LINK: Token = Token(0);
const WAKE: Token = Token(1);
const DOOR: usize = 2;
const PEERS: usize = DOOR + Door::TOKENS;

impl Session {
    /// Sources of others are registered under this token and above.
    pub const FOREIGN: usize = PEERS + Peers::TOKENS;

    /// Opens the store of the server and begins to connect.
    ///
    /// # Errors
    /// When something of the profile cannot be read or written, or the threads cannot be made.
    pub fn open(mut profile: Profile, begin: Begin) -> anyhow::Result<Self> {
        let poll = Poll::new().context("making the poll")?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE).context("making the waker")?);
        let clock = Clock::start();
        let now = clock.now();
        let spoken = match begin.protocol {
            Protocol::Native => Spoken::native(&mut profile, &begin, poll.registry(), &waker, now)?,
            Protocol::Binary | Protocol::Text => {
                Spoken::plain(&mut profile, &begin, poll.registry(), &waker, now)?
            }
        };
        let wake = Arc::clone(&waker);
        let notify = move || drop(wake.wake());
        let agent = Agent::start(begin.sound, draw()?, notify).context("starting the voice thread")?;
        let mut session = Self {
            poll,
            events: Events::with_capacity(64),
            waker,
            clock,
            now,
            told: VecDeque::new(),
            agent,
            address: begin.target.address,
            protocol: begin.protocol,
            spoken,
            server_key: None,
            invites: Invites::default(),
            unsaved: VecDeque::new(),
            in_call: false,
            sleepless: audio::clock::Clock::start(),
            asleep: Asleep::default(),
            volumes: Volumes::default(),
            people: People::default(),
            recordings: begin.recordings,
            earcons: begin.earcons,
            profile,
        };
        session.meet_all()?;
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

    /// The time, as read after the last wait, or since then by [`Self::look_at_the_clock`].
    pub fn now(&self) -> Now {
        self.now
    }

    /// Reads the time again: we stood still.
    pub fn look_at_the_clock(&mut self) {
        self.now = self.clock.now();
    }

    /// The account's fingerprint; plain protocols have no accounts.
    pub fn account(&self) -> Option<Fingerprint> {
        self.spoken.account
    }

    /// Whether this profile has been logged in there before.
    pub fn is_known(&self) -> bool {
        self.spoken.is_known
    }

    /// The server's key, where an invite or `--pin` named it.
    pub fn expected(&self) -> Option<Fingerprint> {
        self.spoken.expected
    }

    /// What is spoken there.
    pub fn protocol(&self) -> Protocol {
        self.protocol
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
        let principal = self.people.principal(who);
        self.spoken
            .store
            .chat(&principal, HISTORY_LINES_MAX)
            .with_context(|| format!("reading the chat with {who}"))
    }

    /// Waits until something happens or `deadline` comes, and deals with all that is the session's own. Gives the
    /// tokens of others that are ready; what is to be told waits in [`Session::poll`].
    ///
    /// # Errors
    /// When the store or the poll fails: the program must end.
    pub fn wait(&mut self, deadline: Option<Time>) -> anyhow::Result<Vec<Token>> {
        let peers = self.spoken.peers.as_ref().and_then(Peers::deadline);
        let own = earliest(peers, earliest(self.spoken.mind.deadline(), self.spoken.link.deadline()));
        let asked = self.spoken.door.as_ref().filter(|door| door.is_asked());
        let own = earliest(own, asked.map(|_| Time::ZERO));
        let awake = self.in_call.then(|| self.clock.now().mono + TURN_TIME_MAX);
        let own = earliest(own, awake);
        let due = if self.told.is_empty() { earliest(deadline, own) } else { Some(Time::ZERO) };
        match self.poll.poll(&mut self.events, wait_for(due, self.clock.now().mono)) {
            Ok(()) => {}
            Err(why) if why.kind() == io::ErrorKind::Interrupted => self.events.clear(),
            Err(why) => return Err(why).context("waiting"),
        }
        self.now = self.clock.now();
        // Before anything is read of what came meanwhile.
        self.asleep.turn(self.in_call, self.sleepless.mono());
        let tokens: Vec<Token> = self.events.iter().map(mio::event::Event::token).collect();
        let (own, foreign): (Vec<_>, Vec<_>) = tokens.into_iter().partition(|token| token.0 < Self::FOREIGN);
        for token in own {
            self.ready(token);
        }
        self.spoken.link.timeout(self.poll.registry(), self.now.mono);
        if let Some(peers) = &mut self.spoken.peers {
            peers.timeout(self.poll.registry(), self.now.mono);
        }
        self.take_in()?;
        Ok(foreign)
    }

    fn ready(&mut self, token: Token) {
        let registry = self.poll.registry();
        match token {
            LINK => self.spoken.link.ready(registry, self.now.mono),
            WAKE => self.spoken.link.woken(registry, self.now.mono),
            peer if peer.0 >= PEERS => {
                if let Some(peers) = &mut self.spoken.peers {
                    peers.ready(registry, peer, self.now.mono);
                }
            }
            visitor => {
                if let Some(door) = &mut self.spoken.door {
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
            self.invites.ask(None);
        }
        self.spoken.mind.command(command, self.now);
        self.take_in()
    }

    /// What the user wants of the sound.
    pub fn sound(&mut self, command: SoundCommand) {
        let tone = earcons::of_command(&command);
        if let SoundCommand::Hold(on) = command {
            self.asleep.hold(on);
        }
        self.tell_agent(AgentCommand::Sound(command));
        self.play(tone);
    }

    /// Ends once all that was wanted of the sound is done, also at the devices.
    pub fn settled(&self) -> Closing {
        Closing::when(self.agent.settled())
    }

    /// Keeps the call with these in a file from now on; none ends that.
    pub fn record(&mut self, with: Option<&[Name]>) {
        let folder = self.recordings.as_deref();
        let tape = with.map(|with| tape(folder, self.now.wall, &TimeZone::system(), with)).transpose();
        match tape {
            Ok(tape) => self.sound(SoundCommand::Tool(ToolCommand::Record(tape))),
            Err(why) => self.told.push_back(Told::Trouble(format!("cannot record: {why:#}"))),
        }
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
            if let Some(event) = self.spoken.link.poll() {
                self.heard_from_link(event);
            } else if let Some(event) = self.agent.try_recv() {
                self.heard_from_agent(event);
            } else if let Some(event) = self.spoken.peers.as_mut().and_then(Peers::poll) {
                self.heard_from_peer(&event);
            } else if let Some((visitor, request)) = self.spoken.door.as_mut().and_then(Door::poll) {
                self.asked(visitor, request);
            } else if self.spoken.mind.deadline().is_some_and(|due| due <= self.now.mono) {
                self.spoken.mind.timeout(self.now);
            } else {
                return Ok(());
            }
        }
    }

    /// A link comes from the machine; everything else is for whoever shows or tells the session.
    fn asked(&mut self, visitor: Visitor, request: Request) {
        if request == Request::Invite {
            self.invites.ask(Some(visitor));
            self.spoken.mind.command(Command::Invite, self.now);
        } else {
            self.told.push_back(Told::Asked(visitor, request));
        }
    }

    /// Answers [`Told::Asked`].
    pub fn answer(&mut self, visitor: Visitor, reply: &Reply) {
        if let Some(door) = &mut self.spoken.door {
            door.answer(self.poll.registry(), visitor, reply);
        }
    }

    fn heard_from_link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up(up) => {
                self.server_key = Some(up.server_key);
                self.know_anew(up.server_key);
                self.told.push_back(Told::Server(up.server_key));
                self.spoken.mind.up(up, self.now);
            }
            LinkEvent::UpPlain(local) => self.spoken.mind.up_plain(local, self.now),
            LinkEvent::Bytes(bytes) => self.spoken.mind.bytes(&bytes, self.now),
            LinkEvent::Down(why) => {
                tracing::info!(%why, "the connection failed");
                self.told.push_back(Told::Trouble(why));
                self.spoken.mind.down(self.now);
            }
        }
    }

    fn heard_from_peer(&mut self, event: &PeerEvent) {
        let (id, input) = match event {
            PeerEvent::Came(id, from) => (*id, PeerInput::Came(*from)),
            PeerEvent::Up(id) => (*id, PeerInput::Up),
            PeerEvent::Bytes(id, bytes) => (*id, PeerInput::Bytes(bytes)),
            PeerEvent::Down(id) => (*id, PeerInput::Down),
        };
        self.spoken.mind.peer(id, input, self.now);
    }

    fn heard_from_agent(&mut self, event: AgentEvent) {
        match event {
            AgentEvent::Call(event) => self.spoken.mind.agent(event, self.now),
            AgentEvent::Sound(event) => {
                if let SoundEvent::Statistics(of) = &event {
                    self.asleep.measured(of);
                }
                self.told.push_back(Told::Sound(event));
            }
        }
    }

    /// Carries out what the machine says, until it is silent.
    fn carry_out(&mut self) -> anyhow::Result<()> {
        order::carry_out(self)
    }

    fn tell_peer(&mut self, id: PeerId, output: PeerOutput) {
        let registry = self.poll.registry();
        let Some(peers) = &mut self.spoken.peers else { return };
        match output {
            PeerOutput::Dial(at) => peers.dial(id, at, registry),
            PeerOutput::Stream(packet) => peers.send(id, packet, registry),
            PeerOutput::Close => peers.close(id, registry),
        }
    }
}
