//! What was written with one contact, and the line being written.

use std::collections::VecDeque;

use proto::client::MessageState;
use proto::id::{MsgId, Principal};
use proto::limits::TEXT_BYTES_MAX;
use proto::wire::record::Why;
use proto::{Safe, Wall};

use super::input::Editor;
use crate::limits::{CHAT_BYTES_MAX, CHAT_LINES_MAX};

/// One chat.
#[derive(Clone, Debug)]
pub struct Chat {
    /// With whom, once they were in the list. Whoever takes their name later gets a chat of their own.
    pub with: Option<Principal>,
    /// Oldest first.
    lines: VecDeque<Line>,
    /// Bytes of their texts.
    bytes: usize,
    /// Texts that came while it was not on the screen.
    pub unread: usize,
    /// Newest lines that are below the view, because the reader looks at older ones.
    pub scroll: usize,
    /// The line being written.
    pub draft: Editor,
    /// What of it is in the store.
    kept: String,
    /// Whether the older lines were asked for.
    pub loaded: bool,
}

/// One line of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its id; none for notes, and for texts of ours that are not saved yet.
    pub id: Option<MsgId>,
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
    /// Our own counter, for texts of this run.
    pub echo: Option<u64>,
    /// What became of it.
    pub state: MessageState,
}

impl Default for Chat {
    fn default() -> Self {
        let (draft, kept) = (Editor::new(TEXT_BYTES_MAX), String::new());
        Self {
            with: None,
            lines: VecDeque::new(),
            bytes: 0,
            unread: 0,
            scroll: 0,
            draft,
            kept,
            loaded: false,
        }
    }
}

impl Chat {
    /// Oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter()
    }

    /// Adds a line. A reader who has scrolled up is not moved.
    pub fn push(&mut self, line: Line) {
        self.bytes += line.text.as_str().len();
        while self.lines.len() >= CHAT_LINES_MAX || self.bytes > CHAT_BYTES_MAX {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.text.as_str().len();
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

    /// Puts the lines of the store, oldest first, before what was only on the screen. What is in both is there once.
    pub fn load(&mut self, stored: Vec<Line>) {
        let shown = core::mem::take(&mut self.lines);
        self.bytes = 0;
        stored.into_iter().for_each(|line| self.push(line));
        let news =
            shown.into_iter().filter(|line| !line.id.is_some_and(|id| self.has(id))).collect::<Vec<_>>();
        news.into_iter().for_each(|line| self.push(line));
    }

    /// Whether a text is there already.
    pub fn has(&self, id: MsgId) -> bool {
        self.lines.iter().rev().any(|line| line.id == Some(id))
    }

    /// The text with this counter is saved under `id`.
    pub fn saved(&mut self, echo: u64, id: MsgId) {
        let unsaved = |line: &Line| {
            line.id.is_none() && matches!(&line.from, From::Me(sent) if sent.echo == Some(echo))
        };
        let Some(at) = self.lines.iter().rposition(unsaved) else { return };
        // It may have come back from the store before the word that it is in there.
        if self.has(id) {
            let twice = self.lines.remove(at);
            self.bytes -= twice.map_or(0, |line| line.text.as_str().len());
        } else {
            self.lines[at].id = Some(id);
        }
    }

    /// The text with this counter was not taken: it is a draft again, or is said to have failed where another is being written.
    pub fn refused(&mut self, echo: u64, why: Why) {
        let ours = |line: &Line| matches!(&line.from, From::Me(sent) if sent.echo == Some(echo));
        let Some(at) = self.lines.iter().rposition(|line| line.id.is_none() && ours(line)) else { return };
        if !self.draft.text().trim().is_empty() {
            if let From::Me(sent) = &mut self.lines[at].from {
                sent.state = MessageState::Failed(why);
            }
        } else if let Some(line) = self.lines.remove(at) {
            self.bytes -= line.text.as_str().len();
            self.draft = Editor::with(line.text.as_str(), TEXT_BYTES_MAX);
        }
    }

    /// This was being written when the program ended. What was typed since comes after it.
    pub fn resume(&mut self, kept: String) {
        let mut draft = Editor::with(&kept, TEXT_BYTES_MAX);
        if draft.insert(self.draft.text()) {
            self.draft = draft;
        }
        self.kept = kept;
    }

    /// What is to be kept of the line being written, where that is something else than what is kept; an empty one when
    /// nothing is to be kept any more.
    pub fn draft_to_keep(&mut self) -> Option<String> {
        let text = self.draft.text();
        let text = if text.trim().is_empty() { "" } else { text };
        if self.kept == text {
            return None;
        }
        text.clone_into(&mut self.kept);
        Some(self.kept.clone())
    }

    /// Whether what is kept was sent or rubbed out, and must not come back.
    pub fn is_kept_in_vain(&self) -> bool {
        !self.kept.is_empty() && self.draft.text().trim().is_empty()
    }

    /// What became of the text `id`.
    pub fn became(&mut self, id: MsgId, state: MessageState) {
        let line = self.lines.iter_mut().rev().find(|line| line.id == Some(id));
        if let Some(Line { from: From::Me(sent), .. }) = line {
            sent.state = state;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: Option<u8>, echo: u64) -> Line {
        let sent = Sent { echo: Some(echo), state: MessageState::Waiting };
        Line { id: id.map(|id| MsgId([id; 16])), when: Wall(0), from: From::Me(sent), text: Safe::default() }
    }

    fn ids(chat: &Chat) -> Vec<Option<u8>> {
        chat.lines().map(|line| line.id.map(|id| id.0[0])).collect()
    }

    #[test]
    fn what_is_on_the_screen_and_in_the_store_is_there_once() {
        let mut chat = Chat::default();
        chat.push(line(Some(2), 0));
        chat.push(line(None, 7));
        chat.load(vec![line(Some(1), 0), line(Some(2), 0), line(Some(3), 0)]);
        assert_eq!(ids(&chat), [Some(1), Some(2), Some(3), None]);
        chat.saved(7, MsgId([3; 16]));
        assert_eq!(ids(&chat), [Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn the_screen_keeps_only_so_many_lines() {
        let mut chat = Chat::default();
        (0..CHAT_LINES_MAX + 5).for_each(|_| chat.push(line(None, 1)));
        assert_eq!(chat.lines().count(), CHAT_LINES_MAX);
    }

    #[test]
    fn the_screen_keeps_only_so_much_text() {
        let mut chat = Chat::default();
        let long = || Line { text: Safe::text(&"x".repeat(TEXT_BYTES_MAX), TEXT_BYTES_MAX), ..line(None, 1) };
        let fit = CHAT_BYTES_MAX / TEXT_BYTES_MAX;
        (0..fit + 5).for_each(|_| chat.push(long()));
        assert_eq!(chat.lines().count(), fit);
        chat.load((0..fit + 5).map(|_| long()).collect());
        assert_eq!(chat.lines().count(), fit, "read again from the store, too");
        // What made room is room again.
        (0..9).for_each(|_| chat.push(line(None, 1)));
        (0..fit - 1).for_each(|_| chat.push(long()));
        assert_eq!(chat.lines().count(), fit - 1 + 9 + 1);
    }

    #[test]
    fn a_reader_of_old_lines_is_not_moved_by_new_ones() {
        let mut chat = Chat::default();
        (0..10).for_each(|echo| chat.push(line(None, echo)));
        chat.scroll(true, 4);
        chat.push(line(None, 10));
        assert_eq!(chat.scroll, 5);
        chat.scroll(true, 99);
        assert_eq!(chat.scroll, 10);
    }
}
