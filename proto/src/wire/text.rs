//! Seed B: words of ASCII, a decimal code and then arguments, a space before each, and neither length nor end mark
//! (PROTOCOL.md, "The text protocol"). One send is one packet, and what one receive gives is read as one.
//!
//! Reading is what its own programs do: up to the first NUL, codes padded with zeros or not, arguments beyond those
//! of the code ignored, two spaces for an empty argument and none for a last one. A CR or LF at the end comes from a
//! person with a terminal and is dropped. Writing never pads and never ends a packet: those programs would take the
//! end mark for a part of the last word.

use core::net::IpAddr;

use data_encoding::BASE64;

use crate::id::Name;
use crate::limits::{TEXT_OPUS_BYTES_MAX, TEXT_PACKET_BYTES_MAX};
use crate::wire::reader::Malformed;

/// What a client says to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToServer {
    /// 000: hello, and the port on which others may call.
    Hello(Option<u16>),
    /// 001: log in.
    Login(Name),
    /// 007: ask somebody to be a friend.
    Invite(Name),
    /// 011: accept their invitation.
    Accept(Name),
    /// 012: refuse it.
    Refuse(Name),
}

impl ToServer {
    /// The packet.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Hello(None) => packet(HELLO, &[]),
            Self::Hello(Some(port)) => packet(HELLO, &[&port.to_string()]),
            Self::Login(name) => packet(LOGIN, &[name.as_str()]),
            Self::Invite(name) => packet(INVITE, &[name.as_str()]),
            Self::Accept(name) => packet(ACCEPT, &[name.as_str()]),
            Self::Refuse(name) => packet(REFUSE, &[name.as_str()]),
        }
    }

    /// Reads one packet.
    ///
    /// # Errors
    /// It is none of a client's. See [`answer`] for two cases that are answered all the same.
    pub fn decode(packet: &[u8]) -> Result<Self, Malformed> {
        Self::read(Words::of(packet)?)
    }

    fn read(words: Words<'_>) -> Result<Self, Malformed> {
        match words.code {
            HELLO if words.arguments.is_empty() => Ok(Self::Hello(None)),
            HELLO => words.port(0).map(|port| Self::Hello(Some(port))),
            LOGIN => words.name(0, LOGIN_NAME).map(Self::Login),
            INVITE => words.name(0, INVITE_NAME).map(Self::Invite),
            ACCEPT => words.name(0, NAME).map(Self::Accept),
            REFUSE => words.name(0, NAME).map(Self::Refuse),
            _ => Err(Malformed { field: CODE }),
        }
    }
}

/// What a server says to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromServer {
    /// 000: hello.
    Hello,
    /// 002: logged in.
    LoggedIn,
    /// 003: somebody is logged in under this name.
    Taken,
    /// 008: the invitation is with them. The original server leaves the name out.
    Invited(Option<Name>),
    /// 009: nobody of this name is here. The original server leaves it out.
    Unknown(Option<Name>),
    /// 010: somebody invites.
    Request(Name),
    /// 013: a friend, and where they can be called.
    Friend {
        /// A literal, never a host name: the original client ends itself over one.
        address: IpAddr,
        /// Not 0.
        port: u16,
        /// Who.
        name: Name,
    },
}

impl FromServer {
    /// The packet.
    pub fn encode(&self) -> Vec<u8> {
        let named = |code, name: &Option<Name>| match name {
            Some(name) => packet(code, &[name.as_str()]),
            None => packet(code, &[]),
        };
        match self {
            Self::Hello => packet(HELLO, &[]),
            Self::LoggedIn => packet(LOGGED_IN, &[]),
            Self::Taken => packet(TAKEN, &[]),
            Self::Invited(name) => named(INVITED, name),
            Self::Unknown(name) => named(UNKNOWN, name),
            Self::Request(name) => packet(REQUEST, &[name.as_str()]),
            Self::Friend { address, port, name } => {
                packet(FRIEND, &[&address.to_string(), &port.to_string(), name.as_str()])
            }
        }
    }

