//! Calls of seed B: client to client by TCP, one at a time; voice beside it by UDP.
//!
//! ```text
//!         dial            up: 4 me              5: we say 15
//! Idle ─────────▶ Dialling ───────▶ Calling ──────────────────▶ Live ── 6, or hung up ──▶ Idle
//!   │ 4 name                                     15              ▲
//!   └──▶ Ringing ── 5 ──▶ Answering ────────────────────────────┘
//! ```
//!
//! Whoever connects may say any name in 4. It is shown only if they come from the address that the server told for
//! that contact; anybody else is called [`UNKNOWN`], which no friend can be.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use crate::client::{EndReason, Event, Matter};
use crate::drop::Drop;
use crate::id::{CallId, Name, Ssrc};
use crate::limits::{
    PLACE_TIME_MAX, RING_TIME_MAX, TEXT_DIAL_TIME_MAX, TEXT_PEERS_MAX, TEXT_VOICE_AHEAD_MAX,
};
use crate::media::command::DirectForm;
use crate::media::{CallCommand, CallEvent};
use crate::plain::base::Base;
use crate::plain::text::peer::Peer;
use crate::plain::{Output, PeerId, PeerInput, PeerOutput};
use crate::time::{Time, earliest};
use crate::wire::record::{Standing, Why};
use crate::wire::text::Between;

/// A caller whose name nothing speaks for.
const UNKNOWN: &str = "unknown";
/// The other one in a call; there is only one.
const FRIEND: Ssrc = Ssrc(1);
/// What one packet of sound lasts.
const FRAME: Duration = Duration::from_millis(10);

/// Whom a caller is shown as whose name nothing speaks for.
pub(super) fn nobody() -> Name {
    Name::parse(UNKNOWN).expect("a word is a name")
}

/// The one call there may be, and the connections of whoever called.
#[derive(Debug)]
pub(super) struct Calls {
    /// Where we listen: voice comes there, too.
    listen: SocketAddr,
    peers: BTreeMap<PeerId, Peer>,
    dialled: u32,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Idle,
    /// A connection to them is being made.
    Dialling(With),
    /// 4 was said.
    Calling(With),
    /// 4 was heard.
    Ringing(With),
    /// 5 was said.
    Answering(With),
    /// 5 and 15 were said.
    Live {
        with: With,
        call: CallId,
        /// Something of theirs was heard. No original program ever sends voice.
        heard: bool,
        /// What they said by TCP lasts so long.
        spoken_until: Time,
    },
}

/// Somebody, on a connection.
#[derive(Clone, Debug)]
struct With {
    peer: PeerId,
    name: Name,
    /// Where their voice is to go.
    at: SocketAddr,
    /// The phase ends by itself then, except a live call.
    until: Time,
}

impl Calls {
    pub(super) fn new(listen: SocketAddr) -> Self {
        Self { listen, peers: BTreeMap::new(), dialled: 0, phase: Phase::Idle }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let phase = match &self.phase {
            Phase::Idle | Phase::Live { .. } => None,
            Phase::Dialling(with) | Phase::Calling(with) | Phase::Ringing(with) | Phase::Answering(with) => {
                Some(with.until)
            }
        };
        self.peers.values().map(Peer::deadline).fold(phase, earliest)
    }

    pub(super) fn timeout(&mut self, base: &mut Base, now: Time) {
        let ids: Vec<PeerId> = self.peers.keys().copied().collect();
        for id in ids {
            self.listen_to(id, false, base, now);
        }
        match &self.phase {
            Phase::Dialling(with) if now >= with.until => self.end(EndReason::Gone, base, now),
            Phase::Calling(with) if now >= with.until => self.end(EndReason::NoAnswer, base, now),
            Phase::Ringing(with) if now >= with.until => self.end(EndReason::Missed, base, now),
            Phase::Answering(with) if now >= with.until => self.end(EndReason::Failed, base, now),
            Phase::Idle
            | Phase::Dialling(_)
            | Phase::Calling(_)
            | Phase::Ringing(_)
            | Phase::Answering(_)
            | Phase::Live { .. } => {}
        }
        let over: Vec<PeerId> =
            self.peers.iter().filter(|(_, peer)| peer.is_over(now)).map(|(id, _)| *id).collect();
        for id in over {
            if self.peers.get(&id).is_some_and(|peer| !peer.is_leaving()) {
                base.drop(Drop::TooLate);
            }
            self.close(id, base);
        }
    }

