//! A private sound world (`scripts/virtual-sound`): two people, two microphones, two speakers, and one recording of
//! all four lanes on one clock.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use super::process::Server;
use super::signal::{RATE, to_i16};
use super::{Scratch, Turn, alone, house, my_turn, wait_for};

/// Lanes of a recording.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lane {
    AliceMic,
    AliceSpeaker,
    BobMic,
    BobSpeaker,
}

const LANES: usize = 4;

/// What a scenario with sound stands on, while it is its turn.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) world: World,
    pub(crate) scratch: Scratch,
    _turn: Turn,
}

impl Stage {
    /// `None` on a machine without virtual sound.
    pub(crate) fn set(name: &str) -> Option<Self> {
        Self::set_in(my_turn(), name)
    }

    /// The same with the machine to itself.
    pub(crate) fn set_alone(name: &str) -> Option<Self> {
        Self::set_in(alone(), name)
    }

    fn set_in(turn: Turn, name: &str) -> Option<Self> {
        let scratch = Scratch::new(name);
        let world = World::start(scratch.path())?;
        Some(Self { server: Server::start(&scratch), world, scratch, _turn: turn })
    }
}

/// A part of the sound world that can be taken out again.
pub(crate) struct Module(u32);

pub(crate) struct World {
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl World {
    /// `None`, with a word why, on a machine that has no PulseAudio; unless one was promised (`scripts/test` does).
    #[expect(clippy::print_stderr, reason = "a test that could not run must say so")]
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        let there =
            Command::new("pulseaudio").arg("--version").output().is_ok_and(|out| out.status.success());
        if !there {
            assert!(std::env::var_os("TINCAN_SOUND_TESTS").is_none(), "pulseaudio is missing");
            eprintln!("skipped: no pulseaudio here; scripts/install-deps test brings it");
            return None;
        }
        run(Command::new(script()).arg("start").arg(folder));
        let mut world = Self { folder: folder.to_owned(), environment: Vec::new() };
        world.environment = world.endpoint("alice");
        Some(world)
    }

