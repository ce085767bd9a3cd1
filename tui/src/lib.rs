//! The client's rooms; `main` only starts them.

pub mod app;
pub mod args;
pub mod arrival;
pub mod clock;
pub mod config;
pub mod control;
pub mod demo;
pub mod doctor;
pub mod exit;
pub mod headless;
pub mod identity;
pub mod invite;
pub mod keys;
pub mod known;
pub mod limits;
pub mod linear;
pub mod lines;
pub mod manual;
pub mod parting;
pub mod peers;
pub mod prose;
pub mod recordings;
pub mod remote;
pub mod run;
pub mod screen;
pub mod server_link;
pub mod session;
pub mod signals;
pub mod socket;
pub mod store;
pub mod talk;
pub mod target;
pub mod terminal;
#[cfg(test)]
mod testing;
pub mod view;
pub mod visit;
