//! What the operator decides: a file in TOML, flags above it, defaults below. Everything is checked here, once.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::hub::{self, Doorway};
use proto::invite::{PORT, split_address};
use proto::limits::{self, Bucket, DISK_FREE_BYTES_MIN, PLAIN_BINARY_PORT, PLAIN_TEXT_PORT};
use serde::Deserialize;

/// Everything that is decided before the server starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where keys, store and invite are.
    pub data: PathBuf,
    /// TCP and UDP. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Host and port that invites name; the port defaults to the one listened on.
    pub public: Option<(String, Option<u16>)>,
    /// Seed A as it is, TCP, with its voice on UDP 8085 of the same address; none: not spoken.
    pub plain_binary: Option<SocketAddr>,
    /// Seed B as it is, TCP; none: not spoken.
    pub plain_text: Option<SocketAddr>,
    /// Who may make an account.
    pub registration: Registration,
    /// Whether the echo friend lives here.
    pub echo: bool,
    /// How much is logged.
    pub log: Level,
    /// Bytes of the disk below which nothing new is taken; no setting, but tests cannot fill a disk.
    pub keep_free: u64,
    /// Bounds of the hub.
    pub limits: hub::Limits,
    /// Bounds of the doors.
    pub doorway: Doorway,
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Whoever holds an invite.
    Invite,
    /// Everybody.
    Open,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What stops the server.
    Error,
    /// What the operator should look at.
    Warn,
    /// Start, end, and what was asked for by signal.
    Info,
    /// Every connection.
    Debug,
    /// Everything.
    Trace,
}

impl Config {
    /// The defaults, with everything kept in `data`.
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            listen: SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), PORT),
            public: None,
            plain_binary: None,
            plain_text: None,
            registration: Registration::Invite,
            echo: true,
            log: Level::Info,
            keep_free: DISK_FREE_BYTES_MIN,
            limits: hub::Limits::default(),
            doorway: Doorway::default(),
        }
    }

    /// Applies what the text of a configuration file says.
    ///
    /// # Errors
    /// Which line is wrong, and why.
    pub fn apply(&mut self, text: &str) -> Result<(), Wrong> {
        let file: File = toml::from_str(text).map_err(|error| Wrong::of_toml(&error, text))?;
        let keyed = |key: &'static str| move |why: String| Wrong { line: line_of(text, key), why };
        if let Some(data) = file.data {
            self.data = data;
        }
        if let Some(listen) = file.listen {
            self.listen = parse_listen(&listen).map_err(keyed("listen"))?;
        }
        if let Some(public) = file.public {
            self.public = Some(parse_public(&public).map_err(keyed("public"))?);
        }
        if let Some(addr) = file.plain_binary {
            self.plain_binary = Some(parse_plain_binary(&addr).map_err(keyed("plain_binary"))?);
        }
        if let Some(addr) = file.plain_text {
            self.plain_text = Some(parse_plain_text(&addr).map_err(keyed("plain_text"))?);
        }
        self.registration = file.registration.unwrap_or(self.registration);
        self.echo = file.echo.unwrap_or(self.echo);
        self.log = file.log.unwrap_or(self.log);
        file.limits.apply(self).map_err(|(key, why)| keyed(key)(why))
    }
}

/// What is wrong with a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Counted from 1; none when it is about the whole.
    pub line: Option<usize>,
    /// For people.
    pub why: String,
}

impl Wrong {
    fn of_toml(error: &toml::de::Error, text: &str) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        Self { line, why: error.message().trim_end().replace('\n', "; ") }
    }

    /// With the file's name in front, as compilers write it.
    pub fn in_file(&self, file: &Path) -> String {
        match self.line {
            Some(line) => format!("{}:{line}: {}", file.display(), self.why),
            None => format!("{}: {}", file.display(), self.why),
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// `ADDR:PORT`, `ADDR`, or `:PORT` for every address of the machine.
///
/// # Errors
/// A sentence for people.
pub fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    parse_address(text, PORT, "0.0.0.0")
}

/// Where to speak seed A: as [`parse_listen`], with its own port.
///
/// # Errors
/// A sentence for people.
pub fn parse_plain_binary(text: &str) -> Result<SocketAddr, String> {
    parse_address(text, PLAIN_BINARY_PORT, "127.0.0.1")
}

/// Where to speak seed B: as [`parse_listen`], with its own port.
///
/// # Errors
/// A sentence for people.
pub fn parse_plain_text(text: &str) -> Result<SocketAddr, String> {
    parse_address(text, PLAIN_TEXT_PORT, "127.0.0.1")
}

fn parse_address(text: &str, port: u16, example: &str) -> Result<SocketAddr, String> {
    let everywhere = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    if let Some(port) = text.strip_prefix(':').and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::new(everywhere, port));
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let whole = text.parse().ok().or_else(|| Some(SocketAddr::new(bare.parse().ok()?, port)));
    whole.ok_or_else(|| format!("{text:?} is no address to listen on: say ADDR:PORT, as in {example}:{port}"))
}

