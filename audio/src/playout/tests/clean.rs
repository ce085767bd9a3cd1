//! A call in which nothing is wrong: what is heard is what the decoder gave, sample for sample, and a little later.

use super::*;

/// What the decoder alone makes of the packets.
pub(super) fn decoded(packets: &[OpusFrame]) -> Vec<f32> {
    let mut decoder = Decoder::new().unwrap();
    let mut out = [0.0; FRAME_SAMPLES_MAX];
    let mut sound = Vec::new();
    for packet in packets {
        let count = decoder.decode(packet.bytes(), &mut out).unwrap();
        sound.extend_from_slice(&out[..count]);
    }
    sound
}

/// Twelve seconds at equal clocks, each packet on the road for `transit` samples, to an output that says when it asks, in
/// samples of true time, and for how many.
fn heard_by(
    frame: FrameDuration,
    transit: usize,
    asks: impl Iterator<Item = (usize, usize)>,
) -> (Vec<f32>, Vec<f32>, PlayoutStats) {
    let packets = packets(576_000 / frame.samples(), EncoderSettings { frame, ..Default::default() });
    let (mut playout, mut heard, mut sent) = (Playout::new().unwrap(), Vec::new(), 0);
    for (time, ask) in asks.take_while(|(time, _)| *time < 576_000) {
        while sent < packets.len() && sent * frame.samples() + transit <= time {
            playout.arrive(sent as u16, packets[sent].bytes()).unwrap();
            sent += 1;
        }
        let mut out = vec![0.0; ask];
        playout.render(&mut out);
        heard.extend_from_slice(&out);
    }
    (heard, decoded(&packets), playout.stats())
}

/// How much later than the decoder gave it a second of sound is heard, if it is the same to the bit.
pub(super) fn later(heard: &[f32], decoded: &[f32], second: usize) -> Option<usize> {
    let span = &decoded[second * 48_000..][..48_000];
    let bits = |samples: &[f32]| samples.iter().map(|sample| sample.to_bits()).collect::<Vec<_>>();
    let here = heard.get(second * 48_000..)?;
    let loud = span.iter().position(|sample| sample.abs() > 0.05)?;
    let mut candidates = (0..4_800).filter(|by| here.get(by + loud) == Some(&span[loud]));
    candidates.find(|&by| here.get(by..by + 48_000).is_some_and(|same| bits(same) == bits(span)))
}

#[test]
fn even_packets_and_equal_clocks_give_the_samples_of_the_decoder() {
    for frame in FrameDuration::ALL {
        for ask in [120, 144, 240] {
            for transit in [480, 517, 599] {
                let asks = (0..).map(|n| (n * ask, ask));
                let (heard, decoded, stats) = heard_by(frame, transit, asks);
                let label = format!("{frame:?}, asked {ask} at a time, {transit} on the road: {stats:?}");
                // The first seconds bring the delay from a guess to what is needed, but for what is slight: this voice makes no
                // pause, and that waits for one for eight seconds.
                for seconds in [3..8, 9..11] {
                    let by: Vec<_> = seconds.map(|second| later(&heard, &decoded, second)).collect();
                    assert!(by[0].is_some() && by.iter().all(|other| *other == by[0]), "{label}: {by:?}");
                }
                assert!(stats.counters.lengthened + stats.counters.shortened <= 240, "{label}");
            }
        }
    }
}

#[test]
fn an_output_that_is_late_now_and_then_asks_for_more_at_once_and_bends_nothing() {
    for frame in FrameDuration::ALL {
        // Once in 700 ms its thread sleeps over one turn, and takes the samples of two in the next.
        let asks = (0..4_000usize).filter(|n| n % 280 != 40).map(|n| {
            let late = n > 0 && (n - 1) % 280 == 40;
            (n * 120, if late { 240 } else { 120 })
        });
        let (heard, decoded, stats) = heard_by(frame, 520, asks);
        let by: Vec<_> = (3..9).map(|second| later(&heard, &decoded, second)).collect();
        assert!(by[0].is_some() && by.iter().all(|other| *other == by[0]), "{frame:?}: {by:?}, {stats:?}");
    }
}
