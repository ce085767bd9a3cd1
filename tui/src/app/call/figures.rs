//! The figures of a call as they are shown: each stays as it is until it is visibly another, so that a steady call is
//! a steady picture and costs a slow line nothing. What is exact is in the agent's figures.

use std::time::Duration;

use proto::media::blame::Hop;
use proto::media::quality::{MouthToEar, Rating};
use proto::media::{MemberStatistics, Statistics};

/// A number that changes on the screen only when it is further off than what nobody would notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steady(Option<u32>);

impl Steady {
    /// What is shown; none while it is not known.
    pub fn shown(self) -> Option<u32> {
        self.0
    }

    /// Takes a new value, of which `slack` more or less is no news.
    fn take(&mut self, new: Option<u32>, slack: u32) {
        let same = |(shown, new): (u32, u32)| shown.abs_diff(new) <= slack && (new == 0) == (shown == 0);
        if !self.0.zip(new).is_some_and(same) {
            self.0 = new;
        }
    }

    /// A time in milliseconds: a twelfth is no news, and never less than 2 ms.
    fn time(&mut self, time: Option<Duration>) {
        let ms = time.map(|time| u32::try_from(time.as_millis()).unwrap_or(u32::MAX));
        self.take(ms, self.0.unwrap_or(0) / 12 + 2);
    }

    /// A share, in tenths of a percent: an eighth is no news, and never less than a tenth of a percent.
    fn share(&mut self, share: Option<f32>) {
        // The clamp makes the cast exact; what is no number counts as nothing.
        let tenths = share.map(|share| (share * 1000.0).round().clamp(0.0, 1000.0) as u32);
        self.take(tenths, self.0.unwrap_or(0) / 8 + 1);
    }

    /// Bits per second, in kbit/s: a sixteenth is no news, and never less than one.
    fn rate(&mut self, bits: u32) {
        let kilo = (u64::from(bits) + 500) / 1000;
        self.take(u32::try_from(kilo).ok(), self.0.unwrap_or(0) / 16 + 1);
    }
}

/// One way of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Share of packets that did not arrive, in tenths of a percent.
    pub lost: Steady,
    /// Share of frames that had to be invented, in tenths of a percent.
    pub heard: Steady,
}

/// The figures of one member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberFigures {
    /// Milliseconds.
    pub round_trip: Steady,
    /// Their voice here.
    pub here: Losses,
    /// Depth of the playout buffer, milliseconds.
    pub buffer: Steady,
    /// Our own voice comes back from them.
    pub echo_from_them: bool,
    /// Theirs comes back to them from us.
    pub echo_from_us: bool,
    /// Their voice comes here through the relay, or straight; none while it is not known.
    pub relayed: Option<bool>,
}

impl MemberFigures {
    pub(super) fn take(&mut self, of: &MemberStatistics) {
        self.round_trip.time(of.round_trip);
        // Whoever is muted sends nothing that could be measured: what was measured last stays.
        if !of.muted {
            self.here.lost.share(Some(of.loss_in));
            self.here.heard.share(Some(of.concealed_in));
            self.buffer.time(Some(of.buffer_in));
        }
        (self.echo_from_them, self.echo_from_us) = (of.echo_from_them, of.echo_from_us);
        self.relayed = of.path.map(|path| matches!(path, proto::media::Path::Relay(_)));
    }
}

/// The figures of the call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Estimated mean opinion score, in tenths.
    pub mos: Steady,
    /// The same as a word.
    pub rating: Option<Rating>,
    /// How the first member hears us, in tenths.
    pub mos_there: Steady,
    /// Milliseconds.
    pub round_trip: Steady,
    /// Milliseconds.
    pub round_trip_p95: Steady,
    /// What we miss.
    pub here: Losses,
    /// What they miss; none of it while nobody tells.
    pub there: Losses,
    /// Milliseconds.
    pub jitter: Steady,
    /// Milliseconds.
    pub buffer: Steady,
    /// From their mouth to our ear, milliseconds.
    pub mouth_to_ear: Steady,
    /// Its parts, as they were when the sum was last news.
    pub parts: Vec<(&'static str, u32)>,
    /// Opus in kbit/s.
    pub payload: Steady,
    /// On the wire, out and in, in kbit/s.
    pub wire: (Steady, Steady),
    /// Who is to blame.
    pub hop: Hop,
    /// What is lost there, and what of it is heard.
    pub blamed: Losses,
}

