use std::collections::BTreeSet;
use std::f64::consts::TAU;

use super::*;
use crate::frame::{FRAME_SAMPLES_MAX, OpusFrame};
use proptest::prelude::*;

fn tone(from: usize, count: usize) -> Vec<f32> {
    (from..from + count).map(|n| (n as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin() * 0.3).collect()
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
}

/// The error left when `heard` is compared with `said` at the best delay up to 20 ms, relative to `said`.
fn error_at_best_delay(said: &[f32], heard: &[f32]) -> f32 {
    let len = said.len() - 960;
    (0..960)
        .map(|delay| {
            let difference: Vec<f32> = (0..len).map(|n| said[n] - heard[n + delay]).collect();
            rms(&difference) / rms(&said[..len])
        })
        .fold(f32::MAX, f32::min)
}

#[test]
fn a_tone_survives_the_round_trip_at_every_duration() {
    for frame in FrameDuration::ALL {
        let mut encoder = Encoder::new(EncoderSettings { frame, ..Default::default() }).unwrap();
        let mut decoder = Decoder::new().unwrap();
        let (mut heard, mut packet, mut out) = (Vec::new(), OpusFrame::EMPTY, [0.0; FRAME_SAMPLES_MAX]);
        for n in 0..48_000 / frame.samples() {
            encoder.encode(&tone(n * frame.samples(), frame.samples()), &mut packet).unwrap();
            assert_eq!(duration(packet.bytes()), Ok(frame));
            let got = decoder.decode(packet.bytes(), &mut out).unwrap();
            heard.extend_from_slice(&out[..got]);
        }
        assert_eq!(heard.len(), 48_000);
        let error = error_at_best_delay(&tone(24_000, 9_600), &heard[24_000..33_600]);
        assert!(error < 0.2, "{frame:?}: {error}");
    }
}

#[test]
fn the_mode_of_least_delay_looks_ahead_less_and_is_heard_as_well() {
    let settings = |low_delay| EncoderSettings {
        frame: FrameDuration::Ms5,
        bit_rate: 64_000,
        low_delay,
        ..EncoderSettings::default()
    };
    let look_ahead = |low_delay| Encoder::new(settings(low_delay)).unwrap().look_ahead().unwrap();
    assert_eq!((look_ahead(true), look_ahead(false)), (120, 312), "samples");
    let (mut encoder, mut decoder) = (Encoder::new(settings(true)).unwrap(), Decoder::new().unwrap());
    let (mut heard, mut packet, mut out) = (Vec::new(), OpusFrame::EMPTY, [0.0; FRAME_SAMPLES_MAX]);
    for n in 0..200 {
        encoder.encode(&tone(n * 240, 240), &mut packet).unwrap();
        assert_eq!(packet.bytes().len(), 40, "64 kb/s is 40 bytes each 5 ms");
        let got = decoder.decode(packet.bytes(), &mut out).unwrap();
        heard.extend_from_slice(&out[..got]);
    }
    let error = error_at_best_delay(&tone(24_000, 9_600), &heard[24_000..33_600]);
    assert!(error < 0.2, "{error}");
}

#[test]
fn stereo_of_a_guest_is_heard_in_the_middle() {
    let mut encoder =
        opus::Encoder::new(SAMPLE_RATE, opus::Channels::Stereo, opus::Application::Voip).unwrap();
    let (mut heard, mut out) = (Vec::new(), [0.0; FRAME_SAMPLES_MAX]);
    let mut decoder = Decoder::new().unwrap();
    for n in 0..100 {
        // The voice left and right, as an original sends the two channels of one microphone.
        let both: Vec<f32> = tone(n * 480, 480).into_iter().flat_map(|sample| [sample; 2]).collect();
        let mut packet = [0; 256];
        let len = encoder.encode_float(&both, &mut packet).unwrap();
        assert_eq!(packet[0] & 4, 4, "stereo");
        assert_eq!(duration(&packet[..len]), Ok(FrameDuration::Ms10));
        let got = decoder.decode(&packet[..len], &mut out).unwrap();
        assert_eq!(got, 480, "one frame of mono");
        heard.extend_from_slice(&out[..got]);
    }
    let error = error_at_best_delay(&tone(24_000, 9_600), &heard[24_000..33_600]);
    assert!(error < 0.2, "{error}");
    // Mono again, as after a guest left: the same decoder takes it.
    let mut mono = Encoder::new(EncoderSettings::default()).unwrap();
    let mut packet = OpusFrame::EMPTY;
    mono.encode(&tone(0, 480), &mut packet).unwrap();
    assert_eq!(decoder.decode(packet.bytes(), &mut out), Ok(480));
}

#[test]
fn every_packet_has_one_size_whatever_is_said() {
    let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
    let mut packet = OpusFrame::EMPTY;
    let mut sizes = BTreeSet::new();
    for n in 0..100 {
        let samples = if n % 20 < 10 { vec![0.0; 480] } else { tone(n * 480, 480) };
        encoder.encode(&samples, &mut packet).unwrap();
        sizes.insert(packet.bytes().len());
    }
    assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [42], "33.6 kb/s is 42 bytes each 10 ms");
}

