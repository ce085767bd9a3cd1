//! The terminal, the keys, the signals and the model as one thing for the loop: readiness in, effects out, frames
//! when something changed. It decides nothing but when to draw.

use std::fs::File;
use std::io;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use proto::{Now, Time, earliest};

use crate::app::keymap::Act;
use crate::app::model::Stage;
use crate::app::{self, Effect, Model, Msg, Settings};
use crate::exit::Exit;
use crate::hook::Hook;
use crate::keys::Decoder;
use crate::signals::{Signal, Signals};
use crate::terminal::{NoScreen, Terminal};
use crate::view;

pub mod pace;

use pace::{Pace, Want};

/// Bytes read from the terminal at once, and how often in one turn: a paste must not starve the network.
const READ_BYTES: usize = 4096;
const READS_PER_TURN: usize = 16;

/// The full screen.
pub struct Screen {
    terminal: Terminal,
    signals: Signals,
    decoder: Decoder,
    model: Model,
    hook: Hook,
    pace: Pace,
    /// A key was pressed since: its echo waits for nothing.
    pressed: bool,
    /// Bytes may be left that the poll will not tell of again.
    unread: bool,
    /// The program stood still, which is still to be told.
    continued: bool,
}

/// Why the program was asked to end from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// SIGTERM, or the terminal is gone.
    End,
    /// SIGINT.
    Interrupt,
}

impl Outside {
    /// What the shell is told then.
    pub fn exit(self) -> Exit {
        match self {
            Self::End => Exit::Ok,
            Self::Interrupt => Exit::Interrupted,
        }
    }
}

impl Screen {
    /// Takes the terminal. The server is `known` when it has seen us before; `term` is the environment's TERM; `log` receives what is printed to standard error.
    pub fn open(
        settings: Settings,
        known: bool,
        term: Option<&str>,
        log: File,
        now: Now,
    ) -> Result<Self, NoScreen> {
        use Signal::{Continue, HangUp, Interrupt, Resize, Stop, Terminate};
        let terminal = Terminal::open(term, settings.emulator, log)?;
        let signals = Signals::listen(&[Continue, HangUp, Interrupt, Resize, Stop, Terminate])?;
        let pace = Pace::new(settings.remote);
        let hook = Hook::new(settings.notify.command.clone());
        let (decoder, mut model) = (Decoder::new(), Model::new(settings, known, now));
        model.one_pane = terminal.area().width < view::TWO_PANES_WIDTH;
        Ok(Self {
            terminal,
            signals,
            decoder,
            model,
            hook,
            pace,
            pressed: false,
            unread: false,
            continued: false,
        })
    }

    /// Puts the terminal and the signals into the poll.
    pub fn register(&mut self, registry: &Registry, terminal: Token, signals: Token) -> io::Result<()> {
        let fd = self.terminal.fd();
        registry.register(&mut SourceFd(&fd), terminal, Interest::READABLE | Interest::WRITABLE)?;
        registry.register(self.signals.source(), signals, Interest::READABLE)
    }

    /// What the screen wants before anything else.
    pub fn start(&self) -> Vec<Effect> {
        app::start(&self.model)
    }

    /// What the screen wants when the program ends.
    pub fn finish(&mut self) -> Vec<Effect> {
        app::finish(&mut self.model)
    }

    /// Whether the server showed another key than the pinned one.
    pub fn is_stopped(&self) -> bool {
        matches!(self.model.stage, Stage::Stop { .. })
    }

    /// Something happened elsewhere.
    #[must_use = "a microphone that is to be shut is one of the effects"]
    pub fn tell(&mut self, msg: Msg, now: Now) -> Vec<Effect> {
        app::update(&mut self.model, msg, now)
    }

