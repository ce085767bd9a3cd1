//! What is done to our own voice before it is sent, as the screen asks for it and is told of it. The work is the
//! agent's; these are only the words.

/// One thing that can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What our speaker plays is taken out of our microphone.
    Echo,
    /// Steady noise is taken out.
    Noise,
    /// A quiet voice is raised.
    Gain,
}

impl Part {
    /// Every part, in the order of the sound.
    pub const ALL: [Self; 3] = [Self::Echo, Self::Noise, Self::Gain];
}

/// What a person wants of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// As it is needed.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

impl Wish {
    /// Every wish.
    pub const ALL: [Self; 3] = [Self::Auto, Self::On, Self::Off];

    /// What `auto`, `on` and `off` say; nothing else is a wish.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wish| wish.word() == text)
    }

    /// `auto`, `on` or `off`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// What is wanted of all three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Of [`Part::Echo`].
    pub echo: Wish,
    /// Of [`Part::Noise`].
    pub noise: Wish,
    /// Of [`Part::Gain`].
    pub gain: Wish,
}

impl Wishes {
    /// The wish for one part.
    pub fn of(&mut self, part: Part) -> &mut Wish {
        match part {
            Part::Echo => &mut self.echo,
            Part::Noise => &mut self.noise,
            Part::Gain => &mut self.gain,
        }
    }
}

/// Why a part is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A person said so.
    Asked,
    /// There is no sound card, and so no room.
    NoRoom,
    /// Every part takes time, and as little of it as possible is wanted.
    LowDelay,
    /// The microphone hears the speaker.
    EchoHeard,
    /// The speaker is called one that everybody in the room hears.
    Loudspeaker,
    /// Nothing of the speaker was heard by the microphone.
    NoEcho,
    /// The room is noisy.
    Noisy,
    /// The room is not.
    Still,
    /// The voice is quiet.
    VoiceQuiet,
    /// The voice is loud enough, or was not heard yet.
    VoiceFine,
}

impl Why {
    /// The reason in words, for the end of a line.
    pub fn words(self) -> &'static str {
        match self {
            Self::Asked => "as you asked",
            Self::NoRoom => "no sound card is in use",
            Self::LowDelay => "low delay comes first",
            Self::EchoHeard => "the microphone hears the speaker",
            Self::Loudspeaker => "the speaker fills the room",
            Self::NoEcho => "no echo is heard",
            Self::Noisy => "the room is noisy",
            Self::Still => "the room is still",
            Self::VoiceQuiet => "your voice is quiet",
            Self::VoiceFine => "your voice is loud enough",
        }
    }
}

/// How it is with one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartState {
    /// It works on our voice.
    pub on: bool,
    /// Why.
    pub why: Why,
}

/// How it is with all three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processing {
    /// [`Part::Echo`].
    pub echo: PartState,
    /// [`Part::Noise`].
    pub noise: PartState,
    /// [`Part::Gain`].
    pub gain: PartState,
}

impl Processing {
    /// One part of it.
    pub fn part(&self, part: Part) -> PartState {
        match part {
            Part::Echo => self.echo,
            Part::Noise => self.noise,
            Part::Gain => self.gain,
        }
    }
}
