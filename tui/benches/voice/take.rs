//! One take: two clients call each other, one of them behind a bad road, and what goes into one's microphone is
//! compared with what comes out of the other's speaker, in one recording.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;

use proto::invite::Invite;
use serde_json::Value;

use super::harness::Scratch;
use super::harness::process::{Headless, Server};
use super::harness::road::{Faults, Road};
use super::harness::signal::{RATE, find, write_wav};
use super::harness::sound::{Lane, Recording, World};
use super::material::Material;

/// What a call is measured under.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    /// How it is named on the command line.
    pub(crate) key: &'static str,
    pub(crate) faults: Faults,
    /// What both clients are told once they are in the call.
    pub(crate) word: Option<&'static str>,
}

/// Where takes happen and what measures them.
pub(crate) struct Studio {
    pub(crate) world: World,
    pub(crate) material: Material,
    /// A Python with the libraries of `meter.py`.
    pub(crate) python: Option<String>,
}

/// What one take showed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Take {
    /// From mouth to ear, milliseconds, in the order they were said; of the sweeps, or of the sentences where sweeps
    /// were not let through, as by whatever suppresses noise.
    pub(crate) delays: Vec<f64>,
    pub(crate) by_sweeps: bool,
    pub(crate) pesq: Option<f64>,
    pub(crate) stoi: Option<f64>,
    /// Opus and its copies, kbit/s.
    pub(crate) rate: f64,
    /// Share of datagrams that were lost on the road.
    pub(crate) lost: f64,
}

/// How long a call is let alone before anything is said: the reports of a few seconds, which choose its redundancy.
const SETTLE_SECONDS: f64 = 8.0;
/// A sweep that is less like itself than this was lost.
const SWEEP_LIKENESS_MIN: f64 = 0.35;
/// As late as anything is looked for.
const LATE_MAX: usize = RATE * 13 / 10;
/// Of the sweeps, what must have come through for them to be what delay is told by.
const SWEEPS_MIN: f64 = 0.8;

impl Studio {
    /// None when the clients do not know the case's word.
    pub(crate) fn take(&self, case: &Case, seed: u64) -> Option<Take> {
        let scratch = Scratch::new(case.key);
        let server = Server::start(&scratch);
        let invite = Invite::parse(&server.invite).expect("the server prints an invite");
        let faults = Faults { seed, ..case.faults };
        let (road, behind) = Road::before(&invite, faults).expect("loopback has many addresses");
        let behind = behind.to_string();
        let start = |name: &str, place: &str| {
            Headless::start_at(&scratch, name, &[place], "default", &self.world.endpoint(name))
        };
        let recording = self.world.record();
        let (mut alice, mut bob) = (start("alice", &server.invite), start("bob", &behind));
        alice.befriend(&mut bob);
        alice.call(&mut bob);
        if let Some(word) = case.word {
            for person in [&mut alice, &mut bob] {
                person.say("help");
                let known = person.expect("help").to_string();
                if !word.split(' ').next().is_some_and(|first| known.contains(&format!("\"{first} "))) {
                    return None;
                }
                person.say(word);
            }
        }
        recording.pass(SETTLE_SECONDS);

        let sent = || road.servers_end().voice_bytes.load(Ordering::Relaxed);
        let (from, sent_before) = (recording.samples(), sent());
        let (mouth, ear) = self.speak(&recording, "alice", Lane::AliceMic, Lane::BobSpeaker);
        let seconds = (recording.samples() - from) as f64 / RATE as f64;
        let rate = (sent() - sent_before) as f64 * 8.0 / 1_000.0 / seconds;
        let lost = road.servers_end().lost.load(Ordering::Relaxed) as f64
            / road.servers_end().voices.load(Ordering::Relaxed).max(1) as f64;
        alice.say("hangup");
        alice.expect("call_ended");
        let _ = (alice.quit(), bob.quit());
        Some(Take { rate, lost, ..self.judge(scratch.path(), &mouth, &ear) })
    }

    /// Says everything, and gives what went into the microphone and came out of the speaker meanwhile.
    pub(crate) fn speak(
        &self,
        recording: &Recording,
        who: &str,
        mouth: Lane,
        ear: Lane,
    ) -> (Vec<f32>, Vec<f32>) {
        let from = recording.samples();
        let _playing = self.world.play(who, &self.material.samples);
        let end = from + self.material.samples.len() + 2 * LATE_MAX;
        while recording.samples() < end {
            recording.pass(1.0);
        }
        (recording.lane(mouth)[from..].to_vec(), recording.lane(ear)[from..].to_vec())
    }

    /// What one pair of lanes tells.
    pub(crate) fn judge(&self, folder: &Path, mouth: &[f32], ear: &[f32]) -> Take {
        let material = &self.material;
        let opening = &material.samples[..RATE * 3];
        let began = find(opening, &mouth[..opening.len() + LATE_MAX]).at;
        let mut take = Take::default();
        for sweep in &material.sweeps {
            let (said, at) = (&material.samples[sweep.from..sweep.to], began + sweep.from);
            let Some(window) = ear.get(at..at + said.len() + LATE_MAX) else { continue };
            let found = find(said, window);
            if found.likeness > SWEEP_LIKENESS_MIN {
                take.delays.push(found.at as f64 * 1_000.0 / RATE as f64);
            }
        }
        take.by_sweeps = take.delays.len() as f64 >= SWEEPS_MIN * material.sweeps.len() as f64;
        let Some(told) = self.ask_meter(folder, mouth, ear, began) else { return take };
        take.pesq = told["pesq"].as_f64();
        take.stoi = told["stoi"].as_f64();
        if !take.by_sweeps {
            take.delays = told["delays"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        }
        take
    }

    /// None when there is no speech, or nothing to judge it with.
    fn ask_meter(&self, folder: &Path, mouth: &[f32], ear: &[f32], began: usize) -> Option<Value> {
        let python = self.python.as_ref().filter(|_| !self.material.sentences.is_empty())?;
        let files = [folder.join("mouth.wav"), folder.join("ear.wav")];
        write_wav(&files[0], mouth);
        write_wav(&files[1], ear);
        let spans = self.material.sentences.iter().map(|sentence| {
            format!("{}:{}:{}", began + sentence.span.from, began + sentence.span.to, sentence.voice)
        });
        let out = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/voice/meter.py"))
            .args(&files)
            .args(spans)
            .output()
            .expect("the meter runs");
        assert!(out.status.success(), "the meter failed: {}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).ok()
    }
}

impl Take {
    /// Milliseconds below which so many percent of the delays lie.
    pub(crate) fn delay(&self, percent: usize) -> f64 {
        let mut sorted = self.delays.clone();
        sorted.sort_by(f64::total_cmp);
        at(&sorted, percent)
    }

    /// The largest difference between one delay and the next.
    pub(crate) fn step(&self) -> f64 {
        self.delays.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f64::max)
    }
}

/// The value below which so many percent of the sorted ones lie.
pub(crate) fn at(sorted: &[f64], percent: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((sorted.len() * percent / 100).min(last)).copied().unwrap_or(f64::NAN)
}
