//! Who gets a place at the relay and who does not, where voice goes, and when places end.

use super::*;
use crate::crypto::mac;
use crate::limits::REVOCATIONS_MAX;
use crate::rng::Rng;
use crate::time::Wall;
use crate::wire::datagram::{Bind, Bound, Cookie, Payload};
use proptest::prelude::*;

mod seats;

const KEY: [u8; 32] = [5; 32];
const ROOM: RelayId = RelayId(0xabc);
const EXPIRY: u32 = 1_600;

/// The wall read 1000 s when the monotonic clock read zero.
fn at(ms: u64) -> Now {
    Now::at(Time::ms(ms), Wall(1_000_000))
}

fn relay() -> Relay {
    Relay::new(KEY, Rng::new([1; 32]), RelayLimits::default())
}

fn source(n: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 5_000 + n))
}

fn ask(relay: &mut Relay, from: SocketAddr, bytes: &[u8], now: Now) -> Option<Output> {
    relay.handle(Input::Datagram(from, bytes), now);
    let out = relay.poll();
    assert_eq!(relay.poll(), None);
    out
}

fn bind_of(ssrc: u32, expiry: u32, proof: [u8; 16]) -> (Bind, [u8; 32]) {
    let bind = Bind { relay: ROOM, ssrc: Ssrc(ssrc), expiry, proof };
    (bind, mac::ticket(&KEY, ROOM, Ssrc(ssrc), expiry))
}

fn first(ssrc: u32, expiry: u32) -> Control {
    let (bind, ticket) = bind_of(ssrc, expiry, [9; 16]);
    bind.encode(|over| mac::bind_mac(&ticket, over))
}

fn second(ssrc: u32, expiry: u32, cookie: [u8; 16]) -> Control {
    let (bind, ticket) = bind_of(ssrc, expiry, cookie);
    bind.encode_second(|over| mac::bind_mac(&ticket, over))
}

fn cookie(relay: &mut Relay, from: SocketAddr, ssrc: u32, now: Now) -> [u8; 16] {
    let Some(Output::Reply { to, bytes }) = ask(relay, from, &first(ssrc, EXPIRY), now) else {
        panic!("no cookie")
    };
    let cookie = Cookie::decode(&bytes).unwrap();
    assert_eq!((to, cookie.nonce), (from, [9; 16]));
    cookie.cookie
}

fn bind(relay: &mut Relay, from: SocketAddr, ssrc: u32, now: Now) -> Option<Output> {
    let cookie = cookie(relay, from, ssrc, now);
    ask(relay, from, &second(ssrc, EXPIRY, cookie), now)
}

fn bound(ssrc: u32, to: SocketAddr) -> Option<Output> {
    Some(Output::Reply { to, bytes: Bound { relay: ROOM, ssrc: Ssrc(ssrc) }.encode() })
}

fn voice(ssrc: u32) -> Vec<u8> {
    let mut packet =
        Rtp { payload: Payload::Voice, seq: 1, timestamp: 2, ssrc: Ssrc(ssrc) }.encode().to_vec();
    packet.extend([0xee; 60]);
    packet
}

fn dropped(reason: Drop) -> Option<Output> {
    Some(Output::Drop(reason))
}

#[test]
fn three_steps_bind_and_voice_goes_to_the_others() {
    let mut relay = relay();
    for n in 1..=3 {
        assert_eq!(bind(&mut relay, source(n), u32::from(n), at(0)), bound(u32::from(n), source(n)));
    }
    assert_eq!(ask(&mut relay, source(1), &voice(1), at(20)), Some(Output::Fan));
    assert_eq!(relay.targets(), [source(2), source(3)]);
    relay.handle(Input::Timeout, at(20));
    assert!(relay.targets().is_empty(), "targets are of the last datagram only");
}

