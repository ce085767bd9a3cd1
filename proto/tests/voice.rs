//! Sealed voice between two media machines and a relay, on a virtual clock: what stands between Accept and the
//! first frame, what loss, restarts and removals do, and that a machine which only rings has nothing to say.

#![expect(clippy::unwrap_used, reason = "what a test cannot unwrap is its failure")]

#[path = "voice/direct.rs"]
mod direct;
#[path = "voice/many.rs"]
mod many;
#[path = "voice/plain.rs"]
mod plain;
mod voice_net;

use core::time::Duration;

use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_oneof, proptest};
use proto::id::Ssrc;
use proto::limits::{HOLD_MAX, MEDIA_SILENCE_MAX, REPORT_EVERY};
use proto::media::{
    CallCommand, CallEvent, Condition, EncoderPlan, MediaInput, MediaOutput, MemberState, Statistics,
};
use proto::relay::Change;
use proto::{Drop, Time};
use voice_net::{ALICE, BOB, CALL, Net, ONE_WAY, ROOM, Sent, marked, place};

const FRAME: Duration = Duration::from_millis(20);

/// Both live and hearing each other.
fn in_call(net: &mut Net) {
    net.bind_both();
    net.accept();
    net.talk(Duration::from_millis(200));
    assert!(net.ends.iter().all(|end| end.heard), "both hear the other");
}

#[test]
fn while_it_rings_only_binds_leave() {
    let mut net = Net::new(1);
    net.bind_both();
    for end in [ALICE, BOB] {
        for _ in 0..50 {
            net.frame(end, FRAME);
        }
    }
    net.run(Duration::from_secs(44));
    for end in &net.ends {
        assert!(end.sent.iter().all(|sent| matches!(sent, Sent::Bind)), "{:?}", end.sent);
        assert_eq!(end.dropped(Drop::OutOfTurn), 50);
        assert!(!end.devices);
    }
    assert_eq!(net.relay.occupancy(), (2, 1), "bound all the while");
}

#[test]
fn accept_needs_no_further_word_from_the_relay() {
    let mut net = Net::new(1);
    net.bind_both();
    let from = net.now;
    net.open(ALICE);
    net.open(BOB);
    net.exchange_keys();
    net.frame(ALICE, FRAME);
    net.run(ONE_WAY * 2);
    assert!(
        net.ends[BOB].sent.iter().filter(|sent| matches!(sent, Sent::Bind)).count() == 2,
        "only those of before"
    );
    let heard = net.ends[BOB].played_at[0];
    assert_eq!(heard - from, ONE_WAY * 2, "the first frame took the way to the relay and from it");
}

#[test]
fn packets_that_beat_their_key_are_played_when_it_comes() {
    let mut net = Net::new(1);
    net.bind_both();
    net.open(ALICE);
    for _ in 0..6 {
        net.frame(ALICE, FRAME);
        net.run(FRAME);
    }
    net.run(ONE_WAY * 2);
    assert!(net.ends[BOB].played.is_empty());
    net.open(BOB);
    net.exchange_keys();
    assert_eq!(net.ends[BOB].played.len(), 6);
}

#[test]
fn a_key_that_beats_its_open_waits_for_it() {
    let mut net = Net::new(1);
    net.bind_both();
    net.open(ALICE);
    let key = net.ends[ALICE].key.clone().unwrap();
    net.command(
        BOB,
        CallCommand::Listen { call: CALL, ssrc: place(ALICE).ssrc, generation: 0, step: 0, base_key: key },
    );
    net.frame(ALICE, FRAME);
    net.run(ONE_WAY * 3);
    assert!(net.ends[BOB].played.is_empty(), "nobody said yes");
    net.open(BOB);
    assert_eq!(net.ends[BOB].played.len(), 1);
}

#[test]
fn frames_arrive_whole_in_order_and_once() {
    let mut net = Net::new(1);
    in_call(&mut net);
    net.talk(Duration::from_secs(10));
    net.run(ONE_WAY * 2);
    for (from, to) in [(ALICE, BOB), (BOB, ALICE)] {
        let played: Vec<_> = net.ends[to].played.iter().map(|(seq, bytes)| (*seq, bytes.clone())).collect();
        let said = net.ends[from].said;
        assert_eq!(played.len() as u64, said);
        let first = played[0].0;
        for (n, (seq, bytes)) in (0..said).zip(played) {
            assert_eq!((seq, bytes), (first + n, marked(from, n)));
        }
    }
}

