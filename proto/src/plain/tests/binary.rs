//! Seed A's document from its client's side, one row per code, and what the original server does beside it.

use super::*;
use crate::limits::{PLAIN_GAP, RING_TIME_MAX};

/// Alice, with bob for a contact.
pub(super) fn logged_in() -> Desk {
    let mut desk = Desk::binary();
    desk.story("up; < 200 127.0.0.2; join alice; < 201 alice; wait 100; < 206 bob;carol;");
    desk.act("wait 1000");
    desk
}

fn ringing() -> Desk {
    let mut desk = logged_in();
    desk.act("< 211 bob:127.0.0.3");
    desk
}

fn live() -> Desk {
    let mut desk = logged_in();
    desk.story("call bob; < 208; < 210 bob:127.0.0.3; wait 1000");
    desk
}

/// What a user wants, as the server hears it.
#[test]
fn every_code_of_the_client() {
    check(
        logged_in,
        &[
            ("add dan", &["> 001 dan"]),
            ("< 207 dan; accept dan", &["contact dan Mutual there", "> 002 dan"]),
            ("< 207 dan; add dan", &["contact dan Mutual there", "> 002 dan"]),
            ("< 207 dan; reject dan", &["gone dan", "> 003 dan"]),
            ("< 207 dan; remove dan", &["gone dan", "> 003 dan"]),
            ("remove bob", &["gone bob", "> 004 bob"]),
            ("< 205 dan; remove dan", &["gone dan", "> 004 dan"]),
            ("wait 30000", &["> 005 alice"]),
            ("call bob", &["calling bob", "> 100 bob;"]),
            ("call bob carol", &["calling bob+carol", "> 100 bob;carol;"]),
            ("< 211 bob:127.0.0.3; answer", &["> 101"]),
            ("< 211 bob:127.0.0.3; decline", &["ended bob HungUp", "> 102 bob"]),
            ("call bob; < 208; wait 100; hangup", &["ended bob HungUp", "> 103"]),
        ],
    );
}

