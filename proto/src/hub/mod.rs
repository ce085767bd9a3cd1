//! The server's mind: who is connected, who knows whom, who calls whom. It never sees a key or a plaintext.
//!
//! This file routes. A connection's bytes become requests at its [`door`], whichever of the three languages it speaks;
//! [`login`] makes users of strangers, [`plain`] those who have a name only; [`contacts`], [`mail`] and [`calls`] answer
//! users; [`rooms`] keeps the calls, [`presence`] who is told what of whom, [`rate`] how much of anything one source may
//! ask for. A request ends in its replies or in one [`refusal`], which the door says in its language.

use std::collections::{BTreeMap, VecDeque};

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use crate::drop::Drop;
use crate::id::{ConnId, Fingerprint};
use crate::limits::{
    ACCOUNTS_METERED_MAX, CALL_MAIL_PER_ACCOUNT, GUEST_NAMES_PER_PREFIX, PLAIN_LOGIN_TIME_MAX, PREFIXES_MAX,
    PREKEY_ASKERS_MAX, PREKEYS_PER_CONTACT,
};
use crate::relay::Change;
use crate::rng::Rng;
use crate::time::{Now, Time, earliest};
use crate::wire::record::{Goaway, Refused};
use crate::wire::{Reply, Request, encode_reply};

mod calls;
mod check;
mod contacts;
mod door;
mod greeting;
mod guest;
mod login;
mod mail;
mod online;
mod plain;
mod presence;
pub mod rate;
mod refusal;
mod rejoin;
mod ring;
mod room;
mod rooms;
mod settings;
pub mod store;
#[cfg(test)]
mod tests;
mod timers;

use door::{Door, Re};
use guest::{Guest, Phase};
use online::{Device, Online, User};
use presence::Presences;
use rate::{Buckets, Prefix};
use refusal::{Done, Refusal};
use rooms::Rooms;
use timers::Timers;

pub use rate::{Admission, Doorway, Entry};
pub use settings::{Limits, Settings};
pub use store::{Account, Greeting, Mem, Store, Token, guest_fingerprint};

/// Which language a door speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Seed A's frames without padding, inside TLS, with our extension codes.
    Native,
    /// Seed A as its own programs speak it: padded frames, and a name is all it takes to log in.
    Binary,
    /// Seed B. [`Input::Bytes`] is one read of the socket then.
    Text,
}

/// What goes in.
#[derive(Debug)]
pub enum Input<'a> {
    /// A connection is there, handshake done.
    Opened {
        /// Its name, never used before.
        conn: ConnId,
        /// What its door speaks.
        dialect: Dialect,
        /// The other end.
        from: SocketAddr,
        /// Our end, as the client reached it.
        at: SocketAddr,
        /// 32 bytes of the TLS exporter; none on plain doors.
        exporter: Option<[u8; 32]>,
    },
    /// Plaintext bytes of a connection, cut anywhere.
    Bytes(ConnId, &'a [u8]),
    /// A connection is gone.
    Closed(ConnId),
    /// The process goes away: say so to everybody, with this to wait.
    Leave {
        /// The clients spread their returns over this.
        retry: Duration,
    },
    /// The deadline passed.
    Timeout,
}

/// What comes out, strictly in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send.
    Stream(ConnId, Vec<u8>),
    /// Send what is queued, then close.
    Close(ConnId, Drop),
    /// This connection has logged in: it counts as a stranger no more (see [`rate::Admission`]).
    Admitted(ConnId),
    /// Somebody new was turned away, since there are as many accounts as there may be: only the operator can help.
    AccountsFull,
    /// Tell the relay.
    Relay(Change),
    /// Something that came in was not used. The connection lives on; only the count matters.
    Drop(Drop),
}

/// What one turn brings: the time, and what is on disk.
struct Turn<'a, S> {
    now: Now,
    store: &'a mut S,
}

/// The machine.
pub struct Hub {
    settings: Settings,
    guests: BTreeMap<ConnId, Guest>,
    guest_timers: Timers<ConnId>,
    online: Online,
    presences: Presences,
    rooms: Rooms,
    mail: Buckets<Fingerprint>,
    call_mail: Buckets<Fingerprint>,
    /// One-time keys, by who asks and of which device.
    prekeys: Buckets<(Fingerprint, Device)>,
    asks: Buckets<Fingerprint>,
    call_starts: Buckets<Fingerprint>,
    registrations: Buckets<Prefix>,
    leases: Buckets<Prefix>,
    house_is_known: bool,
    /// Plain connections to be closed when this input is done.
    slow: Vec<ConnId>,
    rng: Rng,
    now: Now,
    out: VecDeque<Output>,
}

