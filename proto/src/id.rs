//! Newtypes for everything that names something: parsed once at the door, trusted afterwards.

use core::fmt;
use core::str::FromStr;

use data_encoding::{BASE64_NOPAD, HEXLOWER};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::limits::NAME_CHARS_MAX;

/// A user's name: `[A-Za-z0-9_-]{1,32}` with at least one letter (`DESIGN` section 4, seeds A17 and B12). Compared
/// without case; shown as written.
#[derive(Clone)]
pub struct Name(Box<str>);

impl Name {
    /// Reads a name, or says in a sentence what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        if text.is_empty() {
            return Err(BadName::Empty);
        }
        if text.len() > NAME_CHARS_MAX {
            return Err(BadName::Long);
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            return Err(BadName::Character);
        }
        if !text.bytes().any(|b| b.is_ascii_alphabetic()) {
            return Err(BadName::NoLetter);
        }
        Ok(Self(text.into()))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is compared and stored as a key: lower case.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(s: &str) -> Result<Self, BadName> {
        Self::parse(s)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        let fold = |name: &Self| name.0.bytes().map(|b| b.to_ascii_lowercase()).collect::<Vec<_>>();
        fold(self).cmp(&fold(other))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl<C> Encode<C> for Name {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Name {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::parse(d.str()?).map_err(|_| minicbor::decode::Error::message("name"))
    }
}

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadName {
    /// Nothing there.
    Empty,
    /// More than [`NAME_CHARS_MAX`] characters.
    Long,
    /// Something other than a letter, a digit, `_` or `-`.
    Character,
    /// No letter at all.
    NoLetter,
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a name cannot be empty",
            Self::Long => "a name has at most 32 characters",
            Self::Character => "a name has only letters, digits, _ and -",
            Self::NoLetter => "a name needs at least one letter",
        })
    }
}

impl core::error::Error for BadName {}

/// A fixed number of bytes under a name of its own, a CBOR byte string on the wire.
macro_rules! bytes_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({}..)", stringify!($name), HEXLOWER.encode(&self.0[..4]))
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
                ByteArray::<$len>::decode(d, ctx).map(|b| Self(b.into()))
            }
        }
    };
}

bytes_id!(
    /// SHA-256 of a public key: an account key's OpenSSH blob, or a server key's 44-byte SPKI (native.md section 1).
    Fingerprint, 32
);
bytes_id!(
    /// First 16 bytes of SHA-256(device Ed25519 || device Curve25519) (native.md section 1).
    DeviceId, 16
);
bytes_id!(
    /// A call, named by the hub (native.md section 5).
    CallId, 16
);
bytes_id!(
    /// A message, named by its sender, the same on every retry.
    MsgId, 16
);

impl Fingerprint {
    /// As OpenSSH prints it: `SHA256:` and 43 characters of base64.
    pub fn openssh(&self) -> String {
        format!("SHA256:{}", BASE64_NOPAD.encode(&self.0))
    }

    /// Reads what OpenSSH prints, or the end of an invite, whose base64 is the one that URLs allow.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("SHA256:")?.replace('-', "+").replace('_', "/");
        BASE64_NOPAD.decode(digits.as_bytes()).ok()?.try_into().ok().map(Self)
    }
}

impl CallId {
    /// The 32 hex digits that 101, 102 and 103 carry.
    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// Reads 32 hex digits.
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        data_encoding::HEXLOWER_PERMISSIVE.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl MsgId {
    /// 32 hex digits, as headless events print them.
    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

/// Who somebody is. Names are labels; this is the identity that contacts, messages and calls hang on
/// (security.md section 2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// The holder of an account key.
    Key(Fingerprint),
    /// Somebody on a plain door, known only by the name leased while connected.
    Guest(Name),
}

impl<C> Encode<C> for Principal {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match self {
            Self::Key(fp) => e.bytes(&fp.0)?.ok(),
            Self::Guest(name) => e.str(name.as_str())?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Principal {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.datatype()? == minicbor::data::Type::String {
            return Name::decode(d, ctx).map(Self::Guest);
        }
        Fingerprint::decode(d, ctx).map(Self::Key)
    }
}

/// A connection of one shell, never reused within its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// A relay room: one call on one relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayId(pub u64);

/// The RTP synchronisation source of one member of one call, given by the hub (RFC 3550 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ssrc(pub u32);

macro_rules! number_id {
    ($name:ident, $num:ty, $write:ident, $read:ident) => {
        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.$write(self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                d.$read().map(Self)
            }
        }
    };
}

number_id!(RelayId, u64, u64, u64);
number_id!(Ssrc, u32, u32, u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_both_seeds_accept() {
        assert!(Name::parse("alice").is_ok() && Name::parse("a-1_B").is_ok());
        assert_eq!(Name::parse(""), Err(BadName::Empty));
        assert_eq!(Name::parse("1234"), Err(BadName::NoLetter));
        assert_eq!(Name::parse("a b"), Err(BadName::Character));
        assert_eq!(Name::parse("a'"), Err(BadName::Character));
        assert_eq!(Name::parse("é"), Err(BadName::Character));
        assert_eq!(Name::parse(&"a".repeat(33)), Err(BadName::Long));
    }

    #[test]
    fn case_does_not_make_another_person() {
        let (a, b) = (Name::parse("Alice").unwrap(), Name::parse("aLICE").unwrap());
        assert_eq!(a, b);
        assert_eq!(a.cmp(&b), core::cmp::Ordering::Equal);
        assert_eq!(a.to_string(), "Alice");
    }

    #[test]
    fn fingerprints_are_read_as_printed() {
        let key = Fingerprint([0xfb; 32]);
        assert_eq!(Fingerprint::parse(&key.openssh()), Some(key));
        assert_eq!(Fingerprint::parse(&key.openssh().replace('+', "-").replace('/', "_")), Some(key));
        assert_eq!(Fingerprint::parse("SHA256:AAAA"), None);
        assert_eq!(Fingerprint::parse("MD5:AAAA"), None);
    }

    #[test]
    fn principals_survive_the_wire() {
        for who in [Principal::Key(Fingerprint([3; 32])), Principal::Guest(Name::parse("bob").unwrap())] {
            let bytes = minicbor::to_vec(&who).unwrap();
            assert_eq!(minicbor::decode::<Principal>(&bytes).unwrap(), who);
        }
    }
}
