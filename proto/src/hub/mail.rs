//! 304 to 308: device lists, session keys, and sealed messages passed on to those who are connected. Nothing is
//! stored: to somebody away it is gone, and the sender's outbox keeps it. What goes with a contact request is another
//! matter: [`super::greeting`].

use std::collections::BTreeSet;

use crate::crypto::identity::entry_device;
use crate::hub::online::{Device, User};
use crate::hub::refusal::{Done, Refusal};
use crate::hub::store::Store;
use crate::hub::{Hub, Turn};
use crate::id::{ConnId, DeviceId, Fingerprint, Principal};
use crate::limits::{CALL_ENVELOPE_BYTES_MAX, DEVICES_MAX, ENVELOPE_BYTES_MAX};
use crate::wire::Reply;
use crate::wire::record::{
    CallMail, CallMailFrom, DeviceAct, Devices, Mail, MailFate, MailFrom, MailResult, PrekeyFor, Sealed,
    Signed, Standing, WantDevices, WantPrekey, Why,
};

/// Bytes of a sealed message: the largest envelope, and what Olm adds to it.
const SEALED_BYTES_MAX: usize = ENVELOPE_BYTES_MAX + OLM_BYTES_MAX;
/// What Olm adds to an envelope at most, bytes.
pub(super) const OLM_BYTES_MAX: usize = 512;

impl Hub {
    /// 304
    pub(super) fn want_devices<S: Store>(
        &mut self,
        conn: ConnId,
        me: &User,
        want: &WantDevices,
        turn: &mut Turn<'_, S>,
    ) -> Done {
        let account = self.may_look_up(me, &want.principal, turn)?;
        let entries = turn.store.entries(&account);
        self.say(conn, &Reply::Devices(Devices { principal: want.principal.clone(), entries }));
        Ok(())
    }

    /// 305
    pub(super) fn want_prekey<S: Store>(
        &mut self,
        conn: ConnId,
        me: &User,
        want: &WantPrekey,
        turn: &mut Turn<'_, S>,
    ) -> Done {
        let account = match self.asked_by(me, &want.principal, turn) {
            Some(account) => account,
            None => self.may_reach(me, &want.principal, turn)?,
        };
        let of = Device { account, id: want.device };
        let prekey = if !lists(&turn.store.entries(&account), want.device) {
            None
        } else if self.may_take_prekey(me.device.account, of, turn) {
            turn.store.take_prekey(&account, &want.device)
        } else {
            turn.store.fallback_prekey(&account, &want.device)
        };
        let principal = want.principal.clone();
        self.say(conn, &Reply::Prekey(PrekeyFor { principal, device: want.device, prekey }));
        Ok(())
    }

    /// 306
    pub(super) fn mail<S: Store>(
        &mut self,
        conn: ConnId,
        me: &User,
        mail: Mail,
        turn: &mut Turn<'_, S>,
    ) -> Done {
        if let Some(account) = self.asked_by(me, &mail.to, turn) {
            return self.greet(conn, me, account, mail, turn);
        }
        let account = self.may_reach(me, &mail.to, turn)?;
        if account == me.device.account {
            return Err(Refusal::new(Why::Oneself, "that is yourself; name somebody else"));
        }
        self.may_mail(me, &mail, SEALED_BYTES_MAX, turn)?;
        for copy in mail.copies {
            let to = Device { account, id: copy.device };
            let (id, from) = (mail.id, Principal::Key(me.device.account));
            let message = MailFrom { id, from, device: me.device.id, sealed: copy.sealed };
            let fate =
                if self.say_device(to, &Reply::Mail(message)) { MailFate::Forwarded } else { MailFate::Gone };
            self.say(conn, &Reply::MailResult(MailResult { id, device: copy.device, fate }));
        }
        Ok(())
    }

