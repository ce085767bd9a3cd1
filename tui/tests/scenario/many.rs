//! Calls of many. Everybody speaks in a slot of their own, so that a recording tells who was heard and who was not.

use std::time::{Duration, Instant};

use crate::harness::chord::{chord, seconds_of};
use crate::harness::process::{Headless, Server};
use crate::harness::signal::{self, RATE};
use crate::harness::{Scratch, my_turn};

/// Said by one person: which chord, and when it begins, in seconds since the own microphone opened.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) chord: usize,
    pub(crate) begins: f64,
}

/// How long everybody speaks.
const SPEECH: f64 = 2.0;
/// Of that, what is heard of whoever is heard, and of whoever is not.
const HEARD: (f64, f64) = (1.4, 0.1);

impl Part {
    /// Silence, then the chord, then silence.
    pub(crate) fn write_microphone(self, scratch: &Scratch, seconds: f64) -> String {
        let mut samples = vec![0.0; (self.begins * RATE as f64) as usize];
        samples.extend(chord(self.chord, SPEECH));
        samples.resize((seconds * RATE as f64) as usize, 0.0);
        let microphone = scratch.join(&format!("{}-in.wav", self.name));
        signal::write_wav(&microphone, &samples);
        format!("wav:{},{}", microphone.display(), scratch.join(&format!("{}-out.wav", self.name)).display())
    }

    fn seconds_heard_by(self, scratch: &Scratch, listener: &str) -> f64 {
        seconds_of(self.chord, &signal::read_wav(&scratch.join(&format!("{listener}-out.wav"))))
    }
}

/// The whole table of who heard whom: rows are speakers, columns listeners, and `expected` has a letter for each who
/// must hear, and `.` for each who must not.
#[expect(clippy::print_stdout, reason = "with --nocapture these are the figures")]
pub(crate) fn assert_who_hears_whom(scratch: &Scratch, parts: &[Part], expected: &[&str]) {
    let mut seen = Vec::new();
    for speaker in parts {
        let seconds: Vec<f64> = parts.iter().map(|l| speaker.seconds_heard_by(scratch, l.name)).collect();
        println!("{:>6} is heard for seconds: {seconds:.1?}", speaker.name);
        let letter = |(listener, seconds): (&Part, &f64)| match *seconds {
            enough if enough >= HEARD.0 => listener.name.chars().next().expect("a name is not empty"),
            nothing if nothing <= HEARD.1 => '.',
            _ => '?',
        };
        seen.push(parts.iter().zip(&seconds).map(letter).collect::<String>());
    }
    assert_eq!(seen, expected);
}

/// A moment of the scenario, in seconds since its beginning; sound takes its time, and there is nothing else to wait
/// for.
fn wait_until(beginning: Instant, seconds: f64) {
    let moment = Duration::from_secs_f64(seconds);
    std::thread::sleep(moment.saturating_sub(beginning.elapsed()));
}

#[test]
fn of_five_one_comes_late_and_one_leaves_and_each_hears_what_was_said_while_they_were_in() {
    let _turn = my_turn();
    let scratch = Scratch::new("five");
    let server = Server::start(&scratch);
    // Eve answers 5 s late, and dan leaves after 11 s.
    let parts = [
        Part { name: "ann", chord: 0, begins: 1.5 },
        Part { name: "ben", chord: 1, begins: 8.0 },
        Part { name: "cat", chord: 2, begins: 13.0 },
        Part { name: "dan", chord: 3, begins: 5.8 },
        Part { name: "eve", chord: 4, begins: 11.5 },
    ];
    let start = |part: &Part| {
        let sound = part.write_microphone(&scratch, 40.0);
        Headless::start(&scratch, part.name, &server, &sound, &[])
    };
    let mut people: Vec<Headless> = parts.iter().map(start).collect();
    let (ann, others) = people.split_first_mut().expect("five people");
    for other in others.iter_mut() {
        ann.befriend(other);
    }
    ann.say("call ben cat dan eve");
    for other in others.iter_mut() {
        let event = other.expect_where("incoming_call", |event| event["from"] == "ann");
        assert_eq!(event["plain"], false, "{event}");
    }
    let (eve, early) = others.split_last_mut().expect("five people");
    for person in early.iter_mut() {
        person.say("answer");
    }
    let beginning = Instant::now();
    for person in early.iter_mut() {
        person.expect("call_live");
    }
    wait_until(beginning, 4.5);
    eve.say("answer");
    eve.expect("call_live");
    wait_until(beginning, 11.0);
    early[2].say("hangup");
    early[2].expect("call_ended");
    ann.expect_where("call_parted", |event| event["who"] == "dan");
    wait_until(beginning, 20.0);
    ann.say("hangup");
    ann.expect("call_ended");
    early[0].expect_where("call_parted", |event| event["who"] == "ann");
    for person in people {
        assert!(person.quit().success());
    }
    assert_who_hears_whom(&scratch, &parts, &[".bcd.", "a.cde", "ab..e", "abc.e", "abc.."]);
}
