//! Who hears what: frames from the server to the machines, and what the machines want done to the outside and to
//! each other.

use core::time::Duration;

use crate::call;
use crate::client::contacts;
use crate::client::peers;
use crate::client::{Asked, Client, Connection, Event, LinkUp, Matter, Output, Save};
use crate::crypto::envelope::End;
use crate::drop::Drop;
use crate::id::{MsgId, Principal};
use crate::limits::ASKED_MAX;
use crate::link;
use crate::login;
use crate::outbox;
use crate::safe::Safe;
use crate::time::{Now, Time};
use crate::wire::record::{CallState, Devices, Grant, Member, Refused, Why};
use crate::wire::reply::Reply;
use crate::wire::request::Request;
use crate::wire::{decode_reply, encode_request};

impl Client {
    // --- from the outside ---

    pub(super) fn link_up(&mut self, up: LinkUp, now: Now) {
        self.connection = Connection::new(Some(up.peer));
        self.link.handle(link::Act::Up, now.mono);
        if self.link.is_up() {
            let act = login::Act::Up { exporter: up.exporter, server_key: up.server_key };
            self.login.handle(act, self.ratchet.as_ref(), now.wall);
        }
    }

    /// Plaintext of the stream. What follows a broken frame, or the end of the connection, is not looked at.
    pub(super) fn bytes(&mut self, mut bytes: &[u8], now: Now) {
        if !self.link.is_up() {
            return;
        }
        self.link.handle(link::Act::Heard, now.mono);
        while self.link.is_up() {
            match self.connection.splitter.next(&mut bytes) {
                Ok(Some(frame)) => match decode_reply(frame.code, &frame.payload) {
                    Ok(reply) => self.reply(reply, now),
                    // A later version's code, or a field we cannot read: the rest goes on.
                    Err(_) => self.drop(Drop::Malformed),
                },
                Ok(None) => return,
                Err(error) => {
                    self.drop(error.reason());
                    self.link.handle(link::Act::Retry, now.mono);
                }
            }
            self.settle(now);
        }
    }

    fn reply(&mut self, reply: Reply, now: Now) {
        if !self.login.is_in() && !is_for_strangers(&reply) {
            return self.drop(Drop::OutOfTurn);
        }
        match reply {
            // Nothing here depends on what a server tells of itself.
            Reply::Hello(_) => {}
            Reply::LoggedIn(name) => self.login_act(login::Act::LoggedIn(name), now),
            Reply::Refused(refused) => self.refused(refused, now),
            Reply::Goaway(goaway) => {
                let wait = Duration::from_millis(goaway.retry_ms.into());
                self.link.handle(link::Act::Goaway(wait), now.mono);
            }
            Reply::Contact(contact) => self.contacts.told(&contact, now.wall),
            Reply::Contacts(mutual) => {
                self.contacts.listed(&mutual);
                // The list that was asked for with the token has come, and no refusal before it.
                if self.contacts.is_listed() {
                    self.login.token_is_used();
                }
            }
            Reply::RequestDismissed(name) => self.contacts.dismissed(&name),
            Reply::Devices(devices) => self.devices(devices, now),
            Reply::Prekey(prekey) => {
                self.peers.prekey(&prekey, self.ratchet.as_mut(), now.mono);
                self.save_ratchet();
            }
            Reply::Mail(mail) => self.mail(mail, now),
            Reply::MailResult(result) => self.mail_result(&result),
            Reply::CallMail(mail) => self.call_mail(mail, now),
            Reply::Grant(grant) => self.granted(*grant, now.mono),
            Reply::CallRequest(party) => {
                let principal = self.contacts.callable(&party.name);
                self.call.handle(call::Act::Rung(party.name, principal), now.mono);
            }
            Reply::CallAccepted(parties) => {
                let names = parties.into_iter().map(|party| party.name).collect();
                self.call.handle(call::Act::Before(names), now.mono);
            }
            Reply::CallState(CallState { call, name, state, device }) => {
                self.call.handle(call::Act::Member { call, name, state, device }, now.mono);
            }
            Reply::Invite(parts) => self.invited(parts),
            // 352 says more than 203, 205 and 207; 359 and the sealed words more than 208
            // and 210; and 200 and 363 are signs of life.
            Reply::RequestAccepted(_)
            | Reply::RequestSent(_)
            | Reply::RequestFrom(_)
            | Reply::CallTaken
            | Reply::CallJoined(_)
            | Reply::Welcome(_)
            | Reply::Pong => {}
        }
    }

