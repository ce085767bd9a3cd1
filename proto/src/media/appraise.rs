//! What the figures of a call mean: once a second a score for each way, the delay from mouth to ear by its parts, how
//! far the round trip strays, and whose fault it is. What is measured comes in, what is said goes out.

use core::time::Duration;

use crate::id::Ssrc;
use crate::limits::MEMBERS_MAX;
use crate::media::blame::{Fault, Hop, Judge, Own, Way, Witness};
use crate::media::event::{MemberStatistics, Statistics};
use crate::media::quality::{MouthToEar, mos};
use crate::media::summary::Second;

/// Seconds that the p95 of the round trip looks back over.
const SECONDS: usize = 60;

/// What the agent knows of its own half: its devices, and how long sound takes in them. Nobody tells such of theirs, so
/// theirs are taken to be like ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ourselves {
    /// Our voice is stopped at its source.
    pub muted: bool,
    /// What is wrong with the microphone.
    pub microphone: Option<Fault>,
    /// The speaker does not play what it should.
    pub speaker_trouble: bool,
    /// The microphone's block, and what processing holds back.
    pub capture: Duration,
    /// What the encoder looks ahead.
    pub look_ahead: Duration,
    /// What waits for the speaker.
    pub speaker: Duration,
}

/// What is said of a call's second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Appraisal {
    /// Estimated mean opinion score, of each member the worse way, in the mean; none while nobody is heard.
    pub mos: Option<f32>,
    /// Who is to blame.
    pub hop: Hop,
    /// Share of packets lost there, 0 to 1.
    pub lost: f32,
    /// Share of frames that could not be repaired, 0 to 1.
    pub heard: f32,
    /// 95 % of the round trips of the last minute were not longer; of several members the longest.
    pub round_trip_p95: Option<Duration>,
    /// Of each member.
    pub members: Vec<MemberAppraisal>,
}

/// What is said of one member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemberAppraisal {
    /// Who.
    pub ssrc: Ssrc,
    /// How they sound here; none while they are muted.
    pub mos_in: Option<f32>,
    /// How we sound there; none while we are muted, or they do not tell.
    pub mos_out: Option<f32>,
    /// From their mouth to our ear; none while the round trip is not known.
    pub mouth_to_ear: Option<MouthToEar>,
    /// 95 % of the round trips of the last minute were not longer.
    pub round_trip_p95: Option<Duration>,
}

/// Looks at every second of a call.
#[derive(Clone, Debug, Default)]
pub struct Appraiser {
    judge: Judge,
    trips: Vec<Trips>,
}

/// Round trips of one member.
#[derive(Clone, Debug)]
struct Trips {
    ssrc: Ssrc,
    /// The newest are written over the oldest.
    last: Vec<Duration>,
    at: usize,
}

impl Trips {
    fn take(&mut self, trip: Duration) {
        if self.last.len() < SECONDS {
            self.last.push(trip);
        } else {
            self.last[self.at] = trip;
        }
        self.at = (self.at + 1) % SECONDS;
    }

    fn p95(&self) -> Option<Duration> {
        let mut sorted = self.last.clone();
        sorted.sort_unstable();
        sorted.get((sorted.len() * 95).div_ceil(100).saturating_sub(1)).copied()
    }
}

impl Appraiser {
    /// Looks at another second.
    pub fn appraise(&mut self, figures: &Statistics, ourselves: &Ourselves) -> Appraisal {
        self.trips.retain(|trips| figures.members.iter().any(|member| member.ssrc == trips.ssrc));
        let members: Vec<MemberAppraisal> =
            figures.members.iter().map(|member| self.member(member, figures.frame, ourselves)).collect();
        let own = Own { microphone: ourselves.microphone, speaker_trouble: ourselves.speaker_trouble };
        let witnesses: Vec<Witness> =
            figures.members.iter().map(|member| witness(member, ourselves.muted)).collect();
        let hop = self.judge.judge(own, &witnesses);
        let (lost, heard) = share(hop, &witnesses);
        let worse = members.iter().filter_map(|member| least(member.mos_in, member.mos_out));
        let mos = mean(&worse.collect::<Vec<_>>());
        let round_trip_p95 = members.iter().filter_map(|member| member.round_trip_p95).max();
        Appraisal { mos, hop, lost, heard, round_trip_p95, members }
    }

