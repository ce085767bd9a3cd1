//! The tables of the store, as one step after another: a file of any earlier version is brought to the present form.

use std::collections::BTreeMap;

use proto::crypto::identity::entry_device;
use rusqlite::{Connection, params};

/// Each step brings the file one version further; none is ever edited.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE account (
        fingerprint BLOB PRIMARY KEY,
        name TEXT NOT NULL,
        folded TEXT NOT NULL UNIQUE
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE entry (
        account BLOB NOT NULL,
        place INTEGER NOT NULL,
        bytes BLOB NOT NULL,
        sshsig BLOB NOT NULL,
        PRIMARY KEY (account, place)
    ) STRICT;
    CREATE TABLE prekey (
        device BLOB NOT NULL,
        place INTEGER NOT NULL,
        key BLOB NOT NULL,
        signature BLOB NOT NULL,
        taken INTEGER NOT NULL,
        PRIMARY KEY (device, place)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE contact (
        account BLOB NOT NULL,
        other BLOB NOT NULL,
        standing INTEGER NOT NULL,
        via BLOB,
        PRIMARY KEY (account, other)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE token (
        hash BLOB PRIMARY KEY,
        owner BLOB,
        expiry_ms INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX token_owner ON token (owner);
",
    "
    ALTER TABLE account ADD COLUMN guest INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX contact_other ON contact (other);
",
    "
    CREATE TABLE greeting (
        account BLOB NOT NULL,
        sender BLOB NOT NULL,
        device BLOB NOT NULL,
        sender_device BLOB NOT NULL,
        id BLOB NOT NULL,
        kind INTEGER NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (account, sender, device)
    ) STRICT;
",
    // Then SHARE_OUT, since SQL cannot tell which device an entry is about.
    "
    ALTER TABLE prekey RENAME TO prekey_of_device;
    CREATE TABLE prekey (
        account BLOB NOT NULL,
        device BLOB NOT NULL,
        place INTEGER NOT NULL,
        key BLOB NOT NULL,
        signature BLOB NOT NULL,
        taken INTEGER NOT NULL,
        PRIMARY KEY (account, device, place)
    ) STRICT, WITHOUT ROWID;
",
];

/// Brings the file on by one, in the caller's transaction.
pub(super) fn take_step(db: &Connection, done: usize) -> rusqlite::Result<()> {
    db.execute_batch(MIGRATIONS[done])?;
    if done == SHARE_OUT { share_out_prekeys(db) } else { Ok(()) }
}

/// The keys of a device go to the account that listed it first: whoever else lists it took it from that list, and never
/// published a key. A device that is listed nowhere published none either.
fn share_out_prekeys(db: &Connection) -> rusqlite::Result<()> {
    let mut owners = BTreeMap::new();
    let mut entries = db.prepare("SELECT account, bytes FROM entry ORDER BY rowid")?;
    let mut rows = entries.query([])?;
    while let Some(row) = rows.next()? {
        let (account, bytes): ([u8; 32], Vec<u8>) = (row.get(0)?, row.get(1)?);
        if let Some((device, _)) = entry_device(&bytes) {
            owners.entry(device).or_insert(account);
        }
    }
    let sql = "INSERT INTO prekey SELECT ?, device, place, key, signature, taken FROM prekey_of_device \
               WHERE device = ?";
    let mut share = db.prepare(sql)?;
    for (device, account) in owners {
        share.execute(params![account, device.0])?;
    }
    db.execute_batch("DROP TABLE prekey_of_device")
}

/// The step after which [`share_out_prekeys`] goes.
const SHARE_OUT: usize = 3;
