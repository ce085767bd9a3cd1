//! Seed B at its door, as bytes: packets have no end, so each of ours must be one read of theirs, and what they send
//! comes cut and merged as the network likes.

use std::time::Duration;

use proto::Drop as Reason;
use tincan_server::Server;
use tincan_server::stats::{Figure, Place};

use crate::friend::{Friend, Scratch, wait_until};
use crate::people::{befriend, exchange};
use crate::plain::{Original, Street};

/// As much as the originals read at once.
const READ: usize = 512;
/// Longer than the server holds anything back.
const QUIET: Duration = Duration::from_millis(300);
/// Long enough for what was sent before to be a read of its own.
const APART: Duration = Duration::from_millis(40);

/// Somebody with the original client.
pub(crate) struct Guest(Original);

impl Guest {
    fn connect(street: &Street, house: u8, server: &Server) -> Self {
        let mut guest = Self(Original::new(street.house(house), server.plain_text().unwrap()));
        guest.hears("0");
        guest
    }

    pub(crate) fn log_in(street: &Street, house: u8, server: &Server, name: &str, port: u16) -> Self {
        let mut guest = Self::connect(street, house, server);
        guest.says(&format!("0 {port}"));
        guest.says(&format!("1 {name}"));
        guest.hears("2");
        guest
    }

    /// One packet, and a gap so that it is one.
    pub(crate) fn says(&mut self, packet: &str) {
        self.0.send(packet.as_bytes());
        std::thread::sleep(APART);
    }

    /// The next thing that comes is this packet.
    pub(crate) fn hears(&mut self, packet: &str) {
        assert_eq!(String::from_utf8_lossy(&self.0.take(packet.len())), packet);
    }

    fn hears_nothing(&mut self) {
        self.0.hears_nothing(QUIET);
    }
}

fn started(street: &Street, scratch: &Scratch) -> Server {
    Server::start(&street.config(scratch)).unwrap()
}

#[test]
fn two_originals_meet_and_learn_where_the_other_listens() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let mut alice = Guest::log_in(&street, 2, &server, "alice", 4_001);
    let mut bob = Guest::log_in(&street, 3, &server, "bob", 4_002);
    bob.says("7 alice");
    bob.hears("8 alice");
    alice.hears("10 bob");
    alice.says("11 bob");
    alice.hears(&format!("13 {} 4002 bob", street.house(3)));
    bob.hears(&format!("13 {} 4001 alice", street.house(2)));
    alice.says("11 bob");
    alice.hears_nothing();
    bob.hears_nothing();
}

#[test]
fn an_invitation_that_is_refused_is_over_and_nobody_is_told() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let mut alice = Guest::log_in(&street, 2, &server, "alice", 4_001);
    let mut bob = Guest::log_in(&street, 3, &server, "bob", 4_002);
    bob.says("7 alice");
    bob.hears("8 alice");
    alice.hears("10 bob");
    alice.says("12 bob");
    alice.says("11 bob");
    alice.hears_nothing();
    bob.hears_nothing();
}

#[test]
fn misuse_is_answered_with_the_words_there_are() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let mut alice = Guest::connect(&street, 2, &server);
    alice.says("7 bob");
    alice.hears("9 bob");
    alice.says("1 o'brien");
    alice.hears("3");
    alice.says("1");
    alice.hears("3");
    alice.says("001 alice");
    alice.hears("2");
    let mut other = Guest::connect(&street, 3, &server);
    other.says("1 ALICE");
    other.hears("3");
    other.says("1 bob");
    other.hears("2");
    alice.says("7 alice");
    alice.hears("9 alice");
    alice.says("7 nobody");
    alice.hears("9 nobody");
    alice.says("11 bob");
    alice.says("12 bob");
    for junk in ["17", "99 x", "x", "-1", "2", " ", "\0", "99999999999999999999 x"] {
        alice.says(junk);
    }
    alice.hears_nothing();
    alice.says("7 bob");
    alice.hears("8 bob");
    other.hears("10 alice");
}

