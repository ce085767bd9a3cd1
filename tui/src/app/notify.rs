//! What is to be told outside the screen, and how: the bell, a notification of the terminal, a command. Do not disturb
//! stops all three.

use proto::Safe;
use proto::media::processing::Wish;

use super::emulator::Osc;

/// How to be told, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Ring the terminal's bell.
    pub bell: bool,
    /// Show a notification of the terminal's own.
    pub osc: OscWish,
    /// Run this program with these arguments; empty runs none.
    pub command: Vec<String>,
    /// Notifications and the command get the words of a text, not only who wrote it.
    pub preview: bool,
    /// Begin undisturbed.
    pub dnd: bool,
    /// Calls ring although nobody is to disturb.
    pub calls_in_dnd: bool,
    /// Calls ring on the speaker: always, never, or where somebody sits at it.
    pub ring: Wish,
}

impl Default for Notify {
    fn default() -> Self {
        let command = Vec::new();
        Self {
            bell: true,
            osc: OscWish::Auto,
            command,
            preview: false,
            dnd: false,
            calls_in_dnd: false,
            ring: Wish::Auto,
        }
    }
}

/// Which control string shows a notification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OscWish {
    /// The terminal's own, where it is known for sure.
    #[default]
    Auto,
    /// This one.
    Is(Osc),
    /// None.
    Off,
}

impl Notify {
    /// What rings now that nobody is to disturb, or that everybody may, in a sentence.
    pub fn rings(&self, dnd: bool) -> &'static str {
        match (dnd, self.calls_in_dnd) {
            (true, true) => "Do not disturb: only calls ring.",
            (true, false) => "Do not disturb: nothing rings, calls neither.",
            (false, _) => "You are told of calls and texts again.",
        }
    }
}

impl OscWish {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 5] = [
        Self::Auto,
        Self::Is(Osc::Nine),
        Self::Is(Osc::NinetyNine),
        Self::Is(Osc::SevenSevenSeven),
        Self::Off,
    ];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Is(Osc::Nine) => "9",
            Self::Is(Osc::NinetyNine) => "99",
            Self::Is(Osc::SevenSevenSeven) => "777",
            Self::Off => "none",
        }
    }

    /// Reads `auto`, `9`, `99`, `777` or `none`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "auto" => Self::Auto,
            "9" => Self::Is(Osc::Nine),
            "99" => Self::Is(Osc::NinetyNine),
            "777" => Self::Is(Osc::SevenSevenSeven),
            "none" => Self::Off,
            _ => return None,
        })
    }
}

/// Something that is told outside the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What happened.
    pub what: What,
    /// Who did it, as they are shown.
    pub who: Safe,
    /// The text they wrote, where that may be told.
    pub preview: Option<Safe>,
}

/// What is told outside the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Somebody calls.
    Call,
    /// Somebody called in vain.
    MissedCall,
    /// Somebody wrote.
    Message,
    /// Somebody asks to be a contact.
    Request,
}

impl What {
    /// For programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::MissedCall => "missed-call",
            Self::Message => "message",
            Self::Request => "request",
        }
    }
}

impl Alert {
    /// For people.
    pub fn words(&self) -> String {
        let who = &self.who;
        match (self.what, &self.preview) {
            (What::Call, _) => format!("{who} is calling you"),
            (What::MissedCall, _) => format!("missed call of {who}"),
            (What::Message, Some(text)) => format!("{who}: {text}"),
            (What::Message, None) => format!("{who} wrote to you"),
            (What::Request, _) => format!("{who} asks to be your contact"),
        }
    }
}