    fn member(
        &mut self,
        member: &MemberStatistics,
        frame: Duration,
        ourselves: &Ourselves,
    ) -> MemberAppraisal {
        if let Some(trip) = member.round_trip {
            self.trip(member.ssrc, trip);
        }
        let way = |buffer| MouthToEar {
            capture: ourselves.capture,
            frame,
            look_ahead: ourselves.look_ahead,
            network: member.round_trip.unwrap_or_default() / 2,
            buffer,
            speaker: ourselves.speaker,
        };
        let (here, there) = (way(member.buffer_in), way(member.buffer_out));
        let mos_in = mos(here.total(), member.concealed_in, member.burst_in);
        let mos_out = mos(there.total(), member.concealed_out, member.burst_out);
        let trips = self.trips.iter().find(|trips| trips.ssrc == member.ssrc);
        MemberAppraisal {
            ssrc: member.ssrc,
            mos_in: (!member.muted).then_some(mos_in),
            mos_out: (member.told && !ourselves.muted).then_some(mos_out),
            mouth_to_ear: member.round_trip.map(|_| here),
            round_trip_p95: trips.and_then(Trips::p95),
        }
    }

    fn trip(&mut self, ssrc: Ssrc, trip: Duration) {
        if let Some(trips) = self.trips.iter_mut().find(|trips| trips.ssrc == ssrc) {
            trips.take(trip);
        } else if self.trips.len() < MEMBERS_MAX {
            self.trips.push(Trips { ssrc, last: vec![trip], at: 1 });
        }
    }
}

impl Statistics {
    /// The second that these figures close, for the summary of the call.
    pub fn second(&self) -> Second {
        let talking = || self.members.iter().filter(|member| !member.muted);
        let telling = || self.members.iter().filter(|member| member.told);
        let of = |shares: Vec<f32>| mean(&shares);
        Second {
            mos: self.appraisal.mos,
            round_trip: self.round_trip,
            loss_in: of(talking().map(|member| member.loss_in).collect()).unwrap_or_default(),
            loss_out: of(telling().map(|member| member.loss_out).collect()),
            heard_in: of(talking().map(|member| member.concealed_in).collect()).unwrap_or_default(),
            heard_out: of(telling().map(|member| member.concealed_out).collect()),
            hop: self.appraisal.hop,
        }
    }
}

fn witness(member: &MemberStatistics, muted: bool) -> Witness {
    // Nothing is sent while a microphone is muted, so there is nothing to lose, and the jitter is an old one.
    let way = |silent: bool, loss, jitter, concealed| {
        if silent { Way::default() } else { Way { loss, jitter, concealed } }
    };
    let out = way(muted, member.loss_out, member.jitter_out, member.concealed_out);
    Witness {
        ssrc: member.ssrc,
        to_them: member.told.then_some(out),
        from_them: way(member.muted, member.loss_in, member.jitter_in, member.concealed_in),
        round_trip: member.round_trip,
        microphone_trouble: member.microphone_trouble && !member.muted,
        speaker_trouble: member.speaker_trouble,
    }
}

/// What is lost where the blame lies, and what of it is heard.
fn share(hop: Hop, witnesses: &[Witness]) -> (f32, f32) {
    let to = |ssrc: Option<Ssrc>| {
        let of = witnesses.iter().filter(move |one| ssrc.is_none_or(|ssrc| one.ssrc == ssrc));
        of.filter_map(|one| one.to_them).collect::<Vec<Way>>()
    };
    let from = |ssrc: Option<Ssrc>| {
        let of = witnesses.iter().filter(move |one| ssrc.is_none_or(|ssrc| one.ssrc == ssrc));
        of.map(|one| one.from_them).collect::<Vec<Way>>()
    };
    let ways = match hop {
        Hop::MyUplink => to(None),
        Hop::MyDownlink => from(None),
        Hop::ToThem(ssrc) | Hop::TheirDownlink(ssrc) => to(Some(ssrc)),
        Hop::FromThem(ssrc) | Hop::TheirUplink(ssrc) => from(Some(ssrc)),
        Hop::Nobody
        | Hop::MyMicrophone(_)
        | Hop::MySpeaker
        | Hop::TheirMicrophone(_)
        | Hop::TheirSpeaker(_)
        | Hop::RoundTrip(_) => Vec::new(),
    };
    let of = |part: fn(&Way) -> f32| mean(&ways.iter().map(part).collect::<Vec<_>>()).unwrap_or_default();
    (of(|way| way.loss), of(|way| way.concealed))
}

