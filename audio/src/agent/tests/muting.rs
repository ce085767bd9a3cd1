//! What muting promises whoever mutes: nothing that was said and not yet sent, nothing said from then on, and nothing
//! that tells from outside when somebody speaks.

use super::*;

/// A tone that is said since 30 ms: frames of it wait to be fetched.
fn talking() -> Side {
    let mut side = Side::new("tone");
    side.instruments.open(Time::ZERO);
    side.until(Time::ZERO, speaker_open);
    side.instruments.turn(Time::ms(30));
    side
}

fn frames_until(side: &mut Side, now: Time) -> usize {
    while side.instruments.turn(now) {}
    std::iter::from_fn(|| side.instruments.next_frame()).count()
}

#[test]
fn frames_that_wait_when_one_mutes_are_not_sent() {
    assert!(talking().instruments.next_frame().is_some(), "without a mute there is what could be sent");
    let mut side = talking();
    side.instruments.mute(true);
    assert!(side.instruments.next_frame().is_none());
    side.instruments.mute(false);
    assert!(side.instruments.next_frame().is_none(), "nor later");
}

#[test]
fn frames_of_another_duration_are_as_muted_as_those_before() {
    let mut side = talking();
    side.instruments.mute(true);
    let plan = |ms| EncoderPlan {
        frame: Duration::from_millis(ms),
        bit_rate: 32_000,
        loss_percent: 10,
        low_delay: false,
    };
    // Decided by the network, by a person, and by a call that is not encrypted.
    side.instruments.follow(plan(20)).unwrap();
    assert_eq!(frames_until(&mut side, Time::ms(100)), 0);
    side.instruments.force_frame(Some(FrameDuration::Ms5)).unwrap();
    assert_eq!(frames_until(&mut side, Time::ms(200)), 0);
    side.instruments.set_plain(true).unwrap();
    assert_eq!(frames_until(&mut side, Time::ms(300)), 0);
    side.instruments.mute(false);
    assert!(frames_until(&mut side, Time::ms(400)) >= 9, "it was only the mute");
}

#[test]
fn a_pause_in_the_speech_cannot_be_told_from_the_size_of_the_frames() {
    let scratch = Scratch::new("pauses");
    let input = scratch.file("in.wav");
    // After a second the file is over, and what follows is silence.
    WavOut::create(&input).unwrap().write(&crate::testing::voice(48_000));
    // As people may set them, and as the network asks for them, some of them with Opus's own copies.
    for (frame, bit_rate, loss_percent, low_delay, bytes) in [
        (FrameDuration::Ms5, 33_600, 0, false, 21),
        (FrameDuration::Ms10, 33_600, 0, false, 42),
        (FrameDuration::Ms20, 33_600, 0, false, 84),
        (FrameDuration::Ms20, 30_000, 0, false, 75),
        (FrameDuration::Ms10, 32_000, 20, false, 40),
        (FrameDuration::Ms20, 32_000, 20, false, 80),
        (FrameDuration::Ms20, 16_000, 20, false, 40),
        (FrameDuration::Ms5, 64_000, 0, true, 40),
    ] {
        let mut side = Side::new(&format!("wav:{},", input.display()));
        let lasts = Duration::from_millis(frame.ms().into());
        side.instruments.follow(EncoderPlan { frame: lasts, bit_rate, loss_percent, low_delay }).unwrap();
        side.instruments.open(Time::ZERO);
        side.until(Time::ZERO, speaker_open);
        let (mut sizes, mut count) = (std::collections::BTreeSet::new(), 0);
        for ms in (0..4_000).step_by(5) {
            while side.instruments.turn(Time::ms(ms)) {}
            while let Some(packet) = side.instruments.next_frame() {
                sizes.insert(packet.bytes().len());
                count += 1;
            }
        }
        assert!(count >= 3_900 / frame.ms() as usize, "a frame for each {} ms, also of silence", frame.ms());
        let sizes: Vec<_> = sizes.into_iter().collect();
        assert_eq!(sizes, [bytes], "{frame:?} at {bit_rate} bit/s, {loss_percent} % lost");
    }
}
