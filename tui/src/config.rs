//! The configuration file: what a person wants every time. Every key is optional, and what was typed wins.
//!
//! ```toml
//! server = "voice.example.org"   # where `tincan` goes without arguments
//! name = "alice"                 # proposed to a server that does not know you
//! device = "default"             # as --device
//! microphone = "USB Headset"     # another microphone than that device's; so `speaker`
//! ring_device = "Speakers"       # what calls ring on; unset: that speaker
//! recordings = "~/calls"         # where `R` and `record on` write
//!
//! [voice]
//! echo_cancel = "auto"           # auto, on or off; so are the next two
//! noise_suppression = "auto"
//! gain_control = "auto"
//! delay = "ordinary"             # as --delay: low for frames of 5 ms, path for those where the way is short
//! dtx = false                    # send silence in fewer bytes: the network sees when you speak
//! frame = 10                     # frames of 5, 10 or 20 ms whatever the network is like
//! transmit = "open"              # open, or ptt: the microphone is on only while you press to talk
//! earcons = "auto"               # tones for who joins and leaves, and for mute: auto (with --plain), on or off
//! talk_key = "auto"              # how the key to talk is held: auto, hold (by its repeating) or latch (on, off)
//!
//! [notify]
//! bell = true                    # ring the terminal's bell
//! osc = "auto"                   # a notification of the terminal's own: auto, 9, 99, 777 or none
//! command = ["sh", "-c", 'notify-send tincan "$TINCAN_WORDS"']   # run for each; README.md says what it is told
//! preview = false                # tell the words of a text, not only who wrote it
//! dnd = false                    # begin undisturbed, as `Z` does
//! calls_in_dnd = false           # calls ring nevertheless
//! ring = "auto"                  # calls ring on the speaker: auto (not over SSH), on or off
//!
//! [ui]
//! ascii = false                  # letters only
//! theme = "default"              # default, contrast or mono
//! color = true
//! links = "auto"                 # tell the terminal of links (OSC 8): auto, where it is known to take them, on or off
//! meter_hz = 15                  # how often meters move, 0 to 30 times a second; unset: 15, and 4 over SSH
//!
//! [keys]                         # other keys; the README lists the names
//! mute = ["ctrl-t", "f2"]
//! list.call = "c"
//! list.undo = "none"
//! ```

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use audio::frame::FrameDuration;
use proto::id::Name;
use proto::media::DelayMode;
use proto::media::processing::{Wish, Wishes};
use serde::Deserialize;

use crate::app::keymap::Keymap;
use crate::app::look::Theme;
use crate::app::notify::{Notify, OscWish};
use crate::app::transmit::{TalkKey, Transmit};
use crate::config::source::Source;
use crate::target::Address;

