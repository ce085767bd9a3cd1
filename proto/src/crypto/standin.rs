//! The simulator's ratchet. **This is no cryptography**: whoever knows the public keys can open everything.
//!
//! It exists because the real one draws its own randomness, so that a run could not be repeated. All it does comes
//! from its seed; its messages have the real one's sizes; and it refuses what the real one refuses (another's
//! message, a replay, a changed byte, a key used up), so that tests over it mean something. What is sealed does
//! not show its plaintext, so that the simulator can look for plaintext on the wire.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::crypto::eras::Eras;
use crate::crypto::mac::{equal, hmac_sha256};
use crate::crypto::olm::BadState;
use crate::crypto::ratchet::{DeviceKeys, Ratchet, RatchetError, RatchetState, device_id, prekey_bytes};
use crate::crypto::sessions::{Forgotten, SessionName, Sessions};
use crate::id::DeviceId;
use crate::limits::PREKEYS_MAX;
use crate::rng::Rng;
use crate::time::Wall;
use crate::wire::record::{Prekey, Sealed};

/// One simulated device's account and sessions.
#[derive(Debug)]
pub struct Standin {
    signer: Ed25519KeyPair,
    account: AccountRow,
    rng: Rng,
    sessions: BTreeMap<DeviceId, Sessions<Session>>,
    account_changed: bool,
    sessions_changed: BTreeSet<DeviceId>,
}

#[derive(Debug, Encode, Decode)]
#[cbor(map)]
struct AccountRow {
    #[n(0)]
    seed: ByteArray<32>,
    #[n(1)]
    curve25519: ByteArray<32>,
    #[n(2)]
    eras: Eras<Published>,
    #[n(3)]
    forgotten: Forgotten,
    /// Sessions started and keys made, so that a restored device does not draw the same ones again.
    #[n(4)]
    drawn: u64,
}

/// The keys of one era.
#[derive(Debug, Default, Encode, Decode)]
#[cbor(map)]
struct Published {
    #[n(0)]
    one_time: Vec<ByteArray<32>>,
    #[n(1)]
    fallback: Option<ByteArray<32>>,
}

#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
struct Session {
    #[n(0)]
    first: FirstKeys,
    #[n(1)]
    initiator: bool,
    #[n(2)]
    sent: u32,
    /// The next number expected from the other side.
    #[n(3)]
    expected: u32,
    #[n(4)]
    skipped: Vec<u32>,
    #[n(5)]
    heard: bool,
}

/// What a first message carries: what the session is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct FirstKeys {
    #[n(0)]
    identity: ByteArray<32>,
    #[n(1)]
    base: ByteArray<32>,
    #[n(2)]
    prekey: ByteArray<32>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct SessionsRow {
    #[n(0)]
    list: Vec<Session>,
    #[n(1)]
    names: Vec<SessionName>,
}

impl Standin {
    /// A new device. The same seed makes the same device, to the byte.
    pub fn new(seed: [u8; 32]) -> Self {
        let curve25519 = Rng::new(seed).child("identity").bytes::<32>().into();
        let (eras, forgotten) = (Eras::new(Published::default()), Forgotten::default());
        Self::of(AccountRow { seed: seed.into(), curve25519, eras, forgotten, drawn: 0 }, true)
    }

    /// The device as it was saved.
    ///
    /// # Errors
    /// [`BadState`], also when there is no account among `saved`.
    pub fn restore(saved: &[RatchetState]) -> Result<Self, BadState> {
        let account = saved.iter().find(|state| state.peer.is_none()).ok_or(BadState)?;
        let mut standin = Self::of(minicbor::decode(&account.bytes).map_err(|_| BadState)?, false);
        for state in saved.iter().filter(|state| !state.bytes.is_empty()) {
            if let Some(device) = state.peer {
                let row: SessionsRow = minicbor::decode(&state.bytes).map_err(|_| BadState)?;
                standin.sessions.insert(device, Sessions::new(row.list, row.names));
            }
        }
        Ok(standin)
    }

