//! Guests of seed A in a room: their seats, and their voice both ways.

use super::*;

fn guest(n: u8) -> IpAddr {
    IpAddr::from([198, 51, 100, n])
}

fn seat(relay: &mut Relay, ssrc: u32, address: IpAddr, expiry: u32, now: Now) {
    assert_eq!(outputs(relay, place(ROOM, ssrc, address, expiry), now), []);
}

fn place(relay: RelayId, ssrc: u32, address: IpAddr, expiry: u32) -> Input<'static> {
    Input::Change(Change::Seat { relay, ssrc: Ssrc(ssrc), address, expiry })
}

#[test]
fn a_seat_ends_with_its_time_unless_it_is_renewed() {
    let mut relay = relay();
    seat(&mut relay, 7, guest(7), 1_100, at(0));
    seat(&mut relay, 8, guest(8), 1_100, at(0));
    assert_eq!((relay.occupancy(), relay.deadline()), ((2, 1), Some(Time::secs(100))));
    seat(&mut relay, 7, guest(7), 1_200, at(50_000));
    relay.handle(Input::Timeout, at(100_000));
    assert_eq!((relay.occupancy(), relay.deadline()), ((1, 1), Some(Time::secs(200))));
    relay.handle(Input::Timeout, at(200_000));
    assert_eq!((relay.occupancy(), relay.deadline()), ((0, 0), None));
    let over = place(ROOM, 7, guest(7), 1_200);
    assert_eq!(outputs(&mut relay, over, at(200_000)), [Output::Drop(Drop::Expired)]);
    assert_eq!(relay.occupancy(), (0, 0), "a place that is over is not taken");
}

#[test]
fn seats_end_with_the_member_and_with_the_room() {
    let mut relay = relay();
    bind(&mut relay, source(1), 1, at(0));
    seat(&mut relay, 7, guest(7), EXPIRY, at(0));
    seat(&mut relay, 8, guest(8), EXPIRY, at(0));
    relay.handle(Input::Change(Change::Remove { relay: ROOM, ssrc: Ssrc(7), expiry: EXPIRY }), at(1));
    assert_eq!(relay.occupancy(), (2, 1));
    seat(&mut relay, 7, guest(7), EXPIRY, at(2));
    assert_eq!(relay.occupancy(), (3, 1), "the hub's word of today holds against that of yesterday");
    relay.handle(Input::Change(Change::Close { relay: ROOM, expiry: EXPIRY }), at(3));
    assert_eq!(relay.occupancy(), (0, 0));
}

#[test]
fn a_guest_behind_the_address_of_another_never_speaks_in_a_room_of_its_own() {
    const OTHER: RelayId = RelayId(9);
    let mut relay = mixed();
    let mapped: IpAddr = "::ffff:198.51.100.7".parse().unwrap();
    for (room, ssrc, address) in [(OTHER, 1, guest(7)), (OTHER, 7, mapped), (ROOM, 9, guest(7))] {
        let second = place(room, ssrc, address, EXPIRY);
        assert_eq!(outputs(&mut relay, second, at(1)), [Output::Drop(Drop::Impostor)]);
    }
    assert_eq!((relay.occupancy(), relay.rooms.contains_key(&OTHER)), ((4, 1), false));
    let heard = hears(&mut relay, of_guest(7), &datagram_of(1, 1), at(2)).unwrap();
    assert_eq!((heard.ssrc, relay.targets()), (Ssrc(7), &[source(1), source(2)][..]));
    seat(&mut relay, 7, mapped, EXPIRY, at(3));
    relay.handle(Input::Change(Change::Remove { relay: ROOM, ssrc: Ssrc(7), expiry: EXPIRY }), at(4));
    assert_eq!(outputs(&mut relay, place(OTHER, 1, guest(7), EXPIRY), at(5)), [], "the first one is out");
    assert_eq!(relay.seat_of(OTHER, Ssrc(1)), Some(guest(7)));
}

#[test]
fn the_newest_address_of_a_stream_is_its_only_one() {
    let mut relay = relay();
    seat(&mut relay, 7, guest(7), EXPIRY, at(0));
    seat(&mut relay, 7, guest(8), EXPIRY, at(3));
    assert_eq!((relay.occupancy(), relay.seat_of(ROOM, Ssrc(7))), ((1, 1), Some(guest(8))));
}

