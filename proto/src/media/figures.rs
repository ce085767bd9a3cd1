//! How well one speaker's packets arrive, and how well ours arrive there, from the SFrame counters and the sealed
//! reports. Counters are the sender's count of everything it sealed under one key, so loss needs no guessing.

use core::time::Duration;

use crate::id::Ssrc;
use crate::media::bursts::Bursts;
use crate::media::event::{MemberStatistics, Statistics};
use crate::media::outcome::Outcome;
use crate::media::streams::{clock, modulo};
use crate::time::Time;
use crate::wire::report::{Heard, Report, ReportFlags};

/// Seconds that the loss looks back over.
const SECONDS: usize = 10;
/// When nothing arrived for so long, everything is being lost.
const NOTHING: Duration = Duration::from_secs(1);
/// A round trip longer than this is a broken clock, not a network.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(30);

/// A report that is older than the newest one by no more than this was overtaken; by more, their clock began anew.
const OVERTAKEN: Duration = Duration::from_secs(2);

/// So soon after we stood still a member who is not deaf to us has heard us again.
const HEARD_AGAIN: Duration = Duration::from_secs(2);

/// So soon the next packet comes, of whoever is muted, too.
const NEXT: Duration = Duration::from_millis(300);

/// For how long after a gap its sender is told often.
const LOSES_FOR: Duration = Duration::from_secs(3);

/// What only the playout of a speaker knows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ears {
    /// Share of frames invented over the last 10 s, 0 to 1.
    pub(super) concealed: f32,
    /// Delay of the buffer.
    pub(super) depth: Duration,
    /// Our own voice comes back.
    pub(super) echo: bool,
}

/// The figures of one speaker.
#[derive(Debug, Default)]
pub(super) struct Reception {
    /// Packets of all keys that we opened.
    opened: u64,
    opened_at: Time,
    /// Arrival and timestamp of the last voice packet.
    voice: Option<(Time, u32)>,
    /// Microseconds, times 16 (RFC 3550 appendix A.8).
    jitter: u64,
    /// The other clock's newest reading, and when it came.
    echo: Option<(u32, Time)>,
    round_trip: Option<Duration>,
    bursts: Bursts,
    ears: Ears,
    /// What they say of themselves, and of us.
    flags: ReportFlags,
    of_us: Option<Heard>,
    outcome: Outcome,
    /// When a packet was last known to be lost.
    gap_at: Option<Time>,
    /// The counts at the end of each of the last seconds.
    seconds: [Counts; SECONDS],
    second: usize,
    counted_at: Time,
    /// For so long we stood still since the last packet came, and did not listen.
    missed: Duration,
    /// When we last went on after that; time zero before.
    awake_at: Time,
    /// When they last came back after a silence; time zero before.
    back_at: Time,
}

/// What is counted, since the call began.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Came for good or were lost.
    closed: u64,
    /// Lost, and in how many runs.
    lost: u64,
    runs: u64,
}

impl Reception {
    /// The next packets are numbered from 0 again.
    pub(super) fn new_key(&mut self) {
        self.bursts.new_key();
        self.voice = None;
    }

    /// A packet was opened.
    pub(super) fn opened(&mut self, counter: u64, newest_key: bool, now: Time) {
        self.opened += 1;
        if self.opened > 1 && now - self.opened_at > NOTHING {
            self.back_at = now;
        }
        if newest_key {
            self.spare(counter, now);
            let (lost, _) = self.bursts.counts();
            self.bursts.came(counter, now);
            self.gap_at = if self.bursts.counts().0 > lost { Some(now) } else { self.gap_at };
        }
        self.opened_at = now;
    }

    /// We stood still for so long and go on: what was sent meanwhile is not ours to judge, and no time that spans it is
    /// a time on the road.
    pub(super) fn stood_still(&mut self, time: Duration, now: Time) {
        self.missed = self.missed.saturating_add(time);
        self.awake_at = now;
        self.voice = None;
        self.echo = None;
    }

    /// Of what is missing before this packet so much is not counted as we did not listen for; what was missing before we
    /// stood still, and after we went on, was lost.
    fn spare(&mut self, counter: u64, now: Time) {
        let missed = core::mem::take(&mut self.missed).as_micros();
        if missed == 0 {
            return;
        }
        // Whoever was on hold said nothing we could have listened for.
        let listened =
            if self.flags.on_hold { 0 } else { (now - self.opened_at).saturating_sub(NEXT).as_micros() };
        self.bursts.spare(counter, |missing| {
            let share = u128::from(missing).saturating_mul(missed) / (missed + listened);
            u64::try_from(share).unwrap_or(u64::MAX)
        });
    }