    /// 308
    pub(super) fn call_mail<S: Store>(&mut self, me: &User, mail: CallMail, turn: &Turn<'_, S>) -> Done {
        fits(&mail.sealed, CALL_ENVELOPE_BYTES_MAX + OLM_BYTES_MAX)?;
        let no_call = || Refusal::new(Why::NoCall, "that device has no part in this call; it may be over");
        let Principal::Key(account) = mail.to else { return Err(no_call()) };
        let to = Device { account, id: mail.device };
        if !self.rooms.may_mail(mail.call, me.device, to) {
            return Err(no_call());
        }
        let mine = me.device.account;
        if !self.is_house(mine) && !self.call_mail.take(mine, turn.now.mono) {
            return Err(Refusal::too_fast());
        }
        let from = Principal::Key(me.device.account);
        let message =
            CallMailFrom { call: mail.call, from, device: me.device.id, sealed: mail.sealed, held_ms: 0 };
        if self.say_device(to, &Reply::CallMail(message)) {
            return Ok(());
        }
        Err(Refusal::new(Why::NoCall, "that device is not connected just now"))
    }

    /// Whether the message is within its limits, and comes slowly enough.
    pub(super) fn may_mail<S: Store>(
        &mut self,
        me: &User,
        mail: &Mail,
        bytes_max: usize,
        turn: &Turn<'_, S>,
    ) -> Done {
        let devices: BTreeSet<_> = mail.copies.iter().map(|copy| copy.device).collect();
        if devices.len() != mail.copies.len() || devices.len() > DEVICES_MAX {
            let text = format!("a message has one copy for each device, and at most {DEVICES_MAX}");
            return Err(Refusal::new(Why::BadRequest, text));
        }
        mail.copies.iter().try_for_each(|copy| fits(&copy.sealed, bytes_max))?;
        let is_free = self.is_house(me.device.account);
        if is_free || self.mail.take(me.device.account, turn.now.mono) {
            return Ok(());
        }
        Err(Refusal::too_fast())
    }

    /// Whether it is a one-time key that one is given: what is taken and not used is gone for days. Whoever only asks, or
    /// is in a call with somebody who does not know them, takes none, and a contact a few.
    fn may_take_prekey<S: Store>(&mut self, mine: Fingerprint, of: Device, turn: &mut Turn<'_, S>) -> bool {
        let is_known = mine == of.account || turn.store.standing(&mine, &of.account) == Standing::Mutual;
        is_known && self.prekeys.take((mine, of), turn.now.mono)
    }

    /// Whether one may see somebody's device list: as [`Self::may_reach`], and while one of the two waits for the
    /// other's answer, since what goes with a request is sealed for devices and by one.
    fn may_look_up<S: Store>(
        &self,
        me: &User,
        principal: &Principal,
        turn: &mut Turn<'_, S>,
    ) -> Result<Fingerprint, Refusal> {
        if let Principal::Key(account) = principal
            && turn.store.standing(&me.device.account, account) == Standing::Asking
            && turn.store.account(account).is_some_and(|account| !account.guest)
        {
            return Ok(*account);
        }
        match self.asked_by(me, principal, turn) {
            Some(account) => Ok(account),
            None => self.may_reach(me, principal, turn),
        }
    }

    /// Whether one may ask about somebody's devices and write to them: oneself, a mutual contact, or somebody in the
    /// same call.
    fn may_reach<S: Store>(
        &self,
        me: &User,
        principal: &Principal,
        turn: &mut Turn<'_, S>,
    ) -> Result<Fingerprint, Refusal> {
        let mine = me.device.account;
        let account = match principal {
            Principal::Key(account) => *account,
            Principal::Guest(name) => return Err(Refusal::not_contact(name.as_str())),
        };
        if turn.store.account(&account).is_some_and(|account| account.guest) {
            return Err(Refusal::not_contact("this account"));
        }
        let is_mutual = turn.store.standing(&mine, &account) == Standing::Mutual;
        if account == mine || is_mutual || self.rooms.share_a_call(mine, account) {
            Ok(account)
        } else {
            Err(Refusal::not_contact("this account"))
        }
    }
}

/// Whether the device speaks for the account with these entries, whose signatures were checked when they were stored.
pub(super) fn lists(entries: &[Signed], device: DeviceId) -> bool {
    let mut acts = entries.iter().rev().filter_map(|entry| entry_device(&entry.bytes));
    acts.find(|(about, _)| *about == device).is_some_and(|(_, act)| act == DeviceAct::Add)
}

fn fits(sealed: &Sealed, bytes_max: usize) -> Done {
    if sealed.bytes.len() <= bytes_max {
        return Ok(());
    }
    Err(Refusal::new(Why::Limit, format!("this sealed message may have at most {bytes_max} bytes")))
}
