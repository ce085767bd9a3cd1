//! A user's machine in the world: the real client and media machines, a made-up instrument, a disk that keeps what
//! was committed, and a script that does what people do.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proto::client::{self, Client, Command, Event, Kind, LinkState, MessageState, Row, Save, ratchet_states};
use proto::crypto::identity::AccountKey;
use proto::crypto::standin::Standin;
use proto::id::{ConnId, Fingerprint, MsgId, Name, Ssrc};
use proto::limits::OPUS_BYTES_MAX;
use proto::media::{Media, MediaInput, MediaOutput};
use proto::{Now, Rng, Time, earliest};

use super::net::{Link, Pipe};

/// How often the made-up microphone has a frame.
const FRAME: Duration = Duration::from_millis(20);

/// What a person's call looks like from the chair. Kept apart from the machine's own idea, to judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chair {
    /// No call.
    Idle,
    /// We called, and nobody has answered.
    Placing(Name),
    /// Somebody calls; no key was pressed.
    Ringing(Name),
    /// We pressed the key.
    Answered(Name),
    /// Both said yes.
    Live(Name),
}

/// One line on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who said it.
    pub from: Name,
    /// What.
    pub text: String,
}

/// One user's machine.
pub struct User {
    /// Its number in the world.
    pub index: usize,
    /// The user's name.
    pub name: Name,
    key: AccountKey,
    server_key: Fingerprint,
    token: [u8; 16],
    seeds: Rng,
    /// What came with requests.
    pub greetings: u64,
    /// Draws what the person does.
    pub whim: Rng,
    /// Running, or crashed until then.
    pub machine: Option<Machine>,
    /// When a crashed machine starts again.
    pub restart: Option<Time>,
    /// What was committed.
    disk: BTreeMap<(Kind, Vec<u8>), Vec<u8>>,
    /// Texts said, by friend, in order: the id once it is known.
    pub said: BTreeMap<String, Vec<(String, Option<MsgId>)>>,
    /// Ids known to be delivered.
    pub delivered: Vec<MsgId>,
    /// Texts shown.
    pub shown: Vec<Line>,
    echo: u64,
    /// Tell the reader of a run what happens.
    loud: bool,
    /// When the person next does something.
    pub next_whim: Time,
}

/// What runs, and is gone after a crash.
pub struct Machine {
    /// The client.
    pub client: Client,
    /// The media machine.
    pub media: Media,
    /// The connection, and its two directions.
    pub conn: Option<ConnId>,
    /// Client to server.
    pub up: Pipe,
    /// The datagram link to the server.
    pub link: Link,
    /// Whether the devices are open.
    pub devices_open: bool,
    /// When the microphone has its next frame.
    pub next_frame: Option<Time>,
    /// Frames given to the media machine in this call.
    pub frames: u64,
    /// The call, seen from the chair.
    pub chair: Chair,
    /// Who may be heard in it, folded: those one called or who are said to be in it.
    pub with: BTreeSet<String>,
    /// Those of them who were in and are not out.
    pub joined: BTreeSet<String>,
    /// When the last call ended.
    pub left_at: Time,
    /// Friends, as events told.
    pub friends: Vec<Name>,
    /// Requests waiting.
    pub requests: Vec<Name>,
    /// Logged in on this connection.
    pub online: bool,
    uncommitted: Vec<Save>,
    echoes: BTreeMap<u64, Name>,
}

/// What a user's machine wants of the world.
#[derive(Debug)]
pub enum Want {
    /// Connect (and drop the old connection).
    Connect,
    /// Close.
    Disconnect,
    /// Send by the stream.
    Stream(Vec<u8>),
    /// Send by UDP.
    Datagram(core::net::SocketAddr, Vec<u8>),
    /// A frame of this speaker is to be heard, the call and those in it being so at that point of the drain.
    Play(Ssrc, Vec<u8>, Chair, BTreeSet<String>),
    /// Something that came in was not used.
    Dropped(proto::Drop),
}

