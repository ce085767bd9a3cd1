//! What a command does to the media machine. Commands may allocate; voice may not.

use crate::crypto::sframe::{GENERATIONS, STEPS};
use crate::drop::Drop;
use crate::id::{CallId, Ssrc};
use crate::limits::{GENERATIONS_KEPT_MAX, MEMBERS_MAX};
use crate::media::bind::Binding;
use crate::media::command::{CallCommand, DirectForm, Place};
use crate::media::controller::Controller;
use crate::media::direct::Direct;
use crate::media::event::CallEvent;
use crate::media::keys::{Made, OwnKeys};
use crate::media::leaving::Leaving;
use crate::media::plan::EncoderPlan;
use crate::media::speakers::{Cover, Silence, Speakers};
use crate::media::streams::{Outgoing, Packet};
use crate::media::{Bound, Introduced, Live, Media, MediaOutput, Phase};
use crate::rng::Rng;
use crate::time::Time;
use crate::wire::report::ReportFlags;

impl Media {
    pub(super) fn command(&mut self, command: CallCommand, now: Time) -> Result<(), Drop> {
        match command {
            CallCommand::Bind(place) => self.bind(place, now),
            CallCommand::Open(call) => self.open(call, Outgoing::sealed, now),
            CallCommand::OpenPlain(call) => self.open(call, Outgoing::plain, now),
            CallCommand::Listen { call, ssrc, generation, step, base_key } => {
                self.listen(call, ssrc, Introduced::Key { generation, step, base_key }, now)
            }
            CallCommand::ListenPlain { call, ssrc } => self.listen(call, ssrc, Introduced::Plain, now),
            CallCommand::Deafen { call, ssrc } => self.deafen(call, ssrc),
            CallCommand::Step(call) => self.change_key(call, |keys| keys.step(now)),
            CallCommand::Renew(call) => self.change_key(call, |keys| keys.renew(now)),
            CallCommand::Close(call) => self.close(call, now),
            CallCommand::OpenDirect { call, form, local: _ } => self.open_direct(call, form, now),
            CallCommand::Meet { call, ssrc, at } => self.direct(call)?.meet(ssrc, at, now),
            CallCommand::Arrived { call, ssrc, opus } => self.arrived(call, ssrc, &opus, now),
        }
    }

    fn bind(&mut self, place: Place, now: Time) -> Result<(), Drop> {
        let same = self.call() == Some(place.call);
        match &mut self.phase {
            Phase::Bound(bound) if same => bound.binding.renew(place, now),
            Phase::Live(live) if same => live.binding.renew(place, now),
            Phase::Live(_) | Phase::Direct(_) => return Err(Drop::OutOfTurn),
            Phase::Idle | Phase::Bound(_) => {
                self.keyless.clear();
                let binding = Binding::new(place, self.rng.child("bind"), now);
                self.phase = Phase::Bound(Box::new(Bound { binding, early: Vec::new() }));
            }
        }
        Ok(())
    }

