//! What lasts, and what must not be heard: clocks that are apart for an hour, cuts, gaps and changes of the frame.

use std::f64::consts::TAU;

use super::*;

/// Ten seconds of a voice in 20 ms frames, decoded beforehand: an hour of them costs no time. A packet is the header of
/// a 20 ms Opus packet (RFC 6716 section 3.1: configuration 31) and the frame's number.
struct Recording(Vec<f32>);

impl Recording {
    fn packets(&self) -> Vec<OpusFrame> {
        let frames = 0..(self.0.len() / 960) as u16;
        let packet = |n: u16| OpusFrame::copied(&[31 << 3, n.to_be_bytes()[0], n.to_be_bytes()[1]]).unwrap();
        frames.map(packet).collect()
    }
}

impl Decode for Recording {
    fn decode(&mut self, packet: &[u8], out: &mut [f32; FRAME_SAMPLES_MAX]) -> Result<usize, CodecError> {
        let n = usize::from(u16::from_be_bytes([packet[1], packet[2]]));
        out.copy_from_slice(&self.0[n * 960..][..960]);
        Ok(960)
    }

    fn conceal(
        &mut self,
        frame: FrameDuration,
        out: &mut [f32; FRAME_SAMPLES_MAX],
    ) -> Result<usize, CodecError> {
        out.fill(0.0);
        Ok(frame.samples())
    }

    fn recover(
        &mut self,
        _: &[u8],
        frame: FrameDuration,
        out: &mut [f32; FRAME_SAMPLES_MAX],
    ) -> Result<usize, CodecError> {
        self.conceal(frame, out)
    }

    fn reset(&mut self) -> Result<(), CodecError> {
        Ok(())
    }
}

fn noise(count: usize) -> Vec<f32> {
    let mut dice = Dice::new("noise");
    (0..count).map(|_| 0.05 * dice.normal() as f32).collect()
}

#[test]
fn clocks_apart_are_absorbed_for_an_hour_of_sound_without_a_frame_invented() {
    let tone = |n: usize| (n as f32 * 0.025).sin() * 0.3;
    let sounds = [
        ("voice", crate::testing::voice(480_000), [-100, 50, 100].as_slice()),
        ("tone", (0..480_000).map(tone).collect(), &[100]),
        ("noise", noise(480_000), &[-100]),
    ];
    for (name, sound, ppms) in sounds {
        for &ppm in ppms {
            let recording = Recording(sound.clone());
            let packets = recording.packets();
            let length = 960.0 * (1.0 + f64::from(ppm) / 1e6);
            let playout = Playout::with(recording);
            let Call { mut delays, stats, .. } =
                call_with(playout, &packets, 180_000, length, false, |_| Some(500.0));
            let counters = stats.counters;
            let label = format!("{name}, {ppm} ppm: {counters:?}");
            let lost = counters.concealed + counters.lost + counters.late + counters.skipped;
            assert_eq!((lost, counters.restarts), (0, 1), "{label}");
            let moved = counters.lengthened as i64 - counters.shortened as i64;
            // 1 ppm of an hour is 172.8 samples.
            assert!((moved - i64::from(ppm) * 1_728 / 10).abs() < 960, "{label}");
            delays.sort_by(f64::total_cmp);
            assert!(share(&delays, 100) <= 26.0 && share(&delays, 95) <= 18.0, "{label}");
        }
    }
}

/// A hum with syllables: nothing in it is steep, so that a click cannot hide.
fn hum(count: usize) -> Vec<f32> {
    let mut phase = 0.0;
    let hum = (0..count).map(|n| {
        let time = n as f64 / 48_000.0;
        phase += TAU * (140.0 + 30.0 * (time * 1.3 * TAU).sin()) / 48_000.0;
        let syllable = 0.6 + 0.4 * (time * 3.0 * TAU).sin();
        (0.2 * syllable * (phase.sin() + 0.3 * (2.0 * phase).sin() + 0.1 * (3.0 * phase).sin())) as f32
    });
    hum.collect()
}

