//! What the screen knows of the tools around a call.

use std::time::Duration;

use proto::Time;

/// How long the second key may take that says yes to a recording nobody can be told of.
pub const ANYWAY_TIME: Duration = Duration::from_secs(5);

/// Who is told of a recording in a call, in a sentence.
pub fn who_is_told(plain: bool) -> &'static str {
    if plain { "Programs of the plain protocols are not told." } else { "Everybody is told." }
}

/// What goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tools {
    /// What was heard is being said again.
    pub saying_again: bool,
    /// The call is being kept.
    pub recording: bool,
    /// Until when asking once more records, although somebody cannot be told.
    pub anyway_until: Option<Time>,
}
