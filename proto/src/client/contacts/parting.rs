//! Whoever is no contact any more: removed by us, which the server may refuse, or vanished without our doing. Whose a
//! name was then is remembered, so that it cannot come back with another key unseen.
//!
//! A removal counts when the server says so. Until then they are not shown; should it refuse, they are where they were,
//! and should the connection be lost before it answers, it is told again after the next login.
//!
//! A removal is also the user's last word about who that is, until they are wanted again: an invite of ours, which cannot
//! be called back, does not answer for them.

use crate::client::contacts::trust::key_of;
use crate::client::contacts::{Contacts, Effect, Friend};
use crate::client::state::{Kind, Save};
use crate::id::{Fingerprint, Name, Principal};
use crate::limits::CONTACTS_MAX;
use crate::wire::record::{Contact, Standing};
use crate::wire::request::Request;

/// Whose a name was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Former {
    account: Fingerprint,
    /// The how manieth this was: the oldest makes room.
    nth: u64,
}

impl Former {
    fn encode(self) -> Vec<u8> {
        [&self.account.0[..], &self.nth.to_be_bytes()].concat()
    }

    /// A version before this one kept the account alone; those are the oldest.
    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let (account, nth) = value.split_first_chunk::<32>()?;
        let nth = if nth.is_empty() { 0 } else { u64::from_be_bytes(nth.try_into().ok()?) };
        Some(Self { account: Fingerprint(*account), nth })
    }
}

impl Contacts {
    // --- removed by us ---

    /// The user wants this contact no more: what is to be said to the server; none when there is nobody of that name.
    /// A blocked one is forgotten at once: the server means somebody else by the name. Whoever takes the name of one
    /// that was removed is somebody new.
    pub(crate) fn part(&mut self, name: &Name) -> Option<Request> {
        self.forget_former(name);
        self.unask(name);
        let request = self.parting_request(name)?;
        let friend = self.friends.get_mut(&name.folded())?;
        let before = core::mem::take(&mut friend.wanted);
        let friend = friend.clone();
        // Behind a changed key that is whom the server means now, too.
        self.note_removed(&friend.principal);
        friend.replaced_by.iter().for_each(|who| self.note_removed(who));
        if friend.blocked {
            self.forget(name);
        } else {
            // Asked twice, they are where they were before the first time.
            self.parting.entry(name.folded()).or_insert(before);
            self.save(&friend);
        }
        Some(request)
    }

    /// What the server made a contact by itself is shown as a request, and taken back as a contact.
    fn parting_request(&self, name: &Name) -> Option<Request> {
        let friend = self.friends.get(&name.folded())?;
        Some(match friend.standing {
            Standing::Asking => Request::Reject(name.clone()),
            Standing::None | Standing::Asked | Standing::Mutual => Request::Remove(name.clone()),
        })
    }

    /// Whether the user removed them, and the server did not say so yet.
    pub(super) fn is_parting(&self, name: &Name) -> bool {
        self.parting.contains_key(&name.folded())
    }

    /// The server did not do it: they are what they were. False when they are gone all the same.
    pub(crate) fn stay(&mut self, name: &Name) -> bool {
        let wanted = self.parting.remove(&name.folded()).unwrap_or_default();
        let Some(friend) = self.friends.get_mut(&name.folded()) else { return false };
        friend.wanted |= wanted;
        let friend = friend.clone();
        if friend.wanted {
            self.forget_removed(&friend.principal);
        }
        self.save(&friend);
        self.tell(name);
        true
    }

    /// The list has come: whose removal was not answered before the connection was lost is still in it.
    pub(super) fn part_again(&mut self) {
        let names = self.parting.keys().filter_map(|name| self.friends.get(name)).map(|f| f.name.clone());
        let again: Vec<_> = names.map(Effect::PartAgain).collect();
        self.out.extend(again);
    }

    /// The same once more, if they are still there.
    pub(crate) fn parting_again(&self, name: &Name) -> Option<Request> {
        if self.is_parting(name) { self.parting_request(name) } else { None }
    }

    /// Removed, dismissed or blocked: by who they are, since they come back under any name.
    pub(super) fn note_removed(&mut self, who: &Principal) {
        if self.removed.len() >= CONTACTS_MAX && !self.removed.contains_key(who) {
            let oldest = self.removed.iter().min_by_key(|(_, nth)| **nth).map(|(who, _)| who.clone());
            oldest.iter().for_each(|who| self.forget_removed(who));
        }
        let nth = self.removed.values().max().map_or(1, |nth| nth.saturating_add(1));
        self.removed.insert(who.clone(), nth);
        let value = Some(nth.to_be_bytes().into());
        self.out.push_back(Effect::Save(Save { kind: Kind::Removed, key: key_of(who), value }));
    }

    /// The user wants them again.
    pub(super) fn forget_removed(&mut self, who: &Principal) {
        if self.removed.remove(who).is_some() {
            self.out.push_back(Effect::Save(Save { kind: Kind::Removed, key: key_of(who), value: None }));
        }
    }

    pub(super) fn restore_removed(&mut self, key: &[u8], value: &[u8]) {
        if let (Ok(who), Ok(nth)) = (minicbor::decode(key), value.try_into()) {
            self.removed.insert(who, u64::from_be_bytes(nth));
        }
    }

    // --- vanished ---

    /// The server knows the name as a contact no more: whose it was is remembered, unless we wanted that.
    pub(super) fn vanish(&mut self, name: &Name) {
        if let Some(friend) = self.friends.get(&name.folded()).cloned() {
            self.note_former(&friend);
        }
        self.forget(name);
    }

    /// Whom the name meant, when it vanished or was turned into a stranger's without our doing.
    pub(super) fn note_former(&mut self, friend: &Friend) {
        let was_friend = friend.wanted && friend.standing == Standing::Mutual;
        let Principal::Key(account) = friend.principal else { return };
        if !was_friend && !friend.blocked && !self.trust.contains_key(&account) {
            return;
        }
        let name = friend.name.folded();
        if self.former.len() >= CONTACTS_MAX && !self.former.contains_key(&name) {
            self.forget_oldest_former();
        }
        let nth = self.former.values().map(|former| former.nth).max().map_or(1, |nth| nth.saturating_add(1));
        let former = Former { account, nth };
        let (key, value) = (name.clone().into_bytes(), Some(former.encode()));
        self.former.insert(name, former);
        self.out.push_back(Effect::Save(Save { kind: Kind::Former, key, value }));
    }

    fn forget_oldest_former(&mut self) {
        let oldest = self.former.iter().min_by_key(|(_, former)| former.nth);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.forget_former_called(&name);
        }
    }

    pub(super) fn forget_former(&mut self, name: &Name) {
        self.forget_former_called(&name.folded());
    }

    fn forget_former_called(&mut self, name: &str) {
        if self.former.remove(name).is_some() {
            let key = name.as_bytes().to_vec();
            self.out.push_back(Effect::Save(Save { kind: Kind::Former, key, value: None }));
        }
    }

    /// Whoever had this name when it vanished, if that was somebody else.
    pub(super) fn former(&self, told: &Contact) -> Option<Principal> {
        let former = Principal::Key(self.former.get(&told.name.folded())?.account);
        (former != told.principal).then_some(former)
    }
}
