//! People of all three protocols at one server.

use crate::harness::process::{Headless, Server};
use crate::harness::{Scratch, my_turn, wait_for};
use crate::headless::let_them_talk;
use crate::many::{Part, assert_who_hears_whom};
use crate::plain::Street;

/// A server with both plain doors, and the addresses they are at.
struct Doors {
    server: Server,
    street: Street,
    binary: String,
    text: String,
}

impl Doors {
    fn open(scratch: &Scratch) -> Self {
        let street = Street::new();
        let (binary, text) = (street.free_address().to_string(), street.free_address().to_string());
        let doors = ["--plain-binary", &binary, "--plain-text", &text].map(str::to_owned);
        let server = Server::start_with(scratch, &doors);
        Self { server, street, binary, text }
    }

    /// A client of this kind, living in that house.
    fn client(&self, scratch: &Scratch, kind: Kind, name: &str, number: u8, sound: &str) -> Headless {
        let bind = self.street.house(number).to_string();
        match kind {
            Kind::Native => Headless::start(scratch, name, &self.server, sound, &[]),
            Kind::Binary => {
                let place = ["--protocol", "binary", "--bind", &bind, &self.binary];
                Headless::start_at(scratch, name, &place, sound, &[])
            }
            Kind::Text => {
                let place = ["--protocol", "text", "--bind", &bind, &self.text];
                Headless::start_at(scratch, name, &place, sound, &[])
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Native,
    Binary,
    Text,
}

#[test]
fn two_plain_people_and_a_native_one_hear_each_other() {
    let _turn = my_turn();
    let scratch = Scratch::new("plain-three");
    let doors = Doors::open(&scratch);
    let parts = [
        Part { name: "ann", chord: 0, begins: 2.0 },
        Part { name: "ben", chord: 1, begins: 5.0 },
        Part { name: "cat", chord: 2, begins: 8.0 },
    ];
    let sounds = parts.map(|part| part.write_microphone(&scratch, 30.0));
    let mut ann = doors.client(&scratch, Kind::Binary, "ann", 2, &sounds[0]);
    let mut ben = doors.client(&scratch, Kind::Binary, "ben", 3, &sounds[1]);
    let mut cat = doors.client(&scratch, Kind::Native, "cat", 4, &sounds[2]);
    ann.befriend(&mut ben);
    ann.befriend(&mut cat);
    ben.befriend(&mut cat);

    ann.say("call ben cat");
    for person in [&mut ben, &mut cat] {
        let event = person.expect_where("incoming_call", |event| event["from"] == "ann");
        assert_eq!(event["plain"], true, "{event}");
    }
    ben.say("answer");
    ben.expect("call_live");
    cat.say("answer");
    cat.expect("plain_unconfirmed");
    cat.say("allow-plain ann");
    cat.say("allow-plain ben");
    cat.say("answer");
    cat.expect("call_live");
    let_them_talk(12.0);
    for mut person in [ann, ben, cat] {
        person.say("hangup");
        person.expect("call_ended");
        assert!(person.quit().success());
    }
    assert_who_hears_whom(&scratch, &parts, &[".bc", "a.c", "ab."]);
}

#[test]
fn a_plain_person_hears_each_of_two_natives_though_the_server_speaks_for_both() {
    let _turn = my_turn();
    let scratch = Scratch::new("plain-two-natives");
    let doors = Doors::open(&scratch);
    let parts = [
        Part { name: "ann", chord: 0, begins: 2.0 },
        Part { name: "ben", chord: 1, begins: 5.0 },
        Part { name: "cat", chord: 2, begins: 8.0 },
    ];
    let sounds = parts.map(|part| part.write_microphone(&scratch, 30.0));
    let mut ann = doors.client(&scratch, Kind::Binary, "ann", 2, &sounds[0]);
    let mut ben = doors.client(&scratch, Kind::Native, "ben", 3, &sounds[1]);
    let mut cat = doors.client(&scratch, Kind::Native, "cat", 4, &sounds[2]);
    for native in [&mut ben, &mut cat] {
        ann.befriend(native);
        native.say("allow-plain ann");
    }
    ann.say("call ben cat");
    for native in [&mut ben, &mut cat] {
        native.expect("incoming_call");
        native.say("answer");
        native.expect("call_live");
    }
    let_them_talk(12.0);
    for mut person in [ann, ben, cat] {
        person.say("hangup");
        person.expect("call_ended");
        assert!(person.quit().success());
    }
    assert_who_hears_whom(&scratch, &parts, &[".bc", "a.c", "ab."]);
}

#[test]
fn everybody_befriends_everybody_whatever_they_speak() {
    let scratch = Scratch::new("plain-friends");
    let doors = Doors::open(&scratch);
    let kinds = [Kind::Native, Kind::Binary, Kind::Text];
    let mut number = 1;
    for (asker, asked) in kinds.iter().flat_map(|a| kinds.map(|b| (*a, b))) {
        let mut person = |kind: Kind, role: &str| {
            number += 1;
            let name = format!("{role}{number}");
            (doors.client(&scratch, kind, &name, number, "null"), name)
        };
        let ((mut one, one_name), (mut two, two_name)) = (person(asker, "asker"), person(asked, "asked"));
        one.say(&format!("add {two_name}"));
        two.expect_where("request", |event| event["from"] == *one_name);
        two.say(&format!("accept {one_name}"));
        one.expect_where("accepted", |event| event["name"] == *two_name);
        for (person, friend) in [(&mut one, &two_name), (&mut two, &one_name)] {
            wait_for(&format!("{asker:?} {asked:?}: {friend} on the list"), || {
                person.say("contacts");
                let list = person.expect("contacts");
                let list = list["list"].as_array()?;
                list.iter().any(|c| c["name"] == *friend && c["standing"] == "mutual").then_some(())
            });
        }
        assert!(one.quit().success() && two.quit().success(), "{asker:?} {asked:?}");
    }
}
