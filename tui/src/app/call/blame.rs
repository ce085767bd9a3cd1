//! Who is to blame for how a call sounds, and what its end says of it, in sentences.

use proto::media::HalfState;
use proto::media::blame::{Fault, Hop};
use proto::media::quality::Rating;
use proto::media::summary::Summary;

use super::figures::Losses;

/// A rating in a word.
pub fn rating(of: Rating) -> &'static str {
    match of {
        Rating::Good => "good",
        Rating::Fair => "fair",
        Rating::Poor => "poor",
        Rating::Bad => "bad",
    }
}

/// What is wrong with a call, in a sentence; none when nothing is. `who` is the member that the hop names.
pub fn blame(hop: Hop, who: &str, losses: Losses, round_trip: Option<u32>) -> Option<String> {
    let lost = losses.lost.shown().unwrap_or(0);
    // Jitter is to blame without a loss worth naming.
    let does = if lost >= 5 { format!("loses {}", percent(lost)) } else { "is uneven".to_owned() };
    let heard = heard(losses);
    let trip = round_trip.map_or_else(|| "long".to_owned(), |ms| format!("{ms} ms"));
    Some(match hop {
        Hop::Nobody => return None,
        Hop::MyMicrophone(Fault::Fails) => {
            "Your microphone loses sound: choose another, or close what else uses it.".to_owned()
        }
        Hop::MyMicrophone(Fault::Silent) => {
            "Your microphone gives only silence: is it switched off, or the wrong one?".to_owned()
        }
        Hop::MyMicrophone(Fault::Clips) => {
            "You are too loud for your microphone: turn it down a little.".to_owned()
        }
        Hop::MySpeaker => {
            "Your speaker misses sound: this computer is busy, or the device is failing.".to_owned()
        }
        Hop::MyUplink => format!("Your uplink {does}: {heard}."),
        Hop::MyDownlink => format!("Your downlink {does}: {heard}."),
        Hop::TheirMicrophone(_) => format!("{who}'s microphone loses sound, says their program."),
        Hop::TheirSpeaker(_) => format!("{who}'s speaker misses sound, says their program."),
        Hop::TheirUplink(_) => format!("{who}'s uplink {does}: {heard}."),
        Hop::TheirDownlink(_) => format!("{who}'s downlink {does}: {heard}."),
        Hop::ToThem(_) => format!("Your uplink or {who}'s downlink {does}: {heard}."),
        Hop::FromThem(_) => format!("{who}'s uplink or your downlink {does}: {heard}."),
        Hop::RoundTrip(Some(_)) => format!("{who} is far away: the round trip is {trip}."),
        Hop::RoundTrip(None) => format!("Everybody is far away: the round trip is {trip}."),
    })
}

/// What of the loss could be heard.
fn heard(losses: Losses) -> String {
    match losses.heard.shown().unwrap_or(0) {
        0 => "all repaired".to_owned(),
        heard => format!("{} could be heard", percent(heard)),
    }
}

/// The same in a few words, for the end of the call.
fn blamed(hop: Hop, who: &str) -> Option<String> {
    Some(match hop {
        Hop::Nobody => return None,
        Hop::MyMicrophone(_) => "your microphone".to_owned(),
        Hop::MySpeaker => "your speaker".to_owned(),
        Hop::MyUplink => "your uplink".to_owned(),
        Hop::MyDownlink => "your downlink".to_owned(),
        Hop::TheirMicrophone(_) => format!("{who}'s microphone"),
        Hop::TheirSpeaker(_) => format!("{who}'s speaker"),
        Hop::TheirUplink(_) => format!("{who}'s uplink"),
        Hop::TheirDownlink(_) => format!("{who}'s downlink"),
        Hop::ToThem(_) => format!("the way to {who}"),
        Hop::FromThem(_) => format!("the way from {who}"),
        Hop::RoundTrip(_) => "the distance".to_owned(),
    })
}

