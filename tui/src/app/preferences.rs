//! What a person prefers of sound, as the configuration says it and the settings change it; and a change of it as a key
//! of the file. How things look is in [`super::look`].

use proto::media::DelayMode;
use proto::media::processing::Wishes;

/// What is preferred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// Which devices.
    pub ears: Ears,
    /// What is done to our own voice.
    pub processing: Wishes,
    /// What is dearer, delay or sound.
    pub delay: DelayMode,
    /// Frames of 5, 10 or 20 ms; none lets the network decide.
    pub frame: Option<u8>,
    /// Silence is sent short.
    pub dtx: bool,
    /// Where recordings go; none for the usual folder.
    pub recordings: Option<String>,
    /// The file that changes are written to.
    pub file: String,
}

/// Which devices a person chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ears {
    /// As after `--device`.
    pub device: String,
    /// Another microphone than that device's.
    pub microphone: Option<String>,
    /// Another speaker.
    pub speaker: Option<String>,
    /// What calls ring on; none for the speaker of calls.
    pub ring: Option<String>,
}

impl Ears {
    /// Whether the sound is a card's, so that one half of it can be exchanged.
    pub fn is_card(&self) -> bool {
        let device = self.device.trim();
        !matches!(device, "null" | "tone" | "loopback") && !device.starts_with("wav:")
    }
}

impl Default for Ears {
    fn default() -> Self {
        Self { device: "default".to_owned(), microphone: None, speaker: None, ring: None }
    }
}

/// A key of the configuration that is to say something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The table of the file; empty for its top.
    pub table: &'static str,
    /// The key.
    pub key: &'static str,
    /// What it is to say.
    pub value: Value,
}

/// What a key can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// Yes or no.
    Switch(bool),
    /// A number.
    Number(i64),
    /// Nothing: what is usual counts.
    Unset,
}
