//! How much we may send: a network that loses because it is full loses more by every copy.
//!
//! Loss alone does not say which it is, so it is tried. When loss rises as we send more, or is suddenly large, less is
//! sent for a moment: if that helps, the network was full, and what came through is the ceiling; if it does not, the
//! loss is not ours, and we are not suspected again for a while.
//!
//! ```text
//!  Open --suspicion--> Trial --less sent, less lost--> Held --after a while, a little higher--> Held .. Open
//!    ^                   |
//!    +--no less lost-----+   (not suspected for a minute, then two, ..)
//! ```
//!
//! A ceiling that had to be lowered again soon after it was lifted is held twice as long, so that what we do never
//! swings faster and faster.

use core::time::Duration;

use crate::media::outcome::Tally;
use crate::time::Time;

/// After a change of plan, until reports tell of packets sent by it: a round trip and a report.
pub(super) const SETTLE: Duration = Duration::from_millis(500);
/// Packets by which a rise, and a trial, are judged: two seconds of 20 ms.
const JUDGED: u32 = 80;
/// Part of the loss that a full network would add which is suspicious.
const SUSPICIOUS: f32 = 0.6;
/// Loss that is suspicious by itself, over two seconds.
const COLLAPSE: f32 = 0.5;
/// What a trial may leave of the loss that led to it: less is sent than came through, so of a full network nearly
/// nothing.
const HELPED: f32 = 0.25;
/// And what may surely be lost later under the ceiling, or it does not help after all.
const HELPS: f32 = 0.3;
/// Less than this left is helped, too.
const NEARLY_NONE: f32 = 0.02;
/// A ceiling that was lifted may be above what there is room for: then loss says nothing against there being one.
const LIFTED: f32 = 2.0;
/// How long a ceiling is held at first and at most, before it is lifted a little.
const HOLD: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(240));
/// How much it is lifted, in halves.
const LIFT: (u32, u32) = (3, 2);
/// A ceiling needed again within this time after it was lifted was lifted too soon.
const SOON: Duration = Duration::from_secs(30);
/// How long nobody is suspected after a trial that did not help, at first and at most.
const ACQUITTED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(960));
/// The most that is ever sent on the wire, bits per second: a ceiling above it is none.
const MOST: u32 = 170_000;

/// A rise of what we send, until it is judged.
#[derive(Clone, Copy, Debug)]
struct Rise {
    at: Time,
    from: u32,
    to: u32,
    /// Loss before.
    before: Tally,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    /// Sends less since then, because of that loss.
    Trial {
        since: Time,
        loss: f32,
    },
    Held {
        since: Time,
        loss: f32,
    },
}

/// What the network has room for, as far as is known.
#[derive(Debug)]
pub(super) struct Ceiling {
    /// Bits per second on the wire.
    limit: Option<u32>,
    state: State,
    rise: Option<Rise>,
    hold: Duration,
    lifted_at: Option<Time>,
    acquitted_until: Time,
    acquittal: Duration,
}

/// What the judgment looks at: loss of the worst member since then.
pub(super) trait Losses {
    /// Of all packets since then, if they are at least so many.
    fn since(&self, then: Time, least: u32) -> Option<Tally>;
    /// The least loss of any interval since then, and how many intervals there are.
    fn steady_since(&self, then: Time) -> (f32, usize);
}

impl Ceiling {
    pub(super) fn new() -> Self {
        Self {
            limit: None,
            state: State::Open,
            rise: None,
            hold: HOLD.0,
            lifted_at: None,
            acquitted_until: Time::ZERO,
            acquittal: ACQUITTED.0,
        }
    }

    /// Whether so much may be sent, bits per second on the wire.
    pub(super) fn allows(&self, wire: u32) -> bool {
        self.limit.is_none_or(|limit| wire <= limit)
    }