    /// Reads one packet.
    ///
    /// # Errors
    /// It is none of a server's.
    pub fn decode(packet: &[u8]) -> Result<Self, Malformed> {
        let words = Words::of(packet)?;
        let named = || if words.arguments.is_empty() { Ok(None) } else { words.name(0, NAME).map(Some) };
        match words.code {
            HELLO => Ok(Self::Hello),
            LOGGED_IN => Ok(Self::LoggedIn),
            TAKEN => Ok(Self::Taken),
            INVITED => named().map(Self::Invited),
            UNKNOWN => named().map(Self::Unknown),
            REQUEST => words.name(0, NAME).map(Self::Request),
            FRIEND => Ok(Self::Friend {
                address: words.address(0)?,
                port: words.port(1)?,
                name: words.name(2, NAME)?,
            }),
            _ => Err(Malformed { field: CODE }),
        }
    }
}

/// What two clients say to each other over the TCP connection of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Between {
    /// 000: the called one's first word.
    Hello,
    /// 004: the caller says who calls. Anyone can say any name.
    Call(Name),
    /// 005: accepted.
    Accepted,
    /// 006: over, or refused.
    Closed,
    /// 015: the caller's answer to 005.
    CalledBack,
    /// 014: sound, one Opus packet of 1 to [`TEXT_OPUS_BYTES_MAX`] bytes. Ours sends it by UDP, in the same words,
    /// and plays both.
    Data(Vec<u8>),
}

impl Between {
    /// The packet.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Hello => packet(HELLO, &[]),
            Self::Call(name) => packet(CALL, &[name.as_str()]),
            Self::Accepted => packet(ACCEPTED, &[]),
            Self::Closed => packet(CLOSED, &[]),
            Self::CalledBack => packet(CALLED_BACK, &[]),
            Self::Data(data) => packet(DATA, &[&BASE64.encode(data)]),
        }
    }

    /// Reads one packet.
    ///
    /// # Errors
    /// It is none of a client's in a call.
    pub fn decode(packet: &[u8]) -> Result<Self, Malformed> {
        let words = Words::of(packet)?;
        match words.code {
            HELLO => Ok(Self::Hello),
            CALL => words.name(0, NAME).map(Self::Call),
            ACCEPTED => Ok(Self::Accepted),
            CLOSED => Ok(Self::Closed),
            CALLED_BACK => Ok(Self::CalledBack),
            DATA => words.data(0).map(Self::Data),
            _ => Err(Malformed { field: CODE }),
        }
    }
}

/// The packets of one receive of a server, which its own programs read as one: more than
/// [`TEXT_PACKET_BYTES_MAX`] bytes are cut there.
///
/// Packets that were sent at once and merged on the way are taken apart again. Every code of a client has one
/// argument; where there are two and the first ends in a code that a client may send now (001 before login, then
/// 012, 011 and 007, tried in this order), the next packet begins with that code: `11 X7 X` is `11 X` and `7 X`.
/// Whoever pads the first code is taken to pad them all.
pub fn packets(read: &[u8], logged_in: bool) -> Vec<Result<ToServer, Malformed>> {
    let mut found = Vec::new();
    for piece in read.chunks(TEXT_PACKET_BYTES_MAX) {
        let mut left = whole(piece);
        while let Some(at) = seam(left, logged_in) {
            found.push(ToServer::decode(&left[..at]));
            left = &left[at..];
        }
        found.push(ToServer::decode(left));
    }
    found
}

/// What a server says to a packet it could not read: a name that cannot exist is one that cannot be had, and one
/// that nobody has. To everything else it is silent.
pub fn answer(malformed: Malformed) -> Option<FromServer> {
    match malformed.field {
        LOGIN_NAME => Some(FromServer::Taken),
        INVITE_NAME => Some(FromServer::Unknown(None)),
        _ => None,
    }
}

/// Where a second packet begins.
fn seam(packet: &[u8], logged_in: bool) -> Option<usize> {
    let mut spaces = packet.iter().enumerate().filter(|(_, b)| **b == b' ').map(|(at, _)| at);
    let (first, second) = (spaces.next()?, spaces.next()?);
    if !matches!(code(&packet[..first]), Ok(HELLO | LOGIN | INVITE | ACCEPT | REFUSE)) {
        return None;
    }
    let argument = &packet[first + 1..second];
    let codes: &[&str] = match (logged_in, first == PADDED_DIGITS) {
        (false, false) => &["1"],
        (false, true) => &["001"],
        (true, false) => &["12", "11", "7"],
        (true, true) => &["012", "011", "007"],
    };
    let code = codes.iter().find(|code| argument.ends_with(code.as_bytes()))?;
    // A code alone is no argument and a code, but an argument.
    (argument.len() > code.len()).then(|| second - code.len())
}

