//! tincand: one small server that anybody can run. A shell around [`proto::hub`] and
//! [`proto::relay`]: sockets, files and threads are here, decisions are there.

#![deny(unsafe_code)]

pub mod clock;
pub mod config;
pub mod data;
mod descriptors;
pub mod stats;
pub mod store;
#[cfg(test)]
mod testing;
