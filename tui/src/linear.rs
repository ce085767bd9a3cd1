//! THE loop of `--plain`: lines in, lines out. No alternate screen, no box, no escape sequence, nothing that repeats
//! by itself. The terminal stays as it is, so that it edits the line being typed, and a script can be piped in.

use std::collections::VecDeque;
use std::io::{self, IsTerminal as _};
use std::sync::mpsc::Receiver;

use anyhow::Context as _;
use mio::Token;
use proto::client::Event;
use proto::id::Name;
use proto::{Time, earliest};

use crate::app::model::Look;
use crate::app::notify::Notify;
use crate::app::preferences::{Ears, Preferences};
use crate::app::transmit::Transmit;
use crate::app::{Effect, Msg, Settings};
use crate::arrival::Arrival;
use crate::exit::Exit;
use crate::hook::Hook;
use crate::limits::{DRAIN_TIME_MAX, INTERRUPT_TIME};
use crate::lines::{Line, Writer, read_lines};
use crate::prose::Prose;
use crate::ringer::Ringer;
use crate::session::{Session, Told};
use crate::signals::{Signal, Signals};

/// How the lines are to begin.
#[derive(Clone, Debug)]
pub struct Begin {
    /// How things look, of which lines need the glyphs.
    pub look: Look,
    /// When the microphone is open.
    pub transmit: Transmit,
    /// What is told beside the lines: by the bell of a terminal, and by the user's command. Control strings are not for
    /// lines.
    pub notify: Notify,
    /// The devices, on whose speaker a call rings.
    pub ears: Ears,
    /// The name to take where nobody knows us; none asks.
    pub name: Option<Name>,
}

/// Runs until told to end, until the input ends, or until there is no point in going on.
///
/// # Errors
/// When the store, the poll or standard output fails.
pub fn run(session: Session, begin: Begin) -> anyhow::Result<Exit> {
    let Begin { look, transmit, notify, ears, name } = begin;
    let mut signals = Signals::to_end(session.registry(), SIGNALS).context("listening to signals")?;
    let lines = read_lines(session.waker())?;
    let hook = Hook::new(notify.command.clone());
    let preferences = Preferences { ears, ..Preferences::default() };
    let settings = Settings { transmit, notify, preferences, ..session.settings(look, name.as_ref()) };
    let prose = Prose::new(settings, session.is_known(), name, session.now());
    // A terminal shows what is typed and where; to a script a prompt would only be noise.
    let person = io::stdin().is_terminal() && io::stdout().is_terminal();
    let out = Writer::start()?;
    let ringer = Ringer::new(session.waker());
    let mut linear = Linear {
        session,
        prose,
        out,
        hook,
        ringer,
        person,
        prompted: false,
        arrival: Arrival::default(),
        ended: None,
        interrupted: None,
    };
    let exit = linear.turns(&lines, &mut signals);
    let Linear { mut session, mut prose, out, .. } = linear;
    for effect in prose.finish() {
        if let Effect::Send(command) = effect {
            session.command(command)?;
        }
    }
    out.finish();
    session.close()?;
    Ok(if prose.is_refused() { Exit::Refused } else { exit? })
}

const SIGNALS: Token = Token(Session::FOREIGN);

struct Linear {
    session: Session,
    prose: Prose,
    out: Writer,
    hook: Hook,
    ringer: Ringer,
    /// Somebody sits at a terminal.
    person: bool,
    /// The cursor stands after a prompt, and perhaps after a part of a line.
    prompted: bool,
    arrival: Arrival,
    /// The input has ended; until when what it said may take.
    ended: Option<Time>,
    /// Until when a second ^C quits.
    interrupted: Option<Time>,
}

impl Linear {
    fn turns(&mut self, lines: &Receiver<Line>, signals: &mut Signals) -> anyhow::Result<Exit> {
        let kept = Msg::Personal(self.session.kept()?);
        // The first turn of the model already wants something: with push-to-talk, a microphone that is shut.
        let unread = Msg::Unread(self.session.unread()?);
        let mut effects = self.prose.tell(kept, self.session.now());
        effects.extend(self.prose.tell(unread, self.session.now()));
        effects.extend(self.prose.start());
        let mut end = self.obey(effects)?;
        while end.is_none() {
            if !self.speak(false) {
                return Ok(Exit::Ok);
            }
            self.session.wait(earliest(self.ended, self.prose.deadline()))?;
            end = self.turn(lines, signals)?;
        }
        self.speak(true);
        Ok(end.unwrap_or(Exit::Ok))
    }