/// How a call was, for the line at its end: `good (MOS 4.2), loss 0.3 %, all repaired`. None when nobody was heard,
/// as it is where the speaker does not work: the page of the call gives no rating then, either. `who` gives the name of
/// the member that was to blame.
pub fn summed_up(summary: &Summary, speaker: &HalfState, who: impl Fn(Hop) -> String) -> Option<String> {
    if let HalfState::Failed { .. } = speaker {
        return None;
    }
    let mos = summary.mos()?;
    let mut words = format!("{} (MOS {mos:.1})", rating(Rating::of(mos)));
    // The cast is exact: a share is between 0 and 1.
    let tenths = |share: Option<f32>| share.map(|share| (share * 1000.0).round() as u32);
    let worse = |here: Option<f32>, there: Option<f32>| tenths(here).max(tenths(there)).unwrap_or(0);
    let lost = worse(summary.loss_in(), summary.loss_out());
    let heard = worse(summary.heard_in(), summary.heard_out());
    match (lost, heard) {
        (0, 0) => words.push_str(", no loss"),
        (lost, 0) => words.push_str(&format!(", loss {}, all repaired", percent(lost))),
        (lost, heard) => words.push_str(&format!(", loss {}, heard {}", percent(lost), percent(heard))),
    }
    let (hop, _) = summary.blamed();
    if let Some(blamed) = blamed(hop, &who(hop)) {
        words.push_str(&format!(", mostly {blamed}"));
    }
    Some(words)
}

/// Tenths of a percent as people read them.
pub fn percent(tenths: u32) -> String {
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use proto::id::Ssrc;
    use proto::media::Statistics;
    use proto::media::appraise::Appraisal;
    use proto::media::summary::Second;

    use super::super::figures::Figures;
    use super::*;

    fn said(hop: Hop, lost: f32, heard: f32) -> String {
        let mut figures = Figures::default();
        let appraisal = Appraisal { hop, lost, heard, ..Appraisal::default() };
        figures.take(&Statistics { appraisal, ..Statistics::default() });
        blame(hop, "dave", figures.blamed, Some(420)).unwrap_or_default()
    }

    #[test]
    fn every_hop_is_said_with_what_of_it_is_heard() {
        let dave = Ssrc(1);
        for (hop, lost, heard, words) in [
            (Hop::Nobody, 0.0, 0.0, ""),
            (Hop::MyUplink, 0.041, 0.0, "Your uplink loses 4.1 %: all repaired."),
            (Hop::TheirUplink(dave), 0.019, 0.002, "dave's uplink loses 1.9 %: 0.2 % could be heard."),
            (Hop::TheirDownlink(dave), 0.001, 0.0, "dave's downlink is uneven: all repaired."),
            (
                Hop::ToThem(dave),
                0.05,
                0.01,
                "Your uplink or dave's downlink loses 5.0 %: 1.0 % could be heard.",
            ),
            (Hop::RoundTrip(Some(dave)), 0.0, 0.0, "dave is far away: the round trip is 420 ms."),
        ] {
            assert_eq!(said(hop, lost, heard), words);
        }
    }

    #[test]
    fn no_sentence_is_longer_than_a_row() {
        let them = Ssrc(1);
        for hop in [
            Hop::MyMicrophone(Fault::Fails),
            Hop::MyMicrophone(Fault::Silent),
            Hop::MyMicrophone(Fault::Clips),
            Hop::MySpeaker,
            Hop::MyDownlink,
            Hop::TheirMicrophone(them),
            Hop::TheirSpeaker(them),
            Hop::FromThem(them),
            Hop::RoundTrip(None),
        ] {
            let words = said(hop, 0.31, 0.125);
            assert!((20..78).contains(&words.len()), "{words}");
        }
    }

    #[test]
    fn the_end_of_a_call_says_how_it_was() {
        let second = |lost: f32, heard: f32, hop| Second {
            mos: Some(4.2),
            loss_in: lost,
            heard_in: heard,
            hop,
            ..Second::default()
        };
        let of = |lost, heard, hop| {
            let mut summary = Summary::default();
            (0..20).for_each(|_| summary.take(&second(lost, heard, hop)));
            summed_up(&summary, &HalfState::Closed, |_| "dave".to_owned()).unwrap()
        };
        assert_eq!(of(0.0, 0.0, Hop::Nobody), "good (MOS 4.2), no loss");
        assert_eq!(of(0.003, 0.0, Hop::Nobody), "good (MOS 4.2), loss 0.3 %, all repaired");
        assert_eq!(
            of(0.05, 0.02, Hop::TheirUplink(Ssrc(1))),
            "good (MOS 4.2), loss 5.0 %, heard 2.0 %, mostly dave's uplink"
        );
        assert_eq!(summed_up(&Summary::default(), &HalfState::Closed, |_| String::new()), None);
        let mut summary = Summary::default();
        summary.take(&second(0.0, 0.0, Hop::MySpeaker));
        let failed = HalfState::Failed { why: proto::Safe::line("none answers") };
        assert_eq!(summed_up(&summary, &failed, |_| String::new()), None, "nobody was heard here");
    }
}
