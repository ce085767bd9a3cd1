//! 300, 301 and 302: from a stranger to a user. Every step fails with a sentence, and none leaves anything behind
//! but a registered account (security.md section 2, native.md section 2).

use crate::crypto::identity::{
    BadList, DeviceList, Login, entry_device, entry_hash, login_bytes, verify_claim, verify_device,
};
use crate::drop::Drop;
use crate::hub::contacts::valid_token;
use crate::hub::guest::Phase;
use crate::hub::online::{Device, Kind, User};
use crate::hub::rate::Prefix;
use crate::hub::refusal::{Done, Refusal, room_in};
use crate::hub::store::{Account, Store, Token};
use crate::hub::{Hub, Output, Turn};
use crate::id::{ConnId, Fingerprint, Name, Principal};
use crate::limits::{DEVICES_MAX, FRAME_PAYLOAD_MAX, PREKEYS_MAX};
use crate::wire::Reply;
use crate::wire::record::{
    Auth, DeviceAct, Devices, Hello, Prekeys, Register, ServerHello, Signed, Standing, Why,
};

/// The version of the protocol that this is.
const VERSION: u16 = 1;

impl Hub {
    /// 300
    pub(super) fn hello(&mut self, conn: ConnId, hello: &Hello) -> Done {
        let greeted = match &mut self.guest(conn)?.phase {
            Phase::User(_) => return Err(logged_in()),
            Phase::Stranger { greeted, .. } => greeted,
        };
        if !hello.versions.contains(&VERSION) {
            let text = "this server speaks version 1 of the protocol only; take a matching tincan";
            return Err(Refusal::new(Why::Version, text));
        }
        *greeted = true;
        let hello = ServerHello {
            version: VERSION,
            software: self.settings.software.clone(),
            udp_port: self.settings.udp_port,
            payload_max: u32::try_from(FRAME_PAYLOAD_MAX).unwrap_or(u32::MAX),
            invite_only: self.settings.invite_only,
        };
        self.say(conn, &Reply::Hello(hello));
        Ok(())
    }

    fn greeted(&mut self, conn: ConnId) -> Done {
        match self.guest(conn)?.phase {
            Phase::User(_) => Err(logged_in()),
            Phase::Stranger { greeted: true, .. } => Ok(()),
            Phase::Stranger { greeted: false, .. } => {
                Err(Refusal::new(Why::BadRequest, "say hello (300) first; this is not a client of ours"))
            }
        }
    }

    // --- 301 ---

    pub(super) fn register<S: Store>(
        &mut self,
        conn: ConnId,
        register: &Register,
        turn: &mut Turn<'_, S>,
    ) -> Done {
        self.greeted(conn)?;
        let (key, name) = verify_claim(&register.claim, &self.settings.server_key).ok_or_else(|| {
            let text = "the claim to the name is not signed for this server; join it anew";
            Refusal::new(Why::BadSignature, text)
        })?;
        match turn.store.account(&key) {
            Some(account) if account.name != name => {
                let text = format!("this key is {} here already; log in under that name", account.name);
                Err(Refusal::new(Why::LoggedIn, text))
            }
            Some(account) => self.register_device(conn, &account, register, turn),
            None => {
                room_in(turn.store)?;
                self.register_account(conn, &Account { fingerprint: key, name, guest: false }, register, turn)
            }
        }
    }

    fn register_device<S: Store>(
        &mut self,
        conn: ConnId,
        account: &Account,
        register: &Register,
        turn: &mut Turn<'_, S>,
    ) -> Done {
        let entries = turn.store.entries(&account.fingerprint);
        if entries.iter().any(|entry| entry.bytes == register.entry.bytes) {
            return Ok(()); // The answer to the first time was lost.
        }
        let mut list = stored_list(account.fingerprint, &entries)?;
        if let Err(bad) = list.append(&register.entry) {
            if bad == BadList::Broken {
                // The entry is signed by this key, so its holder may learn what it must follow.
                let principal = Principal::Key(account.fingerprint);
                self.say(conn, &Reply::Devices(Devices { principal, entries }));
            }
            return Err(bad_entry(bad));
        }
        turn.store.add_entry(&account.fingerprint, &register.entry);
        if let Some((id, DeviceAct::Revoke)) = entry_device(&register.entry.bytes) {
            self.put_out(Device { account: account.fingerprint, id }, turn);
        }
        for other in self.list_readers(account.fingerprint, turn) {
            self.tell_contact(other, account.fingerprint, turn.store);
        }
        let Some(secret) = &register.token else { return Ok(()) };
        match valid_token(secret, turn) {
            Ok(token) => self.befriend_owner(account.fingerprint, &token, secret, turn),
            Err(_) => Ok(()),
        }
    }

