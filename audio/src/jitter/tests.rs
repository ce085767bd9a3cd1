use super::aim::MARGIN;
use super::*;
use proptest::prelude::*;

/// A packet that carries a copy of the one before, and one that does not.
const WITH_COPY: [u8; 2] = [0x00, 0x40];
const WITHOUT_COPY: [u8; 2] = [0x00, 0x00];
/// Samples the output takes at a time.
const TICK: u64 = 240;

/// A packet on its way: when it arrives, and its number.
type Flight = (u64, i64);

/// Sends `count` frames of `length` samples, lets `network` say each one's transit (`None` is lost), in arrival order.
fn flights(count: i64, length: f64, mut network: impl FnMut(i64) -> Option<f64>) -> Vec<Flight> {
    let mut flights: Vec<Flight> = (0..count)
        .filter_map(|n| network(n).map(|transit| ((n as f64 * length + transit).max(0.0) as u64, n)))
        .collect();
    flights.sort();
    flights
}

/// What a listener got.
#[derive(Default)]
struct Heard {
    /// When each number was played, in order of playing.
    played: Vec<(u64, i64)>,
    counters: PlayoutCounters,
    deepest: usize,
    last_delay: i64,
}

/// The period of a voice of 200 Hz.
const PERIOD: usize = 240;

/// The change of length by sound that grants every wish it can.
fn ideal(turn: Option<Turn>, frame: FrameDuration) -> i64 {
    match turn {
        None => 0,
        Some(Turn::Lengthen(wish)) => wish.near.min(720) as i64,
        Some(Turn::Shorten(wish)) => -(wish.near.min(frame.samples() / 2) as i64),
    }
}

fn listen(
    flights: &[Flight],
    packet: &[u8],
    frame: FrameDuration,
    until: u64,
    quiet: impl Fn(u64) -> bool,
) -> Heard {
    let mut jitter = Jitter::new();
    let mut heard = Heard::default();
    let mut flights = flights.iter().peekable();
    let (mut now, mut busy_until) = (0, 0);
    while now < until {
        while let Some((_, number)) = flights.next_if(|(at, _)| *at <= now) {
            let _ = jitter.arrive(*number as u16, packet, frame, now);
        }
        jitter.asked(TICK as usize);
        heard.deepest = heard.deepest.max(jitter.depth());
        while busy_until <= now {
            let next = jitter.next;
            let cut = jitter.counters.skipped + jitter.counters.lost;
            match jitter.step(busy_until, quiet(now)) {
                Step::Silence { samples } => {
                    busy_until = (busy_until + samples.min(10_000_000) as u64).min(now + TICK)
                }
                Step::Decode { turn, passed, .. } => {
                    let moved = (jitter.counters.skipped + jitter.counters.lost - cut) as i64;
                    heard.played.push((busy_until, next + moved));
                    let by = ideal(turn, frame);
                    jitter.stretched(by);
                    busy_until += (frame.samples() as i64 + by) as u64 - passed as u64;
                }
                Step::Recover { frame, passed, .. } => busy_until += (frame.samples() - passed) as u64,
                Step::Conceal { frame, passed } => busy_until += (frame.samples() - passed) as u64,
                Step::DrawOut { samples } => {
                    let by = samples.min((now + TICK - busy_until) as usize);
                    busy_until += by as u64;
                    jitter.drawn_out(by, PERIOD);
                }
            }
        }
        heard.last_delay = jitter.delay().unwrap_or(0);
        now += TICK;
    }
    heard.counters = jitter.counters();
    heard
}

fn in_order(heard: &Heard) -> bool {
    heard.played.windows(2).all(|pair| pair[0].1 < pair[1].1)
}

#[test]
fn a_clean_line_plays_everything_at_once_and_only_once() {
    for frame in FrameDuration::ALL {
        let length = frame.samples() as f64;
        let heard = listen(
            &flights(2_000, length, |_| Some(500.0)),
            &WITHOUT_COPY,
            frame,
            2_000 * length as u64,
            |_| false,
        );
        assert!(in_order(&heard));
        let counters = heard.counters;
        assert_eq!((counters.lost, counters.late, counters.restarts), (0, 0, 1));
        assert!(counters.skipped <= 1, "at most the first, cautious delay is worked off");
        assert!(heard.played.len() >= 1_995, "{}", heard.played.len());
        let worst = heard.played.iter().map(|(at, n)| at - (*n as f64 * length) as u64).max().unwrap();
        assert!(worst <= 500 + 3 * 480, "{frame:?}: {worst} samples from mouth to ear");
    }
}