    /// The label of a member is the server's to give only for those we do not know: nobody else goes by a contact's
    /// name, and no contact by another. We are not among the others, and each of them has a stream and a device of
    /// their own: else what somebody says could be taken for another's.
    fn granted(&mut self, grant: Grant, now: Time) {
        let members = &grant.members;
        let labelled = |m: &Member| match &m.principal {
            Principal::Guest(name) => *name == m.name && self.contacts.may_be(&m.name, &m.principal),
            Principal::Key(_) => self.contacts.may_be(&m.name, &m.principal),
        };
        let own_name = self.login.profile.name.as_ref();
        let is_us = |m: &Member| {
            m.principal == Principal::Key(self.account) || Some(&m.name) == own_name || m.ssrc == grant.ssrc
        };
        let clash = |m: &Member, n: &Member| {
            let same_device = m.device.is_some() && m.device == n.device;
            same_device || m.ssrc == n.ssrc || (n.name == m.name && n.principal != m.principal)
        };
        let apart = |(at, m): (usize, &Member)| {
            labelled(m) && !is_us(m) && !members[..at].iter().any(|n| clash(m, n))
        };
        if let Some(shunned) = members.iter().find(|m| self.contacts.shuns(&m.principal)) {
            let (who, principal) = (shunned.name.clone(), shunned.principal.clone());
            self.call.handle(call::Act::Shun(principal), now);
            let words =
                format!("a call with {who} in it was left out: they are blocked, or their key is not theirs");
            return self.refuse(Matter::Call, Why::Other, &words);
        }
        if members.iter().enumerate().all(apart) {
            self.call.handle(call::Act::Granted(grant), now);
        } else {
            self.drop(Drop::Impostor);
        }
    }

    fn devices(&mut self, devices: Devices, now: Now) {
        if devices.principal == Principal::Key(self.account) {
            return self.login_act(login::Act::OwnDevices(&devices.entries), now);
        }
        self.peers.listed(devices, self.ratchet.as_mut());
        self.save_ratchet();
    }

    fn refused(&mut self, refused: Refused, now: Now) {
        let at = self.connection.asked.iter().position(|(counter, _)| *counter == refused.re);
        let Some((_, asked)) = at.and_then(|at| self.connection.asked.remove(at)) else {
            return self.drop(Drop::OutOfTurn);
        };
        let (why, text) = (refused.why, refused.text);
        match asked {
            Asked::Login(asked) => self.login_act(login::Act::Refused(asked, why, text), now),
            Asked::Call(asked) => {
                let text = format!("cannot call: {text}");
                self.call.handle(call::Act::Refused(asked, why, text), now.mono);
            }
            Asked::Add(name) => self.add_refused(name, why, &text),
            Asked::Wish(name, what) => self.refuse(Matter::Contact(name), why, &format!("{what}: {text}")),
            Asked::Parting(name, what) => self.parting_refused(&name, &what, why, &text),
            Asked::Invite(hash) => {
                self.uninvite(&hash);
                self.refuse_invite(why, &text);
            }
            Asked::Redeem if why == Why::Already => self.login.token_is_used(),
            Asked::Redeem => {
                if why == Why::BadToken {
                    // It never will be good.
                    self.login.token_is_used();
                } else {
                    self.login.token_is_kept();
                }
                self.refuse(Matter::Redeem, why, &format!("cannot use the invite: {text}"));
            }
            Asked::Text(id) => self.text_refused(id, why, now),
            Asked::Peer(want) => {
                self.peers.refused(want, why, now.mono);
                self.look_up_refused(want, why);
            }
            Asked::Greeting(account) => self.greeting_refused(&account, why),
            Asked::CallMail(device) => self.call_mail_refused(device, why, now.mono),
            Asked::Quiet => {}
        }
    }

