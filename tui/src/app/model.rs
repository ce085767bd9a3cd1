//! The one model of the screen: everything the view shows and nothing it does not.

use jiff::tz::TimeZone;
use proto::client::{Banned, LinkState};
use proto::id::{Fingerprint, Name, Principal};
use proto::limits::NAME_CHARS_MAX;
use proto::media::HalfState;
use proto::media::processing::{Processing, Wish};
use proto::{Now, Safe, Time, Wall};

use super::call::{self, Call, Incoming, Phase};
use super::chats::Chats;
use super::contacts::{Contacts, is_guest};
use super::echoes::Echoes;
use super::emulator::{Between, Emulator};
use super::find::Find;
use super::input::Editor;
use super::keymap::Keymap;
pub use super::look::{Glyphs, Look, Theme};
use super::notify::Notify;
use super::popup::{Consent, Notice, Popup};
use super::preferences::{Ears, Preferences};
use super::ring::Ring;
use super::talk::Talk;
use super::tools::Tools;
use super::transmit::{TalkKey, Transmit};
use super::trust::Deciding;
use crate::limits::LINK_SHOWN_TIME;

mod places;
mod times;

/// Everything on the screen.
#[derive(Clone, Debug)]
pub struct Model {
    /// What the start said.
    pub settings: Settings,
    /// How far we are.
    pub stage: Stage,
    /// Why the connection failed last, until it is up again.
    pub trouble: Option<String>,
    /// Our name, once it is known.
    pub name: Option<Name>,
    /// The connection.
    pub link: Link,
    /// The key of the server we talk to, once seen.
    pub server_key: Option<Fingerprint>,
    /// The list.
    pub contacts: Contacts,
    /// What was written, by contact.
    pub chats: Chats,
    /// Which pane the keys go to.
    pub focus: Focus,
    /// Whether the call view is open; it shows only while there is a call.
    pub call_view: bool,
    /// The call there is.
    pub call: Option<Call>,
    /// The sound.
    pub sound: Sound,
    /// The tools around the call.
    pub tools: Tools,
    /// Windows over the page, the newest last.
    pub popups: Vec<Popup>,
    /// The line over the footer.
    pub notice: Option<Notice>,
    /// What rings on the speaker.
    pub ringing: Option<Ring>,
    /// The devices that are listened to outside of a call.
    pub listening: Option<Ears>,
    /// How many texts of each were not read before this run, until they are in the list.
    pub unread_before: Vec<(Principal, usize)>,
    /// A link of our own, once made and while it is good.
    pub own_link: Option<String>,
    /// When it was made.
    pub link_made: Wall,
    /// Nobody is to disturb.
    pub dnd: bool,
    /// The screen has room for the list or for the chat, not for both.
    pub one_pane: bool,
    /// Whether the terminal has the keyboard, once it told.
    pub focused: Option<bool>,
    /// When a key was pressed last.
    pub pressed: Option<Time>,
    /// Of whose text was told last outside the screen, and when.
    pub alerted: Option<(Name, Time)>,
    /// Until when a second ^C or q quits.
    pub quit_until: Option<Time>,
    /// Who is looked for in the list.
    pub find: Option<Find>,
    /// Who is blocked, as last told.
    pub banned: Vec<Banned>,
    /// Whom the next `b` blocks, and until when.
    pub block_asked: Option<(Name, Time)>,
    /// Who is being blocked, or let in again.
    pub deciding: Deciding,
    /// Who was just asked: chosen once they are in the list.
    pub asked: Option<Name>,
    /// The next counter for a text.
    pub echo: u64,
    /// The time of the last message.
    pub now: Now,
    /// Whether something has happened since the picture was drawn.
    pub dirty: bool,
    /// Whether something in it moved by itself: a meter, a figure, a second. Worth a frame when the line is free.
    pub moved: bool,
}

/// What does not change while the program runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server, as the user named it.
    pub server: Safe,
    /// The plain protocol that the server speaks (`binary`, `text`): nothing of the session is encrypted, and the
    /// title says so. None on a server of our own kind.
    pub plain_server: Option<&'static str>,
    /// The fingerprint of our account key; none on a plain protocol, which has no accounts.
    pub account: Option<Fingerprint>,
    /// The server's key, where an invite or `--pin` named it: what the connection is checked against.
    pub expected: Option<Fingerprint>,
    /// The name to propose on the first run.
    pub proposed: String,
    /// How things look.
    pub look: Look,
    /// Where the clock on the wall hangs.
    pub zone: TimeZone,
    /// The keys, as the person wants them.
    pub keys: Keymap,
    /// What the person wants of the sound.
    pub preferences: Preferences,
    /// The bytes go over a network (SSH): meters move less often.
    pub remote: bool,
    /// The terminal.
    pub emulator: Emulator,
    /// When the microphone is open.
    pub transmit: Transmit,
    /// How the key to talk is held.
    pub talk_key: TalkKey,
    /// What is told outside the screen.
    pub notify: Notify,
    /// How often meters move, 0 (never) to 30 times a second; none for what the line is good for.
    pub meter_hz: Option<u8>,
    /// Whether the terminal is told of links.
    pub links: Wish,
}

