//! Our own sender key as far as the call knows it: never the key itself, only who waits for it.
//!
//! One question to the media machine is under way at a time. Who joins waits for the next step of the key, so that
//! they open nothing of before; when somebody left, everybody waits for the next generation. Several who leave while
//! one is being made make one more. A question that is not answered in time is asked anew, so that one which was dropped
//! never stops those that follow.

use crate::crypto::envelope::STEP_MAX;
use crate::id::DeviceId;
use crate::limits::{KEY_ANSWER_MAX, MEMBERS_MAX, SENDER_KEY_LIFE};
use crate::time::Time;

/// For whom a key is that is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Batch {
    For(Vec<DeviceId>),
    Everybody,
}

impl Batch {
    pub(super) fn is_for(&self, device: DeviceId) -> bool {
        match self {
            Self::For(devices) => devices.contains(&device),
            Self::Everybody => true,
        }
    }
}

/// What is to be asked of the media machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Step,
    Renew,
}

#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// The question under way, and until when an answer is waited for.
    asked: Option<(Batch, Time)>,
    joiners: Vec<DeviceId>,
    /// Somebody left since the last generation was asked for.
    stale: bool,
    generation: u8,
    step: u8,
    renew_at: Time,
}

impl Keys {
    /// The first key was asked for, for `first`.
    pub(super) fn opened(first: Vec<DeviceId>, now: Time) -> Self {
        Self {
            asked: Some((Batch::For(first), now + KEY_ANSWER_MAX)),
            joiners: Vec::new(),
            stale: false,
            generation: 0,
            step: 0,
            renew_at: now + SENDER_KEY_LIFE,
        }
    }

    /// This device is to get our key.
    pub(super) fn join(&mut self, device: DeviceId) {
        if !self.joiners.contains(&device) && self.joiners.len() < MEMBERS_MAX {
            self.joiners.push(device);
        }
    }

    /// This device had our key, or waited for it, and is out.
    pub(super) fn leave(&mut self, device: Option<DeviceId>) {
        self.joiners.retain(|joiner| Some(*joiner) != device);
        if let Some((Batch::For(devices), _)) = &mut self.asked {
            devices.retain(|waits| Some(*waits) != device);
        }
        self.stale = true;
    }

    /// What to ask now, if anything.
    pub(super) fn next(&mut self, now: Time) -> Option<Want> {
        match self.asked.take_if(|(_, until)| *until <= now) {
            Some((Batch::For(devices), _)) => devices.into_iter().for_each(|device| self.join(device)),
            Some((Batch::Everybody, _)) => self.stale = true,
            None => {}
        }
        if self.asked.is_some() {
            return None;
        }
        if self.stale || self.renew_at <= now || (!self.joiners.is_empty() && self.step >= STEP_MAX) {
            self.stale = false;
            self.joiners.clear();
            self.asked = Some((Batch::Everybody, now + KEY_ANSWER_MAX));
            return Some(Want::Renew);
        }
        if self.joiners.is_empty() {
            return None;
        }
        let joiners = core::mem::take(&mut self.joiners);
        self.asked = Some((Batch::For(joiners), now + KEY_ANSWER_MAX));
        Some(Want::Step)
    }

    /// A key is here: for whom? None when none was asked for. A new generation is for everybody even then: it answers
    /// a question that was asked anew meanwhile, and will be sent with.
    pub(super) fn made(&mut self, generation: u8, step: u8, now: Time) -> Option<Batch> {
        self.step = step;
        if generation != self.generation {
            self.asked = None;
            self.generation = generation;
            self.renew_at = now + SENDER_KEY_LIFE;
            return Some(Batch::Everybody);
        }
        // A late step is no answer to the question for a generation.
        self.asked.take_if(|(batch, _)| *batch != Batch::Everybody).map(|(batch, _)| batch)
    }

