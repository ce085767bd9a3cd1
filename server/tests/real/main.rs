//! The server as it is, over real sockets: people who use it, a process that is killed, and strangers who mean harm.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod calls;
mod friend;
mod operator;
mod people;
mod places;
mod plain;
mod plain_binary;
mod plain_doors;
mod plain_people;
mod plain_text;
mod plain_voice;
mod process;
mod sealed;
mod strangers;
mod tap;