impl Hub {
    /// A hub without guests. What it knows of people is in the store that comes with every input.
    pub fn new(settings: Settings, mut rng: Rng, now: Now) -> Self {
        let limits = settings.limits;
        Self {
            guests: BTreeMap::new(),
            guest_timers: Timers::new(),
            online: Online::default(),
            presences: Presences::new(),
            rooms: Rooms::new(settings.relay_key, limits.calls, rng.child("rooms")),
            mail: Buckets::new(limits.mail, ACCOUNTS_METERED_MAX),
            call_mail: Buckets::new(CALL_MAIL_PER_ACCOUNT, ACCOUNTS_METERED_MAX),
            prekeys: Buckets::new(PREKEYS_PER_CONTACT, PREKEY_ASKERS_MAX),
            asks: Buckets::new(limits.asks, ACCOUNTS_METERED_MAX),
            call_starts: Buckets::new(limits.call_starts, ACCOUNTS_METERED_MAX),
            registrations: Buckets::new(limits.registrations, PREFIXES_MAX),
            leases: Buckets::new(GUEST_NAMES_PER_PREFIX, PREFIXES_MAX),
            house_is_known: false,
            slow: Vec::new(),
            rng: rng.child("hub"),
            now,
            out: VecDeque::new(),
            settings,
        }
    }

    /// Takes one input. Drain [`Hub::poll`] afterwards.
    pub fn handle<S: Store>(&mut self, input: Input<'_>, now: Now, store: &mut S) {
        debug_assert!(now.mono >= self.now.mono, "time never goes back");
        self.now = now;
        let turn = &mut Turn { now, store };
        match input {
            Input::Opened { conn, dialect, from, at, exporter } => {
                self.know_house(turn);
                let door = Door::new(dialect, now.mono);
                self.opened(conn, Guest::new(door, from, at, now.mono), exporter);
            }
            Input::Bytes(conn, bytes) => self.bytes(conn, bytes, turn),
            Input::Closed(conn) => self.forget_guest(conn),
            Input::Leave { retry } => self.leave(retry),
            Input::Timeout => {}
        }
        self.expire(now.mono);
        self.rooms.timeout(now);
        loop {
            self.tell_calls(now.mono);
            self.tell_presences(now.mono, turn.store);
            if self.slow.is_empty() {
                return;
            }
            self.close_slow();
        }
    }

    /// The next output.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Timeout`] is wanted.
    pub fn deadline(&self) -> Option<Time> {
        earliest(self.guest_timers.next(), earliest(self.rooms.deadline(), self.presences.deadline()))
    }

    // --- connections ---

    fn opened(&mut self, conn: ConnId, mut guest: Guest, exporter: Option<[u8; 32]>) {
        let is_plain = guest.door.is_plain();
        if exporter.is_none() && !is_plain {
            return self.out.push_back(Output::Close(conn, Drop::Tls));
        }
        guest.exporter = exporter.filter(|_| !is_plain);
        let welcome = Reply::Welcome(guest.from.ip().to_canonical().to_string());
        let until = self.now.mono + self.login_time(&guest);
        guest.put_out(until, self.now.mono);
        self.guests.insert(conn, guest);
        self.guest_timers.set(conn, Some(until));
        self.say(conn, &welcome);
    }

    /// A native client logs in by itself. Behind a plain one somebody types a name first.
    fn login_time(&self, guest: &Guest) -> Duration {
        let time = self.settings.limits.login_time;
        if guest.door.is_plain() { time.max(PLAIN_LOGIN_TIME_MAX) } else { time }
    }

    /// The account of the house's friend is there before anybody else's, so that all can be its contacts.
    fn know_house<S: Store>(&mut self, turn: &mut Turn<'_, S>) {
        if self.house_is_known {
            return;
        }
        self.house_is_known = true;
        let Some((name, fingerprint)) = self.settings.house.clone() else { return };
        if turn.store.account(&fingerprint).is_none() && turn.store.account_named(&name).is_none() {
            turn.store.add_account(&Account { fingerprint, name, guest: false });
        }
    }