impl Settings {
    /// Whether this terminal is told of links.
    pub fn marks_links(&self) -> bool {
        match self.links {
            Wish::Auto => self.emulator.links,
            // screen has no links, and hands none on.
            Wish::On => self.emulator.strings && self.emulator.between != Between::Screen,
            Wish::Off => false,
        }
    }
}

/// How far we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The first run.
    Welcome(Welcome),
    /// Contacts, chat and calls.
    Main,
    /// The server showed another key than the pinned one: the end.
    Stop {
        /// What is pinned.
        pinned: Fingerprint,
        /// What it showed.
        shown: Fingerprint,
    },
}

/// The first run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The name to take.
    pub name: Editor,
    /// The server's key, when it must be trusted first.
    pub unknown_key: Option<Fingerprint>,
    /// The server wants a name.
    pub name_wanted: bool,
    /// The user said yes to the name.
    pub chosen: Option<Name>,
    /// What is wrong.
    pub problem: Option<String>,
    /// The name is still the one that was proposed: the first letter replaces it.
    pub proposed: bool,
    /// The program began with it, rather than a server that forgot us.
    pub first: bool,
}

/// The connection, as the title shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Being made.
    Connecting,
    /// Up.
    Online,
    /// Down; tried again then.
    Away {
        /// When.
        retry_at: Time,
    },
}

/// Which pane the keys go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// Letters are commands.
    List,
    /// Letters are text.
    Message,
}

/// The sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// The microphone.
    pub microphone: HalfState,
    /// The speaker.
    pub speaker: HalfState,
    /// The microphone is muted.
    pub muted: bool,
    /// Push-to-talk.
    pub talk: Talk,
    /// What the agent was told last: muted, by whatever of the two.
    pub silent: bool,
    /// The agent was told that we stand still.
    pub on_hold: bool,
    /// What is done to our voice; none before the first call.
    pub processing: Option<Processing>,
    /// Whose voice comes back.
    pub echoes: Echoes,
}

impl Welcome {
    /// A first run that proposes what of `name` can be a name.
    pub fn new(name: &str) -> Self {
        // What the system calls its user may hold dots and more.
        let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let proposed: String = name.chars().filter(fits).take(NAME_CHARS_MAX).collect();
        let proposed = if Name::parse(&proposed).is_ok() { proposed } else { String::new() };
        let editor = Editor::with(&proposed, NAME_CHARS_MAX);
        Self {
            name: editor,
            unknown_key: None,
            name_wanted: false,
            chosen: None,
            problem: None,
            proposed: true,
            first: true,
        }
    }
}

impl Model {
    /// The screen at the start; `known` when the server has seen us before.
    pub fn new(settings: Settings, known: bool, now: Now) -> Self {
        let stage = if known { Stage::Main } else { Stage::Welcome(Welcome::new(&settings.proposed)) };
        let dnd = settings.notify.dnd;
        let talk = Talk::new(settings.transmit, settings.talk_key);
        Self {
            settings,
            stage,
            trouble: None,
            name: None,
            link: Link::Connecting,
            server_key: None,
            contacts: Contacts::default(),
            chats: Chats::default(),
            focus: Focus::List,
            call_view: false,
            call: None,
            sound: Sound {
                microphone: HalfState::Closed,
                speaker: HalfState::Closed,
                muted: false,
                talk,
                silent: false,
                on_hold: false,
                processing: None,
                echoes: Echoes::default(),
            },
            popups: Vec::new(),
            notice: None,
            ringing: None,
            listening: None,
            unread_before: Vec::new(),
            one_pane: false,
            own_link: None,
            link_made: Wall::default(),
            tools: Tools::default(),
            dnd,
            focused: None,
            pressed: None,
            alerted: None,
            quit_until: None,
            find: None,
            banned: Vec::new(),
            block_asked: None,
            deciding: Deciding::default(),
            asked: None,
            echo: 0,
            now,
            dirty: true,
            moved: false,
        }
    }

    /// Whether this is a guest: a contact of ours, or somebody else's in the call.
    pub fn guest(&self, name: &Name) -> bool {
        let party =
            self.call.iter().flat_map(|call| &call.parties).any(|party| party.guest && party.name == *name);
        party || self.contacts.get(name).is_some_and(is_guest)
    }

    /// Whether the program of somebody in the call has no word for a recording.
    pub fn cannot_see_recording(&self, name: &Name) -> bool {
        let plain = self.call.as_ref().is_some_and(|call| call.plain);
        plain && (self.settings.plain_server.is_some() || self.guest(name))
    }

