//! Packets against what the original programs sent and read, and against what nobody should send.

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
    for packet in [&b""[..], b" ", b"17", b"17 bob", b"99999999999999", b"-1", b"+7 bob", b"7x bob", b"2 "] {
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
