//! People on the plain protocols: `tincan --protocol binary` and `text`, with sound, against our server, against
//! servers that read as the originals do, and with clients that do.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::harness::process::{Headless, Server, program, tincan};
use crate::harness::signal::{self, voice_like};
use crate::harness::terminal::Terminal;
use crate::harness::{Scratch, Turn, my_turn, wait_for};
use crate::headless::{assert_heard_in_file, let_them_talk};
use crate::originals::{self, Client, frame, hear_binary};

/// A loopback network of one test: the port of seed A's voice is fixed, so whoever has it has an own address.
pub(crate) struct Street([u8; 2]);

impl Street {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let process = std::process::id().wrapping_mul(2_654_435_761);
        let [_, _, high, low] =
            (process >> 16).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes();
        // The tests of the server live in the upper half.
        Self([high & 0x7f | 0x40, low])
    }

    /// The server is number 1.
    pub(crate) fn house(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.0[0], self.0[1], number)
    }

    pub(crate) fn free_address(&self) -> SocketAddr {
        let listener = TcpListener::bind((self.house(1), 0)).expect("loopback has many ports");
        listener.local_addr().expect("it is bound")
    }
}

/// Alice and bob on one of the plain protocols, each with a microphone that says `SECONDS` of an own voice.
struct Pair {
    scratch: Scratch,
    people: [Headless; 2],
    said: [Vec<f32>; 2],
    _turn: Turn,
}

const SECONDS: f64 = 6.0;

impl Pair {
    fn meet(protocol: &str, server: SocketAddr, street: &Street, scratch: Scratch) -> Self {
        let turn = my_turn();
        let said = [voice_like(1, SECONDS), voice_like(2, SECONDS)];
        let person = |number: usize, name: &str| {
            let microphone = scratch.join(&format!("{name}-in.wav"));
            signal::write_wav(&microphone, &said[number]);
            let speaker = scratch.join(&format!("{name}-out.wav"));
            let sound = format!("wav:{},{}", microphone.display(), speaker.display());
            let (bind, server) = (street.house(number as u8 + 2).to_string(), server.to_string());
            let place = ["--protocol", protocol, "--bind", &bind, &server];
            Headless::start_at(&scratch, name, &place, &sound, &[])
        };
        let (mut alice, mut bob) = (person(0, "alice"), person(1, "bob"));
        alice.befriend(&mut bob);
        Self { people: [alice, bob], scratch, said, _turn: turn }
    }

    /// Alice calls bob, both hear each other, and alice hangs up.
    fn call_and_hear(mut self, told_of_the_end: bool) {
        let [alice, bob] = &mut self.people;
        alice.say("call bob");
        bob.expect_where("incoming_call", |event| event["from"] == "alice" && event["plain"] == true);
        bob.say("answer");
        alice.expect_where("call_live", |event| event["with"] == "bob");
        bob.expect_where("call_live", |event| event["with"] == "alice");
        let_them_talk(SECONDS + 1.0);
        alice.say("hangup");
        alice.expect_where("call_ended", |event| event["reason"] == "hung_up");
        if told_of_the_end {
            bob.expect_where("call_ended", |event| event["reason"] == "they_hung_up");
        } else {
            bob.say("hangup");
            bob.expect("call_ended");
        }
        for person in self.people {
            assert!(person.quit().success());
        }
        for (who, said, ear) in [("bob", &self.said[0], "bob"), ("alice", &self.said[1], "alice")] {
            let heard = signal::read_wav(&self.scratch.join(&format!("{ear}-out.wav")));
            assert_heard_in_file(who, said, &heard);
        }
        // No key was made for a protocol that has no use for one.
        assert!(!self.scratch.join("alice/account_key").exists());
    }
}

#[test]
fn two_on_the_binary_protocol_hear_each_other_by_our_server() {
    let (street, scratch) = (Street::new(), Scratch::new("plain-binary"));
    let door = street.free_address();
    let _server = Server::start_with(&scratch, &["--plain-binary".into(), door.to_string()]);
    Pair::meet("binary", door, &street, scratch).call_and_hear(false);
}

