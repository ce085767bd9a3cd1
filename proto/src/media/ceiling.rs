//! How much we may send: a network that loses because it is full loses more by every copy.
//!
//! Loss alone does not say which it is, so it is tried. When loss rises as we send more, as [`Evidence`] judges it over
//! all rates since it began, or is suddenly large, less is sent for a moment: if that helps, the network was full, and
//! what came through is the ceiling; if it does not, the loss is not ours, and we are not suspected again for a while.
//!
//! ```text
//!  Open --suspicion--> Trial --less sent, less lost--> Held --after a while, a little higher--> Held .. Open
//!    ^                   |
//!    +--no less lost-----+   (not suspected for a minute, then two, ..)
//! ```
//!
//! A ceiling is lifted to see whether there is room again. What is lost as soon as we send more tells that there is not:
//! then it is back at once where it was, and held longer each time, so that what we do never swings faster and faster.

use core::time::Duration;

use crate::media::evidence::Evidence;
use crate::media::outcome::Tally;
use crate::media::plan::NARROW;
use crate::time::Time;

/// After a change of plan, until reports tell of packets sent by it: a round trip and a report.
pub(super) const SETTLE: Duration = Duration::from_millis(500);
/// Packets by which a trial is judged: a second and a half of 20 ms. A ceiling that is held, by twice as many.
const JUDGED: u32 = 80;
/// A rise is judged by so many packets at least, and at most: a second and a half, and six.
const RISEN: (u32, u32) = (70, 300);
/// How many times likelier it must be that the network is full than that it is not, as a logarithm: 30 times.
const SUSPICIOUS: f32 = 3.4;
/// And at the end, when the loss goes on: it is tried if nothing speaks against it.
const UNDECIDED: f32 = -1.0;
/// Loss that is suspicious by itself, over two seconds.
const COLLAPSE: f32 = 0.5;
/// What a trial may leave of the loss that led to it: of a full network nearly nothing, since less is sent than came
/// through, but what came through is known of a few dozen packets only; of any other network all of it.
const HELPED: f32 = 0.5;
/// More than this left of it, and the trial was not low enough.
const HELPED_WELL: f32 = 0.25;
/// And what may surely be lost later under the ceiling, or it does not help after all.
const HELPS: f32 = 0.3;
/// So much may, though the loss that led to it was small.
const FAILS: f32 = 0.05;
/// Less than this left is helped, too.
const NEARLY_NONE: f32 = 0.02;
/// A ceiling that was lifted may be above what there is room for: then loss says nothing against there being one.
const LIFTED: f32 = 2.0;
/// How long a ceiling is held at first and at most, before it is lifted a little. At first so short that who was in
/// the way of others for some seconds is heard as well as before ten seconds after.
const HOLD: (Duration, Duration) = (Duration::from_secs(6), Duration::from_secs(240));
/// And how many times longer when it was lifted too soon: a network that stays full is asked once within its first
/// minute.
const LONGER: u32 = 8;
/// Packets by which it is seen that it was, and how many of them, and what share, must be lost.
const TOO_SOON: (u32, u32, f32) = (25, 3, 0.01);
/// How much it is lifted: to about twice, so that the clean plan follows the narrowest.
const LIFT: (u32, u32) = (35, 17);
/// A ceiling needed again within this time after it was lifted was lifted too soon.
const SOON: Duration = Duration::from_secs(30);
/// How long nobody is suspected after a trial that did not help, at first and at most.
const ACQUITTED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(960));
/// The most that is ever sent on the wire, bits per second: a ceiling above it is none.
const MOST: u32 = 170_000;

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    /// Sends less since then, because of that loss.
    Trial {
        since: Time,
        loss: f32,
        /// It is the second one: the first was not enough.
        again: bool,
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
    /// When we began to send more, until it is judged, and what was lost at the rates before.
    rise: Option<Time>,
    before: Evidence,
    /// A rise into the room that a lifted ceiling left, where nothing was lost before: when, and from what.
    venture: Option<(Time, u32)>,
    hold: Duration,
    lifted_at: Option<Time>,
    acquitted_until: Time,
    acquittal: Duration,
    /// What was lost before is the full network's.
    explained_until: Time,
    /// What was lost of what was sent when the ceiling was suspected.
    suspected: Evidence,
}

