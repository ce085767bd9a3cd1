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
    /// 014: sound, one Opus packet of 1 to [`TEXT_OPUS_BYTES_MAX`] bytes. Ours sends it by UDP, in the same words.
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
mod tests {
    use super::*;
    use crate::wire::arbitrary;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn bad<T>(field: &'static str) -> Result<T, Malformed> {
        Err(Malformed { field })
    }

    fn invite(who: &str) -> Result<ToServer, Malformed> {
        Ok(ToServer::Invite(name(who)))
    }

    fn login(who: &str) -> Result<ToServer, Malformed> {
        Ok(ToServer::Login(name(who)))
    }

    fn hello(port: u16) -> Result<ToServer, Malformed> {
        Ok(ToServer::Hello(Some(port)))
    }

    #[test]
    fn the_packets_are_those_the_original_programs_sent() {
        let friend =
            |port, who| FromServer::Friend { address: "127.0.0.1".parse().unwrap(), port, name: name(who) };
        let golden = [
            (FromServer::Hello.encode(), "30"),
            (ToServer::Hello(Some(2298)).encode(), "302032323938"),
            (ToServer::Login(name("alice")).encode(), "3120616c696365"),
            (FromServer::LoggedIn.encode(), "32"),
            (FromServer::Taken.encode(), "33"),
            (ToServer::Invite(name("bob")).encode(), "3720626f62"),
            (FromServer::Invited(None).encode(), "38"),
            (FromServer::Request(name("alice")).encode(), "313020616c696365"),
            (FromServer::Unknown(None).encode(), "39"),
            (ToServer::Accept(name("alice")).encode(), "313120616c696365"),
            (friend(4001, "alice").encode(), "3133203132372e302e302e31203430303120616c696365"),
            (ToServer::Refuse(name("alice")).encode(), "313220616c696365"),
            (Between::Hello.encode(), "30"),
            (Between::Call(name("alice")).encode(), "3420616c696365"),
            (Between::Accepted.encode(), "35"),
            (Between::CalledBack.encode(), "3135"),
            (Between::Closed.encode(), "36"),
            (Between::Data(vec![0xf0, 0xff, 0xfe]).encode(), "31342038502f2b"),
        ];
        for (packet, hex) in golden {
            assert_eq!(HEXLOWER.encode(&packet), hex);
        }
        assert_eq!(FromServer::Invited(Some(name("bob"))).encode(), b"8 bob");
    }

    #[test]
    fn codes_are_read_padded_or_not() {
        for packet in [&b"7 bob"[..], b"07 bob", b"007 bob", b"0000007 bob"] {
            assert_eq!(ToServer::decode(packet), invite("bob"));
        }
        assert_eq!(FromServer::decode(b"002"), Ok(FromServer::LoggedIn));
        assert_eq!(Between::decode(b"004 al"), Ok(Between::Call(name("al"))));
    }

    #[test]
    fn a_code_that_is_not_in_the_table_is_no_packet() {
        for packet in
            [&b""[..], b" ", b"17", b"17 bob", b"99999999999999", b"-1", b"+7 bob", b"7x bob", b"2 "]
        {
            assert_eq!(ToServer::decode(packet), bad("code"), "{packet:?}");
        }
        for packet in [&b"1 al"[..], b"4 al", b"888", b"17", b"16"] {
            assert_eq!(FromServer::decode(packet), bad("code"), "{packet:?}");
        }
        for packet in [&b"7 al"[..], b"13 127.0.0.1 1 al", b"17"] {
            assert_eq!(Between::decode(packet), bad("code"), "{packet:?}");
        }
    }

    #[test]
    fn arguments_are_counted_as_the_original_programs_count_them() {
        assert_eq!(ToServer::decode(b"7  bob"), bad("invited name"), "two spaces: an empty argument");
        assert_eq!(ToServer::decode(b"7 bob "), invite("bob"), "one space at the end: none");
        assert_eq!(ToServer::decode(b"7 bob smith"), invite("bob"), "more than it needs");
        assert_eq!(ToServer::decode(b"0 "), Ok(ToServer::Hello(None)));
        assert_eq!(ToServer::decode(b"0 4001 +f"), hello(4001));
        assert_eq!(ToServer::decode(b"7"), bad("invited name"));
        assert_eq!(ToServer::decode(b"11 "), bad("name"));
        assert_eq!(FromServer::decode(b"0 +f"), Ok(FromServer::Hello));
    }

