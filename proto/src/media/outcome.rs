//! What becomes of our packets at one member, by its reports: how many of those sent between two reports came.

use core::time::Duration;

use crate::time::Time;
use crate::wire::report::Heard;

/// Intervals remembered: 12 s of a report each 250 ms.
const INTERVALS: usize = 48;
/// More packets than this between two reports are another key's numbers: none of ours lasts so long.
const EXPECTED_MAX: u32 = 20_000;
/// Runs are told of so long, and from so many lost packets on.
const RUNS_OF: Duration = Duration::from_secs(10);
const RUNS_LOST_MIN: u32 = 16;
/// What the loss of right now is taken of.
const MOMENT: Duration = Duration::from_secs(2);
/// Of so many packets, one is lost where any are.
const NONE_LOST: u32 = 20;
/// Who says nothing for so long is not asked.
const LATELY: Duration = Duration::from_secs(5);

/// Packets between two reports.
#[derive(Clone, Copy, Debug, Default)]
struct Interval {
    from: Time,
    to: Time,
    tally: Tally,
}

/// Packets sent, and those of them that were lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) expected: u32,
    pub(super) lost: u32,
}

impl Tally {
    /// Share lost, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a share of some thousand packets")]
    pub(super) fn loss(self) -> f32 {
        self.lost as f32 / self.expected.max(1) as f32
    }

    /// The share that is lost at least, when as many packets do not mislead by more than that.
    pub(super) fn surely(self) -> f32 {
        (self.loss() - self.error()).max(0.0)
    }

    /// How far the share of as many packets may be from the network's own, at random: a standard error and a half.
    #[expect(clippy::cast_precision_loss, reason = "an error of some thousand packets")]
    pub(super) fn error(self) -> f32 {
        let loss = self.loss();
        1.5 * (loss * (1.0 - loss) / self.expected.max(1) as f32).sqrt()
    }
}

/// One member's.
#[derive(Debug)]
pub(super) struct Outcome {
    intervals: [Interval; INTERVALS],
    next: usize,
    last: Option<(Heard, Time)>,
}

impl Default for Outcome {
    fn default() -> Self {
        Self { intervals: [Interval::default(); INTERVALS], next: 0, last: None }
    }
}

impl Outcome {
    /// What they say of us.
    pub(super) fn told(&mut self, heard: &Heard, now: Time) {
        let Some((before, from)) = self.last.replace((*heard, now)) else { return };
        let expected = heard.highest.wrapping_sub(before.highest);
        if expected == 0 || expected > EXPECTED_MAX {
            return;
        }
        let opened = heard.opened.wrapping_sub(before.opened);
        let tally = Tally { expected, lost: expected.saturating_sub(opened) };
        self.intervals[self.next] = Interval { from, to: now, tally };
        self.next = (self.next + 1) % INTERVALS;
    }

    /// Whether it has told anything of late, and hears us at all.
    pub(super) fn counts(&self, now: Time) -> bool {
        self.last.is_some_and(|(heard, at)| now - at < LATELY && heard.lost < u16::MAX)
    }

    /// The packets of all intervals that began since then.
    pub(super) fn since(&self, then: Time) -> Tally {
        let of =
            self.intervals.iter().filter(|interval| interval.from >= then && interval.to > interval.from);
        of.fold(Tally::default(), |sum, interval| Tally {
            expected: sum.expected + interval.tally.expected,
            lost: sum.lost + interval.tally.lost,
        })
    }

    /// The least loss of any interval since then, and how many intervals there are: an outage is one bad interval
    /// among good ones.
    pub(super) fn steady_since(&self, then: Time) -> (f32, usize) {
        let of =
            self.intervals.iter().filter(|interval| interval.from >= then && interval.to > interval.from);
        of.fold((1.0, 0), |(least, count), interval| (interval.tally.loss().min(least), count + 1))
    }

