//! Calls as requests and replies: who may call whom, and what [`super::rooms`] has to tell, in words with addresses.

use crate::hub::online::User;
use crate::hub::refusal::{Done, Refusal};
use crate::hub::rooms::{Callee, Notice};
use crate::hub::store::Store;
use crate::hub::{Hub, Output, Turn};
use crate::id::{Fingerprint, Name};
use crate::limits::{CALLS_PER_ACCOUNT_MAX, ECHO_CALLS_MAX};
use crate::time::Time;
use crate::wire::record::{Standing, Why};
use crate::wire::{Party, Reply};

use super::online::Device;

impl Hub {
    /// 100
    pub(super) fn call<S: Store>(&mut self, me: &User, names: &[Name], turn: &mut Turn<'_, S>) -> Done {
        let name = match names {
            [name] => name,
            [] => return Err(Refusal::new(Why::BadRequest, "name somebody to call")),
            [..] => {
                let text = "this version of the server connects two people; call one of them";
                return Err(Refusal::new(Why::Unsupported, text));
            }
        };
        let other = turn.store.account_named(name).ok_or_else(|| {
            Refusal::new(Why::NoSuchUser, format!("nobody is called {name} here; check the spelling"))
        })?;
        if other.fingerprint == me.device.account {
            return Err(Refusal::new(Why::Oneself, "that is yourself; call somebody else"));
        }
        if let Some(call) = self.rooms.rung_by(me.device, other.fingerprint) {
            return self.rooms.accept(me.device, Some(call));
        }
        if turn.store.standing(&me.device.account, &other.fingerprint) != Standing::Mutual {
            return Err(Refusal::not_contact(other.name.as_str()));
        }
        if !self.call_starts.take(me.device.account, turn.now.mono) {
            return Err(Refusal::too_fast());
        }
        let account = other.fingerprint;
        let callee = Callee {
            account,
            name: other.name,
            devices: self.online.devices(account).map(|(id, _)| Device { account, id }).collect(),
            calls_max: self.calls_max(account),
            one_rings: self.is_house(account),
        };
        self.rooms.call(me, self.calls_max(me.device.account), &callee, turn.now)
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
                    self.say_with_address(to, |party| Reply::CallRequest(party(caller)))
                }
                Notice::Joined(to, who) => self.say_with_address(to, |party| Reply::CallJoined(party(who))),
                Notice::Accepted(to, names) => self.say_with_address(to, |party| {
                    Reply::CallAccepted(names.into_iter().map(party).collect())
                }),
                Notice::Relay(change) => self.out.push_back(Output::Relay(change)),
                Notice::Presence(account) => self.presences.changed(account, now),
            }
        }
    }

    /// The address beside a name is the server's own as the recipient reaches it, so that none leaks.
    fn say_with_address(&mut self, to: Device, reply: impl FnOnce(&dyn Fn(Name) -> Party) -> Reply) {
        let Some(guest) = self.online.conn(to).and_then(|conn| self.guests.get(&conn)) else { return };
        let address = guest.at.ip().to_canonical().to_string();
        let reply = reply(&|name| Party { name, address: address.clone() });
        self.say_device(to, &reply);
    }
}
