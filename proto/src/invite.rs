//! An invite: one link that says where a server is, which key it holds, and what admits.
//!
//! ```text
//! tincan://HOST:PORT/TOKEN/NAME#SHA256:FP
//! ```
//!
//! Safe unquoted in a shell (native.md section 3). TOKEN and NAME may be absent together, or NAME alone: a server's
//! own invite has no name. TOKEN and FP are base64url without padding, of 16 and 32 bytes. An IPv6 address stands
//! in brackets. The link verifies the server, not the friend.

use core::fmt;
use core::str::FromStr;

use data_encoding::BASE64URL_NOPAD;

use crate::id::{Fingerprint, Name};

/// The native port: t-i-n-c on a telephone keypad.
pub const PORT: u16 = 8462;
/// Characters of a host in a link: a DNS name has at most 253.
const HOST_CHARS_MAX: usize = 253;
const SCHEME: &str = "tincan://";

/// What a `tincan://` link says.
#[derive(Clone, PartialEq, Eq)]
pub struct Invite {
    /// A DNS name or address literal, without brackets.
    pub host: String,
    /// TCP and UDP port.
    pub port: u16,
    /// What admits, and who it makes a contact of.
    pub token: Option<[u8; 16]>,
    /// Who invites.
    pub name: Option<Name>,
    /// The server's key.
    pub server: Fingerprint,
}

impl Invite {
    /// Reads a link. White space around it, as a paste brings it, does not matter; no port means [`PORT`].
    ///
    /// # Errors
    /// [`BadInvite`], which says in a sentence what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BadInvite> {
        let rest = text.trim().strip_prefix(SCHEME).ok_or(BadInvite::Scheme)?;
        let (front, key) = rest.split_once('#').ok_or(BadInvite::Fingerprint)?;
        let server = key.strip_prefix("SHA256:").and_then(decode).ok_or(BadInvite::Fingerprint)?;
        let mut parts = front.split('/');
        let (host, port) = split_address(parts.next().unwrap_or_default()).ok_or(BadInvite::Address)?;
        let token = match parts.next().filter(|t| !t.is_empty()) {
            Some(token) => Some(decode(token).ok_or(BadInvite::Token)?),
            None => None,
        };
        let name = match parts.next().filter(|n| !n.is_empty()) {
            Some(name) => Some(Name::parse(name).map_err(|_| BadInvite::Name)?),
            None => None,
        };
        if parts.next().is_some() || name.is_some() && token.is_none() {
            return Err(BadInvite::Token);
        }
        Ok(Self { host, port: port.unwrap_or(PORT), token, name, server: Fingerprint(server) })
    }
}

/// Splits `HOST`, `HOST:PORT`, `[V6]`, `[V6]:PORT`; a bare IPv6 address is a host. `None` when it is none of them.
pub fn split_address(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<core::net::Ipv6Addr>().ok()?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None if text.parse::<core::net::Ipv6Addr>().is_ok() => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(digits) => Some(digits.parse().ok().filter(|&p| p != 0)?),
        None => None,
    };
    is_host(host).then(|| (host.to_owned(), port))
}

/// What servers and clients remember of a token: SHA-256 of its 16 bytes.
pub fn token_hash(token: &[u8; 16]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token).as_ref());
    hash
}

fn is_host(text: &str) -> bool {
    let literal = text.parse::<core::net::Ipv6Addr>().is_ok();
    let name = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    !text.is_empty() && text.len() <= HOST_CHARS_MAX && !text.starts_with('-') && (literal || name)
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v6 = self.host.contains(':');
        let (open, close) = if v6 { ("[", "]") } else { ("", "") };
        write!(f, "{SCHEME}{open}{}{close}:{}/", self.host, self.port)?;
        if let Some(token) = &self.token {
            f.write_str(&BASE64URL_NOPAD.encode(token))?;
            if let Some(name) = &self.name {
                write!(f, "/{name}")?;
            }
        }
        write!(f, "#SHA256:{}", BASE64URL_NOPAD.encode(&self.server.0))
    }
}