#[test]
fn seats_count_as_members() {
    let limits = RelayLimits { rooms: 1, members: 2, ..RelayLimits::default() };
    let mut relay = Relay::new(KEY, Rng::new([1; 32]), limits);
    bind(&mut relay, source(1), 1, at(0));
    seat(&mut relay, 7, guest(7), EXPIRY, at(0));
    assert_eq!(bind(&mut relay, source(2), 2, at(0)), dropped(Drop::Full));
    for (room, ssrc, address) in [(ROOM, 8, guest(8)), (RelayId(9), 1, guest(9))] {
        let third = place(room, ssrc, address, EXPIRY);
        assert_eq!(outputs(&mut relay, third, at(0)), [Output::Drop(Drop::Full)]);
        assert_eq!((relay.seat_of(room, Ssrc(ssrc)), relay.occupancy()), (None, (2, 1)));
    }
}

/// 10 ms of stereo, as the original encodes them (configuration 30), told apart by `mark`.
fn opus(mark: u8) -> Vec<u8> {
    vec![0xf4, mark, mark, mark]
}

fn said(ssrc: u32, payload: Payload, opus: &[u8]) -> Vec<u8> {
    let rtp = Rtp { payload, seq: 1, timestamp: 2, ssrc: Ssrc(ssrc) };
    [&rtp.encode()[..], opus].concat()
}

fn datagram_of(mark: u8, sent_ms: u64) -> Vec<u8> {
    PlainVoice { opus: &opus(mark), sent_ms }.encode().unwrap().to_vec()
}

/// Any port will do.
fn of_guest(n: u8) -> SocketAddr {
    SocketAddr::new(guest(n), 40_000)
}

fn outputs(relay: &mut Relay, input: Input<'_>, now: Now) -> Vec<Output> {
    relay.handle(input, now);
    core::iter::from_fn(|| relay.poll()).collect()
}

/// What a datagram of a guest becomes; none when it is dropped.
fn hears(relay: &mut Relay, from: SocketAddr, bytes: &[u8], now: Now) -> Result<Rtp, Drop> {
    match outputs(relay, Input::Plain(from, bytes), now)[..] {
        [Output::OfGuest] => Ok(Rtp::decode(relay.made()).unwrap()),
        [Output::Drop(why)] => Err(why),
        ref other => panic!("{other:?}"),
    }
}

/// A room of two natives and two guests.
fn mixed() -> Relay {
    let mut relay = relay();
    bind(&mut relay, source(1), 1, at(0));
    bind(&mut relay, source(2), 2, at(0));
    seat(&mut relay, 7, guest(7), EXPIRY, at(0));
    seat(&mut relay, 8, guest(8), EXPIRY, at(0));
    relay
}

#[test]
fn what_a_native_says_in_the_clear_is_heard_by_natives_and_guests() {
    let mut relay = mixed();
    let packet = said(1, Payload::PlainVoice, &opus(5));
    let out = outputs(&mut relay, Input::Datagram(source(1), &packet), at(20));
    assert_eq!(out, [Output::Fan, Output::ToGuests]);
    assert_eq!(relay.targets(), [source(2)]);
    assert_eq!(relay.plain_targets(), [guest(7), guest(8)].map(|ip| SocketAddr::new(ip, 8_085)));
    let made = relay.made().to_vec();
    assert_eq!(PlainVoice::stream(&made), Some(Ssrc(1)), "many natives have one address, so each is named");
    let voice = PlainVoice { opus: &opus(5), sent_ms: 1_000_020 };
    assert_eq!(made, voice.encode_of(Ssrc(1)).unwrap(), "272 bytes, and the time by our clock");
    bind(&mut relay, source(2), 9, at(21));
    relay.handle(Input::Change(Change::Remove { relay: ROOM, ssrc: Ssrc(9), expiry: EXPIRY }), at(22));
    let out = outputs(&mut relay, Input::Datagram(source(1), &packet), at(30));
    assert_eq!(out, [Output::ToGuests], "one native among guests is heard, too");
}

