//! Recording a call: what is said in the left channel, what is heard in the right one, as Ogg Opus. One stereo file
//! rather than two streams in one: every player opens it and plays both at once, while each side still has an encoder
//! of its own and is taken out by taking a channel.
//!
//! ```text
//! capture -> near ring -+
//!                       +-> pairs -> ring, 2 s -> thread: encode, page a second -> file
//! playout -> far ------ +
//! ```
//!
//! The far side is the clock: for every sample heard there is one said, or silence. A file that grows is valid up to
//! its last page, so that a program that is killed leaves all but the last second. A disk that is full ends the
//! recording and is told; the call does not notice.

#![expect(clippy::disallowed_types, reason = "this is the door to recordings")]

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::Thread;
use std::time::Duration;

use crate::codec::{PairEncoder, PairFrame};
use crate::frame::{FrameDuration, SAMPLE_RATE};
use crate::ogg::{Head, Pages};
use crate::ring::{self, PcmRx, PcmTx};

/// Samples of what is said that wait for what is heard before the two are joined: both come in crumbs.
const CUSHION: usize = SAMPLE_RATE as usize * 60 / 1_000;
/// More of them than that are a clock that runs faster, and skipped.
const AHEAD_MAX: usize = SAMPLE_RATE as usize / 4;
/// Pairs that may wait for a slow disk.
const BEHIND_MAX: usize = 2 * SAMPLE_RATE as usize;
/// Pairs joined at once.
const BLOCK: usize = 240;
/// How long the thread sleeps when there is nothing to write.
const NAP: Duration = Duration::from_millis(20);
/// How long the end of the program waits for the last page.
const FINISH_TIME_MAX: Duration = Duration::from_secs(5);
/// One packet holds so much.
const FRAME: FrameDuration = FrameDuration::Ms20;
/// What to do where no file can be.
const ELSEWHERE: &str = "choose another folder: recordings = \"DIR\"";
/// What becomes of a recording that nothing was written of, and of one that goes no further.
const NEVER: &str = "The recording could not begin";
const EARLY: &str = "The recording ended";
/// Samples after which a page is written.
const PAGE: u64 = SAMPLE_RATE as u64;

/// Where a recording goes, and what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The file; an existing one of that name is never overwritten. Its folder is made.
    pub path: PathBuf,
    /// What the recording is, for players.
    pub title: String,
}

/// What takes the pages: a file, or whatever else can lose its end.
pub trait Sink: io::Write + Send + 'static {
    /// Keeps only the first `bytes`.
    ///
    /// # Errors
    /// Those of the system.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;

    /// Takes away what was opened as `path`: nothing is in it.
    ///
    /// # Errors
    /// Those of the system.
    fn discard(&mut self, path: &Path) -> io::Result<()>;
}

impl Sink for File {
    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn discard(&mut self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }
}

/// What there is to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The file is there.
    Begun(PathBuf),
    /// It is complete.
    Complete(PathBuf),
    /// Why it never began or ended early, and what to do.
    Failed(String),
}

/// A recording under way.
pub struct Tape {
    near: PcmRx,
    primed: bool,
    pairs: PcmTx,
    /// Pairs lost to a slow disk.
    lost: u64,
    news: Receiver<News>,
    finish: Arc<AtomicBool>,
    thread: Thread,
}

impl Tape {
    /// Starts the thread, which calls `notify` when there is news. The other end is where what is said goes, 48 kHz mono.
    pub fn start(label: Label, notify: impl Fn() + Send + 'static) -> io::Result<(Self, PcmTx)> {
        let Label { path, title } = label;
        Self::onto(move || create(&path).map_err(|error| failed(NEVER, &path, &error)), title, notify)
    }

