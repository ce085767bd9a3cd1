//! The plain client against written servers: what is done to it and what it does are lines of text, so that a table
//! reads like the protocol documents.

use super::*;
use crate::client::{EndReason, LinkState};
use crate::crypto::mac;
use crate::id::{CallId, Ssrc};
use crate::limits::{PLAIN_FRAME_BYTES, PLAIN_GAP, PLAIN_NAME_TRIES_MAX};
use crate::media::command::DirectForm;
use crate::time::Wall;
use crate::wire::record::Presence;

mod binary;
mod hostile;
mod text;

/// A client and its clock.
struct Desk {
    client: PlainClient,
    now: Time,
    call: Option<CallId>,
    binary: bool,
    /// When the server was last told something on this connection.
    sent_at: Option<Time>,
}

impl Desk {
    fn new(protocol: Protocol, rows: &[Row]) -> Self {
        let now = Time::secs(1);
        let wall = Now { mono: now, wall: Wall(0) };
        let client = PlainClient::new(protocol, rows, Rng::new([7; 32]), wall);
        Self { client, now, call: None, binary: matches!(protocol, Protocol::Binary { .. }), sent_at: None }
    }

    fn binary() -> Self {
        let mut desk = Self::new(Protocol::Binary { bind: None }, &[]);
        assert_eq!(desk.drain(), ["connecting", "connect"]);
        desk
    }

    fn text() -> Self {
        let mut desk = Self::new(Protocol::Text { listen: "0.0.0.0:4001".parse().unwrap() }, &[]);
        assert_eq!(desk.drain(), ["name wanted"]);
        desk
    }

    fn handle(&mut self, input: Input<'_>) -> Vec<String> {
        self.client.handle(input, Now { mono: self.now, wall: Wall(0) });
        self.drain()
    }

    fn drain(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(output) = self.client.poll() {
            lines.push(self.shown(output));
        }
        lines
    }

