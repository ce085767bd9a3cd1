//! That the program stood still in a call, because the machine slept or somebody stopped it without a word, and that the
//! call ended over that. At the other ends it was somebody who is not heard any more, and they left; what the server and
//! they say of it reads like a wish of theirs.
//!
//! ```text
//! awake --in a call, nothing was done for as long as the others wait--> slept --somebody is heard again--> awake
//!                                                                         +-- the call ends: over our sleep
//! ```

use std::time::Duration;

use proto::Time;
use proto::client::{EndReason, Event};
use proto::limits::{HOLD_MAX, MEDIA_SILENCE_MAX};
use proto::media::Statistics;

/// In a call there is something to do at least as often: else nobody could tell sleep from peace.
pub(super) const TURN_TIME_MAX: Duration = Duration::from_secs(1);
/// Who stood still for so long may have been given up. What the others heard last was heard before, and told before that.
const GIVEN_UP_AFTER: Duration = MEDIA_SILENCE_MAX.saturating_sub(TURN_TIME_MAX);
/// The same of who told the others before, and is waited for longer.
const HELD_UP_AFTER: Duration = HOLD_MAX.saturating_sub(TURN_TIME_MAX);
/// So long afterwards the end of the call is still its doing: the connection may have to be made again, and that nobody is
/// heard takes its time to be noticed.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(60);

/// A sleep nobody was heard after yet.
#[derive(Clone, Copy, Debug)]
struct Slept {
    long: Duration,
    woke_at: Time,
    /// Packets opened so far, as they were told first after it: those may be of before.
    opened: Option<u64>,
}

/// Whether we slept.
#[derive(Debug, Default)]
pub(super) struct Asleep {
    /// When something was done in this call the last time.
    awake_at: Option<Time>,
    slept: Option<Slept>,
    /// The others were told that we are on hold.
    on_hold: bool,
}

impl Asleep {
    /// Something is done, at this time of a clock that goes on in sleep.
    pub(super) fn turn(&mut self, in_call: bool, now: Time) {
        let before = self.awake_at.replace(now).filter(|_| in_call);
        if !in_call {
            (self.awake_at, self.slept) = (None, None);
        }
        let given_up_after = if self.on_hold { HELD_UP_AFTER } else { GIVEN_UP_AFTER };
        let long = before.map(|at| now - at).filter(|long| *long >= given_up_after);
        // How long ago the last one was is counted awake.
        let awake_at = before.filter(|_| long.is_some()).unwrap_or(now);
        self.slept = self.slept.filter(|slept| awake_at - slept.woke_at < FOLLOWS_WITHIN);
        let Some(long) = long else { return };
        // A machine that wakes up for a moment in between has slept all that time for whoever looks at it.
        let long = self.slept.map_or(Duration::ZERO, |slept| slept.long) + long;
        self.slept = Some(Slept { long, woke_at: now, opened: None });
    }

    /// Whether the others are told that we are on hold.
    pub(super) fn hold(&mut self, on: bool) {
        self.on_hold = on;
    }

    /// If somebody is heard again, the call outlived it.
    pub(super) fn measured(&mut self, of: &Statistics) {
        let Some(slept) = &mut self.slept else { return };
        let before = *slept.opened.get_or_insert(of.opened);
        // Of several one left, and what was opened of theirs is no longer in the sum.
        slept.opened = Some(before.min(of.opened));
        if of.opened > before {
            self.slept = None;
        }
    }

    /// What is told of who left, and of the end, with our own part in it.
    pub(super) fn explain(&self, mut event: Event) -> Event {
        if let Event::Ended { reason, .. } | Event::Parted { reason, .. } = &mut event {
            *reason = self.reason(*reason);
        }
        event
    }

