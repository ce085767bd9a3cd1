//! `tincan doctor` and `tincan echo`: what this machine, its terminal and the way to the server can do, in plain lines,
//! and one line of what to do for each thing that fails. Both wait; there is no session.

use std::io;
use std::ops::ControlFlow;

use anyhow::Context as _;
use audio::check::{Check, Exchanged, Habits, Loudness, chirps, codec_cost, devices, round_trip, to_the_end};
use audio::device::{Choice, Half, system};
use audio::frame::SAMPLE_RATE;

use crate::exit::Exit;

mod report;
mod server;
mod terminal;

use crate::limits::{
    CLIPPED_MAX, CODEC_MAX, DEVICE_ROUND_TRIP_MAX, ECHO_SECONDS, LISTEN_SECONDS, LOST_MAX, QUIET_DB,
};
use report::Report;
pub use server::Server;

/// What to look at.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The sound.
    pub sound: Choice,
    /// What calls ring on, where that is not its speaker.
    pub ring: Option<String>,
    /// Nothing but it.
    pub only_sound: bool,
    /// JSON instead of lines.
    pub json: bool,
    /// The server, if there is one.
    pub server: Option<Server>,
}

/// Looks at everything a call needs, and says what is wrong.
///
/// # Errors
/// When the report cannot be written.
pub fn run(wanted: Wanted) -> anyhow::Result<Exit> {
    let columns = terminal::size().map(|(columns, _)| columns);
    let mut report = Report::new(io::stdout().lock(), wanted.json).within(columns);
    let ring = wanted.ring.as_deref();
    if wanted.only_sound {
        let exit = examine(wanted.sound, ring, &mut report)?;
        report.close()?;
        return Ok(exit);
    }
    terminal::examine(&mut report)?;
    match &wanted.server {
        Some(server) => server::examine(server, &mut report)?,
        None => server::none(&mut report)?,
    }
    examine(wanted.sound, ring, &mut report)?;
    terminal::ruler(&mut report)?;
    report.close()?;
    Ok(report.exit)
}

fn examine<W: io::Write>(choice: Choice, ring: Option<&str>, report: &mut Report<W>) -> anyhow::Result<Exit> {
    if choice.is_card() {
        list(report)?;
    }
    let mut check = Check::open(choice).context("starting the device thread")?;
    halves(&check, report)?;
    if report.exit != Exit::NoDevice {
        sound(&mut check, report)?;
    }
    if let Some(ring) = ring {
        drop(check);
        ring_device(ring, report)?;
    }
    match codec_cost(4) {
        Some((encode, decode)) => {
            let words =
                format!("encoding {:.1} %, decoding {:.1} % of a core", 100.0 * encode, 100.0 * decode);
            if encode + decode > CODEC_MAX {
                let fix = "end other programs: the processor is too busy for a call";
                report.fail("codec", &words, fix, Exit::Failed)?;
            } else {
                report.ok("codec", &words)?;
            }
        }
        None => report.fail("codec", "Opus does not work", "build tincan anew", Exit::Failed)?,
    }
    Ok(report.exit)
}

fn list<W: io::Write>(report: &mut Report<W>) -> anyhow::Result<()> {
    match system() {
        Ok(name) => report.ok("sound system", name)?,
        Err(why) => {
            let fix = "install a sound server (on Debian: apt install pipewire-pulse, or pulseaudio), log in again; \
                       or do without: --device null";
            return report.fail("sound system", &why.to_string(), fix, Exit::NoDevice);
        }
    }
    let list = devices().context("starting the device thread")?;
    for (half, names) in [("microphone", &list.microphones), ("speaker", &list.speakers)] {
        for name in names {
            report.item(half, name.as_str())?;
        }
    }
    Ok(())
}

