//! The client against a server that lies: what it drops, what it never does, and that nothing grows.

use core::net::SocketAddr;

use minicbor::bytes::ByteArray;

use super::*;
use crate::crypto::envelope::{Body, CODEC_OPUS, End, Envelope, Heads, Offer, roster_hash};
use crate::crypto::identity::{AccountKey, DEVICE_NAMESPACE, DeviceList, entry_bytes, entry_hash};
use crate::crypto::standin::Standin;
use crate::id::{CallId, MsgId, Name, Principal, RelayId, Ssrc};
use crate::limits::{PEER_QUESTIONS, SESSION_WAIT_MAX};
use crate::time::Wall;
use crate::wire::record::{
    CallMailFrom, CallState, Contact, Devices, Grant, MailFrom, Member, MemberState, Prekey, PrekeyFor,
    Presence, Refused, ServerHello, Signed, Standing, Why,
};
use crate::wire::{Party, Reply, Request, decode_request, encode_reply};

mod consent;
mod dull;
mod greeting;
mod hostile;
mod many;
mod parting;
mod plain;
mod prekeys;
mod trust;
mod words;

const SERVER: Fingerprint = Fingerprint([0x5e; 32]);
const CALL: CallId = CallId([0xca; 16]);

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A friend's end: an account, a device and its signed list.
struct Friend {
    key: AccountKey,
    device: Standin,
    entries: Vec<Signed>,
}

impl Friend {
    fn new(seed: u8) -> Self {
        let (key, device) = (AccountKey::from_seed(&[seed; 32], "friend"), Standin::new([seed; 32]));
        let list = DeviceList::new(key.fingerprint());
        let entries = vec![sign_entry(&key, &list, &device)];
        Self { key, device, entries }
    }

    fn end(&self) -> End {
        End { account: self.key.fingerprint(), device: device_id(&self.device.keys()) }
    }

    fn principal(&self) -> Principal {
        Principal::Key(self.key.fingerprint())
    }

    fn list(&self) -> Reply {
        Reply::Devices(Devices { principal: self.principal(), entries: self.entries.clone() })
    }

    fn contact(&self, standing: Standing) -> Contact {
        Contact {
            principal: self.principal(),
            name: name("bob"),
            standing,
            presence: Presence::Online,
            list_head: self.entries.last().map(|entry| entry_hash(entry).into()),
            via_token: None,
        }
    }
}

fn sign_entry(key: &AccountKey, list: &DeviceList, device: &Standin) -> Signed {
    let bytes = entry_bytes(&list.addition(&device.keys(), 1));
    let sshsig = key.sign(DEVICE_NAMESPACE, &bytes);
    Signed { bytes: bytes.into(), sshsig: sshsig.into() }
}

/// A client, and a server that says whatever a test wants.
struct Stage {
    client: Client,
    own: AccountKey,
    bob: Friend,
    now: Now,
    out: Vec<Output>,
    /// What the client said, decoded.
    asked: Vec<Request>,
    splitter: Splitter,
    /// The keys that the client published.
    prekeys: Vec<Prekey>,
}

impl Stage {
    fn new() -> Self {
        let own = AccountKey::from_seed(&[1; 32], "alice");
        let settings = Settings {
            expect: None,
            pin: None,
            trust_first: true,
            token: None,
            account: own.fingerprint(),
            software: "test".into(),
        };
        let now = Now::at(Time::secs(1), Wall(1_800_000_000_000));
        let ratchet = Box::new(Standin::new([1; 32]));
        let client = Client::new(settings, ratchet, Vec::new(), Rng::new([1; 32]), now);
        let (bob, splitter) = (Friend::new(2), Splitter::full());
        let mut stage =
            Self { client, own, bob, now, out: Vec::new(), asked: Vec::new(), splitter, prekeys: Vec::new() };
        stage.drain();
        stage
    }

    fn logged_in() -> Self {
        let mut stage = Self::registering();
        stage.hear(&Reply::Contacts(Vec::new()));
        let Some(Request::Prekeys(published)) = stage.asked.iter().find(|r| matches!(r, Request::Prekeys(_)))
        else {
            panic!("no 303 after login")
        };
        stage.prekeys = published.one_time.clone();
        stage.forget();
        stage
    }

    /// Let in for the first time, and the server has not told yet who is a contact already.
    fn registering() -> Self {
        let mut stage = Self::new();
        stage.input(Input::Command(Command::Join(name("alice"))));
        let peer: SocketAddr = "198.51.100.1:8462".parse().unwrap();
        stage.input(Input::LinkUp(LinkUp { exporter: [3; 32], server_key: SERVER, peer }));
        let software = "test".into();
        let hello =
            ServerHello { version: 1, software, udp_port: 8462, payload_max: 65_536, invite_only: false };
        stage.hear(&Reply::Hello(hello));
        stage.hear(&Reply::LoggedIn(name("alice")));
        stage
    }

    /// Logged in, with bob as a contact and a session in both directions.
    fn with_bob() -> Self {
        let mut stage = Self::logged_in();
        stage.befriend();
        stage.hear_list();
        stage.start_session();
        stage
    }

