//! The device thread: opening, listing and rebuilding devices blocks, so it happens here. It is asked and answers
//! through channels; an answer comes with a wake of the voice thread.
//!
//! A half that fails is told once, with what to do, and looked for again with growing pauses: a missing microphone is
//! a normal state, and the other half goes on.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use mio::Waker;
use proto::Safe;
use proto::media::DeviceList;

use super::callback::Pulse;
use super::flow::Flows;
#[cfg(feature = "device")]
use super::hardware;
use super::tone::Tone;
use super::wav::{WavIn, WavOut};
use super::{Choice, DeviceError, Half, Software};
use crate::ring::{PcmRx, PcmTx};

/// Answers that may wait for the voice thread.
const ANSWERS_MAX: usize = 64;
/// How long the end of the thread is waited for: a hung sound server must not hang the program.
const END_TIME_MAX: Duration = Duration::from_secs(1);

/// What the device thread is asked to do.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Open this device; closes what is open, but for a half that stays as it is.
    Open {
        /// The device.
        choice: Choice,
        /// The half that somebody asked for, of which it is told also when it stays.
        asked: Option<Half>,
    },
    /// Open the speaker of this name, or the system's, and no microphone; closes what is open.
    OpenSpeaker(Option<String>),
    /// Look whether the devices of that choice are there, and open none.
    Look(Choice),
    /// Close everything.
    Close,
    /// Pause the microphone, or let it go on.
    Mute(bool),
    /// Name the devices there are.
    List,
    /// Drop this: all that was asked before is done.
    Settle(SyncSender<()>),
}

/// One half of a sound card, as the voice thread holds it.
pub(crate) struct Line<Ring> {
    pub(crate) ring: Ring,
    /// Samples per second.
    pub(crate) rate: u32,
    pub(crate) name: Safe,
    /// The device that was wanted, when that is not there and this one was taken in its place.
    pub(crate) wanted: Option<Safe>,
    pub(crate) pulse: Arc<Pulse>,
    /// It is another device than the one before it.
    pub(crate) moved: bool,
}

/// Which devices are wanted: those of these names, else the system's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) microphone: Option<String>,
    pub(super) speaker: Option<String>,
}

impl Wanted {
    fn of(choice: &Choice) -> Self {
        let (microphone, speaker) = choice.names();
        Self { microphone, speaker }
    }
}

/// What the device thread answers.
pub(crate) enum Told {
    /// A device without hardware, and what is wrong with its halves.
    Software { device: Box<Software>, microphone: Option<DeviceError>, speaker: Option<DeviceError> },
    /// The sound card's microphone works, or does not.
    Microphone(Result<Line<PcmRx>, DeviceError>),
    /// The sound card's speaker works, or does not.
    Speaker(Result<Line<PcmTx>, DeviceError>),
    /// A half of the sound card that was asked for goes on as it is; with the device that was wanted, if this is
    /// another.
    Kept(Half, Option<Safe>),
    /// Whether the device that was wanted is absent, and which would be taken then.
    Looked(Half, Option<(Safe, Option<Safe>)>),
    /// The devices there are.
    Devices(DeviceList),
}

/// The voice thread's end of the device thread. Dropping it ends the thread.
pub(crate) struct Opener {
    asks: Option<Sender<Ask>>,
    told: Receiver<Told>,
    ended: Receiver<()>,
    waker: Arc<Waker>,
}

impl Opener {
    pub(crate) fn start(waker: Arc<Waker>) -> io::Result<Self> {
        let (asks, asked) = channel();
        let (tell, told) = sync_channel(ANSWERS_MAX);
        let (end, ended) = sync_channel::<()>(0);
        let answers = Answers { tell, waker: waker.clone() };
        spawn(move || {
            let _end = end;
            run(&asked, &answers);
        })?;
        Ok(Self { asks: Some(asks), told, ended, waker })
    }