/// The token admits: it stays out of logs.
impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invite")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("name", &self.name)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl FromStr for Invite {
    type Err = BadInvite;

    fn from_str(s: &str) -> Result<Self, BadInvite> {
        Self::parse(s)
    }
}

/// What is wrong with an invite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadInvite {
    /// It does not start with `tincan://`.
    Scheme,
    /// No host, or a port that is no number.
    Address,
    /// The token is cut off or mistyped.
    Token,
    /// What stands in the name's place is no name.
    Name,
    /// The server's fingerprint is missing, cut off or mistyped.
    Fingerprint,
}

impl fmt::Display for BadInvite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "an invite starts with tincan://",
            Self::Address => "the invite names no server: copy the whole line",
            Self::Token => "the invite's token is cut off or mistyped: copy the whole line",
            Self::Name => "the invite's name is not a name: copy the whole line",
            Self::Fingerprint => "the invite's end, #SHA256:..., is cut off or mistyped: copy the whole line",
        })
    }
}

impl core::error::Error for BadInvite {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link(host: &str, token: bool, name: Option<&str>) -> Invite {
        Invite {
            host: host.into(),
            port: 8462,
            token: token.then_some([0xfb; 16]),
            name: name.map(|n| Name::parse(n).unwrap()),
            server: Fingerprint([0xff; 32]),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for invite in [
            link("voice.example.org", true, Some("alice")),
            link("127.0.0.1", true, None),
            link("2001:db8::1", false, None),
        ] {
            let text = invite.to_string();
            assert_eq!(Invite::parse(&format!("  {text}\n")).as_ref(), Ok(&invite), "{text}");
            let harmless = |b: u8| b.is_ascii_alphanumeric() || b":/#[]._-".contains(&b);
            assert!(text.bytes().all(harmless), "a shell would take {text} apart");
        }
    }

    #[test]
    fn a_missing_port_is_ours() {
        let text = link("h", true, None).to_string().replace(":8462", "");
        assert_eq!(Invite::parse(&text).unwrap().port, PORT);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = link("h", true, Some("alice")).to_string();
        let cases = [
            (good.replace("tincan", "http"), BadInvite::Scheme),
            (good[..good.len() - 1].to_owned(), BadInvite::Fingerprint),
            (good.split_once('#').unwrap().0.to_owned(), BadInvite::Fingerprint),
            (good.replace("/-_v7", "/-_v"), BadInvite::Token),
            (good.replace("alice", "al$ce"), BadInvite::Name),
            (good.replace("alice", "alice/bob"), BadInvite::Token),
            (good.replace("h:8462", ":8462"), BadInvite::Address),
            (good.replace("h:8462", "h:70000"), BadInvite::Address),
            (good.replace("h:8462", "h h:1"), BadInvite::Address),
        ];
        for (text, wrong) in cases {
            assert_eq!(Invite::parse(&text), Err(wrong), "{text}");
        }
    }

    #[test]
    fn addresses_are_split_as_people_write_them() {
        let split = |text: &str| split_address(text).map(|(h, p)| format!("{h} {p:?}"));
        assert_eq!(split("h:1").as_deref(), Some("h Some(1)"));
        assert_eq!(split("::1").as_deref(), Some("::1 None"));
        assert_eq!(split("[::1]:7").as_deref(), Some("::1 Some(7)"));
        for wrong in ["", ":1", "h:", "h:0", "[::1", "[h]:1", "[::1]x", "a/b", "-o:1", "h:1:2"] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_pasted_breaks_it(text in "(tincan://)?[ -~é]{0,80}(#SHA256:)?[ -~]{0,50}") {
            if let Ok(invite) = Invite::parse(&text) {
                prop_assert_eq!(Invite::parse(&invite.to_string()), Ok(invite));
            }
        }
    }
}
