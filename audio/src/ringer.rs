//! Lets a call ring on the chosen speaker, before there is a call. The speaker alone is opened: no microphone is before
//! somebody said yes, whatever rings. Opening blocks, so it happens on a thread that ends with its owner; dropping the
//! ringer is silence.
//!
//! A call may ring on a device of its own, so that who takes the headset off hears it. When that one is not there it
//! rings on the speaker of calls, and is told.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};
use proto::Safe;

use crate::bell::{Bell, Tune};
use crate::device::opener::{Ask, Line, Opener, Told};
use crate::device::pace::BLOCK;
use crate::device::{Choice, DeviceError};
use crate::frame::SAMPLE_RATE;
use crate::resample::Resampler;
use crate::ring::PcmTx;

/// Between two looks whether the speaker has taken what it had.
const LOOK: Duration = Duration::from_millis(10);
/// So much lies ready beyond the largest callback, as a part of a second: it may be played on after the end.
const AHEAD: usize = 40;

/// Where it is to ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The sound of calls, on whose speaker it rings if that is a sound card's: files and pipes are for the call alone.
    pub choice: Choice,
    /// The name of a device of its own, whatever calls are heard on.
    pub own: Option<String>,
}

/// It cannot ring on the device of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// That device.
    pub wanted: Safe,
    /// Where it rings in its place; none when nothing can.
    pub instead: Option<Safe>,
}

/// Something rings until it is dropped.
#[derive(Debug)]
pub struct Ringer {
    stop: Arc<AtomicBool>,
    told: Receiver<Absent>,
}

impl Ringer {
    /// Rings there. A speaker of calls that does not open is silent; the call will say why. `waker` is woken when there
    /// is something to take.
    ///
    /// # Errors
    /// When there can be no thread.
    #[expect(
        clippy::disallowed_methods,
        reason = "opening a device blocks, and belongs on a thread of its own"
    )]
    pub fn start(place: &Place, tune: Tune, waker: Arc<Waker>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, told) = sync_channel(1);
        let tries = Tries::of(place);
        if !tries.left.is_empty() {
            let stopped = Arc::clone(&stop);
            let thread = std::thread::Builder::new().name("tincan-ringer".into());
            // That there is no poll left is as bad as no speaker: silence.
            thread.spawn(move || drop(ring(tries, tune, &stopped, &Teller { tell, waker })))?;
        }
        Ok(Self { stop, told })
    }

    /// Whether the device of its own is not there: told once.
    pub fn poll(&self) -> Option<Absent> {
        self.told.try_recv().ok()
    }
}

impl Drop for Ringer {
    fn drop(&mut self) {
        // Not waited for: a sound server that hangs must not hang the screen.
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Teller {
    tell: SyncSender<Absent>,
    waker: Arc<Waker>,
}

impl Teller {
    fn tell(&self, absent: Absent) {
        // Once is enough, and whoever does not look any more need not know.
        if self.tell.try_send(absent).is_ok() {
            let _ = self.waker.wake();
        }
    }
}

/// The speakers to try, one after another.
struct Tries {
    left: VecDeque<Option<String>>,
    /// The device of its own, until it was told that it is not there.
    own: Option<Safe>,
}

impl Tries {
    fn of(place: &Place) -> Self {
        let own = place.own.clone();
        let named = own.as_deref().map(Safe::line);
        let usual = place.choice.is_card().then(|| place.choice.names().1);
        Self { left: own.map(Some).into_iter().chain(usual).collect(), own: named }
    }

    /// Whether the next speaker is to be tried, because this one is not the one that was wanted.
    fn goes_on(&mut self, opened: Result<&Line<PcmTx>, &DeviceError>, teller: &Teller) -> bool {
        let wanted = opened.is_ok_and(|line| line.wanted.is_none());
        if !wanted && !self.left.is_empty() {
            return true;
        }
        // Another one after it was unplugged is told as well.
        if let Some(own) = self.own.take_if(|own| opened.map_or(true, |line| line.name != *own)) {
            let instead = opened.ok().map(|line| line.name.clone());
            teller.tell(Absent { wanted: own, instead });
        }
        false
    }
}

fn ring(mut tries: Tries, tune: Tune, stop: &AtomicBool, teller: &Teller) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let opener = Opener::start(Arc::new(Waker::new(poll.registry(), Token(0))?))?;
    let (mut mouth, mut bell, mut events) = (None, Bell::new(tune), Events::with_capacity(4));
    if let Some(first) = tries.left.pop_front() {
        opener.ask(Ask::OpenSpeaker(first));
    }
    while !stop.load(Ordering::Relaxed) {
        while let Some(told) = opener.answer() {
            let Told::Speaker(opened) = told else { continue };
            mouth = None;
            if tries.goes_on(opened.as_ref(), teller) {
                tries.left.pop_front().into_iter().for_each(|next| opener.ask(Ask::OpenSpeaker(next)));
            } else {
                mouth = opened.ok().map(Mouth::new);
            }
        }
        if let Some(mouth) = &mut mouth {
            mouth.fill(&mut bell);
        }
        // Interrupted by a signal is as good as woken.
        let _ = poll.poll(&mut events, Some(LOOK));
    }
    opener.ask(Ask::Close);
    Ok(())
}

/// The speaker, and what is made for its rate.
struct Mouth {
    line: Line<PcmTx>,
    resampler: Option<Resampler>,
    made: Vec<f32>,
    /// The largest callback, in device samples.
    largest: usize,
}

impl Mouth {
    fn new(line: Line<PcmTx>) -> Self {
        let resampler = (line.rate != SAMPLE_RATE).then(|| Resampler::new(SAMPLE_RATE, line.rate));
        Self { line, resampler, made: Vec::with_capacity(4 * BLOCK), largest: 0 }
    }

