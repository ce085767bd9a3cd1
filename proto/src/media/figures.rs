//! How well one speaker's packets arrive, and how well ours arrive there, from the SFrame counters and the sealed
//! reports. Counters are the sender's count of everything it sealed under one key, so loss needs no guessing.

use core::time::Duration;

use crate::id::Ssrc;
use crate::media::event::Statistics;
use crate::media::streams::{clock, modulo};
use crate::time::Time;
use crate::wire::datagram::{Heard, Report};

/// Seconds that the loss looks back over.
const SECONDS: usize = 10;
/// When nothing arrived for so long, everything is being lost.
const NOTHING: Duration = Duration::from_secs(1);
/// A round trip longer than this is a broken clock, not a network.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(30);

/// The figures of one speaker.
#[derive(Debug, Default)]
pub(super) struct Reception {
    /// Of all keys: packets the sender numbered, and those we opened.
    expected_before: u64,
    opened: u64,
    /// First and highest counter of the newest key.
    span: Option<(u64, u64)>,
    opened_at: Time,
    /// Arrival and timestamp of the last voice packet.
    voice: Option<(Time, u32)>,
    /// Microseconds, times 16 (RFC 3550 appendix A.8).
    jitter: u64,
    /// The other clock's newest reading, and when it came.
    echo: Option<(u32, Time)>,
    round_trip: Option<Duration>,
    /// What they say they lose of ours.
    lost_there: u16,
    /// (expected, opened) at the end of each of the last seconds.
    seconds: [(u64, u64); SECONDS],
    second: usize,
    counted_at: Time,
}

impl Reception {
    /// The next packets are numbered from 0 again.
    pub(super) fn new_key(&mut self) {
        self.expected_before = self.expected();
        self.span = None;
        self.voice = None;
    }

    /// A packet was opened.
    pub(super) fn opened(&mut self, counter: u64, newest_key: bool, now: Time) {
        self.opened += 1;
        self.opened_at = now;
        if newest_key {
            let (first, highest) = self.span.unwrap_or((counter, counter));
            self.span = Some((first.min(counter), highest.max(counter)));
        }
    }

    /// It was voice: its spacing against its timestamps is the jitter.
    pub(super) fn voice(&mut self, timestamp: u32, now: Time) {
        if let Some((at, before)) = self.voice {
            let samples = i64::from(timestamp.wrapping_sub(before).cast_signed());
            let apart = now.as_us().cast_signed() - at.as_us().cast_signed();
            let off = (apart - samples * 1_000 / 48).unsigned_abs();
            self.jitter = self.jitter + off - (self.jitter + 8) / 16;
        }
        self.voice = Some((now, timestamp));
    }

    /// It was a report.
    pub(super) fn report(&mut self, report: &Report<'_>, own: Ssrc, now: Time) {
        self.echo = Some((report.sent, now));
        let Some(of_us) = report.heard().find(|heard| heard.ssrc == own) else { return };
        self.lost_there = of_us.lost;
        if of_us.echo == 0 || of_us.held == u16::MAX {
            return;
        }
        let away = u64::from(clock(now).wrapping_sub(of_us.echo));
        let trip = Duration::from_micros(away.saturating_sub(u64::from(of_us.held) * 100));
        self.round_trip = Some(trip).filter(|trip| *trip < ROUND_TRIP_MAX).or(self.round_trip);
    }

    /// Closes a second of the loss figure when one is over.
    pub(super) fn count(&mut self, now: Time) {
        if now - self.counted_at < Duration::from_secs(1) {
            return;
        }
        self.counted_at = now;
        self.seconds[self.second] = (self.expected(), self.opened);
        self.second = (self.second + 1) % SECONDS;
    }

    /// What our report tells of this speaker.
    pub(super) fn heard(&self, ssrc: Ssrc, now: Time) -> Heard {
        let held = |at: Time| u16::try_from((now - at).as_micros() / 100).unwrap_or(u16::MAX);
        let lost = (self.loss(now) * f32::from(u16::MAX)).round();
        Heard {
            ssrc,
            highest: modulo(self.span.map_or(0, |(_, highest)| highest)),
            opened: modulo(self.opened),
            lost: share(lost),
            jitter: u32::try_from(self.jitter / 16).unwrap_or(u32::MAX),
            echo: self.echo.map_or(0, |(sent, _)| sent),
            held: self.echo.map_or(0, |(_, at)| held(at)),
        }
    }

