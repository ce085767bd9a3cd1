//! The question "from where do you hear me?" and its answer: the Binding of STUN (RFC 8489), as far as whoever looks at
//! a network needs it. The first byte is 0, which nothing else on the relay's port begins with.
//!
//! Nothing is proved by it and nothing is kept. A question that is shorter than its answer would be is no question, so
//! that a forged source gains nothing; [`Question::encode`] pads.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::time::Wall;
use crate::wire::datagram::Inline;

/// Bytes of our question, and of the longest answer.
pub const STUN_BYTES_MAX: usize = 56;

/// A datagram of it.
pub type Stun = Inline<STUN_BYTES_MAX>;

/// A Binding request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Chosen at random; the answer repeats it.
    pub id: [u8; 12],
}

/// A Binding success response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Of the question.
    pub id: [u8; 12],
    /// Where the question came from: XOR-MAPPED-ADDRESS.
    pub source: SocketAddr,
    /// The server's clock, in an attribute of our own that others pass over; none from other servers.
    pub time: Option<Wall>,
}

impl Question {
    /// As it is sent: padded with a SOFTWARE attribute to the length of the longest answer.
    pub fn encode(&self) -> Stun {
        let built = Stun::build(|out| {
            let length = STUN_BYTES_MAX - HEADER_BYTES;
            header(out, REQUEST, length, &self.id);
            attribute(&mut out[HEADER_BYTES..], SOFTWARE, SOFTWARE_WORDS);
            Some(STUN_BYTES_MAX)
        });
        built.expect("it has exactly that length")
    }

    /// None for what is no question, asks for more than we know, or is shorter than an answer to `source` would be.
    pub fn decode(bytes: &[u8], source: SocketAddr) -> Option<Self> {
        let (kind, id, attributes) = message(bytes)?;
        let long_enough = bytes.len() >= answer_bytes(source);
        let understood = Attributes(attributes).all(|(kind, _)| kind >= OPTIONAL);
        (kind == REQUEST && long_enough && understood).then_some(Self { id })
    }
}

impl Answer {
    /// As it is sent; never longer than what it answers.
    pub fn encode(&self) -> Stun {
        let whole = answer_bytes(self.source);
        let built = Stun::build(|out| {
            header(out, SUCCESS, whole - HEADER_BYTES, &self.id);
            let mut value = [0; 20];
            let mask = mask(&self.id);
            value[1] = if self.source.is_ipv4() { 1 } else { 2 };
            value[2..4].copy_from_slice(&(self.source.port() ^ PORT_MASK).to_be_bytes());
            let length = match self.source.ip() {
                IpAddr::V4(ip) => {
                    xor(&mut value[4..8], &ip.octets(), &mask);
                    8
                }
                IpAddr::V6(ip) => {
                    xor(&mut value[4..20], &ip.octets(), &mask);
                    20
                }
            };
            attribute(&mut out[HEADER_BYTES..], XOR_MAPPED_ADDRESS, &value[..length]);
            let time = self.time.unwrap_or(Wall(0)).0.to_be_bytes();
            attribute(&mut out[HEADER_BYTES + 4 + length..], SERVER_TIME, &time);
            Some(whole)
        });
        built.expect("it has room for an answer to either family")
    }

    /// None for what is no answer with an address.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, id, attributes) = message(bytes)?;
        if kind != SUCCESS {
            return None;
        }
        let of =
            |wanted: u16| Attributes(attributes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
        let (source, mask) = (of(XOR_MAPPED_ADDRESS)?, mask(&id));
        let port = u16::from_be_bytes(source.get(2..4)?.try_into().ok()?) ^ PORT_MASK;
        let ip = match (source.get(1)?, source.len()) {
            (1, 8) => {
                let mut octets = [0; 4];
                xor(&mut octets, &source[4..], &mask);
                IpAddr::V4(Ipv4Addr::from(octets))
            }
            (2, 20) => {
                let mut octets = [0; 16];
                xor(&mut octets, &source[4..], &mask);
                IpAddr::V6(Ipv6Addr::from(octets))
            }
            _ => return None,
        };
        let time = of(SERVER_TIME).and_then(|value| Some(Wall(u64::from_be_bytes(value.try_into().ok()?))));
        Some(Self { id, source: SocketAddr::new(ip, port), time })
    }
}

fn answer_bytes(source: SocketAddr) -> usize {
    if source.is_ipv4() { HEADER_BYTES + 12 + 12 } else { HEADER_BYTES + 24 + 12 }
}

