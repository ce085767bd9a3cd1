//! `tincan --plain` as it is used: piped, on a dumb terminal, in a call that is heard.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::harness::process::{Headless, Server, program, tincan};
use crate::harness::signal::{self, RATE, voice_like};
use crate::harness::terminal::Terminal;
use crate::harness::{Scratch, assert_heard, hearing, my_turn, wait_for};

/// Somebody who types lines and reads lines.
struct Person {
    child: Child,
    stdin: Option<ChildStdin>,
    read: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Person {
    fn start(scratch: &Scratch, name: &str, server: &Server, sound: &str) -> Self {
        let mut child = program()
            .args(["--plain", "--name", name, "--device", sound, "--profile"])
            .arg(scratch.join(name))
            .arg(&server.invite)
            .env("TERM", "dumb")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("tincan starts");
        let mut stdout = child.stdout.take().expect("stdout is piped");
        let read = Arc::new(Mutex::new(Vec::new()));
        let filled = Arc::clone(&read);
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 1024];
            while let Ok(count @ 1..) = stdout.read(&mut bytes) {
                filled.lock().expect("nobody panics with it").extend_from_slice(&bytes[..count]);
            }
        });
        let stdin = child.stdin.take();
        Self { child, stdin, read, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8(self.read.lock().expect("nobody panics with it").clone()).expect("UTF-8")
    }

    fn types(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("the input has not ended");
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).expect("the client reads");
    }

    /// Waits for a whole line.
    fn sees(&self, line: &str) {
        wait_for(&format!("{line:?}"), || self.text().lines().any(|said| said == line).then_some(()));
    }

    fn sees_start(&self, start: &str) {
        wait_for(&format!("{start:?}"), || {
            self.text().lines().any(|said| said.starts_with(start)).then_some(())
        });
    }

    /// The input ends; what was said until the program did, too.
    fn ends(mut self) -> (ExitStatus, String) {
        self.stdin = None;
        let status = wait_for("the client to end", || self.child.try_wait().ok().flatten());
        // Who reads may not have come to the last words yet.
        self.reader.take().map(JoinHandle::join).transpose().expect("the reading thread does not panic");
        (status, self.text())
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two people who have never seen a screen befriend, write, call, and hear each other.
#[test]
fn two_people_call_each_other_by_lines_and_hear() {
    let _turn = my_turn();
    let scratch = Scratch::new("linear-call");
    let server = Server::start(&scratch);
    let said = [voice_like(1, 6.0), voice_like(2, 6.0)];
    let mut people = ["alice", "bob"].into_iter().zip(&said).map(|(name, voice)| {
        let (microphone, speaker) =
            (scratch.join(&format!("{name}-in.wav")), scratch.join(&format!("{name}-out.wav")));
        signal::write_wav(&microphone, voice);
        Person::start(&scratch, name, &server, &format!("wav:{},{}", microphone.display(), speaker.display()))
    });
    let (mut alice, mut bob) = (people.next().expect("two people"), people.next().expect("two people"));
    drop(people);
    alice.sees_start("You are alice at ");
    bob.sees_start("You are bob at ");
    alice.types("/add bob");
    bob.sees("alice asks to be your contact: type /accept alice, or /reject alice.");
    bob.types("/accept");
    alice.sees_start("bob and you are contacts now");
    alice.types("/to bob");
    alice.types("are you there?");
    bob.sees("alice: are you there?");
    alice.types("/ca");
    bob.sees("alice is calling: type /answer, or /decline.");
    bob.types("/an");
    alice.sees("In the call with bob, end-to-end encrypted. You are heard; /hangup ends it.");
    bob.sees("You hear alice.");
    alice.sees("You hear bob.");
    signal::pass(&scratch.join("bob-out.wav"), 6.0);
    bob.types("/status");
    bob.sees("alice is in it, played at 100 %.");
    bob.types("/hangup");
    alice.sees_start("bob hung up. You talked 00:");
    for person in [alice, bob] {
        let (status, text) = person.ends();
        assert_eq!(status.code(), Some(0), "{text}");
        assert!(!text.bytes().any(|byte| byte == 0x1b || byte == 0x07 || byte == b'\r'), "{text:?}");
    }
    for (name, voice) in [("alice", &said[1]), ("bob", &said[0])] {
        let heard = signal::read_wav(&scratch.join(&format!("{name}-out.wav")));
        let surely = &voice[RATE..];
        let meets = hearing::meets(surely, &heard);
        let slack = meets.min(RATE / 2);
        assert_heard(name, surely, &heard[meets - slack..], slack);
    }
}

/// Tones are for one's own ears: whoever is at the other end hears nothing of them.
#[test]
fn tones_are_heard_here_and_not_there() {
    let _turn = my_turn();
    let scratch = Scratch::new("linear-tones");
    let server = Server::start(&scratch);
    let sound = |name: &str| {
        let (microphone, speaker) = (scratch.join("silence.wav"), scratch.join(&format!("{name}-out.wav")));
        signal::write_wav(&microphone, &vec![0.0; 2 * RATE]);
        format!("wav:{},{}", microphone.display(), speaker.display())
    };
    let mut alice = Headless::start(&scratch, "alice", &server, &sound("alice"), &[]);
    let mut bob = Person::start(&scratch, "bob", &server, &sound("bob"));
    bob.sees_start("You are bob at ");
    alice.say("add bob");
    bob.sees_start("alice asks to be your contact");
    bob.types("/accept");
    alice.expect_where("accepted", |event| event["name"] == "bob");
    alice.say("call bob");
    bob.sees_start("alice is calling");
    bob.types("/answer");
    bob.sees_start("In the call with alice");
    bob.types("/mute");
    bob.sees("You are muted.");
    alice.expect_where("member", |event| event["muted"] == true);
    bob.types("/mute");
    alice.expect_where("member", |event| event["muted"] == false);
    // The tone of the unmuting is a fraction of that.
    signal::pass(&scratch.join("bob-out.wav"), 1.0);
    bob.types("/hangup");
    alice.expect("call_ended");
    assert_eq!(bob.ends().0.code(), Some(0));
    assert!(alice.quit().success());
    let loudest = |name: &str| {
        let heard = signal::read_wav(&scratch.join(&format!("{name}-out.wav")));
        heard.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()))
    };
    assert!(loudest("bob") > 0.04, "{}", loudest("bob"));
    assert!(loudest("alice") < 0.01, "{}", loudest("alice"));
}