#[test]
fn losses_cuts_and_pauses_make_no_click() {
    for frame in FrameDuration::ALL {
        let length = frame.samples();
        let packets = encoded(&hum(480_000), frame);
        let clean = call(&packets, packets.len(), length as f64, true, |_| Some(0.0));
        let mut dice = Dice::new("clicks");
        let mut left = 0;
        let bursts = |_| {
            // Bursts of 10 ms to half a second, one in fifty packets begins one.
            if left == 0 && dice.unit() < 0.02 {
                left = (dice.unit() * dice.unit() * 24_000.0) as usize / length + 1;
            }
            left = left.saturating_sub(1);
            (left == 0).then_some(dice.unit() * 1_000.0)
        };
        let lossy = call(&packets, packets.len(), length as f64, true, bursts);
        let stalls = |n: usize| {
            let ahead = (24_000 - n * length % 48_000 % 24_000) as f64;
            Some(if n * length % 96_000 >= 72_000 { ahead } else { 0.0 })
        };
        let stalled = call(&packets, packets.len(), length as f64, true, stalls);
        // The codec's own way back from what it invented is steeper than the hum by half.
        let limit = 1.6 * steepest(&clean.heard);
        for (name, call) in [("lossy", &lossy), ("stalled", &stalled)] {
            let step = steepest(&call.heard);
            assert!(step <= limit, "{frame:?}, {name}: a step of {step} over {limit}");
        }
        let counters = (lossy.stats.counters, stalled.stats.counters);
        assert!(counters.0.concealed > 40 && counters.1.restarts > 1, "{frame:?}: {counters:?}");
    }
}

#[test]
fn a_sender_that_begins_anew_in_mid_word_makes_no_click() {
    let packets = encoded(&hum(192_000), FrameDuration::Ms10);
    let mut heard = [Vec::new(), Vec::new()];
    for (anew, heard) in heard.iter_mut().enumerate() {
        let mut playout = Playout::new().unwrap();
        let mut out = [0.0; 480];
        for (n, packet) in packets.iter().enumerate() {
            // Other numbers every 700 ms.
            let _ = playout.arrive((n + anew * (n / 70) * 9_000) as u16, packet.bytes());
            playout.render(&mut out);
            heard.extend_from_slice(&out);
        }
        assert_eq!(playout.stats().counters.restarts, if anew > 0 { 6 } else { 1 });
    }
    let [whole, cut] = heard.each_ref().map(|heard| steepest(heard));
    assert!(cut <= 1.25 * whole, "a step of {cut}, {whole} without");
}

#[test]
fn a_long_gap_sounds_like_the_room_and_never_louder() {
    let packets = encoded(&voice_in_a_room(480_000), FrameDuration::Ms10);
    let gap = 500..1_500;
    let Call { heard, .. } = call(&packets, 1_600, 480.0, true, |n| (!gap.contains(&n)).then_some(0.0));
    let rms = |from: f64, to: f64| rms(&heard[(from * 48_000.0) as usize..(to * 48_000.0) as usize]);
    // The quietest 100 ms before the gap.
    let room = (10..49).map(|n| rms(f64::from(n) / 10.0, f64::from(n + 1) / 10.0)).fold(f32::MAX, f32::min);
    for n in 55..95 {
        let level = rms(f64::from(n) / 10.0, f64::from(n + 1) / 10.0);
        assert!((room * 0.4..=room * 1.05).contains(&level), "{level} at {n}00 ms, the room is {room}");
    }
    assert_eq!(rms(13.0, 14.9), 0.0, "nobody is there any more");
}

#[test]
fn changing_the_frame_duration_is_not_heard() {
    let voice = crate::testing::voice(96_000 * 4);
    let mut packets = Vec::new();
    let durations = [FrameDuration::Ms10, FrameDuration::Ms20, FrameDuration::Ms5, FrameDuration::Ms10];
    for (part, frame) in voice.chunks_exact(96_000).zip(durations) {
        packets.extend(encoded(part, frame).into_iter().map(|packet| (packet, frame)));
    }
    let mut playout = Playout::new().unwrap();
    let (mut heard, mut due, mut block) = (Vec::new(), 0, [0.0; 240]);
    let mut coming = packets.iter().enumerate().peekable();
    for now in (0..voice.len()).step_by(240) {
        while due <= now
            && let Some((n, (packet, frame))) = coming.next()
        {
            playout.arrive(n as u16, packet.bytes()).unwrap();
            due += frame.samples();
        }
        playout.render(&mut block);
        heard.extend_from_slice(&block);
    }
    let counters = playout.stats().counters;
    assert_eq!(
        (counters.concealed, counters.lost, counters.skipped, counters.restarts),
        (0, 0, 0, 1),
        "{counters:?}"
    );
    assert!(playout.stats().delay <= 12 * 48, "{:?}", playout.stats());
    assert!(steepest(&heard) <= 1.25 * steepest(&voice), "{} of {}", steepest(&heard), steepest(&voice));
}
