//! What was written with one contact, and the line being written.

use std::collections::VecDeque;

use proto::client::MessageState;
use proto::id::MsgId;
use proto::limits::TEXT_BYTES_MAX;
use proto::{Safe, Wall};

use super::input::Editor;

/// Lines of one chat that are kept for the screen; older ones stay in the store.
pub const CHAT_LINES_MAX: usize = 2_000;

/// One chat.
#[derive(Clone, Debug)]
pub struct Chat {
    /// Oldest first.
    lines: VecDeque<Line>,
    /// Texts that came while it was not on the screen.
    pub unread: usize,
    /// Newest lines that are below the view, because the reader looks at older ones.
    pub scroll: usize,
    /// The line being written.
    pub draft: Editor,
}

/// One line of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was sent.
    pub when: Wall,
    /// By whom.
    pub from: From,
    /// What.
    pub text: Safe,
}

/// Who wrote a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// We did.
    Me(Sent),
    /// They did.
    Them,
    /// The program says it: a call that was missed, a contact that began.
    Note,
}

/// How far a text of ours is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Our own counter, until the id is known.
    pub echo: u64,
    /// Its id, once it is saved.
    pub id: Option<MsgId>,
    /// What became of it.
    pub state: MessageState,
}

impl Default for Chat {
    fn default() -> Self {
        let draft = Editor::new(TEXT_BYTES_MAX);
        Self { lines: VecDeque::new(), unread: 0, scroll: 0, draft }
    }
}

impl Chat {
    /// Oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter()
    }

    /// Adds a line. A reader who has scrolled up is not moved.
    pub fn push(&mut self, line: Line) {
        if self.lines.len() == CHAT_LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        if self.scroll > 0 {
            self.scroll(true, 1);
        }
    }

    /// Moves the view by some lines, as far as there are lines.
    pub fn scroll(&mut self, up: bool, lines: usize) {
        let top = self.lines.len().saturating_sub(1);
        self.scroll = if up { (self.scroll + lines).min(top) } else { self.scroll.saturating_sub(lines) };
    }

    /// The text with this counter is saved under `id`.
    pub fn saved(&mut self, echo: u64, id: MsgId) {
        let unsaved = |sent: &&mut Sent| sent.id.is_none() && sent.echo == echo;
        if let Some(sent) = self.sent().find(unsaved) {
            sent.id = Some(id);
        }
    }

    /// What became of the text `id`.
    pub fn became(&mut self, id: MsgId, state: MessageState) {
        if let Some(sent) = self.sent().find(|sent| sent.id == Some(id)) {
            sent.state = state;
        }
    }

    fn sent(&mut self) -> impl Iterator<Item = &mut Sent> {
        self.lines.iter_mut().rev().filter_map(|line| match &mut line.from {
            From::Me(sent) => Some(sent),
            From::Them | From::Note => None,
        })
    }
}