    /// A revoked device is nobody here from now on, whoever has it in their hands.
    fn put_out<S: Store>(&mut self, device: Device, turn: &mut Turn<'_, S>) {
        turn.store.forget_prekeys(&device.account, &device.id);
        self.rooms.gone(device);
        if let Some(conn) = self.online.conn(device) {
            self.close(conn, Drop::Revoked);
        }
    }

    fn register_account<S: Store>(
        &mut self,
        conn: ConnId,
        account: &Account,
        register: &Register,
        turn: &mut Turn<'_, S>,
    ) -> Done {
        if let Err(bad) = DeviceList::new(account.fingerprint).append(&register.entry) {
            return Err(bad_entry(bad));
        }
        let holder = turn.store.account_named(&account.name);
        if holder.as_ref().is_some_and(|holder| !holder.guest) || self.is_reserved(&account.name) {
            return Err(name_taken(&account.name));
        }
        let token = self.token_for_account(register, turn)?;
        let prefix = Prefix::of(self.guest(conn)?.from.ip());
        if !self.registrations.take(prefix, turn.now.mono) {
            let text = "too many new accounts from your network; wait a minute and try again";
            return Err(Refusal::new(Why::TooFast, text));
        }
        if turn.store.account_count() >= self.settings.limits.accounts {
            self.out.push_back(Output::AccountsFull);
            let text = "this server takes no more accounts; tell its operator";
            return Err(Refusal::new(Why::Limit, text));
        }
        if holder.is_some() {
            self.end_lease(&account.name, turn);
        }
        turn.store.add_account(account);
        turn.store.add_entry(&account.fingerprint, &register.entry);
        self.befriend_house(account.fingerprint, turn);
        match token.zip(register.token.as_ref()) {
            Some((token, secret)) => self.befriend_owner(account.fingerprint, &token, secret, turn),
            None => Ok(()),
        }
    }

    /// A token that is given must be good, so that nobody believes in a contact that was not made.
    fn token_for_account<S: Store>(
        &self,
        register: &Register,
        turn: &mut Turn<'_, S>,
    ) -> Result<Option<Token>, Refusal> {
        match &register.token {
            Some(token) => valid_token(token, turn).map(Some),
            None if self.settings.invite_only => {
                let text = "this server takes new accounts by invite only; ask somebody who is on it for one";
                Err(Refusal::new(Why::InviteNeeded, text))
            }
            None => Ok(None),
        }
    }

    /// The house's name is nobody else's, even while its account does not exist.
    pub(super) fn is_reserved(&self, name: &Name) -> bool {
        self.settings.house.as_ref().is_some_and(|(house, _)| house == name)
    }

    // --- 302 ---

    pub(super) fn auth<S: Store>(&mut self, conn: ConnId, auth: &Auth, turn: &mut Turn<'_, S>) -> Done {
        self.greeted(conn)?;
        let account = match turn.store.account(&auth.account) {
            Some(account) if account.name == auth.name => account,
            Some(_) => return Err(bad_signature()),
            None if turn.store.account_named(&auth.name).is_some_and(|holder| !holder.guest) => {
                return Err(name_taken(&auth.name));
            }
            None => return Err(not_registered()),
        };
        let entries = turn.store.entries(&account.fingerprint);
        let list = stored_list(account.fingerprint, &entries)?;
        if list.is_revoked(auth.device) {
            let text = "this device was revoked; make a new profile to use it again";
            return Err(Refusal::new(Why::Revoked, text));
        }
        let keys = list.get(auth.device).ok_or_else(not_registered)?;
        if !entries.iter().any(|entry| entry_hash(entry) == *auth.list_head) {
            return Err(not_registered());
        }
        let exporter = self.guest(conn)?.exporter.ok_or_else(not_registered)?;
        let signed = login_bytes(&Login {
            exporter: &exporter,
            server: &self.settings.server_key,
            account: &auth.account,
            device: auth.device,
            list_head: &auth.list_head,
            name: &auth.name,
        });
        if !verify_device(&keys.ed25519, &signed, &auth.signature) {
            return Err(bad_signature());
        }
        let device = Device { account: account.fingerprint, id: auth.device };
        self.welcome(conn, User { name: account.name, device, kind: Kind::Key }, turn);
        Ok(())
    }

