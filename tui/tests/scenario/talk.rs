//! `tincan call` and `tincan answer`: the real program as a part of pipes, against the real server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use proto::limits::MEDIA_SILENCE_MAX;

use crate::harness::process::{Headless, Server, program};
use crate::harness::signal::{self, RATE, find, voice_like};
use crate::harness::{Scratch, assert_heard, my_turn, wait_for};

/// `tincan WORDS` of one profile; its lines are read, its sound is for the test.
struct Program {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Program {
    fn start(profile: PathBuf, words: &[&str]) -> Self {
        let mut child = program()
            .args(words)
            .arg("--profile")
            .arg(profile)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tincan starts");
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// Waits until it has said a line with these words.
    fn until(&mut self, words: &str) {
        wait_for(words, || {
            self.seen.extend(self.lines.try_iter());
            self.seen.iter().any(|line| line.contains(words)).then_some(())
        });
    }

    /// Everything it writes as sound, from now on.
    fn listen(&mut self) -> Receiver<Vec<f32>> {
        let mut stdout = self.child.stdout.take().expect("stdout is piped");
        let (tell, heard) = channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).expect("a pipe can be read");
            let samples = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
            let _ = tell.send(samples.map(|sample| f32::from(sample) / 32_768.0).collect());
        });
        heard
    }

    fn signal(&self, signal: &str) {
        let kill = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(kill.is_ok_and(|status| status.success()), "it runs");
    }

    /// How it ended, and all it said.
    fn end(mut self) -> (ExitStatus, String) {
        let status = wait_for("tincan to end", || self.child.try_wait().ok().flatten());
        // The thread that reads has come to the end, too.
        self.seen.extend(self.lines.iter());
        (status, self.seen.join("\n"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn raw(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|sample| signal::to_i16(*sample).to_le_bytes()).collect()
}

/// Alice and bob, contacts of each other, who are gone again.
fn friends(scratch: &Scratch) -> Server {
    let server = Server::start(scratch);
    let mut alice = Headless::start(scratch, "alice", &server, "null", &[]);
    let mut bob = Headless::start(scratch, "bob", &server, "null", &[]);
    alice.befriend(&mut bob);
    assert!(alice.quit().success() && bob.quit().success());
    server
}

/// A call from a pipe into a pipe.
struct Piped {
    alice: Program,
    bob: Program,
    /// Where alice speaks.
    microphone: ChildStdin,
    /// What bob heard, once his program has ended.
    heard: Receiver<Vec<f32>>,
}

impl Piped {
    /// Both are friends already.
    fn start(scratch: &Scratch) -> Self {
        let mut bob = Program::start(scratch.join("bob"), &["answer", "--once", "--out", "-"]);
        let heard = bob.listen();
        bob.until("waiting for a call");
        let mut alice = Program::start(scratch.join("alice"), &["call", "bob", "--in", "-"]);
        let microphone = alice.child.stdin.take().expect("stdin is piped");
        Self { alice, bob, microphone, heard }
    }
}

/// Both end well; what was heard.
fn both_end(alice: Program, bob: Program, heard: &Receiver<Vec<f32>>) -> Vec<f32> {
    for program in [alice, bob] {
        let (status, story) = program.end();
        assert_eq!(code(status), Some(0), "{story}");
    }
    heard.recv().expect("the output ended with the program")
}

fn code(status: ExitStatus) -> Option<i32> {
    status.code()
}

#[test]
fn what_is_piped_in_comes_out_of_the_other_pipe_from_its_first_word_on() {
    let _turn = my_turn();
    let scratch = Scratch::new("talk-pipe");
    let _server = friends(&scratch);
    let said = voice_like(3, 5.0);
    let Piped { alice, mut bob, mut microphone, heard } = Piped::start(&scratch);
    let bytes = raw(&said);
    let feed = std::thread::spawn(move || microphone.write_all(&bytes).expect("it reads to the end"));
    bob.until("alice is in the call");
    let heard = both_end(alice, bob, &heard);
    feed.join().expect("the pipe was read");
    // The very first word, too: it was held back until bob could open it.
    let meets = find(&said[..RATE / 2], &heard).at;
    let slack = meets.min(RATE / 2);
    assert_heard("a pipe into a pipe", &said, &heard[meets - slack..], slack);
}

#[test]
fn a_file_goes_to_the_echo_and_comes_back_into_a_file() {
    let _turn = my_turn();
    let scratch = Scratch::new("talk-echo");
    let server = Server::start(&scratch);
    let (input, output) = (scratch.join("in.wav"), scratch.join("out.wav"));
    let said = voice_like(4, 3.0);
    signal::write_wav(&input, &said);
    let (from, to) = (input.to_str().expect("ASCII"), output.to_str().expect("ASCII"));
    // A profile that was never there before: the invite lets it in.
    let words = ["call", "echo", "--in", from, "--out", to, "--server", &server.invite, "--name", "alice"];
    let mut alice = Program::start(scratch.join("alice"), &words);
    let printed = alice.listen();
    let (status, story) = alice.end();
    assert_eq!(code(status), Some(0), "{story}");
    assert!(printed.recv().expect("it ended").is_empty(), "standard output is for sound that was asked for");
    let heard = signal::read_wav(&output);
    let meets = find(&said[..RATE / 2], &heard).at;
    let slack = meets.min(RATE / 2);
    assert_heard("the echo of a file", &said, &heard[meets - slack..], slack);
}

#[test]
fn a_reader_that_goes_away_and_an_interrupt_end_the_call_in_order() {
    let _turn = my_turn();
    let scratch = Scratch::new("talk-ends");
    let _server = friends(&scratch);
    let mut bob = Program::start(scratch.join("bob"), &["answer", "alice", "--out", "-"]);
    bob.until("waiting for a call of alice");
    let mut alice = Program::start(scratch.join("alice"), &["call", "bob", "--out", "-"]);
    bob.until("alice is in the call");
    alice.until("bob is in the call");
    alice.signal("-INT");
    let (status, story) = alice.end();
    assert_eq!(code(status), Some(130), "{story}");
    bob.until("alice hung up");

    let mut alice = Program::start(scratch.join("alice"), &["call", "bob", "--in", "-"]);
    alice.until("bob is in the call");
    // As head(1) does when it has enough.
    drop(bob.child.stdout.take());
    let (status, story) = bob.end();
    assert_eq!(code(status), Some(0), "{story}");
    assert!(story.contains("nobody reads standard output"), "{story}");
    alice.until("bob hung up");
    let (status, story) = alice.end();
    assert_eq!(code(status), Some(0), "{story}");
}

#[test]
fn the_exit_says_why_there_was_no_call() {
    let _turn = my_turn();
    let scratch = Scratch::new("talk-exit");
    let mut server = friends(&scratch);
    let run = |words: &[&str]| {
        let (status, story) = Program::start(scratch.join("alice"), words).end();
        (code(status), story)
    };
    assert_eq!(run(&["call", "bob", "--in", "no-such.wav"]).0, Some(1));
    let (exit, story) = run(&["call", "nobody-here", "--device", "null"]);
    assert_eq!(exit, Some(5), "{story}");
    let (exit, story) = run(&["call", "bob", "--device", "null"]);
    assert_eq!(exit, Some(5), "bob is not there: {story}");
    assert_eq!(run(&["call"]).0, Some(2));

    let mut bob = Program::start(scratch.join("bob"), &["answer", "carol", "--device", "null"]);
    bob.until("waiting");
    let (exit, story) = run(&["call", "bob", "--device", "null"]);
    assert_eq!(exit, Some(5), "bob waits for somebody else: {story}");
    assert!(story.contains("declined"), "{story}");
    bob.until("alice calls and is declined");
    server.kill();
    let (exit, story) = run(&["call", "bob", "--device", "null"]);
    assert_eq!(exit, Some(3), "{story}");
}

#[test]
fn a_call_whose_machines_slept_longer_than_silence_is_borne_goes_on() {
    let _turn = my_turn();
    let scratch = Scratch::new("talk-sleep");
    let _server = friends(&scratch);
    let said = voice_like(5, 8.0);
    let Piped { alice, mut bob, mut microphone, heard } = Piped::start(&scratch);
    let (bytes, half) = (raw(&said), said.len());
    let (slept, sleeps) = channel::<()>();
    let feed = std::thread::spawn(move || {
        microphone.write_all(&bytes[..half]).expect("it reads half of it");
        // The rest is said after the sleep.
        let _ = sleeps.recv();
        microphone.write_all(&bytes[half..]).expect("it reads to the end");
    });
    bob.until("alice is in the call");
    // Nobody hears anybody for longer than a call bears; neither is there to notice.
    alice.signal("-STOP");
    bob.signal("-STOP");
    std::thread::sleep(MEDIA_SILENCE_MAX + Duration::from_secs(2));
    bob.signal("-CONT");
    alice.signal("-CONT");
    slept.send(()).expect("the microphone waits");
    let heard = both_end(alice, bob, &heard);
    feed.join().expect("the pipe was read");
    // All that was said afterwards. What was on its way when they fell asleep is of before.
    let after = &said[said.len() / 2 + RATE..];
    let meets = find(&after[..RATE / 2], &heard).at;
    let slack = meets.min(RATE / 2);
    assert_heard("what is said after the sleep", after, &heard[meets - slack..], slack);
    // The sleep itself is no part of the call: neither was it made up for, nor is it in what was heard.
    assert!(heard.len() < said.len() + 4 * RATE, "{} s were heard", heard.len() / RATE);
}
