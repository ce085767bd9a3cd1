//! When the microphone is open in a call: always, or only while one presses to talk; and how a key that not every
//! terminal tells the release of can be held.

/// When the microphone is open in a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transmit {
    /// Unless muted.
    #[default]
    Open,
    /// Only while one presses to talk, and not while muted.
    Ptt,
}

impl Transmit {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Open, Self::Ptt];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ptt => "ptt",
        }
    }

    /// Reads `open` or `ptt`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "open" => Self::Open,
            "ptt" => Self::Ptt,
            _ => return None,
        })
    }
}

/// How the key to talk works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TalkKey {
    /// As well as the terminal lets it: a release where it tells one, else its repeating, else on and off.
    #[default]
    Auto,
    /// Held down, told by its repeating where no release is told.
    Hold,
    /// On and off.
    Latch,
}

impl TalkKey {
    /// All.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Hold, Self::Latch];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Hold => "hold",
            Self::Latch => "latch",
        }
    }

    /// Reads `auto`, `hold` or `latch`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "auto" => Self::Auto,
            "hold" => Self::Hold,
            "latch" => Self::Latch,
            _ => return None,
        })
    }
}