/// Whether each half opens. One is enough for half a call.
fn halves<W: io::Write>(check: &Check, report: &mut Report<W>) -> anyhow::Result<()> {
    let both = check.microphone().is_err() && check.speaker().is_err();
    let exit = if both { Exit::NoDevice } else { Exit::Failed };
    for (what, half) in [("microphone", check.microphone()), ("speaker", check.speaker())] {
        match half {
            Ok(name) => report.ok(what, name.as_str())?,
            Err(why) => {
                let fix = "plug one in or switch it on in the system's settings, then run this again; or name \
                           another: --device NAME";
                report.fail(what, &why.to_string(), fix, exit)?;
            }
        }
    }
    Ok(())
}

/// Whether calls can ring on the device of their own.
fn ring_device<W: io::Write>(wanted: &str, report: &mut Report<W>) -> anyhow::Result<()> {
    // Of a card in any case, whatever calls are heard on.
    let choice = Choice::Default.with(Half::Speaker, wanted).context("naming the ring device")?;
    let check = Check::open(choice).context("starting the device thread")?;
    let fix =
        "plug it in, or choose another in the settings (Ring device): until then calls ring on their speaker";
    match (check.speaker(), check.absent().1) {
        (Ok(name), None) => report.ok("ring device", name.as_str()),
        (Ok(_), Some(absent)) => {
            report.fail("ring device", &format!("{absent} is not there"), fix, Exit::Failed)
        }
        (Err(why), _) => report.fail("ring device", &why.to_string(), fix, Exit::Failed),
    }
}

/// Callbacks, level, and the way from the speaker to the microphone.
fn sound<W: io::Write>(check: &mut Check, report: &mut Report<W>) -> anyhow::Result<()> {
    let (microphone, speaker) = (check.microphone().is_ok(), check.speaker().is_ok());
    let software = check.is_software();
    let listened = check.exchange(&[], LISTEN_SECONDS * SAMPLE_RATE as usize, &mut to_the_end);
    if microphone {
        habits("callbacks in", listened.microphone, software, report)?;
    }
    if speaker {
        habits("callbacks out", listened.speaker, software, report)?;
    }
    // Nothing came at all: that was said above, and its level says nothing.
    if microphone && !listened.heard.is_empty() {
        level(&Loudness::of(&listened.heard), report)?;
    }
    if microphone && speaker {
        let sweeps = chirps();
        let played = check.exchange(&sweeps, sweeps.len() + SAMPLE_RATE as usize, &mut to_the_end);
        trip(&sweeps, &played, report)?;
    }
    Ok(())
}

fn habits<W: io::Write>(
    what: &str,
    of: Habits,
    software: bool,
    report: &mut Report<W>,
) -> anyhow::Result<()> {
    if software {
        return report.ok(what, &format!("{} Hz, without hardware", of.rate));
    }
    if of.callbacks == 0.0 {
        let fix = "plug the device in again or start the sound system anew, then run this again; or choose \
                   another: --device NAME";
        return report.fail(what, "none: the device opened and gives no sound", fix, Exit::Failed);
    }
    let each = 1_000.0 * of.largest as f32 / of.rate.max(1) as f32;
    let words = format!(
        "{} Hz, {:.0} a second, at most {} samples ({each:.1} ms), {} lost",
        of.rate, of.callbacks, of.largest, of.lost
    );
    let share = of.lost as f32 / (LISTEN_SECONDS as f32 * of.rate.max(1) as f32);
    if share > LOST_MAX {
        let fix = "end programs that keep the processor busy, or choose another device: --device NAME";
        return report.fail(what, &words, fix, Exit::Failed);
    }
    report.ok(what, &words)
}

fn level<W: io::Write>(of: &Loudness, report: &mut Report<W>) -> anyhow::Result<()> {
    let words = format!("peak {:.0} dBFS, mean {:.0} dBFS", of.peak, of.mean);
    if of.dead {
        let fix =
            "unmute the microphone in the system's mixer or at the headset, or name another: --device NAME";
        return report.fail("level", "silent: not one sample differs from zero", fix, Exit::Failed);
    }
    if of.clipped > CLIPPED_MAX {
        let fix = "turn the microphone down in the system's mixer";
        return report.fail("level", &format!("{words}, too loud: it is torn"), fix, Exit::Failed);
    }
    if of.peak < QUIET_DB {
        return report.note("level", &format!("{words}: quiet; speak while this runs, or turn it up"));
    }
    report.ok("level", &words)
}

