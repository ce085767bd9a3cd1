//! One stream and its keys, a packet at a time: who opens what, in which order.

use core::time::Duration;

use proptest::prelude::*;

use super::keys::Made;
use super::speakers::{Cover, Opened, Speaker, Speakers, unwrapped};
use super::streams::{Outgoing, Packet};
use crate::crypto::sframe::{Sealed, ratchet};
use crate::drop::Drop;
use crate::id::Ssrc;
use crate::limits::{OLD_KEY_LIFE, OPUS_BYTES_MAX, RENEW_LEAD_MIN, RENEW_SWITCH_AFTER, RENEW_SWITCH_MAX};
use crate::rng::Rng;
use crate::time::Time;
use crate::wire::datagram::{Payload, Rtp};
use crate::wire::report::ReportFlags;

const FRAME: Duration = Duration::from_millis(20);
const SAYER: Ssrc = Ssrc(1);

fn outgoing(seed: u8) -> Outgoing {
    Outgoing::sealed(SAYER, Rng::new([seed; 32]), Time::ZERO)
}

fn sealed() -> Cover {
    Cover::Keys(Box::default())
}

/// A member that has one key of the stream.
struct Ear(Speakers);

impl Ear {
    fn with(key: &Made) -> Self {
        let mut ear = Self(Speakers::new());
        ear.0.get_or_add(SAYER, sealed, Time::ZERO).unwrap();
        ear.listen(key);
        ear
    }

    fn speaker(&mut self) -> &mut Speaker {
        self.0.get_mut(SAYER).unwrap()
    }

    fn listen(&mut self, key: &Made) {
        self.told(key).unwrap();
    }

    fn told(&mut self, key: &Made) -> Result<(), Drop> {
        self.speaker().keys().unwrap().listen(key.generation, key.step, &key.base_key)
    }

    fn open(&mut self, packet: &Packet, now: Time) -> Result<Opened, Drop> {
        self.0.on_time(now, |_| {});
        let (rtp, sealed) = (Rtp::decode(packet).unwrap(), Sealed::read(packet).unwrap());
        self.speaker().open(&rtp, &sealed, &mut packet.clone(), Ssrc(2), now)
    }

    fn hears(&mut self, packet: &Packet, now: Time) -> u64 {
        let opened = self.open(packet, now);
        let Ok(Opened::Voice { seq, .. }) = opened else { panic!("{opened:?}") };
        seq
    }

    fn refuses(&mut self, packet: &Packet, now: Time) -> Drop {
        self.open(packet, now).expect_err("it opened")
    }
}

fn says(out: &mut Outgoing, now: Time) -> Packet {
    out.frame(&[1], FRAME, now).unwrap()
}

fn kid(packet: &Packet) -> u64 {
    Sealed::read(packet).unwrap().kid
}

#[test]
fn numbers_run_on_through_their_wrapping() {
    let mut numbers = vec![unwrapped(65_534, None, None)];
    for seq in [65_535, 0, 1, 65_533, 2] {
        let highest = numbers.iter().copied().max();
        numbers.push(unwrapped(seq, highest, highest));
    }
    let first = numbers[0];
    assert_eq!(numbers, [first, first + 1, first + 2, first + 3, first - 1, first + 4]);
    assert!(unwrapped(3, None, Some(first)) > first + 65_535);
}

#[test]
fn media_time_goes_on_while_the_microphone_is_off() {
    let mut out = outgoing(1);
    let stamp = |out: &mut Outgoing, ms| Rtp::decode(&says(out, Time::ms(ms))).unwrap().timestamp;
    let first = stamp(&mut out, 0);
    assert_eq!(stamp(&mut out, 20).wrapping_sub(first), 960);
    assert_eq!(stamp(&mut out, 75).wrapping_sub(first), 2 * 960, "late is not off");
    assert_eq!(stamp(&mut out, 75 + 1_000).wrapping_sub(first), 2 * 960 + 48_000);
}

#[test]
fn the_same_key_again_does_not_forget_what_was_seen() {
    let mut out = outgoing(1);
    let first = out.keys().unwrap().told();
    let mut ear = Ear::with(&first);
    let packet = says(&mut out, Time::ZERO);
    ear.hears(&packet, Time::ZERO);
    ear.listen(&first);
    assert_eq!(ear.refuses(&packet, Time::ZERO), Drop::Replay);
    let stepped = out.keys().unwrap().step(Time::ZERO);
    ear.listen(&stepped);
    assert_eq!(
        ear.refuses(&packet, Time::ZERO),
        Drop::Replay,
        "told a step later, it is the same generation"
    );
    ear.hears(&says(&mut out, Time::ZERO), Time::ZERO);
}

