//! Voice between a native and a guest of seed A, over real sockets: our datagrams on one side, on the other the 272
//! bytes of the original on its own port.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use proto::Drop as Reason;
use proto::client::{Command, Event};
use proto::limits::PLAIN_VOICE_PORT;
use tincan_server::Server;
use tincan_server::stats::{Figure, Place};

use crate::friend::{Friend, PATIENCE, Scratch, name, wait_until};
use crate::plain::Street;
use crate::plain_binary::Guest;

const FRAME: Duration = Duration::from_millis(10);

/// 10 ms of stereo, one frame, and a mark to know it by.
fn opus(mark: u8) -> Vec<u8> {
    vec![0xf4, mark, 0x11, 0x22, 0x33]
}

/// The original's packed structure.
fn datagram(opus: &[u8], sent_ms: u64) -> Vec<u8> {
    let mut bytes = vec![0xad, 0x10, 0x00, 0x00];
    bytes.extend(opus);
    bytes.resize(260, 0);
    bytes.extend(u32::try_from(opus.len()).unwrap().to_le_bytes());
    bytes.extend(sent_ms.to_le_bytes());
    bytes
}

#[test]
fn a_native_and_a_guest_hear_each_other() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = Server::start(&street.config(&scratch)).unwrap();
    let mut alice = Friend::new("alice", 1, server.invite());
    alice.log_in();
    let mut bob = Guest::log_in(&street, 3, &server, "bob");
    let bobs_ears = UdpSocket::bind((street.house(3), PLAIN_VOICE_PORT)).unwrap();
    bobs_ears.set_nonblocking(true).unwrap();
    let voice = SocketAddr::from((street.house(1), PLAIN_VOICE_PORT));

    bob.says(1, "alice");
    bob.hears(205, "alice");
    alice.await_event("bob's request", |e| *e == Event::Request(name("bob")));
    alice.say(Command::Accept(name("bob")));
    alice.run_until("the answer", |me| !me.events.is_empty());
    bob.hears(203, "alice");

    alice.say(Command::Call(vec![name("bob")]));
    alice.await_event("the question", |e| *e == Event::PlainUnconfirmed(vec![name("bob")]));
    alice.say(Command::AllowPlain(name("bob")));
    alice.say(Command::Call(vec![name("bob")]));
    alice.await_event("the call, marked as what it is", |e| matches!(e, Event::Calling { plain: true, .. }));
    let alices = format!("alice:{}", street.house(1));
    bob.hears(211, &alices);
    bob.says(101, "");
    bob.hears(209, &alices);
    alice.run_until("the call to be up", |me| me.live);

    let (mut heard_by_bob, mut said, end) = (Vec::new(), 0_u8, Instant::now() + PATIENCE);
    let mut buffer = [0; 2_048];
    while heard_by_bob.len() < 50 || alice.heard.len() < 50 {
        assert!(Instant::now() < end, "no sound: {} {:?}", heard_by_bob.len(), alice.events);
        said = said.wrapping_add(1);
        alice.speak(&opus(said), FRAME);
        // Once for every native it was told of, as the original does.
        for _ in 0..3 {
            bobs_ears.send_to(&datagram(&opus(said), 1_000_000 + 10 * u64::from(said)), voice).unwrap();
        }
        alice.turn();
        while let Ok((length, from)) = bobs_ears.recv_from(&mut buffer) {
            assert_eq!((length, from), (272, voice));
            heard_by_bob.push(buffer[..length].to_vec());
        }
        std::thread::sleep(FRAME);
    }
    // Beside sound, what says that she is still there while nothing does.
    let silence = [0xf0, 0xff, 0xfe];
    for bytes in &heard_by_bob {
        let length = u32::from_le_bytes(bytes[260..264].try_into().unwrap()) as usize;
        let sound = &bytes[4..4 + length];
        assert!(
            bytes[..4] == [0xad, 0x10, 0, 0] && (sound == opus(sound[1]) || sound == silence),
            "{bytes:x?}"
        );
    }
    let marks: Vec<_> = alice.heard.iter().map(|frame| frame[1]).collect();
    assert!(marks.windows(2).all(|two| two[0] != two[1]), "every copy but one was dropped: {marks:?}");
    wait_until("the copies to be counted", || server.stats().dropped(Place::Datagram, Reason::Replay) >= 100);

    bob.says(103, "");
    alice.await_event("the end", |e| matches!(e, Event::Ended { .. }));
    let sent = server.stats().figure(Figure::DatagramsOut);
    bobs_ears.send_to(&datagram(&opus(1), 9_000_000), voice).unwrap();
    wait_until("a voice after the end to be a stranger's", || {
        server.stats().dropped(Place::Datagram, Reason::Stranger) > 0
    });
    assert!(server.stats().figure(Figure::DatagramsOut) <= sent + 1, "a last report at most");
}

