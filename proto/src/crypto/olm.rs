//! The real ratchet: Olm by vodozemac. One account per device, a few sessions per other device.
//!
//! vodozemac draws its own randomness, the exception to the rule of this crate. What must survive a restart leaves
//! as pickles, encrypted under a key that the shell keeps: [`Olm::take_changes`] names what changed,
//! [`Olm::restore`] takes it back.
//!
//! One-time keys are never marked as published in the library, because it forgets the public half of published
//! ones, and the whole set is sent at every login. The hub remembers which of them it has given out.
//!
//! The library has room for one fallback key before the current one, and for any number of one-time keys. So each era
//! ([`crate::crypto::eras`]) is an account of its own, of the same device: ended ones only open.

use core::convert::Infallible;
use std::collections::{BTreeMap, BTreeSet};

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use vodozemac::Curve25519PublicKey;
use vodozemac::olm::{
    Account, AccountPickle, OlmMessage, PreKeyMessage, Session, SessionConfig, SessionKeys, SessionPickle,
};
use zeroize::Zeroizing;

use crate::crypto::eras::Eras;
use crate::crypto::ratchet::{DeviceKeys, Ratchet, RatchetError, RatchetState, device_id, prekey_bytes};
use crate::crypto::sessions::{Forgotten, SessionName, Sessions};
use crate::id::DeviceId;
use crate::limits::PREKEYS_MAX;
use crate::time::Wall;
use crate::wire::record::{Prekey, Sealed};

/// One device's Olm account and sessions.
pub struct Olm {
    accounts: Eras<Account>,
    sessions: BTreeMap<DeviceId, Sessions<Session>>,
    forgotten: Forgotten,
    store_key: Zeroizing<[u8; 32]>,
    account_changed: bool,
    sessions_changed: BTreeSet<DeviceId>,
}

/// Saved state that cannot be read: another store key, or damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadState;

impl core::fmt::Display for BadState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(
            "the saved keys of this device cannot be read: they are damaged, or the store key is another",
        )
    }
}

impl core::error::Error for BadState {}

impl Olm {
    /// A new device. What is saved is encrypted under `store_key`, which the shell keeps.
    pub fn new(store_key: [u8; 32]) -> Self {
        let store_key = Zeroizing::new(store_key);
        let (accounts, forgotten) = (Eras::new(Account::new()), Forgotten::default());
        let (sessions, sessions_changed) = (BTreeMap::new(), BTreeSet::new());
        Self { accounts, sessions, forgotten, store_key, account_changed: true, sessions_changed }
    }

    /// The device as it was saved: the newest state of the account and of each session.
    ///
    /// # Errors
    /// [`BadState`], also when there is no account among `saved`.
    pub fn restore(store_key: [u8; 32], saved: &[RatchetState]) -> Result<Self, BadState> {
        let mut olm = Self::new(store_key);
        let account = saved.iter().find(|state| state.peer.is_none()).ok_or(BadState)?;
        let unpickle_account = |text: &String| {
            let pickle = AccountPickle::from_encrypted(text, &olm.store_key).map_err(|_| BadState)?;
            Ok(Account::from_pickle(pickle))
        };
        (olm.accounts, olm.forgotten) = match minicbor::decode::<SavedAccounts>(&account.bytes) {
            Ok(saved) => (saved.accounts.map(unpickle_account)?, saved.forgotten),
            // Versions before the ages of keys saved the account's text alone, which is no CBOR map.
            Err(_) => {
                let text = String::from_utf8(account.bytes.clone()).map_err(|_| BadState)?;
                (Eras::ageless(unpickle_account(&text)?), Forgotten::default())
            }
        };
        olm.account_changed = false;
        for state in saved.iter().filter(|state| !state.bytes.is_empty()) {
            if let Some(device) = state.peer {
                let sessions = unpickle(&state.bytes, &olm.store_key)?;
                olm.sessions.insert(device, sessions);
            }
        }
        Ok(olm)
    }

    fn signed(&self, key: Curve25519PublicKey) -> Prekey {
        let key = ByteArray::from(key.to_bytes());
        let signature = self.sign(&prekey_bytes(device_id(&self.keys()), &key)).into();
        Prekey { key, signature }
    }

