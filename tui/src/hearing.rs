//! What is heard outside of a call: the level of the chosen microphone while somebody looks at it, and the echo test.
//! Opening devices and waiting for sound blocks, so it happens on a thread that ends with its owner.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use audio::check::{Check, Exchanged, Habits, Loudness, round_trip, to_the_end};
use audio::device::{Choice, DeviceError, Half};
use audio::frame::SAMPLE_RATE;
use audio::level::to_db;
use mio::Waker;
use proto::Safe;
use proto::media::HalfState;

use crate::app::preferences::Ears;
use crate::app::settings::{Heard, Outcome};
use crate::limits::{CLIPPED_MAX, MICROPHONE_CLOSE_TIME_MAX, QUIET_DB};

/// What is listened to at once, in samples of 48 kHz: a level ten times a second.
const PIECE: usize = SAMPLE_RATE as usize / 10;
/// How long one speaks in the test.
const SPEAK_SECONDS: usize = 3;
/// What is told and not yet taken.
const TOLD_MAX: usize = 64;

/// Somebody listens.
pub struct Hearing {
    ask: Sender<()>,
    told: Receiver<Heard>,
    stop: Arc<AtomicBool>,
    ended: Option<Receiver<()>>,
}

/// A microphone that is being closed.
pub struct Closing(Receiver<()>);

impl Closing {
    /// Of a microphone that is closed when `settled` disconnects.
    pub fn when(settled: Receiver<()>) -> Self {
        Self(settled)
    }

    /// Waits until it is, but not for a sound server that hangs.
    pub fn wait(self) {
        let _ = self.0.recv_timeout(MICROPHONE_CLOSE_TIME_MAX);
    }
}

/// The devices that were chosen.
///
/// # Errors
/// In a sentence, when the text names none.
pub fn choice(ears: &Ears) -> Result<Choice, String> {
    let mut choice = Choice::parse(&ears.device).map_err(|why| why.to_string())?;
    for (half, name) in [(Half::Microphone, &ears.microphone), (Half::Speaker, &ears.speaker)] {
        // Of what is no card, `default` is what there is.
        let nothing = |name: &&String| !choice.is_card() && name.trim() == "default";
        if let Some(name) = name.as_ref().filter(|name| !nothing(name)) {
            choice = choice.with(half, name).map_err(|why| why.to_string())?;
        }
    }
    Ok(choice)
}

impl Hearing {
    /// Opens the devices and listens until it is dropped. `waker` is woken when there is something to take.
    pub fn start(ears: Ears, waker: Arc<Waker>) -> Self {
        let (ask, asked) = channel();
        let (tell, told) = sync_channel(TOLD_MAX);
        let stop = Arc::new(AtomicBool::new(false));
        let (end, ended) = sync_channel::<()>(0);
        let teller = Teller { tell, waker };
        let stopped = Arc::clone(&stop);
        let failed = Teller { tell: teller.tell.clone(), waker: Arc::clone(&teller.waker) };
        let thread = thread::Builder::new().name("hearing".into());
        if let Err(why) = thread.spawn(move || {
            let _end = end;
            listen(&ears, &asked, &teller, &stopped);
        }) {
            failed.tell(Heard::Failed(Safe::line(&format!("no thread can be started: {why}"))));
        }
        Self { ask, told, stop, ended: Some(ended) }
    }

    /// Stops listening; who has to know when the microphone is closed can wait for it.
    pub fn close(mut self) -> Option<Closing> {
        self.ended.take().map(Closing)
    }

    /// Records three seconds and plays them; told as it goes.
    pub fn test(&self) {
        // A thread that has ended has said why.
        let _ = self.ask.send(());
    }

