//! What a front end for people begins with and is told, in the words of its model: the same for the screen and for
//! the linear mode.

use jiff::tz::TimeZone;
use proto::Safe;
use proto::client::MessageState;
use proto::id::Name;
use proto::limits::TEXT_BYTES_MAX;
use proto::media::processing::Wish;
use proto::wire::record::Why;

use super::{Session, Told};
use crate::app::chat::{From as Author, Line, Sent};
use crate::app::emulator::Emulator;
use crate::app::keymap::Keymap;
use crate::app::model::{Look, over_ssh};
use crate::app::notify::Notify;
use crate::app::preferences::Preferences;
use crate::app::transmit::{TalkKey, Transmit};
use crate::app::{Msg, Settings};
use crate::store::{ChatLine, Fate};
use crate::target::{Address, Protocol};

impl Session {
    /// What the model is to know from the start. `name` is proposed where nobody knows us; none proposes what the
    /// system calls its user.
    pub fn settings(&self, look: Look, name: Option<&Name>) -> Settings {
        let variable = |name: &str| std::env::var(name).ok();
        let system = || variable("USER").or_else(|| variable("LOGNAME")).or_else(home_name);
        let proposed = name.map(Name::to_string).or_else(system);
        Settings {
            server: Safe::line(&shown(self.address(), self.protocol())),
            plain_server: plain(self.protocol()),
            account: self.account(),
            expected: self.expected(),
            proposed: proposed.unwrap_or_default(),
            look,
            zone: TimeZone::system(),
            keys: Keymap::default(),
            preferences: Preferences::default(),
            remote: over_ssh(variable),
            emulator: Emulator::detect(variable),
            transmit: Transmit::Open,
            talk_key: TalkKey::Auto,
            notify: Notify::default(),
            meter_hz: None,
            links: Wish::Auto,
        }
    }

    /// The newest texts of the chat with `who`, oldest first, as the model keeps them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn lines(&self, who: &Name) -> anyhow::Result<Vec<Line>> {
        Ok(self.chat(who)?.into_iter().map(line).collect())
    }
}

impl From<Told> for Msg {
    fn from(told: Told) -> Self {
        match told {
            Told::Client(event) => Self::Client(event),
            Told::Sound(event) => Self::Sound(event),
            Told::Volume(who, percent) => Self::Volume(who, percent),
            Told::Server(key) => Self::Server(key),
            Told::Asked(who, request) => Self::Asked(who, request),
            Told::Trouble(why) => Self::Trouble(Safe::line(&why)),
        }
    }
}

/// Where neither variable is set, as in containers, the home directory is still named after its user.
fn home_name() -> Option<String> {
    let home = std::env::home_dir()?;
    Some(home.file_name()?.to_str()?.to_owned())
}

/// A line of the store as one of the screen.
fn line(stored: ChatLine) -> Line {
    let state = match stored.fate {
        Fate::Waiting => MessageState::Waiting,
        Fate::Delivered => MessageState::Delivered,
        Fate::Failed => MessageState::Failed(Why::Other),
    };
    let from = if stored.mine { Author::Me(Sent { echo: None, state }) } else { Author::Them };
    Line { id: Some(stored.id), when: stored.sent, from, text: Safe::text(&stored.text, TEXT_BYTES_MAX) }
}

/// The server as people write it: the port only when it is not the usual one.
fn shown(address: &Address, protocol: Protocol) -> String {
    let Address { host, port } = address;
    if *port == protocol.port() { host.clone() } else { format!("{host}:{port}") }
}

/// What the title calls a protocol that encrypts nothing.
fn plain(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Native => None,
        Protocol::Binary => Some("binary"),
        Protocol::Text => Some("text"),
    }
}
