//! No screen: commands are lines on standard input, events are JSON objects on standard output, one a line. Bots
//! and tests live here; people have `crate::linear`.
//!
//! Commands wait until the login is done, so that a script can be piped in; the end of input quits.

mod asked;
mod call;
mod commands;
mod devices;
mod events;
mod trust;
mod voice;
mod words;

use std::io::{self, Write as _};
use std::sync::mpsc::Receiver;

use anyhow::Context as _;
use mio::Token;
use proto::client::{Command, Event};
use proto::id::Name;
use proto::media::{SoundCommand, ToolCommand};
use serde_json::{Value, json};

use self::commands::{Record, Wish, parse};
use self::events::Reporter;
use crate::app::transmit::Transmit;
use crate::arrival::Arrival;
use crate::control::{Press, Reply, Request, Visitor, refused};
use crate::exit::Exit;
use crate::lines::{Line, read_lines};
use crate::session::{Session, Told};
use crate::signals::{Signal, Signals};

/// Runs until told to end, or until there is no point in going on.
///
/// # Errors
/// When the store, the poll or standard output fails.
pub fn run(session: Session, transmit: Transmit, name: Option<Name>) -> anyhow::Result<Exit> {
    let mut signals = Signals::to_end(session.registry(), SIGNALS).context("listening to signals")?;
    let lines = read_lines(session.waker())?;
    let mut reporter = Reporter::default();
    reporter.talk.transmit = transmit;
    let mut headless = Headless { reporter, name, arrival: Arrival::default(), echo: 0, session };
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

impl Headless {
    fn turns(&mut self, lines: &Receiver<Line>, signals: &mut Signals) -> anyhow::Result<Exit> {
        loop {
            self.microphone();
            self.session.wait(self.reporter.talk.deadline())?;
            self.reporter.talk.on_time(self.session.now().mono);
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
            Told::Client(event) => {
                if let Event::Said { from, .. } = event {
                    self.session.read(from)?;
                }
                return self.react(event);
            }
            Told::Asked(who, request) => self.asked(*who, *request)?,
            Told::Trouble(_) | Told::Sound(_) | Told::Volume(..) | Told::Server(_) => {}
        }
        Ok(None)
    }

    /// Another program of the user asks for something.
    fn asked(&mut self, who: Visitor, request: Request) -> anyhow::Result<()> {
        let reply = match request {
            Request::Mute(to) => {
                let mute = to.from(self.reporter.muted);
                self.reporter.muted = mute;
                self.microphone();
                Reply::Done(if mute { "muted" } else { "not muted" }.to_owned())
            }
            Request::Answer | Request::HangUp => match self.reporter.call_command(request) {
                Ok((command, words)) => {
                    self.session.command(command)?;
                    Reply::Done(words.to_owned())
                }
                Err(why) => refused("no_call", why),
            },
            Request::Talk(to) => self.talk(to),
            Request::Status => {
                let server = self.session.address().to_string();
                Reply::Status(Box::new(self.reporter.control_status(server)))
            }
            // The session answers it.
            Request::Invite => refused("unknown", "a link is made by the session"),
        };
        self.session.answer(who, &reply);
        Ok(())
    }

    /// Another program presses to talk, or a line says so: that is until it says the opposite.
    fn talk(&mut self, to: Press) -> Reply {
        let now = self.session.now().mono;
        let reply = self.reporter.press(to, now);
        self.microphone();
        reply
    }

    /// Mutes or opens the microphone, if that is not what it is already.
    fn microphone(&mut self) {
        if let Some(command) = self.reporter.microphone() {
            self.session.sound(command);
        }
    }

    fn react(&mut self, event: &Event) -> anyhow::Result<Option<Exit>> {
        if matches!(event, Event::ServerKeyChanged { .. } | Event::LoginRefused { .. }) {
            return Ok(Some(Exit::Refused));
        }
        if self.arrival.is_hopeless(event) {
            if self.reporter.trouble.is_none() && self.arrival.refused().is_none() {
                print(&events::error("unreachable", "the server takes connections, but does not answer"))?;
            }
            return Ok(Some(self.arrival.exit()));
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
            Ok(Some(Wish::Talk(on))) => {
                let already = on && self.reporter.talk.is_open();
                let to = if on { Press::Toggle } else { Press::Up };
                if !already && let Reply::Refused { code, text } = self.talk(to) {
                    print(&events::error(code, &text))?;
                }
            }
            Ok(Some(Wish::Mute(mute))) => {
                self.reporter.muted = mute;
                self.microphone();
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
