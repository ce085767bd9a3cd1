//! One device of the friend: a client machine, a media machine, a connection and a UDP socket. It is in one call at
//! a time, like any device.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use mio::net::UdpSocket;
use mio::{Interest, Registry};
use proto::client::{Client, Command, Event, Input, Output, Row, Settings, ratchet_states};
use proto::crypto::identity::AccountKey;
use proto::crypto::olm::Olm;
use proto::crypto::ratchet::Ratchet;
use proto::id::{Fingerprint, MsgId, Name};
use proto::limits::{DATAGRAM_BYTES_MAX, LOGIN_TIME_MAX};
use proto::media::{Media, MediaInput, MediaOutput, OpusFrame};
use proto::tls::ClientConfig;
use proto::wire::opus::duration;
use proto::{Now, Rng, Time, earliest};

use super::link::{Link, News};
use super::{tcp, udp};
use crate::datagram::Datagrams;
use crate::store::rows::Rows;

/// What the devices share.
pub(super) struct Friend {
    pub(super) key: AccountKey,
    pub(super) name: Name,
    pub(super) server: SocketAddr,
    pub(super) pin: Fingerprint,
    pub(super) tls: Arc<ClientConfig>,
    /// Texts that were sent back; each comes to every device.
    pub(super) answered: VecDeque<MsgId>,
}

impl Friend {
    /// True once for each text.
    fn answers(&mut self, id: MsgId) -> bool {
        if self.answered.contains(&id) {
            return false;
        }
        if self.answered.len() >= ANSWERED_MAX {
            self.answered.pop_front();
        }
        self.answered.push_back(id);
        true
    }
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Out,
    /// The client asked for a connection.
    Wanted,
    /// It is being made, or logging in.
    Coming,
    In,
}

/// One device.
pub(super) struct Device {
    index: usize,
    client: Client,
    media: Media,
    link: Option<Link>,
    standing: Standing,
    socket: Datagrams,
    /// Somebody rings: when to answer.
    answer_at: Option<Time>,
    /// What was heard in the present turn.
    heard: Vec<OpusFrame>,
}

impl Device {
    pub(super) fn new(
        index: usize,
        friend: &Friend,
        store_key: &[u8; 32],
        rows: &mut Rows,
        registry: &Registry,
        mut rng: Rng,
        now: Now,
    ) -> Result<Self> {
        let remembered = rows.of(index).context("the echo friend's memory cannot be read")?;
        let ratchet = ratchet(store_key, &remembered).context("the echo friend's keys cannot be read")?;
        let settings = Settings {
            expect: Some(friend.pin),
            pin: None,
            trust_first: true,
            token: None,
            account: friend.key.fingerprint(),
            software: crate::SOFTWARE.to_owned(),
        };
        let media = Media::new(rng.child("media"), now.mono);
        let client = Client::new(settings, ratchet, remembered, rng.child("client"), now);
        let mut socket = UdpSocket::bind(any_port_towards(friend.server))?;
        registry.register(&mut socket, udp(index), Interest::READABLE)?;
        let mut device = Self {
            index,
            client,
            media,
            link: None,
            standing: Standing::Out,
            socket: Datagrams::new(socket)?,
            answer_at: None,
            heard: Vec::new(),
        };
        // Somebody's first call may come with the news of who they are.
        device.client.handle(Input::Command(Command::WelcomeAll), now);
        // What the client says first needs nothing of the friend but that it connects.
        while let Some(output) = device.client.poll() {
            match output {
                Output::Save(save) => rows.save(index, &save)?,
                Output::Connect => device.standing = Standing::Wanted,
                Output::Stream(_)
                | Output::Agent(_)
                | Output::Event(_)
                | Output::Sign { .. }
                | Output::Disconnect
                | Output::Drop(_) => {}
            }
        }
        rows.commit()?;
        Ok(device)
    }

    /// Wants a connection that has not been begun.
    pub(super) fn wants_in(&self) -> bool {
        self.standing == Standing::Wanted
    }

    /// Has begun one, and is not logged in yet.
    pub(super) fn is_coming_in(&self) -> bool {
        self.standing == Standing::Coming
    }

    pub(super) fn come_in(
        &mut self,
        friend: &mut Friend,
        rows: &mut Rows,
        registry: &Registry,
        now: Now,
    ) -> Result<()> {
        let until = now.mono + LOGIN_TIME_MAX;
        match Link::connect(friend.server, &friend.tls, registry, tcp(self.index), until) {
            Ok(link) => {
                self.link = Some(link);
                self.standing = Standing::Coming;
                Ok(())
            }
            Err(error) => {
                tracing::debug!("the echo friend cannot connect: {error:#}");
                self.down(friend, rows, now)
            }
        }
    }