fn header(out: &mut [u8], kind: u16, length: usize, id: &[u8; 12]) {
    let length = u16::try_from(length).expect("all lengths here are below 100");
    out[..2].copy_from_slice(&kind.to_be_bytes());
    out[2..4].copy_from_slice(&length.to_be_bytes());
    out[4..8].copy_from_slice(&MAGIC);
    out[8..20].copy_from_slice(id);
}

/// Values here are multiples of four long, which need no padding.
fn attribute(out: &mut [u8], kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).expect("all lengths here are below 100");
    out[..2].copy_from_slice(&kind.to_be_bytes());
    out[2..4].copy_from_slice(&length.to_be_bytes());
    out[4..4 + value.len()].copy_from_slice(value);
}

/// Type, id and attributes of a message whose header is right.
fn message(bytes: &[u8]) -> Option<(u16, [u8; 12], &[u8])> {
    let (head, attributes) = bytes.split_at_checked(HEADER_BYTES)?;
    let kind = u16::from_be_bytes([head[0], head[1]]);
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let right = head[4..8] == MAGIC && length == attributes.len() && length.is_multiple_of(4);
    right.then(|| (kind, head[8..20].try_into().expect("it is cut to twelve"), attributes))
}

/// Types and values, until one is cut short.
struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, rest) = self.0.split_at_checked(4)?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = rest.get(..length)?;
        self.0 = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_be_bytes([head[0], head[1]]), value))
    }
}

/// What addresses are hidden under, so that translators that rewrite addresses in payloads do not find them.
fn mask(id: &[u8; 12]) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC);
    mask[4..].copy_from_slice(id);
    mask
}

fn xor(out: &mut [u8], bytes: &[u8], mask: &[u8; 16]) {
    for (out, (byte, mask)) in out.iter_mut().zip(bytes.iter().zip(mask)) {
        *out = byte ^ mask;
    }
}

const HEADER_BYTES: usize = 20;
const REQUEST: u16 = 0x0001;
const SUCCESS: u16 = 0x0101;
const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const PORT_MASK: u16 = 0x2112;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const SOFTWARE: u16 = 0x8022;
/// In the range of those that may be passed over.
const SERVER_TIME: u16 = 0xc074;
const OPTIONAL: u16 = 0x8000;
const SOFTWARE_WORDS: &[u8; 32] = b"tincan asks where it is heard   ";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: [u8; 12] = *b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae";

    /// The response of RFC 5769 section 2.2, without what a shared secret adds to it.
    #[test]
    fn the_address_is_hidden_as_the_standard_hides_it() {
        let source: SocketAddr = "192.0.2.1:32853".parse().unwrap();
        let bytes = Answer { id: ID, source, time: None }.encode();
        let mapped = [0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
        assert_eq!(bytes[20..32], mapped);
        let source: SocketAddr = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap();
        let bytes = Answer { id: ID, source, time: None }.encode();
        let mapped =
            [0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9];
        assert_eq!(bytes[28..44], mapped);
    }

    #[test]
    fn a_short_question_and_one_that_asks_for_more_are_none() {
        let near: SocketAddr = "192.0.2.1:1".parse().unwrap();
        let question = Question { id: ID };
        assert_eq!(Question::decode(&question.encode(), near), Some(question));
        let mut bare = question.encode().to_vec();
        bare.truncate(20);
        bare[2..4].copy_from_slice(&[0, 0]);
        assert_eq!(Question::decode(&bare, near), None, "its answer would be longer");
        let mut more = question.encode().to_vec();
        more[20..22].copy_from_slice(&[0x00, 0x03]);
        assert_eq!(Question::decode(&more, near), None, "CHANGE-REQUEST is not ours to obey");
        assert_eq!(Question::decode(&Answer { id: ID, source: near, time: None }.encode(), near), None);
    }

    proptest! {
        #[test]
        fn answers_come_back_as_they_were_and_are_no_longer_than_questions(
            id: [u8; 12], ip: IpAddr, port: u16, time: u64,
        ) {
            let answer = Answer { id, source: SocketAddr::new(ip, port), time: Some(Wall(time)) };
            let bytes = answer.encode();
            let question = Question { id }.encode();
            prop_assert!(bytes.len() <= question.len());
            prop_assert_eq!(Answer::decode(&bytes), Some(answer));
        }

        #[test]
        fn anything_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..80), ip: IpAddr) {
            let mut bytes = bytes;
            if bytes.len() >= 8 {
                bytes[..2].copy_from_slice(&[0, 1]);
                bytes[4..8].copy_from_slice(&MAGIC);
            }
            let source = SocketAddr::new(ip, 9);
            if Question::decode(&bytes, source).is_some() {
                prop_assert!(bytes.len() >= answer_bytes(source));
            }
            let _ = Answer::decode(&bytes);
        }
    }
}
