//! How a call sounds, estimated from what is measured of it: the delay from mouth to ear as the sum of its parts, and
//! a mean opinion score by the E-model (ITU-T G.107), simplified. Nobody's voice is looked at: these are figures of
//! packets, good for a word on the screen and no more.
//!
//! ```text
//! R = 93.2 - Ie - Idd(mouth to ear) - (95 - Ie) * heard / (heard + Bpl)        MOS = clamp(f(R), 1.0, 4.5)
//! ```
//!
//! Echo is not in it (it is told by itself), nor is loudness. `Ie` and `Bpl` are fitted to PESQ of Opus at 32 kbit/s
//! with its own concealment, so that the figure falls as fast as the ear of that meter: far faster than the standard's
//! values for narrow codecs.

use core::time::Duration;

/// The highest rating of a connection by default (G.107, table 2, all defaults).
const R_DEFAULT: f32 = 93.2;
/// What Opus at 32 kbit/s costs by itself: PESQ 4.03 and a little of what PESQ takes off any speech.
const IE: f32 = 7.0;
/// Percent of invented frames that cost half of what is left: fitted to PESQ 2.3, 1.8, 1.3 and 1.2 at 5, 10, 20 and 30 %.
const BPL: f32 = 5.5;
/// Below this delay nothing is lost (G.107 section 7.4).
const DELAY_FREE_MS: f32 = 100.0;
/// Mean lengths of runs beyond this make no difference: all of a word is gone.
const BURST_MAX: f32 = 16.0;

/// The lowest and the highest score there is.
pub const MOS_RANGE: (f32, f32) = (1.0, 4.5);

/// What a voice passes on its way from mouth to ear, and how long each takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MouthToEar {
    /// The microphone gives sound in blocks, and processing holds some back.
    pub capture: Duration,
    /// A frame is sent when it is whole.
    pub frame: Duration,
    /// What the encoder looks ahead.
    pub look_ahead: Duration,
    /// Half of the round trip.
    pub network: Duration,
    /// The playout buffer.
    pub buffer: Duration,
    /// What waits for the speaker.
    pub speaker: Duration,
}

impl MouthToEar {
    /// All of it.
    pub fn total(&self) -> Duration {
        self.parts().into_iter().fold(Duration::ZERO, |sum, (_, part)| sum.saturating_add(part))
    }

    /// Its parts with their names, from mouth to ear.
    pub fn parts(&self) -> [(&'static str, Duration); 6] {
        [
            ("capture", self.capture),
            ("frame", self.frame),
            ("look_ahead", self.look_ahead),
            ("network", self.network),
            ("buffer", self.buffer),
            ("speaker", self.speaker),
        ]
    }
}

/// The estimated mean opinion score of one way of a call, within [`MOS_RANGE`]. It never rises when any of these does:
/// the delay from mouth to ear, the share of frames that had to be invented (0 to 1), and the mean length of the runs
/// in which packets are lost (1 and less: alone).
pub fn mos(mouth_to_ear: Duration, invented: f32, burst: f32) -> f32 {
    score(R_DEFAULT - IE - delay_impairment(mouth_to_ear) - loss_impairment(invented, burst))
}

/// `Idd` of G.107: too late to talk at ease.
fn delay_impairment(mouth_to_ear: Duration) -> f32 {
    let ms = mouth_to_ear.as_secs_f32() * 1_000.0;
    if ms <= DELAY_FREE_MS {
        return 0.0;
    }
    let x = (ms / DELAY_FREE_MS).log2();
    let root = |y: f32| (1.0 + y.powi(6)).powf(1.0 / 6.0);
    25.0 * (root(x) - 3.0 * root(x / 3.0) + 2.0).max(0.0)
}

/// `Ie_eff` of G.107 beyond `Ie`. The standard's `BurstR` divides the loss in the denominator, which with a `Bpl` as
/// small as this leaves nothing of any speech. PESQ hardly sees bursts and people do: the fourth root keeps the order.
fn loss_impairment(invented: f32, burst: f32) -> f32 {
    // What is not a number counts as nothing.
    let within = |of: f32, least: f32, most: f32| if of.is_nan() { least } else { of.clamp(least, most) };
    let felt = within(invented, 0.0, 1.0) * 100.0 * within(burst, 1.0, BURST_MAX).powf(0.25);
    (95.0 - IE) * felt / (felt + BPL)
}

/// A rating as a score (G.107 annex B). The polynomial dips below 1 for the lowest ratings.
fn score(rating: f32) -> f32 {
    let r = rating.clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(MOS_RANGE.0, MOS_RANGE.1)
}

/// A score as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rating {
    /// Hard to follow.
    Bad,
    /// Tiring.
    Poor,
    /// One hears that it is a call.
    Fair,
    /// As if in the room.
    Good,
}

