//! Packets in, sound out: what a call's sound and delay do on every network.

use super::*;
use crate::codec::{Encoder, EncoderSettings};
use crate::frame::OpusFrame;
use proptest::prelude::*;
use proto::Rng;

mod clean;
mod lasting;
mod rejoin;
mod uneven;

fn packets(count: usize, settings: EncoderSettings) -> Vec<OpusFrame> {
    let mut encoder = Encoder::new(settings).unwrap();
    let len = settings.frame.samples();
    let voice = crate::testing::voice(count * len);
    (0..count)
        .map(|n| {
            let mut packet = OpusFrame::EMPTY;
            encoder.encode(&voice[n * len..][..len], &mut packet).unwrap();
            packet
        })
        .collect()
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
}

#[test]
fn a_voice_comes_out_at_its_level_whatever_the_output_asks_for() {
    for ask in [64, 240, 441, 1_024] {
        let mut playout = Playout::new().unwrap();
        let (mut heard, mut sent) = (Vec::new(), 0);
        let packets = packets(200, EncoderSettings::default());
        while heard.len() < 96_000 - ask {
            while sent < packets.len() && sent * 480 <= heard.len() {
                playout.arrive(sent as u16, packets[sent].bytes()).unwrap();
                sent += 1;
            }
            let mut out = vec![0.0; ask];
            playout.render(&mut out);
            heard.extend_from_slice(&out);
        }
        let (level, want) =
            (rms(&heard[24_000..72_000]), rms(&crate::testing::voice(96_000)[24_000..72_000]));
        assert!((level / want - 1.0).abs() < 0.1, "asked {ask} at a time, level {level} for {want}");
        assert_eq!(playout.stats().counters.lost, 0);
        assert!(playout.level().peak > -15.0);
    }
}

#[test]
fn lost_packets_are_recovered_when_the_sender_adds_copies() {
    let settings = EncoderSettings { loss_percent: 20, ..Default::default() };
    let mut playout = Playout::new().unwrap();
    let mut heard = Vec::new();
    for (n, packet) in packets(1_000, settings).iter().enumerate() {
        if n % 10 != 7 {
            playout.arrive(n as u16, packet.bytes()).unwrap();
        }
        let mut out = [0.0; 480];
        playout.render(&mut out);
        heard.extend_from_slice(&out);
    }
    let counters = playout.stats().counters;
    // Pauses carry no copies: there is nothing in them to recover.
    assert!(counters.recovered >= 30, "{counters:?}");
    let (level, want) = (rms(&heard[48_000..]), rms(&crate::testing::voice(480_000)[48_000..]));
    assert!((level / want - 1.0).abs() < 0.15, "level {level} for {want}");
}

#[test]
fn when_the_sender_is_gone_the_sound_fades_and_then_costs_nothing() {
    let mut playout = Playout::new().unwrap();
    let mut out = [0.0; 480];
    for (n, packet) in packets(50, EncoderSettings::default()).iter().enumerate() {
        playout.arrive(n as u16, packet.bytes()).unwrap();
        playout.render(&mut out);
    }
    (0..60).for_each(|_| playout.render(&mut out));
    assert_eq!(out, [0.0; 480], "600 ms later");
    let concealed = playout.stats().counters.concealed;
    (0..60).for_each(|_| playout.render(&mut out));
    assert_eq!(playout.stats().counters.concealed, concealed);
}

