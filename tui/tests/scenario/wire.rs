//! What the relay forwards is no speech. Two real clients call each other with voices from wav files; a tap before
//! the real server copies every datagram. An eavesdropper who knows our formats takes RTP and SFrame headers and the
//! tag away and gives the rest to an Opus decoder.
//!
//! This shows that the voice on the wire is sealed, not that the seal is strong: for that there are the published
//! vectors of SFrame. That the eavesdropper would hear speech sent in the clear is shown beside it, and that the
//! captured packets carried the speech, by the other end having heard it.

use std::collections::{BTreeMap, BTreeSet};

use audio::codec::{Decode as _, Decoder, Encoder, EncoderSettings};
use audio::frame::{FRAME_SAMPLES_MAX, FrameDuration, OpusFrame};
use proto::invite::Invite;
use proto::wire::datagram::{Kind, Payload, RTP_BYTES, Rtp};

use crate::harness::process::{Headless, Server};
use crate::harness::signal::{self, RATE, voice_like};
use crate::harness::{LIKENESS_MIN, Scratch, hearing, my_turn, wait_for};
use crate::tap::{Copied, Tap};

/// Voice packets by sender, each once, in order.
type Voices = BTreeMap<u32, BTreeMap<u16, Vec<u8>>>;

#[test]
fn an_eavesdropper_at_the_relay_hears_nothing() {
    let _turn = my_turn();
    let scratch = Scratch::new("wire");
    let mut server = Server::start(&scratch);
    let (tap, invite) = Tap::before(&Invite::parse(&server.invite).expect("the server prints an invite"));
    server.invite = invite.to_string();
    let said = [voice_like(1, SECONDS), voice_like(2, SECONDS)];
    let mut people = ["alice", "bob"].into_iter().zip(&said).map(|(name, voice)| {
        let (microphone, speaker) =
            (scratch.join(&format!("{name}-in.wav")), scratch.join(&format!("{name}-out.wav")));
        signal::write_wav(&microphone, voice);
        let sound = format!("wav:{},{}", microphone.display(), speaker.display());
        Headless::start(&scratch, name, &server, &sound, &[])
    });
    let (mut alice, mut bob) = (people.next().expect("two people"), people.next().expect("two people"));
    drop(people);
    alice.befriend(&mut bob);
    alice.call(&mut bob);
    let packets = said[0].len() / FrameDuration::default().samples();
    let voices = wait_for("both to have spoken", || {
        let voices = tap.copied(voices);
        (voices.len() == 2 && voices.values().all(|packets_of| packets_of.len() >= packets)).then_some(voices)
    });
    tap.copied(|copied| assert!(copied.datagrams.iter().all(|datagram| Kind::of(datagram).is_some())));
    alice.say("hangup");
    bob.expect("call_ended");
    for person in [alice, bob] {
        assert!(person.quit().success());
    }

    for (name, voice) in ["bob", "alice"].iter().zip(&said) {
        let heard = signal::read_wav(&scratch.join(&format!("{name}-out.wav")));
        assert!(is_in(voice, &heard), "what was captured is not what {name} was told");
        let clear = in_the_clear(voice);
        assert!(is_in(voice, &decoded(&clear)), "an eavesdropper would not even hear plain Opus");
        assert!(first_bytes(&clear) < FIRST_BYTES_MIN, "plain Opus would pass for sealed");
    }
    for packets in voices.values() {
        let sealed: Vec<&[u8]> = packets.values().map(|packet| body(packet)).collect();
        assert!(first_bytes(&sealed) >= FIRST_BYTES_MIN, "the first byte tells of Opus");
        let overheard = decoded(&sealed);
        assert!(said.iter().all(|voice| !is_in(voice, &overheard)), "an eavesdropper hears the speech");
    }
}

fn voices(copied: &Copied) -> Voices {
    let mut voices = Voices::new();
    for datagram in &copied.datagrams {
        if let Some(Rtp { payload: Payload::Voice, seq, ssrc, .. }) = Rtp::decode(datagram) {
            voices.entry(ssrc.0).or_default().insert(seq, datagram.clone());
        }
    }
    voices
}

/// What SFrame sealed: behind its header, whose first byte tells its length (RFC 9605 section 4.3), before the tag.
fn body(packet: &[u8]) -> &[u8] {
    let sframe = &packet[RTP_BYTES..];
    let more = |bits: u8| if bits & 8 == 0 { 0 } else { usize::from(bits & 7) + 1 };
    let header = 1 + more(sframe[0] >> 4) + more(sframe[0] & 15);
    &sframe[header..sframe.len() - TAG_BYTES]
}

/// Different first bytes: of Opus a handful, of what looks random well over a hundred in a few hundred packets.
fn first_bytes(packets: &[impl AsRef<[u8]>]) -> usize {
    packets.iter().filter_map(|packet| packet.as_ref().first()).collect::<BTreeSet<_>>().len()
}

fn in_the_clear(voice: &[f32]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(EncoderSettings::default()).expect("there is an encoder");
    let length = encoder.frame().samples();
    let frames = voice.chunks_exact(length).map(|samples| {
        let mut packet = OpusFrame::EMPTY;
        encoder.encode(samples, &mut packet).expect("speech can be encoded");
        packet.bytes().to_vec()
    });
    frames.collect()
}

/// What an Opus decoder makes of it; what it refuses is silence.
fn decoded(packets: &[impl AsRef<[u8]>]) -> Vec<f32> {
    let mut decoder = Decoder::new().expect("there is a decoder");
    let mut out = [0.0; FRAME_SAMPLES_MAX];
    let mut sound = Vec::new();
    for packet in packets {
        match decoder.decode(packet.as_ref(), &mut out) {
            Ok(count) => sound.extend_from_slice(&out[..count]),
            Err(_) => sound.extend([0.0; RATE / 100]),
        }
    }
    sound
}

/// Whether `voice` is in `sound`.
#[expect(clippy::print_stdout, reason = "with --nocapture these are the figures")]
fn is_in(voice: &[f32], sound: &[f32]) -> bool {
    let surely = &voice[RATE..];
    let meets = hearing::meets(surely, sound);
    let slack = meets.min(RATE / 2);
    let heard = hearing::heard(surely, &sound[meets - slack..], slack);
    println!("{heard:.2?}");
    heard.likeness >= LIKENESS_MIN
}

const SECONDS: f64 = 4.0;
const TAG_BYTES: usize = 16;
const FIRST_BYTES_MIN: usize = 64;
