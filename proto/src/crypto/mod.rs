//! Keys, and what is done with them: pure functions and small values, each outside library in one file.

mod cbor;
pub mod envelope;
mod eras;
pub mod identity;
pub mod mac;
pub mod olm;
pub mod ratchet;
pub mod safety;
mod sessions;
pub mod sframe;
pub mod standin;
pub mod window;
pub mod wordlist;

pub use ratchet::{DeviceKeys, Ratchet, RatchetError, RatchetState, device_id};
