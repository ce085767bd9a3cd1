//! What the user wants, turned into what the machines do.

use crate::call::{self, Callee};
use crate::client::{Asked, Client, Command, Event, Kind, Matter, Save};
use crate::id::{MsgId, Name, Principal};
use crate::invite::{Invite, token_hash};
use crate::limits::{GREETING_CHARS_MAX, MEMBERS_MAX, TEXT_BYTES_MAX, TOKEN_LIFE};
use crate::link;
use crate::login;
use crate::outbox;
use crate::safe::Safe;
use crate::time::{Now, Wall};
use crate::wire::record::{InviteParts, NewInvite, Redeem, Why};
use crate::wire::request::Request;

impl Client {
    pub(super) fn command(&mut self, command: Command, now: Now) {
        match command {
            Command::Join(name) => self.login_act(login::Act::Join(name), now),
            Command::TrustServer => self.login_act(login::Act::Trust, now),
            Command::Add(name) => self.add(name),
            Command::Greet { to, text } => self.add_with(to, text),
            Command::Accept(name) => self.accept(name),
            Command::Reject(name) => {
                let request = Request::Reject(name.clone());
                self.part(&name, format!("cannot dismiss the request of {name}"), request);
            }
            Command::Remove(name) => {
                let request = Request::Remove(name.clone());
                self.part(&name, format!("cannot remove {name}"), request);
            }
            Command::Call(names) => self.place_call(names, now),
            Command::AllowPlain(name) => self.allow_plain(name),
            Command::Answer => {
                let guests = self.call.guests_ringing();
                if self.agreed(guests) {
                    self.call.handle(call::Act::Answer, now.mono);
                }
            }
            Command::Decline => self.call.handle(call::Act::Decline, now.mono),
            Command::HangUp => self.call.handle(call::Act::HangUp, now.mono),
            Command::Say { to, text, echo } => self.say(to, text, echo, now),
            Command::Invite => self.invite(now),
            Command::Redeem(token) => self.redeem(token),
            Command::Contacts => {
                let list = self.contacts.list();
                self.tell(Event::Contacts(list));
            }
            Command::WelcomeAll => self.contacts.welcome_all(),
            Command::Compare(name) => self.begin_comparing(&name, now),
            Command::Verify { name, key, matches } => self.verify(&name, key, matches, now),
            Command::AcceptIdentity { name, key } => self.accept_identity(name, key),
            Command::Ban(name) => self.ban(&name, now),
            Command::Unban(who) => {
                if !self.contacts.unban(&who, now.wall) {
                    self.refuse(Matter::Unban(who), Why::Other, "they are not blocked");
                }
            }
            Command::Bans => self.contacts.tell_bans(),
            Command::Reconnect => self.reconnect(now),
        }
    }

    fn reconnect(&mut self, now: Now) {
        if !self.login.is_stopped() && !self.login.is_in() {
            self.login.retry();
            self.link.hold(false);
            self.link.handle(link::Act::Go, now.mono);
        }
    }

    // --- contacts ---

    pub(super) fn add(&mut self, name: Name) {
        if self.contacts.is_asking(&name) {
            return self.accept(name);
        }
        self.ask(name, None);
    }

    /// Says yes to whoever goes by this name, if there is a server to hear it.
    fn ask(&mut self, name: Name, greeting: Option<String>) {
        if !self.login.is_in() {
            let what = format!("cannot add {name}");
            return self.refuse_offline(name, &what);
        }
        self.contacts.ask(&name, greeting);
        self.send(Request::Add(name.clone()), Asked::Add(name));
    }

    /// Nobody was asked, so there is nothing that a later word of the server's could answer; but for a question that it
    /// has already.
    pub(super) fn add_refused(&mut self, name: Name, why: Why, text: &str) {
        if why != Why::Already {
            self.contacts.unask(&name);
        }
        let what = format!("cannot add {name}: {text}");
        self.refuse(Matter::Contact(name), why, &what);
    }

    /// As [`Self::add`]. Who asks us already is answered by a yes, with no other word.
    fn add_with(&mut self, name: Name, text: String) {
        if text.is_empty() || self.contacts.is_asking(&name) {
            return self.add(name);
        }
        let chars = text.chars().count();
        if chars > GREETING_CHARS_MAX {
            let what = format!(
                "{name} was not asked: a message with a request has at most {GREETING_CHARS_MAX} characters, this one \
                 {chars}"
            );
            return self.refuse(Matter::Contact(name), Why::BadRequest, &what);
        }
        self.ask(name, Some(text));
    }

