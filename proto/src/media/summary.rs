//! A call in one line, after its end: what its seconds were like, in medians and means. Memory does not grow with the
//! length of the call beyond one number for each millisecond of round trip that occurred.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::limits::MEMBERS_MAX;
use crate::media::blame::{Fault, Hop};

/// Round trips beyond this count as this.
const ROUND_TRIP_MS_MAX: u16 = 9_999;
/// Hops that are counted: of each member every one, and our own.
const HOPS_MAX: usize = 8 * MEMBERS_MAX;
/// Seconds in which a microphone must have given something for its silence to be a fault: it takes four to notice, and
/// who never spoke only listened.
const SPOKEN_SECONDS_MIN: u64 = 10;

/// One second of a call, of all members together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Second {
    /// The estimated score; none while nobody is heard.
    pub mos: Option<f32>,
    /// The round trip, once known.
    pub round_trip: Option<Duration>,
    /// Share of their packets that did not come, 0 to 1.
    pub loss_in: f32,
    /// Share of ours that did not arrive, 0 to 1; none when nobody tells.
    pub loss_out: Option<f32>,
    /// Share of their frames that were invented, 0 to 1.
    pub heard_in: f32,
    /// Share of ours that they invented, 0 to 1; none when nobody tells.
    pub heard_out: Option<f32>,
    /// Who was to blame.
    pub hop: Hop,
}

