//! The client in sentences: what happens becomes one line each, and one typed line does one thing. It is the same
//! model as the screen's, without the screen: for screen readers, dumb terminals, scripts and the worst links.
//!
//! ```text
//! events ──► told ──► lines          typed lines ──► commands ──► acts ──► update ──► Model
//!    └─────► update ──► Model                                       └────► lines
//! ```
//!
//! Nothing is said twice, nothing is said by itself, and no line names a key. Every line begins with a name of the
//! program's own choosing, so that a text from others cannot pass for a word of the program.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use proto::client::{Command, Event};
use proto::id::{Fingerprint, Name, Principal};
use proto::media::{DeviceList, SoundCommand};
use proto::{Now, Safe, Time};

use crate::app::model::{Stage, Welcome};
use crate::app::popup::Popup;
use crate::app::ring;
use crate::app::{Effect, Model, Msg, Settings, update};
use crate::exit::Exit;
use crate::limits::LINE_BYTES_MAX;
use crate::prose::awaited::Awaited;

mod acts;
mod awaited;
mod calls;
mod commands;
mod ending;
mod people;
mod status;
#[cfg(test)]
mod tests;
mod told;

/// Figures are told so often: for what a call is like when somebody asks, not to be shown.
const FIGURES_EVERY: Duration = Duration::from_secs(1);

/// The client in sentences.
#[derive(Debug)]
pub struct Prose {
    model: Model,
    /// Whom text without a command goes to.
    to: Option<Name>,
    /// What the next line answers.
    question: Option<Question>,
    /// The name to take without asking.
    named: Option<Name>,
    /// What is still to be said.
    lines: VecDeque<String>,
    /// What was said of things that would be said again otherwise.
    said: Said,
    /// The devices as they were listed last, whose numbers can be typed.
    devices: DeviceList,
    /// Whose older lines are on their way, and how many are wanted.
    history: Option<(Name, usize)>,
    /// How many texts of each were not read before this run, until they are in the list.
    unread: Vec<(Principal, usize)>,
    /// How many of them were announced and not shown yet.
    unshown: BTreeMap<Name, usize>,
    /// Whose key was said last: an answer to it is about that key.
    key_said: Option<(Name, Fingerprint)>,
    /// What was asked for and is not answered yet.
    awaited: Awaited,
    /// The server's key was not trusted, or is not the pinned one.
    refused: bool,
}

/// A question that the next line answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// Whether the server's key is the right one.
    Trust(Fingerprint),
    /// Which name to take.
    Name,
    /// Whether what was wanted is wanted although it is not encrypted.
    Unencrypted,
}

/// What was said last of things that are told more often than they change.
#[derive(Clone, Debug, Default)]
struct Said {
    welcome: bool,
    contacts: bool,
    trouble: Option<Safe>,
    microphone: Option<Safe>,
    speaker: Option<Safe>,
    /// Texts that were said to wait.
    waiting: bool,
}

impl Prose {
    /// A client that says nothing yet; `named` is the name to take without asking; `known` when the server has seen
    /// us before.
    pub fn new(settings: Settings, known: bool, named: Option<Name>, now: Now) -> Self {
        let mut model = Model::new(settings, known, now);
        if let Stage::Welcome(welcome) = &mut model.stage {
            // A level is nothing that lines can show, so there is no look at the sound, and no microphone opens.
            welcome.first = false;
        }
        Self {
            model,
            to: None,
            question: None,
            named,
            lines: VecDeque::new(),
            said: Said::default(),
            devices: DeviceList::default(),
            history: None,
            unread: Vec::new(),
            unshown: BTreeMap::new(),
            key_said: None,
            awaited: Awaited::default(),
            refused: false,
        }
    }

    /// What is to be done before anything else.
    pub fn start(&mut self) -> Vec<Effect> {
        let server = self.model.settings.server.clone();
        self.say(format!("tincan, connecting to {server}. /help lists what can be typed."));
        if let Some(protocol) = self.model.settings.plain_server {
            self.say(format!("This server speaks the {protocol} protocol: nothing is encrypted."));
        }
        if self.model.dnd {
            self.say(self.model.settings.notify.rings(true));
        }
        vec![Effect::Sound(SoundCommand::MeterEvery(FIGURES_EVERY))]
    }