    /// The terminal is readable, or had more than one turn takes. An error means that it is gone.
    pub fn read(&mut self, now: Now) -> io::Result<Vec<Effect>> {
        let mut bytes = [0; READ_BYTES];
        let mut effects = Vec::new();
        self.unread = false;
        for _ in 0..READS_PER_TURN {
            match self.terminal.read(&mut bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.decoder.handle(&bytes[..n], now.mono),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(effects),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            self.keys(now, &mut effects);
        }
        self.unread = true;
        Ok(effects)
    }

    /// Whether to call [`Screen::read`] again without waiting for the poll.
    pub fn unread(&self) -> bool {
        self.unread
    }

    /// The signals' pipe is readable: why to end, if that is it, and what is to be done before.
    pub fn on_signals(&mut self, now: Now) -> io::Result<(Vec<Effect>, Option<Outside>)> {
        let (mut effects, mut outside) = (Vec::new(), None);
        for signal in self.signals.take() {
            match signal {
                Signal::Terminate | Signal::HangUp => outside = Some(Outside::End),
                Signal::Interrupt => outside = Some(Outside::Interrupt),
                Signal::Resize => self.changed(Terminal::resized),
                // As ^Z: the microphone first, so that nobody is heard who is not there.
                Signal::Stop => effects.extend(app::update(&mut self.model, Msg::Act(Act::Suspend), now)),
                Signal::Continue => {
                    self.terminal.resume()?;
                    // A stop that nothing can be done before (SIGSTOP): whatever was held is not held now.
                    self.model.sound.talk.shut();
                    (self.model.dirty, self.continued) = (true, true);
                }
            }
        }
        Ok((effects, outside))
    }

    /// The deadline passed.
    pub fn on_time(&mut self, now: Now) -> Vec<Effect> {
        self.decoder.handle(&[], now.mono);
        let mut effects = Vec::new();
        self.keys(now, &mut effects);
        if core::mem::take(&mut self.continued) {
            effects.extend(app::update(&mut self.model, Msg::Continued, now));
        }
        let shut = self.model.sound.silent != self.model.is_silent();
        if shut || self.model.deadline().is_some_and(|due| now.mono >= due) {
            effects.extend(app::update(&mut self.model, Msg::Tick, now));
        }
        effects
    }

    /// When [`Screen::on_time`] or [`Screen::draw`] has something to do.
    pub fn deadline(&self) -> Option<Time> {
        if self.continued {
            return Some(Time::ZERO);
        }
        let frame = self.wanted().map(|want| self.pace.at(want));
        earliest(frame, earliest(self.decoder.deadline(), self.model.deadline()))
    }

    /// Does what concerns the terminal; gives back what does not.
    pub fn obey(&mut self, effect: Effect) -> io::Result<Option<Effect>> {
        match effect {
            Effect::Alert(alert) => {
                let osc = self.model.settings.notify.osc.of(self.model.settings.emulator);
                osc.into_iter().for_each(|osc| self.terminal.alert(&alert, osc));
                self.hook.tell(&alert);
            }
            Effect::Bell => self.terminal.bell(),
            Effect::Copy(text) => self.terminal.copy(&text),
            Effect::Redraw => self.changed(Terminal::redraw),
            Effect::Suspend => self.suspend()?,
            Effect::Send(_)
            | Effect::Sound(_)
            | Effect::Volume { .. }
            | Effect::Draft(..)
            | Effect::History(_)
            | Effect::Keep(..)
            | Effect::Read(_)
            | Effect::Record(_)
            | Effect::Reply(..)
            | Effect::Prefer(_)
            | Effect::Listen(_)
            | Effect::Ring(_)
            | Effect::EchoTest
            | Effect::Quit => {
                return Ok(Some(effect));
            }
        }
        Ok(None)
    }

    /// Draws if something changed and the terminal is ready for it, and gives it what it takes.
    pub fn draw(&mut self, now: Now) -> io::Result<()> {
        if let Some(want) = self.wanted().filter(|want| now.mono >= self.pace.at(*want)) {
            (self.model.dirty, self.model.moved, self.pressed) = (false, false, false);
            let model = &self.model;
            let bytes = self.terminal.draw(model.sound.talk.is_on(), |canvas, links| {
                let cursor = view::view_linked(model, canvas, links);
                if !model.settings.marks_links() {
                    links.clear();
                }
                cursor
            });
            self.terminal.set_title(&view::window_title(model));
            self.pace.drew(want, bytes, now.mono);
        }
        self.terminal.flush()
    }

    /// Why another frame is wanted; none while the terminal has not taken the last one, or nothing changed.
    fn wanted(&self) -> Option<Want> {
        let changed = self.model.dirty || self.model.moved;
        match (self.model.dirty, self.pressed) {
            _ if self.terminal.busy() || !changed => None,
            (_, true) => Some(Want::Key),
            (true, false) => Some(Want::News),
            (false, false) => Some(Want::Motion),
        }
    }

    fn keys(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(input) = self.decoder.poll() {
            self.pressed = true;
            effects.extend(app::update(&mut self.model, Msg::Input(input), now));
        }
    }

    fn suspend(&mut self) -> io::Result<()> {
        let suspended = self.terminal.suspend();
        // It has taken the terminal again by itself.
        self.signals.forget(Signal::Continue);
        (self.model.dirty, self.continued) = (true, true);
        suspended
    }

    fn changed(&mut self, change: impl FnOnce(&mut Terminal)) {
        change(&mut self.terminal);
        self.model.one_pane = self.terminal.area().width < view::TWO_PANES_WIDTH;
        self.model.dirty = true;
        self.pressed = true;
    }
}