    pub(super) fn accept(&mut self, name: Name) {
        if self.contacts.accept_made(&name) {
            return;
        }
        let what = format!("cannot accept {name}");
        if self.login.is_in() {
            self.send(Request::Accept(name.clone()), Asked::Wish(name, what));
        } else {
            self.refuse_offline(name, &what);
        }
    }

    /// Without a server to hear it nothing changes, but for those who stand for nobody there. `unknown` is asked when
    /// there is nobody of that name here.
    fn part(&mut self, name: &Name, what: String, unknown: Request) {
        let undecided = self.contacts.is_undecided(name);
        if !self.login.is_in() && undecided {
            self.contacts.part(name);
        } else if !self.login.is_in() {
            // Whoever shows the list may have taken them out already.
            self.contacts.tell(name);
            self.refuse_offline(name.clone(), &what);
        } else if let Some(request) = self.contacts.part(name) {
            let asked =
                if undecided { Asked::Wish(name.clone(), what) } else { Asked::Parting(name.clone(), what) };
            self.send(request, asked);
        } else {
            self.send(unknown, Asked::Wish(name.clone(), what));
        }
    }

    /// The connection was lost before the server answered.
    pub(super) fn part_again(&mut self, name: Name) {
        if let Some(request) = self.contacts.parting_again(&name) {
            let what = format!("cannot remove {name}");
            self.send(request, Asked::Parting(name, what));
        }
    }

    /// The server did not do it. If they are gone all the same, there is nothing to be said.
    pub(super) fn parting_refused(&mut self, name: &Name, what: &str, why: Why, text: &str) {
        if self.contacts.stay(name) {
            let what = format!("{what}, so they stay in your list: {text}");
            self.refuse(Matter::Contact(name.clone()), why, &what);
        }
    }

    fn refuse_offline(&mut self, name: Name, what: &str) {
        let text = format!("{what}: there is no connection to the server; try again later");
        self.refuse(Matter::Contact(name), Why::NotLoggedIn, &text);
    }

    // --- texts and calls ---

