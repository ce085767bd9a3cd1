//! Bytes and values, and nothing else: no state but the frame splitter's.
//!
//! [`request`] and [`reply`] are the one vocabulary of the house; [`binary`] and [`extension`] translate it to and
//! from the frames of seed A and our extension codes, whose records are in [`record`]; [`frame`] cuts a stream into
//! frames; [`datagram`] knows what travels by UDP.

pub mod record;
pub mod reply;
pub mod request;

pub use reply::{Party, Reply};
pub use request::Request;
