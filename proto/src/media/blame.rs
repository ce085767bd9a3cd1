//! Which hop of a call is to blame, if any: a judge who looks at the figures once a second and does not change his
//! mind at every breath.
//!
//! What everybody loses of ours is lost on our own uplink; what only one loses more than the others, on their downlink.
//! The same the other way round: so of each way the smallest measure of all members is the common part, and the rest is
//! theirs. In a call of two there is nobody to compare with, and the judge names the way instead of a hop.

use core::time::Duration;

use crate::id::Ssrc;

/// Loss from which a way is to blame, as a share. Less is repaired without anybody noticing.
const LOSS: f32 = 0.01;
/// Mean deviation of arrivals from which a way is to blame.
const JITTER: Duration = Duration::from_millis(30);
/// Round trip from which distance is to blame: with buffers and devices more than 250 ms one way, where people begin
/// to talk over each other (ITU-T G.114).
const ROUND_TRIP: Duration = Duration::from_millis(350);
/// A hop is blamed until its measure is below this share of what it takes to be blamed.
const HOLD: f32 = 0.7;
/// Another hop takes over only when it is so much worse.
const WORSE: f32 = 1.5;
/// So many seconds in a row another verdict must be due.
const SECONDS: u8 = 3;
/// So many seconds in a row nothing must be wrong before nobody is blamed any more.
const SECONDS_CLEAN: u8 = 5;

/// What is wrong with a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hop {
    /// Nothing.
    #[default]
    Nobody,
    /// Our microphone.
    MyMicrophone(Fault),
    /// Our speaker does not play, or is not fed in time.
    MySpeaker,
    /// From here to the network: everybody misses what we say.
    MyUplink,
    /// From the network to here: we miss what everybody says.
    MyDownlink,
    /// They say that their microphone gives less than it should.
    TheirMicrophone(Ssrc),
    /// They say that their speaker is not fed as it should be.
    TheirSpeaker(Ssrc),
    /// From them to the network.
    TheirUplink(Ssrc),
    /// From the network to them.
    TheirDownlink(Ssrc),
    /// Our uplink or their downlink: in a call of two nobody else can tell.
    ToThem(Ssrc),
    /// Their uplink or our downlink.
    FromThem(Ssrc),
    /// The round trip to everybody, or to this one.
    RoundTrip(Option<Ssrc>),
}

impl Hop {
    /// The member it is about.
    pub fn member(self) -> Option<Ssrc> {
        match self {
            Self::Nobody | Self::MyMicrophone(_) | Self::MySpeaker | Self::MyUplink | Self::MyDownlink => {
                None
            }
            Self::TheirMicrophone(ssrc)
            | Self::TheirSpeaker(ssrc)
            | Self::TheirUplink(ssrc)
            | Self::TheirDownlink(ssrc)
            | Self::ToThem(ssrc)
            | Self::FromThem(ssrc) => Some(ssrc),
            Self::RoundTrip(member) => member,
        }
    }
}

/// What is wrong with a microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not work, or loses what it hears.
    Fails,
    /// It gives nothing but zeros though it is not muted.
    Silent,
    /// It is driven too hard.
    Clips,
}

/// One way between us and a member, as its listener measures it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Way {
    /// Share of packets lost, 0 to 1.
    pub loss: f32,
    /// Mean deviation of arrivals.
    pub jitter: Duration,
    /// Share of frames that had to be invented, 0 to 1.
    pub concealed: f32,
}

/// What is known of a member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Witness {
    /// Who.
    pub ssrc: Ssrc,
    /// From us to them, as they tell; none while they told nothing.
    pub to_them: Option<Way>,
    /// From them to us.
    pub from_them: Way,
    /// The round trip, once known.
    pub round_trip: Option<Duration>,
    /// What they say of their microphone.
    pub microphone_trouble: bool,
    /// What they say of their speaker.
    pub speaker_trouble: bool,
}

/// What is known of ourselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// What is wrong with the microphone.
    pub microphone: Option<Fault>,
    /// The speaker does not play what it should.
    pub speaker_trouble: bool,
}

/// Blames, once a second.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    verdict: Hop,
    /// What may follow, and for how many seconds in a row it was due.
    next: (Hop, u8),
}

/// A hop, how much more than tolerable it does (from 1 on it is to blame), and how much of it is heard.
#[derive(Clone, Copy, Debug)]
struct Suspect {
    hop: Hop,
    measure: f32,
    weight: f32,
}

