//! Which devices an account has, by its own signed list, and a session with each of them.
//!
//! ```text
//! a contact, or a newer list head ─ 304 ─▶ 353: checked, must go on where we were ─▶ each device without a session
//!                                                                    ─ 305 ─▶ 354: signature checked ─▶ session
//! ```
//!
//! The questions are paced: a fresh device with hundreds of contacts asks for twice as many things, and a server
//! takes only so many requests. Whoever is being written to or called comes first.
//!
//! A server can hold answers back, which costs a session; it cannot add a device, take an entry back or swap a key.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use crate::client::state::{Kind, Save};
use crate::crypto::identity::{DeviceList, verify_prekey};
use crate::crypto::ratchet::{DeviceKeys, Ratchet};
use crate::drop::Drop;
use crate::id::{DeviceId, Fingerprint, Principal};
use crate::limits::{PEER_QUESTIONS, PREKEY_RETRY_AFTER, PREKEY_TRIES_MAX, SESSION_RENEW_AFTER};
use crate::time::{Time, earliest};
use crate::wire::record::{Devices, PrekeyFor, Signed, WantDevices, WantPrekey, Why};
use crate::wire::request::Request;

/// What is wanted done.
#[derive(Debug)]
pub(crate) enum Effect {
    Save(Save),
    Ask(Want),
    /// This account's list is known, and newer than before.
    Listed(Fingerprint),
    /// A session with one of its devices is there.
    Keyed(Fingerprint),
    /// This device speaks for the account no longer.
    Revoked(Fingerprint, DeviceId),
    /// A session with this device of the account took the place of one that opened nothing: they are to hear of it.
    Renewed(Fingerprint, DeviceId),
    Drop(Drop),
}

/// One question's share of the bucket, and what a full one holds beside it, microseconds.
const QUESTION_US: u64 = 1_000_000 / PEER_QUESTIONS.per_second as u64;
const SPARE_US: u64 = QUESTION_US * (PEER_QUESTIONS.burst as u64 - 1);

/// A question about somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// 304: the list of this account.
    List(Fingerprint),
    /// 305: a key of this account's device.
    Key(Fingerprint, DeviceId),
}

impl Want {
    fn account(self) -> Fingerprint {
        match self {
            Self::List(account) | Self::Key(account, _) => account,
        }
    }

    pub(crate) fn request(self) -> Request {
        let principal = Principal::Key(self.account());
        match self {
            Self::List(_) => Request::WantDevices(WantDevices { principal }),
            Self::Key(_, device) => Request::WantPrekey(WantPrekey { principal, device }),
        }
    }
}

#[derive(Debug)]
struct Known {
    list: DeviceList,
    entries: Vec<Signed>,
}

/// A 305 that waits, is under way, or is to be said again.
#[derive(Debug)]
struct Asked {
    tries: u32,
    /// The session takes the place of one with which they go on sealing.
    renews: bool,
    /// None while it waits for its turn or for its answer.
    again_at: Option<Time>,
}

/// The devices of one client's contacts.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    known: BTreeMap<Fingerprint, Known>,
    /// 304s that wait or are under way, and whether keys are wanted afterwards.
    lists_asked: BTreeMap<Fingerprint, bool>,
    /// By account, too: a list holds whatever devices its account puts there, also another account's.
    keys_asked: BTreeMap<(Fingerprint, DeviceId), Asked>,
    renewed: BTreeMap<(Fingerprint, DeviceId), Time>,
    /// What is not said yet.
    waiting: VecDeque<Want>,
    /// When the bucket of [`PEER_QUESTIONS`] will be full again.
    full_at: Time,
    out: VecDeque<Effect>,
}

