//! The client machine: one user's end of everything but the sound.
//!
//! It routes and owns nothing clever. [`crate::link`] keeps a connection, [`crate::login`] decides whom to trust and
//! proves who we are, [`contacts`] knows people, [`peers`] their devices, [`crate::outbox`] and [`crate::inbox`] the
//! texts, [`crate::call`] the call; none of them knows another. [`sealed`] is where words become sealed bytes and
//! back, [`routes`] who hears what.

use core::net::SocketAddr;
use std::collections::{BTreeMap, VecDeque};

use minicbor::bytes::ByteVec;

use crate::Rng;
use crate::call::Call;
use crate::client::contacts::Contacts;
use crate::client::peers::Peers;
use crate::client::sealed::{Held, Kept, Unsealed};
use crate::compare;
use crate::compare::Compare;
use crate::crypto::envelope::End;
use crate::crypto::ratchet::{Ratchet, device_id};
use crate::drop::Drop;
use crate::id::{DeviceId, Fingerprint, MsgId, Name};
use crate::inbox::Inbox;
use crate::limits::{
    ASKED_MAX, CALL_MAIL_SEEN_MAX, HELD_MAIL_MAX, MEMBERS_MAX, REQUESTS_PENDING_MAX, REQUESTS_WAITING_MAX,
};
use crate::link::{self, Link};
use crate::login::{self, Login};
use crate::media::{CallCommand, CallEvent};
use crate::outbox::{self, Outbox};
use crate::time::{Now, Time, earliest};
use crate::wire::Splitter;
use crate::wire::record::MailFrom;

pub mod command;
mod comparing;
mod contacts;
pub mod event;
mod greeting;
mod peers;
mod prekeys;
mod routes;
mod sealed;
pub mod state;
#[cfg(test)]
mod tests;
mod wishes;

pub use command::Command;
pub use event::{Banned, Compared, ContactInfo, EndReason, Event, LinkState, Matter, MessageState};
pub use state::{Kind, Row, Save, ratchet_states};

/// What goes in.
#[derive(Debug)]
pub enum Input<'a> {
    /// The user wants something.
    Command(Command),
    /// Plaintext bytes of the TLS stream, cut anywhere.
    Bytes(&'a [u8]),
    /// The agent says something.
    Agent(CallEvent),
    /// The connection that [`Output::Connect`] asked for is there, handshake done.
    LinkUp(LinkUp),
    /// The connection is gone, or could not be made.
    LinkDown,
    /// The account key signed what [`Output::Sign`] asked for: the binary SSHSIG blob. `None` when it refused.
    Signed {
        /// As asked.
        id: u32,
        /// The signature.
        sshsig: Option<Vec<u8>>,
    },
    /// The deadline passed.
    Timeout,
}

/// A finished TLS handshake, as the shell reports it. The handshake's signature was checked with `server_key`;
/// whether that key is the right one is decided here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkUp {
    /// 32 bytes of the TLS exporter, label `EXPORTER-tincan-login-v1`, no context.
    pub exporter: [u8; 32],
    /// SHA-256 of the server's SPKI.
    pub server_key: Fingerprint,
    /// The address the TCP connection goes to: also the relay's.
    pub peer: SocketAddr,
}

/// What comes out, strictly in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write to the store; see [`Save`] for transactions.
    Save(Save),
    /// Send by the TLS stream.
    Stream(Vec<u8>),
    /// Tell the agent.
    Agent(CallCommand),
    /// Tell the user.
    Event(Event),
    /// Have the account key sign `bytes` under `namespace` (SSHSIG, SHA-512); answer with [`Input::Signed`].
    Sign {
        /// Named in the answer.
        id: u32,
        /// `tincan-device@v1` or `tincan-claim@v1`.
        namespace: &'static str,
        /// What to sign.
        bytes: ByteVec,
    },
    /// Make a connection to the server now, and close the old one if there is one.
    Connect,
    /// Close the connection; do not make another.
    Disconnect,
    /// Something that came in was not used.
    Drop(Drop),
}

