//! `tincan call` and `tincan answer`: one call without a screen, by the sound card or as a part of a pipe. Standard
//! output carries sound or nothing; what happens is told in lines on standard error.

use std::io::{self, Write as _};
use std::sync::mpsc::Receiver;

use anyhow::Context as _;
use audio::device::flow::{self, Flow};
use mio::Token;
use proto::id::Name;

use crate::app::transmit::Transmit;
use crate::exit::Exit;
use crate::lines::{Line, read_lines};
use crate::session::{Session, Told};
use crate::signals::{Signal, Signals};
use crate::terminal;

mod errand;

pub use errand::Wish;
use errand::{Errand, Step};

/// What is to be done, and with what sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Talk {
    /// Call or answer.
    pub wish: Wish,
    /// What is said instead of a microphone.
    pub input: Option<Flow>,
    /// Where what is heard goes instead of a speaker.
    pub output: Option<Flow>,
    /// Whom to be where nobody knows us.
    pub name: Option<Name>,
    /// When the microphone is open, if it is a device's.
    pub transmit: Transmit,
}

impl Talk {
    /// The sound of it, when it is not that of a device.
    pub fn sound(&self) -> Option<audio::Settings> {
        let flows = self.input.is_some() || self.output.is_some();
        flows.then(|| audio::Settings::for_flow(self.input.clone(), self.output.clone()))
    }

    /// Whether the input can be read and the output has a place, before anybody's telephone rings.
    ///
    /// # Errors
    /// A sentence with what to do.
    pub fn check(&self) -> anyhow::Result<()> {
        self.input.as_ref().map_or(Ok(()), flow::check)?;
        Ok(self.output.as_ref().map_or(Ok(()), flow::check_output)?)
    }
}

const SIGNALS: Token = Token(Session::FOREIGN);

/// Runs until the call is over, or the calls are.
///
/// # Errors
/// When the store or the poll fails.
pub fn run(session: Session, talk: Talk) -> anyhow::Result<Exit> {
    let mut signals = Signals::to_end(session.registry(), SIGNALS).context("listening to signals")?;
    let devices = talk.sound().is_none();
    // Only who presses needs the keyboard: nothing else reads what is typed for the shell.
    let keyboard = devices && talk.transmit == Transmit::Ptt && terminal::has_keyboard();
    let lines = keyboard.then(|| read_lines(session.waker())).transpose()?;
    let errand =
        Errand::new(talk.wish, talk.name, talk.input.is_some(), devices).transmit(talk.transmit, keyboard);
    let mut run = Run { session, errand, lines };
    let exit = run.turns(&mut signals);
    run.session.close()?;
    exit
}

struct Run {
    session: Session,
    errand: Errand,
    /// What is typed, where that presses to talk.
    lines: Option<Receiver<Line>>,
}

impl Run {
    fn turns(&mut self, signals: &mut Signals) -> anyhow::Result<Exit> {
        loop {
            self.session.wait(self.errand.deadline())?;
            let now = self.session.now().mono;
            if let Some(signal) = signals.take().first() {
                let exit = if *signal == Signal::Interrupt { Exit::Interrupted } else { Exit::Ok };
                self.errand.interrupt(exit, now);
            }
            while let Some(Line::Text(_) | Line::Unreadable) =
                self.lines.as_ref().and_then(|lines| lines.try_recv().ok())
            {
                self.errand.typed(now);
            }
            self.errand.on_time(now);
            if let Some(exit) = self.carry_out()? {
                return Ok(exit);
            }
            while let Some(told) = self.session.poll() {
                if let Told::Asked(who, request) = told {
                    let reply = self.errand.asked(request, now);
                    self.session.answer(who, &reply);
                } else {
                    self.errand.handle(&told, now);
                }
                if let Some(exit) = self.carry_out()? {
                    return Ok(exit);
                }
            }
        }
    }

    fn carry_out(&mut self) -> anyhow::Result<Option<Exit>> {
        while let Some(step) = self.errand.poll() {
            match step {
                Step::Do(command) => self.session.command(command)?,
                Step::Sound(command) => self.session.sound(command),
                // Who closed standard error does not want to know.
                Step::Say(line) => drop(writeln!(io::stderr(), "tincan: {line}")),
                Step::End(exit) => return Ok(Some(exit)),
            }
        }
        Ok(None)
    }
}
