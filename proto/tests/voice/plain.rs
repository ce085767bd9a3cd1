//! Calls that are not encrypted, at the relay: payload types 98 and 99 and nothing else.

use core::time::Duration;

use proto::Drop;
use proto::limits::{MEDIA_SILENCE_MAX, REPORT_EVERY};
use proto::media::{CallCommand, CallEvent, MediaInput, Statistics};

use crate::voice_net::{ALICE, BOB, CALL, Net, ONE_WAY, Sent, place};

const FRAME: Duration = Duration::from_millis(10);
/// 10 ms of Opus, mono and stereo, with something in them.
const MONO: u8 = 30 << 3;
const STEREO: u8 = 30 << 3 | 4;

fn call_of(count: usize) -> Net {
    let mut net = Net::of(3, count);
    net.bind_both();
    for end in 0..count {
        net.command(end, CallCommand::OpenPlain(CALL));
        assert!(net.ends[end].devices && net.ends[end].key.is_none(), "open, and no key was drawn");
        for other in (0..count).filter(|other| *other != end) {
            net.command(end, CallCommand::ListenPlain { call: CALL, ssrc: place(other).ssrc });
        }
    }
    net
}

fn says(net: &mut Net, end: usize, opus: &[u8]) {
    net.ends[end].media.handle(MediaInput::Frame { opus, duration: FRAME }, net.now);
    net.drain(end);
}

/// Everybody speaks, 10 ms at a time.
fn talk(net: &mut Net, time: Duration) {
    let until = net.now + time;
    while net.now < until {
        (0..net.ends.len()).for_each(|end| says(net, end, &[MONO, 7, 8]));
        net.run(FRAME);
    }
}

#[test]
fn three_hear_each_other_in_clear_and_the_figures_count() {
    let mut net = call_of(3);
    talk(&mut net, Duration::from_secs(2));
    net.run(ONE_WAY * 2);
    for end in &net.ends {
        assert_eq!(end.played.len(), 2 * 200);
        assert!(end.sent.iter().all(|sent| matches!(sent, Sent::Bind | Sent::Plain)), "{:?}", end.sent);
    }
    let mut figures = Statistics::default();
    net.ends[ALICE].media.fill(&mut figures, net.now);
    assert_eq!((figures.opened, figures.lost), (2 * 201, 0), "of each 200 frames and the first sign of life");
    assert!(figures.round_trip.is_some_and(|trip| trip >= ONE_WAY * 4 - Duration::from_millis(1)));
    assert!(net.ends[ALICE].media.is_plain());
}

#[test]
fn stereo_of_a_guest_with_its_own_numbers_is_played() {
    let mut net = call_of(2);
    let (relay, guest) = (net.relay_addr(), 0x77u32);
    net.command(BOB, CallCommand::ListenPlain { call: CALL, ssrc: proto::id::Ssrc(guest) });
    let packet = |seq: u16, opus: &[u8]| {
        let mut packet = vec![0x80, 98];
        packet.extend(seq.to_be_bytes());
        packet.extend((u32::from(seq) * 480).to_be_bytes());
        packet.extend(guest.to_be_bytes());
        packet.extend(opus);
        packet
    };
    for seq in [65_534u16, 65_535, 1, 0] {
        assert_eq!(net.inject(BOB, relay, &packet(seq, &[STEREO, 1, 2])), None);
    }
    let numbers: Vec<_> =
        net.ends[BOB].played.iter().map(|(seq, _)| *seq - net.ends[BOB].played[0].0).collect();
    assert_eq!(numbers, [0, 1, 3, 2]);
    assert_eq!(net.inject(BOB, relay, &packet(1, &[STEREO, 1, 2])), Some(Drop::Replay));
    assert_eq!(net.inject(BOB, relay, &packet(30_000, &[STEREO, 1, 2])), None, "a long gap is a gap");
    assert_eq!(net.inject(BOB, relay, &packet(5, &[STEREO, 1, 2])), Some(Drop::Replay), "long ago");
    assert_eq!(net.inject(BOB, relay, &packet(6, &[STEREO, 1, 2])), None, "unless the numbers began anew");
    for (wrong, why) in [
        (vec![31 << 3, 1], Drop::Malformed),
        (vec![28 << 3, 1], Drop::Malformed),
        (vec![], Drop::Malformed),
        (vec![MONO; 257], Drop::Oversized),
    ] {
        assert_eq!(net.inject(BOB, relay, &packet(7, &wrong)), Some(why), "{wrong:?}");
    }
    assert_eq!(net.inject(BOB, relay, &packet(7, &[STEREO; 256])), None);
}

