//! What the hub keeps on disk, behind a trait with two lives: [`Mem`] in the simulator, SQLite in the server.
//!
//! Reads see this turn's own writes. Nothing here fails: the SQLite side remembers its first failure, and the
//! server's loop stops at the commit that reports it, before anything of the turn was said to anybody.

use std::collections::{BTreeMap, BTreeSet};

use core::ops::Bound;

use crate::crypto::identity::sha256;
use crate::id::{DeviceId, Fingerprint, MsgId, Name, Principal};
use crate::time::Wall;
use crate::wire::record::{Prekey, Prekeys, Sealed, Signed, Standing};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// SHA-256 of the account key's blob; of a guest, its [`guest_fingerprint`].
    pub fingerprint: Fingerprint,
    /// The claimed name.
    pub name: Name,
    /// Somebody of a plain door, known by the name alone.
    pub guest: bool,
}

impl Account {
    /// The account of a plain user.
    pub fn guest(name: Name) -> Self {
        Self { fingerprint: guest_fingerprint(&name), name, guest: true }
    }

    /// Who that is to others.
    pub fn principal(&self) -> Principal {
        if self.guest { Principal::Guest(self.name.clone()) } else { Principal::Key(self.fingerprint) }
    }
}

/// Where a guest stands among the accounts: SHA-256 of `"tincan-guest-v1\0"` and the name in lower case, which no key
/// can have.
pub fn guest_fingerprint(name: &Name) -> Fingerprint {
    let mut bytes = b"tincan-guest-v1\0".to_vec();
    bytes.extend_from_slice(name.folded().as_bytes());
    Fingerprint(sha256(&bytes))
}

/// An invite's token, known by its hash only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// Who made it; none for the server's own.
    pub owner: Option<Fingerprint>,
    /// Valid until then; none for until revoked.
    pub expiry: Option<Wall>,
}

/// What was sealed with a contact request for one device of whoever is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Who asks.
    pub from: Fingerprint,
    /// With which device.
    pub from_device: DeviceId,
    /// Who can open it.
    pub device: DeviceId,
    /// The sender's id of it.
    pub id: MsgId,
    /// The message.
    pub sealed: Sealed,
}

/// Accounts, devices, keys, contacts, tokens.
pub trait Store {
    /// Whether there is no room for more: the hub then asks for nothing that makes the store grow.
    fn is_full(&self) -> bool;

    /// The account with this key.
    fn account(&mut self, fingerprint: &Fingerprint) -> Option<Account>;
    /// The account with this name, compared without case.
    fn account_named(&mut self, name: &Name) -> Option<Account>;
    /// How many accounts there are.
    fn account_count(&mut self) -> usize;
    /// How many of them are guests.
    fn guest_count(&mut self) -> usize;
    /// Guests with whom nobody has a standing, at most so many.
    fn unknown_guests(&mut self, most: usize) -> Vec<Fingerprint>;
    /// Adds an account. The name and the key are free.
    fn add_account(&mut self, account: &Account);
    /// Forgets a guest, and how it stood with everybody.
    fn remove_guest(&mut self, fingerprint: &Fingerprint);

    /// The account's device list, oldest first, as signed.
    fn entries(&mut self, account: &Fingerprint) -> Vec<Signed>;
    /// Appends to it.
    fn add_entry(&mut self, account: &Fingerprint, entry: &Signed);

    /// Replaces all published keys of a device of the account, which are given out for this account only: somebody else's
    /// may list the same device, whose keys are public, but published none of these. A one-time key that was taken stays
    /// taken while it is listed: the device lists it until the first message that uses it arrives, and two friends must
    /// not get the same one.
    fn put_prekeys(&mut self, account: &Fingerprint, device: &DeviceId, prekeys: &Prekeys);
    /// Takes a one-time key, or copies the fallback key; none when nothing was published.
    fn take_prekey(&mut self, account: &Fingerprint, device: &DeviceId) -> Option<Prekey>;

    /// Copies the fallback key, which others may be given, too; none when nothing was published.
    fn fallback_prekey(&mut self, account: &Fingerprint, device: &DeviceId) -> Option<Prekey>;

    /// Forgets them all.
    fn forget_prekeys(&mut self, account: &Fingerprint, device: &DeviceId);