    fn turn(&mut self, lines: &Receiver<Line>, signals: &mut Signals) -> anyhow::Result<Option<Exit>> {
        if let Some(exit) = self.listen()? {
            return Ok(Some(exit));
        }
        if let Some(exit) = signals.take().first().and_then(|signal| self.on_signal(*signal)) {
            return Ok(Some(exit));
        }
        let now = self.session.now();
        if self.prose.deadline().is_some_and(|due| now.mono >= due) {
            let effects = self.prose.tell(Msg::Tick, now);
            if let Some(exit) = self.obey(effects)? {
                return Ok(Some(exit));
            }
        }
        // A script waits for its login; a person may always say /quit.
        while (self.person || (self.prose.takes_line() && self.ended.is_none()))
            && let Ok(line) = lines.try_recv()
        {
            // What came of one line is said before the next is read.
            if let Some(exit) = self.take(&line)?.or(self.listen()?) {
                return Ok(Some(exit));
            }
            if !self.speak(false) {
                return Ok(Some(Exit::Ok));
            }
        }
        let over = self.ended.is_some_and(|until| now.mono >= until || !self.prose.is_waiting());
        // Somebody at a terminal may leave whenever they like, and saw what came.
        Ok(over.then(|| if self.person { Exit::Ok } else { self.prose.outcome() }))
    }

    fn take(&mut self, line: &Line) -> anyhow::Result<Option<Exit>> {
        let now = self.session.now();
        match line {
            Line::Text(text) => {
                self.prompted = false;
                let effects = self.prose.typed(text, now);
                return self.obey(effects);
            }
            Line::Unreadable => self.prose.unreadable(),
            Line::End => self.ended = Some(now.mono + DRAIN_TIME_MAX),
        }
        Ok(None)
    }

    /// Says what the session tells.
    fn listen(&mut self) -> anyhow::Result<Option<Exit>> {
        while let Some(told) = self.session.poll() {
            let exit = match &told {
                Told::Client(event) => self.hopeless(event),
                Told::Sound(_) | Told::Volume(..) | Told::Server(_) | Told::Asked(..) | Told::Trouble(_) => {
                    None
                }
            };
            let effects = self.prose.tell(Msg::from(told), self.session.now());
            if let Some(exit) = self.obey(effects)?.or(exit) {
                return Ok(Some(exit));
            }
        }
        Ok(None)
    }

    /// A person may wait for the server or think of another name; a script may not.
    fn hopeless(&mut self, event: &Event) -> Option<Exit> {
        let hopeless = self.arrival.is_hopeless(event);
        if matches!(event, Event::ServerKeyChanged { .. }) {
            return Some(Exit::Refused);
        }
        match (self.person, hopeless) {
            (false, _) if matches!(event, Event::LoginRefused { .. }) => Some(Exit::Refused),
            (false, true) => Some(self.arrival.exit()),
            (false, false) | (true, _) => None,
        }
    }

    /// One ^C must not end a call by accident.
    fn on_signal(&mut self, signal: Signal) -> Option<Exit> {
        if signal != Signal::Interrupt {
            return Some(Exit::Ok);
        }
        let now = self.session.now().mono;
        if !self.person || self.interrupted.is_some_and(|until| now < until) {
            return Some(Exit::Interrupted);
        }
        self.interrupted = Some(now + INTERRUPT_TIME);
        self.prose.interrupted();
        None
    }

    fn obey(&mut self, effects: Vec<Effect>) -> anyhow::Result<Option<Exit>> {
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Send(command) => self.session.command(command)?,
                Effect::Sound(command) => self.session.sound(command),
                Effect::Volume { who, percent } => drop(self.session.volume(&who, percent)?),
                Effect::Read(who) if self.person => self.session.read(&who)?,
                // What a script was told nobody has read.
                Effect::Read(_) => {}
                // A line is sent, or is not there.
                Effect::Draft(..) => {}
                Effect::Keep(who, personal) => self.session.keep(&who, &personal)?,
                Effect::Reply(who, reply) => self.session.answer(who, &reply),
                Effect::Record(with) => self.session.record(with.as_deref()),
                Effect::History(who) => {
                    let lines = self.session.lines(&who)?;
                    effects.extend(self.prose.tell(Msg::History(who, lines), self.session.now()));
                }
                Effect::Bell if self.person => drop(self.out.write("\u{7}".to_owned())),
                // As the bell: nobody sits beside a script.
                Effect::Ring(wanted) if self.person => self.ringer.ring(wanted),
                Effect::Ring(_) => {}
                Effect::Alert(alert) => self.hook.tell(&alert),
                // A clipboard would take an escape sequence: the link is a line that can be taken from the screen.
                Effect::Bell | Effect::Redraw | Effect::Suspend | Effect::Copy(_) => {}
                // Of the settings, which the lines have not.
                Effect::Prefer(_) | Effect::Listen(_) | Effect::EchoTest => {}
                Effect::Quit if self.person => return Ok(Some(Exit::Ok)),
                // The last line of a script ends it as the end of its input does.
                Effect::Quit => self.ended = Some(self.session.now().mono + DRAIN_TIME_MAX),
            }
        }
        Ok(None)
    }

    /// Writes what is to be said. A line that comes while another is typed begins a new one, and the prompt comes
    /// again after it: the terminal keeps what was typed. False when nobody reads any more.
    fn speak(&mut self, last: bool) -> bool {
        let mut text = String::new();
        while let Some(line) = self.prose.poll() {
            if self.prompted {
                text.push('\n');
                self.prompted = false;
            }
            text.push_str(&line);
            text.push('\n');
        }
        if self.person && !self.prompted && !last && self.prose.takes_line() {
            text.push_str(&self.prose.prompt());
            self.prompted = true;
        }
        text.is_empty() || self.out.write(text)
    }
}
