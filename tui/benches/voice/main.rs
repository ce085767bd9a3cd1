//! What is promised of the voice, measured on the real programs: `scripts/bench-voice`.
//!
//! Two clients without a screen and a server, on this machine, in a private sound world. What one says and what the
//! other hears are lanes of one recording, so no clock of the programs takes part. The second client is behind a road
//! that loses and delays datagrams as a seed says. Each row is the median of three takes with three seeds.
//!
//! ```text
//! voice [--quick] [--peers] [--only CASE,CASE...]     cases: see `CASES`; --quick: one take each; --peers: theirs, too
//! ```
//! `TINCAN_METER_PYTHON` names a Python with the libraries of `meter.py`; without it nobody judges the quality.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]

use harness::Scratch;
use harness::process::program;
use harness::road::Faults;
use harness::sound::World;
use harness::vitals::machine;
use material::Material;
use table::{Aim, Table};
use take::{Case, Studio, Take};

mod ceiling;
mod costs;
mod echo;
#[expect(dead_code, reason = "the scenarios use the rest")]
#[path = "../../tests/harness/mod.rs"]
mod harness;
mod leak;
mod material;
mod mumble;
mod peers;
mod replay;
mod table;
mod take;

const CLEAN: Faults = Faults { loss: 0.0, bursts: None, delay: 0.0, jitter: 0.0, seed: 0 };

const fn case(key: &'static str, faults: Faults) -> Case {
    Case { key, faults, word: None }
}

const fn lossy(key: &'static str, loss: f64) -> Case {
    case(key, Faults { loss, ..CLEAN })
}

const fn bursty(key: &'static str, share: f64) -> Case {
    case(key, Faults { bursts: Some((share, 3.0)), ..CLEAN })
}

const CASES: [Case; 10] = [
    case("clean", CLEAN),
    Case { key: "low", faults: CLEAN, word: Some("delay low") },
    Case { key: "long", faults: CLEAN, word: Some("frame 20") },
    case("jitter", Faults { delay: 20.0, jitter: 30.0, ..CLEAN }),
    lossy("loss5", 0.05),
    lossy("loss10", 0.1),
    lossy("loss20", 0.2),
    lossy("loss30", 0.3),
    bursty("burst10", 0.1),
    bursty("burst20", 0.2),
];

/// What else can be asked for, and is not a road.
const OTHERS: [&str; 4] = ["replay", "echo", "leak", "costs"];

/// What was asked for on the command line.
struct Asked {
    takes: u64,
    peers: bool,
    only: Option<String>,
}

impl Asked {
    fn read() -> anyhow::Result<Self> {
        let mut asked = Self { takes: 3, peers: false, only: None };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => asked.takes = 1,
                "--peers" => asked.peers = true,
                "--only" => asked.only = arguments.next(),
                // Cargo's own.
                "--bench" => {}
                other => anyhow::bail!("{other} is none of --quick, --peers and --only CASE,CASE..."),
            }
        }
        let known = |key: &&str| CASES.iter().map(|case| case.key).chain(OTHERS).any(|known| known == *key);
        if let Some(key) = asked.only.iter().flat_map(|only| only.split(',')).find(|key| !known(key)) {
            anyhow::bail!("there is no case {key}: see scripts/bench-voice --help");
        }
        Ok(asked)
    }

    fn wants(&self, key: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.split(',').any(|wanted| wanted == key))
    }
}

fn main() -> anyhow::Result<()> {
    let asked = Asked::read()?;
    let scratch = Scratch::new("voice");
    let world =
        World::start(scratch.path()).expect("the voice needs virtual sound: scripts/install-deps test");
    let python = std::env::var("TINCAN_METER_PYTHON").ok().filter(|path| !path.is_empty());
    let studio = Studio { world, material: Material::new(), python };

    let mut table = Table::begin();
    for case in CASES.iter().filter(|case| asked.wants(case.key)) {
        let takes: Option<Vec<Take>> = (1..=asked.takes).map(|seed| studio.take(case, seed)).collect();
        let Some(takes) = takes else {
            table.without(case.key, "this tincan does not know the word for it");
            continue;
        };
        rows(&mut table, case.key, &takes, &studio);
        if asked.peers && case.key == "clean" {
            peers::rows(&mut table, &studio, &takes, asked.takes);
        }
    }
    if asked.wants("replay") {
        replay::rows(&mut table, &studio);
    }
    if asked.wants("echo") {
        echo::rows(&mut table, &studio.material);
    }
    if asked.wants("leak") {
        leak::rows(&mut table, &studio, asked.takes);
    }
    if asked.wants("costs") {
        costs::rows(&mut table, &studio, asked.takes);
    }
    table.end();
    println!("{}; the programs are a release build; medians of {}", machine(), asked.takes);
    Ok(())
}