fn least(one: Option<f32>, other: Option<f32>) -> Option<f32> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most as many as a call has members")]
fn mean(of: &[f32]) -> Option<f32> {
    (!of.is_empty()).then(|| of.iter().sum::<f32>() / of.len() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn member(ssrc: u32, round_trip: Option<u64>) -> MemberStatistics {
        let (told, buffer_in, buffer_out) = (true, ms(40), ms(60));
        MemberStatistics {
            told,
            buffer_in,
            buffer_out,
            round_trip: round_trip.map(ms),
            ..MemberStatistics::of(Ssrc(ssrc))
        }
    }

    fn call(members: Vec<MemberStatistics>) -> Statistics {
        Statistics { frame: ms(10), members, ..Statistics::default() }
    }

    const OURSELVES: Ourselves = Ourselves {
        muted: false,
        microphone: None,
        speaker_trouble: false,
        capture: Duration::from_millis(5),
        look_ahead: Duration::from_micros(6_500),
        speaker: Duration::from_millis(8),
    };

    #[test]
    fn mouth_to_ear_has_all_its_parts_once_the_round_trip_is_known() {
        let mut appraiser = Appraiser::default();
        let told = appraiser.appraise(&call(vec![member(1, None)]), &OURSELVES);
        assert_eq!(told.members[0].mouth_to_ear, None);
        let told = appraiser.appraise(&call(vec![member(1, Some(42))]), &OURSELVES);
        let way = told.members[0].mouth_to_ear.unwrap();
        assert_eq!((way.total(), way.network, way.buffer), (Duration::from_micros(90_500), ms(21), ms(40)));
    }

    #[test]
    fn each_way_has_its_score_and_the_call_the_worse_one() {
        let lossy = MemberStatistics { concealed_out: 0.05, ..member(1, Some(40)) };
        let told = Appraiser::default().appraise(&call(vec![lossy.clone()]), &OURSELVES);
        let one = told.members[0];
        assert!(one.mos_in.unwrap() > 4.2 && one.mos_out.unwrap() < 2.4, "{one:?}");
        assert_eq!(told.mos, one.mos_out);
        // Nobody is scored for what is not said or not told.
        let muted = Ourselves { muted: true, ..OURSELVES };
        assert_eq!(Appraiser::default().appraise(&call(vec![lossy]), &muted).members[0].mos_out, None);
        let silent = MemberStatistics { muted: true, told: false, ..member(1, None) };
        let told = Appraiser::default().appraise(&call(vec![silent]), &OURSELVES);
        assert_eq!((told.members[0].mos_in, told.members[0].mos_out, told.mos), (None, None, None));
    }

    #[test]
    fn blame_comes_with_what_was_lost_and_what_of_it_was_heard() {
        let lossy =
            MemberStatistics { loss_in: 0.04, concealed_in: 0.002, burst_in: 1.0, ..member(1, Some(40)) };
        let mut appraiser = Appraiser::default();
        let figures = call(vec![lossy.clone()]);
        let told = (0..5).map(|_| appraiser.appraise(&figures, &OURSELVES)).last().unwrap();
        assert_eq!((told.hop, told.lost, told.heard), (Hop::FromThem(Ssrc(1)), 0.04, 0.002));
        // Whoever is muted sends nothing that could be lost.
        let muted = call(vec![MemberStatistics { muted: true, ..lossy }]);
        let told = (0..9).map(|_| appraiser.appraise(&muted, &OURSELVES)).last().unwrap();
        assert_eq!(told.hop, Hop::Nobody);
    }

    #[test]
    fn the_p95_is_of_the_last_minute() {
        let mut appraiser = Appraiser::default();
        let mut second = |trip| appraiser.appraise(&call(vec![member(1, Some(trip))]), &OURSELVES);
        for _ in 0..57 {
            second(40);
        }
        assert_eq!([90, 90].map(|trip| second(trip).round_trip_p95), [Some(ms(40)); 2]);
        assert_eq!([90, 90].map(|trip| second(trip).round_trip_p95), [Some(ms(40)), Some(ms(90))]);
        let later = (0..60).map(|_| second(40).round_trip_p95).last();
        assert_eq!(later, Some(Some(ms(40))), "forgotten after a minute");
    }

    #[test]
    fn a_second_is_of_those_who_talk_and_those_who_tell() {
        let one = MemberStatistics { loss_in: 0.1, loss_out: 0.2, ..member(1, Some(40)) };
        let muted = MemberStatistics { loss_in: 1.0, muted: true, loss_out: 0.4, ..member(2, Some(40)) };
        let quiet = MemberStatistics { loss_in: 0.3, told: false, ..member(3, None) };
        let second = call(vec![one, muted, quiet]).second();
        assert!((second.loss_in - 0.2).abs() < 1e-6 && (second.loss_out.unwrap() - 0.3).abs() < 1e-6);
        assert_eq!(call(Vec::new()).second().loss_out, None);
    }
}