    fn newest_first(&self) -> impl Iterator<Item = Interval> + '_ {
        (1..=INTERVALS).map(|back| self.intervals[(self.next + INTERVALS - back) % INTERVALS])
    }

    /// When the first of the latest intervals that lose something ended: in it the loss may have begun, so what is after
    /// it is lost all the time. None when nothing is lost now.
    pub(super) fn losing_since(&self) -> Option<Time> {
        let losing = |interval: &Interval| {
            interval.tally.lost > 0 || (1..NONE_LOST).contains(&interval.tally.expected)
        };
        self.newest_first()
            .take_while(losing)
            .filter(|interval| interval.tally.lost > 0)
            .last()
            .map(|interval| interval.to)
    }

    /// For how long nothing was lost up to the newest report, and of how many packets; as long as is remembered.
    pub(super) fn lossless(&self) -> (Duration, u32) {
        let lossless = |interval: &Interval| interval.to > interval.from && interval.tally.lost == 0;
        self.newest_first().take_while(lossless).fold((Duration::ZERO, 0), |(long, sent), interval| {
            (long + (interval.to - interval.from), sent + interval.tally.expected)
        })
    }

    /// How much longer the runs of lost packets are than if each were lost by itself: 1 for as long.
    /// None while too few are lost to tell.
    pub(super) fn burstiness(&self, now: Time) -> Option<f32> {
        let few = self.since(now.back(RUNS_OF)).lost < RUNS_LOST_MIN;
        let (heard, _) = self.last.filter(|_| !few)?;
        // The runs are of ten seconds; the loss that makes them long by itself may be of the last moment only.
        let loss = f32::from(heard.lost) / f32::from(u16::MAX);
        let loss = loss.max(self.since(now.back(MOMENT)).loss());
        Some(f32::from(heard.burst) / 8.0 * (1.0 - loss))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Ssrc;

    fn heard(highest: u32, opened: u32) -> Heard {
        Heard {
            ssrc: Ssrc(1),
            highest,
            opened,
            lost: 0,
            jitter: 0,
            echo: 0,
            held: 0,
            burst: 16,
            concealed: 0,
            depth: 0,
            returns_voice: false,
        }
    }

    fn told(reports: &[(u64, u32, u32)]) -> Outcome {
        let mut outcome = Outcome::default();
        reports
            .iter()
            .for_each(|(ms, highest, opened)| outcome.told(&heard(*highest, *opened), Time::ms(*ms)));
        outcome
    }

    #[test]
    fn loss_is_of_whole_intervals_since_then() {
        let outcome = told(&[(0, 0, 1), (250, 20, 21), (500, 40, 31), (750, 60, 51)]);
        assert_eq!(outcome.since(Time::ZERO), Tally { expected: 60, lost: 10 });
        assert_eq!(outcome.since(Time::ms(100)), Tally { expected: 40, lost: 10 }, "the first began before");
        assert_eq!(outcome.steady_since(Time::ZERO), (0.0, 3));
        assert_eq!(outcome.losing_since(), None, "the last lost nothing");
        let losing = told(&[(0, 0, 1), (250, 20, 11), (500, 40, 31), (750, 60, 41), (1_000, 80, 51)]);
        assert_eq!(losing.losing_since(), Some(Time::ms(750)), "between them one lost nothing");
        assert!((outcome.since(Time::ms(250)).loss() - 0.25).abs() < 0.001);
        assert_eq!(outcome.burstiness(Time::ms(750)), None, "of ten packets nothing can be told");
    }

    #[test]
    fn numbers_of_another_key_and_of_nobody_are_skipped() {
        let outcome = told(&[(0, u32::MAX - 9, 1), (250, 10, 21), (500, 3, 25), (750, 23, 45)]);
        assert_eq!(outcome.since(Time::ZERO), Tally { expected: 40, lost: 0 });
        assert!(outcome.counts(Time::ms(800)) && !outcome.counts(Time::secs(6)));
        assert!(!Outcome::default().counts(Time::ZERO));
        let more_opened_than_sent = told(&[(0, 0, 0), (250, 10, 500)]);
        assert_eq!(more_opened_than_sent.since(Time::ZERO), Tally { expected: 10, lost: 0 });
    }

    #[test]
    fn runs_count_by_what_they_are_beyond_chance() {
        let mut outcome = Outcome::default();
        for n in 0..40 {
            let mut heard = heard(n * 20, n * 16);
            (heard.lost, heard.burst) = (13_107, 20);
            outcome.told(&heard, Time::ms(u64::from(n) * 250));
        }
        let burstiness = outcome.burstiness(Time::ms(9_750)).unwrap();
        assert!((burstiness - 2.0).abs() < 0.01, "2.5 packets where chance makes 1.25: {burstiness}");
    }

    #[test]
    fn a_hundred_reports_keep_the_newest() {
        let reports: Vec<_> = (0..100).map(|n| (u64::from(n) * 250, n * 10, n * 10)).collect();
        assert_eq!(told(&reports).since(Time::ZERO).expected, 480);
    }
}