#[test]
fn a_fast_or_slow_sender_is_absorbed_for_an_hour() {
    let hour = 3_600 * 48_000;
    for (rate, quiet_share) in [(50.005, 0), (49.995, 0), (50.005, 4), (49.995, 4)] {
        let count = (rate * 3_600.0) as i64;
        let heard = listen(
            &flights(count, 48_000.0 / rate, |_| Some(500.0)),
            &WITHOUT_COPY,
            FrameDuration::Ms20,
            hour - 48_000,
            |now| quiet_share > 0 && now / 48_000 % 4 == 0,
        );
        let counters = heard.counters;
        let label = format!("{rate} frames a second, {quiet_share}: {counters:?}, deepest {}", heard.deepest);
        assert!(in_order(&heard), "{label}");
        assert_eq!((counters.lost, counters.late, counters.restarts), (0, 0, 1), "{label}");
        assert_eq!((counters.skipped, counters.concealed), (0, 0), "{label}");
        assert!(heard.deepest <= 2, "{label}");
        // 100 ppm of an hour is 360 ms.
        let moved = counters.lengthened as i64 - counters.shortened as i64;
        let drift = if rate < 50.0 { 17_280 } else { -17_280 };
        assert!((moved - drift).abs() < 960, "{moved} samples; {label}");
        assert!(counters.lengthened + counters.shortened < 25_000, "{label}");
    }
}

#[test]
fn numbers_wrap_without_a_sound() {
    let frame = FrameDuration::Ms20;
    let flights: Vec<Flight> = flights(140_000, 960.0, |_| Some(500.0));
    let heard = listen(&flights, &WITHOUT_COPY, frame, 139_000 * 960, |_| false);
    let counters = heard.counters;
    assert_eq!((counters.lost, counters.far, counters.late, counters.restarts), (0, 0, 0, 1), "{counters:?}");
    assert!(heard.played.len() > 138_900);
}

#[test]
fn a_second_copy_changes_nothing() {
    let once = flights(1_000, 480.0, |_| Some(500.0));
    let twice: Vec<Flight> = once.iter().flat_map(|flight| [*flight, *flight]).collect();
    let single = listen(&once, &WITHOUT_COPY, FrameDuration::Ms10, 480_000, |_| false);
    let double = listen(&twice, &WITHOUT_COPY, FrameDuration::Ms10, 480_000, |_| false);
    assert_eq!(single.played, double.played);
    assert_eq!(double.counters.duplicate + double.counters.late, double.counters.received);
}

/// Packets `0..count` at once every 20 ms; each says what copies come with it.
fn with_copies(jitter: &mut Jitter, number: i64, came: bool, copies: &[i64], now: u64) {
    if came {
        for copy in copies {
            let _ = jitter.arrive_copy(*copy as u16, &WITHOUT_COPY, FrameDuration::Ms20);
        }
        jitter.arrive(number as u16, &WITHOUT_COPY, FrameDuration::Ms20, now).unwrap();
    }
}

#[test]
fn a_copy_fills_a_hole_and_is_counted_as_what_it_is() {
    let mut jitter = Jitter::new();
    jitter.reach(2, FrameDuration::Ms20);
    let mut played = 0;
    for n in 0..100 {
        // Each tenth packet is lost; the next one brings its copy, and one of a packet that came.
        let copies: &[i64] = if n % 10 == 8 { &[n - 1, n - 2] } else { &[] };
        with_copies(&mut jitter, n, n % 10 != 7, copies, n as u64 * 960);
        match jitter.step(n as u64 * 960 + 959, false) {
            Step::Decode { .. } => played += 1,
            Step::Recover { .. } => panic!("no coarse copy was sent"),
            Step::DrawOut { samples } => jitter.drawn_out(samples.min(480), PERIOD),
            Step::Silence { .. } | Step::Conceal { .. } => {}
        }
    }
    let counters = jitter.counters();
    assert_eq!(
        (counters.copied, counters.lost, counters.duplicate, counters.late),
        (10, 10, 0, 0),
        "{counters:?}"
    );
    assert_eq!(counters.received, 90);
    assert!(played >= 95, "{played}");
}

