//! What the original servers were seen to say, replayed to the real client over real sockets: one byte at a time,
//! merged, cut everywhere, with pauses, and with resets in between.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use crate::harness::process::Headless;
use crate::harness::{Scratch, wait_for};
use crate::originals::{Client, FRAME, frame};
use crate::plain::Street;

/// How a server's packets reach the client.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Each in a write of its own.
    Whole,
    /// Each byte in a write of its own.
    Bytes,
    /// All in one write.
    Merged,
    /// Seed A: in three pieces; seed B, which has no lengths: whole. Long pauses between them.
    Paused,
    /// Each packet cut there.
    Cut(usize),
}

/// A server that says what was written down, to one connection after another.
struct Written {
    listener: TcpListener,
}

impl Written {
    fn open(ip: Ipv4Addr) -> (Self, String) {
        let listener = TcpListener::bind((ip, 0)).expect("a loopback address takes a listener");
        listener.set_nonblocking(true).expect("a listener takes it");
        let address: SocketAddr = listener.local_addr().expect("it is bound");
        (Self { listener }, address.to_string())
    }

    /// The client comes, or comes back.
    fn welcome(&self) -> Client {
        let (stream, _) = wait_for("the client to connect", || self.listener.accept().ok());
        stream.set_nonblocking(false).expect("a stream takes it");
        // So that each write is a segment, and each segment a read.
        stream.set_nodelay(true).expect("a stream takes it");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a stream takes it");
        Client { stream }
    }
}

fn tell(client: &mut Client, packets: &[Vec<u8>], way: Way) {
    let mut write = |piece: &[u8], rest_ms: u64| {
        client.stream.write_all(piece).and_then(|()| client.stream.flush()).expect("the client reads");
        std::thread::sleep(Duration::from_millis(rest_ms));
    };
    match way {
        Way::Whole => packets.iter().for_each(|packet| write(packet, 60)),
        Way::Merged => write(&packets.concat(), 0),
        Way::Bytes => packets.concat().iter().for_each(|byte| write(&[*byte], 0)),
        Way::Paused => {
            for packet in packets {
                let pieces = if packet.len() == FRAME { 3 } else { 1 };
                packet.chunks(packet.len().div_ceil(pieces)).for_each(|piece| write(piece, 150));
            }
        }
        Way::Cut(at) => {
            for packet in packets {
                let (head, tail) = packet.split_at(at.min(packet.len()));
                write(head, 1);
                write(tail, 0);
            }
        }
    }
}

/// The connection ends as when a program is killed that has not read everything.
fn reset(client: Client) {
    let socket = socket2::Socket::from(client.stream);
    socket.set_linger(Some(Duration::ZERO)).expect("a socket takes it");
}

/// A name of this session only.
fn of(name: &str, session: char) -> String {
    format!("{name}-{session}")
}

/// Bytes that were seen on the wire, padded as they were.
fn seen(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| *byte != b' ').collect();
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("hex is ASCII");
        u8::from_str_radix(pair, 16).expect("two digits")
    };
    let mut bytes: Vec<u8> = digits.chunks(2).map(byte).collect();
    bytes.resize(FRAME, 0);
    bytes
}

/// 200 to 127.0.0.1, as the original server said it.
fn greeting() -> Vec<u8> {
    seen("077e0b00 c8000000 0900000000000000 3132372e302e302e31")
}

/// 000 alice, as the original client said it.
fn login() -> Vec<u8> {
    seen("077e0b00 00000000 0500000000000000 616c696365")
}

/// The next frame of the client must be this, to the last byte of padding.
fn expect_whole(client: &mut Client, wanted: &[u8]) {
    let mut bytes = [0; FRAME];
    client.stream.read_exact(&mut bytes).expect("the client says a frame");
    assert_eq!(bytes[..], *wanted);
}

