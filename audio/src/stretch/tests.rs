use super::*;
use crate::frame::FrameDuration;
use crate::testing::voice;
use proptest::prelude::*;
use std::f32::consts::TAU;

fn tone(hertz: f32, count: usize) -> Vec<f32> {
    (0..count).map(|n| (n as f32 * hertz * TAU / 48_000.0).sin() * 0.3).collect()
}

fn noise(count: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut draw = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 - 0.5
    };
    (0..count).map(|_| draw() * 0.4).collect()
}

/// Lengthens (or shortens) every `every`th frame of `sound`, and says how much was gained.
fn stretched(sound: &[f32], frame: usize, every: usize, wish: Wish, longer: bool) -> (Vec<f32>, usize) {
    let mut strip = Strip::new();
    let (mut out, mut gained) = (Vec::new(), 0);
    let mut frames = sound.chunks_exact(frame);
    let mut turn = 0;
    while let Some(samples) = frames.next() {
        strip.turn();
        strip.push(samples);
        turn += 1;
        // Not in the first 40 ms: the sound begins where the past is still empty.
        let due = turn > 8 && turn % every == 0;
        if due && longer {
            gained += strip.lengthen(wish);
        } else if due {
            while strip.at_hand().len() < SHORTEN_NEEDS
                && let Some(more) = frames.next()
            {
                strip.push(more);
            }
            gained += strip.shorten(wish);
        }
        out.extend_from_slice(strip.at_hand());
    }
    (out, gained)
}

fn steepest(sound: &[f32]) -> f32 {
    sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
}

/// Upward crossings of zero per second.
fn pitch(sound: &[f32]) -> f32 {
    let crossings: Vec<f32> = sound
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair[0] < 0.0 && pair[1] >= 0.0)
        .map(|(n, pair)| n as f32 + pair[0] / (pair[0] - pair[1]))
        .collect();
    (crossings.len() - 1) as f32 * 48_000.0 / (crossings[crossings.len() - 1] - crossings[0])
}

fn decibels(sound: &[f32], than: &[f32]) -> f32 {
    10.0 * (power(sound) / power(than)).log10()
}

const GENTLE: Wish = Wish { near: 400, pressing: false };

#[test]
fn a_tone_keeps_its_pitch_and_level_and_gets_no_click() {
    for hertz in [80.0, 110.0, 223.0, 440.0, 997.0, 3_111.0] {
        let tone = tone(hertz, 96_000);
        for frame in FrameDuration::ALL.map(FrameDuration::samples) {
            for longer in [true, false] {
                let wish = Wish { near: 720, ..GENTLE };
                let (out, gained) = stretched(&tone, frame, 4, wish, longer);
                let label = format!("{hertz} Hz, {frame} samples, longer {longer}, by {gained}");
                assert!(gained > 2_000, "{label}");
                let moved = out.len() as i64 - tone.len() as i64;
                assert_eq!(moved, if longer { gained as i64 } else { -(gained as i64) }, "{label}");
                let off = pitch(&out) / pitch(&tone) - 1.0;
                assert!(off.abs() < 0.01, "{label}: pitch off by {off}");
                assert!(steepest(&out) <= steepest(&tone) * 1.01, "{label}: {}", steepest(&out));
                assert!(decibels(&out, &tone).abs() < 0.5, "{label}: {} dB", decibels(&out, &tone));
            }
        }
    }
}

#[test]
fn a_voice_keeps_its_level_and_gets_no_click() {
    let voice = voice(480_000);
    for frame in FrameDuration::ALL.map(FrameDuration::samples) {
        for (longer, pressing) in [(true, false), (false, false), (true, true), (false, true)] {
            let (out, gained) = stretched(&voice, frame, 5, Wish { pressing, ..GENTLE }, longer);
            let label = format!("{frame} samples, longer {longer}, pressing {pressing}, gained {gained}");
            assert!(gained > 9_600, "{label}");
            assert!(decibels(&out, &voice).abs() < 0.5, "{label}: {} dB", decibels(&out, &voice));
            assert!(steepest(&out) <= steepest(&voice) * 1.1, "{label}: {}", steepest(&out));
        }
    }
}

#[test]
fn noise_is_left_alone_unless_it_presses_and_keeps_its_level_then() {
    let noise = noise(480_000);
    for longer in [true, false] {
        let (out, gained) = stretched(&noise, 480, 3, GENTLE, longer);
        assert_eq!((gained, out == noise), (0, true), "not alike anywhere");
        let (out, gained) = stretched(&noise, 480, 3, Wish { pressing: true, ..GENTLE }, longer);
        assert!(gained > 20_000, "{gained}");
        assert!(decibels(&out, &noise).abs() < 0.5, "{} dB", decibels(&out, &noise));
        for part in out.chunks_exact(240) {
            assert!(decibels(part, &noise).abs() < 3.0, "a hole or a bump of 5 ms");
        }
    }
}

#[test]
fn silence_and_quiet_give_what_was_wished_and_stay_quiet() {
    let quiet: Vec<f32> = noise(48_000).iter().map(|sample| sample * 0.01).collect();
    for sound in [vec![0.0; 48_000], quiet] {
        for (longer, near) in [(true, 100), (false, 100), (true, 600), (false, 600)] {
            let (out, gained) = stretched(&sound, 480, 10, Wish { near, pressing: false }, longer);
            let times = if longer { 10 } else { 8 };
            let mean = gained / times;
            assert!((near * 3 / 4..=near * 5 / 4).contains(&mean), "{mean} of {near} each time");
            assert!(steepest(&out) <= steepest(&sound) * 1.5);
        }
    }
}

