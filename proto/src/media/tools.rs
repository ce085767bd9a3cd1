//! What the tools around a call are told and tell: sound that flows from and to files and pipes. They only use the
//! call; nothing in it waits for them.

use crate::safe::Safe;

/// What the screen, or the program without one, tells the tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolCommand {
    /// Somebody can hear us: the file or pipe that is our microphone begins to be said. Until then it is held back, so
    /// that its first word is not said to nobody. Once per call; without such a microphone it changes nothing.
    Begin,
}

/// What the tools tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolEvent {
    /// The file or pipe that is our microphone has ended, and all of it was said.
    InputEnded,
    /// It cannot be read: why and what to do, in a sentence. What was read before is said first.
    InputFailed(Safe),
    /// Whoever reads what is heard takes it too slowly: so many samples (48 kHz) were dropped since the start.
    OutputBehind(u64),
    /// What is heard cannot be written any more: why, in a sentence; `closed` when its reader has gone away, which is
    /// how most pipes end.
    OutputFailed {
        /// Its reader went away.
        closed: bool,
        /// For people.
        why: Safe,
    },
}
