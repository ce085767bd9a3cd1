//! `tincan --headless` and `tincan invite`, against the real server.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::harness::process::{Headless, Server, program};
use crate::harness::{Scratch, wait_for};

fn client(scratch: &Scratch, server: &Server, name: &str) -> Headless {
    Headless::start(scratch, name, server, "null", &[])
}

fn friends(scratch: &Scratch, server: &Server) -> (Headless, Headless) {
    let (mut alice, mut bob) = (client(scratch, server, "alice"), client(scratch, server, "bob"));
    alice.say("add bob");
    bob.expect_where("request", |event| event["from"] == "alice");
    bob.say("accept alice");
    alice.expect_where("accepted", |event| event["name"] == "bob");
    (alice, bob)
}

/// Runs to the end with nothing to read.
fn run(args: &[&str]) -> Output {
    program().args(args).stdin(Stdio::null()).output().expect("tincan starts")
}

#[test]
fn texts_and_contacts_survive_both_ends_dying() {
    let scratch = Scratch::new("headless-texts");
    let mut server = Server::start(&scratch);
    let (mut alice, mut bob) = friends(&scratch, &server);
    alice.say("say bob  hello  there");
    bob.expect_where("message", |event| event["text"] == " hello  there" && event["from"] == "alice");
    alice.expect_where("message_state", |event| event["state"] == "delivered");

    server.kill();
    alice.expect_where("error", |event| event["code"] == "unreachable");
    alice.say("say bob while away");
    alice.expect_where("message_state", |event| event["state"] == "waiting");
    server.restart();
    bob.expect_where("message", |event| event["text"] == "while away");
    alice.expect_where("message_state", |event| event["state"] == "delivered");

    assert_eq!(bob.quit().code(), Some(0));
    alice.expect_where("presence", |event| event["name"] == "bob" && event["state"] == "offline");
    alice.say("say bob to nobody");
    alice.expect_where("message_state", |event| event["state"] == "waiting");
    drop(alice);
    let mut alice = client(&scratch, &server, "alice");
    let mut bob = client(&scratch, &server, "bob");
    bob.expect_where("message", |event| event["text"] == "to nobody");
    alice.expect_where("message_state", |event| event["state"] == "delivered");
    alice.say("contacts");
    alice.expect_where("contacts", |event| {
        let list = event["list"].as_array().into_iter().flatten();
        list.clone().any(|contact| contact["name"] == "bob" && contact["standing"] == "mutual")
    });
}

/// How many messages with requests the server keeps.
fn kept(server: &Server) -> i64 {
    let db = rusqlite::Connection::open(server.data().join("server.db")).expect("the server's store");
    db.query_row("SELECT count(*) FROM greeting", [], |row| row.get(0)).expect("it has a table for them")
}

#[test]
fn a_message_with_a_request_is_read_after_both_ends_died_and_never_by_the_server() {
    let scratch = Scratch::new("headless-greeting");
    let mut server = Server::start(&scratch);
    let (mut alice, bob) = (client(&scratch, &server, "alice"), client(&scratch, &server, "bob"));
    drop(bob);
    alice.say("add bob the rhubarb is mine");
    wait_for("the server keeps it", || (kept(&server) == 1).then_some(()));
    drop(alice);
    server.kill();
    for file in std::fs::read_dir(server.data()).expect("the server's data") {
        let bytes = std::fs::read(file.expect("an entry").path()).unwrap_or_default();
        assert!(!bytes.windows(7).any(|part| part == b"rhubarb"), "the server can read it");
    }
    server.restart();
    let mut bob = client(&scratch, &server, "bob");
    bob.expect_where("request", |event| event["from"] == "alice");
    bob.expect_where("greeting", |event| event["from"] == "alice" && event["text"] == "the rhubarb is mine");
    bob.say("contacts");
    bob.expect_where("contacts", |event| {
        let mut list = event["list"].as_array().into_iter().flatten();
        list.any(|one| one["name"] == "alice" && one["greeting"] == "the rhubarb is mine")
    });
    bob.say("accept alice");
    wait_for("the server has forgotten it", || (kept(&server) == 0).then_some(()));
}

#[test]
fn a_call_is_placed_answered_and_left() {
    let scratch = Scratch::new("headless-call");
    let server = Server::start(&scratch);
    let (mut alice, mut bob) = friends(&scratch, &server);
    alice.say("call bob");
    bob.expect_where("incoming_call", |event| event["from"] == "alice");
    alice.expect_where("call_ringing", |event| event["to"] == "bob");
    bob.say("answer");
    alice.expect("call_live");
    bob.expect("call_live");
    alice.say("mute on");
    alice.say("status");
    let status = alice.expect("status");
    assert_eq!((&status["muted"], &status["call"]["state"]), (&true.into(), &"live".into()));
    bob.say("hangup");
    alice.expect_where("call_ended", |event| event["reason"] == "they_hung_up");
    bob.expect_where("call_ended", |event| event["reason"] == "hung_up");
    alice.say("call bob");
    bob.expect("incoming_call");
    bob.say("decline");
    alice.expect_where("call_ended", |event| event["reason"] == "declined");
}

