//! Seed B's document from its client's side, one row per code, towards the server and towards other clients.

use super::*;
use crate::limits::{TEXT_PEERS_MAX, TEXT_VOICE_AHEAD_MAX};

/// Alice, with bob for a friend at 127.0.0.3, port 4002.
pub(super) fn logged_in() -> Desk {
    let mut desk = Desk::text();
    desk.story("join alice; up; < 0; wait 200; < 2; < 13 127.0.0.3 4002 bob; wait 1000");
    desk
}

fn calling() -> Desk {
    let mut desk = logged_in();
    desk.story("call bob; @d0 up; wait 200");
    desk
}

fn ringing() -> Desk {
    let mut desk = logged_in();
    desk.story("@c1 came 127.0.0.3:5; @c1 < 4 bob; wait 200");
    desk
}

fn live() -> Desk {
    let mut desk = ringing();
    desk.story("answer; @c1 < 15; wait 200");
    desk
}

#[test]
fn every_code_between_client_and_server() {
    check(
        Desk::text,
        &[
            ("join alice; up", &["online", "> 0 4001"]),
            ("join alice; up; wait 199", &[]),
            ("join alice; up; wait 90; < 0", &["> 1 alice"]),
            ("join alice; up; wait 90; < 000", &["> 1 alice"]),
            ("join alice; up; wait 90; < 0 +f", &["> 1 alice"]),
            ("join alice; up; < 0; wait 200", &["> 1 alice"]),
            ("join alice; up; wait 200", &["> 1 alice"]),
            ("join alice; up; wait 200; < 2", &["save alice", "logged in alice", "contacts []"]),
            ("join alice; up; wait 200; < 02", &["save alice", "logged in alice", "contacts []"]),
            ("join alice; up; wait 200; < 3", &["login refused NameTaken"]),
            ("join alice; up; wait 200; < 3; wait 100; join bob", &["online", "> 1 bob"]),
            ("join alice; up; < 2", &["drop out_of_turn"]),
            ("join alice; up; < 10 bob", &["drop out_of_turn"]),
        ],
    );
    check(
        logged_in,
        &[
            ("add dan", &["> 7 dan"]),
            ("add dan; < 8 dan", &["contact dan Asked", "requested dan"]),
            ("add dan; < 8", &["contact dan Asked", "requested dan"]),
            ("add dan; add eve; < 8", &["contact dan Asked", "requested dan"]),
            ("add dan; add eve; < 8 eve", &["contact eve Asked", "requested eve"]),
            ("< 8", &["drop out_of_turn"]),
            ("< 8 dan", &["drop out_of_turn"]),
            ("add dan; < 9", &["refused NoSuchUser"]),
            ("add dan; add eve; < 8; < 9", &["refused NoSuchUser"]),
            ("< 9 dan", &["drop out_of_turn"]),
            ("< 10 dan", &["contact dan Asking", "request dan"]),
            ("< 10 dan; < 10 dan", &["drop out_of_turn"]),
            ("< 10 alice", &["drop out_of_turn"]),
            ("< 10 bob", &["contact bob Asking", "request bob"]),
            ("< 10 dan; accept dan", &["contact dan Mutual", "> 11 dan"]),
            ("< 10 dan; add dan", &["contact dan Mutual", "> 11 dan"]),
            ("< 10 dan; reject dan", &["gone dan", "> 12 dan"]),
            ("< 10 dan; accept dan; < 13 127.0.0.4 1 dan", &["contact dan Mutual there"]),
            ("add dan; < 8; < 13 127.0.0.4 4003 dan", &["contact dan Mutual there", "accepted dan"]),
            ("< 13 example.org 4003 dan", &["drop malformed"]),
            ("< 13 127.0.0.4 0 dan", &["drop malformed"]),
            ("< 13 0.0.0.0 4003 dan", &["drop malformed"]),
            ("< 13 127.0.0.4 4003 alice", &["drop malformed"]),
            ("< 13 127.0.0.4 4003", &["drop malformed"]),
            ("< 2", &["drop out_of_turn"]),
            ("< 3", &["login refused NameTaken"]),
            ("add unknown", &["refused BadRequest"]),
            ("< 10 UNKNOWN", &["drop impostor"]),
            ("< 13 127.0.0.9 4003 unknown", &["drop impostor"]),
            ("< 13 127.0.0.9 4003 unknown; call unknown", &["refused NotContact"]),
            ("< 0", &[]),
            ("< 17", &["drop malformed"]),
            ("< 4 bob", &["drop malformed"]),
            ("remove bob", &["gone bob"]),
            ("wait 30000", &["> 0 4001"]),
            ("add bob", &["refused Already"]),
            ("add alice", &["refused Oneself"]),
            ("accept dan", &["refused NoRequest"]),
            ("reject dan", &["refused NoRequest"]),
            ("remove dan", &["refused NotContact"]),
        ],
    );
}

