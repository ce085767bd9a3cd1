//! Calls of seed A: one, several or many, without a relay. The server says who is in and at which address; voice goes
//! from each to each, to one port for all.
//!
//! ```text
//!         100              210
//! Idle ─────▶ Placing ────────────▶ Live ── nobody left, hung up ──▶ Idle
//!   │ 211                            ▲
//!   └──▶ Ringing ── 101 ──▶ Answering ── 209
//! ```
//!
//! The protocol has no word for a refusal, for leaving, or for nobody being there: only 210 says that somebody
//! comes, and only silence that somebody went.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::client::{EndReason, Event, Matter};
use crate::crypto::mac;
use crate::drop::Drop;
use crate::id::{CallId, Name, Ssrc};
use crate::limits::{MEMBERS_MAX, PLACE_TIME_MAX, PLAIN_VOICE_PORT, RING_TIME_MAX};
use crate::media::command::DirectForm;
use crate::media::{CallCommand, CallEvent};
use crate::plain::base::Base;
use crate::plain::binary::asked::What;
use crate::plain::binary::frame;
use crate::time::Time;
use crate::wire::plain::encode_plain_reject;
use crate::wire::record::{Standing, Why};
use crate::wire::reply::Party;
use crate::wire::request::Request;

/// The one call there may be.
#[derive(Debug)]
pub(super) struct Calls {
    phase: Phase,
    /// What `--bind` said.
    bind: Option<IpAddr>,
    /// Our end of the connection to the server.
    local: IpAddr,
    /// 102 and 103 that were said and that nobody took note of yet.
    pub(super) goodbyes: Vec<What>,
}

#[derive(Debug)]
enum Phase {
    Idle,
    /// 100 was said. Until 208 the server may not have understood.
    Placing {
        to: Vec<Name>,
        taken: bool,
        failed_at: Time,
        until: Time,
    },
    /// 211 came.
    Ringing {
        from: Name,
        until: Time,
    },
    /// 101 was said.
    Answering {
        from: Name,
        until: Time,
    },
    /// Somebody else is in.
    Live(Live),
}

#[derive(Debug)]
struct Live {
    call: CallId,
    members: Vec<Member>,
    /// Whom we called and who have not come, until then. Whoever was called knows nobody to wait for.
    awaited: Vec<Name>,
    until: Time,
    /// The number of the next member.
    next: u32,
}

#[derive(Debug)]
struct Member {
    name: Name,
    ssrc: Ssrc,
    at: IpAddr,
}

impl Calls {
    pub(super) fn new(bind: Option<IpAddr>) -> Self {
        let local = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self { phase: Phase::Idle, bind, local, goodbyes: Vec::new() }
    }

    /// Voice is spoken from this address, unless another was chosen. It is what 200 tells, except behind a NAT,
    /// where that one is none of ours.
    pub(super) fn speak_from(&mut self, local: IpAddr) {
        self.local = local;
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        match &self.phase {
            Phase::Idle => None,
            Phase::Placing { taken: false, failed_at, .. } => Some(*failed_at),
            Phase::Placing { taken: true, until, .. }
            | Phase::Ringing { until, .. }
            | Phase::Answering { until, .. } => Some(*until),
            Phase::Live(live) => (!live.awaited.is_empty()).then_some(live.until),
        }
    }

