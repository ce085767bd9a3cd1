//! THE loop of the full screen: one poll over terminal, server, agent and timers. Keys first, so that no meter delays
//! an echo; then what the session tells; then a frame, if anything changed.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use mio::Token;
use proto::id::Name;
use proto::media::SoundCommand;
use proto::media::processing::Wish;
use proto::{Safe, Time, earliest};

use crate::app::keymap::Keymap;
use crate::app::model::Look;
use crate::app::notify::Notify;
use crate::app::preferences::Preferences;
use crate::app::transmit::{TalkKey, Transmit};
use crate::app::{Effect, Msg, Settings};
use crate::config::edit::Keeper;
use crate::exit::Exit;
use crate::hearing::{Closing, Hearing};
use crate::limits::LOG_BYTES_MAX;
use crate::ringer::Ringer;
use crate::screen::{Outside, Screen};
use crate::session::Session;

/// How the screen is to begin.
#[derive(Clone, Debug)]
pub struct Begin {
    /// How things look.
    pub look: Look,
    /// How often meters move, 0 to 30 times a second; none for what the line is good for.
    pub meter_hz: Option<u8>,
    /// Whether the terminal is told of links.
    pub links: Wish,
    /// When the microphone is open.
    pub transmit: Transmit,
    /// How the key to talk is held.
    pub talk_key: TalkKey,
    /// What is told outside the screen.
    pub notify: Notify,
    /// The keys, as the person wants them.
    pub keys: Keymap,
    /// What the person wants of the sound.
    pub preferences: Preferences,
    /// Where changes of the settings are written.
    pub keeper: Keeper,
    /// Whom to be where nobody knows us; none proposes what the system calls its user.
    pub name: Option<Name>,
}

/// Runs until the user quits, or the terminal is gone. `log` is where standard error goes meanwhile.
///
/// # Errors
/// [`crate::terminal::NoScreen`] when there is no terminal to draw on; otherwise when the store or the poll fails.
pub fn run(session: Session, begin: Begin, log: File) -> anyhow::Result<Exit> {
    let settings = Settings {
        meter_hz: begin.meter_hz,
        links: begin.links,
        transmit: begin.transmit,
        talk_key: begin.talk_key,
        notify: begin.notify,
        keys: begin.keys,
        preferences: begin.preferences,
        ..session.settings(begin.look, begin.name.as_ref())
    };
    let term = std::env::var("TERM").ok();
    let mut screen = Screen::open(settings, session.is_known(), term.as_deref(), log, session.now())?;
    screen.register(session.registry(), TERMINAL, SIGNALS).context("listening to the terminal")?;
    let ringer = Ringer::new(session.waker());
    let mut run = Run { session, screen, hearing: None, closing: None, ringer, keeper: begin.keeper };
    let outcome = run.turns();
    // Nobody sees any more that a microphone is open.
    let Run { mut session, mut screen, hearing, .. } = run;
    drop(hearing);
    let (wishes, refused) = (screen.finish(), screen.is_stopped());
    // The terminal first: the rest may take a moment, or have something to complain about.
    drop(screen);
    let exit = outcome?;
    for wish in wishes {
        if let Effect::Draft(who, text) = wish {
            session.keep_draft(&who, &text)?;
        } else if let Effect::Send(command) = wish {
            session.command(command)?;
        }
    }
    session.close()?;
    Ok(if refused { Exit::Refused } else { exit })
}

const TERMINAL: Token = Token(Session::FOREIGN);
const SIGNALS: Token = Token(Session::FOREIGN + 1);

struct Run {
    session: Session,
    screen: Screen,
    /// What is listened to outside of a call.
    hearing: Option<Hearing>,
    /// What was listened to last, and may be closing still.
    closing: Option<Closing>,
    ringer: Ringer,
    keeper: Keeper,
}

impl Run {
    fn turns(&mut self) -> anyhow::Result<Exit> {
        let kept = Msg::Personal(self.session.kept()?);
        // The first turn of the model already wants something: with push-to-talk, a microphone that is shut.
        let unread = Msg::Unread(self.session.unread()?);
        let mut effects = self.screen.tell(kept, self.session.now());
        effects.extend(self.screen.tell(unread, self.session.now()));
        effects.extend(self.screen.start());
        let mut end = self.obey(effects)?;
        while end.is_none() {
            end = self.turn()?;
        }
        Ok(end.unwrap_or(Exit::Ok))
    }