    fn reason(&self, told: EndReason) -> EndReason {
        match (told, self.slept) {
            (EndReason::TheyHungUp | EndReason::Lost | EndReason::Gone, Some(slept)) => {
                EndReason::Asleep(slept.long)
            }
            (told, _) => told,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::story::name;

    /// Awake until then, from second 0 on.
    fn awake_until(second: u64) -> Asleep {
        let mut asleep = Asleep::default();
        (0..=second).for_each(|second| asleep.turn(true, Time::secs(second)));
        asleep
    }

    fn told(asleep: &Asleep, reason: EndReason) -> EndReason {
        let told = asleep.explain(Event::Ended { with: vec![name("bob")], reason });
        let Event::Ended { reason, .. } = told else { panic!("{told:?}") };
        reason
    }

    fn opened(opened: u64) -> Statistics {
        Statistics { opened, ..Statistics::default() }
    }

    const NIGHT: Duration = Duration::from_secs(3_000);

    #[test]
    fn a_call_that_ends_over_our_sleep_is_not_hung_up_by_anybody() {
        let mut asleep = awake_until(5);
        assert_eq!(told(&asleep, EndReason::TheyHungUp), EndReason::TheyHungUp);
        asleep.turn(true, Time::secs(3_005));
        for reason in [EndReason::TheyHungUp, EndReason::Lost, EndReason::Gone] {
            assert_eq!(told(&asleep, reason), EndReason::Asleep(NIGHT));
        }
        let parted = Event::Parted { who: name("bob"), reason: EndReason::TheyHungUp };
        let explained = Event::Parted { who: name("bob"), reason: EndReason::Asleep(NIGHT) };
        assert_eq!(asleep.explain(parted), explained);
        for reason in [EndReason::HungUp, EndReason::Declined, EndReason::Taken, EndReason::Missed] {
            assert_eq!(told(&asleep, reason), reason, "that is of somebody's hand");
        }
        // Twice, with a moment between, is once; and it is long ago at some time.
        asleep.turn(true, Time::secs(3_006));
        asleep.turn(true, Time::secs(3_106));
        let both = Duration::from_secs(3_100);
        assert_eq!(told(&asleep, EndReason::TheyHungUp), EndReason::Asleep(both));
        (3_107..3_200).for_each(|second| asleep.turn(true, Time::secs(second)));
        assert_eq!(told(&asleep, EndReason::TheyHungUp), EndReason::TheyHungUp);
    }

    #[test]
    fn who_is_heard_again_may_hang_up_as_ever() {
        let mut asleep = awake_until(5);
        asleep.turn(true, Time::secs(65));
        // The first may have been on its way since before.
        asleep.measured(&opened(700));
        asleep.measured(&opened(700));
        assert_eq!(told(&asleep, EndReason::TheyHungUp), EndReason::Asleep(Duration::from_secs(60)));
        asleep.measured(&opened(750));
        assert_eq!(told(&asleep, EndReason::TheyHungUp), EndReason::TheyHungUp);
    }

    #[test]
    fn who_told_of_the_hold_is_waited_for_longer_and_may_be_hung_up_on_meanwhile() {
        let mut asleep = awake_until(5);
        asleep.hold(true);
        asleep.turn(true, Time::secs(65));
        asleep.hold(false);
        assert_eq!(told(&asleep, EndReason::TheyHungUp), EndReason::TheyHungUp);
        asleep.hold(true);
        asleep.turn(true, Time::secs(165));
        assert_eq!(told(&asleep, EndReason::TheyHungUp), EndReason::Asleep(Duration::from_secs(100)));
    }

    #[test]
    fn a_short_stop_and_a_sleep_outside_of_a_call_explain_nothing() {
        let mut asleep = awake_until(5);
        asleep.turn(true, Time::secs(18));
        assert_eq!(
            told(&asleep, EndReason::TheyHungUp),
            EndReason::TheyHungUp,
            "they were patient for longer"
        );
        let mut asleep = Asleep::default();
        asleep.turn(false, Time::secs(1));
        asleep.turn(false, Time::secs(500));
        asleep.turn(true, Time::secs(900));
        assert_eq!(told(&asleep, EndReason::TheyHungUp), EndReason::TheyHungUp, "the call began after it");
        asleep.turn(true, Time::secs(1_000));
        asleep.turn(false, Time::secs(1_001));
        asleep.turn(true, Time::secs(1_002));
        assert_eq!(told(&asleep, EndReason::TheyHungUp), EndReason::TheyHungUp, "of another call");
    }
}
