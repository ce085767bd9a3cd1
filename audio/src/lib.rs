//! The media agent of tincan: everything between a microphone, the network and an ear.
//!
//! ```text
//!  microphone          voice thread                                             speaker
//!  callback -> PcmRx -> resample -> capture -> FrameRx -> proto::media -> UDP socket
//!                                                                             |
//!  callback <- PcmTx <- resample <- mixer <- playout (per speaker) <- proto::media
//! ```
//!
//! Rooms above the doors are pure: samples, packets and times come in as arguments, so each is tested without a sound
//! card, a network or a clock.

mod agent;
pub use agent::{Agent, AgentHandle, SendError, Settings};

pub mod again;
pub mod bell;
pub mod capture;
pub mod check;
pub mod clock;
pub mod codec;
mod comfort;
pub mod device;
pub mod earcon;
pub mod frame;
mod jitter;
pub mod level;
pub mod limiter;
pub mod mixer;
pub mod ogg;
pub mod playout;
pub mod process;
pub mod resample;
pub mod ring;
pub mod ringer;
mod spread;
mod stretch;
pub mod tape;
mod tempo;
#[cfg(test)]
mod testing;
mod timeline;