/// A yes to a call that is not encrypted.
fn answer(person: &mut Friend, guest: &str) {
    person.await_event("ringing", |e| matches!(e, Event::Incoming { plain: true, .. }));
    person.say(Command::Answer);
    person.await_event("the question", |e| *e == Event::PlainUnconfirmed(vec![name(guest)]));
    person.say(Command::AllowPlain(name(guest)));
    person.say(Command::Answer);
    person.run_until("the call to be up", |me| me.live);
}

#[test]
fn a_guest_calls_two_natives_and_everybody_hears_everybody() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = Server::start(&street.config(&scratch)).unwrap();
    let mut natives = [("alice", 1), ("carol", 2)].map(|(who, seed)| Friend::new(who, seed, server.invite()));
    let mut bob = Guest::log_in(&street, 3, &server, "bob");
    let bobs_ears = UdpSocket::bind((street.house(3), PLAIN_VOICE_PORT)).unwrap();
    bobs_ears.set_nonblocking(true).unwrap();
    let voice = SocketAddr::from((street.house(1), PLAIN_VOICE_PORT));
    for native in &mut natives {
        native.log_in();
        native.say(Command::Add(name("bob")));
        native.await_event("the request", |e| *e == Event::Requested(name("bob")));
        bob.hears(207, native.name.as_str());
        bob.says(2, native.name.as_str());
        native.await_event("the answer", |e| *e == Event::Accepted(name("bob")));
    }
    bob.says(100, "alice;carol;");
    bob.hears(208, "");
    for native in &mut natives {
        answer(native, "bob");
        bob.hears(210, &format!("{}:{}", native.name, street.house(1)));
    }

    // Who is heard by whom, by their marks.
    const BOB: u8 = 2;
    let mut heard_by_bob = BTreeSet::new();
    let (mut buffer, mut sent_ms, end) = ([0; 2_048], 5_000, Instant::now() + PATIENCE);
    let hears = |person: &Friend, mark: u8| person.heard.iter().any(|frame| frame[..] == opus(mark));
    let all = |natives: &[Friend; 2], heard_by_bob: &BTreeSet<u8>| {
        let [alice, carol] = natives;
        heard_by_bob.is_superset(&BTreeSet::from([0, 1]))
            && hears(alice, 1)
            && hears(alice, BOB)
            && hears(carol, 0)
            && hears(carol, BOB)
    };
    while !all(&natives, &heard_by_bob) {
        assert!(Instant::now() < end, "not everybody is heard: {heard_by_bob:?}, {}", server.stats());
        for (mark, native) in (0..).zip(&mut natives) {
            native.speak(&opus(mark), FRAME);
            native.turn();
        }
        sent_ms += 10;
        for _ in &natives {
            bobs_ears.send_to(&datagram(&opus(BOB), sent_ms), voice).unwrap();
        }
        while let Ok((length, _)) = bobs_ears.recv_from(&mut buffer) {
            assert_eq!(length, 272);
            heard_by_bob.insert(buffer[5]);
        }
        std::thread::sleep(FRAME);
    }
    assert!(!heard_by_bob.contains(&BOB), "nobody hears themselves");
}
