//! What the client remembers of one server, in SQLite: the machine's rows, of whose meaning this room knows nothing,
//! and the chats, which only people read.
//!
//! One transaction holds all that belongs to one step. It is on the disk (WAL, `synchronous=FULL`) before anything
//! that depends on it is said to anybody.

use std::collections::BTreeMap;
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use proto::client::{Kind, Row, Save};
use proto::id::{Fingerprint, MsgId, Name, Principal};
use proto::{Safe, Wall};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::app::personal::{self, Personal};
use crate::limits::VOLUME_PERCENT_MAX;

/// The store of one server.
#[derive(Debug)]
pub struct Store {
    sqlite: Connection,
    open: bool,
}

/// One text of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatLine {
    /// Its id.
    pub id: MsgId,
    /// Said by us.
    pub mine: bool,
    /// When, by the clock of who said it.
    pub sent: Wall,
    /// As said: not yet made safe for a terminal.
    pub text: String,
    /// What became of it, for ours.
    pub fate: Fate,
}

/// What became of a text of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// In the outbox.
    Waiting = 0,
    /// Their device has it. So are theirs.
    Delivered = 1,
    /// It will not be delivered.
    Failed = 2,
}

impl Store {
    /// Opens the store in `path`, making it on the first run.
    ///
    /// # Errors
    /// When the file is damaged, of a later version, or cannot be opened.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = file.with_context(|| format!("opening {shown}"))?;
        file.set_permissions(Permissions::from_mode(0o600))
            .with_context(|| format!("closing {shown} to others"))?;
        let sqlite = Connection::open(path).with_context(|| format!("opening {shown}"))?;
        // Also keeps a second program out, which the profile's lock does for programs that know it.
        sqlite.execute_batch(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA secure_delete = ON;",
        )?;
        let health: String = sqlite
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .with_context(|| format!("checking {shown}"))?;
        if health != "ok" {
            bail!("{shown} is damaged ({health}); put it aside to start anew, or restore a copy");
        }
        let store = Self { sqlite, open: false };
        store.migrate().with_context(|| format!("preparing {shown}"))?;
        Ok(store)
    }

    fn migrate(&self) -> anyhow::Result<()> {
        let version: i64 = self.sqlite.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let done = usize::try_from(version).unwrap_or(usize::MAX);
        let Some(steps) = STEPS.get(done..) else {
            bail!("it was written by a later version of tincan ({version}); use that one");
        };
        for (step, version) in steps.iter().zip(done + 1..) {
            // Each step with its number or not at all.
            self.sqlite.execute_batch(&format!("BEGIN; {step} PRAGMA user_version = {version}; COMMIT;"))?;
        }
        Ok(())
    }

    /// All rows, for the machine's start. Kinds of a later version are left alone.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rows(&self) -> anyhow::Result<Vec<Row>> {
        let mut statement = self.sqlite.prepare("SELECT kind, key, value FROM row ORDER BY kind, key")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?)))?;
        let mut found = Vec::new();
        for row in rows {
            let (kind, key, value) = row?;
            if let Some(kind) = Kind::from_number(kind) {
                found.push(Row { kind, key, value });
            }
        }
        Ok(found)
    }

    /// Writes or deletes one row. On the disk after [`Store::commit`].
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save(&mut self, save: &Save) -> anyhow::Result<()> {
        self.begin()?;
        let kind = save.kind as i64;
        match &save.value {
            Some(value) => self
                .sqlite
                .prepare_cached("INSERT OR REPLACE INTO row (kind, key, value) VALUES (?1, ?2, ?3)")?
                .execute(params![kind, save.key, value])?,
            None => self
                .sqlite
                .prepare_cached("DELETE FROM row WHERE kind = ?1 AND key = ?2")?
                .execute(params![kind, save.key])?,
        };
        Ok(())
    }

    /// Adds a text to the chat with `who`; one that is there already stays as it is.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn add_line(&mut self, who: &Principal, line: &ChatLine) -> anyhow::Result<()> {
        self.begin()?;
        let sent = i64::try_from(line.sent.0).unwrap_or(i64::MAX);
        let sql =
            "INSERT OR IGNORE INTO chat (who, id, mine, sent_ms, text, fate) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let values = params![key_of(who), line.id.0, line.mine, sent, line.text, line.fate as i64];
        self.sqlite.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// What became of a text of ours.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn set_fate(&mut self, who: &Principal, id: MsgId, fate: Fate) -> anyhow::Result<()> {
        self.begin()?;
        let sql = "UPDATE chat SET fate = ?3 WHERE who = ?1 AND id = ?2 AND mine";
        self.sqlite.prepare_cached(sql)?.execute(params![key_of(who), id.0, fate as i64])?;
        Ok(())
    }

    /// The newest texts of the chat with `who`, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn chat(&self, who: &Principal, lines_max: usize) -> anyhow::Result<Vec<ChatLine>> {
        let sql = "SELECT id, mine, sent_ms, text, fate FROM chat WHERE who = ?1 ORDER BY n DESC LIMIT ?2";
        let mut statement = self.sqlite.prepare_cached(sql)?;
        let limit = i64::try_from(lines_max).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![key_of(who), limit], |row| {
            Ok(ChatLine {
                id: MsgId(row.get(0)?),
                mine: row.get(1)?,
                sent: Wall(u64::try_from(row.get::<_, i64>(2)?).unwrap_or_default()),
                text: row.get(3)?,
                fate: Fate::from_number(row.get(4)?),
            })
        })?;
        let mut lines = rows.collect::<Result<Vec<_>, _>>()?;
        lines.reverse();
        Ok(lines)
    }

    /// All of the chat with `who` was read.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn set_seen(&mut self, who: &Principal) -> anyhow::Result<()> {
        self.begin()?;
        let sql =
            "INSERT OR REPLACE INTO seen (who, n) SELECT who, max(n) FROM chat WHERE who = ?1 GROUP BY who";
        self.sqlite.prepare_cached(sql)?.execute(params![key_of(who)])?;
        Ok(())
    }

    /// How many texts of each were not read.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn unseen(&self) -> anyhow::Result<Vec<(Principal, usize)>> {
        let sql = "SELECT chat.who, count(*) FROM chat LEFT JOIN seen ON seen.who = chat.who
            WHERE NOT mine AND chat.n > coalesce(seen.n, 0) GROUP BY chat.who";
        let mut statement = self.sqlite.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| {
            let (who, count) = (row.get::<_, String>(0)?, row.get::<_, i64>(1)?);
            Ok(of_key(&who).map(|who| (who, usize::try_from(count).unwrap_or_default())))
        })?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// What is being written to somebody and was not sent; none of it when it is empty.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn set_draft(&mut self, who: &Principal, text: &str) -> anyhow::Result<()> {
        self.begin()?;
        if text.is_empty() {
            self.sqlite.prepare_cached("DELETE FROM draft WHERE who = ?1")?.execute(params![key_of(who)])?;
            return Ok(());
        }
        let sql = "INSERT OR REPLACE INTO draft (who, text) VALUES (?1, ?2)";
        self.sqlite.prepare_cached(sql)?.execute(params![key_of(who), text])?;
        Ok(())
    }

    /// What was being written to somebody; empty when nothing was.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn draft(&self, who: &Principal) -> anyhow::Result<String> {
        let mut statement = self.sqlite.prepare_cached("SELECT text FROM draft WHERE who = ?1")?;
        Ok(statement.query_row(params![key_of(who)], |row| row.get(0)).optional()?.unwrap_or_default())
    }

    /// How loud somebody is played, in percent of what they send.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn set_volume(&mut self, who: &Principal, percent: u16) -> anyhow::Result<()> {
        self.begin()?;
        let sql = "INSERT OR REPLACE INTO volume (who, percent) VALUES (?1, ?2)";
        self.sqlite.prepare_cached(sql)?.execute(params![key_of(who), percent])?;
        Ok(())
    }

    /// How loud somebody is played; none when nobody ever said.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn volume(&self, who: &Principal) -> anyhow::Result<Option<u16>> {
        let mut statement = self.sqlite.prepare_cached("SELECT percent FROM volume WHERE who = ?1")?;
        let percent: Option<i64> = statement.query_row(params![key_of(who)], |row| row.get(0)).optional()?;
        let within = |percent: i64| u16::try_from(percent).unwrap_or(100).min(VOLUME_PERCENT_MAX);
        Ok(percent.map(within))
    }

    /// The lines of a version that kept chats by name are of those to whom the names are pinned by a key, in `known`.
    /// What nobody is known for then is put aside, and shown to nobody: whoever takes the name later is somebody else.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn adopt(&mut self, known: &BTreeMap<Name, Principal>) -> anyhow::Result<()> {
        for name in self.chats_by_name()? {
            let of_name = |(known, who): (&Name, &Principal)| (known.folded() == name).then(|| key_of(who));
            let keyed = known.iter().filter(|(_, who)| matches!(who, Principal::Key(_)));
            let to = keyed.filter_map(of_name).next().unwrap_or_else(|| format!("{ASIDE}{name}"));
            self.move_chat(&name, &to)?;
        }
        Ok(())
    }

    fn chats_by_name(&self) -> anyhow::Result<Vec<String>> {
        let mut statement = self.sqlite.prepare_cached("SELECT DISTINCT who FROM chat")?;
        let all = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        Ok(all.into_iter().filter(|who| Name::parse(who).is_ok()).collect())
    }

    /// Somebody goes on under another key, by the user's own word: the chat and what was kept for ourselves go with
    /// them. How loud they are played is asked anew.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn succeed(&mut self, old: &Principal, new: &Principal) -> anyhow::Result<()> {
        self.move_chat(&key_of(old), &key_of(new))?;
        self.begin()?;
        for sql in [
            "UPDATE OR REPLACE person SET who = ?2 WHERE who = ?1",
            "UPDATE OR REPLACE draft SET who = ?2 WHERE who = ?1",
        ] {
            self.sqlite.prepare_cached(sql)?.execute(params![key_of(old), key_of(new)])?;
        }
        Ok(())
    }

    fn move_chat(&mut self, from: &str, to: &str) -> anyhow::Result<()> {
        let any = "SELECT 1 FROM chat WHERE who = ?1 LIMIT 1";
        if self.sqlite.prepare_cached(any)?.exists(params![from])? {
            self.begin()?;
            // Of two chats that become one the lower mark counts: rather read twice than never.
            let seen = match self.sqlite.prepare_cached(any)?.exists(params![to])? {
                true => self.seen(from)?.min(self.seen(to)?),
                false => self.seen(from)?,
            };
            self.sqlite.prepare_cached("DELETE FROM seen WHERE who = ?1")?.execute(params![from])?;
            let mark = "INSERT OR REPLACE INTO seen (who, n) VALUES (?1, ?2)";
            self.sqlite.prepare_cached(mark)?.execute(params![to, seen])?;
            let sql = "UPDATE OR IGNORE chat SET who = ?2 WHERE who = ?1";
            self.sqlite.prepare_cached(sql)?.execute(params![from, to])?;
        }
        Ok(())
    }

    /// Up to which line a chat was read; 0 when nothing of it was.
    fn seen(&self, who: &str) -> anyhow::Result<i64> {
        let mut statement = self.sqlite.prepare_cached("SELECT n FROM seen WHERE who = ?1")?;
        Ok(statement.query_row(params![who], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    /// Keeps something about somebody for ourselves.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn set_person(&mut self, who: &Principal, personal: &Personal) -> anyhow::Result<()> {
        self.begin()?;
        if personal.is_empty() {
            self.sqlite.prepare_cached("DELETE FROM person WHERE who = ?1")?.execute(params![key_of(who)])?;
            return Ok(());
        }
        let sql = "INSERT OR REPLACE INTO person (who, alias, favourite) VALUES (?1, ?2, ?3)";
        let alias = personal.alias.as_ref().map(Safe::as_str);
        self.sqlite.prepare_cached(sql)?.execute(params![key_of(who), alias, personal.favourite])?;
        Ok(())
    }

    /// All that is kept about people. Rows that cannot be read are left out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn persons(&self) -> anyhow::Result<Vec<(Principal, Personal)>> {
        let mut statement = self.sqlite.prepare_cached("SELECT who, alias, favourite FROM person")?;
        let rows = statement.query_map([], |row| {
            let (who, alias, favourite) =
                (row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?, row.get(2)?);
            let alias = alias.and_then(|alias| personal::alias(&alias).ok().flatten());
            Ok(of_key(&who).map(|who| (who, Personal { alias, favourite })))
        })?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        if !self.open {
            self.sqlite.execute_batch("BEGIN IMMEDIATE")?;
            self.open = true;
        }
        Ok(())
    }

    /// Puts all since the last commit on the disk, or nothing of it.
    ///
    /// # Errors
    /// When the disk refuses: the program must stop, since what it says next would not be true after a restart.
    pub fn commit(&mut self) -> anyhow::Result<()> {
        if core::mem::take(&mut self.open) {
            self.sqlite
                .execute_batch("COMMIT")
                .context("saving; nothing of this step was said to anybody")?;
        }
        Ok(())
    }

    /// Whether anybody was ever saved here.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_new(&self) -> anyhow::Result<bool> {
        Ok(self.sqlite.query_row("SELECT 1 FROM row LIMIT 1", [], |_| Ok(())).optional()?.is_none())
    }
}

