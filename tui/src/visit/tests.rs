//! Visitors of every kind at a real socket.

use std::io::{Read as _, Write as _};

use mio::{Events, Poll};

use super::*;
use crate::control::Switch;
use crate::testing::Scratch;

const PATIENCE: Duration = Duration::from_secs(20);
const TOGGLE: &[u8] = b"{\"do\":\"mute\",\"to\":\"toggle\"}\n";

struct House {
    poll: Poll,
    door: Door,
    scratch: Scratch,
}

impl House {
    fn new(name: &str) -> Self {
        let (scratch, poll) = (Scratch::new(name), Poll::new().unwrap());
        let door = Door::open(&scratch.path().join("sock"), poll.registry(), 4).unwrap();
        Self { poll, door, scratch }
    }

    fn visitor(&self) -> Blocking {
        let stream = Blocking::connect(self.scratch.path().join("sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Turns until `done`, answering each request with its number.
    fn serve(&mut self, done: impl Fn(&Door) -> bool) -> Vec<Request> {
        let (mut events, mut requests) = (Events::with_capacity(16), Vec::new());
        for _ in 0..2000 {
            while let Some((who, request)) = self.door.poll() {
                requests.push(request);
                let reply = Reply::Done(requests.len().to_string());
                self.door.answer(self.poll.registry(), who, &reply);
            }
            if done(&self.door) {
                return requests;
            }
            self.poll.poll(&mut events, Some(Duration::from_millis(20))).unwrap();
            for event in &events {
                self.door.ready(self.poll.registry(), event.token());
            }
        }
        panic!("nobody came");
    }
}

fn line(stream: &mut Blocking) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

fn is_closed(stream: &mut Blocking) -> bool {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).is_ok() && rest.is_empty()
}

#[test]
fn a_visitor_asks_and_is_answered_and_nobody_else_may() {
    let mut house = House::new("door");
    let path = house.scratch.path().join("sock");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let asking = path.clone();
    let visitor = std::thread::spawn(move || ask(&asking, Request::Invite, PATIENCE).unwrap());
    assert_eq!(house.serve(|door| door.counted == 1 && door.guests.is_empty()), [Request::Invite]);
    let Asked::Said(said) = visitor.join().unwrap() else { panic!("somebody is there") };
    assert_eq!((&said["ok"], &said["text"]), (&true.into(), &"1".into()));
    drop(house.door);
    assert!(!path.exists());
    assert_eq!(ask(&path, Request::Status, PATIENCE).unwrap(), Asked::Nobody);
}

#[test]
fn what_a_killed_client_left_is_replaced() {
    let scratch = Scratch::new("door-stale");
    let path = scratch.path().join("sock");
    // A listener that is dropped leaves its file, as one of a killed program does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert_eq!(ask(&path, Request::Status, PATIENCE).unwrap(), Asked::Nobody);
    let poll = Poll::new().unwrap();
    let _door = Door::open(&path, poll.registry(), 4).unwrap();
    assert!(Blocking::connect(&path).is_ok());
}

#[test]
fn lines_come_in_any_pieces_and_several_at_once() {
    let mut house = House::new("door-pieces");
    let mut visitor = house.visitor();
    for byte in TOGGLE {
        visitor.write_all(&[*byte]).unwrap();
        house.serve(|_| true);
    }
    visitor.write_all(&[TOGGLE, b"{\"do\":\"status\"}\n{\"do\":\"hang"].concat()).unwrap();
    let mut asked = house.serve(|door| door.guests.values().any(|guest| guest.said.ends_with(b"hang")));
    assert_eq!(asked.split_off(1), [Request::Mute(Switch::Toggle), Request::Status][asked.len() - 1..]);
    visitor.write_all(b"up\"}\n").unwrap();
    // Who says nothing more is answered all the same.
    visitor.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(house.serve(|door| door.guests.is_empty()), [Request::HangUp]);
    assert!((0..4).all(|_| line(&mut visitor).contains("\"ok\":true")) && is_closed(&mut visitor));
}

#[test]
fn nonsense_is_refused_once_and_the_others_are_not_held_up() {
    let mut house = House::new("door-nonsense");
    let long = [b'x'; VISITOR_BYTES_MAX];
    for nonsense in [b"\xff\xfe\0\x1b[31m\n".as_slice(), b"\n", b"{}\n", &long] {
        let (mut rude, mut polite) = (house.visitor(), house.visitor());
        rude.write_all(nonsense).unwrap();
        polite.write_all(TOGGLE).unwrap();
        let count = house.door.counted + 2;
        house.serve(|door| door.counted == count && door.guests.len() == 1);
        let said = line(&mut rude);
        assert!(said.contains("\"ok\":false") && !said.contains('\u{1b}'), "{said}");
        assert!(is_closed(&mut rude));
        assert!(line(&mut polite).contains("\"ok\":true"));
        drop(polite);
        house.serve(|door| door.guests.is_empty());
    }
}

#[test]
fn a_crowd_that_wants_nothing_makes_room() {
    let mut house = House::new("door-crowd");
    let mut crowd: Vec<_> = (0..VISITORS_MAX).map(|_| house.visitor()).collect();
    crowd[1].write_all(b"half a l").unwrap();
    house.serve(|door| door.guests.len() == VISITORS_MAX);
    let mut late = house.visitor();
    late.write_all(TOGGLE).unwrap();
    house.serve(|door| door.guests.values().any(|guest| guest.id == Visitor(VISITORS_MAX as u64 + 1)));
    assert_eq!(house.door.guests.len(), VISITORS_MAX);
    assert!(is_closed(&mut crowd[0]), "who came first makes room");
    assert!(line(&mut late).contains("\"ok\":true"));
}

/// A flood of one is served a request a turn, and who does not read is shown out rather than waited for.
#[test]
fn a_flood_holds_nobody_up() {
    let mut house = House::new("door-flood");
    let mut flood = house.visitor();
    let sender = std::thread::spawn(move || {
        let many = TOGGLE.repeat(100);
        while flood.write_all(&many).is_ok() {}
    });
    house.serve(|door| door.counted == 1);
    let mut polite = house.visitor();
    polite.write_all(b"{\"do\":\"status\"}\n").unwrap();
    let all_heard =
        |door: &Door| door.counted == 2 && door.guests.values().all(|guest| guest.id != Visitor(1));
    let asked = house.serve(all_heard);
    assert!(asked.iter().filter(|request| **request == Request::Status).count() <= 1);
    assert!(line(&mut polite).contains("\"ok\":true"));
    sender.join().unwrap();
}

/// A client that is stopped takes nobody in: who asks is told so, also when its door is full, and never waits for ever.
#[test]
fn who_asks_a_stopped_client_is_told_so() {
    let scratch = Scratch::new("door-stopped");
    let path = scratch.path().join("sock");
    let listener = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    listener.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    listener.listen(1).unwrap();
    let said = || ask(&path, Request::Status, Duration::from_millis(50)).unwrap_err().to_string();
    assert!(said().contains("^Z"), "nobody answers");
    let waiting: Vec<_> = (0..16).map_while(|_| UnixStream::connect(&path).ok()).collect();
    assert!(waiting.len() < 16, "the door is full");
    assert!(said().contains("^Z"), "nobody is let in");
}
