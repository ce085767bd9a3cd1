//! Whom one knows at a plain server: names, and how one stands with them. Nothing of it is kept: seed A's server
//! tells the list, seed B's tells each friend when they come.
//!
//! Everybody here is a guest, known by a name that anybody may take. The server's spelling of it is used towards the
//! server, whose programs tell `Bob` from `bob`.

use core::net::SocketAddr;
use std::collections::BTreeMap;

use crate::client::ContactInfo;
use crate::id::{Name, Principal};
use crate::limits::CONTACTS_MAX;
use crate::wire::record::{Presence, Standing};

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Friend {
    /// As the server writes it.
    pub(super) name: Name,
    pub(super) standing: Standing,
    /// Where their program listens for calls; only seed B tells.
    pub(super) at: Option<SocketAddr>,
    /// A contact when the list was asked for: one that is not in the answer is none any more.
    due: bool,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Contacts {
    friends: BTreeMap<Name, Friend>,
    /// Presence is knowing the address. Where no presence is told at all, everybody may be there.
    by_address: bool,
}

impl Contacts {
    pub(super) fn new(by_address: bool) -> Self {
        Self { friends: BTreeMap::new(), by_address }
    }

    pub(super) fn get(&self, name: &Name) -> Option<&Friend> {
        self.friends.get(name)
    }

    pub(super) fn standing(&self, name: &Name) -> Standing {
        self.get(name).map_or(Standing::None, |friend| friend.standing)
    }

    /// How many wait for our answer.
    pub(super) fn asking(&self) -> usize {
        self.friends.values().filter(|friend| friend.standing == Standing::Asking).count()
    }

    /// The name as the server writes it.
    pub(super) fn spelled(&self, name: &Name) -> Name {
        self.get(name).map_or_else(|| name.clone(), |friend| friend.name.clone())
    }

    /// Sets how one stands; what is to be told of it. None when there are too many.
    pub(super) fn set(&mut self, name: &Name, standing: Standing) -> Option<ContactInfo> {
        if !self.friends.contains_key(name) && self.friends.len() >= CONTACTS_MAX {
            return None;
        }
        let fresh = || Friend { name: name.clone(), standing, at: None, due: false };
        let friend = self.friends.entry(name.clone()).or_insert_with(fresh);
        (friend.name, friend.standing) = (name.clone(), standing);
        let friend = friend.clone();
        Some(self.info(&friend))
    }

    /// The latest address wins.
    pub(super) fn meet(&mut self, name: &Name, at: SocketAddr) {
        if let Some(friend) = self.friends.get_mut(name) {
            friend.at = Some(at);
        }
    }

    pub(super) fn forget(&mut self, name: &Name) -> bool {
        self.friends.remove(name).is_some()
    }

    /// Forgets everybody.
    pub(super) fn clear(&mut self) {
        self.friends.clear();
    }

    pub(super) fn list(&self) -> Vec<ContactInfo> {
        self.friends.values().map(|friend| self.info(friend)).collect()
    }

    /// The list is being asked for.
    pub(super) fn expect_list(&mut self) {
        for friend in self.friends.values_mut() {
            friend.due = friend.standing == Standing::Mutual;
        }
    }

    /// The list has come: forgets those that should have been in it.
    pub(super) fn prune(&mut self, listed: &[Name]) -> Vec<Name> {
        let gone = |friend: &&Friend| friend.due && !listed.contains(&friend.name);
        let gone: Vec<Name> = self.friends.values().filter(gone).map(|friend| friend.name.clone()).collect();
        for name in &gone {
            self.friends.remove(name);
        }
        for friend in self.friends.values_mut() {
            friend.due = false;
        }
        gone
    }

    fn info(&self, friend: &Friend) -> ContactInfo {
        let there = friend.standing == Standing::Mutual && (friend.at.is_some() || !self.by_address);
        let presence = if there { Presence::Online } else { Presence::Offline };
        ContactInfo::new(
            friend.name.clone(),
            Principal::Guest(friend.name.clone()),
            friend.standing,
            presence,
        )
    }
}
