//! The call of the demonstration: who picks up, rings or is busy, what its meters and its figures show, how it ends.

use std::time::Duration;

use proto::Time;
use proto::client::{EndReason, Event};
use proto::id::{Name, Ssrc};
use proto::media::SoundEvent;
use proto::wire::record::Presence;

use super::{Step, World};
use crate::app::Msg;
use crate::app::settings::Heard;
use crate::demo::cast::{GUEST, name};
use crate::demo::ms;
use crate::demo::sound::{self, Meterage};

/// Somebody who calls gives up after so long.
const PATIENCE: Duration = ms(30_000);

/// The call there is.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) number: u32,
    with: Vec<Name>,
    /// Of `with`, by index, who is in.
    joined: Vec<usize>,
    /// They call us, and we said nothing yet.
    rings: bool,
    plain: bool,
    figures: Meterage,
}

impl World {
    pub(super) fn begin(&mut self, with: Vec<Name>, rings: bool) {
        self.calls += 1;
        let (joined, figures) = (Vec::new(), Meterage::default());
        let plain = with.iter().any(|who| who.as_str() == GUEST);
        self.call = Some(Call { number: self.calls, with, joined, rings, plain, figures });
    }

    /// We call: whoever is there rings, and picks up one after another.
    pub(super) fn place(&mut self, names: Vec<Name>, now: Time) {
        let plain = names.iter().any(|who| who.as_str() == GUEST);
        if plain && !self.allowed {
            return self.tell(Event::PlainUnconfirmed(vec![name(GUEST)]));
        }
        self.begin(names.clone(), false);
        self.tell(Event::Calling { to: names.clone(), plain });
        let mut refused = None;
        let mut stagger = Duration::ZERO;
        for (at, who) in names.iter().cloned().enumerate() {
            stagger += ms(700);
            let reason = match self.contacts.get(&who).map(|contact| contact.presence) {
                Some(Presence::Online) => {
                    self.in_call(now + stagger, Step::Tell(Event::Ringing(who)));
                    self.in_call(now + stagger + ms(1_700), Step::Joins(at));
                    continue;
                }
                Some(Presence::InCall) => EndReason::Busy,
                Some(Presence::Offline) | None => EndReason::Gone,
            };
            refused = Some(reason);
            self.in_call(now + stagger, Step::Tell(Event::Parted { who, reason }));
        }
        let anybody =
            names.iter().any(|who| self.contacts.get(who).is_some_and(|c| c.presence == Presence::Online));
        if let Some(reason) = refused.filter(|_| !anybody) {
            self.in_call(now + stagger, Step::Tell(Event::Ended { with: names, reason }));
        }
    }

    /// Somebody calls us.
    pub(super) fn rings(&mut self, who: Name, now: Time) {
        if self.call.is_some() {
            return self.later(now + ms(20_000), Step::Calls(who));
        }
        self.begin(vec![who.clone()], true);
        self.tell(Event::Incoming {
            from: who.clone(),
            others: Vec::new(),
            guests: Vec::new(),
            plain: false,
        });
        let missed = Event::Ended { with: vec![who], reason: EndReason::Missed };
        self.in_call(now + PATIENCE, Step::Tell(missed));
    }

    pub(super) fn answered(&mut self, now: Time) {
        let Some(call) = self.call.as_mut().filter(|call| call.rings) else { return };
        call.rings = false;
        // Who would give up does not any more.
        let number = call.number;
        self.plan.retain(|_, (of, _)| *of != Some(number));
        self.in_call(now + ms(300), Step::Joins(0));
    }

    pub(super) fn joins(&mut self, at: usize, now: Time) {
        let Some(call) = &mut self.call else { return };
        let Some(who) = call.with.get(at).cloned() else { return };
        let (first, plain) = (call.joined.is_empty(), call.plain);
        call.joined.push(at);
        let heard = Event::Heard(who.clone());
        self.tell(Event::Joined { who, ssrc: stream(at), plain });
        self.in_call(now + ms(250), Step::Tell(heard));
        if first {
            self.told.push_back(Msg::Sound(SoundEvent::Processing(sound::processing())));
            self.in_call(now, Step::Meters);
            self.in_call(now + ms(1_000), Step::Figures);
        }
    }

    pub(super) fn meters(&mut self, now: Time) {
        let Some(call) = self.call.as_ref().filter(|_| !self.meters.is_zero()) else { return };
        let streams: Vec<Ssrc> = call.joined.iter().map(|at| stream(*at)).collect();
        let levels = sound::levels(self.muted, &streams, now);
        self.told.push_back(Msg::Sound(SoundEvent::Levels(levels)));
        self.in_call(now + self.meters, Step::Meters);
    }

    /// The level outside of a call, as long as somebody looks at it.
    pub(super) fn listen(&mut self, now: Time) {
        if !self.listens {
            return;
        }
        self.told.push_back(Msg::Heard(Heard::Level(sound::levels(self.muted, &[], now).microphone)));
        if !self.meters.is_zero() {
            self.later(now + self.meters, Step::Listen);
        }
    }

    pub(super) fn figures(&mut self, now: Time) {
        let muted = self.muted;
        let Some(call) = &mut self.call else { return };
        let members: Vec<(Ssrc, &str)> =
            call.joined.iter().map(|at| (stream(*at), call.with[*at].as_str())).collect();
        let figures = call.figures.second(muted, &members);
        self.told.push_back(Msg::Sound(SoundEvent::Statistics(Box::new(figures))));
        self.in_call(now + ms(1_000), Step::Figures);
    }

    pub(super) fn over(&mut self, reason: proto::client::EndReason) {
        let Some(call) = self.call.take() else { return };
        self.tell(Event::Ended { with: call.with, reason });
    }
}

/// The stream of the `at`-th called.
fn stream(at: usize) -> Ssrc {
    Ssrc(u32::try_from(at).unwrap_or(0) + 1)
}