    /// Everybody this account has a standing with, seen from it.
    fn contacts(&mut self, account: &Fingerprint) -> Vec<(Fingerprint, Standing)>;
    /// How `account` stands with `other`.
    fn standing(&mut self, account: &Fingerprint, other: &Fingerprint) -> Standing;
    /// Sets it; [`Standing::None`] forgets it, and the token with it. Anything but [`Standing::Asking`] forgets what
    /// `other` said with a request.
    fn set_standing(&mut self, account: &Fingerprint, other: &Fingerprint, standing: Standing);
    /// Keeps what was said with a request of `greeting.from` to `account`, who stands as [`Standing::Asking`] to them.
    /// False when there is one from them for that device already: a request has one message.
    fn add_greeting(&mut self, account: &Fingerprint, greeting: &Greeting) -> bool;
    /// What is kept for this device of the account, from the first of those who ask, or the next after `last`.
    fn greeting_after(
        &mut self,
        account: &Fingerprint,
        device: &DeviceId,
        last: Option<&Fingerprint>,
    ) -> Option<Greeting>;
    /// The token of `account` that made `other` its contact, as `other` presented it.
    fn via_token(&mut self, account: &Fingerprint, other: &Fingerprint) -> Option<[u8; 16]>;
    /// Sets it. There is a standing already.
    fn set_via_token(&mut self, account: &Fingerprint, other: &Fingerprint, token: &[u8; 16]);

    /// The token with this hash, valid or not.
    fn token(&mut self, hash: &[u8; 32]) -> Option<Token>;
    /// How many tokens of this owner are still valid at `now`.
    fn tokens_of(&mut self, owner: &Fingerprint, now: Wall) -> usize;
    /// Adds a token. Those past their time may be forgotten by this.
    fn add_token(&mut self, token: &Token);
}

/// What a device has published, and which one-time keys of it were given out.
#[derive(Clone, Debug)]
struct Published {
    keys: Prekeys,
    taken: BTreeSet<[u8; 32]>,
}

/// The store of the simulator: plain maps.
#[derive(Clone, Debug, Default)]
pub struct Mem {
    accounts: BTreeMap<Fingerprint, Account>,
    names: BTreeMap<String, Fingerprint>,
    entries: BTreeMap<Fingerprint, Vec<Signed>>,
    prekeys: BTreeMap<(Fingerprint, DeviceId), Published>,
    standings: BTreeMap<(Fingerprint, Fingerprint), Standing>,
    via: BTreeMap<(Fingerprint, Fingerprint), [u8; 16]>,
    /// By who is asked, who asks, and for which device.
    greetings: BTreeMap<(Fingerprint, Fingerprint, DeviceId), Greeting>,
    tokens: BTreeMap<[u8; 32], Token>,
    full: bool,
}

impl Mem {
    /// Says from now on whether there is room, as the disk does.
    pub fn set_full(&mut self, full: bool) {
        self.full = full;
    }
}

impl Store for Mem {
    fn is_full(&self) -> bool {
        self.full
    }

    fn account(&mut self, fingerprint: &Fingerprint) -> Option<Account> {
        self.accounts.get(fingerprint).cloned()
    }

    fn account_named(&mut self, name: &Name) -> Option<Account> {
        self.accounts.get(self.names.get(&name.folded())?).cloned()
    }

    fn account_count(&mut self) -> usize {
        self.accounts.len()
    }

    fn guest_count(&mut self) -> usize {
        self.accounts.values().filter(|account| account.guest).count()
    }

    fn unknown_guests(&mut self, most: usize) -> Vec<Fingerprint> {
        let known = |account: &Fingerprint| {
            self.standings.keys().any(|(one, other)| one == account || other == account)
        };
        let guests =
            self.accounts.values().filter(|account| account.guest).map(|account| account.fingerprint);
        guests.filter(|account| !known(account)).take(most).collect()
    }

    fn remove_guest(&mut self, fingerprint: &Fingerprint) {
        let Some(account) = self.accounts.get(fingerprint).filter(|account| account.guest) else { return };
        self.names.remove(&account.name.folded());
        self.accounts.remove(fingerprint);
        self.standings.retain(|(one, other), _| one != fingerprint && other != fingerprint);
        self.via.retain(|(one, other), _| one != fingerprint && other != fingerprint);
    }

    fn add_account(&mut self, account: &Account) {
        self.names.insert(account.name.folded(), account.fingerprint);
        self.accounts.insert(account.fingerprint, account.clone());
    }

    fn entries(&mut self, account: &Fingerprint) -> Vec<Signed> {
        self.entries.get(account).cloned().unwrap_or_default()
    }

    fn add_entry(&mut self, account: &Fingerprint, entry: &Signed) {
        self.entries.entry(*account).or_default().push(entry.clone());
    }

    fn put_prekeys(&mut self, account: &Fingerprint, device: &DeviceId, prekeys: &Prekeys) {
        let before =
            self.prekeys.remove(&(*account, *device)).map(|published| published.taken).unwrap_or_default();
        let mut keys = prekeys.clone();
        let listed: BTreeSet<[u8; 32]> = keys.one_time.iter().map(|prekey| prekey.key.into()).collect();
        let taken: BTreeSet<_> = before.intersection(&listed).copied().collect();
        keys.one_time.retain(|prekey| !taken.contains(&*prekey.key));
        self.prekeys.insert((*account, *device), Published { keys, taken });
    }