/// What the judgment looks at: loss of the worst member since then.
pub(super) trait Losses {
    /// Of all packets since then, if they are at least so many.
    fn since(&self, then: Time, least: u32) -> Option<Tally>;
    /// The least loss of any interval since then, and how many intervals there are.
    fn steady_since(&self, then: Time) -> (f32, usize);
    /// For how long nothing at all was lost, to anybody, and of how many packets.
    fn lossless(&self) -> (Duration, u32);
}

impl Ceiling {
    pub(super) fn new() -> Self {
        Self {
            limit: None,
            state: State::Open,
            rise: None,
            before: Evidence::default(),
            venture: None,
            hold: HOLD.0,
            lifted_at: None,
            acquitted_until: Time::ZERO,
            acquittal: ACQUITTED.0,
            explained_until: Time::ZERO,
            suspected: Evidence::default(),
        }
    }

    /// Whether so much may be sent, bits per second on the wire.
    pub(super) fn allows(&self, wire: u32) -> bool {
        self.limit.is_none_or(|limit| wire <= limit)
    }

    /// Whether so much may be tried: what there is room for is known of a few dozen packets only.
    pub(super) fn may_allow(&self, wire: u32) -> bool {
        self.allows(wire / 8 * 7)
    }

    /// Whether less is sent for a moment to see what comes of it.
    pub(super) fn tries(&self) -> bool {
        matches!(self.state, State::Trial { .. })
    }

    /// What was lost before this moment was lost because the network was full, and asks for no copies. Nor does what is
    /// lost by a venture, until there is enough of it to tell.
    pub(super) fn explained_until(&self) -> Time {
        self.venture.map_or(self.explained_until, |(at, _)| self.explained_until.max(at + SETTLE))
    }

    /// We send `to` instead of `from` from now on; `before` was lost until now.
    pub(super) fn changed(&mut self, from: u32, to: u32, before: Tally, now: Time) {
        let held = matches!(self.state, State::Held { .. });
        if held && to > from && self.lifted_at.is_some() && before.surely() < TOO_SOON.2 {
            self.venture = Some((now, from));
        }
        if to > from {
            // Two rises in a row are told apart from a network that is not full better than either of them.
            self.before.add(from, before);
            self.rise = Some(now);
        } else {
            self.forget();
        }
    }

    fn forget(&mut self) {
        (self.rise, self.before) = (None, Evidence::default());
    }

    /// Looks at what is lost while `wire` is sent, since `since`.
    pub(super) fn judge(&mut self, wire: u32, since: Time, losses: &impl Losses, now: Time) {
        match self.state {
            State::Trial { since, loss, again } => {
                let Some(left) = losses.since(since + SETTLE, JUDGED) else { return };
                let helped = left.loss() <= (loss * HELPED).max(NEARLY_NONE);
                if !helped && !self.is_full_even_for(wire, left) {
                    self.acquit(now);
                } else if left.loss() > (loss * HELPED_WELL).max(NEARLY_NONE) && !again {
                    self.limit = Some(through(wire, left).min((wire / 4 * 3).max(NARROW.wire())));
                    self.state = State::Trial { since: now, loss, again: true };
                } else {
                    self.state = State::Held { since: now, loss };
                }
            }
            State::Held { since: held, loss } if self.fails(wire, held.max(since), loss, losses, now) => {
                self.acquit(now)
            }
            State::Held { .. } if let Some(loss) = self.ventured_too_far(losses) => self.go_back(loss, now),
            State::Held { since: held, .. } if now - held >= self.hold => {
                self.limit = self.limit.map(|limit| limit / LIFT.1 * LIFT.0).filter(|limit| *limit < MOST);
                self.state =
                    if self.limit.is_some() { State::Held { since: now, loss: LIFTED } } else { State::Open };
                (self.lifted_at, self.venture) = (Some(now), None);
            }
            State::Held { .. } | State::Open => {
                if let Some(lost) = self.suspicious(wire, since, losses, now) {
                    self.suspect(wire, lost, now);
                }
            }
        }
    }

    /// Whether as much is lost under the ceiling as if there were none.
    fn fails(&self, wire: u32, held: Time, loss: f32, losses: &impl Losses, now: Time) -> bool {
        let since = (held + SETTLE).max(now.back(Duration::from_secs(6)));
        let lost = losses.since(since, 2 * JUDGED);
        lost.is_some_and(|tally| {
            tally.surely() > (loss * HELPS).max(FAILS) && !self.is_full_even_for(wire, tally)
        })
    }

