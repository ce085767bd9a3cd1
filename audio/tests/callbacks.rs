//! The callbacks of a sound card, and the pure rooms on the media path, must not touch the heap: a callback that waits
//! for the allocator's lock is a click in somebody's ear. This binary's allocator ends the process when one does.

use std::sync::Arc;
use std::time::Duration;

use audio::again::SayAgain;
use audio::capture::Capture;
use audio::codec::EncoderSettings;
use audio::device::callback::{MicrophoneCallback, Pulse, SpeakerCallback};
use audio::earcon::Earcons;
use audio::frame::FrameDuration;
use audio::mixer::Mixer;
use audio::playout::Playout;
use audio::process::{BLOCK, Hint, NoiseLevel, Place, Policy, Processor, ProcessorSettings};
use audio::resample::Resampler;
use audio::ring;
use audio::tape::{Label, Tape};
use forbidding::{uses_of_heap, without_heap};
use proto::media::processing::Wishes;

#[path = "noting/mod.rs"]
mod noting;

mod forbidding {
    use std::cell::Cell;

    use super::noting::Noting;

    thread_local! {
        static FORBIDDEN: Cell<bool> = const { Cell::new(false) };
        static USES: Cell<usize> = const { Cell::new(0) };
    }

    fn check() {
        // A thread that is ending has no flag any more, and runs no callback.
        if FORBIDDEN.try_with(Cell::get).unwrap_or(false) {
            std::process::abort();
        }
        let _ = USES.try_with(|uses| uses.set(uses.get() + 1));
    }

    #[global_allocator]
    static ALLOCATOR: Noting = Noting(check);

    /// Runs `act`; any use of the heap by this thread meanwhile aborts.
    pub(crate) fn without_heap<T>(act: impl FnOnce() -> T) -> T {
        FORBIDDEN.set(true);
        let done = act();
        FORBIDDEN.set(false);
        done
    }

    /// How often `act` uses the heap on this thread: taking, growing and giving back count one each.
    pub(crate) fn uses_of_heap(act: impl FnOnce()) -> usize {
        let before = USES.get();
        act();
        USES.get() - before
    }
}

#[test]
fn the_callbacks_leave_the_heap_alone() {
    let poll = mio::Poll::new().unwrap();
    let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
    let pulse = Arc::new(Pulse::default());
    let (tx, mut captured) = ring::pcm(960);
    let mut microphone = MicrophoneCallback::new(tx, 2, 240, pulse.clone(), waker.clone());
    let (mut played, rx) = ring::pcm(960);
    let mut speaker = SpeakerCallback::new(rx, 2, pulse.clone(), waker);
    let input = [0i16; 1_920];
    let mut output = [0f32; 1_920];
    for length in [2, 480, 962, 1_920] {
        // Also with a full ring and with an empty one.
        for _ in 0..5 {
            without_heap(|| {
                microphone.take(&input[..length], |sample| f32::from(sample) / 32_768.0);
                speaker.give(&mut output[..length], |sample| sample);
                pulse.fault(1);
            });
        }
        captured.skip(960);
        played.push(&[0.1; 960]);
    }
    assert_eq!((pulse.calls(), pulse.faults()), (40, 20));
    assert!(captured.counters().dropped() > 0 && played.counters().starved() > 0, "both edges were met");
}

/// A speaker that waits for what it wants, whether it gets it or not.
#[test]
fn a_callback_that_waits_leaves_the_heap_alone() {
    let poll = mio::Poll::new().unwrap();
    let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
    let (mut played, rx) = ring::pulled_pcm(4_800);
    let mut speaker = SpeakerCallback::new(rx, 1, Arc::default(), waker);
    let mut output = [0f32; 1_920];
    for length in (1..=1_920).step_by(37) {
        without_heap(|| {
            speaker.wait_for(length, Duration::ZERO);
            // As when the voice thread was in time, every other time.
            if length % 2 == 0 {
                played.push(&[0.1; 1_920][..length]);
                played.counters().serve();
            }
            speaker.give(&mut output[..length], |sample| sample);
        });
    }
    assert!(played.counters().starved() > 0 && output[0] == 0.1, "both were met");
}