/// What the server says, as the user is told. The first of each pair is in turn, the second is not.
#[test]
fn every_code_of_the_server() {
    check(
        Desk::binary,
        &[
            ("up; < 200 127.0.0.2", &["name wanted"]),
            ("up; < 200", &["name wanted"]),
            ("up; < 200; < 200", &["drop out_of_turn"]),
            ("join alice; up; < 200", &["> 000 alice"]),
            ("up; < 200 example.org", &["drop malformed"]),
            ("join alice; up; < 200; < 201 alice", &["save alice", "logged in alice"]),
            ("up; < 201 alice", &["drop out_of_turn"]),
            ("join alice; up; < 201 alice", &["drop out_of_turn"]),
            ("join alice; up; < 200; < 203 bob", &["drop out_of_turn"]),
            ("join alice; up; < 200; < 206 bob", &["drop out_of_turn"]),
            ("join alice; up; < 200; < 401 alice", &["login refused NameTaken"]),
            ("join alice; up; < 200; < 401 alice; join bob", &["online"]),
            ("join alice; up; < 200; < 403 no", &["login refused NotLoggedIn"]),
            ("join alice; up; < 200; < 400 no", &["login refused BadRequest"]),
        ],
    );
    check(
        logged_in,
        &[
            ("add dan; < 203 dan", &["contact dan Mutual there", "accepted dan"]),
            ("< 203 bob", &["drop out_of_turn"]),
            ("< 203 alice", &["drop out_of_turn"]),
            ("add dan; < 205 dan; < 204 dan", &["rejected dan", "gone dan"]),
            ("< 204 bob", &["drop out_of_turn"]),
            ("add dan; < 205 dan", &["contact dan Asked", "requested dan"]),
            ("< 205 bob", &["drop out_of_turn"]),
            ("< 206 dan;eve", &["contact dan Mutual there", "contact eve Mutual there"]),
            ("< 206 bob;bob;carol;", &[]),
            ("< 206 d'an;;eve;alice", &["drop malformed", "contact eve Mutual there", "drop full"]),
            ("< 207 dan", &["contact dan Asking", "request dan"]),
            ("< 207 dan; < 207 dan", &["drop out_of_turn"]),
            ("< 207 bob", &["drop out_of_turn"]),
            ("call bob; < 208", &[]),
            ("< 208", &["drop out_of_turn"]),
            (
                "< 211 bob:127.0.0.3; answer; < 209 bob:127.0.0.3;carol:127.0.0.4",
                &[
                    "open binary at 127.0.0.2:8085",
                    "meet 1 127.0.0.3:8085",
                    "joined bob 1",
                    "meet 2 127.0.0.4:8085",
                    "joined carol 2",
                ],
            ),
            ("< 209 bob:127.0.0.3", &["drop out_of_turn"]),
            ("< 211 bob:127.0.0.3; answer; < 209", &["ended bob Gone"]),
            ("< 211 bob:127.0.0.3; answer; < 209 bob", &["drop malformed"]),
            ("< 211 bob:127.0.0.3; answer; < 209 bob:0.0.0.0", &["drop malformed", "ended bob Gone"]),
            (
                "call bob; < 210 bob:127.0.0.3",
                &["open binary at 127.0.0.2:8085", "meet 1 127.0.0.3:8085", "joined bob 1"],
            ),
            ("call bob; < 210 dan:127.0.0.3", &["drop stranger"]),
            ("call bob; < 210 bob", &["drop malformed"]),
            ("call bob; < 210 bob:224.0.0.1", &["drop malformed"]),
            ("< 211 bob:127.0.0.3", &["incoming bob"]),
            ("< 210 bob:127.0.0.3", &["incoming bob"]),
            ("call bob; < 211 bob:127.0.0.3", &["drop out_of_turn"]),
            ("< 211 bob", &["drop malformed"]),
            ("< 213", &[]),
            ("add dan; < 400 Doesn't exists", &["refused NoSuchUser"]),
            ("add dan; < 400 Impossible to add yourself as contact", &["refused Oneself"]),
            ("remove bob; add dan; < 400 Request or Contact already exist", &["refused Already"]),
            ("remove bob; < 400 no", &["contact bob Mutual there", "refused BadRequest"]),
            ("< 207 dan; accept dan; < 400 no", &["gone dan", "refused BadRequest"]),
            ("< 207 dan; reject dan; < 400 no", &["refused BadRequest"]),
            ("call bob; < 400 no", &["ended bob Gone"]),
            ("< 211 bob:127.0.0.3; answer; < 400 no", &["ended bob Gone"]),
            ("remove bob; < 403 no", &["contact bob Mutual there", "refused NotLoggedIn"]),
            ("remove bob; < 404 no", &["refused UnknownCode"]),
            ("< 205 dan; remove dan; < 500 no", &["contact dan Asked", "refused Internal"]),
            ("remove bob; < 207 bob; < 500 no", &["refused Internal"]),
            ("< 400 no", &["drop out_of_turn"]),
            ("< 401 alice", &["login refused NameTaken"]),
            ("add dan; < 401 alice", &["login refused NameTaken"]),
            ("call bob; < 208; wait 100; hangup; < 400 no", &["drop no_call"]),
            ("call bob; < 208; wait 100; hangup; < 213; < 400 no", &["drop out_of_turn"]),
            ("< 211 bob:127.0.0.3; decline; < 400 no", &["drop no_call"]),
            ("< 202", &["drop malformed"]),
            ("< 350", &["drop malformed"]),
            ("< 999 junk", &["drop malformed"]),
        ],
    );
}

/// What a user cannot want.
#[test]
fn misuse_never_reaches_the_server() {
    check(
        logged_in,
        &[
            ("add alice", &["refused Oneself"]),
            ("add BOB", &["refused Already"]),
            ("accept bob", &["refused NoRequest"]),
            ("reject dan", &["refused NoRequest"]),
            ("remove dan", &["refused NotContact"]),
            ("call dan", &["refused NotContact"]),
            ("call bob; call carol", &["refused InCall"]),
            ("down; call bob", &["refused NotLoggedIn"]),
        ],
    );
}

#[test]
fn a_call_of_many_goes_on_until_nobody_is_heard() {
    let mut desk = logged_in();
    desk.story("< 206 dan; call bob carol dan; < 208; < 210 bob:127.0.0.3; heard 1");
    assert_eq!(desk.act("heard 1"), ["heard bob"]);
    assert_eq!(desk.act("< 210 carol:127.0.0.4"), ["meet 2 127.0.0.4:8085", "joined carol 2"]);
    assert_eq!(desk.act("< 210 carol:127.0.0.5"), ["meet 2 127.0.0.5:8085"], "they moved");
    assert_eq!(desk.act("< 210 eve:::1"), ["drop malformed"], "one socket speaks one family");
    assert_eq!(desk.act("quiet 1"), ["deafen 1", "parted bob Lost"]);
    assert_eq!(desk.act("quiet 9"), [""; 0]);
    let rung = u64::try_from(RING_TIME_MAX.as_millis()).unwrap();
    assert!(desk.act(&format!("wait {rung}")).contains(&"parted dan NoAnswer".into()));
    assert_eq!(desk.act("quiet 2"), ["close", "ended carol Lost", "> 103"]);
    let mut desk = live();
    assert_eq!(desk.act("silent"), ["close", "ended bob Lost", "> 103"]);
    assert_eq!(desk.act("silent"), [""; 0]);
    let mut desk = live();
    assert_eq!(desk.act("unbound"), ["close", "ended bob Failed", "refused Other", "> 103"]);
    assert_eq!(desk.act("unbound"), [""; 0], "of a call that is over");
}