#[test]
fn only_voice_in_the_clear_is_translated() {
    let mut relay = mixed();
    for payload in [Payload::Voice, Payload::Report, Payload::PlainReport] {
        let out = outputs(&mut relay, Input::Datagram(source(1), &said(1, payload, &opus(5))), at(20));
        assert_eq!((out, relay.plain_targets()), (vec![Output::Fan], &[][..]));
    }
}

#[test]
fn what_would_kill_an_original_never_reaches_it() {
    let mut relay = mixed();
    let of_20_ms = [&[31 << 3], &[1; 40][..]].concat();
    let two_of_10_ms = [&[30 << 3 | 1], &[1; 40][..]].concat();
    let of_5_ms = [&[29 << 3], &[1; 40][..]].concat();
    let too_long = [&[0xf4], &[1; 256][..]].concat();
    let cases = [
        (of_20_ms, Drop::Malformed),
        (two_of_10_ms, Drop::Malformed),
        (of_5_ms, Drop::Malformed),
        (too_long, Drop::Oversized),
    ];
    for (opus, why) in cases {
        let packet = said(1, Payload::PlainVoice, &opus);
        let out = outputs(&mut relay, Input::Datagram(source(1), &packet), at(20));
        assert_eq!((out, relay.plain_targets()), (vec![Output::Fan, Output::Drop(why)], &[][..]));
    }
    let longest = [&[0xf4], &[1; 255][..]].concat();
    let packet = said(1, Payload::PlainVoice, &longest);
    let out = outputs(&mut relay, Input::Datagram(source(1), &packet), at(20));
    assert_eq!(out, [Output::Fan, Output::ToGuests]);
}

#[test]
fn what_a_guest_says_becomes_a_stream_of_its_own() {
    let mut relay = mixed();
    let mut before = hears(&mut relay, of_guest(7), &datagram_of(0, 50_000), at(0)).unwrap();
    assert_eq!((before.payload, before.ssrc), (Payload::PlainVoice, Ssrc(7)));
    for n in 1..50_u8 {
        let frame = datagram_of(n, 50_000 + 10 * u64::from(n));
        // From another port each time: only the address counts.
        let from = SocketAddr::new(guest(7), 1_000 + u16::from(n));
        let rtp = hears(&mut relay, from, &frame, at(10 * u64::from(n))).unwrap();
        assert_eq!(rtp.seq, before.seq.wrapping_add(1));
        assert_eq!(rtp.timestamp, before.timestamp.wrapping_add(480));
        assert_eq!(relay.made()[RTP_BYTES..], opus(n));
        assert_eq!(relay.targets(), [source(1), source(2)], "guests send each other theirs themselves");
        assert!(relay.plain_targets().is_empty());
        before = rtp;
    }
    let other = hears(&mut relay, of_guest(8), &datagram_of(0, 7), at(500)).unwrap();
    assert_eq!(other.ssrc, Ssrc(8));
}

#[test]
fn the_time_of_a_pause_passes_in_the_stream_and_no_frame_seems_lost() {
    let mut relay = mixed();
    let before = hears(&mut relay, of_guest(7), &datagram_of(0, 50_000), at(0)).unwrap();
    let after = hears(&mut relay, of_guest(7), &datagram_of(0, 52_000), at(2_000)).unwrap();
    assert_eq!(after.seq, before.seq.wrapping_add(1));
    assert_eq!(after.timestamp, before.timestamp.wrapping_add(2 * 48_000));
}

#[test]
fn of_the_copies_of_a_frame_one_is_taken() {
    let mut relay = mixed();
    let from = of_guest(7);
    for n in 0..20_u8 {
        let sent_ms = 50_000 + 10 * u64::from(n);
        let now = at(10 * u64::from(n));
        assert!(hears(&mut relay, from, &datagram_of(n, sent_ms), now).is_ok());
        // Stamped once for all, or one by one.
        for later in [0, 0, 1, 5] {
            assert_eq!(hears(&mut relay, from, &datagram_of(n, sent_ms + later), now), Err(Drop::Replay));
        }
    }
    assert_eq!(
        hears(&mut relay, from, &datagram_of(17, 50_170), at(200)),
        Err(Drop::Replay),
        "a copy that is late"
    );
    assert!(
        hears(&mut relay, from, &datagram_of(20, 50_190), at(200)).is_ok(),
        "two frames in one millisecond"
    );
    assert_eq!(
        hears(&mut relay, from, &datagram_of(99, 50_150), at(200)),
        Err(Drop::Replay),
        "a frame behind one that was sent later"
    );
    assert!(hears(&mut relay, from, &datagram_of(20, 50_200), at(200)).is_ok(), "silence repeats itself");
    assert!(hears(&mut relay, from, &datagram_of(1, 40_000), at(210)).is_ok(), "a clock that was set back");
}