    /// What will pass is tried again by the clock; the rest is for good.
    fn text_refused(&mut self, id: MsgId, why: Why, now: Now) {
        if !matches!(why, Why::TooFast | Why::Limit | Why::Internal | Why::NotLoggedIn) {
            self.outbox.handle(outbox::Act::Refused(id, why), now.mono);
        }
    }

    pub(super) fn login_act(&mut self, act: login::Act<'_>, now: Now) {
        self.login.handle(act, self.ratchet.as_ref(), now.wall);
    }

    // --- between the machines ---

    /// Carries out what the machines want until none wants anything more.
    pub(super) fn settle(&mut self, now: Now) {
        loop {
            self.peers.pump(now.mono);
            if let Some(effect) = self.login.poll() {
                self.login_effect(effect, now);
            } else if let Some(effect) = self.link.poll() {
                self.link_effect(effect, now);
            } else if let Some(effect) = self.contacts.poll() {
                self.contacts_effect(effect, now);
            } else if let Some(effect) = self.peers.poll() {
                self.peers_effect(effect, now);
            } else if let Some(effect) = self.outbox.poll() {
                self.outbox_effect(effect, now);
            } else if let Some(effect) = self.call.poll() {
                self.call_effect(effect, now);
            } else if let Some(effect) = self.compare.poll() {
                self.compare_effect(effect, now);
            } else if let Some(account) = self.greeting_due() {
                self.seal_greeting(account, now);
            } else {
                break;
            }
        }
        self.link.hold(self.login.waits_for_a_human());
        self.link.in_call(self.call.is_busy(), now.mono);
        if self.prekeys_are_due(now.mono) {
            self.publish_prekeys(now);
        }
    }

    fn login_effect(&mut self, effect: login::Effect, now: Now) {
        match effect {
            login::Effect::Save => self.save_profile(),
            login::Effect::Send(asked, request) => self.send(request, Asked::Login(asked)),
            login::Effect::Sign { id, namespace, bytes } => {
                self.out.push_back(Output::Sign { id, namespace, bytes });
            }
            login::Effect::Connect => self.link.handle(link::Act::Go, now.mono),
            login::Effect::Stop => self.link.handle(link::Act::Stop, now.mono),
            login::Effect::Retry => self.link.handle(link::Act::Retry, now.mono),
            login::Effect::Tell(tell) => self.login_tell(tell),
            login::Effect::In { first, invited } => self.logged_in(first, invited, now),
            login::Effect::Drop(why) => self.drop(why),
        }
    }

    fn login_tell(&mut self, tell: login::Tell) {
        self.tell(match tell {
            login::Tell::KeyUnknown(shown) => Event::ServerKeyUnknown(shown),
            login::Tell::KeyChanged { pinned, shown } => Event::ServerKeyChanged { pinned, shown },
            login::Tell::NameWanted => Event::NameWanted,
            login::Tell::LoggedIn(name) => Event::LoggedIn(name),
            login::Tell::Barred { why, text } => Event::LoginRefused { why, text: Safe::line(&text) },
            login::Tell::Refused { why, text } => {
                Event::Refused { of: Matter::Login, why, text: Safe::line(&text) }
            }
        });
    }

    /// What follows every login: keys for others' sessions, the list, the call we are in.
    fn logged_in(&mut self, first: bool, invited: bool, now: Now) {
        self.link.handle(link::Act::Settled, now.mono);
        self.contacts.logged_in(first, now.wall);
        if invited {
            self.contacts.welcome();
        }
        self.publish_prekeys(now);
        self.ask_list();
        if let Some(peer) = self.connection.peer {
            // A server has one number for both. The one it knows (350) is another than ours behind a forwarder, where
            // only ours leads to it. IPv4 inside IPv6 is IPv4 to the relay's socket.
            let relay = core::net::SocketAddr::new(peer.ip().to_canonical(), peer.port());
            self.call.handle(call::Act::Online(relay), now.mono);
        }
        if let Some(token) = self.login.take_token() {
            self.redeem(token);
        }
    }

