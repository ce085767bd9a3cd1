use super::*;
use crate::process::rooms::{Room, mixed, noise, talker};
use crate::process::sketch::Sketcher;

/// Compares both streams as a call does, and every 100 ms in which something was said lately, with their number, `judge`
/// looks at it.
fn compared(spoken: &[f32], heard: &[f32], mut judge: impl FnMut(usize, &mut Heard)) {
    let (mut one, mut two) = (Sketcher::default(), Sketcher::default());
    let (mut said, mut back) = (Spoken::default(), Heard::default());
    for (n, (a, b)) in spoken.chunks_exact(480).zip(heard.chunks_exact(480)).enumerate() {
        one.push(a, |sketch| said.said(sketch));
        two.push(b, |sketch| {
            said.step();
            back.compare(&said, sketch);
        });
        if n % 10 == 9 && !said.is_quiet() {
            judge(n / 10, &mut back);
        }
    }
}

/// The likeness over time, in 100 ms, and the verdict at the end.
fn watch(spoken: &[f32], heard: &[f32]) -> (Vec<Likeness>, Verdict) {
    let (mut seen, mut verdict) = (Vec::new(), Verdict::default());
    compared(spoken, heard, |_, back| {
        let likeness = back.likeness(0);
        verdict.judge(likeness);
        seen.push(likeness);
    });
    (seen, verdict)
}

fn returned(seed: u64, voice: &[f32], delay_ms: f32, loss_db: f32) -> Vec<f32> {
    let echo = Room::new(seed, delay_ms).echo(voice, loss_db, seed % 2 == 1);
    mixed(&echo, &noise(seed, echo.len(), -68.0))
}

#[test]
fn a_voice_that_comes_back_is_known_again() {
    println!("delay   level   likeness  lag");
    for (n, delay) in [60.0, 150.0, 300.0, 500.0].into_iter().enumerate() {
        for loss in [10.0, 20.0, 30.0] {
            let voice = talker(100 + n as u64, 8.0);
            let (seen, verdict) = watch(&voice, &returned(n as u64, &voice, delay, loss));
            let last = seen.last().unwrap();
            println!("{delay:4} ms -{loss} dB  {:.2}  {}", last.at_best, last.lag);
            assert!(verdict.is_echo(), "{delay} ms, {loss} dB: {seen:?}");
            let wanted = (delay / 10.0) as usize;
            assert!(last.lag.abs_diff(wanted) <= 4, "{delay} ms found at {} ms", last.lag * 10);
        }
    }
}

#[test]
fn two_people_are_never_taken_for_one() {
    let mut most: f32 = 0.0;
    for seed in 0..12 {
        let (one, other) = (talker(200 + seed, 12.0), talker(300 + seed, 12.0));
        let (seen, verdict) = watch(&one, &mixed(&other, &noise(seed, other.len(), -60.0)));
        most = seen.iter().map(|likeness| likeness.at_best).fold(most, f32::max);
        assert!(!verdict.is_echo(), "seed {seed}");
    }
    println!("two people: {most:.2} at most");
    assert!(most < FOR, "{most}");
}

#[test]
fn silence_and_noise_are_no_echo() {
    let voice = talker(5, 8.0);
    for other in [vec![0.0; voice.len()], noise(6, voice.len(), -50.0)] {
        assert!(!watch(&voice, &other).1.is_echo());
        assert!(!watch(&other, &voice).1.is_echo());
    }
}

#[test]
fn an_echo_is_known_below_a_voice_and_forgotten_when_it_is_gone() {
    let (voice, other) = (talker(7, 40.0), talker(8, 40.0));
    let mut heard = returned(9, &voice, 200.0, 12.0);
    // They answer now and then, over the echo.
    for second in (1..15).step_by(3) {
        let part = second * 48_000..(second + 1) * 48_000;
        heard[part.clone()].iter_mut().zip(&other[part]).for_each(|(heard, other)| *heard += other);
    }
    assert!(watch(&voice[..8 * 48_000], &heard[..8 * 48_000]).1.is_echo());
    // Then somebody puts a headset on, and talks.
    heard[15 * 48_000..].copy_from_slice(&other[15 * 48_000..]);
    assert!(watch(&voice[..17 * 48_000], &heard[..17 * 48_000]).1.is_echo(), "not unsaid by one word");
    assert!(!watch(&voice, &heard).1.is_echo());
}

