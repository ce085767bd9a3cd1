//! Seed B from the client's side, towards the server; [`call`] is the side towards other clients.
//!
//! The server speaks of friends by 13 alone, keeps no list, and answers 11 and 12 with nothing. Its 8 and 9 do not
//! say whom they are about: they are taken for the oldest 7 that has no answer.

use core::net::SocketAddr;
use std::collections::VecDeque;

use crate::client::{EndReason, Event, Matter};
use crate::drop::Drop;
use crate::id::Name;
use crate::limits::{REQUESTS_PENDING_MAX, TEXT_HELLO_WAIT};
use crate::media::CallEvent;
use crate::plain::base::{Base, Login};
use crate::plain::paced::Gathered;
use crate::plain::text::call::{Calls, nobody};
use crate::plain::text::cut::{FROM_SERVER, cut};
use crate::plain::{PeerId, PeerInput, Wish};
use crate::time::{Time, earliest};
use crate::wire::record::{Standing, Why};
use crate::wire::text::{FromServer, ToServer};

mod call;
mod cut;
mod peer;

/// Seed B's part of the client.
#[derive(Debug)]
pub(super) struct Text {
    /// What the server is told: where we listen for callers.
    port: u16,
    gathered: Gathered,
    /// The server has time until then to say hello.
    hello_until: Option<Time>,
    /// Whom we invited, without an answer; the oldest first.
    invited: VecDeque<Name>,
    calls: Calls,
}

/// The packet that logs in.
pub(super) fn login(name: &Name) -> Vec<u8> {
    ToServer::Login(name.clone()).encode()
}

impl Text {
    pub(super) fn new(listen: SocketAddr) -> Self {
        Self {
            port: listen.port(),
            gathered: Gathered::default(),
            hello_until: None,
            invited: VecDeque::new(),
            calls: Calls::new(listen),
        }
    }

    pub(super) fn link_up(&mut self, base: &mut Base, now: Time) {
        self.say_port(base);
        self.hello_until = Some(now + TEXT_HELLO_WAIT);
    }

    /// 0 and the port: hello, and a sign of life, which no server answers.
    pub(super) fn ping(&mut self, base: &mut Base) {
        self.say_port(base);
    }

    fn say_port(&self, base: &mut Base) {
        base.send(ToServer::Hello(Some(self.port)).encode());
    }

    /// What was still to be read is read; calls go on without the server.
    pub(super) fn disconnected(&mut self, base: &mut Base, now: Time) {
        if let Some(gathered) = self.gathered.rest() {
            self.packets(&gathered, base, now);
        }
        self.hello_until = None;
        self.invited.clear();
    }

    pub(super) fn agent(&mut self, event: CallEvent, base: &mut Base, now: Time) {
        self.calls.agent(event, base, now);
    }

    pub(super) fn peer(&mut self, id: PeerId, input: PeerInput<'_>, base: &mut Base, now: Time) {
        self.calls.peer(id, input, base, now);
    }

    pub(super) fn timeout(&mut self, base: &mut Base, now: Time) {
        if let Some(gathered) = self.gathered.paused(now) {
            self.packets(&gathered, base, now);
        }
        if self.hello_until.is_some_and(|until| now >= until) {
            self.greeted(base);
        }
        self.calls.timeout(base, now);
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        earliest(self.calls.deadline(), earliest(self.gathered.deadline(), self.hello_until))
    }

    /// Hands on what peers are to be told now.
    pub(super) fn flush(&mut self, base: &mut Base, now: Time) {
        self.calls.flush(base, now);
    }

    // --- what the user wants ---

    pub(super) fn wish(&mut self, wish: Wish, base: &mut Base, now: Time) {
        match wish {
            Wish::Add(name) => self.add(&name, base),
            Wish::Accept(name) => accept(&name, base),
            Wish::Reject(name) => reject(&name, base),
            Wish::Remove(name) => remove(&name, base),
            Wish::Call(names) => self.calls.place(&names, base, now),
            Wish::Answer => self.calls.answer(base, now),
            Wish::Decline => self.calls.decline(base, now),
            Wish::HangUp => self.calls.hang_up(base, now),
        }
    }

    fn add(&mut self, name: &Name, base: &mut Base) {
        let standing = base.contacts.standing(name);
        if *name == nobody() {
            let text =
                format!("cannot add {name}: callers whom nothing speaks for are shown under that name");
            base.refuse(Matter::Contact(name.clone()), Why::BadRequest, &text);
        } else if base.is_me(name) {
            base.refuse(
                Matter::Contact(name.clone()),
                Why::Oneself,
                "cannot add yourself: give the name of somebody else",
            );
        } else if standing == Standing::Asking {
            accept(name, base);
        } else if standing == Standing::Mutual {
            base.refuse(
                Matter::Contact(name.clone()),
                Why::Already,
                &format!("cannot add {name}: you are contacts already"),
            );
        } else if self.invited.len() >= REQUESTS_PENDING_MAX {
            base.refuse(
                Matter::Contact(name.clone()),
                Why::Limit,
                &format!("cannot add {name}: too many requests have no answer yet"),
            );
        } else if base.can_ask(Matter::Contact(name.clone()), &format!("cannot add {name}")) {
            base.send(ToServer::Invite(name.clone()).encode());
            self.invited.push_back(name.clone());
        }
    }

    // --- what the server says ---

    pub(super) fn bytes(&mut self, bytes: &[u8], base: &mut Base, now: Time) {
        if !self.gathered.take(bytes, now) {
            base.drop(Drop::Oversized);
        }
    }

