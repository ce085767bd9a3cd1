//! A line editor over grapheme clusters, as in a shell: what is typed stays what it was, whatever script it is in.

use unicode_segmentation::UnicodeSegmentation as _;

/// Text being written, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Editor {
    text: String,
    /// Byte offset of the cursor, always between two grapheme clusters.
    cursor: usize,
    /// What was cut last, for [`Edit::Yank`].
    cut: String,
    /// Most bytes the text may have.
    bytes_max: usize,
}

/// One editing step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// One cluster back.
    Left,
    /// One cluster on.
    Right,
    /// One word back.
    WordLeft,
    /// One word on.
    WordRight,
    /// To the start.
    Home,
    /// To the end.
    End,
    /// Rub out the cluster before the cursor.
    Backspace,
    /// Rub out the cluster after it.
    Delete,
    /// Cut the word before it.
    CutWord,
    /// Cut everything before it.
    CutToStart,
    /// Cut everything after it.
    CutToEnd,
    /// Put back what was cut last.
    Yank,
}

impl Editor {
    /// An empty text that may grow to `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, ..Self::default() }
    }

    /// A text to start from, with the cursor after it.
    pub fn with(text: &str, bytes_max: usize) -> Self {
        let mut editor = Self::new(bytes_max);
        editor.insert(text);
        editor
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text before the cursor, and the text after it.
    pub fn halves(&self) -> (&str, &str) {
        self.text.split_at(self.cursor)
    }

    /// Gives the text away and starts anew.
    pub fn take(&mut self) -> String {
        self.cursor = 0;
        core::mem::take(&mut self.text)
    }

    /// Writes at the cursor; false, and nothing written, when there is no room for all of it.
    pub fn insert(&mut self, text: &str) -> bool {
        if self.text.len() + text.len() > self.bytes_max {
            return false;
        }
        self.text.insert_str(self.cursor, text);
        // What was written may join the cluster after it; the cursor goes to the end of the whole.
        self.cursor = self.boundary_from(self.cursor + text.len());
        true
    }

    /// Does one step.
    pub fn edit(&mut self, edit: Edit) {
        match edit {
            Edit::Left => self.cursor = self.before(),
            Edit::Right => self.cursor = self.after(),
            Edit::WordLeft => self.cursor = self.word_before(),
            Edit::WordRight => self.cursor = self.word_after(),
            Edit::Home => self.cursor = 0,
            Edit::End => self.cursor = self.text.len(),
            Edit::Backspace => drop(self.remove(self.before(), self.cursor)),
            Edit::Delete => drop(self.remove(self.cursor, self.after())),
            Edit::CutWord => self.cut(self.word_before(), self.cursor),
            Edit::CutToStart => self.cut(0, self.cursor),
            Edit::CutToEnd => self.cut(self.cursor, self.text.len()),
            Edit::Yank => {
                let cut = self.cut.clone();
                self.insert(&cut);
            }
        }
    }

    fn remove(&mut self, from: usize, to: usize) -> String {
        let removed = self.text.drain(from..to).collect();
        self.cursor = self.boundary_from(from);
        removed
    }

    fn cut(&mut self, from: usize, to: usize) {
        let removed = self.remove(from, to);
        if !removed.is_empty() {
            self.cut = removed;
        }
    }

    fn boundary_from(&self, at: usize) -> usize {
        let starts = self.text.grapheme_indices(true).map(|(start, _)| start);
        starts.chain([self.text.len()]).find(|start| *start >= at).unwrap_or(self.text.len())
    }

    fn before(&self) -> usize {
        self.halves().0.grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        let next = self.halves().1.graphemes(true).next().map_or(0, str::len);
        self.cursor + next
    }

    fn word_before(&self) -> usize {
        let head = self.halves().0.trim_end();
        let word = head.split_whitespace().next_back().map_or(0, str::len);
        self.boundary_from(head.len() - word)
    }

    fn word_after(&self) -> usize {
        let tail = self.halves().1;
        let word = tail.trim_start();
        let length = word.split_whitespace().next().map_or(0, str::len);
        self.boundary_from(self.cursor + (tail.len() - word.len()) + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marked(editor: &Editor) -> String {
        let (before, after) = editor.halves();
        format!("{before}|{after}")
    }

    #[test]
    fn it_edits_as_a_shell_does() {
        let mut editor = Editor::with("one two three", 99);
        editor.edit(Edit::CutWord);
        assert_eq!(marked(&editor), "one two |");
        editor.edit(Edit::WordLeft);
        assert_eq!(marked(&editor), "one |two ");
        editor.edit(Edit::Yank);
        assert_eq!(marked(&editor), "one three|two ");
        editor.edit(Edit::CutToStart);
        assert_eq!(marked(&editor), "|two ");
        editor.edit(Edit::WordRight);
        editor.edit(Edit::CutToEnd);
        assert_eq!(marked(&editor), "two|");
        editor.edit(Edit::Home);
        editor.edit(Edit::Delete);
        assert_eq!(marked(&editor), "|wo");
        assert_eq!(editor.take(), "wo");
        assert_eq!(marked(&editor), "|");
    }

    #[test]
    fn a_cluster_is_one_step() {
        let mut editor = Editor::with("e\u{301}👩‍👧x", 99);
        editor.edit(Edit::Left);
        editor.edit(Edit::Backspace);
        assert_eq!(marked(&editor), "e\u{301}|x");
        editor.edit(Edit::Backspace);
        assert_eq!(marked(&editor), "|x");
    }

    #[test]
    fn a_full_line_takes_no_more() {
        let mut editor = Editor::with("ab", 3);
        assert!(!editor.insert("cd"));
        assert!(editor.insert("c"));
        assert_eq!(editor.text(), "abc");
    }

    fn edits() -> impl Strategy<Value = Edit> {
        use Edit::{Backspace, CutToEnd, CutToStart, CutWord, Delete, End, Home, Left, Right, WordLeft};
        use Edit::{WordRight, Yank};
        let all = [
            Left, Right, WordLeft, WordRight, Home, End, Backspace, Delete, CutWord, CutToStart, CutToEnd,
            Yank,
        ];
        (0..all.len()).prop_map(move |at| all[at])
    }

    proptest! {
        #[test]
        fn the_cursor_is_always_between_clusters(steps in proptest::collection::vec(
            prop_oneof![edits().prop_map(Ok), "[a-z \u{301}\u{200d}👩🇩李]{1,4}".prop_map(Err)], 0..40)) {
            let mut editor = Editor::new(64);
            for step in steps {
                match step {
                    Ok(edit) => editor.edit(edit),
                    Err(text) => drop(editor.insert(&text)),
                }
                let boundaries: Vec<usize> = editor.text.grapheme_indices(true).map(|(at, _)| at).collect();
                prop_assert!(editor.cursor == editor.text.len() || boundaries.contains(&editor.cursor));
                prop_assert!(editor.text.len() <= 64);
            }
        }
    }
}