    /// The same onto anything that takes pages: `open` is called on the thread, and gives what it is called or why there
    /// is nothing.
    pub fn onto<S: Sink>(
        open: impl FnOnce() -> Result<(PathBuf, S), String> + Send + 'static,
        title: String,
        notify: impl Fn() + Send + 'static,
    ) -> io::Result<(Self, PcmTx)> {
        let (said, near) = ring::pcm(2 * AHEAD_MAX);
        let (pairs, mut rx) = ring::pcm(2 * BEHIND_MAX);
        let (tell, news) = channel();
        let finish = Arc::new(AtomicBool::new(false));
        let finishing = finish.clone();
        let thread = spawn(move || {
            let tell = |news| {
                // Whoever started us may have stopped listening.
                let _ = tell.send(news);
                notify();
            };
            // Before anything is opened, which is empty until then.
            let encoder = PairEncoder::new().map_err(|error| format!("{NEVER}: {error}"));
            let outcome = encoder.and_then(|encoder| {
                open().and_then(|(path, sink)| write(path, sink, encoder, &title, &mut rx, &finishing, &tell))
            });
            tell(outcome.unwrap_or_else(News::Failed));
        })?;
        Ok((Self { near, primed: false, pairs, lost: 0, news, finish, thread }, said))
    }

    /// What is heard; joined with what was said. Never waits and never allocates.
    pub fn hear(&mut self, heard: &[f32]) {
        for heard in heard.chunks(BLOCK) {
            let (mut said, mut pairs) = ([0.0; BLOCK], [0.0; 2 * BLOCK]);
            self.take_near(&mut said[..heard.len()]);
            for ((pair, said), heard) in pairs.chunks_exact_mut(2).zip(&said).zip(heard) {
                pair.copy_from_slice(&[*said, *heard]);
            }
            let pairs = &pairs[..2 * heard.len()];
            if self.pairs.room() >= pairs.len() {
                self.pairs.push(pairs);
            } else {
                self.lost += heard.len() as u64;
            }
        }
    }

    fn take_near(&mut self, said: &mut [f32]) {
        if self.near.len() > AHEAD_MAX {
            self.near.skip(self.near.len() - CUSHION);
        }
        self.primed |= self.near.len() >= CUSHION;
        if self.primed {
            let count = self.near.pop(said);
            self.primed = count == said.len();
        }
    }

    /// What there is to tell.
    pub fn news(&mut self) -> Option<News> {
        self.news.try_recv().ok()
    }

    /// Samples that [`Tape::hear`] takes now without losing any.
    pub fn room(&self) -> usize {
        self.pairs.room() / 2
    }

