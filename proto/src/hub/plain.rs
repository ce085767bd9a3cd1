//! Users of plain doors. A name is all they have: it belongs to whoever says it first, for as long as that connection
//! lives, and never to somebody who could prove more (security.md section 2, seeds A22). Their contacts outlive the
//! connection; a key that claims the name ends them, and inherits nothing.

use core::net::SocketAddr;

use crate::hub::guest::Phase;
use crate::hub::online::{Device, User};
use crate::hub::rate::Prefix;
use crate::hub::refusal::{Done, Refusal, room_in};
use crate::hub::store::{Account, Store, guest_fingerprint};
use crate::hub::{Hub, Output, Turn};
use crate::id::{ConnId, Fingerprint, Name, Principal};
use crate::limits::GUEST_ACCOUNTS_MAX;
use crate::wire::Reply;
use crate::wire::record::{Standing, Why};

use super::login::name_taken;

impl Hub {
    /// 000 and B's 001. Saying another name leaves the one before.
    pub(super) fn lease<S: Store>(&mut self, conn: ConnId, name: &Name, turn: &mut Turn<'_, S>) -> Done {
        let guest = self.guest(conn)?;
        if !guest.door.is_plain() {
            let text = "a name alone does not log in here; take a tincan client";
            return Err(Refusal::new(Why::Unsupported, text));
        }
        let (kind, prefix) = (guest.kind(), Prefix::of(guest.from.ip()));
        let account = match turn.store.account_named(name) {
            Some(account) if account.guest => account,
            Some(_) => return Err(name_taken(name)),
            None => self.new_guest(name, prefix, turn)?,
        };
        let device = Device::of_guest(account.fingerprint);
        match self.online.conn(device) {
            Some(holder) if holder != conn => {
                return Err(Refusal::new(Why::LoggedIn, format!("{name} is logged in already")));
            }
            Some(_) => {
                self.say(conn, &Reply::LoggedIn(account.name));
                return Ok(());
            }
            None => {}
        }
        self.log_out(conn);
        self.welcome(conn, User { name: account.name, device, kind }, turn);
        Ok(())
    }

    fn new_guest<S: Store>(
        &mut self,
        name: &Name,
        prefix: Prefix,
        turn: &mut Turn<'_, S>,
    ) -> Result<Account, Refusal> {
        if self.is_reserved(name) {
            return Err(name_taken(name));
        }
        room_in(turn.store)?;
        if !self.leases.take(prefix, turn.now.mono) {
            return Err(Refusal::too_fast());
        }
        let is_full = turn.store.guest_count() >= GUEST_ACCOUNTS_MAX
            || turn.store.account_count() >= self.settings.limits.accounts;
        if is_full && !self.forget_unknown_name(turn) {
            self.out.push_back(Output::AccountsFull);
            return Err(Refusal::new(Why::Limit, "this server takes no more names; tell its operator"));
        }
        let account = Account::guest(name.clone());
        turn.store.add_account(&account);
        Ok(account)
    }

    /// The connection is a stranger's again.
    fn log_out(&mut self, conn: ConnId) {
        let now = self.now.mono;
        let Some(guest) = self.guests.get(&conn) else { return };
        let until = now + self.login_time(guest);
        let Some(guest) = self.guests.get_mut(&conn) else { return };
        let Phase::User(user) = &guest.phase else { return };
        let user = user.clone();
        guest.put_out(until, now);
        self.guest_timers.set(conn, guest.due());
        self.forget_user(conn, &user);
    }

    /// A key claims the name: whoever used it is out, and what they had under it is gone.
    pub(super) fn end_lease<S: Store>(&mut self, name: &Name, turn: &mut Turn<'_, S>) {
        let account = guest_fingerprint(name);
        if let Some(conn) = self.online.conn(Device::of_guest(account)) {
            self.log_out(conn);
            if let Some(guest) = self.guests.get_mut(&conn) {
                guest.door.put_out(name);
            }
            self.flush(conn, self.now.mono);
        }
        for (other, _) in turn.store.contacts(&account) {
            turn.store.set_standing(&account, &other, Standing::None);
            turn.store.set_standing(&other, &account, Standing::None);
            self.tell_contact(other, account, turn.store);
        }
        turn.store.remove_guest(&account);
    }

    /// Makes room for another name: one that nobody uses and nobody is a contact of, asks or is asked by, is
    /// not worth keeping. Otherwise whoever knocks under many names would use up the room for all.
    fn forget_unknown_name<S: Store>(&self, turn: &mut Turn<'_, S>) -> bool {
        let unknown = turn.store.unknown_guests(self.guests.len() + 1);
        let idle = unknown.into_iter().find(|account| self.online.conn(Device::of_guest(*account)).is_none());
        idle.inspect(|account| turn.store.remove_guest(account)).is_some()
    }

    /// Where a friend can be called, for seed B's 013: a seed B user at the port it announced; everybody else at our
    /// own text door, as the one who is told reaches it, where the call is refused politely. An original client that
    /// calls a port where nobody listens ends itself.
    pub(super) fn meeting(&self, conn: ConnId, reply: &Reply) -> Option<SocketAddr> {
        let Reply::Contact(contact) = reply else { return None };
        let viewer = self.guests.get(&conn).filter(|guest| guest.door.is_plain())?;
        let Principal::Guest(name) = &contact.principal else { return Some(viewer.at) };
        let friend = self.guests.get(&self.online.conn(Device::of_guest(guest_fingerprint(name)))?)?;
        if friend.door.rings() {
            return Some(viewer.at);
        }
        friend.door.call_port().map(|port| SocketAddr::new(friend.from.ip(), port))
    }

    /// The users that `account` has here and that can be told of a call.
    pub(super) fn reachable(&self, account: Fingerprint) -> Vec<User> {
        let guests = self.online.devices(account).filter_map(|(_, conn)| self.guests.get(&conn));
        guests.filter_map(|guest| guest.user().ok()).filter(|user| user.can_be_rung()).cloned().collect()
    }
}