    /// 005: its answer marks what was said before it.
    pub(super) fn ask_list(&mut self) {
        self.contacts.list_asked();
        self.send(Request::List(None), Asked::Quiet);
    }

    fn link_effect(&mut self, effect: link::Effect, now: Now) {
        match effect {
            link::Effect::Connect => {
                self.disconnected(now);
                self.out.push_back(Output::Connect);
            }
            link::Effect::Disconnect => {
                self.disconnected(now);
                self.out.push_back(Output::Disconnect);
            }
            link::Effect::Ping => self.send(Request::Ping, Asked::Quiet),
            link::Effect::State(state) => {
                if !self.link.is_up() {
                    self.disconnected(now);
                }
                self.tell(Event::Link(state));
            }
            link::Effect::Drop(why) => self.drop(why),
        }
    }

    /// There is no connection: each machine forgets what hung on it. Saying it twice changes nothing.
    pub(super) fn disconnected(&mut self, now: Now) {
        self.login_act(login::Act::Down, now);
        self.contacts.away();
        self.peers.away();
        self.call.handle(call::Act::Offline, now.mono);
        self.forget_held(None);
        self.greetings_said.clear();
        self.connection.asked.clear();
        if !self.invites.is_empty() {
            self.invites.clear();
            self.refuse_invite(Why::NotLoggedIn, "the connection was lost; try again");
        }
    }

    fn contacts_effect(&mut self, effect: contacts::Effect, now: Now) {
        match effect {
            contacts::Effect::Save(save) => self.save(save),
            contacts::Effect::Tell(event) => self.tell(event),
            contacts::Effect::Meet(account, head) => {
                self.peers.meet(account, head, self.ratchet.as_ref());
                if self.outbox.waits_for(&account) {
                    self.peers.hurry(&account);
                }
            }
            contacts::Effect::Greet(account, head) => {
                self.peers.meet(account, head, self.ratchet.as_ref());
                self.peers.hurry(&account);
            }
            contacts::Effect::Reachable(account, here) => {
                self.outbox.handle(outbox::Act::Reachable(account, here), now.mono);
            }
            contacts::Effect::Part(account) => {
                self.outbox.handle(outbox::Act::Part(account), now.mono);
                self.peers.part(account, self.ratchet.as_mut());
                self.save_ratchet();
                for row in self.inbox.part(&account) {
                    self.save(Save { kind: super::Kind::Seen, key: row.key, value: row.value });
                }
                self.forget_held(Some(&account));
            }
            contacts::Effect::Unfriend(name) => self.send(Request::Remove(name), Asked::Quiet),
            contacts::Effect::PartAgain(name) => self.part_again(name),
            contacts::Effect::Shun(who) => self.call.handle(call::Act::Shun(who), now.mono),
            contacts::Effect::Drop(why) => self.drop(why),
        }
    }

    fn peers_effect(&mut self, effect: peers::Effect, now: Now) {
        match effect {
            peers::Effect::Save(save) => self.save(save),
            peers::Effect::Ask(want) => self.send(want.request(), Asked::Peer(want)),
            peers::Effect::Listed(account) => self.release(account, now),
            peers::Effect::Keyed(account) => self.keyed(account, now),
            peers::Effect::Revoked(account, device) => {
                self.forget_kept_of(&account, device);
                self.call.handle(call::Act::Revoked(account, device), now.mono);
            }
            peers::Effect::Renewed(account, device) => self.say_renewed(End { account, device }, now),
            peers::Effect::Drop(why) => self.drop(why),
        }
    }

    fn outbox_effect(&mut self, effect: outbox::Effect, now: Now) {
        match effect {
            outbox::Effect::Save { id, value } => {
                self.save(Save { kind: super::Kind::Outbox, key: id.0.into(), value });
            }
            outbox::Effect::Seal { id, to, seq, sent, text } => self.seal_text(id, to, seq, sent, &text, now),
            outbox::Effect::Send { id, to, copies } => self.send_text(id, to, copies),
            outbox::Effect::Renew(account) => {
                for device in self.peers.devices(&account) {
                    self.peers.renew(account, device, now.mono);
                }
            }
            outbox::Effect::Kept { to, id, echo } => self.tell(Event::Waiting { to, echo, id }),
            outbox::Effect::Tell { to, id, state } => self.tell(Event::MessageState { to, id, state }),
            outbox::Effect::Full { to, echo } => {
                let what = format!("the text was not sent: too many wait for {to} already");
                self.refuse(Matter::Text { to, echo }, Why::Limit, &what);
            }
        }
    }