/// `HOST` or `HOST:PORT`.
///
/// # Errors
/// A sentence for people.
pub fn parse_public(text: &str) -> Result<(String, Option<u16>), String> {
    split_address(text).ok_or_else(|| {
        format!("{text:?} is no public address: say HOST or HOST:PORT, as in voice.example.org")
    })
}

/// The file as written: everything may be left out, nothing unknown may be in it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: Option<PathBuf>,
    listen: Option<String>,
    public: Option<String>,
    plain_binary: Option<String>,
    plain_text: Option<String>,
    registration: Option<Registration>,
    echo: Option<bool>,
    log: Option<Level>,
    #[serde(default)]
    limits: FileLimits,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLimits {
    connections: Option<usize>,
    strangers: Option<usize>,
    strangers_per_prefix: Option<usize>,
    plain_per_prefix: Option<usize>,
    connects_per_prefix: Option<FileBucket>,
    login_seconds: Option<u64>,
    accounts: Option<usize>,
    calls: Option<usize>,
    contact_requests: Option<FileBucket>,
    requests: Option<FileBucket>,
    mail: Option<FileBucket>,
    call_starts: Option<FileBucket>,
    registrations: Option<FileBucket>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileBucket {
    burst: u32,
    per_second: u32,
}

type Refusal = (&'static str, String);

impl FileLimits {
    fn apply(&self, config: &mut Config) -> Result<(), Refusal> {
        let (doorway, hub) = (&mut config.doorway, &mut config.limits);
        count(&mut doorway.connections, self.connections, "connections", CONNECTIONS_CEILING)?;
        count(&mut doorway.strangers, self.strangers, "strangers", CONNECTIONS_CEILING)?;
        let key = "strangers_per_prefix";
        count(&mut doorway.strangers_per_prefix, self.strangers_per_prefix, key, CONNECTIONS_CEILING)?;
        let key = "plain_per_prefix";
        count(&mut doorway.plain_per_prefix, self.plain_per_prefix, key, CONNECTIONS_CEILING)?;
        count(&mut hub.accounts, self.accounts, "accounts", ACCOUNTS_CEILING)?;
        count(&mut hub.calls, self.calls, "calls", limits::RELAY_ROOMS_MAX)?;
        bucket(&mut doorway.connects, self.connects_per_prefix, "connects_per_prefix")?;
        bucket(&mut hub.requests, self.requests, "requests")?;
        bucket(&mut hub.asks, self.contact_requests, "contact_requests")?;
        bucket(&mut hub.mail, self.mail, "mail")?;
        bucket(&mut hub.call_starts, self.call_starts, "call_starts")?;
        bucket(&mut hub.registrations, self.registrations, "registrations")?;
        if let Some(seconds) = self.login_seconds {
            if !(1..=LOGIN_SECONDS_CEILING).contains(&seconds) {
                return Err(("login_seconds", format!("login_seconds is 1 to {LOGIN_SECONDS_CEILING}")));
            }
            hub.login_time = Duration::from_secs(seconds);
        }
        if doorway.strangers >= doorway.connections {
            let why = "strangers must be fewer than connections, or nobody who is logged in has room";
            return Err((if self.strangers.is_some() { "strangers" } else { "connections" }, why.into()));
        }
        Ok(())
    }
}

fn count(value: &mut usize, wanted: Option<usize>, key: &'static str, ceiling: usize) -> Result<(), Refusal> {
    let Some(wanted) = wanted else { return Ok(()) };
    if !(1..=ceiling).contains(&wanted) {
        return Err((key, format!("{key} is 1 to {ceiling}")));
    }
    *value = wanted;
    Ok(())
}

fn bucket(value: &mut Bucket, wanted: Option<FileBucket>, key: &'static str) -> Result<(), Refusal> {
    let Some(FileBucket { burst, per_second }) = wanted else { return Ok(()) };
    if burst == 0 || per_second == 0 {
        return Err((key, format!("{key} needs a burst and a per_second of at least 1")));
    }
    *value = Bucket { burst, per_second };
    Ok(())
}

/// The line on which `key` is set, for faults that TOML itself does not see.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let sets = |line: &str| {
        line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    text.lines().position(sets).map(|index| index + 1)
}

/// As many descriptors as are ever asked for.
const CONNECTIONS_CEILING: usize = 65_000;
/// As many accounts as one file was ever thought to hold.
const ACCOUNTS_CEILING: usize = 10_000_000;
/// A stranger that may sit longer than this is no stranger but a guest.
const LOGIN_SECONDS_CEILING: u64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(text: &str) -> Result<Config, Wrong> {
        let mut config = Config::new("d".into());
        config.apply(text).map(|()| config)
    }

    #[test]
    fn an_empty_file_changes_nothing() {
        assert_eq!(applied("").unwrap(), Config::new("d".into()));
    }

    #[test]
    fn every_key_arrives() {
        let config = applied(
            r#"
            data = "/srv/tincan"
            listen = "127.0.0.1:9"
            public = "voice.example.org:443"
            plain_binary = "127.0.0.2"
            plain_text = "10.0.0.1:2001"
            registration = "open"
            echo = false
            log = "debug"
            [limits]
            connections = 100
            strangers = 50
            strangers_per_prefix = 40
            plain_per_prefix = 16
            connects_per_prefix = { burst = 1, per_second = 2 }
            login_seconds = 3
            accounts = 13
            calls = 4
            contact_requests = { burst = 14, per_second = 15 }
            requests = { burst = 5, per_second = 6 }
            mail = { burst = 7, per_second = 8 }
            call_starts = { burst = 9, per_second = 10 }
            registrations = { burst = 11, per_second = 12 }
            "#,
        )
        .unwrap();
        let bucket = |burst, per_second| Bucket { burst, per_second };
        let expected = Config {
            data: "/srv/tincan".into(),
            listen: "127.0.0.1:9".parse().unwrap(),
            public: Some(("voice.example.org".into(), Some(443))),
            plain_binary: Some("127.0.0.2:9999".parse().unwrap()),
            plain_text: Some("10.0.0.1:2001".parse().unwrap()),
            registration: Registration::Open,
            echo: false,
            log: Level::Debug,
            keep_free: DISK_FREE_BYTES_MIN,
            limits: hub::Limits {
                login_time: Duration::from_secs(3),
                accounts: 13,
                calls: 4,
                asks: bucket(14, 15),
                requests: bucket(5, 6),
                mail: bucket(7, 8),
                call_starts: bucket(9, 10),
                registrations: bucket(11, 12),
            },
            doorway: Doorway {
                connections: 100,
                strangers: 50,
                strangers_per_prefix: 40,
                plain_per_prefix: 16,
                connects: bucket(1, 2),
            },
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn mistakes_are_told_by_line() {
        let cases = [
            ("echo = true\nlitsen = \"x\"\n", 2, "litsen"),
            ("[limits]\nstrangers = 1\nfoo = 3", 3, "foo"),
            ("listen = \"here\"", 1, "ADDR:PORT"),
            ("\n\npublic = \"a b\"", 3, "HOST"),
            ("registration = \"closed\"", 1, "invite"),
            ("echo = true\nplain_binary = \"lan\"", 2, "127.0.0.1:9999"),
            ("plain_text = true", 1, "string"),
            ("[limits]\nlogin_seconds = 0", 2, "1 to 300"),
            ("[limits]\n\nconnections = 10", 3, "fewer"),
            ("[limits]\nmail = { burst = 0, per_second = 1 }", 2, "at least 1"),
            ("echo = maybe", 1, ""),
        ];
        for (text, line, word) in cases {
            let wrong = applied(text).unwrap_err();
            assert_eq!(wrong.line, Some(line), "{text}: {wrong:?}");
            assert!(wrong.why.contains(word), "{text}: {wrong:?}");
            assert!(wrong.in_file(Path::new("t.toml")).starts_with(&format!("t.toml:{line}: ")));
        }
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let listen = |text: &str| parse_listen(text).map(|a| a.to_string());
        assert_eq!(listen("0.0.0.0:1").as_deref(), Ok("0.0.0.0:1"));
        assert_eq!(listen(":7").as_deref(), Ok("[::]:7"));
        assert_eq!(listen("[::1]").as_deref(), Ok("[::1]:8462"));
        assert_eq!(listen("::1").as_deref(), Ok("[::1]:8462"));
        assert_eq!(listen("10.0.0.1").as_deref(), Ok("10.0.0.1:8462"));
        assert!(listen("localhost:1").is_err());
        let plain =
            |text: &str| [parse_plain_binary(text), parse_plain_text(text)].map(|a| a.unwrap().to_string());
        assert_eq!(plain("192.168.1.2"), ["192.168.1.2:9999", "192.168.1.2:2000"]);
        assert_eq!(plain(":7"), ["[::]:7", "[::]:7"]);
        assert_eq!(parse_public("[::1]:5"), Ok(("::1".into(), Some(5))));
    }
}