#[test]
fn after_a_crash_a_new_key_goes_on_above_the_old_one() {
    let mut old = outgoing(1);
    let mut ear = Ear::with(&old.keys().unwrap().told());
    let before = ear.hears(&says(&mut old, Time::ZERO), Time::ZERO);
    let mut new = outgoing(2);
    ear.listen(&new.keys().unwrap().told());
    assert!(ear.hears(&says(&mut new, Time::ZERO), Time::ZERO) > before + 65_535);
    let late = says(&mut old, Time::ZERO);
    assert_eq!(ear.refuses(&late, Time::ZERO), Drop::Forged, "the key of the same identifier is replaced");
}

#[test]
fn a_key_that_is_forgotten_or_behind_is_never_the_newest_again() {
    let mut out = outgoing(1);
    let mut told = vec![out.keys().unwrap().told()];
    let mut ear = Ear::with(&told[0]);
    let old = says(&mut out, Time::ZERO);
    ear.hears(&old, Time::ZERO);
    told.push(out.keys().unwrap().renew(Time::ZERO));
    ear.listen(&told[1]);
    let now = Time::ZERO + RENEW_SWITCH_AFTER;
    ear.hears(&says(&mut out, now), now);
    let later = now + OLD_KEY_LIFE;
    assert_eq!(ear.refuses(&old, later), Drop::NoKey, "forgotten");
    assert_eq!(ear.told(&told[0]), Err(Drop::Replay));
    assert_eq!(ear.refuses(&old, later), Drop::NoKey);
    // Two more were made in quick succession, and come the wrong way round.
    told.extend([out.keys().unwrap().renew(later), out.keys().unwrap().renew(later)]);
    ear.listen(&told[3]);
    assert_eq!(ear.told(&told[2]), Err(Drop::Replay));
    let switched = later + RENEW_SWITCH_AFTER;
    ear.hears(&says(&mut out, switched), switched);
    // After a crash it begins again with generation 0, and nothing of before comes back.
    let mut new = outgoing(2);
    ear.listen(&new.keys().unwrap().told());
    ear.hears(&says(&mut new, switched), switched);
    let end = switched + OLD_KEY_LIFE;
    ear.hears(&says(&mut new, end), end);
    let again = [0, 1, 3].map(|at: usize| ear.told(&told[at]));
    assert_eq!(again, [Err(Drop::Replay); 3]);
    ear.hears(&says(&mut new, end), end);
}

#[test]
fn who_joins_opens_nothing_of_before_and_everything_after() {
    let mut out = outgoing(1);
    let mut member = Ear::with(&out.keys().unwrap().told());
    let before: Vec<_> = (0..10).map(|_| says(&mut out, Time::ZERO)).collect();
    let stepped = out.keys().unwrap().step(Time::ZERO);
    assert_eq!((stepped.generation, stepped.step), (0, 1));
    let mut joiner = Ear::with(&stepped);
    for packet in &before {
        assert_eq!(joiner.refuses(packet, Time::ZERO), Drop::NoKey);
        assert!(joiner.speaker().is_past(kid(packet)), "and it does not wait for a key either");
    }
    let after = says(&mut out, Time::ZERO);
    joiner.hears(&after, Time::ZERO);
    let number = member.hears(&after, Time::ZERO);
    assert_eq!(member.hears(&before[9], Time::ZERO), number - 1, "a member opens both, in one numbering");
}

#[test]
fn the_keys_before_open_late_packets_for_five_seconds_and_are_forgotten_then() {
    let mut out = outgoing(1);
    let mut ear = Ear::with(&out.keys().unwrap().told());
    ear.hears(&says(&mut out, Time::ZERO), Time::ZERO);
    let (late, later) = (says(&mut out, Time::ZERO), says(&mut out, Time::ZERO));
    let renewed = out.keys().unwrap().renew(Time::ZERO);
    assert_eq!((renewed.generation, renewed.step), (1, 0));
    ear.listen(&renewed);
    ear.hears(&says(&mut out, Time::ms(799)), Time::ms(60_000));
    ear.hears(&says(&mut out, Time::ms(800)), Time::ms(60_000));
    let just = Time::ms(59_999) + OLD_KEY_LIFE;
    ear.hears(&late, just);
    assert_eq!(ear.refuses(&later, just + Duration::from_millis(1)), Drop::NoKey);
    assert!(ear.speaker().is_past(kid(&later)));
    ear.hears(&says(&mut out, Time::ms(900)), just + Duration::from_millis(1));
}

