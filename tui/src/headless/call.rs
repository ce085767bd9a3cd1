//! The call as JSON: who is in it, its figures once a second, and what is said of it at its end. Times are in
//! microseconds, rates in bits per second, shares between 0 and 1; `null` is what is not known.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::Time;
use proto::id::{Name, Ssrc};
use proto::media::appraise::MemberAppraisal;
use proto::media::blame::{Fault, Hop};
use proto::media::quality::{MouthToEar, Rating};
use proto::media::summary::Summary;
use proto::media::{MemberState, MemberStatistics, Path, Statistics};
use serde_json::{Value, json};

/// What `status` calls a call that is up.
pub(super) const LIVE: &str = "live";

/// The call, as far as it is told.
#[derive(Debug)]
pub(super) struct Call {
    /// Who was called, or who calls with whom; in the order of the first word about each.
    pub(super) with: Vec<Name>,
    pub(super) state: &'static str,
    pub(super) plain: bool,
    /// Whose stream is whose, of those who are in.
    streams: BTreeMap<Name, Ssrc>,
    /// The same of all who ever were.
    names: BTreeMap<Ssrc, Name>,
    /// How loud each is played, where somebody said.
    volumes: BTreeMap<Name, u16>,
    since: Option<Time>,
    summary: Summary,
    /// Frames repaired, as last told of each stream.
    repaired: BTreeMap<Ssrc, u64>,
    statistics: Option<Box<Statistics>>,
}

impl Call {
    pub(super) fn new(with: Vec<Name>, state: &'static str, plain: bool) -> Self {
        Self {
            with,
            state,
            plain,
            streams: BTreeMap::new(),
            names: BTreeMap::new(),
            volumes: BTreeMap::new(),
            since: None,
            summary: Summary::default(),
            repaired: BTreeMap::new(),
            statistics: None,
        }
    }

    /// Somebody is in.
    pub(super) fn joined(&mut self, who: &Name, ssrc: Ssrc, plain: bool, now: Time) {
        self.plain = plain;
        if !self.with.contains(who) {
            self.with.push(who.clone());
        }
        self.state = LIVE;
        self.since.get_or_insert(now);
        self.streams.insert(who.clone(), ssrc);
        self.names.insert(ssrc, who.clone());
    }

    /// How long somebody has been in it with us.
    pub(super) fn lasted(&self, now: Time) -> Option<Duration> {
        self.since.map(|since| now - since)
    }

    /// How it sounds, in a word.
    pub(super) fn rating(&self) -> Option<Rating> {
        self.statistics.as_ref()?.appraisal.mos.map(Rating::of)
    }

    /// Somebody is out.
    pub(super) fn parted(&mut self, who: &Name) {
        self.with.retain(|name| name != who);
        self.streams.remove(who);
    }

    pub(super) fn volume(&mut self, who: &Name, percent: u16) {
        self.volumes.insert(who.clone(), percent);
    }

    /// Whose stream it is; of those who left, too.
    pub(super) fn name(&self, ssrc: Ssrc) -> Option<&Name> {
        self.names.get(&ssrc)
    }

    /// Takes the figures of another second.
    pub(super) fn measured(&mut self, statistics: &Statistics) {
        self.summary.take(&statistics.second());
        for member in &statistics.members {
            self.repaired.insert(member.ssrc, member.repaired);
        }
        self.statistics = Some(Box::new(statistics.clone()));
    }

    pub(super) fn status(&self) -> Value {
        let joined: Vec<&str> = self.streams.keys().map(Name::as_str).collect();
        let with: Vec<&str> = self.with.iter().map(Name::as_str).collect();
        let mut value =
            json!({ "with": with.join(" "), "state": self.state, "plain": self.plain, "joined": joined });
        if !self.volumes.is_empty() {
            let volumes = self.volumes.iter().map(|(who, percent)| (who.to_string(), json!(percent)));
            value["volumes"] = Value::Object(volumes.collect());
        }
        value
    }

    /// The newest figures.
    pub(super) fn figures(&self) -> Option<Value> {
        let of = self.statistics.as_deref()?;
        let told = &of.appraisal;
        let members: Vec<Value> = of
            .members
            .iter()
            .map(|member| self.member(member, told.members.iter().find(|one| one.ssrc == member.ssrc)))
            .collect();
        let mut value = json!({
            "round_trip_us": of.round_trip.map(micros), "loss_in": of.loss_in, "loss_out": of.loss_out,
            "jitter_us": micros(of.jitter), "buffer_us": micros(of.buffer), "opened": of.opened, "lost": of.lost,
            "repaired": of.repaired, "concealed": of.concealed, "late": of.late, "bitrate": of.bitrate,
            "frame_us": micros(of.frame), "low_delay": of.low_delay, "overruns": of.overruns, "turn_us": micros(of.turn), "fec": of.fec, "dtx": of.dtx, "copies": of.copies,
            "payload_out": of.payload, "wire_out": of.wire.0, "wire_in": of.wire.1,
            "local": of.local.map(|local| local.to_string()), "mos": told.mos,
            "round_trip_p95_us": told.round_trip_p95.map(micros), "members": members,
        });
        value["blame"] = self.blame(told.hop);
        value["blame"]["lost"] = json!(told.lost);
        value["blame"]["heard"] = json!(told.heard);
        Some(value)
    }

