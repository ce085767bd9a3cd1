//! A person for tests: the client and media machines over real sockets, driven by hand. Waits are for states, with
//! a bound; nothing sleeps and hopes.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use proto::Drop as Reason;
use proto::client::{Client, Command, Event, Input, Kind, LinkUp, Output, Row, Settings};
use proto::crypto::identity::AccountKey;
use proto::crypto::olm::Olm;
use proto::crypto::ratchet::{Ratchet, RatchetState};
use proto::hub::Doorway;
use proto::id::{DeviceId, Name};
use proto::invite::Invite;
use proto::limits::Bucket;
use proto::media::{Media, MediaInput, MediaOutput, OpusFrame};
use proto::tls::{Pipe, client_config};
use proto::{Now, Rng, Time, Wall};
use tincan_server::Config;

/// Nothing here takes longer on the slowest machine that is worth testing on.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A directory of one test, gone with it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tincand-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A server of one's own on a free port, without the limits that tests on one address run into.
    pub(crate) fn config(&self) -> Config {
        let generous = Bucket { burst: 10_000, per_second: 10_000 };
        let mut config = Config::new(self.0.clone());
        config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.echo = false;
        config.doorway = Doorway {
            strangers_per_prefix: 500,
            plain_per_prefix: 500,
            connects: generous,
            ..Doorway::default()
        };
        config.limits.registrations = generous;
        config
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Asks until the answer is yes.
pub(crate) fn wait_until(what: &str, mut yes: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !yes() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

struct Connection {
    stream: TcpStream,
    pipe: Pipe,
    peer: SocketAddr,
    is_up: bool,
}

/// One person with one device.
pub(crate) struct Friend {
    pub(crate) name: Name,
    pub(crate) events: Vec<Event>,
    /// Opus frames that were heard.
    pub(crate) heard: Vec<OpusFrame>,
    /// The devices are open: there is a call to speak in.
    pub(crate) live: bool,
    pub(crate) knows_echo: bool,
    key: AccountKey,
    store_key: [u8; 32],
    rows: BTreeMap<(Kind, Vec<u8>), Vec<u8>>,
    client: Client,
    media: Media,
    socket: UdpSocket,
    link: Option<Connection>,
    server: SocketAddr,
    start: Instant,
}

impl Friend {
    /// Somebody who never was here, and follows `invite`.
    pub(crate) fn new(text: &str, seed: u8, invite: &Invite) -> Self {
        let key = AccountKey::from_seed(&[seed; 32], text);
        Self::with_rows(text, seed, key, BTreeMap::new(), invite, Instant::now())
    }

    fn with_rows(
        text: &str,
        seed: u8,
        key: AccountKey,
        rows: BTreeMap<(Kind, Vec<u8>), Vec<u8>>,
        invite: &Invite,
        start: Instant,
    ) -> Self {
        let store_key = [seed ^ 0xff; 32];
        let saved: Vec<RatchetState> = rows.iter().filter_map(ratchet_state).collect();
        let ratchet: Box<dyn Ratchet> = match saved.is_empty() {
            true => Box::new(Olm::new(store_key)),
            false => Box::new(Olm::restore(store_key, &saved).unwrap()),
        };
        let settings = Settings {
            expect: Some(invite.server),
            pin: None,
            trust_first: false,
            token: invite.token,
            account: key.fingerprint(),
            software: "test".into(),
        };
        let row = |((kind, key), value): (&(Kind, Vec<u8>), &Vec<u8>)| Row {
            kind: *kind,
            key: key.clone(),
            value: value.clone(),
        };
        let mut rng = Rng::new([seed; 32]);
        let media = Media::new(rng.child("media"), now(start).mono);
        let client = Client::new(settings, ratchet, rows.iter().map(row).collect(), rng, now(start));
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let ip: IpAddr = invite.host.parse().unwrap();
        Self {
            name: name(text),
            events: Vec::new(),
            heard: Vec::new(),
            live: false,
            knows_echo: false,
            key,
            store_key,
            rows,
            client,
            media,
            socket,
            link: None,
            server: SocketAddr::new(ip, invite.port),
            start,
        }
    }

    /// The program ended and starts again, perhaps with the server elsewhere.
    pub(crate) fn restart(self, invite: &Invite) -> Self {
        let Self { name, key, rows, store_key, start, .. } = self;
        Self::with_rows(name.as_str(), store_key[0] ^ 0xff, key, rows, invite, start)
    }

    /// The server moved.
    pub(crate) fn follow(&mut self, invite: &Invite) {
        self.server = SocketAddr::new(self.server.ip(), invite.port);
    }

    pub(crate) fn say(&mut self, command: Command) {
        self.tell(Input::Command(command));
    }

    /// Runs until something was told that `is_it`; returns it.
    pub(crate) fn await_event(&mut self, what: &str, is_it: impl Fn(&Event) -> bool) -> Event {
        self.run_until(what, |me| me.events.iter().any(&is_it));
        let at = self.events.iter().position(is_it).unwrap();
        self.events.drain(..=at).next_back().unwrap()
    }

    pub(crate) fn log_in(&mut self) {
        self.await_event("a login", |event| matches!(event, Event::LoggedIn(_)));
    }

    pub(crate) fn run_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        self.turn();
        while !done(self) {
            assert!(Instant::now() < end, "{}: waited in vain for {what}: {:?}", self.name, self.events);
            self.turn();
        }
    }

    /// Sends raw frames without reading what comes back; false once they are not taken any more.
    pub(crate) fn shout(&mut self, frames: &[u8]) -> bool {
        let Some(link) = &mut self.link else { return false };
        link.stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        let mut out = Vec::new();
        link.pipe.send(frames).unwrap();
        link.pipe.take_ciphertext(&mut out);
        link.stream.write_all(&out).is_ok()
    }

    /// Speaks one frame of sound.
    pub(crate) fn speak(&mut self, opus: &[u8], duration: Duration) {
        let now = now(self.start).mono;
        self.media.handle(MediaInput::Frame { opus, duration }, now);
        self.drain_media();
    }

    /// Waits a little for the network, and does what there is to do.
    pub(crate) fn turn(&mut self) {
        self.drain();
        let now = now(self.start).mono;
        if self.client.deadline().is_some_and(|at| at <= now) {
            self.tell(Input::Timeout);
        }
        if self.media.deadline().is_some_and(|at| at <= now) {
            self.media.handle(MediaInput::Timeout, now);
            self.drain_media();
        }
        self.listen_udp();
        self.listen_tcp();
    }

    fn listen_udp(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            self.media.handle(MediaInput::Datagram(from, &buffer[..length]), now(self.start).mono);
            self.drain_media();
        }
    }

    fn listen_tcp(&mut self) {
        let Some(link) = &mut self.link else {
            return std::thread::sleep(Duration::from_millis(2));
        };
        let mut buffer = [0; 16 << 10];
        let count = match link.stream.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
            Err(_) => 0,
        };
        let intact = count > 0 && link.pipe.received(&buffer[..count]).is_ok();
        let mut plain = Vec::new();
        link.pipe.take_plaintext(&mut plain);
        if !link.is_up
            && let Some(established) = link.pipe.established()
        {
            link.is_up = true;
            let (exporter, server_key, peer) = (established.exporter, established.server_key, link.peer);
            flush(link);
            self.tell(Input::LinkUp(LinkUp { exporter, server_key, peer }));
        } else if intact {
            flush(link);
        }
        if !plain.is_empty() {
            self.tell(Input::Bytes(&plain));
        }
        if !intact {
            self.link = None;
            self.tell(Input::LinkDown);
        }
    }

    fn tell(&mut self, input: Input<'_>) {
        self.client.handle(input, now(self.start));
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.client.poll() {
            match output {
                Output::Save(save) => match save.value {
                    Some(value) => drop(self.rows.insert((save.kind, save.key), value)),
                    None => drop(self.rows.remove(&(save.kind, save.key))),
                },
                Output::Stream(bytes) => {
                    if let Some(link) = &mut self.link {
                        link.pipe.send(&bytes).unwrap();
                        flush(link);
                    }
                }
                Output::Agent(command) => {
                    self.media.handle(MediaInput::Command(command), now(self.start).mono);
                    self.drain_media();
                }
                Output::Event(Event::NameWanted) => {
                    self.client.handle(Input::Command(Command::Join(self.name.clone())), now(self.start));
                }
                Output::Event(event) => self.events.push(event),
                Output::Sign { id, namespace, bytes } => {
                    let sshsig = Some(self.key.sign(namespace, &bytes));
                    self.client.handle(Input::Signed { id, sshsig }, now(self.start));
                }
                Output::Connect => self.connect(),
                Output::Disconnect => self.link = None,
                // Said again to be sure, or about a call that is over by now.
                Output::Drop(Reason::Replay | Reason::NoCall | Reason::OutOfTurn) => {}
                Output::Drop(why) => panic!("{} was sent something unusable: {why}", self.name),
            }
        }
    }

    fn connect(&mut self) {
        self.link = None;
        let Ok(stream) = TcpStream::connect_timeout(&self.server, PATIENCE) else {
            return self.client.handle(Input::LinkDown, now(self.start));
        };
        stream.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        stream.set_nodelay(true).unwrap();
        let pipe = Pipe::client(&client_config().unwrap()).unwrap();
        let mut link = Connection { stream, pipe, peer: self.server, is_up: false };
        flush(&mut link);
        self.link = Some(link);
    }

    fn drain_media(&mut self) {
        while let Some(output) = self.media.poll() {
            match output {
                MediaOutput::Datagram { to, bytes } => drop(self.socket.send_to(&bytes, to)),
                MediaOutput::Play { frame, .. } => self.heard.push(frame),
                MediaOutput::OpenDevices => self.live = true,
                MediaOutput::CloseDevices => self.live = false,
                MediaOutput::Event(event) => self.client.handle(Input::Agent(event), now(self.start)),
                // Voice that comes before its key, or after the call.
                MediaOutput::Drop(_) | MediaOutput::Member(_) | MediaOutput::Encode(_) => {}
            }
        }
    }
}