/// What a client is made with.
#[derive(Debug)]
pub struct Settings {
    /// The fingerprint an invite named; checked at every connection, beside the pinned one, and pinned.
    pub expect: Option<Fingerprint>,
    /// The fingerprint that a person named with `--pin`. It is checked, too, and where the server shows it, it replaces
    /// the pinned one with what was signed for that: so a person says that a server's new key is right.
    pub pin: Option<Fingerprint>,
    /// Pin an unknown server key without asking: headless, and the echo friend.
    pub trust_first: bool,
    /// The token of an invite, presented at registration, or redeemed after login.
    pub token: Option<[u8; 16]>,
    /// The account key's fingerprint.
    pub account: Fingerprint,
    /// Name and version of the program.
    pub software: String,
}

/// Which of our frames a 360 is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    Login(login::Asked),
    Call(crate::call::Asked),
    /// Whom the user asks to be a contact.
    Add(Name),
    /// A user's wish about a contact: who, and what it was, as a sentence begins.
    Wish(Name, String),
    /// That somebody is a contact no longer: who, and what it was, as a sentence begins.
    Parting(Name, String),
    /// The hash of the token.
    Invite([u8; 32]),
    Redeem,
    Text(MsgId),
    Peer(peers::Want),
    /// What goes with a request to this account.
    Greeting(Fingerprint),
    /// A call message for this device.
    CallMail(DeviceId),
    /// Nothing to be done about it.
    Quiet,
}

/// The one connection, as far as it is more than the link's state.
#[derive(Debug)]
struct Connection {
    splitter: Splitter,
    peer: Option<SocketAddr>,
    /// The number of our next frame.
    counter: u32,
    asked: VecDeque<(u32, Asked)>,
}

impl Connection {
    fn new(peer: Option<SocketAddr>) -> Self {
        Self { splitter: Splitter::full(), peer, counter: 0, asked: VecDeque::new() }
    }
}

/// One user's end.
pub struct Client {
    account: Fingerprint,
    device: DeviceId,
    ratchet: Box<dyn Ratchet>,
    link: Link,
    login: Login,
    contacts: Contacts,
    peers: Peers,
    outbox: Outbox,
    inbox: Inbox,
    call: Call,
    compare: Compare,
    connection: Connection,
    /// Came before their sender's device list.
    held: VecDeque<Held>,
    /// What came with requests, before the device list of whoever asks.
    held_greetings: BTreeMap<Fingerprint, MailFrom>,
    /// What we said with requests on this connection, by its id.
    greetings_said: BTreeMap<MsgId, Fingerprint>,
    /// Devices with which the call wants a session.
    unsealed: Vec<Unsealed>,
    /// Call messages as sealed, to be sent again as they are: the latest for each device.
    kept: Vec<Kept>,
    /// Hashes of the call messages that came.
    call_mail_seen: VecDeque<[u8; 32]>,
    /// Guests who are no contacts, with whom one agreed to be in the call that is not encrypted.
    plain_once: Vec<Name>,
    /// Tokens whose 361 is on its way.
    invites: VecDeque<[u8; 16]>,
    /// Pre-key messages opened since the last 303.
    prekeys_used: usize,
    /// When that was sent.
    prekeys_told: Time,
    rng: Rng,
    /// The latest time told; it never goes back.
    clock: Time,
    out: VecDeque<Output>,
}