    fn open_first(
        &mut self,
        device: DeviceId,
        keys: DeviceKeys,
        message: &PreKeyMessage,
    ) -> Result<Vec<u8>, RatchetError> {
        let name = name_of(&message.session_keys());
        if let Some(sessions) = self.sessions.get_mut(&device) {
            let is_named = |session: &Session| name_of(&session.session_keys()) == name;
            if sessions.was_made(&name) || sessions.list().iter().any(is_named) {
                let message = OlmMessage::PreKey(message.clone());
                let opened = sessions.find_map(|session| open_if_named(session, &name, &message));
                return opened.ok_or(RatchetError::Undecryptable);
            }
        }
        if self.forgotten.was_made(&name) {
            return Err(RatchetError::Undecryptable);
        }
        let identity = Curve25519PublicKey::from_bytes(keys.curve25519);
        let made = self.accounts.each().find_map(|(era, account)| {
            let made = account.create_inbound_session(SessionConfig::version_1(), identity, message);
            Some((era, made.ok()?))
        });
        let (era, made) = made.ok_or(RatchetError::Undecryptable)?;
        let sessions = self.sessions.entry(device).or_default();
        sessions.adopt(made.session);
        sessions.note(SessionName { hash: name.into(), era });
        self.account_changed = true;
        Ok(made.plaintext)
    }

    fn account_state(&self) -> RatchetState {
        let pickle = |account: &Account| Ok(account.pickle().encrypt(&self.store_key));
        let Ok::<_, Infallible>(accounts) = self.accounts.map(pickle);
        let saved = SavedAccounts { accounts, forgotten: self.forgotten.clone() };
        RatchetState { peer: None, bytes: to_cbor(&saved) }
    }

    fn session_state(&self, device: DeviceId) -> RatchetState {
        let bytes = self.sessions.get(&device).map(|sessions| pickle(sessions, &self.store_key));
        RatchetState { peer: Some(device), bytes: bytes.unwrap_or_default() }
    }
}

impl Ratchet for Olm {
    fn keys(&self) -> DeviceKeys {
        DeviceKeys {
            ed25519: *self.accounts.current.ed25519_key().as_bytes(),
            curve25519: self.accounts.current.curve25519_key().to_bytes(),
        }
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.accounts.current.sign(bytes).to_bytes()
    }

    fn age(&mut self, wall: Wall) {
        if self.accounts.age(wall, next_account) {
            self.forgotten.let_go(self.accounts.oldest());
            self.account_changed = true;
        }
    }

    fn prekeys(&mut self) -> (Vec<Prekey>, Prekey) {
        let account = &mut self.accounts.current;
        let missing = PREKEYS_MAX.saturating_sub(account.one_time_keys().len());
        if missing > 0 {
            account.generate_one_time_keys(missing);
            self.account_changed = true;
        }
        if account.fallback_key().is_empty() {
            account.generate_fallback_key();
            self.account_changed = true;
        }
        let one_time: BTreeMap<_, _> = account.one_time_keys().into_iter().collect();
        let fallback = account.fallback_key().into_values().next();
        let one_time = one_time.into_values().map(|key| self.signed(key)).collect();
        (one_time, self.signed(fallback.expect("a fallback key was made just above")))
    }

    fn has_session(&self, device: DeviceId) -> bool {
        self.sessions.get(&device).is_some_and(|sessions| !sessions.list().is_empty())
    }

    fn start(&mut self, device: DeviceId, keys: DeviceKeys, prekey: &[u8; 32]) -> Result<(), RatchetError> {
        let identity = Curve25519PublicKey::from_bytes(keys.curve25519);
        let prekey = Curve25519PublicKey::from_bytes(*prekey);
        let account = &self.accounts.current;
        let session = account.create_outbound_session(SessionConfig::version_1(), identity, prekey);
        self.sessions.entry(device).or_default().adopt(session.map_err(|_| RatchetError::BadKey)?);
        self.sessions_changed.insert(device);
        Ok(())
    }