fn flush(link: &mut Connection) {
    let mut out = Vec::new();
    link.pipe.take_ciphertext(&mut out);
    // A connection that is gone tells so at the next read.
    let _ = link.stream.write_all(&out);
}

fn ratchet_state(((kind, key), value): (&(Kind, Vec<u8>), &Vec<u8>)) -> Option<RatchetState> {
    let peer = match kind {
        Kind::Account => None,
        Kind::Session => Some(DeviceId(key.as_slice().try_into().unwrap())),
        Kind::Profile
        | Kind::Contact
        | Kind::Devices
        | Kind::Outbox
        | Kind::Seen
        | Kind::Token
        | Kind::PlainYes
        | Kind::Trust
        | Kind::Ban
        | Kind::Former
        | Kind::Removed => {
            return None;
        }
    };
    Some(RatchetState { peer, bytes: value.clone() })
}

fn now(start: Instant) -> Now {
    let us = |d: Duration| u64::try_from(d.as_micros()).unwrap();
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Now { mono: Time::us(us(start.elapsed())), wall: Wall(us(wall) / 1_000) }
}

/// Runs several people until something holds of them.
pub(crate) fn together(what: &str, people: &mut [&mut Friend], done: impl Fn(&[&mut Friend]) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done(people) {
        let told: Vec<_> = people.iter().map(|p| (&p.name, &p.events)).collect();
        assert!(Instant::now() < end, "waited in vain for {what}: {told:?}");
        people.iter_mut().for_each(|person| person.turn());
    }
}
