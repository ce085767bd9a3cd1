//! Who is at the other end, and who we are: the decision about the server's key, registration, and login.
//!
//! ```text
//!          up, key pinned or expected            name known              201
//! Out ──────────────────────────────▶ Nameless ──────────▶ Asked ─────────────▶ In
//!  │ up, key unknown                     (registering: Signing first)
//!  ├─────────────────▶ Unknown ── trusted ──▶ as above
//!  └─ up, another key than the pinned one ──▶ Changed: nothing is sent, ever
//! ```
//!
//! A server key is trusted as SSH does it: what an invite named, or what was seen first and a human (or the
//! settings) agreed to. Nothing but the TLS handshake reaches a server before that. The signatures of the account
//! key do not cover the connection, so they survive a reconnect; the login signature covers nothing else.

use std::collections::{BTreeMap, VecDeque};

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::crypto::identity::{self, CLAIM_NAMESPACE, DEVICE_NAMESPACE, DeviceList, entry_hash, login_bytes};
use crate::crypto::ratchet::{Ratchet, device_id};
use crate::drop::Drop;
use crate::id::{Fingerprint, Name};
use crate::limits::DEVICES_MAX;
use crate::time::Wall;
use crate::wire::record::{Auth, Claim, Hello, Register, Signed, Why};
use crate::wire::request::Request;

/// The protocol version of this program.
const VERSION: u16 = 1;

/// What is remembered of a server and of oneself there: the profile row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Profile {
    /// The server's key.
    #[n(0)]
    pub(crate) pin: Option<Fingerprint>,
    /// One's name there.
    #[n(1)]
    pub(crate) name: Option<Name>,
    /// The server has accepted the name and the device.
    #[n(2)]
    pub(crate) registered: bool,
    /// The device's signed entry, made once.
    #[n(3)]
    pub(crate) entry: Option<Signed>,
    /// SHA-256 of that entry.
    #[n(4)]
    pub(crate) list_head: Option<ByteArray<32>>,
    /// The signed claim to the name.
    #[n(5)]
    pub(crate) claim: Option<Signed>,
    /// The last invite token that was presented and taken.
    #[n(6)]
    pub(crate) token_used: Option<ByteArray<16>>,
    /// The server let us in, at any time; it may say later that it does not know us. A version before this one had only
    /// `registered`.
    #[n(7)]
    #[cbor(default)]
    pub(crate) let_in: bool,
}

/// What happens to the login.
#[derive(Debug)]
pub(crate) enum Act<'a> {
    /// A connection with this key is there.
    Up { exporter: [u8; 32], server_key: Fingerprint },
    /// It is gone.
    Down,
    /// A human trusts the key that was shown.
    Trust,
    /// A human chose a name.
    Join(Name),
    /// The account key answered.
    Signed { id: u32, sshsig: Option<Vec<u8>> },
    /// 353 about our own account while registering: the list our entry must follow.
    OwnDevices(&'a [Signed]),
    /// 201.
    LoggedIn(Name),
    /// 360 to a request of this machine.
    Refused(Asked, Why, String),
}

/// Which of our requests a refusal is about, and of which attempt: answers to one that we gave up still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Hello,
    Register(u32),
    Auth(u32),
}

/// What the login wants done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// The profile changed: save it.
    Save,
    /// Send; a refusal comes back under this name.
    Send(Asked, Request),
    /// Have the account key sign.
    Sign { id: u32, namespace: &'static str, bytes: ByteVec },
    /// Connect now.
    Connect,
    /// Close and stay away until a human acts.
    Stop,
    /// Close and come back later.
    Retry,
    /// Tell people.
    Tell(Tell),
    /// Logged in: `first` when the server never let us in before, `invited` when a new token went with the registration.
    In { first: bool, invited: bool },
    /// Count.
    Drop(Drop),
}

/// What people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    KeyUnknown(Fingerprint),
    KeyChanged { pinned: Fingerprint, shown: Fingerprint },
    NameWanted,
    LoggedIn(Name),
    Barred { why: Why, text: String },
    Refused { why: Why, text: String },
}