    fn seal(&mut self, device: DeviceId, plaintext: &[u8]) -> Result<Sealed, RatchetError> {
        let sessions = self.sessions.get_mut(&device).ok_or(RatchetError::NoSession)?;
        let message = loop {
            let session = sessions.first().ok_or(RatchetError::NoSession)?;
            self.sessions_changed.insert(device);
            match session.encrypt(plaintext) {
                Ok(message) => break message,
                // They began it with a key that is none, with which nothing can ever be sealed.
                Err(_) => sessions.drop_first(),
            }
        };
        let (kind, bytes) = message.to_parts();
        let kind = u8::try_from(kind).expect("Olm has two types of message");
        Ok(Sealed { kind, bytes: bytes.into() })
    }

    fn open(&mut self, device: DeviceId, keys: DeviceKeys, sealed: &Sealed) -> Result<Vec<u8>, RatchetError> {
        let message = OlmMessage::from_parts(usize::from(sealed.kind), &sealed.bytes);
        let opened = match message.map_err(|_| RatchetError::Undecryptable)? {
            OlmMessage::PreKey(first) => self.open_first(device, keys, &first)?,
            normal @ OlmMessage::Normal(_) => {
                let sessions = self.sessions.get_mut(&device).ok_or(RatchetError::NoSession)?;
                let opened = sessions.find_map(|session| session.decrypt(&normal).ok());
                opened.ok_or(RatchetError::Undecryptable)?
            }
        };
        self.sessions_changed.insert(device);
        Ok(opened)
    }

    fn forget(&mut self, device: DeviceId) {
        if let Some(sessions) = self.sessions.remove(&device) {
            self.account_changed |= self.forgotten.keep(sessions.names(), self.accounts.oldest());
            self.sessions_changed.insert(device);
        }
    }

    fn take_changes(&mut self) -> Vec<RatchetState> {
        let account = core::mem::take(&mut self.account_changed).then(|| self.account_state());
        let devices = core::mem::take(&mut self.sessions_changed);
        account.into_iter().chain(devices.into_iter().map(|device| self.session_state(device))).collect()
    }
}

impl core::fmt::Debug for Olm {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Olm({:?}, {} devices known)", device_id(&self.keys()), self.sessions.len())
    }
}

fn open_if_named(session: &mut Session, name: &[u8; 32], message: &OlmMessage) -> Option<Vec<u8>> {
    (name_of(&session.session_keys()) == *name).then(|| session.decrypt(message).ok())?
}

/// The session's name: SHA-256 of the three keys it was made of, as the library's own session id.
fn name_of(keys: &SessionKeys) -> [u8; 32] {
    let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for key in [keys.identity_key, keys.base_key, keys.one_time_key] {
        hash.update(key.as_bytes());
    }
    let mut name = [0; 32];
    name.copy_from_slice(hash.finish().as_ref());
    name
}

/// Begins the next era in place: of the same device, with a fallback key of its own and no one-time keys yet. Returns the
/// last one.
fn next_account(current: &mut Account) -> Account {
    let mut ended = Account::from_pickle(current.pickle());
    for key in ended.one_time_keys().into_values() {
        current.remove_one_time_key(key);
    }
    current.generate_fallback_key();
    current.forget_fallback_key();
    ended.forget_fallback_key();
    ended
}

/// The row of the device itself: its account in each era.
#[derive(Encode, Decode)]
#[cbor(map)]
struct SavedAccounts {
    #[n(0)]
    accounts: Eras<String>,
    #[n(1)]
    forgotten: Forgotten,
}

/// One row of the store: the sessions with one device.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Saved {
    #[n(0)]
    sessions: Vec<String>,
    #[n(1)]
    names: Vec<ByteArray<32>>,
    /// Of each name. Those without one, of earlier versions, are of the first.
    #[n(2)]
    eras: Option<Vec<u32>>,
}

fn pickle(sessions: &Sessions<Session>, store_key: &[u8; 32]) -> Vec<u8> {
    let saved = Saved {
        sessions: sessions.list().iter().map(|session| session.pickle().encrypt(store_key)).collect(),
        names: sessions.names().iter().map(|name| name.hash).collect(),
        eras: Some(sessions.names().iter().map(|name| name.era).collect()),
    };
    to_cbor(&saved)
}