    fn bytes<S: Store>(&mut self, conn: ConnId, mut bytes: &[u8], turn: &mut Turn<'_, S>) {
        // A connection that was closed may still have had bytes on the way.
        while let Some(guest) = self.guests.get_mut(&conn) {
            let was_callable = guest.door.call_port().is_some();
            let next = guest.next(&mut bytes, turn.now.mono);
            if let Phase::User(user) = &guest.phase
                && !was_callable
                && guest.door.call_port().is_some()
            {
                // Friends were not told of one who could not be called; now they are.
                self.presences.came(user.device.account, turn.now.mono);
            }
            let asked = match next {
                Ok(Some(asked)) => asked,
                Ok(None) if guest.door.is_plain() => return self.flush(conn, turn.now.mono),
                Ok(None) => return,
                Err(reason) => return self.close_broken(conn, reason),
            };
            let request = asked.request.map_err(|(reason, refusal)| {
                self.out.push_back(Output::Drop(reason));
                refusal
            });
            self.follow_greetings(conn, matches!(request, Ok(Request::Ping)), turn);
            if let Err(refusal) = request.and_then(|request| self.request(conn, request, turn)) {
                self.refuse(conn, &asked.re, refusal);
            }
            if let Some(guest) = self.guests.get_mut(&conn)
                && !matches!(&guest.phase, Phase::User(user) if self.rooms.rings(user.device))
            {
                guest.door.asked_unasked(&asked.re);
            }
            self.tell_calls(turn.now.mono);
        }
    }

    fn close_broken(&mut self, conn: ConnId, reason: Drop) {
        let words = self.guests.get(&conn).and_then(|guest| guest.door.last_words(reason));
        self.out.extend(words.map(|words| Output::Stream(conn, words)));
        self.close(conn, reason);
    }

    /// A plain connection for which more is waiting than may.
    fn close_slow(&mut self) {
        while let Some(conn) = self.slow.pop() {
            if self.guests.contains_key(&conn) {
                self.close(conn, Drop::TooSlow);
            }
        }
    }

    fn close(&mut self, conn: ConnId, reason: Drop) {
        self.forget_guest(conn);
        self.out.push_back(Output::Close(conn, reason));
    }

    fn forget_guest(&mut self, conn: ConnId) {
        self.guest_timers.set(conn, None);
        let Some(guest) = self.guests.remove(&conn) else { return };
        if let Phase::User(user) = guest.phase {
            self.forget_user(conn, &user);
        }
    }

    fn forget_user(&mut self, conn: ConnId, user: &User) {
        if !self.online.remove(user.device, conn) {
            return;
        }
        if user.is_guest() {
            self.rooms.gone(user.device);
        } else {
            self.rooms.dropped(user.device, self.now.mono);
        }
        self.presences.changed(user.device.account, self.now.mono);
    }

    fn expire(&mut self, now: Time) {
        while let Some(conn) = self.guest_timers.take_due(now) {
            let Some(guest) = self.guests.get(&conn) else { continue };
            match guest.fault(now) {
                Some(reason) => self.close(conn, reason),
                None => self.flush(conn, now),
            }
        }
    }

    /// Calls are not ended: their tickets outlive us.
    fn leave(&mut self, retry: Duration) {
        let spread = u64::try_from(retry.as_millis()).unwrap_or(u64::MAX);
        let conns: Vec<ConnId> = self.guests.keys().copied().collect();
        for conn in conns {
            let retry_ms = u32::try_from(self.rng.below(spread.saturating_add(1))).unwrap_or(u32::MAX);
            self.say(conn, &Reply::Goaway(Goaway { retry_ms }));
            self.out.push_back(Output::Close(conn, Drop::Leaving));
        }
        self.guests.clear();
        self.guest_timers.clear();
        self.online.clear();
        self.presences.clear();
        self.rooms.forget();
        self.slow.clear();
    }

    // --- requests ---

    fn request<S: Store>(&mut self, conn: ConnId, request: Request, turn: &mut Turn<'_, S>) -> Done {
        match request {
            Request::Ping => {
                self.say(conn, &Reply::Pong);
                Ok(())
            }
            Request::Hello(hello) => self.hello(conn, &hello),
            Request::Register(register) => self.register(conn, &register, turn),
            Request::Auth(auth) => self.auth(conn, &auth, turn),
            Request::Login(name) => self.lease(conn, &name, turn),
            Request::Add(_)
            | Request::Accept(_)
            | Request::Reject(_)
            | Request::Remove(_)
            | Request::List(_)
            | Request::Call(_)
            | Request::AcceptCall(_)
            | Request::RejectCall(_)
            | Request::HangUp(_)
            | Request::Prekeys(_)
            | Request::WantDevices(_)
            | Request::WantPrekey(_)
            | Request::Mail(_)
            | Request::CallMail(_)
            | Request::Rejoin(_)
            | Request::Renew(_)
            | Request::NewInvite(_)
            | Request::Redeem(_) => {
                let user = self.guest(conn)?.user()?.clone();
                self.user_request(conn, &user, request, turn)
            }
        }
    }

