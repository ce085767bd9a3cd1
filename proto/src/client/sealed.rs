//! Where words become sealed bytes, and sealed bytes words: with whom, which of all identities must agree, and
//! what is done when something does not open.

use minicbor::bytes::ByteArray;

use crate::call;
use crate::client::{Asked, Client, Event, Kind, Output, Save};
use crate::crypto::envelope::{Body, End, Envelope, Heads};
use crate::drop::Drop;
use crate::id::{CallId, DeviceId, Fingerprint, MsgId, Principal};
use crate::limits::{
    CALL_MAIL_SEEN_MAX, CALL_RESEND_AFTER, HELD_MAIL_MAX, MEMBERS_MAX, RING_TIME_MAX, SESSION_WAIT_MAX,
    TEXT_BYTES_MAX,
};
use crate::outbox;
use crate::safe::Safe;
use crate::time::{Now, Time, Wall};
use crate::wire::record::{CallMail, CallMailFrom, Copy, Mail, MailFrom, Sealed, Why};
use crate::wire::request::Request;

/// A sealed message whose sender's device list is not here yet.
#[derive(Debug)]
pub(super) struct Held {
    from: Fingerprint,
    mail: Mailed,
}

#[derive(Debug)]
enum Mailed {
    Text(MailFrom),
    Call(CallMailFrom),
}

/// A device with which the call wants a session.
#[derive(Debug)]
pub(super) struct Unsealed {
    call: CallId,
    to: Fingerprint,
    device: DeviceId,
    pub(super) until: Time,
}

/// A call message as sealed, when it was said last, and when it is said again.
#[derive(Debug)]
pub(super) struct Kept {
    mail: CallMail,
    said: Time,
    pub(super) again_at: Option<Time>,
    /// When it was made anew for a session that they began.
    anew: Option<Time>,
}

impl Client {
    // --- out ---

    /// Seals for one device; none without a session. The ratchet's new state is saved before the bytes are used.
    pub(super) fn seal(&mut self, to: End, msg: MsgId, seq: u64, sent: Wall, body: Body) -> Option<Sealed> {
        let own_head = self.login.profile.list_head.map_or([0; 32], Into::into);
        let heads = Heads { from: ByteArray::from(own_head), to: self.peers.head(&to.account).into() };
        let from = End { account: self.account, device: self.device };
        let plain = Envelope { msg, from, to, seq, sent, heads, body }.encode().ok()?;
        let sealed = self.ratchet.seal(to.device, &plain).ok();
        self.save_ratchet();
        sealed
    }

    /// A text for all devices of a friend, as far as there are sessions.
    pub(super) fn seal_text(
        &mut self,
        id: MsgId,
        to: Fingerprint,
        seq: u64,
        sent: Wall,
        text: &str,
        now: Now,
    ) {
        let mut copies = Vec::new();
        for device in self.peers.devices(&to) {
            let end = End { account: to, device };
            if let Some(sealed) = self.seal(end, id, seq, sent, Body::Text(text.into())) {
                copies.push(Copy { device, sealed });
            }
        }
        let sealable = |device: &DeviceId| self.ratchet.has_session(*device);
        if copies.is_empty() && !self.peers.devices(&to).iter().any(sealable) {
            // A session that was there is gone. One that is there and seals nothing would be met again for ever.
            self.peers.meet(to, [0; 32], self.ratchet.as_ref());
            self.peers.hurry(&to);
        }
        self.outbox.handle(outbox::Act::Sealed { id, to, copies }, now.mono);
    }

    pub(super) fn send_text(&mut self, id: MsgId, to: Fingerprint, copies: Vec<Copy>) {
        let mail = Mail { id, to: Principal::Key(to), copies };
        self.send(Request::Mail(mail), Asked::Text(id));
    }

    fn send_receipt(&mut self, to: End, id: MsgId, now: Now) {
        self.send_receipts(to, vec![id], now);
    }

    /// A contact's device that goes on with a session we lost hears of the new one by a receipt of nothing.
    pub(super) fn say_renewed(&mut self, to: End, now: Now) {
        if self.contacts.name_of(&to.account).is_some() {
            self.send_receipts(to, Vec::new(), now);
        }
    }

    fn send_receipts(&mut self, to: End, ids: Vec<MsgId>, now: Now) {
        let own_id = MsgId(self.rng.bytes());
        let Some(sealed) = self.seal(to, own_id, now.wall.0, now.wall, Body::Receipt(ids)) else {
            return;
        };
        let copies = vec![Copy { device: to.device, sealed }];
        let mail = Mail { id: own_id, to: Principal::Key(to.account), copies };
        self.send(Request::Mail(mail), Asked::Quiet);
    }

