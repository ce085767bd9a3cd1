//! The pure half of the screen: no terminal, no thread, no clock. A message goes in, the model changes, effects come
//! out; `crate::view` draws the model.
//!
//! ```text
//! keys, client events, sound events, tick ──► update ──► Model ──► view ──► cells
//!                                                └─────► effects ──► run
//! ```

pub mod call;
pub mod chat;
pub mod chats;
pub mod contacts;
pub mod echoes;
pub mod emulator;
pub mod find;
pub mod fuzzy;
pub mod help;
pub mod input;
pub mod keymap;
pub mod links;
pub mod look;
pub mod model;
pub mod msg;
pub mod notify;
pub mod palette;
pub mod personal;
pub mod popup;
pub mod preferences;
pub mod ring;
pub mod settings;
#[cfg(test)]
pub(crate) mod story;
pub mod talk;
pub mod tools;
pub mod transmit;
pub mod trust;
mod update;

pub use model::{Glyphs, Look, Model, Settings};
pub use msg::{Effect, Msg};
pub use update::{finish, start, update};