impl Fate {
    fn from_number(n: i64) -> Self {
        match n {
            0 => Self::Waiting,
            1 => Self::Delivered,
            _ => Self::Failed,
        }
    }
}

/// What no name begins with: a chat that is nobody's any more.
const ASIDE: char = '?';

/// A key is who they are, whatever they are called; a guest has nothing but a name. None of these is a folded name.
fn key_of(who: &Principal) -> String {
    match who {
        Principal::Key(key) => key.openssh(),
        Principal::Guest(name) => format!("~{}", name.folded()),
    }
}

fn of_key(key: &str) -> Option<Principal> {
    match key.strip_prefix('~') {
        Some(name) => Name::parse(name).ok().map(Principal::Guest),
        None => Fingerprint::parse(key).map(Principal::Key),
    }
}

/// How the file comes from each version to the next; the first makes it. Since the third a chat is of who somebody is;
/// the lines of before are under a folded name, until it is known whose that was ([`Store::adopt`]).
const STEPS: [&str; 5] = [
    "CREATE TABLE row (kind INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key))
        STRICT, WITHOUT ROWID;
    CREATE TABLE chat (n INTEGER PRIMARY KEY, who TEXT NOT NULL, id BLOB NOT NULL, mine INTEGER NOT NULL,
        sent_ms INTEGER NOT NULL, text TEXT NOT NULL, fate INTEGER NOT NULL, UNIQUE (who, id, mine)) STRICT;
    CREATE INDEX chat_of ON chat (who, n);",
    "CREATE TABLE volume (who TEXT PRIMARY KEY, percent INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
    "CREATE TABLE person (who TEXT PRIMARY KEY, alias TEXT, favourite INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
    // What an earlier version kept counts as read: it did not say.
    "CREATE TABLE seen (who TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO seen (who, n) SELECT who, max(n) FROM chat GROUP BY who;",
    "CREATE TABLE draft (who TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;",
];

#[cfg(test)]
mod tests;