    fn befriend(&mut self) {
        self.input(Input::Command(Command::Add(name("bob"))));
        for standing in [Standing::Asked, Standing::Mutual] {
            let contact = self.bob.contact(standing);
            self.hear(&Reply::Contact(Box::new(contact)));
        }
    }

    fn hear_list(&mut self) {
        let list = self.bob.list();
        self.hear(&list);
        let (one_time, _) = self.bob.device.prekeys();
        let (principal, device) = (self.bob.principal(), self.bob.end().device);
        self.hear(&Reply::Prekey(PrekeyFor { principal, device, prekey: one_time.first().cloned() }));
        self.forget();
    }

    fn start_session(&mut self) {
        let keys = self.client.ratchet.keys();
        self.bob.device.start(self.own_end().device, keys, &self.prekeys[0].key).unwrap();
    }

    fn own_end(&self) -> End {
        End { account: self.own.fingerprint(), device: device_id(&self.client.ratchet.keys()) }
    }

    // --- saying and hearing ---

    fn input(&mut self, input: Input<'_>) {
        self.client.handle(input, self.now);
        self.drain();
    }

    fn hear(&mut self, reply: &Reply) {
        let mut bytes = Vec::new();
        encode_reply(reply, &mut bytes);
        self.input(Input::Bytes(&bytes));
    }

    fn wait(&mut self, span: core::time::Duration) {
        self.now.mono += span;
        self.input(Input::Timeout);
    }

    fn drain(&mut self) {
        while let Some(out) = self.client.poll() {
            match &out {
                Output::Stream(bytes) => {
                    let mut bytes = bytes.as_slice();
                    while let Ok(Some(frame)) = self.splitter.next(&mut bytes) {
                        self.asked.push(decode_request(frame.code, &frame.payload).unwrap());
                    }
                }
                Output::Sign { id, namespace, bytes } => {
                    let sshsig = Some(self.own.sign(namespace, bytes));
                    self.client.handle(Input::Signed { id: *id, sshsig }, self.now);
                }
                Output::Save(_)
                | Output::Agent(_)
                | Output::Event(_)
                | Output::Connect
                | Output::Disconnect
                | Output::Drop(_) => {}
            }
            self.out.push(out);
        }
        self.client.check().unwrap();
    }

    fn forget(&mut self) {
        self.out.clear();
        self.asked.clear();
    }

    fn drops(&self) -> Vec<Drop> {
        let why = |out: &Output| if let Output::Drop(why) = out { Some(*why) } else { None };
        self.out.iter().filter_map(why).collect()
    }

    fn events(&self) -> Vec<Event> {
        let told = |out: &Output| if let Output::Event(event) = out { Some(event.clone()) } else { None };
        self.out.iter().filter_map(told).collect()
    }

    fn told_agent(&self) -> Vec<CallCommand> {
        let told = |out: &Output| if let Output::Agent(command) = out { Some(command.clone()) } else { None };
        self.out.iter().filter_map(told).collect()
    }

    // --- bob's words ---

    fn envelope(&self, msg: u8, body: Body) -> Envelope {
        let heads = Heads { from: ByteArray::from([0; 32]), to: ByteArray::from([0; 32]) };
        let (from, to) = (self.bob.end(), self.own_end());
        Envelope { msg: MsgId([msg; 16]), from, to, seq: 1, sent: Wall(5), heads, body }
    }

    fn mail(&mut self, envelope: &Envelope) -> MailFrom {
        let to = self.own_end().device;
        let sealed = self.bob.device.seal(to, &envelope.encode().unwrap()).unwrap();
        MailFrom { id: envelope.msg, from: self.bob.principal(), device: self.bob.end().device, sealed }
    }

    fn call_mail(&mut self, body: Body) -> CallMailFrom {
        let envelope = self.envelope(0x77, body);
        let MailFrom { from, device, sealed, .. } = self.mail(&envelope);
        CallMailFrom { call: CALL, from, device, sealed, held_ms: 0 }
    }

    fn bob_says(&mut self, body: Body) {
        let mail = self.call_mail(body);
        self.hear(&Reply::CallMail(mail));
    }

    fn grant(&self) -> Reply {
        let end = self.bob.end();
        let member = Member {
            principal: self.bob.principal(),
            name: name("bob"),
            ssrc: Ssrc(2),
            device: Some(end.device),
        };
        Reply::Grant(Box::new(Grant {
            call: CALL,
            relay: RelayId(9),
            ssrc: Ssrc(1),
            expiry: 1_800_000_600,
            ticket: [4; 32].into(),
            members: vec![member],
            plain: false,
        }))
    }

    fn rung(&self) -> Reply {
        Reply::CallRequest(Party { name: name("bob"), address: "198.51.100.1".into() })
    }

    fn offer(&self) -> Body {
        let accounts = [self.own.fingerprint(), self.bob.key.fingerprint()];
        let roster = roster_hash(CALL, &accounts);
        Body::Offer(Offer { call: CALL, codecs: vec![CODEC_OPUS], frames_ms: vec![20], roster })
    }

    fn ringing() -> Self {
        let mut stage = Self::with_bob();
        let (rung, grant, offer) = (stage.rung(), stage.grant(), stage.offer());
        stage.hear(&rung);
        stage.hear(&grant);
        stage.bob_says(offer);
        stage
    }
}
