//! What the server says of contacts (203 to 206 and 352), and what it moves in the list: whom one meets first, who
//! changed, whom it names no more.

use crate::client::contacts::{Contacts, Effect, Friend, Here};
use crate::client::event::Event;
use crate::drop::Drop;
use crate::id::{Name, Principal};
use crate::limits::{CONTACTS_MAX, REQUESTS_WAITING_MAX};
use crate::time::Wall;
use crate::wire::record::{Contact, Standing};

impl Contacts {
    /// A login is done and its 352s have yet to come. `welcoming` when it was the first of this profile: then what is
    /// mutual already was made by the account itself, or with it. A server that forgot us has no such word.
    pub(crate) fn logged_in(&mut self, welcoming: bool, now: Wall) {
        self.drop_ended(now);
        self.all_welcome_until = if welcoming { self.lists_asked + 1 } else { 0 };
        for friend in self.friends.values_mut() {
            friend.here.listed = false;
        }
    }

    /// No contact needs our consent.
    pub(crate) fn welcome_all(&mut self) {
        self.open_house = true;
    }

    /// A token is being redeemed, or went with our registration, and a 005 follows: its owner will be mutual.
    pub(crate) fn welcome(&mut self) {
        self.one_welcome_until = self.lists_asked + 1;
    }

    /// 005 is said.
    pub(crate) fn list_asked(&mut self) {
        self.lists_asked += 1;
    }

    /// Whether every 005 was answered.
    pub(crate) fn is_listed(&self) -> bool {
        self.lists_heard >= self.lists_asked
    }

    /// 206: all 352s that our question caused have come. Who is in neither is no contact any more; a server may
    /// tell a friend of everybody only of those who are there.
    pub(crate) fn listed(&mut self, mutual: &[Name]) {
        self.lists_heard += 1;
        let known =
            |f: &Friend| f.here.listed || (f.standing == Standing::Mutual && mutual.contains(&f.name));
        let lost: Vec<_> = self.friends.values().filter(|f| !known(f)).map(|f| f.name.clone()).collect();
        for name in lost {
            self.vanish(&name);
        }
        self.part_again();
        let list = self.list();
        self.out.push_back(Effect::Tell(Event::Contacts(list)));
    }

    /// The connection is gone; nobody can be reached until the next 352.
    pub(crate) fn away(&mut self) {
        (self.lists_asked, self.lists_heard) = (0, 0);
        (self.all_welcome_until, self.one_welcome_until) = (0, 0);
        for friend in self.friends.values_mut() {
            friend.here.presence = None;
        }
        self.to_greet.clear();
        let accounts: Vec<_> = self.names.keys().copied().collect();
        self.out.extend(accounts.into_iter().map(|fp| Effect::Reachable(fp, false)));
    }

    /// 204.
    pub(crate) fn dismissed(&mut self, name: &Name) {
        let asked = self.friends.get(&name.folded()).is_some_and(|f| f.standing == Standing::Asked);
        if asked {
            self.forget(name);
        } else if self.dismissed.as_ref() != Some(name) {
            return self.out.push_back(Effect::Drop(Drop::OutOfTurn));
        }
        self.dismissed = None;
        self.out.push_back(Effect::Tell(Event::Rejected(name.clone())));
    }

    /// 352.
    pub(crate) fn told(&mut self, told: &Contact, now: Wall) {
        if self.told_of_banned(told) {
            return;
        }
        if let Err(why) = self.check(told) {
            return self.out.push_back(Effect::Drop(why));
        }
        match self.friends.get(&told.name.folded()) {
            None if told.standing == Standing::None => {}
            None => self.meet_first(told, now),
            Some(friend) if friend.principal != told.principal => self.block(told),
            // The old one is back, or the server wavers: that is for the human, too.
            Some(friend) if friend.blocked => {
                if let Some(friend) = self.friends.get_mut(&told.name.folded()) {
                    friend.here.listed = true;
                }
            }
            Some(_) if told.standing == Standing::None => self.leave(&told.name),
            Some(_) => self.change(told, now),
        }
    }

    fn check(&self, told: &Contact) -> Result<(), Drop> {
        match &told.principal {
            Principal::Guest(name) if *name != told.name => return Err(Drop::Impostor),
            Principal::Guest(_) => {}
            Principal::Key(fp) => {
                if self.names.get(fp).is_some_and(|known| *known != told.name.folded()) {
                    return Err(Drop::Impostor);
                }
            }
        }
        if self.friends.contains_key(&told.name.folded()) || told.standing == Standing::None {
            return Ok(());
        }
        let asking = self.friends.values().filter(|f| f.standing() == Standing::Asking).count();
        let crowded = told.standing == Standing::Asking && asking >= REQUESTS_WAITING_MAX;
        if crowded || self.friends.len() >= CONTACTS_MAX { Err(Drop::Full) } else { Ok(()) }
    }