#[test]
fn one_alone_is_heard_by_nobody() {
    let mut relay = relay();
    bind(&mut relay, source(1), 1, at(0));
    assert_eq!(ask(&mut relay, source(1), &voice(1), at(20)), None);
}

#[test]
fn nothing_is_kept_before_the_cookie_came_back() {
    let mut relay = relay();
    cookie(&mut relay, source(1), 1, at(0));
    assert_eq!((relay.occupancy(), relay.deadline()), ((0, 0), None));
    assert_eq!(ask(&mut relay, source(1), &voice(1), at(0)), dropped(Drop::Stranger));
}

#[test]
fn a_forged_bind_is_named_and_not_answered() {
    let mut relay = relay();
    let mut bytes = first(1, EXPIRY).to_vec();
    bytes[12] ^= 1;
    assert_eq!(ask(&mut relay, source(1), &bytes, at(0)), dropped(Drop::Forged));
    let cookie = cookie(&mut relay, source(1), 1, at(0));
    let mut bytes = second(1, EXPIRY, cookie).to_vec();
    bytes[64] ^= 1;
    assert_eq!(ask(&mut relay, source(1), &bytes, at(0)), dropped(Drop::Forged));
}

#[test]
fn a_bind_of_another_address_or_time_is_a_replay() {
    let mut relay = relay();
    let cookie = cookie(&mut relay, source(1), 1, at(0));
    let honest = second(1, EXPIRY, cookie);
    assert_eq!(ask(&mut relay, source(2), &honest, at(0)), dropped(Drop::Replay));
    assert_eq!(ask(&mut relay, source(1), &honest, at(119_000)), bound(1, source(1)));
    assert_eq!(ask(&mut relay, source(1), &honest, at(121_000)), dropped(Drop::Replay));
}

#[test]
fn an_expired_ticket_does_not_bind_and_ends_what_it_bound() {
    let mut relay = relay();
    assert_eq!(ask(&mut relay, source(1), &first(1, 1_000), at(0)), dropped(Drop::Expired));
    bind(&mut relay, source(1), 1, at(0));
    bind(&mut relay, source(2), 2, at(0));
    for ms in (0..600_000).step_by(10_000) {
        assert_eq!(
            ask(&mut relay, source(1), &voice(1), at(ms)).is_some(),
            ms < 30_000,
            "2 fell silent at {ms}"
        );
    }
    assert_eq!(ask(&mut relay, source(1), &voice(1), at(600_000)), dropped(Drop::Stranger));
    assert_eq!(relay.occupancy(), (0, 0));
}

#[test]
fn the_removed_are_out_and_stay_out() {
    let mut relay = relay();
    bind(&mut relay, source(1), 1, at(0));
    bind(&mut relay, source(2), 2, at(0));
    relay.handle(Input::Change(Change::Remove { relay: ROOM, ssrc: Ssrc(1), expiry: EXPIRY }), at(1));
    assert_eq!(relay.poll(), None);
    assert_eq!(ask(&mut relay, source(1), &voice(1), at(2)), dropped(Drop::Stranger));
    assert_eq!(ask(&mut relay, source(1), &first(1, EXPIRY), at(2)), dropped(Drop::Revoked));
    assert_eq!(ask(&mut relay, source(2), &voice(2), at(2)), None);
    relay.handle(Input::Timeout, at(600_000));
    assert!(relay.revoked.is_empty(), "nothing is remembered longer than it matters");
}

#[test]
fn a_closed_room_is_empty_and_shut() {
    let mut relay = relay();
    bind(&mut relay, source(1), 1, at(0));
    let late = cookie(&mut relay, source(3), 3, at(0));
    relay.handle(Input::Change(Change::Close { relay: ROOM, expiry: EXPIRY }), at(1));
    assert_eq!(relay.occupancy(), (0, 0));
    assert_eq!(ask(&mut relay, source(3), &second(3, EXPIRY, late), at(2)), dropped(Drop::Revoked));
}

