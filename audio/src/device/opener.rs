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

use super::callback::Pulse;
use super::tone::Tone;
use super::wav::{WavIn, WavOut};
use super::{Choice, DeviceError, Software};
use crate::ring::{PcmRx, PcmTx};

/// Answers that may wait for the voice thread.
const ANSWERS_MAX: usize = 64;
/// How long the end of the thread is waited for: a hung sound server must not hang the program.
const END_TIME_MAX: Duration = Duration::from_secs(1);

/// What the device thread is asked to do.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Open both halves of this device; closes another that was open.
    Open(Choice),
    /// Close everything.
    Close,
    /// Pause the microphone, or let it go on.
    Mute(bool),
    /// Name the devices there are.
    List,
}

/// One half of a sound card, as the voice thread holds it.
pub(crate) struct Line<Ring> {
    pub(crate) ring: Ring,
    /// Samples per second.
    pub(crate) rate: u32,
    pub(crate) name: Safe,
    pub(crate) pulse: Arc<Pulse>,
}

/// What the device thread answers.
pub(crate) enum Told {
    /// A device without hardware, and what is wrong with its halves.
    Software { device: Box<Software>, microphone: Option<DeviceError>, speaker: Option<DeviceError> },
    /// The sound card's microphone works, or does not.
    Microphone(Result<Line<PcmRx>, DeviceError>),
    /// The sound card's speaker works, or does not.
    Speaker(Result<Line<PcmTx>, DeviceError>),
    /// The devices there are.
    Devices(Vec<Safe>),
}

/// The voice thread's end of the device thread. Dropping it ends the thread.
pub(crate) struct Opener {
    asks: Option<Sender<Ask>>,
    told: Receiver<Told>,
    ended: Receiver<()>,
}

