//! Lines on their way out, one for each check, and what they come to. For programs the same as JSON, one object a line.

use std::io;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::exit::Exit;

/// Where the lines go, and what they come to.
pub(super) struct Report<W> {
    pub(super) out: W,
    pub(super) exit: Exit,
    pub(super) json: bool,
    failed: usize,
}

impl<W: io::Write> Report<W> {
    pub(super) fn new(out: W, json: bool) -> Self {
        Self { out, exit: Exit::Ok, json, failed: 0 }
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
        self.write(&format!("{:<14} {kind:<5} {words}", ""))
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
        self.write(&format!("{what:<14} {how:<5} {words}"))
    }

    fn object(&mut self, value: &Value) -> anyhow::Result<()> {
        self.write(&value.to_string())
    }

    fn write(&mut self, line: &str) -> anyhow::Result<()> {
        writeln!(self.out, "{line}").and_then(|()| self.out.flush()).context("writing the report")
    }
}
