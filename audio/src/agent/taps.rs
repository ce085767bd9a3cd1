//! What taps the sound of a call: "say again" and the recording. On the media path samples are copied into memory that
//! was allocated before; everything else happens on a thread of its own, or when the voice thread has time.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use mio::Waker;
use proto::Safe;
use proto::media::{self, TapeState, ToolEvent};

use crate::again::SayAgain;
use crate::capture::Capture;
use crate::tape::{Label, News, Tape};

/// Recordings that are still being completed: one per call, and a disk may be slow.
const FINISHING_MAX: usize = 4;

/// Both.
pub(super) struct Taps {
    again: SayAgain,
    /// As told last.
    saying_again: bool,
    tape: Option<Tape>,
    finishing: Vec<Tape>,
    news: VecDeque<ToolEvent>,
    waker: Arc<Waker>,
}

impl Taps {
    /// `waker` wakes the voice thread when there is news.
    pub(super) fn new(waker: Arc<Waker>) -> Self {
        Self {
            again: SayAgain::default(),
            saying_again: false,
            tape: None,
            finishing: Vec::new(),
            news: VecDeque::new(),
            waker,
        }
    }

    // --- the media path ---------------------------------------------------------------------------------------

    /// What is about to be played. Comes back with what is said again.
    pub(super) fn far(&mut self, samples: &mut [f32]) {
        if let Some(tape) = &mut self.tape {
            tape.hear(samples);
        }
        self.again.hear(samples);
    }

    // --- commands and answers; these may allocate -----------------------------------------------------------------

    /// A call begins.
    pub(super) fn open(&mut self) {
        self.again.open();
    }

    /// The call is over: nothing of it stays in memory, and the recording is completed.
    pub(super) fn close(&mut self, capture: &mut Capture) {
        self.again.close();
        self.stop(capture);
    }

    pub(super) fn say_again(&mut self, wanted: bool) {
        match wanted {
            true if self.again.start() => {
                self.saying_again = true;
                self.news.push_back(ToolEvent::SayingAgain(true));
            }
            true => self.news.push_back(ToolEvent::SayingAgain(false)),
            false => self.again.stop(),
        }
    }

    pub(super) fn record(&mut self, wanted: Option<media::Tape>, in_call: bool, capture: &mut Capture) {
        let Some(media::Tape { path, title }) = wanted else { return self.stop(capture) };
        if self.tape.is_some() {
            return;
        }
        if !in_call {
            return self.fail("there is no call to record");
        }
        if self.finishing.len() >= FINISHING_MAX {
            return self.fail("the disk is still busy with other recordings; try again later");
        }
        let waker = self.waker.clone();
        let started = Tape::start(Label { path: PathBuf::from(path), title }, move || drop(waker.wake()));
        match started {
            Ok((tape, said)) => {
                capture.tap(Some(said));
                self.tape = Some(tape);
            }
            Err(error) => self.fail(&format!("The recording could not begin: {error}; try again")),
        }
    }

    /// Whether what is said is kept.
    pub(super) fn is_recording(&self) -> bool {
        self.tape.is_some()
    }

    /// What is to be told, until there is nothing.
    pub(super) fn news(&mut self, capture: &mut Capture) -> Option<ToolEvent> {
        if self.saying_again && !self.again.is_playing() {
            self.saying_again = false;
            self.news.push_back(ToolEvent::SayingAgain(false));
        }
        if let Some(news) = self.tape.as_mut().and_then(Tape::news) {
            self.of_tape(news, 0);
            // The thread has ended, or goes on.
            if matches!(self.news.back(), Some(ToolEvent::Recording(TapeState::Failed(_)))) {
                capture.tap(None);
                self.tape = None;
            }
        }
        let mut at = 0;
        while let Some(tape) = self.finishing.get_mut(at) {
            let Some(news) = tape.news() else {
                at += 1;
                continue;
            };
            let (lost, ended) = (tape.lost(), !matches!(news, News::Begun(_)));
            if ended {
                self.finishing.remove(at);
            }
            self.of_tape(news, lost);
        }
        self.news.pop_front()
    }

    fn of_tape(&mut self, news: News, lost: u64) {
        let shown = |path: &PathBuf| Safe::line(&path.display().to_string());
        self.news.push_back(ToolEvent::Recording(match news {
            News::Begun(path) => TapeState::On(shown(&path)),
            News::Complete(path) => TapeState::Off { path: shown(&path), lost },
            News::Failed(why) => TapeState::Failed(Safe::line(&why)),
        }));
    }

    fn stop(&mut self, capture: &mut Capture) {
        capture.tap(None);
        if let Some(tape) = self.tape.take() {
            tape.finish();
            self.finishing.push(tape);
        }
    }

    fn fail(&mut self, why: &str) {
        self.news.push_back(ToolEvent::Recording(TapeState::Failed(Safe::line(why))));
    }
}
