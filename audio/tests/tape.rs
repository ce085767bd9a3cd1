//! The recorder, read back by a reader that shares nothing with it.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "the tests read what was written")]

mod ogg;

use std::path::PathBuf;
use std::time::Duration;

use audio::tape::{Label, News, Sink, Tape};

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tincan-tape-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary directory takes another");
        Self(path)
    }

    fn label(&self, name: &str) -> Label {
        Label { path: self.0.join("recordings").join(name), title: "a call with bob".into() }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tone(hertz: f32, count: usize) -> Vec<f32> {
    (0..count).map(|n| (n as f32 * hertz * std::f32::consts::TAU / 48_000.0).sin() * 0.3).collect()
}

/// How much of a tone there is in it, as amplitude.
fn amount(hertz: f32, samples: &[f32]) -> f32 {
    let (mut cosine, mut sine) = (0.0f64, 0.0f64);
    for (n, sample) in samples.iter().enumerate() {
        let turn = n as f64 * f64::from(hertz) * std::f64::consts::TAU / 48_000.0;
        cosine += f64::from(*sample) * turn.cos();
        sine += f64::from(*sample) * turn.sin();
    }
    (2.0 * cosine.hypot(sine) / samples.len() as f64) as f32
}

fn until(tape: &mut Tape, wanted: impl Fn(&News) -> bool) -> News {
    for _ in 0..1_000 {
        if let Some(news) = tape.news() {
            assert!(wanted(&news), "{news:?}");
            return news;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("nothing was told");
}

/// Waits until so many samples fit; not when nobody takes them any more.
fn fits(tape: &Tape, samples: usize) -> bool {
    for _ in 0..1_000 {
        if tape.room() >= samples {
            return true;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    false
}

/// Plays both sides into the tape in blocks of these sizes, no faster than the disk takes them.
fn record(tape: &mut Tape, said: &mut audio::ring::PcmTx, near: &[f32], far: &[f32]) {
    let mut nears = near.chunks(480);
    for (at, block) in far.chunks(120).enumerate() {
        if at % 4 == 0 {
            nears.next().into_iter().for_each(|block| said.push(block));
        }
        if !fits(tape, block.len()) {
            return;
        }
        tape.hear(block);
    }
    assert_eq!(tape.lost(), 0);
}

#[test]
fn both_sides_are_kept_apart_and_whole_to_the_last_sample() {
    let scratch = Scratch::new("both");
    let label = scratch.label("a.opus");
    let (mut tape, mut said) = Tape::start(label.clone(), || {}).unwrap();
    until(&mut tape, |news| *news == News::Begun(label.path.clone()));
    let (near, far) = (tone(500.0, 163_333), tone(1_250.0, 163_333));
    record(&mut tape, &mut said, &near, &far);
    tape.finish();
    until(&mut tape, |news| *news == News::Complete(label.path.clone()));

    let read = ogg::read(&std::fs::read(&label.path).unwrap());
    assert!(read.complete && read.pre_skip > 0);
    assert_eq!(read.pages, 2 + 3 + 1, "headers, a page a second, the rest");
    assert!(read.tags.contains(&"TITLE=a call with bob".to_owned()), "{:?}", read.tags);
    let [left, right] = &read.tracks;
    assert_eq!((left.len(), right.len()), (163_333, 163_333));
    for (track, own, other) in [(left, 500.0, 1_250.0), (right, 1_250.0, 500.0)] {
        let middle = &track[9_600..158_000];
        assert!((amount(own, middle) - 0.3).abs() < 0.03, "{own} Hz: {}", amount(own, middle));
        assert!(amount(other, middle) < 0.002, "{other} Hz leaked: {}", amount(other, middle));
    }
    let tail = &right[162_000..];
    let loud = tail.iter().map(|sample| sample * sample).sum::<f32>() / tail.len() as f32;
    assert!(loud.sqrt() > 0.15, "the end is there: {}", loud.sqrt());
}

#[test]
fn a_recording_of_any_length_ends_with_a_page_of_its_own_sound() {
    let scratch = Scratch::new("lengths");
    // The encoder looks 312 samples ahead, and a packet holds 960: from 46 729 to 47 688 the last one ends a second.
    for length in [46_728, 46_729, 47_500, 47_688, 47_689] {
        let label = scratch.label(&format!("{length}.opus"));
        let (mut tape, mut said) = Tape::start(label.clone(), || {}).unwrap();
        let sound = tone(700.0, length);
        record(&mut tape, &mut said, &sound, &sound);
        drop(tape);
        let read = ogg::read(&std::fs::read(&label.path).unwrap());
        assert_eq!((read.complete, read.tracks.map(|track| track.len())), (true, [length; 2]));
    }
}

#[test]
fn a_program_that_dies_leaves_all_but_the_last_second() {
    let scratch = Scratch::new("killed");
    let label = scratch.label("a.opus");
    let (mut tape, mut said) = Tape::start(label.clone(), || {}).unwrap();
    let sound = tone(700.0, 5 * 48_000 + 24_000);
    record(&mut tape, &mut said, &sound, &sound);
    // As the file is at any moment of a call; here after everything but the end was written.
    let bytes = (0..500).find_map(|_| {
        std::thread::park_timeout(Duration::from_millis(10));
        std::fs::read(&label.path).ok().filter(|bytes| ogg::read(bytes).tracks[0].len() > 4 * 48_000)
    });
    let bytes = bytes.expect("five seconds are written within five more");
    assert!(!ogg::read(&bytes).complete);
    // Cut anywhere, as by a power cut: what comes before the cut is read.
    for cut in [bytes.len() - 1, bytes.len() * 3 / 4, bytes.len() / 2] {
        let read = ogg::read(&bytes[..cut]);
        let heard = &read.tracks[1];
        assert!(heard.len() >= 48_000 && (amount(700.0, heard) - 0.3).abs() < 0.05, "cut at {cut}");
    }
}

#[test]
fn an_older_recording_is_not_overwritten_and_only_its_owner_may_hear_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new("again");
    for name in ["a.opus", "a-2.opus", "a-3.opus"] {
        let (mut tape, _said) = Tape::start(scratch.label("a.opus"), || {}).unwrap();
        let path = scratch.label(name).path;
        until(&mut tape, |news| *news == News::Begun(path.clone()));
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        // Dropped without a word, it is complete all the same.
        drop(tape);
        let read = ogg::read(&std::fs::read(&path).unwrap());
        assert!(read.complete && read.tracks[0].is_empty());
    }
}

/// A file on a disk with room for so many bytes more.
struct SmallDisk {
    file: std::fs::File,
    room: usize,
}

impl std::io::Write for SmallDisk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.room == 0 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        let count = self.file.write(&bytes[..bytes.len().min(self.room)])?;
        self.room -= count;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Sink for SmallDisk {
    fn cut(&mut self, bytes: u64) -> std::io::Result<()> {
        self.file.cut(bytes)
    }

    fn discard(&mut self, path: &std::path::Path) -> std::io::Result<()> {
        self.file.discard(path)
    }
}

/// What is said of a disk without room.
const FULL: &str = "the disk is full; make room, or choose another folder: recordings = \"DIR\"";

#[test]
fn a_full_disk_is_told_keeps_whole_pages_and_nothing_waits_for_it() {
    let scratch = Scratch::new("full");
    let path = scratch.0.join("a.opus");
    // A page a second is some 16,000 bytes: the third one does not fit.
    let disk = SmallDisk { file: std::fs::File::create(&path).unwrap(), room: 40_000 };
    let named = path.clone();
    let (mut tape, mut said) = Tape::onto(move || Ok((named, disk)), String::new(), || {}).unwrap();
    until(&mut tape, |news| *news == News::Begun(path.clone()));
    let sound = tone(700.0, 48_000);
    let why = (0..30).find_map(|_| {
        record(&mut tape, &mut said, &sound, &sound);
        tape.news()
    });
    let Some(News::Failed(why)) = why else { panic!("{why:?}") };
    assert_eq!(why, format!("The recording ended: {}: {FULL}", path.display()));
    let kept = std::fs::read(&path).unwrap();
    let read = ogg::read(&kept);
    assert!(!read.complete && read.pages > 2, "{} pages", read.pages);
    let heard = &read.tracks[1];
    assert!(heard.len() > 40_000 && (amount(700.0, heard) - 0.3).abs() < 0.05);
    // What was written of the page that did not fit is gone: the last page ends where the file does.
    let last = kept.windows(4).rposition(|four| four == b"OggS").unwrap();
    let segments = usize::from(kept[last + 26]);
    let body: usize = kept[last + 27..last + 27 + segments].iter().map(|lace| usize::from(*lace)).sum();
    assert_eq!(last + 27 + segments + body, kept.len());
    // Far more than the ring holds, and nobody takes it.
    for _ in 0..2_000 {
        tape.hear(&[0.1; 240]);
    }
    assert!(tape.lost() > 200_000);
}

#[test]
fn where_no_file_can_be_it_says_what_to_do() {
    let scratch = Scratch::new("nowhere");
    std::fs::write(scratch.0.join("recordings"), "a file").unwrap();
    let (mut tape, _said) = Tape::start(scratch.label("a.opus"), || {}).unwrap();
    let News::Failed(why) = until(&mut tape, |news| matches!(news, News::Failed(_))) else { panic!() };
    let place = scratch.label("a.opus").path;
    assert!(why.starts_with(&format!("The recording could not begin: {}: ", place.display())), "{why}");
    assert!(why.ends_with("; choose another folder: recordings = \"DIR\""), "{why}");
}

#[test]
fn what_never_began_has_not_ended() {
    let scratch = Scratch::new("never");
    let path = scratch.0.join("a.opus");
    // The name of the file fits, and its head does not.
    let disk = SmallDisk { file: std::fs::File::create(&path).unwrap(), room: 0 };
    let named = path.clone();
    let (mut tape, _said) = Tape::onto(move || Ok((named, disk)), String::new(), || {}).unwrap();
    let wanted = format!("The recording could not begin: {}: {FULL}", path.display());
    until(&mut tape, |news| *news == News::Failed(wanted.clone()));
    assert!(!path.exists(), "an empty file looks like a recording");
}

#[test]
fn a_side_that_comes_in_crumbs_or_not_at_all_leaves_no_holes_in_the_other() {
    let scratch = Scratch::new("crumbs");
    let label = scratch.label("a.opus");
    let (mut tape, mut said) = Tape::start(label.clone(), || {}).unwrap();
    // Muted for the first second, then 21 ms at once, as some sound servers give it.
    for at in 0..800 {
        if at >= 200 && at % 4 == 0 {
            said.push(&tone(500.0, 960));
        }
        assert!(fits(&tape, 240), "the disk takes it");
        tape.hear(&[0.0; 240]);
    }
    drop(tape);
    let read = ogg::read(&std::fs::read(&label.path).unwrap());
    let left = &read.tracks[0];
    assert_eq!(left.len(), 192_000);
    assert!(left[..48_000].iter().all(|sample| sample.abs() < 0.001), "muted");
    for piece in left[60_000..186_000].chunks_exact(2_400) {
        assert!(amount(500.0, piece) > 0.25, "a hole");
    }
}
