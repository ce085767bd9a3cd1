//! What the tools around a call are told and tell: sound that flows from and to files and pipes, what is
//! said again, and recordings. They only use the call; nothing in it waits for them.

use crate::safe::Safe;

/// What the screen, or the program without one, tells the tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolCommand {
    /// Somebody can hear us: the file or pipe that is our microphone begins to be said. Until then it is held back, so
    /// that its first word is not said to nobody. Once per call; without such a microphone it changes nothing.
    Begin,
    /// Play what was heard in the last ten seconds once more, over the call; or stop that.
    SayAgain(bool),
    /// Keep what is said and heard in this file, or end that.
    Record(Option<Tape>),
}

/// A recording that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tape {
    /// The file, as an absolute path. One that is there is not overwritten.
    pub path: String,
    /// What it is, for players.
    pub title: String,
}

/// What the tools tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolEvent {
    /// The file or pipe that is our microphone has ended, and all of it was said.
    InputEnded,
    /// It cannot be read: why and what to do, in a sentence. What was read before is said first.
    InputFailed(Safe),
    /// Whether something is being said again. False, too, when it was asked for and nothing had been heard.
    SayingAgain(bool),
    /// The recording began, ended or failed.
    Recording(TapeState),
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

/// How a recording is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TapeState {
    /// It goes on, into this file. Everybody in the call who can be told is told.
    On(Safe),
    /// It is complete.
    Off {
        /// The file.
        path: Safe,
        /// Samples (48 kHz) that a slow disk lost.
        lost: u64,
    },
    /// It ended early, or never began: why, in a sentence. The call goes on.
    Failed(Safe),
}
