//! The real ratchet: Olm by vodozemac. One account per device, a few sessions per other device.
//!
//! vodozemac draws its own randomness, the exception to the rule of this crate. What must survive a restart leaves
//! as pickles, encrypted under a key that the shell keeps: [`Olm::take_changes`] names what changed,
//! [`Olm::restore`] takes it back.
//!
//! One-time keys are never marked as published in the library, because it forgets the public half of published
//! ones, and the whole set is sent at every login. The hub remembers which of them it has given out.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use vodozemac::Curve25519PublicKey;
use vodozemac::olm::{
    Account, AccountPickle, OlmMessage, PreKeyMessage, Session, SessionConfig, SessionKeys, SessionPickle,
};
use zeroize::Zeroizing;

use crate::crypto::ratchet::{DeviceKeys, Ratchet, RatchetError, RatchetState, device_id, prekey_bytes};
use crate::crypto::sessions::Sessions;
use crate::id::DeviceId;
use crate::limits::PREKEYS_MAX;
use crate::wire::record::{Prekey, Sealed};

/// One device's Olm account and sessions.
pub struct Olm {
    account: Account,
    sessions: BTreeMap<DeviceId, Sessions<Session>>,
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
        let (account, sessions) = (Account::new(), BTreeMap::new());
        Self { account, sessions, store_key, account_changed: true, sessions_changed: BTreeSet::new() }
    }

    /// The device as it was saved: the newest state of the account and of each session.
    ///
    /// # Errors
    /// [`BadState`], also when there is no account among `saved`.
    pub fn restore(store_key: [u8; 32], saved: &[RatchetState]) -> Result<Self, BadState> {
        let mut olm = Self::new(store_key);
        let account = saved.iter().find(|state| state.peer.is_none()).ok_or(BadState)?;
        let pickle =
            AccountPickle::from_encrypted(text(&account.bytes)?, &olm.store_key).map_err(|_| BadState)?;
        olm.account = Account::from_pickle(pickle);
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
        if let Some(sessions) = self.sessions.get_mut(&device).filter(|sessions| sessions.was_made(&name)) {
            let message = OlmMessage::PreKey(message.clone());
            let opened = sessions.find_map(|session| open_if_named(session, &name, &message));
            return opened.ok_or(RatchetError::Undecryptable);
        }
        let identity = Curve25519PublicKey::from_bytes(keys.curve25519);
        let made = self.account.create_inbound_session(SessionConfig::version_1(), identity, message);
        let made = made.map_err(|_| RatchetError::Undecryptable)?;
        self.sessions.entry(device).or_default().adopt(made.session, name);
        self.account_changed = true;
        Ok(made.plaintext)
    }

    fn account_state(&self) -> RatchetState {
        RatchetState { peer: None, bytes: self.account.pickle().encrypt(&self.store_key).into_bytes() }
    }

    fn session_state(&self, device: DeviceId) -> RatchetState {
        let bytes = self.sessions.get(&device).map(|sessions| pickle(sessions, &self.store_key));
        RatchetState { peer: Some(device), bytes: bytes.unwrap_or_default() }
    }
}

impl Ratchet for Olm {
    fn keys(&self) -> DeviceKeys {
        DeviceKeys {
            ed25519: *self.account.ed25519_key().as_bytes(),
            curve25519: self.account.curve25519_key().to_bytes(),
        }
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.account.sign(bytes).to_bytes()
    }

    fn prekeys(&mut self) -> (Vec<Prekey>, Prekey) {
        let missing = PREKEYS_MAX.saturating_sub(self.account.one_time_keys().len());
        if missing > 0 {
            self.account.generate_one_time_keys(missing);
            self.account_changed = true;
        }
        if self.account.fallback_key().is_empty() {
            self.account.generate_fallback_key();
            self.account_changed = true;
        }
        let one_time: BTreeMap<_, _> = self.account.one_time_keys().into_iter().collect();
        let one_time = one_time.into_values().map(|key| self.signed(key)).collect();
        let fallback = self.account.fallback_key().into_values().next();
        (one_time, self.signed(fallback.expect("a fallback key was made just above")))
    }

    fn has_session(&self, device: DeviceId) -> bool {
        self.sessions.get(&device).is_some_and(|sessions| !sessions.list().is_empty())
    }

    fn start(&mut self, device: DeviceId, keys: DeviceKeys, prekey: &[u8; 32]) -> Result<(), RatchetError> {
        let identity = Curve25519PublicKey::from_bytes(keys.curve25519);
        let prekey = Curve25519PublicKey::from_bytes(*prekey);
        let session = self.account.create_outbound_session(SessionConfig::version_1(), identity, prekey);
        let session = session.map_err(|_| RatchetError::BadKey)?;
        let name = name_of(&session.session_keys());
        self.sessions.entry(device).or_default().adopt(session, name);
        self.sessions_changed.insert(device);
        Ok(())
    }

    fn seal(&mut self, device: DeviceId, plaintext: &[u8]) -> Result<Sealed, RatchetError> {
        let session =
            self.sessions.get_mut(&device).and_then(Sessions::first).ok_or(RatchetError::NoSession)?;
        let message = session.encrypt(plaintext).map_err(|_| RatchetError::NoSession)?;
        self.sessions_changed.insert(device);
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
        if self.sessions.remove(&device).is_some() {
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

/// One row of the store: the sessions with one device.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Saved {
    #[n(0)]
    sessions: Vec<String>,
    #[n(1)]
    names: Vec<ByteArray<32>>,
}

fn pickle(sessions: &Sessions<Session>, store_key: &[u8; 32]) -> Vec<u8> {
    let saved = Saved {
        sessions: sessions.list().iter().map(|session| session.pickle().encrypt(store_key)).collect(),
        names: sessions.names().iter().map(|name| ByteArray::from(*name)).collect(),
    };
    minicbor::to_vec(&saved).expect("writing to memory does not fail")
}

fn unpickle(bytes: &[u8], store_key: &[u8; 32]) -> Result<Sessions<Session>, BadState> {
    let saved: Saved = minicbor::decode(bytes).map_err(|_| BadState)?;
    let list = saved.sessions.iter().map(|text| SessionPickle::from_encrypted(text, store_key));
    let list = list.map(|pickle| pickle.map(Session::from_pickle)).collect::<Result<Vec<_>, _>>();
    Ok(Sessions::new(list.map_err(|_| BadState)?, saved.names.into_iter().map(Into::into).collect()))
}

fn text(bytes: &[u8]) -> Result<&str, BadState> {
    core::str::from_utf8(bytes).map_err(|_| BadState)
}
