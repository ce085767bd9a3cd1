//! What people are told about a call on a bad road: the real programs, loss made on one way only, and both ends blame
//! the hop it is on. And that a volume is remembered.

use std::time::Duration;

use proto::invite::Invite;
use proto::limits::MEDIA_SILENCE_MAX;
use serde_json::Value;

use crate::harness::process::{Headless, Server};
use crate::harness::road::{Faults, Road};
use crate::harness::{Scratch, my_turn};

/// Loss that nobody overlooks, and that copies can repair.
const LOSSY: Faults = Faults { loss: 0.1, bursts: None, delay: 0.0, jitter: 0.0, seed: 5 };
const CLEAN: Faults = Faults { loss: 0.0, ..LOSSY };

/// Somebody whose datagrams take a road with these faults to the server and back.
fn behind(scratch: &Scratch, name: &str, server: &Server, faults: [Faults; 2]) -> (Road, Headless) {
    let invite = Invite::parse(&server.invite).expect("the server prints its invite");
    let (road, invite) = Road::of_two_ways(&invite, faults).expect("loopback has many addresses");
    let headless = Headless::start_at(scratch, name, &[&invite.to_string()], "tone", &[]);
    (road, headless)
}

/// Calls, is answered by all, and asks for the figures everywhere.
fn talk(caller: &mut Headless, to: &mut [(&str, &mut Headless)]) {
    let names: Vec<&str> = to.iter().map(|(name, _)| *name).collect();
    caller.say(&format!("call {}", names.join(" ")));
    for (_, callee) in to.iter_mut() {
        callee.expect("incoming_call");
        callee.say("answer");
        callee.expect("call_live");
        callee.say("figures on");
    }
    for _ in to.iter() {
        caller.expect("call_joined");
    }
    caller.say("figures on");
}

/// Waits until somebody blames this hop, of this member.
fn blames(who: &mut Headless, hop: &str, member: Option<&str>) -> Value {
    let is = |event: &Value| event["blame"]["hop"] == hop && event["blame"]["who"].as_str() == member;
    who.expect_where("figures", is)
}

#[test]
fn an_uplink_that_loses_is_blamed_by_all_three() {
    let _turn = my_turn();
    let scratch = Scratch::new("uplink");
    let server = Server::start(&scratch);
    let (_road, mut ann) = behind(&scratch, "ann", &server, [LOSSY, CLEAN]);
    let mut ben = Headless::start(&scratch, "ben", &server, "tone", &[]);
    let mut cat = Headless::start(&scratch, "cat", &server, "tone", &[]);
    ann.befriend(&mut ben);
    ann.befriend(&mut cat);
    talk(&mut ann, &mut [("ben", &mut ben), ("cat", &mut cat)]);
    let told = blames(&mut ann, "my_uplink", None);
    assert!(told["blame"]["lost"].as_f64().expect("a share") > 0.03, "{told}");
    blames(&mut ben, "their_uplink", Some("ann"));
    blames(&mut cat, "their_uplink", Some("ann"));
    // The other way is clean, and said to be.
    let ben_there = told["members"].as_array().expect("members").iter().find(|one| one["who"] == "ben");
    assert_eq!(ben_there.expect("ben is in it")["loss_in"], 0.0, "{told}");
    ann.say("hangup");
    let end = ann.expect("call_ended");
    let summary = &end["summary"];
    assert_eq!(summary["blame"]["hop"], "my_uplink", "{end}");
    assert!(summary["loss_out"].as_f64().expect("told") > 0.03 && summary["loss_in"] == 0.0, "{end}");
    assert!(summary["mos"].as_f64().expect("ben was heard") >= 1.0, "{end}");
    for one in [ann, ben, cat] {
        one.quit();
    }
}

#[test]
fn a_downlink_that_loses_is_blamed_by_all_three() {
    let _turn = my_turn();
    let scratch = Scratch::new("downlink");
    let server = Server::start(&scratch);
    let (_road, mut ann) = behind(&scratch, "ann", &server, [CLEAN, LOSSY]);
    let mut ben = Headless::start(&scratch, "ben", &server, "tone", &[]);
    let mut cat = Headless::start(&scratch, "cat", &server, "tone", &[]);
    ann.befriend(&mut ben);
    ann.befriend(&mut cat);
    talk(&mut ann, &mut [("ben", &mut ben), ("cat", &mut cat)]);
    blames(&mut ann, "my_downlink", None);
    blames(&mut ben, "their_downlink", Some("ann"));
    blames(&mut cat, "their_downlink", Some("ann"));
    for one in [ann, ben, cat] {
        one.quit();
    }
}

