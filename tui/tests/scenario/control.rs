//! The control socket of the real program: `tincan mute`, `answer`, `hangup`, `ptt` and `status` beside it, and
//! whoever else comes to the socket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use crate::harness::process::{Headless, Server, program, tincan};
use crate::harness::terminal::Terminal;
use crate::harness::{Scratch, wait_for};
use serde_json::Value;

/// Runs to the end with the profile of `who`.
fn ask(scratch: &Scratch, who: &str, args: &[&str]) -> Output {
    let mut command = program();
    command.args(args).arg("--profile").arg(scratch.join(who)).envs(runtime(scratch));
    command.stdin(Stdio::null()).output().expect("tincan starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn status(scratch: &Scratch, who: &str) -> Value {
    let output = ask(scratch, who, &["status", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

/// A runtime directory as the XDG specification wants it.
fn runtime(scratch: &Scratch) -> Vec<(String, String)> {
    let dir = scratch.join("runtime");
    std::fs::create_dir_all(&dir).expect("the scratch directory takes another");
    std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o700)).expect("it is ours");
    vec![("XDG_RUNTIME_DIR".into(), dir.display().to_string())]
}

fn client(scratch: &Scratch, server: &Server, name: &str) -> Headless {
    Headless::start(scratch, name, server, "null", &runtime(scratch))
}

/// Where the client of this profile listens: what it wrote into its lock.
fn socket(profile: &Path) -> PathBuf {
    PathBuf::from(std::fs::read_to_string(profile.join("lock")).expect("the client runs"))
}

fn screen(scratch: &Scratch, server: &Server, name: &str) -> Terminal {
    let profile = scratch.join(name);
    let profile = profile.to_str().expect("the scratch directory has a plain name");
    let args = ["--device", "null", "--profile", profile, &server.invite];
    let mut terminal = Terminal::start(name, tincan(), &args, &runtime(scratch));
    terminal.first_run(name);
    terminal
}

#[test]
fn a_call_is_answered_muted_and_left_by_commands() {
    let scratch = Scratch::new("control-call");
    let server = Server::start(&scratch);
    let mut bob = client(&scratch, &server, "bob");
    let mut alice = screen(&scratch, &server, "alice");
    bob.say("add alice");
    alice.press_until("A", "● bob");
    bob.expect_where("accepted", |event| event["name"] == "alice");
    assert_eq!(status(&scratch, "alice")["connection"], "online");
    let nothing = ask(&scratch, "alice", &["hangup"]);
    assert_eq!((nothing.status.code(), nothing.stdout.is_empty()), (Some(1), true));
    assert_eq!(String::from_utf8_lossy(&nothing.stderr), "tincan: there is no call\n");

    bob.say("call alice");
    wait_for("the ring", || (status(&scratch, "alice")["incoming"] == "bob").then_some(()));
    let answered = ask(&scratch, "alice", &["answer"]);
    assert_eq!((answered.status.code(), said(&answered).as_str()), (Some(0), "answering bob"));
    bob.expect("call_live");
    wait_for("the call", || (status(&scratch, "alice")["live"] == true).then_some(()));
    assert_eq!(said(&ask(&scratch, "alice", &["mute"])), "muted");
    alice.see("muted");
    let now = status(&scratch, "alice");
    let call = &now["call"];
    assert_eq!((&now["muted"], &now["live"]), (&true.into(), &false.into()));
    assert_eq!(
        (&call["state"], &call["with"][0], &call["encrypted"]),
        (&"live".into(), &"bob".into(), &true.into())
    );
    // The one without a screen is asked in the same words.
    assert_eq!(status(&scratch, "bob")["call"]["with"][0], "alice");
    assert_eq!(said(&ask(&scratch, "bob", &["mute", "on"])), "muted");
    assert!(said(&ask(&scratch, "alice", &["status"])).contains("in a call with bob for"));
    assert_eq!(said(&ask(&scratch, "bob", &["hangup"])), "hanging up");
    bob.expect("call_ended");
    wait_for("the end", || status(&scratch, "alice")["call"].is_null().then_some(()));
}

#[test]
fn a_killed_client_leaves_nothing_that_stays_in_the_way() {
    let scratch = Scratch::new("control-killed");
    let server = Server::start(&scratch);
    let nobody = ask(&scratch, "alice", &["status"]);
    assert_eq!((nobody.status.code(), nobody.stdout.is_empty()), (Some(1), true));
    let words = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(words.contains("no tincan runs with the profile") && words.contains("start one"), "{words}");
    assert!(!scratch.join("alice").exists(), "asking makes no profile");

    let alice = client(&scratch, &server, "alice");
    let path = socket(&scratch.join("alice"));
    assert!(path.starts_with(scratch.join("runtime")), "{}", path.display());
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().expect("it is in a folder"))), (0o600, 0o700));
    // As kill -9 does; the socket's file and its name in the lock stay.
    drop(alice);
    assert!(path.exists());
    assert_eq!(ask(&scratch, "alice", &["mute"]).status.code(), Some(1));
    let alice = client(&scratch, &server, "alice");
    assert_eq!(socket(&scratch.join("alice")), path);
    assert_eq!(status(&scratch, "alice")["name"], "alice");
    alice.quit();
    assert!(!path.exists());
    assert_eq!(ask(&scratch, "alice", &["status"]).status.code(), Some(1));
}

