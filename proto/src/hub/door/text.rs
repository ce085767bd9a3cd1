//! The door of seed B: a packet for each send, 50 ms apart, and silence to most of what cannot be done (seeds, "Our
//! server, dialect B"). Its client keeps no contacts, so 013 tells it of each friend once in a session, when both are
//! there; a second one would be listed twice.

use std::collections::{BTreeSet, VecDeque};

use core::net::SocketAddr;

use crate::drop::Drop;
use crate::hub::door::pace::{Pace, Word};
use crate::hub::door::{Asked, Re};
use crate::hub::refusal::Refusal;
use crate::id::Name;
use crate::limits::{CONTACTS_MAX, GUEST_PACKET_GAP};
use crate::time::Time;
use crate::wire::record::{Contact, Presence, Standing, Why};
use crate::wire::text::{self, Between, FromServer, ToServer};
use crate::wire::{Malformed, Reply, Request};

#[derive(Debug)]
pub(in crate::hub) struct Text {
    /// Packets of the last read that nobody looked at yet.
    packets: VecDeque<Result<ToServer, Malformed>>,
    pub(super) pace: Pace,
    pub(super) call_port: Option<u16>,
    /// Whom 013 was said of.
    told: BTreeSet<Name>,
    pub(super) is_a_call: bool,
}

impl Text {
    pub(super) const fn new(now: Time) -> Self {
        Self {
            packets: VecDeque::new(),
            pace: Pace::new(GUEST_PACKET_GAP, now),
            call_port: None,
            told: BTreeSet::new(),
            is_a_call: false,
        }
    }

    /// Somebody logged in: nobody was told of under this name.
    pub(super) fn admit(&mut self) {
        self.told.clear();
    }

    /// All of `input` is one read.
    pub(super) fn next(&mut self, input: &mut &[u8], is_user: bool) -> Option<Asked> {
        let read = core::mem::take(input);
        if matches!(Between::decode(read), Ok(Between::Call(_))) {
            // Whoever was told that our address is a friend's calls it. No is all there is to say.
            self.is_a_call = !is_user;
            self.push(&Between::Closed.encode());
            // Asks nothing more, but is counted like everything that does.
            return Some(Asked { re: Re::Packet(None), request: Ok(Request::Ping) });
        } else if !read.is_empty() {
            self.packets.extend(text::packets(read, is_user));
        }
        let packet = self.packets.pop_front()?;
        if let Ok(ToServer::Hello(port)) = packet {
            self.call_port = port.or(self.call_port);
        }
        Some(asked(packet))
    }

    pub(super) fn say(&mut self, reply: &Reply, meeting: Option<SocketAddr>) {
        let packet = match reply {
            Reply::Welcome(_) => FromServer::Hello,
            Reply::LoggedIn(_) => FromServer::LoggedIn,
            Reply::RequestSent(name) => FromServer::Invited(Some(name.clone())),
            Reply::RequestFrom(name) => FromServer::Request(name.clone()),
            Reply::Contact(contact) => {
                let Some(friend) = meeting.and_then(|at| self.friend(contact, at)) else { return };
                friend
            }
            Reply::RequestAccepted(_)
            | Reply::RequestDismissed(_)
            | Reply::Contacts(_)
            | Reply::CallTaken
            | Reply::CallAccepted(_)
            | Reply::CallJoined(_)
            | Reply::CallRequest(_)
            | Reply::Hello(_)
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
            | Reply::Pong => return,
        };
        self.push(&packet.encode());
    }

    fn friend(&mut self, contact: &Contact, at: SocketAddr) -> Option<FromServer> {
        let is_here = contact.standing == Standing::Mutual && contact.presence != Presence::Offline;
        let name = contact.name.clone();
        let is_new = self.told.len() < CONTACTS_MAX && !self.told.contains(&name);
        if !is_here || !is_new {
            return None;
        }
        self.told.insert(name.clone());
        Some(FromServer::Friend { address: at.ip().to_canonical(), port: at.port(), name })
    }

    pub(super) fn refuse(&mut self, no: Option<&FromServer>, refusal: &Refusal) {
        let packet = match no {
            // An invitation that stands already, or is not needed, is with them as well.
            Some(FromServer::Unknown(name)) if refusal.why == Why::Already => {
                FromServer::Invited(name.clone())
            }
            Some(no) => no.clone(),
            None => return,
        };
        self.push(&packet.encode());
    }

    pub(super) fn put_out(&mut self) {
        self.push(&FromServer::Taken.encode());
    }

    fn push(&mut self, packet: &[u8]) {
        self.pace.push(Word { bytes: packet.to_vec(), padded: 0, rings: false });
    }
}

/// 003 and 009 are the only words this protocol has for a no.
fn asked(packet: Result<ToServer, Malformed>) -> Asked {
    let (no, request) = match packet {
        Ok(ToServer::Login(name)) => (Some(FromServer::Taken), Ok(Request::Login(name))),
        Ok(ToServer::Invite(name)) => (Some(FromServer::Unknown(Some(name.clone()))), Ok(Request::Add(name))),
        Ok(ToServer::Accept(name)) => (None, Ok(Request::Accept(name))),
        Ok(ToServer::Refuse(name)) => (None, Ok(Request::Reject(name))),
        // Asks nothing, and is answered nothing.
        Ok(ToServer::Hello(_)) => (None, Ok(Request::Ping)),
        Err(malformed) => {
            let refusal = Refusal::new(Why::BadRequest, malformed.to_string());
            (text::answer(malformed), Err((Drop::Malformed, refusal)))
        }
    };
    Asked { re: Re::Packet(no), request }
}
