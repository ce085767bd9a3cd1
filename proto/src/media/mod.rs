//! The media agent's mind: what happens to sealed voice between the microphone and the network.

pub mod command;
pub mod event;

pub use command::{AgentCommand, BaseKey, CallCommand, Place, SoundCommand};
pub use event::{AgentEvent, CallEvent, HalfState, Levels, SoundEvent, Statistics};