fn trip<W: io::Write>(sweeps: &[f32], played: &Exchanged, report: &mut Report<W>) -> anyhow::Result<()> {
    match round_trip(sweeps, &played.heard) {
        Some(delay) if delay > DEVICE_ROUND_TRIP_MAX => {
            let fix = "Bluetooth is the usual reason: a headset with a cable, or another device, is sooner";
            report.fail("round trip", &in_words(delay), fix, Exit::Failed)
        }
        Some(delay) => report.ok("round trip", &in_words(delay)),
        None => report.note(
            "round trip",
            "the microphone did not hear the speaker: as it should be with headphones, else turn it up",
        ),
    }
}

fn in_words(delay: std::time::Duration) -> String {
    format!("{} ms from the speaker to the microphone", delay.as_millis())
}

/// Records three seconds, plays them back, and says how that went.
///
/// # Errors
/// When the report cannot be written.
pub fn echo(choice: Choice) -> anyhow::Result<Exit> {
    back(choice, io::stdout().lock(), terminal::size().map(|(columns, _)| columns))
}

/// `columns` are those of the terminal, where there is one.
fn back(choice: Choice, out: impl io::Write, columns: Option<u16>) -> anyhow::Result<Exit> {
    let mut report = Report::new(out, false).within(columns);
    let mut check = Check::open(choice).context("starting the device thread")?;
    halves(&check, &mut report)?;
    if check.microphone().is_err() {
        return Ok(report.exit);
    }
    report.note("echo", &format!("speak now, for {ECHO_SECONDS} seconds"))?;
    let terminal = columns.is_some();
    let mut bar = Bar { wanted: terminal, since: 0, loudest: 0.0 };
    let out = &mut report.out;
    let said = check.exchange(&[], ECHO_SECONDS * SAMPLE_RATE as usize, &mut |piece| {
        bar.show(piece, out);
        ControlFlow::Continue(())
    });
    if terminal {
        writeln!(report.out).context("writing the report")?;
    }
    if said.heard.is_empty() {
        habits("callbacks in", said.microphone, check.is_software(), &mut report)?;
        return Ok(report.exit);
    }
    level(&Loudness::of(&said.heard), &mut report)?;
    if check.speaker().is_ok() {
        report.note("echo", "this is what was heard")?;
        let samples = said.heard.len() + SAMPLE_RATE as usize;
        let again = check.exchange(&said.heard, samples, &mut to_the_end);
        trip(&said.heard, &again, &mut report)?;
    }
    Ok(report.exit)
}

/// A level that moves, where there is somebody to see it.
struct Bar {
    wanted: bool,
    since: usize,
    loudest: f32,
}

impl Bar {
    /// Samples between two pictures, and the widest one.
    const EVERY: usize = SAMPLE_RATE as usize / 10;
    const WIDTH: usize = 40;

