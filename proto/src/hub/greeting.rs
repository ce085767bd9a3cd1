//! The message that goes with a contact request: a 306 to somebody whom one asks. It is kept with the request and goes
//! with it, one for each device, and the first is the only one: who only asks can say nothing more. Whether the asked
//! is there is not told by its fate.

use crate::hub::mail::{OLM_BYTES_MAX, lists};
use crate::hub::online::{Device, User};
use crate::hub::refusal::Done;
use crate::hub::store::{Greeting, Store};
use crate::hub::{Hub, Turn};
use crate::id::{ConnId, Fingerprint, Principal};
use crate::limits::{GREETING_ENVELOPE_BYTES_MAX, GREETINGS_AT_ONCE_MAX};
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
                    self.tell_new_greeting(Device { account: to, id: greeting.device }, greeting);
                }
                MailFate::Kept
            };
            self.say(conn, &Reply::MailResult(MailResult { id: mail.id, device: copy.device, fate }));
        }
        Ok(())
    }

    /// Says to a device that just logged in what is kept for it: the first of it, so that strangers cannot make a login
    /// larger than a connection carries. What is behind that follows as the device goes on asking.
    pub(super) fn tell_greetings<S: Store>(&mut self, conn: ConnId, turn: &mut Turn<'_, S>) {
        if let Some(guest) = self.guests.get_mut(&conn) {
            guest.greetings = Told::UpTo(None);
        }
        self.tell_more_greetings(conn, GREETINGS_AT_ONCE_MAX, turn);
    }

    /// Whoever asks something has read what came before, or will be too slow by its own doing. Who says only that it is
    /// there has nothing else to read.
    pub(super) fn follow_greetings<S: Store>(&mut self, conn: ConnId, is_ping: bool, turn: &mut Turn<'_, S>) {
        self.tell_more_greetings(conn, if is_ping { GREETINGS_AT_ONCE_MAX } else { 1 }, turn);
    }

    fn tell_more_greetings<S: Store>(&mut self, conn: ConnId, most: usize, turn: &mut Turn<'_, S>) {
        for _ in 0..most {
            let Some(guest) = self.guests.get_mut(&conn) else { return };
            let (Ok(me), Told::UpTo(last)) = (guest.user(), guest.greetings) else { return };
            let next = turn.store.greeting_after(&me.device.account, &me.device.id, last.as_ref());
            guest.greetings = next.as_ref().map_or(Told::All, |greeting| Told::UpTo(Some(greeting.from)));
            let Some(greeting) = next else { return };
            self.say(conn, &delivered(greeting));
        }
    }

    /// Says one that was just kept, unless it is behind others that are still to be said to this device.
    fn tell_new_greeting(&mut self, device: Device, greeting: Greeting) {
        let Some(conn) = self.online.conn(device) else { return };
        let is_its_turn = self.guests.get(&conn).is_some_and(|guest| match guest.greetings {
            Told::All => true,
            Told::UpTo(last) => Some(greeting.from) <= last,
        });
        if is_its_turn {
            self.say(conn, &delivered(greeting));
        }
    }
}

/// Which of what is kept for a device its connection was told, in the order of those who ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    All,
    /// Up to those of this one; none yet.
    UpTo(Option<Fingerprint>),
}

fn delivered(greeting: Greeting) -> Reply {
    let Greeting { from, from_device, id, sealed, device: _ } = greeting;
    Reply::Mail(MailFrom { id, from: Principal::Key(from), device: from_device, sealed })
}