/// Stopped without a word, as by a lid: it is nobody's loss. The system's queue is full of what was said meanwhile, and
/// overflowed.
#[test]
fn whoever_was_stopped_blames_nobody_and_nothing_is_done_about_it() {
    let _turn = my_turn();
    let scratch = Scratch::new("stopped");
    let server = Server::start(&scratch);
    let mut ann = Headless::start(&scratch, "ann", &server, "tone", &[]);
    let mut ben = Headless::start(&scratch, "ben", &server, "tone", &[]);
    ann.befriend(&mut ben);
    talk(&mut ann, &mut [("ben", &mut ben)]);
    let heard = |event: &Value| event["members"][0]["round_trip_us"].is_u64();
    ann.expect_where("figures", heard);
    let before = ben.expect_where("figures", heard);
    ann.signal("STOP");
    assert!(ben.stays_quiet_about("call_ended", MEDIA_SILENCE_MAX - Duration::from_secs(6)));
    ann.signal("CONT");
    for second in 0..5 {
        let told = ann.expect("figures");
        for way in ["loss_in", "loss_out"] {
            assert!(told[way].as_f64().expect("a share") < 0.02, "{second}: {told}");
        }
        assert!(told["members"][0]["heard_in"].as_f64().expect("a share") < 0.02, "{second}: {told}");
        assert_eq!(told["blame"]["hop"], "nobody", "{second}: {told}");
        assert!(told["round_trip_us"].as_u64().expect("known") < 1_000_000, "{second}: {told}");
        // Of the seconds in which nothing came.
        let nothing = |event: &Value| event["loss_in"].as_f64().is_some_and(|share| share > 0.99);
        let told = ben.expect_where("figures", |event| !nothing(event));
        assert!(told["loss_in"].as_f64().expect("a share") < 0.02, "{second}: {told}");
        assert_eq!((&told["frame_us"], &told["copies"]), (&before["frame_us"], &before["copies"]), "{told}");
    }
    ann.quit();
    ben.quit();
}

#[test]
fn of_two_both_name_the_way_and_a_volume_is_remembered() {
    let _turn = my_turn();
    let scratch = Scratch::new("way");
    let server = Server::start(&scratch);
    let (_road, mut ann) = behind(&scratch, "ann", &server, [LOSSY, CLEAN]);
    let mut ben = Headless::start(&scratch, "ben", &server, "tone", &[]);
    ann.befriend(&mut ben);
    talk(&mut ann, &mut [("ben", &mut ben)]);
    blames(&mut ann, "to_them", Some("ben"));
    let told = blames(&mut ben, "from_them", Some("ann"));
    let way = &told["members"][0];
    assert_eq!((&way["path"], way["muted"].as_bool()), (&Value::from("relay"), Some(false)), "{told}");
    assert!(way["mouth_to_ear_us"]["total"].as_u64().expect("known by now") > 10_000, "{told}");
    assert!(told["wire_in"].as_u64() > told["payload_out"].as_u64(), "{told}");
    ben.say("volume ann 80");
    ann.say("mute on");
    ben.expect_where("member", |event| event["who"] == "ann" && event["muted"] == true);
    ben.say("status");
    assert_eq!(ben.expect("status")["call"]["volumes"]["ann"], 80);
    ann.say("hangup");
    assert_eq!(ben.expect("call_ended")["summary"]["blame"]["hop"], "from_them");
    ann.expect("call_ended");
    // Another start of the program, another call.
    ben.quit();
    let mut ben = Headless::start(&scratch, "ben", &server, "tone", &[]);
    ben.expect_where("presence", |event| event["name"] == "ann" && event["state"] == "online");
    ben.say("call ann");
    ann.expect("incoming_call");
    ann.say("answer");
    let volume = ben.expect("volume");
    assert_eq!((&volume["who"], &volume["percent"]), (&Value::from("ann"), &Value::from(80)));
    ben.quit();
    ann.quit();
}