#[test]
fn a_turn_of_the_media_path_leaves_the_heap_alone() {
    for frame in FrameDuration::ALL {
        let settings = EncoderSettings { frame, loss_percent: 20, ..Default::default() };
        let mut capture = Capture::new(settings).unwrap();
        let (mut frames, mut encoded) = ring::frames(8);
        let mut playout = Playout::new().unwrap();
        let mut mixer = Mixer::default();
        let mut resampler = Resampler::new(44_100, 48_000);
        let mut policy = Policy::new(Wishes::default());
        policy.place(Place { room: true, low_delay: false, hint: Hint::None });
        let mut seq = 0u16;
        for n in 0..2_000u32 {
            let block: [f32; 240] = std::array::from_fn(|s| ((n * 240 + s as u32) as f32 * 0.03).sin() * 0.4);
            without_heap(|| {
                for sample in block {
                    resampler.push(sample, &mut |made| {
                        policy.near(&[made]);
                        capture.push(&[made], &mut frames);
                    });
                }
                while let Some(packet) = encoded.pop() {
                    seq = seq.wrapping_add(1);
                    // Losses, so that recovery, concealment, pauses and restarts run too.
                    if n % 23 != 0 && !(600..900).contains(&n) {
                        let _ = playout.arrive(seq, packet.bytes());
                    }
                }
                let mut voice = [0.0; 240];
                playout.render(&mut voice);
                mixer.begin(240);
                mixer.add(&voice, 1.0);
                policy.far(mixer.finish());
                policy.decide();
                let _ = playout.stats();
            });
        }
        let counters = playout.stats().counters;
        assert!(counters.received > 300 && counters.concealed > 0 && counters.restarts >= 2, "{counters:?}");
    }
}

/// Where the speech processing may run: the parts that use the heap belong on the thread made for them.
#[test]
fn which_parts_of_the_processing_use_the_heap_is_known() {
    let off = ProcessorSettings::default();
    let echo = ProcessorSettings { echo: true, ..off };
    let noise = ProcessorSettings { noise: Some(NoiseLevel::Moderate), ..off };
    let gain = ProcessorSettings { gain: true, ..off };
    for (settings, clean) in [(off, true), (noise, true), (echo, false), (gain, false)] {
        let mut processor = Processor::new(settings);
        let mut most = 0;
        for n in 0..400u32 {
            let mut block: [f32; BLOCK] =
                std::array::from_fn(|s| ((n * 480 + s as u32) as f32 * 0.03).sin() * 0.4);
            let uses = uses_of_heap(|| {
                processor.far(&block);
                processor.near(&mut block);
            });
            // The first blocks fill buffers that stay.
            most = if n < 20 { 0 } else { most.max(uses) };
        }
        println!("{settings:?}: at most {most} uses of the heap in a block");
        assert_eq!(most == 0, clean, "{settings:?}: {most} uses in a block");
        assert!(most < 400, "{settings:?}: {most} uses in a block");
    }
}

/// Flows, "say again" and a recording tap the media path: samples are copied, and nothing else happens there.
#[test]
fn taps_do_not_touch_the_heap() {
    let path = std::env::temp_dir().join(format!("tincan-taps-{}.opus", std::process::id()));
    let (mut tape, said) =
        Tape::start(Label { path: path.clone(), title: "taps".into() }, || {}).expect("a thread");
    let mut capture = Capture::new(EncoderSettings::default()).expect("an encoder");
    capture.tap(Some(said));
    let (mut frames, _rx) = ring::frames(64);
    let mut again = SayAgain::default();
    again.open();
    let mut block = [0.1f32; 240];
    without_heap(|| {
        for turn in 0..3_000 {
            capture.push(&[0.1; 240], &mut frames);
            tape.hear(&block);
            if turn % 1_000 == 500 {
                again.start();
            }
            if turn % 1_000 == 900 {
                again.stop();
            }
            again.hear(&mut block);
            block.fill(0.1);
        }
    });
    drop(tape);
    assert!(path.metadata().is_ok_and(|file| file.len() > 200));
    let _ = std::fs::remove_file(&path);
}

#[test]
fn tones_do_not_touch_the_heap() {
    let mut earcons = Earcons::default();
    let mut out = [0.0; 480];
    without_heap(|| {
        earcons.play(proto::media::Earcon::Joined);
        (0..64).for_each(|_| earcons.add(&mut out));
        earcons.stop();
    });
}
