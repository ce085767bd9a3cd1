//! What the processor does to people in rooms, in decibels. `cargo test -p tincan-audio --lib process -- --nocapture`
//! prints the tables.

use super::rooms::{Room, hummer, level_db, likeness, mixed, noise, rms, talker};
use super::*;

const SECOND: usize = 48_000;

/// Runs the microphone `near` and the speaker `far` through a processor, block by block.
fn run(processor: &mut Processor, near: &[f32], far: &[f32]) -> Vec<f32> {
    let mut made = Vec::with_capacity(near.len());
    for (near, far) in near.chunks_exact(BLOCK).zip(far.chunks_exact(BLOCK)) {
        processor.far(far.try_into().unwrap());
        let mut block: [f32; BLOCK] = near.try_into().unwrap();
        processor.near(&mut block);
        made.extend(block);
    }
    made
}

const BANDS: [Band; 2] = [Band::Wide, Band::Full];

fn echo_only() -> ProcessorSettings {
    ProcessorSettings { echo: true, ..Default::default() }
}

fn noise_only(level: NoiseLevel) -> ProcessorSettings {
    ProcessorSettings { noise: Some(level), ..Default::default() }
}

fn gain_only() -> ProcessorSettings {
    ProcessorSettings { gain: true, ..Default::default() }
}

/// In two stretches of seconds, more than so many decibels of the microphone were taken out.
fn cut(near: &[f32], made: &[f32], wanted: [(usize, usize, f32); 2], what: &str) {
    for (from, to, least) in wanted {
        let part = from * SECOND..to * SECOND;
        let cut = level_db(&near[part.clone()]) - level_db(&made[part]);
        println!("{what}, {from} to {to} s: {cut:.1} dB");
        assert!(cut > least, "{what}, {from} to {to} s: {cut} dB");
    }
}

/// Where `heard` is most alike to `said`, in samples.
fn delay(said: &[f32], heard: &[f32]) -> usize {
    (0..1_000)
        .step_by(3)
        .max_by(|a, b| likeness(said, heard, *a).total_cmp(&likeness(said, heard, *b)))
        .unwrap()
}

#[test]
fn echoes_of_every_path_are_taken_out() {
    println!("path    loss   speaker     0-2 s   2-5 s  5-10 s   (enhancement, dB)");
    let mut weak = Vec::new();
    for (band, (n, path)) in BANDS
        .into_iter()
        .flat_map(|band| [30.0, 60.0, 120.0, 250.0].into_iter().enumerate().map(move |path| (band, path)))
    {
        for loss in [6.0, 12.0] {
            for distorting in [false, true] {
                let far = talker(40 + n as u64, 10.0);
                let echo = Room::new(n as u64, path).echo(&far, loss, distorting);
                let near = mixed(&echo, &noise(9, echo.len(), -75.0));
                let settings = ProcessorSettings { band, ..echo_only() };
                let made = run(&mut Processor::new(settings), &near, &far);
                let gained = |from: usize, to: usize| {
                    let part = from * SECOND..to * SECOND;
                    level_db(&echo[part.clone()]) - level_db(&made[part])
                };
                let row = [gained(0, 2), gained(2, 5), gained(5, 10)];
                let kind = if distorting { "distorting" } else { "linear" };
                let figures: String = row.iter().map(|g| format!("{g:8.1}")).collect();
                let line = format!("{path:4} ms {loss:4} dB  {kind:10}{figures}  {band:?}");
                println!("{line}");
                if row[0] < 25.0 || row[2] < 33.0 {
                    weak.push(line);
                }
            }
        }
    }
    assert!(weak.is_empty(), "25 dB within 2 s and 33 dB after 5 s are promised:\n{}", weak.join("\n"));
}

