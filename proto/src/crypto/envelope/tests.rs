//! Envelopes there and back, and what they tell by their size.

use super::*;
use crate::limits::{CALL_ENVELOPE_BYTES_MAX, GREETING_ENVELOPE_BYTES_MAX};
use proptest::prelude::*;

fn envelope(body: Body) -> Envelope {
    let end = |n| End { account: Fingerprint([n; 32]), device: DeviceId([n; 16]) };
    let heads = Heads { from: [8; 32].into(), to: [9; 32].into() };
    Envelope { msg: MsgId([7; 16]), from: end(1), to: end(2), seq: 3, sent: Wall(4), heads, body }
}

fn bodies() -> impl Strategy<Value = Body> {
    let call = || any::<[u8; 16]>().prop_map(CallId);
    let key = || any::<[u8; 32]>().prop_map(Zeroizing::new);
    let some = || prop::collection::vec(any::<u8>(), 1..=OFFERED_MAX);
    let offer = (call(), some(), some(), any::<[u8; 32]>());
    prop_oneof![
        "(?s).{1,300}".prop_map(Body::Text),
        "(?s).{1,140}".prop_map(Body::Greeting),
        prop::collection::vec(any::<[u8; 16]>().prop_map(MsgId), 1..40).prop_map(Body::Receipt),
        offer.prop_map(|(call, codecs, frames_ms, roster)| {
            Body::Offer(Offer { call, codecs, frames_ms, roster: roster.into() })
        }),
        call().prop_map(Body::Ringing),
        (call(), key(), any::<u8>(), 0..=GENERATION_MAX, 0..=STEP_MAX).prop_map(
            |(call, base_key, codec, generation, step)| Body::Accept {
                call,
                base_key,
                codec,
                generation,
                step
            }
        ),
        (call(), 0..=GENERATION_MAX, 0..=STEP_MAX, key())
            .prop_map(|(call, generation, step, base_key)| Body::Key { call, generation, step, base_key }),
        call().prop_map(Body::Taken),
        call().prop_map(Body::HangUp),
        (call(), any::<[u8; 32]>()).prop_map(|(call, promise)| Body::Promise { call, promise }),
        (call(), any::<[u8; 32]>()).prop_map(|(call, nonce)| Body::Nonce { call, nonce }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(body in bodies()) {
        let said = envelope(body);
        let padded = said.encode().unwrap();
        prop_assert!(PADDING_BUCKETS.contains(&padded.len()));
        prop_assert!(said.body.call().is_none() || padded.len() <= CALL_ENVELOPE_BYTES_MAX / 2);
        prop_assert_eq!(Envelope::decode(&padded), Ok(said));
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Envelope::decode(&bytes);
        bytes.resize(512, 0);
        bytes[..2].copy_from_slice(&[1, 0]);
        let _ = Envelope::decode(&bytes);
    }

    #[test]
    fn a_changed_byte_never_panics(body in bodies(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut padded = envelope(body).encode().unwrap();
        let at = at.index(padded.len());
        padded[at] = with;
        if let Ok(read) = Envelope::decode(&padded) {
            prop_assert!(read.encode().is_ok());
        }
    }
}

#[test]
fn a_long_text_fits_and_a_longer_one_does_not() {
    let padded = envelope(Body::Text("x".repeat(TEXT_BYTES_MAX))).encode().unwrap();
    assert_eq!(padded.len(), 4096);
    let longer = envelope(Body::Text("x".repeat(TEXT_BYTES_MAX + 1)));
    assert_eq!(longer.encode(), Err(EnvelopeError::TooLong));
    assert!(envelope(Body::Text(String::new())).encode().is_err());
}

#[test]
fn a_greeting_has_a_length_of_its_own() {
    let greeting = |chars| envelope(Body::Greeting("\u{1f44b}".repeat(chars)));
    let padded = greeting(GREETING_CHARS_MAX).encode().unwrap();
    assert_eq!(padded.len(), GREETING_ENVELOPE_BYTES_MAX, "the largest, of characters of four bytes");
    assert_eq!(greeting(GREETING_CHARS_MAX + 1).encode(), Err(EnvelopeError::Malformed("body")));
    assert!(greeting(0).encode().is_err());
}

#[test]
fn short_and_shorter_texts_look_the_same() {
    let size = |text: &str| envelope(Body::Text(text.into())).encode().unwrap().len();
    assert_eq!(size("no"), size("yes, of course"));
}

#[test]
fn padding_hides_nothing_else() {
    let mut padded = envelope(Body::Taken(CallId([1; 16]))).encode().unwrap();
    *padded.last_mut().unwrap() = 1;
    assert_eq!(Envelope::decode(&padded), Err(EnvelopeError::Malformed("padding")));
    padded.pop();
    assert_eq!(Envelope::decode(&padded), Err(EnvelopeError::Malformed("padding")));
}

#[test]
fn what_later_versions_add_is_skipped() {
    // {0: call id, 7: "later"}
    let mut newer = vec![0xa2, 0, 0x50];
    newer.extend([5; 16]);
    newer.extend([7, 0x65]);
    newer.extend(b"later");
    assert_eq!(Body::decode(17, &newer), Ok(Body::Ringing(CallId([5; 16]))));
    assert_eq!(Body::decode(99, &newer), Err(EnvelopeError::UnknownKind(99)));
}

#[test]
fn a_later_version_is_told_from_junk() {
    let mut padded = envelope(Body::Taken(CallId([1; 16]))).encode().unwrap();
    assert_eq!(padded[2..5], [0xa9, 0, VERSION]);
    padded[4] = 2;
    assert_eq!(Envelope::decode(&padded), Err(EnvelopeError::UnknownVersion(2)));
}

#[test]
fn keys_and_texts_do_not_reach_a_log() {
    let base_key = Zeroizing::new([0xab; 32]);
    let key = Body::Key { call: CallId([1; 16]), generation: 0, step: 0, base_key };
    assert!(!format!("{key:?}").contains("171"));
    assert!(!format!("{:?}", Body::Text("marker".into())).contains("marker"));
    assert!(!format!("{:?}", Body::Greeting("marker".into())).contains("marker"));
}

#[test]
fn rosters_do_not_depend_on_order() {
    let (a, b) = (Fingerprint([1; 32]), Fingerprint([2; 32]));
    let call = CallId([3; 16]);
    assert_eq!(roster_hash(call, &[a, b]), roster_hash(call, &[b, a, b]));
    assert_ne!(roster_hash(call, &[a, b]), roster_hash(call, &[a]));
}
