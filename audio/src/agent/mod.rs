//! The media agent as its owner sees it: a handle that takes commands down and gives events up. Behind it the voice
//! thread, which owns the UDP socket, the sound and the keys, and the device thread, which does what blocks.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use mio::{Poll, Token, Waker};
use proto::media::processing::Wishes;
use proto::media::{AgentCommand, AgentEvent, DelayMode};

use crate::codec::EncoderSettings;
use crate::device::flow::Flow;
use crate::device::{Choice, DeviceError};
use crate::frame::FrameDuration;
use voice::Voice;

#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
mod arrival;
mod awake;
mod ears;
mod instruments;
mod lines;
mod processing;
#[cfg(test)]
mod soak;
mod socket;
mod steady;
mod taps;
mod teller;
#[cfg(test)]
mod tests;
mod turns;
mod voice;
mod workshop;

/// Commands that may wait for the voice thread; it takes them many times a second.
const COMMANDS_MAX: usize = 256;
/// Events that may wait for a screen that is busy.
const EVENTS_MAX: usize = 1_024;

const WAKE: Token = Token(0);
const SOCKET: Token = Token(1);

/// What an agent needs to know to begin.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where sound comes from and goes to.
    pub device: Choice,
    /// How our voice is encoded.
    pub encoder: EncoderSettings,
    /// What is done to it before.
    pub processing: Wishes,
    /// What is dearer, delay or sound.
    pub delay: DelayMode,
    /// The duration of our frames, whatever the network is like; none to have it decided.
    pub frame: Option<FrameDuration>,
}

impl Settings {
    /// Settings for the device a person named, as after `--device`.
    pub fn for_device(text: &str) -> Result<Self, DeviceError> {
        Ok(Self { device: Choice::parse(text)?, ..Self::default() })
    }

    /// Settings for sound that flows from and to files and pipes.
    pub fn for_flow(input: Option<Flow>, output: Option<Flow>) -> Self {
        Self { device: Choice::Flow { input, output }, ..Self::default() }
    }
}

/// The agent's maker.
pub struct Agent;

impl Agent {
    /// Starts the threads. All randomness, and with it the media keys, comes from `seed`. `notify` is called from the
    /// voice thread after events were put up; it must not wait.
    pub fn start(
        settings: Settings,
        seed: [u8; 32],
        notify: impl Fn() + Send + 'static,
    ) -> io::Result<AgentHandle> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (commands, commanded) = sync_channel(COMMANDS_MAX);
        let (tell, events) = sync_channel(EVENTS_MAX);
        let voice = Voice::new(poll, waker.clone(), settings, seed, commanded, tell, Box::new(notify))?;
        let thread = spawn(move || voice.run())?;
        Ok(AgentHandle { commands: Some(commands), events, waker, thread: Some(thread) })
    }
}

/// The owner's end. Dropping it ends the call without a goodbye, completes a recording and ends the threads.
pub struct AgentHandle {
    commands: Option<SyncSender<Order>>,
    events: Receiver<AgentEvent>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

/// What comes down to the voice thread.
pub(crate) enum Order {
    Command(AgentCommand),
    /// Dropped by the device thread, the last of both that has to do with what was ordered before.
    Settle(SyncSender<()>),
}

/// The agent cannot take the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// 256 commands wait already: the voice thread is stuck.
    Full,
    /// The voice thread has ended.
    Ended,
}

impl std::fmt::Display for SendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Full => "the sound does not take orders any more; restart tincan",
            Self::Ended => "the sound has stopped; restart tincan",
        })
    }
}

impl std::error::Error for SendError {}

impl AgentHandle {
    /// Sends a command down. Never waits.
    pub fn send(&self, command: AgentCommand) -> Result<(), SendError> {
        self.order(Order::Command(command))
    }

    /// Disconnects once all that was sent before is done, by the voice thread and at the devices: for who has to know
    /// that a microphone is closed. At once, when there is nobody to do it.
    pub fn settled(&self) -> Receiver<()> {
        let (token, settled) = sync_channel(0);
        // Refused, it is dropped here.
        let _ = self.order(Order::Settle(token));
        settled
    }

    fn order(&self, order: Order) -> Result<(), SendError> {
        let Some(commands) = &self.commands else { return Err(SendError::Ended) };
        commands.try_send(order).map_err(|error| match error {
            TrySendError::Full(_) => SendError::Full,
            TrySendError::Disconnected(_) => SendError::Ended,
        })?;
        // A wake fails only when the poll is gone, and then the send has failed already.
        let _ = self.waker.wake();
        Ok(())
    }

    /// The next event that came up. Call it until `None` after each notification.
    pub fn try_recv(&self) -> Option<AgentEvent> {
        self.events.try_recv().ok()
    }
}

impl Drop for AgentHandle {
    #[expect(clippy::disallowed_methods, reason = "whoever ends the agent waits for the end")]
    fn drop(&mut self) {
        self.commands = None;
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            // A voice thread that panicked has said so on its way.
            let _ = thread.join();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the voice thread")]
fn spawn(run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("tincan-voice".into()).spawn(run)
}
