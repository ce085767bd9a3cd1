//! The hub from outside: frames in, frames out, on a clock that only these tests move.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks the replies it is about")]

use std::collections::BTreeMap;

use core::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use minicbor::bytes::ByteArray;

use super::*;
use crate::crypto::identity::{
    AccountKey, CLAIM_NAMESPACE, DEVICE_NAMESPACE, DeviceList, Login, claim_bytes, entry_bytes, login_bytes,
    sha256,
};
use crate::crypto::ratchet::{DeviceKeys, device_id};
use crate::id::{DeviceId, Name, Principal};
use crate::time::Wall;
use crate::wire::record::*;
use crate::wire::{Splitter, decode_reply, encode_request};

mod calls;
mod doors;
mod full;
mod greetings;
mod guests;
mod house;
mod many;
mod people;
mod plain;
mod prekeys;
mod storm;
mod table;

const SERVER: Fingerprint = Fingerprint([0x5e; 32]);
const EPOCH: Wall = Wall(1_800_000_000_000);

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// Somebody with an account key and one device.
struct Person {
    name: Name,
    account: AccountKey,
    device: Ed25519KeyPair,
    keys: DeviceKeys,
    list: DeviceList,
    entry: Signed,
}

impl Person {
    fn new(text: &str) -> Self {
        let account = AccountKey::from_seed(&sha256(text.as_bytes()), text);
        let list = DeviceList::new(account.fingerprint());
        Self::with(text, account, text, list)
    }

    /// Another device of the same account.
    fn second(&self, label: &str) -> Self {
        let account = AccountKey::from_seed(&sha256(self.name.as_str().as_bytes()), "");
        Self::with(self.name.as_str(), account, label, self.list.clone())
    }

    fn with(text: &str, account: AccountKey, label: &str, mut list: DeviceList) -> Self {
        let device =
            Ed25519KeyPair::from_seed_unchecked(&sha256(format!("device {label}").as_bytes())).unwrap();
        let ed25519 = device.public_key().as_ref().try_into().unwrap();
        let keys = DeviceKeys { ed25519, curve25519: sha256(label.as_bytes()) };
        let bytes = entry_bytes(&list.addition(&keys, 0));
        let sshsig = account.sign(DEVICE_NAMESPACE, &bytes);
        let entry = Signed { bytes: bytes.into(), sshsig: sshsig.into() };
        list.append(&entry).unwrap();
        Self { name: name(text), account, device, keys, list, entry }
    }

    fn key(&self) -> Fingerprint {
        self.account.fingerprint()
    }

    fn principal(&self) -> Principal {
        Principal::Key(self.key())
    }

    fn id(&self) -> DeviceId {
        device_id(&self.keys)
    }

    fn register(&self, token: Option<[u8; 16]>) -> Request {
        let bytes = claim_bytes(&Claim { server: SERVER, name: self.name.clone() });
        let sshsig = self.account.sign(CLAIM_NAMESPACE, &bytes);
        let claim = Signed { bytes: bytes.into(), sshsig: sshsig.into() };
        Request::Register(Box::new(Register {
            entry: self.entry.clone(),
            claim,
            token: token.map(ByteArray::from),
        }))
    }

    fn auth(&self, conn: ConnId) -> Request {
        let (account, list_head) = (self.key(), self.list.head());
        let bytes = login_bytes(&Login {
            exporter: &exporter(conn),
            server: &SERVER,
            account: &account,
            device: self.id(),
            list_head: &list_head,
            name: &self.name,
        });
        let mut signature = [0; 64];
        signature.copy_from_slice(self.device.sign(&bytes).as_ref());
        Request::Auth(Box::new(Auth {
            name: self.name.clone(),
            account,
            device: self.id(),
            list_head: list_head.into(),
            signature: signature.into(),
        }))
    }
}

fn exporter(conn: ConnId) -> [u8; 32] {
    sha256(&conn.0.to_be_bytes())
}

fn hello() -> Request {
    Request::Hello(Hello { versions: vec![1], software: "test".into() })
}

/// A hub, its store, and the far ends of its connections.
struct World {
    hub: Hub,
    store: Mem,
    now: Time,
    next: u64,
    ends: BTreeMap<ConnId, (Splitter, Vec<Reply>)>,
    /// What plain connections got, one entry for each write.
    plain: BTreeMap<ConnId, Vec<(Time, Vec<u8>)>>,
    closed: BTreeMap<ConnId, Drop>,
    drops: Vec<Drop>,
    relay: Vec<Change>,
    /// How often the operator was told that there are as many accounts as there may be.
    full: usize,
}

fn settings() -> Settings {
    Settings {
        server_key: SERVER,
        relay_key: [9; 32],
        udp_port: 8462,
        public: ("tincan.example".into(), 8462),
        invite_only: false,
        software: "tincand test".into(),
        house: None,
        limits: Limits::default(),
    }
}

impl World {
    fn new() -> Self {
        Self::with(settings())
    }

    fn with(settings: Settings) -> Self {
        let now = Time::secs(1);
        Self {
            hub: Hub::new(settings, Rng::new([1; 32]), Now::at(now, EPOCH)),
            store: Mem::default(),
            now,
            next: 1,
            ends: BTreeMap::new(),
            plain: BTreeMap::new(),
            closed: BTreeMap::new(),
            drops: Vec::new(),
            relay: Vec::new(),
            full: 0,
        }
    }

    fn now(&self) -> Now {
        Now::at(self.now, EPOCH)
    }

