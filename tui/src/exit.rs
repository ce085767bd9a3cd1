//! How the program ends, for scripts.

/// The exit codes, the same for every way to run `tincan`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// As asked.
    Ok = 0,
    /// Something failed; standard error says what.
    Failed = 1,
    /// Wrong arguments, or no terminal.
    Usage = 2,
    /// The server cannot be reached.
    Unreachable = 3,
    /// The server's key is not the pinned one, or it refused the name or the key.
    Refused = 4,
    /// The other side is not there or declined.
    PeerUnavailable = 5,
    /// No audio device.
    NoDevice = 6,
    /// Interrupted by a signal.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