    /// One of its sockets is ready.
    pub(super) fn ready(
        &mut self,
        is_tcp: bool,
        friend: &mut Friend,
        rows: &mut Rows,
        now: Now,
    ) -> Result<()> {
        if !is_tcp {
            return self.receive(friend, rows, now);
        }
        let Some(link) = &mut self.link else { return Ok(()) };
        let News { up, bytes, down } = link.ready();
        if let Some(up) = up {
            self.tell(Input::LinkUp(up), friend, rows, now)?;
        }
        if !bytes.is_empty() {
            self.tell(Input::Bytes(&bytes), friend, rows, now)?;
        }
        if down { self.down(friend, rows, now) } else { Ok(()) }
    }

    fn receive(&mut self, friend: &mut Friend, rows: &mut Rows, now: Now) -> Result<()> {
        let mut buffer = [0; DATAGRAM_BYTES_MAX + 1];
        while let Some((length, from)) = self.socket.receive(&mut buffer)? {
            self.media.handle(MediaInput::Datagram(from, &buffer[..length]), now.mono);
            self.drain_media(friend, rows, now)?;
        }
        Ok(())
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let link = self.link.as_ref().and_then(|link| link.until);
        let machines = earliest(self.client.deadline(), self.media.deadline());
        earliest(machines, earliest(link, self.answer_at))
    }

    pub(super) fn on_time(&mut self, friend: &mut Friend, rows: &mut Rows, now: Now) -> Result<()> {
        let due = |at: Option<Time>| at.is_some_and(|at| at <= now.mono);
        if due(self.link.as_ref().and_then(|link| link.until)) {
            self.down(friend, rows, now)?;
        }
        if due(self.answer_at) {
            self.answer_at = None;
            self.tell(Input::Command(Command::Answer), friend, rows, now)?;
        }
        if due(self.client.deadline()) {
            self.tell(Input::Timeout, friend, rows, now)?;
        }
        if due(self.media.deadline()) {
            self.media.handle(MediaInput::Timeout, now.mono);
            self.drain_media(friend, rows, now)?;
        }
        Ok(())
    }

    fn down(&mut self, friend: &mut Friend, rows: &mut Rows, now: Now) -> Result<()> {
        self.link = None;
        self.standing = Standing::Out;
        self.tell(Input::LinkDown, friend, rows, now)
    }

    /// Tells the client machine something and does what it says. What it wants of us comes back to it as the next
    /// thing it is told.
    fn tell(&mut self, input: Input<'_>, friend: &mut Friend, rows: &mut Rows, now: Now) -> Result<()> {
        self.client.handle(input, now);
        let mut answers = Vec::new();
        while let Some(output) = self.client.poll() {
            match &output {
                Output::Save(save) => rows.save(self.index, save)?,
                // Nothing is said on them before the last commit below.
                Output::Event(_) | Output::Drop(_) => {}
                Output::Stream(_)
                | Output::Agent(_)
                | Output::Sign { .. }
                | Output::Connect
                | Output::Disconnect => rows.commit()?,
            }
            self.act(output, &mut answers, friend, now);
        }
        rows.commit()?;
        self.drain_media(friend, rows, now)?;
        answers.into_iter().try_for_each(|answer| self.tell(answer, friend, rows, now))
    }

    fn act(&mut self, output: Output, answers: &mut Vec<Input<'static>>, friend: &mut Friend, now: Now) {
        match output {
            // `tell` gave it to the rows.
            Output::Save(_) => {}
            Output::Stream(bytes) => {
                if let Some(link) = &mut self.link
                    && let Err(error) = link.send(&bytes)
                {
                    tracing::debug!("the echo friend cannot send: {error:#}");
                    self.link = None;
                    self.standing = Standing::Out;
                    answers.push(Input::LinkDown);
                }
            }
            Output::Agent(command) => self.media.handle(MediaInput::Command(command), now.mono),
            Output::Event(event) => answers.extend(self.answer(event, friend, now.mono).map(Input::Command)),
            Output::Sign { id, namespace, bytes } => {
                let sshsig = Some(friend.key.sign(namespace, &bytes));
                answers.push(Input::Signed { id, sshsig });
            }
            Output::Connect => {
                self.link = None;
                self.standing = Standing::Wanted;
            }
            Output::Disconnect => {
                self.link = None;
                self.standing = Standing::Out;
            }
            Output::Drop(why) => {
                tracing::debug!(device = self.index, %why, "the echo friend dropped something")
            }
        }
    }