#[test]
fn every_code_between_clients() {
    check(
        logged_in,
        &[
            ("call bob", &["@d0 dial 127.0.0.3:4002", "calling bob"]),
            ("call bob; @d0 up", &["ringing bob", "@d0 > 4 alice"]),
            ("@c1 came 127.0.0.3:5", &["@c1 > 0"]),
            ("@c1 came 127.0.0.3:5; @c1 < 4 bob", &["incoming bob"]),
            ("@c1 came 127.0.0.3:5; @c1 < 4 BOB", &["incoming bob"]),
            ("@c1 came 127.0.0.9:5; @c1 < 4 bob", &["incoming unknown"]),
            ("@c1 came 127.0.0.3:5; @c1 < 4 dan", &["incoming unknown"]),
            ("@c1 came 127.0.0.3:5; @c1 < 4 b'b", &["drop malformed"]),
            ("@c1 came 127.0.0.3:5; @c1 < 5", &["drop out_of_turn"]),
            ("call dan", &["refused NotContact"]),
            ("call bob carol", &["refused Unsupported"]),
            ("< 10 dan; accept dan; call dan", &["refused NobodyRung"]),
            ("call bob; call bob", &["refused InCall"]),
        ],
    );
    check(
        calling,
        &[
            ("@d0 < 0", &[]),
            ("@d0 < 5", &["open text at 0.0.0.0:4001", "meet 1 127.0.0.3:4002", "joined bob 1", "@d0 > 15"]),
            ("@d0 < 6", &["ended bob Declined", "@d0 > 6"]),
            ("@d0 down", &["ended bob Gone"]),
            ("@d0 < 15", &["drop out_of_turn"]),
            ("@d0 < 4 bob", &["drop out_of_turn"]),
            ("hangup", &["ended bob HungUp", "@d0 > 6"]),
            ("hangup; wait 300", &["@d0 close"]),
            ("@c1 came 127.0.0.3:5; wait 100; @c1 < 4 bob", &["@c1 > 6"]),
            ("@c1 came 127.0.0.3:5; wait 100; @c1 < 4 bob; wait 300", &["@c1 close"]),
        ],
    );
    check(
        ringing,
        &[
            ("answer", &["@c1 > 5"]),
            ("answer; @c1 < 15", &["open text at 0.0.0.0:4001", "meet 1 127.0.0.3:4002", "joined bob 1"]),
            ("decline", &["ended bob HungUp", "@c1 > 6"]),
            ("decline; wait 300", &["@c1 close"]),
            ("@c1 < 6", &["ended bob Missed", "@c1 > 6"]),
            ("@c1 down", &["ended bob Missed"]),
            ("@c1 < 15", &["drop out_of_turn"]),
            ("@c1 < 14 8P/+", &["drop out_of_turn"]),
            ("answer; @c1 < 14 8P/+", &["drop out_of_turn"]),
            ("call bob", &["refused InCall"]),
        ],
    );
    check(
        live,
        &[
            ("@c1 < 6", &["close", "ended bob TheyHungUp", "@c1 > 6"]),
            ("@c1 < 6; wait 300", &["@c1 close"]),
            ("@c1 down", &["close", "ended bob Lost"]),
            ("@c1 < 14 8P/+", &["sound of 1 [f0, ff, fe]"]),
            ("@c1 < 014 8P/+", &["sound of 1 [f0, ff, fe]"]),
            ("@c1 < 14 8P/+6", &["sound of 1 [f0, ff, fe]", "close", "ended bob TheyHungUp", "@c1 > 6"]),
            ("@c2 came 127.0.0.3:6; wait 100; @c2 < 14 8P/+", &["drop out_of_turn"]),
            ("@c1 < 14 not-base64", &["drop malformed"]),
            ("hangup", &["close", "ended bob HungUp", "@c1 > 6"]),
            ("heard 1", &["heard bob"]),
            ("quiet 1", &[]),
            ("heard 1; quiet 1", &["close", "ended bob Lost", "@c1 > 6"]),
            ("silent", &[]),
            ("unbound", &["close", "ended bob Failed", "refused Other", "@c1 > 6"]),
            ("heard 1; unbound", &["close", "ended bob Failed", "refused Other", "@c1 > 6"]),
            ("wait 20000; silent", &[]),
            ("down", &["away"]),
        ],
    );
}

