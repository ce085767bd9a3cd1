//! Networks without room for all that is sent: less is sent, and soon as much as before when there is room again.

use super::*;

#[test]
fn a_full_network_is_not_given_copies() {
    for (room, much) in [(50_000, false), (60_000, false), (75_000, true)] {
        let story = ordinary(420 * 4, collapse(room));
        assert!(story.swings() <= 6, "{:?}", story.plans);
        // From some seconds after the collapse on, nearly nothing is lost, since less is sent.
        let second = |from: f64| story.at(from).wire();
        let most = (0..4).map(|n| second(f64::from(n) * 420.0 + 310.0)).max().unwrap();
        assert!(most <= if much { LIGHT } else { LEAN }.wire(), "{room}: {:?}", story.plans);
        let lost = story.lost as f64 / story.sent as f64;
        assert!(lost < 0.05, "{room}: {lost}");
        // And when there is room again, we are back after the time a ceiling is held.
        assert!(story.share(1_680, |plan| plan == CLEAN) > 45.0, "{:?}", story.plans);
    }
}

/// Room for a little less than the clean plan loses little at first, so little that it looks like a bad network.
#[test]
fn a_network_that_is_nearly_wide_enough_is_hardly_ever_taken_for_a_bad_one() {
    for room in [50_000, 60_000, 65_000, 70_000, 75_000, 78_000] {
        let too_much =
            |story: &Story, second: u32| story.at(f64::from(second)).wire() > LEAN.wire().max(room / 7 * 8);
        let seconds = |seed| {
            let story = Simulation::new(DelayMode::Ordinary, seed).run(420, collapse(room));
            (310..420).filter(|second| too_much(&story, *second)).count()
        };
        let all: usize = (0..40).map(seconds).sum();
        assert!(all <= 40 * 110 / 20, "{room}: {all} of {} seconds", 40 * 110);
    }
}

#[test]
fn a_short_congestion_is_soon_over_for_us_too() {
    for seed in 0..20 {
        let network = |second: f64| {
            if (20.0..24.0).contains(&second) { Network { room: 60_000, ..GOOD } } else { GOOD }
        };
        let story = Simulation::new(DelayMode::Ordinary, seed).run(60, network);
        let clean = story.first(24.0, |plan| plan == CLEAN);
        assert!(clean <= 10.0, "seed {seed}: {clean} s, {:?}", story.plans);
    }
}

#[test]
fn a_network_full_for_ever_does_not_make_us_swing() {
    for room in [45_000, 60_000, 85_000, 100_000] {
        let story = ordinary(3_600, |_| Network { room, ..losing(0.05) });
        assert!(story.swings() <= 6, "{room}: {:?}", story.plans);
        let late = story.plans.iter().filter(|(at, _)| *at >= Time::secs(1_200)).count();
        assert!(late <= 120, "{room}: {late} changes in the last forty minutes");
    }
}
