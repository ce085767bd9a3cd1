//! The message that goes with a contact request: a 306 to somebody whom one asks. It is kept with the request and goes
//! with it, one for each device, and the first is the only one: who only asks can say nothing more. Whether the asked
//! is there is not told by its fate.

use crate::hub::mail::{OLM_BYTES_MAX, lists};
use crate::hub::online::{Device, User};
use crate::hub::refusal::Done;
use crate::hub::store::{Greeting, Store};
use crate::hub::{Hub, Turn};
use crate::id::{ConnId, Fingerprint, Principal};
use crate::limits::GREETING_ENVELOPE_BYTES_MAX;
use crate::wire::Reply;
use crate::wire::record::{Mail, MailFate, MailFrom, MailResult, Standing};

impl Hub {
    /// The account behind the principal, if it waits to be answered by it, and has keys.
    pub(super) fn asked_by<S: Store>(
        &self,
        me: &User,
        principal: &Principal,
        turn: &mut Turn<'_, S>,
    ) -> Option<Fingerprint> {
        let Principal::Key(account) = principal else { return None };
        let asked = turn.store.standing(&me.device.account, account) == Standing::Asked;
        let has_keys = turn.store.account(account).is_some_and(|account| !account.guest);
        (asked && has_keys).then_some(*account)
    }

    /// 306 to somebody who is asked.
    pub(super) fn greet<S: Store>(
        &mut self,
        conn: ConnId,
        me: &User,
        to: Fingerprint,
        mail: Mail,
        turn: &mut Turn<'_, S>,
    ) -> Done {
        self.may_mail(me, &mail, GREETING_ENVELOPE_BYTES_MAX + OLM_BYTES_MAX, turn)?;
        let entries = turn.store.entries(&to);
        for copy in mail.copies {
            let (from, from_device) = (me.device.account, me.device.id);
            let greeting =
                Greeting { from, from_device, device: copy.device, id: mail.id, sealed: copy.sealed };
            let fate = if !lists(&entries, copy.device) {
                MailFate::Gone
            } else {
                if turn.store.add_greeting(&to, &greeting) {
                    let device = Device { account: to, id: greeting.device };
                    self.say_device(device, &delivered(greeting));
                }
                MailFate::Kept
            };
            self.say(conn, &Reply::MailResult(MailResult { id: mail.id, device: copy.device, fate }));
        }
        Ok(())
    }

    /// Says to a device that just logged in what is kept for it.
    pub(super) fn tell_greetings<S: Store>(&mut self, conn: ConnId, me: &User, turn: &mut Turn<'_, S>) {
        for greeting in turn.store.greetings(&me.device.account, &me.device.id) {
            self.say(conn, &delivered(greeting));
        }
    }
}

fn delivered(greeting: Greeting) -> Reply {
    let Greeting { from, from_device, id, sealed, device: _ } = greeting;
    Reply::Mail(MailFrom { id, from: Principal::Key(from), device: from_device, sealed })
}
