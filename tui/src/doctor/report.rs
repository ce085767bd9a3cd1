//! Lines on their way out, one for each check, and what they come to: as wide as the terminal, between words. For
//! programs the same as JSON, one object a line.

use std::io;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::view;

/// Where the lines go, and what they come to.
pub(super) struct Report<W> {
    pub(super) out: W,
    pub(super) exit: Exit,
    pub(super) json: bool,
    /// Columns of the terminal that reads it; none of a file or a pipe, whose lines stay whole.
    columns: Option<u16>,
    failed: usize,
}

/// Where the words of a line begin, and the columns they need there to be read: else they go on at its left edge.
const WORDS_AT: u16 = 21;
const WORDS_COLUMNS_MIN: u16 = 24;

impl<W: io::Write> Report<W> {
    pub(super) fn new(out: W, json: bool) -> Self {
        Self { out, exit: Exit::Ok, json, columns: None, failed: 0 }
    }

    /// The same on a terminal of so many columns.
    pub(super) fn within(self, columns: Option<u16>) -> Self {
        Self { columns, ..self }
    }

    pub(super) fn ok(&mut self, what: &str, words: &str) -> anyhow::Result<()> {
        self.line(what, "ok", words)
    }

    pub(super) fn note(&mut self, what: &str, words: &str) -> anyhow::Result<()> {
        self.line(what, "note", words)
    }

    /// Something fails, and `fix` is the one thing to do about it. The exit is that of the first that failed; having
    /// no sound at all outweighs the others.
    pub(super) fn fail(&mut self, what: &str, words: &str, fix: &str, exit: Exit) -> anyhow::Result<()> {
        if self.exit == Exit::Ok || exit == Exit::NoDevice {
            self.exit = exit;
        }
        self.failed += 1;
        if self.json {
            return self.object(&json!({ "check": what, "result": "fail", "text": words, "fix": fix }));
        }
        self.line(what, "FAIL", words)?;
        self.line("", "fix:", fix)
    }

    /// One of several things of a kind, which is neither right nor wrong.
    pub(super) fn item(&mut self, kind: &str, words: &str) -> anyhow::Result<()> {
        if self.json {
            return self.object(&json!({ "check": kind, "result": "item", "text": words }));
        }
        self.words(&format!("{:<14} {kind:<5} ", ""), words)
    }

    /// Something to look at, for people only.
    pub(super) fn picture(&mut self, line: &str) -> anyhow::Result<()> {
        if self.json { Ok(()) } else { self.write(line) }
    }

    /// The last line: how much fails.
    pub(super) fn close(&mut self) -> anyhow::Result<()> {
        match (self.json, self.failed) {
            (true, failed) => self.object(&json!({ "failed": failed })),
            (false, 0) => self.write("Nothing fails."),
            (false, 1) => self.write("One check fails: what to do stands under it."),
            (false, failed) => self.write(&format!("{failed} checks fail: what to do stands under each.")),
        }
    }

    fn line(&mut self, what: &str, how: &str, words: &str) -> anyhow::Result<()> {
        if self.json {
            return self.object(&json!({ "check": what, "result": how, "text": words }));
        }
        self.words(&format!("{what:<14} {how:<5} "), words)
    }

    /// Words behind what they are about, over as many lines as they take.
    fn words(&mut self, head: &str, words: &str) -> anyhow::Result<()> {
        let lines = match self.columns {
            None => vec![format!("{head}{words}")],
            Some(columns) if columns < WORDS_AT + WORDS_COLUMNS_MIN => {
                view::wrapped(&format!("{head}{words}"), columns)
            }
            Some(columns) => {
                let lines = view::wrapped(words, columns - WORDS_AT).into_iter().enumerate();
                let head = |row| if row == 0 { head } else { "" };
                lines.map(|(row, words)| format!("{:<1$}{words}", head(row), usize::from(WORDS_AT))).collect()
            }
        };
        lines.iter().try_for_each(|line| self.write(line))
    }

    fn object(&mut self, value: &Value) -> anyhow::Result<()> {
        self.write(&value.to_string())
    }

    fn write(&mut self, line: &str) -> anyhow::Result<()> {
        writeln!(self.out, "{line}").and_then(|()| self.out.flush()).context("writing the report")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(columns: Option<u16>) -> String {
        let mut report = Report::new(Vec::new(), false).within(columns);
        report.ok("callbacks in", "48000 Hz, 1198 a second, at most 120 samples (2.5 ms), 0 lost").unwrap();
        report
            .fail("microphone", "nothing comes", "plug one in or name another: --device NAME", Exit::Failed)
            .unwrap();
        String::from_utf8(report.out).unwrap()
    }

    #[test]
    fn lines_end_between_words_where_the_terminal_does() {
        let wide = "callbacks in   ok    48000 Hz, 1198 a second, at most 120 samples (2.5 ms), 0\n                     lost\n\
                    microphone     FAIL  nothing comes\n               fix:  plug one in or name another: --device NAME\n";
        assert_eq!(said(Some(80)), wide);
        for columns in [20, 40, 44, 45, 60, 79] {
            let said = said(Some(columns));
            assert!(
                said.lines().all(|line| line.chars().count() <= usize::from(columns)),
                "{columns}:\n{said}"
            );
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(words(&said), words(wide), "{columns}: no word is cut");
        }
    }

    #[test]
    fn in_a_pipe_a_check_is_one_line() {
        assert_eq!(said(None).lines().count(), 3);
    }
}
