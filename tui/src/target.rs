//! Where to go: what a person typed after `tincan`, an invite or an address.

use std::fmt;

use proto::id::Fingerprint;
use proto::invite::{BadInvite, Invite, PORT, split_address};

/// A server's host and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// A DNS name or address literal, without brackets, lower case.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Address {
    /// Reads `HOST`, `HOST:PORT`, `[V6]`, `[V6]:PORT`; no port means 8462.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = split_address(text)?;
        Some(Self { host: host.to_ascii_lowercase(), port: port.unwrap_or(PORT) })
    }

    /// A name for a directory: the same for the same server, and harmless in a path.
    pub fn file_name(&self) -> String {
        format!("{}_{}", self.host.replace(':', "-"), self.port)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{open}{}{close}:{}", self.host, self.port)
    }
}

/// What is spoken with a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// tincan's own, encrypted
    #[default]
    Native,
    /// The plain binary protocol (port 9999)
    Binary,
    /// The plain text protocol (port 2000)
    Text,
}

impl Protocol {
    /// The port of who named none.
    pub fn port(self) -> u16 {
        match self {
            Self::Native => PORT,
            Self::Binary => 9999,
            Self::Text => 2000,
        }
    }
}

/// A server, and what an invite says beside its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where.
    pub address: Address,
    /// The port was named, and not taken for granted.
    pub port_named: bool,
    /// The key it must show.
    pub expect: Option<Fingerprint>,
    /// The same as a person named it, with `--pin`: it replaces what was pinned before.
    pub pin: Option<Fingerprint>,
    /// What admits.
    pub token: Option<[u8; 16]>,
}

/// What was typed is neither an invite nor an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadTarget {
    /// It looks like an invite.
    Invite(BadInvite),
    /// It does not.
    Address,
}

impl fmt::Display for BadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invite(why) => why.fmt(f),
            Self::Address => f.write_str("say HOST, HOST:PORT or a whole invite, tincan://..."),
        }
    }
}

impl std::error::Error for BadTarget {}

impl Target {
    /// Reads an invite or an address.
    ///
    /// # Errors
    /// [`BadTarget`], a sentence.
    pub fn parse(text: &str) -> Result<Self, BadTarget> {
        if text.trim().contains("://") {
            return Invite::parse(text).map(Self::from).map_err(BadTarget::Invite);
        }
        let (_, port) = split_address(text.trim()).ok_or(BadTarget::Address)?;
        let address = Address::parse(text.trim()).ok_or(BadTarget::Address)?;
        Ok(Self { address, port_named: port.is_some(), expect: None, pin: None, token: None })
    }

    /// The same server as one of `protocol`, at its port unless one was named.
    #[must_use]
    pub fn speaking(mut self, protocol: Protocol) -> Self {
        if !self.port_named {
            self.address.port = protocol.port();
        }
        self
    }
}

impl From<Invite> for Target {
    fn from(invite: Invite) -> Self {
        let address = Address { host: invite.host.to_ascii_lowercase(), port: invite.port };
        Self { address, port_named: true, expect: Some(invite.server), pin: None, token: invite.token }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_they_are_read() {
        for (typed, shown) in [
            ("Voice.Example.org", "voice.example.org:8462"),
            ("127.0.0.1:9", "127.0.0.1:9"),
            ("::1", "[::1]:8462"),
            ("[2001:db8::1]:70", "[2001:db8::1]:70"),
        ] {
            let address = Target::parse(typed).unwrap().address;
            assert_eq!(address.to_string(), shown);
            assert_eq!(Address::parse(shown), Some(address.clone()));
            assert!(!address.file_name().contains(['/', ':', '[']), "{}", address.file_name());
        }
        assert_eq!(Target::parse("a b"), Err(BadTarget::Address));
        assert_eq!(Target::parse("../x"), Err(BadTarget::Address));
    }

    #[test]
    fn each_protocol_has_its_port() {
        let at = |typed: &str, protocol| Target::parse(typed).unwrap().speaking(protocol).address.port;
        assert_eq!((at("host", Protocol::Native), at("host:9", Protocol::Native)), (PORT, 9));
        assert_eq!((at("host", Protocol::Binary), at("host:8462", Protocol::Binary)), (9999, 8462));
        assert_eq!((at("::1", Protocol::Text), at("[::1]:7", Protocol::Text)), (2000, 7));
    }

    #[test]
    fn an_invite_says_more() {
        let key = Fingerprint([9; 32]).openssh().replace('+', "-").replace('/', "_");
        let target = Target::parse(&format!("tincan://host:7/AAAAAAAAAAAAAAAAAAAAAA/bob#{key}\n")).unwrap();
        assert_eq!(target.address.to_string(), "host:7");
        assert_eq!((target.expect, target.token), (Some(Fingerprint([9; 32])), Some([0; 16])));
        assert_eq!(Target::parse("tincan://host:7/"), Err(BadTarget::Invite(BadInvite::Fingerprint)));
        assert_eq!(Target::parse("https://host"), Err(BadTarget::Invite(BadInvite::Scheme)));
    }
}