    pub(super) fn welcome<S: Store>(&mut self, conn: ConnId, user: User, turn: &mut Turn<'_, S>) {
        let now = turn.now.mono;
        let rule = (!self.is_house(user.device.account)).then_some(self.settings.limits.requests);
        let Some(guest) = self.guests.get_mut(&conn) else { return };
        guest.admit(user.clone(), rule, now);
        self.guest_timers.set(conn, guest.due());
        if let Some(replaced) = self.online.insert(user.device, conn) {
            self.forget_guest(replaced);
            self.out.push_back(Output::Close(replaced, Drop::Replaced));
            self.rooms.dropped(user.device, now);
        }
        self.rooms.returned(user.device);
        self.out.push_back(Output::Admitted(conn));
        self.say(conn, &Reply::LoggedIn(user.name.clone()));
        self.tell_everybody(conn, &user, turn);
        self.presences.came(user.device.account, now);
    }

    /// 303
    pub(super) fn put_prekeys<S: Store>(
        &mut self,
        me: &User,
        prekeys: &Prekeys,
        turn: &mut Turn<'_, S>,
    ) -> Done {
        if prekeys.one_time.len() > PREKEYS_MAX {
            let text = format!("a device publishes at most {PREKEYS_MAX} one-time keys");
            return Err(Refusal::new(Why::Limit, text));
        }
        let Device { account, id, .. } = &me.device;
        // They come at every login. Those from before stay as good as they were, since a device forgets only used ones; but
        // whoever has none yet cannot be written to without.
        if turn.store.fallback_prekey(account, id).is_some() {
            room_in(turn.store)?;
        }
        turn.store.put_prekeys(account, id, prekeys);
        Ok(())
    }

    /// Those connected who keep this account's device list.
    fn list_readers<S: Store>(&self, account: Fingerprint, turn: &mut Turn<'_, S>) -> Vec<Fingerprint> {
        let mut here = self.online.accounts();
        here.retain(|other| turn.store.standing(other, &account) != Standing::None);
        here
    }
}

/// What the store holds was checked when it was stored; a list that fails now is the store's fault.
fn stored_list(account: Fingerprint, entries: &[Signed]) -> Result<DeviceList, Refusal> {
    DeviceList::verify(account, entries).map_err(|_| {
        Refusal::new(Why::Internal, "the server's record of your devices is damaged; tell its operator")
    })
}

fn logged_in() -> Refusal {
    Refusal::new(Why::LoggedIn, "you are logged in already")
}

fn not_registered() -> Refusal {
    Refusal::new(Why::NotRegistered, "this account or device is not known here; register it first")
}

fn bad_signature() -> Refusal {
    Refusal::new(
        Why::BadSignature,
        "the login is not signed by this device of this account; check the profile",
    )
}

pub(super) fn name_taken(name: &Name) -> Refusal {
    Refusal::new(Why::NameTaken, format!("the name {name} is taken here; choose another"))
}

fn bad_entry(bad: BadList) -> Refusal {
    let (why, text) = match bad {
        BadList::Malformed => (Why::BadRequest, "the device entry cannot be read"),
        BadList::Forged => (Why::BadSignature, "the device entry is not signed by the account's key"),
        BadList::Broken => (Why::NotRegistered, "the device entry must follow the account's newest one"),
        BadList::Senseless => (Why::Already, "the device is on the account's list already, or was revoked"),
        BadList::Full => {
            let text = format!(
                "the account has had {DEVICES_MAX} devices, revoked ones included, and can have no more; make a new account"
            );
            return Refusal::new(Why::Limit, text);
        }
    };
    Refusal::new(why, text)
}