#[test]
fn who_left_opens_nothing_after_the_switch() {
    let mut out = outgoing(1);
    let mut leaver = Ear::with(&out.keys().unwrap().told());
    let told = out.keys().unwrap().renew(Time::ms(100));
    let mut member = Ear::with(&told);
    leaver.hears(&says(&mut out, Time::ms(899)), Time::ms(899));
    for ms in [900, 2_000] {
        let packet = says(&mut out, Time::ms(ms));
        assert_eq!(leaver.refuses(&packet, Time::ms(ms)), Drop::NoKey);
        member.hears(&packet, Time::ms(ms));
    }
}

#[test]
fn a_second_renewal_takes_the_place_of_the_first_and_keeps_its_time() {
    let mut out = outgoing(1);
    let mut member = Ear::with(&out.keys().unwrap().told());
    let first = out.keys().unwrap().renew(Time::ZERO);
    let second = out.keys().unwrap().renew(Time::ms(300));
    assert_eq!((first.generation, second.generation), (1, 2));
    let mut left_second = Ear::with(&first);
    [&first, &second].into_iter().for_each(|key| member.listen(key));
    assert_eq!(kid(&says(&mut out, Time::ms(799))), 0);
    let packet = says(&mut out, Time::ZERO + RENEW_SWITCH_AFTER);
    assert_eq!(left_second.refuses(&packet, Time::ms(800)), Drop::NoKey);
    member.hears(&packet, Time::ms(800));
}

#[test]
fn however_many_leave_the_first_is_out_within_a_second() {
    let mut out = outgoing(1);
    let mut switched = None;
    for ms in (0..2_000).step_by(50) {
        if switched.is_none() && kid(&says(&mut out, Time::ms(ms))) != 0 {
            switched = Some(ms);
        }
        out.keys().unwrap().renew(Time::ms(ms));
    }
    let latest = u64::try_from(RENEW_SWITCH_MAX.as_millis()).unwrap();
    assert_eq!(switched, Some(latest));
    let mut out = outgoing(1);
    out.keys().unwrap().renew(Time::ZERO);
    out.keys().unwrap().renew(Time::ms(790));
    let (just_before, at) = (Time::ms(789) + RENEW_LEAD_MIN, Time::ms(790) + RENEW_LEAD_MIN);
    assert_eq!(kid(&says(&mut out, just_before)), 0, "the others get time for the new one");
    assert_ne!(kid(&says(&mut out, at)), 0);
}

#[test]
fn who_joins_during_a_renewal_gets_the_key_to_come() {
    let mut out = outgoing(1);
    let renewed = out.keys().unwrap().renew(Time::ZERO);
    let joined = out.keys().unwrap().step(Time::ms(100));
    assert_eq!((joined.generation, joined.step), (1, 0));
    assert_eq!(joined.base_key, renewed.base_key, "with which nothing was said");
    let mut joiner = Ear::with(&joined);
    assert_eq!(joiner.refuses(&says(&mut out, Time::ms(799)), Time::ms(799)), Drop::NoKey);
    joiner.hears(&says(&mut out, Time::ms(800)), Time::ms(800));
    let stepped = out.keys().unwrap().step(Time::ms(900));
    assert_eq!((stepped.generation, stepped.step), (1, 1), "and after the switch steps are steps again");
}

#[test]
fn after_the_seventh_step_comes_a_generation() {
    let mut out = outgoing(1);
    let mut base = out.keys().unwrap().told().base_key;
    for step in 1..=7 {
        let key = out.keys().unwrap().step(Time::ZERO);
        base = ratchet(&base);
        assert_eq!((key.generation, key.step), (0, step));
        assert_eq!(key.base_key, base, "the formula of RFC 9605 section 5.1");
    }
    let next = out.keys().unwrap().step(Time::ZERO);
    assert_eq!((next.generation, next.step), (1, 0));
    assert_eq!(kid(&says(&mut out, Time::ms(799))), 7);
    assert_eq!(kid(&says(&mut out, Time::ms(800))), 1 << 3);
}

#[test]
fn generations_begin_again_after_the_last_and_the_stream_goes_on() {
    let mut out = outgoing(1);
    let mut ear = Ear::with(&out.keys().unwrap().told());
    let (mut now, mut before) = (Time::ZERO, None);
    for generation in (0..32).chain(0..3) {
        let packet = says(&mut out, now);
        assert_eq!(kid(&packet), generation << 3);
        let seq = ear.hears(&packet, now);
        assert!(before.is_none_or(|before| seq == before + 1));
        before = Some(seq);
        let next = out.keys().unwrap().renew(now);
        ear.listen(&next);
        now += RENEW_SWITCH_AFTER;
    }
}