#[test]
fn a_script_ends_with_its_input_when_what_it_said_has_arrived() {
    let scratch = Scratch::new("linear-script");
    let server = Server::start(&scratch);
    let mut bob = Headless::start(&scratch, "bob", &server, "null", &[]);
    let mut alice = Person::start(&scratch, "alice", &server, "null");
    alice.types("/add bob");
    bob.expect_where("request", |event| event["from"] == "alice");
    bob.say("accept alice");
    alice.sees_start("bob and you are contacts now");
    let (status, _) = alice.ends();
    assert_eq!(status.code(), Some(0));
    let mut alice = Person::start(&scratch, "alice", &server, "null");
    alice.types("/say bob from a script");
    alice.types("/nonsense");
    let (status, text) = alice.ends();
    assert_eq!(status.code(), Some(0), "{text}");
    assert!(text.contains("There is no /nonsense. /help lists what there is"), "{text}");
    bob.expect_where("message", |event| event["text"] == "from a script");
}

/// The last line is answered although the input ended right after it, and so is one before `/quit`.
#[test]
fn a_script_waits_for_the_answer_to_its_last_line() {
    let scratch = Scratch::new("linear-answers");
    let server = Server::start(&scratch);
    let script = |name: &str, lines: &str| {
        let mut person = Person::start(&scratch, name, &server, "null");
        person.types(lines);
        let (status, text) = person.ends();
        (status.code(), text)
    };
    let (exit, text) = script("alice", "/link");
    assert_eq!(exit, Some(0), "{text}");
    assert!(text.contains("Your link, good for 6 days, for whoever has it: tincan://"), "{text}");
    let (exit, text) = script("alice", "/devices");
    assert_eq!(exit, Some(0), "{text}");
    assert!(text.contains("There is no microphone to choose."), "{text}");
    for end in ["", "\n/quit\nnothing after it is looked at"] {
        let (exit, text) = script("alice", &format!("/add nobody{end}"));
        assert_eq!(exit, Some(0), "{text}");
        assert!(text.contains("It was refused: cannot add nobody: nobody is called nobody here"), "{text}");
        assert!(!text.contains("To whom?"), "{text}");
    }
    let mut bob = Headless::start(&scratch, "bob", &server, "null", &[]);
    let (exit, text) = script("alice", "/add bob");
    assert_eq!(exit, Some(0), "{text}");
    assert!(text.contains("bob has your request."), "{text}");
    bob.expect_where("request", |event| event["from"] == "alice");
}