    /// Whether something can be sealed for the device: it speaks for the account, and there is a session.
    fn reaches(&self, account: &Fingerprint, device: DeviceId) -> bool {
        self.peers.keys(account, device).is_some() && self.ratchet.has_session(device)
    }

    /// The call wants to say something to this device.
    pub(super) fn meet(&mut self, call: CallId, to: Fingerprint, device: DeviceId, now: Now) {
        if self.reaches(&to, device) {
            return self.call.handle(call::Act::Met(call, device), now.mono);
        }
        if self.unsealed.len() < MEMBERS_MAX && self.unsealed.iter().all(|u| u.device != device) {
            self.unsealed.push(Unsealed { call, to, device, until: now.mono + SESSION_WAIT_MAX });
        }
        self.peers.meet(to, [0; 32], self.ratchet.as_ref());
        self.peers.hurry(&to);
    }

    /// A call message for one device.
    pub(super) fn seal_call(&mut self, call: CallId, to: End, body: Body, keep: bool, now: Now) {
        if !self.reaches(&to.account, to.device) {
            return;
        }
        let msg = MsgId(self.rng.bytes());
        let Some(sealed) = self.seal(to, msg, now.wall.0, now.wall, body) else { return };
        let mail = CallMail { call, to: Principal::Key(to.account), device: to.device, sealed };
        if keep {
            let last = self.kept.iter().find(|kept| kept.mail.device == to.device);
            let anew = last.and_then(|kept| kept.anew);
            self.forget_kept_for(to.device);
            if self.kept.len() < MEMBERS_MAX {
                self.kept.push(Kept { mail: mail.clone(), said: now.mono, again_at: None, anew });
            }
        }
        self.send_call(mail);
    }

    fn send_call(&mut self, mail: CallMail) {
        let asked = Asked::CallMail(mail.device);
        self.send(Request::CallMail(mail), asked);
    }

    /// Says again what is kept: for this device, or for all.
    pub(super) fn resend_kept(&mut self, device: Option<DeviceId>, now: Time) {
        self.resend_kept_if(|kept| device.is_none_or(|d| d == kept.mail.device), now);
    }

    fn resend_kept_if(&mut self, wanted: impl Fn(&Kept) -> bool, now: Time) {
        let mut mails = Vec::new();
        for kept in self.kept.iter_mut().filter(|kept| wanted(kept)) {
            (kept.said, kept.again_at) = (now, None);
            mails.push(kept.mail.clone());
        }
        for mail in mails {
            self.send_call(mail);
        }
    }

    /// What was to be said again by now.
    pub(super) fn resend_due(&mut self, now: Time) {
        self.resend_kept_if(|kept| kept.again_at.is_some_and(|at| at <= now), now);
    }

    /// The server did not pass on what was for this device, for now: what is kept of it is said again a little later.
    pub(super) fn call_mail_refused(&mut self, device: DeviceId, why: Why, now: Time) {
        if matches!(why, Why::TooFast | Why::Limit | Why::Internal) {
            self.resend_later(device, now);
        }
    }

    /// Says again what is kept for this device, once it was not said for a while.
    pub(super) fn answer_late(&mut self, device: DeviceId, now: Time) {
        let said = self.kept.iter().filter(|kept| kept.mail.device == device).map(|kept| kept.said).max();
        match said {
            Some(said) if said + CALL_RESEND_AFTER / 2 > now => self.resend_later(device, said),
            Some(_) | None => self.resend_kept(Some(device), now),
        }
    }

    fn resend_later(&mut self, device: DeviceId, after: Time) {
        for kept in self.kept.iter_mut().filter(|kept| kept.mail.device == device) {
            kept.again_at = Some(after + CALL_RESEND_AFTER / 2);
        }
    }

    /// They said something again: they did not get our answer. Not at once after it was said, so that two who both
    /// say things again do not answer each other for ever.
    fn answer_repeat(&mut self, device: DeviceId, now: Time) {
        let due = |kept: &Kept| kept.mail.device == device && kept.said + CALL_RESEND_AFTER / 2 <= now;
        if self.kept.iter().any(due) {
            self.resend_kept(Some(device), now);
        }
    }

    /// A session with a device of theirs is there: what waited for it goes on.
    pub(super) fn keyed(&mut self, account: Fingerprint, now: Now) {
        self.outbox.handle(outbox::Act::Keyed(account), now.mono);
        let (waiting, ready): (Vec<_>, Vec<_>) = core::mem::take(&mut self.unsealed)
            .into_iter()
            .partition(|u| u.to != account || !self.reaches(&u.to, u.device));
        self.unsealed = waiting;
        for Unsealed { call, device, .. } in ready {
            self.call.handle(call::Act::Met(call, device), now.mono);
        }
    }