    /// We send `to` instead of `from` from now on; `before` was lost until now.
    pub(super) fn changed(&mut self, from: u32, to: u32, before: Tally, now: Time) {
        // Where the network was full, a rise that is taken back at once was too much.
        if let (State::Held { .. }, Some(rise)) = (self.state, self.rise.filter(|rise| to < rise.to)) {
            self.hold = (self.hold * 2).min(HOLD.1);
            self.limit = Some(rise.from.max(to));
            self.state = State::Held { since: now, loss: LIFTED };
        }
        self.rise = (to > from).then_some(Rise { at: now, from, to, before });
    }

    /// Looks at what is lost while `wire` is sent, since `since`.
    pub(super) fn judge(&mut self, wire: u32, since: Time, losses: &impl Losses, now: Time) {
        match self.state {
            State::Trial { since, loss } => {
                let Some(now_lost) = losses.since(since + SETTLE, JUDGED) else { return };
                if now_lost.loss() <= (loss * HELPED).max(NEARLY_NONE) {
                    self.state = State::Held { since: now, loss };
                } else {
                    self.acquit(now);
                }
            }
            State::Held { since: held, loss } if self.fails(held.max(since), loss, losses, now) => {
                self.acquit(now)
            }
            State::Held { since: held, .. } if now - held >= self.hold => {
                self.limit = self.limit.map(|limit| limit / LIFT.1 * LIFT.0).filter(|limit| *limit < MOST);
                self.state =
                    if self.limit.is_some() { State::Held { since: now, loss: LIFTED } } else { State::Open };
                self.lifted_at = Some(now);
            }
            State::Held { .. } | State::Open => {
                if let Some(loss) = self.suspicious(since, losses, now) {
                    self.suspect(wire, loss, now);
                }
            }
        }
    }

    /// Whether as much is lost under the ceiling as if there were none.
    fn fails(&self, held: Time, loss: f32, losses: &impl Losses, now: Time) -> bool {
        let since = (held + SETTLE).max(now.back(Duration::from_secs(6)));
        losses.since(since, 2 * JUDGED).is_some_and(|tally| tally.surely() > loss * HELPS)
    }

    /// The loss is not ours.
    fn acquit(&mut self, now: Time) {
        (self.state, self.limit) = (State::Open, None);
        self.acquitted_until = now + self.acquittal;
        self.acquittal = (self.acquittal * 2).min(ACQUITTED.1);
    }

    /// The loss that makes us try to send less.
    fn suspicious(&mut self, since: Time, losses: &impl Losses, now: Time) -> Option<f32> {
        if now < self.acquitted_until {
            return None;
        }
        let lately = now.back(Duration::from_secs(2)).max(since);
        let (least, intervals) = losses.steady_since(lately);
        let collapse = losses.since(lately, JUDGED / 4).map(Tally::loss);
        let collapse = collapse.filter(|loss| *loss >= COLLAPSE && least >= COLLAPSE / 2.0 && intervals >= 3);
        collapse.or_else(|| self.risen(losses))
    }

    /// The loss since a rise, once there is enough of it, if it is about what a full network would lose of it.
    fn risen(&mut self, losses: &impl Losses) -> Option<f32> {
        let rise = self.rise?;
        let after = losses.since(rise.at + SETTLE, JUDGED)?.loss();
        self.rise = None;
        let before = (rise.before.loss() + rise.before.error()).min(1.0);
        let wire = |bits: u32| f32::from(u16::try_from(bits / 100).unwrap_or(u16::MAX));
        let full = (1.0 - before) * (1.0 - wire(rise.from) / wire(rise.to));
        (after >= before + SUSPICIOUS * full).then_some(after)
    }

