//! Plain clients at the doors, as bytes: what they send and what they read is put in words here, so that a test reads
//! as a conversation.

use super::*;
use crate::wire::plain::{PlainSplitter, decode_plain_reply};
use crate::wire::{Party, encode_reply, frame::write_frame};

/// A frame of seed A from `100 a;b` or `101`, padded.
pub(super) fn frame(line: &str) -> Vec<u8> {
    let (code, payload) = line.split_once(' ').unwrap_or((line, ""));
    let mut frame = Vec::new();
    write_frame(&mut frame, |out| {
        out.extend_from_slice(payload.as_bytes());
        code.parse().unwrap()
    });
    frame.resize(2064, 0);
    frame
}

/// The other way.
fn line(bytes: &[u8]) -> String {
    let mut input = bytes;
    let frame = PlainSplitter::new().next(&mut input).unwrap().expect("one write is one whole frame");
    assert!(input.is_empty(), "one write is one frame");
    assert!(decode_plain_reply(frame.code, &frame.payload).is_ok());
    let payload = String::from_utf8(frame.payload).unwrap();
    format!("{:03} {payload}", frame.code).trim_end().to_owned()
}

impl World {
    pub(super) fn open_plain(&mut self, dialect: Dialect, address: &str) -> ConnId {
        let conn = ConnId(self.next);
        self.next += 1;
        self.plain.insert(conn, Vec::new());
        let from = SocketAddr::new(address.parse().unwrap(), 5_000);
        let at = if dialect == Dialect::Text { "192.0.2.1:2000" } else { "192.0.2.1:9999" };
        self.input(Input::Opened { conn, dialect, from, at: at.parse().unwrap(), exporter: None });
        conn
    }

    /// What came since it was last asked, with the times, still as bytes.
    pub(super) fn writes(&mut self, conn: ConnId) -> Vec<(Time, Vec<u8>)> {
        self.plain.get_mut(&conn).map(core::mem::take).unwrap_or_default()
    }

    /// What a seed A client read by a second from now.
    pub(super) fn read_a(&mut self, conn: ConnId) -> Vec<String> {
        self.wait(Duration::from_secs(1));
        self.writes(conn).iter().map(|(_, bytes)| line(bytes)).collect()
    }

    /// What a seed B client read by a second from now.
    pub(super) fn read_b(&mut self, conn: ConnId) -> Vec<String> {
        self.wait(Duration::from_secs(1));
        self.writes(conn).into_iter().map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect()
    }

    pub(super) fn say_a(&mut self, conn: ConnId, line: &str) {
        self.input(Input::Bytes(conn, &frame(line)));
    }

    pub(super) fn say_b(&mut self, conn: ConnId, packet: &str) {
        self.input(Input::Bytes(conn, packet.as_bytes()));
    }

    pub(super) fn ask_a(&mut self, conn: ConnId, line: &str) -> Vec<String> {
        self.read_a(conn);
        self.say_a(conn, line);
        self.read_a(conn)
    }

    pub(super) fn ask_b(&mut self, conn: ConnId, packet: &str) -> Vec<String> {
        self.read_b(conn);
        self.say_b(conn, packet);
        self.read_b(conn)
    }

    /// A seed A client that logged in.
    pub(super) fn guest_a(&mut self, name: &str, address: &str) -> ConnId {
        let conn = self.open_plain(Dialect::Binary, address);
        assert_eq!(self.ask_a(conn, &format!("000 {name}"))[0], format!("201 {name}"));
        conn
    }

    /// A seed B client that logged in.
    pub(super) fn guest_b(&mut self, name: &str, address: &str, port: u16) -> ConnId {
        let conn = self.open_plain(Dialect::Text, address);
        self.say_b(conn, &format!("0 {port}"));
        assert_eq!(self.ask_b(conn, &format!("1 {name}"))[0], "2");
        conn
    }
}

/// What a native client reads, in words.
pub(super) fn native_line(reply: &Reply) -> String {
    let party = |code: &str, party: &Party| format!("{code} {}:{}", party.name, party.address);
    match reply {
        Reply::Contact(c) => {
            let kind = if matches!(c.principal, Principal::Guest(_)) { "~" } else { "" };
            format!("352 {kind}{} {:?} {:?}", c.name, c.standing, c.presence)
        }
        Reply::Grant(grant) => {
            let plain = if grant.plain { " plain" } else { "" };
            let names: Vec<String> = grant.members.iter().map(|m| m.name.to_string()).collect();
            format!("358{plain} {}", names.join(";"))
        }
        Reply::CallState(s) => format!("359 {} {:?}", s.name, s.state),
        Reply::Refused(r) => format!("360 {:?}", r.why),
        Reply::CallAccepted(parties) => {
            let parties: Vec<String> = parties.iter().map(|p| format!("{}:{}", p.name, p.address)).collect();
            format!("209 {}", parties.join(";"))
        }
        Reply::CallJoined(who) => party("210", who),
        Reply::CallRequest(who) => party("211", who),
        other => {
            let mut bytes = Vec::new();
            encode_reply(other, &mut bytes);
            bytes.resize(bytes.len().max(2064), 0);
            line(&bytes)
        }
    }
}