#[test]
fn two_on_the_text_protocol_hear_each_other_by_our_server() {
    let (street, scratch) = (Street::new(), Scratch::new("plain-text"));
    let door = street.free_address();
    let _server = Server::start_with(&scratch, &["--plain-text".into(), door.to_string()]);
    Pair::meet("text", door, &street, scratch).call_and_hear(true);
}

#[test]
fn two_on_the_binary_protocol_hear_each_other_by_a_server_like_the_original() {
    let street = Street::new();
    let server = originals::Server::binary(street.house(1));
    Pair::meet("binary", server.address, &street, Scratch::new("original-binary")).call_and_hear(false);
    server.assert_unharmed();
}

#[test]
fn two_on_the_text_protocol_hear_each_other_by_a_server_like_the_original() {
    let street = Street::new();
    let server = originals::Server::text(street.house(1));
    Pair::meet("text", server.address, &street, Scratch::new("original-text")).call_and_hear(true);
    server.assert_unharmed();
}

/// The first run at a terminal, up to a call in which each hears the other's tone.
#[test]
fn the_screen_says_not_encrypted_from_the_first_name_to_the_last_word() {
    let _turn = my_turn();
    let (street, scratch) = (Street::new(), Scratch::new("plain-screen"));
    let server = originals::Server::binary(street.house(1));
    let person = |number: u8, name: &str| {
        let (bind, server) = (street.house(number).to_string(), server.address.to_string());
        let profile = scratch.join(name);
        let profile = profile.to_str().expect("the scratch directory has a plain name");
        let place =
            ["--profile", profile, "--device", "tone", "--protocol", "binary", "--bind", &bind, &server];
        let mut terminal = Terminal::start(name, tincan(), &place, &[]);
        terminal.see("Nothing is encrypted here");
        terminal.press(&format!("\x15{name}\r"));
        terminal.see("(2 of 2)");
        terminal.press("\r");
        terminal.see_no("(2 of 2)");
        terminal.see("CONTACTS");
        terminal.see("NOT ENCRYPTED");
        terminal
    };
    let (mut alice, mut bob) = (person(2, "alice"), person(3, "bob"));
    alice.press("abob\r");
    bob.see("? ~alice");
    bob.press("GA");
    alice.see("● ~bob");
    alice.press("gc");
    bob.see("~alice is calling");
    bob.press_until("y", "^T mute");
    for terminal in [&mut alice, &mut bob] {
        terminal.see("^T mute");
        terminal.see("CALL  NOT ENCRYPTED");
        terminal.see_no("waiting for sound");
    }
    for mut terminal in [alice, bob] {
        // This protocol has no word for leaving: each hangs up.
        terminal.press("\x18");
        terminal.see_no("^T mute");
        terminal.press("q");
        assert!(terminal.wait_exit().success());
    }
    server.assert_unharmed();
}

#[test]
fn a_client_like_the_original_of_the_binary_protocol_is_called_and_calls() {
    let (street, scratch) = (Street::new(), Scratch::new("original-binary-client"));
    let server = originals::Server::binary(street.house(1));
    let (here, there) = (street.house(2), street.house(3));
    let (bind, address) = (here.to_string(), server.address.to_string());
    let place = ["--protocol", "binary", "--bind", &bind, &address];
    let mut alice = Headless::start_at(&scratch, "alice", &place, "tone", &[]);
    let mut bob = Client::connect(there, server.address);
    bob.expect_frame(200, &there.to_string());
    bob.say(&frame(0, "bob"));
    bob.expect_frame(201, "bob");
    alice.say("add bob");
    bob.expect_frame(207, "alice");
    bob.say(&frame(2, "alice"));
    alice.expect_where("accepted", |event| event["name"] == "bob");
    alice.say("call bob");
    bob.expect_frame(211, &format!("alice:{here}"));
    bob.say(&frame(101, ""));
    bob.expect_frame(209, &format!("alice:{here}"));
    alice.expect_where("call_live", |event| event["with"] == "bob");
    hear_binary(there, here, 200);
    alice.say("hangup");
    alice.expect("call_ended");
    server.await_leaver("alice");
    bob.say(&frame(100, "alice;"));
    bob.expect_frame(208, "");
    alice.expect_where("incoming_call", |event| event["from"] == "bob");
    alice.say("answer");
    bob.expect_frame(210, &format!("alice:{here}"));
    alice.expect("call_live");
    hear_binary(there, here, 50);
    server.assert_unharmed();
}

