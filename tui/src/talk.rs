//! `tincan call` and `tincan answer`: one call without a screen, by the sound card or as a part of a pipe. Standard
//! output carries sound or nothing; what happens is told in lines on standard error.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::sync::mpsc::Receiver;

use anyhow::Context as _;
use audio::device::Choice;
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

impl Talk {
    /// Whether a sound system answers where a card is to be used: nobody's telephone rings for who could neither hear nor
    /// speak. `system` asks it, and opens no microphone.
    ///
    /// # Errors
    /// What it says instead.
    pub fn check_card<T, E: Display>(
        &self,
        device: &Choice,
        system: impl FnOnce() -> Result<T, E>,
    ) -> Result<(), String> {
        if !device.is_card() || self.sound().is_some() {
            return Ok(());
        }
        system().map(drop).map_err(|why| why.to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_rung_without_a_sound_system_where_a_card_is_meant() {
        let talk = |input| Talk {
            wish: Wish::Call(Vec::new()),
            input,
            output: None,
            name: None,
            transmit: Transmit::default(),
        };
        let none = || Err::<(), _>("no sound system answers");
        assert_eq!(talk(None).check_card(&Choice::Default, none), Err("no sound system answers".to_owned()));
        assert_eq!(talk(None).check_card(&Choice::Default, || Ok::<_, String>("PulseAudio")), Ok(()));
        // What is no card needs none, and is not asked for one.
        assert_eq!(talk(None).check_card(&Choice::Null, none), Ok(()));
        assert_eq!(talk(Some(Flow::Standard)).check_card(&Choice::Default, none), Ok(()));
    }
}