#[test]
fn revocations_have_a_ceiling() {
    let mut relay = relay();
    for n in 0..u32::try_from(REVOCATIONS_MAX).unwrap() + 10 {
        let change = Change::Remove { relay: ROOM, ssrc: Ssrc(n), expiry: 2_000 + n };
        relay.handle(Input::Change(change), at(0));
    }
    assert_eq!(relay.revoked.len(), REVOCATIONS_MAX);
    assert!(!relay.revoked.contains_key(&(ROOM, Some(Ssrc(9)))), "the first to end went first");
}

#[test]
fn a_new_address_replaces_the_old_one() {
    let mut relay = relay();
    bind(&mut relay, source(1), 1, at(0));
    bind(&mut relay, source(2), 2, at(0));
    assert_eq!(
        ask(&mut relay, source(9), &voice(1), at(5)),
        dropped(Drop::Stranger),
        "without proof nothing moves"
    );
    bind(&mut relay, source(9), 1, at(10));
    assert_eq!(ask(&mut relay, source(1), &voice(1), at(20)), dropped(Drop::Stranger));
    ask(&mut relay, source(2), &voice(2), at(20));
    assert_eq!(relay.targets(), [source(9)]);
    assert_eq!(relay.occupancy(), (2, 1));
}

#[test]
fn a_member_speaks_in_its_own_name_and_within_its_budget() {
    let mut relay = relay();
    bind(&mut relay, source(1), 1, at(0));
    bind(&mut relay, source(2), 2, at(0));
    assert_eq!(ask(&mut relay, source(1), &voice(2), at(0)), dropped(Drop::Impostor));
    let passed =
        (0..2_000).filter(|_| ask(&mut relay, source(1), &voice(1), at(0)) == Some(Output::Fan)).count();
    assert!(passed <= DATAGRAMS_PER_MEMBER.burst as usize);
    assert_eq!(ask(&mut relay, source(1), &voice(1), at(0)), dropped(Drop::Flood));
    assert_eq!(ask(&mut relay, source(1), &voice(1), at(1_000)), Some(Output::Fan));
}

#[test]
fn strangers_have_a_budget_that_voice_does_not_touch() {
    let mut relay = relay();
    for _ in 0..1_000 {
        assert_eq!(ask(&mut relay, source(1), &voice(1), at(0)), dropped(Drop::Stranger));
    }
    let answers = (0..100).filter(|_| {
        matches!(ask(&mut relay, source(1), &first(1, EXPIRY), at(0)), Some(Output::Reply { .. }))
    });
    assert_eq!(answers.count(), DATAGRAMS_PER_STRANGER.burst as usize);
    assert_eq!(ask(&mut relay, source(1), &first(1, EXPIRY), at(0)), dropped(Drop::Flood));
}

#[test]
fn rooms_and_members_have_ceilings() {
    let limits = RelayLimits { rooms: 1, members: 2, ..RelayLimits::default() };
    let mut relay = Relay::new(KEY, Rng::new([1; 32]), limits);
    bind(&mut relay, source(1), 1, at(0));
    bind(&mut relay, source(2), 2, at(0));
    assert_eq!(bind(&mut relay, source(3), 3, at(0)), dropped(Drop::Full));
    assert_eq!(bind(&mut relay, source(4), 2, at(0)), bound(2, source(4)), "moving takes no new place");
    let other = Bind { relay: RelayId(7), ssrc: Ssrc(1), expiry: EXPIRY, proof: [9; 16] };
    let ticket = mac::ticket(&KEY, other.relay, other.ssrc, EXPIRY);
    let asked = ask(&mut relay, source(5), &other.encode(|over| mac::bind_mac(&ticket, over)), at(0));
    let Some(Output::Reply { bytes, .. }) = asked else { panic!("no cookie") };
    let other = Bind { proof: Cookie::decode(&bytes).unwrap().cookie, ..other };
    let asked = ask(&mut relay, source(5), &other.encode_second(|over| mac::bind_mac(&ticket, over)), at(0));
    assert_eq!(asked, dropped(Drop::Full));
}