#[test]
fn two_profiles_have_a_socket_each() {
    let scratch = Scratch::new("control-two");
    let server = Server::start(&scratch);
    let (_alice, _bob) = (client(&scratch, &server, "alice"), client(&scratch, &server, "bob"));
    assert_ne!(socket(&scratch.join("alice")), socket(&scratch.join("bob")));
    assert_eq!(status(&scratch, "alice")["name"], "alice");
    assert_eq!(status(&scratch, "bob")["name"], "bob");
}

/// Hostile bytes, half lines, idle connections and a flood: the screen goes on, and so does everybody else.
#[test]
fn whoever_comes_to_the_socket_the_screen_goes_on() {
    let scratch = Scratch::new("control-hostile");
    let server = Server::start(&scratch);
    let mut alice = screen(&scratch, &server, "alice");
    let path = socket(&scratch.join("alice"));
    let connect = || {
        let stream = UnixStream::connect(&path).expect("the door is open");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time is a time");
        stream
    };
    let mut rude = connect();
    rude.write_all(b"\x1b]0;owned\x07\xff\xfe{\"do\":\x1b[2J\n").expect("it listens");
    let mut reply = String::new();
    rude.read_to_string(&mut reply).expect("it answers and closes");
    assert!(reply.starts_with("{\"code\":\"malformed\"") && reply.ends_with("\n"), "{reply}");
    let mut half = connect();
    half.write_all(b"{\"do\":\"mu").expect("it listens");
    let idle: Vec<_> = (0..50).map(|_| connect()).collect();
    let mut flood = connect();
    let flooding = std::thread::spawn(move || {
        let many = b"{\"do\":\"mute\",\"to\":\"toggle\"}\n".repeat(50);
        // Nobody reads the answers, so that it is shown out in the end.
        while flood.write_all(&many).is_ok() {}
    });
    alice.press("a");
    alice.see("Add a contact");
    alice.press("grace");
    alice.see("grace");
    assert_eq!(status(&scratch, "alice")["name"], "alice");
    flooding.join().expect("the flood was ended");
    drop(idle);
    let mut polite = connect();
    polite.write_all(b"{\"do\":\"status\"}\n{\"do\":\"hangup\"}\n").expect("it listens");
    let mut lines = BufReader::new(&polite).lines().map_while(Result::ok);
    let first: Value = serde_json::from_str(&lines.next().expect("an answer")).expect("JSON");
    let second: Value = serde_json::from_str(&lines.next().expect("another")).expect("JSON");
    assert_eq!((&first["ok"], &first["status"]["name"]), (&true.into(), &"alice".into()));
    assert_eq!((&second["ok"], &second["code"]), (&false.into(), &"no_call".into()));
    alice.press("\x1b");
    alice.see_no("Add a contact");
}
