//! What is said with a contact request: ours until the server has it, theirs until the request is answered. One for each
//! request, in both directions.

use crate::client::contacts::{Contacts, Effect, Friend};
use crate::client::event::{Event, Matter};
use crate::id::{Fingerprint, Name, Principal};
use crate::limits::{GREETING_BYTES_MAX, REQUESTS_PENDING_MAX};
use crate::safe::Safe;
use crate::wire::record::{Standing, Why};

/// Somebody whom we asked, before the server says who that is.
#[derive(Debug)]
pub(super) struct Asking {
    /// Folded.
    pub(super) name: String,
    pub(super) greeting: Option<String>,
}

impl Contacts {
    // --- ours ---

    /// We ask for this contact, perhaps saying something with it: their yes needs no other word from us. Kept in memory
    /// only, since there is no principal to write down yet; a crash before the server's answer costs one more question.
    /// A request that stands already has its own greeting.
    pub(crate) fn ask(&mut self, name: &Name, greeting: Option<String>) {
        self.unask(name);
        if self.asked.len() >= REQUESTS_PENDING_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back(Asking { name: name.folded(), greeting });
    }

    /// They are asked, as the server says, and something is to be said with it.
    pub(super) fn greet(&mut self, friend: &Friend, head: Option<[u8; 32]>) {
        if friend.standing() != Standing::Asked || friend.greeting.is_none() || self.is_parting(&friend.name)
        {
            return;
        }
        match &friend.principal {
            Principal::Key(account) => {
                self.to_greet.insert(*account);
                self.out.push_back(Effect::Greet(*account, head.unwrap_or_default()));
            }
            Principal::Guest(_) => {
                self.forget_greeting(&friend.name);
                let because = "they are here without keys, as a guest of a plain protocol";
                self.tell_ungreeted(&friend.name, Why::Unsupported, because);
            }
        }
    }

    /// Those for whom something is to be sealed.
    pub(crate) fn to_greet(&self) -> impl Iterator<Item = &Fingerprint> {
        self.to_greet.iter()
    }

    /// What is to be sealed for this account; asked for once on a connection.
    pub(crate) fn take_words_for(&mut self, account: &Fingerprint) -> Option<String> {
        self.to_greet.remove(account);
        let friend = self.friend_of(account)?;
        friend.greeting.clone().filter(|_| friend.standing() == Standing::Asked && !friend.blocked)
    }

    /// The server keeps it with the request, or never will.
    pub(crate) fn greeted(&mut self, account: &Fingerprint) {
        self.to_greet.remove(account);
        let friend = self.friend_of(account).filter(|friend| friend.standing() == Standing::Asked);
        if let Some(name) = friend.map(|friend| friend.name.clone()) {
            self.forget_greeting(&name);
        }
    }

    /// The server takes nothing with a request.
    pub(crate) fn ungreeted(&mut self, account: &Fingerprint, why: Why, because: &str) {
        let asked =
            self.friend_of(account).filter(|f| f.standing() == Standing::Asked && f.greeting.is_some());
        let name = asked.map(|friend| friend.name.clone());
        self.greeted(account);
        if let Some(name) = name {
            self.tell_ungreeted(&name, why, because);
        }
    }

    fn tell_ungreeted(&mut self, name: &Name, why: Why, because: &str) {
        let text = format!("{name} is asked, but your message did not go with it: {because}");
        let (of, text) = (Matter::Greeting(name.clone()), Safe::words(&text, GREETING_BYTES_MAX));
        self.out.push_back(Effect::Tell(Event::Refused { of, why, text }));
    }

    fn forget_greeting(&mut self, name: &Name) {
        let Some(friend) = self.friends.get_mut(&name.folded()) else { return };
        if friend.greeting.take().is_some() {
            let friend = friend.clone();
            self.save(&friend);
        }
    }

    // --- theirs ---

    /// Whether this account waits for our answer, and nobody doubts who it is.
    pub(crate) fn asks(&self, account: &Fingerprint) -> bool {
        let asking = |f: &&Friend| {
            f.standing() == Standing::Asking && !f.blocked && !self.differs(f) && !self.is_parting(&f.name)
        };
        self.friend_of(account).filter(asking).is_some()
    }

    /// Whether what it says with that is here already.
    pub(crate) fn has_greeting_of(&self, account: &Fingerprint) -> bool {
        self.friend_of(account).is_some_and(|friend| friend.greeting.is_some())
    }

    /// It came: kept until they are answered.
    pub(crate) fn greeted_by(&mut self, account: &Fingerprint, text: String) {
        let Some(name) = self.names.get(account).cloned() else { return };
        let Some(friend) = self.friends.get_mut(&name) else { return };
        friend.greeting = Some(text);
        let friend = friend.clone();
        self.save(&friend);
        self.tell(&friend.name);
        if let Some(text) = self.greeting(&friend) {
            self.out.push_back(Effect::Tell(Event::Greeting { from: friend.name, text }));
        }
    }

    /// What they say, harmless.
    pub(super) fn greeting(&self, friend: &Friend) -> Option<Safe> {
        let asks = friend.standing() == Standing::Asking && !friend.blocked;
        let text = friend.greeting.as_ref().filter(|_| asks)?;
        Some(Safe::words(text, GREETING_BYTES_MAX)).filter(|text| !text.as_str().trim().is_empty())
    }

    fn friend_of(&self, account: &Fingerprint) -> Option<&Friend> {
        self.friends.get(self.names.get(account)?)
    }
}