#[test]
fn what_is_no_frame_of_a_seated_guest_is_named_and_not_answered() {
    let mut relay = mixed();
    let good = datagram_of(1, 50_000);
    assert_eq!(
        hears(&mut relay, source(1), &good, at(0)),
        Err(Drop::Stranger),
        "bound elsewhere is not seated"
    );
    assert_eq!(hears(&mut relay, of_guest(9), &good, at(0)), Err(Drop::Stranger));
    let changed = |at: usize, with: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        bytes
    };
    let length = |length: i32| changed(260, &length.to_le_bytes());
    let bad = [
        Vec::new(),
        good[..271].to_vec(),
        vec![0xff; 272],
        changed(0, &[0xae]),
        length(0),
        length(-1),
        length(257),
        length(i32::MAX),
        changed(4, &[31 << 3]),
        first(1, EXPIRY).to_vec(),
    ];
    for bytes in bad {
        assert_eq!(hears(&mut relay, of_guest(7), &bytes, at(0)), Err(Drop::Malformed), "{bytes:x?}");
    }
    let longer = [&good[..], &[0]].concat();
    assert_eq!(hears(&mut relay, of_guest(7), &longer, at(0)), Err(Drop::Oversized));
    assert!(hears(&mut relay, of_guest(7), &good, at(0)).is_ok());
}

#[test]
fn a_guest_speaks_within_its_budget_and_copies_cost_it_nothing() {
    let mut relay = mixed();
    let mut passed = 0;
    for n in 0..1_000 {
        let frame = datagram_of(u8::try_from(n % 250).unwrap(), 50_000 + n);
        passed += u32::from(hears(&mut relay, of_guest(7), &frame, at(0)).is_ok());
        for _ in 0..3 {
            assert!(hears(&mut relay, of_guest(7), &frame, at(0)).is_err());
        }
    }
    assert_eq!(passed, FRAMES_PER_GUEST.burst);
    assert_eq!(hears(&mut relay, of_guest(7), &datagram_of(1, 60_000), at(0)), Err(Drop::Flood));
    assert!(hears(&mut relay, of_guest(8), &datagram_of(1, 60_000), at(0)).is_ok(), "another has its own");
    for n in 0..500 {
        let frame = datagram_of(1, 70_000 + 10 * n);
        assert!(
            hears(&mut relay, of_guest(7), &frame, at(1_000 + 10 * n)).is_ok(),
            "frame {n} of a steady voice"
        );
    }
}

#[test]
fn a_guest_among_guests_is_heard_by_nobody_here() {
    let mut relay = relay();
    seat(&mut relay, 7, guest(7), EXPIRY, at(0));
    seat(&mut relay, 8, guest(8), EXPIRY, at(0));
    assert_eq!(outputs(&mut relay, Input::Plain(of_guest(7), &datagram_of(1, 5)), at(0)), []);
}

/// Something that happens to a room.
#[derive(Clone, Debug)]
enum Act {
    Native(u16, Vec<u8>),
    Bind(u16, u32),
    Guest(u8, Vec<u8>),
    Seat(u32, u8, u32),
    Remove(u32),
    Close,
}