    pub(super) fn timeout(&mut self, base: &mut Base, now: Time) {
        if self.deadline().is_none_or(|due| now < due) {
            return;
        }
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Placing { taken: false, .. } | Phase::Answering { .. } => {
                self.end(EndReason::Failed, base)
            }
            Phase::Placing { taken: true, .. } => self.end(EndReason::NoAnswer, base),
            Phase::Ringing { .. } => self.end(EndReason::Missed, base),
            Phase::Live(live) => {
                for who in core::mem::take(&mut live.awaited) {
                    base.tell(Event::Parted { who, reason: EndReason::NoAnswer });
                }
            }
        }
    }

    // --- what the user wants ---

    /// 100, if it is to be said.
    pub(super) fn place(&mut self, names: Vec<Name>, base: &mut Base, now: Time) -> Option<Request> {
        let mut to: Vec<Name> = Vec::new();
        for name in names {
            let name = base.contacts.spelled(&name);
            if base.contacts.standing(&name) != Standing::Mutual {
                base.refuse(
                    Matter::Call,
                    Why::NotContact,
                    &format!("cannot call {name}: not a contact; add them first"),
                );
                return None;
            }
            if !to.contains(&name) {
                to.push(name);
            }
        }
        let whom = to.iter().map(Name::as_str).collect::<Vec<_>>().join(" and ");
        if to.is_empty() || to.len() >= MEMBERS_MAX {
            base.refuse(Matter::Call, Why::Limit, &format!("a call is to 1 to {} people", MEMBERS_MAX - 1));
            return None;
        }
        if !matches!(self.phase, Phase::Idle) {
            base.refuse(
                Matter::Call,
                Why::InCall,
                &format!("cannot call {whom}: hang up the other call first"),
            );
            return None;
        }
        if !base.can_ask(Matter::Call, &format!("cannot call {whom}")) {
            return None;
        }
        let sent_at = base.server.over_at(now);
        let (failed_at, until) = (sent_at + PLACE_TIME_MAX, sent_at + RING_TIME_MAX);
        self.phase = Phase::Placing { to: to.clone(), taken: false, failed_at, until };
        base.tell(Event::Calling { to: to.clone(), plain: true });
        Some(Request::Call(to))
    }

    /// 101, if it is to be said.
    pub(super) fn answer(&mut self, base: &mut Base, now: Time) -> Option<Request> {
        let Phase::Ringing { from, .. } = &self.phase else {
            base.refuse(Matter::Call, Why::NoCall, "nobody is calling");
            return None;
        };
        let until = base.server.over_at(now) + PLACE_TIME_MAX;
        self.phase = Phase::Answering { from: from.clone(), until };
        Some(Request::AcceptCall(None))
    }

    pub(super) fn decline(&mut self, base: &mut Base) {
        if matches!(self.phase, Phase::Ringing { .. }) {
            return self.end(EndReason::HungUp, base);
        }
        base.refuse(Matter::Call, Why::NoCall, "nobody is calling");
    }

    pub(super) fn hang_up(&mut self, base: &mut Base) {
        if matches!(self.phase, Phase::Idle) {
            return base.refuse(Matter::Call, Why::NoCall, "there is no call to hang up");
        }
        self.end(EndReason::HungUp, base);
    }

    // --- what the server says ---

    /// 208. It does not say that anybody rings: the original server sends it also when nobody is there.
    pub(super) fn taken(&mut self, base: &mut Base) {
        match &mut self.phase {
            Phase::Placing { taken, .. } if !*taken => *taken = true,
            // 210 may have been faster (A14).
            Phase::Live(_) => {}
            Phase::Idle | Phase::Placing { .. } | Phase::Ringing { .. } | Phase::Answering { .. } => {
                base.drop(Drop::OutOfTurn);
            }
        }
    }

    /// A refusal of 100 or 101: there is nobody to talk to.
    pub(super) fn refused(&mut self, base: &mut Base) {
        match &self.phase {
            Phase::Placing { .. } | Phase::Answering { .. } => self.end(EndReason::Gone, base),
            Phase::Idle | Phase::Ringing { .. } | Phase::Live(_) => base.drop(Drop::OutOfTurn),
        }
    }

    /// 211, and 210 where no call is known (A5).
    pub(super) fn rung(&mut self, party: Party, base: &mut Base, now: Time) {
        if !matches!(self.phase, Phase::Idle) || base.is_me(&party.name) {
            return base.drop(Drop::OutOfTurn);
        }
        self.phase = Phase::Ringing { from: party.name.clone(), until: now + RING_TIME_MAX };
        let guests = vec![party.name.clone()];
        base.tell(Event::Incoming { from: party.name, others: Vec::new(), guests, plain: true });
    }

    /// 209: we are in, and so are these.
    pub(super) fn accepted(&mut self, parties: Vec<Party>, base: &mut Base) {
        let Phase::Answering { from, .. } = &self.phase else { return base.drop(Drop::OutOfTurn) };
        let from = from.clone();
        let call = base.new_call();
        let live = Live { call, members: Vec::new(), awaited: Vec::new(), until: Time::ZERO, next: 1 };
        self.phase = Phase::Live(live);
        for party in parties {
            self.enter(party, base);
        }
        if matches!(&self.phase, Phase::Live(live) if live.members.is_empty()) {
            // Everybody has left between the ring and the answer, or is where we cannot reach them.
            self.phase = Phase::Answering { from, until: Time::ZERO };
            self.end(EndReason::Gone, base);
        }
    }

    /// 210: somebody is in.
    pub(super) fn joined(&mut self, party: Party, base: &mut Base, now: Time) {
        match &mut self.phase {
            Phase::Idle => self.rung(party, base, now),
            Phase::Placing { to, until, .. } => {
                let Some(at) = to.iter().position(|name| *name == party.name) else {
                    return base.drop(Drop::Stranger);
                };
                if address(&party).is_none() {
                    return base.drop(Drop::Malformed);
                }
                to.remove(at);
                let (awaited, until) = (core::mem::take(to), *until);
                let call = base.new_call();
                self.phase = Phase::Live(Live { call, members: Vec::new(), awaited, until, next: 1 });
                self.enter(party, base);
            }
            Phase::Ringing { .. } | Phase::Answering { .. } => base.drop(Drop::OutOfTurn),
            Phase::Live(_) => self.enter(party, base),
        }
    }

    /// Somebody is in our call, or is at another address now.
    fn enter(&mut self, party: Party, base: &mut Base) {
        let Phase::Live(live) = &mut self.phase else { return };
        let Some(ip) = address(&party).filter(|_| !base.is_me(&party.name)) else {
            return base.drop(Drop::Malformed);
        };
        let at = SocketAddr::new(ip, PLAIN_VOICE_PORT);
        if let Some(member) = live.members.iter_mut().find(|member| member.name == party.name) {
            member.at = ip;
            return base.agent(CallCommand::Meet { call: live.call, ssrc: member.ssrc, at });
        }
        let first = live.members.first().map(|member| member.at);
        if live.members.len() + 1 >= MEMBERS_MAX {
            return base.drop(Drop::Full);
        }
        match first {
            None => {
                let local = SocketAddr::new(from(self.bind.unwrap_or(self.local), ip), PLAIN_VOICE_PORT);
                let (call, form) = (live.call, DirectForm::Binary);
                base.agent(CallCommand::OpenDirect { call, form, local });
            }
            // One socket speaks one family.
            Some(first) if first.is_ipv4() != ip.is_ipv4() => return base.drop(Drop::Malformed),
            Some(_) => {}
        }
        let named = mac::named_stream(&party.name);
        let is_free = live.members.iter().all(|member| member.ssrc != named);
        let ssrc = if is_free { named } else { Ssrc(live.next) };
        live.next += 1;
        live.awaited.retain(|name| *name != party.name);
        live.members.push(Member { name: party.name.clone(), ssrc, at: ip });
        base.agent(CallCommand::Meet { call: live.call, ssrc, at });
        base.tell(Event::Joined { who: party.name, ssrc, plain: true });
    }

    /// What the server knew of the call is lost with the connection; voice needs no server.
    pub(super) fn disconnected(&mut self, base: &mut Base) {
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Placing { .. } | Phase::Answering { .. } => self.end(EndReason::Failed, base),
            Phase::Ringing { .. } => self.end(EndReason::Missed, base),
            Phase::Live(live) => {
                for who in core::mem::take(&mut live.awaited) {
                    base.tell(Event::Parted { who, reason: EndReason::Failed });
                }
            }
        }
    }

    // --- what the agent says ---

    pub(super) fn agent(&mut self, event: CallEvent, base: &mut Base) {
        let Phase::Live(live) = &mut self.phase else { return };
        match event {
            CallEvent::Heard { call, ssrc } if call == live.call => {
                if let Some(member) = live.members.iter().find(|member| member.ssrc == ssrc) {
                    base.tell(Event::Heard(member.name.clone()));
                }
            }
            CallEvent::Quiet { call, ssrc } | CallEvent::HungUp { call, ssrc } if call == live.call => {
                self.part(ssrc, base);
            }
            CallEvent::Silent(call) if call == live.call => self.end(EndReason::Lost, base),
            CallEvent::Unbound { call, why } if call == live.call => {
                self.end(EndReason::Failed, base);
                base.tell(Event::Refused { of: Matter::Call, why: Why::Other, text: why });
            }
            // Of a call that is over, or not of a call without relay and keys.
            CallEvent::Heard { .. }
            | CallEvent::Quiet { .. }
            | CallEvent::HungUp { .. }
            | CallEvent::Silent(_)
            | CallEvent::Unbound { .. }
            | CallEvent::Bound(_)
            | CallEvent::Key { .. } => {}
        }
    }

    /// Nothing is heard of a member any more: the only way to leave that this protocol has.
    fn part(&mut self, ssrc: Ssrc, base: &mut Base) {
        let Phase::Live(live) = &mut self.phase else { return };
        let Some(at) = live.members.iter().position(|member| member.ssrc == ssrc) else { return };
        if live.members.len() == 1 {
            return self.end(EndReason::Lost, base);
        }
        let who = live.members.remove(at).name;
        base.agent(CallCommand::Deafen { call: live.call, ssrc });
        base.tell(Event::Parted { who, reason: EndReason::Lost });
    }

    pub(super) fn end(&mut self, reason: EndReason, base: &mut Base) {
        let with = match core::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle => return,
            Phase::Placing { to, .. } => {
                self.leave(base);
                to
            }
            Phase::Ringing { from, .. } => {
                if base.is_in() {
                    base.send(encode_plain_reject(&from));
                    self.goodbyes.push(What::Decline);
                }
                vec![from]
            }
            Phase::Answering { from, .. } => {
                self.leave(base);
                vec![from]
            }
            Phase::Live(live) => {
                self.leave(base);
                base.agent(CallCommand::Close(live.call));
                live.members.into_iter().map(|member| member.name).collect()
            }
        };
        base.tell(Event::Ended { with, reason });
    }

    /// 103. Never before the login, which the original server does not survive with a call under way.
    fn leave(&mut self, base: &mut Base) {
        if base.is_in() {
            base.send(frame(&Request::HangUp(None)));
            self.goodbyes.push(What::Leave);
        }
    }
}

/// An address that voice can be sent to.
fn address(party: &Party) -> Option<IpAddr> {
    let ip = party.address.parse::<IpAddr>().ok()?.to_canonical();
    (!ip.is_unspecified() && !ip.is_multicast() && ip != Ipv4Addr::BROADCAST).then_some(ip)
}

/// Our own address towards `to`: the one that was chosen, if it is of the same kind.
fn from(chosen: IpAddr, to: IpAddr) -> IpAddr {
    if chosen.is_ipv4() == to.is_ipv4() {
        chosen
    } else if to.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    }
}