/// One packet taken apart.
struct Words<'a> {
    code: u16,
    arguments: Vec<&'a [u8]>,
}

impl<'a> Words<'a> {
    fn of(packet: &'a [u8]) -> Result<Self, Malformed> {
        if packet.len() > TEXT_PACKET_BYTES_MAX {
            return Err(Malformed { field: "size" });
        }
        let mut words = whole(packet).split(|b| *b == b' ');
        let code = code(words.next().unwrap_or_default())?;
        let mut arguments: Vec<_> = words.collect();
        if arguments.last().is_some_and(|last| last.is_empty()) {
            arguments.pop();
        }
        Ok(Self { code, arguments })
    }

    fn argument(&self, n: usize, field: &'static str) -> Result<&'a str, Malformed> {
        self.arguments.get(n).and_then(|word| core::str::from_utf8(word).ok()).ok_or(Malformed { field })
    }

    fn name(&self, n: usize, field: &'static str) -> Result<Name, Malformed> {
        Name::parse(self.argument(n, field)?).map_err(|_| Malformed { field })
    }

    fn port(&self, n: usize) -> Result<u16, Malformed> {
        number(self.argument(n, PORT)?.as_bytes()).filter(|port| *port > 0).ok_or(Malformed { field: PORT })
    }

    fn address(&self, n: usize) -> Result<IpAddr, Malformed> {
        self.argument(n, ADDRESS)?.parse().map_err(|_| Malformed { field: ADDRESS })
    }

    fn data(&self, n: usize) -> Result<Vec<u8>, Malformed> {
        let bytes = BASE64.decode(self.argument(n, DATA_WORD)?.as_bytes()).ok();
        bytes.filter(|b| (1..=TEXT_OPUS_BYTES_MAX).contains(&b.len())).ok_or(Malformed { field: DATA_WORD })
    }
}

/// A packet without what its own programs do not read, and without the end of line of a person's.
fn whole(packet: &[u8]) -> &[u8] {
    let end = packet.iter().position(|b| *b == 0).unwrap_or(packet.len());
    let mut packet = &packet[..end];
    while let [before @ .., b'\r' | b'\n'] = packet {
        packet = before;
    }
    packet
}

fn code(digits: &[u8]) -> Result<u16, Malformed> {
    number(digits).ok_or(Malformed { field: CODE })
}

/// Digits and nothing else: no sign, no space.
fn number(digits: &[u8]) -> Option<u16> {
    let digits = core::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok()
}

fn packet(code: u16, arguments: &[&str]) -> Vec<u8> {
    let mut out = code.to_string();
    for argument in arguments {
        out.push(' ');
        out.push_str(argument);
    }
    out.into_bytes()
}

const HELLO: u16 = 0;
const LOGIN: u16 = 1;
const LOGGED_IN: u16 = 2;
const TAKEN: u16 = 3;
const CALL: u16 = 4;
const ACCEPTED: u16 = 5;
const CLOSED: u16 = 6;
const INVITE: u16 = 7;
const INVITED: u16 = 8;
const UNKNOWN: u16 = 9;
const REQUEST: u16 = 10;
const ACCEPT: u16 = 11;
const REFUSE: u16 = 12;
const FRIEND: u16 = 13;
const DATA: u16 = 14;
const CALLED_BACK: u16 = 15;

/// Digits of a code as the document writes it.
const PADDED_DIGITS: usize = 3;

const CODE: &str = "code";
const LOGIN_NAME: &str = "login name";
const INVITE_NAME: &str = "invited name";
const NAME: &str = "name";
const PORT: &str = "port";
const ADDRESS: &str = "address";
const DATA_WORD: &str = "data";

#[cfg(test)]
mod tests;
