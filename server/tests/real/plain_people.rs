//! Across the doors: who came by one befriends who came by another, in every direction.

use proto::client::{Command, Event};
use tincan_server::Server;

use crate::friend::{Friend, Scratch, name};
use crate::plain::Street;
use crate::{plain_binary, plain_text};

/// Somebody, by whichever door.
enum Person {
    Native(Box<Friend>),
    Binary(plain_binary::Guest),
    Text(plain_text::Guest),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Native,
    Binary,
    Text,
}

const KINDS: [Kind; 3] = [Kind::Native, Kind::Binary, Kind::Text];

impl Person {
    fn come(kind: Kind, who: &str, house: u8, street: &Street, server: &Server) -> Self {
        match kind {
            Kind::Native => {
                let mut friend = Friend::new(who, house, server.invite());
                friend.log_in();
                Self::Native(Box::new(friend))
            }
            Kind::Binary => Self::Binary(plain_binary::Guest::log_in(street, house, server, who)),
            Kind::Text => Self::Text(plain_text::Guest::log_in(street, house, server, who, port(house))),
        }
    }

    fn asks(&mut self, other: &str) {
        match self {
            Self::Native(me) => {
                me.say(Command::Add(name(other)));
                me.await_event("the request to be there", |e| *e == Event::Requested(name(other)));
            }
            Self::Binary(me) => {
                me.says(1, other);
                me.hears(205, other);
            }
            Self::Text(me) => {
                me.says(&format!("7 {other}"));
                me.hears(&format!("8 {other}"));
            }
        }
    }

    fn is_asked_and_accepts(&mut self, other: &str) {
        match self {
            Self::Native(me) => {
                me.await_event("a request", |e| *e == Event::Request(name(other)));
                me.say(Command::Accept(name(other)));
                let friend = |e: &Event| matches!(e, Event::Contact(c) if c.name == name(other));
                me.await_event("the friend", friend);
            }
            Self::Binary(me) => {
                me.hears(207, other);
                me.says(2, other);
            }
            Self::Text(me) => {
                me.hears(&format!("10 {other}"));
                me.says(&format!("11 {other}"));
            }
        }
    }

    /// What this protocol has for an accepted request, of a friend who can be called at `meeting` or not.
    fn is_told_of(&mut self, other: &str, asked: bool, meeting: Option<String>) {
        match self {
            Self::Native(me) if asked => {
                me.await_event("the answer", |e| *e == Event::Accepted(name(other)));
            }
            Self::Binary(me) if asked => me.hears(203, other),
            Self::Text(me) if meeting.is_some() => {
                me.hears(&format!("13 {} {other}", meeting.unwrap_or_default()));
            }
            Self::Native(_) | Self::Binary(_) | Self::Text(_) => {}
        }
    }

    /// The list has exactly this friend, where the protocol has a list.
    fn lists(&mut self, me: &str, other: &str) {
        match self {
            Self::Native(friend) => {
                friend.say(Command::Contacts);
                let listed = |e: &Event| matches!(e, Event::Contacts(all) if all.len() == 1 && all[0].name == name(other));
                friend.await_event("the list", listed);
            }
            Self::Binary(guest) => {
                guest.says(5, me);
                guest.hears(206, &format!("{other};"));
            }
            Self::Text(_) => {}
        }
    }
}

fn port(house: u8) -> u16 {
    4_000 + u16::from(house)
}

#[test]
fn everybody_befriends_everybody_by_whichever_doors_they_came() {
    let (street, scratch) = (Street::new(), Scratch::new());
    let server = Server::start(&street.config(&scratch)).unwrap();
    for (round, (first, second)) in (0..).zip(KINDS.iter().flat_map(|a| KINDS.iter().map(move |b| (*a, *b))))
    {
        let (asker, asked) = (format!("asker{round}"), format!("asked{round}"));
        let houses = [10 + 2 * round, 11 + 2 * round];
        let mut a = Person::come(first, &asker, houses[0], &street, &server);
        let mut b = Person::come(second, &asked, houses[1], &street, &server);
        let both_call = (first, second) == (Kind::Text, Kind::Text);
        let meeting = |house: u8| both_call.then(|| format!("{} {}", street.house(house), port(house)));
        a.asks(&asked);
        b.is_asked_and_accepts(&asker);
        a.is_told_of(&asked, true, meeting(houses[1]));
        b.is_told_of(&asker, false, meeting(houses[0]));
        a.lists(&asker, &asked);
        b.lists(&asked, &asker);
    }
}
