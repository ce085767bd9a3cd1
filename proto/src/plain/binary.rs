//! Seed A from the client's side: what a server's frames do, and what is asked of it.
//!
//! Its servers answer 002, 003, 004 and 102 with silence when all is well, and 400 has no word about what it refuses.
//! So what was asked is remembered for a while, in order: an answer settles what was asked before it, too, and a
//! refusal is about the oldest that is left.

use core::net::{IpAddr, SocketAddr};

use crate::client::{EndReason, Event, Matter};
use crate::drop::Drop;
use crate::id::Name;
use crate::limits::{CONTACTS_MAX, NAME_CHARS_MAX, PLAIN_PAYLOAD_MAX, PLAIN_WISH_TIME_MAX};
use crate::link;
use crate::media::CallEvent;
use crate::plain::Wish;
use crate::plain::base::{Base, Login};
use crate::plain::binary::asked::{Asked, Known, What};
use crate::plain::binary::call::Calls;
use crate::safe::Safe;
use crate::time::{Time, earliest};
use crate::wire::code;
use crate::wire::plain::{Fault, PlainReply, PlainSplitter, decode_plain_reply, encode_plain_request};
use crate::wire::record::{Standing, Why};
use crate::wire::reply::Reply;
use crate::wire::request::Request;

mod asked;
mod call;

/// Seed A's part of the client.
#[derive(Debug)]
pub(super) struct Binary {
    splitter: PlainSplitter,
    asked: Asked,
    /// What has come of the contact list that was asked for.
    listing: Vec<Name>,
    /// A frame of that list came that may not be the last; the next comes by then.
    more: Option<Time>,
    /// The list has come since the login.
    listed: bool,
    calls: Calls,
}

/// The frame that logs in.
pub(super) fn login(name: &Name) -> Vec<u8> {
    frame(&Request::Login(name.clone()))
}

/// The frame of a request of seed A's own.
fn frame(request: &Request) -> Vec<u8> {
    encode_plain_request(request).expect("seed A has a word for what its client asks, and room for it")
}

impl Binary {
    pub(super) fn new(bind: Option<IpAddr>) -> Self {
        let (splitter, calls) = (PlainSplitter::new(), Calls::new(bind));
        Self { splitter, asked: Asked::default(), listing: Vec::new(), more: None, listed: false, calls }
    }

    pub(super) fn link_up(&mut self, local: SocketAddr) {
        self.splitter = PlainSplitter::new();
        self.listed = false;
        self.calls.speak_from(local.ip());
    }

    pub(super) fn disconnected(&mut self, base: &mut Base) {
        self.calls.disconnected(base);
        self.forget();
    }

    pub(super) fn agent(&mut self, event: CallEvent, base: &mut Base, now: Time) {
        self.calls.agent(event, base);
        self.note_goodbyes(base, now);
    }

    pub(super) fn timeout(&mut self, base: &mut Base, now: Time) {
        if self.asked.timeout(now) {
            self.tell_list(base);
        }
        if self.more.is_some_and(|until| now >= until) {
            self.list_ends(base);
        }
        self.calls.timeout(base, now);
        self.note_goodbyes(base, now);
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        earliest(self.more, earliest(self.calls.deadline(), self.asked.deadline()))
    }

    /// Nothing that was asked will be answered.
    fn forget(&mut self) {
        self.asked.clear();
        self.listing.clear();
        self.more = None;
        self.calls.goodbyes.clear();
    }

    // --- what the user wants ---

    pub(super) fn wish(&mut self, wish: Wish, base: &mut Base, now: Time) {
        match wish {
            Wish::Add(name) => self.add(name, base, now),
            Wish::Accept(name) => self.accept(&name, base, now),
            Wish::Reject(name) => self.reject(&name, base, now),
            Wish::Remove(name) => self.remove(&name, base, now),
            Wish::Call(names) => {
                if let Some(request) = self.calls.place(names, base, now) {
                    self.ask(What::Call, &request, base, now);
                }
            }
            Wish::Answer => {
                if let Some(request) = self.calls.answer(base, now) {
                    self.ask(What::Answer, &request, base, now);
                }
            }
            Wish::Decline => self.calls.decline(base),
            Wish::HangUp => self.calls.hang_up(base),
        }
        self.note_goodbyes(base, now);
    }