#[test]
fn a_packet_that_comes_after_its_copy_takes_its_place() {
    let mut jitter = Jitter::new();
    with_copies(&mut jitter, 0, true, &[], 0);
    with_copies(&mut jitter, 2, true, &[1], 960);
    with_copies(&mut jitter, 1, true, &[], 970);
    for n in 0..3 {
        assert!(matches!(jitter.step(5_000 + n * 960, false), Step::Decode { .. }));
    }
    assert_eq!((jitter.counters().copied, jitter.counters().lost, jitter.counters().received), (0, 0, 3));
}

#[test]
fn a_copy_begins_no_stream_and_moves_none() {
    let mut jitter = Jitter::new();
    let copy = |jitter: &mut Jitter, seq| jitter.arrive_copy(seq, &WITHOUT_COPY, FrameDuration::Ms20);
    assert_eq!(copy(&mut jitter, 5), Err(Unplaced::Late));
    with_copies(&mut jitter, 10, true, &[], 0);
    assert_eq!(copy(&mut jitter, 9), Err(Unplaced::Late), "from before the first that came");
    assert_eq!(copy(&mut jitter, 5_000), Err(Unplaced::Far));
    assert_eq!(copy(&mut jitter, 10), Err(Unplaced::Duplicate));
    assert_eq!(jitter.arrive_copy(12, &WITHOUT_COPY, FrameDuration::Ms10), Err(Unplaced::Late));
    let counters = jitter.counters();
    assert_eq!((counters.late, counters.far, counters.duplicate, counters.restarts), (0, 0, 0, 1));
}

#[test]
fn a_pause_ends_the_stream_and_the_next_word_starts_it_at_once() {
    // Ten seconds muted: the numbers go on where they stopped, the time does not.
    let pause = 480_000.0;
    let flights = flights(400, 480.0, |n| Some(if n < 200 { 500.0 } else { 500.0 + pause }));
    let heard = listen(&flights, &WITHOUT_COPY, FrameDuration::Ms10, 400 * 480 + 480_000, |_| true);
    let counters = heard.counters;
    assert!(in_order(&heard));
    assert_eq!(
        (counters.lost, counters.late, counters.skipped, counters.restarts),
        (0, 0, 0, 2),
        "{counters:?}"
    );
    assert!(counters.concealed <= 41, "fading out takes at most 400 ms: {counters:?}");
    let (first, _) = heard.played.iter().find(|(_, n)| *n == 200).unwrap();
    assert!(*first <= 200 * 480 + 480_000 + 500 + 960, "{first}");
}

/// What the sound was drawn out by stands for the head of what was awaited; or is delay, a period at a time, where more of
/// that is aimed at.
#[test]
fn a_packet_that_comes_while_the_sound_is_drawn_out_is_joined_within() {
    let frame = FrameDuration::Ms10;
    for (short, passed, grown) in [(0, 360, 0), (60, 360, 0), (200, 360, 0), (300, 120, 240)] {
        let mut jitter = Jitter::new();
        for n in 0..200u64 {
            jitter.arrive(n as u16, &WITHOUT_COPY, frame, n * 480).unwrap();
            assert!(matches!(jitter.step(n * 480 + 420, false), Step::Decode { passed: 0, .. }));
        }
        let before = jitter.delay().unwrap();
        assert!(matches!(jitter.step(200 * 480 + 420, false), Step::DrawOut { .. }));
        jitter.drawn_out(360, PERIOD);
        jitter.arrive(200, &WITHOUT_COPY, frame, 200 * 480 + 700).unwrap();
        jitter.aim = jitter.spread.base().unwrap() + before + short;
        let joined = jitter.step(200 * 480 + 780, false);
        assert!(
            matches!(joined, Step::Decode { passed: found, turn: None, .. } if found == passed),
            "{joined:?}"
        );
        assert_eq!((jitter.delay(), jitter.counters.lengthened), (Some(before + grown), grown as u64));
        let counters = jitter.counters;
        assert_eq!((counters.lost, counters.concealed, counters.shortened), (0, 0, 0));
    }
}

