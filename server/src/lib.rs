//! tincand: one small server that anybody can run. A shell around [`proto::hub`] and [`proto::relay`]: sockets,
//! files and threads are here, decisions are there.

#![deny(unsafe_code)]

mod clock;
mod complaint;
pub mod config;
pub mod data;
mod datagram;
mod doors;
mod echo;
mod guest;
mod listen;
mod relay;
mod run;
mod server;
pub mod stats;
pub mod store;
pub mod system;
#[cfg(test)]
mod testing;

pub use config::Config;
pub use server::{Remote, Server, own_invite};

/// What both ends are told.
pub const SOFTWARE: &str = concat!("tincand ", env!("CARGO_PKG_VERSION"));