    fn of(account: AccountRow, account_changed: bool) -> Self {
        let signer =
            Ed25519KeyPair::from_seed_unchecked(&*account.seed).expect("any 32 bytes are an Ed25519 seed");
        let rng = Rng::new(sha256(&[account.seed.as_slice(), &account.drawn.to_be_bytes()]));
        let (sessions, sessions_changed) = (BTreeMap::new(), BTreeSet::new());
        Self { signer, account, rng, sessions, account_changed, sessions_changed }
    }

    fn draw(&mut self) -> ByteArray<32> {
        self.account.drawn += 1;
        self.account_changed = true;
        self.rng.bytes().into()
    }

    fn signed(&self, key: ByteArray<32>) -> Prekey {
        let signature = self.sign(&prekey_bytes(device_id(&self.keys()), &key)).into();
        Prekey { key, signature }
    }

    fn open_first(
        &mut self,
        device: DeviceId,
        keys: DeviceKeys,
        first: FirstKeys,
        message: &[u8],
    ) -> Result<Vec<u8>, RatchetError> {
        let name = first.name();
        if let Some(sessions) = self.sessions.get_mut(&device)
            && (sessions.was_made(&name) || sessions.list().iter().any(|s| s.first == first))
        {
            let opened = sessions.find_map(|s| (s.first == first).then(|| s.open(message))?);
            return opened.ok_or(RatchetError::Undecryptable);
        }
        if self.account.forgotten.was_made(&name) {
            return Err(RatchetError::Undecryptable);
        }
        let mut eras = self.account.eras.each();
        let known =
            eras.find(|(_, k)| k.fallback == Some(first.prekey) || k.one_time.contains(&first.prekey));
        let Some((era, published)) = known.filter(|_| *first.identity == keys.curve25519) else {
            return Err(RatchetError::Undecryptable);
        };
        let mut session = Session::new(first, false);
        let opened = session.open(message).ok_or(RatchetError::Undecryptable)?;
        published.one_time.retain(|key| *key != first.prekey);
        let sessions = self.sessions.entry(device).or_default();
        sessions.adopt(session);
        sessions.note(SessionName { hash: name.into(), era });
        self.account_changed = true;
        Ok(opened)
    }

    fn session_state(&self, device: DeviceId) -> RatchetState {
        let row = self
            .sessions
            .get(&device)
            .map(|sessions| SessionsRow { list: sessions.list().to_vec(), names: sessions.names().to_vec() });
        RatchetState { peer: Some(device), bytes: row.map(|row| to_cbor(&row)).unwrap_or_default() }
    }
}