    /// The first sight of this name: the principal is pinned.
    fn meet_first(&mut self, told: &Contact, now: Wall) {
        let former = self.former(told);
        let friend = Friend {
            name: told.name.clone(),
            principal: former.clone().unwrap_or_else(|| told.principal.clone()),
            standing: Standing::None,
            wanted: false,
            blocked: false,
            replaced_by: None,
            greeting: None,
            here: Here::default(),
        };
        if let Principal::Key(fp) = &friend.principal {
            self.names.insert(*fp, friend.name.folded());
        }
        self.friends.insert(friend.name.folded(), friend);
        if former.is_some() {
            // It vanished as a friend's, and comes back as somebody else's.
            return self.block(told);
        }
        self.forget_former(&told.name);
        self.change(told, now);
    }

    fn change(&mut self, told: &Contact, now: Wall) {
        let by_invite = told.via_token.as_ref().is_some_and(|t| self.invites(t, &told.principal, now));
        let all_welcome = self.lists_heard < self.all_welcome_until;
        let one_welcome = self.lists_heard < self.one_welcome_until;
        let Some(friend) = self.friends.get_mut(&told.name.folded()) else { return };
        let before = friend.clone();
        friend.here.listed = true;
        friend.standing = told.standing;
        friend.here.presence = (told.standing == Standing::Mutual).then_some(told.presence);
        // They removed us and ask anew: what we wanted then does not answer it.
        friend.wanted &= !(before.standing == Standing::Mutual && told.standing == Standing::Asking);
        let asking = self.asked.iter().find(|asking| asking.name == told.name.folded());
        let asked = asking.is_some() && matches!(told.standing, Standing::Asked | Standing::Mutual);
        let words = asking.and_then(|asking| asking.greeting.clone());
        let taken_in = self.open_house && told.standing == Standing::Mutual;
        friend.wanted |= asked || by_invite || taken_in;
        if told.standing == Standing::Mutual && !friend.wanted && (all_welcome || one_welcome) {
            friend.wanted = true;
            if !all_welcome {
                self.one_welcome_until = 0;
            }
        }
        if before.standing() != friend.standing() {
            friend.greeting = words.filter(|_| friend.standing() == Standing::Asked);
        }
        let after = friend.clone();
        if after.wanted {
            self.unask(&told.name);
            self.forget_removed(&told.principal);
        }
        if before.standing == Standing::Mutual && after.standing != Standing::Mutual {
            self.note_former(&before);
        }
        if (before.standing, before.wanted) != (after.standing, after.wanted) {
            self.save(&after);
        }
        // Whoever is being removed is not shown again because they came or went meanwhile.
        if !self.is_parting(&told.name) {
            if self.info(&before) != self.info(&after) {
                self.tell(&told.name);
            }
            self.announce(before.standing(), &after);
        }
        self.greet(&after, told.list_head.as_ref().map(|head| **head));
        self.meet(&told.name, told.list_head.as_ref().map(|head| **head));
    }

    /// The word for the change, beside the contact itself.
    fn announce(&mut self, before: Standing, after: &Friend) {
        let name = after.name.clone();
        let event = match (before, after.standing()) {
            (Standing::None, Standing::Asked) => Event::Requested(name),
            (Standing::None | Standing::Asked, Standing::Mutual) => Event::Accepted(name),
            (_, Standing::Asking) if !after.here.request_told => {
                if let Some(friend) = self.friends.get_mut(&name.folded()) {
                    friend.here.request_told = true;
                }
                self.out.push_back(Effect::Tell(Event::Request(name.clone())));
                let Some(text) = self.greeting(after) else { return };
                Event::Greeting { from: name, text }
            }
            (_, Standing::None | Standing::Asked | Standing::Asking | Standing::Mutual) => return,
        };
        self.out.push_back(Effect::Tell(event));
    }

    fn leave(&mut self, name: &Name) {
        let asked = self.friends.get(&name.folded()).is_some_and(|f| f.standing == Standing::Asked);
        self.dismissed = asked.then(|| name.clone());
        self.vanish(name);
    }
}