    fn say(&mut self, to: Name, text: String, echo: u64, now: Now) {
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            let what = format!(
                "the text was not sent: a text has 1 to {TEXT_BYTES_MAX} bytes, this one {}",
                text.len()
            );
            return self.refuse(Matter::Text { to, echo }, Why::BadRequest, &what);
        }
        let Some(account) = self.contacts.reachable_as(&to) else {
            let of = Matter::Text { to: to.clone(), echo };
            return self.refuse_unreachable(of, "write to", &to);
        };
        self.peers.hurry(&account);
        let id = MsgId(self.rng.bytes());
        let say = outbox::Act::Say { id, to: account, name: to, text, sent: now.wall, echo };
        self.outbox.handle(say, now.mono);
    }

    fn place_call(&mut self, names: Vec<Name>, now: Now) {
        let mut to: Vec<Callee> = Vec::new();
        for name in names {
            let Some(principal) = self.contacts.callable(&name) else {
                return self.refuse_unreachable(Matter::Call, "call", &name);
            };
            if to.iter().all(|callee| callee.name != name) {
                to.push(Callee { name, principal });
            }
        }
        let Some(first) = to.first().map(|callee| callee.name.clone()) else {
            return self.refuse(Matter::Call, Why::BadRequest, "name somebody to call");
        };
        if to.len() >= MEMBERS_MAX {
            let what =
                format!("a call has at most {MEMBERS_MAX} members, this one would have {}", to.len() + 1);
            return self.refuse(Matter::Call, Why::Limit, &what);
        }
        if !self.login.is_in() {
            let what = format!("cannot call {first}: there is no connection to the server; try again later");
            return self.refuse(Matter::Call, Why::NotLoggedIn, &what);
        }
        let is_guest = |callee: &&Callee| matches!(callee.principal, Principal::Guest(_));
        let guests = to.iter().filter(is_guest).map(|callee| callee.name.clone());
        // To call who rings is to answer, and so is to be with all who are in that call.
        let guests = guests.chain(self.call.guests_ringing()).collect();
        if self.agreed(guests) {
            self.call.handle(call::Act::Place(to), now.mono);
        }
    }

    /// Whether a human said yes to not being encrypted with all these; else they are named.
    fn agreed(&mut self, guests: Vec<Name>) -> bool {
        let mut unconfirmed: Vec<Name> = Vec::new();
        for name in guests {
            let known = self.contacts.allows_plain(&name) || self.plain_once.contains(&name);
            if !known && !unconfirmed.contains(&name) {
                unconfirmed.push(name);
            }
        }
        let agreed = unconfirmed.is_empty();
        if !agreed {
            self.tell(Event::PlainUnconfirmed(unconfirmed));
        }
        agreed
    }

    fn allow_plain(&mut self, name: Name) {
        if self.contacts.allow_plain(&name) || self.plain_once.contains(&name) {
            return;
        }
        // Somebody else's guest, for this call alone.
        if self.call.guests_ringing().contains(&name) && self.plain_once.len() < MEMBERS_MAX {
            return self.plain_once.push(name);
        }
        let what = format!(
            "cannot allow unencrypted calls with {name}: only guests need that, once they are contacts"
        );
        self.refuse(Matter::Call, Why::NotContact, &what);
    }

    fn refuse_unreachable(&mut self, of: Matter, verb: &str, name: &Name) {
        let why = if self.contacts.callable(name).is_some() {
            "guests have no program for texts; call them"
        } else if self.contacts.is_blocked(name) {
            "their key is another one; compare numbers, accept the new key, or remove the contact"
        } else {
            "not a contact; add them first"
        };
        self.refuse(of, Why::NotContact, &format!("cannot {verb} {name}: {why}"));
    }

    // --- invites ---

    fn invite(&mut self, now: Now) {
        if !self.login.is_in() {
            let what = "there is no connection to the server; try again later";
            return self.refuse_invite(Why::NotLoggedIn, what);
        }
        let token: [u8; 16] = self.rng.bytes();
        let life_ms = u64::try_from(TOKEN_LIFE.as_millis()).unwrap_or(u64::MAX);
        let hash = token_hash(&token);
        if !self.contacts.issue(hash, Wall(now.wall.0.saturating_add(life_ms)), now.wall) {
            let what = "too many are valid; use one of them, or wait until one ends";
            return self.refuse_invite(Why::Limit, what);
        }
        self.invites.push_back(token);
        let life_secs = u32::try_from(TOKEN_LIFE.as_secs()).unwrap_or(u32::MAX);
        let new = NewInvite { token_hash: hash.into(), life_secs };
        self.send(Request::NewInvite(new), Asked::Invite(hash));
    }

    /// The server did not take it.
    pub(super) fn uninvite(&mut self, hash: &[u8; 32]) {
        self.invites.retain(|token| token_hash(token) != *hash);
        self.contacts.unissue(hash);
    }

    /// 361: the server's public address for an invite of ours.
    pub(super) fn invited(&mut self, parts: InviteParts) {
        let asked = self.invites.iter().position(|token| token_hash(token) == *parts.token_hash);
        let Some(token) = asked.and_then(|at| self.invites.remove(at)) else {
            return self.drop(crate::drop::Drop::OutOfTurn);
        };
        let (Some(server), Some(name)) = (self.login.profile.pin, self.login.profile.name.clone()) else {
            return;
        };
        let link =
            Invite { host: parts.host, port: parts.port, token: Some(token), name: Some(name), server };
        // A host that no link can hold would otherwise be shown as one.
        match Invite::parse(&link.to_string()) {
            Ok(same) if same == link => self.tell(Event::Invite(link.to_string())),
            Ok(_) | Err(_) => self.drop(crate::drop::Drop::Malformed),
        }
    }

    pub(super) fn redeem(&mut self, token: [u8; 16]) {
        if !self.login.is_in() {
            let what = "cannot use the invite: there is no connection to the server; try again later";
            return self.refuse(Matter::Redeem, Why::NotLoggedIn, what);
        }
        if self.contacts.issued(&token_hash(&token)) {
            let what = "this invite is your own; give it to somebody else";
            return self.refuse(Matter::Redeem, Why::Oneself, what);
        }
        self.contacts.welcome();
        self.send(Request::Redeem(Redeem { token: token.into() }), Asked::Redeem);
        self.ask_list();
    }

    pub(super) fn refuse_invite(&mut self, why: Why, because: &str) {
        self.refuse(Matter::Invite, why, &format!("cannot make an invite: {because}"));
    }

    pub(super) fn refuse(&mut self, of: Matter, why: Why, text: &str) {
        self.tell(Event::Refused { of, why, text: Safe::line(text) });
    }

    pub(super) fn save_profile(&mut self) {
        let value = minicbor::to_vec(&self.login.profile).expect("a record of ours always encodes");
        self.save(Save { kind: Kind::Profile, key: Kind::PROFILE_KEY.into(), value: Some(value) });
    }
}