impl Peers {
    /// Takes back a row; a list that does not verify is forgotten.
    pub(crate) fn restore(&mut self, key: &[u8], value: &[u8]) {
        let (Ok(account), Ok(entries)) = (key.try_into(), minicbor::decode::<Vec<Signed>>(value)) else {
            return;
        };
        let account = Fingerprint(account);
        if let Ok(list) = DeviceList::verify(account, &entries) {
            self.known.insert(account, Known { list, entries });
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Effect> {
        self.out.pop_front()
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        let again = self.keys_asked.values().filter_map(|asked| asked.again_at).min();
        earliest(again, self.waiting.front().map(|_| self.next_at()))
    }

    /// When the next question may be said.
    fn next_at(&self) -> Time {
        Time::us(self.full_at.as_us().saturating_sub(SPARE_US))
    }

    /// Says what waits, as far as the pace allows.
    pub(crate) fn pump(&mut self, now: Time) {
        while self.next_at() <= now
            && let Some(want) = self.waiting.pop_front()
        {
            if self.is_wanted(want) {
                self.full_at = Time::us(self.full_at.max(now).as_us() + QUESTION_US);
                self.out.push_back(Effect::Ask(want));
            }
        }
    }

    /// Whether there is no answer yet.
    fn is_wanted(&self, want: Want) -> bool {
        match want {
            Want::List(account) => self.lists_asked.contains_key(&account),
            Want::Key(account, device) => {
                self.keys_asked.get(&(account, device)).is_some_and(|a| a.again_at.is_none())
            }
        }
    }

    /// What is wanted about this account comes before all else.
    pub(crate) fn hurry(&mut self, account: &Fingerprint) {
        let (first, rest): (VecDeque<_>, VecDeque<_>) =
            core::mem::take(&mut self.waiting).into_iter().partition(|want| want.account() == *account);
        self.waiting = first.into_iter().chain(rest).collect();
    }

    /// 360 to a question. What is only too much at once is asked again a little later.
    pub(crate) fn refused(&mut self, want: Want, why: Why, now: Time) {
        if !self.is_wanted(want) || self.waiting.contains(&want) {
            return;
        }
        if matches!(why, Why::TooFast | Why::Limit | Why::Internal) {
            // An empty bucket, and a second more.
            self.full_at = Time::us(now.as_us() + SPARE_US + 1_000_000);
            return self.waiting.push_front(want);
        }
        match want {
            Want::List(account) => {
                self.lists_asked.remove(&account);
            }
            Want::Key(account, device) => drop(self.keys_asked.remove(&(account, device))),
        }
    }

    /// The keys of a device that speaks for this account.
    pub(crate) fn keys(&self, account: &Fingerprint, device: DeviceId) -> Option<DeviceKeys> {
        self.known.get(account)?.list.get(device).copied()
    }

    pub(crate) fn devices(&self, account: &Fingerprint) -> Vec<DeviceId> {
        let known = self.known.get(account);
        known.map(|k| k.list.devices().map(|(id, _)| id).collect()).unwrap_or_default()
    }

    /// SHA-256 of the newest entry we know; zeros for none.
    pub(crate) fn head(&self, account: &Fingerprint) -> [u8; 32] {
        self.known.get(account).map_or([0; 32], |k| k.list.head())
    }

    /// A contact, whose newest entry the server says is `head` (zeros: it did not say).
    pub(crate) fn meet(&mut self, account: Fingerprint, head: [u8; 32], ratchet: &dyn Ratchet) {
        if !self.known.contains_key(&account) || (head != [0; 32] && head != self.head(&account)) {
            self.ask_list(account);
        }
        self.key_all(account, ratchet);
    }

    /// The accounts whose lists are kept.
    pub(crate) fn accounts(&self) -> Vec<Fingerprint> {
        self.known.keys().copied().collect()
    }

    /// Asks for the list of an account one of whose devices we do not know.
    pub(crate) fn ask_list(&mut self, account: Fingerprint) {
        self.look_up(account);
        self.lists_asked.insert(account, true);
    }

    /// The same, without wanting to write to it.
    pub(crate) fn look_up(&mut self, account: Fingerprint) {
        if let Entry::Vacant(place) = self.lists_asked.entry(account) {
            place.insert(false);
            self.waiting.push_back(Want::List(account));
        }
    }

    /// Whether nothing more is to come: its devices are known, and each has a session or gives no key.
    pub(crate) fn is_settled(&self, account: &Fingerprint) -> bool {
        self.known.contains_key(account)
            && !self.lists_asked.contains_key(account)
            && self.keys_asked.keys().all(|(asked, _)| asked != account)
    }

    /// Asks for a key of each device without a session.
    fn key_all(&mut self, account: Fingerprint, ratchet: &dyn Ratchet) {
        let devices = self.devices(&account);
        for device in devices.iter().copied().filter(|d| !ratchet.has_session(*d)) {
            self.ask_key(account, device);
        }
        if devices.iter().any(|d| ratchet.has_session(*d)) {
            self.out.push_back(Effect::Keyed(account));
        }
    }

    fn ask_key(&mut self, account: Fingerprint, device: DeviceId) {
        let new = Asked { tries: 0, renews: false, again_at: Some(Time::ZERO) };
        let asked = self.keys_asked.entry((account, device)).or_insert(new);
        if asked.again_at.take().is_none() {
            return;
        }
        asked.tries += 1;
        // One session that is there is worth more than two lists that are known.
        self.waiting.push_front(Want::Key(account, device));
    }

    /// What we seal is not answered: a new session, but not often.
    pub(crate) fn renew(&mut self, account: Fingerprint, device: DeviceId, now: Time) {
        let of = (account, device);
        let due = self.renewed.get(&of).is_none_or(|at| now >= *at + SESSION_RENEW_AFTER);
        if due && self.keys(&account, device).is_some() {
            self.renewed.insert(of, now);
            self.ask_key(account, device);
        }
    }

    /// What this device seals does not open: a new session, of which they are to hear, or they would go on with the old
    /// one.
    pub(crate) fn renew_theirs(&mut self, account: Fingerprint, device: DeviceId, now: Time) {
        self.renew(account, device, now);
        if let Some(asked) = self.keys_asked.get_mut(&(account, device)) {
            asked.renews = true;
        }
    }

    /// Whether the list of somebody else has this device, too. Then what is shared with it is not only this account's to
    /// end: whoever puts another's device into their list could else end the sessions of two others.
    fn is_of_another(&self, account: &Fingerprint, device: DeviceId) -> bool {
        self.known.iter().any(|(other, known)| other != account && known.list.get(device).is_some())
    }

    fn forget_device(&mut self, account: Fingerprint, device: DeviceId, ratchet: &mut dyn Ratchet) {
        self.keys_asked.remove(&(account, device));
        self.renewed.remove(&(account, device));
        if !self.is_of_another(&account, device) {
            ratchet.forget(device);
        }
    }

    /// 353.
    pub(crate) fn listed(&mut self, told: Devices, ratchet: &mut dyn Ratchet) {
        let Principal::Key(account) = told.principal else { return self.drop(Drop::Malformed) };
        let Some(keys_wanted) = self.lists_asked.remove(&account) else {
            return self.drop(Drop::OutOfTurn);
        };
        match self.known.get(&account) {
            // A list never loses an entry: a server that shows another past, or less of it, is not believed.
            Some(known) if !told.entries.starts_with(&known.entries) => return self.drop(Drop::Forged),
            Some(_) | None => {}
        }
        let Ok(list) = DeviceList::verify(account, &told.entries) else { return self.drop(Drop::Forged) };
        for device in self.devices(&account).into_iter().filter(|d| list.get(*d).is_none()) {
            self.forget_device(account, device, ratchet);
            self.out.push_back(Effect::Revoked(account, device));
        }
        let value = minicbor::to_vec(&told.entries).expect("a record of ours always encodes");
        let key = account.0.into();
        self.out.push_back(Effect::Save(Save { kind: Kind::Devices, key, value: Some(value) }));
        self.known.insert(account, Known { list, entries: told.entries });
        if keys_wanted {
            self.key_all(account, ratchet);
        }
        self.out.push_back(Effect::Listed(account));
    }

    /// 354.
    pub(crate) fn prekey(&mut self, told: &PrekeyFor, ratchet: &mut dyn Ratchet, now: Time) {
        let Principal::Key(account) = told.principal else { return self.drop(Drop::Malformed) };
        let of = (account, told.device);
        let Some(asked) = self.keys_asked.get_mut(&of).filter(|a| a.again_at.is_none()) else {
            return self.drop(Drop::OutOfTurn);
        };
        let Some(prekey) = &told.prekey else {
            // Just registered, and its keys are still on their way.
            asked.again_at = (asked.tries < PREKEY_TRIES_MAX).then(|| now + PREKEY_RETRY_AFTER);
            if asked.again_at.is_none() {
                self.keys_asked.remove(&of);
            }
            return;
        };
        let renews = asked.renews;
        self.keys_asked.remove(&of);
        let Some(keys) = self.keys(&account, told.device) else { return self.drop(Drop::Stranger) };
        if !verify_prekey(&keys, prekey) || ratchet.start(told.device, keys, &prekey.key).is_err() {
            return self.drop(Drop::Forged);
        }
        if renews {
            self.out.push_back(Effect::Renewed(account, told.device));
        }
        self.out.push_back(Effect::Keyed(account));
    }

    pub(crate) fn timeout(&mut self, now: Time) {
        let due = |asked: &Asked| asked.again_at.is_some_and(|at| at <= now);
        let due: Vec<_> = self.keys_asked.iter().filter(|(_, a)| due(a)).map(|(of, _)| *of).collect();
        for (account, device) in due {
            self.ask_key(account, device);
        }
    }

    /// The connection is gone, and with it what was under way.
    pub(crate) fn away(&mut self) {
        self.lists_asked.clear();
        // A renewal that did not come to its end is no reason to wait with the next.
        for of in core::mem::take(&mut self.keys_asked).into_keys() {
            self.renewed.remove(&of);
        }
        self.waiting.clear();
    }

    /// No contact any more: its devices and sessions are forgotten.
    pub(crate) fn part(&mut self, account: Fingerprint, ratchet: &mut dyn Ratchet) {
        self.lists_asked.remove(&account);
        self.waiting.retain(|want| want.account() != account);
        let Some(known) = self.known.remove(&account) else { return };
        for (device, _) in known.list.devices() {
            self.forget_device(account, device, ratchet);
        }
        self.out.push_back(Effect::Save(Save { kind: Kind::Devices, key: account.0.into(), value: None }));
    }

    fn drop(&mut self, why: Drop) {
        self.out.push_back(Effect::Drop(why));
    }
}