/// Rooms in which the canceller alone is mistaken: it takes the echo of a sound it has not heard yet for somebody's
/// speech here, in the first two seconds or much later. It left 2 to 23 dB of what is promised in each of them.
#[test]
fn an_echo_is_never_taken_for_somebody_here() {
    let rooms = [(17, 196.0, 12.0), (39, 44.0, 12.0), (5, 172.0, 6.0), (50, 41.0, 12.0), (1, 235.0, 6.0)];
    let mut weak = Vec::new();
    for band in BANDS {
        for (n, path, loss) in rooms {
            let far = talker(1_000 + n, 10.0);
            let echo = Room::new(n * 31 + 5, path).echo(&far, loss, false);
            let near = mixed(&echo, &noise(n + 9, echo.len(), -75.0));
            let made = run(&mut Processor::new(ProcessorSettings { band, ..echo_only() }), &near, &far);
            let gained = |from: usize, to: usize| {
                let part = from * SECOND..to * SECOND;
                level_db(&echo[part.clone()]) - level_db(&made[part])
            };
            let row = [gained(0, 2), gained(5, 10)];
            let line = format!("room {n:2} {path:4} ms {loss:4} dB {:8.1}{:8.1}  {band:?}", row[0], row[1]);
            println!("{line}");
            if row[0] < 25.0 || row[1] < 33.0 {
                weak.push(line);
            }
        }
    }
    assert!(weak.is_empty(), "25 dB within 2 s and 33 dB after 5 s are promised:\n{}", weak.join("\n"));
}

/// The first syllable of all, when neither its lag nor its level is known: it came through, as the far end was silent
/// again when it was heard, or as the canceller opened before it had learnt the room.
#[test]
fn the_first_echo_of_a_call_is_held_back() {
    let rooms = [(5_000_311, 311 * 31 + 7, 201.0, 410), (5_000_484, 484 * 31 + 7, 246.0, 583)];
    for band in BANDS {
        for (talks, room, path, hiss) in rooms {
            let far = talker(talks, 10.0);
            let echo = Room::new(room, path).echo(&far, 6.0, true);
            let near = mixed(&echo, &noise(hiss, echo.len(), -75.0));
            let part = 2 * SECOND;
            let settings = ProcessorSettings { band, ..echo_only() };
            let made = run(&mut Processor::new(settings), &near[..part], &far[..part]);
            let cut = level_db(&near[..part]) - level_db(&made);
            println!("room {room}, {path} ms: {cut:.1} dB, {band:?}");
            assert!(cut > 25.0, "room {room}, {band:?}: {cut} dB");
        }
    }
}

/// A room that is loudest just where the first tone of a vowel lies, and a speaker so loud that it adds vowels of its own:
/// single bands are then louder than any echo that was heard before, and nobody speaks all the same.
#[test]
fn a_tone_that_a_room_or_a_speaker_makes_is_nobody() {
    let resounds = (5_030_047, 30_047 * 31 + 7, 197.0, (0.0, 12.0, false), noise(30_146, 10 * SECOND, -75.0));
    let distorts = (5_030_062, 30_062 * 31 + 7, 70.0, (4.0, 7.0, true), noise(30_161, 10 * SECOND, -65.0));
    for (talks, room, path, (louder_db, loss, bent), hiss) in [resounds, distorts] {
        let louder = 10f32.powf(louder_db / 20.0);
        let far: Vec<f32> = talker(talks, 10.0).iter().map(|sample| sample * louder).collect();
        let near = mixed(&Room::new(room, path).echo(&far, loss, bent), &hiss);
        let made = run(&mut Processor::new(echo_only()), &near, &far);
        cut(&near, &made, [(0, 2, 25.0), (5, 10, 33.0)], &format!("{path} ms"));
    }
}

#[test]
fn an_echo_without_a_pause_is_not_taken_for_the_noise_of_the_room() {
    for (n, path) in [(1, 35.0), (2, 110.0)] {
        let far = hummer(n, 10.0);
        let near = mixed(&Room::new(n, path).echo(&far, 12.0, false), &noise(n, far.len(), -80.0));
        let made = run(&mut Processor::new(echo_only()), &near, &far);
        cut(&near, &made, [(0, 2, 25.0), (5, 10, 33.0)], &format!("{path} ms"));
    }
}

#[test]
fn a_canceller_that_begins_is_not_louder_than_the_room() {
    let (far, near) = (talker(85, 1.0), noise(86, SECOND, -80.0));
    for band in BANDS {
        let made = run(&mut Processor::new(ProcessorSettings { band, ..echo_only() }), &near, &far);
        for (n, part) in made.chunks_exact(SECOND / 10).enumerate() {
            assert!(level_db(part) < -77.0, "tenth {n}: {} dBFS, {band:?}", level_db(part));
        }
    }
}