#[test]
fn twenty_percent_loss_is_measured_and_survived() {
    let mut net = Net::new(7);
    in_call(&mut net);
    net.loss_percent = 20;
    net.talk(Duration::from_secs(20));
    let mut figures = Statistics::default();
    net.ends[ALICE].media.fill(&mut figures, net.now);
    // Two hops lose 1 - 0.8 * 0.8.
    assert!((0.28..0.45).contains(&figures.loss_in), "loss in {}", figures.loss_in);
    assert!((0.28..0.45).contains(&figures.loss_out), "loss out {}", figures.loss_out);
    assert!(figures.jitter < Duration::from_millis(1), "jitter {:?}", figures.jitter);
    let trip = figures.round_trip.unwrap();
    assert!(
        trip >= ONE_WAY * 4 - Duration::from_millis(1) && trip <= ONE_WAY * 4 + Duration::from_millis(1),
        "{trip:?}"
    );
    assert!(net.ends.iter().all(|end| !end.events.contains(&CallEvent::Silent(CALL))));
    assert_eq!(net.ends[ALICE].dropped(Drop::Forged) + net.ends[ALICE].dropped(Drop::Malformed), 0);
}

#[test]
fn loss_is_answered_with_copies_and_its_end_with_none() {
    let mut net = Net::new(7);
    in_call(&mut net);
    net.talk(Duration::from_secs(5));
    assert_eq!(net.ends[BOB].plans.len(), 1, "a good network needs no other plan");
    net.loss_percent = 10;
    net.talk(Duration::from_secs(20));
    net.run(ONE_WAY * 2);
    let bob = &net.ends[BOB];
    assert_eq!((bob.reach, bob.plans.last().unwrap().0.frame), (2, Duration::from_millis(20)));
    // Of the last ten seconds, of which a fifth was lost on two hops, nearly nothing is missing.
    let first = bob.played.iter().map(|(seq, _)| *seq).min().unwrap();
    let had: std::collections::BTreeSet<_> = bob.played.iter().map(|(seq, _)| *seq - first).collect();
    let said = net.ends[ALICE].said;
    let missing = (said - 500..said).filter(|n| !had.contains(n)).count();
    assert!(missing <= 12, "{missing} of 500 frames are missing");
    assert!(bob.copies > 100, "{} came as copies", bob.copies);
    for (seq, frame) in &bob.played {
        assert_eq!(*frame, marked(ALICE, seq - first), "a copy is what it is a copy of");
    }
    net.loss_percent = 0;
    let at = net.now;
    net.talk(Duration::from_secs(10));
    let bob = &net.ends[BOB];
    assert_eq!((bob.reach, bob.plans.last().unwrap().0), (0, EncoderPlan::default()));
    assert!(bob.plans.last().unwrap().1 - at < Duration::from_secs(9));
    assert!(net.relay_drops.is_empty(), "the relay lets it all through: {:?}", net.relay_drops);
}

#[test]
fn a_restarted_relay_has_us_back_within_a_second() {
    let mut net = Net::new(3);
    in_call(&mut net);
    let from = net.now;
    net.restart_relay();
    net.talk(Duration::from_secs(3));
    for end in &net.ends {
        let gap = end.longest_gap(from);
        assert!(gap > FRAME * 3 && gap <= Duration::from_secs(1), "gap {gap:?}");
    }
}

#[test]
fn an_absent_relay_is_asked_until_it_is_back() {
    let mut net = Net::new(3);
    in_call(&mut net);
    net.down = true;
    net.talk(Duration::from_secs(7));
    net.restart_relay();
    net.down = false;
    let back = net.now;
    net.talk(Duration::from_secs(2));
    for end in &net.ends {
        let again = end.played_at.iter().find(|at| **at > back).unwrap();
        assert!(*again - back <= Duration::from_secs(1) + ONE_WAY * 6, "{:?}", *again - back);
    }
}

#[test]
fn a_new_address_takes_the_voice_along() {
    let mut net = Net::new(3);
    in_call(&mut net);
    let from = net.now;
    net.move_to_new_address(BOB);
    net.talk(Duration::from_secs(3));
    assert!(net.ends.iter().all(|end| end.longest_gap(from) <= Duration::from_secs(1)));
    assert_eq!(net.relay.occupancy(), (2, 1));
}

#[test]
fn muted_is_not_silent() {
    let mut net = Net::new(3);
    in_call(&mut net);
    let before = net.ends[ALICE].sent.len();
    net.run(Duration::from_secs(20));
    let reports =
        net.ends[ALICE].sent[before..].iter().filter(|sent| matches!(sent, Sent::Sealed)).count() as u32;
    assert!(reports >= 20_000 / u32::try_from(REPORT_EVERY.as_millis()).unwrap() - 1);
    assert!(net.ends.iter().all(|end| !end.events.contains(&CallEvent::Silent(CALL))));
    assert_eq!(net.relay.occupancy(), (2, 1));
}