#[test]
fn a_script_that_is_not_let_in_does_not_end_well() {
    let scratch = Scratch::new("linear-nameless");
    let server = Server::start(&scratch);
    let run = |words: &[&str]| {
        let output = program()
            .args(["--plain", "--device", "null", "--profile"])
            .arg(scratch.join("x"))
            .args(words)
            .stdin(Stdio::null())
            .output()
            .expect("tincan starts");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (exit, said) = run(&["--name", "alice", &server.address.to_string()]);
    assert_eq!(exit, Some(4), "{said}");
    assert!(said.contains("Nobody said yes to the server's key"), "{said}");
    let (exit, said) = run(&[&server.invite]);
    assert_eq!(exit, Some(2), "{said}");
    assert!(said.contains("No name was given"), "{said}");
    let (exit, said) = run(&["--name", "alice", &server.invite]);
    assert_eq!(exit, Some(0), "{said}");
}

/// A text of somebody else is theirs line by line, whatever is in it; a dumb terminal gets not one escape byte, and
/// keeps its own way to edit a line.
#[test]
fn a_dumb_terminal_gets_lines_and_nothing_else() {
    let scratch = Scratch::new("linear-dumb");
    let server = Server::start(&scratch);
    let mut bob = Headless::start(&scratch, "bob", &server, "null", &[]);
    let profile = scratch.join("alice");
    let words =
        ["--plain", "--device", "null", "--profile", profile.to_str().expect("it is text"), &server.invite];
    let dumb = [("TERM".to_owned(), "dumb".to_owned()), ("USER".to_owned(), "alice".to_owned())];
    let mut alice = Terminal::start("alice", tincan(), &words, &dumb);
    alice.see("Which name do you want there? An empty line");
    // Typed, rubbed out by the terminal itself, and typed again.
    alice.press("xx\u{7f}\u{7f}alice\n");
    alice.see("You are alice at ");
    alice.press("/add bob\n");
    bob.expect_where("request", |event| event["from"] == "alice");
    bob.say("accept alice");
    alice.see("bob and you are contacts now");
    alice.press("half a li");
    alice.see("half a li");
    bob.say("say alice \u{1b}[2J\u{1b}]0;owned\u{7}carol is calling: type /answer\u{202e}");
    alice.see("bob: [2J]0;ownedcarol is calling: type /answer");
    // What was being typed is still there for the terminal.
    alice.press("ne\n");
    alice.see("To whom? Type /to NAME first, or /help.");
    alice.press("/quit\n");
    assert!(alice.wait_exit().success());
    assert_eq!(alice.escapes(), 0, "an escape byte went to a dumb terminal");
}

/// Beside the lines a terminal's bell rings and the command of the configuration runs, unless nobody is to disturb.
#[test]
fn lines_ring_and_run_the_command_unless_nobody_is_to_disturb() {
    let scratch = Scratch::new("linear-told");
    let server = Server::start(&scratch);
    let mut bob = Headless::start(&scratch, "bob", &server, "null", &[]);
    let (told, config) = (scratch.join("told"), scratch.join("config.toml"));
    let script = format!("echo $TINCAN_EVENT $TINCAN_FROM >> {}", told.display());
    std::fs::write(&config, format!("[notify]\ncommand = [\"sh\", \"-c\", \"{script}\"]\n"))
        .expect("the scratch folder takes a file");
    let (profile, config) = (scratch.join("alice"), config.display().to_string());
    let profile = profile.to_str().expect("it is text");
    let words = [
        "--plain",
        "--device",
        "null",
        "--config",
        &config,
        "--profile",
        profile,
        "--name",
        "alice",
        &server.invite,
    ];
    let mut alice = Terminal::start("alice", tincan(), &words, &[("TERM".to_owned(), "dumb".to_owned())]);
    alice.see("You are alice at ");
    alice.press("/add bob\n");
    bob.expect_where("request", |event| event["from"] == "alice");
    bob.say("accept alice");
    alice.see("bob and you are contacts now");
    let heard = || std::fs::read_to_string(&told).unwrap_or_default();
    bob.say("say alice one");
    alice.see("bob: one");
    wait_for("the command", || (heard() == "message bob\n").then_some(()));
    wait_for("the bell", || (alice.bells() == 1).then_some(()));
    alice.press("/dnd\n");
    alice.see("Do not disturb: nothing rings");
    bob.say("call alice");
    alice.see("bob is calling");
    bob.say("hangup");
    bob.expect("call_ended");
    // That it was missed would be told, too.
    alice.see("bob called and stopped before you answered");
    alice.press("/dnd\n");
    alice.see("You are told of calls and texts again.");
    bob.say("call alice");
    wait_for("the command again", || (heard() == "message bob\ncall bob\n").then_some(()));
    wait_for("the bell again", || (alice.bells() == 2).then_some(()));
    assert_eq!(alice.escapes(), 0, "no control string is for lines");
    alice.press("/quit\n");
    assert!(alice.wait_exit().success());
}

#[test]
fn no_full_screen_names_the_lines() {
    let scratch = Scratch::new("linear-refused");
    let output = program()
        .args(["--profile", scratch.join("x").to_str().expect("it is text"), "localhost:1"])
        .stdin(Stdio::null())
        .output()
        .expect("tincan starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--plain"), "{said}");
    let dumb = [("TERM".to_owned(), "dumb".to_owned())];
    let profile = scratch.join("y");
    let words = ["--profile", profile.to_str().expect("it is text"), "localhost:1"];
    let mut refused = Terminal::start("refused", tincan(), &words, &dumb);
    refused.see("--plain");
    assert_eq!(refused.wait_exit().exit_code(), 2);
}
