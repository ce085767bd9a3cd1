//! Seed A at its door, as bytes: the frames here are written from what was seen of the original programs, not by our
//! own encoder, and read as they read, one frame a read.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use proto::Drop as Reason;
use tincan_server::Server;
use tincan_server::stats::{Figure, Place};

use crate::friend::{Friend, Scratch, wait_until};
use crate::people::{befriend, exchange};
use crate::plain::{Original, Street};

const FRAME: usize = 2_064;

/// The packed structure that the original dumps: magic, code, size, 2048 bytes of data.
fn frame(code: i32, payload: &[u8]) -> Vec<u8> {
    sized(code, payload.len() as u64, payload)
}

fn sized(code: i32, size: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x07, 0x7e, 0x0b, 0x00];
    bytes.extend(code.to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend(payload);
    bytes.resize(FRAME, 0);
    bytes
}

/// Somebody with the original client.
pub(crate) struct Guest(Original);

impl Guest {
    fn connect(street: &Street, house: u8, server: &Server) -> Self {
        let mut guest = Self(Original::new(street.house(house), server.plain_binary().unwrap()));
        guest.hears(200, &street.house(house).to_string());
        guest
    }

    pub(crate) fn log_in(street: &Street, house: u8, server: &Server, name: &str) -> Self {
        let mut guest = Self::connect(street, house, server);
        guest.says(0, name);
        guest.hears(201, name);
        guest
    }

    pub(crate) fn says(&mut self, code: i32, payload: &str) {
        self.0.send(&frame(code, payload.as_bytes()));
    }

    /// The next thing that comes is this frame.
    pub(crate) fn hears(&mut self, code: i32, payload: &str) {
        let read = self.0.take(FRAME);
        assert_eq!(read.len(), FRAME, "the end, where {code} {payload:?} was awaited");
        let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..40]).into_owned();
        assert!(read == frame(code, payload.as_bytes()), "{code} {payload:?}, not {:?}", shown(&read));
    }

    /// The next thing is a fault of this code; its words are ours to choose.
    fn hears_fault(&mut self, code: i32) -> String {
        let read = self.0.take(FRAME);
        assert_eq!(read.len(), FRAME);
        let size = usize::try_from(u64::from_le_bytes(read[8..16].try_into().unwrap())).unwrap();
        let words = String::from_utf8(read[16..16 + size].to_vec()).unwrap();
        assert!(read == frame(code, words.as_bytes()), "{code}, not {:?}: {words}", &read[..16]);
        words
    }

    fn hears_nothing(&mut self) {
        self.0.hears_nothing(QUIET);
    }
}

/// Longer than the server holds anything back.
const QUIET: Duration = Duration::from_millis(300);

fn started(street: &Street, scratch: &Scratch) -> Server {
    Server::start(&street.config(scratch)).unwrap()
}

/// Two who are each other's contacts.
fn contacts(street: &Street, server: &Server) -> (Guest, Guest) {
    let mut alice = Guest::log_in(street, 2, server, "alice");
    let mut bob = Guest::log_in(street, 3, server, "bob");
    alice.says(1, "bob");
    alice.hears(205, "bob");
    bob.hears(207, "alice");
    bob.says(2, "alice");
    alice.hears(203, "bob");
    (alice, bob)
}

#[test]
fn two_originals_meet_and_call_as_their_own_server_would_let_them() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let (mut alice, mut bob) = contacts(&street, &server);
    let [alices, bobs] = [2, 3].map(|house| street.house(house).to_string());
    bob.says(5, "bob");
    bob.hears(206, "alice;");
    alice.says(5, "alice");
    alice.hears(206, "bob;");
    alice.says(100, "bob;");
    alice.hears(208, "");
    bob.hears(211, &format!("alice:{alices}"));
    bob.says(101, "");
    bob.hears(209, &format!("alice:{alices}"));
    alice.hears(210, &format!("bob:{bobs}"));
    alice.says(103, "");
    alice.hears_nothing();
    bob.hears_nothing();
}

#[test]
fn a_request_waits_for_who_is_away_and_a_rejected_one_is_told() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    drop(Guest::log_in(&street, 3, &server, "bob"));
    let mut alice = Guest::log_in(&street, 2, &server, "alice");
    alice.says(1, "bob");
    alice.hears(205, "bob");
    let mut bob = Guest::connect(&street, 3, &server);
    bob.says(0, "bob");
    let asked = Instant::now();
    bob.hears(201, "bob");
    bob.hears(207, "alice");
    assert!(
        asked.elapsed() >= Duration::from_millis(25),
        "the original reads one frame a read: a gap between"
    );
    bob.says(3, "alice");
    alice.hears(204, "bob");
    bob.hears_nothing();
}