/// We stood still: what waited is of before, and nothing that was sent meanwhile is missing. An outage afterwards is one.
#[test]
fn who_stood_still_begins_with_what_comes_next() {
    let mut jitter = Jitter::new();
    let frame = FrameDuration::Ms10;
    let say = |jitter: &mut Jitter, numbers: core::ops::Range<u64>, tick: u64| {
        for n in numbers {
            let _ = jitter.arrive(n as u16, &WITHOUT_COPY, frame, (n - tick) * 480);
            jitter.step((n - tick) * 480, false);
        }
    };
    say(&mut jitter, 0..50, 0);
    assert_eq!(jitter.arrive(51, &WITHOUT_COPY, frame, 50 * 480), Ok(()));
    let before = jitter.counters();
    jitter.stood_still();
    assert_eq!((jitter.depth(), jitter.delay()), (0, None));
    say(&mut jitter, 1_250..1_300, 1_200);
    let after = jitter.counters();
    assert_eq!((after.lost, after.concealed, after.far), (before.lost, before.concealed, before.far));
    assert_eq!(after.received - before.received, 50, "the first is believed");
    // Nothing for so long that nothing is expected any more.
    for n in 100..200 {
        if matches!(jitter.step(n * 480, false), Step::DrawOut { .. }) {
            jitter.drawn_out(480, PERIOD);
        }
    }
    say(&mut jitter, 1_400..1_401, 1_200);
    assert!(jitter.counters().lost >= after.lost + 50, "{:?}", jitter.counters());
}

#[test]
fn a_pause_too_short_to_be_one_makes_no_haste() {
    // Muted for a moment every three seconds: the numbers go on where they stopped, everything after takes longer.
    for frame in FrameDuration::ALL {
        let length = frame.samples() as i64;
        let pauses = |n: i64| (n * length / 144_000) as f64 * 9_600.0;
        let flights = flights(1_440_000 / length, length as f64, |n| Some(500.0 + pauses(n)));
        let heard = listen(&flights, &WITHOUT_COPY, frame, 1_500_000, |_| false);
        let counters = heard.counters;
        assert!(in_order(&heard), "{frame:?}");
        assert_eq!((counters.lost, counters.late, counters.skipped), (0, 0, 0), "{frame:?}: {counters:?}");
        // At most a frame of each of the nine pauses was drawn out, and what was too much is taken out again.
        let moved = counters.shortened + counters.lengthened;
        assert!(moved <= 9 * 2 * 960, "{frame:?}: {moved} samples, {counters:?}");
    }
}

#[test]
fn an_outage_with_loss_keeps_the_delay() {
    let flights = flights(2_000, 480.0, |n| (!(500..510).contains(&n)).then_some(500.0));
    let heard = listen(&flights, &WITHOUT_COPY, FrameDuration::Ms10, 900_000, |_| false);
    let counters = heard.counters;
    assert_eq!((counters.lost, counters.concealed, counters.skipped), (10, 10, 0), "{counters:?}");
    assert!(heard.last_delay <= 3 * 480, "{}", heard.last_delay);
}

#[test]
fn a_stall_that_loses_nothing_is_caught_up() {
    // The network holds everything for 300 ms, then lets it all go.
    let stall = |n: i64| if (500..530).contains(&n) { (530 - n) as f64 * 480.0 } else { 0.0 };
    let flights = flights(3_000, 480.0, |n| Some(500.0 + stall(n)));
    let heard = listen(&flights, &WITHOUT_COPY, FrameDuration::Ms10, 2_900 * 480, |_| false);
    let counters = heard.counters;
    assert!(in_order(&heard));
    assert!(heard.last_delay <= 4 * 480, "{} samples after 23 s, {counters:?}", heard.last_delay);
    assert_eq!(counters.restarts, 1);
    assert!(counters.skipped + counters.lost <= 31, "{counters:?}");
}

#[test]
fn a_sender_that_begins_anew_is_believed_on_the_second_packet() {
    let mut jitter = Jitter::new();
    let frame = FrameDuration::Ms10;
    for n in 0..50u64 {
        let _ = jitter.arrive(60_000 + n as u16, &WITHOUT_COPY, frame, n * 480);
        jitter.step(n * 480, false);
    }
    assert_eq!(jitter.arrive(9, &WITHOUT_COPY, frame, 24_000), Err(Unplaced::Far));
    assert_eq!(jitter.arrive(10, &WITHOUT_COPY, frame, 24_480), Ok(()));
    assert_eq!(jitter.arrive(11, &WITHOUT_COPY, frame, 24_960), Ok(()));
    assert_eq!(jitter.depth(), 2);
    assert_eq!(jitter.counters.restarts, 2);
}

