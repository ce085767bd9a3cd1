//! HMAC-SHA256 (RFC 2104) for what admits to the relay: tickets, binds and cookies (native.md section 6).

use core::net::{IpAddr, SocketAddr};

use aws_lc_rs::{constant_time, digest, hmac};

use crate::id::{CallId, Name, RelayId, Ssrc};

/// The ticket of one member of one room until `expiry` (seconds since 1970):
/// `HMAC(relay key, relay_id u64 || ssrc u32 || expiry u32)`, integers big-endian.
pub fn ticket(relay_key: &[u8; 32], relay: RelayId, ssrc: Ssrc, expiry: u32) -> [u8; 32] {
    let mut message = [0; 16];
    message[..8].copy_from_slice(&relay.0.to_be_bytes());
    message[8..12].copy_from_slice(&ssrc.0.to_be_bytes());
    message[12..].copy_from_slice(&expiry.to_be_bytes());
    hmac_sha256(relay_key, &message)
}

/// The last 32 bytes of a BIND or BIND2: `HMAC(ticket, all before)`.
pub fn bind_mac(ticket: &[u8; 32], all_before: &[u8]) -> [u8; 32] {
    hmac_sha256(ticket, all_before)
}

/// What a COOKIE carries: `HMAC(secret, address || port || relay_id || ssrc || minute)`, cut to 16 bytes. The
/// address is 4 bytes or 16, so the lengths keep the two families apart.
pub fn cookie(secret: &[u8; 32], from: SocketAddr, relay: RelayId, ssrc: Ssrc, minute: u64) -> [u8; 16] {
    let mut message = [0; 38];
    let mut len = 0;
    let mut put = |bytes: &[u8]| {
        message[len..len + bytes.len()].copy_from_slice(bytes);
        len += bytes.len();
    };
    match from.ip() {
        IpAddr::V4(ip) => put(&ip.octets()),
        IpAddr::V6(ip) => put(&ip.octets()),
    }
    put(&from.port().to_be_bytes());
    put(&relay.0.to_be_bytes());
    put(&ssrc.0.to_be_bytes());
    put(&minute.to_be_bytes());
    let mut out = [0; 16];
    out.copy_from_slice(&hmac_sha256(secret, &message[..len])[..16]);
    out
}

/// HMAC-SHA256.
pub fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    let mut out = [0; 32];
    out.copy_from_slice(tag.as_ref());
    out
}

/// Whether two MACs or hashes are equal, in a time that tells only their lengths.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// The room of a call: the first 8 bytes of SHA-256 of the call id, big-endian, so that a ticket names one call.
pub fn relay_id(call: CallId) -> RelayId {
    first_of(&call.0)
}

/// The same of a call that is not encrypted: of `"tincan-plain-v1\0"` and the call id, so that a ticket also says what
/// kind of call it is for.
pub fn plain_relay_id(call: CallId) -> RelayId {
    let mut bytes = *b"tincan-plain-v1\0________________";
    bytes[PLAIN_LABEL..].copy_from_slice(&call.0);
    first_of(&bytes)
}

const PLAIN_LABEL: usize = 16;

/// The stream of whoever has this name in a call that is not encrypted: the first 4 bytes, big-endian, of SHA-256 of
/// `"tincan-stream-v1\0"` and the name in lower case. A plain client, which is told names and addresses only, finds by
/// it who speaks.
pub fn named_stream(name: &Name) -> Ssrc {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(b"tincan-stream-v1\0");
    hash.update(name.folded().as_bytes());
    let mut first = [0; 4];
    first.copy_from_slice(&hash.finish().as_ref()[..4]);
    Ssrc(u32::from_be_bytes(first).max(1))
}

fn first_of(bytes: &[u8]) -> RelayId {
    let hash = digest::digest(&digest::SHA256, bytes);
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_ref()[..8]);
    RelayId(u64::from_be_bytes(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    #[test]
    fn hmac_is_the_one_of_rfc_4231() {
        // Test case 1: the key is 20 bytes of 0x0b; HMAC pads keys with zeros, so 32 bytes with 12 zeros is the same.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let tag = HEXLOWER.encode(&hmac_sha256(&key, b"Hi There"));
        assert_eq!(tag, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    }

    #[test]
    fn a_ticket_is_for_one_member_of_one_room_until_one_time() {
        let (key, relay, ssrc) = ([1; 32], RelayId(2), Ssrc(3));
        let good = ticket(&key, relay, ssrc, 4);
        assert_eq!(good, ticket(&key, relay, ssrc, 4));
        let others = [
            ticket(&[9; 32], relay, ssrc, 4),
            ticket(&key, RelayId(9), ssrc, 4),
            ticket(&key, relay, Ssrc(9), 4),
            ticket(&key, relay, ssrc, 9),
        ];
        assert!(others.iter().all(|other| !equal(other, &good)));
    }

    #[test]
    fn a_cookie_is_for_one_source_and_minute() {
        let cookie_for =
            |from: &str, minute| cookie(&[1; 32], from.parse().unwrap(), RelayId(2), Ssrc(3), minute);
        let good = cookie_for("192.0.2.1:5000", 7);
        assert_eq!(good, cookie_for("192.0.2.1:5000", 7));
        for (from, minute) in
            [("192.0.2.2:5000", 7), ("192.0.2.1:5001", 7), ("192.0.2.1:5000", 8), ("[::1]:5000", 7)]
        {
            assert!(!equal(&good, &cookie_for(from, minute)));
        }
    }

    #[test]
    fn a_prefix_is_not_equal() {
        assert!(equal(b"same", b"same"));
        assert!(!equal(b"same", b"sam"));
    }

    #[test]
    fn a_room_is_named_after_its_call() {
        assert_eq!(relay_id(CallId([0; 16])).0, 0x374708fff7719dd5);
        assert_eq!(plain_relay_id(CallId([0; 16])).0, 0xbfcfab64f248873f);
    }
}
