//! Our codes' payloads: one CBOR item (RFC 8949) each, whose records are in [`crate::wire::record`].
//!
//! Before a record is read, the whole payload is walked once: definite lengths only, maps with unsigned keys of
//! which none repeats, no list or map of more than [`LIST_ITEMS_MAX`] items, no nesting beyond [`CBOR_DEPTH_MAX`],
//! nothing after the item. What is unknown is skipped, but only within these bounds.

use std::collections::BTreeSet;

use minicbor::{Decode, Decoder, Encode};

use crate::limits::{CBOR_DEPTH_MAX, LIST_ITEMS_MAX};
use crate::wire::reader::{Malformed, Reader};
use crate::wire::record::Why;

/// Appends the record.
pub fn write_record<T: Encode<()>>(record: &T, out: &mut Vec<u8>) {
    minicbor::encode(record, out).expect("a vector takes every byte");
}

/// Reads one record that fills `payload`; `field` names it in what is said when it cannot be read.
///
/// # Errors
/// The payload breaks a bound above, or is not such a record.
pub fn read_record<'b, T: Decode<'b, ()>>(payload: &'b [u8], field: &'static str) -> Result<T, Malformed> {
    let mut reader = Reader::new(payload);
    walk(&mut reader, CBOR_DEPTH_MAX)?;
    reader.end("cbor tail")?;
    minicbor::decode(payload).map_err(|_| Malformed { field })
}

/// A reason as this version knows it: a later one's reads as [`Why::Other`].
pub(super) fn read_why<'b, C>(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Why, minicbor::decode::Error> {
    let mut ahead = d.clone();
    let known = Why::decode(&mut ahead, ctx);
    d.u32()?;
    Ok(known.unwrap_or(Why::Other))
}

/// Walks one item (RFC 8949 section 3).
fn walk(reader: &mut Reader<'_>, depth: usize) -> Result<(), Malformed> {
    let (major, argument) = head(reader)?;
    match major {
        UNSIGNED | NEGATIVE | SIMPLE => Ok(()),
        BYTES | TEXT => reader.take(length(argument)?, "cbor string").map(|_| ()),
        ARRAY => {
            let depth = deeper(depth)?;
            (0..items(argument)?).try_for_each(|_| walk(reader, depth))
        }
        MAP => walk_map(reader, items(argument)?, deeper(depth)?),
        _ => walk(reader, deeper(depth)?), // a tag, and what it is about
    }
}

fn walk_map(reader: &mut Reader<'_>, items: usize, depth: usize) -> Result<(), Malformed> {
    let mut keys = BTreeSet::new();
    for _ in 0..items {
        let (UNSIGNED, key) = head(reader)? else {
            return Err(Malformed { field: "cbor key" });
        };
        if !keys.insert(key) {
            return Err(Malformed { field: "cbor repeated key" });
        }
        walk(reader, depth)?;
    }
    Ok(())
}

/// Major type and argument. Indefinite lengths and reserved forms are not ours.
fn head(reader: &mut Reader<'_>) -> Result<(u8, u64), Malformed> {
    const FIELD: &str = "cbor head";
    let first = reader.u8(FIELD)?;
    let argument = match first & 0x1f {
        n @ 0..=23 => u64::from(n),
        24 => u64::from(reader.u8(FIELD)?),
        25 => u64::from(reader.u16(FIELD)?),
        26 => u64::from(reader.u32(FIELD)?),
        27 => reader.u64(FIELD)?,
        _ => return Err(Malformed { field: FIELD }),
    };
    Ok((first >> 5, argument))
}

fn length(argument: u64) -> Result<usize, Malformed> {
    usize::try_from(argument).map_err(|_| Malformed { field: "cbor string" })
}

fn items(argument: u64) -> Result<usize, Malformed> {
    let count = usize::try_from(argument).unwrap_or(usize::MAX);
    if count <= LIST_ITEMS_MAX { Ok(count) } else { Err(Malformed { field: "cbor list" }) }
}

fn deeper(depth: usize) -> Result<usize, Malformed> {
    depth.checked_sub(1).ok_or(Malformed { field: "cbor depth" })
}

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::record::{Goaway, Hello, MailFate, Refused};
    use data_encoding::HEXLOWER_PERMISSIVE;
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER_PERMISSIVE.decode(text.replace(' ', "").as_bytes()).unwrap()
    }

    fn goaway(text: &str) -> Result<u32, &'static str> {
        read_record::<Goaway>(&hex(text), "goaway").map(|g| g.retry_ms).map_err(|e| e.field)
    }

    #[test]
    fn unknown_keys_are_skipped_wherever_they_stand() {
        assert_eq!(goaway("a1 00 05"), Ok(5));
        assert_eq!(goaway("a2 00 05 18 63 81 a1 01 f6"), Ok(5));
        assert_eq!(goaway("a2 09 c1 01 00 05"), Ok(5));
        assert_eq!(goaway("a0"), Err("goaway"));
    }

    #[test]
    fn each_bound_has_its_refusal() {
        assert_eq!(goaway("a2 00 05 00 06"), Err("cbor repeated key"));
        assert_eq!(goaway("a2 00 05 1800 06"), Err("cbor repeated key"));
        assert_eq!(goaway("a1 00 05 00"), Err("cbor tail"));
        assert_eq!(goaway("bf 00 05 ff"), Err("cbor head"));
        assert_eq!(goaway("a2 00 05 01 9f ff"), Err("cbor head"));
        assert_eq!(goaway("a2 00 05 61 61 01"), Err("cbor key"));
        assert_eq!(goaway("a2 00 05 01 99 0101"), Err("cbor list"));
        assert_eq!(goaway("a2 00 05 01 9b ffffffffffffffff"), Err("cbor list"));
        assert_eq!(goaway("a2 00 05 01 81 81 81 81 81 81 81 00"), Err("cbor depth"));
        assert_eq!(goaway("a2 00 05 01 5b ffffffffffffffff"), Err("cbor string"));
        assert_eq!(goaway(""), Err("cbor head"));
        assert_eq!(goaway(&"c1".repeat(60_000)), Err("cbor depth"));
    }

    #[test]
    fn later_reasons_read_as_other_but_later_kinds_do_not_read() {
        let refused = read_record::<Refused>(&hex("a3 00 07 01 18 c8 02 60"), "refused").unwrap();
        assert_eq!((refused.re, refused.why), (7, Why::Other));
        let refused = read_record::<Refused>(&hex("a3 00 07 01 06 02 60"), "refused").unwrap();
        assert_eq!(refused.why, Why::NameTaken);
        assert!(read_record::<Refused>(&hex("a3 00 07 01 60 02 60"), "refused").is_err());
        assert!(read_record::<MailFate>(&hex("18 c8"), "fate").is_err());
    }

    #[test]
    fn text_must_be_text() {
        assert!(read_record::<Hello>(&hex("a2 00 81 01 01 61 ff"), "hello").is_err());
    }

    proptest! {
        #[test]
        fn junk_never_panics(junk in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_record::<Hello>(&junk, "hello").is_err();
        }
    }
}