/// Seed A's session: greeting, login, a request that waited, the list, what becomes of requests, and a call.
fn serve_binary(mut client: Client, way: Way, session: char) -> Client {
    let said = |code: i32, name: &str| frame(code, &of(name, session));
    tell(&mut client, &[greeting()], way);
    expect_whole(&mut client, &login());
    let list = frame(206, &format!("{};{};", of("carol", session), of("dan", session)));
    let call = frame(211, &format!("{}:127.0.0.9", of("bob", session)));
    let login = [frame(201, "alice"), said(207, "bob")];
    let rest = [list, said(203, "eve"), said(204, "fay"), call];
    match way {
        Way::Merged => tell(&mut client, &[&login[..], &rest].concat(), way),
        Way::Whole | Way::Bytes | Way::Paused | Way::Cut(_) => tell(&mut client, &login, way),
    }
    expect_whole(&mut client, &frame(5, "alice"));
    match way {
        Way::Merged => {}
        Way::Whole | Way::Bytes | Way::Paused | Way::Cut(_) => tell(&mut client, &rest, way),
    }
    client
}

/// What alice is told of that session after its login.
fn expect_binary(alice: &mut Headless, client: &mut Client, session: char) {
    alice.expect_where("request", |event| event["from"] == *of("bob", session));
    let contacts = alice.expect("contacts");
    for name in ["bob", "carol", "dan"] {
        let names = contacts["list"].as_array().into_iter().flatten().map(|contact| &contact["name"]);
        assert_eq!(names.filter(|shown| **shown == *of(name, session)).count(), 1, "{name}: {contacts}");
    }
    alice.expect_where("accepted", |event| event["name"] == *of("eve", session));
    alice.expect_where("rejected", |event| event["name"] == *of("fay", session));
    alice.expect_where("incoming_call", |event| event["from"] == *of("bob", session));
    alice.say("decline");
    alice.expect("call_ended");
    expect_whole(client, &frame(102, &of("bob", session)));
}

/// A client in its first session, which was whole.
fn start(
    protocol: &str,
    street: &Street,
    scratch: &Scratch,
    serve: fn(Client, Way, char) -> Client,
) -> (Headless, Written, Client) {
    let (written, address) = Written::open(street.house(1));
    let server = std::thread::spawn(move || {
        let client = serve(written.welcome(), Way::Whole, 'a');
        (written, client)
    });
    let bind = street.house(2).to_string();
    let place = ["--protocol", protocol, "--bind", &bind, &address];
    let alice = Headless::start_at(scratch, "alice", &place, "null", &[]);
    let (written, client) = server.join().expect("alice says what she should");
    (alice, written, client)
}

#[test]
fn the_transcript_of_the_binary_original_is_understood_however_it_arrives() {
    let (street, scratch) = (Street::new(), Scratch::new("transcript-binary"));
    let (mut alice, written, mut client) = start("binary", &street, &scratch, serve_binary);
    expect_binary(&mut alice, &mut client, 'a');
    let ways = [Way::Bytes, Way::Merged, Way::Paused, Way::Cut(16), Way::Cut(FRAME - 1)];
    for (session, way) in ('b'..).zip(ways) {
        // Each begins with a reset, after which the client comes back and logs in again.
        reset(client);
        client = serve_binary(written.welcome(), way, session);
        alice.expect("login");
        expect_binary(&mut alice, &mut client, session);
    }
    // A reset in the middle of a frame: what was read of it is forgotten.
    reset(client);
    let mut client = written.welcome();
    tell(&mut client, &[greeting(), frame(201, "alice")[..1_000].to_vec()], Way::Whole);
    expect_whole(&mut client, &login());
    reset(client);
    let mut client = serve_binary(written.welcome(), Way::Whole, 'z');
    alice.expect("login");
    expect_binary(&mut alice, &mut client, 'z');
}