    pub(super) fn give_up_unsealed(&mut self, now: Now) {
        let (late, waiting): (Vec<_>, Vec<_>) =
            core::mem::take(&mut self.unsealed).into_iter().partition(|u| u.until <= now.mono);
        self.unsealed = waiting;
        for Unsealed { call, device, .. } in late {
            self.call.handle(call::Act::Unsealed(call, device), now.mono);
        }
    }

    /// Nothing that was sealed for this device, or for any, is said again.
    pub(super) fn forget_kept(&mut self, device: Option<DeviceId>) {
        if let Some(device) = device {
            self.unsealed.retain(|u| u.device != device);
            return self.forget_kept_for(device);
        }
        self.kept.clear();
        self.unsealed.clear();
    }

    /// Nothing is said again to this device in the name of this account.
    pub(super) fn forget_kept_of(&mut self, account: &Fingerprint, device: DeviceId) {
        self.unsealed.retain(|u| u.device != device || u.to != *account);
        let to = Principal::Key(*account);
        self.kept.retain(|kept| kept.mail.device != device || kept.mail.to != to);
    }

    fn forget_kept_for(&mut self, device: DeviceId) {
        self.kept.retain(|kept| kept.mail.device != device);
    }

    /// Of those who were only in the same call, nothing is remembered.
    pub(super) fn forget_strangers(&mut self, accounts: Vec<Fingerprint>) {
        for account in
            accounts.into_iter().filter(|account| !self.contacts.knows(account)).collect::<Vec<_>>()
        {
            self.peers.part(account, self.ratchet.as_mut());
            self.forget_held(Some(&account));
        }
        self.save_ratchet();
    }

    // --- in ---

    /// 355.
    pub(super) fn mail(&mut self, mail: MailFrom, now: Now) {
        if let Principal::Key(account) = &mail.from
            && self.contacts.asks(account)
        {
            return self.greeting(*account, mail, now);
        }
        let Some(account) = self.sender(&mail.from) else { return };
        let end = End { account, device: mail.device };
        if self.peers.keys(&account, mail.device).is_none() {
            return self.hold(account, Mailed::Text(mail));
        }
        // The device was held against the list first: a server must not choose for whom we seal.
        if self.inbox.has(&account, &mail.id) {
            self.drop(Drop::Replay);
            return self.send_receipt(end, mail.id, now);
        }
        let Some(envelope) = self.open(end, &mail.sealed, now) else { return };
        if envelope.msg != mail.id {
            return self.drop(Drop::Impostor);
        }
        match envelope.body {
            Body::Text(text) => self.said(end, mail.id, envelope.sent, &text, now),
            Body::Greeting(text) => self.greeted_late(account, mail.id, &text),
            Body::Receipt(ids) => {
                for id in ids {
                    self.outbox.handle(outbox::Act::Received(account, id), now.mono);
                }
            }
            Body::Offer(_)
            | Body::Ringing(_)
            | Body::Accept { .. }
            | Body::Key { .. }
            | Body::Taken(_)
            | Body::HangUp(_)
            | Body::Promise { .. }
            | Body::Nonce { .. } => self.drop(Drop::Malformed),
        }
    }

    /// Save, show, and only then say so.
    fn said(&mut self, from: End, id: MsgId, sent: Wall, text: &str, now: Now) {
        for row in self.inbox.note(from.account, id) {
            self.save(Save { kind: Kind::Seen, key: row.key, value: row.value });
        }
        if let Some(name) = self.contacts.name_of(&from.account).cloned() {
            self.tell(Event::Said { from: name, id, sent, text: Safe::text(text, TEXT_BYTES_MAX) });
        }
        self.send_receipt(from, id, now);
    }