    fn turn(&mut self) -> anyhow::Result<Option<Exit>> {
        if self.screen.draw(self.session.now()).is_err() {
            return Ok(Some(Exit::Ok));
        }
        let at_once = self.screen.unread().then_some(Time::ZERO);
        let ready = self.session.wait(earliest(at_once, self.screen.deadline()))?;
        let now = self.session.now();
        if ready.contains(&SIGNALS) {
            let (effects, outside) = self.screen.on_signals(now).context("taking the terminal again")?;
            if let Some(exit) = self.obey(effects)?.or(outside.map(Outside::exit)) {
                return Ok(Some(exit));
            }
        }
        if ready.contains(&TERMINAL) || self.screen.unread() {
            // A terminal that cannot be read is gone, and nobody is left to be told.
            let Ok(effects) = self.screen.read(now) else { return Ok(Some(Exit::Ok)) };
            if let Some(exit) = self.obey(effects)? {
                return Ok(Some(exit));
            }
        }
        let effects = self.screen.on_time(self.session.now());
        if let Some(exit) = self.obey(effects)? {
            return Ok(Some(exit));
        }
        self.listen()
    }

    /// Shows what the session tells.
    fn listen(&mut self) -> anyhow::Result<Option<Exit>> {
        while let Some(told) = self.session.poll() {
            let msg = Msg::from(told);
            let effects = self.screen.tell(msg, self.session.now());
            if let Some(exit) = self.obey(effects)? {
                return Ok(Some(exit));
            }
        }
        while let Some(heard) = self.hearing.as_ref().and_then(Hearing::poll) {
            let effects = self.screen.tell(Msg::Heard(heard), self.session.now());
            if let Some(exit) = self.obey(effects)? {
                return Ok(Some(exit));
            }
        }
        while let Some(msg) = self.ringer.poll() {
            let effects = self.screen.tell(msg, self.session.now());
            if let Some(exit) = self.obey(effects)? {
                return Ok(Some(exit));
            }
        }
        Ok(None)
    }

    fn obey(&mut self, effects: Vec<Effect>) -> anyhow::Result<Option<Exit>> {
        let mut muted = false;
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            muted |= matches!(effect, Effect::Sound(SoundCommand::Mute(true) | SoundCommand::Hold(true)));
            if effect == Effect::Suspend {
                // A program that stands still would keep the microphone open, in the state of this moment.
                self.closing.take().into_iter().for_each(Closing::wait);
                if muted {
                    self.session.settled().wait();
                }
            }
            let stops = effect == Effect::Suspend;
            let left = self.screen.obey(effect).context("taking the terminal again")?;
            if stops {
                // It may have been for an hour: what is told from now on would be over before it is seen.
                self.session.look_at_the_clock();
            }
            match left {
                None
                | Some(
                    Effect::Alert(_) | Effect::Bell | Effect::Copy(_) | Effect::Redraw | Effect::Suspend,
                ) => {}
                Some(Effect::Send(command)) => self.session.command(command)?,
                Some(Effect::Sound(command)) => self.session.sound(command),
                Some(Effect::Volume { who, percent }) => drop(self.session.volume(&who, percent)?),
                Some(Effect::Read(who)) => self.session.read(&who)?,
                Some(Effect::Draft(who, text)) => self.session.keep_draft(&who, &text)?,
                Some(Effect::Keep(who, personal)) => self.session.keep(&who, &personal)?,
                Some(Effect::Reply(who, reply)) => self.session.answer(who, &reply),
                Some(Effect::Record(with)) => self.session.record(with.as_deref()),
                Some(Effect::Prefer(change)) => {
                    if let Err(why) = self.keeper.keep(&change) {
                        let why = Safe::line(&format!("It counts, but was not saved: {why:#}."));
                        effects.extend(self.screen.tell(Msg::NotKept(why), self.session.now()));
                    }
                }
                Some(Effect::Ring(wanted)) => self.ringer.ring(wanted),
                Some(Effect::Listen(ears)) => {
                    self.closing = self.hearing.take().and_then(Hearing::close);
                    self.hearing = ears.map(|ears| Hearing::start(ears, self.session.waker()));
                }
                Some(Effect::EchoTest) => {
                    if let Some(hearing) = &self.hearing {
                        hearing.test();
                    }
                }
                Some(Effect::Quit) => return Ok(Some(Exit::Ok)),
                Some(Effect::History(who)) => {
                    let lines = self.session.lines(&who)?;
                    let draft = self.session.draft(&who)?;
                    let now = self.session.now();
                    effects.extend(self.screen.tell(Msg::History(who.clone(), lines), now));
                    effects.extend(self.screen.tell(Msg::Draft(who, draft), now));
                }
            }
        }
        Ok(None)
    }
}

/// Opens the log of the screen in the profile. One older log is kept, and neither grows without end.
///
/// # Errors
/// When the profile cannot be written.
pub fn open_log(profile: &Path) -> io::Result<File> {
    let path = profile.join("log");
    if fs::metadata(&path).is_ok_and(|log| log.len() > LOG_BYTES_MAX) {
        fs::rename(&path, profile.join("log.old"))?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}