/// A connection whose server key is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Session {
    exporter: [u8; 32],
    server: Fingerprint,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// No connection.
    Out,
    /// A key was shown that nobody has pinned; the connection may be gone by the time somebody answers.
    Unknown { shown: Fingerprint, session: Option<Session> },
    /// The key is not the pinned one: full stop.
    Changed,
    /// Trusted, but there is no name.
    Nameless(Option<Session>),
    /// The account key is signing our entry, our claim, or both.
    Signing(Option<Session>),
    /// Asked to let us in.
    Asked { session: Session, registering: bool },
    /// In.
    In,
    /// Refused until something changes.
    Barred,
}

/// What the account key was asked to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pending {
    Entry(Vec<u8>),
    Claim(Vec<u8>),
}

/// The login of one client.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) profile: Profile,
    expect: Option<Fingerprint>,
    /// What a person named for this start.
    named: Option<Fingerprint>,
    trust_first: bool,
    token: Option<[u8; 16]>,
    /// The token that was presented on this connection, until it is known what the server says.
    presented: Option<[u8; 16]>,
    account: Fingerprint,
    software: String,
    phase: Phase,
    pending: BTreeMap<u32, Pending>,
    next_sign: u32,
    /// Of 301 and 302; counts up.
    attempt: u32,
    /// Entries made again because the account's list had grown; bounded per connection.
    rebuilt: usize,
    out: VecDeque<Effect>,
}

impl Login {
    pub(crate) fn new(
        mut profile: Profile,
        expect: Option<Fingerprint>,
        named: Option<Fingerprint>,
        trust_first: bool,
        token: Option<[u8; 16]>,
        account: Fingerprint,
        software: String,
    ) -> Self {
        profile.let_in |= profile.registered;
        Self {
            profile,
            expect,
            named,
            trust_first,
            token,
            presented: None,
            account,
            software,
            phase: Phase::Out,
            pending: BTreeMap::new(),
            next_sign: 1,
            attempt: 0,
            rebuilt: 0,
            out: VecDeque::new(),
        }
    }