#[test]
fn what_is_not_opus_of_our_durations_is_refused_by_name() {
    let mut playout = Playout::new().unwrap();
    assert_eq!(playout.arrive(1, &[]), Err(Refused::Codec(CodecError::Malformed)));
    assert_eq!(playout.arrive(1, &[3 << 3, 0]), Err(Refused::Codec(CodecError::Duration)));
    let packet = packets(1, EncoderSettings { frame: FrameDuration::Ms5, ..Default::default() });
    playout.arrive(1, packet[0].bytes()).unwrap();
    assert_eq!(playout.arrive(1, packet[0].bytes()), Err(Refused::Unplaced(Unplaced::Duplicate)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn junk_from_an_authenticated_peer_makes_no_more_than_noise(
        acts in proptest::collection::vec((any::<u16>(), proptest::collection::vec(any::<u8>(), 0..80), 1usize..700), 0..60),
    ) {
        let mut playout = Playout::new().unwrap();
        for (seq, packet, ask) in acts {
            let _ = playout.arrive(seq % 64, &packet);
            let mut out = vec![0.0; ask];
            playout.render(&mut out);
            prop_assert!(out.iter().all(|sample| sample.is_finite()));
        }
    }
}

/// What happened to the sound of a simulated call, as a line of the table.
struct Call {
    heard: Vec<f32>,
    /// The delay at each 10 ms, ms.
    delays: Vec<f64>,
    stats: PlayoutStats,
}

/// Repeatable randomness for a network, from the house's generator.
struct Dice(Rng);

impl Dice {
    fn new(label: &str) -> Self {
        Self(Rng::new([7; 32]).child(label))
    }

    fn unit(&mut self) -> f64 {
        f64::from(self.0.u32()) / (f64::from(u32::MAX) + 1.0)
    }

    /// Roughly normal, mean 0, deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// Plays `count` frames, `packets` again and again, over a network that says each one's transit in samples (`None` is
/// lost); frame `n` is sent when the output has taken `n * length` samples. The output asks for 5 ms at a time.
fn call(
    packets: &[OpusFrame],
    count: usize,
    length: f64,
    keep: bool,
    network: impl FnMut(usize) -> Option<f64>,
) -> Call {
    call_with(Playout::new().unwrap(), packets, count, length, keep, network)
}

fn call_with<D: Decode>(
    mut playout: Playout<D>,
    packets: &[OpusFrame],
    count: usize,
    length: f64,
    keep: bool,
    mut network: impl FnMut(usize) -> Option<f64>,
) -> Call {
    let mut flights: Vec<(u64, usize)> = (0..count)
        .filter_map(|n| network(n).map(|transit| ((n as f64 * length + transit).max(0.0) as u64, n)))
        .collect();
    flights.sort();
    let mut flights = flights.into_iter().peekable();
    let (mut heard, mut delays, mut block) = (Vec::new(), Vec::new(), [0.0; 240]);
    for now in (0..(count as f64 * length) as u64).step_by(240) {
        while let Some((_, n)) = flights.next_if(|(at, _)| *at <= now) {
            let _ = playout.arrive(n as u16, packets[n % packets.len()].bytes());
        }
        playout.render(&mut block);
        if keep {
            heard.extend_from_slice(&block);
        }
        delays.push(f64::from(playout.stats().delay) / 48.0);
    }
    Call { heard, delays, stats: playout.stats() }
}

/// The same with copies as `proto::media` plays them: what did not come by itself, before the packet it came with.
/// `network` says which packets of 20 ms come, and when.
fn call_with_copies(
    packets: &[OpusFrame],
    count: usize,
    offsets: &[usize],
    mut network: impl FnMut(usize) -> Option<f64>,
) -> Call {
    let mut playout = Playout::new().unwrap();
    let mut flights: Vec<(u64, usize)> = (0..count)
        .filter_map(|n| network(n).map(|transit| ((n as f64 * 960.0 + transit) as u64, n)))
        .collect();
    flights.sort();
    let mut flights = flights.into_iter().peekable();
    let (mut came, mut delays, mut block) = (vec![false; count], Vec::new(), [0.0; 240]);
    let bytes = |n: usize| packets[n % packets.len()].bytes();
    for now in (0..count as u64 * 960).step_by(240) {
        while let Some((_, n)) = flights.next_if(|(at, _)| *at <= now) {
            came[n] = true;
            for back in offsets.iter().filter(|back| **back <= n && !came[n - **back]) {
                let _ = playout.arrive_copy((n - back) as u16, bytes(n - back));
            }
            playout.reach(offsets.iter().copied().max().unwrap_or(0) as u8, bytes(n));
            let _ = playout.arrive(n as u16, bytes(n));
        }
        playout.render(&mut block);
        delays.push(f64::from(playout.stats().delay) / 48.0);
    }
    Call { heard: Vec::new(), delays, stats: playout.stats() }
}

/// Which packets a network keeps that loses `loss` of them, in runs of that many on average (Gilbert's model); a mean
/// of `1 / (1 - loss)` is as good as independent.
fn losing(loss: f64, run: f64, dice: &mut Dice) -> impl FnMut() -> bool + '_ {
    let mut bad = false;
    move || {
        let turn = if bad { 1.0 / run } else { loss / (1.0 - loss) / run };
        bad ^= dice.unit() < turn;
        !bad
    }
}

fn share(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// The behaviour under loss and uneven delay: a change here must be explained where it is made.
#[test]
fn table_of_loss_and_jitter() {
    const SECONDS: usize = 30;
    let mut table = String::from(
        "30 s each. Jitter is the deviation of a normal transit time (mean 20 ms, never below 0, with reordering).\n\
         Delay is from the fastest packet's arrival to its playing. Stretch is samples put in or taken out.\n\
         frame  copies  loss %  jitter ms | concealed %  recovered %  late %  skipped | delay p50 ms  p95 | stretch %\n",
    );
    for (frame, copies) in [
        (FrameDuration::Ms10, false),
        (FrameDuration::Ms10, true),
        (FrameDuration::Ms5, false),
        (FrameDuration::Ms20, false),
    ] {
        let loss_percent = if copies { 20 } else { 0 };
        let length = frame.samples();
        let (packets, count) = (
            packets(480_000 / length, EncoderSettings { frame, loss_percent, ..Default::default() }),
            SECONDS * 48_000 / length,
        );
        for loss in [0.0, 0.05, 0.20] {
            for deviation in [0.0, 5.0, 30.0] {
                let mut dice = Dice::new("table");
                let Call { mut delays, stats, .. } = call(&packets, count, length as f64, false, |_| {
                    let kept = dice.unit() >= loss;
                    let transit = (20.0 + dice.normal() * deviation).max(0.0) * 48.0;
                    kept.then_some(transit)
                });
                delays.sort_by(f64::total_cmp);
                let of = |part: u64, whole: usize| part as f64 * 100.0 / whole as f64;
                let counters = stats.counters;
                table += &format!(
                    "{:>2} ms {:>7} {:>7.0} {deviation:>10.0} | {:>11.1} {:>12.1} {:>7.1} {:>8} | {:>12.0} {:>4.0} | {:>9.1}\n",
                    frame.ms(),
                    if copies { "yes" } else { "no" },
                    loss * 100.0,
                    of(counters.concealed, count),
                    of(counters.recovered, count),
                    of(counters.late, count),
                    counters.skipped,
                    share(&delays, 50),
                    share(&delays, 95),
                    of(counters.shortened + counters.lengthened, count * length),
                );
            }
        }
    }
    insta::assert_snapshot!(table);
}

/// The same with copies of whole packets: what they repair, and what delay they cost.
#[test]
fn table_of_loss_jitter_and_copies() {
    const COUNT: usize = 60 * 50;
    let mut table = String::from(
        "60 s of 20 ms frames each. Copies are of the frames that many back; jitter and delay as in the other table.\n\
         copies  loss %  run  jitter ms | concealed %  copied %  late %  skipped | delay p50 ms  p95 | stretch %\n",
    );
    let packets = packets(500, EncoderSettings { frame: FrameDuration::Ms20, ..Default::default() });
    for offsets in [&[][..], &[1], &[2, 1], &[4, 2]] {
        for (loss, run) in [(0.0, 1.0), (0.05, 1.05), (0.2, 1.25), (0.3, 1.43), (0.1, 3.0), (0.2, 3.0)] {
            for deviation in [0.0, 5.0, 30.0] {
                let (mut dice, mut fate) = (Dice::new("table"), Dice::new("fate"));
                let mut kept = losing(loss, run, &mut fate);
                let Call { mut delays, stats, .. } = call_with_copies(&packets, COUNT, offsets, |_| {
                    let transit = (20.0 + dice.normal() * deviation).max(0.0) * 48.0;
                    kept().then_some(transit)
                });
                delays.sort_by(f64::total_cmp);
                let of = |part: u64| part as f64 * 100.0 / COUNT as f64;
                let counters = stats.counters;
                table += &format!(
                    "{:>6} {:>7.0} {run:>4.1} {deviation:>10.0} | {:>11.1} {:>9.1} {:>7.1} {:>8} | {:>12.0} {:>4.0} | {:>9.1}\n",
                    offsets.iter().map(usize::to_string).collect::<Vec<_>>().join(","),
                    loss * 100.0,
                    of(counters.concealed),
                    of(counters.copied),
                    of(counters.late),
                    counters.skipped,
                    share(&delays, 50),
                    share(&delays, 95),
                    of(counters.shortened + counters.lengthened) / 960.0,
                );
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn copies_that_begin_and_end_move_the_delay_quickly_and_without_a_hole() {
    let packets = packets(500, EncoderSettings { frame: FrameDuration::Ms20, ..Default::default() });
    let (mut playout, mut delays, mut block) = (Playout::new().unwrap(), Vec::new(), [0.0; 240]);
    // Ten seconds without, ten with copies up to four frames back, ten without.
    for n in 0..1_500 {
        let bytes = packets[n % packets.len()].bytes();
        playout.reach(if (500..1_000).contains(&n) { 4 } else { 0 }, bytes);
        playout.arrive(n as u16, bytes).unwrap();
        (0..4).for_each(|_| playout.render(&mut block));
        delays.push(f64::from(playout.stats().delay) / 48.0);
    }
    let at = |seconds: usize| delays[seconds * 50 - 1];
    assert!(at(10) <= 12.0, "{} ms before", at(10));
    assert!((80.0..=92.0).contains(&at(12)), "{} ms after two seconds with copies", at(12));
    assert!((80.0..=92.0).contains(&at(20)), "{} ms with copies", at(20));
    assert!(at(23) <= 13.0, "{} ms three seconds after", at(23));
    let counters = playout.stats().counters;
    assert_eq!((counters.concealed, counters.skipped, counters.lost), (0, 0, 0), "{counters:?}");
}

#[test]
fn a_pause_is_no_loss_and_an_outage_is() {
    let packets = packets(500, EncoderSettings::default());
    for (missing, lost) in [(0, 0), (100, 100)] {
        let (mut playout, mut block) = (Playout::new().unwrap(), [0.0; 480]);
        for (n, packet) in packets.iter().enumerate().take(300) {
            if !(100..200).contains(&n) {
                let seq = if n < 100 { n } else { n - 100 + missing };
                playout.arrive(seq as u16, packet.bytes()).unwrap();
            }
            playout.render(&mut block);
        }
        let counters = playout.stats().counters;
        assert_eq!((counters.lost, counters.concealed), (lost, lost), "{missing} missing: {counters:?}");
    }
}

fn steepest(sound: &[f32]) -> f32 {
    sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
}

/// A voice in a room that is not silent: -66 dBFS of noise.
fn voice_in_a_room(count: usize) -> Vec<f32> {
    let mut dice = Dice::new("room");
    crate::testing::voice(count).iter().map(|sample| sample + 0.0005 * dice.normal() as f32).collect()
}

fn encoded(sound: &[f32], frame: FrameDuration) -> Vec<OpusFrame> {
    let mut encoder = Encoder::new(EncoderSettings { frame, ..Default::default() }).unwrap();
    let packets = sound.chunks_exact(frame.samples()).map(|samples| {
        let mut packet = OpusFrame::EMPTY;
        encoder.encode(samples, &mut packet).unwrap();
        packet
    });
    packets.collect()
}

#[test]
fn a_clean_call_holds_one_short_delay() {
    for frame in FrameDuration::ALL {
        let length = frame.samples();
        let packets = packets(480_000 / length, EncoderSettings { frame, ..Default::default() });
        let Call { delays, stats, .. } =
            call(&packets, 38 * 48_000 / length, length as f64, false, |_| Some(960.0));
        let steps = delays.windows(2).skip(200).map(|pair| (pair[1] - pair[0]).abs());
        let steepest = steps.fold(0.0, f64::max);
        assert!(steepest <= 5.0, "{frame:?}: a step of {steepest} ms");
        let mut sorted = delays;
        sorted.sort_by(f64::total_cmp);
        let (median, high) = (share(&sorted, 50), share(&sorted, 95));
        assert!(median <= 11.0 && high - median <= 3.0, "{frame:?}: {median}, {high} ms");
        assert_eq!((stats.counters.concealed, stats.counters.skipped), (0, 0));
    }
}
