//! Sound that flows from and to files and pipes, of any length: the microphone and the speaker of `tincan call --in`
//! and `--out`. A thread of its own reads, another writes, and a bounded ring stands between each of them and the
//! voice thread, so that neither a stalled pipe nor a full disk is ever felt in the call.
//!
//! ```text
//! file or standard input -> thread -> ring, 0.2 s -> microphone      held back until somebody can hear it
//! speaker -> ring, 2 s -> thread -> file or standard output          what a slow reader leaves is dropped and counted
//! ```
//!
//! Files are WAV. A stream is 48 kHz mono signed 16-bit little-endian, or WAV when it says so in its first bytes: many
//! programs write that into pipes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::Thread;
use std::time::Duration;

use proto::Safe;
use proto::media::ToolEvent;

use super::null;
use crate::frame::SAMPLE_RATE;
use crate::ring::{self, PcmRx, PcmTx};

mod reading;
mod writing;

pub use reading::check;
pub use writing::check as check_output;

/// Samples read ahead of the voice thread: enough for a reader that sleeps, too little to make a live source old.
const AHEAD: usize = SAMPLE_RATE as usize / 5;
/// Samples that may wait for a slow reader.
const BEHIND_MAX: usize = 2 * SAMPLE_RATE as usize;
/// How long a thread sleeps when its ring is full, or empty.
const NAP: Duration = Duration::from_millis(5);
/// How long the end waits for what is still to be written: a reader that stopped must not hang the program.
const FINISH_TIME_MAX: Duration = Duration::from_secs(5);

/// One end of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Standard input or output.
    Standard,
    /// A WAV file.
    File(PathBuf),
}

impl Flow {
    /// What a person typed after `--in` or `--out`: `-`, or a file.
    pub fn parse(text: &str) -> Self {
        if text == "-" { Self::Standard } else { Self::File(PathBuf::from(text)) }
    }
}

/// A microphone and a speaker that are flows. A half that was not named is silent.
pub struct Flows {
    input: Option<(Flow, Source)>,
    output: Option<Sink>,
}

impl Flows {
    /// Starts the threads. What cannot be opened is told by [`Flows::news`].
    pub fn open(input: Option<Flow>, output: Option<Flow>) -> std::io::Result<Self> {
        let input = input.map(|flow| Source::open(flow.clone()).map(|source| (flow, source))).transpose()?;
        Ok(Self { input, output: output.map(Sink::open).transpose()? })
    }

    /// Another call: a file is said from its beginning again, when somebody can hear it. A pipe goes on.
    pub fn start_over(&mut self) {
        let Some((flow, source)) = &mut self.input else { return };
        source.begun = false;
        if let Flow::File(_) = flow
            && let Ok(again) = Source::open(flow.clone())
        {
            *source = again;
        }
    }

    /// Somebody can hear us.
    pub fn begin(&mut self) {
        if let Some((_, source)) = &mut self.input {
            source.begun = true;
        }
    }

    /// Trades one block with the voice thread.
    pub fn exchange(&mut self, heard: &[f32], said: &mut [f32]) {
        match &mut self.input {
            Some((_, source)) => source.fill(said),
            None => null::exchange(said),
        }
        if let Some(sink) = &mut self.output {
            sink.ring.push(heard);
        }
    }

    /// What is to be told, until there is nothing.
    pub fn news(&mut self) -> Option<ToolEvent> {
        let said = self.input.as_mut().and_then(|(_, source)| source.news());
        said.or_else(|| self.output.as_mut().and_then(Sink::news))
    }
}

/// What reads.
struct Source {
    ring: PcmRx,
    begun: bool,
    told: bool,
    /// Gives at most one failure, and is disconnected when all was read.
    end: Receiver<Safe>,
    failure: Option<Safe>,
    gone: Arc<AtomicBool>,
}