#[test]
fn frames_in_single_bytes_and_frames_in_one_piece_say_the_same() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let said = [frame(0, b"alice"), frame(5, b"alice"), frame(404, b"x")].concat();
    let mut slow = Guest::connect(&street, 2, &server);
    for byte in &said {
        slow.0.send(&[*byte]);
    }
    slow.hears(201, "alice");
    slow.hears(206, "");
    slow.hears_fault(404);
    drop(slow);
    wait_until("the name to be free", || server.stats().figure(Figure::Open) == 0);
    let mut fast = Guest::connect(&street, 2, &server);
    fast.0.send(&said);
    fast.hears(201, "alice");
    fast.hears(206, "");
    fast.hears_fault(404);
    // And a pause in the middle of everything.
    let again = frame(5, b"alice");
    for cut in [1, 4, 15, 16, 18, 21, 22, 1_460, 2_063] {
        fast.0.send(&again[..cut]);
        fast.0.hears_nothing(Duration::from_millis(20));
        fast.0.send(&again[cut..]);
        fast.hears(206, "");
    }
}

#[test]
fn what_is_misused_is_answered_by_its_code() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    // A stranger may ask for little, so every few questions are another's.
    for codes in [1, 2, 3, 4, 5, 100, 101, 102, 103].chunks(3) {
        let mut stranger = Guest::connect(&street, 2, &server);
        for code in codes {
            stranger.says(*code, "bob");
            stranger.hears_fault(403);
        }
    }
    for name in ["", "o'brien", "1234", "a b", "a;b", "a:b", &"n".repeat(33)] {
        let mut stranger = Guest::connect(&street, 2, &server);
        stranger.says(0, name);
        stranger.hears_fault(400);
    }
    let mut guest = Guest::connect(&street, 2, &server);
    guest.says(0, "alice");
    guest.hears(201, "alice");
    guest.says(0, "alice");
    guest.hears_fault(401);
    let mut other = Guest::connect(&street, 3, &server);
    other.says(0, "ALICE");
    other.hears_fault(401);
    other.says(0, "bob");
    other.hears(201, "bob");
    guest.says(17, "x");
    guest.hears_fault(404);
    guest.says(1, "nobody");
    assert_eq!(guest.hears_fault(400), "Doesn't exists");
    guest.says(1, "alice");
    assert_eq!(guest.hears_fault(400), "Impossible to add yourself as contact");
    guest.says(1, "bob");
    guest.hears(205, "bob");
    guest.says(1, "bob");
    assert_eq!(guest.hears_fault(400), "Request or Contact already exist");
    guest.says(5, "bob");
    guest.hears_fault(403);
    guest.says(101, "");
    guest.hears_fault(400);
    guest.says(2, "bob'; DROP TABLE users; --");
    guest.hears_fault(400);
}

#[test]
fn a_frame_that_is_none_ends_the_connection_with_400() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let mut wrong_magic = frame(0, b"alice");
    wrong_magic[0] ^= 1;
    for bytes in [wrong_magic, sized(0, 2_048, b"alice"), sized(0, u64::MAX, b"alice"), vec![0xff; FRAME]] {
        let mut guest = Guest::connect(&street, 2, &server);
        guest.0.send(&bytes);
        guest.hears_fault(400);
        assert!(guest.0.read_once(FRAME).is_empty(), "and the end");
    }
    wait_until("them to be gone", || server.stats().figure(Figure::Open) == 0);
}

#[test]
fn a_name_of_a_native_is_not_to_be_had() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let mut native = Friend::new("carol", 1, server.invite());
    native.log_in();
    let mut guest = Guest::connect(&street, 2, &server);
    guest.says(0, "Carol");
    guest.hears_fault(403);
    drop(native);
    wait_until("carol to be away", || server.stats().figure(Figure::Open) == 1);
    guest.says(0, "carol");
    guest.hears_fault(403);
    guest.says(0, "alice");
    guest.hears(201, "alice");
}

