//! What lies over the page: windows, the newest on top. The window of an incoming call is not here: it belongs to
//! the call and closes with it.

use proto::Time;

use super::input::Editor;
use crate::limits::ADD_BYTES_MAX;

/// One window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Popup {
    /// The keys.
    Help {
        /// Rows scrolled down.
        scroll: usize,
    },
    /// A contact to be added.
    Add(Add),
}

/// The window to add a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Add {
    /// A name, or a link.
    pub who: Editor,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// A link of one's own is being made.
    pub link_wanted: bool,
}

impl Default for Add {
    fn default() -> Self {
        Self { who: Editor::new(ADD_BYTES_MAX), problem: None, link_wanted: false }
    }
}

/// A line over the footer that goes away by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub text: String,
    /// Until when.
    pub until: Time,
}