impl Source {
    fn open(flow: Flow) -> std::io::Result<Self> {
        let (tx, ring) = ring::pcm(AHEAD);
        let (tell, end) = channel();
        let gone = Arc::new(AtomicBool::new(false));
        let mut feeder = Feeder { ring: tx, block: Vec::with_capacity(Feeder::BLOCK), gone: gone.clone() };
        spawn("tincan-input", move || {
            let outcome = reading::read(&flow, &mut |sample| feeder.push(sample));
            feeder.flush();
            if let Err(why) = outcome {
                // Whoever started us may have stopped listening.
                let _ = tell.send(Safe::line(&why.to_string()));
            }
            drop::<Sender<Safe>>(tell);
        })?;
        Ok(Self { ring, begun: false, told: false, end, failure: None, gone })
    }

    fn fill(&mut self, said: &mut [f32]) {
        let count = if self.begun { self.ring.pop(said) } else { 0 };
        said[count..].fill(0.0);
    }

    fn news(&mut self) -> Option<ToolEvent> {
        if self.told {
            return None;
        }
        // Asked first: once the reader has ended, what the ring holds is all there will ever be.
        let ended = match self.end.try_recv() {
            Ok(why) => {
                self.failure = Some(why);
                false
            }
            Err(TryRecvError::Empty) => false,
            Err(TryRecvError::Disconnected) => true,
        };
        // A file that could not even be opened need not wait for somebody to hear nothing.
        let said = ended && self.ring.is_empty() && (self.begun || self.failure.is_some());
        said.then(|| {
            self.told = true;
            self.failure.take().map_or(ToolEvent::InputEnded, ToolEvent::InputFailed)
        })
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

/// The reading thread's end of the ring: waits while it is full.
struct Feeder {
    ring: PcmTx,
    block: Vec<f32>,
    gone: Arc<AtomicBool>,
}

impl Feeder {
    const BLOCK: usize = 480;

    /// False when nobody wants more.
    fn push(&mut self, sample: f32) -> bool {
        self.block.push(sample);
        self.block.len() < Self::BLOCK || self.flush()
    }

    fn flush(&mut self) -> bool {
        while self.ring.room() < self.block.len() {
            if self.gone.load(Ordering::Relaxed) {
                return false;
            }
            std::thread::park_timeout(NAP);
        }
        self.ring.push(&self.block);
        self.block.clear();
        true
    }
}

/// What writes.
struct Sink {
    ring: PcmTx,
    told_dropped: u64,
    failed: bool,
    failures: Receiver<writing::Failure>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
    finish: Arc<AtomicBool>,
    thread: Thread,
}

impl Sink {
    fn open(flow: Flow) -> std::io::Result<Self> {
        let (ring, mut rx) = ring::pcm(BEHIND_MAX);
        let (tell, failures) = channel();
        let (end, ended) = sync_channel(0);
        let finish = Arc::new(AtomicBool::new(false));
        let finishing = finish.clone();
        let thread = spawn("tincan-output", move || {
            let _end: SyncSender<()> = end;
            if let Err(failure) = writing::write(&flow, &mut rx, &finishing) {
                // Whoever started us may have stopped listening.
                let _ = tell.send(failure);
            }
        })?;
        Ok(Self { ring, told_dropped: 0, failed: false, failures, ended, finish, thread })
    }

    fn news(&mut self) -> Option<ToolEvent> {
        if let Ok(failure) = self.failures.try_recv() {
            self.failed = true;
            let why = Safe::line(&failure.to_string());
            return Some(ToolEvent::OutputFailed { closed: failure == writing::Failure::Closed, why });
        }
        let dropped = self.ring.counters().dropped();
        // What nobody writes any more is not late.
        if self.failed || dropped < self.told_dropped + u64::from(SAMPLE_RATE) / 2 {
            return None;
        }
        self.told_dropped = dropped;
        Some(ToolEvent::OutputBehind(dropped))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.finish.store(true, Ordering::Release);
        self.thread.unpark();
        let _ = self.ended.recv_timeout(FINISH_TIME_MAX);
    }
}

#[expect(clippy::disallowed_methods, reason = "these are the threads of files and pipes")]
fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<Thread> {
    let spawned = std::thread::Builder::new().name(name.into()).spawn(run)?;
    Ok(spawned.thread().clone())
}

#[cfg(test)]
mod tests;