    fn input(&mut self, input: Input<'_>) {
        let now = self.now();
        self.hub.handle(input, now, &mut self.store);
        while let Some(output) = self.hub.poll() {
            match output {
                Output::Stream(conn, bytes) => self.hear(conn, &bytes),
                Output::Close(conn, why) => {
                    self.closed.insert(conn, why);
                }
                Output::Relay(change) => self.relay.push(change),
                Output::Drop(why) => self.drops.push(why),
                Output::Admitted(_) => {}
                Output::AccountsFull => self.full += 1,
            }
        }
        assert_eq!(self.hub.check(), Ok(()));
    }

    fn hear(&mut self, conn: ConnId, bytes: &[u8]) {
        assert!(!self.closed.contains_key(&conn), "nothing is said to a closed connection");
        if let Some(writes) = self.plain.get_mut(&conn) {
            return writes.push((self.now, bytes.to_vec()));
        }
        let (splitter, heard) = self.ends.get_mut(&conn).unwrap();
        let mut input = bytes;
        while let Some(frame) = splitter.next(&mut input).unwrap() {
            heard.push(decode_reply(frame.code, &frame.payload).unwrap());
        }
    }

    fn open(&mut self) -> ConnId {
        let conn = ConnId(self.next);
        self.next += 1;
        self.ends.insert(conn, (Splitter::full(), Vec::new()));
        let from = format!("10.1.{}.2:5000", conn.0 % 200).parse().unwrap();
        let at = "[::ffff:192.0.2.1]:8462".parse().unwrap();
        let exporter = Some(exporter(conn));
        self.input(Input::Opened { conn, dialect: Dialect::Native, from, at, exporter });
        conn
    }

    fn send(&mut self, conn: ConnId, request: &Request) {
        let mut bytes = Vec::new();
        encode_request(request, &mut bytes);
        self.input(Input::Bytes(conn, &bytes));
    }

    /// Sends, and returns what this connection heard since it was last asked.
    fn ask(&mut self, conn: ConnId, request: &Request) -> Vec<Reply> {
        self.heard(conn);
        self.send(conn, request);
        self.heard(conn)
    }

    fn heard(&mut self, conn: ConnId) -> Vec<Reply> {
        core::mem::take(&mut self.ends.get_mut(&conn).unwrap().1)
    }

    /// Why the request is refused; nothing else may be said.
    fn refused(&mut self, conn: ConnId, request: &Request) -> Why {
        let heard = self.ask(conn, request);
        let [Reply::Refused(refused)] = heard.as_slice() else { panic!("not a refusal: {heard:?}") };
        assert!(!refused.text.is_empty());
        refused.why
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.hub.deadline().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.input(Input::Timeout);
            assert!(self.hub.deadline().is_none_or(|next| next > due), "a deadline that passed is gone");
        }
        self.now = end;
    }

    fn login(&mut self, person: &Person) -> ConnId {
        let conn = self.open();
        self.send(conn, &hello());
        self.send(conn, &person.auth(conn));
        let heard = self.heard(conn);
        assert!(heard.contains(&Reply::LoggedIn(person.name.clone())), "{heard:?}");
        conn
    }

    /// Registers and logs in.
    fn join(&mut self, person: &Person) -> ConnId {
        let conn = self.open();
        self.send(conn, &hello());
        self.send(conn, &person.register(None));
        self.send(conn, &person.auth(conn));
        let heard = self.heard(conn);
        assert!(heard.contains(&Reply::LoggedIn(person.name.clone())), "{heard:?}");
        conn
    }

    fn close(&mut self, conn: ConnId) {
        self.ends.remove(&conn);
        self.plain.remove(&conn);
        self.input(Input::Closed(conn));
    }

    /// The same disk, another process with another seed.
    fn restart(&mut self) {
        let settings = self.hub.settings.clone();
        self.next += 1;
        self.hub = Hub::new(settings, Rng::new(sha256(&self.next.to_be_bytes())), self.now());
        self.ends.clear();
        self.plain.clear();
        self.closed.clear();
    }

    /// Two who are contacts already.
    fn friends(&mut self, a: &Person, b: &Person) -> (ConnId, ConnId) {
        let (at_a, at_b) = (self.join(a), self.join(b));
        self.send(at_a, &Request::Add(b.name.clone()));
        self.send(at_b, &Request::Accept(a.name.clone()));
        self.wait(Duration::from_secs(1));
        self.heard(at_a);
        self.heard(at_b);
        (at_a, at_b)
    }
}

/// Replies by what matters of them.
fn contact(reply: &Reply) -> Option<(String, Standing, Presence)> {
    match reply {
        Reply::Contact(c) => Some((c.name.to_string(), c.standing, c.presence)),
        _ => None,
    }
}

fn grant(replies: &[Reply]) -> Grant {
    let grant = replies.iter().find_map(|reply| match reply {
        Reply::Grant(grant) => Some((**grant).clone()),
        _ => None,
    });
    grant.expect("a 358 was said")
}

fn states(replies: &[Reply]) -> Vec<(String, MemberState)> {
    let state = |reply: &Reply| match reply {
        Reply::CallState(s) => Some((s.name.to_string(), s.state)),
        _ => None,
    };
    replies.iter().filter_map(state).collect()
}

/// Who is said to be in, and on which device.
fn joined(replies: &[Reply]) -> Vec<(String, Option<DeviceId>)> {
    let joined = |reply: &Reply| match reply {
        Reply::CallState(s) if s.state == MemberState::Joined => Some((s.name.to_string(), s.device)),
        _ => None,
    };
    replies.iter().filter_map(joined).collect()
}