impl Ratchet for Standin {
    fn keys(&self) -> DeviceKeys {
        let mut ed25519 = [0; 32];
        ed25519.copy_from_slice(self.signer.public_key().as_ref());
        DeviceKeys { ed25519, curve25519: self.account.curve25519.into() }
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.signer.sign(bytes).as_ref());
        signature
    }

    fn age(&mut self, wall: Wall) {
        if self.account.eras.age(wall, core::mem::take) {
            self.account.forgotten.let_go(self.account.eras.oldest());
            self.account_changed = true;
        }
    }

    fn prekeys(&mut self) -> (Vec<Prekey>, Prekey) {
        while self.account.eras.current.one_time.len() < PREKEYS_MAX {
            let key = self.draw();
            self.account.eras.current.one_time.push(key);
        }
        let fallback = match self.account.eras.current.fallback {
            Some(key) => key,
            None => self.draw(),
        };
        self.account.eras.current.fallback = Some(fallback);
        let one_time = self.account.eras.current.one_time.iter().map(|key| self.signed(*key)).collect();
        (one_time, self.signed(fallback))
    }

    fn has_session(&self, device: DeviceId) -> bool {
        self.sessions.get(&device).is_some_and(|sessions| !sessions.list().is_empty())
    }

    fn start(&mut self, device: DeviceId, _: DeviceKeys, prekey: &[u8; 32]) -> Result<(), RatchetError> {
        // As the real one: a key that contributes nothing makes no session.
        if *prekey == [0; 32] {
            return Err(RatchetError::BadKey);
        }
        let first =
            FirstKeys { identity: self.account.curve25519, base: self.draw(), prekey: (*prekey).into() };
        self.sessions.entry(device).or_default().adopt(Session::new(first, true));
        self.sessions_changed.insert(device);
        Ok(())
    }

    fn seal(&mut self, device: DeviceId, plaintext: &[u8]) -> Result<Sealed, RatchetError> {
        let session =
            self.sessions.get_mut(&device).and_then(Sessions::first).ok_or(RatchetError::NoSession)?;
        self.sessions_changed.insert(device);
        Ok(session.seal(plaintext))
    }

    fn open(&mut self, device: DeviceId, keys: DeviceKeys, sealed: &Sealed) -> Result<Vec<u8>, RatchetError> {
        let opened = match sealed.kind {
            FIRST => {
                let (first, message) = FirstKeys::split(&sealed.bytes).ok_or(RatchetError::Undecryptable)?;
                self.open_first(device, keys, first, message)?
            }
            NORMAL => {
                let sessions = self.sessions.get_mut(&device).ok_or(RatchetError::NoSession)?;
                let opened = sessions.find_map(|session| session.open(&sealed.bytes));
                opened.ok_or(RatchetError::Undecryptable)?
            }
            _ => return Err(RatchetError::Undecryptable),
        };
        self.sessions_changed.insert(device);
        Ok(opened)
    }

    fn forget(&mut self, device: DeviceId) {
        if let Some(sessions) = self.sessions.remove(&device) {
            let oldest = self.account.eras.oldest();
            self.account_changed |= self.account.forgotten.keep(sessions.names(), oldest);
            self.sessions_changed.insert(device);
        }
    }

    fn take_changes(&mut self) -> Vec<RatchetState> {
        let account = core::mem::take(&mut self.account_changed)
            .then(|| RatchetState { peer: None, bytes: to_cbor(&self.account) });
        let devices = core::mem::take(&mut self.sessions_changed);
        account.into_iter().chain(devices.into_iter().map(|device| self.session_state(device))).collect()
    }
}

impl Session {
    fn new(first: FirstKeys, initiator: bool) -> Self {
        Self { first, initiator, sent: 0, expected: 0, skipped: Vec::new(), heard: false }
    }

    fn seal(&mut self, plaintext: &[u8]) -> Sealed {
        let number = self.sent;
        self.sent += 1;
        // PKCS#7 to blocks of 16 bytes, as the real one's AES-CBC.
        let pad = 16 - plaintext.len() % 16;
        let mut body = plaintext.to_vec();
        body.resize(plaintext.len() + pad, pad as u8);
        let key = self.key(self.initiator);
        keystream(&key, number, &mut body);
        let mut message = vec![VERSION, 0x0a, 32];
        message.extend_from_slice(&key);
        message.push(0x10);
        varint(&mut message, number);
        message.push(0x22);
        varint(&mut message, u32::try_from(body.len()).expect("an envelope is far below 4 GiB"));
        message.extend_from_slice(&body);
        let tag = hmac_sha256(&key, &message);
        message.extend_from_slice(&tag[..8]);
        if self.heard { Sealed { kind: NORMAL, bytes: message.into() } } else { self.first.join(&message) }
    }