    /// Hands on what the other ends are to be told now.
    pub(super) fn flush(&mut self, base: &mut Base, now: Time) {
        for peer in self.peers.values_mut() {
            peer.flush(base, now);
        }
    }

    // --- what the user wants ---

    pub(super) fn place(&mut self, names: &[Name], base: &mut Base, now: Time) {
        let [name] = names else {
            return base.refuse(
                Matter::Call,
                Why::Unsupported,
                "this server's protocol calls one person at a time",
            );
        };
        let name = base.contacts.spelled(name);
        let friend = base.contacts.get(&name).filter(|friend| friend.standing == Standing::Mutual);
        let Some(friend) = friend else {
            let text = format!("cannot call {name}: not a contact; add them first");
            return base.refuse(Matter::Call, Why::NotContact, &text);
        };
        let Some(at) = friend.at else {
            let text = format!("cannot call {name}: the server has not said yet where they are");
            return base.refuse(Matter::Call, Why::NobodyRung, &text);
        };
        if !matches!(self.phase, Phase::Idle) {
            let text = format!("cannot call {name}: hang up the other call first");
            return base.refuse(Matter::Call, Why::InCall, &text);
        }
        let peer = PeerId::Dialled(self.dialled);
        self.dialled = self.dialled.wrapping_add(1);
        self.peers.insert(peer, Peer::dialled(peer, at));
        self.phase = Phase::Dialling(With { peer, name: name.clone(), at, until: now + TEXT_DIAL_TIME_MAX });
        base.out.push_back(Output::Peer(peer, PeerOutput::Dial(at)));
        base.tell(Event::Calling { to: vec![name], plain: true });
    }

    pub(super) fn answer(&mut self, base: &mut Base, now: Time) {
        let Phase::Ringing(with) = &self.phase else {
            return base.refuse(Matter::Call, Why::NoCall, "nobody is calling");
        };
        let with = With { until: now + PLACE_TIME_MAX, ..with.clone() };
        self.say(with.peer, &Between::Accepted, base);
        self.phase = Phase::Answering(with);
    }

    pub(super) fn decline(&mut self, base: &mut Base, now: Time) {
        if matches!(self.phase, Phase::Ringing(_)) {
            return self.end(EndReason::HungUp, base, now);
        }
        base.refuse(Matter::Call, Why::NoCall, "nobody is calling");
    }

    pub(super) fn hang_up(&mut self, base: &mut Base, now: Time) {
        if matches!(self.phase, Phase::Idle) {
            return base.refuse(Matter::Call, Why::NoCall, "there is no call to hang up");
        }
        self.end(EndReason::HungUp, base, now);
    }

    // --- what other clients do ---

    pub(super) fn peer(&mut self, id: PeerId, input: PeerInput<'_>, base: &mut Base, now: Time) {
        if let PeerInput::Came(from) = input {
            return self.came(id, from, base, now);
        }
        let Some(peer) = self.peers.get_mut(&id) else { return base.drop(Drop::Stranger) };
        match input {
            PeerInput::Came(_) => {}
            PeerInput::Up => self.up(id, base, now),
            PeerInput::Bytes(bytes) => {
                if !peer.take(bytes, now) {
                    base.drop(Drop::Oversized);
                }
                self.listen_to(id, false, base, now);
            }
            PeerInput::Down => {
                self.listen_to(id, true, base, now);
                self.peers.remove(&id);
                self.gone(id, base, now);
            }
        }
    }

    /// Somebody connected. They are told hello, and have to say who calls.
    fn came(&mut self, id: PeerId, from: SocketAddr, base: &mut Base, now: Time) {
        if self.peers.len() >= TEXT_PEERS_MAX || self.peers.contains_key(&id) {
            base.drop(Drop::Crowded);
            return base.out.push_back(Output::Peer(id, PeerOutput::Close));
        }
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let mut peer = Peer::came(id, from, now);
        peer.say(&Between::Hello, base);
        self.peers.insert(id, peer);
    }

