//! Our own sender key as far as the call knows it: never the key itself, only who waits for it.
//!
//! One question to the media machine is under way at a time. Who joins waits for the next step of the key, so that
//! they open nothing of before; when somebody left, everybody waits for the next generation. Several who leave while
//! one is being made make one more.

use crate::crypto::envelope::STEP_MAX;
use crate::id::DeviceId;
use crate::limits::{MEMBERS_MAX, SENDER_KEY_LIFE};
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
    asked: Option<Batch>,
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
            asked: Some(Batch::For(first)),
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
        if let Some(Batch::For(devices)) = &mut self.asked {
            devices.retain(|waits| Some(*waits) != device);
        }
        self.stale = true;
    }

    /// What to ask now, if anything.
    pub(super) fn next(&mut self, now: Time) -> Option<Want> {
        if self.asked.is_some() {
            return None;
        }
        if self.stale || self.renew_at <= now || (!self.joiners.is_empty() && self.step >= STEP_MAX) {
            self.stale = false;
            self.joiners.clear();
            self.asked = Some(Batch::Everybody);
            return Some(Want::Renew);
        }
        if self.joiners.is_empty() {
            return None;
        }
        self.asked = Some(Batch::For(core::mem::take(&mut self.joiners)));
        Some(Want::Step)
    }

    /// A key is here: for whom? None when none was asked for.
    pub(super) fn made(&mut self, generation: u8, step: u8, now: Time) -> Option<Batch> {
        let mut batch = self.asked.take()?;
        if generation != self.generation {
            batch = Batch::Everybody;
            self.generation = generation;
            self.renew_at = now + SENDER_KEY_LIFE;
        }
        self.step = step;
        Some(batch)
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.asked.is_none().then_some(self.renew_at)
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
            (Some(hour), None, Some(Want::Renew))
        );
    }
}