#[test]
fn calls_end_by_themselves() {
    for (start, wait, end) in [
        ("call bob", 10_100, &["ended bob Failed", "> 103"][..]),
        ("call bob; < 208", 45_100, &["ended bob NoAnswer", "> 103"]),
        ("< 211 bob:127.0.0.3", 45_000, &["> 102 bob", "ended bob Missed"]),
        ("< 211 bob:127.0.0.3; answer", 10_100, &["ended bob Failed", "> 103"]),
    ] {
        let mut desk = logged_in();
        desk.story(start);
        let mut came = desk.act(&format!("wait {wait}"));
        // The list is asked for on the way.
        came.retain(|line| !line.starts_with("> 005"));
        came.sort();
        let mut end = end.to_vec();
        end.sort_unstable();
        assert_eq!(came, end, "{start}");
    }
}

#[test]
fn voice_needs_no_server_and_everything_else_does() {
    for (mut desk, end) in [(live(), &["away"][..]), (ringing(), &["ended bob Missed", "away"])] {
        let mut came = desk.act("down");
        came.sort();
        let mut end = end.to_vec();
        end.sort_unstable();
        assert_eq!(came, end);
    }
    let mut desk = live();
    desk.act("down");
    assert_eq!(desk.act("hangup"), ["close", "ended bob HungUp"], "103 before login may kill a server");
}

#[test]
fn frames_keep_their_distance() {
    let mut desk = logged_in();
    assert_eq!(desk.act("add dan"), ["> 001 dan"]);
    assert_eq!(desk.story("add eve; add fay; call bob"), ["calling bob"]);
    for expected in ["> 001 eve", "> 001 fay", "> 100 bob;"] {
        let gap = u64::try_from(PLAIN_GAP.as_millis()).unwrap();
        assert_eq!(desk.act(&format!("wait {}", gap - 1)), [""; 0]);
        assert_eq!(desk.act("wait 1"), [expected]);
    }
}

#[test]
fn nothing_but_a_name_goes_out_before_the_login() {
    let mut desk = Desk::binary();
    let mut sent = Vec::new();
    for act in ["add bob", "up", "add bob", "< 200", "add bob", "join alice", "add bob", "call bob", "hangup"]
    {
        sent.extend(desk.act(act).into_iter().filter(|line| line.starts_with('>')));
        sent.extend(desk.act("wait 500").into_iter().filter(|line| line.starts_with('>')));
    }
    assert_eq!(sent, ["> 000 alice"]);
}

#[test]
fn whoever_is_not_in_the_list_any_more_is_gone() {
    let mut desk = logged_in();
    desk.act("wait 30000");
    assert_eq!(desk.act("< 206 carol;"), ["gone bob"]);
    // A list that was not asked for only adds.
    assert_eq!(desk.act("< 206 "), [""; 0]);
    // Neither does one that was asked for before the contact was made remove it.
    desk.act("wait 30000");
    desk.story("< 203 dan");
    assert_eq!(desk.act("< 206 carol;"), [""; 0]);
}

#[test]
fn a_list_in_several_frames_is_one() {
    let mut desk = Desk::binary();
    desk.story("up; < 200; join alice; < 201 alice; wait 100");
    let names: Vec<String> = (0..150).map(|n| format!("somebody-with-a-long-name-{n:03}")).collect();
    let (first, second) = (names[..68].join(";"), names[68..136].join(";"));
    assert!(first.len() > 2_000 && first.len() < 2_047);
    assert_eq!(desk.act(&format!("< 206 {first};")).len(), 68);
    assert_eq!(desk.act(&format!("< 206 {second};")).len(), 68);
    let last = desk.act(&format!("< 206 {};", names[136..].join(";")));
    assert!(last.len() == 15 && last[14].starts_with("contacts [somebody-with-a-long-name-000"), "{last:?}");
    assert_eq!(last[14].matches("Mutual").count(), 150);
}

