//! Lets a call ring on the chosen speaker, before there is a call. The speaker alone is opened: no microphone is before
//! somebody said yes, whatever rings. Opening blocks, so it happens on a thread that ends with its owner; dropping the
//! ringer is silence.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use crate::bell::{Bell, Tune};
use crate::device::Choice;
use crate::device::opener::{Ask, Line, Opener, Told};
use crate::device::pace::BLOCK;
use crate::frame::SAMPLE_RATE;
use crate::resample::Resampler;
use crate::ring::PcmTx;

/// Between two looks whether the speaker has taken what it had.
const LOOK: Duration = Duration::from_millis(10);
/// So much lies ready beyond the largest callback, as a part of a second: it may be played on after the end.
const AHEAD: usize = 40;

/// Something rings until it is dropped.
#[derive(Debug)]
pub struct Ringer {
    stop: Arc<AtomicBool>,
}

impl Ringer {
    /// Rings on the speaker of `choice`, if that is a sound card's: files and pipes are for the call alone. A speaker
    /// that does not open is silent; the call will say why.
    ///
    /// # Errors
    /// When there can be no thread.
    #[expect(
        clippy::disallowed_methods,
        reason = "opening a device blocks, and belongs on a thread of its own"
    )]
    pub fn start(choice: &Choice, tune: Tune) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        if choice.is_card() {
            let (stopped, (_, speaker)) = (Arc::clone(&stop), choice.names());
            let thread = std::thread::Builder::new().name("tincan-ringer".into());
            // That there is no poll left is as bad as no speaker: silence.
            thread.spawn(move || drop(ring(speaker, tune, &stopped)))?;
        }
        Ok(Self { stop })
    }
}

impl Drop for Ringer {
    fn drop(&mut self) {
        // Not waited for: a sound server that hangs must not hang the screen.
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn ring(speaker: Option<String>, tune: Tune, stop: &AtomicBool) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let opener = Opener::start(Arc::new(Waker::new(poll.registry(), Token(0))?))?;
    opener.ask(Ask::OpenSpeaker(speaker));
    let (mut mouth, mut bell, mut events) = (None, Bell::new(tune), Events::with_capacity(4));
    while !stop.load(Ordering::Relaxed) {
        while let Some(told) = opener.answer() {
            match told {
                // Another one after it was unplugged, or none any more.
                Told::Speaker(told) => mouth = told.ok().map(Mouth::new),
                Told::Software { .. }
                | Told::Microphone(_)
                | Told::Kept(..)
                | Told::Looked(..)
                | Told::Devices(_) => {}
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
    use proto::Safe;

    /// At the device's own rate, and never more than it will take soon.
    #[test]
    fn a_speaker_finds_the_tune_ready_and_little_more() {
        for rate in [48_000, 44_100] {
            let (ring, mut device) = pcm(rate as usize);
            let (name, pulse) = (Safe::line("speaker"), Arc::new(Pulse::default()));
            let line = Line { ring, rate, name, wanted: None, pulse };
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
        drop(Ringer::start(&choice, Tune::Incoming).unwrap());
        assert!(!file.exists());
    }
}
