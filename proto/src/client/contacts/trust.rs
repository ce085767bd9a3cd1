//! How far somebody is trusted, by who they are and not by what they are called: verified, found to be somebody else,
//! blocked.

use minicbor::{Decode, Encode};

use crate::client::contacts::parting::Former;
use crate::client::contacts::{Contacts, Effect, Friend, Here};
use crate::client::event::{Banned, Event};
use crate::client::state::{Kind, Save};
use crate::drop::Drop;
use crate::id::{Fingerprint, Name, Principal};
use crate::limits::{BANNED_MAX, CONTACTS_MAX};
use crate::time::Wall;
use crate::wire::record::{Contact, Standing};

/// What people said about a key after they compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Trust {
    /// It matched, and when, unix milliseconds.
    #[n(0)]
    verified: Option<u64>,
    /// It did not, and when.
    #[n(1)]
    differs: Option<u64>,
}

/// Somebody blocked, as kept.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(super) struct Ban {
    #[n(0)]
    principal: Principal,
    /// What they were called then.
    #[n(1)]
    name: Name,
    #[n(2)]
    since: u64,
    /// What the server says of them meanwhile, for when they are let in again.
    #[cbor(skip)]
    told: Option<Contact>,
}

impl Contacts {
    /// Takes back a row of [`Kind::Trust`], [`Kind::Ban`], [`Kind::Former`] or [`Kind::Removed`].
    pub(super) fn restore_trust(&mut self, kind: Kind, key: &[u8], value: &[u8]) {
        match kind {
            Kind::Trust => {
                if let (Ok(account), Ok(trust)) = (key.try_into(), minicbor::decode(value)) {
                    self.trust.insert(Fingerprint(account), trust);
                }
            }
            Kind::Ban => {
                if let Ok(ban) = minicbor::decode::<Ban>(value) {
                    self.bans.insert(ban.principal.clone(), ban);
                }
            }
            Kind::Former => {
                if let (Ok(name), Some(former)) = (core::str::from_utf8(key), Former::decode(value)) {
                    self.former.insert(name.to_owned(), former);
                }
            }
            Kind::Removed => self.restore_removed(key, value),
            Kind::Profile
            | Kind::Account
            | Kind::Session
            | Kind::Contact
            | Kind::Devices
            | Kind::Outbox
            | Kind::Seen
            | Kind::Token
            | Kind::PlainYes => {}
        }
    }

    // --- verified, or not ---

    fn trust_of(&self, friend: &Friend) -> Trust {
        match &friend.principal {
            Principal::Key(account) => self.trust.get(account).copied().unwrap_or_default(),
            Principal::Guest(_) => Trust::default(),
        }
    }

    /// When somebody was verified.
    pub(super) fn verified(&self, friend: &Friend) -> Option<Wall> {
        self.trust_of(friend).verified.map(Wall)
    }

    /// Whether it was found that the key is not theirs.
    pub(super) fn differs(&self, friend: &Friend) -> bool {
        self.trust_of(friend).differs.is_some()
    }

    /// Whether nothing may go to them or come from them, under whatever name and in whatever call: they are blocked, it
    /// was found that they are somebody else, or it is not decided yet who they are.
    pub(crate) fn shuns(&self, who: &Principal) -> bool {
        let Principal::Key(account) = who else { return self.bans.contains_key(who) };
        let differs = self.trust.get(account).is_some_and(|trust| trust.differs.is_some());
        let named = self.names.get(account).and_then(|name| self.friends.get(name));
        differs || self.bans.contains_key(who) || named.is_some_and(|friend| friend.blocked)
    }

    /// A human compared this key: it matched, or did not. False when the name has no key, or another one.
    pub(crate) fn verify(&mut self, name: &Name, account: Fingerprint, matches: bool, now: Wall) -> bool {
        let theirs = |friend: &&Friend| !friend.blocked && friend.principal == Principal::Key(account);
        if self.friends.get(&name.folded()).filter(theirs).is_none() {
            return false;
        }
        let trust = if matches {
            Trust { verified: Some(now.0), differs: None }
        } else {
            Trust { verified: None, differs: Some(now.0) }
        };
        self.make_room();
        self.trust.insert(account, trust);
        let value = minicbor::to_vec(trust).expect("a record of ours always encodes");
        let save = Save { kind: Kind::Trust, key: account.0.into(), value: Some(value) };
        self.out.push_back(Effect::Save(save));
        self.tell(name);
        if matches {
            self.meet(name, None);
        } else {
            self.out.push_back(Effect::Reachable(account, false));
            self.out.push_back(Effect::Shun(Principal::Key(account)));
        }
        true
    }

    /// What was said of a key that is nobody's any more goes first.
    fn make_room(&mut self) {
        if self.trust.len() < CONTACTS_MAX {
            return;
        }
        let idle = self.trust.keys().find(|account| !self.names.contains_key(*account)).copied();
        if let Some(account) = idle {
            self.trust.remove(&account);
            let key = account.0.into();
            self.out.push_back(Effect::Save(Save { kind: Kind::Trust, key, value: None }));
        }
    }

    // --- another key ---