    fn take_prekey(&mut self, account: &Fingerprint, device: &DeviceId) -> Option<Prekey> {
        let published = self.prekeys.get_mut(&(*account, *device))?;
        let Some(prekey) = published.keys.one_time.pop() else {
            return Some(published.keys.fallback.clone());
        };
        published.taken.insert(prekey.key.into());
        Some(prekey)
    }

    fn fallback_prekey(&mut self, account: &Fingerprint, device: &DeviceId) -> Option<Prekey> {
        self.prekeys.get(&(*account, *device)).map(|published| published.keys.fallback.clone())
    }

    fn forget_prekeys(&mut self, account: &Fingerprint, device: &DeviceId) {
        self.prekeys.remove(&(*account, *device));
    }

    fn contacts(&mut self, account: &Fingerprint) -> Vec<(Fingerprint, Standing)> {
        let mine = (*account, Fingerprint([0; 32]))..=(*account, Fingerprint([0xff; 32]));
        self.standings.range(mine).map(|((_, other), standing)| (*other, *standing)).collect()
    }

    fn standing(&mut self, account: &Fingerprint, other: &Fingerprint) -> Standing {
        self.standings.get(&(*account, *other)).copied().unwrap_or(Standing::None)
    }

    fn set_standing(&mut self, account: &Fingerprint, other: &Fingerprint, standing: Standing) {
        if standing != Standing::Asking {
            self.greetings.retain(|(to, from, _), _| (to, from) != (account, other));
        }
        if standing == Standing::None {
            self.standings.remove(&(*account, *other));
            self.via.remove(&(*account, *other));
        } else {
            self.standings.insert((*account, *other), standing);
        }
    }

    fn add_greeting(&mut self, account: &Fingerprint, greeting: &Greeting) -> bool {
        let key = (*account, greeting.from, greeting.device);
        let free = !self.greetings.contains_key(&key);
        if free {
            self.greetings.insert(key, greeting.clone());
        }
        free
    }

    fn greeting_after(
        &mut self,
        account: &Fingerprint,
        device: &DeviceId,
        last: Option<&Fingerprint>,
    ) -> Option<Greeting> {
        let behind = match last {
            None => Bound::Included((*account, Fingerprint([0; 32]), DeviceId([0; 16]))),
            Some(last) => Bound::Excluded((*account, *last, DeviceId([0xff; 16]))),
        };
        let theirs =
            self.greetings.range((behind, Bound::Unbounded)).take_while(|((to, _, _), _)| to == account);
        theirs.map(|(_, greeting)| greeting).find(|greeting| greeting.device == *device).cloned()
    }

    fn via_token(&mut self, account: &Fingerprint, other: &Fingerprint) -> Option<[u8; 16]> {
        self.via.get(&(*account, *other)).copied()
    }

    fn set_via_token(&mut self, account: &Fingerprint, other: &Fingerprint, token: &[u8; 16]) {
        self.via.insert((*account, *other), *token);
    }

    fn token(&mut self, hash: &[u8; 32]) -> Option<Token> {
        self.tokens.get(hash).cloned()
    }

    fn tokens_of(&mut self, owner: &Fingerprint, now: Wall) -> usize {
        let valid = |t: &&Token| t.owner.as_ref() == Some(owner) && t.expiry.is_none_or(|e| e > now);
        self.tokens.values().filter(valid).count()
    }

    fn add_token(&mut self, token: &Token) {
        self.tokens.insert(token.hash, token.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_one_time_key_is_given_out_twice() {
        let prekey = |n: u8| Prekey { key: [n; 32].into(), signature: [0; 64].into() };
        let listed = |keys: &[u8]| Prekeys {
            one_time: keys.iter().map(|&n| prekey(n)).collect(),
            fallback: prekey(0),
        };
        let (mut store, account, device) = (Mem::default(), Fingerprint([7; 32]), DeviceId([1; 16]));
        assert_eq!(store.take_prekey(&account, &device), None);
        store.put_prekeys(&account, &device, &listed(&[1, 2]));
        assert_eq!(store.take_prekey(&account, &device), Some(prekey(2)));
        store.put_prekeys(&account, &device, &listed(&[1, 2]));
        assert_eq!(store.take_prekey(&account, &device), Some(prekey(1)));
        assert_eq!(store.take_prekey(&account, &device), Some(prekey(0)));
        store.put_prekeys(&account, &device, &listed(&[1, 2, 3]));
        assert_eq!(store.take_prekey(&account, &device), Some(prekey(3)));
        assert_eq!(store.take_prekey(&account, &device), Some(prekey(0)));
    }
}
