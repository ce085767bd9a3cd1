//! What is said with a contact request, sealed and opened: a 306 to somebody whom we ask, a 355 from somebody who asks.
//! It says who one is and is answered by a yes or a no: nothing here writes back, and nothing tells the asking end
//! whether it was read.

use crate::client::peers::Want;
use crate::client::{Asked, Client, Event, Kind, Save};
use crate::crypto::envelope::{Body, End};
use crate::drop::Drop;
use crate::id::{Fingerprint, MsgId, Principal};
use crate::limits::{GREETING_BYTES_MAX, REQUESTS_PENDING_MAX, REQUESTS_WAITING_MAX};
use crate::safe::Safe;
use crate::time::Now;
use crate::wire::record::{Copy, Mail, MailFate, MailFrom, MailResult, Why};
use crate::wire::request::Request;

impl Client {
    // --- ours ---

    /// Somebody for whom it can be sealed now: all of their devices that give a key have a session.
    pub(super) fn greeting_due(&self) -> Option<Fingerprint> {
        self.contacts.to_greet().find(|account| self.peers.is_settled(account)).copied()
    }

    /// Seals it for each of their devices. Should none of them give a key, it is tried again after the next login.
    pub(super) fn seal_greeting(&mut self, account: Fingerprint, now: Now) {
        let Some(text) = self.contacts.take_words_for(&account) else { return };
        if self.greetings_said.len() >= REQUESTS_PENDING_MAX {
            return;
        }
        let id = MsgId(self.rng.bytes());
        let mut copies = Vec::new();
        for device in self.peers.devices(&account) {
            let end = End { account, device };
            let body = Body::Greeting(text.clone());
            if let Some(sealed) = self.seal(end, id, now.wall.0, now.wall, body) {
                copies.push(Copy { device, sealed });
            }
        }
        if !copies.is_empty() {
            self.greetings_said.insert(id, account);
            let mail = Mail { id, to: Principal::Key(account), copies };
            self.send(Request::Mail(mail), Asked::Greeting(account));
        }
    }

    /// 356. Of texts the receipt says more.
    pub(super) fn mail_result(&mut self, result: &MailResult) {
        if result.fate == MailFate::Kept
            && let Some(account) = self.greetings_said.remove(&result.id)
        {
            self.contacts.greeted(&account);
        }
    }

    /// 360 to our 306: what will pass is said again after the next login.
    pub(super) fn greeting_refused(&mut self, account: &Fingerprint, why: Why) {
        if !passes(why) {
            self.contacts.ungreeted(account, why, NOT_CARRIED);
        }
    }

    /// 360 to a question about somebody whom we ask: a server that tells it of contacts only.
    pub(super) fn look_up_refused(&mut self, want: Want, why: Why) {
        if !passes(why)
            && let Want::List(account) = want
        {
            self.contacts.ungreeted(&account, why, NOT_CARRIED);
        }
    }

    // --- theirs ---

    /// 355 from somebody who asks. The first is the only one.
    pub(super) fn greeting(&mut self, account: Fingerprint, mail: MailFrom, now: Now) {
        if self.contacts.has_greeting_of(&account) {
            return self.drop(Drop::Replay);
        }
        let from = End { account, device: mail.device };
        if self.peers.keys(&account, mail.device).is_none() {
            return self.hold_greeting(account, mail);
        }
        let Some(envelope) = self.open(from, &mail.sealed, now) else { return };
        if envelope.msg != mail.id {
            return self.drop(Drop::Impostor);
        }
        match envelope.body {
            Body::Greeting(text) => self.contacts.greeted_by(&account, text),
            // Everything else is for contacts.
            Body::Text(_)
            | Body::Receipt(_)
            | Body::Offer(_)
            | Body::Ringing(_)
            | Body::Accept { .. }
            | Body::Key { .. }
            | Body::Taken(_)
            | Body::HangUp(_)
            | Body::Promise { .. }
            | Body::Nonce { .. } => self.drop(Drop::NotContact),
        }
    }

    /// Our yes overtook it. It is shown all the same, once.
    pub(super) fn greeted_late(&mut self, account: Fingerprint, id: MsgId, text: &str) {
        for row in self.inbox.note(account, id) {
            self.save(Save { kind: Kind::Seen, key: row.key, value: row.value });
        }
        if let Some(from) = self.contacts.name_of(&account).cloned() {
            self.tell(Event::Greeting { from, text: Safe::words(text, GREETING_BYTES_MAX) });
        }
    }

    /// Apart from contacts' mail, whose place strangers must not take.
    fn hold_greeting(&mut self, from: Fingerprint, mail: MailFrom) {
        if self.held_greetings.len() >= REQUESTS_WAITING_MAX {
            return self.drop(Drop::Full);
        }
        self.held_greetings.insert(from, mail);
        self.peers.look_up(from);
    }

    /// Their device list is here.
    pub(super) fn release_greeting(&mut self, account: Fingerprint, now: Now) {
        let Some(mail) = self.held_greetings.remove(&account) else { return };
        if self.peers.keys(&account, mail.device).is_none() {
            return self.drop(Drop::Stranger);
        }
        self.mail(mail, now);
    }
}

/// Whether it is only too much, or too early.
fn passes(why: Why) -> bool {
    matches!(why, Why::TooFast | Why::Limit | Why::Internal | Why::NotLoggedIn)
}

const NOT_CARRIED: &str = "this server carries none";