/// Whether the program has an option of that name.
fn known(option: &str) -> bool {
    let help = program().arg("--help").output().expect("tincan runs");
    String::from_utf8_lossy(&help.stdout).contains(option)
}

/// The rows a case has in the table.
fn rows(table: &mut Table, key: &str, takes: &[Take], studio: &Studio) {
    let each = |value: &dyn Fn(&Take) -> f64| takes.iter().map(value).collect::<Vec<f64>>();
    let median_delay = each(&|take| take.delay(50));
    match key {
        "clean" => {
            table.row("mouth to ear, clean, default", Aim::AtMost(35.0), &median_delay, " ms", 1);
            let spread = each(&|take| take.delay(95) - take.delay(50));
            table.row("its spread, p95 - median", Aim::AtMost(3.0), &spread, " ms", 1);
            table.row("its largest step", Aim::AtMost(5.0), &each(&Take::step), " ms", 1);
            table.row("payload, clean", Aim::AtMost(34.0), &each(&|take| take.rate), " kbit/s", 1);
            against_ceiling(table, takes, studio);
        }
        "low" => table.row("mouth to ear, low delay", Aim::AtMost(22.0), &median_delay, " ms", 1),
        "long" => {
            table.row("mouth to ear, 20 ms frames", Aim::AtMost(45.0), &median_delay, " ms", 1);
            quality(table, "PESQ, 20 ms frames", 4.0, takes);
        }
        "jitter" => {
            let what = "mouth to ear, delay 20 ms, jitter sd 30 ms, reordered";
            table.row(what, Aim::AtMost(140.0), &median_delay, " ms", 1);
            quality(table, "its PESQ", 3.6, takes);
        }
        "loss5" => quality(table, "PESQ at 5 % loss", 3.7, takes),
        "loss10" => {
            quality(table, "PESQ at 10 % loss", 3.5, takes);
            clarity(table, "STOI at 10 % loss", 0.98, takes);
        }
        "loss20" => {
            quality(table, "PESQ at 20 % loss", 3.2, takes);
            clarity(table, "STOI at 20 % loss", 0.97, takes);
            table.row("payload at 20 % loss", Aim::AtMost(96.0), &each(&|take| take.rate), " kbit/s", 1);
        }
        "loss30" => {
            quality(table, "PESQ at 30 % loss", 2.4, takes);
            clarity(table, "STOI at 30 % loss", 0.95, takes);
        }
        "burst10" => quality(table, "PESQ at 10 % loss in bursts of 3", 3.0, takes),
        _ => quality(table, "PESQ at 20 % loss in bursts of 3", 2.4, takes),
    }
    tell(key, takes);
}

fn quality(table: &mut Table, what: &str, least: f64, takes: &[Take]) {
    judged(table, what, least, takes, &|take| take.pesq, 2);
}

fn clarity(table: &mut Table, what: &str, least: f64, takes: &[Take]) {
    judged(table, what, least, takes, &|take| take.stoi, 3);
}

fn judged(
    table: &mut Table,
    what: &str,
    least: f64,
    takes: &[Take],
    value: &dyn Fn(&Take) -> Option<f64>,
    digits: usize,
) {
    let values: Vec<f64> = takes.iter().filter_map(value).collect();
    if values.is_empty() {
        return table.without(what, "no Python with pesq and pystoi, or no espeak-ng");
    }
    table.row(what, Aim::AtLeast(least), &values, "", digits);
}

/// What a call makes of speech against what the codec alone makes of the same.
fn against_ceiling(table: &mut Table, takes: &[Take], studio: &Studio) {
    let what = "PESQ, clean, against the codec alone";
    let Some(ceiling) = ceiling::pesq(studio) else {
        return table.without(what, "no Python with pesq and pystoi, or no espeak-ng");
    };
    let shares: Vec<f64> = takes.iter().filter_map(|take| take.pesq).map(|pesq| pesq / ceiling).collect();
    table.row(&format!("{what} ({ceiling:.2})"), Aim::AtLeast(0.98), &shares, "", 3);
}

/// To people who watch, what else a case showed.
#[expect(clippy::print_stderr, reason = "the table goes to the output, and the rest does not")]
fn tell(key: &str, takes: &[Take]) {
    for take in takes {
        let by = if take.by_sweeps { "sweeps" } else { "sentences" };
        eprintln!(
            "{key}: {:.1} ms, p95 {:.1}, step {:.1} (by {} {by}); PESQ {:.2}, STOI {:.3}; {:.1} kbit/s, {:.1} % lost",
            take.delay(50),
            take.delay(95),
            take.step(),
            take.delays.len(),
            take.pesq.unwrap_or(f64::NAN),
            take.stoi.unwrap_or(f64::NAN),
            take.rate,
            take.lost * 100.0,
        );
    }
}