#[test]
fn silence_is_sent_short_only_where_that_was_asked_for() {
    for (dtx, low_delay) in [(true, false), (true, true), (false, false)] {
        let frame = if low_delay { FrameDuration::Ms5 } else { FrameDuration::Ms10 };
        let settings = EncoderSettings { frame, dtx, low_delay, ..Default::default() };
        let (mut encoder, mut decoder) = (Encoder::new(settings).unwrap(), Decoder::new().unwrap());
        let mut packet = OpusFrame::EMPTY;
        let mut out = [0.0; FRAME_SAMPLES_MAX];
        let (mut sizes, mut last) = (Vec::new(), 0.0);
        for at in 0..300 {
            let said = if at < 100 {
                tone(at * frame.samples(), frame.samples())
            } else {
                vec![0.0; frame.samples()]
            };
            encoder.encode(&said, &mut packet).unwrap();
            sizes.push(packet.bytes().len());
            assert_eq!(duration(packet.bytes()), Ok(frame));
            let count = decoder.decode(packet.bytes(), &mut out).unwrap();
            assert_eq!(count, frame.samples(), "a short frame lasts as long as a whole one");
            last = rms(&out[..count]);
        }
        let short = sizes[200..].iter().filter(|bytes| **bytes <= 2).count();
        assert!(if dtx { short > 80 } else { short == 0 }, "{dtx} {low_delay}: {sizes:?}");
        assert!(sizes[10..100].iter().all(|bytes| *bytes == sizes[10]), "speech has one size: {sizes:?}");
        assert!(last < 0.001, "{dtx} {low_delay}: silence stays silent: {last}");
    }
}

#[test]
fn a_lost_frame_is_recovered_from_the_next_one() {
    let settings = EncoderSettings { loss_percent: 20, frame: FrameDuration::Ms20, ..Default::default() };
    let mut encoder = Encoder::new(settings).unwrap();
    let (mut told, mut untold) = (Decoder::new().unwrap(), Decoder::new().unwrap());
    let mut out = [0.0; FRAME_SAMPLES_MAX];
    let voice = crate::testing::voice(60 * 960);
    let packets: Vec<OpusFrame> = (0..60)
        .map(|n| {
            let mut packet = OpusFrame::EMPTY;
            encoder.encode(&voice[n * 960..][..960], &mut packet).unwrap();
            packet
        })
        .collect();
    let with_copy = packets.iter().filter(|packet| has_recovery(packet.bytes())).count();
    assert!(with_copy > 30, "only {with_copy} of 60 packets carry a copy");
    assert!(has_recovery(packets[41].bytes()));
    for packet in &packets[..40] {
        told.decode(packet.bytes(), &mut out).unwrap();
        untold.decode(packet.bytes(), &mut out).unwrap();
    }
    let mut reference = Decoder::new().unwrap();
    for packet in &packets[..=40] {
        reference.decode(packet.bytes(), &mut out).unwrap();
    }
    let want = out;
    told.recover(packets[41].bytes(), FrameDuration::Ms20, &mut out).unwrap();
    let with = error_between(&want, &out);
    untold.conceal(FrameDuration::Ms20, &mut out).unwrap();
    let without = error_between(&want, &out);
    assert!(with < 0.7 * without, "with the copy {with}, without {without}");
}

