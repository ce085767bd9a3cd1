//! A packet that comes a little after its time: what is drawn out meanwhile stands for its head.

use super::clean::{decoded, later};
use super::*;

/// A voice that says one vowel, of that many cycles a second.
fn vowel(hertz: f32) -> Vec<f32> {
    let say = |n: usize| {
        let phase = n as f32 * hertz * std::f32::consts::TAU / 48_000.0;
        (1..12u8).map(|k| (phase * f32::from(k)).sin() / f32::from(k)).sum::<f32>() * 0.15
    };
    (0..480_000).map(say).collect()
}

/// What a call's listener got.
struct Listened {
    heard: Vec<f32>,
    /// What the decoder alone makes of the packets.
    decoded: Vec<f32>,
    /// The delay at each 2.5 ms, samples.
    delays: Vec<u32>,
    stats: PlayoutStats,
}

/// Ten seconds of a voice over a network that says by how many samples more each packet is late.
fn listen(voice: &[f32], frame: FrameDuration, late: impl Fn(usize) -> usize) -> Listened {
    let (packets, length) = (encoded(voice, frame), frame.samples());
    let (mut playout, mut sent, mut out) = (Playout::new().unwrap(), 0, [0.0; 120]);
    let (mut heard, mut delays) = (Vec::new(), Vec::new());
    for turn in 0..4_000 {
        while sent < packets.len() && sent * length + 500 + late(sent) <= turn * 120 {
            playout.arrive(sent as u16, packets[sent].bytes()).unwrap();
            sent += 1;
        }
        playout.render(&mut out);
        heard.extend_from_slice(&out);
        delays.push(playout.stats().delay);
    }
    Listened { heard, decoded: decoded(&packets), delays, stats: playout.stats() }
}

/// The first sample of what is heard in the seconds from 4 to 9 that is not the decoder's, and the one after the last.
fn unlike(call: &Listened) -> Option<(usize, usize)> {
    let by = later(&call.heard, &call.decoded, 4)?;
    let unlike = |n: &usize| call.heard[*n].to_bits() != call.decoded[*n - by].to_bits();
    let mut all = (4 * 48_000 + by..9 * 48_000).filter(unlike);
    let first = all.next()?;
    Some((first, all.next_back().unwrap_or(first) + 1))
}

#[test]
fn a_packet_late_by_some_milliseconds_moves_no_delay_and_bends_only_those() {
    for (hertz, frame) in [90.0, 130.0, 240.0].into_iter().zip(FrameDuration::ALL.into_iter().cycle()) {
        // One packet, five seconds from the beginning; what comes behind it overtakes nothing.
        let number = 240_000 / frame.samples();
        for late in [840usize, 1_080] {
            let behind = |n: usize| late.saturating_sub((n - number) * frame.samples());
            let call = listen(&vowel(hertz), frame, |n| if n < number { 0 } else { behind(n) });
            let label = format!("{hertz} Hz, {frame:?}, {late} samples late: {:?}", call.stats);
            let counters = call.stats.counters;
            assert_eq!((counters.lost, counters.concealed, counters.late), (0, 0, 0), "{label}");
            let (before, after) = (call.delays[1_990], &call.delays[2_020..3_600]);
            assert!(after.iter().all(|delay| *delay == before), "{before} before; {label}");
            let (first, end) = unlike(&call).expect(&label);
            assert!(first >= 240_000 && end <= 240_000 + 500 + late + 120 + 240, "{first}..{end}, {label}");
            // What the sound does by itself is as steep.
            let (step, natural) = (steepest(&call.heard[192_000..]), steepest(&call.decoded[192_000..]));
            assert!(step <= 1.15 * natural, "a step of {step} over {natural}; {label}");
        }
    }
}

#[test]
fn a_stall_longer_than_frames_is_rejoined_where_it_ends() {
    for frame in [FrameDuration::Ms5, FrameDuration::Ms10] {
        let (number, length) = (240_000 / frame.samples(), frame.samples());
        let behind = |n: usize| if n < number { 0 } else { 1_500usize.saturating_sub((n - number) * length) };
        let call = listen(&vowel(170.0), frame, behind);
        let label = format!("{frame:?}: {:?}", call.stats);
        let counters = call.stats.counters;
        assert_eq!((counters.lost, counters.concealed, counters.late), (0, 0, 0), "{label}");
        assert!(unlike(&call).is_some_and(|(first, end)| end - first <= 1_500 + 240), "{label}");
    }
}

#[test]
fn a_path_that_becomes_slower_for_good_is_followed_and_then_left_alone() {
    for hertz in [90.0, 240.0] {
        let call = listen(&vowel(hertz), FrameDuration::Ms10, |n| if n < 400 { 0 } else { 960 });
        let label = format!("{hertz} Hz: {:?}", call.stats);
        let counters = call.stats.counters;
        assert_eq!((counters.lost, counters.concealed, counters.late), (0, 0, 0), "{label}");
        let (before, after) = (call.delays[1_590], call.delays[1_800]);
        assert!(before < 480 && after >= 960, "{before} before, {after} half a second later; {label}");
        assert!(counters.lengthened >= 720, "{label}");
        assert!(later(&call.heard, &call.decoded, 5).is_some(), "it is not bent any more; {label}");
    }
}

/// The quietest hundredth of a second of what is heard about the fifth second, as a share of what is usual.
fn quietest(call: &Listened) -> f32 {
    let power = |sound: &[f32]| crate::stretch::power(sound).sqrt();
    let windows = call.heard[235_000..265_000].chunks_exact(480).map(power);
    windows.fold(f32::MAX, f32::min) / power(&call.heard[192_000..230_000])
}

/// By more than a frame lasts: no packet can then be joined before the delay has grown.
#[test]
fn a_path_that_becomes_slower_by_more_than_a_frame_leaves_no_hole() {
    for (hertz, frame, slower) in [
        (80.0, FrameDuration::Ms5, 576),
        (125.0, FrameDuration::Ms5, 576),
        (83.0, FrameDuration::Ms10, 912),
        (125.0, FrameDuration::Ms10, 1_200),
    ] {
        let number = 240_000 / frame.samples();
        let call = listen(&vowel(hertz), frame, |n| if n < number { 0 } else { slower });
        let quietest = quietest(&call);
        assert!(quietest > 0.25, "{hertz} Hz, {frame:?}, {slower}: {quietest}; {:?}", call.stats);
    }
}
