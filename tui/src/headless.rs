//! No screen: commands are lines on standard input, events are JSON objects on standard output, one a line. Bots,
//! tests and screen readers live here.
//!
//! Commands wait until the login is done, so that a script can be piped in; the end of input quits.

mod call;
mod commands;
mod events;
mod voice;
mod words;

use std::io::{self, BufRead as _, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::Context as _;
use mio::{Interest, Token, Waker};
use proto::client::{Command, Event};
use proto::id::Name;
use proto::media::{SoundCommand, ToolCommand};
use serde_json::{Value, json};

use self::commands::{Record, Wish, parse};
use self::events::Reporter;
use crate::arrival::Arrival;
use crate::exit::Exit;
use crate::limits::{COMMAND_BYTES_MAX, COMMANDS_AHEAD_MAX};
use crate::session::{Session, Told};
use crate::signals::{Signal, Signals};

/// Runs until told to end, or until there is no point in going on.
///
/// # Errors
/// When the store, the poll or standard output fails.
pub fn run(session: Session, name: Option<Name>) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen(&[Signal::Terminate, Signal::Interrupt, Signal::HangUp])
        .context("listening to signals")?;
    session
        .registry()
        .register(signals.source(), SIGNALS, Interest::READABLE)
        .context("listening to signals")?;
    let lines = read_lines(session.waker())?;
    let mut headless =
        Headless { reporter: Reporter::default(), name, arrival: Arrival::default(), echo: 0, session };
    // Whoever we talk to is told that we go, also when nobody reads our events any more.
    let exit = headless.turns(&lines, &mut signals);
    headless.session.close()?;
    exit
}

const SIGNALS: Token = Token(Session::FOREIGN);

struct Headless {
    session: Session,
    reporter: Reporter,
    /// Whom to be where nobody knows us.
    name: Option<Name>,
    arrival: Arrival,
    echo: u64,
}

/// What standard input held.
enum Line {
    Text(String),
    /// Longer than [`COMMAND_BYTES_MAX`], or not UTF-8.
    Unreadable,
    End,
}

impl Headless {
    fn turns(&mut self, lines: &Receiver<Line>, signals: &mut Signals) -> anyhow::Result<Exit> {
        loop {
            self.session.wait(None)?;
            while let Some(told) = self.session.poll() {
                if let Some(exit) = self.tell(&told)? {
                    return Ok(exit);
                }
            }
            if let Some(signal) = signals.take().first() {
                return Ok(if *signal == Signal::Interrupt { Exit::Interrupted } else { Exit::Ok });
            }
            while self.arrival.logged_in
                && let Ok(line) = lines.try_recv()
            {
                if !self.obey(line)? {
                    return Ok(Exit::Ok);
                }
                // What came of one command is told before the next is read.
                while let Some(told) = self.session.poll() {
                    if let Some(exit) = self.tell(&told)? {
                        return Ok(exit);
                    }
                }
            }
        }
    }

    /// Prints what happened; gives the exit when it was the end.
    fn tell(&mut self, told: &Told) -> anyhow::Result<Option<Exit>> {
        self.reporter.now = self.session.now().mono;
        for value in self.reporter.report(told) {
            print(&value)?;
        }
        match told {
            Told::Client(event) => return self.react(event),
            Told::Trouble(_) | Told::Sound(_) | Told::Volume(..) | Told::Server(_) => {}
        }
        Ok(None)
    }

    fn react(&mut self, event: &Event) -> anyhow::Result<Option<Exit>> {
        if matches!(event, Event::ServerKeyChanged { .. } | Event::LoginRefused { .. }) {
            return Ok(Some(Exit::Refused));
        }
        if self.arrival.is_hopeless(event) {
            if self.reporter.trouble.is_none() {
                print(&events::error("unreachable", "the server takes connections, but does not answer"))?;
            }
            return Ok(Some(Exit::Unreachable));
        }
        if *event == Event::NameWanted {
            let Some(name) = self.name.clone() else {
                print(&usage("this server does not know you yet: say who you are with --name NAME"))?;
                return Ok(Some(Exit::Usage));
            };
            self.session.command(Command::Join(name))?;
        }
        Ok(None)
    }