    /// Whether what is lost of less shows that there is room for still less: then sending more again is no answer.
    fn is_full_even_for(&self, wire: u32, lost: Tally) -> bool {
        let mut evidence = self.suspected;
        evidence.add(wire, lost);
        evidence.of_a_full_network() >= SUSPICIOUS
    }

    /// What is lost since we sent more.
    fn ventured_too_far(&self, losses: &impl Losses) -> Option<f32> {
        let (at, _) = self.venture?;
        let tally = losses.since(at + SETTLE, TOO_SOON.0)?;
        (tally.lost >= TOO_SOON.1 && tally.surely() >= TOO_SOON.2).then(|| tally.loss())
    }

    fn go_back(&mut self, loss: f32, now: Time) {
        self.hold = (self.hold * LONGER).min(HOLD.1);
        self.limit = self.venture.take().map(|(_, from)| from);
        self.state = State::Held { since: now, loss };
        self.forget();
        self.explained_until = now + SETTLE;
    }

    /// The loss is not ours.
    fn acquit(&mut self, now: Time) {
        (self.state, self.limit, self.venture) = (State::Open, None, None);
        self.explained_until = Time::ZERO;
        self.acquitted_until = now + self.acquittal;
        self.acquittal = (self.acquittal * 2).min(ACQUITTED.1);
    }

    /// The loss that makes us try to send less.
    fn suspicious(&mut self, wire: u32, since: Time, losses: &impl Losses, now: Time) -> Option<Tally> {
        if now < self.acquitted_until {
            return None;
        }
        let lately = now.back(Duration::from_secs(2)).max(since);
        let (least, intervals) = losses.steady_since(lately);
        let collapse = losses.since(lately, JUDGED / 4).filter(|tally| tally.loss() >= COLLAPSE);
        let collapse = collapse.filter(|_| least >= COLLAPSE / 2.0 && intervals >= 3);
        collapse.or_else(|| self.risen(wire, losses))
    }

    /// The loss since a rise, if with what was lost before it is surely a full network's.
    fn risen(&mut self, wire: u32, losses: &impl Losses) -> Option<Tally> {
        let after = losses.since(self.rise? + SETTLE, RISEN.0)?;
        let mut evidence = self.before;
        evidence.add(wire, after);
        let full = evidence.of_a_full_network();
        let late = after.expected >= RISEN.1;
        let suspicious = full >= if late { UNDECIDED } else { SUSPICIOUS };
        if suspicious || late {
            self.forget();
        }
        (suspicious && after.surely() >= NEARLY_NONE).then_some(after)
    }

    fn suspect(&mut self, wire: u32, lost: Tally, now: Time) {
        let again = self.lifted_at.is_some_and(|at| now - at < SOON + SETTLE);
        self.hold = if again { (self.hold * LONGER).min(HOLD.1) } else { HOLD.0 };
        self.limit = Some(through(wire, lost));
        self.suspected = Evidence::default();
        self.suspected.add(wire, lost);
        self.state = State::Trial { since: now, loss: lost.loss(), again: false };
        self.forget();
        self.explained_until = now + SETTLE;
    }
}

/// What of `wire` bits per second came through, as far as it can be followed: when hardly anything came, that was an
/// outage and no ceiling, and doubling next to nothing would take minutes to come back from it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first")]
fn through(wire: u32, lost: Tally) -> u32 {
    let share = (1.0 - lost.loss()).clamp(0.0, 1.0);
    let through = (f32::from(u16::try_from(wire / 100).unwrap_or(u16::MAX)) * share) as u32 * 100;
    through.max(NARROW.wire())
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

        fn lossless(&self) -> (Duration, u32) {
            (Duration::ZERO, 0)
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
        assert!(ceiling.may_allow(56_000) && !ceiling.may_allow(58_000), "or a little more");
        let allowed = seconds(&mut ceiling, 3, &[0.0; 60]);
        let lifted = allowed.iter().position(|allowed| *allowed).unwrap();
        assert!((5..=8).contains(&lifted), "twice as much is tried after {lifted} s");
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