    fn packets(&mut self, gathered: &[u8], base: &mut Base, now: Time) {
        for packet in cut(gathered, FROM_SERVER) {
            match FromServer::decode(&packet) {
                Ok(said) => self.packet(said, base, now),
                Err(_) => base.drop(Drop::Malformed),
            }
        }
    }

    fn packet(&mut self, said: FromServer, base: &mut Base, now: Time) {
        match said {
            FromServer::Hello if self.hello_until.is_some() => self.greeted(base),
            // Both ends may say it again.
            FromServer::Hello => {}
            FromServer::LoggedIn if base.login == Login::Asked => {
                base.logged_in(now);
                let list = base.contacts.list();
                base.tell(Event::Contacts(list));
            }
            FromServer::Taken if base.login == Login::Asked => {
                if !base.wait_for_old(now) {
                    self.bar("somebody is logged in under it, or a key owns it", base, now);
                }
            }
            FromServer::Taken if base.is_in() => self.bar("it belongs to somebody else now", base, now),
            FromServer::Invited(name) if base.is_in() => {
                if let Some(name) = self.answered(name, base) {
                    self.invited_by_us(&name, base);
                }
            }
            FromServer::Unknown(name) if base.is_in() => {
                if let Some(name) = self.answered(name, base) {
                    let text = format!("cannot add {name}: nobody of that name is here now");
                    base.refuse(Matter::Contact(name), Why::NoSuchUser, &text);
                }
            }
            // Whoever is no friend calls under this name, so nobody of it can be one.
            FromServer::Request(name) | FromServer::Friend { name, .. } if name == nobody() => {
                base.drop(Drop::Impostor);
            }
            FromServer::Request(name) if base.is_in() => base.asked_by(&name),
            FromServer::Friend { address, port, name } if base.is_in() => {
                friend(SocketAddr::new(address.to_canonical(), port), &name, base);
            }
            FromServer::LoggedIn
            | FromServer::Taken
            | FromServer::Invited(_)
            | FromServer::Unknown(_)
            | FromServer::Request(_)
            | FromServer::Friend { .. } => base.drop(Drop::OutOfTurn),
        }
    }

    /// 3. Nothing goes on under the name.
    fn bar(&mut self, because: &str, base: &mut Base, now: Time) {
        let name = base.name.as_ref().map_or("", Name::as_str);
        let text = format!("the server does not take the name {name}: {because}; choose another");
        self.invited.clear();
        self.calls.end(EndReason::Failed, base, now);
        base.bar(Why::NameTaken, &text);
    }

    /// The server has said hello, or will not.
    fn greeted(&mut self, base: &mut Base) {
        self.hello_until = None;
        if let Some(name) = base.greeted() {
            base.send(login(&name));
        }
    }

    /// Whom an answer to 7 is about.
    fn answered(&mut self, name: Option<Name>, base: &mut Base) -> Option<Name> {
        let at = name.map_or(Some(0), |name| self.invited.iter().position(|invited| *invited == name));
        let found = at.and_then(|at| self.invited.remove(at));
        if found.is_none() {
            base.drop(Drop::OutOfTurn);
        }
        found
    }

    /// 8. They may have been quicker than the server's answer, or have asked us meanwhile.
    fn invited_by_us(&mut self, name: &Name, base: &mut Base) {
        match base.contacts.standing(name) {
            Standing::None | Standing::Asked => base.stand(name, Standing::Asked),
            Standing::Asking | Standing::Mutual => {}
        }
        base.tell(Event::Requested(name.clone()));
    }
}

/// 13: a friend and where they are. The latest is right: they may have come back on another port.
fn friend(at: SocketAddr, name: &Name, base: &mut Base) {
    let ip = at.ip();
    if base.is_me(name) || ip.is_unspecified() || ip.is_multicast() {
        return base.drop(Drop::Malformed);
    }
    let before = base.contacts.standing(name);
    if base.contacts.set(name, Standing::Mutual).is_none() {
        return base.drop(Drop::Full);
    }
    base.contacts.meet(name, at);
    base.stand(name, Standing::Mutual);
    if before == Standing::Asked {
        base.tell(Event::Accepted(name.clone()));
    }
}

/// They are a contact from now on; where they are is told by 13.
fn accept(name: &Name, base: &mut Base) {
    let name = base.contacts.spelled(name);
    if base.contacts.standing(&name) != Standing::Asking {
        base.refuse(
            Matter::Contact(name.clone()),
            Why::NoRequest,
            &format!("cannot accept {name}: there is no request of that name"),
        );
    } else if base.can_ask(Matter::Contact(name.clone()), &format!("cannot accept {name}")) {
        base.send(ToServer::Accept(name.clone()).encode());
        base.stand(&name, Standing::Mutual);
    }
}

fn reject(name: &Name, base: &mut Base) {
    let name = base.contacts.spelled(name);
    if base.contacts.standing(&name) != Standing::Asking {
        let text = format!("cannot dismiss the request of {name}: there is none of that name");
        base.refuse(Matter::Contact(name.clone()), Why::NoRequest, &text);
    } else if base.can_ask(Matter::Contact(name.clone()), &format!("cannot dismiss the request of {name}")) {
        base.send(ToServer::Refuse(name.clone()).encode());
        base.forget(&name);
    }
}

/// This protocol has no word for it: the contact is forgotten here.
fn remove(name: &Name, base: &mut Base) {
    let name = base.contacts.spelled(name);
    match base.contacts.standing(&name) {
        Standing::None => base.refuse(
            Matter::Contact(name.clone()),
            Why::NotContact,
            &format!("cannot remove {name}: not a contact"),
        ),
        Standing::Asking => reject(&name, base),
        Standing::Asked | Standing::Mutual => base.forget(&name),
    }
}