    #[test]
    fn reading_ends_at_a_nul_and_leaves_the_end_of_a_line() {
        assert_eq!(packets(b"7 bob\0garbage", true), [invite("bob")]);
        assert_eq!(packets(b"7 bob\r\n", true), [invite("bob")]);
        assert_eq!(packets(b"7 bob\n\0\n", true), [invite("bob")]);
        assert_eq!(FromServer::decode(b"2\n"), Ok(FromServer::LoggedIn));
        assert_eq!(packets(b"7 bob\n7 al", true), [invite("bob"), invite("al")], "two lines at once");
        assert_eq!(packets(b"\0", true), [bad("code")]);
        assert_eq!(packets(b"", true), []);
    }

    #[test]
    fn merged_packets_are_taken_apart() {
        let accept = |who| Ok(ToServer::Accept(name(who)));
        assert_eq!(packets(b"11 X7 X", true), [accept("X"), invite("X")]);
        assert_eq!(packets(b"0 40011 al", false), [hello(4001), login("al")]);
        assert_eq!(packets(b"7 bob7 bob", true), [invite("bob"), invite("bob")]);
        assert_eq!(
            packets(b"7 a11 b12 c7 d", true),
            [invite("a"), accept("b"), Ok(ToServer::Refuse(name("c"))), invite("d")]
        );
        assert_eq!(packets(b"000 4001001 al", false), [hello(4001), login("al")]);
        assert_eq!(packets(b"011 X007 X\r\n", true), [accept("X"), invite("X")]);
    }

    #[test]
    fn nothing_is_taken_apart_that_cannot_be_two_packets_now() {
        assert_eq!(packets(b"7 bob1 al", true), [invite("bob1")], "nobody logs in twice at once");
        assert_eq!(packets(b"1 al7 bob", false), [login("al7")], "nor asks before login");
        assert_eq!(packets(b"7 7 bob", true), [bad("invited name")], "a code alone is a name, and a bad one");
        assert_eq!(packets(b"7 bob smith", true), [invite("bob")]);
        assert_eq!(packets(b"2 x7 y", true), [bad("code")]);
        assert_eq!(packets(b"888", true), [bad("code")]);
    }

    #[test]
    fn a_port_is_1_to_65535() {
        assert_eq!((ToServer::decode(b"0 1"), ToServer::decode(b"0 65535")), (hello(1), hello(65535)));
        for packet in [&b"0 0"[..], b"0 -1", b"0 +5", b"0 65536", b"0 70000", b"0 4001x", b"0  4001"] {
            assert_eq!(ToServer::decode(packet), bad("port"), "{packet:?}");
        }
        assert_eq!(FromServer::decode(b"13 127.0.0.1 -1 al"), bad("port"));
        assert_eq!(FromServer::decode(b"13 127.0.0.1 0 al"), bad("port"));
    }

    #[test]
    fn a_friend_is_at_an_address_and_never_at_a_host_name() {
        let v6 = FromServer::Friend { address: "2001:db8::1".parse().unwrap(), port: 1, name: name("al") };
        assert_eq!(v6.encode(), b"13 2001:db8::1 1 al");
        assert_eq!(FromServer::decode(b"13 2001:db8::1 1 al"), Ok(v6));
        for host in ["localhost", "example.org", "127.1", "[::1]", ""] {
            assert_eq!(FromServer::decode(format!("13 {host} 4001 al").as_bytes()), bad("address"));
        }
        assert_eq!(FromServer::decode(b"13 127.0.0.1 4001"), bad("name"));
    }

    #[test]
    fn data_is_base64_of_what_one_packet_may_hold() {
        let most = Between::Data(vec![7; TEXT_OPUS_BYTES_MAX]);
        assert_eq!(most.encode().len(), 511);
        assert_eq!(Between::decode(&most.encode()), Ok(most));
        for data in ["14", "14 ", "14 x", "14 8P/", "14 8P/-", "14 8P/+ ", "14 \u{1b}[2J"] {
            let sound = Between::decode(data.as_bytes());
            assert_eq!(sound.is_ok(), data == "14 8P/+ ", "{data:?}");
        }
        assert_eq!(Between::decode(&Between::Data(vec![7; TEXT_OPUS_BYTES_MAX + 1]).encode()), bad("size"));
    }