/// Collects the seconds of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Scores in tenths.
    scores: BTreeMap<u16, u32>,
    /// Round trips in milliseconds.
    round_trips: BTreeMap<u16, u32>,
    loss_in: Mean,
    loss_out: Mean,
    heard_in: Mean,
    heard_out: Mean,
    hops: Vec<(Hop, u32)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn take(&mut self, share: Option<f32>) {
        // What is no number is no share.
        if let Some(share) = share.filter(|share| share.is_finite()) {
            self.sum += f64::from(share.clamp(0.0, 1.0));
            self.count = self.count.saturating_add(1);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
    fn of(self) -> Option<f32> {
        (self.count > 0).then(|| (self.sum / f64::from(self.count)) as f32)
    }
}

impl Summary {
    /// Takes another second.
    pub fn take(&mut self, second: &Second) {
        if let Some(mos) = second.mos {
            *self.scores.entry(tenths(mos)).or_default() += 1;
        }
        if let Some(trip) = second.round_trip {
            let ms = u16::try_from(trip.as_millis()).unwrap_or(ROUND_TRIP_MS_MAX).min(ROUND_TRIP_MS_MAX);
            *self.round_trips.entry(ms).or_default() += 1;
        }
        self.loss_in.take(Some(second.loss_in));
        self.loss_out.take(second.loss_out);
        self.heard_in.take(Some(second.heard_in));
        self.heard_out.take(second.heard_out);
        if let Some((_, count)) = self.hops.iter_mut().find(|(hop, _)| *hop == second.hop) {
            *count = count.saturating_add(1);
        } else if self.hops.len() < HOPS_MAX {
            self.hops.push((second.hop, 1));
        }
    }

    /// The median of the scores, to a tenth; none when nobody was heard.
    pub fn mos(&self) -> Option<f32> {
        median(&self.scores).map(|tenths| f32::from(tenths) / 10.0)
    }

    /// The median of the round trips, to a millisecond; none when it was never known.
    pub fn round_trip(&self) -> Option<Duration> {
        median(&self.round_trips).map(|ms| Duration::from_millis(ms.into()))
    }

    /// Share of their packets that did not come; none of a call without a second.
    pub fn loss_in(&self) -> Option<f32> {
        self.loss_in.of()
    }

    /// Share of ours that did not arrive; none when nobody told.
    pub fn loss_out(&self) -> Option<f32> {
        self.loss_out.of()
    }

    /// Share of their voice that was invented.
    pub fn heard_in(&self) -> Option<f32> {
        self.heard_in.of()
    }

    /// Share of ours that was invented there; none when nobody told.
    pub fn heard_out(&self) -> Option<f32> {
        self.heard_out.of()
    }

    /// Who was blamed longest, and for what share of the call; nobody when nobody was for a twentieth of it. That our own
    /// microphone was silent from the first second to the last is told during the call and is nobody's fault after it.
    #[expect(clippy::cast_precision_loss, reason = "a share of some thousand seconds")]
    pub fn blamed(&self) -> (Hop, f32) {
        let seconds: u64 = self.hops.iter().map(|(_, count)| u64::from(*count)).sum();
        let share = |count: u32| count as f32 / seconds.max(1) as f32;
        let listened = |hop: Hop, count: u32| {
            hop == Hop::MyMicrophone(Fault::Silent) && seconds - u64::from(count) < SPOKEN_SECONDS_MIN
        };
        let counts =
            |hop: Hop, count: u32| hop != Hop::Nobody && !listened(hop, count) && share(count) >= 0.05;
        let blamed = self.hops.iter().filter(|(hop, count)| counts(*hop, *count));
        blamed
            .max_by_key(|(_, count)| *count)
            .map_or((Hop::Nobody, 0.0), |(hop, count)| (*hop, share(*count)))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first")]
fn tenths(mos: f32) -> u16 {
    (mos * 10.0).round().clamp(0.0, 50.0) as u16
}

/// The middle one; of two the lower.
fn median(counts: &BTreeMap<u16, u32>) -> Option<u16> {
    let all: u64 = counts.values().map(|count| u64::from(*count)).sum();
    let mut seen = 0;
    counts.iter().find_map(|(value, count)| {
        seen += u64::from(*count);
        (seen * 2 >= all).then_some(*value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Ssrc;

    fn second(mos: f32, ms: u64, loss: f32, hop: Hop) -> Second {
        let round_trip = Some(Duration::from_millis(ms));
        let (mos, loss_in, heard_in) = (Some(mos), loss, loss / 10.0);
        Second { mos, round_trip, loss_in, heard_in, hop, ..Second::default() }
    }

    #[test]
    fn a_call_is_its_medians_and_means() {
        let mut summary = Summary::default();
        let theirs = Hop::TheirUplink(Ssrc(1));
        for _ in 0..60 {
            summary.take(&second(4.2, 40, 0.0, Hop::Nobody));
        }
        for _ in 0..40 {
            summary.take(&second(2.0, 300, 0.1, theirs));
        }
        assert_eq!((summary.mos(), summary.round_trip()), (Some(4.2), Some(Duration::from_millis(40))));
        assert!((summary.loss_in().unwrap() - 0.04).abs() < 1e-6);
        assert!((summary.heard_in().unwrap() - 0.004).abs() < 1e-6);
        assert_eq!((summary.loss_out(), summary.heard_out()), (None, None), "nobody told");
        assert_eq!(summary.blamed(), (theirs, 0.4));
    }

    #[test]
    fn a_moment_is_nobodys_fault_and_an_empty_call_knows_nothing() {
        let mut summary = Summary::default();
        assert_eq!((summary.mos(), summary.round_trip(), summary.loss_in()), (None, None, None));
        assert_eq!(summary.blamed(), (Hop::Nobody, 0.0));
        summary.take(&second(4.2, 40, 0.0, Hop::MyUplink));
        for _ in 0..20 {
            summary.take(&second(4.2, 40, 0.0, Hop::Nobody));
        }
        assert_eq!(summary.blamed().0, Hop::Nobody);
    }

    #[test]
    fn who_only_listened_had_no_broken_microphone_and_who_spoke_before_had() {
        for (spoken, blamed) in [(4, Hop::Nobody), (30, Hop::MyMicrophone(Fault::Silent))] {
            let mut summary = Summary::default();
            (0..spoken).for_each(|_| summary.take(&second(4.2, 40, 0.0, Hop::Nobody)));
            (0..60).for_each(|_| summary.take(&second(4.2, 40, 0.0, Hop::MyMicrophone(Fault::Silent))));
            assert_eq!(summary.blamed().0, blamed, "{spoken} s with a voice");
        }
    }

    #[test]
    fn it_does_not_grow_with_the_call_nor_with_what_is_told() {
        let mut summary = Summary::default();
        for n in 0..40_000u32 {
            let loss = [f32::NAN, f32::INFINITY, -3.0, 7.0][n as usize % 4];
            summary.take(&second(loss, u64::from(n), loss, Hop::TheirUplink(Ssrc(n))));
        }
        assert!(summary.hops.len() <= HOPS_MAX && summary.scores.len() <= 51);
        assert!(summary.round_trips.len() <= usize::from(ROUND_TRIP_MS_MAX) + 1);
        assert!((0.0..=1.0).contains(&summary.loss_in().unwrap()));
    }
}
