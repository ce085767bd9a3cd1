//! Calls as requests and replies: who may call whom, and what [`super::rooms`] has to tell, in words with addresses.

use std::collections::BTreeSet;

use crate::hub::online::User;
use crate::hub::refusal::{Done, Refusal};
use crate::hub::ring::{Asked, Callee};
use crate::hub::rooms::Notice;
use crate::hub::store::Store;
use crate::hub::{Hub, Output, Turn};
use crate::id::{CallId, Fingerprint, Name};
use crate::limits::{CALLS_PER_ACCOUNT_MAX, ECHO_CALLS_MAX, MEMBERS_MAX};
use crate::time::Time;
use crate::wire::record::{Standing, Why};
use crate::wire::{Party, Reply};

use super::online::Device;

/// Somebody named in a 100.
enum Named {
    Callee(Callee),
    /// In a call that rings the one who named them.
    Caller(CallId),
}

impl Hub {
    /// 100: call everybody named. Naming somebody who is in the call that rings oneself is one's 101. Of several names
    /// those that cannot be called are told as gone; only when that is everybody, the first reason is the answer.
    pub(super) fn call<S: Store>(&mut self, me: &User, names: &[Name], turn: &mut Turn<'_, S>) -> Done {
        let names: BTreeSet<&Name> = names.iter().collect();
        if names.len() >= MEMBERS_MAX {
            let text = format!("a call has at most {MEMBERS_MAX} places; name fewer people");
            return Err(Refusal::new(Why::Limit, text));
        }
        if !me.can_be_rung() {
            let text = "your address is not one that this protocol can call";
            return Err(Refusal::new(Why::Unsupported, text));
        }
        let (mut callees, mut unreachable) = (Vec::new(), Vec::new());
        let mut refusal = Refusal::new(Why::BadRequest, "name somebody to call");
        for name in names {
            match self.callee(me, name, turn) {
                Ok(Named::Caller(call)) => return self.rooms.accept(me.device, Some(call), turn.now),
                Ok(Named::Callee(callee)) => callees.push(callee),
                Err(why) => {
                    if unreachable.is_empty() {
                        refusal = why;
                    }
                    unreachable.push(name.clone());
                }
            }
        }
        if callees.is_empty() {
            return Err(refusal);
        }
        if !self.call_starts.take(me.device.account, turn.now.mono) {
            return Err(Refusal::too_fast());
        }
        let asked = Asked { callees, unreachable };
        self.rooms.call(me, self.calls_max(me.device.account), &asked, turn.now)
    }

    fn callee<S: Store>(&self, me: &User, name: &Name, turn: &mut Turn<'_, S>) -> Result<Named, Refusal> {
        let other = turn.store.account_named(name).ok_or_else(|| {
            Refusal::new(Why::NoSuchUser, format!("nobody is called {name} here; check the spelling"))
        })?;
        let account = other.fingerprint;
        if account == me.device.account {
            return Err(Refusal::new(Why::Oneself, "that is yourself; call somebody else"));
        }
        if let Some(call) = self.rooms.rung_by(me.device, account) {
            return Ok(Named::Caller(call));
        }
        // Guests call each other as they always did, contacts or not.
        let is_free = me.is_guest() && other.guest;
        if !is_free && turn.store.standing(&me.device.account, &account) != Standing::Mutual {
            return Err(Refusal::not_contact(other.name.as_str()));
        }
        let users = self.reachable(account);
        if users.is_empty() && self.online.is_here(account) {
            let text = format!("{name} uses a program that cannot be called from here");
            return Err(Refusal::new(Why::NobodyRung, text));
        }
        Ok(Named::Callee(Callee {
            account,
            name: other.name,
            users,
            calls_max: self.calls_max(account),
            one_rings: self.is_house(account),
        }))
    }

    pub(super) fn calls_max(&self, account: Fingerprint) -> usize {
        if self.is_house(account) { ECHO_CALLS_MAX } else { CALLS_PER_ACCOUNT_MAX }
    }

    pub(super) fn tell_calls(&mut self, now: Time) {
        while let Some(notice) = self.rooms.poll() {
            match notice {
                Notice::Say(to, reply) => {
                    self.say_device(to, &reply);
                }
                Notice::Rung(to, caller) => {
                    self.say_with_address(to, |party| Reply::CallRequest(party(&caller)))
                }
                Notice::Joined(to, who) => self.say_with_address(to, |party| Reply::CallJoined(party(&who))),
                Notice::Accepted(to, users) => {
                    self.say_with_address(to, |party| Reply::CallAccepted(users.iter().map(party).collect()))
                }
                Notice::Relay(change) => self.out.push_back(Output::Relay(change)),
                Notice::Presence(account) => self.presences.changed(account, now),
            }
        }
    }

    /// The address beside a name is what the recipient's connection may know.
    fn say_with_address(&mut self, to: Device, reply: impl FnOnce(&dyn Fn(&User) -> Party) -> Reply) {
        let Some(guest) = self.online.conn(to).and_then(|conn| self.guests.get(&conn)) else { return };
        let reply =
            reply(&|who| Party { name: who.name.clone(), address: guest.address_of(who).to_string() });
        self.say_device(to, &reply);
    }
}
