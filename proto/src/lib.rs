//! The whole of tincan that both ends agree on: wire formats, cryptographic envelopes, and every state machine of
//! client, server and relay. Nothing here opens a socket, reads a clock, touches a file or draws a random number:
//! time and seeds come in as arguments, bytes and events go out.
//!
//! Every machine has one shape, at each level of nesting:
//!
//! ```text
//! let mut m = Machine::new(settings, seed, now);
//! m.handle(input, now);                  // returns nothing; borrows its bytes
//! while let Some(out) = m.poll() { .. }  // owned outputs, drained to None after EVERY handle
//! let wake = m.deadline();               // one Option<Time>
//! ```
//!
//! Commands go down, events come up. Hostile input is an output ([`Drop`]), never an error to the shell and never
//! a panic.
//!
//! Floors, each importing only what is left of it:
//!
//! ```text
//! time rng id limits drop safe  <  wire crypto tls  <  media  <  login link contact call outbox inbox  <  client hub relay  <  plain
//! ```

#![forbid(unsafe_code)]

pub mod call;
pub mod client;
pub(crate) mod compare;
pub mod contact;
pub mod crypto;
pub mod drop;
pub mod hub;
pub mod id;
pub(crate) mod inbox;
pub mod invite;
pub mod limits;
pub mod link;
pub(crate) mod login;
pub mod media;
pub mod outbox;
pub mod plain;
pub mod relay;
pub mod rng;
pub mod safe;
pub mod time;
pub mod tls;
pub mod wire;

pub use drop::Drop;
pub use rng::Rng;
pub use safe::Safe;
pub use time::{Now, Time, Wall, earliest};