fn act() -> impl Strategy<Value = Act> {
    let frame = || (any::<u8>(), 0..40_u64).prop_map(|(mark, ms)| datagram_of(mark, 50_000 + 5 * ms));
    let clear = (0..6_u32, prop_oneof![Just(0xf4_u8), any::<u8>()], 0..300_usize)
        .prop_map(|(ssrc, toc, len)| said(ssrc, Payload::PlainVoice, &[&[toc], &vec![9; len][..]].concat()));
    prop_oneof![
        4 => (0..5_u16, prop_oneof![clear, datagram()]).prop_map(|(n, bytes)| Act::Native(n, bytes)),
        2 => (0..5_u16, 0..6_u32).prop_map(|(n, ssrc)| Act::Bind(n, ssrc)),
        4 => (0..5_u8, prop_oneof![frame(), datagram()]).prop_map(|(n, bytes)| Act::Guest(n, bytes)),
        2 => (0..6_u32, 0..5_u8, 1_000..1_010_u32).prop_map(|(ssrc, n, expiry)| Act::Seat(ssrc, n, expiry)),
        1 => (0..6_u32).prop_map(Act::Remove),
        1 => Just(Act::Close),
    ]
}

proptest! {
    #[test]
    fn nothing_goes_where_nobody_proved_to_be_or_was_seated(
        acts in prop::collection::vec((act(), 0..200_u64), 1..200),
    ) {
        let mut relay = relay();
        let (mut proved, mut seated) = (BTreeMap::new(), BTreeMap::new());
        let mut ms = 0;
        for (act, pause) in acts {
            ms += pause;
            let expiry = EXPIRY + u32::try_from(ms).unwrap();
            match act {
                Act::Native(n, bytes) => {
                    let out = outputs(&mut relay, Input::Datagram(source(n), &bytes), at(ms));
                    for to in relay.targets() {
                        prop_assert!(proved.contains_key(to) && *to != source(n));
                    }
                    for to in relay.plain_targets() {
                        prop_assert_eq!(to.port(), 8_085);
                        // Ends are whole seconds of the wall, and told in the middle of one.
                        let now = at(ms).wall.as_secs_u32();
                        prop_assert!(seated.get(&to.ip()).is_some_and(|until| now <= *until));
                    }
                    let translated = out.contains(&Output::ToGuests);
                    prop_assert_eq!(translated, !relay.plain_targets().is_empty());
                    prop_assert!(!translated || PlainVoice::decode(relay.made()).is_ok());
                    prop_assert!(!out.contains(&Output::OfGuest));
                }
                Act::Bind(n, ssrc) => {
                    // Until the room was closed once; then no ticket of this time admits.
                    let asked = outputs(&mut relay, Input::Datagram(source(n), &first(ssrc, expiry)), at(ms));
                    let [Output::Reply { bytes, .. }] = &asked[..] else { continue };
                    let back = second(ssrc, expiry, Cookie::decode(bytes).unwrap().cookie);
                    outputs(&mut relay, Input::Datagram(source(n), &back), at(ms));
                    proved.insert(source(n), ());
                }
                Act::Guest(n, bytes) => {
                    let out = outputs(&mut relay, Input::Plain(of_guest(n), &bytes), at(ms));
                    prop_assert!(relay.plain_targets().is_empty(), "guests are never answered");
                    for to in relay.targets() {
                        prop_assert!(proved.contains_key(to));
                    }
                    let heard = out == [Output::OfGuest];
                    prop_assert_eq!(heard, !relay.targets().is_empty());
                    prop_assert!(!heard || seated.contains_key(&guest(n)));
                    prop_assert!(!heard || relay.made().len() < bytes.len());
                }
                Act::Seat(ssrc, n, expiry) => {
                    let out = outputs(&mut relay, place(ROOM, ssrc, guest(n), expiry), at(ms));
                    if out.is_empty() {
                        seated.insert(guest(n), expiry);
                    }
                }
                Act::Remove(ssrc) => {
                    let change = Change::Remove { relay: ROOM, ssrc: Ssrc(ssrc), expiry };
                    prop_assert_eq!(outputs(&mut relay, Input::Change(change), at(ms)), []);
                }
                Act::Close => {
                    let change = Change::Close { relay: ROOM, expiry };
                    prop_assert_eq!(outputs(&mut relay, Input::Change(change), at(ms)), []);
                    prop_assert_eq!(relay.occupancy(), (0, 0));
                    seated.clear();
                }
            }
            let held: usize = relay.rooms.values().map(Room::len).sum();
            prop_assert_eq!(held, relay.members.len() + relay.seats.len());
            prop_assert!(relay.rooms.values().all(|room| room.len() > 0));
        }
    }
}