#[test]
fn an_invite_makes_a_contact_whoever_prints_it() {
    let scratch = Scratch::new("headless-invite");
    let mut server = Server::start(&scratch);
    let mut alice = client(&scratch, &server, "alice");
    let profile = scratch.join("alice");
    let print = || {
        let output = run(&["invite", "--profile", profile.to_str().expect("a path of ASCII")]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a link is ASCII").trim().to_owned()
    };
    let servers_own = server.invite.clone();
    server.invite = print();
    assert!(server.invite.contains("/alice#"), "{}", server.invite);
    let bob = client(&scratch, &server, "bob");
    alice.expect_where("accepted", |event| event["name"] == "bob");
    assert_eq!(alice.quit().code(), Some(0));

    // Nobody runs on the profile now, so the second one logs in itself.
    server.invite = print();
    assert_ne!(server.invite, servers_own);
    let mut carol = client(&scratch, &server, "carol");
    let mut alice = client(&scratch, &server, "alice");
    carol.expect_where("presence", |event| event["name"] == "alice" && event["state"] == "online");
    alice.say("invite");
    assert!(alice.expect("invite")["url"].as_str().is_some_and(|url| url.starts_with("tincan://")));
    drop(bob);
}

#[test]
fn the_exit_says_what_went_wrong() {
    let scratch = Scratch::new("headless-exit");
    let server = Server::start(&scratch);
    let code = |args: &[&str]| run(args).status.code();
    let (path, address) = (scratch.join("dave"), server.address.to_string());
    let profile = path.to_str().expect("a path of ASCII");
    let headless = ["--headless", "--device", "null", "--profile", profile];
    let with = |more: &[&str]| code(&[&headless[..], more].concat());

    assert_eq!(with(&[]), Some(2), "no server is known");
    assert_eq!(with(&["--device", "wav:", &address]), Some(2), "an option twice");
    assert_eq!(with(&["a/b"]), Some(2));
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let nobody = free.local_addr().expect("a bound socket has an address").to_string();
    drop(free);
    assert_eq!(with(&["--name", "dave", &nobody]), Some(3));
    let foreign = ["--protocol", "binary", "--bind", "192.0.2.1", "127.0.0.1:9"];
    assert_eq!(with(&foreign), Some(2), "an address of documentation is nobody's");
    let other = format!("SHA256:{}", "A".repeat(43));
    assert_eq!(with(&["--name", "dave", "--pin", &other, &address]), Some(4), "another key");
    assert_eq!(with(&["--name", "dave", &address]), Some(4), "no invite");
    assert_eq!(with(&["--name", "dave", &server.invite]), Some(0), "the end of input quits");
    assert_eq!(with(&[]), Some(0), "the server used last, and the name it knows");

    let dave = Headless::start(&scratch, "dave", &server, "null", &[]);
    assert_eq!(with(&[&address]), Some(1), "the profile is in use");
    drop(dave);
    assert_eq!(
        code(&["invite", "--profile", scratch.join("nobody").to_str().expect("a path of ASCII")]),
        Some(2)
    );
}

#[test]
fn an_interrupted_program_says_so() {
    let scratch = Scratch::new("headless-signal");
    let server = Server::start(&scratch);
    for (signal, code) in [("-INT", 130), ("-TERM", 0)] {
        let mut child = program()
            .args(["--headless", "--device", "null", "--name", "erin", "--profile"])
            .arg(scratch.join("erin"))
            .arg(&server.invite)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tincan starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        assert!(lines.next().is_some_and(|line| line.is_ok_and(|line| line.contains("login"))));
        let pid = child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().is_ok_and(|status| status.success()));
        let status = wait_for("the client to end", || child.try_wait().ok().flatten());
        assert_eq!(status.code(), Some(code), "{signal}");
    }
}

#[test]
fn what_cannot_be_done_is_said_and_nothing_else_happens() {
    let scratch = Scratch::new("headless-errors");
    let server = Server::start(&scratch);
    let mut alice = client(&scratch, &server, "alice");
    for (line, code) in [
        ("dance", "usage"),
        ("add", "usage"),
        ("volume bob 201", "usage"),
        ("volume bob 100", "no_call"),
        ("add nobody-here", "no_such_user"),
        ("add alice", "oneself"),
        ("answer", "no_call"),
        ("say bob hello", "not_contact"),
    ] {
        alice.say(line);
        let event = alice.expect("error");
        assert_eq!(event["code"], code, "{line}: {event}");
    }
    alice.say("help");
    let help = alice.expect("help");
    let commands: Vec<&str> =
        help["commands"].as_array().into_iter().flatten().filter_map(|row| row["command"].as_str()).collect();
    assert!(
        ["add NAME [MESSAGE]", "figures on|off", "record on|off", "quit"]
            .iter()
            .all(|usage| commands.contains(usage)),
        "{help}"
    );
    assert!(alice.stays_quiet_about("error", Duration::from_millis(300)));
}
