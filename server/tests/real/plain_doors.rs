//! The plain doors as such: shut unless asked for, loud about what they are, and no way to harm those inside.

use std::net::{SocketAddr, UdpSocket};

use proto::Drop as Reason;
use proto::limits::PLAIN_VOICE_PORT;
use tincan_server::Server;
use tincan_server::stats::{Figure, Place};

use crate::friend::{Friend, Scratch, wait_until};
use crate::people::{befriend, exchange};
use crate::plain::{Original, Street, dial, reset};
use crate::plain_binary::Guest;
use crate::process::{GENEROUS, Tincand, run};

#[test]
fn both_plain_doors_are_shut_unless_asked_for() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.config()).unwrap();
    assert_eq!((server.plain_binary(), server.plain_text()), (None, None));
    let street = Street::new();
    let mut config = street.config(&Scratch::new());
    config.plain_text = None;
    let other = Server::start(&config).unwrap();
    assert!(other.plain_binary().is_some() && other.plain_text().is_none());
}

#[test]
fn a_door_that_others_may_reach_is_warned_of_and_a_near_one_is_not() {
    let scratch = Scratch::new();
    let far = Tincand::start(scratch.path(), &format!("plain_text = \"0.0.0.0:0\"\n{GENEROUS}"));
    let log = String::from_utf8(far.leave()).unwrap();
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert!(
        matches!(warnings[..], [one] if one.contains("--plain-text") && one.contains("nothing there is encrypted")),
        "{log}"
    );
    let near = Tincand::start(scratch.path(), &format!("plain_text = \"127.0.0.1:0\"\n{GENEROUS}"));
    let log = String::from_utf8(near.leave()).unwrap();
    assert!(!log.contains("WARN"), "{log}");
}

#[test]
fn a_taken_port_of_the_voice_is_said_at_the_start() {
    let scratch = Scratch::new();
    let street = Street::new();
    let _held = UdpSocket::bind((street.house(1), PLAIN_VOICE_PORT)).unwrap();
    let door = format!("{}:0", street.house(1));
    let (code, _, said) = run(scratch.path(), "", &["--plain-binary", &door]);
    assert_eq!(code, Some(1));
    assert!(said.contains("8085") && said.contains("in use") && said.contains("--plain-binary"), "{said}");
}

#[test]
fn junk_at_the_voice_of_guests_is_counted_and_not_answered() {
    let scratch = Scratch::new();
    let street = Street::new();
    let server = Server::start(&street.config(&scratch)).unwrap();
    let voice = SocketAddr::from((street.house(1), PLAIN_VOICE_PORT));
    let socket = UdpSocket::bind((street.house(9), 0)).unwrap();
    let mut good = vec![0; 272];
    good[..5].copy_from_slice(&[0xad, 0x10, 0, 0, 0xf4]);
    good[260] = 1;
    let junk = [&[][..], &[0xff; 1_500], &[0xc0; 96], &good, &good[..271]];
    // No more at once than any socket has room for.
    for some in 1..=10 {
        for bytes in junk.iter().cycle().take(50) {
            socket.send_to(bytes, voice).unwrap();
        }
        let counted = || server.stats().dropped(Place::Datagram, Reason::Stranger) == some * 50;
        wait_until("all to be counted", counted);
    }
    assert_eq!(server.stats().figure(Figure::DatagramsOut), 0);
}

#[test]
fn a_thousand_connections_that_are_reset_harm_nobody() {
    let scratch = Scratch::new();
    let street = Street::new();
    let server = Server::start(&street.config(&scratch)).unwrap();
    let (mut alice, mut bob) =
        (Friend::new("alice", 1, server.invite()), Friend::new("bob", 2, server.invite()));
    alice.log_in();
    bob.log_in();
    befriend(&mut alice, &mut bob);
    let doors = [server.plain_binary().unwrap(), server.plain_text().unwrap()];
    for round in 0..1_000_u64 {
        doors.iter().for_each(|door| reset(dial(street.house(2), *door)));
        if round % 250 == 249 {
            exchange(&mut alice, &mut bob, &format!("after {round}"));
        }
    }
    let figure = |figure| server.stats().figure(figure);
    wait_until("them to be gone", || figure(Figure::Accepted) == 2_002 && figure(Figure::Open) == 2);
    assert!(server.stats().dropped(Place::Stream, Reason::Reset) > 1_000, "{}", server.stats());
    exchange(&mut alice, &mut bob, "and after it");
}

#[test]
fn a_full_plain_door_leaves_room_at_the_native_one() {
    let scratch = Scratch::new();
    let street = Street::new();
    let mut config = street.config(&scratch);
    (config.doorway.connections, config.doorway.strangers) = (40, 20);
    let server = Server::start(&config).unwrap();
    let doors = [server.plain_binary().unwrap(), server.plain_text().unwrap()];
    let held: Vec<_> = (0..60).map(|n| dial(street.house(2), doors[n % 2])).collect();
    wait_until("the door to be full", || server.stats().dropped(Place::Stream, Reason::Crowded) >= 55);
    assert!(server.stats().figure(Figure::Open) <= 10);
    Friend::new("alice", 1, server.invite()).log_in();
    drop(held);
}

#[test]
fn one_network_holds_its_share_of_a_plain_door_and_others_come_in() {
    let scratch = Scratch::new();
    let (street, elsewhere) = (Street::new(), Street::new());
    let mut config = street.config(&scratch);
    config.doorway.plain_per_prefix = 3;
    let server = Server::start(&config).unwrap();
    let names = ["one", "two", "three"];
    let held: Vec<_> = (2..).zip(names).map(|(n, name)| Guest::log_in(&street, n, &server, name)).collect();
    let mut late = Original::new(street.house(9), server.plain_text().unwrap());
    assert!(late.read_once(64).is_empty(), "whatever house of it, and whichever of the doors");
    assert_eq!(server.stats().dropped(Place::Stream, Reason::Crowded), 1);
    Guest::log_in(&elsewhere, 2, &server, "four");
    drop(held);
    wait_until("the places to be free", || server.stats().figure(Figure::Open) == 0);
    Guest::log_in(&street, 2, &server, "one");
}