    fn show(&mut self, piece: &[f32], out: &mut impl io::Write) {
        self.since += piece.len();
        self.loudest = piece.iter().fold(self.loudest, |loudest, sample| loudest.max(sample.abs()));
        if !self.wanted || self.since < Self::EVERY {
            return;
        }
        let db = audio::level::to_db(self.loudest);
        let steps = ((db + 60.0) / 60.0 * Self::WIDTH as f32).clamp(0.0, Self::WIDTH as f32) as usize;
        // Nobody is left to be shown anything when this fails.
        let _ = write!(out, "\r[{:<width$}] {db:>4.0} dBFS", "#".repeat(steps), width = Self::WIDTH);
        let _ = out.flush();
        (self.since, self.loudest) = (0, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examined(device: &str) -> (String, Exit) {
        report(|report| {
            examine(Choice::parse(device).unwrap(), None, report).unwrap();
        })
    }

    fn report(of: impl FnOnce(&mut Report<Vec<u8>>)) -> (String, Exit) {
        let mut report = Report::new(Vec::new(), false);
        of(&mut report);
        (String::from_utf8(report.out).unwrap(), report.exit)
    }

    #[test]
    fn a_dead_microphone_fails_with_what_to_do_and_nothing_is_drawn() {
        let (said, exit) = examined("null");
        assert_eq!(exit, Exit::Failed);
        assert!(said.contains("FAIL  silent") && said.contains("fix:  unmute"), "{said}");
        assert!(said.contains("round trip     note") && said.contains("codec          ok"), "{said}");
        assert!(!said.contains('\u{1b}') && !said.contains('\r'), "plain text: {said:?}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named_and_the_other_half_looked_at() {
        let (said, exit) = examined("wav:no-such.wav,");
        assert_eq!(exit, Exit::Failed);
        assert!(said.contains("microphone     FAIL  no-such.wav"), "{said}");
        assert!(said.contains("speaker        ok"), "{said}");
        assert!(!said.contains("level"), "there is nothing to measure: {said}");
    }

    #[test]
    fn levels_and_delays_are_judged() {
        let loudness = |peak, clipped| Loudness { peak, mean: peak - 12.0, clipped, dead: false };
        let (said, exit) = report(|report| level(&loudness(-12.0, 0.0), report).unwrap());
        assert_eq!((exit, said.contains("ok")), (Exit::Ok, true));
        let (said, exit) = report(|report| level(&loudness(0.0, 0.2), report).unwrap());
        assert_eq!((exit, said.contains("turn the microphone down")), (Exit::Failed, true));
        let (said, exit) = report(|report| level(&loudness(-75.0, 0.0), report).unwrap());
        assert_eq!((exit, said.contains("quiet")), (Exit::Ok, true));

        let sweeps = chirps();
        for (delay, exit) in [(2_400, Exit::Ok), (24_000, Exit::Failed)] {
            let mut heard = vec![0.0; delay];
            heard.extend(&sweeps);
            let played = Exchanged { heard, ..Exchanged::default() };
            let (said, came) = report(|report| trip(&sweeps, &played, report).unwrap());
            assert_eq!(came, exit, "{said}");
            assert!(said.contains(&format!("{} ms", delay / 48)), "{said}");
        }
        let lost = Habits { rate: 48_000, callbacks: 200.0, largest: 240, lost: 48_000 };
        let (said, exit) = report(|report| habits("callbacks in", lost, false, report).unwrap());
        assert_eq!((exit, said.contains("5.0 ms")), (Exit::Failed, true));
        let dead = Habits { rate: 48_000, ..Habits::default() };
        let (said, exit) = report(|report| habits("callbacks in", dead, false, report).unwrap());
        assert!(exit == Exit::Failed && said.contains("fix:  plug"), "a card that stopped: {said}");
        let (said, exit) = report(|report| habits("callbacks in", dead, true, report).unwrap());
        assert!(exit == Exit::Ok && said.contains("without hardware"), "{said}");
    }

    #[test]
    fn an_echo_over_a_cable_is_heard_back() {
        let mut out = Vec::new();
        // The cable is silent until something is played: the first three seconds are, the rest is not judged.
        let exit = back(Choice::Loopback, &mut out, Some(80)).unwrap();
        let said = String::from_utf8(out).unwrap();
        assert_eq!(exit, Exit::Failed, "a silent cable is a dead microphone: {said}");
        assert!(said.contains("speak now") && said.contains("\r["), "{said}");
        let mut out = Vec::new();
        back(Choice::Tone, &mut out, None).unwrap();
        let said = String::from_utf8(out).unwrap();
        assert!(said.contains("peak -20 dBFS, mean -23 dBFS") && !said.contains('\r'), "{said}");
    }
}