    /// The connection we made is there: their program runs, and rings when it reads this.
    fn up(&mut self, id: PeerId, base: &mut Base, now: Time) {
        let (Phase::Dialling(with), Some(me)) = (&self.phase, base.name.clone()) else {
            return base.drop(Drop::OutOfTurn);
        };
        if with.peer != id {
            return base.drop(Drop::OutOfTurn);
        }
        let with = With { until: now + RING_TIME_MAX, ..with.clone() };
        self.say(id, &Between::Call(me), base);
        base.tell(Event::Ringing(with.name.clone()));
        self.phase = Phase::Calling(with);
    }

    fn listen_to(&mut self, id: PeerId, at_end: bool, base: &mut Base, now: Time) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        for said in peer.heard(now, at_end, base) {
            self.heard(id, said, base, now);
        }
    }

    fn heard(&mut self, id: PeerId, said: Between, base: &mut Base, now: Time) {
        let about = self.phase.with().is_some_and(|with| with.peer == id);
        match said {
            Between::Hello => {}
            Between::Call(name) if !about && matches!(id, PeerId::Came(_)) => self.rung(id, &name, base, now),
            Between::Accepted if about && matches!(self.phase, Phase::Calling(_)) => {
                self.say(id, &Between::CalledBack, base);
                self.go_live(base, now);
            }
            Between::CalledBack if about && matches!(self.phase, Phase::Answering(_)) => {
                self.go_live(base, now)
            }
            Between::Closed if about => self.closed(base, now),
            Between::Data(opus) if about => self.sound(opus, base, now),
            Between::Data(_)
            | Between::Call(_)
            | Between::Accepted
            | Between::CalledBack
            | Between::Closed => base.drop(Drop::OutOfTurn),
        }
    }

    /// 014 by TCP: voice as by UDP, but from nobody else.
    fn sound(&mut self, opus: Vec<u8>, base: &mut Base, now: Time) {
        let Phase::Live { call, spoken_until, .. } = &mut self.phase else {
            return base.drop(Drop::OutOfTurn);
        };
        let until = (*spoken_until).max(now) + FRAME;
        if until > now + TEXT_VOICE_AHEAD_MAX {
            return base.drop(Drop::Full);
        }
        *spoken_until = until;
        base.agent(CallCommand::Arrived { call: *call, ssrc: FRIEND, opus });
    }

    /// 4.
    fn rung(&mut self, id: PeerId, claimed: &Name, base: &mut Base, now: Time) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if !matches!(self.phase, Phase::Idle) {
            peer.say(&Between::Closed, base);
            return peer.leave(now);
        }
        peer.stay();
        let from = peer.address;
        let known = base.contacts.get(claimed).and_then(|friend| Some((friend.name.clone(), friend.at?)));
        let proven = known.clone().filter(|(_, at)| at.ip() == from.ip());
        let name = proven.map_or_else(nobody, |(name, _)| name);
        // The address is what the connection proves; the port for voice only the server can tell.
        let port = known.map_or(from.port(), |(_, at)| at.port());
        let at = SocketAddr::new(from.ip(), port);
        let guests = vec![name.clone()];
        base.tell(Event::Incoming { from: name.clone(), others: Vec::new(), guests, plain: true });
        self.phase = Phase::Ringing(With { peer: id, name, at, until: now + RING_TIME_MAX });
    }

    fn go_live(&mut self, base: &mut Base, now: Time) {
        let with = match core::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Calling(with) | Phase::Answering(with) => with,
            other @ (Phase::Idle | Phase::Dialling(_) | Phase::Ringing(_) | Phase::Live { .. }) => {
                self.phase = other;
                return;
            }
        };
        let call = base.new_call();
        // The listener may take both families at once; a socket for voice takes that of the friend.
        let ip = if self.listen.is_ipv4() == with.at.is_ipv4() {
            self.listen.ip()
        } else if with.at.is_ipv4() {
            core::net::Ipv4Addr::UNSPECIFIED.into()
        } else {
            core::net::Ipv6Addr::UNSPECIFIED.into()
        };
        let local = SocketAddr::new(ip, self.listen.port());
        base.agent(CallCommand::OpenDirect { call, form: DirectForm::Text, local });
        base.agent(CallCommand::Meet { call, ssrc: FRIEND, at: with.at });
        base.tell(Event::Joined { who: with.name.clone(), ssrc: FRIEND, plain: true });
        self.phase = Phase::Live { with, call, heard: false, spoken_until: now };
    }

    /// 6.
    fn closed(&mut self, base: &mut Base, now: Time) {
        let reason = match &self.phase {
            Phase::Idle | Phase::Dialling(_) | Phase::Calling(_) => EndReason::Declined,
            Phase::Ringing(_) => EndReason::Missed,
            Phase::Answering(_) | Phase::Live { .. } => EndReason::TheyHungUp,
        };
        self.end(reason, base, now);
    }

    /// A connection is gone, or could not be made.
    fn gone(&mut self, id: PeerId, base: &mut Base, now: Time) {
        if self.phase.with().is_none_or(|with| with.peer != id) {
            return;
        }
        let reason = match &self.phase {
            Phase::Idle | Phase::Dialling(_) | Phase::Calling(_) => EndReason::Gone,
            Phase::Ringing(_) => EndReason::Missed,
            Phase::Answering(_) | Phase::Live { .. } => EndReason::Lost,
        };
        self.end(reason, base, now);
    }

    // --- what the agent says ---

    pub(super) fn agent(&mut self, event: CallEvent, base: &mut Base, now: Time) {
        let Phase::Live { with, call: live, heard, .. } = &mut self.phase else { return };
        match event {
            CallEvent::Heard { call, .. } if call == *live => {
                *heard = true;
                base.tell(Event::Heard(with.name.clone()));
            }
            // Silence is a loss only of somebody who was heard.
            CallEvent::Quiet { call, .. } | CallEvent::Silent(call) if call == *live && *heard => {
                self.end(EndReason::Lost, base, now);
            }
            CallEvent::Unbound { call, why } if call == *live => {
                self.end(EndReason::Failed, base, now);
                base.tell(Event::Refused { of: Matter::Call, why: Why::Other, text: why });
            }
            CallEvent::HungUp { call, .. } if call == *live => self.end(EndReason::TheyHungUp, base, now),
            CallEvent::Heard { .. }
            | CallEvent::HungUp { .. }
            | CallEvent::Quiet { .. }
            | CallEvent::Silent(_)
            | CallEvent::Unbound { .. }
            | CallEvent::Bound(_)
            | CallEvent::Key { .. } => {}
        }
    }

    // --- endings ---

    /// Ends what is going on; 6 says so where it may be heard, and the connection is closed after it.
    pub(super) fn end(&mut self, reason: EndReason, base: &mut Base, now: Time) {
        let (with, live) = match core::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle => return,
            Phase::Dialling(with) => {
                self.close(with.peer, base);
                (with, None)
            }
            Phase::Calling(with) | Phase::Ringing(with) | Phase::Answering(with) => (with, None),
            Phase::Live { with, call, .. } => (with, Some(call)),
        };
        if let Some(peer) = self.peers.get_mut(&with.peer) {
            peer.say(&Between::Closed, base);
            peer.leave(now);
        }
        if let Some(call) = live {
            base.agent(CallCommand::Close(call));
        }
        base.tell(Event::Ended { with: vec![with.name], reason });
    }

    fn say(&mut self, id: PeerId, said: &Between, base: &mut Base) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.say(said, base);
        }
    }

    fn close(&mut self, id: PeerId, base: &mut Base) {
        if self.peers.remove(&id).is_some() {
            base.out.push_back(Output::Peer(id, PeerOutput::Close));
        }
    }
}

impl Phase {
    fn with(&self) -> Option<&With> {
        match self {
            Self::Idle => None,
            Self::Dialling(with)
            | Self::Calling(with)
            | Self::Ringing(with)
            | Self::Answering(with)
            | Self::Live { with, .. } => Some(with),
        }
    }
}
