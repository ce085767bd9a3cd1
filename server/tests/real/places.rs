//! Places at the door when there are fewer of them than takers.

use std::net::TcpStream;

use proto::Drop as Reason;
use tincan_server::Server;
use tincan_server::stats::{Figure, Place};

use crate::friend::{Friend, Scratch, wait_until};

#[test]
fn who_comes_to_log_in_gets_the_place_of_who_only_sits_there() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    config.doorway.strangers = 8;
    let server = Server::start(&config).unwrap();
    let idle: Vec<_> = (0..8).map(|_| TcpStream::connect(server.addr()).unwrap()).collect();
    wait_until("a full house", || server.stats().figure(Figure::Strangers) == 8);
    for round in 1..=3_u8 {
        let mut person = Friend::new(&format!("person{round}"), round, server.invite());
        person.log_in();
    }
    assert_eq!(server.stats().dropped(Place::Stream, Reason::TooLate), 0, "nobody waited for the deadline");
    assert!(server.stats().dropped(Place::Stream, Reason::Crowded) >= 1);
    drop(idle);
}