    /// What is still to be done when the program ends.
    pub fn finish(&mut self) -> Vec<Effect> {
        crate::app::finish(&mut self.model)
    }

    /// Something happened.
    #[must_use = "a microphone that is to be shut is one of the effects"]
    pub fn tell(&mut self, msg: Msg, now: Now) -> Vec<Effect> {
        self.model.now = now;
        let rings = matches!(
            msg,
            Msg::Client(
                Event::Incoming { .. } | Event::Said { .. } | Event::Request(_) | Event::IdentityChanged(_)
            )
        );
        let mut effects = self.foretell(&msg);
        effects.extend(self.update(msg));
        // A window that opened by itself, for a key that changed, would take the next text for its own.
        self.model.popups.retain(|popup| matches!(popup, Popup::Consent(_)));
        self.awaited.expect(&effects);
        // The bell of the screen rings on and on; here it goes with its line.
        effects.retain(|effect| rings || *effect != Effect::Bell);
        effects
    }

    /// Says what happened, as it was until now, and what the program answers by itself.
    fn foretell(&mut self, msg: &Msg) -> Vec<Effect> {
        match msg {
            Msg::Client(event) => return told::client(self, event),
            Msg::Sound(event) => told::sound(self, event),
            Msg::Trouble(why) => told::trouble(self, why),
            Msg::Volume(who, percent) => told::volume(self, who, *percent),
            Msg::History(who, lines) => return told::history(self, who, lines),
            Msg::Unread(list) => self.unread.clone_from(list),
            Msg::Heard(_) | Msg::NotKept(_) | Msg::Continued | Msg::Draft(..) => {}
            Msg::RingsElsewhere { wanted, instead } => self.say(ring::elsewhere(wanted, instead.as_ref())),
            Msg::Personal(_) | Msg::Server(_) | Msg::Tick | Msg::Input(_) | Msg::Act(_) | Msg::Asked(..) => {}
        }
        Vec::new()
    }

    /// Takes a message into the model. Read is what was said as a line, not what a screen would show.
    fn take_in(&mut self, msg: Msg) -> Vec<Effect> {
        let now = self.model.now;
        let mut effects = update(&mut self.model, msg, now);
        effects.retain(|effect| !matches!(effect, Effect::Read(_)));
        effects
    }