    /// The name means somebody else: nothing goes out until a human decided.
    pub(super) fn block(&mut self, told: &Contact) {
        let Some(friend) = self.friends.get_mut(&told.name.folded()) else { return };
        friend.here.listed = true;
        let (new, standing) = (Some(told.principal.clone()), told.standing);
        let again = friend.blocked && friend.replaced_by == new && friend.standing == standing;
        if again {
            return;
        }
        let first = !core::mem::replace(&mut friend.blocked, true);
        // Each other key is news: a human decides about the one they saw.
        let news = friend.replaced_by != new;
        friend.replaced_by = new;
        friend.standing = standing;
        friend.here.presence = None;
        let friend = friend.clone();
        self.save(&friend);
        self.forbid_plain(&told.name);
        self.tell(&told.name);
        if first {
            self.out.push_back(Effect::Shun(friend.principal.clone()));
            if let Principal::Key(fp) = friend.principal {
                self.out.push_back(Effect::Part(fp));
            }
        }
        if first || news {
            self.out.push_back(Effect::Tell(Event::IdentityChanged(told.name.clone())));
        }
    }

    /// A human says that this new key is theirs. A contact with a key never becomes a guest, whose name proves nothing
    /// (security.md section 2: no downgrade). What was known of the old one is not carried over, and the contact is
    /// to be asked for or accepted as ever: gives how the server says one stands.
    pub(crate) fn accept_identity(&mut self, name: &Name, key: Fingerprint) -> Option<Standing> {
        let friend = self.friends.get(&name.folded()).filter(|friend| friend.blocked)?.clone();
        let new = friend.replaced_by.clone().filter(|new| *new == Principal::Key(key))?;
        if let Principal::Key(account) = &friend.principal {
            self.names.remove(account);
        }
        self.forget_former(name);
        // One key, one name: should it be known by another, that one stays.
        if self.names.contains_key(&key) {
            self.forget(name);
            return None;
        }
        self.names.insert(key, name.folded());
        let standing = friend.standing;
        let fresh = Friend {
            principal: new.clone(),
            wanted: standing == Standing::Mutual,
            blocked: false,
            replaced_by: None,
            greeting: None,
            here: Here { listed: true, request_told: true, ..Here::default() },
            ..friend.clone()
        };
        self.friends.insert(name.folded(), fresh.clone());
        self.save(&fresh);
        self.forget_removed(&new);
        let event = Event::IdentityAccepted { name: name.clone(), old: friend.principal, new };
        self.out.push_back(Effect::Tell(event));
        self.tell(name);
        self.meet(name, None);
        Some(standing)
    }

    // --- blocked by us ---

    /// Blocks whoever goes by this name, whatever they call themselves later: behind a changed key that is the new one,
    /// and the name stays the old one's. Gives how one stood; none when there is nobody, or no room.
    pub(crate) fn ban(&mut self, name: &Name, now: Wall) -> Option<Standing> {
        let friend = self.friends.get(&name.folded())?.clone();
        if self.bans.len() >= BANNED_MAX {
            return None;
        }
        let newcomer = friend.replaced_by.clone();
        let who = newcomer.clone().unwrap_or_else(|| friend.principal.clone());
        let told = (friend.standing == Standing::Asking).then(|| Contact {
            principal: who.clone(),
            name: friend.name.clone(),
            standing: Standing::Asking,
            presence: friend.info_presence(),
            list_head: None,
            via_token: None,
        });
        let ban = Ban { principal: who.clone(), name: friend.name.clone(), since: now.0, told };
        let value = minicbor::to_vec(&ban).expect("a record of ours always encodes");
        let save = Save { kind: Kind::Ban, key: key_of(&ban.principal), value: Some(value) };
        self.out.push_back(Effect::Save(save));
        self.bans.insert(ban.principal.clone(), ban);
        self.unask(name);
        self.note_removed(&who);
        if newcomer.is_some() {
            self.note_former(&friend);
        } else {
            self.forget_former(name);
        }
        self.forget(name);
        self.out.push_back(Effect::Shun(who));
        self.tell_bans();
        Some(friend.standing)
    }

    /// Lets somebody in again; false when they are not blocked. If they ask to be a contact, that is told now.
    pub(crate) fn unban(&mut self, who: &Principal, now: Wall) -> bool {
        let Some(ban) = self.bans.remove(who) else { return false };
        self.out.push_back(Effect::Save(Save { kind: Kind::Ban, key: key_of(who), value: None }));
        self.tell_bans();
        if let Some(told) = ban.told.filter(|told| told.standing == Standing::Asking) {
            self.told(&told, now);
        }
        true
    }

    /// Whether what the server says is about somebody blocked, who is not to be heard of.
    pub(super) fn told_of_banned(&mut self, told: &Contact) -> bool {
        let Some(ban) = self.bans.get_mut(&told.principal) else { return false };
        ban.told = Some(told.clone());
        if matches!(told.standing, Standing::Mutual | Standing::Asked) {
            self.out.push_back(Effect::Unfriend(told.name.clone()));
        }
        self.out.push_back(Effect::Drop(Drop::NotContact));
        true
    }

    /// Everybody blocked, told as one list.
    pub(crate) fn tell_bans(&mut self) {
        let list = self.bans.values().map(|ban| Banned {
            principal: ban.principal.clone(),
            name: ban.name.clone(),
            since: Wall(ban.since),
        });
        let list = list.collect();
        self.out.push_back(Effect::Tell(Event::Banned(list)));
    }
}

/// The key of a row about a principal.
pub(super) fn key_of(principal: &Principal) -> Vec<u8> {
    minicbor::to_vec(principal).expect("a record of ours always encodes")
}