    /// Samples lost to a slow disk so far.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// No more comes. Complete it is when [`Tape::news`] says so.
    pub fn finish(&self) {
        self.finish.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.finish();
        while let Ok(News::Begun(_)) = self.news.recv_timeout(FINISH_TIME_MAX) {}
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the thread of a recording")]
fn spawn(run: impl FnOnce() + Send + 'static) -> io::Result<Thread> {
    let spawned = std::thread::Builder::new().name("tincan-tape".into()).spawn(run)?;
    Ok(spawned.thread().clone())
}

fn write<S: Sink>(
    path: PathBuf,
    sink: S,
    encoder: PairEncoder,
    title: &str,
    ring: &mut PcmRx,
    finish: &AtomicBool,
    tell: &impl Fn(News),
) -> Result<News, String> {
    let mut writing = Writing::new(sink, encoder);
    if let Err(error) = writing.begin(title) {
        // An empty file looks like a recording. One that cannot even be removed stays.
        let _ = writing.sink.discard(&path);
        return Err(failed(NEVER, &path, &error));
    }
    tell(News::Begun(path.clone()));
    let sentence = |error: io::Error| failed(EARLY, &path, &error);
    let mut pairs = vec![0.0; 2 * FRAME.samples()];
    loop {
        // Asked first: after that, an empty ring stays empty.
        let last = finish.load(Ordering::Acquire);
        match ring.pop(&mut pairs) {
            0 if last => break,
            0 => std::thread::park_timeout(NAP),
            count => writing.push(&pairs[..count]).map_err(sentence)?,
        }
    }
    writing.end().map_err(sentence)?;
    Ok(News::Complete(path))
}

/// The file of that name, or of one like it that is free. Only its owner may hear it.
fn create(wanted: &Path) -> io::Result<(PathBuf, File)> {
    if let Some(folder) = wanted.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let stem = wanted.with_extension("");
    for number in 1..100 {
        let path = match number {
            1 => wanted.to_owned(),
            number => {
                let mut name = stem.clone().into_os_string();
                name.push(format!("-{number}.opus"));
                PathBuf::from(name)
            }
        };
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}

/// Why there is none of it, or no more: what `became` of it, and what to do.
fn failed(became: &str, path: &Path, error: &io::Error) -> String {
    let kind = error.kind();
    let what = if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        format!("the disk is full; make room, or {ELSEWHERE}")
    } else if kind == io::ErrorKind::PermissionDenied {
        format!("it may not be written; {ELSEWHERE}")
    } else {
        format!("{error}; {ELSEWHERE}")
    };
    format!("{became}: {}: {what}", path.display())
}

/// A file that grows by pages.
struct Writing<S> {
    sink: S,
    /// Bytes of whole pages.
    whole: u64,
    pages: Pages,
    encoder: PairEncoder,
    pre_skip: u64,
    /// Pairs of one packet, interleaved.
    frame: Vec<f32>,
    packet: PairFrame,
    /// Pairs taken, packets' samples, and those on closed pages.
    taken: u64,
    encoded: u64,
    paged: u64,
    /// No more is taken: the packets to come go onto the last page, which must not be without any.
    ending: bool,
}

impl<S: Sink> Writing<S> {
    fn new(sink: S, encoder: PairEncoder) -> Self {
        Self {
            sink,
            whole: 0,
            // A number that tells streams apart only within one file, where there is one.
            pages: Pages::new(1),
            encoder,
            pre_skip: 0,
            frame: Vec::with_capacity(2 * FRAME.samples()),
            packet: PairFrame::default(),
            taken: 0,
            encoded: 0,
            paged: 0,
            ending: false,
        }
    }

    fn begin(&mut self, title: &str) -> io::Result<()> {
        let pre_skip = u16::try_from(self.encoder.look_ahead()).unwrap_or(0);
        self.pre_skip = pre_skip.into();
        let comments =
            [format!("TITLE={title}"), "DESCRIPTION=left: what was said here; right: what was heard".into()];
        let vendor = concat!("tincan ", env!("CARGO_PKG_VERSION"));
        let head = self.pages.head(&Head { pre_skip, vendor, comments: &comments });
        put(&mut self.sink, &mut self.whole, &head)
    }

    fn push(&mut self, pairs: &[f32]) -> io::Result<()> {
        self.taken += pairs.len() as u64 / 2;
        self.feed(pairs)
    }

    fn feed(&mut self, mut pairs: &[f32]) -> io::Result<()> {
        let whole = 2 * FRAME.samples();
        while !pairs.is_empty() {
            let count = pairs.len().min(whole - self.frame.len());
            self.frame.extend_from_slice(&pairs[..count]);
            pairs = &pairs[count..];
            if self.frame.len() == whole {
                self.encode()?;
            }
        }
        Ok(())
    }

    fn encode(&mut self) -> io::Result<()> {
        self.encoder.encode(&self.frame, &mut self.packet).map_err(io::Error::other)?;
        self.frame.clear();
        self.encoded += FRAME.samples() as u64;
        if let Some(page) = self.pages.packet(self.packet.bytes(), FRAME.samples()) {
            put(&mut self.sink, &mut self.whole, page)?;
        }
        if !self.ending && self.encoded - self.paged >= PAGE {
            self.paged = self.encoded;
            if let Some(page) = self.pages.flush() {
                put(&mut self.sink, &mut self.whole, page)?;
            }
        }
        Ok(())
    }

    /// The encoder is fed with silence until all that was taken has come out of it.
    fn end(mut self) -> io::Result<()> {
        self.ending = true;
        let silence = vec![0.0; 2 * FRAME.samples()];
        while self.encoded < self.taken + self.pre_skip {
            let room = 2 * FRAME.samples() - self.frame.len();
            self.feed(&silence[..room])?;
        }
        let end = self.taken + self.pre_skip;
        let last = self.pages.end(end);
        put(&mut self.sink, &mut self.whole, last)
    }
}

/// Adds a page, or leaves the pages before it: a torn one is a fault to players.
fn put(sink: &mut impl Sink, whole: &mut u64, page: &[u8]) -> io::Result<()> {
    if let Err(error) = sink.write_all(page) {
        // A disk that cannot even be shortened keeps the torn page, which players pass over.
        let _ = sink.cut(*whole);
        return Err(error);
    }
    *whole += page.len() as u64;
    Ok(())
}