#[test]
fn what_one_says_of_oneself_is_told_at_once_and_once() {
    let mut net = Net::new(3);
    in_call(&mut net);
    net.talk(Duration::from_secs(2));
    assert_eq!(net.ends[BOB].members, [], "nothing to say is nothing new");
    let at = net.now;
    let say = |net: &mut Net, condition| {
        net.ends[ALICE].media.handle(MediaInput::Condition(condition), net.now);
        net.drain(ALICE);
        net.talk(Duration::from_secs(2));
    };
    say(&mut net, Condition { muted: true, ..Condition::default() });
    say(&mut net, Condition { muted: true, speaker_trouble: true, ..Condition::default() });
    say(&mut net, Condition { recording: true, ..Condition::default() });
    let ssrc = place(ALICE).ssrc;
    let states: Vec<_> = net.ends[BOB].members.iter().map(|(state, _)| *state).collect();
    let told = |muted, recording| MemberState { ssrc, muted, recording, on_hold: false };
    assert_eq!(states, [told(true, false), told(false, true)]);
    assert_eq!(net.ends[BOB].members[0].1, at + 2 * ONE_WAY);
    assert_eq!(net.ends[ALICE].members, []);
}

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

#[test]
fn what_ones_ears_say_reaches_the_speaker() {
    let mut net = Net::new(3);
    in_call(&mut net);
    let ears = |ssrc| MediaInput::Ears { ssrc, concealed: 0.5, depth: Duration::from_millis(40), echo: true };
    net.ends[BOB].media.handle(ears(place(ALICE).ssrc), net.now);
    net.ends[BOB].media.handle(ears(Ssrc(99)), net.now);
    assert!(matches!(net.ends[BOB].media.poll(), Some(MediaOutput::Drop(Drop::Stranger))));
    net.talk(Duration::from_secs(2));
    let figures = |net: &Net, end: usize| {
        let mut figures = Statistics::default();
        net.ends[end].media.fill(&mut figures, net.now);
        figures.members.remove(0)
    };
    let (alice, bob) = (figures(&net, ALICE), figures(&net, BOB));
    assert!((alice.concealed_out - 0.5).abs() < 0.001 && alice.concealed_in == 0.0);
    assert_eq!((alice.buffer_out, alice.echo_from_us), (Duration::from_millis(40), true));
    assert_eq!((bob.concealed_in, bob.buffer_in, bob.echo_from_them), (0.5, Duration::from_millis(40), true));
    assert!(!alice.echo_from_them && !bob.echo_from_us);
}

#[test]
fn silence_is_told_once() {
    let mut net = Net::new(3);
    in_call(&mut net);
    net.down = true;
    let from = net.now;
    net.run(MEDIA_SILENCE_MAX + Duration::from_secs(10));
    let silent: Vec<_> =
        net.ends[ALICE].events.iter().filter(|event| **event == CallEvent::Silent(CALL)).collect();
    assert_eq!(silent.len(), 1);
    assert!(net.ends[ALICE].told_at(&CallEvent::Silent(CALL)) - from <= MEDIA_SILENCE_MAX);
}

#[test]
fn a_goodbye_gets_through_loss_and_is_told_once() {
    let mut told_in = 0;
    for seed in 0..20 {
        let mut net = Net::new(seed);
        in_call(&mut net);
        net.loss_percent = 20;
        net.command(ALICE, CallCommand::Close(CALL));
        net.run(Duration::from_secs(1));
        assert!(!net.ends[ALICE].devices);
        let sent = net.ends[ALICE].sent.len();
        net.run(Duration::from_secs(2));
        assert_eq!(net.ends[ALICE].sent.len(), sent, "and then nothing more");
        let gone = CallEvent::HungUp { call: CALL, ssrc: place(ALICE).ssrc };
        let told = net.ends[BOB].events.iter().filter(|event| **event == gone).count();
        assert!(told <= 1, "seed {seed}");
        told_in += told;
    }
    assert!(
        told_in >= 18,
        "four copies over two hops of 20 % are all lost once in sixty calls: {told_in} of 20 told"
    );
}

#[test]
fn a_removed_member_is_heard_no_more_and_cannot_return() {
    let mut net = Net::new(3);
    in_call(&mut net);
    net.change(Change::Remove { relay: ROOM, ssrc: place(ALICE).ssrc, expiry: place(ALICE).expiry });
    net.run(ONE_WAY * 2);
    let played = net.ends[BOB].played.len();
    net.talk(Duration::from_secs(3));
    assert_eq!(net.ends[BOB].played.len(), played);
    assert!(net.relay_dropped(Drop::Stranger) > 0 && net.relay_dropped(Drop::Revoked) > 0);
}

#[test]
fn an_expired_ticket_is_renewed_or_the_place_is_lost() {
    let mut net = Net::new(3);
    in_call(&mut net);
    net.talk(Duration::from_secs(599) - (net.now - Time::ZERO));
    let renewed = voice_net::place_until(ALICE, place(ALICE).expiry + 300);
    net.command(ALICE, CallCommand::Bind(renewed));
    net.talk(Duration::from_secs(4));
    assert_eq!(net.relay.occupancy(), (1, 1));
    assert!(net.relay_dropped(Drop::Expired) > 0, "the other asks with the old one");
}