    /// Does what a line says. False when it says to quit.
    fn obey(&mut self, line: Line) -> anyhow::Result<bool> {
        let text = match line {
            Line::Text(text) => text,
            Line::Unreadable => {
                print(&usage("a command is one line of UTF-8, of at most 8 KiB"))?;
                return Ok(true);
            }
            Line::End => return Ok(false),
        };
        match parse(&text) {
            Ok(None) => {}
            Ok(Some(Wish::Do(command))) => self.session.command(command)?,
            Ok(Some(Wish::Say { to, text })) => {
                self.echo += 1;
                self.session.command(Command::Say { to, text, echo: self.echo })?;
            }
            Ok(Some(Wish::Mute(mute))) => {
                self.session.sound(SoundCommand::Mute(mute));
                self.reporter.muted = mute;
            }
            Ok(Some(Wish::Volume { who, percent })) => {
                if self.session.volume(&who, percent)? {
                    self.reporter.volume(&who, percent);
                } else {
                    print(&events::error("no_call", &format!("{who} is in no call with you")))?;
                }
            }
            Ok(Some(Wish::Figures(on))) => self.reporter.figures_wanted = on,
            Ok(Some(Wish::Process { part, wish })) => {
                self.session.sound(SoundCommand::Process { part, wish })
            }
            Ok(Some(Wish::Sound(command))) => self.session.sound(command),
            Ok(Some(Wish::SayAgain(on))) => {
                self.session.sound(SoundCommand::Tool(ToolCommand::SayAgain(on)));
            }
            Ok(Some(Wish::Record(Record::Off))) => self.session.record(None),
            Ok(Some(Wish::Record(wish))) => match self.reporter.recordable(wish == Record::Anyway) {
                Ok(with) => self.session.record(Some(&with)),
                Err(error) => print(&error)?,
            },
            Ok(Some(Wish::Status)) => print(&self.reporter.status())?,
            Ok(Some(Wish::Help)) => print(&commands::help())?,
            Ok(Some(Wish::Quit)) => return Ok(false),
            Err(why) => print(&usage(&why))?,
        }
        Ok(true)
    }
}

fn usage(text: &str) -> Value {
    json!({ "event": "error", "code": "usage", "text": text })
}

fn print(value: &Value) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    // The newline and the object in one write, so that a reader of lines never sees half of one.
    out.write_all(format!("{value}\n").as_bytes()).and_then(|()| out.flush()).context("writing an event")
}

/// Standard input may be a file, which no poll takes, so a thread reads it. It ends with the program.
fn read_lines(waker: Arc<Waker>) -> anyhow::Result<Receiver<Line>> {
    let (tell, lines) = sync_channel(COMMANDS_AHEAD_MAX);
    let read = move || {
        let mut input = io::stdin().lock();
        while let Some(line) = next_line(&mut input) {
            if !hand_on(&tell, &waker, line) {
                return;
            }
        }
        hand_on(&tell, &waker, Line::End);
    };
    std::thread::Builder::new()
        .name("input".into())
        .spawn(read)
        .context("starting to read standard input")?;
    Ok(lines)
}

fn hand_on(tell: &SyncSender<Line>, waker: &Waker, line: Line) -> bool {
    tell.send(line).is_ok() && waker.wake().is_ok()
}

/// The next line; none at the end of input.
fn next_line(input: &mut impl io::BufRead) -> Option<Line> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(COMMAND_BYTES_MAX).unwrap_or(u64::MAX);
    match io::Read::take(&mut *input, limit).read_until(b'\n', &mut bytes) {
        Ok(0) | Err(_) => return None,
        Ok(_) => {}
    }
    if bytes.len() == COMMAND_BYTES_MAX && bytes.last() != Some(&b'\n') {
        skip_line(input);
        return Some(Line::Unreadable);
    }
    Some(String::from_utf8(bytes).map_or(Line::Unreadable, Line::Text))
}

fn skip_line(input: &mut impl io::BufRead) {
    while let Ok(buffer) = input.fill_buf() {
        let (count, done) = match buffer.iter().position(|&b| b == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(count);
        if done {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_one_by_one_and_long_ones_passed_over() {
        let long = "x".repeat(3 * COMMAND_BYTES_MAX);
        let text = [b"one\n", long.as_bytes(), b"\ntwo\n\xff\n", b"three"].concat();
        let mut input = io::BufReader::with_capacity(100, text.as_slice());
        let mut told = Vec::new();
        while let Some(line) = next_line(&mut input) {
            told.push(match line {
                Line::Text(text) => text.trim_end().to_owned(),
                Line::Unreadable => "?".into(),
                Line::End => "end".into(),
            });
        }
        assert_eq!(told, ["one", "?", "two", "?", "three"]);
    }
}