    /// Adds these figures; of several speakers the worst counts.
    pub(super) fn fill(&self, all: &mut Statistics, now: Time) {
        all.round_trip = all.round_trip.max(self.round_trip);
        all.loss_in = all.loss_in.max(self.loss(now));
        all.loss_out = all.loss_out.max(f32::from(self.lost_there) / f32::from(u16::MAX));
        all.jitter = all.jitter.max(Duration::from_micros(self.jitter / 16));
        all.opened += self.opened;
        all.lost = all.lost.saturating_add(self.expected().saturating_sub(self.opened));
    }

    fn expected(&self) -> u64 {
        // The counters are whatever the other side says they are.
        let span = self.span.map_or(0, |(first, highest)| (highest - first).saturating_add(1));
        self.expected_before.saturating_add(span)
    }

    /// Share lost over the last seconds, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a share of at most some thousand packets")]
    fn loss(&self, now: Time) -> f32 {
        if self.opened > 0 && now - self.opened_at > NOTHING {
            return 1.0;
        }
        let (expected, opened) = self.seconds[self.second];
        let expected = self.expected().saturating_sub(expected);
        let opened = self.opened.saturating_sub(opened).min(expected);
        if expected == 0 { 0.0 } else { 1.0 - opened as f32 / expected as f32 }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first")]
fn share(lost: f32) -> u16 {
    lost.clamp(0.0, f32::from(u16::MAX)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second_of(reception: &mut Reception, second: u64, kept: impl Fn(u64) -> bool) {
        for n in (second * 50..(second + 1) * 50).filter(|n| kept(*n)) {
            let now = Time::ms(n * 20);
            reception.opened(n, true, now);
            reception.voice(modulo(n * 960), now);
            reception.count(now);
        }
    }

    #[test]
    fn loss_is_of_the_last_ten_seconds() {
        let mut reception = Reception::default();
        (0..20).for_each(|second| second_of(&mut reception, second, |n| n % 5 != 0));
        assert!((reception.loss(Time::secs(20)) - 0.2).abs() < 0.02);
        (20..31).for_each(|second| second_of(&mut reception, second, |_| true));
        assert!(reception.loss(Time::secs(31)) < 0.01);
        let mut all = Statistics::default();
        reception.fill(&mut all, Time::secs(31));
        assert!((199..=200).contains(&all.lost), "and the count is of the whole call: {}", all.lost);
        assert!((reception.loss(Time::secs(33)) - 1.0).abs() < f32::EPSILON, "silence is loss");
    }

    #[test]
    fn a_steady_stream_has_no_jitter_and_a_shaky_one_has() {
        let mut steady = Reception::default();
        second_of(&mut steady, 0, |_| true);
        assert_eq!(steady.heard(Ssrc(1), Time::secs(1)).jitter, 0);
        let mut shaky = Reception::default();
        for n in 0..2_000 {
            shaky.voice(modulo(n * 960), Time::ms(n * 20 + (n % 2) * 10));
        }
        let jitter = shaky.heard(Ssrc(1), Time::secs(1)).jitter;
        assert!((9_000..=10_100).contains(&jitter), "{jitter} us");
    }

    #[test]
    fn a_round_trip_is_ours_less_what_they_held_it() {
        let (mut out, us) = ([0; 64], Ssrc(7));
        let block = Heard {
            ssrc: us,
            highest: 0,
            opened: 0,
            lost: 6_553,
            jitter: 0,
            echo: clock(Time::ms(100)),
            held: 500,
        };
        let len = Report::encode(false, 9, [block].into_iter(), &mut out);
        let mut reception = Reception::default();
        reception.report(&Report::decode(&out[..len]).unwrap(), us, Time::ms(190));
        let mut all = Statistics::default();
        reception.fill(&mut all, Time::ms(190));
        assert_eq!(all.round_trip, Some(Duration::from_millis(40)));
        assert!((all.loss_out - 0.1).abs() < 0.001);
        let told = reception.heard(Ssrc(1), Time::ms(200));
        assert_eq!((told.echo, told.held), (9, 100));
    }

    #[test]
    fn made_up_counters_break_nothing_but_their_own_figures() {
        let mut reception = Reception::default();
        for _ in 0..2 {
            reception.opened(0, true, Time::ZERO);
            reception.opened(u64::MAX, true, Time::ZERO);
            reception.new_key();
        }
        reception.count(Time::secs(2));
        let mut all = Statistics::default();
        (0..2).for_each(|_| reception.fill(&mut all, Time::secs(2)));
        assert_eq!((all.opened, all.lost), (8, u64::MAX));
    }

    #[test]
    fn a_new_key_counts_on() {
        let mut reception = Reception::default();
        second_of(&mut reception, 0, |_| true);
        reception.new_key();
        second_of(&mut reception, 0, |n| n < 10);
        let mut all = Statistics::default();
        reception.fill(&mut all, Time::secs(1));
        assert_eq!((all.opened, all.lost), (60, 0));
    }
}