    pub(crate) fn handle(&mut self, act: Act<'_>, ratchet: &dyn Ratchet, wall: Wall) {
        match act {
            Act::Up { exporter, server_key } => self.up(exporter, server_key, ratchet, wall),
            Act::Down => self.down(),
            Act::Trust => self.trust(ratchet, wall),
            Act::Join(name) => self.join(name, ratchet, wall),
            Act::Signed { id, sshsig } => self.signed(id, sshsig, ratchet, wall),
            Act::OwnDevices(entries) => self.own_devices(entries, ratchet, wall),
            Act::LoggedIn(name) => self.logged_in(name),
            Act::Refused(asked, why, text) => self.refused(asked, why, text, ratchet, wall),
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Effect> {
        self.out.pop_front()
    }

    pub(crate) fn is_in(&self) -> bool {
        self.phase == Phase::In
    }

    /// Whether a human (or the account key) is being waited for, which the server does not do.
    pub(crate) fn waits_for_a_human(&self) -> bool {
        match self.phase {
            Phase::Unknown { .. }
            | Phase::Changed
            | Phase::Nameless(_)
            | Phase::Signing(_)
            | Phase::Barred => true,
            Phase::Out | Phase::Asked { .. } | Phase::In => false,
        }
    }

    /// Whether nothing will ever be sent again.
    pub(crate) fn is_stopped(&self) -> bool {
        self.phase == Phase::Changed
    }

    /// The token of the settings, if it was not used up yet, to be presented now.
    pub(crate) fn take_token(&mut self) -> Option<[u8; 16]> {
        let token = self.token.take()?;
        let used = self.profile.token_used.as_ref().is_some_and(|used| **used == token);
        self.presented = (!used).then_some(token);
        self.presented
    }

    /// What was presented needs not be presented again, at any start.
    pub(crate) fn token_is_used(&mut self) {
        if let Some(token) = self.presented.take() {
            self.profile.token_used = Some(token.into());
            self.out.push_back(Effect::Save);
        }
    }

    /// What was presented may do at another start, once something has changed.
    pub(crate) fn token_is_kept(&mut self) {
        self.presented = None;
    }

    // --- the server's key ---

    fn up(&mut self, exporter: [u8; 32], shown: Fingerprint, ratchet: &dyn Ratchet, wall: Wall) {
        if matches!(self.phase, Phase::Changed | Phase::Barred) {
            return self.out.push_back(Effect::Stop);
        }
        let session = Session { exporter, server: shown };
        self.rebuilt = 0;
        // What an invite or a person names counts beside what was pinned: none is passed over for the other. But who
        // names the very key that is shown has judged it: that is how a server's new key is trusted.
        let known = self.profile.pin.filter(|_| self.named != Some(shown));
        let pins = [known, self.named, self.expect];
        match pins.into_iter().flatten().max_by_key(|pin| *pin != shown) {
            Some(pinned) if pinned != shown => {
                self.phase = Phase::Changed;
                self.tell(Tell::KeyChanged { pinned, shown });
                self.out.push_back(Effect::Stop);
            }
            Some(_) => self.trusted(session, ratchet, wall),
            None if self.trust_first => self.trusted(session, ratchet, wall),
            None => {
                self.phase = Phase::Unknown { shown, session: Some(session) };
                self.tell(Tell::KeyUnknown(shown));
            }
        }
    }

    fn trust(&mut self, ratchet: &dyn Ratchet, wall: Wall) {
        let Phase::Unknown { shown, session } = self.phase.clone() else {
            return self.refuse(Why::BadRequest, "there is no server key to trust");
        };
        self.pin(shown);
        self.phase = Phase::Out;
        match session {
            Some(session) => self.trusted(session, ratchet, wall),
            None => self.out.push_back(Effect::Connect),
        }
    }

    fn pin(&mut self, key: Fingerprint) {
        if self.profile.pin != Some(key) {
            self.profile.pin = Some(key);
            // It names the server by its key: a server with another one takes it for nothing of ours.
            self.profile.claim = None;
            self.out.push_back(Effect::Save);
        }
    }

    fn trusted(&mut self, session: Session, ratchet: &dyn Ratchet, wall: Wall) {
        self.pin(session.server);
        let hello = Hello { versions: vec![VERSION], software: self.software.clone() };
        self.out.push_back(Effect::Send(Asked::Hello, Request::Hello(hello)));
        self.go_on(session, ratchet, wall);
    }

    // --- registration and login ---

    /// Takes the next step of a trusted connection that has said hello.
    fn go_on(&mut self, session: Session, ratchet: &dyn Ratchet, wall: Wall) {
        let Some(name) = self.profile.name.clone() else {
            self.phase = Phase::Nameless(Some(session));
            return self.tell(Tell::NameWanted);
        };
        if self.profile.registered {
            return self.ask(session, &name, false, ratchet);
        }
        if self.profile.entry.is_none() {
            self.want_entry(&DeviceList::new(self.account), ratchet, wall);
        }
        if self.profile.claim.is_none() {
            self.want_claim(session.server, name.clone());
        }
        if !self.pending.is_empty() {
            self.phase = Phase::Signing(Some(session));
            return;
        }
        self.ask(session, &name, true, ratchet);
    }

    fn ask(&mut self, session: Session, name: &Name, registering: bool, ratchet: &dyn Ratchet) {
        self.attempt = self.attempt.wrapping_add(1);
        if registering && let (Some(entry), Some(claim)) = (&self.profile.entry, &self.profile.claim) {
            let token = self.token.map(ByteArray::from);
            let register = Register { entry: entry.clone(), claim: claim.clone(), token };
            self.out.push_back(Effect::Send(
                Asked::Register(self.attempt),
                Request::Register(Box::new(register)),
            ));
        }
        let device = device_id(&ratchet.keys());
        let list_head = self.profile.list_head.unwrap_or(ByteArray::from([0; 32]));
        let login = identity::Login {
            exporter: &session.exporter,
            server: &session.server,
            account: &self.account,
            device,
            list_head: &list_head,
            name,
        };
        let signature = ratchet.sign(&login_bytes(&login)).into();
        let auth = Auth { name: name.clone(), account: self.account, device, list_head, signature };
        self.out.push_back(Effect::Send(Asked::Auth(self.attempt), Request::Auth(Box::new(auth))));
        self.phase = Phase::Asked { session, registering };
    }

    fn want_entry(&mut self, list: &DeviceList, ratchet: &dyn Ratchet, wall: Wall) {
        if self.pending.values().any(|p| matches!(p, Pending::Entry(_))) {
            return;
        }
        let bytes = identity::entry_bytes(&list.addition(&ratchet.keys(), wall.0));
        self.sign(DEVICE_NAMESPACE, Pending::Entry(bytes.clone()), bytes);
    }

    fn want_claim(&mut self, server: Fingerprint, name: Name) {
        if self.pending.values().any(|p| matches!(p, Pending::Claim(_))) {
            return;
        }
        let bytes = identity::claim_bytes(&Claim { server, name });
        self.sign(CLAIM_NAMESPACE, Pending::Claim(bytes.clone()), bytes);
    }

    fn sign(&mut self, namespace: &'static str, pending: Pending, bytes: Vec<u8>) {
        let id = self.next_sign;
        self.next_sign += 1;
        self.pending.insert(id, pending);
        self.out.push_back(Effect::Sign { id, namespace, bytes: bytes.into() });
    }

    fn signed(&mut self, id: u32, sshsig: Option<Vec<u8>>, ratchet: &dyn Ratchet, wall: Wall) {
        let Some(pending) = self.pending.remove(&id) else {
            return self.out.push_back(Effect::Drop(Drop::OutOfTurn));
        };
        let Some(sshsig) = sshsig else {
            self.pending.clear();
            let text = "the account key did not sign; check the key and connect again";
            return self.bar(Why::BadSignature, text.into());
        };
        match pending {
            Pending::Entry(bytes) => {
                let entry = Signed { bytes: bytes.into(), sshsig: sshsig.into() };
                self.profile.list_head = Some(entry_hash(&entry).into());
                self.profile.entry = Some(entry);
            }
            Pending::Claim(bytes) => {
                self.profile.claim = Some(Signed { bytes: bytes.into(), sshsig: sshsig.into() });
            }
        }
        self.out.push_back(Effect::Save);
        let Phase::Signing(session) = self.phase else { return };
        match session {
            _ if !self.pending.is_empty() => {}
            Some(session) => self.go_on(session, ratchet, wall),
            None => {
                self.phase = Phase::Out;
                self.out.push_back(Effect::Connect);
            }
        }
    }

    /// The account has devices already: our entry must follow the last of them.
    fn own_devices(&mut self, entries: &[Signed], ratchet: &dyn Ratchet, wall: Wall) {
        let Phase::Asked { session, registering: true } = self.phase else {
            return self.out.push_back(Effect::Drop(Drop::OutOfTurn));
        };
        if self.rebuilt >= DEVICES_MAX {
            return self.out.push_back(Effect::Drop(Drop::Flood));
        }
        // Only the account key's holder could have written it, so a server cannot make us sign behind what is not ours. It
        // can leave out the end.
        let Ok(list) = DeviceList::verify(self.account, entries) else {
            return self.out.push_back(Effect::Drop(Drop::Forged));
        };
        self.rebuilt += 1;
        self.profile.entry = None;
        self.want_entry(&list, ratchet, wall);
        self.phase = Phase::Signing(Some(session));
    }

    fn join(&mut self, name: Name, ratchet: &dyn Ratchet, wall: Wall) {
        let known = self.profile.name.as_ref();
        if self.profile.registered && known.is_some_and(|k| *k != name) {
            let text = format!(
                "this profile is {} here; to be {name}, use another profile",
                known.map_or("known", Name::as_str)
            );
            return self.refuse(Why::LoggedIn, &text);
        }
        if known != Some(&name) {
            self.profile.name = Some(name);
            self.profile.claim = None;
            self.pending.retain(|_, p| matches!(p, Pending::Entry(_)));
            self.out.push_back(Effect::Save);
        }
        match self.phase {
            Phase::Nameless(Some(session)) | Phase::Signing(Some(session)) => {
                self.go_on(session, ratchet, wall)
            }
            Phase::Nameless(None) | Phase::Signing(None) | Phase::Barred => {
                self.phase = Phase::Out;
                self.out.push_back(Effect::Connect);
            }
            Phase::Out | Phase::Unknown { .. } | Phase::Changed | Phase::Asked { .. } | Phase::In => {}
        }
    }

    fn logged_in(&mut self, name: Name) {
        let Phase::Asked { registering, .. } = self.phase else {
            return self.out.push_back(Effect::Drop(Drop::OutOfTurn));
        };
        if self.profile.name.as_ref() != Some(&name) {
            return self.out.push_back(Effect::Drop(Drop::Impostor));
        }
        self.phase = Phase::In;
        let first = !core::mem::replace(&mut self.profile.let_in, true);
        let token = self.token.filter(|_| registering).map(ByteArray::from);
        let invited = token.is_some() && token != self.profile.token_used;
        if registering {
            self.profile.registered = true;
            self.profile.token_used = self.token.take().map(ByteArray::from).or(self.profile.token_used);
            self.out.push_back(Effect::Save);
        }
        self.tell(Tell::LoggedIn(name));
        self.out.push_back(Effect::In { first, invited });
    }

    fn refused(&mut self, asked: Asked, why: Why, text: String, ratchet: &dyn Ratchet, wall: Wall) {
        let Phase::Asked { session, registering } = self.phase else { return };
        let current = match asked {
            Asked::Hello => true,
            Asked::Register(attempt) | Asked::Auth(attempt) => attempt == self.attempt,
        };
        if !current {
            return;
        }
        match (asked, why) {
            // The device is there already: the 302 behind this 301 decides.
            (Asked::Register(_), Why::Already) => {}
            (Asked::Auth(_), Why::NotRegistered) if !registering => {
                self.profile.registered = false;
                self.go_on(session, ratchet, wall);
            }
            // It may pass by itself. Until then whoever waits reads what for; a limit is for others to lift.
            (_, Why::TooFast | Why::Internal) => {
                self.phase = Phase::Out;
                self.refuse(why, &text);
                self.out.push_back(Effect::Retry);
            }
            (Asked::Hello | Asked::Register(_) | Asked::Auth(_), why) => self.bar(why, text),
        }
    }

    fn down(&mut self) {
        // Nobody knows whether it arrived, and twice does no harm.
        self.token = self.presented.take().or(self.token);
        self.phase = match self.phase.clone() {
            Phase::Out | Phase::Asked { .. } | Phase::In => Phase::Out,
            Phase::Unknown { shown, .. } => Phase::Unknown { shown, session: None },
            Phase::Nameless(_) => Phase::Nameless(None),
            Phase::Signing(_) => Phase::Signing(None),
            Phase::Changed => Phase::Changed,
            Phase::Barred => Phase::Barred,
        };
    }

    /// A human asks for another try.
    pub(crate) fn retry(&mut self) {
        if self.phase == Phase::Barred {
            self.phase = Phase::Out;
        }
    }

    fn bar(&mut self, why: Why, text: String) {
        self.phase = Phase::Barred;
        self.tell(Tell::Barred { why, text });
        self.out.push_back(Effect::Stop);
    }

    fn refuse(&mut self, why: Why, text: &str) {
        self.tell(Tell::Refused { why, text: text.into() });
    }

    fn tell(&mut self, tell: Tell) {
        self.out.push_back(Effect::Tell(tell));
    }
}