    fn call_effect(&mut self, effect: call::Effect, now: Now) {
        match effect {
            call::Effect::Send(request) => self.send(request, Asked::Quiet),
            call::Effect::Ask(asked, request) => self.send(request, Asked::Call(asked)),
            call::Effect::Seal { call, to, device, body, keep } => {
                self.seal_call(call, End { account: to, device }, body, keep, now);
            }
            call::Effect::Meet { call, to, device } => self.meet(call, to, device, now),
            call::Effect::Resend(device) => self.resend_kept(device, now.mono),
            call::Effect::AnswerRepeat(device) => self.answer_late(device, now.mono),
            call::Effect::Settled(device) => self.forget_kept(device),
            call::Effect::Over(accounts) => {
                self.compare.handle(crate::compare::Act::Over, now.mono);
                self.plain_once.clear();
                self.forget_strangers(accounts);
            }
            call::Effect::Media(command) => self.out.push_back(Output::Agent(command)),
            call::Effect::Tell(tell) => self.call_tell(tell),
            call::Effect::Drop(why) => self.drop(why),
        }
    }

    fn call_tell(&mut self, tell: call::Tell) {
        self.tell(match tell {
            call::Tell::Incoming { from, others, guests, plain } => {
                Event::Incoming { from, others, guests, plain }
            }
            call::Tell::Calling { to, plain } => Event::Calling { to, plain },
            call::Tell::Ringing(name) => Event::Ringing(name),
            call::Tell::Joined { who, ssrc, plain } => Event::Joined { who, ssrc, plain },
            call::Tell::Heard(name) => Event::Heard(name),
            call::Tell::Parted { who, reason } => Event::Parted { who, reason },
            call::Tell::Ended { with, reason } => Event::Ended { with, reason },
            call::Tell::Refused { why, text } => {
                Event::Refused { of: Matter::Call, why, text: Safe::line(&text) }
            }
        });
    }

    // --- to the outside ---

    /// Sends a frame, if there is a connection; what hangs on it says itself again after the next login.
    pub(super) fn send(&mut self, request: Request, asked: Asked) {
        if !self.link.is_up() {
            return;
        }
        if self.connection.asked.len() >= ASKED_MAX {
            self.connection.asked.pop_front();
        }
        self.connection.asked.push_back((self.connection.counter, asked));
        self.connection.counter = self.connection.counter.wrapping_add(1);
        let mut frame = Vec::new();
        encode_request(&request, &mut frame);
        self.out.push_back(Output::Stream(frame));
    }

    pub(super) fn save(&mut self, save: Save) {
        self.out.push_back(Output::Save(save));
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    pub(super) fn drop(&mut self, why: Drop) {
        self.out.push_back(Output::Drop(why));
    }
}

/// What a server may say before the login is done.
fn is_for_strangers(reply: &Reply) -> bool {
    match reply {
        Reply::Welcome(_)
        | Reply::LoggedIn(_)
        | Reply::Hello(_)
        | Reply::Devices(_)
        | Reply::Refused(_)
        | Reply::Goaway(_)
        | Reply::Pong => true,
        Reply::RequestAccepted(_)
        | Reply::RequestDismissed(_)
        | Reply::RequestSent(_)
        | Reply::Contacts(_)
        | Reply::RequestFrom(_)
        | Reply::CallTaken
        | Reply::CallAccepted(_)
        | Reply::CallJoined(_)
        | Reply::CallRequest(_)
        | Reply::Contact(_)
        | Reply::Prekey(_)
        | Reply::Mail(_)
        | Reply::MailResult(_)
        | Reply::CallMail(_)
        | Reply::Grant(_)
        | Reply::CallState(_)
        | Reply::Invite(_) => false,
    }
}