/// Alice, and bob whose client is like the original of seed B; contacts of each other.
struct Neighbours {
    server: originals::Server,
    alice: Headless,
    /// Where alice listens for callers.
    alices: SocketAddr,
    _bob: Client,
    /// Where bob does.
    listener: TcpListener,
}

impl Neighbours {
    fn meet(street: &Street, scratch: &Scratch, sound: &str) -> Self {
        let server = originals::Server::text(street.house(1));
        let (here, there) = (street.house(2), street.house(3));
        let (bind, address) = (here.to_string(), server.address.to_string());
        let place = ["--protocol", "text", "--bind", &bind, &address];
        let mut alice = Headless::start_at(scratch, "alice", &place, sound, &[]);
        let listener = TcpListener::bind((there, 0)).expect("loopback has many ports");
        let mut bob = Client::connect(there, server.address);
        let port = listener.local_addr().expect("it is bound").port();
        bob.say(format!("0 {port}").as_bytes());
        bob.expect_packet("0");
        bob.say(b"1 bob");
        bob.expect_packet("2");
        alice.say("add bob");
        bob.expect_packet("10 alice");
        bob.say(b"11 alice");
        alice.expect_where("accepted", |event| event["name"] == "bob");
        let friend = originals::read_packet(&mut bob.stream).expect("the server tells where alice is");
        let port = friend.strip_prefix(&format!("13 {here} ")).and_then(|rest| rest.strip_suffix(" alice"));
        let alices = SocketAddr::from((here, port.and_then(|port| port.parse().ok()).expect("a port")));
        Self { server, alice, alices, _bob: bob, listener }
    }
}

#[test]
fn a_client_like_the_original_of_the_text_protocol_is_called_and_calls() {
    let (street, scratch) = (Street::new(), Scratch::new("original-text-client"));
    let (here, there) = (street.house(2), street.house(3));
    let Neighbours { server, mut alice, alices, _bob, listener } =
        Neighbours::meet(&street, &scratch, "tone");

    alice.say("call bob");
    let (stream, from) = listener.accept().expect("alice connects");
    assert_eq!(from.ip(), here);
    let mut call = Client { stream };
    call.say(b"0");
    call.expect_packet("4 alice");
    call.say(b"5");
    call.expect_packet("15");
    alice.expect("call_live");
    call.say(b"6");
    alice.expect_where("call_ended", |event| event["reason"] == "they_hung_up");

    for (from, shown) in [(there, "bob"), (street.house(9), "unknown")] {
        let mut call = Client::connect(from, alices);
        call.expect_packet("0");
        call.say(b"4 bob");
        alice.expect_where("incoming_call", |event| event["from"] == *shown);
        alice.say("answer");
        call.expect_packet("5");
        call.say(b"15");
        alice.expect_where("call_live", |event| event["with"] == *shown);
        let mut second = Client::connect(there, alices);
        second.expect_packet("0");
        second.say(b"4 bob");
        second.expect_packet("6");
        alice.say("hangup");
        call.expect_packet("6");
        assert_eq!(originals::read_packet(&mut call.stream), None, "closed after 6");
        alice.expect("call_ended");
    }
    server.assert_unharmed();
}

