//! The list of an account's devices, as the account itself signed it, entry after entry.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::bytes::ByteArray;

use super::{DEVICE_NAMESPACE, entry_hash, opened};
use crate::crypto::cbor::is_strict_map;
use crate::crypto::ratchet::{DeviceKeys, device_id};
use crate::id::{DeviceId, Fingerprint};
use crate::limits::{DEVICES_MAX, ENTRY_BYTES_MAX};
use crate::wire::record::{DeviceAct, DeviceEntry, Signed};

/// Why a device list is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadList {
    /// An entry that cannot be read, or is too long.
    Malformed,
    /// An entry that this account's key did not sign.
    Forged,
    /// An entry out of its place: the chain does not hold.
    Broken,
    /// An entry that adds what is there, or revokes what is not.
    Senseless,
    /// More devices than [`DEVICES_MAX`].
    Full,
}

/// An account's devices, from its own signed words. The server that hands the list on cannot add to it; it can
/// hold back the end. The heads inside every sealed message would show that to whoever looked at them, as nobody does
/// yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceList {
    account: Fingerprint,
    head: [u8; 32],
    entries: u32,
    devices: BTreeMap<DeviceId, DeviceKeys>,
    revoked: BTreeSet<DeviceId>,
}

impl DeviceList {
    /// The list before its first entry.
    pub fn new(account: Fingerprint) -> Self {
        Self { account, head: [0; 32], entries: 0, devices: BTreeMap::new(), revoked: BTreeSet::new() }
    }

    /// Checks a whole list, oldest first.
    ///
    /// # Errors
    /// Any of [`BadList`], of the first entry that is wrong.
    pub fn verify(account: Fingerprint, entries: &[Signed]) -> Result<Self, BadList> {
        let mut list = Self::new(account);
        entries.iter().try_for_each(|entry| list.append(entry))?;
        Ok(list)
    }

    /// Checks and takes in the next entry; changes nothing when it is wrong.
    ///
    /// # Errors
    /// Any of [`BadList`].
    pub fn append(&mut self, signed: &Signed) -> Result<(), BadList> {
        if signed.bytes.len() + signed.sshsig.len() > ENTRY_BYTES_MAX || !is_strict_map(&signed.bytes) {
            return Err(BadList::Malformed);
        }
        let Some((signer, entry)) = opened::<DeviceEntry>(DEVICE_NAMESPACE, signed) else {
            return Err(BadList::Forged);
        };
        if signer != self.account {
            return Err(BadList::Forged);
        }
        if entry.seq != self.entries || *entry.previous != self.head {
            return Err(BadList::Broken);
        }
        self.apply(&entry)?;
        self.entries += 1;
        self.head = entry_hash(signed);
        Ok(())
    }

    fn apply(&mut self, entry: &DeviceEntry) -> Result<(), BadList> {
        let keys = DeviceKeys { ed25519: *entry.ed25519, curve25519: *entry.curve25519 };
        let id = device_id(&keys);
        match entry.act {
            DeviceAct::Add if self.devices.contains_key(&id) || self.revoked.contains(&id) => {
                Err(BadList::Senseless)
            }
            DeviceAct::Add if self.devices.len() + self.revoked.len() >= DEVICES_MAX => Err(BadList::Full),
            DeviceAct::Add => {
                self.devices.insert(id, keys);
                Ok(())
            }
            DeviceAct::Revoke if self.devices.remove(&id).is_none() => Err(BadList::Senseless),
            DeviceAct::Revoke => {
                self.revoked.insert(id);
                Ok(())
            }
        }
    }

    /// Whose.
    pub fn account(&self) -> Fingerprint {
        self.account
    }

    /// SHA-256 of the newest entry's signed bytes; zeros while there is none.
    pub fn head(&self) -> [u8; 32] {
        self.head
    }

    /// How many entries there are: the next one's `seq`.
    pub fn next_seq(&self) -> u32 {
        self.entries
    }

