//! Networks that bring packets unevenly: what that costs, and how soon it is met and forgotten.

use super::*;

#[test]
fn jitter_of_thirty_milliseconds_costs_little_more_than_itself() {
    // What is left of 140 ms from mouth to ear besides capture, frame, look-ahead and output (27 ms): 113 ms.
    for label in ["one", "two", "three"] {
        let mut dice = Dice::new(label);
        let packets = packets(1_000, EncoderSettings::default());
        let network = |_| Some((20.0 + dice.normal() * 30.0).max(0.0) * 48.0);
        let Call { mut delays, stats, .. } = call(&packets, 6_000, 480.0, false, network);
        delays.sort_by(f64::total_cmp);
        assert!(share(&delays, 50) <= 108.0, "{} ms", share(&delays, 50));
        let counters = stats.counters;
        assert!(counters.concealed <= 60 && counters.skipped == 0, "one percent at most: {counters:?}");
    }
}

#[test]
fn a_thread_that_is_late_now_and_then_costs_no_frame_and_no_haste() {
    let packets = packets(1_000, EncoderSettings::default());
    // Every three seconds something keeps a packet, and those behind it, for 12 ms.
    let stalled = |n: usize| [12.0, 2.0].get(n % 300).copied().unwrap_or(0.0) * 48.0;
    let Call { delays, stats, .. } = call(&packets, 6_000, 480.0, false, |n| Some(480.0 + stalled(n)));
    let counters = stats.counters;
    assert_eq!((counters.concealed, counters.lost, counters.skipped), (0, 0, 0), "{counters:?}");
    let most = delays[400..].iter().copied().fold(0.0, f64::max);
    assert!(most <= 25.0, "{most} ms, the stall and a period of the voice");
    // Each is drawn out and rejoined; what the first guess was too long by is taken out, once.
    assert!(counters.lengthened == 0 && counters.shortened <= 720, "{counters:?}");
}

#[test]
fn a_network_that_turns_bad_is_met_at_once_and_forgiven_slowly() {
    let packets = packets(1_000, EncoderSettings::default());
    let mut dice = Dice::new("spike");
    // Ten seconds calm, five uneven by up to 60 ms, twenty calm.
    let bad = |n: usize| (1_000..1_500).contains(&n);
    let network = |n| Some(if bad(n) { dice.unit() * 60.0 * 48.0 } else { 0.0 });
    let Call { delays, stats, .. } = call(&packets, 3_500, 480.0, false, network);
    let at = |seconds: f64| delays[(seconds * 200.0) as usize];
    assert!(at(9.9) <= 12.0, "{} ms while calm", at(9.9));
    assert!(at(10.5) >= 45.0, "{} ms half a second into the bad time", at(10.5));
    assert!(at(19.0) >= 45.0, "{} ms four seconds after it", at(19.0));
    assert!(at(30.0) <= 13.0, "{} ms in the end", at(30.0));
    let counters = stats.counters;
    assert!(counters.concealed <= 15, "{counters:?}");
    assert_eq!(counters.skipped, 0);
}

#[test]
fn what_the_network_was_is_forgotten_within_ten_seconds_whatever_the_frames_last() {
    for frame in FrameDuration::ALL {
        let length = frame.samples();
        let packets = packets(480_000 / length, EncoderSettings { frame, ..Default::default() });
        let mut dice = Dice::new("forgotten");
        let bad = |n: usize| (5..15).contains(&(n * length / 48_000));
        let network = |n| Some(if bad(n) { dice.unit() * 60.0 * 48.0 } else { 0.0 });
        let Call { delays, .. } = call(&packets, 30 * 48_000 / length, length as f64, false, network);
        let at = |seconds: usize| delays[seconds * 200];
        assert!(at(14) >= 45.0, "{frame:?}: {} ms while it is bad", at(14));
        let most = delays[25 * 200..].iter().copied().fold(0.0, f64::max);
        // What is aimed at and 5 ms more, which wait for a longer pause than this voice makes.
        let longest = if frame == FrameDuration::Ms5 { 13.0 } else { 16.0 };
        assert!(most <= longest, "{frame:?}: {most} ms ten seconds after, {} before", at(4));
    }
}

#[test]
fn a_stall_of_a_hundred_milliseconds_is_played_faster_and_nothing_is_thrown_away() {
    let packets = packets(1_000, EncoderSettings::default());
    let stall = |n: usize| if (500..510).contains(&n) { (510 - n) as f64 * 480.0 } else { 0.0 };
    let Call { delays, stats, .. } = call(&packets, 2_000, 480.0, false, |n| Some(stall(n)));
    let counters = stats.counters;
    assert_eq!(
        (counters.skipped, counters.lost, counters.late, counters.restarts),
        (0, 0, 0, 1),
        "{counters:?}"
    );
    assert!((9..=11).contains(&counters.concealed), "{counters:?}");
    assert!(delays[3_999] <= 12.0, "{} ms at the end", delays[3_999]);
}