#[test]
fn bad_bytes_are_named() {
    let mut relay = relay();
    bind(&mut relay, source(1), 1, at(0));
    for bytes in [&[][..], &[0xc1; 33], &[0xc3; 13], &[0xc0; 95], &[7; 40], &voice(1)[..12]] {
        assert_eq!(ask(&mut relay, source(1), bytes, at(0)), dropped(Drop::Malformed));
    }
    assert_eq!(ask(&mut relay, source(1), &[0x80; DATAGRAM_BYTES_MAX + 1], at(0)), dropped(Drop::Oversized));
}

/// A datagram as a stranger, a thief of tickets or a member would send it.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let expiries = prop_oneof![Just(EXPIRY), Just(1_000), any::<u32>()];
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..1_300),
        (0xc0..=0xc3u8, prop::collection::vec(any::<u8>(), 12..100)).prop_map(|(code, mut bytes)| {
            bytes[0] = code;
            bytes
        }),
        (0..4u32, expiries).prop_map(|(ssrc, expiry)| first(ssrc, expiry).to_vec()),
        (0..4u32, any::<[u8; 16]>()).prop_map(|(ssrc, cookie)| second(ssrc, EXPIRY, cookie).to_vec()),
        (0..4u32).prop_map(voice),
    ]
}

proptest! {
    #[test]
    fn no_source_gets_more_than_it_sent(
        traffic in prop::collection::vec((0..5u16, datagram(), any::<bool>(), 0..40u64), 1..200),
    ) {
        let mut relay = relay();
        let (mut sent, mut answered) = (BTreeMap::new(), BTreeMap::new());
        let mut ms = 0;
        for (n, bytes, honest, pause) in traffic {
            ms += pause;
            // Half of the sources go on with an honest second step, so that bound ones are among them.
            let reply = ask(&mut relay, source(n), &bytes, at(ms));
            *sent.entry(n).or_insert(0) += bytes.len();
            let Some(Output::Reply { to, bytes: reply }) = reply else { continue };
            prop_assert_eq!(to, source(n));
            prop_assert!(reply.len() <= bytes.len());
            *answered.entry(n).or_insert(0) += reply.len();
            if let (true, Some(cookie), Some((asked, _))) = (honest, Cookie::decode(&reply), Bind::decode(&bytes)) {
                let next = second(asked.ssrc.0, asked.expiry, cookie.cookie);
                *sent.entry(n).or_insert(0) += next.len();
                if let Some(Output::Reply { bytes, .. }) = ask(&mut relay, source(n), &next, at(ms)) {
                    *answered.entry(n).or_insert(0) += bytes.len();
                }
            }
            prop_assert!(answered.get(&n) <= sent.get(&n));
            let members: usize = relay.rooms.values().map(Room::len).sum();
            prop_assert_eq!(members, relay.members.len());
        }
    }
}

#[test]
fn whoever_asks_is_told_from_where_and_not_too_often() {
    let mut relay = relay();
    let question = Question { id: [7; 12] };
    let Some(Output::Reply { to, bytes }) = ask(&mut relay, source(3), &question.encode(), at(5)) else {
        panic!("no answer")
    };
    assert_eq!(to, source(3));
    assert!(bytes.len() <= question.encode().len());
    let answer = Answer::decode(&bytes).unwrap();
    assert_eq!((answer.id, answer.source, answer.time), ([7; 12], source(3), Some(Wall(1_000_005))));
    assert_eq!(relay.occupancy(), (0, 0), "nothing is kept");
    let flood = (0..1_000).filter_map(|_| ask(&mut relay, source(3), &question.encode(), at(5)));
    assert!(flood.filter(|out| *out == Output::Drop(Drop::Flood)).count() > 900);
}
