//! What two people compare to know that nobody is between them: a number made of both account keys, and short words
//! made of both keys and of two nonces that were promised before they were shown.
//!
//! The number may be compared at any time, on any other way. The words are for a call: 32 bits are enough, because
//! whoever stands between must promise its own nonces to both sides before it knows theirs, and has one try at a time
//! in front of two people ([`crate::compare`] limits the tries). Without the promises 32 bits would be found by trial
//! at once.

use aws_lc_rs::digest::{Context, SHA256, SHA512, digest};

use crate::crypto::envelope::End;
use crate::crypto::wordlist::WORDS;
use crate::id::{CallId, Fingerprint};

/// Digits of a safety number.
pub const NUMBER_DIGITS: usize = 60;
/// Words compared over a call.
pub const WORDS_COMPARED: usize = 4;
/// Hashes in a row for one half of the number: each try to find another key with the same 30 digits costs as many.
const ROUNDS: u32 = 5_200;

/// The safety number of two accounts, the same from both sides: 60 decimal digits, of each account's fingerprint 30,
/// the smaller half first.
///
/// One half: `h = SHA-512("tincan-safety-v1\0" || fingerprint)`, then 5,199 times `h = SHA-512(h || fingerprint)`; the
/// first 30 bytes as six big-endian numbers of five bytes, each modulo 100,000 and written with five digits.
pub fn number(ours: &Fingerprint, theirs: &Fingerprint) -> String {
    let (ours, theirs) = (half(ours), half(theirs));
    if ours <= theirs { ours + &theirs } else { theirs + &ours }
}

fn half(account: &Fingerprint) -> String {
    let mut first = Context::new(&SHA512);
    first.update(b"tincan-safety-v1\0");
    first.update(&account.0);
    let mut hash = first.finish();
    for _ in 1..ROUNDS {
        let mut next = Context::new(&SHA512);
        next.update(hash.as_ref());
        next.update(&account.0);
        hash = next.finish();
    }
    let five = |bytes: &[u8]| bytes.iter().fold(0_u64, |n, byte| n << 8 | u64::from(*byte)) % 100_000;
    hash.as_ref().chunks(5).take(NUMBER_DIGITS / 10).map(|bytes| format!("{:05}", five(bytes))).collect()
}

/// The promise of a nonce from one end to another, in one call:
/// `SHA-256("tincan-words-promise-v1\0" || call || from || to || nonce)`, an end being account and device. It names
/// the direction, so that one's own promise sent back is not one.
pub fn promise(call: CallId, from: &End, to: &End, nonce: &[u8; 32]) -> [u8; 32] {
    let mut bytes = b"tincan-words-promise-v1\0".to_vec();
    bytes.extend_from_slice(&call.0);
    put(&mut bytes, from);
    put(&mut bytes, to);
    bytes.extend_from_slice(nonce);
    sha256(&bytes)
}

/// The words of two ends, the same from both sides: the first bytes of `SHA-256("tincan-words-v1\0" || call || end ||
/// nonce || end || nonce)`, the smaller end first, each byte a word of [`WORDS`].
pub fn words(
    call: CallId,
    one: (&End, &[u8; 32]),
    other: (&End, &[u8; 32]),
) -> [&'static str; WORDS_COMPARED] {
    let (first, second) = if one.0 <= other.0 { (one, other) } else { (other, one) };
    let mut bytes = b"tincan-words-v1\0".to_vec();
    bytes.extend_from_slice(&call.0);
    for (end, nonce) in [first, second] {
        put(&mut bytes, end);
        bytes.extend_from_slice(nonce);
    }
    let hash = sha256(&bytes);
    core::array::from_fn(|at| WORDS[usize::from(hash[at])])
}

fn put(bytes: &mut Vec<u8>, end: &End) {
    bytes.extend_from_slice(&end.account.0);
    bytes.extend_from_slice(&end.device.0);
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::DeviceId;
    use proptest::prelude::*;

    const CALL: CallId = CallId([0xca; 16]);

    fn end(n: u8) -> End {
        End { account: Fingerprint([n; 32]), device: DeviceId([n; 16]) }
    }

    #[test]
    fn a_promise_is_of_one_nonce_one_call_and_one_direction() {
        let (a, b) = (end(1), end(2));
        let kept = promise(CALL, &a, &b, &[7; 32]);
        assert_ne!(kept, promise(CALL, &a, &b, &[8; 32]));
        assert_ne!(kept, promise(CALL, &b, &a, &[7; 32]));
        assert_ne!(kept, promise(CallId([1; 16]), &a, &b, &[7; 32]));
    }

    /// Many keys, so that a digit or a word that cannot come up would be missed.
    #[test]
    fn every_digit_and_word_comes_up() {
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..=u8::MAX {
            seen.extend(words(CALL, (&end(1), &[n; 32]), (&end(2), &[0; 32])));
        }
        assert!(seen.len() > 240, "{}", seen.len());
        let digits: std::collections::BTreeSet<char> = (0..4)
            .flat_map(|n| number(&Fingerprint([n; 32]), &Fingerprint([9; 32])).into_bytes())
            .map(char::from)
            .collect();
        assert_eq!(digits.len(), 10);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn both_sides_get_the_same(a: [u8; 32], b: [u8; 32], other: [u8; 32], x: [u8; 32], y: [u8; 32]) {
            prop_assume!(a != b && other != b && a != other);
            let fp = Fingerprint;
            let shown = number(&fp(a), &fp(b));
            prop_assert_eq!(&shown, &number(&fp(b), &fp(a)));
            prop_assert_eq!(shown.len(), NUMBER_DIGITS);
            prop_assert!(shown.bytes().all(|digit| digit.is_ascii_digit()));
            prop_assert_ne!(&shown, &number(&fp(other), &fp(b)));
            let one = End { account: fp(a), device: DeviceId([1; 16]) };
            let two = End { account: fp(b), device: DeviceId([2; 16]) };
            prop_assert_eq!(words(CALL, (&one, &x), (&two, &y)), words(CALL, (&two, &y), (&one, &x)));
        }
    }
}