impl Opener {
    pub(crate) fn start(waker: Arc<Waker>) -> io::Result<Self> {
        let (asks, asked) = channel();
        let (tell, told) = sync_channel(ANSWERS_MAX);
        let (end, ended) = sync_channel::<()>(0);
        let answers = Answers { tell, waker };
        spawn(move || {
            let _end = end;
            run(&asked, &answers);
        })?;
        Ok(Self { asks: Some(asks), told, ended })
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

struct Answers {
    tell: SyncSender<Told>,
    waker: Arc<Waker>,
}

impl Answers {
    fn tell(&self, told: Told) {
        // The voice thread may be gone, or so far behind that it will ask again.
        if self.tell.try_send(told).is_ok() {
            let _ = self.waker.wake();
        }
    }
}

fn run(asked: &Receiver<Ask>, answers: &Answers) {
    let mut hardware = hardware::Hardware::default();
    loop {
        let ask = match hardware.watch_every() {
            None => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(pause) => asked.recv_timeout(pause),
        };
        match ask {
            Ok(Ask::Open(choice)) => open(choice, &mut hardware, answers),
            Ok(Ask::Close) => hardware.close(),
            Ok(Ask::Mute(muted)) => hardware.mute(muted),
            Ok(Ask::List) => answers.tell(Told::Devices(hardware.list())),
            Err(RecvTimeoutError::Timeout) => hardware.watch(answers),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn open(choice: Choice, hardware: &mut hardware::Hardware, answers: &Answers) {
    hardware.close();
    let software = |device| Told::Software { device: Box::new(device), microphone: None, speaker: None };
    match choice {
        Choice::Default => hardware.open(None, answers),
        Choice::Named(name) => hardware.open(Some(name), answers),
        Choice::Null => answers.tell(software(Software::Null)),
        Choice::Tone => answers.tell(software(Software::Tone(Tone::default()))),
        Choice::Loopback => answers.tell(software(Software::Loopback(Box::default()))),
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

/// The sound card's streams and their health.
#[cfg(feature = "device")]
mod hardware {
    use std::sync::Arc;
    use std::time::Duration;

    use mio::Waker;
    use proto::Safe;

    use super::super::callback::Pulse;
    use super::super::cpal::{Card, Opened, Stream};
    use super::super::{DeviceError, Half};
    use super::{Answers, Line, Told};

    /// How often open streams are looked after.
    const WATCH_EVERY: Duration = Duration::from_millis(100);
    /// Faults in one look above which a stream is rebuilt.
    const FAULTS_MAX: u64 = 20;
    /// Looks without a callback after which a stream counts as dead: three seconds.
    const STILL_MAX: u32 = 30;
    /// Looks before the first retry, and at most between two.
    const RETRY: (u32, u32) = (2, 50);

    /// Microphone and speaker.
    #[derive(Default)]
    pub(super) struct Hardware {
        card: Option<Card>,
        wanted: Option<String>,
        muted: bool,
        microphone: State,
        speaker: State,
    }

    #[derive(Default)]
    enum State {
        #[default]
        Closed,
        Open(Health),
        Broken {
            looks: u32,
            pause: u32,
            told: DeviceError,
        },
    }

    /// A stream, and what was last seen of it.
    struct Health {
        stream: Stream,
        pulse: Arc<Pulse>,
        calls: u64,
        faults: u64,
        still: u32,
    }

    impl Health {
        /// Whether the stream must be rebuilt. A paused one may be still.
        fn look(&mut self, paused: bool) -> bool {
            let (calls, faults) = (self.pulse.calls(), self.pulse.faults());
            self.still = if calls == self.calls && !paused { self.still + 1 } else { 0 };
            let faulty = faults - self.faults > FAULTS_MAX;
            (self.calls, self.faults) = (calls, faults);
            faulty || self.still > STILL_MAX
        }
    }

    impl Hardware {
        /// How often [`Self::watch`] is to be called; not at all while nothing is open.
        pub(super) fn watch_every(&self) -> Option<Duration> {
            let closed = matches!((&self.microphone, &self.speaker), (State::Closed, State::Closed));
            (!closed).then_some(WATCH_EVERY)
        }

        pub(super) fn open(&mut self, wanted: Option<String>, answers: &Answers) {
            self.wanted = wanted;
            for half in [Half::Speaker, Half::Microphone] {
                if let Err(error) = self.try_open(half, answers) {
                    self.tell_broken(half, error, answers);
                }
            }
        }

        pub(super) fn close(&mut self) {
            self.microphone = State::Closed;
            self.speaker = State::Closed;
        }

        pub(super) fn mute(&mut self, muted: bool) {
            self.muted = muted;
            if let State::Open(health) = &self.microphone {
                health.stream.pause(muted);
            }
        }

        pub(super) fn list(&mut self) -> Vec<Safe> {
            self.card().map(Card::list).unwrap_or_default()
        }

        /// Rebuilds what broke.
        pub(super) fn watch(&mut self, answers: &Answers) {
            for half in [Half::Speaker, Half::Microphone] {
                let paused = self.muted && half == Half::Microphone;
                match self.state(half) {
                    State::Closed => {}
                    State::Open(health) => {
                        if health.look(paused) {
                            self.tell_broken(half, DeviceError::Gone(half), answers);
                        }
                    }
                    State::Broken { looks, .. } if *looks > 0 => *looks -= 1,
                    State::Broken { .. } => self.retry(half, answers),
                }
            }
        }

        fn retry(&mut self, half: Half, answers: &Answers) {
            // The server itself may have been restarted.
            self.card = None;
            let Err(error) = self.try_open(half, answers) else { return };
            let State::Broken { looks, pause, told } = self.state(half) else { return };
            *pause = (*pause * 2).min(RETRY.1);
            *looks = *pause;
            let news = *told != error;
            told.clone_from(&error);
            if news {
                answers.tell(failed(half, error));
            }
        }

        fn tell_broken(&mut self, half: Half, error: DeviceError, answers: &Answers) {
            let (pause, _) = RETRY;
            *self.state(half) = State::Broken { looks: pause, pause, told: error.clone() };
            answers.tell(failed(half, error));
        }

        fn try_open(&mut self, half: Half, answers: &Answers) -> Result<(), DeviceError> {
            let wanted = self.wanted.clone();
            let muted = self.muted;
            let waker: &Arc<Waker> = &answers.waker;
            let card = self.card()?;
            let (health, told) = match half {
                Half::Microphone => {
                    let (health, line) = parts(card.open_microphone(wanted.as_deref(), waker)?);
                    health.stream.pause(muted);
                    (health, Told::Microphone(Ok(line)))
                }
                Half::Speaker => {
                    let (health, line) = parts(card.open_speaker(wanted.as_deref(), waker)?);
                    (health, Told::Speaker(Ok(line)))
                }
            };
            *self.state(half) = State::Open(health);
            answers.tell(told);
            Ok(())
        }

        fn card(&mut self) -> Result<&Card, DeviceError> {
            if self.card.is_none() {
                self.card = Some(Card::connect()?);
            }
            self.card.as_ref().ok_or(DeviceError::NoSystem)
        }

        fn state(&mut self, half: Half) -> &mut State {
            match half {
                Half::Microphone => &mut self.microphone,
                Half::Speaker => &mut self.speaker,
            }
        }
    }

    fn parts<Ring>(opened: Opened<Ring>) -> (Health, Line<Ring>) {
        let Opened { ring, rate, name, pulse, stream } = opened;
        (
            Health { stream, pulse: pulse.clone(), calls: 0, faults: 0, still: 0 },
            Line { ring, rate, name, pulse },
        )
    }

    fn failed(half: Half, error: DeviceError) -> Told {
        match half {
            Half::Microphone => Told::Microphone(Err(error)),
            Half::Speaker => Told::Speaker(Err(error)),
        }
    }
}

/// A build without a sound library: only the devices that need no hardware.
#[cfg(not(feature = "device"))]
mod hardware {
    use std::time::Duration;

    use proto::Safe;

    use super::super::DeviceError;
    use super::{Answers, Told};

    #[derive(Default)]
    pub(super) struct Hardware {}

    impl Hardware {
        pub(super) fn watch_every(&self) -> Option<Duration> {
            None
        }

        pub(super) fn open(&mut self, _wanted: Option<String>, answers: &Answers) {
            answers.tell(Told::Microphone(Err(DeviceError::NoSystem)));
            answers.tell(Told::Speaker(Err(DeviceError::NoSystem)));
        }

        pub(super) fn close(&mut self) {}

        pub(super) fn mute(&mut self, _muted: bool) {}

        pub(super) fn list(&mut self) -> Vec<Safe> {
            Vec::new()
        }

        pub(super) fn watch(&mut self, _answers: &Answers) {}
    }
}