    /// What the friend is like.
    fn answer(&mut self, event: Event, friend: &mut Friend, now: Time) -> Option<Command> {
        match event {
            Event::NameWanted => Some(Command::Join(friend.name.clone())),
            Event::LoggedIn(_) => {
                self.standing = Standing::In;
                None
            }
            Event::LoginRefused { text, .. } => {
                tracing::warn!(device = self.index, "the echo friend is not let in: {text}");
                None
            }
            // Each device is told; who comes late finds nothing to accept.
            Event::Request(name) => Some(Command::Accept(name)),
            Event::Said { from, id, text, .. } if friend.answers(id) => {
                Some(Command::Say { to: from, text: text.as_str().to_owned(), echo: 0 })
            }
            Event::Incoming { .. } => {
                self.answer_at = Some(now + RING_TIME);
                None
            }
            // Whoever calls the echo in the clear hears nothing but themselves.
            Event::PlainUnconfirmed(names) => {
                self.answer_at = Some(now);
                names.into_iter().next().map(Command::AllowPlain)
            }
            Event::Ended { .. } => {
                self.answer_at = None;
                None
            }
            Event::Said { .. }
            | Event::Link(_)
            | Event::ServerKeyUnknown(_)
            | Event::ServerKeyChanged { .. }
            | Event::Contacts(_)
            | Event::Contact(_)
            | Event::Gone(_)
            | Event::Greeting { .. }
            | Event::Requested(_)
            | Event::Accepted(_)
            | Event::Rejected(_)
            | Event::Waiting { .. }
            | Event::MessageState { .. }
            | Event::Calling { .. }
            | Event::Ringing(_)
            | Event::Joined { .. }
            | Event::Heard(_)
            | Event::Parted { .. }
            | Event::Invite(_)
            | Event::Refused { .. }
            | Event::IdentityChanged(_)
            | Event::IdentityAccepted { .. }
            | Event::Compared { .. }
            | Event::Banned(_) => None,
        }
    }

    fn drain_media(&mut self, friend: &mut Friend, rows: &mut Rows, now: Now) -> Result<()> {
        loop {
            let mut events = Vec::new();
            while let Some(output) = self.media.poll() {
                match output {
                    MediaOutput::Datagram { to, bytes } => {
                        self.socket.send(&bytes, to);
                    }
                    // What came with a later frame comes too late for an echo that waits for nothing.
                    MediaOutput::Play { copy: true, .. } => {}
                    MediaOutput::Play { frame, .. } => self.heard.push(frame),
                    MediaOutput::Event(event) => events.push(event),
                    MediaOutput::Drop(why) => {
                        tracing::trace!(device = self.index, %why, "the echo friend dropped a packet");
                    }
                    // It has none, and no encoder either.
                    MediaOutput::OpenDevices
                    | MediaOutput::CloseDevices
                    | MediaOutput::Encode(_)
                    | MediaOutput::Member(_) => {}
                }
            }
            if events.is_empty() && self.heard.is_empty() {
                return Ok(());
            }
            for frame in std::mem::take(&mut self.heard) {
                self.send_back(&frame, now.mono);
            }
            for event in events {
                self.tell(Input::Agent(event), friend, rows, now)?;
            }
        }
    }

    fn send_back(&mut self, frame: &OpusFrame, now: Time) {
        if let Some(duration) = duration(frame) {
            self.media.handle(MediaInput::Frame { opus: frame, duration }, now);
        }
    }
}

fn ratchet(store_key: &[u8; 32], rows: &[Row]) -> Result<Box<dyn Ratchet>> {
    let saved = ratchet_states(rows);
    let olm = if saved.is_empty() { Olm::new(*store_key) } else { Olm::restore(*store_key, &saved)? };
    Ok(Box::new(olm))
}

fn any_port_towards(server: SocketAddr) -> SocketAddr {
    let ip = match server.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(ip, 0)
}

/// A friend that answers before the first ring would be a machine.
const RING_TIME: Duration = Duration::from_secs(1);
/// Texts remembered as sent back, over all friends.
const ANSWERED_MAX: usize = 4_096;