    /// What makes a program use that person's devices.
    pub(crate) fn endpoint(&self, name: &str) -> Vec<(String, String)> {
        let out = run(Command::new(script()).arg("env").arg(&self.folder).arg(name));
        out.trim_start_matches("export ")
            .split_whitespace()
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    /// The same without PulseAudio: only ALSA's own configuration knows where sound goes.
    pub(crate) fn endpoint_of_alsa(&self, name: &str) -> Vec<(String, String)> {
        let nowhere = format!("unix:{}", self.folder.join("nowhere").display());
        let elsewhere = |(key, value)| {
            let value = if key == "PULSE_SERVER" { nowhere.clone() } else { value };
            (key, value)
        };
        self.endpoint(name).into_iter().map(elsewhere).collect()
    }

    /// Plays into a person's microphone, in the background.
    pub(crate) fn play(&self, name: &str, samples: &[f32]) -> Playing {
        let mut child = self
            .tool("pacat", &[&format!("--device={name}_mic_in"), "--channels=1", "--latency-msec=100"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("pacat runs");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let bytes: Vec<u8> = samples.iter().flat_map(|&s| to_i16(s).to_le_bytes()).collect();
        std::thread::spawn(move || {
            // Cut short when the scenario ends first.
            let _ = stdin.write_all(&bytes);
        });
        Playing(child)
    }

    /// Records all lanes until it is asked for them. It also holds the world's period down to 5 ms.
    pub(crate) fn record(&self) -> Recording {
        let file = self.folder.join("world.raw");
        let to = std::fs::File::create(&file).expect("the scratch directory takes a recording");
        let words = self.folder.join("world.log");
        let said = std::fs::File::create(&words).expect("the scratch directory takes a log");
        let child = self
            .tool(
                "parec",
                &[
                    "--device=world.monitor",
                    "--channels=4",
                    "--channel-map=front-left,front-right,rear-left,rear-right",
                    "--latency-msec=5",
                    "--process-time-msec=5",
                ],
            )
            .stdout(to)
            .stderr(said)
            .spawn()
            .expect("parec runs");
        let recording = Recording { child: Mutex::new(child), file, words };
        recording.until(1);
        recording
    }

    /// From now on, until the answer is unloaded, a person's microphone hears their speaker, some 12 dB quieter, as on a
    /// table, and after about so many milliseconds.
    pub(crate) fn leak_after(&self, name: &str, milliseconds: u32) -> Module {
        self.leak_from(&format!("{name}_spk"), name, milliseconds)
    }

    /// The same from a speaker of any name. Its rate is not adjusted: all of the world has one clock.
    pub(crate) fn leak_from(&self, speaker: &str, name: &str, milliseconds: u32) -> Module {
        let (source, sink) = (format!("source={speaker}.monitor"), format!("sink={name}_mic_in"));
        let late = format!("latency_msec={milliseconds}");
        let loaded = self.pactl(&["load-module", "module-loopback", &source, &sink, &late, "adjust_time=0"]);
        let module = loaded.trim().parse().unwrap_or_else(|_| panic!("module-loopback: {loaded}"));
        let inputs = self.pactl(&["list", "short", "sink-inputs"]);
        let loopback = inputs.lines().rfind(|line| line.contains("module-loopback"));
        let index = loopback.and_then(|line| line.split('\t').next()).expect("the leak plays");
        self.pactl(&["set-sink-input-volume", index, "-12dB"]);
        Module(module)
    }

    /// Adds a speaker of that name which nobody hears.
    pub(crate) fn another_speaker(&self, name: &str) {
        let (sink, about) =
            (format!("sink_name={name}"), format!("sink_properties=device.description={name}"));
        self.pactl(&["load-module", "module-null-sink", &sink, "rate=48000", "channels=1", &about]);
    }

    /// Adds a speaker of that name at 24 kHz that takes 85 ms of sound at a time; what is heard goes into a pipe, whose reader
    /// keeps its time.
    pub(crate) fn far_speaker(&self, name: &str) -> PathBuf {
        let pipe = self.folder.join(name);
        let (sink, file) = (format!("sink_name={name}"), format!("file={}", pipe.display()));
        self.pactl(&[
            "load-module",
            "module-pipe-sink",
            &sink,
            &file,
            "rate=24000",
            "channels=1",
            "format=s16le",
        ]);
        pipe
    }

    /// Takes a leak away.
    pub(crate) fn unload(&self, module: Module) {
        self.pactl(&["unload-module", &module.0.to_string()]);
    }

    /// How many programs listen to a microphone, or to anything else.
    pub(crate) fn microphones(&self) -> usize {
        self.pactl(&["list", "short", "source-outputs"]).lines().count()
    }

    /// How many programs take sound from a microphone now: one that is open and paused hears nothing.
    pub(crate) fn listening(&self) -> usize {
        let readers = self.pactl(&["list", "source-outputs"]);
        let programs = readers.split("Source Output #").skip(1);
        programs.filter(|about| !about.contains("module-") && about.contains("Corked: no")).count()
    }

    /// The numbers of the streams that tincan plays and of those that it reads: one that is opened anew has another.
    pub(crate) fn streams(&self) -> [BTreeSet<String>; 2] {
        ["sink-inputs", "source-outputs"].map(|kind| {
            let all = self.pactl(&["list", kind]);
            let ours = all.split("\n\n").filter(|about| about.contains("\"tincan\""));
            ours.filter_map(|about| about.trim().lines().next().map(str::to_owned)).collect()
        })
    }

    /// How much sound waits for each speaker that a program has by way of ALSA's plug-in, at the server and at its device.
    pub(crate) fn waiting_of_alsa(&self) -> Vec<Duration> {
        let all = self.pactl(&["list", "sink-inputs"]);
        let by_plug_in = all.split("\n\n").filter(|about| about.contains("\"ALSA plug-in [tincan]\""));
        by_plug_in
            .map(|about| ["Buffer Latency: ", "Sink Latency: "].map(|of| micros(about, of)).iter().sum())
            .collect()
    }

    /// Waits until it is so many.
    pub(crate) fn until_listening(&self, programs: usize) {
        wait_for(&format!("{programs} listening"), || (self.listening() == programs).then_some(()));
    }

    /// Waits until so many programs read microphones: no more than that are open anywhere.
    pub(crate) fn until_read_by(&self, programs: usize) {
        wait_for(&format!("{programs} open microphones"), || {
            let readers = self.pactl(&["list", "short", "source-outputs"]);
            // What makes a microphone of a part of the air reads that, and is no program.
            let programs_now = readers.lines().filter(|line| !line.contains("module-")).count();
            (programs_now == programs).then_some(())
        });
    }

    fn pactl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("pactl");
        let ours = |key: &str| key == "PULSE_SERVER" || key == "PULSE_COOKIE";
        run(command.args(arguments).envs(self.environment.iter().filter(|(key, _)| ours(key)).cloned()))
    }

    fn tool(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(["--raw", "--format=s16le", "--rate=48000"])
            .args(arguments)
            .envs(
                self.environment
                    .iter()
                    .filter(|(key, _)| key == "PULSE_SERVER" || key == "PULSE_COOKIE")
                    .cloned(),
            )
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = Command::new(script()).arg("stop").arg(&self.folder).status();
    }
}

pub(crate) struct Playing(Child);

impl Playing {
    /// Until the last sample was played.
    pub(crate) fn finish(mut self) {
        wait_for("the sound to end", || self.0.try_wait().ok().flatten());
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) struct Recording {
    child: Mutex<Child>,
    file: PathBuf,
    /// What the recorder complains of.
    words: PathBuf,
}

impl Recording {
    /// How much was recorded until now: the clock of a scenario with sound.
    pub(crate) fn samples(&self) -> usize {
        std::fs::metadata(&self.file).map_or(0, |about| about.len() as usize / (2 * LANES))
    }

    /// Waits until so much more was recorded.
    pub(crate) fn pass(&self, seconds: f64) {
        self.until(self.samples() + (seconds * RATE as f64) as usize);
    }

    /// Waits until so much was recorded. A recorder that is gone is no fault of the programs, and is said to be.
    fn until(&self, samples: usize) {
        wait_for("the recording to go on", || {
            let ended = self.child.lock().expect("nobody panics with it").try_wait();
            if let Ok(Some(status)) = ended {
                let words = std::fs::read_to_string(&self.words).unwrap_or_default();
                panic!("the recorder ended, {status}: {words}");
            }
            (self.samples() >= samples).then_some(())
        });
    }

    /// One lane of what was recorded until now.
    pub(crate) fn lane(&self, lane: Lane) -> Vec<f32> {
        let bytes = std::fs::read(&self.file).expect("the recording is there");
        let frames = bytes.chunks_exact(2 * LANES);
        let at = lane as usize * 2;
        frames.map(|frame| f32::from(i16::from_le_bytes([frame[at], frame[at + 1]])) / 32768.0).collect()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let child = self.child.get_mut().expect("nobody panics with it");
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// A time in what the server says of a stream, as in `Buffer Latency: 5000 usec`.
fn micros(about: &str, name: &str) -> Duration {
    let said = about.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_suffix(" usec"));
    let said = said.and_then(|number| number.parse().ok());
    Duration::from_micros(said.unwrap_or_else(|| panic!("no {name} in {about}")))
}

fn script() -> PathBuf {
    house().join("scripts/virtual-sound")
}

fn run(command: &mut Command) -> String {
    let out = command.stderr(Stdio::inherit()).output().expect("the script runs");
    assert!(out.status.success(), "{command:?} failed");
    String::from_utf8(out.stdout).expect("the script writes text")
}

#[test]
fn what_is_played_into_a_microphone_is_recorded_on_its_lane_alone() {
    let _turn = my_turn();
    let scratch = Scratch::new("world");
    let Some(world) = World::start(scratch.path()) else { return };
    let said = super::signal::voice_like(7, 1.0);
    let recording = world.record();
    // A busy machine may be late for it once; a broken lane always is.
    let mut heard = (0..3).map(|_| {
        world.play("bob", &said).finish();
        recording.pass(0.3);
        super::signal::find(&said, &recording.lane(Lane::BobMic))
    });
    let whole = |found: &super::signal::Found| found.likeness > 0.99 && found.level_db.abs() < 0.1;
    assert!(heard.any(|found| whole(&found)), "none of three is heard whole");
    for quiet in [Lane::AliceMic, Lane::AliceSpeaker, Lane::BobSpeaker] {
        assert!(super::signal::level_db(&recording.lane(quiet)) < -100.0, "{quiet:?} must stay silent");
    }
}