pub mod check;
pub mod edit;
mod keys;
pub mod source;
pub mod table;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Where to go.
    pub server: Option<Address>,
    /// Whom to be.
    pub name: Option<Name>,
    /// What to hear and speak with.
    pub device: Option<String>,
    /// Another microphone than that device's.
    pub microphone: Option<String>,
    /// Another speaker.
    pub speaker: Option<String>,
    /// What calls ring on; none for the speaker of calls.
    pub ring_device: Option<String>,
    /// What is done to our own voice.
    pub processing: Wishes,
    /// What is dearer, delay or sound.
    pub delay: Option<DelayMode>,
    /// Frames of this duration, whatever the network is like.
    pub frame: Option<FrameDuration>,
    /// Silence is sent short, which leaks when somebody speaks.
    pub dtx: bool,
    /// Where recordings go.
    pub recordings: Option<PathBuf>,
    /// When the microphone is open.
    pub transmit: Transmit,
    /// Tones for who joins and leaves and for our own microphone.
    pub earcons: Wish,
    /// How the key to talk is held.
    pub talk_key: TalkKey,
    /// What is told outside the screen.
    pub notify: Notify,
    /// Draw with letters only.
    pub ascii: bool,
    /// Use colours.
    pub color: bool,
    /// What things are told apart by.
    pub theme: Theme,
    /// How often meters move, 0 to 30 times a second.
    pub meter_hz: Option<u8>,
    /// Whether the terminal is told of links.
    pub links: Wish,
    /// The keys.
    pub keys: Keymap,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    server: Option<String>,
    name: Option<String>,
    device: Option<String>,
    microphone: Option<String>,
    speaker: Option<String>,
    ring_device: Option<String>,
    recordings: Option<String>,
    #[serde(default)]
    voice: Voice,
    #[serde(default)]
    notify: Notices,
    #[serde(default)]
    ui: Ui,
    #[serde(default, rename = "keys")]
    _keys: toml::Table,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Voice {
    echo_cancel: Option<String>,
    noise_suppression: Option<String>,
    gain_control: Option<String>,
    delay: Option<String>,
    frame: Option<u32>,
    dtx: Option<bool>,
    transmit: Option<String>,
    talk_key: Option<String>,
    earcons: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Notices {
    bell: Option<bool>,
    osc: Option<String>,
    command: Option<Vec<String>>,
    preview: Option<bool>,
    dnd: Option<bool>,
    calls_in_dnd: Option<bool>,
    ring: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ui {
    ascii: Option<bool>,
    color: Option<bool>,
    theme: Option<String>,
    links: Option<String>,
    meter_hz: Option<u8>,
}

impl Config {
    /// Reads the file at `path`, or the one in the configuration directory, which need not be there.
    ///
    /// # Errors
    /// As [`check::check`] tells it: every mistake with file, line and column; or what to do where there is no file.
    pub fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let Source { shown, text } = Source::read(path)?;
        let text = text.unwrap_or_default();
        Self::parse(&text).map_err(|why| match check::told(&shown, &text) {
            told if told.is_empty() => why.context(format!("reading {shown}")),
            told => anyhow!(
                "the configuration has mistakes, as tincan config check names them:\n{}",
                told.join("\n")
            ),
        })
    }

    /// Whether tones say what happens; without a word about it they do in the linear mode alone.
    pub fn wants_earcons(&self, linear: bool) -> bool {
        self.earcons == Wish::On || self.earcons == Wish::Auto && linear
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// A sentence with line and key.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text).map_err(|why| {
            let line = why.span().map_or(1, |span| line_of(text, span.start));
            anyhow!("line {line}: {}", why.message())
        })?;
        let at = |key: &str| format!("line {}: {key}", line_of_key(text, key));
        let server = file.server.map(|server| {
            Address::parse(&server)
                .ok_or_else(|| anyhow!("{}: {server:?} is not HOST or HOST:PORT", at("server")))
        });
        let name = file.name.map(|name| Name::parse(&name).with_context(|| at("name")));
        let wish = |key: &str, said: Option<String>| match said {
            None => Ok(Wish::Auto),
            Some(said) => {
                Wish::parse(&said).ok_or_else(|| anyhow!("{}: {said:?} is not auto, on or off", at(key)))
            }
        };
        let processing = Wishes {
            echo: wish("echo_cancel", file.voice.echo_cancel)?,
            noise: wish("noise_suppression", file.voice.noise_suppression)?,
            gain: wish("gain_control", file.voice.gain_control)?,
        };
        let delay = file.voice.delay.map(|word| {
            DelayMode::parse(&word)
                .ok_or_else(|| anyhow!("{}: {word:?} is not ordinary, low or path", at("delay")))
        });
        let frame = file.voice.frame.map(|ms| {
            FrameDuration::from_ms(ms).ok_or_else(|| anyhow!("{}: {ms} is not 5, 10 or 20", at("frame")))
        });
        let transmit = file.voice.transmit.map(|word| {
            Transmit::parse(&word).ok_or_else(|| anyhow!("{}: {word:?} is not open or ptt", at("transmit")))
        });
        let talk_key = file.voice.talk_key.map(|word| {
            TalkKey::parse(&word)
                .ok_or_else(|| anyhow!("{}: {word:?} is not auto, hold or latch", at("talk_key")))
        });
        if let Some(hz) = file.ui.meter_hz.filter(|hz| *hz > METER_HZ_MAX) {
            anyhow::bail!("{}: {hz} is not 0 to {METER_HZ_MAX}", at("meter_hz"));
        }
        let theme = file.ui.theme.map(|word| {
            Theme::parse(&word)
                .ok_or_else(|| anyhow!("{}: {word:?} is not default, contrast or mono", at("theme")))
        });
        let ring = wish("ring", file.notify.ring.clone())?;
        let notify = Notify { ring, ..file.notify.read().with_context(|| at("osc"))? };
        Ok(Self {
            transmit: transmit.transpose()?.unwrap_or_default(),
            earcons: wish("earcons", file.voice.earcons)?,
            talk_key: talk_key.transpose()?.unwrap_or_default(),
            notify,
            theme: theme.transpose()?.unwrap_or_default(),
            meter_hz: file.ui.meter_hz,
            links: wish("links", file.ui.links)?,
            delay: delay.transpose()?,
            frame: frame.transpose()?,
            dtx: file.voice.dtx.unwrap_or(false),
            server: server.transpose()?,
            name: name.transpose()?,
            device: file.device,
            microphone: file.microphone,
            speaker: file.speaker,
            ring_device: file.ring_device.filter(|name| !name.trim().is_empty()),
            processing,
            recordings: file.recordings.map(at_home),
            ascii: file.ui.ascii.unwrap_or(false),
            color: file.ui.color.unwrap_or(true),
            keys: keys::read(text)?,
        })
    }
}

impl Notices {
    fn read(self) -> anyhow::Result<Notify> {
        let usual = Notify::default();
        let osc = self.osc.map(|word| {
            OscWish::parse(&word).ok_or_else(|| anyhow!("{word:?} is not auto, 9, 99, 777 or none"))
        });
        Ok(Notify {
            bell: self.bell.unwrap_or(usual.bell),
            osc: osc.transpose()?.unwrap_or_default(),
            command: self.command.unwrap_or_default(),
            preview: self.preview.unwrap_or(usual.preview),
            dnd: self.dnd.unwrap_or(usual.dnd),
            calls_in_dnd: self.calls_in_dnd.unwrap_or(usual.calls_in_dnd),
            ring: usual.ring,
        })
    }
}