    /// Does what a line says; what came of it.
    fn act(&mut self, line: &str) -> Vec<String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let name = || Name::parse(rest).unwrap();
        let command = match word {
            "join" => Command::Join(name()),
            "add" => Command::Add(name()),
            "accept" => Command::Accept(name()),
            "reject" => Command::Reject(name()),
            "remove" => Command::Remove(name()),
            "call" => Command::Call(rest.split(' ').map(|name| Name::parse(name).unwrap()).collect()),
            "answer" => Command::Answer,
            "decline" => Command::Decline,
            "hangup" => Command::HangUp,
            "contacts" => Command::Contacts,
            "reconnect" => Command::Reconnect,
            "invite" => Command::Invite,
            "say" => Command::Say { to: name(), text: "hello".into(), echo: 1 },
            "up" => return self.handle(Input::LinkUp { local: "127.0.0.2:50000".parse().unwrap() }),
            "down" => return self.handle(Input::LinkDown),
            "wait" => return self.wait(rest.parse().unwrap()),
            "heard" | "quiet" => return self.agent(word, rest.parse().unwrap()),
            "silent" => {
                let call = self.call.unwrap();
                return self.handle(Input::Agent(CallEvent::Silent(call)));
            }
            "unbound" => {
                let (call, why) = (self.call.unwrap(), crate::Safe::line("UDP 127.0.0.2:8085 is in use"));
                return self.handle(Input::Agent(CallEvent::Unbound { call, why }));
            }
            "<" => return self.hears(rest),
            peer if peer.starts_with('@') => return self.peer(&peer[1..], rest),
            other => panic!("{other} is no act"),
        };
        self.handle(Input::Command(command))
    }

    /// Several acts, with a `;` and a space between them; what came of the last.
    fn story(&mut self, acts: &str) -> Vec<String> {
        let mut last = Vec::new();
        for act in acts.split("; ") {
            last = self.act(act);
        }
        last
    }

    /// A server's frame (`203 bob`), or packet.
    fn hears(&mut self, said: &str) -> Vec<String> {
        if !self.binary {
            let mut lines = self.handle(Input::Bytes(said.as_bytes()));
            lines.extend(self.wait(15));
            return lines;
        }
        let (code, payload) = said.split_once(' ').unwrap_or((said, ""));
        self.handle(Input::Bytes(&padded(code.parse().unwrap(), payload.as_bytes())))
    }

    fn agent(&mut self, word: &str, ssrc: u32) -> Vec<String> {
        let ssrc = if self.binary { stream(ssrc) } else { Ssrc(ssrc) };
        let call = self.call.unwrap();
        self.handle(Input::Agent(match word {
            "heard" => CallEvent::Heard { call, ssrc },
            _ => CallEvent::Quiet { call, ssrc },
        }))
    }

    /// `@c3 came 127.0.0.9:5`, `@d0 up`, `@d0 down`, `@c3 < 4 bob`.
    fn peer(&mut self, id: &str, rest: &str) -> Vec<String> {
        let number = id[1..].parse().unwrap();
        let id = if id.starts_with('c') { PeerId::Came(number) } else { PeerId::Dialled(number) };
        match rest.split_once(' ').unwrap_or((rest, "")) {
            ("came", from) => self.handle(Input::Peer(id, PeerInput::Came(from.parse().unwrap()))),
            ("up", _) => self.handle(Input::Peer(id, PeerInput::Up)),
            ("down", _) => self.handle(Input::Peer(id, PeerInput::Down)),
            ("<", said) => {
                let mut lines = self.handle(Input::Peer(id, PeerInput::Bytes(said.as_bytes())));
                lines.extend(self.wait(15));
                lines
            }
            other => panic!("{other:?} is no act"),
        }
    }

    /// Time passes, with every deadline on its way.
    fn wait(&mut self, ms: u64) -> Vec<String> {
        let end = self.now + core::time::Duration::from_millis(ms);
        let mut lines = Vec::new();
        while let Some(due) = self.client.deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            lines.extend(self.handle(Input::Timeout));
        }
        self.now = end;
        lines
    }

    /// Packets to the server keep their distance, whatever happens.
    fn watch(&mut self, output: &Output) {
        if matches!(output, Output::Connect | Output::Disconnect | Output::Event(Event::Link(_))) {
            self.sent_at = None;
        }
        if matches!(output, Output::Stream(_)) {
            let early = self.sent_at.is_some_and(|at| self.now.since(at) < PLAIN_GAP);
            assert!(!early, "{output:?} comes too soon");
            self.sent_at = Some(self.now);
        }
    }

    fn shown(&mut self, output: Output) -> String {
        self.watch(&output);
        match output {
            Output::Save(save) => format!("save {}", String::from_utf8(save.value.unwrap()).unwrap()),
            Output::Stream(packet) if self.binary => format!("> {}", unpadded(&packet)),
            Output::Stream(packet) => format!("> {}", String::from_utf8(packet).unwrap()),
            Output::Agent(command) => self.voice(command),
            Output::Event(event) => told(&event),
            Output::Connect => "connect".into(),
            Output::Disconnect => "disconnect".into(),
            Output::Peer(id, output) => {
                let id = match id {
                    PeerId::Came(n) => format!("@c{n}"),
                    PeerId::Dialled(n) => format!("@d{n}"),
                };
                match output {
                    PeerOutput::Dial(at) => format!("{id} dial {at}"),
                    PeerOutput::Stream(packet) => format!("{id} > {}", String::from_utf8(packet).unwrap()),
                    PeerOutput::Close => format!("{id} close"),
                }
            }
            Output::Drop(why) => format!("drop {why}"),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever else there is or will be must not come")]
    fn voice(&mut self, command: CallCommand) -> String {
        match command {
            CallCommand::OpenDirect { call, form, local } => {
                self.call = Some(call);
                let form = if form == DirectForm::Binary { "binary" } else { "text" };
                format!("open {form} at {local}")
            }
            CallCommand::Meet { call, ssrc, at } if self.call == Some(call) => {
                format!("meet {} {at}", number(ssrc))
            }
            CallCommand::Arrived { call, ssrc, opus } if self.call == Some(call) => {
                format!("sound of {} {opus:x?}", ssrc.0)
            }
            CallCommand::Deafen { call, ssrc } if self.call == Some(call) => {
                format!("deafen {}", number(ssrc))
            }
            CallCommand::Close(call) if self.call == Some(call) => "close".into(),
            other => panic!("{other:?} is not for a plain call"),
        }
    }
}

/// A server's frame as the original sends it.
fn padded(code: i32, payload: &[u8]) -> Vec<u8> {
    let size = (payload.len() as u64).to_le_bytes();
    let mut frame = [&753_159_i32.to_le_bytes()[..], &code.to_le_bytes(), &size, payload].concat();
    frame.resize(PLAIN_FRAME_BYTES, 0);
    frame
}

/// A frame of ours, checked as the original reads it: one write of 2064 bytes, the size that of the text.
fn unpadded(frame: &[u8]) -> String {
    assert_eq!(frame.len(), PLAIN_FRAME_BYTES);
    assert_eq!(&frame[..4], [0x07, 0x7e, 0x0b, 0x00]);
    let code = i32::from_le_bytes(frame[4..8].try_into().unwrap());
    let size = u64::from_le_bytes(frame[8..16].try_into().unwrap()) as usize;
    let text = core::str::from_utf8(&frame[16..16 + size]).unwrap();
    assert!(frame[16 + size..].iter().all(|byte| *byte == 0));
    assert!(!text.contains(['\'', '\0']), "{text:?} kills an original server");
    format!("{code:03} {text}").trim_end().into()
}

/// Streams are told by names; the stories count people.
const PEOPLE: [&str; 3] = ["bob", "carol", "dan"];

fn stream(number: u32) -> Ssrc {
    let name = usize::try_from(number).ok().and_then(|number| PEOPLE.get(number.checked_sub(1)?));
    name.map_or(Ssrc(number), |name| mac::named_stream(&Name::parse(name).unwrap()))
}

fn number(ssrc: Ssrc) -> u32 {
    (1..=3).find(|number| stream(*number) == ssrc).unwrap_or(ssrc.0)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else there is or will be must not come")]
fn told(event: &Event) -> String {
    let names = |names: &[Name]| names.iter().map(Name::as_str).collect::<Vec<_>>().join("+");
    match event {
        Event::Link(LinkState::Away { .. }) => "away".into(),
        Event::Link(state) => format!("{state:?}").to_lowercase(),
        Event::NameWanted => "name wanted".into(),
        Event::LoggedIn(name) => format!("logged in {name}"),
        Event::LoginRefused { why, .. } => format!("login refused {why:?}"),
        Event::Contacts(list) => {
            let all: Vec<String> = list.iter().map(shown_contact).collect();
            format!("contacts [{}]", all.join(", "))
        }
        Event::Contact(info) => format!("contact {}", shown_contact(info)),
        Event::Gone(name) => format!("gone {name}"),
        Event::Request(name) => format!("request {name}"),
        Event::Requested(name) => format!("requested {name}"),
        Event::Accepted(name) => format!("accepted {name}"),
        Event::Rejected(name) => format!("rejected {name}"),
        Event::Incoming { from, others, guests, plain: true }
            if others.is_empty() && *guests == [from.clone()] =>
        {
            format!("incoming {from}")
        }
        Event::Calling { to, plain: true } => format!("calling {}", names(to)),
        Event::Ringing(name) => format!("ringing {name}"),
        Event::Joined { who, ssrc, plain: true } => format!("joined {who} {}", number(*ssrc)),
        Event::Heard(name) => format!("heard {name}"),
        Event::Parted { who, reason } => format!("parted {who} {}", reason_name(*reason)),
        Event::Ended { with, reason } => format!("ended {} {}", names(with), reason_name(*reason)),
        Event::Refused { why, text, .. } => {
            assert!(text.as_str().len() > 8, "a refusal is a sentence: {text:?}");
            format!("refused {why:?}")
        }
        other => panic!("{other:?} is not of a plain protocol"),
    }
}

fn reason_name(reason: EndReason) -> String {
    format!("{reason:?}")
}

fn shown_contact(info: &crate::client::ContactInfo) -> String {
    assert_eq!(info.principal, crate::id::Principal::Guest(info.name.clone()));
    assert!(!info.blocked);
    let there = if info.presence == Presence::Online { " there" } else { "" };
    format!("{} {:?}{there}", info.name, info.standing)
}

/// One row: a story, and what comes of its last act.
type TableRow = (&'static str, &'static [&'static str]);

fn check(start: impl Fn() -> Desk, rows: &[TableRow]) {
    let mut wrong = String::new();
    for (acts, expected) in rows {
        let came = start().story(acts);
        if came != *expected {
            wrong += &format!("{acts}\n   came: {came:?}\n wanted: {expected:?}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn who_we_are_is_saved_once_and_remembered() {
    for (protocol, first, hello) in [
        (Protocol::Binary { bind: None }, "up; < 200; join alice", "< 200 127.0.0.2"),
        (Protocol::Text { listen: "0.0.0.0:4001".parse().unwrap() }, "join alice; up; < 0", "< 0"),
    ] {
        let ok = if matches!(protocol, Protocol::Text { .. }) { "< 2" } else { "< 201 alice" };
        let mut desk = Desk::new(protocol, &[]);
        desk.drain();
        desk.story(first);
        assert!(desk.story(&format!("wait 200; {ok}")).contains(&"save alice".into()));
        let row = Row { kind: crate::client::Kind::Profile, key: b"profile".into(), value: b"alice".into() };
        let mut desk = Desk::new(protocol, &[row]);
        desk.story(&format!("up; {hello}; wait 200"));
        let came = desk.act(ok);
        assert!(came.contains(&"logged in alice".into()) && !came.contains(&"save alice".into()), "{came:?}");
    }
}

#[test]
fn what_no_plain_protocol_has_is_refused_in_a_sentence() {
    for mut desk in [binary::logged_in(), text::logged_in()] {
        assert_eq!(desk.act("say bob"), ["refused Unsupported"]);
        assert_eq!(desk.act("invite"), ["refused Unsupported"]);
        assert_eq!(desk.act("answer"), ["refused NoCall"]);
        assert_eq!(desk.act("decline"), ["refused NoCall"]);
        assert_eq!(desk.act("hangup"), ["refused NoCall"]);
        assert_eq!(desk.act("join bob"), ["refused LoggedIn"]);
    }
}

#[test]
fn a_lost_server_is_looked_for_again() {
    for mut desk in [binary::logged_in(), text::logged_in()] {
        assert_eq!(desk.act("down"), ["away"]);
        assert_eq!(desk.act("add dan"), ["refused NotLoggedIn"]);
        assert!(desk.act("wait 30000").contains(&"connect".into()));
        assert_eq!(desk.story("down; reconnect"), ["connecting", "connect"]);
    }
}

#[test]
fn whoever_is_asked_for_a_name_takes_their_time() {
    let mut desk = Desk::binary();
    assert_eq!(desk.story("up; < 200"), ["name wanted"]);
    assert_eq!(desk.act("wait 60000"), [""; 0]);
    assert_eq!(desk.act("join alice"), ["online", "> 000 alice"]);
    assert_eq!(desk.act("wait 9000"), [""; 0]);
    assert_eq!(desk.act("wait 2000")[..3], ["refused NotLoggedIn", "drop too_late", "disconnect"]);
    // Nobody comes back to a server that closed while the name was typed, before there is one.
    let mut desk = Desk::binary();
    assert_eq!(desk.story("up; < 200; down; wait 60000"), [""; 0]);
    assert_eq!(desk.act("join alice"), ["connecting", "connect"]);
    assert_eq!(desk.story("up; < 200"), ["> 000 alice"]);
}

/// An original server of seed B does not survive two who are not logged in, when one of them goes.
#[test]
fn nobody_connects_to_a_text_server_without_a_name() {
    let mut desk = Desk::text();
    for act in ["up", "reconnect", "add bob", "wait 60000"] {
        assert!(!desk.act(act).contains(&"connect".into()), "{act}");
    }
    assert_eq!(desk.act("join alice"), ["connecting", "connect"]);
    assert_eq!(desk.story("up; < 0; wait 200"), ["> 1 alice"]);
    // Nor does anybody come back without one.
    desk.story("< 3; down");
    for act in ["up", "reconnect", "wait 60000"] {
        assert!(!desk.act(act).contains(&"connect".into()), "{act}");
    }
    assert_eq!(desk.act("join bob"), ["connecting", "connect"]);
}

/// A key took the name: the server says so once, and refuses everything that is asked afterwards.
#[test]
fn whoever_is_put_out_is_told_and_asked_for_a_name_again() {
    for (mut desk, out, ok, list) in [
        (binary::logged_in(), "< 401 alice", "< 201 bob", "< 206 alice;"),
        (text::logged_in(), "< 3", "< 2", "wait 1"),
    ] {
        let waiting = ["add dan", "add eve", out].map(|act| desk.act(act));
        assert_eq!(waiting[2], ["login refused NameTaken"]);
        assert_eq!(desk.act("contacts"), ["contacts []"]);
        assert_eq!(desk.act("add dan"), ["refused NotLoggedIn"]);
        let came = desk.act("wait 70000");
        assert!(came.iter().all(|line| line == "> 0 4001"), "nothing is asked of it: {came:?}");
        assert!(desk.act("join bob").contains(&"online".into()));
        let came = desk.story(&format!("wait 200; {ok}"));
        assert!(came.contains(&"logged in bob".into()), "{came:?}");
        let came = [came, desk.act(list)].concat();
        assert!(came.iter().any(|line| line.starts_with("contacts [")), "the list is told again: {came:?}");
    }
}

#[test]
fn no_call_goes_on_under_a_name_that_is_none_of_ours_any_more() {
    let (mut binary, mut text) = (binary::logged_in(), text::logged_in());
    binary.story("call bob; < 208; < 210 bob:127.0.0.3; wait 1000");
    assert_eq!(binary.act("< 401 alice"), ["close", "ended bob Failed", "login refused NameTaken"]);
    text.story("@c1 came 127.0.0.3:5; @c1 < 4 bob; wait 200; answer; @c1 < 15; wait 200");
    assert_eq!(text.act("< 3"), ["close", "ended bob Failed", "login refused NameTaken", "@c1 > 6"]);
}

/// Our own old connection keeps the name for a while; somebody else keeps it for ever.
#[test]
fn whoever_comes_back_waits_for_their_name_but_not_for_ever() {
    for (mut desk, hello, taken) in
        [(binary::logged_in(), "< 200", "< 401 alice"), (text::logged_in(), "< 0; wait 200", "< 3")]
    {
        desk.act("down");
        let mut waited = 0;
        loop {
            assert!(desk.act("wait 31000").contains(&"connect".into()));
            let came = desk.story(&format!("up; {hello}; {taken}"));
            if came == ["login refused NameTaken"] {
                break;
            }
            assert_eq!(came, ["disconnect", "away"]);
            waited += 1;
        }
        assert_eq!(waited, PLAIN_NAME_TRIES_MAX);
        assert!(!desk.act("wait 60000").contains(&"connect".into()));
    }
    let mut desk = binary::logged_in();
    desk.story("down; wait 31000; up; < 200");
    assert_eq!(desk.act("< 403 the name belongs to a key"), ["login refused NotLoggedIn"]);
}
