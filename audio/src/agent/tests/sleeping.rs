//! A machine that slept, or a program that was stopped: what was said before is of before.

use super::*;
use crate::agent::lines::MicrophoneLine;
use crate::device::opener::Line;
use crate::ring;

#[test]
fn what_was_said_before_the_sleep_is_not_sent_after_it() {
    let mut side = Side::new("tone");
    side.instruments.open(Time::ZERO);
    side.until(Time::ZERO, speaker_open);
    side.instruments.turn(Time::ms(35));
    side.instruments.slept(Time::ms(35));
    assert!(side.instruments.next_frame().is_none());
    // Half a frame was there: the next one is whole all the same.
    side.instruments.turn(Time::ms(40));
    assert!(side.instruments.next_frame().is_some());
    assert!(side.instruments.next_frame().is_none());
}

#[test]
fn what_a_microphone_had_kept_is_thrown_away_and_then_it_goes_on() {
    let (mut tx, rx) = ring::pcm(24_000);
    let name = proto::Safe::line("one");
    let mut line = MicrophoneLine::new(Line {
        ring: rx,
        rate: 48_000,
        name,
        wanted: None,
        pulse: Arc::default(),
        moved: true,
    });
    let mut heard = |tx: &mut ring::PcmTx, now| {
        tx.push(&[0.1; 4_800]);
        let mut count = 0;
        line.drain(now, |samples| count += samples.len());
        if now == Time::secs(1) {
            line.slept(now);
        }
        count
    };
    assert_eq!(heard(&mut tx, Time::secs(1)), 4_800);
    for ms in [1_001, 1_100, 1_199] {
        assert_eq!(heard(&mut tx, Time::ms(ms)), 0, "at {ms} ms");
    }
    assert_eq!(heard(&mut tx, Time::ms(1_200)), 4_800);
}
