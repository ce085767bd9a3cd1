//! The client's rooms; `main` only starts them.

pub mod app;
pub mod keys;
pub mod signals;
pub mod terminal;
pub mod view;
