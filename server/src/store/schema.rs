//! The tables of the store, as one step after another: a file of any earlier version is brought to the present form.

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
];