fn unpickle(bytes: &[u8], store_key: &[u8; 32]) -> Result<Sessions<Session>, BadState> {
    let saved: Saved = minicbor::decode(bytes).map_err(|_| BadState)?;
    let list = saved.sessions.iter().map(|text| SessionPickle::from_encrypted(text, store_key));
    let list = list.map(|pickle| pickle.map(Session::from_pickle)).collect::<Result<Vec<_>, _>>();
    let eras = saved.eras.unwrap_or_default().into_iter().chain(core::iter::repeat(0));
    let names = saved.names.into_iter().zip(eras).map(|(hash, era)| SessionName { hash, era });
    Ok(Sessions::new(list.map_err(|_| BadState)?, names.collect()))
}

fn to_cbor<T: Encode<()>>(value: &T) -> Vec<u8> {
    minicbor::to_vec(value).expect("writing to memory does not fail")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{OLD_PREKEYS_MAX, PREKEYS_LIFE};

    const KEY: [u8; 32] = [5; 32];
    const NOW: Wall = Wall(1_800_000_000_000);

    /// One row of the store before keys had ages.
    #[derive(Encode)]
    #[cbor(map)]
    struct SavedBefore {
        #[n(0)]
        sessions: Vec<String>,
        #[n(1)]
        names: Vec<ByteArray<32>>,
    }

    #[test]
    fn what_an_earlier_version_saved_is_brought_on() {
        let mut account = Account::new();
        account.generate_one_time_keys(PREKEYS_MAX);
        account.generate_fallback_key();
        let fallback = account.fallback_key().into_values().next().unwrap().to_bytes();
        let account = RatchetState { peer: None, bytes: account.pickle().encrypt(&KEY).into_bytes() };
        let mut bob = Olm::restore(KEY, core::slice::from_ref(&account)).unwrap();
        let (bobs, id) = (bob.keys(), device_id(&bob.keys()));
        let mut alice = Olm::new(KEY);
        let (alices, hers) = (alice.keys(), device_id(&alice.keys()));
        assert_eq!(*bob.prekeys().1.key, fallback, "nothing is lost");
        alice.start(id, bobs, &fallback).unwrap();
        let first = alice.seal(id, b"first").unwrap();
        let late = alice.seal(id, b"late").unwrap();
        assert_eq!(bob.open(hers, alices, &first), Ok(b"first".to_vec()));
        let sessions = &bob.sessions[&hers];
        let row = SavedBefore {
            sessions: sessions.list().iter().map(|session| session.pickle().encrypt(&KEY)).collect(),
            names: sessions.names().iter().map(|name| name.hash).collect(),
        };
        let sessions = RatchetState { peer: Some(hers), bytes: to_cbor(&row) };

        let mut bob = Olm::restore(KEY, &[account, sessions]).unwrap();
        assert_eq!(bob.keys(), bobs);
        // Nobody knows how old its keys are: new ones, and the old ones go after their time.
        bob.age(NOW);
        assert_ne!(*bob.prekeys().1.key, fallback);
        bob.forget(hers);
        assert_eq!(bob.open(hers, alices, &first), Err(RatchetError::Undecryptable), "it was read");
        let mut saved = bob.take_changes();
        saved.retain(|state| !state.bytes.is_empty());
        let mut bob = Olm::restore(KEY, &saved).unwrap();
        assert_eq!(bob.open(hers, alices, &late), Err(RatchetError::Undecryptable));
        let mut carol = Olm::new(KEY);
        carol.start(id, bobs, &fallback).unwrap();
        let sealed = carol.seal(id, b"sealed to the old key").unwrap();
        let (keys, hers) = (carol.keys(), device_id(&carol.keys()));
        assert!(bob.open(hers, keys, &sealed).is_ok());
    }

    #[test]
    fn an_ended_account_has_no_key_of_the_next_one() {
        let mut olm = Olm::new(KEY);
        olm.age(NOW);
        olm.prekeys();
        for week in 1..9 {
            olm.age(Wall(NOW.0 + week * u64::try_from(PREKEYS_LIFE.as_millis()).unwrap()));
            olm.prekeys();
        }
        let counts = |(_, account): (u32, &mut Account)| account.stored_one_time_key_count();
        let counts: Vec<_> = olm.accounts.each().map(counts).collect();
        assert_eq!(counts, [PREKEYS_MAX; OLD_PREKEYS_MAX + 1], "each has its own");
    }
}