impl Rating {
    /// How far a score must be beyond a border before the word changes.
    const HOLD: f32 = 0.1;
    /// Each with the lowest score that earns it: G.107 table B.1, whose users are "satisfied", "some not" and "many not".
    const BORDERS: [(Self, f32); 3] = [(Self::Good, 4.0), (Self::Fair, 3.6), (Self::Poor, 3.1)];

    /// The word for a score.
    pub fn of(mos: f32) -> Self {
        Self::BORDERS.iter().find(|(_, least)| mos >= *least).map_or(Self::Bad, |(word, _)| *word)
    }

    /// The word for a score that follows one with this word: it does not flicker at a border.
    #[must_use]
    pub fn then(self, mos: f32) -> Self {
        self.clamp(Self::of(mos - Self::HOLD), Self::of(mos + Self::HOLD))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn scores_of_delay_and_loss_are_those_of_the_table() {
        let near = |got: f32, told: f32| (got - told).abs() < 0.01;
        for (delay, invented, burst, told) in [
            (0, 0.0, 0.0, 4.24),
            (100, 0.0, 0.0, 4.24),
            (150, 0.0, 0.0, 4.23),
            (250, 0.0, 0.0, 3.92),
            (400, 0.0, 0.0, 3.21),
            (800, 0.0, 0.0, 2.33),
            (40, 0.002, 1.0, 4.14),
            (40, 0.01, 1.0, 3.72),
            (40, 0.05, 1.0, 2.28),
            (40, 0.05, 3.0, 1.98),
            (40, 0.10, 1.0, 1.59),
            (40, 1.00, 9.0, 1.0),
            (400, 0.05, 1.0, 1.26),
        ] {
            let got = mos(ms(delay), invented, burst);
            assert!(near(got, told), "{delay} ms, {invented}, runs of {burst}: {got}");
        }
    }

    /// PESQ of the lab: Opus 1.6.1 at 32 kbit/s, frames of 20 ms, lost at random and concealed by the codec.
    #[test]
    fn the_score_follows_what_pesq_says_of_concealed_opus() {
        for (invented, pesq) in [(0.0, 4.04), (0.05, 2.33), (0.10, 1.78), (0.20, 1.33), (0.30, 1.19)] {
            let got = mos(ms(40), invented, 1.0);
            assert!((got - pesq).abs() < 0.3, "{invented}: {got}, PESQ {pesq}");
        }
    }

    proptest! {
        #[test]
        fn a_score_is_in_range_and_never_rises_with_what_is_bad(
            delay in 0u64..5_000, invented in 0.0f32..1.0, burst in 0.0f32..40.0,
            later in 0u64..5_000, more in 0.0f32..1.0, longer in 0.0f32..40.0,
        ) {
            let base = mos(ms(delay), invented, burst);
            prop_assert!((MOS_RANGE.0..=MOS_RANGE.1).contains(&base));
            for worse in [
                mos(ms(delay + later), invented, burst),
                mos(ms(delay), invented + more, burst),
                mos(ms(delay), invented, burst + longer),
            ] {
                prop_assert!(worse <= base + 1e-5, "{worse} after {base}");
            }
        }

        #[test]
        fn whatever_a_report_says_gives_a_score(bits in any::<[u32; 2]>(), delay in any::<u64>()) {
            let [invented, burst] = bits.map(f32::from_bits);
            let got = mos(Duration::from_micros(delay), invented, burst);
            prop_assert!((MOS_RANGE.0..=MOS_RANGE.1).contains(&got), "{got}");
        }
    }

    #[test]
    fn mouth_to_ear_is_the_sum_of_what_is_shown() {
        let way = MouthToEar {
            capture: ms(5),
            frame: ms(10),
            look_ahead: Duration::from_micros(6_500),
            network: ms(21),
            buffer: ms(40),
            speaker: ms(8),
        };
        assert_eq!(way.total(), Duration::from_micros(90_500));
        assert_eq!(way.parts().iter().map(|(_, part)| *part).sum::<Duration>(), way.total());
        let endless = MouthToEar { network: Duration::MAX, buffer: ms(1), ..way };
        assert_eq!(endless.total(), Duration::MAX);
    }

    #[test]
    fn a_word_holds_at_its_border() {
        let mut word = Rating::of(4.2);
        let mut then = |mos| {
            word = word.then(mos);
            word
        };
        assert_eq!([4.0, 3.95, 3.91].map(&mut then), [Rating::Good; 3]);
        assert_eq!(then(3.89), Rating::Fair);
        assert_eq!([3.95, 4.05, 4.09].map(&mut then), [Rating::Fair; 3]);
        assert_eq!(then(4.11), Rating::Good);
        assert_eq!(then(1.0), Rating::Bad);
        assert_eq!(then(3.3), Rating::Poor);
    }
}