    fn member(&self, of: &MemberStatistics, told: Option<&MemberAppraisal>) -> Value {
        // What they never told is not known rather than nothing.
        let said = |share: f32| of.told.then_some(share);
        let said_time = |time: Duration| of.told.then(|| micros(time));
        let (kind, address) = match of.path {
            Some(Path::Relay(at)) => (Some("relay"), Some(at.to_string())),
            Some(Path::Direct(at)) => (Some("direct"), Some(at.to_string())),
            None => (None, None),
        };
        json!({
            "who": self.names.get(&of.ssrc).map(Name::as_str), "muted": of.muted,
            "path": kind, "address": address,
            "round_trip_us": of.round_trip.map(micros),
            "round_trip_p95_us": told.and_then(|told| told.round_trip_p95).map(micros),
            "loss_in": of.loss_in, "loss_out": said(of.loss_out),
            "burst_in": of.burst_in, "burst_out": said(of.burst_out),
            "jitter_in_us": micros(of.jitter_in), "jitter_out_us": said_time(of.jitter_out),
            "heard_in": of.concealed_in, "heard_out": said(of.concealed_out),
            "buffer_in_us": micros(of.buffer_in), "buffer_out_us": said_time(of.buffer_out),
            "repaired": of.repaired,
            "mos_in": told.and_then(|told| told.mos_in), "mos_out": told.and_then(|told| told.mos_out),
            "mouth_to_ear_us": told.and_then(|told| told.mouth_to_ear.as_ref()).map(mouth_to_ear),
            "echo_from_them": of.echo_from_them, "echo_from_us": of.echo_from_us,
            "microphone_trouble": of.microphone_trouble, "speaker_trouble": of.speaker_trouble,
        })
    }

    /// A member says something of itself.
    pub(super) fn state(&self, state: MemberState) -> Option<Value> {
        let who = self.names.get(&state.ssrc)?;
        let MemberState { muted, recording, on_hold, .. } = state;
        let who = who.as_str();
        Some(
            json!({ "event": "member", "who": who, "muted": muted, "recording": recording, "on_hold": on_hold }),
        )
    }

    /// What is said of it at its end; none when nobody was ever in.
    pub(super) fn summary(&self, now: Time) -> Option<Value> {
        let (since, of) = (self.since?, &self.summary);
        let (hop, share) = of.blamed();
        let mut blame = self.blame(hop);
        blame["share"] = json!(share);
        Some(json!({
            "duration_us": micros(now - since), "mos": of.mos(), "round_trip_us": of.round_trip().map(micros),
            "loss_in": of.loss_in(), "loss_out": of.loss_out(),
            "heard_in": of.heard_in(), "heard_out": of.heard_out(),
            "repaired": self.repaired.values().sum::<u64>(), "blame": blame,
        }))
    }

    fn blame(&self, hop: Hop) -> Value {
        let who = hop.member().and_then(|ssrc| self.names.get(&ssrc)).map(Name::as_str);
        json!({ "hop": hop_name(hop), "who": who })
    }
}

fn mouth_to_ear(way: &MouthToEar) -> Value {
    let mut value: serde_json::Map<String, Value> =
        way.parts().into_iter().map(|(name, part)| (name.to_owned(), json!(micros(part)))).collect();
    value.insert("total".to_owned(), json!(micros(way.total())));
    Value::Object(value)
}