#[test]
fn a_shortening_in_mid_word_never_takes_more_than_wished() {
    let tone = tone(100.0, 48_000);
    let (_, gained) = stretched(&tone, 480, 2, Wish { near: 470, pressing: true }, false);
    assert!(gained > 0);
    let mut strip = Strip::new();
    strip.push(&tone[..960]);
    strip.turn();
    strip.push(&tone[960..1_920]);
    assert!(strip.shorten(Wish { near: 470, pressing: true }) <= 470);
    assert_eq!(strip.shorten(Wish { near: 119, pressing: true }), 0, "less than any period");
}

#[test]
fn a_bridge_leads_from_one_sound_to_another_without_a_step() {
    let (tone, other) = (tone(223.0, 4_800), tone(700.0, 4_800));
    for cut in 1_000..1_100 {
        for next in [&other[13..], &[0.0; 960][..]] {
            let mut strip = Strip::new();
            tone[..cut].chunks(480).for_each(|frame| {
                strip.turn();
                strip.push(frame);
            });
            let mut out = tone[..cut].to_vec();
            strip.bridge();
            for part in next[..480].chunks(96) {
                strip.turn();
                strip.push(part);
                out.extend_from_slice(strip.at_hand());
            }
            let limit = steepest(&tone).max(steepest(next)) * 1.3;
            assert!(steepest(&out) <= limit, "cut at {cut}: {} over {limit}", steepest(&out));
            assert_eq!(out[cut + OVERLAP..], next[OVERLAP..480], "only the bridge differs");
        }
    }
}

#[test]
fn a_sound_drawn_out_goes_on_and_is_the_same_in_pieces() {
    for hertz in [80.0, 223.0, 440.0, 997.0] {
        let tone = tone(hertz, 4_800);
        let drawn_out = |pieces: &[usize]| {
            let mut strip = Strip::new();
            for frame in tone[..2_400].chunks(480) {
                strip.turn();
                strip.push(frame);
            }
            let mut out = Vec::new();
            for piece in pieces {
                let (count, period) = strip.draw_out(*piece);
                assert!(count == *piece && (LAGS.0..=LAGS.1).contains(&period), "{count}, {period}");
                out.extend_from_slice(strip.at_hand());
            }
            out
        };
        let out = drawn_out(&[480]);
        assert_eq!(drawn_out(&[7, 113, 240, 120]), out, "{hertz} Hz");
        let off: Vec<f32> = out.iter().zip(&tone[2_400..]).map(|(a, b)| a - b).collect();
        assert!(decibels(&off[..240], &tone) < -20.0, "{hertz} Hz: {} dB", decibels(&off[..240], &tone));
    }
}

#[test]
fn what_comes_after_a_sound_drawn_out_is_faded_over_from_where_that_went() {
    let tone = tone(223.0, 4_800);
    for passed in 1..240 {
        let mut strip = Strip::new();
        strip.push(&tone[..960]);
        strip.turn();
        strip.push(&tone[960..1_920]);
        let mut out = tone[..1_920].to_vec();
        strip.draw_out(passed);
        out.extend_from_slice(strip.at_hand());
        strip.bridge();
        strip.push(&tone[1_920 + passed..][..480]);
        out.extend_from_slice(strip.at_hand());
        assert!(!strip.is_drawn_out());
        assert!(steepest(&out) <= steepest(&tone) * 1.05, "{passed}: {}", steepest(&out));
        assert_eq!(out[1_920 + passed + OVERLAP..], tone[1_920 + passed + OVERLAP..][..480 - OVERLAP]);
    }
}

#[test]
fn silence_drawn_out_is_silence() {
    let mut strip = Strip::new();
    strip.push(&[0.0; 960]);
    assert_eq!(strip.draw_out(480), (480, 1));
    assert_eq!(strip.at_hand(), [0.0; 480]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_acts_on_any_sound_keep_the_books(
        acts in proptest::collection::vec(
            (0u8..6, 0usize..2_000, any::<bool>(), proptest::collection::vec(-4.0f32..4.0, 1..40)), 1..60),
    ) {
        let mut strip = Strip::new();
        for (act, near, pressing, samples) in acts {
            let len = strip.at_hand().len();
            let sound: Vec<f32> = samples.iter().copied().cycle().take(near.min(960)).collect();
            match act {
                0 | 1 => {
                    let room = strip.room();
                    strip.push(&sound);
                    prop_assert_eq!(strip.at_hand().len(), len + sound.len().min(room));
                }
                2 => {
                    let gained = strip.lengthen(Wish { near, pressing });
                    prop_assert_eq!(strip.at_hand().len(), len + gained);
                }
                3 => {
                    let gained = strip.shorten(Wish { near, pressing });
                    prop_assert_eq!(strip.at_hand().len(), len - gained);
                }
                4 => {
                    let (count, period) = strip.draw_out(near);
                    prop_assert!(count <= near && period > 0);
                    prop_assert_eq!((strip.at_hand().len(), strip.is_drawn_out()), (count, count > 0 || strip.is_drawn_out()));
                }
                _ => strip.bridge(),
            }
            prop_assert!(strip.at_hand().iter().all(|sample| sample.abs() < 100.0));
        }
    }
}