#[test]
fn what_kills_an_original_server_disturbs_nobody_here() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let (mut anna, mut bert) =
        (Friend::new("anna", 1, server.invite()), Friend::new("bert", 2, server.invite()));
    anna.log_in();
    bert.log_in();
    befriend(&mut anna, &mut bert);
    let junk: Vec<u8> = (0..9_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    let deadly = [
        frame(1, b"bob"),
        frame(103, b""),
        frame(0, b"robert'); DROP TABLE users;--"),
        sized(0, 1 << 40, &[b'a'; 2_048]),
        sized(100, 2_047, &[b';'; 2_047]),
        frame(17, b"17"),
        frame(0, b"alice")[..100].to_vec(),
        junk,
    ];
    for (number, bytes) in (0..).zip(deadly) {
        let mut guest = Guest::connect(&street, 2, &server);
        guest.0.send(&bytes);
        exchange(&mut anna, &mut bert, &format!("during {number}"));
        drop(guest);
    }
    wait_until("them to be gone", || server.stats().figure(Figure::Open) == 2);
    exchange(&mut anna, &mut bert, "and after it");
}

#[test]
fn who_asks_and_does_not_read_is_let_go() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let mut deaf = Guest::log_in(&street, 2, &server, "deaf");
    deaf.0.stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let many = frame(5, b"deaf").repeat(64);
    let gone = |server: &Server| {
        server.stats().dropped(Place::Stream, Reason::TooSlow)
            + server.stats().dropped(Place::Stream, Reason::Flood)
            > 0
            && server.stats().figure(Figure::Open) == 0
    };
    while !gone(&server) {
        if std::io::Write::write_all(&mut deaf.0.stream, &many).is_err() {
            break;
        }
    }
    wait_until("the deaf one to be gone", || gone(&server));
}

#[test]
fn contacts_of_guests_outlive_the_server() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let (mut alice, bob) = contacts(&street, &server);
    drop(bob);
    let carol = Guest::log_in(&street, 4, &server, "carol");
    alice.says(1, "carol");
    alice.hears(205, "carol");
    drop((alice, carol));
    server.remote().leave();
    server.wait().unwrap();
    let server = started(&street, &scratch);
    let mut carol = Guest::log_in(&street, 4, &server, "carol");
    carol.hears(207, "alice");
    let mut bob = Guest::log_in(&street, 3, &server, "bob");
    bob.says(5, "");
    bob.hears(206, "alice;");
}

/// An address as it is told to others.
fn told(name: &str, address: Ipv4Addr) -> String {
    format!("{name}:{address}")
}

#[test]
fn several_are_called_by_one_frame_and_learn_of_each_other() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let (mut alice, mut bob) = contacts(&street, &server);
    let mut carol = Guest::log_in(&street, 4, &server, "carol");
    alice.says(1, "carol");
    alice.hears(205, "carol");
    carol.hears(207, "alice");
    carol.says(2, "alice");
    alice.hears(203, "carol");
    let [alices, bobs, carols] =
        [("alice", 2), ("bob", 3), ("carol", 4)].map(|(n, h)| told(n, street.house(h)));
    alice.says(100, "bob;carol;");
    alice.hears(208, "");
    bob.hears(211, &alices);
    carol.hears(211, &alices);
    bob.says(101, "");
    bob.hears(209, &alices);
    alice.hears(210, &bobs);
    carol.says(101, "");
    carol.hears(209, &format!("{alices};{bobs}"));
    alice.hears(210, &carols);
    bob.hears(210, &carols);
}

#[test]
fn the_echo_friend_answers_an_original_and_sends_its_sound_back() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let mut config = street.config(&scratch);
    config.echo = true;
    let server = Server::start(&config).unwrap();
    let mut alice = Guest::log_in(&street, 2, &server, "alice");
    alice.says(1, "echo");
    alice.hears(205, "echo");
    alice.hears(203, "echo");
    alice.says(100, "echo;");
    alice.hears(208, "");
    alice.hears(210, &told("echo", street.house(1)));

    let voice = UdpSocket::bind((street.house(2), 8085)).unwrap();
    voice.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let mut heard = [0; 512];
    let mut sent_ms = 1_600_000_000_000_u64;
    wait_until("the echo", || {
        let mut datagram = 4_269_i32.to_le_bytes().to_vec();
        datagram.extend([0xf0, 0xff, 0xfe]);
        datagram.resize(260, 0);
        datagram.extend(3_i32.to_le_bytes());
        datagram.extend(sent_ms.to_le_bytes());
        sent_ms += 10;
        voice.send_to(&datagram, (street.house(1), 8085)).unwrap();
        voice.recv(&mut heard).is_ok_and(|length| length == 272 && heard[4..7] == [0xf0, 0xff, 0xfe])
    });
    alice.says(103, "");
    alice.hears_nothing();
}
