//! What lies over the page: windows, the newest on top. The window of an incoming call is not here: it belongs to
//! the call and closes with it.

use std::time::Duration;

use proto::Time;
use proto::id::Name;
use proto::limits::{GREETING_BYTES_MAX, GREETING_CHARS_MAX};

use super::help::Help;
use super::input::Editor;
use super::palette::Palette;
use super::settings::Settings;
use super::trust::{Blocked, Changed, Qr, Verify};
use crate::limits::ADD_BYTES_MAX;

/// One window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Popup {
    /// The keys.
    Help(Help),
    /// Everything that can be done, to be found by a few letters.
    Palette(Palette),
    /// The settings, over the whole page.
    Settings(Box<Settings>),
    /// A contact to be added.
    Add(Add),
    /// A call that would not be encrypted, to be said yes or no to.
    Consent(Consent),
    /// A name of our own for somebody.
    Rename(Rename),
    /// Keys to be compared with somebody.
    Verify(Box<Verify>),
    /// A name that comes with another key.
    Changed(Changed),
    /// Who is blocked.
    Blocked(Blocked),
    /// A code for cameras.
    Qr(Qr),
}

/// The window to give somebody a name of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    /// Who.
    pub who: Name,
    /// What they are to be called; empty for their own name.
    pub alias: Editor,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// The window to add a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Add {
    /// A name, or a link.
    pub who: Editor,
    /// What goes with the request; nothing, if empty.
    pub message: Editor,
    /// Whether keys write the message, rather than the name.
    pub in_message: bool,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// A link of one's own is being made.
    pub link_wanted: bool,
    /// The server is being asked: the window stays until it answered, so that nothing written is lost by a refusal and
    /// no key meant for the window reaches the list.
    pub asking: Option<Asking>,
}

/// What the server is asked for by the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// Who becomes a contact, or is asked to.
    pub who: Name,
    /// By their link.
    pub by_link: bool,
    /// What is said when it is done.
    pub done: String,
}

impl Add {
    /// The line that keys write.
    pub fn line(&mut self) -> &mut Editor {
        if self.in_message { &mut self.message } else { &mut self.who }
    }

    /// Characters that the message may still have; none when it is too long already.
    pub fn room(&self) -> usize {
        GREETING_CHARS_MAX.saturating_sub(self.message.text().chars().count())
    }
}

impl Default for Add {
    fn default() -> Self {
        Self {
            who: Editor::new(ADD_BYTES_MAX),
            message: Editor::new(GREETING_BYTES_MAX),
            in_message: false,
            problem: None,
            link_wanted: false,
            asking: None,
        }
    }
}

/// The window that asks about a call that would not be encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Because of whom.
    pub names: Vec<Name>,
    /// What is done again after a yes.
    pub wanted: Wanted,
    /// When a key came last that was not meant for it, or it opened.
    pub touched: Time,
}

/// What would not be encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A call to these.
    Call(Vec<Name>),
    /// The answer to the call that rings.
    Answer,
}

/// Keys are for the window only after the keyboard has rested for so long: whoever still types for the list, or into
/// another window, must not say yes.
pub const CONSENT_GUARD: Duration = Duration::from_millis(500);

impl Consent {
    /// Whether a key now is meant for the window.
    pub fn takes_keys(&self, now: Time) -> bool {
        now >= self.touched + CONSENT_GUARD
    }
}

/// A line over the footer that goes away by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub text: String,
    /// Since when.
    pub since: Time,
    /// Until when.
    pub until: Time,
}