    /// Takes a message into the model, and asks what it asks.
    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let effects = self.take_in(msg);
        match (self.model.consent().cloned(), self.question) {
            (Some(consent), None) => {
                let names: Vec<&Name> = consent.names.iter().collect();
                let names = self.model.among(&names, told::NAMES_SAID);
                self.question = Some(Question::Unencrypted);
                self.say(format!(
                    "A call with {names} is NOT encrypted. Type yes to do it, now and later, or no."
                ));
            }
            (None, Some(Question::Unencrypted)) => self.question = None,
            (Some(_) | None, _) => {}
        }
        effects
    }

    /// What to say next: one line, or the lines of one text.
    pub fn poll(&mut self) -> Option<String> {
        self.lines.pop_front()
    }

    /// When to tell [`Msg::Tick`]: only a removal ends by itself.
    pub fn deadline(&self) -> Option<Time> {
        self.model.contacts.leaving_until()
    }

    /// Whether a line that was typed would be taken now: a script waits for its login, and for the contacts that its
    /// lines name.
    pub fn takes_line(&self) -> bool {
        self.question.is_some() || (self.model.name.is_some() && self.said.contacts)
    }

    /// Whether something of ours is still on its way to somebody who is there, or an answer to us.
    pub fn is_waiting(&self) -> bool {
        !self.awaited.is_empty() || status::is_waiting(&self.model)
    }

    /// How it went with a script whose input has ended, and all that it said has arrived or taken too long; says what
    /// is wrong.
    pub fn outcome(&mut self) -> Exit {
        let (exit, wrong) = match self.question {
            _ if self.is_refused() => return Exit::Refused,
            Some(Question::Trust(_)) => (
                Exit::Refused,
                "Nobody said yes to the server's key: nothing was sent there. A link or --pin vouches for it.",
            ),
            Some(Question::Name) => {
                (Exit::Usage, "No name was given, so nobody is logged in: start with --name NAME.")
            }
            Some(Question::Unencrypted) | None if self.awaited.is_empty() => return Exit::Ok,
            Some(Question::Unencrypted) | None => {
                (Exit::Failed, "Not everything that was asked for was answered in time.")
            }
        };
        self.say(wrong);
        exit
    }

    /// Whether the server showed another key than the pinned one, or one that was not trusted.
    pub fn is_refused(&self) -> bool {
        self.refused || matches!(self.model.stage, Stage::Stop { .. })
    }

    /// Words before the cursor: what a line would go to.
    pub fn prompt(&self) -> String {
        match (self.question, &self.to) {
            (Some(Question::Trust(_) | Question::Unencrypted), _) => "yes or no> ".to_owned(),
            (Some(Question::Name), _) => "name> ".to_owned(),
            (None, Some(name)) => format!("{}> ", self.model.shown(name)),
            (None, None) => "> ".to_owned(),
        }
    }

    /// A line was typed.
    pub fn typed(&mut self, line: &str, now: Now) -> Vec<Effect> {
        self.model.now = now;
        let line = line.trim_matches(['\r', '\n', ' ']);
        let mut effects = update(&mut self.model, Msg::Tick, now);
        effects.extend(match self.question {
            // What can be typed at any time can be typed now.
            Some(question) if !line.starts_with('/') => self.answered(question, line),
            Some(_) | None => acts::typed(self, line),
        });
        effects.retain(|effect| *effect != Effect::Bell);
        self.awaited.expect(&effects);
        effects
    }

    /// What cannot be read as a line was typed.
    pub fn unreadable(&mut self) {
        self.say(format!(
            "That line cannot be read: at most {} KiB of UTF-8.",
            crate::limits::COMMAND_BYTES_MAX >> 10
        ));
    }

    /// ^C was pressed once.
    pub fn interrupted(&mut self) {
        let what = if self.model.call.is_some() { "hangs up and quits" } else { "quits" };
        self.say(format!("Once more, or /quit, {what}."));
    }

    fn answered(&mut self, question: Question, line: &str) -> Vec<Effect> {
        if question == Question::Name {
            return self.name_given(line);
        }
        let yes = match line.to_ascii_lowercase().as_str() {
            "yes" | "y" => true,
            "no" | "n" => false,
            _ => {
                self.say("Type yes or no first.");
                return Vec::new();
            }
        };
        self.question = None;
        match (question, yes) {
            (Question::Trust(_), true) => {
                if let Stage::Welcome(welcome) = &mut self.model.stage {
                    welcome.unknown_key = None;
                }
                vec![Effect::Send(Command::TrustServer)]
            }
            (Question::Trust(_), false) => {
                self.refused = true;
                self.say("Nothing was sent there.");
                vec![Effect::Quit]
            }
            (Question::Unencrypted, true) => self.update(Msg::Act(crate::app::keymap::Act::Consent)),
            (Question::Unencrypted, false) => {
                self.say("Then not.");
                self.update(Msg::Act(crate::app::keymap::Act::Back))
            }
            (Question::Name, _) => Vec::new(),
        }
    }

    fn name_given(&mut self, line: &str) -> Vec<Effect> {
        let proposed = self.proposed();
        let wanted = if line.is_empty() { proposed.as_str() } else { line };
        match Name::parse(wanted) {
            Ok(name) => {
                self.question = None;
                vec![Effect::Send(Command::Join(name))]
            }
            Err(wrong) => {
                self.say(format!("Choose another name: {wrong}."));
                Vec::new()
            }
        }
    }

    /// The name that an empty line takes; empty when there is none.
    fn proposed(&self) -> String {
        Welcome::new(&self.model.settings.proposed).name.text().to_owned()
    }

    /// One line of the program. Whatever is in it, it is one line and harmless.
    fn say(&mut self, line: impl AsRef<str>) {
        let text = Safe::text(line.as_ref(), LINE_BYTES_MAX);
        self.lines.push_back(text.as_str().replace('\n', " "));
    }
}
