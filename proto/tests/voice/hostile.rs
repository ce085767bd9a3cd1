//! What no member sent: each is named, nothing is changed by it, and what waits has bounded room.

use super::*;

#[test]
fn bad_packets_are_named() {
    let mut net = Net::new(3);
    in_call(&mut net);
    let genuine = net.last_to(BOB);
    assert_eq!(net.inject(BOB, net.relay_addr(), &genuine), Some(Drop::Replay));
    let mut forged = net.fresh_for(BOB);
    let at = forged.len() - 1;
    forged[at] ^= 1;
    assert_eq!(net.inject(BOB, net.relay_addr(), &forged), Some(Drop::Forged));
    forged[at] ^= 1;
    assert_eq!(net.inject(BOB, "203.0.113.9:1".parse().unwrap(), &forged), Some(Drop::Stranger));
    assert_eq!(net.inject(BOB, net.relay_addr(), &forged), None, "a forgery did not use up the real one");
    assert_eq!(net.inject(BOB, net.relay_addr(), &[7; 40]), Some(Drop::Malformed));
    assert_eq!(net.inject(BOB, net.relay_addr(), &[0x80; 1_201]), Some(Drop::Oversized));
    assert_eq!(
        net.inject(ALICE, net.relay_addr(), &forged),
        Some(Drop::Impostor),
        "our own stream comes back"
    );
    net.command(BOB, CallCommand::Close(CALL));
    assert_eq!(net.inject(BOB, net.relay_addr(), &forged), Some(Drop::NoCall));
}

#[test]
fn strangers_packets_wait_in_bounded_room() {
    let mut net = Net::new(3);
    in_call(&mut net);
    let relay = net.relay_addr();
    let packet = net.fresh_for(BOB);
    let mut reasons = Vec::new();
    for ssrc in 0..6u32 {
        for _ in 0..10 {
            let mut packet = packet.clone();
            packet[8..12].copy_from_slice(&(1_000 + ssrc).to_be_bytes());
            reasons.extend(net.inject(BOB, relay, &packet));
        }
    }
    assert_eq!(reasons.iter().filter(|reason| **reason == Drop::NoKey).count(), 4 * 2);
    assert_eq!(reasons.iter().filter(|reason| **reason == Drop::Full).count(), 2 * 10);
}

/// Bytes as a broken or hostile relay would send them.
fn junk() -> impl Strategy<Value = Vec<u8>> {
    let like_voice = prop::collection::vec(any::<u8>(), 12..80).prop_map(|mut bytes| {
        let (payload, ssrc) = (96 + bytes[1] % 2, 0xa0 + u32::from(bytes[11] % 4));
        bytes[..2].copy_from_slice(&[0x80, payload]);
        bytes[8..12].copy_from_slice(&ssrc.to_be_bytes());
        bytes
    });
    let like_bind =
        (0xc0..=0xc3u8, prop::collection::vec(any::<u8>(), 13..97)).prop_map(|(code, mut bytes)| {
            bytes[0] = code;
            bytes
        });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..1_300), like_voice, like_bind]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn junk_changes_nothing(junk in prop::collection::vec(junk(), 1..60)) {
        let mut net = Net::new(3);
        let relay = net.relay_addr();
        net.bind_both();
        for bytes in &junk {
            net.inject(BOB, relay, bytes);
        }
        net.accept();
        for bytes in &junk {
            net.inject(BOB, relay, bytes);
        }
        net.talk(Duration::from_secs(1));
        assert!(net.ends.iter().all(|end| end.heard && end.played.len() >= 48));
        assert!(net.ends.iter().all(|end| end.events.len() == 3), "bound, key, heard: {:?}", net.ends[BOB].events);
    }
}
