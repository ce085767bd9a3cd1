//! Seed A's payloads: names, lists, addresses and call ids as text (seeds, "Seed A as it is on the wire").
//!
//! Lists are joined by `;`. 100 and 206 end with one, 209 does not; readers take both and skip empty items. A
//! member is `name:address`, split at the first `:` so that an IPv6 literal survives. An address must be a literal:
//! nothing else may reach whoever shows or dials it.

use core::net::IpAddr;

use crate::id::{CallId, Name};
use crate::limits::{CONTACTS_MAX, MEMBERS_MAX};
use crate::wire::reader::Malformed;
use crate::wire::reply::Party;

pub(super) fn write_name(name: &Name, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_str().as_bytes());
}

pub(super) fn read_name(payload: &[u8]) -> Result<Name, Malformed> {
    core::str::from_utf8(payload)
        .ok()
        .and_then(|text| Name::parse(text).ok())
        .ok_or(Malformed { field: "name" })
}

/// 005 may name oneself or nobody.
pub(super) fn read_name_or_none(payload: &[u8]) -> Result<Option<Name>, Malformed> {
    if payload.is_empty() { Ok(None) } else { read_name(payload).map(Some) }
}

pub(super) fn write_names(names: &[Name], out: &mut Vec<u8>) {
    for name in names {
        write_name(name, out);
        out.push(b';');
    }
}

/// The callees of 100.
pub(super) fn read_callees(payload: &[u8]) -> Result<Vec<Name>, Malformed> {
    read_items(payload, MEMBERS_MAX, read_name)
}

/// The contact list of 206.
pub(super) fn read_contacts(payload: &[u8]) -> Result<Vec<Name>, Malformed> {
    read_items(payload, CONTACTS_MAX, read_name)
}

/// 101, 102 and 103: 32 hex digits, or nothing for the ringing or current call.
pub(super) fn write_call(call: Option<CallId>, out: &mut Vec<u8>) {
    if let Some(call) = call {
        out.extend_from_slice(call.hex().as_bytes());
    }
}

pub(super) fn read_call(payload: &[u8]) -> Result<Option<CallId>, Malformed> {
    if payload.is_empty() {
        return Ok(None);
    }
    CallId::from_hex(payload).map(Some).ok_or(Malformed { field: "call_id" })
}

pub(super) fn write_party(party: &Party, out: &mut Vec<u8>) {
    write_name(&party.name, out);
    out.push(b':');
    out.extend_from_slice(party.address.as_bytes());
}

pub(super) fn read_party(payload: &[u8]) -> Result<Party, Malformed> {
    let colon = payload.iter().position(|b| *b == b':').ok_or(Malformed { field: "address" })?;
    Ok(Party { name: read_name(&payload[..colon])?, address: read_address(&payload[colon + 1..])? })
}

pub(super) fn write_parties(parties: &[Party], out: &mut Vec<u8>) {
    for (n, party) in parties.iter().enumerate() {
        if n > 0 {
            out.push(b';');
        }
        write_party(party, out);
    }
}

pub(super) fn read_parties(payload: &[u8]) -> Result<Vec<Party>, Malformed> {
    read_items(payload, MEMBERS_MAX, read_party)
}

/// 200 may carry the client's address or nothing.
pub(super) fn read_address_or_none(payload: &[u8]) -> Result<String, Malformed> {
    if payload.is_empty() { Ok(String::new()) } else { read_address(payload) }
}

/// Frames that carry nothing.
pub(super) const fn read_nothing(payload: &[u8]) -> Result<(), Malformed> {
    if payload.is_empty() { Ok(()) } else { Err(Malformed { field: "size" }) }
}

fn read_address(payload: &[u8]) -> Result<String, Malformed> {
    let text = core::str::from_utf8(payload).ok().filter(|t| t.parse::<IpAddr>().is_ok());
    text.map(str::to_owned).ok_or(Malformed { field: "address" })
}

fn read_items<T>(
    payload: &[u8],
    items_max: usize,
    read: fn(&[u8]) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let mut items = Vec::new();
    for item in payload.split(|b| *b == b';').filter(|item| !item.is_empty()) {
        if items.len() == items_max {
            return Err(Malformed { field: "list" });
        }
        items.push(read(item)?);
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn lists_read_with_and_without_the_last_semicolon() {
        let both = vec![name("bob"), name("carol")];
        for text in ["bob;carol;", "bob;carol", ";bob;;carol;"] {
            assert_eq!(read_callees(text.as_bytes()), Ok(both.clone()));
        }
        let mut out = Vec::new();
        write_names(&both, &mut out);
        assert_eq!(out, b"bob;carol;");
    }

    #[test]
    fn an_ipv6_literal_survives_the_colon() {
        let party = Party { name: name("bob"), address: "2001:db8::1".into() };
        let mut out = Vec::new();
        write_parties(&[party.clone(), party.clone()], &mut out);
        assert_eq!(out, b"bob:2001:db8::1;bob:2001:db8::1");
        assert_eq!(read_parties(&out), Ok(vec![party.clone(), party]));
    }

    #[test]
    fn an_address_is_a_literal_and_nothing_else() {
        for text in ["bob", "bob:", "bob:example.org", "bob:\u{1b}[2J", ":1.2.3.4", "b b:1.2.3.4"] {
            assert!(read_party(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn lists_end() {
        assert!(read_callees("a;".repeat(MEMBERS_MAX).as_bytes()).is_ok());
        assert_eq!(read_callees("a;".repeat(MEMBERS_MAX + 1).as_bytes()), Err(Malformed { field: "list" }));
    }

    #[test]
    fn a_call_is_32_hex_digits_or_none() {
        assert_eq!(read_call(b""), Ok(None));
        assert_eq!(read_call("0a".repeat(16).as_bytes()), Ok(Some(CallId([10; 16]))));
        for text in ["0a", "alice", "zz0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"] {
            assert_eq!(read_call(text.as_bytes()), Err(Malformed { field: "call_id" }));
        }
    }
}