    /// It was voice: its spacing against its timestamps is the jitter.
    pub(super) fn voice(&mut self, timestamp: u32, now: Time) {
        if let Some((at, before)) = self.voice {
            let samples = i64::from(timestamp.wrapping_sub(before).cast_signed());
            let apart = now.as_us().cast_signed() - at.as_us().cast_signed();
            let off = (apart - samples * 1_000 / 48).unsigned_abs();
            // Who stood still is not on an uneven road.
            if Duration::from_micros(off) < NOTHING {
                self.jitter = self.jitter + off - (self.jitter + 8) / 16;
            }
        }
        self.voice = Some((now, timestamp));
    }

    /// It was a report.
    pub(super) fn report(&mut self, report: &Report<'_>, own: Ssrc, now: Time) {
        let ago = self.echo.map_or(0, |(sent, _)| sent.wrapping_sub(report.sent).cast_signed());
        if ago > 0 && Duration::from_micros(u64::from(ago.unsigned_abs())) < OVERTAKEN {
            return;
        }
        self.echo = Some((report.sent, now));
        self.flags = report.flags;
        let Some(of_us) = report.heard().find(|heard| heard.ssrc == own) else { return };
        let away = u64::from(clock(now).wrapping_sub(of_us.echo));
        let awake = now - self.awake_at;
        let stood_still = self.awake_at > Time::ZERO && of_us.echo != 0;
        // They had heard nothing of us yet since we stood still; if that lasts, it is true of the road.
        let of_before = stood_still && Duration::from_micros(away) > awake;
        if of_before && awake < HEARD_AGAIN {
            return;
        }
        self.outcome.told(&of_us, now);
        self.of_us = Some(of_us);
        // What they answer from before a silence of theirs was held for that silence, whatever they say: they may not know
        // yet that they stood still.
        let of_their_past = self.back_at > Time::ZERO && Duration::from_micros(away) > now - self.back_at;
        if of_before || of_their_past || of_us.echo == 0 || of_us.held == u16::MAX {
            return;
        }
        let trip = Duration::from_micros(away.saturating_sub(u64::from(of_us.held) * 100));
        self.round_trip = Some(trip).filter(|trip| *trip < ROUND_TRIP_MAX).or(self.round_trip);
    }

    /// Closes a second of the loss figure when one is over.
    pub(super) fn count(&mut self, now: Time) {
        if now - self.counted_at < Duration::from_secs(1) {
            return;
        }
        self.counted_at = now;
        self.seconds[self.second] = self.counts();
        self.second = (self.second + 1) % SECONDS;
    }

    /// What our report tells of this speaker.
    pub(super) fn heard(&self, ssrc: Ssrc, now: Time) -> Heard {
        let held = |at: Time| u16::try_from((now - at).as_micros() / 100).unwrap_or(u16::MAX);
        let lost = (self.loss(now) * f32::from(u16::MAX)).round();
        let came = self.bursts.closed().saturating_sub(self.bursts.counts().0);
        Heard {
            ssrc,
            highest: modulo(self.bursts.counted_to().unwrap_or(0)),
            opened: modulo(came.saturating_add(self.bursts.spared())),
            lost: share(lost),
            jitter: u32::try_from(self.jitter / 16).unwrap_or(u32::MAX),
            echo: self.echo.map_or(0, |(sent, _)| sent),
            held: self.echo.map_or(0, |(_, at)| held(at)),
            burst: saturated(self.burst() * 8.0),
            concealed: share((self.ears.concealed * f32::from(u16::MAX)).round()),
            depth: u16::try_from(self.ears.depth.as_micros() / 100).unwrap_or(u16::MAX),
            returns_voice: self.ears.echo,
        }
    }

    /// Adds these figures; of several speakers the worst counts.
    pub(super) fn fill(&self, ssrc: Ssrc, all: &mut Statistics, now: Time) {
        let member = self.member(ssrc, now);
        all.round_trip = all.round_trip.max(member.round_trip);
        all.loss_in = all.loss_in.max(member.loss_in);
        all.loss_out = all.loss_out.max(member.loss_out);
        all.jitter = all.jitter.max(member.jitter_in);
        all.opened += self.opened;
        all.lost = all.lost.saturating_add(self.bursts.counts().0);
        all.members.push(member);
    }