    /// The devices that speak for the account, in the order of their ids.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceId, &DeviceKeys)> {
        self.devices.iter().map(|(id, keys)| (*id, keys))
    }

    /// The keys of a device that speaks for the account.
    pub fn get(&self, device: DeviceId) -> Option<&DeviceKeys> {
        self.devices.get(&device)
    }

    /// Whether the device spoke for the account once and no longer does.
    pub fn is_revoked(&self, device: DeviceId) -> bool {
        self.revoked.contains(&device)
    }

    /// The entry that would add this device next, to be signed.
    pub fn addition(&self, keys: &DeviceKeys, created_ms: u64) -> DeviceEntry {
        DeviceEntry {
            seq: self.entries,
            previous: self.head.into(),
            act: DeviceAct::Add,
            ed25519: ByteArray::from(keys.ed25519),
            curve25519: ByteArray::from(keys.curve25519),
            created_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AccountKey, entry_bytes, verify_sshsig};
    use super::*;
    use proptest::prelude::*;

    fn key(seed: u8) -> AccountKey {
        AccountKey::from_seed(&[seed; 32], "alice@test")
    }

    fn keys(n: u8) -> DeviceKeys {
        DeviceKeys { ed25519: [n; 32], curve25519: [n + 1; 32] }
    }

    fn signed(by: &AccountKey, entry: &DeviceEntry) -> Signed {
        let bytes = entry_bytes(entry);
        let sshsig = by.sign(DEVICE_NAMESPACE, &bytes);
        Signed { bytes: bytes.into(), sshsig: sshsig.into() }
    }

    fn revocation(list: &DeviceList, of: &DeviceKeys) -> DeviceEntry {
        DeviceEntry { act: DeviceAct::Revoke, ..list.addition(of, 0) }
    }

    #[test]
    fn a_list_grows_and_revokes() {
        let key = key(1);
        let mut list = DeviceList::new(key.fingerprint());
        let mut entries = Vec::new();
        let mut say = |list: &mut DeviceList, entry: DeviceEntry| {
            entries.push(signed(&key, &entry));
            list.append(entries.last().unwrap()).unwrap();
        };
        let entry = list.addition(&keys(1), 9);
        say(&mut list, entry);
        let entry = list.addition(&keys(3), 9);
        say(&mut list, entry);
        let entry = revocation(&list, &keys(1));
        say(&mut list, entry);
        assert_eq!(DeviceList::verify(key.fingerprint(), &entries), Ok(list.clone()));
        assert_eq!(list.devices().collect::<Vec<_>>(), [(device_id(&keys(3)), &keys(3))]);
        assert!(list.is_revoked(device_id(&keys(1))) && list.get(device_id(&keys(1))).is_none());
        assert_eq!((list.head(), list.next_seq()), (entry_hash(&entries[2]), 3));
        let back = signed(&key, &list.addition(&keys(1), 9));
        assert_eq!(list.append(&back), Err(BadList::Senseless), "a revoked device does not come back");
    }

    #[test]
    fn a_list_cannot_be_cut_reordered_or_forged() {
        let key = key(1);
        let mut list = DeviceList::new(key.fingerprint());
        let mut entries = Vec::new();
        for n in [1, 3, 5] {
            entries.push(signed(&key, &list.addition(&keys(n), 9)));
            list.append(entries.last().unwrap()).unwrap();
        }
        let verify = |entries: &[Signed]| DeviceList::verify(key.fingerprint(), entries).map(|_| ());
        assert_eq!(verify(&entries[1..]), Err(BadList::Broken));
        assert_eq!(verify(&[entries[1].clone(), entries[0].clone()]), Err(BadList::Broken));
        assert_eq!(verify(&[entries[0].clone(), entries[2].clone()]), Err(BadList::Broken));
        assert_eq!(verify(&[entries[0].clone(), entries[0].clone()]), Err(BadList::Broken));
        let foreign = signed(&self::key(2), &DeviceList::new(key.fingerprint()).addition(&keys(1), 9));
        assert_eq!(verify(&[foreign]), Err(BadList::Forged));
        let mut bent = entries[0].clone();
        *bent.bytes.last_mut().unwrap() ^= 1;
        assert_eq!(verify(&[bent]), Err(BadList::Forged));
        let mut long = entries[0].clone();
        long.bytes.resize(ENTRY_BYTES_MAX, 0);
        assert_eq!(verify(&[long]), Err(BadList::Malformed));
        let unknown = revocation(&DeviceList::new(key.fingerprint()), &keys(1));
        assert_eq!(verify(&[signed(&key, &unknown)]), Err(BadList::Senseless));
    }

    #[test]
    fn devices_are_counted_revoked_ones_included() {
        let key = key(1);
        let mut list = DeviceList::new(key.fingerprint());
        for n in 0..DEVICES_MAX as u8 {
            list.append(&signed(&key, &list.addition(&keys(2 * n), 0))).unwrap();
        }
        list.append(&signed(&key, &revocation(&list, &keys(0)))).unwrap();
        let more = signed(&key, &list.addition(&keys(101), 0));
        assert_eq!(list.append(&more), Err(BadList::Full));
    }

    proptest! {
        #[test]
        fn hostile_entries_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let blob = key(1).sign(DEVICE_NAMESPACE, &bytes);
            let entry = Signed { bytes: bytes.clone().into(), sshsig: blob.into() };
            prop_assert!(DeviceList::verify(key(1).fingerprint(), &[entry]).is_err());
            prop_assert_eq!(verify_sshsig(DEVICE_NAMESPACE, b"", &bytes), None);
        }
    }
}