#[test]
fn who_talks_over_the_echo_is_still_heard() {
    let (far, voice) = (talker(50, 12.0), talker(51, 12.0));
    let echo = Room::new(3, 60.0).echo(&far, 12.0, false);
    // Alone at first, so that the canceller knows the room, and then both talk at once.
    let mut near = echo;
    for (near, voice) in near[6 * SECOND..].iter_mut().zip(&voice[6 * SECOND..]) {
        *near += voice;
    }
    for band in BANDS {
        let settings = ProcessorSettings { band, ..echo_only() };
        let made = run(&mut Processor::new(settings), &near, &far);
        let (said, heard) = (&voice[6 * SECOND..11 * SECOND], &made[6 * SECOND..]);
        let alike = likeness(said, heard, settings.delay());
        let level = level_db(heard) - level_db(&voice[6 * SECOND..]);
        println!("double talk: likeness {alike:.2}, level {level:.1} dB, {band:?}");
        assert!(alike > 0.5, "likeness {alike}");
        assert!(level > -5.0, "{level} dB");
    }
}

#[test]
fn noise_goes_and_speech_stays() {
    println!("noise suppression: cut in pauses, likeness of speech");
    let levels = [(NoiseLevel::Moderate, 10.0), (NoiseLevel::High, 15.0)];
    for (band, (level, least)) in BANDS.into_iter().flat_map(|band| levels.map(|level| (band, level))) {
        let settings = ProcessorSettings { band, ..noise_only(level) };
        let mut voice = talker(60, 12.0);
        voice[4 * SECOND..6 * SECOND].fill(0.0);
        let near = mixed(&voice, &noise(61, voice.len(), -43.0));
        let made = run(&mut Processor::new(settings), &near, &vec![0.0; near.len()]);
        let pause = 4 * SECOND + SECOND / 2..6 * SECOND;
        let cut = level_db(&near[pause.clone()]) - level_db(&made[pause]);
        let speech = 6 * SECOND..11 * SECOND;
        let alike = likeness(&voice[speech.clone()], &made[speech.start..], settings.delay());
        println!("{level:?}, {band:?}: {cut:.1} dB, {alike:.3}");
        assert!(cut > least, "{level:?}: {cut} dB");
        assert!(alike > 0.55, "{level:?}: likeness {alike}");
    }
}

#[test]
fn a_quiet_voice_is_raised_and_silence_is_left_in_peace() {
    let quiet = |seconds: f32| -> Vec<f32> { talker(70, seconds).iter().map(|s| s * 0.06).collect() };
    let mut voice = quiet(20.0);
    voice.extend(vec![0.0; 10 * SECOND]);
    voice.extend(quiet(3.0));
    let near = mixed(&voice, &noise(71, voice.len(), -80.0));
    let made = run(&mut Processor::new(gain_only()), &near, &vec![0.0; near.len()]);
    let raised = |from: usize, to: usize| {
        level_db(&made[from * SECOND..to * SECOND]) - level_db(&near[from * SECOND..to * SECOND])
    };
    println!(
        "gain: {:.1} dB in 1-2 s, {:.1} dB in 15-20 s, {:.1} dB in the pause's begin, {:.1} dB in its end",
        raised(1, 2),
        raised(15, 20),
        raised(20, 21),
        raised(29, 30)
    );
    assert!((10.0..26.0).contains(&raised(15, 20)), "{}", raised(15, 20));
    assert!((raised(29, 30) - raised(20, 21)).abs() < 1.5, "the gain moved in silence");
    assert!(raised(30, 33) < raised(15, 20) + 3.0, "and did not pile up for the next word");
}

#[test]
fn what_is_off_changes_not_one_bit() {
    let near = talker(80, 1.0);
    let far = talker(81, 1.0);
    let bits = |samples: &[f32]| samples.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
    let mut processor = Processor::new(ProcessorSettings::default());
    assert_eq!(bits(&run(&mut processor, &near, &far)), bits(&near));
    // Also after it was on for a while, once the fade is over.
    processor.set(ProcessorSettings {
        echo: true,
        noise: Some(NoiseLevel::High),
        gain: true,
        band: Band::Wide,
    });
    run(&mut processor, &near, &far);
    assert!(!processor.is_bypassed());
    processor.set(ProcessorSettings::default());
    run(&mut processor, &near[..2 * BLOCK], &far[..2 * BLOCK]);
    assert!(processor.is_bypassed());
    assert_eq!(bits(&run(&mut processor, &near, &far)), bits(&near));
}