    fn member(&self, ssrc: Ssrc, now: Time) -> MemberStatistics {
        let of_us = |said: fn(&Heard) -> f32| self.of_us.as_ref().map_or(0.0, said);
        let us = |said: fn(&Heard) -> u64| Duration::from_micros(self.of_us.as_ref().map_or(0, said));
        MemberStatistics {
            ssrc,
            told: self.of_us.is_some(),
            muted: self.flags.muted,
            path: None,
            round_trip: self.round_trip,
            loss_in: self.loss(now),
            loss_out: of_us(|heard| f32::from(heard.lost) / f32::from(u16::MAX)),
            burst_in: self.burst(),
            burst_out: of_us(|heard| f32::from(heard.burst) / 8.0),
            jitter_in: Duration::from_micros(self.jitter / 16),
            jitter_out: us(|heard| u64::from(heard.jitter)),
            concealed_in: self.ears.concealed,
            concealed_out: of_us(|heard| f32::from(heard.concealed) / f32::from(u16::MAX)),
            buffer_in: self.ears.depth,
            buffer_out: us(|heard| u64::from(heard.depth) * 100),
            repaired: 0,
            echo_from_them: self.ears.echo,
            echo_from_us: self.of_us.is_some_and(|heard| heard.returns_voice),
            microphone_trouble: self.flags.microphone_trouble,
            speaker_trouble: self.flags.speaker_trouble,
        }
    }

    /// What becomes of our packets there.
    pub(super) fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Whether packets of theirs are being lost, so that they should hear of it soon.
    pub(super) fn loses(&self, now: Time) -> bool {
        self.gap_at.is_some_and(|at| now - at < LOSES_FOR)
    }

    /// When something of theirs was last opened; none before.
    pub(super) fn opened_at(&self) -> Option<Time> {
        (self.opened > 0).then_some(self.opened_at)
    }

    /// Round trip by their reports, when known.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// What the playout knows.
    pub(super) fn ears(&mut self, ears: Ears) {
        self.ears = Ears { concealed: ears.concealed.clamp(0.0, 1.0), ..ears };
    }

    /// What they say of themselves; nothing before they said anything.
    pub(super) fn flags(&self) -> ReportFlags {
        self.flags
    }

    fn counts(&self) -> Counts {
        let (lost, runs) = self.bursts.counts();
        Counts { closed: self.bursts.closed(), lost, runs }
    }

    /// Mean length of the runs lost over the last seconds, in packets; 0 for none.
    #[expect(clippy::cast_precision_loss, reason = "a mean of at most some thousand packets")]
    fn burst(&self) -> f32 {
        let (then, (lost, runs)) = (self.seconds[self.second], self.bursts.counts());
        let (lost, runs) = (lost.saturating_sub(then.lost), runs.saturating_sub(then.runs));
        if lost == 0 { 0.0 } else { lost as f32 / runs.max(1) as f32 }
    }