impl Figures {
    pub(super) fn take(&mut self, of: &Statistics) {
        let told = &of.appraisal;
        let tenths = |mos: f32| (mos * 10.0).round().clamp(0.0, 50.0) as u32;
        self.mos.take(told.mos.map(tenths), 1);
        self.rating = told.mos.map(|mos| self.rating.map_or(Rating::of(mos), |rating| rating.then(mos)));
        let first = told.members.first();
        self.mos_there.take(first.and_then(|one| one.mos_out).map(tenths), 1);
        self.round_trip.time(of.round_trip);
        self.round_trip_p95.time(told.round_trip_p95);
        let second = of.second();
        self.there.lost.share(second.loss_out);
        self.there.heard.share(second.heard_out);
        // While nobody speaks there is nothing to measure: what was measured last stays.
        if of.members.is_empty() || of.members.iter().any(|member| !member.muted) {
            self.here.lost.share(Some(second.loss_in));
            self.here.heard.share(Some(second.heard_in));
            self.jitter.time(Some(of.jitter));
            self.buffer.time(Some(of.buffer));
            self.way(first.and_then(|one| one.mouth_to_ear));
        }
        self.payload.rate(of.payload);
        self.wire.0.rate(of.wire.0);
        self.wire.1.rate(of.wire.1);
        self.blamed = if self.hop == told.hop { self.blamed } else { Losses::default() };
        self.hop = told.hop;
        self.blamed.lost.share(Some(told.lost));
        self.blamed.heard.share(Some(told.heard));
    }

    /// The sum, and its parts as they are when it is news.
    fn way(&mut self, way: Option<MouthToEar>) {
        let before = self.mouth_to_ear;
        self.mouth_to_ear.time(way.map(|way| way.total()));
        if before != self.mouth_to_ear {
            let ms = |time: Duration| u32::try_from((time.as_micros() + 500) / 1000).unwrap_or(u32::MAX);
            self.parts =
                way.iter().flat_map(|way| way.parts()).map(|(name, part)| (name, ms(part))).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_stands_still_until_it_is_visibly_another() {
        let mut trip = Steady::default();
        let mut at = |ms| {
            trip.time(Some(Duration::from_millis(ms)));
            trip.shown()
        };
        assert_eq!([40, 42, 37, 45, 41].map(&mut at), [Some(40); 5]);
        assert_eq!([46, 43].map(&mut at), [Some(46); 2]);
        assert_eq!([400, 430, 370].map(&mut at), [Some(400); 3]);
        assert_eq!([0, 1].map(&mut at), [Some(0), Some(1)], "nothing and little are not the same");
    }

    #[test]
    fn a_share_of_nothing_is_nothing_at_once() {
        let mut loss = Steady::default();
        let mut at = |share| {
            loss.share(Some(share));
            loss.shown()
        };
        assert_eq!([0.0, 0.001, 0.002, 0.0].map(&mut at), [Some(0), Some(1), Some(1), Some(0)]);
        assert_eq!([0.2, 0.21, 0.18, 0.23].map(&mut at), [Some(200), Some(200), Some(200), Some(230)]);
        assert_eq!([f32::NAN, 9.0].map(&mut at), [Some(0), Some(1000)]);
        loss.share(None);
        assert_eq!(loss.shown(), None, "not known any more");
    }

    #[test]
    fn what_was_measured_of_somebody_stays_while_they_are_muted() {
        use proto::id::Ssrc;
        let second = |muted, ms| {
            let time = Duration::from_millis(ms);
            let member = MemberStatistics { muted, buffer_in: time, ..MemberStatistics::of(Ssrc(1)) };
            Statistics { buffer: time, jitter: time, members: vec![member], ..Statistics::default() }
        };
        let (mut figures, mut of_one) = (Figures::default(), MemberFigures::default());
        for told in [second(false, 40), second(true, 0)] {
            figures.take(&told);
            of_one.take(&told.members[0]);
        }
        let shown = [figures.buffer, figures.jitter, of_one.buffer].map(Steady::shown);
        assert_eq!(shown, [Some(40); 3]);
        figures.take(&second(false, 60));
        assert_eq!(figures.buffer.shown(), Some(60));
    }

    #[test]
    fn a_steady_call_is_a_steady_picture() {
        let second = |n: u64| Statistics {
            round_trip: Some(Duration::from_millis(40 + n % 3)),
            jitter: Duration::from_micros(5_000 + n % 2 * 900),
            payload: 32_000 + u32::try_from(n % 5).unwrap() * 100,
            wire: (61_000, 60_400),
            ..Statistics::default()
        };
        let mut figures = Figures::default();
        figures.take(&second(0));
        let first = figures.clone();
        for n in 1..60 {
            figures.take(&second(n));
        }
        assert_eq!(figures, first);
    }
}