#[test]
fn sealed_calls_take_nothing_plain_and_plain_ones_nothing_sealed() {
    let (mut plain, mut sealed) = (call_of(2), Net::new(3));
    sealed.bind_both();
    sealed.accept();
    let relay = plain.relay_addr();
    talk(&mut plain, Duration::from_secs(1));
    sealed.talk(Duration::from_secs(1));
    let of = |net: &Net, payload: u8| {
        net.ends[BOB].received.iter().find(|bytes| bytes[..2] == [0x80, payload]).cloned().unwrap()
    };
    for payload in [98, 99] {
        let packet = of(&plain, payload);
        assert_eq!(sealed.inject(BOB, relay, &packet), Some(Drop::Forged));
    }
    for payload in [96, 97] {
        let packet = of(&sealed, payload);
        assert_eq!(plain.inject(BOB, relay, &packet), Some(Drop::Forged));
    }
    let voice = of(&plain, 98);
    assert_eq!(plain.inject(BOB, "203.0.113.9:1".parse().unwrap(), &voice), Some(Drop::Stranger));
    let mut stranger = voice.clone();
    stranger[11] ^= 0x40;
    assert_eq!(plain.inject(BOB, relay, &stranger), Some(Drop::Stranger), "nobody introduced it");
    assert_eq!(plain.inject(ALICE, relay, &voice), Some(Drop::Impostor), "our own stream comes back");
    assert_eq!(plain.inject(BOB, relay, &voice), Some(Drop::Replay));
    let base_key = proto::media::BaseKey::new([1; 32]);
    let ssrc = place(ALICE).ssrc;
    plain.command(BOB, CallCommand::Listen { call: CALL, ssrc, generation: 0, step: 0, base_key });
    plain.command(BOB, CallCommand::Step(CALL));
    plain.command(BOB, CallCommand::Renew(CALL));
    assert_eq!(plain.ends[BOB].dropped(Drop::OutOfTurn), 3, "there are no keys in it");
    sealed.command(BOB, CallCommand::ListenPlain { call: CALL, ssrc });
    assert_eq!(sealed.ends[BOB].dropped(Drop::OutOfTurn), 1);
}

#[test]
fn nothing_leaves_that_a_plain_client_could_not_bear() {
    let mut net = call_of(2);
    net.run(Duration::from_millis(50));
    let before = net.ends[ALICE].sent.len();
    says(&mut net, ALICE, &[31 << 3, 1, 2]);
    says(&mut net, ALICE, &[MONO; 257]);
    says(&mut net, ALICE, &[]);
    assert_eq!(net.ends[ALICE].sent.len(), before);
    assert_eq!(net.ends[ALICE].dropped(Drop::Malformed), 2, "20 ms, and nothing");
    assert_eq!(net.ends[ALICE].dropped(Drop::Oversized), 1);
    says(&mut net, ALICE, &[MONO; 256]);
    assert_eq!(net.ends[ALICE].sent.len(), before + 1);
}

#[test]
fn muted_still_says_silence_which_nobody_plays() {
    let mut net = call_of(2);
    net.run(Duration::from_secs(20));
    let silence = |bytes: &&Vec<u8>| bytes[..2] == [0x80, 98] && bytes[12..] == [0xf0, 0xff, 0xfe];
    let signs = net.ends[BOB].received.iter().filter(silence).count();
    let expected = 20_000 / usize::try_from(REPORT_EVERY.as_millis()).unwrap();
    assert!((expected - 1..=expected + 1).contains(&signs), "{signs}");
    assert!(net.ends[BOB].heard && net.ends[BOB].played.is_empty());
    assert!(net.ends.iter().all(|end| end.events.len() == 2), "bound and heard: {:?}", net.ends[BOB].events);
    talk(&mut net, Duration::from_secs(1));
    net.run(ONE_WAY * 2);
    assert_eq!(net.ends[BOB].played.len(), 100);
}

#[test]
fn who_hangs_up_or_goes_quiet_is_told_as_in_any_call() {
    let mut net = call_of(3);
    talk(&mut net, Duration::from_millis(300));
    net.command(ALICE, CallCommand::Close(CALL));
    net.run(Duration::from_secs(1));
    let gone = CallEvent::HungUp { call: CALL, ssrc: place(ALICE).ssrc };
    for end in [1, 2] {
        assert_eq!(net.ends[end].events.iter().filter(|event| **event == gone).count(), 1);
    }
    net.run(MEDIA_SILENCE_MAX);
    let quiet = CallEvent::Quiet { call: CALL, ssrc: place(ALICE).ssrc };
    assert!(net.ends[BOB].events.contains(&quiet));
    assert!(!net.ends[BOB].events.contains(&CallEvent::Silent(CALL)), "the third is still there");
}