fn error_between(want: &[f32], got: &[f32]) -> f32 {
    let difference: Vec<f32> = want.iter().zip(got).map(|(a, b)| a - b).collect();
    rms(&difference) / rms(want)
}

#[test]
fn no_expected_loss_means_no_copies() {
    let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
    let mut packet = OpusFrame::EMPTY;
    for n in 0..50 {
        encoder.encode(&tone(n * 480, 480), &mut packet).unwrap();
        assert!(!has_recovery(packet.bytes()), "a clean link must not pay for copies");
    }
}

#[test]
fn another_bit_rate_counts_from_the_next_frame_on() {
    let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
    let mut packet = OpusFrame::EMPTY;
    let mut size = |encoder: &mut Encoder, n: usize| {
        encoder.encode(&tone(n * 480, 480), &mut packet).unwrap();
        packet.bytes().len()
    };
    assert_eq!(size(&mut encoder, 0), 42);
    encoder.adapt(16_000, 20).unwrap();
    assert_eq!(size(&mut encoder, 1), 20);
    encoder.adapt(64_000, 0).unwrap();
    assert_eq!(size(&mut encoder, 2), 80);
}

#[test]
fn concealment_fades() {
    let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
    let mut decoder = Decoder::new().unwrap();
    let (mut packet, mut out) = (OpusFrame::EMPTY, [0.0; FRAME_SAMPLES_MAX]);
    for n in 0..50 {
        encoder.encode(&tone(n * 480, 480), &mut packet).unwrap();
        decoder.decode(packet.bytes(), &mut out).unwrap();
    }
    for _ in 0..100 {
        assert_eq!(decoder.conceal(FrameDuration::Ms10, &mut out), Ok(480));
    }
    assert!(rms(&out[..480]) < 0.21 / 8.0, "{} after a second", rms(&out[..480]));
}

#[test]
fn long_or_many_framed_packets_are_refused_before_decoding() {
    let mut decoder = Decoder::new().unwrap();
    let mut out = [0.0; FRAME_SAMPLES_MAX];
    let sixty_ms = [3 << 3, 0, 0, 0];
    assert_eq!(decoder.decode(&sixty_ms, &mut out), Err(CodecError::Duration));
    assert_eq!(decoder.decode(&[], &mut out), Err(CodecError::Malformed));
}

proptest! {
    #[test]
    fn junk_never_panics(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..20)) {
        let mut decoder = Decoder::new().unwrap();
        let mut out = [0.0; FRAME_SAMPLES_MAX];
        for packet in &packets {
            let _ = has_recovery(packet);
            let _ = decoder.decode(packet, &mut out);
            let _ = decoder.recover(packet, FrameDuration::Ms10, &mut out);
        }
    }
}

/// Hiss and vowels that begin and end at once, each with a ring of its own: what constant rate finds hardest.
fn syllables(count: usize) -> Vec<f32> {
    let (mut random, mut low, mut phase) = (12_348_u64, 0.0, 0.0);
    let sample = |n: usize| {
        let time = n as f64 / 48_000.0;
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let noise = (random >> 33) as f64 / f64::from(1 << 30) - 1.0;
        low = 0.5 * (low + noise);
        phase += TAU * (110.0 + 60.0 * (time * 0.7 * TAU).sin()) / 48_000.0;
        let (syllable, within) = ((time * 3.1) as u64, (time * 3.1).fract());
        let ring = 500.0 + 1.5 * ((syllable.wrapping_mul(2_654_435_761) >> 7) % 1_000) as f64;
        let vowel = |k: u32| {
            let hertz = f64::from(k) * 130.0;
            let gain = 1.0 / (1.0 + ((hertz - ring) / 200.0).powi(2)) + 0.3 / (1.0 + (hertz / 300.0).powi(2));
            (phase * f64::from(k)).cos() * gain
        };
        let sound = match within {
            0.0..0.15 => 0.1 * (noise - low),
            0.15..0.7 => 0.08 * ((within - 0.15) * 10.0).min(1.0) * (1..40).map(vowel).sum::<f64>(),
            0.7..0.72 => 0.01 * noise,
            _ => 0.000_5 * noise,
        };
        sound as f32
    };
    (0..count).map(sample).collect()
}