    pub(super) fn deadline(&self) -> Time {
        self.asked.as_ref().map_or(self.renew_at, |(_, until)| *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: DeviceId = DeviceId([1; 16]);
    const B: DeviceId = DeviceId([2; 16]);

    fn open() -> Keys {
        let mut keys = Keys::opened(vec![A], Time::ZERO);
        assert_eq!(keys.made(0, 0, Time::ZERO), Some(Batch::For(vec![A])));
        keys
    }

    #[test]
    fn who_joins_waits_for_a_step_of_their_own() {
        let mut keys = open();
        keys.join(A);
        assert_eq!(keys.next(Time::ZERO), Some(Want::Step));
        keys.join(B);
        assert_eq!(keys.next(Time::ZERO), None, "one at a time");
        assert_eq!(keys.made(0, 1, Time::ZERO), Some(Batch::For(vec![A])));
        assert_eq!(keys.next(Time::ZERO), Some(Want::Step));
        assert_eq!(keys.made(0, 2, Time::ZERO), Some(Batch::For(vec![B])));
        assert_eq!((keys.next(Time::ZERO), keys.made(0, 2, Time::ZERO)), (None, None));
    }

    #[test]
    fn several_who_leave_make_one_generation_under_way_and_one_more() {
        let mut keys = open();
        keys.leave(Some(A));
        assert_eq!(keys.next(Time::ZERO), Some(Want::Renew));
        for device in [A, B] {
            keys.leave(Some(device));
            assert_eq!(keys.next(Time::ZERO), None);
        }
        assert_eq!(keys.made(1, 0, Time::ZERO), Some(Batch::Everybody));
        assert_eq!(keys.next(Time::ZERO), Some(Want::Renew));
        keys.made(2, 0, Time::ZERO);
        assert_eq!(keys.next(Time::ZERO), None);
    }

    #[test]
    fn who_joins_while_a_generation_is_being_taken_up_gets_that_one() {
        let mut keys = open();
        keys.leave(Some(A));
        keys.next(Time::ZERO);
        assert_eq!(keys.made(1, 0, Time::ZERO), Some(Batch::Everybody));
        keys.join(B);
        assert_eq!(keys.next(Time::ZERO), Some(Want::Step));
        assert_eq!(keys.made(1, 0, Time::ZERO), Some(Batch::For(vec![B])), "the others have it");
    }

    #[test]
    fn who_left_before_their_key_was_made_does_not_get_it() {
        let mut keys = Keys::opened(vec![A, B], Time::ZERO);
        keys.leave(Some(A));
        assert_eq!(keys.made(0, 0, Time::ZERO), Some(Batch::For(vec![B])));
    }

    #[test]
    fn a_question_that_is_not_answered_is_asked_anew() {
        let late = Time::ZERO + KEY_ANSWER_MAX;
        let mut keys = Keys::opened(vec![A], Time::ZERO);
        keys.join(B);
        assert_eq!((keys.next(Time::ZERO), keys.deadline()), (None, late));
        assert_eq!(keys.next(late), Some(Want::Step));
        // The first answer comes late, and is for both; the second is nobody's, who step by themselves.
        assert_eq!(keys.made(0, 0, late), Some(Batch::For(vec![B, A])));
        assert_eq!(keys.made(0, 1, late), None);

        keys.leave(Some(B));
        assert_eq!(keys.next(late), Some(Want::Renew));
        let later = late + KEY_ANSWER_MAX;
        assert_eq!(keys.next(later), Some(Want::Renew));
        assert_eq!(keys.made(0, 2, later), None, "a step is not what was asked for");
        for generation in [1, 2] {
            assert_eq!(keys.made(generation, 0, later), Some(Batch::Everybody), "both are sent with");
        }
        assert_eq!(keys.next(later), None);
    }

    #[test]
    fn after_the_last_step_and_after_an_hour_comes_a_generation() {
        let mut keys = open();
        for step in 1..=STEP_MAX {
            keys.join(A);
            assert_eq!(keys.next(Time::ZERO), Some(Want::Step));
            keys.made(0, step, Time::ZERO);
        }
        keys.join(A);
        assert_eq!(keys.next(Time::ZERO), Some(Want::Renew));
        keys.made(1, 0, Time::ZERO);
        let hour = Time::ZERO + SENDER_KEY_LIFE;
        assert_eq!(
            (keys.deadline(), keys.next(Time::ZERO), keys.next(hour)),
            (hour, None, Some(Want::Renew))
        );
    }
}