#[test]
fn sound_by_tcp_of_a_client_like_the_original_of_the_text_protocol_is_heard() {
    let _turn = my_turn();
    let (street, scratch) = (Street::new(), Scratch::new("original-text-sound"));
    let speaker = scratch.join("alice-out.wav");
    let microphone = scratch.join("alice-in.wav");
    signal::write_wav(&microphone, &voice_like(1, SECONDS));
    let sound = format!("wav:{},{}", microphone.display(), speaker.display());
    let Neighbours { server, mut alice, alices, _bob, listener: _listener } =
        Neighbours::meet(&street, &scratch, &sound);
    let said = voice_like(2, SECONDS);
    let mut call = Client::connect(street.house(3), alices);
    call.expect_packet("0");
    call.say(b"4 bob");
    alice.expect_where("incoming_call", |event| event["from"] == "bob");
    alice.say("answer");
    call.expect_packet("5");
    call.say(b"15");
    alice.expect_where("call_live", |event| event["with"] == "bob" && event["plain"] == true);
    originals::speak_by_tcp(&mut call, &said);
    let_them_talk(0.5);
    call.say(b"6");
    alice.expect_where("call_ended", |event| event["reason"] == "they_hung_up");
    assert!(alice.quit().success());
    assert_heard_in_file("alice", &said, &signal::read_wav(&speaker));
    server.assert_unharmed();
}

/// A hostile server, and a crowd that connects and resets.
#[test]
fn what_kills_the_originals_does_not_kill_us() {
    let (street, scratch) = (Street::new(), Scratch::new("plain-junk"));
    let listener = TcpListener::bind((street.house(1), 0)).expect("loopback has many ports");
    let (bind, address) =
        (street.house(2).to_string(), listener.local_addr().expect("it is bound").to_string());
    let welcome = std::thread::spawn(move || {
        let mut server = Client { stream: listener.accept().expect("alice connects").0 };
        let hello = originals::read_packet(&mut server.stream).expect("alice says her port");
        server.expect_packet("1 alice");
        server.say(b"2");
        (server, hello)
    });
    let place = ["--protocol", "text", "--bind", &bind, &address];
    let mut alice = Headless::start_at(&scratch, "alice", &place, "null", &[]);
    let (mut server, hello) = welcome.join().expect("alice logs in");
    let port = hello.strip_prefix("0 ").and_then(|port| port.parse().ok()).expect("a port");
    let alices = SocketAddr::from((street.house(2), port));
    for n in 0..1_000 {
        let Ok(stream) = std::net::TcpStream::connect(alices) else { continue };
        let socket = socket2::Socket::from(stream);
        if n % 3 == 0 {
            let _ = socket.send(b"17\x00\xff4 b'b");
        }
        socket.set_linger(Some(Duration::ZERO)).expect("a socket takes it");
    }
    let endless = "8".repeat(5_000);
    for packet in [
        "13 localhost 4001 eve",
        "13 127.0.0.1 0 eve",
        "13 127.0.0.1 4001 \x1b[2J",
        "10 e'e",
        "17",
        "\0\r\n",
        &endless,
        "10 eve",
    ] {
        server.say(packet.as_bytes());
        std::thread::sleep(Duration::from_millis(60));
    }
    alice.expect_where("request", |event| event["from"] == "eve");
    alice.say("contacts");
    let contacts = alice.expect("contacts");
    assert_eq!(contacts["list"].as_array().map(Vec::len), Some(1), "only the last was a name: {contacts}");
    wait_for("a caller to be let in again", || {
        let mut call = Client::connect(street.house(3), alices);
        originals::read_packet(&mut call.stream).filter(|hello| hello == "0")
    });
}