/// A packet of sound every 10 ms never pauses, wherever the bytes are cut.
#[test]
fn sound_by_tcp_is_handed_on_while_it_comes() {
    let sound = "sound of 1 [f0, ff, fe]";
    for cut in 0..7 {
        let mut desk = live();
        let mut came = Vec::new();
        for _ in 0..300 {
            let (first, second) = "14 8P/+".split_at(cut);
            for piece in [first, second] {
                let input = PeerInput::Bytes(piece.as_bytes());
                came.extend(desk.handle(Input::Peer(PeerId::Came(1), input)));
            }
            came.extend(desk.wait(10));
        }
        assert!(came.len() >= 298, "{} of 300 at once, cut at {cut}", came.len());
        came.extend(desk.wait(15));
        assert_eq!(came, [sound; 300], "cut at {cut}");
    }
}

#[test]
fn no_more_sound_comes_by_tcp_than_can_be_played() {
    let mut desk = live();
    let mut pour = |packets: usize| {
        let poured = desk.peer("c1", &format!("< {}", "14 8P/+".repeat(packets)));
        let full = poured.iter().filter(|line| *line == "drop full").count();
        desk.wait(1_000);
        (poured.len() - full, full)
    };
    let most = usize::try_from(TEXT_VOICE_AHEAD_MAX.as_millis() / 10).unwrap();
    for (packets, played) in [(most, most), (500, most), (1, 1)] {
        let (came, full) = pour(packets);
        assert!((played..=played + 2).contains(&came), "{came} of {packets}");
        assert_eq!(came + full, packets);
    }
}

#[test]
fn calls_end_by_themselves() {
    for (mut desk, acts, end) in [
        (logged_in(), "call bob; wait 5000", &["@d0 close", "ended bob Gone"][..]),
        (calling(), "wait 44000; wait 2000", &["ended bob NoAnswer", "@d0 > 6", "@d0 close"]),
        (ringing(), "wait 44000; wait 2000", &["ended bob Missed", "@c1 > 6", "@c1 close"]),
        (ringing(), "answer; wait 9000; wait 1500", &["ended bob Failed", "@c1 > 6", "@c1 close"]),
        (logged_in(), "@c1 came 127.0.0.3:5; wait 9000; wait 1000", &["drop too_late", "@c1 close"]),
    ] {
        assert_eq!(desk.story(acts), end, "{acts}");
    }
}

#[test]
fn a_friend_who_came_back_is_called_where_they_are_now() {
    let mut desk = logged_in();
    assert_eq!(desk.act("< 13 127.0.0.5 77 bob"), ["contact bob Mutual there"]);
    assert_eq!(desk.act("call bob")[0], "@d0 dial 127.0.0.5:77");
}