    fn open(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let (before, tag) = message.split_at_checked(message.len().checked_sub(8)?)?;
        let key = self.key(!self.initiator);
        if !equal(&hmac_sha256(&key, before)[..8], tag) {
            return None;
        }
        let mut rest =
            before.strip_prefix(&[VERSION, 0x0a, 32])?.strip_prefix(&key)?.strip_prefix(&[0x10])?;
        let number = read_varint(&mut rest)?;
        rest = rest.strip_prefix(&[0x22])?;
        let length = read_varint(&mut rest)?;
        if usize::try_from(length).ok()? != rest.len() || !self.take(number) {
            return None;
        }
        let mut body = rest.to_vec();
        keystream(&key, number, &mut body);
        let pad = usize::from(*body.last()?);
        body.truncate(body.len().checked_sub(pad)?);
        self.heard = true;
        Some(body)
    }

    /// Whether this number may be opened, once.
    fn take(&mut self, number: u32) -> bool {
        if number < self.expected {
            let at = self.skipped.iter().position(|&skipped| skipped == number);
            return at.map(|at| self.skipped.remove(at)).is_some();
        }
        if number - self.expected > GAP_MAX {
            return false;
        }
        self.skipped.extend(self.expected..number);
        let too_many = self.skipped.len().saturating_sub(SKIPPED_MAX);
        self.skipped.drain(..too_many);
        self.expected = number + 1;
        true
    }

    /// One key for each direction.
    fn key(&self, of_initiator: bool) -> [u8; 32] {
        sha256(&[b"tincan-standin-v1\0", &self.first.name(), &[u8::from(of_initiator)]])
    }
}

impl FirstKeys {
    fn name(&self) -> [u8; 32] {
        sha256(&[self.identity.as_slice(), self.base.as_slice(), self.prekey.as_slice()])
    }

    fn join(&self, message: &[u8]) -> Sealed {
        let mut bytes = vec![VERSION];
        for (tag, key) in [(0x0a, &self.prekey), (0x12, &self.base), (0x1a, &self.identity)] {
            bytes.extend_from_slice(&[tag, 32]);
            bytes.extend_from_slice(key.as_slice());
        }
        bytes.push(0x22);
        varint(&mut bytes, u32::try_from(message.len()).expect("an envelope is far below 4 GiB"));
        bytes.extend_from_slice(message);
        Sealed { kind: FIRST, bytes: ByteVec::from(bytes) }
    }

    fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut rest = bytes.strip_prefix(&[VERSION])?;
        let mut key = |tag: u8| -> Option<ByteArray<32>> {
            let (key, behind) = rest.strip_prefix(&[tag, 32])?.split_first_chunk::<32>()?;
            rest = behind;
            Some((*key).into())
        };
        let (prekey, base, identity) = (key(0x0a)?, key(0x12)?, key(0x1a)?);
        let mut rest = rest.strip_prefix(&[0x22])?;
        let length = read_varint(&mut rest)?;
        (usize::try_from(length).ok()? == rest.len()).then_some((Self { identity, base, prekey }, rest))
    }
}

fn keystream(key: &[u8; 32], number: u32, body: &mut [u8]) {
    let mut stream = vec![0; body.len()];
    Rng::new(sha256(&[key, &number.to_be_bytes()])).fill(&mut stream);
    body.iter_mut().zip(stream).for_each(|(byte, noise)| *byte ^= noise);
}

fn varint(out: &mut Vec<u8>, mut n: u32) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn read_varint(rest: &mut &[u8]) -> Option<u32> {
    let mut n = 0_u32;
    for shift in [0, 7, 14, 21] {
        let (&byte, behind) = rest.split_first()?;
        *rest = behind;
        n |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(n);
        }
    }
    None
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| hash.update(part));
    let mut out = [0; 32];
    out.copy_from_slice(hash.finish().as_ref());
    out
}

fn to_cbor<T: Encode<()>>(value: &T) -> Vec<u8> {
    minicbor::to_vec(value).expect("writing to memory does not fail")
}

/// The types of message, as Olm numbers them.
const FIRST: u8 = 0;
const NORMAL: u8 = 1;
/// Olm's version byte.
const VERSION: u8 = 3;
/// As measured of the real one (security.md section 3).
const SKIPPED_MAX: usize = 40;
const GAP_MAX: u32 = 2_000;