#[test]
fn one_stray_number_does_not_move_the_stream() {
    let mut jitter = Jitter::new();
    let frame = FrameDuration::Ms10;
    for n in 0..100u64 {
        assert_eq!(jitter.arrive(n as u16, &WITHOUT_COPY, frame, n * 480), Ok(()));
        if n % 10 == 5 {
            let stray = (n as u16).wrapping_mul(7_919).wrapping_add(20_000);
            assert_eq!(jitter.arrive(stray, &WITHOUT_COPY, frame, n * 480), Err(Unplaced::Far));
        }
        jitter.step(n * 480, false);
    }
    assert_eq!((jitter.counters.restarts, jitter.counters.far, jitter.counters.lost), (1, 10, 0));
}

#[test]
fn packets_that_overtake_each_other_at_the_start_are_put_in_order() {
    let mut jitter = Jitter::new();
    let frame = FrameDuration::Ms10;
    for seq in [7, 6, 5] {
        assert_eq!(jitter.arrive(seq, &[0, seq as u8], frame, 100), Ok(()));
    }
    let mut order = Vec::new();
    for n in 0..3 {
        if let Step::Decode { packet, .. } = jitter.step(1_000 + n * 480, false) {
            order.push(packet.bytes()[1]);
        }
    }
    assert_eq!(order, [5, 6, 7]);
}

#[test]
fn another_frame_duration_goes_on_in_the_same_stream() {
    let mut jitter = Jitter::new();
    assert_eq!(jitter.arrive(1, &WITHOUT_COPY, FrameDuration::Ms20, 0), Ok(()));
    assert_eq!(jitter.arrive(2, &WITHOUT_COPY, FrameDuration::Ms5, 960), Ok(()));
    assert_eq!(jitter.arrive(3, &WITHOUT_COPY, FrameDuration::Ms5, 1_200), Ok(()));
    assert_eq!((jitter.depth(), jitter.counters.restarts, jitter.spread.late()), (3, 1, 0));
}

#[test]
fn two_changes_of_duration_at_once_begin_a_new_stream() {
    let mut jitter = Jitter::new();
    for (seq, frame) in [FrameDuration::Ms20, FrameDuration::Ms5, FrameDuration::Ms10].into_iter().enumerate()
    {
        assert_eq!(jitter.arrive(seq as u16, &WITHOUT_COPY, frame, 0), Ok(()));
    }
    assert_eq!((jitter.depth(), jitter.counters.restarts), (1, 2));
}

proptest! {
    #[test]
    fn any_numbers_at_any_time_keep_the_promises(
        acts in proptest::collection::vec((any::<u16>(), 0u16..40, 0u8..8, 0u64..5_000, any::<bool>()), 0..400),
    ) {
        let mut jitter = Jitter::new();
        let (mut now, mut near) = (0, 0u16);
        let mut decoded = 0;
        for (wild, step, kind, wait, quiet) in acts {
            near = near.wrapping_add(step);
            let seq = if kind == 0 { wild } else { near };
            let frame = if kind == 1 { FrameDuration::Ms20 } else { FrameDuration::Ms10 };
            jitter.reach(kind, frame);
            let _ = jitter.arrive_copy(seq.wrapping_sub(u16::from(kind)), &WITHOUT_COPY, frame);
            let before = jitter.counters;
            let kept = jitter.arrive(seq, &WITH_COPY, frame, now);
            let after = jitter.counters;
            let refused = after.late + after.duplicate + after.far - before.late - before.duplicate - before.far;
            prop_assert_eq!(refused, u64::from(kept.is_err()));
            prop_assert_eq!(after.received - before.received, u64::from(kept.is_ok()));
            if kind > 2 {
                match jitter.step(now, quiet) {
                    Step::Decode { packet, passed, .. } => {
                        prop_assert!(!packet.bytes().is_empty() && passed <= 960);
                        decoded += 1;
                    }
                    Step::Recover { next, passed, .. } => {
                        prop_assert!(!next.bytes().is_empty() && passed <= 960);
                    }
                    Step::Silence { samples } => prop_assert!(samples > 0),
                    Step::DrawOut { samples } => {
                        prop_assert!(samples > 0);
                        jitter.drawn_out((usize::from(step) * 20).clamp(1, samples), usize::from(kind) * 90);
                    }
                    Step::Conceal { passed, .. } => prop_assert!(passed <= 960),
                }
            }
            now += wait;
            prop_assert!(jitter.depth() <= SLOTS);
            prop_assert!((MARGIN..=TARGET_MAX).contains(&jitter.target()));
        }
        let waiting = jitter.slots.iter().filter(|slot| slot.number.is_some() && !slot.copy).count() as u64;
        prop_assert!(decoded + waiting <= jitter.counters.received + jitter.counters.copied);
    }
}
