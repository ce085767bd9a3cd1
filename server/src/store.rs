//! [`hub::Store`](proto::hub::Store) on SQLite: one file, one transaction per turn of the loop, durable
//! before anything of the turn is said to anybody.
//!
//! The trait's calls cannot fail, so the first failure is remembered, every call after it answers "nothing there"
//! and writes nothing, and [`Sqlite::commit`] reports it: the loop ends there, and nothing half-done is on disk.
//!
//! A transaction begins with the first write of a turn, so `tincand invite --new` can write between two turns.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use minicbor::bytes::{ByteArray, ByteVec};
use proto::Wall;
use proto::hub::{Account, Greeting, Store, Token};
use proto::id::{DeviceId, Fingerprint, MsgId, Name};
use proto::limits::{DISK_FREE_BYTES_MIN, TOKEN_LIFE};
use proto::wire::record::{Prekey, Prekeys, Sealed, Signed, Standing};
use rusqlite::{
    Connection, OpenFlags, OptionalExtension as _, Params, Row, Transaction, TransactionBehavior, params,
};

use room::Room;
use schema::MIGRATIONS;

/// The store.
#[derive(Debug)]
pub struct Sqlite {
    db: Connection,
    path: PathBuf,
    failed: Option<rusqlite::Error>,
    open: bool,
    /// Counted at the first question, which reads the whole table.
    counts: Option<Counts>,
    room: Room,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    all: usize,
    guests: usize,
}

impl Sqlite {
    /// Opens the file, makes it if it is not there, checks it, and brings it to the present form.
    ///
    /// # Errors
    /// When it cannot be opened or written, is damaged, or is of a later version of the program.
    pub fn open(path: &Path) -> Result<Self> {
        make_private(path).with_context(|| format!("cannot write the store {}", path.display()))?;
        let db = connect(path).with_context(|| format!("cannot open the store {}", path.display()))?;
        let room = Room::new(path.to_owned(), DISK_FREE_BYTES_MIN);
        let store = Self { db, path: path.to_owned(), failed: None, open: false, counts: None, room };
        store.check()?;
        store.migrate().with_context(|| format!("cannot prepare the store {}", path.display()))?;
        Ok(store)
    }

    /// Makes everything since the last call durable.
    ///
    /// # Errors
    /// The first failure since then. The store is of no use afterwards.
    pub fn commit(&mut self) -> Result<()> {
        if self.open && self.failed.is_none() {
            self.failed = self.db.execute_batch("COMMIT").err();
            self.open = false;
        }
        match self.failed.take() {
            None => Ok(()),
            Some(why) => {
                let what =
                    format!("the store {} failed; nothing was lost that was said", self.path.display());
                Err(why).context(what)
            }
        }
    }