    #[test]
    fn what_is_too_long_is_cut_where_the_original_programs_cut_it() {
        let long = [b"7 ".as_slice(), &[b'a'; 510], b"7 bob"].concat();
        assert_eq!(packets(&long, true), [bad("invited name"), invite("bob")]);
        assert_eq!(ToServer::decode(&long), bad("size"));
    }

    #[test]
    fn a_name_that_cannot_be_is_taken_at_login_and_unknown_in_an_invitation() {
        let said = |packet: &[u8]| ToServer::decode(packet).err().and_then(answer);
        assert_eq!((said(b"1"), said(b"1 b'b")), (Some(FromServer::Taken), Some(FromServer::Taken)));
        assert_eq!(said(b"7  bob"), Some(FromServer::Unknown(None)));
        assert_eq!((said(b"11 b'b"), said(b"0 70000"), said(b"17")), (None, None, None));
    }

    fn to_server() -> impl Strategy<Value = ToServer> {
        prop_oneof![
            prop::option::of(1..=u16::MAX).prop_map(ToServer::Hello),
            arbitrary::name().prop_map(ToServer::Login),
            arbitrary::name().prop_map(ToServer::Invite),
            arbitrary::name().prop_map(ToServer::Accept),
            arbitrary::name().prop_map(ToServer::Refuse),
        ]
    }

    fn from_server() -> impl Strategy<Value = FromServer> {
        prop_oneof![
            Just(FromServer::Hello),
            Just(FromServer::LoggedIn),
            Just(FromServer::Taken),
            prop::option::of(arbitrary::name()).prop_map(FromServer::Invited),
            prop::option::of(arbitrary::name()).prop_map(FromServer::Unknown),
            arbitrary::name().prop_map(FromServer::Request),
            (any::<IpAddr>(), 1..=u16::MAX, arbitrary::name())
                .prop_map(|(address, port, name)| FromServer::Friend { address, port, name }),
        ]
    }

    fn between() -> impl Strategy<Value = Between> {
        prop_oneof![
            Just(Between::Hello),
            arbitrary::name().prop_map(Between::Call),
            Just(Between::Accepted),
            Just(Between::Closed),
            Just(Between::CalledBack),
            prop::collection::vec(any::<u8>(), 1..=TEXT_OPUS_BYTES_MAX).prop_map(Between::Data),
        ]
    }

    proptest! {
        #[test]
        fn every_packet_survives_the_wire(to in to_server(), from in from_server(), between in between()) {
            prop_assert_eq!(ToServer::decode(&to.encode()), Ok(to.clone()));
            prop_assert_eq!(FromServer::decode(&from.encode()), Ok(from));
            prop_assert_eq!(Between::decode(&between.encode()), Ok(between));
            prop_assert_eq!(packets(&to.encode(), false), [Ok(to.clone())]);
            prop_assert_eq!(packets(&to.encode(), true), [Ok(to)]);
        }

        #[test]
        fn requests_written_back_to_back_are_read_apart(
            names in prop::collection::vec("[a-zA-Z_-]{1,32}", 1..8),
            codes in prop::collection::vec(0..3_usize, 8),
        ) {
            let sent: Vec<ToServer> = names.iter().zip(codes).map(|(who, code)| match code {
                0 => ToServer::Invite(name(&format!("a{}", &who[1..]))),
                1 => ToServer::Accept(name(&format!("a{}", &who[1..]))),
                _ => ToServer::Refuse(name(&format!("a{}", &who[1..]))),
            }).collect();
            let merged: Vec<u8> = sent.iter().flat_map(ToServer::encode).collect();
            let sent: Vec<Result<ToServer, Malformed>> = sent.into_iter().map(Ok).collect();
            prop_assert_eq!(packets(&merged, true), sent);
        }

        #[test]
        fn no_bytes_panic(junk in prop::collection::vec(any::<u8>(), 0..1_200), logged_in in any::<bool>()) {
            let _ = (FromServer::decode(&junk), Between::decode(&junk), packets(&junk, logged_in));
        }

        #[test]
        fn nothing_near_a_packet_panics(near in "[0-9]{0,3}( ?[0-9a-z\0\r\n.:+-]{0,9}){0,6}", logged_in in any::<bool>()) {
            let found = packets(near.as_bytes(), logged_in);
            prop_assert!(found.len() <= near.len());
            let _ = (FromServer::decode(near.as_bytes()), Between::decode(near.as_bytes()));
        }
    }
}