/// The tenths of a second in which it is told that the voice comes back, and that it does not any more.
fn told(spoken: &[f32], heard: &[f32]) -> Vec<usize> {
    let (mut changes, mut verdict) = (Vec::new(), Verdict::default());
    compared(spoken, heard, |tenth, back| {
        let before = verdict.is_echo();
        verdict.listen(back, 2);
        if verdict.is_echo() != before {
            changes.push(tenth);
        }
    });
    changes
}

const TENTH: usize = 4_800;

/// What is heard once the loudspeaker is off: the hiss alone.
fn hushed(seed: u64, heard: &mut [f32]) {
    let hiss = noise(seed, heard.len(), -68.0);
    heard.copy_from_slice(&hiss);
}

#[test]
fn it_is_taken_back_after_some_words_that_do_not_come_back() {
    for seed in 0..6 {
        for (delay, loss) in [(60.0, 10.0), (150.0, 20.0), (300.0, 30.0)] {
            let voice = talker(400 + seed, 24.0);
            let mut heard = returned(seed, &voice, delay, loss);
            hushed(seed, &mut heard[120 * TENTH..]);
            let [comes, goes] = told(&voice, &heard)[..] else { panic!("{:?}", told(&voice, &heard)) };
            println!("{delay:3} ms, -{loss} dB: told after {comes}, taken back after {} tenths", goes - 120);
            assert!(comes < 60 && (120..165).contains(&goes), "{comes} {goes}");
        }
    }
}

/// While nobody speaks whose voice could come back, nobody can know.
#[test]
fn it_is_neither_taken_back_nor_forgotten_in_silence() {
    for seed in 0..4 {
        let mut voice = talker(410 + seed, 60.0);
        let mut heard = returned(seed, &voice, 150.0, 15.0);
        voice[120 * TENTH..450 * TENTH].fill(0.0);
        hushed(seed, &mut heard[120 * TENTH..]);
        let [_, goes] = told(&voice, &heard)[..] else { panic!("{:?}", told(&voice, &heard)) };
        assert!((450..495).contains(&goes), "{goes}");
    }
}

/// Their own voice over the echo, and an echo that is hardly louder than the hiss, are no reasons to take it back.
#[test]
fn it_does_not_flicker_in_a_conversation() {
    for seed in 0..2 {
        for loss in [10.0, 20.0, 28.0] {
            let mut voice = talker(420 + seed, 90.0);
            let other = talker(430 + seed, 90.0);
            for turn in (0..90).step_by(6) {
                voice[(turn * 10 + 35) * TENTH..(turn * 10 + 60) * TENTH].fill(0.0);
            }
            let mut heard = returned(seed, &voice, 180.0, loss);
            for turn in (0..90).step_by(6) {
                // They begin before we are done.
                let part = (turn * 10 + 28) * TENTH..(turn * 10 + 60) * TENTH;
                heard[part.clone()].iter_mut().zip(&other[part]).for_each(|(heard, other)| *heard += other);
            }
            assert_eq!(told(&voice, &heard).len(), 1, "seed {seed}, {loss} dB: {:?}", told(&voice, &heard));
        }
    }
}

/// A speaker that is turned off and on again and again.
#[test]
fn who_is_misled_by_silence_is_believed_later_each_time() {
    let voice = talker(440, 120.0);
    let mut heard = returned(1, &voice, 150.0, 15.0);
    for off in (6..120).step_by(12) {
        hushed(off as u64, &mut heard[off * 10 * TENTH..(off + 6) * 10 * TENTH]);
    }
    let changes = told(&voice, &heard);
    assert!(changes.len() <= 7, "{changes:?}");
}