    /// Gives what a device waits for; one that does not wait finds as much ready as its largest callback, and a little.
    fn fill(&mut self, bell: &mut Bell) {
        let counters = Arc::clone(self.line.ring.counters());
        self.largest = self.largest.max(counters.take_largest() as usize);
        let demanded = counters.take_demand() as usize;
        let ahead = self.largest + self.line.rate as usize / AHEAD;
        let wanted = if counters.is_pulled() { demanded } else { ahead.saturating_sub(self.line.ring.len()) };
        let wanted = wanted.min(self.line.ring.room());
        while self.made.len() < wanted {
            let sample = bell.sample();
            match &mut self.resampler {
                None => self.made.push(sample),
                Some(resampler) => resampler.push(sample, &mut |made| self.made.push(made)),
            }
        }
        self.line.ring.push(&self.made[..wanted]);
        self.made.drain(..wanted);
        if demanded > 0 {
            counters.serve();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::callback::Pulse;
    use crate::ring::pcm;

    /// At the device's own rate, and never more than it will take soon.
    #[test]
    fn a_speaker_finds_the_tune_ready_and_little_more() {
        for rate in [48_000, 44_100] {
            let (ring, mut device) = pcm(rate as usize);
            let (name, pulse) = (Safe::line("speaker"), Arc::new(Pulse::default()));
            let line = Line { ring, rate, name, wanted: None, pulse, moved: true };
            let (mut mouth, mut bell) = (Mouth::new(line), Bell::new(Tune::Incoming));
            let (mut heard, mut block) = (Vec::new(), vec![0.0; rate as usize / 100]);
            for _ in 0..100 {
                mouth.fill(&mut bell);
                assert!(device.len() <= rate as usize / 20, "{} samples lie ready", device.len());
                device.pop_or_silence(&mut block);
                heard.extend_from_slice(&block);
            }
            assert_eq!(device.counters().starved(), 0, "{rate}");
            let loudest = heard.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
            assert!(loudest > 0.04, "{rate}: {loudest}");
        }
    }

    /// Files are made for the call: a ring must not write over one.
    #[test]
    fn what_is_no_card_is_not_touched() {
        let file = std::env::temp_dir().join(format!("tincan-ringer-{}.wav", std::process::id()));
        let choice = Choice::parse(&format!("wav:,{}", file.display())).unwrap();
        let place = Place { choice, own: None };
        assert!(Tries::of(&place).left.is_empty(), "no thread is started");
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        drop(Ringer::start(&place, Tune::Incoming, waker).unwrap());
        assert!(!file.exists());
    }

    fn line(name: &str, wanted: Option<&str>) -> Line<PcmTx> {
        let (ring, _device) = pcm(480);
        let wanted = wanted.map(Safe::line);
        Line {
            ring,
            rate: 48_000,
            name: Safe::line(name),
            wanted,
            pulse: Arc::new(Pulse::default()),
            moved: true,
        }
    }

    /// The device of its own first, then the speaker of calls, and that it is another one is told once.
    #[test]
    fn a_device_that_is_not_there_is_replaced_by_the_speaker_of_calls() {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let (tell, told) = sync_channel(4);
        let teller = Teller { tell, waker };
        let place =
            |choice: &str| Place { choice: Choice::parse(choice).unwrap(), own: Some("Built-in".to_owned()) };
        let named = |name: &str| Some(name.to_owned());
        let mut tries = Tries::of(&place("Headset"));
        assert_eq!(tries.left, [named("Built-in"), named("Headset")]);
        assert_eq!(Tries::of(&place("default")).left, [named("Built-in"), None]);
        assert_eq!(Tries::of(&place("null")).left, [named("Built-in")], "whatever calls are heard on");

        // It is there.
        tries.left.pop_front();
        assert!(!tries.goes_on(Ok(&line("Built-in", None)), &teller));
        assert!(told.try_recv().is_err());
        // The system gives another one in its place: rather the speaker of calls.
        assert!(tries.goes_on(Ok(&line("Television", Some("Built-in"))), &teller));
        assert!(told.try_recv().is_err(), "not before it is known where it rings");
        tries.left.pop_front();
        assert!(!tries.goes_on(Ok(&line("Headset", None)), &teller));
        let absent = |instead: Option<&str>| Absent {
            wanted: Safe::line("Built-in"),
            instead: instead.map(Safe::line),
        };
        assert_eq!(told.try_recv(), Ok(absent(Some("Headset"))));
        assert!(!tries.goes_on(Ok(&line("Headset", None)), &teller));
        assert!(told.try_recv().is_err(), "told once");

        let mut tries = Tries::of(&place("null"));
        tries.left.pop_front();
        assert!(!tries.goes_on(Err(&DeviceError::NoSystem), &teller));
        assert_eq!(told.try_recv(), Ok(absent(None)));
    }
}