/// Energy of each frame of 10 ms as it was said and as it is heard, the encoder's look-ahead taken into account, and the
/// sizes there were.
fn energies(
    said: &[f32],
    mut encode: impl FnMut(&[f32], &mut OpusFrame),
) -> (Vec<(f32, f32)>, BTreeSet<usize>) {
    let (mut decoder, mut packet, mut out) =
        (Decoder::new().unwrap(), OpusFrame::EMPTY, [0.0; FRAME_SAMPLES_MAX]);
    let mut sizes = BTreeSet::new();
    let energy = |samples: &[f32]| samples.iter().map(|sample| sample * sample).sum::<f32>();
    let frames = (1..said.len() / 480).map(|n| {
        encode(&said[n * 480..][..480], &mut packet);
        sizes.insert(packet.bytes().len());
        let count = decoder.decode(packet.bytes(), &mut out).unwrap();
        (energy(&said[n * 480 - 312..][..480]), energy(&out[..count]))
    });
    (frames.collect(), sizes)
}

/// Frames heard with more than twice the energy that any of the frames around them was said with.
fn too_loud(frames: &[(f32, f32)]) -> usize {
    frames
        .windows(3)
        .filter(|around| around[1].1 > 0.05 + 2.0 * around.iter().map(|(said, _)| *said).fold(0.0, f32::max))
        .count()
}

#[test]
fn what_the_library_gives_up_on_is_not_heard() {
    let said = syllables(19 * 48_000);
    let (mut library, mut ours) = (0, 0);
    for beginning in (0..480).step_by(100) {
        let said = &said[beginning..];
        let mut plain =
            opus::Encoder::new(SAMPLE_RATE, opus::Channels::Mono, opus::Application::Voip).unwrap();
        plain.set_bitrate(opus::Bitrate::Bits(33_600)).unwrap();
        plain.set_vbr(false).unwrap();
        plain.set_max_bandwidth(opus::Bandwidth::Wideband).unwrap();
        plain.set_signal(opus::Signal::Voice).unwrap();
        plain.set_complexity(10).unwrap();
        plain.set_inband_fec(true).unwrap();
        let (frames, _) = energies(said, |samples, packet| {
            let mut bytes = [0; 42];
            let length = plain.encode_float(samples, &mut bytes).unwrap();
            packet.set(&bytes[..length]);
        });
        library += too_loud(&frames);
        let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
        let (frames, sizes) = energies(said, |samples, packet| encoder.encode(samples, packet).unwrap());
        ours += too_loud(&frames);
        assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [42], "a second try has the same size");
    }
    assert!(library > 0 && ours * 5 < library, "frames too loud: {ours}, of the library alone {library}");
}

#[test]
fn padding_is_counted_with_the_bytes_that_tell_its_length() {
    let mut packet = [0; 700];
    packet[0] = 9 << 3;
    for size in [22, 23, 24, 300, 556, 700] {
        let mut padded = packet;
        opus::packet::pad(&mut padded[..size], 20).unwrap();
        // One byte more says that there is one frame; of 21 bytes none is padding.
        assert_eq!(padding(&padded[..size]), size - 21, "{size}");
    }
    assert_eq!(padding(&packet[..20]), 0);
    assert_eq!((padding(&[3]), padding(&[3, 0x41]), padding(&[3, 0x41, 255])), (0, 0, 255));
}