    fn suspect(&mut self, wire: u32, loss: f32, now: Time) {
        let again = self.lifted_at.is_some_and(|at| now - at < SOON + SETTLE);
        self.hold = if again { (self.hold * 2).min(HOLD.1) } else { HOLD.0 };
        let through = f32::from(u16::try_from(wire / 100).unwrap_or(u16::MAX)) * (1.0 - loss);
        self.limit = Some(rounded(through) * 100);
        self.state = State::Trial { since: now, loss };
        self.rise = None;
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first")]
fn rounded(hundreds: f32) -> u32 {
    hundreds.clamp(0.0, f32::from(u16::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same loss for ever.
    struct Always(f32);

    impl Losses for Always {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]
        fn since(&self, _: Time, _: u32) -> Option<Tally> {
            Some(Tally { expected: 1_000, lost: (self.0 * 1_000.0) as u32 })
        }

        fn steady_since(&self, _: Time) -> (f32, usize) {
            (self.0, 8)
        }
    }

    fn before(lost: u32) -> Tally {
        Tally { expected: 100, lost }
    }

    /// Each second, what is sent and lost, and whether 100 kb/s are allowed.
    fn seconds(ceiling: &mut Ceiling, from: u64, losses: &[f32]) -> Vec<bool> {
        let second = |(n, loss): (u64, &f32)| {
            ceiling.judge(100_000, Time::ZERO, &Always(*loss), Time::secs(from + n));
            ceiling.allows(100_000)
        };
        (0..).zip(losses).map(second).collect()
    }

    #[test]
    fn a_collapse_is_tried_and_what_helps_is_kept_and_lifted_in_steps() {
        let mut ceiling = Ceiling::new();
        assert_eq!(seconds(&mut ceiling, 0, &[0.2, 0.4, 0.5]), [true, true, false]);
        assert!(ceiling.allows(49_000) && !ceiling.allows(51_000), "what came through");
        let allowed = seconds(&mut ceiling, 3, &[0.0; 60]);
        let lifted = allowed.iter().position(|allowed| *allowed).unwrap();
        assert!((28..=32).contains(&lifted), "50, 75, 112 kb/s: allowed after {lifted} s");
    }

    #[test]
    fn what_does_not_help_is_given_up_and_not_tried_again_for_a_while() {
        let mut ceiling = Ceiling::new();
        assert_eq!(seconds(&mut ceiling, 0, &[0.5, 0.5]), [false, true]);
        let suspected = |ceiling: &mut Ceiling, from| {
            seconds(ceiling, from, &[0.5; 200]).iter().filter(|allowed| !**allowed).count()
        };
        assert_eq!(suspected(&mut ceiling, 2), 2, "after one minute, and two more");
    }

    #[test]
    fn more_loss_by_more_sent_is_suspicious_and_the_same_loss_is_not() {
        for (after, suspected) in [(0.2, false), (0.25, false), (0.45, true)] {
            let mut ceiling = Ceiling::new();
            ceiling.changed(80_000, 120_000, before(20), Time::ZERO);
            ceiling.judge(120_000, Time::ZERO, &Always(after), Time::secs(3));
            assert_eq!(!ceiling.allows(120_000), suspected, "{after}");
        }
        let mut ceiling = Ceiling::new();
        ceiling.changed(120_000, 80_000, before(0), Time::ZERO);
        ceiling.judge(80_000, Time::ZERO, &Always(0.35), Time::secs(3));
        assert!(ceiling.allows(80_000), "less sent is no rise");
    }

    #[test]
    fn a_ceiling_needed_again_soon_is_held_longer() {
        let mut ceiling = Ceiling::new();
        let mut allowed_again = Vec::new();
        let mut since = 0;
        for second in 0..600 {
            // A network that is full at 90 kb/s, whoever asks.
            let full = ceiling.allows(100_000);
            ceiling.judge(100_000, Time::ZERO, &Always(if full { 0.5 } else { 0.0 }), Time::secs(second));
            if full && !ceiling.allows(100_000) {
                allowed_again.push(second - since);
                since = second;
            }
        }
        assert!(
            allowed_again[1] < allowed_again[2] && allowed_again[2] < allowed_again[3],
            "{allowed_again:?}"
        );
        assert!(allowed_again.len() <= 6, "{allowed_again:?}");
    }
}