/// Whether the last frame has room for another name is all that tells it from one before; this one has none.
#[test]
fn a_list_ends_also_with_a_full_frame() {
    let names: Vec<String> = (0..70).map(|n| format!("somebody-with-a-long-name-{n:03}")).collect();
    let full = names[..68].join(";");
    assert!(full.len() + 32 >= 2_047 && full.len() < 2_047);
    let first = |then: &str| {
        let mut desk = Desk::binary();
        desk.story("up; < 200; join alice; < 201 alice; wait 100");
        assert_eq!(desk.act(&format!("< 206 {full};")).len(), 68);
        desk.story(then)
    };
    let contacts = |came: &[String]| came.iter().filter(|line| line.starts_with("contacts [")).count();
    assert_eq!(contacts(&first("wait 4900")), 0, "another frame may come");
    assert_eq!(contacts(&first("wait 5000")), 1);
    assert_eq!(contacts(&first("add dan; < 205 dan")), 1);
    assert_eq!(contacts(&first("add dan; < 400 Doesn't exists")), 1);
    assert_eq!(contacts(&first("< 207 dan")), 0, "nobody asked for this");
    // A server that does not answer at all leaves nobody waiting, and takes nobody away.
    let mut desk = Desk::binary();
    desk.story("up; < 200; join alice; < 201 alice; < 205 dan");
    assert_eq!(desk.act("wait 5200"), ["> 005 alice", "contacts [dan Asked]"]);
}

/// 103 after nobody answered is about no call at our own server. It once made a contact forgotten.
#[test]
fn a_refusal_of_leaving_is_of_nothing_else() {
    let mut desk = logged_in();
    desk.story("call carol; < 208; < 207 dan; accept dan");
    let no = "< 400 there is no such call; it may be over already";
    assert_eq!(desk.act("hangup"), ["ended carol HungUp"]);
    desk.act("wait 300");
    assert_eq!(desk.act(no), ["drop no_call"]);
    assert_eq!(desk.act("contacts"), ["contacts [bob Mutual there, carol Mutual there, dan Mutual there]"]);
}

#[test]
fn our_own_old_connection_is_waited_for() {
    let mut desk = logged_in();
    desk.act("down");
    desk.act("wait 30000");
    let came = desk.story("up; < 200; < 401 alice");
    assert_eq!(came, ["disconnect", "away"]);
    assert!(desk.act("wait 30000").contains(&"connect".into()));
    assert_eq!(desk.story("up; < 200; < 201 alice")[0], "logged in alice");
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let mut desk = logged_in();
    let came = desk.act("wait 80000");
    assert_eq!(came.iter().filter(|line| *line == "> 005 alice").count(), 2, "{came:?}");
    assert!(came.contains(&"drop silent".into()) && came.contains(&"disconnect".into()), "{came:?}");
}

#[test]
fn the_chosen_address_is_where_voice_comes_from() {
    let mut desk = Desk::new(Protocol::Binary { bind: Some("127.0.0.9".parse().unwrap()) }, &[]);
    desk.story("up; < 200; join alice; < 201 alice; < 206 bob");
    assert_eq!(desk.story("call bob; < 210 bob:127.0.0.3")[0], "open binary at 127.0.0.9:8085");
    let mut desk = logged_in();
    assert_eq!(desk.story("call bob; < 210 bob:::1")[0], "open binary at [::]:8085");
}

/// The session of the original pair (seeds, "Client (observed)"), as the server sent it: cut at every byte, merged,
/// and byte by byte, it comes to the same.
#[test]
fn an_original_server_is_understood_however_its_bytes_arrive() {
    let said = [
        padded(200, b"127.0.0.1"),
        padded(201, b"alice"),
        padded(207, b"carol"),
        padded(206, b"bob;"),
        padded(205, b"dan"),
        padded(203, b"dan"),
        padded(211, b"bob:127.0.0.3"),
        padded(213, b""),
    ]
    .concat();
    let run = |cuts: &[usize]| {
        let mut desk = Desk::binary();
        desk.story("join alice; up");
        let mut lines = Vec::new();
        let mut from = 0;
        for to in cuts.iter().copied().chain([said.len()]) {
            lines.extend(desk.handle(Input::Bytes(&said[from..to])));
            from = to;
        }
        lines.extend(desk.act("wait 1000"));
        // When something is sent depends on when it came; what is told does not.
        lines.retain(|line| !line.starts_with('>'));
        lines
    };
    let whole = run(&[]);
    assert!(whole.contains(&"incoming bob".into()) && whole.contains(&"accepted dan".into()), "{whole:?}");
    for at in 1..said.len() {
        assert_eq!(run(&[at]), whole, "cut at {at}");
    }
    assert_eq!(run(&(1..said.len()).collect::<Vec<_>>()), whole, "byte by byte");
}