#[test]
fn merged_packets_are_taken_apart_and_line_ends_of_people_are_dropped() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let mut alice = Guest::connect(&street, 2, &server);
    alice.says("0 40011 alice");
    alice.hears("2");
    let mut bob = Guest::connect(&street, 3, &server);
    bob.says("1 bob\r\n");
    bob.hears("2");
    bob.says("7 alice\n");
    bob.hears("8 alice");
    alice.hears("10 bob");
    // What the original's window sends for one press of its button.
    alice.says("11 bob7 bob");
    bob.hears(&format!("13 {} 4001 alice", street.house(2)));
    alice.hears("8 bob");
    alice.hears_nothing();
}

#[test]
fn who_takes_the_server_for_a_friend_is_told_no() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let mut lost = Guest::connect(&street, 2, &server);
    lost.says("4 alice");
    lost.hears("6");
    assert!(lost.0.read_once(READ).is_empty(), "and the end");
}

#[test]
fn what_is_longer_than_a_packet_is_no_packet() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let mut alice = Guest::log_in(&street, 2, &server, "alice", 4_001);
    alice.says(&format!("7 {}", "b".repeat(3_000)));
    alice.says(&"7 ".repeat(2_000));
    alice.says(&"\0".repeat(1_000));
    while !alice.0.read_once(READ).is_empty() {
        // What the pieces mean is nobody's business, as long as the next packet is heard.
        alice.says("7 nobody");
        if String::from_utf8_lossy(&alice.0.read_once(READ)).contains("9 nobody") {
            return;
        }
    }
    panic!("the connection is gone");
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
    for number in 0..10 {
        let mut leaves = Guest::connect(&street, 2, &server);
        let mut stays = Guest::connect(&street, 3, &server);
        leaves.says("17");
        drop(leaves);
        stays.says("1 stays");
        stays.hears("2");
        stays.says("17 17 17");
        drop(stays);
        exchange(&mut anna, &mut bert, &format!("during {number}"));
        wait_until("them to be gone", || server.stats().figure(Figure::Open) == 2);
    }
}

#[test]
fn who_asks_and_does_not_read_is_let_go() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let mut deaf = Guest::log_in(&street, 2, &server, "deaf", 4_001);
    deaf.0.stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let gone = |server: &Server| {
        let dropped = |why| server.stats().dropped(Place::Stream, why);
        dropped(Reason::TooSlow) + dropped(Reason::Flood) > 0 && server.stats().figure(Figure::Open) == 0
    };
    while !gone(&server) {
        if std::io::Write::write_all(&mut deaf.0.stream, b"7 nobody").is_err() {
            break;
        }
    }
    wait_until("the deaf one to be gone", || gone(&server));
}

#[test]
fn friends_are_told_where_the_other_is_once_a_session() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = started(&street, &scratch);
    let mut alice = Guest::log_in(&street, 2, &server, "alice", 4_001);
    let mut bob = Guest::log_in(&street, 3, &server, "bob", 4_002);
    bob.says("7 alice");
    bob.hears("8 alice");
    alice.hears("10 bob");
    alice.says("11 bob");
    alice.hears(&format!("13 {} 4002 bob", street.house(3)));
    bob.hears(&format!("13 {} 4001 alice", street.house(2)));
    drop((alice, bob));
    server.remote().leave();
    server.wait().unwrap();
    let server = started(&street, &scratch);
    let mut alice = Guest::log_in(&street, 2, &server, "alice", 4_011);
    let mut bob = Guest::log_in(&street, 3, &server, "bob", 4_012);
    alice.hears(&format!("13 {} 4012 bob", street.house(3)));
    bob.hears(&format!("13 {} 4011 alice", street.house(2)));
    drop(bob);
    wait_until("bob to be gone", || server.stats().figure(Figure::Open) == 1);
    let mut bob = Guest::log_in(&street, 3, &server, "bob", 4_022);
    bob.hears(&format!("13 {} 4011 alice", street.house(2)));
    alice.hears_nothing();
}