/// Greeting and login in as many sessions as their headers and texts have bytes; then two frames, cut at every byte of
/// both, in one session.
#[test]
fn frames_of_the_binary_original_are_understood_cut_at_every_byte() {
    let (street, scratch) = (Street::new(), Scratch::new("transcript-cuts"));
    let (mut alice, written, mut client) = start("binary", &street, &scratch, serve_binary);
    for at in 1..=26 {
        reset(client);
        client = written.welcome();
        tell(&mut client, &[greeting()], Way::Cut(at));
        expect_whole(&mut client, &login());
        tell(&mut client, &[frame(201, "alice")], Way::Cut(at));
        alice.expect("login");
        expect_whole(&mut client, &frame(5, "alice"));
    }
    let pair = [frame(207, "gus"), frame(204, "gus")].concat();
    for at in 1..pair.len() {
        tell(&mut client, std::slice::from_ref(&pair), Way::Cut(at));
        alice.expect_where("request", |event| event["from"] == "gus");
        alice.expect_where("rejected", |event| event["name"] == "gus");
    }
}

/// Seed B's session: hello, login, a request and a friend.
fn serve_text(mut client: Client, way: Way, session: char) -> Client {
    // "0 2298" was seen: the client speaks first.
    let hello = crate::originals::read_packet(&mut client.stream).expect("alice says her port");
    assert!(hello.strip_prefix("0 ").is_some_and(|port| port.parse::<u16>().is_ok()), "{hello}");
    tell(&mut client, &[vec![0x30]], Way::Whole);
    // 31 20 61 6c 69 63 65.
    client.expect_packet("1 alice");
    let (bob, carol) = (of("bob", session), of("carol", session));
    let packets = ["2".into(), format!("10 {bob}"), format!("13 127.0.0.4 4001 {carol}")];
    tell(&mut client, &packets.map(String::into_bytes), way);
    client
}

/// What alice is told of that session after its login, and of somebody whom she adds in it.
fn expect_text(alice: &mut Headless, client: &mut Client, way: Way, session: char) {
    let [bob, carol, eve] = ["bob", "carol", "eve"].map(|name| of(name, session));
    alice.expect_where("request", |event| event["from"] == *bob);
    alice.expect_where("presence", |event| event["name"] == *carol && event["state"] == "online");
    alice.say(&format!("add {eve}"));
    client.expect_packet(&format!("7 {eve}"));
    tell(client, &[b"8".to_vec(), format!("13 127.0.0.5 4002 {eve}").into_bytes()], way);
    alice.expect_where("accepted", |event| event["name"] == *eve);
}

/// It has no lengths and no ends of packets, so that packets cannot be cut, and a name takes bare digits behind it.
#[test]
fn the_transcript_of_the_text_original_is_understood_however_it_arrives() {
    let (street, scratch) = (Street::new(), Scratch::new("transcript-text"));
    let (mut alice, written, mut client) = start("text", &street, &scratch, serve_text);
    expect_text(&mut alice, &mut client, Way::Whole, 'a');
    for (session, way) in ('b'..).zip([Way::Merged, Way::Paused, Way::Whole]) {
        reset(client);
        client = serve_text(written.welcome(), way, session);
        alice.expect("login");
        expect_text(&mut alice, &mut client, way, session);
    }
    // A reset before the answer to the login, and one in the middle of a packet.
    reset(client);
    let mut client = written.welcome();
    tell(&mut client, &[b"0".to_vec()], Way::Whole);
    reset(client);
    let mut client = written.welcome();
    tell(&mut client, &[b"0".to_vec(), b"213 127.0".to_vec()], Way::Whole);
    reset(client);
    let mut client = serve_text(written.welcome(), Way::Whole, 'z');
    expect_text(&mut alice, &mut client, Way::Whole, 'z');
    alice.say("contacts");
    let contacts = alice.expect("contacts");
    assert_eq!(contacts["list"].as_array().map(Vec::len), Some(3 * 5), "{contacts}");
}
