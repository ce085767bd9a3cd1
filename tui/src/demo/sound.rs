//! How the simulated voices sound and what is measured of them. Nothing is random: the same second of the same call
//! is always the same, so that pictures can be taken twice. What the figures mean is said by the real appraiser.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use proto::Time;
use proto::id::Ssrc;
use proto::media::appraise::{Appraiser, Ourselves};
use proto::media::processing::{PartState, Processing, Why};
use proto::media::{Levels, MemberStatistics, Path, Statistics};

use super::ms;

/// Somebody speaks for so long before somebody else may.
const TURN_MS: u64 = 2_600;
/// At the end of a turn everybody breathes.
const BREATH_MS: u64 = 500;
const SYLLABLE_MS: u64 = 210;
/// Nobody speaks.
const SILENCE_DB: f32 = -90.0;

/// What the network does to somebody's voice.
struct Road {
    trip_ms: u64,
    jitter_ms: u64,
    loss: f32,
    invented: f32,
    buffer_ms: u64,
}

/// Dave sits in a train: his is the bad link.
fn road(who: &str) -> Road {
    let good = Road { trip_ms: 42, jitter_ms: 4, loss: 0.002, invented: 0.0, buffer_ms: 40 };
    match who {
        "dave" => Road { trip_ms: 88, jitter_ms: 17, loss: 0.062, invented: 0.011, buffer_ms: 90 },
        "carol" => Road { trip_ms: 61, jitter_ms: 6, ..good },
        "erin" => Road { trip_ms: 35, loss: 0.0, ..good },
        _ => good,
    }
}

/// A number that looks like any other.
fn mixed(of: u64) -> u64 {
    let mixed = (of ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33
}

/// How loud one of so many voices is then, in dB below full scale. They take turns.
fn level(voice: u64, voices: u64, at: Time) -> f32 {
    let (turn, into) = (at.as_ms() / TURN_MS, at.as_ms() % TURN_MS);
    if mixed(turn) % voices.max(1) != voice || into + BREATH_MS > TURN_MS {
        return SILENCE_DB;
    }
    let syllable = at.as_ms() / SYLLABLE_MS;
    if mixed(syllable).is_multiple_of(6) {
        return SILENCE_DB;
    }
    // Up and down within the syllable; both casts are of small numbers.
    let phase = at.as_ms() % SYLLABLE_MS;
    let rise = phase.min(SYLLABLE_MS - phase) as f32 / SYLLABLE_MS as f32;
    -34.0 + 40.0 * rise + (mixed(syllable) % 8) as f32
}

/// The levels of oneself and these streams.
pub(super) fn levels(muted: bool, streams: &[Ssrc], at: Time) -> Levels {
    let voices = streams.len() as u64 + 1;
    let speakers = (1..).zip(streams).map(|(voice, ssrc)| (*ssrc, level(voice, voices, at))).collect();
    Levels { microphone: if muted { SILENCE_DB } else { level(0, voices, at) }, speakers }
}

/// A call as it is measured.
#[derive(Debug, Default)]
pub(super) struct Meterage {
    appraiser: Appraiser,
    seconds: u64,
}

impl Meterage {
    /// The figures of the next second, with these members.
    pub(super) fn second(&mut self, muted: bool, members: &[(Ssrc, &str)]) -> Statistics {
        self.seconds += 1;
        let measured: Vec<MemberStatistics> =
            members.iter().map(|(ssrc, who)| self.member(*ssrc, &road(who))).collect();
        let worst = measured.iter().max_by_key(|member| member.round_trip);
        // The casts are of few people and few seconds.
        let mean = |of: fn(&MemberStatistics) -> f32| {
            measured.iter().map(of).sum::<f32>() / measured.len().max(1) as f32
        };
        let streams = u32::try_from(members.len()).unwrap_or(1);
        let packets = self.seconds * 50 * members.len() as u64;
        let lost = (packets as f32 * mean(|member| member.loss_in)) as u64;
        let mut figures = Statistics {
            round_trip: worst.and_then(|member| member.round_trip),
            loss_in: mean(|member| member.loss_in),
            loss_out: mean(|member| member.loss_out),
            jitter: measured.iter().map(|member| member.jitter_in).max().unwrap_or_default(),
            buffer: measured.iter().map(|member| member.buffer_in).max().unwrap_or_default(),
            opened: packets - lost,
            lost,
            repaired: lost,
            bitrate: 32_000,
            frame: ms(20),
            fec: true,
            payload: 32_000,
            wire: (41_000, 39_000 * streams),
            local: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 41_820)),
            turn: ms(1),
            members: measured,
            ..Statistics::default()
        };
        let ourselves =
            Ourselves { muted, capture: ms(10), look_ahead: ms(6), speaker: ms(12), ..Ourselves::default() };
        figures.appraisal = self.appraiser.appraise(&figures, &ourselves);
        figures
    }

    fn member(&self, ssrc: Ssrc, road: &Road) -> MemberStatistics {
        let stray = mixed(self.seconds ^ u64::from(ssrc.0) << 20);
        let path = Path::Relay(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2)), 8462));
        MemberStatistics {
            told: true,
            path: Some(path),
            round_trip: Some(ms(road.trip_ms + stray % 5)),
            loss_in: road.loss * (0.8 + (stray % 40) as f32 / 100.0),
            loss_out: 0.001,
            burst_in: if road.loss > 0.01 { 1.8 } else { 1.0 },
            burst_out: 1.0,
            jitter_in: ms(road.jitter_ms + stray % 2),
            jitter_out: ms(4),
            concealed_in: road.invented,
            buffer_in: ms(road.buffer_ms),
            buffer_out: ms(40),
            ..MemberStatistics::of(ssrc)
        }
    }
}

/// What is done to one's own voice.
pub(super) fn processing() -> Processing {
    Processing {
        echo: PartState { on: false, why: Why::NoEcho },
        noise: PartState { on: true, why: Why::Noisy },
        gain: PartState { on: false, why: Why::VoiceFine },
    }
}