impl Judge {
    /// Looks at the figures of another second; gives the verdict.
    pub fn judge(&mut self, own: Own, members: &[Witness]) -> Hop {
        let suspects = suspects(own, members);
        let weight = |hop: Hop, least: f32| {
            let of = suspects.iter().find(|suspect| suspect.hop == hop && suspect.measure >= least);
            of.map(|suspect| suspect.weight)
        };
        let worst = suspects.iter().filter(|suspect| suspect.measure >= 1.0);
        let worst = worst.max_by(|one, other| one.weight.total_cmp(&other.weight));
        let due = match (weight(self.verdict, HOLD), worst) {
            (Some(held), Some(worst)) if worst.weight < held * WORSE => self.verdict,
            (_, Some(worst)) => worst.hop,
            (Some(_), None) => self.verdict,
            (None, None) => Hop::Nobody,
        };
        if due == self.verdict {
            self.next = (due, 0);
            return self.verdict;
        }
        let seconds = if self.next.0 == due { self.next.1.saturating_add(1) } else { 1 };
        self.next = (due, seconds);
        let needed = if due == Hop::Nobody { SECONDS_CLEAN } else { SECONDS };
        if seconds >= needed {
            self.verdict = due;
        }
        self.verdict
    }
}

fn suspects(own: Own, members: &[Witness]) -> Vec<Suspect> {
    let mut list = Vec::new();
    devices(own, members, &mut list);
    let from = members.iter().map(|member| (member.ssrc, member.from_them)).collect::<Vec<_>>();
    let to = members.iter().filter_map(|member| Some((member.ssrc, member.to_them?))).collect::<Vec<_>>();
    match members {
        [] => {}
        [one] => {
            list.extend(to.iter().map(|(ssrc, way)| suspect(Hop::ToThem(*ssrc), measure(*way), *way)));
            list.push(suspect(Hop::FromThem(one.ssrc), measure(one.from_them), one.from_them));
        }
        [_, _, ..] => {
            compare(&to, Hop::MyUplink, Hop::TheirDownlink, &mut list);
            compare(&from, Hop::MyDownlink, Hop::TheirUplink, &mut list);
        }
    }
    round_trips(members, &mut list);
    list
}

/// Faults of devices weigh more than anything of the network: nothing is heard at all, or nothing as it was said.
fn devices(own: Own, members: &[Witness], list: &mut Vec<Suspect>) {
    let mut device = |hop: Hop, weight: f32| list.push(Suspect { hop, measure: 1.0, weight });
    match own.microphone {
        Some(fault @ (Fault::Fails | Fault::Silent)) => device(Hop::MyMicrophone(fault), 1_000.0),
        Some(Fault::Clips) => device(Hop::MyMicrophone(Fault::Clips), 2.0),
        None => {}
    }
    if own.speaker_trouble {
        device(Hop::MySpeaker, 1_000.0);
    }
    for member in members {
        if member.microphone_trouble {
            device(Hop::TheirMicrophone(member.ssrc), 500.0);
        }
        if member.speaker_trouble {
            device(Hop::TheirSpeaker(member.ssrc), 500.0);
        }
    }
}

/// Of several ways the common part is ours, and what one has beyond it is theirs.
fn compare(ways: &[(Ssrc, Way)], ours: Hop, theirs: fn(Ssrc) -> Hop, list: &mut Vec<Suspect>) {
    // One witness among several cannot say what the others hear.
    let least = ways.iter().min_by(|one, other| measure(one.1).total_cmp(&measure(other.1)));
    let Some((_, least)) = least.filter(|_| ways.len() > 1) else { return };
    let common = measure(*least);
    list.push(suspect(ours, common, *least));
    list.extend(ways.iter().map(|(ssrc, way)| suspect(theirs(*ssrc), measure(*way) - common, *way)));
}

fn round_trips(members: &[Witness], list: &mut Vec<Suspect>) {
    let far = |trip: Duration| trip.as_secs_f32() / ROUND_TRIP.as_secs_f32();
    let trips = members.iter().filter_map(|member| Some((member.ssrc, far(member.round_trip?))));
    let trips = trips.collect::<Vec<_>>();
    let nearest = trips.iter().map(|(_, trip)| *trip).min_by(f32::total_cmp);
    let Some(nearest) = nearest else { return };
    // Distance is nobody's fault and comes last.
    let weight = 0.5;
    if trips.len() > 1 && trips.len() == members.len() {
        list.push(Suspect { hop: Hop::RoundTrip(None), measure: nearest, weight: weight * nearest });
    }
    list.extend(trips.iter().filter(|_| members.len() == 1 || nearest < HOLD).map(|(ssrc, trip)| Suspect {
        hop: Hop::RoundTrip(Some(*ssrc)),
        measure: *trip,
        weight: weight * trip,
    }));
}

/// What is heard of it makes it worse than what was repaired.
fn suspect(hop: Hop, measure: f32, way: Way) -> Suspect {
    let heard = share(way.concealed);
    Suspect { hop, measure, weight: measure * (1.0 + heard * 100.0) }
}

/// How much more than tolerable a way loses or shakes.
fn measure(way: Way) -> f32 {
    let loss = share(way.loss) / LOSS;
    loss.max(way.jitter.as_secs_f32() / JITTER.as_secs_f32())
}

/// What is no number is no share.
fn share(of: f32) -> f32 {
    if of.is_nan() { 0.0 } else { of.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests;