impl core::fmt::Debug for Client {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Client")
            .field("device", &self.device)
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client that begins to connect at once. `rows` are all rows it ever saved and did not delete; the ratchet
    /// was restored from those of [`Kind::Account`] and [`Kind::Session`] already.
    pub fn new(
        settings: Settings,
        ratchet: Box<dyn Ratchet>,
        rows: Vec<Row>,
        mut rng: Rng,
        now: Now,
    ) -> Self {
        let (mut contacts, mut peers) = (Contacts::default(), Peers::default());
        let (mut outbox, mut inbox) = (Outbox::default(), Inbox::default());
        let mut profile = login::Profile::default();
        for Row { kind, key, value } in rows {
            match kind {
                Kind::Profile => profile = minicbor::decode(&value).unwrap_or_default(),
                Kind::Account | Kind::Session => {}
                Kind::Contact
                | Kind::Token
                | Kind::PlainYes
                | Kind::Trust
                | Kind::Ban
                | Kind::Former
                | Kind::Removed => contacts.restore(kind, &key, &value),
                Kind::Devices => peers.restore(&key, &value),
                Kind::Outbox => outbox.restore(&key, &value, now.mono),
                Kind::Seen => inbox.restore(&key, &value),
            }
        }
        let Settings { expect, pin, trust_first, token, account, software } = settings;
        let own = End { account, device: device_id(&ratchet.keys()) };
        let mut client = Self {
            account,
            device: own.device,
            ratchet,
            link: Link::new(rng.child("link")),
            login: Login::new(profile, expect, pin, trust_first, token, account, software),
            contacts,
            peers,
            outbox,
            inbox,
            call: Call::new(account),
            compare: Compare::new(own),
            connection: Connection::new(None),
            held: VecDeque::new(),
            held_greetings: BTreeMap::new(),
            greetings_said: BTreeMap::new(),
            unsealed: Vec::new(),
            kept: Vec::new(),
            call_mail_seen: VecDeque::new(),
            plain_once: Vec::new(),
            invites: VecDeque::new(),
            prekeys_used: 0,
            prekeys_told: now.mono,
            rng,
            clock: now.mono,
            out: VecDeque::new(),
        };
        client.save_ratchet();
        // A call that a crash cut short left behind what was known of its other members.
        let known = client.peers.accounts();
        client.forget_strangers(known);
        client.link.handle(link::Act::Go, now.mono);
        client.settle(now);
        client
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input<'_>, now: Now) {
        debug_assert!(now.mono >= self.clock, "time does not go back");
        self.clock = now.mono;
        match input {
            Input::Command(command) => self.command(command, now),
            Input::Bytes(bytes) => self.bytes(bytes, now),
            Input::Agent(event) => self.call.handle(crate::call::Act::Media(event), now.mono),
            Input::LinkUp(up) => self.link_up(up, now),
            Input::LinkDown => {
                self.link.handle(link::Act::Down, now.mono);
                self.disconnected(now);
            }
            Input::Signed { id, sshsig } => {
                self.login.handle(login::Act::Signed { id, sshsig }, self.ratchet.as_ref(), now.wall);
            }
            Input::Timeout => self.timeout(now),
        }
        self.settle(now);
    }

    /// The next output. Drained to `None` after every [`Client::handle`], and once after [`Client::new`].
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Timeout`] is due.
    pub fn deadline(&self) -> Option<Time> {
        let machines = [
            self.link.deadline(),
            self.peers.deadline(),
            self.outbox.deadline().filter(|_| self.login.is_in()),
            self.call.deadline(),
            self.compare.deadline(),
            self.prekeys_deadline(),
            self.unsealed.iter().map(|u| u.until).min(),
            self.kept.iter().filter_map(|kept| kept.again_at).min(),
        ];
        machines.into_iter().fold(None, earliest)
    }

    /// What must always hold; the simulator asks after every step.
    ///
    /// # Errors
    /// A sentence that names what does not.
    pub fn check(&self) -> Result<(), String> {
        self.contacts.check_invariants()?;
        self.outbox.check_invariants()?;
        self.call.check_invariants()?;
        self.compare.check_invariants()?;
        let tables = [
            ("held mail", self.held.len(), HELD_MAIL_MAX),
            ("held greetings", self.held_greetings.len(), REQUESTS_WAITING_MAX),
            ("greetings said", self.greetings_said.len(), REQUESTS_PENDING_MAX),
            ("devices without a session", self.unsealed.len(), MEMBERS_MAX),
            ("kept call messages", self.kept.len(), MEMBERS_MAX),
            ("call messages seen", self.call_mail_seen.len(), CALL_MAIL_SEEN_MAX),
            ("guests of one call", self.plain_once.len(), MEMBERS_MAX),
            ("requests under way", self.connection.asked.len(), ASKED_MAX),
        ];
        match tables.iter().find(|(_, len, max)| len > max) {
            Some((what, len, max)) => Err(format!("{what}: {len} of at most {max}")),
            None => Ok(()),
        }
    }

    /// Whether no text waits for anybody: what a test means by done.
    pub fn is_idle(&self) -> bool {
        self.outbox.is_empty() && !self.call.is_busy()
    }

    fn timeout(&mut self, now: Now) {
        self.link.handle(link::Act::Timeout, now.mono);
        self.peers.timeout(now.mono);
        self.outbox.handle(outbox::Act::Timeout, now.mono);
        self.call.handle(crate::call::Act::Timeout, now.mono);
        self.compare.handle(compare::Act::Timeout, now.mono);
        self.give_up_unsealed(now);
        self.resend_due(now.mono);
    }
}