    /// A name as it is shown: our own for them, if there is one; `~gina` for a guest, who is nobody's but today's.
    pub fn shown(&self, name: &Name) -> String {
        let label = self.contacts.label(name);
        if self.guest(name) { format!("~{label}") } else { label }
    }

    /// A name where it matters who somebody is: `Bobby (bob)` when our own is another.
    pub fn in_full(&self, name: &Name) -> String {
        let shown = self.shown(name);
        if shown.trim_start_matches('~') == name.as_str() { shown } else { format!("{shown} ({name})") }
    }

    /// Whom the next undo brings back, and for how long: `carol back, for 7 s`.
    pub fn still_leaving(&self) -> Option<String> {
        let leaving = self.contacts.leaving()?;
        let left = leaving.until.since(self.now.mono).as_millis().div_ceil(1_000);
        Some(format!("{} back, for {left} s", self.in_full(&leaving.name)))
    }

    /// How somebody is chosen from where the keys are.
    pub fn how_to_choose(&self) -> &'static str {
        match self.focus {
            Focus::List => "j and k choose somebody.",
            Focus::Message => "Esc leads back to the list.",
        }
    }

    /// What the keys do with a contact: a guest has no texts.
    pub fn next_keys(&self, name: &Name) -> &'static str {
        let guest = self.contacts.get(name).is_some_and(is_guest);
        if guest { "c calls." } else { "c calls, Enter writes." }
    }

    /// Why a guest cannot be written to, in a sentence without its end.
    pub fn no_texts(&self, name: &Name) -> String {
        match self.settings.plain_server {
            Some(_) => "This server's protocol has no texts".to_owned(),
            None => format!("The program of {} has no texts", self.shown(name)),
        }
    }

    /// Names as they are shown, at most so many of them.
    pub fn among(&self, names: &[&Name], most: usize) -> String {
        let names: Vec<String> = names.iter().map(|name| self.shown(name)).collect();
        call::among(&names, most)
    }

    /// With whom the call is, as it is shown.
    pub fn with(&self, call: &Call, most: usize) -> String {
        self.among(&call.names(), most)
    }

    /// A link is handed out while it is good for six days more at least: then another can be made.
    pub fn forget_old_link(&mut self) {
        let age = self.now.wall.0.saturating_sub(self.link_made.0);
        self.own_link.take_if(|_| u128::from(age) >= LINK_SHOWN_TIME.as_millis());
    }

    /// The question that is open.
    pub fn consent(&self) -> Option<&Consent> {
        match self.popups.last() {
            Some(Popup::Consent(consent)) => Some(consent),
            Some(
                Popup::Help(_)
                | Popup::Settings(_)
                | Popup::Palette(_)
                | Popup::Add(_)
                | Popup::Rename(_)
                | Popup::Verify(_)
                | Popup::Changed(_)
                | Popup::Blocked(_)
                | Popup::Qr(_),
            )
            | None => None,
        }
    }

    /// Whose chat is on the screen.
    pub fn chatting(&self) -> Option<&Name> {
        self.contacts.selected().map(|contact| &contact.name)
    }

    /// The texts that came and were not on the screen.
    pub fn unread(&self) -> usize {
        self.chats.unread(&self.contacts)
    }

    /// Whether the microphone is open without a call.
    pub fn hears_itself(&self) -> bool {
        self.popups.iter().any(|popup| matches!(popup, Popup::Settings(open) if open.hears))
    }

    /// Whether no meter moves, as it was set (`ui.meter_hz` 0): none is worth a frame, and what it shows would be old.
    pub fn meters_stand_still(&self) -> bool {
        self.settings.meter_hz == Some(0)
    }

    /// Nothing of what we say is sent: muted, or nobody presses to talk.
    pub fn is_silent(&self) -> bool {
        self.sound.muted || self.sound.talk.keeps_silent()
    }

    /// The call that rings here.
    pub fn incoming(&self) -> Option<(&Call, &Incoming)> {
        match self.call.as_ref() {
            Some(call @ Call { phase: Phase::Incoming(incoming), .. }) => Some((call, incoming)),
            Some(_) | None => None,
        }
    }

    /// Whether the call view is what is on the screen.
    pub fn on_call_page(&self) -> bool {
        self.call_view && self.call.is_some() && self.incoming().is_none()
    }
}

/// Whether the bytes of the terminal go over SSH; `get` gives the environment's variables.
pub fn over_ssh(get: impl Fn(&str) -> Option<String>) -> bool {
    ["SSH_CONNECTION", "SSH_TTY"].into_iter().any(|name| get(name).is_some_and(|value| !value.is_empty()))
}

impl Link {
    /// From the client machine's words, which count from now.
    pub fn new(state: LinkState, now: Time) -> Self {
        match state {
            LinkState::Connecting => Self::Connecting,
            LinkState::Online => Self::Online,
            LinkState::Away { retry_in } => Self::Away { retry_at: now + retry_in },
        }
    }
}