    fn add(&mut self, name: Name, base: &mut Base, now: Time) {
        let standing = base.contacts.standing(&name);
        if base.is_me(&name) {
            base.refuse(
                Matter::Contact(name.clone()),
                Why::Oneself,
                "cannot add yourself: give the name of somebody else",
            );
        } else if standing == Standing::Asking {
            self.accept(&name, base, now);
        } else if standing == Standing::Mutual {
            base.refuse(
                Matter::Contact(name.clone()),
                Why::Already,
                &format!("cannot add {name}: you are contacts already"),
            );
        } else if base.can_ask(Matter::Contact(name.clone()), &format!("cannot add {name}")) {
            self.ask(What::Add(name.clone()), &Request::Add(name), base, now);
        }
    }

    fn accept(&mut self, name: &Name, base: &mut Base, now: Time) {
        let name = base.contacts.spelled(name);
        if base.contacts.standing(&name) != Standing::Asking {
            base.refuse(
                Matter::Contact(name.clone()),
                Why::NoRequest,
                &format!("cannot accept {name}: there is no request of that name"),
            );
        } else if base.can_ask(Matter::Contact(name.clone()), &format!("cannot accept {name}")) {
            // Nothing comes back when all is well.
            base.stand(&name, Standing::Mutual);
            self.ask(What::Accept(name.clone()), &Request::Accept(name), base, now);
        }
    }

    fn reject(&mut self, name: &Name, base: &mut Base, now: Time) {
        let name = base.contacts.spelled(name);
        if base.contacts.standing(&name) != Standing::Asking {
            let text = format!("cannot dismiss the request of {name}: there is none of that name");
            base.refuse(Matter::Contact(name.clone()), Why::NoRequest, &text);
        } else if base
            .can_ask(Matter::Contact(name.clone()), &format!("cannot dismiss the request of {name}"))
        {
            base.forget(&name);
            self.ask(What::Reject(name.clone()), &Request::Reject(name), base, now);
        }
    }

    fn remove(&mut self, name: &Name, base: &mut Base, now: Time) {
        let name = base.contacts.spelled(name);
        match base.contacts.standing(&name) {
            Standing::None => {
                base.refuse(
                    Matter::Contact(name.clone()),
                    Why::NotContact,
                    &format!("cannot remove {name}: not a contact"),
                );
            }
            Standing::Asking => self.reject(&name, base, now),
            standing @ (Standing::Asked | Standing::Mutual) => {
                if base.can_ask(Matter::Contact(name.clone()), &format!("cannot remove {name}")) {
                    base.forget(&name);
                    self.ask(What::Remove(name.clone(), standing), &Request::Remove(name), base, now);
                }
            }
        }
    }

    /// 005 about ourselves: the list, and a sign of life.
    pub(super) fn ask_list(&mut self, base: &mut Base, now: Time) {
        let Some(name) = base.name.clone().filter(|_| base.is_in()) else { return };
        base.contacts.expect_list();
        self.listing.clear();
        self.more = None;
        self.ask(What::List, &Request::List(Some(name)), base, now);
    }

    fn ask(&mut self, what: What, request: &Request, base: &mut Base, now: Time) {
        base.send(frame(request));
        self.asked.push(what, base.server.over_at(now) + PLAIN_WISH_TIME_MAX);
    }

    /// Remembers that calls were left or declined, which a server may refuse like anything else.
    fn note_goodbyes(&mut self, base: &Base, now: Time) {
        for goodbye in self.calls.goodbyes.drain(..) {
            self.asked.push(goodbye, base.server.over_at(now) + PLAIN_WISH_TIME_MAX);
        }
    }

    /// An answer came to what was asked after the list, if to anything.
    fn settle(&mut self, base: &mut Base, answered: impl Fn(&What) -> bool) {
        self.asked.settle(answered);
        self.list_ends(base);
    }

    // --- what the server says ---

    pub(super) fn bytes(&mut self, mut bytes: &[u8], base: &mut Base, now: Time) {
        while base.link.is_up() {
            match self.splitter.next(&mut bytes) {
                Ok(Some(frame)) => self.frame(frame.code, &frame.payload, base, now),
                Ok(None) => return,
                Err(error) => {
                    base.drop(error.reason());
                    base.link.handle(link::Act::Retry, now);
                }
            }
        }
    }