#[test]
fn a_replay_is_refused_under_every_key_it_was_sealed_with() {
    let mut out = outgoing(1);
    let mut ear = Ear::with(&out.keys().unwrap().told());
    let mut all = Vec::new();
    for n in 0..12 {
        let now = Time::ms(n * 100);
        let packet = says(&mut out, now);
        ear.hears(&packet, now);
        all.push(packet);
        match n % 6 {
            2 => drop(out.keys().unwrap().step(now)),
            5 => ear.listen(&out.keys().unwrap().renew(now)),
            _ => {}
        }
        for packet in &all {
            assert_eq!(ear.refuses(packet, now), Drop::Replay);
        }
    }
}

#[test]
fn no_key_is_used_twice_with_one_counter() {
    let mut out = outgoing(1);
    let mut seen = std::collections::BTreeSet::new();
    let mut now = Time::ZERO;
    for n in 0..400u64 {
        now += Duration::from_millis(90);
        match n % 7 {
            0 => drop(out.keys().unwrap().renew(now)),
            3 | 4 => drop(out.keys().unwrap().step(now)),
            _ => {}
        }
        // Past thirty-two generations a number comes again, with another key.
        let lap = n / 200;
        let sealed = Sealed::read(&says(&mut out, now)).unwrap();
        assert!(seen.insert((lap, sealed.kid, sealed.counter)), "{sealed:?}");
    }
}

#[test]
fn a_forged_packet_of_any_key_changes_nothing() {
    let mut out = outgoing(1);
    let mut ear = Ear::with(&out.keys().unwrap().told());
    let genuine = says(&mut out, Time::ZERO);
    ear.hears(&genuine, Time::ZERO);
    let late = says(&mut out, Time::ZERO);
    for kid in 1..=u8::MAX {
        let mut forged = genuine.to_vec();
        forged[12] = 0x80 | forged[12] & 15;
        forged.insert(13, kid);
        let forged = Packet::copy_of(&forged).unwrap();
        let why = ear.refuses(&forged, Time::ZERO);
        assert_eq!(why, if kid < 8 { Drop::Forged } else { Drop::NoKey });
    }
    // Had one of them been believed, the first key would be gone by now.
    let after = Time::ZERO + OLD_KEY_LIFE + OLD_KEY_LIFE;
    ear.hears(&late, after);
    assert_eq!(ear.0.deadline(), Some(after + crate::limits::MEDIA_SILENCE_MAX));
}

#[test]
fn the_key_in_use_is_kept_whoever_leaves_in_quick_succession() {
    let mut out = outgoing(1);
    let mut ear = Ear::with(&out.keys().unwrap().told());
    ear.hears(&says(&mut out, Time::ZERO), Time::ZERO);
    for n in 1..9 {
        ear.listen(&out.keys().unwrap().renew(Time::ms(n * 50)));
        ear.hears(&says(&mut out, Time::ms(n * 50)), Time::ms(n * 50));
    }
    let packet = says(&mut out, Time::ms(2_000));
    assert_eq!(kid(&packet), 8 << 3);
    ear.hears(&packet, Time::ms(2_000));
}

/// 20 ms of Opus, told apart by the number (RFC 6716 section 3.1: configuration 31).
fn numbered(out: &mut Outgoing, n: u8, now: Time) -> Packet {
    out.frame(&[31 << 3, n], FRAME, now).unwrap()
}

/// What a packet brings: its own number and those of the copies that were needed.
fn brings(ear: &mut Ear, packet: &Packet, now: Time) -> (u8, Vec<(u8, u8)>) {
    let opened = ear.open(packet, now);
    let Ok(Opened::Voice { frame, copies, .. }) = opened else { panic!("{opened:?}") };
    (frame[1], copies.found.iter().flatten().map(|(back, frame)| (*back, frame[1])).collect())
}

#[test]
fn copies_bring_what_was_lost_and_nothing_else() {
    let mut out = outgoing(1);
    let mut ear = Ear::with(&out.keys().unwrap().told());
    out.copy([2, 1]);
    let at = |n: u8| Time::ms(20 * u64::from(n));
    let packets: Vec<_> = (0..8).map(|n| numbered(&mut out, n, at(n))).collect();
    assert_eq!(Rtp::decode(&packets[0]).unwrap().payload, Payload::Voice, "there is nothing before it");
    assert_eq!(Rtp::decode(&packets[1]).unwrap().payload, Payload::Copies);
    for (n, needed) in
        [(0, vec![]), (1, vec![]), (4, vec![(2, 2), (1, 3)]), (5, vec![(2, 3)]), (7, vec![(1, 6)])]
    {
        assert_eq!(brings(&mut ear, &packets[usize::from(n)], at(n)), (n, needed));
    }
}