    /// What wakes the voice thread.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        self.waker.clone()
    }

    /// Asks; the answer comes with a wake.
    pub(crate) fn ask(&self, ask: Ask) {
        if let Some(asks) = &self.asks {
            // A thread that ended has said why, or the program is ending.
            let _ = asks.send(ask);
        }
    }

    /// The next answer.
    pub(crate) fn answer(&self) -> Option<Told> {
        self.told.try_recv().ok()
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        self.asks = None;
        while let Ok(told) = self.told.try_recv() {
            drop(told);
        }
        let _ = self.ended.recv_timeout(END_TIME_MAX);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the device thread")]
fn spawn(run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name("tincan-device".into()).spawn(run).map(drop)
}

/// The device thread's way to the voice thread.
pub(super) struct Answers {
    tell: SyncSender<Told>,
    pub(super) waker: Arc<Waker>,
}

impl Answers {
    pub(super) fn tell(&self, told: Told) {
        // The voice thread may be gone, or so far behind that it will ask again.
        if self.tell.try_send(told).is_ok() {
            let _ = self.waker.wake();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the device thread waits here and nowhere else")]
fn run(asked: &Receiver<Ask>, answers: &Answers) {
    let mut hardware = hardware::Hardware::default();
    loop {
        let ask = match hardware.watch_every() {
            None => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(pause) => asked.recv_timeout(pause),
        };
        match ask {
            Ok(ask) => {
                obey(ask, &mut hardware, answers);
                hardware.obeyed();
            }
            Err(RecvTimeoutError::Timeout) => hardware.watch(answers),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn obey(ask: Ask, hardware: &mut hardware::Hardware, answers: &Answers) {
    match ask {
        Ask::Open { choice, asked } => open(choice, asked, hardware, answers),
        Ask::OpenSpeaker(speaker) => {
            hardware.close();
            hardware.open_speaker(Wanted { microphone: None, speaker }, answers);
        }
        Ask::Look(choice) => hardware.look(&Wanted::of(&choice), answers),
        Ask::Close => hardware.close(),
        Ask::Mute(muted) => hardware.mute(muted, answers),
        Ask::Settle(token) => drop(token),
        Ask::List => answers.tell(Told::Devices(hardware.list())),
    }
}

fn open(choice: Choice, asked: Option<Half>, hardware: &mut hardware::Hardware, answers: &Answers) {
    if !choice.is_card() {
        hardware.close();
    }
    let software = |device| Told::Software { device: Box::new(device), microphone: None, speaker: None };
    match choice {
        Choice::Default | Choice::Named(_) | Choice::Halves { .. } => {
            hardware.open(Wanted::of(&choice), asked, answers);
        }
        Choice::Null => answers.tell(software(Software::Null)),
        Choice::Tone => answers.tell(software(Software::Tone(Tone::default()))),
        Choice::Loopback => answers.tell(software(Software::Loopback(Box::default()))),
        Choice::Flow { input, output } => match Flows::open(input, output) {
            Ok(flows) => answers.tell(software(Software::Flows(flows))),
            Err(error) => {
                for told in [
                    Told::Microphone(Err(DeviceError::Other(Half::Microphone, error.to_string()))),
                    Told::Speaker(Err(DeviceError::Other(Half::Speaker, error.to_string()))),
                ] {
                    answers.tell(told);
                }
            }
        },
        Choice::Wav { input, output } => {
            let (input, microphone) = split(input.map(|path| WavIn::open(&path)));
            let (output, speaker) = split(output.map(|path| WavOut::create(&path)));
            let device = Box::new(Software::Wav { input, output });
            answers.tell(Told::Software { device, microphone, speaker });
        }
    }
}

fn split<T>(opened: Option<Result<T, DeviceError>>) -> (Option<T>, Option<DeviceError>) {
    match opened {
        None => (None, None),
        Some(Ok(half)) => (Some(half), None),
        Some(Err(error)) => (None, Some(error)),
    }
}

/// A build without a sound library: only the devices that need no hardware.
#[cfg(not(feature = "device"))]
mod hardware {
    use std::time::Duration;

    use proto::media::DeviceList;

    use super::super::{DeviceError, Half};
    use super::{Answers, Told, Wanted};

    #[derive(Default)]
    pub(super) struct Hardware {}

    impl Hardware {
        pub(super) fn watch_every(&self) -> Option<Duration> {
            None
        }

        pub(super) fn look(&mut self, _wanted: &Wanted, _answers: &Answers) {}

        pub(super) fn open(&mut self, _wanted: Wanted, _asked: Option<Half>, answers: &Answers) {
            answers.tell(Told::Microphone(Err(DeviceError::NoSystem)));
            answers.tell(Told::Speaker(Err(DeviceError::NoSystem)));
        }

        pub(super) fn open_speaker(&mut self, _wanted: Wanted, answers: &Answers) {
            answers.tell(Told::Speaker(Err(DeviceError::NoSystem)));
        }

        pub(super) fn close(&mut self) {}

        pub(super) fn mute(&mut self, _muted: bool, _answers: &Answers) {}

        pub(super) fn list(&mut self) -> DeviceList {
            DeviceList::default()
        }

        pub(super) fn watch(&mut self, _answers: &Answers) {}

        pub(super) fn obeyed(&mut self) {}
    }
}
