//! Ends that stand still: on hold, which is said before, or asleep, which is not.

use super::*;

/// Alice says that she is on hold, or that she is back.
fn hold(net: &mut Net, on_hold: bool) {
    let condition = Condition { muted: on_hold, on_hold, ..Condition::default() };
    net.ends[ALICE].media.handle(MediaInput::Condition(condition), net.now);
    net.drain(ALICE);
}

/// A program that stands still says so before, and is waited for; one that does not is lost after fifteen seconds.
#[test]
fn whoever_is_on_hold_is_waited_for() {
    for (returns, reason) in [(true, "in time"), (false, "never")] {
        let mut net = Net::new(3);
        in_call(&mut net);
        net.talk(Duration::from_secs(2));
        hold(&mut net, true);
        let from = net.now;
        net.ends[ALICE].asleep = true;
        net.run(HOLD_MAX - Duration::from_secs(2));
        let quiet = CallEvent::Quiet { call: CALL, ssrc: place(ALICE).ssrc };
        let lost = |net: &Net| {
            net.ends[BOB].events.contains(&quiet) || net.ends[BOB].events.contains(&CallEvent::Silent(CALL))
        };
        assert!(!lost(&net), "{reason}");
        assert!(net.figures(BOB).loss_in < 0.01, "what is not sent is not lost");
        assert!(net.ends[BOB].members.last().is_some_and(|(state, _)| state.on_hold && state.muted));
        if returns {
            net.ends[ALICE].asleep = false;
            hold(&mut net, false);
            net.talk(Duration::from_secs(2));
            assert!(net.ends[BOB].members.last().is_some_and(|(state, _)| !state.on_hold && !state.muted));
            net.ends[ALICE].asleep = true;
            net.run(MEDIA_SILENCE_MAX + Duration::from_secs(1));
            assert!(lost(&net), "the next time it is not waited for");
        } else {
            net.run(Duration::from_secs(3));
            assert!(net.ends[BOB].told_at(&quiet) - from <= HOLD_MAX + Duration::from_secs(1));
            assert!(
                net.ends[BOB].told_at(&CallEvent::Silent(CALL)) - from <= HOLD_MAX + Duration::from_secs(1)
            );
        }
    }
}

/// What a program says in the moment it goes on may be of before it was stopped, however late it is said.
#[test]
fn whoever_does_not_know_yet_that_they_stood_still_seems_no_farther_away() {
    let mut net = Net::new(7);
    in_call(&mut net);
    net.talk(Duration::from_secs(15));
    let before = net.figures(BOB).round_trip;
    net.stop(ALICE);
    net.talk(Duration::from_secs(12));
    net.go_on_unaware(ALICE);
    for tenth in 0..30 {
        net.talk(Duration::from_millis(100));
        assert_eq!(net.figures(BOB).round_trip, before, "{tenth}");
    }
}

/// While she was on hold there was nothing to listen for, so that what she said while he slept is most of what he missed.
#[test]
fn whoever_sleeps_as_a_hold_ends_takes_none_of_it_for_lost() {
    let mut net = Net::new(7);
    in_call(&mut net);
    net.talk(Duration::from_secs(15));
    hold(&mut net, true);
    net.ends[ALICE].asleep = true;
    net.run(Duration::from_secs(60));
    net.stop(BOB);
    net.run(Duration::from_secs(6));
    net.ends[ALICE].asleep = false;
    hold(&mut net, false);
    net.talk(Duration::from_secs(6));
    net.go_on(BOB);
    for _ in 0..30 {
        net.talk(Duration::from_millis(100));
        let loss = net.figures(BOB).loss_in;
        assert!(loss < 0.02, "{loss}");
    }
}

/// What they say of the time we slept is not believed, but that it does not end is.
#[test]
fn whoever_is_not_heard_after_sleep_is_told_so() {
    let mut net = Net::new(7);
    in_call(&mut net);
    net.talk(Duration::from_secs(15));
    net.stop(BOB);
    net.talk(Duration::from_secs(3));
    net.unheard = Some(BOB);
    net.go_on(BOB);
    net.talk(Duration::from_secs(1));
    assert!(net.figures(BOB).loss_out < 0.01, "they could not have heard him yet");
    net.talk(Duration::from_secs(4));
    assert!(net.figures(BOB).loss_out > 0.99, "{}", net.figures(BOB).loss_out);
}

/// Nobody says before that a lid is closed. What was sent meanwhile is lost to nobody's network: neither the sleeper's own
/// figures say so, nor do the others send copies for it. What is lost by the network is told all the same.
#[test]
fn whoever_stood_still_takes_that_time_for_nobodys_loss() {
    for (loss_percent, seconds) in [(0, 3), (0, 12), (10, 12)] {
        let mut net = Net::new(7);
        in_call(&mut net);
        net.loss_percent = loss_percent;
        net.talk(Duration::from_secs(15));
        let (plans, before) = (net.ends[BOB].plans.len(), net.figures(ALICE));
        net.stop(ALICE);
        net.talk(Duration::from_secs(seconds));
        assert!(net.figures(BOB).loss_in > 0.99, "whoever is not heard is not heard");
        net.go_on(ALICE);
        let shown = |net: &Net| (net.figures(ALICE), net.figures(BOB));
        for tenth in 0..80 {
            net.talk(Duration::from_millis(100));
            let (hers, his) = shown(&net);
            // To the relay, and from there.
            let lost = f32::from(u16::try_from(2 * loss_percent).unwrap()) / 100.0;
            let within = |share: f32| (lost * 0.6..=lost * 1.4 + 0.001).contains(&share);
            assert!(within(hers.loss_in), "{loss_percent} {seconds} {tenth}: she shows {}", hers.loss_in);
            // He hears of her 200 ms later at the latest, and she of what he hears.
            let of_both = (hers.loss_out, his.loss_in);
            assert!(hers.loss_out < 0.99 && (tenth < 4 || within(his.loss_in)), "{tenth}: {of_both:?}");
            assert!(tenth < 20 || within(hers.loss_out), "{tenth}: {of_both:?}");
            for trip in [hers.round_trip, his.round_trip] {
                assert_eq!(trip, before.round_trip, "{loss_percent} {seconds} {tenth}");
            }
            assert!(hers.jitter < FRAME && his.jitter < FRAME, "{tenth}: {:?} {:?}", hers.jitter, his.jitter);
        }
        let lost = net.figures(ALICE).lost - before.lost;
        assert_eq!(lost == 0, loss_percent == 0, "{lost} of {seconds} s");
        assert!(
            loss_percent > 0 || net.ends[BOB].plans.len() == plans,
            "nothing is done about it: {:?}",
            net.ends[BOB].plans
        );
    }
}
