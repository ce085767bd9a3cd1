//! Who is told that somebody came, went, or is in a call: mutual contacts only, once for each change, and not more
//! often than [`PRESENCE_EVERY`] for one account.

use std::collections::BTreeMap;

use crate::hub::Hub;
use crate::hub::store::Store;
use crate::hub::timers::Timers;
use crate::id::Fingerprint;
use crate::limits::PRESENCE_EVERY;
use crate::time::Time;
use crate::wire::Reply;
use crate::wire::record::{Presence, Standing};

#[derive(Debug)]
pub(super) struct Presences {
    /// What was told of everybody who is not offline, and when.
    told: BTreeMap<Fingerprint, (Presence, Time)>,
    due: Timers<Fingerprint>,
}

impl Presences {
    pub(super) const fn new() -> Self {
        Self { told: BTreeMap::new(), due: Timers::new() }
    }

    /// Something about this account's presence may have changed.
    pub(super) fn changed(&mut self, account: Fingerprint, now: Time) {
        let at = self.told.get(&account).map_or(now, |(_, told)| (*told + PRESENCE_EVERY).max(now));
        if self.due.get(account).is_none_or(|before| before > at) {
            self.due.set(account, Some(at));
        }
    }

    /// A device came: contacts are told even if the account was there all the time.
    pub(super) fn came(&mut self, account: Fingerprint, now: Time) {
        self.told.remove(&account);
        self.changed(account, now);
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.due.next()
    }

    pub(super) fn clear(&mut self) {
        self.told.clear();
        self.due.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty() && self.due.is_empty()
    }

    pub(super) fn told(&self) -> impl Iterator<Item = &Fingerprint> {
        self.told.keys()
    }

    pub(super) fn is_due(&self, account: Fingerprint) -> bool {
        self.due.get(account).is_some()
    }

    /// Remembers what is told; false when that is what was told last.
    fn tell(&mut self, account: Fingerprint, presence: Presence, now: Time) -> bool {
        let before = match presence {
            Presence::Offline => self.told.remove(&account),
            Presence::Online | Presence::InCall => self.told.insert(account, (presence, now)),
        };
        before.is_none_or(|(before, _)| before != presence)
    }
}

impl Hub {
    /// The house's friend answers everybody at once, so it is never shown as busy.
    pub(super) fn presence_of(&self, account: Fingerprint) -> Presence {
        if !self.online.is_here(account) {
            return Presence::Offline;
        }
        if self.rooms.is_in_call(account) && !self.is_house(account) {
            return Presence::InCall;
        }
        Presence::Online
    }

    pub(super) fn tell_presences<S: Store>(&mut self, now: Time, store: &mut S) {
        while let Some(account) = self.presences.due.take_due(now) {
            let presence = self.presence_of(account);
            if !self.presences.tell(account, presence, now) {
                continue;
            }
            for other in self.mutual_here(account, store) {
                self.tell_contact(other, account, store);
            }
        }
    }

    /// The mutual contacts of `account` that are connected. The house knows everybody, so for it those connected
    /// are asked instead.
    fn mutual_here<S: Store>(&self, account: Fingerprint, store: &mut S) -> Vec<Fingerprint> {
        if self.is_house(account) {
            let mut here = self.online.accounts();
            here.retain(|other| store.standing(other, &account) == Standing::Mutual);
            return here;
        }
        let contacts = store.contacts(&account).into_iter();
        let mutual = contacts.filter(|(_, standing)| *standing == Standing::Mutual).map(|(other, _)| other);
        mutual.filter(|other| self.online.is_here(*other)).collect()
    }

    /// 352 about `about`, to every device of `to`.
    pub(super) fn tell_contact<S: Store>(&mut self, to: Fingerprint, about: Fingerprint, store: &mut S) {
        if !self.online.is_here(to) {
            return;
        }
        if let Some(contact) = self.contact(to, about, store) {
            self.say_account(to, &Reply::Contact(Box::new(contact)));
        }
    }
}