    fn user_request<S: Store>(
        &mut self,
        conn: ConnId,
        me: &User,
        request: Request,
        turn: &mut Turn<'_, S>,
    ) -> Done {
        match request {
            Request::Add(name) => self.add(conn, me, &name, turn),
            Request::Accept(name) => self.accept(me, &name, turn),
            Request::Reject(name) => self.reject(me, &name, turn),
            Request::Remove(name) => self.remove(me, &name, turn),
            Request::List(name) => self.list(conn, me, name.as_ref(), turn),
            Request::NewInvite(invite) => self.new_invite(conn, me, &invite, turn),
            Request::Redeem(redeem) => self.redeem(me, &redeem, turn),
            Request::Prekeys(prekeys) => self.put_prekeys(me, &prekeys, turn),
            Request::WantDevices(want) => self.want_devices(conn, me, &want, turn),
            Request::WantPrekey(want) => self.want_prekey(conn, me, &want, turn),
            Request::Mail(mail) => self.mail(conn, me, mail, turn),
            Request::CallMail(mail) => self.call_mail(me, mail, turn),
            Request::Call(names) => self.call(me, &names, turn),
            Request::AcceptCall(call) => self.rooms.accept(me.device, call, turn.now),
            Request::RejectCall(call) => self.rooms.reject(me.device, call),
            Request::HangUp(call) => self.rooms.hang_up(me.device, call),
            Request::Renew(renew) => self.rooms.renew(me.device, renew.call, turn.now),
            Request::Rejoin(grant) => {
                self.rooms.rejoin(me, self.calls_max(me.device.account), &grant, turn.now)
            }
            Request::Ping
            | Request::Hello(_)
            | Request::Register(_)
            | Request::Auth(_)
            | Request::Login(_) => Ok(()),
        }
    }

    fn guest(&mut self, conn: ConnId) -> Result<&mut Guest, Refusal> {
        self.guests.get_mut(&conn).ok_or_else(Refusal::stranger)
    }

    fn is_house(&self, account: Fingerprint) -> bool {
        self.settings.house.as_ref().is_some_and(|(_, house)| *house == account)
    }

    // --- saying ---

    /// Frames said in one turn to one native connection travel together; plain ones are paced.
    fn say(&mut self, conn: ConnId, reply: &Reply) {
        let meeting = self.meeting(conn, reply);
        let Some(guest) = self.guests.get_mut(&conn) else { return };
        if guest.door.is_plain() {
            guest.door.say(reply, meeting);
            return self.flush(conn, self.now.mono);
        }
        if let Some(Output::Stream(last, bytes)) = self.out.back_mut()
            && *last == conn
        {
            return encode_reply(reply, bytes);
        }
        let mut bytes = Vec::new();
        encode_reply(reply, &mut bytes);
        self.out.push_back(Output::Stream(conn, bytes));
    }

    /// Sends what a plain connection may get now, and looks at it again when the next is due.
    fn flush(&mut self, conn: ConnId, now: Time) {
        let Some(guest) = self.guests.get_mut(&conn) else { return };
        let rings = matches!(&guest.phase, Phase::User(user) if self.rooms.rings(user.device));
        if let Some(pace) = guest.door.pace_mut() {
            self.out.extend(pace.next(now, rings).map(|bytes| Output::Stream(conn, bytes)));
            if pace.is_overflowed() && !self.slow.contains(&conn) {
                self.slow.push(conn);
            }
        }
        self.guest_timers.set(conn, guest.due());
    }

    /// False when the device is not connected.
    fn say_device(&mut self, device: Device, reply: &Reply) -> bool {
        let conn = self.online.conn(device);
        conn.inspect(|conn| self.say(*conn, reply)).is_some()
    }

    fn say_account(&mut self, account: Fingerprint, reply: &Reply) {
        let conns: Vec<ConnId> = self.online.devices(account).map(|(_, conn)| conn).collect();
        for conn in conns {
            self.say(conn, reply);
        }
    }

    fn refuse(&mut self, conn: ConnId, re: &Re, refusal: Refusal) {
        if let Re::Frame(re) = *re {
            return self.say(conn, &Reply::Refused(Refused { re, why: refusal.why, text: refusal.text }));
        }
        let Some(guest) = self.guests.get_mut(&conn) else { return };
        guest.door.refuse(re, &refusal);
        self.flush(conn, self.now.mono);
    }
}

impl fmt::Debug for Hub {
    /// Nothing of anybody: keys and exporters stay out of every log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (guests, devices, calls) = self.counts();
        write!(f, "Hub({guests} guests, {devices} devices, {calls} calls)")
    }
}