/// More often than this no frame is drawn.
const METER_HZ_MAX: u8 = 30;

/// As a shell reads it: `~/` is the home directory.
fn at_home(path: String) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        (Some(_) | None, _) => PathBuf::from(path),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1)
}

fn line_of_key(text: &str, key: &str) -> usize {
    let at = text.lines().position(|line| line.trim_start().starts_with(key));
    at.map_or(1, |line| line + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::emulator::Osc;

    fn wrong(text: &str) -> String {
        format!("{:#}", Config::parse(text).unwrap_err())
    }

    #[test]
    fn nothing_said_is_the_default() {
        assert_eq!(Config::parse("").unwrap(), Config { color: true, ..Config::default() });
    }

    #[test]
    fn all_keys_are_read() {
        let text = "server = \"h:7\"\nname = \"bob\"\ndevice = \"null\"\nring_device = \"Loud\"\nrecordings = \"/r\"\n[ui]\nascii = true\ncolor = false\nmeter_hz = 4\n";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.server.unwrap().to_string(), "h:7");
        assert_eq!((config.name.unwrap().as_str(), config.device.as_deref()), ("bob", Some("null")));
        assert_eq!(config.ring_device.as_deref(), Some("Loud"));
        assert!(config.ascii && !config.color && config.meter_hz == Some(4));
        let voice = Config::parse("[voice]\ndelay = \"path\"\nframe = 20\n").unwrap();
        assert_eq!((voice.delay, voice.frame), (Some(DelayMode::ByPath), Some(FrameDuration::Ms20)));
        assert!(!voice.dtx && Config::parse("[voice]\ndtx = true\n").unwrap().dtx);
        assert_eq!(config.recordings, Some("/r".into()));
        let home = std::env::home_dir().unwrap();
        assert_eq!(Config::parse("recordings = \"~/r\"").unwrap().recordings, Some(home.join("r")));
    }

    #[test]
    fn the_processing_of_the_voice_is_automatic_unless_said_otherwise() {
        let text = "[voice]\necho_cancel = \"off\"\ngain_control = \"on\"\n";
        let wishes = Wishes { echo: Wish::Off, noise: Wish::Auto, gain: Wish::On };
        assert_eq!(Config::parse(text).unwrap().processing, wishes);
        let maybe = "[voice]\nnoise_suppression = \"maybe\"\n";
        assert_eq!(wrong(maybe), "line 2: noise_suppression: \"maybe\" is not auto, on or off");
    }

    #[test]
    fn what_is_told_outside_and_when_the_microphone_is_open() {
        let usual = Config::parse("").unwrap();
        assert!(usual.notify.bell && usual.notify.osc == OscWish::Auto && usual.transmit == Transmit::Open);
        let text = "[voice]\ntransmit = \"ptt\"\ntalk_key = \"latch\"\n[notify]\nbell = false\nosc = \"777\"\n\
            command = [\"a\", \"b c\"]\npreview = true\ndnd = true\ncalls_in_dnd = true\nring = \"off\"\n";
        let config = Config::parse(text).unwrap();
        assert_eq!((config.transmit, config.talk_key), (Transmit::Ptt, TalkKey::Latch));
        let notify = Notify {
            bell: false,
            osc: OscWish::Is(Osc::SevenSevenSeven),
            command: vec!["a".into(), "b c".into()],
            preview: true,
            dnd: true,
            calls_in_dnd: true,
            ring: Wish::Off,
        };
        assert_eq!(config.notify, notify);
        assert_eq!(wrong("\n[notify]\nosc = \"8\""), "line 3: osc: \"8\" is not auto, 9, 99, 777 or none");
        assert_eq!(wrong("[voice]\ntransmit = \"vox\""), "line 2: transmit: \"vox\" is not open or ptt");
        assert!(wrong("[voice]\ntalk_key = \"x\"").contains("auto, hold or latch"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let said = wrong("name = \"bob\"\nnick = \"b\"\n");
        assert!(said.contains("line 2") && said.contains("nick"), "{said}");
        let said = wrong("\n\n[ui]\ncolour = true\n");
        assert!(said.contains("line 4") && said.contains("colour"), "{said}");
        let said = wrong("\nname = \"b b\"\n");
        assert!(said.contains("line 2") && said.contains("only letters"), "{said}");
        let said = wrong("[voice]\ndelay = \"none\"");
        assert!(said.contains("line 2") && said.contains("ordinary, low or path"), "{said}");
        let said = wrong("[voice]\nframe = 40");
        assert!(said.contains("line 2") && said.contains("5, 10 or 20"), "{said}");
        let said = wrong("[ui]\nmeter_hz = 31");
        assert!(said.contains("line 2") && said.contains("0 to 30"), "{said}");
        let said = wrong("server = \"a/b\"");
        assert!(said.contains("line 1"), "{said}");
        assert!(wrong("name = ").contains("line 1"));
    }
}