impl User {
    /// A user who has never started the program.
    pub fn new(index: usize, mut rng: Rng, server_key: Fingerprint, token: [u8; 16]) -> Self {
        let name = Name::parse(&format!("user{index}")).expect("a name");
        let key = AccountKey::from_seed(&rng.bytes(), name.as_str());
        Self {
            index,
            name,
            key,
            server_key,
            token,
            seeds: rng.child("seeds"),
            whim: rng.child("whim"),
            machine: None,
            restart: Some(Time::ZERO),
            disk: BTreeMap::new(),
            said: BTreeMap::new(),
            delivered: Vec::new(),
            shown: Vec::new(),
            greetings: 0,
            echo: 0,
            loud: std::env::var_os("TINCAN_LOUD").is_some(),
            next_whim: Time::ms(500),
        }
    }

    /// Starts the program from what the disk holds.
    pub fn start(&mut self, now: Now) {
        self.restart = None;
        let rows: Vec<Row> = self
            .disk
            .iter()
            .map(|((kind, key), value)| Row { kind: *kind, key: key.clone(), value: value.clone() })
            .collect();
        let saved = ratchet_states(&rows);
        let ratchet = if saved.is_empty() {
            Standin::new(self.seeds.bytes())
        } else {
            Standin::restore(&saved).expect("what was saved can be restored")
        };
        let settings = client::Settings {
            expect: Some(self.server_key),
            pin: None,
            trust_first: false,
            token: Some(self.token),
            account: self.key.fingerprint(),
            software: "world".into(),
        };
        let mut client = Client::new(settings, Box::new(ratchet), rows, self.seeds.child("client"), now);
        client.handle(client::Input::Command(Command::Join(self.name.clone())), now);
        self.machine = Some(Machine {
            client,
            media: Media::new(self.seeds.child("media"), now.mono),
            conn: None,
            up: Pipe::default(),
            link: Link::default(),
            devices_open: false,
            next_frame: None,
            frames: 0,
            chair: Chair::Idle,
            with: BTreeSet::new(),
            joined: BTreeSet::new(),
            left_at: Time::ZERO,
            friends: Vec::new(),
            requests: Vec::new(),
            online: false,
            uncommitted: Vec::new(),
            echoes: BTreeMap::new(),
        });
    }

    /// Pulls the plug. What was not committed is lost.
    pub fn crash(&mut self, back: Time) -> Option<ConnId> {
        self.restart = Some(back);
        self.machine.take().and_then(|m| m.conn)
    }

    /// The earliest thing this user waits for.
    pub fn deadline(&self) -> Option<Time> {
        let Some(m) = &self.machine else { return self.restart };
        let machines = earliest(m.client.deadline(), m.media.deadline());
        earliest(earliest(machines, m.next_frame), Some(self.next_whim))
    }

    /// Feeds the machines what is due.
    pub fn on_time(&mut self, now: Now) {
        let Some(m) = &mut self.machine else { return };
        if m.client.deadline().is_some_and(|d| d <= now.mono) {
            m.client.handle(client::Input::Timeout, now);
        }
        if m.media.deadline().is_some_and(|d| d <= now.mono) {
            m.media.handle(MediaInput::Timeout, now.mono);
        }
        if m.next_frame.is_some_and(|d| d <= now.mono) {
            let frame = speech(self.index, m.frames);
            m.frames += 1;
            m.next_frame = Some(now.mono + FRAME);
            m.media.handle(MediaInput::Frame { opus: &frame, duration: FRAME }, now.mono);
        }
    }

    /// Drains both machines to silence. `patience` outputs are acted on, then the machine crashes; what comes
    /// after is lost. Returns what the world must do, and whether it crashed.
    pub fn drain(&mut self, now: Now, patience: &mut Option<u32>) -> (Vec<Want>, bool) {
        let mut wants = Vec::new();
        loop {
            let Some(m) = &mut self.machine else { return (wants, false) };
            let out = m.client.poll();
            let done = out.is_none();
            if let Some(out) = out {
                if let Some(left) = patience {
                    if *left == 0 {
                        *patience = None;
                        return (wants, true);
                    }
                    *left -= 1;
                }
                self.act(out, now, &mut wants);
            }
            let heard = self.drain_media(now, &mut wants);
            if done && !heard {
                break;
            }
        }
        self.commit();
        // What waited for a key is heard a moment before the screen says who joined.
        let with = self.machine.iter().flat_map(|m| m.with.clone());
        for name in with.collect::<Vec<_>>() {
            for want in &mut wants {
                if let Want::Play(_, _, _, heard) = want {
                    heard.insert(name.clone());
                }
            }
        }
        (wants, false)
    }