#[test]
fn each_part_has_the_delay_that_is_stated() {
    let (near, silence) = (talker(82, 2.0), vec![0.0; 2 * SECOND]);
    let both = ProcessorSettings { noise: Some(NoiseLevel::High), ..echo_only() };
    let ways = [echo_only(), noise_only(NoiseLevel::Moderate), both, gain_only()];
    for settings in BANDS.into_iter().flat_map(|band| ways.map(|way| ProcessorSettings { band, ..way })) {
        let made = run(&mut Processor::new(settings), &near, &silence);
        let found = delay(&near[SECOND / 2..SECOND], &made[SECOND / 2..]);
        let stated = settings.delay();
        println!("{settings:?}: {found} samples");
        assert!(found.abs_diff(stated) <= 12, "{settings:?}: {found} samples, {stated} stated");
    }
}

#[test]
fn switching_does_not_click() {
    // The steepest step in a slow tone; a click is steeper than anything the tone does.
    let near: Vec<f32> =
        (0..7 * SECOND).map(|n| (n as f32 * 300.0 * std::f32::consts::TAU / 48_000.0).sin() * 0.3).collect();
    let steepest = |samples: &[f32]| samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    let all = ProcessorSettings { gain: true, ..echo_only() };
    let mut processor = Processor::new(ProcessorSettings::default());
    let mut made = run(&mut processor, &near[..SECOND], &vec![0.0; SECOND]);
    processor.set(all);
    made.extend(run(&mut processor, &near[SECOND..2 * SECOND], &vec![0.0; SECOND]));
    processor.set(ProcessorSettings { echo: false, ..all });
    made.extend(run(&mut processor, &near[2 * SECOND..3 * SECOND], &vec![0.0; SECOND]));
    // In the other band.
    processor.set(ProcessorSettings { noise: Some(NoiseLevel::Moderate), band: Band::Full, ..all });
    made.extend(run(&mut processor, &near[3 * SECOND..6 * SECOND], &vec![0.0; 3 * SECOND]));
    processor.set(ProcessorSettings::default());
    made.extend(run(&mut processor, &near[6 * SECOND..], &vec![0.0; SECOND]));
    assert!(rms(&made[SECOND..]) > 0.1, "the tone is there");
    let (tone, after) = (steepest(&near), steepest(&made));
    assert!(after < tone * 2.5, "a step of {after} where the tone has {tone}");
}

#[test]
fn another_band_lets_no_echo_through() {
    let far = talker(84, 14.0);
    let near = mixed(&Room::new(8, 90.0).echo(&far, 10.0, false), &noise(9, far.len(), -75.0));
    for band in BANDS {
        let mut processor = Processor::new(ProcessorSettings { band, ..echo_only() });
        let mut made = run(&mut processor, &near[..6 * SECOND], &far[..6 * SECOND]);
        let other = if band == Band::Wide { Band::Full } else { Band::Wide };
        processor.set(ProcessorSettings { band: other, ..echo_only() });
        made.extend(run(&mut processor, &near[6 * SECOND..], &far[6 * SECOND..]));
        for second in 6..13 {
            let part = second * SECOND..(second + 1) * SECOND;
            let cut = level_db(&near[part.clone()]) - level_db(&made[part]);
            assert!(cut > 25.0, "from {band:?}, second {second}: {cut} dB");
        }
    }
}

