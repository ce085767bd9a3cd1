//! Comparing with somebody, and what people say came of it; new keys accepted; people blocked.

use crate::client::{Asked, Client, Compared, Event, Matter};
use crate::compare::{Act, Effect};
use crate::crypto::envelope::{Body, End};
use crate::drop::Drop;
use crate::id::{CallId, Fingerprint, Name};
use crate::time::Now;
use crate::wire::record::{Standing, Why};
use crate::wire::request::Request;

impl Client {
    /// A human wants words to compare.
    pub(super) fn begin_comparing(&mut self, name: &Name, now: Now) {
        let Some(account) = self.contacts.reachable_as(name) else {
            let what = format!("cannot compare words with {name}: they are no contact with a key");
            return self.refuse(Matter::Words(name.clone()), Why::NotContact, &what);
        };
        let Some((call, device)) = self.call.end_of(&account) else {
            let what = format!("cannot compare words with {name}: they are not in a sealed call with you");
            return self.refuse(Matter::Words(name.clone()), Why::NoCall, &what);
        };
        let nonce = self.rng.bytes();
        self.compare.handle(Act::Begin { call, peer: End { account, device }, nonce }, now.mono);
    }

    /// An opened call message: true when it was about comparing.
    pub(super) fn compares(&mut self, call: CallId, peer: End, body: &Body, now: Now) -> bool {
        let act = match body {
            Body::Promise { promise, .. } => {
                Act::Promised { call, peer, promise: *promise, nonce: self.rng.bytes() }
            }
            Body::Nonce { nonce, .. } => Act::Shown { call, peer, nonce: *nonce },
            Body::Text(_)
            | Body::Receipt(_)
            | Body::Greeting(_)
            | Body::Offer(_)
            | Body::Ringing(_)
            | Body::Accept { .. }
            | Body::Key { .. }
            | Body::Taken(_)
            | Body::HangUp(_) => return false,
        };
        // Only with a contact, and only the device that is in the call with us.
        let is_contact = self.contacts.name_of(&peer.account).is_some();
        if is_contact && self.call.end_of(&peer.account) == Some((call, peer.device)) {
            self.compare.handle(act, now.mono);
        } else {
            self.drop(Drop::OutOfTurn);
        }
        true
    }

    pub(super) fn compare_effect(&mut self, effect: Effect, now: Now) {
        match effect {
            Effect::Seal { call, to, body } => self.seal_call(call, to, body, false, now),
            Effect::Tell(peer, compared) => self.compared(peer, compared),
            Effect::Drop(why) => self.drop(why),
        }
    }

    fn compared(&mut self, peer: End, compared: Compared) {
        if let Some(who) = self.contacts.name_of(&peer.account).cloned() {
            self.tell(Event::Compared { who, compared });
        }
    }

    /// A human compared. Who turned out to be somebody else is not talked to any longer.
    pub(super) fn verify(&mut self, name: &Name, key: Fingerprint, matches: bool, now: Now) {
        if !self.contacts.verify(name, key, matches, now.wall) {
            let what =
                format!("cannot verify {name}: they are no contact with this key; look at their key again");
            self.refuse(Matter::Contact(name.clone()), Why::NotContact, &what);
        }
    }

    /// A human says that a new key is theirs: what it asked for is answered, or it is asked.
    pub(super) fn accept_identity(&mut self, name: Name, key: Fingerprint) {
        match self.contacts.accept_identity(&name, key) {
            Some(Standing::Mutual) => {}
            Some(Standing::Asking) => self.accept(name),
            Some(Standing::None | Standing::Asked) => self.add(name),
            None => {
                let what = format!("{name} does not come with this new key: look at it again");
                self.refuse(Matter::Contact(name), Why::Other, &what);
            }
        }
    }

    /// Blocks somebody. They are told nothing but that they are no contact, which their list shows.
    pub(super) fn ban(&mut self, name: &Name, now: Now) {
        match self.contacts.ban(name, now.wall) {
            // Their request stays unanswered.
            Some(Standing::Asking | Standing::None) => {}
            Some(Standing::Mutual | Standing::Asked) => {
                self.send(Request::Remove(name.clone()), Asked::Quiet)
            }
            None => {
                let what = format!("cannot block {name}: nobody, or too many are");
                self.refuse(Matter::Ban(name.clone()), Why::Limit, &what);
            }
        }
    }
}