    fn frame(&mut self, code: i32, payload: &[u8], base: &mut Base, now: Time) {
        if code == code::CONTACTS && base.is_in() {
            return self.contacts(payload, base, now);
        }
        match decode_plain_reply(code, payload) {
            Ok(PlainReply::Said(reply)) => self.reply(reply, base, now),
            Ok(PlainReply::Failed { fault, text }) => self.failed(fault, &text, base, now),
            // It says that we left, which we know.
            Ok(PlainReply::LeftCall) => self.settle(base, |what| *what == What::Leave),
            Err(_) => base.drop(Drop::Malformed),
        }
        self.note_goodbyes(base, now);
    }

    fn reply(&mut self, reply: Reply, base: &mut Base, now: Time) {
        let turn = if matches!(reply, Reply::Welcome(_)) {
            Login::Greeting
        } else if matches!(reply, Reply::LoggedIn(_)) {
            Login::Asked
        } else {
            Login::In
        };
        if base.login != turn {
            return base.drop(Drop::OutOfTurn);
        }
        match reply {
            Reply::Welcome(_) => {
                if let Some(name) = base.greeted() {
                    base.send(login(&name));
                }
            }
            Reply::LoggedIn(_) => {
                base.logged_in(now);
                self.ask_list(base, now);
            }
            Reply::RequestAccepted(name) => self.accepted(&name, base),
            Reply::RequestDismissed(name) => {
                if base.contacts.standing(&name) == Standing::Mutual {
                    return base.drop(Drop::OutOfTurn);
                }
                base.tell(Event::Rejected(name.clone()));
                base.forget(&name);
            }
            Reply::RequestSent(name) => {
                self.settle(base, |what| matches!(what, What::Add(asked) if *asked == name));
                match base.contacts.standing(&name) {
                    Standing::None | Standing::Asked => {
                        base.stand(&name, Standing::Asked);
                        base.tell(Event::Requested(name));
                    }
                    Standing::Asking | Standing::Mutual => base.drop(Drop::OutOfTurn),
                }
            }
            Reply::RequestFrom(name) => {
                if base.contacts.standing(&name) == Standing::Mutual {
                    return base.drop(Drop::OutOfTurn);
                }
                base.asked_by(&name);
            }
            Reply::CallTaken => {
                self.settle(base, |what| *what == What::Call);
                self.calls.taken(base);
            }
            Reply::CallAccepted(parties) => {
                self.settle(base, |what| *what == What::Answer);
                self.calls.accepted(parties, base);
            }
            Reply::CallJoined(party) => self.calls.joined(party, base, now),
            Reply::CallRequest(party) => self.calls.rung(party, base, now),
            // The list was read before; the rest has no code here.
            Reply::Contacts(_)
            | Reply::Hello(_)
            | Reply::Contact(_)
            | Reply::Devices(_)
            | Reply::Prekey(_)
            | Reply::Mail(_)
            | Reply::MailResult(_)
            | Reply::CallMail(_)
            | Reply::Grant(_)
            | Reply::CallState(_)
            | Reply::Refused(_)
            | Reply::Invite(_)
            | Reply::Goaway(_)
            | Reply::Pong => base.drop(Drop::OutOfTurn),
        }
    }

    fn accepted(&mut self, name: &Name, base: &mut Base) {
        if base.is_me(name) || base.contacts.standing(name) == Standing::Mutual {
            return base.drop(Drop::OutOfTurn);
        }
        base.stand(name, Standing::Mutual);
        base.tell(Event::Accepted(name.clone()));
    }

    /// 206: added to what is known, since a long list comes in several. One bad name costs that name only. A frame
    /// with room for another name is the last; one without may be, too, which is known by what comes after it, or by
    /// nothing coming.
    fn contacts(&mut self, payload: &[u8], base: &mut Base, now: Time) {
        self.asked.settle(|what| *what == What::List);
        for item in payload.split(|byte| *byte == b';').filter(|item| !item.is_empty()) {
            let name = core::str::from_utf8(item).ok().and_then(|text| Name::parse(text).ok());
            match name {
                Some(name) if !base.is_me(&name) && self.listing.len() < CONTACTS_MAX => {
                    self.list(name, base);
                }
                Some(_) => base.drop(Drop::Full),
                None => base.drop(Drop::Malformed),
            }
        }
        let is_full = payload.len() + NAME_CHARS_MAX >= PLAIN_PAYLOAD_MAX;
        self.more = is_full.then(|| now + PLAIN_WISH_TIME_MAX);
        if !is_full {
            self.list_came(base);
        }
    }

