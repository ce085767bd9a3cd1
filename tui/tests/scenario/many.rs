//! Calls of many. Everybody speaks in a slot of their own, so that a recording tells who was heard and who was not.

use std::time::{Duration, Instant};

use crate::harness::process::{Headless, Server};
use crate::harness::signal::{self, RATE, find, voice_like};
use crate::harness::{Scratch, my_turn};

/// Said by one person: which voice, and when it speaks, in seconds since the own microphone opened.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) voice: u64,
    pub(crate) begins: f64,
}

/// How long everybody speaks.
const SPEECH: f64 = 2.0;

impl Part {
    /// Silence, then the voice, then silence.
    pub(crate) fn write_microphone(self, scratch: &Scratch, seconds: f64) -> String {
        let mut samples = vec![0.0; (self.begins * RATE as f64) as usize];
        samples.extend(voice_like(self.voice, SPEECH));
        samples.resize((seconds * RATE as f64) as usize, 0.0);
        let microphone = scratch.join(&format!("{}-in.wav", self.name));
        signal::write_wav(&microphone, &samples);
        format!("wav:{},{}", microphone.display(), scratch.join(&format!("{}-out.wav", self.name)).display())
    }

    /// How much what `listener` recorded is like what was said: over 0.7 when it was heard, well below 0.5 when not.
    pub(crate) fn likeness(self, scratch: &Scratch, listener: &str) -> f64 {
        let heard = signal::read_wav(&scratch.join(&format!("{listener}-out.wav")));
        let said = voice_like(self.voice, SPEECH);
        let piece = RATE / 2;
        let pieces = said.chunks_exact(piece).skip(1).map(|piece| find(piece, &heard).likeness);
        signal::median(pieces)
    }
}

/// The whole table of who heard whom: rows are speakers, columns listeners, and `expected` has a letter for each who
/// must hear, and `.` for each who must not.
#[expect(clippy::print_stdout, reason = "with --nocapture these are the figures")]
pub(crate) fn assert_who_hears_whom(scratch: &Scratch, parts: &[Part], expected: &[&str]) {
    let mut seen = Vec::new();
    for speaker in parts {
        let row: Vec<(char, f64)> = parts
            .iter()
            .map(|listener| {
                let likeness = speaker.likeness(scratch, listener.name);
                let letter = listener.name.chars().next().expect("a name is not empty");
                (if listener.name != speaker.name && likeness >= 0.7 { letter } else { '.' }, likeness)
            })
            .collect();
        let figures: Vec<String> = row.iter().map(|(_, likeness)| format!("{likeness:.2}")).collect();
        println!("{:>6} is heard: {}", speaker.name, figures.join(" "));
        let unclear = row.iter().any(|(_, likeness)| (0.5..0.7).contains(likeness));
        assert!(!unclear, "neither heard nor unheard: {}: {figures:?}", speaker.name);
        seen.push(row.iter().map(|(letter, _)| *letter).collect::<String>());
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
        Part { name: "ann", voice: 11, begins: 1.5 },
        Part { name: "ben", voice: 12, begins: 8.0 },
        Part { name: "cat", voice: 13, begins: 13.0 },
        Part { name: "dan", voice: 14, begins: 5.8 },
        Part { name: "eve", voice: 15, begins: 11.5 },
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
