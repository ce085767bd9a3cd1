//! Where sound comes from and goes to. The sound card lives in `cpal.rs` behind the feature `device`; the others need
//! no hardware and are products of their own: for sessions without sound, for bots, demonstrations and tests.
//!
//! | text | microphone | speaker |
//! |---|---|---|
//! | `default` | the system's | the system's |
//! | `null` | silence | nowhere |
//! | `tone` | a steady tone | nowhere |
//! | `loopback` | what the speaker plays | as the microphone |
//! | `wav:IN.wav,OUT.wav` | a file, once, then silence | a file |
//! | anything else | the device of that name | the device of that name |
//!
//! A sound card has its own clock and threads and is reached through rings. The others have neither: the voice thread
//! is their clock ([`pace::Pace`]) and trades blocks with them directly ([`Software::exchange`]), so that nothing is
//! ever missing from a recording because a thread was late.

#[cfg(feature = "device")]
mod awaited;
pub mod callback;
#[cfg(feature = "device")]
mod card;
#[cfg(feature = "device")]
mod cpal;
pub mod flow;
#[cfg(feature = "device")]
mod hardware;
pub mod loopback;
pub mod null;
pub(crate) mod opener;
pub mod pace;
#[cfg(all(feature = "device", target_os = "linux"))]
mod pulse;
#[cfg(feature = "device")]
mod signs;
#[cfg(test)]
pub(crate) mod testing;
pub mod tone;
pub mod wav;

use std::fmt;
use std::path::PathBuf;

use flow::{Flow, Flows};
use loopback::Loopback;
use tone::Tone;
use wav::{WavIn, WavOut};

/// Which device a person chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The system's default microphone and speaker.
    #[default]
    Default,
    /// Silence in, nothing out.
    Null,
    /// A steady tone in, nothing out.
    Tone,
    /// The speaker is heard by the microphone.
    Loopback,
    /// Files; either may be left empty.
    Wav {
        /// What the microphone hears.
        input: Option<PathBuf>,
        /// What the speaker played.
        output: Option<PathBuf>,
    },
    /// Files or pipes of any length, as after `--in` and `--out`; a half that is not named is silent.
    Flow {
        /// What the microphone hears.
        input: Option<Flow>,
        /// Where what the speaker plays goes.
        output: Option<Flow>,
    },
    /// The microphone and the speaker of that name; a half that has no such device takes the default.
    Named(String),
    /// A microphone and a speaker, each by name or the system's default.
    Halves {
        /// The microphone's name.
        microphone: Option<String>,
        /// The speaker's name.
        speaker: Option<String>,
    },
}

impl Choice {
    /// What a person typed after `--device`, or picked from the list.
    pub fn parse(text: &str) -> Result<Self, DeviceError> {
        let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
        match text.trim() {
            "" | "default" => Ok(Self::Default),
            "null" => Ok(Self::Null),
            "tone" => Ok(Self::Tone),
            "loopback" => Ok(Self::Loopback),
            text => match text.strip_prefix("wav:") {
                None => Ok(Self::Named(text.to_owned())),
                Some(files) => {
                    let (input, output) = files.split_once(',').unwrap_or((files, ""));
                    if input.is_empty() && output.is_empty() {
                        return Err(DeviceError::NoFiles);
                    }
                    Ok(Self::Wav { input: path(input), output: path(output) })
                }
            },
        }
    }
}

impl Choice {
    /// Whether it is of a sound card, so that a half can be exchanged while the other goes on.
    pub fn is_card(&self) -> bool {
        matches!(self, Self::Default | Self::Named(_) | Self::Halves { .. })
    }

    /// The names of microphone and speaker; none for the system's default, and for what is no card.
    pub fn names(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Named(name) => (Some(name.clone()), Some(name.clone())),
            Self::Halves { microphone, speaker } => (microphone.clone(), speaker.clone()),
            Self::Default
            | Self::Null
            | Self::Tone
            | Self::Loopback
            | Self::Wav { .. }
            | Self::Flow { .. } => (None, None),
        }
    }

    /// The same with one half exchanged: a card's name, or `default`.
    ///
    /// # Errors
    /// When this is no card, so that its halves belong together.
    pub fn with(&self, half: Half, name: &str) -> Result<Self, DeviceError> {
        if !self.is_card() {
            return Err(DeviceError::NoHalf(half, self.to_string()));
        }
        let (mut microphone, mut speaker) = self.names();
        let name = Some(name.trim()).filter(|name| !matches!(*name, "" | "default")).map(str::to_owned);
        match half {
            Half::Microphone => microphone = name,
            Half::Speaker => speaker = name,
        }
        Ok(if microphone.is_none() && speaker.is_none() {
            Self::Default
        } else {
            Self::Halves { microphone, speaker }
        })
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Null => f.write_str("null"),
            Self::Tone => f.write_str("tone"),
            Self::Loopback => f.write_str("loopback"),
            Self::Wav { input, output } => {
                let text = |path: &Option<PathBuf>| {
                    path.as_ref().map(|p| p.display().to_string()).unwrap_or_default()
                };
                write!(f, "wav:{},{}", text(input), text(output))
            }
            Self::Flow { .. } => f.write_str("files and pipes"),
            Self::Named(name) => f.write_str(name),
            Self::Halves { microphone, speaker } => {
                let named = |name: &Option<String>| name.clone().unwrap_or_else(|| "default".into());
                write!(f, "microphone {}, speaker {}", named(microphone), named(speaker))
            }
        }
    }
}