    /// No more of the list will come, if more was waited for.
    fn list_ends(&mut self, base: &mut Base) {
        if self.more.take().is_some() {
            self.list_came(base);
        }
    }

    fn list_came(&mut self, base: &mut Base) {
        let listing = core::mem::take(&mut self.listing);
        for name in base.contacts.prune(&listing) {
            base.tell(Event::Gone(name));
        }
        self.tell_list(base);
    }

    /// Says once after the login whom we know.
    fn tell_list(&mut self, base: &mut Base) {
        if !core::mem::replace(&mut self.listed, true) {
            let list = base.contacts.list();
            base.tell(Event::Contacts(list));
        }
    }

    fn list(&mut self, name: Name, base: &mut Base) {
        match base.contacts.standing(&name) {
            Standing::Mutual => {}
            Standing::Asked => self.accepted(&name, base),
            Standing::None | Standing::Asking => base.stand(&name, Standing::Mutual),
        }
        self.listing.push(name);
    }

    fn failed(&mut self, fault: Fault, text: &str, base: &mut Base, now: Time) {
        let taken = fault == Fault::AlreadyLogged;
        if base.login == Login::Asked && taken && base.wait_for_old(now) {
            return;
        }
        if base.login == Login::Asked || (base.is_in() && taken) {
            return self.bar(fault, text, base);
        }
        let Some(what) = self.asked.refused(fault, text) else {
            return base.drop(Drop::OutOfTurn);
        };
        self.list_ends(base);
        let known = Known::of(text);
        let said = Safe::line(text);
        let (why, because) = match known {
            Some(known) => known.said(),
            None => (why(fault), format!("the server says: {said}")),
        };
        match what {
            // Nobody waits for an answer.
            What::List => {
                base.drop(Drop::OutOfTurn);
                self.tell_list(base);
            }
            // What was left or declined is over in any case.
            What::Decline | What::Leave => base.drop(Drop::NoCall),
            What::Add(name) => {
                base.refuse(Matter::Contact(name.clone()), why, &format!("cannot add {name}: {because}"))
            }
            What::Accept(name) => {
                base.forget(&name);
                base.refuse(Matter::Contact(name.clone()), why, &format!("cannot accept {name}: {because}"));
            }
            What::Reject(name) => {
                base.refuse(
                    Matter::Contact(name.clone()),
                    why,
                    &format!("cannot dismiss the request of {name}: {because}"),
                );
            }
            What::Remove(name, standing) => {
                // The server keeps them: they are shown again. Who is not found there is no contact at all.
                if fault != Fault::NotFound && base.contacts.standing(&name) == Standing::None {
                    base.stand(&name, standing);
                }
                base.refuse(Matter::Contact(name.clone()), why, &format!("cannot remove {name}: {because}"));
            }
            What::Call | What::Answer => self.calls.refused(base),
        }
    }

    /// The name is none of ours: nothing goes on under it.
    fn bar(&mut self, fault: Fault, text: &str, base: &mut Base) {
        let name = base.name.as_ref().map_or("", Name::as_str);
        let (why, text) = match fault {
            Fault::AlreadyLogged if base.is_in() => (
                Why::NameTaken,
                format!("the name {name} belongs to somebody else now, so you are out; choose another name"),
            ),
            Fault::AlreadyLogged => (
                Why::NameTaken,
                format!(
                    "somebody is logged in as {name} here; choose another name, or wait until they leave"
                ),
            ),
            Fault::BadRequest | Fault::NotAuthorized | Fault::NotFound | Fault::Internal => {
                (why(fault), format!("the server does not take the name {name}: {}", Safe::line(text)))
            }
        };
        self.calls.end(EndReason::Failed, base);
        self.forget();
        self.listed = false;
        base.bar(why, &text);
    }
}

fn why(fault: Fault) -> Why {
    match fault {
        Fault::BadRequest => Why::BadRequest,
        Fault::AlreadyLogged => Why::LoggedIn,
        Fault::NotAuthorized => Why::NotLoggedIn,
        Fault::NotFound => Why::UnknownCode,
        Fault::Internal => Why::Internal,
    }
}