    /// Share lost over the last seconds, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a share of at most some thousand packets")]
    fn loss(&self, now: Time) -> f32 {
        // Whoever is on hold sends nothing, and said so.
        if self.opened > 0 && now - self.opened_at > NOTHING && !self.flags.on_hold {
            return 1.0;
        }
        let then = self.seconds[self.second];
        let closed = self.bursts.closed().saturating_sub(then.closed);
        let lost = self.bursts.counts().0.saturating_sub(then.lost).min(closed);
        if closed == 0 { 0.0 } else { lost as f32 / closed as f32 }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first")]
fn share(lost: f32) -> u16 {
    lost.clamp(0.0, f32::from(u16::MAX)) as u16
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first")]
fn saturated(eighths: f32) -> u8 {
    eighths.round().clamp(0.0, f32::from(u8::MAX)) as u8
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
        reception.fill(Ssrc(1), &mut all, Time::secs(31));
        assert!((198..=200).contains(&all.lost), "and the count is of the whole call: {}", all.lost);
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
            burst: 20,
            concealed: 13_107,
            depth: 305,
            returns_voice: true,
        };
        let len = Report::encode(
            ReportFlags { speaker_trouble: true, ..Default::default() },
            9,
            [block].into_iter(),
            &mut out,
        );
        let mut reception = Reception::default();
        reception.report(&Report::decode(&out[..len]).unwrap(), us, Time::ms(190));
        let mut all = Statistics::default();
        reception.fill(Ssrc(1), &mut all, Time::ms(190));
        assert_eq!(all.round_trip, Some(Duration::from_millis(40)));
        assert!((all.loss_out - 0.1).abs() < 0.001);
        let member = &all.members[0];
        assert_eq!((member.burst_out, member.buffer_out), (2.5, Duration::from_micros(30_500)));
        assert!((member.concealed_out - 0.2).abs() < 0.001 && member.echo_from_us && member.speaker_trouble);
        assert!(!member.echo_from_them && !member.microphone_trouble);
        let told = reception.heard(Ssrc(1), Time::ms(200));
        assert_eq!((told.echo, told.held), (9, 100));
    }

    #[test]
    fn what_the_ears_say_is_told_and_kept() {
        let mut reception = Reception::default();
        reception.ears(Ears { concealed: 0.25, depth: Duration::from_micros(41_250), echo: true });
        let told = reception.heard(Ssrc(1), Time::secs(1));
        assert_eq!((told.concealed, told.depth, told.returns_voice), (16_384, 412, true));
        let mut all = Statistics::default();
        reception.fill(Ssrc(1), &mut all, Time::secs(1));
        assert_eq!(all.members[0].buffer_in, Duration::from_micros(41_250));
        assert!(all.members[0].echo_from_them && all.members[0].concealed_in == 0.25);
        reception.ears(Ears { concealed: f32::INFINITY, depth: Duration::from_secs(60), echo: false });
        let told = reception.heard(Ssrc(1), Time::secs(1));
        assert_eq!((told.concealed, told.depth), (u16::MAX, u16::MAX));
    }

    #[test]
    fn what_is_overtaken_is_not_lost() {
        let mut reception = Reception::default();
        for n in 0..3_000_u64 {
            // Pairs change places, and each tenth packet comes 90 ms late.
            let late = |n: u64| n % 10 == 3;
            let counters = [Some(n ^ 1).filter(|n| !late(*n)), n.checked_sub(9).filter(|n| late(*n))];
            let now = Time::ms(n * 10);
            counters.into_iter().flatten().for_each(|counter| reception.opened(counter, true, now));
            reception.count(now);
        }
        let told = reception.heard(Ssrc(1), Time::secs(30));
        assert_eq!((told.lost, told.burst, reception.loses(Time::secs(30))), (0, 0, false));
        assert_eq!((told.opened, told.highest), (2_992, 2_992), "what is missing above may still come");
    }

    #[test]
    fn runs_of_loss_are_of_the_last_ten_seconds() {
        let mut reception = Reception::default();
        (0..12).for_each(|second| second_of(&mut reception, second, |n| n % 20 >= 4));
        assert!((reception.burst() - 4.0).abs() < 0.1, "{}", reception.burst());
        assert!((31..=33).contains(&reception.heard(Ssrc(1), Time::secs(12)).burst));
        (12..24).for_each(|second| second_of(&mut reception, second, |n| n % 5 != 0));
        assert!((reception.burst() - 1.0).abs() < 0.1, "{}", reception.burst());
        (24..36).for_each(|second| second_of(&mut reception, second, |_| true));
        assert_eq!(reception.heard(Ssrc(1), Time::secs(36)).burst, 0);
    }

    #[test]
    fn an_overtaken_report_says_nothing_and_a_new_clock_does() {
        let mut reception = Reception::default();
        let mut say = |muted: bool, sent: Time, at: Time| {
            let mut out = [0; 64];
            let flags = ReportFlags { muted, ..Default::default() };
            let len = Report::encode(flags, clock(sent), core::iter::empty(), &mut out);
            reception.report(&Report::decode(&out[..len]).unwrap(), Ssrc(7), at);
            reception.flags().muted
        };
        assert!(say(true, Time::secs(100), Time::secs(1)));
        assert!(say(false, Time::secs(99), Time::secs(2)), "the older one came later");
        assert!(!say(false, Time::secs(1), Time::secs(3)), "a clock begun anew is believed");
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
        (0..2).for_each(|_| reception.fill(Ssrc(1), &mut all, Time::secs(2)));
        assert_eq!((all.opened, all.lost), (8, u64::MAX));
    }

    #[test]
    fn a_new_key_counts_on() {
        let mut reception = Reception::default();
        second_of(&mut reception, 0, |_| true);
        reception.new_key();
        second_of(&mut reception, 0, |n| n < 10);
        let mut all = Statistics::default();
        reception.fill(Ssrc(1), &mut all, Time::secs(1));
        assert_eq!((all.opened, all.lost), (60, 0));
    }
}