#[test]
fn bad_packets_are_named() {
    let mut net = Net::new(3);
    in_call(&mut net);
    let genuine = net.last_to(BOB);
    assert_eq!(net.inject(BOB, net.relay_addr(), &genuine), Some(Drop::Replay));
    let mut forged = net.fresh_for(BOB);
    let at = forged.len() - 1;
    forged[at] ^= 1;
    assert_eq!(net.inject(BOB, net.relay_addr(), &forged), Some(Drop::Forged));
    forged[at] ^= 1;
    assert_eq!(net.inject(BOB, "203.0.113.9:1".parse().unwrap(), &forged), Some(Drop::Stranger));
    assert_eq!(net.inject(BOB, net.relay_addr(), &forged), None, "a forgery did not use up the real one");
    assert_eq!(net.inject(BOB, net.relay_addr(), &[7; 40]), Some(Drop::Malformed));
    assert_eq!(net.inject(BOB, net.relay_addr(), &[0x80; 1_201]), Some(Drop::Oversized));
    assert_eq!(
        net.inject(ALICE, net.relay_addr(), &forged),
        Some(Drop::Impostor),
        "our own stream comes back"
    );
    net.command(BOB, CallCommand::Close(CALL));
    assert_eq!(net.inject(BOB, net.relay_addr(), &forged), Some(Drop::NoCall));
}

#[test]
fn strangers_packets_wait_in_bounded_room() {
    let mut net = Net::new(3);
    in_call(&mut net);
    let relay = net.relay_addr();
    let packet = net.fresh_for(BOB);
    let mut reasons = Vec::new();
    for ssrc in 0..6u32 {
        for _ in 0..10 {
            let mut packet = packet.clone();
            packet[8..12].copy_from_slice(&(1_000 + ssrc).to_be_bytes());
            reasons.extend(net.inject(BOB, relay, &packet));
        }
    }
    assert_eq!(reasons.iter().filter(|reason| **reason == Drop::NoKey).count(), 4 * 2);
    assert_eq!(reasons.iter().filter(|reason| **reason == Drop::Full).count(), 2 * 10);
}

#[test]
fn commands_out_of_turn_are_named() {
    let mut net = Net::new(3);
    net.command(ALICE, CallCommand::Open(CALL));
    net.command(ALICE, CallCommand::Close(CALL));
    assert_eq!(net.ends[ALICE].dropped(Drop::NoCall), 2);
    in_call(&mut net);
    net.command(ALICE, CallCommand::Open(CALL));
    assert_eq!(net.ends[ALICE].dropped(Drop::OutOfTurn), 1);
    let now = net.now;
    net.ends[ALICE].media.handle(MediaInput::Frame { opus: &[0; 961], duration: FRAME }, now);
    net.drain(ALICE);
    assert_eq!(net.ends[ALICE].dropped(Drop::Oversized), 1);
}

#[test]
fn one_seed_is_one_run() {
    let run = |seed| {
        let mut net = Net::new(seed);
        in_call(&mut net);
        net.loss_percent = 20;
        net.talk(Duration::from_secs(5));
        net.trace
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

/// Bytes as a broken or hostile relay would send them.
fn junk() -> impl Strategy<Value = Vec<u8>> {
    let like_voice = prop::collection::vec(any::<u8>(), 12..80).prop_map(|mut bytes| {
        let (payload, ssrc) = (96 + bytes[1] % 2, 0xa0 + u32::from(bytes[11] % 4));
        bytes[..2].copy_from_slice(&[0x80, payload]);
        bytes[8..12].copy_from_slice(&ssrc.to_be_bytes());
        bytes
    });
    let like_bind =
        (0xc0..=0xc3u8, prop::collection::vec(any::<u8>(), 13..97)).prop_map(|(code, mut bytes)| {
            bytes[0] = code;
            bytes
        });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..1_300), like_voice, like_bind]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn junk_changes_nothing(junk in prop::collection::vec(junk(), 1..60)) {
        let mut net = Net::new(3);
        let relay = net.relay_addr();
        net.bind_both();
        for bytes in &junk {
            net.inject(BOB, relay, bytes);
        }
        net.accept();
        for bytes in &junk {
            net.inject(BOB, relay, bytes);
        }
        net.talk(Duration::from_secs(1));
        assert!(net.ends.iter().all(|end| end.heard && end.played.len() >= 48));
        assert!(net.ends.iter().all(|end| end.events.len() == 3), "bound, key, heard: {:?}", net.ends[BOB].events);
    }
}