    fn act(&mut self, out: client::Output, now: Now, wants: &mut Vec<Want>) {
        if !matches!(out, client::Output::Save(_)) {
            self.commit();
        }
        let Some(m) = &mut self.machine else { return };
        match out {
            client::Output::Save(save) => m.uncommitted.push(save),
            client::Output::Stream(bytes) => wants.push(Want::Stream(bytes)),
            client::Output::Agent(command) => m.media.handle(MediaInput::Command(command), now.mono),
            client::Output::Event(event) => self.on_event(event, now),
            client::Output::Sign { id, namespace, bytes } => {
                let sshsig = Some(self.key.sign(namespace, &bytes));
                m.client.handle(client::Input::Signed { id, sshsig }, now);
            }
            client::Output::Connect => wants.push(Want::Connect),
            client::Output::Disconnect => wants.push(Want::Disconnect),
            client::Output::Drop(reason) => wants.push(Want::Dropped(reason)),
        }
    }

    fn commit(&mut self) {
        let Some(m) = &mut self.machine else { return };
        for save in m.uncommitted.drain(..) {
            match save.value {
                Some(value) => self.disk.insert((save.kind, save.key), value),
                None => self.disk.remove(&(save.kind, save.key)),
            };
        }
    }

    fn on_event(&mut self, event: Event, now: Now) {
        if self.loud {
            eprintln!("{} sees {event:?}", self.name);
        }
        let Some(m) = &mut self.machine else { return };
        match event {
            Event::LoggedIn(_) => m.online = true,
            Event::Link(LinkState::Away { .. } | LinkState::Connecting) => m.online = false,
            Event::Contacts(list) => {
                m.friends = list.iter().filter(|c| mutual(c)).map(|c| c.name.clone()).collect();
            }
            Event::Contact(c) => {
                m.friends.retain(|n| *n != c.name);
                if mutual(&c) {
                    m.requests.retain(|n| *n != c.name);
                    m.friends.push(c.name);
                }
            }
            Event::Gone(name) => {
                m.friends.retain(|n| *n != name);
                m.requests.retain(|n| *n != name);
            }
            Event::Request(name) => {
                m.requests.retain(|n| *n != name);
                m.requests.push(name);
            }
            Event::Greeting { from, text } => {
                assert_eq!(text.as_str(), greeting(&from), "{} was told what another said", self.name);
                self.greetings += 1;
            }
            Event::Waiting { to, echo, id } => {
                m.echoes.remove(&echo);
                let text = marker(self.index, echo);
                let lines = self.said.entry(to.folded()).or_default();
                if let Some(line) = lines.iter_mut().find(|l| l.0 == text) {
                    line.1 = Some(id);
                }
            }
            Event::MessageState { id, state: MessageState::Delivered, .. } => self.delivered.push(id),
            Event::Said { from, text, .. } => {
                self.shown.push(Line { from, text: text.as_str().into() });
            }
            Event::Incoming { from: name, others, .. } => {
                m.with = others.iter().chain([&name]).map(Name::folded).collect();
                m.joined.clear();
                m.chair = Chair::Ringing(name);
            }
            Event::Calling { to, .. } => {
                m.with = to.iter().map(Name::folded).collect();
                m.joined.clear();
                m.chair = Chair::Placing(to.into_iter().next().expect("somebody is called"))
            }
            Event::Joined { who: with, .. } => {
                m.with.insert(with.folded());
                m.joined.insert(with.folded());
                m.chair = Chair::Live(with);
            }
            Event::Parted { who, .. } => {
                m.with.remove(&who.folded());
                m.joined.remove(&who.folded());
            }
            Event::Ended { .. } => {
                m.joined.clear();
                m.chair = Chair::Idle;
                m.left_at = now.mono;
            }
            Event::Link(LinkState::Online)
            | Event::ServerKeyUnknown(_)
            | Event::ServerKeyChanged { .. }
            | Event::NameWanted
            | Event::LoginRefused { .. }
            | Event::Requested(_)
            | Event::Accepted(_)
            | Event::Rejected(_)
            | Event::MessageState { .. }
            | Event::Ringing(_)
            | Event::Heard(_)
            | Event::PlainUnconfirmed(_)
            | Event::Invite(_)
            | Event::Refused { .. }
            | Event::IdentityChanged(_)
            | Event::IdentityAccepted { .. }
            | Event::Compared { .. }
            | Event::Banned(_) => {}
        }
    }