#[test]
fn what_was_said_under_the_old_key_is_not_said_again_under_the_new_one() {
    let mut out = outgoing(1);
    out.copy([2, 1]);
    for n in 0..4 {
        numbered(&mut out, n, Time::ms(20 * u64::from(n)));
    }
    // Who joins gets the next step, and must hear nothing from before it, whoever reported first.
    let mut joined = Ear::with(&out.keys().unwrap().step(Time::ms(80)));
    out.report(ReportFlags::default(), core::iter::empty(), Time::ms(80)).unwrap();
    let first = numbered(&mut out, 4, Time::ms(80));
    let second = numbered(&mut out, 5, Time::ms(100));
    assert_eq!(brings(&mut joined, &second, Time::ms(100)), (5, vec![(1, 4)]));
    assert_eq!(brings(&mut joined, &first, Time::ms(100)), (4, vec![]));
}

#[test]
fn a_pause_and_another_duration_leave_no_copies_behind() {
    let mut out = outgoing(1);
    out.copy([2, 1]);
    let payload = |packet: &Packet| Rtp::decode(packet).unwrap().payload;
    numbered(&mut out, 0, Time::ZERO);
    assert_eq!(payload(&numbered(&mut out, 1, Time::ms(400))), Payload::Voice, "after a pause");
    assert_eq!(payload(&numbered(&mut out, 2, Time::ms(420))), Payload::Copies);
    let short = out.frame(&[30 << 3, 3], FRAME / 2, Time::ms(430)).unwrap();
    assert_eq!(payload(&short), Payload::Voice, "of another duration");
    let mut plain = Outgoing::plain(SAYER, Rng::new([1; 32]), Time::ZERO);
    plain.copy([2, 1]);
    for n in 0..3 {
        let packet = plain.frame(&[30 << 3, n], FRAME / 2, Time::ms(u64::from(n) * 10)).unwrap();
        assert_eq!(payload(&packet), Payload::PlainVoice);
    }
}

#[test]
fn copies_that_do_not_fit_stay_at_home() {
    let mut out = outgoing(1);
    out.copy([2, 1]);
    let mut large = [7; 400];
    large[0] = 31 << 3;
    let packets: Vec<_> = (0..4).map(|n| out.frame(&large, FRAME, Time::ms(20 * n)).unwrap()).collect();
    let kinds: Vec<_> = packets.iter().map(|packet| Rtp::decode(packet).unwrap().payload).collect();
    assert_eq!(kinds, [Payload::Voice, Payload::Copies, Payload::Voice, Payload::Voice]);
}

#[test]
fn the_largest_report_and_frame_fit_a_datagram() {
    let mut out = outgoing(1);
    let mut speakers = Speakers::new();
    for n in 0..32 {
        speakers.get_or_add(Ssrc(n), sealed, Time::ZERO).unwrap();
    }
    assert_eq!(speakers.get_or_add(Ssrc(99), sealed, Time::ZERO).err(), Some(Drop::Full));
    let heard = speakers.iter().map(|speaker| speaker.heard(Time::ZERO));
    assert!(out.report(ReportFlags::default(), heard, Time::ZERO).is_ok());
    assert!(out.frame(&[0; OPUS_BYTES_MAX], FRAME, Time::ZERO).is_ok());
    assert_eq!(out.frame(&[0; OPUS_BYTES_MAX + 1], FRAME, Time::ZERO).err(), Some(Drop::Oversized));
    assert_eq!(out.frame(&[], FRAME, Time::ZERO).err(), Some(Drop::Malformed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes and goes, a member that gets every key of step 0, in time, hears every frame once and in order.
    #[test]
    fn a_member_hears_all_of_it(acts in prop::collection::vec((0..8u8, 1..400u64), 1..60)) {
        let mut out = outgoing(1);
        let mut ear = Ear::with(&out.keys().unwrap().told());
        let (mut now, mut before) = (Time::ZERO, None);
        for (act, pause) in acts {
            now += Duration::from_millis(pause);
            let key = match act {
                0 => Some(out.keys().unwrap().renew(now)),
                1 | 2 => Some(out.keys().unwrap().step(now)),
                _ => None,
            };
            if let Some(key) = key.filter(|key| key.step == 0) {
                ear.listen(&key);
            }
            let seq = ear.hears(&says(&mut out, now), now);
            prop_assert!(before.is_none_or(|before| seq == before + 1));
            before = Some(seq);
        }
    }
}