fn hop_name(hop: Hop) -> &'static str {
    match hop {
        Hop::Nobody => "nobody",
        Hop::MyMicrophone(Fault::Fails) => "my_microphone_fails",
        Hop::MyMicrophone(Fault::Silent) => "my_microphone_silent",
        Hop::MyMicrophone(Fault::Clips) => "my_microphone_clips",
        Hop::MySpeaker => "my_speaker",
        Hop::MyUplink => "my_uplink",
        Hop::MyDownlink => "my_downlink",
        Hop::TheirMicrophone(_) => "their_microphone",
        Hop::TheirSpeaker(_) => "their_speaker",
        Hop::TheirUplink(_) => "their_uplink",
        Hop::TheirDownlink(_) => "their_downlink",
        Hop::ToThem(_) => "to_them",
        Hop::FromThem(_) => "from_them",
        Hop::RoundTrip(_) => "round_trip",
    }
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::media::appraise::Appraisal;

    fn bob() -> Name {
        Name::parse("bob").unwrap()
    }

    fn live() -> Call {
        let mut call = Call::new(vec![bob()], "calling", false);
        call.joined(&bob(), Ssrc(7), false, Time::secs(10));
        call
    }

    fn second(member: MemberStatistics, hop: Hop) -> Statistics {
        let way = MouthToEar { buffer: Duration::from_millis(40), ..MouthToEar::default() };
        let one = MemberAppraisal {
            ssrc: member.ssrc,
            mos_in: Some(4.2),
            mos_out: None,
            mouth_to_ear: Some(way),
            round_trip_p95: Some(Duration::from_millis(58)),
        };
        let appraisal =
            Appraisal { mos: Some(4.2), hop, lost: 0.05, members: vec![one], ..Appraisal::default() };
        Statistics { wire: (61_000, 60_000), members: vec![member], appraisal, ..Statistics::default() }
    }

    #[test]
    fn figures_name_members_and_blame_and_say_what_is_not_known() {
        let mut call = live();
        assert_eq!(call.figures(), None);
        let at = "192.0.2.1:8462".parse().unwrap();
        let member =
            MemberStatistics { loss_in: 0.5, path: Some(Path::Relay(at)), ..MemberStatistics::of(Ssrc(7)) };
        call.measured(&second(member, Hop::FromThem(Ssrc(7))));
        let told = call.figures().unwrap();
        assert_eq!((&told["wire_out"], &told["mos"]), (&json!(61_000), &json!(4.2f32)));
        let (hop, lost) = (&told["blame"]["hop"], &told["blame"]["lost"]);
        assert_eq!((hop, &told["blame"]["who"], lost), (&json!("from_them"), &json!("bob"), &json!(0.05f32)));
        let bob = &told["members"][0];
        assert_eq!(
            (&bob["who"], &bob["path"], &bob["address"]),
            (&json!("bob"), &json!("relay"), &json!(at.to_string()))
        );
        assert_eq!(
            (&bob["loss_in"], &bob["loss_out"], &bob["round_trip_us"]),
            (&json!(0.5), &Value::Null, &Value::Null)
        );
        assert_eq!((&bob["round_trip_p95_us"], &bob["mos_out"]), (&json!(58_000), &Value::Null));
        let way = &bob["mouth_to_ear_us"];
        assert_eq!(
            (&way["buffer"], &way["network"], &way["total"]),
            (&json!(40_000), &json!(0), &json!(40_000))
        );
    }

    #[test]
    fn the_end_of_a_call_sums_it_up_also_after_its_people_left() {
        let mut call = live();
        for n in 0..20 {
            let repaired = n * 3;
            let member = MemberStatistics {
                loss_in: 0.1,
                concealed_in: 0.01,
                round_trip: Some(Duration::from_millis(40)),
                repaired,
                ..MemberStatistics::of(Ssrc(7))
            };
            let figures =
                Statistics { round_trip: member.round_trip, ..second(member, Hop::TheirUplink(Ssrc(7))) };
            call.measured(&figures);
        }
        call.parted(&bob());
        let told = call.summary(Time::secs(73)).unwrap();
        assert_eq!((&told["duration_us"], &told["mos"]), (&json!(63_000_000), &json!(4.2f32)));
        assert_eq!((&told["round_trip_us"], &told["repaired"]), (&json!(40_000), &json!(57)));
        assert_eq!((&told["loss_in"], &told["heard_in"]), (&json!(0.1f32), &json!(0.01f32)));
        assert_eq!((&told["loss_out"], &told["heard_out"]), (&Value::Null, &Value::Null));
        let blame = json!({ "hop": "their_uplink", "who": "bob", "share": 1.0f32 });
        assert_eq!(told["blame"], blame);
        assert_eq!(
            Call::new(vec![bob()], "calling", false).summary(Time::secs(73)),
            None,
            "nobody was in it"
        );
    }

    #[test]
    fn what_a_member_says_of_itself_is_an_event_and_a_volume_is_status() {
        let mut call = live();
        let state = MemberState { ssrc: Ssrc(7), muted: true, recording: false, on_hold: false };
        let told =
            json!({ "event": "member", "who": "bob", "muted": true, "recording": false, "on_hold": false });
        assert_eq!(call.state(state), Some(told));
        assert_eq!(call.state(MemberState { ssrc: Ssrc(8), ..state }), None, "nobody we know");
        call.volume(&bob(), 80);
        assert_eq!(call.status()["volumes"], json!({ "bob": 80 }));
    }
}