    /// Says something new to a friend.
    pub fn say(&mut self, to: Name, now: Now) {
        self.echo += 1;
        let (echo, text) = (self.echo, marker(self.index, self.echo));
        self.said.entry(to.folded()).or_default().push((text.clone(), None));
        if let Some(m) = &mut self.machine {
            m.echoes.insert(echo, to.clone());
            m.client.handle(client::Input::Command(Command::Say { to, text, echo }), now);
        }
    }

    /// Gives the client a command, and keeps the chair's idea of the call.
    pub fn command(&mut self, command: Command, now: Now) {
        if self.loud {
            eprintln!("{:?} {} does {command:?}", now.mono, self.name);
        }
        let Some(m) = &mut self.machine else { return };
        match (&command, &m.chair) {
            (Command::Answer, Chair::Ringing(name)) => m.chair = Chair::Answered(name.clone()),
            (Command::HangUp | Command::Decline, _) => {
                m.chair = Chair::Idle;
                m.left_at = now.mono;
            }
            _ => {}
        }
        m.client.handle(client::Input::Command(command), now);
    }
}

fn mutual(c: &client::ContactInfo) -> bool {
    c.standing == proto::wire::record::Standing::Mutual && !c.blocked
}

/// A text that is found wherever it leaks: the oracle looks for it in every byte that others see.
pub fn marker(user: usize, n: u64) -> String {
    format!("SECRET-TEXT from {user} number {n}")
}

/// What goes with a request of somebody. The oracle looks for it too.
pub fn greeting(of: &Name) -> String {
    format!("SECRET-GREETING of {of}")
}

/// A made-up Opus frame that says who spoke it and when. The oracle looks for it too.
pub fn speech(user: usize, n: u64) -> Vec<u8> {
    let mut frame = format!("SECRET-SOUND {user:04} {n:08}").into_bytes();
    frame.resize(80.min(OPUS_BYTES_MAX), 0x55);
    frame
}

/// Who spoke a frame, and its number.
pub fn spoken(frame: &[u8]) -> Option<(usize, u64)> {
    let text = core::str::from_utf8(frame.get(13..26)?).ok()?;
    let (user, n) = text.split_once(' ')?;
    Some((user.parse().ok()?, n.parse().ok()?))
}

/// Queue of outputs of the media machine, drained beside the client's.
impl User {
    fn drain_media(&mut self, now: Now, wants: &mut Vec<Want>) -> bool {
        let Some(m) = &mut self.machine else { return false };
        let mut any = false;
        let mut events = VecDeque::new();
        while let Some(out) = m.media.poll() {
            any = true;
            match out {
                MediaOutput::Datagram { to, bytes } => {
                    wants.push(Want::Datagram(to, bytes.to_vec()));
                }
                MediaOutput::Play { speaker, frame, .. } => {
                    wants.push(Want::Play(speaker, frame.to_vec(), m.chair.clone(), m.with.clone()));
                }
                MediaOutput::OpenDevices => {
                    m.devices_open = true;
                    m.next_frame = Some(now.mono);
                }
                MediaOutput::CloseDevices => {
                    m.devices_open = false;
                    m.next_frame = None;
                }
                MediaOutput::Event(event) => events.push_back(event),
                MediaOutput::Member(_) | MediaOutput::Encode(_) => {}
                MediaOutput::Drop(reason) => wants.push(Want::Dropped(reason)),
            }
        }
        for event in events {
            m.client.handle(client::Input::Agent(event), now);
        }
        any
    }
}
