//! What nobody well-meaning sends: nothing panics, nothing grows, everything not used has a name.

use super::*;
use crate::limits::{CONTACTS_MAX, REQUESTS_WAITING_MAX, TEXT_GATHERED_BYTES_MAX};
use proptest::prelude::*;

#[test]
fn another_language_ends_the_connection() {
    let mut desk = Desk::binary();
    desk.act("up");
    let came = desk.handle(Input::Bytes(b"220 mail.example ESMTP\r\n"));
    assert_eq!(came, ["drop malformed", "disconnect", "away"]);
    let mut oversized = padded(200, b"");
    oversized[8..16].copy_from_slice(&4_000_u64.to_le_bytes());
    let mut desk = Desk::binary();
    desk.act("up");
    assert_eq!(desk.handle(Input::Bytes(&oversized))[0], "drop oversized");
}

#[test]
fn lists_end() {
    let mut desk = binary::logged_in();
    let mut full = 0;
    for n in 0..REQUESTS_WAITING_MAX + 10 {
        full += usize::from(desk.act(&format!("< 207 asker-{n}")) == ["drop full"]);
    }
    assert_eq!(full, 10);
    let mut desk = binary::logged_in();
    let mut full = 0;
    for n in 0..CONTACTS_MAX + 10 {
        full += usize::from(desk.act(&format!("< 205 somebody-{n}"))[0] == "drop full");
    }
    assert_eq!(full, 12, "bob and carol are there already");
    let mut desk = text::logged_in();
    assert_eq!(desk.handle(Input::Bytes(&[b'1'; TEXT_GATHERED_BYTES_MAX + 1])), ["drop oversized"]);
    desk.act("@c1 came 127.0.0.3:5");
    let flood = Input::Peer(PeerId::Came(1), PeerInput::Bytes(&[b'1'; TEXT_GATHERED_BYTES_MAX + 1]));
    assert_eq!(desk.handle(flood), ["drop oversized"]);
}

#[test]
fn a_binary_client_has_no_peers() {
    assert_eq!(binary::logged_in().act("@c1 came 127.0.0.3:5"), ["drop stranger"]);
}

/// Acts of a user, a server, a caller and the clock, in any order.
fn act(binary: bool) -> impl Strategy<Value = String> {
    let user = prop::sample::select(vec![
        "up",
        "down",
        "join alice",
        "add bob",
        "add dan",
        "accept dan",
        "reject dan",
        "remove bob",
        "call bob",
        "call bob carol",
        "answer",
        "decline",
        "hangup",
        "reconnect",
        "contacts",
        "wait 10",
        "wait 200",
        "wait 5000",
        "wait 50000",
    ])
    .prop_map(str::to_owned);
    let server = if binary {
        let payload = "(alice|bob|carol|dan|bob:127.0.0.3|carol:127.0.0.4;dan:127.0.0.5|[a-z:;.0-9']{0,12})";
        (
            prop::sample::select(vec![
                200, 201, 203, 204, 205, 206, 207, 208, 209, 210, 211, 213, 400, 401, 403, 500,
            ]),
            payload,
        )
            .prop_map(|(code, payload)| format!("< {code} {payload}"))
            .boxed()
    } else {
        "(< |@c1 < |@d0 < )(0|2|3|4 bob|5|6|8|9|10 dan|13 127.0.0.3 4002 bob|15|14 8P/.|[0-9 a-z.]{0,20})"
            .boxed()
    };
    let peer = prop::sample::select(vec![
        "@c1 came 127.0.0.3:5",
        "@c2 came 127.0.0.9:5",
        "@c1 down",
        "@d0 up",
        "@d0 down",
        "@d1 up",
    ])
    .prop_map(str::to_owned);
    prop_oneof![3 => user, 4 => server, 1 => peer]
}

/// Nothing panics; and packets to the server keep their distance, which the desk watches.
fn survives(mut desk: Desk, acts: &[String]) {
    for act in acts {
        desk.act(act);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_order_of_things_panics_binary(acts in prop::collection::vec(act(true), 0..60)) {
        survives(binary::logged_in(), &acts);
        survives(Desk::binary(), &acts);
    }

    #[test]
    fn no_order_of_things_panics_text(acts in prop::collection::vec(act(false), 0..60)) {
        survives(text::logged_in(), &acts);
        survives(Desk::text(), &acts);
    }

    #[test]
    fn junk_is_dropped_by_name(junk in prop::collection::vec(any::<u8>(), 0..5_000)) {
        for mut desk in [Desk::binary(), binary::logged_in(), Desk::text(), text::logged_in()] {
            desk.act("up");
            desk.handle(Input::Bytes(&junk));
            desk.handle(Input::Peer(PeerId::Came(1), PeerInput::Came("127.0.0.3:5".parse().unwrap())));
            desk.handle(Input::Peer(PeerId::Came(1), PeerInput::Bytes(&junk)));
            desk.act("wait 1000");
        }
    }
}