    /// What was heard, in order.
    pub fn poll(&self) -> Option<Heard> {
        self.told.try_recv().ok()
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        // Not waited for: a sound server that hangs must not hang the screen.
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Teller {
    tell: SyncSender<Heard>,
    waker: Arc<Waker>,
}

impl Teller {
    /// A level that nobody takes is as good as the next one; all else fits, and is waited for by nobody.
    fn tell(&self, heard: Heard) {
        if self.tell.try_send(heard).is_ok() {
            let _ = self.waker.wake();
        }
    }

    fn level(&self, piece: &[f32]) {
        let peak = piece.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        self.tell(Heard::Level(to_db(peak)));
    }
}

fn listen(ears: &Ears, asked: &Receiver<()>, teller: &Teller, stop: &AtomicBool) {
    let opened = choice(ears).and_then(|choice| Check::open(choice).map_err(|why| why.to_string()));
    let mut check = match opened {
        Ok(check) => check,
        Err(why) => return teller.tell(Heard::Failed(Safe::line(&why))),
    };
    let (microphone, speaker) = halves(&check);
    teller.tell(Heard::Opened(microphone, speaker));
    if let Err(why) = check.microphone() {
        return teller.tell(Heard::Failed(Safe::line(&why.to_string())));
    }
    while !stop.load(Ordering::Relaxed) {
        if asked.try_recv().is_ok() {
            test(&mut check, teller, stop);
            // Whoever pressed twice meant once.
            while asked.try_recv().is_ok() {}
        } else {
            let heard = check.exchange(&[], PIECE, &mut to_the_end).heard;
            if heard.is_empty() {
                let why = "the microphone gives nothing any more; choose it again";
                return teller.tell(Heard::Failed(Safe::line(why)));
            }
            teller.level(&heard);
        }
    }
}

/// What was opened, as a call would say it. Why there is no microphone is told by itself.
fn halves(check: &Check) -> (HalfState, HalfState) {
    let (no_microphone, no_speaker) = check.absent();
    let open = |name: &Safe, wanted: Option<&Safe>| HalfState::Open {
        name: name.clone(),
        opened_in: Duration::ZERO,
        wanted: wanted.cloned(),
    };
    let microphone = check.microphone().map_or(HalfState::Closed, |name| open(name, no_microphone));
    let failed = |why: &DeviceError| HalfState::Failed { why: Safe::line(&why.to_string()) };
    let speaker = match (check.speaker(), check.microphone()) {
        (Ok(name), _) => open(name, no_speaker),
        // What is wrong with both is said once.
        (Err(why), Err(of_both)) if why == of_both => HalfState::Closed,
        (Err(why), _) => failed(why),
    };
    (microphone, speaker)
}

/// Ends with the page that it is on: nobody who closed it is recorded, or hears themselves in what they do next.
fn test(check: &mut Check, teller: &Teller, stop: &AtomicBool) {
    let goes_on = || {
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    teller.tell(Heard::Speak);
    let mut piece = Vec::with_capacity(PIECE);
    let said = check.exchange(&[], SPEAK_SECONDS * SAMPLE_RATE as usize, &mut |heard| {
        piece.extend_from_slice(heard);
        if piece.len() >= PIECE {
            teller.level(&piece);
            piece.clear();
        }
        goes_on()
    });
    if goes_on().is_break() {
        return;
    }
    teller.tell(Heard::Playing);
    let again = check.exchange(&said.heard, said.heard.len() + SAMPLE_RATE as usize, &mut |_| goes_on());
    if goes_on().is_break() {
        return;
    }
    teller.tell(Heard::Tested(outcome(&said, &again)));
}

/// What recording and playing say about the devices.
fn outcome(said: &Exchanged, again: &Exchanged) -> Outcome {
    let loudness = Loudness::of(&said.heard);
    let block = |habits: &Habits| {
        let seconds = f64::from(habits.largest) / f64::from(habits.rate.max(1));
        (habits.largest > 0).then(|| Duration::from_secs_f64(seconds))
    };
    let echo = round_trip(&said.heard, &again.heard).map(|delay| (delay, quieter(said, again, delay)));
    let problem = if loudness.dead {
        Some("silent: unmute the microphone in the system's mixer, or choose another")
    } else if loudness.clipped > CLIPPED_MAX {
        Some("too loud: turn the microphone down in the system's mixer")
    } else if loudness.peak < QUIET_DB {
        Some("nothing was heard: speak up, or turn the microphone up")
    } else {
        None
    };
    Outcome {
        peak_db: loudness.peak,
        capture: block(&said.microphone),
        playback: block(&again.speaker),
        lost: said.microphone.lost + again.speaker.lost,
        echo,
        problem,
    }
}

/// By how much what was played is changed in loudness when it comes back after `delay`, in dB: the part of what was heard
/// that is what was played (a projection), so that noise besides it does not count.
fn quieter(said: &Exchanged, again: &Exchanged, delay: Duration) -> f32 {
    let shift = usize::try_from(delay.as_micros() * u128::from(SAMPLE_RATE) / 1_000_000).unwrap_or(0);
    let heard = again.heard.get(shift..).unwrap_or_default();
    let (mut product, mut own) = (0.0_f64, 0.0_f64);
    for (played, heard) in said.heard.iter().zip(heard) {
        product += f64::from(*played) * f64::from(*heard);
        own += f64::from(*played) * f64::from(*played);
    }
    // A level in dB: the cast loses digits that nobody measures.
    to_db((product.abs() / own.max(1e-12)) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Poll, Token};

    #[test]
    fn an_echo_is_measured_in_time_and_loudness() {
        let sweeps = audio::check::chirps();
        let mut heard = vec![0.0; 960];
        heard.extend(sweeps.iter().map(|sample| sample * 0.1));
        let said = Exchanged { heard: sweeps, ..Exchanged::default() };
        let again = Exchanged { heard, ..Exchanged::default() };
        let (delay, db) = outcome(&said, &again).echo.unwrap();
        assert!(delay.as_millis() == 20 && (db + 20.0).abs() < 0.5, "{delay:?} {db}");
        let deaf = Exchanged { heard: vec![0.0; again.heard.len()], ..Exchanged::default() };
        assert!(outcome(&said, &deaf).echo.is_none());
        assert!(outcome(&deaf, &deaf).problem.unwrap().contains("unmute"));
        let torn = Exchanged { heard: vec![1.0; 48_000], ..Exchanged::default() };
        assert!(outcome(&torn, &deaf).problem.unwrap().contains("too loud"));
    }

    /// With a device that needs no hardware: the real thread, the real exchange.
    #[test]
    fn a_tone_is_heard_recorded_and_played() {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let ears = Ears { device: "tone".to_owned(), ..Ears::default() };
        let hearing = Hearing::start(ears, waker);
        let next = || hearing.told.recv().expect("the thread tells until it is dropped");
        let Heard::Opened(HalfState::Open { name, .. }, _) = next() else { panic!("what was opened") };
        assert_eq!(name.as_str(), "tone");
        let Heard::Level(db) = next() else { panic!("a level then") };
        assert!((db + 20.0).abs() < 1.0, "{db}");
        hearing.test();
        let mut told = Vec::new();
        while !matches!(told.last(), Some(Heard::Tested(_))) {
            let heard = next();
            if !matches!(heard, Heard::Level(_)) {
                told.push(heard);
            }
        }
        assert_eq!(told[..2], [Heard::Speak, Heard::Playing]);
        let Some(Heard::Tested(outcome)) = told.last() else { panic!("an outcome") };
        assert!((outcome.peak_db + 20.0).abs() < 1.0 && outcome.problem.is_none(), "{outcome:?}");
    }

    #[test]
    fn a_test_ends_where_nobody_looks_any_more_and_plays_nothing() {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let ears = Ears { device: "tone".to_owned(), ..Ears::default() };
        let ((tell, told), (ask, asked)) = (sync_channel(TOLD_MAX), channel());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let listening = thread::spawn(move || listen(&ears, &asked, &Teller { tell, waker }, &stopped));
        ask.send(()).unwrap();
        while told.recv().expect("it tells until it is stopped") != Heard::Speak {}
        stop.store(true, Ordering::Relaxed);
        listening.join().unwrap();
        let after: Vec<Heard> = told.iter().filter(|heard| !matches!(heard, Heard::Level(_))).collect();
        assert_eq!(after, [], "it was over with the page");
    }

    #[test]
    fn what_cannot_be_opened_is_said() {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let ears = Ears { device: "wav:no-such.wav,".to_owned(), ..Ears::default() };
        let hearing = Hearing::start(ears, waker);
        let Ok(Heard::Opened(HalfState::Closed, HalfState::Open { .. })) = hearing.told.recv() else {
            panic!("half of it")
        };
        let Ok(Heard::Failed(why)) = hearing.told.recv() else { panic!("it fails") };
        assert!(why.as_str().contains("no-such.wav"), "{why}");
    }
}