    fn open(
        &mut self,
        call: CallId,
        outgoing: fn(Ssrc, Rng, Time) -> Outgoing,
        now: Time,
    ) -> Result<(), Drop> {
        if self.call() != Some(call) {
            return Err(Drop::NoCall);
        }
        let Bound { binding, early } = match core::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Bound(bound) => *bound,
            other @ (Phase::Idle | Phase::Live(_) | Phase::Direct(_)) => {
                self.phase = other;
                return Err(Drop::OutOfTurn);
            }
        };
        let mut outgoing = outgoing(binding.place().ssrc, self.rng.child("outgoing"), now);
        let key = outgoing.keys().map(|keys| keys.told());
        let mut controller = Controller::new(!outgoing.is_plain(), self.delay, now);
        controller.force_frame(self.frame_forced);
        controller.begin();
        let encoder = controller.plan().encoder;
        let live =
            Live { binding, outgoing, controller, speakers: Speakers::new(), silence: Silence::new(now) };
        self.phase = Phase::Live(Box::new(live));
        match key {
            Some(key) => self.tell_key(call, key),
            None => self.keyless.clear(),
        }
        self.out.push_back(MediaOutput::Encode(encoder));
        self.out.push_back(MediaOutput::OpenDevices);
        self.report(now)?;
        for (ssrc, introduced) in early {
            if let Err(drop) = self.listen(call, ssrc, introduced, now) {
                self.out.push_back(MediaOutput::Drop(drop));
            }
        }
        Ok(())
    }

    fn listen(&mut self, call: CallId, ssrc: Ssrc, how: Introduced, now: Time) -> Result<(), Drop> {
        if self.call() != Some(call) {
            return Err(Drop::NoCall);
        }
        let known_key = match &how {
            Introduced::Key { generation, step, .. } => *generation < GENERATIONS && *step < STEPS,
            Introduced::Plain => true,
        };
        if !known_key || self.binding().is_some_and(|binding| binding.place().ssrc == ssrc) {
            return Err(Drop::Malformed);
        }
        match &mut self.phase {
            Phase::Idle => return Err(Drop::NoCall),
            Phase::Bound(bound) if bound.early.len() < EARLY_MAX => bound.early.push((ssrc, how)),
            Phase::Bound(_) => return Err(Drop::Full),
            Phase::Direct(_) => return Err(Drop::OutOfTurn),
            Phase::Live(live) => match how {
                Introduced::Plain if live.outgoing.is_plain() => {
                    live.speakers.get_or_add(ssrc, || Cover::None(Box::default()), now)?;
                }
                Introduced::Key { generation, step, base_key } if !live.outgoing.is_plain() => {
                    let speaker = live.speakers.get_or_add(ssrc, || Cover::Keys(Box::default()), now)?;
                    let keys = speaker.keys().ok_or(Drop::OutOfTurn)?;
                    keys.listen(generation, step, &base_key)?;
                    self.keyless.clear_past(speaker);
                }
                Introduced::Plain | Introduced::Key { .. } => return Err(Drop::OutOfTurn),
            },
        }
        while let Some(packet) = self.waiting_for(ssrc) {
            if let Err(drop) = self.sealed(&packet, now) {
                self.out.push_back(MediaOutput::Drop(drop));
            }
        }
        Ok(())
    }

    fn deafen(&mut self, call: CallId, ssrc: Ssrc) -> Result<(), Drop> {
        if self.call() != Some(call) {
            return Err(Drop::NoCall);
        }
        self.keyless.clear_of(ssrc);
        let known = match &mut self.phase {
            Phase::Idle => return Err(Drop::NoCall),
            Phase::Bound(bound) => {
                let before = bound.early.len();
                bound.early.retain(|(introduced, _)| *introduced != ssrc);
                bound.early.len() < before
            }
            Phase::Live(live) => live.speakers.remove(ssrc),
            Phase::Direct(direct) => direct.deafen(ssrc),
        };
        if known { Ok(()) } else { Err(Drop::Stranger) }
    }

    fn change_key(&mut self, call: CallId, change: impl FnOnce(&mut OwnKeys) -> Made) -> Result<(), Drop> {
        if self.call() != Some(call) {
            return Err(Drop::NoCall);
        }
        let Phase::Live(live) = &mut self.phase else { return Err(Drop::OutOfTurn) };
        let key = change(live.outgoing.keys().ok_or(Drop::OutOfTurn)?);
        self.tell_key(call, key);
        Ok(())
    }

    fn waiting_for(&mut self, ssrc: Ssrc) -> Option<Packet> {
        let Phase::Live(live) = &mut self.phase else { return None };
        self.keyless.take(live.speakers.get_mut(ssrc)?)
    }

    fn close(&mut self, call: CallId, now: Time) -> Result<(), Drop> {
        if self.call() != Some(call) {
            return Err(Drop::NoCall);
        }
        self.keyless.clear();
        match core::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle | Phase::Bound(_) => {}
            Phase::Live(mut live) => {
                let to = live.binding.relay_addr();
                let flags = ReportFlags { hung_up: true, ..self.condition.flags() };
                let goodbyes = core::array::from_fn(|_| live.report(flags, now).ok());
                self.leaving = Some(Leaving::new(to, goodbyes, now));
                self.out.push_back(MediaOutput::CloseDevices);
            }
            Phase::Direct(_) => self.out.push_back(MediaOutput::CloseDevices),
        }
        Ok(())
    }

    fn open_direct(&mut self, call: CallId, form: DirectForm, now: Time) -> Result<(), Drop> {
        if !matches!(self.phase, Phase::Idle) {
            return Err(Drop::OutOfTurn);
        }
        self.phase = Phase::Direct(Box::new(Direct::new(call, form, now)));
        self.out.push_back(MediaOutput::Encode(EncoderPlan::default()));
        self.out.push_back(MediaOutput::OpenDevices);
        Ok(())
    }

    fn arrived(&mut self, call: CallId, ssrc: Ssrc, opus: &[u8], now: Time) -> Result<(), Drop> {
        self.direct(call)?;
        match &mut self.phase {
            Phase::Direct(direct) => direct.arrived(ssrc, opus, now, &mut self.out),
            Phase::Idle | Phase::Bound(_) | Phase::Live(_) => Err(Drop::NoCall),
        }
    }

    fn direct(&mut self, call: CallId) -> Result<&mut Direct, Drop> {
        match &mut self.phase {
            Phase::Direct(direct) if direct.call == call => Ok(direct),
            Phase::Direct(_) | Phase::Idle => Err(Drop::NoCall),
            Phase::Bound(_) | Phase::Live(_) => Err(Drop::OutOfTurn),
        }
    }

    fn tell_key(&mut self, call: CallId, key: Made) {
        let Made { generation, step, base_key } = key;
        self.tell(CallEvent::Key { call, generation, step, base_key });
    }
}

/// Introductions that may come before `Open`: of everybody, the key in use and those to come.
const EARLY_MAX: usize = MEMBERS_MAX * GENERATIONS_KEPT_MAX;