/// Why half of the sound does not work, and what a person can do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceError {
    /// `wav:` without a file.
    NoFiles,
    /// A sound file that cannot be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// What the system or the format said.
        why: String,
    },
    /// The microphone or the speaker of this sound, which is no card's, cannot be another one.
    NoHalf(Half, String),
    /// There is no microphone, or no speaker.
    Missing(Half),
    /// The device exists, and somebody else has it.
    Busy(Half),
    /// We may not use it.
    Forbidden(Half),
    /// No sound system answers.
    NoSystem,
    /// It was there and went away.
    Gone(Half),
    /// Whatever else the sound system said.
    Other(Half, String),
}

/// Microphone or speaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Sound in.
    Microphone,
    /// Sound out.
    Speaker,
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Microphone => "microphone",
            Self::Speaker => "speaker",
        })
    }
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFiles => f.write_str("wav: names no file; write wav:IN.wav,OUT.wav, either may be empty"),
            Self::File { path, why } => write!(f, "{}: {why}", path.display()),
            Self::NoHalf(half, sound) => {
                write!(f, "the sound is {sound}, no card's: its {half} cannot be exchanged alone")
            }
            Self::Missing(half) => write!(f, "no {half} found; plug one in, or choose another device"),
            Self::Busy(half) => write!(f, "another program has the {half}; close it and it is tried again"),
            Self::Forbidden(half) => {
                write!(
                    f,
                    "no permission to use the {half}; allow it in the system's settings (on Linux, group audio)"
                )
            }
            Self::NoSystem => {
                f.write_str("no sound system answers; start PulseAudio or PipeWire, or choose --device null")
            }
            Self::Gone(half) => write!(f, "the {half} went away; plug it in again, it is looked for"),
            Self::Other(half, why) => write!(f, "the {half} does not work ({why}); choose another device"),
        }
    }
}

impl std::error::Error for DeviceError {}

/// The sound system that answers, by its name.
#[cfg(feature = "device")]
pub fn system() -> Result<&'static str, DeviceError> {
    card::Card::connect(false).map(|card| card.system())
}

/// A build without a sound library has none.
#[cfg(not(feature = "device"))]
pub fn system() -> Result<&'static str, DeviceError> {
    Err(DeviceError::NoSystem)
}

/// A device without hardware. Its clock is the voice thread's.
pub enum Software {
    /// Silence in, nothing out.
    Null,
    /// A steady tone in, nothing out.
    Tone(Tone),
    /// The speaker is heard by the microphone.
    Loopback(Box<Loopback>),
    /// Files or pipes of any length.
    Flows(Flows),
    /// Files. A half is missing when its file was not named or does not work.
    Wav {
        /// The microphone.
        input: Option<WavIn>,
        /// The speaker.
        output: Option<WavOut>,
    },
}

impl Software {
    /// Another call begins.
    pub fn start_over(&mut self) {
        if let Self::Flows(flows) = self {
            flows.start_over();
        }
    }

    /// Plays `heard` and fills `said` with the microphone's samples of the same time. Both have one length.
    pub fn exchange(&mut self, heard: &[f32], said: &mut [f32]) {
        match self {
            Self::Null => null::exchange(said),
            Self::Tone(tone) => tone.fill(said),
            Self::Loopback(loopback) => loopback.exchange(heard, said),
            Self::Flows(flows) => flows.exchange(heard, said),
            Self::Wav { input, output } => {
                match input {
                    Some(input) => input.fill(said),
                    None => null::exchange(said),
                }
                if let Some(output) = output {
                    output.write(heard);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_is_chosen_by_its_text_and_shown_as_it() {
        let wav = |input: &str, output: &str| {
            let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
            Choice::Wav { input: path(input), output: path(output) }
        };
        for (text, choice) in [
            ("default", Choice::Default),
            ("null", Choice::Null),
            ("tone", Choice::Tone),
            ("loopback", Choice::Loopback),
            ("wav:a.wav,b.wav", wav("a.wav", "b.wav")),
            ("wav:,b.wav", wav("", "b.wav")),
            ("wav:a.wav,", wav("a.wav", "")),
            ("USB Headset", Choice::Named("USB Headset".into())),
        ] {
            assert_eq!(Choice::parse(text), Ok(choice.clone()));
            assert_eq!(choice.to_string(), text);
        }
        assert_eq!(Choice::parse("wav:a.wav"), Ok(wav("a.wav", "")));
        assert_eq!(Choice::parse(""), Ok(Choice::Default));
        assert_eq!(Choice::parse("wav:,"), Err(DeviceError::NoFiles));
    }

    #[test]
    fn a_half_is_exchanged_and_the_other_stays() {
        let headset = Choice::Named("Headset".into());
        let mixed = headset.with(Half::Speaker, "Loudspeaker").unwrap();
        assert_eq!(mixed.names(), (Some("Headset".into()), Some("Loudspeaker".into())));
        assert_eq!(mixed.to_string(), "microphone Headset, speaker Loudspeaker");
        let default = mixed.with(Half::Speaker, "default").unwrap().with(Half::Microphone, "").unwrap();
        assert_eq!(default, Choice::Default);
        assert!(headset.is_card() && mixed.is_card() && default.is_card() && !Choice::Tone.is_card());
        let wav = Choice::parse("wav:a.wav,").unwrap();
        let refused = wav.with(Half::Speaker, "Loudspeaker").unwrap_err().to_string();
        assert!(refused.ends_with("its speaker cannot be exchanged alone"), "{refused}");
    }

    #[test]
    fn a_missing_half_is_silence() {
        let mut device = Software::Wav { input: None, output: None };
        let mut said = [1.0; 240];
        device.exchange(&[0.5; 240], &mut said);
        assert_eq!(said, [0.0; 240]);
    }
}
