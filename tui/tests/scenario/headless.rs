//! Two people without a screen: wav files are their microphones and speakers.

use std::time::{Duration, Instant};

use crate::harness::hearing;
use crate::harness::process::{Headless, Server};
use crate::harness::signal::{self, RATE, level_db, silences, voice_like};
use crate::harness::{Scratch, Turn, assert_heard, my_turn};

/// Alice and bob, contacts of each other, each with a microphone that says `seconds` of an own voice.
struct Pair {
    scratch: Scratch,
    server: Server,
    alice: Headless,
    bob: Headless,
    said: [Vec<f32>; 2],
    _turn: Turn,
}

impl Pair {
    fn meet(seconds: f64) -> Self {
        let turn = my_turn();
        let scratch = Scratch::new("headless");
        let server = Server::start(&scratch);
        let said = [voice_like(1, seconds), voice_like(2, seconds)];
        let mut people = ["alice", "bob"].into_iter().zip(&said).map(|(name, voice)| {
            let microphone = scratch.join(&format!("{name}-in.wav"));
            signal::write_wav(&microphone, voice);
            let speaker = scratch.join(&format!("{name}-out.wav"));
            let sound = format!("wav:{},{}", microphone.display(), speaker.display());
            Headless::start(&scratch, name, &server, &sound, &[])
        });
        let (mut alice, mut bob) = (people.next().expect("two people"), people.next().expect("two people"));
        drop(people);
        alice.befriend(&mut bob);
        Self { scratch, server, alice, bob, said, _turn: turn }
    }

    fn call(&mut self) {
        self.alice.say("call bob");
        self.bob.expect_where("incoming_call", |event| event["from"] == "alice");
        self.alice.expect("call_ringing");
        self.bob.say("answer");
        self.alice.expect_where("call_live", |event| event["with"] == "bob");
        self.bob.expect_where("call_live", |event| event["with"] == "alice");
    }

    /// Both hear that the call is over; afterwards what alice and bob heard.
    fn hang_up(mut self) -> [Vec<f32>; 2] {
        self.alice.say("hangup");
        self.alice.expect("call_ended");
        self.bob.expect("call_ended");
        for person in [self.alice, self.bob] {
            assert!(person.quit().success());
        }
        ["alice", "bob"].map(|name| signal::read_wav(&self.scratch.join(&format!("{name}-out.wav"))))
    }
}

/// The files have no clock in common: the first second that surely was heard tells where they meet. What was said
/// before may fall into the moment between the microphone's opening and the other's first packet.
pub(crate) fn assert_heard_in_file(who: &str, said: &[f32], heard: &[f32]) {
    let surely = &said[RATE..];
    let meets = hearing::meets(surely, heard);
    let slack = meets.min(RATE / 2);
    assert_heard(who, surely, &heard[meets - slack..], slack);
}

/// Sound takes its time; there is nothing to wait for but the time itself.
pub(crate) fn let_them_talk(seconds: f64) {
    std::thread::sleep(Duration::from_secs_f64(seconds));
}

#[test]
fn what_one_says_the_other_hears_and_both_know_when_it_ends() {
    let mut pair = Pair::meet(6.0);
    pair.call();
    let_them_talk(7.0);
    let said = pair.said.clone();
    let [alice_heard, bob_heard] = pair.hang_up();
    assert_heard_in_file("bob", &said[0], &bob_heard);
    assert_heard_in_file("alice", &said[1], &alice_heard);
}

#[test]
fn mute_silences_one_side_only() {
    let mut pair = Pair::meet(12.0);
    pair.call();
    let_them_talk(3.0);
    pair.alice.say("mute on");
    let_them_talk(3.0);
    pair.alice.say("mute off");
    let_them_talk(3.0);
    let [alice_heard, bob_heard] = pair.hang_up();
    let longest = |heard: &[f32]| {
        let first = heard.iter().position(|s| s.abs() > 0.01).expect("something was heard");
        silences(&heard[first..heard.len() - RATE / 2], -60.0, RATE).len()
    };
    assert_eq!(longest(&bob_heard), 1, "bob hears one silence, while alice is muted");
    assert_eq!(longest(&alice_heard), 0, "alice hears bob all the time");
}

#[test]
fn a_call_survives_the_death_of_the_server() {
    let mut pair = Pair::meet(25.0);
    pair.call();
    let_them_talk(3.0);
    pair.alice.say("say bob before the fall");
    pair.bob.expect_where("message", |event| event["text"] == "before the fall");
    pair.alice.expect_where("message_state", |event| event["state"] == "delivered");
    pair.server.kill();
    let killed = Instant::now();
    let_them_talk(1.0);
    pair.server.restart();
    let listening = killed.elapsed();
    let_them_talk(6.0);
    pair.alice.expect("login");
    pair.bob.expect("login");
    pair.alice.say("say bob after the fall");
    pair.bob.expect_where("message", |event| event["text"] == "after the fall");
    let heard = pair.hang_up();
    for (who, heard) in ["alice", "bob"].iter().zip(heard) {
        let first = heard.iter().position(|s| s.abs() > 0.01).expect("something was heard");
        let gaps = silences(&heard[first..heard.len() - RATE / 2], -60.0, RATE / 5);
        let longest = gaps.iter().map(|(start, end)| end - start).max().unwrap_or(0) as f64 / RATE as f64;
        let allowed = listening.as_secs_f64() + 2.0;
        println!("{who}: a gap of {longest:.2} s; the server was away for {listening:.2?}");
        assert!(longest > 0.5, "{who}: the relay was gone, so there must be a gap: {gaps:?}");
        assert!(longest <= allowed, "{who}: a gap of {longest:.2} s where {allowed:.2} s are allowed");
        let end = &heard[heard.len() - 3 * RATE / 2..heard.len() - RATE / 2];
        assert!(level_db(end) > -50.0, "{who} hears the other again");
    }
}

#[test]
fn what_is_wrong_is_said_and_nothing_happens() {
    let mut pair = Pair::meet(1.0);
    for (line, about) in [
        ("call nobody-here", "a stranger"),
        ("call alice bob", "several names"),
        ("answer", "no call"),
        ("dance", "an unknown command"),
        ("say bob", "no text"),
    ] {
        pair.alice.say(line);
        let event = pair.alice.expect("error");
        assert!(event["text"].as_str().is_some_and(|text| text.len() > 8), "{about}: {event}");
    }
    assert!(pair.bob.stays_quiet_about("incoming_call", Duration::from_millis(200)));
    assert!(pair.alice.quit().success() && pair.bob.quit().success());
    assert_eq!(pair.server.terminate().code(), Some(0));
}

#[test]
fn friends_of_yesterday_call_and_write_today() {
    let scratch = Scratch::new("yesterday");
    let server = Server::start(&scratch);
    let start = |name| Headless::start(&scratch, name, &server, "null", &[]);
    let (mut alice, mut bob) = (start("alice"), start("bob"));
    alice.befriend(&mut bob);
    assert!(alice.quit().success() && bob.quit().success());
    let (mut alice, mut bob) = (start("alice"), start("bob"));
    alice.expect_where("presence", |event| event["name"] == "bob" && event["state"] == "online");
    alice.call(&mut bob);
    alice.say("say bob good morning");
    bob.expect_where("message", |event| event["text"] == "good morning");
}