#[test]
fn a_caller_of_that_name_from_elsewhere_is_heard_where_they_are() {
    let mut desk = logged_in();
    desk.story("@c1 came 127.0.0.9:5; @c1 < 4 bob; answer");
    assert_eq!(desk.act("@c1 < 15")[1..], ["meet 1 127.0.0.9:4002", "joined unknown 1"]);
}

#[test]
fn packets_keep_their_distance() {
    let gap = u64::try_from(PLAIN_GAP.as_millis()).unwrap();
    let mut desk = Desk::text();
    assert_eq!(desk.story("join alice; up"), ["online", "> 0 4001"]);
    assert_eq!(desk.act("< 0"), [""; 0], "the login waits for its turn though the server is ready");
    assert_eq!(desk.act(&format!("wait {}", gap - 15)), ["> 1 alice"]);
    let mut desk = logged_in();
    assert_eq!(desk.act("add dan"), ["> 7 dan"]);
    assert_eq!(desk.act("add eve"), [""; 0]);
    assert_eq!(desk.act(&format!("wait {}", gap - 1)), [""; 0]);
    assert_eq!(desk.act("wait 1"), ["> 7 eve"]);
    // The hello to a caller and the 6 to one too many as well.
    let mut desk = calling();
    assert_eq!(desk.act("@c1 came 127.0.0.3:5"), ["@c1 > 0"]);
    assert_eq!(desk.act("@c1 < 4 bob"), [""; 0]);
    assert_eq!(desk.act("wait 85"), ["@c1 > 6"]);
}

#[test]
fn connections_of_strangers_are_bounded() {
    let mut desk = logged_in();
    for n in 0..TEXT_PEERS_MAX {
        assert_eq!(desk.act(&format!("@c{n} came 127.0.0.9:5")), [format!("@c{n} > 0")]);
    }
    assert_eq!(desk.act("@c99 came 127.0.0.9:5"), ["drop crowded", "@c99 close"]);
    assert_eq!(desk.act("@c98 < 4 bob"), ["drop stranger"]);
    assert_eq!(desk.act("@c0 down"), [""; 0]);
    assert_eq!(desk.act("@c99 came 127.0.0.9:5"), ["@c99 > 0"]);
}

/// What the original server says in a session (seeds, "Packet"), cut at every byte without a pause.
#[test]
fn an_original_server_is_understood_however_its_bytes_arrive() {
    let session = ["0", "2", "8", "10 dan", "13 127.0.0.1 4001 bob", "9"];
    let run = |cut: Option<usize>| {
        let mut desk = Desk::text();
        desk.story("join alice; up");
        let mut lines = Vec::new();
        for (n, packet) in session.iter().enumerate() {
            let at = cut.unwrap_or(0).min(packet.len());
            lines.extend(desk.handle(Input::Bytes(&packet.as_bytes()[..at])));
            lines.extend(desk.handle(Input::Bytes(&packet.as_bytes()[at..])));
            lines.extend(desk.act("wait 150"));
            if n == 1 {
                desk.story("add bob; add eve; wait 300");
            }
        }
        lines
    };
    let whole = run(None);
    assert!(
        whole.contains(&"accepted bob".into()) && whole.contains(&"refused NoSuchUser".into()),
        "{whole:?}"
    );
    for at in 0..22 {
        assert_eq!(run(Some(at)), whole, "cut at {at}");
    }
    // What the original does not keep apart: all after the login in one piece.
    let mut desk = Desk::text();
    desk.story("join alice; up; < 0; wait 200; < 2; add bob; wait 200");
    let came = desk.act("< 810 dan13 127.0.0.1 4001 bob");
    let expected = [
        "contact bob Asked",
        "requested bob",
        "contact dan Asking",
        "request dan",
        "contact bob Mutual there",
        "accepted bob",
    ];
    assert_eq!(came, expected);
}