    /// 357.
    pub(super) fn call_mail(&mut self, mail: CallMailFrom, now: Now) {
        let Some(account) = self.caller(&mail.from) else { return };
        if self.call.waits_for_another(mail.call, &account) {
            // Not opened, so that it can be when it is said again.
            return self.drop(Drop::OutOfTurn);
        }
        let end = End { account, device: mail.device };
        let mut hash = [0; 32];
        hash.copy_from_slice(
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &mail.sealed.bytes).as_ref(),
        );
        if self.call_mail_seen.contains(&hash) {
            self.drop(Drop::Replay);
            return self.answer_repeat(mail.device, now.mono);
        }
        if self.peers.keys(&account, mail.device).is_none() {
            return self.hold(account, Mailed::Call(mail));
        }
        let Some(envelope) = self.open(end, &mail.sealed, now) else { return };
        if self.call_mail_seen.len() >= CALL_MAIL_SEEN_MAX {
            self.call_mail_seen.pop_front();
        }
        self.call_mail_seen.push_back(hash);
        if envelope.body.call() != Some(mail.call) {
            return self.drop(Drop::Impostor);
        }
        let stale = u128::from(mail.held_ms) >= RING_TIME_MAX.as_millis();
        if stale && matches!(envelope.body, Body::Offer(_)) {
            return self.drop(Drop::Expired);
        }
        if self.compares(mail.call, end, &envelope.body, now) {
            return;
        }
        let contact = self.contacts.name_of(&account).cloned();
        let by = call::Speaker { account, device: mail.device, contact };
        self.call.handle(call::Act::Said { by, body: envelope.body }, now.mono);
    }

    /// The account that may write to us, as the server names it; the envelope must agree.
    fn sender(&mut self, from: &Principal) -> Option<Fingerprint> {
        let Principal::Key(account) = from else {
            self.drop(Drop::Stranger);
            return None;
        };
        if self.contacts.name_of(account).is_none() {
            self.drop(Drop::NotContact);
            return None;
        }
        Some(*account)
    }

    /// The account that may speak of calls: a contact, or a member of the one we are in.
    fn caller(&mut self, from: &Principal) -> Option<Fingerprint> {
        match from {
            Principal::Key(account) if self.call.admits(account) => Some(*account),
            Principal::Key(_) | Principal::Guest(_) => self.sender(from),
        }
    }

    /// Opens, and holds all four identities against the session and the signed list.
    pub(super) fn open(&mut self, from: End, sealed: &Sealed, now: Now) -> Option<Envelope> {
        let keys = self.peers.keys(&from.account, from.device)?;
        let Ok(plain) = self.ratchet.open(from.device, keys, sealed) else {
            self.drop(Drop::Forged);
            // For whoever only asks there is nothing more to come.
            if !self.contacts.asks(&from.account) {
                self.peers.renew_theirs(from.account, from.device, now.mono);
            }
            return None;
        };
        self.save_ratchet();
        if sealed.kind == 0 {
            self.prekeys_used += 1;
            self.keyed(from.account, now);
        }
        let Ok(envelope) = Envelope::decode(&plain) else {
            self.drop(Drop::Malformed);
            return None;
        };
        let own = End { account: self.account, device: self.device };
        if envelope.from != from || envelope.to != own {
            self.drop(Drop::Impostor);
            return None;
        }
        if sealed.kind == 0 {
            self.offer_anew(from, now.mono);
        }
        Some(envelope)
    }

    /// They may have begun a session because they lost the one that our OFFER was sealed with. It is made anew at once,
    /// and then not more than once in a while, however often they begin one.
    fn offer_anew(&mut self, to: End, now: Time) {
        let Some(kept) = self.kept.iter_mut().find(|kept| kept.mail.device == to.device) else { return };
        if kept.anew.is_none_or(|at| at + CALL_RESEND_AFTER <= now) {
            kept.anew = Some(now);
            self.call.handle(call::Act::Rekeyed(to.account, to.device), now);
        }
    }

    fn hold(&mut self, from: Fingerprint, mail: Mailed) {
        if self.held.len() >= HELD_MAIL_MAX {
            return self.drop(Drop::Full);
        }
        self.held.push_back(Held { from, mail });
        self.peers.ask_list(from);
        self.peers.hurry(&from);
    }

    /// Their device list is here. What is from none of its devices is from nobody.
    pub(super) fn release(&mut self, account: Fingerprint, now: Now) {
        self.release_greeting(account, now);
        let (theirs, others): (Vec<_>, Vec<_>) =
            core::mem::take(&mut self.held).into_iter().partition(|held| held.from == account);
        self.held = others.into();
        for held in theirs {
            let device = match &held.mail {
                Mailed::Text(mail) => mail.device,
                Mailed::Call(mail) => mail.device,
            };
            if self.peers.keys(&account, device).is_none() {
                self.drop(Drop::Stranger);
                continue;
            }
            match held.mail {
                Mailed::Text(mail) => self.mail(mail, now),
                Mailed::Call(mail) => self.call_mail(mail, now),
            }
        }
    }

    pub(super) fn forget_held(&mut self, account: Option<&Fingerprint>) {
        self.held.retain(|held| account.is_some_and(|a| held.from != *a));
        self.held_greetings.retain(|from, _| account.is_some_and(|a| from != a));
    }

    /// The ratchet moved: that must reach the disk before anything that depends on it is said.
    pub(super) fn save_ratchet(&mut self) {
        for state in self.ratchet.take_changes() {
            let save = match state.peer {
                None => Save { kind: Kind::Account, key: Kind::ACCOUNT_KEY.into(), value: Some(state.bytes) },
                Some(device) => {
                    let value = Some(state.bytes).filter(|bytes| !bytes.is_empty());
                    Save { kind: Kind::Session, key: device.0.into(), value }
                }
            };
            self.out.push_back(Output::Save(save));
        }
    }
}