#[test]
fn what_a_hostile_server_and_friend_of_the_binary_protocol_say_harms_nobody() {
    let (street, scratch) = (Street::new(), Scratch::new("plain-hostile"));
    let listener = TcpListener::bind((street.house(1), 0)).expect("loopback has many ports");
    let (here, there) = (street.house(2), street.house(3));
    let (bind, address) = (here.to_string(), listener.local_addr().expect("it is bound").to_string());
    let welcome = std::thread::spawn(move || {
        let mut server = Client { stream: listener.accept().expect("alice connects").0 };
        server.say(&frame(200, &here.to_string()));
        server.expect_frame(0, "alice");
        server.say(&frame(201, "alice"));
        server.expect_frame(5, "alice");
        server
    });
    let place = ["--protocol", "binary", "--bind", &bind, &address];
    let mut alice = Headless::start_at(&scratch, "alice", &place, "null", &[]);
    let mut server = welcome.join().expect("alice logs in");
    for (code, payload) in [
        (17, "x"),
        (206, ";;o'brien;"),
        (209, "bob"),
        (210, ":"),
        (210, "bob:localhost"),
        (211, "e\x1b[2J:127.0.0.1"),
        (205, ""),
        (500, "\x1b]0;x\x07"),
        (-1, "'"),
        (207, "eve"),
    ] {
        server.say(&frame(code, payload));
    }
    alice.expect_where("request", |event| event["from"] == "eve");

    server.say(&frame(211, &format!("bob:{there}")));
    alice.expect_where("incoming_call", |event| event["from"] == "bob");
    alice.say("answer");
    server.expect_frame(101, "");
    server.say(&frame(209, &format!("bob:{there}")));
    alice.expect_where("call_live", |event| event["with"] == "bob");
    let bob = std::net::UdpSocket::bind((there, 8085)).expect("nobody else is at this address");
    let voice = |opus: &[u8], length: i32, magic: i32, ms: u64| {
        let mut field = [0; 256];
        field[..opus.len()].copy_from_slice(opus);
        [&magic.to_le_bytes()[..], &field, &length.to_le_bytes(), &ms.to_le_bytes()].concat()
    };
    let silence = [0xf4, 0xff, 0xfe];
    for (length, magic) in [(0, 4269), (-1, 4269), (257, 4269), (i32::MAX, 4269), (i32::MIN, 4269), (3, 17)] {
        bob.send_to(&voice(&silence, length, magic, 1), (here, 8085)).expect("loopback takes it");
    }
    // 20 ms, 60 ms of SILK, two frames, and lengths inside that lead outside.
    for opus in [[0xfc, 1, 2], [0x18, 1, 2], [0xf5, 1, 2], [0xf6, 250, 2], [0xf7, 63, 255]] {
        bob.send_to(&voice(&opus, 3, 4269, 2), (here, 8085)).expect("loopback takes it");
    }
    for junk in [&b""[..], &[0; 271], &[0xff; 273], &[0xad; 1_500]] {
        bob.send_to(junk, (here, 8085)).expect("loopback takes it");
    }
    for n in 0..20 {
        bob.send_to(&voice(&silence, 3, 4269, 1_000 + n * 10), (here, 8085)).expect("loopback takes it");
    }
    wait_for("bob's voice to be counted and nothing else", || {
        alice.say("status");
        let status = alice.expect("status");
        assert_eq!(status["call"]["state"], "live", "{status}");
        (status["call"]["joined"] == serde_json::json!(["bob"]) && status["statistics"]["opened"] == 20)
            .then_some(())
    });
    alice.say("hangup");
    server.expect_frame(103, "");
    alice.expect_where("call_ended", |event| event["reason"] == "hung_up");
    assert!(alice.quit().success());
}

#[test]
fn a_name_that_is_in_use_is_told() {
    let (street, scratch) = (Street::new(), Scratch::new("plain-name"));
    for (protocol, server) in [
        ("binary", originals::Server::binary(street.house(1))),
        ("text", originals::Server::text(street.house(1))),
    ] {
        let address = server.address.to_string();
        let place = ["--protocol", protocol, address.as_str()];
        let _first = Headless::start_at(&scratch, &format!("al-{protocol}"), &place, "null", &[]);
        let profile = scratch.join("second");
        let output = program()
            .args(["--headless", "--device", "null", "--name", &format!("al-{protocol}"), "--profile"])
            .arg(&profile)
            .args(place)
            .stdin(std::process::Stdio::null())
            .output()
            .expect("tincan runs");
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("name_taken"), "{output:?}");
        server.assert_unharmed();
    }
}
