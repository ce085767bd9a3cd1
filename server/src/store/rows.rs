//! What the echo friend's devices remember: the rows of [`proto::client`], each device with its own, and the two
//! secrets they share. Its own file, so that the server's mind and its guest stay apart.

use std::path::Path;

use anyhow::{Context as _, Result};
use proto::client::{Kind, Row, Save};
use rusqlite::{Connection, OptionalExtension as _, params};
use zeroize::Zeroizing;

/// The rows of all devices.
#[derive(Debug)]
pub(crate) struct Rows {
    db: Connection,
    open: bool,
}

impl Rows {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let what = || {
            format!(
                "cannot open {}, the echo friend's memory. Restore a backup, or start with --no-echo",
                path.display()
            )
        };
        super::make_private(path).with_context(what)?;
        let db = super::connect(path).with_context(what)?;
        db.execute_batch(SCHEMA).with_context(what)?;
        Ok(Self { db, open: false })
    }

    /// The secret of this name; `fresh` makes it at the first call.
    pub(crate) fn secret(
        &mut self,
        name: &str,
        fresh: impl FnOnce() -> Result<[u8; 32]>,
    ) -> Result<Zeroizing<[u8; 32]>> {
        let sql = "SELECT bytes FROM secret WHERE name = ?";
        let kept = self.db.query_row(sql, [name], |row| row.get(0)).optional()?;
        if let Some(kept) = kept {
            return Ok(Zeroizing::new(kept));
        }
        let secret = Zeroizing::new(fresh()?);
        self.db.execute("INSERT INTO secret (name, bytes) VALUES (?, ?)", params![name, *secret])?;
        Ok(secret)
    }

    /// All rows of a device.
    pub(crate) fn of(&self, device: usize) -> Result<Vec<Row>> {
        let mut statement = self.db.prepare("SELECT kind, key, value FROM row WHERE device = ?")?;
        let rows = statement
            .query_map([number(device)], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?)))?;
        let mut found = Vec::new();
        for row in rows {
            let (kind, key, value) = row?;
            if let Some(kind) = Kind::from_number(kind) {
                found.push(Row { kind, key, value });
            }
        }
        Ok(found)
    }

    /// Writes or deletes a row; durable after [`Rows::commit`].
    pub(crate) fn save(&mut self, device: usize, save: &Save) -> Result<()> {
        if !self.open {
            self.db.execute_batch("BEGIN IMMEDIATE")?;
            self.open = true;
        }
        let key = params![number(device), save.kind as i64, save.key];
        let Some(value) = &save.value else {
            let sql = "DELETE FROM row WHERE device = ? AND kind = ? AND key = ?";
            self.db.prepare_cached(sql)?.execute(key)?;
            return Ok(());
        };
        let sql = "INSERT OR REPLACE INTO row (device, kind, key, value) VALUES (?, ?, ?, ?)";
        let row = params![number(device), save.kind as i64, save.key, value];
        self.db.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    /// Makes what was saved durable.
    pub(crate) fn commit(&mut self) -> Result<()> {
        if std::mem::take(&mut self.open) {
            self.db.execute_batch("COMMIT").context("the echo friend cannot save what it knows")?;
        }
        Ok(())
    }
}

fn number(device: usize) -> i64 {
    i64::try_from(device).unwrap_or(i64::MAX)
}

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS row (
        device INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        key BLOB NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (device, kind, key)
    ) STRICT, WITHOUT ROWID;
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    fn save(key: u8, value: Option<u8>) -> Save {
        Save { kind: Kind::Contact, key: vec![key], value: value.map(|v| vec![v]) }
    }

    #[test]
    fn devices_remember_apart_and_across_restarts() {
        let scratch = Scratch::new();
        let path = scratch.path().join("echo.db");
        let mut rows = Rows::open(&path).unwrap();
        let secret = rows.secret("a", || Ok([7; 32])).unwrap();
        for (device, key, value) in [(0, 1, Some(1)), (0, 2, Some(2)), (1, 1, Some(9)), (0, 1, None)] {
            rows.save(device, &save(key, value)).unwrap();
        }
        rows.commit().unwrap();
        rows.save(1, &save(3, Some(3))).unwrap();
        drop(rows);
        let mut rows = Rows::open(&path).unwrap();
        assert_eq!(rows.secret("a", || Ok([8; 32])).unwrap(), secret);
        let row = |key, value| Row { kind: Kind::Contact, key: vec![key], value: vec![value] };
        assert_eq!(rows.of(0).unwrap(), [row(2, 2)]);
        assert_eq!(rows.of(1).unwrap(), [row(1, 9)], "what was not committed never was");
    }
}