    /// Makes `hash` the server's only own token.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn replace_server_token(&mut self, hash: &[u8; 32]) -> Result<()> {
        self.write("DELETE FROM token WHERE owner IS NULL", []);
        self.add_token(&Token { hash: *hash, owner: None, expiry: None });
        self.commit()
    }

    fn check(&self) -> Result<()> {
        let damaged = |what: &dyn std::fmt::Display| {
            anyhow!(
                "the store {} is damaged ({}). Stop, keep a copy of the file, and restore a backup",
                self.path.display(),
                what.to_string().replace('\n', "; ")
            )
        };
        let found: String = self
            .db
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|error| damaged(&error))?;
        if found == "ok" { Ok(()) } else { Err(damaged(&found)) }
    }

    fn migrate(&self) -> Result<()> {
        let version: u32 = self.db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let version = usize::try_from(version).unwrap_or(usize::MAX);
        if version > MIGRATIONS.len() {
            bail!("it was written by a later version of tincand: run that one, or restore a backup");
        }
        for done in version..MIGRATIONS.len() {
            let turn = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
            schema::take_step(&turn, done)?;
            turn.execute_batch(&format!("PRAGMA user_version = {};", done + 1))?;
            turn.commit()?;
        }
        Ok(())
    }

    /// Runs `act` unless something failed before; remembers it when it fails now.
    fn attempt<T>(&mut self, act: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Option<T> {
        if self.failed.is_some() {
            return None;
        }
        match act(&self.db) {
            Ok(value) => Some(value),
            Err(error) => {
                self.failed = Some(error);
                None
            }
        }
    }

    fn write(&mut self, sql: &str, params: impl Params) {
        if !self.open {
            self.open = self.attempt(|db| db.execute_batch("BEGIN IMMEDIATE")).is_some();
        }
        self.attempt(|db| db.prepare_cached(sql)?.execute(params));
    }

    fn one<T>(
        &mut self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Option<T> {
        self.attempt(|db| db.prepare_cached(sql)?.query_row(params, read).optional()).flatten()
    }

    fn all<T>(
        &mut self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        self.attempt(|db| db.prepare_cached(sql)?.query_map(params, read)?.collect()).unwrap_or_default()
    }

    fn add_prekey(
        &mut self,
        account: &Fingerprint,
        device: &DeviceId,
        place: i64,
        prekey: &Prekey,
        taken: bool,
    ) {
        self.write(
            "INSERT INTO prekey (account, device, place, key, signature, taken) VALUES (?, ?, ?, ?, ?, ?)",
            params![account.0, device.0, place, *prekey.key, *prekey.signature, taken],
        );
    }

    fn counted(&mut self) -> Counts {
        if self.counts.is_none() {
            let sql = "SELECT count(*), count(*) FILTER (WHERE guest) FROM account";
            let counts = self.one(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
            let number = |count: i64| usize::try_from(count).unwrap_or(0);
            self.counts = counts.map(|(all, guests)| Counts { all: number(all), guests: number(guests) });
        }
        self.counts.unwrap_or_default()
    }

    /// An account makes few tokens at a time, but it may make them for years. A token lives at most
    /// [`TOKEN_LIFE`], so those that ended so long before the new one will are past their time.
    fn forget_tokens_before(&mut self, token: &Token) {
        let (Some(owner), Some(expiry)) = (token.owner, token.expiry) else { return };
        let life = u64::try_from(TOKEN_LIFE.as_millis()).unwrap_or(u64::MAX);
        let sql = "DELETE FROM token WHERE owner = ? AND expiry_ms < ?";
        self.write(sql, params![owner.0, stored(Wall(expiry.0.saturating_sub(life)))]);
    }
}

impl Store for Sqlite {
    fn is_full(&self) -> bool {
        self.room.full
    }

    fn account(&mut self, fingerprint: &Fingerprint) -> Option<Account> {
        let sql = "SELECT fingerprint, name, guest FROM account WHERE fingerprint = ?";
        self.one(sql, [fingerprint.0], account)
    }

    fn account_named(&mut self, name: &Name) -> Option<Account> {
        let sql = "SELECT fingerprint, name, guest FROM account WHERE folded = ?";
        self.one(sql, [name.folded()], account)
    }

    fn account_count(&mut self) -> usize {
        self.counted().all
    }

    fn guest_count(&mut self) -> usize {
        self.counted().guests
    }

    fn unknown_guests(&mut self, most: usize) -> Vec<Fingerprint> {
        let sql = "SELECT fingerprint FROM account WHERE guest \
            AND NOT EXISTS (SELECT 1 FROM contact WHERE account = fingerprint OR other = fingerprint) \
            LIMIT ?";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.all(sql, [most], |row| row.get(0).map(Fingerprint))
    }

    fn add_account(&mut self, account: &Account) {
        let counts = self.counted();
        let guests = counts.guests + usize::from(account.guest);
        self.counts = Some(Counts { all: counts.all + 1, guests });
        self.write(
            "INSERT INTO account (fingerprint, name, folded, guest) VALUES (?, ?, ?, ?)",
            params![account.fingerprint.0, account.name.as_str(), account.name.folded(), account.guest],
        );
    }

    fn remove_guest(&mut self, fingerprint: &Fingerprint) {
        if self.account(fingerprint).is_none_or(|account| !account.guest) {
            return;
        }
        let counts = self.counted();
        self.counts =
            Some(Counts { all: counts.all.saturating_sub(1), guests: counts.guests.saturating_sub(1) });
        self.write("DELETE FROM account WHERE fingerprint = ?", [fingerprint.0]);
        self.write("DELETE FROM contact WHERE account = ?1 OR other = ?1", [fingerprint.0]);
    }

    fn entries(&mut self, account: &Fingerprint) -> Vec<Signed> {
        self.all("SELECT bytes, sshsig FROM entry WHERE account = ? ORDER BY place", [account.0], |row| {
            let (bytes, sshsig): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
            Ok(Signed { bytes: ByteVec::from(bytes), sshsig: ByteVec::from(sshsig) })
        })
    }

    fn add_entry(&mut self, account: &Fingerprint, entry: &Signed) {
        self.write(
            "INSERT INTO entry (account, place, bytes, sshsig) \
             SELECT ?1, count(*), ?2, ?3 FROM entry WHERE account = ?1",
            params![account.0, entry.bytes.as_slice(), entry.sshsig.as_slice()],
        );
    }

    fn put_prekeys(&mut self, account: &Fingerprint, device: &DeviceId, prekeys: &Prekeys) {
        let sql = "SELECT key FROM prekey WHERE account = ? AND device = ? AND taken";
        let taken = self.all(sql, params![account.0, device.0], |row| row.get(0));
        let taken: BTreeSet<[u8; 32]> = taken.into_iter().collect();
        self.forget_prekeys(account, device);
        self.add_prekey(account, device, FALLBACK, &prekeys.fallback, false);
        for (place, prekey) in (FALLBACK + 1..).zip(&prekeys.one_time) {
            self.add_prekey(account, device, place, prekey, taken.contains(&*prekey.key));
        }
    }

    fn take_prekey(&mut self, account: &Fingerprint, device: &DeviceId) -> Option<Prekey> {
        let sql = "SELECT key, signature, place FROM prekey WHERE account = ? AND device = ? AND NOT taken \
                   ORDER BY place DESC LIMIT 1";
        let read = |row: &Row<'_>| Ok((row.get::<_, i64>(2)?, prekey(row)?));
        let (place, prekey) = self.one(sql, params![account.0, device.0], read)?;
        if place != FALLBACK {
            let sql = "UPDATE prekey SET taken = 1 WHERE account = ? AND device = ? AND place = ?";
            self.write(sql, params![account.0, device.0, place]);
        }
        Some(prekey)
    }

    fn fallback_prekey(&mut self, account: &Fingerprint, device: &DeviceId) -> Option<Prekey> {
        let sql = "SELECT key, signature FROM prekey WHERE account = ? AND device = ? AND place = ?";
        self.one(sql, params![account.0, device.0, FALLBACK], prekey)
    }

    fn forget_prekeys(&mut self, account: &Fingerprint, device: &DeviceId) {
        let sql = "DELETE FROM prekey WHERE account = ? AND device = ?";
        self.write(sql, params![account.0, device.0]);
    }

    fn contacts(&mut self, account: &Fingerprint) -> Vec<(Fingerprint, Standing)> {
        let sql = "SELECT other, standing FROM contact WHERE account = ? ORDER BY other";
        self.all(sql, [account.0], |row| Ok((Fingerprint(row.get(0)?), standing(row, 1)?)))
    }

    fn standing(&mut self, account: &Fingerprint, other: &Fingerprint) -> Standing {
        let sql = "SELECT standing FROM contact WHERE account = ? AND other = ?";
        self.one(sql, [account.0, other.0], |row| standing(row, 0)).unwrap_or(Standing::None)
    }

    fn set_standing(&mut self, account: &Fingerprint, other: &Fingerprint, standing: Standing) {
        if standing != Standing::Asking {
            let sql = "DELETE FROM greeting WHERE account = ? AND sender = ?";
            self.write(sql, [account.0, other.0]);
        }
        if standing == Standing::None {
            let sql = "DELETE FROM contact WHERE account = ? AND other = ?";
            return self.write(sql, [account.0, other.0]);
        }
        self.write(
            "INSERT INTO contact (account, other, standing) VALUES (?, ?, ?) \
             ON CONFLICT (account, other) DO UPDATE SET standing = excluded.standing",
            params![account.0, other.0, standing_number(standing)],
        );
    }

    fn add_greeting(&mut self, account: &Fingerprint, greeting: &Greeting) -> bool {
        let sql = "SELECT 1 FROM greeting WHERE account = ? AND sender = ? AND device = ?";
        let place = params![account.0, greeting.from.0, greeting.device.0];
        if self.one(sql, place, |_| Ok(())).is_some() {
            return false;
        }
        self.write(
            "INSERT INTO greeting (account, sender, device, sender_device, id, kind, bytes) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![
                account.0,
                greeting.from.0,
                greeting.device.0,
                greeting.from_device.0,
                greeting.id.0,
                greeting.sealed.kind,
                greeting.sealed.bytes.as_slice()
            ],
        );
        true
    }

    fn greeting_after(
        &mut self,
        account: &Fingerprint,
        device: &DeviceId,
        last: Option<&Fingerprint>,
    ) -> Option<Greeting> {
        let last = last.map_or(&[][..], |last| &last.0);
        let sql = "SELECT sender, sender_device, id, kind, bytes FROM greeting \
                   WHERE account = ? AND device = ? AND sender > ? ORDER BY sender LIMIT 1";
        self.one(sql, params![account.0, device.0, last], |row| {
            let bytes: Vec<u8> = row.get(4)?;
            Ok(Greeting {
                from: Fingerprint(row.get(0)?),
                from_device: DeviceId(row.get(1)?),
                device: *device,
                id: MsgId(row.get(2)?),
                sealed: Sealed { kind: row.get(3)?, bytes: ByteVec::from(bytes) },
            })
        })
    }

    fn via_token(&mut self, account: &Fingerprint, other: &Fingerprint) -> Option<[u8; 16]> {
        let sql = "SELECT via FROM contact WHERE account = ? AND other = ?";
        self.one(sql, [account.0, other.0], |row| row.get(0)).flatten()
    }

    fn set_via_token(&mut self, account: &Fingerprint, other: &Fingerprint, token: &[u8; 16]) {
        let sql = "UPDATE contact SET via = ? WHERE account = ? AND other = ?";
        self.write(sql, params![token, account.0, other.0]);
    }

    fn token(&mut self, hash: &[u8; 32]) -> Option<Token> {
        self.one("SELECT hash, owner, expiry_ms FROM token WHERE hash = ?", [hash], |row| {
            let (owner, expiry): (Option<[u8; 32]>, Option<i64>) = (row.get(1)?, row.get(2)?);
            Ok(Token { hash: row.get(0)?, owner: owner.map(Fingerprint), expiry: expiry.map(read_back) })
        })
    }

    fn tokens_of(&mut self, owner: &Fingerprint, now: Wall) -> usize {
        let sql = "SELECT count(*) FROM token WHERE owner = ? AND (expiry_ms IS NULL OR expiry_ms > ?)";
        self.one(sql, params![owner.0, stored(now)], |row| row.get::<_, i64>(0))
            .map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn add_token(&mut self, token: &Token) {
        self.forget_tokens_before(token);
        self.write(
            "INSERT INTO token (hash, owner, expiry_ms) VALUES (?, ?, ?) \
             ON CONFLICT (hash) DO UPDATE SET owner = excluded.owner, expiry_ms = excluded.expiry_ms",
            params![token.hash, token.owner.map(|o| o.0), token.expiry.map(stored)],
        );
    }
}

/// SQLite gives its other files the rights of this one.
fn make_private(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY_TIME_MAX)?;
    // WAL so that a commit is one write and one fsync; FULL so that it is that fsync.
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", "ON")?;
    db.pragma_update(None, "trusted_schema", "OFF")?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(db)
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let name: String = row.get(1)?;
    let name = Name::parse(&name).map_err(|error| unreadable(1, rusqlite::types::Type::Text, error))?;
    Ok(Account { fingerprint: Fingerprint(row.get(0)?), name, guest: row.get(2)? })
}

/// Of a row that begins with key and signature.
fn prekey(row: &Row<'_>) -> rusqlite::Result<Prekey> {
    let (key, signature): ([u8; 32], [u8; 64]) = (row.get(0)?, row.get(1)?);
    Ok(Prekey { key: ByteArray::from(key), signature: ByteArray::from(signature) })
}

fn standing(row: &Row<'_>, column: usize) -> rusqlite::Result<Standing> {
    let number: i64 = row.get(column)?;
    [Standing::Asked, Standing::Asking, Standing::Mutual]
        .into_iter()
        .find(|&standing| standing_number(standing) == number)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// What stands in the file; never reused.
fn standing_number(standing: Standing) -> i64 {
    match standing {
        Standing::None => 0,
        Standing::Asked => 1,
        Standing::Asking => 2,
        Standing::Mutual => 3,
    }
}

/// SQLite's integers are signed; the year is then 292 million.
fn stored(wall: Wall) -> i64 {
    i64::try_from(wall.0).unwrap_or(i64::MAX)
}

fn read_back(ms: i64) -> Wall {
    Wall(u64::try_from(ms).unwrap_or(0))
}

fn unreadable(
    column: usize,
    kind: rusqlite::types::Type,
    why: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(why))
}

/// The place of a device's fallback key, below all its one-time keys.
const FALLBACK: i64 = 0;
/// `tincand invite --new` writes one row; longer than this, somebody else sits on the file.
const BUSY_TIME_MAX: Duration = Duration::from_secs(5);
const STATEMENTS_MAX: usize = 32;

mod room;
pub(crate) mod rows;
mod schema;
#[cfg(test)]
mod tests;