/// Somebody takes another speaker, or another microphone, while the far end talks. What was learnt of the old room
/// took the echo of the new one for a voice here: of the first of these 7 dB were taken.
#[test]
fn other_devices_let_no_echo_through() {
    for (n, before, after) in [(1, Some(170.0), 60.0), (2, Some(50.0), 220.0), (3, None, 120.0)] {
        for band in BANDS {
            let far = talker(90 + n, 10.0);
            let mut echo =
                before.map_or(vec![0.0; far.len()], |path| Room::new(n, path).echo(&far, 9.0, false));
            let at = 6 * SECOND;
            echo[at..].copy_from_slice(&Room::new(n + 20, after).echo(&far, 9.0, false)[at..]);
            let near = mixed(&echo, &noise(9, far.len(), -75.0));
            let mut processor = Processor::new(ProcessorSettings { band, ..echo_only() });
            let mut made = run(&mut processor, &near[..at], &far[..at]);
            processor.moved();
            made.extend(run(&mut processor, &near[at..], &far[at..]));
            cut(&near, &made, [(6, 8, 25.0), (8, 10, 33.0)], &format!("{before:?} to {after} ms, {band:?}"));
        }
    }
}

/// Who speaks after another device was taken is heard, over the far end and without it.
#[test]
fn a_voice_at_other_devices_is_heard() {
    let at = 4 * SECOND;
    for band in BANDS {
        for (n, silent) in [(1, true), (2, false)] {
            let (mut far, voice) = (talker(95 + n, 10.0), talker(98 + n, 10.0));
            if silent {
                far[at - SECOND / 2..].fill(0.0);
            }
            let mut near = Room::new(n, 150.0).echo(&far, 12.0, false);
            near[at..].copy_from_slice(&Room::new(n + 20, 60.0).echo(&far, 12.0, false)[at..]);
            near[at..].iter_mut().zip(&voice[at..]).for_each(|(near, voice)| *near += voice);
            let near = mixed(&near, &noise(9, near.len(), -75.0));
            let settings = ProcessorSettings { band, ..echo_only() };
            let mut processor = Processor::new(settings);
            let mut made = run(&mut processor, &near[..at], &far[..at]);
            processor.moved();
            made.extend(run(&mut processor, &near[at..], &far[at..]));
            // Over the far end from two seconds on, when the new echo is known.
            let from = if silent { at } else { at + 2 * SECOND };
            let (said, heard) = (&voice[from..9 * SECOND], &made[from..]);
            let alike = likeness(said, heard, settings.delay());
            let level = level_db(&heard[..said.len()]) - level_db(said);
            println!("far silent {silent}: likeness {alike:.2}, level {level:.1} dB, {band:?}");
            let (least, quietest) = if silent { (0.7, -1.5) } else { (0.5, -5.0) };
            assert!(alike > least, "far silent {silent}: likeness {alike}, {band:?}");
            assert!(level > quietest, "far silent {silent}: {level} dB, {band:?}");
        }
    }
}

/// A speaker that distorts explains some of what a microphone hears, and not a voice.
#[test]
fn a_voice_over_a_loud_speaker_is_heard() {
    let (far, voice) = (talker(52, 10.0), talker(53, 10.0));
    let far: Vec<f32> = far.iter().map(|sample| (sample * 4.0).clamp(-1.0, 1.0)).collect();
    let mut near = Room::new(3, 60.0).echo(&far, 18.0, true);
    near[5 * SECOND..].iter_mut().zip(&voice[5 * SECOND..]).for_each(|(near, voice)| *near += voice);
    let near = mixed(&near, &noise(9, near.len(), -75.0));
    let settings = echo_only();
    let made = run(&mut Processor::new(settings), &near, &far);
    let (said, heard) = (&voice[5 * SECOND..9 * SECOND], &made[5 * SECOND..]);
    let alike = likeness(said, heard, settings.delay());
    let level = level_db(&heard[..said.len()]) - level_db(said);
    println!("over a loud speaker: likeness {alike:.2}, level {level:.1} dB");
    assert!(alike > 0.5 && level > -5.0, "likeness {alike}, level {level} dB");
}

#[test]
fn broken_samples_do_not_stay() {
    let all = ProcessorSettings { noise: Some(NoiseLevel::Moderate), gain: true, ..echo_only() };
    let mut processor = Processor::new(all);
    let mut near = talker(83, 3.0);
    near[SECOND / 2..SECOND / 2 + 100].fill(f32::NAN);
    near[SECOND / 2 + 100] = f32::INFINITY;
    let made = run(&mut processor, &near, &vec![0.0; near.len()]);
    assert!(made.iter().all(|s| s.is_finite()));
    assert!(rms(&made[2 * SECOND..]) > 0.01);
}
